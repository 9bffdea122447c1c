"""`autograd.Function`: an operation whose backward the user writes.

Enters: a class with static `forward(ctx, ...)` and `backward(ctx, *gradients)`.  Leaves: `apply`,
which runs the forward without recording and leaves one node behind.  What is saved for the backward
is checked for writes and freed as any other operation's values are; a backward that is made of
operations on tensors is recorded in its turn under `create_graph`, so second derivatives work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...base import tree
from ...base.dtypes import is_inexact, readable, type_of
from ...base.errors import message
from ...graph.node import NEVER, Node
from ...graph.op import Traced
from ..custom import custom_derivative
from ..operands import FLOAT
from .creation import tensor
from .history import leaf_written
from .mode import entered, mode
from .saved import AutogradError, Saved, Value, freed, item_of
from .tensor import EagerTensor, arrays, place


class Named:
    """What stands where a node has its primitive: a name."""

    __slots__ = ("derivative", "kind", "name")

    def __init__(self, name: str) -> None:
        self.name, self.kind, self.derivative = name, "function", None


class FunctionContext:
    """What `forward` leaves for `backward`; attributes of the user's own may be set too."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self._saved: list[Any] = []
        self._constant: set[int] = set()
        self._materialize = True
        self._node: Node | None = None
        self._sources: list[Any] = []  # nodes of what was saved; a number: of that output
        self._dirty: set[int] = set()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (inputs, outputs, or others) for the backward; None is kept as None."""
        self._saved = list(tensors)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What was saved; an error where it was written to since, or freed."""
        if self._node is None:  # inside a transform
            return tuple(self._saved)
        known: Saved = self._node.tangent
        if known.is_freed:
            raise freed(self._node)
        return tuple(
            [
                None if value is None else self._tensor(value, source)
                for value, source in zip(known.inputs, self._sources, strict=True)
            ]
        )

    def _tensor(self, value: Value, source: Any) -> EagerTensor:
        """What was saved, with its history."""
        node = self._node
        assert node is not None
        if type(source) is int:
            source = item_of(node, source) if type(node.dtype) is tuple else node
        return EagerTensor(value.read(node), source)

    def mark_non_differentiable(self, *outputs: EagerTensor) -> None:
        """These outputs require no gradient."""
        self._constant.update(map(id, outputs))

    def mark_dirty(self, *inputs: EagerTensor) -> None:
        """These inputs were written to in place, and are given back as outputs."""
        self._dirty.update(map(id, inputs))

    def set_materialize_grads(self, value: bool) -> None:
        """Whether an output without gradient has zeros for one (default), or None."""
        self._materialize = bool(value)


