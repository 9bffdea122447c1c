"""`np.emath`: roots, logarithms and inverse functions that go over to complex numbers where a real
one has none.

Enters: traced numbers.  Leaves: the ordinary functions.  Whether any number lies outside is asked
when the function is traced (a guard under `jit`), because the dtype of the result depends on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...graph import op
from ...graph.op import Traced
from ..operands import ufuncs
from .elementwise import astype, still
from .register import array_like, implements

scimath = np.lib.scimath
SINGLE = "?bBhHef"  # dtypes of which single-precision complex numbers are made


def is_negative(x: Any) -> Any:
    return op.less(still(x), 0)


def is_beyond_one(x: Any) -> Any:
    return op.greater(op.abs(still(x)), 1)


def somewhere(mask: Any) -> bool:
    """Whether a mask is True anywhere."""
    return bool(op.any(mask, axes=tuple(range(type_of(mask).ndim))))


def strong(x: Any) -> Any:
    """Numbers as NumPy makes an array of them: Python's are of double precision."""
    x = array_like(x)
    return astype(x, type_of(x).dtype) if isinstance(x, Traced) else np.asarray(x)


def complex_where(x: Any, is_outside: Callable) -> Any:
    """The numbers, as complex ones if any of them lies outside."""
    x = strong(x)
    t = type_of(x)
    if t.dtype.kind == "c" or not somewhere(is_outside(x)):
        return x
    return astype(x, np.complex64 if t.dtype.char in SINGLE else np.complex128)


def extended(function: Callable, ufunc: np.ufunc, is_outside: Callable) -> None:
    """Register a function of one number."""

    def call(x: Any) -> Any:
        return ufuncs[ufunc](complex_where(x, is_outside))

    implements(function)(call)


extended(scimath.sqrt, np.sqrt, is_negative)
extended(scimath.log, np.log, is_negative)
extended(scimath.log2, np.log2, is_negative)
extended(scimath.log10, np.log10, is_negative)


def beside_the_cut(function: Callable, ufunc: np.ufunc, outside: Callable) -> None:
    """Register `arccos` or `arcsin`: beyond one, a real number lies on the cut of the complex
    function, and is taken for the one above it; `outside` gives both parts there, of the sign of x
    and of arccosh |x|."""

    def call(x: Any) -> Any:
        x = strong(x)
        if type_of(x).dtype.kind == "c" or not somewhere(is_beyond_one(x)):
            return ufuncs[ufunc](x)
        single = type_of(x).dtype.char in SINGLE
        x = astype(x, np.float32 if single else np.float64)
        beyond = is_beyond_one(x)
        within = ufuncs[ufunc](op.select(beyond, 0.0, x))
        height = op.arccosh(op.select(beyond, op.abs(x), 2.0))
        real, imaginary = outside(op.sign(still(x)), height)
        found = op.complex(op.select(beyond, real, within), op.select(beyond, imaginary, 0.0))
        return astype(found, np.complex64 if single else np.complex128)

    implements(function)(call)


beside_the_cut(scimath.arccos, np.arccos, lambda sign, height: (np.pi * (sign < 0), -height))
beside_the_cut(scimath.arcsin, np.arcsin, lambda sign, height: (0.5 * np.pi * sign, height))
extended(scimath.arctanh, np.arctanh, is_beyond_one)


@implements(scimath.logn)
def logn(n: Any, x: Any) -> Any:
    log = ufuncs[np.log]
    return op.div(log(complex_where(x, is_negative)), log(complex_where(n, is_negative)))


@implements(scimath.power)
def power(x: Any, p: Any) -> Any:
    x, p = complex_where(x, is_negative), strong(p)
    if type_of(p).dtype.kind in "iu" and somewhere(is_negative(p)):
        p = astype(p, float)
    return ufuncs[np.power](x, p)
