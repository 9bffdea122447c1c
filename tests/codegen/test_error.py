"""erf, erfc and erfcx: errors in ulps, special values, lanes, targets."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special
from codegen.accuracy import CASES, Case, failures, worst_double, worst_single

from adjoint.codegen.mathlib.registry import FUNCTIONS


def erfc(x: Any) -> Any:
    """1 - erf(x) of mpmath's number."""
    return mpmath.erfc(min(x, mpmath.mpf(40)))


def erfcx(x: Any) -> Any:
    """exp(x*x) erfc(x) of mpmath's number, by the asymptotic series where that is exact."""
    if x < 1e4:
        x = max(x, mpmath.mpf(-30))
        return mpmath.exp(x * x) * mpmath.erfc(x)
    total = term = mpmath.mpf(1)
    for k in range(1, 12):
        term *= -(2 * k - 1) / (2 * x * x)
        total += term
    return total / (x * mpmath.sqrt(mpmath.pi))


CASES.update(
    {
        "erf": Case(scipy.special.erf, mpmath.erf, ((-6, 6), (-1, 1), (0.9, 1.5)), (0, 1, 6)),
        "erfc": Case(
            scipy.special.erfc,
            erfc,
            ((-6, 6), (-1, 1), (0, 27), (26, 27.3)),
            (0, 0.5, -0.5, 26.5, 27.2, 28),
        ),
        "erfcx": Case(
            scipy.special.erfcx,
            erfcx,
            ((-27, 30), (-1, 1), (0, 1e4), (-6, 6), (-26.7, -26)),
            (0, 0.5, -0.5, 1e9, -26.6, 27),
        ),
    }
)
NAMES = ["erf", "erfc", "erfcx"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_errors_special_values_and_lanes(name: str, dtype: Any) -> None:
    assert failures(name, dtype) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_doubles(name: str) -> None:
    worst = worst_double(name, count=100_000)
    assert worst.ulp <= FUNCTIONS[name].ulp, worst


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_single(name: str) -> None:
    for start in range(0, 2**32, 2**24):
        x = np.arange(start, start + 2**24, dtype=np.uint32).view(np.float32)
        x = x[np.isfinite(x) & ~((x < -27) & (name == "erfcx"))]
        if x.size:
            worst = worst_single(name, x)
            assert worst.ulp <= FUNCTIONS[name].ulp_single, worst
