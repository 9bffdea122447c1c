"""Reductions of NumPy: sums, products, extremes, means, spreads, logic, and their running forms.

Enters: a traced array and NumPy's own options.  Leaves: a few reductions over sorted axes.  Ties of
extremes share the derivative evenly (a running extreme gives it to the element that set it).  The
standard deviation of equal numbers has derivative 0, as the norm has at 0: there it is a kink,
while the variance is smooth.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ...base.dtypes import is_inexact, real_dtype, type_of
from ...graph import op
from ..context import context
from ..trace import Tensor
from .elementwise import NoValue, as_mask, astype, is_known
from .register import all_axes, array_like, implements, one_axis

# ------------------------------------------------------------------------------------------ helpers


def kept(out: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: Any) -> Any:
    """A reduced value with its axes of extent 1, where `keepdims` asks for them."""
    if keepdims and keepdims is not NoValue:
        return op.reshape(out, shape=tuple(1 if k in axes else n for k, n in enumerate(shape)))
    return out


def reduced(primitive: Callable, a: Any, axis: Any, keepdims: Any) -> Any:
    """A reduction over NumPy's `axis=`, with its `keepdims=`."""
    shape = type_of(a).shape
    axes = all_axes(axis, len(shape))
    return kept(primitive(a, axes=axes), shape, axes, keepdims)


def prepared(a: Any, dtype: Any, where: Any = True, fill: Any = 0) -> Any:
    """The array of a reduction: converted to `dtype=`, `fill` where the mask `where=` is False."""
    a = array_like(a)
    if dtype is not None:
        a = astype(a, dtype)
    return a if is_everywhere(where) else op.select(as_mask(where), a, fill)


def is_everywhere(where: Any) -> bool:
    return where is NoValue or where is True or where is None


def begun(result: Any, initial: Any, combine: Callable) -> Any:
    """A reduction that starts from `initial=`."""
    if initial is NoValue or initial is None:
        return result
    return combine(result, astype(array_like(initial), type_of(result).dtype))


def count_over(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """How many elements are reduced to one."""
    count = 1
    for k in axes:
        count *= shape[k]
    return count


def line_of(a: Any, axis: Any) -> tuple[Any, int]:
    """The array and the axis of a running reduction; flattened for None."""
    a = array_like(a)
    shape = type_of(a).shape
    if axis is None or (not shape and axis in (0, -1)):
        return op.reshape(a, shape=(type_of(a).size,)), 0
    return a, one_axis(axis, len(shape))


def warn(text: str) -> None:
    warnings.warn(text, RuntimeWarning, stacklevel=4)


# ----------------------------------------------------------------------------------- sums, products


@implements(np.sum)
def sum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NoValue,
        initial: Any = NoValue, where: Any = NoValue) -> Any:  # fmt: skip
    a = prepared(a, dtype, where, 0)
    return begun(reduced(op.sum, a, axis, keepdims), initial, op.add)


@implements(np.prod)
def prod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NoValue,
         initial: Any = NoValue, where: Any = NoValue) -> Any:  # fmt: skip
    a = prepared(a, dtype, where, 1)
    return begun(reduced(op.prod, a, axis, keepdims), initial, op.mul)


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    a, k = line_of(prepared(a, dtype), axis)
    return op.cumsum(a, axis=k)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    a, k = line_of(prepared(a, dtype), axis)
    return op.cumprod(a, axis=k)


def with_initial(primitive: Callable, start: int) -> Callable:
    """`np.cumulative_sum` and `np.cumulative_prod`."""

    def cumulative(x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None,
                   include_initial: bool = False) -> Any:  # fmt: skip
        x = prepared(x, dtype)
        shape = type_of(x).shape
        if not shape:
            raise ValueError("at least one dimension is required")
        if axis is None and len(shape) > 1:
            raise ValueError("For arrays which have more than one dimension ``axis`` argument is "
                             "required.")  # fmt: skip
        k = 0 if axis is None else one_axis(axis, len(shape))
        found = primitive(x, axis=k)
        if not include_initial:
            return found
        first = tuple(1 if i == k else n for i, n in enumerate(shape))
        return op.concatenate(np.full(first, start, type_of(found).dtype), found, axis=k)

    return cumulative


