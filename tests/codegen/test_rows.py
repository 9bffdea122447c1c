"""Updates of rows of a table by lanes: bits of single additions, whatever goes where."""

import numpy as np
import pytest

import adjoint as ad
from adjoint.codegen import emit
from adjoint.runtime import native, plans


def loss(table, index, x):
    """Reads a row for each x; its gradient adds to rows."""
    rows = table[index]
    total = 0.0
    for k in range(table.shape[1]):
        total = total + np.sum(np.sin(rows[:, k] * x) * (k + 1.5))
    return total


def one_by_one(monkeypatch):
    """Without rows."""
    monkeypatch.setattr(emit, "table_rows", lambda items: {})


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("columns", [2, 3, 4, 5, 7, 8, 11])
@pytest.mark.parametrize("n", [17, 40, 1003])
def test_rows_have_the_bits_of_single_additions(columns, dtype, n, monkeypatch, tmp_path):
    rng = np.random.default_rng(columns)
    table = rng.normal(size=(20, columns)).astype(dtype)
    index, x = rng.integers(-20, 20, n), rng.normal(size=n).astype(dtype)
    index[5:12] = 3  # several lanes to one row
    gradient = ad.grad(loss)
    fast = ad.jit(gradient)(table, index, x)
    monkeypatch.setenv("ADJOINT_CACHE", str(tmp_path))
    native.CODES.clear()
    plans.known.clear()
    one_by_one(monkeypatch)
    single = ad.jit(ad.grad(lambda *a: loss(*a)))(table, index, x)
    np.testing.assert_array_equal(fast.view("u1"), single.view("u1"))
    expected = gradient(table, index, x)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(fast, expected, atol=scale * (1e-13 if dtype == "f8" else 1e-4))
    native.CODES.clear()
    plans.known.clear()


def test_an_index_out_of_range_is_an_error():
    table, x = np.ones((20, 3)), np.linspace(0, 1, 100)
    index = np.arange(100) % 20
    fast = ad.jit(ad.grad(loss))
    fast(table, index, x)
    index[40] = 20
    with pytest.raises(IndexError):
        fast(table, index, x)
