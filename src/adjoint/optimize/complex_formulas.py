"""Elementary functions of complex numbers, in terms of their real and imaginary parts.

Enters: the parts of arguments, floats of one dtype: nodes, or plain arrays.  Leaves: the parts of
the result, made of real primitives.  A Python number takes the dtype of the value beside it.

Every formula holds for the whole domain, without overflow or underflow on the way, and has the
special values of C99, Annex G, as the C library under NumPy gives them; a `select` takes the place
of a branch.  The errors are a few units in the last place of the result's modulus.  Products,
quotients, `sign` and `expm1` are NumPy's own formulas.

Sources: Smith, "Algorithm 116: Complex division" (1962); Kahan, "Branch cuts for complex elementary
functions, or much ado about nothing's sign bit" (1987); ISO/IEC 9899, Annex G.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..base.dtypes import type_of
from ..graph import op

INFINITY, NAN = math.inf, math.nan


class Pair(NamedTuple):
    """The parts of a complex number."""

    real: Any
    imag: Any


class Range(NamedTuple):
    """What depends on the range of a dtype."""

    exponential: float  # up to which exp(x) and exp(-x) are normal numbers
    doubled: float  # up to which exp(x) is finite
    large: float  # above which squares may overflow
    small: float  # below which squares may underflow
    shrink: float  # what brings large numbers, and small ones, to where they do not
    grow: float


RANGES = {
    "f8": Range(700.0, 709.0, 2.0**510, 2.0**-480, 2.0**-600, 2.0**600),
    "f4": Range(85.0, 88.0, 2.0**62, 2.0**-55, 2.0**-70, 2.0**96),
}


def range_of(x: Any) -> Range:
    """The range of a value's dtype."""
    return RANGES[type_of(x).dtype.str[1:]]


def like(x: Any, number: float) -> Any:
    """A number of a value's dtype, for choices between two numbers."""
    return type_of(x).dtype.type(number)


def both(a: Any, b: Any) -> Any:
    return op.logical_and(a, b)


def either(a: Any, b: Any) -> Any:
    return op.logical_or(a, b)


def is_wild(x: Any) -> Any:
    """Whether a value is infinite or no number."""
    return op.logical_not(op.isfinite(x))


def zero_keeps(y: Any, found: Any) -> Any:
    """`found`, and y itself where it is zero."""
    return op.select(op.equal(y, 0.0), y, found)


def positive_times_i(z: Pair) -> Pair:
    return Pair(op.neg(z.imag), z.real)


def negative_times_i(z: Pair) -> Pair:
    return Pair(z.imag, op.neg(z.real))


# --------------------------------------------------------------------------------------- arithmetic


def add(a: Pair, b: Pair) -> Pair:
    return Pair(op.add(a.real, b.real), op.add(a.imag, b.imag))


def sub(a: Pair, b: Pair) -> Pair:
    return Pair(op.sub(a.real, b.real), op.sub(a.imag, b.imag))


def mul(a: Pair, b: Pair) -> Pair:
    """The plain formula, every operation rounded: NumPy's vector loops leave out a rounding where
    the processor can, and have other infinities where a part overflows."""
    return Pair(
        op.sub(op.mul(a.real, b.real), op.mul(a.imag, b.imag)),
        op.add(op.mul(a.real, b.imag), op.mul(a.imag, b.real)),
    )


def square(z: Pair) -> Pair:
    return mul(z, z)


def div(a: Pair, b: Pair) -> Pair:
    """Smith's quotient: by the ratio of the divisor's smaller part to its larger one."""
    is_real = op.greater_equal(op.abs(b.real), op.abs(b.imag))
    large, small = op.select(is_real, b.real, b.imag), op.select(is_real, b.imag, b.real)
    first, second = op.select(is_real, a.real, a.imag), op.select(is_real, a.imag, a.real)
    ratio = op.div(small, large)
    scale = op.div(1.0, op.add(large, op.mul(small, ratio)))
    turned = op.mul(first, ratio)
    across = op.select(is_real, op.sub(second, turned), op.sub(turned, second))
    real = op.mul(op.add(first, op.mul(second, ratio)), scale)
    imag = op.mul(across, scale)
    size = op.abs(b.real)
    nothing = both(op.equal(size, 0.0), op.equal(b.imag, 0.0))
    return Pair(
        op.select(nothing, op.div(a.real, size), real),
        op.select(nothing, op.div(a.imag, size), imag),
    )


