"""Plain NumPy in: while a trace runs, the user's modules see the differentiable NumPy.

Enters: the function that is about to be traced.  Leaves: the user's modules with `ad.numpy` in
place of NumPy, functions that take traced values in place of those of `math`, `cmath` and SciPy,
and shadows of `float`, `complex` and `isinstance`; all of it is put back when the last trace ends.

User modules are `__main__` and those whose files are neither Python's nor installed packages; the
function's own module in any case.  On plain values a stand-in does exactly what the original does,
so code that runs meanwhile in other threads does not notice.  Names in closures and imports made
while a trace runs are exchanged as well.
"""

from __future__ import annotations

import builtins
import importlib
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import CellType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..base.errors import is_internal
from . import drawing, linalg, special
from .mathematics import functions_of
from .numpy import iteration, register
from .operands import functions, has_traced
from .outside import Outside, is_array, is_users
from .trace import RecordingTensor, Tensor

# --------------------------------------------------------------------------------------- stand-ins


class Facade(ModuleType):
    """A module in which some names are others; all else is the module's own."""

    def __init__(self, real: ModuleType, names: dict[str, Any]) -> None:
        super().__init__(real.__name__, real.__doc__)
        self.__dict__.update({k: v for k, v in vars(real).items() if not k.startswith("__")})
        self.__dict__.update(names)
        self.__dict__["_real"] = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_real"], name)

    def __dir__(self) -> list[str]:
        return dir(self.__dict__["_real"])


class Floating(type):
    """The type of the stand-in for `float`: what is asked of `float` is asked of it."""

    def __instancecheck__(cls, x: Any) -> bool:
        return is_instance(x, float)

    def __subclasscheck__(cls, kind: Any) -> bool:
        return issubclass(kind, plain_kinds(cls))

    def __eq__(cls, other: object) -> bool:
        return other is cls or other is cls.__base__

    def __hash__(cls) -> int:
        return hash(cls.__base__)


class TracedFloat(float, metaclass=Floating):
    """`float` that keeps traced values: their derivative is not lost."""

    dtype = np.dtype(float)  # so that NumPy takes it as a dtype

    def __new__(cls, x: Any = 0.0) -> Any:
        return as_number(x, float) if isinstance(x, Tensor) else float(x)


class TracedComplex(complex, metaclass=Floating):
    """`complex` that keeps traced values."""

    dtype = np.dtype(complex)

    def __new__(cls, *parts: Any) -> Any:
        if not has_traced(*parts):
            return complex(*parts)
        whole = parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]
        return as_number(whole, complex)


TracedFloat.__name__ = TracedFloat.__qualname__ = "float"
TracedComplex.__name__ = TracedComplex.__qualname__ = "complex"


def as_number(x: Any, kind: type) -> Any:
    """A traced value of one element as a number."""
    if x.size != 1:
        raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
    if type(x) is RecordingTensor and x.is_over():
        return kind(np.asarray(x.value).item())
    if kind is float and x.dtype.kind == "c":
        raise TypeError(f"float() argument must be a real number, not {x.dtype}")
    return x.reshape(()).astype(kind) if x.shape or x.dtype != kind else x


def is_instance(x: Any, kinds: Any) -> bool:
    """`isinstance`, which answers for a traced value as for what it stands for."""
    if not isinstance(x, Tensor):
        return isinstance(x, plain_kinds(kinds))
    if isinstance(kinds, tuple):
        return any(is_instance(x, kind) for kind in kinds)
    kinds = plain_kinds(kinds)
    if isinstance(x, kinds):
        return True
    return issubclass(stands_for(x), kinds)


def stands_for(x: Any) -> type:
    """The type of what a traced value stands for."""
    if x.shape:
        return np.ndarray
    if getattr(x, "weak", False):
        return {"f": float, "c": complex, "i": int, "b": bool}[x.dtype.kind]
    return type(x.dtype.type(0))


def plain_kinds(kinds: Any) -> Any:
    """Types without the stand-ins among them."""
    if isinstance(kinds, tuple):
        return tuple([plain_kinds(k) for k in kinds])
    return kinds.__base__ if type(kinds) is Floating else kinds


# ------------------------------------------------------------------------------------ the exchange


