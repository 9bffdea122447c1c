"""sinh, cosh, tanh, their inverses and the logistic function, as LLVM IR of any width.

With x = n log(2) + r, the addition theorems turn sinh(x) and cosh(x) into powers of two and
polynomials in r*r, without a division; tanh(x) into a quotient, of which a short number near it is
taken away first.  The logistic function is a quotient with a residual.

The inverses take an integer n near x/log(2), and tanh((x - n log(2))/2) is a rational expression of
what is given: (sinh x - sinh n log(2))/(cosh x + cosh n log(2)) for arcsinh and arccosh.  The rest
is the polynomial of `log`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..builder import Builder, Value
from . import coefficients as c
from .estimates import in_pairs
from .exponential import LN2, LOG2_E, limits, reduced
from .logarithm import LN2 as LN2_BELOW
from .registry import function
from .vectors import (
    fast_two_sum,
    format_of,
    fraction_and_exponent,
    highest,
    inverse_power,
    is_double,
    lookup,
    lowest,
    nearest,
    paired,
    quotient,
    scale,
    two_product,
    two_sum,
)


def hyperbolic(b: Builder, x: Value, odd: bool) -> Value:
    """sinh(|x|) where odd, else cosh(x)."""
    x = limits(b, b.abs(x), (-1.0, -1.0), (710.6, 89.5))
    n, k = nearest(b, x, LOG2_E)
    first, second = LN2[x.kind]
    high = b.fma(n, -first, x)
    rest = n * -second
    r = high + rest
    z = r * r
    double = is_double(x)
    cosh = z * paired(b, z, z * z, c.COSH if double else c.COSH_SINGLE)  # cosh(r) - 1
    sinh = b.fma(r * z, paired(b, z, z * z, c.SINH if double else c.SINH_SINGLE), rest)  # - high
    inverse = inverse_power(b, k, x.kind, 2)
    square = inverse * inverse  # 2**(4 - 2 n)
    a = b.fma(square, -1 / 32, 0.5)  # sinh(n log 2)/2**n
    d = b.fma(square, 1 / 32, 0.5)  # cosh(n log 2)/2**n
    if not odd:
        a, d = d, a
    total = b.fma(d, high, a)
    lost = b.fma(square, (-1 if odd else 1) / 32, 0.5 - a)  # half an ulp where n is 27, or 12
    error = b.fma(d, high, a - total) + lost
    return scale(b, total + (b.fma(d, sinh, a * cosh) + error), n, k)


@function("sinh", ulp=1.0, ulp_single=1.0)
def sinh(b: Builder, x: Value) -> Value:
    """(exp(x) - exp(-x))/2."""
    return b.copysign(hyperbolic(b, x, True), x)


@function("cosh", ulp=1.0, ulp_single=1.0)
def cosh(b: Builder, x: Value) -> Value:
    """(exp(x) + exp(-x))/2."""
    return hyperbolic(b, x, False)


class Tangent(NamedTuple):
    """The constants of tanh for a kind of float."""

    unit: float  # log(2)/2
    rest: float  # what that lacks
    last: int  # up to which n both 1 - 2**-n and 1 + 2**-n are floats
    inverse: int  # less a number's bits: those of its reciprocal, within 7%
    short: int  # the bits of a number of half as many digits
    polynomial: Sequence[float]


TANGENTS = {
    "double": Tangent(
        0.34657359027997264, 1.1595234069231498e-17, 52, 0x7FDF << 48, -1 << 27, c.TANH
    ),
    "float": Tangent(
        0.3465735912322998, -9.52327149978884e-10, 23, 0x7EF8 << 16, -1 << 12, c.TANH_SINGLE
    ),
}


@function("tanh", ulp=1.0, ulp_single=1.0)
def tanh(b: Builder, x: Value) -> Value:
    """(A + B s)/(B + A s) with |x| = n log(2)/2 + r, s = tanh(r), A = 1 - 2**-n, B = 1 + 2**-n.

    A short number c near that quotient is taken away before the division, so that the quotient's
    error is small: c + (P + Q s)/(B + A s) with P = A - c B, Q = B - c A, which are exact.  s is
    r less `tail`, and stays in these two parts; c needs r alone, and no more than a guess at the
    reciprocal (the difference of the bits; J. F. Blinn, Floating-Point Tricks, 1997).
    """
    if not is_double(x) and b.target.vector_bits == 512:
        return tanh_by_table(b, x)
    t, form = TANGENTS[x.kind], format_of(x)
    a = lowest(b, b.abs(x), 19.5 if is_double(x) else 9.5)
    magic = form.magic + form.bias  # the lowest bits are the exponent of 2**-n
    shifted = highest(b, b.fma(a, -2.0 * LOG2_E, magic), magic - t.last)
    n = magic - shifted
    power = b.from_bits(b.bits(shifted) << form.shift)
    big, small = 1.0 + power, 1.0 - power
    r = b.fma(n, -t.unit, a)
    square = r * r
    divisor = b.fma(small, r, big)
    guess = b.fma(big, r, small) * b.from_bits(t.inverse - b.bits(divisor))
    guess = b.from_bits(b.bits(guess) & t.short)
    tail = b.fma(r * square, in_pairs(b, square, t.polynomial), n * t.rest)
    slope = b.fma(-guess, small, big)
    above = b.fma(-slope, tail, b.fma(slope, r, b.fma(-guess, big, small)))
    return b.copysign(guess + b.div(above, b.fma(-small, tail, divisor)), x)


def tanh_by_table(b: Builder, x: Value) -> Value:
    """A polynomial for each quarter of an octave, its coefficients looked up in two registers."""
    a = b.abs(x)
    lowest_bits = 0x3E000000 - (1 << 21)  # of 1/8, a quarter of an octave less
    index = b.bits(lowest(b, highest(b, a, 0.12), 11.0)) - lowest_bits
    index = b.integer("lshr", index, 21)
    row = lambda k: lookup(b, f"tanh.{k}", getattr(c, f"TANH_{k}"), index, x.kind)
    h = lowest(b, a, 11.0) - row(0)
    p = paired(b, h, h * h, [row(k) for k in range(2, 8)])
    return b.copysign(b.fma(h, p, h) + row(1), x)


@function("expit", ulp=1.0, ulp_single=1.0)
def expit(b: Builder, x: Value) -> Value:
    """1/(1 + exp(-x)): with E = exp(-|x|), 1/(1 + E) or E/(1 + E), which is scaled last."""
    minus = highest(b, -b.abs(x), -746.0 if is_double(x) else -104.0)
    t = reduced(b, minus)
    one = b.constant(x.kind, 1.0)
    high, low = fast_two_sum(one, t.high)
    high, low = fast_two_sum(high, low + t.low)
    divisor, rest = fast_two_sum(one, scale(b, high, t.n, t.k))
    rest = rest + scale(b, low, t.n, t.k)
    negative = b.compare("olt", x, 0.0)
    y = quotient(b, b.select(negative, high, 1.0), b.select(negative, low, 0.0), divisor, rest)
    return b.select(negative, scale(b, y, t.n, t.k), y)


def from_tangent(b: Builder, n: Value, t: Value, rest: Any) -> Value:
    """n log(2) + 2 atanh((t + rest)/2), |t| <= 2/5."""
    first, second = LN2_BELOW[t.kind]
    z = t * t
    numbers = c.LOG if is_double(t) else c.ATANH_SINGLE
    p = paired(b, z, z * z, [v / 8 * 0.25**k for k, v in enumerate(numbers)])
    tail = b.fma(t * z, p, b.fma(n, second, rest))
    total = b.fma(n, first, t)
    error = b.fma(n, first, -total) + t
    return total + (error + tail)


def moved(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """Large |x| divided by a power of two that keeps it large; that power's exponent; min(x, b)."""
    limit, power, enough = (2.0**600, 540, 2.0**30) if is_double(x) else (2.0**90, 60, 2.0**15)
    huge = b.compare("ogt", x, limit)
    x = b.select(huge, x * 2.0**-power, x)
    return x, b.select(huge, b.constant(x.kind, power), 0.0), lowest(b, x, enough)


