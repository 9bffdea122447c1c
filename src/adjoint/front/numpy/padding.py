"""`np.pad`: every mode that NumPy has.

Enters: a traced array (or traced constants) and widths. Leaves: an `unslice` for zeros, a few
slices joined for modes that repeat elements, and for the others one axis after another, as NumPy
does it: a later axis sees what was put beside the earlier ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...base.errors import TracingError, message
from ...graph import op
from ...graph.op import Traced
from ..operands import functions, has_traced
from .layout import broadcast_to, joined, picked, section
from .rearranging import flip
from .register import array_like, implements

OPTIONS = {
    "empty": (),
    "edge": (),
    "wrap": (),
    "constant": ("constant_values",),
    "linear_ramp": ("end_values",),
    "maximum": ("stat_length",),
    "mean": ("stat_length",),
    "median": ("stat_length",),
    "minimum": ("stat_length",),
    "reflect": ("reflect_type",),
    "symmetric": ("reflect_type",),
}
STATISTICS = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}


def integer_pairs(value: Any, rank: int, name: str) -> list[tuple[int, int]]:
    """(before, after) for each axis, from a number, a pair, a list of pairs or a dict of axes."""
    if type(value) is int and value >= 0:
        return [(value, value)] * rank
    if isinstance(value, dict):
        pairs = [(0, 0)] * rank
        for axis, width in value.items():
            pairs[axis] = (width, width) if isinstance(width, int) else width
        value = pairs
    widths = np.asarray(value)
    if widths.dtype.kind not in "iu":
        raise TypeError(f"`{name}` must be of integral type.")
    if (widths < 0).any():
        raise ValueError("index can't contain negative values")
    return [(int(a), int(b)) for a, b in np.broadcast_to(widths, (rank, 2))]


def value_pairs(values: Any, rank: int, dtype: np.dtype) -> list[tuple[Any, Any]]:
    """The numbers before and after for each axis, perhaps traced, in the array's dtype."""
    values = array_like(values)
    if isinstance(values, Traced):
        values = functions["astype"](broadcast_to(values, (rank, 2)), dtype)
        return [
            tuple([op.at(values, axes=(0, 1), places=(k, i)) for i in (0, 1)]) for k in range(rank)
        ]
    table = np.broadcast_to(np.asarray(values), (rank, 2)).astype(dtype)
    return [(a, b) for a, b in table]


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    array = array_like(array)
    t = type_of(array)
    widths = integer_pairs(pad_width, len(t.shape), "pad_width")
    if callable(mode) or mode == "empty":
        raise TracingError(
            message(
                "np.pad got a function as mode=, which would write into a traced array"
                if callable(mode)
                else 'np.pad got mode="empty", which would give numbers that nobody wrote',
                expected="one of the other modes",
                instead="`np.pad(x, width)` for zeros, or `np.concatenate([...])`",
                operation="np.pad",
            )
        )
    if mode not in OPTIONS:
        raise ValueError(f"mode '{mode}' is not supported")
    unknown = set(options) - set(OPTIONS[mode])
    if unknown:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {unknown}")
    if mode != "constant":
        for axis, pair in enumerate(widths):
            if t.shape[axis] == 0 and any(pair):
                raise ValueError(
                    f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'"
                )
    if mode == "constant":
        return constants(array, widths, options.get("constant_values", 0))
    odd = options.get("reflect_type", "even") == "odd"
    if mode in ("edge", "wrap") or (mode in ("reflect", "symmetric") and not odd):
        return repeated(array, widths, mode)
    lengths: list[Any] = [(None, None)] * len(widths)
    ends: list[Any] = lengths
    if options.get("stat_length") is not None:
        lengths = integer_pairs(options["stat_length"], len(widths), "stat_length")
    if mode == "linear_ramp":
        ends = value_pairs(options.get("end_values", 0), len(widths), t.dtype)
    for axis, (before, after) in enumerate(widths):
        if odd:
            array = reflected_oddly(array, axis, before, after, mode == "symmetric")
            continue
        if mode == "linear_ramp":
            sides = ramps(array, axis, before, after, ends[axis])
        else:
            sides = statistics(
                array, axis, before, after, lengths[axis], functions[STATISTICS[mode]]
            )
        array = beside(array, axis, sides)
    return array


def beside(array: Any, axis: int, sides: tuple[Any, Any]) -> Any:
    """Something put before and after an array (None: nothing)."""
    before, after = sides
    return joined([x for x in (before, array, after) if x is not None], axis)


