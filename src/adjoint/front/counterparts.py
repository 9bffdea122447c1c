"""What takes the place of a value of the user's while a trace runs.

Enters: a value that a name, an attribute, a container, a closure or a default argument holds.
Leaves: what stands in for it: the differentiable function for one of NumPy's or `math`'s; the same
tuple, `partial`, `staticmethod` or `np.vectorize` of such functions; a function with a cache that
keeps no traced value; a function that chooses by type as it does for plain values.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache, partial, singledispatch, singledispatchmethod, wraps
from types import FunctionType
from typing import Any

import numpy as np

from ..base import tree
from ..graph.op import Traced
from .context import on_plain_values
from .numpy.register import names
from .operands import has_traced
from .trace import Tensor

MISSING: Any = object()  # where a value stays as it is
MOST = 256  # elements of a container that are looked at
CACHED = type(lru_cache(len))
DISPATCHER = singledispatch(lambda x: x).__code__  # type: ignore[attr-defined]
KEPT = 4096  # stand-ins of cached functions that are remembered

# What holds nothing that could be exchanged.
INERT = frozenset(
    [type(None), bool, int, float, complex, str, bytes, np.float64, np.float32, np.int64, np.bool_]
)


class Counterparts:
    """The table of what is exchanged, and what is made after it."""

    def __init__(self) -> None:
        self.table: dict[int, Any] = {}  # by the identity of what is replaced
        self.cached: dict[int, tuple[Any, Callable]] = {}
        self.show: Callable[[Any], Any] = lambda x: x  # an array of a cache, as the trace sees it

    def find(self, x: Any) -> Any:
        """What takes the place of a value; `MISSING` where it stays."""
        kind = type(x)
        if kind in INERT:
            return MISSING
        found = self.table.get(id(x), MISSING)
        if found is not MISSING:
            return found
        if kind is CACHED:
            return self.without_traces(x)
        if is_dispatcher(x):
            return dispatching(x)
        if kind is singledispatchmethod:
            return dispatching_method(x)
        if kind is partial:
            return self.partial(x)
        if kind is staticmethod:
            inner = self.find(x.__func__)
            return MISSING if inner is MISSING else staticmethod(inner)
        if kind is np.vectorize:
            return self.vectorized(x)
        if isinstance(x, tuple) and 0 < len(x) <= MOST:
            return self.tuple(x)
        return MISSING

    def several(self, values: Any) -> tuple[bool, list[Any]]:
        """Whether any of the values is exchanged, and all of them as they are then."""
        before = list(values)
        after = [self.find(x) for x in before]
        after = [x if y is MISSING else y for x, y in zip(before, after, strict=True)]
        return any(x is not y for x, y in zip(before, after, strict=True)), after

    def tuple(self, x: Any) -> Any:
        """A tuple, named or not, with stand-ins."""
        is_other, after = self.several(x)
        if not is_other:
            return MISSING
        if type(x) is tuple:
            return tuple(after)
        make = getattr(type(x), "_make", None)
        return MISSING if make is None or getattr(x, "__dict__", None) else make(after)

    def partial(self, x: Any) -> Any:
        """A `functools.partial` over stand-ins."""
        is_other, after = self.several([x.func, *x.args, *x.keywords.values()])
        if not is_other:
            return MISSING
        count = len(x.args)
        keywords = dict(zip(x.keywords, after[count + 1 :], strict=True))
        made = partial(after[0], *after[1 : count + 1], **keywords)
        vars(made).update(vars(x))
        return made

    def vectorized(self, x: Any) -> Any:
        """An `np.vectorize` that was made outside."""
        found = self.find(x.pyfunc)
        return names["vectorize"](
            x.pyfunc if found is MISSING else found, x.otypes, x.__doc__, x.excluded, x.cache,
            x.signature,
        )  # fmt: skip

    def without_traces(self, function: Any) -> Callable:
        """A function with a cache, in which no traced value is kept.

        With a traced number its results are kept as long as the innermost transform runs (a
        recursion stays as fast); with plain arguments in its own cache, which sees plain arrays.
        """
        known = self.cached.get(id(function))
        if known is not None and known[0] is function:
            return known[1]
        inner = function.__wrapped__

        @wraps(inner)
        def call(*args: Any, **kwargs: Any) -> Any:
            if has_traced(*args, *kwargs.values()):
                return remembered(inner, args, kwargs)
            with on_plain_values():
                found = function(*args, **kwargs)
            if any(isinstance(x, Traced) for x in tree.flatten(found)[0]):
                function.cache_clear()  # it reads a traced value that is not an argument
                return found
            return self.shown(found)

        made: Any = call
        for name in ("cache_info", "cache_clear", "cache_parameters"):
            setattr(made, name, getattr(function, name))
        if len(self.cached) >= KEPT:
            self.cached.clear()
        self.cached[id(function)] = function, made
        return made

    def shown(self, found: Any) -> Any:
        """What a cache keeps, arrays as those from outside."""
        if type(found) is tuple:
            return tuple([self.shown(x) for x in found])
        return self.show(found)


class Memory(threading.local):
    """The results of cached functions for traced numbers; each transform has its own."""

    known: dict[Any, tuple[Any, Any]] | None = None


memory = Memory()


def remembered(function: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """A call with traced values; with traced numbers alone it is made once."""
    parts: list[Any] = []
    for x in (*args, *kwargs.values()):
        if isinstance(x, Traced):
            if x.shape:
                return function(*args, **kwargs)
            parts.append((id(x), id(getattr(x, "node", None))))
        else:
            parts.append((type(x), x))
    if memory.known is None:
        memory.known = {}
    key = id(function), len(args), tuple(kwargs), tuple(parts)
    found = memory.known.get(key)
    if found is None:
        nodes = [getattr(x, "node", None) for x in args]
        found = memory.known[key] = function(*args, **kwargs), (function, args, kwargs, nodes)
    return found[0]


def is_dispatcher(x: Any) -> bool:
    """Whether a function chooses by its first argument's type (`functools.singledispatch`)."""
    return isinstance(x, FunctionType) and x.__code__ is DISPATCHER


def dispatching(function: Any) -> Callable:
    """The same function, which takes a traced value as what it stands for."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], Tensor):
            return function.dispatch(stands_for(args[0]))(*args, **kwargs)
        return function(*args, **kwargs)

    return call


class DispatchingMethod(singledispatchmethod):
    """A method that chooses by its first argument's type, likewise."""

    def __get__(self, obj: Any, cls: Any = None) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            kind = stands_for(args[0]) if isinstance(args[0], Tensor) else args[0].__class__
            return self.dispatcher.dispatch(kind).__get__(obj, cls)(*args, **kwargs)

        return call


def dispatching_method(method: Any) -> DispatchingMethod:
    """The counterpart of a `functools.singledispatchmethod`."""
    made = DispatchingMethod(method.func)
    made.dispatcher = method.dispatcher
    return made


def stands_for(x: Any) -> type:
    """The type of what a traced value stands for."""
    if x.shape:
        return np.ndarray
    if getattr(x, "weak", False):
        return {"f": float, "c": complex, "i": int, "b": bool}[x.dtype.kind]
    return type(x.dtype.type(0))
