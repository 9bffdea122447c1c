"""Matrix products against NumPy's in extended precision: shapes, strides, bits, memory bounds."""

from __future__ import annotations

import ctypes
import mmap
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from adjoint.codegen import gemm
from adjoint.codegen.targets import Target, host, without
from adjoint.runtime import products
from adjoint.runtime.threads import Pool, pool

LESSER = {
    "host": (),
    "AVX2": ("avx512",),
    "baseline": ("avx512", "avx", "fma"),
}
DTYPES = ("float32", "float64")
STRIDES = ("rows", "columns", "spread", "reversed", "sliced", "sliced columns")


@lru_cache(maxsize=1)
def targets() -> dict[str, Target]:
    return {name: without(host(), *lost) if lost else host() for name, lost in LESSER.items()}


@lru_cache(maxsize=8)
def functions(dtype: str, target: Target) -> tuple[products.Products, dict[str, object]]:
    made = products.make(products.KINDS[dtype], target)
    i, p = ctypes.c_int64, ctypes.c_void_p
    one = ctypes.CFUNCTYPE(None, i, i, i, p, i, i, p, i, i, p, i, i, i, p, p, p)
    stack = ctypes.CFUNCTYPE(None, i, i, i, i, p, i, i, i, p, i, i, i, p, i, i, i, i, p, p, p)
    return made, {"product": one(made.product), "products": stack(made.products)}


