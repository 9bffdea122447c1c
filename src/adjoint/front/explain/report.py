"""What `ad.explain` gives: the account of one compiled call, as data and as text of 100 columns.

Enters: stages, kernels, steps and what else was found.  Leaves: an `Explanation`, which prints as
text, shows in notebooks, and turns into plain dictionaries.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from .kernels import KINDS, Kept, Kernel

WIDTH = 100
MOST_KERNELS = 24  # that the text shows
MOST_BRANCHES = 8  # different ones that the text lists
NOTEWORTHY = 1 << 20  # bytes from which the peak of a call is told
MOST_ARRAYS = 12  # of those kept in memory, that the text lists
FOUND = {
    "memory": "The machine code was there already, in this process",
    "disk": "The machine code was there already, in the disk cache",
    "nowhere": "The machine code was not there: a first call makes it as above",
}


@dataclass
class Stage:
    """One stage on the way to machine code."""

    name: str
    seconds: float
    result: str  # what came out of it: "35 nodes"


@dataclass
class StepReport:
    """A native segment, or an operation that NumPy evaluates between two segments."""

    kind: str  # "native", "loop" or "numpy"
    operations: tuple[str, ...]  # names of primitives, in order
    seconds: float | None = None  # its kernels, and for a native one the way into them
    reason: str = ""  # why it is no native code
    line: str = ""  # the user's


@dataclass
class NotCompiled:
    """An operation that is no native code: NumPy evaluates it."""

    operation: str
    type: str
    reason: str
    line: str


@dataclass
class Explanation:
    """The account of one compiled call.

    Attributes:
        name: the function's.
        arguments, results: their types.
        branches: the questions that this call's way through the function answers, with the answers
            and the user's lines; another answer leads to another program.
        ways: how many programs were made for arguments of these types.
        stages: each stage on the way to machine code, its seconds, and what came out of it.
        found: where a first call would have found the machine code: "memory", "disk", "nowhere".
        kernels: the outermost loop nests and routines of all native segments, and the NumPy steps,
            in order: loops, user's lines, bytes, operations, seconds, and share of a call.
        steps: the native segments, and the operations between them that NumPy evaluates.
        not_compiled: the latter, with the reason.
        scipy_calls: functions of SciPy that native code calls for each element.
        loops: what each loop letter runs along.
        arrays: what is kept in memory, why, and where in the source it comes from.
        unrolled: extents of unrolled axes, and in how many statements.
        statements, nests: how many statements share how many outermost loop nests.
        workspace_bytes: memory for what is kept, in each call.
        peak_bytes: the most memory that a call takes by plan: the workspace and the results.
        measured_bytes: by how much a call lets the process grow; None where it cannot be measured.
        code_bytes: size of the machine code.
        native_call: whether calls go straight from the interpreter to machine code.
        call_seconds: a whole call; None where it could not be measured.
        rest_seconds: what of it no kernel takes: arguments, outputs, the way from step to step.
        runs: how often it ran; the times are the medians of the faster half of the runs.
        threads: how many threads share large loops.
        note: why there are no times, where there are none.
    """

    name: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    branches: tuple[str, ...]
    ways: int
    stages: list[Stage]
    found: str
    kernels: list[Kernel]
    steps: list[StepReport]
    not_compiled: list[NotCompiled]
    scipy_calls: tuple[str, ...]
    loops: dict[str, str]
    arrays: list[Kept]
    unrolled: dict[int, int]
    statements: int
    nests: int
    workspace_bytes: int
    code_bytes: int
    native_call: bool
    threads: int
    call_seconds: float | None = None
    rest_seconds: float | None = None
    runs: int = 0
    note: str = field(default="")
    peak_bytes: int = 0
    measured_bytes: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dictionaries, lists, strings and numbers."""
        found = asdict(self)
        for kernel, one in zip(found["kernels"], self.kernels, strict=True):
            kernel["bandwidth"], kernel["speed"] = one.bandwidth, one.speed
        return found

    def __str__(self) -> str:
        parts = [self.head(), self.branch_lines(), self.stage_lines(), self.kernel_lines()]
        parts += [self.fusion_lines(), self.memory_lines(), self.rest_lines()]
        return "\n".join([line for part in parts for line in part])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    # ---- the parts of the text

    def head(self) -> list[str]:
        given, made = ", ".join(self.arguments), ", ".join(self.results)
        return wrapped(f"{self.name}({given}) -> {made}", "", "    ")

    def stage_lines(self) -> list[str]:
        lines = ["", "Stages"]
        for stage in self.stages:
            head = f"  {stage.name:<10}{seconds(stage.seconds):>9}   "
            lines += wrapped(stage.result, head, " " * 24)
        lines.append(f"  {'in all':<10}{seconds(sum(s.seconds for s in self.stages)):>9}")
        if self.code_bytes:
            lines.append(f"  {FOUND[self.found]}.")
        return lines

    def kernel_lines(self) -> list[str]:
        lines = ["", "Kernels"]
        if self.call_seconds is not None:
            way = "from the interpreter to machine code" if self.native_call else "through Python"
            lines[-1] += f": a call takes {seconds(self.call_seconds)}, {way} ({self.runs} runs" + (
                f"; {self.threads} threads)" if self.threads > 1 else ")"
            )
        else:
            lines[-1] += f": {self.note}"
        chosen = self.dearest()
        for number, kernel in enumerate(self.kernels, 1):
            if number in chosen:
                lines += one_kernel(number, kernel)
        if len(chosen) < len(self.kernels):
            rest = [k for n, k in enumerate(self.kernels, 1) if n not in chosen]
            part, time = sum(k.share or 0.0 for k in rest), sum(k.seconds or 0.0 for k in rest)
            lines.append(
                f"   + {100 * part:>6.1f}%{seconds(time):>10}   {len(rest)} others, each cheaper"
            )
        if self.rest_seconds is not None and self.call_seconds:
            total = max(self.call_seconds, self.call_seconds - self.rest_seconds)
            share = f"{100 * self.rest_seconds / total:.1f}%"
            what = "memory for them" if self.native_call else "and Python between the steps"
            lines.append(
                f"   - {share:>7}{seconds(self.rest_seconds):>10}   the call itself: arguments, "
                f"results, {what}"
            )
        if self.loops:
            lines += wrapped(
                "; ".join(f"{name} = {what}" for name, what in self.loops.items()),
                "  Loops: ", "         ",
            )  # fmt: skip
        return lines

    def dearest(self) -> set[int]:
        """The numbers of the kernels that the text shows."""
        numbers = range(1, len(self.kernels) + 1)
        dear = sorted(numbers, key=lambda n: -(self.kernels[n - 1].share or 0.0))
        return set(dear[:MOST_KERNELS])

    def fusion_lines(self) -> list[str]:
        if not self.statements:
            return []
        lines = ["", "Fused, unrolled, kept"]
        nests = f"{self.nests} loop nest{'s' * (self.nests != 1)}"
        together = f"{self.statements} statement{'s' * (self.statements != 1)}"
        lines.append(f"  {together} in {nests}.")
        if self.unrolled:
            parts = [f"{n} ({count})" for n, count in self.unrolled.items()]
            lines += wrapped(
                ", ".join(parts), "  Unrolled, by extent (in so many statements): ", "    "
            )
        memory = [a for a in self.arrays if a.where == "memory"]
        cache = [a for a in self.arrays if a.where == "cache"]
        for title, some in (
            ("In memory between kernels", memory), ("Anew in each iteration around", cache),
        ):  # fmt: skip
            if not some:
                continue
            lines.append(f"  {title}: {size(sum(a.bytes for a in some))}")
            for a in some[:MOST_ARRAYS]:
                shape = f"{a.dtype}[{','.join(map(str, a.shape))}]"
                lines.append(cut(f"    {size(a.bytes):>9}  {shape}: {a.why}"))
                if a.line:
                    lines.append(cut(f"               {a.line}"))
            if len(some) > MOST_ARRAYS:
                lines.append(f"    and {len(some) - MOST_ARRAYS} smaller ones")
        return lines

    def memory_lines(self) -> list[str]:
        if not self.workspace_bytes and not self.statements:
            return []
        lines = [f"  Workspace of a call: {size(self.workspace_bytes)}"]
        if self.peak_bytes >= NOTEWORTHY:
            line = f"  Peak of a call: {size(self.peak_bytes)} predicted"
            if self.measured_bytes is not None:
                line += f", {size(self.measured_bytes)} measured"
            lines.append(line)
        return lines

    def branch_lines(self) -> list[str]:
        if not self.branches:
            return []
        different = dict.fromkeys(self.branches)
        lines = ["", f"Branches: {len(self.branches)} questions were asked of values"]
        for one in list(different)[:MOST_BRANCHES]:
            times = self.branches.count(one)
            lines.append(cut(f"  {one}" + (f" ({times} times)" if times > 1 else "")))
        if len(different) > MOST_BRANCHES:
            lines.append(f"  and {len(different) - MOST_BRANCHES} others")
        programs = "1 program" if self.ways == 1 else f"{self.ways} programs"
        lines.append(f"  {programs} so far for arguments of these types")
        return lines

    def rest_lines(self) -> list[str]:
        lines = ["", "Not compiled"]
        for one in self.not_compiled:
            lines += wrapped(f"{one.operation}, {one.type}: {one.reason}", "  ", "    ")
            if one.line:
                lines.append(cut(f"    {one.line}"))
        if not self.not_compiled:
            lines.append("  nothing: all of it is machine code")
        if self.scipy_calls:
            lines += wrapped(
                ", ".join(self.scipy_calls),
                "  Functions of SciPy that machine code calls: ",
                "    ",
            )
        return lines


