"""exp, exp2, expm1 and their like, as LLVM IR of any width.

x = n log(2) + r with |r| <= log(2)/2 (the reduction of W. Cody and W. Waite, Software Manual for
the Elementary Functions, 1980; with a fused multiply-add its first step is exact), then
exp(x) = 2**n (1 + r + r*r*Q(r)).  No branch: arguments are cut to the interval outside of which
the result is 0 or infinite, and the scaling by 2**n rounds once, to subnormal numbers too.
"""

from __future__ import annotations

from typing import NamedTuple

from ..builder import Builder, Value
from . import coefficients as c
from .registry import function
from .vectors import (
    fast_two_sum,
    highest,
    inverse_power,
    is_double,
    lowest,
    nearest,
    paired,
    scale,
)

LOG2_E = 1.4426950408889634
LN2 = {  # log(2) as a number and the rest
    "double": (0.6931471805599453, 2.3190468138462996e-17),
    "float": (0.693147182464599609375, -1.904654299957767e-09),
}


class Reduced(NamedTuple):
    """exp(x) = 2**n * (1 + high + low), high exact."""

    n: Value
    k: Value  # n as an integer
    high: Value
    low: Value


def limits(b: Builder, x: Value, low: tuple[float, float], high: tuple[float, float]) -> Value:
    """x cut to an interval: the first of each pair for double, the second for float."""
    which = 0 if is_double(x) else 1
    return lowest(b, highest(b, x, low[which]), high[which])


def reduced(b: Builder, x: Value) -> Reduced:
    """The argument taken apart, with a residual, for results whose error must stay small near 0."""
    n, k = nearest(b, x, LOG2_E)
    first, second = LN2[x.kind]
    high = b.fma(n, -first, x)
    rest = n * -second
    r = high + rest
    square = r * r
    q = paired(b, r, square, c.EXP3 if is_double(x) else c.EXP3_SINGLE)
    return Reduced(n, k, high, b.fma(square, 0.5, b.fma(square * r, q, rest)))


@function("exp", ulp=1.0, ulp_single=1.0)
def exp(b: Builder, x: Value) -> Value:
    """e**x."""
    x = limits(b, x, (-746.0, -104.0), (710.0, 89.0))
    n, k = nearest(b, x, LOG2_E)
    first, second = LN2[x.kind]
    high = b.fma(n, -first, x)  # exact
    rest = n * -second
    r = high + rest
    square = r * r
    q = paired(b, r, square, c.EXP if is_double(x) else c.EXP_SINGLE)
    return scale(b, high + b.fma(square, q, rest) + 1.0, n, k)


def exp2_reduced(b: Builder, x: Value) -> tuple[Value, Value, Value, Value]:
    """n as a float and as an integer, r, p with 2**x = 2**n (1 + r p)."""
    n, k = nearest(b, x)
    r = x - n
    first, *others = c.EXP2 if is_double(x) else c.EXP2_SINGLE
    return n, k, r, b.fma(r, paired(b, r, r * r, others), first)  # first last: rounded seldom


@function("exp2", ulp=1.0, ulp_single=1.0)
def exp2(b: Builder, x: Value) -> Value:
    """2**x."""
    n, k, r, p = exp2_reduced(b, limits(b, x, (-1080.0, -155.0), (1025.0, 129.0)))
    return scale(b, b.fma(r, p, 1.0), n, k)


@function("expm1", ulp=1.2, ulp_single=1.0)
def expm1(b: Builder, x: Value) -> Value:
    """exp(x) - 1 = 2**n ((1 - 2**-n) + r + r*r*Q(r))."""
    t = reduced(b, limits(b, x, (-40.0, -20.0), (710.0, 89.0)))
    inverse = inverse_power(b, t.k, x.kind, 1)
    one = b.fma(inverse, -0.5, 1.0)
    total, rest = fast_two_sum(one, t.high)
    if not is_double(x):
        rest = rest + b.fma(inverse, -0.5, 1.0 - one)  # what `one` lost: half an ulp at times
    return b.copysign(scale(b, total + (rest + t.low), t.n, t.k), x)


def exp2_pair(b: Builder, x: Value) -> tuple[Value, Value]:
    """2**x and its residual, -1080 <= x <= 0 (double) or -155 <= x <= 0 (single)."""
    n, k, r, p = exp2_reduced(b, x)
    high, low = fast_two_sum(b.constant(x.kind, 1.0), r * p)
    return scale(b, high, n, k), scale(b, low, n, k)


def exp_pair(b: Builder, x: Value) -> tuple[Value, Value]:
    """e**x and its residual, -746 <= x <= 0 (double) or -104 <= x <= 0 (single)."""
    t = reduced(b, x)
    one, error = fast_two_sum(b.constant(x.kind, 1.0), t.high)
    high, low = fast_two_sum(one, error + t.low)
    return scale(b, high, t.n, t.k), scale(b, low, t.n, t.k)
