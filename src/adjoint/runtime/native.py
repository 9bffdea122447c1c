"""Runs closed graphs as native code.

Enters: a closed graph.  Leaves: an `Executable`: called with the values of the inputs, it gives the
values of the outputs.  Machine code is looked up by the text of its loop program, in memory and on
disk, before it is made.
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from hashlib import blake2b
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ..base.dtypes import WEAK, python_kind
from ..codegen.compile import compile_object
from ..codegen.emit import Layout, emit_apart
from ..codegen.gemm import workspace_bytes
from ..codegen.operations import external_address, supports
from ..codegen.routines import module_of, routine_workspace
from ..codegen.targets import Target, host
from ..graph import op
from ..graph.cost import floor, rough
from ..graph.function import Function
from ..graph.node import Node
from ..graph.primitive import Scalar
from ..loops.finish import finish
from ..loops.ir import Loop, Program
from ..loops.levels import levels, unrolled
from ..loops.lower import TooMuch, lower
from ..loops.rare import mark_rare
from ..loops.schedule import lane_classes
from ..loops.share import gathers, heaviest, is_brief, is_chain, share, work
from ..loops.text import text
from ..loops.tiles import tiled
from ..optimize import routines  # noqa: F401  (what has a routine)
from ..optimize.express import NATIVE, express, flattened, reason
from ..optimize.expression import Expression, Expressions
from ..optimize.fuse import plan
from ..optimize.merge import merged
from ..optimize.parts import COMPLEX, by_parts, weight
from ..optimize.parts import reason as reason_by_parts
from ..optimize.segments import LONG, Step, steps_of
from . import ahead, cpu, products, threads
from .cache import default
from .plans import Binding, cells, digest, recall, remember

ALIGNMENT = 64  # bytes
DOUBLED = 1_000_000  # work from which vectors are two registers wide: they wait less for results
BRIEF = 100  # times as much where that gains little


class OutOfRange(Exception):
    """A program found an index out of range: the graph is evaluated with NumPy, which says so."""


class Code:
    """Machine code, loaded."""

    __slots__ = ("__weakref__", "address", "call", "library")

    def __init__(self, library: Any, name: str = "program") -> None:
        self.library = library
        self.address = library.address(name)
        self.call = library.function(name, ctypes.c_int64, ctypes.c_void_p)


CODES: WeakValueDictionary[bytes, Code] = WeakValueDictionary()  # by the text of the loop program
LOCK = threading.Lock()


def code_of(key: bytes, make: Callable[[], bytes], name: str = "program") -> Code:
    """The machine code with a key: what is there in memory or on disk, or what `make` makes;
    `name` is the function to call."""
    with LOCK:
        found = CODES.get(key)
    if found is None:
        found = Code(cpu.load(default().obtain("object", key, make)), name)
        with LOCK:
            found = CODES.setdefault(key, found)
    return found


def identity(make: Callable[[], Code]) -> Callable[[], Code]:
    """Begin nothing: it is done when it is called."""
    return make


class Parts:
    """The modules of a program, compiled at the same time; `write` gives their texts."""

    def __init__(
        self, target: Target, write: Callable[[], tuple[str, Layout, dict[str, str]]]
    ) -> None:
        self.target, self.write = target, lru_cache(maxsize=1)(write)

    def codes(
        self, binding: Binding, start: Callable[[Callable[[], Code]], Callable[[], Code]] = identity
    ) -> tuple[Code, dict[str, Code]]:
        """The code of the program, and of its blocks by service; `start` begins what is called
        later.  The longest text is compiled here: a new thread's memory is cold."""
        names = ["", *[x for x in binding.services if x.startswith("block ")]]
        longest = "" if start is identity else max(names, key=lambda name: len(self.text(name)))
        waiting = {
            name: start(partial(self.part, name, binding)) for name in names if name != longest
        }
        found = {longest: self.part(longest, binding)}
        found.update({name: result() for name, result in waiting.items()})
        return found.pop(""), found

    def text(self, name: str) -> str:
        """The text of the program, or of the block of a service."""
        main, _, blocks = self.write()
        return blocks[name] if name else main

    def part(self, name: str, binding: Binding) -> Code:
        """The code of the program, or of the block of a service."""
        key = bytes.fromhex(name.removeprefix("block ")) if name else binding.code
        make = lambda: compile_object(self.text(name), self.target)
        return code_of(key, make, "block" if name else "program")


