"""Views of views under `jit`: places are those of the part that is indexed."""

import numpy as np
import pytest

import adjoint as ad

X = np.arange(64.0) ** 1.5


@pytest.mark.parametrize("stop", [63, 64, 40, -1])
@pytest.mark.parametrize("constant", [True, False])
def test_negative_places_of_a_slice(stop, constant):
    index = np.array([-5, -30, 0, 12, -1])
    if constant:
        fast = ad.jit(lambda x: np.sin(x[:stop][np.array([-5, -30, 0, 12, -1])]) * 2)
        found = fast(X)
    else:
        found = ad.jit(lambda x, i: np.sin(x[:stop][i]) * 2)(X, index)
    np.testing.assert_allclose(found, np.sin(X[:stop][index]) * 2, rtol=1e-13)


@pytest.mark.parametrize("rows", [slice(0, 30), slice(None, -1), slice(0, 1)])
def test_negative_rows_of_a_slice(rows):
    x = X.reshape(32, 2)
    n = len(x[rows])
    index = np.arange(-n, n)
    fast = ad.jit(lambda x, i: x[rows][i] + 1)
    np.testing.assert_array_equal(fast(x, index), x[rows][index] + 1)
    gradient = ad.grad(lambda x, i: np.sum(x[rows][i] ** 2))
    np.testing.assert_array_equal(ad.jit(gradient)(x, index), gradient(x, index))


@pytest.mark.parametrize("constant", [True, False])
def test_a_place_beyond_a_slice_is_an_error(constant):
    index = np.array([3, 63])
    fast = ad.jit((lambda x: x[:63][np.array([3, 63])] * 2) if constant else lambda x, i: x[:63][i])
    with pytest.raises(IndexError):
        fast(X) if constant else fast(X, index)


def test_the_second_of_two_zeros():
    """`minimum` and `maximum` of zeros of both signs, as NumPy gives them."""
    x = np.tile([0.25, -0.25, 0.0, -0.0, 0.5], 9)

    def f(x):
        a, b = np.abs(x), np.trunc(x)
        return np.minimum(a, b), np.minimum(b, a), np.maximum(a, b), np.maximum(b, a)

    for found, expected in zip(ad.jit(f)(x), f(x), strict=True):
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))
