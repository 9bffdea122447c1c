"""Primitives that have a routine of their own: sorting and linear algebra, from memory to memory.

Enters: the nodes of a native segment.  Leaves: their expressions: a `routine` on whole arrays in
the axes' order that it needs, between views.  `searchsorted` needs no routine: it is a search by
halves, every step an elementwise choice, so it runs in vectors and together with its neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..graph.node import Node
from .express import REASONS, convert, handler
from .expression import GATHER, INDEX, Expression, Expressions, along

LONGEST = (1 << 31) - 1  # elements of a row that is sorted: indices have 32 bits


def because(*names: str) -> Callable:
    """Register why a node may have no native code: `node -> reason or None`."""

    def register(function: Callable) -> Callable:
        for name in names:
            REASONS[name] = function
        return function

    return register


# ------------------------------------------------------------------------------------------ sorting


@because("sort", "argsort")
def too_long(node: Node) -> str | None:
    """Whether a row is longer than what the routine packs into 32 bits."""
    return "a row of 2^31 elements" if node.shape[node.parameters["axis"]] > LONGEST else None


def key_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype in which a routine sorts."""
    if dtype.kind == "b" or dtype.itemsize < 4:
        return np.dtype(np.int32)
    return dtype


def moved(graph: Expressions, x: Expression, axis: int, to: int) -> Expression:
    """An axis at another place."""
    order = [k for k in range(len(x.shape)) if k != axis]
    order.insert(to, axis)
    return graph.view(
        x, [x.shape[k] for k in order], [along(order.index(k)) for k in range(len(order))]
    )


def by_rows(graph: Expressions, name: str, x: Expression, axis: int, dtype: np.dtype) -> Expression:
    """A routine along an axis, which is moved last and back."""
    last = len(x.shape) - 1
    turned = moved(graph, convert(graph, x, key_dtype(x.dtype)), axis, last)
    found = graph.routine(name, [turned], turned.shape, dtype, {"axis": last})
    return moved(graph, found, last, axis)


