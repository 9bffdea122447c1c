"""How loops run: which axes go along the lanes of a vector.

Enters: a plan.  Leaves: the classes whose loops are marked `lanes`; no statement has two of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..graph.cost import rough, rough_size
from ..optimize.fuse import Class, Plan
from ..optimize.statements import Statement

ACROSS = 10  # accesses that adding up the lanes of a vector costs
LONG = 96  # iterations from which the last vector's waste does not count


def lane_classes(plan: Plan, lanes: int) -> tuple[Class, ...]:
    """The class that costs least as vectors, then, among the statements without it, the next one:
    the work of a statement is divided by the lanes, times what the last vector wastes, plus every
    access that is not to neighbours, plus what a result costs that is spread over the lanes."""
    left = list(plan.statements)
    candidates = [
        c
        for c in plan.classes
        if min(c.extent, rough(c.extent)) >= lanes and not c.is_fixed and not is_sequential(plan, c)
    ]
    found: list[Class] = []
    while candidates:
        by_class: dict[Class, list[Statement]] = {}
        for s in left:
            for c in set(s.classes.values()):
                by_class.setdefault(c, []).append(s)
        total = sum(work_of(s) for s in left)
        scores = {c: round(total + change(by_class.get(c, ()), c, lanes), 2) for c in candidates}
        best = min(candidates, key=lambda c: (scores[c], c.rank))
        found.append(best)
        beside = {c for s in plan.statements for c in s.nest if best in s.nest}
        left = [s for s in left if best not in s.nest]
        here = {c for s in left for c in s.nest}
        candidates = [c for c in candidates if c in here and c not in beside]
    return tuple(found)


def work_of(s: Statement) -> int:
    """The accesses that a statement costs, one element at a time."""
    return rough_size(s.domain) * (1 + len(s.reads))


def change(statements: Sequence[Statement], c: Class, lanes: int) -> float:
    """What statements that run through a class cost more or less where it goes along the lanes."""
    total = 0.0
    for s in statements:
        work = work_of(s)
        axis = next(q for q, k in s.classes.items() if k is c)
        waste = math.ceil(c.extent / lanes) * lanes / c.extent if c.extent < LONG else 1.0
        across = rough_size(s.domain) / rough(c.extent) * ACROSS if axis in s.reduced else 0
        total += work / lanes * waste + strided(s, c, axis) + across - work
    return total


def is_sequential(plan: Plan, c: Class) -> bool:
    """Whether an iteration needs the one before."""
    return any(s.classes.get(q) is c for s in plan.statements for q in s.sequential)


def strided(s: Statement, c: Class, axis: int) -> int:
    """How often elements are read or written that are not next to each other along a class: what is
    read in a loop inside others is read in each of their iterations."""
    outer = s.nest[: s.nest.index(c)]
    found = 0

    def times(shape: Sequence[int], at: Sequence[int | None]) -> int:
        if axis not in at or is_contiguous(shape, at.index(axis)):
            return 0
        mine = [s.classes.get(q) for q in at if q is not None]
        around = [rough(k.extent) for k in outer if k not in mine]
        return rough_size(shape) * math.prod(around)

    for x, at in s.leaves:
        found += times(x.shape, at)
    for p, at in s.reads:
        if c not in [nest.of for nest in p.path[: p.home]]:
            found += times(p.node.shape, at)
    if c not in [nest.of for nest in s.path[: s.home]] or s.kind == "output":
        found += times(s.node.shape, s.own)
    return found


def is_contiguous(shape: Sequence[int], axis: int) -> bool:
    """Whether elements along an axis lie side by side, or in pairs side by side."""
    return axis == len(shape) - 1 or (axis == len(shape) - 2 and shape[-1] == 2)
