"""Backward passes over what eager tensors recorded.

Enters: tensors, and what their Jacobians are multiplied by.  Leaves: gradients, in `.grad` of the
leaves or given back.  The walk is `transform.transpose.pullback`; what it does not know is done by
how it reads (`Reader`) and by what its sums do when they are taken (`Taken`): hooks, gradients that
are kept, anomalies.

Inside, cotangents are bilinear (no conjugate); where they leave, and where hooks see them, those of
complex tensors are conjugated, as PyTorch's gradients are.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...base.dtypes import is_inexact, readable, type_of
from ...base.errors import describe, message
from ...graph import op
from ...graph.node import Node, ancestors
from ...graph.op import Traced
from ...graph.primitive import Zero
from ...transform.linearize import convert
from ...transform.transpose import CotangentsAmong, plain, pullback
from ..operands import functions
from ..writing import refresh, write
from .creation import tensor
from .history import VARIABLE, no_history
from .mode import entered, mode
from .saved import AutogradError, Saved, freed, item_of, saved_of
from .tensor import EagerTensor


class Reader:
    """How the walk reads an operation: the saved values; with `is_recorded` as tensors with their
    history, so that the derivative is recorded in its turn."""

    follow = None

    def __init__(self, is_recorded: bool) -> None:
        self.is_recorded = is_recorded

    def __call__(self, node: Node) -> tuple[Sequence[Any], Any]:
        known = saved_of(node)
        inputs = [
            x if value is None else self.handle(value.read(node), x)
            for x, value in zip(node.inputs, known.inputs, strict=True)
        ]
        if known.output is None:
            return inputs, node
        output = known.output.read(node)
        if type(output) is tuple and self.is_recorded:
            output = tuple([self.handle(x, item_of(node, i)) for i, x in enumerate(output)])
        else:
            output = self.handle(output, node)
        return inputs, output

    def handle(self, value: Any, node: Any) -> Any:
        """A value with its history, where that is wanted and there is any."""
        if not self.is_recorded or type(node) is not Node or type(node.dtype) is tuple:
            return value
        return inside(EagerTensor(value, node))


class Sums(CotangentsAmong):
    """The cotangents of a walk, which knows whose derivative is at work."""

    __slots__ = ("current",)

    def __init__(self, among: set[Node]) -> None:
        super().__init__(among)
        self.current: Node | None = None

    def add(self, node: Node, cotangent: Any) -> None:
        if mode.anomaly and self.current is not None:
            check_number(self.current, cotangent)
        super().add(node, cotangent)


class Taken(dict):
    """Cotangents by node; when the walk takes one it is complete, and the user's hooks see it."""

    def __init__(self, sums: Sums, wanted: dict[Node, Any]) -> None:
        super().__init__()
        self.sums = sums
        self.wanted = wanted  # nodes that are no leaves, and whose gradients are asked for
        self.walked: list[Node] = []

    def pop(self, node: Node, default: Any = None) -> Any:  # type: ignore[override]
        cotangent = super().pop(node, default)
        if cotangent is None:
            return None
        among = self.sums.among
        if any(type(x) is Node and x in among for x in node.inputs):
            self.walked.append(node)  # its rule is going to read what it keeps
        self.sums.current = node
        known = saved_of(node)
        if type(node.dtype) is tuple:
            return cotangent if known.pull is None else self.pulled(node, cotangent)
        if known.hooks:
            cotangent = hooked(known, node, cotangent)
        if node in self.wanted:
            self.wanted[node] = cotangent
        if known.retained is not None:
            owner = known.retained()
            if owner is not None:
                found, before = outward(cotangent, node), owner.gradient
                owner.gradient = found if before is None else op.add(before, found)
        if type(node.primitive.derivative) is Zero:  # a step: the gradient is there, and is zero
            for x in node.inputs:
                if self.sums.wants(x):
                    self.sums.add(x, np.zeros(x.shape, x.dtype))
        return cotangent if known.pull is None else self.pulled(node, (cotangent,))

    def pulled(self, node: Node, cotangents: Sequence[Any]) -> None:
        """The user's backward of a `Function`: nothing is left for the walk to do."""
        pull = saved_of(node).pull
        types = node.dtype if type(node.dtype) is tuple else (node,)
        given: list[Any] = []
        for c, t in zip(cotangents, types, strict=True):
            if c is None and pull.ctx._materialize:
                given.append(inside(EagerTensor(np.zeros(t.shape, t.dtype))))
            else:
                given.append(None if c is None else outward(c, t))
        for x, gradient in zip(node.inputs, pull(node, given), strict=True):
            if gradient is not None and self.sums.wants(x):
                self.sums.add(x, inward(outward(inward(gradient), x)))


