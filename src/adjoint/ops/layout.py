"""Layout primitives: elements change places, nothing is computed. All are linear; each names its
transpose.

`slice` and `unslice` (the same places of an array of zeros) are each other's transposes, `pad` is
an `unslice`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.dtypes import WEAK, Type, result_type, type_of
from ..base.errors import ShapeError
from ..graph import op
from ..graph.primitive import Case, Linear
from .declare import in_front, layout, linear, reduced_shape


def both(rng: np.random.Generator, shape: tuple[int, ...], *parameters: dict) -> list[Case]:
    """Float64, float32, complex and integer samples for each choice of parameters."""
    x = rng.uniform(-2, 2, shape)
    cases = [Case((x,), p) for p in parameters]
    cases.append(Case((x.astype(np.float32),), parameters[0], True, "float32"))
    cases.append(Case((x + 1j * rng.uniform(-2, 2, shape),), parameters[0], True, "complex"))
    cases.append(Case((rng.integers(-9, 9, shape),), parameters[0], False, "int64"))
    return cases


def reshape_value(x: Any, *, shape: tuple[int, ...]) -> Any:
    return np.reshape(x, shape)


def reshape_type(x: Any, *, shape: tuple[int, ...]) -> Type:
    t = type_of(x)
    if Type(shape, t.dtype).size != t.size:
        raise ShapeError(f"cannot reshape {t} into {shape}")
    return Type(shape, t.dtype)


def reshape_batch(
    primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict
) -> Any:
    return op.reshape(inputs[0], shape=(size, *parameters["shape"]))


reshape = layout(
    "reshape",
    evaluate=reshape_value,
    infer=reshape_type,
    derivative=linear(lambda ct, x_type, *, shape: op.reshape(ct, shape=x_type.shape)),
    batch=reshape_batch,
    cases=lambda rng: both(
        rng, (2, 3, 4), {"shape": (6, 4)}, {"shape": (24,)}, {"shape": (4, 1, 6)}
    ),
    doc="The same elements in C order with another shape.",
)


def transpose_type(x: Any, *, axes: tuple[int, ...]) -> Type:
    t = type_of(x)
    return Type(tuple(t.shape[k] for k in axes), t.dtype)


def transpose_back(ct: Any, x_type: Any, *, axes: tuple[int, ...]) -> Any:
    return op.transpose(ct, axes=tuple(sorted(range(len(axes)), key=axes.__getitem__)))


def transpose_batch(
    primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict
) -> Any:
    return op.transpose(inputs[0], axes=(0, *[k + 1 for k in parameters["axes"]]))


transpose = layout(
    "transpose",
    evaluate=lambda x, *, axes: np.transpose(x, axes),
    infer=transpose_type,
    derivative=linear(transpose_back),
    batch=transpose_batch,
    cases=lambda rng: both(
        rng, (2, 3, 4), {"axes": (2, 0, 1)}, {"axes": (0, 2, 1)}, {"axes": (0, 1, 2)}
    ),
    doc="The axes in another order.",
)


def broadcast_type(x: Any, *, shape: tuple[int, ...]) -> Type:
    t = type_of(x)
    np.broadcast_shapes(t.shape, shape)
    return Type(shape, t.dtype)


def broadcast_back(ct: Any, x_type: Any, *, shape: tuple[int, ...]) -> Any:
    extra = len(shape) - len(x_type.shape)
    axes = (
        *range(extra),
        *[extra + k for k, n in enumerate(x_type.shape) if n == 1 and shape[extra + k] != 1],
    )
    return op.reshape(op.sum(ct, axes=axes), shape=x_type.shape)


def broadcast_batch(
    primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict
) -> Any:
    (x,), shape = inputs, parameters["shape"]
    inner = type_of(x).shape[1:]
    aligned = op.reshape(x, shape=(size, *(1,) * (len(shape) - len(inner)), *inner))
    return op.broadcast_to(aligned, shape=(size, *shape))


broadcast_to = layout(
    "broadcast_to",
    evaluate=lambda x, *, shape: np.broadcast_to(x, shape),
    infer=broadcast_type,
    derivative=linear(broadcast_back),
    batch=broadcast_batch,
    cases=lambda rng: both(
        rng, (3, 1), {"shape": (3, 4)}, {"shape": (2, 3, 1)}, {"shape": (2, 3, 5)}
    ),
    doc="The array repeated along axes of extent 1 and along new axes in front.",
)

# -------------------------------------------------------------------------------- slice and unslice


def places(starts: tuple, stops: tuple, steps: tuple) -> tuple:
    """Python's slices; a stop below 0 means "to the very beginning" under a negative step."""
    return tuple(
        slice(start, None if stop < 0 else stop, step)
        for start, stop, step in zip(starts, stops, steps, strict=True)
    )


