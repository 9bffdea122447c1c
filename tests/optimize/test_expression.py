"""Array expressions: constructors simplify, and never change what an expression means."""

import numpy as np
import pytest
from optimize.expressions import evaluate

from adjoint.optimize.express import regions
from adjoint.optimize.expression import Expressions, along, fixed, matching

F8 = np.dtype(np.float64)


def start(*shapes):
    graph = Expressions()
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=s) for s in shapes]
    return graph, [graph.input(k, s, F8) for k, s in enumerate(shapes)], arrays


def test_equal_expressions_are_one():
    g, (x, y), _ = start((3, 4), (3, 4))
    assert g.map("mul", [x, y], F8) is g.map("mul", [y, x], F8)
    assert g.map("sub", [x, y], F8) is not g.map("sub", [y, x], F8)
    assert g.constant(0.0, F8) is not g.constant(-0.0, F8)


def test_views_of_views_are_one():
    g, (x,), (a,) = start((6, 5))
    y = g.view(x, (5, 6), [along(1), along(0)])
    z = g.view(y, (2, 6), [along(0, 2, 1), along(1)])
    w = g.view(z, (6,), [fixed(1), along(0)])
    assert w.op == "view" and w.inputs == (x,)
    assert np.array_equal(evaluate([w], [a])[0], a.T[1::2][:2][1])


def test_the_identity_is_no_view():
    g, (x,), _ = start((3, 4))
    assert g.view(x, (3, 4), [along(0), along(1)]) is x
    assert g.reshape(g.reshape(x, (12,)), (3, 4)) is x


def test_operations_are_built_over_their_own_axes():
    g, (x,), (a,) = start((3,))
    wide = g.spread(x, (5, 3), [1])
    y = g.map("exp", [wide], F8)
    assert y.op == "view" and y.inputs[0].shape == (3,)
    assert np.array_equal(evaluate([y], [a])[0], np.exp(np.broadcast_to(a, (5, 3))))


def test_a_part_of_a_result_computes_that_part_only():
    g, (x,), (a,) = start((9,))
    y = g.view(g.map("exp", [x], F8), (3,), [along(0, 2, 1)])
    assert y.op == "map" and y.shape == (3,)
    assert np.array_equal(evaluate([y], [a])[0], np.exp(a)[1:7:2])


def test_a_factor_goes_out_of_a_sum():
    g, (x, y), (a, b) = start((4,), (4, 5))
    product = g.map("mul", [g.spread(x, (4, 5), [0]), y], F8)
    s = g.reduce("sum", product, [1])
    assert s.op == "map" and s.attribute[0] == "mul" and x in s.inputs
    np.testing.assert_allclose(evaluate([s], [a, b])[0], a * b.sum(1), rtol=1e-14)


def test_a_difference_is_not_summed_in_two_parts():
    g, (x, m), _ = start((1000,), ())
    s = g.reduce("sum", g.map("sub", [x, g.spread(m, (1000,), [])], F8), [0])
    assert s.op == "reduce"


def test_the_sum_of_a_broadcast_is_a_product():
    g, (x,), (a,) = start((4,))
    s = g.reduce("sum", g.spread(x, (4, 7), [0]), [1])
    assert np.allclose(evaluate([s], [a])[0], 7 * a) and s.op == "map"


def test_an_element_of_parts_is_the_part():
    g, (x, y), _ = start((3,), (3,))
    rows = [(g.reshape(v, (1, 3)), [k, 0], [1, 1]) for k, v in enumerate((x, y))]
    whole = regions(g, (2, 3), rows, F8)
    assert g.view(whole, (3,), [fixed(1), along(0)]) is y


@pytest.mark.parametrize("x", [1, -1])
def test_factors_of_one(x):
    g, (a,), _ = start((3,))
    made = g.map("mul", [a, g.constant(x, F8, (3,))], F8)
    assert made is a if x == 1 else made.attribute[0] == "neg"


def test_products_with_zero_stay():
    g, (a,), _ = start((3,))
    assert g.map("mul", [a, g.constant(0, F8, (3,))], F8).op == "map"
    assert g.map("add", [a, g.constant(0, F8, (3,))], F8).op == "map"


def test_matching_axes():
    assert matching((2, 1, 6), (12,)) == [([0, 2], [0])]
    assert matching((4, 6), (4, 2, 3)) == [([0], [0]), ([1], [1, 2])]
    assert matching((4, 6), (8, 3)) == [([0, 1], [0, 1])]
    assert matching((1, 5), (5, 1, 1)) == [([1], [0])]


SHAPES = [(2, 3, 4), (6, 4), (24,), (4, 6), (2, 12), (3, 8), (1, 24), (2, 1, 3, 4), (3, 2, 2, 2)]


@pytest.mark.parametrize("seed", range(60))
def test_random_expressions_keep_their_meaning(seed):
    """A random walk over constructors beside the same steps in NumPy."""
    rng = np.random.default_rng(seed)
    g, inputs, arrays = start((2, 3, 4), (6, 4), (24,), (4,))
    pool = [(x, a) for x, a in zip(inputs, arrays, strict=True)]
    for _ in range(12):
        x, a = pool[rng.integers(len(pool))]
        step = rng.integers(9)
        if step == 0 and a.size == 24:
            shape = SHAPES[rng.integers(len(SHAPES))]
            made = g.reshape(x, shape), a.reshape(shape)
        elif step == 1:
            order = rng.permutation(a.ndim)
            maps = [along(int(np.where(order == p)[0][0])) for p in range(a.ndim)]
            made = g.view(x, [a.shape[k] for k in order], maps), a.transpose(order)
        elif step == 2 and a.ndim:
            axes = rng.choice(a.ndim, rng.integers(1, a.ndim + 1), replace=False)
            axes = tuple(sorted(map(int, axes)))
            name = ("sum", "max", "min")[rng.integers(3)]
            made = g.reduce(name, x, axes), getattr(np, name)(a, axis=axes)
        elif step == 3:
            made = g.map("sin", [x], F8), np.sin(a)
        elif step == 4:
            y, b = pool[rng.integers(len(pool))]
            try:
                shape = np.broadcast_shapes(a.shape, b.shape)
            except ValueError:
                continue
            name = ("add", "sub", "mul")[rng.integers(3)]
            value = {"add": a + b, "sub": a - b, "mul": a * b}[name]
            made = g.map(name, [g.broadcast(x, shape), g.broadcast(y, shape)], F8), value
        elif step == 5 and a.ndim and min(a.shape) > 1:
            k = int(rng.integers(a.ndim))
            start_, stop = sorted(rng.choice(a.shape[k] + 1, 2, replace=False).tolist())
            maps = [along(p, 1, start_ if p == k else 0) for p in range(a.ndim)]
            taken = np.take(a, range(start_, stop), axis=k)
            made = g.view(x, taken.shape, maps), taken
        elif step == 6:
            made = g.map("neg", [x], F8), -a
        elif step == 7 and a.ndim and a.size < 200:
            n = a.shape[0]
            shape = (n + 3, *a.shape[1:])
            zeros = [0] * (a.ndim - 1)
            padded = np.zeros(shape)
            padded[2 : 2 + n] = a
            made = regions(g, shape, [(x, [2, *zeros], [1] * a.ndim)], F8), padded
        elif step == 8 and a.ndim < 4:
            made = g.spread(x, (*a.shape, 3), list(range(a.ndim))), np.repeat(a[..., None], 3, -1)
        else:
            continue
        assert made[0].shape == made[1].shape
        pool.append(made)
    outputs = [x for x, _ in pool]
    for found, (_, wanted) in zip(evaluate(outputs, arrays), pool, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)
