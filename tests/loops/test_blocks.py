"""Large loops in blocks whose accumulators lie side by side: the same results, and no copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from native_checks import executable, interpreted, loop_program

import adjoint as ad
from adjoint.loops.ir import Loop, Scratch, Store, Update, root, walk
from adjoint.loops.share import MANY
from adjoint.loops.verify import verify
from adjoint.runtime.threads import pool

TARGETS = 3000  # more elements than MANY


def draw(count: int, dtype: Any = float, targets: int = TARGETS) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    table = rng.normal(size=(targets, 3)).astype(dtype)
    if np.dtype(dtype).kind == "c":
        table = table + 1j * rng.normal(size=(targets, 3)).astype(dtype)
    return [
        table,
        rng.random(count).astype(table.real.dtype),
        rng.integers(-targets, targets, count),
    ]


def energy(table: Any, weights: Any, at: Any) -> Any:
    row = table[at]
    return np.sum(weights * np.exp(-np.sum(row**2, axis=1)) * np.sin(row[:, 0]))


def gradient(table: Any, weights: Any, at: Any) -> Any:
    return ad.grad(energy)(table, weights, at)


def scaled(table: Any, weights: Any, at: Any) -> Any:
    return 2.0 * ad.grad(energy)(table, weights, at)


def used_twice(table: Any, weights: Any, at: Any) -> Any:
    found = ad.grad(energy)(table, weights, at)
    return found, np.sum(found)


def both(table: Any, weights: Any, at: Any) -> Any:
    return ad.grad(energy, argnums=(0, 1))(table, weights, at)


def magnitude(table: Any, weights: Any, at: Any) -> Any:
    return np.sum(weights * np.abs(np.exp(table[at])[:, 1]) ** 2)


PROGRAMS = {f.__name__: f for f in (gradient, scaled, used_twice, both)}


def made_of(function: Callable, arguments: list[np.ndarray]) -> Any:
    return executable(ad.jit(function).lower(*arguments))


def plan_of(function: Callable, arguments: list[np.ndarray]) -> Any:
    (one,) = [native for _, native in made_of(function, arguments).steps if native is not None]
    return loop_program(one)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("count", [3000, 20_001, 60_000, 200_003])
@pytest.mark.parametrize("name", PROGRAMS)
def test_results_are_those_of_numpy(name: str, count: int, dtype: str) -> None:
    arguments = draw(count, dtype)
    tolerance = 2000 * np.finfo(dtype).eps
    found, wanted = ad.jit(PROGRAMS[name])(*arguments), PROGRAMS[name](*arguments)
    for a, b in zip(*[x if isinstance(x, tuple) else (x,) for x in (found, wanted)], strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.max(np.abs(b)))


def test_complex_numbers() -> None:
    arguments = draw(60_000, complex)
    function = ad.grad(magnitude)
    wanted = function(*arguments)
    found = ad.jit(function)(*arguments)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13 * np.max(np.abs(wanted)))


def test_the_bits_do_not_depend_on_threads() -> None:
    arguments = draw(200_003)
    function = ad.jit(gradient)
    answers = []
    for threads in (1, 2, 4):
        before = pool().limit(threads)
        try:
            answers.append(function(*arguments))
        finally:
            pool().limit(before)
    assert all(np.array_equal(answers[0], x) for x in answers)


def test_totals_go_straight_to_the_output() -> None:
    program, _ = plan_of(gradient, draw(60_000))
    verify(program)
    blocks = [x for x in program.body if isinstance(x, Loop) and x.blocks]
    assert len(blocks) >= 2  # the data; the totals
    (output,) = program.outputs
    items = list(walk(program.body))
    stores = [x for x in items if isinstance(x, Store) and root(x.array) is output]
    assert len(stores) == 1
    scattered = [x for x in items if isinstance(x, Update) and len(x.places) == 3]
    assert len(scattered) == 3  # into a block's row of what all blocks have
    assert {x.array.extents()[1:] for x in scattered} == {output.extents()}
    assert not any(isinstance(x, Scratch) and len(x.array.shape) == 2 for x in items)


def test_totals_that_are_needed_elsewhere_are_kept() -> None:
    program, _ = plan_of(scaled, draw(60_000))
    verify(program)
    assert any(isinstance(x, Scratch) and len(x.array.shape) == 2 for x in program.body)


def test_few_accumulators_are_a_block_s_own() -> None:
    program, _ = plan_of(gradient, draw(200_003, targets=MANY // 10))
    blocks = next(x for x in program.body if isinstance(x, Loop) and x.blocks)
    assert any(isinstance(x, Scratch) and len(x.array.shape) == 2 for x in blocks.body)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gradient", "both"])
def test_the_interpreter_agrees(name: str) -> None:
    arguments = draw(20_001)
    made = made_of(PROGRAMS[name], arguments)
    native = made(arguments)
    for vectors in (True, False):
        found = interpreted(made, arguments, vectors, most=10**11)
        assert found is not None
        for a, b in zip(found, native, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13 * np.max(np.abs(b)))
