"""Generators: expressions, functions, with `send`, with `yield from`; begun in one trace only."""

from __future__ import annotations

import itertools
import math

import numpy as np
from reach.checks import check


def powers(x, n):
    y = 1.0
    for k in range(n):
        yield y * math.cos(k * x)
        y = y * x


def chained(x):
    yield math.sin(x)
    yield from powers(x, 3)
    yield np.array([x, 2.0]).prod()


def running():
    total = 0.0
    while True:
        x = yield total
        total = total + math.exp(-x)


class Steps:
    def __init__(self, x):
        self.x = x

    def __iter__(self):
        for k in range(1, 4):
            yield math.sin(self.x * k)


def test_a_function():
    check(lambda x: sum(powers(x, 5)), 0.3, 1.1)
    check(lambda x: sum(chained(x)), 0.3, 1.1)
    check(lambda x: np.sum(list(chained(x))), 0.3, 1.1)


def test_an_expression():
    check(lambda x: sum(math.sin(x * k) for k in range(4)), 0.3, 1.1)
    check(lambda x: math.prod(math.exp(x / k) for k in (1, 2, 3)), 0.3, 1.1)


def test_send():
    def f(x):
        total = running()
        next(total)
        total.send(x)
        found = total.send(2.0 * x)
        total.close()
        return found

    check(f, 0.3, 1.1)


def test_an_object_that_is_iterated_over():
    check(lambda x: sum(Steps(x)) * max(Steps(x)), 0.3, 0.4)


def test_iterators():
    check(lambda x: sum(itertools.islice(powers(x, 9), 2, 6)), 0.3, 1.1)
    check(lambda x: list(itertools.accumulate(powers(x, 4)))[-1], 0.3, 1.1)
    check(lambda x: sum(itertools.starmap(math.pow, [(x, 2.0), (2.0, x)])), 0.3, 1.1)


def test_a_generator_that_was_begun_before_the_trace():
    def numbers():
        while True:
            yield math.sqrt(2.0)

    source = numbers()
    next(source)
    check(lambda x: math.sin(x) * next(source), 0.3, 1.1, interrupted=False)
