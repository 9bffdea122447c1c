"""The kernels of a native segment: its outermost loops and routines, what they compute, move and
cost.

Enters: the `Stages` of a segment.  Leaves: `Kernel`s in order, without times, and for each where it
ends in the loop program that runs.  Loops, bytes and operations are counted in the program as it is
before it is cut into blocks and runs, where every loop goes over a whole axis.

Bytes: each element of an array from outside that a kernel touches counts once, however often it is
read; what is private to the kernel does not count.  Operations: additions, multiplications,
divisions, comparisons, one each; dear functions are counted apart, by name.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...base.errors import describe
from ...graph.cost import node_cost
from ...graph.node import Node
from ...loops.ir import (
    Array,
    Constant,
    Load,
    Loop,
    Operation,
    Product,
    Routine,
    Scratch,
    Store,
    Symbol,
    Update,
    extent,
    root,
    walk,
)
from ...loops.tiles import VECTORS
from ...optimize.expression import Expression
from ...optimize.fuse import Nest
from ...optimize.statements import Statement
from ...runtime.stages import Stages, class_names, walk_nests

FREE = frozenset("convert place select".split())  # operations that are no arithmetic
CHEAP = frozenset(
    "abs add add_sub ceil clip copysign div equal floor fmax fmin greater greater_equal isfinite"
    " isinf isnan less less_equal logical_and logical_not logical_or logical_xor maximum minimum"
    " mul neg not_equal reciprocal rint sign signbit square sub trunc".split()
)  # all others are dear
KINDS = {
    "reduce": ("reduction", "reductions"), "value": ("value kept", "values kept"),
    "output": ("output", "outputs"), "scatter": ("scatter-add", "scatter-adds"),
    "part": ("part written", "parts written"), "product": ("matrix product", "matrix products"),
    "scan": ("running reduction", "running reductions"), "routine": ("routine", "routines"),
}  # fmt: skip
FEW = 32  # scalar operations after the last loop that count as part of it
ROUTINES = ("product", "routine")  # kinds of statements that are routines of their own


@dataclass
class Kernel:
    """One outermost loop nest or routine of the program; times are None where not measured."""

    kind: str  # "loops", "product", "routine", "scalars" or "numpy"
    loops: str  # the nest: "i[1,000] { j[25] }"
    marks: tuple[str, ...]  # "lanes of 8 along i", "32 blocks for threads"
    statements: dict[str, int]  # how many of each kind share the nest
    lines: tuple[str, ...]  # the user's source lines that it computes
    read: int  # bytes
    written: int
    flops: int
    dear: dict[str, int] = field(default_factory=dict)  # calls of dear functions
    seconds: float | None = None
    share: float | None = None

    @property
    def bandwidth(self) -> float | None:
        """Bytes read and written in a second."""
        return (self.read + self.written) / self.seconds if self.seconds else None

    @property
    def speed(self) -> float | None:
        """Operations in a second, dear functions left out."""
        return self.flops / self.seconds if self.seconds else None


@dataclass
class Kept:
    """An array that a native segment keeps in memory."""

    shape: tuple[int, ...]
    dtype: str
    bytes: int
    where: str  # "memory" between kernels, or "cache": anew in every iteration of outer loops
    why: str
    line: str


# ----------------------------------------------------------------------------------------- grouping


class Group:
    """A kernel's items: in the program before it is scheduled, and in the one that runs."""

    def __init__(self, lowered: list[Any], statements: list[Statement], main: Any = None) -> None:
        self.lowered = lowered
        self.statements = statements
        self.main = main  # the loop or routine; None for scalar code
        self.scheduled: list[Any] = []


def groups_of(stages: Stages) -> list[Group]:
    """The kernels' items, in order."""
    groups = lowered_groups(stages)
    by_index: dict[Any, Group] = {}
    for group in groups:
        if isinstance(group.main, Loop):
            for item in walk([group.main]):
                if isinstance(item, Loop):
                    by_index[item.index] = group
        elif group.main is not None:
            by_index[outcome(group.main)] = group
    current: Group | None = None
    waiting: list[Any] = []
    for item in stages.program.body:
        found = None
        if isinstance(item, Loop):
            inside = [x.index for x in walk([item]) if isinstance(x, Loop)]
            found = next((by_index[v] for v in inside if v in by_index), current)
        elif isinstance(item, (Product, Routine)):
            found = by_index.get(outcome(item), current)
        if found is None:
            waiting.append(item)
            continue
        found.scheduled += [*waiting, item]
        waiting, current = [], found
    rest = [g for g in groups if g.main is None]
    if waiting and (rest or current is not None):
        (rest[-1] if rest else current).scheduled += waiting  # type: ignore[union-attr]
    return [g for g in groups if g.scheduled]


