"""Reverse mode: pull cotangents back along a graph, youngest node first.

Enters: nodes in order, the cotangents of some of them, and the values that the rules read.  Leaves:
the cotangents of the inputs.  The idea: reverse mode is the transpose of the linear part; for a
node with partial derivatives that is `cotangent * partial`, for a linear one its transpose, and for
a jvp rule the transpose of the small linear graph that the rule builds.

Cotangents that come through a `select` carry its mask (`Masked`), so that `0 * inf` never arises
behind a `where`. Complex cotangents are bilinear (no conjugate): the gradient of a real function of
z is df/dx - i df/dy.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 3; Frostig, Johnson,
Maclaurin, Paszke and Radul, *Decomposing reverse-mode automatic differentiation* (2021).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.dtypes import WEAK, Type, is_inexact, type_of
from ..graph import op
from ..graph.function import Function, bits, close
from ..graph.node import NEVER, Node, input_node
from ..graph.primitive import (
    ByDomain,
    Jvp,
    Linear,
    Multilinear,
    Partials,
    Structural,
    Undefined,
    Zero,
)
from .linearize import (
    Look,
    all_values,
    convert,
    environment_values,
    followed,
    is_complex,
    linear_part,
    undefined,
    zeros_like_type,
)


class Masked:
    """A cotangent that is exactly zero where its mask is False."""

    __slots__ = ("mask", "value")

    def __init__(self, value: Any, mask: Any) -> None:
        self.value = value
        self.mask = mask


def plain(cotangent: Any) -> Any:
    """A cotangent without its mask."""
    return cotangent.value if type(cotangent) is Masked else cotangent


class Cotangents:
    """The cotangents known so far, and what a walk may add to.

    `limit` is the serial number of the youngest variable: a node whose root is younger does not
    depend on any of them, and no cotangent flows there.  Sums in `owned` nodes are arrays of our
    own, added to in place.
    """

    __slots__ = ("known", "limit", "owned")

    def __init__(self, limit: int = NEVER - 1) -> None:
        self.known: dict[Node, Any] = {}
        self.owned: set[Node] = set()
        self.limit = limit

    def wants(self, x: Any) -> bool:
        """Whether a cotangent may flow into an input."""
        if type(x) is not Node or x.root > self.limit:
            return False
        dtype = x.dtype
        return type(dtype) is tuple or dtype.kind in "fc"

    def add(self, node: Node, cotangent: Any) -> None:
        """Add a contribution to a node's cotangent."""
        known = self.known
        old = known.get(node)
        if old is None:
            known[node] = cotangent
        elif type(old) is np.ndarray and type(cotangent) is np.ndarray and node in self.owned:
            np.add(old, cotangent, out=old)
        elif type(old) is Masked and type(cotangent) is Masked:
            known[node] = Masked(
                old.value + cotangent.value, op.logical_or(old.mask, cotangent.mask)
            )
        else:
            total = plain(old) + plain(cotangent)
            known[node] = total
            if type(total) is np.ndarray:
                self.owned.add(node)


class CotangentsAmong(Cotangents):
    """Those of a set of nodes; no cotangent flows to any other."""

    __slots__ = ("among",)

    def __init__(self, among: set[Node]) -> None:
        super().__init__()
        self.among = among

    def wants(self, x: Any) -> bool:
        return super().wants(x) and x in self.among


class Within(Cotangents):
    """The cotangents of a linear graph: they flow only into nodes that depend on its linear
    inputs."""

    __slots__ = ("dependent",)

    def __init__(self, dependent: set[Node]) -> None:
        super().__init__()
        self.dependent = dependent

    def wants(self, x: Any) -> bool:
        return x in self.dependent and super().wants(x)


def pullback(
    order: Sequence[Node], sums: Cotangents, look: Look, keep: set[Node], since: int = NEVER
) -> None:
    """Walk from the youngest node to the oldest, turning each node's cotangent into those of its
    inputs.

    Afterwards `sums` holds the cotangents of the nodes in `keep` and of the inputs outside `order`.
    The value of a node that depends on nothing older than serial `since` is dropped as soon as
    nobody will read it.
    """
    take = sums.known.pop
    for node in reversed(order):
        if node in keep:
            continue
        cotangent = take(node, None)
        if cotangent is None:
            continue
        form = node.primitive.derivative
        if type(form) is Partials:
            pull_partials(form, node, look, cotangent, sums)
        else:
            if type(form) is ByDomain:
                form = node.primitive.form(is_complex(node))
            PULL[type(form)](form, node, look, cotangent, sums)
        if node.root >= since:
            node.value = None


