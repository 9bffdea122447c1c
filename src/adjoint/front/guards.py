"""Guards: what a function under `jit` asked of its values, and the answers that it went on with.

Enters: the questions that are asked while a function is recorded (`if t > 0`, `range(n)`, `int(t)`,
`a[mask]`).  Leaves: for each a node, whose value answers it at every call, and for all of them
together one node that raises `Departed` where an answer is another one.  A program is right for
the calls that answer as its example did; other calls have other programs (`front.compiled`).

No guard compares floats for equality: a question is answered by a truth value, an integer, or an
array of these.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..base.errors import Position, describe
from ..graph import op
from ..graph.node import Node, constant

# Of questions; any other one is for an "array".  A "sound" one tells errors apart, no branches.
KINDS = {"bool()": "truth", "int()": "whole", "an index": "whole", "sound": "sound"}
TRUTHS = ("truth", "sound")


class Again(BaseException):
    """A question was asked of a value that was not computed: the function is to be recorded again,
    with all values.  (No `Exception`: the user's code does not catch it.)"""


class Inside(BaseException):
    """A question was asked inside another transform, whose values differ from call to call: the
    function is to run as it is."""


class Guard(NamedTuple):
    """A question, and how the example answered it."""

    node: Any  # of whose value it was asked; None once the program is made
    kind: str  # "truth", "sound", "whole" or "array"
    answer: Any
    position: Position | None  # the user's line

    def asked(self) -> Node:
        """The node whose value is the answer."""
        x = self.node
        if self.kind == "array":
            return x
        if x.shape:
            x = op.reshape(x, shape=())
        if self.kind in TRUTHS:
            return x if x.dtype.kind == "b" else op.not_equal(x, 0)
        return op.trunc(x) if x.dtype.kind == "f" else x

    def holds(self) -> Node:
        """The node of whether the answer is the same."""
        found = self.asked()
        if self.kind in TRUTHS:
            return found if self.answer else op.logical_not(found)
        same = op.equal(found, constant(np.asarray(self.answer, found.dtype)[()]))
        return op.all(same, axes=tuple(range(len(same.shape)))) if same.shape else same

    def answered(self, value: Any) -> bool:
        """Whether a value of `asked` is the same answer."""
        if self.kind == "array":
            return bool(np.array_equal(value, self.answer))
        return bool(self.answer == plain(self.kind, value))

    def __str__(self) -> str:
        what = {
            "truth": "bool()",
            "sound": "bool()",
            "whole": "int()",
            "array": "an array of places",
        }[self.kind]
        shown = "" if self.kind == "array" else f" = {self.answer}"
        return f"{what}{shown} at {describe(self.position)}"


def plain(kind: str, value: Any) -> Any:
    """A value as the answer to a question."""
    if kind in TRUTHS:
        return bool(value)
    return int(value) if kind == "whole" else np.array(value)


def required(guards: list[Guard]) -> Node:
    """The node that raises `Departed` unless all guards hold."""
    found = guards[0].holds()
    for guard in guards[1:]:
        found = op.logical_and(found, guard.holds())
    return op.require(found)
