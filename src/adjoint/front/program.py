"""A program: the closed graph of a function's call, recorded for `jit`.

Enters: a function and example arguments.  Leaves: a `Program`: a simplified `Function` and the
arrays it captured, which it reads at every call.  While it is recorded every operation on its
values becomes a node, and a question that fixes a branch a guard (`guards`).
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.dtypes import readable, type_of
from ..base.errors import (
    GraphError,
    TracingError,
    describe,
    is_in_try,
    message,
    user_position,
)
from ..codegen.targets import host
from ..graph import op
from ..graph.function import Function, close
from ..graph.node import Node, constant, input_node, next_serial
from ..graph.rewrite import substitute
from ..runtime import branches as _branches  # noqa: F401  (long programs, loops, branches)
from ..runtime.callback import SIGNATURES, callback, misfit
from ..runtime.native import Executable, Native, cut
from ..runtime.stages import program_text, step_names, step_reason
from .context import (
    fingerprint,
    has_content,
    level_above,
    making_program,
    recording_program,
)
from .guards import KINDS, Again, Guard, Inside, plain, required
from .operands import CALLERS, functions, is_stand_in
from .trace import RecordingTensor, all_outside, formed, plain_value, settled, settled_writes
from .writing import copies

FEWEST = 16  # steps of a loop that a program for several numbers of steps is made for
COSTLY = 256  # elements of an example from which nothing is computed with it


class Captured:
    """An array or an outer traced value met while a program is recorded, with a node and a
    fingerprint for each content that it had."""

    __slots__ = ("value", "versions")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.versions: list[tuple[Node, Any]] = []

    def is_unchanged(self) -> bool:
        """Whether it has the content that it had when it was last met."""
        return has_content(self.value, self.versions[-1][1])


class Recording:
    """The program that is being recorded: its inputs, and the arrays met on the way."""

    def __init__(
        self,
        is_concrete: bool = False,
        is_inside: bool = False,
        body: str = "",
        is_once: bool = False,
    ) -> None:
        self.level = level_above()
        self.since = next_serial()
        self.is_concrete = is_concrete  # every example is computed
        self.is_inside = is_inside  # the arguments are traced by another transform
        self.is_once = is_once  # for this very call: its answers need not be asked again
        self.body = body  # the loop or branch whose body it is: nothing is known in it
        self.is_lost = False  # a question was asked that had no answer
        self.guards: dict[tuple[Node, str], Guard] = {}
        self.captured: dict[int, Captured] = {}
        self.made: dict[int, Node] = {}  # the constants of arrays made inside, by identity
        self.counts: dict[int, Any] = {}  # plain arrays (of integers) made inside, weakly
        self.unknown: set[Node] = set()  # nodes whose example was not computed
        self.follows: Node | None = None  # the operation whose derivative is being recorded
        self.ended = False
        self.call: tuple[str, Any] | None = None  # the function's name, where it is called

    def is_unknown(self, inputs: Sequence[Any], values: Sequence[Any]) -> bool:
        """Whether an operation is recorded without computing its example: an input is large, or was
        not computed itself."""
        if self.is_concrete:
            return False
        for x, value in zip(inputs, values, strict=True):
            if type(value) is np.ndarray and value.size > COSTLY:
                return True
            if type(x) is RecordingTensor and x.node in self.unknown:
                return True
        return False

    def input(self, value: Any) -> RecordingTensor:
        """An input with an example value."""
        example = plain_value(value)
        node = input_node(type_of(value))
        if self.body:
            self.unknown.add(node)
        return RecordingTensor(node, example, self.level, self)

    def number(self, value: Any) -> Any:
        """A plain number as part of the program, so that what is computed with it is recorded, and
        not done while recording (the seed of a pullback, which becomes as large as the data)."""
        if isinstance(value, op.Traced) or np.ndim(value):
            return value
        return RecordingTensor(constant(value), value, self.level, self)

    def node_of(self, value: Any) -> Node:
        """The node of a value: its own if it was recorded here, a hidden input for an array or an
        outer traced value, a constant otherwise."""
        is_own = type(value) is RecordingTensor and value.level == self.level
        if is_own:
            value.flush()
        if is_own and not all_outside(value) and self.owns(value.node):
            return value.node
        value = settled(value)
        if is_stand_in(value):
            raise GraphError("a value that was not computed became part of a program")
        if isinstance(value, (np.ndarray, op.Traced)):
            made = self.made.get(id(value))
            if made is not None and made.parameters["value"] is value:
                return made
            known = self.captured.get(id(value))
            if known is None:
                known = self.captured[id(value)] = Captured(value)
            if not known.versions or not known.is_unchanged():
                node = input_node(type_of(value))
                node.root = self.since  # older than every differentiation inside the program
                known.versions.append((node, fingerprint(value)))
            return known.versions[-1][0]
        return constant(value)

    def read(self, value: Any) -> RecordingTensor:
        """A value from outside, as what the program reads whenever it runs."""
        return RecordingTensor(self.node_of(value), plain_value(value), self.level, self)

    def values(self) -> dict[Node, Any]:
        """What the hidden inputs read: the array itself, or its content of then where the function
        wrote into an array of its own."""
        found = {}
        self.release()
        for known in self.captured.values():
            if len(known.versions) == 1 and known.is_unchanged():
                found[known.versions[0][0]] = known.value
                continue
            if not self.is_local(known.value):
                raise written(known.value)
            for node, content in known.versions:
                if not isinstance(content, np.ndarray):
                    raise written(known.value)
                found[node] = np.broadcast_to(content, node.shape)
        return found

    def own(self) -> set[int]:
        """The arrays (by identity) that were made while this was recorded and that nobody else
        holds any more."""
        self.release()
        return {
            key
            for key, known in self.captured.items()
            if isinstance(known.value, np.ndarray)
            and len(known.versions) == 1
            and self.is_local(known.value)
        }

    def release(self) -> None:
        """Nodes of captured arrays hold them no longer: no rule reads them any more."""
        for known in self.captured.values():
            for node, _ in known.versions:
                node.value = None

    def is_local(self, array: np.ndarray) -> bool:
        """Whether nobody but this recording holds an array (views have its memory's owner)."""
        if array.base is not None and sys.getrefcount(array) > 3:  # `Captured`, here, the question
            return False
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        if owner.base is not None:
            return False
        del array
        held = sum(x.value is owner or x.value.base is owner for x in self.captured.values()
                   if isinstance(x.value, np.ndarray))  # fmt: skip
        return sys.getrefcount(owner) <= held + 2

    def unseen(self, array: Any) -> TracingError:
        """The error for a write into an array from outside."""
        return written(array, self.call)

    def at_most(self, steps: RecordingTensor) -> int:
        """A power of two that a number does not exceed, in this call and in every other one of the
        program; its half is less, so that a program does not do much more than it has to."""
        if steps.node in self.unknown:
            steps.concrete("int()")
        number, limit = int(plain_value(steps)), FEWEST
        while limit < number:
            limit *= 2
        fits = bool(op.less_equal(steps, np.int64(limit)))
        if not fits or (limit > FEWEST and not bool(op.greater(steps, np.int64(limit // 2)))):
            raise GraphError(f"{number} is not at most {limit}")
        return limit

    def owns(self, node: Node) -> bool:
        """Whether a node belongs to this program (and is not of an outer trace)."""
        return node.serial >= self.since

    def answer(self, tensor: RecordingTensor, what: str) -> Any:
        """The example's answer to a question, which becomes a guard.  Raises `Again` where the
        example was not computed, `Inside` where it depends on another transform's values."""
        kind, value = KINDS.get(what, "array"), plain_value(tensor)
        if what == "an index" and tensor.dtype.kind not in "iu":
            return value
        answer = plain(kind, value)  # the errors of what has no answer
        captured = [x.value for x in self.captured.values()]
        if self.body:
            if kind == "sound" and not is_in_try(CALLERS):
                return False  # as NumPy does: no error
            raise unknown(tensor, what, self.body)
        if not self.is_once and (self.is_inside or any(isinstance(x, op.Traced) for x in captured)):
            raise Inside
        if tensor.node in self.unknown:
            self.is_lost = True
            raise Again
        if self.is_once:
            return answer
        key = tensor.node, kind
        if key not in self.guards:
            self.guards[key] = Guard(tensor.node, kind, answer, user_position(2))
        return answer


class Program:
    """A recorded function: its graph, what it captured, and the structure of its result.

    What `jit(f).lower(x)` gives.  `function` is the closed graph that is compiled;
    `graph.text.show(program.function)` prints it.  `loops()`, `llvm()` and `assembly()` give the
    later stages as text.  `address` and `low_level_callable()` hand the machine code to other
    compiled code.
    """

    __slots__ = (
        "asked",
        "callbacks",
        "captured",
        "executable",
        "fixed",
        "function",
        "guards",
        "is_recorded",
        "is_run",
        "scalars",
        "structure",
    )

    def __init__(
        self,
        function: Function,
        captured: Sequence[Any],
        structure: Any,
        fixed: dict[int, Any] | None = None,
        scalars: Sequence[bool] = (),
        guards: Sequence[Guard] = (),
        asked: Function | None = None,
    ) -> None:
        self.function = function
        self.captured = tuple(captured)
        self.structure = structure
        self.fixed = fixed or {}  # results that are no numbers, by place
        self.scalars = scalars  # which outputs were numbers, not arrays without axes
        self.guards = tuple(guards)  # if any, the last output is whether they hold
        self.asked = asked  # what answers them
        self.executable: Executable | None = None
        self.is_run = False  # whether it has run once
        self.is_recorded = False  # whether the native entry has been told of it
        self.callbacks: dict[str, Any] = {}  # C functions by signature

    def made(self) -> Executable:
        """What runs: made when it is first needed."""
        if self.executable is None:
            with making_program():
                self.executable = Executable(self.function)
        return self.executable

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """The graph's outputs for plain inputs: native code, made at the first call."""
        return self.made()(inputs)

    def loops(self) -> str:
        """The loop program as text: what the machine code does, element by element."""
        return program_text(cut(self.function)[0], "loops", host())

    def llvm(self) -> str:
        """The LLVM IR of the machine code, as it goes into LLVM."""
        return program_text(cut(self.function)[0], "llvm", host())

    def assembly(self) -> str:
        """The assembly of the machine code."""
        return program_text(cut(self.function)[0], "assembly", host())

    def whole(self) -> Native:
        """The machine code of the whole program; `ValueError` where NumPy does a part."""
        if branches := self.branches():
            raise ValueError(f"its branches depend on values: {branches[0]}")
        native = self.made().whole
        if native is None:
            parts = [
                f"{step_names(s)} ({step_reason(s)})" for s, own in self.made().steps if not own
            ]
            raise ValueError(f"NumPy evaluates a part of this program: {', '.join(parts)}")
        return native

    @property
    def address(self) -> int:
        """The address of a C function, valid as long as this program lives.

        For a function of one float it is `double (double)`, for several floats, or one array with
        one axis, `double (int, double *)`: the number of elements and where they are; NaN where
        that is another number.  The result must be one float64.  Any other program is
        `int64_t program(void **slots)`, see `slots`.

        Raises `ValueError` where NumPy evaluates a part of the program.
        """
        native = self.whole()
        for signature in ("double (double)", "double (int, double *)"):
            if misfit(native, self.given(), self.captured, signature) is None:
                function = self.callback(signature)
                return ctypes.cast(function, ctypes.c_void_p).value or 0
        return native.code.address

    @property
    def slots(self) -> np.ndarray:
        """The slots of `int64_t program(void **slots)`: a copy, with what is the same in all calls.

        To be filled in: the addresses of the inputs (captured arrays last), of the outputs, and of
        a workspace, in this order, all contiguous, the workspace aligned to 64 bytes, of
        `workspace_bytes`.  The program returns 0, or another number where an index was out of
        range.
        """
        return self.whole().slots.copy()

    @property
    def workspace_bytes(self) -> int:
        """The size of the workspace that a call of `int64_t program(void **slots)` needs."""
        return self.whole().workspace

    def low_level_callable(self, signature: str | None = None) -> Any:
        """The program as a `scipy.LowLevelCallable`, which holds it: for `scipy.integrate.quad`,
        `nquad` and others that call a function very often.

        Args:
            signature: "double (double)", "double (int, double *)", the same with a last `void *`,
                or "int (double *, intptr_t, double *, void *)" for `scipy.ndimage.generic_filter`.
                None: the first of these that fits.

        Raises `ValueError` where the program does not fit, or NumPy evaluates a part of it.
        Captured arrays are read where they are, at every call.

        >>> import adjoint as ad
        >>> from scipy.integrate import quad
        >>> program = ad.jit(ad.grad(lambda x: x**3)).lower(1.0)
        >>> round(quad(program.low_level_callable(), 0.0, 2.0)[0], 9)
        8.0
        """
        from scipy import LowLevelCallable

        if signature is None:
            native, given = self.whole(), self.given()
            fitting = [s for s in SIGNATURES if misfit(native, given, self.captured, s) is None]
            signature = fitting[0] if fitting else "double (int, double *)"
        return LowLevelCallable(self.callback(signature))

    def given(self) -> int:
        """How many inputs are arguments: all but the captured ones."""
        return len(self.function.inputs) - len(self.captured)

    def callback(self, signature: str) -> Any:
        """The C function of a signature, as `ctypes` has it."""
        found = self.callbacks.get(signature)
        if found is None:
            found = self.callbacks[signature] = callback(
                self.whole(), self.given(), self.captured, signature
            )
        return found

    def native(self) -> Native | None:
        """The machine code of the whole program, where it is one piece and has been made."""
        return self.executable.whole if self.executable is not None else None

    def results(self, outputs: Sequence[Any]) -> list[Any]:
        """All results: the graph's outputs, and between them those that are no numbers."""
        found = self.results_of(outputs)
        for k, is_scalar in enumerate(self.scalars):
            found[k] = formed(found[k], not is_scalar)
        for k in sorted(self.fixed):
            found.insert(k, self.fixed[k])
        return found

    def results_of(self, outputs: Any) -> list[Any]:
        """What of a function's or a call's outputs is a result."""
        found = list(getattr(outputs, "outputs", outputs))
        return found[:-1] if self.guards else found

    def is_usable(self, is_alive: Callable[[Any], bool]) -> bool:
        """Whether the traced values that it captured belong to a trace that is still running."""
        return all(is_alive(x) for x in self.captured if isinstance(x, op.Traced))

    def inputs(self, leaves: Sequence[Any]) -> list[Any]:
        """All inputs of the graph: the given leaves, then what was captured."""
        return [*leaves, *self.captured]

    def branches(self) -> list[Guard]:
        """The guards that are branches of the user's."""
        return [guard for guard in self.guards if guard.kind != "sound"]

    def departure(self, inputs: Sequence[Any]) -> tuple[int, Any] | None:
        """The first guard that does not hold for these inputs, and its answer; None if all do.
        What comes after it is not computed: it might fail."""
        if self.asked is None:
            return None
        waiting: dict[Node, list[int]] = {}
        for k, node in enumerate(self.asked.outputs):
            waiting.setdefault(node, []).append(k)
        known: dict[Node, Any] = {}
        answers: dict[int, Any] = {}
        checked = 0
        given = dict(zip(self.asked.inputs, inputs, strict=True))
        with np.errstate(all="ignore"):
            for node in self.asked.order:
                if node in given:
                    known[node] = given[node]
                elif node.primitive.name == "constant":
                    known[node] = node.parameters["value"]
                else:
                    values = tuple([known[x] for x in node.inputs])
                    known[node] = op.apply(node.primitive, values, node.parameters)
                answers.update(dict.fromkeys(waiting.get(node, ()), known[node]))
                while checked in answers:
                    guard = self.guards[checked]
                    if not guard.answered(answers[checked]):
                        return checked, plain(guard.kind, answers[checked])
                    checked += 1
        return None

    def follows(self, other: Program, count: int) -> bool:
        """Whether the first so many guards have the answers of another program's."""
        if len(self.guards) < count or len(other.guards) < count:
            return False
        pairs = zip(self.guards[:count], other.guards[:count], strict=True)
        return all(a.kind == b.kind and a.answered(b.answer) for a, b in pairs)


def record_program(
    function: Callable[[list[Any]], tuple[list[Any], Any]],
    leaves: Sequence[Any],
    name: str,
    optimize: Callable[[Function], Function],
    is_once: bool = False,
) -> Program:
    """Record a function of a list of leaves that gives (output leaves, structure); `is_once` says
    that the program is for this very call.

    Raises `Inside` where it asks for values inside another transform.
    """
    is_inside = any(isinstance(x, op.Traced) for x in leaves)
    recording = Recording(is_inside=is_inside, is_once=is_once)
    recording.call = call = name, user_position()
    try:
        found = recorded(function, leaves, name, optimize, recording)
        if not recording.is_lost:
            return found
    except BaseException:
        if not recording.is_lost:
            raise
    recording = Recording(is_concrete=True, is_once=is_once)
    recording.call = call
    return recorded(function, leaves, name, optimize, recording)


def recorded(
    function: Callable[[list[Any]], tuple[list[Any], Any]],
    leaves: Sequence[Any],
    name: str,
    optimize: Callable[[Function], Function],
    recording: Recording,
) -> Program:
    """Record it once."""
    try:
        with making_program(), recording_program(recording), functions["untaped"]():
            inputs = [recording.input(x) for x in leaves]
            outputs, structure = function(copies(inputs))
            outputs = [settled_writes(x) for x in outputs]  # elements that are pending
    finally:
        recording.ended = True
    fixed = {k: x for k, x in enumerate(outputs) if not is_number(x)}
    numbers = [x for k, x in enumerate(outputs) if k not in fixed]
    scalars = [not isinstance(plain_value(x), np.ndarray) for x in numbers]
    results = [recording.node_of(x) for x in numbers]
    guards = list(recording.guards.values())
    if guards:
        results += [required(guards), *[guard.asked() for guard in guards]]
    closed, captured = close([x.node for x in inputs], results, name, recording.since)
    count = len(inputs)
    del inputs, outputs, results, numbers
    own = recording.own()
    values = recording.values()
    found = [values[node] for node in captured]
    constants = {k: own_constant(x) for k, x in enumerate(found) if id(x) in own}
    constants = {k: x for k, x in constants.items() if x is not None}
    if constants:
        closed = substitute(closed, {count + k: x for k, x in constants.items()})
    kept = [x for k, x in enumerate(found) if k not in constants]
    if not guards:
        return Program(optimize(closed), kept, structure, fixed, scalars)
    guards = [guard._replace(node=None) for guard in guards]  # it would hold the whole trace
    program, asked = (
        close(closed.inputs, some, name)[0]
        for some in (closed.outputs[: -len(guards)], closed.outputs[-len(guards) :])
    )
    return Program(optimize(program), kept, structure, fixed, scalars, guards, asked)


BAKED = 1 << 16  # elements up to which an array that the function made is part of the program


def own_constant(value: np.ndarray) -> Any:
    """An array that the function made itself as a constant of the program: one that is small, or
    holds the same number everywhere; None for another one."""
    if not value.size:
        return None
    if is_uniform(value):
        first = value[(0,) * value.ndim]
        return op.broadcast_to(constant(first), shape=value.shape) if value.ndim else value
    return value if value.size <= BAKED else None


def is_uniform(value: np.ndarray) -> bool:
    """Whether an array holds the same bits everywhere."""
    if not any(value.strides):
        return True
    first, last = value[(0,) * value.ndim], value[(-1,) * value.ndim]
    if first.tobytes() != last.tobytes() or not bool((value == first).all()):
        return False
    return value.dtype.kind != "f" or bool(first) or not bool(np.signbit(value).any())


def unknown(tensor: Any, what: str, body: str) -> TracingError:
    """The error for a question inside the body of a loop or branch."""
    if what == "sound":
        what = "whether it is in a function's domain (inside a `try`)"
    return TracingError(
        message(
            f"inside the body of `{body}` {what} was asked of a value that is not known there "
            f"({readable(tensor)}): the body is recorded once, for all steps",
            expected="operations on the value",
            instead="`ad.numpy.take(a, i, axis=0)` for `a[i]`"
            if what == "an index"
            else "`np.where(condition, a, b)` or `ad.cond` for a branch, `ad.while_loop` for a "
            "loop, `np.where(mask, a, 0.0)` for `a[mask]`",
            operation=what,
        )
    )


def is_number(x: Any) -> bool:
    """Whether a result is a number, an array of numbers, or traced."""
    if isinstance(x, (np.ndarray, np.generic)):
        return x.dtype.kind in "biufc"
    return isinstance(x, (op.Traced, bool, int, float, complex))


def require_numbers(found: Sequence[Any], name: str, what: str) -> None:
    """Raise unless all results of a function are numbers, arrays of numbers, or traced."""
    for x in found:
        if not is_number(x):
            raise TypeError(
                message(
                    f"{what} got a {type(x).__name__} from {name}",
                    expected="numbers and arrays of numbers, in containers or not",
                    operation=what,
                )
            )


def written(array: Any, call: tuple[str, Any] | None = None) -> TracingError:
    """The error for an array from outside that the function under `jit` wrote into."""
    called = f" under jit({call[0]}), called at {describe(call[1])}" if call else ""
    return TracingError(
        message(
            f"a function under `jit` wrote into an array from outside ({readable(array)}): the "
            "program that runs from then on would not",
            expected="an array that the function makes itself, or none that is written into",
            instead="`.copy()` of it, or `np.zeros(...)`, inside the function, and `return` that; "
            "or leave out `jit`",
            operation=f"item assignment{called}",
        )
    )
