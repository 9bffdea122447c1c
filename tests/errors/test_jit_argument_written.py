"""An array argument that is written into and not returned, under `jit`."""

import numpy as np
import pytest

import adjoint as ad


def model(weights, x):
    weights[0] = 0.0
    return weights @ x


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(model)(np.ones(3), np.ones(3))
    assert str(caught.value) == (
        "a function under `jit` wrote into its argument `weights` (float64[3]) and did not return it: the caller's array stays as it was.\n"
        "  expected: arguments that are only read, or returned\n"
        "  at test_jit_argument_written.py:10: weights[0] = 0.0  (in jit(model), called at test_jit_argument_written.py:16: ad.jit(model)(np.ones(3), np.ones(3)))\n"
        "  write instead: `.copy()` of it for an array to work in; `return` it for a result; or leave out `jit`"
    )
