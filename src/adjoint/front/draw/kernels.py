"""The kernels of a compiled program as a diagram: a box for each loop nest, routine or NumPy step.

Enters: what `ad.explain` gives, or a program.  Leaves: a `Diagram`; arrows give the order in which
the kernels run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...codegen.targets import host
from ...runtime.native import cut
from ...runtime.stages import Stages
from ..explain import loop_kernel, numpy_kernel, step_kind
from ..explain.kernels import Kernel, kernels_of
from ..explain.report import seconds
from ..program import Program
from .boxes import Box, Diagram, Line, shortened

WIDEST = 60  # characters of a line
MOST_LINES = 4  # source lines of a box


def program_kernels(program: Program) -> list[Kernel]:
    """The kernels of a program, in order, without times."""
    found: list[Kernel] = []
    for step, is_native in cut(program.function)[0]:
        kind = step_kind(step, is_native)
        if kind == "native":
            found += kernels_of(Stages(step, host()))[0]
        else:
            found.append(numpy_kernel(step) if kind == "numpy" else loop_kernel(step))
    return found


def kernel_diagram(
    title: str, arguments: Sequence[str], results: Sequence[str], kernels: Sequence[Any]
) -> Diagram:
    """A chain of boxes from the arguments to the results."""
    boxes = [Box("input", tuple([Line(shortened(x, WIDEST)) for x in arguments]))] * bool(arguments)
    for kernel in kernels:
        lines = [Line(shortened(kernel.loops or kernel.kind, WIDEST))]
        shown = kernel.lines[:MOST_LINES]
        lines += [Line(shortened(x, WIDEST), "note") for x in shown]
        if len(kernel.lines) > len(shown):
            lines.append(Line(f"... and {len(kernel.lines) - len(shown)} more lines", "note"))
        size = f"reads {amount(kernel.read)}, writes {amount(kernel.written)}"
        if kernel.flops:
            size += f", {kernel.flops:,} operations"
        lines.append(Line(size, "note"))
        if kernel.seconds is not None and kernel.share is not None:
            lines.append(Line(f"{seconds(kernel.seconds)}, {kernel.share:.0%} of a call", "value"))
        boxes.append(Box("kernel", tuple(lines)))
    boxes.append(Box("output", tuple([Line(shortened(x, WIDEST)) for x in results])))
    return Diagram(title, tuple(boxes), tuple((k, k + 1) for k in range(len(boxes) - 1)))


def amount(size: int) -> str:
    """A number of bytes."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size = size / 1000  # type: ignore[assignment]
    return f"{size:.3g} GB"
