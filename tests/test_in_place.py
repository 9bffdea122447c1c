"""`+=` and its like: every name, view and caller of the array sees it change, as NumPy's does."""

import numpy as np
import pytest

import adjoint as ad

X = np.array([3.0, 1.0, 2.0])
W = np.arange(6.0).reshape(2, 3)


def accumulated(x):
    total = 0
    for k in range(3):
        total += x * k
    total *= 2.0
    total -= x
    total /= 3.0
    total **= 2
    return total.sum()


def layer(x):
    h = W @ x
    h += 1.0
    h *= np.array([2.0, 3.0])
    s = 0.0
    for v in h:
        s += v * v
    return s


def chosen(x):
    h = np.where(x > 1.5, x, 2.0 * x)
    h += x
    return (h * h).sum()


class Model:
    def __call__(self, x):
        self.state = x * 2.0
        self.state += 1.0
        states = [x * x]
        states[0] -= self.state
        return (states[0] ** 2).sum()


def model(x):
    return Model()(x)


ALLOWED = {"accumulated": accumulated, "layer": layer, "chosen": chosen, "model": model}


@pytest.mark.parametrize("name", ALLOWED)
def test_an_array_of_its_own(name):
    f = ALLOWED[name]
    step = 1e-6
    wanted = [(f(X + step * e) - f(X - step * e)) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(ad.vjp(f, X)[0], f(X))
    np.testing.assert_allclose(ad.grad(f)(X), wanted, rtol=1e-7)
    np.testing.assert_allclose(ad.jacfwd(f)(X), wanted, rtol=1e-7)
    np.testing.assert_allclose(ad.jit(ad.grad(f))(X), wanted, rtol=1e-7)
    np.testing.assert_allclose(ad.vmap(ad.grad(f))(np.stack([X, X]))[1], wanted, rtol=1e-7)
    np.testing.assert_allclose(ad.hessian(f)(X), ad.hessian(f)(X).T)


def caller(x):
    def step(u):
        u += 1.0

    y = x * 1.0
    step(y)
    return (y**2).sum()


def view(x):
    y = x * 1.0
    v = y[1:]
    v *= 10.0
    return y.sum()


def earlier_view(x):
    y = x * 1.0
    v = y[1:]
    y *= 10.0
    return v.sum()


def alias(x):
    y = x * 1.0
    z = y
    z -= 1.0
    return (y * z).sum()


def rows(x):
    y = x * 1.0
    for row in (y[:1], y[1:]):
        row += 1.0
    return y.sum()


def argument(x):
    x += 1.0
    return (x * x).sum()


def reshaped(x):
    y = x * 1.0
    z = y.reshape(3, 1)
    z += 1.0
    return y.sum()


SHARED = [caller, view, earlier_view, alias, rows, argument, reshaped]


@pytest.mark.parametrize("f", SHARED)
def test_all_who_share_an_array_see_it_change(f):
    step = 1e-6
    wanted = [(f(X + step * e) - f(X - step * e)) / (2 * step) for e in np.eye(3)]
    x = X.copy()
    np.testing.assert_allclose(ad.grad(f)(x), wanted, rtol=1e-7)
    np.testing.assert_allclose(ad.jacfwd(f)(x), wanted, rtol=1e-7)
    np.testing.assert_allclose(ad.jit(ad.grad(f))(x), wanted, rtol=1e-7)
    np.testing.assert_allclose(ad.vmap(ad.grad(f))(np.stack([x, x]))[1], wanted, rtol=1e-7)
    if f is argument:
        with pytest.raises(ad.TracingError, match="wrote into its argument `x`"):
            ad.jit(f)(x)
    else:
        np.testing.assert_allclose(ad.jit(f)(x), f(X.copy()))
    np.testing.assert_array_equal(x, X)  # only the traced copy was written into
    np.testing.assert_allclose(ad.hessian(f)(x), ad.hessian(f)(x).T)


def test_shape_and_dtype_stay():
    def grown(x):
        h = x * 1.0
        h += np.ones((2, 3))
        return h.sum()

    with pytest.raises(ValueError, match="non-broadcastable output operand"):
        ad.grad(grown)(X)

    def narrow(x):
        h = x * np.float32(1)
        h += np.ones(3)
        return h

    assert ad.vjp(narrow, X.astype(np.float32))[0].dtype == np.float32

    def complex_into_real(x):
        h = x * 1.0
        h += 1j
        return h

    with pytest.raises(TypeError, match="same_kind"):
        ad.vjp(complex_into_real, X)