def pull_partials(form: Partials, node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    inputs, output = look(node)
    mask = None
    if type(cotangent) is Masked:
        mask, cotangent = cotangent.mask, cotangent.value
    for x, partial in zip(node.inputs, form.partials, strict=True):
        if partial is None or not sums.wants(x):
            continue
        if type(partial) is int:
            c = cotangent if partial == 1 else -cotangent
        else:
            c = cotangent * partial(*inputs, output)
        contribute(c, mask, x, sums)


def contribute(c: Any, mask: Any, x: Node, sums: Cotangents) -> None:
    """Bring an elementwise contribution to the input's shape, behind its mask, and accumulate
    it."""
    if mask is None:
        sums.add(x, unbroadcast(c, x))
        return
    c = op.select(mask, c, zero_of(c))
    shape = type_of(c).shape
    c = unbroadcast(c, x)
    if x.shape != shape:
        axes, _ = broadcast_axes(shape, x.shape)
        mask = op.reshape(op.any(op.broadcast_to(mask, shape=shape), axes=axes), shape=x.shape)
    sums.add(x, Masked(c, mask))


def zero_of(value: Any) -> Any:
    """A zero that leaves the dtype of a value alone."""
    return 0.0 if type_of(value).dtype.kind != "c" else 0j


def broadcast_axes(shape: tuple[int, ...], target: tuple[int, ...]) -> tuple[tuple[int, ...], bool]:
    """The axes along which `target` was broadcast to `shape`, and whether any of them is new."""
    extra = len(shape) - len(target)
    axes = tuple(range(extra)) + tuple(
        extra + k for k, extent in enumerate(target) if extent == 1 and shape[extra + k] != 1
    )
    return axes, extra > 0


def unbroadcast(c: Any, t: Any) -> Any:
    """The transpose of broadcasting (and of promotion): a cotangent summed and converted to the
    type `t`."""
    if type(c) is float:
        shape: tuple[int, ...] = ()
    else:
        shape = c.shape if hasattr(c, "shape") else ()
    if shape != t.shape:
        axes, _ = broadcast_axes(shape, t.shape)
        if axes:
            c = op.sum(c, axes=axes)
        if type_of(c).shape != t.shape:
            c = (
                op.broadcast_to(op.reshape(c, shape=()), shape=t.shape)
                if shape == ()
                else op.reshape(c, shape=t.shape)
            )
    if type(c) not in WEAK and not t.weak and c.dtype != t.dtype:
        c = convert(c, t.dtype)
    elif t.weak and t.dtype.kind != "c" and type_of(c).dtype.kind == "c":
        c = op.real(c)
    return c


def pull_linear(form: Linear, node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    inputs, _ = look(node)
    if node.primitive.name == "select":
        pull_select(node, inputs, cotangent, sums)
        return
    kind = node.primitive.kind
    value = plain(cotangent)
    if form.into is not None and add_into(form, node, inputs, cotangent, sums):
        return
    contributions = transposed(form, node, inputs, value, sums)
    masks: Sequence = (None,) * len(contributions)
    if type(cotangent) is Masked:
        if kind == "elementwise":
            masks = (cotangent.mask,) * len(contributions)
        elif kind in ("layout", "index"):
            mask, t = cotangent.mask, type_of(value)
            if type_of(mask).shape != t.shape:  # it may be broadcast against the value
                mask = op.broadcast_to(mask, shape=t.shape)
            ones = op.convert(mask, dtype=t.dtype)
            masks = [
                None if m is None else op.greater(m, 0)
                for m in transposed(form, node, inputs, ones, sums)
            ]
    for x, c, mask in zip(node.inputs, contributions, masks, strict=True):
        if c is None or not sums.wants(x):
            continue
        if kind == "elementwise":
            contribute(c, mask, x, sums)
        else:
            c = unbroadcast(c, x)
            sums.add(x, c if mask is None else Masked(c, mask))


def transposed(
    form: Linear, node: Node, inputs: Sequence, cotangent: Any, sums: Cotangents
) -> Sequence:
    """The cotangent of each input of a linear primitive (None where it is not linear)."""
    if node.primitive.kind != "elementwise":  # its rules ask for shapes, which floats have not
        inputs = [np.asarray(x)[()] if type(x) in WEAK else x for x in inputs]
    if form.variadic is not None:
        return form.variadic(cotangent, *inputs, **node.parameters)
    found: list[Any] = []
    for i, x in enumerate(node.inputs):
        t = form.transpose_of(i)
        found.append(
            None if t is None or not sums.wants(x) else t(cotangent, *inputs, **node.parameters)
        )
    return found


def add_into(form: Linear, node: Node, inputs: Sequence, cotangent: Any, sums: Cotangents) -> bool:
    """Add the cotangent of a part (a slice, a gather) into the whole's own array, in place; False
    where that cannot be."""
    x = node.inputs[0]
    if type(cotangent) is not np.ndarray and not isinstance(cotangent, np.generic):
        return False
    if any(isinstance(v, op.Traced) and type(v) is not Node for v in inputs) or not sums.wants(x):
        return False
    total = sums.known.get(x)
    if total is None:
        total = np.zeros(x.shape, x.dtype)
    elif type(total) is not np.ndarray:
        return False
    elif x not in sums.owned:
        total = total.copy()
    if total.dtype.kind != "c" and cotangent.dtype.kind == "c":
        cotangent = cotangent.real
    assert form.into is not None
    form.into(total, cotangent, *inputs, **node.parameters)
    sums.known[x] = total
    sums.owned.add(x)
    return True


def pull_select(node: Node, inputs: Sequence, cotangent: Any, sums: Cotangents) -> None:
    chosen = inputs[0]
    masks = (None, chosen, op.logical_not(chosen))
    value = plain(cotangent)
    for x, mask in zip(node.inputs, masks, strict=True):
        if mask is not None and sums.wants(x):
            if type(cotangent) is Masked:
                mask = op.logical_and(mask, cotangent.mask)
            contribute(value, mask, x, sums)


def pull_multilinear(
    form: Multilinear, node: Node, look: Look, cotangent: Any, sums: Cotangents
) -> None:
    inputs, _ = look(node)
    cotangent = plain(cotangent)
    for i, x in enumerate(node.inputs):
        if sums.wants(x):
            if form.variadic is not None:
                c = form.variadic(i, cotangent, *inputs, **node.parameters)
            else:
                c = form.transposes[i](cotangent, *inputs, **node.parameters)
            sums.add(x, unbroadcast(c, x))


def pull_jvp(form: Jvp, node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    inputs, output = look(node)
    types = [x if sums.wants(x) else None for x in node.inputs]
    if all(t is None for t in types):
        return
    if form.transposes and all(t is None or form.transpose_of(i) for i, t in enumerate(types)):
        for x, transpose_one in zip(node.inputs, form.transposes, strict=True):
            if transpose_one is not None and sums.wants(x):
                sums.add(
                    x, unbroadcast(transpose_one(plain(cotangent), *inputs, **node.parameters), x)
                )
        return
    given = cotangent if type(cotangent) is tuple else (plain(cotangent),)
    outputs = () if not form.reads_output else output if type(output) is tuple else (output,)
    cotangents = [c for c in given if c is not None]
    places = tuple(c is not None for c in given)
    flags = tuple(t is not None for t in types)
    key = (
        node.primitive.name,
        bits(node.parameters),
        tuple([type_of(x) for x in inputs]),
        tuple([type_of(x) for x in outputs]),
        tuple([type_of(c) for c in cotangents]),
        places,
        flags,
    )
    function = PULLBACKS.get(key)
    if function is None:
        if len(PULLBACKS) >= KEPT:
            PULLBACKS.pop(next(iter(PULLBACKS), None), None)  # another thread may be faster
        function = PULLBACKS[key] = rule_pullback(form, node.parameters, key[2:5], places, flags)
    found = iter(function.evaluate(*inputs, *outputs, *cotangents))
    for x, flag in zip(node.inputs, flags, strict=True):
        if flag:
            sums.add(x, unbroadcast(next(found), x))


PULLBACKS: dict[Any, Function] = {}  # the transposed rules met so far, by types and parameters
KEPT = 1024


def rule_pullback(
    form: Jvp,
    parameters: dict[str, Any],
    types: Sequence[Sequence[Type]],
    places: Sequence[bool],
    flags: Sequence[bool],
) -> Function:
    """The transpose of a jvp rule as a closed graph: takes the inputs, the outputs that the rule
    reads, and the cotangents that there are; gives those of the flagged inputs."""
    inputs, outputs, seeds = ([input_node(t) for t in row] for row in types)
    output: Any = tuple(outputs) if len(places) > 1 or not outputs else outputs[0]
    parts, results, order = linear_part(
        lambda t: form.rule(inputs, t, output, **parameters),
        [x if flag else None for x, flag in zip(inputs, flags, strict=True)],
    )
    dependent = {p for p in parts if p is not None}
    for n in order:
        if any(x in dependent for x in n.inputs):
            dependent.add(n)
    sums = Within(dependent)
    remaining = iter(seeds)
    for result, place in zip(results, places, strict=True):
        seed = next(remaining) if place else None
        if seed is not None and result is not None and sums.wants(result):
            sums.add(result, seed)
    pullback(order, sums, constants_only, {p for p in parts if p is not None})
    found = [plain(sums.known.get(p, zeros_like_type(p))) for p in parts if p is not None]
    closed, _ = close([*inputs, *outputs, *seeds], found, "pullback")
    return closed


def constants_only(node: Node) -> tuple[Sequence[Any], Any]:
    """How the transposition of a linear graph reads it: the constants' values; anything else is
    known by type only."""
    return [
        x.parameters["value"] if x.primitive.name == "constant" else x for x in node.inputs
    ], node


def pull_zero(form: Zero, node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    pass


def pull_undefined(
    form: Undefined, node: Node, look: Look, cotangent: Any, sums: Cotangents
) -> None:
    raise undefined(node, form)


def pull_structural(
    form: Structural, node: Node, look: Look, cotangent: Any, sums: Cotangents
) -> None:
    STRUCTURAL[node.primitive.name](node, look, cotangent, sums)


def pull_variable(node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    for x in node.inputs:
        if sums.wants(x):
            sums.add(x, cotangent)


def pull_item(node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    (source,) = node.inputs
    index = node.parameters["index"]
    parts = list(sums.known.get(source, (None,) * len(source.dtype)))
    value = plain(cotangent)
    parts[index] = value if parts[index] is None else parts[index] + value
    sums.known[source] = tuple(parts)


def pull_custom(node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    inputs, _ = look(node)
    wanted = [sums.wants(x) for x in node.inputs]
    rule = node.parameters["rule"]
    found = rule.pull(inputs, cotangent, wanted, node.dtype)
    for x, c in zip(node.inputs, found, strict=True):
        if c is not None and sums.wants(x):
            rule.require_shape(c, x, "cotangent")
            sums.add(x, unbroadcast(c, x))


def pull_call(node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    inputs, _ = look(node)
    function: Function = node.parameters["function"]
    order, follow = followed(function, look)
    known = all_values(function, inputs, order)
    pull_body(node, function, order, environment_values(known, follow), cotangent, sums)


def pull_body(
    node: Node, function: Function, order: Sequence[Node], look: Look, cotangent: Any,
    sums: Cotangents,
) -> None:  # fmt: skip
    """The pullback of a graph that a node calls, whose values are known."""
    inside = Cotangents()
    for result, c in zip(function.outputs, cotangent, strict=True):
        if c is not None and inside.wants(result):
            inside.add(result, c)
    pullback(order, inside, look, set(function.inputs))
    for x, part in zip(node.inputs, function.inputs, strict=True):
        if part in inside.known and sums.wants(x):
            sums.add(x, inside.known[part])


def pull_nothing(node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    pass


STRUCTURAL: dict[str, Callable] = {
    "variable": pull_variable,
    "item": pull_item,
    "call": pull_call,
    "custom": pull_custom,
    "constant": pull_nothing,
    "input": pull_nothing,
}

PULL: dict[type, Callable] = {
    Partials: pull_partials,
    Linear: pull_linear,
    Multilinear: pull_multilinear,
    Jvp: pull_jvp,
    Zero: pull_zero,
    Undefined: pull_undefined,
    Structural: pull_structural,
}


def transpose(function: Function, linear: Sequence[bool]) -> Function:
    """The transpose of a graph in its linear inputs: takes the other inputs, then cotangents of the
    outputs, and gives the cotangents of the linear inputs.

    Every node on the way from a linear input must be linear in what comes from it;
    `transform.linearize` gives such graphs.
    """
    residuals = [
        input_node(type_of(n))
        for n, is_linear in zip(function.inputs, linear, strict=True)
        if not is_linear
    ]
    values = iter(residuals)
    known: dict[Node, Any] = {}
    for n, is_linear in zip(function.inputs, linear, strict=True):
        known[n] = n if is_linear else next(values)
    dependent = {n for n, is_linear in zip(function.inputs, linear, strict=True) if is_linear}
    order = []
    for n in function.order:
        if n in known:
            continue
        if n.primitive.name == "constant":
            known[n] = n.parameters["value"]
        elif any(x in dependent for x in n.inputs):
            dependent.add(n)
            known[n] = n
            order.append(n)
        else:
            known[n] = op.apply(n.primitive, tuple([known[x] for x in n.inputs]), n.parameters)
    seeds = [input_node(type_of(n)) for n in function.outputs]
    sums = Within(dependent)
    for n, seed in zip(function.outputs, seeds, strict=True):
        if n in dependent and is_inexact(n.dtype):
            sums.add(n, seed)
    pullback(order, sums, environment_values(known), dependent - set(order))
    outputs = []
    for n, is_linear in zip(function.inputs, linear, strict=True):
        if is_linear:
            outputs.append(plain(sums.known.get(n, zeros_like_type(n))))
    closed, _ = close([*residuals, *seeds], outputs, f"{function.name}_transposed")
    return closed
