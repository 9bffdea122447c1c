"""Write primitives: an array with other values at some of its places.

`set_slice(x, v)` is x with v at a range with a step along each axis; `scatter_set(x, v, i1, ..)` is
x with `x[i1, ..] = v` done, the last value where a place comes twice.  Both are linear in x and v:
the cotangent of x is cleared at those places, that of v is read there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.dtypes import Type, type_of
from ..graph import op
from ..graph.primitive import Case, Linear
from .declare import in_front, index, layout
from .index import aligned_indices, rows
from .layout import SLICES, extents, places

# ---------------------------------------------------------------------------------------- set_slice


def set_slice_value(x: Any, v: Any, *, starts: tuple, stops: tuple, steps: tuple) -> Any:
    out = np.array(x)
    out[places(starts, stops, steps)] = v
    return out


def written_type(x: Any, v: Any, *indices: Any, **ranges: Any) -> Type:
    t = type_of(x)
    return Type(t.shape, t.dtype)


def cleared_slice(ct: Any, x_type: Any, v_type: Any, **ranges: Any) -> Any:
    return op.set_slice(ct, np.zeros(v_type.shape, type_of(ct).dtype), **ranges)


def slice_of_cotangent(ct: Any, x_type: Any, v_type: Any, **ranges: Any) -> Any:
    return op.slice(ct, **ranges)


def set_slice_batch(
    primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict
) -> Any:
    x, v = [in_front(a, size, flag) for a, flag in zip(inputs, batched, strict=True)]
    return op.set_slice(
        x,
        v,
        starts=(0, *parameters["starts"]),
        stops=(size, *parameters["stops"]),
        steps=(1, *parameters["steps"]),
    )


def set_slice_cases(rng: np.random.Generator) -> list[Case]:
    x = rng.uniform(-2, 2, (3, 5))
    ranges = [
        *SLICES,
        {"starts": (0, 0), "stops": (3, 5), "steps": (2, 3)},
        {"starts": (1, 3), "stops": (2, 4), "steps": (1, 1)},
    ]
    cases = [Case((x, rng.uniform(-2, 2, extents(**r))), r) for r in ranges]
    first, v = ranges[0], cases[0].inputs[1]
    cases.append(Case((x.astype(np.float32), v.astype(np.float32)), first, True, "float32"))
    cases.append(Case((x + 1j * x, v - 1j * v), first, True, "complex"))
    integers = rng.integers(-9, 9, (3, 5)), rng.integers(-9, 9, v.shape)
    cases.append(Case(integers, first, False, "int64"))
    return cases


set_slice = layout(
    "set_slice",
    evaluate=set_slice_value,
    infer=written_type,
    derivative=Linear((cleared_slice, slice_of_cotangent)),
    batch=set_slice_batch,
    cases=set_slice_cases,
    doc="The first array with the second one, of its dtype, at the places of a slice.",
)

# -------------------------------------------------------------------------------------- scatter_set


def scatter_set_value(x: Any, v: Any, *indices: Any) -> Any:
    out = np.array(x)
    out[indices] = v
    return out


def cleared_places(ct: Any, x_type: Any, v_type: Any, *indices: Any) -> Any:
    return op.scatter_set(ct, np.zeros(v_type.shape, type_of(ct).dtype), *indices)


def places_of_cotangent(ct: Any, x_type: Any, v_type: Any, *indices: Any) -> Any:
    found = op.gather(ct, *indices)
    stays = last_ones(x_type.shape, indices)
    if stays is None:
        return found
    rank = len(type_of(found).shape)
    shape = type_of(stays).shape
    stays = op.reshape(stays, shape=(*shape, *(1,) * (rank - len(shape))))
    return op.select(stays, found, np.zeros((), type_of(found).dtype))


def last_ones(shape: tuple[int, ...], indices: tuple) -> Any:
    """Which values of a write stay, for no later one goes to the same place; None: all of them."""
    lead = np.broadcast_shapes(*[type_of(i).shape for i in indices])
    count = int(np.prod(lead))
    if count < 2:
        return None
    number = np.arange(count).reshape(lead)
    who = np.zeros(shape[: len(indices)], np.intp)
    stays = op.equal(op.gather(op.scatter_set(who, number, *indices), *indices), number)
    return None if isinstance(stays, np.ndarray) and stays.all() else stays


def scatter_set_batch(
    primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict
) -> Any:
    (x, v, *indices), flags = inputs, batched[2:]
    x, v = in_front(x, size, batched[0]), in_front(v, size, batched[1])
    aligned = aligned_indices(size, tuple(indices), flags)
    return op.scatter_set(x, v, rows(size, len(type_of(aligned[0]).shape) - 1), *aligned)


def scatter_set_cases(rng: np.random.Generator) -> list[Case]:
    x = rng.uniform(-2, 2, (3, 4, 2))
    places_, columns = np.array([[0, 2], [1, -1]]), np.array([3, 0])
    rows_of_v = rng.uniform(-2, 2, (2, 2, 4, 2))
    pairs = rng.uniform(-2, 2, (2, 2, 2))
    return [
        Case((x, rows_of_v, places_), {}, True, "twice the same place"),
        Case((x, pairs, places_, columns), {}, True, "two indices"),
        Case((x, x[1], np.array(1)), {}, True, "one place"),
        Case((x.astype(np.float32), rows_of_v.astype(np.float32), places_), {}, True, "float32"),
        Case((rng.integers(0, 9, 4), rng.integers(0, 9, 2), columns), {}, False, "int64"),
    ]


scatter_set = index(
    "scatter_set",
    evaluate=scatter_set_value,
    infer=written_type,
    derivative=Linear((cleared_places, places_of_cotangent)),
    batch=scatter_set_batch,
    cases=scatter_set_cases,
    doc="The first array with values, of its dtype, at index arrays for the first axes.",
)
