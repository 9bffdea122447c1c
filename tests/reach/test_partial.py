"""`functools.partial`, `partialmethod` and `reduce`."""

from __future__ import annotations

import functools
import math
from functools import partial

import numpy as np
from reach.checks import check

POWER = partial(math.pow, 2.0)
OUTER = partial(partial(math.atan2, 0.5))
TABLE = {"power": POWER, "rows": [partial(np.full, 3)]}


def make():
    import math as own

    def f(k, x, shift=0.0):
        return own.sin(k * x + shift)

    return partial(f, 2.0, shift=0.1)


MADE = make()


def apply(f, x):
    return f(x) * x


class Model:
    def move(self, x, y):
        return math.hypot(x, y)

    right = functools.partialmethod(move, 1.0)
    power = functools.partialmethod(move, y=2.0)


def test_the_function_itself():
    check(POWER, 0.3, 1.1)
    check(OUTER, 0.3, 1.1)
    check(MADE, 0.3, 1.1)
    check(partial(np.power, 2.0), 0.3, 1.1)
    check(partial(apply, math.sin), 0.3, 1.1)


def test_one_that_is_called():
    check(lambda x: POWER(x) + OUTER(x) * MADE(x), 0.3, 1.1)
    check(lambda x: TABLE["power"](x) * TABLE["rows"][0](x).sum(), 0.3, 1.1)
    check(lambda x: partial(math.pow, x)(3.0), 0.3, 1.1)


def test_in_a_closure():
    local = partial(math.pow, 3.0)
    check(lambda x: local(x), 0.3, 1.1)


def test_methods():
    check(Model().right, 0.3, 1.1)
    check(lambda x: Model().power(x) * partial(Model().move, x)(2.0), 0.3, 1.1)


def test_reduce():
    check(lambda x: functools.reduce(math.hypot, [x, 2.0 * x, 3.0]), 0.3, 1.1)
    check(lambda x: functools.reduce(lambda y, f: f(y), [math.sin, math.exp], x), 0.3, 1.1)