def reciprocal(z: Pair) -> Pair:
    """1/z by the same ratio."""
    is_real = op.less_equal(op.abs(z.imag), op.abs(z.real))
    large, small = op.select(is_real, z.real, z.imag), op.select(is_real, z.imag, z.real)
    ratio = op.div(small, large)
    divisor = op.add(large, op.mul(small, ratio))
    return Pair(
        op.div(op.select(is_real, 1.0, ratio), divisor),
        op.neg(op.div(op.select(is_real, ratio, 1.0), divisor)),
    )


def sign(z: Pair) -> Pair:
    """z/|z|; where |z| is infinite, along the real axis if x is, else along the imaginary one; not
    a number where both are."""
    x, y = z
    size = op.hypot(x, y)
    nothing, endless, along = op.equal(size, 0.0), op.isinf(size), op.isinf(x)
    lost = both(along, op.isinf(y))
    real = op.select(along, op.copysign(op.select(lost, like(x, NAN), like(x, 1.0)), x), 0.0)
    imag = op.select(along, op.select(lost, like(x, NAN), like(x, 0.0)), op.copysign(1.0, y))
    real = op.select(endless, real, op.div(x, size))
    imag = op.select(endless, imag, op.div(y, size))
    return Pair(op.select(nothing, 0.0, real), op.select(nothing, 0.0, imag))


# ------------------------------------------------------------------------- exponentials, logarithms


def exp(z: Pair) -> Pair:
    """exp(x) (cos y + i sin y); where exp(x) is out of range, its root is applied twice."""
    x, y = z
    far = op.greater(op.abs(x), range_of(x).exponential)
    root = op.exp(op.select(far, op.mul(x, 0.5), x))
    more = op.select(far, root, 1.0)
    real = op.mul(root, op.mul(op.cos(y), more))
    imag = op.mul(root, op.mul(op.sin(y), more))
    endless = both(op.isinf(x), is_wild(y))
    below = op.less(x, 0.0)
    real = op.select(endless, op.select(below, like(x, 0.0), like(x, INFINITY)), real)
    imag = op.select(both(endless, below), op.copysign(0.0, y), imag)
    return Pair(real, zero_keeps(y, imag))


def log(z: Pair) -> Pair:
    return logarithm(z.real, z.imag, None)


def logarithm(x: Any, y: Any, less_one: Any) -> Pair:
    """The logarithm of x + iy, with x - 1 where that is known better than x.

    log |z| is a log1p: of |z|**2 - 1 near the unit circle, else of the squared ratio of the parts.
    """
    a, b = op.abs(x), op.abs(y)
    large, small = op.maximum(a, b), op.minimum(a, b)
    near = both(op.greater(large, 0.5), op.less(large, 2.0))
    ratio = op.div(small, large)
    if less_one is None:
        first = op.mul(op.sub(large, 1.0), op.add(large, 1.0))
        beyond = op.add(first, op.mul(small, small))
    else:
        beyond = op.add(op.mul(less_one, op.add(less_one, 2.0)), op.mul(y, y))
    rest = op.mul(0.5, op.log1p(op.select(near, beyond, op.mul(ratio, ratio))))
    real = op.add(op.log(op.select(near, 1.0, large)), rest)
    real = op.select(op.equal(large, 0.0), -INFINITY, real)
    real = op.select(either(op.isinf(x), op.isinf(y)), INFINITY, real)
    return Pair(real, op.arctan2(y, x))


def scaled(z: Pair, factor: float) -> Pair:
    return Pair(op.mul(z.real, factor), op.mul(z.imag, factor))


def log2(z: Pair) -> Pair:
    return scaled(log(z), math.log2(math.e))


def log10(z: Pair) -> Pair:
    return scaled(log(z), math.log10(math.e))


def log1p(z: Pair) -> Pair:
    """The logarithm of 1 + z, right for small z too (NumPy's rounds 1 + z first)."""
    return logarithm(op.add(z.real, 1.0), z.imag, z.real)


def exp2(z: Pair) -> Pair:
    return exp(scaled(z, math.log(2.0)))


def expm1(z: Pair) -> Pair:
    x, y = z
    half = op.sin(op.mul(y, 0.5))
    real = op.sub(op.mul(op.expm1(x), op.cos(y)), op.mul(op.mul(2.0, half), half))
    return Pair(real, op.mul(op.exp(x), op.sin(y)))


