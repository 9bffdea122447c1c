"""Sums in levels: no less accurate than NumPy's, of the same bits for any number of threads."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adjoint as ad
from adjoint.base.errors import GraphError
from adjoint.codegen.compile import compile_object
from adjoint.codegen.emit import emit_program
from adjoint.codegen.targets import Target, host, without
from adjoint.loops.interpret import interpret
from adjoint.loops.ir import Array, Load, Loop, Place, Program, Scratch, Store, Update, walk
from adjoint.loops.levels import LONE_RUN, RUN, levels, unrolled
from adjoint.loops.text import text
from adjoint.loops.verify import verify
from adjoint.optimize.segments import Step
from adjoint.runtime import cpu, native
from adjoint.runtime.threads import pool

F8 = np.dtype(np.float64)
DTYPES = (np.float64, np.float32)


class Compiled:
    """A function of one array as a loop program and as machine code."""

    def __init__(self, function: Callable, x: np.ndarray, target: Target | None = None) -> None:
        target = target or host()
        graph = ad.jit(function).lower(x).function
        nodes = tuple([n for n in graph.order if n not in graph.inputs])
        step = Step(nodes, graph.inputs, graph.outputs, None)
        self.program, self.lanes = native.planned(step, target)
        verify(self.program)
        written, layout = emit_program(self.program, target, self.lanes)
        self.library = cpu.load(compile_object(written, target))
        self.call = self.library.function("program", ctypes.c_int64, ctypes.c_void_p)
        self.output = np.empty(self.program.outputs[0].extents(), self.program.outputs[0].dtype)
        self.workspace = np.empty(layout.workspace_bytes(self.program.symbols) + 64, np.uint8)
        start = -(-self.workspace.ctypes.data // 64) * 64
        slots = [0, self.output.ctypes.data, start]
        for symbol in self.program.symbols:
            bits = np.zeros(1, np.int64)
            bits.view(np.uint8)[: symbol.dtype.itemsize] = np.array(
                [symbol.value], symbol.dtype
            ).view(np.uint8)
            slots.append(int(bits[0]))
        self.constants = [np.ascontiguousarray(a.value) for a in self.program.constants]
        slots += [a.ctypes.data for a in self.constants]
        slots += [native.address(name) for name in layout.services]
        self.slots = np.array(slots, np.int64)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        self.slots[0] = x.ctypes.data
        assert self.call(self.slots.ctypes.data) == 0
        return self.output.copy()


def softmax_sum(x: Any) -> Any:
    """The sum of exponentials below the maximum, along the last axis."""
    return np.sum(np.exp(x - np.max(x, axis=-1, keepdims=True)), axis=-1)


def exact(x: np.ndarray, axis: int | None) -> np.ndarray:
    """Sums without rounding errors."""
    rows = x.reshape(1, -1) if axis is None else np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
    return np.array([math.fsum(row) for row in rows.astype(np.float64).tolist()])


def errors(
    function: Callable, shape: tuple[int, ...], axis: int | None, dtype: Any, draws: int, sign: bool
) -> tuple[float, float]:
    """The root-mean-square errors of ours and of NumPy, over vectors from a fixed seed, in units of
    the sum of positive numbers, or of the root of the sum of squares."""
    rng = np.random.default_rng(7)

    def draw() -> np.ndarray:
        return (rng.normal(size=shape) if sign else rng.random(shape)).astype(dtype)

    compiled = Compiled(function, draw())
    ours, numpys = 0.0, 0.0
    for _ in range(draws):
        x = draw()
        want = exact(x, axis)
        scale = np.sqrt(exact(x * x, axis)) if sign else want
        ours += np.mean(((compiled(x).ravel() - want) / scale) ** 2)
        numpys += np.mean(((np.ravel(function(x)) - want) / scale) ** 2)
    return math.sqrt(ours / draws), math.sqrt(numpys / draws)


# The root-mean-square errors of two ways to sum random numbers have the same expectation where the
# trees of additions are alike; the margin is for what the finite number of draws leaves.
MARGIN = 1.1


@pytest.mark.parametrize("sign", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [20, 100, 300, 1500, 10_000])
def test_a_vector_is_summed_no_less_accurately(n: int, dtype: Any, sign: bool) -> None:
    ours, numpys = errors(np.sum, (n,), None, dtype, 400 if n < 3000 else 150, sign)
    assert ours <= MARGIN * numpys


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(30, 100), (30, 1500), (3, 3000), (10, 1500)])
def test_rows_are_summed_no_less_accurately(shape: tuple[int, int], dtype: Any) -> None:
    draws = 4000 // shape[0] // (1 + shape[1] // 1000)
    ours, numpys = errors(lambda x: np.sum(x, axis=1), shape, 1, dtype, draws, True)
    assert ours <= MARGIN * numpys


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(300, 30), (3000, 10), (3000, 3)])
def test_columns_are_summed_more_accurately(shape: tuple[int, int], dtype: Any) -> None:
    ours, numpys = errors(lambda x: np.sum(x, axis=0), shape, 0, dtype, 10, True)
    assert ours <= 0.8 * numpys  # NumPy adds row after row


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(100, 50), (300, 17), (30, 300), (20, 2000)])
def test_a_matrix_is_summed_no_less_accurately(shape: tuple[int, int], dtype: Any) -> None:
    ours, numpys = errors(np.sum, shape, None, dtype, 200, True)
    assert ours <= MARGIN * numpys


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_long_vector_is_summed_more_accurately(dtype: Any) -> None:
    ours, numpys = errors(np.sum, (300_000,), None, dtype, 60, True)
    assert ours <= numpys


def test_a_sum_inside_a_program_is_as_accurate() -> None:
    rng = np.random.default_rng(3)
    for columns in (25, 200, 1500):
        x = rng.normal(size=(3000 // columns + 20, columns))
        wide = x.astype(np.longdouble)
        want = softmax_sum(wide)
        compiled = Compiled(softmax_sum, x)
        ours, numpys = compiled(x) - want, softmax_sum(x) - want
        assert np.sqrt(np.mean(ours**2)) <= MARGIN * np.sqrt(np.mean(numpys**2))


PROGRAMS: dict[str, tuple[Callable, tuple[int, ...]]] = {
    "sum": (np.sum, (300_001,)),
    "max": (np.max, (300_001,)),
    "var": (np.var, (200_003,)),
    "rows": (lambda x: np.sum(x, axis=1), (300, 701)),
    "columns": (lambda x: np.sum(x, axis=0), (3000, 101)),
    "few columns": (lambda x: np.mean(x, axis=0), (80_001, 3)),
    "softmax": (softmax_sum, (300, 333)),
    "products": (lambda x: np.sum(x[:, :, None] * x[:, None, :], axis=0), (5001, 11)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_bits_do_not_depend_on_the_threads(name: str) -> None:
    function, shape = PROGRAMS[name]
    x = np.random.default_rng(1).normal(size=shape)
    compiled = Compiled(function, x)
    threads = pool()
    threads.ensure_started()
    former = threads.limit(1)
    try:
        want = compiled(x)
        for limit in (2, 4):
            threads.limit(limit)
            for _ in range(3):
                assert compiled(x).tobytes() == want.tobytes()
    finally:
        threads.limit(former)
    np.testing.assert_allclose(want, function(x), rtol=1e-12, atol=1e-12 * math.sqrt(x.size))


SIZES = sorted(
    {
        max(1, n + d)
        for lanes in (4, 8)
        for k in (1, 4, 8)
        for n in (lanes, lanes * k, LONE_RUN * lanes * k, RUN * lanes * k, 2 * RUN * lanes * k)
        for d in (-1, 0, 1, 5)
    }
)


@pytest.mark.parametrize("dtype", DTYPES)
def test_vectors_of_sizes_around_all_thresholds(dtype: Any) -> None:
    rng = np.random.default_rng(5)
    tolerance = 4 * np.finfo(dtype).eps
    for n in SIZES[::2] if dtype is np.float32 else SIZES[1::2]:
        x = rng.integers(-9, 10, n).astype(
            dtype
        )  # sums without rounding: every element counts once
        assert Compiled(np.sum, x)(x) == x.sum()
        y = rng.random(n).astype(dtype)
        found = Compiled(lambda x: np.sum(np.sqrt(x)), y)(y)
        np.testing.assert_allclose(found, math.fsum(np.sqrt(y)), rtol=tolerance)


@pytest.mark.parametrize("columns", [3, 8, 9, 64, 65, 200])
@pytest.mark.parametrize("rows", [17, 40, 300])
def test_matrices_of_sizes_around_thresholds(rows: int, columns: int) -> None:
    x = np.random.default_rng(6).integers(-9, 10, (rows, columns)).astype(float)
    for axis in (0, 1, None):
        found = Compiled(lambda x, axis=axis: np.sum(x, axis=axis), x)(x)
        np.testing.assert_array_equal(found, x.sum(axis=axis))
        found = Compiled(lambda x, axis=axis: np.max(x, axis=axis), x)(x)
        np.testing.assert_array_equal(found, x.max(axis=axis))


def test_other_processors() -> None:
    x = np.random.default_rng(8).normal(size=3001)
    for target in (without(host(), "avx512"), without(host(), "avx512", "avx", "fma")):
        np.testing.assert_allclose(Compiled(np.sum, x, target)(x), math.fsum(x), rtol=1e-13)
        np.testing.assert_array_equal(Compiled(np.max, x, target)(x), x.max())


@pytest.mark.parametrize("n", [100, 700])
def test_the_interpreter_agrees(n: int) -> None:
    x = np.random.default_rng(2).normal(size=(3, n))
    for function in (np.sum, softmax_sum, lambda x: np.sum(np.exp(x), axis=0)):
        compiled = Compiled(function, x)
        for lanes in (None, compiled.lanes):
            (found,) = interpret(compiled.program, x, lanes=lanes)
            np.testing.assert_allclose(found, compiled(x), rtol=1e-12)


def test_long_sums_have_levels() -> None:
    for function in (np.sum, np.var, softmax_sum, lambda x: np.sum(x, axis=0)):
        body = Compiled(function, np.ones((3000, 3000))).program.body
        assert any(isinstance(x, Scratch) and x.compensated for x in walk(body))


def test_infinities_and_overflow_are_not_lost() -> None:
    x = np.ones(5000)
    compiled = Compiled(np.sum, x)
    for bad, want in (
        ([np.inf], np.inf),
        ([-np.inf, -np.inf], -np.inf),
        ([np.inf, -np.inf], np.nan),
        ([np.nan], np.nan),
        ([1e308] * 3000, np.inf),
    ):
        y = x.copy()
        y[1000 : 1000 + len(bad)] = bad
        np.testing.assert_array_equal(compiled(y), want)


def test_another_size_is_the_same_code() -> None:
    programs = [Compiled(np.sum, np.ones(n)).program for n in (3000, 5000, 20_000)]
    assert len({text(p) for p in programs}) == 1


def test_what_a_compensated_array_is() -> None:
    def program(dtype: Any, write: Callable[[Array, Any], Any], fill: Any = 0) -> Program:
        x, y = Array((9,), dtype, "input"), Array((), dtype, "output")
        total = Array((), dtype, "scratch")
        loop = Loop(9)
        found, last = Load(x, [Place([(loop.index, 1)])]), Load(total, [])
        loop.body = [found, write(total, found)]
        scratch = Scratch(total, fill, compensated=True)
        return Program([x], [y], [scratch, loop, last, Store(y, [], last)])

    verify(program(F8, lambda a, x: Update(a, [], "add", x)))
    assert "compensated" in text(program(F8, lambda a, x: Update(a, [], "add", x)))
    for wrong in (
        program(F8, lambda a, x: Update(a, [], "maximum", x)),
        program(F8, lambda a, x: Store(a, [], x)),
        program(F8, lambda a, x: Update(a, [], "add", x), 1),
        program(np.dtype(np.int64), lambda a, x: Update(a, [], "add", x)),
    ):
        with pytest.raises(GraphError, match="compensated"):
            verify(wrong)


def test_a_short_sum_stays_as_it_is() -> None:
    x, y = Array((9,), F8, "input"), Array((), F8, "output")
    total = Array((), F8, "scratch")
    loop = Loop(9, lanes=True)
    found, last = Load(x, [Place([(loop.index, 1)])]), Load(total, [])
    loop.body = [found, Update(total, [], "add", found)]
    program = Program([x], [y], [Scratch(total, 0), loop, last, Store(y, [], last)])
    assert levels(program, 8) is program
    assert unrolled(loop, 8) == 1  # its end is part of the code
