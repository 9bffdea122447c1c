"""NumPy's indexing in full: basic, advanced, boolean, newaxis, ellipsis, and any mixture.

Enters: a traced array and a key. Leaves: `slice`, `at`, `reshape`, `gather` and `transpose`
operations, only those that change something: one for `x[i]`, `x[i, j]`, `x[a:b]`, `x[mask]`. The
idea: slices and integers are done first; then the axes with index arrays are brought in front,
gathered, and the result's axes are put where NumPy puts them (in place if the index arrays stand
side by side, in front otherwise). A key that NumPy refuses is given to NumPy, whose error the user
gets.
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
from ..writing import Rows, element_of, pending_part, pending_row
from .register import array_like, has_traced

ZERO = np.zeros((), bool)


def getitem(x: Any, key: Any) -> Any:
    """`x[key]` for a traced array, or for a plain array under a key that holds a traced one."""
    if isinstance(x, Traced) and type(x.pending) is Rows:
        found = pending_row(x, key, getitem)
        if found is not NotImplemented:
            return found
        x.flush()
    elif isinstance(x, Traced) and x.pending is not None:
        place = element_of(x, key)
        if place is not None:
            return pending_element(x, key, place)
        found = pending_part(x, key, getitem)
        if found is not NotImplemented:
            return found
    shape = x.shape
    kind = type(key)
    if kind is int and shape:
        n = shape[0]
        if -n <= key < n:
            return op.at(x, axes=(0,), places=(key % n,))
        raise refusal(shape, key)
    entries = key if kind is tuple else (key,)
    found = basic(x, shape, entries)
    return found if found is not NotImplemented else advanced(x, shape, key, entries)


def pending_element(x: Any, key: Any, place: int) -> Any:
    """An element of an array into which elements were written that are not in its value yet."""
    found: Any = x.pending.get(place)
    if found is not None:
        return found.twin() if hasattr(found, "twin") else found
    log, x.pending = x.pending, None
    try:
        return getitem(x, key)
    finally:
        x.pending = log


def refusal(shape: tuple[int, ...], key: Any) -> Exception:
    """NumPy's own error for a key."""
    if not has_traced(key) and not (isinstance(key, tuple) and has_traced(*key)):
        try:
            np.broadcast_to(ZERO, shape)[key]
        except Exception as error:
            return error
    return IndexError(f"an index does not fit the shape {shape}")


def basic(x: Any, shape: tuple[int, ...], entries: tuple) -> Any:
    """`x[key]` for integers, slices, None and an ellipsis; NotImplemented for any other key."""
    found = ranges(shape, entries)
    if found is NotImplemented:
        return found
    starts, stops, steps, axes, places, new, sliced = found
    if new and len(axes) == len(shape):  # a view of one element
        x = op.slice(
            x,
            starts=tuple(places),
            stops=tuple([p + 1 for p in places]),
            steps=tuple([1] * len(shape)),
        )
        return op.reshape(x, shape=(1,) * len(new))
    if sliced:
        x = op.slice(x, starts=tuple(starts), stops=tuple(stops), steps=tuple(steps))
    if axes:
        x = op.at(x, axes=tuple(axes), places=tuple(places))
    if new:
        left = list(type_of(x).shape)
        for k in new:
            left.insert(k, 1)
        x = op.reshape(x, shape=tuple(left))
    return x


def ranges(shape: tuple[int, ...], entries: tuple) -> Any:
    """What a key of integers, slices, None and an ellipsis takes: starts, stops and steps, the axes
    that are left out and their places, the axes that are added, and whether anything is sliced;
    NotImplemented for any other key."""
    count = 0
    for entry in entries:
        kind = type(entry)
        if kind is int or kind is slice:
            count += 1
        elif entry is None or entry is Ellipsis:
            pass
        elif isinstance(entry, np.integer) or (isinstance(entry, int) and kind is not bool):
            count += 1
        else:
            return NotImplemented
    if count > len(shape):
        raise refusal(shape, entries)
    rank = len(shape)
    starts, stops, steps = [0] * rank, list(shape), [1] * rank
    axes: list[int] = []
    places: list[int] = []
    new: list[int] = []
    axis, sliced, seen = 0, False, False
    for entry in entries:
        if entry is None:
            new.append(axis - len(axes) + len(new))
        elif entry is Ellipsis:
            if seen:
                raise refusal(shape, entries)
            seen = True
            axis += rank - count
        elif type(entry) is slice:
            n = shape[axis]
            start, stop, step = entry.indices(n)
            if start != 0 or stop != n or step != 1:
                if not len(range(start, stop, step)):
                    start, stop, step = 0, 0, 1
                starts[axis], stops[axis], steps[axis] = start, stop, step
                sliced = True
            axis += 1
        else:
            n = shape[axis]
            place = int(entry)
            if not -n <= place < n:
                raise refusal(shape, entries)
            axes.append(axis)
            places.append(place % n)
            axis += 1
    return starts, stops, steps, axes, places, new, sliced


