"""Forward mode: push tangents along a graph, in order of birth.

Enters: nodes in order, the tangents of some of them, and the values that the rules read.  Leaves:
the tangents of the rest.  The idea: one rule per derivative form turns the tangents of a node's
inputs into the tangent of its output; None stands for a zero, which is never materialised where it
can be left out.  The same walk serves recorded traces and closed graphs.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..base.dtypes import Type, is_inexact, type_of
from ..base.errors import DifferentiationError, message
from ..graph import op
from ..graph.function import Function, close
from ..graph.node import NEVER, Node, ancestors, constant, input_node
from ..graph.primitive import Jvp, Linear, Multilinear, Partials, Structural, Undefined, Zero

# (node) -> (inputs, output): the values that rules may read, types where a value is not kept
Look = Callable[[Node], tuple[Sequence[Any], Any]]
# (nodes) -> the same, their walk being seen: what a derivative records gets their places
Follow = Callable[[Sequence[Node]], Sequence[Node]]


def kept_values(
    since: int, handle: Callable[[Node, Any], Any], follow: Follow | None = None
) -> Look:
    """How a differentiation that began at serial `since` reads a recorded trace; `follow` sees the
    walks over the graphs that are called in it.

    A value that depends on an older variable is wrapped by `handle`, so that an outer derivative
    sees what is done with it; so is one that depends on none, but was recorded all the same (in a
    program: its value may be an example). Where a value was not kept (no rule reads it) its node
    stands for its type.
    """

    def read(x: Any) -> Any:
        if type(x) is not Node:
            return x
        value = x.value
        if value is None:
            return x
        if x.root >= since and (x.root != NEVER or x.primitive.name == "constant"):
            return value
        if type(value) is tuple:  # the outputs of an operation with several
            return tuple(
                handle(item(x, i), part)
                if follow is not None or type_of(part).dtype.kind in "fc"
                else part
                for i, part in enumerate(value)
            )
        return handle(x, value)

    def look(node: Node) -> tuple[Sequence[Any], Any]:
        return [read(x) for x in node.inputs], read(node)

    look.follow = follow  # type: ignore[attr-defined]
    return look


def environment_values(known: dict[Node, Any], follow: Follow | None = None) -> Look:
    """How a walk reads a closed graph whose values are known."""

    def look(node: Node) -> tuple[Sequence[Any], Any]:
        output = known[node]
        if isinstance(output, Node) and type(output.dtype) is tuple:
            output = tuple(item(output, i) for i in range(len(output.dtype)))
        return [known[x] for x in node.inputs], output

    look.follow = follow  # type: ignore[attr-defined]
    return look


def item(node: Node, i: int) -> Node:
    """One of the outputs of an operation with several, as a node."""
    t, primitive = node.dtype[i], op.registry["item"]
    return Node(primitive, (node,), {"index": i}, t.shape, t.dtype, False, node.position, node.root)


def pushforward(order: Sequence[Node], tangents: dict[Node, Any], look: Look) -> None:
    """Add to `tangents` the tangent of every node of `order` that depends on those given."""
    find = tangents.get
    for node in order:
        if node in tangents:
            continue
        inputs = [find(x) if type(x) is Node else None for x in node.inputs]
        for t in inputs:
            if t is not None:
                break
        else:
            continue
        dtype = node.dtype
        if type(dtype) is not tuple and dtype.kind not in "fc":
            continue  # an integer does not move
        tangent = push(node, inputs, look)
        if tangent is not None:
            tangents[node] = tangent


def push(node: Node, tangents: list[Any], look: Look) -> Any:
    """The tangent of a node's output, from those of its inputs (None: zero)."""
    primitive = node.primitive
    form = primitive.form(is_complex(node))
    if isinstance(form, Zero):
        return None
    if isinstance(form, Structural):
        return STRUCTURAL[primitive.name](node, tangents, look)
    if isinstance(form, Undefined):
        raise undefined(node, form)
    inputs, output = look(node)
    return PUSH[type(form)](form, node, inputs, output, tangents)


def push_partials(form: Partials, node: Node, inputs: Sequence, output: Any, tangents: list) -> Any:
    total = None
    for partial, tangent in zip(form.partials, tangents, strict=True):
        if tangent is None or partial is None:
            continue
        if callable(partial):
            term = tangent * partial(*inputs, output)
        else:
            term = tangent if partial == 1 else tangent * partial
        total = term if total is None else total + term
    return None if total is None else fit(total, node)


def push_linear(form: Linear, node: Node, inputs: Sequence, output: Any, tangents: list) -> Any:
    parts = list(inputs)
    for i, tangent in enumerate(tangents):
        if form.is_linear_in(i):
            parts[i] = zeros_like_type(node.inputs[i]) if tangent is None else tangent
    if all(t is None or not form.is_linear_in(i) for i, t in enumerate(tangents)):
        return None
    return fit(op.apply(node.primitive, tuple(parts), node.parameters), node)


def push_multilinear(
    form: Multilinear, node: Node, inputs: Sequence, output: Any, tangents: list
) -> Any:
    total = None
    for i, tangent in enumerate(tangents):
        if tangent is None:
            continue
        parts = list(inputs)
        parts[i] = tangent
        term = op.apply(node.primitive, tuple(parts), node.parameters)
        total = term if total is None else total + term
    return None if total is None else fit(total, node)


def push_jvp(form: Jvp, node: Node, inputs: Sequence, output: Any, tangents: list) -> Any:
    return form.rule(inputs, tangents, output, **node.parameters)


