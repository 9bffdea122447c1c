"""Sums that are only added to each other become one sum.

Enters: output expressions.  Leaves: the same outputs, where sum(a) + sum(b) over the same axes is
sum(a + b) if nothing else reads the two sums and both can run in the same loop: one accumulator in
place of two.  In a gradient every way on which a parameter is reached adds a sum of its own.

Two sums over axes of the same extents run in the same loop where as many sums over such axes, one
after the other, lead to the one as to the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from .expression import Expression, Expressions
from .statements import ordered


def merged(graph: Expressions, outputs: Sequence[Expression]) -> list[Expression]:
    """The outputs with sums merged."""
    nodes = ordered(outputs)
    sums = [x for x in nodes if is_sum(x)]
    if len(sums) < 2:
        return list(outputs)
    users: dict[Expression, int] = dict.fromkeys(outputs, 2)
    for x in nodes:
        for a in x.inputs:
            users[a] = users.get(a, 0) + 1
    phases = Phases()
    image: dict[Expression, Expression] = {}
    single = {x for x in nodes if users.get(x) == 1}
    for x in nodes:
        inputs = [image[a] for a in x.inputs]
        found = x
        if any(a is not b for a, b in zip(inputs, x.inputs, strict=True)):
            found = stand_in(graph, x, graph.make(x.op, inputs, x.attribute, x.shape, x.dtype))
        if x.op == "map" and x.attribute[0] in ("add", "sub"):
            if all(a in single for a in x.inputs) and are_alike(inputs, phases):
                name, (a, b) = x.attribute[0], inputs
                terms = graph.map(name, [a.inputs[0], b.inputs[0]], x.dtype)
                stand_in(graph, x, terms)
                whole = graph.make("reduce", [terms], a.attribute, a.shape, a.dtype)
                found = stand_in(graph, x, whole)
        if found is not x and x in graph.barriers:
            graph.barriers.add(found)
        image[x] = found
    return [image[x] for x in outputs]


def stand_in(graph: Expressions, x: Expression, made: Expression) -> Expression:
    """What was made in the place of x, which tells whose line it is."""
    if made.number > x.number:
        graph.stands_for[made] = x
    return made


def is_sum(x: Expression) -> bool:
    """Whether it is a sum of floats."""
    return x.op == "reduce" and x.attribute[0] == "sum" and x.dtype.kind == "f"


def are_alike(pair: Sequence[Expression], phases: Phases) -> bool:
    """Whether two sums are over the same axes, and can run in the same loop."""
    a, b = pair
    if a is b or not (is_sum(a) and is_sum(b)) or a.attribute != b.attribute:
        return False
    if a.inputs[0].shape != b.inputs[0].shape:
        return False
    extents = frozenset(a.inputs[0].shape[k] for k in a.attribute[1])
    return phases.of(a.inputs[0], extents) == phases.of(b.inputs[0], extents)


class Phases:
    """How many reductions over axes of some extents, one after the other, lead to an expression."""

    def __init__(self) -> None:
        self.known: dict[frozenset[int], dict[Expression, int]] = {}

    def of(self, x: Expression, extents: frozenset[int]) -> int:
        """That number."""
        known = self.known.setdefault(extents, {})
        waiting = [x]
        while waiting:
            y = waiting[-1]
            missing = [a for a in y.inputs if a not in known]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            most = max([known[a] for a in y.inputs], default=0)
            if y.op == "reduce":
                reduced = {y.inputs[0].shape[k] for k in y.attribute[1]}
                most += bool(reduced & extents)
            known[y] = most
        return known[x]
