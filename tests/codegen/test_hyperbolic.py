"""The functions of `mathlib/hyperbolic.py`: errors against mpmath, special values, equal bits."""

from __future__ import annotations

import numpy as np
import pytest
from codegen.accuracy import apply, failures, targets, worst_double, worst_single

from adjoint.codegen.mathlib.registry import FUNCTIONS

NAMES = "sinh cosh tanh arcsinh arccosh arctanh expit".split()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_errors_special_values_and_lanes(name: str, dtype: str) -> None:
    found = failures(name, np.dtype(dtype).type)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize(("dtype", "one"), [("float64", 19.1), ("float32", 10.0)])
def test_tanh_reaches_one(dtype: str, one: float, target: str) -> None:
    x = np.concatenate([np.linspace(0.85 * one, one, 4001), np.geomspace(one, 1e30, 4001)])
    x = x.astype(dtype)
    got = apply("tanh", x, target=targets()[target])
    exact = -np.expm1(-2 * x.astype(np.float64)) / (1 + np.exp(-2 * x.astype(np.float64)))
    assert (np.abs(got - exact) <= np.finfo(dtype).epsneg).all()
    np.testing.assert_array_equal(got[4001:], 1)
    np.testing.assert_array_equal(apply("tanh", -x, target=targets()[target]), -got)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_points(name: str) -> None:
    assert worst_double(name, 20_000, look=4_000_000).ulp <= FUNCTIONS[name].ulp
    assert worst_single(name, count=4_000_000).ulp <= FUNCTIONS[name].ulp_single
