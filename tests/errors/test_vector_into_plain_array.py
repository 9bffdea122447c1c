"""Writing traced values into a part of a plain array."""

import numpy as np
import pytest

import adjoint as ad


STATE = {"out": np.zeros(5)}


def model(x):
    out = STATE["out"].copy()
    out[1:4] = x
    return out.sum()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "a traced value (float64[3]) was to become a plain array, and would lose its derivative.\n"
        "  expected: functions that keep traced values (NumPy's functions, methods and operators)\n"
        "  at test_vector_into_plain_array.py:14: out[1:4] = x\n"
        "  write instead: `ad.numpy.array([...])` or `np.stack([...])` for `np.array([...])`; `np.concatenate` or `np.where` for `a[i] = x`; `ad.stop_gradient(x)` if the value is to count as a constant"
    )
