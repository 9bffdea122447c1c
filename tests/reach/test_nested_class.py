"""Classes inside classes and inside functions."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check


class Solver:
    class Step:
        power = math.pow
        functions = (math.sin, math.cos)

        class Rule:
            package = np

            def weights(self, x):
                out = self.package.ones(2)
                out[1] = math.sqrt(x)
                return out

        def __init__(self, h):
            self.h = h

        def __call__(self, x):
            sine, cosine = self.functions
            return self.power(sine(x), 2.0) * self.h + cosine(x) * self.Rule().weights(x).sum()

    def run(self, x):
        return self.Step(0.1)(x) + Solver.Step.Rule().weights(x).prod()


def test_in_a_class():
    check(Solver().run, 0.3, 1.1)
    check(lambda x: Solver.Step(x)(x), 0.3, 1.1)


def test_in_a_function():
    def f(x):
        class Local:
            root = staticmethod(math.sqrt)
            scale = math.exp(x)

            class Inner:
                def value(self):
                    return math.tanh(x)

            def __call__(self, y):
                return self.root(y) * self.scale * self.Inner().value()

        return Local()(x)

    check(f, 0.3, 1.1)


def test_around_the_function():
    import math as own

    class Local:
        sine = own.sin

        def __call__(self, x):
            return own.exp(self.sine(x))

    check(lambda x: Local()(x), 0.3, 1.1)
    check(Local(), 0.3, 1.1)
