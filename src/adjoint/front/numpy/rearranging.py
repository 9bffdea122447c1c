"""NumPy's functions that repeat, turn, cut out and leave out: `roll`, `tile`, `tril`, `diag`,
`insert`, ...

Enters: traced arrays with NumPy's own arguments. Leaves: a few layout operations; what depends on
plain places alone (`np.delete(x, [1, 4])`) is asked of NumPy itself, applied to the numbers of the
places.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...base.errors import TracingError, message
from ...graph import op
from ...graph.op import Traced
from ..operands import functions
from ..trace import RecordingTensor
from ..writing import viewed
from .elementwise import known
from .layout import (
    broadcast_to,
    gathered,
    moveaxis,
    permuted,
    picked,
    ravel,
    reshape,
    section,
    swapaxes,
)
from .register import all_axes, array_like, implements, one_axis

# ---------------------------------------------------------------------------- turning and repeating


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    axes = all_axes(axis, len(type_of(m).shape))
    return op.flip(m, axes=axes) if axes else m


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    if len(type_of(m).shape) < 2:
        raise ValueError("Input must be >= 2-d.")
    return op.flip(m, axes=(1,))


@implements(np.flipud)
def flipud(m: Any) -> Any:
    if len(type_of(m).shape) < 1:
        raise ValueError("Input must be >= 1-d.")
    return op.flip(m, axes=(0,))


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    rank = len(type_of(m).shape)
    if len(axes) != 2:
        raise ValueError("len(axes) must be 2.")
    if not all(-rank <= axis < rank for axis in axes):
        raise ValueError(f"Axes={tuple(axes)} out of range for array of ndim={rank}.")
    i, j = (axis % rank for axis in axes)
    if i == j:
        raise ValueError("Axes must be different.")
    k %= 4
    if k == 0:
        return m
    if k == 2:
        return op.flip(m, axes=tuple(sorted((i, j))))
    if k == 1:
        return swapaxes(op.flip(m, axes=(j,)), i, j)
    return op.flip(swapaxes(m, i, j), axes=(j,))


@implements(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    shape = type_of(a).shape
    if axis is None:
        return reshape(roll(ravel(a), shift, 0), shape)
    if isinstance(axis, (tuple, list)) or np.ndim(shift):
        if max(np.ndim(shift), np.ndim(axis)) > 1:
            raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
        shifts: dict[int, int] = {}
        for s, k in np.broadcast(shift, axis):
            k = one_axis(k, len(shape))
            shifts[k] = shifts.get(k, 0) + int(s)
    else:
        shifts = {one_axis(axis, len(shape)): operator.index(shift)}
    return op.roll(a, shifts=tuple(shifts.values()), axes=tuple(shifts)) if shifts else a


@implements(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    whole, shape = x, type_of(x).shape
    windows = tuple(window_shape) if np.iterable(window_shape) else (window_shape,)
    if axis is None:
        axes = list(range(len(shape)))
    else:
        axes = [one_axis(k, len(shape)) for k in (axis if np.iterable(axis) else (axis,))]
    if len(windows) != len(axes):
        raise ValueError(
            f"Must provide one window for each axis; {len(windows)} for {len(axes)} axes came"
        )
    for window, k in zip(windows, axes, strict=True):
        if window < 0:
            raise ValueError("`window_shape` cannot contain negative values")
        n = x.shape[k] - window + 1
        if n <= 0:
            raise ValueError("window shape cannot be larger than input array shape")
        places = np.arange(n)[:, None] + np.arange(window)
        x = moveaxis(op.gather(moveaxis(x, k, 0), places), (0, 1), (k, -1))
    return viewed(whole, x, lambda base: sliding_window_view(base, window_shape, axis))


@implements(np.tile)
def tile(A: Any, reps: Any) -> Any:
    A = array_like(A)
    shape = type_of(A).shape
    counts = (
        tuple([operator.index(n) for n in reps]) if np.iterable(reps) else (operator.index(reps),)
    )
    rank = max(len(shape), len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - len(shape)) + shape
    if any(n < 0 for n in counts):
        raise ValueError("negative dimensions are not allowed")
    if all(n == 1 for n in counts):
        return reshape(A, shape)
    # A repeated axis of extent n becomes the pair (repeats, n); one axis is enough where one of
    # them is 1.
    inside, outside = [], []
    for n, count in zip(shape, counts, strict=True):
        if n > 1 and count != 1:
            inside += [1, n]
            outside += [count, n]
        else:
            inside.append(n)
            outside.append(n if count == 1 else count if n else 0)
    out = op.broadcast_to(reshape(A, tuple(inside)), shape=tuple(outside))
    return reshape(out, tuple([n * count for n, count in zip(shape, counts, strict=True)]))


def static(value: Any, name: str, operation: str) -> Any:
    """An argument that must be known when the function is traced."""
    if isinstance(value, RecordingTensor) and (value.dtype.kind in "biu" or value.is_over()):
        return known(value, operation)
    if isinstance(value, Traced):
        raise TracingError(
            message(
                f"{operation} got a traced {name}=, and the result's shape depends on it",
                expected=f"{name} that is known when the function is traced",
                operation=operation,
            )
        )
    return value


@implements(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    a = array_like(a)
    if axis is None:
        a, axis = ravel(a), 0
    shape = type_of(a).shape
    axis = one_axis(axis, len(shape))
    counts = np.asarray(static(repeats, "repeats", "np.repeat"))
    if counts.size == 1:
        (count,) = counts.reshape(-1)
        count = operator.index(count)
        if count < 0:
            raise ValueError("repeats may not contain negative values.")
        pair = (*shape[: axis + 1], 1, *shape[axis + 1 :])
        out = op.broadcast_to(
            reshape(a, pair), shape=(*shape[: axis + 1], count, *shape[axis + 1 :])
        )
        return reshape(out, (*shape[:axis], shape[axis] * count, *shape[axis + 1 :]))
    return gathered(a, np.repeat(np.arange(shape[axis]), counts), axis)


@implements(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    a = ravel(a)
    shape = tuple(new_shape) if np.iterable(new_shape) else (new_shape,)
    if any(n < 0 for n in shape):
        raise ValueError("all elements of `new_shape` must be non-negative")
    (n,), size = a.shape, int(np.prod(shape, dtype=np.int64))
    if n == 0:
        return np.zeros(shape, a.dtype)
    if size > n:
        a = tile(a, -(-size // n))
    return reshape(section(a, 0, slice(0, size)), shape)


# -------------------------------------------------------------------------- triangles and diagonals


def triangle(m: Any, k: int) -> np.ndarray:
    """True on and below a diagonal of the array's last two axes."""
    shape = type_of(m).shape
    if not shape:
        raise TypeError("tri() missing 1 required positional argument: 'N'")
    return np.tri(shape[-2] if len(shape) > 1 else shape[0], shape[-1], k, bool)