class Exchange:
    """What is exchanged now, for how many traces, and what was there before."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.count = 0
        self.is_on = False
        self.done: list[tuple[dict[str, Any], str, Any, Any]] = []  # names, name, before, after
        self.cells: list[tuple[CellType, Any, Any]] = []
        self.spaces: dict[int, dict[str, Any]] = {}
        self.table: dict[int, Any] = {}  # by the identity of what is replaced
        self.kept: list[Any] = []  # what the table names, so that identities stay
        self.known: frozenset[str] = frozenset()
        self.loaded = 0  # modules that were looked at
        self.wanted: dict[int, tuple[int, list[tuple[str, Any, Any]], list[Any]]] = {}  # by module
        self.users: list[ModuleType] = []
        self.real_import = builtins.__import__
        self.outside = Outside()


MISSING = object()
SHADOWS: dict[str, Any] = {
    "float": TracedFloat,
    "complex": TracedComplex,
    "isinstance": is_instance,
}
exchange = Exchange()
functions["is shared"] = exchange.outside.shares


@contextmanager
def overlay(function: Callable, objects: Iterable[Any] = ()) -> Iterator[None]:
    """The user's names exchanged while a function is traced, and arrays in `objects` of the
    user's."""
    with exchange.lock:
        exchange.count += 1
    try:
        with exchange.lock:
            if not exchange.is_on:
                begin()
            enter(function)
            for x in objects:
                exchange.outside.object(x)
        yield
    finally:
        with exchange.lock:
            exchange.count -= 1
            if exchange.count == 0:
                end()


def begin() -> None:
    """The first trace: all user modules."""
    table()
    exchange.is_on = True
    exchange.real_import = builtins.__import__
    builtins.__import__ = importing  # type: ignore[assignment]
    if exchange.loaded != len(sys.modules):
        exchange.loaded = len(sys.modules)
        exchange.users = [m for name, m in list(sys.modules.items()) if is_users(name, m)]
    for module in exchange.users:
        replace(vars(module))


def enter(function: Callable) -> None:
    """The modules and closures of one function, where they are new."""
    seen: set[int] = set()
    stack = [function]
    while stack and len(seen) < CLOSURES:
        found: Any = stack.pop()
        if hasattr(found, "__self__"):
            exchange.outside.object(found.__self__)
        found = getattr(found, "__func__", found)
        found = getattr(found, "__wrapped__", found)
        if id(found) in seen:
            continue
        seen.add(id(found))
        if not isinstance(found, FunctionType):
            inner = getattr(found, "func", None)  # functools.partial
            if inner is not None:
                stack.append(inner)
            continue
        if is_library(found.__code__.co_filename):
            continue
        replace(found.__globals__)
        exchange.outside.space(found.__globals__)
        for cell in found.__closure__ or ():
            try:
                value = cell.cell_contents
            except ValueError:
                continue
            after = exchange.table.get(id(value), MISSING)
            if after is not MISSING:
                exchange.cells.append((cell, value, after))
                cell.cell_contents = after
            elif isinstance(value, FunctionType):
                stack.append(value)
            elif is_array(value):
                exchange.outside.cell(cell, value)
            elif not callable(value) or not isinstance(value, type):
                exchange.outside.object(value)


CLOSURES = 256  # functions in closures that are looked at


def replace(space: dict[str, Any]) -> None:
    """Exchange the names of a module."""
    key = id(space)
    if key in exchange.spaces:
        return
    exchange.spaces[key] = space
    known = exchange.wanted.get(key)
    if known is None or known[0] != len(space):
        known = exchange.wanted[key] = len(space), found_in(space), tables_in(space)
    done = exchange.done
    for table in known[2]:
        exchange.outside.container(table)
    for name, before, after in known[1]:
        if space.get(name, MISSING) is before:
            done.append((space, name, before, after))
            space[name] = after


