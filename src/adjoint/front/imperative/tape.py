"""The tape: calls on tensors that are put off until a value is asked for, and run as one program.

Enters: calls (a function, its arguments).  Leaves: tensors without values yet ("pending"), and
their values when somebody asks.

The idea: a program that repeats itself makes the same calls on the same kinds of arguments.  Each
thread's tape walks through an automaton of states: a state knows, for a call that was made there
before, the next state and the types of the results.  A call that is known is put off; the tensor it
gives has a type and a place on the tape and nothing else, and its other attributes are filled in
when somebody reads one of them.  A call that is not known runs at once, uncompiled, and is learned.
So a repeated step of a training loop is one path through the states, and its end (`backward`) runs
the whole path as one native program (`replay`).

A key is made of the function's name and of its operands: tensors by their places, floats and arrays
by their types (their values are the program's inputs), anything else by its value.

Nothing is lost by putting off: tensors' arrays never change (a write gives a tensor another one),
and arrays of the user's are copied.  What has no place here (hooks, `Function`, other threads'
tensors, tensors with a history from before the tape) runs uncompiled, on values that are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from sys import getrefcount
from threading import RLock, get_ident
from typing import Any
from weakref import ref

import numpy as np

from ...base.errors import user_position
from . import mode as modes
from .mode import mode

LONGEST = 2000  # states of a path: a longer one is run, and another begins
MOST_STATES = 50_000  # of a thread: then all is forgotten
LARGEST = 1 << 26  # bytes of an array of the user's that is copied


class Form:
    """What is known of a tensor before its value: one object for each combination."""

    __slots__ = ("dtype", "is_contiguous", "is_leaf", "requires_grad", "shape")

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype,
        requires_grad: bool,
        is_leaf: bool,
        is_contiguous: bool,
    ) -> None:
        self.shape, self.dtype = shape, dtype
        self.requires_grad, self.is_leaf, self.is_contiguous = requires_grad, is_leaf, is_contiguous

    @classmethod
    def of(cls, value: Any, requires_grad: bool, is_leaf: bool) -> Form:
        """The form of a tensor with this array."""
        key = value.shape, value.dtype, requires_grad, is_leaf, value.flags.c_contiguous
        found = forms.get(key)
        return found if found is not None else forms.setdefault(key, cls(*key))


forms: dict[Any, Form] = {}


class Unfit(Exception):
    """A call that has no place on the tape."""


class Place:
    """An argument that is a tensor on the tape."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


class Number:
    """An argument whose value is an input of the program: the next one."""

    __slots__ = ()


NUMBER = Number()


class Step:
    """A call as it is run again."""

    __slots__ = ("args", "forms", "function", "kwargs", "leaves", "place", "position", "target")

    def __init__(self, function: Callable, args: tuple, kwargs: dict[str, Any]) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.forms: Any = None  # of the results: a form, several (None among them), or None
        self.place = 0  # of the first result
        self.target: int | None = None  # the place of the tensor that is written to
        self.leaves: tuple[tuple[int, int | None, str], ...] | None = None  # of a backward pass:
        #   its leaves, where their gradients were before (None: they had none), their requests
        self.position: Any = None


def places_in(step: Step) -> list[int]:
    """The places of the tensors that a step reads."""
    found: list[int] = []
    waiting: list[Any] = [step.args, step.kwargs]
    while waiting:
        x = waiting.pop()
        if type(x) is Place:
            found.append(x.index)
        elif isinstance(x, (tuple, list)):
            waiting.extend(x)
        elif type(x) is dict:
            waiting.extend(x.values())
    return found


