"""log, log2, log10, log1p, as LLVM IR of any width.

x = 2**n m with m next to 1, f = m - 1.  In double precision log(m) = 2 atanh(s) with s = f/(2 + f)
(as in K. C. Ng's log of FDLIBM, 1993): 2 s = f - s f, so log(m) = f - s (f - R(s*s)), whose first
term is exact.  In single precision log(m) = f - f*f/2 + f**3 P(f), without a division.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..builder import Builder, Value
from . import coefficients as c
from .exponential import exp2_pair, exp_pair
from .registry import function
from .vectors import (
    UPPER,
    fast_two_sum,
    fraction_and_exponent,
    highest,
    inverse_power,
    is_double,
    lowest,
    mend_logarithm,
    paired,
    scale,
    two_product,
    two_sum,
)

# log(2): a number below it and the rest, both positive, so that infinite n give no NaN.
LN2 = {
    "double": (0.6931471805599453, 2.3190468138462996e-17),
    "float": (0.693147122859954833984375, 5.769999046998768e-08),
}


LOG2_E = {
    "double": (1.4426950408889634, 2.0355273740931033e-17),
    "float": (1.4426950216293335, 1.925963033500011e-08),
}
LOG10_E = {
    "double": (0.4342944819032518, 1.098319650216765e-17),
    "float": (0.4342944920063019, -1.0103049952192578e-08),
}
LN10 = 2.302585092994046
LOG10_2 = {  # so short that its product with an exponent is exact
    "double": (0.3010299956640665, -8.532344317057107e-14),
    "float": (0.301025390625, 4.605039066518657e-06),
}


def beyond(b: Builder, f: Value, rest: Any) -> Value:
    """log(1 + f) - f + rest, 1 + f between the limits of `fraction_and_exponent`."""
    if is_double(f):
        s = b.div(f, f + 2.0)
        z = s * s
        return b.fma(-s, b.fma(-z, paired(b, z, z * z, c.LOG), f), rest)
    square = f * f
    p = b.polynomial(f, c.LOG_SINGLE)  # by Horner's rule, whose error is smaller here
    return b.fma(f * square, p, b.fma(square, -0.5, rest))


@function("log", ulp=1.0, ulp_single=1.0)
def log(b: Builder, x: Value) -> Value:
    """The natural logarithm."""
    m, n, _ = fraction_and_exponent(b, x)
    f = m - 1.0
    first, second = LN2[x.kind]
    return mend_logarithm(b, x, b.fma(n, first, f + beyond(b, f, n * second)))


@function("log2", ulp=1.1, ulp_single=1.0)
def log2(b: Builder, x: Value) -> Value:
    """The logarithm to base 2."""
    m, n, _ = fraction_and_exponent(b, x)
    f = m - 1.0
    first, second = LOG2_E[x.kind]
    if not is_double(x):
        return by_slope(b, x, f, n, first, c.LOG2_SINGLE)
    product, error = two_product(b, f, first)
    total, lost = fast_two_sum(n, product)
    rest = b.fma(f, second, error + lost)
    return last_sum(b, x, f, total, rest * LN2[x.kind][0], first)


@function("log10", ulp=1.0, ulp_single=1.0)
def log10(b: Builder, x: Value) -> Value:
    """The logarithm to base 10."""
    m, n, _ = fraction_and_exponent(b, x)
    f = m - 1.0
    first, second = LOG10_E[x.kind]
    unit, more = LOG10_2[x.kind]
    if not is_double(x):
        return by_slope(b, x, f, n * unit, first, c.LOG10_SINGLE, n * more)
    product, error = two_product(b, f, first)
    total = b.fma(n, unit, product)
    lost = b.fma(n, unit, -total) + product
    rest = b.fma(f, second, b.fma(n, more, error) + lost)
    return last_sum(b, x, f, total, rest * LN10, first)


def last_sum(b: Builder, x: Value, f: Value, total: Value, rest: Value, factor: float) -> Value:
    """total + (log(1 + f) - f + rest) * factor, rounded seldom; the logarithm of x."""
    return mend_logarithm(b, x, b.fma(beyond(b, f, rest), factor, total), total)


def by_slope(
    b: Builder,
    x: Value,
    f: Value,
    whole: Value,
    slope: float,
    others: Sequence[float],
    rest: Value | None = None,
) -> Value:
    """whole + rest + f (slope + c0 + c1 f + ..), the logarithm of x, in single precision."""
    product, error = two_product(b, f, slope)
    total, lost = fast_two_sum(whole, product)
    lost = lost + (error if rest is None else error + rest)
    low = b.fma(f, b.polynomial(f, others), lost)
    low = b.select(b.compare("olt", low, 1.0), low, 1.0)  # not NaN where the total is infinite
    return mend_logarithm(b, x, total + low)


def shifted(b: Builder, f: Value, low: Value, n: Value) -> tuple[Value, Value]:
    """n log(2) + log(1 + f + low) as a sum, low an ulp of f at most."""
    low = b.fma(low * -f, b.fma(f, -0.86, 1.07), low)  # low/(1 + f), off by 2% of low
    first, second = LN2[f.kind]
    total = b.fma(n, first, f)
    error = b.fma(n, first, -total) + f
    return total, beyond(b, f, b.fma(n, second, low)) + error


@function("log1p", ulp=1.0, ulp_single=1.0)
def log1p(b: Builder, x: Value) -> Value:
    """log(1 + x): what the sum loses is added again."""
    u, low = two_sum(b.constant(x.kind, 1.0), x)
    m, n, k = fraction_and_exponent(b, u)
    low = scale(b, low, -n) if k is None else low * inverse_power(b, k, x.kind, 1) * 0.5
    high, low = shifted(b, m - 1.0, low, n)
    y = b.copysign(high + low, x)
    y = b.select(b.compare("oeq", x, float("inf")), x, y)
    y = b.select(b.compare("oeq", x, -1.0), -float("inf"), y)
    return b.select(b.compare("olt", x, -1.0), float("nan"), y)


def log1p_of_power(b: Builder, power: Value, rest: Value) -> tuple[Value, Value]:
    """log(1 + power + rest) as a sum, 0 <= power <= 1."""
    limit = UPPER[power.kind] - 1.0
    large = b.compare("oge", power, limit)
    halved, half = b.fma(power, 0.5, -0.5), rest * 0.5
    if limit < 0.5:  # then a bit is lost
        half = half + b.fma(power, 0.5, -0.5 - halved)
    f, low = b.select(large, halved, power), b.select(large, half, rest)
    return shifted(b, f, low, b.select(large, b.constant(f.kind, 1.0), 0.0))


def softplus(b: Builder, minus: Value) -> tuple[Value, Value]:
    """log(1 + exp(minus)) as a sum, minus <= 0."""
    limit = -746.0 if is_double(minus) else -104.0
    return log1p_of_power(b, *exp_pair(b, highest(b, minus, limit)))


@function("log_expit", ulp=1.2, ulp_single=1.0)
def log_expit(b: Builder, x: Value) -> Value:
    """log(1/(1 + exp(-x))) = min(x, 0) - log(1 + exp(-|x|))."""
    high, low = softplus(b, -b.abs(x))
    total, error = two_sum(lowest(b, x, 0.0), -high)
    y = -b.abs(total + (error - low))
    return b.select(b.compare("oeq", x, -float("inf")), x, y)


@function("logaddexp", 2, ulp=1.2, ulp_single=1.2)
def logaddexp(b: Builder, x: Value, y: Value) -> Value:
    """log(exp(x) + exp(y)) = max(x, y) + log(1 + exp(-|x - y|)).

    The error is in ulps of the largest of |x|, |y| and the result.
    """
    larger, minus = larger_and_difference(b, x, y)
    return finite_sum(b, larger, minus, *softplus(b, minus))


@function("logaddexp2", 2, ulp=1.5, ulp_single=1.4)
def logaddexp2(b: Builder, x: Value, y: Value) -> Value:
    """log2(2**x + 2**y), the same with base 2."""
    larger, minus = larger_and_difference(b, x, y)
    limit = -1080.0 if is_double(minus) else -155.0
    high, low = log1p_of_power(b, *exp2_pair(b, highest(b, minus, limit)))
    first, second = LOG2_E[x.kind]
    product = high * first
    rest = b.fma(low, first, b.fma(high, second, b.fma(high, first, -product)))
    return finite_sum(b, larger, minus, product, rest)


def finite_sum(b: Builder, larger: Value, minus: Value, high: Value, low: Value) -> Value:
    """larger + high + low; where larger is infinite that, or NaN where `minus` is."""
    total, error = two_sum(larger, high)
    infinite = b.compare("oeq", b.abs(larger), float("inf"))
    return b.select(infinite, larger - minus, total + (error + low))


def larger_and_difference(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """max(x, y) and -|x - y|, 0 of equal infinities."""
    larger = b.select(b.compare("ogt", x, y), x, y)
    return larger, b.select(b.compare("oeq", x, y), 0.0, -b.abs(x - y))
