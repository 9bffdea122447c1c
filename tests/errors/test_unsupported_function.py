"""A NumPy function that has no derivative here."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return np.busday_count(x, x)


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(1.0)
    assert str(caught.value) == (
        "np.busday_count is not implemented for traced values.\n"
        "  at test_unsupported_function.py:10: return np.busday_count(x, x)  (in np.busday_count)\n"
        "  write instead: the same with functions that are (`ad.numpy` lists them), or `ad.custom_derivative` around your own function with its derivative"
    )
