"""NumPy's functions and ndarray's methods that write into an array.

Enters: an array that a trace knows, and what is to be written. Leaves: the same handle, which
stands for the written array. Each finds the places by letting NumPy do the same to an array that
counts them; where the target is a plain array, which no trace could see change, it is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...base.errors import TracingError, message
from ...graph import op
from ...graph.op import Traced
from ..context import context
from ..operands import functions
from ..trace import RecordingTensor, all_outside, as_arrays
from ..writing import duplicate, fitted, own, update, write
from .elementwise import known
from .register import array_like, implements


def target(a: Any, operation: str) -> Any:
    """The array that is written into; a plain one is refused."""
    if isinstance(a, Traced):
        return a
    raise TracingError(
        message(
            f"{operation} was to write a traced value into a plain array, which would lose its "
            "derivative",
            expected="an array that the trace knows",
            instead="`ad.numpy.array(a)` for the array, made inside the function"
            + ("; `ad.numpy.full_like` for `np.full_like`" if operation == "np.copyto" else ""),
            operation=operation,
        )
    )


def set_flat(a: Any, places: np.ndarray, values: Any) -> None:
    """Values at places of the array as a list; they are repeated as often as it takes."""
    size = type_of(a).size
    v = functions["astype"](functions[np.ravel](array_like(values)), a.dtype)
    count = type_of(v).size
    if not count or not places.size:
        return
    if count != places.size:
        v = op.gather(v, np.arange(places.size) % count)
    flat = op.reshape(a, shape=(size,))
    write(a, op.reshape(op.scatter_set(flat, v, places.reshape(-1)), shape=a.shape))


def counted(a: Any) -> np.ndarray:
    """The places of an array's elements."""
    return np.arange(type_of(a).size).reshape(a.shape)


def known_mask(mask: Any, operation: str) -> np.ndarray:
    """A mask as a plain array."""
    if isinstance(mask, RecordingTensor):
        return known(mask, operation).astype(bool)
    if isinstance(mask, Traced):
        raise TracingError(
            message(
                f"{operation} got a mask that is not known when the function is traced",
                instead="`np.where(mask, new, a)`",
                operation=operation,
            )
        )
    return np.asarray(mask, bool)


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    a = target(dst, "np.copyto")
    source = type_of(array_like(src))
    if not source.weak and not np.can_cast(source.dtype, a.dtype, casting):
        raise TypeError(
            f"Cannot cast array data from {source.dtype!r} to {a.dtype!r} according to the rule "
            f"{casting!r}"
        )
    v = fitted(src, a.shape, a.dtype)
    whole = where is True
    write(a, own(v, src) if whole else op.select(op.broadcast_to(where, shape=a.shape), v, a))


