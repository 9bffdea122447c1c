"""Loop IR: what a program does, element by element.

Enters: statements placed in loops.  Leaves: a `Program`, which is interpreted, printed, and turned
into machine code.  Everything is scalar: a loop runs its body once for each index, an array is
addressed by one `Place` for each of its axes (C order, no strides).  Vectors and threads are marks
on loops (`lanes`, `blocks`) that do not change what is computed, up to the order of reductions.

Sizes and numbers that must not be part of the machine code are `Symbol`s: the text of a program
(`text.text`), which is the key of its machine code, names them and leaves out their values.

The result of an operation or a load may be used in the body where it stands, after it, and in the
loops inside; an item stands in one body, once.  Outputs and scratch arrays start without values:
each element is written before it is read or updated, and each output's is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

INDEX = np.dtype(np.int64)


class Symbol:
    """A number given when the program is called: a size (int64) or a scalar constant."""

    __slots__ = ("dtype", "value")

    def __init__(self, value: Any, dtype: Any = INDEX) -> None:
        self.value = value  # in this call; not part of the program
        self.dtype = np.dtype(dtype)


Size = int | Symbol


class Array:
    """Elements of one dtype over axes of given sizes, in C order.

    `role`: "input", "output", "constant" (its `value` is given with the program) or "scratch".
    With `base`, it is the memory of that array under another shape.
    """

    __slots__ = ("base", "dtype", "role", "shape", "value")

    def __init__(
        self,
        shape: Sequence[Size],
        dtype: Any,
        role: str,
        value: Any = None,
        base: Array | None = None,
    ) -> None:
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.role = role
        self.value = value
        self.base = base

    def extents(self) -> tuple[int, ...]:
        """The sizes in this call."""
        return tuple([extent(n) for n in self.shape])


def extent(size: Size) -> int:
    """A size in this call."""
    return size.value if isinstance(size, Symbol) else size


class Constant:
    """A number that is part of the program."""

    __slots__ = ("dtype", "value")

    def __init__(self, value: Any, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)
        self.value = self.dtype.type(value)


class Index:
    """A loop's variable, an int64."""

    __slots__ = ()
    dtype = INDEX


class Place:
    """Where along one axis: the sum of variable times coefficient, plus an offset.

    A variable is an `Index` or an int64 result: of an operation, or a load (not of an input, whose
    numbers are not to be trusted: they go through `place`).
    """

    __slots__ = ("offset", "terms")

    def __init__(self, terms: Sequence[tuple[Any, Size]] = (), offset: Size = 0) -> None:
        self.terms = tuple(terms)
        self.offset = offset


class Operation:
    """`name(*operands)`: an elementwise operation on scalars, by the name of its scalar code.

    Operands are operations, loads, constants, symbols and indices, of the dtypes that NumPy
    computes in (`verify.computing_dtypes`): a promotion is an operation `convert` of its own.
    Besides the primitives' codes there is `place(index, extent)`: an index that came as data, of
    any integer dtype, counted from the end where it is negative; out of range it fails.  Its extent
    is a size or an int64 operand, its result an int64.
    """

    __slots__ = ("dtype", "name", "operands", "parameters", "reduces")

    def __init__(
        self,
        name: str,
        operands: Sequence[Any],
        dtype: Any,
        parameters: dict[str, Any] | None = None,
        reduces: bool = False,
    ) -> None:
        self.name = name
        self.operands = tuple(operands)
        self.dtype = np.dtype(dtype)
        self.parameters = parameters or {}
        self.reduces = reduces  # a step of an unrolled reduction: a product may be added unrounded


class Load:
    """The element of an array at a place."""

    __slots__ = ("array", "places")

    def __init__(self, array: Array, places: Sequence[Place]) -> None:
        self.array = array
        self.places = tuple(places)

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype


class Store:
    """`array[places] = value`."""

    __slots__ = ("array", "places", "value")

    def __init__(self, array: Array, places: Sequence[Place], value: Any) -> None:
        self.array = array
        self.places = tuple(places)
        self.value = value


