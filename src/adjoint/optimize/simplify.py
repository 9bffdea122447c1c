"""Simplification of a closed graph: rules that never change a value, a NaN or an infinity.

Enters: a closed graph.  Leaves: an equal one without variables, needless conversions, layout
operations that change nothing, operations on constants, and nodes that nobody reads.  Each rule is
a function `(node, inputs)` that gives a replacement or None.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops  # noqa: F401  (declares the primitives)
from ..base.dtypes import type_of
from ..graph import op
from ..graph.function import Function
from ..graph.node import Node
from ..graph.op import apply
from ..graph.rewrite import Rules, constant_value, rewrite

RULES = Rules()
FOLDED = 64  # elements up to which an operation on constants is done at once


@RULES.rule("variable", "stop_gradient", "named")
def drop_identity(node: Node, inputs: tuple) -> Any:
    """Once derivatives are taken, these are identities."""
    return inputs[0]


@RULES.rule("convert")
def drop_conversion(node: Node, inputs: tuple) -> Any:
    """A conversion to the dtype that is there."""
    (x,) = inputs
    t = type_of(x)
    return x if t.dtype == node.dtype and not t.weak else None


@RULES.rule("reshape", "broadcast_to")
def drop_same_shape(node: Node, inputs: tuple) -> Any:
    """A layout that gives the same shape."""
    (x,) = inputs
    return x if type_of(x).shape == node.shape and not type_of(x).weak else None


@RULES.rule("reshape")
def merge_reshapes(node: Node, inputs: tuple) -> Any:
    """Only the last of several reshapes counts."""
    (x,) = inputs
    if isinstance(x, Node) and x.primitive.name == "reshape":
        return apply(node.primitive, x.inputs, node.parameters)
    return None


@RULES.rule("transpose")
def merge_transposes(node: Node, inputs: tuple) -> Any:
    """Two orders of axes are one; the natural order is none."""
    (x,), axes = inputs, node.parameters["axes"]
    if axes == tuple(range(len(axes))):
        return x
    if isinstance(x, Node) and x.primitive.name == "transpose":
        inner = x.parameters["axes"]
        return op.transpose(x.inputs[0], axes=tuple(inner[k] for k in axes))
    return None


@RULES.rule("sum")
def drop_empty_sum(node: Node, inputs: tuple) -> Any:
    """A sum over no axis, of integers: NumPy's sum of -0.0 is 0.0."""
    (x,) = inputs
    if node.dtype.kind in "fc":
        return None
    return x if not node.parameters["axes"] and type_of(x).dtype == node.dtype else None


@RULES.rule("neg")
def drop_double_negation(node: Node, inputs: tuple) -> Any:
    """-(-x) is x, signed zeros and NaN included."""
    (x,) = inputs
    return x.inputs[0] if isinstance(x, Node) and x.primitive.name == "neg" else None


@RULES.rule("mul", "div")
def drop_factor_one(node: Node, inputs: tuple) -> Any:
    """x*1, 1*x and x/1 are x where type and shape stay, and x is real."""
    a, b = inputs
    if node.dtype.kind == "c":
        return None  # 1 is 1 + 0j beside a complex number: inf * 1 has a NaN in it
    if is_one(b) and keeps_type(a, node):
        return a
    if node.primitive.name == "mul" and is_one(a) and keeps_type(b, node):
        return b
    return None


def is_one(x: Any) -> bool:
    """Whether a value is the constant 1 (a Python scalar)."""
    value = constant_value(x)
    return type(value) in (int, float) and value == 1


def keeps_type(x: Any, node: Node) -> bool:
    """Whether a value could stand in a node's place."""
    t = type_of(x)
    return t.shape == node.shape and t.dtype == node.dtype and t.weak == node.weak


def fold(node: Node, inputs: tuple) -> Any:
    """An operation on small constants, done now."""
    if isinstance(node.dtype, tuple) or node.size > FOLDED or not inputs:
        return None
    values = [constant_value(x) for x in inputs]
    if any(isinstance(v, op.Traced) for v in values):
        return None
    with np.errstate(all="ignore"):
        return node.primitive.evaluate(*values, **node.parameters)


def without_elements(node: Node, inputs: tuple) -> Any:
    """What has no elements, or is made of nothing that has, is known now."""
    if node.shape is None or not inputs:
        return None
    if 0 in node.shape:
        return np.empty(node.shape, node.dtype)
    if not any(0 in getattr(x, "shape", ()) for x in inputs):
        return None
    values = []
    for x in inputs:
        t, value = type_of(x), constant_value(x)
        if isinstance(value, op.Traced):
            if t.size:
                return None
            value = np.empty(t.shape, t.dtype)
        values.append(value)
    with np.errstate(all="ignore"):
        return node.primitive.evaluate(*values, **node.parameters)


@RULES.rule("concatenate")
def drop_parts_without_elements(node: Node, inputs: tuple) -> Any:
    """Parts without elements add nothing, but for their dtype."""
    kept = [x for x in inputs if type_of(x).size]
    if len(kept) == len(inputs) or not kept:
        return None
    if any(type_of(x).dtype != node.dtype for x in kept):
        return None
    return apply(node.primitive, tuple(kept), node.parameters)


@RULES.rule("set_slice")
def drop_write_of_nothing(node: Node, inputs: tuple) -> Any:
    """A write without elements changes nothing."""
    return inputs[0] if type_of(inputs[1]).size == 0 else None


@RULES.rule("scatter_set")
def drop_scatter_of_nothing(node: Node, inputs: tuple) -> Any:
    """The same at places that are data."""
    return inputs[0] if type_of(inputs[1]).size == 0 else None


@RULES.rule("scatter_set")
def write_at_known_places(node: Node, inputs: tuple) -> Any:
    """Values at several places that are known: a choice at each element; where a place comes
    twice, the last value."""
    x, v, *indices = [constant_value(i) for i in inputs]
    if any(isinstance(i, op.Traced) for i in indices):
        return None
    lead = np.broadcast_shapes(*[np.shape(i) for i in indices])
    count, sizes = int(np.prod(lead)), node.shape[: len(indices)]
    if count < 2:
        return None
    winners = np.full(sizes, -1)
    try:
        winners[tuple(indices)] = np.arange(count).reshape(lead)
    except IndexError:
        return None  # the operation raises it
    rest = node.shape[len(indices) :]
    v = op.reshape(op.broadcast_to(inputs[1], shape=(*lead, *rest)), shape=(count, *rest))
    hit = (winners >= 0).reshape(*sizes, *[1] * len(rest))
    found = op.gather(v, np.maximum(winners, 0))
    return op.select(np.broadcast_to(hit, node.shape).copy(), found, inputs[0])


FOLDABLE = ("elementwise", "reduction", "layout", "index", "contraction")
for primitive in op.registry.values():
    if primitive.kind in FOLDABLE:
        RULES.rule(primitive.name)(without_elements)
        RULES.rule(primitive.name)(fold)


def simplify(function: Function) -> Function:
    """Apply the rules from the inputs to the outputs, once."""
    return rewrite(function, RULES)
