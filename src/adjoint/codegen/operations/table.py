"""The table of elementwise operations, and the conversions between dtypes.

Enters: a name, `write(builder, result, operands, parameters, *values)` and a rule that tells the
dtypes it computes in.  Leaves: `OPERATIONS`.  NumPy is asked which loop a ufunc takes; here stand
only the few operations that are no ufunc.

A value's kind tells its width, its NumPy dtype whether it is signed; a boolean is an `i1`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..builder import FLOATS, INTEGERS, Builder, Value, suffix

BOOL = np.dtype(np.bool_)
DOUBLE = np.dtype(np.float64)
INT = np.dtype(np.intc)
KINDS = {"f8": "double", "f4": "float", "b1": "i1"}

Loop = tuple[tuple[np.dtype, ...], np.dtype]  # the dtypes of the operands and of the result
Write = Callable[..., Value]


class Operation(NamedTuple):
    """How an elementwise operation is written, and in which dtypes it computes.

    `loop(operands, result)` raises `TypeError` where NumPy has no such operation.
    """

    write: Write
    loop: Callable[[tuple[np.dtype, ...], np.dtype], Loop]


OPERATIONS: dict[str, Operation] = {}


def native(dtype: np.dtype) -> bool:
    """Whether values of the dtype fit into registers: booleans, integers, float32 and float64."""
    return dtype.isnative and (
        dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize in (4, 8))
    )


def kind_of(dtype: Any) -> str:
    """LLVM's kind of a value in a register."""
    dtype = np.dtype(dtype)
    if not native(dtype):
        raise TypeError(f"no register holds {dtype}")
    return KINDS.get(dtype.str[1:], f"i{8 * dtype.itemsize}")


def loop_of(ufunc: np.ufunc, operands: tuple[np.dtype, ...]) -> Loop:
    """The dtypes in which a ufunc computes its first result."""
    found = ufunc.resolve_dtypes(operands + (None,) * ufunc.nout)
    return tuple(found[: ufunc.nin]), found[ufunc.nin]


def operation(
    *names: str, ufunc: str | np.ufunc | None = None, loop: Callable | None = None
) -> Callable[[Write], Write]:
    """Register how operations are written; NumPy's ufunc has the same name if none is given."""

    def register(write: Write) -> Write:
        for name in names:
            found = ufunc if isinstance(ufunc, np.ufunc) else getattr(np, ufunc or name, None)
            rule = loop or (lambda operands, result, found=found: loop_of(found, operands))
            OPERATIONS[name] = Operation(write, rule)
        return write

    return register


# -------------------------------------------------------------------------------------- conversions


@operation("convert", loop=lambda operands, result: (operands, result))
def write_convert(b: Builder, result: Any, operands: Any, parameters: Any, x: Value) -> Value:
    """`astype`."""
    return convert(b, x, operands[0], result)


def convert(b: Builder, x: Value, source: np.dtype, target: np.dtype) -> Value:
    """The value in another dtype, as `astype` has it."""
    if source == target:
        return x
    kind = kind_of(target)
    if target.kind == "b":
        return b.compare("une" if x.kind in FLOATS else "ne", x, 0)
    if source.kind == "f":
        if target.kind == "f":
            return b.cast("fpext" if kind == "double" else "fptrunc", x, kind)
        return to_integer(b, x, target)
    signed = source.kind == "i"
    if target.kind == "f":
        return b.cast("sitofp" if signed else "uitofp", x, kind)
    if INTEGERS[kind] > INTEGERS[x.kind]:
        return b.cast("sext" if signed else "zext", x, kind)
    return b.cast("trunc", x, kind)


def to_integer(b: Builder, x: Value, target: np.dtype) -> Value:
    """A float as an integer: cut off, and out of range what the processor's instruction gives.

    NumPy leaves the latter to the C compiler: on x86 it converts to i32 or i64, which gives the
    least integer where that is out of range, and shifts the upper half of u32 and u64 by half the
    range; on ARM it saturates.  (Out of the range of u32 NumPy's results depend on the element's
    place in the array; these are those of its vector loop.)
    """
    kind, signed = kind_of(target), target.kind == "i"
    width = max(32, INTEGERS[kind])
    wide = f"i{width}"
    if is_arm(b):
        name = f"llvm.fpto{'s' if signed else 'u'}i.sat"
        result = Value(b, "", wide, x.lanes)
        found = b.call(f"{name}.{suffix(result)}.{suffix(x)}", wide, x.lanes, x)
        return b.cast("trunc", found, kind)
    half = 2.0 ** (width - 1)
    upper = None
    if not signed and INTEGERS[kind] == width:
        upper = b.compare("oge", x, half)
        x = b.select(upper, x - half, x)
    fits = b.integer("and", b.compare("oge", x, -half), b.compare("olt", x, half))
    found = b.cast("fptosi", b.select(fits, x, 0.0), wide)
    least = 1 << (width - 1)
    found = b.select(fits, found, least)
    if upper is not None:
        found = b.select(upper, b.integer("xor", found, least), found)
    return b.cast("trunc", found, kind)


def is_arm(b: Builder) -> bool:
    """Whether code is generated for an ARM processor."""
    return b.target.triple.startswith(("aarch64", "arm64"))


@lru_cache(maxsize=4096)
def loop_dtypes(name: str, operands: tuple[np.dtype, ...], result: np.dtype) -> Loop:
    """The dtypes in which an operation computes; `TypeError` where NumPy has no such loop."""
    return OPERATIONS[name].loop(operands, result)
