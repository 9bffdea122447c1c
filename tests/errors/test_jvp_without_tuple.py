"""`jvp` with arguments that are no tuple."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return x**2


def test_the_message():
    with pytest.raises(TypeError) as caught:
        ad.jvp(model, np.ones(3), np.ones(3))
    assert str(caught.value) == (
        "jvp got tangents of type ndarray.\n"
        "  expected: a tuple or list with one tangent for each argument\n"
        "  at test_jvp_without_tuple.py:15: ad.jvp(model, np.ones(3), np.ones(3))\n"
        "  write instead: `ad.jvp(f, (x,), (tangent,))`"
    )
