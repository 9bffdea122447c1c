"""A method through an instance: of a class here, inherited, of a global and of a local object."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check


class Pendulum:
    def __init__(self, length):
        self.length = length
        self.table = np.array([1.0, 0.5, 0.25])
        self.force = math.sin
        self.weights = [math.cos, math.exp]

    def acceleration(self, angle):
        return -math.sin(angle) * 9.81 / self.length

    def energy(self, angle):
        return self.acceleration(angle) ** 2 + math.cos(angle)

    def stored(self, angle):
        return self.force(angle) * self.weights[0](angle) + self.weights[1](angle)

    def series(self, x):
        powers = np.zeros(3)
        for k in range(3):
            powers[k] = x**k * math.exp(-x)
        return self.table.dot(powers)


class Driven(Pendulum):
    pass


GLOBAL = Pendulum(2.0)
INHERITED = Driven(1.5)


def test_a_bound_method_is_the_function():
    check(GLOBAL.energy, 0.4, 1.3)
    check(INHERITED.energy, 0.4, 1.3)
    check(Pendulum(3.0).series, 0.4, 1.3)


def test_a_method_of_a_global_object():
    check(lambda x: GLOBAL.energy(x) + GLOBAL.series(x), 0.4, 1.3)


def test_a_method_of_a_local_object():
    check(lambda x: Driven(x + 1.0).energy(x), 0.4, 1.3)
    local = Driven(1.2)
    check(lambda x: local.series(x) * local.energy(x), 0.4, 1.3)


def test_functions_that_an_object_holds():
    check(GLOBAL.stored, 0.4, 1.3)
    check(lambda x: INHERITED.stored(x), 0.4, 1.3)
    check(lambda x: Pendulum(1.0).stored(x), 0.4, 1.3)


def test_through_the_class():
    check(lambda x: Pendulum.energy(GLOBAL, x), 0.4, 1.3)
    check(lambda x: getattr(GLOBAL, "energy")(x), 0.4, 1.3)  # noqa: B009


def test_a_method_that_keeps_its_state():
    class Filter:
        def __init__(self):
            self.state = np.zeros(2)

        def step(self, x):
            self.state = np.array([self.state[1], 0.5 * self.state[0] + x])
            return self.state.sum()

    def run(x):
        filtered = Filter()
        return sum(filtered.step(math.sin(x * k)) for k in range(1, 5))

    check(run, 0.4, 1.3)
