"""Programs written by hand: what tests of the loop IR and of what is made from it share.

A `Sample` is a program with its inputs and the outputs that NumPy computes for them.  `SAMPLES`
maps names to functions of a size, which is the extent of the lanes loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from adjoint.base.dtypes import Type
from adjoint.graph.primitive import registry
from adjoint.loops.ir import (
    INDEX,
    Array,
    Constant,
    Index,
    Load,
    Loop,
    Operation,
    Place,
    Program,
    Scratch,
    Store,
    Symbol,
    Update,
)
from adjoint.loops.verify import computing_dtypes

F8, F4, I8, I4, B1 = (np.dtype(t) for t in ("f8", "f4", "i8", "i4", "?"))


def at(x: Any) -> Place:
    """A place: one already, a size, or one variable."""
    if isinstance(x, Place):
        return x
    return Place((), x) if isinstance(x, (int, Symbol)) else Place([(x, 1)])


def number(value: Any, dtype: Any = F8) -> Constant:
    return Constant(value, dtype)


class Writer:
    """Writes a body item by item, loops as `with` blocks."""

    def __init__(self) -> None:
        self.bodies: list[list[Any]] = [[]]

    def put(self, item: Any) -> Any:
        self.bodies[-1].append(item)
        return item

    def op(self, name: str, *operands: Any, **parameters: Any) -> Operation:
        """An operation, operands converted as NumPy does; the primitive tells its dtype."""
        if name == "place":
            return self.put(Operation(name, operands, INDEX))
        dtypes = tuple([x.dtype for x in operands])
        dtype = registry[name].infer(*[Type((), d) for d in dtypes], **parameters).dtype
        wanted = computing_dtypes(registry[name], dtypes, parameters)
        found = [self.convert(x, d) for x, d in zip(operands, wanted, strict=True)]
        return self.put(Operation(name, found, dtype, parameters))

    def convert(self, x: Any, dtype: np.dtype) -> Any:
        """An operand in another dtype."""
        if x.dtype == dtype:
            return x
        return self.put(Operation("convert", [x], dtype, {"dtype": dtype}))

    def load(self, array: Array, *places: Any) -> Load:
        return self.put(Load(array, [at(p) for p in places]))

    def store(self, array: Array, places: Sequence[Any], value: Any) -> Store:
        return self.put(Store(array, [at(p) for p in places], value))

    def update(self, array: Array, places: Sequence[Any], combine: str, value: Any) -> Update:
        return self.put(Update(array, [at(p) for p in places], combine, value))

    def scratch(self, shape: Sequence[Any], dtype: Any = F8, fill: Any = None) -> Array:
        return self.put(Scratch(Array(shape, dtype, "scratch"), fill)).array

    @contextmanager
    def loop(self, end: Any, begin: Any = 0, **marks: bool) -> Iterator[Index]:
        made = self.put(Loop(end, begin=begin, **marks))
        self.bodies.append(made.body)
        yield made.index
        self.bodies.pop()

    def program(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> Program:
        (body,) = self.bodies
        return Program(inputs, outputs, body)


def given(*shape: Any, dtype: Any = F8) -> Array:
    return Array(shape, dtype, "input")


def result(*shape: Any, dtype: Any = F8) -> Array:
    return Array(shape, dtype, "output")


class Sample(NamedTuple):
    program: Program
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]


def draw(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(n).standard_normal(shape)


def elementwise(n: int) -> Sample:
    """exp(x) * y + c over a matrix, y broadcast, c a scalar that is not part of the program."""
    w, size, c = Writer(), Symbol(n), Symbol(0.3, F8)
    x, y, z = given(3, size), given(size), result(3, size)
    with w.loop(3, blocks=True) as i, w.loop(size, lanes=True) as j:
        product = w.op("mul", w.op("exp", w.load(x, i, j)), w.load(y, j))
        w.store(z, [i, j], w.op("add", product, c))
    a, b = draw(n, 3, n), draw(n + 1, n)
    return Sample(w.program([x, y], [z]), [a, b], [np.exp(a) * b + 0.3])


def mixed(n: int) -> Sample:
    """Several dtypes, and a selection."""
    w, size = Writer(), Symbol(n)
    x, k = given(size, dtype=F4), given(size, dtype=I4)
    y, m = result(size), result(size, dtype=B1)
    with w.loop(size, lanes=True) as i:
        a, b = w.load(x, i), w.load(k, i)
        half = w.op("floor_divide", b, number(0, I4))
        less = w.op("less", a, w.convert(b, F4))
        w.store(m, [i], less)
        w.store(y, [i], w.op("select", less, w.op("div", b, half), w.op("add", i, number(0.5))))
    a, b = draw(n, n).astype(F4), (3 * draw(n + 1, n)).astype(I4)
    less = a < b.astype(F4)
    with np.errstate(all="ignore"):
        return Sample(
            w.program([x, k], [y, m]),
            [a, b],
            [np.where(less, b / np.zeros_like(b), np.arange(n) + 0.5), less],
        )


def product_columns(n: int) -> Sample:
    """A matrix product; the lanes run over the columns of the result."""
    w, size = Writer(), Symbol(n)
    a, b, c = given(3, 4), given(4, size), result(3, size)
    with w.loop(3) as i:
        with w.loop(size, lanes=True) as j:
            w.store(c, [i, j], number(0.0))
        with w.loop(4) as k, w.loop(size, lanes=True) as j:
            w.update(c, [i, j], "add", w.op("mul", w.load(a, i, k), w.load(b, k, j)))
    p, q = draw(n, 3, 4), draw(n + 1, 4, n)
    return Sample(w.program([a, b], [c]), [p, q], [p @ q])


def product_sums(n: int) -> Sample:
    """A matrix product; the lanes run over the summed axis, its sums are partial results."""
    w, size = Writer(), Symbol(n)
    a, b, c = given(3, size), given(size, 2), result(3, 2)
    with w.loop(3) as i:
        row = w.scratch([2], fill=0.0)
        with w.loop(size, lanes=True) as k, w.loop(2) as j:
            w.update(row, [j], "add", w.op("mul", w.load(a, i, k), w.load(b, k, j)))
        with w.loop(2) as j:
            w.store(c, [i, j], w.load(row, j))
    p, q = draw(n, 3, n), draw(n + 1, n, 2)
    return Sample(w.program([a, b], [c]), [p, q], [p @ q])


def softmax(w: Writer, x: Array, y: Array, row: Any, size: Any, lanes: bool) -> None:
    """One row of a softmax."""
    top, total, e = w.scratch([], fill=-np.inf), w.scratch([], fill=0.0), w.scratch([size])
    with w.loop(size, lanes=lanes) as j:
        w.update(top, [], "maximum", w.load(x, row, j))
    largest = w.load(top)
    with w.loop(size, lanes=lanes) as j:
        value = w.op("exp", w.op("sub", w.load(x, row, j), largest))
        w.store(e, [j], value)
        w.update(total, [], "add", value)
    scale = w.op("reciprocal", w.load(total))
    with w.loop(size, lanes=lanes) as j:
        w.store(y, [row, j], w.op("mul", w.load(e, j), scale))


def softmax_value(a: np.ndarray) -> np.ndarray:
    e = np.exp(a - a.max(1, keepdims=True, initial=-np.inf))
    return e / e.sum(1, keepdims=True)


def softmax_columns(n: int) -> Sample:
    """Softmax of rows; the lanes run along a row, the rows are blocks."""
    w, size = Writer(), Symbol(n)
    x, y = given(3, size), result(3, size)
    with w.loop(3, blocks=True) as i:
        softmax(w, x, y, i, size, True)
    a = draw(n, 3, n)
    return Sample(w.program([x], [y]), [a], [softmax_value(a)])


def softmax_rows(n: int) -> Sample:
    """Softmax of rows; each lane is a row, with its own sums and buffer."""
    w, size = Writer(), Symbol(n)
    x, y = given(size, 5), result(size, 5)
    with w.loop(size, lanes=True) as i:
        softmax(w, x, y, i, 5, False)
    a = draw(n, n, 5)
    return Sample(w.program([x], [y]), [a], [softmax_value(a)])


def running_sum(n: int) -> Sample:
    """A running sum: no marks, for each element reads the one before."""
    w, size = Writer(), Symbol(n)
    x, y, total = given(size), result(size), None
    total = w.scratch([], fill=0.0)
    with w.loop(size) as i:
        w.update(total, [], "add", w.load(x, i))
        w.store(y, [i], w.load(total))
    a = draw(n, n)
    return Sample(w.program([x], [y]), [a], [np.cumsum(a)])


def running_sums(n: int) -> Sample:
    """Running sums of many rows, a row a lane; each element of the result reads the one before."""
    w, size = Writer(), Symbol(n)
    x, y = given(size, 5), result(size, 5)
    with w.loop(size, lanes=True) as i:
        w.store(y, [i, 0], w.load(x, i, 0))
        with w.loop(5, begin=1) as t:
            before = w.load(y, i, Place([(t, 1)], -1))
            w.store(y, [i, t], w.op("add", before, w.load(x, i, t)))
    a = draw(n, n, 5)
    return Sample(w.program([x], [y]), [a], [np.cumsum(a, axis=1)])


def scatter(n: int) -> Sample:
    """Scatter-add: lanes may meet at one element."""
    w, size = Writer(), Symbol(n)
    x, k, y = given(size), given(size, dtype=I4), result(3)
    with w.loop(3) as j:
        w.store(y, [j], number(0.0))
    with w.loop(size, lanes=True) as i:
        w.update(y, [w.op("place", w.load(k, i), 3)], "add", w.load(x, i))
    a, b = draw(n, n), np.random.default_rng(n).integers(-3, 3, n).astype(I4)
    expected = np.zeros(3)
    np.add.at(expected, b, a)
    return Sample(w.program([x, k], [y]), [a, b], [expected])


def gather(n: int) -> Sample:
    """A gather by data, then by a table that is part of the program."""
    w, size, m = Writer(), Symbol(n), Symbol(4)
    table = Array([3], I8, "constant", np.array([3, 0, 2]))
    x, k, y = given(m, 3), given(size, dtype=I8), result(size, 3)
    with w.loop(size, lanes=True) as i:
        row = w.op("place", w.load(k, i), m)
        with w.loop(3) as j:
            w.store(y, [i, j], w.load(x, w.load(table, j), j))
            w.store(y, [i, j], w.op("add", w.load(y, i, j), w.load(x, row, j)))
    a, b = draw(n, 4, 3), np.random.default_rng(n).integers(-4, 4, n)
    return Sample(w.program([x, k], [y]), [a, b], [a[[3, 0, 2], [0, 1, 2]] + a[b]])


def two_levels(n: int) -> Sample:
    """A sum in blocks of at most 5 terms, then the sum of the blocks' sums."""
    w, size, count = Writer(), Symbol(n), Symbol(-(-n // 5))
    x, y = given(size), result()
    parts = w.scratch([count])
    with w.loop(count, blocks=True) as b:
        begin = w.op("mul", b, number(5, I8))
        end = w.op("minimum", w.op("add", begin, number(5, I8)), size)
        part = w.scratch([], fill=number(0.0))
        with w.loop(end, begin=begin, lanes=True) as i:
            w.update(part, [], "add", w.op("square", w.load(x, i)))
        w.store(parts, [b], w.load(part))
    w.store(y, [], number(0.0))
    with w.loop(count) as b:
        w.update(y, [], "add", w.load(parts, b))
    a = draw(n, n)
    return Sample(w.program([x], [y]), [a], [np.array(np.sum(a * a))])


def triangle(n: int) -> Sample:
    """Sums over j <= i: a bound that is an index's result, with a lanes loop inside."""
    w, size = Writer(), Symbol(n)
    x, y = given(size), result(size)
    with w.loop(size) as i:
        total = w.scratch([], fill=0.0)
        with w.loop(w.op("add", i, number(1, I8)), lanes=True) as j:
            w.update(total, [], "add", w.load(x, j))
        w.store(y, [i], w.load(total))
    a = draw(n, n)
    return Sample(w.program([x], [y]), [a], [np.cumsum(a)])


def started_anew(n: int) -> Sample:
    """A lane stores an element, then adds to it: stores are masked as well."""
    w, size = Writer(), Symbol(n)
    x, y = given(size, 3), result(size)
    with w.loop(size, lanes=True) as i:
        w.store(y, [i], number(1.0))
        with w.loop(3) as k:
            w.update(y, [i], "add", w.load(x, i, k))
    a = draw(n, n, 3)
    return Sample(w.program([x], [y]), [a], [1 + a.sum(1)])


def added_once(n: int) -> Sample:
    """Each lane adds to its own element, twice, and reads it after."""
    w, size = Writer(), Symbol(n)
    x, y, z = given(size), result(size), result(size)
    with w.loop(size, lanes=True) as i:
        w.store(y, [i], number(1.0))
    with w.loop(size, lanes=True) as i:
        w.update(y, [i], "add", w.load(x, i))
        w.update(y, [i], "add", number(0.5))
        w.store(z, [i], w.load(y, i))
    a = draw(n, n)
    return Sample(w.program([x], [y, z]), [a], [1 + a + 0.5, 1 + a + 0.5])


def in_place(n: int) -> Sample:
    """Lanes that work on their element in place, and on a view of it; another result depends on
    what it was."""
    w, size, half = Writer(), Symbol(2 * n), Symbol(n)
    x, y, z = given(size), result(size), result(half)
    rows = Array([half, 2], F8, "output", base=y)
    with w.loop(size, lanes=True) as i:
        w.store(y, [i], w.load(x, i))
    with w.loop(half, lanes=True) as i:
        w.store(z, [i], w.load(rows, i, 1))
        w.update(y, [Place([(i, 2)], 1)], "add", number(1.0))
        old = w.load(y, Place([(i, 2)], 1))
        w.update(rows, [i, 1], "mul", old)
        w.store(rows, [i, 0], w.op("mul", w.load(rows, i, 0), number(2.0)))
    a = draw(n, 2 * n)
    expected = np.stack([2 * a[::2], (a[1::2] + 1) ** 2], 1).ravel()
    return Sample(w.program([x], [y, z]), [a], [expected, a[1::2]])


def views(n: int) -> Sample:
    """Arguments and buffers under other shapes, in lanes and as partial results."""
    w, size, whole = Writer(), Symbol(n), Symbol(2 * n)
    x, y, z = given(size, 2), result(size, 2), result(2, 2)
    s = w.scratch([2, 2])
    flat = Array([whole], F8, "input", base=x)
    line = Array([4], F8, "scratch", base=s)
    with w.loop(4) as k:
        w.store(line, [k], number(0.0))
    with w.loop(size, lanes=True) as i:
        row = w.scratch([2])
        cells = Array([1, 2], F8, "scratch", base=row)
        with w.loop(2) as j:
            w.store(cells, [0, j], w.load(flat, Place([(i, 2), (j, 1)])))
        with w.loop(2) as j:
            value = w.load(row, Place([(j, -1)], 1))
            w.store(y, [i, j], value)
            w.update(line, [Place([(j, 1)], 1)], "add", value)
            w.update(s, [1, 0], "add", value)
    with w.loop(2) as i, w.loop(2) as j:
        w.store(z, [i, j], w.load(s, i, j))
    a = draw(n, n, 2)
    sums = a.sum(0)
    expected = np.array([[0.0, sums[1]], [sums[0] + sums.sum(), 0.0]])
    return Sample(w.program([x], [y, z]), [a], [a[:, ::-1], expected])


def reductions(n: int) -> Sample:
    """Each combining operation, in the dtypes it takes, as partial results."""
    w, size = Writer(), Symbol(n)
    cases = [
        (combine, dtype)
        for combine in ("add", "mul", "maximum", "minimum")
        for dtype in (F8, F4, I8, I4)
    ] + [("logical_or", B1), ("logical_and", B1), ("maximum", B1), ("minimum", B1)]
    rng = np.random.default_rng(n)
    arrays = {d: rng.integers(-3, 4, n).astype(d) for d in (F8, F4, I8, I4, B1)}
    inputs = {dtype: given(size, dtype=dtype) for dtype in arrays}
    outputs = [result(dtype=dtype) for _, dtype in cases]
    totals = [w.scratch([], dtype, fill=1) for _, dtype in cases]
    expected = []
    for combine, dtype in cases:
        expected.append(
            np.array(getattr(np, NUMPY[combine]).reduce(arrays[dtype], initial=1), dtype)
        )
    with w.loop(size, lanes=True) as i:
        loaded = {dtype: w.load(x, i) for dtype, x in inputs.items()}
        for (combine, dtype), total in zip(cases, totals, strict=True):
            w.update(total, [], combine, loaded[dtype])
    for total, y in zip(totals, outputs, strict=True):
        w.store(y, [], w.load(total))
    program = w.program(list(inputs.values()), outputs)
    return Sample(program, list(arrays.values()), expected)


NUMPY = {
    "add": "add",
    "mul": "multiply",
    "maximum": "maximum",
    "minimum": "minimum",
    "logical_or": "logical_or",
    "logical_and": "logical_and",
}

SAMPLES: dict[str, Callable[[int], Sample]] = {
    f.__name__: f
    for f in (
        elementwise,
        mixed,
        product_columns,
        product_sums,
        softmax_columns,
        softmax_rows,
        running_sum,
        running_sums,
        scatter,
        gather,
        two_levels,
        triangle,
        started_anew,
        added_once,
        in_place,
        views,
        reductions,
    )
}
