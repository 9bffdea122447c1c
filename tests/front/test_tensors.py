"""Arrays as every tensor library makes them: creation, dtypes, reshaping, broadcasting, in traces
and out of them."""

import numpy as np
import pytest

import adjoint as ad
from adjoint.front import random


def test_creation():
    np.testing.assert_array_equal(ad.numpy.zeros((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(ad.numpy.ones(3), [1.0, 1.0, 1.0])
    np.testing.assert_array_equal(ad.numpy.full((2, 2), 7.0), [[7.0, 7.0], [7.0, 7.0]])
    np.testing.assert_array_equal(ad.numpy.arange(2, 8, 2), [2, 4, 6])
    np.testing.assert_array_equal(ad.numpy.identity(2), [[1.0, 0.0], [0.0, 1.0]])
    assert ad.numpy.zeros(2).dtype == np.float64 and ad.numpy.arange(2).dtype == np.int64


def test_random_numbers_are_reproducible():
    for draw in (random.uniform, random.normal):
        first, second = draw(random.key(1), (2, 3)), draw(random.key(1), (2, 3))
        np.testing.assert_array_equal(first, second)
        assert first.shape == (2, 3) and first.dtype == np.float64
        assert (draw(random.key(2), (2, 3)) != first).all()


@pytest.mark.parametrize(
    "left", [np.float64, np.float32, np.int64, np.int8, np.bool_, np.complex64]
)
@pytest.mark.parametrize("right", [np.float64, np.float32, np.complex128])
def test_promotion_is_numpys(left, right):
    a, b = np.ones(2, left), np.ones(2, right)
    value, tangent = ad.jvp(lambda t: a * t + a, (b,), (b,))
    assert value.dtype == tangent.dtype == (a * b + a).dtype
    value, _ = ad.jvp(lambda t: 2 * t + 0.5, (b,), (b,))
    assert value.dtype == right


def test_reshape():
    x = np.arange(6.0)
    jacobian = ad.jacobian(lambda t: t.reshape(2, 3).T)(x)
    np.testing.assert_array_equal(jacobian, np.eye(6).reshape(2, 3, 6).transpose(1, 0, 2))
    with pytest.raises(ValueError):
        ad.grad(lambda t: t.reshape(4, 2).sum())(x)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ((2,), (3,), None),
        ((1, 3), (3,), (1, 3)),
        ((3, 1, 2), (3, 2), (3, 3, 2)),
        ((2, 1, 3), (3, 2), None),
        ((3,), (2, 1), (2, 3)),
        ((3,), (1, 2), None),
        ((3,), (1, 3), (1, 3)),
    ],
)
def test_broadcasting(left, right, expected):
    a, b = np.ones(left), np.full(right, 2.0)
    if expected is None:
        with pytest.raises(ValueError, match="broadcast"):
            a + b
        with pytest.raises(ValueError, match="broadcast"):
            ad.grad(lambda t: (t + b).sum())(a)
        with pytest.raises(ValueError, match="broadcast"):
            ad.jit(lambda t: t + b)(a)
        with pytest.raises(ValueError, match="broadcast"):
            ad.vmap(lambda t: t + b)(a[None])
        return
    assert (a + b).shape == expected
    value, (by_a, by_b) = ad.value_and_grad(lambda t, u: (t * u).sum(), (0, 1))(a, b)
    assert value == (a * b).sum()
    np.testing.assert_array_equal(by_a, np.full(left, 2.0 * np.prod(expected) / a.size))
    np.testing.assert_array_equal(by_b, np.full(right, np.prod(expected) / b.size))
    assert ad.jit(lambda t, u: t + u)(a, b).shape == expected


def test_keepdims():
    x = np.arange(6.0).reshape(2, 3)
    value = ad.jit(lambda t: t - t.mean(axis=1, keepdims=True))(x)
    np.testing.assert_array_equal(value, [[-1.0, 0.0, 1.0]] * 2)
    gradient = ad.grad(lambda t: (t.sum(axis=0, keepdims=True) ** 2).sum())(x)
    np.testing.assert_array_equal(gradient, [[6.0, 10.0, 14.0]] * 2)