def sqrt(z: Pair) -> Pair:
    """The larger part is sqrt((|x| + |z|)/2), the smaller one follows from x and y; both are scaled
    by a power of 4 where a square would leave the range."""
    x, y = z
    limits = range_of(x)
    a, b = op.abs(x), op.abs(y)
    size = op.maximum(a, b)
    above, below = op.greater(size, limits.large), op.less(size, limits.small)
    factor = op.select(above, limits.shrink, op.select(below, limits.grow, like(x, 1.0)))
    back = op.select(above, limits.shrink**-0.5, op.select(below, limits.grow**-0.5, like(x, 1.0)))
    a, b = op.mul(a, factor), op.mul(b, factor)
    size = op.sqrt(op.add(op.mul(a, a), op.mul(b, b)))
    root = op.sqrt(op.mul(0.5, op.add(a, size)))
    rest = op.mul(op.select(op.equal(root, 0.0), 0.0, op.div(b, op.add(root, root))), back)
    root = op.mul(root, back)
    left = op.less(x, 0.0)
    endless = op.isinf(y)
    alone = both(op.isinf(x), op.isfinite(y))
    root = op.select(alone, INFINITY, root)
    rest = op.select(alone, 0.0, rest)
    known = both(op.isinf(x), op.isnan(y))
    root = op.select(known, INFINITY, root)
    real = op.select(endless, INFINITY, op.select(left, rest, root))
    imag = op.select(endless, INFINITY, op.select(left, root, rest))
    return Pair(real, op.copysign(imag, y))


# ------------------------------------------------------------------------ hyperbolas, trigonometry


def hyperbolic(x: Any) -> tuple[Any, Any, Any]:
    """sinh(x), cosh(x) and a factor to apply to both; 1 but where they would overflow."""
    size = op.abs(x)
    far = op.greater(size, range_of(x).exponential)
    less_one = op.expm1(op.select(far, op.mul(size, 0.5), size))
    whole = op.add(less_one, 1.0)
    inverse = op.div(1.0, whole)
    sinh_ = op.mul(0.5, op.add(less_one, op.mul(less_one, inverse)))
    cosh_ = op.mul(0.5, op.add(whole, inverse))
    factor = op.select(far, op.mul(0.5, whole), 1.0)
    return op.copysign(op.select(far, whole, sinh_), x), op.select(far, whole, cosh_), factor


def sinh(z: Pair, endless: float = INFINITY) -> Pair:
    """sinh x cos y + i cosh x sin y; `endless` is the real part where its sign is free."""
    x, y = z
    high, wide, factor = hyperbolic(x)
    real = op.mul(op.mul(high, op.cos(y)), factor)
    imag = op.mul(op.mul(wide, op.sin(y)), factor)
    wild = is_wild(y)
    real = op.select(both(wild, op.equal(x, 0.0)), x, real)
    real = op.select(both(wild, op.isinf(x)), endless, real)
    return Pair(real, zero_keeps(y, imag))


def cosh(z: Pair) -> Pair:
    """cosh x cos y + i sinh x sin y."""
    x, y = z
    high, wide, factor = hyperbolic(x)
    real = op.mul(op.mul(wide, op.cos(y)), factor)
    imag = op.mul(op.mul(high, op.sin(y)), factor)
    wild = is_wild(y)
    real = op.select(both(wild, op.isinf(x)), INFINITY, real)
    imag = op.select(op.equal(y, 0.0), op.mul(y, op.copysign(1.0, x)), imag)
    return Pair(real, op.select(both(wild, op.equal(x, 0.0)), 0.0, imag))


def tanh(z: Pair) -> Pair:
    """(w (1 + e) + 4 i e sin y cos y) / (w**2 + 4 e cos**2 y), e = exp(-2 |x|) and w = 1 - e."""
    x, y = z
    size = op.abs(x)
    wild = is_wild(y)
    y = op.select(both(wild, op.isinf(x)), op.copysign(0.0, y), y)
    limit = range_of(x).doubled
    twice = op.minimum(op.add(size, size), limit)
    less_one = op.expm1(twice)
    inverse = op.div(1.0, op.add(less_one, 1.0))
    less = op.mul(less_one, inverse)
    inverse = op.select(op.greater_equal(twice, limit), 0.0, inverse)
    c, s = op.cos(y), op.sin(y)
    four = op.mul(4.0, inverse)
    divisor = op.add(op.mul(less, less), op.mul(four, op.mul(c, c)))
    real = op.copysign(op.div(op.mul(less, op.add(1.0, inverse)), divisor), x)
    imag = op.div(op.mul(four, op.mul(s, c)), divisor)
    real = op.select(both(wild, op.equal(x, 0.0)), x, real)
    return Pair(real, zero_keeps(y, imag))


