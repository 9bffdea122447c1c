"""Recursion: of a function, of two, of a method, of a tree."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check


def continued(x, depth):
    return x if depth == 0 else 1.0 / (math.sqrt(x) + continued(x, depth - 1))


def even(x, n):
    return math.cos(x) if n == 0 else odd(math.sin(x), n - 1)


def odd(x, n):
    return math.exp(-x) if n == 0 else even(math.tanh(x), n - 1)


def halving(f, a, b, depth):
    middle = 0.5 * (a + b)
    if depth == 0:
        return (b - a) * f(middle)
    return halving(f, a, middle, depth - 1) + halving(f, middle, b, depth - 1)


def transform(x):
    n = len(x)
    if n == 1:
        return x
    even, odd = transform(x[::2]), transform(x[1::2])
    factors = np.exp(-2j * np.pi * np.arange(n // 2) / n)
    return np.concatenate([even + factors * odd, even - factors * odd])


class Tree:
    def __init__(self, depth):
        self.parts = [Tree(depth - 1), Tree(depth - 1)] if depth else []

    def value(self, x):
        if not self.parts:
            return math.sin(x)
        return sum(part.value(x * k) for k, part in enumerate(self.parts, 1))


def until(x):
    return x if x > 2.0 else until(math.exp(x) * 0.9)


def test_a_function():
    check(lambda x: continued(x, 6), 0.3, 1.1)
    check(lambda x: halving(math.sin, 0.0, x, 3), 0.3, 1.1)


def test_two_functions():
    check(lambda x: even(x, 5) + odd(x, 4), 0.3, 1.1)


def test_arrays():
    weights = np.arange(8.0)
    check(lambda x: (np.abs(transform(x)) ** 2 * weights).sum(), np.cos(weights), weights + 1.0)


def test_a_tree():
    tree = Tree(3)
    check(tree.value, 0.3, 1.1)
    check(lambda x: Tree(2).value(x), 0.3, 1.1)


def test_as_deep_as_the_data_asks():
    check(until, 0.3, 1.1)
