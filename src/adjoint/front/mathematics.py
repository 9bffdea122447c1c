"""Python's `math` and `cmath` for traced values.

Enters: one of the two modules.  Leaves: its functions, which are the module's own on plain numbers
and NumPy's or SciPy's on traced ones.  What rounds to an integer answers from the value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from .operands import has_traced
from .protocols import unsupported

UFUNCS = (
    "acos acosh asin asinh atan atan2 atanh cbrt copysign cos cosh degrees exp exp2 expm1 fabs fmod"
    " hypot isfinite isinf isnan ldexp log10 log1p log2 nextafter pow radians sin sinh sqrt tan"
    " tanh"
).split()
NUMPYS = {
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "pow": "power",
}
SCIPYS = {"erf": "erf", "erfc": "erfc", "gamma": "gamma", "lgamma": "gammaln"}


def functions_of(module: ModuleType) -> dict[str, Callable]:
    """The functions of `math` or `cmath` that take traced values too."""
    found: dict[str, Callable] = {}
    for name in dir(module):
        plain = getattr(module, name)
        if name.startswith("_") or not callable(plain):
            continue
        found[name] = chosen(module.__name__, name, plain)
    return found


def chosen(package: str, name: str, plain: Callable) -> Callable:
    """A function of the module: its own on plain numbers."""
    traced = OWN.get(name)
    if traced is None and name in UFUNCS:
        ufunc = getattr(np, NUMPYS.get(name, name))
        traced = (lambda *x: bool(ufunc(*x))) if name.startswith("is") else ufunc
    if traced is None and name in SCIPYS:
        traced = lambda x: getattr(import_module("scipy.special"), SCIPYS[name])(x)

    @wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not has_traced(*args, *kwargs.values()):
            return plain(*args, **kwargs)
        if traced is None:
            raise unsupported(f"{package}.{name}")
        if package == "cmath" and name not in REAL:
            args = tuple([x + 0j for x in args])
        return traced(*args, **kwargs)

    return call


REAL = ("phase", "polar", "rect", "isnan", "isinf", "isfinite")  # of cmath


def logarithm(x: Any, base: Any = None) -> Any:
    return np.log(x) if base is None else np.log(x) / np.log(base)


def whole(what: str) -> Callable:
    """A function that gives an integer, which is locally constant."""

    def call(x: Any) -> int:
        return int(getattr(np, what)(x))

    return call


def total(numbers: Any) -> Any:
    return sum(numbers)


def product(numbers: Any, *, start: Any = 1) -> Any:
    result = start
    for x in numbers:
        result = result * x
    return result


def distance(p: Any, q: Any) -> Any:
    return np.sqrt(sum([(a - b) ** 2 for a, b in zip(p, q, strict=True)]))


def length(*parts: Any) -> Any:
    if len(parts) == 2:
        return np.hypot(*parts)
    return np.sqrt(sum([x * x for x in parts]))


def dot(p: Any, q: Any) -> Any:
    return sum([a * b for a, b in zip(p, q, strict=True)])


def isclose(a: Any, b: Any, *, rel_tol: float = 1e-09, abs_tol: float = 0.0) -> bool:
    gap = np.abs(a - b)
    return bool(gap <= np.maximum(rel_tol * np.maximum(np.abs(a), np.abs(b)), abs_tol)) or bool(
        a == b
    )


def polar(z: Any) -> tuple[Any, Any]:
    return np.abs(z), np.angle(z)


OWN: dict[str, Callable] = {
    "ceil": whole("ceil"),
    "dist": distance,
    "floor": whole("floor"),
    "fma": lambda a, b, c: a * b + c,
    "fsum": total,
    "hypot": length,
    "isclose": isclose,
    "log": logarithm,
    "modf": lambda x: (np.modf(x)[0], np.modf(x)[1]),
    "phase": lambda z: np.angle(z),
    "polar": polar,
    "prod": product,
    "rect": lambda r, phi: r * (np.cos(phi) + 1j * np.sin(phi)),
    "remainder": lambda x, y: x - y * np.rint(x / y),
    "sumprod": dot,
    "trunc": whole("trunc"),
}

__all__ = ["functions_of"]
