"""Names that the traced code comes across in unusual ways are looked at."""

from __future__ import annotations

import math

import numpy as np

import adjoint as ad

from .checks import check

TABLE = {"sine": math.sin, "inner": {"cosine": math.cos}}
WEIGHTS = np.array([1.0, 2.0])
OTHERS = [WEIGHTS * 2.0]


class Base:
    def value(self, x: float, scale=math.exp) -> float:
        return TABLE["sine"](x) * scale(x)


class Derived(Base):
    pass


def by_global_name(x: float) -> float:
    return globals()["TABLE"]["inner"]["cosine"](x) * 2.0


def by_vars(x: float) -> float:
    import sys

    module = sys.modules[__name__]
    return getattr(module, "TABLE")["sine"](x)  # noqa: B009


def made(names: list) -> object:
    """A function whose closure holds other functions: each time another one."""

    def call(x: float) -> float:
        return sum(TABLE[name](x) for name in names)

    return call


def through(functions: list) -> object:
    def call(x: float) -> float:
        return functions[0](x)

    return call


def uses_weights(x: float) -> float:
    return float(WEIGHTS.dot(np.array([x, x * x])))


def uses_others(x: float) -> float:
    return float(OTHERS[0] @ np.array([x, x * x]))


def test_names():
    check(lambda x: Derived().value(x), 0.3, 1.1)
    check(by_global_name, 0.3, 1.1)
    check(by_vars, 0.3, 1.1)
    check(made(["sine"]), 0.3, 1.1)
    check(through([uses_weights]), 0.3, 1.1)
    check(through([uses_others]), 0.3, 1.1)
    check(through([by_vars]), 0.3, 1.1)


def test_a_function_inside_another_trace():
    """What an inner function comes across was not known when the outer trace began."""

    def outer(x: float, inner: object) -> float:
        return ad.grad(inner)(x) * x

    for inner in (uses_weights, uses_others, by_vars, Derived().value):
        found = ad.grad(outer)(0.7, inner)
        step = 1e-5
        wanted = (outer(0.7 + step, inner) - outer(0.7 - step, inner)) / (2 * step)
        assert abs(found - wanted) < 1e-7
