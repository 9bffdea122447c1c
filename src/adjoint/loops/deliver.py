"""Totals of blocks, written straight to the output that they are for.

Enters: a loop program's body in which blocks' partial results are combined, and the updates that
combine them, each of which is done once for every element of its array.  Leaves: the same; where
an accumulator starts as nothing, gets its total by one of those updates alone, and is then only
copied into an output, the total is stored there, and accumulator and copy are gone.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from .ir import (
    Array,
    Load,
    Loop,
    Place,
    Scratch,
    Store,
    Symbol,
    Update,
    extent,
    fill_value,
    neutral,
    root,
    walk,
)


class Copy(NamedTuple):
    """A loop that does nothing but copy an accumulator into an output."""

    loop: Loop
    output: Array


def delivered(body: Sequence[Any], totals: Collection[Update]) -> list[Any]:
    """The body without the accumulators that are only copied."""
    uses: dict[Array, list[Any]] = {}
    for item in walk(body):
        if isinstance(item, (Load, Store, Update)):
            uses.setdefault(root(item.array), []).append(item)
    gone: set[Any] = set()
    stores: dict[Update, Store] = {}
    starts = {x.array: x for x in body if isinstance(x, Scratch)}
    for total in totals:
        array = root(total.array)
        start = starts.get(array)
        if start is None or not starts_as_nothing(start, total):
            continue
        found = [copy for x in body if isinstance(x, Loop) and (copy := copy_of(x, array))]
        if len(found) != 1:
            continue
        loop, output = found[0]
        own = [x for x in walk([loop]) if isinstance(x, (Load, Store))]
        if set(uses[array]) | set(uses[output]) != {total, *own}:
            continue
        flat = Array(total.array.shape, array.dtype, output.role, base=output)
        stores[total] = Store(flat, total.places, total.value)
        gone |= {start, loop}
    return replaced([x for x in body if x not in gone], stores) if gone else list(body)


def starts_as_nothing(start: Scratch, total: Update) -> bool:
    """Whether combining changes nothing but to give what is combined."""
    fill = fill_value(start)
    nothing = neutral(total.combine, start.array.dtype)
    return fill is not None and not start.compensated and fill == nothing


def copy_of(loop: Loop, array: Array) -> Copy | None:
    """A loop as a copy of the whole of an array, or None."""
    loops: list[Loop] = []
    body: Sequence[Any] = [loop]
    while len(body) == 1 and isinstance(body[0], Loop):
        loops.append(body[0])
        body = body[0].body
    loads, stores = body[::2], body[1::2]
    if len(loads) != len(stores) or not body:
        return None
    outputs = {x.array for x in stores if isinstance(x, Store)}
    if len(outputs) != 1:
        return None
    (output,) = outputs
    if output.role != "output" or output.base or output.extents() != array.extents():
        return None
    ends = {x.index: x for x in loops}
    cells = set()
    for load, store in zip(loads, stores, strict=True):
        if not (isinstance(load, Load) and isinstance(store, Store) and store.value is load):
            return None
        here = [cell_of(p, n, ends) for p, n in zip(load.places, array.extents(), strict=False)]
        there = [cell_of(p, n, ends) for p, n in zip(store.places, array.extents(), strict=True)]
        if load.array is not array or here != there or None in here:
            return None
        if {x for x in here if isinstance(x, Loop)} != set(loops):
            return None
        cells.add(tuple(here))
    if any(x.begin != 0 for x in loops):
        return None
    trips = math.prod(extent(x.end) for x in loops)
    is_whole = len(cells) == len(loads) and trips * len(cells) == math.prod(array.extents())
    return Copy(loop, output) if is_whole else None


def cell_of(place: Place, size: int, loops: dict[Any, Loop]) -> Any:
    """A place as a number, or as the loop that runs through the whole axis; None for others."""
    if not place.terms:
        return place.offset
    (variable, step), *others = place.terms
    loop = loops.get(variable)
    if others or step != 1 or place.offset != 0 or loop is None:
        return None
    return loop if isinstance(loop.end, (int, Symbol)) and extent(loop.end) == size else None


def replaced(body: Sequence[Any], stores: dict[Update, Store]) -> list[Any]:
    """The body with stores for updates."""
    made: list[Any] = []
    for item in body:
        if isinstance(item, Loop) and any(x in stores for x in walk(item.body)):
            item = item.again(replaced(item.body, stores))
        made.append(stores.get(item, item) if isinstance(item, Update) else item)
    return made
