"""`adjoint check FILE.py:function`: does a function differentiate, and if not, which line is it; is
a gradient written by hand right, and if not, what is wrong with it.
"""

from __future__ import annotations

import linecache
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

import adjoint as ad

from ..base import tree
from ..comparison import Problem, Verdict, judged, observed, reason, short
from ..front.arguments import name_of
from ..testing import GradientError, check_grads, finite_difference
from .shown import Result, Table
from .targets import Called, called, function_in, hint_of, line_in, of_chosen, told

KEYS = (
    "function", "ok", "value", "differentiates", "rows", "gradient", "notes", "kind", "line",
    "source",
)  # fmt: skip
HEAD = ("order", "mode", "argument", "expected", "found", "error", "allowed", "ok")
APART = 1e-3  # relative disagreement that only the uncertainty of differences excuses
MOST_DIFFERENCES = 500  # elements by which a derivative is taken by differences
WIDE_PAGE = 100  # columns from which numbers have ten digits


def is_undecided(row: Any) -> bool:
    """Whether two numbers count as equal only because differences are uncertain there, or whether
    there are none."""
    if not np.isfinite(row.expected):
        return True
    return row.ok and row.error > max(APART * max(abs(row.expected), abs(row.found)), 1e-6)


def check(
    target: str, at: Sequence[str], gradient: str | None, by: str | None, order: int
) -> Result:
    """Whether a function differentiates, and whether a gradient written by hand is right."""
    call = called(target, at, by)
    name = name_of(call.function)
    manual = None if gradient is None else function_in(call.module, gradient)
    data: dict[str, Any] = {"function": name, "ok": False, "rows": [], "notes": []}

    def refused(what: str, error: BaseException, hint: str = "") -> Result:
        line = line_in(error, call.path)
        source = "" if line is None else linecache.getline(call.path, line).strip()
        data.update(error=str(error), kind=type(error).__name__, line=line, source=source)
        shown = [f"{name} {what}:"]
        if line is not None:
            shown.append(f"  {os.path.basename(call.path)}:{line}: {source}")
        shown += [f"  {x}" for x in told(error, call.path)]
        return Result(data, [*shown, *[f"  {hint}"] * bool(hint)], 1)

    try:
        data["value"] = call.function(*call.args, **call.kwargs)
    except Exception as error:
        return refused("fails before anything is differentiated", error, hint_of(call, error))
    shown: list[str | Table] = [f"{name} = {short(data['value'])}"]
    if data["value"] is None:
        data.update(value=None, differentiates=False, error="it returns None")
        return Result(data, [f"{name} returns None: is a `return` missing?"], 1)
    try:
        is_holomorphic = all_complex((call.args, call.kwargs, call.argnums), data["value"])
        derivative = ad.jacobian(call.function, call.argnums, holomorphic=is_holomorphic)
        slope = derivative(*call.args, **call.kwargs)
        data["differentiates"] = True
        wrong: Result | None = None
    except Exception as error:
        data["differentiates"] = False
        wrong = refused("does not differentiate", error)
        if manual is None:
            return Result(data, [*shown, *wrong.shown], 1)
    try:
        problem = Problem(call.function, call.args, call.kwargs, call.argnums, "gradient")
    except Exception as error:
        return Result(data, [*shown, *refused("does not differentiate", error).shown], 1)
    try:
        hand = None if manual is None else of_hand(manual, call, problem)
    except Exception as error:
        return Result(
            data, [*shown, *refused(f"has a gradient, {gradient}, that fails", error).shown], 1
        )
    data["notes"] = observed(problem, name)
    is_scalar = problem.is_number and problem.outputs[0].dtype.kind == "f"
    given = (
        of_chosen(manual, call) if manual and is_scalar and not isinstance(hand, Verdict) else None
    )
    modes = () if wrong is not None else ("forward", "reverse")
    rows: Sequence[Any] = ()
    if modes or given is not None:
        values = [call.args[n] if isinstance(n, int) else call.kwargs[n] for n in call.argnums]
        try:
            subject = of_chosen(call.function, call)
            rows = check_grads(subject, tuple(values), order, modes, gradient=given).rows
        except GradientError as error:
            rows = error.report.rows
        except Exception as error:
            return Result(data, [*shown, *refused("cannot be checked", error).shown], 1)
    data["rows"] = [asdict(row) | {"error": row.error, "ok": row.ok} for row in rows]
    own = [row for row in rows if row.mode != "given"]
    open_rows = sum(is_undecided(row) for row in own)
    bad = sum(not row.ok and not is_undecided(row) for row in own)
    if wrong is not None:
        shown += wrong.shown
    if rows:
        shown.append(Table(HEAD, lambda width: cells(rows, 10 if width >= WIDE_PAGE else 6)))
    is_right = True
    if hand is not None:
        if isinstance(hand, Verdict):
            verdict = hand
        else:
            trusted = slope if wrong is None and not bad else None
            verdict = verdict_on(hand, problem, trusted, [r.ok for r in rows if r.mode == "given"])
        is_right = verdict.is_right
        data["gradient"] = {"name": gradient, **verdict._asdict()}
        shown.append(
            f"{gradient} is right: compared with differences"
            if is_right else f"{gradient} is WRONG: {verdict.text}"
        )  # fmt: skip
    if own:
        verdicts = [f"{bad} of {len(own)} disagree"] * bool(bad)
        verdicts += [f"{open_rows} of {len(own)} cannot be decided here"] * bool(open_rows)
        where = f"up to order {order}, in both modes"
        shown.append(
            f"{name} is differentiated WRONGLY: {bad} of {len(own)} comparisons disagree"
            if bad else
            f"{name} differentiates, {where}: {', '.join(verdicts) or 'all agree'}"
        )  # fmt: skip
    shown += [f"note: {note}" for note in data["notes"]]
    data["ok"] = wrong is None and is_right and not bad and not open_rows
    return Result(data, shown, 0 if data["ok"] else 1)


