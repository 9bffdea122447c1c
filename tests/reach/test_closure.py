"""Closures over imports, functions, arrays and objects, at hand or behind other functions."""

from __future__ import annotations

import functools
import math

import numpy as np
from reach.checks import check

import adjoint as ad


def make(scale=2.0):
    import math as own
    from math import exp

    import numpy as xp

    weights = xp.array([1.0, 2.0, 3.0])

    def f(x):
        out = xp.zeros(3)
        for k in range(3):
            out[k] = own.sin(k * x) * exp(-x)
        return weights.dot(out) * scale + x

    return f


MADE = make()
BEHIND = {"made": make(3.0), "list": [make(4.0)]}


def compose(*functions):
    return functools.reduce(lambda f, g: lambda x: g(f(x)), functions)


COMPOSED = compose(math.sin, MADE, np.exp, math.tanh)


def test_the_function_itself():
    check(MADE, 0.3, 1.1)
    check(make(), 0.3, 1.1)
    check(compose(math.sin, math.exp, np.array), 0.3, 1.1)


def test_behind_a_global_function():
    check(lambda x: MADE(x) * x, 0.3, 1.1)
    check(lambda x: COMPOSED(x) + x, 0.3, 1.1)
    check(lambda x: BEHIND["made"](x) + BEHIND["list"][0](x), 0.3, 1.1)


def test_behind_a_local_function():
    made, composed = make(), compose(math.cos, make(1.0))
    check(lambda x: made(x) * composed(x), 0.3, 1.1)


def test_a_module_in_a_variable():
    for module in (math, np):
        check(lambda x, m=module: m.sin(x) * m.exp(x), 0.3, 1.1)

        def f(x):
            return module.sin(x) * module.exp(x)  # noqa: B023

        check(f, 0.3, 1.1)


def test_a_long_chain():
    f = compose(*[math.sin] * 60)
    check(f, 0.3, 1.1)


def test_a_variable_that_is_not_yet_bound():
    def f(x):
        def g(y):
            return h(y) * 2.0

        def h(y):
            return math.sin(y)

        return g(x)

    check(f, 0.3, 1.1)


def test_a_function_that_knows_itself():
    def outer():
        import math as own

        def f(x, n=3):
            return own.sin(x) if n == 0 else f(own.cos(x), n - 1) * x

        return f

    f = outer()
    check(f, 0.3, 1.1)
    check(lambda x: f(x, 2), 0.3, 1.1)


def test_a_closure_that_an_object_holds():
    class Model:
        def __init__(self):
            self.f = make()

    model = Model()
    check(lambda x: model.f(x), 0.3, 1.1)
    assert ad.grad(lambda x: Model().f(x))(0.3) == ad.grad(model.f)(0.3)
