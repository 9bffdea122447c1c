"""Arrays of pairs along the lanes: complex numbers, points in the plane.

Where an array's last axis has extent 2 and the lanes go along the one before, the first (or second)
elements of W pairs are every other element of 2 W neighbours.  They are read as one vector of 2 W
lanes, of which half are taken; both halves are written at once, interleaved.  So no access is to
separate elements.

Enters: an emitter inside a lanes loop, loads and stores.  Leaves: instructions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..loops.ir import Array, Load, Loop, Place, Store, Update, root
from .builder import Value


def half_of(array: Array, places: Sequence[Place], along: Any) -> int | None:
    """Which element of its pair an access goes to, where lanes go from pair to pair; or None."""
    if not places or array.shape[-1:] != (2,) or not (isinstance(along, int) and along == 2):
        return None
    last = places[-1]
    return last.offset if not last.terms and last.offset in (0, 1) else None  # type: ignore[return-value]


def read_half(emitter: Any, memory: Any, start: Value, half: int) -> Value:
    """The first or the second elements of the pairs from an address on."""
    lanes, element = emitter.lanes, memory.element
    wide = emitter.write(
        f"load <{2 * lanes} x {element}>, ptr {start.text}, align {bytes_of(element)}",
        element, 2 * lanes, emitter.here,
    )  # fmt: skip
    order = ", ".join(f"i32 {2 * k + half}" for k in range(lanes))
    return emitter.put(
        f"shufflevector {wide!r}, {wide.type} poison, <{lanes} x i32> <{order}>",
        element, lanes, (wide,),
    )  # fmt: skip


def write_pair(emitter: Any, *items: Store) -> None:
    """Store both elements of a pair, or of one for each lane, at once where they lie together."""
    low, high = sorted(items, key=lambda item: int(item.places[-1].offset))  # type: ignore[arg-type]
    memory = emitter.memory(low.array)
    total, along, vectors = emitter.offset(memory, low.places)
    masked = emitter.seen is not None and root(low.array) in emitter.in_place
    if masked or vectors or memory.lanes > 1 or half_of(low.array, low.places, along) != 0:
        for item in items:
            emitter.store(item.array, item.places, emitter.operand(item.value))
        return
    start, lanes = emitter.address(memory, total), emitter.lanes
    values = [emitter.stored(memory, emitter.operand(item.value)) for item in (low, high)]
    first, second = [emitter.splat(value, lanes) for value in values]
    order = ", ".join(f"i32 {k}, i32 {lanes + k}" for k in range(lanes))
    both = emitter.put(
        f"shufflevector {first!r}, {second!r}, <{2 * lanes} x i32> <{order}>",
        memory.element, 2 * lanes, (first, second),
    )  # fmt: skip
    emitter.act(f"store {both!r}, ptr {start.text}, align {bytes_of(memory.element)}")


def bytes_of(element: str) -> int:
    """The bytes of an element in memory."""
    return {"double": 8, "float": 4}.get(element) or int(element[1:]) // 8


def partners(items: Sequence[Any]) -> dict[Store, Store | None]:
    """Stores of both elements of a pair: the second one with the first, the first one with None (it
    is left for the second).

    Nothing between them may read the array, or write where it could overlap.
    """
    found: dict[Store, Store | None] = {}
    waiting: dict[Any, Store] = {}
    for item in items:
        if isinstance(item, Loop):
            waiting.clear()
        elif isinstance(item, (Load, Update)):
            drop(waiting, item, lambda other: True)
        elif isinstance(item, Store):
            half = half_of(item.array, item.places, 2)
            key = item.array, half, place_key(item.places[:-1])
            if half is not None:
                other = waiting.pop((item.array, 1 - half, key[2]), None)
                if other is not None:
                    found[other], found[item] = None, other
                    continue
            terms = [p.terms for p in item.places]
            drop(waiting, item, lambda other, terms=terms: [p.terms for p in other.places] != terms)
            if half is not None:
                waiting[key] = item
    return found


def drop(waiting: dict[Any, Store], item: Any, is_near: Any) -> None:
    """Wait no longer with stores to an array, where another access may be to the same elements."""
    for key, other in list(waiting.items()):
        if root(other.array) is root(item.array) and is_near(other):
            del waiting[key]


def place_key(places: Sequence[Place]) -> tuple:
    """Equal for equal places."""
    return tuple([(p.terms, p.offset) for p in places])
