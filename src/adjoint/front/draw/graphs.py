"""Closed graphs as diagrams: a box for each operation, its constants written into it.

Enters: a `Function`, names for inputs and results, and what is known of its nodes.  Leaves: a
`Diagram` and the rows of its table.  Values are named in order: `v1`, `v2`, ..., as in an
evaluation trace; the operations are written as Python has them.

Source of the evaluation trace: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...graph.function import Function
from ...graph.node import Node, type_text
from ...graph.text import show_value
from .boxes import Box, Diagram, Line, Row, shortened
from .plain import number_text

LONGEST = 44  # characters of a title
INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "matmul": "@",
    "floor_divide": "//", "remainder": "%", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=", "equal": "==", "not_equal": "!=",
}  # fmt: skip
NAMED = {"select": "where"}  # what the user calls a primitive
LEAVES = ("input", "constant")  # nodes that are no operations
FEW = 4  # elements of a constant that are written out


@dataclass
class Facts:
    """What is known of a graph: names of inputs and results, values of nodes, and their tangents
    (`mode` "forward") or adjoints ("reverse")."""

    function: Function
    inputs: Sequence[str]
    results: Sequence[str]
    values: Mapping[Node, Any] = field(default_factory=dict)
    derivatives: Mapping[Node, Any] = field(default_factory=dict)
    mode: str | None = None

    def __post_init__(self) -> None:
        self.place = {node: k for k, node in enumerate(self.function.order)}
        self.names = names_of(self.function, self.inputs, self.results)

    def operations(self) -> list[Node]:
        """The nodes that are operations, in order."""
        return [n for n in self.function.order if n.primitive.name not in LEAVES]

    def lines(self, node: Node) -> list[Line]:
        """What is known of a node's value, as lines of its box."""
        found = []
        k = self.place[node]
        if node in self.values:
            found.append(Line(f"value {self.text(self.values[node])}", "value", (0, k, 0)))
        if self.mode == "forward" and node in self.derivatives:
            text = f"tangent {self.text(self.derivatives[node])}"
            found.append(Line(text, "tangent", (0, k, 1)))
        if self.mode == "reverse" and node in self.derivatives:
            text = f"adjoint {self.text(self.derivatives[node])}"
            found.append(Line(text, "adjoint", (1, len(self.place) - k)))
        return found

    def text(self, value: Any) -> str:
        """A value in a box."""
        return shortened(number_text(value), LONGEST)

    def row(self, name: str, operation: str, node: Node) -> Row:
        """A row of the table."""
        derivative = own(self.derivatives.get(node))
        return Row(
            name,
            operation,
            kind_text(node),
            own(self.values.get(node)),
            derivative if self.mode == "forward" else None,
            derivative if self.mode == "reverse" else None,
        )

    def rows(self) -> list[Row]:
        """All rows of the table: inputs, operations, and results that are neither."""
        found = [
            self.row(name, "input", node)
            for name, node in zip(self.inputs, self.function.inputs, strict=True)
        ]
        found += [self.row(self.names[n], formula(n, self.names), n) for n in self.operations()]
        for name, node in self.separate():
            found.append(self.row(name, reference(node, self.names), node))
        return found

    def separate(self) -> list[tuple[str, Node]]:
        """The results that are no operation of that name: an input, a constant, one given twice."""
        return [
            (name, node)
            for name, node in zip(self.results, self.function.outputs, strict=True)
            if self.names.get(node) != name or node.primitive.name in LEAVES
        ]


def own(value: Any) -> Any:
    """A value that shares no memory with the user's arrays, nor with other rows."""
    if isinstance(value, tuple):
        return tuple([own(x) for x in value])
    return value.copy() if isinstance(value, np.ndarray) else value


def names_of(function: Function, inputs: Sequence[str], results: Sequence[str]) -> dict[Node, str]:
    """A name for each node but constants: the user's for inputs and results, `v1`, `v2`, ... for
    all others."""
    names = dict(zip(function.inputs, inputs, strict=True))
    for name, node in zip(results, function.outputs, strict=True):
        if node.primitive.name not in LEAVES:
            names.setdefault(node, name)
    taken, number = {*inputs, *results}, 0
    for node in function.order:
        if node.primitive.name == "constant" or node in names:
            continue
        number += 1
        while f"v{number}" in taken:
            number += 1
        names[node] = f"v{number}"
    return names


def reference(node: Node, names: Mapping[Node, str]) -> str:
    """How a node is written where it is read: its name, or a constant itself."""
    if node.primitive.name == "constant":
        return constant_text(node.parameters["value"])
    return names[node]


def constant_text(value: Any) -> str:
    """A constant in a formula."""
    t = type_of(value)
    if t.shape == () or (len(t.shape) == 1 and t.size <= FEW):
        return number_text(value)
    array = np.asarray(value)
    if array.size and (array == array.flat[0]).all():
        return f"{number_text(array.flat[0])}[{','.join(map(str, t.shape))}]"
    return str(t)


