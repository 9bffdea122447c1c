"""`ad.special`: SciPy's Python-level functions, for traced values."""

from functools import partial
from types import MappingProxyType

import numpy as np
import pytest
from scipy import special

import adjoint as ad
from adjoint.front import special as ours

inf = np.inf
X = np.array([[0.3, -1.2, 2.0], [700.0, 710.0, 705.0]])


def recorded(function, *args):
    """The value that a traced call gives."""
    return ad.value_and_grad(lambda x: (function(x, *args[1:]) * 1.0).sum())(args[0])[0]


@pytest.mark.parametrize(
    "options", [{}, {"axis": 1}, {"axis": 0, "keepdims": True}, {"axis": (0, 1)}]
)
def test_logsumexp_values_are_scipys(options):
    for x in (X, X.astype(np.float32), np.array([[inf, 1.0], [-inf, -inf]])):
        value, _ = ad.vjp(lambda t: ours.logsumexp(t, **options), x)
        expected = special.logsumexp(x, **options)
        np.testing.assert_array_equal(value, expected)
        assert np.asarray(value).dtype == expected.dtype and np.shape(value) == np.shape(expected)


def test_logsumexp_derivatives_with_infinities():
    grad = ad.grad(ours.logsumexp)
    np.testing.assert_allclose(grad(X[0]), special.softmax(X[0]), rtol=1e-15)
    np.testing.assert_array_equal(grad(np.array([inf, 1.0, inf])), [0.5, 0.0, 0.5])
    np.testing.assert_array_equal(grad(np.array([-inf, -inf])), [0.5, 0.5])
    np.testing.assert_allclose(grad(np.array([-inf, 1.0, 1.0])), [0.0, 0.5, 0.5], rtol=1e-15)
    p = special.softmax(X[0])
    hessian = ad.hessian(ours.logsumexp)
    np.testing.assert_allclose(hessian(X[0]), np.diag(p) - np.outer(p, p), atol=1e-15)
    assert np.isfinite(hessian(np.array([-inf, 1.0, 2.0]))).all()


def test_logsumexp_with_weights_and_signs():
    b = np.array([0.5, -1.0, 2.0])
    value, pull = ad.vjp(lambda x, w: ours.logsumexp(x, b=w), X[0], b)
    assert value == pytest.approx(special.logsumexp(X[0], b=b), rel=1e-15)
    by_x, by_b = pull(1.0)
    total = np.sum(b * np.exp(X[0]))
    np.testing.assert_allclose(by_x, b * np.exp(X[0]) / total, rtol=1e-14)
    np.testing.assert_allclose(by_b, np.exp(X[0]) / total, rtol=1e-14)
    (size, sign), pull = ad.vjp(lambda x: ours.logsumexp(x, b=-b, return_sign=True), X[0])
    assert (size, sign) == pytest.approx((np.log(total), -1.0))
    np.testing.assert_allclose(pull((1.0, 0.0))[0], b * np.exp(X[0]) / total, rtol=1e-14)
    zero = ad.grad(lambda x: ours.logsumexp(x, b=np.array([0.0, 1.0])))(np.array([inf, 1.0]))
    np.testing.assert_array_equal(zero, [0.0, 1.0])


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_softmax(axis, dtype):
    x = X.astype(dtype)
    for name in ("softmax", "log_softmax"):
        value, _ = ad.vjp(lambda t, name=name: getattr(ours, name)(t, axis=axis), x)
        np.testing.assert_array_equal(value, getattr(special, name)(x, axis=axis))
        assert value.dtype == dtype
    weights = np.arange(6.0).reshape(2, 3)
    small = X / 100
    gradient = ad.grad(lambda t: (weights * ours.softmax(t, axis=axis)).sum())(small)
    p = special.softmax(small, axis=axis)
    mean = np.sum(weights * p, axis=axis, keepdims=True)
    np.testing.assert_allclose(gradient, p * (weights - mean), atol=1e-15)
    log_gradient = ad.grad(lambda t: (weights * ours.log_softmax(t, axis=axis)).sum())(small)
    total = np.sum(weights, axis=axis, keepdims=True)
    np.testing.assert_allclose(log_gradient, weights - p * total, atol=1e-13)


@pytest.mark.parametrize(
    ("function", "expected", "x"),
    [
        (lambda f, x: f.polygamma(1, x), lambda x: special.polygamma(2, x), 1.7),
        (lambda f, x: f.polygamma(0, x), lambda x: special.polygamma(1, x), 1.7),
        (lambda f, x: f.zeta(3.0, x), lambda x: -3 * special.zeta(4.0, x), 1.7),
        (lambda f, x: f.factorial(x), lambda x: special.gamma(x + 1) * special.psi(x + 1), 2.5),
        (lambda f, x: f.factorial(x), lambda x: 0.0, -2.5),
        (lambda f, x: f.comb(x, 2), lambda x: (2 * x - 1) / 2, 5.0),
        (lambda f, x: f.comb(x, 2, repetition=True), lambda x: (2 * x + 1) / 2, 5.0),
        (lambda f, x: f.perm(x, 2), lambda x: 2 * x - 1, 5.0),
        (lambda f, x: f.softplus(x), special.expit, 0.7),
        (
            lambda f, x: f.multigammaln(x, 3),
            lambda x: sum(special.psi(x - j / 2) for j in range(3)),
            4.2,
        ),
        (
            lambda f, x: f.lambertw(x).real,
            lambda x: np.real(special.lambertw(x) / x / (1 + special.lambertw(x))),
            0.8,
        ),
        (lambda f, x: f.erf(x), lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x), 0.3),
        (
            lambda f, x: f.sinc(x),
            lambda x: np.cos(np.pi * x) / x - np.sin(np.pi * x) / np.pi / x**2,
            0.3,
        ),
    ],
)
def test_python_level_functions(function, expected, x):
    value, gradient = ad.value_and_grad(lambda t: function(ours, t))(x)
    assert value == function(special, x)
    assert gradient == pytest.approx(expected(x), rel=1e-12)


def test_plain_values_go_to_scipy():
    assert ours.factorial(5, exact=True) == 120
    assert ours.logsumexp([1.0, 2.0]) == special.logsumexp([1.0, 2.0])
    assert ours.struve is special.struve
    assert {"logsumexp", "erf", "struve"} <= set(dir(ours))


def test_what_is_refused():
    with pytest.raises(ad.TracingError, match="factorial with exact=True"):
        ad.grad(lambda x: ours.factorial(x, exact=True))(3.0)
    with pytest.raises(ad.TracingError, match="polygamma of a traced order"):
        ad.grad(lambda x: ours.polygamma(x, 2.0))(3.0)
    with pytest.raises(ValueError, match="not met"):
        ad.grad(lambda x: ours.multigammaln(x, 5))(1.0)


def test_scipys_python_functions_name_ours():
    for kept in (special.logsumexp, special.softmax, partial(special.polygamma, 1)):
        call = MappingProxyType({"call": kept})  # where a trace does not look for functions
        with pytest.raises(ad.TracingError, match=r"`ad\.special\.(logsumexp|softmax|polygamma)"):
            ad.grad(lambda x, f=call: np.sum(f["call"](x)))(2.5)
    with pytest.raises(ad.TracingError, match=r"scipy\.special\.diric is not implemented"):
        ad.grad(lambda x: special.diric(x, 3))(2.5)
