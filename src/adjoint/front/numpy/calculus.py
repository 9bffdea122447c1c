"""Differences, integrals, interpolation, polynomials, and functions applied along axes.

Enters: traced samples of a function, or coefficients.  Leaves: slices, sums and gathers.  The
interpolation `np.interp` has at a knot the slope of the interval to its right (at the last knot, to
its left), and outside the knots the slope 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...graph import op
from ..context import context
from ..operands import functions
from ..trace import Tensor
from .elementwise import NoValue, as_inexact, astype, is_known, known, still, whole
from .reductions import sum as sum_over
from .register import all_axes, array_like, implements, one_axis


def section(a: Any, axis: int, start: int, stop: int | None = None) -> Any:
    """`a[..., start:stop, ...]` along an axis, negative numbers counted from the end."""
    shape = type_of(a).shape
    first, last, _ = slice(start, stop).indices(shape[axis])
    last = max(first, last)
    if (first, last) == (0, shape[axis]):
        return a
    return op.slice(
        a,
        starts=tuple(first if k == axis else 0 for k in range(len(shape))),
        stops=tuple(last if k == axis else n for k, n in enumerate(shape)),
        steps=(1,) * len(shape),
    )


def along(a: Any, axis: int, rank: int) -> Any:
    """A vector shaped to lie along an axis."""
    return op.reshape(a, shape=tuple(type_of(a).size if k == axis else 1 for k in range(rank)))


# --------------------------------------------------------------------------- differences, integrals


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = NoValue, append: Any = NoValue) -> Any:
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    a = array_like(a)
    t = type_of(a)
    if not t.ndim:
        raise ValueError("diff requires input that is at least one dimensional")
    k = one_axis(axis, t.ndim)
    thin = tuple(1 if i == k else m for i, m in enumerate(t.shape))
    parts = []
    for part in (prepend, a, append):
        if part is NoValue:
            continue
        part = array_like(part)
        parts.append(part if type_of(part).ndim else op.broadcast_to(part, shape=thin))
    if len(parts) > 1:
        a = op.concatenate(*parts, axis=k)
    step = op.not_equal if type_of(a).dtype.kind == "b" else op.sub
    for _ in range(n):
        a = step(section(a, k, 1), section(a, k, 0, -1))
    return a


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    ary = array_like(ary)
    flat = op.reshape(ary, shape=(type_of(ary).size,))
    dtype = type_of(ary).dtype
    parts = [op.sub(section(flat, 0, 1), section(flat, 0, 0, -1))]
    for name, extra in (("to_begin", to_begin), ("to_end", to_end)):
        if extra is None:
            continue
        extra = array_like(extra)
        kind = type_of(extra)
        if not np.can_cast(kind.dtype, dtype, casting="same_kind"):
            raise TypeError(
                f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` rule."
            )
        extra = astype(op.reshape(extra, shape=(kind.size,)), dtype)
        parts = [extra, *parts] if name == "to_begin" else [*parts, extra]
    return parts[0] if len(parts) == 1 else op.concatenate(*parts, axis=0)


@implements(np.trapezoid, *([np.trapz] if hasattr(np, "trapz") else []))
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = array_like(y)
    rank = type_of(y).ndim
    k = one_axis(axis, rank)
    step = array_like(dx)
    if x is not None:
        x = array_like(x)
        step = along(diff(x), k, rank) if type_of(x).ndim == 1 else diff(x, axis=axis)
    return sum_over(op.div(step * (section(y, k, 1) + section(y, k, 0, -1)), 2.0), k)


def spacing(distances: Any, extent: int) -> Any:
    """The spacing along one axis: a number, or the differences of the coordinates."""
    distances = array_like(distances)
    t = type_of(distances)
    if t.ndim == 0:
        return distances
    if t.ndim != 1:
        raise ValueError("distances must be either scalars or 1d")
    if t.shape[0] != extent:
        raise ValueError("when 1d, distances must match the length of the corresponding dimension")
    steps = diff(astype(distances, float) if t.dtype.kind in "iu" else distances)
    if not isinstance(steps, Tensor) and (steps == steps[0]).all():
        return steps[0]
    return steps


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    f = array_like(f)
    t = type_of(f)
    axes = all_axes(axis, t.ndim)
    if axis is not None:
        given = axis if isinstance(axis, (tuple, list)) else (axis,)
        axes = tuple(one_axis(k, t.ndim) for k in given)
    if not varargs:
        steps: list[Any] = [1.0] * len(axes)
    elif len(varargs) == 1 and type_of(array_like(varargs[0])).ndim == 0:
        steps = [array_like(varargs[0])] * len(axes)
    elif len(varargs) == len(axes):
        steps = [spacing(d, t.shape[k]) for d, k in zip(varargs, axes, strict=True)]
    else:
        raise TypeError("invalid number of arguments")
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    f = as_inexact(f)
    found = []
    for k, step in zip(axes, steps, strict=True):
        if t.shape[k] < edge_order + 1:
            raise ValueError("Shape of array too small to calculate a numerical gradient, at least "
                             "(edge_order + 1) elements are required.")  # fmt: skip
        found.append(astype(slopes(f, k, step, edge_order), type_of(f).dtype))
    return found[0] if len(found) == 1 else tuple(found)


def slopes(f: Any, k: int, step: Any, edge_order: int) -> Any:
    """Derivatives along one axis: central inside, one-sided of the given order at both ends."""
    uniform = type_of(step).ndim == 0
    rank = type_of(f).ndim
    if uniform:
        inside = op.div(section(f, k, 2) - section(f, k, 0, -2), 2.0 * step)
    else:
        one, two = section(step, 0, 0, -1), section(step, 0, 1)
        a = -two / (one * (one + two))
        b = (two - one) / (one * two)
        c = one / (two * (one + two))
        a, b, c = (along(v, k, rank) for v in (a, b, c))
        inside = a * section(f, k, 0, -2) + b * section(f, k, 1, -1) + c * section(f, k, 2)
    ends = []
    for at_start in (True, False):
        near = [section(f, k, i, i + 1) if at_start else section(f, k, -1 - i, -i or None)
                for i in range(edge_order + 1)]  # fmt: skip
        sign = 1.0 if at_start else -1.0
        if edge_order == 1:
            first = step if uniform else along(section(step, 0, 0, 1) if at_start
                                               else section(step, 0, -1), k, rank)  # fmt: skip
            ends.append(op.div(near[1] - near[0] if at_start else near[0] - near[1], first))
            continue
        if uniform:
            weights = [
                op.div(-1.5 * sign, step),
                op.div(2.0 * sign, step),
                op.div(-0.5 * sign, step),
            ]
        else:
            one = section(step, 0, 0, 1) if at_start else section(step, 0, -1)
            two = section(step, 0, 1, 2) if at_start else section(step, 0, -2, -1)
            weights = [
                -sign * (2.0 * one + two) / (one * (one + two)),
                sign * (one + two) / (one * two),
                -sign * one / (two * (one + two)),
            ]
            weights = [along(w, k, rank) for w in weights]
        terms = [w * v for w, v in zip(weights, near, strict=True)]
        if at_start:
            ends.append(terms[0] + terms[1] + terms[2])
        else:
            ends.append(terms[2] + terms[1] + terms[0])
    return op.concatenate(ends[0], inside, ends[1], axis=k)


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    p, period = array_like(p), array_like(period)
    t = type_of(p)
    k = one_axis(axis, t.ndim)
    steps = diff(p, axis=axis)
    if discont is None:
        discont = op.div(period, 2)
    dtype = np.result_type(type_of(steps).dtype, 0 if type_of(period).weak and
                           type_of(period).dtype.kind == "i" else
                           0.0 if type_of(period).weak else type_of(period).dtype)  # fmt: skip
    if dtype.kind in "iu":
        high, rest = divmod(period, 2)
        ambiguous = rest == 0
    else:
        high, ambiguous = op.div(period, 2), True
    low = -high
    if not isinstance(period, Tensor):
        steps = still(steps)  # the correction is a multiple of the period: locally constant
    wrapped = op.remainder(steps - low, period) + low
    if ambiguous:
        at_edge = op.logical_and(op.equal(wrapped, low), op.greater(steps, 0))
        wrapped = op.select(at_edge, high, wrapped)
    small = op.less(op.abs(steps), discont)
    correction = op.cumsum(op.select(small, 0, wrapped - steps), axis=k)
    first = section(p, k, 0, 1)
    return astype(op.concatenate(first, section(p, k, 1) + correction, axis=k), dtype)


# ------------------------------------------------------------------------------------ interpolation


@implements(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    x, xp, fp = (array_like(v) for v in (x, xp, fp))
    dtype = np.dtype(complex if type_of(fp).dtype.kind == "c" else float)
    x, xp, fp = astype(x, float), astype(xp, float), astype(fp, dtype)
    if type_of(xp).ndim != 1 or type_of(fp).ndim != 1:
        raise ValueError("Data points must be 1-D sequences")
    if type_of(xp).shape != type_of(fp).shape:
        raise ValueError("fp and xp are not of the same length")
    if period is not None:
        period = op.abs(array_like(period))
        if is_known(period) and not known(period, "np.interp"):
            raise ValueError("period must be a non-zero value")
        left = right = None
        x, xp = op.remainder(x, period), op.remainder(xp, period)
        order = op.argsort(xp, axis=0, kind="stable")
        xp, fp = op.gather(xp, order), op.gather(fp, order)
        ends = section(xp, 0, -1) - period, section(xp, 0, 0, 1) + period
        xp = op.concatenate(ends[0], xp, ends[1], axis=0)
        fp = op.concatenate(section(fp, 0, -1), fp, section(fp, 0, 0, 1), axis=0)
    count = type_of(xp).shape[0]
    if count == 0:
        raise ValueError("array of sample points is empty")
    last = np.array(count - 1)
    left = op.gather(fp, np.array(0)) if left is None else astype(array_like(left), dtype)
    right = op.gather(fp, last) if right is None else astype(array_like(right), dtype)
    below = op.less(x, op.gather(xp, np.array(0)))
    above = op.greater(x, op.gather(xp, last))
    if count == 1:
        found: Any = op.broadcast_to(op.gather(fp, last), shape=type_of(x).shape)
        found = op.select(op.isnan(x), x, found)
    else:
        place = op.searchsorted(still(xp), still(x), side="right") - 1
        place = op.clip(place, 0, count - 2)
        following = place + 1
        start, value = op.gather(xp, place), op.gather(fp, place)
        rise = op.gather(fp, following) - value
        with np.errstate(all="ignore"):
            slope = rise / (op.gather(xp, following) - start)
            found = slope * (x - start) + value
        at_last = op.equal(x, op.gather(xp, last))
        if not (is_known(at_last) and not np.any(known(at_last, "np.interp"))):
            exact = (
                still(op.gather(fp, last) - found) + found
            )  # NumPy's value, the slope's derivative
            found = op.select(at_last, exact, found)
    return op.select(below, left, op.select(above, right, found))


# -------------------------------------------------------------------------------------- polynomials


def coefficients(p: Any) -> Any:
    """Coefficients as a vector."""
    p = array_like(p)
    return p if type_of(p).ndim else op.reshape(p, shape=(1,))


def coefficient(p: Any, k: int) -> Any:
    return op.gather(p, np.array(k))


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    p, x = coefficients(p), array_like(x)
    y: Any = np.zeros(type_of(x).shape, type_of(x).dtype)[()]
    for k in range(type_of(p).shape[0]):
        y = y * x + coefficient(p, k)
    return y


def padded(a: Any, count: int) -> Any:
    """Coefficients with zeros in front."""
    t = type_of(a)
    extra = count - t.shape[0]
    return op.concatenate(np.zeros(extra, t.dtype), a, axis=0) if extra else a


def paired(pair: Callable) -> Callable:
    """The sum or the difference of two polynomials."""

    def call(a1: Any, a2: Any) -> Any:
        a1, a2 = coefficients(a1), coefficients(a2)
        count = max(type_of(a1).shape[0], type_of(a2).shape[0])
        return pair(padded(a1, count), padded(a2, count))

    return call


implements(np.polyadd)(paired(op.add))
implements(np.polysub)(paired(op.sub))


def trimmed(a: Any) -> Any:
    """Coefficients without zeros in front, where the values are known."""
    if not is_known(a):
        return a
    places = np.flatnonzero(known(a, "np.polymul"))
    if not places.size:
        return np.zeros(1, type_of(a).dtype)
    return section(a, 0, int(places[0]))


def convolved(a: Any, b: Any) -> Any:
    """The full convolution of two vectors: their outer product, its rows shifted and summed."""
    n, m = type_of(a).shape[0], type_of(b).shape[0]
    products = op.reshape(a, shape=(n, 1)) * b
    blank = np.zeros((n, n), type_of(products).dtype)
    flat = op.reshape(op.concatenate(products, blank, axis=1), shape=(n * (m + n),))
    rows = op.reshape(section(flat, 0, 0, n * (m + n - 1)), shape=(n, m + n - 1))
    return op.sum(rows, axes=(0,))


@implements(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    return convolved(trimmed(coefficients(a1)), trimmed(coefficients(a2)))


@implements(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    u, v = as_inexact(coefficients(u)), as_inexact(coefficients(v))
    dtype = np.result_type(type_of(u).dtype, type_of(v).dtype)
    m, n = type_of(u).shape[0] - 1, type_of(v).shape[0] - 1
    scale = op.div(1.0, coefficient(v, 0))
    quotient, rest = [], astype(u, dtype)
    done: list[Any] = []  # the places of the remainder that are finished: zeros but for rounding
    for _ in range(m - n + 1):
        factor = scale * coefficient(rest, 0)
        quotient.append(op.reshape(factor, shape=(1,)))
        head = section(rest, 0, 0, n + 1) - factor * v
        rest = op.concatenate(head, section(rest, 0, n + 1), axis=0)
        done.append(section(rest, 0, 0, 1))
        rest = section(rest, 0, 1)
    whole = op.concatenate(*done, rest, axis=0)
    start = min(len(done), type_of(whole).shape[0] - 1)  # what is zero for any coefficients
    if is_known(whole):
        plain, start = known(whole, "np.polydiv"), 0
        while start < plain.size - 1 and np.allclose(plain[start], 0, rtol=1e-14):
            start += 1
    whole = section(whole, 0, start)
    found = op.concatenate(*quotient, axis=0) if quotient else np.zeros(1, dtype)
    return astype(found, dtype), whole


@implements(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    if int(m) < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    p = coefficients(p)
    for _ in range(int(m)):
        degree = type_of(p).shape[0] - 1
        p = section(p, 0, 0, -1) * np.arange(degree, 0, -1)
    return p


@implements(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    if int(m) < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    constants = np.zeros(int(m), float) if k is None else array_like(k)
    if type_of(constants).size == 1 and (m > 1 or type_of(constants).ndim == 0):
        constants = op.broadcast_to(constants, shape=(int(m),))
    if type_of(constants).shape[0] < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    p = coefficients(p)
    for i in range(int(m)):
        raised = op.div(p, np.arange(type_of(p).shape[0], 0, -1))
        p = op.concatenate(raised, section(constants, 0, i, i + 1), axis=0)
    return p


@implements(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    zeros = coefficients(seq_of_zeros)
    shape = type_of(zeros).shape
    if len(shape) == 2 and shape[0] == shape[1] and shape[0]:
        zeros = functions[np.linalg.eigvals](zeros)
    elif len(shape) != 1:
        raise ValueError("input must be 1d or non-empty square 2d array.")
    found: Any = np.ones(1, type_of(zeros).dtype)
    for k in range(type_of(zeros).shape[0]):
        nil = np.zeros(1, type_of(zeros).dtype)
        shifted = op.concatenate(nil, found * coefficient(zeros, k), axis=0)
        found = op.concatenate(found, nil, axis=0) - shifted
    if type_of(zeros).dtype.kind == "c" and not context.batches:
        order = functions[np.sort]
        if whole(op.equal(order(still(zeros)), order(op.conj(still(zeros))))):
            return op.real(found)  # every zero has its conjugate
    return found


@implements(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    x = array_like(x)
    t = type_of(x)
    if t.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    count = t.shape[0] if N is None else N
    dtype = np.promote_types(t.dtype, int)
    column = astype(op.reshape(x, shape=(t.shape[0], 1)), dtype)
    columns: list[Any] = [np.ones((t.shape[0], 1), dtype)]
    for _ in range(1, count):
        columns.append(columns[-1] * column if len(columns) > 1 else column)
    if not count:
        return np.empty((t.shape[0], 0), dtype)
    return op.concatenate(*(columns if increasing else columns[::-1]), axis=1)


# --------------------------------------------------------------------------- functions along axes


@implements(np.apply_along_axis)
def apply_along_axis(func1d: Callable, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    arr = array_like(arr)
    t = type_of(arr)
    k = one_axis(axis, t.ndim)
    order = (*[i for i in range(t.ndim) if i != k], k)
    lead = tuple(t.shape[i] for i in order[:-1])
    lines = 1
    for n in lead:
        lines *= n
    if not lines:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    rows = op.reshape(op.transpose(arr, axes=order), shape=(lines, t.shape[k]))
    parts = [array_like(func1d(coefficient(rows, i), *args, **kwargs)) for i in range(lines)]
    inner = type_of(parts[0]).shape
    whole = op.concatenate(*[op.reshape(p, shape=(1, *inner)) for p in parts], axis=0)
    whole = op.reshape(whole, shape=(*lead, *inner))
    before, rank = list(range(k)), len(lead) + len(inner)
    axes = (*before, *range(len(lead), rank), *range(k, len(lead)))
    return op.transpose(whole, axes=axes)


@implements(np.apply_over_axes)
def apply_over_axes(func: Callable, a: Any, axes: Any) -> Any:
    found = array_like(a)
    rank = type_of(found).ndim
    for axis in np.atleast_1d(axes):
        k = one_axis(int(axis), rank)
        result = func(found, k)
        t = type_of(result)
        if t.ndim != rank:
            shape = type_of(found).shape
            result = op.reshape(result, shape=(*shape[:k], 1, *shape[k + 1 :]))
            if type_of(result).ndim != rank:
                raise ValueError("function is not returning an array of the correct shape")
        found = result
    return found
