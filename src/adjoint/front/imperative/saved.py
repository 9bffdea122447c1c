"""What the node of an eager operation keeps until a backward pass: the values that its rules read.

Enters: an operation's inputs and output.  Leaves: the same, when a backward pass asks, or an error
that names both lines where a value has been written to since, or was freed.

The values belong to the operation that reads them, so that a pass frees its own and leaves those of
others.  Views of an array share a `Versions`, which a write raises.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np

from ...base.dtypes import readable
from ...base.errors import AdjointError, Position, describe, message, user_position
from ...graph.node import Node
from ...transform.linearize import item
from .mode import mode


class AutogradError(AdjointError, RuntimeError):
    """A tensor was used in a way in which it has no gradient: no gradient required, a graph that
    was freed, a value that was overwritten."""


class Versions:
    """How often the memory that some tensors share was written to, and where last."""

    __slots__ = ("count", "position")

    def __init__(self) -> None:
        self.count = 0
        self.position: Position | None = None

    def raised(self) -> None:
        """A write."""
        self.count += 1
        self.position = mode.position or user_position(2)


class Value:
    """One value that is kept: as it is, or as `pack` made it."""

    __slots__ = ("content", "count", "type", "unpack", "versions")

    def __init__(self, value: Any, versions: Versions | None) -> None:
        self.versions = versions
        self.count = 0 if versions is None else versions.count
        self.unpack: Callable | None = None
        self.content, self.type = value, None
        if mode.hooks:
            pack, unpack = mode.hooks[-1]
            if isinstance(value, (np.ndarray, np.generic)):
                self.content, self.unpack = pack(wrap(value)), unpack
                self.type = value.shape, value.dtype
            elif type(value) is tuple:  # the outputs of an operation with several
                self.content = [pack(wrap(x)) for x in value]
                self.unpack = lambda parts: tuple([unwrap(unpack(x)) for x in parts])

    def read(self, node: Node) -> Any:
        """The value; an error where it was written to since."""
        if self.versions is not None and self.versions.count != self.count:
            raise overwritten(node, self.versions)
        if self.unpack is None:
            return self.content
        found = unwrap(self.unpack(self.content))
        if self.type is not None and (np.shape(found), getattr(found, "dtype", None)) != self.type:
            raise unpacked(node, found, self.type)
        return found


class Saved:
    """What a node keeps (in its `tangent` slot, which only forward mode uses)."""

    __slots__ = (
        "hooks", "inputs", "is_freed", "leaf", "output", "pull", "retained", "sums",
    )  # fmt: skip

    def __init__(self) -> None:
        self.inputs: list[Any] = []  # `Value`s, or None where no rule reads one
        self.output: Value | None = None
        self.is_freed = False
        self.hooks: dict[int, Callable] = {}
        self.retained: ref | None = None  # the tensor that keeps the gradient of this node
        self.leaf: ref | None = None  # the tensor whose gradients accumulate here
        self.sums = False  # made under `record()`
        self.pull: Any = None  # of a `Function`: its own backward

    def free(self) -> None:
        """Let go of all values."""
        if any(x is not None for x in self.inputs) or self.output is not None:
            self.is_freed = True
        self.inputs = [None] * len(self.inputs)
        self.output = None


def saved_of(node: Node) -> Saved:
    """What a node keeps."""
    if node.tangent is None:
        node.tangent = Saved()
    return node.tangent


def item_of(node: Node, i: int) -> Node:
    """One output of an operation with several, as a node."""
    part = item(node, i)
    part.tangent = Saved()
    part.tangent.inputs, part.tangent.sums = [None], saved_of(node).sums
    return part


def freed(node: Node) -> AutogradError:
    """The error for a second pass through what the first one freed."""
    return AutogradError(
        message(
            "a second backward pass went through a graph whose saved values the first one has "
            f"freed (at {node.primitive.name}, recorded at {describe(node.position)})",
            expected="one backward pass for each time that the graph is recorded",
            instead="`backward(retain_graph=True)` in the first pass, or record the graph again",
            operation="backward",
        )
    )


def overwritten(node: Node, versions: Versions) -> AutogradError:
    """The error for a value that a rule reads, and that was written to."""
    return AutogradError(
        message(
            f"a value that the derivative of `{node.primitive.name}` reads was modified in place "
            f"before the backward pass: used at {describe(node.position)}, written at "
            f"{describe(versions.position)}",
            expected="values that stay as they are until the backward pass",
            instead="an operation that makes a new tensor (`x = x + 1` for `x += 1`), or "
            "`.clone()` before the write",
            operation="backward",
        )
    )


def unpacked(node: Node, found: Any, wanted: Any) -> AutogradError:
    """The error for a hook that gives back another value than was saved."""
    came = readable(found) if isinstance(found, np.ndarray) else f"a {type(found).__name__}"
    return AutogradError(
        message(
            f"`unpack` of saved_tensors_hooks gave {came} for a value of shape {wanted[0]} and "
            f"dtype {wanted[1]} that the derivative of `{node.primitive.name}` reads",
            expected="the tensor that `pack` was given, or one with its shape and dtype",
            operation="saved_tensors_hooks",
        )
    )


# Operations of which a result that is written to is refused in the backward pass, as in PyTorch.
# What others keep of their results is as safe (a write gives a tensor another array).
CHECKED_RESULTS = frozenset(
    (
        "checkpoint cholesky copysign eig eigh euclidean_norm exp exp2 expit expm1 hypot inv "
        "least_squares logaddexp_reduce logsumexp max min pinv pow qr reciprocal slogdet solve "
        "special_exp2 special_expm1 sqrt svd tan tanh triangular_solve while_loop"
    ).split()
)

# How a value becomes a tensor for the user's hooks, and back; `tensor` fills them.
wrap: Callable[[Any], Any] = lambda value: value
unwrap: Callable[[Any], Any] = lambda tensor: tensor
