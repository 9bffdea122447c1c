"""What differentiation leaves behind, removed: zeros, ones, double signs, needless conversions.

Enters: a closed graph.  Leaves: one of the same value wherever that is finite, in the user's own
order and grouping.  The rules are those of `optimize/simplify` that keep every bit, and a few for
zeros, which do not (0*x is 0 even where x is infinite): numeric code never goes through these.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...graph import op
from ...graph.function import Function
from ...graph.node import Node, constant
from ...graph.rewrite import Rules, constant_value, rewrite
from ...optimize import simplify

RULES = Rules()
ROUNDS = 4  # how often the rules are applied until nothing changes


@RULES.rule("variable", "named", "python_scalar", "convert")
def drop_identity(node: Node, inputs: tuple) -> Any:
    """What gives the same value of the same dtype; `stop_gradient` stays."""
    (x,) = inputs
    return x if fits(x, node) else None


def fits(x: Any, node: Node) -> bool:
    """Whether a value may stand in a node's place."""
    t = type_of(x)
    return t.shape == node.shape and t.dtype == node.dtype


def number(x: Any) -> Any:
    """The number that a constant is everywhere; None for anything else."""
    value = constant_value(x)
    if isinstance(value, Node):
        if value.primitive.name == "broadcast_to":
            return number(value.inputs[0])
        return None
    if isinstance(value, np.ndarray):
        if not value.size or value.dtype.kind not in "fi":
            return None
        first = value.reshape(-1)[0]
        return first.item() if bool((value == first).all()) else None
    if isinstance(value, complex):
        return value.real if value.imag == 0 else None
    return value if type(value) in (int, float) else None


def filled(value: float, node: Node) -> Any:
    """A number as a constant of a node's type."""
    if not node.shape:
        kind = {np.dtype(float): float, np.dtype(complex): complex}.get(node.dtype)
        return node.dtype.type(value) if kind is None else kind(value)
    return op.broadcast_to(constant(node.dtype.type(value)), shape=node.shape)


@RULES.rule("add")
def drop_added_zero(node: Node, inputs: tuple) -> Any:
    """x + 0 and 0 + x."""
    a, b = inputs
    if number(b) == 0 and fits(a, node):
        return a
    return b if number(a) == 0 and fits(b, node) else None


@RULES.rule("sub")
def drop_subtracted_zero(node: Node, inputs: tuple) -> Any:
    """x - 0, and 0 - x."""
    a, b = inputs
    if number(b) == 0 and fits(a, node):
        return a
    return op.neg(b) if number(a) == 0 and fits(b, node) else None


@RULES.rule("mul")
def multiply_by_number(node: Node, inputs: tuple) -> Any:
    """x*0, x*1, x*-1."""
    if node.dtype.kind not in "fc":
        return None
    for x, factor in ((inputs[0], number(inputs[1])), (inputs[1], number(inputs[0]))):
        if factor == 0:
            return filled(0.0, node)
        if factor == 1 and fits(x, node):
            return x
        if factor == -1 and fits(x, node):
            return op.neg(x)
    return None


@RULES.rule("div")
def divide_by_one(node: Node, inputs: tuple) -> Any:
    """0/x, x/1, x/-1."""
    a, b = inputs
    if node.dtype.kind != "f":
        return None
    if number(a) == 0 and number(b) != 0:
        return filled(0.0, node)
    if number(b) == 1 and fits(a, node):
        return a
    return op.neg(a) if number(b) == -1 and fits(a, node) else None


@RULES.rule("pow")
def raise_to_one(node: Node, inputs: tuple) -> Any:
    """x**1, x**0."""
    a, b = inputs
    if number(b) == 1 and fits(a, node):
        return a
    return filled(1.0, node) if number(b) == 0 and node.dtype.kind == "f" else None


@RULES.rule("matmul")
def multiply_by_unit_matrix(node: Node, inputs: tuple) -> Any:
    """I @ x, x @ I."""
    for x, other in (inputs, inputs[::-1]):
        value = constant_value(x)
        is_square = isinstance(value, np.ndarray) and value.ndim == 2
        if is_square and fits(other, node) and np.array_equal(value, np.eye(*value.shape)):
            return other
    return None


@RULES.rule("select")
def known_choice(node: Node, inputs: tuple) -> Any:
    """A choice whose mask is known, or that does not matter."""
    mask, a, b = inputs
    known = constant_value(mask)
    if isinstance(known, (bool, np.bool_)):
        chosen = a if known else b
        return chosen if fits(chosen, node) else None
    return a if a is b and fits(a, node) else None


@RULES.rule("sum")
def sum_of_zeros(node: Node, inputs: tuple) -> Any:
    """A sum of zeros."""
    return filled(0.0, node) if node.dtype.kind == "f" and number(inputs[0]) == 0 else None


@RULES.rule("broadcast_to", "reshape")
def keep_shape(node: Node, inputs: tuple) -> Any:
    """A layout that gives the same shape."""
    (x,) = inputs
    return x if fits(x, node) else None


KEPT = ("drop_identity", "drop_factor_one")  # of `optimize/simplify`, these are replaced above
for name, rules in simplify.RULES.by_name.items():
    for rule in rules:
        if rule.__name__ not in KEPT:
            RULES.rule(name)(rule)


def tidy(function: Function) -> Function:
    """Apply the rules until nothing changes."""
    for _ in range(ROUNDS):
        better = rewrite(function, RULES)
        if better is function:
            break
        function = better
    return function
