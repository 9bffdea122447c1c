"""Which loops have little to do, beside the others of a program.

Enters: a loop program.  Leaves: the same, its outermost loops that do less than a small share of
the work marked `rare`: they take one vector at a time, and use the vector forms of mathematical
functions, so that they cost little code.  Speed there would not be noticed, but the time to compile
would.
"""

from __future__ import annotations

from ..graph.cost import rough, rough_size
from .ir import Loop, Product, Program, Routine, extent, walk
from .share import work

MUCH = 200_000  # work of a program, in additions, in which some loops may be rare
LITTLE = 0.05  # share of the work that such a loop does, at most
ROUTINE = 30  # additions that a routine costs for each element


def mark_rare(program: Program) -> Program:
    """Mark the outermost loops with little work, and the loops inside them."""
    shares = [(item, item_work(item)) for item in program.body]
    total = sum(share for _, share in shares)
    if total < MUCH:
        return program
    for item, share in shares:
        if isinstance(item, Loop) and share < LITTLE * total:
            for loop in (item, *[x for x in walk(item.body) if isinstance(x, Loop)]):
                loop.rare = True
    return program


def item_work(item: object) -> float:
    """The additions that an item of a program costs."""
    if isinstance(item, Loop):
        return work(item, rough)
    if isinstance(item, Product):
        sizes = [extent(n) for _, n in item.axes]
        return rough_size(sizes) * (rough(extent(item.batch[1])) if item.batch else 1)
    if isinstance(item, Routine):
        return ROUTINE * rough_size(item.output.extents())
    return 0.0
