"""Loops as machine code: the body is compiled, and run again and again by `codegen.drive`.

Enters: a `scan` or `while_loop` with plain values.  Leaves: its outputs; None where a part of the
body has no machine code, or where the loop is over before a compiler would have started.

The carry lies in two buffers, which the steps read and write by turns; rows are read and written
where they are.  Every so many steps the interpreter may take a signal.
"""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..base.dtypes import type_of
from ..codegen.drive import module_text
from ..codegen.targets import host
from ..graph.function import Function
from .entry.facts import address_of
from .native import ALIGNMENT, LENGTHS, Executable, Native, library
from .updates import split, table

WORTH = 20_000  # operations of a loop from which it is compiled
WHOLE = 6000  # nodes of a body that is compiled in one piece
CHUNK = 1 << 16  # steps before the interpreter is asked for the first time
PAUSE = 0.2  # seconds between two such questions
ENDLESS = (1 << 63) - 1


@lru_cache(maxsize=1)
def driver() -> Any:
    """The function that runs bodies."""
    kinds = [ctypes.c_int64] * 17
    return library(module_text(host())).function("drive", ctypes.c_int64, *kinds)


def machine_code(function: Function) -> Native | None:
    """The machine code of a body, made once; None where it is not one piece."""
    if "machine code" not in function.cache:
        function.cache["machine code"] = Executable(function, lengths=(WHOLE, *LENGTHS)).whole
    return function.cache["machine code"]


def operations(*functions: Function) -> int:
    """How many operations a step is, those of loops inside it counted in each of their steps."""
    total = 0
    for f in functions:
        total += len(f.order) - len(f.inputs)
        for node in f.order:
            if node.primitive.name == "scan":
                total += node.parameters["length"] * operations(node.parameters["body"])
    return max(1, total)


