"""The gamma function and its relatives: logarithm, reciprocal, polygamma, beta, binomial."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...base.dtypes import Type
from ...graph import op
from ...graph.primitive import Undefined
from ..declare import (
    elementwise,
    interval,
    zero,
)
from .common import PAIRS, inf, is_complex, nan, pi, refused, special, split

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798)


def complex_polygamma(n: int, z: np.ndarray) -> np.ndarray:
    """polygamma(n, z), n >= 1: recurrence to Re z >= 20, then the asymptotic series (DLMF 5.15)."""
    z = np.array(z, complex)
    if z.size and z.real.min() < -1e5:
        raise ValueError("polygamma of complex numbers with a real part below -1e5 is too slow")
    total = np.zeros_like(z)
    while (low := z.real < 20.0 + n).any():
        total[low] += math.factorial(n) / z[low] ** (n + 1)
        z[low] += 1.0
    series = math.factorial(n - 1) + 0.5 * math.factorial(n) / z
    for k, b in enumerate(BERNOULLI, 1):
        series += b * (math.factorial(2 * k + n - 1) / math.factorial(2 * k)) / z ** (2 * k)
    total += series / z**n
    return total if n % 2 else -total


def polygamma_value(n: Any, x: Any) -> Any:
    """The n-th derivative of `psi` in x's precision; n is 0 or a positive whole number."""
    from scipy import special as scipy_special

    x = np.asarray(x)
    dtype = x.dtype if x.dtype.kind in "fc" else np.dtype(float)
    n, x = np.broadcast_arrays(n, x)
    out = np.empty(x.shape, complex if dtype.kind == "c" else float)
    with np.errstate(all="ignore"):
        for order in np.unique(n):
            here, order = n == order, int(order)
            if order == 0:
                out[here] = scipy_special.psi(x[here])
            elif dtype.kind == "c":
                out[here] = complex_polygamma(order, x[here])
            else:
                factor = math.factorial(order) * (1.0 if order % 2 else -1.0)
                out[here] = factor * scipy_special.zeta(order + 1.0, x[here].astype(float))
    return out.astype(dtype)[()]


def own_dtype(*types: Type) -> np.dtype:
    """The last input's dtype, as a float."""
    dtype = types[-1].dtype
    return dtype if dtype.kind in "fc" else np.dtype(float)


elementwise(
    "polygamma",
    numpy=polygamma_value,
    kinds="fc",
    dtype=own_dtype,
    integers=(0,),
    partials=(refused("polygamma", "n"), lambda n, x, _y: op.polygamma(n + 1, x)),
    samples=interval(0, 3, 0.5, 4),
    special=((1, 1.0), (2, 2.0), (1, inf), (0, 1.0), (1, nan)),
    doc="The n-th derivative of `psi`.",
)


def rgamma_slope(x: Any, _y: Any) -> Any:
    """-psi(x) / gamma(x); on the left by reflection, so that it is finite at the poles of psi."""
    right = op.greater(op.real(x) if is_complex(x) else x, 0.5)

    def left(u: Any) -> Any:
        w = pi * u
        return op.gamma(1.0 - u) * (op.cos(w) - op.sin(w) * op.psi(1.0 - u) * (1.0 / pi))

    return split(x, right, left, lambda u: -op.psi(u) * op.rgamma(u), 1.0)


