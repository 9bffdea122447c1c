"""Minimax polynomials of the trigonometric, error and gamma functions in `codegen/mathlib`.

Enters: nothing.  Leaves: on standard output, for each polynomial its coefficients as doubles (or
singles) and the largest weighted error that is left.  Run it to check or to change a table:

    python benchmarks/coefficients_trigonometric.py [name ..]

Method: the second algorithm of Remez with weights, in 60 digits (E. W. Cheney, "Introduction to
Approximation Theory", 1966, chapter 3); the leading coefficients are rounded one after another, and
the others fitted again each time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import mpmath as mp
import numpy as np

mp.mp.dps = 60


def rounded(value: Any, single: bool = False) -> Any:
    """The nearest double or single, as an mpmath number."""
    return mp.mpf(float(np.float32(float(value)))) if single else mp.mpf(float(value))


def remez(
    function: Callable[[Any], Any],
    low: Any,
    high: Any,
    powers: Sequence[int],
    weight: Callable[[Any], Any],
    grid: int = 400,
    rounds: int = 12,
) -> tuple[list[Any], Any]:
    """Coefficients of x**p that make the largest weight * |function - sum| smallest."""
    low, high = mp.mpf(low), mp.mpf(high)
    points = [
        (low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (i + mp.mpf(1) / 2) / grid)
        for i in range(grid)
    ]
    values = [function(x) for x in points]
    weights = [weight(x) for x in points]
    n = len(powers)
    basis = [[x**p for p in powers] for x in points]
    chosen = [round((i + 0.5) * (grid - 1) / (n + 1)) for i in range(n + 1)]
    solution: list[Any] = []
    for _ in range(rounds):
        matrix = mp.matrix(n + 1, n + 1)
        right = mp.matrix(n + 1, 1)
        for row, i in enumerate(chosen):
            for column in range(n):
                matrix[row, column] = basis[i][column]
            matrix[row, n] = (-1) ** row / weights[i]
            right[row] = values[i]
        found = mp.lu_solve(matrix, right)
        solution = [found[i] for i in range(n)]
        errors = [
            w * (v - mp.fdot(solution, b)) for w, v, b in zip(weights, values, basis, strict=True)
        ]
        peaks: list[int] = []  # the largest error of each run of one sign
        for i, e in enumerate(errors):
            if peaks and (errors[peaks[-1]] > 0) == (e > 0):
                if abs(e) > abs(errors[peaks[-1]]):
                    peaks[-1] = i
            else:
                peaks.append(i)
        while len(peaks) > n + 1:
            ends = abs(errors[peaks[0]]) < abs(errors[peaks[-1]])
            peaks.pop(0 if ends else -1)
        if len(peaks) < n + 1 or peaks == chosen:
            break
        chosen = peaks
    return solution, max(map(abs, errors))


def minimax(
    function: Callable[[Any], Any],
    low: Any,
    high: Any,
    degree: int,
    weight: Callable[[Any], Any] = lambda x: 1,
    single: bool = False,
    first: Sequence[float] = (),
    singly: int = 2,
) -> tuple[list[float], float]:
    """Rounded coefficients c0 .. c_degree and the weighted error; `first` are given ones."""
    known = [mp.mpf(c) for c in first]
    while True:
        fixed = list(known)

        def rest(x: Any, fixed: list[Any] = fixed) -> Any:
            return function(x) - mp.polyval(fixed[::-1], x) if fixed else function(x)

        powers = range(len(known), degree + 1)
        found, _ = remez(rest, low, high, powers, weight)
        if len(known) >= len(first) + singly or len(known) == degree:
            known += [rounded(c, single) for c in found]
            break
        known.append(rounded(found[0], single))
    low, high = mp.mpf(low), mp.mpf(high)
    points = [low + (high - low) * i / 500 for i in range(501)]
    error = max(
        abs(weight(x) * (function(x) - mp.polyval(known[::-1], x))) for x in points if weight(x)
    )
    return [float(c) for c in known], float(error)


TABLES: dict[str, Callable[[], tuple[list[float], float]]] = {}


def table(build: Callable[[], tuple[list[float], float]]) -> Callable[[], Any]:
    """Register a table under its function's name."""
    TABLES[build.__name__] = build
    return build


TINY = mp.mpf(10) ** -20


def away(x: Any) -> Any:
    """x, or a tiny number in place of 0 (60 digits leave 20 of a difference quotient there)."""
    return max(x, TINY)