# ----------------------------------------------------------------------------------------- advanced


def normal(entry: Any) -> Any:
    """An entry as None, Ellipsis, a slice, an int, an index array or mask (perhaps traced)."""
    if entry is None or entry is Ellipsis or isinstance(entry, slice):
        return entry
    if isinstance(entry, (bool, np.bool_)):
        return np.asarray(entry)
    if isinstance(entry, (list, tuple)):
        found = array_like(entry)
        return found.astype(np.intp) if not isinstance(found, Traced) and found.size == 0 else found
    if isinstance(entry, Traced):
        return entry
    if isinstance(entry, np.ndarray) or hasattr(entry, "__array__"):
        return np.asarray(entry)
    try:
        return operator.index(entry)
    except TypeError:
        return np.asarray(entry)


def expand(shape: tuple[int, ...], key: Any, entries: tuple) -> list[Any]:
    """The key with masks as index arrays, 0-d masks as ("flag", mask), the ellipsis written out.

    An ellipsis that stands for no axis stays: index arrays on its two sides count as separated.
    """
    found: list[Any] = []
    consumed = 0
    for entry in entries:
        entry = normal(entry)
        if isinstance(entry, (np.ndarray, Traced)):
            t = type_of(entry)
            if t.dtype.kind == "b":
                if isinstance(entry, RecordingTensor):
                    entry = np.asarray(entry.concrete("a[mask]"))
                elif isinstance(entry, Traced):
                    raise unknown_places()
                consumed += t.ndim
            elif t.dtype.kind in "iu":
                if t.ndim == 0 and not isinstance(entry, Traced):
                    entry = int(entry)
                consumed += 1
            elif isinstance(entry, Traced):
                raise IndexError("arrays used as indices must be of integer (or boolean) type")
            else:
                raise refusal(shape, key)
        elif entry is not None and entry is not Ellipsis:
            consumed += 1
        found.append(entry)
    spots = [k for k, e in enumerate(found) if e is Ellipsis]
    if consumed > len(shape) or len(spots) > 1:
        raise refusal(shape, key)
    fill: list[Any] = [slice(None)] * (len(shape) - consumed)
    if spots:
        found[spots[0] : spots[0] + 1] = fill or [Ellipsis]
    else:
        found += fill
    out: list[Any] = []
    axis = 0
    for entry in found:
        if isinstance(entry, np.ndarray) and entry.dtype == bool:
            if entry.ndim == 0:
                out.append(("flag", entry))
                continue
            if entry.shape != shape[axis : axis + entry.ndim]:
                raise refusal(shape, key)
            out.extend(np.nonzero(entry))
            axis += entry.ndim
        else:
            out.append(entry)
            axis += entry is not None and entry is not Ellipsis
    return out


def unknown_places() -> TracingError:
    """A traced mask has no places that a graph could know."""
    return TracingError(
        message(
            "a traced boolean mask was used as an index, and the number of its True elements is "
            "not known",
            expected="a mask that is known when the function is traced",
            instead="`np.where(mask, x, 0.0)` to keep the shape",
            operation="x[mask]",
        )
    )


