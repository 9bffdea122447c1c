"""Elementwise operations as LLVM IR, with NumPy's results.

Enters: the name of a primitive's scalar code, dtypes, and values of any number of lanes.  Leaves: a
value.  `emit` converts the operands to the dtypes in which NumPy's ufunc would compute, writes the
operation, and converts its result; `supports` tells beforehand why it cannot.  `combine`,
`identity` and `horizontal` serve reductions.

Exact operations give NumPy's bits (of a NaN, only that it is one).  Where NumPy's own result
depends on an element's place in the array (the sign of fmax(0.0, -0.0), floats out of the range of
uint32), it is that of NumPy's vector loops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..builder import Builder, Value
from ..mathlib.registry import FUNCTIONS
from . import arithmetic, rounding  # noqa: F401  (they fill the table)
from .external import Signature, external_address, external_signature
from .special import NUMPY_STEPS, SEVERAL, is_special, special_loop, special_reason, write_special
from .table import OPERATIONS, Loop, convert, kind_of, loop_dtypes, native

__all__ = [
    "OPERATIONS",
    "Signature",
    "combine",
    "convert",
    "emit",
    "external_address",
    "external_signature",
    "horizontal",
    "identity",
    "kind_of",
    "loop_for",
    "supports",
]


def loop_for(name: str, operands: tuple[np.dtype, ...], result: np.dtype) -> Loop:
    """The dtypes in which an operation computes; `TypeError` where there is no such loop."""
    return special_loop(name, operands) if is_special(name) else loop_dtypes(name, operands, result)


def supports(name: str, result: Any, operands: Sequence[np.dtype]) -> str | None:
    """Why an operation has no native code for these dtypes; None where it has."""
    if name in NUMPY_STEPS:
        return NUMPY_STEPS[name]
    if name in SEVERAL or isinstance(result, tuple):
        return "several results"
    result, operands = np.dtype(result), tuple([np.dtype(d) for d in operands])
    for dtype in (*operands, result):
        if not native(dtype):
            return f"{dtype} is no native dtype"
    try:
        loop = loop_for(name, operands, result)
    except (TypeError, ImportError) as error:
        return str(error).replace("\n", " ") or "NumPy has no such operation"
    for dtype in (*loop[0], loop[1]):
        if not native(dtype):
            return f"NumPy computes it in {dtype}, which is no native dtype"
    if is_special(name):
        return special_reason(name, loop)
    if name == "pow" and loop[1].kind == "f" and name not in FUNCTIONS:
        return "mathlib has no pow yet"
    return None


def emit(
    builder: Builder,
    name: str,
    result: np.dtype,
    operands: Sequence[np.dtype],
    parameters: dict[str, Any],
    *values: Value,
) -> Value:
    """Write an operation on values of the dtypes `operands`, giving one of the dtype `result`.

    Raises `TypeError`, with the reason that `supports` gives, where there is no native code.
    """
    operands = tuple(operands)
    reason = supports(name, result, operands)
    if reason is not None:
        raise TypeError(f"{name}: {reason}")
    loop = loop_for(name, operands, result)
    values = tuple(
        [convert(builder, v, d, e) for v, d, e in zip(values, operands, loop[0], strict=True)]
    )
    if is_special(name):
        found = write_special(builder, name, loop, *values)
    else:
        found = OPERATIONS[name].write(builder, loop[1], loop[0], parameters, *values)
    return convert(builder, found, loop[1], result)


# --------------------------------------------------------------------------------------- reductions

COMBINES = {
    "sum": "add",
    "prod": "mul",
    "max": "maximum",
    "min": "minimum",
    "any": "logical_or",
    "all": "logical_and",
    "or": "logical_or",
    "and": "logical_and",
    "xor": "logical_xor",
}
IDENTITIES = {
    "add": 0,
    "mul": 1,
    "logical_or": 0,
    "logical_xor": 0,
    "logical_and": 1,
    "bitwise_or": 0,
    "bitwise_xor": 0,
    "bitwise_and": -1,
    "gcd": 0,
    "lcm": 1,
    "hypot": 0.0,
    "logaddexp": -math.inf,
    "logaddexp2": -math.inf,
    "fmax": math.nan,
    "fmin": math.nan,
}


def combine(builder: Builder, name: str, dtype: np.dtype, a: Value, b: Value) -> Value:
    """One step of a reduction, named by its operation or itself; NaN wins in max and min."""
    dtype = np.dtype(dtype)
    return emit(builder, COMBINES.get(name, name), dtype, (dtype, dtype), {}, a, b)


def identity(name: str, dtype: np.dtype) -> Any:
    """The number that changes nothing: of a max or min the least or the greatest of its dtype."""
    name, dtype = COMBINES.get(name, name), np.dtype(dtype)
    if name in ("maximum", "minimum") or (name in ("fmax", "fmin") and dtype.kind != "f"):
        sign = -1 if name in ("maximum", "fmax") else 1
        if dtype.kind == "f":
            return dtype.type(sign * math.inf)
        if dtype.kind == "b":
            return np.bool_(sign > 0)
        limits = np.iinfo(dtype)
        return dtype.type(limits.min if sign < 0 else limits.max)
    number = IDENTITIES[name]
    if number == -1:
        return ~dtype.type(0)
    return dtype.type(number)


def horizontal(builder: Builder, name: str, dtype: np.dtype, vector: Value) -> Value:
    """The lanes of a vector combined: the lower half with the upper half, until one is left."""
    while vector.lanes > 1:
        half = vector.lanes // 2
        low, high = builder.part(vector, 0, half), builder.part(vector, 1, half)
        vector = combine(builder, name, dtype, low, high)
    return vector