class Native:
    """A native segment, its sizes bound."""

    def __init__(self, step: Step, target: Target) -> None:
        self.step, self.target = step, target
        ahead.begin("pool", threads.prepare)
        step = by_parts(step)  # the same memory: a complex number is two floats
        key = digest(step, target)
        binding = recall(key)
        if binding is None:
            program, lanes = planned(step, target)
            texts = emit_apart(program, target, lanes)
            binding = binding_of(program, lanes, texts[1], target)
            parts = Parts(target, lambda: texts)
            self.code, self.blocks = parts.codes(binding, ahead.start)
            remember(key, binding)
        else:
            parts = Parts(target, lambda: emit_apart(*planned_for(step, target)))
            self.code, self.blocks = parts.codes(binding)
        self.bind(binding)

    def bind(self, binding: Binding) -> None:
        """What the slots hold in every call."""
        count = len(self.step.inputs) + len(self.step.outputs)
        self.constants = binding.constants
        parts = [
            np.zeros(count + 1, np.int64),
            np.frombuffer(binding.symbols, np.int64),
            np.array([a.ctypes.data for a in binding.constants], np.int64),
            np.array([self.service(name, binding) for name in binding.services], np.int64),
        ]
        self.slots = np.concatenate(parts)
        self.workspace = binding.workspace
        self.workspace_slot = count
        self.work = binding.work

    def service(self, name: str, binding: Binding) -> int:
        """The slot of a service: an address, or the bytes reserved for products."""
        if name.startswith("reserve "):
            symbols = np.frombuffer(binding.symbols, np.int64).tolist()
            return reserved(name.removeprefix("reserve "), symbols, self.target)
        return self.blocks[name].address if name in self.blocks else address(name)

    def room(self) -> np.ndarray:
        """Memory for the workspace of a call."""
        return np.empty(self.workspace + ALIGNMENT, np.uint8)

    def __call__(self, values: Sequence[Any]) -> list[np.ndarray]:
        slots = self.slots.copy()
        held = []
        for k, (node, value) in enumerate(zip(self.step.inputs, values, strict=True)):
            given = np.ascontiguousarray(value, node.dtype)
            held.append(given)
            slots[k] = given.__array_interface__["data"][0]
        outputs = [np.empty(node.shape, node.dtype) for node in self.step.outputs]
        for k, made in enumerate(outputs, len(held)):
            slots[k] = made.__array_interface__["data"][0]
        if self.workspace:
            memory = self.room()
            start = memory.ctypes.data
            slots[len(held) + len(outputs)] = -(-start // ALIGNMENT) * ALIGNMENT
        if self.code.call(slots.ctypes.data):
            raise OutOfRange
        return outputs


def binding_of(program: Program, lanes: int, layout: Layout, target: Target) -> Binding:
    """What a call of a loop program needs besides the machine code."""
    symbols = cells(program.symbols)
    values = np.frombuffer(symbols, np.int64).tolist()
    return Binding(
        blake2b(
            "\n".join([text(program), target.fingerprint, str(lanes)]).encode(), digest_size=24
        ).digest(),
        symbols,
        tuple([np.ascontiguousarray(a.value) for a in program.constants]),
        layout.services,
        layout.workspace_bytes(program.symbols, threads.most())
        + sum(
            reserved(name.removeprefix("reserve "), values, target)
            for name in layout.services
            if name.startswith("reserve ")
        ),
        program_work(program),
    )


def planned(
    step: Step, target: Target, watch: Callable[[str, Any], None] = lambda name, value: None
) -> tuple[Program, int]:
    """The loop program of a segment, and how many lanes its vectors have; `watch(name, value)` sees
    the result of each stage."""
    graph = Expressions()
    watch("graph", graph)
    arguments = [graph.input(k, x.shape, x.dtype) for k, x in enumerate(step.inputs)]
    known: dict[Node, Expression] = dict(zip(step.inputs, arguments, strict=True))
    for node in step.nodes:
        for x in node.inputs:
            if x.primitive.name == "constant" and x not in known:
                known.update(express(graph, [x], {}))
    image = express(graph, step.nodes, known, watch)
    watch("express", image)
    placed = plan(graph, merged(graph, flattened(graph, [image[x] for x in step.outputs])))
    watch("plan", placed)
    for dtype in {s.node.dtype.name for s in placed.statements if s.kind == "product"}:
        if dtype not in products.LOADED and target == host():
            ahead.begin(f"products {dtype}", partial(products.functions, dtype))
    lanes = width(target, placed.selection.nodes)
    along = lane_classes(placed, lanes)
    while lanes > 1 and not along:
        lanes //= 2
        along = lane_classes(placed, lanes) if lanes > 1 else ()
    program = lower(placed, arguments, along, watch)
    watch("lower", program)
    longest = max([rough(c.extent) for c in along], default=0)
    shortest = min([floor(c.extent) for c in along], default=0)
    program = mark_rare(program)
    main = heaviest(program)
    gains = main is not None and not (main.rare or gathers(main)) and unrolled(main, lanes) == 1
    more = 4 if is_chain(program) else 2
    fits = longest >= 8 * lanes and shortest >= more * lanes
    least = DOUBLED * (BRIEF if main is not None and is_brief(main) else 1)
    registers = more if fits and gains and program_work(program, rough) > least else 1
    lanes *= registers
    program, trips = tiled(finish(share(program, lanes, registers)), lanes)
    return levels(program, lanes, trips), lanes


def program_work(program: Program, measure: Callable[[int], int] = int) -> float:
    """The additions that a program costs; sizes count as `measure` says."""
    return sum(work(item, measure) for item in program.body if isinstance(item, Loop))


def planned_for(step: Step, target: Target) -> tuple[Program, Target, int]:
    """What is written for a segment whose binding is known but whose code is not there any more."""
    program, lanes = planned(step, target)
    return program, target, lanes


def reserved(service: str, symbols: Sequence[int], target: Target) -> int:
    """How many bytes of the workspace the routines of a program take (they share it)."""
    most = 0
    for part in service.split(", "):
        kind, *sizes = part.split()
        numbers = [symbols[-1 - int(x)] if int(x) < 0 else int(x) for x in sizes]
        if "." in kind:
            most = max(most, routine_workspace(kind, numbers))
        else:
            m, n, k = numbers
            count = None if kind.startswith("stack-") else 1
            bytes_ = workspace_bytes(m, n, k, kind.removeprefix("stack-"), target, count)
            most = max(most, bytes_)
    return -(-most // ALIGNMENT) * ALIGNMENT


@lru_cache(maxsize=16)
def library(written: str) -> Any:
    """A module of routines, loaded."""
    target = host()
    key = blake2b(f"{written}{target.fingerprint}".encode(), digest_size=24).digest()
    return cpu.load(default().obtain("object", key, lambda: compile_object(written, target)))


def address(service: str) -> int:
    """The address of a function, or of data, from outside."""
    if service in ("parallel", "pool"):
        pool = threads.pool()
        pool.ensure_started()
        return pool.function if service == "parallel" else pool.address
    if service.startswith("product"):
        name, kind = service.split()
        dtype = {"float": "float32", "double": "float64"}[kind]
        return products.address(dtype) if name == "product" else products.stack_address(dtype)
    if service.startswith("lapack "):
        return cpu.lapack(service.removeprefix("lapack "))
    if service.startswith("libm "):
        return cpu.libm(service.removeprefix("libm "))
    if service.startswith("blas "):
        return cpu.blas(service.removeprefix("blas "))
    written = module_of(service, host())
    if written is not None:
        return library(written).address(service)
    return external_address(service)


def width(target: Target, nodes: Sequence[Expression]) -> int:
    """The lanes of a vector: as many as the widest float has in a register.  Those of one element
    are no vectors."""
    sizes = [x.dtype.itemsize for x in nodes if x.dtype.kind == "f" and math.prod(x.shape) != 1]
    return target.vector_bits // 8 // max(sizes, default=8)


def scalar_reason(node: Node) -> str | None:
    """Why an elementwise operation has no native code."""
    code = node.primitive.code
    assert isinstance(code, Scalar)
    return supports(code.name, node.dtype, [x.dtype for x in node.inputs])


def native_reason(node: Node) -> str | None:
    """Why a node has no native code."""
    return reason_by_parts(node, lambda part: reason(part, scalar_reason))


LENGTHS = (LONG, 150, 30, 0)  # of segments, tried in order until none has too much code


def cut(function: Function) -> tuple[list[tuple[Step, bool]], bool]:
    """The steps of a graph, each with whether it is native code; and whether that is one piece."""
    longest = function.cache.get("longest", LENGTHS[0])
    reason = native_reason if longest else lambda node: "its code would be too long"
    steps = steps_of(function, reason, weight, longest)
    if not steps or (len(steps) == 1 and steps[0].reason is None):
        given = set(function.inputs)
        nodes = tuple([n for n in function.order if n not in given])
        step = Step(nodes, function.inputs, function.outputs, None)
        if has_elements(step) and all(native_dtype(n) for n in (*function.inputs, *nodes)):
            return [(step, True)], True
    return [(step, step.reason is None and has_elements(step)) for step in steps], False


LINKS: list[Callable[..., Native]] = []  # how segments become one; filled in by `linked`
LOOPS: list[Callable[[Step, Target], Native | None]] = []  # of what is no segment; likewise


class Executable:
    """A closed graph as steps; `whole` is its machine code where that is one piece."""

    def __init__(
        self, function: Function, target: Target | None = None, lengths: Sequence[int] = LENGTHS
    ) -> None:
        self.function = function
        self.target = target or host()
        self.whole: Native | None = None
        self.steps: list[tuple[Step, Native | None]] = []
        for longest in lengths:
            function.cache["longest"] = longest
            steps, is_whole = cut(function)
            try:
                self.steps = [(s, self.code(s, own)) for s, own in steps]
                break
            except TooMuch:
                continue
        codes = [made for _, made in self.steps]
        if is_whole:
            self.whole = codes[0]  # type: ignore[assignment]
        elif codes and None not in codes:
            if all(map(native_dtype, (*function.inputs, *function.outputs))):
                self.whole = LINKS[0](function, codes, self.target)

    def code(self, step: Step, own: bool) -> Native | None:
        """The machine code of a step; None where NumPy evaluates it."""
        if own:
            return Native(step, self.target)
        return next((x for make in LOOPS if (x := make(step, self.target)) is not None), None)

    def __call__(self, values: Sequence[Any]) -> list[Any]:
        """The outputs for these inputs."""
        function = self.function
        if self.whole is not None:
            try:
                made = self.whole(values)
            except OutOfRange:
                return function.evaluate(*values)
            return [as_value(n, x) for n, x in zip(function.outputs, made, strict=True)]
        known: dict[Node, Any] = dict(zip(function.inputs, values, strict=True))

        def value(node: Node) -> Any:
            if node.primitive.name == "constant" and node not in known:
                known[node] = node.parameters["value"]
            return known[node]

        try:
            for step, native in self.steps:
                if native is not None:
                    made = native([value(x) for x in step.inputs])
                    for node, result in zip(step.outputs, made, strict=True):
                        known[node] = as_value(node, result)
                else:
                    evaluate(step, known)
        except OutOfRange:
            return function.evaluate(*values)
        return [value(x) for x in function.outputs]


def native_dtype(node: Node) -> bool:
    """Whether machine code can read a node's elements, complex ones as pairs."""
    if isinstance(node.dtype, tuple):
        return all(map(native_dtype, node.dtype))
    if not node.dtype.isnative:
        return False
    return node.dtype.name in (*NATIVE, *COMPLEX)


def has_elements(step: Step) -> bool:
    """Whether no array of a segment is empty."""
    return all(0 not in x.shape for x in (*step.nodes, *step.inputs) if x.shape is not None)


def evaluate(step: Step, known: dict[Node, Any]) -> None:
    """Evaluate nodes one by one."""
    for node in step.nodes:
        if node.primitive.name == "item":
            known[node] = known[node.inputs[0]][node.parameters["index"]]
            continue
        for x in node.inputs:
            if x not in known:
                known[x] = x.parameters["value"]
        inputs = tuple([known[x] for x in node.inputs])
        known[node] = op.apply(node.primitive, inputs, node.parameters)


def as_value(node: Node, array: np.ndarray) -> Any:
    """An output as NumPy would give it: a scalar without axes, a Python number if weak."""
    if array.ndim:
        return array
    if node.weak:
        kind = python_kind(node.dtype)
        return kind(array[()]) if kind in WEAK else array[()]
    return array[()]


__all__ = ["Executable", "Native", "OutOfRange"]
