"""gammaln, gamma and psi: errors in ulps (of 1 near zeros), special values, lanes, targets."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special
from codegen.accuracy import CASES, Case, apply, failures, worst_double, worst_single

from adjoint.codegen.mathlib.registry import FUNCTIONS


def gammaln(x: Any) -> Any:
    """SciPy's, and a number where it overflows on the way."""
    tiny = (x != 0) & (np.abs(x) < 1e-323)
    return np.where(tiny, x.dtype.type(744.4400719213812), scipy.special.gammaln(x))


def psi(x: Any) -> Any:
    """SciPy's, which loses digits between -1 and 0: there by the recurrence."""
    with np.errstate(all="ignore"):
        near = scipy.special.psi(x + 1) - 1 / x
    return np.where((x > -1) & (x < 0), near, scipy.special.psi(x))


def exact_gammaln(x: Any) -> Any:
    """log|gamma(x)| of mpmath's number."""
    return mpmath.re(mpmath.loggamma(x))


def exact_gamma(x: Any) -> Any:
    """gamma(x) of mpmath's number, 0 where that is too small for a double."""
    return mpmath.mpf(0) if x < -250 else mpmath.gamma(min(x, mpmath.mpf(200)))


def at_least_one(function: Any) -> Any:
    """The size of the result, or 1: what errors near zeros are measured by."""
    return lambda x: np.clip(np.abs(function(x)), 1, 1e30).astype(x.dtype)


CASES.update(
    {
        "gammaln": Case(
            gammaln,
            exact_gammaln,
            ((0, 3), (0, 30), (-10, 0), (-170, 1e3)),
            (0, 1, 2, 3, -0.5, -2.457024738220801, -2.7476826467274127),
            scale=at_least_one(gammaln),
            ignore=lambda x: (x < 0) & (np.rint(x) == x),
        ),
        "gamma": Case(
            scipy.special.gamma,
            exact_gamma,
            ((0, 3), (0, 172), (-10, 0), (-185, 0)),
            (0, 1, 2, 3, -1, -2, -10, -100, 171.6243769563027, -0.5, -170.5),
        ),
        "psi": Case(
            psi,
            lambda x: mpmath.psi(0, x),
            ((0, 3), (0, 30), (-10, 0), (-1e3, 1e3)),
            (0, 1, 1.4616321449683622, 2, -0.5040830082644554, -1.573498473162390, -1, -10),
            scale=at_least_one(psi),
            ignore=lambda x: (x < 0) & (np.rint(x) == x),
        ),
    }
)
NAMES = ["gammaln", "gamma", "psi"]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_errors_special_values_and_lanes(name: str, dtype: Any) -> None:
    assert failures(name, dtype, count=1000) == []


def test_gammaln_is_zero_at_one_and_two() -> None:
    assert np.array_equal(apply("gammaln", np.array([1.0, 2.0])), [0, 0])


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_many_doubles(name: str) -> None:
    worst = worst_double(name, count=50_000)
    assert worst.ulp <= FUNCTIONS[name].ulp, worst


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_seventh_single(name: str) -> None:
    for start in range(0, 2**32, 2**26):
        x = np.arange(start, start + 2**26, 7, dtype=np.uint32).view(np.float32)
        x = x[np.isfinite(x) & ~((np.abs(x) < 1e-38) & (name == "gamma"))]
        worst = worst_single(name, x)
        assert worst.ulp <= FUNCTIONS[name].ulp_single, worst
