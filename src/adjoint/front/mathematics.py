"""Python's `math`, `cmath` and `statistics` for traced values.

Enters: one of the modules.  Leaves: its functions, which are the module's own on plain numbers
and NumPy's or SciPy's on traced ones.  What rounds to an integer answers from the value.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from statistics import StatisticsError
from types import ModuleType
from typing import Any

import numpy as np

from .operands import has_traced
from .protocols import unsupported
from .trace import Tensor

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
    traced = (STATISTICS if package == "statistics" else OWN).get(name)
    if package == "statistics" and traced is None:
        return plain
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
        with np.errstate(all="ignore"):
            result = traced(*args, **kwargs)
        if package == "math" and name in RAISING:
            refuse_as_python(result, args)
        return result

    return call


# Functions that raise where NumPy's give NaN or infinity.
RAISING = frozenset(
    "acos acosh asin atanh cosh exp exp2 expm1 fmod gamma ldexp lgamma log log10 log1p log2 pow"
    " remainder sinh sqrt tan".split()
)


def refuse_as_python(result: Any, args: tuple) -> None:
    """Raise where Python's function does."""
    if not isinstance(result, Tensor) or result.shape or not result.is_unsound():
        return
    if any(is_nan(x) for x in args):
        return
    if result.is_nan():
        raise ValueError("math domain error")
    if not any(is_infinite(x) for x in args):
        if result.is_negative():  # a logarithm of 0
            raise ValueError("math domain error")
        raise OverflowError("math range error")


def is_nan(x: Any) -> bool:
    return x.is_nan() if isinstance(x, Tensor) else x != x


def is_infinite(x: Any) -> bool:
    return (x.is_unsound() and not x.is_nan()) if isinstance(x, Tensor) else abs(x) == np.inf


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


def as_array(data: Any) -> Any:
    return np.stack(list(data))


def spread(rows: int, square: bool) -> Callable:
    """`statistics.variance` and its like: how much is taken off the count, and the root or not."""

    def call(data: Any, mu: Any = None) -> Any:
        x = as_array(data)
        if len(x) <= rows:
            raise StatisticsError(
                "variance requires at least two data points"
                if rows
                else "variance requires at least one data point"
            )
        found = np.sum((x - (np.mean(x) if mu is None else mu)) ** 2) / (len(x) - rows)
        return found if square else np.sqrt(found)

    return call


def mean(data: Any, weights: Any = None) -> Any:
    return np.average(as_array(data), weights=weights)


def covariance(x: Any, y: Any) -> Any:
    x, y = as_array(x), as_array(y)
    return np.sum((x - np.mean(x)) * (y - np.mean(y))) / (len(x) - 1)


def ordered(place: Callable[[int], tuple[int, int]]) -> Callable:
    """The mean of two of the sorted data."""

    def call(data: Any) -> Any:
        x = np.sort(as_array(data))
        low, high = place(len(x))
        return x[low] if low == high else (x[low] + x[high]) / 2

    return call


STATISTICS: dict[str, Callable] = {
    "correlation": lambda x, y: covariance(x, y) / np.sqrt(covariance(x, x) * covariance(y, y)),
    "covariance": covariance,
    "fmean": mean,
    "geometric_mean": lambda data: np.exp(np.mean(np.log(as_array(data)))),
    "harmonic_mean": lambda data, weights=None: 1.0 / mean(1.0 / as_array(data), weights),
    "mean": mean,
    "median": ordered(lambda n: ((n - 1) // 2, n // 2)),
    "median_high": ordered(lambda n: (n // 2, n // 2)),
    "median_low": ordered(lambda n: ((n - 1) // 2, (n - 1) // 2)),
    "pstdev": spread(0, False),
    "pvariance": spread(0, True),
    "stdev": spread(1, False),
    "variance": spread(1, True),
}

__all__ = ["functions_of"]
