"""Loops over many numbers: the numbers side by side in one array.

Enters: a closed graph.  Leaves: an equal one whose scans take and carry few arrays where they took
and carried many numbers of one dtype.  Machine code then reads them from one place with known
distances, instead of through a pointer each; the rows that a loop makes are columns of one array,
and a loop that reads columns of one array (as a reversed loop reads what the loop before it kept)
reads whole rows of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.dtypes import Type, type_of
from ..graph import op
from ..graph.function import Function, close
from ..graph.node import Node, build, input_node
from ..graph.rewrite import as_node, over

FEWEST = 3  # numbers that are worth an array


def groups(nodes: Sequence[Any], others: Sequence[Any] | None = None) -> dict[Any, list[int]]:
    """The places of the numbers, by dtype, where there are enough of them; the type beside each in
    `others` has to be the same."""
    found: dict[Any, list[int]] = {}
    for k, x in enumerate(nodes):
        t = type_of(x)
        if t.shape == () and (others is None or type_of(others[k]).dtype == t.dtype):
            found.setdefault(t.dtype, []).append(k)
    return {dtype: places for dtype, places in found.items() if len(places) >= FEWEST}


def stacked(values: Sequence[Any], dtype: np.dtype) -> Any:
    """Numbers side by side."""
    return op.stack(*[as_dtype(x, dtype) for x in values], axis=0)


def as_dtype(x: Any, dtype: np.dtype) -> Any:
    """A node of a dtype, not weak."""
    x = as_node(x)
    t = type_of(x)
    return x if t.dtype == dtype and not t.weak else op.convert(x, dtype=dtype)


def column(node: Any) -> tuple[Node, int] | None:
    """The matrix of which a node is a column, and which one."""
    if not isinstance(node, Node) or node.primitive.name != "at":
        return None
    p, (matrix,) = node.parameters, node.inputs
    if len(type_of(matrix).shape) != 2 or tuple(p["axes"]) != (1,):
        return None
    place = int(p["places"][0])
    return matrix, place % type_of(matrix).shape[1]


class Packing:
    """One kind of a scan's inputs (or outputs), some of them put together."""

    def __init__(self) -> None:
        self.given: list[Any] = []  # outside
        self.inputs: list[Node] = []  # of the body
        self.inside: dict[int, Any] = {}  # by place, what stands for the body's old input

    def single(self, k: int, value: Any, node: Node) -> None:
        """An input as it was."""
        self.given.append(value)
        self.inputs.append(input_node(type_of(node)))
        self.inside[k] = self.inputs[-1]

    def array(self, value: Any, t: Type, places: Sequence[tuple[int, int]]) -> None:
        """One for several: which of the old ones is which element."""
        self.given.append(value)
        self.inputs.append(input_node(t))
        for k, element in places:
            self.inside[k] = op.at(self.inputs[-1], axes=(0,), places=(element,))


def numbers(values: Sequence[Any], nodes: Sequence[Node], some: dict[Any, list[int]]) -> Packing:
    """Constants, or a carry: the places of each group side by side, then the rest."""
    packing = Packing()
    grouped = {k for places in some.values() for k in places}
    for dtype, places in some.items():
        value = stacked([values[k] for k in places], dtype)
        packing.array(value, Type((len(places),), dtype), [(k, n) for n, k in enumerate(places)])
    for k, (value, node) in enumerate(zip(values, nodes, strict=True)):
        if k not in grouped:
            packing.single(k, value, node)
    return packing


def rows_of(values: Sequence[Any], nodes: Sequence[Node]) -> Packing:
    """Rows: the columns of each matrix as that matrix."""
    matrices: dict[Node, list[tuple[int, int]]] = {}
    for k, value in enumerate(values):
        found = column(value)
        if found is not None:
            matrices.setdefault(found[0], []).append((k, found[1]))
    packing = Packing()
    grouped: set[int] = set()
    for matrix, places in matrices.items():
        t = type_of(matrix)
        if len(places) >= FEWEST and 2 * len(places) >= t.shape[1]:
            packing.array(matrix, Type(t.shape[1:], t.dtype), places)
            grouped.update(k for k, _ in places)
    for k, (value, node) in enumerate(zip(values, nodes, strict=True)):
        if k not in grouped:
            packing.single(k, value, node)
    return packing