def run(
    a: np.ndarray,
    b: np.ndarray,
    c: np.ndarray,
    accumulate: bool = False,
    target: str = "host",
    team: Pool | None = None,
) -> np.ndarray:
    """c = a @ b, of stacks where there are three axes; the workspace holds NaNs before."""
    dtype, found = c.dtype.name, targets()[target]
    count, (m, k), n = (c.shape[0] if c.ndim == 3 else 1), a.shape[-2:], b.shape[-1]
    kind = products.KINDS[dtype]
    size = gemm.workspace_bytes(m, n, k, kind, found, count)
    memory = np.full(size + 64 + 16, 0xFF, np.uint8)
    workspace = -(-memory.ctypes.data // 64) * 64
    given: list[int | None] = [count] if c.ndim == 3 else []
    given += [m, n, k]
    for x in (a, b, c):
        given += [x.ctypes.data, *(s // x.itemsize for s in x.strides)]
    given += [int(accumulate), workspace]
    given += [team.function, team.address] if team else [None, None]
    call = functions(dtype, found)[1]["products" if c.ndim == 3 else "product"]
    call(*given)  # type: ignore[operator]
    assert (memory[workspace - memory.ctypes.data + size :] == 0xFF).all()  # nothing beyond its end
    return c


def laid_out(x: np.ndarray, how: str) -> np.ndarray:
    """The same matrix at other strides, NaNs between."""
    r, q = x.shape
    if how == "rows":
        return x.copy()
    if how == "columns":
        return np.asfortranarray(x)
    if how == "reversed":
        return x[::-1, ::-1].copy()[::-1, ::-1]
    shape, slices = {
        "spread": ((2 * r, 3 * q), np.s_[::2, ::3]),
        "sliced": ((r + 1, q + 5), np.s_[:r, 2 : q + 2]),
        "sliced columns": ((q + 1, r + 3), np.s_[:q, 1 : r + 1]),
    }[how]
    whole = np.full(shape, np.nan, x.dtype)
    view = whole[slices].T if how == "sliced columns" else whole[slices]
    view[:] = x
    return view


def check(c: np.ndarray, a: np.ndarray, b: np.ndarray, before: np.ndarray | float = 0.0) -> None:
    """Within a bound of the errors of k multiply-adds, for each element."""
    a, b, k = a.astype("g"), b.astype("g"), a.shape[-1]
    bound = (1 + k**0.5 / 2) * np.finfo(c.dtype).eps * (np.abs(a) @ np.abs(b) + np.abs(before))
    assert (np.abs(c - (a @ b + before)) <= bound).all()


def numbers(*shape: int, dtype: str, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def sample(target: str, dtype: str, count: int, seed: int, sizes: Sequence[int]) -> None:
    rng = np.random.default_rng(seed)
    team = pool()
    team.ensure_started()
    for _ in range(count):
        m, n, k = (int(x) for x in rng.choice(sizes, 3))
        a, b, c = (
            laid_out(rng.standard_normal(s).astype(dtype), str(rng.choice(STRIDES)))
            for s in ((m, k), (k, n), (m, n))
        )
        adds = bool(rng.integers(2))
        before = c.astype("g") if adds else 0.0
        if not adds:
            c[:] = np.nan
        run(a, b, c, adds, target, team if rng.integers(2) else None)
        check(c, a, b, before)


EDGES = [1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 23, 24, 25, 31, 32, 33, 48, 65, 130, 260]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", LESSER)
def test_products_of_many_shapes_and_strides(target: str, dtype: str) -> None:
    sample(target, dtype, 120, 0, EDGES)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", LESSER)
def test_products_of_all_small_shapes(target: str, dtype: str) -> None:
    sample(target, dtype, 3000, 1, [*range(1, 70), *EDGES, 500, 1100])


@pytest.mark.parametrize("target", LESSER)
def test_several_passes(target: str) -> None:
    for m, n, k in ((3100, 5, 9), (20, 2100, 40), (3, 40, 2100), (3090, 2060, 3), (5, 5, 4000)):
        a, b = numbers(m, k, dtype="float32"), numbers(k, n, dtype="float32")
        for turned in (False, True):
            c = np.empty((n, m), "f4").T if turned else np.empty((m, n), "f4")
            check(run(a, b, c, target=target), a, b)
        c = numbers(m, n, dtype="float32", seed=2)
        before = c.astype("g")
        check(run(a, np.asfortranarray(b), c, True, target), a, b, before)


@pytest.mark.parametrize("target", LESSER)
def test_empty_products(target: str) -> None:
    for m, n in ((0, 5), (5, 0), (3, 4), (40, 40), (1, 1), (200, 3)):
        a, b, c = np.empty((m, 0)), np.empty((0, n)), np.full((m, n), np.nan)
        assert (run(a, b, c, target=target) == 0.0).all()
        c[:] = 2.0
        assert (run(a, b, c, True, target) == 2.0).all()
    c = np.empty((0, 3))
    run(np.empty((0, 7)), np.empty((7, 3)), c, target=target)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", LESSER)
def test_infinities_and_nan_stay_in_their_row_and_column(target: str, dtype: str) -> None:
    for m, n, k in ((13, 17, 20), (29, 10, 33), (1, 40, 50), (40, 1, 50), (7, 3, 70), (200, 35, 9)):
        a, b = numbers(m, k, dtype=dtype), numbers(k, n, dtype=dtype)
        a[m // 2, k // 3], b[k // 2, n - 1] = np.nan, np.inf
        for how in ("rows", "columns"):
            c = run(laid_out(a, how), laid_out(b, how), np.empty((m, n), dtype), target=target)
            with np.errstate(invalid="ignore"):
                want = a.astype("g") @ b.astype("g")
            assert np.array_equal(np.isfinite(c), np.isfinite(want))
            assert np.array_equal(np.isnan(c), np.isnan(want))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", LESSER)
def test_bits_do_not_depend_on_the_threads(target: str, dtype: str) -> None:
    teams = [Pool(threads) for threads in (2, 4)]
    for team in teams:
        team.ensure_started()
    try:
        for m, n, k in (
            (128, 512, 300),
            (700, 90, 128),
            (300, 5, 700),
            (1, 3000, 200),
            (400, 40, 9),
        ):
            a, turned = numbers(m, k, dtype=dtype), numbers(n, k, dtype=dtype).T
            for b in (turned, np.ascontiguousarray(turned)):
                alone = run(a, b, np.empty((m, n), dtype), target=target)
                for team in teams:
                    shared = run(a, b, np.empty((m, n), dtype), False, target, team)
                    assert np.array_equal(alone, shared)
        a, b = numbers(70, 9, 12, dtype=dtype), numbers(70, 12, 21, dtype=dtype)
        alone = run(a, b, np.empty((70, 9, 21), dtype), target=target)
        for team in teams:
            shared = run(a, b, np.empty((70, 9, 21), dtype), False, target, team)
            assert np.array_equal(alone, shared)
    finally:
        for team in teams:
            team.stop()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", LESSER)
def test_few_rows_and_columns_with_what_was_there(target: str, dtype: str) -> None:
    """Tiles whose halves overlap read all before they write."""
    width = gemm.shape(targets()[target], products.KINDS[dtype]).width
    for m in range(1, 26):
        for n in (1, 3, width // 2, width - 1, width, 2 * width, 4 * width + 3):
            for k in (1, 40):
                a, b, c = (numbers(*x, dtype=dtype) for x in ((m, k), (k, n), (m, n)))
                for how in ("rows", "spread"):
                    before = c.astype("g")
                    check(run(a, b, laid_out(c, how), True, target), a, b, before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", LESSER)
def test_stacks(target: str, dtype: str) -> None:
    team = pool()
    team.ensure_started()
    shapes = [(1, 3, 4, 5), (100, 4, 4, 4), (70, 9, 21, 12), (900, 1, 6, 3), (3, 80, 70, 60)]
    for count, m, n, k in [*shapes, (0, 3, 3, 3), (300, 17, 2, 33), (5, 4, 40, 50)]:
        a, b = numbers(count, m, k, dtype=dtype), numbers(count, k, n, dtype=dtype, seed=1)
        for x, y in ((a, b), (np.broadcast_to(a[:1], a.shape), b.transpose(0, 2, 1).copy().mT)):
            for accumulate in (False, True):
                c = numbers(count, m, n, dtype=dtype, seed=2)
                before = c.astype("g") if accumulate else np.zeros(c.shape, "g")
                run(x, y, c, accumulate, target, team)
                for i in range(count):
                    check(c[i], x[i], y[i], before[i])


def test_first_rows_divide_an_edge_well() -> None:
    first = gemm.first_rows(8, 2)
    assert first[8] == first[16] == 8
    assert first[5] == first[6] - 1 == 5  # the halves of the large tile overlap
    assert first[12] == 8 and first[3] == 3
    assert gemm.first_rows(12, 2)[8] == 4  # twice four take less time than twelve
    assert gemm.first_rows(12, 1)[8] == 8
    for rows in (6, 8, 12):
        for vectors in (1, 2):
            for left, r in enumerate(gemm.first_rows(rows, vectors)):
                assert 0 < r <= min(left, rows) or left == 0
                assert r <= gemm.LOW or r >= rows // 2  # what the two tiles can do


def test_prefers_own_where_vectors_have_512_bits() -> None:
    wide = host()._replace(vector_bits=512)
    assert products.prefers_own(wide)
    assert not products.prefers_own(wide._replace(vector_bits=256))


def test_addresses_are_kept_and_other_dtypes_refused() -> None:
    for dtype in DTYPES:
        assert products.address(dtype) == products.address(dtype) != 0
        assert products.stack_address(dtype) != products.address(dtype)
    with pytest.raises(KeyError):
        products.address("int32")


def test_other_processors_have_code() -> None:
    """ARM's module is valid and of 128-bit vectors (nothing is run)."""
    target = Target("aarch64-unknown-linux-gnu", "generic", "+neon", 128, True)
    for kind in ("float", "double"):
        text = gemm.module_text(target, kind)
        assert gemm.shape(target, kind).rows == 8
        assert "masked" not in text


# Runs in a process of its own: every operand ends, or begins, at a page that must not be touched.
GUARDED = """
import sys
sys.path.insert(0, sys.argv[1])
import test_gemm
test_gemm.guarded(sys.argv[2])
print("sound")
"""


class Guarded:
    """Memory between two pages that may be neither read nor written."""

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        self.length = -(-size // page) * page
        self.whole = mmap.mmap(-1, self.length + 2 * page)
        self.start = ctypes.addressof(ctypes.c_char.from_buffer(self.whole)) + page
        library = ctypes.CDLL(None, use_errno=True)
        library.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for place in (self.start - page, self.start + self.length):
            assert library.mprotect(place, page, 0) == 0

    def array(self, shape: tuple[int, ...], dtype: str, at_end: bool, order: str) -> np.ndarray:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        place = self.start + (self.length - size if at_end else 0)
        flat = np.frombuffer((ctypes.c_char * max(size, 1)).from_address(place), np.uint8, size)
        return flat.view(dtype).reshape(shape, order=order)


def guarded(target: str) -> None:
    """Products whose operands, result and workspace lie between such pages."""
    rng = np.random.default_rng(3)
    rooms = [Guarded(200 * 200 * 8) for _ in range(3)]
    work = Guarded(1 << 20)
    sizes = [1, 2, 3, 4, 5, 8, 9, 12, 13, 15, 16, 17, 31, 33, 50, 130, 200]
    for trial in range(400):
        dtype = DTYPES[trial % 2]
        m, n, k = (int(x) for x in rng.choice(sizes, 3))
        shapes = (m, k), (k, n), (m, n)
        a, b, c = (
            room.array(shape, dtype, bool(rng.integers(2)), "CF"[rng.integers(2)])
            for room, shape in zip(rooms, shapes, strict=True)
        )
        a[:], b[:] = rng.standard_normal(a.shape), rng.standard_normal(b.shape)
        found = targets()[target]
        size = gemm.workspace_bytes(m, n, k, products.KINDS[dtype], found, 1)
        workspace = work.start + (work.length - size) // 64 * 64
        given: list[int | None] = [m, n, k]
        for x in (a, b, c):
            given += [x.ctypes.data, *(s // x.itemsize for s in x.strides)]
        functions(dtype, found)[1]["product"](*given, 0, workspace, None, None)  # type: ignore
        check(c, a, b)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect as on Linux")
@pytest.mark.parametrize("target", LESSER)
def test_nothing_beyond_the_operands_is_touched(target: str) -> None:
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", GUARDED, here, target], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and done.stdout.endswith("sound\n"), done.stderr[-2000:]
