"""A branch on a value under `jit`."""

import pytest

import adjoint as ad


def model(x):
    if x > 0:
        return x
    return 0.1 * x


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(model)(1.0)
    assert str(caught.value) == (
        "under `jit` bool() was asked of a value that is known only when the program runs (bool).\n"
        "  expected: a branch on shapes, dtypes or Python values, or an operation that chooses by value\n"
        "  at test_jit_branch.py:9: if x > 0:  (in bool())\n"
        "  write instead: `np.where(condition, a, b)`, or leave out `jit` (uncompiled functions may branch on values)"
    )