def outcome(item: Any) -> Array:
    """The array that a routine writes to."""
    return root(item.c if isinstance(item, Product) else item.output)


def lowered_groups(stages: Stages) -> list[Group]:
    """The program before it is scheduled, cut after each outermost loop and routine."""
    nests = [x for x in stages.plan.items if isinstance(x, Nest)]
    alone = [x for x in stages.plan.items if not isinstance(x, Nest)]
    routines = [s for s in alone if s.kind in ROUTINES]
    scalars = [s for s in alone if s.kind not in ROUTINES]
    groups: list[Group] = []
    waiting: list[Any] = []
    for item in stages.lowered.body:
        waiting.append(item)
        if isinstance(item, Loop):
            inside = list(walk_nests(nests.pop(0).items)) if nests else []
            groups.append(Group(waiting, inside, item))
            waiting = []
        elif isinstance(item, (Product, Routine)):
            groups.append(Group(waiting, [routines.pop(0)] if routines else [], item))
            waiting = []
    rest = [x for x in waiting if not isinstance(x, Scratch)]
    if groups and len(rest) <= FEW:
        groups[-1].lowered += waiting
        groups[-1].statements += scalars
    else:
        groups.append(Group(waiting, scalars))
    return groups


# ----------------------------------------------------------------------------------------- counting


def trips(loop: Loop) -> int:
    """How often a loop runs, of a program that is not scheduled."""
    ends = [x for x in (loop.begin, loop.end) if isinstance(x, (int, Symbol))]
    return extent(ends[1]) - extent(ends[0]) if len(ends) == 2 else 1


def counted(body: Sequence[Any], times: int = 1) -> Iterator[tuple[Any, int]]:
    """Every item, and how often it is done."""
    for item in body:
        if isinstance(item, Loop):
            yield from counted(item.body, times * trips(item))
        else:
            yield item, times


def operations(body: Sequence[Any]) -> tuple[int, dict[str, int]]:
    """Arithmetic operations, and calls of dear functions by name."""
    flops, dear = 0, Counter[str]()
    for item, times in counted(body):
        if isinstance(item, Product):
            flops += 2 * times * math.prod(extent(n) for _, n in item.indices)
        elif isinstance(item, Update):
            flops += times
        elif isinstance(item, Operation):
            if item.name in FREE or not is_arithmetic(item):
                continue
            if item.name in CHEAP:
                flops += times
            else:
                dear[item.name] += times
    return flops, dict(dear)


def is_arithmetic(item: Operation) -> bool:
    """Whether an operation works on numbers, and not on places; adding to nothing is none."""
    starts = item.reduces and any(isinstance(x, Constant) and x.value == 0 for x in item.operands)
    return not starts and any(x.dtype.kind == "f" for x in item.operands)


def traffic(body: Sequence[Any]) -> tuple[int, int]:
    """Bytes read and written of arrays from outside."""
    inside = [x for loop in body if isinstance(loop, Loop) for x in walk(loop.body)]
    own = {root(x.array) for x in inside if isinstance(x, Scratch)}
    touched: dict[tuple[Array, bool], int] = {}

    def touch(array: Array, written: bool, elements: int) -> None:
        whole = root(array)
        if whole in own:
            return
        size = math.prod(whole.extents())
        key = whole, written
        touched[key] = min(size, touched.get(key, 0) + elements)

    def look(items: Sequence[Any], around: Mapping[Any, int], inner: dict[Any, int]) -> None:
        for item in items:
            if isinstance(item, Operation):
                inner[item] = spread(item.operands, inner)
            elif isinstance(item, Loop):
                n = trips(item)
                inner[item.index] = n
                look(item.body, {**around, item.index: n}, inner)
            elif isinstance(item, (Load, Store, Update)):
                found = {v for place in item.places for v, _ in place.terms}
                elements = math.prod([inner.get(v, 1) for v in found])
                if isinstance(item, Load):
                    inner[item] = elements
                touch(item.array, not isinstance(item, Load), elements)
                if isinstance(item, Update):
                    touch(item.array, False, elements)
            elif isinstance(item, Product):
                for k, (array, places) in enumerate(item.operands):
                    at = {v for place in places for v, _ in place.terms}
                    sizes = {v: extent(n) for v, n in item.indices}
                    touch(array, k == 0, math.prod([sizes.get(v, 1) for v in at]))
            elif isinstance(item, Routine):
                for array in item.arrays:
                    touch(array, array is item.output, math.prod(array.extents()))

    look(body, {}, {})
    total = [0, 0]
    for (array, written), elements in touched.items():
        total[written] += elements * array.dtype.itemsize
    return total[0], total[1]


