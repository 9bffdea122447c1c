"""Under `jit`: what the recorded function wrote outside of itself, taken back and refused.

Enters: a function that is about to be recorded.  Leaves: an error that names the line of the write
and the line of the call, where the function changed anything that was there before the call: a
global, a closure's variable, an attribute, a container, an array, or an argument that it did not
return.  A compiled call does not run the Python code, and so would not write.

What the function can reach is copied before (`surroundings`) and compared by identity after the
recording, so that recording itself is as fast as ever.  Where there is a difference, it is undone,
and the function is recorded once more under `sys.settrace`, which finds the line.

Other threads may write at the same time.  Where some run that could, nothing is undone and nothing
refused but what this thread is seen to write, twice, instruction by instruction; so what it writes
only once, such as a table that it fills, goes unseen then.
"""

from __future__ import annotations

import dataclasses
import dis
import inspect
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from ..base import tree
from ..base.dtypes import readable
from ..base.errors import (
    AdjointError,
    Position,
    TracingError,
    describe,
    message,
    user_position,
)
from .arguments import name_of
from .context import context
from .overlay import MISSING, exchange
from .surroundings import (
    ABSENT,
    Change,
    Container,
    Names,
    Place,
    Surroundings,
    Table,
    is_users_code,
    tensors,
)

SHORT = 24  # characters up to which a value is shown


class Written(NamedTuple):
    """A place that is not as it was, and where it stands in the list of places."""

    place: Place
    changes: list[Change]
    number: int


class Argument(Place):
    """An array argument: its handle."""

    __slots__ = ()
    kind = "argument"

    def now(self) -> Any:
        return self.target.node, None if self.target.pending is None else len(self.target.pending)

    def is_changed(self, before: Any) -> bool:
        node, count = self.now()
        return node is not before[0] or count != before[1]

    def changes(self, same: Callable[[Any, Any], bool]) -> list[Change]:
        return [Change(None, None, None)] if self.is_changed(self.before) else []


