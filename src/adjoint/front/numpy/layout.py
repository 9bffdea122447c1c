"""NumPy's functions that give elements other places: shapes, axes, joining, splitting.

Enters: traced arrays (and lists of them) with NumPy's own arguments. Leaves: `reshape`,
`transpose`, `slice`, `stack`, `concatenate`, ... operations: one or two for each function.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...base.errors import TracingError, message
from ...graph import op
from ...graph.op import Traced
from ..context import context
from ..operands import functions, has_traced
from ..trace import Tensor, plain_value
from ..writing import duplicate, memory_of_one
from .register import all_axes, array_like, implements, one_axis

# ----------------------------------------------------------------------------------- shape and axes


def memory_order(a: Any, order: Any, operation: str) -> str:
    """`order=` as "C" or "F"; "A" and "K" ask how the elements lie in memory."""
    if order in ("C", None) or len(type_of(a).shape) < 2:
        return "C"
    if order == "F":
        return "F"
    if order not in ("A", "K"):
        raise ValueError(f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})")
    value = plain_value(a)
    if isinstance(value, np.ndarray) and context.program is None and context.batches == 0:
        if value.flags.c_contiguous:
            return "C"
        if value.flags.f_contiguous:
            return "F"
    raise TracingError(
        message(
            f"{operation} got order={order!r}, which asks how a traced array lies in memory",
            expected='order="C" or order="F"',
            instead='order="C" for the order in which NumPy prints the elements',
            operation=operation,
        )
    )


@implements(np.reshape)
def reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Any:
    a = array_like(a)
    if copy is not None and isinstance(a, Tensor):
        if copy:
            return duplicate(reshape(a, shape, order), "C")
        np.reshape(memory_of_one(a), shape, order, copy=False)  # type: ignore  # NumPy's error
    t = type_of(a)
    wanted = shape if type(shape) is tuple else tuple(shape) if np.iterable(shape) else (shape,)
    wanted = tuple([operator.index(n) for n in wanted])
    if -1 in wanted:
        known = 1
        for n in wanted:
            known *= 1 if n == -1 else n
        if wanted.count(-1) > 1:
            raise ValueError("can only specify one unknown dimension")
        size = t.size
        if not known or size % known:
            raise misfit(size, wanted)
        wanted = tuple([size // known if n == -1 else n for n in wanted])
    if t.shape == wanted and not t.weak:
        return a
    size = 1
    for n in wanted:
        size *= n
    if size != t.size or (wanted and min(wanted) < 0):
        raise misfit(t.size, wanted)
    if order != "C" and memory_order(a, order, "np.reshape") == "F":
        return reversed_axes(op.reshape(reversed_axes(a), shape=wanted[::-1]))
    return op.reshape(a, shape=wanted)


def misfit(size: int, shape: tuple[int, ...]) -> ValueError:
    """NumPy's error for a shape that does not fit."""
    return ValueError(f"cannot reshape array of size {size} into shape {shape}".replace(", ", ","))


def reversed_axes(a: Any) -> Any:
    """The transpose of all axes."""
    rank = len(type_of(a).shape)
    return a if rank < 2 else op.transpose(a, axes=tuple(range(rank))[::-1])


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    order = order if order in ("C", None) else memory_order(a, order, "np.ravel")
    found = reshape(a, (-1,) if type_of(a).size else (0,), order=order)
    if order == "C" and isinstance(a, Tensor) and not memory_of_one(a).flags.c_contiguous:
        return duplicate(found, "C")  # NumPy's result lies in one piece
    return found


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    a = array_like(a)
    rank = len(type_of(a).shape)
    if axes is None:
        return reversed_axes(a)
    order = tuple(axes) if np.iterable(axes) else (axes,)
    if len(order) != rank:
        raise ValueError("axes don't match array")
    order = tuple([one_axis(k, rank) for k in order])
    if len(set(order)) != rank:
        raise ValueError("repeated axis in transpose")
    return permuted(a, order)


def permuted(a: Any, order: Sequence[int]) -> Any:
    """`op.transpose`, left out where it changes nothing."""
    order = tuple(order)
    return a if order == tuple(range(len(order))) else op.transpose(a, axes=order)


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    rank = len(type_of(x).shape)
    if rank < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {rank}")
    return op.transpose(x, axes=(*range(rank - 2), rank - 1, rank - 2))


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: Any, axis2: Any) -> Any:
    rank = len(type_of(a).shape)
    i, j = one_axis(axis1, rank), one_axis(axis2, rank)
    order = list(range(rank))
    order[i], order[j] = j, i
    return permuted(a, order)


