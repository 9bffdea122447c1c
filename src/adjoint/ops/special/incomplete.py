"""Incomplete gamma and beta functions, and the distribution functions made of them.

The derivative of P(a, x) in a is a primitive of its own: a power series where P is small, else an
integral by the double exponential rule over the tail on whose side x lies, so that no terms cancel.
Its derivative in x is elementary; its derivative in a is refused.

Sources: DLMF chapter 8; Takahasi and Mori, *Double exponential formulas for numerical integration*
(1974)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...base.dtypes import Type, result_type, type_of
from ...graph import op
from ..declare import (
    elementwise,
    interval,
)
from .common import inf, nan, refused, special

NODES = np.arange(-3.8, 6.0, 1 / 16)
POSITIONS = np.exp(NODES - np.exp(-NODES))
WEIGHTS = POSITIONS * (1.0 + np.exp(-NODES)) / 16


def half_line(integrand: Callable, scale: np.ndarray) -> np.ndarray:
    """The integral from 0 to infinity by the double exponential rule (Takahasi and Mori, 1974)."""
    values = integrand(scale[:, None] * POSITIONS)
    return scale * (np.where(np.isfinite(values), values, 0.0) @ WEIGHTS)


def order_series(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dP(a, x)/da for a <= 20, x <= a + 1: the power series of P, differentiated term by term."""
    from scipy import special as scipy_special

    log, digamma = np.log(x), scipy_special.psi(a + 1.0)
    term, total = np.ones_like(a), np.zeros_like(a)
    for n in range(1, 110):
        total += term * (log - digamma)
        digamma = digamma + 1.0 / (a + n)
        term = term * (x / (a + n))
    return np.exp(a * log - x - scipy_special.gammaln(a + 1.0)) * total


