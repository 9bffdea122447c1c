"""Parameters' loops around strips of data: the same results, from accumulators that stay near."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from native_checks import executable, interpreted, loop_program

import adjoint as ad
from adjoint.codegen.access import FAR
from adjoint.codegen.emit import emit_program
from adjoint.codegen.targets import host
from adjoint.loops.ir import (
    Load,
    Loop,
    Operation,
    Program,
    Scratch,
    Store,
    Symbol,
    Update,
    extent,
    walk,
)
from adjoint.loops.tiles import VECTORS, tiled
from adjoint.loops.verify import verify

COMPONENTS, DIMENSION = 25, 9


def draw(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.normal(size=shape) for shape in shapes]


def mixture(weights: Any, means: Any, factors: Any, x: Any) -> Any:
    """The log-likelihood of a mixture with a full matrix for each component."""
    y = np.einsum("kij,nkj->nki", factors, x[:, None, :] - means)
    inner = weights - 0.5 * np.sum(y**2, axis=2)
    top = np.max(inner, axis=1, keepdims=True)
    return np.sum(np.log(np.sum(np.exp(inner - top), axis=1)) + top[:, 0])


def kernels(means: Any, scales: Any, factors: Any, x: Any) -> Any:
    """A sum of squares of soft distances: two passes over the parameters, data by their number."""
    y = np.einsum("kij,nkj->nki", factors, x[:, None, :] - means)
    near = np.exp(-np.sum(y**2, axis=2) * scales)
    total = np.sum(near, axis=1, keepdims=True) + np.arange(x.shape[0])[:, None]
    return np.sum((near / total) ** 2)


def parameters(n: int) -> list[np.ndarray]:
    k, d = COMPONENTS, DIMENSION
    return draw((k,), (k, d), (k, d, d), (n, d))


def others(n: int) -> list[np.ndarray]:
    weights, means, factors, x = parameters(n)
    return [means, weights**2, 0.1 * factors, x]


CASES: dict[str, tuple[Callable, Callable]] = {
    "mixture": (mixture, parameters),
    "kernels": (kernels, others),
}


def compiled(function: Callable, arguments: Sequence[np.ndarray]) -> Any:
    return executable(ad.jit(ad.grad(function, argnums=(0, 1, 2))).lower(*arguments))


def planned(function: Callable, arguments: Sequence[np.ndarray]) -> tuple[Program, int]:
    made = [made for _, made in compiled(function, arguments).steps if made is not None]
    assert len(made) == 1
    return loop_program(made[0])


def around(program: Program) -> list[Loop]:
    """The loops around lanes loops that are around no data: those that go through parameters."""
    return [
        item
        for item in walk(program.body)
        if isinstance(item, Loop)
        and not item.blocks
        and len(item.body) == 1
        and isinstance(item.body[0], Loop)
        and item.body[0].lanes
    ]


@pytest.mark.parametrize("name", CASES)
def test_the_loop_with_many_accumulators_goes_around_strips(name: str) -> None:
    function, draws = CASES[name]
    program, lanes = planned(function, draws(4000))
    if lanes == 1:
        pytest.skip("this processor's vectors have one lane")
    verify(program)
    (loop,) = around(program)
    updated = {x.array for x in walk(loop.body) if isinstance(x, Update)}
    assert any(len(array.shape) == 3 for array in updated)  # the matrices' gradients
    strips = [
        x.array
        for x in walk(program.body)
        if isinstance(x, Scratch) and x.array.shape[-1:] == (7 * VECTORS * lanes // 4,)
    ]
    read = {x.array for x in walk(loop.body) if isinstance(x, Load)}
    assert strips and set(strips) <= read  # all that goes through memory is needed there
    assert not any(isinstance(x, Store) for x in walk(loop.body))


@pytest.mark.parametrize("n", [1, 15, 16, 17, 63, 64, 65, 111, 112, 113, 400, 1000, 1001, 3003])
@pytest.mark.parametrize("name", CASES)
def test_its_results_are_those_of_numpy(name: str, n: int) -> None:
    function, draws = CASES[name]
    arguments = draws(n)
    gradient = ad.grad(function, argnums=(0, 1, 2))
    for found, want in zip(ad.jit(gradient)(*arguments), gradient(*arguments), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-11, atol=1e-12 * np.max(np.abs(want)))


def test_a_point_that_is_no_number_spoils_what_it_should() -> None:
    arguments = parameters(1000)
    arguments[3][999, 2] = np.nan
    gradient = ad.grad(mixture, argnums=(0, 1, 2))
    for found, want in zip(ad.jit(gradient)(*arguments), gradient(*arguments), strict=True):
        np.testing.assert_array_equal(np.isnan(found), np.isnan(want))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_interpreter_agrees(name: str) -> None:
    function, draws = CASES[name]
    arguments = draws(260)
    made = compiled(function, arguments)
    native = made(arguments)
    for vectors in (True, False):
        found = interpreted(made, arguments, vectors, most=10**11)
        assert found is not None
        for a, b in zip(found, native, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13 * np.max(np.abs(b)))


def test_few_accumulators_stay_where_they_are() -> None:
    def few(means: Any, x: Any) -> Any:
        return np.sum(np.exp(-np.sum((x[:, None, :] - means) ** 2, axis=2)))

    (x,) = draw((4000, 3))
    (means,) = draw((25, 3))
    made = executable(ad.jit(ad.grad(few)).lower(means, x))
    (one,) = [native for _, native in made.steps if native is not None]
    program, lanes = loop_program(one)
    again, trips = tiled(program, lanes)
    assert again is program and not trips and not around(program)


@pytest.mark.parametrize("components", [4, 8, 16, 25, 40])
def test_the_data_go_along_the_lanes_however_many_parameters(components: int) -> None:
    k, d = components, DIMENSION
    program, lanes = planned(mixture, draw((k,), (k, d), (k, d, d), (4000, d)))
    if lanes == 1:
        pytest.skip("this processor's vectors have one lane")
    (data,) = [x for x in walk(program.body) if isinstance(x, Loop) and x.blocks]
    vectors = [x for x in walk(data.body) if isinstance(x, Loop) and x.lanes]
    assert vectors and all(isinstance(x.end, Operation) for x in vectors)  # of a block of data
    inside = [x for x in walk(vectors[0].body) if isinstance(x, Loop)]
    extents = {extent(x.end) for x in inside if isinstance(x.end, (int, Symbol))}
    assert d not in extents  # a small matrix is in registers
    assert k in extents or k == 4


def test_the_memory_of_threads_lies_apart() -> None:
    """As much of it as threads, or blocks, so far apart that no processor fetches another's."""
    program, lanes = planned(mixture, parameters(4000))
    _, layout = emit_program(program, host(), lanes)
    blocks = max(extent(x.end) for x in program.body if isinstance(x, Loop) and x.blocks)
    one, two, three = (layout.workspace_bytes(program.symbols, n) for n in (1, 2, 3))
    assert blocks >= 4 and two - one == three - two > FAR
    most = one + (blocks - 1) * (two - one)
    assert layout.workspace_bytes(program.symbols) == most
    assert layout.workspace_bytes(program.symbols, 10**6) == most


def test_explain_names_strips_where_there_are_some() -> None:
    gradient = ad.grad(mixture, argnums=(0, 1, 2))
    report = " ".join(str(ad.explain(gradient, *parameters(1000))).split())
    lanes = planned(mixture, parameters(1000))[1]
    if lanes > 1:
        assert f"strips of {VECTORS * lanes}, {lanes} lanes along i" in report

    places = np.random.default_rng(0).integers(0, 300, 20_000)

    def scattered(table: Any, x: Any) -> Any:
        return np.sum(np.exp(table[places] * x) ** 2)

    (table, x) = draw((300,), (20_000,))
    assert "strips of" not in str(ad.explain(ad.grad(scattered), table, x))