class Update:
    """`array[places] = combine(array[places], value)`; combine is add, mul, maximum, minimum,
    logical_or, logical_and."""

    __slots__ = ("array", "combine", "places", "value")

    def __init__(self, array: Array, places: Sequence[Place], combine: str, value: Any) -> None:
        self.array = array
        self.places = tuple(places)
        self.combine = combine
        self.value = value


class Product:
    """`c[i, j] = sum over k of a[i, k] * b[k, j]`, for each `batch` index: a routine of its own.

    `axes` are the (index, extent) of i, j and k, `batch` one more pair or None; the places of a, b
    and c are in terms of these indices.
    """

    __slots__ = ("a", "a_places", "axes", "b", "b_places", "batch", "c", "c_places")

    def __init__(
        self,
        axes: Sequence[tuple[Index, Size]],
        batch: tuple[Index, Size] | None,
        c: tuple[Array, Sequence[Place]],
        a: tuple[Array, Sequence[Place]],
        b: tuple[Array, Sequence[Place]],
    ) -> None:
        self.axes = tuple(axes)
        self.batch = batch
        self.c, self.c_places = c[0], tuple(c[1])
        self.a, self.a_places = a[0], tuple(a[1])
        self.b, self.b_places = b[0], tuple(b[1])

    @property
    def operands(self) -> tuple[tuple[Array, tuple[Place, ...]], ...]:
        """c, a and b with their places."""
        return (self.c, self.c_places), (self.a, self.a_places), (self.b, self.b_places)

    @property
    def indices(self) -> tuple[tuple[Index, Size], ...]:
        """All indices with their extents, the batch first."""
        return self.axes if self.batch is None else (self.batch, *self.axes)

    def loops(self) -> list[Any]:
        """The same as plain loops: what the routine computes."""
        total = Array((), self.c.dtype, "scratch")
        x, y = Load(self.a, self.a_places), Load(self.b, self.b_places)
        product = Operation("mul", [x, y], self.c.dtype)
        inner = [x, y, product, Update(total, (), "add", product)]
        found = Load(total, ())
        body: list[Any] = [
            Scratch(total, self.c.dtype.type(0)),
            None,
            found,
            Store(self.c, self.c_places, found),
        ]
        *outer, (index, n) = self.indices
        last = Loop(n, inner)
        last.index = index
        body[1] = last
        for index, n in reversed(outer):
            loop = Loop(n, body)
            loop.index = index
            body = [loop]
        return body


