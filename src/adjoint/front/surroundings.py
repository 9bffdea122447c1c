"""What a function can reach and change: the user's names, objects and containers outside of it.

Enters: a function and arguments.  Leaves: a shallow copy of each place that its code can reach, so
that a write can be found afterwards and taken back: the names of modules, closures' variables,
attributes of objects, classes and functions, lists, dictionaries, sets, deques, bytes, small
arrays.  Only what the user wrote is looked into, breadth first, up to a bound.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import EnumMeta
from functools import cached_property, lru_cache, partial, partialmethod
from operator import is_, is_not
from types import (
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any, NamedTuple

import numpy as np

from ..base.errors import is_internal
from .context import fingerprint, has_content
from .outside import INSTALLED, is_users_class, is_users_module, own_attribute
from .trace import RecordingTensor, Tensor

PLACES = 1000  # places that are copied
ITEMS = 20_000  # items of all containers together that are copied
LONGEST = 4096  # items of one; of a longer one only the length is compared
BYTES = 1 << 20  # of all arrays together
ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "nothing"})()


class Change(NamedTuple):
    """One difference of a place: what was there before, and what is there now."""

    key: Any
    before: Any
    after: Any


class Place:
    """Something that can be written into, and a shallow copy of it."""

    __slots__ = ("before", "name", "owner", "target")
    kind = ""

    def __init__(self, target: Any, owner: Any, name: str) -> None:
        self.target = target
        self.owner = owner  # whose attributes they are, if any
        self.name = name  # under which it was found
        self.before = self.now()

    def now(self) -> Any:
        """A copy of what is there."""
        raise NotImplementedError

    def is_changed(self, before: Any) -> bool:
        """Whether there is something else than in a copy: quick."""
        raise NotImplementedError

    def changes(self, same: Callable[[Any, Any], bool]) -> list[Change]:
        """The differences from the copy."""
        now = self.now()
        return [] if same(self.before, now) else [Change(None, self.before, now)]

    def restore(self, changes: list[Change]) -> None:
        """Put back what was there before."""
        raise NotImplementedError

    def subject(self) -> Any:
        """Whose place it is, as the user knows it."""
        return self.target if self.owner is None else self.owner


class Names(Place):
    """The names of a module, the attributes of an object or function."""

    __slots__ = ()
    kind = "names"

    def now(self) -> dict[str, Any]:
        return dict.copy(self.target)

    def is_changed(self, before: dict[str, Any]) -> bool:
        now = self.now()
        return (
            len(now) != len(before)
            or not all(map(is_, before.values(), now.values()))
            or not all(map(is_, before, now))
        )

    def changes(self, same: Callable[[Any, Any], bool]) -> list[Change]:
        before, now = self.before, self.now()
        found = []
        for key in (*before, *(k for k in now if k not in before)):
            a, b = before.get(key, ABSENT), now.get(key, ABSENT)
            if not same(a, b) and not self.is_exempt(key, b):
                found.append(Change(key, a, b))
        return found

    def is_exempt(self, name: Any, after: Any) -> bool:
        """What is no write of the user's: Python's own names, an import, a cached property."""
        if isinstance(after, ModuleType) or is_private(name):
            return True
        kind = type(self.owner)
        described = next((vars(k)[name] for k in kind.__mro__ if name in vars(k)), None)
        return isinstance(described, cached_property) and not any(tensors(after))

    def restore(self, changes: list[Change]) -> None:
        for key, before, _ in changes:
            if before is ABSENT:
                self.target.pop(key, None)
            else:
                self.target[key] = before


class ClassNames(Names):
    """The attributes of a class."""

    __slots__ = ()

    def now(self) -> dict[str, Any]:
        return dict(self.target)

    def is_exempt(self, name: Any, after: Any) -> bool:
        return is_private(name)

    def restore(self, changes: list[Change]) -> None:
        for key, before, _ in changes:
            if before is not ABSENT:
                type.__setattr__(self.owner, key, before)
            elif key in vars(self.owner):
                type.__delattr__(self.owner, key)


class Slots(Names):
    """The attributes of an object that are in slots; the target is a table of descriptors."""

    __slots__ = ()

    def now(self) -> dict[str, Any]:
        found = {}
        for name, slot in self.target.items():
            try:
                found[name] = slot.__get__(self.owner)
            except AttributeError:
                continue
        return found

    def restore(self, changes: list[Change]) -> None:
        for key, before, after in changes:
            slot = self.target[key]
            if before is not ABSENT:
                slot.__set__(self.owner, before)
            elif after is not ABSENT:
                slot.__delete__(self.owner)


class Variable(Place):
    """A variable of a function's closure."""

    __slots__ = ()
    kind = "variable"

    def now(self) -> Any:
        try:
            return self.target.cell_contents
        except ValueError:
            return ABSENT

    def is_changed(self, before: Any) -> bool:
        return self.now() is not before

    def restore(self, changes: list[Change]) -> None:
        if self.before is not ABSENT:
            self.target.cell_contents = self.before
        else:
            del self.target.cell_contents


