"""Threads that call NumPy while a trace runs, trace at the same time, or are begun inside one."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from reach.checks import Places, check

import adjoint as ad

TABLE = np.arange(6.0).reshape(2, 3)
FUNCTIONS = {"sine": math.sin, "rows": [math.exp]}


class Model:
    xp = np

    def __init__(self):
        self.root = math.sqrt

    def value(self, x):
        return self.root(x) * self.xp.array([x, 2.0]).sum()


MODEL = Model()


def energy(x):
    out = np.zeros(3)
    out[0] = FUNCTIONS["sine"](x)
    out[1] = FUNCTIONS["rows"][0](-x)
    out[2] = MODEL.value(x)
    return TABLE.dot(out).prod()


def plain_answers():
    """What a thread that traces nothing computes, with the names that are exchanged."""
    out = np.zeros(2)
    out[0] = FUNCTIONS["sine"](0.5) + math.sqrt(2.0)
    made = np.array([1.0, 2.0]) * np.linalg.norm([3.0, 4.0])
    return [
        type(out) is np.ndarray and out[0] == wanted[0],
        type(made) is np.ndarray and made[1] == 10.0,
        type(math.exp(1.0)) == float and type(np.sum([1.0, 2.0])) is np.float64,  # noqa: E721
        type(float("2.5")) == float and isinstance(1.5, float),  # noqa: E721
        MODEL.value(4.0) == 12.0 and type(np.sin(TABLE)) is np.ndarray,
        type(TABLE.copy()) is np.ndarray and TABLE.sum() == 15.0,
    ]


wanted = [math.sin(0.5) + math.sqrt(2.0)]


def together(*jobs):
    """Run functions at once; what they raise is raised here."""
    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(job) for job in jobs]:
            future.result()


def test_the_function():
    check(energy, 0.3, 1.1)


def test_threads_that_call_numpy():
    before, stop, wrong = Places(), threading.Event(), []

    def calling():
        while not stop.is_set() and not wrong:
            wrong.extend(k for k, x in enumerate(plain_answers()) if not x)

    def tracing():
        try:
            for k in range(60):
                assert ad.grad(energy)(0.5 + 0.01 * k) == slopes[k]
        finally:
            stop.set()

    slopes = [ad.grad(energy)(0.5 + 0.01 * k) for k in range(60)]
    together(calling, calling, tracing)
    assert not wrong
    before.are_as_before()


def test_threads_that_trace():
    before = Places()

    def work(k):
        f = lambda x: energy(x * k) + math.sin(x)
        fast = ad.jit(ad.grad(f))
        for _ in range(10):
            assert ad.grad(f)(0.3) == slopes[k]
            assert math.isclose(fast(0.3), slopes[k], rel_tol=1e-12)

    slopes = {k: ad.grad(lambda x, k=k: energy(x * k) + math.sin(x))(0.3) for k in (1, 2, 3)}
    together(*[lambda k=k: work(k) for k in (1, 2, 3)])
    before.are_as_before()


def test_threads_inside_the_function():
    def f(x):
        weights = [0.0, 0.0]

        def fill(k):
            weights[k] = float(np.sum(np.sin(np.arange(4.0) + k))) * math.sqrt(k + 1.0)

        threads = [threading.Thread(target=fill, args=(k,)) for k in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return math.sin(x) * weights[0] + x * weights[1]

    check(f, 0.3, 1.1, interrupted=False)
