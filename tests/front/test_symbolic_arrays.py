"""Random expressions of arrays: their values, texts, gradients and simplified forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adjoint as ad

FUNCTIONS = (
    np.sin, np.cos, np.exp, np.tanh, np.abs, np.square, lambda x: x**2, lambda x: -x,
    lambda x: 2 * x, lambda x: x - 1,
)  # fmt: skip
SHAPES = {"s": (), "t": (), "v": (3,), "a": (2, 3), "m": (3, 3)}


def program(seed: int, s: Any, t: Any, v: Any, a: Any, m: Any) -> Any:
    """A number made of numbers, a vector and matrices: the same operations for the same seed."""
    rng = np.random.default_rng(seed)
    numbers, vectors, matrices, squares = [s, t], [v], [a], [m]

    def one(values: list) -> Any:
        return values[rng.integers(len(values))]

    for _ in range(rng.integers(3, 14)):
        f, k = FUNCTIONS[rng.integers(len(FUNCTIONS))], rng.integers(16)
        if k == 0:
            numbers.append(one(vectors).sum())
        elif k == 1:
            numbers.append(one(matrices).mean())
        elif k == 2:
            vectors.append(one(vectors) + one(numbers))
        elif k == 3:
            vectors.append(one(vectors) * one(vectors) - one(vectors))
        elif k == 4:
            vectors.append(one(squares) @ one(vectors))
        elif k == 5:
            matrices.append(one(matrices) @ one(squares))
        elif k == 6:
            vectors.append(one(matrices).sum(axis=0))
        elif k == 7:
            numbers.append(f(one(numbers)))
        elif k == 8:
            vectors.append(f(one(vectors)))
        elif k == 9:
            matrices.append(f(one(matrices)))
        elif k == 10:
            numbers.append(one(vectors) @ one(vectors))
        elif k == 11:
            squares.append(one(squares).T + one(numbers))
        elif k == 12:
            vectors.append(one(matrices)[rng.integers(2)])
        elif k == 13:
            vectors.append(np.where(one(vectors) > 0, one(vectors), one(numbers)))
        elif k == 14:
            x = one(numbers)
            numbers.append(x - x + one(vectors)[rng.integers(3)])
        else:
            x = one(vectors)
            vectors.append(np.concatenate([x[1:], x[:1]]))
    return numbers[-1] + vectors[-1].sum() + matrices[-1].max() + squares[-1].sum()


def executed(text: str, values: dict[str, Any]) -> Any:
    """The value of a printed expression, by Python itself."""
    *lines, last = text.split("\n")
    space = {**vars(np), **values}
    with np.errstate(all="ignore"):
        for line in lines:
            exec(line, space)
        return eval(last, space)


def check(seed: int) -> bool:
    rng = np.random.default_rng(seed)
    given = {n: rng.normal(size=shape)[()] * 0.6 for n, shape in SHAPES.items()}
    with np.errstate(all="ignore"):
        wanted = program(seed, **given)
    if not abs(wanted) < 1e9:
        return False
    symbols = {n: ad.symbols(n, shape=shape) for n, shape in SHAPES.items()}
    e = program(seed, **symbols)
    used = {n: given[n] for n in e.free}
    assert e.evaluate(used) == pytest.approx(wanted, rel=1e-10)
    simple = e.simplify()
    assert simple.evaluate(used) == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    assert simple.simplify().same(simple)
    assert executed(str(e), given) == e.evaluate(used)
    with np.errstate(all="ignore"):
        gradient = ad.grad(lambda p: program(seed, **p))(given)
    for n, found in zip(e.free, e.gradient(), strict=True):
        assert found.shape == SHAPES[n]
        np.testing.assert_allclose(found.evaluate(used), gradient[n], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(
            found.simplify().evaluate(used), gradient[n], rtol=1e-8, atol=1e-8
        )
    return bool(e.latex() and e.pretty())


def test_random_arrays():
    assert sum(map(check, range(60))) > 45


@pytest.mark.slow
def test_many_random_arrays():
    assert sum(map(check, range(1000, 2000))) > 750