def spread(operands: Sequence[Any], known: Mapping[Any, int]) -> int:
    """How many values an operation takes at most."""
    return math.prod([known.get(x, 1) for x in dict.fromkeys(operands)])


# --------------------------------------------------------------------------------------- describing


def nest_text(item: Any, names: Mapping[Any, str]) -> str:
    """A nest of loops on one line; equal neighbours once, with their number."""
    if isinstance(item, Product):
        m, n, k = [extent(size) for _, size in item.axes]
        stack = f"{extent(item.batch[1]):,} x " if item.batch else ""
        return f"{stack}[{m:,} x {k:,}] @ [{k:,} x {n:,}]"
    if isinstance(item, Routine):
        given = ", ".join(str(list(a.extents())) for a in item.inputs)
        return f"{item.name}({given})"
    if not isinstance(item, Loop):
        return "scalar code"
    head = f"{names.get(item.index, '_')}[{trips(item):,}]"
    inside: list[list[Any]] = []
    for x in item.body:
        if isinstance(x, (Loop, Product, Routine)):
            text = nest_text(x, names)
            if inside and inside[-1][0] == text:
                inside[-1][1] += 1
            else:
                inside.append([text, 1])
    if not inside:
        return head
    parts = [text if count == 1 else f"{count} x {text}" for text, count in inside]
    return f"{head} {{ {'; '.join(parts)} }}"


def index_names(group: Group, stages: Stages) -> dict[Any, str]:
    """The letter of each loop's class, by the loop's index."""
    letters = class_names(stages.plan)
    symbols = {stages.lowering.symbols.get(c): name for c, name in letters.items()}
    return {x.index: symbols.get(x.end, "") for x in walk(group.lowered) if isinstance(x, Loop)}


def marks_of(group: Group, names: Mapping[Any, str], lanes: int) -> tuple[str, ...]:
    """How the kernel's loops are run: in vectors, in blocks for threads, in runs."""
    found: dict[str, None] = {}
    whole = group.main.index if isinstance(group.main, Loop) else None
    blocks = [k for k, x in enumerate(group.scheduled) if isinstance(x, Loop) and x.blocks]
    last = blocks[0] + 1 if blocks else None  # what follows combines the blocks' results
    for item in walk(group.scheduled[:last]):
        if isinstance(item, Loop) and item.blocks:
            found[f"{extent(item.end):,} blocks for threads"] = None
        elif isinstance(item, Loop) and item.lanes and lanes > 1:
            if item.index in names:
                found[f"{lanes} lanes along {names[item.index]}"] = None
            elif whole in names and isinstance(item.end, Operation):  # of a strip
                found[f"strips of {VECTORS * lanes}, {lanes} lanes along {names[whole]}"] = None
    if isinstance(group.main, Product):
        found["a routine of its own, shared among threads"] = None
    elif isinstance(group.main, Routine):
        found["a routine of its own"] = None
    return tuple(found)


def lines_of(statements: Sequence[Statement], stages: Stages) -> tuple[str, ...]:
    """The user's source lines that statements compute, in the order of the source."""
    found: Counter[Any] = Counter()
    seen: set[Expression] = set()
    kept = stages.plan.selection.kept
    parts = stages.plan.selection.parts
    for s in statements:
        stack = [s.node, s.value, *(s.node.inputs[1:] if s.kind == "scatter" else ())]
        own = {s.node, s.value}
        while stack:
            x = stack.pop()
            if x in seen or (x not in own and (x in kept or x in parts)):
                continue
            if s.kind == "output" and (x in kept or x in parts):
                continue
            seen.add(x)
            node = stages.origin(x)
            if node is not None and x.op not in ("input", "table", "constant", "iota"):
                position = node.position
                if position is not None:
                    code = position[0]
                    found[code.co_filename, line_number(position), describe(position)] += 1
            stack.extend(x.inputs)
    return tuple([text for *_, text in sorted(found)])


def line_number(position: Any) -> int:
    """The line of a position, from its description's own source."""
    head = describe(position).split(": ")[0]
    return int(head.rpartition(":")[2])