if hasattr(np, "cumulative_sum"):  # since NumPy 2.1
    implements(np.cumulative_sum)(with_initial(op.cumsum, 0))
    implements(np.cumulative_prod)(with_initial(op.cumprod, 1))

# ----------------------------------------------------------------------------------------- extremes


def extreme(ufunc: np.ufunc, primitive: Callable, pair: Callable) -> Callable:
    """`np.max` or `np.min`."""

    def call(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NoValue,
             initial: Any = NoValue, where: Any = NoValue) -> Any:  # fmt: skip
        if not is_everywhere(where) and initial is NoValue:
            raise ValueError(
                f"reduction operation '{ufunc.__name__}' does not have an identity, so to use a "
                "where mask one has to specify 'initial'"
            )
        a = prepared(a, None, where, initial)
        shape = type_of(a).shape
        axes = all_axes(axis, len(shape))
        if initial is not NoValue and count_over(shape, axes) == 0:
            rest = tuple(n for k, n in enumerate(shape) if k not in axes)
            start = op.broadcast_to(astype(array_like(initial), type_of(a).dtype), shape=rest)
            return kept(start, shape, axes, keepdims)
        return begun(reduced(primitive, a, axis, keepdims), initial, pair)

    return call


largest = implements(np.max, np.amax)(extreme(np.maximum, op.max, op.maximum))
smallest = implements(np.min, np.amin)(extreme(np.minimum, op.min, op.minimum))


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NoValue) -> Any:
    a = prepared(a, None)
    return reduced(op.max, a, axis, keepdims) - reduced(op.min, a, axis, keepdims)


def place(primitive: Callable) -> Callable:
    """`np.argmax` or `np.argmin`."""

    def call(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NoValue) -> Any:
        a = array_like(a)
        shape = type_of(a).shape
        if axis is None:
            found = primitive(op.reshape(a, shape=(type_of(a).size,)), axis=0)
            return kept(found, shape, tuple(range(len(shape))), keepdims)
        k = one_axis(axis, len(shape))
        return kept(primitive(a, axis=k), shape, (k,), keepdims)

    return call


argmax = implements(np.argmax)(place(op.argmax))
argmin = implements(np.argmin)(place(op.argmin))


@implements(np.any)
def any(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NoValue, *,
        where: Any = NoValue) -> Any:  # fmt: skip
    return reduced(op.any, prepared(a, None, where, False), axis, keepdims)


@implements(np.all)
def all(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NoValue, *,
        where: Any = NoValue) -> Any:  # fmt: skip
    return reduced(op.all, prepared(a, None, where, True), axis, keepdims)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    found = reduced(op.sum, op.not_equal(array_like(a), 0), axis, keepdims)
    if axis is None and not keepdims and not isinstance(found, Tensor):
        return type(np.count_nonzero(1))(found)
    return found


# ---------------------------------------------------------------------------------- means, spreads


def half_as_single(a: Any, dtype: Any) -> tuple[Any, Any]:
    """NumPy sums float16 in float32 and integers in float64; the dtype to go back to, or None."""
    kind = type_of(a).dtype
    if dtype is None and kind.char == "e":
        return astype(a, np.float32), kind
    if dtype is None and not is_inexact(kind):
        dtype = float
    return (a if dtype is None else astype(a, dtype)), None