class State:
    """A path that was walked before: what it consists of, and how it goes on."""

    __slots__ = (
        "after", "bits", "changed", "entered", "form", "found", "leaves", "length", "likely",
        "numbers", "one", "operator", "other", "place", "previous", "program", "refused", "step",
        "target",
    )  # fmt: skip

    def __init__(self, previous: State | None, step: Step | None, bits: tuple[bool, bool]) -> None:
        self.previous, self.step, self.bits = previous, step, bits
        self.after: dict[Any, State] = {}
        self.refused: set[Any] = set()  # calls that have no place here
        self.likely: State = self  # where the last walk went on, if it has been here
        self.operator: Any = None  # of a last step with two operands: its name and its key's parts
        self.one: Any = None
        self.other: Any = None
        self.entered: Form | None = None  # of the tensor that came
        self.form: Form | None = None  # of the one result of the last step
        self.target: Form | None = None  # of the tensor that the last step writes to
        self.leaves: tuple[int, ...] = ()  # before `backward` runs: the places of the leaves
        self.found: Any = None  # the forms of several results of the last step
        self.length: int = 0 if previous is None else previous.length + 1
        self.place: int = 0 if previous is None else previous.place  # the next tensor's
        self.numbers: int = 0 if previous is None else previous.numbers  # so many were taken
        self.changed: tuple[int, ...] = () if previous is None else previous.changed
        self.program: Any = None  # what `replay` knows of this path

    def steps(self) -> list[State]:
        """The states on the way here where a tensor came or a call was made, in order."""
        found: list[State] = []
        state: State | None = self
        while state is not None:
            if state.step is not None or state.entered is not None:
                found.append(state)
            state = state.previous
        return found[::-1]


class Automaton:
    """The states of a thread."""

    def __init__(self) -> None:
        self.roots: dict[Any, State] = {}
        self.count = 0

    def root(self, bits: tuple[bool, bool]) -> State:
        """Where a tape begins."""
        if self.count > MOST_STATES:
            self.roots, self.count = {}, 0
        found = self.roots.get(bits)
        return found if found is not None else self.roots.setdefault(bits, State(None, None, bits))


def unset(*_: Any) -> Any:
    """What `replay` and `deferred` put in place, which know more than this module."""
    raise NotImplementedError


make: Callable[[Any], Any] = object.__new__
kind_of_tensors: Any = None
settle: Callable[[Tape], None] = unset  # run all that is pending, uncompiled
ask: Callable[[Tape, Any], None] = unset  # give a tensor its value
borrow: Callable[[Tape, Any, str], Any] = unset  # the same for another thread's tensor
is_sound: Callable[[Tape, State], bool] = unset  # whether values do not decide over types
form_of: Callable[[Any], Form] = unset