def sin(z: Pair) -> Pair:
    return negative_times_i(sinh(positive_times_i(z), -INFINITY))


def cos(z: Pair) -> Pair:
    return cosh(positive_times_i(z))


def tan(z: Pair) -> Pair:
    return negative_times_i(tanh(positive_times_i(z)))


def sinc(z: Pair) -> Pair:
    """sin(pi z) / (pi z), a small number in place of 0."""
    x = z.real
    y = mul(Pair(like(x, math.pi), like(x, 0.0)), z)
    small = Pair(like(x, np.finfo(type_of(x).dtype).eps), like(x, 0.0))
    y = select(nonzero(y), y, small)
    return div(sin(y), y)


# ------------------------------------------------------------------------------- inverse functions


def arcs(z: Pair) -> tuple[Any, Any, Any]:
    """arcsin's real part, arccos's real part, and arcsin's imaginary part.

    Kahan: from the roots of 1 - z and 1 + z, without cancellation; a large z is divided by 4 first.
    """
    x, y = z
    far = op.greater(op.maximum(op.abs(x), op.abs(y)), range_of(x).large)
    u, v = op.select(far, op.mul(x, 0.25), x), op.select(far, op.mul(y, 0.25), y)
    below = sqrt(Pair(op.sub(1.0, u), op.neg(v)))
    above = sqrt(Pair(op.add(1.0, u), v))
    across = op.sub(op.mul(below.real, above.real), op.mul(below.imag, above.imag))
    height = op.arcsinh(op.sub(op.mul(below.real, above.imag), op.mul(below.imag, above.real)))
    height = op.select(far, op.add(height, op.copysign(math.log(4.0), height)), height)
    sine = op.arctan2(u, across)
    cosine = op.mul(2.0, op.arctan2(below.real, above.real))
    endless = either(op.isinf(x), op.isinf(y))
    a, b = direction(x), op.abs(direction(y))
    lost = both(op.equal(x, 0.0), op.isnan(y))
    sine = op.select(endless, op.arctan2(a, b), op.select(lost, x, sine))
    cosine = op.select(endless, op.arctan2(b, a), op.select(lost, like(x, math.pi / 2), cosine))
    return sine, cosine, op.select(endless, op.copysign(INFINITY, y), height)


def direction(x: Any) -> Any:
    """1 in place of infinity and 0 in place of a number, with the sign; NaN as it is."""
    found = op.copysign(op.select(op.isinf(x), like(x, 1.0), like(x, 0.0)), x)
    return op.select(op.isnan(x), x, found)


def arcsin(z: Pair) -> Pair:
    sine, _, height = arcs(z)
    return Pair(sine, height)


def arccos(z: Pair) -> Pair:
    _, cosine, height = arcs(z)
    return Pair(cosine, op.neg(height))


def arccosh(z: Pair) -> Pair:
    _, cosine, height = arcs(z)
    return Pair(op.abs(height), op.copysign(cosine, z.imag))


def arcsinh(z: Pair) -> Pair:
    return negative_times_i(arcsin(positive_times_i(z)))


def arctanh(z: Pair) -> Pair:
    """Kahan: log1p(4 |x| / ((1 - |x|)**2 + y**2)) / 4 and half an angle."""
    x, y = z
    size = op.abs(x)
    less_one = op.sub(1.0, size)
    square_ = op.mul(y, y)
    divisor = op.add(op.mul(less_one, less_one), square_)
    edge = both(op.equal(size, 1.0), op.less(op.abs(y), range_of(x).small))
    ratio = op.div(size, op.mul(0.25, op.select(edge, 1.0, divisor)))
    real = op.mul(0.25, op.log1p(ratio))
    near = op.mul(0.5, op.sub(math.log(2.0), op.log(op.select(edge, op.abs(y), 1.0))))
    real = op.select(edge, near, real)
    across = op.sub(op.mul(less_one, op.add(1.0, size)), square_)
    imag = op.mul(0.5, op.arctan2(y, op.mul(0.5, across)))
    endless = either(op.isinf(x), op.isinf(y))
    real = op.copysign(op.select(endless, 0.0, real), x)
    right = op.select(op.isnan(y), y, op.copysign(math.pi / 2, y))
    imag = op.select(endless, right, imag)
    lost = both(op.equal(x, 0.0), op.isnan(y))
    return Pair(op.select(lost, x, real), imag)


def arctan(z: Pair) -> Pair:
    return negative_times_i(arctanh(positive_times_i(z)))


