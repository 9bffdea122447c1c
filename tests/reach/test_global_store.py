"""Stores to globals and nonlocals: uncompiled they take place as written."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check

import adjoint as ad

COUNT = 0
LAST = None
BACKEND = None
HISTORY: list = []


def counted(x):
    global COUNT
    COUNT += 1
    return math.sin(x) * COUNT / COUNT


def test_a_counter():
    before = COUNT
    assert ad.grad(counted)(0.3) == math.cos(0.3)
    ad.jacfwd(counted)(0.3)
    assert before + 2 == COUNT and type(COUNT) is int
    check(counted, 0.3, 1.1, jit=False)


def last(x):
    global LAST
    LAST = math.exp(x) * 2.0
    y = LAST * LAST
    LAST = 1.0
    return y


def test_a_value_that_is_read_again():
    check(last, 0.3, 1.1, jit=False, interrupted=False)
    assert LAST == 1.0


def left(x):
    global LAST
    LAST = math.exp(x)
    return LAST * x


def test_a_value_that_is_left_is_its_number():
    ad.grad(left)(0.3)
    assert (
        isinstance(LAST, float)
        and math.sin(LAST) == math.sin(math.exp(0.3))
        and float(LAST) == math.exp(0.3)
    )
    assert math.isclose(ad.grad(lambda x: x * LAST)(2.0), math.exp(0.3))


def chosen(x):
    global BACKEND
    BACKEND = math
    y = BACKEND.sin(x)
    BACKEND = np
    return y * BACKEND.array([x, 2.0]).sum()


def test_a_module_that_is_bound_to_a_global():
    check(chosen, 0.3, 1.1, jit=False, interrupted=False)
    assert BACKEND is np
    ad.grad(lambda x: BACKEND.array([x, x]).sum())(0.3)
    assert BACKEND is np


def test_a_module_that_an_object_is_given():
    class Model:
        xp = None

        def run(self, x):
            self.xp, self.root = np, math.sqrt
            return self.xp.array([self.root(x), x]).prod()

    model = Model()
    assert math.isclose(ad.grad(model.run)(0.3), 1.5 * math.sqrt(0.3))
    assert model.xp is np and model.root is math.sqrt


def test_a_name_that_is_bound_anew_between_two_traces():
    global BACKEND
    f = lambda x: BACKEND.exp(x)
    for module in (np, math):
        BACKEND = module
        assert ad.grad(f)(0.5) == math.exp(0.5)
        assert BACKEND is module
    BACKEND = math.sin
    assert ad.grad(lambda x: BACKEND(x))(0.5) == math.cos(0.5)
    BACKEND = math.exp
    assert ad.grad(lambda x: BACKEND(x))(0.5) == math.exp(0.5)
    assert BACKEND is math.exp


def test_a_global_that_the_function_deletes():
    def f(x):
        globals()["extra"] = math.sin(x)
        y = globals().pop("extra")
        return y * x

    check(f, 0.3, 1.1, jit=False, interrupted=False)


def test_a_nonlocal():
    total = 0.0
    function = math.sin

    def f(x):
        nonlocal total, function
        total = total + 1.0
        before, function = function, math.cos
        y = before(x) * function(x)
        function = before
        return y

    check(f, 0.3, 1.1, jit=False, interrupted=False)
    assert function is math.sin and type(total) is float and total > 10


def test_a_list_outside():
    def f(x):
        HISTORY.append(float(COUNT))
        return math.tan(x) * len(HISTORY) / len(HISTORY)

    check(f, 0.3, 1.1, jit=False)
    assert len(HISTORY) > 10
    HISTORY.clear()
