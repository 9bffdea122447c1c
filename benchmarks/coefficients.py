"""Makes the polynomials of `codegen/mathlib/coefficients.py`.

    python benchmarks/coefficients.py > src/adjoint/codegen/mathlib/coefficients.py

Each is nearly the best in the uniform norm, found by Lawson's reweighted least squares (C. Lawson,
1961; J. Rice, The Approximation of Functions, volume 2, section 13-5) in 60 digits.  Coefficients
are rounded to the kind's precision from the lowest on; after each rounding the others are fitted
anew, so that what the rounding of one spoils the next ones mend.  The error of the polynomial as
rounded is printed beside it, relative to the function that it serves.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any

from mpmath import matrix, mp, mpf

mp.dps = 60
TURNS = 15
LN2 = mp.log(2)


def rounded(x: Any, kind: str) -> Any:
    """The nearest number of a kind."""
    x = float(x)
    return mpf(struct.unpack("f", struct.pack("f", x))[0] if kind == "float" else x)


def fit(rows: list, values: list, weights: list) -> list:
    """Coefficients of the least sum of weighted squares."""
    n = len(rows[0])
    normal, right = matrix(n, n), matrix(n, 1)
    for row, value, weight in zip(rows, values, weights, strict=True):
        scaled = [weight * x for x in row]
        for i in range(n):
            right[i] += scaled[i] * value
            for j in range(i, n):
                normal[i, j] += scaled[i] * row[j]
    for i in range(n):
        for j in range(i):
            normal[i, j] = normal[j, i]
    return list(mp.lu_solve(normal, right))


def minimax(
    f: Callable, weight: Callable, low: Any, high: Any, powers: Sequence[int], kind: str
) -> tuple[list[float], float]:
    """Coefficients as floats, and the largest error of the polynomial that they make."""
    low, high, n = mpf(low), mpf(high), 16 * len(powers)
    grid = [
        (low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (i + mpf(1) / 3) / n) for i in range(n)
    ]
    values = [f(x) for x in grid]
    squares = [weight(x) ** 2 for x in grid]
    rows = [[x**k for k in powers] for x in grid]
    emphasis = [mpf(1)] * n
    for _ in range(TURNS):
        found = fit(rows, values, [s * e for s, e in zip(squares, emphasis, strict=True)])
        errors = [
            abs(v - mp.fdot(found, row)) * mp.sqrt(s)
            for v, row, s in zip(values, rows, squares, strict=True)
        ]
        emphasis = [e * d for e, d in zip(emphasis, errors, strict=True)]
        scale = n / mp.fsum(emphasis)
        emphasis = [e * scale for e in emphasis]
    weights = [s * e for s, e in zip(squares, emphasis, strict=True)]
    fixed: list = []
    for i in range(len(powers)):
        rest = [v - mp.fdot(fixed, row[:i]) for v, row in zip(values, rows, strict=True)]
        fixed.append(rounded(fit([row[i:] for row in rows], rest, weights)[0], kind))
    worst = max(
        abs(v - mp.fdot(fixed, row)) * mp.sqrt(s)
        for v, row, s in zip(values, rows, squares, strict=True)
    )
    return [float(c) for c in fixed], float(worst)


def series(f: Callable, taylor: Callable, small: Any = "1e-4") -> Callable:
    """f, by its Taylor series near 0, where the closed form cancels."""
    return lambda x: taylor(x) if abs(x) < mpf(small) else f(x)


def sum_of(term: Callable, first: int, count: int = 14) -> Callable:
    """The sum of term(k) * x**(k - first)."""
    return lambda x: sum(term(k) * x ** (k - first) for k in range(first, first + count))


EXP = series(lambda r: (mp.exp(r) - 1 - r) / r**2, sum_of(lambda k: 1 / mp.factorial(k), 2))
EXP3 = series(
    lambda r: (mp.exp(r) - 1 - r - r**2 / 2) / r**3, sum_of(lambda k: 1 / mp.factorial(k), 3)
)
EXP2 = series(lambda r: (mp.power(2, r) - 1) / r, sum_of(lambda k: LN2**k / mp.factorial(k), 1))
COSH = series(
    lambda z: (mp.cosh(mp.sqrt(z)) - 1) / z,
    lambda z: sum(z**k / mp.factorial(2 * k + 2) for k in range(14)),
)
SINH = series(
    lambda z: (mp.sinh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
    lambda z: sum(z**k / mp.factorial(2 * k + 3) for k in range(14)),
)
TANH = series(  # of r*r: (r - tanh(r))/r**3
    lambda z: (1 - mp.tanh(mp.sqrt(z)) / mp.sqrt(z)) / z,
    lambda z: mpf(1) / 3 - 2 * z / 15 + 17 * z**2 / 315,
    "1e-12",
)
ATANH = series(  # of s*s: (log((1 + s)/(1 - s)) - 2 s) / s**3
    lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z,
    lambda z: sum(2 * z**k / (2 * k + 3) for k in range(14)),
)
LOG3 = series(
    lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3,
    lambda f: sum((-f) ** k / (k + 3) for k in range(20)),
)


def beyond_slope(base: Any, slope: float) -> Callable:
    """log(1 + f)/f to a base, less a number near its value for f = 0."""
    unit = 1 / mp.log(base)
    return series(
        lambda f: mp.log1p(f) / f * unit - slope,
        lambda f: sum((-f) ** k / (k + 1) for k in range(20)) * unit - slope,
    )


HALF_LN2 = mpf("0.3466")  # a little more than log(2)/2: products round


def entries() -> Any:
    """Name, comment, function, weight, interval, powers, kind."""
    for kind, tail, count in (("double", "", 10), ("float", "_SINGLE", 5)):
        yield (
            f"EXP{tail}", "(exp(r) - 1 - r)/r**2, |r| <= log(2)/2, relative to exp",
            EXP, lambda r: r**2 * mp.exp(-r), -HALF_LN2, HALF_LN2, range(count), kind,
        )  # fmt: skip
    yield (
        "EXP_WIDE", "the same for |r| <= 0.407",
        EXP, lambda r: r**2 * mp.exp(-r), mpf("-0.407"), mpf("0.407"), range(10), "double",
    )  # fmt: skip
    for kind, tail, count in (("double", "", 9), ("float", "_SINGLE", 4)):
        yield (
            f"EXP3{tail}", "(exp(r) - 1 - r - r*r/2)/r**3, |r| <= log(2)/2, relative to exp",
            EXP3, lambda r: r**3 * mp.exp(-r), -HALF_LN2, HALF_LN2, range(count), kind,
        )  # fmt: skip
    for kind, tail, count in (("double", "", 11), ("float", "_SINGLE", 6)):
        yield (
            f"EXP2{tail}", "(2**r - 1)/r, |r| <= 1/2, relative to 2**r",
            EXP2, lambda r: r * mp.power(2, -r), mpf(-1) / 2, mpf(1) / 2, range(count), kind,
        )  # fmt: skip
    for kind, tail, count in (("double", "", 5), ("float", "_SINGLE", 3)):
        yield (
            f"COSH{tail}", "of z = r*r: (cosh(r) - 1)/z, |r| <= log(2)/2",
            COSH, lambda z: z, mpf(0), HALF_LN2**2, range(count), kind,
        )  # fmt: skip
        yield (
            f"SINH{tail}", "of z = r*r: (sinh(r)/r - 1)/z, |r| <= log(2)/2",
            SINH, lambda z: z, mpf(0), HALF_LN2**2, range(count), kind,
        )  # fmt: skip
    for kind, tail, count in (("double", "", 6), ("float", "_SINGLE", 4)):
        yield (
            f"TANH{tail}", "of z = r*r: (1 - tanh(r)/r)/z, |r| <= log(2)/4",
            TANH, lambda z: z, mpf(0), HALF_LN2**2 / 4, range(count), kind,
        )  # fmt: skip
    yield (
        "LOG", "of z = s*s: (2 atanh(s) - 2 s)/s**3, |s| <= 1/5, relative to 2 atanh(s)",
        ATANH, lambda z: z / 2, mpf(0), mpf("0.0401"), range(8), "double",
    )  # fmt: skip
    yield (
        "LOG_SMALL", "the same for |s| <= 1/65",
        ATANH, lambda z: z / 2, mpf(0), mpf(65) ** -2, range(4), "double",
    )  # fmt: skip
    yield (
        "LOG_SMALL_SINGLE", "the same for |s| <= 1/120",
        ATANH, lambda z: z / 2, mpf(0), mpf(120) ** -2, range(2), "float",
    )  # fmt: skip
    yield (
        "CUBE_ROOT", "x**(-1/3), 1 <= x < 2, to begin with",
        lambda x: mp.power(x, -mpf(1) / 3), lambda x: mp.cbrt(x), mpf(1), mpf(2),
        range(6), "float",
    )  # fmt: skip
    for kind, tail, count in (("float", "_SINGLE", 3),):
        yield (
            f"ATANH{tail}", "of z = s*s: (2 atanh(s) - 2 s)/s**3, |s| <= 1/5",
            ATANH, lambda z: z / 2, mpf(0), mpf("0.0401"), range(count), kind,
        )  # fmt: skip
    yield (
        "LOG_SINGLE", "(log1p(f) - f + f*f/2)/f**3, -0.298 < f < 0.4065, relative to log1p",
        LOG3, lambda f: f**3 / mp.log1p(f), mpf("-0.298"), mpf("0.4065"), range(8), "float",
    )  # fmt: skip
    for base, slope in ((2, 1.4426950216293335), (10, 0.4342944920063019)):
        yield (
            f"LOG{base}_SINGLE", f"log{base}(1 + f)/f - {slope}, -0.298 < f < 0.4065",
            beyond_slope(base, slope), lambda f, base=base: f / mp.log1p(f) * mp.log(base),
            mpf("-0.298"), mpf("0.4065"), range(10), "float",
        )  # fmt: skip


def tables() -> Any:
    """Name, comment, numbers."""
    for tail, n, upper, bits in (("", 16, 7, 42), ("_SINGLE", 32, 13, 16)):
        logs = [mp.log(1 + mpf(j) / n) - (LN2 if j >= upper else 0) for j in range(n)]
        unit = mpf(2) ** -bits
        high = [mp.nint(x / unit) * unit for x in [LN2, *logs]]
        low = [x - h for x, h in zip([LN2, *logs], high, strict=True)]
        if tail:
            low = [rounded(x, "float") for x in low]
        yield (
            f"LN2_SPLIT{tail}",
            f"log(2) as a multiple of 2**-{bits}, and the rest",
            [
                high[0],
                low[0],
            ],
        )
        less = f"less log(2) from j = {upper} on, as multiples of 2**-{bits}"
        yield f"LOGS{tail}", f"log(1 + j/{n}), {less}", high[1:]
        yield f"LOGS_REST{tail}", "their rests", low[1:]
    rows = [
        minimax(
            lambda x: mp.power(x, -mpf(1) / 3), lambda x: mp.cbrt(x), 1 + mpf(j) / 32,
            1 + mpf(j + 1) / 32, range(2), "float",
        )[0]
        for j in range(32)
    ]  # fmt: skip
    for k, row in enumerate(zip(*rows, strict=True)):
        yield f"CUBE_ROOTS_{k}", f"x**(-1/3), 1 + j/32 <= x < 1 + (j + 1)/32: of x**{k}", list(row)
    for k, row in enumerate(tanh_table()):
        yield f"TANH_{k}", "tanh in single precision: " + TANH_ROWS[min(k, 2)], row


def tanh_table() -> list[list[Any]]:
    """Rows of a table for tanh in single precision: centres, values there, then coefficients.

    Column j is for 2**-3 (1 + j % 4 / 4) 2**(j // 4) <= x, a quarter of an octave, less one column
    that comes first, for all below.  tanh(c + h) = tanh(c) + h + h (d0 + d1 h + ..).  The centres
    are chosen so that tanh(c) is almost a number of single precision (S. Gal, 1986).
    """
    columns = [[mpf(0), mpf(0)] + column(mpf(0), mpf(0), mpf(0), mpf(1) / 8)]
    for j in range(31):
        low = mpf(2) ** (j // 4 - 3) * (1 + mpf(j % 4) / 4)
        high = mpf(2) ** ((j + 1) // 4 - 3) * (1 + mpf((j + 1) % 4) / 4)
        if low >= 10:
            columns.append([mpf(10), mpf(1)] + [mpf(-1)] + [mpf(0)] * 5)
            continue
        middle, step = float((low + high) / 2), float((high - low) / 2 ** (9 if low >= 8 else 13))
        nearby = [rounded(middle + k * step, "float") for k in range(-200, 201)]
        lost = lambda x: abs(mp.tanh(x) - rounded(mp.tanh(x), "float"))
        center = min(nearby, key=lost)
        value = rounded(mp.tanh(center), "float")
        columns.append([center, value] + column(center, value, low, high))
    return [list(row) for row in zip(*columns, strict=True)]


TANH_ROWS = ("centres", "values at the centres", "coefficients")


def column(center: Any, value: Any, low: Any, high: Any) -> list[Any]:
    """d0 .. d5 of one column."""
    if low == 0:  # odd: h**2, h**4 only
        f = series(lambda h: (mp.tanh(h) - h) / h**3, lambda h: -mpf(1) / 3 + h**2 * 2 / 15, "1e-8")
        even, _ = minimax(f, lambda h: h**2, mpf(0), high, [0, 2], "float")
        return [mpf(0), mpf(0), even[0], mpf(0), even[1], mpf(0)]
    f = lambda h: (mp.tanh(center + h) - value - h) / h
    weight = lambda h: h / mp.tanh(center + h)
    return minimax(f, weight, low - center, high - center, list(range(6)), "float")[0]


def main() -> None:
    """Print the module."""
    wanted = sys.argv[1:]
    print('"""Polynomials of the mathematical functions, lowest power first.')
    print()
    print("Made by benchmarks/coefficients.py; the errors are those of the polynomials as rounded,")
    print("in units of 2**-53 (double) and 2**-24 (single).")
    print('"""')
    for name, comment, f, weight, low, high, powers, kind in entries():
        if wanted and name not in wanted:
            continue
        numbers, error = minimax(f, weight, low, high, list(powers), kind)
        unit = 2.0**-24 if kind == "float" else 2.0**-53
        print(f"\n# {comment}: {error / unit:.2g}")
        print(f"{name} = (")
        for number in numbers:
            print(f"    {number!r},")
        print(")")
    for name, comment, values in tables():
        print(f"\n# {comment}")
        print(f"{name} = (")
        for number in values:
            print(f"    {float(number)!r},")
        print(")")


if __name__ == "__main__":
    main()
