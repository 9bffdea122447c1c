"""The closed graph: inputs, outputs, and all nodes between them in order.

Enters: input nodes and output nodes (or constants) of any graph.  Leaves: a `Function`, interned
(equal expressions are one node, keyed by dtype and bit pattern), which evaluates on values of any
kind.  Nodes that do not descend from the inputs and hold no constant are *captured*: they become
explicit inputs after the given ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.dtypes import Type, type_of
from ..base.errors import GraphError
from . import op
from .node import NEVER, Node, ancestors, constant, input_node


class Function:
    """A closed expression graph: `inputs` are nodes, `outputs` are nodes, `order` lists every node
    once, inputs first."""

    __slots__ = ("__weakref__", "cache", "name", "order", "outputs", "inputs")

    def __init__(
        self,
        inputs: Sequence[Node],
        outputs: Sequence[Node],
        order: Sequence[Node],
        name: str = "f",
    ) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.order = tuple(order)
        self.name = name
        self.cache: dict[Any, Any] = {}

    def evaluate(self, *values: Any) -> list[Any]:
        """The outputs for input values of any kind: plain ones, nodes, handles."""
        return self.environment(values, self.outputs)

    def environment(self, values: Sequence[Any], wanted: Sequence[Node]) -> list[Any]:
        """The values of the wanted nodes; what is read no more is dropped on the way."""
        if len(values) != len(self.inputs):
            raise GraphError(f"{self.name} takes {len(self.inputs)} inputs, {len(values)} came")
        last = self.last_uses(wanted)
        known: dict[Node, Any] = dict(zip(self.inputs, values, strict=True))
        for node in self.order:
            primitive = node.primitive
            if node in known:
                continue
            if primitive.name == "constant":
                known[node] = node.parameters["value"]
                continue
            known[node] = op.apply(
                primitive, tuple([known[x] for x in node.inputs]), node.parameters
            )
            for x in last.get(node, ()):
                del known[x]
        return [known[n] for n in wanted]

    def last_uses(self, wanted: Sequence[Node]) -> dict[Node, list[Node]]:
        """For each node, the values that nobody reads after it."""
        key = ("last uses", tuple(wanted))
        if key not in self.cache:
            kept, last = set(wanted), {}
            for node in self.order:
                for x in node.inputs:
                    last[x] = node
            found: dict[Node, list[Node]] = {}
            for x, node in last.items():
                if x not in kept:
                    found.setdefault(node, []).append(x)
            self.cache[key] = found
        return self.cache[key]

    def __repr__(self) -> str:
        from_types = ", ".join(str(type_of(n)) for n in self.inputs)
        to_types = ", ".join(str(type_of(n)) for n in self.outputs)
        return f"<Function {self.name}: ({from_types}) -> ({to_types}), {len(self.order)} nodes>"


def bits(value: Any) -> Any:
    """A key that tells apart what NumPy tells apart: dtype, shape and bit pattern (0.0 is not -0.0,
    1 is not True)."""
    if isinstance(value, np.ndarray):
        return "array", value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, np.generic):
        return "generic", value.dtype.str, value.tobytes()
    if isinstance(value, (float, complex)):
        return type(value).__name__, np.asarray(value).tobytes()
    if isinstance(value, (tuple, list)):
        return tuple(bits(v) for v in value)
    if isinstance(value, dict):
        return tuple((k, bits(v)) for k, v in sorted(value.items()))
    if isinstance(value, op.Traced):
        return "traced", id(value)
    return type(value).__name__, value


def key_of(node: Node, inputs: Sequence[Node]) -> Any:
    """What equal expressions have in common; variables and inputs equal themselves only."""
    name = node.primitive.name
    if name in ("variable", "input"):
        return name, node.serial
    return name, tuple([id(x) for x in inputs]), bits(node.parameters), node.weak


class Table:
    """The interning table of one graph: equal expressions give the same node."""

    def __init__(self) -> None:
        self.nodes: dict[Any, Node] = {}

    def intern(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        """The node of this table that equals `node` with these (already interned) inputs."""
        key = key_of(node, inputs)
        found = self.nodes.get(key)
        if found is None:
            found = Node(
                node.primitive,
                inputs,
                node.parameters,
                node.shape,
                node.dtype,
                node.weak,
                node.position,
            )
            found.root = min([x.root for x in inputs], default=NEVER)
            self.nodes[key] = found
        return found


def close(
    inputs: Sequence[Node], outputs: Sequence[Any], name: str = "f", since: int = 0
) -> tuple[Function, list[Node]]:
    """Close a graph: the function, and the captured nodes that became its further inputs.

    Nodes born before serial `since` are captured as they are; `since` 0 looks at everything the
    outputs depend on.
    """
    results = [x if isinstance(x, Node) else constant(x) for x in outputs]
    table = Table()
    fresh_inputs = [input_node(type_of(n)) for n in inputs]
    image: dict[Node, Node] = dict(zip(inputs, fresh_inputs, strict=True))
    captured: list[Node] = []
    order: list[Node] = []
    placed: set[Node] = set()

    def capture(x: Node) -> Node:
        captured.append(x)
        fresh = input_node(type_of(x))
        fresh_inputs.append(fresh)
        image[x] = fresh
        return fresh

    def look(x: Any) -> Node:
        found = image.get(x)
        return capture(x) if found is None else found

    for node in ancestors(results, since):
        if node in image:
            continue
        if node.primitive.name == "input":
            capture(node)
            continue
        fresh = table.intern(node, tuple([look(x) for x in node.inputs]))
        image[node] = fresh
        if fresh not in placed:
            placed.add(fresh)
            order.append(fresh)
    results = [look(x) for x in results]
    return Function(fresh_inputs, results, [*fresh_inputs, *order], name), captured


def build_function(rule: Callable, types: Sequence[Type], name: str = "f") -> Function:
    """The closed graph of a rule applied to bare nodes of these types; the rule returns a list of
    outputs."""
    inputs = [input_node(t) for t in types]
    function, captured = close(inputs, rule(*inputs), name)
    if captured:
        raise GraphError(f"{name} captured {captured!r}")
    return function