@implements(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    a = target(a, "np.put")
    places, size = np.asarray(ind).reshape(-1), type_of(a).size
    if mode == "wrap":
        places = places % size
    elif mode == "clip":
        places = np.clip(places, 0, size - 1)
    elif places.size and not (-size <= places.min() and places.max() < size):
        np.put(np.empty(size), ind, 0)  # raises NumPy's error
    set_flat(a, places % max(size, 1), v)


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    a = target(arr, "np.place")
    set_flat(a, counted(a)[known_mask(mask, "np.place").reshape(a.shape)], vals)


@implements(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    a = target(a, "np.putmask")
    v = functions["astype"](functions[np.ravel](array_like(values)), a.dtype)
    spread = op.gather(v, counted(a) % type_of(v).size)
    write(a, op.select(functions[np.reshape](array_like(mask), a.shape), spread, a))


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any = -1) -> None:
    a = target(arr, "np.put_along_axis")
    places = np.take_along_axis(counted(a), np.asarray(indices), axis)
    set_flat(a, places, fitted(values, places.shape, a.dtype))


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    a = target(a, "np.fill_diagonal")
    marks = np.zeros(a.shape, bool)
    np.fill_diagonal(marks, True, wrap)
    set_flat(a, counted(a)[marks], val)


def fill(self: Any, value: Any) -> None:
    """As `ndarray.fill`."""
    functions["setitem"](self, Ellipsis, value)


def put_method(self: Any, indices: Any, values: Any, mode: str = "raise") -> None:
    """As `ndarray.put`."""
    put(self, indices, values, mode)


def sort(self: Any, axis: int = -1, kind: Any = None, order: Any = None, **more: Any) -> None:
    """As `ndarray.sort`."""
    write(self, functions[np.sort](self, axis=axis, kind=kind, order=order, **more))


def partition(
    self: Any, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None
) -> None:
    """As `ndarray.partition`."""
    write(self, functions[np.partition](self, kth, axis=axis, kind=kind, order=order))


functions["method fill"] = fill
functions["method partition"] = partition
functions["method put"] = put_method
functions["method sort"] = sort


# ----------------------------------------------------------------------------------- out=, ufunc.at


def into(out: Any, result: Any, operation: str, where: Any = True) -> Any:
    """A result written into `out=`."""
    if isinstance(out, tuple):
        if len(out) == 1:
            return into(out[0], result, operation, where)
        given = zip(out, result, strict=True)
        return tuple([r if o is None else into(o, r, operation, where) for o, r in given])
    if not isinstance(out, Traced) and all_outside((result, where)):
        np.copyto(out, as_arrays(result), "same_kind", as_arrays(where))  # nothing is lost
        return out
    if where is True and is_counter(out) and type_of(result).dtype.kind in "biu":
        np.copyto(out, np.asarray(result), "same_kind")  # a guard: the same in all calls
        return out
    a = target(out, operation)
    if where is not True:
        result = op.select(where, result, a)
    return update(a, result, operation.removeprefix("np."))


def is_counter(array: Any) -> bool:
    """Whether it is a plain array of integers or truth values, or a view of one, that a function
    under `jit` made itself: nobody else would miss what is written into it."""
    while type(array) is np.ndarray and context.program is not None:
        made = context.program.counts.get(id(array))
        if made is not None and made() is array:
            return True
        array = array.base
    return False


def in_order(x: Any, order: str) -> Any:
    """Results laid out in memory as `order=` says."""
    if isinstance(x, tuple):
        return tuple([in_order(y, order) for y in x])
    return duplicate(x, order) if isinstance(x, Traced) else np.array(x, order=order)  # type: ignore


functions["into"] = into
functions["in order"] = in_order


def ufunc_at(ufunc: np.ufunc, a: Any, indices: Any, *operands: Any) -> None:
    """`ufunc.at(a, indices, b)`: in place, once for each time that a place comes."""
    a = target(a, f"np.{ufunc.__name__}.at")
    places = counted(a)[indices]
    values = [functions[np.broadcast_to](array_like(b), places.shape) for b in operands]
    flat, size = op.reshape(a, shape=(type_of(a).size,)), places.size
    order = places.reshape(-1)
    values = [op.reshape(v, shape=(size,)) for v in values]
    if ufunc in (np.add, np.subtract):
        v = functions["astype"](values[0], a.dtype)
        v = v if ufunc is np.add else op.neg(v)
        new = flat + op.scatter_add(v, order, shape=(type_of(a).size,))
    else:
        new = flat
        for turn in turns(order):  # places that come once in each
            given = [op.gather(v, turn) for v in values]
            found = ufunc(op.gather(new, order[turn]), *given)
            new = op.scatter_set(new, functions["astype"](found, a.dtype), order[turn])
    write(a, op.reshape(new, shape=a.shape))


def turns(places: np.ndarray) -> list[np.ndarray]:
    """The numbers of the first time that each place comes, of the second time, .."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if places.size else order
    count = np.arange(places.size) - np.repeat(first, np.diff(np.r_[first, places.size]))
    return [np.sort(order[count == k]) for k in range(int(count.max(initial=-1)) + 1)]


functions["ufunc.at"] = ufunc_at