PUSH: dict[type, Callable] = {
    Partials: push_partials,
    Linear: push_linear,
    Multilinear: push_multilinear,
    Jvp: push_jvp,
}


def push_identity(node: Node, tangents: list, look: Look) -> Any:
    return tangents[0]


def push_item(node: Node, tangents: list, look: Look) -> Any:
    return tangents[0][node.parameters["index"]]


def push_custom(node: Node, tangents: list, look: Look) -> Any:
    inputs, _ = look(node)
    rule = node.parameters["rule"]
    found = []
    for tangent, t in zip(rule.push(inputs, tangents), node.dtype, strict=True):
        rule.require_shape(tangent, t, "tangent")
        found.append(fit(tangent, t))
    return tuple(found)


def push_call(node: Node, tangents: list, look: Look) -> Any:
    inputs, _ = look(node)
    function: Function = node.parameters["function"]
    order, follow = followed(function, look)
    known = all_values(function, inputs, order)
    inside = {x: t for x, t in zip(function.inputs, tangents, strict=True) if t is not None}
    pushforward(order, inside, environment_values(known, follow))
    return tuple(inside.get(x) for x in function.outputs)


STRUCTURAL: dict[str, Callable] = {
    "variable": push_identity,
    "item": push_item,
    "call": push_call,
    "custom": push_custom,
}


def followed(function: Function, look: Look) -> tuple[Sequence[Node], Follow | None]:
    """The nodes of a graph that is called, followed by whoever follows the caller's walk."""
    follow = getattr(look, "follow", None)
    return (function.order if follow is None else follow(function.order)), follow


def all_values(
    function: Function,
    inputs: Sequence[Any],
    order: Sequence[Node] | None = None,
    given: Mapping[Node, Any] | None = None,
) -> dict[Node, Any]:
    """The value of every node of a closed graph; `order` are its nodes, followed, and `given` are
    values of some that are known without computing them."""
    known: dict[Node, Any] = dict(zip(function.inputs, inputs, strict=True))
    known.update(given or {})
    for node in function.order if order is None else order:
        if node.primitive.name == "constant":
            known[node] = node.parameters["value"]
        elif node not in known:
            read = tuple([known[x] for x in node.inputs])
            known[node] = op.apply(node.primitive, read, node.parameters)
    return known


def is_complex(node: Node) -> bool:
    """Whether any input of a node is complex (the derivative form may depend on it)."""
    for x in node.inputs:
        dtype = getattr(x, "dtype", None)
        if dtype is not None and not isinstance(dtype, tuple) and dtype.kind == "c":
            return True
    return False


def fit(tangent: Any, t: Any) -> Any:
    """A tangent broadcast and converted to the type of its primal."""
    found = type_of(tangent)
    if found.shape != t.shape:
        tangent = op.broadcast_to(tangent, shape=t.shape)
    if found.dtype != t.dtype and not t.weak and is_inexact(t.dtype):
        tangent = convert(tangent, t.dtype)
    return tangent


def convert(value: Any, dtype: np.dtype) -> Any:
    """A value converted to a dtype, the imaginary part left out where the dtype is real."""
    found = type_of(value).dtype
    if found == dtype:
        return value
    if found.kind == "c" and dtype.kind != "c":
        value = op.real(value)
    return op.convert(value, dtype=dtype)


def zeros_like_type(t: Any) -> Any:
    """A zero of a type."""
    found = type_of(t)
    return 0.0 if found.weak else np.broadcast_to(np.zeros((), found.dtype), found.shape)


def undefined(node: Node, form: Undefined) -> DifferentiationError:
    return DifferentiationError(
        message(
            f"{node.primitive.name} has no derivative: {form.reason}",
            instead="`ad.stop_gradient(...)` around its arguments if the value is to count as a "
            "constant",
            operation=node.primitive.name,
            position=node.position,
        )
    )


def linearize(function: Function, differentiated: Sequence[bool]) -> Function:
    """The graph that takes the inputs, then the tangents of the differentiated ones, and gives
    outputs, then their tangents."""
    inputs = [input_node(type_of(n)) for n in function.inputs]
    known = all_values(function, inputs)
    tangents: dict[Node, Any] = {}
    extra = []
    for outer, inner, wanted in zip(function.inputs, inputs, differentiated, strict=True):
        if wanted:
            extra.append(input_node(Type(inner.shape, inner.dtype, inner.weak)))
            tangents[outer] = extra[-1]
    pushforward(function.order, tangents, environment_values(known))
    outputs = [known[n] for n in function.outputs]
    outputs += [tangents.get(n, zeros_like_type(n)) for n in function.outputs]
    closed, _ = close([*inputs, *extra], outputs, f"{function.name}_tangent")
    return closed


def linear_part(
    rule: Callable, types: Sequence[Any]
) -> tuple[list[Node | None], list[Any], list[Node]]:
    """A linear rule as a small graph over fresh inputs of these types (None: no input): inputs,
    outputs, nodes in order."""
    inputs = [None if t is None else input_node(type_of(t)) for t in types]
    outputs = rule(inputs)
    if not isinstance(outputs, (tuple, list)):
        outputs = [outputs]
    outputs = [x if x is None or isinstance(x, Node) else constant(x) for x in outputs]
    since = min(n.serial for n in inputs if n is not None)
    return inputs, list(outputs), ancestors([n for n in outputs if n is not None], since)
