"""Sums, products, quotients, remainders, extrema, divisors, of floats and integers, as NumPy's.

Integer division never traps: a divisor that would is replaced before dividing.  Integers of up to
32 bits are divided as floats where there are lanes, which gives the same quotients: |a| < 2**32 and
a/b apart from a whole number by 1/|b| or more, so rounding to 53 bits keeps the whole part (24 bits
for 16-bit numbers).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..builder import FLOATS, INTEGERS, Builder, Value
from . import routines  # noqa: F401  (registers what is called here)
from .table import DOUBLE, Loop, convert, loop_of, operation

INFINITY = float("inf")


@operation("add")
def write_add(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    return b.integer("or", x, y) if x.kind == "i1" else b.add(x, y)


@operation("sub", ufunc="subtract")
def write_sub(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    return b.sub(x, y)


@operation("mul", ufunc="multiply")
def write_mul(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    return b.integer("and", x, y) if x.kind == "i1" else b.mul(x, y)


@operation("div", ufunc="true_divide")
def write_div(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    return b.div(x, y)


@operation("neg", ufunc="negative")
def write_neg(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    return b.neg(x)


def same(operands: tuple[np.dtype, ...], result: np.dtype) -> Loop:
    """The operand as it is."""
    return operands, operands[0]


@operation("positive")
@operation("conj", ufunc="conjugate")
@operation("real", loop=same)
def write_positive(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    return x


@operation("imag", loop=same)
def write_imag(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    return b.constant(x.kind, 0)


@operation("square")
def write_square(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    return b.mul(x, x)


@operation("reciprocal")
def write_reciprocal(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    if x.kind in FLOATS:
        return b.div(1.0, x)
    return convert(b, b.div(1.0, convert(b, x, d[0], DOUBLE)), DOUBLE, r)


@operation("sqrt")
@operation("safe_sqrt", ufunc="sqrt")
def write_sqrt(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    return b.sqrt(x)


@operation("abs", ufunc="absolute")
def write_abs(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    if x.kind in FLOATS:
        return b.abs(x)
    return magnitude(b, x, d[0])


def magnitude(b: Builder, x: Value, dtype: np.dtype) -> Value:
    """|x| of an integer; the least one stays."""
    return b.select(b.compare("slt", x, 0), b.neg(x), x) if dtype.kind == "i" else x


@operation("sign")
def write_sign(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    if x.kind in FLOATS:
        rest = b.select(b.compare("oeq", x, 0.0), 0.0, x)  # 0 or NaN
        rest = b.select(b.compare("olt", x, 0.0), -1.0, rest)
        return b.select(b.compare("ogt", x, 0.0), 1.0, rest)
    positive = convert(b, b.compare("ne", x, 0), np.dtype(bool), r)
    return b.select(b.compare("slt", x, 0), -1, positive) if d[0].kind == "i" else positive


# ------------------------------------------------------------------------------------------ extrema


def larger(b: Builder, x: Value, y: Value, dtype: np.dtype, sign: str) -> Value:
    """The larger one ("gt") or the smaller one ("lt"); of equal or unordered floats the second."""
    if x.kind in FLOATS:
        return b.select(b.compare("o" + sign, x, y), x, y)
    if x.kind == "i1":
        return b.integer("or" if sign == "gt" else "and", x, y)
    return b.select(b.compare(("s" if dtype.kind == "i" else "u") + sign, x, y), x, y)


def extremum(sign: str) -> Any:
    """`maximum` or `minimum`: NaN wins."""

    def write(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
        found = larger(b, x, y, d[0], sign)
        return b.select(b.is_nan(x), x, found) if x.kind in FLOATS else found

    return write


def number(sign: str) -> Any:
    """`fmax` or `fmin`: a number wins over NaN."""

    def write(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
        found = larger(b, x, y, d[0], sign)
        return b.select(b.is_nan(y), x, found) if x.kind in FLOATS else found

    return write


write_maximum = operation("maximum")(extremum("gt"))
write_minimum = operation("minimum")(extremum("lt"))
operation("fmax")(number("gt"))
operation("fmin")(number("lt"))


@operation("clip", ufunc=vars(np)["_core"].umath.clip)
def write_clip(b: Builder, r: Any, d: Any, p: Any, x: Value, low: Value, high: Value) -> Value:
    return write_minimum(b, r, d, p, write_maximum(b, r, d, p, x, low), high)


# ----------------------------------------------------------------------------------------- division


def whole_quotient(b: Builder, x: Value, y: Value, dtype: np.dtype) -> Value:
    """x / y cut off, for a divisor that is neither 0 nor -1."""
    signed = dtype.kind == "i"
    width = INTEGERS[x.kind]
    if max(x.lanes, y.lanes) == 1 or width == 64:
        return b.integer("sdiv" if signed else "udiv", x, y)
    wide = "float" if width <= 16 else "double"
    into, back = ("sitofp", "fptosi") if signed else ("uitofp", "fptoui")
    return b.cast(back, b.div(b.cast(into, x, wide), b.cast(into, y, wide)), x.kind)


def quotient(b: Builder, x: Value, y: Value, dtype: np.dtype) -> tuple[Value, Value]:
    """x / y of integers cut off (of a divisor 0: x), and whether the divisor is 0."""
    zero = b.compare("eq", y, 0)
    if dtype.kind != "i":
        return whole_quotient(b, x, b.select(zero, 1, y), dtype), zero
    minus = b.compare("eq", y, -1)
    found = whole_quotient(b, x, b.select(b.integer("or", zero, minus), 1, y), dtype)
    return b.select(minus, b.neg(x), found), zero


@operation("floor_divide")
def write_floor_divide(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    if x.kind in FLOATS:
        return divided(b, x, y)[0]
    power = power_of_two(y)
    if power is not None:
        return b.integer("ashr" if d[0].kind == "i" else "lshr", x, power)
    found, zero = quotient(b, x, y, d[0])
    if d[0].kind == "i":
        found = b.select(turned(b, x - found * y, y), found - 1, found)
    return b.select(zero, 0, found)


@operation("remainder")
def write_remainder(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    if x.kind in FLOATS:
        return divided(b, x, y)[1]
    power = power_of_two(y)
    if power is not None:
        return b.integer("and", x, (1 << power) - 1)
    found, zero = quotient(b, x, y, d[0])
    rest = x - found * y
    if d[0].kind == "i":
        rest = b.select(turned(b, rest, y), rest + y, rest)
    return b.select(zero, 0, rest)


def power_of_two(y: Value) -> int | None:
    """The exponent of a divisor that is known to be a power of two; None for any other."""
    n = int(y.text) if y.lanes == 1 and y.text.isdecimal() else 0
    return n.bit_length() - 1 if n and not n & (n - 1) else None


def turned(b: Builder, rest: Value, y: Value) -> Value:
    """Whether a remainder has the other sign than the divisor."""
    other = b.compare("slt", b.integer("xor", rest, y), 0)
    return b.integer("and", b.compare("ne", rest, 0), other)


@operation("fmod")
def write_fmod(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    if x.kind in FLOATS:
        return fmod(b, x, y)
    found, zero = quotient(b, x, y, d[0])
    return b.select(zero, 0, x - found * y)


def fmod(b: Builder, x: Value, y: Value) -> Value:
    """The remainder with the sign of x, exact (a float32's is one again)."""
    x, y = b.together(x, y)
    wide = [b.cast("fpext", v, "double") for v in (x, y)]
    return b.cast("fptrunc", b.function("exact.fmod", *wide), x.kind)


def divided(b: Builder, x: Value, y: Value) -> tuple[Value, Value]:
    """The quotient's floor and the remainder with the divisor's sign, as Python and NumPy do.

    The remainder comes from `fmod`; the quotient, (x - remainder)/y, is close to a whole number and
    is rounded to it.  A divisor 0 gives x/0 and NaN.
    """
    x, y = b.together(x, y)
    rest = fmod(b, x, y)
    ratio = x / y
    found = (x - rest) / y
    some = b.compare("une", rest, 0.0)
    signs = b.integer("xor", b.compare("olt", y, 0.0), b.compare("olt", rest, 0.0))
    other = b.integer("and", some, signs)
    found = b.select(other, found - 1.0, found)
    remainder = b.select(other, rest + y, b.select(some, rest, b.copysign(0.0, y)))
    floor = floor_of(b, found)
    floor = b.select(b.compare("ogt", found - floor, 0.5), floor + 1.0, floor)
    floor = b.select(b.compare("une", found, 0.0), floor, b.copysign(0.0, ratio))
    zero = b.compare("oeq", y, 0.0)
    return b.select(zero, ratio, floor), b.select(zero, rest, remainder)


# ----------------------------------------------------------------------------- rounding to integers


def has_rounding(b: Builder) -> bool:
    """Whether rounding is an instruction; x86 before SSE4.1 would call a library."""
    return "86" not in b.target.triple.split("-")[0] or b.target.has("sse4.1")


def rounding(b: Builder, name: str, x: Value) -> Value:
    """`floor`, `ceil`, `trunc` or `rint` of a float."""
    if has_rounding(b):
        return b.intrinsic(name, x)
    size = b.abs(x)
    limit = {"double": 2.0**52, "float": 2.0**23}[x.kind]  # whole numbers from here on
    even = (size + limit) - limit
    if name != "rint":
        below = b.compare("ogt", even, size)
        if name != "trunc":
            down = b.integer("xor", b.compare("olt", x, 0.0), name == "ceil")
            cut = b.select(below, even - 1.0, even)  # away from zero where that is the direction
            up = b.select(b.compare("olt", cut, size), cut + 1.0, cut)
            even = b.select(down, up, cut)
        else:
            even = b.select(below, even - 1.0, even)
    return b.select(b.compare("olt", size, limit), b.copysign(even, x), x)


def floor_of(b: Builder, x: Value) -> Value:
    """The largest whole number that is not above."""
    return rounding(b, "floor", x)


# ------------------------------------------------------------------------------ divisors and powers


def divisor(b: Builder, x: Value, y: Value, dtype: np.dtype) -> tuple[Value, Value, Value]:
    """The greatest common divisor of two integers' sizes, and these."""
    x, y = b.together(x, y)
    u, v = magnitude(b, x, dtype), magnitude(b, y, dtype)
    return b.function("exact.gcd", u, v), u, v


@operation("gcd")
def write_gcd(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    return divisor(b, x, y, d[0])[0]


@operation("lcm")
def write_lcm(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    common, u, v = divisor(b, x, y, d[0])
    common = b.select(b.compare("eq", common, 0), 1, common)
    unsigned = np.dtype(f"u{d[0].itemsize}")
    found = whole_quotient(b, u, common, unsigned) * v
    return found  # where both are 0 this is 0


def power_loop(operands: tuple[np.dtype, ...], result: np.dtype) -> Loop:
    """Powers of integers with a sign are an error for negative exponents."""
    found = loop_of(np.power, operands)
    if found[1].kind == "i":
        raise TypeError("negative exponents of integers are an error, which NumPy raises")
    return found


@operation("pow", loop=power_loop)
def write_pow(b: Builder, r: Any, d: Any, p: Any, x: Value, n: Value) -> Value:
    return b.function("pow" if x.kind in FLOATS else "exact.power", x, n)
