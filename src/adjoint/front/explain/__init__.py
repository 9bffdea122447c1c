"""`ad.explain`: what becomes of one call under `jit`, stage by stage, and where its time goes.

Enters: a function and the arguments of a call.  Leaves: an `Explanation`, or the text of one stage.
The function is recorded and compiled anew to time the stages; the program that is measured is the
one that `jit` runs, with the processor's counter read between its kernels.
"""

from __future__ import annotations

import ctypes
import inspect
import os
import time
from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import numpy as np

from ...base import tree
from ...base.dtypes import python_kind, type_of
from ...base.errors import TracingError, describe, message
from ...codegen.targets import host
from ...graph import op
from ...graph.cost import node_cost, size_in_bytes
from ...graph.function import Function
from ...graph.node import Node, type_text
from ...graph.text import show
from ...loops.ir import walk
from ...optimize.pipeline import optimize
from ...optimize.segments import Step
from ...runtime.entry import why_not_native
from ...runtime.native import Executable, cut
from ...runtime.stages import (
    LOOP_NAMES,
    TIMED,
    Stages,
    program_text,
    step_names,
    step_reason,
    where_found,
)
from ...runtime.threads import pool
from ..arguments import name_of
from ..compiled import Compiled, Jitted, jitted, named
from ..program import Program
from .kernels import Kernel, class_origins, kept_arrays, kernels_of, unrolled_axes
from .measure import Times, measure
from .report import Explanation, NotCompiled, Stage, StepReport, summed

STAGES = ("graph", "optimized", "expressions", "plan", "loops", "llvm", "assembly")


class Listing(str):
    """The text of a stage; it shows itself as it is."""

    __slots__ = ()
    __repr__ = str.__str__


def explain(function: Callable, *args: Any, stage: str | None = None, **kwargs: Any) -> Any:
    """What `jit` makes of a function for these arguments, and where the time of a call goes.

    The function runs: it is recorded, compiled, and called repeatedly to be measured (for about
    half a second, more if a call takes longer).

    Args:
        function: a function (which is then put under `jit`), or what `jit` returned.
        args, kwargs: its arguments, as in a call.
        stage: None for the whole account; or the text of one stage: "graph" (as recorded),
            "optimized" (the closed graph that is compiled), "expressions" (array expressions),
            "plan" (which statements share which loops), "loops" (the loop program), "llvm",
            "assembly".  Where NumPy steps divide a program, these follow one another.

    Returns: an `Explanation`, which prints itself: the stages with their times, the kernels (the
        outermost loops) with the source lines that they compute, their bytes, operations and share
        of a call, what was fused, unrolled and kept in memory, and what was not compiled and why.
        Its attributes hold the same as data (`stages`, `kernels`, `steps`, `not_compiled`, ...),
        `to_dict()` as plain dictionaries.

    Raises:
        TracingError: called inside another transform, or as `jit` raises it.
        ValueError: a stage of another name.

    >>> import adjoint as ad, numpy as np
    >>> def loss(w, x):
    ...     return np.sum(np.tanh(x @ w) ** 2)
    >>> found = ad.explain(ad.jit(ad.grad(loss)), np.ones(3), np.ones((100, 3)))
    >>> [kernel.loops for kernel in found.kernels if kernel.kind == "loops"]
    ['i[100]']
    >>> found.not_compiled
    []
    >>> def double(x):
    ...     return x * 2.0
    >>> print(ad.explain(double, 1.0, stage="optimized"))
    double(%0: float64[]~) {
      %1: float64[]~ = constant value=2.0
      %2: float64[]~ = mul %0, %1
      return %2
    }
    """
    if stage is not None and stage not in STAGES:
        raise ValueError(
            message(f"ad.explain got stage={stage!r}", expected=", ".join(map(repr, STAGES)))
        )
    if isinstance(function, MethodType) and isinstance(function.__func__, Jitted):
        args, function = (function.__self__, *args), function.__func__
    if not callable(function):
        raise TypeError(
            message(
                f"ad.explain got a {type(function).__name__}",
                expected="a function",
                instead="`ad.explain(f, x)`: the function itself, then its arguments",
            )
        )
    entry: Any = function if isinstance(function, Jitted) else jitted(function)
    if any(isinstance(x, op.Traced) for x in tree.flatten((args, kwargs))[0]):
        raise TracingError(
            message(
                "ad.explain was called on a traced value",
                expected="numbers and arrays: it measures a call",
                instead="`ad.explain(ad.jit(ad.grad(f)), x)`, outside of all transforms",
            )
        )
    recorded = Recorded(entry.fallback.__self__, args, kwargs)
    if stage is not None:
        return Listing(listing(recorded, stage))
    return account(entry, recorded, args, kwargs)