@implements(np.mean)
def mean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NoValue, *,
         where: Any = NoValue) -> Any:  # fmt: skip
    a, half = half_as_single(array_like(a), dtype)
    shape = type_of(a).shape
    axes = all_axes(axis, len(shape))
    if is_everywhere(where):
        count: Any = count_over(shape, axes)
        total = op.sum(a, axes=axes)
    else:
        count = counted(where, shape, axes, type_of(a).dtype)
        total = op.sum(op.select(as_mask(where), a, 0), axes=axes)
    if is_known(count) and not np.all(count):
        warn("Mean of empty slice.")
    with np.errstate(divide="ignore", invalid="ignore"):
        found = op.div(total, count)
    found = kept(found, shape, axes, keepdims)
    return found if half is None else astype(found, half)


def counted(mask: Any, shape: tuple[int, ...], axes: tuple[int, ...], dtype: np.dtype) -> Any:
    """The number of True elements over the axes, in a real dtype."""
    mask = op.broadcast_to(as_mask(mask), shape=shape)
    return astype(op.sum(mask, axes=axes), real_dtype(dtype))


def squares(x: Any) -> Any:
    """|x|**2."""
    if type_of(x).dtype.kind != "c":
        return op.square(x)
    return op.real(op.mul(x, op.conj(x)))


@implements(np.var)
def var(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
        keepdims: Any = NoValue, *, where: Any = NoValue, mean: Any = NoValue,
        correction: Any = NoValue) -> Any:  # fmt: skip
    if correction is not NoValue:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    a, half = half_as_single(array_like(a), dtype)
    shape = type_of(a).shape
    axes = all_axes(axis, len(shape))
    restricted = not is_everywhere(where)
    mask = as_mask(where) if restricted else None
    count: Any = count_over(shape, axes)
    if restricted:
        count = counted(where, shape, axes, type_of(a).dtype)
    if mean is NoValue:
        total = op.sum(op.select(mask, a, 0) if restricted else a, axes=axes)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = kept(op.div(total, count), shape, axes, True)
    apart = squares(a - array_like(mean))
    if dtype is not None:
        apart = astype(apart, real_dtype(np.dtype(dtype)))
    if restricted:
        apart = op.select(mask, apart, 0)
    total = op.sum(apart, axes=axes)
    left = (
        op.maximum(count - ddof, 0)
        if restricted or isinstance(ddof, Tensor)
        else max(count - ddof, 0)
    )
    if is_known(left) and not np.all(left):
        warn("Degrees of freedom <= 0 for slice")
    with np.errstate(divide="ignore", invalid="ignore"):
        found = op.div(total, left)
    found = kept(found, shape, axes, keepdims)
    return found if half is None else astype(found, half)


@implements(np.std)
def std(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
        keepdims: Any = NoValue, *, where: Any = NoValue, mean: Any = NoValue,
        correction: Any = NoValue) -> Any:  # fmt: skip
    return op.safe_sqrt(var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean,
                            correction=correction))  # fmt: skip


# ------------------------------------------------------------------------------------ without NaNs


def without_nan(a: Any, fill: Any) -> tuple[Any, Any]:
    """The array with `fill` for every NaN, and the mask of the NaNs (None: it can have none)."""
    a = array_like(a)
    if not is_inexact(type_of(a).dtype):
        return a, None
    mask = op.isnan(a)
    return op.select(mask, fill, a), mask


@implements(np.nansum)
def nansum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NoValue,
           initial: Any = NoValue, where: Any = NoValue) -> Any:  # fmt: skip
    return sum(without_nan(a, 0)[0], axis, dtype, out, keepdims, initial, where)


