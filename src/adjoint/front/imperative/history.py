"""What made a tensor, and hooks on its gradient; the errors for a tensor without a history.

Enters: nodes.  Leaves: what `.grad_fn` and `register_hook` give.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...base.dtypes import readable
from ...base.errors import describe, message
from ...graph import op
from ...graph.node import Node
from .saved import AutogradError, saved_of

VARIABLE = op.registry["variable"]


class GradientFunction:
    """The operation that made a tensor, as `.grad_fn` shows it."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def name(self) -> str:
        """The operation's name."""
        return self.node.primitive.name

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The operations that made its inputs (None: a constant), each with the number of the
        output that it reads."""
        return tuple(
            [(GradientFunction(x), 0) if type(x) is Node else (None, 0) for x in self.node.inputs]
        )

    @property
    def variable(self) -> Any:
        """The leaf, where it stands for one."""
        return saved_of(self.node).leaf and saved_of(self.node).leaf()  # type: ignore[misc]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GradientFunction) and other.node is self.node

    def __hash__(self) -> int:
        return id(self.node)

    def __repr__(self) -> str:
        inputs = ", ".join(map(made_by, self.node.inputs))
        return f"<{self.name()}({inputs}) at {describe(self.node.position)}>"


def made_by(x: Any) -> str:
    """What made an input, in a word."""
    if type(x) is not Node:
        return "constant"
    return "leaf" if x.primitive is VARIABLE else x.primitive.name


class Handle:
    """A hook that was registered; `remove()` takes it back."""

    __slots__ = ("hooks", "key")
    number = 0

    def __init__(self, hooks: dict[int, Callable], hook: Callable) -> None:
        Handle.number += 1
        self.hooks, self.key = hooks, Handle.number
        hooks[self.key] = hook

    def remove(self) -> None:
        """The hook is called no more."""
        self.hooks.pop(self.key, None)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()


def no_history(operation: str, x: Any) -> AutogradError:
    """The error for a tensor that requires no gradient."""
    return AutogradError(
        message(
            f"`{operation}` of a tensor that requires no gradient ({readable(x)})",
            expected="a tensor with requires_grad=True, or one that was made of such tensors",
            instead="`tensor(data, requires_grad=True)`, or `.requires_grad_()` before the "
            "operations; not inside `no_grad()`",
            operation=operation,
        )
    )


def leaf_written(x: Any) -> AutogradError:
    """The error for a write into a leaf that requires a gradient."""
    return AutogradError(
        message(
            f"a leaf that requires a gradient ({readable(x)}) was written to in place: the values "
            "at which its gradient is taken would be lost",
            expected="writes into leaves inside `with ad.no_grad():`",
            instead="`with ad.no_grad(): x -= step`, or a new tensor (`y = x - step`)",
            operation="in-place write",
        )
    )
