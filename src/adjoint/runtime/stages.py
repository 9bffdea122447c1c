"""The way of a native segment, kept to be looked at: what each stage made, and how long it took.

Enters: a segment.  Leaves: its `Stages`, from array expressions to loaded machine code, made anew
(no cache is asked), and for each expression the graph node that it comes from, which knows the
user's line.  What runs is made by the same functions, in `native`.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from ..codegen.compile import assembly, compile_object
from ..codegen.emit import emit_program
from ..codegen.targets import Target
from ..graph.node import Node
from ..loops.ir import Program
from ..loops.lower import Lowering
from ..loops.text import show
from ..optimize.expression import Expression, Expressions
from ..optimize.fuse import Nest, Plan
from ..optimize.parts import by_parts
from ..optimize.segments import Step
from ..optimize.statements import Statement
from . import cpu
from .cache import default
from .native import CODES, binding_of, cut, planned
from .plans import digest, known

LOOP_NAMES = ("scan", "while_loop")
TIMED = ("express", "plan", "lower", "schedule", "emit", "compile", "load")


class Stages:
    """A native segment, made stage by stage; with `whole=False` up to the loop program only."""

    graph: Expressions
    plan: Plan
    lowering: Lowering
    lowered: Program  # before it is shared among threads and summed in levels

    def __init__(self, step: Step, target: Target, whole: bool = True) -> None:
        self.step, self.target = step, target
        self.times: dict[str, float] = {}
        self.marks: list[tuple[int, Node]] = []  # the first expression of each node
        self.end = 0
        self.clock = time.perf_counter()
        self.real = by_parts(step)
        self.program, self.lanes = planned(self.real, target, self.watch)
        self.lap("schedule")
        if not whole:
            return
        self.text, self.layout = emit_program(self.program, target, self.lanes)
        self.lap("emit")
        self.code = compile_object(self.text, target)
        self.lap("compile")
        cpu.load(self.code)
        self.lap("load")
        self.binding = binding_of(self.program, self.lanes, self.layout, target)

    def lap(self, name: str) -> None:
        """A stage has ended."""
        now = time.perf_counter()
        self.times[name] = now - self.clock
        self.clock = now

    def watch(self, name: str, value: Any) -> None:
        """See the result of a stage."""
        if name == "graph":
            self.graph = value
        elif name == "node":
            self.marks.append((len(self.graph.table), value))
        elif name == "lowering":
            self.lowering = value
        elif name == "express":
            self.end = len(self.graph.table)
            self.lap(name)
        else:
            setattr(self, {"lower": "lowered"}.get(name, name), value)
            self.lap(name)

    def origin(self, x: Expression) -> Node | None:
        """The node that an expression was made for."""
        while x in self.graph.stands_for:
            x = self.graph.stands_for[x]
        if x.number >= self.end or not self.marks:
            return None
        k = bisect_right(self.marks, x.number, key=lambda mark: mark[0]) - 1
        return self.marks[k][1] if k >= 0 else None

    # ---- as text

    def expressions_text(self) -> str:
        """The array expressions that the outputs depend on, in order."""
        return "\n".join(map(repr, self.plan.selection.nodes)) + "\n"

    def plan_text(self) -> str:
        """The loop tree with its statements."""
        names = class_names(self.plan)
        lines = [f"{name} = {c.extent:,}" for c, name in names.items()]

        def write(items: Any, indent: str) -> None:
            for item in items:
                if isinstance(item, Nest):
                    lines.append(f"{indent}for {names[item.of]}:")
                    write(item.items, indent + "  ")
                else:
                    lines.append(indent + statement_text(item, names))

        write(self.plan.items, "")
        return "\n".join(lines) + "\n"

    def loops_text(self) -> str:
        """The loop program with the sizes of this call."""
        return show(self.program)

    def assembly_text(self) -> str:
        """The assembly of the machine code."""
        return assembly(self.text, self.target)


def class_names(plan: Plan) -> dict[Any, str]:
    """A letter for each class of axes, in order of rank."""
    letters = "ijklmnpqrstuvwxyz"
    return {
        c: letters[k] if k < len(letters) else f"i{k}"
        for k, c in enumerate(sorted(plan.classes, key=lambda c: c.rank))
    }


def statement_text(s: Statement, names: dict[Any, str]) -> str:
    """One statement: what is made, over which axes."""
    over = [names.get(s.classes.get(q), str(n)) for q, n in enumerate(s.domain)]
    if s.kind == "output":
        head = f"output {s.number}"
    elif s.kind == "part":
        head = f"part {s.number} of %{s.node.number}"
    else:
        head = f"{s.kind} %{s.node.number}"
    attribute = f" {s.node.attribute[0]}" if s.kind in ("reduce", "scan", "extremum") else ""
    return f"{head}:{attribute} of %{s.value.number} over [{', '.join(over)}]"


def walk_nests(items: Any) -> Iterator[Statement]:
    """The statements of a loop tree, in order."""
    for item in items:
        if isinstance(item, Nest):
            yield from walk_nests(item.items)
        else:
            yield item


def where_found(step: Step, target: Target) -> str:
    """Where a first call would find the machine code of a segment now: "memory", "disk", or
    "nowhere"."""
    key = digest(by_parts(step), target)
    if key is None:
        return "nowhere"
    if key in known and known[key].code in CODES:
        return "memory"
    if key in known:
        return "disk" if default().get("object", known[key].code) is not None else "nowhere"
    return "disk" if default().get("plan", key) is not None else "nowhere"


def program_text(steps: Sequence[tuple[Step, bool]], stage: str, target: Target) -> str:
    """The text of a stage of all native segments, NumPy steps between them."""
    parts: list[str] = []
    for step, is_native in steps:
        node = step.nodes[0]
        if not is_native and node.primitive.name in LOOP_NAMES and loop_reason(node) is None:
            parts += loop_text(node, stage, target)
            continue
        if not is_native:
            parts.append(f"; NumPy: {step_names(step)}: {step_reason(step)}")
            continue
        stages = Stages(step, target, whole=stage in ("llvm", "assembly"))
        text = stages.text if stage == "llvm" else getattr(stages, f"{stage}_text")()
        parts.append(text.rstrip())
    return "\n\n".join(parts)


def loop_text(node: Node, stage: str, target: Target) -> list[str]:
    """The text of a stage of a loop's bodies."""
    p, found = node.parameters, []
    for name in ("condition", "body"):
        if name in p:
            what = f"{p['length']} steps of" if "length" in p else f"a loop's {name}:"
            body = program_text(cut(p[name])[0], stage, target)
            found.append(f"; {what} {p[name].name}\n{body}\n; end of {p[name].name}")
    return found


def loop_reason(node: Node) -> str | None:
    """Why a loop is not machine code as a whole."""
    p = node.parameters
    for name in ("condition", "body"):
        if name not in p:
            continue
        for step, is_native in cut(p[name])[0]:
            inner = step.nodes[0]
            if is_native or inner.primitive.name == "recompute":
                continue
            if inner.primitive.name in LOOP_NAMES:
                found = loop_reason(inner)
                if found is not None:
                    return found
                continue
            return f"{step_names(step)} in its {name}: {step_reason(step)}"
    return None


def step_names(step: Step) -> str:
    """The operations of a step."""
    names = dict.fromkeys(n.primitive.name for n in step.nodes)
    return ", ".join([x for x in names if x != "item"] or names)


def step_reason(step: Step) -> str:
    """Why a step is no native code."""
    node = step.nodes[0]
    if node.primitive.name in LOOP_NAMES:
        return loop_reason(node) or "it is too long, or reads what it cannot"
    return step.reason or "an array has no elements"


__all__ = [
    "LOOP_NAMES", "TIMED", "Stages", "class_names", "program_text", "statement_text", "step_names",
    "step_reason", "walk_nests", "where_found",
]  # fmt: skip
