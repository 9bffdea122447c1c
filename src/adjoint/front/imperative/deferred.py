"""The front of the tape: operators, methods, NumPy's functions and backward passes as calls on it.

Enters: the uncompiled methods of `EagerTensor`.  Leaves: the same methods, which ask the thread's
tape first whether the call is known.  A call costs some tenths of a microsecond here, so operators
have a way of their own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import numpy as np

from ...base.errors import is_in_try, is_tried, user_position
from ...graph.node import ancestors
from ...graph.op import Traced
from ..operands import functions
from . import backward as passes
from . import tape as tapes
from .libraries import introduce
from .mode import entered, mode
from .replay import finish
from .saved import saved_of
from .tape import Form, Step, Tape, Unfit, settle
from .tensor import AUGMENTED, VARIABLE, WRITING, EagerTensor

make = object.__new__


def form_of(x: EagerTensor) -> Form:
    """The form of a tensor that comes from before the tape."""
    node, value = x.node, x.value
    if type(value) is not np.ndarray or x.depth:
        raise Unfit  # it belongs to a transform
    if node is None:
        return Form.of(value, False, True)
    if node.primitive is not VARIABLE or saved_of(node).hooks:
        raise Unfit
    return Form.of(value, True, True)


def operator(name: str, eager: Callable) -> Callable:
    """An operator with two operands."""
    eager.is_typed = True  # type: ignore[attr-defined]

    @wraps(eager)
    def call(self: EagerTensor, other: Any) -> Any:
        tape = mode.tape
        if not tape.is_swift:
            return tape.call(name, eager, (self, other), {})
        numbers = tape.numbers
        try:
            a = self.place if self.tape is tape else tape.enter(self)
            kind = type(other)
            if kind is EagerTensor:
                b = other.place if other.tape is tape else tape.enter(other)
            elif kind is float:
                numbers.append(other)
                b = float
            elif kind is int:
                b = int, other
            else:
                b = tape.key(other)
        except Unfit:
            del numbers[tape.state.numbers :]
            return tape.unfit(eager, (self, other), {})
        state = tape.state
        after = state.likely
        if after.operator is not name or after.one != a or after.other != b or after is state:
            key = name, a, b
            found = state.after.get(key)
            if found is None:
                return tape.learn(key, eager, (self, other), {})
            after = state.likely = found
            after.operator, after.one, after.other = key
        form = after.form
        if form is None:
            if tape.overwrite(self, after.target):
                tape.state = after
                return self
            del numbers[state.numbers :]
            return tape.unfit(eager, (self, other), {})
        tape.state = after
        new = make(EagerTensor)
        new.form = form
        new.tape = tape
        places = tape.places
        new.place = len(places)
        places.append(new)
        return new

    return call


def alone(name: str, eager: Callable) -> Callable:
    """An operator, property or method of the tensor alone, or with plain integers."""

    @wraps(eager)
    def call(self: EagerTensor, *args: Any, **kwargs: Any) -> Any:
        tape = mode.tape
        if kwargs and (kwargs.get("out") is not None or kwargs.get("copy") is False):
            return tape.unfit(eager, (self, *args), kwargs)
        if self.tape is tape and tape.is_swift and not kwargs:
            if not args:
                after = tape.state.after.get((name, self.place))
            elif len(args) == 1 and type(args[0]) is int:
                after = tape.state.after.get((name, self.place, (int, args[0])))
            else:
                after = None
            if after is not None and after.form is not None:
                tape.state = after
                return tape.pending(after.form)
        return tape.call(name, eager, (self, *args), kwargs)

    return call


def indexing(eager: Callable) -> Callable:
    """`x[key]`."""

    @wraps(eager)
    def call(self: EagerTensor, key: Any) -> Any:
        tape = mode.tape
        if tape.is_off:
            return eager(self, key)
        if type(key) is int:
            part: Any = int, key
        elif type(key) is tuple and len(key) == 2 and type(key[0]) is int and type(key[1]) is int:
            part = tuple, (int, key[0]), (int, key[1])
        elif type(key) is tuple and set(map(type, key)) == INTEGERS:
            part = tuple, *[(int, x) for x in key]
        elif is_plain(key):
            return tape.call("getitem", eager, (self, key), {})
        elif is_tried():  # arrays, which may be out of range
            return tape.unfit(eager, (self, key), {})
        else:
            return tape.call("getitem", eager, (self, key), {}, user_position(1))
        if self.tape is tape and tape.is_swift:
            after = tape.state.after.get(("getitem", self.place, part))
            if after is not None:
                tape.state = after
                return tape.pending(after.form)
        return tape.call("getitem", eager, (self, key), {})

    return call


INTEGERS = {int}
PLAIN = {int, slice, type(None), type(Ellipsis)}  # entries of a key that belong to the path


def is_plain(key: Any) -> bool:
    """Whether a key has no arrays: all of it belongs to the path."""
    return type(key) in PLAIN or (type(key) is tuple and set(map(type, key)) <= PLAIN)


def deferred(name: str, eager: Callable) -> Callable:
    """A method."""

    @wraps(eager)
    def call(*args: Any, **kwargs: Any) -> Any:
        tape = mode.tape
        return eager(*args, **kwargs) if tape.is_off else tape.call(name, eager, args, kwargs)

    return call


def setting(eager: Callable) -> Callable:
    """`x[key] = value`."""

    @wraps(eager)
    def call(self: EagerTensor, key: Any, value: Any) -> Any:
        tape = mode.tape
        if tape.is_off:
            return eager(self, key, value)
        if is_plain(key):
            return tape.call("setitem", eager, (self, key, value), {})
        if is_tried():  # arrays, which may be out of range
            return tape.unfit(eager, (self, key, value), {})
        return tape.call("setitem", eager, (self, key, value), {}, user_position(1))

    return call


def writing(eager: Callable) -> Callable:
    """A method that writes to its first argument."""

    @wraps(eager)
    def call(*args: Any, **kwargs: Any) -> Any:
        return eager(*args, **kwargs)

    call.writes = True  # type: ignore[attr-defined]
    return call


def array_ufunc(eager: Callable) -> Callable:
    """`__array_ufunc__`."""

    def call(self: EagerTensor, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        tape = mode.tape
        if tape.is_off or method == "at" or options.get("out") is not None:
            return eager(self, ufunc, method, *inputs, **options)
        if method == "__call__":
            if len(inputs) == 1 and not options and self.tape is tape and tape.is_swift:
                after = tape.state.after.get((ufunc, self.place))
                if after is not None:
                    tape.state = after
                    return tape.pending(after.form)
            return tape.call(ufunc, ufunc, inputs, options)
        return tape.call((ufunc, method), getattr(ufunc, method), inputs, options)

    return call


def array_function(eager: Callable) -> Callable:
    """`__array_function__`."""

    def call(self: EagerTensor, function: Callable, types: Any, args: Any, kwargs: Any) -> Any:
        tape = mode.tape
        if len(args) > 2:
            names = names_from_out(function)
            if names and len(args) > names[0]:
                kwargs = {**kwargs, **dict(zip(names[1], args[names[0] :], strict=False))}
                args = args[: names[0]]
        if tape.is_off or kwargs.get("out") is not None or function.__name__ in WRITING:
            return eager(self, function, types, args, kwargs)
        if function in TYPES:
            return TYPES[function](*args, **kwargs)
        if function.__module__ == "numpy.linalg":
            if is_in_try(()):  # it may raise, and that be caught
                return tape.unfit(function, args, kwargs)
            return tape.call(function, function, args, kwargs, user_position(1))
        return tape.call(function, function, args, kwargs)

    return call


@cache
def names_from_out(function: Callable) -> tuple[int, list[str]] | None:
    """The place of a function's argument `out`, and the names from there on."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return None
    names = [k for k, x in parameters.items() if x.kind is x.POSITIONAL_OR_KEYWORD]
    return (names.index("out"), names[names.index("out") :]) if "out" in names else None


