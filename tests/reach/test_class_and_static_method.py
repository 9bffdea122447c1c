"""Class methods and static methods, libraries' functions among them."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check


class Shape:
    scale = 2.0
    sine = staticmethod(math.sin)
    power = math.pow
    curve = np.exp
    array = np.array
    build = staticmethod(np.zeros)

    def __init__(self, x):
        self.x = x

    @staticmethod
    def area(x):
        return math.pi * math.pow(x, 2.0)

    @classmethod
    def made(cls, x):
        return cls(math.sqrt(x) * cls.scale)

    @classmethod
    def total(cls, x):
        out = cls.build(2)
        out[0], out[1] = cls.area(x), cls.sine(x)
        return out.sum()

    def value(self):
        return self.sine(self.x) * self.power(self.x, 2.5) + self.curve(-self.x)

    def both(self):
        return self.array([self.x, 2.0]).prod()


class Larger(Shape):
    scale = 3.0
    sine = staticmethod(math.cos)


def test_static_methods():
    check(Shape.area, 0.3, 1.1)
    check(lambda x: Shape.area(x) + Shape(x).area(x) * Shape.sine(x), 0.3, 1.1)


def test_class_methods():
    check(Shape.total, 0.3, 1.1)
    check(lambda x: Shape.made(x).value() + Larger.made(x).value(), 0.3, 1.1)
    check(lambda x: Larger.total(x) * Larger(x).total(x), 0.3, 1.1)


def test_functions_of_libraries_do_not_bind():
    check(lambda x: Shape(x).value() * Shape(x).both(), 0.3, 1.1)
    check(lambda x: Shape.power(x, 3.0) + Shape.curve(x), 0.3, 1.1)


def test_in_a_class_that_is_made_inside():
    def f(x):
        class Local:
            sine = math.sin
            curve = np.exp
            root = staticmethod(math.sqrt)

            def value(self):
                return self.sine(x) * self.curve(x) + self.root(x)

        return Local().value()

    check(f, 0.3, 1.1)
