"""`np.vectorize`, as a call and as a decorator, and what applies functions along axes."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check

X, Y = np.array([0.3, 1.1, 0.4]), np.array([2.0, 1.5, 0.7])


@np.vectorize
def decorated(t):
    return math.sin(t) * t


@np.vectorize(otypes=[float])
def typed(t):
    return math.exp(-t) if t < 1.0 else math.sqrt(t)


BUILTIN = np.vectorize(math.sin)
TWO = np.vectorize(lambda a, b: math.hypot(a, b), excluded=[1])


class Model:
    curve = staticmethod(np.vectorize(math.cos))

    def __init__(self):
        self.own = np.vectorize(self.one)

    def one(self, t):
        return math.tanh(t)


def test_made_before():
    check(lambda x: decorated(x).sum() * BUILTIN(x).prod(), X, Y)
    check(lambda x: typed(x).sum() + TWO(x, 2.0).sum(), X, Y)
    model = Model()
    check(lambda x: Model.curve(x).sum() + model.own(x).sum(), X, Y)


def test_made_inside():
    check(lambda x: np.vectorize(lambda t: math.sin(t) * x[0])(x).sum(), X, Y)
    check(lambda x: np.vectorize(math.exp)(x).sum() + Model().own(x).sum(), X, Y)


def test_along_an_axis():
    table = np.arange(6.0).reshape(2, 3) + 1.0
    check(lambda x: np.apply_along_axis(lambda row: math.fsum(row * x), 1, table).prod(), X, Y)
    check(lambda x: np.sum(np.fromiter((math.sin(t) for t in x), float)), X, Y)


def test_piecewise():
    parts = [lambda t: np.sin(t), lambda t: t**2]
    check(lambda x: np.piecewise(x, [x < 1.0, x >= 1.0], parts).sum(), X, Y)
    check(lambda x: np.select([x < 1.0], [np.exp(x)], default=x**2).sum(), X, Y)