class Recorded:
    """A call recorded anew, with the time of each stage up to the steps."""

    def __init__(self, compiled: Compiled, args: tuple, kwargs: dict[str, Any]) -> None:
        self.compiled = compiled
        host()  # LLVM is loaded before the first stage
        leaves, _, rebuild = compiled.signature(args, kwargs)
        self.leaves = leaves
        self.stages: list[Stage] = []
        clock = time.perf_counter
        begin = clock()
        self.graph: Function

        def optimized(closed: Function) -> Function:
            nonlocal begin
            self.graph = closed
            now = clock()
            self.stages.append(Stage("trace", now - begin, count(len(closed.order), "node")))
            passes: list[str] = []
            begin = clock()
            found = optimize(closed, lambda name, f: passes.append(f"{name}: {len(f.order)}"))
            now = clock()
            result = count(len(found.order), "node")
            if passes:
                result += f" (after {', '.join(passes)})"
            self.stages.append(Stage("optimize", now - begin, result))
            return found

        self.program = compiled.recorded(leaves, rebuild, optimized)
        self.function = self.program.function
        begin = clock()
        self.steps, self.is_whole = cut(self.function)
        kinds = [step_kind(step, is_native) for step, is_native in self.steps]
        parts = [
            ("native", "native segment"),
            ("loop", "loop"),
            ("choice", "choice"),
            ("numpy", "NumPy step"),
        ]
        named = [count(kinds.count(kind), name) for kind, name in parts if kind in kinds]
        result = ", ".join(named) or "nothing to compute"
        self.stages.append(Stage("segments", clock() - begin, result))
        self.names = input_names(compiled.function, args, kwargs, self.program, leaves)

    def name_of_input(self, node: Node) -> str:
        """What the user calls an input of a segment."""
        if node in self.function.inputs:
            return self.names[self.function.inputs.index(node)]
        return f"the result of {node.primitive.name}"


def input_names(
    function: Callable, args: tuple, kwargs: dict[str, Any], program: Program, leaves: Sequence[Any]
) -> list[str]:
    """A name for each input of the graph: the parameter's, or that of a captured array."""

    def moves(x: Any) -> bool:
        return type(x) in (float, complex) or isinstance(x, (np.ndarray, np.generic))

    given: list[tuple[str, Any]] = []
    try:
        bound = inspect.signature(function).bind_partial(*args).arguments
    except (TypeError, ValueError):
        bound = {f"argument {k}": x for k, x in enumerate(args)}
    for name, x in (*bound.items(), *sorted(kwargs.items())):  # as the leaves are ordered
        found = [y for y in tree.flatten(x)[0] if moves(y)]
        given += [(name if len(found) == 1 else f"{name}[{k}]", y) for k, y in enumerate(found)]
    if len(given) != len(leaves):
        given = [(f"argument {k}", x) for k, x in enumerate(leaves)]
    captured = []
    for x in program.captured:
        own = next((n for _, n, y in named(function) if y is x and n), None)
        captured.append(own or "a captured array")
    return [name for name, _ in given] + captured


def count(n: int, what: str) -> str:
    """`1 node`, `2 nodes`."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def listing(recorded: Recorded, stage: str) -> str:
    """The text of one stage."""
    if stage == "graph":
        return show(recorded.graph).rstrip()
    if stage == "optimized":
        return show(recorded.function).rstrip()
    return program_text(recorded.steps, stage, host())


def line_of(node: Node) -> str:
    """The user's line of a node, if it is known."""
    return "" if node.position is None else describe(node.position)