# -------------------------------------------------------------------------- comparisons and choices


def equal(a: Pair, b: Pair) -> Any:
    return both(op.equal(a.real, b.real), op.equal(a.imag, b.imag))


def not_equal(a: Pair, b: Pair) -> Any:
    return either(op.not_equal(a.real, b.real), op.not_equal(a.imag, b.imag))


def ordered(a: Pair, b: Pair, strict: Any, last: Any) -> Any:
    """NumPy's lexicographic order: by the real parts, by the imaginary ones where those are equal;
    no order with NaN."""
    known = op.logical_not(either(op.isnan(a.imag), op.isnan(b.imag)))
    return either(
        both(strict(a.real, b.real), known),
        both(op.equal(a.real, b.real), last(a.imag, b.imag)),
    )


def less(a: Pair, b: Pair) -> Any:
    return ordered(a, b, op.less, op.less)


def less_equal(a: Pair, b: Pair) -> Any:
    return ordered(a, b, op.less, op.less_equal)


def greater(a: Pair, b: Pair) -> Any:
    return ordered(a, b, op.greater, op.greater)


def greater_equal(a: Pair, b: Pair) -> Any:
    return ordered(a, b, op.greater, op.greater_equal)


def nonzero(z: Pair) -> Any:
    """Whether a number counts as true."""
    return either(op.not_equal(z.real, 0.0), op.not_equal(z.imag, 0.0))


def isnan(z: Pair) -> Any:
    return either(op.isnan(z.real), op.isnan(z.imag))


def isinf(z: Pair) -> Any:
    return either(op.isinf(z.real), op.isinf(z.imag))


def isfinite(z: Pair) -> Any:
    return both(op.isfinite(z.real), op.isfinite(z.imag))


def select(mask: Any, a: Pair, b: Pair) -> Pair:
    return Pair(op.select(mask, a.real, b.real), op.select(mask, a.imag, b.imag))


def maximum(a: Pair, b: Pair) -> Pair:
    return select(either(greater_equal(a, b), isnan(a)), a, b)


def minimum(a: Pair, b: Pair) -> Pair:
    return select(either(less_equal(a, b), isnan(a)), a, b)


def fmax(a: Pair, b: Pair) -> Pair:
    return select(either(greater_equal(a, b), isnan(b)), a, b)


def fmin(a: Pair, b: Pair) -> Pair:
    return select(either(less_equal(a, b), isnan(b)), a, b)


# ------------------------------------------------------------------------------------------- powers

MULTIPLIED = 100  # below which whole exponents are multiplications, as in NumPy
LARGEST_EXPONENT = 16  # above which rounding leaves little of exp(exponent log z)


def has_formula(exponent: complex) -> bool:
    """Whether `power` takes an exponent."""
    return is_multiplied(exponent) or abs(exponent) <= LARGEST_EXPONENT


def is_multiplied(exponent: complex) -> bool:
    """Whether a power is a chain of multiplications."""
    real = exponent.real
    return exponent.imag == 0 and abs(real) < MULTIPLIED and real == int(real)


def power(z: Pair, exponent: complex) -> Pair:
    """z to a known power, as NumPy has it: by multiplications for small whole exponents, else
    exp(exponent log z)."""
    one = Pair(like(z.real, 1.0), like(z.real, 0.0))
    if exponent == 0:
        return one
    if not is_multiplied(exponent):
        found = exp(times_known(exponent, log(z)))
    elif exponent.real in (1, 2, 3):
        found = z
        for _ in range(int(exponent.real) - 1):
            found = mul(found, z)
    else:
        count, found, base = abs(int(exponent.real)), one, z
        while count:
            if count & 1:
                found = mul(found, base)
            count >>= 1
            if count:
                base = mul(base, base)
        found = found if exponent.real > 0 else div(one, found)
    origin = both(op.equal(z.real, 0.0), op.equal(z.imag, 0.0))
    there = 0.0 if exponent.real > 0 else NAN
    return Pair(op.select(origin, there, found.real), op.select(origin, there, found.imag))


def times_known(exponent: complex, z: Pair) -> Pair:
    """exponent * log(z); where that is infinite with an unknown angle, infinite still (Annex G)."""
    found = mul(Pair(exponent.real, exponent.imag), z)
    if exponent.real == 0:
        return found
    endless = both(op.isinf(z.real), op.isnan(z.imag))
    return Pair(op.select(endless, math.copysign(INFINITY, exponent.real), found.real), found.imag)
