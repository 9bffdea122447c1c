"""Rounding, signs, and the parts of a float, as NumPy's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..builder import FLOATS, INTEGERS, Builder, Value
from ..mathlib.vectors import LETTER, by_register, registers
from .arithmetic import rounding
from .table import BOOL, DOUBLE, INT, Loop, convert, loop_of, operation

SMALLEST = {"double": 2.0**-1074, "float": 2.0**-149}


for name in ("floor", "ceil", "trunc", "rint"):

    @operation(name)
    def write_rounding(b: Builder, r: Any, d: Any, p: Any, x: Value, name: str = name) -> Value:
        return rounding(b, name, x) if x.kind in FLOATS else x


def round_loop(operands: tuple[np.dtype, ...], result: np.dtype) -> Loop:
    """`np.round` keeps floats and integers."""
    if operands[0].kind == "b":
        raise TypeError("booleans are rounded to float16")
    return operands, operands[0]


@operation("round", loop=round_loop)
def write_round(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    """x times 10**decimals, rounded, divided again; with negative decimals the other way round."""
    decimals = p["decimals"]
    integral = x.kind not in FLOATS
    if integral:
        if decimals >= 0:
            return x
        x = convert(b, x, d[0], DOUBLE)
    if decimals == 0:
        return rounding(b, "rint", x)
    try:
        factor = 10.0 ** abs(decimals)
    except OverflowError:
        factor = math.inf
    with np.errstate(over="ignore"):
        c = float(np.float32(factor)) if x.kind == "float" else factor
    if decimals > 0:
        found = rounding(b, "rint", x * c) / c
    else:
        found = rounding(b, "rint", x / c) * c
    return convert(b, found, DOUBLE, r) if integral else found


@operation("modf_fraction", ufunc="modf")
def write_modf_fraction(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    rest = x - rounding(b, "trunc", x)
    infinite = b.compare("oeq", b.abs(x), math.inf)
    return b.copysign(b.select(infinite, 0.0, rest), x)


@operation("copysign")
def write_copysign(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    return b.copysign(x, y)


@operation("heaviside")
def write_heaviside(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    rest = b.select(b.compare("oeq", x, 0.0), y, x)  # y or NaN
    rest = b.select(b.compare("olt", x, 0.0), 0.0, rest)
    return b.select(b.compare("ogt", x, 0.0), 1.0, rest)


@operation("nextafter")
def write_nextafter(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    """The bits of a float, as an integer, count the floats of its sign from zero on."""
    x, y = b.together(x, y)
    bits = b.bits(x)
    away = b.integer("xor", b.compare("ogt", y, x), b.compare("olt", x, 0.0))
    found = b.from_bits(b.select(away, bits + 1, bits - 1))
    smallest = b.copysign(b.constant(x.kind, SMALLEST[x.kind]), y)
    found = b.select(b.compare("oeq", x, 0.0), smallest, found)
    found = b.select(b.compare("oeq", x, y), y, found)
    return b.select(b.compare("uno", x, y), x + y, found)


@operation("spacing")
def write_spacing(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    """From x to the next float away from zero."""
    found = b.from_bits(b.bits(x) + 1) - x
    found = b.select(b.compare("oeq", x, 0.0), SMALLEST[x.kind], found)
    return b.select(b.compare("oeq", b.abs(x), math.inf), math.nan, found)


def ldexp_loop(operands: tuple[np.dtype, ...], result: np.dtype) -> Loop:
    """The exponent is a C int, whatever came."""
    (x, _), found = loop_of(np.ldexp, (operands[0], INT))
    return (x, INT), found


@operation("ldexp", loop=ldexp_loop)
def write_ldexp(b: Builder, r: Any, d: Any, p: Any, x: Value, n: Value) -> Value:
    """x * 2**n, rounded once: all steps but the last are exact, or the result is 0 or infinite."""
    x, n = b.splat(x, max(x.lanes, n.lanes)), b.splat(n, max(x.lanes, n.lanes))
    if registers(b, x) and x.text.startswith("%"):  # one instruction does it
        name = f"llvm.x86.avx512.mask.scalef.{LETTER[x.kind]}"
        whole = b.cast("sitofp", n, x.kind)
        return by_register(b, name, (x, whole), "{type} poison, {mask}, i32 4")
    single = x.kind == "float"
    x = b.cast("fpext", x, "double")
    n = b.cast("sext", n, "i64")

    def bounded(n: Value, low: int, high: int) -> Value:
        n = b.select(b.compare("slt", n, low), low, n)
        return b.select(b.compare("sgt", n, high), high, n)

    def scaled(x: Value, n: Value) -> Value:
        return x * b.from_bits((n + 1023) << 52)

    if single:
        return b.cast("fptrunc", scaled(x, bounded(n, -400, 400)), "float")
    # 2**53 is kept back while going down, so that only the last product can be subnormal
    n = bounded(n, -2200, 2200)
    for _ in range(2):
        low, high = b.compare("slt", n, -1022), b.compare("sgt", n, 1023)
        step = b.select(low, -969, b.select(high, 1023, b.constant("i64", 0)))
        x, n = scaled(x, step), n - step
    return scaled(x, bounded(n, -1022, 1023))


def frexp_loop(operands: tuple[np.dtype, ...], result: np.dtype) -> Loop:
    """The second result is a C int."""
    return loop_of(np.frexp, operands)[0], INT


@operation("frexp_exponent", loop=frexp_loop)
def write_frexp_exponent(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    """The exponent of x = m 2**e, 1/2 <= |m| < 1; 0 for zeros, infinities and NaN."""
    x = b.cast("fpext", x, "double")
    size = b.abs(x)
    small = b.compare("olt", size, 2.0**-1022)
    bits = b.bits(b.select(small, size * 2.0**54, size))
    found = b.integer("lshr", bits, 52) - b.select(small, 1022 + 54, b.constant("i64", 1022))
    some = b.integer("and", b.compare("ogt", size, 0.0), b.compare("olt", size, math.inf))
    return b.cast("trunc", b.select(some, found, 0), "i32")


def ratio(x: Value, above: float, below: float) -> float:
    """above / below, in the value's precision."""
    if x.kind == "double":
        return above / below
    return float(np.float32(above) / np.float32(below))


