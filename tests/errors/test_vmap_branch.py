"""A branch under `vmap` on which the rows disagree."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    if x > 0:
        return x
    return 0.1 * x


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.vmap(model)(np.array([1.0, -2.0, 3.0]))
    assert str(caught.value) == (
        "under `vmap` bool() was asked of a value on which the rows disagree (2 of 3 rows say True).\n"
        "  expected: the same answer for all rows, or an operation that chooses row by row\n"
        "  at test_vmap_branch.py:10: if x > 0:  (in bool())\n"
        "  write instead: `np.where(condition, a, b)` or a Python loop over the rows"
    )