@handler("sort")
def sort(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    (x,), axis = inputs, node.parameters["axis"]
    if x.shape[axis] == 1:
        return x
    found = by_rows(graph, "sort", x, axis, key_dtype(x.dtype))
    return convert(graph, found, node.dtype)


@handler("argsort")
def argsort(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    """A stable order, whatever the kind asks for: the others leave the order of equals open."""
    (x,), axis = inputs, node.parameters["axis"]
    if x.shape[axis] == 1:
        return graph.constant(0, node.dtype, x.shape)
    return convert(graph, by_rows(graph, "argsort", x, axis, INDEX), node.dtype)


@handler("searchsorted")
def searchsorted(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    """The number of elements that go before: the search keeps a place below which all do, and
    halves the rest, so that the number of steps depends on sizes only."""
    common = np.result_type(*[x.dtype for x in inputs])
    a, v = [convert(graph, x, common) for x in inputs]
    is_left, n = node.parameters["side"] == "left", a.shape[-1]
    lead, shape = a.shape[:-1], v.shape

    def element(place: Expression) -> Expression:
        maps = [along(k) for k in range(len(lead))]
        used = tuple(sorted(place.used))
        if not used and place.op == "constant":
            where: tuple = ((), int(place.attribute))
            return graph.view(a, shape, [*maps, where])
        index = graph.narrow(place, used)
        return graph.view(a, shape, [*maps, (GATHER, 1, used)], [index])

    def is_before(x: Expression) -> Expression:
        """Whether an element of the row goes before the value."""
        if common.kind == "b":
            x, w = convert(graph, x, np.int8), convert(graph, v, np.int8)
        else:
            w = v
        found = graph.map("less" if is_left else "less_equal", [x, w], bool)
        if common.kind != "f":
            return found
        last = graph.map("isnan", [w], bool)  # NaNs are the greatest, all alike
        if is_left:
            real = graph.map("equal", [x, x], bool)
            last = graph.map("logical_and", [last, real], bool)
        return graph.map("logical_or", [found, last], bool)

    begin = graph.constant(0, INDEX, shape)
    length = n
    while length > 1:
        half = length // 2
        probe = graph.map("add", [begin, graph.constant(half - 1, INDEX, shape)], INDEX)
        further = graph.map("add", [begin, graph.constant(half, INDEX, shape)], INDEX)
        begin = graph.map("select", [is_before(element(probe)), further, begin], INDEX)
        length -= half
    one = graph.map("add", [begin, graph.constant(1, INDEX, shape)], INDEX)
    found = graph.map("select", [is_before(element(begin)), one, begin], INDEX)
    return convert(graph, found, node.dtype)


@because("searchsorted")
def unsearchable(node: Node) -> str | None:
    """Whether there is nothing to search, or no dtype that holds all numbers."""
    a, v = node.inputs
    if not math.prod(a.shape):
        return "a search in nothing"
    kinds = {x.dtype.kind for x in node.inputs}
    if kinds == {"u", "i"} and np.result_type(*[x.dtype for x in node.inputs]).kind == "f":
        return "a search among integers of both signs"
    return None


# --------------------------------------------------------------------------------- linear algebra


def stacked(graph: Expressions, x: Expression, stack: tuple[int, ...]) -> Expression:
    """Matrices of a stack, or one matrix for all of it."""
    if x.shape[:-2] == stack:
        return x
    if math.prod(x.shape[:-2]) == 1:
        return graph.reshape(x, x.shape[-2:])
    return graph.broadcast(x, (*stack, *x.shape[-2:]))


def real_dtype_of(node: Node) -> np.dtype:
    """The dtype in which LAPACK computes."""
    return node.dtype[-1].dtype if isinstance(node.dtype, tuple) else node.dtype


@handler("solve", "triangular_solve")
def system(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    stack = node.shape[:-2]
    given = [stacked(graph, convert(graph, x, node.dtype), stack) for x in inputs]
    return graph.routine(node.primitive.name, given, node.shape, node.dtype, node.parameters)


@handler("inv", "cholesky", "det", "adjugate", "eigvalsh")
def of_matrix(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    x = convert(graph, inputs[0], node.dtype)
    return graph.routine(node.primitive.name, [x], node.shape, node.dtype, node.parameters)


@handler("slogdet", "qr")
def of_several(
    graph: Expressions, node: Node, inputs: Sequence[Expression]
) -> tuple[Expression, ...]:
    """Several outputs side by side in one array, each a view of it."""
    dtype = real_dtype_of(node)
    x = convert(graph, inputs[0], dtype)
    stack = x.shape[:-2]
    rank = len(stack)
    cells = [math.prod(t.shape[rank:]) for t in node.dtype]
    shape = (*stack, sum(cells))
    packed = graph.routine(node.primitive.name, [x], shape, dtype, node.parameters)
    found, start = [], 0
    for t, count in zip(node.dtype, cells, strict=True):
        terms, step = [], 1
        for k in reversed(range(rank, len(t.shape))):
            terms.append((k, step))
            step *= t.shape[k]
        maps = [*[along(k) for k in range(rank)], (tuple(reversed(terms)), start)]
        found.append(graph.view(packed, t.shape, maps))
        start += count
    return tuple(found)


MATRIX = "solve triangular_solve inv cholesky det adjugate eigvalsh slogdet qr"


@because(*MATRIX.split())
def unfit_matrix(node: Node) -> str | None:
    """Whether a matrix is too large for LAPACK's integers, or of no dtype of its own."""
    types = node.dtype if isinstance(node.dtype, tuple) else (node,)
    if any(t.dtype.name not in ("float64", "float32") for t in types):
        return f"{node.primitive.name} of {types[0].dtype}"
    shapes = [x.shape[-2:] for x in node.inputs]
    if any(math.prod(shape) >= 1 << 27 for shape in shapes):
        return "a matrix of 2^27 elements"
    return None


__all__ = ["argsort", "searchsorted", "sort"]