def hooked(known: Saved, node: Node, cotangent: Any) -> Any:
    """A cotangent after the user's hooks."""
    for hook in list(known.hooks.values()):
        given = outward(cotangent, node)
        value = given.value
        found = hook(given)
        if found is None and given.value is not value:  # it wrote to its argument
            found = given
        if found is not None:
            found = found if isinstance(found, EagerTensor) else tensor(found)
            if found.shape != given.shape:
                raise AutogradError(
                    message(
                        f"a hook gave {readable(found)} for a gradient that is {readable(given)}",
                        expected="a tensor of the gradient's shape, or None",
                        operation="register_hook",
                    )
                )
            cotangent = inward(found)
    return cotangent


def outward(cotangent: Any, node: Any) -> EagerTensor:
    """A cotangent as the user's gradient: of the node's shape and dtype, conjugated if complex."""
    value = plain(cotangent)
    if type_of(value).shape != node.shape:
        value = op.broadcast_to(value, shape=node.shape)
    if type_of(value).dtype != node.dtype:
        value = convert(value, node.dtype)
    if node.dtype.kind == "c":
        value = op.conj(value)
    return inside(value if type(value) is EagerTensor else EagerTensor(value))


def inside(x: EagerTensor) -> EagerTensor:
    """A tensor that a pass makes belongs to the transform in which the pass runs, if any."""
    if mode.depth:
        x.depth = mode.depth
    return x


def depth_of(given: Any) -> float:
    """The depth of a pass that begins at some tensors: 0 outside of transforms."""
    several = given if isinstance(given, (tuple, list)) else [given]
    inner = [x.level for x in several if isinstance(x, EagerTensor) and x.is_inside()]
    return max(inner, default=0.0)


def inward(gradient: EagerTensor) -> Any:
    """The user's gradient as a cotangent: a plain array where it has no history."""
    value = op.conj(gradient) if gradient.dtype.kind == "c" else gradient
    return value if value.node is not None and mode.enabled else value.held()


def check_number(node: Node, cotangent: Any) -> None:
    """Under `detect_anomaly`: an error where the derivative of a node's operation is no number."""
    value = plain(cotangent)
    value = np.asarray(value.held() if type(value) is EagerTensor else value)
    if not np.isnan(value).any():
        if mode.anomaly < 2 or not np.isinf(value).any():
            return
        kind = "infinite"
    else:
        kind = "no number (NaN)"
    raise AutogradError(
        message(
            f"the derivative of `{node.primitive.name}` gave a gradient that is {kind}; the "
            f"operation was recorded at {describe(node.position)}",
            expected="gradients that are numbers",
            instead="an operation that is differentiable there (a square root, a logarithm, a norm "
            "and a quotient are not at 0): `np.where` with a safe argument, or a small number "
            "added",
            operation="detect_anomaly",
        )
    )