def kernels_of(stages: Stages) -> tuple[list[Kernel], list[Any]]:
    """The kernels of a segment, and the last item of each in the program that runs."""
    made: list[Kernel] = []
    ends: list[Any] = []
    for group in groups_of(stages):
        names = index_names(group, stages)
        read, written = traffic(group.lowered)
        flops, dear = operations(group.lowered)
        main = group.main
        kind = {Loop: "loops", Product: "product", Routine: "routine"}.get(type(main), "scalars")
        if kind == "routine":
            for node in [stages.origin(s.node) for s in group.statements]:
                flops += 0 if node is None else node_cost(node).flops
        made.append(
            Kernel(
                kind=kind,
                loops=nest_text(main, names),
                marks=marks_of(group, names, stages.lanes),
                statements=dict(Counter(s.kind for s in group.statements)),
                lines=lines_of(group.statements, stages),
                read=read,
                written=written,
                flops=flops,
                dear=dear,
            )
        )
        ends.append(group.scheduled[-1])
    return made, ends


# ------------------------------------------------------------------------------------- what is kept


def kept_arrays(stages: Stages) -> list[Kept]:
    """The arrays that are materialised, the largest first; those in registers are left out."""
    owner = {array: key for key, array in stages.lowering.arrays.items()}
    found: list[Kept] = []

    def look(body: Sequence[Any], depth: int) -> None:
        for item in body:
            if isinstance(item, Loop):
                look(item.body, depth + 1)
            elif isinstance(item, Scratch) and item.array.role == "scratch":
                shape = item.array.extents()
                if all(isinstance(n, int) for n in item.array.shape):
                    continue  # of fixed size: registers, or the stack
                key = owner.get(item.array)
                found.append(described(item.array, shape, key, depth))

    def described(array: Array, shape: tuple, key: Any, depth: int) -> Kept:
        x = key[1].node if isinstance(key, tuple) else key
        node = stages.origin(x) if isinstance(x, Expression) else None
        return Kept(
            shape=shape,
            dtype=array.dtype.name,
            bytes=math.prod(shape) * array.dtype.itemsize,
            where="cache" if depth else "memory",
            why=reason(key, stages),
            line="" if node is None or node.position is None else describe(node.position),
        )

    look(stages.lowered.body, 0)
    return sorted(found, key=lambda k: -k.bytes)


def reason(key: Any, stages: Stages) -> str:
    """Why an expression is kept in memory."""
    selection = stages.plan.selection
    if isinstance(key, tuple):
        return "the state of a running reduction"
    if key in selection.parts:
        return "put together from parts"
    if key is None or key not in selection.kept:
        return "kept"
    s = selection.kept[key]
    if s.kind == "reduce":
        return f"a {key.attribute[0]}, complete only after its loop"
    if s.kind == "value":
        if key in selection.graph.barriers:
            return "operand of a routine, or asked for in memory"
        return "computed once, read in other loops"
    return {
        "scan": "a running reduction, read in other loops",
        "scatter": "added to at places that are data",
        "product": "the result of a matrix product",
        "routine": "the result of a routine",
    }.get(s.kind, "kept")


def unrolled_axes(stages: Stages) -> dict[int, int]:
    """The extents of the axes that are unrolled, and in how many statements."""
    found: Counter[int] = Counter()
    selection = stages.plan.selection
    for s in stages.plan.statements:
        extents = {n for q, n in enumerate(s.domain) if q not in s.rolled}
        stack, seen = [s.value], {s.value}
        while stack:  # small reductions inside the value are unrolled, too
            for x in stack.pop().inputs:
                if x not in seen and x not in selection.kept and x not in selection.parts:
                    seen.add(x)
                    stack.append(x)
                    if x.op not in ("input", "table", "constant"):
                        extents |= set(x.shape)
        found.update(n for n in extents if n > 1 and not selection.is_loop(n))
    return dict(sorted(found.items()))


def class_origins(stages: Stages, name_of: Callable[[Node], str]) -> dict[str, str]:
    """What each loop letter runs along: "axis 0 of x, axis 1 of y; 1,000"."""
    letters = class_names(stages.plan)
    found: dict[str, list[str]] = {name: [] for name in letters.values()}
    for (x, axis), c in stages.plan.leaves.items():
        if x.op == "input" and c in letters:
            node = stages.real.inputs[x.attribute]
            given = stages.step.inputs[x.attribute]
            text = f"axis {axis} of {name_of(given)}"
            if node.shape == x.shape and text not in found[letters[c]]:
                found[letters[c]].append(text)
    return {
        name: f"{c.extent:,}" + (f": {', '.join(sorted(found[name])[:3])}" if found[name] else "")
        for c, name in letters.items()
    }


__all__ = [
    "KINDS", "Kept", "Kernel", "class_origins", "kept_arrays", "kernels_of",
    "unrolled_axes",
]  # fmt: skip
