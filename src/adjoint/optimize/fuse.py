"""Fusion: which statements share loops, and where values live between them.

Enters: the statements of a segment.  Leaves: a `Plan`: a tree of loops over axis classes with the
statements in it, and for each value the loops that it lives in.

Axes that are read in step form *classes* (union-find over the axes of statements and leaves, the
largest transfers first; a union that would give one statement the same class twice is refused, so
that x[i] and x[j] stay apart).  In a gradient the batch axes of the forward and the backward part
fall into one class: both share one loop, and the parameters' gradients are its accumulators.

The tree is built level by level: the class with the least remaining work opens a loop, and every
statement joins whose predecessors are done, or are in step within this loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..graph.cost import rough, rough_size
from .expression import Expression, Expressions
from .statements import ROUTINES, Rare, Selection, Statement

CACHED = 32768  # bytes that stay in the first cache
RECOMPUTED = 8  # cost up to which a value is computed again rather than read from there
MUCH = 100_000  # additions of a program in which some statements may run rarely
LITTLE = 0.05  # share of the work that those do, at most
VERY_LITTLE = 0.01  # the same inside a loop with others
INSTRUCTIONS = 100  # of such an item from which loops are worth it
RECOMPUTED_FAR = 14  # the same where it would be read from farther away


class Class:
    """Axes that run together."""

    __slots__ = ("extent", "is_fixed", "members", "rank")

    def __init__(self, extent: int, member: Any, is_fixed: bool = False) -> None:
        self.extent = extent
        self.is_fixed = is_fixed  # its extent is part of the code
        self.members = {member}
        self.rank = 0

    def __repr__(self) -> str:
        return f"<class {self.rank}: {self.extent}>"


class Nest:
    """A loop over a class, with statements and loops inside."""

    __slots__ = ("items", "of", "statements")

    def __init__(self, of: Class) -> None:
        self.of = of
        self.items: list[Any] = []
        self.statements: list[Statement] = []


class Plan:
    """The loop tree of a segment."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self.statements = selection.statements
        self.leaves: dict[tuple[Expression, int], Class] = {}
        self.classes: list[Class] = []
        find_classes(self)
        order_classes(self)
        self.items = Tree(self).build(self.statements, 0, ())
        find_homes(self)


