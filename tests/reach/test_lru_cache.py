"""Functions with a cache: with traced arguments nothing is kept; with plain ones, plain values."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from reach.checks import check

import adjoint as ad


@functools.cache
def wave(x):
    return math.sin(x) * x


@functools.cache
def legendre(n, x):
    if n < 2:
        return (1.0, x)[n]
    return ((2 * n - 1) * x * legendre(n - 1, x) - (n - 1) * legendre(n - 2, x)) / n


@functools.lru_cache
def nodes(n):
    return np.cos(np.pi * (np.arange(n) + 0.5) / n), np.full(n, math.pi / n)


@functools.cache
def binomial(n, k):
    return 1 if k in (0, n) else binomial(n - 1, k - 1) + binomial(n - 1, k)


class Table:
    rate = 2.0

    @functools.lru_cache(maxsize=8)  # noqa: B019
    def value(self, x):
        return math.exp(-x) * self.rate

    @functools.lru_cache(maxsize=8)  # noqa: B019
    def state(self):
        return self.rate * 3.0


@pytest.fixture(autouse=True)
def empty():
    for f in (wave, legendre, nodes, binomial, Table.value, Table.state):
        f.cache_clear()


def test_a_traced_argument():
    check(wave, 0.3, 1.1)
    check(lambda x: wave(x) + wave(x), 0.3, 1.1)
    table = Table()
    check(lambda x: table.value(x) ** 2, 0.3, 1.1)


def test_nothing_traced_is_kept():
    ad.grad(wave)(0.3)
    ad.jit(ad.grad(wave))(0.3)
    assert wave.cache_info().currsize == 0
    wave(0.3)
    assert wave.cache_info().currsize == 1 and ad.grad(wave)(0.3) != 0.0


def test_a_recursion_stays_as_fast_as_its_cache():
    check(lambda x: legendre(5, x), 0.3, 0.8)
    calls = []

    @functools.cache
    def fibonacci(n, x):
        calls.append(n)
        return x if n < 2 else fibonacci(n - 1, x) + fibonacci(n - 2, x)

    assert ad.grad(lambda x: fibonacci(60, x))(1.0) == 2504730781961.0
    assert len(calls) == 61
    assert ad.grad(lambda x: legendre(300, x))(0.5) == pytest.approx(slope(300, 0.5), rel=1e-9)


def slope(n, x):
    return n / (x * x - 1) * (x * legendre(n, x) - legendre(n - 1, x))


def test_plain_arguments_are_kept_as_plain_values():
    def quadrature(x):
        places, weights = nodes(6)
        return np.sum(weights * np.exp(places * x)) + weights.dot(np.sin(x * places)) ** 2 + x**2

    check(quadrature, 0.3, 1.1)
    assert nodes.cache_info().currsize == 1
    assert all(type(x) is np.ndarray for x in nodes(6))
    nodes.cache_clear()
    ad.grad(quadrature)(0.3)  # the cache is filled while a trace runs
    assert nodes.cache_info().currsize == 1
    assert all(type(x) is np.ndarray for x in nodes(6))
    check(quadrature, 0.5, 0.7)
    check(lambda x: binomial(9, 4) * x * x, 0.3, 1.1)
    assert type(binomial(9, 4)) is int


def test_results_that_read_a_traced_value_elsewhere_are_not_kept():
    table = Table()

    def f(x):
        table.rate = x
        found = table.state() * table.state()
        del table.rate
        Table.state.cache_clear()  # as plain Python wants it
        return found

    check(f, 0.3, 1.1, jit=False, interrupted=False)

    def forgets(x):
        table.rate = x
        return table.state() ** 2

    assert ad.grad(forgets)(0.5) == pytest.approx(9.0)
    assert ad.grad(forgets)(1.5) == pytest.approx(27.0)
    assert type(Table.state(Table())) is float


def test_a_cache_keeps_apart_what_nested_transforms_compute():
    def outer(x):
        inner = ad.grad(lambda y: wave(y) * wave(x))(x)
        return inner + wave(x)

    check(outer, 0.3, 1.1)
    check(lambda x: ad.jvp(lambda y: wave(x) * y, (x,), (1.0,))[1] + wave(x), 0.3, 1.1)


def test_the_functions_around_a_cache_are_there():
    def f(x):
        assert wave.cache_info().maxsize is None and wave.__name__ == "wave"
        wave.cache_clear()
        return wave(x)

    check(f, 0.3, 1.1)
