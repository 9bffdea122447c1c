"""A function of Python's `math`, kept in a read-only mapping, gets a traced value."""

import math
from types import MappingProxyType

import pytest

import adjoint as ad


ACTIVATIONS = MappingProxyType({"sine": math.sin})


def model(x):
    return x * ACTIVATIONS["sine"](x)


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(1.0)
    assert str(caught.value) == (
        "a traced value (float) was asked for a plain number, and would lose its derivative.\n"
        "  expected: NumPy's functions: `float()` and Python's `math` module take numbers only\n"
        "  at test_math_function.py:15: return x * ACTIVATIONS[\"sine\"](x)  (in float)\n"
        "  write instead: `np.sin(x)` for `math.sin(x)`; `x` for `float(x)`; `ad.stop_gradient(x)` if the value is to count as a constant"
    )
