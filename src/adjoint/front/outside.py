"""Arrays from outside the traced function, as handles while a trace runs.

Enters: the places where the user's code keeps arrays: globals, closures, attributes of objects,
arguments that are not differentiated.  Leaves: handles in their place, so that `DATA.dot(t)`,
`DATA.copy()[i] = t` and `self.table[i] = t` are seen.  A handle is no more than its array: what is
computed from handles alone is plain again.  What was written into one is written into the array
when the trace ends (the numbers: a derivative ends with its trace).
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from types import CellType, ModuleType
from typing import Any

import numpy as np

from ..base.errors import PACKAGE
from ..graph.node import constant
from .drawing import from_outside
from .trace import RecordingTensor, plain_value

DEPTH = 3  # objects inside objects that are looked into
MOST = 1000  # objects that are looked into


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
        sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    if path
)


def is_users(name: str, module: Any) -> bool:
    """Whether a module is the user's own code."""
    if name == "__main__":
        return True
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return False
    known = USERS.get(file)
    if known is None:
        real = os.path.realpath(file)
        known = USERS[file] = not real.startswith((*INSTALLED, PACKAGE))
    return known


USERS: dict[str, bool] = {}


# References to an array that are not the user's: those of its handle, the handle's value, its node,
# the table of handles, and of whoever counts; to the owner of a view: of the view, and of the same.
HOLDERS = 7
OWNER = 3


def held_by(undo: Any) -> tuple:
    """The arrays that a step of undoing holds."""
    return undo.args if isinstance(undo, partial) else ()


class Outside:
    """The arrays that are exchanged now, and how they are put back."""

    def __init__(self) -> None:
        self.handles: dict[int, tuple[np.ndarray, Any, RecordingTensor]] = {}
        self.seen: dict[int, Any] = {}  # objects that were looked into
        self.undo: list[Callable[[], None]] = []
        self.functions: dict[int, Any] = {}  # stand-ins by the identity of what they replace

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

    def space(self, space: dict[str, Any]) -> None:
        """Exchange the arrays among the names of a module, or the attributes of an object."""
        for name, value in [(k, v) for k, v in space.items() if type(v) in EXCHANGED]:
            if type(value) is np.random.Generator:
                made = space[name] = from_outside(value)
                self.undo.append(partial(give_back, space, name, value, made))
            elif type(value) in (dict, list):
                self.container(value)
            elif is_array(value):
                handle = space[name] = self.handle(value)
                self.undo.append(partial(give_back, space, name, value, handle))

    def container(self, x: Any) -> None:
        """Exchange the functions in a table of functions."""
        for key, value in list(x.items() if type(x) is dict else enumerate(x)):
            after = self.functions.get(id(value))
            if after is not None:
                x[key] = after
                self.undo.append(partial(x.__setitem__, key, value))

    def cell(self, cell: CellType, array: np.ndarray) -> None:
        """Exchange the array of a closure."""
        handle = self.handle(array)
        cell.cell_contents = handle

        self.undo.append(partial(give_back_cell, cell, array, handle))

    def object(self, x: Any, depth: int = DEPTH) -> None:
        """Exchange the arrays among the attributes of the user's object, and of those inside."""
        if id(x) in self.seen or len(self.seen) >= MOST or not is_users_object(x):
            return
        self.seen[id(x)] = x
        for kind in type(x).__mro__:
            if id(kind) not in self.seen and is_users_class(kind):
                self.seen[id(kind)] = kind
                for value in vars(kind).values():
                    if type(value) in (dict, list):
                        self.container(value)
        space = vars(x)
        inner = [v for v in space.values() if hasattr(v, "__dict__")] if depth > 1 else []
        self.space(space)
        for value in inner:
            self.object(value, depth - 1)

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


def give_back(space: dict[str, Any], name: str, array: Any, handle: Any) -> None:
    """Put an array back, unless the user has bound the name anew."""
    if space.get(name) is handle:
        space[name] = array


EXCHANGED = frozenset([np.ndarray, np.random.Generator, dict, list])


def give_back_cell(cell: CellType, array: np.ndarray, handle: Any) -> None:
    """Put the array of a closure back, unless the user has bound the name anew."""
    try:
        if cell.cell_contents is handle:
            cell.cell_contents = array
    except ValueError:
        pass  # the user has deleted the name


KINDS: dict[type, bool] = {}  # of objects: whether they are the user's


def is_users_object(x: Any) -> bool:
    """Whether an object is an instance of a class that the user wrote."""
    kind = type(x)
    known = KINDS.get(kind)
    if known is None:
        known = KINDS[kind] = hasattr(x, "__dict__") and is_users_class(kind)
    return known


def is_users_class(kind: type) -> bool:
    """Whether the user wrote a class."""
    if issubclass(kind, (type, ModuleType)) or kind.__module__ == "builtins":
        return False
    module = sys.modules.get(kind.__module__)
    return module is not None and is_users(kind.__module__, module)
