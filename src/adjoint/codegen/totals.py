"""Partial results added up over their lanes, for as many elements at once as there are lanes.

Enters: a loop that copies accumulators with a partial result for each lane into plain arrays.
Leaves: calls of a function that does it: vectors of partial results are taken by squares, whose
sums along one side come out as one vector.  Each sum is made in the order in which one element's
is: by halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph.cost import rough
from ..loops.ir import Load, Loop, Place, Store, Symbol, extent, root
from .lines import Code
from .pairs import bytes_of
from .shuffles import summed

WORTH = 32  # elements


def totals(emitter: Any, item: Loop) -> list[tuple[Load, Store]]:
    """What a loop copies, if it does nothing but add up partial results of neighbours."""
    if item.rare or item.lanes or emitter.in_lanes or len(item.body) % 2 or item.begin != 0:
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


def write_totals(emitter: Any, item: Loop, pairs: Sequence[tuple[Load, Store]], end: Any) -> None:
    """The loop, as calls."""
    for load, store in pairs:
        source, to = emitter.memory(load.array), emitter.memory(store.array)
        pointers = []
        for memory, places in ((source, load.places), (to, store.places)):
            first = [
                Place([(v, c) for v, c in place.terms if v is not item.index], place.offset)
                for place in places
            ]
            total, _, _ = emitter.offset(memory, first)
            pointers.append(emitter.address(memory, total).text)
        emitter.totals[source.kind, source.lanes] = None
        count = end if isinstance(end, int) else end.text
        emitter.act(
            f"call void @{totals_name(source.kind, source.lanes)}"
            f"(ptr {pointers[0]}, ptr {pointers[1]}, i64 {count})"
        )


def totals_name(kind: str, lanes: int) -> str:
    """The name of the function that adds up vectors."""
    return f"totals.{kind}.{lanes}"


def totals_function(kind: str, lanes: int) -> str:
    """The sums over the lanes of so many vectors, which lie side by side."""
    code, size = Code(), bytes_of(kind)
    vector, aligned = f"<{lanes} x {kind}>", min(size * lanes, 64)

    def row(k: str, offset: int) -> str:
        start = code.at("%from", code.i64("mul", k, size * lanes))
        return code.load(vector, code.at(start, offset * size * lanes), aligned)

    whole = code.i64("and", "%count", -lanes)
    with code.loop(0, whole, lanes) as k:
        (found,) = summed(code, kind, [row(k, n) for n in range(lanes)], lanes)
        code.store(vector, found, code.at("%to", code.i64("mul", k, size)), size)
    with code.loop(whole, "%count") as k:
        x, half = row(k, 0), lanes // 2
        while half:
            parts = [
                code.put(
                    f"shufflevector <{2 * half} x {kind}> {x}, <{2 * half} x {kind}> poison, "
                    f"<{half} x i32> <{', '.join(f'i32 {n}' for n in range(start, start + half))}>"
                )
                for start in (0, half)
            ]
            x, half = code.put(f"fadd <{half} x {kind}> {parts[0]}, {parts[1]}"), half // 2
        one = code.put(f"extractelement <1 x {kind}> {x}, i32 0")
        code.store(kind, one, code.at("%to", code.i64("mul", k, size)), size)
    return code.define(totals_name(kind, lanes), "ptr %from, ptr %to, i64 %count").replace(
        "nounwind {", "nounwind noinline {"
    )


__all__ = ["totals", "totals_function", "totals_name", "write_totals"]
