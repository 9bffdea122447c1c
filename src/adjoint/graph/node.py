"""The node: one operation of an expression graph, immutable.

Enters: a primitive, its inputs and static parameters.  Leaves: a value without numbers, with shape,
dtype and weakness. Nodes carry a serial number given in order of birth, which is a topological
order of every graph; all walks are iterative.

A node of a *closed* graph has nodes for inputs.  In a concrete trace (an uncompiled
differentiation) an input that carries no derivative is a plain value, or its `Type` where no rule
reads it; a node keeps its own `value` only if a rule reads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from operator import attrgetter
from types import CodeType
from typing import Any

import numpy as np

from ..base.dtypes import Type, type_of
from ..base.errors import Position
from . import op
from .op import Traced
from .primitive import Primitive

next_serial = count(1).__next__
NEVER = 1 << 62  # the root of what depends on no variable


class Node(Traced):
    """One operation: `primitive(*inputs, **parameters)`.

    `root` is the serial number of the oldest variable it depends on; `code` and `offset` are the
    user's position; `tangent` is set where an outermost `jvp` pushes tangents while it records.
    """

    __slots__ = (
        "code", "dtype", "inputs", "offset", "parameters", "primitive",
        "root", "serial", "shape", "tangent", "value", "weak",
    )  # fmt: skip
    level = NEVER  # a bare node takes every other value for a constant

    def __init__(
        self,
        primitive: Primitive,
        inputs: tuple,
        parameters: dict[str, Any],
        shape: Any,
        dtype: Any,
        weak: bool = False,
        position: Position | None = None,
        root: int = NEVER,
    ) -> None:
        self.primitive = primitive
        self.inputs = inputs
        self.parameters = parameters
        self.shape = shape
        self.dtype = dtype
        self.weak = weak
        self.code: CodeType | None = None
        self.offset = 0
        if position is not None:
            self.code, self.offset = position
        self.root = root
        self.value: Any = None
        self.tangent: Any = None
        self.serial = next_serial()

    @property
    def position(self) -> Position | None:
        """The user's position when the node was made."""
        return None if self.code is None else (self.code, self.offset)

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: Type(self.shape, self.dtype).size)

    def process(self, primitive: Primitive, inputs: tuple, parameters: dict[str, Any]) -> Any:
        """Build the node of an operation; the inputs that are not nodes become constants.

        Of an operation with several outputs, a node for each.
        """
        made = build(primitive, inputs, parameters)
        if type(made.dtype) is not tuple:
            return made
        item = op.registry["item"]
        return tuple([build(item, (made,), {"index": i}) for i in range(len(made.dtype))])

    def __repr__(self) -> str:
        return f"%{self.serial}: {type_text(self)} = {self.primitive.name}"

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} has no number")

    __array_ufunc__ = None  # `array + node` is the node's business
    __iter__ = None

    __add__ = lambda a, b: op.add(a, b)
    __radd__ = lambda a, b: op.add(b, a)
    __sub__ = lambda a, b: op.sub(a, b)
    __rsub__ = lambda a, b: op.sub(b, a)
    __mul__ = lambda a, b: op.mul(a, b)
    __rmul__ = lambda a, b: op.mul(b, a)
    __truediv__ = lambda a, b: op.div(a, b)
    __rtruediv__ = lambda a, b: op.div(b, a)
    __pow__ = lambda a, b: op.pow(a, b)
    __rpow__ = lambda a, b: op.pow(b, a)
    __neg__ = lambda a: op.neg(a)
    __lt__ = lambda a, b: op.less(a, b)
    __le__ = lambda a, b: op.less_equal(a, b)
    __gt__ = lambda a, b: op.greater(a, b)
    __ge__ = lambda a, b: op.greater_equal(a, b)


def type_text(value: Any) -> str:
    """`float64[2,3]`, or `(float64[3], float64[3,3])` for a node with several outputs."""
    if isinstance(value.dtype, tuple):
        return "(" + ", ".join(str(t) for t in value.dtype) + ")"
    return str(type_of(value))


def build(
    primitive: Primitive,
    inputs: tuple,
    parameters: dict[str, Any],
    position: Position | None = None,
) -> Node:
    """A node of a primitive, its type inferred; inputs that are no nodes become constants."""
    nodes = tuple(x if isinstance(x, Node) else constant(x) for x in inputs)
    found = primitive.infer(*nodes, **parameters)
    root = min([n.root for n in nodes], default=NEVER)
    if type(found) is Type:
        return Node(
            primitive, nodes, parameters, found.shape, found.dtype, found.weak, position, root
        )
    return Node(primitive, nodes, parameters, None, tuple(found), False, position, root)


def constant(value: Any) -> Node:
    """A node that holds a value."""
    if not isinstance(value, (Traced, np.ndarray, np.generic, bool, int, float, complex)):
        value = np.asarray(value)
    t = type_of(value)
    return Node(op.registry["constant"], (), {"value": value}, t.shape, t.dtype, t.weak)


def input_node(t: Type) -> Node:
    """A node that stands for an input of a graph."""
    node = Node(op.registry["input"], (), {}, t.shape, t.dtype, t.weak)
    node.root = node.serial
    return node


def ancestors(outputs: Iterable[Any], since: int = 0, limit: int = NEVER) -> list[Node]:
    """All nodes that the outputs depend on, themselves included, in order of birth.

    Only those born at serial `since` or later, and whose root is no younger than `limit`.
    """
    stack = [n for n in outputs if isinstance(n, Node) and n.serial >= since]
    seen = set(stack)
    add, push = seen.add, stack.append
    while stack:
        for x in stack.pop().inputs:
            if type(x) is Node and x not in seen and x.serial >= since and x.root <= limit:
                add(x)
                push(x)
    return sorted(seen, key=attrgetter("serial"))
