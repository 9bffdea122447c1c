"""Order statistics, weighted means, covariances.

Enters: traced samples, and traced levels or weights.  Leaves: sums, or elements chosen by rank.  A
quantile is a linear interpolation between two elements: its derivative goes to these two, and by
their difference to the level `q`; methods that choose one element have derivative 0 in `q`.
Hyndman and Fan, *Sample quantiles in statistical packages* (1996).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...base.dtypes import is_inexact, type_of
from ...graph import op
from ..trace import Tensor
from .elementwise import NoValue, as_inexact, astype, is_known
from .reductions import count_over, kept, known_value, mean, warn
from .register import all_axes, array_like, implements, refuse_options

# ------------------------------------------------------------------------------------------ helpers


def rows_of(a: Any, axis: Any) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """The array as rows over the axes (rows, extent), its shape, the axes."""
    t = type_of(a)
    axes = all_axes(axis, t.ndim)
    rest = tuple(k for k in range(t.ndim) if k not in axes)
    count = count_over(t.shape, axes)
    if rest + axes != tuple(range(t.ndim)):
        a = op.transpose(a, axes=rest + axes)
    lines = 1
    for k in rest:
        lines *= t.shape[k]
    return op.reshape(a, shape=(lines, count)), t.shape, axes


def put_back(found: Any, lead: tuple, shape: tuple, axes: tuple, keepdims: Any) -> Any:
    """Results (lead..., rows) with the axes that were not reduced."""
    if keepdims and keepdims is not NoValue:
        rest = tuple(1 if k in axes else n for k, n in enumerate(shape))
    else:
        rest = tuple(n for k, n in enumerate(shape) if k not in axes)
    if type_of(found).shape == (*lead, *rest):
        return found
    if not (*lead, *rest):
        return op.gather(op.reshape(found, shape=(1,)), np.array(0))
    return op.reshape(found, shape=(*lead, *rest))


def ranked(rows: Any, ranks: Any) -> Callable[[Any], Any]:
    """A function that takes the elements of given ranks, (lead..., rows or 1), of every row.

    Plain ranks need a partition only, traced ones a whole sort; NaNs stand at the end of a row.
    """
    lines, extent = type_of(rows).shape
    if isinstance(ranks, Tensor):
        order = op.argsort(rows, axis=1, kind="stable")
    else:
        wanted = tuple(int(k) for k in np.unique(np.append(ranks, extent - 1)))
        order = op.argpartition(rows, axis=1, kth=wanted)
    flat = op.reshape(rows, shape=(lines * extent,))
    starts = np.arange(lines) * extent
    places = op.reshape(order + starts[:, None], shape=(lines * extent,))

    def take(rank: Any) -> Any:
        return op.gather(flat, op.gather(places, rank + starts))

    return take


def nan_checked(found: Any, last: Any) -> Any:
    """NaN where the greatest element of a row is NaN."""
    if not is_inexact(type_of(last).dtype):
        return found
    bad = op.isnan(last)
    if is_known(bad) and not np.any(known_value(bad)):
        return found
    return op.select(bad, last, found)


# ----------------------------------------------------------------------------------------- medians


@implements(np.median)
def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
           keepdims: Any = False) -> Any:  # fmt: skip
    rows, shape, axes = rows_of(array_like(a), axis)
    lines, extent = type_of(rows).shape
    if not extent:
        return mean(a, axis, keepdims=keepdims)
    ranks = [(extent - 1) // 2, extent // 2]
    take = ranked(rows, np.array(ranks))
    if extent % 2:
        found = as_inexact(take(ranks[1]))
    else:
        found = (take(ranks[0]) + take(ranks[1])) / 2
    return put_back(nan_checked(found, take(extent - 1)), (), shape, axes, keepdims)


@implements(np.nanmedian)
def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
              keepdims: Any = NoValue) -> Any:  # fmt: skip
    a = array_like(a)
    if not is_inexact(type_of(a).dtype) or not type_of(a).size:
        return median(a, axis, None, False, keepdims)
    rows, shape, axes = rows_of(a, axis)
    count = op.sum(op.logical_not(op.isnan(rows)), axes=(1,))
    if is_known(count) and not np.all(known_value(count)):
        warn("All-NaN slice encountered")
    low = op.floor_divide(op.maximum(count - 1, 0), 2)
    high = op.minimum(op.floor_divide(count, 2), type_of(rows).shape[1] - 1)
    take = ranked(rows, np.concatenate([low, high]) if is_known(count) else low)
    return put_back((take(low) + take(high)) / 2, (), shape, axes, keepdims)


# --------------------------------------------------------------------------------------- quantiles


def virtual(alpha: float, beta: float) -> Callable:
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


def same(gamma: Any, index: Any) -> Any:
    return gamma


def stepped(condition: Callable, shift: float) -> Callable:
    """A method that chooses one element: the next one, or the one before where `condition`."""

    def rank(n: Any, q: Any) -> Any:
        index = n * q - 1 - shift
        before = op.floor(index)
        return op.maximum(op.select(condition(index - before, before), before, before + 1), 0)

    return rank


# method: (the place between the ranks, how it weights the next element; None: a rank by itself)
CONTINUOUS: dict[str, tuple[Callable, Callable | None]] = {
    "linear": (lambda n, q: (n - 1) * q, same),
    "interpolated_inverted_cdf": (virtual(0, 1), same),
    "hazen": (virtual(0.5, 0.5), same),
    "weibull": (virtual(0, 0), same),
    "median_unbiased": (virtual(1 / 3.0, 1 / 3.0), same),
    "normal_unbiased": (virtual(3 / 8.0, 3 / 8.0), same),
    "averaged_inverted_cdf": (
        lambda n, q: n * q - 1,
        lambda gamma, index: op.select(op.equal(gamma, 0), 0.5, 1.0),
    ),
    "midpoint": (
        lambda n, q: 0.5 * (op.floor((n - 1) * q) + op.ceil((n - 1) * q)),
        lambda gamma, index: op.select(op.equal(op.remainder(index, 1), 0), 0.0, 0.5),
    ),
    "lower": (lambda n, q: op.floor((n - 1) * q), None),
    "higher": (lambda n, q: op.ceil((n - 1) * q), None),
    "nearest": (lambda n, q: op.rint((n - 1) * q), None),
    "inverted_cdf": (stepped(lambda gamma, before: op.equal(gamma, 0), 0.0), None),
    "closest_observation": (
        stepped(
            lambda gamma, before: op.logical_and(
                op.equal(gamma, 0), op.equal(op.remainder(before, 2), 1)
            ),
            0.5,
        ),
        None,
    ),
}


def quantiles(
    a: Any, q: Any, weak: bool, axis: Any, method: str, keepdims: Any, skip_nan: bool
) -> Any:
    """Quantiles over axes; with `skip_nan` the NaNs of a row do not count."""
    if method not in CONTINUOUS:
        raise ValueError(f"{method!r} is not a valid method. Use one of: {CONTINUOUS.keys()}")
    a = array_like(a)
    if type_of(a).dtype.kind == "c":
        raise TypeError("a must be an array of real numbers")
    rows, shape, axes = rows_of(a, axis)
    extent, lead = type_of(rows).shape[1], type_of(q).shape
    if len(lead) > 2 or (skip_nan and len(lead) > 1):
        raise ValueError("q must be a scalar or 1d")
    column = op.reshape(q, shape=(*lead, 1))
    count: Any = extent
    if skip_nan and is_inexact(type_of(a).dtype):
        count = op.sum(op.logical_not(op.isnan(rows)), axes=(1,))
        if is_known(count) and not np.all(known_value(count)):
            warn("All-NaN slice encountered")
        if is_inexact(type_of(q).dtype):
            count = astype(count, type_of(q).dtype)
    else:
        skip_nan = False
    place_of, weight_of = CONTINUOUS[method]
    index = place_of(count, column)
    top = op.maximum(count - 1, 0) if skip_nan else extent - 1
    before = op.clip(op.floor(index), 0, top)
    low = astype(before, np.intp)
    if weight_of is None:
        take = ranked(rows, low)
        found = take(low)
    else:
        above = op.greater_equal(index, top)
        high = astype(op.clip(op.floor(index) + 1, 0, top), np.intp)
        outside = op.logical_or(above, op.less(index, 0))
        high = op.select(outside, low, high)
        take = ranked(rows, low if isinstance(low, Tensor) else np.append(low, high))
        first, second = take(low), take(high)
        gamma = weight_of(index - op.floor(index), index)
        if weak or type_of(gamma).weak:
            dtype = type_of(a).dtype
            gamma = astype(gamma, dtype if dtype.kind == "f" else float)
        step = second - first
        found = op.select(
            op.greater_equal(gamma, 0.5), second - step * (1 - gamma), first + step * gamma
        )
    if not skip_nan:
        found = nan_checked(found, take(extent - 1))
    return put_back(found, lead, shape, axes, keepdims)


def level(q: Any, scale: float, text: str) -> tuple[Any, bool]:
    """The levels between 0 and 1, and whether a Python number came."""
    weak = type(q) in (int, float) or (isinstance(q, Tensor) and q.weak)
    q = array_like(q)
    if scale != 1:
        q = op.div(q, scale)
    if is_known(q):
        plain = np.asarray(known_value(q))
        if not np.all((plain >= 0) & (plain <= 1)):
            raise ValueError(text)
    return (np.asarray(q) if weak and not isinstance(q, Tensor) else q), weak


def quantile_function(name: str, scale: float, text: str, skip_nan: bool) -> Callable:
    """`np.quantile`, `np.percentile` and their forms without NaNs."""

    def call(a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
             method: str = "linear", keepdims: Any = False, *,
             weights: Any = None) -> Any:  # fmt: skip
        refuse_options(name, weights=(weights, None))
        q, weak = level(q, scale, text)
        return quantiles(a, q, weak, axis, method, keepdims, skip_nan)

    return call


QUANTILES = "Quantiles must be in the range [0, 1]"
PERCENTILES = "Percentiles must be in the range [0, 100]"
implements(np.quantile)(quantile_function("np.quantile", 1, QUANTILES, False))
implements(np.percentile)(quantile_function("np.percentile", 100, PERCENTILES, False))
implements(np.nanquantile)(quantile_function("np.nanquantile", 1, QUANTILES, True))
implements(np.nanpercentile)(quantile_function("np.nanpercentile", 100, PERCENTILES, True))

# ------------------------------------------------------------------------------ weights, covariance


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *,
            keepdims: Any = NoValue) -> Any:  # fmt: skip
    a = array_like(a)
    t = type_of(a)
    axes = all_axes(axis, t.ndim)
    if weights is None:
        found = mean(a, axis, keepdims=keepdims)
        total: Any = type_of(found).dtype.type(count_over(t.shape, axes))
    else:
        weights = aligned_weights(array_like(weights), t, axis)
        dtype = np.result_type(t.dtype, type_of(weights).dtype)
        dtype = np.result_type(dtype, float) if t.dtype.kind in "iub" else dtype
        total = op.sum(op.broadcast_to(astype(weights, dtype), shape=t.shape), axes=axes)
        if is_known(total) and np.any(np.asarray(known_value(total)) == 0.0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        weighted = op.sum(op.mul(astype(a, dtype), astype(weights, dtype)), axes=axes)
        found = kept(op.div(weighted, total), t.shape, axes, keepdims)
        total = kept(total, t.shape, axes, keepdims)
    if not returned:
        return found
    shape = type_of(found).shape
    return found, total if type_of(total).shape == shape else op.broadcast_to(total, shape=shape)


def aligned_weights(weights: Any, t: Any, axis: Any) -> Any:
    """Weights of the array's rank; those of the given axes alone are put at their places."""
    shape = type_of(weights).shape
    if shape == t.shape:
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    given = axis if isinstance(axis, tuple) else (axis,)
    given = tuple(k % t.ndim for k in given)
    if shape != tuple(t.shape[k] for k in given):
        raise ValueError(
            "Shape of weights must be consistent with shape of a along specified axis."
        )
    order = tuple(int(k) for k in np.argsort(given))
    if order != tuple(range(len(order))):
        weights = op.transpose(weights, axes=order)
    return op.reshape(weights, shape=tuple(n if k in given else 1 for k, n in enumerate(t.shape)))