def widened(shape: tuple[int, ...], axis: int, width: int) -> tuple[int, ...]:
    """A shape with another extent along an axis."""
    return (*shape[:axis], width, *shape[axis + 1 :])


def constants(array: Any, widths: list[tuple[int, int]], values: Any) -> Any:
    """Numbers beside the array; zeros are one `unslice`."""
    t = type_of(array)
    if (type(values) is int and values == 0) or not (has_traced(values) or np.any(values)):
        if not any(a or b for a, b in widths):
            return array
        return op.unslice(
            array,
            shape=tuple([a + n + b for n, (a, b) in zip(t.shape, widths, strict=True)]),
            starts=tuple([a for a, _ in widths]),
            stops=tuple([a + n for n, (a, _) in zip(t.shape, widths, strict=True)]),
            steps=(1,) * len(widths),
        )
    for axis, (pair, numbers) in enumerate(
        zip(widths, value_pairs(values, len(widths), t.dtype), strict=True)
    ):
        shape = type_of(array).shape
        sides = [
            op.broadcast_to(number, shape=widened(shape, axis, width)) if width else None
            for width, number in zip(pair, numbers, strict=True)
        ]
        array = beside(array, axis, (sides[0], sides[1]))
    return array


def repeated(array: Any, widths: list[tuple[int, int]], mode: str) -> Any:
    """Modes that copy elements: NumPy pads the places, and the elements follow."""
    for axis, pair in enumerate(widths):
        if any(pair):
            places = np.arange(type_of(array).shape[axis])
            array = picked(array, np.pad(places, pair, mode=mode), axis)  # type: ignore[call-overload]
    return array


def ramps(array: Any, axis: int, before: int, after: int, ends: tuple[Any, Any]) -> tuple[Any, Any]:
    """Straight lines from the end values to the edges."""
    t = type_of(array)
    sides: list[Any] = []
    for width, end, place in ((before, ends[0], 0), (after, ends[1], t.shape[axis] - 1)):
        if not width:
            sides.append(None)
            continue
        edge = op.at(array, axes=(axis,), places=(place,))
        ramp = functions[np.linspace](
            end, edge, num=width, endpoint=False, dtype=t.dtype, axis=axis
        )
        sides.append(flip(ramp, axis) if place or len(sides) else ramp)
    return sides[0], sides[1]


def statistics(
    array: Any, axis: int, before: int, after: int, lengths: tuple[Any, Any], statistic: Callable
) -> tuple[Any, Any]:
    """The maximum, mean, ... of the elements next to each edge."""
    t = type_of(array)
    n = t.shape[axis]
    limits = [n if length is None else min(length, n) for length in lengths]
    if 0 in limits and statistic in (functions[np.max], functions[np.min]):
        raise ValueError("stat_length of 0 yields no value for padding")
    parts = [slice(0, limits[0]), slice(n - limits[1], n)]
    sides: list[Any] = []
    found: dict[int, Any] = {}
    for width, length, part in zip((before, after), limits, parts, strict=True):
        if not width:
            sides.append(None)
            continue
        value = found.get(n) if length == n else None
        if value is None:
            value = statistic(section(array, axis, part), axis=axis, keepdims=True)
            if t.dtype.kind in "iu":
                value = functions["astype"](op.rint(value), t.dtype)
            found[length] = value
        sides.append(op.broadcast_to(value, shape=widened(t.shape, axis, width)))
    return sides[0], sides[1]


def reflected_oddly(array: Any, axis: int, before: int, after: int, include_edge: bool) -> Any:
    """Reflection in the edge's own value: `2*edge - element`, as often as the width needs."""
    period = type_of(array).shape[axis]
    if period == 1:
        return picked(array, np.pad(np.arange(1), (before, after), mode="edge"), axis)
    while before or after:
        n = type_of(array).shape[axis]
        if include_edge:
            most, skip = n // period * period, 0
        else:
            most, skip = (n - 1) // (period - 1) * (period - 1), 1
        sides: list[Any] = [None, None]
        left, right = min(most, before), min(most, after)
        if left:
            part = flip(section(array, axis, slice(skip, skip + left)), axis)
            sides[0] = 2 * section(array, axis, slice(0, 1)) - part
        if right:
            # NumPy puts the left part in its place first: the right part may reach into it.
            whole = array if sides[0] is None else joined([sides[0], array], axis)
            m = type_of(whole).shape[axis]
            part = flip(section(whole, axis, slice(m - skip - right, m - skip)), axis)
            sides[1] = 2 * section(whole, axis, slice(m - 1, m)) - part
        array = beside(array, axis, (sides[0], sides[1]))
        before, after = before - left, after - right
    return array
