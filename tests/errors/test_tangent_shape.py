"""`jvp` with a direction of another shape."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return x**2


def test_the_message():
    with pytest.raises(ad.DifferentiationError) as caught:
        ad.jvp(model, (np.ones(3),), (np.ones(2),))
    assert str(caught.value) == (
        "jvp got a tangent of type float64[2].\n"
        "  expected: the type of its value, float64[3]\n"
        "  at test_tangent_shape.py:15: ad.jvp(model, (np.ones(3),), (np.ones(2),))  (in jvp)\n"
        "  write instead: a tangent with the shape and dtype of the value"
    )
