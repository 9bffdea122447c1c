"""The gradient of a function without `return`."""

import pytest

import adjoint as ad


def model(x):
    loss = x**2


def test_the_message():
    with pytest.raises(ad.DifferentiationError) as caught:
        ad.grad(model)(1.0)
    assert str(caught.value) == (
        "grad: model returned None.\n"
        "  expected: one number (a scalar)\n"
        "  at test_no_return.py:14: ad.grad(model)(1.0)  (in grad)\n"
        "  write instead: `return` the value to differentiate"
    )
