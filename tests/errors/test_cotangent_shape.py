"""A pullback with a cotangent of another shape."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return x**2


def test_the_message():
    with pytest.raises(ad.DifferentiationError) as caught:
        ad.vjp(model, np.ones(3))[1](np.ones(2))
    assert str(caught.value) == (
        "vjp got a cotangent of type float64[2].\n"
        "  expected: the type of its value, float64[3]\n"
        "  at test_cotangent_shape.py:15: ad.vjp(model, np.ones(3))[1](np.ones(2))  (in vjp)\n"
        "  write instead: a cotangent with the shape and dtype of the value"
    )
