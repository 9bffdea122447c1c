"""Sums that are only added to each other become one."""

import numpy as np

import adjoint as ad
from adjoint.optimize.expression import Expressions
from adjoint.optimize.merge import merged

F8 = np.dtype(float)


def sums(graph, *axes):
    """Sums of different arguments of shape (1000, 50)."""
    arguments = [graph.input(k, (1000, 50), F8) for k in range(len(axes))]
    squares = [graph.map("mul", [x, x], F8) for x in arguments]
    return [graph.reduce("sum", x, [axis]) for x, axis in zip(squares, axes, strict=True)]


def count(outputs):
    """The sums that outputs depend on."""
    seen, waiting = set(outputs), list(outputs)
    while waiting:
        for a in waiting.pop().inputs:
            if a not in seen:
                seen.add(a)
                waiting.append(a)
    return sum(x.op == "reduce" for x in seen)


def test_added_sums_are_one_sum():
    graph = Expressions()
    a, b, c = sums(graph, 0, 0, 0)
    both = graph.map("sub", [graph.map("add", [a, b], F8), c], F8)
    assert count([both]) == 3
    assert count(merged(graph, [both])) == 1


def test_sums_that_others_read_stay():
    graph = Expressions()
    a, b = sums(graph, 0, 0)
    both = graph.map("add", [a, b], F8)
    assert merged(graph, [both, a]) == [both, a]
    other = graph.map("mul", [a, a], F8)
    assert count(merged(graph, [both, other])) == 2


def test_sums_over_other_axes_stay():
    graph = Expressions()
    x = graph.input(0, (50, 50), F8)
    square = graph.map("mul", [x, x], F8)
    a, b = graph.reduce("sum", square, [0]), graph.reduce("sum", square, [1])
    both = graph.map("add", [a, b], F8)
    assert merged(graph, [both]) == [both]


def test_a_sum_that_needs_another_one_stays():
    """Its loop can only begin when the other's is over."""
    graph = Expressions()
    a, b = sums(graph, 0, 0)
    total = graph.reduce("sum", graph.map("exp", [b], F8), [0])
    y = graph.input(5, (1000, 50), F8)
    scaled = graph.map("mul", [y, graph.broadcast(total, (1000, 50))], F8)
    wide = graph.map("exp", [graph.map("add", [scaled, scaled], F8)], F8)
    late = graph.reduce("sum", wide, [0])
    both = graph.map("add", [a, late], F8)
    assert merged(graph, [both]) == [both]


def test_a_merged_sum_goes_into_a_product():
    """What a routine reads is kept in memory, merged or not."""
    rng = np.random.default_rng(0)
    a, b, m = (
        rng.normal(size=(64, 90, 70)),
        rng.normal(size=(64, 90, 70)),
        rng.normal(size=(70, 80)),
    )

    def f(a, b, m):
        return (np.sum(np.sin(a), axis=0) + np.sum(np.cos(b), axis=0)) @ m

    np.testing.assert_allclose(ad.jit(f)(a, b, m), f(a, b, m), rtol=1e-10, atol=1e-10)
