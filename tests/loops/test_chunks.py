"""What blocks of several loops hand on lies block by block: the same results, from memory apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from native_checks import executable, interpreted, loop_program

import adjoint as ad
from adjoint.loops.ir import Load, Loop, Store, walk
from adjoint.loops.verify import verify
from adjoint.runtime.threads import pool

UNITS = 60


def loss(w: Any, b: Any, v: Any, x: Any) -> Any:
    """Its gradient goes over the points twice: their mean must be known before."""
    h = np.tanh(x[:, None] * w + b)
    u = np.sum(h * v, axis=1)
    curvature = np.sum(-2.0 * h * (1.0 - h * h) * w * w * v, axis=1)
    return np.mean((curvature + u) ** 2) + (np.mean(u**2) - 0.5) ** 2


def gradient(w: Any, b: Any, v: Any, x: Any) -> Any:
    return ad.grad(loss, argnums=(0, 1, 2))(w, b, v, x)


def draw(n: int, dtype: str = "float64") -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    shapes = (UNITS,), (UNITS,), (UNITS,), (n,)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def made_of(arguments: list[np.ndarray]) -> Any:
    return executable(ad.jit(gradient).lower(*arguments))


def plan_of(arguments: list[np.ndarray]) -> Any:
    (one,) = [native for _, native in made_of(arguments).steps if native is not None]
    return loop_program(one)


def test_the_rows_of_each_block_lie_together() -> None:
    program, lanes = plan_of(draw(4000))
    if lanes == 1:
        pytest.skip("this processor's vectors have one lane")
    verify(program)
    loops = [x for x in program.body if isinstance(x, Loop) and x.blocks]
    first, second = (
        {x.array for x in walk(loop.body) if isinstance(x, kind) and len(x.array.shape) == 3}
        for loop, kind in zip(loops[:2], (Store, Load), strict=True)
    )
    assert first & second and all(a.shape[0] is loops[0].end for a in first & second)
    assert loops[0].end is loops[1].end  # cut alike


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [64, 255, 1000, 4000, 4001, 12_347, 70_001])
def test_results_are_those_of_numpy(n: int, dtype: str) -> None:
    arguments = draw(n, dtype)
    wide = [x.astype("longdouble") for x in arguments]
    tolerance = 200 * np.finfo(dtype).eps
    for found, wanted in zip(ad.jit(gradient)(*arguments), by_hand(*wide), strict=True):
        assert found.dtype == dtype
        scale = np.max(np.abs(wanted))
        np.testing.assert_allclose(found, wanted, rtol=0, atol=float(tolerance * scale))


def by_hand(w: Any, b: Any, v: Any, x: Any) -> tuple[Any, Any, Any]:
    """The gradient in NumPy."""
    h = np.tanh(x[:, None] * w + b)
    slope, bend = 1 - h * h, -2 * h * (1 - h * h)
    u, curvature = h @ v, bend @ (w * w * v)
    one = 2 / len(x) * (curvature + u)
    other = one + 4 / len(x) * (np.mean(u**2) - 0.5) * u
    into = v * slope * (other[:, None] + one[:, None] * w * w * (6 * h * h - 2))
    for_w = x @ into + 2 * w * v * (one @ bend)
    return for_w, np.sum(into, axis=0), other @ h + w * w * (one @ bend)


def test_the_bits_do_not_depend_on_threads() -> None:
    arguments, function = draw(12_347), ad.jit(gradient)
    answers = []
    for threads in (1, 2, 4):
        before = pool().limit(threads)
        try:
            answers.append(function(*arguments))
        finally:
            pool().limit(before)
    for others in answers[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(answers[0], others, strict=True))


def test_the_interpreter_agrees() -> None:
    arguments = draw(515)
    for vectors in (False, True):
        found = interpreted(made_of(arguments), arguments, vectors, most=10**11)
        assert found is not None
        for a, b in zip(found, by_hand(*arguments), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
