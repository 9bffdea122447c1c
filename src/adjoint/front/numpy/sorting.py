"""Sorting, searching and sets.

Enters: a traced array.  Leaves: its elements in another order or a choice of them, taken by
`gather`, so that derivatives flow to the elements that were chosen; orders and places are
piecewise constant.  Where the size of a result depends on values (`nonzero`, `unique`), the values
must be known when the function is traced: under `jit` and `vmap` that is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...base.errors import TracingError, message
from ...graph import op
from ...ops.index import take_along
from ..context import context
from ..operands import functions, has_traced
from ..trace import RecordingTensor, all_outside, as_arrays
from .elementwise import astype, is_known, known, places_of, still
from .register import array_like, implements, one_axis

# ------------------------------------------------------------------------------------------ sorting


def lined(a: Any, axis: Any) -> tuple[Any, int]:
    """The array and the axis to sort along; flattened for None."""
    a = array_like(a)
    t = type_of(a)
    if axis is None:
        return op.reshape(a, shape=(t.size,)), 0
    return a, one_axis(axis, t.ndim)


def sort_kind(kind: Any, stable: Any, order: Any) -> str:
    """The algorithm, which decides how equal elements are ordered."""
    np.sort(NOTHING, kind=kind, order=order, stable=stable)  # NumPy's own checks
    if stable:
        return "stable"
    return {None: "quicksort", "mergesort": "stable"}.get(kind, kind)


NOTHING = np.zeros(0)


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    sort_kind(kind, stable, order)
    a, k = lined(a, axis)
    return op.sort(a, axis=k)


@implements(np.argsort)
def argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    chosen = sort_kind(kind, stable, order)
    a, k = lined(a, axis)
    return op.argsort(a, axis=k, kind=chosen)


@implements(np.sort_complex)
def sort_complex(a: Any) -> Any:
    found = sort(a)
    dtype = type_of(found).dtype
    if dtype.kind == "c":
        return found
    return astype(found, {"b": "F", "h": "F", "B": "F", "H": "F", "g": "G"}.get(dtype.char, "D"))


@implements(np.lexsort)
def lexsort(keys: Any, axis: Any = -1) -> Any:
    rows = list(keys) if isinstance(keys, (list, tuple)) else [keys[i] for i in range(len(keys))]
    rows = [array_like(k) for k in rows]
    return op.lexsort(*rows, axis=one_axis(axis, type_of(rows[0]).ndim))


def ranks(kth: Any, extent: int) -> tuple[int, ...]:
    """The `kth` of a partition as non-negative numbers."""
    found = [int(k) for k in (kth if np.ndim(kth) else [kth])]
    for k in found:
        if not -extent <= k < extent:
            raise ValueError(f"kth(={k}) out of bounds ({extent})")
    return tuple(k % extent for k in found)


@implements(np.argpartition)
def argpartition(
    a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Any:
    np.argpartition(np.zeros(1), 0, kind=kind, order=order)  # NumPy's own checks
    a, k = lined(a, axis)
    return op.argpartition(a, axis=k, kth=ranks(kth, type_of(a).shape[k]))


@implements(np.partition)
def partition(
    a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Any:
    a, k = lined(a, axis)
    return take_along(a, argpartition(a, kth, k, kind, order), k)


# ---------------------------------------------------------------------------------------- searching


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    a, v = still(array_like(a)), still(array_like(v))
    if sorter is not None:
        a = op.gather(a, array_like(sorter))
    if type_of(a).ndim != 1:
        raise ValueError("object too deep for desired array")
    if side not in ("left", "right"):
        raise ValueError(f"search side must be 'left' or 'right' (got {side!r})")
    return op.searchsorted(a, v, side=side)


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    x, bins = still(array_like(x)), still(array_like(bins))
    steps = np.diff(known(bins, "np.digitize"))
    side = "left" if right else "right"
    if np.all(steps >= 0):
        return searchsorted(bins, x, side)
    if np.all(steps <= 0):
        return type_of(bins).shape[0] - searchsorted(op.flip(bins, axes=(0,)), x, side)
    raise ValueError("bins must be monotonically increasing or decreasing")


@implements(np.nonzero)
def nonzero(a: Any) -> tuple:
    return np.nonzero(places_of(array_like(a), "np.nonzero"))


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    return np.flatnonzero(places_of(array_like(a), "np.flatnonzero"))


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    return np.argwhere(places_of(array_like(a), "np.argwhere"))


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    places = np.flatnonzero(places_of(array_like(condition), "np.extract"))
    arr = array_like(arr)
    return op.gather(op.reshape(arr, shape=(type_of(arr).size,)), places)


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    mask = places_of(array_like(condition), "np.compress")
    if mask.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    a, k = lined(a, axis)
    return take_rows(a, np.flatnonzero(mask), k)


def take_rows(a: Any, places: np.ndarray, axis: int) -> Any:
    """Whole slices along an axis."""
    extent = type_of(a).shape[axis]
    if places.size and places.max() >= extent:
        raise IndexError(
            f"index {places.max()} is out of bounds for axis {axis} with size {extent}"
        )
    if axis == 0:
        return op.gather(a, places)
    rank = type_of(a).ndim
    order = (axis, *[i for i in range(rank) if i != axis])
    back = tuple(int(i) for i in np.argsort(order))
    return op.transpose(op.gather(op.transpose(a, axes=order), places), axes=back)


# --------------------------------------------------------------------------------------------- sets


@implements(np.unique)
def unique(ar: Any, return_index: bool = False, return_inverse: bool = False,
           return_counts: bool = False, axis: Any = None, *, equal_nan: bool = True,
           sorted: bool = True) -> Any:  # fmt: skip
    ar = array_like(ar)
    a, k = lined(ar, axis)
    if axis is None and not is_known(ar) and isinstance(ar, RecordingTensor):
        first, inverse, counts = by_order(still(a), equal_nan)
        found = [op.gather(a, first)]
    else:
        _, first, inverse, counts = np.unique(
            known(ar, "np.unique"), True, True, True, axis, equal_nan=equal_nan
        )
        found = [take_rows(a, first, k)]
    if axis is None:
        inverse = op.reshape(inverse, shape=type_of(ar).shape)
    chosen = ((return_index, first), (return_inverse, inverse), (return_counts, counts))
    found += [extra for wanted, extra in chosen if wanted]
    return found[0] if len(found) == 1 else tuple(found)


def by_order(a: Any, equal_nan: bool) -> tuple[Any, Any, Any]:
    """For each different value where it is first; for each element which of them it is; and how
    often each is there: all as operations.  What becomes part of the program is only which of the
    sorted elements are equal to the one before."""
    order = functions[np.argsort](a, kind="stable")
    values = op.gather(a, order)
    differs = values[1:] != values[:-1]
    if equal_nan and type_of(a).dtype.kind in "fc":
        one_is_number = op.logical_or(values[1:] == values[1:], values[:-1] == values[:-1])
        differs = op.logical_and(differs, one_is_number)
    starts = np.concatenate([[0], 1 + np.flatnonzero(known(differs, "np.unique"))])
    n = type_of(a).shape[0]
    counts = np.diff(np.append(starts, n))
    which = np.repeat(np.arange(len(starts)), counts)
    inverse = op.gather(which, functions[np.argsort](order, kind="stable"))
    return op.gather(order, starts), inverse, counts


def named(function: Callable, **options: Any) -> Callable:
    """The array API's forms of `unique`, which give named tuples."""
    kind = type(function(np.zeros(1)))

    def call(x: Any, /) -> Any:
        return kind(*unique(x, equal_nan=False, **options))

    return call


