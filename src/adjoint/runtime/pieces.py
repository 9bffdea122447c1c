"""A loop as a piece of a program: one machine code that lays out its carry and drives its body.

Enters: a step that is a `scan` or a `while_loop` with its outputs.  Leaves: a `LoopPiece`, which is
called, and linked with others, like a native segment; None where the body has no machine code of
one piece, or where the loop may take so long that Python should be asked now and then whether the
user wants it to end.  Everything that changes lies in the workspace of a call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..base.dtypes import type_of
from ..codegen.drive import ENTRIES, piece_text
from ..codegen.targets import Target
from ..graph.cost import size_in_bytes
from ..graph.function import Function
from ..optimize.segments import Step
from .linked import CALLER, INSIDE, ITSELF, Piece, Room
from .loops import machine_code, operations
from .native import ALIGNMENT, LOOPS, Native, native_dtype
from .updates import split, table

LONGEST = 1e10  # additions, or thereabouts, of a loop that runs to its end without a question


class Layout:
    """The workspace of a loop: its first part is copied from a template."""

    def __init__(self) -> None:
        self.room = Room()
        self.fills: list[int] = []
        self.tables: list[tuple[int, np.ndarray]] = []

    def table(self, native: Native) -> int:
        """Room for the slots of a program."""
        at = self.room.take(8 * len(native.slots))
        self.tables.append((at, native.slots))
        return at

    def cell(self, value: int) -> int:
        """A number that is there at the start."""
        at = self.room.take(8)
        self.tables.append((at, np.array([value], np.int64)))
        return at

    def point(self, table: int, slot: int, kind: int, number: int, more: int = 0) -> None:
        """Let a slot of a table be an address."""
        self.fills += [table + 8 * slot, kind, number, more]

    def template(self) -> np.ndarray:
        """What the workspace begins with."""
        end = max(at + 8 * len(values) for at, values in self.tables)
        found = np.zeros(end // 8, np.int64)
        for at, values in self.tables:
            found[at // 8 : at // 8 + len(values)] = values
        return found


class LoopPiece(Piece):
    """A `scan` or a `while_loop` as machine code."""

    def __init__(self, step: Step, target: Target, programs: Sequence[Native]) -> None:
        node = step.nodes[0]
        p = node.parameters
        super().__init__(step, target)
        self.pieces = tuple(programs)
        is_scan = node.primitive.name == "scan"
        consts = p["consts"]
        carry = p["carry"] if is_scan else len(node.inputs) - consts
        body, given, updates = split(p["body"], consts, carry)
        places = {x: k for k, x in enumerate(step.inputs)}
        sources = [
            (CALLER, places[x]) if x in places else (ITSELF, self.constant(x)) for x in node.inputs
        ]
        results: dict[int, list[int]] = {}
        for k, x in enumerate(step.outputs, len(step.inputs)):
            results.setdefault(x.parameters["index"], []).append(k)
        # The layout: what the template covers comes first.
        layout = Layout()
        room = layout.room
        tables = [(layout.table(x), layout.table(x)) for x in programs]
        backwards = is_scan and p.get("reverse", False)
        length = p["length"] if is_scan else 0
        number = layout.cell(length - 1 if backwards else 0)
        goes_on, done = layout.cell(0), layout.cell(0)
        template = layout.template()
        parts = body.inputs[1 + consts : 1 + consts + carry]
        even_parts = [self.part(room, x) for x in parts]
        odd_parts = [
            self.part(room, x) if k in given else even_parts[k] for k, x in enumerate(parts)
        ]
        states = [even_parts, odd_parts]  # the same place for what is written in place
        for program, (even, odd) in zip(programs, tables, strict=True):
            own = room.take(max(program.workspace, ALIGNMENT + 1)) if program.workspace else 0
            for turn, slots in enumerate((even, odd)):
                layout.point(slots, 0, INSIDE, number)
                for k in range(consts):
                    layout.point(slots, 1 + k, *sources[k])
                for k in range(carry):
                    layout.point(slots, 1 + consts + k, INSIDE, states[turn][k])
                if program is programs[0]:
                    for n, k in enumerate(given, len(body.inputs)):
                        layout.point(slots, n, INSIDE, states[1 - turn][k])
                if program.workspace:
                    layout.point(slots, program.workspace_slot, INSIDE, own)
                if program is not programs[0]:
                    layout.point(slots, len(body.inputs), INSIDE, goes_on)
        moves: list[int] = []

        def row(slot: int, kind: int, place: int, size: int) -> None:
            by = -size if backwards else size
            start = (length - 1) * size if backwards else 0
            layout.point(tables[0][0], slot, kind, place, start)
            layout.point(tables[0][1], slot, kind, place, start + by)
            moves.extend((slot, 2 * by))

        for k in range(consts + carry, len(node.inputs)):
            row(1 + k, *sources[k], size_in_bytes(body.inputs[1 + k]))
        ends: list[list[int]] = [[], []]
        for k in range(carry):
            for to in results.get(k, ()):
                for turn in range(2):
                    ends[turn] += [to, states[turn][k], size_in_bytes(parts[k])]
        inside: dict[int, int] = {}  # where the outputs are that updates read
        for n, x in enumerate(body.outputs[len(given) :], len(given)):
            slot, k = len(body.inputs) + n, n - len(given) + carry
            wanted = results.get(k, ()) if k < len(p["body"].outputs) else ()
            size = size_in_bytes(x)
            if wanted:
                row(slot, CALLER, wanted[0], size)
                continue
            inside[n] = room.take(size)
            for slots in tables[0]:
                layout.point(slots, slot, INSIDE, inside[n])
        writes = table(updates, parts, even_parts, inside)
        if not is_scan:
            for to in results.get(carry, ()):
                for turn in range(2):
                    ends[turn] += [to, number, 8]
        begins: list[int] = []
        for k, x in enumerate(parts):
            begins += [states[0][k], *sources[consts + k], size_in_bytes(x)]
        cost = max(sum(x.work for x in programs), operations(body))
        steps = length if is_scan else max(int(LONGEST / cost), 1000)
        values = {
            "template": self.address(template), "bytes": template.nbytes,
            "fills": len(layout.fills) // 4, "fills_at": self.address(layout.fills),
            "begins": len(begins) // 4, "begins_at": self.address(begins),
            "body": programs[0].code.address, "even": tables[0][0], "odd": tables[0][1],
            "condition": 0 if is_scan else programs[1].code.address,
            "condition_even": tables[-1][0], "condition_odd": tables[-1][1],
            "number": number, "goes_on": goes_on, "done": done,
            "moves": self.address(moves), "count": len(moves) // 2,
            "by": -1 if backwards else 1, "steps": steps, "limited": 0 if is_scan else 1,
            "ends": len(ends[0]) // 3,
            "ends_even": self.address(ends[0]), "ends_odd": self.address(ends[1]),
            "updates": self.address(writes), "updates_count": len(updates),
        }  # fmt: skip
        self.work = cost * (length if is_scan else 1000)
        self.finish(room.bytes, [values[name] for name in ENTRIES], piece_text)

    def part(self, room: Room, node: Any) -> int:
        """Room for a part of the carry."""
        size = size_in_bytes(node)
        return room.take(size if size <= ALIGNMENT else -(-size // ALIGNMENT) * ALIGNMENT)


def loop_piece(step: Step, target: Target) -> LoopPiece | None:
    """A loop as a piece of a program."""
    node = step.nodes[0]
    p = node.parameters
    if node.primitive.name not in ("scan", "while_loop"):
        return None
    body: Function = p["body"]
    functions = [body] if node.primitive.name == "scan" else [body, p["condition"]]
    if node.primitive.name == "scan" and p["length"] < 1:
        return None
    given = [type_of(x) for x in body.inputs[1:]]
    carry_end = p["consts"] + p.get("carry", len(node.inputs))
    for k, (x, t) in enumerate(zip(node.inputs, given, strict=True)):
        found = type_of(x)
        shape = found.shape[1:] if k >= carry_end else found.shape
        if found.dtype != t.dtype or shape != t.shape or 0 in found.shape or not native_dtype(x):
            return None
    for x, t in zip(body.outputs, given[p["consts"] : carry_end], strict=False):
        if type_of(x).dtype != t.dtype or type_of(x).shape != t.shape:
            return None
    if any(0 in type_of(x).shape or not native_dtype(x) for x in body.outputs):
        return None
    if len({x.parameters["index"] for x in step.outputs}) < len(step.outputs):
        return None
    carry = p.get("carry", len(node.inputs) - p["consts"])
    programs = [machine_code(x) for x in (split(body, p["consts"], carry).body, *functions[1:])]
    if None in programs:
        return None
    piece = LoopPiece(step, target, [x for x in programs if x is not None])
    return None if piece.work > LONGEST else piece


LOOPS.append(loop_piece)