class Watch:
    """What a function could write into, from before its recording until after."""

    def __init__(self, function: Callable, args: tuple, kwargs: dict[str, Any]) -> None:
        self.function = function
        self.threads = threading.active_count()
        leaves = tree.flatten((args, kwargs))[0]
        found = Surroundings(function, [x for x in leaves if type(x) is not np.ndarray])
        self.places, self.codes = found.places, found.codes
        self.given: list[Place] = []  # of the recording that ran last
        self.inside: list[Written] = []  # of them, what was written into and is not returned
        self.call: tuple[tuple, dict[str, Any]] = (), {}
        self.recordings: list[Any] = []

    def begin(self, inputs: Sequence[Any], args: tuple, kwargs: dict[str, Any]) -> None:
        """The function is about to run on its handles and on containers of its own."""
        self.recordings.append(context.program)
        self.call, self.inside = (args, kwargs), []
        self.given = [Argument(x, None, "") for x in inputs if hasattr(x, "pending")]
        for x in (*args, *kwargs.values()):
            self.containers(x)

    def containers(self, x: Any) -> None:
        """The containers in an argument, which are the call's own."""
        if type(x) in (list, tuple, dict):
            if type(x) is not tuple:
                self.given.append((Table if type(x) is dict else Container)(x, None, ""))
            for y in x.values() if type(x) is dict else x:
                self.containers(y)
        elif dataclasses.is_dataclass(x) and not isinstance(x, type) and hasattr(x, "__dict__"):
            self.given.append(Names(vars(x), x, ""))
            for y in vars(x).values():
                self.containers(y)

    def end(self, result: Any) -> None:
        """The function has given its result.  (What it made is not held any longer: a recording
        asks who holds an array.)"""
        found = different(self.given)
        held = held_by(result) if found else set()
        self.inside = [w for w in found if id(w.place.subject()) not in held]
        if not self.inside:
            self.given, self.call = [], ((), {})

    def check(self, again: Callable[[], Any], error: BaseException | None = None) -> None:
        """Raise if the function wrote what a compiled call would not write; `again` records it once
        more.  After another error of ours only what has been written is put back."""
        outside, inside = different(self.places), self.inside
        if isinstance(error, AdjointError):
            inside = []
            if not any(w.place.kind == "array" for w in outside):  # it names the write
                if outside and not others(self.threads):
                    restore(outside)
                return
        if not outside and not inside:
            return
        called = user_position()
        if outside and others(self.threads):
            outside, position = self.seen(outside, again)
            if not outside and not inside:
                return
        else:
            position = None
        restore(outside)
        first = outside[0] if outside else inside[0]
        if position is None:
            first, position = self.found(outside, inside, again)
            restore([w for w in different(self.places) if w.number in {o.number for o in outside}])
        if position is None:
            position = likely(first, self.codes)
        raise self.error(first, position, called)

    def found(
        self, outside: list[Written], inside: list[Written], again: Callable[[], Any]
    ) -> tuple[Written, Position | None]:
        """The first of the writes, and its line."""
        call, given = self.call, self.given
        self.given = []
        tracer = Lines(self, [w.number for w in outside], [w.number for w in inside])
        traced(tracer, again)
        self.call, self.given = call, given
        if tracer.found is not None:
            is_outside, index, key = tracer.found
            for w in outside if is_outside else inside:
                if w.number == index:
                    changes = [c for c in w.changes if c.key == key]
                    return w._replace(changes=changes or w.changes), tracer.position
        return (*outside, *inside)[0], None

    def seen(
        self, outside: list[Written], again: Callable[[], Any]
    ) -> tuple[list[Written], Position | None]:
        """Those of the writes that this thread makes, and the line of one."""
        both: list[dict[int, Position]] = []
        own = [
            w
            for w in outside
            for change in w.changes
            if any(getattr(x, "program", None) in self.recordings for x in tensors(change.after))
        ]
        for _ in range(2 + LATE):
            tracer = Instructions(self.places, outside)
            traced(tracer, again)
            both.append(tracer.positions)
        first, second = both[-2:]
        agreed = {k: p for k, p in first.items() if second.get(k) == p}
        kept = [w for w in outside if w.number in agreed or w in own]
        return kept, agreed.get(kept[0].number) if kept else None

    # ------------------------------------------------------------------------------------ messages

    def error(
        self, written: Written, position: Position | None, called: Position | None
    ) -> TracingError:
        """The error for a write."""
        place, change = written.place, written.changes[0]
        kept = next(iter(fresh(change)), None)
        if any(place is x for x in self.given):
            came, expected, instead = self.argument(place)
        elif place.kind == "array":
            which = f"{place.name}, " if place.name else ""
            which += readable(place.target)
            came = f"a function under `jit` wrote into an array from outside ({which}): the "
            came += "program that runs from then on would not"
            expected = "an array that the function makes itself, or none that is written into"
            instead = remedy(place, change, False)
        else:
            came = f"a function under `jit` changed {what(place, change)}"
            came += holding(kept) if kept is not None else shown(place, change)
            came += ": the program that runs from then on would not"
            expected = "a function that changes nothing but what it makes itself"
            instead = remedy(place, change, kept is not None)
        return TracingError(
            message(
                came,
                expected=expected,
                instead=instead,
                operation=f"jit({name_of(self.function)}), called at {describe(called)}",
                position=position,
            )
        )

    def argument(self, place: Place) -> tuple[str, str, str]:
        """The parts of the error for an argument that was written into."""
        target = place.subject()
        name = self.name_of_argument(target)
        if isinstance(place, Argument):
            kind, verb = readable(target), "array"
            instead = "`.copy()` of it for an array to work in"
        else:
            kind, verb = f"a {type(target).__name__}", "container"
            instead = "a copy of it to work in"
        return (
            f"a function under `jit` wrote into its argument {name} ({kind}) and did not return "
            f"it: the caller's {verb} stays as it was",
            "arguments that are only read, or returned",
            f"{instead}; `return` it for a result; or leave out `jit`",
        )

    def name_of_argument(self, target: Any) -> str:
        """What the user calls an argument, or a part of one."""
        args, kwargs = self.call
        try:
            named = inspect.signature(self.function).bind(*args, **kwargs).arguments
        except (TypeError, ValueError):
            named = {f"args[{k}]": x for k, x in enumerate(args)} | kwargs
        for name, value in named.items():
            path = path_to(value, target)
            if path is not None:
                return f"`{name}{path}`"
        return "(unnamed)"


