"""What is going on in this thread: how deep in `vmap`, in which differentiation, in which program
being recorded.

A context variable is used only here, where an argument cannot reach: the operations of the user's
function must know the traces they run in.
"""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

import numpy as np

from ..base.errors import Position, TracingError, is_internal, message, user_position
from ..graph.node import NEVER, next_serial


class Batching:
    """A `vmap` that runs: its handles refer to it, and know by it whether it still does."""

    __slots__ = ("level", "position")

    def __init__(self, level: int, position: Position | None) -> None:
        self.level = level  # of its handles
        self.position = position  # where it was called


class Context(threading.local):
    """The state of one thread; all of it is put back when a transform ends, by an exception too."""

    batches = 0  # how many `vmap`s are running
    level = 1  # of the handles that record now: above those of all `vmap`s that are running
    has_tensors = False  # whether the running function has made tensors that record
    running: tuple[Batching, ...] = ()  # these, the outermost first
    differentiations = 0  # how many differentiations are running
    forward: Any = None  # the `jvp` whose tangents are pushed while its function runs, if any
    program: Any = None  # the program that `jit` records, if any
    captures: dict[int, tuple[Any, np.ndarray, bytes]] | None = None  # copies of the user's arrays
    is_plain = False  # whether the user's function runs on plain values, in the midst of a trace
    kept = 0  # when a recording was last begun that is used after its function has ended


context = Context()

# When the outermost differentiations that are running began, in all threads.  A traced value that
# depends on nothing younger than all of them is left over from a trace that has ended.
running: set[int] = set()
oldest = [NEVER]
lock = threading.Lock()


# A recording, and the way of a program to machine code, make many small objects and no cycles.
# Python's collector would walk over all of them again and again, and find nothing: while one runs
# it looks less often.
YOUNG = 100_000  # objects made until the collector looks
EVERY = 64  # of so many programs one ends with a collection; the others' objects count as old
thresholds: list[tuple[int, ...]] = []  # the user's, while they are exchanged
making = [0]  # how many are running, in all threads
programs = [0]  # how many were made


def begin() -> int:
    """An outermost differentiation begins; gives its number."""
    serial = next_serial()
    with lock:
        collect_less()
        running.add(serial)
        oldest[0] = min(running)
    return serial


def end(serial: int) -> None:
    """An outermost differentiation has ended."""
    with lock:
        if serial in running:
            running.discard(serial)
            collect_as_before()
        oldest[0] = min(running, default=NEVER)


def collect_less() -> None:
    """One more wants the collector to look less often (under the lock)."""
    making[0] += 1
    if making[0] == 1:
        first, *others = gc.get_threshold()
        if 0 < first < YOUNG:
            thresholds.append((first, *others))
            gc.set_threshold(YOUNG, *others)


def collect_as_before() -> None:
    """One fewer (under the lock)."""
    making[0] -= 1
    if not making[0] and thresholds:
        before = thresholds.pop()
        if gc.get_threshold()[0] == YOUNG:  # nobody else has set it meanwhile
            gc.set_threshold(*before)


@contextmanager
def making_program() -> Iterator[None]:
    """While a program is recorded and compiled."""
    with lock:
        collect_less()
    try:
        yield
    finally:
        with lock:
            if making[0] == 1 and thresholds and gc.isenabled():
                grow_old()
            collect_as_before()


def grow_old() -> None:
    """Count the objects that a program left as old, unless somebody else keeps objects aside.

    They live as long as the program does.  Without this the collector would look at once, and
    mostly through everything that the process has, because many objects are new.
    """
    programs[0] += 1
    if programs[0] % EVERY == 0:
        gc.collect()
    elif gc.get_count()[0] > thresholds[-1][0] and not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()


def explained(error: ValueError) -> TracingError | None:
    """What to raise for NumPy's error at `a[i] = x`, which hides ours; None for any other error."""
    if not isinstance(error.__cause__, TracingError) or "array element" not in str(error):
        return None
    position, trace = None, error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if not is_internal(code.co_filename):
            position = code, trace.tb_lasti
        trace = trace.tb_next
    return TracingError(
        message(
            "a traced value was written into a plain array, and would lose its derivative",
            expected="an expression that gives a new array",
            instead="a list of the values, then `np.stack(values)`; `np.concatenate` or `np.where` "
            "for a part of an array",
            operation="item assignment",
            position=position,
        )
    )


