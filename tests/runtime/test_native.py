"""Compiled programs as a whole: sizes, threads, the disk cache, lifetime, indices out of range."""

import gc
import os
import subprocess
import sys
import weakref

import numpy as np
import pytest

import adjoint as ad
from adjoint.base.tree import flatten
from adjoint.runtime import native, plans
from adjoint.runtime.threads import pool


@pytest.fixture
def compilations(monkeypatch, tmp_path):
    """The texts that are compiled while a test runs, nothing being found on disk or in memory."""
    monkeypatch.setenv("ADJOINT_CACHE", str(tmp_path))
    monkeypatch.setattr(native, "CODES", weakref.WeakValueDictionary())
    monkeypatch.setattr(plans, "known", {})
    texts = []
    compile_object = native.compile_object

    def counted(text, target, level=2):
        texts.append(text)
        return compile_object(text, target, level)

    monkeypatch.setattr(native, "compile_object", counted)
    return texts


def softmax_loss(z, labels):
    top = np.max(z, axis=1, keepdims=True)
    logs = np.log(np.sum(np.exp(z - top), axis=1)) + top[:, 0]
    return np.mean(logs - z[np.arange(len(labels)), labels])


def distances(x, y):
    return np.sqrt(np.sum((x[:, None, :] - y) ** 2, axis=2)) * 3.7


def stencil(u):
    return np.sum((u[1:-1] * 2 - u[:-2] - u[2:]) ** 2) + u[-1] * u[len(u) // 2]


PROGRAMS = {
    "softmax": (
        ad.value_and_grad(softmax_loss),
        lambda rng, n: (rng.normal(size=(n, 33)), rng.integers(0, 33, n)),
    ),
    "distances": (distances, lambda rng, n: (rng.normal(size=(n, 3)), rng.normal(size=(50, 3)))),
    "stencil": (ad.grad(stencil), lambda rng, n: (rng.normal(size=n),)),
    "product": (
        lambda a, b: np.tanh(a @ b) + a.sum(),
        lambda rng, n: (rng.normal(size=(n, 40)), rng.normal(size=(40, 60))),
    ),
    "narrow product": (
        lambda a, b: np.tanh(a @ b),
        lambda rng, n: (rng.normal(size=(n, 310)) / 20, rng.normal(size=(310, 10))),
    ),
}


@pytest.mark.parametrize(
    "sizes",
    [(3000, 3001, 3117, 768, 1000, 6143), (256, 300, 96, 128, 767), (80, 70, 95), (10_000, 40_000)],
)
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_new_size_compiles_nothing(name, sizes, compilations):
    function, data = PROGRAMS[name]
    rng = np.random.default_rng(0)
    fast = ad.jit(function)
    fast(*data(rng, sizes[0]))
    count = len(compilations)
    assert count >= 1
    for n in sizes[1:]:
        arguments = data(rng, n)
        for a, b in zip(flatten(fast(*arguments))[0],
                        flatten(function(*arguments))[0], strict=True):  # fmt: skip
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)
    assert len(compilations) == count


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_sizes_share_a_few_codes(name, compilations):
    """Machine code depends on the order of magnitude of the sizes, and most often not even that."""
    function, data = PROGRAMS[name]
    rng = np.random.default_rng(0)
    fast = ad.jit(function)
    for n in (20, 21, 50, 70, 100, 130, 300, 500, 1000, 2000, 5000, 9000):
        fast(*data(rng, n))
    assert sum("@program(" in text for text in compilations) <= 5  # blocks are compiled apart


def test_equal_programs_share_their_code(compilations):
    x = np.linspace(0, 1, 40)
    first, second = ad.jit(lambda x: np.exp(x) * 2), ad.jit(lambda y: np.exp(y) * 2)
    assert np.array_equal(first(x), second(x))
    assert len(compilations) == 1


def large(x):
    """Work for several blocks: elementwise, reductions along both axes, a scan over rows."""
    e = np.exp(np.sin(x) * np.cos(x))
    return e, e.sum(0), e.sum(1), e.max(), np.mean(e * x)


def test_the_bits_do_not_depend_on_the_number_of_threads():
    x = np.random.default_rng(0).normal(size=(1501, 217))
    fast, before = ad.jit(large), pool().limit(None)
    try:
        results = []
        for threads in (1, 2, 4):
            pool().limit(threads)
            results.append([np.asarray(y).tobytes() for y in fast(x)])
    finally:
        pool().limit(before)
    assert results[0] == results[1] == results[2]


PROGRAM = """
import numpy as np, adjoint as ad
from adjoint.runtime import native
made = []
compile_object = native.compile_object
native.compile_object = lambda *a: made.append(1) or compile_object(*a)
f = ad.jit(ad.grad(lambda x: np.sum(np.tanh(x) ** 2 / (1 + x[:, None] ** 2))))
print(len(made), repr(float(f(np.linspace(-1, 1, 37)).sum())), len(made))
"""


def run(cache):
    environment = {**os.environ, "ADJOINT_CACHE": str(cache)}
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.split()


def test_another_process_finds_the_code(tmp_path):
    before, value, made = run(tmp_path)
    assert (before, made) == ("0", "1")
    assert run(tmp_path) == ["0", value, "0"]


