"""From loop IR to LLVM IR: addresses, vectors, reductions over the lanes.

Enters: a loop program, a target and the number of lanes W.  Leaves: the text of a module with the
function `i64 program(ptr slots)` and a `Layout`, which says what the slots hold.

Inside a lanes loop a value that depends on the lane is a vector of W; arrays declared inside have
the lane as one more axis, innermost; an array that the loop updates at places without the lane
holds W partial results, which a reader outside adds up.  The last vector overlaps the one before:
stores are idempotent, updates leave out the lanes that were seen.

Every instruction goes to the outermost loop in which its operands are known.  Loops run at least
once, and a lanes loop has at least W iterations: the caller sees to that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from ..graph.cost import rough
from ..loops.ir import (
    Load,
    Loop,
    Operation,
    Place,
    Product,
    Program,
    Routine,
    Scratch,
    Store,
    Symbol,
    Update,
    root,
    walk,
)
from ..loops.lanes import lanes_of
from ..loops.levels import unrolled
from ..loops.share import work
from .access import ALIGNMENT, FAR, Access, Arena, Memory, Scope, bytes_of, kind_of
from .builder import Value, function_symbol, suffix
from .mathlib.registry import definitions
from .operations import combine, emit, identity
from .pairs import partners, write_pair
from .routines import routine_call
from .rows import table_rows, update_rows
from .targets import Target
from .totals import totals, write_totals

APART = 60  # lines from which functions are compiled apart
WHOLE = 200  # lines up to which a program is one function: each takes LLVM half a millisecond
LITTLE = 2000  # additions outside blocks and routines that need not be fast
CALLED = 40  # lines that a mathematical function has
INLINED = 40  # calls of mathematical functions up to which their bodies replace them
SYMBOLS = re.compile(r"@[\w.]+")
NAMES = re.compile(r"%[\w.]+")


class Layout(NamedTuple):
    """What a program's slots hold after inputs, outputs, workspace, symbols and constants, and the
    arenas of the workspace (a size below 0 stands for symbol -1 - number)."""

    services: tuple[str, ...]
    workspace: tuple[Arena, ...]

    def workspace_bytes(self, symbols: Sequence[Symbol], threads: int | None = None) -> int:
        """The size of the workspace for these symbols, where so many threads run blocks at most
        (None: one for each block)."""

        def number(n: Any) -> int:
            return symbols[-1 - n].value if n < 0 else n

        def bytes_of_arena(arena: Arena) -> int:
            total = 0
            for shape, size in arena.arrays:
                total += -(-size * math.prod(map(number, shape)) // ALIGNMENT) * ALIGNMENT
            return total

        largest = 0
        for arena in self.workspace[1:]:
            own, count = bytes_of_arena(arena), number(arena.copies)
            largest = max(largest, (own + FAR) * min(count, threads or count) if own else 0)
        return bytes_of_arena(self.workspace[0]) + largest


class Emitter(Access):
    """Writes one program."""

    # --------------------------------------------------------------------------------- instructions

    # ------------------------------------------------------------------------------------ operands

    # --------------------------------------------------------------------------------------- memory

    # -------------------------------------------------------------------------------------- updates

    def update(self, item: Update) -> None:
        """Combine an element with a value in place."""
        memory = self.memory(item.array)
        total, along, vectors = self.offset(memory, item.places)
        dtype = item.array.dtype
        if item in self.carried:
            self.carry(item, memory, total)
            return
        value = self.operand(item.value)
        if vectors:
            self.update_lane_by_lane(item, memory, total, along, vectors, value)
            return
        pointer = self.address(memory, total)
        is_plain = not self.is_wide(memory)
        lanes = 1 if is_plain and isinstance(along, int) and along == 0 else self.lanes
        if not (isinstance(along, int) and along in ((0, 1) if is_plain else (0,))):
            self.update_lane_by_lane(item, memory, total, along, vectors, value)
            return
        if self.in_lanes and 1 < memory.lanes < self.lanes and root(item.array) in self.partial:
            self.add_halves(item, memory, pointer, total, value)
            return
        is_masked = self.in_lanes and self.seen is not None and lanes > 1
        if not (is_masked and (is_plain or root(item.array) in self.partial)):
            self.accumulate(item, memory, pointer, total, lanes, value)
            return
        assert self.seen is not None
        if memory.low is not None:
            value = self.select(self.seen, value, 0.0)
            self.accumulate(item, memory, pointer, total, lanes, value)
            return
        old = self.read(memory, pointer, lanes, self.here)
        new = self.select(self.seen, self.combined(item.combine, dtype, old, value), old)
        aligned = self.alignment(memory, lanes)
        new = self.stored(memory, new)
        self.act(f"store {self.splat(new, lanes)!r}, ptr {pointer.text}, align {aligned}")

    def add_halves(
        self, item: Update, memory: Memory, pointer: Value, total: Any, value: Value
    ) -> None:
        """Add a vector to partial results of fewer lanes."""
        value = self.splat(value, self.lanes)
        width = memory.lanes
        if memory.low is not None:
            if self.seen is not None:
                value = self.select(self.seen, value, 0.0)
            parts = [self.part(value, k, width) for k in range(value.lanes // width)]
            whole = parts[0]
            for part in parts[1:]:
                whole = self.add(whole, part)
            self.accumulate(item, memory, pointer, total, width, whole)
            return
        new = self.read(memory, pointer, width, self.here)
        for k in range(value.lanes // width):
            part = self.part(value, k, width)  # may be a product, added without being rounded first
            more = self.combined(item.combine, item.array.dtype, new, part)
            seen = self.seen and self.part(self.seen, k, width)
            new = self.select(seen, more, new) if seen is not None else more
        aligned = self.alignment(memory, width)
        self.act(f"store {new!r}, ptr {pointer.text}, align {aligned}")

    def accumulate(
        self, item: Update, memory: Memory, pointer: Value, total: Any, lanes: int, value: Value
    ) -> None:
        """Combine what is at a pointer with a value."""
        aligned = self.alignment(memory, lanes)
        old = self.read(memory, pointer, lanes, self.here)
        if memory.low is None:
            new = self.stored(memory, self.combined(item.combine, item.array.dtype, old, value))
            self.act(f"store {self.splat(new, lanes)!r}, ptr {pointer.text}, align {aligned}")
            return
        new, lost = self.two_sum(old, self.splat(value, lanes))
        beside = self.address(memory.low, total)
        low = self.add(self.read(memory.low, beside, lanes, self.here), lost)
        self.act(f"store {new!r}, ptr {pointer.text}, align {aligned}")
        self.act(f"store {low!r}, ptr {beside.text}, align {aligned}")

    def carry(self, item: Update, memory: Memory, total: Any) -> None:
        """Add partial results to those of the next level, lane by lane."""
        load = self.carried[item]
        found = self.fetch(self.memory(load.array), load)
        while found.lanes > memory.lanes:
            half = found.lanes // 2
            found = self.add(self.part(found, 0, half), self.part(found, 1, half))
        self.accumulate(item, memory, self.address(memory, total), total, memory.lanes, found)

    def combined(self, name: str, dtype: np.dtype, old: Value, value: Value) -> Value:
        """The new value of an accumulator; a product is added without being rounded first."""
        lanes = max(old.lanes, value.lanes)
        old, value = self.splat(old, lanes), self.splat(value, lanes)
        if name == "add" and dtype.kind == "f":
            return self.write(f"fadd contract {old!r}, {value.text}", old.kind, lanes, self.here)
        return combine(self, name, dtype, old, value)

    def update_lane_by_lane(
        self,
        item: Update,
        memory: Memory,
        total: tuple[Any, int],
        along: Any,
        vectors: Sequence[Value],
        value: Value,
    ) -> None:
        """Two lanes may go to the same place: one after the other."""
        dtype = item.array.dtype
        value = self.splat(value, self.lanes)
        is_private = self.is_wide(memory) and root(item.array) not in self.partial
        if self.seen is not None and not is_private:
            nothing = self.constant(memory.kind, identity(item.combine, dtype))
            value = self.select(self.seen, value, nothing)
        pointer = self.address(memory, total)
        offsets = self.lane_offsets(memory, along, vectors)
        for k in range(self.lanes):
            one = self.put(f"extractelement {value!r}, i32 {k}", value.kind, 1, (value,))
            place = self.lane_place(memory, pointer, offsets, k)
            offset = self.lane_offset(offsets, k)
            self.accumulate(item, memory, place, self.summed_place(total, offset), 1, one)

    def lane_offsets(self, memory: Memory, along: Any, vectors: Sequence[Value]) -> Value:
        """How far from one address each lane's element is, in elements."""
        offsets: Any = None
        if not (isinstance(along, int) and along == 0):
            offsets = self.counting("i64", along)
        for v in (*vectors, *self.own_lane(memory)):
            offsets = v if offsets is None else self.add(offsets, v)
        return offsets

    def lane_offset(self, offsets: Value, lane: int) -> Value:
        """How far one lane's element is."""
        return self.put(f"extractelement {offsets!r}, i32 {lane}", "i64", 1, (offsets,))

    def lane_place(self, memory: Memory, pointer: Value, offsets: Value, lane: int) -> Value:
        """The address of one lane's element."""
        offset = self.lane_offset(offsets, lane)
        return self.put(
            f"getelementptr {memory.element}, ptr {pointer.text}, i64 {offset.text}",
            "ptr", 1, (pointer, offset),
        )  # fmt: skip

    def summed_place(self, total: tuple[Any, int], offset: Value) -> tuple[Any, int]:
        """A place moved by an offset."""
        return self.summed(total[0], offset), total[1]

    # ----------------------------------------------------------------------------------- operations

    def operation(self, item: Operation) -> Value:
        """The value of an operation."""
        if item.name == "place":
            return self.placed(self.operand(item.operands[0]), self.operand(item.operands[1]))
        operands = [self.operand(x) for x in item.operands]
        dtypes = [x.dtype for x in item.operands]
        if item.dtype.kind == "f" and item.name == "add" and item.reduces:
            a, b = self.together(*operands)
            return self.put(f"fadd contract {a!r}, {b.text}", a.kind, a.lanes, (a, b))
        if item.dtype.kind == "f" and item.name == "mul":
            a, b = self.together(*operands)
            return self.put(f"fmul contract {a!r}, {b.text}", a.kind, a.lanes, (a, b))
        return emit(self, item.name, item.dtype, dtypes, item.parameters, *operands)

    def placed(self, index: Value, extent: Value) -> Value:
        """An index that is data: counted from the end if negative, checked, and clamped."""
        index = self.cast("sext", index, "i64")
        negative = self.compare("slt", index, 0)
        place = self.select(negative, self.add(index, extent), index)
        bad = self.compare("uge", place, extent)
        if bad.lanes > 1:
            name = f"llvm.vector.reduce.or.v{bad.lanes}i1"
            bad_one = self.call(name, "i1", 1, bad)
        else:
            bad_one = bad
        wide = self.cast("zext", bad_one, "i64")
        depth = wide.depth
        old = self.write("load i64, ptr %status, align 8", "i64", 1, depth)
        new = self.write(f"or i64 {old.text}, {wide.text}", "i64", 1, depth)
        self.scopes[depth].lines.append(f"  store i64 {new.text}, ptr %status, align 8")
        return self.select(bad, 0, place)

    # --------------------------------------------------------------------------------------- bodies

    def body(self, items: Sequence[Any]) -> None:
        """The items of a body, in order."""
        pairs = partners(items) if self.in_lanes else {}
        rows = table_rows(items) if self.in_lanes else {}
        whole = items is self.program.body
        for position, item in enumerate(items):
            if isinstance(item, Operation):
                self.values[item] = self.operation(item)
            elif isinstance(item, Load):
                if item not in self.carriers:
                    self.values[item] = self.load(item)
            elif isinstance(item, Store):
                other = pairs.get(item, item)
                if other is item:
                    self.store(item.array, item.places, self.operand(item.value))
                elif other is not None:
                    write_pair(self, other, item)
            elif isinstance(item, Update):
                columns = rows.get(item)
                if columns is None:
                    self.update(item)
                elif columns:
                    update_rows(self, columns)
            elif isinstance(item, Scratch):
                self.scratch(item)
            elif isinstance(item, Loop):
                around, self.is_rare = self.is_rare, item.rare
                self.loop(item)
                self.is_rare = around
            elif isinstance(item, Product):
                self.product(item)
            elif isinstance(item, Routine):
                self.routine(item)
            else:
                raise TypeError(f"no code for {item!r}")
            if whole:
                self.release(position)

    def release(self, position: int) -> None:
        """Arrays that nothing reads after this item of the program leave their room to others."""
        for array in self.last_of.get(position, ()):
            if array in self.rooms:
                key, pointer = self.rooms.pop(array)
                self.free.setdefault(key, []).append(pointer)

    def routine(self, item: Routine) -> None:
        """Call a routine (`codegen.routines`) for every matrix or row of a stack."""
        call = routine_call(item)
        count: Any = 1
        for n in call.stack:
            count = self.scaled(count, self.number(n))
        arguments = [count, *[self.number(n) for n in call.numbers]]
        arguments += [self.memory(array).pointer for array in item.arrays]
        arguments += [Value(self, name, "ptr", 1) for name in ("%workspace", "%status")]
        arguments += [self.service(name) for name in call.externals]
        text = ", ".join(f"i64 {x}" if isinstance(x, int) else repr(x) for x in arguments)
        self.act(f"call void {self.service(call.service).text}({text})")

    def product(self, item: Product) -> None:
        """Call the routine for products of matrices (`codegen.gemm`), which shares its work."""
        kind = kind_of(item.c.dtype)
        routine = self.service(f"products {kind}" if item.batch else f"product {kind}")
        parallel, pool = self.service("parallel"), self.service("pool")
        rows, columns, terms = item.axes
        stack = [] if item.batch is None else [item.batch[0]]
        arguments: list[Any] = [] if item.batch is None else [self.number(item.batch[1])]
        arguments += [self.number(n) for _, n in item.axes]
        across = {"a": [*stack, rows[0], terms[0]], "b": [*stack, terms[0], columns[0]],
                  "c": [*stack, rows[0], columns[0]]}  # fmt: skip
        for name in "abc":
            array, places = getattr(item, name), getattr(item, f"{name}_places")
            memory = self.memory(array)
            steps: dict[Any, Any] = dict.fromkeys(across[name], 0)
            kept = []
            for place, stride in zip(places, memory.strides, strict=True):
                for v, coefficient in place.terms:
                    if v in steps:
                        step = self.scaled(self.number(coefficient), stride)
                        steps[v] = self.summed(steps[v], step)
                rest = [(v, c) for v, c in place.terms if v not in steps]
                kept.append(Place(rest, place.offset))
            total, _, _ = self.offset(memory, kept)
            arguments += [self.address(memory, total), *steps.values()]
        arguments += [0, Value(self, "%workspace", "ptr", 1), parallel, pool]
        text = ", ".join(f"i64 {x}" if isinstance(x, int) else repr(x) for x in arguments)
        self.act(f"call void {routine.text}({text})")

    def scratch(self, item: Scratch) -> None:
        """Find a place for an array of the program's own, and fill it."""
        array = item.array
        if array.role == "scratch":
            wide = self.lanes > 1 and (self.in_lanes or array in self.partial)
            lanes = self.widths.get(array, self.lanes) if wide else 1
            kind = kind_of(array.dtype)
            element = "i8" if kind == "i1" else kind
            memory = self.memories[array] = Memory(
                self.room(array, element, lanes), kind, element, self.strides(array, lanes), lanes
            )
            if item.compensated:
                room = self.room(array, element, lanes)
                memory.low = Memory(room, kind, element, memory.strides, lanes)
                self.fill(array, 0, memory.low)
        if item.fill is not None:
            self.fill(array, item.fill, self.memory(array))

    # ---------------------------------------------------------------------------------------- loops

    def loop(self, item: Loop) -> None:
        """A loop over an index."""
        begin, end = self.number(item.begin), self.number(item.end)
        if item.blocks and self.here == 0:
            self.blocks_loop(item, end)
            return
        if item.lanes and self.lanes > 1:
            self.lanes_loop(item, begin, end)
            return
        pairs = totals(self, item)
        if pairs:
            write_totals(self, item, pairs, end)
            return

        def inside(index: Value) -> None:
            self.values[item.index] = index
            self.body(item.body)

        self.repeat(begin, end, 1, inside)

    def blocks_loop(self, item: Loop, end: Any) -> None:
        """Iterations that may run on several threads: a function of its own, which gets the values
        that it uses in a frame."""
        parallel, pool = self.service("parallel"), self.service("pool")
        allocations, self.allocations = self.allocations, []
        self.scopes.append(Scope())
        index, self.seat = (Value(self, name, "i64", 1, self.here) for name in ("%block", "%seat"))
        self.values[item.index] = index
        start, self.next_offset = self.next_offset, 0
        self.own = Value(self, "%mine", "ptr", 1, self.here)
        self.workspace.append(Arena(item.end, []))
        self.body(item.body)
        self.seat = self.own = None
        inside = self.scopes.pop().lines
        has_own = bool(self.workspace[-1].arrays)
        stride, self.next_offset = self.summed(self.next_offset, FAR), start
        mine, self.allocations = self.allocations, allocations
        number = len(self.outlined)
        names = {name for line in inside for name in NAMES.findall(line)} & set(self.types)
        if has_own:
            names |= {"%arenas"} if isinstance(stride, int) else {"%arenas", stride.text}
        spread = {name: self.spread[name] for name in sorted(names & set(self.spread))}
        numbers = {x.text for x in spread.values()} & set(self.types)
        used = sorted((names - set(spread)) | numbers)
        size = 16 * (2 + len(used))
        place, cells = 16, []
        for name in used:
            wide = -(-bytes_of(self.types[name]) // 16) * 16
            cells.append((name, place))
            place += wide
        size = max(size, place)
        text = [
            f"define internal void {block_name(number)}"
            "(ptr %frame, i64 %block, i64 %seat) noinline {",
            "entry:",
        ]
        text += ["  %status = alloca i64, align 8", *mine, "  store i64 0, ptr %status, align 8"]
        self.allocations.append(f"  %frame{number} = alloca i8, i64 {size}, align 64")
        self.act(f"store ptr %status, ptr %frame{number}, align 8")
        for k, (name, offset) in enumerate(cells):
            kind = self.types[name]
            self.act(f"%f{number}.{k} = getelementptr i8, ptr %frame{number}, i64 {offset}")
            self.act(f"store {kind} {name}, ptr %f{number}.{k}, align 16")
            text.append(f"  %f{k} = getelementptr i8, ptr %frame, i64 {offset}")
            text.append(f"  {name} = load {kind}, ptr %f{k}, align 16")
        for name, x in spread.items():
            kind = self.types[name]
            lanes = kind.split(" x ")[0].removeprefix("<")
            text += [
                f"  {name}.one = insertelement {kind} poison, {x!r}, i32 0",
                f"  {name} = shufflevector {kind} {name}.one, {kind} poison, "
                f"<{lanes} x i32> zeroinitializer",
            ]
        if has_own:
            step = stride if isinstance(stride, int) else stride.text
            text += [
                f"  %mine.at = mul i64 %seat, {step}",
                "  %mine = getelementptr i8, ptr %arenas, i64 %mine.at",
            ]
        text += [
            *inside,
            "  %own = load i64, ptr %status, align 8",
            "  %all = load ptr, ptr %frame, align 8",
            "  %was = atomicrmw or ptr %all, i64 %own monotonic",
            "  ret void",
            "}",
        ]
        self.outlined.append(text)
        last = end if isinstance(end, int) else end.text
        self.act(
            f"call void {parallel.text}(ptr {pool.text}, ptr {block_name(number)}, "
            f"ptr %frame{number}, i64 {last})"
        )

    def lanes_loop(self, item: Loop, begin: Any, end: Any) -> None:
        """W iterations at a time; the last vector ends where the loop ends.  Where little is done
        several vectors are taken at once first."""
        many = unrolled(item, self.lanes)
        if many > 1:
            begin = self.unrolled_loop(item, begin, end, many * self.lanes)
        last = self.summed(end, -self.lanes)

        def inside(index: Value) -> None:
            if isinstance(last, int):
                limit = self.constant("i64", last)
            else:
                limit = last
            over = self.compare("sgt", index, limit)
            base = self.select(over, limit, index)
            base.depth = self.here
            self.in_place = lanes_of(item).in_place
            if self.in_place or any(isinstance(x, Update) for x in walk(item.body)):
                seen = self.sub(index, base)
                self.seen = self.compare("sge", self.counting("i64"), self.splat(seen, self.lanes))
            self.values[item.index] = base
            self.in_lanes, self.lane_index = True, item.index
            self.body(item.body)
            self.in_lanes, self.lane_index, self.seen = False, None, None
            self.in_place = set()

        self.repeat(begin, end, self.lanes, inside, guard=many > 1)

    def unrolled_loop(self, item: Loop, begin: Any, end: Any, step: int) -> Value:
        """The part of a lanes loop that long vectors cover; gives where it ends: at the end, if
        nothing is updated, for then the last one may overlap the one before."""
        length = self.sub(self.index_value(end), begin)
        updates = {root(x.array) for x in walk(item.body) if isinstance(x, Update)}
        overlaps = updates <= lanes_of(item).private
        if overlaps:
            is_long = self.compare("sge", length, step)
            first = self.select(is_long, self.index_value(end), self.index_value(begin))
            last = self.sub(first, step)
        else:
            first = self.add(self.integer("and", length, -step), begin)

        def inside(index: Value) -> None:
            if overlaps:
                over = self.compare("sgt", index, last)
                index = self.select(over, last, index)
                index.depth = self.here
            self.values[item.index] = index
            self.in_lanes, self.lane_index = True, item.index
            self.body(item.body)
            self.in_lanes, self.lane_index = False, None

        lanes, self.lanes = self.lanes, step
        self.repeat(begin, first, step, inside, guard=True)
        self.lanes = lanes
        return first


def reserve(program: Program) -> str:
    """What of the workspace belongs to routines: kind and sizes of each, a size below 0 standing
    for symbol -1 - size."""
    number = {symbol: -1 - k for k, symbol in enumerate(program.symbols)}
    found = []
    for item in walk(program.body):
        if isinstance(item, Product):
            sizes = [number[n] if isinstance(n, Symbol) else n for _, n in item.axes]
            kind = ("stack-" if item.batch else "") + kind_of(item.c.dtype)
            found.append(" ".join([kind, *map(str, sizes)]))
        elif isinstance(item, Routine):
            call = routine_call(item)
            sizes = [number[n] if isinstance(n, Symbol) else n for n in call.numbers]
            found.append(" ".join([call.service, *map(str, sizes)]))
    return ", ".join(dict.fromkeys(found))


def block_name(number: int) -> str:
    """The name of the function of a loop in blocks."""
    return f"@block{number}."


def emit_program(
    program: Program, target: Target, lanes: int, emitter: Callable[..., Emitter] = Emitter
) -> tuple[str, Layout]:
    """The module's text and the layout of its slots."""
    e, parameters = written(program, target, lanes, emitter)
    functions = [line for function in e.outlined for line in function]
    return main_module(e, parameters, functions, main_lines(e))


def emit_apart(program: Program, target: Target, lanes: int) -> tuple[str, Layout, dict[str, str]]:
    """The same, the functions of long loops in blocks as modules of their own, to be compiled at
    the same time: their texts by the service that the program asks for the function `block`.

    The service's name, "block" and a digest, follows from the text.
    """
    e, parameters = written(program, target, lanes, Emitter)
    main = main_lines(e)
    functions, modules = [], {}
    here, longest = length(main), None
    if hands_on(program) and e.outlined:  # that takes little time: the longest function is beside
        longest = max(e.outlined, key=length)
        here = length(longest)
    for number, lines in enumerate(e.outlined):
        if lines is longest or min(length(lines), here) < APART:
            functions += lines
            continue
        name = block_name(number)
        head = lines[0].replace("internal ", "").replace(name, "@block").replace("noinline ", "")
        text = module(e, [head, *lines[1:]])
        key = blake2b(f"{target.fingerprint}\n{text}".encode(), digest_size=24).hexdigest()
        service = f"block {key}"
        modules[service] = text
        value = e.service(service)
        main = [line.replace(f"ptr {name},", f"ptr {value.text},") for line in main]
    return *main_module(e, parameters, functions, main), modules


def length(lines: Sequence[str]) -> int:
    """How long it takes to compile a function, in lines: those of what it calls count too."""
    return len(lines) + CALLED * sum("@math." in line for line in lines)


def written(
    program: Program, target: Target, lanes: int, emitter: Callable[..., Emitter]
) -> tuple[Emitter, list[tuple[str, str]]]:
    """The emitter when all is written, and the parameters: types and names."""
    e = emitter(program, target, lanes)
    parameters: list[tuple[str, str]] = []
    arrays = (*program.inputs, *program.outputs, *program.constants)
    parameters += [("ptr noalias", f"%a{k}") for k in range(len(arrays))]
    for k, symbol in enumerate(program.symbols):
        kind = kind_of(symbol.dtype)
        parameters.append((kind, f"%s{k}"))
        e.values[symbol] = Value(e, f"%s{k}", kind, 1)
    for k, array in enumerate(arrays):
        kind = kind_of(array.dtype)
        element = "i8" if kind == "i1" else kind
        pointer = Value(e, f"%a{k}", "ptr", 1)
        e.memories[array] = Memory(pointer, kind, element, e.strides(array, 1), 1)
    e.types.update((name, kind.removesuffix(" noalias")) for kind, name in parameters)
    e.types["%workspace"] = e.types["%arenas"] = "ptr"
    reserved = reserve(program)
    start = e.service(f"reserve {reserved}") if reserved else None
    e.next_offset = e.number_in_slot(start)
    e.body(program.body)
    e.find_arenas(start)
    return e, parameters


def main_lines(e: Emitter) -> list[str]:
    """The body of the function that does what stands outside blocks."""
    return [
        "entry:",
        "  %status = alloca i64, align 8",
        *e.allocations,
        "  store i64 0, ptr %status, align 8",
        *e.before,
        *e.scopes[0].lines,
        "  %result = load i64, ptr %status, align 8",
        "  ret i64 %result",
        "}",
    ]


def main_module(
    e: Emitter, parameters: list[tuple[str, str]], functions: list[str], main: list[str]
) -> tuple[str, Layout]:
    """The module of the program, and the layout of its slots."""
    program = e.program
    services = tuple(e.services)
    parameters = [*parameters, ("ptr noalias", "%workspace")]
    parameters += [("ptr", value.text) for value in e.services.values()]
    number = {symbol: -1 - k for k, symbol in enumerate(program.symbols)}
    numbered = lambda n: n if isinstance(n, int) else number[n]
    workspace = tuple(
        Arena(
            numbered(arena.copies),
            [(tuple([numbered(n) for n in shape]), size) for shape, size in arena.arrays],
        )
        for arena in e.workspace
    )
    layout = Layout(services, workspace)
    head = ", ".join(f"{kind} {name}" for kind, name in parameters)
    how = "alwaysinline" if len(main) <= WHOLE else "noinline"
    lines = [
        *functions,
        f"define internal i64 @body({head}) {how} {{",
        *main,
        *entry(program, layout, [kind.removesuffix(" noalias") for kind, _ in parameters], how),
    ]
    return module(e, lines), layout


def module(e: Emitter, lines: Sequence[str]) -> str:
    """The text of a module: functions, with what they call and declare."""
    text = "\n".join(lines)
    calls = text.count("@math.")
    wanted = [key for key in e.functions if f"{function_symbol(*key)}(" in text]
    functions, more = definitions(wanted, e.target, lambda name: calls <= INLINED)
    before = "\n".join([*functions, *e.sums_of_lanes(text)])
    used = set(SYMBOLS.findall(before)) | set(SYMBOLS.findall(text))
    found = [(SYMBOLS.search(line), line) for line in sorted(e.declarations | more)]
    declared = [line for name, line in found if name is not None and name[0] in used]
    return "\n".join([*declared, before, text]) + "\n"


def hands_on(program: Program) -> bool:
    """Whether all that takes time is done elsewhere: in blocks, or by routines."""
    rest = [x for x in program.body if isinstance(x, Loop) and not x.blocks]
    is_apart = any(
        isinstance(x, (Product, Routine)) or (isinstance(x, Loop) and x.blocks)
        for x in program.body
    )
    return is_apart and sum(work(x, lambda n: rough(int(n))) for x in rest) <= LITTLE


def entry(program: Program, layout: Layout, kinds: Sequence[str], body: str) -> list[str]:
    """The function that takes everything out of its slots, around a body that may be inlined."""
    inputs, outputs = len(program.inputs), len(program.outputs)
    symbols, constants = len(program.symbols), len(program.constants)
    first = inputs + outputs + 1
    slots = [
        *range(inputs + outputs),
        *range(first + symbols, first + symbols + constants),
        *range(first, first + symbols),
        inputs + outputs,
        *range(first + symbols + constants, first + symbols + constants + len(layout.services)),
    ]
    is_apart = body == "noinline" and any(isinstance(x, Loop) and x.blocks for x in program.body)
    how = "noinline optnone " if is_apart or hands_on(program) else ""  # compiled soon
    lines = [f"define i64 @program(ptr %slots) {how}{{", "entry:"]
    arguments = []
    for k, (slot, kind) in enumerate(zip(slots, kinds, strict=True)):
        memory = "i8" if kind == "i1" else kind
        lines.append(f"  %p{k} = getelementptr i64, ptr %slots, i64 {slot}")
        lines.append(f"  %v{k} = load {memory}, ptr %p{k}, align 8")
        if kind == "i1":
            lines.append(f"  %b{k} = icmp ne i8 %v{k}, 0")
        arguments.append(f"{kind} %{'b' if kind == 'i1' else 'v'}{k}")
    lines.append(f"  %result = call i64 @body({', '.join(arguments)})")
    lines += ["  ret i64 %result", "}"]
    return lines


__all__ = ["Layout", "emit_program", "suffix"]