def advanced(x: Any, shape: tuple[int, ...], key: Any, entries: tuple) -> Any:
    """`x[key]` where the key holds index arrays, masks or traced integers."""
    expanded = expand(shape, key, entries)
    if not any(isinstance(e, (np.ndarray, Traced, tuple)) for e in expanded):
        return basic(x, shape, tuple(expanded))
    found = at_numbers(x, shape, expanded)
    if found is not None:
        return found
    starts, stops, steps = [0] * len(shape), list(shape), [1] * len(shape)
    kept: list[
        Any
    ] = []  # for each entry: "axis", "new", "gap", or an index array (a flag: a tuple)
    axis, sliced = 0, False
    for entry in expanded:
        if entry is None:
            kept.append("new")
            continue
        if entry is Ellipsis:
            kept.append("gap")
            continue
        if isinstance(entry, tuple):
            kept.append(entry)
            continue
        if isinstance(entry, slice):
            start, stop, step = entry.indices(shape[axis])
            if (start, stop, step) != (0, shape[axis], 1):
                if not len(range(start, stop, step)):
                    start, stop, step = 0, 0, 1
                starts[axis], stops[axis], steps[axis] = start, stop, step
                sliced = True
            kept.append("axis")
        else:
            kept.append(np.asarray(entry) if isinstance(entry, int) else entry)
        axis += 1
    if sliced:
        x = op.slice(x, starts=tuple(starts), stops=tuple(stops), steps=tuple(steps))
    try:
        return gather_entries(x, kept)
    except (IndexError, ValueError) as error:
        own = refusal(shape, key)
        raise (own if own.args and "does not fit" not in str(own) else error) from None


def at_numbers(x: Any, shape: tuple[int, ...], entries: list[Any]) -> Any:
    """`x[key]` for integers (traced ones) and slices, one for each axis: read at the integers, then
    sliced, so that no more is read than is asked for; None for another key."""
    for e in entries:
        is_number = isinstance(e, int) or (isinstance(e, Traced) and not e.shape)
        if not (is_number or isinstance(e, slice)):
            return None
    numbers = [k for k, e in enumerate(entries) if not isinstance(e, slice)]
    lines = [k for k in range(len(shape)) if k not in numbers]
    order = (*numbers, *lines)
    turned = op.transpose(x, axes=order) if order != tuple(range(len(shape))) else x
    places = [np.int64(entries[k]) if isinstance(entries[k], int) else entries[k] for k in numbers]
    row = op.gather(turned, *places)
    ranges = [entries[k].indices(shape[k]) for k in lines]
    if all(r == (0, shape[k], 1) for k, r in zip(lines, ranges, strict=True)):
        return row
    ranges = [r if len(range(*r)) else (0, 0, 1) for r in ranges]
    starts, stops, steps = (tuple(r) for r in zip(*ranges, strict=True))
    return op.slice(row, starts=starts, stops=stops, steps=steps)


def gather_entries(x: Any, kept: list[Any]) -> Any:
    """Advanced indexing once the slices are done: "axis", "new", "gap", index arrays and flags."""
    is_array = [not isinstance(e, str) for e in kept]
    first = is_array.index(True)
    last = len(kept) - 1 - is_array[::-1].index(True)
    together = all(is_array[first : last + 1])
    arrays, flags = [], []
    front, rest, axis = [], [], 0
    for e in kept:
        if isinstance(e, tuple):
            flags.append(e[1])
        elif isinstance(e, str):
            if e == "axis":
                rest.append(axis)
                axis += 1
        else:
            arrays.append(e)
            front.append(axis)
            axis += 1
    if flags:  # 0-d masks together add an axis of extent 1, or 0 if any is False
        arrays.append(np.zeros(int(all(flags)), np.intp))
        x = op.reshape(x, shape=(*type_of(x).shape, 1))
        front.append(axis)
    order = (*front, *rest)
    if order != tuple(range(len(order))):
        x = op.transpose(x, axes=order)
    shapes = [a.shape for a in arrays]
    lead = len(shapes[0] if len(shapes) == 1 else np.broadcast_shapes(*shapes))
    out = op.gather(x, *arrays)
    shape = type_of(out).shape
    extents = iter(shape[lead:])
    tail = [1 if e == "new" else next(extents) for e in kept if isinstance(e, str) and e != "gap"]
    final = (*shape[:lead], *tail)
    if final != shape:
        out = op.reshape(out, shape=final)
    before = sum(e != "gap" for e in kept[:first]) if together else 0
    if before and lead:
        rank = len(final)
        out = op.transpose(
            out, axes=(*range(lead, lead + before), *range(lead), *range(lead + before, rank))
        )
    return out


functions["getitem"] = getitem
functions["ranges"] = ranges
