"""NumPy's functions that make arrays: from nested lists, from a prototype's shape, from end points.

Enters: traced values where NumPy takes numbers. Leaves: traced arrays. Most of these functions do
not dispatch in NumPy, so the ones of `ad.numpy` must be called; plain ones are NumPy's own there.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ...base.dtypes import result_type, type_of
from ...base.errors import TracingError, message
from ...graph import op
from ...graph.op import Traced
from ..operands import functions, has_traced, ufuncs
from ..trace import Tensor
from ..writing import duplicate, memory_of_one
from .elementwise import umath
from .layout import broadcast_to, concatenate, moveaxis, permuted, reshape, swapaxes
from .rearranging import static
from .register import array_like, implements, names

# --------------------------------------------------------------------------- from lists and numbers


def strong(x: Any) -> Any:
    """A number as NumPy's array of no axes."""
    return op.convert(x, dtype=type_of(x).dtype) if isinstance(x, Traced) and type_of(x).weak else x


@implements(np.array)
def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: Any = True,
    order: str = "K",
    subok: bool = False,
    ndmin: int = 0,
    ndmax: int = 0,
    like: Any = None,
) -> Any:
    x = strong(array_like(object))
    if dtype is not None:
        dtype = np.dtype(dtype)
        if dtype.kind not in "biufc":
            raise TypeError(
                message(
                    f"np.array was to make an array of dtype {dtype} from traced values",
                    expected="a dtype of numbers",
                    instead="a list, if containers of traced values are wanted",
                    operation="np.array",
                )
            )
        x = functions["astype"](x, dtype)
    shape = type_of(x).shape
    if len(shape) < ndmin:
        x = op.reshape(x, shape=(1,) * (ndmin - len(shape)) + shape)
    return duplicate(x, order) if copy and isinstance(x, Tensor) else x


@implements(np.asarray, np.asanyarray)
def asarray(
    a: Any,
    dtype: Any = None,
    order: Any = None,
    *,
    device: Any = None,
    copy: Any = None,
    like: Any = None,
) -> Any:
    return array(a, dtype, copy=copy)


@implements(np.ascontiguousarray)
def ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    return laid_out_as(array(a, dtype, copy=None, ndmin=1), "C")


@implements(np.asfortranarray)
def asfortranarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    return laid_out_as(array(a, dtype, copy=None, ndmin=1), "F")


def laid_out_as(x: Any, order: str) -> Any:
    """The array itself if it lies in memory like that, otherwise a copy that does."""
    if not isinstance(x, Tensor):
        return x
    flags = memory_of_one(x).flags
    is_so = flags.c_contiguous if order == "C" else flags.f_contiguous
    return x if is_so else duplicate(x, order)


@implements(np.require)
def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Any:
    x = array(a, dtype, copy=None)
    wanted = set(requirements or ())
    for order in "CF":
        if wanted & {order, f"{order}_CONTIGUOUS"}:
            return laid_out_as(x, order)
    return x


@implements(np.asarray_chkfinite)
def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Any:
    x = array(a, dtype, copy=None)
    if not functions[np.all](op.isfinite(x)):
        raise ValueError("array must not contain infs or NaNs")
    return x


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    x = strong(array_like(a))
    return duplicate(x, order) if isinstance(x, Tensor) else x


@implements(np.full)
def full(
    shape: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "C",
    *,
    device: Any = None,
    like: Any = None,
) -> Any:
    x = array(fill_value, dtype)
    return broadcast_to(x, shape)


@implements(np.fromiter)
def fromiter(iter: Any, dtype: Any, count: int = -1, *, like: Any = None) -> Any:
    found = list(iter if count < 0 else itertools.islice(iter, count))
    if len(found) < count:
        raise ValueError(
            f"iterator too short: Expected {count} but iterator had only {len(found)} items."
        )
    return array(found, dtype) if has_traced(*found) else np.fromiter(found, dtype)


names["fromiter"] = fromiter  # an iterator does not show what it will give

# --------------------------------------------------------------------------------- from a prototype


def shape_of(a: Any, shape: Any) -> Any:
    """The shape asked for, or the prototype's."""
    return type_of(a).shape if shape is None else shape


