"""The interpreter: what a program means, and the oracle of the machine code made from it.

Enters: a `Program` and its inputs.  Leaves: its outputs, as new arrays.  Every access is checked:
its bounds, whether what is read was written before, and, where loops run one iteration at a time,
whether they keep what their marks promise.  A scalar operation is evaluated by the primitive whose
scalar code has its name, on NumPy scalars of the exact dtypes.

With `lanes=W` each `lanes` loop runs W iterations at a time, as machine code does:

* vector k starts at `min(W*k, n - W)`: the last one overlaps the one before;
* a value that varies over the lanes is an array of W, any other one a scalar;
* arrays declared inside have a lane axis, innermost;
* updates leave out the lanes that were seen before, and go in the lanes' order; stores leave them
  out where the loop works on some array in place (`lanes.lanes_of`);
* updates at places that do not vary go to W partial results that start as the operation's
  identity; when the loop ends, the upper half of the lanes is combined with the lower half until
  one is left, and that with the array's element;
* fewer than W iterations run one at a time.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ..base.errors import GraphError
from ..graph.primitive import registry
from .ir import (
    Array,
    Constant,
    Load,
    Loop,
    Operation,
    Product,
    Program,
    Routine,
    Scratch,
    Store,
    Symbol,
    Update,
    fill_value,
    root,
)
from .lanes import Lanes, lanes_of
from .text import line, names
from .verify import verify


class OutOfBoundsError(GraphError, IndexError):
    """A program addresses an element that an array does not have: a fault of the lowering."""


class UnwrittenError(GraphError):
    """A program reads an element that has no value, or leaves one of an output without."""


class MarkError(GraphError):
    """The iterations of a marked loop depend on one another."""


def interpret(
    program: Program, *arrays: Any, lanes: int | None = None, seed: int | None = None
) -> list[np.ndarray]:
    """The outputs of a program for these inputs.

    `lanes`: how many iterations of a `lanes` loop run at once, a power of two; None: one, and the
    promises of marks are checked.  `seed`: the iterations of `blocks` loops run in an order drawn
    from it.

    Raises `IndexError` where the operation `place` gets an index out of range, as NumPy does.
    """
    if lanes is not None and (lanes < 1 or lanes & (lanes - 1)):
        raise ValueError(f"lanes is {lanes}; it must be a power of two")
    verify(program)
    if len(arrays) != len(program.inputs):
        raise GraphError(f"{len(arrays)} arrays for {len(program.inputs)} inputs of a program")
    machine = Machine(program, lanes, seed)
    for array, value in zip(program.inputs, arrays, strict=True):
        machine.storages[array] = machine.given(array, np.asarray(value))
    for array in program.constants:
        machine.storages[array] = machine.given(array, array.value)
    for array in program.outputs:
        machine.storages[array] = Storage(array, machine.count())
    with np.errstate(all="ignore"):
        machine.body(program.body)
    return [machine.finished(array) for array in program.outputs]


class Storage:
    """The elements of an array, and which of them were written."""

    __slots__ = ("data", "lanes", "serial", "written")

    def __init__(self, array: Array, serial: int, lanes: tuple[int, ...] = ()) -> None:
        shape = array.extents() + lanes
        self.data = np.zeros(shape, array.dtype)
        self.written = np.zeros(shape, bool)
        self.serial = serial  # a later storage has a higher number
        self.lanes = lanes  # the lane axis's extent, where each lane has an array of its own

    def view(self, array: Array) -> Storage:
        """The same memory under another shape."""
        found = Storage.__new__(Storage)
        found.data = self.data.reshape(array.extents() + self.lanes)
        found.written = self.written.reshape(array.extents() + self.lanes)
        found.serial, found.lanes = self.serial, self.lanes
        return found


class Partials:
    """The partial results of one array over a lanes loop."""

    __slots__ = ("combine", "data", "touched")

    def __init__(self, array: Array, combine: str, width: int) -> None:
        self.combine = combine
        self.data = np.full((*array.extents(), width), identity(combine, array.dtype), array.dtype)
        self.touched = np.zeros(array.extents(), bool)


class Vector:
    """A lanes loop that is being run W iterations at a time."""

    __slots__ = ("active", "facts", "partials")

    def __init__(self, facts: Lanes, width: int) -> None:
        self.facts = facts
        self.active = np.ones(width, bool)  # the lanes that were not seen before
        self.partials: dict[Array, Partials] = {}


def identity(combine: str, dtype: np.dtype) -> Any:
    """What a combining operation leaves as it is: for sums -0.0, as -0.0 + 0.0 is 0.0."""
    if combine in ("add", "logical_or"):
        if dtype.kind == "c":
            return dtype.type(complex(-0.0, -0.0))
        return dtype.type(-0.0 if dtype.kind == "f" else 0)
    if combine in ("mul", "logical_and"):
        return dtype.type(1)
    is_lowest = combine == "maximum"
    if dtype.kind == "b":
        return np.bool_(not is_lowest)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return dtype.type(limits.min if is_lowest else limits.max)
    return dtype.type(-np.inf if is_lowest else np.inf)


class Machine:
    """The state of one run."""

    def __init__(self, program: Program, width: int | None, seed: int | None) -> None:
        self.program = program
        self.width = width
        self.random = None if seed is None else np.random.default_rng(seed)
        self.values: dict[Any, Any] = {}  # of operations, loads and indices
        self.storages: dict[Array, Storage] = {}
        self.vector: Vector | None = None  # of the lanes loop around
        self.watches: list[Watch] = []  # of the marked loops around, where they are checked
        self.facts: dict[Loop, Lanes] = {}
        self.accesses: dict[Any, list[tuple[int, int, list[tuple[Any, int]]]]] = {}
        self.serial = 0

    def count(self) -> int:
        self.serial += 1
        return self.serial

    def name(self, x: Any) -> str:
        return names(self.program).get(x, "?")

    def given(self, array: Array, value: np.ndarray) -> Storage:
        """The storage of an input or a constant."""
        if value.dtype != array.dtype or value.shape != array.extents():
            raise GraphError(
                f"{array.role} {self.name(array)} is {array.dtype}{list(array.extents())},"
                f" what came is {value.dtype}{list(value.shape)}"
            )
        storage = Storage(array, self.count())
        storage.data[...] = value
        storage.written[...] = True
        return storage

    def finished(self, array: Array) -> np.ndarray:
        """An output, every element written."""
        storage = self.storages[array]
        if not storage.written.all():
            where = np.argwhere(~storage.written)[0].tolist()
            raise UnwrittenError(f"output {self.name(array)} has no value at {where}")
        return storage.data

    # ----------------------------------------------------------------------------------- the bodies

    def body(self, body: list[Any]) -> None:
        for item in body:
            kind = type(item)
            if kind is Operation:
                self.values[item] = self.operation(item)
            elif kind is Load:
                self.values[item] = self.load(item)
            elif kind is Store:
                self.store(item)
            elif kind is Update:
                self.update(item)
            elif kind is Loop:
                self.loop(item)
            elif kind is Product:
                self.body(item.loops())
            elif kind is Routine:
                self.routine(item)
            else:
                self.scratch(item)

    def value(self, x: Any) -> Any:
        """An operand's number, or W of them where it varies over the lanes."""
        found = self.values.get(x)
        if found is not None:
            return found
        if isinstance(x, Constant):
            return x.value
        return x.dtype.type(x.value) if isinstance(x, Symbol) else np.int64(x)

    def loop(self, loop: Loop) -> None:
        begin, end = int(self.value(loop.begin)), int(self.value(loop.end))
        if loop.lanes and self.width is not None and end - begin >= self.width:
            self.vectors(loop, begin, end - begin, self.width)
            return
        order = np.arange(begin, max(begin, end))
        if loop.blocks and self.random is not None:
            self.random.shuffle(order)
        watch = None
        if self.width is None and (loop.lanes or loop.blocks):
            watch = Watch(loop, self.serial)
            self.watches.append(watch)
        for index in order:
            self.values[loop.index] = index
            if watch is not None:
                watch.iteration = int(index)
            self.body(loop.body)
        if watch is not None:
            self.watches.pop()

    def lanes_facts(self, loop: Loop) -> Lanes:
        if loop not in self.facts:
            self.facts[loop] = lanes_of(loop)
        return self.facts[loop]

    def vectors(self, loop: Loop, begin: int, n: int, width: int) -> None:
        """A lanes loop, `width` iterations at a time."""
        vector = self.vector = Vector(self.lanes_facts(loop), width)
        for array, combine in vector.facts.partial.items():
            vector.partials[array] = Partials(array, combine, width)
        lane = np.arange(width)
        for first in range(0, n, width):
            base = min(first, n - width)
            vector.active = base + lane >= first
            self.values[loop.index] = begin + base + lane
            self.body(loop.body)
        self.vector = None
        for array, partials in vector.partials.items():
            data = self.storages[array].data
            for at in map(tuple, np.argwhere(partials.touched)):
                left = partials.data[at]
                while len(left) > 1:
                    half = len(left) // 2
                    left = combined(partials.combine, left[:half], left[half:])
                data[at] = combined(partials.combine, data[at], left[0])

    def scratch(self, item: Scratch) -> None:
        lanes = () if self.vector is None else self.vector.active.shape
        storage = self.storages.get(item.array)  # an output's is there
        if storage is None or item.array.role != "output":
            storage = Storage(item.array, self.count(), lanes)
        fill = fill_value(item)
        if fill is not None:
            storage.data[...] = fill
            storage.written[...] = True
        self.storages[item.array] = storage

    # ----------------------------------------------------------------------------------- operations

    def operation(self, item: Operation) -> Any:
        operands = [self.value(x) for x in item.operands]
        if item.name == "place":
            return placed(*operands)
        result = registry[item.name].evaluate(*operands, **item.parameters)
        if getattr(result, "dtype", None) != item.dtype:
            came = getattr(result, "dtype", type(result).__name__)
            shown = line(item, names(self.program))
            raise GraphError(f"loop program: in `{shown}`: NumPy gives {came}")
        return result

    def whole(self, array: Array) -> Storage:
        """The storage of an array, under its shape."""
        storage = self.storages[root(array)]
        return storage if array.base is None else storage.view(array)

    def routine(self, item: Routine) -> None:
        """A primitive on whole arrays."""
        given = []
        for array in item.inputs:
            storage = self.whole(array)
            if not storage.written.all():
                shown, name = line(item, names(self.program)), self.name(root(array))
                raise UnwrittenError(f"loop program: in `{shown}`: {name} has no value everywhere")
            given.append(storage.data)
        found = registry[item.name].evaluate(*given, **item.parameters)
        storage = self.whole(item.output)
        if isinstance(found, tuple):
            stack = item.output.extents()[:-1]
            found = np.concatenate([np.reshape(x, (*stack, -1)) for x in found], -1)
        storage.data[...] = found
        storage.written[...] = True

    # ------------------------------------------------------------------------------------- accesses

    def axes(self, item: Load | Store | Update) -> list[tuple[int, int, list[tuple[Any, int]]]]:
        """Of each axis of an access its extent, the offset and the terms, the sizes put in."""
        found = self.accesses.get(item)
        if found is None:
            found = self.accesses[item] = [
                (n, int(self.value(p.offset)), [(v, int(self.value(c))) for v, c in p.terms])
                for n, p in zip(item.array.extents(), item.places, strict=True)
            ]
        return found

    def where(self, item: Load | Store | Update) -> tuple[Any, ...]:
        """The checked places of an access: whole numbers, or W of them where they vary."""
        found = []
        for axis, (n, offset, terms) in enumerate(self.axes(item)):
            at: Any = offset
            for variable, coefficient in terms:
                value = self.values[variable]
                at += coefficient * (value if isinstance(value, np.ndarray) else int(value))
            outside = not 0 <= at < n if isinstance(at, int) else not ((at >= 0) & (at < n)).all()
            if outside:
                shown, index = line(item, names(self.program)), np.asarray(at).tolist()
                raise OutOfBoundsError(
                    f"loop program: in `{shown}`: array {self.name(item.array)}, axis {axis}: index"
                    f" {index} of an extent of {n}"
                )
            found.append(at)
        return tuple(found)

    def reached(self, item: Load | Store | Update) -> tuple[Storage, tuple[Any, ...]]:
        """The storage and the checked places of an access, the lane among them."""
        array = item.array
        storage = self.storages[array] if array.base is None else self.storages[root(array)]
        if array.base is not None:
            storage = storage.view(array)
        at = self.where(item)
        if storage.lanes:
            at = (*at, np.arange(*storage.lanes))
        return storage, at

    def require_written(self, item: Load | Update, storage: Storage, at: tuple[Any, ...]) -> None:
        if not storage.written[at].all():
            shown = line(item, names(self.program))
            where = [x if isinstance(x, int) else x.tolist() for x in at]
            raise UnwrittenError(
                f"loop program: in `{shown}`: {self.name(item.array)} has no value at {where}"
            )

    def load(self, item: Load) -> Any:
        storage, at = self.reached(item)
        self.require_written(item, storage, at)
        for watch in self.watches:
            watch.read(self, item, storage, at)
        return storage.data[at]

    def store(self, item: Store) -> None:
        storage, at = self.reached(item)
        for watch in self.watches:
            watch.store(self, item, storage, at)
        value, vector = self.value(item.value), self.vector
        if vector is not None and vector.facts.in_place and not storage.lanes:
            active = vector.active
            at = tuple([np.broadcast_to(x, active.shape)[active] for x in at])
            value = np.broadcast_to(value, active.shape)[active]
        storage.data[at] = value
        storage.written[at] = True

    def update(self, item: Update) -> None:
        storage, at = self.reached(item)
        data, value, vector = storage.data, self.value(item.value), self.vector
        self.require_written(item, storage, at)
        for watch in self.watches:
            watch.update(self, item, storage, at)
        if vector is None or storage.lanes:
            data[at] = combined(item.combine, data[at], value)
        elif root(item.array) in vector.partials:
            partials, active = vector.partials[root(item.array)], vector.active
            shape = item.array.extents()
            partials.touched.reshape(shape)[at] = True
            left = partials.data.reshape((*shape, -1))[at]  # a view
            left[active] = combined(item.combine, left, value)[active]
        else:
            active = vector.active
            places = [np.broadcast_to(x, active.shape) for x in at]
            values = np.broadcast_to(value, active.shape)
            for lane in np.flatnonzero(active):
                one = tuple([int(x[lane]) for x in places])
                data[one] = combined(item.combine, data[one], values[lane])


