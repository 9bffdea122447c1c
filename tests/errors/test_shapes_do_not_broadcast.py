"""Shapes that do not fit: NumPy's own error."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return (x * np.ones(4)).sum()


def test_the_message():
    with pytest.raises(ValueError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "operands could not be broadcast together with shapes (3,) (4,) "
    )
