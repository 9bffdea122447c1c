"""Several native segments as one: the machine code that runs them in order (`codegen.link`).

Enters: the segments of a long program, all of them native.  Leaves: a `Linked`, which is called
like one segment.  What a segment hands to a later one lies in the workspace of a call, where memory
that nobody reads any more is used again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..codegen.link import PIECE, module_text
from ..codegen.targets import Target
from ..graph.function import Function
from ..graph.node import Node
from ..optimize.segments import Step
from .native import ALIGNMENT, LINKS, LOOPS, Code, Native, library, native_dtype

CALLER, INSIDE, ITSELF = 0, 1, 2  # where an address comes from


class Room:
    """Places in a workspace, handed out and taken back."""

    def __init__(self) -> None:
        self.bytes = 0
        self.free: dict[int, list[int]] = {}

    def take(self, size: int) -> int:
        """So many bytes."""
        found = self.free.get(size)
        if found:
            return found.pop()
        unit = 8 if size <= ALIGNMENT else ALIGNMENT
        at = -(-self.bytes // unit) * unit
        self.bytes = at + size
        return at

    def give_back(self, at: int, size: int) -> None:
        """They are not needed any more."""
        self.free.setdefault(size, []).append(at)


def size_of(node: Node) -> int:
    """The bytes of a value, rounded up so that each begins a line of the cache if it is large."""
    size = math.prod(node.shape) * node.dtype.itemsize
    unit = 8 if size <= ALIGNMENT else ALIGNMENT
    return -(-size // unit) * unit


class Alias(Native):
    """A step that computes nothing: its outputs are its first inputs."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.work = self.workspace = 0

    def __call__(self, values: Sequence[Any]) -> list[np.ndarray]:
        return [np.asarray(x, n.dtype) for x, n in zip(values, self.step.outputs, strict=False)]


def alias(step: Step, target: Target) -> Alias | None:
    """A `recompute` as a piece of a program."""
    node = step.nodes[0]
    is_one = node.primitive.name == "recompute" and native_dtype(node)
    return Alias(step) if is_one and step.inputs[:1] == node.inputs[:1] else None


class Piece(Native):
    """Machine code that is led by a table of integers, and the memory that these point to."""

    def __init__(self, step: Step, target: Target) -> None:
        self.step, self.target = step, target
        self.blocks = {}
        self.constants = ()
        self.kept: list[np.ndarray] = []

    def address(self, values: Any) -> int:
        """The address of an array, or of integers as one, which is kept."""
        array = values if isinstance(values, np.ndarray) else np.array([*values, 0], np.int64)
        self.kept.append(array)
        return int(array.ctypes.data)

    def constant(self, node: Node) -> int:
        """The address of a constant."""
        return self.address(np.ascontiguousarray(node.parameters["value"], node.dtype))

    def finish(self, workspace: int, table: Any, write: Callable[[Target, int, int], str]) -> None:
        """The slots, with the workspace and the table behind the inputs and outputs, and the code,
        whose text `write` gives."""
        count = len(self.step.inputs) + len(self.step.outputs)
        self.workspace_slot, self.workspace = count, workspace
        self.slots = np.zeros(count + 2, np.int64)
        self.slots[count + 1] = self.address(table)
        self.code = Code(library(write(self.target, count, count + 1)))


class Linked(Piece):
    """The segments of a function, run one after the other by machine code."""

    def __init__(self, function: Function, every: Sequence[Native], target: Target) -> None:
        same: dict[Node, Node] = {}  # what is only another name
        for piece in every:
            if isinstance(piece, Alias):
                x, (node,) = piece.step.inputs[0], piece.step.outputs
                same[node] = same.get(x, x)
        pieces = [piece for piece in every if not isinstance(piece, Alias)]
        super().__init__(Step((), function.inputs, function.outputs, None), target)
        self.pieces = tuple(pieces)
        inputs = {node: k for k, node in reversed(list(enumerate(function.inputs)))}
        results: dict[Node, int] = {}
        for k, node in enumerate(function.outputs, len(function.inputs)):
            node = same.get(node, node)
            if node not in inputs and node.primitive.name != "constant":
                results.setdefault(node, k)
        last = {same.get(x, x): p for p, piece in enumerate(pieces) for x in piece.step.inputs}
        room = Room()
        own_at = room.take(max(ALIGNMENT + 1, *[piece.workspace for piece in pieces]))
        slots_at = room.take(8 * max(len(piece.slots) for piece in pieces))
        where: dict[Node, tuple[int, int]] = {x: (CALLER, k) for x, k in inputs.items()}
        where.update({x: (CALLER, k) for x, k in results.items()})
        table = [len(pieces)]
        for p, piece in enumerate(pieces):
            moves: list[int] = []
            step = piece.step
            for node in step.outputs:
                if node not in where:
                    where[node] = INSIDE, room.take(size_of(node))
            for slot, node in enumerate((*step.inputs, *step.outputs)):
                moves += [slot, *where[same.get(node, node)]]
            if piece.workspace:
                moves += [piece.workspace_slot, INSIDE, own_at]
            for node in {same.get(x, x) for x in step.inputs}:
                kind, at = where[node]
                if kind == INSIDE and last[node] == p:
                    room.give_back(at, size_of(node))
            template = piece.slots.copy()
            table += [
                piece.code.address, len(template), self.address(template),
                self.address(moves), len(moves) // 3, slots_at,
            ]  # fmt: skip
        copies = self.copies([same.get(x, x) for x in function.outputs], function, where, results)
        table += [len(copies) // 4, self.address(copies)]
        assert len(table) == 3 + PIECE * len(pieces)
        self.work = sum(piece.work for piece in pieces)
        self.finish(room.bytes, table, module_text)

    def copies(
        self, outputs: Sequence[Node], function: Function, where: dict[Node, Any],
        results: dict[Node, int],
    ) -> list[int]:  # fmt: skip
        """The outputs that no piece writes: inputs, constants, and what is there already."""
        found: list[int] = []
        for k, node in enumerate(outputs, len(function.inputs)):
            if results.get(node) == k:
                continue
            if node.primitive.name == "constant":
                source = ITSELF, self.constant(node)
            else:
                source = where[node]
            found += [k, *source, math.prod(node.shape) * node.dtype.itemsize]
        return found


LINKS.append(Linked)
LOOPS.append(alias)
