"""A record: which arguments a program takes, and how its result is built.

Enters: a description made of `Number`, `Array`, `Static`, `Items` and plain containers.  Leaves: a
`Record`, which machine code reads as a table of integers (`record.native`), and which Python can
follow as well (`record.attempt`); both do the same.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import RLock
from types import CellType
from typing import Any, NamedTuple

import numpy as np

from . import facts
from .instructions import Head, Op

HOLDING = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)  # a program, called with the GIL
RELEASING = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)
PYTHON_NUMBERS = {float: np.float64, complex: np.complex128, int: np.int64, bool: np.bool_}


@dataclass(frozen=True, slots=True)
class Number:
    """A number of an exact type; the slot holds its address.

    Coming in: `float`, `complex` or a NumPy scalar type.  In a result `int` (from 64 bits) and
    `bool` (from a byte) too.
    """

    kind: type
    slot: int


@dataclass(frozen=True, slots=True)
class Array:
    """An `ndarray` of this very type, native byte order; the slot holds its data's address.

    Coming in, one that is not C-contiguous and aligned is copied first.  In a result it is fresh.
    """

    dtype: Any
    shape: tuple[int, ...]
    slot: int


@dataclass(frozen=True, slots=True)
class Static:
    """An object that the program does not read.

    Coming in, numbers of Python, strings and tuples of such are compared by exact type and value,
    all else by identity.  In a result it is the object itself.
    """

    value: Any


@dataclass(frozen=True, slots=True)
class Items:
    """A tuple of an exact subclass of `tuple`, coming in; `kind(*items)` in a result."""

    kind: Callable
    items: tuple


@dataclass(frozen=True, slots=True)
class Global:
    """A name of a dictionary that must refer to this very object; None: or be absent."""

    space: dict[str, Any]
    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Cell:
    """A closure's cell that must hold this very object; None: or be empty."""

    cell: CellType
    value: Any


