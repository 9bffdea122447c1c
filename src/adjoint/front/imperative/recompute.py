"""`checkpoint` of a function of tensors: what its operations save is computed again by the pass.

Enters: a function and its arguments.  Leaves: its results, recorded as ever, but for the values
that its operations save: of these a number is kept, and when the pass reads the first, the function
runs once more.  What it computes then must be, bit for bit, what it computed before; where it is
not (a tensor was written to since, random numbers) the pass ends with an error.

Source: Chen, Xu, Zhang and Guestrin, *Training deep nets with sublinear memory cost* (2016).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ...base import tree
from ...base.errors import describe, message, user_position
from ..arguments import name_of
from ..compiled import named
from ..operands import functions
from .mode import entered, mode
from .saved import AutogradError
from .tape import Automaton, Tape
from .tensor import EagerTensor


class Run:
    """A call of a function whose saved values are not kept."""

    def __init__(self, function: Callable, leaves: list[Any], structure: Any) -> None:
        self.function, self.structure = function, structure
        self.leaves = [argument(x) for x in leaves]
        self.marks: list[Any] = []  # of the values that were let go of
        self.values: dict[int, Any] = {}  # those that were computed again, and not read yet
        self.is_over = False  # whether the function has returned
        self.position = user_position(3)
        self.state = {"summing": mode.summing, "training": mode.training}

    def pack(self, value: EagerTensor) -> int:
        """A value that is let go of: its number."""
        self.marks.append(mark(value.held()))
        return len(self.marks) - 1

    def unpack(self, number: int) -> EagerTensor:
        """The value again."""
        if number not in self.values:
            self.again()
        return self.values.pop(number)

    def again(self) -> None:
        """Run the function once more, for what it saves."""
        found: list[EagerTensor] = []

        def collect(value: EagerTensor) -> EagerTensor:
            found.append(value)
            return value

        hooks = (collect, lambda value: value)
        args, kwargs = tree.unflatten(self.structure, [made(x) for x in self.leaves])
        state = {"enabled": True, "hooks": (hooks,), "tape": Tape(Automaton(), True)}
        with entered(**state, **self.state, position=None):
            self.function(*args, **kwargs)
        if not self.is_over:  # the function takes a gradient itself: so far it has run
            found = found[: len(self.marks)]
        if [mark(x.held()) for x in found] != self.marks:
            raise AutogradError(
                message(
                    f"checkpoint({name_of(self.function)}), called at {describe(self.position)}, "
                    "computed other values when it ran again for the backward pass",
                    expected="a function that computes the same whenever it runs",
                    instead="no writes to the tensors that it reads before the pass; random "
                    "numbers as arguments, or from a generator that it makes from a seed",
                    operation="checkpoint",
                )
            )
        self.values = dict(enumerate(found))


def argument(x: Any) -> Any:
    """An argument as it is kept: a tensor's array, which never changes; a copy of the user's."""
    if type(x) is EagerTensor:
        return Argument(x.held(), x.requires_grad)
    return x.copy() if isinstance(x, np.ndarray) else x


class Argument:
    """A tensor among the arguments."""

    __slots__ = ("requires_grad", "value")

    def __init__(self, value: Any, requires_grad: bool) -> None:
        self.value, self.requires_grad = value, requires_grad


def made(x: Any) -> Any:
    """An argument again."""
    if type(x) is not Argument:
        return x
    tensor = EagerTensor(x.value)
    return tensor.requires_grad_() if x.requires_grad else tensor


def mark(value: Any) -> Any:
    """What tells one value from another."""
    bits = np.ascontiguousarray(value)
    return bits.shape, bits.dtype.str, zlib.crc32(bits.reshape(-1).view(np.uint8).data)


def recomputed(function: Callable, args: tuple, kwargs: dict[str, Any]) -> Any:
    """The results of a function, what its operations save being computed again; NotImplemented
    where it has nothing to do with tensors that are recorded."""
    leaves, structure = tree.flatten((args, kwargs))
    concerned = [*leaves, *[value for *_, value in named(function)]]
    if not mode.enabled or not any(has_tensor(x) for x in concerned):
        return NotImplemented
    return mode.tape.unfit(apart, (function, leaves, structure, args, kwargs), {})


def apart(function: Callable, leaves: list, structure: Any, args: tuple, kwargs: Any) -> Any:
    """The same, run uncompiled."""
    run = Run(function, leaves, structure)
    with entered(hooks=(*mode.hooks, (run.pack, run.unpack))):
        found = function(*args, **kwargs)
    run.is_over = True
    return found


def has_tensor(x: Any) -> bool:
    """Whether a value is a tensor, or a list of such."""
    if isinstance(x, (list, tuple)):
        return any(map(has_tensor, x))
    if isinstance(x, dict):
        return any(map(has_tensor, x.values()))
    return type(x) is EagerTensor


functions["recomputed"] = recomputed
