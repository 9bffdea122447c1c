"""Arrays that a loop writes into: kept in one buffer, and written where the step writes.

Enters: the body of a loop.  Leaves: a body that does not give such arrays but what is written into
them and where, and the `Update`s that are done after each step (`codegen.drive`); so a step that
writes an element of an array takes the time of an element, not of the array.

A part of the carry is such an array where its new value is the old one with writes (`scatter_set`)
or additions (`+ scatter_add`) at single places.  What the step reads of it after a write is taken
from what was written, if it is that place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..base.dtypes import type_of
from ..graph import op
from ..graph.function import Function, close
from ..graph.node import Node, build, input_node

COUNT = np.dtype(np.int64)
SMALLEST = 8  # elements from which an array is worth it
KINDS = {"float64": 1, "float32": 2}  # of what can be added to; 0: set


class Link(NamedTuple):
    """One write: `is_sum` where the value is added."""

    is_sum: bool
    value: Node
    places: tuple[Node, ...]


class Update(NamedTuple):
    """A write after the step: into which part of the carry, which outputs of the body hold the
    value and the places, and the bytes (or elements, of a sum)."""

    part: int
    kind: int
    value: int
    places: tuple[int, ...]
    size: int


class Split(NamedTuple):
    """A body without its arrays that are written into: which parts of the carry it still gives, in
    order, and the updates of the others."""

    body: Function
    given: tuple[int, ...]
    updates: tuple[Update, ...]


def split(body: Function, consts: int, carry: int) -> Split:
    """A body, and what is done after it."""
    if "split" not in body.cache:
        body.cache["split"] = made(body, consts, carry)
    return body.cache["split"]


def made(body: Function, consts: int, carry: int) -> Split:
    parts = body.inputs[1 + consts : 1 + consts + carry]
    users: dict[Node, list[Node]] = {}
    for node in body.order:
        for x in node.inputs:
            users.setdefault(x, []).append(node)
    chains: dict[int, list[tuple[Node, Link]]] = {}
    for k in range(carry):
        found = chain(body.outputs[k], parts[k], users)
        if found and is_free(found, body.outputs, users):
            chains[k] = found
    if not chains:
        return Split(body, tuple(range(carry)), ())
    skipped = {node for found in chains.values() for node, _ in found}
    for found in chains.values():
        for node, link in found:
            if link.is_sum:
                skipped.update(x for x in node.inputs if x.primitive.name == "scatter_add")
    before = {
        node: (parts[k], [link for _, link in found[: n + 1]])
        for k, found in chains.items()
        for n, (node, _) in enumerate(found)
    }
    image: dict[Node, Any] = {x: input_node(type_of(x)) for x in body.inputs}
    for node in body.order:
        if node in image or node in skipped:
            continue
        if node.primitive.name == "constant":
            image[node] = node
        elif node.primitive.name == "gather" and node.inputs[0] in before:
            image[node] = read(node, *before[node.inputs[0]], image)
        else:
            inputs = tuple([image[x] for x in node.inputs])
            image[node] = build(node.primitive, inputs, node.parameters, node.position)
    given = tuple([k for k in range(carry) if k not in chains])
    outputs = [image[body.outputs[k]] for k in given]
    outputs += [image[x] for x in body.outputs[carry:]]
    updates = []
    for k, found in chains.items():
        t = type_of(parts[k])
        for _, link in found:
            row = t.shape[len(link.places) :]
            value = op.convert(image[link.value], dtype=t.dtype)
            value = op.broadcast_to(value, shape=row) if type_of(value).shape != row else value
            elements = int(np.prod(row))
            first = len(outputs)
            outputs += [value, *[as_place(image[x]) for x in link.places]]
            kind = KINDS[t.dtype.name] if link.is_sum else 0
            size = elements if link.is_sum else elements * t.dtype.itemsize
            places = tuple(range(first + 1, len(outputs)))
            updates.append(Update(k, kind, first, places, size))
    whole = close([image[x] for x in body.inputs], outputs, body.name)[0]
    return Split(whole, given, tuple(updates))


def as_place(x: Any) -> Any:
    """A place as an int64 without axes."""
    x = op.convert(x, dtype=COUNT)
    return op.reshape(x, shape=()) if type_of(x).shape else x


def chain(node: Node, base: Node, users: dict[Node, list[Node]]) -> list[tuple[Node, Link]]:
    """The writes that make a part of the carry's new value of its old one, in order; empty where
    it is made in another way."""
    if base.size < SMALLEST:
        return []
    found: list[tuple[Node, Link]] = []
    while node is not base:
        if type_of(node) != type_of(base):
            return []
        name = node.primitive.name
        if name == "scatter_set" and single(node.inputs[2:]):
            found.append((node, Link(False, node.inputs[1], node.inputs[2:])))
            node = node.inputs[0]
        elif name == "add":
            sums = [
                x
                for x in node.inputs
                if x.primitive.name == "scatter_add" and single(x.inputs[1:])
                and len(users[x]) == 1 and type_of(x) == type_of(base)
            ]  # fmt: skip
            if len(sums) != 1 or node.dtype.name not in KINDS:
                return []
            (part,) = sums
            found.append((node, Link(True, part.inputs[0], part.inputs[1:])))
            node = node.inputs[0] if node.inputs[1] is part else node.inputs[1]
        else:
            return []
    return found[::-1]


def single(places: Sequence[Node]) -> bool:
    """Whether places are numbers."""
    return bool(places) and all(type_of(x).shape == () for x in places)


def is_free(
    found: Sequence[tuple[Node, Link]], outputs: Sequence[Node], users: dict[Node, list[Node]]
) -> bool:
    """Whether nobody but the next write, and reads at as many places, needs an array in between."""
    nodes = [node for node, _ in found]
    count = len(found[0][1].places)
    if any(len(link.places) != count for _, link in found):
        return False
    for n, node in enumerate(nodes):
        if outputs.count(node) != (node is nodes[-1]):
            return False
        for user in users.get(node, ()):
            if n + 1 < len(nodes) and user is nodes[n + 1] and list(user.inputs).count(node) == 1:
                continue
            is_read = user.primitive.name == "gather" and user.inputs[0] is node
            if not is_read or len(user.inputs) != 1 + count or not single(user.inputs[1:]):
                return False
    return True


def read(node: Node, base: Node, links: Sequence[Link], image: dict[Node, Any]) -> Any:
    """What is read at a place after some writes."""
    places = [image[x] for x in node.inputs[1:]]
    value = build(node.primitive, (image[base], *places), {}, node.position)
    for link in links:
        written = op.convert(image[link.value], dtype=base.dtype)
        same: Any = True
        for a, b, n in zip(node.inputs[1:], link.places, base.shape, strict=False):
            if a is not b:
                here = op.equal(wrapped(image[a], n), wrapped(image[b], n))
                same = here if same is True else op.logical_and(same, here)
        if link.is_sum:
            more = value + written
            value = more if same is True else op.select(same, more, value)
        else:
            written = op.broadcast_to(written, shape=node.shape)
            value = written if same is True else op.select(same, written, value)
    return value


def wrapped(place: Any, extent: int) -> Any:
    """A place counted from the front."""
    place = op.convert(place, dtype=COUNT)
    return op.select(op.less(place, 0), op.add(place, np.int64(extent)), place)


def table(
    updates: Sequence[Update],
    parts: Sequence[Any],
    where: Sequence[int],
    outputs: dict[int, int],
) -> list[int]:
    """The updates as `drive` reads them: where the parts of the carry are, and the outputs."""
    found: list[int] = []
    for update in updates:
        shape, itemsize = parts[update.part].shape, parts[update.part].dtype.itemsize
        found += [
            update.kind, where[update.part], outputs[update.value], update.size, len(update.places)
        ]  # fmt: skip
        for axis, place in enumerate(update.places):
            stride = int(np.prod(shape[axis + 1 :])) * itemsize
            found += [outputs[place], shape[axis], stride]
    return found