def found_in(space: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """The names of a module that are exchanged: what they are, and what takes their place."""
    table = exchange.table
    found = [(k, v, table[id(v)]) for k, v in list(space.items()) if id(v) in table]
    found += [(k, v, dispatching(v)) for k, v in list(space.items()) if is_dispatcher(v)]
    found += [(k, MISSING, after) for k, after in SHADOWS.items() if k not in space]
    return found


def tables_in(space: dict[str, Any]) -> list[Any]:
    """The dictionaries and lists of a module and of its classes that hold functions."""
    name, found = space.get("__name__"), []
    for value in list(space.values()):
        if isinstance(value, type) and getattr(value, "__module__", None) == name:
            found += [x for x in vars(value).values() if holds_functions(x)]
        elif holds_functions(value):
            found.append(value)
    return found


def holds_functions(x: Any) -> bool:
    """Whether a dictionary or list holds what is exchanged."""
    if type(x) not in (dict, list) or len(x) > CLOSURES:
        return False
    return any(id(y) in exchange.table for y in (x.values() if type(x) is dict else x))


def is_dispatcher(x: Any) -> bool:
    """Whether a function chooses by its first argument's type (`functools.singledispatch`)."""
    return isinstance(x, FunctionType) and hasattr(x, "dispatch") and hasattr(x, "registry")


def dispatching(function: Any) -> Callable:
    """The same function, which takes a traced value as what it stands for."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], Tensor):
            return function.dispatch(stands_for(args[0]))(*args, **kwargs)
        return function(*args, **kwargs)

    return call


def end() -> None:
    """The last trace has ended: everything as it was, but for what the user has set meanwhile."""
    if exchange.is_on:
        builtins.__import__ = exchange.real_import
    exchange.is_on = False
    exchange.outside.end()
    for space, name, before, after in reversed(exchange.done):
        if space.get(name, MISSING) is after:
            if before is MISSING:
                del space[name]
            else:
                space[name] = before
    for cell, before, after in exchange.cells:
        try:
            if cell.cell_contents is after:
                cell.cell_contents = before
        except ValueError:
            pass  # the user has deleted the name
    exchange.done.clear()
    exchange.cells.clear()
    exchange.spaces.clear()


def importing(name: str, space: Any = None, *rest: Any, **more: Any) -> Any:
    """`import` while a trace runs: a user's module gets the stand-in."""
    found = exchange.real_import(name, space, *rest, **more)
    if space is not None and id(space) in exchange.spaces:
        return exchange.table.get(id(found), found)
    return found


# ------------------------------------------------------------------------------------ what is whose


def is_library(file: str) -> bool:
    """Whether code is Python's, NumPy's, SciPy's or our own."""
    known = LIBRARIES.get(file)
    if known is None:
        known = is_internal(file) or os.path.realpath(file).startswith(PYTHONS)
        LIBRARIES[file] = known
    return known


LIBRARIES: dict[str, bool] = {}


PYTHONS = tuple(os.path.realpath(sysconfig.get_path(k)) + os.sep for k in ("stdlib", "platstdlib"))


def table() -> None:
    """Make the table of stand-ins, and again where more modules of SciPy are loaded."""
    loaded = frozenset([name for name in SCIPY if name in sys.modules])
    if exchange.table and loaded == exchange.known:
        return
    exchange.known = loaded
    pairs: list[tuple[Any, Any]] = []
    inner: dict[str, dict[str, Any]] = {}
    for name, public in register.names.items():
        place, _, last = name.rpartition(".")
        inner.setdefault(place, {})[last] = public
    whole = {**iteration.WITH_LISTS, **inner.pop("", {})}
    for place, names in inner.items():
        module = importlib.import_module(f"numpy.{place}")
        whole[place] = Facade(module, names)
        pairs.append((module, whole[place]))
        pairs += [(getattr(module, k), v) for k, v in names.items() if hasattr(module, k)]
    drawn = drawing.functions()
    whole["random"] = Facade(np.random, drawn)
    pairs.append((np.random, whole["random"]))
    pairs += [(getattr(np.random, k), v) for k, v in drawn.items()]
    whole["isscalar"] = lambda x: not x.shape if isinstance(x, Tensor) else np.isscalar(x)
    facade = Facade(np, whole)
    pairs.append((np, facade))
    pairs += [(getattr(np, k), v) for k, v in whole.items() if hasattr(np, k)]
    for name in ("math", "cmath", "statistics"):
        module = importlib.import_module(name)
        names = functions_of(module)
        pairs.append((module, Facade(module, names)))
        pairs += [(getattr(module, k), v) for k, v in names.items()]
    pairs += scipys(loaded)
    exchange.kept = pairs
    exchange.wanted.clear()
    exchange.outside.functions = exchange.table = {
        id(a): b for a, b in pairs if a is not b and not isinstance(a, (int, float, type(None)))
    }


SCIPY = ("scipy", "scipy.special", "scipy.linalg", "scipy.fft")


def scipys(loaded: frozenset[str]) -> list[tuple[Any, Any]]:
    """The stand-ins for SciPy's modules and functions, as far as they are loaded."""
    pairs: list[tuple[Any, Any]] = []
    parts: dict[str, Any] = {}
    ours = {"scipy.special": dict(special.names), "scipy.linalg": {}}
    for name in linalg.__dir__():
        implementation = vars(linalg).get(name)
        if implementation is not None:
            ours["scipy.linalg"][name] = implementation
    for path, names in ours.items():
        if path not in loaded:
            continue
        module = sys.modules[path]
        given = {k: either(getattr(module, k), v) for k, v in names.items() if hasattr(module, k)}
        parts[path.rpartition(".")[2]] = Facade(module, given)
        pairs.append((module, parts[path.rpartition(".")[2]]))
        pairs += [(getattr(module, k), v) for k, v in given.items()]
    if "scipy" in loaded and parts:
        pairs.append((sys.modules["scipy"], Facade(sys.modules["scipy"], parts)))
    return pairs


def either(plain: Any, traced: Callable) -> Any:
    """A function that is the library's on plain values."""

    @wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        if has_traced(*args, *kwargs.values()):
            return traced(*args, **kwargs)
        return plain(*args, **kwargs)

    return call


__all__ = ["overlay"]
