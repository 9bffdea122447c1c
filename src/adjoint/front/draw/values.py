"""The values of every node of a closed graph, with their tangents or adjoints.

Enters: a closed graph and values of its inputs.  Leaves: dictionaries by node.  The rules are those
of the transforms; the walks go node by node, so that what they leave behind can be looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...base.dtypes import is_inexact, python_kind, readable, type_of
from ...base.errors import DifferentiationError, ShapeError, message
from ...graph.function import Function
from ...graph.node import NEVER, Node
from ...transform.linearize import all_values, environment_values, pushforward, zeros_like_type
from ...transform.transpose import Cotangents, plain, pullback


def evaluated(function: Function, inputs: Sequence[Any]) -> dict[Node, Any]:
    """The value of every node."""
    with np.errstate(all="ignore"):
        return all_values(function, inputs)


def moves(node: Node) -> bool:
    """Whether a node may have a derivative: it depends on an input, and is no integer."""
    return node.root != NEVER and type(node.dtype) is not tuple and is_inexact(node.dtype)


def tangents_of(
    function: Function, known: dict[Node, Any], seeds: Sequence[Any]
) -> dict[Node, Any]:
    """The tangent of every node that can move, from those of the inputs (None: zero)."""
    tangents = {
        node: seed
        for node, seed in zip(function.inputs, seeds, strict=True)
        if seed is not None and moves(node)
    }
    with np.errstate(all="ignore"):
        pushforward(function.order, tangents, environment_values(known))
    return completed(function, tangents)


def adjoints_of(function: Function, known: dict[Node, Any]) -> dict[Node, Any]:
    """The adjoint of every node that can move: the derivative of the result by its value.

    Raises `DifferentiationError` where the result is not one real number.
    """
    (result, *others) = function.outputs or (None,)
    if result is None or others or result.shape != () or result.dtype.kind != "f":
        came = ", ".join(readable(x) for x in function.outputs) or "nothing"
        raise DifferentiationError(
            message(
                f"ad.draw with mode='reverse' got a function whose result is {came}",
                expected="one real number: an adjoint is its derivative by a value",
                instead="`lambda x: np.sum(f(x))`, or `f(x)[0]` for one of several results; "
                "`mode='forward'` has no such condition",
                operation="draw",
            )
        )
    adjoints: dict[Node, Any] = {}
    sums = Cotangents()
    if sums.wants(result):
        sums.add(result, 1.0 if result.weak else result.dtype.type(1))
    look = environment_values(known)
    with np.errstate(all="ignore"):
        for node in reversed(function.order):
            if node in sums.known:
                adjoints[node] = plain(sums.known[node])
                if node.primitive.name not in ("input", "constant"):
                    pullback([node], sums, look, set())
    return completed(function, adjoints)


def completed(function: Function, derivatives: dict[Node, Any]) -> dict[Node, Any]:
    """Zeros for the nodes that can move and have no derivative here."""
    return derivatives | {
        node: zeros_like_type(node)
        for node in function.order
        if node not in derivatives and moves(node)
    }


def fitted(function: Function, args: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """Values of a closed graph's inputs in their types."""
    if len(args) != len(function.inputs):
        raise TypeError(
            message(
                f"ad.draw got {len(args)} values for {function.name}, which has "
                f"{len(function.inputs)} inputs",
                expected=f"a value for each of {', '.join(names) or 'none'}",
                operation="draw",
            )
        )
    found = []
    for node, value, name in zip(function.inputs, args, names, strict=True):
        t = type_of(node)
        array = np.asarray(value)
        if array.shape != t.shape:
            raise ShapeError(
                message(
                    f"ad.draw got the shape {array.shape} for the input {name} of {function.name}",
                    expected=f"the shape {tuple(t.shape)}",
                    operation="draw",
                )
            )
        if array.dtype.kind not in "biufc" or not np.can_cast(array.dtype, t.dtype, "same_kind"):
            raise TypeError(
                message(
                    f"ad.draw got {array.dtype} for the input {name} of {function.name}",
                    expected=f"{t.dtype}",
                    operation="draw",
                )
            )
        found.append(python_kind(t.dtype)(array[()]) if t.weak else array.astype(t.dtype)[()])
    return found
