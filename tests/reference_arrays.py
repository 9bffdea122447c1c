"""Second formulations of what moves, orders, reduces and contracts elements: loops over places in
plain Python; and the helpers of the other modules of references.

Enters: arrays.  Leaves: arrays, of Python's objects where Python computes.  No code is shared with
the primitives.
"""

from __future__ import annotations

import itertools
import math
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import mpmath as mp
import numpy as np

Place = tuple[int, ...]
DIGITS = 30  # of mpmath's: twice what is compared

# ------------------------------------------------------------------------------------------ helpers


def built(shape: Sequence[int], dtype: Any, element: Callable[[Place], Any]) -> np.ndarray:
    """An array made place by place."""
    out = np.empty(tuple(shape), dtype)
    for place in np.ndindex(*shape):
        out[place] = element(place)
    return out


def elements(x: Any) -> list:
    """The elements in C order, as NumPy's scalars."""
    return [x[place] for place in np.ndindex(*np.shape(x))]


def spread(x: Any, shape: Sequence[int]) -> Callable[[Place], Any]:
    """What stands at a place of a shape to which x is broadcast."""
    x = np.asarray(x)
    lead = len(shape) - x.ndim
    return lambda place: x[
        tuple(0 if n == 1 else k for n, k in zip(x.shape, place[lead:], strict=True))
    ]


def one_by_one(function: Callable, *inputs: Any) -> np.ndarray:
    """An elementwise function of Python's numbers, with the inputs broadcast; each value a
    Python object."""
    shape = np.broadcast_shapes(*[np.shape(x) for x in inputs])
    readers = [spread(x, shape) for x in inputs]
    return built(shape, object, lambda place: function(*[read(place).item() for read in readers]))


def wide(x: Any) -> np.ndarray:
    """In the widest precision that NumPy has."""
    x = np.asarray(x)
    return x.astype(np.clongdouble if x.dtype.kind == "c" else np.longdouble)


def rounding(*arrays: Any) -> float:
    """The coarsest machine epsilon among the inexact arrays."""
    kinds = [np.asarray(x).dtype for x in arrays]
    return max((float(np.finfo(t).eps) for t in kinds if t.kind in "fc"), default=2.0**-52)