def one_kernel(number: int, kernel: Kernel) -> list[str]:
    """The lines of one kernel."""
    share = "" if kernel.share is None else f"{100 * kernel.share:.1f}%"
    time = "" if kernel.seconds is None else seconds(kernel.seconds)
    title = "; ".join([kernel.loops, *kernel.marks])
    lines = wrapped(title, f"{number:>4} {share:>7}{time:>10}   ", " " * 25)
    facts = []
    moved = f"reads {size(kernel.read)}, writes {size(kernel.written)}"
    if kernel.bandwidth:
        moved += f" ({quantity(kernel.bandwidth)}B/s)"
    facts.append(moved)
    if kernel.flops:
        work = f"{quantity(kernel.flops).rstrip()} operations"
        if kernel.speed:
            work += f" ({quantity(kernel.speed)}FLOP/s)"
        facts.append(work)
    if kernel.dear:
        facts += [f"{n:,} {name}" for name, n in kernel.dear.items()]
    lines += wrapped("; ".join(facts), " " * 25, " " * 27)
    if kernel.statements:
        parts = [f"{n} {KINDS[kind][n != 1]}" for kind, n in kernel.statements.items()]
        lines += wrapped(", ".join(parts), " " * 25, " " * 27)
    lines += [cut(" " * 25 + line) for line in kernel.lines]
    return lines


