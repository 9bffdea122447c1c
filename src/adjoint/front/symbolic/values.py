"""Plain values beside expressions: numbers and arrays as constants, and as values of symbols.

Enters: what a user writes beside an expression, or gives for a symbol.  Leaves: numbers and arrays
that are owned and numeric.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.dtypes import WEAK, python_kind, type_of
from ...base.errors import message
from ...graph.op import Traced
from ..operands import numeric

USUAL = frozenset(WEAK.values())  # dtypes beside which NumPy's numbers do as Python's do


def is_one(x: Any) -> bool:
    """Whether a value is the real number 1."""
    return (type(x) in (int, float) or isinstance(x, np.floating)) and x == 1


def known(x: Any) -> Any:
    """A plain value as a constant keeps it: Python's numbers for NumPy's of the same dtype, arrays
    of our own.

    Raises:
        TypeError: it is no number, and no array of numbers.
    """
    if type_of(x).dtype.kind not in "biufc":
        raise TypeError(
            message(
                f"a {type(x).__name__} became a part of an expression",
                expected="numbers, arrays of numbers, and expressions",
                instead="`ad.symbolic.parse(text)` for a text",
            )
        )
    if isinstance(x, np.ndarray) and not x.shape:
        x = x[()]
    if isinstance(x, np.generic):
        plain_kind = python_kind(x.dtype) if x.dtype.kind in "biufc" else None
        return x.item() if plain_kind in WEAK and WEAK[plain_kind] == x.dtype else x
    if isinstance(x, np.ndarray):
        own = np.array(numeric(x))
        own.flags.writeable = False
        return own
    return x


def given_for(name: str, value: Any, operation: str) -> Any:
    """A value for a symbol: a number, an array, or what is traced.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(value, Traced) or type(value) in WEAK:
        return value
    kind = type(value).__name__
    value = np.asarray(value) if not isinstance(value, np.generic) else value
    if value.dtype.kind not in "biufc":
        raise TypeError(
            message(
                f"the symbol {name} got a {kind}",
                expected="a number, an array of numbers, or an expression",
                operation=operation,
            )
        )
    return value