@contextmanager
def explaining() -> Iterator[None]:
    """Replace NumPy's error at `a[i] = x` by ours, which names the user's line."""
    try:
        yield
    except ValueError as error:
        better = explained(error)
        if better is None:
            raise
        raise better from error.__cause__


@contextmanager
def differentiating() -> Iterator[None]:
    """One more differentiation; the outermost owns the copies of captured arrays."""
    before = context.captures
    number = 0
    if before is None:
        context.captures = {}
        number = begin()
    level, has_tensors = context.level, context.has_tensors
    if has_tensors:
        context.level, context.has_tensors = level_above(), False
    context.differentiations += 1
    try:
        with explaining():
            yield
    finally:
        context.differentiations -= 1
        context.captures = before
        context.level, context.has_tensors = level, has_tensors
        if number:
            end(number)


@contextmanager
def batching() -> Iterator[int]:
    """One more `vmap`; gives the level of its handles."""
    context.batches += 1
    before, level = context.running, context.level + 1
    context.running = (*before, Batching(level, user_position(3)))
    try:
        with explaining(), above(level + 1):
            yield level
    finally:
        context.batches -= 1
        context.running = before


@contextmanager
def recording_program(program: Any) -> Iterator[None]:
    """A program is recorded: every operation on handles becomes a node with all its inputs."""
    before, context.program = context.program, program
    try:
        with explaining(), np.errstate(all="ignore"), above(program.level):
            yield
    finally:
        context.program = before


@contextmanager
def on_plain_values() -> Iterator[None]:
    """The user's function runs on plain values: what it makes stays plain."""
    before, context.is_plain = context.is_plain, True
    try:
        yield
    finally:
        context.is_plain = before


def recording_level() -> int:
    """The level of handles that record now."""
    return context.level


def level_above() -> int:
    """The level of a differentiation or a program that begins now.  Tensors that the running
    function has made stand above the handles of its own transform; to the new one they are values,
    so its handles are above them."""
    return context.level + 2 if context.has_tensors else context.level


@contextmanager
def above(level: int) -> Iterator[None]:
    """While handles of a level record; of a new one no tensors are there yet."""
    before = context.level, context.has_tensors
    context.level, context.has_tensors = level, context.has_tensors and level == context.level
    try:
        yield
    finally:
        context.level, context.has_tensors = before


def protect(value: Any) -> Any:
    """A value that the user cannot write into: an array is copied once per trace, and again where
    it has changed."""
    if not isinstance(value, np.ndarray):
        return value.twin() if hasattr(value, "twin") else value
    captures = context.captures
    if captures is None:
        return value.copy()
    known = captures.get(id(value))
    small = value.nbytes <= SMALL
    if known is not None and known[0]() is value:
        same = value.tobytes() == known[2] if small else same_bits(value, known[1])
        if same and value.shape == known[1].shape and value.dtype == known[1].dtype:
            return known[1]
    copy = np.array(value)
    captures[id(value)] = weakref.ref(value), copy, value.tobytes() if small else b""
    return copy


SMALL = 1 << 12  # bytes up to which arrays are compared as byte strings


COPIED = 1 << 24  # bytes up to which an array's content is remembered as a copy


def fingerprint(value: Any) -> Any:
    """What tells whether an array's content has changed: a copy, a digest for a large one; None for
    all else."""
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biufc":
        return None
    value = unspread(value)
    if value.nbytes <= COPIED:
        return value.copy()
    return blake2b(np.ascontiguousarray(value).view(np.uint8).data).digest()


def unspread(value: np.ndarray) -> np.ndarray:
    """An array without its repetitions: one place along each axis that was broadcast."""
    if 0 not in value.strides or not value.size:
        return value
    return value[tuple([slice(None) if step else slice(1) for step in value.strides])]


def has_content(value: Any, content: Any) -> bool:
    """Whether a value still has the content of this fingerprint."""
    if isinstance(content, np.ndarray):
        return same_bits(unspread(value), content)
    return content is None or fingerprint(value) == content


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays of one shape and dtype hold the same bits."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.flags.c_contiguous and b.flags.c_contiguous and a.size:
        return bool((a.reshape(-1).view(np.uint8) == b.reshape(-1).view(np.uint8)).all())
    return bool(((a == b) | ((a != a) & (b != b))).all()) and bool(
        (np.signbit(a.real) == np.signbit(b.real)).all()
    )
