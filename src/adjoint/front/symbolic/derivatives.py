"""Derivatives of closed graphs, as values of any kind.

Enters: a closed graph of one output, and values for its inputs (expressions).  Leaves: derivatives
in the same kind, by the walks of `transform/` and the rules that numbers take.  None stands for a
derivative that is zero everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...graph import op
from ...graph.function import Function
from ...graph.node import Node
from ...transform.batch import walk_batched
from ...transform.linearize import all_values, environment_values, linearize, pushforward
from ...transform.transpose import Cotangents, plain, pullback


def unit(node: Node) -> Any:
    """The number 1 in the dtype of a number."""
    return 1.0 if node.weak else node.dtype.type(1)


def by_number(function: Function, values: Sequence[Any], place: int) -> Any:
    """The derivative of the output by an input that is a number, by forward mode."""
    source = function.inputs[place]
    tangents: dict[Node, Any] = {source: unit(source)}
    with np.errstate(all="ignore"):
        look = environment_values(all_values(function, values))
        pushforward(function.order, tangents, look)
    return tangents.get(function.outputs[0])


def gradient(function: Function, values: Sequence[Any]) -> list[Any]:
    """The derivatives of the output, a number, by every input, by one walk of reverse mode."""
    output = function.outputs[0]
    sums = Cotangents()
    if output.dtype.kind in "fc":
        sums.add(output, unit(output))
        with np.errstate(all="ignore"):
            look = environment_values(all_values(function, values))
            pullback(function.order, sums, look, set(function.inputs))
    return [plain(sums.known.get(n)) for n in function.inputs]


def jacobian(function: Function, values: Sequence[Any], place: int) -> Any:
    """The derivative of the output by an input, both arrays, of the output's shape and then the
    input's: the tangents along all unit directions, as one batch."""
    source, target = function.inputs[place], type_of(function.outputs[0])
    size = prod(source.shape)
    is_chosen = [k == place for k in range(len(values))]
    directions = np.eye(size, dtype=source.dtype).reshape(size, *source.shape)
    with np.errstate(all="ignore"):
        outputs, batched = walk_batched(
            linearize(function, is_chosen),
            size,
            [*values, directions],
            [*[False for _ in values], True],
        )
        if not batched[1]:  # the same along all directions, so it is zero
            return None
        last = (*range(1, target.ndim + 1), 0)
        turned = op.transpose(outputs[1], axes=last)
        return op.reshape(turned, shape=target.shape + source.shape)
