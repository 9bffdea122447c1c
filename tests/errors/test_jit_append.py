"""A traced value that is appended to a list from outside, under `jit`."""

import numpy as np
import pytest

import adjoint as ad


HISTORY = []


def model(x):
    loss = (x * x).sum()
    HISTORY.append(loss)
    return loss


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(ad.grad(model))(np.ones(3))
    assert str(caught.value) == (
        "a function under `jit` changed the list `HISTORY` (it now holds a traced value, made at test_jit_append.py:13: loss = (x * x).sum()): the program that runs from then on would not.\n"
        "  expected: a function that changes nothing but what it makes itself\n"
        "  at test_jit_append.py:14: HISTORY.append(loss)  (in jit(model), called at test_jit_append.py:20: ad.jit(ad.grad(model))(np.ones(3)))\n"
        "  write instead: `return` the value as a result and keep it after the call; pass it in as an argument where the next call reads it"
    )
    assert HISTORY == []