@dataclass(frozen=True, slots=True)
class Captured:
    """An array that the program reads at each call; it must keep its data type and shape."""

    array: np.ndarray
    slot: int
    dtype: np.dtype = field(init=False)
    shape: tuple[int, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", self.array.dtype)
        object.__setattr__(self, "shape", self.array.shape)


Watched = Global | Cell | Captured


class Absent:
    """The type of `MISS`."""

    def __repr__(self) -> str:
        return "MISS"


translating = RLock()  # held while a record is translated
MISS = Absent()  # what `Record.attempt` gives for arguments that are another record's


class Slots(NamedTuple):
    """A program's slots, and the memory that they point to."""

    cells: np.ndarray
    kept: list[np.ndarray]

    def point(self, slot: int, array: np.ndarray) -> None:
        self.kept.append(array)
        self.cells[slot] = facts.address_of(array)


class Native(NamedTuple):
    """A record as machine code reads it."""

    address: int  # of its table
    cells: int  # of its frame
    kept: tuple  # the table, and all that it refers to


class Record:
    """A compiled program with the arguments that it is for.

    arguments    description of each positional argument
    keywords     description of each keyword argument, in the order of the call
    watched      what must be unchanged: `Global`, `Cell`, `Captured`
    program      address of `i64 program(ptr slots)`
    template     the slots' 8-byte cells; those of inputs, outputs and workspace are replaced
    result       description of the result
    workspace_slot, workspace_bytes
                 where the address of 64-byte-aligned memory goes, if it is wanted
    release_gil  whether other threads may run Python meanwhile
    recover      `recover(status, token, *args, **kwargs)`, called where the program gives a status
                 other than 0; its result or exception is the call's.  None: the call goes on to
                 the records after this one, and to the fallback
    keep         whatever must live as long as the record, such as the program's memory

    Raises `ValueError` where a description cannot be.
    """

    def __init__(
        self,
        *,
        arguments: Sequence[Any],
        result: Any,
        program: int,
        template: bytes,
        recover: Callable | None,
        token: Any = None,
        keywords: Mapping[str, Any] | None = None,
        watched: Sequence[Watched] = (),
        workspace_slot: int | None = None,
        workspace_bytes: int = 0,
        release_gil: bool = False,
        keep: Any = None,
    ) -> None:
        self.arguments = tuple(arguments)
        self.keywords = {sys.intern(name): kind for name, kind in (keywords or {}).items()}
        self.watched = tuple(watched)
        self.result = result
        self.program = program
        self.template = bytes(template)
        self.recover = recover
        self.token = token
        self.workspace_slot = workspace_slot
        self.workspace_bytes = workspace_bytes
        self.release_gil = release_gil
        self.keep = keep
        self.check()
        self.translated: Native | None = None

    @property
    def slots(self) -> int:
        """How many slots the program has."""
        return len(self.template) // 8

    def inputs(self) -> Iterator[Any]:
        """The leaves of the arguments, and the captured arrays."""
        for node in (*self.arguments, *self.keywords.values()):
            yield from leaves(node)
        for watch in self.watched:
            if isinstance(watch, Captured):
                yield watch

    def check(self) -> None:
        """Raise `ValueError` unless the description can be followed."""
        if len(self.template) % 8:
            raise ValueError(f"a template of {len(self.template)} bytes; slots have 8 each")
        used: set[int] = set() if self.workspace_slot is None else {self.workspace_slot}
        incoming = list(self.inputs())
        for place, leaf in enumerate([*incoming, *leaves(self.result)]):
            if isinstance(leaf, Number):
                known = PYTHON_NUMBERS if place >= len(incoming) else (float, complex)
                if leaf.kind not in known and leaf.kind not in facts.NUMPY_SCALARS:
                    raise ValueError(f"{leaf.kind} is no type of number here")
            elif isinstance(leaf, Array):
                dtype = np.dtype(leaf.dtype)
                if dtype.kind not in "biufc" or not dtype.isnative:
                    raise ValueError(f"arrays of {leaf.dtype!r} are not for machine code")
            elif isinstance(leaf, Captured):
                if type(leaf.array) is not np.ndarray:
                    raise ValueError(f"a captured {type(leaf.array)} is no plain array")
                if leaf.dtype.kind not in "biufc" or not leaf.dtype.isnative:
                    raise ValueError(f"arrays of {leaf.dtype!r} are not for machine code")
            else:
                continue
            if leaf.slot in used:
                raise ValueError(f"slot {leaf.slot} is used twice")
            used.add(leaf.slot)
        if any(not 0 <= slot < self.slots for slot in used):
            raise ValueError(f"a slot outside the {self.slots} of the template: {sorted(used)}")
        for node in (*self.arguments, *self.keywords.values()):
            for form in tuples(node):
                if not (isinstance(form, type) and issubclass(form, tuple)):
                    raise ValueError(f"{form} is no tuple type")

    @property
    def native(self) -> Native:
        """The record for machine code, translated once."""
        if self.translated is None:
            with translating:
                if self.translated is None:
                    self.translated = Assembler(self).native()
        return self.translated

    # ------------------------------------------------------------------------------------ in Python

    def attempt(self, args: tuple, kwargs: Mapping[str, Any]) -> Any:
        """The result for these arguments, or `MISS` where they are not this record's, or where its
        program fails and leaves the call to others."""
        slots = self.matched(args, kwargs)
        return MISS if slots is None else self.run(slots, args, kwargs)

    def matched(self, args: tuple, kwargs: Mapping[str, Any]) -> Slots | None:
        """The slots with all that comes in, or None where the arguments are not this record's."""
        slots = Slots(np.frombuffer(bytearray(self.template), np.int64), [])
        return slots if self.matches(args, kwargs, slots) else None

    def run(self, slots: Slots, args: tuple, kwargs: Mapping[str, Any]) -> Any:
        """Call the program, and build its result; `MISS` where it fails and others may do it."""
        made = allocate(self.result, slots)
        if self.workspace_slot is not None:
            memory = np.empty(self.workspace_bytes + 64, np.uint8)
            slots.kept.append(memory)
            slots.cells[self.workspace_slot] = -(-facts.address_of(memory) // 64) * 64
        program = (RELEASING if self.release_gil else HOLDING)(self.program)
        if status := program(facts.address_of(slots.cells)):
            if self.recover is None:
                return MISS
            return self.recover(status, self.token, *args, **kwargs)
        return build(self.result, made)

    def matches(self, args: tuple, kwargs: Mapping[str, Any], slots: Slots) -> bool:
        """Whether the arguments are this record's; fills the slots of what comes in."""
        if len(args) != len(self.arguments) or tuple(kwargs) != tuple(self.keywords):
            return False
        for watch in self.watched:
            if isinstance(watch, Global):
                if watch.space.get(watch.name) is not watch.value:
                    return False
            elif isinstance(watch, Cell):
                if content(watch.cell) is not watch.value:
                    return False
        wanted = [*self.arguments, *self.keywords.values()]
        given = [*args, *kwargs.values()]
        for leaf in self.inputs():
            if isinstance(leaf, Captured):
                wanted.append(described(leaf))
                given.append(leaf.array)
        return all(fits(*pair, slots) for pair in zip(wanted, given, strict=True))


def leaves(node: Any) -> Iterator[Any]:
    """The leaves of a description, in order."""
    if isinstance(node, dict):
        node = tuple(node.values())
    elif isinstance(node, Items):
        node = node.items
    if isinstance(node, tuple | list):
        for inner in node:
            yield from leaves(inner)
    elif isinstance(node, Number | Array | Static):
        yield node
    else:
        raise ValueError(f"no description: {node!r}")


def tuples(node: Any) -> Iterator[Any]:
    """The kinds of all `Items` inside a description."""
    if isinstance(node, Items):
        yield node.kind
        node = node.items
    inner = node.values() if isinstance(node, dict) else node
    if isinstance(node, tuple | list | dict):
        for item in inner:
            yield from tuples(item)


def plain(dtype: Any) -> np.dtype:
    """NumPy's own object for a data type, native and without metadata."""
    return np.dtype(np.dtype(dtype).char)


def described(watch: Captured) -> Array:
    """A captured array as an argument."""
    return Array(watch.dtype, watch.shape, watch.slot)


def content(cell: CellType) -> Any:
    """What a cell holds; None where it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def same(value: Any, expected: Any) -> bool:
    """Whether an argument is the static one."""
    kind = type(expected)
    if value is expected or type(value) is not kind:
        return value is expected
    if kind in (float, complex):
        return np.asarray(value).tobytes() == np.asarray(expected).tobytes()
    if kind is tuple:
        return len(value) == len(expected) and all(map(same, value, expected))
    return kind in (int, str, bytes) and value == expected


def same_key(key: Any, expected: Any) -> bool:
    """Whether a dictionary's key is the expected one; what is no string, by identity."""
    return key is expected or (type(key) is type(expected) is str and key == expected)


def fits(node: Any, value: Any, slots: Slots) -> bool:
    """Whether a value is what a description says; fills its slots."""
    if isinstance(node, Static):
        return same(value, node.value)
    if isinstance(node, Number):
        if type(value) is not node.kind:
            return False
        slots.point(node.slot, np.array(value))
        return True
    if isinstance(node, Array):
        if type(value) is not np.ndarray or value.shape != node.shape:
            return False
        wanted = np.dtype(node.dtype)
        if not value.dtype.isnative or value.dtype.num != wanted.num:
            return False
        slots.point(node.slot, np.require(value, requirements=["C", "A"]))
        return True
    if isinstance(node, dict):
        return (
            type(value) is dict
            and len(value) == len(node)
            and all(map(same_key, value, node))
            and all(fits(a, b, slots) for a, b in zip(node.values(), value.values(), strict=True))
        )
    kind, items = (node.kind, node.items) if isinstance(node, Items) else (type(node), node)
    return (
        type(value) is kind
        and len(value) == len(items)
        and all(fits(a, b, slots) for a, b in zip(items, value, strict=True))
    )


def allocate(result: Any, slots: Slots) -> dict[int, np.ndarray]:
    """Memory for each leaf of a result that the program writes, by slot."""
    made = {}
    for leaf in leaves(result):
        if isinstance(leaf, Array):
            made[leaf.slot] = np.empty(leaf.shape, plain(leaf.dtype))
        elif isinstance(leaf, Number):
            made[leaf.slot] = np.zeros((), PYTHON_NUMBERS.get(leaf.kind, leaf.kind))
    for slot, array in made.items():
        slots.point(slot, array)
    return made


def build(node: Any, made: Mapping[int, np.ndarray]) -> Any:
    """A result of what the program wrote."""
    if isinstance(node, Static):
        return node.value
    if isinstance(node, Array):
        return made[node.slot]
    if isinstance(node, Number):
        value = made[node.slot]
        return value.item() if node.kind in PYTHON_NUMBERS else value[()]
    if isinstance(node, dict):
        return {key: build(inner, made) for key, inner in node.items()}
    if isinstance(node, Items):
        return node.kind(*[build(inner, made) for inner in node.items])
    return type(node)([build(inner, made) for inner in node])


# --------------------------------------------------------------------------------- for machine code


class Owned(int):
    """The number of an owned reference, until it is known where they begin."""


class Assembler:
    """Writes the table of a record."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.code: list[int] = []
        self.kept: list[Any] = []
        self.arrays: list[int] = []  # (source, slot, owned) of each that comes in
        self.free = record.slots  # the first cell of the frame without a use
        self.owned = 0
        self.held = False  # whether what comes now must be held: its container may change

    def native(self) -> Native:
        record = self.record
        watched = [w for w in record.watched if isinstance(w, Global)]
        spaces = {id(w.space): w.space for w in watched}
        versions = self.keep(np.zeros(len(spaces), np.int64))
        for k, (number, space) in enumerate(spaces.items()):
            names = [w for w in watched if id(w.space) == number]
            self.names(space, names, facts.address_of(versions) + 8 * k)
        for watch in record.watched:
            if isinstance(watch, Cell):
                self.put(Op.CELL, self.object(watch.cell), self.object(watch.value))
        for k, node in enumerate((*record.arguments, *record.keywords.values())):
            self.match(node, k)
        for watch in record.watched:
            if isinstance(watch, Captured):
                register = self.cells(1)
                self.put(Op.TAKE, register, self.object(watch.array))
                self.match(described(watch), ~register)
        self.put(Op.MATCHED)
        self.run()
        self.put(Op.RETURN, self.make(record.result))
        return self.finish()

    def put(self, op: Op, *operands: int) -> None:
        self.code += [op, *operands]

    def keep(self, value: Any) -> Any:
        self.kept.append(value)
        return value

    def object(self, value: Any) -> int:
        return id(self.keep(value))

    def cells(self, count: int) -> int:
        self.free += count
        return self.free - count

    def own(self) -> Owned:
        self.owned += 1
        return Owned(self.owned - 1)

    def names(self, space: dict[str, Any], names: list[Global], version: int) -> None:
        """Compare the watched names of a dictionary, all at once where it has not changed."""
        if versioned := facts.versions_work():
            self.put(Op.VERSION, self.object(space), version, 4 + 4 * len(names) + 2)
        for watch in names:
            key = self.object(sys.intern(watch.name))
            self.put(Op.GLOBAL, self.object(space), key, self.object(watch.value))
        if versioned:
            self.put(Op.KNOWN, version)

    def match(self, node: Any, source: int) -> None:
        """Compare an argument, or a part of one, with its description."""
        if isinstance(node, Static):
            self.compare(node.value, source)
        elif isinstance(node, Number):
            kind = self.object(node.kind)
            operands = source, kind, facts.SCALARS[node.kind], node.slot
            if self.held:
                self.put(Op.HELD, *operands, self.own())
            else:
                self.put(Op.NUMBER, *operands)
        elif isinstance(node, Array):
            dtype, owned = plain(node.dtype), self.own()
            extents = (len(node.shape), *node.shape)
            self.put(
                Op.ARRAY, source, node.slot, self.held, owned, self.object(dtype), dtype.num,
                *extents,
            )  # fmt: skip
            self.arrays += [source, node.slot, owned]
        elif isinstance(node, dict):
            register = self.cells(len(node))
            keys = [self.object(sys.intern(key) if type(key) is str else key) for key in node]
            self.put(Op.DICT, source, len(node), register, *keys)
            self.parts(tuple(node.values()), register, held=True)
        elif isinstance(node, list):
            register = self.cells(len(node))
            self.put(Op.LIST, source, len(node), register)
            self.parts(node, register, held=True)
        else:
            form, items = (node.kind, node.items) if isinstance(node, Items) else (tuple, node)
            register = self.cells(len(items))
            self.put(Op.TUPLE, source, self.object(form), len(items), register)
            self.parts(items, register, self.held)

    def parts(self, nodes: Sequence[Any], register: int, held: bool) -> None:
        before, self.held = self.held, self.held or held
        for k, node in enumerate(nodes):
            self.match(node, ~(register + k))
        self.held = before

    def compare(self, value: Any, source: int) -> None:
        """Compare an argument with a static one."""
        kind = type(value)
        if kind in (float, complex):
            self.put(Op.BITS, source, self.object(value), 1 if kind is float else 2)
        elif kind in (int, str, bytes):
            self.put(Op.EQUAL, source, self.object(value))
        elif kind is tuple:
            register = self.cells(len(value))
            self.put(Op.TUPLE, source, id(tuple), len(value), register)
            for k, item in enumerate(value):
                self.compare(item, ~(register + k))
        else:
            self.put(Op.SAME, source, self.object(value))

    def run(self) -> None:
        """Fill the slots and call the program."""
        record = self.record
        filled = {leaf.slot for leaf in record.inputs() if not isinstance(leaf, Static)}
        outputs = [x for x in leaves(record.result) if not isinstance(x, Static)]
        filled.update(leaf.slot for leaf in outputs)
        if record.workspace_slot is not None:
            filled.add(record.workspace_slot)
        template = self.keep(np.frombuffer(bytearray(record.template), np.int64))
        start: int | None = None
        for slot in range(record.slots + 1):
            constant = slot < record.slots and slot not in filled
            if constant and start is None:
                start = slot
            elif not constant and start is not None:
                self.put(Op.COPY, start, slot - start, facts.address_of(template) + 8 * start)
                start = None
        self.places: dict[int, int] = {}  # by slot: the cell of a number, the owned of an array
        for leaf in outputs:
            if isinstance(leaf, Array):
                owned, dtype = self.own(), plain(leaf.dtype)
                extents = (len(leaf.shape), *leaf.shape)
                self.put(Op.NEW, leaf.slot, owned, self.object(dtype), *extents)
                self.places[leaf.slot] = owned
            else:
                self.free += self.free % 2
                self.places[leaf.slot] = cell = self.cells(2)
                self.put(Op.POINT, leaf.slot, cell)
        if record.workspace_slot is not None:
            self.put(Op.WORKSPACE, record.workspace_slot)
        self.put(Op.CALL_RELEASED if record.release_gil else Op.CALL, record.program)

    def make(self, node: Any) -> int:
        """Build a result; which owned reference it is."""
        if isinstance(node, Array):
            return self.places[node.slot]
        if isinstance(node, Number):
            cell, owned = self.places[node.slot], self.own()
            if node.kind in MAKERS:
                self.put(MAKERS[node.kind], cell, owned)
            else:
                self.put(Op.SCALAR, cell, owned, self.object(np.dtype(node.kind)))
            return owned
        if isinstance(node, Static):
            owned = self.own()
            self.put(Op.FIXED, self.object(node.value), owned)
            return owned
        if isinstance(node, dict):
            pairs = [(self.object(key), self.make(inner)) for key, inner in node.items()]
            owned = self.own()
            self.put(Op.MAKE_DICT, owned, len(pairs), *[x for pair in pairs for x in pair])
            return owned
        inner = [self.make(x) for x in (node.items if isinstance(node, Items) else node)]
        owned = self.own()
        op = Op.MAKE_LIST if isinstance(node, list) else Op.MAKE_TUPLE
        self.put(op, owned, len(inner), *inner)
        if not isinstance(node, Items):
            return owned
        built = self.own()
        self.put(Op.APPLY, built, self.object(node.kind), owned)
        return built

    def finish(self) -> Native:
        record = self.record
        names = [self.object(name) for name in record.keywords]
        place = lambda x: self.free + x if type(x) is Owned else int(x)
        code = [place(x) for x in self.code]
        table = np.zeros(len(Head) + len(names) + len(code), np.int64)
        arrays = self.keep(np.array([place(x) for x in self.arrays], np.int64))
        head = {
            Head.POSITIONAL: len(record.arguments),
            Head.KEYWORDS: len(names),
            Head.CODE: facts.address_of(table) + 8 * (len(Head) + len(names)),
            Head.OWNED: self.free,
            Head.OWNED_END: self.free + self.owned,
            Head.RECOVER: 0 if record.recover is None else self.object(record.recover),
            Head.TOKEN: self.object(record.token),
            Head.ARRAYS: facts.address_of(arrays),
            Head.ARRAYS_COUNT: len(arrays) // 3,
        }
        if record.workspace_slot is not None:
            memory = self.keep(np.empty(record.workspace_bytes + 64, np.uint8))
            head[Head.WORKSPACE] = -(-facts.address_of(memory) // 64) * 64
            head[Head.WORKSPACE_BYTES] = record.workspace_bytes
        for key, value in head.items():
            table[key] = value
        table[len(Head) :] = [*names, *code]
        self.kept += [table, record.keep]
        return Native(facts.address_of(table), self.free + self.owned, tuple(self.kept))


MAKERS = {float: Op.FLOAT, int: Op.INT, bool: Op.BOOL, complex: Op.COMPLEX}
