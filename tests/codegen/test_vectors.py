"""The steps that mathematical functions share, on AVX-512 and without; the measure of errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from codegen.accuracy import targets, ulps
from codegen.kernels import run

from adjoint.codegen.builder import Builder, Value
from adjoint.codegen.mathlib.vectors import (
    FORMATS,
    fraction_and_exponent,
    lookup,
    mantissa_and_exponent,
    nearest,
    quotient,
    scale,
    two_product,
    two_sum,
)

TARGETS = targets()
WIDTHS = (1, 2, 4, 8, 16, 32)


def arguments(dtype: str) -> np.ndarray:
    rng = np.random.default_rng(5)
    bits = np.finfo(dtype).maxexp - 8
    x = rng.uniform(1, 2, 300) * 2.0 ** rng.integers(-bits, bits, 300)
    return np.concatenate([x, [1, 1.5, 0.75, 1.40625, 2, 1.9999999]]).astype(dtype)


def both(write: Callable[..., tuple[Value, ...]], arrays: Any, *rest: Any) -> list[np.ndarray]:
    """What a function that gives two values gives."""
    first, second = lambda *v: write(*v)[0], lambda *v: write(*v)[1]
    return [run(part, arrays, *rest) for part in (first, second)]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_number_taken_apart(dtype: str, lanes: int, target: str) -> None:
    x = arguments(dtype)
    with np.errstate(under="ignore"):
        x = np.concatenate([x, x[:50] * np.finfo(dtype).tiny])
    x = x[x > 0]
    for split, low in ((fraction_and_exponent, 0.7), (mantissa_and_exponent, 1.0)):
        m, n = both(split, [x], dtype, lanes, TARGETS[target])
        assert (m >= low).all() and (m < 2 * low + 0.11).all()
        np.testing.assert_array_equal(np.ldexp(m, n.astype(int)), x)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_scaling_rounds_once(dtype: str, lanes: int, target: str) -> None:
    rng = np.random.default_rng(6)
    top = np.finfo(dtype).maxexp
    n = rng.integers(-top - 60, top + 2, 500).astype(dtype)
    x = rng.uniform(0.5, 2, 500).astype(dtype)
    result = run(lambda b, u, v: scale(b, u, v), [x, n], dtype, lanes, TARGETS[target])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(result, np.ldexp(x, n.astype(int)))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_lookup(dtype: str, lanes: int, target: str) -> None:
    numbers = np.random.default_rng(7).normal(size=16 if dtype == "float64" else 32).astype(dtype)

    def write(b: Builder, x: Value) -> Value:
        return lookup(b, "some", numbers.tolist(), b.bits(x), x.kind)

    integer = np.arange(-40, 200).astype(f"i{numbers.itemsize}")
    result = run(write, [integer.view(dtype)], dtype, lanes, TARGETS[target])
    np.testing.assert_array_equal(result, numbers[integer % numbers.size])


def test_a_table_fills_two_registers() -> None:
    with pytest.raises(ValueError, match="some has 3 entries, not 16"):
        run(lambda b, x: lookup(b, "some", [1, 2, 3], b.bits(x), x.kind), [np.ones(2)], "f8")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_and_products_with_their_errors(dtype: str) -> None:
    rng = np.random.default_rng(8)
    x, y = (rng.normal(size=400) * 2.0 ** rng.integers(-20, 20, 400) for _ in range(2))
    x, y = x.astype(dtype), y.astype(dtype)
    exact = np.longdouble if dtype == "float64" else np.float64
    if np.finfo(exact).nmant < 2 * np.finfo(dtype).nmant and dtype == "float32":
        pytest.skip("no wider float here")
    high, low = both(lambda b, u, v: two_sum(u, v), [x, y], dtype)
    np.testing.assert_array_equal(high, x + y)
    tolerance = 0 if dtype == "float32" else 1e-18
    total = x.astype(exact) + y.astype(exact)
    np.testing.assert_allclose(high.astype(exact) + low.astype(exact), total, rtol=tolerance)
    high, low = both(two_product, [x, y], dtype)
    product = x.astype(exact) * y.astype(exact)
    np.testing.assert_allclose(high.astype(exact) + low.astype(exact), product, rtol=tolerance)


def test_nearest_and_quotient() -> None:
    x = np.array([-3.5, -2.5, -0.4, 0.0, 0.5, 1.5, 1e6 + 0.5])
    np.testing.assert_array_equal(run(lambda b, v: nearest(b, v)[0], [x], "f8"), np.rint(x))
    np.testing.assert_array_equal(run(lambda b, v: nearest(b, v)[1], [x], "i8"), np.rint(x))
    high = np.array([1.0, 2.0, 1 / 3])
    result = run(lambda b, v: quotient(b, v, v * 1e-17, v + 1.0, 0.0), [high], "f8")
    np.testing.assert_array_equal(result, high / (high + 1))


def test_powers_of_two_are_known() -> None:
    assert FORMATS["double"].magic_bits == np.float64(FORMATS["double"].magic).view("i8")
    assert FORMATS["float"].magic_bits == np.float32(FORMATS["float"].magic).view("i4")


def test_ulps() -> None:
    one, more, top = 1.0, np.nextafter(1.0, 2), np.finfo(float).max
    got = np.array([more, one, -more, np.inf, top, np.nan, np.nan, 5e-324, np.inf])
    near = np.array([one, one, -one, top, np.inf, one, np.nan, 0.0, np.inf])
    rest = np.array([0.25, -0.25, 0.0, 0.25, 0.25, 0.0, 0.0, 0.25, 9.0])
    expected = [0.75, 0.25, 1.0, 0.75, 1.25, np.inf, 0.0, 0.75, 0.0]
    np.testing.assert_array_equal(ulps(got, near, rest), expected)
