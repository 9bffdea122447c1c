"""The verifier: what must hold of every closed graph.

Enters: a `Function`.  Leaves: nothing, or a `GraphError` that names the node at fault.  It is run
after every transform in the tests, and after every pass where the environment sets
`ADJOINT_CHECK=1`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.dtypes import Type, type_of
from ..base.errors import GraphError, describe
from . import op
from .function import Function, key_of
from .node import Node, type_text


def verify(function: Function) -> Function:
    """Check a closed graph, the bodies of its calls too; gives the function back."""
    stack, seen = [function], {function}
    while stack:
        one = stack.pop()
        verify_one(one)
        for node in one.order:
            for value in node.parameters.values():
                if isinstance(value, Function) and value not in seen:
                    seen.add(value)
                    stack.append(value)
    return function


def verify_one(function: Function) -> None:
    """Check one closed graph, the bodies of its calls left aside."""
    place: dict[Node, int] = {}
    equal: dict[Any, Node] = {}
    for number, node in enumerate(function.order):
        where = f"{function.name}, node {number} ({title(node)})"
        if node in place:
            raise GraphError(f"{where} is listed twice, first as node {place[node]}")
        if op.registry.get(node.primitive.name) is not node.primitive:
            raise GraphError(f"{where}: no primitive of the registry")
        verify_inputs(node, place, where)
        found = inferred(node, where)
        if found != declared(node):
            raise GraphError(
                f"{where}: its type is {type_text(node)}, its type rule says {types_text(found)}"
            )
        key = key_of(node, node.inputs)
        if key in equal:
            first = equal[key]
            raise GraphError(f"{where} equals node {place[first]} ({title(first)}): not interned")
        equal[key] = node
        place[node] = number
    for name, wanted in (("input", function.inputs), ("output", function.outputs)):
        for i, node in enumerate(wanted):
            if node not in place:
                raise GraphError(f"{function.name}: {name} {i} ({title(node)}) is not in its order")
    if tuple(function.order[: len(function.inputs)]) != function.inputs:
        raise GraphError(f"{function.name}: its order does not begin with its inputs")
    for node in function.order[len(function.inputs) :]:
        if node.primitive.name == "input":
            raise GraphError(
                f"{function.name}: node {place[node]} ({title(node)}) is an input, but "
                "not among its inputs"
            )
    for i, node in enumerate(function.outputs):
        if isinstance(node.dtype, tuple):
            raise GraphError(
                f"{function.name}: output {i} ({title(node)}) is several values, no `item`"
            )


def verify_inputs(node: Node, place: dict[Node, int], where: str) -> None:
    """Every input is a node listed before."""
    for i, x in enumerate(node.inputs):
        if not isinstance(x, Node):
            raise GraphError(f"{where}: its input {i} is a {type(x).__name__}, no node")
        if x not in place:
            raise GraphError(f"{where}: its input {i} ({title(x)}) does not precede it")
    count = {"input": 0, "constant": 0, "variable": 1, "item": 1}.get(node.primitive.name)
    if count is not None and len(node.inputs) != count:
        raise GraphError(f"{where} has {len(node.inputs)} inputs, {count} expected")


def inferred(node: Node, where: str) -> Any:
    """What the primitive's type rule says: a `Type`, or a tuple of them."""
    name = node.primitive.name
    if name == "input":
        return declared(node)
    if name == "constant":
        if "value" not in node.parameters:
            raise GraphError(f"{where} has no value")
        return type_of(node.parameters["value"])
    try:
        found = node.primitive.infer(*node.inputs, **node.parameters)
    except Exception as error:
        raise GraphError(
            f"{where}: its type rule raises {type(error).__name__}: {error}"
        ) from error
    return plain_type(found) if isinstance(found, Type) else tuple(plain_type(t) for t in found)


def plain_type(t: Any) -> Type:
    """A type in the form in which types are compared."""
    return Type(tuple(t.shape), np.dtype(t.dtype), bool(t.weak))


def declared(node: Node) -> Any:
    """The type that a node says it has: a `Type`, or a tuple of them."""
    if isinstance(node.dtype, tuple):
        return tuple(plain_type(t) for t in node.dtype)
    return plain_type(node)


def types_text(found: Any) -> str:
    """A type, or several, as a person reads them."""
    return str(found) if isinstance(found, Type) else "(" + ", ".join(map(str, found)) + ")"


def title(node: Any) -> str:
    """A node for an error message, with the user's line where it is known."""
    if not isinstance(node, Node):
        return f"a {type(node).__name__}"
    at = "" if node.position is None else f" at {describe(node.position)}"
    return f"{node.primitive.name}: {type_text(node)}{at}"
