"""Index primitives: reading and writing at places known only when the operation runs; sorting.

`gather(x, i1, .., ik)` is `x[i1, .., ik]` with integer arrays for the first k axes, broadcast
together: its result has their shape, then the other axes.  The facade brings every NumPy index to
that form.  Its transpose is `scatter_add`.  Sorting primitives give places; `gather` then takes the
values, so that derivatives flow to the elements that were chosen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.dtypes import Type, type_of
from ..graph import op
from ..graph.primitive import Case, Linear
from .declare import in_front, index, jvp, zero

PIECEWISE = zero("piecewise constant")


def gather_type(x: Any, *indices: Any) -> Type:
    t = type_of(x)
    shape = np.broadcast_shapes(*[type_of(i).shape for i in indices])
    return Type((*shape, *t.shape[len(indices) :]), t.dtype)


def gather_value(x: Any, *indices: Any) -> Any:
    return x[indices]


def aligned_indices(size: int, indices: tuple, batched: tuple) -> list[Any]:
    """Index arrays with a batch axis in front of all of them, their ranks made equal behind it."""
    ranks = [len(type_of(i).shape) - flag for i, flag in zip(indices, batched, strict=True)]
    rank = max(ranks)
    return [
        op.reshape(i, shape=(size if flag else 1, *(1,) * (rank - r), *type_of(i).shape[flag:]))
        for i, flag, r in zip(indices, batched, ranks, strict=True)
    ]


def rows(size: int, rank: int) -> np.ndarray:
    """The number of each batch row, shaped to go before index arrays of a rank."""
    return np.arange(size).reshape((size,) + (1,) * rank)


def gather_batch(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    (x, *indices), flags = inputs, batched[1:]
    if not batched[0]:
        return op.gather(x, *aligned_indices(size, tuple(indices), flags))
    if any(flags):
        aligned = aligned_indices(size, tuple(indices), flags)
        return op.gather(x, rows(size, len(type_of(aligned[0]).shape) - 1), *aligned)
    count, rank = len(indices), len(type_of(x).shape)
    inside = op.transpose(x, axes=(*range(1, count + 1), 0, *range(count + 1, rank)))
    out = op.gather(inside, *indices)
    lead = len(np.broadcast_shapes(*[type_of(i).shape for i in indices]))
    return op.transpose(out, axes=(lead, *range(lead), *range(lead + 1, len(type_of(out).shape))))


def gather_back(ct: Any, x_type: Any, *indices: Any) -> Any:
    return op.scatter_add(ct, *indices, shape=x_type.shape)


def gather_into(array: np.ndarray, ct: Any, _x: Any, *indices: Any) -> None:
    add_at(array, indices, ct)


def add_at(array: np.ndarray, indices: tuple, values: Any) -> None:
    """`array[indices] += values` where repeated places add up."""
    if all(np.ndim(i) == 0 for i in indices):
        array[indices] += values
    elif array.ndim == 1 and np.ndim(values) > 1 and values.shape == indices[0].shape:
        np.add.at(array, indices[0].reshape(-1), values.reshape(-1))  # NumPy's fast path
    else:
        np.add.at(array, indices, values)


def gather_cases(rng: np.random.Generator) -> list[Case]:
    x = rng.uniform(-2, 2, (3, 4, 2))
    rows_, columns = np.array([[0, 2], [1, -1]]), np.array([3, 0])
    return [
        Case((x, rows_)),
        Case((x, rows_, columns), {}, True, "two indices"),
        Case((x, np.array(1)), {}, True, "one place"),
        Case((x.astype(np.float32), rows_), {}, True, "float32"),
        Case((rng.integers(0, 9, (3, 4)), rows_), {}, False, "int64"),
    ]


gather = index("gather", evaluate=gather_value, infer=gather_type,
    derivative=Linear((gather_back,), into=gather_into), batch=gather_batch, cases=gather_cases,
    doc="x[i1, .., ik] with integer arrays for the first axes.")  # fmt: skip


def scatter_add_value(values: Any, *indices: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, type_of(values).dtype)
    add_at(out, indices, values)
    return out


def scatter_add_type(values: Any, *indices: Any, shape: tuple[int, ...]) -> Type:
    return Type(shape, type_of(values).dtype)


def scatter_add_back(ct: Any, values_type: Any, *indices: Any, shape: tuple[int, ...]) -> Any:
    return op.gather(ct, *indices)


def scatter_add_batch(
    primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict
) -> Any:
    (values, *indices), flags = inputs, batched[1:]
    values = in_front(values, size, batched[0])
    aligned = aligned_indices(size, tuple(indices), flags)
    number = rows(size, len(type_of(aligned[0]).shape) - 1)
    return op.scatter_add(values, number, *aligned, shape=(size, *parameters["shape"]))


def scatter_add_cases(rng: np.random.Generator) -> list[Case]:
    values = rng.uniform(-2, 2, (2, 2, 4))
    places = np.array([[0, 2], [2, -1]])
    return [
        Case((values, places), {"shape": (3, 4)}),
        Case((values.astype(np.float32), places), {"shape": (3, 4)}, True, "float32"),
        Case((values[0, 0], np.array(1)), {"shape": (3, 4)}, True, "one place"),
    ]


scatter_add = index("scatter_add", evaluate=scatter_add_value, infer=scatter_add_type,
    derivative=Linear((scatter_add_back,)), batch=scatter_add_batch, cases=scatter_add_cases,
    doc="Zeros with values added at index arrays: the transpose of `gather`.")  # fmt: skip


def take_along(x: Any, places: Any, axis: int) -> Any:
    """`np.take_along_axis` for places that are not negative, of the other axes' extents."""
    t, p = type_of(x), type_of(places)
    if t.ndim == 1:
        return op.gather(x, places)
    strides, total = [0] * t.ndim, 1
    for k in reversed(range(t.ndim)):
        strides[k] = total
        total *= t.shape[k]
    flat: Any = places if strides[axis] == 1 else places * strides[axis]
    offset: Any = np.zeros((), np.intp)
    for k in range(t.ndim):
        if k != axis:
            shape = [-1 if i == k else 1 for i in range(t.ndim)]
            offset = offset + (np.arange(p.shape[k]) * strides[k]).reshape(shape)
    return op.gather(op.reshape(x, shape=(total,)), flat + offset)