def packed_scan(node: Node, inputs: Sequence[Any]) -> list[Any] | None:
    """The outputs of a scan over packed numbers; None where there are not enough."""
    p = node.parameters
    body: Function = p["body"]
    consts, carry = p["consts"], p["carry"]
    nodes = body.inputs[1:]
    first, last = consts, consts + carry
    fixed = groups(nodes[:first])
    state = groups(nodes[first:last], body.outputs)
    made = groups(body.outputs[carry:])
    lines = rows_of(inputs[last:], nodes[last:])
    if not (fixed or state or made or len(lines.given) < len(inputs) - last):
        return None
    constants = numbers(inputs[:first], nodes[:first], fixed)
    begun = numbers(inputs[first:last], nodes[first:last], state)
    index = input_node(type_of(body.inputs[0]))
    kinds = ((constants, first), (begun, carry), (lines, len(inputs) - last))
    old = [packing.inside[k] for packing, count in kinds for k in range(count)]
    found = over(body, [index, *old])
    ends = together(found[:carry], state)
    rows = together(found[carry:], made)
    whole = close(
        [index, *constants.inputs, *begun.inputs, *lines.inputs], [*ends, *rows], body.name
    )[0]
    parameters = {
        **p, "body": whole, "consts": len(constants.given), "carry": len(begun.given),
    }  # fmt: skip
    given = (*constants.given, *begun.given, *lines.given)
    scan = build(node.primitive, given, parameters, node.position)
    item = op.registry["item"]

    def output(k: int) -> Node:
        return build(item, (scan,), {"index": k}, node.position)

    return [
        *apart(output, 0, carry, state, 0),
        *apart(output, len(begun.given), len(body.outputs) - carry, made, 1),
    ]


def together(values: Sequence[Any], some: dict[Any, list[int]]) -> list[Any]:
    """Values as `numbers` orders them."""
    grouped = {k for places in some.values() for k in places}
    arrays = [stacked([values[k] for k in places], dtype) for dtype, places in some.items()]
    return [*arrays, *[x for k, x in enumerate(values) if k not in grouped]]


def apart(
    output: Callable[[int], Node], first: int, count: int, some: dict[Any, list[int]], axis: int
) -> list[Any]:
    """The old outputs out of the new ones, which begin with number `first`."""
    found: dict[int, Any] = {}
    for n, places in enumerate(some.values()):
        array = output(first + n)
        for element, k in enumerate(places):
            found[k] = op.at(array, axes=(axis,), places=(element,))
    rest = [k for k in range(count) if k not in found]
    for n, k in enumerate(rest, first + len(some)):
        found[k] = output(n)
    return [found[k] for k in range(count)]


def pack_loops(function: Function) -> Function:
    """Apply it to every scan of a graph, from the inputs to the outputs."""
    if not any(node.primitive.name == "scan" for node in function.order):
        return function
    image: dict[Node, Any] = {n: n for n in function.inputs}
    outputs: dict[Node, list[Any]] = {}
    for node in function.order:
        if node in image:
            continue
        name = node.primitive.name
        if name == "constant":
            image[node] = node
            continue
        if name == "item" and node.inputs[0] in outputs:
            image[node] = outputs[node.inputs[0]][node.parameters["index"]]
            continue
        given = tuple([image[x] for x in node.inputs])
        if name == "scan":
            found = packed_scan(node, given)
            if found is not None:
                outputs[node] = found
                image[node] = node
                continue
        image[node] = build(node.primitive, given, node.parameters, node.position)
    return close(function.inputs, [image[n] for n in function.outputs], function.name)[0]
