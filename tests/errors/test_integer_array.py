"""The gradient at an array of integers."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return (x**2).sum()


def test_the_message():
    with pytest.raises(ad.DifferentiationError) as caught:
        ad.grad(model)(np.arange(3))
    assert str(caught.value) == (
        "grad was to differentiate at an array of dtype int64.\n"
        "  expected: an array of floats (a derivative at integers is no integer)\n"
        "  at test_integer_array.py:15: ad.grad(model)(np.arange(3))  (in grad)\n"
        "  write instead: `x.astype(float)`"
    )
