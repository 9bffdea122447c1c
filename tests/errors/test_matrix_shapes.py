"""Matrices that do not fit."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return (x @ np.ones((4, 2))).sum()


def test_the_message():
    with pytest.raises(ValueError) as caught:
        ad.grad(model)(np.ones((2, 3)))
    assert str(caught.value) == (
        "matmul got the shapes (2, 3) and (4, 2).\n"
        "  expected: the last axis of the first as long as the second to last of the second\n"
        "  at test_matrix_shapes.py:10: return (x @ np.ones((4, 2))).sum()  (in matmul)"
    )