def steps(b: Builder, power: Value) -> tuple[Value, Value, Value]:
    """n, sinh(n log(2)), cosh(n log(2)) with 2**n next to the power."""
    _, n, _ = fraction_and_exponent(b, power)
    form = format_of(power)
    middle = form.magic + (form.bias - 1)  # the lowest bits are exponents
    up, down = (b.from_bits(b.bits(e) << form.shift) for e in (n + middle, middle - n))
    return n, up - down, up + down


@function("arcsinh", ulp=0.7, ulp_single=1.0)
def arcsinh(b: Builder, x: Value) -> Value:
    """The inverse of sinh: with n next to its value over log(2), see the module."""
    a, more, small = moved(b, b.abs(x))
    square = b.fma(small, small, 1.0)
    rest = b.fma(small, small, 1.0 - square)
    root = b.sqrt(square)
    rest = b.fma(-root, root, square) + rest  # 2 root times what the root lacks
    root = b.select(b.compare("oeq", a, small), root, a)
    n, sinh, cosh = steps(b, a + root)
    above = a - sinh
    above = above + above
    below, error = fast_two_sum(cosh, root)
    inverse = b.div(1.0, below)
    t = above * inverse
    error = b.fma(rest, inverse, error)
    low = b.fma(-t, error, b.fma(-t, below, above)) * inverse
    y = b.copysign(from_tangent(b, n + more, t, low), x)
    return b.select(b.compare("oeq", b.abs(x), float("inf")), x, y)


