"""Exponentials, logarithms, logistic functions, entropies, Box-Cox transforms, losses; log of a sum
of exponentials."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...graph import op
from ...graph.primitive import Case
from ..declare import (
    elementwise,
    interval,
    jvp,
    reduced_shape,
    reduction,
    restore,
    zero,
)
from .common import PAIRS, UNIT, inf, nan, pi, polynomial, special, split


def series_slope(x: Any, coefficients: Sequence[float], radius: float, closed: Callable) -> Any:
    """A power series where |x| < radius, a closed form that divides by x elsewhere."""
    far = op.greater_equal(op.abs(x), radius)
    return split(x, far, lambda u: polynomial(coefficients, u), closed, 1.0)


EXPREL = [(k + 1) / math.factorial(k + 2) for k in range(22)]
LOG1P = [(-1) ** (k + 1) * (k + 1) / (k + 2) for k in range(18)]
SPENCE = [(-1) ** (k + 1) / (k + 1) for k in range(18)]


def exprel_slope(x: Any) -> Any:
    """The derivative of (exp(x) - 1) / x."""
    return series_slope(x, EXPREL, 0.5, lambda u: (op.exp(u) - op.exprel(u)) / u)


def log1p_ratio_slope(x: Any) -> Any:
    """The derivative of log1p(x) / x."""
    return series_slope(x, LOG1P, 0.05, lambda u: (1.0 / (1.0 + u) - op.log1p(u) / u) / u)


def spence_slope(z: Any, _y: Any) -> Any:
    """log(z) / (1 - z), and -1 at 1."""
    return series_slope(z - 1.0, SPENCE, 0.05, lambda u: -op.log1p(u) / u)


def over(x: Any, y: Any) -> Any:
    """x / y, and 0 where x is 0."""
    none = op.equal(x, 0.0)
    return op.select(none, 0.0, x / op.select(none, 1.0, y))


LN2, LN10 = math.log(2.0), math.log(10.0)
special(
    "special_expm1",
    lambda _x, y: y + 1.0,
    source="expm1",
    kinds="fc",
    samples=interval(-2, 2),
    doc="SciPy's exp(x) - 1.",
)
special(
    "special_log1p",
    lambda x, _y: op.div(1, 1.0 + x),
    source="log1p",
    kinds="fc",
    samples=interval(-0.5, 4),
    doc="SciPy's log(1 + x).",
)
special(
    "special_cbrt",
    lambda _x, y: 1.0 / (3.0 * (y * y)),
    source="cbrt",
    samples=interval(0.1, 4),
    doc="SciPy's cube root.",
)
special(
    "special_exp2",
    lambda _x, y: LN2 * y,
    source="exp2",
    samples=interval(-2, 2),
    doc="SciPy's 2**x.",
)
special(
    "special_round",
    source="round",
    samples=interval(-3, 3),
    derivative=zero("piecewise constant"),
    doc="SciPy's rounding to the nearest whole number.",
)
special("exp10", lambda _x, y: LN10 * y, samples=interval(-2, 2), doc="10**x.")
special("exprel", lambda x, _y: exprel_slope(x), samples=interval(-2, 2), doc="(exp(x) - 1) / x.")
special("cosm1", lambda x, _y: -op.sin(x), samples=interval(-2, 2), doc="cos(x) - 1.")
special(
    "powm1",
    lambda x, y, _z: y * op.pow(x, y - 1.0),
    lambda x, _y, z: (z + 1.0) * op.log(x),
    samples=interval(0.5, 2, -2, 2),
    points=PAIRS,
    doc="x**y - 1.",
)
special(
    "expit",
    lambda x, y: y * op.expit(-x),
    samples=interval(-4, 4),
    doc="The logistic function, 1 / (1 + exp(-x)).",
)
special(
    "log_expit",
    lambda x, _y: op.expit(-x),
    samples=interval(-4, 4),
    doc="The logarithm of `expit`.",
)
special(
    "logit",
    lambda x, _y: op.div(1, x * (1.0 - x)),
    samples=interval(0.1, 0.9),
    points=UNIT,
    doc="The inverse of `expit`, log(x / (1 - x)).",
)
special(
    "xlogy",
    lambda _x, y, _z: op.log(y),
    lambda x, y, _z: over(x, y),
    kinds="fc",
    samples=interval(-2, 2, 0.5, 2),
    points=PAIRS,
    doc="x log(y), and 0 where x is 0.",
)
special(
    "xlog1py",
    lambda _x, y, _z: op.log1p(y),
    lambda x, y, _z: over(x, 1.0 + y),
    kinds="fc",
    samples=interval(-2, 2, -0.5, 2),
    points=PAIRS,
    doc="x log1p(y), and 0 where x is 0.",
)
special(
    "entr", lambda x, _y: -op.log(x) - 1.0, samples=interval(0.2, 2), doc="-x log(x), and 0 at 0."
)
special(
    "rel_entr",
    lambda x, y, _z: op.log(op.div(x, y)) + 1.0,
    lambda x, y, _z: -over(x, y),
    samples=interval(0.2, 2, 0.2, 2),
    points=PAIRS,
    doc="x log(x / y).",
)
special(
    "kl_div",
    lambda x, y, _z: op.log(op.div(x, y)),
    lambda x, y, _z: 1.0 - over(x, y),
    samples=interval(0.2, 2, 0.2, 2),
    points=PAIRS,
    doc="x log(x / y) - x + y.",
)


def boxcox_by_power(logarithm: Any, power: Any) -> Any:
    """The derivative of log(x) exprel(power log(x)) in the power."""
    return logarithm * logarithm * exprel_slope(power * logarithm)


special(
    "boxcox",
    lambda x, p, _y: op.pow(x, p - 1.0),
    lambda x, p, _y: boxcox_by_power(op.log(x), p),
    samples=interval(0.5, 3, -1, 1),
    points=((1.0, 0.0), (2.0, 0.0), (2.0, 1.0)),
    doc="(x**lmbda - 1) / lmbda, and log(x) where lmbda is 0.",
)
special(
    "boxcox1p",
    lambda x, p, _y: op.exp((p - 1.0) * op.log1p(x)),
    lambda x, p, _y: boxcox_by_power(op.log1p(x), p),
    samples=interval(-0.5, 3, -1, 1),
    points=((1.0, 0.0), (2.0, 0.0), (2.0, 1.0)),
    doc="`boxcox` of 1 + x.",
)
special(
    "inv_boxcox",
    lambda y, p, x: x / (1.0 + p * y),
    lambda y, p, x: x * y * y * log1p_ratio_slope(p * y),
    samples=interval(-0.5, 1, -0.5, 1),
    points=((1.0, 0.0), (2.0, 0.0), (2.0, 1.0)),
    doc="The inverse of `boxcox`.",
)
special(
    "inv_boxcox1p",
    lambda y, p, x: (1.0 + x) / (1.0 + p * y),
    lambda y, p, x: (1.0 + x) * y * y * log1p_ratio_slope(p * y),
    samples=interval(-0.5, 1, -0.5, 1),
    points=((1.0, 0.0), (2.0, 0.0), (2.0, 1.0)),
    doc="The inverse of `boxcox1p`.",
)


def huber_by_width(width: Any, r: Any, _y: Any) -> Any:
    """|r| - width outside, 0 inside."""
    size = op.abs(r)
    return op.select(op.less_equal(size, width), 0.0, size - width)


def pseudo_huber_by_width(width: Any, r: Any, _y: Any) -> Any:
    """With q = sqrt(1 + (r/width)**2): width (q - 1)**2 / q."""
    q = op.sqrt(1.0 + op.square(r / width))
    p = op.square(r / width) / (q + 1.0)
    return width * p * p / q


special(
    "huber",
    huber_by_width,
    lambda w, r, _y: op.minimum(op.maximum(r, -w), w * 1.0),
    samples=interval(0.5, 1, -2, 2),
    points=PAIRS,
    doc="The Huber loss.",
)
special(
    "pseudo_huber",
    pseudo_huber_by_width,
    lambda w, r, _y: r / op.sqrt(1.0 + op.square(r / w)),
    samples=interval(0.5, 1, -2, 2),
    points=PAIRS,
    doc="The smooth Huber loss.",
)
special(
    "radian",
    lambda _d, _m, _s, _y: pi / 180,
    lambda _d, _m, _s, _y: pi / 10800,
    lambda _d, _m, _s, _y: pi / 648000,
    samples=interval(0, 90, 0, 59, 0, 59),
    points=(),
    doc="Degrees, minutes and seconds in radians.",
)
special(
    "sindg",
    lambda x, _y: pi / 180 * op.cosdg(x),
    samples=interval(-180, 180),
    doc="The sine of an angle in degrees.",
)
special(
    "cosdg",
    lambda x, _y: -pi / 180 * op.sindg(x),
    samples=interval(-180, 180),
    doc="The cosine of an angle in degrees.",
)
special(
    "tandg",
    lambda _x, y: pi / 180 * (1.0 + y * y),
    samples=interval(-60, 60),
    doc="The tangent of an angle in degrees.",
)
special(
    "cotdg",
    lambda _x, y: -pi / 180 * (1.0 + y * y),
    samples=interval(20, 80),
    doc="The cotangent of an angle in degrees.",
)
special(
    "spence",
    spence_slope,
    kinds="fc",
    samples=interval(0.2, 3),
    points=(0.0, 1.0, 2.0, nan),
    doc="Spence's function, the dilogarithm of 1 - z.",
)
special(
    "wrightomega",
    lambda _z, y: y / (1.0 + y),
    kinds="fc",
    samples=interval(-2, 3),
    doc="The Wright omega function.",
)


def lambertw_value(z: Any, k: Any, *, tol: float = 1e-8) -> Any:
    """SciPy's Lambert W function."""
    from scipy import special as scipy_special

    return scipy_special.lambertw(z, k, tol)


