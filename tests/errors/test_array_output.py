"""The gradient of a function that returns an array."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return x**2


def test_the_message():
    with pytest.raises(ad.DifferentiationError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "grad: model returned an array, float64[3].\n"
        "  expected: one number (a scalar)\n"
        "  at test_array_output.py:15: ad.grad(model)(np.ones(3))  (in grad)\n"
        "  write instead: `ad.jacobian(f)` for all derivatives, or `.sum()` (or `[0]`) on what f returns"
    )
