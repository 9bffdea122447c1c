"""`adjoint draw FORMULA|FILE.py:function`: a drawing of a graph, with values and adjoints where
they are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import adjoint as ad

from ..front.arguments import name_of
from .diff import numbers_for, parsed
from .shown import Result
from .targets import called, failure, is_target, said
from .values import Refusal

KEYS = ("written", "mode", "mermaid", "rows")


def drawn(
    what: str, at: Sequence[str], by: str | None, output: str, mode: str | None, is_moving: bool
) -> Result:
    """A drawing of a function's graph or of a formula's, or a moving one, step by step."""
    kwargs: dict[str, Any] = {}
    args: tuple = ()
    if is_target(what):
        call = called(what, at, by)
        subject, args, kwargs = call.function, call.args, call.kwargs
        try:
            value = subject(*args, **kwargs)
        except Exception as error:
            raise Refusal(f"{name_of(subject)} fails: {failure(error, call.path)}") from None
        has_mode = np.shape(value) == () and isinstance(value, float | np.floating | np.ndarray)
    else:
        subject = parsed(what)
        args = tuple(numbers_for(subject, at).values())
        has_mode = bool(args)
    if mode is None and (has_mode or is_moving):
        mode = "reverse"
    mode = None if mode == "none" else mode
    if is_moving and mode is None:
        raise Refusal("--steps shows values as they come: --mode forward or --mode reverse")
    picture: Any
    try:
        if is_moving:
            picture = ad.draw.steps(subject, *args, mode=mode or "reverse", kwargs=kwargs)
        else:
            picture = ad.draw(subject, *args, mode=mode, kwargs=kwargs)
        path = picture.save(output)
    except ad.AdjointError as error:
        return Result({"mode": mode, "error": str(error)}, [str(error)], 1)
    except (ImportError, OSError, TypeError, ValueError) as error:
        raise Refusal(said(error)) from None
    whole = picture.last if is_moving else picture
    rows = [row._asdict() for row in whole.table()]
    data = {"written": str(path), "mode": mode, "mermaid": whole.mermaid, "rows": rows}
    return Result(data, [str(picture), f"written: {path}"])