class Container(Place):
    """A container whose items are compared by identity: a list, a deque."""

    __slots__ = ()
    kind = "container"
    base: Any = list  # whose methods are called: a subclass may have others

    def now(self) -> Any:
        length = self.base.__len__(self.target)
        return self.copy() if length <= LONGEST else length

    def copy(self) -> Any:
        return list.copy(self.target)

    def is_changed(self, before: Any) -> bool:
        now = self.now()
        if type(now) is int or type(before) is int:
            return now != before
        return len(now) != len(before) or any(map(is_not, now, before))

    def changes(self, same: Callable[[Any, Any], bool]) -> list[Change]:
        before, now = self.before, self.now()
        if type(now) is int or type(before) is int:
            return [] if now == before else [Change(None, before, now)]
        if len(now) == len(before) and all(map(same, before, now)):
            return []
        return [Change(None, before, now)]

    def restore(self, changes: list[Change]) -> None:
        if type(self.before) is list:
            list.__setitem__(self.target, slice(None), self.before)


class Line(Container):
    """A deque."""

    __slots__ = ()
    base = deque

    def copy(self) -> Any:
        return deque(deque.__iter__(self.target))

    def restore(self, changes: list[Change]) -> None:
        if type(self.before) is deque:
            deque.clear(self.target)
            deque.extend(self.target, self.before)


class Table(Container):
    """A dictionary."""

    __slots__ = ()
    base = dict

    def copy(self) -> dict:
        return dict.copy(self.target)

    def is_changed(self, before: Any) -> bool:
        now = self.now()
        if type(now) is int or type(before) is int:
            return now != before
        return (
            len(now) != len(before)
            or not all(map(is_, before.values(), now.values()))
            or not all(map(is_, before, now))
        )

    def changes(self, same: Callable[[Any, Any], bool]) -> list[Change]:
        before, now = self.before, self.now()
        if type(now) is int or type(before) is int:
            return [] if now == before else [Change(None, before, now)]
        pairs = zip(before.items(), now.items(), strict=False)
        if len(before) == len(now) and all(a is c and same(b, d) for (a, b), (c, d) in pairs):
            return []
        return [Change(None, before, now)]

    def restore(self, changes: list[Change]) -> None:
        if isinstance(self.before, dict):
            dict.clear(self.target)
            dict.update(self.target, self.before)


class Elements(Container):
    """A set."""

    __slots__ = ()
    base = set

    def copy(self) -> set:
        return set.copy(self.target)

    def is_changed(self, before: Any) -> bool:
        now = self.now()
        return type(now) is not type(before) or now != before

    def changes(self, same: Callable[[Any, Any], bool]) -> list[Change]:
        return [Change(None, self.before, self.now())] if self.is_changed(self.before) else []

    def restore(self, changes: list[Change]) -> None:
        if isinstance(self.before, set):
            set.clear(self.target)
            set.update(self.target, self.before)


class Bytes(Container):
    """A bytearray."""

    __slots__ = ()
    base = bytearray

    def copy(self) -> bytes:
        return bytes(memoryview(self.target))

    def is_changed(self, before: Any) -> bool:
        return bool(self.now() != before)

    def changes(self, same: Callable[[Any, Any], bool]) -> list[Change]:
        return [Change(None, self.before, self.now())] if self.is_changed(self.before) else []

    def restore(self, changes: list[Change]) -> None:
        if isinstance(self.before, bytes):
            self.target[:] = self.before


