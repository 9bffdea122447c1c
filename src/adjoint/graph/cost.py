"""What a graph costs: bytes moved, arithmetic operations, calls of dear functions.

Enters: a node or a closed graph.  Leaves: a `Cost`.  The figures are those of a run node by node,
each reading its inputs from memory and writing its output; they follow from types, kinds and code
forms alone.  Routines of a library are estimated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..base.dtypes import type_of
from .function import Function
from .node import Node
from .primitive import Combine, Contraction, External, IndexMap, Scalar

# Elementwise functions that cost tens of additions, by their scalar code.
DEAR = frozenset(
    "arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt cos cosh digamma erf erfc exp exp2"
    " expm1 floor_divide fmod gamma gammaln hypot i0 log log10 log1p log2 logaddexp logaddexp2 pow"
    " remainder sin sinc sinh sqrt tan tanh".split()
)


EXACT = 16  # sizes up to which each counts for itself


def rough(n: int) -> int:
    """The order of magnitude of a size: one number for all sizes from 17 to 95, from 96 to 767,
    from 768 to 6143, and so on.  What is decided by it is decided alike for all of them."""
    if n <= EXACT:
        return n
    if n < 96:
        return 32
    return 1 << (3 * level(n) + 5)


def floor(n: int) -> int:
    """The smallest size with the same order of magnitude."""
    if n <= EXACT:
        return n
    return 17 if n < 96 else 12 << 3 * level(n)


def bound(n: int) -> int:
    """The largest size with the same order of magnitude."""
    if n <= EXACT:
        return n
    return 95 if n < 96 else (96 << 3 * level(n)) - 1


def level(n: int) -> int:
    """How many steps of 8 a size is above 96, the first counted as well."""
    return ((n // 96).bit_length() + 2) // 3


def rough_size(shape: Iterable[int]) -> int:
    """The order of magnitude of the number of elements."""
    return math.prod(map(rough, shape))


class Cost(NamedTuple):
    """Bytes read and written, arithmetic operations (a multiply-add is two), calls of dear
    functions."""

    read: int = 0
    written: int = 0
    flops: int = 0
    dear: int = 0

    @property
    def bytes(self) -> int:
        """All bytes moved."""
        return self.read + self.written

    def __add__(self, other: Any) -> Cost:
        return Cost(*(a + b for a, b in zip(self, other, strict=True)))

    def __str__(self) -> str:
        return f"{self.bytes:,} bytes, {self.flops:,} flops, {self.dear:,} dear functions"


def cost(function: Function) -> Cost:
    """The cost of a closed graph run node by node."""
    total = Cost()
    for node in function.order:
        total += node_cost(node)
    return total


def node_cost(node: Node) -> Cost:
    """The cost of one node; a call costs what its body costs."""
    primitive = node.primitive
    if primitive.kind == "structural":
        return Cost()
    bodies = [v for v in node.parameters.values() if isinstance(v, Function)]
    if bodies:
        total = Cost()
        for body in bodies:
            total += cost(body)
        return total
    written = sum(size_in_bytes(t) for t in output_types(node))
    read = sum(size_in_bytes(x) for x in dict.fromkeys(node.inputs))
    form = primitive.code
    if isinstance(form, IndexMap) and "shape" not in node.parameters and node.inputs:
        whole = size_in_bytes(node.inputs[0])  # of a slice or a gather only what is taken is read
        read += min(whole, written) - whole if len(set(node.inputs)) == len(node.inputs) else 0
        return Cost(read, written)
    if isinstance(form, IndexMap):
        return Cost(min(read, written) if primitive.kind == "layout" else read, written)
    flops, dear = operations(node, form)
    return Cost(read, written, flops, dear)


def operations(node: Node, form: Any) -> tuple[int, int]:
    """Arithmetic operations and calls of dear functions."""
    made = sum(type_of(t).size for t in output_types(node))
    taken = max([type_of(x).size for x in node.inputs], default=0)
    if isinstance(form, Scalar):
        return (0, made) if form.name in DEAR else (made, 0)
    if isinstance(form, Combine):
        return taken, 0
    if isinstance(form, Contraction):
        return contraction_flops(node, made), 0
    if isinstance(form, External):
        return external_flops(node, taken), 0
    return 0, 0


def contraction_flops(node: Node, made: int) -> int:
    """Two operations for each product that is summed; of an einsum with many operands, without a
    clever order."""
    subscripts = node.parameters.get("subscripts")
    if subscripts is None:
        first = type_of(node.inputs[0])
        return 2 * made * (first.shape[-1] if first.shape else 1)
    extents: dict[str, int] = {}
    for term, x in zip(subscripts.split("->")[0].split(","), node.inputs, strict=True):
        for letter, extent in zip(term, type_of(x).shape, strict=True):
            extents[letter] = max(extent, extents.get(letter, 0))
    return max(2, len(node.inputs)) * math.prod(extents.values())


def external_flops(node: Node, taken: int) -> int:
    """An estimate: a factorisation of n x n matrices costs about n operations an element, a Fourier
    transform log2(n)."""
    extent = max([type_of(x).shape[-1] for x in node.inputs if type_of(x).shape], default=1)
    return taken * (5 * max(1, extent).bit_length() if "fft" in node.primitive.name else extent)


def output_types(node: Node) -> tuple:
    """The types of a node's outputs."""
    return node.dtype if isinstance(node.dtype, tuple) else (node,)


def size_in_bytes(value: Any) -> int:
    """The bytes of all values of a node or type."""
    if isinstance(value.dtype, tuple):
        return sum(size_in_bytes(t) for t in value.dtype)
    t = type_of(value)
    return t.size * t.dtype.itemsize
