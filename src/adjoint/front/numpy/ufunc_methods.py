"""The methods of ufuncs: `reduce`, `accumulate`, `outer`, `reduceat`, of every ufunc of two
arguments.

Enters: an array and NumPy's own options.  Leaves: a reduction where there is one for the ufunc, and
else the ufunc applied to one slice after another.  Which axes, dtypes and starting values a ufunc
takes is asked of NumPy, with an array of two elements along each axis.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...graph import op
from ..operands import functions, methods, ufuncs
from .elementwise import NoValue, as_inexact, as_mask, astype
from .reductions import (
    all,
    any,
    begun,
    is_everywhere,
    kept,
    largest,
    nanmax,
    nanmin,
    prepared,
    prod,
    reduced,
    smallest,
    sum,
)
from .register import all_axes, array_like, one_axis

# ------------------------------------------------------------------------------------ one by one


def tried(method: Callable, t: Any, *args: Any, **options: Any) -> np.dtype:
    """The dtype of what NumPy gives for an array of this type; its own error where it gives
    none."""
    few = np.ones(tuple(min(n, 2) for n in t.shape), t.dtype)
    if not is_everywhere(options.get("where", True)):
        options["where"] = np.ones(few.shape, bool)
    with np.errstate(all="ignore"):
        return np.asarray(method(few, *args, **options)).dtype


def dtype_into(ufunc: np.ufunc, method: str, inputs: tuple, out: Any) -> Any:
    """In which dtype a method computes whose result goes into `out=`: in that one, if the ufunc
    has a loop for it."""
    given, wanted = type_of(array_like(inputs[0])).dtype, type_of(out).dtype
    few, more = np.ones(2, given), ([0],) if method == "reduceat" else ()
    call = getattr(ufunc, method)
    call(few, *more, out=np.empty_like(call(few, *more), wanted))  # NumPy's own error
    try:
        call(few, *more, dtype=wanted)
    except TypeError:
        return None
    return None if given == wanted else wanted


functions["dtype into"] = dtype_into


def slices(a: Any, axis: int) -> list[Any]:
    """The parts of an array along an axis."""
    return [op.at(a, axes=(axis,), places=(k,)) for k in range(type_of(a).shape[axis])]


def fold(ufunc: np.ufunc) -> Callable:
    """`ufunc.reduce`, one slice after another."""

    def call(array: Any, axis: Any = 0, dtype: Any = None, keepdims: Any = False,
             initial: Any = NoValue, where: Any = True) -> Any:  # fmt: skip
        a = array_like(array)
        t = type_of(a)
        start = NoValue if initial is NoValue else None if initial is None else 1
        found = tried(ufunc.reduce, t, axis, dtype, initial=start, where=where)
        axes = () if not t.shape and axis in (0, -1) else all_axes(axis, t.ndim)
        rest = tuple(k for k in range(t.ndim) if k not in axes)
        extents = tuple(t.shape[k] for k in rest)
        count = t.size if not extents else int(np.prod([t.shape[k] for k in axes], dtype=int))

        def lines(x: Any) -> list[Any]:
            x = op.transpose(x, axes=(*axes, *rest)) if t.ndim > 1 else x
            return slices(op.reshape(x, shape=(count, *extents)), 0)

        parts = lines(astype(a, found))
        masks = (
            None if is_everywhere(where) else lines(op.broadcast_to(as_mask(where), shape=t.shape))
        )
        if initial is not NoValue and initial is not None:
            result: Any = op.broadcast_to(astype(array_like(initial), found), shape=extents)
        elif masks is not None or not parts:
            result = np.full(extents, ufunc.identity, found)
        else:
            result, parts = parts[0], parts[1:]
        for k, part in enumerate(parts):
            following = astype(ufuncs[ufunc](result, part), found)
            result = following if masks is None else op.select(masks[k], following, result)
        return kept(result, t.shape, axes, keepdims)

    return call


def running(ufunc: np.ufunc) -> Callable:
    """`ufunc.accumulate`, one slice after another."""

    def call(array: Any, axis: Any = 0, dtype: Any = None) -> Any:
        a = array_like(array)
        found = tried(ufunc.accumulate, type_of(a), axis, dtype)
        k = one_axis(axis, type_of(a).ndim)
        parts = slices(astype(a, found), k)
        for i in range(1, len(parts)):
            parts[i] = astype(ufuncs[ufunc](parts[i - 1], parts[i]), found)
        return op.stack(*parts, axis=k) if parts else astype(a, found)

    return call


# ------------------------------------------------------------------------------------ at one stroke


def reduce_method(ordinary: Callable, takes_dtype: bool) -> Callable:
    """`ufunc.reduce`: one axis, the first, unless told otherwise."""

    def call(array: Any, axis: Any = 0, dtype: Any = None, keepdims: Any = False,
             initial: Any = NoValue, where: Any = NoValue) -> Any:  # fmt: skip
        if axis == 0 and not type_of(array_like(array)).shape:
            axis = None
        if takes_dtype:
            return ordinary(array, axis, dtype, None, keepdims, initial, where)
        array = array if dtype is None else astype(array_like(array), dtype)
        return ordinary(array, axis, None, keepdims, initial, where)

    return call


def logical_method(ufunc: np.ufunc, ordinary: Callable) -> Callable:
    def call(array: Any, axis: Any = 0, dtype: Any = None, keepdims: Any = False,
             initial: Any = NoValue, where: Any = NoValue) -> Any:  # fmt: skip
        a = array_like(array)
        tried(ufunc.reduce, type_of(a), axis, dtype)
        found = ordinary(a, axis if type_of(a).shape else None, None, keepdims, where=where)
        if initial is NoValue or initial is None:
            return found
        return ufuncs[ufunc](found, as_mask(initial))

    return call


def logarithm_method(primitive: Callable, pair: np.ufunc) -> Callable:
    def call(array: Any, axis: Any = 0, dtype: Any = None, keepdims: Any = False,
             initial: Any = NoValue, where: Any = NoValue) -> Any:  # fmt: skip
        a = prepared(as_inexact(array), dtype, where, -np.inf)
        axis = axis if type_of(a).shape else None
        with np.errstate(invalid="ignore"):  # of nothing: minus infinity
            found = reduced(primitive, a, axis, keepdims)
        return begun(found, initial, ufuncs[pair])

    return call


def fill_method(ordinary: Callable, pair: np.ufunc) -> Callable:
    """`fmax.reduce`, `fmin.reduce`: NaN only where there is nothing else, without a warning."""
    folded = fold(pair)

    def call(array: Any, axis: Any = 0, dtype: Any = None, keepdims: Any = False,
             initial: Any = NoValue, where: Any = NoValue) -> Any:  # fmt: skip
        a = array_like(array)
        if initial is not NoValue or not is_everywhere(where):
            return folded(a, axis, dtype, keepdims, initial, where)
        a = a if dtype is None else astype(a, dtype)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            return ordinary(a, axis if type_of(a).shape else None, None, keepdims)

    return call


def accumulate_method(primitive: Callable) -> Callable:
    """`ufunc.accumulate`."""

    def call(array: Any, axis: Any = 0, dtype: Any = None) -> Any:
        a = prepared(array, dtype)
        return primitive(a, axis=one_axis(axis, type_of(a).ndim))

    return call


def outer_operands(a: Any, b: Any) -> tuple[Any, Any]:
    """Operands of which every element of the first meets every element of the second."""
    a, b = array_like(a), array_like(b)
    s, t = type_of(a).shape, type_of(b).shape
    return op.reshape(a, shape=(*s, *(1,) * len(t))) if t else a, b


functions["outer operands"] = outer_operands


def reduceat_method(ufunc: np.ufunc) -> Callable:
    """`ufunc.reduceat`: a reduction for each range between neighbouring places."""

    def call(array: Any, indices: Any, axis: Any = 0, dtype: Any = None) -> Any:
        a = array_like(array)
        shape = type_of(a).shape
        k = one_axis(axis, len(shape))
        places = [int(i) for i in indices]
        for start in places:
            if not 0 <= start < shape[k]:
                where = f"{ufunc.__name__}.reduceat [0, {shape[k]})"
                raise IndexError(f"index {start} out-of-bounds in {where}")
        found = tried(ufunc.reduceat, type_of(a), [0 for _ in places], axis, dtype)
        parts = []
        for i, start in enumerate(places):
            stop = places[i + 1] if i + 1 < len(places) else shape[k]
            section = op.slice(
                a,
                starts=tuple(start if j == k else 0 for j in range(len(shape))),
                stops=tuple(max(stop, start + 1) if j == k else n for j, n in enumerate(shape)),
                steps=(1,) * len(shape),
            )
            parts.append(methods[ufunc, "reduce"](section, k, dtype, keepdims=True))
        return op.concatenate(*parts, axis=k) if parts else np.zeros(0, found)

    return call


REDUCE = {
    np.add: reduce_method(sum, True),
    np.multiply: reduce_method(prod, True),
    np.maximum: reduce_method(largest, False),
    np.minimum: reduce_method(smallest, False),
    np.fmax: fill_method(nanmax, np.fmax),
    np.fmin: fill_method(nanmin, np.fmin),
    np.logical_and: logical_method(np.logical_and, all),
    np.logical_or: logical_method(np.logical_or, any),
    np.logaddexp: logarithm_method(op.logaddexp_reduce, np.logaddexp),
    np.logaddexp2: logarithm_method(op.logaddexp2_reduce, np.logaddexp2),
}
ACCUMULATE = {
    np.add: accumulate_method(op.cumsum),
    np.multiply: accumulate_method(op.cumprod),
    np.maximum: accumulate_method(op.cummax),
    np.minimum: accumulate_method(op.cummin),
}
ufunc: Any
for ufunc in list(ufuncs):
    if ufunc.nin == 2 and ufunc.nout == 1 and ufunc.signature is None:
        methods[ufunc, "reduce"] = REDUCE.get(ufunc) or fold(ufunc)
        methods[ufunc, "accumulate"] = ACCUMULATE.get(ufunc) or running(ufunc)
        methods[ufunc, "reduceat"] = reduceat_method(ufunc)
