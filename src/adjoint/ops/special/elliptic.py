"""Hypergeometric functions and elliptic integrals.

Sources: DLMF chapters 13, 15 and 19; Carlson, *Numerical computation of real or complex elliptic
integrals* (1995)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...graph import op
from ..declare import (
    interval,
)
from .common import nan, pi, refused, special, split

special(
    "hyp2f1",
    *[refused("hyp2f1", p) for p in "abc"],
    lambda a, b, c, z, _y: (a * b / c) * op.hyp2f1(a + 1.0, b + 1.0, c + 1.0, z),
    kinds="fc",
    integers=(0, 1, 2),
    samples=interval(1, 3, 1, 3, 1, 3, -0.6, 0.6),
    points=((1, 2, 3, 0.0),),
    doc="Gauss's hypergeometric function.",
)
special(
    "hyp1f1",
    *[refused("hyp1f1", p) for p in "ab"],
    lambda a, b, z, _y: (a / b) * op.hyp1f1(a + 1.0, b + 1.0, z),
    kinds="fc",
    integers=(0, 1),
    samples=interval(1, 3, 1, 3, -2, 2),
    points=((1, 2, 0.0),),
    doc="Kummer's confluent hypergeometric function.",
)
special(
    "hyp0f1",
    refused("hyp0f1", "v"),
    lambda v, z, _y: op.hyp0f1(v + 1.0, z) / v,
    kinds="fc",
    integers=(0,),
    samples=interval(1, 3, -2, 2),
    points=((1, 0.0),),
    doc="The confluent hypergeometric limit function.",
)
special(
    "hyperu",
    *[refused("hyperu", p) for p in "ab"],
    lambda a, b, x, _y: -a * op.hyperu(a + 1.0, b + 1.0, x),
    integers=(0, 1),
    samples=interval(1, 3, 1, 3, 0.5, 2),
    points=(),
    doc="Tricomi's confluent hypergeometric function.",
)


def complete(series: Callable, closed: Callable, m: Any) -> Any:
    """A hypergeometric form for |m| < 0.2, a form that divides by m elsewhere."""
    return split(m, op.greater_equal(op.abs(m), 0.2), series, closed, 0.5)


def ellipk_slope(m: Any, _y: Any) -> Any:
    """(E/(1-m) - K) / (2 m) (DLMF 19.4.1)."""
    return complete(
        lambda u: (pi / 8) * op.hyp2f1(1.5, 1.5, 2.0, u),
        lambda u: (op.ellipe(u) / (1.0 - u) - op.ellipk(u)) / (2.0 * u),
        m,
    )


def ellipe_slope(m: Any, _y: Any) -> Any:
    """(E - K) / (2 m) (DLMF 19.4.2)."""
    return complete(
        lambda u: (-pi / 8) * op.hyp2f1(0.5, 1.5, 2.0, u),
        lambda u: (op.ellipe(u) - op.ellipk(u)) / (2.0 * u),
        m,
    )


def ellipkm1_slope(p: Any, _y: Any) -> Any:
    """The same in p = 1 - m: exact for small p."""
    near = op.less(op.abs(1.0 - p), 0.2)
    q = op.select(near, 0.5, p)
    closed = (op.ellipkm1(q) - op.ellipe(1.0 - q) / q) / (2.0 * (1.0 - q))
    return op.select(
        near, (-pi / 8) * op.hyp2f1(1.5, 1.5, 2.0, op.select(near, 1.0 - p, 0.0)), closed
    )


special(
    "ellipk",
    ellipk_slope,
    samples=interval(-0.9, 0.9),
    points=(0.0, 0.5, -2.0, 1.0, nan),
    doc="The complete elliptic integral of the first kind.",
)
special(
    "ellipe",
    ellipe_slope,
    samples=interval(-0.9, 0.9),
    points=(0.0, 0.5, -2.0, 1.0, nan),
    doc="The complete elliptic integral of the second kind.",
)
special(
    "ellipkm1",
    ellipkm1_slope,
    samples=interval(0.1, 1.5),
    points=(0.5, 1.0, nan),
    doc="The complete elliptic integral of the first kind at 1 - p.",
)


def carlson_by_first(x: Any, y: Any, z: Any, value: Any) -> Any:
    """The derivative of RD(x, y, z) in x (partial fractions of the integrand)."""
    return 0.5 * (value - op.elliprd(y, z, x)) / (z - x)


def carlson_by_last(x: Any, y: Any, z: Any, value: Any) -> Any:
    """The derivative in z, by homogeneity of degree -3/2."""
    slopes = x * carlson_by_first(x, y, z, value) + y * carlson_by_first(y, x, z, value)
    return -(1.5 * value + slopes) / z


special(
    "elliprd",
    carlson_by_first,
    lambda x, y, z, value: carlson_by_first(y, x, z, value),
    carlson_by_last,
    samples=interval(0.5, 1, 1.2, 2, 2.5, 3),
    points=((1.0, 2.0, 3.0),),
    doc="Carlson's degenerate symmetric integral of the second kind.",
)


def turns(phi: Any) -> tuple:
    """phi as a number of half turns and the rest within a quarter turn: its sine and cosine."""
    count = op.rint(phi * (1.0 / pi))
    rest = phi - count * pi
    return count, op.sin(rest), op.cos(rest)


def first_kind_by_parameter(phi: Any, m: Any, _y: Any) -> Any:
    """s**3 RD(c**2, 1, 1 - m s**2) / 6, and K' for each quarter turn (DLMF 19.25)."""
    count, s, c = turns(phi)
    part = s * s * s * (1.0 / 6.0) * op.elliprd(c * c, 1.0, 1.0 - m * (s * s))
    once = op.equal(count, 0.0)
    return part + op.select(once, 0.0, 2.0 * count * ellipk_slope(op.select(once, 0.5, m), None))


def second_kind_by_parameter(phi: Any, m: Any, _y: Any) -> Any:
    """-s**3 RD(c**2, 1 - m s**2, 1) / 6, and E' for each quarter turn (DLMF 19.25)."""
    count, s, c = turns(phi)
    part = s * s * s * (-1.0 / 6.0) * op.elliprd(c * c, 1.0 - m * (s * s), 1.0)
    once = op.equal(count, 0.0)
    return part + op.select(once, 0.0, 2.0 * count * ellipe_slope(op.select(once, 0.5, m), None))


special(
    "ellipkinc",
    lambda phi, m, _y: 1.0 / op.sqrt(1.0 - m * op.square(op.sin(phi))),
    first_kind_by_parameter,
    samples=interval(0.3, 1.2, 0.1, 0.8),
    points=((0.0, 0.5), (1.0, 0.0), (4.0, 0.5)),
    doc="The incomplete elliptic integral of the first kind.",
)
special(
    "ellipeinc",
    lambda phi, m, _y: op.sqrt(1.0 - m * op.square(op.sin(phi))),
    second_kind_by_parameter,
    samples=interval(0.3, 1.2, 0.1, 0.8),
    points=((0.0, 0.5), (1.0, 0.0), (4.0, 0.5)),
    doc="The incomplete elliptic integral of the second kind.",
)
