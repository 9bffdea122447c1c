"""The verifier finds each way in which a closed graph can be wrong, and names the node."""

import numpy as np
import pytest

import adjoint.optimize.pipeline as pipeline
from adjoint.base.dtypes import Type
from adjoint.base.errors import GraphError
from adjoint.graph import op
from adjoint.graph.check import verify
from adjoint.graph.function import Function, build_function
from adjoint.graph.node import Node, build, input_node

FLOAT = Type((), np.dtype(float))
VECTOR = Type((3,), np.dtype(float))


def parts():
    x = input_node(VECTOR)
    y = build(op.registry["sin"], (x,), {})
    z = build(op.registry["add"], (x, y), {})
    return x, y, z


def refused(function):
    with pytest.raises(GraphError) as caught:
        verify(function)
    return str(caught.value)


def test_a_sound_graph_is_given_back():
    x, y, z = parts()
    function = Function([x], [z], [x, y, z])
    assert verify(function) is function


def test_an_input_that_comes_later():
    x, y, z = parts()
    assert refused(Function([x], [z], [x, z, y])) == (
        "f, node 1 (add: float64[3]): its input 1 (sin: float64[3]) does not precede it"
    )


def test_a_node_listed_twice():
    x, y, z = parts()
    assert (
        refused(Function([x], [z], [x, y, y, z]))
        == "f, node 2 (sin: float64[3]) is listed twice, first as node 1"
    )


def test_equal_nodes():
    x, y, _ = parts()
    again = build(op.registry["sin"], (x,), {})
    assert refused(Function([x], [again], [x, y, again])) == (
        "f, node 2 (sin: float64[3]) equals node 1 (sin: float64[3]): not interned"
    )


@pytest.mark.parametrize(
    ("shape", "dtype", "weak", "shown"),
    [
        ((4,), float, False, "float64[4]"),
        ((3,), np.float32, False, "float32[3]"),
        ((3,), float, True, "float64[3]~"),
    ],
)
def test_a_wrong_type(shape, dtype, weak, shown):
    x, _, _ = parts()
    y = Node(op.registry["sin"], (x,), {}, shape, np.dtype(dtype), weak)
    assert refused(Function([x], [y], [x, y])) == (
        f"f, node 1 (sin: {shown}): its type is {shown}, its type rule says float64[3]"
    )


def test_a_type_rule_that_raises():
    x, _, _ = parts()
    y = Node(op.registry["sum"], (x,), {"wrong": 1}, (), np.dtype(float))
    assert refused(Function([x], [y], [x, y])).startswith(
        "f, node 1 (sum: float64[]): its type rule raises TypeError: "
    )


def test_a_constant_of_another_type():
    wrong = Node(op.registry["constant"], (), {"value": 1}, (), np.dtype(float))
    assert refused(Function([], [wrong], [wrong])) == (
        "f, node 0 (constant: float64[]): its type is float64[], its type rule says int64[]~"
    )


def test_an_output_outside_the_order():
    x, y, z = parts()
    assert (
        refused(Function([x], [y, z], [x, y]))
        == "f: output 1 (add: float64[3]) is not in its order"
    )


def test_an_input_that_is_not_among_the_inputs():
    x, y, z = parts()
    assert refused(Function([], [z], [x, y, z])) == (
        "f: node 0 (input: float64[3]) is an input, but not among its inputs"
    )


def test_inputs_that_do_not_come_first():
    x, y, z = parts()
    other = input_node(FLOAT)
    assert (
        refused(Function([x, other], [z], [x, y, other, z]))
        == "f: its order does not begin with its inputs"
    )


def test_an_unknown_primitive():
    x, _, _ = parts()
    stranger = object.__new__(type(op.registry["sin"]))
    object.__setattr__(stranger, "name", "stranger")
    y = Node(stranger, (x,), {}, (3,), np.dtype(float))
    assert (
        refused(Function([x], [y], [x, y]))
        == "f, node 1 (stranger: float64[3]): no primitive of the registry"
    )


def test_an_input_that_is_no_node():
    x, _, _ = parts()
    y = Node(op.registry["sin"], (VECTOR,), {}, (3,), np.dtype(float))
    assert (
        refused(Function([x], [y], [x, y]))
        == "f, node 1 (sin: float64[3]): its input 0 is a Type, no node"
    )


def test_several_values_as_an_output():
    body = build_function(lambda x: [x], [VECTOR])
    function = build_function(lambda x: [op.item(op.call(x, function=body), index=0)], [VECTOR])
    wrong = Function(function.inputs, function.order[1:2], function.order)
    assert refused(wrong) == "f: output 0 (call: (float64[3])) is several values, no `item`"


def test_the_bodies_of_calls_are_checked():
    x, y, z = parts()
    body = Function([x], [z], [x, z, y], "body")
    outer = build_function(lambda x: [op.item(op.call(x, function=body), index=0)], [VECTOR])
    assert refused(outer).startswith("body, node 1")


def test_the_users_line_is_named():
    x, _, _ = parts()
    here = (test_the_users_line_is_named.__code__, 0)
    y = Node(op.registry["sin"], (x,), {}, (4,), np.dtype(float), position=here)
    assert " at test_check.py:" in refused(Function([x], [y], [x, y]))


def test_the_passes_are_checked_where_asked(monkeypatch):
    x, y, z = parts()
    function = Function([x], [z], [x, y, z])

    def spoil(given):
        return Function([x], [z], [x, z, y])

    monkeypatch.setattr(pipeline, "PASSES", (("spoil", spoil),))
    monkeypatch.delenv("ADJOINT_CHECK", raising=False)
    pipeline.optimize(function)
    monkeypatch.setenv("ADJOINT_CHECK", "1")
    with pytest.raises(
        GraphError, match=r"after the pass 'spoil': f, node 1 .* does not precede it"
    ):
        pipeline.optimize(function)
