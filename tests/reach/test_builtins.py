"""Python's builtins on traced values, in containers and out of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reach.checks import check

X, Y = np.array([0.3, 1.1, -0.4]), np.array([2.0, -1.5, 0.7])


def rows(x):
    out = 0.0
    for k, (a, b) in enumerate(zip(x, reversed(x), strict=True), start=1):
        out += k * a * math.sin(b)
    return out


def chosen(x):
    if any(v > 1.0 for v in x) and not all(v > 0.0 for v in x):
        return math.exp(min(x))
    return max(x) ** 2


def several(x):
    low, *_, high = sorted(x)
    return high * low**2 + sorted(x, key=abs)[0] + sorted(x, reverse=True)[1] ** 3


WAYS = {
    "sum": lambda x: sum(x) ** 2 + sum([v * v for v in x], start=x[0]) + sum(x * x),
    "max, min": lambda x: max(x) * min(x) + max(x[0], 0.1) + min(x, key=lambda v: -v) ** 2,
    "max of several": lambda x: max(x[0], x[1], x[2]) ** 2 + max([], default=x[0]),
    "abs": lambda x: abs(x[0]) * abs(x[2]) + np.sum(abs(x) ** 3),
    "round": lambda x: round(x[0]) * x[1] + round(x[1], 1) * x[0] + x[2] ** 2,
    "pow": lambda x: pow(abs(x[0]), 2.5) + pow(2.0, x[1]) + pow(x[2], 2),
    "divmod": lambda x: divmod(x[0], 0.37)[1] * x[1] + divmod(x[1], 0.41)[0] * x[2],
    "sorted": several,
    "map": lambda x: sum(map(math.sin, x)) + sum(map(pow, abs(x), [1.5, 2.5, 3.5])),
    "filter": lambda x: sum(filter(lambda v: v > 0.5, x)) ** 2 + len(list(filter(None, x))),
    "zip": lambda x: sum(a * b for a, b in zip(x, x[1:], strict=False)),  # noqa: RUF007
    "enumerate, reversed": rows,
    "any, all": chosen,
    "iter, next": lambda x: next(it := iter(x)) * next(it) ** 2,
    "list, tuple, dict": lambda x: list(x)[1] * tuple(x)[1] + dict(zip("abc", x, strict=True))["c"],
    "len, range": lambda x: sum(x[k] * x[k - 1] for k in range(len(x))),
    "float, int, complex": lambda x: float(x[0]) * int(x[1] * 3) + complex(x[1], x[2]).imag ** 2,
    "bool": lambda x: x[0] ** 2 if bool(x[0] > 1.0) else math.exp(x[0]),
    "slice, getattr": lambda x: x[slice(0, 2)].sum() * getattr(x, "size") + x[2] ** 2,  # noqa: B009
    "isinstance": lambda x: x[0] ** 2 if isinstance(x, np.ndarray) and callable(abs) else 0.0,
}


@pytest.mark.parametrize("name", WAYS)
def test_it_differentiates_as_it_stands(name):
    check(WAYS[name], X, Y)


def test_as_the_function():
    check(abs, 0.3, -1.1)
    check(sum, X, Y)
    check(max, X, Y)