def show(name: str) -> None:
    """Print one table."""
    coefficients, error = TABLES[name]()
    print(f"{name}: error 2**{float(mp.log(error, 2)):.2f}")
    for c in coefficients:
        print(f"    {c!r},")


# ------------------------------------------------------------------------------------ trigonometric

EIGHTH = (mp.pi / 4 * mp.mpf("1.00001")) ** 2  # the largest r**2


HALF = (mp.pi / 2 * mp.mpf("1.00001")) ** 2  # the same for |r| <= pi/2
OFFSET, SHARE = 0.75, 0.75


def sine(degree: int) -> tuple[list[float], float]:
    """sin r / r - SHARE of w = r**2 - OFFSET, relative to sin r / r."""

    def function(w: Any) -> Any:
        r = mp.sqrt(away(w + OFFSET))
        return mp.sin(r) / r

    low, high = -OFFSET, HALF - OFFSET
    weight = lambda w: 1 / function(w)
    return minimax(lambda w: function(w) - SHARE, low, high, degree, weight, singly=4)


def sine_single(degree: int) -> tuple[list[float], float]:
    """(r - sin r) / (-w r) of w = -r**2, relative to sin r."""

    def function(w: Any) -> Any:
        r = mp.sqrt(away(-w))
        return (r - mp.sin(r)) / r**3

    def weight(w: Any) -> Any:
        r = mp.sqrt(away(-w))
        return r**3 / mp.sin(r)

    return minimax(function, -HALF, 0, degree, weight)


def tangent(degree: int) -> tuple[list[float], float]:
    """(2 tan(r/2) - r) / r**3 of r**2, relative to 2 tan(r/2)."""

    def function(z: Any) -> Any:
        r = mp.sqrt(away(z))
        return (2 * mp.tan(r / 2) - r) / r**3

    def weight(z: Any) -> Any:
        r = mp.sqrt(away(z))
        return r**3 / (2 * mp.tan(r / 2))

    return minimax(function, 0, EIGHTH, degree, weight)


@table
def SINE() -> tuple[list[float], float]:
    return sine(8)


@table
def SINE_SINGLE() -> tuple[list[float], float]:
    return sine_single(3)


@table
def TANGENT() -> tuple[list[float], float]:
    return tangent(8)


@table
def TANGENT_OF_SINGLES() -> tuple[list[float], float]:
    """(tan r - r) / r**3 of r**2, relative to tan r, in singles."""

    def function(z: Any) -> Any:
        r = mp.sqrt(away(z))
        return (mp.tan(r) - r) / r**3

    def weight(z: Any) -> Any:
        r = mp.sqrt(away(z))
        return r**3 / mp.tan(r)

    return minimax(function, 0, EIGHTH, 6, weight, True)


def arcsine(degree: int, single: bool = False) -> tuple[list[float], float]:
    """(asin s - s) / s**3 of s**2, s <= 1/2, relative to asin s."""

    def function(z: Any) -> Any:
        s = mp.sqrt(away(z))
        return (mp.asin(s) - s) / s**3

    def weight(z: Any) -> Any:
        s = mp.sqrt(away(z))
        return s**3 / mp.asin(s)

    return minimax(function, 0, mp.mpf("0.2501"), degree, weight, single)


def arctangent(degree: int, single: bool = False) -> tuple[list[float], float]:
    """(atan q - q) / q**3 of q**2, q <= 1, relative to atan q."""

    def function(z: Any) -> Any:
        q = mp.sqrt(away(z))
        return (mp.atan(q) - q) / q**3

    def weight(z: Any) -> Any:
        q = mp.sqrt(away(z))
        return q**3 / mp.atan(q)

    return minimax(
        function, 0, mp.mpf("1.00001"), degree, weight, single, singly=8 if single else 2
    )


@table
def ARCSINE() -> tuple[list[float], float]:
    return arcsine(11)


@table
def ARCSINE_SINGLE() -> tuple[list[float], float]:
    return arcsine(4, True)


@table
def ARCTANGENT() -> tuple[list[float], float]:
    return arctangent(19)


@table
def ARCTANGENT_SINGLE() -> tuple[list[float], float]:
    return arctangent(8, True)