def test_spoiled_entries_are_made_again(tmp_path):
    _, value, _ = run(tmp_path)
    for entry in (tmp_path / "adjoint").iterdir():
        data = bytearray(entry.read_bytes())
        data[len(data) // 2] ^= 1
        entry.write_bytes(bytes(data))
    assert run(tmp_path) == ["0", value, "1"]


def test_code_goes_with_its_last_function(compilations):
    fast = ad.jit(lambda x: np.exp(x) + 0.123)
    fast(np.ones(20))
    codes = len(native.CODES)
    assert codes >= 1
    del fast
    gc.collect()
    assert len(native.CODES) < codes


def test_an_index_out_of_range_raises_as_numpy():
    fast = ad.jit(lambda x, i: x[i] * 2.0)
    x = np.arange(5.0)
    assert fast(x, np.array([4, -5])).tolist() == [8.0, 0.0]
    with pytest.raises(IndexError) as native_error:
        fast(x, np.array([0, 5]))
    with pytest.raises(IndexError) as numpy_error:
        x[np.array([0, 5])]
    assert str(native_error.value) == str(numpy_error.value)
    with pytest.raises(IndexError):
        fast(x, np.array([-6, 0]))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty_arrays(shape):
    x = np.ones(shape)
    assert np.array_equal(ad.jit(lambda x: np.exp(x) + x.sum(0))(x), np.exp(x) + x.sum(0))


def test_results_are_fresh():
    def f(x):
        return x, x, np.sin(x)

    x = np.arange(4.0)
    a, b, c = ad.jit(f)(x)
    a[0] = 9
    assert b[0] == x[0] == 0.0
    assert not np.shares_memory(a, b) and not np.shares_memory(a, x)
    assert all(y.flags.writeable for y in (a, b, c))
    a, _, _ = ad.jit(f)(x)
    assert a[0] == 0.0


def test_arguments_of_any_layout():
    fast = ad.jit(lambda x: np.exp(x) * 2 + x.sum(0))
    x = np.random.default_rng(0).normal(size=(6, 8))
    for y in (x, x.T, x[::2, ::-1], np.asfortranarray(x), x[1:, 1:], x.astype(">f8")):
        np.testing.assert_allclose(fast(y), np.exp(y) * 2 + y.sum(0), rtol=1e-15, atol=1e-14)


def row_sums(x):
    return np.sum(np.exp(np.sin(x) * np.cos(x)) + np.tanh(x), axis=1)


def test_blocks_are_compiled_apart(compilations):
    """The loop that threads share is a module of its own, found again by what it is."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 400))
    gradient = ad.grad(lambda x: np.sum(row_sums(x) ** 2) + np.sum(np.cos(x[0]) ** 3))
    expected = gradient(x)
    np.testing.assert_allclose(ad.jit(gradient)(x), expected, rtol=1e-12, atol=1e-12)
    apart = [text for text in compilations if "@program(" not in text and "@block(" in text]
    assert apart
    before = len(compilations)
    again = ad.jit(lambda x: gradient(x))  # all is in memory still, or on disk
    np.testing.assert_allclose(again(x), expected, rtol=1e-12, atol=1e-12)
    assert len(compilations) == before


def test_what_hands_its_work_on_is_compiled_as_it_stands(compilations):
    """The function that calls blocks or routines, and does little beside."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 1000))
    for function, arguments, is_soon in (
        (np.negative, (x,), True),
        (np.negative, (x[0],), False),
        (np.sum, (x,), True),
        (np.matmul, (x, x), True),
        (lambda x, y: np.sum(np.cumsum(x)) + np.sum(y), (x, x[0]), False),
    ):
        compilations.clear()
        expected = function(*arguments)
        np.testing.assert_allclose(ad.jit(function)(*arguments), expected, rtol=1e-9, atol=1e-9)
        main = next(text for text in compilations if "@program(" in text)
        assert ("define i64 @program(ptr %slots) noinline optnone" in main) == is_soon, function


def test_what_runs_once_has_no_record():
    fast = ad.jit(lambda x: np.exp(x) * 3.0)
    for count in (0, 1, 1):
        fast(np.ones(3))
        assert len(fast.records) == count
    for count in (1, 2, 2):
        fast(1.0)
        assert len(fast.records) == count


@pytest.mark.parametrize("lost", ["program", "block", "both"])
def test_lost_machine_code_is_made_again(lost, compilations, tmp_path):
    """A plan on disk whose machine code is gone, in whole or in part."""
    x = np.random.default_rng(0).normal(size=(500, 400))
    gradient = ad.grad(lambda x: np.sum(row_sums(x) ** 2) + np.sum(np.cos(x[0]) ** 3))
    expected = gradient(x)
    fast = ad.jit(gradient)
    fast(x)
    del fast
    gc.collect()
    native.CODES.clear()
    plans.known.clear()
    sizes = {}
    for path in tmp_path.rglob("object-*"):
        sizes[path] = b"block" in path.read_bytes() and b"program" not in path.read_bytes()
    for path, is_block in sizes.items():
        if lost == "both" or is_block == (lost == "block"):
            path.unlink()
    before = len(compilations)
    np.testing.assert_allclose(ad.jit(gradient)(x), expected, rtol=1e-12, atol=1e-12)
    assert len(compilations) > before
