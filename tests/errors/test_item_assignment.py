"""Writing into a traced array."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    x[0] = 0.0
    return (x**2).sum()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "a traced array was written into.\n"
        "  expected: an expression that gives a new array (writing in place is not supported yet)\n"
        "  at test_item_assignment.py:10: x[0] = 0.0  (in item assignment)\n"
        "  write instead: `np.where(mask, new, x)`, `np.concatenate([...])` or `np.stack([...])`"
    )
