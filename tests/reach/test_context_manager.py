"""Context managers: classes, generators, libraries' own; exceptions that they swallow."""

from __future__ import annotations

import contextlib
import math

import numpy as np
from reach.checks import check


class Scaled:
    def __init__(self, x):
        self.x = x

    def __enter__(self):
        self.root = math.sqrt(self.x)
        return self

    def __exit__(self, kind, error, trace):
        self.closed = math.exp(-self.root)
        return kind is ZeroDivisionError


@contextlib.contextmanager
def waving(x):
    table = np.zeros(2)
    table[0] = math.sin(x)
    yield table
    table[1] = math.cos(x)


def test_a_class():
    def f(x):
        with Scaled(x) as scaled:
            y = math.tanh(scaled.root)
        return y * scaled.closed

    check(f, 0.3, 1.1)


def test_a_generator():
    def f(x):
        with waving(x) as table:
            y = table[0] * x
        return y + table.sum()

    check(f, 0.3, 1.1)


def test_an_exception_that_is_swallowed():
    def f(x):
        with Scaled(x) as scaled:
            1 / 0
        with contextlib.suppress(ValueError):
            math.log(-1.0)
        return scaled.closed * scaled.root

    check(f, 0.3, 1.1, interrupted=False)


def test_of_libraries():
    def f(x):
        with np.errstate(all="ignore"), contextlib.ExitStack() as stack:
            stack.enter_context(Scaled(2.0))
            with np.printoptions(precision=2):
                return math.sin(x) * np.log(x)

    check(f, 0.3, 1.1)
