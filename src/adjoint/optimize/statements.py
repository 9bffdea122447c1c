"""Statements: what gets a place of its own in the loops; all else is computed where it is read.

Enters: the output expressions of a native segment.  Leaves: `Statement`s in order, each with the
domain it runs over and what it reads at which axes.  A statement is an output, a reduction over an
axis that is a loop, a running reduction, a scatter, a part of an array put together from parts, a
value that is dear and read more than once, or one that would be computed in more loops than it has
axes (`cos(latitude)` for every pair of places).

Small axes are *unrolled*: their places are numbers when code is made, so a 3 x 3 matrix lives in
registers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..graph.cost import DEAR, rough_size
from .expression import Expression, Expressions, is_gather
from .literal import unread_cells

UNROLLED = 16  # largest extent of an unrolled axis
SEVERAL = 4  # extent up to which axes stay unrolled in code that seldom runs, too
SCATTERED = 128  # places up to which a scatter to known ones stays unrolled there
SHORT = 7  # extent up to which axes stay unrolled where dear functions are called
UNROLLED_REGIONS = 64  # the same where parts are put side by side along the axis
REGIONS_IN_ALL = 1024  # parts times extents, of all such, up to which these are unrolled
INSTRUCTIONS = 2000  # of a program with much work, above which fewer axes are unrolled
INSTRUCTIONS_LITTLE = 1500  # of one with little
WORK_EACH = 200  # additions that one more instruction is worth compiling for
COSTS = {
    "div": 8, "sqrt": 10, "exp": 14, "sin": 18, "cos": 18, "log": 22, "tanh": 30, "remainder": 16,
    "floor_divide": 16, "pow": 50, "convert": 1, "neg": 1, "equal": 1,
}  # fmt: skip
SHARED = 7  # cost from which a value read twice is kept
HOISTED = 2  # cost from which a value with fewer loops than its reader is kept
ROUTINES = ("product", "routine")  # kinds that work from memory to memory
LEAVES = frozenset("input table constant iota alias".split())


class Statement:
    """One thing that is done over a domain.

    `kind`: value, reduce, scan, scatter, product, routine, part, output.  `own` gives for each
    axis of the result the domain axis, or None where the place is known at run time only (scatter).
    """

    __slots__ = (
        "classes", "cost", "domain", "done", "home", "kind", "leaves", "nest", "node", "number",
        "order", "own", "path", "reads", "reduced", "rolled", "sequential", "shared", "unread",
        "value",
    )  # fmt: skip

    def __init__(self, node: Expression, kind: str, value: Expression, number: int = 0) -> None:
        self.node = node  # what is stored
        self.kind = kind
        self.value = value  # what is computed over the domain
        self.number = number  # of the output, or of the part
        self.domain: tuple[int, ...] = () if kind in ROUTINES else value.shape
        self.reduced: frozenset[int] = frozenset()
        self.sequential: frozenset[int] = frozenset()
        if kind == "reduce":
            self.reduced = frozenset(node.attribute[1])
        elif kind == "scan":
            self.sequential = frozenset((node.attribute[1],))
        elif kind == "scatter":
            self.reduced = frozenset(range(node.attribute))
        self.own: list[int | None] = []
        if kind == "scatter":
            self.own += [None] * (len(node.inputs) - 1)
        if kind in ROUTINES:
            self.own += [None] * len(node.shape)
        self.own += [q for q in range(len(self.domain)) if q not in self.reduced]
        self.cost = 0
        self.order = 0
        self.reads: list[tuple[Statement, tuple]] = []
        self.leaves: list[tuple[Expression, tuple]] = []
        self.classes: dict[int, Any] = {}  # domain axis -> class, for axes that are loops
        self.nest: list[Any] = []  # the classes, outermost first
        self.path: tuple = ()
        self.home = 0  # in how many loops its result lives
        self.shared = 0  # how many of those all readers share
        self.done = False
        self.unread: frozenset[tuple[int, ...]] = frozenset()  # cells of unrolled axes
        self.rolled: frozenset[int] = frozenset()  # domain axes: loops, though short

    @property
    def key(self) -> tuple[Expression, str, int]:
        """What tells it apart from other statements, in every selection."""
        return self.node, self.kind, self.number

    def __repr__(self) -> str:
        return f"<{self.kind} {self.node!r}>"


class Rare(NamedTuple):
    """What has little to do in a program: its short axes are loops, too, for less code."""

    statements: frozenset[tuple[Expression, str, int]]  # their keys
    expressions: frozenset[Expression]  # computed in those statements only


class Selection:
    """The statements of a segment, and what is unrolled."""

    def __init__(
        self,
        graph: Expressions,
        outputs: Sequence[Expression],
        dropped: frozenset = frozenset(),
        rare: Rare | None = None,
    ) -> None:
        self.graph = graph
        self.outputs = tuple(outputs)
        self.dropped = dropped  # values that are computed again instead
        self.rare = rare or Rare(frozenset(), frozenset())
        self.nodes = ordered(outputs)
        self.limit, self.special = UNROLLED, set()
        boxes = [x for x in self.nodes if x.op == "regions"]
        if sum(len(x.inputs) * max(x.shape, default=1) for x in boxes) <= REGIONS_IN_ALL:
            for x in boxes:
                self.special |= box_extents(x)
        self.costs: dict[Expression, int] = {}
        self.kept: dict[Expression, Statement] = {}  # values, reductions, scans, scatters
        self.parts: dict[Expression, list[Statement]] = {}  # of regions kept in memory
        self.statements: list[Statement] = []
        self.looped: frozenset[int] = frozenset()  # short extents that are loops all the same
        self.select()
        while self.instructions() > self.allowed() and self.roll_one():
            pass
        if self.is_dear_unrolled():
            self.limit, self.special = SHORT, set()
            self.select()
        for s in self.statements:
            find_reads(self, s)
            is_rare = s.key in self.rare.statements or s.node in self.rare.expressions
            if is_rare and not self.scatters_to_few(s):
                s.rolled = frozenset(
                    [q for q, n in enumerate(s.domain) if not self.is_loop(n) and n > SEVERAL]
                )
        self.find_unread()

    def roll_one(self) -> bool:
        """Make loops of the axes of one more extent: of those that leave few enough instructions,
        if there are such, the one with which least goes through memory.  False if there is none."""
        before = self.looped
        extents = {n for x in self.nodes for n in x.shape if n > 1 and not self.is_loop(n)}
        if not extents:
            return False
        found = []
        for n in extents:
            self.looped = before | {n}
            self.select()
            is_much = self.instructions() > self.allowed()
            found.append((is_much, self.traffic(), -n))
        self.looped = before | {-min(found)[2]}
        self.select()
        return True

    def traffic(self) -> int:
        """About how many numbers go through memory."""
        return sum(rough_size(s.domain) * (1 + len(s.value.inputs)) for s in self.statements)

    def scatters_to_few(self, s: Statement) -> bool:
        """Whether a scatter goes to so few places that are known that a loop is not worth it, where
        additions to the same place wait for each other."""
        return (
            s.kind == "scatter"
            and all(index.op == "table" for index in s.node.inputs[1:])
            and math.prod(n for n in s.domain if not self.is_loop(n)) <= SCATTERED
        )

    def is_loop(self, extent: int) -> bool:
        """Whether an axis of this extent is a loop (and not unrolled)."""
        if extent in self.looped:
            return True
        return extent > self.limit and extent not in self.special

    def loops(self, shape: Sequence[int]) -> int:
        """How many axes of a shape are loops."""
        return sum(self.is_loop(n) for n in shape)

    def is_static(self, x: Expression) -> bool:
        """Whether the boxes of `regions` differ along unrolled axes only."""
        for p, n in enumerate(x.shape):
            if self.is_loop(n) and any(
                part.shape[p] != n or steps[p] != 1
                for part, (_, steps) in zip(x.inputs, x.attribute, strict=True)
            ):
                return False
        return True

    def select(self) -> None:
        """Choose what is kept."""
        users = self.users()
        self.costs, self.kept, self.parts = {}, {}, {}
        for x in self.nodes:
            cost = self.own_cost(x)
            if x.op == "reduce" and any(
                self.is_loop(n) or (n > SEVERAL and x in self.rare.expressions)
                for n in [x.inputs[0].shape[k] for k in x.attribute[1]]
            ):
                self.kept[x] = Statement(x, "reduce", x.inputs[0])
                cost = 1
            elif x.op == "scan" and self.is_loop(x.inputs[0].shape[x.attribute[1]]):
                self.kept[x] = Statement(x, x.op, x.inputs[0])
                cost = 1
            elif x.op == "scatter":
                self.kept[x] = Statement(x, "scatter", x.inputs[0])
                cost = 1
            elif x.op in ROUTINES:
                self.kept[x] = Statement(x, x.op, x)
                cost = 1
            elif x.op == "regions" and not self.is_static(x):
                self.parts[x] = [
                    Statement(x, "part", part, number) for number, part in enumerate(x.inputs)
                ]
                cost = 1
            elif x in self.graph.barriers and x.op not in ("input", "table", "constant"):
                self.kept[x] = Statement(x, "value", x)
                cost = 1
            elif x.op not in LEAVES and x.op != "view":
                readers = {u for u, _ in users[x]}
                own = self.loops(x.shape)
                hoisted = any(self.loops(domain) > own for _, domain in users[x])
                if x not in self.dropped and (
                    (cost >= SHARED and len(readers) > 1) or (cost >= HOISTED and hoisted)
                ):
                    self.kept[x] = Statement(x, "value", x)
                    self.kept[x].cost = cost
                    cost = 1
            self.costs[x] = cost
        found: list[Statement] = []
        for x in self.nodes:
            if x in self.kept:
                found.append(self.kept[x])
            found.extend(self.parts.get(x, ()))
        for number, x in enumerate(self.outputs):
            found.append(Statement(x, "output", x, number))
        for order, s in enumerate(found):
            s.order = order
        self.statements = found

    def find_unread(self) -> None:
        """Which cells of sums are masked out wherever they are read."""
        readers: dict[Expression, list[Expression]] = {}
        for x in self.nodes:
            for a in x.inputs:
                readers.setdefault(a, []).append(x)
        for x, s in self.kept.items():
            if s.kind == "reduce" and x not in self.outputs and not s.rolled:
                axes = [k for k, n in enumerate(x.shape) if not self.is_loop(n)]
                s.unread = unread_cells(x, readers.get(x, ()), axes)

    def users(self) -> dict[Expression, list[tuple[Expression, tuple]]]:
        """Who computes with a value, views left aside, and over which domain."""
        users: dict[Expression, list] = {x: [] for x in self.nodes}
        for x in self.nodes:
            if x.op in ("view", "alias"):
                continue
            domain = x.inputs[0].shape if x.op in ("reduce", "scatter") else x.shape
            for a in x.inputs:
                while True:
                    users[a].append((x, domain))
                    if a.op != "view":
                        break
                    for index in a.inputs[1:]:
                        users[index].append((x, domain))
                    a = a.inputs[0]
        return users

    def own_cost(self, x: Expression) -> int:
        """What it costs to compute one element where it is read, in additions."""
        inside = [self.costs[a] for a in x.inputs]
        if x.op in ("input", "table", "alias"):
            return 1
        if x.op in ("constant", "iota"):
            return 0
        if x.op == "view":
            return sum(inside)
        if x.op == "regions":
            return max(inside, default=0)
        if x.op in ("reduce", "scan"):
            axes = x.attribute[1]
            reduced = (axes,) if isinstance(axes, int) else axes
            count = rough_size(x.inputs[0].shape[k] for k in reduced)
            return count * (1 + inside[0])
        if x.op == "map":
            name = x.attribute[0]
            return COSTS.get(name, 30 if name in DEAR else 1) + sum(inside)
        return 1 + sum(inside)

    def is_dear_unrolled(self) -> bool:
        """Whether a program without a loop calls dear functions for many elements: as vectors they
        are faster, and sooner compiled."""
        if any(self.loops(s.domain) for s in self.statements):
            return False
        calls = [
            max(x.shape) for x in self.nodes
            if x.op == "map" and x.attribute[0] in DEAR and x.shape and max(x.shape) > SHORT
        ]  # fmt: skip
        return sum(calls) >= 2 * SHORT

    def allowed(self) -> float:
        """How many instructions the program may have: more where they have more to do."""
        work = sum(
            rough_size(s.domain) * max(s.cost, self.costs[s.value], 1) for s in self.statements
        )
        return min(INSTRUCTIONS, INSTRUCTIONS_LITTLE + work / WORK_EACH)

    def instructions(self, statements: Sequence[Statement] | None = None) -> int:
        """An estimate of the instructions of the code, or of that of some statements."""
        total = 0
        seen: set[Expression] = set()
        for s in self.statements if statements is None else statements:
            total += math.prod(n for n in s.domain if not self.is_loop(n))
            for x in self.computed(s, seen):
                if x.op == "map":
                    name = x.attribute[0]
                    weight = 1 if COSTS.get(name, 30 if name in DEAR else 1) < 9 else 20
                    total += weight * math.prod(n for n in x.shape if not self.is_loop(n))
                elif x.op == "reduce" and x not in self.kept:
                    total += math.prod(n for n in x.inputs[0].shape if not self.is_loop(n))
        return total

    def computed(self, s: Statement, seen: set[Expression]) -> Iterator[Expression]:
        """What a statement computes where it stands, without what has been seen before."""
        stack = [s.value]
        while stack:
            x = stack.pop()
            if x in seen or (x in self.kept and x is not s.node):
                continue
            seen.add(x)
            yield x
            stack.extend(x.inputs)


def box_extents(x: Expression) -> set[int]:
    """Extents of the axes along which parts lie side by side, where small enough to unroll."""
    found = set()
    for p, n in enumerate(x.shape):
        if n <= UNROLLED_REGIONS and len(x.inputs) * n <= 4 * UNROLLED_REGIONS and any(
            part.shape[p] != n for part in x.inputs
        ):  # fmt: skip
            found.add(n)
    return found


def ordered(outputs: Sequence[Expression]) -> list[Expression]:
    """All expressions that the outputs depend on, in order of birth."""
    seen = set(outputs)
    stack = list(seen)
    while stack:
        for a in stack.pop().inputs:
            if a not in seen:
                seen.add(a)
                stack.append(a)
    return sorted(seen, key=lambda x: x.number)


def find_reads(selection: Selection, s: Statement) -> None:
    """What a statement reads: kept values and leaves, each with the domain axis for each of its
    axes (None where that is no plain axis)."""
    reads: dict[Any, tuple[Statement, tuple]] = {}
    leaves: dict[Any, tuple[Expression, tuple]] = {}
    seen: set[Any] = set()
    everything: tuple[int | None, ...] = tuple(range(len(s.domain)))
    stack: list[tuple[Expression, tuple, bool]] = [(s.value, everything, s.kind == "value")]
    if s.kind in ROUTINES:
        stack = [(x, (None,) * len(x.shape), False) for x in s.node.inputs]
    if s.kind == "scatter":
        count = s.node.attribute
        stack += [(i, everything[:count], False) for i in s.node.inputs[1:]]
    while stack:
        x, at, is_root = stack.pop()
        if not is_root:
            if (x, at) in seen:
                continue
            seen.add((x, at))
            if x in selection.kept:
                reads[x, at] = selection.kept[x], at
                continue
            if x in selection.parts:
                for piece, (starts, steps) in zip(selection.parts[x], x.attribute, strict=True):
                    aligned = tuple([
                        q if starts[p] == 0 and steps[p] == 1 and piece.domain[p] == n else None
                        for p, (q, n) in enumerate(zip(at, x.shape, strict=True))
                    ])  # fmt: skip
                    reads[x, at, piece.number] = piece, aligned
                continue
        if x.op in ("input", "table"):
            leaves[x, at] = x, at
        elif x.op == "view":
            stack.extend((a, b, False) for a, b in view_reads(x, at))
        elif x.op in ("reduce", "scan"):
            stack.append((x.inputs[0], inner_axes(x, at), False))
        elif x.op == "alias":
            source = selection.kept.get(x.inputs[0])
            nowhere = (None,) * len(x.inputs[0].shape)
            if source is not None:
                reads[x, nowhere] = source, nowhere
            else:
                stack.append((x.inputs[0], nowhere, False))
        elif x.op == "regions":
            for part, (starts, steps) in zip(x.inputs, x.attribute, strict=True):
                moved = tuple([
                    q if starts[p] == 0 and steps[p] == 1 and part.shape[p] == n else None
                    for p, (q, n) in enumerate(zip(at, x.shape, strict=True))
                ])  # fmt: skip
                stack.append((part, moved, False))
        else:
            stack.extend((a, at, False) for a in x.inputs)
    s.reads = list(reads.values())
    s.leaves = list(leaves.values())


def inner_axes(x: Expression, at: tuple) -> tuple:
    """The axes of a reduction's input, given those of its result."""
    axes = x.attribute[1]
    if x.op == "scan":
        return tuple([None if p == axes else q for p, q in enumerate(at)])
    reduced = (axes,) if isinstance(axes, int) else axes
    rest = iter(at)
    return tuple([None if p in reduced else next(rest) for p in range(len(x.inputs[0].shape))])


def view_reads(x: Expression, at: tuple) -> list[tuple[Expression, tuple]]:
    """What a view reads, at which axes."""
    source = x.inputs[0]
    place: list[Any] = []
    found: list[tuple[Expression, tuple]] = []
    for p, m in enumerate(x.attribute):
        if is_gather(m):
            place.append(None)
            found.append((x.inputs[m[1]], tuple([at[k] for k in m[2]])))
            continue
        terms, offset = m
        plain = len(terms) == 1 and terms[0][1] == 1 and offset == 0
        plain = plain and x.shape[terms[0][0]] == source.shape[p]
        place.append(at[terms[0][0]] if plain else None)
    return [(source, tuple(place)), *found]