def account(entry: Any, recorded: Recorded, args: tuple, kwargs: dict[str, Any]) -> Explanation:
    """The whole account of a call."""
    target = host()
    found = [where_found(step, target) for step, is_native in recorded.steps if is_native]
    made = [Stages(step, target) if native else None for step, native in recorded.steps]
    segments = [s for s in made if s is not None]
    kernels: list[list[Kernel]] = []
    ends: list[tuple[Stages, list[Any]] | None] = []
    steps: list[StepReport] = []
    not_compiled: list[NotCompiled] = []
    executable = Executable(recorded.function)
    for (step, _), stages, (_, code) in zip(recorded.steps, made, executable.steps, strict=True):
        names = tuple([n.primitive.name for n in step.nodes if n.primitive.name != "constant"])
        if stages is None and code is not None:
            kernels.append([loop_kernel(step)])
            ends.append(None)
            steps.append(StepReport("loop", names, line=line_of(step.nodes[-1])))
        elif stages is None:
            kernels.append([numpy_kernel(step)])
            ends.append(None)
            reason = step_reason(step)
            steps.append(StepReport("numpy", names, reason=reason, line=line_of(step.nodes[-1])))
            for node in step.nodes:
                not_compiled.append(
                    NotCompiled(node.primitive.name, type_text(node), reason, line_of(node))
                )
        else:
            some, last = kernels_of(stages)
            kernels.append(some)
            ends.append((stages, last))
            steps.append(StepReport("native", names))
    entry(*args, **kwargs)  # an error of the function itself is raised here
    inputs = recorded.program.inputs(recorded.leaves)
    times = measure(executable, ends, inputs, lambda: entry(*args, **kwargs))
    services = {name for s in segments for name in s.layout.services}
    nests = [k for some in kernels for k in some if k.kind not in ("numpy", "loop")]
    codes = [code for _, code in executable.steps if code is not None]
    workspace = (
        executable.whole.workspace if executable.whole is not None
        else sum(code.workspace for code in codes)
    )  # fmt: skip
    explanation = Explanation(
        name=name_of(recorded.compiled.function),
        arguments=tuple([
            f"{name}: {plain_type(node)}"
            for name, node in zip(recorded.names, recorded.function.inputs, strict=True)
        ]),
        results=tuple([plain_type(x) for x in recorded.program.results_of(recorded.function)]),
        branches=tuple(map(str, recorded.program.branches())),
        ways=entry.fallback.__self__.ways(args, kwargs),
        stages=[*recorded.stages, *stage_reports(segments)],
        found=worst(found),
        kernels=[k for some in kernels for k in some],
        steps=steps,
        not_compiled=not_compiled,
        scipy_calls=tuple(sorted(
            {n.split(" ")[0] for n in services if n.startswith("scipy.special.")}
        )),
        loops=class_origins(segments[0], recorded.name_of_input) if len(segments) == 1 else {},
        arrays=sorted([a for s in segments for a in kept_arrays(s)], key=lambda a: -a.bytes),
        unrolled=summed([unrolled_axes(s) for s in segments]),
        statements=sum(sum(k.statements.values()) for k in nests),
        nests=len(nests),
        workspace_bytes=workspace,
        peak_bytes=workspace + sum(size_in_bytes(x) for x in recorded.function.outputs),
        measured_bytes=growth(lambda: executable(inputs)),
        code_bytes=sum(len(s.code) for s in segments),
        native_call=is_native_call(entry, args, kwargs),
        threads=pool().size if "parallel" in services else 1,
    )  # fmt: skip
    if isinstance(times, str):
        explanation.note = f"not measured: {times}"
        return explanation
    put_times(explanation, kernels, times)
    return explanation


def plain_type(node: Node) -> str:
    """A node's type as the user sees it: `float`, `float64[2,3]`."""
    t = type_of(node)
    kind = python_kind(t.dtype) if t.weak and not t.shape else None
    return str(t) if kind is None else kind.__name__


def put_times(explanation: Explanation, kernels: list[list[Kernel]], times: Times) -> None:
    """Enter what was measured; the shares are those of a call, or of the kernels' sum where noise
    makes that longer."""
    total = max(times.call, sum(map(sum, times.kernels)))
    for some, found in zip(kernels, times.kernels, strict=True):
        for kernel, seconds in zip(some, found, strict=True):
            kernel.seconds, kernel.share = seconds, seconds / total
    for step, seconds in zip(explanation.steps, times.steps, strict=True):
        step.seconds = seconds
    explanation.call_seconds, explanation.runs = times.call, times.runs
    explanation.rest_seconds = total - sum(map(sum, times.kernels))


def step_kind(step: Step, is_native: bool) -> str:
    """What a step is: "native", "loop", "choice" (of a branch), "again" or "numpy"."""
    if is_native:
        return "native"
    name = step.nodes[0].primitive.name
    if name in LOOP_NAMES:
        return "loop"
    return {"switch": "choice", "recompute": "again"}.get(name, "numpy")


