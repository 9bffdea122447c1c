"""Nested traces, exceptions and several threads at once: all names are in their places after it."""

from __future__ import annotations

import functools
import math
import random
import threading

import numpy as np
import pytest
from reach.checks import Places
from reach.orbit import advance

import adjoint as ad

WEIGHTS = np.array([1.0, 2.0, 3.0])
TABLE = {"sine": math.sin, "deep": {"pair": (math.cos, np.exp)}}
LAYERS = [math.tanh, functools.partial(math.atan2, 2.0)]


class Model:
    xp = np
    root = math.sqrt

    def __init__(self):
        self.functions = [math.sin, {"exp": math.exp}]
        self.weights = np.array([0.5, 0.25])

    def __call__(self, x, outer=math.tanh):
        out = self.xp.zeros(2)
        out[0] = self.functions[0](x) * self.root(x)
        out[1] = self.functions[1]["exp"](-x)
        return outer(self.weights.dot(out))


MODEL = Model()


@functools.cache
def cached(x):
    return math.sin(x) * 2.0


class Fails(Exception):
    pass


def make(kind):
    """Functions that reach others in every way."""
    import math as own

    def closure(x):
        from math import log1p

        return own.sin(x) * log1p(x) + cached(x)

    return {
        "closure": closure,
        "table": lambda x: TABLE["sine"](x) * TABLE["deep"]["pair"][0](x) + LAYERS[1](x),
        "model": lambda x: MODEL(x) + Model()(x),
        "package": lambda x: advance(x, 1),
        "array": lambda x: WEIGHTS.dot(np.array([x, LAYERS[0](x), x * x])),
        "eval": lambda x: eval("math.sqrt(x) * np.array([x, 2.0]).sum()"),
    }[kind]


KINDS = ["closure", "table", "model", "package", "array", "eval"]
TRANSFORMS = [ad.grad, ad.jacfwd, lambda f: ad.jit(ad.grad(f)), lambda f: ad.grad(ad.jit(f))]


def one(rng, slopes, depth=0):
    """A trace of some kind, which may hold others, end in an exception, or both."""
    kind, transform = rng.choice(KINDS), rng.choice(TRANSFORMS)
    f = make(kind)
    fails = rng.random() < 0.3
    nested = depth < 2 and rng.random() < 0.4

    def function(x):
        y = f(x)
        if nested:
            one(rng, slopes, depth + 1)
        if fails:
            raise Fails
        return y + f(0.5)

    if fails:
        with pytest.raises(Fails):
            transform(function)(0.7)
        return
    assert math.isclose(transform(function)(0.7), slopes[kind], rel_tol=1e-11)


def storm(seeds, steps):
    """Threads that trace at random; what they raise is raised here."""
    slopes = {kind: ad.grad(make(kind))(0.7) for kind in KINDS}
    before, failures = Places(), []

    def work(seed):
        rng = random.Random(seed)
        try:
            for _ in range(steps):
                one(rng, slopes)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in seeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    before.are_as_before()
    assert all(type(x) is np.ndarray for x in (WEIGHTS, MODEL.weights))
    assert cached.cache_info().currsize <= 1  # of plain numbers alone


def test_one_thread():
    storm([0], 40)


def test_several_threads():
    storm([1, 2, 3], 12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_many_threads_for_long(seed):
    storm(range(10 * seed, 10 * seed + 6), 100)