def variables(m: Any, rowvar: bool, dtype: Any, is_first: bool) -> Any:
    """Observations as (variables, samples)."""
    t = type_of(m)
    m = astype(m, dtype)
    if t.ndim < 2:
        return op.reshape(m, shape=(1, t.size))
    flipped = not rowvar and (is_first or t.shape[0] != 1)
    return op.transpose(m, axes=(1, 0)) if flipped else m


@implements(np.cov)
def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
        fweights: Any = None, aweights: Any = None, *, dtype: Any = None) -> Any:  # fmt: skip
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    m = array_like(m)
    y = None if y is None else array_like(y)
    for name, part in (("m", m), ("y", y)):
        if part is not None and type_of(part).ndim > 2:
            raise ValueError(f"{name} has more than 2 dimensions")
    if dtype is None:
        dtype = np.result_type(type_of(m).dtype, float, *([] if y is None else [type_of(y).dtype]))
    dtype = np.dtype(dtype)
    x = variables(m, rowvar, dtype, True)
    if type_of(x).shape[0] == 0:
        return np.array([]).reshape(0, 0)
    if y is not None:
        x = op.concatenate(x, variables(y, rowvar, dtype, False), axis=0)
    count, samples = type_of(x).shape
    if ddof is None:
        ddof = 0 if bias else 1
    w = sample_weights(fweights, aweights, samples)
    if w is None:
        middle = mean(x, 1)
        factor: Any = samples - ddof
    else:
        middle, total = average(x, 1, w, True)
        total = op.real(op.gather(total, np.array(0)))
        if ddof == 0:
            factor = total
        elif aweights is None:
            factor = total - ddof
        else:
            factor = total - ddof * op.sum(w * array_like(aweights), axes=(0,)) / total
    if is_known(factor) and np.asarray(known_value(factor)) <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=3)
        factor = 0.0
    x = astype(x - op.reshape(middle, shape=(count, 1)), type_of(x).dtype)
    other = x if w is None else x * w
    other = op.conj(other) if type_of(x).dtype.kind == "c" else other
    with np.errstate(divide="ignore", invalid="ignore"):
        found = op.matmul(x, op.transpose(other, axes=(1, 0))) * op.div(1, factor)
    if count > 1:
        return found
    return op.reshape(found, shape=())


def sample_weights(fweights: Any, aweights: Any, samples: int) -> Any:
    """The product of the two kinds of weights, checked."""
    found = None
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is None:
            continue
        weights = astype(array_like(weights), float)
        if type_of(weights).ndim > 1:
            raise RuntimeError(f"cannot handle multidimensional {name}")
        if type_of(weights).shape[0] != samples:
            raise RuntimeError(f"incompatible numbers of samples and {name}")
        if is_known(weights):
            plain = known_value(weights)
            if name == "fweights" and not np.all(plain == np.around(plain)):
                raise TypeError("fweights must be integer")
            if np.any(plain < 0):
                raise ValueError(f"{name} cannot be negative")
        found = weights if found is None else found * weights
    return found


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = cov(x, y, rowvar, dtype=dtype)
    shape = type_of(c).shape
    if not shape:
        return op.div(c, c)
    places = np.arange(shape[0])
    spread = op.sqrt(op.real(op.gather(c, places, places)))
    c = op.div(c, op.reshape(spread, shape=(shape[0], 1)))
    c = op.div(c, spread)
    if type_of(c).dtype.kind != "c":
        return op.clip(c, -1, 1)
    return op.complex(op.clip(op.real(c), -1, 1), op.clip(op.imag(c), -1, 1))
