"""`adjoint time FILE.py:function`: how long a function and its derivative take, in every way."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import adjoint as ad

from ..comparison import BUDGET, best_of, compare, reason
from ..comparison.peers import PEERS
from ..front.arguments import name_of
from ..front.explain.report import seconds as duration
from .shown import Result, Table
from .targets import called, failure, said
from .values import Refusal

KEYS = ("function", "value", "derivative")
HEAD = ("", "a call", "relative", "first call", "error")


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the first call, and of a later one, the best of several."""
    begin = time.perf_counter()
    call()
    first = time.perf_counter() - begin
    return first, best_of(call, BUDGET)


def times(target: str, at: Sequence[str], by: str | None, peers: Sequence[str] | None) -> Result:
    """How long a function and its derivative take, in every way there is."""
    call = called(target, at, by)
    name = name_of(call.function)
    own: list[dict[str, Any]] = []
    for way, function in ((f"{name}, NumPy", call.function), (f"{name}, jitted", None)):
        try:
            run = ad.jit(call.function) if function is None else function
            first, best = timed(partial(run, *call.args, **call.kwargs))
            own.append({"way": way, "seconds": best, "first_seconds": first, "note": ""})
        except Exception as error:
            if function is not None:
                raise Refusal(f"{name} fails: {failure(error, call.path)}") from None
            own.append({"way": way, "seconds": None, "first_seconds": None, "note": reason(error)})
    chosen = list(PEERS) if peers is None else peers  # what is not installed has a row that says so
    try:
        ways = compare(
            call.function, *call.args, kwargs=call.kwargs, argnums=call.argnums, peers=chosen
        )
    except (ad.AdjointError, TypeError, ValueError) as error:
        raise Refusal(said(error)) from None
    unit = own[0]["seconds"]
    rows, failed = [], []
    for row in (*own, *map(vars, ways.rows)):
        if row["note"]:
            failed.append(f"{row['way']}: {row['note']}")
            continue
        best = row["seconds"]
        apart = "" if row.get("error") is None else f"{row['error']:.1e}"
        begun = duration(row["first_seconds"])
        rows.append((row["way"], duration(best), f"{best / unit:.3g}", begun, apart))
    data = {"function": name, "value": own, "derivative": ways.to_dict()}
    legend = f"relative: in calls of {name}; {ways.legend.partition(';')[0]}"
    notes = [f"note: {note}" for note in ways.notes]
    return Result(data, [ways.title, Table(HEAD, rows), *failed, legend, *notes])
