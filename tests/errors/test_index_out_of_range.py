"""An index beyond the array: NumPy's own error."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return x[3] ** 2


def test_the_message():
    with pytest.raises(IndexError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "index 3 is out of bounds for axis 0 with size 3"
    )