@implements(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    return op.select(triangle(m, k), m, 0)


@implements(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    return op.select(triangle(m, k - 1), 0, m)


def need_matrix(arr: Any) -> tuple[int, ...]:
    """The shape of a matrix."""
    shape = type_of(arr).shape
    if len(shape) != 2:
        raise ValueError("input array must be 2-d")
    return shape


@implements(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> Any:
    n, m = need_matrix(arr)
    return np.tril_indices(n, k=k, m=m)


@implements(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> Any:
    n, m = need_matrix(arr)
    return np.triu_indices(n, k=k, m=m)


@implements(np.diag_indices_from)
def diag_indices_from(arr: Any) -> Any:
    shape = type_of(arr).shape
    if len(shape) < 2:
        raise ValueError("input array must be at least 2-d")
    if len(set(shape)) > 1:
        raise ValueError("All dimensions of input must be of equal length")
    return np.diag_indices(shape[0], len(shape))


@implements(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    shape = type_of(a).shape
    rank = len(shape)
    if rank < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    i, j = one_axis(axis1, rank), one_axis(axis2, rank)
    if i == j:
        raise ValueError("axis1 and axis2 cannot be the same")
    rest = [k for k in range(rank) if k not in (i, j)]
    n, m = shape[i], shape[j]
    count = max(min(n, m - offset) if offset >= 0 else min(n + offset, m), 0)
    flat = reshape(permuted(a, (*rest, i, j)), (*[shape[k] for k in rest], n * m))
    start = offset if offset >= 0 else -offset * m
    if not count:
        return section(flat, rank - 2, slice(0, 0))
    found = section(flat, rank - 2, slice(start, start + (count - 1) * (m + 1) + 1, m + 1))
    return viewed(a, found, lambda base: diagonal(base, offset, axis1, axis2))


@implements(np.linalg.diagonal)
def stack_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return diagonal(x, offset, -2, -1)


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    v = array_like(v)
    shape = type_of(v).shape
    if len(shape) == 2:
        return diagonal(v, k)
    if len(shape) != 1:
        raise ValueError("Input must be 1- or 2-d.")
    n = shape[0] + abs(k)
    start = k if k >= 0 else -k * n
    if not shape[0]:
        return np.zeros((n, n), type_of(v).dtype)
    stop = start + (shape[0] - 1) * (n + 1) + 1
    flat = op.unslice(v, shape=(n * n,), starts=(start,), stops=(stop,), steps=(n + 1,))
    return op.reshape(flat, shape=(n, n))


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    return diag(ravel(v), k)


# ------------------------------------------------------------------------------ adding and removing


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    arr = array_like(arr)
    if axis is None:
        arr, axis = ravel(arr), 0
    t = type_of(arr)
    rank = len(t.shape)
    axis = one_axis(axis, rank)
    n = t.shape[axis]
    obj = static(obj, "obj", "np.insert")
    index = np.arange(*obj.indices(n)) if isinstance(obj, slice) else np.asarray(obj)
    if index.dtype == bool:
        index = np.flatnonzero(index)
    values = functions["astype"](array_like(values), t.dtype)
    shape = type_of(values).shape
    if len(shape) < rank:
        values = reshape(values, (1,) * (rank - len(shape)) + shape)
    if index.size == 1 and index.ndim == 0:
        values = moveaxis(values, 0, axis)
    count = type_of(values).shape[axis] if index.size == 1 else index.size
    values = broadcast_to(values, (*t.shape[:axis], count, *t.shape[axis + 1 :]))
    order = np.insert(np.arange(n), obj, np.arange(n, n + count))
    return picked(op.concatenate(arr, values, axis=axis), order, axis)


@implements(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    arr = array_like(arr)
    if axis is None:
        arr, axis = ravel(arr), 0
    shape = type_of(arr).shape
    axis = one_axis(axis, len(shape))
    keep = np.delete(np.arange(shape[axis]), static(obj, "obj", "np.delete"))
    return picked(arr, keep, axis)


@implements(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    filt = array_like(filt)
    shape = type_of(filt).shape
    mask = static(op.not_equal(filt, 0), "array", "np.trim_zeros")
    axes = all_axes(axis, len(shape))
    if trim.lower() not in ("fb", "bf", "f", "b"):
        raise ValueError(f"unexpected character(s) in `trim`: {trim!r}")
    found = np.argwhere(mask)
    for k in axes:
        if not len(found):
            filt = section(filt, k, slice(0, 0))
            continue
        low, high = int(found[:, k].min()), int(found[:, k].max()) + 1
        filt = section(
            filt, k, slice(low if "f" in trim.lower() else 0, high if "b" in trim.lower() else None)
        )
    return filt
