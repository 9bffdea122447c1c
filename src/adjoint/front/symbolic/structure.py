"""The structure of expressions: symbols united, graphs compared, and graphs as plain data.

Enters: nodes and closed graphs.  Leaves: nodes, digests that equal structures share, and tuples of
plain data that pickle takes and a graph is built from again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...base.dtypes import Type, readable, type_of
from ...base.errors import message
from ...graph import op
from ...graph.function import Function, bits
from ...graph.node import Node, ancestors, build, constant, input_node


def name_of(node: Node) -> str:
    """The name of a symbol."""
    return node.parameters["name"]


def united(node: Node) -> tuple[Node, tuple[Node, ...]]:
    """A node in which every name is one input node, and those nodes.

    Raises:
        TypeError: two symbols of one name have different types.
    """
    order = ancestors([node])
    first: dict[str, Node] = {}
    image: dict[Node, Node] = {}
    for n in order:
        if n.primitive.name != "input":
            continue
        name = name_of(n)
        one = first.setdefault(name, n)
        if one is not n:
            image[n] = one
            if type_of(one) != type_of(n):
                raise TypeError(
                    message(
                        f"two symbols are called {name!r}: {readable(one)} and {readable(n)}",
                        expected="one type for each name",
                    )
                )
    if image:
        node = replaced(order, image, node)
    return node, tuple(first.values())


def replaced(order: Sequence[Node], image: dict[Node, Node], output: Node) -> Node:
    """The output with other nodes in the place of some."""
    for n in order:
        if n in image:
            continue
        inputs = tuple([image.get(x, x) for x in n.inputs])
        if inputs != n.inputs:
            image[n] = build(n.primitive, inputs, n.parameters, n.position)
    return image.get(output, output)


def shorter_layout(node: Node) -> Node:
    """A node, or the one that it is made of where it only lays it out as it was."""
    name = node.primitive.name
    if name not in ("reshape", "broadcast_to", "transpose", "slice"):
        return node
    (x,) = node.inputs
    if name == "transpose":
        axes = node.parameters["axes"]
        if axes == tuple(range(len(axes))):
            return x
        if x.primitive.name == "transpose":
            inner = x.parameters["axes"]
            if tuple([inner[k] for k in axes]) == tuple(range(len(axes))):
                return x.inputs[0]
        return node
    if name == "reshape" and x.primitive.name == "reshape":
        return shorter_layout(build(node.primitive, x.inputs, node.parameters, node.position))
    is_turned = name == "slice" and any(step < 0 for step in node.parameters["steps"])
    return x if node.shape == x.shape and node.weak == x.weak and not is_turned else node


def is_elementwise(function: Function) -> bool:
    """Whether every operation works element by element, so that arrays may stand for numbers."""
    if "is elementwise" not in function.cache:
        free = ("input", "constant", "stop_gradient", "python_scalar", "variable", "named")
        function.cache["is elementwise"] = all(
            n.shape == () and (n.primitive.kind == "elementwise" or n.primitive.name in free)
            for n in function.order
        )
    return function.cache["is elementwise"]


# ------------------------------------------------------------------------------------------ digests


def digest_of(function: Function, names: Sequence[str]) -> bytes:
    """A digest of the structure: operations, parameters, constants and inputs, types included."""
    made: dict[Node, bytes] = {}
    for node, name in zip(function.inputs, names, strict=True):
        made[node] = hashed("input", name, str(type_of(node)))
    for node in function.order:
        if node not in made:
            key = repr(bits(compared(node.parameters)))
            made[node] = hashed(node.primitive.name, key, *[made[x].hex() for x in node.inputs])
    return hashed("outputs", *[made[n].hex() for n in function.outputs])


def compared(value: Any) -> Any:
    """A parameter with the digests of graphs in the place of graphs (the bodies of loops)."""
    if isinstance(value, Function):
        return digest_of(value, [str(k) for k in range(len(value.inputs))])
    if isinstance(value, dict):
        return {k: compared(v) for k, v in value.items()}
    return tuple([compared(v) for v in value]) if type(value) is tuple else value


def hashed(*parts: str) -> bytes:
    """A digest of texts."""
    return hashlib.blake2b("\x00".join(parts).encode(), digest_size=16).digest()


# --------------------------------------------------------------------------------------- plain data


class Packed(NamedTuple):
    """A closed graph as plain data: the types of its inputs; for each further node its primitive's
    name, the places of its inputs and its parameters; and the places of the outputs."""

    name: str
    inputs: tuple[Type, ...]
    nodes: tuple[tuple[str, tuple[int, ...], dict[str, Any]], ...]
    outputs: tuple[int, ...]


def packed(value: Any) -> Any:
    """A closed graph, and every graph inside a parameter, as plain data."""
    if isinstance(value, dict):
        return {k: packed(v) for k, v in value.items()}
    if type(value) is tuple:
        return tuple([packed(v) for v in value])
    if not isinstance(value, Function):
        return value
    inside = [n for n in value.order if n not in value.inputs]
    places = {n: k for k, n in enumerate([*value.inputs, *inside])}
    nodes = [
        (n.primitive.name, tuple([places[x] for x in n.inputs]), packed(n.parameters))
        for n in inside
    ]
    types = tuple([type_of(n) for n in value.inputs])
    return Packed(value.name, types, tuple(nodes), tuple([places[n] for n in value.outputs]))


def unpacked(value: Any, inputs: Sequence[Node] | None = None) -> Any:
    """What `packed` was given; with `inputs`, the outputs of a graph over these nodes."""
    if isinstance(value, dict):
        return {k: unpacked(v) for k, v in value.items()}
    if not isinstance(value, Packed):
        return tuple([unpacked(v) for v in value]) if type(value) is tuple else value
    fresh = [input_node(t) for t in value.inputs] if inputs is None else list(inputs)
    made = list(fresh)
    for name, places, parameters in value.nodes:
        if name == "constant":
            made.append(constant(parameters["value"]))
        else:
            given = tuple([made[k] for k in places])
            made.append(build(op.registry[name], given, unpacked(parameters)))
    outputs = [made[k] for k in value.outputs]
    if inputs is not None:
        return outputs
    return Function(fresh, outputs, made, value.name)
