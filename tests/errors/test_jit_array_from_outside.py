"""A number that is written into an array from outside, under `jit`."""

import numpy as np
import pytest

import adjoint as ad


TOTALS = np.zeros(3)


def model(x):
    TOTALS[0] += 1.0
    return TOTALS * x


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(model)(2.0)
    assert str(caught.value) == (
        "a function under `jit` wrote into an array from outside (float64[3]): the program that runs from then on would not.\n"
        "  expected: an array that the function makes itself, or none that is written into\n"
        "  at test_jit_array_from_outside.py:13: TOTALS[0] += 1.0  (in item assignment under jit(model), called at test_jit_array_from_outside.py:19: ad.jit(model)(2.0))\n"
        "  write instead: `.copy()` of it, or `np.zeros(...)`, inside the function, and `return` that; or leave out `jit`"
    )
    np.testing.assert_array_equal(TOTALS, np.zeros(3))
