"""Arrays that a traced function makes itself: traced values can be written into them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adjoint as ad

X = np.array([0.3, 0.7])
make = ad.numpy


def euler(x: Any) -> Any:
    y = make.zeros(6)
    y[0] = x[0]
    for i in range(1, 6):
        y[i] = y[i - 1] + 0.1 * np.sin(y[i - 1]) * x[1]
    return y.sum()


def rows(x: Any) -> Any:
    z = make.ones((2, 2)) * 3
    z[0, :] += x
    z[:, 1] *= z[:, 0]
    return np.linalg.det(make.eye(2) @ z)


def copied(x: Any) -> Any:
    state = make.array([1.0, 2.0, 3.0])
    history = make.empty((4, 3))
    for k in range(4):
        history[k] = state
        state = state * x[0]
        state[1] += x[1]
    return (history**2).sum()


def grid(x: Any) -> Any:
    u = make.linspace(0.0, 1.0, 7)
    v = make.zeros_like(u)
    v[1:-1] = u[2:] - 2.0 * u[1:-1] + u[:-2] * x[0]
    v[u > 0.6] = x[1]
    return (v * u).sum()


def like(x: Any) -> Any:
    y = np.zeros_like(x)
    y[0] = x[1] ** 2
    z = np.full_like(y, 2.0)
    z -= y
    return (y * z).sum()


def views(x: Any) -> Any:
    u = make.zeros((3, 4))
    v = u[1:].T
    v[2] = x
    u[:, 2] *= 2.0
    w = u.reshape(-1)
    w += x[0]
    return (u * np.arange(12.0).reshape(3, 4)).sum() + v[2, 0] ** 2


FUNCTIONS = [euler, rows, copied, grid, like, views]


@pytest.mark.parametrize("f", FUNCTIONS)
def test_the_gradient(f: Any) -> None:
    h = 1e-6
    wanted = [(f(X + h * e) - f(X - h * e)) / (2 * h) for e in np.eye(2)]
    np.testing.assert_allclose(ad.grad(f)(X), wanted, rtol=1e-7)
    np.testing.assert_allclose(ad.jacfwd(f)(X), wanted, rtol=1e-7)
    np.testing.assert_allclose(ad.jit(ad.grad(f))(X), wanted, rtol=1e-7)
    np.testing.assert_allclose(ad.vmap(ad.grad(f))(np.stack([X, X]))[1], wanted, rtol=1e-7)
    np.testing.assert_allclose(ad.hessian(f)(X), ad.jacfwd(ad.jacrev(f))(X), atol=1e-12)
    np.testing.assert_allclose(ad.jit(f)(X), f(X), rtol=1e-14)
    np.testing.assert_allclose(ad.vmap(f)(np.stack([X, 2 * X])), [f(X), f(2 * X)], rtol=1e-13)


def test_what_depends_on_no_traced_value_stays_a_number() -> None:
    def f(x: Any) -> Any:
        y = make.ones(3)
        assert float(y[1]) == 1.0 and bool(y.sum() == 3.0)
        assert np.asarray(y).tolist() == [1.0, 1.0, 1.0]
        assert type(make.zeros(3, int)) is np.ndarray
        return (y * x[0]).sum()

    for transform in (ad.grad, lambda f: ad.jit(ad.grad(f))):
        np.testing.assert_array_equal(transform(f)(X), [3.0, 0.0])


def test_results_are_plain_arrays() -> None:
    for transform in (ad.jit, ad.vmap, lambda f: lambda x: ad.vjp(f, x)[0]):
        found = transform(lambda x: make.zeros(3) + 1.0)(X)
        assert type(found) is np.ndarray and (found == 1.0).all()


def test_outside_of_traces_they_are_numpys() -> None:
    assert type(make.zeros(3)) is np.ndarray and type(make.array([1.0])) is np.ndarray


def test_a_value_of_an_inner_transform_does_not_go_outside() -> None:
    def f(x: Any) -> Any:
        outer = make.zeros(2)

        def inner(row: Any) -> Any:
            outer[0] = row
            return row

        return ad.vmap(inner)(x).sum() + outer[0]

    with pytest.raises(ad.TracingError, match="written into an array from outside of it"):
        ad.grad(f)(X)
