"""`.item()` of a traced value."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    total = x.sum().item()
    return total**2


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "a traced value (float64) was asked for a plain number, and would lose its derivative.\n"
        "  expected: the value itself, traced\n"
        "  at test_item_of_tensor.py:10: total = x.sum().item()  (in item)\n"
        "  write instead: the same without `.item()`; `ad.stop_gradient(x)` if the value is to count as a constant"
    )