def path_to(x: Any, target: Any) -> str | None:
    """How a part of a value is reached from it; None where it is not inside."""
    if x is target:
        return ""
    parts: Iterable[tuple[str, Any]] = ()
    if isinstance(x, dict):
        parts = ((f"[{key!r}]", y) for key, y in x.items())
    elif isinstance(x, (list, tuple)):
        parts = ((f"[{k}]", y) for k, y in enumerate(x))
    elif dataclasses.is_dataclass(x) and not isinstance(x, type):
        parts = ((f".{f.name}", getattr(x, f.name, None)) for f in dataclasses.fields(x))
    for step, y in parts:
        rest = path_to(y, target)
        if rest is not None:
            return step + rest
    return None


def what(place: Place, change: Change) -> str:
    """What the user calls a place."""
    owner = place.owner
    if place.kind == "variable":
        return f"the variable `{place.name}` of an enclosing function"
    if place.kind == "names":
        if owner is None:
            return f"the global `{change.key}`"
        if isinstance(owner, type):
            return f"the attribute `{change.key}` of the class `{owner.__name__}`"
        if inspect.isfunction(owner):
            return f"the attribute `{change.key}` of the function `{owner.__name__}`"
        kind = type(owner).__name__
        return f"the attribute `{change.key}` of {'an' if kind[0] in 'AEIOU' else 'a'} `{kind}`"
    kind = type(place.target).__name__
    return f"the {kind} {place.name}" if place.name else f"a {kind} from outside"


def shown(place: Place, change: Change) -> str:
    """How it was changed, where that is short."""
    before, after = change.before, change.after
    if place.kind in ("names", "variable"):
        if after is ABSENT:
            return " (deleted)"
        a = "" if before is ABSENT else brief(before)
        b = brief(after)
        if before is ABSENT:
            return f" (new, {b})" if b else " (new)"
        return f" (from {a} to {b})" if a and b else ""
    if place.kind == "container":
        many, now = sizes(change)
        items = "item" if many == 1 else "items"
        return f" ({many} {items} before, {now} after)" if many != now else ""
    return ""


def sizes(change: Change) -> tuple[int, int]:
    """How many items a container had, and has now."""
    before, after = (x if type(x) is int else len(x) for x in (change.before, change.after))
    return before, after


def brief(x: Any) -> str:
    """A plain value as text, if it is short."""
    if type(x) in (bool, int, float, complex, str, type(None)):
        text = repr(x)
        return text if len(text) <= SHORT else ""
    return ""


def holding(tensor: Any) -> str:
    """How a traced value was kept."""
    node = getattr(tensor, "node", None)
    made = f", made at {describe(node.position)}" if node is not None and node.position else ""
    return f" (it now holds a traced value{made})"


def fresh(change: Change) -> list[Any]:
    """The traced values that came with a change."""
    known = {id(x) for x in tensors(change.before)}
    return [x for x in tensors(change.after) if id(x) not in known]


def remedy(place: Place, change: Change, is_traced: bool) -> str:
    """What to write instead."""
    if is_traced:
        return (
            "`return` the value as a result and keep it after the call; pass it in as an argument "
            "where the next call reads it"
        )
    if place.kind == "array":
        return (
            "`.copy()` of it, or `np.zeros(...)`, inside the function, and `return` that; or leave "
            "out `jit`"
        )
    if isinstance(place, Table) and sizes(change)[0] < sizes(change)[1]:
        return (
            "`functools.cache` for a table of plain values; for anything else `return` it, and put "
            "it there after each call; or leave out `jit`"
        )
    if place.kind == "container":
        return "`return` what goes into it, and put it there after each call; or leave out `jit`"
    return (
        "the same line after each call, outside of the function (`return` what it needs); or leave "
        "out `jit`"
    )


# -------------------------------------------------------------------------------- what is different


def different(places: Sequence[Place]) -> list[Written]:
    """The places that are not as they were."""
    found = []
    same: Callable[[Any, Any], bool] | None = None
    for k, place in enumerate(places):
        try:
            if not place.is_changed(place.before):
                continue
            if same is None:
                same = sameness()
            if changes := place.changes(same):
                found.append(Written(place, changes, k))
        except RuntimeError:  # another thread changes it
            continue
    return found


