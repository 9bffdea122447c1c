"""Batching: an operation on values that have one more axis than the user sees, in front.

Enters: a primitive and inputs, some with a batch axis 0 of the same extent.  Leaves: its result
with a batch axis 0.  The idea: every primitive's record says how it is applied to a whole batch at
once (for most kinds that follows from the kind); `vmap` is nothing but that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base.dtypes import Type, type_of
from ..graph import op
from ..graph.function import Function, close
from ..graph.node import Node, input_node
from ..graph.primitive import Primitive

# How an operation with bodies is batched: `(size, inputs, batched, parameters) -> outputs`.
BATCHED: dict[str, Callable[..., Any]] = {}


def apply_batched(
    primitive: Primitive,
    size: int,
    inputs: Sequence[Any],
    batched: Sequence[bool],
    parameters: dict[str, Any],
) -> Any:
    """The primitive applied to a whole batch; without a batched input it is applied once, and the
    result is not batched."""
    if primitive.name in BATCHED:
        return BATCHED[primitive.name](size, inputs, batched, parameters)
    if primitive.name == "custom":
        return op.apply(
            primitive, tuple(inputs), {"rule": parameters["rule"].batched(size, batched)}
        )
    return primitive.batch(primitive, size, tuple(inputs), tuple(batched), parameters)


def walk_batched(
    function: Function, size: int, inputs: Sequence[Any], batched: Sequence[bool]
) -> tuple[list[Any], list[bool]]:
    """The outputs of a closed graph for partly batched inputs, and which of them are batched."""
    known: dict[Node, tuple[Any, bool]] = {
        n: (x, is_batched)
        for n, x, is_batched in zip(function.inputs, inputs, batched, strict=True)
    }
    for node in function.order:
        if node in known:
            continue
        if node.primitive.name == "constant":
            known[node] = node.parameters["value"], False
            continue
        values = [known[x][0] for x in node.inputs]
        flags = [known[x][1] for x in node.inputs]
        if any(flags):
            known[node] = apply_batched(node.primitive, size, values, flags, node.parameters), True
        else:
            known[node] = op.apply(node.primitive, tuple(values), node.parameters), False
    return [known[n][0] for n in function.outputs], [known[n][1] for n in function.outputs]


def batch_call(
    size: int, inputs: Sequence[Any], batched: Sequence[bool], parameters: dict[str, Any]
) -> Any:
    """A call inside a batch: the body is batched, every output made a batch."""
    outputs, flags = walk_batched(parameters["function"], size, inputs, batched)
    return tuple(x if flag else in_front(x, size) for x, flag in zip(outputs, flags, strict=True))


BATCHED["call"] = batch_call


def in_front(value: Any, size: int) -> Any:
    """A value repeated along a new batch axis 0."""
    return op.broadcast_to(value, shape=(size, *type_of(value).shape))


def batch(function: Function, size: int, batched: Sequence[bool]) -> Function:
    """The graph applied to a batch: the flagged inputs have a batch axis 0, and so have all
    outputs."""
    inputs = []
    for n, is_batched in zip(function.inputs, batched, strict=True):
        t = type_of(n)
        inputs.append(input_node(Type((size, *t.shape), t.dtype) if is_batched else t))
    outputs, flags = walk_batched(function, size, inputs, batched)
    outputs = [x if flag else in_front(x, size) for x, flag in zip(outputs, flags, strict=True)]
    closed, _ = close(inputs, outputs, f"{function.name}_batched")
    return closed