class Tape:
    """The calls of a thread since the last time that all were run."""

    __slots__ = (
        "automaton", "came", "done", "failure", "inputs", "is_begun", "is_closed", "is_keeping",
        "is_off", "is_torn",
        "is_swift", "kept", "lacking", "left",
        "lock", "numbers", "places", "remains", "shown", "stash", "state", "thread",
    )  # fmt: skip

    def __init__(self, automaton: Automaton, is_off: bool) -> None:
        self.automaton = automaton
        self.state = automaton.root((mode.enabled, mode.summing))
        self.is_off = is_off  # calls run as they are
        self.is_swift = not is_off  # a call that is known needs no more than a look
        self.kept: list[Any] = []  # what calls that are pending may read, and were run before
        self.is_begun = self.is_closed = self.is_keeping = False
        self.is_torn = False  # whether histories go on elsewhere, which `backward` is to free
        self.failure: BaseException | None = None  # of a call that was put off
        self.inputs: list[Any] = []  # the arrays of tensors when they came
        self.numbers: list[Any] = []  # floats and arrays
        self.places: list[Any] = []  # the tensors (of those whose call was run, references)
        self.came: set[int] = set()  # the places of those that were made before the tape
        self.left: dict[int, Any] = {}  # those of them that have lost their places
        self.remains: Any = None  # what tensors whose histories are alive keep of it
        self.stash: list[tuple[Any, Any]] = []  # tensors that are to be written to, their arrays
        self.lacking: set[int] = set()  # their places
        self.shown: set[int] = set()  # places of pending tensors that a native program gave values
        self.done = 0  # so many calls of the path were run, and gave tensors with histories
        self.lock = RLock()
        self.thread = get_ident()

    # -------------------------------------------------------------------------------- operands

    def enter(self, x: Any) -> int:
        """A place for a tensor that comes from before the tape."""
        if x.tape is not None and not x.tape.is_closed:  # another thread's
            raise Unfit
        form = x.form
        if form is None:
            form = x.form = form_of(x)
        elif not form.is_leaf:  # it has a history from before
            raise Unfit
        if self.left and form.requires_grad and any(y is x for y in self.left.values()):
            raise Unfit  # a leaf has one place: its gradient comes from all its uses
        if not self.is_begun:
            self.begin()
        state = self.state
        after = state.likely
        if after.entered is not form or after is state:
            found = state.after.get(form)
            if found is None:
                found = self.grow(form, None)
                found.entered = form
                found.place += 1
            after = state.likely = found
        self.state = after
        x.tape = self
        places = self.places
        place = x.place = len(places)
        self.inputs.append(x.value)
        self.came.add(place)
        places.append(x)
        return place

    def begin(self) -> None:
        """The first call: where it stands in the user's code belongs to the path, so that errors
        name the lines of the function that runs."""
        self.is_begun = True
        position = user_position(2)
        found = self.state.after.get(position)
        self.state = self.grow(position, None) if found is None else found

    def key(self, x: Any) -> Any:
        """An argument's part of a key; its value among the numbers, if it is an input."""
        kind = type(x)
        if kind is kind_of_tensors:
            return x.place if x.tape is self else self.enter(x)
        if kind is float or kind is complex:
            self.numbers.append(x)
            return kind
        if kind in STATIC:
            return kind, x
        if kind is slice:
            return slice, self.static(x.start), self.static(x.stop), self.static(x.step)
        if kind is tuple or kind is list:
            return (kind, *map(self.key, x))
        if kind is dict:
            return (kind, *[(k, self.key(v)) for k, v in x.items()])
        if kind is np.ndarray:
            if x.dtype.kind not in "biufc" or x.nbytes > LARGEST:
                raise Unfit
            self.numbers.append(x.copy() if x.flags.writeable else x)
            return x.dtype, x.shape
        if isinstance(x, np.generic) and x.dtype.kind in "biufc":
            self.numbers.append(x)
            return kind
        if isinstance(x, (np.dtype, type)):
            return type, x
        raise Unfit

    def static(self, x: Any) -> Any:
        """A bound of a slice: a plain integer, or None."""
        if x is None or type(x) is int:
            return x
        raise Unfit

    # ----------------------------------------------------------------------------------- calls

    def call(
        self, name: Any, function: Callable, args: tuple, kwargs: dict[str, Any], *line: Any
    ) -> Any:
        """What a function gives for arguments: pending where it is known, else at once.  `line`: of
        a call that may fail by values, the user's, which its error names."""
        if self.is_off:
            return function(*args, **kwargs)
        if not self.is_swift:
            self.keep()
        try:
            key: Any = (name, *map(self.key, args), *line)
            if kwargs:
                key = (*key, "", *[(k, self.key(v)) for k, v in kwargs.items()])
        except Unfit:
            del self.numbers[self.state.numbers :]
            return self.unfit(function, args, kwargs)
        after = self.state.after.get(key)
        if after is None:
            return self.learn(key, function, args, kwargs)
        if after.target is not None:
            if not self.write(args[0], after):
                del self.numbers[self.state.numbers :]
                return self.unfit(function, args, kwargs)
            return args[0] if after.found is None else None
        self.state = after
        if after.form is not None:
            return self.pending(after.form)
        kind, forms = after.found
        made = [None if form is None else self.pending(form) for form in forms]
        return kind(made) if kind is tuple or kind is list else kind(*made)

    def keep(self) -> None:
        """What was run before lives on, as long as calls that read it wait."""
        self.kept = [self.tensor_at(k) for k in range(len(self.places))]
        self.is_swift = True

    def pending(self, form: Form) -> Any:
        """A tensor of which the type is known."""
        new = make(kind_of_tensors)
        new.form = form
        new.tape = self
        places = self.places
        new.place = len(places)
        places.append(new)
        return new

    def is_pending(self, place: int) -> bool:
        """Whether the tensor at a place has no value but what it was shown."""
        return place in self.lacking or not (place in self.came or type(self.places[place]) is ref)

    def may_write(self, x: Any) -> bool:
        """Whether a write to a tensor may be put off: one that has a value is no view, and has no
        views, which others would see unwritten."""
        alias = None if self.is_pending(x.place) else x.alias
        if alias is None:
            return True
        return alias.base is None and all(view() is None for view in alias.views)

    def write(self, x: Any, after: State) -> bool:
        """A call that writes to a tensor is put off; whether that may be."""
        if not self.overwrite(x, after.target):
            return False
        self.state = after
        return True

    def overwrite(self, x: Any, form: Form | None) -> bool:
        """Let a tensor stand for another value from now on, which is pending; whether it may."""
        place = x.place
        lacking = self.lacking
        if place not in lacking and (place in self.came or type(self.places[place]) is ref):
            if x.alias is not None and not self.may_write(x):
                return False
            self.stash.append((x, x.value))
            del x.value
            lacking.add(place)
        x.form = form
        if self.shown:
            self.hide()
        return True

    def hide(self) -> None:
        """What was shown of pending tensors may be another value after a write."""
        for shown in map(self.tensor_at, self.shown):
            if shown is not None:
                del shown.value
        self.shown = set()

    def unfit(self, function: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A call that has no place here: it finds values and histories as it asks for them."""
        found = self.at_once(function, args, kwargs)
        if not self.is_torn and mode.enabled and not self.is_off:
            self.is_torn = has_history(args[:1] if found is None else found)
        return found

    def at_once(self, function: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run a call uncompiled."""
        if self.is_off:
            return function(*args, **kwargs)
        with self.lock:
            settle(self)
            self.is_off, self.is_swift = True, False
            try:
                return function(*args, **kwargs)
            finally:
                self.is_off = False
                self.switch()

    def learn(self, key: Any, function: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Run a call that was not seen here before, and note what it gives."""
        if key in self.state.refused:
            del self.numbers[self.state.numbers :]
            return self.unfit(function, args, kwargs)
        if self.state.length >= LONGEST or self.automaton.count > MOST_STATES:
            self.end()
            return mode.tape.call(key[0], function, args, kwargs)
        settle(self)
        step = Step(function, *self.template((args, kwargs)))
        step.position = user_position(2)
        writes = getattr(function, "writes", False)
        target = args[0].place if writes else None
        if writes and not (self.may_write(args[0]) and args[0].value.flags.c_contiguous):
            del self.numbers[self.state.numbers :]
            return self.unfit(function, args, kwargs)
        is_typed = target is not None or getattr(function, "is_typed", type(function) is np.ufunc)
        self.is_keeping = writes
        try:
            found = self.at_once(function, args, kwargs)
        except BaseException:
            del self.numbers[self.state.numbers :]
            raise
        finally:
            self.is_keeping = False
        if self.is_closed:
            return found
        if target is None and any(self.tensor_at(k) is None for k in places_in(step)):
            self.state.refused.add(key)  # it wrote to an argument, of which it says nothing
            del self.numbers[self.state.numbers :]
            self.is_torn = True
            return found
        kind = type(found)
        if kind is kind_of_tensors and found is not args[0]:
            if found.tape is self:  # one of the arguments, or what is known already
                del self.numbers[self.state.numbers :]
                return found
            after = self.grow(key, step)
            after.form = step.forms = self.placed(found, after)
        elif target is not None and (found is None or found is args[0]):
            after = self.grow(key, step)
            step.target = target
            after.target = Form.of(args[0].value, args[0].node is not None, args[0].is_leaf)
            after.found = None if found is not None else ()
            if target not in after.changed:
                after.changed = (*after.changed, target)
        elif (kind in (tuple, list) or hasattr(kind, "_fields")) and all(
            x is None or (type(x) is kind_of_tensors and x.tape is not self) for x in found
        ):
            after = self.grow(key, step)
            step.forms = tuple([None if x is None else self.placed(x, after) for x in found])
            after.found = kind, step.forms
        else:
            del self.numbers[self.state.numbers :]
            return found
        after.numbers = len(self.numbers)
        try:
            is_fit = is_typed or is_sound(self, after)
        except BaseException:
            self.forget(key)
            raise
        if not is_fit:
            self.forget(key)
            return found
        self.state = after
        self.done = after.length
        return found

    def forget(self, key: Any) -> None:
        """Take back what was learned last: the call has no place here."""
        del self.state.after[key], self.numbers[self.state.numbers :]
        self.state.refused.add(key)
        for k in range(self.state.place, len(self.places)):
            found = self.tensor_at(k)
            if found is not None:
                found.tape = None
                self.is_torn = self.is_torn or has_history(found)
        del self.places[self.state.place :]

    def grow(self, key: Any, step: Step | None) -> State:
        """A new state."""
        after = State(self.state, step, self.state.bits)
        if step is not None:
            step.place = after.place
        self.automaton.count += 1
        self.state.after[key] = after
        return after

    def placed(self, x: Any, after: State) -> Form:
        """A place for a tensor that a call has just made; its form."""
        form = Form.of(x.value, x.node is not None, x.is_leaf)
        x.form, x.tape, x.place = form, self, len(self.places)
        self.places.append(ref(x))
        after.changed = (*after.changed, after.place)
        after.place += 1
        return form

    def template(self, x: Any) -> Any:
        """Arguments as a step keeps them."""
        kind = type(x)
        if kind is kind_of_tensors:
            return Place(x.place)
        if kind is float or kind is complex or kind is np.ndarray or isinstance(x, np.generic):
            return NUMBER
        if kind is tuple or kind is list:
            return kind([self.template(y) for y in x])
        if kind is dict:
            return {k: self.template(v) for k, v in x.items()}
        return x

    # ------------------------------------------------------------------------------------ modes

    def switch(self) -> None:
        """The thread's mode is another one."""
        bits = mode.enabled, mode.summing
        state = self.state
        if self.is_off or self.is_closed or state.bits == bits:
            return
        after = state.after.get(bits)
        if after is None:
            after = self.grow(bits, None)
            after.bits = bits
        self.state = after

    def tensor_at(self, place: int) -> Any:
        """The tensor at a place, if it is still there: not gone, and not written to since by a
        call that has no place on the tape."""
        found = self.places[place]
        return found() if type(found) is ref else found

    def wanted(self) -> tuple[int, ...]:
        """The places of the tensors that somebody has, and that have other values now."""
        return tuple(self.had(self.state.changed))

    def had(self, chosen: Iterable[int]) -> list[int]:
        """Those places of which somebody has the tensor."""
        places, came = self.places, self.came
        found = []
        for k in chosen:
            x = places[k]
            if type(x) is kind_of_tensors:
                if getrefcount(x) > UNUSED or k in came:
                    found.append(k)
            elif x is not None and x() is not None:
                found.append(k)
        return found

    def leave(self, x: Any) -> None:
        """A tensor loses its place: what it is now is not what the tape knows of it."""
        if self.is_keeping:  # the call that writes has its place
            return
        if not self.is_closed:
            self.places[x.place] = None
            if x.place in self.came:
                self.left[x.place] = x
        x.tape = None

    def who_came(self, place: int) -> Any:
        """The tensor that came to a place, also where it has none any more."""
        found = self.places[place]
        return self.left[place] if found is None else found

    def look_up(self, x: Any, name: str) -> Any:
        """What somebody asks for of a pending tensor, which has it then."""
        if self.failure is not None:
            raise self.failure
        if self.is_off:
            raise RuntimeError(f"the {name} of a pending tensor was read while its tape was run")
        if self.thread != get_ident():
            return borrow(self, x, name)
        if name == "value":
            ask(self, x)
        else:
            settle(self)
        return getattr(x, name)

    def end(self) -> None:
        """Run all that is pending, and end the tape."""
        settle(self)
        self.close()

    def close(self) -> None:
        """End the tape, all having been run; its thread gets another one."""
        self.is_closed = True
        self.inputs, self.numbers, self.places, self.stash, self.kept = [], [], [], [], []
        self.shown, self.left = set(), {}
        if mode.tape is self:
            mode.tape = Tape(self.automaton, self.is_off)


def has_history(x: Any) -> bool:
    """Whether a result, or one of several, was made by recorded operations."""
    if type(x) is kind_of_tensors:
        return x.requires_grad and not x.is_leaf
    return type(x) in (tuple, list) and any(map(has_history, x))


def fresh_tape() -> Tape:
    """A tape for this thread in its mode."""
    is_off = bool(mode.hooks) or mode.anomaly > 0 or not mode.deferring
    before = vars(mode).get("tape")
    return Tape(Automaton() if before is None else before.automaton, is_off)


modes.new_tape = fresh_tape
mode.tape = fresh_tape()


def references() -> tuple[int, set[int]]:
    """What `getrefcount` says, in this Python, of what a list alone has: as `Tape.had` asks, and of
    several that were picked from it."""
    places = [object(), object()]
    x = places[0]
    one = getrefcount(x)
    del x
    return one, {*map(getrefcount, itemgetter(0, 1)(places))}


UNUSED, ALONE = references()
STATIC = {int, bool, str, type(None), type(Ellipsis)}
