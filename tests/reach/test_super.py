"""`super()`: in methods, in `__init__`, along several bases."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check


class Kernel:
    def __init__(self, scale):
        self.scale = math.sqrt(scale)

    def value(self, x):
        return math.exp(-x / self.scale)


class Periodic(Kernel):
    def value(self, x):
        return super().value(x) * math.cos(x)


class Shifted(Kernel):
    def value(self, x):
        return super().value(x + 0.5) + np.array([x, 1.0]).prod()


class Both(Periodic, Shifted):
    def __init__(self, scale):
        super().__init__(scale * 2.0)
        self.extra = np.zeros(2)

    def value(self, x):
        out = np.zeros_like(self.extra)
        out[0] = super().value(x)
        out[1] = super(Periodic, self).value(x)
        return out.sum()


def test_one_base():
    check(Periodic(2.0).value, 0.3, 1.1)
    check(lambda x: Periodic(x).value(x), 0.3, 1.1)


def test_several_bases():
    check(Both(2.0).value, 0.3, 1.1)
    check(lambda x: Both(x).value(x), 0.3, 1.1)