@function("arccosh", ulp=0.7, ulp_single=1.0)
def arccosh(b: Builder, x: Value) -> Value:
    """The inverse of cosh, 1 <= x."""
    a, more, small = moved(b, x)
    less, plus = small - 1.0, small + 1.0
    square, rest = two_product(b, less, plus)
    rest = b.fma(less, small - (plus - 1.0), rest)
    root = b.sqrt(square)
    rest = (b.fma(-root, root, square) + rest) * b.div(0.5, highest(b, root, 1e-30))
    root = b.select(b.compare("oeq", a, small), root, a)
    n, sinh, cosh = steps(b, a + root)
    above = root - sinh
    rest = (root - (above + sinh)) + rest
    below, error = two_sum(cosh, a)
    inverse = b.div(1.0, below)
    above, rest = above + above, rest + rest
    t = above * inverse
    low = (b.fma(-t, error, b.fma(-t, below, above)) + rest) * inverse
    y = from_tangent(b, n + more, t, low)
    y = b.select(b.compare("oeq", x, float("inf")), x, y)
    return b.select(b.compare("olt", x, 1.0), float("nan"), y)


@function("arctanh", ulp=1.0, ulp_single=1.0)
def arctanh(b: Builder, x: Value) -> Value:
    """log((1 + x)/(1 - x))/2: with a power of two, q, next to that quotient of u and v, it is
    log(q)/2 + atanh((u - q v)/(u + q v))."""
    a = b.abs(x)
    one = b.constant(x.kind, 1.0)
    u, more = fast_two_sum(one, a)
    v, less = fast_two_sum(one, -a)
    m, n, _ = fraction_and_exponent(b, v)
    n = b.select(b.compare("ogt", u, m * 1.5), 1.0 - n, -n)
    form = format_of(x)
    q = b.from_bits(b.bits(n + (form.magic + form.bias)) << form.shift)
    above = b.fma(-q, v, u) + b.fma(-q, less, more)
    below = b.fma(q, v, u)
    error = b.fma(q, v, u - below) + b.fma(q, less, more)
    inverse = b.div(1.0, below)
    above = above + above
    t = above * inverse
    low = b.fma(-t, error, b.fma(-t, below, above)) * inverse
    y = b.copysign(from_tangent(b, n, t, low) * 0.5, x)

    def others() -> list[Value]:
        infinity = b.copysign(b.constant(x.kind, float("inf")), x)
        ends = b.select(b.compare("ogt", a, 1.0), float("nan"), infinity)
        return [b.select(b.compare("oge", a, 1.0), ends, y)]

    return b.rarely(b.compare("oge", a, 1.0), [y], others)[0]
