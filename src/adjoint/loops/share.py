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

import numpy as np

from ..graph.cost import DEAR, rough
from .chunks import APART, Blocks, Cut, chunked
from .deliver import delivered
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

WORTH = 20_000  # work of a block, in additions of a register: some 8 microseconds
NEAR_WORTH = 5_000  # the same where half of what is read was just written on another processor
RARE_WORTH = 400_000  # the same in a loop with little to do beside others
MOST = 32  # blocks
HEAVY = 20  # additions that a dear function costs
FEW = 32  # elements up to which loops over them are unrolled
ONE = 4  # operations of a loop that is hardly more than one of them
SHORT = 24  # operations of a loop that works on four registers at once
FAR_MORE = 30  # times the work of combining blocks' accumulators, which need not be fast then
COMBINING = 12  # vector operations for an element with a partial result for each lane
COPYING = 8  # the same for a vector of elements without
MANY = 1000  # accumulators updated at places that are data which lie with those of all blocks


class Written(NamedTuple):
    """What a loop does to arrays from outside."""

    updates: dict[Array, str]  # accumulators: every block needs its own
    is_shareable: bool


def share(program: Program, lanes: int, registers: int = 1) -> Program:
    """Cut the outermost loops that are worth it into blocks; a vector has so many registers."""
    made = Made(registers)
    cut = cuts(program, lanes, made)
    if not cut:
        return program
    body: list[Any] = []
    for item in program.body:
        body += shared(item, lanes, made, cut[item]) if item in cut else [item]
    body = chunked(body, made.blocks, made.symbol)
    return Program(program.inputs, program.outputs, delivered(body, made.totals))