def seed(x: EagerTensor, gradient: Any, operation: str) -> Any:
    """What a tensor's Jacobian is multiplied by, as a cotangent."""
    if gradient is None:
        known = saved_of(x.node) if x.node is not None else None
        if x.size != 1 and not (known is not None and known.sums):
            raise AutogradError(
                message(
                    f"`{operation}` of {readable(x)}, which has several elements, and no gradient",
                    expected="a tensor of one element, or what to multiply the Jacobian by",
                    instead=f"`y.sum().backward()`, or `{operation}` with a gradient of shape "
                    f"{x.shape}; inside `ad.record()` the sum is meant",
                    operation=operation,
                )
            )
        if x.dtype.kind == "c":
            raise AutogradError(
                message(
                    f"`{operation}` of a complex tensor ({readable(x)}) without a gradient",
                    expected="a real tensor, or what to multiply the Jacobian by",
                    instead="the real part or the absolute value",
                    operation=operation,
                )
            )
        return np.ones(x.shape, x.dtype)
    given = gradient if isinstance(gradient, EagerTensor) else tensor(gradient)
    if given.shape != x.shape:
        raise AutogradError(
            message(
                f"a gradient of shape {given.shape} was given for a tensor of shape {x.shape}",
                expected="one number for each element of the tensor",
                operation=operation,
            )
        )
    if given.dtype.kind == "c" and x.dtype.kind != "c":
        raise AutogradError(
            message(
                f"a complex gradient ({readable(given)}) was given for a real tensor "
                f"({readable(x)})",
                expected="a real gradient",
                instead="its real part, and a second pass with its imaginary part",
                operation=operation,
            )
        )
    if not is_inexact(given.dtype) or given.dtype != x.dtype:
        given = given.astype(x.dtype)
    return inward(given)


def walk(
    outputs: Sequence[tuple[EagerTensor, Any]],
    among: Sequence[Node] | None,
    retain_graph: bool,
    create_graph: bool,
) -> tuple[dict[Node, Any], list[Node]]:
    """The cotangents of leaves (of the nodes in `among`, if that is given), and the nodes of the
    graph."""
    order = ancestors([x.node for x, _ in outputs])
    wanted: dict[Node, Any] = {}
    reached = set(order)
    if among is not None:
        reached = set(among)
        for node in order:
            if node not in reached and any(type(x) is Node and x in reached for x in node.inputs):
                reached.add(node)
        order = [node for node in order if node in reached]
        wanted = {n: None for n in among if n.primitive is not VARIABLE}
    for node in order:
        if saved_of(node).is_freed:
            raise freed(node)
    sums = Sums(reached)
    sums.known = taken = Taken(sums, wanted)
    for x, cotangent in outputs:
        assert x.node is not None
        if sums.wants(x.node) and cotangent is not None:
            sums.add(x.node, cotangent)
    leaves = {node for node in order if node.primitive is VARIABLE}
    with entered(enabled=create_graph, summing=False), np.errstate(all="ignore"):
        pullback(order, sums, Reader(create_graph), leaves)
        for node in [x for x in order if x in leaves and x in taken]:
            found = taken.pop(node)
            if found is not None:
                wanted[node] = found
    sums.known = {}  # which refers to the sums
    if not retain_graph:
        for node in taken.walked:
            if node.primitive is not VARIABLE and not is_mean(node):
                saved_of(node).free()
    return wanted, order


def is_mean(node: Node) -> bool:
    """Whether a node is the division of a `mean`, which keeps nothing but a number of elements: a
    second pass may go through it, as in PyTorch."""
    total = node.inputs[0] if node.inputs else None
    return (
        node.primitive.name == "div"
        and type(total) is Node
        and total.primitive.name == "sum"
        and (total.code, total.offset) == (node.code, node.offset)
    )


