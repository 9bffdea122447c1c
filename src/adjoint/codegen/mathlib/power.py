"""pow, cbrt and hypot, as LLVM IR of any width.

x**y = exp(y log(x)) needs the logarithm to some 12 bits more than the result has, since y log(x)
may be 700 and its absolute error is the result's relative one.  As in P. T. P. Tang's table-driven
logarithm (ACM Transactions on Mathematical Software 16, 1990) a table gives log(C) for the number
C = 1 + j/16 next to the mantissa m; log(m/C) = 2 atanh(s) with s = (m - C)/(m + C) is so small that
only s itself need be known to double precision twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..builder import Builder, Value
from . import coefficients as c
from .exponential import LN2, LOG2_E
from .registry import function
from .vectors import (
    fast_two_sum,
    format_of,
    is_double,
    lookup,
    mantissa_and_exponent,
    nearest,
    paired,
    scale,
)

INFINITY = float("inf")


class Cells(NamedTuple):
    """How the numbers from 1 to 2 are divided for a kind of float."""

    shift: int  # bits of a fraction below those that tell the cell
    upper: float  # where the cells begin whose logarithms are less by log(2)
    logs: Sequence[float]
    rests: Sequence[float]
    ln2: Sequence[float]
    polynomial: Sequence[float]


CELLS = {
    "double": Cells(48, 1.40625, c.LOGS, c.LOGS_REST, c.LN2_SPLIT, c.LOG_SMALL),
    "float": Cells(
        18, 1.390625, c.LOGS_SINGLE, c.LOGS_REST_SINGLE, c.LN2_SPLIT_SINGLE, c.LOG_SMALL_SINGLE
    ),
}


def logarithm(b: Builder, x: Value) -> tuple[Value, Value]:
    """log(|x|) as a number and a rest below 1e-4 of it (NaN where log is infinite)."""
    cells = CELLS[x.kind]
    m, n = mantissa_and_exponent(b, x)
    near = b.bits(m) + (1 << cells.shift - 1)
    index = b.integer("lshr", near, cells.shift)
    center = b.from_bits(near & ~((1 << cells.shift) - 1))
    n = b.select(b.compare("oge", m, cells.upper), n + 1.0, n)
    name = "logs" if is_double(x) else "logs.single"
    table = b.fma(n, cells.ln2[0], lookup(b, name, cells.logs, index, x.kind))
    rest = b.fma(n, cells.ln2[1], lookup(b, f"{name}.rest", cells.rests, index, x.kind))
    difference = m - center
    inverse = b.div(2.0, m + center)
    s = difference * inverse
    error = b.fma(-s, difference * 0.5, b.fma(-s, center, difference))  # of s, times m + C, halved
    z = s * s
    scaled = [v / 8 * 0.25**k for k, v in enumerate(cells.polynomial)]
    tail = b.fma(s * z, paired(b, z, z * z, scaled), rest)
    high, low = fast_two_sum(table, s)
    return high, low + b.fma(error, inverse, tail)


@function("pow", 2, ulp=1.0, ulp_single=1.0)
def pow(b: Builder, x: Value, y: Value) -> Value:
    """x**y, with the special values of C99."""
    high, low = logarithm(b, x)
    p = y * high
    rest = b.fma(y, low, b.fma(y, high, -p))
    n, k = nearest(b, p, LOG2_E)
    first, second = LN2[x.kind]
    whole = b.fma(n, -first, p)
    rest = b.fma(n, -second, rest)
    r = whole + rest
    square = r * r
    if is_double(x):
        q = paired(b, r, square, c.EXP_WIDE)
        one, error = fast_two_sum(b.constant(x.kind, 1.0), whole)
        result = one + (error + b.fma(square, q, rest))
        least, most, usual = -746.0, 710.0, 700.0
    else:
        q = paired(b, r, square, c.EXP_SINGLE)
        result = 1.0 + (whole + b.fma(square, q, rest))
        least, most, usual = -104.0, 89.0, 86.0
    result = scale(b, result, n, k)
    rare = b.integer("or", b.compare("olt", x, 0.0), b.compare("uge", b.abs(p), usual))
    others = lambda: [signed(b, x, y, bounds(b, x, y, p, result, most, least))]
    return b.rarely(rare, [result], others)[0]


def bounds(
    b: Builder, x: Value, y: Value, p: Value, result: Value, high: float, low: float
) -> Value:
    """The result where it is infinite, 0 or 1 whatever was computed; p: its logarithm."""
    result = b.select(b.compare("oge", p, high), INFINITY, result)
    result = b.select(b.compare("ole", p, low), 0.0, result)
    trivial = b.integer("or", b.compare("oeq", y, 0.0), b.compare("oeq", b.abs(x), 1.0))
    return b.select(trivial, 1.0, result)


def signed(b: Builder, x: Value, y: Value, result: Value) -> Value:
    """|x|**y with the sign of x where y is odd; NaN where x is negative and y no integer."""
    half = y * 0.5
    whole = b.compare("oeq", b.intrinsic("rint", y), y)
    odd = b.integer("and", whole, b.compare("une", b.intrinsic("rint", half), half))
    sign = b.integer("and", b.bits(x), 1 << FLOAT_BITS[x.kind] - 1)
    result = b.from_bits(b.bits(result) ^ b.select(odd, sign, 0))
    negative = b.integer("and", b.compare("olt", x, 0.0), b.compare("ogt", x, -INFINITY))
    bad = b.integer("and", negative, whole ^ b.constant("i1", True))
    return b.select(bad, float("nan"), result)


FLOAT_BITS = {"double": 64, "float": 32}


@function("hypot", 2, ulp=1.2, ulp_single=1.0)
def hypot(b: Builder, x: Value, y: Value) -> Value:
    """sqrt(x*x + y*y) without overflow on the way; infinite beside a NaN too, as C99 wants it."""
    if is_double(x):
        u, v = b.abs(x), b.abs(y)
        swap = b.compare("olt", u, v)
        u, v = b.select(swap, v, u), b.select(swap, u, v)
        huge, tiny = b.compare("ogt", u, 2.0**500), b.compare("olt", u, 2.0**-400)
        one = b.constant(x.kind, 1.0)
        down = b.select(huge, 2.0**-600, b.select(tiny, 2.0**600, one))
        up = b.select(huge, 2.0**600, b.select(tiny, 2.0**-600, one))
        u, v = u * down, v * down
        result = b.sqrt(b.fma(u, u, v * v)) * up
    else:
        u, v = b.cast("fpext", x, "double"), b.cast("fpext", y, "double")
        result = b.cast("fptrunc", b.sqrt(b.fma(u, u, v * v)), x.kind)
    infinite = b.integer(
        "or", b.compare("oeq", b.abs(x), INFINITY), b.compare("oeq", b.abs(y), INFINITY)
    )
    return b.select(infinite, INFINITY, result)


@function("cbrt", ulp=1.0, ulp_single=1.0)
def cbrt(b: Builder, x: Value) -> Value:
    """The real cube root.

    |x| = 2**(3 q) a; a polynomial gives z near a**(-1/3), Newton's step mends it, and
    y = a z*z is mended by its residual a - y**3.  For singles lines from a table give z.
    """
    a, n = mantissa_and_exponent(b, x)
    magic = format_of(x).magic
    q = b.fma(n, 1 / 3, magic) - magic
    rest = b.fma(q, -3.0, n)
    if is_double(x):
        z = paired(b, a, a * a, c.CUBE_ROOT)
    else:
        index = b.integer("lshr", b.bits(a), 18)
        rows = enumerate((c.CUBE_ROOTS_0, c.CUBE_ROOTS_1))
        start, slope = [lookup(b, f"cube.{k}", row, index, x.kind) for k, row in rows]
        z = b.fma(a, slope, start)
    odd, even = (2 ** (-1 / 3) - 2 ** (1 / 3)) / 2, (2 ** (-1 / 3) + 2 ** (1 / 3)) / 2 - 1
    z = z * b.fma(rest, b.fma(rest, even, odd), 1.0)  # times 2**(-rest/3), rest -1, 0 or 1
    a = scale(b, a, rest)
    if is_double(x):
        z = b.fma(z, b.fma(z * z, -(a * z), 1.0) * (1 / 3), z)
    square = z * z
    y = a * square
    residual = b.fma(-y, y * y, a)
    y = b.copysign(scale(b, b.fma(residual, square * (1 / 3), y), q), x)
    usual = b.compare("one", b.abs(x) * 0.0, b.abs(x))  # neither 0 nor infinite
    return b.select(usual, y, x)