class Made:
    """What is made here: symbols, one for each meaning; loops over blocks; the updates by all
    blocks' results."""

    def __init__(self, registers: int) -> None:
        self.registers = registers
        self.found: dict[Any, Symbol] = {}
        self.blocks: dict[Loop, Blocks] = {}
        self.totals: set[Update] = set()  # each is done once for every element of its array

    def row(self, cells: Size, dtype: np.dtype) -> Size:
        """The length of a block's row among those of all blocks, which lie apart."""
        gap = APART // dtype.itemsize
        if isinstance(cells, int):
            return cells + gap if cells > FEW else cells
        return self.symbol(("row", cells, gap), cells.value + gap)

    def cut(self, loop: Loop, count: int, step: int) -> Cut:
        """A loop's elements in about so many blocks."""
        n = loop.end.value
        size = max(n // count // step * step, step)
        blocks = self.symbol(("blocks", loop), n // size)
        return Cut(loop.end, blocks, self.symbol(("block size", loop), size))

    def symbol(self, key: Any, value: int) -> Symbol:
        """The symbol of a number."""
        return self.found.setdefault((*key, value), Symbol(value))


class Wish(NamedTuple):
    """A loop that is worth blocks."""

    loop: Loop
    step: int  # elements that a block has a multiple of
    usual: int  # how many blocks, where sizes count as `graph.cost.rough` says
    blocks: int


def cuts(program: Program, lanes: int, made: Made) -> dict[Loop, Cut]:
    """How the outermost loops that are worth it are cut.  A loop whose iterations read, each its
    own, what those of an earlier loop wrote is cut as that one is, in the lower number of blocks:
    then a processor finds what it reads in its own cache.  Unless it wants far fewer."""
    first: dict[Array, Loop] = {}  # of an array, the first loop of those that hand it on
    groups: dict[Loop, list[Wish]] = {}
    for loop in program.body:
        if not isinstance(loop, Loop):
            continue
        mine, rows = following(loop), []
        leader = None
        for x in walk(loop.body):
            if isinstance(x, Store) and is_own(x, mine):
                rows.append(x.array)
            elif isinstance(x, Load) and is_own(x, mine) and leader is None:
                found = first.get(x.array)
                leader = found if found is not None and found.end is loop.end else None
        wish = wished(loop, lanes, (WORTH if leader is None else NEAR_WORTH) // made.registers)
        if wish is None:
            continue
        if leader is None or not fit(groups[leader][0], wish):
            leader = loop
        groups.setdefault(leader, []).append(wish)
        first.update(dict.fromkeys(rows, leader))
    found_cuts: dict[Loop, Cut] = {}
    for leader, wishes in groups.items():
        fewest = min(wish.blocks for wish in wishes)
        count = max(fewest, min(2, wishes[0].blocks))
        cut = made.cut(leader, count, wishes[0].step)
        found_cuts.update((wish.loop, cut) for wish in wishes)
    return found_cuts


def fit(one: Wish, other: Wish) -> bool:
    """Whether two loops may be cut alike: they want about as many blocks."""
    most, fewest = max(one.usual, other.usual), min(one.usual, other.usual)
    return one.step == other.step and most <= 2 * fewest


def wished(loop: Loop, lanes: int, worth: int) -> Wish | None:
    """How many blocks a loop wants; None where they are not worth it."""
    if not isinstance(loop.end, Symbol) or loop.begin != 0:
        return None
    written = writes(loop)
    if not written.is_shareable:
        return None
    step = lanes if loop.lanes else 1
    partial = partial_results(loop) if lanes > 1 else set()
    usual = number_of_blocks(loop, written, partial, lanes, rough, worth)
    if usual < 2 or loop.end.value < 2 * step:
        return None
    count = number_of_blocks(loop, written, partial, lanes, int, worth)
    return Wish(loop, step, usual, count)


def shared(loop: Loop, lanes: int, made: Made, cut: Cut) -> list[Any]:
    """A loop in blocks, with what goes before and after."""
    written = writes(loop)
    partial = partial_results(loop) if lanes > 1 else set()
    blocks, by, count = cut.blocks, cut.by, cut.blocks.value
    outer = Loop(blocks, blocks=True, rare=loop.rare)
    made.blocks[outer] = Blocks(cut, outer.index, loop.index)
    first = Operation("mul", [outer.index, by], INDEX)
    following = Operation("add", [first, by], INDEX)
    one = Constant(1, INDEX)
    after = Operation("add", [outer.index, one], INDEX)
    is_last = Operation("equal", [after, blocks], bool)
    end = Operation("select", [is_last, loop.end, following], INDEX)
    outer.body = [first, following, after, is_last, end]
    scattered = {a for a in written.updates if is_scattered(a, loop) and a not in partial}
    direct = {a for a in scattered if rough(math.prod(a.extents())) >= MANY}
    private = {a: Array(a.shape, a.dtype, "scratch") for a in written.updates if a not in direct}
    rows = {a: Array((blocks, *a.shape), a.dtype, "scratch") for a in direct}
    before: list[Any] = [Scratch(x) for x in rows.values()]
    later: list[Any] = []
    body = replaced(loop.body, private, rows, Place([(outer.index, 1)]))
    inner = Loop(end, body, first, lanes=loop.lanes, rare=loop.rare)
    inner.index = loop.index
    for array, own in private.items():
        outer.body.append(Scratch(own, neutral(written.updates[array], array.dtype)))
    filling = len(outer.body)
    outer.body.append(inner)
    total = work(loop, rough) / (lanes if any_lanes(loop) else 1)
    is_rare = total > FAR_MORE * MOST * clearing(written, partial, lanes, rough)
    partial = partial_results(inner)
    groups: dict[Any, list[Array]] = {}
    for array in written.updates:
        groups.setdefault(number_of_cells(array, made), []).append(array)
    for cells, some in groups.items():
        is_wide = lanes > 1 and min(extent(cells), rough(extent(cells))) >= max(lanes, FEW)
        every = {
            a: Array((blocks, cells), a.dtype, "scratch", base=rows[a])
            if a in rows
            else Array((blocks, made.row(cells, a.dtype)), a.dtype, "scratch")
            for a in some
        }
        before += [Scratch(x) for x in every.values() if x.base is None]
        starts = [(every[a], neutral(written.updates[a], a.dtype)) for a in some if a in direct]
        if starts:
            cleared = functools.partial(filled, starts, outer.index)
            outer.body[filling:filling] = over(cells, is_wide, cleared)
        for is_partial in (True, False):
            pairs = [
                (flat(private[a], cells), every[a])
                for a in some
                if a in private and (private[a] in partial) == is_partial
            ]
            if pairs:
                copied = functools.partial(copies, pairs, outer.index)
                outer.body += over(cells, is_wide and not is_partial, copied)
        near = [(every[a], written.updates[a]) for a in some if a in direct]
        is_paired = bool(near) and len(near) == len(some) and count % 2 == 0 and count > 2
        rows_left, by_row = (
            (made.symbol(("pairs", loop), count // 2), 2) if is_paired else (blocks, 1)
        )
        if is_paired:
            pair = Loop(rows_left, blocks=True)
            pair.body = over(cells, is_wide, functools.partial(paired, near, pair.index))
            later.append(pair)
        sums = [(every[a], flat(a, cells), written.updates[a]) for a in some]
        for x in over(cells, is_wide, functools.partial(gathered, sums, rows_left, by_row)):
            if isinstance(x, Loop):
                made.totals.update(y for y in x.body if isinstance(y, Update))
                x.rare = is_rare
                wish = None if is_rare else wished(x, lanes, NEAR_WORTH // made.registers)
                if wish is None:
                    later.append(x)
                else:
                    later += shared(x, lanes, made, made.cut(x, wish.blocks, wish.step))
            else:
                later.append(x)
    return [*before, outer, *later]


def number_of_blocks(
    loop: Loop,
    written: Written,
    partial: set[Array],
    lanes: int,
    measure: Callable[[int], int],
    worth: int,
) -> int:
    """How many blocks are worth it: a power of two, so that two threads, or four, have as much to
    do.  Sizes count as `measure` says.

    With a thread for each of B blocks the time is work/B, and B times what clearing and combining
    accumulators costs: least where B is the root of their ratio.
    """
    total = work(loop, measure) / (lanes if any_lanes(loop) else 1)
    least = max(1.0, clearing(written, partial, lanes, measure))
    most = min(MOST, total / (RARE_WORTH if loop.rare else worth), math.sqrt(total / least))
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


def number_of_cells(array: Array, made: Made) -> Size:
    """How many elements an array has."""
    if all(isinstance(n, int) for n in array.shape):
        return math.prod(array.extents())
    if len(array.shape) == 1:
        return array.shape[0]
    return made.symbol(("cells", array.shape), math.prod(array.extents()))


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


def filled(starts: Sequence[tuple[Array, Any]], block: Index, at: Place) -> list[Any]:
    """An element of a block's accumulators as it starts."""
    return [
        Store(every, [Place([(block, 1)]), at], Constant(value, every.dtype))
        for every, value in starts
    ]


def paired(near: Sequence[tuple[Array, str]], pair: Index, at: Place) -> list[Any]:
    """An element of every second block's partial results combined with that of the next block,
    which ran on the same processor mostly: fewer numbers go from one processor to another."""
    items: list[Any] = []
    for every, combine in near:
        own = [Place([(pair, 2)]), at]
        one, next_one = Load(every, own), Load(every, [Place([(pair, 2)], 1), at])
        both = Operation(combine, [one, next_one], every.dtype)
        items += [one, next_one, both, Store(every, own, both)]
    return items


def gathered(
    sums: Sequence[tuple[Array, Array, str]], blocks: Symbol, step: int, at: Place
) -> list[Any]:
    """An element of the blocks' partial results combined, in order; of a sum nothing is lost."""
    items: list[Any] = []
    for every, array, combine in sums:
        total = Array((), array.dtype, "scratch")
        loop = Loop(blocks)
        part = Load(every, [Place([(loop.index, step)]), at])
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


def replaced(
    body: Sequence[Any], private: dict[Array, Array], rows: dict[Array, Array], row: Place
) -> list[Any]:
    """The body with other arrays to update: a block's own, or its row of an array for all blocks.
    What is not touched stays the same objects."""
    made: list[Any] = []
    for item in body:
        if isinstance(item, Update) and item.array in private:
            item = Update(private[item.array], item.places, item.combine, item.value)
        elif isinstance(item, Update) and item.array in rows:
            item = Update(rows[item.array], [row, *item.places], item.combine, item.value)
        elif isinstance(item, Loop):
            item = item.again(replaced(item.body, private, rows, row))
        made.append(item)
    return made


def is_scattered(array: Array, loop: Loop) -> bool:
    """Whether an array is only updated at places that are data."""
    updates = [x for x in walk(loop.body) if isinstance(x, Update) and x.array is array]
    return bool(updates) and all(
        any(not isinstance(v, Index) for place in x.places for v, _ in place.terms) for x in updates
    )


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
            if isinstance(item, Store):
                stores.add(item.array)
                if not is_own(item, mine):
                    same.add(item.array)
            elif not is_own(item, mine):
                if updates.setdefault(item.array, item.combine) != item.combine:
                    same.add(item.array)
    touched = set(updates)
    bad = same or (touched & loads) or (touched & stores)
    return Written(updates, not bad)


def is_own(item: Load | Store | Update, mine: set[Any]) -> bool:
    """Whether a place follows one of these indices."""
    return any(
        v in mine and coefficient != 0 for place in item.places for v, coefficient in place.terms
    )


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


def is_brief(loop: Loop) -> bool:
    """Whether an iteration is hardly more than one function: the processor begins the next ones
    while it waits, so that wider vectors gain less than they cost to compile."""
    return sum(isinstance(x, Operation) for x in walk(loop.body)) <= ONE


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
