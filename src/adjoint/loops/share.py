"""Threads: the outermost loops in blocks, which may run at the same time.

Enters: a loop program.  Leaves: the same with large outermost loops cut into blocks.  How many
there are follows from the sizes alone, and the blocks' partial results are combined in their order:
what is computed does not depend on the number of threads.

A loop qualifies where its iterations write to different elements, or update accumulators, of which
each block then has its own.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ..graph.cost import DEAR, rough
from .ir import (
    INDEX,
    Array,
    Constant,
    Index,
    Load,
    Loop,
    Operation,
    Place,
    Program,
    Scratch,
    Size,
    Store,
    Symbol,
    Update,
    extent,
    neutral,
    walk,
)
from .lanes import lanes_of

WORTH = 20_000  # work of a block, in additions: some 8 microseconds
RARE_WORTH = 400_000  # the same in a loop with little to do beside others
MOST = 32  # blocks
HEAVY = 20  # additions that a dear function costs
FEW = 32  # elements up to which loops over them are unrolled
SHORT = 24  # operations of a loop that works on four registers at once
FAR_MORE = 30  # times the work of combining blocks' accumulators, which need not be fast then
COMBINING = 12  # vector operations for an element with a partial result for each lane
COPYING = 8  # the same for a vector of elements without


class Written(NamedTuple):
    """What a loop does to arrays from outside."""

    updates: dict[Array, str]  # accumulators: every block needs its own
    is_shareable: bool


def share(program: Program, lanes: int) -> Program:
    """Cut the outermost loops that are worth it into blocks."""
    body: list[Any] = []
    changed = False
    sizes = SizeTable()
    for item in program.body:
        if isinstance(item, Loop):
            made = shared(item, lanes, sizes)
            if made is not None:
                body += made
                changed = True
                continue
        body.append(item)
    return Program(program.inputs, program.outputs, body) if changed else program


class SizeTable:
    """Symbols made here, one for each meaning."""

    def __init__(self) -> None:
        self.found: dict[Any, Symbol] = {}

    def symbol(self, key: Any, value: int) -> Symbol:
        """The symbol of a number."""
        return self.found.setdefault((*key, value), Symbol(value))


def shared(loop: Loop, lanes: int, sizes: SizeTable) -> list[Any] | None:
    """A loop in blocks, with what goes before and after; None where it is not worth it."""
    if not isinstance(loop.end, Symbol) or loop.begin != 0:
        return None
    written = writes(loop)
    if not written.is_shareable:
        return None
    n, step = loop.end.value, lanes if loop.lanes else 1
    partial = partial_results(loop) if lanes > 1 else set()
    if number_of_blocks(loop, written, partial, lanes, rough) < 2 or n < 2 * step:
        return None
    count = number_of_blocks(loop, written, partial, lanes, int)
    size = max(n // count // step * step, step)
    count = n // size
    blocks = sizes.symbol(("blocks", loop), count)
    by = sizes.symbol(("block size", loop), size)
    outer = Loop(blocks, blocks=True, rare=loop.rare)
    first = Operation("mul", [outer.index, by], INDEX)
    following = Operation("add", [first, by], INDEX)
    one = Constant(1, INDEX)
    after = Operation("add", [outer.index, one], INDEX)
    is_last = Operation("equal", [after, blocks], bool)
    end = Operation("select", [is_last, loop.end, following], INDEX)
    outer.body = [first, following, after, is_last, end]
    private = {a: Array(a.shape, a.dtype, "scratch") for a in written.updates}
    before: list[Any] = []
    later: list[Any] = []
    inner = Loop(end, replaced(loop.body, private), first, lanes=loop.lanes, rare=loop.rare)
    inner.index = loop.index
    for array, combine in written.updates.items():
        own = private[array]
        outer.body.append(Scratch(own, neutral(combine, array.dtype)))
    outer.body.append(inner)
    total = work(loop, rough) / (lanes if any_lanes(loop) else 1)
    is_rare = total > FAR_MORE * MOST * clearing(written, partial, lanes, rough)
    partial = partial_results(inner)
    groups: dict[Any, list[Array]] = {}
    for array in written.updates:
        groups.setdefault(number_of_cells(array, sizes), []).append(array)
    for cells, some in groups.items():
        is_wide = lanes > 1 and min(extent(cells), rough(extent(cells))) >= max(lanes, FEW)
        every = {a: Array((blocks, cells), a.dtype, "scratch") for a in some}
        before += [Scratch(x) for x in every.values()]
        for is_partial in (True, False):
            pairs = [
                (flat(private[a], cells), every[a])
                for a in some
                if (private[a] in partial) == is_partial
            ]
            if pairs:
                copied = functools.partial(copies, pairs, outer.index)
                outer.body += over(cells, is_wide and not is_partial, copied)
        sums = [(every[a], flat(a, cells), written.updates[a]) for a in some]
        combined = over(cells, is_wide, functools.partial(gathered, sums, blocks))
        for x in combined:
            if isinstance(x, Loop):
                x.rare = is_rare
        later += combined
    return [*before, outer, *later]


def number_of_blocks(
    loop: Loop, written: Written, partial: set[Array], lanes: int, measure: Callable[[int], int]
) -> int:
    """How many blocks are worth it: a power of two, so that two threads, or four, have as much to
    do.  Sizes count as `measure` says.

    With a thread for each of B blocks the time is work/B, and B times what clearing and combining
    accumulators costs: least where B is the root of their ratio.
    """
    total = work(loop, measure) / (lanes if any_lanes(loop) else 1)
    least = max(1.0, clearing(written, partial, lanes, measure))
    most = min(MOST, total / (RARE_WORTH if loop.rare else WORTH), math.sqrt(total / least))
    return 1 << max(0, int(most).bit_length() - 1)


def clearing(
    written: Written, partial: set[Array], lanes: int, measure: Callable[[int], int]
) -> float:
    """What it costs to clear and combine the accumulators of one block."""
    total = 0.0
    for a in written.updates:
        cells = math.prod(map(measure, a.extents()))
        total += cells * (COMBINING if a in partial else COPYING / lanes)
    return total


def partial_results(loop: Loop) -> set[Array]:
    """The arrays that have a partial result for each lane."""
    inside = [x for x in walk([loop]) if isinstance(x, Loop) and x.lanes]
    return {a for x in inside for a in lanes_of(x).partial}


def number_of_cells(array: Array, sizes: SizeTable) -> Size:
    """How many elements an array has."""
    if all(isinstance(n, int) for n in array.shape):
        return math.prod(array.extents())
    if len(array.shape) == 1:
        return array.shape[0]
    return sizes.symbol(("cells", array.shape), math.prod(array.extents()))


def flat(array: Array, cells: Size) -> Array:
    """An array as a list of its elements."""
    if len(array.shape) == 1:
        return array
    return Array((cells,), array.dtype, array.role, base=array)


def any_lanes(loop: Loop) -> bool:
    """Whether it is, or has, a lanes loop."""
    return loop.lanes or any(isinstance(x, Loop) and x.lanes for x in walk(loop.body))


def copies(pairs: Sequence[tuple[Array, Array]], block: Index, at: Place) -> list[Any]:
    """An element of a block's accumulators into the arrays of all blocks'."""
    items: list[Any] = []
    for own, every in pairs:
        found = Load(own, [at])
        items += [found, Store(every, [Place([(block, 1)]), at], found)]
    return items


def gathered(sums: Sequence[tuple[Array, Array, str]], blocks: Symbol, at: Place) -> list[Any]:
    """An element of the blocks' partial results combined, in order; of a sum nothing is lost."""
    items: list[Any] = []
    for every, array, combine in sums:
        total = Array((), array.dtype, "scratch")
        loop = Loop(blocks)
        part = Load(every, [Place([(loop.index, 1)]), at])
        loop.body = [part, Update(total, [], combine, part)]
        whole = Load(total, [])
        is_sum = combine == "add" and array.dtype.kind == "f"
        start = Scratch(total, neutral(combine, array.dtype), compensated=is_sum)
        items += [start, loop, whole, Update(array, [at], combine, whole)]
    return items


