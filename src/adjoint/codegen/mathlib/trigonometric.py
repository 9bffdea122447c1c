"""sin, cos, tan, sinc: the argument is reduced by multiples of pi, then a polynomial.

Enters: vectors of any size of argument.  Leaves: results within 1.5 ulp (double) and 1 ulp (single)
for every finite argument, NaN for infinite ones, zeros with their sign.

**Reduction.** x = n pi + r (sin), (n + 1/2) pi - r (cos) or n pi/2 + r (tan) in three steps with
parts of 53 bits of pi (W. J. Cody and W. Waite, Software Manual for the Elementary Functions,
1980).  With fused multiply-adds the first step is exact whatever n is: x and n times the first part
are multiples of one power of two, and their difference has fewer than 53 bits.  What rounding r
loses is kept.  This serves up to |x| = 2**30.  Beyond, 192 bits of 2/pi, which begin where the
product's whole turns end, are multiplied by the argument's mantissa (M. Payne and R. Hanek, Radian
reduction for trigonometric functions, 1983), as one wide integer.

**Large arguments are rare**, so they are a branch: `Builder.rarely` tests whether any lane is large
and only then calls a function that is never inlined, register after register, which takes lane
after lane.  Its result is chosen for the large lanes only, so a lane's bits do not depend on its
neighbours, and the code that is hot has the test and nothing else: the function keeps all registers
as they are, so the hot code spills none for it.

**Small arguments of sin**, up to 1.57 in all lanes, go past the reduction and what it loses, which
is a third of the work; the bits are the same.

**Polynomials.** sin and cos have one odd polynomial, on |r| <= pi/2, and n gives the sign.  There
sin r = r - r**3/6 .. loses accuracy near pi/2, where r**3/6 is large: so it is computed as
3/4 r + r P(r*r - 3/4), in which r P is at most 1/5, its argument is centred, and each rounding
counts little.  What r lacks is added times about cos r.  Near pi/2 no result exceeds 1.  They are
evaluated one power after the other: with several registers at work no term waits, and pairs of
powers would cost multiplications.
tan by t = 2 tan(r/2), as t/(1 - t*t/4) or minus its inverse, numerator and denominator in two parts
each.  sin and cos of singles are computed in doubles, as r + r w P(w) with w = -r*r, which is +0
for r = -0 and so leaves its sign.  The coefficients are made by
benchmarks/coefficients_trigonometric.py.
"""

from __future__ import annotations

import math
from functools import lru_cache

from ..builder import FLOATS, Builder, Value
from .registry import function
from .vectors import fast_two_sum, joined

HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591833e-33)
HALF_PI_SINGLE = (1.570796251296997, 7.549790126404332e-08, -1.7151245100058819e-15)  # all positive
ROUND = 6755399441055744.0  # 1.5 * 2**52: added, it rounds to whole numbers
ROUND_SINGLE = 12582912.0  # 1.5 * 2**23
LARGE_SINGLE = 2.0**15  # beyond, singles are reduced in doubles
LARGE = 2.0**30  # beyond, Payne and Hanek's reduction
PI = (3.141592653589793, 1.2246467991473532e-16, -2.9947698097183397e-33)
SMALL = 1.57  # up to which the nearest multiple of pi is 0
OFFSET = 0.75  # of r*r, see below
SHARE = 0.75  # of r in sin r
SINE = (
    0.1296046606571578,
    -0.15449687720313393,
    0.007896100426941029,
    -0.00019028507420479552,
    2.663130268111974e-06,
    -2.433841838031548e-08,
    1.5661978059805148e-10,
    -7.481372052433225e-13,
    2.7679266157529896e-15,
)
SINE_SINGLE = (
    0.1666665955021265,
    0.008333066237874174,
    0.00019809602129243302,
    2.605778624440428e-06,
)
SLOPE = (-0.69625, 0.405)  # about -cos r of r*r - OFFSET
TANGENT = (
    0.08333333333333376,
    0.008333333333305727,
    0.0008432539688698346,
    8.542768286977709e-05,
    8.655544884834965e-06,
    8.768307245676178e-07,
    8.920595538648374e-08,
    8.531529873105932e-09,
    1.2539975453980444e-09,
)
TANGENT_OF_SINGLES = (
    0.33333349227905273,
    0.13332675397396088,
    0.05405891314148903,
    0.02128620631992817,
    0.010827453806996346,
    9.822415449889377e-05,
    0.004372712690383196,
)
TURNS = (
    -1.6449340668482264,
    0.8117424252833462,
    -0.19075182412167532,
    0.026147847807942683,
    -0.002346080913289119,
    0.00014842791655813242,
    -6.972267243752895e-06,
    2.4518319785026796e-07,
)
TURNS_SINGLE = (
    -1.6449333645400195,
    0.8117164093458553,
    -0.1904473864473247,
    0.02472503967073048,
)