def backward(
    tensors: Any,
    gradients: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """The gradients of tensors, added up in `.grad` of the leaves that they were made of.

    As `EagerTensor.backward`, for several tensors at once: `gradients` is then a sequence, None for
    a tensor of one element.

    Raises:
        AutogradError: (a `RuntimeError`) as `EagerTensor.backward`.
    """
    depth = depth_of(tensors)
    if depth > mode.depth:
        with entered(depth=depth):
            backward(tensors, gradients, retain_graph, create_graph, inputs)
        return
    given = tensors if isinstance(tensors, (tuple, list)) else [tensors]
    heads = gradients if isinstance(gradients, (tuple, list)) else [gradients] * len(given)
    if len(heads) != len(given):
        raise AutogradError(
            message(
                f"backward got {len(given)} tensors and {len(heads)} gradients",
                expected="a gradient (or None) for each tensor",
                operation="backward",
            )
        )
    among = None
    if inputs is not None:
        chosen = inputs if isinstance(inputs, (tuple, list)) else [inputs]
        if not chosen:
            raise AutogradError(message("backward got an empty `inputs`", operation="backward"))
        among = [node_of(x, "backward") for x in chosen]
    outputs = []
    for x, gradient in zip(given, heads, strict=True):
        if not isinstance(x, EagerTensor) or x.node is None:
            raise no_history("backward", x)
        outputs.append((x, seed(x, gradient, "backward")))
    retain = create_graph if retain_graph is None else retain_graph
    found, _ = walk(outputs, among, retain, create_graph)
    written: set[int] = set()  # leaves that have two nodes: they were frozen meanwhile
    for node, cotangent in found.items():
        leaf = saved_of(node).leaf
        owner: EagerTensor | None = None if leaf is None else leaf()
        if owner is None and inputs is not None:
            owner = next((x for x in chosen if x.node is node), None)
        if owner is not None and cotangent is not None and owner.requires_grad:
            with entered(enabled=create_graph):
                accumulate(owner, outward(cotangent, node), create_graph, id(owner) in written)
            written.add(id(owner))


def accumulate(
    owner: EagerTensor, gradient: EagerTensor, is_recorded: bool, is_written: bool
) -> None:
    """Add a gradient to what is there, or write it, as the tensor asks; add to what this pass has
    written."""
    before = owner.gradient
    if owner.request == "null":
        return
    if isinstance(gradient.held(), Traced) and not owner.is_inside():
        raise AutogradError(
            message(
                f"a backward pass inside a transform reached {readable(owner)}, which was made "
                "outside of it and would keep a value of the transform as its gradient",
                expected="leaves that the function under the transform makes itself",
                instead="`ad.tensor(x, requires_grad=True)` inside the function, or "
                "`ad.autograd.grad`, which leaves `.grad` alone",
                operation="backward",
            )
        )
    if before is None:
        owner.gradient = inside(EagerTensor(kept(gradient), gradient.node))
    elif owner.request == "write" and not is_written:
        put(before, kept(gradient), gradient.node)
    elif is_recorded:
        owner.gradient = op.add(before, gradient)
    else:
        put(before, before.held() + gradient.held(), before.node)  # as in PyTorch


def put(before: EagerTensor, value: Any, node: Node | None) -> None:
    """Write a gradient's new value to it."""
    if before.alias is not None and before.alias.base is not None:
        with entered(enabled=False):
            write(before, EagerTensor(value))
        return
    before.hold(value)
    before.node = node
    before.versions.raised()
    refresh(before)


def kept(gradient: EagerTensor) -> Any:
    """A gradient's array, which nobody else holds."""
    value = gradient.held()
    return value.copy() if isinstance(value, np.ndarray) and value.base is not None else value


def node_of(x: Any, operation: str) -> Node:
    """The node of a tensor whose gradient is asked for."""
    if not isinstance(x, EagerTensor) or x.node is None:
        raise no_history(operation, x)
    return x.node


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
    """The gradients of the sum of `outputs` with respect to `inputs`; `.grad` is left alone.

    Args:
        outputs: a tensor or several.
        inputs: a tensor or several, with history or leaves.
        grad_outputs: what each output's Jacobian is multiplied by (None: 1, of one element).
        retain_graph: keep what the pass reads, for another one (default: `create_graph`).
        create_graph: record the pass, for derivatives of the gradients.
        allow_unused: give None for an input that no output depends on, instead of an error.
        is_grads_batched: the `grad_outputs` have one more axis in front, and so do the results:
            a pass for each row.
        materialize_grads: zeros instead of None.

    Returns:
        A gradient for each input, of its shape and dtype.

    Raises:
        AutogradError: (a `RuntimeError`) an input is not used, or requires no gradient; several
            elements and no `grad_outputs`; a graph that was freed; a value that was overwritten.

    >>> import adjoint as ad
    >>> x, y = ad.tensor(3.0, requires_grad=True), ad.tensor(4.0, requires_grad=True)
    >>> dx, dy = ad.autograd.grad(x * x * y + y, (x, y), create_graph=True)
    >>> ad.autograd.grad(dx, (x, y))
    (tensor(8.), tensor(6.))
    """
    depth = depth_of(outputs)
    if depth > mode.depth:
        with entered(depth=depth):
            return grad(
                outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused,
                is_grads_batched, materialize_grads,
            )  # fmt: skip
    single_outputs = outputs if isinstance(outputs, (tuple, list)) else [outputs]
    chosen = inputs if isinstance(inputs, (tuple, list)) else [inputs]
    heads = grad_outputs if isinstance(grad_outputs, (tuple, list)) else [grad_outputs]
    if grad_outputs is None:
        heads = [None] * len(single_outputs)
    if len(heads) != len(single_outputs):
        raise AutogradError(
            message(
                f"grad got {len(single_outputs)} outputs and {len(heads)} grad_outputs",
                expected="one for each output",
                operation="grad",
            )
        )
    retain = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        rows = batched(
            single_outputs, chosen, heads, retain, create_graph, allow_unused or materialize_grads
        )
        return tuple(
            [
                EagerTensor(np.zeros((len(heads[0]), *x.shape), x.dtype))
                if row is None and materialize_grads
                else row
                for x, row in zip(chosen, rows, strict=True)
            ]
        )
    for x in single_outputs:
        node_of(x, "grad")
    nodes = [node_of(x, "grad") for x in chosen]
    seeds = [(x, seed(x, g, "grad")) for x, g in zip(single_outputs, heads, strict=True)]
    found, order = walk(seeds, nodes, retain, create_graph)
    results: list[EagerTensor | None] = []
    for k, (x, node) in enumerate(zip(chosen, nodes, strict=True)):
        cotangent = found.get(node)
        if cotangent is None and node not in order and not (allow_unused or materialize_grads):
            raise unused(k, x)
        if cotangent is None:
            zeros = inside(EagerTensor(np.zeros(x.shape, x.dtype)))
            results.append(zeros if materialize_grads or node in order else None)
            continue
        with entered(enabled=create_graph):
            results.append(outward(cotangent, node))
    return tuple(results)


def batched(
    outputs: Sequence[EagerTensor], inputs: Sequence[EagerTensor], heads: Sequence[Any],
    retain: bool, create_graph: bool, allow_unused: bool | None,
) -> tuple[EagerTensor | None, ...]:  # fmt: skip
    """A pass for each row of the given gradients, stacked."""
    rows = [x if isinstance(x, EagerTensor) else tensor(x) for x in heads]
    counts = {len(x) for x in rows}
    if len(counts) != 1:
        raise AutogradError(
            message(
                f"batched grad_outputs have {sorted(counts)} rows",
                expected="the same number of rows in all of them",
                operation="grad",
            )
        )
    (count,) = counts
    if count == 0:
        return tuple([EagerTensor(np.zeros((0, *x.shape), x.dtype)) for x in inputs])
    passes = [
        grad(outputs, inputs, [x[k] for x in rows], retain or k < count - 1, create_graph,
             allow_unused)
        for k in range(count)
    ]  # fmt: skip
    with entered(enabled=create_graph):
        return tuple(
            [
                None if any(x is None for x in each) else op.stack(*each, axis=0)
                for each in zip(*passes, strict=True)
            ]
        )


def unused(place: int, x: EagerTensor) -> AutogradError:
    """The error for an input that no output depends on."""
    return AutogradError(
        message(
            f"input {place} of `grad` ({readable(x)}) was not used to make the outputs",
            expected="inputs that the outputs depend on",
            instead="`allow_unused=True`, which gives None for it",
            operation="grad",
        )
    )


functions["backward"] = backward

__all__ = ["backward", "grad"]
