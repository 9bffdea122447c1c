"""A recorded value's own graph: what was done, up to it.

Enters: a node that a transform recorded.  Leaves: its closed graph, with the values of the inputs
as far as they were kept.  The idea: variables of a differentiation become inputs, plain numbers
constants; what was not kept becomes an input without a value.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ...base.dtypes import Type, type_of
from ...graph.function import Function
from ...graph.node import Node, ancestors, build, constant, input_node

UNKNOWN = object()  # the value of an input that was not kept


class Recorded(NamedTuple):
    """A closed graph with names and values of its inputs."""

    function: Function
    names: list[str]
    values: list[Any]


def recorded_graph(result: Node) -> Recorded:
    """The graph that ends in a recorded node."""
    image: dict[Node, Node] = {}
    order: list[Node] = []
    inputs: list[Node] = []
    names: list[str] = []
    values: list[Any] = []

    def new_input(t: Any, name: str, value: Any) -> Node:
        made = input_node(type_of(t))
        inputs.append(made)
        names.append(name)
        values.append(value)
        return made

    def part(x: Any) -> Node:
        if isinstance(x, Node):
            return image[x]
        if isinstance(x, Type):  # its value was not needed, and not kept
            return new_input(x, f"constant{len(inputs)}", UNKNOWN)
        made = constant(x)
        order.append(made)
        return made

    for node in ancestors([result], 0):
        known = [x for x in node.inputs if isinstance(x, Node)]
        if node.primitive.name == "variable" and known:
            image[node] = image[known[0]]
        elif node.primitive.name in ("variable", "input"):
            value = UNKNOWN if node.value is None else node.value
            image[node] = new_input(node, f"x{len(inputs)}", value)
        elif node.primitive.name == "constant":
            image[node] = node
            order.append(node)
        else:
            made = build(
                node.primitive,
                tuple([part(x) for x in node.inputs]),
                node.parameters,
                node.position,
            )
            image[node] = made
            order.append(made)
    function = Function(inputs, [image[result]], [*inputs, *order], "f")
    return Recorded(function, names, values)
