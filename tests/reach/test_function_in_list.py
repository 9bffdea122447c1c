"""Functions in lists, tuples and named tuples."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import NamedTuple

import numpy as np
from reach.checks import check

LAYERS = [math.sin, np.exp, lambda x: math.sqrt(x * x + 1.0)]
PAIR = (math.sin, math.cos)
DEEP = [(1.0, math.sin), (2.0, [math.cos, (math.exp,)])]
Rule = namedtuple("Rule", "function slope")
RULE = Rule(math.sin, math.cos)


class Step(NamedTuple):
    weight: float
    function: object = math.tanh


STEPS = [Step(0.5), Step(1.5, math.exp)]


def test_a_list():
    def f(x):
        for layer in LAYERS:
            x = layer(x)
        return x

    check(f, 0.3, 1.1)
    check(lambda x: sum(layer(x) for layer in reversed(LAYERS)), 0.3, 1.1)


def test_a_tuple():
    check(lambda x: PAIR[0](x) * PAIR[1](x), 0.3, 1.1)
    f, slope = PAIR
    check(lambda x: f(x) + 2.0 * slope(x), 0.3, 1.1)


def test_inside_one_another():
    check(lambda x: DEEP[0][1](x) * DEEP[1][1][0](x) * DEEP[1][1][1][0](x), 0.3, 1.1)


def test_named_tuples():
    check(lambda x: RULE.function(x) + x * RULE.slope(x), 0.3, 1.1)
    check(lambda x: sum(step.weight * step.function(x) for step in STEPS), 0.3, 1.1)
    check(lambda x: Step(2.0).function(x), 0.3, 1.1)


def test_a_list_that_the_function_changes():
    layers = [math.sin, math.cos, math.exp]

    def f(x):
        first = layers.pop(0)
        layers.append(first)
        found = layers[0](x) * first(x)
        layers.insert(0, layers.pop())
        return found

    check(f, 0.3, 1.1, jit=False, interrupted=False)
    assert layers == [math.sin, math.cos, math.exp]

    def shifts(x):
        return layers.pop(0)(x)

    for _ in range(2):  # what is left is found where it has moved to
        check_once(shifts, layers)


def check_once(f, layers):
    import adjoint as ad

    kept = list(layers)
    assert ad.grad(f)(0.3) is not None
    assert layers == kept[1:]
