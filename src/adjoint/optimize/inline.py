"""Calls replaced by the operations of what they call.

Enters: a closed graph.  Leaves: an equal one without `call` and `checkpoint` nodes, so that loops
are shared across the borders of compiled functions.
"""

from __future__ import annotations

from typing import Any

from ..base.dtypes import type_of
from ..graph.function import Function, close
from ..graph.node import Node, build, input_node
from ..graph.rewrite import over

CALLS = ("call", "checkpoint")


def inline_calls(function: Function) -> Function:
    """Put the body of every call in its place."""
    if not any(node.primitive.name in CALLS for node in function.order):
        return function
    inputs = [input_node(type_of(n)) for n in function.inputs]
    image: dict[Node, Any] = dict(zip(function.inputs, inputs, strict=True))
    for node in function.order:
        if node in image:
            continue
        given = [image[x] for x in node.inputs]
        if node.primitive.name in CALLS:
            image[node] = over(node.parameters["function"], given)
        elif node.primitive.name == "item" and isinstance(given[0], (list, tuple)):
            image[node] = given[0][node.parameters["index"]]
        elif node.primitive.name == "constant":
            image[node] = node
        else:
            image[node] = build(node.primitive, tuple(given), node.parameters, node.position)
    closed, _ = close(inputs, [image[n] for n in function.outputs], function.name)
    return inline_calls(closed)