def over(cells: Size, lanes: bool, body: Callable[[Place], list[Any]]) -> list[Any]:
    """What is done to each of several elements: in a loop, or one after the other if few."""
    if isinstance(cells, int) and cells <= FEW:
        return [x for k in range(cells) for x in body(Place((), k))]
    loop = Loop(cells, lanes=lanes)
    loop.body = body(Place([(loop.index, 1)]))
    return [loop]


def replaced(body: Sequence[Any], arrays: dict[Array, Array]) -> list[Any]:
    """The body with other arrays to update; what is not touched stays the same objects."""
    made: list[Any] = []
    for item in body:
        if isinstance(item, Update) and item.array in arrays:
            item = Update(arrays[item.array], item.places, item.combine, item.value)
        elif isinstance(item, Loop):
            item = item.again(replaced(item.body, arrays))
        made.append(item)
    return made


def writes(loop: Loop) -> Written:
    """What a loop writes to, and whether its iterations may run at the same time."""
    inside = {x.array for x in walk(loop.body) if isinstance(x, Scratch)}
    mine = following(loop)
    updates: dict[Array, str] = {}
    stores: set[Array] = set()
    same: set[Array] = set()  # written at places that are the same in several iterations
    loads: set[Array] = set()
    for item in walk(loop.body):
        if isinstance(item, Load):
            loads.add(item.array)
        elif isinstance(item, (Store, Update)) and item.array not in inside:
            is_own = any(
                v in mine and coefficient != 0
                for place in item.places
                for v, coefficient in place.terms
            )
            if isinstance(item, Store):
                stores.add(item.array)
                if not is_own:
                    same.add(item.array)
            elif not is_own:
                if updates.setdefault(item.array, item.combine) != item.combine:
                    same.add(item.array)
    touched = set(updates)
    bad = same or (touched & loads) or (touched & stores)
    return Written(updates, not bad)


