"""The dear functions: mathlib's where it has them, compositions of these, SciPy's otherwise.

Enters: names of elementwise code that stand in no table of exact operations.  Leaves: how each is
written.  What mathlib has is asked when code is generated.  Compositions follow SciPy's formulas
and compute in double where SciPy's single precision does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..builder import Builder, Value
from ..mathlib.registry import FUNCTIONS
from .arithmetic import rounding
from .external import call_external, external_signature, scipy_loop
from .table import DOUBLE, OPERATIONS, Loop, loop_of

SCIPY_NAMES = {
    "special_expm1": "expm1",
    "special_log1p": "log1p",
    "special_cbrt": "cbrt",
    "special_exp2": "exp2",
    "special_round": "round",
}
SEVERAL = ("fresnel", "sici", "shichi", "airy")
NUMPY_STEPS = {
    "complex": "complex results",
    "lambertw": "complex results",
    "wofz": "complex results",
    "hurwitz_zeta": "SciPy exports no C function for it",
    "riemann_zeta": "SciPy exports no C function for it",
    "polygamma": "a composition that NumPy evaluates",
    "gammainc_by_order": "an integral that NumPy evaluates",
}


class Composition(NamedTuple):
    """A formula: what it needs of mathlib, and whether float32 computes in double."""

    write: Callable[..., Value]
    needs: tuple[str, ...]
    wide: bool


COMPOSITIONS: dict[str, Composition] = {}


def composition(name: str, *needs: str, wide: bool = True) -> Callable:
    """Register a formula `(builder, *values)` for a function of SciPy."""

    def register(write: Callable[..., Value]) -> Callable[..., Value]:
        COMPOSITIONS[name] = Composition(write, needs, wide)
        return write

    return register


@composition("special_round", wide=False)
def write_round(b: Builder, x: Value) -> Value:
    """To the nearest, to even; what is rounded to zero is +0."""
    found = rounding(b, "rint", x)
    zero = b.integer("and", b.compare("oeq", found, 0.0), b.compare("une", x, 0.0))
    return b.select(zero, 0.0, found)


def times_log(function: str) -> Callable[..., Value]:
    """x function(y), and 0 where x is 0 and y a number."""

    def write(b: Builder, x: Value, y: Value) -> Value:
        none = b.integer("and", b.compare("oeq", x, 0.0), b.compare("ord", y, y))
        return b.select(none, 0.0, x * b.function(function, y))

    return write


composition("xlogy", "log", wide=False)(times_log("log"))
composition("xlog1py", "log1p", wide=False)(times_log("log1p"))


@composition("entr", "log")
def write_entr(b: Builder, x: Value) -> Value:
    rest = b.select(b.compare("oeq", x, 0.0), 0.0, b.constant(x.kind, -math.inf))
    found = b.neg(x) * b.function("log", x)
    return b.select(b.compare("ogt", x, 0.0), found, b.select(b.is_nan(x), x, rest))


@composition("kl_div", "log")
def write_kl_div(b: Builder, x: Value, y: Value) -> Value:
    x, y = b.together(x, y)
    found = x * b.function("log", x / y) - x + y
    return positive_pair(b, x, y, found, y)


def positive_pair(b: Builder, x: Value, y: Value, inside: Value, border: Any) -> Value:
    """`inside` for positive x and y, `border` where x is 0 and y is not negative, else infinite."""
    both = b.integer("and", b.compare("ogt", x, 0.0), b.compare("ogt", y, 0.0))
    edge = b.integer("and", b.compare("oeq", x, 0.0), b.compare("oge", y, 0.0))
    rest = b.select(edge, border, b.constant(x.kind, math.inf))
    rest = b.select(b.compare("uno", x, y), math.nan, rest)
    return b.select(both, inside, rest)


@composition("rel_entr", "log", "log1p")
def write_rel_entr(b: Builder, x: Value, y: Value) -> Value:
    """x log(x/y), by log1p where the two are close, by two logarithms where x/y is out of range."""
    x, y = b.together(x, y)
    ratio = x / y
    near = b.integer("and", b.compare("ogt", ratio, 0.5), b.compare("olt", ratio, 2.0))
    plain = b.integer("and", b.compare("ogt", ratio, 2.0**-1022), b.compare("olt", ratio, math.inf))
    apart = b.function("log", x) - b.function("log", y)
    found = b.select(plain, b.function("log", ratio), apart)
    found = b.select(near, b.function("log1p", (x - y) / y), found)
    return positive_pair(b, x, y, x * found, 0.0)


@composition("huber")
def write_huber(b: Builder, width: Value, x: Value) -> Value:
    size = b.abs(x)
    inside = b.compare("ole", size, width)
    found = b.select(inside, 0.5 * x * x, width * (size - 0.5 * width))
    return b.select(b.compare("olt", width, 0.0), math.inf, found)


@composition("pseudo_huber")
def write_pseudo_huber(b: Builder, width: Value, x: Value) -> Value:
    """width**2 (sqrt(1 + (x/width)**2) - 1), without cancellation (better than SciPy's)."""
    ratio = x / width
    square = ratio * ratio
    found = square / (b.sqrt(square + 1.0) + 1.0)
    found = b.select(b.compare("oeq", square, math.inf), square, found)
    found = width * width * found
    none = b.integer("or", b.compare("oeq", width, 0.0), b.compare("oeq", x, 0.0))
    found = b.select(none, 0.0, found)
    return b.select(b.compare("olt", width, 0.0), math.inf, found)


# ------------------------------------------------------------------------------------------ choices


def mathlib_name(name: str) -> str | None:
    """The function of mathlib that computes this, if it has one."""
    found = SCIPY_NAMES.get(name, name)
    return found if found in FUNCTIONS else None


def composed(name: str) -> Composition | None:
    """The formula, if mathlib has all that it needs."""
    found = COMPOSITIONS.get(name)
    return found if found and all(n in FUNCTIONS for n in found.needs) else None


@lru_cache(maxsize=4096)
def special_loop(name: str, operands: tuple[np.dtype, ...]) -> Loop:
    """The dtypes in which a dear function computes; `TypeError` where there is no such loop."""
    if name == "sinc":
        dtype = operands[0] if operands[0].kind == "f" else DOUBLE
        return (dtype,), dtype
    ufunc = getattr(np, name, None)
    if isinstance(ufunc, np.ufunc):
        return loop_of(ufunc, operands)
    return scipy_loop(SCIPY_NAMES.get(name, name), operands)


def special_reason(name: str, loop: Loop) -> str | None:
    """Why there is no native code for a loop of a dear function; None where there is."""
    if mathlib_name(name) or composed(name):
        if all(d.kind == "f" for d in (*loop[0], loop[1])):
            return None
    if name == "sinc" or isinstance(getattr(np, name, None), np.ufunc):
        return f"mathlib has no {name} yet"
    if external_signature(SCIPY_NAMES.get(name, name), loop) is None:
        return f"SciPy exports no C function for this loop of {name}"
    return None


def write_special(b: Builder, name: str, loop: Loop, *values: Value) -> Value:
    """mathlib's function, a formula, or calls of SciPy's; values in the loop's dtypes."""
    is_float = all(d.kind == "f" for d in (*loop[0], loop[1]))
    if is_float and (found := mathlib_name(name)):
        return b.function(found, *values)
    if is_float and (formula := composed(name)):
        values = b.together(*values)
        kind = values[0].kind
        if formula.wide and kind == "float":
            values = tuple([b.cast("fpext", v, "double") for v in values])
            return b.cast("fptrunc", formula.write(b, *values), "float")
        return formula.write(b, *values)
    signature = external_signature(SCIPY_NAMES.get(name, name), loop)
    if signature is None:
        raise TypeError(special_reason(name, loop))
    return call_external(b, signature, values)


def is_special(name: str) -> bool:
    """Whether a name is not in the table of exact operations."""
    return name not in OPERATIONS