EVERYTHING = {"return_index": True, "return_inverse": True, "return_counts": True}
implements(np.unique_all)(named(np.unique_all, **EVERYTHING))
implements(np.unique_counts)(named(np.unique_counts, return_counts=True))
implements(np.unique_inverse)(named(np.unique_inverse, return_inverse=True))


@implements(np.unique_values)
def unique_values(x: Any, /) -> Any:
    a, k = lined(x, None)
    plain = known(a, "np.unique_values")
    return op.gather(a, located(np.unique_values(plain), plain))


def located(values: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """For each value the first place in the pool that holds it."""
    order = np.argsort(pool, kind="stable")
    ordered = pool[order]
    places = np.searchsorted(ordered, values)
    missing = np.isnan(values) if values.dtype.kind in "fc" else np.zeros(values.shape, bool)
    if missing.any():  # NaNs stand at the end, each for itself
        total = int(np.isnan(pool).sum())
        places[missing] = pool.size - total + np.arange(missing.sum()) % total
    return order[places]


def of_both(function: Callable) -> Callable:
    """A function of two sets whose result holds elements of them."""

    def call(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
        a, b = lined(ar1, None)[0], lined(ar2, None)[0]
        name = f"np.{function.__name__}"
        plain = known(a, name), known(b, name)
        values = function(*plain) if function is np.union1d else function(*plain, assume_unique)
        both = op.concatenate(a, b, axis=0)
        pool = np.concatenate(plain)
        return op.gather(both, located(np.asarray(values), pool))

    return call


implements(np.union1d)(lambda ar1, ar2: of_both(np.union1d)(ar1, ar2))
implements(np.setxor1d)(of_both(np.setxor1d))


@implements(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    a = lined(ar1, None)[0]
    plain = known(a, "np.setdiff1d")
    values = np.setdiff1d(plain, known(array_like(ar2), "np.setdiff1d"), assume_unique)
    return op.gather(a, located(values, plain))


@implements(np.intersect1d)
def intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    a, b = lined(ar1, None)[0], lined(ar2, None)[0]
    name = "np.intersect1d"
    _, first, second = np.intersect1d(
        known(a, name), known(b, name), assume_unique, return_indices=True
    )
    dtype = np.result_type(type_of(a).dtype, type_of(b).dtype)
    found = astype(op.gather(a, first), dtype)
    return (found, first, second) if return_indices else found


@implements(np.isin)
def isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *,
         kind: Any = None) -> Any:  # fmt: skip
    x, tests = still(array_like(element)), still(array_like(test_elements))
    if is_known(x) and is_known(tests):
        return np.isin(known(x, "np.isin"), known(tests, "np.isin"), assume_unique, invert)
    t = type_of(x)
    column = op.reshape(x, shape=(*t.shape, 1))
    equal = op.equal(column, op.reshape(tests, shape=(type_of(tests).size,)))
    found = op.any(equal, axes=(t.ndim,))
    return op.logical_not(found) if invert else found


if hasattr(np, "in1d"):  # until NumPy 2.4

    @implements(np.in1d)
    def in1d(ar1: Any, ar2: Any, assume_unique: bool = False, invert: bool = False, *,
             kind: Any = None) -> Any:  # fmt: skip
        return isin(lined(ar1, None)[0], ar2, assume_unique, invert, kind=kind)


# ----------------------------------------------------------------------------------------- counting


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    places = known(array_like(x), "np.bincount")
    if weights is None:
        return np.bincount(places, minlength=minlength)
    counts = np.bincount(places, minlength=minlength)  # NumPy's own checks
    weights = array_like(weights)
    if type_of(weights).shape != places.shape:
        raise ValueError("The weights and list don't have the same length.")
    return op.scatter_add(astype(weights, float), places, shape=counts.shape)


@implements(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """Sums of traced weights over bins of plain values."""
    if has_traced(a, bins, range) and (context.program or not all_outside((a, bins, range))):
        refuse_counting(np.histogram)(a)
    bins, range = as_arrays(bins), as_arrays(range)
    plain, weights = np.asarray(as_arrays(a)).reshape(-1), array_like(weights)
    t = type_of(weights)
    if t.shape != np.shape(a):
        raise ValueError("weights should have the same shape as a.")
    edges = np.histogram_bin_edges(plain, bins, range)
    count = len(edges) - 1
    places = np.searchsorted(edges, plain, "right") - 1
    places[plain == edges[-1]] = count - 1
    inside = np.flatnonzero((places >= 0) & (places < count))
    wide = astype(weights, np.result_type(t.dtype, float))  # NumPy adds them like that
    parts = op.gather(op.reshape(wide, shape=(t.size,)), inside)
    found = astype(op.scatter_add(parts, places[inside], shape=(count,)), t.dtype)
    if density:
        found = op.div(op.div(found, np.diff(edges)), op.sum(found, axes=(0,)))
    return found, edges


def refuse_counting(function: Callable) -> Callable:
    """Histograms of traced values: their counts are piecewise constant."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise TracingError(
            message(
                f"np.{function.__name__} was asked of traced values, and its counts are piecewise "
                "constant: their derivative is zero wherever it exists",
                expected="plain values, or a smooth estimate",
                instead="`ad.stop_gradient(x)` for a histogram that counts as a constant, "
                "`np.bincount(places, weights)` for derivatives in the weights, or a sum of "
                "kernels `np.exp(-((x[:, None] - centers) / width)**2).sum(0)`",
                operation=f"np.{function.__name__}",
            )
        )

    return refuse


for counting in (np.histogram2d, np.histogramdd, np.histogram_bin_edges):
    implements(counting)(refuse_counting(counting))
