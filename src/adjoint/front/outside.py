"""What the traced function finds outside: arrays as handles, functions as their counterparts.

Enters: the places where the user's code keeps them: globals, closures, default arguments,
attributes of objects and classes, dictionaries, lists and tuples, arguments that are not
differentiated.  Leaves: handles in the arrays' place, so that `DATA.dot(t)`, `DATA.copy()[i] = t`
and `self.table[i] = t` are seen, and what `counterparts` finds in the place of modules and
functions.  A handle is no more than its array: what is computed from handles alone is plain again.
What was written into one is written into the array when the trace ends (the numbers: a derivative
ends with its trace).
"""

from __future__ import annotations

import builtins
import os
import sys
import sysconfig
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from functools import cache, cached_property, partial, partialmethod
from types import (
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ..base.errors import PACKAGE, PACKAGED, PYTHONS, is_internal
from ..graph.node import constant
from .counterparts import CACHED, INERT, MISSING, MOST, Counterparts
from .drawing import from_outside
from .trace import RecordingTensor, plain_value

# How far is looked: functions inside functions, a step each; objects and containers, more of them.
REACH = 128
INSIDE = 16
LARGE = 64  # items of a container from which their insides are not looked into
REGISTRIES: dict[int, tuple[Any, tuple[int, ...], list[tuple[Any, Any]]]] = {}
MOST_REGISTRIES = 64
OBJECTS = 1000  # objects that are looked into


def is_array(x: Any) -> bool:
    """Whether a handle can stand for it: an array of numbers."""
    return type(x) is np.ndarray and x.dtype.kind in "iufc" and x.ndim > 0 and x.dtype.isnative


def stand_for(array: np.ndarray) -> RecordingTensor:
    """A handle for an array; any trace takes it as the array itself."""
    return RecordingTensor(constant(array), array, 1)


def handled(x: Any, known: dict[int, Any]) -> Any:
    """An argument, an array as a handle; one that comes twice is one handle."""
    if not is_array(x):
        return x
    if id(x) not in known:
        known[id(x)] = stand_for(x)
    return known[id(x)]


# ------------------------------------------------------------------------------------ what is whose

INSTALLED = tuple(
    os.path.realpath(path) + os.sep
    for path in {
        os.path.dirname(os.path.dirname(np.__file__)),
        *[sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")],
    }
    if path
)


@cache
def real_folder(folder: str) -> str:
    """A folder without links on the way to it; few folders hold all modules."""
    return os.path.realpath(folder)


def real_path(file: str) -> str:
    """`os.path.realpath` of a file, in less time."""
    if not os.path.isabs(file) or os.path.islink(file):
        return os.path.realpath(file)
    folder, name = os.path.split(file)
    return os.path.join(real_folder(folder), name)


def is_users_module(name: str, module: Any) -> bool:
    """Whether a module is the user's own code."""
    if name == "__main__" or name in OPEN:
        return True
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return False
    known = USERS.get(file)
    if known is None:
        real = real_path(file)
        is_packaged = not PACKAGED.isdisjoint(real.split(os.sep))
        known = USERS[file] = not (is_packaged or real.startswith((*INSTALLED, PACKAGE)))
    return known


USERS: dict[str, bool] = {}
# Where libraries of functions of arrays look at what they are given: as if it were the user's code.
OPEN = {"einops._backends", "tensorly.backend.core", "tensorly.backend.numpy_backend"}


def is_library(file: str) -> bool:
    """Whether code is Python's, NumPy's, SciPy's or our own."""
    known = LIBRARIES.get(file)
    if known is None:
        real = real_path(file)
        is_packaged = not PACKAGED.isdisjoint(real.split(os.sep))  # may lie inside Python's folder
        known = is_internal(file) or (real.startswith(PYTHONS) and not is_packaged)
        LIBRARIES[file] = known
    return known


LIBRARIES: dict[str, bool] = {}


# References to an array that are not the user's: those of its handle, the handle's value, its node,
# the table of handles, and of whoever counts; to the owner of a view: of the view, and of the same.
HOLDERS = 7
OWNER = 3


def held_by(undo: Any) -> tuple:
    """The arrays that a step of undoing holds."""
    return undo.args if isinstance(undo, partial) else ()


class Outside:
    """What is exchanged now outside of modules' names, and how it is put back."""

    def __init__(self) -> None:
        self.counterparts = Counterparts()
        self.counterparts.show = self.shown
        self.handles: dict[int, tuple[np.ndarray, Any, RecordingTensor]] = {}
        # What was looked into, whether it held anything, and whether arrays were looked for.
        self.seen: dict[int, tuple[Any, bool, bool]] = {}
        self.arrays = True  # whether arrays are exchanged too
        self.objects = 0  # how many objects and containers are among them
        self.undo: list[Callable[[], None]] = []
        self.opened: Callable[[FunctionType], None] = lambda function: None  # one that was found
        self.met: Callable[[ModuleType], bool] = lambda module: False  # likewise

    def shown(self, x: Any) -> Any:
        """An array as its handle, anything else itself."""
        return self.handle(x) if is_array(x) else x

    def handle(self, array: np.ndarray) -> RecordingTensor:
        """The handle of an array, one for all of its names."""
        found = self.handles.get(id(array))
        if found is None:
            made = stand_for(array)
            made.source = array
            found = self.handles[id(array)] = array, made.node, made
        return found[2]

    def shares(self, handle: RecordingTensor) -> bool:
        """Whether others than the places that were exchanged hold an array, or its memory: they
        would not see a traced value that is written into the handle."""
        array: Any = handle.source
        root: Any = array
        while isinstance(root.base, np.ndarray):
            root = root.base
        views = 0 if handle.alias is None else sum(
            v() is not None and v().held().base is root for v in handle.alias.views
        )  # fmt: skip
        if root is not array and sys.getrefcount(root) > OWNER + views:
            return True
        views = views if root is array else 0
        del root
        places = views + sum(array is x for undo in self.undo for x in held_by(undo))
        others = [x for x, *_ in self.handles.values() if x is not array]
        return sys.getrefcount(array) > HOLDERS + places or any(
            np.may_share_memory(array, x) for x in others
        )

    def space(self, space: dict[str, Any], watched: Iterable[str]) -> None:
        """Exchange what is found among the names of a function's module, but for the names of
        functions and modules themselves."""
        for name in watched:
            value = space.get(name)
            if type(value) in EXCHANGED:
                self.item(space, name, value, REACH)
            else:
                self.look(value)

    def item(self, holder: Any, key: Any, value: Any, depth: int) -> bool:
        """Exchange what a dictionary or list holds at a place; whether there was anything."""
        if type(value) in INERT:
            return False
        after = self.after(value)
        holds = self.look(value, depth)
        if after is MISSING:
            return holds
        holder[key] = after
        self.undo.append(partial(give_back, holder, key, value, after))
        return True

    def attribute(self, holder: Any, name: str, value: Any, depth: int) -> bool:
        """Exchange an attribute that is not in an object's dictionary."""
        if type(value) in INERT:
            return False
        after = self.after(value)
        holds = self.look(value, depth)
        if after is MISSING:
            return holds
        is_class = isinstance(holder, type)
        if is_class and type(after) is FunctionType and not hasattr(type(value), "__get__"):
            after = staticmethod(after)  # what it replaces does not bind
        put = type.__setattr__ if is_class else object.__setattr__
        put(holder, name, after)
        self.undo.append(partial(give_back_attribute, holder, name, value, after))
        return True

    def after(self, value: Any) -> Any:
        """What takes the place of a value in a name or an attribute; `MISSING` where it stays."""
        if type(value) not in ARRAYS:
            return self.counterparts.find(value)
        if not self.arrays:
            return MISSING
        if type(value) is np.random.Generator:
            return from_outside(value)
        return self.handle(value) if is_array(value) else MISSING

    def look(self, x: Any, depth: int = REACH) -> bool:
        """Exchange what is inside a value of the user's; whether there was anything."""
        kind = type(x)
        if kind in INERT or kind is np.ndarray or depth <= 0:
            return False
        known = self.seen.get(id(x))
        if known is not None and (known[2] or not self.arrays):
            return known[1]
        is_again = known is not None  # now for the arrays
        self.seen[id(x)] = x, known is not None and known[1], self.arrays
        if kind is FunctionType:
            holds = self.function(x, depth - 1)
        elif kind in CONTAINERS:
            holds = self.container(x, depth - INSIDE)
        elif kind in PARTS:
            holds = self.look_at(PARTS[kind](x), depth - 1)
        elif isinstance(x, tuple):
            holds = len(x) <= MOST and self.look_at(x, depth - INSIDE)
        elif kind is ModuleType:
            holds = self.met(x)
        elif isinstance(x, type):
            holds = is_users(x) and self.kind(x, depth - 1, is_again)
            holds |= self.look_at([k for k in x.__mro__[1:] if is_users(k)], depth)
        else:
            holds = self.object(x, depth - INSIDE)
        if holds:
            self.seen[id(x)] = x, True, self.arrays
        return self.seen[id(x)][1]

    def look_at(self, values: Iterable[Any], depth: int) -> bool:
        """The same for several; all of them are looked at."""
        return True in [self.look(x, depth) for x in values]

    def function(self, function: FunctionType, depth: int) -> bool:
        """Exchange what a function's closure and default arguments hold."""
        holds = False
        if "__wrapped__" in vars(function):
            holds = self.look(vars(function)["__wrapped__"], depth)
        if is_library(function.__code__.co_filename):
            return holds
        self.opened(function)
        for cell in function.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:
                continue
            if type(value) not in INERT:
                holds |= self.attribute(cell, "cell_contents", value, depth)
        if function.__defaults__:
            is_other, after = self.counterparts.several(function.__defaults__)
            holds |= self.look_at(function.__defaults__, depth)
            if is_other:
                self.exchange_defaults(function, tuple(after))
                holds = True
        if function.__kwdefaults__:
            holds |= self.container(function.__kwdefaults__, depth)
        return holds

    def exchange_defaults(self, function: FunctionType, after: tuple) -> None:
        """Exchange the default arguments."""
        before = function.__defaults__
        function.__defaults__ = after
        self.undo.append(partial(give_back_attribute, function, "__defaults__", before, after))

    def container(self, x: Any, depth: int = REACH) -> bool:
        """Exchange the functions in a dictionary or list, and in what it holds."""
        if len(x) > MOST:
            return False
        places = list(enumerate(x)) if type(x) is list else list(x.items())
        if len(places) > LARGE:
            return self.registry(x, places)
        return True in [
            self.item(x, key, value, depth)
            for key, value in places
            if type(value) not in INERT and type(value) not in ARRAYS
        ]

    def registry(self, x: Any, places: list[tuple[Any, Any]]) -> bool:
        """The same for a large one: its functions, not what is inside them; which ones these are is
        remembered as long as it holds the same objects."""
        parts = x if type(x) is list else [part for place in places for part in place]
        held = tuple(map(id, parts))
        known = REGISTRIES.get(id(x))
        if known is None or known[0] is not x or known[1] != held:
            found = [
                (key, value)
                for key, value in places
                if type(value) not in INERT and type(value) not in ARRAYS
                and self.counterparts.find(value) is not MISSING
            ]  # fmt: skip
            while len(REGISTRIES) >= MOST_REGISTRIES:
                REGISTRIES.pop(next(iter(REGISTRIES)), None)
            known = REGISTRIES[id(x)] = x, held, found
        return True in [self.item(x, key, value, 0) for key, value in known[2]]

    def object(self, x: Any, depth: int = REACH) -> bool:
        """Exchange the arrays and functions among the attributes of the user's object, and of
        those inside."""
        if self.objects >= OBJECTS or not is_users(type(x)):
            return False
        self.objects += 1
        holds = False
        for kind in type(x).__mro__:
            if is_users(kind):
                holds |= self.look(kind, depth)
                for name in slots(kind):
                    holds |= self.attribute(x, name, own_attribute(x, name), depth)
        space = own_attribute(x, "__dict__")
        if type(space) is dict:
            for name, value in list(space.items()):
                if type(value) not in INERT:
                    holds |= self.item(space, name, value, depth)
        return holds

    def kind(self, kind: type, depth: int, is_again: bool) -> bool:
        """Exchange what the user's class holds; where that is, is remembered until an attribute
        changes."""
        space = vars(kind)
        now = tuple(map(id, space.values()))
        known = PLACES.get(kind)
        is_known = not is_again and known is not None and known[0] == (now, self.arrays)
        names = known[1] if known is not None and is_known else list(space)
        found = [
            name
            for name in names
            if name not in OWN_OF_CLASSES and self.attribute(kind, name, space[name], depth)
        ]
        if not is_known and not is_again:
            PLACES[kind] = (now, self.arrays), found
        return bool(found)

    def held(self) -> list[Any]:
        """The dictionaries and lists that were looked into, and the attributes of objects."""
        found: list[Any] = []
        for x, *_ in self.seen.values():
            kind = type(x)
            if kind in CONTAINERS:
                found.append(x)
            elif kind is not FunctionType and is_users(kind):
                space = own_attribute(x, "__dict__")
                if type(space) is dict:
                    found.append(space)
        return found

    def end(self) -> None:
        """Everything as it was; what was written is written."""
        for undo in reversed(self.undo):
            undo()
        for array, node, handle in self.handles.values():
            handle.flush()
            if handle.node is not node and array.flags.writeable:
                array[...] = plain_value(handle)
        self.undo.clear()
        self.handles.clear()
        self.seen.clear()
        self.objects, self.arrays = 0, True


def give_back(holder: Any, key: Any, before: Any, after: Any) -> None:
    """Put an item of a dictionary or list back, unless the user has bound it anew."""
    if type(holder) is not list:
        if holder.get(key) is after:
            holder[key] = before
        return
    if not (key < len(holder) and holder[key] is after):  # the list has changed
        key = next((k for k, x in enumerate(holder) if x is after), None)
    if key is not None:
        holder[key] = before


def give_back_attribute(holder: Any, name: str, before: Any, after: Any) -> None:
    """Put an attribute, a closure's variable or default arguments back, likewise."""
    try:
        if isinstance(holder, type):
            if vars(holder).get(name) is after:
                type.__setattr__(holder, name, before)
        elif getattr(holder, name) is after:
            object.__setattr__(holder, name, before)
    except (AttributeError, ValueError):
        pass  # the user has deleted it


ARRAYS = frozenset([np.ndarray, np.random.Generator])  # not exchanged in containers
CONTAINERS = frozenset([dict, list, OrderedDict, defaultdict])
EXCHANGED = ARRAYS | CONTAINERS


def watched_in(space: dict[str, Any]) -> list[str]:
    """The names of a module that stand for arrays, containers and the user's objects."""
    found = [(k, v) for k, v in list(space.items()) if WATCHED.get(type(v), True)]
    found = [(name, value) for name, value in found if not name.startswith("__")]
    for _, value in found:
        kind = type(value)
        WATCHED[kind] = kind in EXCHANGED or is_users(kind)
    return [name for name, value in found if WATCHED[type(value)]]


WATCHED: dict[type, bool] = dict.fromkeys(INERT, False)  # by type

# What holds others, and these.
PARTS: dict[type, Callable[[Any], tuple]] = {
    MethodType: lambda x: (x.__func__, x.__self__),
    partial: lambda x: (x.func, *x.args, *x.keywords.values()),
    partialmethod: lambda x: (x.func, *x.args, *x.keywords.values()),
    staticmethod: lambda x: (x.__func__,),
    classmethod: lambda x: (x.__func__,),
    property: lambda x: (x.fget, x.fset, x.fdel),
    cached_property: lambda x: (x.func,),
    CACHED: lambda x: (x.__wrapped__,),
    np.vectorize: lambda x: (x.pyfunc,),
}


KINDS: dict[type, bool] = {SimpleNamespace: True}  # of objects: whether they are the user's
PLACES: WeakKeyDictionary[type, tuple[Any, list[str]]] = WeakKeyDictionary()  # what classes hold
OWN_OF_CLASSES = frozenset(["__dict__", "__weakref__", "__doc__", "__module__", "__slots__"])


def own_attribute(x: Any, name: str) -> Any:
    """An attribute that an object has itself; the user's `__getattr__` is not asked."""
    try:
        return object.__getattribute__(x, name)
    except Exception:
        return None


def is_users(kind: type) -> bool:
    """Whether the user wrote a class."""
    known = KINDS.get(kind)
    if known is None:
        known = KINDS[kind] = is_users_class(kind)
    return known


def is_users_class(kind: type) -> bool:
    """The same, looked up."""
    if issubclass(kind, (type, ModuleType)) or not kind.__flags__ & HEAP:
        return False
    name = kind.__module__
    if name == "builtins":
        return getattr(builtins, kind.__name__, None) is not kind  # made by `exec`
    module = sys.modules.get(name)
    return module is None or is_users_module(name, module)


HEAP = 1 << 9  # of the flags of a class that was made while the program runs


def slots(kind: type) -> tuple[str, ...]:
    """The names in a class's own `__slots__`."""
    if "__slots__" not in vars(kind):
        return ()
    return tuple([name for name, x in vars(kind).items() if type(x) is MemberDescriptorType])