elementwise(
    "lambertw",
    numpy=lambertw_value,
    partials=(lambda _z, _k, y: op.exp(-y) / (1.0 + y), None),
    dtype=lambda z, k, tol=1e-8: np.dtype(complex),
    kinds="c",
    integers=(1,),
    samples=interval(0.5, 3, 0, 1),
    special=((1.0, 0),),
    doc="The Lambert W function.",
)


def logsumexp_value(x: Any, *, axes: tuple[int, ...]) -> Any:
    """The largest elements apart, for precision, as SciPy has it."""
    x = np.asarray(x)
    if x.size == 0:
        return np.full(reduced_shape(x.shape, axes), -inf, x.dtype)[()]
    with np.errstate(all="ignore"):
        top = np.max(x, axis=axes, keepdims=True)
        first = x == top
        count = np.sum(first, axis=axes, keepdims=True, dtype=x.dtype)
        shifted = np.where(first, -inf, x - np.where(np.isfinite(top), top, 0.0)).astype(x.dtype)
        rest = np.sum(np.exp(shifted), axis=axes, keepdims=True)
        rest = np.where(rest == 0, rest, rest / count)
        out = np.log1p(rest) + np.log(count) + top
    return out.reshape(reduced_shape(x.shape, axes))[()]


def logsumexp_tangent(primals: Any, tangents: Any, y: Any, *, axes: tuple[int, ...]) -> Any:
    """The mean of the tangents by softmax weights; infinities that win share evenly."""
    (x,), (t,) = primals, tangents
    kind = type_of(x)
    whole = restore(y, kind, axes)
    infinite = op.isinf(whole)
    winner = op.convert(op.logical_and(infinite, op.equal(x, whole)), dtype=kind.dtype)
    count = restore(op.sum(winner, axes=axes), kind, axes)
    weight = op.exp(op.select(infinite, 0.0, x) - op.select(infinite, 0.0, whole))
    weight = op.select(infinite, winner / op.maximum(count, 1.0), weight)
    return op.sum(t * weight, axes=axes)


def logsumexp_cases(rng: np.random.Generator) -> list[Case]:
    x = rng.uniform(-2, 2, (2, 3, 4))
    cases = [Case((x,), {"axes": axes}, True, f"axes {axes}") for axes in ((0,), (1, 2), (0, 1, 2))]
    cases.append(Case((x.astype(np.float32),), {"axes": (1,)}, True, "float32"))
    rows = np.array([[inf, 1.0], [-inf, -inf], [-inf, 1.0], [nan, 1.0], [1e308, 1e308]])
    cases.append(Case((rows,), {"axes": (1,)}, False, "special values"))
    return cases


reduction(
    "logsumexp",
    numpy=logsumexp_value,
    evaluate=logsumexp_value,
    dtype=lambda dtype: dtype,
    combine="logaddexp",
    identity=-inf,
    derivative=jvp(logsumexp_tangent),
    cases=logsumexp_cases,
    doc="log(sum(exp(x))) without overflow.",
)