class Numbers(Place):
    """The numbers in an array."""

    __slots__ = ()
    kind = "array"

    def now(self) -> Any:
        return fingerprint(self.target)

    def is_changed(self, before: Any) -> bool:
        return not has_content(self.target, before)

    def changes(self, same: Callable[[Any, Any], bool]) -> list[Change]:
        return [Change(None, None, None)] if self.is_changed(self.before) else []

    def restore(self, changes: list[Change]) -> None:
        if isinstance(self.before, np.ndarray) and self.target.flags.writeable:
            self.target[...] = self.before


def is_private(name: Any) -> bool:
    """Whether a name is one that Python sets by itself, such as `__warningregistry__`."""
    return isinstance(name, str) and name.startswith("__") and name.endswith("__")


def tensors(x: Any, depth: int = 3) -> Iterator[Tensor]:
    """The traced values that a value is or holds, in containers."""
    if isinstance(x, Tensor):
        yield x
    elif depth and type(x) in (list, tuple, dict, deque) and len(x) <= LONGEST:
        for y in x.values() if type(x) is dict else x:
            yield from tensors(y, depth - 1)


# --------------------------------------------------------------------------------------- what it is


@lru_cache(maxsize=1024)
def names_in(code: CodeType) -> tuple[str, ...]:
    """The names that a code object reads, those of the functions and comprehensions inside it
    included."""
    found = dict.fromkeys(code.co_names)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found.update(dict.fromkeys(names_in(inner)))
    return tuple(found)


FILES: dict[str, bool] = {}


def is_users_code(code: CodeType) -> bool:
    """Whether the user wrote a piece of code."""
    file = code.co_filename
    known = FILES.get(file)
    if known is None:
        real = os.path.realpath(file)
        known = FILES[file] = not is_internal(file) and not real.startswith(INSTALLED)
    return known


CONTAINERS = (Table, Container, Elements, Line, Bytes)
PLAIN: frozenset[type] = frozenset(
    [type(None), bool, int, float, complex, str, bytes, range, np.float64, np.float32, np.int64,
     np.bool_, RecordingTensor]
)  # fmt: skip


