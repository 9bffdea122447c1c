"""Steps that the mathematical functions share: powers of two, exponents, sums with their errors.

Where the target has AVX-512, one instruction scales by a power of two and one takes a number apart;
elsewhere integer operations on the bits do.  Both give the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..builder import FLOATS, Builder, Value, literal, suffix

REGISTER = 512
LETTER = {"double": "pd", "float": "ps"}


class Format(NamedTuple):
    """What a kind of float looks like, and the constants that follow from it."""

    integer: str  # the kind of its bits
    shift: int  # bits of the fraction
    bias: int  # of the exponent
    magic: float  # 1.5 * 2**shift: added and taken away again it rounds to an integer
    magic_bits: int
    infinity_bits: int


FORMATS = {
    "double": Format("i64", 52, 1023, 1.5 * 2.0**52, 0x4338000000000000, 0x7FF << 52),
    "float": Format("i32", 23, 127, 1.5 * 2.0**23, 0x4B400000, 0xFF << 23),
}


def format_of(x: Value) -> Format:
    """The format of a value's kind."""
    return FORMATS[x.kind]


def is_double(x: Value) -> bool:
    """Whether it is in double precision."""
    return x.kind == "double"


def registers(b: Builder, x: Value) -> bool:
    """Whether AVX-512 applies: to whole registers or to a half or a quarter of one."""
    bits = x.lanes * FLOATS[x.kind]
    return b.target.vector_bits == 512 and b.target.has("avx512f") and bits >= 128


