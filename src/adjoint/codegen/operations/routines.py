"""Operations that need a loop: remainders of far quotients, greatest common divisors, powers.

Enters: values of one kind, any number of lanes.  Leaves: functions of mathlib's registry, under
names with a dot: they are exact and have no place among the functions with stated errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..builder import Builder, Value, suffix
from ..mathlib.registry import function

NEAR = 2.0**24  # quotients below it take the short way


def any_lane(b: Builder, condition: Value) -> Value:
    """Whether the condition holds in some lane."""
    if condition.lanes == 1:
        return condition
    return b.call(f"llvm.vector.reduce.or.{suffix(condition)}", "i1", 1, condition)


def repeat(
    b: Builder,
    start: Sequence[Value],
    step: Callable[..., tuple[Value, Sequence[Value]]],
) -> list[Value]:
    """`more, values = step(*values)` until no lane wants more; the values at the end.

    A real loop, for functions of their own only.  It runs at least once.
    """
    b.count += 1
    before, label, after = b.block, f"repeat{b.count}", f"done{b.count}"
    lanes = max(x.lanes for x in start)
    start = [b.splat(x, lanes) for x in start]
    values = []
    for x in start:
        b.count += 1
        values.append(Value(b, f"%t{b.count}", x.kind, lanes))
    b.lines += [f"  br label %{label}", f"{label}:"]
    place = len(b.lines)
    b.block = label
    more, found = step(*values)
    more = any_lane(b, more)
    b.lines.append(f"  br i1 {more.text}, label %{label}, label %{after}")
    heads = []
    for value, first, next_ in zip(values, start, found, strict=True):
        next_ = b.splat(next_, lanes)
        choices = f"[ {first.text}, %{before} ], [ {next_.text}, %{b.block} ]"
        heads.append(f"  {value.text} = phi {value.type} {choices}")
    b.lines[place:place] = heads
    b.lines.append(f"{after}:")
    b.block = after
    return [b.splat(x, lanes) for x in found]


@function("exact.fmod", 2, ulp=0.0, ulp_single=0.0)
def fmod(b: Builder, x: Value, y: Value) -> Value:
    """x - trunc(x/y) y, of doubles, exactly.

    For quotients below 2**24 the whole part q is at most one too large, and with y = high + low, of
    26 and 27 bits, q high and q low are exact, and so are the differences.  Others go lane by lane
    through integer division.
    """
    u, v = b.abs(x), b.abs(y)
    ratio = u / v
    q = cut(b, b.select(b.compare("olt", ratio, NEAR), ratio, 0.0))
    high = b.from_bits(b.integer("and", b.bits(v), -(1 << 27)))
    rest = (u - q * high) - q * (v - high)
    rest = b.select(b.compare("olt", rest, 0.0), rest + v, rest)
    rest = b.select(b.compare("olt", u, v), u, rest)
    finite = b.compare("olt", u, float("inf"))
    sound = b.integer("and", finite, b.compare("ogt", v, 0.0))
    far = b.integer("and", sound, b.compare("oge", ratio, NEAR))

    def otherwise() -> list[Value]:
        a, c = b.splat(b.select(far, u, 0.0), x.lanes), b.splat(b.select(far, v, 1.0), x.lanes)
        if x.lanes == 1:
            return [b.select(far, b.function("exact.fmod_far", a, c), rest)]
        found = Value(b, "poison", "double", x.lanes)
        for k in range(x.lanes):
            one = b.function("exact.fmod_far", b.part(a, k, 1), b.part(c, k, 1))
            form = f"insertelement {found!r}, {one!r}, i32 {k}"
            found = b.put(form, "double", x.lanes, (found, one))
        return [b.select(far, found, rest)]

    (rest,) = b.rarely(far, [rest], otherwise)
    valid = b.integer("and", sound, b.compare("ord", y, y))
    return b.select(valid, b.copysign(rest, x), float("nan"))


def cut(b: Builder, x: Value) -> Value:
    """The whole part of a double below 2**31 that is not negative."""
    return b.cast("sitofp", b.cast("fptosi", x, "i32"), "double")


@function("exact.fmod_far", 2, ulp=0.0, ulp_single=0.0, rare=True)
def fmod_far(b: Builder, x: Value, y: Value) -> Value:
    """The same of one pair 0 <= x, 0 < y of finite doubles, by long division, 11 bits at a time."""

    def apart(v: Value) -> tuple[Value, Value]:
        bits = b.bits(v)
        field = b.integer("lshr", bits, 52)
        fraction = b.integer("and", bits, (1 << 52) - 1)
        normal = b.compare("ne", field, 0)
        return b.select(normal, fraction | (1 << 52), fraction), b.select(normal, field, 1)

    m, e = apart(x)
    n, f = apart(y)
    count = e - f
    count = b.select(b.compare("sgt", count, 0), count, 0)
    small = b.integer("and", b.compare("eq", count, 0), b.compare("ult", m, n))
    rest = b.integer("urem", m, n)

    def step(rest: Value, count: Value) -> tuple[Value, Sequence[Value]]:
        bits = b.select(b.compare("slt", count, 11), count, 11)
        rest = b.integer("urem", rest << bits, n)
        count = count - bits
        return b.compare("sgt", count, 0), (rest, count)

    rest, _ = repeat(b, (rest, count), step)
    value = b.cast("uitofp", rest, "double") * 2.0**-1074
    power = f - 1
    half = b.integer("lshr", power, 1)
    for k in (half, power - half):
        value = value * b.from_bits((k + 1023) << 52)
    return b.select(small, x, value)


@function("exact.gcd", 2, ulp=0.0, ulp_single=0.0)
def gcd(b: Builder, x: Value, y: Value) -> Value:
    """The greatest common divisor of unsigned integers, by Stein's binary algorithm."""

    def zeros(v: Value) -> Value:
        flag = Value(b, "false", "i1", 1)
        return b.call(f"llvm.cttz.{suffix(v)}", v.kind, v.lanes, v, flag)

    x_is_zero, y_is_zero = b.compare("eq", x, 0), b.compare("eq", y, 0)
    u, v = b.select(x_is_zero, 1, x), b.select(y_is_zero, 1, y)
    common = zeros(u | v)
    u = b.integer("lshr", u, zeros(u))

    def step(u: Value, v: Value) -> tuple[Value, Sequence[Value]]:
        done = b.compare("eq", v, 0)
        odd = b.integer("lshr", v, b.select(done, 0, zeros(v)))
        less = b.compare("ult", u, odd)
        low, high = b.select(less, u, odd), b.select(less, odd, u)
        u, v = b.select(done, u, low), b.select(done, 0, high - low)
        return b.compare("ne", v, 0), (u, v)

    u, _ = repeat(b, (u, v), step)
    return b.select(x_is_zero, y, b.select(y_is_zero, x, u << common))


@function("exact.power", 2, ulp=0.0, ulp_single=0.0)
def power(b: Builder, x: Value, n: Value) -> Value:
    """x**n of unsigned integers, which wraps, by squaring."""
    one = b.splat(b.constant(x.kind, 1), x.lanes)

    def step(y: Value, x: Value, n: Value) -> tuple[Value, Sequence[Value]]:
        odd = b.compare("ne", b.integer("and", n, 1), 0)
        y, n = b.select(odd, y * x, y), b.integer("lshr", n, 1)
        return b.compare("ne", n, 0), (y, x * x, n)

    return repeat(b, (one, x, n), step)[0]
