"""What the special functions share: how one is declared, refusals, series, choices of a form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...base.dtypes import type_of
from ...base.errors import DifferentiationError, message
from ...graph import op
from ...graph.primitive import Primitive, Undefined
from ..declare import (
    elementwise,
    lazy,
)

inf, nan, pi = math.inf, math.nan, math.pi
ROOT_PI, ROOT_2PI = math.sqrt(pi), math.sqrt(2.0 * pi)
POINTS = (0.0, -0.0, 1.0, -1.0, inf, -inf, nan)
UNIT = (0.0, 1.0, 0.5, -0.5, 2.0, nan)
PAIRS = tuple((a, b) for a in (0.0, 1.0, 2.5, -1.0, nan) for b in (0.0, 1.0, 2.5, -1.0, inf, nan))
ORDERED = tuple((n, x) for n in (0, 1, 2) for x in (0.0, 1.0, -1.0, inf, nan))
NOT_HOLOMORPHIC = Undefined("it is no holomorphic function of a complex argument")


def special(
    name: str,
    *partials: Callable | int | None,
    doc: str,
    samples: tuple,
    points: Sequence[Any] = POINTS,
    source: str | None = None,
    **choices: Any,
) -> Primitive:
    """Declare a ufunc of `scipy.special` (its name is `source` if it differs), a partial an
    input."""
    return elementwise(
        name,
        numpy=lazy(
            "scipy.special._ufuncs" if (source or name)[0] == "_" else "scipy.special",
            source or name,
        ),
        partials=partials,
        samples=samples,
        special=points,
        doc=doc,
        **choices,
    )


def refused(function: str, parameter: str) -> Callable:
    """The partial derivative that does not exist here: asking for it is an error."""

    def refuse(*_values: Any) -> Any:
        raise DifferentiationError(
            message(
                f"the derivative of scipy.special.{function} in {parameter} is not implemented "
                "(no closed form is known)",
                expected="derivatives in the other arguments",
                instead=f"`ad.stop_gradient(...)` around {parameter} if it is to count as a "
                "constant, or `ad.custom_derivative` around a function with its own rule",
                operation=function,
            )
        )

    return refuse


def is_complex(x: Any) -> bool:
    return bool(type_of(x).dtype.kind == "c")


def polynomial(coefficients: Sequence[float], x: Any) -> Any:
    """c0 + c1 x + c2 x**2 + ..., by Horner's rule."""
    value: Any = coefficients[-1]
    for c in reversed(coefficients[:-1]):
        value = c + x * value
    return value


def split(x: Any, far: Any, near: Callable, other: Callable, safe: float) -> Any:
    """`other(x)` where the mask `far` holds, `near(x)` elsewhere, each kept from the other's
    range."""
    return op.select(far, other(op.select(far, x, safe)), near(op.select(far, 0.0, x)))
