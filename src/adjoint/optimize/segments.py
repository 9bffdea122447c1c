"""Where native code ends and NumPy begins: a closed graph as steps.

Enters: a closed graph, and a judge of which nodes have native code.  Leaves: `Step`s in order: a
native segment (as many nodes as can run together) or one node that NumPy (or another library)
evaluates, with the outputs of it that are read.  A node joins the latest segment that it depends
on, so that there are few segments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ..graph.function import Function
from ..graph.node import Node

LONG = 1500  # nodes of a segment that stays in one piece
PIECE = 500  # nodes of each piece of a longer one


class Step(NamedTuple):
    """One step: `reason` says why its node (with its outputs, if it has several) is no native code;
    None for a native segment."""

    nodes: tuple[Node, ...]
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    reason: str | None


def steps_of(
    function: Function,
    reason: Callable[[Node], str | None],
    weight: Callable[[Node], int] = lambda node: 1,
    longest: int = LONG,
) -> list[Step]:
    """Cut a graph into steps; `weight` tells what a node counts in the length of a segment, and
    `longest` how long one may be."""
    given = set(function.inputs)
    stage: dict[Node, int] = {}
    reasons: dict[Node, str] = {}
    for node in function.order:
        if node in given:
            stage[node] = 0
            continue
        if node.primitive.name == "item" and node.inputs[0] in reasons:
            stage[node] = stage[node.inputs[0]]
            reasons[node] = reasons[node.inputs[0]]
            continue
        level = 0
        for x in node.inputs:
            level = max(level, stage[x] + (x in reasons))
        if node.primitive.name != "constant" and (found := reason(node)) is not None:
            reasons[node] = found
            level = max([level, *[stage[x] for x in node.inputs]])
        stage[node] = level
    segments: dict[int, list[Node]] = {}
    others: dict[int, list[Node]] = {}
    for node in function.order:
        if node in given or node.primitive.name == "constant":
            continue
        (others if node in reasons else segments).setdefault(stage[node], []).append(node)
    last = max([*segments, *others], default=0)
    made: list[Step] = []
    readers: dict[Node, list[Node]] = {}
    for node in function.order:
        for x in node.inputs:
            readers.setdefault(x, []).append(node)
    results = set(function.outputs)
    for level in range(last + 1):
        for piece in pieces(segments.get(level, []), weight, longest):
            made.append(segment(piece, readers, results))
        for node in others.get(level, ()):
            if node.primitive.name == "item" and node.inputs[0] in reasons:
                continue
            read = [x for x in node.inputs if x.primitive.name != "constant"]
            items: list[Node] = []
            if type(node.dtype) is tuple:
                items = [r for r in readers.get(node, ()) if r.primitive.name == "item"]
            outputs = tuple(items) or (node,)
            step = Step((node, *items), tuple(dict.fromkeys(read)), outputs, reasons[node])
            made.append(step)
    return made


def pieces(
    nodes: Sequence[Node], weight: Callable[[Node], int], longest: int = LONG
) -> list[Sequence[Node]]:
    """A long segment in pieces of equal length: those of an unrolled loop are alike, so that one
    machine code serves them all."""
    total = sum(map(weight, nodes))
    if total <= longest:
        return [nodes] if nodes else []
    count = max(min(PIECE, longest) * len(nodes) // total, 1)
    return [completed(nodes[k : k + count]) for k in range(0, len(nodes), count)]


def completed(nodes: Sequence[Node]) -> Sequence[Node]:
    """A piece, with the nodes of which it has an output among several: those are no values that
    could come from another piece."""
    inside = set(nodes)
    found = dict.fromkeys(
        x for node in nodes if node.primitive.name == "item" for x in node.inputs if x not in inside
    )
    return [*found, *nodes] if found else nodes


def segment(
    nodes: Sequence[Node], readers: Mapping[Node, Sequence[Node]], results: set[Node]
) -> Step:
    """A native segment: what it reads from outside, what is read outside."""
    inside = set(nodes)
    inputs: dict[Node, None] = {}
    for node in nodes:
        for x in node.inputs:
            if x not in inside and x.primitive.name != "constant":
                inputs[x] = None
    outputs = [
        node
        for node in nodes
        if type(node.dtype) is not tuple
        and (node in results or any(r not in inside for r in readers.get(node, ())))
    ]
    return Step(tuple(nodes), tuple(inputs), tuple(outputs), None)
