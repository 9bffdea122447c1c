"""Where values are: scopes of open loops, addresses of elements, vectors in memory.

Enters: an emitter's instructions.  Leaves: lines in the scope of the outermost loop in which their
operands are known.  This is the lower half of the emitter: what is done with the values is in
`emit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..loops.finish import partial_arrays
from ..loops.ir import (
    Array,
    Constant,
    Index,
    Load,
    Loop,
    Place,
    Program,
    Size,
    Symbol,
    Update,
    root,
    walk,
)
from ..loops.lanes import settle
from ..loops.levels import carried, unrolled
from ..loops.text import arrays_of
from .builder import FLOATS, Builder, Value, suffix
from .mathlib.registry import FUNCTIONS
from .operations import horizontal
from .pairs import half_of, read_half
from .targets import Target
from .totals import totals_function, totals_name

SEVERAL = 2  # elements on the stack that are set to zero one by one
FEW = 32  # partial results that may be in registers
STACK_CELLS = 256  # elements up to which a scratch array of fixed size lives on the stack
ALIGNMENT = 64  # bytes
FAR = 1 << 18  # bytes between the memory of two threads: so far ahead a processor may fetch


class Memory:
    """Where an array's elements are."""

    __slots__ = ("element", "kind", "lanes", "low", "pointer", "strides")

    def __init__(
        self, pointer: Value, kind: str, element: str, strides: list[Any], lanes: int
    ) -> None:
        self.pointer = pointer
        self.kind = kind  # in registers
        self.element = element  # in memory
        self.strides = strides  # ints or values
        self.lanes = lanes  # W where each element is a vector
        self.low: Memory | None = None  # what rounding lost of the sums here


class Arena(NamedTuple):
    """A part of the workspace: its arrays, each by its axes and the bytes of an element.  One of a
    loop in blocks is there for each thread that runs them, at most for each block; then these lie
    `FAR` apart, so that no processor fetches what another one works on."""

    copies: Size
    arrays: list[tuple[tuple[Size, ...], int]]


class Scope:
    """An open loop's lines."""

    __slots__ = ("lines", "memo")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.memo: dict[Any, Value] = {}


def is_long(array: Array) -> bool:
    """Whether an array of partial results is too long for registers."""
    return any(isinstance(n, Symbol) for n in array.shape) or math.prod(array.extents()) > FEW


def two_sum(builder: Builder, a: Value, b: Value) -> tuple[Value, Value]:
    """a + b, and what rounding lost (no number, where it is infinite)."""
    total = builder.add(a, b)
    other = builder.sub(total, a)
    lost = builder.add(builder.sub(a, builder.sub(total, other)), builder.sub(b, other))
    return total, lost


def sum_name(kind: str, lanes: int) -> str:
    """The name of the function that adds up so many lanes."""
    return f"sum.v{lanes}{letter(kind)}"


def sum_of_lanes(target: Target, kind: str, lanes: int, calls: int) -> str:
    """The function that adds up a vector, and what rounding lost in a second one, exactly."""
    builder = Builder(target, lanes)
    high, low = Value(builder, "%high", kind, lanes), Value(builder, "%low", kind, lanes)
    head = f"define internal {kind} @{sum_name(kind, lanes)}({high!r}, {low!r})"
    while high.lanes > 1:
        half = high.lanes // 2
        high, lost = two_sum(builder, builder.part(high, 0, half), builder.part(high, 1, half))
        left = builder.add(builder.part(low, 0, half), builder.part(low, 1, half))
        low = builder.add(left, lost)
    total = builder.select(builder.is_nan(low), high, builder.add(high, low))
    how = "alwaysinline" if calls == 1 else "noinline"
    return "\n".join([f"{head} {how} {{", "entry:", *builder.lines, f"  ret {total!r}", "}"])