def by_register(b: Builder, name: str, values: tuple[Value, ...], more: str) -> Value:
    """An intrinsic of AVX-512 on values of any width: `name` ends where the register's bits stand.

    `more` is the text of the arguments that follow, `{mask}` in it a mask of all lanes.
    """
    x = values[0]
    width = FLOATS[x.kind]
    lanes = min(x.lanes, REGISTER // width)
    bits = lanes * width
    mask = f"i{max(8, lanes)} -1"
    parts = []
    for start in range(0, x.lanes, lanes):
        operands = tuple([piece(b, v, start, lanes) for v in values])
        arguments = ", ".join([*map(repr, operands), more.format(mask=mask, type=operands[0].type)])
        if bits < REGISTER:  # no rounding argument
            arguments = arguments.removesuffix(", i32 4")
        kinds = ", ".join(" ".join(a.split()[:-1]) for a in split_arguments(arguments))
        result = operands[0].type
        b.declarations.add(f"declare {result} @{name}.{bits}({kinds})")
        parts.append(b.put(f"call {result} @{name}.{bits}({arguments})", x.kind, lanes, operands))
    return joined(b, parts)


def split_arguments(text: str) -> list[str]:
    """The arguments of a call."""
    return text.split(", ")


def piece(b: Builder, x: Value, start: int, lanes: int) -> Value:
    """Some lanes of a vector."""
    if lanes == x.lanes:
        return x
    indices = ", ".join(f"i32 {start + k}" for k in range(lanes))
    form = f"shufflevector {x!r}, {x.type} poison, <{lanes} x i32> <{indices}>"
    return b.put(form, x.kind, lanes, (x,))


def joined(b: Builder, parts: list[Value]) -> Value:
    """Vectors one behind the other."""
    while len(parts) > 1:
        n = 2 * parts[0].lanes
        indices = ", ".join(f"i32 {k}" for k in range(n))
        parts = [
            b.put(f"shufflevector {u!r}, {v!r}, <{n} x i32> <{indices}>", u.kind, n, (u, v))
            for u, v in zip(parts[::2], parts[1::2], strict=True)
        ]
    return parts[0]


def scale(b: Builder, x: Value, n: Value, k: Value | None = None) -> Value:
    """x * 2**n, rounded once; n a float, k the same as an integer where it is known.

    |x| is about 1 and |n| below twice the largest exponent.
    """
    if registers(b, x):
        name = f"llvm.x86.avx512.mask.scalef.{LETTER[x.kind]}"
        return by_register(b, name, (x, n), "{type} poison, {mask}, i32 4")
    form = format_of(x)
    if k is None:
        k = b.bits(n + form.magic) - form.magic_bits
    half = b.integer("lshr", k + 4 * (form.bias + 1), 1)  # too large by twice what is added below
    more = 2 * (form.bias + 1)
    return x * power_of_two(b, half, x.kind, -more) * power_of_two(b, k - half, x.kind, more)


def power_of_two(b: Builder, k: Value, kind: str, plus: int = 0) -> Value:
    """2**(k + plus), a normal number, or 0 where the exponent is one too small."""
    form = FORMATS[kind]
    return b.from_bits((k + (form.bias + plus)) << form.shift)


def inverse_power(b: Builder, k: Value, kind: str, plus: int = 0) -> Value:
    """2**(plus - k), under the same condition."""
    form = FORMATS[kind]
    return b.from_bits((form.bias + plus - k) << form.shift)


def as_float(b: Builder, k: Value, kind: str, plus: int = 0) -> Value:
    """k + plus as a float, |k + plus| < 2**shift / 4: AVX2 has no instruction for it."""
    form = FORMATS[kind]
    return b.from_bits(k + (form.magic_bits + plus)) - form.magic


def nearest(b: Builder, x: Any, factor: Any = None) -> tuple[Value, Value]:
    """The integer next to x (times a factor), as a float and as an integer; |x| < 2**shift / 4."""
    form = format_of(x)
    t = x + form.magic if factor is None else b.fma(x, factor, form.magic)
    return t - form.magic, b.bits(t) - form.magic_bits


def lookup(b: Builder, name: str, numbers: Sequence[float], index: Value, kind: str) -> Value:
    """The entry of a table of two registers (16 doubles, 32 floats) in each lane.

    `index` is an integer of the kind's width of which the lowest bits count.
    """
    width, n = FLOATS[kind], len(numbers)
    full = REGISTER // width
    if n != 2 * full:
        raise ValueError(f"{name} has {n} entries, not {2 * full}")
    if registers(b, Value(b, "", kind, index.lanes)):
        halves = [
            Value(b, "<" + ", ".join(f"{kind} {literal(kind, v)}" for v in part) + ">", kind, full)
            for part in (numbers[:full], numbers[full:])
        ]
        call = f"llvm.x86.avx512.vpermi2var.{LETTER[kind]}.512"
        parts = []
        for start in range(0, max(index.lanes, full), full):
            i = widened(b, index, full) if index.lanes < full else piece(b, index, start, full)
            parts.append(b.call(call, kind, full, halves[0], i, halves[1]))
        return piece(b, joined(b, parts), 0, index.lanes)
    entries = ", ".join(f"{kind} {literal(kind, v)}" for v in numbers)
    b.declarations.add(f"@math.{name} = internal constant [{n} x {kind}] [{entries}], align 64")
    i = b.integer("and", index, n - 1)
    result = Value(b, "", kind, index.lanes)
    pointers = b.put(f"getelementptr {kind}, ptr @math.{name}, {i!r}", "ptr", i.lanes, (i,))
    if i.lanes == 1:
        return b.put(f"load {kind}, {pointers!r}, align {width // 8}", kind, 1, (pointers,))
    gather = f"llvm.masked.gather.{suffix(result)}.v{i.lanes}p0"
    mask = f"<{i.lanes} x i1>"
    b.declarations.add(
        f"declare {result.type} @{gather}({pointers.type}, i32, {mask}, {result.type})"
    )
    arguments = f"{pointers!r}, i32 {width // 8}, {mask} splat (i1 true), {result.type} poison"
    return b.put(f"call {result.type} @{gather}({arguments})", kind, i.lanes, (pointers,))


def widened(b: Builder, x: Value, lanes: int) -> Value:
    """The vector with lanes of no meaning behind its own."""
    indices = ", ".join(f"i32 {k if k < x.lanes else 'poison'}" for k in range(lanes))
    form = f"shufflevector {x!r}, {x.type} poison, <{lanes} x i32> <{indices}>"
    return b.put(form, x.kind, lanes, (x,))


def paired(b: Builder, x: Value, square: Value, coefficients: Any) -> Value:
    """A polynomial of x, given its square: even and odd powers side by side, half the waiting."""
    even, odd = horner(b, square, coefficients[::2]), horner(b, square, coefficients[1::2])
    return even if odd is None else b.fma(x, odd, even)


def horner(b: Builder, x: Value, coefficients: Any) -> Any:
    """A polynomial whose coefficients are numbers or values."""
    result: Any = None
    for v in reversed(list(coefficients)):
        v = v if isinstance(v, Value) else b.constant(x.kind, v)
        result = v if result is None else b.fma(result, x, v)
    return result


def lowest(b: Builder, x: Value, limit: float) -> Value:
    """min(x, limit); NaN stays."""
    return b.select(b.compare("ogt", x, limit), limit, x)


def highest(b: Builder, x: Value, limit: float) -> Value:
    """max(x, limit); NaN stays."""
    return b.select(b.compare("olt", x, limit), limit, x)


def fast_two_sum(big: Value, small: Any) -> tuple[Value, Value]:
    """The rounded sum and its error, where |big| >= |small| or big is 0 (Dekker, 1971)."""
    total = big + small
    return total, (big - total) + small


def two_sum(x: Value, y: Value) -> tuple[Value, Value]:
    """The rounded sum and its error (Knuth, The Art of Computer Programming 2, 4.2.2)."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def two_product(b: Builder, x: Value, y: Any) -> tuple[Value, Value]:
    """The rounded product and its error."""
    product = x * y
    return product, b.fma(x, y, -product)


def quotient(b: Builder, high: Value, low: Any, divisor: Value, rest: Any) -> Value:
    """(high + low)/(divisor + rest), off by little more than the last rounding."""
    inverse = b.div(1.0, divisor)
    q = high * inverse
    minus = -q
    error = b.fma(minus, divisor, high) + b.fma(minus, rest, low)
    return b.fma(error, inverse, q)


UPPER = {"double": 1.5, "float": 1.40625}  # up to which a fraction goes, from half that on


def fraction_and_exponent(b: Builder, x: Value) -> tuple[Value, Value, Value | None]:
    """m and n, floats, with x = m * 2**n, UPPER/2 <= m < UPPER; n as an integer too, if at hand.

    With AVX-512, n is -inf of 0 and inf of inf (m then 1), m is NaN where x < 0.  Elsewhere those
    arguments give nonsense, see `mend_logarithm`.
    """
    form, upper = format_of(x), UPPER[x.kind]
    if registers(b, x):
        letter = LETTER[x.kind]
        more = "{type} zeroinitializer, {mask}, i32 4"
        n = by_register(b, f"llvm.x86.avx512.mask.getexp.{letter}", (x,), more)
        getmant = f"llvm.x86.avx512.mask.getmant.{letter}"
        if upper == 1.5:  # an interval that the instruction knows; 8: NaN of negative numbers
            m = by_register(b, getmant, (x,), "i32 11, " + more)
            return m, b.select(b.compare("olt", m, 1.0), n + 1.0, n), None
        m = by_register(b, getmant, (x,), "i32 8, " + more)
        large = b.compare("oge", m, upper)
        return b.select(large, m * 0.5, m), b.select(large, n + 1.0, n), None
    small = b.compare("olt", x, 2.0 ** (1 - form.bias))
    lift = 2.0 ** (form.shift + 1)
    bits = b.bits(b.select(small, x * lift, x))
    below = int((upper - 1) * (1 << form.shift)) - (1 << form.shift)
    biased = b.integer("lshr", bits - below, form.shift)
    m = b.from_bits(bits - (biased << form.shift) + (form.bias << form.shift))
    n = as_float(b, biased, x.kind, -form.bias)
    return m, b.select(small, n - (form.shift + 1.0), n), biased - form.bias


def mantissa_and_exponent(b: Builder, x: Value) -> tuple[Value, Value]:
    """m and n, floats, with |x| = m * 2**n, 1 <= m < 2; n is -inf of 0, inf of inf (m then 1)."""
    form = format_of(x)
    if registers(b, x):
        letter = LETTER[x.kind]
        more = "{type} zeroinitializer, {mask}, i32 4"
        n = by_register(b, f"llvm.x86.avx512.mask.getexp.{letter}", (x,), more)
        m = by_register(b, f"llvm.x86.avx512.mask.getmant.{letter}", (x,), "i32 4, " + more)
        return m, n
    a = b.abs(x)
    small = b.compare("olt", a, 2.0 ** (1 - form.bias))
    bits = b.bits(b.select(small, a * 2.0 ** (form.shift + 1), a))
    n = as_float(b, b.integer("lshr", bits, form.shift), x.kind, -form.bias)
    n = b.select(small, n - (form.shift + 1.0), n)
    infinity = float("inf")
    n = b.select(b.compare("oeq", a, 0.0), -infinity, n)
    n = b.select(b.compare("oge", a, infinity), infinity, n)
    n = b.select(b.is_nan(a), a, n)
    fraction = bits & ((1 << form.shift) - 1)
    return b.from_bits(fraction | (form.bias << form.shift)), n


def mend_logarithm(b: Builder, x: Value, y: Value, total: Value | None = None) -> Value:
    """A logarithm y of x where `fraction_and_exponent` leaves 0, infinity and x < 0 open.

    `total`: y before a residual was added that is NaN where the logarithm is infinite.
    """
    infinity = float("inf")
    if registers(b, x):
        if total is None:
            return y
        return b.select(b.compare("oeq", b.abs(total), infinity), total, y)
    y = b.select(b.compare("oeq", x, infinity), infinity, y)
    y = b.select(b.compare("oeq", x, 0.0), -infinity, y)
    return b.select(b.compare("ult", x, 0.0), float("nan"), y)
