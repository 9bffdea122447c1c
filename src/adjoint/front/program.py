"""A program: the closed graph of a function's call, recorded for `jit`.

Enters: a function and example arguments.  Leaves: a `Program`: a simplified `Function` and the
arrays it captured, which it reads at every call.  While it is recorded every operation on its
values becomes a node; a question that would fix a branch is refused.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.dtypes import readable, type_of
from ..base.errors import TracingError, message
from ..graph import op
from ..graph.function import Function, close
from ..graph.node import Node, constant, input_node, next_serial
from .context import fingerprint, has_content, recording_level, recording_program
from .trace import RecordingTensor, formed, plain_value, settled


class Captured:
    """An array or an outer traced value met while a program is recorded, with a node and a
    fingerprint for each content that it had."""

    __slots__ = ("value", "versions")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.versions: list[tuple[Node, Any]] = []

    def is_unchanged(self) -> bool:
        """Whether it has the content that it had when it was last met."""
        return has_content(self.value, self.versions[-1][1])


class Recording:
    """The program that is being recorded: its inputs, and the arrays met on the way."""

    def __init__(self) -> None:
        self.level = recording_level()
        self.since = next_serial()
        self.captured: dict[int, Captured] = {}
        self.ended = False

    def input(self, value: Any) -> RecordingTensor:
        """An input with an example value."""
        example = plain_value(value)
        return RecordingTensor(input_node(type_of(value)), example, self.level, self)

    def node_of(self, value: Any) -> Node:
        """The node of a value: its own if it was recorded here, a hidden input for an array or an
        outer traced value, a constant otherwise."""
        if type(value) is RecordingTensor and value.level == self.level and self.owns(value.node):
            return value.node
        value = settled(value)
        if isinstance(value, (np.ndarray, op.Traced)):
            known = self.captured.get(id(value))
            if known is None:
                known = self.captured[id(value)] = Captured(value)
            if not known.versions or not known.is_unchanged():
                node = input_node(type_of(value))
                node.root = self.since  # older than every differentiation inside the program
                known.versions.append((node, fingerprint(value)))
            return known.versions[-1][0]
        return constant(value)

    def values(self) -> dict[Node, Any]:
        """What the hidden inputs read: the array itself, or its content of then where the function
        wrote into an array of its own."""
        found = {}
        for known in self.captured.values():
            for node, _ in known.versions:
                node.value = None  # no rule reads it any more
        for known in self.captured.values():
            if len(known.versions) == 1 and known.is_unchanged():
                found[known.versions[0][0]] = known.value
                continue
            if not self.is_local(known.value):
                raise written(known.value)
            for node, content in known.versions:
                if not isinstance(content, np.ndarray):
                    raise written(known.value)
                found[node] = content
        return found

    def is_local(self, array: np.ndarray) -> bool:
        """Whether nobody but this recording holds an array (views have its memory's owner)."""
        owner = array
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        if owner.base is not None:
            return False
        del array
        held = sum(x.value is owner or x.value.base is owner for x in self.captured.values()
                   if isinstance(x.value, np.ndarray))  # fmt: skip
        return sys.getrefcount(owner) <= held + 2

    def owns(self, node: Node) -> bool:
        """Whether a node belongs to this program (and is not of an outer trace)."""
        return node.serial >= self.since

    def refusal(self, tensor: Any, what: str) -> TracingError:
        """The error for a question that would fix a branch."""
        return TracingError(
            message(
                f"under `jit` {what} was asked of a value that is known only when the program runs "
                f"({readable(tensor)})",
                expected="a branch on shapes, dtypes or Python values, or an operation that "
                "chooses by value",
                instead="`ad.numpy.take(a, i, axis=0)` for `a[i]`, or leave out `jit`"
                if what == "an index"
                else "`np.where(condition, a, b)`, or leave out `jit` (uncompiled functions may "
                "branch on values)",
                operation=what,
            )
        )


class Program:
    """A recorded function: its graph, what it captured, and the structure of its result."""

    __slots__ = ("captured", "fixed", "function", "scalars", "structure")

    def __init__(
        self,
        function: Function,
        captured: Sequence[Any],
        structure: Any,
        fixed: dict[int, Any] | None = None,
        scalars: Sequence[bool] = (),
    ) -> None:
        self.function = function
        self.captured = tuple(captured)
        self.structure = structure
        self.fixed = fixed or {}  # results that are no numbers, by place
        self.scalars = scalars  # which outputs were numbers, not arrays without axes

    def results(self, outputs: Sequence[Any]) -> list[Any]:
        """All results: the graph's outputs, and between them those that are no numbers."""
        found = list(outputs)
        for k, is_scalar in enumerate(self.scalars):
            found[k] = formed(found[k], not is_scalar)
        for k in sorted(self.fixed):
            found.insert(k, self.fixed[k])
        return found

    def is_usable(self, is_alive: Callable[[Any], bool]) -> bool:
        """Whether the traced values that it captured belong to a trace that is still running."""
        return all(is_alive(x) for x in self.captured if isinstance(x, op.Traced))

    def inputs(self, leaves: Sequence[Any]) -> list[Any]:
        """All inputs of the graph: the given leaves, then what was captured."""
        return [*leaves, *self.captured]


def record_program(
    function: Callable[[list[Any]], tuple[list[Any], Any]],
    leaves: Sequence[Any],
    name: str,
    optimize: Callable[[Function], Function],
) -> Program:
    """Record a function of a list of leaves that gives (output leaves, structure)."""
    recording = Recording()
    try:
        with recording_program(recording):
            inputs = [recording.input(x) for x in leaves]
            outputs, structure = function(list(inputs))
    finally:
        recording.ended = True
    fixed = {k: x for k, x in enumerate(outputs) if not is_number(x)}
    numbers = [x for k, x in enumerate(outputs) if k not in fixed]
    scalars = [not isinstance(plain_value(x), np.ndarray) for x in numbers]
    results = [recording.node_of(x) for x in numbers]
    closed, captured = close([x.node for x in inputs], results, name, recording.since)
    del inputs, outputs, results, numbers
    values = recording.values()
    return Program(optimize(closed), [values[node] for node in captured], structure, fixed, scalars)


def is_number(x: Any) -> bool:
    """Whether a result is a number, an array of numbers, or traced."""
    if isinstance(x, (np.ndarray, np.generic)):
        return x.dtype.kind in "biufc"
    return isinstance(x, (op.Traced, bool, int, float, complex))


def written(array: Any) -> TracingError:
    """The error for an array from outside that the function under `jit` wrote into."""
    return TracingError(
        message(
            f"a function under `jit` wrote into an array from outside ({readable(array)}): the "
            "program that runs from then on would not",
            expected="an array that the function makes itself, or none that is written into",
            instead="`np.zeros(...)` inside the function, or leave out `jit`",
            operation="item assignment",
        )
    )
