"""`out=` with a traced value."""

import numpy as np
import pytest

import adjoint as ad


BUFFERS = [np.empty(3)]


def model(x):
    np.sin(x, out=BUFFERS[0])
    return BUFFERS[0].sum()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "np.sin was to write a traced value into a plain array, which would lose its derivative.\n"
        "  expected: an array that the trace knows\n"
        "  at test_out_argument.py:13: np.sin(x, out=BUFFERS[0])  (in np.sin)\n"
        "  write instead: `ad.numpy.array(a)` for the array, made inside the function"
    )
