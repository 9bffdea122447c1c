"""Partial results added up over their lanes, for as many elements at once as there are lanes.

Enters: a loop that copies accumulators with a partial result for each lane into plain arrays.
Leaves: its code: vectors of partial results are taken by squares, whose sums along one side come
out as one vector.  Each sum is made in the order in which one element's is: by halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.cost import rough
from ..loops.ir import Load, Loop, Place, Store, Symbol, extent, root
from .builder import Value
from .rows import Lines
from .shuffles import summed

WORTH = 32  # elements


def totals(emitter: Any, item: Loop) -> list[tuple[Load, Store]]:
    """What a loop copies, if it does nothing but add up partial results of neighbours."""
    if item.rare or item.lanes or emitter.in_lanes or len(item.body) % 2:
        return []
    if not isinstance(item.end, (int, Symbol)) or rough(extent(item.end)) < WORTH:
        return []
    pairs = list(zip(item.body[::2], item.body[1::2], strict=True))
    return pairs if all(is_total(emitter, item, *pair) for pair in pairs) else []


def is_total(emitter: Any, loop: Loop, load: Any, store: Any) -> bool:
    """Whether the sum of an element's partial results is read, and stored in its own place."""
    if not (isinstance(load, Load) and isinstance(store, Store) and store.value is load):
        return False
    if emitter.partial.get(root(load.array)) != "add" or load.array.dtype.kind != "f":
        return False
    memory = emitter.memory(load.array)
    if memory.low is not None or memory.lanes < 2 or emitter.memory(store.array).lanes > 1:
        return False
    return is_neighbour(load.places, loop) and is_neighbour(store.places, loop)


def is_neighbour(places: Sequence[Place], loop: Loop) -> bool:
    """Whether the next iteration is at the next element."""
    own = [[c for v, c in place.terms if v is loop.index] for place in places]
    return own[-1:] == [[1]] and not any(own[:-1])


def write_totals(
    emitter: Any, item: Loop, pairs: Sequence[tuple[Load, Store]], begin: Any, end: Any
) -> None:
    """The loop: by squares, and what is left one by one."""
    width = max(emitter.memory(load.array).lanes for load, _ in pairs)
    length = emitter.sub(emitter.index_value(end), begin)
    first = emitter.add(emitter.integer("and", length, -width), begin)

    def square(index: Value) -> None:
        emitter.values[item.index] = index
        for load, store in pairs:
            lanes = emitter.memory(load.array).lanes
            for start in range(0, width, lanes):
                add_up(emitter, load, store, start, lanes)

    def one(index: Value) -> None:
        emitter.values[item.index] = index
        emitter.body(item.body)

    emitter.repeat(begin, first, width, square, guard=True)
    emitter.repeat(first, end, 1, one, guard=True)


def add_up(emitter: Any, load: Load, store: Store, start: int, lanes: int) -> None:
    """The sums of as many elements as there are lanes, from so many after the index on."""
    memory = emitter.memory(load.array)
    rows = []
    for k in range(start, start + lanes):
        total, _, _ = emitter.offset(memory, moved(load.places, k))
        rows.append(emitter.read(memory, emitter.address(memory, total), lanes, emitter.here).text)
    kind = memory.element
    (found,) = summed(Lines(emitter, kind, lanes), kind, rows, lanes)  # type: ignore[arg-type]
    to = emitter.memory(store.array)
    total, _, _ = emitter.offset(to, moved(store.places, start))
    pointer = emitter.address(to, total)
    size = emitter.alignment(to, 1)
    emitter.act(f"store <{lanes} x {kind}> {found}, ptr {pointer.text}, align {size}")


def moved(places: Sequence[Place], by: int) -> list[Place]:
    """Places so many elements farther along the last axis."""
    *others, last = places
    if not by:
        return list(places)
    if isinstance(last.offset, Symbol):
        raise AssertionError("a place in a loop's own array has a plain offset")
    return [*others, Place(last.terms, last.offset + by)]


__all__ = ["totals", "write_totals"]
