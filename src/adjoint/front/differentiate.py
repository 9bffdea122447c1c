"""One differentiation: fresh variables, the user's function recorded, the walks of `transform/`
over the recording.

Enters: values to differentiate at.  Leaves: tangents or cotangents.  A `Differentiation` remembers
the serial number at which it began: nodes older than that belong to outer differentiations and
programs, and count as its constants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..base.dtypes import type_of
from ..base.errors import GraphError
from ..graph import op
from ..graph.node import NEVER, Node, ancestors, next_serial
from ..transform.linearize import kept_values, pushforward
from ..transform.transpose import Cotangents, CotangentsAmong, plain, pullback
from .context import context, protect, recording_level
from .operands import is_stand_in
from .trace import RecordingTensor, outlived, settled


class Differentiation:
    """Derivatives of what is done with this differentiation's variables."""

    __slots__ = ("level", "program", "since", "variables")

    def __init__(self, kept: bool = False) -> None:
        """With `kept` the recording is used after its function has ended (`vjp`, `linearize`)."""
        self.level = recording_level()
        self.since = next_serial()
        if kept:
            context.kept = self.since
        self.variables: list[RecordingTensor] = []
        self.program = context.program

    def variable(self, value: Any) -> RecordingTensor:
        """A new variable with this value; on the same level it stays linked to the value's own
        history."""
        primitive = op.registry["variable"]
        value = settled(value)
        t = type_of(value)
        program = context.program
        owner = program if program is not None and program.level == self.level else None
        if owner is not None:
            source = owner.node_of(value)
            node = Node(primitive, (source,), {}, t.shape, t.dtype, t.weak)
            node.root = min(source.root, node.serial)
            inner = (
                value.value
                if type(value) is RecordingTensor and value.level == self.level
                else value
            )
        elif type(value) is RecordingTensor and value.level == self.level:
            node = Node(primitive, (value.node,), {}, t.shape, t.dtype, t.weak)
            node.root, inner = value.node.root, value.value
        else:
            inner = protect(value)
            node = Node(primitive, (), {}, t.shape, t.dtype, t.weak)
            node.root = node.serial
        tensor = RecordingTensor(node, inner, self.level, owner)
        self.variables.append(tensor)
        return tensor.twin()  # which the user may write into

    def owns(self, x: Any) -> bool:
        """Whether a value was recorded since this differentiation began."""
        if type(x) is not RecordingTensor or x.level != self.level:
            return False
        x.flush()
        return x.node.serial >= self.since

    def strip(self, x: Any) -> Any:
        """A value without this differentiation's handle; one that depends on an older variable
        keeps it."""
        if self.owns(x) and x.node.root >= self.since and x.program is None:
            if is_stand_in(x.value):
                raise GraphError("a value that was not computed left the program it belongs to")
            return x.value
        return settled(x) if isinstance(x, op.Traced) else x

    def handle(self, node: Node, value: Any) -> RecordingTensor:
        """A recorded value as a tensor again."""
        program = context.program
        owner = program if program is not None and program.level == self.level else None
        return RecordingTensor(node, value, self.level, owner)

    def nodes(self, outputs: Sequence[Any]) -> list[Node]:
        """The recorded nodes that the outputs depend on, in order of birth."""
        limit = self.limit()
        return ancestors(
            [x.node for x in outputs if self.owns(x) and x.node.root <= limit], self.since, limit
        )

    def limit(self) -> int:
        """The youngest variable: a node whose root is younger depends on none of them."""
        return self.variables[-1].node.serial if self.variables else 0

    def reader(self) -> Any:
        """How the walks read what was recorded."""
        return kept_values(self.since, self.handle, None if context.program is None else following)

    def check(self) -> None:
        """Raise where the program that this was recorded in has ended: its values are examples."""
        if self.program is not None and self.program.ended:
            raise outlived("jit", self.variables[0].node.position if self.variables else None)

    def pull(
        self,
        outputs: Sequence[Any],
        cotangents: Sequence[Any],
        consume: bool = False,
        among: set[Node] | None = None,
    ) -> list[Any]:
        """The variables' cotangents (None: no dependence); with `consume` the recording can be used
        only once; `among` are the nodes that depend on the variables, where that is known."""
        self.check()
        sums = Cotangents(self.limit()) if among is None else CotangentsAmong(among)
        program = context.program
        if program is not None and program.level == self.level:
            cotangents = [program.number(c) for c in cotangents]
        for x, c in zip(outputs, cotangents, strict=True):
            if self.owns(x) and c is not None and sums.wants(x.node):
                sums.add(x.node, c)
        keep = {v.node for v in self.variables}
        last = consume and context.differentiations == 1 and context.program is None
        last = last and context.kept < self.since  # a pullback made inside reads the same values
        look = self.reader()
        with np.errstate(all="ignore"):
            order = following(self.nodes(outputs))
            pullback(order, sums, look, keep, self.since if last else NEVER)
        return [checked(plain(sums.known.get(v.node))) for v in self.variables]

    @contextmanager
    def advancing(self, tangents: Sequence[Any]) -> Iterator[None]:
        """Push these tangents while the function runs, so that nothing need be kept for it."""
        for v, t in zip(self.variables, tangents, strict=True):
            v.node.tangent = t
            v.node.inputs = ()
        before, context.forward = context.forward, self
        try:
            yield
        finally:
            context.forward = before

    def advance(self, result: Any) -> None:
        """Find the tangent of what was just recorded, and let go of its history.

        While an inner differentiation runs it needs the history itself; what is left of that is
        walked when an operation after it needs its tangent.
        """
        if context.differentiations != 1 or context.program is not None:
            return
        for x in result if type(result) is tuple else (result,):
            if type(x) is RecordingTensor and x.level == self.level:
                self.tangent(x.node)
                x.node.inputs = ()

    def tangent(self, node: Node) -> Any:
        """The tangent of a node under `advancing`; None where it depends on no variable."""
        if node.tangent is not None or not node.inputs:
            return node.tangent if node.serial >= self.since else None
        look = self.reader()
        order = ancestors([node], self.since, self.limit())
        known = {n: n.tangent for n in order if n.tangent is not None}
        with np.errstate(all="ignore"):
            pushforward(order, known, look)
        for n in order:
            n.tangent = known.get(n)
        return checked(node.tangent)

    def push(self, tangents: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
        """The outputs' tangents (None: no dependence), from those of the variables."""
        self.check()
        known = {v.node: t for v, t in zip(self.variables, tangents, strict=True) if t is not None}
        with np.errstate(all="ignore"):
            order = following(self.nodes(outputs))
            pushforward(order, known, self.reader())
        return [checked(known.get(x.node)) if self.owns(x) else None for x in outputs]


class Following(Sequence):
    """Nodes in order; while they are walked, what is recorded in a program gets their positions."""

    def __init__(self, nodes: Sequence[Node], program: Any) -> None:
        self.nodes, self.program = nodes, program

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, k: Any) -> Any:
        return self.nodes[k]

    def __iter__(self) -> Iterator[Node]:
        return self.walk(self.nodes)

    def __reversed__(self) -> Iterator[Node]:
        return self.walk(reversed(self.nodes))

    def walk(self, nodes: Iterable[Node]) -> Iterator[Node]:
        """The nodes; the program is told of each before its derivative is recorded."""
        before = self.program.follows
        try:
            for node in nodes:
                self.program.follows = node if node.code is not None else before
                yield node
        finally:
            self.program.follows = before


def following(nodes: Sequence[Node]) -> Sequence[Node]:
    """The nodes of a walk, followed where a program is being recorded."""
    return nodes if context.program is None else Following(nodes, context.program)


def checked(derivative: Any) -> Any:
    """A derivative that is a value; a bare node would mean that a rule read what was not kept."""
    if type(derivative) is Node:
        raise GraphError(
            f"a derivative rule read a value that was not kept, on the way to {derivative!r}"
        )
    return derivative