# ------------------------------------------------------------------------------------------- orders


def argsort_type(x: Any, *, axis: int, kind: str = "stable") -> Type:
    return Type(type_of(x).shape, np.dtype(np.intp))


def argpartition_type(x: Any, *, axis: int, kth: tuple[int, ...]) -> Type:
    return Type(type_of(x).shape, np.dtype(np.intp))


def axis_batch(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    return op.apply(primitive, inputs, {**parameters, "axis": parameters["axis"] + 1})


def sort_cases(rng: np.random.Generator, **parameters: Any) -> list[Case]:
    x = rng.permutation(24).reshape(4, 6) / 7.0
    special = np.array([[1.0, np.nan, -np.inf, 0.0, -0.0]])
    cases = [
        Case((x,), {"axis": 0}, True),
        Case((x,), {"axis": 1}, True),
        Case((x.astype(np.float32),), {"axis": 1}, True, "float32"),
        Case((x[::-1] // 1 + 1j * x,), {"axis": 1}, True, "complex"),
        Case((special,), {"axis": 1}, False, "special values"),
        Case((rng.integers(0, 4, (3, 5)),), {"axis": 1}, False, "int64"),
    ]
    return [Case(c.inputs, {**c.parameters, **parameters}, c.differentiate, c.label) for c in cases]


def sort_type(x: Any, *, axis: int) -> Type:
    t = type_of(x)
    return Type(t.shape, t.dtype)


def sort_tangent(primals: Any, tangents: Any, y: Any, *, axis: int) -> Any:
    return take_along(tangents[0], op.argsort(primals[0], axis=axis, kind="stable"), axis)


sort = index("sort", infer=sort_type, derivative=jvp(sort_tangent, reads_output=False),
    evaluate=lambda x, *, axis: np.sort(x, axis=axis), batch=axis_batch, cases=sort_cases,
    doc="The elements of an axis in ascending order, NaNs last.")  # fmt: skip
argsort = index("argsort", infer=argsort_type, derivative=PIECEWISE, batch=axis_batch,
    evaluate=lambda x, *, axis, kind="stable": np.argsort(x, axis=axis, kind=kind),
    cases=sort_cases,
    doc="The order that sorts an axis; equal elements keep their order.")  # fmt: skip
argpartition = index("argpartition", infer=argpartition_type, derivative=PIECEWISE,
    evaluate=lambda x, *, axis, kth: np.argpartition(x, kth, axis=axis), batch=axis_batch,
    cases=lambda rng: sort_cases(rng, kth=(1, 2)),
    doc="An order that puts the k-th smallest elements of an axis in their places.")  # fmt: skip


def lexsort_type(*keys: Any, axis: int) -> Type:
    shape = np.broadcast_shapes(*[type_of(k).shape for k in keys])
    return Type(shape, np.dtype(np.intp))


def lexsort_batch(
    primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict
) -> Any:
    keys = [in_front(x, size, flag) for x, flag in zip(inputs, batched, strict=True)]
    return op.lexsort(*keys, axis=parameters["axis"] + 1)


def lexsort_cases(rng: np.random.Generator) -> list[Case]:
    a, b = rng.integers(0, 3, (3, 5)), rng.uniform(-1, 1, (3, 5))
    return [
        Case((b, a), {"axis": 0}, False),
        Case((a, a[::-1], b), {"axis": 1}, False),
        Case((b,), {"axis": 1}, True, "float64"),
    ]


lexsort = index("lexsort", evaluate=lambda *keys, axis: np.lexsort(keys, axis), infer=lexsort_type,
    derivative=PIECEWISE, batch=lexsort_batch, cases=lexsort_cases,
    doc="The order that sorts by the last key, then by the one before, and so on.")  # fmt: skip


def searchsorted_type(a: Any, v: Any, *, side: str) -> Type:
    return Type(type_of(v).shape, np.dtype(np.intp))


def searchsorted_value(a: Any, v: Any, *, side: Any) -> Any:
    """`np.searchsorted` row by row for each leading axis that the sorted rows share with `v`."""
    if np.ndim(a) == 1:
        return np.searchsorted(a, v, side=side)
    lead = a.shape[:-1]
    out = np.empty(v.shape, np.intp)
    for place in np.ndindex(lead):
        out[place] = np.searchsorted(a[place], v[place], side=side)
    return out


def searchsorted_batch(
    primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict
) -> Any:
    a, v = inputs
    if not batched[0] and len(type_of(a).shape) == 1:
        return op.apply(primitive, inputs, parameters)
    whole = (in_front(a, size, batched[0]), in_front(v, size, batched[1]))
    return op.apply(primitive, whole, parameters)


def searchsorted_cases(rng: np.random.Generator) -> list[Case]:
    a, v = np.sort(rng.uniform(-2, 2, 6)), rng.uniform(-3, 3, (2, 3))
    special = np.array([np.nan, np.inf, -np.inf, a[2]])
    stack = np.sort(rng.uniform(-2, 2, (2, 5)))
    return [
        Case((a, v), {"side": "left"}),
        Case((a, v.astype(np.float32)), {"side": "right"}, False, "mixed dtypes"),
        Case((stack, v), {"side": "left"}, True, "stacks"),
        Case((a, special), {"side": "right"}, False, "special values"),
    ]


searchsorted = index("searchsorted", evaluate=searchsorted_value, infer=searchsorted_type,
    derivative=PIECEWISE, batch=searchsorted_batch, cases=searchsorted_cases,
    doc="Where values would have to be put into sorted rows to keep them sorted.")  # fmt: skip