def axis_list(axis: Any, rank: int, name: str = "axis") -> list[int]:
    """One axis or several in the given order, as non-negative numbers without repeats."""
    axes = [one_axis(k, rank) for k in (axis if np.iterable(axis) else (axis,))]
    if len(set(axes)) != len(axes):
        raise ValueError(f"repeated axis in `{name}` argument")
    return axes


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    rank = len(type_of(a).shape)
    sources = axis_list(source, rank, "source")
    destinations = axis_list(destination, rank, "destination")
    if len(sources) != len(destinations):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements"
        )
    order = [k for k in range(rank) if k not in sources]
    for there, here in sorted(zip(destinations, sources, strict=True)):
        order.insert(there, here)
    return permuted(a, order)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: Any, start: int = 0) -> Any:
    rank = len(type_of(a).shape)
    axis = one_axis(axis, rank)
    begin = start + rank if start < 0 else start
    if not 0 <= begin <= rank:
        raise np.exceptions.AxisError(
            f"'start' arg requires {-rank} <= start < {rank + 1}, but {start} was passed in"
        )
    if axis < begin:
        begin -= 1
    order = [k for k in range(rank) if k != axis]
    order.insert(begin, axis)
    return permuted(a, order)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    a = array_like(a)
    shape = type_of(a).shape
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    rank = len(shape) + len(axes)
    new = axis_list(axes, rank)
    extents = iter(shape)
    return op.reshape(a, shape=tuple([1 if k in new else next(extents) for k in range(rank)]))


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    shape = type_of(a).shape
    if axis is None:
        axes: Sequence[int] = [k for k, n in enumerate(shape) if n == 1]
    else:
        axes = all_axes(axis, len(shape))
        if any(shape[k] != 1 for k in axes):
            raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    if not axes:
        return a
    return op.reshape(a, shape=tuple([n for k, n in enumerate(shape) if k not in axes]))


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    array = array_like(array)
    t = type_of(array)
    wanted = (
        tuple([operator.index(n) for n in shape])
        if np.iterable(shape)
        else (operator.index(shape),)
    )
    if t.shape == wanted and not t.weak:
        return array
    extra = len(wanted) - len(t.shape)
    if extra < 0 or any(n not in (1, m) for n, m in zip(t.shape, wanted[extra:], strict=True)):
        raise ValueError(f"could not broadcast an array of shape {t.shape} to the shape {wanted}")
    return op.broadcast_to(array, shape=wanted)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    arrays = [array_like(a) for a in args]
    shape = np.broadcast_shapes(*[type_of(a).shape for a in arrays])
    return tuple([broadcast_to(a, shape) for a in arrays])


# ------------------------------------------------------------------------------------------ joining


def pieces(arrays: Any, operation: str) -> list[Any]:
    """A sequence of arrays (or an array, along its first axis) as a list of arrays."""
    if isinstance(arrays, Tensor) and not arrays.shape:
        raise TypeError(f"{operation} needs a sequence of arrays; a 0-d array came")
    found = [array_like(a) for a in arrays]
    if not found:
        raise ValueError("need at least one array")
    return found


def converted(result: Any, parts: Sequence[Any], dtype: Any, casting: Any) -> Any:
    """NumPy's `dtype=` and `casting=` of the joining functions."""
    if dtype is None:
        return result
    dtype = np.dtype(dtype)
    for x in parts:
        if not np.can_cast(type_of(x).dtype, dtype, casting):
            raise TypeError(
                f"Cannot cast array data from {type_of(x).dtype!r} to {dtype!r} "
                f"according to the rule {casting!r}"
            )
    return functions["astype"](result, dtype)


@implements(np.concatenate, np.concat)
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    parts = pieces(arrays, "np.concatenate")
    if axis is None:
        parts = [ravel(x) for x in parts]
        axis = 0
    rank = len(type_of(parts[0]).shape)
    if not rank:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    axis = one_axis(axis, rank)
    return converted(joined(parts, axis), parts, dtype, casting)


def joined(parts: list[Any], axis: int) -> Any:
    """`op.concatenate`, left out for one array."""
    return parts[0] if len(parts) == 1 else op.concatenate(*parts, axis=axis)


