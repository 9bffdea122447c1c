"""What a pullback computes with its seed alone is part of the program under `jit`."""

import numpy as np
import pytest

import adjoint as ad

X = np.random.default_rng(0).normal(size=(40, 30))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(x * 1.5),
        lambda x: np.sum(-x) + 2.0 * np.sum(x[:20] * np.arange(30.0)),
        lambda x: np.mean(x),
        lambda x: np.sum(x * np.ones((40, 1)) * 3),
        lambda x: np.sum(np.cumsum(x, axis=0)),
        lambda x: np.sum(x.T @ np.ones((40, 3))),
        lambda x: np.sum(ad.grad(lambda y: np.sum(y * 1.5) * np.sum(y))(x)),
    ],
)
@pytest.mark.parametrize("order", [1, 2])
def test_gradients_that_do_not_depend_on_the_data(function, order):
    gradient = ad.grad(function)
    if order == 2:
        inner = gradient
        gradient = ad.grad(lambda x: np.sum(inner(x) * x))
    fast = ad.jit(gradient)
    expected = gradient(X)
    for _ in range(2):
        np.testing.assert_allclose(fast(X), expected, rtol=1e-12, atol=1e-12)
    value, found = ad.jit(ad.value_and_grad(function))(X)
    np.testing.assert_allclose(value, function(X), rtol=1e-12)
    np.testing.assert_allclose(found, ad.grad(function)(X), rtol=1e-12, atol=1e-12)


def test_a_large_seed_is_not_computed_while_recording():
    """The cotangent of a sum, as large as the data, is part of the program, and of no memory."""
    program = ad.jit(ad.grad(lambda x: np.sum(x * 1.5))).lower(np.zeros((3000, 2000)))
    names = [node.primitive.name for node in program.function.order]
    assert "broadcast_to" in names
