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
KINDS = {"f": "float", "c": "complex", "i": "int", "b": "bool"}  # Python's numbers, by dtype.kind
REDUCED = ("sum", "prod", "max", "min")  # over axes, all of them or some
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
        self.origins: dict[Node, Node] = {}
        for node in self.function.order:
            self.origins[node] = self.origins.get(passed_on(node), node)
        self.outputs = [self.origins[node] for node in self.function.outputs]
        self.names = names_of(self)

    def operations(self) -> list[Node]:
        """The nodes that are operations, in order; those that only pass a value on are left out."""
        return [
            n for n in self.function.order
            if n.primitive.name not in LEAVES and self.origins[n] is n
        ]  # fmt: skip

    def read(self, node: Node) -> list[Node]:
        """What an operation reads, as those nodes that make it."""
        return [self.origins[x] for x in node.inputs]

    def value(self, node: Node) -> Any:
        """A node's value, None where it is not known."""
        return alone(self.values.get(node))

    def derivative(self, node: Node) -> Any:
        """A node's tangent or adjoint, None where it is not known."""
        return alone(self.derivatives.get(node))

    def lines(self, node: Node) -> list[Line]:
        """What is known of a node's value, as lines of its box."""
        found = []
        k = self.place[node]
        if node in self.values:
            found.append(Line(f"value {self.text(self.value(node))}", "value", (0, k, 0)))
        if self.mode == "forward" and node in self.derivatives:
            text = f"tangent {self.text(self.derivative(node))}"
            found.append(Line(text, "tangent", (0, k, 1)))
        if self.mode == "reverse" and node in self.derivatives:
            text = f"adjoint {self.text(self.derivative(node))}"
            found.append(Line(text, "adjoint", (1, len(self.place) - k)))
        return found

    def text(self, value: Any) -> str:
        """A value in a box."""
        return shortened(number_text(value), LONGEST)

    def row(self, name: str, operation: str, node: Node) -> Row:
        """A row of the table."""
        derivative = own(self.derivative(node))
        return Row(
            name,
            operation,
            kind_text(node),
            own(self.value(node)),
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
            found.append(self.row(name, self.names[node], node))
        return found

    def separate(self) -> list[tuple[str, Node]]:
        """The results that are no operation of that name: an input, a constant, one given twice."""
        return [
            (name, node)
            for name, node in zip(self.results, self.outputs, strict=True)
            if self.names.get(node) != name or node.primitive.name in LEAVES
        ]


def passed_on(node: Node) -> Node:
    """What a node only passes on: a number in the type that it has, an array in its shape, the only
    result of a loop or a branch; else the node itself."""
    name = node.primitive.name
    if name not in ("convert", "python_scalar", "reshape", "slice", "item"):
        return node
    (x,) = node.inputs
    if name == "item":
        return x if len(x.dtype) == 1 else node
    if name == "slice" and any(step != 1 for step in node.parameters["steps"]):
        return node  # turned round
    return x if (x.dtype, x.shape) == (node.dtype, node.shape) else node


def alone(value: Any) -> Any:
    """The only one of several values."""
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def own(value: Any) -> Any:
    """A value that shares no memory with the user's arrays, nor with other rows."""
    if isinstance(value, tuple):
        return tuple([own(x) for x in value])
    return value.copy() if isinstance(value, np.ndarray) else value


def names_of(facts: Facts) -> dict[Node, str]:
    """What each node is called: the user's names for inputs and results, `v1`, `v2`, ... for all
    others; a constant is written out."""
    names = dict(zip(facts.function.inputs, facts.inputs, strict=True))
    for name, node in zip(facts.results, facts.outputs, strict=True):
        if node.primitive.name not in LEAVES:
            names.setdefault(node, name)
    taken, number = {*facts.inputs, *facts.results}, 0
    for node in facts.function.order:
        if node in names:
            continue
        origin = facts.origins[node]
        if origin is not node:
            names[node] = names[origin]
        elif node.primitive.name == "constant":
            names[node] = constant_text(node.parameters["value"])
        else:
            number += 1
            while f"v{number}" in taken:
                number += 1
            names[node] = f"v{number}"
    return names


def constant_text(value: Any) -> str:
    """A constant in a formula."""
    t = type_of(value)
    if t.shape == () or (len(t.shape) == 1 and t.size <= FEW):
        text = number_text(value)
        return f"({text})" if t.shape == () and t.dtype.kind == "c" else text
    array = np.asarray(value)
    if array.size and (array == array.flat[0]).all():
        return f"{number_text(array.flat[0])}[{','.join(map(str, t.shape))}]"
    return str(t)


def formula(node: Node, names: Mapping[Node, str]) -> str:
    """An operation as Python writes it, in the names of its inputs."""
    name = node.primitive.name
    given = [names[x] for x in node.inputs]
    if name == "neg" and len(given) == 1:
        return f"-{given[0]}"
    if name == "item":
        return f"{given[0]}[{node.parameters['index']}]"
    if name == "python_scalar":
        return f"{KINDS[node.dtype.kind]}({given[0]})"
    if name == "convert":
        return f"{node.parameters['dtype'].name}({given[0]})"
    if name == "transpose" and node.parameters["axes"] == tuple(range(len(node.shape)))[::-1]:
        return f"{given[0]}.T"
    if name == "custom":
        return f"{node.parameters['rule'].name}({', '.join(given)})"
    if name in INFIX and len(given) == 2:
        return f"{given[0]} {INFIX[name]} {given[1]}"
    if name in ("at", "slice"):
        return f"{given[0]}[{index_text(node)}]"
    known = dict(node.parameters)
    if name in REDUCED and len(given) == 1:
        axes = known.pop("axes", ())
        if axes != tuple(range(len(node.inputs[0].shape))):
            known["axis"] = axes[0] if len(axes) == 1 else axes
    if bodies(node):
        known = {"length": known["length"]} if "length" in known else {}
    given += [f"{key}={parameter_text(v)}" for key, v in known.items() if v is not None]
    return f"{NAMED.get(name, name).rstrip('_')}({', '.join(given)})"


def bodies(node: Node) -> list[tuple[str, Function]]:
    """The graphs that a loop or a branch runs, each with what it is there."""
    found: list[tuple[str, Function]] = []
    for key, value in node.parameters.items():
        parts = value if isinstance(value, (tuple, list)) else (value,)
        found += [(key, x) for x in parts if isinstance(x, Function)]
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
    parts = node.dtype if type(node.dtype) is tuple else (node,)
    if len(parts) == 1 and parts[0].shape == () and parts[0].dtype == float:
        return ""
    if len(parts) == 1 and parts[0] is not node:
        return str(parts[0]).replace("~", "").replace("[]", "")
    return type_text(node).replace("~", "").replace("[]", "")


def noted(node: Node) -> list[Line]:
    """A value's type as a line of its box, where there is something to say, and the size of what a
    loop or a branch runs."""
    lines = [kind_text(node)] if kind_text(node) else []
    if inside := bodies(node):
        counts = [sum(n.primitive.name not in LEAVES for n in f.order) for _, f in inside]
        plural = "s" * (counts != [1])
        if len({key for key, _ in inside}) == 1:  # one of them is run, or the only one
            text = " or ".join(map(str, counts))
        else:
            text = ", ".join([f"{key} {n}" for (key, _), n in zip(inside, counts, strict=True)])
        lines.append(f"runs {text} operation{plural}")
    return [Line(shortened(text, LONGEST), "note") for text in lines]


def outer_boxes(facts: Facts, whole: Mapping[Node, int]) -> tuple[list[Box], list[int]]:
    """Boxes of the results that have none of their own, and for each the box it comes from (-1:
    none); `whole` has the boxes that there are."""
    boxes, sources = [], []
    for name, node in facts.separate():
        title = shortened(f"{name} = {facts.names[node]}", LONGEST)
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
    results = set(facts.outputs)
    for node in facts.operations():
        k = places[node] = len(boxes)
        title = Line(shortened(f"{names[node]} = {formula(node, names)}", LONGEST))
        kind = "output" if node in results else "operation"
        boxes.append(Box(kind, (title, *noted(node), *facts.lines(node))))
        edges.update({(places[x], k): None for x in facts.read(node) if x in places})
    extra, sources = outer_boxes(facts, places)
    edges.update({(s, len(boxes) + i): None for i, s in enumerate(sources) if s >= 0})
    return Diagram(function.name, (*boxes, *extra), tuple(edges))