@implements(np.stack)
def stack(
    arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    parts = pieces(arrays, "np.stack")
    shape = type_of(parts[0]).shape
    for x in parts:
        if (x.shape if isinstance(x, Traced) else type_of(x).shape) != shape:
            raise ValueError("all input arrays must have the same shape")
    axis = one_axis(axis, len(shape) + 1)
    return converted(op.stack(*parts, axis=axis), parts, dtype, casting)


# ------------------------------------------------------------------------------------------- taking


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    a = array_like(a)
    if axis is None:
        a, axis = ravel(a), 0
    shape = type_of(a).shape
    axis = one_axis(axis, len(shape))
    indices = places_in(indices, shape, axis, mode)
    if not isinstance(indices, Traced) and indices.ndim == 0:
        return op.at(a, axes=(axis,), places=(int(indices),))
    order = (axis, *[k for k in range(len(shape)) if k != axis])
    out = op.gather(permuted(a, order), indices)
    lead = len(type_of(indices).shape)
    return permuted(
        out, (*range(lead, lead + axis), *range(lead), *range(lead + axis, lead + len(shape) - 1))
    )


def places_in(indices: Any, shape: tuple[int, ...], axis: int, mode: str) -> Any:
    """Index arrays checked, wrapped or clipped to an axis, by NumPy itself where they are plain."""
    indices = array_like(indices) if has_traced(indices) else indices
    n = shape[axis]
    if not isinstance(indices, Traced):
        try:
            return np.take(np.arange(n), indices, mode=mode)  # type: ignore[call-overload]
        except (IndexError, TypeError, ValueError):
            whole = np.broadcast_to(np.zeros((), bool), shape)
            np.take(whole, indices, axis, mode=mode)  # type: ignore[call-overload]
            raise
    dtype = type_of(indices).dtype
    kind = dtype.kind
    if kind == "b":
        indices = functions["astype"](indices, np.intp)
    elif kind not in "iu":
        raise TypeError(
            f"Cannot cast array data from {dtype!r} to {np.dtype(np.intp)!r} "
            "according to the rule 'safe'"
        )
    if mode == "wrap":
        return op.remainder(indices, n)
    if mode == "clip":
        return op.minimum(op.maximum(indices, 0), n - 1)
    if mode != "raise":
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")
    return indices


def gathered(a: Any, index: Any, axis: int) -> Any:
    """`a` at the places of a plain index array along an axis."""
    order = (axis, *[k for k in range(len(a.shape)) if k != axis])
    out = op.gather(permuted(a, order), np.asarray(index, np.intp))
    return permuted(out, (*range(1, axis + 1), 0, *range(axis + 1, len(order))))


def section(a: Any, axis: int, part: Any) -> Any:
    """`a` under one Python slice along an axis."""
    shape = type_of(a).shape
    start, stop, step = part.indices(shape[axis])
    if (start, stop, step) == (0, shape[axis], 1):
        return a
    if not len(range(start, stop, step)):
        start, stop, step = 0, 0, 1
    return op.slice(
        a,
        starts=tuple([start if k == axis else 0 for k in range(len(shape))]),
        stops=tuple([stop if k == axis else n for k, n in enumerate(shape)]),
        steps=tuple([step if k == axis else 1 for k in range(len(shape))]),
    )


def picked(a: Any, index: np.ndarray, axis: int) -> Any:
    """`gathered`, written as a few slices joined where the places form a few runs."""
    if not len(index):
        return section(a, axis, slice(0, 0))
    steps = np.diff(index)
    runs: list[tuple[int, int, int]] = []
    first = 0
    while first < len(index) and len(runs) <= 8:
        last = first
        if first < len(steps) and steps[first] in (-1, 0, 1):
            other = np.flatnonzero(steps[first:] != steps[first])
            last = first + int(other[0]) if other.size else len(steps)
        runs.append((int(index[first]), int(index[last]), last - first + 1))
        first = last + 1
    if len(runs) > 8:
        return gathered(a, index, axis)
    parts = []
    for start, stop, count in runs:
        if start <= stop:
            part = section(a, axis, slice(start, stop + 1))
        else:
            part = section(a, axis, slice(start, stop - 1 if stop else None, -1))
        if start == stop and count > 1:
            shape = type_of(a).shape
            part = op.broadcast_to(part, shape=(*shape[:axis], count, *shape[axis + 1 :]))
        parts.append(part)
    return joined(parts, axis)


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    if axis is None:
        if len(type_of(indices).shape) != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        arr, axis = ravel(arr), 0
    shape, t = type_of(arr).shape, type_of(indices)
    rank = len(shape)
    axis = one_axis(axis, rank)
    if t.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if len(t.shape) != rank:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    index = [
        indices if k == axis else np.arange(n).reshape([-1 if j == k else 1 for j in range(rank)])
        for k, n in enumerate(shape)
    ]
    return op.gather(arr, *index)


# ------------------------------------------------------------------------------- ranks, and joining


def at_least(a: Any, rank: int) -> Any:
    """`np.atleast_1d`, `2d`, `3d`: where the new axes go is NumPy's choice."""
    a = array_like(a)
    shape = type_of(a).shape
    if len(shape) >= rank:
        return a
    if rank == 3 and shape:
        return op.reshape(a, shape=(1, shape[0], 1) if len(shape) == 1 else (*shape, 1))
    return op.reshape(a, shape=(1,) * (rank - len(shape)) + shape)


def for_each(rank: int, arrays: tuple) -> Any:
    """One result for one array, a tuple for several."""
    found = tuple([at_least(a, rank) for a in arrays])
    return found[0] if len(found) == 1 else found


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    return for_each(1, arys)


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    return for_each(2, arys)


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    return for_each(3, arys)


def shape_if_same(parts: list[Any]) -> tuple[int, ...] | None:
    """The shape that all arrays have."""
    shape = type_of(parts[0]).shape
    return shape if all(type_of(x).shape == shape for x in parts[1:]) else None


def along(parts: list[Any], rank: int, axis: int, dtype: Any, casting: str) -> Any:
    """Arrays of at least some rank joined along an axis."""
    parts = [at_least(x, rank) for x in parts]
    return concatenate(parts, axis, dtype=dtype, casting=casting)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    parts = pieces(tup, "np.hstack")
    if shape_if_same(parts) == ():
        return stack(parts, 0, dtype=dtype, casting=casting)
    return along(parts, 1, 0 if len(type_of(parts[0]).shape) < 2 else 1, dtype, casting)


@implements(np.vstack, *([np.row_stack] if "row_stack" in np.__all__ else []))
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    parts = pieces(tup, "np.vstack")
    shape = shape_if_same(parts)
    if shape is not None and len(shape) == 1:
        return stack(parts, 0, dtype=dtype, casting=casting)
    return along(parts, 2, 0, dtype, casting)


@implements(np.dstack)
def dstack(tup: Any) -> Any:
    return along(pieces(tup, "np.dstack"), 3, 2, None, "same_kind")


@implements(np.column_stack)
def column_stack(tup: Any) -> Any:
    parts = pieces(tup, "np.column_stack")
    shape = shape_if_same(parts)
    if shape is not None and len(shape) == 1:
        return op.stack(*parts, axis=1)
    columns = []
    for x in parts:
        shape = type_of(x).shape
        columns.append(x if len(shape) > 1 else op.reshape(x, shape=(shape[0] if shape else 1, 1)))
    return concatenate(columns, 1)


@implements(*([np.unstack] if hasattr(np, "unstack") else []))  # since NumPy 2.1
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    shape = type_of(x).shape
    if not shape:
        raise ValueError("Input array must be at least 1-d.")
    axis = one_axis(axis, len(shape))
    return tuple([op.at(x, axes=(axis,), places=(k,)) for k in range(shape[axis])])


def block_depth(x: Any, path: str = "arrays") -> int:
    """How deep the lists of `np.block` are nested: everywhere the same."""
    if isinstance(x, tuple):
        raise TypeError(f"{path} is a tuple, and np.block takes nested lists only")
    if not isinstance(x, list):
        return 0
    if not x:
        raise ValueError(f"List at {path} cannot be empty")
    depths = [block_depth(part, f"{path}[{k}]") for k, part in enumerate(x)]
    for k, depth in enumerate(depths):
        if depth != depths[0]:
            raise ValueError(
                f"List depths are mismatched: {path}[0] has depth {depths[0]}, "
                f"{path}[{k}] has depth {depth}"
            )
    return depths[0] + 1


@implements(np.block)
def block(arrays: Any) -> Any:
    depth = block_depth(arrays)

    def ranks(x: Any) -> int:
        return max([ranks(part) for part in x]) if isinstance(x, list) else len(type_of(x).shape)

    rank = max(depth, ranks(arrays))

    def build(x: Any, level: int) -> Any:
        if isinstance(x, list):
            return joined([build(part, level - 1) for part in x], rank - level)
        shape = type_of(x).shape
        return x if len(shape) == rank else op.reshape(x, shape=(1,) * (rank - len(shape)) + shape)

    return build(arrays, depth)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    return concatenate([arr, values], axis)


# ---------------------------------------------------------------------------------------- splitting


def cuts(a: Any, sections: Any, axis: int) -> list[Any]:
    """The parts of `np.array_split`."""
    n = type_of(a).shape[axis]
    try:
        points = [0, *[operator.index(k) for k in sections], n]
    except TypeError:
        count = operator.index(sections)
        if count <= 0:
            raise ValueError("number sections must be larger than 0.") from None
        each, extra = divmod(n, count)
        points = [k * each + min(k, extra) for k in range(count + 1)]
    return [section(a, axis, slice(start, stop)) for start, stop in pairwise(points)]


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    return cuts(ary, indices_or_sections, one_axis(axis, len(type_of(ary).shape)))


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    shape = type_of(ary).shape
    axis = one_axis(axis, len(shape))
    if np.ndim(indices_or_sections) == 0 and shape[axis] % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return cuts(ary, indices_or_sections, axis)


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    rank = len(type_of(ary).shape)
    if rank == 0:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return split(ary, indices_or_sections, 1 if rank > 1 else 0)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if len(type_of(ary).shape) < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return split(ary, indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if len(type_of(ary).shape) < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return split(ary, indices_or_sections, 2)
