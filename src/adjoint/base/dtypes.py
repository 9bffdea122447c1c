"""Types of values: shape, dtype, and whether the value is a *weak* Python scalar.

Enters: any value (Python scalar, ndarray, or an object with `shape`, `dtype` and `weak`).  Leaves:
its `Type`, or the dtype that NumPy would give to a result.  The idea: NumPy's own promotion (NEP
50) is asked, never imitated; a Python scalar takes part as Python's type, which gives way to the
dtype of the array beside it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

WEAK = {
    bool: np.dtype(bool),
    int: np.dtype(np.int64),
    float: np.dtype(float),
    complex: np.dtype(complex),
}


class Type(NamedTuple):
    """What is known of a value without its numbers."""

    shape: tuple[int, ...]
    dtype: np.dtype
    weak: bool = False

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    def __str__(self) -> str:
        inside = ",".join(map(str, self.shape))
        return f"{self.dtype.name}[{inside}]" + ("~" if self.weak else "")


new_tuple = tuple.__new__  # a named tuple made without its Python-level constructor


def type_of(value: Any) -> Type:
    """The `Type` of a Python scalar, an array, or anything with `shape` and `dtype`."""
    kind = type(value)
    if kind is np.ndarray:
        return new_tuple(Type, (value.shape, value.dtype, False))
    if kind in WEAK:
        return new_tuple(Type, ((), WEAK[kind], True))
    if kind is Type:
        return value
    try:
        return Type(value.shape, value.dtype, getattr(value, "weak", False))
    except AttributeError:
        array = np.asarray(value)
        return Type(array.shape, array.dtype)


def readable(value: Any) -> str:
    """A value's type as an error message names it: `float`, `float64`, `float64[2,3]`."""
    t = type_of(value)
    if t.weak:
        return python_kind(t.dtype).__name__
    return str(t) if t.shape else t.dtype.name


def python_kind(dtype: np.dtype) -> type:
    """Python's scalar type for a dtype."""
    return {"b": bool, "i": int, "u": int, "f": float, "c": complex}[dtype.kind]


def promoting(t: Type) -> Any:
    """What stands for the type where NumPy promotes: Python's type for a weak scalar, the dtype
    otherwise."""
    return python_kind(t.dtype) if t.weak else t.dtype


def is_inexact(dtype: np.dtype) -> bool:
    """Whether derivatives exist for the dtype: a float or a complex one."""
    return dtype.kind in "fc"


def result_type(*types: Type) -> Type:
    """NumPy's promotion of several types, shapes left aside: a `Type` of shape ()."""
    weak = all(t.weak for t in types)
    return Type((), result_dtype(tuple(promoting(t) for t in types)), weak)


@lru_cache(maxsize=4096)
def result_dtype(operands: tuple[Any, ...]) -> np.dtype:
    """NumPy's promotion of dtypes and Python scalar types."""
    return np.result_type(*[kind(0) if kind in WEAK else kind for kind in operands])


@lru_cache(maxsize=4096)
def ufunc_dtype(ufunc: np.ufunc, operands: tuple[Any, ...]) -> np.dtype:
    """The dtype of a ufunc's (first) output for operands given as dtypes or Python scalar types."""
    if all(kind in WEAK for kind in operands):
        operands = tuple(WEAK[kind] for kind in operands)
    operands = tuple(np.dtype(bool) if kind is bool else kind for kind in operands)
    return ufunc.resolve_dtypes(operands + (None,) * ufunc.nout)[ufunc.nin]


REAL: dict[str, np.dtype] = {
    "F": np.dtype(np.float32),
    "D": np.dtype(np.float64),
    "G": np.dtype(np.longdouble),
}


def real_dtype(dtype: np.dtype) -> np.dtype:
    """The real dtype of a complex one; any other dtype itself."""
    return REAL.get(dtype.char, dtype)


def complex_dtype(dtype: np.dtype) -> np.dtype:
    """The complex dtype that holds a real one."""
    return np.result_type(dtype, np.complex64)