@operation("degrees")
def write_degrees(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    return b.mul(x, ratio(x, 180.0, math.pi))


@operation("radians")
def write_radians(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    return b.mul(x, ratio(x, math.pi, 180.0))


# -------------------------------------------------------------------------------------------- tests


def always(b: Builder, holds: bool) -> Value:
    return b.constant("i1", holds)


@operation("isnan")
def write_isnan(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    return b.is_nan(x) if x.kind in FLOATS else always(b, False)


@operation("isinf")
def write_isinf(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    return b.compare("oeq", b.abs(x), math.inf) if x.kind in FLOATS else always(b, False)


@operation("isfinite")
def write_isfinite(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    return b.compare("olt", b.abs(x), math.inf) if x.kind in FLOATS else always(b, True)


@operation("signbit")
def write_signbit(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    return b.compare("slt", b.bits(x), 0)


# -------------------------------------------------------------------- choice, comparisons and logic


def select_loop(operands: tuple[np.dtype, ...], result: np.dtype) -> Loop:
    """Both values in the result's dtype."""
    return (BOOL, result, result), result


@operation("select", loop=select_loop)
def write_select(b: Builder, r: Any, d: Any, p: Any, mask: Value, x: Value, y: Value) -> Value:
    return b.select(mask, x, y)


COMPARISONS = {
    "equal": "eq",
    "not_equal": "ne",
    "less": "lt",
    "less_equal": "le",
    "greater": "gt",
    "greater_equal": "ge",
}
SWAPPED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}


def compared(b: Builder, sign: str, d: Any, x: Value, y: Value) -> Value:
    """A comparison; an integer with a sign and one without are compared as numbers."""
    if x.kind in FLOATS:
        return b.compare(("u" if sign == "ne" else "o") + sign, x, y)
    if (d[0].kind == "i") != (d[1].kind == "i"):
        if d[1].kind == "i":
            return compared(b, SWAPPED[sign], (d[1], d[0]), y, x)
        negative = b.compare("slt", x, 0)
        found = compared(b, sign, (d[1], d[1]), x, y)
        if sign in ("ne", "lt", "le"):
            return b.integer("or", negative, found)
        return b.integer("and", b.integer("xor", negative, True), found)
    prefix = "" if sign in ("eq", "ne") else "s" if d[0].kind == "i" else "u"
    return b.compare(prefix + sign, x, y)


for name in COMPARISONS:

    @operation(name)
    def write_comparison(
        b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value, sign: str = COMPARISONS[name]
    ) -> Value:
        return compared(b, sign, d, x, y)


def logical_loop(operands: tuple[np.dtype, ...], result: np.dtype) -> Loop:
    """What is not zero is true, in any dtype."""
    return (BOOL,) * len(operands), BOOL


for name in ("logical_and", "logical_or", "logical_xor"):

    @operation(name, loop=logical_loop)
    @operation(name.replace("logical", "bitwise"))
    def write_bitwise(
        b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value, opcode: str = name[8:]
    ) -> Value:
        return b.integer(opcode, x, y)


@operation("logical_not", loop=logical_loop)
@operation("invert")
def write_invert(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    return b.integer("xor", x, True if x.kind == "i1" else -1)


@operation("left_shift")
def write_left_shift(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    inside = b.compare("ult", y, INTEGERS[x.kind])
    return b.select(inside, b.integer("shl", x, b.select(inside, y, 0)), 0)


@operation("right_shift")
def write_right_shift(b: Builder, r: Any, d: Any, p: Any, x: Value, y: Value) -> Value:
    width = INTEGERS[x.kind]
    inside = b.compare("ult", y, width)
    if d[0].kind == "i":
        return b.integer("ashr", x, b.select(inside, y, width - 1))
    return b.select(inside, b.integer("lshr", x, b.select(inside, y, 0)), 0)


@operation("bitwise_count")
def write_bitwise_count(b: Builder, r: Any, d: Any, p: Any, x: Value) -> Value:
    """Of |x|, in eight bits."""
    if d[0].kind == "i":
        x = b.select(b.compare("slt", x, 0), b.neg(x), x)
    return b.cast("trunc", b.intrinsic("ctpop", x), "i8")
