"""A number that is written into an array in a list from outside, under `jit`."""

import numpy as np
import pytest

import adjoint as ad


LAYERS = [np.zeros(2), np.ones(2)]


def model(x):
    LAYERS[1][0] = 5.0
    return x * 2.0


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(model)(2.0)
    assert str(caught.value) == (
        "a function under `jit` wrote into an array from outside (inside `LAYERS`, float64[2]): the program that runs from then on would not.\n"
        "  expected: an array that the function makes itself, or none that is written into\n"
        "  at test_jit_array_in_list.py:13: LAYERS[1][0] = 5.0  (in jit(model), called at test_jit_array_in_list.py:19: ad.jit(model)(2.0))\n"
        "  write instead: `.copy()` of it, or `np.zeros(...)`, inside the function, and `return` that; or leave out `jit`"
    )
    np.testing.assert_array_equal(LAYERS[1], np.ones(2))
