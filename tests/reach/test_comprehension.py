"""Comprehensions: of lists, sets, dictionaries, nested, with conditions."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check

X, Y = np.array([0.3, 1.1, -0.4]), np.array([2.0, -1.5, 0.7])
FUNCTIONS = {"a": math.sin, "b": math.exp}


def matrix(x):
    rows = [[math.sin(a * b) if i != j else a for j, b in enumerate(x)] for i, a in enumerate(x)]
    return np.linalg.det(np.array(rows)) + np.array([row[0] for row in rows]).sum()


class Model:
    rates = [math.sqrt(k) for k in range(1, 4)]  # noqa: RUF012

    def run(self, x):
        return sum([rate * math.exp(-v) for rate, v in zip(self.rates, x, strict=True)])


def test_lists():
    check(lambda x: sum([math.sin(v) for v in x if v > 0.0]), X, Y)
    check(lambda x: np.array([[v, w] for v in x for w in x[:2]]).prod(1).sum(), X, Y)
    check(matrix, X, Y)
    check(Model().run, X, Y)


def test_dictionaries():
    def f(x):
        found = {name: g(v) for (name, g), v in zip(FUNCTIONS.items(), x, strict=False)}
        return sum(found.values()) * {-k: v for k, v in enumerate(x)}[-2]

    check(f, X, Y)


def test_sets_of_places():
    check(lambda x: sum(x[k] ** 2 for k in {k % 2 for k in range(5)}), X, Y)


def test_in_the_scope_of_a_function():
    def f(x):
        import math as own

        scale = own.exp(x[0])
        return np.sum([scale * own.cos(v) for v in x]) + sum(
            [(lambda w: own.sin(w) * scale)(v) for v in x]
        )

    check(f, X, Y)