def all_complex(call: tuple[tuple, dict[str, Any], Sequence[int | str]], value: Any) -> bool:
    """Whether the differentiated arguments and the value are complex: then its derivative is."""
    args, kwargs, argnums = call
    chosen = [args[n] if isinstance(n, int) else kwargs[n] for n in argnums]
    return all(
        bool(leaves) and all(np.iscomplexobj(x) for x in leaves)
        for leaves in (tree.flatten(chosen)[0], tree.flatten(value)[0])
    )


def of_hand(manual: Callable, call: Called, problem: Problem) -> list[np.ndarray] | Verdict:
    """A gradient by hand as blocks, or why it is none."""
    found = manual(*call.args, **call.kwargs)
    try:
        return problem.blocks(found)
    except Exception as error:
        return Verdict(False, reason(error))


def verdict_on(
    hand: Sequence[np.ndarray], problem: Problem, slope: Any, along: Sequence[bool]
) -> Verdict:
    """The verdict on a gradient by hand: entry by entry where the right one is known, else along
    the directions in which it was checked."""
    widths = None
    if slope is None:
        if sum(t.size for t in problem.inputs) > MOST_DIFFERENCES:
            is_right = bool(along) and all(along)
            return Verdict(is_right, "right" if is_right else "it disagrees with differences")
        slope, errors = finite_difference(
            problem.on(problem.f), problem.leaves, "richardson", return_error=True
        )
        widths = problem.blocks(errors)
    return judged(hand, problem.blocks(slope), problem.block_labels, problem.epsilon, widths)


def cells(rows: Sequence[Any], digits: int) -> list[tuple[str, ...]]:
    """The table of comparisons."""
    return [
        (
            str(row.order), row.mode, row.direction, f"{row.expected:.{digits}g}",
            f"{row.found:.{digits}g}", f"{row.error:.1e}", f"{row.tolerance:.1e}",
            "?" if is_undecided(row) else "yes" if row.ok else "NO",
        )
        for row in rows
    ]  # fmt: skip
