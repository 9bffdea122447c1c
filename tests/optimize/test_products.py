"""Which products are routines, and how the loops between routines run."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

import adjoint as ad


def network(layers, x, labels):
    """The mean cross-entropy of a network with narrow results."""
    for weights, bias in layers[:-1]:
        x = np.maximum(x @ weights + bias, 0)
    weights, bias = layers[-1]
    z = x @ weights + bias
    z = z - np.max(z, axis=1, keepdims=True)
    logs = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(logs[np.arange(len(labels)), labels])


def data(dtype, sizes, count):
    rng = np.random.default_rng(0)
    layers = [
        ((rng.normal(size=(a, b)) / a**0.5).astype(dtype), rng.normal(size=b).astype(dtype))
        for a, b in pairwise(sizes)
    ]
    return layers, rng.normal(size=(count, sizes[0])).astype(dtype), rng.integers(0, 10, count)


@pytest.mark.parametrize(
    ("shapes", "count"),
    [
        (((128, 256), (256, 10)), 1),  # a narrow matrix, many terms
        (((10, 256), (256, 128)), 1),
        (((128, 256), (256, 1)), 0),  # a vector
        (((1000, 10), (10, 300)), 0),  # few terms
        (((1000, 20), (20, 10)), 0),  # neither
        (((20, 1000), (1000, 10)), 0),  # a small result
        (((50, 20), (20, 50)), 0),  # little work
        (((100, 50), (50, 100)), 1),
    ],
)
def test_which_products_are_routines(shapes, count):
    a, b = [np.ones(shape) for shape in shapes]
    assert ad.jit(np.matmul).lower(a, b).loops().count("product ") == count


def test_few_terms_that_wait_for_a_sum_are_a_routines():
    """An operand that is in memory anyway."""

    def f(x, w):
        return (x / np.sum(x, axis=1, keepdims=True)) @ w

    x, w = np.ones((1000, 10)), np.ones((10, 300))
    assert ad.jit(f).lower(x, w).loops().count("product ") == 1
    assert ad.jit(lambda x, w: (x * 2.0) @ w).lower(x, w).loops().count("product ") == 0

    def of_a_table(w):
        return np.sin(np.arange(10_000.0)).reshape(1000, 10) @ w

    assert ad.jit(of_a_table).lower(w).loops().count("product ") == 0


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("count", [97, 128])
def test_a_network_with_narrow_results(dtype, count):
    layers, x, labels = data(dtype, (120, 130, 100, 10), count)
    fast, slow = ad.jit(ad.value_and_grad(network)), ad.value_and_grad(network)
    one, gradient = fast(layers, x, labels)
    two, other = slow(layers, x, labels)
    tolerance = 2e-5 if dtype == "f4" else 1e-12
    np.testing.assert_allclose(one, two, rtol=tolerance)
    for mine, theirs in zip(gradient, other, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=20 * tolerance, atol=tolerance)


def test_loops_between_routines_follow_memory():
    """What reads a product, and sums over its rows, runs along them."""
    layers, x, labels = data("f4", (784, 512, 256, 10), 128)
    lines = ad.jit(ad.grad(network)).lower(layers, x, labels).loops().splitlines()
    inner = [k for k, line in enumerate(lines) if re.match(r"    for i\d+ in .*, lanes", line)]
    assert len(inner) >= 4
    for k in inner:
        outer, index = [re.search(r"for (i\d+)", line)[1] for line in lines[k - 1 : k + 1]]
        body = "\n".join(lines[k + 1 : k + 16])
        assert re.search(rf"load a\d+\[{outer}, {index}\]", body), lines[k - 1 : k + 4]
