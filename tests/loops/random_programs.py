"""Random programs that are well formed: what the emitter is compared with the interpreter on.

`random_program(seed)` gives a `Program` and inputs for it; the same seed gives the same ones.  A
program is a few stages, each of which makes an array from inputs and arrays made before:
elementwise values over up to three loops, reductions (with an accumulator inside, or into the
result, the loops in any order), scatters, running reductions, work in place, and reductions in
blocks.  Marks are put where a stage allows them, so that a program passes `verify` as it is made.

With `exact` (the default) every order of the iterations gives the same bits, NaN's sign and payload
left aside: operations are correctly rounded, and what is summed is rounded to small whole numbers
first.  Without it, there are transcendental functions too, sums are rounded, and no operation
jumps; magnitudes stay below about a thousand, so a relative tolerance of 1e-9 (float64) or 1e-3
(float32) of the largest element serves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from loops.programs import B1, F4, F8, I4, I8, Writer, number

from adjoint.loops.ir import Array, Index, Place, Program, Symbol, extent

FLOATS, INTEGERS = (F8, F4), (I8, I4)
DTYPES = (F8, F8, F4, I8, I4, B1)
UNARY = {
    "f": "neg abs square sqrt floor ceil trunc rint sign reciprocal",
    "i": "neg abs square sign invert",
    "b": "logical_not invert",
}
BINARY = {
    "f": "add sub mul div maximum minimum fmax fmin remainder floor_divide",
    "i": "add sub mul maximum minimum floor_divide remainder bitwise_and bitwise_or bitwise_xor",
    "b": "logical_and logical_or logical_xor bitwise_xor",
}
SMOOTH_UNARY = "neg sin cos tanh arctan square exp expm1 log1p sqrt arcsinh"
SMOOTH_BINARY = "add sub mul hypot div"
COMPARISONS = "less less_equal greater greater_equal equal not_equal"
COMBINES = {"f": "add mul maximum minimum", "i": "add mul maximum minimum"}
LOGIC = "logical_or logical_and"
LARGEST = 50.0  # of a float, where there is a bound


def random_program(
    seed: int,
    *,
    exact: bool = True,
    lanes: int = 4,
    stages: int = 3,
    least: int = 0,
    in_place: bool = True,
) -> tuple[Program, list[np.ndarray]]:
    """A well-formed program and its inputs.

    `lanes` is the W around which sizes are drawn.  With `least`, no size is 0 and lanes loops have
    at least so many iterations; without `in_place`, no lanes loop works on an array in place.
    """
    return Maker(seed, exact, lanes, least, in_place).make(stages)


class Maker:
    """Makes one program."""

    def __init__(self, seed: int, exact: bool, lanes: int, least: int, in_place: bool) -> None:
        self.least, self.allows_in_place = least, in_place
        self.rng = np.random.default_rng(seed)
        self.exact = exact
        self.w = Writer()
        sizes = [0, 1, 2, lanes - 1, lanes, lanes + 1, 2 * lanes, 3 * lanes + 2]
        weights = np.array([1, 3, 3, 4, 4, 6, 4, 6]) / 31
        chosen = self.rng.choice(sizes, 2, p=weights)
        self.sizes: list[Any] = [Symbol(max(int(n), min(least, 1))) for n in chosen]
        self.sizes += [int(n) for n in self.rng.choice([1, 2, 3, 4], 2, replace=False)]
        self.inputs: list[Array] = []
        self.values: list[np.ndarray] = []
        self.arrays: list[Array] = []  # that can be read
        self.made: list[Array] = []  # of these, what stages made
        self.bounds: dict[Any, float] = {}  # of floats, where not exact
        self.reversals: dict[Symbol, Symbol] = {}

    # -------------------------------------------------------------------------------- small draws

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def pick(self, options: Any) -> Any:
        options = options.split() if isinstance(options, str) else list(options)
        return options[int(self.rng.integers(len(options)))]

    def shape(self, least: int, most: int) -> list[Any]:
        """Different sizes, not too many elements."""
        count = int(self.rng.integers(least, most + 1))
        order = [self.sizes[k] for k in self.rng.permutation(len(self.sizes))]
        found = order[:count]
        while np.prod([extent(n) for n in found]) > 120:
            found.pop()
        return found

    # ----------------------------------------------------------------------------------- programs

    def make(self, stages: int) -> tuple[Program, list[np.ndarray]]:
        for _ in range(int(self.rng.integers(1, 4))):
            self.input(self.shape(0, 3), self.pick(DTYPES))
        kinds: list[Callable[[], Array]] = [
            self.elementwise,
            self.elementwise,
            self.reduction,
            self.reduction,
            self.into_result,
            self.scatter,
            self.running,
            self.state_in_memory,
            self.in_place,
            self.in_blocks,
        ]
        for _ in range(stages):
            self.pick(kinds)()
        outputs = [a if a.role == "output" else self.copied(a) for a in self.made]
        return self.w.program(self.inputs, outputs), self.values

    def input(self, shape: Sequence[Any], dtype: np.dtype, values: Any = None) -> Array:
        array = Array(shape, dtype, "input")
        extents = array.extents()
        if values is None:
            values = self.rng.standard_normal(extents) * 2
            if self.exact and dtype.kind == "f":
                values = np.where(self.rng.random(extents) < 0.2, np.rint(values), values)
            if not self.exact:
                values = np.clip(values, -2, 2)
            if dtype.kind == "i":
                values = self.rng.integers(-9, 10, extents)
            if dtype.kind == "b":
                values = self.rng.random(extents) < 0.5
        self.inputs.append(array)
        self.values.append(np.asarray(values).astype(dtype))
        self.arrays.append(array)
        self.bounds[array] = 2.0
        return array

    def result(self, shape: Sequence[Any], dtype: np.dtype, is_kept: bool = False) -> Array:
        """An output, or a buffer that is kept."""
        if not is_kept and self.chance(0.5):
            array = Array(shape, dtype, "output")
        else:
            array = self.w.scratch(shape, dtype)
        self.made.append(array)
        return array

    def finish(self, array: Array, bound: float = LARGEST) -> Array:
        """A stage has made an array."""
        if array not in self.arrays:
            self.arrays.append(array)
        self.bounds[array] = max(bound, self.bounds.get(array, 0.0))
        return array

    def copied(self, array: Array) -> Array:
        """A buffer's contents as an output."""
        found = Array(array.shape, array.dtype, "output")
        with self.loops(array.shape, True) as env:
            places = [env[n] for n in array.shape]
            self.w.store(found, places, self.w.load(array, *places))
        return found

    # -------------------------------------------------------------------------------------- loops

    def loops(self, sizes: Sequence[Any], is_free: bool, lane: Any = None) -> Nest:
        """Nested loops over sizes, in this order; marked where all iterations are free: one of them
        lanes, the outermost blocks.  Otherwise the loop over `lane` is."""
        marks: dict[Any, dict[str, bool]] = {}
        if sizes and is_free:
            if self.chance(0.8):
                lane = self.pick(sizes)
            if sizes[0] is not lane and self.chance(0.5):
                marks[sizes[0]] = {"blocks": True}
        if lane is not None and extent(lane) >= self.least:
            marks[lane] = {"lanes": True}
        return Nest(self.w, sizes, marks)

    def permuted(self, sizes: Sequence[Any]) -> list[Any]:
        return [sizes[k] for k in self.rng.permutation(len(sizes))]

    # ------------------------------------------------------------------------------------- values

    def bounded(self, value: Any, bound: float) -> Any:
        """Remember how large a float may be; tame it where that is too much."""
        if not self.exact and value.dtype.kind == "f":
            if not bound <= LARGEST:
                value, bound = self.w.op("tanh", value), 1.0
            self.bounds[value] = bound
        return value

    def bound(self, value: Any) -> float:
        return self.bounds.get(value, LARGEST)

    def converted(self, value: Any, dtype: np.dtype) -> Any:
        """A value in another dtype; floats become integers only where they are small."""
        w, source = self.w, value.dtype
        if source == dtype:
            return value
        if source.kind == "f" and dtype.kind == "i":
            if not self.exact:  # no jumps
                return number(int(self.rng.integers(-5, 6)), dtype)
            small = w.op("less", w.op("abs", value), number(1000, source))
            value = w.op("select", small, value, number(0, source))
        if source.kind == "f" and dtype.kind == "b" and not self.exact:
            return number(self.chance(0.5), dtype)
        if source.kind == "i" and dtype.kind == "f" and not self.exact:
            # whole numbers are not bounded: their sine is as smooth as need be
            value = w.op("remainder", value, number(7, source))
        return self.bounded(w.convert(value, dtype), self.bound(value) if source.kind == "f" else 7)

    def normal(self, value: Any) -> Any:
        """Without negative zeros: of two zeros, `maximum` may give either."""
        return self.w.op("add", value, number(0, value.dtype)) if value.dtype.kind == "f" else value

    def leaf(self, env: dict[Any, Index]) -> Any:
        """A constant, a symbol, an index, or an element of an array made before."""
        kind = self.rng.random()
        if kind < 0.1:
            dtype = self.pick(DTYPES)
            if dtype.kind == "f":
                return number(self.pick([0.5, 2.0, -1.0, 0.0, 1.25]), dtype)
            return number(int(self.rng.integers(-3, 4)), dtype)
        if kind < 0.15:
            dtype = self.pick((F8, F4))
            symbol = Symbol(dtype.type(self.rng.integers(-8, 9) / 4), dtype)
            self.bounds[symbol] = 2.0
            return symbol
        if kind < 0.25 and env:
            return self.pick(env.values())
        options = [a for a in self.arrays if self.can_read(a, env)]
        if not options:
            return number(1.5)
        return self.read(self.pick(options), env)

    def can_read(self, array: Array, env: dict[Any, Index]) -> bool:
        return all(n in env or (extent(n) > 0 and not env_is_empty(env)) for n in array.shape)

    def read(self, array: Array, env: dict[Any, Index]) -> Any:
        """An element at the loops' indices, forwards or backwards; elsewhere at a fixed place."""
        places: list[Any] = []
        for n in array.shape:
            if n not in env:
                if isinstance(n, int):
                    places.append(int(self.rng.integers(n)))
                else:
                    places.append(self.gathered(n, env))
            elif self.chance(0.85):
                places.append(env[n])
            elif isinstance(n, int):
                places.append(Place([(env[n], -1)], n - 1))
            else:
                last = self.reversals.setdefault(n, Symbol(n.value - 1))
                places.append(Place([(env[n], -1)], last))
        value = self.w.load(array, *places)
        return self.bounded(value, self.bounds[array])

    def gathered(self, n: Symbol, env: dict[Any, Index]) -> Any:
        """A place that came as data."""
        shape = [m for m in env if self.chance(0.6)]
        count = n.value
        extents = [extent(m) for m in shape]
        dtype = self.pick(INTEGERS)
        array = self.input(shape, dtype, self.rng.integers(-count, count, extents))
        data = self.w.load(array, *[env[m] for m in shape])
        return self.w.op("place", data, n)

    def value(self, env: dict[Any, Index], dtype: np.dtype | None = None) -> Any:
        """A value of some operations, in a dtype."""
        pool = [self.leaf(env) for _ in range(int(self.rng.integers(1, 4)))]
        for _ in range(int(self.rng.integers(0, 7))):
            pool.append(self.operation(pool))
        return self.converted(pool[-1], dtype or self.pick(DTYPES))

    def operation(self, pool: list[Any]) -> Any:
        """An operation on values that are there."""
        w = self.w
        dtype = self.pick(DTYPES)
        a, b, c = (self.converted(self.pick(pool), dtype) for _ in range(3))
        kind, draw = dtype.kind, self.rng.random()
        if draw < 0.15 and (self.exact or kind != "f"):
            return w.op(self.pick("equal not_equal" if kind == "b" else COMPARISONS), a, b)
        if draw < 0.3:
            mask = self.converted(self.pick(pool), B1)
            return self.bounded(w.op("select", mask, a, b), max(self.bound(a), self.bound(b)))
        if not self.exact and kind == "f":
            return self.smooth(a, b)
        if draw < 0.5:
            return self.normal(w.op(self.pick(UNARY[kind]), a))
        if draw < 0.55 and kind == "f":
            return w.op(self.pick("isnan isinf isfinite"), a)
        if draw < 0.6 and kind == "f":
            low, high = self.normal(w.op("minimum", a, b)), self.normal(w.op("maximum", a, b))
            return self.normal(w.op("clip", c, low, high))
        return self.normal(w.op(self.pick(BINARY[kind]), a, b))

    def smooth(self, a: Any, b: Any) -> Any:
        """A smooth operation on floats, its size bounded."""
        w, p, q = self.w, self.bound(a), self.bound(b)
        if self.chance(0.5):
            name = self.pick(SMOOTH_UNARY)
            if name in ("exp", "expm1"):
                a, p = w.op("sin", a), 1.0
            if name in ("log1p", "sqrt"):
                a, p = w.op("add", w.op("square", a), number(1, a.dtype)), p * p + 1
            bounds = {"neg": p, "square": p * p, "arctan": 2.0, "log1p": p, "sqrt": p, "arcsinh": p}
            return self.bounded(w.op(name, a), bounds.get(name, 3.0))
        name = self.pick(SMOOTH_BINARY)
        if name == "div":
            b = w.op("add", w.op("square", b), number(1, b.dtype))
            return self.bounded(w.op("div", a, b), p)
        return self.bounded(w.op(name, a, b), p * q if name == "mul" else p + q)

    def summand(self, value: Any, combine: str) -> Any:
        """A value that gives the same result in any order of combining."""
        w, dtype = self.w, value.dtype
        if dtype.kind != "f" or (combine == "add" and not self.exact):
            return value
        if combine == "mul":
            if not self.exact:  # a sign would jump
                return w.op("cos", w.op("mul", w.op("sin", value), number(0.5, dtype)))
            one, other = number(1, dtype), number(-1, dtype)
            return w.op("select", w.op("less", value, number(0, dtype)), other, one)
        if combine == "add":
            bounded = w.op("clip", w.op("rint", value), number(-64, dtype), number(64, dtype))
            return self.normal(bounded)
        return self.normal(value)

    def combine(self, dtype: np.dtype) -> str:
        return self.pick(LOGIC if dtype.kind == "b" else COMBINES[dtype.kind])

    # ------------------------------------------------------------------------------------- stages

    def elementwise(self) -> Array:
        """Values over some loops, at times by way of a buffer inside."""
        w, shape, dtype = self.w, self.shape(0, 3), self.pick(DTYPES)
        array = self.result(shape, dtype)
        with self.loops(self.permuted(shape), True) as env:
            places = [env[n] for n in shape]
            if self.chance(0.3):
                row = w.scratch([3], dtype)
                with self.loops([3], False) as inner:
                    w.store(row, [inner[3]], self.value({**env, **inner}, dtype))
                with self.loops([3], False) as inner:
                    value = w.load(row, Place([(inner[3], -1)], 2))
                    w.update(row, [inner[3]], self.combine(dtype), self.summand(value, "add"))
                w.store(array, places, w.load(row, int(self.rng.integers(3))))
            else:
                w.store(array, places, self.value(env, dtype))
        return self.finish(array, 64 * LARGEST)

    def split(self) -> tuple[list[Any], list[Any]]:
        """Sizes of a result and of what is reduced, one at least."""
        sizes = self.shape(1, 3)
        count = int(self.rng.integers(0, len(sizes)))
        return sizes[:count], sizes[count:]

    def reduction(self) -> Array:
        """A reduction with an accumulator inside the loops of the result."""
        w, dtype = self.w, self.pick(DTYPES)
        kept, reduced = self.split()
        combine = self.combine(dtype)
        array = self.result(kept, dtype)
        inside = self.pick([*reduced, None]) if self.chance(0.6) else None
        with self.loops(self.permuted(kept), inside is None) as env:
            total = w.scratch([], dtype, fill=1)
            with self.loops(self.permuted(reduced), False, inside) as inner:
                value = self.value({**env, **inner}, dtype)
                w.update(total, [], combine, self.summand(value, combine))
            w.store(array, [env[n] for n in kept], w.load(total))
        return self.finish(array, 130 * LARGEST)

    def filled(
        self, shape: Sequence[Any], dtype: np.dtype, value: Any, is_kept: bool = False
    ) -> Array:
        """An array that starts as a constant."""
        array = self.result(shape, dtype, is_kept)
        with self.loops(shape, True) as env:
            self.w.store(array, [env[n] for n in shape], number(value, dtype))
        return array

    def into_result(self) -> Array:
        """A reduction into the result, the loops in any order."""
        w, dtype = self.w, self.pick(DTYPES)
        kept, reduced = self.split()
        combine = self.combine(dtype)
        sizes = self.permuted([*kept, *reduced])
        lane = self.pick([*sizes, None])
        array = self.filled(kept, dtype, 1, lane in reduced)
        with self.loops(sizes, False, lane) as env:
            value = self.summand(self.value(env, dtype), combine)
            w.update(array, [env[n] for n in kept], combine, value)
        return self.finish(array, 130 * LARGEST)

    def scatter(self) -> Array:
        """An update at places that came as data."""
        w, dtype = self.w, self.pick(DTYPES)
        sizes, count = self.shape(1, 2), int(self.rng.integers(1, 6))
        combine = self.combine(dtype)
        array = self.filled([count], dtype, 1)
        extents = [extent(n) for n in sizes]
        data = self.rng.integers(-count, count, extents)
        index = self.input(sizes, self.pick(INTEGERS), data)
        with self.loops(sizes, False, self.pick([*sizes, None])) as env:
            place = w.op("place", w.load(index, *[env[n] for n in sizes]), count)
            w.update(array, [place], combine, self.summand(self.value(env, dtype), combine))
        return self.finish(array, 130 * LARGEST)

    def running(self) -> Array:
        """A running reduction along the innermost loop."""
        w, dtype, sizes = self.w, self.pick(DTYPES), self.shape(1, 3)
        combine = self.combine(dtype)
        array = self.result(self.permuted(sizes), dtype)
        with self.loops(sizes[:-1], True) as env:
            state = w.scratch([], dtype, fill=1)
            with self.loops(sizes[-1:], False) as inner:
                env = {**env, **inner}
                w.update(state, [], combine, self.summand(self.value(env, dtype), combine))
                w.store(array, [env[n] for n in array.shape], w.load(state))
        return self.finish(array, 130 * LARGEST)

    def state_in_memory(self) -> Array:
        """A running reduction along the outermost loop: the lanes work on their states in place."""
        w, dtype, sizes = self.w, self.pick(DTYPES), self.shape(1, 3)
        combine, rest = self.combine(dtype), sizes[1:]
        array = self.result(self.permuted(sizes), dtype)
        state = w.scratch(rest, dtype, fill=1)
        lane = self.pick([*rest, None]) if self.allows_in_place else None
        with self.loops(sizes[:1], False) as env, self.loops(rest, False, lane) as inner:
            env, places = {**env, **inner}, [inner[n] for n in rest]
            value = self.summand(self.value(env, dtype), combine)
            if self.chance(0.5):
                w.update(state, places, combine, value)
            else:
                w.store(state, places, w.op(combine, w.load(state, *places), value))
            w.store(array, [env[n] for n in array.shape], w.load(state, *places))
        return self.finish(array, 130 * LARGEST)

    def in_place(self) -> Array:
        """Work in place on an array made before, a second one made from what it was."""
        w = self.w
        if not self.made:
            return self.elementwise()
        array = self.pick(self.made)
        dtype = array.dtype
        combine = self.combine(dtype)
        second = self.result(array.shape, dtype) if self.chance(0.5) else None
        self.arrays.remove(array)  # others are not read while it changes
        bound = self.bounds[array]
        with self.loops(self.permuted(array.shape), self.allows_in_place) as env:
            places = [env[n] for n in array.shape]
            old = w.load(array, *places)
            value = self.summand(self.value(env, dtype), combine)
            if self.chance(0.3):
                w.update(array, places, combine, value)
            elif self.chance(0.5):
                w.store(array, places, value)
                w.update(array, places, combine, self.summand(old, combine))
            else:
                w.store(array, places, w.op(combine, self.summand(old, combine), value))
            if second is not None:
                w.store(
                    second, places, w.op(self.pick([combine]), self.summand(old, combine), value)
                )
        if second is not None:
            self.finish(second, 4 * bound + 130 * LARGEST)
        return self.finish(array, 4 * bound + 130 * LARGEST)

    def in_blocks(self) -> Array:
        """A reduction in blocks of three iterations, then of the blocks' results."""
        w, dtype = self.w, self.pick(DTYPES)
        size = self.pick([n for n in self.sizes if isinstance(n, Symbol)])
        combine, count = self.combine(dtype), Symbol(-(-size.value // 3))
        array, parts = self.result([], dtype), w.scratch([count], dtype)
        with w.loop(count, blocks=self.chance(0.8)) as block:
            begin = w.op("mul", block, number(3, I8))
            end = w.op("minimum", w.op("add", begin, number(3, I8)), size)
            part = w.scratch([], dtype, fill=1)
            with w.loop(end, begin=begin, lanes=self.least < 2 and self.chance(0.8)) as i:
                value = self.summand(self.value({size: i}, dtype), combine)
                w.update(part, [], combine, value)
            w.store(parts, [block], w.load(part))
        w.store(array, [], number(1, dtype))
        with w.loop(count) as block:
            w.update(array, [], combine, w.load(parts, block))
        return self.finish(array, 130 * LARGEST)


class Nest:
    """Loops inside one another, as one `with` block that gives the indices by size."""

    def __init__(self, w: Writer, sizes: Sequence[Any], marks: dict[Any, dict[str, bool]]) -> None:
        self.w, self.sizes, self.marks = w, sizes, marks
        self.stack = ExitStack()

    def __enter__(self) -> dict[Any, Index]:
        return {
            n: self.stack.enter_context(self.w.loop(n, **self.marks.get(n, {}))) for n in self.sizes
        }

    def __exit__(self, *_: Any) -> None:
        self.stack.close()


def env_is_empty(env: dict[Any, Index]) -> bool:
    """Whether a loop around does not run."""
    return any(extent(n) == 0 for n in env)
