"""`op.NAME(inputs..., parameters)`: apply a primitive to values of any kind, looked up by name when
it is called.

Enters: values (plain ones, nodes, handles of the front).  Leaves: the result in the same kind.  The
idea: among the inputs the one with the highest `level` processes the operation (its `process`
method); if there is none, NumPy evaluates it.  Rules import this module and no primitive, so no
rule depends on its siblings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .primitive import Primitive, registry


class Traced:
    """The base of every value that stands for more than its number: nodes and the front's
    handles."""

    __slots__ = ()
    level: int
    shape: tuple[int, ...]
    pending: Any = None  # what is still to be written into it, before anybody reads it

    def flush(self) -> None:
        """Write what is pending."""

    def known(self) -> Any:
        """What it holds where that is one value for all that run this, else itself: of a node, a
        batch, a symbol or a program's value nothing is known while a function is traced."""
        return self

    def process(self, primitive: Primitive, inputs: tuple, parameters: dict[str, Any]) -> Any:
        """Apply the primitive where this value has the highest level among the inputs."""
        raise NotImplementedError


def apply(primitive: Primitive, inputs: tuple, parameters: dict[str, Any]) -> Any:
    """Apply a primitive to inputs of any kind."""
    top = None
    for x in inputs:
        if isinstance(x, Traced):
            if x.pending is not None:
                x.flush()
            if top is None or x.level > top.level:
                top = x
    if top is None:
        return primitive.evaluate(*inputs, **parameters)
    return top.process(primitive, inputs, parameters)


def is_traced(value: Any) -> bool:
    """Whether a value is a node or a handle."""
    return isinstance(value, Traced)


def __getattr__(name: str) -> Callable:
    try:
        primitive = registry[name]
    except KeyError:
        raise AttributeError(f"no primitive is named {name!r}") from None

    def call(*inputs: Any, **parameters: Any) -> Any:
        return apply(primitive, inputs, parameters)

    call.__name__ = call.__qualname__ = name
    globals()[name] = call
    return call
