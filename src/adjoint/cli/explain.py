"""`adjoint explain FILE.py:function`: what `jit` makes of a function, and where its time goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import adjoint as ad

from ..front.arguments import name_of
from ..front.explain import Explanation
from .shown import Result
from .targets import called, failure, said
from .values import Refusal

KEYS = ("stage", "text", *(one.name for one in fields(Explanation)))


def explained(
    target: str, at: Sequence[str], by: str | None, stage: str | None, derivative: bool
) -> Result:
    """What `jit` makes of a function, or of its derivative, and where the time goes."""
    call = called(target, at, by)
    function = call.function
    if derivative:
        function = ad.jacobian(function, call.argnums)
    try:
        found = ad.explain(function, *call.args, stage=stage, **call.kwargs)
    except ad.AdjointError as error:
        return Result({"error": str(error)}, [failure(error, call.path)], 1)
    except Exception as error:
        if str(error).startswith("ad.explain got"):
            raise Refusal(said(error)) from None
        raise Refusal(f"{name_of(call.function)} fails: {failure(error, call.path)}") from None
    data = {"stage": stage, "text": str(found)} if stage is not None else found.to_dict()
    return Result(data, [str(found)])
