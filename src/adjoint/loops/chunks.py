"""Arrays that blocks hand on, laid out block by block.

Enters: the outermost body of a program, and how its loops in blocks are cut.  Leaves: the same,
where a scratch array that several of these loops work on, each block in a part of its own, has
those parts one after the other in memory.

What a block wrote along the last of several axes is otherwise spread over all rows of the array:
pieces of some hundred bytes, with those of other blocks between them.  A processor fetches ahead,
beyond the end of such a piece, and so takes from another one what that works on: on two processors
that share no cache this costs more than the second one gains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .ir import (
    Array,
    Index,
    Load,
    Loop,
    Place,
    Product,
    Routine,
    Scratch,
    Size,
    Store,
    Symbol,
    Update,
    root,
    walk,
)

APART = 2048  # bytes between the parts of different blocks, where they are short


class Cut(NamedTuple):
    """How an axis is cut into blocks: `blocks` of them, of `by` elements; the last one has those
    left over, too."""

    end: Symbol
    blocks: Symbol
    by: Symbol


class Blocks(NamedTuple):
    """A loop over blocks: its cut, its index and that of the loop over the elements of a block."""

    cut: Cut
    block: Index
    element: Index


Access = tuple[Load | Store, Blocks]


def chunked(
    body: Sequence[Any],
    blocks: dict[Loop, Blocks],
    symbol: Callable[[Any, int], Symbol],
) -> list[Any]:
    """The body with these arrays in chunks; `symbol(key, value)` makes a symbol.  Loads and stores
    are changed where they stand."""
    made: dict[Array, Array] = {}
    for array, accesses in shared_arrays(body, blocks).items():
        axis, cut = axis_of(accesses), accesses[0][1].cut
        if axis is None:
            continue
        last = cut.end.value - (cut.blocks.value - 1) * cut.by.value
        if len(array.shape) == 1:
            last += APART // array.dtype.itemsize
        length = symbol(
            ("longest block", cut.end, cut.blocks, array.dtype.itemsize * (len(array.shape) == 1)),
            last,
        )
        back = symbol(("block size, back", cut.end, cut.blocks), -cut.by.value)
        shape: list[Size] = list(array.shape)
        shape[axis] = length
        made[array] = Array((cut.blocks, *shape), array.dtype, "scratch")
        for item, (_, block, element) in accesses:
            places = list(item.places)
            places[axis] = Place([(element, 1), (block, back)], places[axis].offset)
            item.array, item.places = made[array], (Place([(block, 1)]), *places)
    if not made:
        return list(body)
    return [
        Scratch(made[item.array]) if isinstance(item, Scratch) and item.array in made else item
        for item in body
    ]


def shared_arrays(body: Sequence[Any], blocks: dict[Loop, Blocks]) -> dict[Array, list[Access]]:
    """The arrays which several loops cut in one way read and store, and nobody else touches, with
    these accesses."""
    found: dict[Array, list[Access]] = {
        x.array: []
        for x in body
        if isinstance(x, Scratch) and x.fill is None and not x.compensated and x.array.shape
    }
    for outermost in body:
        where = blocks.get(outermost) if isinstance(outermost, Loop) else None
        for item in walk([outermost]):
            if isinstance(item, (Load, Store)) and where is not None and item.array in found:
                found[item.array].append((item, where))
            elif not (isinstance(item, Scratch) and item.array in found):
                for array in touched(item):
                    found.pop(array, None)
    return {
        array: accesses
        for array, accesses in found.items()
        if len({id(where) for _, where in accesses}) > 1
        and len({(where.cut.end, where.cut.blocks) for _, where in accesses}) == 1
    }


def touched(item: Any) -> list[Array]:
    """The arrays whose memory an item uses."""
    if isinstance(item, (Load, Store, Update, Scratch)):
        return [root(item.array)]
    if isinstance(item, Product):
        return [root(array) for array, _ in item.operands]
    if isinstance(item, Routine):
        return [root(array) for array in item.arrays]
    return []


def axis_of(accesses: Sequence[Access]) -> int | None:
    """The axis along which each access follows its block's elements, if it is always the same one,
    not the first of several, and no other place depends on the block."""
    axes: set[int | None] = set()
    for item, (_, block, element) in accesses:
        along = [
            axis
            for axis, place in enumerate(item.places)
            if any(v is element or v is block for v, _ in place.terms)
        ]
        exact = len(along) == 1 and item.places[along[0]].terms == ((element, 1),)
        axes.add(along[0] if exact and item.places[along[0]].offset == 0 else None)
    (axis,) = axes if len(axes) == 1 else (None,)
    return None if axis == 0 and len(accesses[0][0].places) > 1 else axis


__all__ = ["Blocks", "Cut", "chunked"]
