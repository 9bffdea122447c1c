"""`out=` with a traced value."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    buffer = np.empty(3)
    np.sin(x, out=buffer)
    return buffer.sum()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "np.sin was to write a traced value into a plain array, which would lose its derivative.\n"
        "  expected: an array that the trace knows\n"
        "  at test_out_argument.py:11: np.sin(x, out=buffer)  (in np.sin)\n"
        "  write instead: `ad.numpy.array(a)` for the array, made inside the function"
    )
