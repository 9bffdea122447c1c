"""The machine code of a program with clocks in it: how long each of its outermost parts takes.

Enters: what `emit` takes, and after which outermost items of the program the clock is read.
Leaves: the same program with one service more, `ticks`: an array of int64 that gets the processor's
counter at the start and after each of these items.  Everything else is emitted as without clocks.

The counter is LLVM's `readcyclecounter`: the time stamp on x86-64, the virtual timer on 64-bit ARM;
both run at a steady rate.  Where a processor has none it stays 0.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from ..loops.ir import Program
from .emit import Emitter, Layout, emit_program
from .targets import Target

SERVICE = "ticks"


class TimedEmitter(Emitter):
    """Writes one program with clocks."""

    def __init__(self, program: Program, target: Target, lanes: int, ends: Collection[Any]) -> None:
        super().__init__(program, target, lanes)
        self.ends = ends
        self.marks = 0

    def body(self, items: Sequence[Any]) -> None:
        """The items of a body; of the outermost one with the clock read between them."""
        if items is not self.program.body:
            super().body(items)
            return
        self.mark()
        for item in items:
            super().body([item])
            if item in self.ends:
                self.mark()

    def mark(self) -> None:
        """Write down what the clock says."""
        cells = self.service(SERVICE)
        self.declarations.add("declare i64 @llvm.readcyclecounter()")
        k, self.marks = self.marks, self.marks + 1
        self.act(f"%tick{k} = call i64 @llvm.readcyclecounter()")
        self.act(f"%cell{k} = getelementptr i64, ptr {cells.text}, i64 {k}")
        self.act(f"store volatile i64 %tick{k}, ptr %cell{k}, align 8")


def emit_timed(
    program: Program, target: Target, lanes: int, ends: Collection[Any]
) -> tuple[str, Layout]:
    """The module's text with clocks, and the layout of its slots; items of `ends` are compared by
    identity."""

    def emitter(program: Program, target: Target, lanes: int) -> Emitter:
        return TimedEmitter(program, target, lanes, ends)

    return emit_program(program, target, lanes, emitter)


__all__ = ["SERVICE", "emit_timed"]
