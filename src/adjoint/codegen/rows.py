"""Updates of several neighbours at a place that is data, for each lane: rows of a table.

Where the lanes of a loop add to `table[index, 0]`, `table[index, 1]`, .. (the gradient with respect
to what was gathered by the same index), the values of a lane are put side by side first: as many
vectors are transposed, and each lane adds one row to the table where it would add number after
number.  Lanes are still taken one after the other, for two may go to the same row, so the bits are
those of single additions.

Enters: an emitter inside a lanes loop, updates.  Leaves: instructions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..loops.ir import Load, Loop, Store, Update, root
from .builder import Value
from .pairs import bytes_of, place_key
from .shuffles import transposed

PART = 16  # bytes within which lanes change places at once


def table_rows(items: Sequence[Any]) -> dict[Update, list[Update]]:
    """The updates of a body that can be done row by row: the last one of a row with all of them in
    the order of their columns, the others with an empty list (they are left for the last one)."""
    groups: dict[Any, list[Update]] = {}
    spoiled: set[Any] = set()
    for item in items:
        if isinstance(item, Loop):
            return {}
        if isinstance(item, (Load, Store)):
            spoiled.add(root(item.array))
        elif isinstance(item, Update):
            key = item.array, place_key(item.places[:-1])
            if is_candidate(item):
                groups.setdefault(key, []).append(item)
            else:
                spoiled.add(root(item.array))
    arrays = [root(array) for array, _ in groups]
    found: dict[Update, list[Update]] = {}
    for (array, _), updates in groups.items():
        columns = sorted(updates, key=column)
        offsets = [column(x) for x in columns]
        if root(array) in spoiled or arrays.count(root(array)) > 1 or len(updates) < 2:
            continue
        if len(set(offsets)) < len(offsets):
            continue
        found.update((x, []) for x in updates)
        found[updates[-1]] = columns
    return found


def column(item: Update) -> int:
    """The column that a candidate goes to."""
    found = item.places[-1].offset
    assert isinstance(found, int)
    return found


def is_candidate(item: Update) -> bool:
    """Whether an update adds floats at a column that is a number."""
    if item.combine != "add" or item.array.dtype.kind != "f" or len(item.places) < 2:
        return False
    last = item.places[-1]
    return not last.terms and isinstance(last.offset, int)


def update_rows(emitter: Any, columns: Sequence[Update]) -> None:
    """Add the values of all lanes to their rows; the emitter adds what stands alone."""
    left = list(columns)
    while left:
        first, run = column(left[0]), 1
        while run < len(left) and column(left[run]) == first + run:
            run += 1
        width = 1 << (min(run, emitter.lanes).bit_length() - 1)
        if width == 1 or not add_rows(emitter, left[:width]):
            for item in left[:width]:
                emitter.update(item)
        left = left[width:]


def add_rows(emitter: Any, columns: Sequence[Update]) -> bool:
    """Add as many neighbours for each lane at once; False where places are no data."""
    memory = emitter.memory(columns[0].array)
    total, along, vectors = emitter.offset(memory, columns[0].places)
    if not vectors or memory.lanes > 1 or memory.low is not None:
        return False
    lanes, width, element = emitter.lanes, len(columns), memory.element
    values = [emitter.splat(emitter.operand(x.value), lanes) for x in columns]
    if emitter.seen is not None:
        values = [emitter.select(emitter.seen, x, 0.0) for x in values]
    pointer = emitter.address(memory, total)
    offsets = emitter.lane_offsets(memory, along, vectors)
    for start in range(0, lanes, width):
        rows = square(emitter, values, start)
        for k, row in enumerate(rows):
            place = emitter.lane_place(memory, pointer, offsets, start + k)
            aligned = bytes_of(element)
            old = emitter.write(
                f"load <{width} x {element}>, ptr {place.text}, align {aligned}",
                element, width, emitter.here,
            )  # fmt: skip
            new = emitter.write(f"fadd contract {old!r}, {row.text}", element, width, emitter.here)
            emitter.act(f"store {new!r}, ptr {place.text}, align {aligned}")
    return True


class Lines:
    """What `shuffles` writes to."""

    def __init__(self, emitter: Any, kind: str, lanes: int) -> None:
        self.emitter, self.kind, self.lanes = emitter, kind, lanes

    def put(self, form: str) -> str:
        """Write an instruction; gives the name of its result."""
        emitter = self.emitter
        return emitter.write(form, self.kind, self.lanes, emitter.here).text


def square(emitter: Any, values: Sequence[Value], start: int) -> list[Value]:
    """Lanes `start` and following of as many vectors: for each lane a vector of what it has."""
    kind, width = values[0].kind, len(values)
    parts = [x if x.lanes == width else emitter.part(x, start // width, width) for x in values]
    code = Lines(emitter, kind, width)
    unit = min(width, PART // bytes_of(kind))
    rows = transposed(code, kind, [x.text for x in parts], unit)  # type: ignore[arg-type]
    return [Value(emitter, name, kind, width, emitter.here) for name in rows]


__all__ = ["table_rows", "update_rows"]
