"""A branch as a piece of a program: machine code that calls one of several bodies.

Enters: a step that is a `switch` with its outputs.  Leaves: a `SwitchPiece`, which is called, and
linked with others, like a native segment; None where a body has no machine code of one piece.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base.dtypes import type_of
from ..codegen.drive import SWITCH_ENTRIES, switch_text
from ..codegen.targets import Target
from ..graph.cost import size_in_bytes
from ..optimize.segments import Step
from .linked import CALLER, INSIDE, ITSELF, Piece
from .loops import machine_code
from .native import ALIGNMENT, LOOPS, Native, native_dtype
from .pieces import Layout


class SwitchPiece(Piece):
    """A `switch` as machine code."""

    def __init__(self, step: Step, target: Target, programs: Sequence[Native]) -> None:
        node = step.nodes[0]
        super().__init__(step, target)
        self.pieces = tuple(programs)
        places = {x: k for k, x in enumerate(step.inputs)}
        sources = [
            (CALLER, places[x]) if x in places else (ITSELF, self.constant(x)) for x in node.inputs
        ]
        results = {x.parameters["index"]: k for k, x in enumerate(step.outputs, len(step.inputs))}
        layout = Layout()
        tables = [layout.table(x) for x in programs]
        template = layout.template()
        room = layout.room
        largest = max(x.workspace for x in programs)
        own = room.take(max(largest, ALIGNMENT + 1))
        branches: list[int] = []
        spare: dict[int, int] = {}
        for program, slots, body in zip(programs, tables, node.parameters["branches"], strict=True):
            for k, source in enumerate(sources[1:]):
                layout.point(slots, k, *source)
            for k, x in enumerate(body.outputs):
                if k in results:
                    found = CALLER, results[k]
                else:
                    if k not in spare:
                        spare[k] = room.take(size_in_bytes(x))
                    found = INSIDE, spare[k]
                layout.point(slots, len(body.inputs) + k, *found)
            if program.workspace:
                layout.point(slots, program.workspace_slot, INSIDE, own)
            branches += [program.code.address, slots]
        values = {
            "template": self.address(template), "bytes": template.nbytes,
            "fills": len(layout.fills) // 4, "fills_at": self.address(layout.fills),
            "kind": sources[0][0], "number": sources[0][1],
            "count": len(programs), "branches": self.address(branches),
        }  # fmt: skip
        self.work = max(x.work for x in programs)
        self.finish(room.bytes, [values[name] for name in SWITCH_ENTRIES], switch_text)


def switch_piece(step: Step, target: Target) -> SwitchPiece | None:
    """A branch as a piece of a program."""
    node = step.nodes[0]
    if node.primitive.name != "switch" or type_of(node.inputs[0]).dtype != np.int64:
        return None
    branches = node.parameters["branches"]
    for x, *inside in zip(node.inputs[1:], *[b.inputs for b in branches], strict=True):
        if 0 in x.shape or not native_dtype(x):
            return None
        if any(type_of(n)[:2] != type_of(x)[:2] for n in inside):
            return None
    for outputs in zip(*[b.outputs for b in branches], strict=True):
        types = [type_of(x)[:2] for x in outputs]
        if any(t != types[0] for t in types) or 0 in types[0][0] or not native_dtype(outputs[0]):
            return None
    if len({x.parameters["index"] for x in step.outputs}) < len(step.outputs):
        return None
    programs = [machine_code(x) for x in branches]
    found = [x for x in programs if x is not None]
    return SwitchPiece(step, target, found) if len(found) == len(programs) else None


LOOPS.append(switch_piece)
