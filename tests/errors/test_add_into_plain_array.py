"""`+=` of a traced value on a plain array."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    total = np.zeros(3)
    total += x
    return total.sum()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "np.add was to write a traced value into an array that exists already (`out=`, or `a += x`).\n"
        "  expected: an expression that gives a new array (writing in place is not supported yet)\n"
        "  at test_add_into_plain_array.py:11: total += x\n"
        "  write instead: `a = a + x` for `a += x`; leave out `out=`"
    )
