"""How long the parts of a program take, measured in the program itself.

Enters: a program's executable, the `Stages` and ends of the kernels of its native segments, and the
inputs of a call.  Leaves: the time of each kernel and NumPy step, and of a whole call.

A second machine code is made in which the processor's counter is read between the kernels
(`codegen/timed`); all else in it is the same.  The program then runs several times with outputs and
workspace allocated as in a call, by turns with whole calls of the compiled function; the medians of
the faster half of the runs count, for the others were disturbed by what else the machine does.  The
counter's frequency is found against Python's clock over all of these runs.  Reading it takes some
nanoseconds, which count for the kernel: of a kernel that short the time is an upper bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np

from ...codegen.compile import compile_object
from ...codegen.timed import SERVICE, emit_timed
from ...graph.node import Node
from ...runtime import cpu
from ...runtime.native import (
    Code,
    Executable,
    Native,
    OutOfRange,
    as_value,
    binding_of,
    evaluate,
)
from ...runtime.plans import Binding
from ...runtime.stages import Stages

BUDGET = 0.5  # seconds
FEWEST, MOST = 5, 1000  # runs
BATCH = 20e-6  # seconds that a batch of whole calls takes at least


class TimedNative(Native):
    """A native segment whose machine code tells the time."""

    def __init__(self, stages: Stages, ends: Sequence[Any], keeps: bool) -> None:
        self.step, self.target = stages.step, stages.target
        self.keeps = keeps  # one workspace for all runs, as a native call
        self.memory: np.ndarray | None = None
        self.ticks = np.zeros(len(ends) + 1, np.int64)
        written, layout = emit_timed(stages.program, stages.target, stages.lanes, ends)
        self.code = Code(cpu.load(compile_object(written, stages.target)))
        self.blocks: dict[str, Code] = {}  # all in one module
        self.bind(binding_of(stages.program, stages.lanes, layout, stages.target))

    def room(self) -> np.ndarray:
        """The workspace of a run."""
        if self.memory is None or not self.keeps:
            self.memory = super().room()
        return self.memory

    def service(self, name: str, binding: Binding) -> int:
        """The slot of a service; of the clocks, where they write."""
        return self.ticks.ctypes.data if name == SERVICE else super().service(name, binding)


class Times:
    """Seconds: of each kernel of each step (of a NumPy step, of the step), of each step as a
    whole, and of a whole call."""

    def __init__(
        self, kernels: list[list[float]], steps: list[float], call: float, runs: int
    ) -> None:
        self.kernels, self.steps, self.call, self.runs = kernels, steps, call, runs


class Clocks:
    """A program with clocks, run several times."""

    def __init__(
        self, executable: Executable, segments: Sequence[tuple[Stages, Sequence[Any]] | None]
    ) -> None:
        self.function = executable.function
        self.steps = [step for step, _ in executable.steps]
        self.codes = [code for _, code in executable.steps]
        keeps = executable.whole is not None
        self.timed = [None if s is None else TimedNative(*s, keeps) for s in segments]
        self.ticks: list[list[np.ndarray]] = [[] for _ in self.steps]
        self.seconds: list[list[float]] = [[] for _ in self.steps]
        self.marks: list[tuple[float, int]] = []  # our clock's and the processor's
        self.runs = 0

    def run(self, inputs: Sequence[Any]) -> None:
        """Run once; raises `OutOfRange`."""
        clock = time.perf_counter
        self.runs += 1
        known: dict[Node, Any] = dict(zip(self.function.inputs, inputs, strict=True))
        every = zip(self.steps, self.timed, self.codes, strict=True)
        for k, (step, native, code) in enumerate(every):
            begin = clock()
            own = native or code
            if own is None:
                evaluate(step, known)
            else:
                made = own([value(known, x) for x in step.inputs])
                for node, result in zip(step.outputs, made, strict=True):
                    known[node] = as_value(node, result)
            end = clock()
            self.seconds[k].append(end - begin)
            if native is not None:
                self.ticks[k].append(native.ticks.copy())
                self.marks.append((end, int(native.ticks[-1])))

    def totals(self) -> list[float]:
        """The seconds of each run."""
        return [sum(s) for s in zip(*self.seconds, strict=True)] or [0.0] * self.runs

    def whole_steps(self, chosen: Sequence[int]) -> list[float]:
        """The median seconds of each step in some of the runs."""
        return [median([s[r] for r in chosen]) for s in self.seconds]

    def kernels(self, chosen: Sequence[int]) -> list[list[float]]:
        """The median seconds of the kernels of each step in some of the runs."""
        found: list[list[float]] = []
        scale = 0.0  # seconds of a tick
        if self.marks and self.marks[-1][1] > self.marks[0][1]:
            (first, first_tick), (last, last_tick) = self.marks[0], self.marks[-1]
            scale = (last - first) / (last_tick - first_tick)
        for k, native in enumerate(self.timed):
            if native is None:
                found.append([median([self.seconds[k][r] for r in chosen])])
            else:
                table = np.diff(np.array([self.ticks[k][r] for r in chosen]), axis=1) * scale
                found.append([max(0.0, float(x)) for x in np.median(table, axis=0)])
        return found


def measure(
    executable: Executable,
    segments: Sequence[tuple[Stages, Sequence[Any]] | None],
    inputs: Sequence[Any],
    call: Callable[[], Any],
) -> Times | str:
    """The times of all steps, and of a whole call, by turns, so that a busy machine slows down
    both; the reason where they cannot be measured."""
    clock = time.perf_counter
    clocks = Clocks(executable, segments)
    begin = clock()
    call()
    batch = max(1, int(BATCH / max(clock() - begin, 1e-8)))
    calls: list[float] = []
    start = clock()
    try:
        with np.errstate(all="ignore"):
            while len(calls) <= FEWEST or (clock() - start < BUDGET and len(calls) <= MOST):
                clocks.run(inputs)
                begin = clock()
                for _ in range(batch):
                    call()
                calls.append((clock() - begin) / batch)
    except OutOfRange:
        return "an index was out of range, so NumPy evaluates this call"
    if clocks.marks and clocks.marks[0][1] == clocks.marks[-1][1]:
        return "this processor has no counter that a program may read"
    chosen = faster_half([a + b for a, b in zip(clocks.totals(), calls, strict=True)])
    whole = median([calls[r] for r in chosen])
    return Times(clocks.kernels(chosen), clocks.whole_steps(chosen), whole, len(calls) - 1)


def faster_half(found: Sequence[float]) -> list[int]:
    """Which of several runs took least, the first one aside: others were disturbed by what else the
    machine does."""
    order = sorted(range(1, len(found)), key=lambda r: found[r])
    return order[: -(-len(order) // 2)]


def value(known: dict[Node, Any], node: Node) -> Any:
    """A node's value; a constant's own."""
    if node not in known and node.primitive.name == "constant":
        known[node] = node.parameters["value"]
    return known[node]


__all__ = ["Times", "measure"]