def extents(starts: tuple, stops: tuple, steps: tuple) -> tuple[int, ...]:
    return tuple(
        len(range(start, stop, step))
        for start, stop, step in zip(starts, stops, steps, strict=True)
    )


def slice_type(x: Any, *, starts: tuple, stops: tuple, steps: tuple) -> Type:
    return Type(extents(starts, stops, steps), type_of(x).dtype)


def slice_value(x: Any, *, starts: tuple, stops: tuple, steps: tuple) -> Any:
    whole = np.asarray(x)[()] if type(x) in WEAK else x  # a Python number has no axes
    return whole[places(starts, stops, steps)]


def slice_into(
    array: np.ndarray, ct: Any, _x: Any, *, starts: tuple, stops: tuple, steps: tuple
) -> None:
    array[places(starts, stops, steps)] += ct


def slice_back(ct: Any, x_type: Any, *, starts: tuple, stops: tuple, steps: tuple) -> Any:
    return op.unslice(ct, shape=x_type.shape, starts=starts, stops=stops, steps=steps)


def slice_batch(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    moved = {
        "starts": (0, *parameters["starts"]),
        "stops": (size, *parameters["stops"]),
        "steps": (1, *parameters["steps"]),
    }
    if "shape" in parameters:
        moved["shape"] = (size, *parameters["shape"])
    return op.apply(primitive, inputs, moved)


SLICES = (
    {"starts": (0, 1), "stops": (3, 4), "steps": (1, 1)},
    {"starts": (2, 0), "stops": (-1, 5), "steps": (-1, 2)},
    {"starts": (1, 4), "stops": (1, -1), "steps": (1, -3)},
)

slice_ = layout(
    "slice",
    evaluate=slice_value,
    infer=slice_type,
    derivative=linear(slice_back, into=slice_into),
    batch=slice_batch,
    cases=lambda rng: both(rng, (3, 5), *SLICES),
    doc="A range with a step along each axis; starts and stops are clipped and not negative (a "
    "stop of -1: to the end).",
)


def unslice_value(
    x: Any, *, shape: tuple[int, ...], starts: tuple, stops: tuple, steps: tuple
) -> Any:
    out = np.zeros(shape, type_of(x).dtype)
    out[places(starts, stops, steps)] = x
    return out


def unslice_type(
    x: Any, *, shape: tuple[int, ...], starts: tuple, stops: tuple, steps: tuple
) -> Type:
    return Type(shape, type_of(x).dtype)


def unslice_back(
    ct: Any, x_type: Any, *, shape: tuple[int, ...], starts: tuple, stops: tuple, steps: tuple
) -> Any:
    return op.slice(ct, starts=starts, stops=stops, steps=steps)


unslice = layout(
    "unslice",
    evaluate=unslice_value,
    infer=unslice_type,
    derivative=linear(unslice_back),
    batch=slice_batch,
    cases=lambda rng: both(
        rng,
        (2, 3),
        {"shape": (4, 7), "starts": (1, 0), "stops": (3, 5), "steps": (1, 2)},
        {"shape": (2, 3), "starts": (1, 2), "stops": (-1, -1), "steps": (-1, -1)},
    ),
    doc="Zeros of a shape with the array at the places of a slice: the transpose of `slice`; "
    "padding with zeros.",
)


def flip_type(x: Any, *, axes: tuple[int, ...]) -> Type:
    t = type_of(x)
    return Type(t.shape, t.dtype)


def flip_batch(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    return op.flip(inputs[0], axes=tuple(k + 1 for k in parameters["axes"]))


flip = layout(
    "flip",
    evaluate=lambda x, *, axes: np.flip(x, axes),
    infer=flip_type,
    derivative=linear(lambda ct, x_type, *, axes: op.flip(ct, axes=axes)),
    batch=flip_batch,
    cases=lambda rng: both(rng, (3, 4), {"axes": (0,)}, {"axes": (0, 1)}),
    doc="The order along some axes reversed.",
)

# -------------------------------------------------------------------------------------- concatenate


def concatenate_type(*inputs: Any, axis: int) -> Type:
    types = [type_of(x) for x in inputs]
    first = types[0].shape
    for t in types[1:]:
        if reduced_shape(t.shape, (axis,)) != reduced_shape(first, (axis,)) or len(t.shape) != len(
            first
        ):
            raise ShapeError(f"cannot concatenate {', '.join(map(str, types))} along axis {axis}")
    extent = sum(t.shape[axis] for t in types)
    return Type((*first[:axis], extent, *first[axis + 1 :]), result_type(*types).dtype)


def concatenate_back(ct: Any, *inputs: Any, axis: int) -> list[Any]:
    """Every input gets its own range of the cotangent."""
    pieces, start = [], 0
    for x in inputs:
        shape = type_of(x).shape
        stop = start + shape[axis]
        starts = tuple(start if k == axis else 0 for k in range(len(shape)))
        stops = tuple(stop if k == axis else n for k, n in enumerate(shape))
        pieces.append(op.slice(ct, starts=starts, stops=stops, steps=(1,) * len(shape)))
        start = stop
    return pieces


def concatenate_batch(
    primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict
) -> Any:
    parts = [in_front(x, size, flag) for x, flag in zip(inputs, batched, strict=True)]
    return op.concatenate(*parts, axis=parameters["axis"] + 1)


def concatenate_cases(rng: np.random.Generator) -> list[Case]:
    a, b = rng.uniform(-2, 2, (2, 3)), rng.uniform(-2, 2, (2, 1))
    return [
        Case((a, b), {"axis": 1}),
        Case((a, a.astype(np.float32), a + 1j * a), {"axis": 0}, True, "mixed dtypes"),
        Case((rng.integers(0, 9, 4), rng.integers(0, 9, 2)), {"axis": 0}, False, "int64"),
    ]


concatenate = layout(
    "concatenate",
    evaluate=lambda *inputs, axis: np.concatenate(inputs, axis),
    infer=concatenate_type,
    derivative=Linear(variadic=concatenate_back),
    batch=concatenate_batch,
    cases=concatenate_cases,
    doc="Arrays joined along an axis.",
)


# -------------------------------------------------------------------------------------------- stack


def strong(t: Type) -> Type:
    """A type as NumPy sees it in a list: a Python scalar counts with its full dtype."""
    return Type(t.shape, t.dtype)


def stack_type(*inputs: Any, axis: int) -> Type:
    types = [strong(type_of(x)) for x in inputs]
    shape = types[0].shape
    for t in types:
        if t.shape != shape:
            raise ShapeError(f"cannot stack {t} with {types[0]}: the shapes differ")
    return Type(
        (*shape[:axis], len(types), *shape[axis:]), result_type(*dict.fromkeys(types)).dtype
    )


def stack_value(*inputs: Any, axis: int) -> Any:
    if axis == 0:  # one call of C for any number of scalars or rows
        return np.array(inputs)
    return np.stack(inputs, axis)


def stack_back(ct: Any, *inputs: Any, axis: int) -> list[Any]:
    """Every input gets its own place of the cotangent."""
    if type(ct) is np.ndarray:
        return list(np.moveaxis(ct, axis, 0) if axis else ct)
    return [op.at(ct, axes=(axis,), places=(k,)) for k in range(len(inputs))]


def stack_batch(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    parts = [in_front(x, size, flag) for x, flag in zip(inputs, batched, strict=True)]
    return op.stack(*parts, axis=parameters["axis"] + 1)


def stack_cases(rng: np.random.Generator) -> list[Case]:
    a, b = rng.uniform(-2, 2, (2, 3)), rng.uniform(-2, 2, (2, 3))
    return [
        Case((a, b), {"axis": 0}),
        Case((a, b, a), {"axis": 2}),
        Case((1.5, np.float32(2.0), 3), {"axis": 0}, True, "scalars"),
        Case((a, a.astype(np.float32), a + 1j * a), {"axis": 1}, True, "mixed dtypes"),
        Case((rng.integers(0, 9, 4), rng.integers(0, 9, 4)), {"axis": 1}, False, "int64"),
    ]


stack = layout(
    "stack",
    evaluate=stack_value,
    infer=stack_type,
    derivative=Linear(variadic=stack_back),
    batch=stack_batch,
    cases=stack_cases,
    doc="Arrays of one shape, or scalars, joined along a new axis.",
)

# --------------------------------------------------------------------------------------- at, put_at


def at_key(axes: tuple[int, ...], places: tuple[int, ...]) -> tuple:
    """NumPy's key: an integer at each of the (sorted) axes, everything along the others."""
    if axes[-1] == len(axes) - 1:
        return places
    key: list[Any] = [EVERYTHING] * (axes[-1] + 1)
    for axis, place in zip(axes, places, strict=True):
        key[axis] = place
    return tuple(key)


EVERYTHING = slice(None)


def at_value(x: Any, *, axes: tuple[int, ...], places: tuple[int, ...]) -> Any:
    return x[at_key(axes, places)]


def at_type(x: Any, *, axes: tuple[int, ...], places: tuple[int, ...]) -> Type:
    t = type_of(x)
    return Type(reduced_shape(t.shape, axes), t.dtype)


def at_back(ct: Any, x_type: Any, *, axes: tuple[int, ...], places: tuple[int, ...]) -> Any:
    return op.put_at(ct, shape=x_type.shape, axes=axes, places=places)


def at_into(
    array: np.ndarray, ct: Any, _x: Any, *, axes: tuple[int, ...], places: tuple[int, ...]
) -> None:
    array[at_key(axes, places)] += ct


def at_batch(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    moved = {"axes": tuple(k + 1 for k in parameters["axes"]), "places": parameters["places"]}
    if "shape" in parameters:
        moved["shape"] = (size, *parameters["shape"])
    return op.apply(primitive, inputs, moved)


at = layout(
    "at",
    evaluate=at_value,
    infer=at_type,
    derivative=linear(at_back, into=at_into),
    batch=at_batch,
    cases=lambda rng: both(
        rng,
        (3, 4, 2),
        {"axes": (0,), "places": (1,)},
        {"axes": (0, 2), "places": (2, 0)},
        {"axes": (0, 1, 2), "places": (2, 3, 1)},
    ),
    doc="The array at one place of some axes, left out then; axes sorted, places not negative.",
)


def put_at_value(
    x: Any, *, shape: tuple[int, ...], axes: tuple[int, ...], places: tuple[int, ...]
) -> Any:
    out = np.zeros(shape, type_of(x).dtype)
    out[at_key(axes, places)] = x
    return out


def put_at_type(
    x: Any, *, shape: tuple[int, ...], axes: tuple[int, ...], places: tuple[int, ...]
) -> Type:
    return Type(shape, type_of(x).dtype)


def put_at_back(
    ct: Any, x_type: Any, *, shape: tuple[int, ...], axes: tuple[int, ...], places: tuple[int, ...]
) -> Any:
    return op.at(ct, axes=axes, places=places)


put_at = layout(
    "put_at",
    evaluate=put_at_value,
    infer=put_at_type,
    derivative=linear(put_at_back),
    batch=at_batch,
    cases=lambda rng: both(
        rng,
        (3, 4),
        {"shape": (2, 3, 4), "axes": (0,), "places": (1,)},
        {"shape": (3, 2, 4, 2), "axes": (1, 3), "places": (0, 1)},
    ),
    doc="Zeros of a shape with the array at one place of some axes: the transpose of `at`.",
)

# --------------------------------------------------------------------------------------------- roll


def roll_type(x: Any, *, shifts: tuple[int, ...], axes: tuple[int, ...]) -> Type:
    return strong(type_of(x))


def roll_back(ct: Any, x_type: Any, *, shifts: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    return op.roll(ct, shifts=tuple(-s for s in shifts), axes=axes)


def roll_batch(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    return op.roll(
        inputs[0], shifts=parameters["shifts"], axes=tuple(k + 1 for k in parameters["axes"])
    )


def roll_value(x: Any, *, shifts: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    for shift, axis in zip(shifts, axes, strict=True):
        n = x.shape[axis]
        cut = -shift % n if n else 0
        before = (EVERYTHING,) * axis
        x = np.concatenate((x[(*before, slice(cut, n))], x[(*before, slice(0, cut))]), axis)
    return x


roll = layout(
    "roll",
    evaluate=roll_value,
    infer=roll_type,
    derivative=linear(roll_back),
    batch=roll_batch,
    cases=lambda rng: both(
        rng, (3, 4), {"shifts": (1,), "axes": (0,)}, {"shifts": (-6, 2), "axes": (1, 0)}
    ),
    doc="The elements moved along axes; what leaves at one end comes in at the other.",
)
