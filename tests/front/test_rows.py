"""Rows that are written into an array one after the other are one operation; everything else that
happens to the array meanwhile is NumPy's, aliasing included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import adjoint as ad

SHAPE = (5, 4)
OPERATIONS = (
    "row", "row", "row", "whole row", "constant row", "part", "part", "element", "add", "scale",
    "view", "through view", "part of view", "drop views", "read row", "read part", "read column",
    "read all", "swap", "swap by list", "copy", "chain", "alias", "column",
)  # fmt: skip


def run(seed: int, x: Any, count: int = 14) -> Any:
    """Random reads and writes; the same for plain and traced arguments."""
    rng = np.random.default_rng(seed)
    u = np.zeros(SHAPE)
    views: list[Any] = []
    total = 0.0 * x[0]
    for _ in range(count):
        what = OPERATIONS[rng.integers(len(OPERATIONS))]
        i, j, k = (int(n) for n in rng.integers(-SHAPE[0], SHAPE[0], 3))
        a, b = int(rng.integers(SHAPE[1])), float(rng.normal())
        if what == "row":
            u[i] = x * b + np.sin(u[j])
        elif what == "whole row":
            u[i, :] = np.cos(x) + b
        elif what == "constant row":
            u[i] = np.arange(4.0) * b
        elif what == "part":
            u[i, 1:3] = x[:2] * u[j, 2:]
        elif what == "element":
            u[i, a] = x[a] * b
        elif what == "add":
            u[i] += x * u[j, a]
        elif what == "scale":
            u[i, 1:] *= b + x[1:] ** 2
        elif what == "view":
            views.append(u[i])
        elif what == "through view" and views:
            views[k % len(views)][a] = b * x[a]
        elif what == "part of view" and views:
            views[k % len(views)][1:] += x[:3]
        elif what == "drop views":
            views.clear()
        elif what == "read row":
            total = total + np.sum(u[i] * x)
        elif what == "read part":
            total = total + np.sum(u[i, ::2] ** 2)
        elif what == "read column":
            total = total + np.sum(u[:, a]) * b
        elif what == "read all":
            total = total + np.sum(np.tanh(u))
        elif what == "swap":
            u[i], u[j] = u[j], u[i]
        elif what == "swap by list":
            u[[i, j]] = u[[j, i]]
        elif what == "copy":
            u[i] = u[j].copy() * 1.5
        elif what == "chain":
            u[i] = u[j] = x + b
        elif what == "alias":
            u[i] = u[j]
        elif what == "column":
            u[1:, a] = x
    for view in views:
        total = total + np.sum(np.sin(view))
    return total + np.sum(u * np.arange(20.0).reshape(SHAPE))


def check(seed: int) -> None:
    x = np.array([0.3, -0.7, 1.1, 0.5])
    value, gradient = ad.value_and_grad(lambda x: run(seed, x))(x)
    np.testing.assert_allclose(value, run(seed, x), rtol=1e-13)
    direction = np.array([0.4, -0.2, 0.7, 0.1])

    def slope(h: float) -> Any:
        return (run(seed, x + h * direction) - run(seed, x - h * direction)) / (2 * h)

    wanted = (4 * slope(5e-5) - slope(1e-4)) / 3
    size = max(1.0, np.max(np.abs(gradient)))
    assert abs(gradient @ direction - wanted) < 1e-7 * size
    assert abs(ad.jvp(lambda x: run(seed, x), (x,), (direction,))[1] - wanted) < 1e-7 * size


@pytest.mark.parametrize("seed", range(300))
def test_random_rows(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300, 6000))
def test_more_random_rows(seed):
    check(seed)


@pytest.mark.parametrize("seed", range(4))
def test_random_rows_compiled(seed):
    x = np.array([0.3, -0.7, 1.1, 0.5])
    compiled = ad.jit(ad.grad(lambda x: run(seed, x, 8)))
    for point in (x, 0.5 * x):
        np.testing.assert_allclose(
            compiled(point), ad.grad(lambda x: run(seed, x, 8))(point), rtol=1e-11, atol=1e-13
        )


def test_a_history_is_one_operation():
    def heat(start: Any, steps: int) -> Any:
        u = np.zeros((steps + 1, len(start)))
        u[0] = start
        for t in range(steps):
            u[t + 1] = u[t]
            u[t + 1, 1:-1] += 0.2 * (u[t, 2:] - 2 * u[t, 1:-1] + u[t, :-2])
        return np.sum(u[-1] ** 2) + np.sum(u[:, 3])

    program = ad.jit(heat).lower(np.linspace(0.0, 1.0, 8), 30)
    names = [n.primitive.name for n in program.function.order]
    assert sum(n.shape == (31, 8) for n in program.function.order if n.shape) <= 2
    assert "stack" in names or "concatenate" in names
