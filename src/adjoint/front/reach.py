"""Which names the code of a function can come across: no others need be looked at in a trace.

Enters: a function, and the user's modules.  Leaves: all names (of globals, attributes, closures) in
its code and in the code of the functions and classes that these names stand for, and so on; None
where the code may come across any name (`eval`, `globals`, `getattr` and their like).

It is found once for each code, as long as the modules have as many names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from .counterparts import INERT
from .outside import is_library, is_users

ANY = frozenset(
    ["eval", "exec", "getattr", "globals", "locals", "vars", "__import__", "import_module",
     "__dict__", "attrgetter", "methodcaller", "f_globals", "__globals__", "modules"]
)  # fmt: skip
KEPT = 1024  # functions whose names are remembered
MOST = 256  # of what a container or an object holds
DEEPEST = 6
NESTED = 3  # functions in closures of functions that tell a function apart
KNOWN: dict[Any, tuple[int, frozenset[str] | None]] = {}


def names_of(roots: Sequence[Any], spaces: Iterable[dict[str, Any]]) -> frozenset[str] | None:
    """The names that the code of some functions can come across in the user's modules."""
    spaces = list(spaces)
    parts: list[Any] = []
    for root in roots:
        key_of(root, parts, NESTED)
    key = tuple(parts), tuple(map(id, spaces))
    size = sum(map(len, spaces))
    known = KNOWN.get(key)
    if known is not None and known[0] == size:
        return known[1]
    first: list[CodeType] = []
    for root in roots:
        codes_in(root, first, set(), DEEPEST)
    found = all_names(first, spaces)
    while len(KNOWN) >= KEPT:
        KNOWN.pop(next(iter(KNOWN)), None)
    KNOWN[key] = size, found
    return found


def key_of(x: Any, parts: list[Any], depth: int) -> None:
    """What tells a function apart from others: its code, and what its closure holds."""
    kind = type(x)
    if kind in INERT:
        return
    if kind is FunctionType:
        parts.append(x.__code__)
        if depth:
            for cell in x.__closure__ or ():
                try:
                    key_of(cell.cell_contents, parts, depth - 1)
                except ValueError:
                    continue
    elif kind is MethodType:
        parts += [
            x.__func__.__code__ if type(x.__func__) is FunctionType else x.__func__,
            id(x.__self__),
        ]
    elif isinstance(x, partial):
        key_of(x.func, parts, depth)
        parts += map(id, x.args)
    elif kind in (list, tuple, dict, set):
        parts += [id(x), len(x)]
    else:
        parts.append(id(kind if depth < NESTED else x))


def all_names(first: Sequence[CodeType], spaces: list[dict[str, Any]]) -> frozenset[str] | None:
    names: set[str] = set()
    done: set[CodeType] = set()
    seen: set[int] = set()
    waiting = list(first)
    while waiting:
        code = waiting.pop()
        if code in done:
            continue
        done.add(code)
        waiting += [x for x in code.co_consts if isinstance(x, CodeType)]
        new = {*code.co_names, *code.co_freevars} - names
        names |= new
        if not ANY.isdisjoint(new):
            return None
        for name in new:
            for space in spaces:
                if name in space:
                    codes_in(space[name], waiting, seen, DEEPEST)
    return frozenset(names)


def codes_in(x: Any, found: list[CodeType], seen: set[int], depth: int) -> None:
    """The code of the functions in a value: a function, a class, a container, an object."""
    kind = type(x)
    if kind in INERT or kind is ModuleType or depth <= 0 or id(x) in seen:
        return
    seen.add(id(x))
    parts: Iterable[Any] = ()
    if kind is FunctionType:
        if is_library(x.__code__.co_filename):
            if "__wrapped__" in vars(x):
                codes_in(vars(x)["__wrapped__"], found, seen, depth - 1)
            return
        found.append(x.__code__)
        cells = []
        for cell in x.__closure__ or ():
            try:
                cells.append(cell.cell_contents)
            except ValueError:
                continue
        parts = [*cells, *(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values(),
                 *vars(x).values()]  # fmt: skip
    elif kind is MethodType:
        parts = [x.__func__, x.__self__]
    elif isinstance(x, partial):
        parts = [x.func, *x.args, *x.keywords.values()]
    elif isinstance(x, type):
        for one in filter(is_users, x.__mro__):
            for y in list(vars(one).values()):
                codes_in(y, found, seen, depth - 1)
        return
    elif kind in (list, tuple, set, frozenset):
        parts = list(x)[:MOST]
    elif kind is dict:
        parts = list(x.values())[:MOST]
    elif isinstance(x, (staticmethod, classmethod)):
        parts = [x.__func__]
    elif isinstance(x, property):
        parts = [x.fget, x.fset, x.fdel]
    else:
        held: Any = {}
        if is_users(kind):
            try:
                held = object.__getattribute__(x, "__dict__")
            except Exception:
                held = {}
        parts = [kind, *(list(held.values())[:MOST] if type(held) is dict else ())]
        for name in ("__wrapped__", "func", "pyfunc"):
            try:
                parts.append(object.__getattribute__(x, name))
            except Exception:
                continue
    for part in parts:
        codes_in(part, found, seen, depth - 1)
