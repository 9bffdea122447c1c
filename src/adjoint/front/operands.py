"""Operands: the operator methods of tensors, and what may stand beside a tensor.

Enters: the name of a primitive.  Leaves: `__add__`, `__radd__`, `__iadd__` and their like.  A
partner must be a number, an array of numbers or a traced value; anything else is left to Python or
refused.  The tables that NumPy's protocols read stand here too; `front/numpy/` fills them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops  # noqa: F401  (declares the primitives)
from ..base.dtypes import Type
from ..base.errors import TracingError, message
from ..graph import op
from ..graph.op import Traced, apply
from ..ops.declare import Lazy

functions: dict[Any, Callable] = {}  # NumPy function -> ours, by `__array_function__`
ufuncs: dict[np.ufunc, Callable] = {}  # ufunc -> ours, by `__array_ufunc__`
late_ufuncs: dict[str, tuple[Lazy, Callable]] = {}  # by name: ufuncs of a package not imported yet
ours_for_scipy: set[str] = set()  # names in `ad.special` of what SciPy has written in Python
methods: dict[
    tuple[np.ufunc, str], Callable
] = {}  # (ufunc, "reduce" | "accumulate" | "outer") -> ours
NONE: dict[str, Any] = {}  # no parameters
FLOAT = Type((), np.dtype(float), True)


STAND_INS: dict[np.dtype, np.ndarray] = {}  # one number for each dtype


def is_stand_in(value: Any) -> bool:
    """Whether an array stands for values that were not computed."""
    return type(value) is np.ndarray and value.base is STAND_INS.get(value.dtype, value)


def binary(name: str) -> tuple[Callable, Callable]:
    """The two operator methods of a primitive."""
    primitive = op.registry[name]

    def forward(self: Any, other: Any) -> Any:
        if type(other) in ACCEPTED or acceptable(other):
            return apply(primitive, (self, other), NONE)
        if type(other) in (list, tuple):
            return apply(primitive, (self, as_operand(other)), NONE)
        return NotImplemented

    def backward(self: Any, other: Any) -> Any:
        if type(other) in ACCEPTED or acceptable(other):
            return apply(primitive, (other, self), NONE)
        if type(other) in (list, tuple):
            return apply(primitive, (as_operand(other), self), NONE)
        return NotImplemented

    return forward, backward


def has_traced(*values: Any) -> bool:
    """Whether any of the values, or an element of a list or tuple among them, is a tensor."""
    for value in values:
        if isinstance(value, Traced):
            return True
        if isinstance(value, (list, tuple)) and has_traced(*value):
            return True
    return False


def as_operand(x: Any) -> Any:
    """A list or tuple as NumPy's operators take it, an array; anything else itself."""
    if type(x) not in (list, tuple):
        return x
    return op.stack(*[as_operand(v) for v in x], axis=0) if has_traced(x) else np.asarray(x)


ACCEPTED = {float, int, complex, bool, np.float64, np.float32}


def acceptable(other: Any) -> bool:
    """Whether an operand is a number, an array of numbers, or a traced value."""
    if isinstance(other, (Traced, np.generic, bool, int, float, complex)):
        return True
    if isinstance(other, np.ndarray):
        return numeric(other) is not None
    return False


def numeric(array: np.ndarray) -> np.ndarray:
    """An array of numbers without NumPy's subclasses; matrices, masked arrays and objects are
    refused."""
    kind = type(array).__name__
    if array.dtype.kind in "biufc" and kind not in ("matrix", "MaskedArray"):
        return np.asarray(array)
    came = f"an array of dtype {array.dtype}" if array.dtype.kind not in "biufc" else f"a {kind}"
    raise TracingError(
        message(
            f"{came} met a traced value",
            expected="an ndarray of floats, complex numbers, integers or booleans",
            instead="`ad.numpy.array([...])` or `np.stack([...])` to build an array from traced "
            "values, "
            "`np.asarray(m)` for a matrix, `m.filled(...)` and `np.where` for a masked array",
        )
    )


def augmented(name: str) -> Callable:
    """`a += b` and its like: an array is written in place, as NumPy does; a number is a new one."""
    primitive = op.registry[name]

    def call(self: Any, other: Any) -> Any:
        if not (type(other) in ACCEPTED or acceptable(other)):
            if type(other) not in (list, tuple):
                return NotImplemented
            other = as_operand(other)
        result = apply(primitive, (self, other), NONE)
        return functions["update"](self, result, name) if self.shape else result

    return call
