"""Reductions, scans and statistics: values, dtypes, derivatives, batches, ties, special values."""

from __future__ import annotations

import numpy as np
import pytest
from function_checks import check, check_values, sample

import adjoint as ad

A = sample(2, 3, 4)
M = sample(3, 5)
V = sample(7)
C = sample(3, 4, dtype=complex)
P = sample(6, low=0.3, high=2.5)
W = sample(5, low=0.2, high=1.5)
MASK = np.array([[True, False, True, True, False]] * 2 + [[False, True, True, True, True]])
NANS = np.where(MASK, M, np.nan)
DEAD = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])

SMOOTH = {
    "sum": (np.sum, A),
    "sum axis": (lambda x: np.sum(x, axis=(0, -1)), A),
    "sum keepdims": (lambda x: x.sum(1, keepdims=True), A),
    "sum where initial": (lambda x: np.sum(x, axis=1, where=MASK, initial=2.5), M),
    "sum dtype": (lambda x: np.sum(x, dtype=complex), M),
    "sum no axes": (lambda x: np.sum(x, axis=()), M),
    "prod": (np.prod, P),
    "prod axis": (lambda x: np.prod(x, axis=(0, 2)), A),
    "prod where": (lambda x: np.prod(x, 1, where=MASK, initial=2.0, keepdims=True), M),
    "prod with zero": (np.prod, np.array([2.0, 0.0, 3.0])),
    "prod with zeros": (np.prod, np.array([2.0, 0.0, 3.0, 0.0])),
    "prod complex": (lambda x: np.prod(x, axis=0), C),
    "mean": (np.mean, A),
    "mean axis": (lambda x: x.mean((0, 2), keepdims=True), A),
    "mean where": (lambda x: np.mean(x, axis=1, where=MASK), M),
    "mean complex": (np.mean, C),
    "var": (np.var, A),
    "var axis": (lambda x: x.var((0, 1), ddof=1), A),
    "var where": (lambda x: np.var(x, axis=1, where=MASK, keepdims=True), M),
    "var correction": (lambda x: np.var(x, axis=0, correction=1), M),
    "var mean": (lambda x: np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), M),
    "var complex": (lambda x: np.var(x, axis=1), C),
    "var of equal numbers": (np.var, np.full(3, 2.0)),
    "std": (np.std, A),
    "std axis": (lambda x: np.std(x, axis=-1, ddof=1, keepdims=True), A),
    "std complex": (lambda x: np.std(x, axis=0), C),
    "max": (np.max, A),
    "max axis": (lambda x: np.max(x, axis=(0, 2), keepdims=True), A),
    "max where": (lambda x: np.max(x, axis=1, where=MASK, initial=0.5), M),
    "amax": (lambda x: np.amax(x, 0), M),
    "min": (lambda x: x.min(-1), A),
    "amin": (lambda x: np.amin(x, axis=1, initial=0.1), M),
    "max complex": (lambda x: np.max(x, axis=0), C),
    "ptp": (lambda x: np.ptp(x, axis=1, keepdims=True), M),
    "cumsum": (np.cumsum, M),
    "cumsum axis": (lambda x: x.cumsum(axis=-2), A),
    "cumprod": (lambda x: np.cumprod(x, axis=1), M),
    "cumprod flat": (np.cumprod, C),
    "cumprod with zeros": (np.cumprod, np.array([2.0, 0.0, 3.0, 0.0, 1.0])),
    "cumulative_sum": (lambda x: np.cumulative_sum(x, axis=1, include_initial=True), M),
    "cumulative_prod": (lambda x: np.cumulative_prod(x, include_initial=True), V),
    "maximum.accumulate": (lambda x: np.maximum.accumulate(x, axis=1), M),
    "minimum.accumulate": (np.minimum.accumulate, A),
    "add.accumulate": (lambda x: np.add.accumulate(x, 1), A),
    "multiply.accumulate": (np.multiply.accumulate, V),
    "add.reduce": (np.add.reduce, A),
    "add.reduce tuple": (lambda x: np.add.reduce(x, axis=(0, 2), keepdims=True), A),
    "multiply.reduce": (lambda x: np.multiply.reduce(x, axis=None), P),
    "maximum.reduce": (np.maximum.reduce, M),
    "minimum.reduce": (lambda x: np.minimum.reduce(x, axis=1, initial=0.0), M),
    "fmax.reduce": (np.fmax.reduce, M),
    "logaddexp.reduce": (np.logaddexp.reduce, V),
    "logaddexp.reduce axis": (lambda x: np.logaddexp.reduce(x, axis=(0, 2), keepdims=True), A),
    "logaddexp2.reduce": (lambda x: np.logaddexp2.reduce(x, axis=1, initial=0.3), M),
    "add.reduceat": (lambda x: np.add.reduceat(x, [0, 2, 1, 3], axis=1), M),
    "multiply.reduceat": (lambda x: np.multiply.reduceat(x, [0, 4, 2]), V),
    "subtract.outer": (lambda x: np.subtract.outer(x, x[:3] * 2), V),
    "hypot.outer": (lambda x: np.hypot.outer(np.arange(3.0), x), M),
    "median odd": (np.median, V),
    "median even": (lambda x: np.median(x, axis=(0, -1), keepdims=True), A),
    "median axis": (lambda x: np.median(x, axis=1), A),
    "quantile": (lambda x: np.quantile(x, 0.3), V),
    "quantile many": (lambda x: np.quantile(x, [[0.1, 0.5], [0.9, 1.0]], axis=1), M),
    "quantile keepdims": (lambda x: np.quantile(x, [0.0, 0.71], axis=(0, 2), keepdims=True), A),
    "percentile": (lambda x: np.percentile(x, 41.0, axis=0), M),
    "percentile array": (lambda x: np.percentile(x, np.array([10, 20])), M),
    "average": (np.average, M),
    "cov": (np.cov, M),
    "cov columns": (lambda x: np.cov(x, rowvar=False, bias=True), M),
    "cov y": (lambda x: np.cov(x[0], x[1] ** 2, ddof=0), M),
    "cov one": (lambda x: np.cov(x), V),
    "cov complex": (np.cov, C),
    "cov weights": (lambda x: np.cov(x, fweights=[1, 2, 1, 3, 1], aweights=W), M),
    "corrcoef": (np.corrcoef, M),
    "corrcoef y": (lambda x: np.corrcoef(x[0], x[1] ** 2), M),
    "logical": (lambda x: x * np.any(x > 0, axis=1, keepdims=True) * np.all(x > -9), M),
    "argmax": (lambda x: x * np.argmax(x, axis=1, keepdims=True) + np.argmin(x), M),
    "count_nonzero": (lambda x: x / (1 + np.count_nonzero(x > 0, axis=0, keepdims=True)), A),
}
METHODS = (
    "linear lower higher nearest midpoint inverted_cdf averaged_inverted_cdf closest_observation "
    "interpolated_inverted_cdf hazen weibull median_unbiased normal_unbiased"
).split()


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth(name):
    f, x = SMOOTH[name]
    check(f, x, rtol=1e-6 if "corr" in name else 1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_quantile_methods(method):
    check(lambda x: np.quantile(x, [0.15, 0.6, 0.93], axis=1, method=method), M)
    check(lambda x: np.nanquantile(x, 0.37, axis=0, method=method), A)


def test_quantile_in_its_level():
    q = np.array([0.13, 0.61, 0.88])
    for method in ("linear", "hazen", "weibull", "median_unbiased"):
        check(lambda x, q, m=method: np.quantile(x, q, axis=1, method=m), M, q)
    check(lambda x, q: np.percentile(x, q * 100), V, q)
    check(lambda x, q: np.nanquantile(x, q, axis=1), M, q, second=False)
    assert ad.grad(lambda q: np.quantile(V, q, method="lower"))(0.4) == 0.0
    values = np.sort(V)
    assert ad.grad(lambda q: np.quantile(V, q))(0.4) == pytest.approx(6 * (values[3] - values[2]))


def test_weights():
    check(lambda x, w: np.average(x, axis=1, weights=w), M, W)
    check(lambda x, w: np.average(x, weights=w, returned=True), V, sample(7, low=1, high=2))
    check(lambda x, w: np.cov(x, aweights=w), M, W)
    check(lambda x, w: np.average(x, axis=(2, 0), weights=w, keepdims=True), A,
          sample(4, 2, low=1, high=2))  # fmt: skip
    with pytest.raises(ZeroDivisionError):
        ad.grad(lambda w: np.average(M, axis=1, weights=w).sum())(np.zeros(5))


WITHOUT_NAN = {
    "nansum": lambda x: np.nansum(x, axis=1),
    "nanprod": lambda x: np.nanprod(x, axis=1),
    "nanmax": lambda x: np.nanmax(x, axis=1),
    "nanmin": lambda x: np.nanmin(x, axis=1, keepdims=True),
    "nanmean": lambda x: np.nanmean(x, axis=1),
    "nanvar": lambda x: np.nanvar(x, axis=1, ddof=1, keepdims=True),
    "nanstd": lambda x: np.nanstd(x, axis=0),
    "nanmedian": lambda x: np.nanmedian(x, axis=1),
    "nanquantile": lambda x: np.nanquantile(x, [0.2, 0.9], axis=1),
    "nanpercentile": lambda x: np.nanpercentile(x, 30, axis=0, keepdims=True),
    "nancumsum": lambda x: np.nancumsum(x, axis=1),
    "nancumprod": lambda x: np.nancumprod(x),
    "nanargmax": lambda x: np.nansum(x) * np.nanargmax(x, axis=0),
    "nanargmin": lambda x: np.nansum(x) * np.nanargmin(x),
}


@pytest.mark.parametrize("name", WITHOUT_NAN)
def test_without_nan(name):
    """Where there is no NaN, and with NaNs that come from outside."""
    f = WITHOUT_NAN[name]
    check(f, M)
    if "arg" not in name:
        check(lambda x: f(np.where(MASK, x, np.nan)), M)
    check_values(f, NANS)


def test_slices_of_nan_only():
    for f in (np.nanmax, np.nanmin, np.nanmean, np.nanmedian, np.nanvar, np.nanstd):
        check_values(lambda x, f=f: f(x, axis=1), DEAD)
    for f in (np.max, np.median, np.mean, np.std, lambda x: np.quantile(x, 0.3), np.nansum):
        check_values(f, DEAD)
    with pytest.raises(ValueError, match="All-NaN"):
        ad.grad(lambda x: x.sum() * np.nanargmax(x, axis=1).sum())(DEAD)


def test_ties_share():
    x = np.array([3.0, 1.0, 3.0, 2.0])
    np.testing.assert_array_equal(ad.grad(np.max)(x), [0.5, 0, 0.5, 0])
    np.testing.assert_array_equal(ad.grad(lambda x: np.min(x, axis=0))(x * 0), [0.25] * 4)
    total = ad.grad(lambda x: np.maximum.accumulate(x).sum())(x)
    np.testing.assert_array_equal(total, [4, 0, 0, 0])


def test_spread_of_equal_numbers():
    x = np.full(4, 1.5)
    np.testing.assert_array_equal(ad.grad(np.std)(x), np.zeros(4))
    np.testing.assert_array_equal(ad.hessian(np.std)(x), np.zeros((4, 4)))
    np.testing.assert_array_equal(ad.grad(np.var)(x), np.zeros(4))
    np.testing.assert_allclose(ad.hessian(np.var)(x), 2 / 4 * (np.eye(4) - 0.25), atol=1e-16)


def test_product_with_zeros_to_second_order():
    x = np.array([2.0, 0.0, 3.0])
    np.testing.assert_array_equal(ad.grad(np.prod)(x), [0, 6, 0])
    np.testing.assert_array_equal(ad.hessian(np.prod)(x), [[0, 3, 0], [3, 0, 2], [0, 2, 0]])


def test_logaddexp_of_infinities():
    x = np.array([-np.inf, 1.0, -np.inf])
    np.testing.assert_array_equal(ad.grad(np.logaddexp.reduce)(x), [0, 1, 0])
    np.testing.assert_array_equal(ad.grad(np.logaddexp.reduce)(np.full(2, -np.inf)), [0.5, 0.5])
    np.testing.assert_array_equal(ad.grad(np.logaddexp.reduce)(np.array([np.inf, 1])), [1, 0])


def test_integers_and_scalars():
    for f in (np.sum, np.prod, np.mean, np.var, np.std, np.max, np.median, np.cumsum, np.ptp):
        check_values(f, M * 0 + 3)
        value, _ = ad.vjp(lambda x, f=f: f(x) + 0 * x, 3.0)
        np.testing.assert_array_equal(value, f(3.0))
    value = ad.value_and_grad(lambda x: np.mean(x) * np.sum(np.ones(3) * x))(2)
    assert value == (12.0, 12.0)
    assert type(ad.vjp(np.mean, V)[0]) is np.float64
    assert type(ad.vjp(np.median, V)[0]) is np.float64


def test_half_precision():
    x = np.array([1e4, 3e4, 6e4], np.float16)
    assert ad.vjp(np.mean, x)[0] == np.mean(x)
    assert ad.vjp(np.var, x * np.float16(1e-3))[0].dtype == np.float16


def test_lists_of_traced_values():
    f = lambda x: ad.numpy.sum([x[0], 2.0 * x[1]]) + ad.numpy.max([[x[2]], [x[3]]])
    np.testing.assert_array_equal(ad.grad(f)(np.arange(5.0)), [1, 2, 0, 1, 0])
    g = lambda x: ad.numpy.median([x[0], x[1], x[2]]) * ad.numpy.average([x[3], x[4]])
    np.testing.assert_array_equal(ad.grad(g)(np.arange(5.0)), [0, 3.5, 0, 0.5, 0.5])


def test_refused():
    for f in (
        lambda x: np.sum(x, out=np.zeros(())),
        lambda x: np.histogram(x)[0].sum(),
        lambda x: np.quantile(x, 0.5, weights=np.ones(7), method="inverted_cdf"),
    ):
        with pytest.raises(TypeError, match="traced"):
            ad.grad(f)(V)
    with pytest.raises(np.exceptions.AxisError):
        ad.grad(lambda x: np.sum(x, axis=3))(V)
    with pytest.raises(ValueError, match="identity"):
        ad.grad(lambda x: np.max(x, where=x > 0))(V)
    with pytest.raises(ValueError, match="Quantiles must be"):
        ad.grad(lambda x: np.quantile(x, 1.5))(V)