def cut(line: str) -> str:
    """A line that fits, its end left out."""
    return line if len(line) <= WIDTH else line[: WIDTH - 2] + ".."


def wrapped(text: str, first: str, further: str) -> list[str]:
    """Text in lines that fit, broken at spaces."""
    lines, line = [], first
    for k, word in enumerate(text.split(" ")):
        longer = line + word if k == 0 or not line.strip() or line == further else f"{line} {word}"
        if len(longer) > WIDTH and line.strip() and line not in (first, further):
            lines.append(line)
            longer = further + word
        line = longer
    return [cut(x) for x in [*lines, line]]


def seconds(value: float) -> str:
    """A time in the unit that a person would choose."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale:
            digits = 0 if value >= 1000 * scale else max(0, 2 - int(np.log10(value / scale)))
            return f"{value / scale:.{digits}f} {unit}"
    return f"{value * 1e9:.3g} ns"


def size(count: int) -> str:
    """Bytes."""
    return f"{quantity(count)}B"


def quantity(value: float) -> str:
    """A number with a prefix of the metric system, and the space before the unit."""
    for prefix, scale in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= scale:
            return f"{value / scale:.3g} {prefix}"
    return f"{value:.3g} "


def summed(counts: Sequence[dict[int, int]]) -> dict[int, int]:
    """Several counts as one."""
    found: dict[int, int] = {}
    for one in counts:
        for key, n in one.items():
            found[key] = found.get(key, 0) + n
    return dict(sorted(found.items()))


__all__ = ["Explanation", "NotCompiled", "Stage", "StepReport", "summed"]
