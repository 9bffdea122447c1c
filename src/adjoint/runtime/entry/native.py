"""The type of compiled functions: one C-level type, and a plain Python class that does the same.

Enters: a fallback and attributes.  Leaves: an entry, called like the function it stands for.

The C-level type is made by `PyType_FromSpec`; its slots are the machine code of `code`.  Where an
interpreter's layout is not known, or the system forbids new machine code, entries are instances of
`PythonEntry`, which follows the records in Python.
"""

from __future__ import annotations

import ctypes
import types
from collections.abc import Callable, Iterable
from functools import lru_cache
from threading import RLock
from typing import Any

import numpy as np

from .. import cpu
from . import code, facts
from .record import MISS, Array, Number, Record

HAVE_GC, HAVE_VECTORCALL, METHOD_DESCRIPTOR, NO_NEW = 1 << 14, 1 << 11, 1 << 17, 1 << 7
TP_CALL, TP_CLEAR, TP_DEALLOC, TP_DESCR_GET, TP_TRAVERSE, TP_MEMBERS, TP_GETSET = (
    50, 51, 52, 54, 71, 72, 73,
)  # fmt: skip
OBJECT, SIZE, READ_ONLY = 16, 19, 1  # types and flags of members

changing = RLock()  # held while the records of an entry, or the types, are read and replaced
native_types: dict[type, type] = {}
python_types: dict[type, type] = {}


class Entry:
    """What all entries share.  A class of further methods derives from it, with empty slots."""

    __slots__ = ()

    def prepend(self: Any, record: Record, limit: int | None = None) -> None:
        """Put a record before the others, and let go of the last ones above the limit."""
        with changing:
            self.records = (record, *self.records)[:limit]

    def discard(self: Any, record: Record) -> None:
        """Let go of a record, if it is there."""
        with changing:
            self.records = tuple([r for r in self.records if r is not record])

    def clear(self: Any) -> None:
        """Let go of all records."""
        self.records = ()

    def __reduce__(self: Any) -> str:
        """Pickled like a function: by its qualified name."""
        return self.__qualname__

    def __repr__(self: Any) -> str:
        return (
            f"<compiled {getattr(self, '__qualname__', 'function')}, {len(self.records)} records>"
        )


class PythonEntry(Entry):
    """An entry that follows its records in Python."""

    __slots__ = ("__dict__", "__weakref__", "_fallback", "_records")

    def __init__(self, fallback: Callable) -> None:
        self._fallback = fallback
        self._records: tuple[Record, ...] = ()

    @property
    def fallback(self) -> Callable:
        return self._fallback

    @property
    def records(self) -> tuple[Record, ...]:
        return self._records

    @records.setter
    def records(self, records: Iterable[Record]) -> None:
        self._records = tuple(records)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        for place, record in enumerate(self._records):
            slots = record.matched(args, kwargs)
            if slots is not None:
                if place:
                    with changing:
                        others = tuple([r for r in self._records if r is not record])
                        if len(others) < len(self._records):
                            self._records = (record, *others)
                found = record.run(slots, args, kwargs)
                if found is not MISS:
                    return found
        return self._fallback(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)


class NativeEntry(Entry):
    """The Python side of the C-level type."""

    __slots__ = ()

    @property
    def records(self) -> tuple[Record, ...]:
        """The records, the one that was used last first."""
        owner = prototypes()["owner"](self)
        if owner is None:
            return ()
        chain, count = owner[0], len(owner) // 2
        records, natives = owner[1 : 1 + count], owner[1 + count :]
        by_address = {n.address: r for n, r in zip(natives, records, strict=True)}
        return tuple([by_address[x] for x in chain[code.CHAIN_HEAD :].tolist()])

    @records.setter
    def records(self, records: Iterable[Record]) -> None:
        records = tuple(records)
        if not records:
            prototypes()["exchange"](self, None)
            return
        natives = [r.native for r in records]
        cells = max(n.cells for n in natives)
        chain = np.array([0, len(natives), cells, *[n.address for n in natives]], np.int64)
        # The collector empties instances and their dictionaries, tuples never: what the chain
        # refers to stays while the chain does.
        owner = (chain, *records, *natives)
        chain[0] = id(owner)
        prototypes()["exchange"](self, facts.address_of(chain))


class Slot(ctypes.Structure):
    _fields_ = [("number", ctypes.c_int), ("function", ctypes.c_void_p)]


class Spec(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("bytes", ctypes.c_int),
        ("item_bytes", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(Slot)),
    ]


