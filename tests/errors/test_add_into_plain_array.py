"""`+=` of a traced value on a plain array."""

import numpy as np
import pytest

import adjoint as ad


STATE = {"total": np.zeros(3)}


def model(x):
    total = STATE["total"].copy()
    total += x
    return total.sum()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "np.add was to write a traced value into a plain array, which would lose its derivative.\n"
        "  expected: an array that the trace knows\n"
        "  at test_add_into_plain_array.py:14: total += x  (in np.add)\n"
        "  write instead: `ad.numpy.array(a)` for the array, made inside the function"
    )