def same(found: Any, expected: Any, *data: Any, ulps: float = 100) -> None:
    """Equal to some roundings of the largest number that took part."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    size = max(1.0, *[float(np.max(np.abs(x), initial=0)) for x in (found, expected, *data)])
    error = float(np.max(np.abs(wide(found) - wide(expected)), initial=0))
    limit = ulps * rounding(found, *data) * size * size
    assert error <= limit, f"off by {error}, more than {limit}"


def permutations(n: int) -> list[tuple[Place, int]]:
    """Every permutation with its sign, by counting inversions."""
    found = []
    for p in itertools.permutations(range(n)):
        inversions = sum(p[i] > p[j] for i in range(n) for j in range(i + 1, n))
        found.append((p, -1 if inversions % 2 else 1))
    return found


# ------------------------------------------------------------------------------ elementwise, layout


def to_single(x: float) -> np.float32:
    """The nearest number of 32 bits, by way of its bytes."""
    return np.frombuffer(struct.pack("f", x), np.float32)[0]


def binary_exponent(x: float) -> int:
    """e with 1/2 <= |x| / 2**e < 1, by halving and doubling."""
    exponent, size = 0, Fraction(abs(x))
    while size >= 1:
        size, exponent = size / 2, exponent + 1
    while 0 < size < Fraction(1, 2):
        size, exponent = size * 2, exponent - 1
    return exponent


def fraction_of(x: float) -> float:
    """What follows the point, with the number's sign."""
    if math.isnan(x) or math.isinf(x):
        return x if math.isnan(x) else math.copysign(0.0, x)
    size = Fraction(abs(x))
    return math.copysign(float(size - size.numerator // size.denominator), x)


def rounded(x: Any, *, decimals: int) -> np.ndarray:
    def one(z: Any) -> Any:
        if isinstance(z, complex):
            return complex(round(z.real, decimals), round(z.imag, decimals))
        return round(z, decimals)

    return one_by_one(one, x).astype(np.asarray(x).dtype)


def root(z: Any) -> Any:
    """The square root by its definition in mpmath; special values as C's."""
    if isinstance(z, float):
        return math.nan if z < 0 else z if z == 0 else float(mp.sqrt(z))
    return complex(mp.sqrt(mp.mpc(z)))


def from_parts(a: float, b: float) -> complex:
    return complex(a, b)


def clipped(x: Any, low: Any, high: Any) -> Any:
    return x if x != x else min(max(x, low), high)


def selected(mask: Any, a: Any, b: Any) -> Any:
    return a if mask else b


def reshaped(x: Any, *, shape: Sequence[int]) -> np.ndarray:
    rest = iter(elements(x))
    return built(shape, x.dtype, lambda _: next(rest))


def transposed(x: Any, *, axes: Place) -> np.ndarray:
    shape = [x.shape[a] for a in axes]
    return built(shape, x.dtype, lambda p: x[tuple(p[axes.index(k)] for k in range(x.ndim))])


def broadcast(x: Any, *, shape: Place) -> np.ndarray:
    return built(shape, x.dtype, spread(x, shape))


def ranges(starts: Place, stops: Place, steps: Place) -> list[range]:
    return [range(*bounds) for bounds in zip(starts, stops, steps, strict=True)]


def sliced(x: Any, *, starts: Place, stops: Place, steps: Place) -> np.ndarray:
    lists = ranges(starts, stops, steps)
    shape = [len(r) for r in lists]
    return built(shape, x.dtype, lambda p: x[tuple(r[k] for r, k in zip(lists, p, strict=True))])


def unsliced(x: Any, *, shape: Place, starts: Place, stops: Place, steps: Place) -> np.ndarray:
    lists = ranges(starts, stops, steps)

    def element(place: Place) -> Any:
        if all(k in r for k, r in zip(place, lists, strict=True)):
            return x[tuple(r.index(k) for k, r in zip(place, lists, strict=True))]
        return 0

    return built(shape, x.dtype, element)


def set_sliced(x: Any, v: Any, *, starts: Place, stops: Place, steps: Place) -> np.ndarray:
    lists = ranges(starts, stops, steps)

    def element(place: Place) -> Any:
        if all(k in r for k, r in zip(place, lists, strict=True)):
            return v[tuple(r.index(k) for k, r in zip(place, lists, strict=True))]
        return x[place]

    return built(x.shape, x.dtype, element)


def set_scattered(x: Any, v: Any, *indices: Any) -> np.ndarray:
    out = x.copy()
    lead = np.broadcast_shapes(*[i.shape for i in indices])
    for place in np.ndindex(*lead):
        out[tuple(int(np.broadcast_to(i, lead)[place]) for i in indices)] = v[place]
    return out


def flipped(x: Any, *, axes: Place) -> np.ndarray:
    return built(
        x.shape,
        x.dtype,
        lambda p: x[tuple(x.shape[a] - 1 - k if a in axes else k for a, k in enumerate(p))],
    )


def rolled(x: Any, *, shifts: Place, axes: Place) -> np.ndarray:
    out = np.empty_like(x)
    for place in np.ndindex(*x.shape):
        target = list(place)
        for shift, axis in zip(shifts, axes, strict=True):
            target[axis] = (target[axis] + shift) % x.shape[axis]
        out[tuple(target)] = x[place]
    return out


def concatenated(*inputs: Any, axis: int) -> np.ndarray:
    owners = [(x, k) for x in inputs for k in range(x.shape[axis])]
    shape = (*inputs[0].shape[:axis], len(owners), *inputs[0].shape[axis + 1 :])

    def element(place: Place) -> Any:
        x, k = owners[place[axis]]
        return x[(*place[:axis], k, *place[axis + 1 :])]

    return built(shape, np.result_type(*inputs), element)


def stacked(*inputs: Any, axis: int) -> np.ndarray:
    arrays = [np.asarray(x) for x in inputs]
    shape = (*arrays[0].shape[:axis], len(arrays), *arrays[0].shape[axis:])
    dtype = reduce(np.promote_types, [x.dtype for x in arrays])
    return built(shape, dtype, lambda p: arrays[p[axis]][(*p[:axis], *p[axis + 1 :])])


def filled_in(rest: Place, axes: Place, places: Place) -> Place:
    """The places of the other axes with those of `axes` put between them."""
    fixed, others = dict(zip(axes, places, strict=True)), iter(rest)
    return tuple(fixed[k] if k in fixed else next(others) for k in range(len(rest) + len(axes)))


def at(x: Any, *, axes: Place, places: Place) -> np.ndarray:
    shape = [n for k, n in enumerate(x.shape) if k not in axes]
    return built(shape, x.dtype, lambda p: x[filled_in(p, axes, places)])


def put_at(x: Any, *, shape: Place, axes: Place, places: Place) -> np.ndarray:
    targets = {filled_in(p, axes, places): x[p] for p in np.ndindex(*x.shape)}
    return built(shape, x.dtype, lambda p: targets.get(p, 0))


# ------------------------------------------------------------------------------------ index, orders


def gathered(x: Any, *indices: Any) -> np.ndarray:
    lead = np.broadcast_shapes(*[np.shape(i) for i in indices])
    readers, rank = [spread(i, lead) for i in indices], len(lead)
    return built(
        (*lead, *x.shape[len(indices) :]),
        x.dtype,
        lambda p: x[(*[int(read(p[:rank])) for read in readers], *p[rank:])],
    )


def scattered(values: Any, *indices: Any, shape: Place) -> np.ndarray:
    lead = np.broadcast_shapes(*[np.shape(i) for i in indices])
    readers, rank = [spread(i, lead) for i in indices], len(lead)
    groups: dict[Place, list] = {}
    for p in np.ndindex(*lead, *shape[len(indices) :]):
        first = [int(read(p[:rank])) % n for read, n in zip(readers, shape, strict=False)]
        groups.setdefault((*first, *p[rank:]), []).append(values[p])
    return built(shape, values.dtype, lambda p: total(groups.get(p, [])))


def rank_key(x: Any) -> tuple:
    """NumPy's order of numbers: NaN last; complex numbers by real part, then by imaginary part."""
    if isinstance(x, (complex, np.complexfloating)):
        nans = (math.isnan(x.real) or math.isnan(x.imag),)
        return (*nans, *rank_key(float(x.real)), *rank_key(float(x.imag)))
    return (math.isnan(x), 0.0 if math.isnan(x) else x)


def along(x: Any, axis: int) -> Iterator[tuple[tuple, list]]:
    """Each row along an axis, and the key that gets it."""
    for place in np.ndindex(*x.shape[:axis], *x.shape[axis + 1 :]):
        key = (*place[:axis], slice(None), *place[axis:])
        yield key, [x[(*place[:axis], k, *place[axis:])] for k in range(x.shape[axis])]


def sorted_places(x: Any, *, axis: int, kind: str = "stable") -> np.ndarray:
    out = np.empty(x.shape, np.intp)
    for key, row in along(x, axis):
        out[key] = sorted(range(len(row)), key=lambda k, row=row: rank_key(row[k]))
    return out


def check_sorted(inputs: tuple, outputs: list, *, axis: int) -> None:
    """The same elements in ascending order; of zeros with different signs either may be first."""
    (x,), (found,) = inputs, outputs
    expected = np.take_along_axis(x, sorted_places(x, axis=axis), axis)
    np.testing.assert_array_equal(found, expected)
    if x.dtype.kind == "f":
        zeros = lambda y: np.sum((y == 0) & np.signbit(y), axis)
        np.testing.assert_array_equal(zeros(found), zeros(expected))


def sorted_by_keys(*keys: Any, axis: int) -> np.ndarray:
    out = np.empty(keys[0].shape, np.intp)
    for rows in zip(*[along(k, axis) for k in keys], strict=True):
        columns = [row for _, row in reversed(rows)]
        out[rows[0][0]] = sorted(
            range(len(columns[0])), key=lambda k, c=columns: [rank_key(row[k]) for row in c]
        )
    return out


def check_partition(inputs: tuple, outputs: list, *, axis: int, kth: Place) -> None:
    """A permutation with nothing larger before a k-th place and nothing smaller behind it."""
    (x,), (order,) = inputs, outputs
    for (_, row), (_, places) in zip(along(x, axis), along(order, axis), strict=True):
        assert sorted(places) == list(range(len(row)))
        keys = [rank_key(row[k]) for k in places]
        for k in kth:
            assert all(key <= keys[k] for key in keys[:k])
            assert all(key >= keys[k] for key in keys[k:])


def searched(a: Any, v: Any, *, side: str) -> np.ndarray:
    bisect = bisect_left if side == "left" else bisect_right
    lead = a.ndim - 1

    def element(place: Place) -> int:
        return bisect([rank_key(x) for x in a[place[:lead]].tolist()], rank_key(v[place].item()))

    return built(v.shape, np.intp, element)


# --------------------------------------------------------------------------------------- reductions


def total(numbers: Sequence[Any]) -> Any:
    """The sum, rounded once."""
    plain = [x.item() for x in numbers]
    if any(isinstance(x, complex) for x in plain):
        return complex(math.fsum(x.real for x in plain), math.fsum(x.imag for x in plain))
    return math.fsum(plain) if any(isinstance(x, float) for x in plain) else sum(plain)


def product(numbers: Sequence[Any]) -> Any:
    plain = [x.item() for x in numbers]
    return reduce(lambda a, b: a * b, plain, 1)


def larger(a: Any, b: Any) -> Any:
    """The later one in NumPy's order, in which NaN is last; the first of equal ones."""
    return b if rank_key(b) > rank_key(a) else a


def smaller(a: Any, b: Any) -> Any:
    """The earlier one, but the first NaN where there is one."""
    return a if a != a or (b == b and rank_key(a) <= rank_key(b)) else b


def greatest(numbers: Sequence[Any]) -> Any:
    return reduce(larger, numbers)


def least(numbers: Sequence[Any]) -> Any:
    return reduce(smaller, numbers)


def log_of_sum(base: Any) -> Callable:
    """log(sum(base**x)) to that base."""

    def of(numbers: Sequence[Any]) -> float:
        with mp.workdps(DIGITS):
            exact = [mp.mpf(x.item()) for x in numbers]
            if any(map(mp.isnan, exact)):
                return math.nan
            if mp.inf in exact:
                return math.inf
            scale = mp.log(base)
            summed = mp.fsum(mp.exp(x * scale) for x in exact if x != -mp.inf)
            return float(mp.log(summed) / scale) if summed else -math.inf

    return of


def length(numbers: Sequence[Any]) -> float:
    with mp.workdps(DIGITS):
        return float(mp.sqrt(mp.fsum(abs(mp.mpmathify(x.item())) ** 2 for x in numbers)))


def reduced(combine: Callable) -> Callable:
    """A reduction over axes from a function of lists of numbers."""

    def over(x: Any, *, axes: Place) -> np.ndarray:
        groups: dict[Place, list] = {}
        for place in np.ndindex(*x.shape):
            rest = tuple(k for a, k in enumerate(place) if a not in axes)
            groups.setdefault(rest, []).append(x[place])
        shape = [n for a, n in enumerate(x.shape) if a not in axes]
        values = [combine(groups.get(place, [])) for place in np.ndindex(*shape)]
        return np.array(values).reshape(shape)

    return over


def running(combine: Callable) -> Callable:
    """A running reduction along an axis from a function of two numbers."""

    def over(x: Any, *, axis: int) -> np.ndarray:
        out = np.empty(x.shape, object)
        for key, row in along(x, axis):
            out[key] = list(itertools.accumulate([y.item() for y in row], combine))
        return np.array(out.tolist())

    return over


def place_of(extreme: Callable) -> Callable:
    """The first place of an extreme, or of a NaN."""

    def over(x: Any, *, axis: int) -> np.ndarray:
        shape = (*x.shape[:axis], *x.shape[axis + 1 :])
        out = np.empty(shape, np.intp)
        for key, row in along(x, axis):
            wanted = rank_key(extreme(row))
            out[key[:axis] + key[axis + 1 :]] = [rank_key(y) for y in row].index(wanted)
        return out

    return over


# ------------------------------------------------------------------------------------- contractions


def summed(*inputs: Any, subscripts: str) -> np.ndarray:
    """Einstein's summation as its definition: loops over all letters."""
    left, output = subscripts.split("->")
    terms = left.split(",")
    letters = sorted(set(left) - {","})
    extent = dict.fromkeys(letters, 1)
    for term, x in zip(terms, inputs, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            extent[letter] = max(extent[letter], n)
    exact = [wide(x) for x in inputs]
    out = np.zeros([extent[x] for x in output], np.result_type(*exact))
    for numbers in itertools.product(*[range(extent[x]) for x in letters]):
        place = dict(zip(letters, numbers, strict=True))
        factor = 1
        for term, x in zip(terms, exact, strict=True):
            factor = factor * x[tuple(place[a] % n for a, n in zip(term, x.shape, strict=True))]
        out[tuple(place[x] for x in output)] += factor
    return out


def multiplied(a: Any, b: Any) -> np.ndarray:
    """The matrix product by three loops; a vector is a matrix of one row or one column."""
    first, second = wide(a), wide(b)
    rows = first[None] if a.ndim == 1 else first
    columns = second[:, None] if b.ndim == 1 else second
    stack = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    left = spread_stack(rows, stack)
    right = spread_stack(columns, stack)
    out = np.zeros((*stack, rows.shape[-2], columns.shape[-1]), np.result_type(first, second))
    for k in np.ndindex(*stack):
        for i, j, inner in np.ndindex(*out.shape[-2:], rows.shape[-1]):
            out[(*k, i, j)] += left(k)[i, inner] * right(k)[inner, j]
    out = out[..., 0, :] if a.ndim == 1 else out
    return out[..., 0] if b.ndim == 1 else out


def spread_stack(x: np.ndarray, stack: Place) -> Callable[[Place], np.ndarray]:
    """The matrix at a place of a stack."""
    lead = len(stack) - (x.ndim - 2)
    return lambda k: x[
        tuple(0 if n == 1 else i for n, i in zip(x.shape[:-2], k[lead:], strict=True))
    ]


def crossed(a: Any, b: Any) -> np.ndarray:
    """By the sign of permutations."""
    shape = np.broadcast_shapes(a.shape, b.shape)
    first, second = spread(wide(a), shape), spread(wide(b), shape)

    def element(place: Place) -> Any:
        return sum(
            sign * first((*place[:-1], j)) * second((*place[:-1], k))
            for (i, j, k), sign in permutations(3)
            if i == place[-1]
        )

    return built(shape, np.result_type(wide(a), wide(b)), element)


def convolved(a: Any, b: Any, *, mode: str) -> np.ndarray:
    """The product of polynomials."""
    n, m = a.shape[-1], b.shape[-1]
    stack = np.broadcast_shapes(a.shape[:-1], b.shape[:-1])
    first, second = spread(wide(a), (*stack, n)), spread(wide(b), (*stack, m))
    out = np.zeros((*stack, n + m - 1), np.result_type(wide(a), wide(b)))
    for *k, i, j in np.ndindex(*stack, n, m):
        out[(*k, i + j)] += first((*k, i)) * second((*k, j))
    return out if mode == "full" else out[..., m - 1 : n]