def following(loop: Loop) -> set[Any]:
    """The indices that tell iterations of a loop apart: its own."""
    return {loop.index}


def work(loop: Loop, measure: Callable[[int], int] = int) -> float:
    """The additions that a loop costs; sizes count as `measure` says."""

    def of(body: Sequence[Any]) -> Iterator[float]:
        for item in body:
            if isinstance(item, Loop):
                yield measure(trips(item)) * sum(of(item.body))
            elif isinstance(item, Operation):
                yield HEAVY if item.name in DEAR else 1
            elif isinstance(item, (Load, Store, Update)):
                yield 2

    return measure(trips(loop)) * sum(of(loop.body))


def is_chain(program: Program) -> bool:
    """Whether the heaviest lanes loop is a short chain of dear functions: what one vector waits for
    is then hidden by working on more vectors at once."""
    loop = heaviest(program)
    if loop is None or any(isinstance(x, (Loop, Scratch)) for x in loop.body):
        return False
    operations = [x for x in loop.body if isinstance(x, Operation)]
    dear = [x for x in operations if x.name in DEAR]
    return len(dear) >= 2 and len(operations) <= SHORT


def gathers(loop: Loop) -> bool:
    """Whether a loop reads or updates at places that are data."""
    return any(
        (isinstance(x, Operation) and x.name == "place")
        or (
            isinstance(x, (Load, Store, Update))
            and any(isinstance(v, Load) for place in x.places for v, _ in place.terms)
        )
        for x in walk(loop.body)
    )


def heaviest(program: Program) -> Loop | None:
    """The lanes loop with most work."""
    loops = [x for x in walk(program.body) if isinstance(x, Loop) and x.lanes]
    return max(loops, key=lambda x: work(x, rough), default=None)


def trips(loop: Loop) -> int:
    """How often a loop runs."""
    return extent(loop.end) if isinstance(loop.end, (int, Symbol)) else 1
