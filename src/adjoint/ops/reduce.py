"""Reductions: sums, products, extremes, logic, places of extremes, and their running forms.

All take `axes`, sorted and not negative, and leave the reduced axes out (running forms and places
of extremes take one `axis`); the facade normalises what the user wrote.  Rules never divide by an
element (a product with a zero in it has finite derivatives).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.dtypes import Type, type_of, ufunc_dtype
from ..graph import op
from ..graph.primitive import Case, Jvp
from .declare import jvp, linear, reduction, restore, zero
from .index import take_along

PIECEWISE = zero("piecewise constant")


def axis_cases(
    rng: np.random.Generator, *, integers: bool = True, differentiate: bool = True
) -> list[Case]:
    """Samples for reductions over several axes."""
    x = rng.uniform(0.5, 2, (2, 3, 4))
    cases = [
        Case((x,), {"axes": axes}, differentiate, f"axes {axes}")
        for axes in ((0,), (1, 2), (0, 1, 2), ())
    ]
    cases.append(Case((x.astype(np.float32),), {"axes": (1,)}, differentiate, "float32"))
    cases.append(
        Case(((x + 1j * rng.uniform(-1, 1, x.shape)),), {"axes": (0, 2)}, differentiate, "complex")
    )
    if integers:
        cases.append(Case((rng.integers(-3, 4, (3, 4)),), {"axes": (1,)}, False, "int64"))
        cases.append(Case((rng.random((3, 4)) < 0.5,), {"axes": (0,)}, False, "bool"))
    return cases


def real_cases(rng: np.random.Generator, **choices: Any) -> list[Case]:
    """The same without complex samples."""
    return [c for c in axis_cases(rng, **choices) if c.inputs[0].dtype.kind != "c"]


def extreme_cases(rng: np.random.Generator) -> list[Case]:
    """The same with special values."""
    special = np.array([[1.0, np.nan, np.inf], [-np.inf, 2.0, -0.0]])
    return [*axis_cases(rng), Case((special,), {"axes": (1,)}, False, "special values")]


def sum_dtype(dtype: np.dtype) -> np.dtype:
    """NumPy sums small integers in the platform's integer."""
    return np.add.reduce(np.empty(0, dtype)).dtype


def boolean(dtype: np.dtype) -> np.dtype:
    return np.dtype(bool)


def same(dtype: np.dtype) -> np.dtype:
    return dtype


sum = reduction("sum", numpy=np.sum, dtype=sum_dtype, combine="add", identity=0, cases=axis_cases,
    derivative=linear(lambda ct, x_type, *, axes: restore(ct, x_type, axes)))  # fmt: skip


def product_tangent(primals: Any, tangents: Any, y: Any, *, axes: tuple[int, ...]) -> Any:
    """Products of all other elements, from running products on both sides: nothing is divided."""
    (x,), (t,) = primals, tangents
    others = products_of_others(x, axes)
    return op.sum(t * others, axes=axes)


def products_of_others(x: Any, axes: tuple[int, ...]) -> Any:
    """For each element the product of all other elements over the axes."""
    t = type_of(x)
    rest = tuple(k for k in range(t.ndim) if k not in axes)
    order = rest + axes
    extents = tuple(t.shape[k] for k in rest)
    last, count = len(extents), 1
    for k in axes:
        count *= t.shape[k]
    flat = op.reshape(op.transpose(x, axes=order), shape=(*extents, count))
    ones = np.ones((*extents, 1), t.dtype)
    if count <= 1:
        others = np.ones((*extents, count), t.dtype)
    else:
        lengths = (*extents, count)
        before = op.cumprod(part(flat, lengths, 0, count - 1), axis=last)
        backward = op.flip(part(flat, lengths, 1, count), axes=(last,))
        after = op.flip(op.cumprod(backward, axis=last), axes=(last,))
        others = op.concatenate(ones, before, axis=last) * op.concatenate(after, ones, axis=last)
    back = tuple(int(k) for k in np.argsort(order))
    return op.transpose(op.reshape(others, shape=tuple(t.shape[k] for k in order)), axes=back)


def part(x: Any, shape: tuple[int, ...], start: int, stop: int) -> Any:
    """A range of the last axis."""
    rank = len(shape)
    starts = (0,) * (rank - 1) + (start,)
    return op.slice(x, starts=starts, stops=(*shape[:-1], stop), steps=(1,) * rank)


prod = reduction("prod", numpy=np.prod, dtype=sum_dtype, combine="mul", identity=1,
    cases=axis_cases,
    derivative=jvp(product_tangent, reads_output=False))  # fmt: skip