class Surroundings:
    """The places that a function and its arguments reach."""

    def __init__(self, function: Callable, arguments: Iterable[Any] = ()) -> None:
        self.places: list[Place] = []
        self.codes: list[CodeType] = []  # that were looked at
        self.seen: dict[int, Any] = {}
        self.items = ITEMS
        self.bytes = BYTES
        self.todo: deque[tuple[Any, str]] = deque()
        self.root: Any = function
        self.add(function, "")
        for x in arguments:
            self.add(x, "an argument")
        while self.todo and len(self.places) < PLACES:
            self.visit(*self.todo.popleft())
        del self.todo, self.seen

    def add(self, x: Any, name: str) -> None:
        """Look at a value later, if it can hold anything."""
        if type(x) not in PLAIN and id(x) not in self.seen:
            self.seen[id(x)] = x
            self.todo.append((x, name))

    def all(self, values: Iterable[Any], name: str) -> None:
        """The same for many values."""
        if not PLAIN.issuperset(map(type, values)):
            for x in values:
                self.add(x, name)

    def put(self, kind: type[Place], target: Any, owner: Any, name: str) -> None:
        """One more place."""
        try:
            self.places.append(kind(target, owner, name))
        except RuntimeError:
            pass  # another thread changes it

    def visit(self, x: Any, name: str) -> None:
        """The places of a value, and what it holds."""
        kind = type(x)
        if kind is np.ndarray:
            if x.dtype.kind in "biufc" and x.nbytes <= self.bytes and x.flags.writeable:
                self.bytes -= x.nbytes
                self.put(Numbers, x, None, name)
        elif kind is FunctionType:
            self.function(x)
        elif kind in PARTS:
            self.all(PARTS[kind](x), name)
        elif kind is ModuleType:
            pass
        elif kind in (tuple, frozenset, MappingProxyType):
            if len(x) <= LONGEST:
                self.all(list(x.values() if kind is MappingProxyType else x), inside(name))
        elif issubclass(kind, type):
            self.kind(x)
        else:
            self.container(x, name)
            if issubclass(kind, tuple):
                self.all(list(tuple.__iter__(x)), inside(name))
            if kind is SimpleNamespace or is_own_class(kind):
                self.object(x)
            elif kind is CACHED or str(kind.__module__).startswith(OWN):
                self.add(own_attribute(x, "__wrapped__"), name)

    def container(self, x: Any, name: str) -> None:
        """A list, dictionary, set, .. and what it holds."""
        for place in CONTAINERS:
            kind = place.base
            if issubclass(type(x), kind):  # `isinstance` would believe a proxy
                length = kind.__len__(x)
                if length > self.items:
                    return
                self.items -= min(length, LONGEST)
                self.put(place, x, None, name)
                if length <= LONGEST and kind not in (set, bytearray):
                    self.all(list(dict.values(x) if kind is dict else x), inside(name))
                return

    def function(self, x: FunctionType) -> None:
        """The names of a function's module, its closure, default arguments and attributes, and the
        values of the names in its code."""
        code = x.__code__
        is_own = is_users_code(code) or x is self.root
        for name, cell in zip(code.co_freevars, x.__closure__ or (), strict=True):
            if is_own:
                self.put(Variable, cell, x, name)
            try:
                value = cell.cell_contents
            except ValueError:
                continue
            if is_own or type(value) in (FunctionType, MethodType):
                self.add(value, f"`{name}`")
        self.add(own_attribute(x, "__wrapped__"), "")
        if not is_own:
            return
        self.codes.append(code)
        self.put(Names, x.__dict__, x, "")
        self.all(x.__dict__.values(), f"an attribute of `{x.__name__}`")
        for values in (x.__defaults__ or (), (x.__kwdefaults__ or {}).values()):
            self.all(values, f"a default argument of `{x.__name__}`")
        self.names(x.__globals__, names_in(code))

    def names(self, space: dict[str, Any], names: Iterable[str]) -> None:
        """The names of a module, and what some of them name."""
        if id(space) not in self.seen:
            self.seen[id(space)] = space
            self.put(Names, space, None, space.get("__name__", ""))
        for name in names:
            value = space.get(name)
            if type(value) is ModuleType:
                if is_users_module(value.__name__, value):
                    found = vars(value)
                    if id(found) not in self.seen:
                        self.names(found, names)
            elif type(value) not in PLAIN:
                self.add(value, f"`{name}`")

    def kind(self, x: type) -> None:
        """The attributes of a class of the user's, its methods and bases."""
        if not is_own_class(x):
            return
        space = vars(x)
        self.put(ClassNames, space, x, "")
        for name, value in list(space.items()):
            if type(value) not in PLAIN and type(value) not in SLOTS:
                self.add(value, f"`{x.__name__}.{name}`")
        self.all(x.__mro__[1:], "")

    def object(self, x: Any) -> None:
        """The attributes of an object of the user's, and its class."""
        kind = type(x)
        try:
            space = object.__getattribute__(x, "__dict__")
        except AttributeError:
            space = None
        if type(space) is dict:
            self.put(Names, space, x, "")
            for name, value in list(space.items()):
                if type(value) not in PLAIN:
                    self.add(value, f"`{kind.__name__}.{name}`")
        if slots := slots_of(kind):
            self.put(Slots, slots, x, "")
            for name, value in self.places[-1].now().items():
                self.add(value, f"`{kind.__name__}.{name}`")
        self.add(kind, "")


OWN = __name__.partition(".")[0] + "."
CACHED = type(lru_cache(len))
SLOTS = (MemberDescriptorType, GetSetDescriptorType)
PARTS: dict[type, Callable[[Any], Iterable[Any]]] = {
    MethodType: lambda x: (x.__func__, x.__self__),
    partial: lambda x: (x.func, *x.args, *x.keywords.values()),
    partialmethod: lambda x: (x.func, *x.args, *x.keywords.values()),
    staticmethod: lambda x: (x.__func__,),
    classmethod: lambda x: (x.__func__,),
    property: lambda x: (x.fget, x.fset, x.fdel),
    cached_property: lambda x: (x.func,),
    np.vectorize: lambda x: (x.pyfunc,),
}


def is_own_class(kind: type) -> bool:
    """Whether the user wrote a class; enumerations keep tables of their own."""
    return not isinstance(kind, EnumMeta) and is_users_class(kind)


def inside(name: str) -> str:
    """The name of what something holds."""
    return name if name.startswith("inside ") else f"inside {name}"


def slots_of(kind: type) -> dict[str, Any]:
    """The slots of a class and its bases."""
    return {
        name: slot
        for base in kind.__mro__
        if "__slots__" in vars(base)
        for name, slot in vars(base).items()
        if type(slot) is MemberDescriptorType
    }