def plan(graph: Expressions, outputs: Sequence[Expression]) -> Plan:
    """Place all statements; give up those that are cheaper to compute again than to keep, and do
    not unroll what has little to do."""
    dropped: frozenset[Expression] = frozenset()
    while True:
        found = Plan(Selection(graph, outputs, dropped))
        readers: dict[Statement, list[Statement]] = {}
        for r in found.statements:
            for p, _ in r.reads:
                readers.setdefault(p, []).append(r)
        cheap = [s.node for s in found.statements if is_cheaper_again(found, s, readers)]
        if not cheap:
            break
        cheap.sort(key=lambda x: -x.number)
        dropped = dropped | set(cheap[: 1 + len(cheap) // 4])
    rare = rarely_run(found)
    return Plan(Selection(graph, outputs, dropped, rare)) if rare else found


def rarely_run(plan: Plan) -> Rare | None:
    """The items that do little of a program's work, but would make much of its code with their
    short axes unrolled; None if there are none."""
    selection = plan.selection
    total = sum(cost(selection, s) for s in plan.statements)
    if total < MUCH:
        return None
    rare: list[Statement] = []
    other: list[Statement] = []

    def look(items: Sequence[Any], most: float) -> None:
        for item in items:
            statements = inside(item)
            share = sum(cost(selection, s) for s in statements)
            is_short = selection.instructions(statements) <= INSTRUCTIONS
            if share <= most and not is_short and all(s.kind != "scan" for s in statements):
                rare.extend(statements)
            elif is_short or not isinstance(item, Nest):
                other.extend(statements)
            else:
                look(item.items, VERY_LITTLE * total)

    look(plan.items, LITTLE * total)
    if not rare:
        return None
    found = {x for s in rare for x in selection.computed(s, set())}
    found -= {x for s in other for x in (s.node, *selection.computed(s, set()))}
    return Rare(frozenset([s.key for s in rare]), frozenset(found))


def inside(item: Any) -> list[Statement]:
    """The statements of an item of the loop tree."""
    return item.statements if isinstance(item, Nest) else [item]


def cost(selection: Selection, s: Statement) -> int:
    """The additions that a statement costs."""
    if s.kind == "product":
        return rough_size((*s.node.shape, s.node.inputs[0].shape[-1]))
    return rough_size(s.domain) * max(s.cost, selection.costs[s.value], 1)


def is_cheaper_again(plan: Plan, s: Statement, readers: dict[Statement, list[Statement]]) -> bool:
    """Whether a buffered value should be computed where it is read."""
    if s.kind != "value" or s.node in plan.selection.graph.barriers:
        return False
    if s.shared >= len(s.path):
        return False
    size = s.node.dtype.itemsize
    size *= rough_size(
        nest.of.extent for nest in s.path[s.shared :] if nest.of in s.classes.values()
    )
    size *= math.prod(n for q, n in enumerate(s.domain) if q not in s.classes)
    own = {nest.of for nest in s.path}
    hoisted = any(
        len(r.path) > len(s.path) or {nest.of for nest in r.path} - own for r in readers.get(s, ())
    )
    return not hoisted and s.cost <= (RECOMPUTED if size <= CACHED else RECOMPUTED_FAR)


# ------------------------------------------------------------------------------------------ classes


def find_classes(plan: Plan) -> None:
    """Unite the axes that are read in step."""
    selection = plan.selection
    parent: dict[Any, Class] = {}
    forward: dict[Class, Class] = {}

    def find(c: Class) -> Class:
        while c in forward:
            c = forward[c]
        return c

    for s in plan.statements:
        for q, n in enumerate(s.domain):
            if selection.is_loop(n) or q in s.rolled:
                parent[s, q] = Class(n, s, q in s.rolled)
    edges: list[tuple[int, int, int, Statement, Any, tuple]] = []
    for s in plan.statements:
        reader = rough_size(s.domain)
        for p, at in s.reads:
            edges.append((rough_size(p.node.shape), 1, reader, s, p, at))
        for x, at in s.leaves:
            edges.append((rough_size(x.shape), 0, reader, s, x, at))
            for q, n in enumerate(x.shape):
                if selection.is_loop(n) and (x, q) not in parent:
                    parent[x, q] = Class(n, x)
    edges.sort(key=lambda e: (e[0], e[1], e[2]), reverse=True)
    for _, is_statement, _, s, source, at in edges:
        for j, q in enumerate(at):
            other = source.own[j] if is_statement else j
            if q is None or other is None:
                continue
            if (source, other) not in parent or (s, q) not in parent:
                continue
            a, b = find(parent[source, other]), find(parent[s, q])
            if a is not b and a.extent == b.extent and not a.members & b.members:
                b.members |= a.members
                forward[a] = b
    found: dict[Class, None] = {}
    for key, c in parent.items():
        root = find(c)
        if isinstance(key[0], Statement):
            key[0].classes[key[1]] = root
            found[root] = None
        else:
            plan.leaves[key] = root
    plan.classes = list(found)


def order_classes(plan: Plan) -> None:
    """Which loops are outermost: in the whole program where it has no routines, else in each
    stretch between them, as no loop goes across one."""
    plan.classes.sort(key=ordering(plan, plan.statements, False))
    for rank, c in enumerate(plan.classes):
        c.rank = rank
    stretches: dict[int, list[Statement]] = {}
    for s, number in stretches_of(plan.statements).items():
        stretches.setdefault(number, []).append(s)
    for some in stretches.values():
        key = ordering(plan, some, True) if len(stretches) > 1 else lambda c: c.rank
        for s in some:
            s.nest = sorted(set(s.classes.values()), key=key)


def stretches_of(statements: Sequence[Statement]) -> dict[Statement, int]:
    """After how many routines a statement runs, one after the other; one that others read runs with
    the first of them."""
    found: dict[Statement, int] = {}
    for s in statements:
        found[s] = max([found[p] + (p.kind in ROUTINES) for p, _ in s.reads], default=0)
    first: dict[Statement, int] = {}
    for s in reversed(statements):
        if s.kind not in ROUTINES:
            found[s] = first.get(s, found[s])
        for p, _ in s.reads:
            first[p] = min(first.get(p, found[s]), found[s])
    return found


def ordering(
    plan: Plan, statements: Sequence[Statement], is_stretch: bool
) -> Callable[[Class], tuple]:
    """What the classes of some statements are sorted by: the one with the fewest phases goes
    outermost (phases: the longest chain of reductions over it before its last statement), then the
    one with most work (in a stretch, which has few statements, about as much counts as much), then
    the axis that comes first in the largest array that is read."""
    own = set(statements)
    reducing: set[Class] = set()
    work: dict[Class, int] = {}
    position: dict[Class, tuple[int, int]] = {}

    def is_read(c: Class, shape: Sequence[int], axis: int) -> None:
        here = -rough_size(shape), axis
        position[c] = min(position.get(c, here), here)

    for s in statements:
        reducing.update(s.classes[q] for q in s.reduced if q in s.classes)
        for c in set(s.classes.values()):
            work[c] = work.get(c, 0) + rough_size(s.domain)
        for p, at in s.reads if is_stretch else ():
            for axis, q in enumerate(at):
                if p.kind in ROUTINES and q in s.classes:
                    is_read(s.classes[q], p.node.shape, axis)
    for (x, axis), c in plan.leaves.items():
        is_read(c, x.shape, axis)
    most = max(work.values(), default=1)

    def phases(c: Class) -> int:
        if c not in reducing:
            return 0
        depth: dict[Statement, int] = {}
        for s in statements:
            before = [p for p, _ in s.reads if p in own]
            depth[s] = max(
                [depth[p] + any(p.classes.get(q) is c for q in p.reduced) for p in before],
                default=0,
            )
        return max(depth[s] for s in statements if c in s.classes.values())

    def key(c: Class) -> tuple:
        load = work.get(c, 0)
        load = round(8 * load / most) if is_stretch else load
        axis = position.get(c, (0, 0))[1]
        return c.is_fixed, phases(c), -load, axis, -rough(c.extent), c.rank

    return key


# --------------------------------------------------------------------------------------------- tree


def in_step(p: Statement, s: Statement, c: Class) -> bool:
    """Whether every read of p by s is at the same place along a class, which p does not reduce."""
    axis = next(q for q, k in p.classes.items() if k is c)
    reader = next(q for q, k in s.classes.items() if k is c)
    if axis in p.reduced:
        return False
    own = p.own.index(axis)
    return all(at[own] == reader for r, at in s.reads if r is p)


class Tree:
    """Builds the loop tree."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def build(self, statements: list[Statement], depth: int, path: tuple) -> list[Any]:
        """The items at one level, in order."""
        here = set(statements)
        group: dict[Statement, int] = {}
        groups: list[Class] = []
        before: dict[Statement, list[Statement]] = {
            s: list(dict.fromkeys(p for p, _ in s.reads if p in here)) for s in statements
        }

        def opened(s: Statement) -> Class | None:
            return s.nest[depth] if len(s.nest) > depth else None

        def earliest(p: Statement, s: Statement) -> int:
            c = opened(p)
            if c is None:
                return group[p]
            return group[p] + (0 if c is opened(s) and in_step(p, s, c) else 1)

        waiting = {s: len(before[s]) for s in statements}  # for so many others
        readers: dict[Statement, list[Statement]] = {s: [] for s in statements}
        weight: dict[Class, int] = {}
        members: dict[Class, list[Statement]] = {}
        ready: dict[Class, int] = {}  # how many statements of a class wait for nothing
        loose: list[Statement] = []  # those without a loop here that wait for nothing

        def is_ready(s: Statement) -> None:
            c = opened(s)
            if c is None:
                loose.append(s)
            else:
                ready[c] = ready.get(c, 0) + 1

        def put(s: Statement, number: int) -> None:
            group[s] = number
            for r in readers[s]:
                waiting[r] -= 1
                if not waiting[r]:
                    is_ready(r)

        for s in statements:
            for p in before[s]:
                readers[p].append(s)
            if (c := opened(s)) is not None:
                weight[c] = weight.get(c, 0) + rough_size(s.domain)
                members.setdefault(c, []).append(s)
            if not waiting[s]:
                is_ready(s)
        while len(group) < len(statements):
            while loose:
                put(loose.pop(), len(groups))
            open_now = [c for c, count in ready.items() if count]
            if not open_now:
                if len(group) < len(statements):
                    raise AssertionError("statements wait for each other")
                break
            chosen = min(open_now, key=lambda c: (weight[c], c.rank))
            number = len(groups)
            groups.append(chosen)
            rest = []
            for s in members[chosen]:
                if not waiting[s] and all(earliest(p, s) <= number for p in before[s]):
                    ready[chosen] -= 1
                    put(s, number)
                else:
                    rest.append(s)
            members[chosen] = rest
        self.sink(statements, group, groups, opened, earliest)
        items: list[Any] = []
        numbered: list[list[Statement]] = [[] for _ in range(len(groups) + 1)]
        for s in statements:
            numbered[group[s]].append(s)
        for number, some in enumerate(numbered):
            for s in some:
                if opened(s) is None:
                    s.path = path
                    items.append(s)
            inside = [s for s in some if opened(s) is not None]
            if inside:
                nest = Nest(groups[number])
                nest.statements = inside
                nest.items = self.build(inside, depth + 1, (*path, nest))
                items.append(nest)
        return items

    def sink(self, statements: Any, group: Any, groups: Any, opened: Any, earliest: Any) -> None:
        """Values go to where they are read first."""
        reading: dict[Statement, list[Statement]] = {s: [] for s in statements}
        for r in statements:
            for p in dict.fromkeys(p for p, _ in r.reads):
                if p in reading:
                    reading[p].append(r)
        for s in reversed(statements):
            readers = reading[s]
            if s.kind != "value" or not readers:
                continue
            if opened(s) is None:
                group[s] = min(group[r] for r in readers)
            else:
                last = min(group[r] - (earliest(s, r) > group[s]) for r in readers)
                candidates = range(group[s], max(last, group[s]) + 1)
                group[s] = max(k for k in candidates if groups[k] is opened(s))


def find_homes(plan: Plan) -> None:
    """A value lives in the loops that it shares with all of its readers."""
    for s in plan.statements:
        s.home = len(s.path)
        if s.kind in ("reduce", "scatter"):
            reduced = {s.classes[q] for q in s.reduced if q in s.classes}
            inside = [d for d, nest in enumerate(s.path) if nest.of in reduced]
            s.home = min(inside, default=len(s.path))
        s.shared = s.home
    for r in plan.statements:
        for p, _ in r.reads:
            k = 0
            while k < min(p.home, len(r.path)) and p.path[k] is r.path[k]:
                k += 1
            p.shared = min(p.shared, k)