def extreme_tangent(primals: Any, tangents: Any, y: Any, *, axes: tuple[int, ...]) -> Any:
    """The mean of the tangents at the places of the extreme: ties share evenly."""
    (x,), (t,) = primals, tangents
    kind = type_of(x)
    chosen = op.convert(op.equal(x, restore(y, kind, axes)), dtype=kind.dtype)
    weight = chosen / restore(op.sum(chosen, axes=axes), kind, axes)
    return op.sum(t * weight, axes=axes)


def maximum_back(ct: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    return extreme_back(ct, x, op.max(x, axes=axes), axes)


def minimum_back(ct: Any, x: Any, *, axes: tuple[int, ...]) -> Any:
    return extreme_back(ct, x, op.min(x, axes=axes), axes)


def extreme_back(ct: Any, x: Any, y: Any, axes: tuple[int, ...]) -> Any:
    """The transpose: the cotangent shared evenly among the places of the extreme."""
    kind = type_of(x)
    chosen = op.convert(op.equal(x, restore(y, kind, axes)), dtype=kind.dtype)
    return chosen * restore(op.div(ct, op.sum(chosen, axes=axes)), kind, axes)


max = reduction("max", numpy=np.max, dtype=same, combine="maximum", identity=None,
    cases=extreme_cases, derivative=Jvp(extreme_tangent, True, (maximum_back,)))  # fmt: skip
min = reduction("min", numpy=np.min, dtype=same, combine="minimum", identity=None,
    cases=extreme_cases, derivative=Jvp(extreme_tangent, True, (minimum_back,)))  # fmt: skip


def logarithm_tangent(scale: float) -> Any:
    """The rule of log(sum(exp(x))) to a base: the tangents' mean, weighted with exp(x - result)."""

    def tangent(primals: Any, tangents: Any, y: Any, *, axes: tuple[int, ...]) -> Any:
        (x,), (t,) = primals, tangents
        whole = restore(y, type_of(x), axes)
        stuck = op.isinf(whole)
        equal = op.convert(op.equal(x, whole), dtype=type_of(y).dtype)
        share = equal / restore(op.sum(equal, axes=axes), type_of(x), axes)
        difference = op.select(stuck, 0.0, x) - op.select(stuck, 0.0, whole)
        return op.sum(t * op.select(stuck, share, op.exp(scale * difference)), axes=axes)

    return tangent


def logarithm_dtype(dtype: np.dtype) -> np.dtype:
    return ufunc_dtype(np.logaddexp, (dtype, dtype))


logaddexp_reduce = reduction("logaddexp_reduce", numpy=np.logaddexp.reduce, combine="logaddexp",
    dtype=logarithm_dtype, identity=-np.inf, derivative=jvp(logarithm_tangent(1.0)),
    evaluate=lambda x, *, axes: np.logaddexp.reduce(x, axes), cases=real_cases,
    doc="log(sum(exp(x))), as `np.logaddexp.reduce`.")  # fmt: skip
logaddexp2_reduce = reduction("logaddexp2_reduce", numpy=np.logaddexp2.reduce, combine="logaddexp2",
    dtype=logarithm_dtype, identity=-np.inf, derivative=jvp(logarithm_tangent(float(np.log(2.0)))),
    evaluate=lambda x, *, axes: np.logaddexp2.reduce(x, axes), cases=real_cases,
    doc="log2(sum(2**x)), as `np.logaddexp2.reduce`.")  # fmt: skip
any = reduction("any", numpy=np.any, dtype=boolean, combine="or", identity=False,
    derivative=PIECEWISE,
    cases=axis_cases)  # fmt: skip
all = reduction("all", numpy=np.all, dtype=boolean, combine="and", identity=True,
    derivative=PIECEWISE,
    cases=axis_cases)  # fmt: skip


def one_axis_cases(rng: np.random.Generator) -> list[Case]:
    """Samples for places of extremes along one axis."""
    return [c for c in scan_cases(rng) if c.inputs[0].dtype.kind != "c"]


def scan_cases(rng: np.random.Generator) -> list[Case]:
    """Samples for running reductions."""
    x = rng.uniform(0.5, 2, (3, 4))
    return [
        Case((x,), {"axis": 0}),
        Case((x,), {"axis": 1}),
        Case((rng.uniform(0.5, 2, 7),), {"axis": 0}, True, "7 elements"),
        Case((x.astype(np.float32),), {"axis": 1}, True, "float32"),
        Case((x + 1j * rng.uniform(-1, 1, x.shape),), {"axis": 1}, True, "complex"),
        Case((rng.random((3, 4)) < 0.5,), {"axis": 1}, False, "bool"),
        Case((rng.integers(-3, 4, (3, 4)),), {"axis": 0}, False, "int64"),
    ]


def without(t: Type, *, axis: int) -> tuple[int, ...]:
    return t.shape[:axis] + t.shape[axis + 1 :]


def unchanged(t: Type, *, axis: int) -> tuple[int, ...]:
    return t.shape


for name, function in {"argmax": np.argmax, "argmin": np.argmin}.items():
    reduction(name, numpy=function, dtype=lambda dtype: np.dtype(np.intp), combine=name,
    identity=None,
        derivative=PIECEWISE, cases=one_axis_cases, shape=without,
        evaluate=lambda x, *, axis, function=function: function(x, axis=axis))  # fmt: skip


def cumulative_evaluate(function: Any) -> Any:
    def evaluate(x: Any, *, axis: int) -> Any:
        return function(x, axis=axis)

    return evaluate


def reversed_cumsum(ct: Any, x_type: Any, *, axis: int) -> Any:
    """The transpose of a running sum is the running sum from the other end."""
    return op.flip(op.cumsum(op.flip(ct, axes=(axis,)), axis=axis), axes=(axis,))


cumsum = reduction("cumsum", numpy=np.cumsum, dtype=sum_dtype, combine="add", identity=0,
    shape=unchanged,
    evaluate=cumulative_evaluate(np.cumsum), derivative=linear(reversed_cumsum),
    cases=scan_cases)  # fmt: skip


def cumprod_tangent(primals: Any, tangents: Any, y: Any, *, axis: int) -> Any:
    """The recurrence of (product, tangent) pairs, doubled in strides: exact with zeros.

    It takes log2(n) steps of the whole array.
    """
    (x,), (t,) = primals, tangents
    kind = type_of(x)
    product, step, extent = x, 1, kind.shape[axis]
    while step < extent:
        earlier = shifted(product, kind, axis, step, 1)
        t = t * earlier + product * shifted(t, kind, axis, step, 0)
        product = product * earlier
        step *= 2
    return t


def shifted(x: Any, t: Type, axis: int, step: int, fill: float) -> Any:
    """The array moved up by `step` along an axis, filled from below."""
    starts = (0,) * t.ndim
    stops = tuple(n - step if k == axis else n for k, n in enumerate(t.shape))
    head = np.full(tuple(step if k == axis else n for k, n in enumerate(t.shape)), fill, t.dtype)
    body = op.slice(x, starts=starts, stops=stops, steps=(1,) * t.ndim)
    return op.concatenate(head, body, axis=axis)


cumprod = reduction("cumprod", numpy=np.cumprod, dtype=sum_dtype, combine="mul", identity=1,
    shape=unchanged,
    evaluate=cumulative_evaluate(np.cumprod), derivative=jvp(cumprod_tangent, reads_output=False),
    cases=scan_cases)  # fmt: skip


def running_tangent(primals: Any, tangents: Any, y: Any, *, axis: int) -> Any:
    """The tangent of the element that set the running extreme: the first one where several do."""
    (x,), (t,) = primals, tangents
    kind = type_of(x)
    extent, rank = kind.shape[axis], kind.ndim
    if extent <= 1:
        return t

    def along(value: Any, start: int, stop: int) -> Any:
        starts = tuple(start if k == axis else 0 for k in range(rank))
        stops = tuple(stop if k == axis else n for k, n in enumerate(kind.shape))
        return op.slice(value, starts=starts, stops=stops, steps=(1,) * rank)

    repeated = op.equal(along(y, 1, extent), along(y, 0, extent - 1))
    numbers = np.arange(1, extent).reshape([-1 if k == axis else 1 for k in range(rank)])
    first = np.zeros([1 if k == axis else n for k, n in enumerate(kind.shape)], np.intp)
    setters = op.concatenate(first, op.select(repeated, 0, numbers), axis=axis)
    return take_along(t, op.cummax(setters, axis=axis), axis)


cummax = reduction("cummax", numpy=np.maximum.accumulate, dtype=same, combine="maximum",
    identity=None, shape=unchanged, evaluate=cumulative_evaluate(np.maximum.accumulate),
    derivative=jvp(running_tangent), cases=scan_cases, doc="The running maximum.")  # fmt: skip
cummin = reduction("cummin", numpy=np.minimum.accumulate, dtype=same, combine="minimum",
    identity=None, shape=unchanged, evaluate=cumulative_evaluate(np.minimum.accumulate),
    derivative=jvp(running_tangent), cases=scan_cases, doc="The running minimum.")  # fmt: skip