class Routine:
    """`output = name(*inputs, **parameters)` on whole arrays, by a routine of its own.

    Leading axes are stacks: an input has those of the output, or none.  Of a primitive with several
    outputs the elements of each lie side by side, along the last axis of the one array.
    """

    __slots__ = ("inputs", "name", "output", "parameters")

    def __init__(
        self, name: str, output: Array, inputs: Sequence[Array], parameters: dict[str, Any]
    ) -> None:
        self.name = name
        self.output = output
        self.inputs = tuple(inputs)
        self.parameters = parameters

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The output and the inputs."""
        return self.output, *self.inputs


class Scratch:
    """An array of the program's own, private to each run of the body it stands in; with `fill` (a
    number, or a `Constant` of the array's dtype) every element starts as that.  An output, which is
    the caller's, is filled where it stands.

    `compensated`: the emitter keeps what rounding loses of the sums in it, a second number for each
    element.  Of an array of floats that starts as zeros, is updated by "add" only, and not stored
    to."""

    __slots__ = ("array", "compensated", "fill")

    def __init__(self, array: Array, fill: Any = None, compensated: bool = False) -> None:
        self.array = array
        self.fill = fill
        self.compensated = compensated


class Loop:
    """`for index in range(begin, end)`: the body, in order.

    `begin` and `end` are sizes, or int64 results.

    `lanes`: the emitter runs several iterations at once.  No iteration reads or stores what another
    one writes; several may update one element, by the same operation, and do not read it.  An array
    that is updated at places that are the same in all iterations is a scratch array, and not used
    otherwise in the loop.
    The bounds of loops inside are the same in all iterations.  The last vector of iterations may
    overlap the one before: `lanes.lanes_of` tells what must then be masked.

    `blocks`: iterations may run on several threads: none reads or writes what another one writes.

    A loop has one of these marks at most; inside a `lanes` loop none has any.

    `rare`: it has little to do, so that code is to be short rather than fast.
    """

    __slots__ = ("begin", "blocks", "body", "end", "facts", "index", "lanes", "rare")

    def __init__(
        self,
        end: Any,
        body: list[Any] | None = None,
        begin: Any = 0,
        lanes: bool = False,
        blocks: bool = False,
        rare: bool = False,
    ) -> None:
        self.index = Index()
        self.begin = begin
        self.end = end
        self.body: list[Any] = body if body is not None else []
        self.lanes = lanes
        self.blocks = blocks
        self.rare = rare
        self.facts: Any = None  # what `lanes_of` found, of a program that does not change any more

    def again(self, body: list[Any]) -> Loop:
        """The same loop with another body."""
        made = Loop(self.end, body, self.begin, self.lanes, self.blocks, self.rare)
        made.index = self.index
        return made


class Program:
    """Inputs, outputs, and the body that computes the ones from the others.

    `symbols` and `constants` (arrays of role "constant") are in the order in which a caller passes
    them.
    """

    __slots__ = ("body", "constants", "inputs", "outputs", "symbols")

    def __init__(
        self, inputs: Sequence[Array], outputs: Sequence[Array], body: Sequence[Any]
    ) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.body = list(body)
        self.symbols, self.constants = used(self)


def root(array: Array) -> Array:
    """The array whose memory an array is."""
    while array.base is not None:
        array = array.base
    return array


def fill_value(item: Scratch) -> np.generic | None:
    """What a scratch array's elements start as, in its dtype; None: nothing."""
    fill = item.fill.value if isinstance(item.fill, Constant) else item.fill
    return None if fill is None else item.array.dtype.type(fill)


def walk(body: Sequence[Any]) -> Iterator[Any]:
    """Every item of a body and of the loops inside, in order."""
    stack = [iter(body)]
    while stack:
        for item in stack[-1]:
            yield item
            if isinstance(item, Loop):
                stack.append(iter(item.body))
                break
        else:
            stack.pop()


def used(program: Program) -> tuple[tuple[Symbol, ...], tuple[Array, ...]]:
    """The symbols and the constant arrays of a program, in order of appearance."""
    symbols: dict[Symbol, None] = {}
    constants: dict[Array, None] = {}

    def look(x: Any) -> None:
        if isinstance(x, Symbol):
            symbols[x] = None

    def array(a: Array) -> None:
        for n in a.shape:
            look(n)
        if a.base is not None:
            array(a.base)
        elif a.role == "constant":
            constants[a] = None

    def places(found: Sequence[Place]) -> None:
        for place in found:
            look(place.offset)
            for _, coefficient in place.terms:
                look(coefficient)

    for a in (*program.inputs, *program.outputs):
        array(a)
    for item in walk(program.body):
        if isinstance(item, Operation):
            for x in item.operands:
                look(x)
        elif isinstance(item, (Load, Store, Update)):
            array(item.array)
            places(item.places)
            if not isinstance(item, Load):
                look(item.value)
        elif isinstance(item, Product):
            for a, where in item.operands:
                array(a)
                places(where)
            for _, n in item.indices:
                look(n)
        elif isinstance(item, Routine):
            for a in item.arrays:
                array(a)
        elif isinstance(item, Scratch):
            array(item.array)
        elif isinstance(item, Loop):
            look(item.begin)
            look(item.end)
    return tuple(symbols), tuple(constants)


def neutral(combine: str, dtype: np.dtype) -> Any:
    """The value that changes nothing when it is combined."""
    if combine in ("add", "logical_or"):
        return dtype.type(0)
    if combine in ("mul", "logical_and"):
        return dtype.type(1)
    if dtype.kind == "f":
        return dtype.type(-np.inf if combine == "maximum" else np.inf)
    if dtype.kind == "b":
        return dtype.type(combine == "minimum")
    info = np.iinfo(dtype)
    return dtype.type(info.min if combine == "maximum" else info.max)
