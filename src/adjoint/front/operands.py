"""Operands: the operator methods of tensors, and what may stand beside a tensor.

Enters: the name of a primitive.  Leaves: `__add__`, `__radd__`, `__iadd__` and their like.  A
partner must be a number, an array of numbers or a traced value; anything else is left to Python or
refused.  The tables that NumPy's protocols read stand here too; `front/numpy/` fills them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops  # noqa: F401  (declares the primitives)
from ..base.dtypes import Type, python_kind
from ..base.errors import TracingError, is_in_try, message
from ..graph import op
from ..graph.op import Traced, apply
from ..graph.primitive import Primitive
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


def unevaluated(primitive: Primitive, values: Sequence[Any], parameters: dict[str, Any]) -> Any:
    """What stands for the result of an operation that was not computed: its type, with one number
    in every place."""
    found = primitive.infer(*values, **parameters)
    as_array = primitive.kind == "layout" and primitive.name != "at"
    if type(found) is Type:
        return stand_in(found, as_array)
    return tuple([stand_in(t, as_array) for t in found])


def stand_in(t: Type, as_array: bool) -> Any:
    """An array that takes no memory; a number without axes is 1."""
    if not t.shape and not as_array:
        return python_kind(t.dtype)(1) if t.weak else t.dtype.type(1)
    one = STAND_INS.get(t.dtype)
    if one is None:
        one = STAND_INS.setdefault(t.dtype, np.ones((), t.dtype))
    made = np.ndarray(t.shape, t.dtype, one, strides=(0,) * len(t.shape))
    made.flags.writeable = False
    return made


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


def dividing(name: str) -> tuple[Callable, Callable]:
    """The two operator methods of a division: of Python's numbers by zero it is an error where the
    user's code handles it, as in Python; otherwise it is infinite, as in NumPy."""
    forward, backward = binary(name)

    def divided(self: Any, other: Any) -> Any:
        if self.weak and (type(other) in PYTHONS or getattr(other, "weak", False)):
            refuse_zero(other)
        return forward(self, other)

    def dividing(self: Any, other: Any) -> Any:
        if self.weak and type(other) in PYTHONS:
            refuse_zero(self)
        return backward(self, other)

    return divided, dividing


CALLERS = ("api.py", "arguments.py", "compiled.py", "structured.py", "custom.py")
PYTHONS = {float, int, complex, bool}


def refuse_zero(x: Any) -> None:
    """Raise as Python does where it divides by this, inside a `try`."""
    if not is_in_try(CALLERS):
        return
    if not (x.is_zero() if isinstance(x, Traced) else x == 0):  # type: ignore[attr-defined]
        return
    raise ZeroDivisionError("float division by zero")


def raising() -> tuple[Callable, Callable]:
    """The two operator methods of a power: Python's numbers to the power of Python's are complex
    where a negative one has no real root, and 0 to a negative power is an error."""
    forward, backward = binary("pow")

    def raised(self: Any, other: Any) -> Any:
        if self.weak and (type(other) is float or getattr(other, "weak", False)):
            return forward(with_root(self, other), other)
        if self.weak and type(other) is int and other < 0:
            refuse_zero(self)
        return forward(self, other)

    def raising(self: Any, other: Any) -> Any:
        if self.weak and type(other) in (float, int):
            return backward(self, with_root(other, self))
        return backward(self, other)

    return raised, raising


def with_root(base: Any, exponent: Any) -> Any:
    """The base of a power, complex where the power is."""
    is_known = not isinstance(exponent, Traced)
    if is_known and exponent == int(exponent) if is_known and abs(exponent) < 1e9 else False:
        if exponent < 0:
            refuse_zero(base)
        return base
    negative = base.is_negative() if isinstance(base, Traced) else base < 0  # type: ignore
    if not negative:
        return base
    whole = is_known and float(exponent).is_integer()
    if not is_known and not whole:
        whole = exponent.is_whole()  # type: ignore[attr-defined]
    return base if whole else base + 0j


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