special(
    "gamma",
    lambda x, y: y * op.psi(x),
    kinds="fc",
    samples=interval(0.5, 4),
    doc="The gamma function.",
)
special(
    "gammaln",
    lambda x, _y: op.psi(x),
    samples=interval(0.5, 4),
    doc="The logarithm of the absolute value of the gamma function.",
)
special(
    "loggamma",
    lambda x, _y: op.psi(x),
    kinds="fc",
    samples=interval(0.5, 4),
    doc="The principal branch of the logarithm of the gamma function.",
)
special(
    "gammasgn",
    samples=interval(-3.5, 4),
    derivative=zero("piecewise constant"),
    doc="The sign of the gamma function.",
)
special(
    "rgamma",
    rgamma_slope,
    kinds="fc",
    samples=interval(-2, 4),
    doc="The reciprocal of the gamma function.",
)
special(
    "psi",
    lambda x, _y: op.polygamma(1, x),
    kinds="fc",
    samples=interval(0.5, 4),
    doc="The digamma function, the logarithmic derivative of the gamma function.",
)
special(
    "hurwitz_zeta",
    refused("zeta", "x"),
    lambda x, q, _y: -x * op.hurwitz_zeta(x + 1.0, q),
    source="_zeta",
    integers=(0,),
    samples=interval(2, 4, 0.5, 3),
    points=((2, 1.0), (3, inf), (2, nan)),
    doc="The Hurwitz zeta function of x and q.",
)
special(
    "riemann_zeta",
    source="_riemann_zeta",
    samples=interval(2, 4),
    derivative=Undefined("the derivative of the Riemann zeta function is not implemented"),
    doc="The Riemann zeta function.",
)
special(
    "beta",
    lambda a, b, y: y * (op.psi(a) - op.psi(a + b)),
    lambda a, b, y: y * (op.psi(b) - op.psi(a + b)),
    samples=interval(0.5, 3, 0.5, 3),
    points=PAIRS,
    doc="The beta function.",
)
special(
    "betaln",
    lambda a, b, _y: op.psi(a) - op.psi(a + b),
    lambda a, b, _y: op.psi(b) - op.psi(a + b),
    samples=interval(0.5, 3, 0.5, 3),
    points=PAIRS,
    doc="The logarithm of the absolute value of the beta function.",
)
special(
    "poch",
    lambda a, m, y: y * (op.psi(a + m) - op.psi(a)),
    lambda a, m, y: y * op.psi(a + m),
    samples=interval(0.5, 3, 0.5, 3),
    points=PAIRS,
    doc="gamma(z + m) / gamma(z).",
)


def at_pole(x: Any) -> Any:
    """Whether x is 0, -1, -2, ..."""
    return op.logical_and(op.less_equal(x, 0.0), op.equal(op.floor(x), x))


def binom_by_count(n: Any, k: Any, y: Any) -> Any:
    """In n: y (psi(n+1) - psi(n-k+1)), and through 1/gamma where that psi has a pole."""
    rest = n - k + 1.0
    pole = at_pole(rest)
    at, count = op.select(pole, rest, 0.0), op.select(pole, n, 0.0) + 1.0
    slope = op.psi(count) * op.rgamma(at) + rgamma_slope(at, None)
    limit = op.gamma(count) * op.rgamma(k + 1.0) * slope
    return op.select(pole, limit, y * (op.psi(n + 1.0) - op.psi(op.select(pole, 1.0, rest))))


def binom_by_choice(n: Any, k: Any, y: Any) -> Any:
    """In k: y (psi(n-k+1) - psi(k+1)), and through 1/gamma where one of them has a pole."""
    rest, taken = n - k + 1.0, k + 1.0
    pole = op.logical_or(at_pole(rest), at_pole(taken))
    r, t = op.select(pole, rest, 1.0), op.select(pole, taken, 1.0)
    slopes = rgamma_slope(t, None) * op.rgamma(r) - rgamma_slope(r, None) * op.rgamma(t)
    limit = op.gamma(op.select(pole, n, 0.0) + 1.0) * slopes
    plain = op.psi(op.select(pole, 1.0, rest)) - op.psi(op.select(pole, 1.0, taken))
    return op.select(pole, limit, y * plain)


special(
    "binom",
    binom_by_count,
    binom_by_choice,
    samples=interval(3, 6, 0.5, 2.5),
    points=((4.0, 2.0), (3.0, 5.0), (3.0, nan)),
    doc="The binomial coefficient.",
)