def order_lower(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dP(a, x)/da for x <= a + 1: the integral over (0, x) with t = x exp(-w)."""
    from scipy import special as scipy_special

    log, digamma = np.log(x), scipy_special.psi(a)
    factor = np.exp(a * log - x - scipy_special.gammaln(a))
    a_, x_, shift = a[:, None], x[:, None], (log - digamma)[:, None]
    return factor * half_line(
        lambda w: np.exp(-a_ * w - x_ * np.expm1(-w)) * (shift - w), 1.0 / ((a - x) + np.sqrt(a))
    )


def order_upper(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dP(a, x)/da for x > a + 1: minus the integral over (x, infinity) with t = x + s."""
    from scipy import special as scipy_special

    log, digamma = np.log(x), scipy_special.psi(a)
    factor = np.exp((a - 1.0) * log - x - scipy_special.gammaln(a))
    a_, x_, shift = a[:, None], x[:, None], (log - digamma)[:, None]

    def integrand(s: np.ndarray) -> np.ndarray:
        ratio = np.log1p(s / x_)
        return np.exp((a_ - 1.0) * ratio - s) * (ratio + shift)

    return -factor * half_line(integrand, 1.0 / (1.0 - (a - 1.0) / x + 1.0 / np.sqrt(x)))


def joint_dtype(*types: Type) -> np.dtype:
    """The dtypes promoted, as a float."""
    dtype = result_type(*types).dtype
    return dtype if dtype.kind == "f" else np.dtype(float)


def gammainc_by_order_value(a: Any, x: Any) -> Any:
    """The derivative of the regularised lower incomplete gamma function P(a, x) in a."""
    dtype = joint_dtype(type_of(a), type_of(x))
    a, x = np.broadcast_arrays(np.asarray(a, float), np.asarray(x, float))
    shape, a, x = a.shape, a.ravel(), x.ravel()
    out = np.full(a.shape, nan)
    out[(a > 0) & ((x == 0) | (x == inf))] = 0.0
    inside = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    upper = inside & (x > a + 1.0)
    small = inside & ~upper & (a <= 20.0)
    with np.errstate(all="ignore"):
        for where, method in (
            (small, order_series),
            (upper, order_upper),
            (inside & ~upper & ~small, order_lower),
        ):
            places = np.flatnonzero(where)
            for start in range(0, len(places), 4096):
                some = places[start : start + 4096]
                out[some] = method(a[some], x[some])
    return out.reshape(shape).astype(dtype)[()]


def gamma_density(a: Any, x: Any) -> Any:
    """x**(a-1) exp(-x) / gamma(a)."""
    return op.exp(op.xlogy(a - 1.0, x) - x - op.gammaln(a))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """x**(a-1) (1-x)**(b-1) / beta(a, b)."""
    return op.exp(op.xlogy(a - 1.0, x) + op.xlog1py(b - 1.0, -x) - op.betaln(a, b))


INC: dict[str, Any] = {
    "samples": interval(0.5, 4, 0.2, 4),
    "points": ((1.0, 0.0), (2.0, inf), (-1.0, 1.0)),
}
INVERSE: dict[str, Any] = {
    "samples": interval(0.5, 4, 0.1, 0.9),
    "points": ((1.0, 0.0), (2.0, 1.0)),
}
elementwise(
    "gammainc_by_order",
    numpy=gammainc_by_order_value,
    dtype=joint_dtype,
    partials=(
        refused("gammainc", "a (twice)"),
        lambda a, x, _y: gamma_density(a, x) * (op.log(x) - op.psi(a)),
    ),
    integers=(0,),
    samples=interval(1, 4, 0.2, 4),
    special=((1, 0.0), (2, inf), (2, nan)),
    doc="The derivative of `gammainc` in its first argument.",
)
special(
    "gammainc",
    lambda a, x, _y: op.gammainc_by_order(a, x),
    lambda a, x, _y: gamma_density(a, x),
    **INC,
    doc="The regularised lower incomplete gamma function.",
)
special(
    "gammaincc",
    lambda a, x, _y: -op.gammainc_by_order(a, x),
    lambda a, x, _y: -gamma_density(a, x),
    **INC,
    doc="The regularised upper incomplete gamma function.",
)
special(
    "gammaincinv",
    lambda a, _p, y: -op.gammainc_by_order(a, y) / gamma_density(a, y),
    lambda a, _p, y: op.div(1, gamma_density(a, y)),
    **INVERSE,
    doc="The inverse of `gammainc` in its second argument.",
)
special(
    "gammainccinv",
    lambda a, _p, y: -op.gammainc_by_order(a, y) / gamma_density(a, y),
    lambda a, _p, y: op.div(-1, gamma_density(a, y)),
    **INVERSE,
    doc="The inverse of `gammaincc` in its second argument.",
)

for name, sign in {"betainc": 1.0, "betaincc": -1.0}.items():
    special(
        name,
        refused(name, "a"),
        refused(name, "b"),
        lambda a, b, x, _y, sign=sign: sign * beta_density(a, b, x),
        integers=(0, 1),
        samples=interval(1, 4, 1, 4, 0.1, 0.9),
        points=((1, 2, 0.0), (2, 1, 1.0)),
        doc=f"The regularised incomplete beta function{' of the other tail' * (sign < 0)}.",
    )
    special(
        name + "inv",
        refused(name + "inv", "a"),
        refused(name + "inv", "b"),
        lambda a, b, _p, y, sign=sign: op.div(sign, beta_density(a, b, y)),
        integers=(0, 1),
        samples=interval(1, 4, 1, 4, 0.1, 0.9),
        points=((1, 2, 0.0), (2, 1, 1.0)),
        doc=f"The inverse of `{name}` in its last argument.",
    )
special(
    "chdtr",
    lambda v, x, _y: 0.5 * op.gammainc_by_order(0.5 * v, 0.5 * x),
    lambda v, x, _y: 0.5 * gamma_density(0.5 * v, 0.5 * x),
    **INC,
    doc="The distribution function of chi squared with v degrees of freedom.",
)
special(
    "chdtrc",
    lambda v, x, _y: -0.5 * op.gammainc_by_order(0.5 * v, 0.5 * x),
    lambda v, x, _y: -0.5 * gamma_density(0.5 * v, 0.5 * x),
    **INC,
    doc="The upper tail of chi squared with v degrees of freedom.",
)
special(
    "stdtr",
    refused("stdtr", "df"),
    lambda v, t, _y: (
        op.exp(-0.5 * (v + 1.0) * op.log1p(t * t / v) - op.betaln(0.5 * v, 0.5)) / op.sqrt(v * 1.0)
    ),
    integers=(0,),
    samples=interval(1, 5, -3, 3),
    points=((1, 0.0), (3, inf), (3, nan)),
    doc="Student's distribution function.",
)