def pattern(x: Any, dtype: Any) -> Any:
    """An array that lies in memory as another one does, of a dtype or that one's own."""
    memory = memory_of_one(x) if isinstance(x, Tensor) else np.asarray(x)
    return np.empty_like(memory, type_of(array_like(x)).dtype if dtype is None else dtype)


@implements(np.zeros_like)
def zeros_like(
    a: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    return np.zeros_like(pattern(a, dtype), order=order, shape=shape)


@implements(np.ones_like)
def ones_like(
    a: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    return np.ones_like(pattern(a, dtype), order=order, shape=shape)


ufuncs[umath._ones_like] = ones_like


@implements(np.empty_like)
def empty_like(
    prototype: Any,
    /,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    return np.empty_like(pattern(prototype, dtype), order=order, shape=shape)


@implements(np.full_like)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: Any = "K",
    subok: bool = True,
    shape: Any = None,
    *,
    device: Any = None,
) -> Any:
    a = array_like(a)
    dtype = type_of(a).dtype if dtype is None else np.dtype(dtype)
    fill_value = array_like(fill_value)
    if not isinstance(fill_value, Traced):
        return np.full(shape_of(a, shape), fill_value, dtype)
    return broadcast_to(array(fill_value, dtype), shape_of(a, shape))


# ---------------------------------------------------------------------------------- from end points


@implements(np.linspace)
def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
    *,
    device: Any = None,
) -> Any:
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    start, stop = array_like(start), array_like(stop)
    types = [type_of(start), type_of(stop)]
    inexact = result_type(*types).dtype
    if inexact.kind in "biu":
        inexact = np.result_type(inexact, np.float64)
    wanted = inexact if dtype is None else np.dtype(dtype)
    start, stop = functions["astype"](start, inexact), functions["astype"](stop, inexact)
    delta = op.sub(stop, start)
    shape = type_of(delta).shape
    intervals = num - 1 if endpoint else num
    count = num - 1 if endpoint and num > 1 else num
    real = np.zeros((), inexact).real.dtype
    numbers = np.arange(count).astype(real).reshape((-1,) + (1,) * len(shape))
    step: Any = np.nan
    if intervals > 0:
        step = op.div(delta, intervals)
        none = op.equal(step, 0)
        if not isinstance(none, Traced) and np.any(none):  # as NumPy does for denormal numbers
            points = op.mul(numbers / intervals, delta)
        else:
            points = op.mul(numbers, step)
    else:
        points = op.mul(numbers, delta)
    points = op.add(points, start)
    if count < num:
        last = op.broadcast_to(
            op.reshape(
                stop, shape=(1,) * (1 + len(shape) - len(type_of(stop).shape)) + type_of(stop).shape
            ),
            shape=(1, *shape),
        )
        points = op.concatenate(points, last, axis=0)
    if axis != 0:
        points = moveaxis(points, 0, axis)
    if wanted.kind in "iu":
        points = op.floor(points)
    points = functions["astype"](points, wanted)
    return (points, step) if retstep else points


@implements(np.logspace)
def logspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    base = array_like(base)
    start, stop = array_like(start), array_like(stop)
    if type_of(base).shape:
        shape = np.broadcast_shapes(*[type_of(x).shape for x in (start, stop, base)])
        start, stop, base = (broadcast_to(x, shape) for x in (start, stop, base))
        base = reshape(base, (1, *shape))
        base = moveaxis(base, 0, axis)
    exponents = functions[np.linspace](start, stop, num=num, endpoint=endpoint, axis=axis)
    points = op.pow(base, exponents)
    return points if dtype is None else functions["astype"](points, dtype)


@implements(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    start, stop = strong(array_like(start)), strong(array_like(stop))
    num = operator.index(num)
    zero = [op.equal(x, 0) for x in (start, stop)]
    if any(not isinstance(z, Traced) and np.any(z) for z in zero):
        raise ValueError("Geometric sequence cannot include zero")
    common = np.result_type(
        type_of(start).dtype, type_of(stop).dtype, float(num), np.zeros((), dtype)
    )
    start, stop = functions["astype"](start, common), functions["astype"](stop, common)
    sign = op.sign(start)
    first, last = op.div(start, sign), op.div(stop, sign)
    points = logspace(op.log10(first), op.log10(last), num=num, endpoint=endpoint, base=10.0)
    shape = type_of(points).shape[1:]
    ends = [broadcast_to(x, (1, *shape)) for x in (first, last)]
    if num > 1 and endpoint:
        inner = [
            op.slice(
                points,
                starts=(1, *(0,) * len(shape)),
                stops=(num - 1, *shape),
                steps=(1,) * (1 + len(shape)),
            )
        ]
        points = op.concatenate(ends[0], *(inner if num > 2 else []), ends[1], axis=0)
    elif num > 0:
        inner = [
            op.slice(
                points,
                starts=(1, *(0,) * len(shape)),
                stops=(num, *shape),
                steps=(1,) * (1 + len(shape)),
            )
        ]
        points = op.concatenate(ends[0], *(inner if num > 1 else []), axis=0)
    points = op.mul(points, sign)
    if axis != 0:
        points = moveaxis(points, 0, axis)
    wanted = common if dtype is None else np.dtype(dtype)
    return functions["astype"](points, wanted)


def no_range(*args: Any, **kwargs: Any) -> NoReturn:
    """Refused: how long the result is depends on the bounds."""
    raise TracingError(
        message(
            "np.arange got a traced bound or step, and the length of its result depends on it",
            expected="bounds that are known when the function is traced",
            instead="`start + step*np.arange(n)` or `np.linspace(start, stop, n)` for n points",
            operation="np.arange",
        )
    )


@implements(np.arange)
def arange(*args: Any, device: Any = None, like: Any = None, **kwargs: Any) -> Any:
    if has_traced(*args, *kwargs.values()):
        no_range()
    return np.arange(*args, device=device, **kwargs)


@implements(np.meshgrid)
def meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Any, ...]:
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    rank = len(xi)
    found = [reshape(x, (-1, *(1,) * (rank - 1 - k))) for k, x in enumerate(xi)]
    found = [reshape(x, (1,) * k + type_of(x).shape) for k, x in enumerate(found)]
    if indexing == "xy" and rank > 1:
        found = [swapaxes(x, 0, 1) for x in found]
    if not sparse:
        shape = np.broadcast_shapes(*[type_of(x).shape for x in found])
        found = [broadcast_to(x, shape) for x in found]
    return tuple(found)


# ---------------------------------------------------------------------------------------- r_ and c_


class Concatenator:
    """`np.r_` and `np.c_`, for traced values too."""

    def __init__(self, original: Any, axis: int, ndmin: int, trans1d: int) -> None:
        self.original = original
        self.axis, self.ndmin, self.trans1d = axis, ndmin, trans1d

    def __len__(self) -> int:
        return 0

    def __getitem__(self, key: Any) -> Any:
        entries = key if isinstance(key, tuple) else (key,)
        parts = [
            p
            for e in entries
            for p in ((e.start, e.stop, e.step) if isinstance(e, slice) else (e,))
        ]
        if not has_traced(*parts):
            return self.original[key]
        axis, ndmin, trans1d = self.axis, self.ndmin, self.trans1d
        arrays: list[Any] = []
        promoted: list[Any] = []
        for k, entry in enumerate(entries):
            if isinstance(entry, str):
                if k:
                    raise ValueError("special directives must be the first entry.")
                if entry in ("r", "c"):
                    raise TracingError(
                        message(f"np.r_[{entry!r}, ...] would make a matrix of traced values")
                    )
                try:
                    numbers = [int(n) for n in entry.split(",")]
                except ValueError as error:
                    raise ValueError(f"unknown special directive {entry!r}") from error
                axis = numbers[0]
                ndmin = numbers[1] if len(numbers) > 1 else ndmin
                trans1d = numbers[2] if len(numbers) > 2 else trans1d
                continue
            if isinstance(entry, slice):
                item, rank = ranged(entry), 1
            else:
                item = array_like(entry)
                rank = len(type_of(item).shape)
            promoted.append(type_of(item))
            arrays.append(turned(item, rank, ndmin, trans1d))
        dtype = result_type(*promoted).dtype
        return concatenate([functions["astype"](x, dtype) for x in arrays], axis)


def ranged(entry: slice) -> Any:
    """`start:stop:step` as a range, `start:stop:5j` as five points."""
    start = 0 if entry.start is None else entry.start
    if isinstance(entry.step, complex):
        if has_traced(start, entry.stop):
            return linspace(start, entry.stop, num=int(abs(entry.step)))
        return np.linspace(start, entry.stop, num=int(abs(entry.step)))
    step = 1 if entry.step is None else entry.step
    if has_traced(start, entry.stop, step):
        no_range()
    return np.arange(start, entry.stop, step)


def turned(item: Any, rank: int, ndmin: int, trans1d: int) -> Any:
    """An item with at least `ndmin` axes, those it had placed from `trans1d` on."""
    shape = type_of(item).shape
    lead = max(ndmin, 1) - len(shape)
    if lead > 0:
        item = op.reshape(item, shape=(1,) * lead + shape)
    if trans1d == -1 or rank >= ndmin or rank == 0:
        return item
    new = ndmin - rank
    first = trans1d + new + 1 if trans1d < 0 else trans1d
    axes = list(range(ndmin))
    return permuted(item, axes[:first] + axes[new:] + axes[first:new])


names["r_"] = r_ = Concatenator(np.r_, 0, 1, -1)  # type: ignore[assignment]
names["c_"] = c_ = Concatenator(np.c_, -1, 2, 0)  # type: ignore[assignment]

# ---------------------------------------------------------------------------------------- vectorize


class vectorize(np.vectorize):
    """`np.vectorize`; with traced values one call for each element, and the results stacked."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if has_traced(*args, *kwargs.values()):
            return self.each(args, kwargs)
        try:
            return super().__call__(*args, **kwargs)
        except TracingError:  # the function itself holds traced values
            return self.each(args, kwargs)

    def each(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """One call for each element."""
        if self.signature is not None:
            raise TracingError(
                message(
                    "np.vectorize with signature= met a traced value",
                    expected="np.vectorize without signature=",
                    instead="`ad.vmap(f)`, or a loop and `np.stack`",
                    operation="np.vectorize",
                )
            )
        function: Callable = self.pyfunc
        excluded = self.excluded
        moving: list[Any] = [k for k in range(len(args)) if k not in excluded]
        moving += [name for name in kwargs if name not in excluded]
        values = [strong(array_like(args[k] if isinstance(k, int) else kwargs[k])) for k in moving]
        shape = np.broadcast_shapes(*[type_of(x).shape for x in values])
        columns = [reshape(broadcast_to(x, shape), (-1,)) for x in values]
        results = []
        for place in range(int(np.prod(shape, dtype=int))):
            given, named = list(args), dict(kwargs)
            for k, column in zip(moving, columns, strict=True):
                element = column[place]
                if isinstance(k, int):
                    given[k] = element
                else:
                    named[k] = element
            results.append(function(*given, **named))
        if not results:
            raise ValueError("cannot call `vectorize` on size 0 inputs unless `otypes` is set")
        if isinstance(results[0], tuple):
            return tuple(
                [
                    self.gathered(list(part), k, shape)
                    for k, part in enumerate(zip(*results, strict=True))
                ]
            )
        return self.gathered(results, 0, shape)

    def gathered(self, results: list[Any], k: int, shape: tuple[int, ...]) -> Any:
        """The results of one output in the shape of the inputs."""
        kinds = self.otypes
        dtype = np.dtype(kinds[k]) if kinds else type_of(results[0]).dtype
        out = array(results, dtype) if has_traced(*results) else np.array(results, dtype)
        return reshape(out, shape)


names["vectorize"] = vectorize


# ------------------------------------------------------------------------------------ index helpers


@implements(np.ix_)
def ix_(*args: Any) -> tuple[Any, ...]:
    found = []
    for k, x in enumerate(args):
        x = array_like(x)
        t = type_of(x)
        if len(t.shape) != 1:
            raise ValueError("Cross index must be 1 dimensional")
        if t.dtype.kind == "b":
            x = np.flatnonzero(static(x, "mask", "np.ix_"))
        elif not t.size:
            x = np.zeros(0, np.intp)
        found.append(
            reshape(x, (1,) * k + (-1,) + (1,) * (len(args) - k - 1))
            if isinstance(x, Traced)
            else np.reshape(x, (1,) * k + (-1,) + (1,) * (len(args) - k - 1))
        )
    return tuple(found)
