"""sin, cos, tan, sinc and the inverse functions: errors in ulps, special values, lanes, targets."""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from codegen.accuracy import CASES, Case, apply, failures, targets, worst_double, worst_single
from codegen.kernels import Kernel

from adjoint.codegen.mathlib.registry import FUNCTIONS
from adjoint.codegen.mathlib.trigonometric import LARGE, sine_cosine

TURN = ((-10, 10), (-1, 1), (-1e3, 1e3), (-1e9, 1e9), (-2e9, 2e9), (-1e22, 1e22))
ZEROS = (0, LARGE, *(k * np.pi / 2 for k in (1, 2, 3, 4, 11, 355, 10**6, 10**9, 10**15)))
HARD = 6381956970095103.0 * 2.0**797  # nearer to a multiple of pi/2 than any other double


def sinc(x: Any) -> Any:
    """sin(pi x)/(pi x), with zeros at whole numbers."""
    n = np.rint(np.abs(x))
    f = np.abs(x) - n
    pi = x.dtype.type(np.pi)
    sign = np.where(n % 2 == 1, -1, 1).astype(x.dtype)
    return np.where(x == 0, x.dtype.type(1), sign * np.sin(pi * f) / (pi * np.abs(x)) + 0)


def exact_sinc(x: Any) -> Any:
    """The same of mpmath's number."""
    return mpmath.sincpi(x)


