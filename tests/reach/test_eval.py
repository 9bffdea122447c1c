"""`eval` of texts and of compiled code, with one's own names and without."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check

FORMULA = "math.sin(x) * np.array([x, 2.0]).prod()"
CODE = compile("math.exp(-x) + abs(x) ** 2.5", "<formula>", "eval")
NAMES = {"sin": math.sin, "sqrt": np.sqrt, "math": math}


def test_in_the_function_s_own_names():
    check(lambda x: eval(FORMULA), 0.3, 1.1)
    check(lambda x: eval(CODE), 0.3, 1.1)


def test_with_names_of_one_s_own():
    check(lambda x: eval("sin(x) * sqrt(x) + math.cos(x)", NAMES, {"x": x}), 0.3, 1.1)
    check(lambda x: eval("sin(x) * sqrt(x)", {"__builtins__": {}}, {**NAMES, "x": x}), 0.3, 1.1)
    check(lambda x: eval("sin(x) + exp(x)", {**vars(math), "x": x}), 0.3, 1.1)


def test_a_function_that_is_evaluated():
    check(lambda x: eval("lambda y: math.tanh(y) * y")(x), 0.3, 1.1)
    made = eval("lambda y: math.tanh(y) * y")
    check(made, 0.3, 1.1)
    check(eval("lambda y: sin(y) * y", {"sin": math.sin}), 0.3, 1.1)
