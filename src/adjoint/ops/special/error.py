"""The error function and its relatives."""

from __future__ import annotations

import math
from typing import Any

from ...graph import op
from ..declare import (
    interval,
)
from .common import (
    PAIRS,
    ROOT_2PI,
    ROOT_PI,
    UNIT,
    inf,
    is_complex,
    nan,
    pi,
    polynomial,
    special,
    split,
)

TAIL = [math.prod(range(1, 2 * k + 2, 2)) for k in range(14)]  # (2k + 1)!!


def tail(x: Any, sign: float) -> Any:
    """sum over k of (2k+1)!! (sign / (2 x**2))**k: the asymptotic series' factor for |x| >= 10."""
    return polynomial([c * (sign * 0.5) ** k for k, c in enumerate(TAIL)], 1.0 / (x * x))


def erfcx_slope(x: Any, _y: Any) -> Any:
    """2 x erfcx(x) - 2/sqrt(pi), by its asymptotic series where the two terms cancel."""

    def whole(u: Any) -> Any:
        return 2.0 * u * op.erfcx(u) - 2.0 / ROOT_PI

    if is_complex(x):
        return whole(x)
    return split(
        x, op.greater(x, 10.0), whole, lambda u: tail(u, -1.0) / (u * u) * (-1 / ROOT_PI), 11.0
    )


def dawsn_slope(x: Any, _y: Any) -> Any:
    """1 - 2 x dawsn(x), by its asymptotic series where the two terms cancel."""

    def whole(u: Any) -> Any:
        return 1.0 - 2.0 * u * op.dawsn(u)

    if is_complex(x):
        return whole(x)
    return split(
        x, op.greater(op.abs(x), 10.0), whole, lambda u: tail(u, 1.0) / (u * u) * -0.5, 11.0
    )


def density(x: Any) -> Any:
    """The density of the standard normal distribution."""
    return op.exp(-0.5 * (x * x)) * (1.0 / ROOT_2PI)


def log_ndtr_slope(x: Any, y: Any) -> Any:
    """density(x) / ndtr(x), exact in both tails."""
    if is_complex(x):
        return op.exp(-0.5 * (x * x) - y) * (1.0 / ROOT_2PI)
    low = op.less(x, 0.0)
    below = op.div(math.sqrt(2.0 / pi), op.erfcx(op.select(low, x, 0.0) * -math.sqrt(0.5)))
    return op.select(low, below, op.exp(-0.5 * (x * x) - y) * (1.0 / ROOT_2PI))


special(
    "erf",
    lambda x, _y: op.exp(-(x * x)) * (2.0 / ROOT_PI),
    kinds="fc",
    samples=interval(-2, 2),
    doc="The error function.",
)
special(
    "erfc",
    lambda x, _y: op.exp(-(x * x)) * (-2.0 / ROOT_PI),
    kinds="fc",
    samples=interval(-2, 2),
    doc="The complementary error function, 1 - erf(x).",
)
special("erfcx", erfcx_slope, kinds="fc", samples=interval(-2, 20), doc="exp(x**2) * erfc(x).")
special(
    "erfi",
    lambda x, _y: op.exp(x * x) * (2.0 / ROOT_PI),
    kinds="fc",
    samples=interval(-2, 2),
    doc="The imaginary error function, -i erf(i x).",
)
special(
    "erfinv",
    lambda _x, y: op.exp(y * y) * (0.5 * ROOT_PI),
    samples=interval(-0.9, 0.9),
    points=UNIT,
    doc="The inverse of `erf`.",
)
special(
    "erfcinv",
    lambda _x, y: op.exp(y * y) * (-0.5 * ROOT_PI),
    samples=interval(0.1, 1.9),
    points=UNIT,
    doc="The inverse of `erfc`.",
)
special("dawsn", dawsn_slope, kinds="fc", samples=interval(-3, 20), doc="Dawson's integral.")
special(
    "wofz",
    lambda z, y: -2.0 * z * y + 2j / ROOT_PI,
    kinds="c",
    samples=interval(0.1, 2),
    points=(0.0, 1.0),
    doc="The Faddeeva function, exp(-z**2) erfc(-i z).",
)
special(
    "ndtr",
    lambda x, _y: density(x),
    kinds="fc",
    samples=interval(-3, 3),
    doc="The standard normal distribution function.",
)
special(
    "ndtri",
    lambda _p, y: op.exp(0.5 * (y * y)) * ROOT_2PI,
    samples=interval(0.05, 0.95),
    points=UNIT,
    doc="The inverse of `ndtr`.",
)
special(
    "log_ndtr", log_ndtr_slope, kinds="fc", samples=interval(-20, 5), doc="The logarithm of `ndtr`."
)
special(
    "ndtri_exp",
    lambda x, y: op.div(1, log_ndtr_slope(y, x)),
    samples=interval(-20, -0.1),
    points=(-1.0, -inf, 0.0, 1.0, nan),
    doc="The inverse of `log_ndtr`.",
)
special(
    "owens_t",
    lambda h, a, _y: density(h) * op.erf(a * h * math.sqrt(0.5)) * -0.5,
    lambda h, a, _y: op.exp(-0.5 * (h * h) * (1.0 + a * a)) / (1.0 + a * a) * (0.5 / pi),
    samples=interval(-2, 2, -2, 2),
    points=PAIRS,
    doc="Owen's T function.",
)
