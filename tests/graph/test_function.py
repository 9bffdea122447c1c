"""Closed graphs: what is one node and what is not, captured nodes, evaluation, long chains."""

import gc
import weakref

import numpy as np
import pytest

from adjoint.base.dtypes import Type
from adjoint.base.errors import GraphError
from adjoint.graph import op
from adjoint.graph.check import verify
from adjoint.graph.function import Function, bits, build_function, close
from adjoint.graph.node import ancestors, constant, input_node
from adjoint.graph.text import parse, show
from adjoint.optimize.pipeline import optimize
from adjoint.transform.linearize import linearize
from adjoint.transform.transpose import transpose

FLOAT = Type((), np.dtype(float))
VECTOR = Type((3,), np.dtype(float))


def constants(*values):
    """How many constants are left of these in a closed graph."""
    function = build_function(lambda x: [op.add(x, constant(v)) for v in values], [FLOAT])
    verify(function)
    return sum(node.primitive.name == "constant" for node in function.order)


def nan_with(bits_):
    return np.array([bits_], np.uint64).view(float)[0]


@pytest.mark.parametrize(
    "values",
    [
        (0.0, -0.0),
        (1, True),
        (1, 1.0),
        (1.0, 1 + 0j),
        (1.0, np.float64(1.0)),
        (np.float32(1), np.float64(1)),
        (np.int32(1), np.int64(1)),
        (np.float64(1), np.array(1.0)),
        (np.array([0.0]), np.array([-0.0])),
        (np.array([1.0]), np.array([1], int)),
        (nan_with(0x7FF8000000000000), nan_with(0x7FF8000000000001)),
        (nan_with(0x7FF8000000000000), nan_with(0xFFF8000000000000)),
        (complex(0.0, 0.0), complex(0.0, -0.0)),
        (0.1, float(np.nextafter(0.1, 1))),
    ],
    ids=str,
)
def test_what_differs_is_kept_apart(values):
    assert constants(*values) == len(values)
    assert bits(values[0]) != bits(values[1])


@pytest.mark.parametrize(
    "values",
    [
        (0.5, 0.5),
        (float("nan"), float("nan")),
        (np.array([1.0, 2.0]), np.array([1.0, 2.0])),
        (np.float32(3), np.float32(3)),
        (True, True),
        (np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3))),
    ],
    ids=str,
)
def test_what_is_equal_is_one_node(values):
    assert constants(*values) == 1


def test_the_shape_of_a_constant_counts():
    flat, square = np.arange(4.0), np.arange(4.0).reshape(2, 2)
    assert bits(flat) != bits(square)


def test_equal_expressions_are_one_node():
    def rule(x, y):
        return [op.sin(x * y) + op.sin(x * y), op.sin(y * x)]

    function = verify(build_function(rule, [VECTOR, VECTOR]))
    names = [node.primitive.name for node in function.order]
    assert names == ["input", "input", "mul", "sin", "add", "mul", "sin"]


def test_parameters_tell_nodes_apart():
    square = Type((2, 2), np.dtype(float))

    def rule(x):
        return [op.sum(x, axes=(0,)), op.sum(x, axes=(1,)), op.sum(x, axes=(0,))]

    function = verify(build_function(rule, [square]))
    assert [n.primitive.name for n in function.order].count("sum") == 2
    assert function.outputs[0] is function.outputs[2]


def test_captured_nodes_become_inputs():
    x, outer = input_node(VECTOR), input_node(FLOAT)
    function, captured = close([x], [x * outer, outer + 1.0])
    assert captured == [outer]
    assert len(function.inputs) == 2
    found = verify(function).evaluate(np.array([1.0, 2.0, 3.0]), 2.0)
    np.testing.assert_array_equal(found[0], [2.0, 4.0, 6.0])
    assert found[1] == 3.0


def test_nodes_before_a_serial_are_captured_whole():
    x = input_node(FLOAT)
    early = op.sin(x)
    y = input_node(FLOAT)
    function, captured = close([y], [early * y], since=y.serial)
    assert captured == [early]
    assert [n.primitive.name for n in function.order] == ["input", "input", "mul"]


def test_an_output_may_be_an_input_or_a_constant():
    function = verify(build_function(lambda x, y: [y, 2.5, x, y], [FLOAT, VECTOR]))
    one, constant_, two, again = function.evaluate(1.0, np.zeros(3))
    assert (constant_, two) == (2.5, 1.0)
    assert one is again


def test_building_refuses_captured_nodes():
    outer = input_node(FLOAT)
    with pytest.raises(GraphError, match="captured"):
        build_function(lambda x: [x + outer], [FLOAT])


def test_the_number_of_inputs_is_checked():
    function = build_function(lambda x: [x], [FLOAT], "g")
    with pytest.raises(GraphError, match="g takes 1 inputs, 2 came"):
        function.evaluate(1.0, 2.0)


def test_nodes_are_in_order_of_birth():
    x = input_node(FLOAT)
    y = op.sin(x)
    z = op.cos(y)
    assert ancestors([z, y]) == [x, y, z]
    assert ancestors([z], y.serial) == [y, z]
    assert x.root == y.root == x.serial


def test_a_node_has_no_number():
    with pytest.raises(TypeError, match="has no number"):
        bool(input_node(FLOAT))
    with pytest.raises(TypeError):
        iter(input_node(VECTOR))


def test_values_are_dropped_when_nobody_reads_them():
    alive = []

    class Watched(np.ndarray):
        pass

    function = build_function(lambda x: [op.sum(op.exp(op.sin(x)), axes=(0,))], [VECTOR])
    value = np.zeros(3).view(Watched)
    alive.append(weakref.ref(value))
    known = function.evaluate(value)
    del value
    gc.collect()
    assert alive[0]() is None
    assert known[0] == 3.0


DEEP = 100_000


def chain(length):
    def rule(x):
        for k in range(length):
            x = op.sin(x) if k % 2 else x + 1.0
        return [x]

    return build_function(rule, [FLOAT], "chain")


def test_a_deep_chain_needs_no_recursion():
    """Built, closed, verified, evaluated, and freed."""
    function = verify(chain(DEEP))
    assert len(function.order) == DEEP + 2
    expected = 0.5
    for k in range(DEEP):
        expected = np.sin(expected) if k % 2 else expected + 1.0
    assert function.evaluate(0.5) == [expected]
    freed = weakref.ref(function)
    del function
    gc.collect()
    assert freed() is None


def test_transforms_of_a_deep_chain_need_no_recursion():
    function = chain(DEEP // 5)
    assert optimize(function).evaluate(0.5) == function.evaluate(0.5)
    pushforward = verify(linearize(function, [True]))
    backward = verify(transpose(pushforward, [False, True]))
    zero, one = 0.0, 1.0
    forward = pushforward.evaluate(0.5, one)[1]
    np.testing.assert_allclose(backward.evaluate(0.5, zero, one), [forward], rtol=1e-9, atol=0)


def test_a_deep_text_is_read_back():
    function = chain(20_000)
    text = show(function)
    again = parse(text)
    assert isinstance(again, Function)
    assert show(again) == text
