"""erf, erfc and erfcx: the error function and its complement, plain and scaled by exp(x*x).

Enters: vectors.  Leaves: results within 1.5 ulp (double) and 1 ulp (single, computed in doubles).

Near 0 erf x is x + x Q(x*x).  Away from it everything follows from exp(x*x) erfc(x), a smooth
function: (x + 1/2) times it is a polynomial of t = (x - 4)/(x + 4) for x >= 1/2 up to infinity
(M. Shepherd and J. Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x, 1981);
erf needs less of it, by absolute error.  The square in the exponential is taken in two parts
(W. J. Cody, Rational Chebyshev approximations for the error function, 1969), and all factors keep
what their rounding lost, so that erfc rounds about once.  The coefficients are made by
benchmarks/coefficients_trigonometric.py.
"""

from __future__ import annotations

import math

from ..builder import Builder, Value
from .estimates import in_halves
from .exponential import reduced
from .registry import function
from .vectors import fast_two_sum, lowest, scale

ERF = (
    0.1283791670955126,
    -0.37612638903184076,
    0.11283791670969077,
    -0.02686617064750333,
    0.005223977646444804,
    -0.0008548328132033816,
    0.00012055370584124825,
    -1.492650550832817e-05,
    1.647542464810142e-06,
    -1.650794095510456e-07,
    1.5828802071450927e-08,
    -1.7000365708926607e-09,
    2.18479656890412e-10,
    -2.0019169582126157e-11,
)
ERF_TAIL = (
    -4.454623205597899e-06,
    0.5644385947448498,
    1.1219733742306628,
    2.074976155340228,
    1.7559632156010285,
    10.749399278669063,
    -44.93145141002623,
    173.59406465518467,
    -539.9924429024285,
    1043.5744916224505,
    -1207.9639380062436,
    785.4088926616238,
    -223.7696664923685,
)
ERFCX = (
    -2.5320894039859483e-17,
    0.6164975593127763,
    -0.06981055842028124,
    0.007689826051310817,
    0.03404852712734345,
    -0.05051953301821005,
    0.0468664174992928,
    -0.03316518290472136,
    0.018583757766471747,
    -0.008098867046066613,
    0.0025159850134375407,
    -0.00037888651948881193,
    -9.962850810502536e-05,
    7.531026871889902e-05,
    -1.2198930386126403e-05,
    -5.609340369926367e-06,
    2.8530062865879757e-06,
    1.4373012515046e-07,
    -4.0939350926085757e-07,
    4.106720692918656e-08,
    5.1328432562995146e-08,
    -1.1474504063368096e-08,
    -4.720089716157834e-09,
    1.652085743095214e-09,
)


def in_doubles(b: Builder, name: str, x: Value) -> Value:
    """A function of singles by that of doubles."""
    return b.cast("fptrunc", b.function(name, b.cast("fpext", x, "double")), "float")


@function("erf", ulp=1.4, ulp_single=0.6)
def erf(b: Builder, x: Value) -> Value:
    """The error function."""
    if x.kind == "float":
        return in_doubles(b, "erf", x)
    size = lowest(b, b.abs(x), 6.0)  # 1 from there on
    z = b.mul(size, size)
    near = b.fma(size, b.polynomial(z, ERF), size)
    t = b.div(1.0, b.add(size, 2.0))
    tail = b.mul(b.function("exp", b.neg(z)), b.polynomial(t, ERF_TAIL))
    y = b.select(b.compare("olt", size, 1.125), near, b.sub(1.0, tail))
    return b.copysign(y, x)


def scaled_tail(b: Builder, x: Value) -> tuple[Value, Value]:
    """exp(x*x) erfc(x) for 1/2 <= x <= 1e300, in two parts."""
    below = b.add(x, 4.0)
    inverse = b.div(1.0, below)
    t = b.mul(b.sub(x, 4.0), inverse)
    t = b.fma(b.fma(b.neg(t), x, b.fma(b.add(t, 1.0), -4.0, x)), inverse, t)
    rest = b.fma(t, in_halves(b, t, ERFCX[2:]), ERFCX[0])
    high, low = fast_two_sum(b.constant("double", ERFCX[1]), rest)
    divisor, lost = fast_two_sum(x, 0.5)
    inverse = b.div(1.0, divisor)
    q = b.mul(high, inverse)
    error = b.add(b.fma(b.neg(q), divisor, high), b.fma(b.neg(q), lost, low))
    return q, b.mul(error, inverse)


def near_zero(b: Builder, x: Value) -> tuple[Value, Value]:
    """erfc(x) for |x| < 1, in two parts."""
    z = b.mul(x, x)
    high, low = fast_two_sum(b.constant("double", 1.0), b.neg(x))
    return high, b.fma(b.neg(x), b.polynomial(z, ERF), low)


def times_exponential(
    b: Builder, high: Value, low: Value, x: Value, sign: float
) -> tuple[Value, Value, Value, Value]:
    """(high + low) * exp(sign * x*x) as (total + rest) * 2**n, with n as a float and an integer."""
    square = b.mul(x, x)
    lost = b.fma(x, x, b.neg(square))
    e = reduced(b, b.mul(square, sign))
    one, more = fast_two_sum(b.constant("double", 1.0), e.high)
    more = b.add(more, b.fma(b.mul(lost, sign), b.add(one, e.low), e.low))
    total = b.mul(high, one)
    rest = b.fma(high, one, b.neg(total))
    return total, b.fma(high, more, b.fma(low, one, rest)), e.n, e.k


@function("erfc", ulp=1.2, ulp_single=0.6)
def erfc(b: Builder, x: Value) -> Value:
    """The complementary error function."""
    if x.kind == "float":
        return in_doubles(b, "erfc", x)
    size = b.abs(x)
    cut = lowest(b, size, 28.0)  # 0 from there on
    high, low = scaled_tail(b, cut)
    total, rest, n, k = times_exponential(b, high, low, cut, -1.0)
    far = scale(b, b.add(total, rest), n, k)
    far = b.select(b.compare("olt", x, 0), b.sub(2.0, far), far)
    high, low = near_zero(b, x)
    return b.select(b.compare("olt", size, 0.5), b.add(high, low), far)


@function("erfcx", ulp=1.2, ulp_single=0.6)
def erfcx(b: Builder, x: Value) -> Value:
    """exp(x*x) erfc(x)."""
    if x.kind == "float":
        return in_doubles(b, "erfcx", x)
    size = b.abs(x)
    high, low = scaled_tail(b, lowest(b, size, 1e300))
    positive = b.add(high, low)
    near, more = near_zero(b, x)
    is_near = b.compare("olt", b.abs(b.add(x, 0.25)), 0.75)  # from -1 to 1/2
    near, more = fast_two_sum(near, more)
    factor = b.select(is_near, near, 2.0)
    cut = b.select(b.compare("olt", x, -27.0), -27.0, x)  # infinite from there on
    cut = b.select(b.compare("ogt", cut, 0.5), 0.5, cut)
    total, rest, n, k = times_exponential(b, factor, b.select(is_near, more, 0), cut, 1.0)
    # minus the other side's value, in units of 2**n, which is infinite in the end
    minus = b.select(is_near, 0, high)
    total, lost = fast_two_sum(total, b.neg(scale(b, minus, b.neg(n), b.neg(k))))
    other = scale(b, b.add(total, b.add(lost, rest)), n, k)
    y = b.select(b.integer("or", is_near, b.compare("olt", x, 0)), other, positive)
    large = b.div(1.0 / math.sqrt(math.pi), size)
    return b.select(b.compare("ogt", x, 1e9), large, y)
