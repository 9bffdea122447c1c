"""Random expressions, for the tests of the symbolic view."""

from __future__ import annotations

from typing import Any

import numpy as np

SMOOTH = (
    "sin cos exp log sqrt tan tanh arctan sinh cosh log1p expm1 arcsinh reciprocal square".split()
)
ROUGH = [*SMOOTH, "abs", "sign", "cbrt", "arcsin", "arccos", "arctanh", "exp2", "log2"]
CONSTANTS = (1, 2, 3, -1, -2, 0.5, 0.25, 1.5, 0.1, 0)
POWERS = (2, 3, -1, -2, 0.5, 1.5, -0.5, 1, 0)


def random_expression(
    rng: np.random.Generator, size: int, symbols: Any, functions: Any = ROUGH
) -> Any:
    """An expression of about so many operations; parts are shared now and then."""
    parts: list[Any] = list(symbols)
    made: list[Any] = []
    for _ in range(size):
        pool = made if made and rng.random() < 0.65 else parts
        a = pool[rng.integers(len(pool))]
        kind = rng.random()
        if kind < 0.3:
            name = functions[rng.integers(len(functions))]
            new = getattr(np, name)(a)
        elif kind < 0.42:
            new = a ** POWERS[rng.integers(len(POWERS))]
        elif kind < 0.48:
            new = -a
        else:
            pick = rng.random()
            if pick < 0.3:
                b: Any = CONSTANTS[rng.integers(len(CONSTANTS))]
            else:
                other = made if made and pick < 0.6 else parts
                b = other[rng.integers(len(other))]
            a, b = (a, b) if rng.random() < 0.7 else (b, a)
            choice = rng.integers(4)
            new = a + b if choice == 0 else a - b if choice == 1 else a * b
            if choice == 3 and not (isinstance(b, (int, float)) and b == 0):
                new = a / b
        made.append(new)
    return made[-1]


UNARY = (
    "abs arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil cos cosh degrees exp exp2 expm1"
    " floor log log10 log1p log2 radians reciprocal rint sign sin sinc sinh sqrt square tan tanh"
    " trunc"
).split()
PAIRED = "arctan2 copysign fmax fmin heaviside hypot logaddexp maximum minimum".split()
NUMBERS = (
    "0 1 2 3 7 10 100 1024 123456789 9007199254740993 0.5 0.1 1.5 1e-3 1e10 1e-300 1e300 pi e"
    " (1/3) (2/7) (-1) (-2) (-0.5)"
).split()
EXPONENTS = "2 3 -1 -2 0.5 -0.5 (1/3) 1.5 0 1 4 -3 0.1 (-2/3)".split()


def random_text(rng: np.random.Generator, depth: int, names: str = "xyz") -> str:
    """A formula as a person may type it: needless parentheses, constants of all sizes, numbers in
    the place of every operand."""

    def one(values: Any) -> Any:
        return values[rng.integers(len(values))]

    def inner(less: int = 1) -> str:
        return random_text(rng, depth - less, names)

    kind = rng.random()
    if depth <= 0 or kind < 0.08:
        return one(names) if rng.random() < 0.72 else one(NUMBERS)
    if kind < 0.3:
        return f"{one(UNARY)}({inner()})"
    if kind < 0.37:
        return f"{one(PAIRED)}({inner()}, {inner(2)})"
    if kind < 0.49:
        return f"({inner()})**{one(EXPONENTS)}"
    if kind < 0.52:
        return f"({inner(2)})**({inner(2)})"
    if kind < 0.56:
        return f"-({inner()})"
    if kind < 0.59:
        return f"where({inner(2)} {one(['<', '<=', '>', '=='])} {inner(2)}, {inner(2)}, {inner(2)})"
    if kind < 0.62:
        return f"({inner()} {one(['%', '//'])} {inner(2)})"
    return f"({inner(int(rng.integers(1, 3)))} {one('+-*/')} {inner(int(rng.integers(1, 3)))})"


def points(rng: np.random.Generator, names: Any, count: int = 8) -> dict[str, np.ndarray]:
    """Random values of symbols, positive and negative, in extended precision."""
    found = {}
    for name in names:
        values = rng.uniform(0.1, 2.0, count)
        values[count // 2 :] *= rng.choice([-1.0, 1.0], count - count // 2)
        found[name] = values.astype(np.longdouble)
    return found


def values_of(expression: Any, given: dict[str, np.ndarray], dtype: Any = np.longdouble) -> Any:
    """The values at points, one for each."""
    count = len(next(iter(given.values())))
    chosen = {n: v.astype(dtype) for n, v in given.items() if n in expression.free}
    with np.errstate(all="ignore"):
        found = np.asarray(expression.evaluate(chosen))
    return np.broadcast_to(found, (count,)).astype(np.longdouble)


def largest_part(expression: Any, given: dict[str, np.ndarray]) -> np.ndarray:
    """The size of the largest part of an expression at each point; not finite where one is not."""
    function = expression.function
    with np.errstate(all="ignore"):
        parts = function.environment([given[n] for n in expression.free], function.order)
        zero = 0 * given[expression.free[0]]
        return np.max([np.abs(p) + zero for p in parts], 0)


def agreement(first: Any, second: Any, given: dict[str, np.ndarray]) -> tuple[int, int, float]:
    """At how many points the first is finite and well conditioned, at how many it is finite, and
    the largest error of the second one there: relative to the value, or to the billionth part of
    its largest part where the parts cancel (some ten units in the last place of these)."""
    exact, rough = values_of(first, given), values_of(first, given, float)
    other, size = values_of(second, given), largest_part(first, given)
    finite = np.isfinite(size) & (size < 1e100)
    with np.errstate(all="ignore"):
        good = finite & (np.abs(exact - rough) <= 1e-7 * np.abs(exact))
        error = np.abs(other - exact) / np.maximum(np.abs(exact), 1e-9 * size)
        error[exact == other] = 0.0
    worst = float(np.max(error[good])) if good.any() else 0.0
    return int(good.sum()), int(finite.sum()), worst if worst == worst else np.inf