# ---------------------------------------------------------------------- large arguments, one by one

TABLE_BITS = 1168  # so many bits of 2/pi: enough for the largest double, and whole bytes


@lru_cache(maxsize=1)
def two_over_pi() -> int:
    """floor(2**TABLE_BITS * 2/pi), by Machin's formula."""
    one = 1 << (2 * TABLE_BITS)

    def inverse_tangent(k: int) -> int:
        total, term, n = 0, one // k, 1
        while term:
            total += term // n if n % 4 == 1 else -(term // n)
            term //= k * k
            n += 2
        return total

    pi = 4 * (4 * inverse_tangent(5) - inverse_tangent(239))
    return (one << (TABLE_BITS + 1)) // pi


def table(b: Builder) -> str:
    """Declare the bytes of 2/pi, the lowest first, then zeros; its name."""
    text = "".join(f"\\{byte:02X}" for byte in two_over_pi().to_bytes(TABLE_BITS // 8, "little"))
    text += "\\00" * 32
    size = TABLE_BITS // 8 + 32
    b.declarations.add(f'@math.two_over_pi = internal constant [{size} x i8] c"{text}", align 16')
    return "@math.two_over_pi"


@function("reduce_large")
def reduce_large(b: Builder, x: Value) -> Value:
    """x = n pi/2 + r of doubles, |r| <= pi/4, by Payne and Hanek's method, lane after lane.

    The result has four parts, each as many lanes as x: r, rounded; the bits of n; minus what is
    lost by rounding r; nothing (three vectors in a row would not do for every target).
    """
    lanes = x.lanes
    b.lines += [
        f"  %in = alloca {x.type}, align 8",
        f"  %out = alloca <{4 * lanes} x double>, align 8",
        f"  store {x!r}, ptr %in, align 8",
        "  br label %loop",
        "loop:",
        "  %i = phi i64 [ 0, %entry ], [ %next, %loop ]",
        "  %from = getelementptr double, ptr %in, i64 %i",
        "  %one = load double, ptr %from, align 8",
    ]
    for k, part in enumerate(reduce_one(b, Value(b, "%one", "double", 1))):
        b.lines += [
            f"  %at{k} = add i64 %i, {k * lanes}",
            f"  %to{k} = getelementptr double, ptr %out, i64 %at{k}",
            f"  store {part!r}, ptr %to{k}, align 8",
        ]
    b.lines += [
        "  %next = add i64 %i, 1",
        f"  %more = icmp ult i64 %next, {lanes}",
        "  br i1 %more, label %loop, label %done",
        "done:",
        f"  %all = load <{4 * lanes} x double>, ptr %out, align 8",
    ]
    return Value(b, "%all", "double", 4 * lanes)


def reduce_one(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """r, n and minus the rest of one number, in 128 bits after the point of x * 2/pi."""
    i64, wide = "i64", "i128"
    line = lambda form, kind: b.put(form, kind, 1, ())  # kinds that the builder has not
    bits = b.bits(x)
    exponent = b.integer("and", b.integer("lshr", bits, 52), 2047)
    exponent = b.call("llvm.umax.i64", i64, 1, exponent, b.constant(i64, 1000))
    mantissa = b.integer("or", b.integer("and", bits, (1 << 52) - 1), 1 << 52)
    # |x| * 2/pi modulo 4, in units of 2**-190: mantissa * (2/pi >> start), start in whole bytes
    start = b.sub(TABLE_BITS + 885, exponent)
    byte = b.integer("lshr", b.add(start, 7), 3)
    mantissa = b.integer("shl", mantissa, b.integer("and", b.sub(0, start), 7))
    factor = line(f"zext {mantissa!r} to {wide}", wide)
    address = line(f"getelementptr i8, ptr {table(b)}, {byte!r}", "ptr")
    product, words = None, []
    for k in range(3):  # word after word, with the carry
        if k:
            address = line(f"getelementptr i8, {address!r}, i64 8", "ptr")
        word = line(f"load i64, {address!r}, align 1", i64)
        term = line(f"mul {factor!r}, {line(f'zext {word!r} to {wide}', wide).text}", wide)
        if product is not None:
            carry = line(f"lshr {product!r}, 64", wide)
            term = line(f"add {term!r}, {carry.text}", wide)
        product = term
        words.append(line(f"trunc {product!r} to i64", i64))
    low, middle, high = words
    # after the point, as a signed number: r in units of pi/2
    first = b.call("llvm.fshl.i64", i64, 1, high, middle, b.constant(i64, 2))
    second = b.call("llvm.fshl.i64", i64, 1, middle, low, b.constant(i64, 2))
    whole = [
        b.integer("ashr", first, 16),
        b.integer(
            "or",
            b.integer("shl", b.integer("and", first, 0xFFFF), 32),
            b.integer("lshr", second, 32),
        ),
        b.integer("and", second, 0xFFFFFFFF),
    ]
    weights = (2.0**-48, 2.0**-96, 2.0**-128)
    parts = [b.mul(b.cast("sitofp", v, "double"), w) for v, w in zip(whole, weights, strict=True)]
    f = b.add(parts[0], parts[1])
    rest = b.add(b.add(b.sub(parts[0], f), parts[1]), parts[2])
    p = b.mul(f, HALF_PI[0])
    q = b.fma(f, HALF_PI[1], b.fma(f, HALF_PI[0], b.neg(p)))
    q = b.fma(rest, HALF_PI[0], q)
    r = b.add(p, q)
    s = b.sub(b.sub(r, p), q)
    n = b.add(b.integer("lshr", high, 62), b.integer("lshr", first, 63))  # to the nearest
    minus = b.integer("ashr", bits, 63)
    n = b.sub(b.integer("xor", n, minus), minus)
    sign = b.integer("shl", minus, 63)
    turn = lambda y: b.from_bits(b.integer("xor", b.bits(y), sign))
    return turn(r), b.from_bits(n), turn(s)


# ------------------------------------------------------------------------------ the usual reduction


def reduced(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """r, n and s of x = n pi/2 + r - s, |r| <= pi/4; of n only the lowest two bits count.

    Zeros keep their sign, and s is +0 for them.
    """
    t = b.fma(x, 2 / math.pi, ROUND)
    n = b.sub(t, ROUND)
    first = b.fma(n, -HALF_PI[0], x)
    r = b.sub(first, b.mul(n, HALF_PI[1]))  # the product is rounded first: so r - first is exact
    s = b.fma(n, HALF_PI[1], b.sub(r, first))
    return r, b.bits(t), b.fma(n, HALF_PI[2], s)


def reduced_large(b: Builder, x: Value) -> tuple[Value, Value, Value]:
    """The same of large arguments."""
    parts = b.function("reduce_large", x, results=4)
    r, n, s = (b.part(parts, k, x.lanes) for k in range(3))
    return r, b.bits(n), s


def is_any_large(b: Builder, x: Value, limit: float = LARGE) -> Value:
    """Whether a lane is large."""
    return b.any(b.compare("ogt", b.abs(x), limit))


def unless_large(
    b: Builder, name: str, x: Value, usual: Value, limit: float = LARGE, any_is: Value | None = None
) -> Value:
    """The usual result, but that of another function where x is large and finite; `any_is` tells
    whether a lane is."""

    def others() -> list[Value]:
        size = b.abs(x)
        lanes = min(x.lanes, b.target.vector_bits // FLOATS[x.kind])
        pieces = [b.part(x, k, lanes) if lanes < x.lanes else x for k in range(x.lanes // lanes)]
        found = joined(b, [b.function(name, v) for v in pieces])
        is_large = b.compare("ogt", size, limit)
        here = b.integer("and", is_large, b.compare("olt", size, math.inf))
        return [b.select(here, found, usual)]

    condition = is_any_large(b, x, limit) if any_is is None else any_is
    return b.rarely(condition, [usual], others)[0]


# ------------------------------------------------------------------------------------- sine, cosine

BELOW_POINT = 22  # bits of a quotient that stand below its point, for the cosine
POINT = 1.5 * 2.0 ** (52 - BELOW_POINT)


def half_turns(b: Builder, x: Value, cosine: bool, rest: bool) -> list[Value]:
    """r, the sign as a bit, and (where it is asked for) s: sin x or cos x is +-sin(r - s).

    sin: x = n pi + r - s.  cos: x = (n + 1/2) pi - (r - s), by cutting off what stands behind the
    quotient's point and setting its first bit.  Zeros keep their sign, and s is +0 for them.
    """
    if cosine:
        t = b.bits(b.fma(x, 1 / math.pi, POINT))
        t = b.integer("or", b.integer("and", t, -1 << BELOW_POINT), 1 << (BELOW_POINT - 1))
        n = b.sub(b.from_bits(t), POINT)
        sign = b.integer("and", b.integer("shl", t, 63 - BELOW_POINT), 1 << 63)
        first, turn = b.fma(n, PI[0], b.neg(x)), 1
    else:
        t = b.fma(x, 1 / math.pi, ROUND)
        n = b.sub(t, ROUND)
        sign = b.integer("shl", b.bits(t), 63)
        first, turn = b.fma(n, -PI[0], x), -1
    r = b.add(first, b.mul(n, turn * PI[1]))  # the product is rounded first, as above
    usual = [r, sign]
    if rest:
        s = b.fma(n, -turn * PI[1], b.sub(r, first))
        usual.append(b.fma(n, -turn * PI[2], s))
    return usual


def half_turns_large(b: Builder, x: Value, cosine: bool) -> tuple[Value, Value, Value]:
    """The same of large arguments."""
    r, n, s = reduced_large(b, x)
    quarter = b.copysign(HALF_PI[0], r)  # one more, or one less, where n is odd (cos: even)
    further, lost = fast_two_sum(b.neg(quarter), r)
    lost = b.sub(b.add(s, b.copysign(HALF_PI[1], r)), lost)
    one = b.integer("or", b.integer("ashr", b.bits(r), 63), 1)
    odd = is_odd(b, n)
    n, r, s = (
        b.select(odd, *(pair[::-1] if cosine else pair))
        for pair in ((b.add(n, one), n), (further, r), (lost, s))
    )
    if cosine:
        r, s = b.neg(r), b.neg(s)
    return r, b.integer("and", b.integer("shl", n, 62), 1 << 63), s


def rest_of_sine(b: Builder, w: Value, s: Value) -> Value:
    """What r lacks, in sin(r - s); w is r*r - OFFSET."""
    return b.mul(s, b.fma(w, SLOPE[1], SLOPE[0]))


def centred_sine(b: Builder, r: Value, w: Value, rest: Value) -> Value:
    """sin r + rest for |r| <= pi/2, of doubles."""
    return b.fma(r, SHARE, b.fma(r, b.polynomial(w, SINE), rest))


def sine(b: Builder, r: Value, s: Value | None) -> Value:
    """sin(r - s) for |r| <= pi/2; without s by the polynomial for singles."""
    if s is None:
        w = b.fma(b.neg(r), r, 0.0)
        return b.fma(b.mul(r, w), b.polynomial(w, SINE_SINGLE), r)
    w = b.fma(r, r, -OFFSET)
    return centred_sine(b, r, w, rest_of_sine(b, w, s))


def is_odd(b: Builder, n: Value) -> Value:
    """Whether the lowest bit is set."""
    return b.compare("ne", b.integer("and", n, 1), 0)


def cosine_of(b: Builder, x: Value) -> Value:
    """The cosine; of singles in doubles."""
    rest = x.kind == "double"
    wide = b.cast("fpext", x, "double")
    r, sign, *s = half_turns(b, wide, True, rest)
    y = turned(b, sine(b, r, s[0] if rest else None), sign)
    return b.cast("fptrunc", unless_large(b, "cos_large", wide, y), x.kind)


def sine_of(b: Builder, x: Value) -> Value:
    """The sine; of singles in doubles.  Where all lanes are small nothing is reduced."""
    is_double = x.kind == "double"
    wide = b.cast("fpext", x, "double")

    def reduced_all() -> list[Value]:
        r, sign, *s = half_turns(b, wide, False, is_double)
        any_large = is_any_large(b, wide)
        if not is_double:
            return [r, sign, any_large]
        w = b.fma(r, r, -OFFSET)
        return [r, sign, any_large, w, rest_of_sine(b, w, s[0])]

    def as_they_are() -> list[Value]:
        found = [wide, b.constant("i64", 0), b.constant("i1", False)]
        if is_double:  # -0: added to a zero it leaves the sign
            found += [b.fma(wide, wide, -OFFSET), b.constant("double", -0.0)]
        return found

    is_beyond = b.compare("ogt", b.abs(wide), SMALL)
    r, sign, any_large, *more = b.either(is_beyond, reduced_all, as_they_are)
    y = turned(b, centred_sine(b, r, *more) if is_double else sine(b, r, None), sign)
    return b.cast("fptrunc", unless_large(b, "sin_large", wide, y, any_is=any_large), x.kind)


def turned(b: Builder, y: Value, sign: Value) -> Value:
    """y, its sign turned where the bit is set."""
    return b.from_bits(b.integer("xor", b.bits(y), sign))


@function("sin_large", ulp=1.4, rare=True)
def sin_large(b: Builder, x: Value) -> Value:
    """The sine of large doubles."""
    r, sign, s = half_turns_large(b, x, False)
    return turned(b, sine(b, r, s), sign)


@function("cos_large", ulp=1.4, rare=True)
def cos_large(b: Builder, x: Value) -> Value:
    """The cosine of large doubles."""
    r, sign, s = half_turns_large(b, x, True)
    return turned(b, sine(b, r, s), sign)


@function("sin", ulp=1.4, ulp_single=0.7)
def sin(b: Builder, x: Value) -> Value:
    """The sine."""
    return sine_of(b, x)


@function("cos", ulp=1.4, ulp_single=0.7)
def cos(b: Builder, x: Value) -> Value:
    """The cosine."""
    return cosine_of(b, x)


@function("sincos", ulp=1.4, ulp_single=0.7)
def sincos(b: Builder, x: Value) -> Value:
    """The sine and, behind it, the cosine: twice as many lanes (see `sine_cosine`)."""
    return b.join(sine_of(b, x), cosine_of(b, x))


def sine_cosine(b: Builder, x: Value) -> tuple[Value, Value]:
    """sin x and cos x for one reduction, with the bits that each has alone."""
    both = b.function("sincos", x, results=2)
    return b.part(both, 0, x.lanes), b.part(both, 1, x.lanes)


# ------------------------------------------------------------------------------------------ tangent


@function("tan", ulp=1.0, ulp_single=1.0)
def tan(b: Builder, x: Value) -> Value:
    """The tangent: t/(1 - t*t/4) with t = 2 tan(r/2), or minus its inverse where n is odd."""
    if x.kind == "float":
        return tangent_of_singles(b, x)
    return unless_large(b, "tan_large", x, tangent(b, *reduced(b, x)))


@function("tan_large", rare=True)
def tan_large(b: Builder, x: Value) -> Value:
    """The tangent of large doubles."""
    return tangent(b, *reduced_large(b, x))


def tangent(b: Builder, r: Value, n: Value, s: Value) -> Value:
    """tan(r - s), or minus its inverse where n is odd."""
    z = b.mul(r, r)
    rest = b.fma(b.mul(r, z), b.polynomial(z, TANGENT), b.neg(s))
    t, t_rest = fast_two_sum(r, rest)
    quarter = b.mul(t, -0.25)
    bottom = b.fma(t, quarter, 1.0)
    lost = b.fma(t, quarter, b.sub(1.0, bottom))
    bottom_rest = b.fma(b.add(quarter, quarter), t_rest, lost)
    odd = is_odd(b, n)
    top, bottom = b.select(odd, b.neg(bottom), t), b.select(odd, t, bottom)
    top_rest, bottom_rest = (
        b.select(odd, b.neg(bottom_rest), t_rest),
        b.select(odd, t_rest, bottom_rest),
    )
    inverse = b.div(1.0, bottom)
    q = b.mul(top, inverse)
    error = b.add(b.fma(q, bottom, b.neg(top)), b.fma(q, bottom_rest, b.neg(top_rest)))
    return b.fma(b.neg(error), inverse, q)  # in this order -0 stays


def tangent_of_singles(b: Builder, x: Value) -> Value:
    """tan of singles by r + r**3 P(r*r), or minus its inverse: so fast that doubles cannot follow.

    What rounding r and r*r loses is taken with the first terms of its derivative.
    """
    t = b.fma(x, 2 / math.pi, ROUND_SINGLE)
    n = b.sub(t, ROUND_SINGLE)
    first = b.fma(n, -HALF_PI_SINGLE[0], x)
    r = b.sub(first, b.mul(n, HALF_PI_SINGLE[1]))
    s = b.fma(n, HALF_PI_SINGLE[2], b.fma(n, HALF_PI_SINGLE[1], b.sub(r, first)))
    z = b.mul(r, r)
    lost = b.mul(s, b.fma(z, 1.5, 1.0))
    lost = b.fma(b.mul(r, -0.55), b.fma(r, r, b.neg(z)), lost)
    rest = b.fma(b.mul(r, z), b.polynomial(z, TANGENT_OF_SINGLES), b.neg(lost))
    high, low = fast_two_sum(r, rest)
    inverse = b.div(-1.0, high)
    error = b.fma(inverse, low, b.fma(inverse, high, 1.0))
    y = b.select(is_odd(b, b.bits(t)), b.fma(inverse, error, inverse), high)
    return unless_large(b, "tan_in_doubles", x, y, LARGE_SINGLE)


@function("tan_in_doubles", rare=True)
def tan_in_doubles(b: Builder, x: Value) -> Value:
    """tan of singles of any size."""
    return b.cast("fptrunc", b.function("tan", b.cast("fpext", x, "double")), "float")


# --------------------------------------------------------------------------------- sin(pi x)/(pi x)


TINY = 1e-20  # sinc of less is 1
WHOLE = 2.0**52  # doubles from here on are whole numbers


def turns(b: Builder, size: Value) -> tuple[Value, Value]:
    """f and the bits of a number that is odd where n is, of size = n + f >= 0, |f| <= 1/2."""
    t = b.add(size, WHOLE)
    f = b.sub(size, b.sub(t, WHOLE))
    f = b.select(b.compare("oge", size, WHOLE), b.mul(size, 0.0), f)  # NaN of infinity
    return f, b.bits(t)


def sine_of_turns(b: Builder, f: Value, single: bool = False) -> tuple[Value, Value]:
    """sin(pi f)/pi in two parts, |f| <= 1/2."""
    z = b.mul(f, f)
    p = b.polynomial(z, TURNS_SINGLE if single else TURNS)
    cube = b.mul(f, z)
    rest = b.mul(cube, p)
    high, low = fast_two_sum(f, rest)
    if (
        not single
    ):  # what rounding the products lost; -1.3 f: the slope near f = 1/2, where it counts
        low = b.add(low, b.fma(cube, p, b.neg(rest)))
        low = b.fma(b.fma(f, z, b.neg(cube)), p, low)
        low = b.fma(b.fma(f, f, b.neg(z)), b.mul(f, -1.3), low)
    return high, low


@function("sinc", ulp=1.2, ulp_single=0.7)
def sinc(b: Builder, x: Value) -> Value:
    """sin(pi x)/(pi x), 1 at 0, by x = n + f: it is 0 at the other whole numbers."""
    single = x.kind == "float"
    size = b.cast("fpext", b.abs(x), "double")
    f, n = turns(b, size)
    high, low = sine_of_turns(b, f, single)
    if single:
        q = b.div(high, size)
    else:
        inverse = b.div(1.0, size)
        q = b.mul(high, inverse)
        q = b.fma(b.add(b.fma(b.neg(q), size, high), low), inverse, q)
    q = b.from_bits(b.integer("xor", b.bits(q), b.integer("shl", n, 63)))
    q = b.add(q, 0.0)  # no zero is negative
    q = b.select(b.compare("olt", size, TINY), 1.0, q)
    return b.cast("fptrunc", q, x.kind)
