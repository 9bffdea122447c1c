"""Tensors that record: eager arrays with gradients, for those who think in PyTorch's terms.

Enters: arrays, and operations on them (operators, methods, NumPy's functions).  Leaves: tensors;
where a gradient may be wanted, with the node that made them.  One more handle over the same rules:
see `docs/decisions/0005-imperative-face.md`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np

from ...base.dtypes import is_inexact, readable, type_of
from ...base.errors import message, user_frame, user_position
from ...graph import op
from ...graph.node import NEVER, Node
from ...graph.op import Traced, apply
from ...graph.primitive import ByDomain, Primitive
from ..context import context, recording_level
from ..operands import acceptable, functions, numeric
from ..trace import VIEWING, Tensor
from ..writing import VIEWS, attach, from_inside, link, put_back, refresh, update
from . import saved
from .advice import KEYWORDS, PUBLIC, into_array, misnamed, missing, notice_no_leaf
from .conversions import Conversions
from .history import VARIABLE, GradientFunction, Handle, leaf_written, no_history
from .mode import Mode, entered, mode
from .saved import CHECKED_RESULTS, AutogradError, Saved, Value, Versions, item_of, saved_of
from .tape import Form

# What a tensor has; one that is pending (see `tape`) has it when somebody asks.
SLOTS = (
    "alias", "depth", "gradient", "is_detached", "is_fresh", "is_retained", "node", "request",
    "value", "versions",
)  # fmt: skip
PENDING = frozenset(SLOTS)
DEFAULTS: dict[str, Any] = {
    "alias": None,
    "depth": 0,  # of one that was made inside a transform: above the level of its handles
    "gradient": None,
    "is_detached": False,  # whether it shares the memory of a tensor, and not its history
    "is_fresh": False,  # whether it is the result of a write's own operation, which nobody else has
    "is_retained": False,
    "request": "add",  # what a backward pass does with the gradient: add, write, null
    "versions": None,  # one for each
}


class EagerTensor(Conversions):
    """An array that records what is done with it; made by `ad.tensor`."""

    __slots__ = (*SLOTS, "form", "place", "tape")

    value: Any
    depth: float
    node: Node | None
    gradient: Any
    is_detached: bool
    is_fresh: bool
    is_retained: bool
    versions: Any
    form: Form | None  # its type, where that was looked up
    place: int  # on the tape
    tape: Any  # a `Tape` on which it has a place, or None

    def __init__(self, value: Any, node: Node | None = None) -> None:
        if node is not None and type(node) is not Node:
            raise TypeError(
                message(
                    "ad.Tensor is the type of tensors, and was called with several arguments",
                    expected="the data of a tensor",
                    instead="`ad.tensor(data)`; `ad.tensor(np.zeros((2, 3)))` for a shape",
                    operation="Tensor",
                )
            )
        self.form = self.tape = None
        self.depth = 0
        self.value = strong(value)
        self.node = node

    # ---------------------------------------------------------------------------------- attributes

    def __getattr__(self, name: str) -> Any:
        """What was never set, or is not known yet, because the call that makes this tensor was put
        off."""
        if name not in PENDING:
            raise AttributeError(missing(name))
        if name in DEFAULTS and has_node(self):
            default = Versions() if name == "versions" else DEFAULTS[name]
            setattr(self, name, default)
            return default
        assert self.tape is not None
        return self.tape.look_up(self, name)

    @property
    def level(self) -> float:  # type: ignore[override]
        """Above the traced value that it holds, and those of the transform that it was made in;
        below every other handle's, which take it for a value."""
        if self.form is not None:
            return mode.level
        value = self.value
        if isinstance(value, Traced):
            return max(value.level + 0.25, self.depth)
        return self.depth or mode.level

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        form = self.form
        return self.value.shape if form is None else form.shape

    @property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        form = self.form
        return self.value.dtype if form is None else form.dtype

    weak = False  # type: ignore[assignment]

    @property
    def requires_grad(self) -> bool:
        """Whether gradients may be asked for with respect to it, or to what it was made of."""
        form = self.form
        return self.node is not None if form is None else form.requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it: its gradients accumulate in `.grad`."""
        form = self.form
        if form is not None:
            return form.is_leaf
        return self.node is None or self.node.primitive is VARIABLE

    @property
    def grad_fn(self) -> GradientFunction | None:
        """The operation that made it, with its inputs; None for a leaf."""
        if self.node is None or self.node.primitive is VARIABLE:
            return None
        return GradientFunction(self.node)

    @property
    def grad(self) -> EagerTensor | None:
        """The gradient that backward passes have left: of the tensor's shape and dtype."""
        found = self.gradient
        if found is None and not self.is_leaf and not self.is_retained:
            notice_no_leaf(self)
        return found

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, EagerTensor):
                raise TypeError(
                    message(
                        f"`.grad` was set to a {type(value).__name__}",
                        expected="a tensor, or None",
                        instead="`x.grad = ad.tensor(...)`",
                        operation="grad",
                    )
                )
            if value.shape != self.shape or value.dtype != self.dtype:
                raise AutogradError(
                    message(
                        f"`.grad` was set to {readable(value)}, and the tensor is {readable(self)}",
                        expected="a gradient of the tensor's shape and dtype, or None",
                        operation="grad",
                    )
                )
        self.gradient = value

    @grad.deleter
    def grad(self) -> None:
        self.gradient = None

    @property
    def data(self) -> EagerTensor:
        """The same memory without history; writes to it are seen here."""
        found = self.detach()
        found.versions = Versions()
        return found

    @data.setter
    def data(self, value: Any) -> None:
        new = functions["tensor"](value, self.dtype)
        if new.shape != self.shape and not self.is_leaf:
            raise AutogradError(
                message(
                    f"`.data` of a tensor with history ({readable(self)}) was set to "
                    f"{readable(new)}",
                    expected="an array of the tensor's shape",
                    operation="data",
                )
            )
        self.leave()
        is_other, self.value = new.shape != self.shape, new.held()
        if is_other and self.node is not None:  # a leaf: gradients have the new shape
            self.node = None
            self.requires_grad_()

    # --------------------------------------------------------------------------------- its history

    def requires_grad_(self, requires_grad: bool = True) -> EagerTensor:
        """Ask for gradients with respect to this leaf, or no longer; gives the tensor itself.

        Raises `AutogradError` (a `RuntimeError`) for integers, and for a tensor with history.
        """
        self.leave()
        if not requires_grad:
            if self.node is not None and not self.is_leaf:
                maker = self.node.primitive.name
                raise AutogradError(
                    message(
                        f"requires_grad was set to False on a tensor that `{maker}` made",
                        expected="a leaf",
                        instead="`.detach()` for the same values without history",
                        operation="requires_grad",
                    )
                )
            self.node = None
        elif self.node is None:
            if not is_inexact(self.dtype):
                raise AutogradError(
                    message(
                        f"a gradient was asked for with respect to {readable(self)}",
                        expected="floats or complex numbers: only those can move a little",
                        instead="`tensor(data, dtype=float, requires_grad=True)`",
                        operation="requires_grad",
                    )
                )
            node = Node(VARIABLE, (), {}, self.shape, self.dtype, False, user_position())
            node.root = node.serial
            saved_of(node).leaf = weakref.ref(self)
            self.node = node
        return self

    def detach(self) -> EagerTensor:
        """The same memory without history: a constant.  Writes are seen by both."""
        value = self.held()
        if (seen := self.seen()) is not value:
            return EagerTensor(op.stop_gradient(seen))
        found = self.inside(value)
        found.is_detached = True
        attach(self, found, op.registry["reshape"], {"shape": self.shape})
        found.versions = self.versions
        return found

    def detach_(self) -> EagerTensor:
        """Forget what made this tensor: a constant from now on.

        Raises `AutogradError` (a `RuntimeError`) for a view, which its base would write to.
        """
        self.leave()
        if self.alias is not None and self.alias.base is not None and not self.is_detached:
            raise AutogradError(
                message(
                    f"detach_ of a view of another tensor ({readable(self)})",
                    expected="a tensor with memory of its own",
                    instead="`.detach()`",
                    operation="detach_",
                )
            )
        self.node = None
        return self

    def clone(self) -> EagerTensor:
        """A copy, whose gradient flows back to this tensor."""
        if (seen := self.seen()) is not self.held():
            return seen
        if self.node is None or not mode.enabled:
            return self.inside(self.held().copy())
        made = same(self)
        made.value = made.value.copy()
        return made

    def retain_grad(self) -> None:
        """Keep the gradient of this tensor in `.grad`, although it is no leaf."""
        self.leave()
        if self.node is None:
            raise no_history("retain_grad", self)
        if not self.is_leaf:
            saved_of(self.node).retained = weakref.ref(self)
            self.is_retained = True

    @property
    def retains_grad(self) -> bool:
        """Whether `.grad` is kept for a tensor that is no leaf."""
        return self.is_retained

    def register_hook(self, hook: Callable) -> Handle:
        """Call `hook(gradient)` when the gradient of this tensor is known; what it gives, if it is
        not None, takes its place.  Gives a handle with `remove()`."""
        self.leave()
        if self.node is None:
            raise no_history("register_hook", self)
        return Handle(saved_of(self.node).hooks, hook)

    def backward(
        self,
        gradient: Any = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """The gradients of this tensor, into `.grad` of the leaves that it was made of.

        Args:
            gradient: what to multiply the Jacobian by from the left, of the tensor's shape; for a
                tensor of one element 1 is meant; also for others made under `record()`.
            retain_graph: keep what the pass reads, for another one (default: `create_graph`).
            create_graph: record the pass, for derivatives of the gradients.
            inputs: the tensors whose `.grad` is wanted (default: all leaves).

        Raises:
            AutogradError: (a `RuntimeError`) no gradient is required, or several elements and no
                `gradient`, a second pass through what the first has freed, a value that was
                overwritten.

        >>> import adjoint as ad
        >>> x, y = ad.tensor(3.0, requires_grad=True), ad.tensor(4.0, requires_grad=True)
        >>> f = x * x * y + y + 2
        >>> f.backward()
        >>> x.grad, y.grad
        (tensor(24.), tensor(10.))
        """
        functions["backward"](self, gradient, retain_graph, create_graph, inputs)

    def attach_grad(self, grad_req: str = "write") -> None:
        """Ask for gradients with respect to this tensor, as MXNet does: `.grad` is zero from now
        on, and each backward pass writes it, or adds to it (`"add"`); `"null"`: no gradients."""
        if grad_req not in ("write", "add", "null"):
            raise ValueError(
                message(
                    f"attach_grad got grad_req={grad_req!r}",
                    expected="'write', 'add' or 'null'",
                    operation="attach_grad",
                )
            )
        self.leave()
        if self.node is not None and self.node.primitive is VARIABLE:
            saved_of(self.node).leaf = None  # what was made of it leaves no gradient here any more
        self.node = None  # what made it is forgotten
        self.request = grad_req
        self.gradient = None
        if grad_req != "null":
            self.requires_grad_()
            self.gradient = self.inside(np.zeros(self.shape, self.dtype))

    def __dir__(self) -> list[str]:
        return sorted(PUBLIC & set(super().__dir__()))

    # ------------------------------------------------------------------------------------- in place

    def copy_(self, source: Any) -> EagerTensor:
        """Take over another tensor's values."""
        given = source if isinstance(source, EagerTensor) else functions["tensor"](source)
        return update(self, given, "copy_")

    def fill_(self, value: Any) -> EagerTensor:
        """Write one number everywhere."""
        return update(self, op.broadcast_to(value, shape=self.shape), "fill_")

    def zero_(self) -> EagerTensor:
        """Write zeros."""
        return self.fill_(EagerTensor(self.dtype.type(0)))

    def add_(self, other: Any, *, alpha: Any = 1) -> EagerTensor:
        """`self += alpha * other`."""
        return update(self, fresh(before(self) + (other if alpha == 1 else alpha * other)), "add_")

    def sub_(self, other: Any, *, alpha: Any = 1) -> EagerTensor:
        """`self -= alpha * other`."""
        return update(self, fresh(before(self) - (other if alpha == 1 else alpha * other)), "sub_")

    def mul_(self, other: Any) -> EagerTensor:
        """`self *= other`."""
        return update(self, fresh(before(self) * other), "mul_")

    def div_(self, other: Any) -> EagerTensor:
        """`self /= other`."""
        return update(self, fresh(before(self) / other), "div_")

    # ------------------------------------------------------------------------------------ protocols

    def __getitem__(self, key: Any) -> Any:
        return another(functions["getitem"](self, places(key)), self)

    def __setitem__(self, key: Any, value: Any) -> None:
        functions["setitem"](self, places(key), value)

    def view(self, *shape: Any, **options: Any) -> Any:
        """As `reshape` for integers; for dtypes as `ndarray.view`."""
        if options or not all(isinstance(n, (int, np.integer, tuple, list)) for n in shape):
            return super().view(*shape, **options)
        return self.reshape(*shape) if shape else self[...]

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        outs = options.get("out") or ()
        if method == "at":
            outs = inputs[:1]
        is_plain = outs and not any(isinstance(x, Traced) for x in outs)
        if is_plain and not self.is_inside():
            if is_constant((inputs, options)):
                return getattr(ufunc, method)(*arrays(inputs), **arrays(options))
            raise into_array(f"np.{ufunc.__name__}", self)
        if method != "at" and options.get("out") is None and is_constant((inputs, options)):
            return wrapped(getattr(ufunc, method)(*arrays(inputs), **arrays(options)))
        found = super().__array_ufunc__(ufunc, method, *inputs, **options)
        return found if "out" in options else another(found, *inputs)

    def __array_function__(self, function: Callable, types: Any, args: Any, kwargs: Any) -> Any:
        is_view = function.__name__ in VIEWING or function.__name__ in WRITING
        out = kwargs.get("out")
        if not is_view and out is None and is_constant((args, kwargs)):
            return wrapped(function(*arrays(args), **arrays(kwargs)))
        if function.__name__ in WRITING and args and not isinstance(args[0], Traced):
            out = args[0]
        if (isinstance(out, np.ndarray) or function in SAVING) and not self.is_inside():
            if is_constant((args, kwargs)):
                return function(*arrays(args), **arrays(kwargs))
            raise into_array(f"np.{function.__name__}", self)
        found = super().__array_function__(function, types, args, kwargs)
        if type(found) is np.ndarray and found.dtype.kind in "biufc":  # `np.zeros_like`
            return EagerTensor(found)
        return found if out is not None else another(found, args, kwargs)

    # ------------------------------------------------------------------------------------ recording

    def process(self, primitive: Primitive, inputs: tuple, parameters: dict[str, Any]) -> Any:
        """Evaluate the operation on the arrays, and record it where a gradient may be wanted."""
        program = None if context.program is None else recorded_now()
        far = False if program is None else is_outside(inputs, program)
        if far is None:  # a program is recorded, to which they all are what it reads
            given = [x.seen() if type(x) is EagerTensor else x for x in inputs]
            return apply(primitive, tuple(given), parameters)
        values: list[Any] = []
        nodes: list[Node | None] = []
        is_wanted = False
        depth = 0.0
        for x in inputs:
            if type(x) is EagerTensor:
                values.append(x.seen() if far else x.value)
                nodes.append(x.node)
                if x.depth > depth:
                    depth = x.depth
                is_wanted = is_wanted or x.node is not None
            else:
                values.append(numeric(x) if isinstance(x, np.ndarray) else x)
                nodes.append(None)
        output = apply(primitive, tuple(values), parameters)
        if is_wanted and mode.enabled and primitive.name != "stop_gradient":
            made = recorded(primitive, nodes, values, output, parameters, *inputs)
        elif type(output) is tuple:
            made = tuple([EagerTensor(x) for x in output])
        else:
            made = EagerTensor(output)
        if depth:
            for x in made if type(made) is tuple else (made,):
                x.depth = depth
        if primitive in VIEWS and type(inputs[0]) is EagerTensor:
            if made.shape:
                link(inputs[0], made, primitive, parameters)
            else:
                attach(inputs[0], made, primitive, parameters)
            if made.alias is not None:
                made.versions = inputs[0].versions
        return made

    # ------------------------------------------------------------------------- in place, and copies

    def held(self) -> Any:
        return self.value

    known = held

    def seen(self) -> Any:
        """What it holds; where a program is recorded, and it is from outside, what the program
        reads whenever it runs."""
        program = recorded_now()
        if program is None or self.level > program.level:
            return self.held()
        found = program.read(self)
        return op.stop_gradient(found) if self.requires_grad and not mode.enabled else found

    def sample(self) -> Any:
        return self.held()

    def hold(self, value: Any) -> None:
        self.value = strong(value)
        self.form = None
        if self.tape is not None:
            self.tape.leave(self)

    def leave(self) -> None:
        """Lose the place on the tape: what is done with this tensor is not what it was before."""
        if self.tape is not None and not self.tape.is_closed:
            self.tape.end()
        self.form = self.tape = None

    def become(self, new: Any) -> None:
        if isinstance(new, Traced) and type(new) is not EagerTensor:
            raise from_inside(self)
        is_recorded = type(new) is EagerTensor and new.node is not None
        if mode.enabled and not self.is_detached:
            self.check_written()
        if type(new) is EagerTensor and isinstance(new.held(), Traced) and not self.is_inside():
            raise from_inside(self)
        self.hold(new.held() if type(new) is EagerTensor else new)
        base = None if self.alias is None else self.alias.base
        if base is None or base.versions is not self.versions:  # else the base has raised it
            self.versions.raised()
        if not mode.enabled or self.is_detached:
            return
        before = self.node
        self.node = new.node if is_recorded else None
        if is_recorded and new.is_fresh:
            self.adopt(new)
        elif is_recorded:
            self.node = same(new).node
        if self.is_retained and self.node is not None:
            saved_of(self.node).retained = weakref.ref(self)
            if before is not None:
                saved_of(before).retained = None

    def check_written(self) -> None:
        """An error for a leaf."""
        if self.node is not None and self.node.primitive is VARIABLE:
            raise leaf_written(self)

    def adopt(self, new: EagerTensor) -> None:
        """What the derivative of a write reads of its own result is now in this memory."""
        output = saved_of(new.node).output  # type: ignore[arg-type]
        if output is not None and output.versions is new.versions:
            output.versions, output.count = self.versions, self.versions.count

    @contextmanager
    def around_write(self, new: Any) -> Iterator[None]:
        """A write through a tensor without history, or a view of it, leaves that of its base as it
        is: the history goes on from there."""
        if mode.enabled:
            self.check_written()
        x: Any = self
        views: list[EagerTensor] = []
        while x is not None and not x.is_detached:
            views.append(x)
            x = None if x.alias is None else x.alias.base
        if x is None or not mode.enabled:
            yield
            return
        x.check_written()
        is_recorded = x.node is not None or (type(new) is EagerTensor and new.node is not None)
        whole = new
        if is_recorded:
            for view in views:
                whole = put_back(view.alias, whole)
        with entered(enabled=False):
            yield
        if is_recorded:
            made = type(whole) is EagerTensor and whole.node is not None
            x.node = same(whole).node if made else None
            refresh(x)

    def twin(self) -> Any:
        if self.node is None or not mode.enabled:
            return self.inside(self.held())
        return same(self)

    def inside(self, value: Any) -> EagerTensor:
        """A tensor without history, where this one was made."""
        made = EagerTensor(value)
        if self.form is None and self.depth:
            made.depth = self.depth
        return made

    def is_inside(self) -> bool:
        """Whether it was made inside a transform, of which it may hold values."""
        return bool(self.depth) or isinstance(self.held(), Traced)

    def outside(self, since: int) -> Any:
        """What it holds, where the transform ends in which it was made."""
        if self.level < recording_level():
            return self
        if self.node is not None and self.node.root < since:
            raise AutogradError(
                message(
                    f"a tensor left the function that a transform runs ({readable(self)}), and its "
                    "history goes back to a tensor that was made before the transform began: the "
                    "history would be lost",
                    expected="tensors that were made inside, or have no history",
                    instead="`ad.tensor(...)` inside the function, or the other tensor as an "
                    "argument of it",
                    operation="return",
                )
            )
        return self.held()


def has_node(x: EagerTensor) -> bool:
    """Whether a tensor's history is known, also that it has none."""
    return is_set(x, NODE)


def is_set(x: EagerTensor, get: Callable[[EagerTensor], Any]) -> bool:
    """Whether a slot of a tensor is there, which one that is pending lacks."""
    try:
        get(x)
    except AttributeError:
        return False
    return True


NODE = EagerTensor.node.__get__  # type: ignore[union-attr]


def recorded_now() -> Any:
    """The program that is being recorded, to which tensors from outside are inputs; None elsewhere
    (also where a path of the tape is recorded: there all tensors belong to it)."""
    program = context.program
    return None if program is None or context.is_plain or mode.level != Mode.level else program


def is_outside(inputs: tuple, program: Any) -> bool | None:
    """Whether tensors from outside of a program meet those of the inside; None: all are outside."""
    places = {x.level < program.level for x in inputs if type(x) is EagerTensor}
    return None if places == {True} else len(places) > 1


def is_constant(x: Any) -> bool:
    """Whether nothing is recorded of what is done with arguments: tensors without history."""
    if type(x) is EagerTensor:
        return (x.node is None or not mode.enabled) and (x.form is not None or not x.depth)
    if isinstance(x, Traced):
        return False
    if isinstance(x, (tuple, list)):
        return all(map(is_constant, x))
    return all(map(is_constant, x.values())) if type(x) is dict else True


def arrays(x: Any) -> Any:
    """Arguments with the arrays in place of tensors."""
    if type(x) is EagerTensor:
        return x.seen()
    if type(x) in (tuple, list):
        return type(x)([arrays(y) for y in x])
    return {k: arrays(y) for k, y in x.items()} if type(x) is dict else x


def wrapped(x: Any) -> Any:
    """NumPy's own answer: its arrays of numbers as tensors."""
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "biufc":
        return EagerTensor(np.asarray(x))
    if isinstance(x, Traced):
        return x if type(x) is EagerTensor else EagerTensor(x)
    if type(x) in (tuple, list):
        return type(x)([wrapped(y) for y in x])
    return type(x)(*map(wrapped, x)) if isinstance(x, tuple) and hasattr(x, "_fields") else x


def places(key: Any) -> Any:
    """An index: tensors of integers and booleans are arrays there."""
    if type(key) is EagerTensor:
        return key.held() if key.dtype.kind in "biu" else key
    return type(key)([places(k) for k in key]) if type(key) in (tuple, list) else key


SAVING = {np.save, np.savetxt, np.savez, np.savez_compressed}
WRITING = {"copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis"}


def augmented(name: str) -> Callable:
    """`t += x` and its like: the tensor itself is written to, also one without axes."""
    primitive = op.registry[name]

    def call(self: EagerTensor, other: Any) -> Any:
        if type(other) in (list, tuple):
            other = np.asarray(arrays(other))
        elif not acceptable(other):
            return NotImplemented
        return update(self, fresh(apply(primitive, (before(self), other), {})), name)

    return call


def another(found: Any, *given: Any) -> Any:
    """A result; where it is an argument itself, a view of that: each tensor has its own history."""
    if type(found) in (tuple, list):
        return type(found)([another(x, *given) for x in found])
    if type(found) is not EagerTensor or not is_among(found, given):
        return found
    if found.node is None or not mode.enabled:
        view = found.inside(found.held())
    else:
        view = same(found)
    attach(found, view, op.registry["reshape"], {"shape": found.shape})
    view.versions = found.versions
    return view


def is_among(x: Any, given: Any) -> bool:
    """Whether a tensor is one of some arguments."""
    if isinstance(given, dict):
        given = tuple(given.values())
    if type(given) in (tuple, list):
        return any(is_among(x, y) for y in given)
    return x is given


def viewing(function: Callable) -> Callable:
    """A method whose result may be the tensor itself."""

    @wraps(function)
    def call(self: EagerTensor, *args: Any, **kwargs: Any) -> Any:
        if kwargs and not KEYWORDS.keys().isdisjoint(kwargs):
            raise TypeError(misnamed(function.__name__, kwargs))
        return another(function(self, *args, **kwargs), self)

    call.is_viewing = True  # type: ignore[attr-defined]
    return call


for name, found in list(vars(Tensor).items()):
    if name.startswith("_") or name in vars(EagerTensor) or name in vars(Conversions):
        continue
    if isinstance(found, property) and name in ("T", "mT", "real", "imag", "flat"):
        setattr(EagerTensor, name, property(viewing(found.fget), found.fset))  # type: ignore
    elif callable(found) and name not in (
        "concrete", "check", "flush", "held", "hold", "known", "example", "is_negative", "is_nan",
        "is_unsound", "is_whole", "no_number", "part", "fill", "partition", "put", "sort",
    ):  # fmt: skip
        setattr(EagerTensor, name, viewing(found))


def same(x: EagerTensor) -> EagerTensor:
    """Another tensor of the same values, with a node of its own behind it."""
    value = x.held()
    made = recorded(op.registry["reshape"], [x.node], [None], value, {"shape": x.shape}, x)
    made.depth = x.depth
    return made


def fresh(x: Any) -> Any:
    """A result that goes into a tensor, and that nobody else has."""
    if type(x) is EagerTensor:
        x.is_fresh = True
    return x


def before(x: EagerTensor) -> EagerTensor:
    """A tensor as it is before a write, which what the write's own derivative reads survives."""
    found = x.inside(x.held())
    found.node = x.node
    return found


AUGMENTED = {
    "iadd": "add", "isub": "sub", "imul": "mul", "itruediv": "div", "ifloordiv": "floor_divide",
    "imod": "remainder", "ipow": "pow", "iand": "bitwise_and", "ior": "bitwise_or",
    "ixor": "bitwise_xor", "ilshift": "left_shift", "irshift": "right_shift",
}  # fmt: skip
for method, operation in AUGMENTED.items():
    setattr(EagerTensor, f"__{method}__", augmented(operation))


def strong(value: Any) -> Any:
    """An operation's result as a tensor holds it: an array, also without axes; or a traced one."""
    return value if type(value) is np.ndarray or isinstance(value, Traced) else np.asarray(value)


def recorded(
    primitive: Primitive,
    nodes: list[Any],
    values: list[Any],
    output: Any,
    parameters: dict[str, Any],
    *inputs: Any,
) -> Any:
    """The tensors of an operation's output, with its node and what its derivative reads."""
    several = output if type(output) is tuple else (output,)
    types = [type_of(x) for x in several]
    if not any(is_inexact(t.dtype) for t in types):
        made = [EagerTensor(x) for x in several]
        return tuple(made) if type(output) is tuple else made[0]
    count = len(nodes)
    is_complex = type(primitive.derivative) is ByDomain and any(
        type_of(v).dtype.kind == "c" for v in values
    )
    needs = primitive.needs(count, is_complex)
    need = 0
    for i, node in enumerate(nodes):
        if node is not None:
            need |= needs[i]
    known = Saved()
    known.sums = mode.summing
    known.inputs = [
        kept(v, x) if need >> i & 1 else None
        for i, (v, x) in enumerate(zip(values, inputs, strict=True))
    ]
    arguments = tuple([
        n if n is not None else type_of(x.value if type(x) is EagerTensor else x)
        for n, x in zip(nodes, inputs, strict=True)
    ])  # fmt: skip
    root = min([n.root for n in nodes if n is not None], default=NEVER)
    if type(output) is not tuple:
        t = types[0]
        node = Node(primitive, arguments, parameters, t.shape, t.dtype, t.weak, None, root)
        place(node)
        node.tangent = known
        result = EagerTensor(output, node)
        if need >> count & 1:
            is_checked = primitive.name in CHECKED_RESULTS
            known.output = Value(result.value, result.versions if is_checked else None)
        return result
    node = Node(primitive, arguments, parameters, None, tuple(types), False, None, root)
    place(node)
    node.tangent = known
    found: list[Any] = []
    for i, (x, t) in enumerate(zip(several, types, strict=True)):
        made_one = EagerTensor(x)
        if is_inexact(t.dtype):
            made_one.node = item_of(node, i)
        found.append(made_one)
    if need >> count & 1:
        known.output = Value(output, None)
    return tuple(found)


def kept(value: Any, x: Any) -> Value:
    """A value that a rule reads: of an array of the user's, which may change, a copy."""
    if type(x) is EagerTensor:
        return Value(value, x.versions)
    if isinstance(value, Tensor):
        return Value(value.twin(), None)
    is_users = type(value) is np.ndarray and value.flags.writeable
    return Value(value.copy() if is_users else value, None)


def place(node: Node) -> None:
    """The user's line at a node."""
    if mode.position is not None:  # a call that was put off
        node.code, node.offset = mode.position
        return
    frame = user_frame(4)
    if frame is not None:
        node.code, node.offset = frame.f_code, frame.f_lasti


def unwrapped(value: Any) -> Any:
    """What the user's hooks gave back, as rules read it."""
    return value.held() if type(value) is EagerTensor else value


saved.wrap, saved.unwrap = EagerTensor, unwrapped

__all__ = ["EagerTensor"]
