"""Functions of `operator`."""

from __future__ import annotations

import functools
import math
import operator

import numpy as np
import pytest
from reach.checks import check

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.mod,
    operator.floordiv,
]


@pytest.mark.parametrize("f", BINARY)
def test_of_two(f):
    check(lambda x: f(x, 0.7) + f(2.5, x) + x * x, 0.3, 1.1)


def test_of_one():
    check(operator.neg, 0.3, 1.1)
    check(lambda x: operator.abs(operator.neg(x)) * operator.pos(x), 0.3, 1.1)


def test_in_place():
    def f(x):
        y = np.array([x, 2.0])
        z = operator.iadd(y, x)
        operator.imul(z, 2.0)
        operator.setitem(y, 1, math.sin(x))
        return operator.getitem(y, 0) * y[1]

    check(f, 0.3, 1.1)


def test_those_that_are_made():
    check(lambda x: operator.itemgetter(0, 1)([math.sin(x), x])[0], 0.3, 1.1)
    check(lambda x: operator.attrgetter("sin")(math)(x), 0.3, 1.1)
    check(lambda x: operator.methodcaller("exp", x)(math) * x, 0.3, 1.1)
    check(lambda x: operator.matmul(np.array([x, 2.0]), np.array([x, x])), 0.3, 1.1)


def test_comparisons():
    f = lambda x: math.sin(x) if operator.lt(x, 0.5) and operator.ne(x, 0.0) else math.exp(x)
    check(f, 0.3, 1.1)


def test_with_others():
    check(lambda x: functools.reduce(operator.mul, [x, math.sin(x), 2.0]), 0.3, 1.1)
    check(lambda x: sum(map(operator.mul, [x, x * x], [1.0, 2.0])), 0.3, 1.1)
