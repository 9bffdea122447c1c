"""Bytes, arithmetic operations and dear functions of small graphs, counted by hand."""

import numpy as np

from adjoint.base.dtypes import Type
from adjoint.graph import op
from adjoint.graph.cost import Cost, cost
from adjoint.graph.function import build_function

DOUBLE = np.dtype(float)


def cost_of(rule, *shapes, dtype=DOUBLE):
    return cost(build_function(lambda *xs: [rule(*xs)], [Type(s, np.dtype(dtype)) for s in shapes]))


def test_elementwise():
    assert cost_of(lambda x, y: x * y, (3, 4), (4,)) == Cost(8 * 16, 8 * 12, 12, 0)
    assert cost_of(lambda x: x * x, (5,)) == Cost(40, 40, 5, 0)
    assert cost_of(lambda x: op.exp(x), (5,), dtype=np.float32) == Cost(20, 20, 0, 5)


def test_reduction():
    assert cost_of(lambda x: op.sum(x, axes=(0,)), (3, 4)) == Cost(96, 32, 12, 0)


def test_layout():
    assert cost_of(lambda x: op.transpose(x, axes=(1, 0)), (3, 4)) == Cost(96, 96, 0, 0)
    assert cost_of(lambda x: op.broadcast_to(x, shape=(10, 4)), (4,)) == Cost(32, 320, 0, 0)
    assert cost_of(lambda x: op.slice(x, starts=(2,), stops=(5,), steps=(1,)), (100,)) == Cost(
        24, 24, 0, 0
    )


def test_index():
    places = np.array([1, 2])
    assert cost_of(lambda x: op.gather(x, places), (100,)) == Cost(16 + 16, 16, 0, 0)
    assert cost_of(lambda x: op.scatter_add(x, places, shape=(100,)), (2,)) == Cost(
        16 + 16, 800, 0, 0
    )


def test_contraction():
    assert cost_of(lambda a, b: op.matmul(a, b), (2, 3), (3, 5)) == Cost(8 * 21, 80, 60, 0)
    product = cost_of(lambda a, b: op.einsum(a, b, subscripts="ij,jk->ik"), (2, 3), (3, 5))
    assert product == Cost(8 * 21, 80, 60, 0)


def test_calls_cost_their_body():
    body = build_function(lambda x: [op.exp(x)], [Type((5,), DOUBLE)])
    assert cost_of(lambda x: op.item(op.call(x, function=body), index=0), (5,)) == cost(body)


def test_costs_add_up():
    total = cost_of(lambda x: op.sum(op.sin(x), axes=(0,)), (4,))
    assert total == Cost(64, 40, 4, 4)
    assert total.bytes == 104
    assert str(total) == "104 bytes, 4 flops, 4 dear functions"
