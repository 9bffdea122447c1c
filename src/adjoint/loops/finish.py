"""Accumulators that hold one partial result for each lane, made plain where lanes read them.

Enters: a loop program and the number of lanes.  Leaves: the same, where an array that a lanes loop
updates at places without the lane is copied, once it is complete, for the lanes loops that read it
along their lanes (reading it elsewhere adds the partial results up on the spot).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .ir import Array, Load, Loop, Place, Program, Scratch, Store, Update, root, walk
from .lanes import lanes_of, varies, varying


def finish(program: Program) -> Program:
    """Insert the copies."""
    partial = set(partial_arrays(program.body))
    wanted = partial & read_along(program.body)
    if not wanted:
        return program
    return Program(program.inputs, program.outputs, finished(program.body, wanted))


def partial_arrays(body: Sequence[Any]) -> dict[Array, str]:
    """The arrays that a lanes loop updates at places without the lane, and how."""
    found: dict[Array, str] = {}
    for item in walk(body):
        if isinstance(item, Loop) and item.lanes:
            found.update(lanes_of(item).partial)
    return found


def read_along(body: Sequence[Any]) -> set[Array]:
    """The arrays that lanes loops read at places that vary along the lanes."""
    found: set[Array] = set()
    for item in walk(body):
        if not (isinstance(item, Loop) and item.lanes):
            continue
        different = varying(item)
        for x in walk(item.body):
            if isinstance(x, Load) and varies(x.places, different):
                found.add(root(x.array))
    return found


def finished(body: Sequence[Any], wanted: set[Array]) -> list[Any]:
    """A body with copies of the arrays that it declares, made after their last update."""
    mine = [item.array for item in body if isinstance(item, Scratch) and item.array in wanted]
    last = {a: max(k for k, item in enumerate(body) if touches(item, a)) for a in mine}
    plain: dict[Array, Array] = {}
    made: list[Any] = []
    for k, item in enumerate(body):
        if isinstance(item, Loop):
            item = item.again(finished(item.body, wanted))
        made.append(reading(item, plain) if plain else item)
        for a in [a for a in mine if last[a] == k]:
            plain[a] = Array(a.shape, a.dtype, "scratch")
            made += copied(a, plain[a])
    return made


def touches(item: Any, array: Array) -> bool:
    """Whether an item declares or updates an array."""
    if isinstance(item, Loop):
        return any(touches(x, array) for x in item.body)
    return isinstance(item, (Scratch, Update, Store)) and item.array is array


def reading(item: Any, plain: dict[Array, Array]) -> Any:
    """An item whose loads read the copies."""
    for x in walk([item]):
        if isinstance(x, Load) and root(x.array) in plain:
            copy = plain[root(x.array)]
            if x.array.base is not None:
                copy = Array(x.array.shape, x.array.dtype, "scratch", base=copy)
            x.array = copy
    return item


def copied(array: Array, to: Array) -> list[Any]:
    """Loops that copy all elements."""
    loops = [Loop(n) for n in array.shape]
    places = [Place([(loop.index, 1)]) for loop in loops]
    found = Load(array, places)
    items: list[Any] = [found, Store(to, places, found)]
    for loop in reversed(loops):
        loop.body = items
        items = [loop]
    return [Scratch(to), *items]
