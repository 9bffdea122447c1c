"""Reciprocals and square roots from the processor's estimates, refined by Newton's method.

Enters: doubles or singles.  Leaves: with AVX-512 a few multiplications from an estimate of 14 bits,
which is several times as fast as the division or the square root; elsewhere those.  One lane goes
through a register of two or four, so that it has the bits that it has among others.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..builder import FLOATS, Builder, Value
from .vectors import LETTER, by_register


def estimate(b: Builder, name: str, x: Value) -> Value | None:
    """1/x ("rcp14") or 1/sqrt(x) ("rsqrt14") within 2**-14, where there is such an instruction."""
    if b.target.vector_bits < 512 or not b.target.has("avx512f"):
        return None
    more, lanes = "{type} zeroinitializer, {mask}", x.lanes
    least = 128 // FLOATS[x.kind]
    if lanes >= least:
        return by_register(b, f"llvm.x86.avx512.{name}.{LETTER[x.kind]}", (x,), more)
    if lanes == 1:
        wide = b.splat(x, least)
    else:
        order = ", ".join(f"i32 {k % lanes}" for k in range(least))
        form = f"shufflevector {x!r}, {x.type} poison, <{least} x i32> <{order}>"
        wide = b.put(form, x.kind, least, (x,))
    wide = by_register(b, f"llvm.x86.avx512.{name}.{LETTER[x.kind]}", (wide,), more)
    return b.part(wide, 0, lanes)


def in_halves(b: Builder, x: Value, coefficients: Sequence[float], doublings: int = 3) -> Value:
    """A polynomial as low(x) + x**k high(x), k = 2**doublings, which do not wait for each other.

    A processor's queue holds few operations that wait.  Where terms alternate, each half nearly has
    the size of its first term: odd and even powers apart would cancel (G. Estrin, 1960).
    """
    power = x
    for _ in range(doublings):
        power = b.mul(power, power)
    k = 1 << doublings
    high = b.polynomial(x, coefficients[k:])
    return b.fma(power, high, b.polynomial(x, coefficients[:k]))


def in_pairs(b: Builder, x: Value, coefficients: Sequence[float]) -> Value:
    """A polynomial by pairs, pairs of pairs, and so on (G. Estrin, 1960)."""
    parts = [b.constant(x.kind, c) for c in coefficients]
    while len(parts) > 1:
        last = [] if len(parts) % 2 == 0 else [parts.pop()]
        if last and len(parts) > 2:  # a term alone joins the last pair
            parts[-1] = b.fma(last.pop(), x, parts[-1])
        parts = [b.fma(v, x, u) for u, v in zip(parts[::2], parts[1::2], strict=True)] + last
        x = b.mul(x, x)
    return parts[0]


def twice_root(b: Builder, z: Value) -> tuple[Value, Value]:
    """2 sqrt(z) of singles, 0 <= z <= 1, and what is lost by rounding it; NaN for negative z."""
    y = estimate(b, "rsqrt14", z)
    if y is None:
        root = b.sqrt(z)
        rest = b.div(
            b.fma(b.neg(root), root, z), b.select(b.compare("oeq", z, 0), 1.0, root + root)
        )
        return root + root, rest + rest
    y = b.select(b.compare("ogt", y, 1e30), 1e30, y)  # infinite for 0
    first = b.mul(z + z, y)
    e = b.fma(b.neg(first), b.mul(y, 0.25), 0.5)
    root = b.fma(first, e, first)
    return root, b.fma(first, e, b.sub(first, root))