def sameness() -> Callable[[Any, Any], bool]:
    """Whether a value is the one that was there before, or its stand-in in the overlay."""
    pairs = {(id(a), id(b)) for *_, a, b in exchange.done if a is not MISSING}
    added = {id(b) for *_, a, b in exchange.done if a is MISSING}
    for undo in (*exchange.outside.undo, *getattr(exchange, "cells", ())):
        parts = getattr(undo, "args", undo)
        if isinstance(parts, tuple) and len(parts) >= 2:
            pairs.add((id(parts[-2]), id(parts[-1])))

    def same(a: Any, b: Any) -> bool:
        if a is b or (id(a), id(b)) in pairs or (id(b), id(a)) in pairs:
            return True
        return (a is ABSENT and id(b) in added) or (b is ABSENT and id(a) in added)

    return same


def restore(found: Iterable[Written]) -> None:
    """Put back what was there before."""
    for written in found:
        written.place.restore(written.changes)


def held_by(result: Any) -> set[int]:
    """The containers and values that a result consists of, and the bases of its views."""
    found: set[int] = set()
    todo = [result]
    while todo:
        x = todo.pop()
        if id(x) in found:
            continue
        found.add(id(x))
        if isinstance(x, (list, tuple)):
            todo += x
        elif isinstance(x, dict):
            todo += x.values()
        elif dataclasses.is_dataclass(x) and not isinstance(x, type):
            todo += [getattr(x, f.name, None) for f in dataclasses.fields(x)]
        elif getattr(x, "alias", None) is not None and x.alias.base is not None:
            todo.append(x.alias.base)
    return found


# ------------------------------------------------------------------------------------ other threads

# Where threads wait for work that may be the user's.
SERVERS = ("concurrent/futures/", "multiprocessing/", "asyncio/", "socketserver.py", "sched.py")
NOTEBOOKS = ("/ipykernel/", "/IPython/")


def others(before: int) -> bool:
    """Whether other threads run that could have changed what the user's code sees."""
    if threading.active_count() != before:
        return True
    own = threading.get_ident()
    return any(
        ident != own and is_users_thread(frame) for ident, frame in sys._current_frames().items()
    )


def is_users_thread(frame: FrameType | None) -> bool:
    """Whether a thread runs code of the user's, or waits for some."""
    files: list[str] = []
    while frame is not None:
        if is_users_code(frame.f_code):
            return True
        files.append(frame.f_code.co_filename.replace("\\", "/"))
        frame = frame.f_back
    if any(part in file for part in NOTEBOOKS for file in files):
        return False
    return any(part in file for part in SERVERS for file in files)


# --------------------------------------------------------------------------------- finding the line


# Python 3.13 tells a tracer of instructions from the second run of a function on.
LATE = int(sys.version_info >= (3, 13))


def traced(tracer: Lines | Instructions, again: Callable[[], Any]) -> None:
    """Record once more under a tracer; what goes wrong is of no interest."""
    before, frame = sys.gettrace(), sys._getframe()
    frame.f_trace_opcodes = True  # or Python 3.12 gives no instructions at all
    sys.settrace(tracer.start)
    try:
        again()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
    finally:
        sys.settrace(before)
        frame.f_trace_opcodes = False


