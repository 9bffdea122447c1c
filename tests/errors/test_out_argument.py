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
        "np.sin was to write a traced value into an array that exists already (`out=`, or `a += x`).\n"
        "  expected: an expression that gives a new array (writing in place is not supported yet)\n"
        "  at test_out_argument.py:11: np.sin(x, out=buffer)\n"
        "  write instead: `a = a + x` for `a += x`; leave out `out=`"
    )