class Function:
    """An operation with a backward of one's own.

    Subclass it with static methods `forward(ctx, *args)` and `backward(ctx, *gradients)`, or
    `forward(*args)` and `setup_context(ctx, inputs, output)`; call `apply`.  `backward` gives one
    gradient for each argument of `forward`, None where there is none.

    >>> import adjoint as ad, numpy as np
    >>> class Cube(ad.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...
    ...     @staticmethod
    ...     def backward(ctx, gradient):
    ...         (x,) = ctx.saved_tensors
    ...         return 3 * x**2 * gradient
    >>> x = ad.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        """The operation."""
        raise NotImplementedError("a Function needs a static method `forward(ctx, ...)`")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """The gradients of the arguments, from those of the outputs."""
        raise NotImplementedError("a Function needs a static method `backward(ctx, ...)`")

    setup_context: Any = None

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """The operation on these arguments, recorded."""
        if any(isinstance(x, Traced) and type(x) is not EagerTensor for x in args):
            return traced(cls, args)
        return mode.tape.unfit(applied, (cls, args), {})


def applied(cls: type[Function], args: Sequence[Any]) -> Any:
    """The operation on tensors."""
    ctx = FunctionContext()
    nodes = [x.node if type(x) is EagerTensor else None for x in args]
    ctx.needs_input_grad = tuple([n is not None for n in nodes])
    counts = [x.versions.count if type(x) is EagerTensor else 0 for x in args]
    with entered(enabled=False):
        found = run(cls, ctx, args)
    if any(type(x) is EagerTensor and isinstance(x.held(), Traced) for x in args):
        found = ruled(cls, ctx, args, found)
    outputs = found if isinstance(found, tuple) else (found,)
    if found is None or isinstance(found, (list, dict)):
        raise TypeError(
            message(
                f"{cls.__name__}.forward gave a {type(found).__name__}",
                expected="a tensor, or a tuple of them",
                operation="Function",
            )
        )
    if not mode.enabled or not any(ctx.needs_input_grad):
        return found
    for k, (x, count) in enumerate(zip(args, counts, strict=True)):
        if type(x) is EagerTensor and x.versions.count != count and id(x) not in ctx._dirty:
            raise written(cls.__name__, k)
        if id(x) in ctx._dirty and x.node is not None and x.is_leaf:
            raise leaf_written(x)
    made = [x if id(x) in ctx._dirty else own(x, args) for x in outputs]
    keep(cls, ctx, args, nodes, made, outputs)
    return tuple(made) if isinstance(found, tuple) else made[0]


def inner(x: Any) -> Any:
    """An array or a traced value as a tensor."""
    is_array = type(x) is np.ndarray or (isinstance(x, Traced) and type(x) is not EagerTensor)
    return tensor(x) if is_array else x


def outer(found: Any, given: Sequence[Any]) -> Any:
    """What a function of such tensors gave, without them; tensors from outside stay."""
    if not any(type(x) is EagerTensor for x in tree.flatten(given)[0]):
        return arrays(found)
    if isinstance(found, (tuple, list)):
        return type(found)([outer(x, given) for x in found])
    return found.outside(0) if type(found) is EagerTensor else found


def run(cls: type[Function], ctx: FunctionContext, args: Sequence[Any]) -> Any:
    """The forward."""
    if cls.setup_context is None:
        return cls.forward(ctx, *args)
    found = cls.forward(*args)  # type: ignore[call-arg]
    cls.setup_context(ctx, args, found)
    return found


def ruled(cls: type[Function], ctx: FunctionContext, args: Sequence[Any], found: Any) -> Any:
    """Results that hold traced values: the transform differentiates them by the rule, too."""
    if ctx._dirty:
        raise AutogradError(
            message(
                f"`{cls.__name__}` writes to its arguments (mark_dirty) inside a transform",
                expected="a `forward` that makes new tensors",
                operation="Function",
            )
        )
    values = traced(cls, arrays(list(args)))
    several = found if isinstance(found, tuple) else (found,)
    for x, value in zip(several, values if isinstance(found, tuple) else (values,), strict=True):
        if type(x) is EagerTensor and not any(x is y for y in args):
            x.hold(value)
    return found


def traced(cls: type[Function], args: Sequence[Any]) -> Any:
    """The operation inside a transform: a function with a derivative of the user's own, which sees
    tensors."""

    def forward(*given: Any) -> Any:
        return outer(run(cls, FunctionContext(), [inner(x) for x in given]), given)

    def rule(primals: tuple, output: Any, cotangent: Any) -> tuple:
        ctx = FunctionContext()
        ctx.needs_input_grad = tuple([isinstance(x, Traced) for x in primals])
        again = run(cls, ctx, [inner(x) for x in primals])
        is_several = isinstance(again, tuple)
        outputs = [inner(x) for x in (output if is_several else (output,))]
        pairs = list(zip(again if is_several else (again,), outputs, strict=True))
        ctx._saved = [next((y for x, y in pairs if x is z), z) for z in ctx._saved]
        given = [inner(x) for x in (cotangent if is_several else (cotangent,))]
        found = cls.backward(ctx, *given)
        several = tuple(found) if isinstance(found, (tuple, list)) else (found,)
        return outer(several, (*primals, cotangent))

    return custom_derivative(forward, vjp=rule)(*args)


def own(x: Any, args: Sequence[Any]) -> Any:
    """An output as a tensor of its own: one that is an argument is another one from now on."""
    if not isinstance(x, EagerTensor):
        return tensor(x) if isinstance(x, (np.ndarray, np.generic, float, int, complex)) else x
    if any(x is y for y in args) or x.node is not None or x.alias is not None:
        return EagerTensor(x.held())
    return x


def written(name: str, place: int) -> AutogradError:
    """The error for a forward that writes to an argument and does not say so."""
    return AutogradError(
        message(
            f"{name}.forward wrote to its argument {place} in place",
            expected="`ctx.mark_dirty(x)` for each argument that is written to, which is given "
            "back as an output",
            instead="a new tensor",
            operation=name,
        )
    )


def keep(
    cls: type[Function], ctx: FunctionContext, args: Sequence[Any], nodes: Sequence[Node | None],
    made: Sequence[Any], outputs: Sequence[Any],
) -> None:  # fmt: skip
    """Leave the node of a call, and its outputs' own."""
    moving = [
        type(x) is EagerTensor and is_inexact(x.dtype) and id(y) not in ctx._constant
        for x, y in zip(made, outputs, strict=True)
    ]
    if not any(moving):
        return
    root = min([n.root for n in nodes if n is not None], default=NEVER)
    types = tuple([type_of(x.held() if type(x) is EagerTensor else 0.0) for x in made])
    name = Named(cls.__name__)
    sources = tuple([FLOAT if n is None else n for n in nodes])
    is_one = len(made) == 1
    t = types[0]
    node = Node(
        name, sources, {}, t.shape if is_one else None, t.dtype if is_one else types, False,  # type: ignore
        None, root,
    )  # fmt: skip
    place(node)
    known = node.tangent = Saved()
    known.sums = mode.summing
    known.pull = Pull(cls, ctx, args)
    parts = [node]
    if not is_one:
        parts = [item_of(node, i) for i in range(len(types))]
    for x, part, moves in zip(made, parts, moving, strict=True):
        if moves:
            x.node = part
            x.form = x.tape = None
    for x in ctx._saved:
        place_ = next((k for k, y in enumerate(outputs) if y is x), None)
        x = x if place_ is None else made[place_]
        if x is None:
            known.inputs.append(None)
            ctx._sources.append(None)
            continue
        x = x if isinstance(x, EagerTensor) else tensor(x)
        known.inputs.append(Value(x.held(), x.versions))
        ctx._sources.append(x.node if place_ is None else place_ if moving[place_] else None)
    ctx._saved = []


