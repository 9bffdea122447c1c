"""Random programs as users write them: plain functions of NumPy arrays, from a seed.

Enters: a seed.  Leaves: a `Sample`: a function, example arguments, and the arguments at other sizes
of the same ranks.  A program is a list of steps; what a step does follows from its own seed and
from the shapes and dtypes of the values so far, so the function runs on plain arrays, on traced
ones, and in extended precision.

Each value carries whether it is *exact*: made by operations that are not rounded in another way by
native code (no sums, no mathematical functions).  Comparisons, rounding and sorting take exact
values only: there every implementation decides alike.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

EXTENTS = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 19, 24, 26, 33, 55, 64, 65)
CELLS = 6000  # elements of the largest value of an ordinary program
MANY = 400_000  # the same where loops shall be cut into blocks


class Value(NamedTuple):
    """A value of a program, and whether every implementation has the same bits."""

    array: Any
    exact: bool

    @property
    def kind(self) -> str:
        return self.array.dtype.kind

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def rank(self) -> int:
        return len(self.array.shape)


class Run:
    """One evaluation: the values so far."""

    def __init__(self, arrays: Sequence[Any], cells: int) -> None:
        self.cells = cells
        self.values = [Value(x, True) for x in arrays]

    def pick(self, r: random.Random, wanted: Callable[[Value], bool]) -> Value | None:
        """One of the values, late ones more often."""
        found = [v for v in self.values if wanted(v)]
        if not found:
            return None
        return found[min(int(len(found) * r.random() ** 0.6), len(found) - 1)]

    def fits(self, shape: Sequence[int]) -> bool:
        return int(np.prod(shape, dtype=np.int64)) <= self.cells


Step = Callable[[Run, random.Random], "Value | None"]
STEPS: list[tuple[str, float, Step]] = []


def step(weight: float = 1.0) -> Callable[[Step], Step]:
    """Register a step."""

    def register(function: Step) -> Step:
        STEPS.append((function.__name__, weight, function))
        return function

    return register


def is_float(v: Value) -> bool:
    return v.kind == "f"


def is_array(v: Value) -> bool:
    return v.rank > 0


def float_array(v: Value) -> bool:
    return v.kind == "f" and v.rank > 0


def exact_float(v: Value) -> bool:
    return v.kind == "f" and v.exact


def broadcastable(a: Value, b: Value) -> bool:
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return False
    return True


def partner(run: Run, r: random.Random, a: Value, kinds: str, exact: bool = False) -> Value | None:
    """A value that broadcasts against another one."""
    return run.pick(
        r,
        lambda v: (
            v.kind in kinds
            and (v.exact or not exact)
            and broadcastable(a, v)
            and run.fits(np.broadcast_shapes(a.shape, v.shape))
        ),
    )


# ---------------------------------------------------------------------------------- elementwise


SMOOTH: tuple[Callable, ...] = (
    np.sin,
    np.cos,
    np.tanh,
    np.arctan,
    np.arcsinh,
    lambda x: np.exp(-np.abs(x)),
    lambda x: np.exp(np.minimum(x, 1.0)),
    lambda x: np.sqrt(x * x + 0.25),
    lambda x: np.log1p(np.abs(x)),
    lambda x: np.log(x**2 + 0.5),
    lambda x: 1 / (1 + x * x),
    lambda x: np.tanh(x) ** 3,
    lambda x: (1 + np.cos(x) ** 2) ** -0.5,
    lambda x: np.power(np.abs(x) + 0.5, -1.5) * 0.25,
    lambda x: np.expm1(np.clip(x, -2, 1)),
    lambda x: np.logaddexp(x, 0.0),
    lambda x: np.cbrt(x),
    lambda x: np.arcsin(np.clip(x, -0.75, 0.75)),
)
EXACT: tuple[Callable, ...] = (
    np.abs,
    np.negative,
    lambda x: np.clip(x, -1, 1.5),
    lambda x: np.maximum(x, 0),
    lambda x: x * 0.5,
    lambda x: 1 - x,
    lambda x: x * x * 0.25,
    lambda x: x**2 / 4,
    lambda x: np.sqrt(np.abs(x)),
    lambda x: x / 3,
    lambda x: 1.5 / (1 + np.abs(x)),
)
JUMPS: tuple[Callable, ...] = (
    np.floor,
    np.sign,
    np.rint,
    lambda x: x % 1.25,
    lambda x: x // 0.75,
    lambda x: np.heaviside(x, 0.5),
    lambda x: np.fmod(x, 0.75),
    lambda x: np.trunc(x),
)


@step(4)
def smooth(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, is_float)
    return a and Value(r.choice(SMOOTH)(a.array), False)


@step(2)
def exact(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, is_float)
    return a and Value(r.choice(EXACT)(a.array), a.exact)


@step(0.7)
def jump(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, exact_float)
    return a and Value(r.choice(JUMPS)(a.array), True)


PAIRS: tuple[Callable, ...] = (
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y * 0.5,
    lambda x, y: x / (1 + np.abs(y)),
    lambda x, y: np.maximum(x, y),
    lambda x, y: np.minimum(x, y),
    lambda x, y: (x - y) ** 2 * 0.125,
    lambda x, y: 0.75 * x + 0.25 * y,
    lambda x, y: np.copysign(x, y),
)
ROUNDED_PAIRS: tuple[Callable, ...] = (
    np.arctan2,
    np.hypot,
    np.logaddexp,
    lambda x, y: np.power(np.abs(x) + 0.75, np.clip(y, -1.5, 1.5)),
    lambda x, y: np.exp(-((x - y) ** 2)),
    lambda x, y: np.sin(x) * np.cos(y),
)


@step(6)
def pair(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, is_float)
    b = a and partner(run, r, a, "fib")
    if a is None or b is None:
        return None
    if r.random() < 0.3:
        a, b = b, a
    chosen = r.randrange(len(PAIRS))
    if (b.kind == "b" and chosen == 1) or a.kind == "b":
        chosen = 2
    found = PAIRS[chosen](a.array, b.array)
    return Value(found, a.exact and b.exact and (a.kind == b.kind == "f"))


@step(2)
def rounded_pair(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, is_float)
    b = a and partner(run, r, a, "f")
    return b and Value(r.choice(ROUNDED_PAIRS)(a.array, b.array), False)


@step(1)
def compare(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, lambda v: v.exact and v.kind in "fi")
    b = a and partner(run, r, a, a.kind, True)
    if b is None:
        return None
    if r.random() < 0.3:
        return Value(r.choice((np.greater, np.less_equal))(a.array, 0), True)
    ufunc = r.choice((np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal))
    return Value(ufunc(a.array, b.array), True)


@step(0.6)
def logic(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, lambda v: v.kind == "b")
    b = a and partner(run, r, a, "b")
    if b is None:
        return None
    return Value(
        r.choice(
            (
                lambda x, y: x & y,
                lambda x, y: x | y,
                lambda x, y: x ^ y,
                lambda x, y: np.logical_and(~x, y),
            )
        )(a.array, b.array),
        True,
    )


@step(2)
def choose(run: Run, r: random.Random) -> Value | None:
    mask = run.pick(r, lambda v: v.kind == "b")
    a = mask and partner(run, r, mask, "f")
    if a is None:
        return None
    if r.random() < 0.35:
        return Value(np.where(mask.array, a.array, r.choice((0.0, 1.0, -0.5))), a.exact)
    both = Value(np.broadcast_to(np.empty(()), np.broadcast_shapes(mask.shape, a.shape)), True)
    b = partner(run, r, both, "f")
    return b and Value(np.where(mask.array, a.array, b.array), a.exact and b.exact)


@step(1)
def singular(run: Run, r: random.Random) -> Value | None:
    """The double `where` around a branch that has no value."""
    a = run.pick(r, exact_float)
    if a is None:
        return None
    x = a.array
    which = r.randrange(3)
    if which == 0:
        good = np.where(x > 0, x, 1.0)
        return Value(np.where(x > 0, np.sqrt(good), 0.0), True)
    if which == 1:
        good = np.where(x > 0.25, x, 1.0)
        return Value(np.where(x > 0.25, np.log(good), x), False)
    return Value(np.where(np.abs(x) > 0.5, 1 / np.where(np.abs(x) > 0.5, x, 1.0), 0.0), True)


@step(0.8)
def repeated(run: Run, r: random.Random) -> Value | None:
    """A loop in Python."""
    a = run.pick(r, is_float)
    if a is None:
        return None
    x = a.array
    for k in range(r.randint(2, 4)):
        x = 0.5 * x + np.sin(x + k) * 0.5
    return Value(x, False)


@step(0.8)
def integer_pair(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, lambda v: v.kind == "i")
    b = a and partner(run, r, a, "i")
    if b is None:
        return None
    return Value(
        r.choice(
            (
                lambda x, y: x + y,
                lambda x, y: x - y,
                lambda x, y: (x % 17) * (y % 13),
                lambda x, y: x // y,
                lambda x, y: x % y,
                np.maximum,
                lambda x, y: x ^ y,
                lambda x, y: x & 7 | y,
                lambda x, y: x << (y & 3),
                lambda x, y: -x,
                lambda x, y: np.abs(x) // 2,
            )
        )(a.array, b.array),
        True,
    )


@step(0.6)
def converted(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, lambda v: v.exact)
    if a is None:
        return None
    if a.kind == "f":
        if r.random() < 0.5:
            return Value(
                np.floor(np.clip(a.array, -50, 50) * 4).astype(r.choice((int, "i4"))), True
            )
        return Value(a.array.astype("f4" if r.random() < 0.5 else "f8") * 1.5, True)
    return Value(a.array.astype(r.choice(("f8", "f4", "i8"))), True)


# --------------------------------------------------------------------------------------- layout


@step(3)
def sliced(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, is_array)
    if a is None:
        return None
    key: list[Any] = []
    for n in a.shape:
        which = r.random()
        if which < 0.3:
            key.append(slice(None))
        elif which < 0.45:
            key.append(slice(None, None, -1))
        elif which < 0.55 and a.rank > 1:
            key.append(r.randrange(-n, n))
        elif which < 0.7 and n > 2:
            key.append(slice(r.randint(0, 1), None, 2))
        elif which < 0.8 and n > 3:
            key.append(slice(n - 1, 0, -r.randint(1, 3)))
        elif which < 0.9 and n > 1:
            key.append(slice(1, None) if r.random() < 0.5 else slice(None, -1))
        else:
            key.append(slice(r.randrange(n), None))
        if r.random() < 0.08:
            key.append(None)
    if r.random() < 0.2:
        key = key[:1] + [...]
    found = a.array[tuple(key)]
    return Value(found, a.exact) if found.ndim else None


@step(1.5)
def turned(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, lambda v: v.rank > 1)
    if a is None:
        return None
    order = list(range(a.rank))
    r.shuffle(order)
    return Value(np.transpose(a.array, order), a.exact)


@step(2)
def reshaped(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, is_array)
    if a is None:
        return None
    shape = list(a.shape)
    if a.rank > 1 and (r.random() < 0.6 or a.rank > 3):
        k = r.randrange(a.rank - 1)
        shape[k : k + 2] = [shape[k] * shape[k + 1]]
        if r.random() < 0.2:
            shape = [-1]
    else:
        k = r.randrange(a.rank)
        parts = [d for d in range(2, 20) if shape[k] % d == 0]
        if not parts:
            return None
        d = r.choice(parts)
        shape[k : k + 1] = [d, shape[k] // d]
    return Value(a.array.reshape(shape), a.exact)


@step(1.5)
def joined(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, lambda v: v.rank > 0 and v.kind == "f")
    if a is None:
        return None
    axis = r.randrange(a.rank)
    rest = lambda v: v.shape[:axis] + v.shape[axis + 1 :]
    b = run.pick(r, lambda v: v.kind == "f" and v.rank == a.rank and rest(v) == rest(a))
    if b is None or not run.fits((2 * max(a.shape[axis], b.shape[axis]), *rest(a))):
        return None
    parts = [a.array, b.array]
    if r.random() < 0.3:
        parts.append(a.array[tuple([slice(None)] * axis + [slice(0, 1)])])
    if r.random() < 0.4 and a.shape == b.shape and a.rank < 4:
        return Value(np.stack([a.array, b.array], r.randrange(a.rank + 1)), a.exact and b.exact)
    return Value(np.concatenate(parts, axis), a.exact and b.exact)


@step(1.5)
def moved(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, is_array)
    if a is None:
        return None
    axis = r.randrange(a.rank)
    which = r.randrange(7)
    x = a.array
    if which == 0:
        return Value(np.roll(x, r.randint(-5, 5), axis), a.exact)
    if which == 1:
        return Value(np.flip(x, axis), a.exact)
    if which == 2:
        return Value(np.expand_dims(x, axis), a.exact) if a.rank < 4 else None
    if which == 3 and a.rank > 1:
        return Value(np.swapaxes(x, 0, -1), a.exact)
    if which == 4 and run.fits((3, *a.shape)) and a.rank < 4:
        return Value(np.broadcast_to(x, (3, *a.shape)), a.exact)
    if which == 5 and run.fits([n + 3 for n in a.shape]):
        width = [(r.randint(0, 1), r.randint(0, 2)) for _ in a.shape]
        return Value(np.pad(x, width), a.exact)
    if which == 6 and a.rank > 1 and a.kind == "f":
        return Value(r.choice((np.tril, np.triu))(x, r.randint(-1, 1)), a.exact)
    return None


# ----------------------------------------------------------------------------------- reductions


def some_axes(r: random.Random, rank: int) -> Any:
    which = r.random()
    if which < 0.15:
        return None
    axes = tuple(k for k in range(rank) if r.random() < 0.5) or (r.randrange(rank),)
    return axes if len(axes) > 1 else r.choice((axes, axes[0], axes[0] - rank))


@step(3)
def summed(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, float_array)
    if a is None:
        return None
    axes, keep = some_axes(r, a.rank), r.random() < 0.5
    x, which = a.array, r.randrange(7)
    if which == 0:
        return Value(np.sum(x, axes, keepdims=keep) * 0.125, False)
    if which == 1:
        return Value(x - np.mean(x, axes, keepdims=True), False)
    if which == 2:
        return Value(np.var(x, axes, keepdims=keep), False)
    if which == 3:
        return Value(np.sqrt(np.sum(x * x, axes, keepdims=keep) + 0.5) * 0.25, False)
    if which == 4:
        b = partner(run, r, a, "f")
        if b is None:
            return None
        return Value(np.mean(x * b.array, 0, keepdims=keep), False) if a.rank else None
    return Value(np.mean(x, axes, keepdims=keep), False)


@step(2)
def extreme(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, float_array)
    if a is None:
        return None
    axes, keep = some_axes(r, a.rank), r.random() < 0.5
    return Value(r.choice((np.max, np.min))(a.array, axes, keepdims=keep), a.exact)


@step(1)
def normalised(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, float_array)
    if a is None:
        return None
    x, axis = a.array, r.randrange(a.rank)
    top = np.max(x, axis, keepdims=True)
    weights = np.exp(x - top)
    total = np.sum(weights, axis, keepdims=True)
    if r.random() < 0.5:
        return Value(weights / total, False)
    return Value(np.squeeze(np.log(total) + top, axis), False)


@step(1)
def product(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, float_array)
    if a is None:
        return None
    axis = r.randrange(a.rank)
    near = 1 + np.tanh(a.array) / (2 * a.shape[axis])
    which = r.randrange(4)
    if which == 0:
        return Value(np.prod(near, axis), False)
    if which == 1:
        return Value(np.cumprod(near, axis), False)
    return Value(np.cumsum(a.array, axis) / a.shape[axis], False)


@step(1)
def counted(run: Run, r: random.Random) -> Value | None:
    """Reductions of booleans and integers."""
    a = run.pick(r, lambda v: v.rank > 0 and v.kind in "bi")
    if a is None:
        return None
    axes, keep = some_axes(r, a.rank), r.random() < 0.5
    if a.kind == "b":
        ufunc = r.choice((np.any, np.all, np.sum))
        return Value(ufunc(a.array, axes, keepdims=keep), True)
    ufunc = r.choice((np.sum, np.max, np.min, np.prod))
    return Value(ufunc(a.array, axes, keepdims=keep), True)


@step(1)
def place_of_extreme(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, lambda v: v.rank > 0 and v.exact and v.kind in "fi")
    if a is None:
        return None
    return Value(r.choice((np.argmax, np.argmin))(a.array, r.randrange(a.rank)), True)


# --------------------------------------------------------------------------------- contractions


@step(2)
def contracted(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, float_array)
    if a is None:
        return None
    n = a.shape[-1]
    b = run.pick(
        r,
        lambda v: (
            (v.kind == "f" and v.rank in (1, 2) and v.shape[0] == n)
            or (v.kind == "f" and v.rank == a.rank and a.rank > 1 and v.shape[:-2] == a.shape[:-2]
            and v.shape[-2] == n)
        ),
    )  # fmt: skip
    if b is not None and run.fits((*a.shape[:-1], *b.shape[-1:])):
        return Value(np.matmul(a.array, b.array) * (1.0 / n), False)
    b = run.pick(r, lambda v: v.kind == "f" and v.rank == a.rank and v.shape[-1] == n)
    if b is None or a.rank > 2:
        return None
    if a.rank == 1:
        return Value(np.einsum("i,i->", a.array, b.array) / n, False)
    if not run.fits((a.shape[0], b.shape[0])):
        return None
    which = r.randrange(3)
    if which == 0:
        return Value(np.einsum("ij,kj->ik", a.array, b.array) / n, False)
    if which == 1:
        return Value(np.einsum("ij,kj->k", a.array, b.array) / n, False)
    return Value(np.dot(a.array, b.array.T) / n, False)


@step(0.6)
def outer(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, lambda v: v.kind == "f" and v.rank == 1)
    b = run.pick(r, lambda v: v.kind == "f" and v.rank == 1)
    if a is None or b is None or not run.fits((a.shape[0], b.shape[0])):
        return None
    if r.random() < 0.5:
        return Value(a.array[:, None] - b.array[None, :], a.exact and b.exact)
    return Value(np.outer(a.array, b.array), a.exact and b.exact)


# -------------------------------------------------------------------------------------- indices


@step(2)
def gathered(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, is_array)
    if a is None:
        return None
    axis = r.randrange(a.rank)
    n, x = a.shape[axis], a.array
    which = r.randrange(4)
    if which == 0 and a.kind == "f":
        i = run.pick(r, lambda v: v.kind == "i" and v.rank > 0)
        if i is None or not run.fits((*a.shape[:axis], *i.shape, *a.shape[axis + 1 :])):
            return None
        if a.rank - 1 + i.rank > 4:
            return None
        return Value(np.take(x, i.array % n - (n if r.random() < 0.3 else 0), axis=axis), a.exact)
    count = r.choice((1, 2, 5, 17, 20))
    places = np.array([r.randrange(-n, n) for _ in range(count)])
    if not run.fits((*a.shape[:axis], count, *a.shape[axis + 1 :])):
        return None
    if which == 1 and a.rank > 1:
        others = np.array([r.randrange(-a.shape[1], a.shape[1]) for _ in range(count)])
        return Value(x[places % a.shape[0], others], a.exact)
    if which == 2:
        return Value(x[(slice(None),) * axis + (places,)], a.exact)
    if which == 3:
        kept = np.array([r.random() < 0.6 for _ in range(n)])
        kept[r.randrange(n)] = True
        return Value(x[(slice(None),) * axis + (kept,)], a.exact)
    return Value(np.take(x, places, axis=axis), a.exact)


@step(0.8)
def ordered(run: Run, r: random.Random) -> Value | None:
    a = run.pick(r, lambda v: v.rank > 0 and v.exact and v.kind == "f")
    if a is None:
        return None
    axis = r.randrange(a.rank)
    which = r.randrange(4)
    if which == 0:
        return Value(np.sort(a.array + 0.0, axis), True)  # the order of -0.0 and 0.0 is open
    order = np.argsort(a.array, axis, kind="stable")
    if which == 1:
        return Value(order, True)
    b = run.pick(r, lambda v: v.shape == a.shape and v.kind == "f")
    return b and Value(np.take_along_axis(b.array, order, axis), b.exact)


@step(0.5)
def picked(run: Run, r: random.Random) -> Value | None:
    """The element at the place of the extreme, along an axis."""
    a = run.pick(r, lambda v: v.rank > 0 and v.exact and v.kind == "f")
    b = a and run.pick(r, lambda v: v.shape == a.shape and v.kind == "f")
    if b is None:
        return None
    axis = r.randrange(a.rank)
    place = np.expand_dims(np.argmax(a.array, axis), axis)
    return Value(np.take_along_axis(b.array, place, axis), b.exact)


# ------------------------------------------------------------------------------------- programs


class Sample(NamedTuple):
    """A program with its arguments."""

    function: Callable[..., tuple]
    arguments: list[np.ndarray]
    others: list[np.ndarray]  # other sizes of the same ranks
    title: str
    values: Callable[..., tuple[list, list]]  # of a run: all values, and the outputs


def draw(r: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """An argument: often with few different values."""
    if kind == "i":
        return r.integers(-9, 10, shape)
    if r.random() < 0.4:
        found = r.integers(-6, 7, shape) * 0.25
    else:
        found = r.normal(size=shape)
    return np.asarray(found, "f8" if kind == "d" else "f4")


def sample(seed: int, many: bool = False) -> Sample:
    """The program of a seed."""
    r = random.Random(seed)
    cells = MANY if many else CELLS
    extents = [r.choice(EXTENTS) for _ in range(r.randint(2, 3))]
    large = r.choice((20_000, 70_001, 131_072))
    if many:
        extents = [large, r.choice((1, 2, 3, 4))]
    single = r.random() < 0.25
    kinds = []
    shapes: list[tuple[int, ...]] = []
    for k in range(r.randint(1, 4)):
        rank = r.choice((0, 1, 1, 2, 2, 2, 3)) if k else r.choice((1, 2, 2, 3))
        axes = tuple(r.randrange(len(extents)) if r.random() < 0.88 else -1 for _ in range(rank))
        if many:
            axes = ((0, 1), (0,), (1,), ())[min(k, 3)]
        shapes.append(axes)
        kinds.append("i" if k and r.random() < 0.2 else "f" if single or r.random() < 0.1 else "d")
    count = r.randint(2, 9) if not many else r.randint(2, 6)

    def arguments(table: Sequence[int], seed: int) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        found = []
        for kind, axes in zip(kinds, shapes, strict=True):
            shape = [1 if k < 0 else table[k] for k in axes]
            while int(np.prod(shape)) > cells:
                shape[shape.index(max(shape))] = 2
            found.append(draw(rng, kind, tuple(shape)))
        return found

    def values(*arrays: Any) -> tuple[list[Value], list[Value]]:
        run = Run([x if hasattr(x, "dtype") else np.float64(x) for x in arrays], cells)
        made: list[Value] = []
        for k in range(count):
            for attempt in range(4):
                inner = random.Random(f"{seed} {k} {attempt}")
                weights = [w for _, w, _ in STEPS]
                (chosen,) = inner.choices([s for *_, s in STEPS], weights)
                found = chosen(run, inner)
                if found is not None and run.fits(found.shape) and found.rank <= 5:
                    run.values.append(found)
                    made.append(found)
                    break
        if not made:
            made = run.values[:1]
        inner = random.Random(f"{seed} outputs")
        outputs = [made[-1]]
        for v in made[:-1]:
            if inner.random() < 0.3:
                outputs.append(v)
        return run.values, outputs

    def function(*arrays: Any) -> tuple:
        return tuple([v.array for v in values(*arrays)[1]])

    factor = 3 if many else 1
    other = [n if n == 1 else max(2, n // 2 + 3) * factor for n in extents]
    return Sample(
        function, arguments(extents, seed), arguments(other, seed + 1), f"seed {seed}", values
    )
