"""`derivative` at an array."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return np.sin(x)


def test_the_message():
    with pytest.raises(ad.DifferentiationError) as caught:
        ad.derivative(model)(np.ones(3))
    assert str(caught.value) == (
        "derivative got an array, float64[3].\n"
        "  expected: one number\n"
        "  at test_derivative_of_array.py:15: ad.derivative(model)(np.ones(3))  (in derivative)\n"
        "  write instead: `ad.vmap(ad.derivative(f))(x)` for the derivative at each element, or `ad.jacobian(f)(x)`"
    )