def points_of_the_plane(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    """y and x at every angle, many of them near the axes and the diagonals."""
    near = rng.choice(8, n) * np.pi / 4 + 2.0 ** rng.uniform(-50, 0, n)
    angle = np.where(rng.uniform(0, 1, n) < 0.5, near, rng.uniform(-np.pi, np.pi, n))
    size = 2.0 ** rng.uniform(-100, 100, n)
    return size * np.sin(angle), size * np.cos(angle)


CASES.update(
    {
        "sin": Case(np.sin, mpmath.sin, TURN, ZEROS, np.sin),
        "cos": Case(np.cos, mpmath.cos, TURN, ZEROS, np.cos),
        "tan": Case(np.tan, mpmath.tan, TURN, ZEROS, np.tan),
        "sinc": Case(
            sinc,
            exact_sinc,
            ((-5, 5), (-1, 1), (-1e3, 1e3), (1, 1.5)),
            (0, 0.5, 1, 1.5, 2, 1000, 2.0**51, 2.0**52),
        ),
        "arcsin": Case(np.arcsin, mpmath.asin, ((-1, 1), (0.4, 0.6)), (0, 0.5, 1), np.arcsin),
        "arccos": Case(np.arccos, mpmath.acos, ((-1, 1), (0.4, 0.6)), (0, 0.5, 1), np.arccos),
        "arctan": Case(np.arctan, mpmath.atan, near=(0, 1), extended=np.arctan),
        "arctan2": Case(
            np.arctan2, mpmath.atan2, near=(0, 1), pairs=points_of_the_plane, extended=np.arctan2
        ),
    }
)
NAMES = ["sin", "cos", "tan", "sinc", "arcsin", "arccos", "arctan", "arctan2"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_errors_special_values_and_lanes(name: str, dtype: Any) -> None:
    assert failures(name, dtype) == []


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
@pytest.mark.parametrize("target", targets().values(), ids=targets().keys())
def test_a_large_argument_leaves_its_neighbours_alone(name: str, target: Any) -> None:
    small = np.linspace(-20, 20, 64)
    alone = apply(name, small, lanes=8, target=target)
    for large in (1e300, -1e22, HARD, np.inf, np.nan):
        mixed = small.copy()
        mixed[::3] = large
        got = apply(name, mixed, lanes=8, target=target)
        kept = np.arange(64) % 3 != 0
        assert np.array_equal(got[kept], alone[kept])
        exact = np.nan
        if np.isfinite(large):
            with mpmath.workprec(1200):
                exact = float(getattr(mpmath, name)(mpmath.mpf(large)))
        assert np.allclose(got[~kept], exact, rtol=4e-16, atol=0, equal_nan=True)


def test_the_argument_that_is_hardest_to_reduce() -> None:
    with mpmath.workprec(1200):
        exact = [float(f(mpmath.mpf(HARD))) for f in (mpmath.sin, mpmath.cos, mpmath.tan)]
    got = [float(apply(name, np.array([HARD]))[0]) for name in ("sin", "cos", "tan")]
    assert np.allclose(got, exact, rtol=4e-16, atol=0)
    assert abs(exact[1]) < 1e-18


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("lanes", [1, 2, 8, 16])
def test_sine_and_cosine_at_once_have_the_bits_of_each(dtype: Any, lanes: int) -> None:
    more = [np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal, -0.0, 0.0, np.inf]
    x = np.concatenate([np.linspace(-50, 50, 1001).astype(dtype), np.array(more, dtype)])
    for k, name in enumerate(("sin", "cos")):
        both = Kernel(lambda b, v, k=k: sine_cosine(b, v)[k], [dtype], dtype, lanes)(x)
        assert both.tobytes() == apply(name, x, lanes=lanes).tobytes()


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
@pytest.mark.parametrize("target", targets().values(), ids=targets().keys())
def test_doubles_next_to_zeros(name: str, target: Any) -> None:
    """Where the reduction cancels most, up to the largest argument that it serves."""
    k = np.random.default_rng(5).integers(1, 2**29, 20_000)
    k = np.concatenate([np.arange(1, 20_000), k]).astype(np.longdouble)
    x = (k * np.longdouble(np.pi / 2) + k * np.longdouble(6.123233995736766e-17)).astype(float)
    near = np.minimum(np.abs(np.sin(x)), np.abs(np.cos(x))) / x
    x = x[np.argsort(near)[:200]]
    x = np.concatenate([x, -x, np.nextafter(x, 0)])
    got = apply(name, x, target=target)
    with mpmath.workprec(300):
        exact = [getattr(mpmath, name)(mpmath.mpf(v)) for v in x.tolist()]
        errors = [
            abs(mpmath.mpf(g) - e) / math.ulp(float(e))
            for g, e in zip(got.tolist(), exact, strict=True)
        ]
    assert max(errors) <= FUNCTIONS[name].ulp


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("target", targets().values(), ids=targets().keys())
def test_sines_and_cosines_do_not_exceed_one(dtype: Any, target: Any) -> None:
    step = np.finfo(dtype).eps * np.arange(-100_000, 100_000)
    for name, top in (("sin", np.pi / 2), ("sin", 5 * np.pi / 2), ("cos", 0), ("cos", 2 * np.pi)):
        got = apply(name, (top + step).astype(dtype), target=target)
        assert got.max() == 1
    assert np.array_equal(apply("cos", np.array([0.0, -0.0, 1e-300, 1e-9]).astype(dtype)), [1] * 4)
    tiny = np.array([1e-9, -1e-12, 1e-30]).astype(dtype)
    assert np.array_equal(apply("sin", tiny, target=target), tiny)


def test_sinc_is_zero_at_whole_numbers() -> None:
    x = np.array([1.0, -2.0, 3e15, 2.0**52, 1e300])
    assert np.array_equal(apply("sinc", x), np.zeros(5))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_doubles(name: str) -> None:
    worst = worst_double(name, count=20_000, look=3_000_000)
    assert worst.ulp <= FUNCTIONS[name].ulp, worst


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in NAMES if n != "arctan2"])
def test_every_single(name: str) -> None:
    for start in range(0, 2**32, 2**24):
        x = np.arange(start, start + 2**24, dtype=np.uint32).view(np.float32)
        x = x[np.isfinite(x)]
        if name in ("arcsin", "arccos"):
            x = x[np.abs(x) <= 1]
        if x.size:
            worst = worst_single(name, x)
            assert worst.ulp <= FUNCTIONS[name].ulp_single, worst


@pytest.mark.slow
def test_many_pairs_of_singles() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        x = rng.uniform(0.5, 1, 2**18).astype(np.float32)
        y = (x * rng.uniform(0.3, 1, x.size)).astype(np.float32)
        for pair in ((y, x), (x, y), (y, -x), (-x, y)):
            worst = worst_single("arctan2", *pair)
            assert worst.ulp <= FUNCTIONS["arctan2"].ulp_single, worst


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_sine_of_a_number_does_not_depend_on_its_neighbours(dtype: Any) -> None:
    """Vectors of small numbers only have a branch of their own."""
    edge = dtype(1.57)
    small = [0.0, -0.0, 1e-310, 0.5, -1.0, edge, -edge, np.nextafter(edge, dtype(0))]
    for others in ([np.nextafter(edge, dtype(2))], [3.0, -7.5], [1e10], [np.inf, np.nan], [1e30]):
        mixed = np.array([*small, *others, *small] * 9, dtype)
        got, alone = apply("sin", mixed), apply("sin", np.array(small * 9, dtype))
        np.testing.assert_array_equal(got.reshape(9, -1)[:, : len(small)].reshape(-1), alone)
        assert np.signbit(got[1]) and not np.signbit(got[0])
        assert np.signbit(alone[1]) and not np.signbit(alone[0])
