"""Functions and modules as default arguments."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check


def wave(x, sine=math.sin, *, root=math.sqrt, package=np):
    out = package.zeros(2)
    out[0] = sine(x)
    out[1] = root(x)
    return out.sum()


def integrate(f, low, high, n=5, add=math.fsum):
    h = (high - low) / n
    return h * add([f(low + (k + 0.5) * h) for k in range(n)])


class Model:
    def __init__(self, activation=math.tanh):
        self.activation = activation

    def __call__(self, x, outer=math.exp):
        return outer(self.activation(x))


def test_of_the_function_itself():
    check(wave, 0.3, 1.1)


def test_of_a_function_that_it_calls():
    check(lambda x: wave(x) + wave(x, math.cos), 0.3, 1.1)
    check(lambda x: integrate(math.sin, 0.0, x), 0.3, 1.1)


def test_of_methods():
    check(Model(), 0.3, 1.1)
    check(lambda x: Model()(x) * Model(math.sin)(x, math.cos), 0.3, 1.1)


def test_of_lambdas():
    check(lambda x, f=math.sin: f(x) * x, 0.3, 1.1)
    functions = [lambda x, f=f, k=k: f(k * x) for k, f in enumerate([math.sin, math.cos], 1)]
    check(lambda x: functions[0](x) + functions[1](x), 0.3, 1.1)
