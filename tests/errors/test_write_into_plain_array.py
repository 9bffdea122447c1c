"""Writing a traced value into a plain array with `[...] =`."""

import numpy as np
import pytest

import adjoint as ad


STATE = {"out": np.zeros(2)}


def model(x):
    out = STATE["out"].copy()
    out[0] = x
    return out.sum()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(1.0)
    assert str(caught.value) == (
        "a traced value was written into a plain array, and would lose its derivative.\n"
        "  expected: an expression that gives a new array\n"
        "  at test_write_into_plain_array.py:14: out[0] = x  (in item assignment)\n"
        "  write instead: a list of the values, then `np.stack(values)`; `np.concatenate` or `np.where` for a part of an array"
    )