TYPES: dict[Any, Callable] = {
    np.shape: lambda a: a.shape if isinstance(a, EagerTensor) else np.shape(a),
    np.ndim: lambda a: a.ndim if isinstance(a, EagerTensor) else np.ndim(a),
}  # what the types alone answer


# --------------------------------------------------------------------------------- backward passes


def backward(
    tensors: Any,
    gradients: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    tape = mode.tape
    given = tensors, gradients, retain_graph, create_graph, inputs
    if tape.is_off:
        passes.backward(*given)
        return
    is_kept = create_graph if retain_graph is None else retain_graph
    if not tape.is_swift:
        tape.keep()
    try:
        is_plain = gradients is None and retain_graph is None and inputs is None
        if is_plain and not create_graph and type(tensors) is EagerTensor and tensors.tape is tape:
            key: Any = "backward", tensors.place
        else:
            key = "backward", *map(tape.key, given)
        after = tape.state.after.get(key)
        if after is None:
            after = leaves_of(tape, key, tensors, inputs)
        tape.state = after
        places = after.leaves
        before = tuple([gradient_of(tape, leaf) for leaf in places])
        after = tape.state.after.get(before)
        if after is not None:
            walk(tape, after, places)
    except Unfit:
        del tape.numbers[tape.state.numbers :]
        settle(tape)
        tape.unfit(passes.backward, given, {})
        tape.end()
        return
    if after is None:
        learn(tape, before, given, places)
    if not is_kept and mode.tape is tape:
        finish(tape)


def leaves_of(tape: Tape, key: Any, tensors: Any, inputs: Any) -> Any:
    """The state before a backward pass, which knows its leaves."""
    settle(tape)
    given = tensors if isinstance(tensors, (tuple, list)) else [tensors]
    if inputs is not None or not all(
        isinstance(x, EagerTensor) and x.node is not None for x in given
    ):
        raise Unfit
    places = []
    for node in ancestors([x.node for x in given]):
        if node.primitive is VARIABLE:
            leaf = saved_of(node).leaf
            x = None if leaf is None else leaf()
            if x is None:
                continue
            if x.tape is not tape:
                raise Unfit
            places.append(x.place)
    after = tape.grow(key, None)
    after.leaves = tuple(places)
    after.numbers = len(tape.numbers)
    return after


def gradient_of(tape: Tape, leaf: int) -> Any:
    """What a leaf has for a gradient before a backward pass."""
    x = tape.places[leaf]
    if x is None:
        raise Unfit
    gradient = x.gradient
    if gradient is None:
        return x.request, None
    place = tape.key(gradient)
    if not tape.may_write(gradient):
        raise Unfit
    return x.request, place


def learn(tape: Tape, key: Any, given: Any, places: tuple[int, ...]) -> None:
    """A backward pass that was not seen here before."""
    settle(tape)
    step = Step(passes.backward, *tape.template((given, {})))
    step.position = user_position(2)
    leaves = [tape.tensor_at(k) for k in places]
    before = [None if x.gradient is None else x.gradient.place for x in leaves]
    old = [x.gradient for x in leaves]
    step.leaves = tuple(zip(places, before, [x.request for x in leaves], strict=True))
    tape.is_keeping = True
    try:
        tape.at_once(passes.backward, given, {})
    finally:
        tape.is_keeping = False
    if tape.is_closed:
        return
    after = tape.grow(key, step)
    forms: list[Form | None] = []
    writes: list[int] = []  # gradients that were there, and have other values now
    for x, gradient, place in zip(leaves, old, before, strict=True):
        form = None
        if x.gradient is not gradient and x.gradient is not None:
            form = tape.placed(x.gradient, after)
        elif place is not None and x.request != "null":
            form = Form.of(gradient.value, gradient.node is not None, gradient.is_leaf)
            writes.append(place)
            if place not in after.changed:
                after.changed = (*after.changed, place)
        forms.append(form)
    after.found = tuple(forms), tuple(writes)
    tape.state = after
    tape.done = after.length


def walk(tape: Tape, after: Any, leaves: tuple[int, ...]) -> None:
    """A backward pass that was: its leaves have gradients that are pending."""
    forms, writes = after.found
    tape.state = after
    for k, form in zip(leaves, forms, strict=True):
        if form is None:
            continue
        x = tape.places[k]
        if writes and x.gradient is not None and x.gradient.place in writes:
            tape.overwrite(x.gradient, form)
        else:
            x.gradient = tape.pending(form)


RECORDED = "create_graph", (bool, True)  # how the key of `grad` ends with this option


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[EagerTensor | None, ...]:
    tape = mode.tape
    given = (
        outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, is_grads_batched,
        materialize_grads,
    )  # fmt: skip
    if tape.is_off:
        return passes.grad(*given)
    if create_graph is True and type(outputs) is EagerTensor and type(inputs) is EagerTensor:
        is_plain = grad_outputs is None and retain_graph is None and allow_unused is None
        if is_plain and not is_grads_batched and not materialize_grads and tape.is_swift:
            if outputs.tape is tape and inputs.tape is tape:
                key = "grad", outputs.place, inputs.place, "", RECORDED
                after = tape.state.after.get(key)
                if after is not None:
                    tape.state = after
                    return (tape.pending(after.found[1][0]),)
    named = (
        {"grad_outputs": grad_outputs, "retain_graph": retain_graph}
        if (grad_outputs is not None or retain_graph is not None)
        else {}
    )
    if create_graph:
        named["create_graph"] = create_graph
    if allow_unused is not None:
        named["allow_unused"] = allow_unused
    if is_grads_batched or materialize_grads:
        named["is_grads_batched"] = is_grads_batched
        named["materialize_grads"] = materialize_grads
    found = tape.call("grad", passes.grad, (outputs, inputs), named)
    if mode.tape is tape and not (create_graph if retain_graph is None else retain_graph):
        if tape.state.step is not None and tape.state.step.function is passes.grad:
            finish(tape)
        else:
            tape.end()
    return found


def on_tape(program: Any, inputs: list[Any]) -> Any:
    """A call of a program of `jit` on tensors, as one call: its results are tensors.
    NotImplemented where there is another traced value than tensors, or no tape."""
    tape = mode.tape
    if tape.is_off or any(isinstance(x, Traced) and type(x) is not EagerTensor for x in inputs):
        return NotImplemented

    def evaluated(*values: Any) -> tuple[Any, ...]:
        return tuple(program.function.evaluate(*values))

    evaluated.is_typed = True  # type: ignore[attr-defined]
    return list(tape.call(program, evaluated, tuple(inputs), {}))


# ----------------------------------------------------------------------------------- installation


def install() -> None:
    """Put the tape in front of the methods of tensors."""
    two = "add sub mul truediv floordiv mod pow and or xor lshift rshift matmul".split()
    for name in [*two, *["r" + x for x in two], *"lt gt le ge eq ne".split()]:
        method = f"__{name}__"
        setattr(EagerTensor, method, operator(name, getattr(EagerTensor, method)))
    for name in AUGMENTED:
        method = f"__{name}__"
        setattr(EagerTensor, method, operator(name, writing(vars(EagerTensor)[method])))
    for name in "copy_ fill_ zero_ add_ sub_ mul_ div_".split():
        setattr(EagerTensor, name, deferred(name, writing(vars(EagerTensor)[name])))
    EagerTensor.__getitem__ = indexing(EagerTensor.__getitem__)  # type: ignore
    EagerTensor.__setitem__ = setting(writing(EagerTensor.__setitem__))  # type: ignore
    for name in "neg pos abs invert round".split():
        method = f"__{name}__"
        setattr(EagerTensor, method, alone(name, getattr(EagerTensor, method)))
    for name, found in list(vars(EagerTensor).items()):
        if getattr(found, "is_viewing", False):
            setattr(EagerTensor, name, alone(name, found))
        elif isinstance(found, property) and getattr(found.fget, "is_viewing", False):
            setattr(EagerTensor, name, property(alone(name, found.fget), found.fset))  # type: ignore
    for name in ("clone", "detach"):
        setattr(EagerTensor, name, deferred(name, vars(EagerTensor)[name]))
    EagerTensor.__array_ufunc__ = array_ufunc(EagerTensor.__array_ufunc__)  # type: ignore
    EagerTensor.__array_function__ = array_function(EagerTensor.__array_function__)  # type: ignore


def untaped() -> Any:
    """While a program is recorded no call is put off: its values are the program's."""
    return entered(tape=Tape(tapes.Automaton(), True))


passes.grad.is_typed = True  # type: ignore[attr-defined]
backward.__doc__, grad.__doc__ = passes.backward.__doc__, passes.grad.__doc__
tapes.kind_of_tensors, tapes.form_of = EagerTensor, form_of
install()
functions["backward"], functions["introduce"] = backward, introduce
functions["on tape"], functions["untaped"] = on_tape, untaped
