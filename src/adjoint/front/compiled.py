"""`jit`: a function recorded once for each signature, simplified, and run as a graph from then on.

Enters: a function.  Leaves: a callable of the same signature.  A signature is the structure of the
arguments with the shape and dtype of each array, float and complex number; other leaves (ints,
bools, strings, None) belong to it by value.  Globals and closure cells named in the function's own
code are compared by identity at each call; a change records again.  Calls that fit
a program run natively (`runtime.entry`), all others come here.

A function that asks for values (`if t > 0`, `while`, `int(t)`) has several programs for one
signature: a program is right where its questions have the answers of its example (`guards`).
Another answer leads to the program that has it, or to a new one.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from threading import Lock
from typing import Any
from weakref import ref

import numpy as np

from ..base import tree
from ..base.dtypes import type_of
from ..base.errors import PACKAGE, AdjointError, describe, message
from ..graph import op
from ..graph.function import Function
from ..graph.node import next_serial
from ..graph.op import Traced
from ..ops.control import Departed
from ..optimize.pipeline import optimize
from ..runtime.entry import Entry, make_entry
from ..transform.checkpoints import Memory, bounded, rough
from .arguments import fresh, name_of, returned
from .context import context, fingerprint, has_content, level_above
from .guards import Guard, Inside
from .operands import functions, numeric
from .overlay import overlay
from .program import Program, record_program, written
from .record import make_record
from .surroundings import names_in
from .trace import is_alive, settled
from .writes import Watch

LIMIT = 256  # signatures kept for one function; the oldest goes first
WAYS = 64  # programs of one signature, for calls that answer its questions in different ways
EXACT = 2  # of those, from which one program is to fit several numbers of steps of a loop


class Jitted(Entry):
    """What `jit` returns: a native entry, and behind it a `Compiled`."""

    __slots__ = ()

    def lower(self: Any, *args: Any, **kwargs: Any) -> Program:
        """The program for these arguments, without running it."""
        return self.fallback.__self__.lower(*args, **kwargs)

    def __repr__(self: Any) -> str:
        return repr(self.fallback.__self__)


def jitted(
    function: Callable,
    static_argnums: Sequence[int] = (),
    static_argnames: Sequence[str] = (),
    memory: Memory | None = None,
) -> Jitted:
    """A function under `jit`; `memory` bounds what reverse mode through loops keeps."""
    compiled = Compiled(function, static_argnums, static_argnames, memory)
    entry = make_entry(compiled.__call__, Jitted)
    update_wrapper(entry, function, updated=())
    compiled.entry = ref(entry)
    return entry


class Compiled:
    """The programs of a function under `jit`, and the way to them through Python."""

    def __init__(
        self,
        function: Callable,
        static_argnums: Sequence[int],
        static_argnames: Sequence[str],
        memory: Memory | None = None,
    ) -> None:
        self.entry: Callable[[], Any] = lambda: None  # the native entry, while it lives
        self.function, self.memory = function, memory
        self.static_argnums = tuple(static_argnums)
        self.static_argnames = tuple(static_argnames)
        self.programs: dict[Any, tuple[list, list[Program]]] = {}
        self.lock = Lock()
        self.is_warned = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, key, rebuild = self.signature(args, kwargs)
        is_inside = any(isinstance(x, Traced) for x in leaves)
        try:
            program = self.program(leaves, key, rebuild, is_inside)
        except Inside:
            program = None
        if program is None:
            return self.function(*args, **kwargs)
        inputs = program.inputs(leaves)
        if is_inside and not program.guards:
            found = functions["on tape"](program, inputs)
            if found is not NotImplemented:
                return tree.unflatten(program.structure, fresh(program.results(found)))
        if any(isinstance(x, Traced) for x in inputs):
            found = program.results(self.run_traced(program, inputs))
        else:
            try:
                with np.errstate(all="ignore"):
                    found = program.results(program.run(inputs))
            except (IndexError, Departed):
                result = self.function(*args, **kwargs)  # raises it where the user indexes
                if program.guards:  # a question was answered within rounding
                    return result
                raise
            if not program.is_recorded and (program.is_run or program.guards):
                self.record(program, args, kwargs)
            program.is_run = True  # what runs once needs no record, unless it finds its calls by it
        del inputs  # `fresh` copies what somebody holds
        return tree.unflatten(program.structure, fresh(found))

    def record(self, program: Program, args: tuple, kwargs: dict[str, Any]) -> None:
        """Let the native entry run calls like this one."""
        program.is_recorded = True
        entry = self.entry()
        if entry is None or any(isinstance(x, Traced) for x in tree.flatten((args, kwargs))[0]):
            return
        made = make_record(
            program, args, kwargs, self.statics(args, kwargs), named(self.function), self.recover
        )
        if made is not None:
            entry.prepend(made, limit=LIMIT)

    def statics(self, args: tuple, kwargs: dict[str, Any]) -> tuple[set[int], set[str]]:
        """Which arguments of a call belong to the signature by value, by position and by name."""
        if not self.static_argnums and not self.static_argnames:
            return set(), set()
        positions, count = list(inspect.signature(self.function).parameters), len(args)
        fixed = {k % count for k in self.static_argnums if -count <= k < count}
        named = [positions[k] for k in self.static_argnums if 0 <= k < len(positions)]
        names = {n for n in (*self.static_argnames, *named) if n in kwargs}
        for name in self.static_argnames:
            if name in positions and positions.index(name) < count and name not in kwargs:
                fixed.add(positions.index(name))
        return fixed, names

    def recover(self, status: int, token: Any, *args: Any, **kwargs: Any) -> Any:
        """A program met an index out of range: NumPy says which."""
        return self(*args, **kwargs)

    def signature(self, args: tuple, kwargs: dict[str, Any]) -> tuple[list, Any, Callable]:
        """The leaves that vary from call to call, the key of the program, and how the arguments are
        put together again."""
        fixed, names = self.statics(args, kwargs)
        if fixed or names:
            args = tuple(Static(x) if k in fixed else x for k, x in enumerate(args))
            kwargs = {n: Static(x) if n in names else x for n, x in kwargs.items()}
        leaves, structure = tree.flatten((args, kwargs))
        types: list[Any] = []
        moving: list[Any] = []
        for x in leaves:
            if isinstance(x, Traced):
                x = settled(x)
            if type(x) in (float, complex) or isinstance(x, (np.ndarray, np.generic, Traced)):
                if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind not in "biufc":
                    raise self.unusable(x)
                if isinstance(x, np.ndarray) and type(x) is not np.ndarray:
                    x = numeric(x)
                t = type_of(x)
                types.append((t, isinstance(x, np.ndarray)) if t.shape == () else t)
                moving.append(x)
            else:
                value = x.value if isinstance(x, Static) else x
                try:
                    hash(value)
                except TypeError:
                    raise self.unusable(value) from None
                types.append(Static(value))
        key = (structure, tuple(types), level_above())

        def rebuild(varying: Sequence[Any]) -> tuple[tuple, dict[str, Any]]:
            values = iter(varying)
            return tree.unflatten(
                structure, [t.value if isinstance(t, Static) else next(values) for t in types]
            )

        return moving, key, rebuild

    def unusable(self, value: Any) -> TypeError:
        """The error for an argument that is neither a value nor a hashable constant."""
        kind = (
            f"an array of dtype {value.dtype}"
            if hasattr(value, "dtype")
            else f"a {type(value).__name__}"
        )
        return TypeError(
            message(
                f"jit({name_of(self.function)}) got {kind}",
                expected="numbers, arrays of numbers, containers of them, or hashable constants",
                instead="a closure (or `functools.partial`) over the object",
                operation="jit",
            )
        )

    def program(
        self, leaves: Sequence[Any], key: Any, rebuild: Callable, is_inside: bool = False
    ) -> Program | None:
        """The program of a signature that has the answers of this call, recorded where there is
        none or where what the function names has changed.

        None where the function is to run as it is: its answers are too many, or it has questions
        and runs inside another transform.
        """
        names = [value for *_, value in named(self.function)]
        known, ways = self.programs.get(key, ([], []))
        if not ways or not unchanged(known, names) or not all(w.is_usable(is_alive) for w in ways):
            known, ways = [(x, fingerprint(x)) for x in names], []
        if ways:
            if is_inside and ways[0].guards:
                return None
            found = chosen(ways, leaves)
            if found is not None:
                return found
            if len(ways) >= WAYS:
                self.warn(ways)
                return None
        with rough(len(ways) >= EXACT):
            program = self.recorded(leaves, rebuild)
        for value, content in known:
            if not has_content(value, content):
                raise written(value)
        with self.lock:
            self.programs.pop(key, None)
            while len(self.programs) >= LIMIT:
                self.programs.pop(next(iter(self.programs)))
            self.programs[key] = known, [program, *ways]
        return program

    def recorded(
        self,
        leaves: Sequence[Any],
        rebuild: Callable,
        optimize: Callable[[Function], Function] = optimize,
    ) -> Program:
        """A new program; an error where the function wrote what a compiled call would not write."""
        watch = Watch(self.function, *rebuild(leaves))
        run, name = self.run(rebuild, watch), name_of(self.function)
        again = partial(record_program, run, leaves, name, lambda graph: graph)
        try:
            program = record_program(run, leaves, name, optimize)
        except (Inside, AdjointError) as error:
            watch.check(again, error)
            raise
        watch.check(again)
        return program

    def run(self, rebuild: Callable, watch: Watch) -> Callable[[list[Any]], tuple[list[Any], Any]]:
        """The function of a list of varying leaves, as it is recorded."""

        def run(inputs: list[Any]) -> tuple[list[Any], Any]:
            args, kwargs = rebuild(inputs)
            watch.begin(inputs, args, kwargs)
            since = next_serial()
            with overlay(self.function), bounded(self.memory):
                result = self.function(*args, **kwargs)
            watch.end(result)
            return returned(result, since)

        return run

    def ways(self, args: tuple, kwargs: dict[str, Any]) -> int:
        """How many programs there are for arguments like these."""
        return len(self.programs.get(self.signature(args, kwargs)[1], ([], []))[1])

    def warn(self, ways: Sequence[Program]) -> None:
        """Say once that the function is not compiled for all of its calls."""
        if self.is_warned:
            return
        self.is_warned = True
        guard = parting(ways)
        warnings.warn(
            message(
                f"jit({name_of(self.function)}) has been recorded for {len(ways)} ways through "
                f"its branches, and calls that go other ways run uncompiled; they part at "
                f"{describe(guard.position)}",
                expected="branches and loops that go few ways",
                instead="`np.where(condition, a, b)` for a branch, a fixed number of steps for a "
                "loop; or leave out `jit`",
                operation="jit",
            ),
            stacklevel=4,
        )

    def run_traced(self, program: Program, inputs: list[Any]) -> list[Any]:
        """Inside another transform: one `call` in a program that is being recorded, the operations
        themselves otherwise."""
        if context.program is not None:
            return list(op.call(*inputs, function=program.function))
        return program.function.evaluate(*inputs)

    def lower(self, *args: Any, **kwargs: Any) -> Program:
        """The program for these arguments, without running it."""
        leaves, key, rebuild = self.signature(args, kwargs)
        found = self.program(leaves, key, rebuild)
        if found is None:
            raise ValueError(f"jit({name_of(self.function)}) is not compiled for this call")
        return found

    def __repr__(self) -> str:
        count = sum(len(ways) for _, ways in self.programs.values())
        return f"<jit of {name_of(self.function)}, {count} programs>"


def chosen(ways: Sequence[Program], leaves: Sequence[Any]) -> Program | None:
    """The program with the answers that these arguments give, or None."""
    way, seen = ways[0], 0
    while way.guards:
        departure = way.departure(way.inputs(leaves))
        if departure is None:
            return way
        count, answer = departure
        others = [
            w
            for w in ways
            if len(w.guards) > count and w.guards[count].answered(answer) and w.follows(way, count)
        ]
        seen += 1
        if not others or seen > len(ways):
            return None
        way = others[0]
    return way


def parting(ways: Sequence[Program]) -> Guard:
    """The question at which most programs part."""
    places: dict[Any, set] = {}
    guards: dict[Any, Guard] = {}
    for way in ways:
        for guard in way.guards:
            answer = guard.answer.tobytes() if guard.kind == "array" else guard.answer
            places.setdefault(guard.position, set()).add(answer)
            guards[guard.position] = guard
    most = max(places, key=lambda position: len(places[position]))
    return guards[most]


class Static:
    """A leaf that belongs to the signature by type and value."""

    __slots__ = ("key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.key = exact(value)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and self.key == other.key


def exact(value: Any) -> Any:
    """A key that tells apart what Python's `==` does not: 1, 1.0 and True, 0.0 and -0.0, in tuples
    too."""
    kind = type(value)
    if kind in (float, complex):
        return kind, np.asarray(value).tobytes()
    if isinstance(value, tuple):
        return kind, tuple([exact(x) for x in value])
    if kind is frozenset:
        return kind, frozenset([exact(x) for x in value])
    return kind, value


def named(function: Callable) -> list[tuple[Any, Any, Any]]:
    """The globals and closure cells that a function's own code names, wrapped functions included:
    the dictionary and the name, or the cell and None, and the value (None where there is none)."""
    found: list[tuple[Any, Any, Any]] = []
    seen = 0
    current: Any = function
    while current is not None and seen < 16:
        while isinstance(current, partial):
            current = current.func
        inner = getattr(current, "__func__", current)
        code = getattr(inner, "__code__", None)
        if code is None and not hasattr(inner, "__wrapped__"):  # an object that can be called
            inner = type(inner).__call__ if callable(inner) else None
            code = getattr(inner, "__code__", None)
        if code is not None and not code.co_filename.startswith(PACKAGE):
            space = inner.__globals__
            found.extend([(space, name, space.get(name)) for name in names_in(code)])
            for cell in inner.__closure__ or ():
                try:
                    found.append((cell, None, cell.cell_contents))
                except ValueError:
                    found.append((cell, None, None))
        current = getattr(current, "__wrapped__", None)
        seen += 1
    return found


def unchanged(known: list[tuple[Any, Any]], values: Sequence[Any]) -> bool:
    """Whether the named values are the same objects, and their arrays hold the same bits."""
    if len(known) != len(values):
        return False
    return all(
        old is new and has_content(new, content)
        for (old, content), new in zip(known, values, strict=True)
    )
