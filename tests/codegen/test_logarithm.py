"""The functions of `mathlib/logarithm.py`: errors against mpmath, special values, equal bits."""

from __future__ import annotations

import numpy as np
import pytest
from codegen.accuracy import failures, worst_double, worst_single

from adjoint.codegen.mathlib.registry import FUNCTIONS

NAMES = "log log2 log10 log1p log_expit logaddexp logaddexp2".split()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_errors_special_values_and_lanes(name: str, dtype: str) -> None:
    found = failures(name, np.dtype(dtype).type)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_points(name: str) -> None:
    assert worst_double(name, 20_000, look=4_000_000).ulp <= FUNCTIONS[name].ulp
    assert worst_single(name, count=4_000_000).ulp <= FUNCTIONS[name].ulp_single