@implements(np.nanprod)
def nanprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NoValue,
            initial: Any = NoValue, where: Any = NoValue) -> Any:  # fmt: skip
    return prod(without_nan(a, 1)[0], axis, dtype, out, keepdims, initial, where)


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return cumsum(without_nan(a, 0)[0], axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return cumprod(without_nan(a, 1)[0], axis, dtype, out)


def nan_extreme(ordinary: Callable, worst: float) -> Callable:
    """`np.nanmax`, `np.nanmin`: NaN where there is nothing but NaN, with NumPy's warning."""

    def call(a: Any, axis: Any = None, out: Any = None, keepdims: Any = NoValue,
             initial: Any = NoValue, where: Any = NoValue) -> Any:  # fmt: skip
        dtype = type_of(array_like(a)).dtype
        fill: Any = complex(worst, worst) if dtype.kind == "c" else worst
        a, mask = without_nan(a, fill)
        found = ordinary(a, axis, None, keepdims, initial, where)
        if mask is None or (is_known(mask) and not np.any(known_value(mask))):
            return found
        if not is_everywhere(where):
            mask = op.logical_or(mask, op.logical_not(as_mask(where)))
        only = reduced(op.all, mask, axis, keepdims)
        if initial is not NoValue:
            return found
        if is_known(only):
            if not np.any(known_value(only)):
                return found
            warn("All-NaN slice encountered")
        return op.select(only, np.nan, found)

    return call


def known_value(x: Any) -> Any:
    """The plain value behind a handle for which `is_known` holds."""
    while isinstance(x, Tensor):
        x = x.value  # type: ignore[attr-defined]
    return x


nanmax = implements(np.nanmax)(nan_extreme(largest, -np.inf))
nanmin = implements(np.nanmin)(nan_extreme(smallest, np.inf))


def nan_place(ordinary: Callable, worst: float) -> Callable:
    """`np.nanargmax`, `np.nanargmin`; the check for slices of NaNs needs known values."""

    def call(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = NoValue) -> Any:
        dtype = type_of(array_like(a)).dtype
        fill: Any = complex(worst, worst) if dtype.kind == "c" else worst
        a, mask = without_nan(a, fill)
        if mask is not None and context.program is None:
            only = reduced(op.all, mask, axis, False)
            if bool(op.any(only, axes=tuple(range(type_of(only).ndim)))):
                raise ValueError("All-NaN slice encountered")
        return ordinary(a, axis, out, keepdims=keepdims)

    return call


implements(np.nanargmax)(nan_place(argmax, -np.inf))
implements(np.nanargmin)(nan_place(argmin, np.inf))


@implements(np.nanmean)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = NoValue,
            *, where: Any = NoValue) -> Any:  # fmt: skip
    a = array_like(a)
    if not is_inexact(type_of(a).dtype):
        return mean(a, axis, dtype, out, keepdims, where=where)
    return mean(a, axis, dtype, out, keepdims, where=numbers(a, where))


def numbers(a: Any, where: Any) -> Any:
    """The mask of the elements that are not NaN, within `where=`."""
    mask = op.logical_not(op.isnan(a))
    return mask if is_everywhere(where) else op.logical_and(mask, as_mask(where))


@implements(np.nanvar)
def nanvar(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
           keepdims: Any = NoValue, *, where: Any = NoValue, mean: Any = NoValue,
           correction: Any = NoValue) -> Any:  # fmt: skip
    a = array_like(a)
    if correction is not NoValue:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    if not is_inexact(type_of(a).dtype):
        return var(a, axis, dtype, out, ddof, keepdims, where=where, mean=mean)
    mask = numbers(a, where)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = var(a, axis, dtype, out, ddof, keepdims, where=mask, mean=mean)
    shape = type_of(a).shape
    axes = all_axes(axis, len(shape))
    left = kept(counted(mask, shape, axes, type_of(a).dtype), shape, axes, keepdims) - ddof
    empty = op.less_equal(left, 0)
    if is_known(empty) and not np.any(known_value(empty)):
        return found
    return op.select(empty, np.nan, found)


@implements(np.nanstd)
def nanstd(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
           keepdims: Any = NoValue, *, where: Any = NoValue, mean: Any = NoValue,
           correction: Any = NoValue) -> Any:  # fmt: skip
    return op.safe_sqrt(nanvar(a, axis, dtype, out, ddof, keepdims, where=where, mean=mean,
                               correction=correction))  # fmt: skip
