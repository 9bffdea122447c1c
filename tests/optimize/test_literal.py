"""Constant masks at unrolled places, and short loops where little is done."""

import numpy as np
import pytest

import adjoint as ad
from adjoint.optimize.expression import Expressions
from adjoint.optimize.literal import branch, is_true, unread_cells
from adjoint.optimize.statements import Selection

BELOW = np.tri(3, k=-1, dtype=bool)


def masked(graph, number, keep=True):
    """An argument where the mask says so (or does not), 0.0 elsewhere."""
    x = graph.input(number, (100, 3, 3), np.dtype(float))
    mask = graph.broadcast(graph.array(BELOW), (100, 3, 3))
    nothing = graph.constant(0.0, np.dtype(float), (100, 3, 3))
    return graph.map("select", [mask, x, nothing] if keep else [mask, nothing, x], np.dtype(float))


def test_a_mask_answers_at_places_that_are_known():
    graph = Expressions()
    x = masked(graph, 0)
    mask = x.inputs[0]
    for i in range(3):
        for j in range(3):
            assert is_true(mask, (None, i, j)) is bool(BELOW[i, j])
            taken = branch(x, (None, i, j))
            assert taken is x.inputs[1 if BELOW[i, j] else 2]
    assert is_true(mask, (None, None, 1)) is None
    assert is_true(graph.map("logical_not", [mask], np.dtype(bool)), (5, 1, 0)) is False
    assert branch(x, (0, 1, None)) is None


def test_data_is_no_mask():
    graph = Expressions()
    numbers = graph.array(np.ones((2, 2)))
    assert is_true(numbers, (0, 0)) is None
    given = graph.input(0, (2, 2), np.dtype(bool))
    assert is_true(given, (0, 0)) is None


def test_cells_that_every_reader_masks_out_are_not_read():
    graph = Expressions()
    long = graph.input(0, (1000, 100, 3, 3), np.dtype(float))
    total = graph.reduce("sum", long, [0])
    mask = graph.broadcast(graph.array(BELOW), total.shape)
    nothing = graph.constant(0.0, np.dtype(float), total.shape)
    below = graph.map("select", [mask, total, nothing], np.dtype(float))
    above = graph.map("select", [mask, nothing, total], np.dtype(float))
    diagonal_and_above = {(i, j) for i in range(3) for j in range(3) if not BELOW[i, j]}
    assert unread_cells(total, [below], (1, 2)) == diagonal_and_above
    assert unread_cells(total, [above], (1, 2)) == {(1, 0), (2, 0), (2, 1)}
    assert unread_cells(total, [below, above], (1, 2)) == frozenset()
    other = graph.map("neg", [total], np.dtype(float))
    assert unread_cells(total, [below, other], (1, 2)) == frozenset()
    chosen = Selection(graph, [below])
    assert chosen.kept[total].unread == diagonal_and_above
    assert Selection(graph, [below, total]).kept[total].unread == frozenset()


@pytest.mark.parametrize("value", [1.5, np.nan, np.inf])
def test_masked_sums_are_those_of_numpy(value):
    rng = np.random.default_rng(3)
    a, x = rng.normal(size=(7, 4, 4)), rng.normal(size=(500, 7, 4))
    x[3, 2, 1] = value
    below = np.tri(4, k=-1, dtype=bool)

    def f(a, x):
        y = np.einsum("kij,nkj->nki", np.where(below, a, 0.0), x)
        return np.sum(np.tanh(y))

    fast, slow = ad.jit(ad.value_and_grad(f, argnums=(0, 1))), ad.value_and_grad(f, argnums=(0, 1))
    one, (a_bar, x_bar) = fast(a, x)
    with np.errstate(invalid="ignore"):
        two, (a_other, x_other) = slow(a, x)
    np.testing.assert_allclose(one, two, rtol=1e-12)
    np.testing.assert_allclose(a_bar, a_other, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(x_bar, x_other, rtol=1e-9, atol=1e-12)
    assert not a_bar[:, ~below].any()


def test_little_work_makes_little_code():
    """A program with a large product, and a small one with 10 x 10 places for the same 25 rows."""
    rng = np.random.default_rng(0)
    m, x = rng.normal(size=(25, 10, 10)), rng.normal(size=(20_000, 25))

    def f(m, x):
        inverse = np.exp(m) * np.einsum("kij->kji", m) + np.sin(m)
        return np.sum(inverse, axis=(1, 2)) + np.sum(np.tanh(x) * np.exp(x), axis=0)

    fast = ad.jit(f)
    np.testing.assert_allclose(fast(m, x), f(m, x), rtol=1e-12)
    assert len(fast.lower(m, x).loops().splitlines()) < 120
