"""`np.array`, kept where a trace does not look for it, of traced values."""

from types import MappingProxyType

import numpy as np
import pytest

import adjoint as ad


MAKERS = MappingProxyType({"array": np.array})


def model(x):
    point = MAKERS["array"]([x, 2.0 * x])
    return point.sum()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(1.0)
    assert str(caught.value) == (
        "a traced value (float) was to become a plain array, and would lose its derivative.\n"
        "  expected: functions that keep traced values (NumPy's functions, methods and operators)\n"
        "  at test_array_of_tensors.py:15: point = MAKERS[\"array\"]([x, 2.0 * x])\n"
        "  write instead: `ad.numpy.array([...])` or `np.stack([...])` for `np.array([...])`; `np.concatenate` or `np.where` for `a[i] = x`; `ad.stop_gradient(x)` if the value is to count as a constant"
    )
