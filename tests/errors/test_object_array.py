"""An array of objects meets a traced value."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    weights = np.array([1.0, None])
    return (x * weights).sum()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(np.ones(2))
    assert str(caught.value) == (
        "an array of dtype object met a traced value.\n"
        "  expected: an ndarray of floats, complex numbers, integers or booleans\n"
        "  at test_object_array.py:11: return (x * weights).sum()\n"
        "  write instead: `ad.numpy.array([...])` or `np.stack([...])` to build an array from traced values, `np.asarray(m)` for a matrix, `m.filled(...)` and `np.where` for a masked array"
    )