class Access(Builder):
    """An emitter's scopes and memory."""

    def __init__(self, program: Program, target: Target, lanes: int) -> None:
        super().__init__(target, lanes)
        settle(program.body)
        self.program = program
        self.scopes = [Scope()]
        self.before: list[str] = []  # lines before those of the outermost scope
        self.allocations: list[str] = []
        self.memories: dict[Array, Memory] = {}
        self.values: dict[Any, Value] = {}
        self.services: dict[str, Value] = {}
        self.workspace: list[Arena] = [Arena(1, [])]  # that of all threads, those of blocks
        self.last_of = last_uses(program.body)
        self.rooms: dict[Array, tuple[Any, Value]] = {}  # of the outermost arrays in use
        self.free: dict[Any, list[Value]] = {}  # rooms for others of that element and shape
        self.next_offset: Any = 0  # where the next array in it starts
        self.outlined: list[list[str]] = []  # functions of blocks
        self.sums: dict[tuple[str, int], None] = {}  # of lanes, compensated: kinds and lanes
        self.totals: dict[tuple[str, int], None] = {}  # of many vectors: kinds and lanes
        self.types: dict[str, str] = {}  # of the names that a block may use
        self.spread: dict[str, Value] = {}  # which of them are a number in every lane
        self.seat: Value | None = None  # in a block: what no other block that runs now has
        self.own: Value | None = None  # in a block: where its memory starts
        self.labels = 0
        self.in_lanes = False  # inside a lanes loop
        self.is_rare = False  # inside a loop with little to do
        self.lane_index: Index | None = None
        self.seen: Value | None = None  # the lanes that count in this iteration
        self.in_place: set[Array] = set()  # arrays that the lanes loop reads and writes
        self.partial = partial_arrays(program.body) if lanes > 1 else {}
        self.carried = carried(program.body, self.partial)
        self.partial.update((x.array, "add") for x in self.carried)
        self.carriers = set(self.carried.values())
        self.widths: dict[Array, int] = {}  # the lanes of partial results, where not W
        for array, name in self.partial.items():
            register = target.vector_bits // 8 // array.dtype.itemsize
            is_sum = name == "add" and array.dtype.kind == "f"
            if lanes > register > 1 and is_sum and is_long(array):
                self.widths[array] = register  # vectors of two registers are added first
        for item in walk(program.body) if lanes > 1 else ():
            if isinstance(item, Loop) and item.lanes and (k := unrolled(item, lanes)) > 1:
                self.widths.update(
                    (x.array, k * lanes)
                    for x in walk(item.body)
                    if isinstance(x, Update) and x.array in self.partial
                )
        self.status = Value(self, "%status", "ptr", 1)

    def put(self, form: str, kind: str, lanes: int, operands: Sequence[Value]) -> Value:
        """Write an instruction where its operands are known, or give the one that is there."""
        depth = 0
        for x in operands:
            if x.depth > depth:
                depth = x.depth
        scope = self.scopes[depth]
        key = form, kind, lanes
        found = scope.memo.get(key)
        if found is None:
            found = self.write(form, kind, lanes, depth)
            scope.memo[key] = found
        return found

    def write(self, form: str, kind: str, lanes: int, depth: int) -> Value:
        """Write an instruction into a scope."""
        self.count += 1
        name = f"%t{self.count}"
        self.scopes[depth].lines.append(f"  {name} = {form}")
        found = Value(self, name, kind, lanes, depth)
        if depth == 0:
            self.types[name] = found.type
        return found

    def function(self, name: str, *values: Any, results: int = 1) -> Value:
        """Call a mathematical function; where little is done that for vectors, for a number, too,
        if a second form would take long to compile."""
        if not self.is_rare or results > 1:
            return super().function(name, *values, results=results)
        operands = self.together(*values)
        register = self.target.vector_bits // FLOATS.get(operands[0].kind, 64)
        has_slow_path = f"{name}_large" in FUNCTIONS
        if has_slow_path and operands[0].lanes == 1 < min(register, self.lanes):
            wide = [self.splat(x, min(register, self.lanes)) for x in operands]
            return self.part(self.function(name, *wide), 0, 1)
        self.functions[name, operands[0].kind, operands[0].lanes] = None
        x = operands[0]
        called = f"@math.{name}.{suffix(x)}({', '.join(map(repr, operands))})"
        return self.put(f"call {x.type} {called} noinline", x.kind, x.lanes, tuple(operands))

    def splat(self, x: Value, lanes: int) -> Value:
        """The value in every lane; blocks get the number, and spread it themselves."""
        found = super().splat(x, lanes)
        if found is not x and found.depth == 0 and found.text in self.types:
            self.spread[found.text] = x
        return found

    def act(self, line: str) -> None:
        """Write an instruction without a result at the current place."""
        self.scopes[-1].lines.append("  " + line)

    @property
    def here(self) -> int:
        """The depth of the innermost open loop."""
        return len(self.scopes) - 1

    def service(self, name: str) -> Value:
        """The address of a function from outside."""
        if name not in self.services:
            self.services[name] = Value(self, f"%service{len(self.services)}", "ptr", 1)
            self.types[self.services[name].text] = "ptr"
        return self.services[name]

    def number(self, size: Any) -> Any:
        """A size or a bound: an int, or an i64 value."""
        if isinstance(size, int):
            return size
        if isinstance(size, Constant):
            return int(size.value)
        return self.operand(size)

    def operand(self, x: Any) -> Value:
        """An operand's value; a lane index counts up along the lanes."""
        if isinstance(x, Constant):
            return self.constant(kind_of(x.dtype), x.value)
        if x is self.lane_index and self.in_lanes:
            base = self.values[x]
            return self.add(base, self.counting("i64"))
        return self.values[x]

    def counting(self, kind: str, step: Any = 1) -> Value:
        """0, step, 2 step, .. along the lanes."""
        if isinstance(step, int):
            inside = ", ".join(f"{kind} {k * step}" for k in range(self.lanes))
            return Value(self, f"<{inside}>", kind, self.lanes)
        return self.mul(self.counting(kind), step)

    def scaled(self, x: Any, factor: Any) -> Any:
        """A product of sizes: of ints, an int."""
        if isinstance(x, int) and isinstance(factor, int):
            return x * factor
        if isinstance(x, int) and x == 1:
            return factor
        if isinstance(factor, int) and factor == 1:
            return x
        if (isinstance(x, int) and x == 0) or (isinstance(factor, int) and factor == 0):
            return 0
        return self.mul(x, factor)

    def summed(self, a: Any, b: Any) -> Any:
        """A sum of sizes."""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if isinstance(a, int) and a == 0:
            return b
        if isinstance(b, int) and b == 0:
            return a
        return self.add(a, b)

    def memory(self, array: Array) -> Memory:
        """Where an array is; one of another shape lies in its base."""
        found = self.memories.get(array)
        if found is None:
            assert array.base is not None
            base = self.memory(array.base)
            found = self.memories[array] = Memory(
                base.pointer, base.kind, base.element, self.strides(array, base.lanes), base.lanes
            )
            if base.low is not None:
                found.low = Memory(
                    base.low.pointer, base.kind, base.element, found.strides, base.lanes
                )
        return found

    def strides(self, array: Array, lanes: int) -> list[Any]:
        """The distance of neighbours along each axis, in elements."""
        step: Any = lanes
        found: list[Any] = []
        for n in reversed(array.shape):
            found.append(step)
            step = self.scaled(self.number(n), step)
        return found[::-1]

    def offset(self, memory: Memory, places: Sequence[Place]) -> tuple[Any, Any, list[Value]]:
        """Where an element is: a sum of scalars, the step along the lanes, offsets by lane."""
        constant, along = 0, 0
        terms: list[Any] = []
        vectors: list[Value] = []
        for place, stride in zip(places, memory.strides, strict=True):
            part = self.scaled(self.number(place.offset), stride)
            if isinstance(part, int):
                constant += part
            else:
                terms.append(part)
            for variable, coefficient in place.terms:
                step = self.scaled(self.number(coefficient), stride)
                value = self.values[variable]
                if variable is self.lane_index and self.in_lanes:
                    along = self.summed(along, step)
                if value.lanes > 1:
                    vectors.append(self.scaled(value, step))
                else:
                    terms.append(self.scaled(value, step))
        total: Any = 0
        for term in sorted(terms, key=lambda t: t.depth if isinstance(t, Value) else 0):
            total = self.summed(total, term)
        return (total, constant), along, vectors

    def address(self, memory: Memory, total: tuple[Any, int]) -> Value:
        """A pointer to an element."""
        variable, constant = total
        pointer = memory.pointer
        if not (isinstance(variable, int) and variable == 0):
            text = variable if isinstance(variable, int) else variable.text
            operands = (pointer,) if isinstance(variable, int) else (pointer, variable)
            pointer = self.put(
                f"getelementptr {memory.element}, ptr {pointer.text}, i64 {text}",
                "ptr", 1, operands,
            )  # fmt: skip
        if constant:
            pointer = self.put(
                f"getelementptr {memory.element}, ptr {pointer.text}, i64 {constant}",
                "ptr", 1, (pointer,),
            )  # fmt: skip
        return pointer

    def pointers(
        self, memory: Memory, pointer: Value, along: Any, vectors: Sequence[Value]
    ) -> Value:
        """A pointer for each lane."""
        offsets: Any = None
        if not (isinstance(along, int) and along == 0):
            offsets = self.counting("i64", along)
        for v in (*vectors, *self.own_lane(memory)):
            offsets = v if offsets is None else self.add(offsets, v)
        return self.put(
            f"getelementptr {memory.element}, ptr {pointer.text}, {offsets!r}",
            "ptr", self.lanes, (pointer, offsets),
        )  # fmt: skip

    def own_lane(self, memory: Memory) -> tuple[Value, ...]:
        """Where each lane finds its element, in an array that has the lanes as an axis."""
        return (self.counting("i64"),) if self.is_wide(memory) else ()

    def is_wide(self, memory: Memory) -> bool:
        """Whether an access is to the lanes of an array that has them as an axis."""
        return memory.lanes > 1

    def load(self, item: Load) -> Value:
        """Read an element, or one for each lane."""
        memory = self.memory(item.array)
        found = self.fetch(memory, item)
        if memory.low is not None:
            return self.compensated(found, self.fetch(memory.low, item), item)
        if self.is_wide(memory) and root(item.array) in self.partial:
            return horizontal(self, self.partial[root(item.array)], item.array.dtype, found)
        return found

    def compensated(self, high: Value, low: Value, item: Load) -> Value:
        """A sum with what rounding lost; partial results are summed up without new losses."""
        if root(item.array) in self.partial and high.lanes > 1:
            key = high.kind, high.lanes
            self.sums[key] = None
            return self.put(
                f"call {high.kind} @{sum_name(*key)}({high!r}, {low!r})", high.kind, 1, (high, low)
            )
        return self.select(self.is_nan(low), high, self.add(high, low))

    def sums_of_lanes(self, text: str) -> list[str]:
        """The functions that add up partial results, as far as they are called in a text."""
        counts = {key: text.count(f"@{sum_name(*key)}(") for key in self.sums}
        found = [sum_of_lanes(self.target, *key, count) for key, count in counts.items() if count]
        called = [key for key in self.totals if f"@{totals_name(*key)}(" in text]
        return [*found, *[totals_function(*key) for key in called]]

    def two_sum(self, a: Value, b: Value) -> tuple[Value, Value]:
        """a + b, and what rounding lost (no number, where it is infinite)."""
        return two_sum(self, a, b)

    def fetch(self, memory: Memory, item: Load) -> Value:
        """Read from memory, without a look at what is to be done with it."""
        total, along, vectors = self.offset(memory, item.places)
        pointer = self.address(memory, total)
        depth = self.here
        if self.is_wide(memory) and not vectors and isinstance(along, int) and along == 0:
            return self.read(memory, pointer, memory.lanes, depth)
        is_plain = not self.is_wide(memory) and not vectors and isinstance(along, int)
        if is_plain and along == 0:
            return self.read(memory, pointer, 1, depth)
        if is_plain and along == 1:
            return self.read(memory, pointer, self.lanes, depth)
        if is_plain and along == -1:
            return self.backwards(self.read(memory, self.last(memory, pointer), self.lanes, depth))
        half = half_of(item.array, item.places, along)
        if half is not None and not vectors:
            start = self.address(memory, (total[0], total[1] - half))
            return self.register(memory, read_half(self, memory, start, half))
        where = self.pointers(memory, pointer, along, vectors)
        vector = f"<{self.lanes} x {memory.element}>"
        name = f"llvm.masked.gather.v{self.lanes}{letter(memory.element)}.v{self.lanes}p0"
        mask = f"<{self.lanes} x i1>"
        self.declarations.add(
            f"declare {vector} @{name}(<{self.lanes} x ptr>, i32, {mask}, {vector})"
        )
        found = self.write(
            f"call {vector} @{name}({where!r}, i32 {size_of(memory.element)}, "
            f"{mask} splat (i1 true), {vector} poison)",
            memory.element, self.lanes, depth,
        )  # fmt: skip
        return self.register(memory, found)

    def last(self, memory: Memory, pointer: Value) -> Value:
        """The address of the last lane, where places go down."""
        return self.put(
            f"getelementptr {memory.element}, ptr {pointer.text}, i64 {1 - self.lanes}",
            "ptr", 1, (pointer,),
        )  # fmt: skip

    def backwards(self, x: Value) -> Value:
        """The lanes in the other order."""
        order = ", ".join(f"i32 {k}" for k in reversed(range(self.lanes)))
        return self.put(
            f"shufflevector {x!r}, {x.type} poison, <{self.lanes} x i32> <{order}>",
            x.kind, x.lanes, (x,),
        )  # fmt: skip

    def read(self, memory: Memory, pointer: Value, lanes: int, depth: int) -> Value:
        """Load one element or a vector."""
        kind = memory.element if lanes == 1 else f"<{lanes} x {memory.element}>"
        aligned = self.alignment(memory, lanes)
        found = self.write(
            f"load {kind}, ptr {pointer.text}, align {aligned}", memory.element, lanes, depth
        )
        return self.register(memory, found)

    def alignment(self, memory: Memory, lanes: int) -> int:
        """What an element's address is a multiple of."""
        return min(size_of(memory.element) * (lanes if memory.lanes > 1 else 1), ALIGNMENT)

    def register(self, memory: Memory, value: Value) -> Value:
        """A value as registers hold it: a boolean is one bit."""
        return self.compare("ne", value, 0) if memory.kind == "i1" else value

    def stored(self, memory: Memory, value: Value) -> Value:
        """A value as memory holds it."""
        return self.cast("zext", value, memory.element) if memory.kind == "i1" else value

    def store(self, array: Array, places: Sequence[Place], value: Value) -> None:
        """Write an element, or one for each lane; lanes that were seen keep what the first time
        wrote, where the loop works in place."""
        memory = self.memory(array)
        if self.seen is not None and root(array) in self.in_place:
            value = self.select(self.seen, value, self.load(Load(array, places)))
        total, along, vectors = self.offset(memory, places)
        pointer = self.address(memory, total)
        value = self.stored(memory, value)
        if self.is_wide(memory) and not vectors and isinstance(along, int) and along == 0:
            value = self.splat(value, self.lanes)
            aligned = self.alignment(memory, self.lanes)
            self.act(f"store {value!r}, ptr {pointer.text}, align {aligned}")
            return
        size = size_of(memory.element)
        is_plain = not self.is_wide(memory) and not vectors and isinstance(along, int)
        if is_plain and along == 0:
            self.act(f"store {value!r}, ptr {pointer.text}, align {size}")
            return
        value = self.splat(value, self.lanes)
        if is_plain and along in (1, -1):
            if along == -1:
                value, pointer = self.backwards(value), self.last(memory, pointer)
            self.act(f"store {value!r}, ptr {pointer.text}, align {size}")
            return
        where = self.pointers(memory, pointer, along, vectors)
        name = f"llvm.masked.scatter.v{self.lanes}{letter(memory.element)}.v{self.lanes}p0"
        mask = f"<{self.lanes} x i1>"
        self.declarations.add(
            f"declare void @{name}({value.type}, <{self.lanes} x ptr>, i32, {mask})"
        )
        self.act(f"call void @{name}({value!r}, {where!r}, i32 {size}, {mask} splat (i1 true))")

    def room(self, array: Array, element: str, lanes: int) -> Value:
        """Memory for an array: the stack for a small one, the workspace otherwise."""
        cells = 1
        for n in array.shape:
            cells = cells * n if isinstance(n, int) and cells >= 0 else -1
        if 0 <= cells <= STACK_CELLS:
            self.count += 1
            name = f"%stack{self.count}"
            vector = element if lanes == 1 else f"<{lanes} x {element}>"
            self.allocations.append(f"  {name} = alloca {vector}, i64 {max(cells, 1)}, align 64")
            found = Value(self, name, "ptr", 1, 0 if self.seat is None else self.seat.depth)
            if self.seat is None:
                self.types[name] = "ptr"
            return found
        is_outermost = self.here == 0
        key = element, lanes, array.shape
        if is_outermost and self.free.get(key):
            found = self.free[key].pop()
            self.rooms[array] = key, found
            return found
        arena = self.workspace[0 if self.seat is None else -1]
        arena.arrays.append((array.shape, size_of(element) * lanes))
        start = self.next_offset
        self.next_offset = self.summed(start, self.bytes_in_workspace(*arena.arrays[-1]))
        text = start if isinstance(start, int) else start.text
        operands = [] if isinstance(start, int) else [start]
        base = "%workspace" if self.own is None else self.own.text
        if self.own is not None:
            operands.append(self.own)
        found = self.put(f"getelementptr i8, ptr {base}, i64 {text}", "ptr", 1, operands)
        if is_outermost:
            self.rooms[array] = key, found
        return found

    def bytes_in_workspace(self, shape: Sequence[Size], size: int) -> Any:
        """What an array takes of the workspace: an int, or a value."""
        total: Any = size
        for n in shape:
            total = self.scaled(total, self.number(n))
        if isinstance(total, int):
            return -(-total // ALIGNMENT) * ALIGNMENT
        return self.integer("and", self.add(total, ALIGNMENT - 1), -ALIGNMENT)

    def number_in_slot(self, slot: Value | None) -> Any:
        """The number that a slot holds in place of an address; 0 without a slot."""
        if slot is None:
            return 0
        return self.put(f"ptrtoint ptr {slot.text} to i64", "i64", 1, (slot,))

    def find_arenas(self, reserved: Value | None) -> None:
        """Write, to stand before all else, where the memory of blocks starts: behind what all
        threads use, before which routines have what is reserved.  Blocks of different loops never
        run at once."""
        if not any(arena.arrays for arena in self.workspace[1:]):
            return
        scopes, self.scopes = self.scopes, [Scope()]
        start = self.number_in_slot(reserved)
        for shape, size in self.workspace[0].arrays:
            start = self.summed(start, self.bytes_in_workspace(shape, size))
        text = start if isinstance(start, int) else start.text
        self.act(f"%arenas = getelementptr i8, ptr %workspace, i64 {text}")
        self.before, self.scopes = self.scopes[0].lines, scopes

    def fill(self, array: Array, value: Any, memory: Memory) -> None:
        """Every element becomes a constant."""
        constant = getattr(value, "value", value)
        scalar = array.dtype.type(constant)
        number = self.constant(memory.element, int(scalar) if memory.kind == "i1" else scalar)
        count: Any = memory.lanes
        for n in array.shape:
            count = self.scaled(count, self.number(n))
        on_stack = memory.pointer.text.startswith("%stack")
        is_few = isinstance(count, int) and count <= STACK_CELLS * memory.lanes
        is_zero = not any(np.asarray(scalar).tobytes())
        if on_stack and is_few and not (is_zero and count > SEVERAL * memory.lanes):
            number = self.splat(number, memory.lanes)
            size = self.alignment(memory, memory.lanes)
            for k in range(count // memory.lanes):
                pointer = self.address(memory, (0, k * memory.lanes))
                self.act(f"store {number!r}, ptr {pointer.text}, align {size}")
            return
        if is_zero:
            total = self.scaled(count, size_of(memory.element))
            text = total if isinstance(total, int) else total.text
            self.declarations.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
            start = memory.pointer.text
            self.act(f"call void @llvm.memset.p0.i64(ptr {start}, i8 0, i64 {text}, i1 false)")
            return

        lanes = memory.lanes if memory.lanes > 1 else 1
        number = self.splat(number, lanes)
        aligned = size_of(memory.element) * lanes

        def one(index: Value) -> None:
            pointer = self.address(memory, (index, 0))
            self.act(f"store {number!r}, ptr {pointer.text}, align {aligned}")

        self.repeat(0, count, lanes, one)

    def repeat(
        self, begin: Any, end: Any, step: int, body: Callable[[Value], None], guard: bool = False
    ) -> None:
        """A counted loop that runs at least once; with `guard`, if at all.

        The empty assembly hides that the index counts up: LLVM would spend most of its time on
        looking for better ways to count (loop strength reduction), and finds none.
        """
        self.labels += 1
        k = self.labels
        self.scopes.append(Scope())
        index = Value(self, f"%i{k}", "i64", 1, self.here)
        body(index)
        inner = self.scopes.pop().lines
        first = begin if isinstance(begin, int) else begin.text
        last = end if isinstance(end, int) else end.text
        enter = f"  br label %P{k}"
        if guard:
            some = self.compare("slt", self.index_value(begin), end)
            enter = f"  br i1 {some.text}, label %P{k}, label %X{k}"
        self.scopes[-1].lines += [
            enter,
            f"P{k}:",
            f"  br label %L{k}",
            f"L{k}:",
            f"  %h{k} = phi i64 [{first}, %P{k}], [%n{k}, %T{k}]",
            f'  %i{k} = call i64 asm "", "=r,0"(i64 %h{k})',
            *inner,
            f"  br label %T{k}",
            f"T{k}:",
            f"  %n{k} = add nsw i64 %h{k}, {step}",
            f"  %c{k} = icmp slt i64 %n{k}, {last}",
            f"  br i1 %c{k}, label %L{k}, label %X{k}",
            f"X{k}:",
        ]

    def index_value(self, x: Any) -> Value:
        """A bound as a value."""
        return self.constant("i64", x) if isinstance(x, int) else x


def last_uses(body: Sequence[Any]) -> dict[int, list[Array]]:
    """For each outermost item the scratch arrays that no later one uses."""
    last: dict[Array, int] = {}
    for position, item in enumerate(body):
        for x in walk([item]):
            for array in arrays_of(x):
                last[root(array)] = position
    found: dict[int, list[Array]] = {}
    for array, position in last.items():
        if array.role == "scratch":
            found.setdefault(position, []).append(array)
    return found


def kind_of(dtype: np.dtype) -> str:
    """LLVM's kind of a dtype in registers."""
    if dtype.kind == "f":
        return "double" if dtype.itemsize == 8 else "float"
    return "i1" if dtype.kind == "b" else f"i{8 * dtype.itemsize}"


def size_of(element: str) -> int:
    """Bytes of an element in memory."""
    return {"double": 8, "float": 4}.get(element) or int(element[1:]) // 8


def bytes_of(kind: str) -> int:
    """Bytes of a value of an LLVM type in a frame."""
    if kind.startswith("<"):
        lanes, element = kind[1:-1].split(" x ")
        return max(1, int(lanes) * (1 if element == "i1" else bytes_of(element)))
    return 8 if kind == "ptr" else max(1, size_of(kind) if kind != "i1" else 1)


def letter(element: str) -> str:
    """An intrinsic's suffix for an element."""
    return {"double": "f64", "float": "f32"}.get(element, element)
