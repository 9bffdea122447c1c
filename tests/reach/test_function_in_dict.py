"""Functions in dictionaries: of the module, of a class, of an object, inside one another."""

from __future__ import annotations

import math
from collections import OrderedDict, defaultdict

import numpy as np
import pytest
from reach.checks import check

ACTIVATIONS = {"tanh": math.tanh, "exp": np.exp, "own": lambda x: math.log1p(x * x)}
NESTED = {"smooth": {"sine": math.sin, "pair": (math.cos, math.sin)}, "list": [math.exp]}
ORDERED = OrderedDict(a=math.sin, b=math.cos)
DEFAULTS = defaultdict(lambda: math.tanh, a=math.sin)


def make():
    import math as own

    return {"made": lambda x: own.sin(x) * own.exp(x)}


MADE = make()


class Network:
    KINDS = {"exp": math.exp, "deep": {"sqrt": math.sqrt}}  # noqa: RUF012

    def __init__(self, kind):
        self.kind = kind
        self.own = {"cos": math.cos, "zeros": np.zeros}

    def __call__(self, x):
        out = self.own["zeros"](2)
        out[0] = self.KINDS[self.kind](x)
        out[1] = self.own["cos"](x) * self.KINDS["deep"]["sqrt"](x)
        return out.prod()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_of_the_module(name):
    check(lambda x: ACTIVATIONS[name](x) * x, 0.3, 1.1)


def test_inside_one_another():
    check(lambda x: NESTED["smooth"]["sine"](x) + NESTED["list"][0](x), 0.3, 1.1)
    check(lambda x: NESTED["smooth"]["pair"][0](x) * NESTED["smooth"]["pair"][1](x), 0.3, 1.1)


def test_other_kinds_of_dictionaries():
    check(lambda x: ORDERED["a"](x) * ORDERED["b"](x), 0.3, 1.1)
    check(lambda x: DEFAULTS["a"](x) + DEFAULTS.get("b", math.cos)(x), 0.3, 1.1)


def test_closures_in_a_dictionary():
    check(lambda x: MADE["made"](x), 0.3, 1.1)


def test_of_a_class_and_of_an_object():
    check(Network("exp"), 0.3, 1.1)
    network = Network("exp")
    check(lambda x: network(x) + Network("exp")(x), 0.3, 1.1)


def test_a_local_dictionary():
    table = {"sine": math.sin, "array": np.array}
    check(lambda x: table["array"]([table["sine"](x), x]).prod(), 0.3, 1.1)
    check(lambda x: {"cosine": math.cos}["cosine"](x), 0.3, 1.1)


def test_a_dictionary_that_the_function_changes():
    table = {"f": math.sin, "g": math.cos}

    def f(x):
        table["h"] = table["f"]
        found = table.pop("f")(x) * table["g"](x)
        table["f"] = table.pop("h")
        return found

    check(f, 0.3, 1.1, jit=False, interrupted=False)
    assert table == {"f": math.sin, "g": math.cos}


def test_a_large_table():
    """Of a registry the functions are found anew when it changes."""
    table = {f"double{k}": (lambda x, k=k: 2.0 * x + k) for k in range(100)}
    table["sine"] = math.sin

    def f(x: float) -> float:
        return table["sine"](x) * table["double7"](x)

    check(f, 0.3, 1.1)
    table["sine"] = math.cos
    check(f, 0.3, 1.1)
    table["double7"], table["sine"] = math.exp, np.tanh
    check(f, 0.3, 1.1)
    listed = [math.sin, *[lambda x: x] * 200]
    check(lambda x: listed[0](x) * listed[150](x), 0.3, 1.1)
