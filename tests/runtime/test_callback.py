"""Programs as C functions: values, signatures, what they hold, what is refused."""

from __future__ import annotations

import ctypes
import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import LowLevelCallable
from scipy.integrate import nquad, quad
from scipy.ndimage import generic_filter

import adjoint as ad

FILTER = "int (double *, intptr_t, double *, void *)"


def bell(x):
    return np.exp(-(x**2)) * np.sin(3 * x)


def test_one_number_under_quad():
    program = ad.jit(bell).lower(1.0)
    for signature in (None, "double (double)", "double (double, void *)"):
        made = program.low_level_callable(signature)
        assert isinstance(made, LowLevelCallable)
        np.testing.assert_allclose(quad(made, 0.0, 3.0)[0], quad(bell, 0.0, 3.0)[0], rtol=1e-13)
    slope = ad.jit(ad.grad(bell)).lower(1.0).low_level_callable()
    np.testing.assert_allclose(quad(slope, 0.0, 2.0)[0], bell(2.0), rtol=1e-10)


def test_several_numbers_under_nquad():
    def f(x, y, z):
        return np.exp(-x * y) * np.cos(z)

    made = ad.jit(f).lower(1.0, 1.0, 1.0).low_level_callable()
    wanted = nquad(f, [(0, 1), (0, 2), (0, 1)])[0]
    np.testing.assert_allclose(nquad(made, [(0, 1), (0, 2), (0, 1)])[0], wanted, rtol=1e-12)


def test_an_array_under_nquad_and_as_a_filter():
    program = ad.jit(lambda v: np.sum(v**2)).lower(np.ones(2))
    made = program.low_level_callable("double (int, double *, void *)")
    np.testing.assert_allclose(nquad(made, [(0, 1), (0, 1)])[0], 2 / 3, rtol=1e-12)
    image = np.random.default_rng(0).normal(size=(12, 9))
    spread = ad.jit(lambda v: np.max(v) - np.mean(v)).lower(np.ones(9))
    found = generic_filter(image, spread.low_level_callable(FILTER), size=3)
    wanted = generic_filter(image, lambda v: v.max() - v.mean(), size=3)
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-15)


def test_the_address_of_numbers():
    one = ad.jit(bell).lower(1.0)
    call = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(one.address)
    assert call(0.7) == pytest.approx(bell(0.7), rel=1e-15) and one.address == one.address
    two = ad.jit(lambda x, y: x - 2 * y).lower(1.0, 1.0)
    pointer = ctypes.POINTER(ctypes.c_double)
    call = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int, pointer)(two.address)
    assert call(2, (ctypes.c_double * 2)(5.0, 1.5)) == 2.0
    assert np.isnan(call(3, (ctypes.c_double * 3)(5.0, 1.5, 0.0)))


def test_the_address_of_a_program_of_arrays():
    program = ad.jit(lambda x, y: (x * y, np.cumsum(x))).lower(np.ones(100), np.ones(100))
    slots = program.slots
    x, y = np.arange(100.0), np.full(100, 0.5)
    first, second = np.empty(100), np.empty(100)
    room = np.empty(program.workspace_bytes + 64, np.uint8)
    aligned = -(-room.ctypes.data // 64) * 64
    slots[:5] = [*[a.ctypes.data for a in (x, y, first, second)], aligned]
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(program.address)
    assert call(slots.ctypes.data) == 0
    np.testing.assert_array_equal(first, x * y)
    np.testing.assert_array_equal(second, np.cumsum(x))
    assert program.slots[0] == 0  # a copy each time


def test_a_large_workspace_comes_from_the_heap():
    """Where threads share loops, each of them has memory of its own, far from that of others."""
    n = 40_000
    rng = np.random.default_rng(4)
    table = rng.normal(size=(n, 3))

    def f(x):
        near = np.exp(-np.sum((table - x) ** 2, axis=1))
        return np.sum(np.sort(near / np.sum(near))[::2])

    program = ad.jit(f).lower(0.5)
    assert program.workspace_bytes > 1 << 16
    call = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(program.address)
    for x in (0.1, 0.5, -0.3):
        assert call(x) == pytest.approx(f(x), rel=1e-12)
    points = rng.normal(size=32)
    with ThreadPoolExecutor(4) as team:
        found = list(team.map(call, points.tolist()))
    np.testing.assert_allclose(found, [f(x) for x in points], rtol=1e-12)


def test_captured_arrays_are_read_where_they_are():
    table = np.arange(50.0)
    made = ad.jit(lambda x: np.sum(table * x)).lower(1.0).low_level_callable()
    assert quad(made, 0.0, 1.0)[0] == pytest.approx(table.sum() / 2)
    table[:] = 1.0
    assert quad(made, 0.0, 1.0)[0] == pytest.approx(25.0)


def test_the_object_holds_all_that_it_needs():
    def make():
        table = np.arange(50.0)
        return ad.jit(lambda x: np.sum(table * x)).lower(1.0).low_level_callable()

    made = make()
    gc.collect()
    assert quad(made, 0.0, 1.0)[0] == pytest.approx(49 * 50 / 4)


def test_an_index_out_of_range_gives_nan():
    table = np.arange(5.0)
    program = ad.jit(lambda x: ad.numpy.take(table, (x * 10).astype(int))).lower(np.float64(0.1))
    call = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(program.address)
    assert call(0.31) == 3.0 and np.isnan(call(0.9))


@pytest.mark.parametrize(
    ("function", "arguments", "signature", "said"),
    [
        (bell, (1.0,), "float (float)", "is none of"),
        (bell, (np.ones(3),), None, "one float64 number"),
        (np.sum, (np.ones((3, 3)),), None, "one array with one axis"),
        (np.sum, (np.ones(3),), "double (double)", "takes one number"),
        (np.sin, (np.float32(1),), None, "float64"),
        (lambda x: x + np.fft.fft(x * np.ones(4)).real.sum(), (1.0,), None, "NumPy evaluates"),
    ],
)
def test_what_is_refused(function, arguments, signature, said):
    program = ad.jit(function).lower(*arguments)
    with pytest.raises(ValueError, match=said):
        program.low_level_callable(signature)


def test_captured_arrays_that_are_not_contiguous_are_refused():
    table = np.arange(1600.0).reshape(40, 40)[:, ::2]
    program = ad.jit(lambda x: np.sum(table * x)).lower(1.0)
    with pytest.raises(ValueError, match="not contiguous"):
        program.low_level_callable()


def test_the_stages_of_a_program_as_text():
    program = ad.jit(bell).lower(1.0)
    assert "exp" in program.loops() and "store" in program.loops()
    assert "define i64 @program(ptr %slots)" in program.llvm()
    assert "program" in program.assembly()
    assert [n.primitive.name for n in program.function.outputs] == ["mul"]