def formula(node: Node, names: Mapping[Node, str]) -> str:
    """An operation as Python writes it, in the names of its inputs."""
    name = node.primitive.name
    given = [reference(x, names) for x in node.inputs]
    if name == "neg" and len(given) == 1:
        return f"-{given[0]}"
    if name == "item":
        return f"{given[0]}[{node.parameters['index']}]"
    if name in INFIX and len(given) == 2:
        return f"{given[0]} {INFIX[name]} {given[1]}"
    if name in ("at", "slice"):
        return f"{given[0]}[{index_text(node)}]"
    if name in ("sum", "prod", "max", "min") and len(given) == 1:
        axes = node.parameters.get("axes")
        if axes == tuple(range(len(node.inputs[0].shape))):
            return f"{name}({given[0]})"
    known = node.parameters
    if bodies(node):
        known = {"length": known["length"]} if "length" in known else {}
    given += [f"{key}={parameter_text(v)}" for key, v in known.items() if v is not None]
    return f"{NAMED.get(name, name).rstrip('_')}({', '.join(given)})"


def bodies(node: Node) -> list[Function]:
    """The graphs that a loop or a branch runs."""
    found: list[Function] = []
    for value in node.parameters.values():
        parts = value if isinstance(value, (tuple, list)) else (value,)
        found += [x for x in parts if isinstance(x, Function)]
    return found


def index_text(node: Node) -> str:
    """The index of one place or of a part."""
    parts = [":"] * len(node.inputs[0].shape)
    known = node.parameters
    if node.primitive.name == "at":
        for axis, place in zip(known["axes"], known["places"], strict=True):
            parts[axis] = str(place)
    else:
        rows = zip(known["starts"], known["stops"], known["steps"], strict=True)
        for axis, (start, stop, step) in enumerate(rows):
            if (start, stop, step) == (0, node.inputs[0].shape[axis], 1):
                continue
            end = "" if stop < 0 else str(stop)
            parts[axis] = f"{start}:{end}" + (f":{step}" if step != 1 else "")
    while len(parts) > 1 and parts[-1] == ":":
        parts.pop()
    return ", ".join(parts)


def parameter_text(value: Any) -> str:
    """A static parameter, shortened."""
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, np.ndarray) and value.size > FEW:
        return str(type_of(value))
    return shortened(show_value(value, {}), 24)


def kind_text(node: Node) -> str:
    """A value's type, nothing for a plain real number."""
    if type(node.dtype) is not tuple and node.shape == () and node.dtype == float:
        return ""
    return type_text(node).replace("~", "").replace("[]", "")


def noted(node: Node) -> list[Line]:
    """A value's type as a line of its box, where there is something to say, and the size of what a
    loop or a branch runs."""
    lines = [kind_text(node)] if kind_text(node) else []
    if inside := bodies(node):
        counts = [sum(n.primitive.name not in LEAVES for n in f.order) for f in inside]
        plural = "s" * (counts != [1])
        lines.append(f"runs {' or '.join(map(str, counts))} operation{plural}")
    return [Line(shortened(text, LONGEST), "note") for text in lines]


def outer_boxes(facts: Facts, whole: Mapping[Node, int]) -> tuple[list[Box], list[int]]:
    """Boxes of the results that have none of their own, and for each the box it comes from (-1:
    none); `whole` has the boxes that there are."""
    boxes, sources = [], []
    for name, node in facts.separate():
        title = shortened(f"{name} = {reference(node, facts.names)}", LONGEST)
        known = [] if node in whole else facts.lines(node)
        boxes.append(Box("output", (Line(title), *known)))
        sources.append(whole.get(node, -1))
    return boxes, sources


def diagram(facts: Facts) -> Diagram:
    """The graph with a box for each operation."""
    boxes: list[Box] = []
    places: dict[Node, int] = {}
    edges: dict[tuple[int, int], None] = {}
    function, names = facts.function, facts.names
    for name, node in zip(facts.inputs, function.inputs, strict=True):
        places[node] = len(boxes)
        title = Line(shortened(name, LONGEST))
        boxes.append(Box("input", (title, *noted(node), *facts.lines(node))))
    results = set(function.outputs)
    for node in facts.operations():
        k = places[node] = len(boxes)
        title = Line(shortened(f"{names[node]} = {formula(node, names)}", LONGEST))
        kind = "output" if node in results else "operation"
        boxes.append(Box(kind, (title, *noted(node), *facts.lines(node))))
        edges.update({(places[x], k): None for x in node.inputs if x in places})
    extra, sources = outer_boxes(facts, places)
    edges.update({(s, len(boxes) + i): None for i, s in enumerate(sources) if s >= 0})
    return Diagram(function.name, (*boxes, *extra), tuple(edges))
