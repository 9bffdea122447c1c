"""Modules reached as attributes: of another module, of an object, of a class."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import reach.orbit
import reach.orbit.forces as forces
from reach import orbit
from reach.checks import check

TOOLS = SimpleNamespace(xp=np, sine=math.sin, arrays=np.array([1.0, 2.0]))


class Backend:
    own = np
    roots = math

    def __init__(self, xp):
        self.xp = xp
        self.math = math
        self.algebra = np.linalg

    def run(self, x):
        out = self.xp.zeros(3)
        out[0] = self.xp.sin(x)
        out[1] = self.math.exp(-x) * self.roots.sqrt(x)
        out[2] = self.own.array([x, 2.0]).prod()
        return self.algebra.norm(out)


class Slotted:
    __slots__ = ("__private", "math", "xp")

    def __init__(self):
        self.xp, self.math, self.__private = np, math, math.sin

    def run(self, x):
        return self.math.sin(x) * self.xp.array([x, x]).sum() + self.__private(x)


BACKEND, SLOTTED = Backend(np), Slotted()


def test_a_module_of_a_module():
    check(lambda x: forces.np.array([forces.np.sin(x), x]).prod(), 0.3, 1.1)
    check(lambda x: reach.orbit.forces.math.sin(x) * orbit.forces.np.cos(x), 0.3, 1.1)


def test_a_module_of_an_object():
    check(BACKEND.run, 0.3, 1.1)
    check(lambda x: BACKEND.run(x) * BACKEND.xp.array([x, x]).sum(), 0.3, 1.1)
    check(lambda x: Backend(np).run(x), 0.3, 1.1)
    assert BACKEND.xp is np and BACKEND.math is math and Backend.own is np


def test_slots():
    check(SLOTTED.run, 0.3, 1.1)
    check(lambda x: SLOTTED.run(x) + Slotted().run(x), 0.3, 1.1)


def test_a_namespace():
    check(lambda x: TOOLS.xp.array([TOOLS.sine(x), x]).dot(TOOLS.arrays), 0.3, 1.1)


@pytest.mark.parametrize("name", ["sin", "exp", "sqrt"])
def test_by_name(name):
    check(lambda x: getattr(math, name)(x) * getattr(np, name)(x), 0.3, 1.1)


def test_a_module_s_parts():
    check(lambda x: np.linalg.det(np.array([[x, 1.0], [2.0, x * x]])), 0.3, 1.1)
    check(lambda x: np.fft.fft([x, 1.0, x * x]).real[1] + np.linalg.norm([x, 1.0]), 0.3, 1.1)
    algebra = np.linalg
    check(lambda x: algebra.inv(np.array([[x, 1.0], [2.0, 4.0]]))[0, 1], 0.3, 1.1)