class Member(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("kind", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("text", ctypes.c_char_p),
    ]


class Property(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("read", ctypes.c_void_p),
        ("write", ctypes.c_void_p),
        ("text", ctypes.c_char_p),
        ("closure", ctypes.c_void_p),
    ]


def python_function(name: str) -> int:
    """The address of a function of Python's C interface."""
    return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0


@lru_cache(maxsize=1)
def prototypes() -> dict[str, Callable]:
    """The functions of the machine code, and some of Python's, as Python calls them."""
    found, object_, address = code.functions(), ctypes.py_object, ctypes.c_void_p
    make = ctypes.PYFUNCTYPE
    return {
        "make": make(object_, object_, object_, address)(found["make"]),
        "exchange": make(None, object_, address)(found["exchange"]),
        "owner": make(object_, object_)(found["owner"]),
        "type": make(object_, address, object_)(python_function("PyType_FromSpecWithBases")),
    }


def native_type(methods: type = Entry) -> type | None:
    """The C-level type with these methods, made once; None where `why_not_native()` says why."""
    if (kind := native_types.get(methods)) is None and why_not_native() is None:
        with changing:
            if (kind := native_types.get(methods)) is None:
                kind = native_types[methods] = make_type(methods)
    return kind


@lru_cache(maxsize=1)
def why_not_native() -> str | None:
    """Why entries are Python's here, or None where they are native."""
    if (reason := facts.problem()) is not None:
        return reason
    try:
        kind = make_type(Entry)
    except cpu.LoadError as error:
        return str(error)
    if not is_sound(kind):
        return "the machine code failed its test"
    native_types.setdefault(Entry, kind)
    return None


def make_type(methods: type) -> type:
    """A C-level type."""
    found = code.functions()
    members = (Member * 5)(
        Member(b"__vectorcalloffset__", SIZE, code.VECTORCALL, READ_ONLY),
        Member(b"__dictoffset__", SIZE, code.DICTIONARY, READ_ONLY),
        Member(b"__weaklistoffset__", SIZE, code.WEAK, READ_ONLY),
        Member(b"fallback", OBJECT, code.FALLBACK, READ_ONLY),
    )
    read, write = python_function("PyObject_GenericGetDict"), "PyObject_GenericSetDict"
    properties = (Property * 2)(Property(b"__dict__", read, python_function(write)))
    slots = (Slot * 8)(
        Slot(TP_CALL, python_function("PyVectorcall_Call")),
        Slot(TP_TRAVERSE, found["traverse"]),
        Slot(TP_CLEAR, found["clear"]),
        Slot(TP_DEALLOC, found["dealloc"]),
        Slot(TP_DESCR_GET, found["bind"]),
        Slot(TP_MEMBERS, ctypes.addressof(members)),
        Slot(TP_GETSET, ctypes.addressof(properties)),
    )
    name = f"{methods.__module__}.{methods.__name__}".encode()
    flags = HAVE_GC | HAVE_VECTORCALL | METHOD_DESCRIPTOR | NO_NEW
    spec = Spec(name, code.ENTRY_BYTES, 0, flags, slots)
    for kept in (members, properties, slots, spec):  # as long as the type may live: for ever
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
    bases = (NativeEntry,) if methods is Entry else (methods, NativeEntry)
    return prototypes()["type"](ctypes.addressof(spec), bases)


def make_entry(
    fallback: Callable, methods: type = Entry, *, native: bool = True, **attributes: Any
) -> Any:
    """An entry that calls `fallback` until it has records; `attributes` go into its `__dict__`."""
    kind = native_type(methods) if native else None
    if kind is None:
        entry: Any = python_type(methods)(fallback)
    else:
        entry = prototypes()["make"](kind, fallback, facts.addresses().address)
    entry.__dict__.update(attributes)
    return entry


def python_type(methods: type = Entry) -> type:
    """`PythonEntry` with these methods."""
    if methods is Entry:
        return PythonEntry
    with changing:
        if (kind := python_types.get(methods)) is None:
            space = {"__module__": methods.__module__, "__slots__": ()}
            kind = python_types[methods] = type(methods.__name__, (methods, PythonEntry), space)
    return kind


def is_sound(kind: type) -> bool:
    """Whether an entry of the type computes what it should: a call of each sort, once a process."""
    given = lambda *args, **kwargs: (args, kwargs)
    entry = prototypes()["make"](kind, given, facts.addresses().address)
    row = np.array([3.0, 4.0])
    entry.records = [
        Record(
            arguments=(Number(float, 0), Array(np.float64, (2,), 1)),
            keywords={"scale": Number(float, 2)},
            result=(Number(float, 3), Array(np.float64, (2,), 4)),
            program=code.functions()["probe"],
            template=bytes(5 * 8),
            recover=lambda *args: args,
        )
    ]
    number, array = entry(2.0, row, scale=8.0)
    return (
        number == 10.0
        and array.tolist() == [24.0, 32.0]
        and types.MethodType(entry, 2.0)(row, scale=8.0)[0] == 10.0
        and entry(2.0, row) == ((2.0, row), {})
        and entry(-1.0, row[::-1], scale=1.0)[1].tolist() == [4.0, 3.0]
    )