def sine_of_turns(degree: int) -> tuple[list[float], float]:
    """(sin(pi f)/pi - f) / f**3 of f**2, |f| <= 1/2, relative to sin(pi f)/pi."""

    def function(z: Any) -> Any:
        f = mp.sqrt(away(z))
        return (mp.sin(mp.pi * f) / mp.pi - f) / f**3

    def weight(z: Any) -> Any:
        f = mp.sqrt(away(z))
        return f**3 * mp.pi / mp.sin(mp.pi * f)

    return minimax(function, 0, mp.mpf("0.25"), degree, weight)


@table
def TURNS() -> tuple[list[float], float]:
    return sine_of_turns(7)


@table
def TURNS_SINGLE() -> tuple[list[float], float]:
    return sine_of_turns(3)


# -------------------------------------------------------------------------------- error functions


@table
def ERF() -> tuple[list[float], float]:
    """erf(x)/x - 1 of x**2, x <= 9/8, relative to erf(x)."""

    def function(z: Any) -> Any:
        x = mp.sqrt(away(z))
        return mp.erf(x) / x - 1

    def weight(z: Any) -> Any:
        x = mp.sqrt(away(z))
        return x / mp.erf(x)

    return minimax(function, 0, mp.mpf("1.2657"), 13, weight)


def scaled(x: Any) -> Any:
    """exp(x**2) erfc(x)."""
    return mp.exp(x * x) * mp.erfc(x)


@table
def ERF_TAIL() -> tuple[list[float], float]:
    """exp(x**2) erfc(x) of 1/(x + 2), 9/8 <= x <= 6, with the weight of exp(-x**2)."""
    return minimax(
        lambda t: scaled(1 / t - 2),
        mp.mpf(1) / 8,
        mp.mpf(8) / 25,
        12,
        lambda t: mp.exp(-((1 / t - 2) ** 2)),
    )


@table
def ERFCX() -> tuple[list[float], float]:
    """(x + 1/2) exp(x**2) erfc(x) of t = (x - 4)/(x + 4), x >= 1/2, relative.

    What rounding the first coefficient lost comes first.
    """

    def function(t: Any) -> Any:
        if t > 1 - mp.mpf(10) ** -9:
            return (1 + (1 - t) / 16) / mp.sqrt(mp.pi)
        x = 4 * (1 + t) / (1 - t)
        if x > 60:
            total = term = mp.mpf(1)
            for k in range(1, 40):
                term *= -(2 * k - 1) / (2 * x * x)
                total += term
            return (x + 0.5) * total / (x * mp.sqrt(mp.pi))
        return (x + 0.5) * scaled(x)

    low, weight = mp.mpf("-0.7778"), lambda t: 1 / function(t)
    first = remez(function, low, 1, range(23), weight)[0][0]
    high = rounded(first)
    rest = rounded(first - high)
    found, error = minimax(function, low, 1, 22, weight, first=(high + rest,))
    return [float(rest), *found], error


# -------------------------------------------------------------------------------- gamma functions


@table
def COSINE_OF_TURNS() -> tuple[list[float], float]:
    """(cos(pi f) - 1) / f**2 of f**2, |f| <= 1/2, absolute."""
    return minimax(
        lambda z: (mp.cos(mp.pi * mp.sqrt(away(z))) - 1) / away(z), 0, 0.25, 7, lambda z: z
    )


def of_inverse(function: Callable[[Any], Any], degree: int) -> tuple[list[float], float]:
    """A function of z >= 1, times z + 1/2, of v = 1/(z + 1/2); absolute, before that product."""
    least = mp.mpf(10) ** -9
    half = mp.mpf(1) / 2
    return minimax(
        lambda v: function(1 / max(v, least) - half) / max(v, least),
        0,
        mp.mpf(2) / 3,
        degree,
        lambda v: v,
    )


def binet(z: Any) -> Any:
    """log(gamma(z)) less Stirling's formula without its series (J. Binet, 1839)."""
    if z > 1e8:
        return 1 / (12 * z) - 1 / (360 * z**3)
    stirling = (z - mp.mpf(1) / 2) * mp.log(z) - z + mp.log(2 * mp.pi) / 2
    return mp.loggamma(z) - stirling


def digamma_rest(z: Any) -> Any:
    """log(z) - psi(z)."""
    if z > 1e8:
        return 1 / (2 * z) + 1 / (12 * z * z)
    return mp.log(z) - mp.psi(0, z)


@table
def BINET() -> tuple[list[float], float]:
    return of_inverse(binet, 17)


@table
def DIGAMMA() -> tuple[list[float], float]:
    return of_inverse(digamma_rest, 18)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or list(TABLES):
        show(wanted)