class Lines:
    """A tracer that finds the line after which a place is not as it was."""

    def __init__(self, watch: Watch, outside: list[int], inside: list[int]) -> None:
        self.watch = watch
        self.outside = outside
        self.inside = inside
        self.known: dict[int, Any] = {}  # what places hold, stand-ins included
        self.last: Position | None = None
        self.found: tuple[bool, int, Any] | None = None  # outside or not, which, what of it
        self.position: Position | None = None

    def start(self, frame: FrameType, event: str, arg: Any) -> Any:
        """A function is called."""
        self.look()
        if self.found is not None or not is_users_code(frame.f_code):
            return None
        self.last = frame.f_code, frame.f_lasti
        return self.event

    def event(self, frame: FrameType, event: str, arg: Any) -> Any:
        """A line is about to run, or a function has ended."""
        self.look()
        if event == "return":
            caller = frame.f_back
            while caller is not None and not is_users_code(caller.f_code):
                caller = caller.f_back
            if caller is not None:
                self.last = caller.f_code, caller.f_lasti
        else:
            self.last = frame.f_code, frame.f_lasti
        return self.event

    def look(self) -> None:
        """Compare all places."""
        if self.found is not None:
            return
        for is_outside, indices in ((True, self.outside), (False, self.inside)):
            places = self.watch.places if is_outside else self.watch.given
            for k in indices:
                changes = self.changes(places[k]) if k < len(places) else []
                if changes:
                    self.found, self.position = (is_outside, k, changes[0].key), self.last
                    sys.settrace(None)
                    return

    def changes(self, place: Place) -> list[Change]:
        """How a place is not as it was, stand-ins aside."""
        if not place.is_changed(self.known.get(id(place), place.before)):
            return []
        found = place.changes(sameness())
        if not found:
            self.known[id(place)] = place.now()
        return found


# By the kind of a place: instructions that write into it.
WRITING = {
    "names": ("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME", "DELETE_NAME", "STORE_ATTR",
              "DELETE_ATTR"),
    "variable": ("STORE_DEREF", "DELETE_DEREF"),
    "container": ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE", "BINARY_OP"),
    "array": ("STORE_SUBSCR", "STORE_SLICE", "BINARY_OP"),
}  # fmt: skip
METHODS = frozenset(
    "append appendleft extend extendleft insert pop popleft popitem remove discard add clear sort"
    " reverse rotate update setdefault move_to_end subtract fill put copyto heappush heappop insort"
    " intersection_update difference_update symmetric_difference_update".split()
)


@lru_cache(maxsize=256)
def instructions(code: CodeType) -> dict[int, tuple[str, Any]]:
    """The instructions of a code object, by their offsets."""
    return {x.offset: (x.opname, x.argval) for x in dis.get_instructions(code)}


def writes(code: CodeType, offset: int, written: Written) -> bool:
    """Whether an instruction can make a write."""
    name, argument = instructions(code).get(offset, ("", None))
    place = written.place
    if name in WRITING.get(place.kind, ()):
        if place.kind == "variable":
            return bool(argument == place.name)
        return place.kind != "names" or argument in [c.key for c in written.changes]
    if name.startswith("CALL") and place.kind in ("container", "array"):
        return not METHODS.isdisjoint(code.co_names)
    return False


class Instructions:
    """A tracer that finds the instructions of this thread that write into places."""

    def __init__(self, places: Sequence[Place], wanted: list[Written]) -> None:
        self.places = places
        self.wanted = wanted
        self.armed: list[tuple[int, Any]] = []  # what places hold before an instruction that writes
        self.last: Position | None = None
        self.positions: dict[int, Position] = {}

    def start(self, frame: FrameType, event: str, arg: Any) -> Any:
        """A function is called."""
        self.look()
        if not is_users_code(frame.f_code):
            return None
        frame.f_trace_opcodes = True
        return self.event

    def event(self, frame: FrameType, event: str, arg: Any) -> Any:
        """An instruction is about to run."""
        self.look()
        if event == "opcode":
            code, offset = self.last = frame.f_code, frame.f_lasti
            wanted = [w for w in self.wanted if writes(code, offset, w)]
            for w in wanted:
                if w.place.target is frame.f_globals:  # nobody else can be meant
                    self.positions.setdefault(w.number, self.last)
            self.armed = [(w.number, w.place.now()) for w in wanted]
        return self.event

    def look(self) -> None:
        """Compare what the last instruction could have written."""
        for index, before in self.armed:
            if self.places[index].is_changed(before) and self.last is not None:
                self.positions.setdefault(index, self.last)
        self.armed = []


def likely(written: Written, codes: Sequence[CodeType]) -> Position | None:
    """A line that could have made a write, where running again did not show it."""
    todo = list(codes)
    while todo:
        code = todo.pop(0)
        for offset, (name, _) in instructions(code).items():
            if not name.startswith("CALL") and writes(code, offset, written):
                if written.place.kind in ("names", "variable"):
                    return code, offset
        todo += [x for x in code.co_consts if isinstance(x, CodeType)]
    return None