def growth(call: Callable[[], Any]) -> int | None:
    """By how many bytes a call lets the process grow at most; None where the system does not tell
    (Linux does)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)  # what was freed goes back to the system
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the highest value begins anew
        before = resident("VmRSS:")
        call()
        return max(0, resident("VmHWM:") - before)
    except (OSError, ValueError, StopIteration):
        return None


def resident(name: str) -> int:
    """A figure of this process, in bytes."""
    with open("/proc/self/status") as file:
        line = next(x for x in file if x.startswith(name))
    return 1024 * int(line.split()[1])


def loop_kernel(step: Step) -> Kernel:
    """A loop of machine code as a kernel; a value computed again costs nothing itself."""
    node = step.nodes[0]
    if node.primitive.name == "recompute":
        return Kernel("loop", "from here on computed again", (), {}, (), 0, 0, 0)
    if node.primitive.name == "switch":
        count = len(node.parameters["branches"])
        read, written = (sum(map(size_in_bytes, some)) for some in (step.inputs, step.outputs))
        line = line_of(node)
        return Kernel(
            "loop", f"one of {count} branches", (), {}, (line,) if line else (), read, written, 0
        )
    body: Function = node.parameters["body"]
    inner = [x for x in body.order if x.primitive.name not in ("input", "constant")]
    lines = dict.fromkeys(line_of(x) for x in inner)
    is_scan = node.primitive.name == "scan"
    length = node.parameters["length"] if is_scan else 1
    title = f"a loop of {length:,} steps" if is_scan else "a loop while a condition holds"
    marks = [f"{len(inner)} operations in a step"]
    if is_scan and node.parameters.get("reverse"):
        marks.append("from the last to the first")
    return Kernel(
        kind="loop",
        loops=title,
        marks=tuple(marks),
        statements={},
        lines=tuple([line for line in lines if line]),
        read=sum(size_in_bytes(x) for x in step.inputs),
        written=sum(size_in_bytes(x) for x in step.outputs),
        flops=length * sum(node_cost(x).flops for x in inner) if is_scan else 0,
    )


def numpy_kernel(step: Step) -> Kernel:
    """A NumPy step as a kernel."""
    costs = [node_cost(node) for node in step.nodes]
    lines = dict.fromkeys(line_of(node) for node in step.nodes)
    return Kernel(
        kind="numpy",
        loops=f"NumPy: {step_names(step)}",
        marks=(),
        statements={},
        lines=tuple([line for line in lines if line]),
        read=sum(c.read for c in costs),
        written=sum(c.written for c in costs),
        flops=sum(c.flops for c in costs),
    )


def stage_reports(segments: Sequence[Stages]) -> list[Stage]:
    """The stages of all native segments together."""
    if not segments:
        return []

    def total(measured: Callable[[Stages], int], what: str) -> str:
        return count(sum(map(measured, segments)), what)

    classes = total(lambda s: len(s.plan.classes), "class")
    results = {
        "express": total(lambda s: len(s.plan.selection.nodes), "array expression"),
        "plan": f"{total(lambda s: len(s.plan.statements), 'statement')} over "
        + classes.replace("classs", "classes") + " of axes",
        "lower": total(lambda s: sum(1 for _ in walk(s.lowered.body)), "line") + " of loop IR",
        "schedule": total(lambda s: sum(1 for _ in walk(s.program.body)), "line") + " of loop IR"
        + f", {segments[0].lanes} lanes",
        "emit": total(lambda s: s.text.count("\n"), "line") + " of LLVM IR",
        "compile": total(lambda s: len(s.code), "byte") + " of machine code",
        "load": "ready to run",
    }  # fmt: skip
    return [Stage(n, sum(s.times[n] for s in segments), results[n]) for n in TIMED]


def worst(found: Sequence[str]) -> str:
    """Where all segments are found at least."""
    return max(found, key=("memory", "disk", "nowhere").index, default="memory")


def is_native_call(entry: Any, args: tuple, kwargs: dict[str, Any]) -> bool:
    """Whether the interpreter goes straight to machine code for calls like this one."""
    native = entry.lower(*args, **kwargs).native()
    known = any(record.keep is native for record in entry.records)
    return native is not None and known and why_not_native() is None


__all__ = ["Explanation", "explain"]
