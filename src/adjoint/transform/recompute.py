"""Checkpointed calls: reverse mode keeps what they began with and computes the rest again.

Enters: a `checkpoint` operation with the tangents, cotangents or batch flags of its inputs.
Leaves: the same for its outputs or inputs.

What is computed again has to be computed then: its inputs pass through `recompute`, which waits
for the cotangent, and which no simplification takes for what the forward pass has computed.

Source: Chen, Xu, Zhang and Guestrin, *Training deep nets with sublinear memory cost* (2016);
Griewank and Walther, *Evaluating Derivatives* (2008), chapter 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..graph import op
from ..graph.function import Function, close
from ..graph.node import Node
from ..graph.op import Traced
from .batch import BATCHED
from .linearize import STRUCTURAL as PUSHED
from .linearize import Look, all_values, environment_values, followed, push_call
from .loops import lifted, rows_of
from .transpose import STRUCTURAL as PULLED
from .transpose import Cotangents, plain, pull_body


def pull_checkpoint(node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    inputs, outputs = look(node)
    function: Function = node.parameters["function"]
    results = node.parameters["results"]
    order, follow = followed(function, look)
    after = next((plain(c) for c in cotangent if isinstance(plain(c), Traced)), 0.0)
    again = [op.recompute(x, after) if isinstance(x, Traced) else x for x in inputs]
    kept = dict(zip(function.outputs[results:], outputs[results:], strict=True))
    known = all_values(function, again, order, kept)
    pull_body(node, function, order, environment_values(known, follow), cotangent, sums)


def batch_checkpoint(
    size: int, inputs: Sequence[Any], batched: Sequence[bool], p: dict[str, Any]
) -> tuple:
    function = p["function"]
    starts, outputs, on = rows_of(function, size, batched)
    made = close(starts, lifted(outputs, size, [True] * len(on), on), function.name)[0]
    return op.checkpoint(*inputs, function=made, results=p["results"])


def push_same(node: Node, tangents: list[Any], look: Look) -> Any:
    return tangents[0]


def pull_same(node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    if sums.wants(node.inputs[0]):
        sums.add(node.inputs[0], cotangent)


def batch_recompute(
    size: int, inputs: Sequence[Any], batched: Sequence[bool], p: dict[str, Any]
) -> Any:
    found = op.recompute(*inputs)
    return found if batched[0] else lifted([found], size, [True], [False])[0]


def batch_named(
    size: int, inputs: Sequence[Any], batched: Sequence[bool], p: dict[str, Any]
) -> Any:
    return op.named(*inputs, **p)


PUSHED.update(checkpoint=push_call, recompute=push_same, named=push_same)
PULLED.update(checkpoint=pull_checkpoint, recompute=pull_same, named=pull_same)
BATCHED.update(checkpoint=batch_checkpoint, recompute=batch_recompute, named=batch_named)
