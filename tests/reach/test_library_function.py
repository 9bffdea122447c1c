"""A function of Python's or NumPy's as the function that is differentiated."""

from __future__ import annotations

import cmath
import math
from functools import partial

import numpy as np
import pytest
from reach.checks import check
from scipy import special

import adjoint as ad

X, Y = np.array([0.3, 1.1, 0.4]), np.array([2.0, 1.5, 0.7])
OF_MATH = (
    "sin cos tan asin atan sinh tanh asinh exp expm1 exp2 log log1p log2 sqrt cbrt erf lgamma gamma"
)


@pytest.mark.parametrize("name", OF_MATH.split())
def test_of_math(name):
    if hasattr(math, name):
        check(getattr(math, name), 0.3, 0.8)


@pytest.mark.parametrize("f", [np.sin, np.exp, np.array, np.asarray, special.erf])
def test_of_a_number(f):
    check(f, 0.3, 0.8)


@pytest.mark.parametrize("f", [np.sum, np.prod, np.mean, np.max, np.linalg.norm, math.fsum])
def test_of_an_array(f):
    check(f, X, Y)


def test_partials():
    check(partial(math.pow, 2.0), 0.3, 0.8)
    check(partial(math.atan2, 0.5), 0.3, 0.8)


def test_every_transform():
    x, h = 0.4, math.cos(0.4)
    assert ad.jvp(math.sin, (x,), (1.0,))[1] == h and ad.vjp(math.sin, x)[1](1.0) == (h,)
    assert ad.linearize(math.sin, x)[1](1.0) == h and ad.jacrev(math.sin)(x) == h
    assert ad.hessian(math.sin)(x) == ad.derivative(math.sin, 2)(x) == -math.sin(x)
    assert ad.hvp(math.sin, x, 1.0) == -math.sin(x)
    np.testing.assert_allclose(ad.vmap(math.sin)(X), np.sin(X), rtol=1e-15)
    np.testing.assert_allclose(ad.map(math.sin, X), np.sin(X), rtol=1e-15)
    np.testing.assert_allclose(ad.jit(math.sin)(x), math.sin(x), rtol=1e-15)
    assert ad.value_and_grad(math.sin)(x) == (math.sin(x), h)
    assert ad.grad(lambda t: ad.cond(t > 0.0, math.sin, math.cos, t))(x) == h
    assert ad.grad(lambda t: ad.switch(1, [math.cos, math.sin], t))(x) == h
    assert ad.grad(cmath.exp, holomorphic=True)(1j * x) == pytest.approx(cmath.exp(1j * x))


def test_its_name_and_its_errors_stay():
    assert ad.grad(math.sin).__name__ == "sin" and ad.jit(math.sin).__name__ == "sin"
    with pytest.raises(ValueError, match="math domain error"):
        ad.grad(math.sqrt)(-1.0)
