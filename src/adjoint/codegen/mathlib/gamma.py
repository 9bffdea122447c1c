"""gammaln, gamma and psi: Stirling's formula with what it lacks as a polynomial.

Enters: vectors.  Leaves: results within 2 ulp (double; near zeros 2 ulps of 1) and 1 ulp (single,
computed in doubles; likewise).

Everything is taken from z >= 1: x itself, or |x| + 1 where x is less than 1, with
gamma(x) = gamma(x + 1)/x above 0 and the reflection below (Digital Library of Mathematical
Functions, 5.5).  There log(gamma(z)) = (z - 1/2) log z - z + log(2 pi)/2 + S(z) and
psi(z) = log z - U(z); S (J. Binet, 1839) and U are smooth down to z = 1 and are v P(v) with
v = 1/(z + 1/2), so neither recurrence nor series is needed.  The large terms are sums of two
numbers, from the logarithm on: the exponential of 700 forgives no rounding.  The coefficients are
made by benchmarks/coefficients_trigonometric.py.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..builder import Builder, Value
from .error import in_doubles
from .estimates import in_halves
from .exponential import limits, reduced
from .power import logarithm
from .registry import function
from .trigonometric import sine_of_turns, turns
from .vectors import fast_two_sum, lowest, scale, two_sum

HALF_LOG_2_PI = (0.9189385332046728, -3.8782941580672414e-17)
PI_SQUARED = (9.869604401089358, 6.265295508739711e-16)
HUGE = 1e300  # the sums of two numbers would overflow
COSINE_OF_TURNS = (
    -4.934802200544677,
    4.058712126416504,
    -1.335262768843151,
    0.23533063011950534,
    -0.0258068886168522,
    0.0019295555726132252,
    -0.00010456455843027576,
    4.147336063419143e-06,
)
BINET = (
    0.08333333333333526,
    0.04166666666620986,
    0.01805555559373454,
    0.006249998371512765,
    0.0018353592307000077,
    0.0011153648213681224,
    0.0010872189089527332,
    0.00014550719970187782,
    -0.00028879515972514533,
    -0.0021062993632219402,
    0.009499369178007982,
    -0.019042323537642212,
    0.024686321986983263,
    -0.022155112489991947,
    0.01376513202587005,
    -0.005627981726814493,
    0.0013443484335532048,
    -0.00013722787544165582,
)
DIGAMMA = (
    0.5000000000000009,
    0.3333333333332142,
    0.2083333333361321,
    0.11666666686807688,
    0.05624998553353493,
    0.02480201867282599,
    0.014501120502953395,
    0.011554600767927168,
    0.0028346904226907075,
    -8.132711921483743e-05,
    -0.026844474103448528,
    0.12395342672197035,
    -0.27285482513715803,
    0.39820296107344916,
    -0.40913554490129056,
    0.29733760763104866,
    -0.14645959606055384,
    0.04408547056895613,
    -0.006116872680247812,
)


class Shifted(NamedTuple):
    """z + rest = x, or |x| + 1 where x < 1; v = 1/(z + 1/2)."""

    z: Value
    rest: Value
    v: Value
    is_shifted: Value
    is_negative: Value


def shifted(b: Builder, x: Value, limit: float | None = None) -> Shifted:
    """The argument z >= 1, cut to a limit."""
    is_shifted = b.compare("olt", x, 1.0)
    z, rest = two_sum(b.abs(x), b.constant("double", 1.0))
    z, rest = b.select(is_shifted, z, x), b.select(is_shifted, rest, 0)
    if limit is not None:
        z = lowest(b, z, limit)
    v = b.div(1.0, b.add(z, 0.5))
    return Shifted(z, rest, v, is_shifted, b.compare("olt", x, 0))


def log_gamma(b: Builder, t: Shifted, high: Value, low: Value) -> tuple[Value, Value]:
    """log(gamma(z + rest)) as a sum; high + low is log z."""
    factor = b.sub(t.z, 0.5)
    product = b.mul(factor, high)
    lost = b.fma(factor, high, b.neg(product))
    first, more = two_sum(product, b.neg(t.z))
    total, again = two_sum(first, b.constant("double", HALF_LOG_2_PI[0]))
    slope = b.fma(t.v, -0.6, high)  # about psi(z)
    lost = b.add(b.fma(factor, low, lost), b.fma(t.rest, slope, HALF_LOG_2_PI[1]))
    lost = b.add(b.add(lost, more), again)
    return total, b.fma(t.v, in_halves(b, t.v, BINET), lost)


def divisor(b: Builder, x: Value, t: Shifted) -> tuple[Value, Value]:
    """sin(pi x)/pi where x < 0, x itself up to 1, else 1; as a sum."""
    f, n = turns(b, b.abs(x))
    high, low = sine_of_turns(b, f)
    sign = b.integer("xor", b.integer("shl", n, 63), -(1 << 63))
    turn = lambda y: b.from_bits(b.integer("xor", b.bits(y), sign))
    other = b.select(t.is_shifted, x, 1.0)
    high = b.select(t.is_negative, turn(high), other)
    return high, b.select(t.is_negative, turn(low), 0)


@function("gammaln", ulp=2.0, ulp_single=0.6)
def gammaln(b: Builder, x: Value) -> Value:
    """The logarithm of |gamma(x)|."""
    if x.kind == "float":
        return in_doubles(b, "gammaln", x)
    t = shifted(b, x)
    high, low = logarithm(b, t.z)
    total, rest = log_gamma(b, t, high, low)
    below, _ = divisor(b, x, t)
    minus, minus_rest = logarithm(b, below)
    # log(gamma(z)) - log(x), or below 0 -log(gamma(z)) - log|sin(pi x)/pi|
    total = b.select(t.is_negative, b.neg(total), total)
    rest = b.select(t.is_negative, b.neg(rest), rest)
    total, lost = two_sum(total, b.neg(minus))
    y = b.add(total, b.add(b.sub(rest, minus_rest), lost))
    large = b.mul(t.z, b.sub(b.add(high, low), 1.0))
    y = b.select(b.compare("ogt", x, HUGE), large, y)
    y = b.select(b.compare("oeq", below, 0), math.inf, y)
    y = b.select(b.compare("oeq", b.abs(x), math.inf), x, y)  # -inf of -inf, as SciPy's
    is_zero = b.integer("or", b.compare("oeq", x, 1.0), b.compare("oeq", x, 2.0))
    return b.select(is_zero, 0, y)


@function("gamma", ulp=1.5, ulp_single=0.6)
def gamma(b: Builder, x: Value) -> Value:
    """The gamma function; NaN at the poles below 0."""
    if x.kind == "float":
        return in_doubles(b, "gamma", x)
    t = shifted(b, x, 400.0)
    total, rest = two_sum(*log_gamma(b, t, *logarithm(b, t.z)))
    sign = b.integer("and", b.bits(x), -(1 << 63))
    sign = b.select(t.is_negative, sign, b.constant("i64", 0))
    turn = lambda y: b.from_bits(b.integer("xor", b.bits(y), sign))
    e = reduced(b, limits(b, turn(total), (-800.0, -800.0), (710.0, 710.0)))
    one, more = fast_two_sum(b.constant("double", 1.0), e.high)
    more = b.add(more, b.fma(turn(rest), b.add(one, e.low), e.low))
    one, more = fast_two_sum(one, more)
    below, below_rest = divisor(b, x, t)
    q = b.div(one, below)
    lost = b.add(b.fma(b.neg(q), below, one), b.fma(b.neg(q), below_rest, more))
    lost = b.div(lost, below)
    q = b.select(b.compare("olt", b.abs(q), math.inf), b.add(q, lost), q)
    y = scale(b, q, e.n, e.k)
    is_pole = b.integer("and", t.is_negative, b.compare("oeq", below, 0))
    return b.select(is_pole, math.nan, y)


def cotangent(b: Builder, f: Value) -> tuple[tuple[Value, Value], tuple[Value, Value]]:
    """pi/tan(pi f), |f| <= 1/2, as the quotient of two sums; from 1/4 on by 1/2 - |f|."""
    size = b.abs(f)
    is_far = b.compare("ogt", size, 0.25)
    h = b.select(is_far, b.sub(0.5, size), size)
    high, low = sine_of_turns(b, h)
    z = b.mul(h, h)
    one = b.constant("double", 1.0)
    cosine, rest = fast_two_sum(one, b.mul(z, b.polynomial(z, COSINE_OF_TURNS)))
    product = b.mul(high, PI_SQUARED[0])
    lost = b.fma(high, PI_SQUARED[0], b.neg(product))
    lost = b.fma(low, PI_SQUARED[0], b.fma(high, PI_SQUARED[1], lost))
    top = b.select(is_far, product, cosine), b.select(is_far, lost, rest)
    sign = b.integer("and", b.bits(f), -(1 << 63))
    turn = lambda y: b.from_bits(b.integer("xor", b.bits(y), sign))
    return top, (turn(b.select(is_far, cosine, high)), turn(b.select(is_far, rest, low)))


@function("psi", ulp=2.0, ulp_single=0.6)
def psi(b: Builder, x: Value) -> Value:
    """The derivative of gammaln; NaN at the poles below 0."""
    if x.kind == "float":
        return in_doubles(b, "psi", x)
    t = shifted(b, x)
    high, low = logarithm(b, t.z)
    large = b.add(high, low)
    low = b.add(low, b.fma(b.neg(t.v), in_halves(b, t.v, DIGAMMA), b.mul(t.rest, t.v)))
    # minus 1/x, or below 0 plus pi/tan(pi |x|)
    f, _ = turns(b, b.abs(x))
    (top, top_rest), (below, below_rest) = cotangent(b, f)
    is_pole = b.integer("and", t.is_negative, b.compare("oeq", f, 0))
    minus = b.select(t.is_shifted, -1.0, b.constant("double", 0.0))
    top, top_rest = b.select(t.is_negative, top, minus), b.select(t.is_negative, top_rest, 0)
    below, below_rest = b.select(t.is_negative, below, x), b.select(t.is_negative, below_rest, 0)
    q = b.div(top, below)
    lost = b.add(b.fma(b.neg(q), below, top), b.fma(b.neg(q), below_rest, top_rest))
    lost = b.div(lost, below)
    lost = b.select(b.compare("olt", b.abs(lost), HUGE), lost, 0)  # infinite, or NaN of infinity
    total, more = two_sum(high, q)
    y = b.add(total, b.add(b.add(low, lost), more))
    y = b.select(b.compare("oeq", b.abs(q), math.inf), q, y)
    y = b.select(b.compare("ogt", x, HUGE), b.select(b.compare("oeq", x, math.inf), x, large), y)
    return b.select(is_pole, math.nan, y)