def combined(combine: str, a: Any, b: Any) -> Any:
    """`combine(a, b)`, elementwise."""
    return registry[combine].evaluate(a, b)


def placed(index: Any, extent: Any) -> Any:
    """An index that came as data, counted from the end where it is negative."""
    n = int(extent)
    for one in np.ravel(index).tolist():
        if not -n <= one < n:
            raise IndexError(f"index {one} is out of bounds for axis 0 with size {n}")
    found = np.where(index < 0, index + np.int64(n), index).astype(np.int64)
    return found if found.shape else found[()]


# -------------------------------------------------------------------------------- promises of marks


class Element:
    """Which iterations of a marked loop used an element; -1: several."""

    __slots__ = ("combines", "read", "stored", "updated")

    def __init__(self) -> None:
        self.read: int | None = None
        self.stored: int | None = None
        self.updated: int | None = None
        self.combines: set[str] = set()


class Watch:
    """Checks one run of a marked loop: what each iteration does to arrays from outside."""

    def __init__(self, loop: Loop, serial: int) -> None:
        self.loop = loop
        self.serial = serial  # of the last storage made before
        self.iteration = 0
        self.elements: dict[tuple[int, int], Element] = {}

    def element(self, storage: Storage, at: tuple[Any, ...]) -> Element | None:
        """What is known of an element, where the array is from outside."""
        if storage.serial > self.serial:
            return None
        number = 0  # views of one memory count alike
        for place, n in zip(at, storage.data.shape, strict=True):
            number = number * n + place
        key = (storage.serial, number)
        found = self.elements.get(key)
        if found is None:
            found = self.elements[key] = Element()
        return found

    def read(self, machine: Machine, item: Any, storage: Storage, at: tuple[Any, ...]) -> None:
        x, here = self.element(storage, at), self.iteration
        if x is None:
            return
        if not {x.stored, x.updated} <= {None, here}:
            self.fault(machine, item, at, "reads", "which another iteration writes")
        x.read = here if x.read in (None, here) else -1

    def store(self, machine: Machine, item: Any, storage: Storage, at: tuple[Any, ...]) -> None:
        x, here = self.element(storage, at), self.iteration
        if x is None:
            return
        if not {x.read, x.stored, x.updated} <= {None, here}:
            self.fault(machine, item, at, "stores", "which another iteration reads or writes")
        x.stored = here

    def update(self, machine: Machine, item: Any, storage: Storage, at: tuple[Any, ...]) -> None:
        x, here = self.element(storage, at), self.iteration
        if x is None:
            return
        if not {x.read, x.stored} <= {None, here}:
            self.fault(machine, item, at, "updates", "which another iteration reads or stores")
        x.combines.add(item.combine)
        if x.updated not in (None, here):
            if self.loop.blocks:
                self.fault(machine, item, at, "updates", "which another iteration updates")
            if len(x.combines) > 1:
                reason = "which another iteration updates by another operation"
                self.fault(machine, item, at, "updates", reason)
        x.updated = here if x.updated in (None, here) else -1

    def fault(
        self, machine: Machine, item: Any, at: tuple[Any, ...], does: str, reason: str
    ) -> NoReturn:
        mark = "blocks" if self.loop.blocks else "lanes"
        shown, loop = line(item, names(machine.program)), machine.name(self.loop.index)
        raise MarkError(
            f"loop program: in `{shown}`: iteration {self.iteration} of the {mark} loop over {loop}"
            f" {does} {machine.name(item.array)}{list(at)}, {reason}"
        )
