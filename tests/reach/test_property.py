"""Properties, cached ones, setters, and descriptors of one's own."""

from __future__ import annotations

import functools
import math

import numpy as np
from reach.checks import check


class Logarithmic:
    """A descriptor that keeps the logarithm."""

    def __init__(self, function=math.log):
        self.function = function

    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner=None):
        return self if instance is None else math.exp(instance.__dict__[self.name])

    def __set__(self, instance, value):
        instance.__dict__[self.name] = self.function(value)


class Body:
    mass = Logarithmic()

    def __init__(self, x):
        self.x = x
        self.mass = x * 2.0

    @property
    def wave(self):
        return math.sin(self.x) * np.array([self.x, 2.0]).sum()

    @property
    def angle(self):
        return self.x

    @angle.setter
    def angle(self, value):
        self.x = math.atan(value)

    @functools.cached_property
    def root(self):
        return math.sqrt(self.x)


def test_a_property():
    check(lambda x: Body(x).wave, 0.3, 1.1)


def test_a_setter():
    def f(x):
        body = Body(x)
        body.angle = x * x
        body.angle += 1.0
        return body.wave

    check(f, 0.3, 1.1)


def test_a_cached_property():
    def f(x):
        body = Body(x)
        return body.root * body.root * body.root

    check(f, 0.3, 1.1)


def test_a_descriptor():
    check(lambda x: Body(x).mass ** 2, 0.3, 1.1)


def test_a_property_made_of_a_lambda():
    class Ball:
        volume = property(lambda self: math.pi * math.pow(self.radius, 3.0))

        def __init__(self, radius):
            self.radius = radius

    check(lambda x: Ball(x).volume, 0.3, 1.1)
