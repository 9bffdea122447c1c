"""Lambdas: in names, in tables, as arguments, as attributes, one in another."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check

square = lambda x: math.pow(x, 2.0)
ROWS = [lambda x, k=k: math.sin(k * x) for k in range(1, 4)]


class Model:
    curve = lambda self, x: math.exp(-x) * x

    def __init__(self):
        self.own = lambda x: math.tanh(x)


def apply(f, *values):
    return f(*values)


def test_in_names_and_tables():
    check(square, 0.3, 1.1)
    check(lambda x: sum(f(x) for f in ROWS) * square(x), 0.3, 1.1)


def test_as_arguments():
    check(lambda x: apply(lambda y, z: math.hypot(y, z), x, 2.0), 0.3, 1.1)
    check(lambda x: sorted([x, 2 * x, -x], key=lambda y: -math.exp(y))[0] ** 2, 0.3, 1.1)
    check(lambda x: max([x, x * x], key=lambda y: math.sin(y)), 0.3, 1.1)


def test_as_attributes():
    check(lambda x: Model().curve(x) + Model().own(x), 0.3, 1.1)


def test_one_in_another():
    check(lambda x: (lambda y: (lambda z: math.sin(z) * y)(y * x))(math.cos(x)), 0.3, 1.1)
    check((lambda a: lambda x: np.array([a, x]).prod() * math.sin(x))(2.0), 0.3, 1.1)


def test_with_assignment_expressions():
    check(lambda x: (y := math.sin(x)) * y + [z := math.cos(x), z][1], 0.3, 1.1)
