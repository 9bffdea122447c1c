"""An expression as a function, for us and for other systems.

Enters: an expression.  Leaves: a function of its symbols in their order.  The idea: its graph is
walked with the functions of whichever module stands for NumPy, so that the other system computes
the formula itself.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any

from ..front.symbolic import Expression
from ..graph.function import Function

INFIX: dict[str, Callable] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "pow": operator.pow, "neg": operator.neg, "floor_divide": operator.floordiv,
    "remainder": operator.mod,
}  # fmt: skip


def as_function(expression: Expression) -> Callable:
    """An expression as a function of its symbols, in their order."""
    names = expression.free

    def f(*values: Any) -> Any:
        return expression.evaluate(dict(zip(names, values, strict=True)))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    f.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in names]
    )
    f.spelled = lambda likeness: spelled(expression.function, likeness)  # type: ignore[attr-defined]
    return f


def spelled(function: Function, likeness: Any) -> Callable:
    """A closed graph as a function that computes with another module's functions."""

    def f(*values: Any) -> Any:
        known = dict(zip(function.inputs, values, strict=True))
        for node in function.order:
            name = node.primitive.name
            if node in known:
                continue
            if name == "constant":
                known[node] = node.parameters["value"]
                continue
            if node.parameters:
                raise TypeError(f"the formula has {name}, which is written for numbers only")
            apply = INFIX[name] if name in INFIX else getattr(likeness, name)
            known[node] = apply(*[known[x] for x in node.inputs])
        (result,) = function.outputs
        return known[result]

    return f