class Table:
    """The slots of a program, and the memory that they point to."""

    def __init__(self, native: Native) -> None:
        self.native = native
        self.slots = native.slots.copy()
        self.kept: list[Any] = []
        if native.workspace:
            memory = native.room()
            self.kept.append(memory)
            start = memory.ctypes.data
            self.slots[native.workspace_slot] = -(-start // ALIGNMENT) * ALIGNMENT

    def point(self, slot: int, array: np.ndarray) -> None:
        """Let a slot be an array's memory."""
        self.kept.append(array)
        self.slots[slot] = address_of(array)

    def twin(self) -> Table:
        """Another table, at first the same."""
        found = object.__new__(Table)
        found.native, found.slots, found.kept = self.native, self.slots.copy(), self.kept
        return found

    @property
    def address(self) -> int:
        return int(self.slots.ctypes.data)


def plain(value: Any, node: Any) -> np.ndarray:
    """A value as the contiguous array that a program reads."""
    if type(value) is np.ndarray and value.dtype == node.dtype and value.flags.c_contiguous:
        return value
    return np.ascontiguousarray(value, node.dtype).reshape(node.shape)


class State:
    """The carry of a loop in its two buffers; what is not `given` anew by the steps, but written
    into, lies in the first one."""

    def __init__(self, nodes: Sequence[Any], values: Sequence[Any], given: Sequence[int]) -> None:
        self.nodes, self.given, self.offsets, size = nodes, list(given), [], 0
        for n in nodes:
            self.offsets.append(size)
            count = math.prod(n.shape) * n.dtype.itemsize
            unit = 8 if count <= ALIGNMENT else ALIGNMENT
            size += -(-count // unit) * unit
        self.buffers = [np.zeros(size + ALIGNMENT, np.uint8) for _ in range(2)]
        addresses = [address_of(x) for x in self.buffers]
        self.starts = [-(-a // ALIGNMENT) * ALIGNMENT for a in addresses]
        self.skipped = [b - a for a, b in zip(addresses, self.starts, strict=True)]
        for k, x in enumerate(values):
            self.view(0, k)[...] = x

    def view(self, which: int, k: int) -> np.ndarray:
        """A part of the carry in one of the buffers."""
        which = which if k in self.given else 0
        node, start = self.nodes[k], self.skipped[which] + self.offsets[k]
        return np.ndarray(node.shape, node.dtype, self.buffers[which], start)

    def point(self, even: Table, odd: Table, inputs: int, outputs: int | None) -> None:
        """Let tables read it from slot `inputs` on, and write it from slot `outputs` on."""
        first, second = (np.array(self.offsets, np.int64) + start for start in self.starts)
        count, given = len(self.offsets), self.given
        changing = np.zeros(count, bool)
        changing[given] = True
        even.slots[inputs : inputs + count] = first
        odd.slots[inputs : inputs + count] = np.where(changing, second, first)
        if outputs is not None:
            even.slots[outputs : outputs + len(given)] = second[given]
            odd.slots[outputs : outputs + len(given)] = first[given]
        even.kept.append(self.buffers)

    def where(self) -> list[int]:
        """The addresses of the parts in the first buffer."""
        return [self.starts[0] + offset for offset in self.offsets]

    def after(self, steps: int) -> list[Any]:
        """The carry after so many steps."""
        found = [self.view(steps & 1, k) for k in range(len(self.nodes))]
        return [x.copy() if x.ndim else x[()] for x in found]


def run(body: Native, even: Table, odd: Table, moves: Sequence[tuple[int, int]],
        number: np.ndarray, by: int, steps: int,
        condition: tuple[Table, Table, np.ndarray] | None = None,
        writes: Sequence[int] = (), updates: int = 0) -> int | None:  # fmt: skip
    """Make the steps; gives how many were made, None where a program failed."""
    written = np.array([*writes, 0], np.int64)
    pairs = np.array([x for move in moves for x in move], np.int64)
    done = np.zeros(1, np.int64)
    asked = [0, 0, 0, 0]
    if condition is not None:
        first, second, goes_on = condition
        address = first.native.code.address
        asked = [address, first.address, second.address, goes_on.ctypes.data]
    made, chunk = 0, CHUNK
    while made < steps:
        begun = time.perf_counter()
        wanted = min(chunk, steps - made)
        status = driver()(
            body.code.address, even.address, odd.address, pairs.ctypes.data, len(moves),
            number.ctypes.data, by, wanted, made & 1, *asked, done.ctypes.data,
            written.ctypes.data, updates, 0,
        )  # fmt: skip
        made += int(done[0])
        if status:
            return None
        if int(done[0]) < wanted:
            break
        elapsed = time.perf_counter() - begun
        chunk = max(1, int(chunk * min(max(PAUSE / max(elapsed, 1e-6), 0.5), 16)))
    return made


def scan(values: tuple, p: dict[str, Any]) -> tuple | None:
    """A scan as machine code."""
    body, consts, carry, length = p["body"], p["consts"], p["carry"], p["length"]
    if length < 2 or length * operations(body) < WORTH:
        return None
    body, given, updates = split(body, consts, carry)
    native = machine_code(body)
    if native is None:
        return None
    inputs, backwards = body.inputs, p.get("reverse", False)
    number = np.array([length - 1 if backwards else 0], np.int64)
    even = Table(native)
    even.point(0, number)
    for k in range(1, 1 + consts):
        even.point(k, plain(values[k - 1], inputs[k]))
    odd = even.twin()
    first = 1 + consts
    state = State(inputs[first : first + carry], values[consts : consts + carry], given)
    state.point(even, odd, first, len(inputs))
    moves: list[tuple[int, int]] = []

    def row(slot: int, array: np.ndarray) -> None:
        stride = array.nbytes // length
        begin, by = (array[length - 1 :], -stride) if backwards else (array, stride)
        even.point(slot, begin)
        odd.kept.append(array)
        odd.slots[slot] = address_of(begin) + by
        moves.append((slot, 2 * by))

    for k in range(first + carry, len(inputs)):
        array = np.ascontiguousarray(values[k - 1], inputs[k].dtype)
        row(k, array)
    made = []
    rows = len(p["body"].outputs) - carry
    end = len(given) + rows
    for k, node in enumerate(body.outputs[len(given) : end], len(inputs) + len(given)):
        t = type_of(node)
        made.append(np.empty((length, *t.shape), t.dtype))
        row(k, made[-1])
    inside = room_of_updates(body, end, even, odd)
    writes = table(updates, inputs[first : first + carry], state.where(), inside)
    by = -1 if backwards else 1
    if run(native, even, odd, moves, number, by, length, None, writes, len(updates)) is None:
        return None
    return (*state.after(length), *made)


def room_of_updates(body: Function, first: int, even: Table, odd: Table) -> dict[int, int]:
    """Where the outputs from `first` on are, which updates read."""
    found: dict[int, int] = {}
    for n, node in enumerate(body.outputs[first:], first):
        t = type_of(node)
        room = np.empty(t.shape, t.dtype)
        for slots in (even, odd):
            slots.point(len(body.inputs) + n, room)
        found[n] = address_of(room)
    return found


def while_loop(values: tuple, p: dict[str, Any]) -> tuple | None:
    """A while loop as machine code, from step `p["begun"]` on."""
    body, condition, consts, begun = p["body"], p["condition"], p["consts"], p["begun"]
    if begun * operations(body, condition) < WORTH:
        return None
    body, given, updates = split(body, consts, len(values) - consts)
    native, question = machine_code(body), machine_code(condition)
    if native is None or question is None:
        return None
    number, goes_on = np.array([begun], np.int64), np.zeros(1, bool)
    tables = []
    parts = body.inputs[1 + consts :]
    state = State(parts, values[consts:], given)
    for program, outputs in ((native, len(body.inputs)), (question, None)):
        even = Table(program)
        even.point(0, number)
        for k in range(1, 1 + consts):
            even.point(k, plain(values[k - 1], body.inputs[k]))
        odd = even.twin()
        state.point(even, odd, 1 + consts, outputs)
        if outputs is None:
            even.point(len(condition.inputs), goes_on)
            odd.point(len(condition.inputs), goes_on)
        tables.append((even, odd))
    writes = table(updates, parts, state.where(), room_of_updates(body, len(given), *tables[0]))
    made = run(
        native, *tables[0], [], number, 1, ENDLESS, (*tables[1], goes_on), writes, len(updates)
    )
    return None if made is None else (*state.after(made), np.int64(begun + made))


def runner(name: str, values: tuple, parameters: dict[str, Any]) -> tuple | None:
    """What `ops.loop` asks."""
    if name == "scan":
        return scan(values, parameters)
    return while_loop(values, parameters) if name == "while_loop" else None
