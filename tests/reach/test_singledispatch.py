"""`functools.singledispatch` and `singledispatchmethod`: traced values count as what they are."""

from __future__ import annotations

import functools
import math
import numbers

import numpy as np
import pytest
from reach.checks import check

import adjoint as ad


@functools.singledispatch
def size(x):
    raise TypeError(type(x).__name__)


@size.register(float)
def _(x):
    return math.sin(x)


@size.register(np.ndarray)
def _(x):
    return np.array([x[0], 2.0]).prod() + math.exp(x[-1])


@size.register(list)
def _(x):
    return sum(size(y) for y in x)


@functools.singledispatch
def general(x):
    return 0.0


@general.register
def _(x: numbers.Real):
    return math.sqrt(x)


class Model:
    @functools.singledispatchmethod
    def value(self, x):
        raise TypeError(type(x).__name__)

    @value.register
    def _(self, x: float):
        return math.tanh(x)

    @value.register
    def _(self, x: list):
        return sum(self.value(y) for y in x)


TABLE = {"size": size}
SLOPE = ad.grad(size)  # which has the attributes of what it is the derivative of


def test_the_function_itself():
    check(size, 0.3, 1.1)
    check(size, np.array([0.3, 1.1]), np.array([2.0, 0.5]))


def test_a_function_that_is_called():
    check(lambda x: size(x) * size([x, 2.0 * x]) + general(x), 0.3, 1.1)
    check(lambda x: TABLE["size"](x), 0.3, 1.1)


def test_a_derivative_is_not_taken_for_the_function():
    check(lambda x: SLOPE(x) * x, 0.3, 1.1)
    assert ad.jit(SLOPE)(0.3) == pytest.approx(math.cos(0.3), rel=1e-15)


def test_a_method():
    check(lambda x: Model().value(x) * Model().value([x, x * x]), 0.3, 1.1)
    model = Model()
    check(lambda x: model.value(x), 0.3, 1.1)
