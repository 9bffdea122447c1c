"""How the calls on a tape are run: on the tensors themselves, or as one native program.

Enters: a tape whose values are asked for.  Leaves: tensors with their values, and, where nothing
native was run, with their histories.

Both ways run the same steps by the same uncompiled code.  `settle` runs them on the tensors.  A
program is what `jit` records when the steps run on new tensors that hold traced values: the
gradients of a backward pass, of any order, are operations like all others then.  A path that ends
where a graph is freed (`finish`) is compiled at its third walk; one that ends because somebody
reads a number (`ask`), whose histories are still needed, later.  How often a path was walked
decides, no clock: equal runs of a program give equal bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from sys import getrefcount
from typing import Any
from weakref import ref

import numpy as np

from ...base.dtypes import readable, type_of
from ...base.errors import describe, message
from ...graph.node import Node, ancestors
from ..compiled import jitted
from ..context import recording_level
from ..program import record_program
from ..trace import is_tracing
from ..writing import attach
from . import tape as tapes
from .mode import entered, mode
from .saved import AutogradError, Versions, saved_of
from .tape import NUMBER, Form, Place, State, Step, Tape, places_in
from .tensor import NODE, SLOTS, VARIABLE, EagerTensor, has_node, is_set, strong

WALKS = 2  # before a path that ends in a backward pass is compiled
QUESTIONS = 10  # before one that ends in a question is
ATTEMPTS = 3  # to compile a path


class Known:
    """What is known of a path that values were wanted at the end of."""

    __slots__ = (
        "asked",
        "attempts",
        "endings",
        "is_hopeless",
        "programs",
        "reason",
        "usual",
        "walked",
    )

    def __init__(self) -> None:
        self.walked = self.asked = self.attempts = 0
        self.is_hopeless = False  # it does not become a program
        self.reason: BaseException | None = None
        self.programs: list[Program] = []
        self.usual: Program | None = None  # the one that was run last, fit for all its outputs
        self.endings: dict[int, Ending | None] = {}


class Program:
    """A path as native code."""

    __slots__ = ("made", "others", "output", "pick", "places", "positions", "run", "written")

    def __init__(self, places: tuple[int, ...], state: State, run: Callable) -> None:
        steps = [s.step for s in state.steps() if s.step is not None]
        self.positions = {s.target: s.position for s in steps if s.target is not None}
        came = {s.place - 1 for s in state.steps() if s.entered is not None}
        self.places = places  # of the outputs
        self.others = [k for k in state.changed if k not in places]
        several = len(self.others) > 1
        self.pick = itemgetter(*self.others) if several else None  # the tensors of these
        self.output = {k: i for i, k in enumerate(places)}
        self.written = [k for k in places if k in came]
        self.made = [(k, i) for i, k in enumerate(places) if k not in came]
        self.run = run


class Ending:
    """What a tensor is when its path has ended, besides its value."""

    __slots__ = (
        "base", "form", "history", "is_detached", "is_live", "is_plain", "node", "parameters",
        "primitive",
    )  # fmt: skip

    def __init__(self) -> None:
        self.is_plain = False  # no history, and no view of another one
        self.is_live = False  # its history is what remains of the tape
        self.form: Form | None = None  # then: what it is
        self.node: Node | None = None  # of a history that was freed
        self.history: list[tuple[Node, int | None]] = []  # one that keeps no values: the operations
        #   in order, and the places of the leaves
        self.base: int | None = None  # the place of the tensor that it is a view of
        self.primitive: Any = None
        self.parameters: dict[str, Any] = {}
        self.is_detached = False


def known(state: State) -> Known:
    """What is known of a path."""
    if state.program is None:
        state.program = Known()
    return state.program


# --------------------------------------------------------------------------------------- uncompiled


def settle(tape: Tape) -> None:
    """Run what is pending on the tensors themselves, in the order of the calls."""
    if tape.done == tape.state.length:
        return
    with tape.lock:
        before = tape.is_off
        tape.is_off, tape.is_swift, tape.is_keeping = True, False, True
        try:
            values = [(x, x.value) for x in map(tape.tensor_at, tape.shown) if x is not None]
            for x, _ in values:
                del x.value
            bring_back(tape)
            states = [s for s in tape.state.steps() if s.length > tape.done]
            places = tape.places
            handles = [tape.tensor_at(k) for k in range(len(places))]
            handles += [None] * (tape.state.place - len(places))
            run(states, handles, tape.numbers)
            for k, x in enumerate(places):
                if type(x) is EagerTensor and k not in tape.came:
                    places[k] = ref(x)
            for x, value in values:  # what was seen stays
                x.value = value
            tape.shown, tape.kept = set(), []
            tape.done = tape.state.length
        except BaseException as error:
            tape.failure = error
            take_back(tape)
            for x in map(tape.tensor_at, range(len(tape.places))):
                if x is not None and has_node(x) and is_set(x, VALUE):
                    x.tape = None
            if mode.tape is tape:
                mode.tape = Tape(tape.automaton, before)
            raise
        finally:
            tape.is_off, tape.is_keeping = before, False


def versions_of(x: EagerTensor) -> Versions:
    """How often a tensor was written to; also of one that is pending."""
    try:
        return VERSIONS(x)
    except AttributeError:
        x.versions = found = Versions()
        return found


VALUE, VERSIONS = EagerTensor.value.__get__, EagerTensor.versions.__get__


def take_back(tape: Tape) -> None:
    """Give leaves the gradients that they had before passes that were not run."""
    for state in reversed(tape.state.steps()):
        for leaf, gradient, _ in (state.step and state.step.leaves) or ():
            x = tape.tensor_at(leaf)
            if x is not None and x.gradient is not None and not has_node(x.gradient):
                x.gradient = None if gradient is None else tape.tensor_at(gradient)


def bring_back(tape: Tape) -> None:
    """Give tensors that are to be written to the values that they had."""
    for x, value in reversed(tape.stash):
        x.value = value
    tape.stash, tape.lacking = [], set()


def run(
    states: Sequence[State], handles: list[Any], numbers: Sequence[Any], is_forward: bool = False
) -> None:
    """Run steps on tensors by place; where there is none the result takes it.  `is_forward`: but
    backward passes, and what reads their gradients."""
    for state in states:
        step = state.step
        if step is None or (is_forward and not has_all(step, handles)):
            continue
        used = iter(numbers[state.previous.numbers : state.numbers])  # type: ignore[union-attr]
        args, kwargs = filled(step.args, handles, used), filled(step.kwargs, handles, used)
        enabled, summing = state.bits
        with entered(enabled=enabled, summing=summing, position=step.position):
            try:
                if step.leaves is not None:
                    pass_back(step, args, kwargs, handles)
                    continue
                found = step.function(*args, **kwargs)
            except Exception as error:
                error.add_note(f"(in the operation at {describe(step.position)})")
                raise
        if step.target is not None:
            continue
        several = [found] if type(found) is EagerTensor else found
        place = step.place
        for x in several:
            if x is not None:
                put(handles, place, x)
                place += 1


def has_all(step: Step, handles: Sequence[Any]) -> bool:
    """Whether a step is no backward pass, and all that it reads is there."""
    return step.leaves is None and all(handles[k] is not None for k in places_in(step))


def put(handles: list[Any], place: int, x: EagerTensor) -> None:
    """A result at its place: in the tensor that waits for it, if there is one."""
    waiting = handles[place]
    if waiting is None:
        handles[place] = x
        return
    for name in SLOTS:
        setattr(waiting, name, getattr(x, name))
    alias = x.alias
    if alias is not None and alias.base is not None:
        views = alias.base.alias.views
        for k, view in enumerate(views):
            if view() is x:
                views[k] = ref(waiting)


def pass_back(step: Step, args: Any, kwargs: Any, handles: list[Any]) -> None:
    """Run a backward pass: leaves have the gradients that they had then, and afterwards those that
    they have now."""
    assert step.leaves is not None
    now = []
    for leaf, gradient, request in step.leaves:
        x = handles[leaf]
        now.append((x.gradient, x.request))
        x.gradient, x.request = None if gradient is None else handles[gradient], request
    try:
        step.function(*args, **kwargs)
        found = [
            None if gradient is not None and handles[gradient] is handles[leaf].gradient
            else handles[leaf].gradient
            for leaf, gradient, _ in step.leaves
        ]  # fmt: skip
    finally:
        for (leaf, *_), (gradient, request) in zip(step.leaves, now, strict=True):
            handles[leaf].gradient, handles[leaf].request = gradient, request
    place = step.place
    for x in found:
        if x is not None:
            put(handles, place, x)
            place += 1


def filled(x: Any, handles: list[Any], numbers: Iterator[Any]) -> Any:
    """Arguments with the tensors and numbers in their places."""
    kind = type(x)
    if kind is Place:
        return handles[x.index]
    if x is NUMBER:
        return next(numbers)
    if kind is tuple or kind is list:
        return kind([filled(y, handles, numbers) for y in x])
    if kind is dict:
        return {k: filled(v, handles, numbers) for k, v in x.items()}
    return x


def entering(value: Any, form: Form) -> EagerTensor:
    """A tensor that comes to the tape."""
    made = EagerTensor(value)
    return made.requires_grad_() if form.requires_grad else made


class Remains:
    """What a tape leaves to a tensor whose history is still alive when the tape has ended, or that
    another thread looks at: the calls before, and what came to them."""

    __slots__ = ("came", "inputs", "nodes", "numbers", "state", "watched")
    is_closed = True

    def __init__(self, tape: Tape) -> None:
        self.state, self.numbers, self.inputs = tape.state, tape.numbers, tape.inputs
        forms = [s.entered for s in self.state.steps() if s.entered is not None]
        self.came = sorted(tape.came)[: len(forms)]
        self.nodes = [
            NODE(tape.who_came(k)) if form.requires_grad else None
            for k, form in zip(self.came, forms, strict=True)
        ]
        self.watch(tape)

    def watch(self, tape: Tape) -> None:
        """Note how often the tensors have been written to: the tape ends now."""
        self.watched: dict[int, tuple[Versions, int]] = {}
        for k in {*self.came, *tape.had(range(len(tape.places)))}:
            x = tape.who_came(k) if k in tape.came else tape.tensor_at(k)
            versions = versions_of(x)
            self.watched[k] = versions, versions.count

    def look_up(self, x: EagerTensor, name: str) -> Any:
        """Give a tensor its history: the calls that it was made by, run once more."""
        self.tell(x, self.tensor(x.place, own=True), has_value=True)
        return getattr(x, name)

    def tell(self, x: EagerTensor, found: EagerTensor | None, has_value: bool) -> None:
        """Give a tensor what another one is."""
        if found is None:
            raise AutogradError(
                message(
                    f"the history of {readable(x)} goes through a backward pass of another thread",
                    expected="`backward` in the thread that made the tensor",
                    operation="backward",
                )
            )
        for slot in SLOTS:
            if not (has_value and slot in ("value", "versions")):
                setattr(x, slot, getattr(found, slot))
        x.form = x.tape = None

    def leave(self, x: EagerTensor) -> None:
        """The tensor is written to: it has its history then."""
        x.tape = None

    def tensor(self, place: int, own: bool) -> EagerTensor | None:
        """What is at a place, of other tensors; with `own`, of the leaves that came, and without
        backward passes (which would leave gradients there): None for what these gave."""
        handles: list[Any] = [None] * self.state.place
        for k, value, node in zip(self.came, self.inputs, self.nodes, strict=False):
            handles[k] = EagerTensor(value)
            if own:
                handles[k].node = node
            elif node is not None:
                handles[k].requires_grad_()
        with entered(tape=Tape(tapes.Automaton(), True)):
            run(self.state.steps(), handles, self.numbers, is_forward=own)
        if own and handles[place] is not None and handles[place].node is not None:
            self.hand_over(handles[place].node, handles)
        return handles[place]

    def hand_over(self, node: Node, handles: Sequence[Any]) -> None:
        """Let the values that a history keeps be those of the tensors that were there, so that a
        write to one of them since is found."""
        origins: dict[Versions, tuple[Versions, int]] = {}
        for k, (versions, count) in sorted(self.watched.items()):  # views come after their bases
            if handles[k] is not None:
                again = handles[k].versions
                origins.setdefault(again, (versions, count - again.count))
        for n in ancestors([node]):
            for value in (*saved_of(n).inputs, saved_of(n).output):
                if value is not None and value.versions in origins:
                    versions, before = origins[value.versions]
                    value.versions, value.count = versions, value.count + before


def borrow(tape: Tape, x: EagerTensor, name: str) -> Any:
    """What another thread asks for of a pending tensor, which is not the tape's any more then; one
    that was there before the tape stays."""
    place, remains = x.place, Remains(tape)
    if tape.is_closed:  # meanwhile
        return getattr(x, name)
    if place in tape.came:
        return getattr(remains.tensor(place, own=False), name)
    found = remains.tensor(place, own=True)
    if found is None and not x.requires_grad:
        found = remains.tensor(place, own=False)
    tape.places[place] = None
    remains.tell(x, found, has_value=False)
    return getattr(x, name)


# ------------------------------------------------------------------------------------------- native


def finish(tape: Tape) -> None:
    """Give all tensors their values, where no history is needed any more; end the tape."""
    state = tape.state
    if tape.done == state.length:  # learned
        note_endings(tape, known(state))
        known(state).walked += 1
        tape.close()
        return
    with tape.lock:
        path = known(state)
        path.walked += 1
        program = None
        if path.walked > WALKS and not (tape.is_torn or is_tracing()):
            program = path.usual
            if program is None or is_had(tape, program):
                wanted = tape.wanted()
                program = program_for(state, path, wanted, tape) if may_run(path, wanted) else None
                if program is not None and may_run(path, program.places):
                    path.usual = program
        found = None if program is None else outputs(program, tape)
        if found is None:
            settle(tape)
            note_endings(tape, path)
        else:
            fill(tape, path, program, found)  # type: ignore[arg-type]
        tape.close()


def is_had(tape: Tape, program: Program) -> bool:
    """Whether somebody may have one of the tensors that a program does not give."""
    pick = program.pick
    if pick is not None and {*map(getrefcount, pick(tape.places))} == tapes.ALONE:
        return False
    return bool(tape.had(program.others))


def outputs(program: Program, tape: Tape) -> Any:
    """What a program gives; None where it fails, and the uncompiled run will say at which call."""
    try:
        return program.run(*tape.inputs, *tape.numbers)
    except Exception:
        return None


def ask(tape: Tape, x: EagerTensor) -> None:
    """Give a tensor its value: somebody reads it."""
    if tape.failure is not None:
        raise tape.failure
    with tape.lock:
        state = tape.state
        path = known(state)
        path.asked += 1
        wanted = tape.wanted()
        is_needed = any(needs_history(tape.tensor_at(k)) for k in wanted)
        if path.asked > QUESTIONS and (may_run(path, wanted) if not is_needed else is_plain(path)):
            program = program_for(state, path, wanted, tape)
            found = None if program is None else outputs(program, tape)
            if found is not None and is_needed:
                show(tape, program, found)  # type: ignore[arg-type]
                return
            if found is not None:
                fill(tape, path, program, found)  # type: ignore[arg-type]
                tape.close()
                return
        settle(tape)
        if not is_needed and tape.thread == tapes.get_ident():
            note_endings(tape, path)
            tape.close()


def is_sound(tape: Tape, state: State) -> bool:
    """Whether the types of a call's results follow from those of its arguments: values decide over
    that of `x[x > 0]`, of `np.unique(x)`, of `np.linalg.eigvals(x)`."""
    step, before = state.step, state.previous
    assert step is not None and before is not None
    places = sorted(set(places_in(step)))
    arrays = [tape.tensor_at(k).value for k in places]
    numbers = tape.numbers[before.numbers : state.numbers]

    def call(values: list[Any]) -> tuple[list[Any], Any]:
        handles: list[Any] = [None] * state.place
        level = recording_level() + 0.25
        with entered(tape=Tape(tapes.Automaton(), True), level=level):
            for k, x in zip(places, values, strict=False):
                handles[k] = EagerTensor(x)
            used = iter(values[len(places) :])
            args, kwargs = filled(step.args, handles, used), filled(step.kwargs, handles, used)
            found = step.function(*args, **kwargs)
            several = [found] if type(found) is EagerTensor else found
            return [x.value for x in several if x is not None], None

    try:
        program = record_program(call, [*arrays, *numbers], "call", lambda graph: graph)
    except Exception:  # what it asks for is not there under `jit`
        return False
    forms = step.forms if type(step.forms) is tuple else (step.forms,)
    wanted = [(form.shape, form.dtype) for form in forms if form is not None]
    found = [type_of(x)[:2] for x in program.function.outputs]
    return not program.guards and not program.fixed and found == wanted


def needs_history(x: EagerTensor) -> bool:
    """Whether a backward pass may begin at a tensor that operations made."""
    return x.requires_grad and not x.is_leaf


def is_plain(path: Known) -> bool:
    """Whether a native program may run now."""
    return not path.is_hopeless and not is_tracing()


def may_run(path: Known, wanted: Sequence[int]) -> bool:
    """Whether a native program may run now, and all is known of what the tensors are then."""
    if not is_plain(path):
        return False
    bases: list[int] = []
    for k in wanted:
        ending = path.endings.get(k)
        if ending is None:
            return False
        if ending.base is not None and ending.base not in wanted:
            bases.append(ending.base)
    return len(bases) == len(set(bases))  # else two views of one tensor that nobody has


def program_for(state: State, path: Known, wanted: Sequence[int], tape: Tape) -> Program | None:
    """The program of a path that gives the wanted tensors."""
    needed = set(wanted)
    for found in path.programs:
        if needed.issubset(found.places):
            return found
    if path.programs:
        needed.update(path.programs[-1].places)
    places = tuple(sorted(needed))
    try:
        compiled = native(state, places)
        compiled(*tape.inputs, *tape.numbers)
    except Exception as error:
        path.attempts += 1
        path.reason = error
        path.is_hopeless = path.attempts >= ATTEMPTS  # values may have been at fault
        return None
    path.programs.append(Program(places, state, compiled))
    return path.programs[-1]


def native(state: State, places: tuple[int, ...]) -> Callable:
    """The path as a function of its inputs and numbers, under `jit`."""
    states = state.steps()
    forms = [s.entered for s in states if s.entered is not None]
    came = [s.place - 1 for s in states if s.entered is not None]

    def steps(*values: Any) -> tuple[Any, ...]:
        handles: list[Any] = [None] * state.place
        level = recording_level() + 0.25  # above the traced numbers that stand beside tensors
        with entered(tape=Tape(tapes.Automaton(), True), level=level):
            for k, form, x in zip(came, forms, values, strict=False):
                handles[k] = entering(x, form)
            run(states, handles, values[len(forms) :])
        return tuple([handles[k].value for k in places])

    return jitted(steps)  # type: ignore[return-value]


def fill(tape: Tape, path: Known, program: Program, values: Sequence[Any]) -> None:
    """Give tensors what a program gave, and all else that they are when the path has ended."""
    places, lacking = tape.places, tape.lacking
    for k in program.written:  # to tensors that were there before
        x, value = places[k], values[program.output[k]]
        if x is not None:
            if k in lacking:  # else the write was done already
                x.value = value if type(value) is np.ndarray else strong(value)
                versions = x.versions
                versions.count += 1
                versions.position = program.positions.get(k)
            x.tape = None
            ending = path.endings[k]
            if ending is not None and not ending.is_plain:
                del x.node
                end(x, ending, tape)
    for k, i in program.made:
        x = places[k]
        value = values[i]
        if type(x) is ref:  # it was made already
            x = x()
            if x is None:
                continue
            if k in lacking:
                x.value = value = strong(value)
                versions = x.versions
                versions.count += 1
                versions.position = program.positions.get(k)
            else:
                value = x.value
        elif x is None:
            continue
        else:
            x.value = value = value if type(value) is np.ndarray else strong(value)
        x.tape = None
        ending = path.endings.get(k)
        if ending is None:  # nobody has it but the tape
            x.node = None
        elif ending.is_plain:
            x.node = None
            form = ending.form
            if form is None:
                form = ending.form = Form.of(value, False, True)
            x.form = form
        else:
            end(x, ending, tape)
    if tape.remains is not None:
        tape.remains.watch(tape)


def end(x: EagerTensor, ending: Ending, tape: Tape) -> None:
    """What a tensor with a history, or a view, is when its path has ended."""
    if ending.is_live:
        x.tape = tape.remains = tape.remains or Remains(tape)
        return
    x.node = again(ending.history, tape) if ending.history else ending.node
    x.form = None
    x.is_detached = ending.is_detached
    if ending.base is not None:
        base = tape.tensor_at(ending.base)
        if base is not None and has_node(base):  # else nobody has it
            attach(base, x, ending.primitive, ending.parameters)
            x.versions = base.versions


def show(tape: Tape, program: Program, values: Sequence[Any]) -> None:
    """Give tensors what a program gave; what they were made of stays on the tape."""
    for k, value in zip(program.places, values, strict=True):
        x = tape.tensor_at(k)
        if x is not None and tape.is_pending(k):
            x.value = strong(value)
            tape.shown.add(k)


def note_endings(tape: Tape, path: Known) -> None:
    """Note what tensors are when a path has ended, all run uncompiled."""
    by_identity = {id(tape.tensor_at(k)): k for k in range(len(tape.places))}
    for k in tape.state.changed:
        x = tape.tensor_at(k)
        if x is None:
            continue
        is_leaf = x.node is not None and x.node.primitive is VARIABLE
        path.endings[k] = ending = Ending() if is_leaf else ending_of(x, tape)
        if k in tape.came:
            if ending is not None:
                ending.is_plain = is_leaf or x.node is None
            continue
        if ending is not None and x.alias is not None and x.alias.base is not None:
            base = by_identity.get(id(x.alias.base))
            if base is None or type(x.alias.primitive) is not type(VARIABLE):
                path.endings[k] = None
                continue
            ending.base, ending.primitive = base, x.alias.primitive
            ending.parameters, ending.is_detached = x.alias.parameters, x.is_detached
        elif ending is not None:
            ending.is_plain = ending.node is None and not ending.history and not ending.is_live


def ending_of(x: EagerTensor, tape: Tape) -> Ending | None:
    """What a tensor is; None where a backward pass may still begin at it."""
    found = Ending()
    node = x.node
    if node is None:
        return found
    if saved_of(node).hooks or x.is_retained:
        return None
    order = ancestors([node])
    if any(saved_of(n).is_freed for n in order):
        found.node = emptied(node)
        return found
    for n in order:
        known = saved_of(n)
        if known.hooks or known.pull:
            return None
        if known.output or any(value is not None for value in known.inputs):
            return None if x.alias is not None or is_tainted(tape.state, x.place) else live()
        leaf = None if known.leaf is None else known.leaf()
        if n.primitive is VARIABLE and (leaf is None or leaf.tape is not tape):
            return None
        found.history.append((n, None if leaf is None else leaf.place))
    return found


def live() -> Ending:
    """The ending of a tensor whose history is still needed."""
    found = Ending()
    found.is_live = True
    return found


def is_tainted(state: State, place: int) -> bool:
    """Whether a tensor depends on what a backward pass left."""
    tainted: set[int] = set()
    for s in state.steps():
        step = s.step
        if step is None:
            continue
        if step.leaves is not None:
            tainted.update(range(step.place, s.place))
            tainted.update([k for _, k, _ in step.leaves if k is not None])
        elif not tainted.isdisjoint(places_in(step)):
            tainted.update(range(step.place, s.place))
            if step.target is not None:
                tainted.add(step.target)
    return place in tainted


def again(history: Sequence[tuple[Node, int | None]], tape: Tape) -> Node:
    """A history that keeps no values, of other leaves."""
    made: dict[Any, Node] = {}
    for node, place in history:
        if place is not None:
            made[node] = NODE(tape.who_came(place))
            continue
        inputs = tuple([made[x] if type(x) is Node else x for x in node.inputs])
        root = min([x.root for x in inputs if type(x) is Node])
        new = made[node] = Node(
            node.primitive, inputs, node.parameters, node.shape, node.dtype, node.weak, None, root
        )
        new.code, new.offset = node.code, node.offset
        known = saved_of(new)
        known.inputs, known.sums = saved_of(node).inputs, saved_of(node).sums
    return new


def emptied(node: Node) -> Node:
    """A node that says what made a tensor, and keeps nothing."""
    made = Node(
        node.primitive, tuple([stub(x) for x in node.inputs]), node.parameters, node.shape,
        node.dtype, node.weak, None, node.root,
    )  # fmt: skip
    made.code, made.offset = node.code, node.offset
    saved_of(made).is_freed = True
    return made


def stub(x: Any) -> Any:
    """An input of an emptied node: which operation made it."""
    if type(x) is not Node:
        return x
    made = Node(x.primitive, (), x.parameters, x.shape, x.dtype, x.weak, None, x.root)
    made.code, made.offset = x.code, x.offset
    saved_of(made).is_freed = x.primitive is not VARIABLE
    return made


tapes.settle, tapes.ask, tapes.borrow, tapes.is_sound = settle, ask, borrow, is_sound

__all__ = ["ask", "finish", "settle"]
