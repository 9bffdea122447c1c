"""Rewriting closed graphs: rules by the name of a primitive, applied from the inputs to the
outputs.

Enters: a closed graph and rules.  Leaves: a new closed graph.  A rule is a function `(node,
inputs)` of a node and its already rewritten inputs; it gives what stands in the node's place (a
node of any graph, or a plain value), or None. The first rule that answers counts.  `substitute`
puts values or nodes in the place of inputs.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..base.dtypes import type_of
from ..base.errors import GraphError
from .function import Function, close
from .node import Node, build, constant, input_node

Rule = Callable[[Node, tuple], Any]


class Rules:
    """Rules by the names of the primitives they look at, in order."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[Rule]] = {}

    def rule(self, *names: str) -> Callable[[Rule], Rule]:
        """Register a rule for primitives."""

        def register(function: Rule) -> Rule:
            for name in names:
                self.by_name.setdefault(name, []).append(function)
            return function

        return register

    def replacement(self, node: Node, inputs: tuple) -> Any:
        """What the first rule that answers puts in a node's place, or None."""
        for candidate in self.by_name.get(node.primitive.name, ()):
            found = candidate(node, inputs)
            if found is not None:
                return found
        return None


def rewrite(function: Function, rules: Rules) -> Function:
    """The graph with every node that a rule answers for replaced; equal nodes become one.  The
    function itself where no rule answers."""
    image: dict[Node, Any] = {n: n for n in function.inputs}
    for node in function.order:
        if node not in image:
            image[node] = rewritten(node, tuple([image[x] for x in node.inputs]), rules)
    if all(image[n] is n for n in function.order):
        return function
    closed, _ = close(function.inputs, [image[n] for n in function.outputs], function.name)
    return closed


def rewritten(node: Node, inputs: tuple, rules: Rules) -> Node:
    """A node's replacement, or the same operation on its rewritten inputs."""
    if node.primitive.name == "constant":
        return node
    found = rules.replacement(node, inputs)
    if found is None:
        if all(map(operator.is_, inputs, node.inputs)):
            return node
        return build(node.primitive, inputs, node.parameters, node.position)
    result = found if isinstance(found, Node) else constant(found)
    if result.shape != node.shape or result.dtype != node.dtype:
        raise GraphError(
            f"a rule put {type_of(result)} in the place of {node!r}: a rewrite keeps the type"
        )
    return result


def constant_value(x: Any) -> Any:
    """The value of a constant node; anything else is itself."""
    return x.parameters["value"] if isinstance(x, Node) and x.primitive.name == "constant" else x


def as_node(x: Any) -> Node:
    """A node itself; a plain value as a constant."""
    return x if isinstance(x, Node) else constant(x)


def substitute(function: Function, values: Mapping[int, Any]) -> Function:
    """The graph with plain values, or nodes without inputs of their own, for some inputs (by
    position); they are inputs no longer."""
    inputs = [
        as_node(values[k]) if k in values else input_node(type_of(n))
        for k, n in enumerate(function.inputs)
    ]
    for k, n in enumerate(function.inputs):
        if type_of(inputs[k])[:2] != type_of(n)[:2]:
            raise GraphError(
                f"input {k} of {function.name} is {type_of(n)}, the value is {type_of(inputs[k])}"
            )
    kept = [n for k, n in enumerate(inputs) if k not in values]
    closed, _ = close(kept, over(function, inputs), function.name)
    return closed


def over(function: Function, inputs: Sequence[Node]) -> list[Node]:
    """The outputs of a graph over other nodes as its inputs; the user's positions stay."""
    image: dict[Node, Node] = dict(zip(function.inputs, inputs, strict=True))
    for node in function.order:
        if node not in image:
            given = tuple([image[x] for x in node.inputs])
            if node.primitive.name == "constant":
                image[node] = node
            else:
                image[node] = build(node.primitive, given, node.parameters, node.position)
    return [image[n] for n in function.outputs]