def is_broadcast(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether arrays of this shape broadcast to another one."""
    try:
        return np.broadcast_shapes(shape, to) == to
    except ValueError:
        return False


def summed(gradient: EagerTensor, shape: tuple[int, ...]) -> EagerTensor:
    """A gradient with respect to what an argument was broadcast to, summed over its copies."""
    extra = gradient.ndim - len(shape)
    axes = [extra + k for k, n in enumerate(shape) if n == 1 and gradient.shape[extra + k] != 1]
    return np.sum(gradient, axis=(*range(extra), *axes)).reshape(shape)  # type: ignore


class Pull:
    """The user's backward as the walk calls it."""

    __slots__ = ("arguments", "cls", "ctx")

    def __init__(self, cls: type[Function], ctx: FunctionContext, args: Sequence[Any]) -> None:
        self.cls, self.ctx = cls, ctx
        self.arguments = [type_of(x.held()) if type(x) is EagerTensor else None for x in args]

    def __call__(self, node: Node, gradients: Sequence[EagerTensor | None]) -> list[Any]:
        """The gradients of the arguments; `node` is that of the call."""
        self.ctx._node = node
        try:
            found = self.cls.backward(self.ctx, *gradients)
        finally:
            self.ctx._node = None
        results = list(found) if isinstance(found, (tuple, list)) else [found]
        while len(results) > len(self.arguments) and results[-1] is None:
            results.pop()
        name = self.cls.__name__
        if len(results) != len(self.arguments):
            raise AutogradError(
                message(
                    f"{name}.backward gave {len(results)} gradients for "
                    f"{len(self.arguments)} arguments",
                    expected="one for each argument of forward (None where there is none)",
                    operation=name,
                )
            )
        for k, (x, t) in enumerate(zip(results, self.arguments, strict=True)):
            if x is None or t is None:
                continue
            given = results[k] = x if isinstance(x, EagerTensor) else tensor(x)
            if given.shape == t.shape:
                continue
            if is_broadcast(t.shape, given.shape):
                results[k] = summed(given, t.shape)
            else:
                raise AutogradError(
                    message(
                        f"{name}.backward gave {readable(given)} as gradient {k}, and the "
                        f"argument is of shape {t.shape}",
                        expected="a gradient of the argument's shape",
                        operation=name,
                    )
                )
        return results
