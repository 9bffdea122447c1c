"""`exec`: statements, functions and classes that are made from text."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check

TEXT = """
import math
import numpy as np
from math import exp as e

def f(x):
    import math as own
    out = np.zeros(2)
    out[0] = math.sin(x)
    out[1] = own.sqrt(x) * e(-x)
    return out.sum()

class Model:
    root = math.sqrt
    def __call__(self, x):
        return self.root(x) * np.array([x, 2.0]).sum()
"""
MADE: dict = {"__name__": "made"}
exec(TEXT, MADE)


def test_statements_inside_the_function():
    def f(x):
        names = {"x": x}
        exec("import math\ny = math.sin(x) * x\nz = y * math.exp(x)", names)
        return names["z"]

    check(f, 0.3, 1.1)


def test_functions_that_are_made_inside_the_function():
    def f(x):
        names: dict = {}
        exec(TEXT, names)
        return names["f"](x) * names["Model"]()(x)

    check(f, 0.3, 1.1)


def test_functions_that_were_made_before():
    check(MADE["f"], 0.3, 1.1, roots=(MADE,))
    check(lambda x: MADE["f"](x), 0.3, 1.1, roots=(MADE,))
    names: dict = {}
    exec(TEXT, names)
    check(names["f"], 0.3, 1.1, roots=(names,))
    check(lambda x: names["Model"]()(x), 0.3, 1.1, roots=(names,))


def test_names_that_are_kept_are_the_libraries_own():
    names: dict = {}

    def f(x):
        names["x"] = x
        exec("import math\nimport numpy as np\ny = math.sin(np.array([x, x]).sum())", names)
        return names["y"]

    check(f, 0.3, 1.1, jit=False, interrupted=False)
    assert names["math"] is math and names["np"] is np
