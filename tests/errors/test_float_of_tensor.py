"""`float`, kept where a trace does not look for it, of a traced value."""

import numpy as np
import pytest

import adjoint as ad


KINDS = {"float": float}


def model(x):
    scale = KINDS["float"](x[0])
    return scale * x.sum()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "a traced value (float64) was asked for a plain number, and would lose its derivative.\n"
        "  expected: NumPy's functions: `float()` and Python's `math` module take numbers only\n"
        "  at test_float_of_tensor.py:13: scale = KINDS[\"float\"](x[0])  (in float)\n"
        "  write instead: `np.sin(x)` for `math.sin(x)`; `x` for `float(x)`; `ad.stop_gradient(x)` if the value is to count as a constant"
    )
