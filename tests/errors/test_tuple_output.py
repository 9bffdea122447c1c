"""The gradient of a function that returns several numbers."""

import pytest

import adjoint as ad


def model(x):
    return x**2, x**3


def test_the_message():
    with pytest.raises(ad.DifferentiationError) as caught:
        ad.grad(model)(1.0)
    assert str(caught.value) == (
        "grad: model returned a container, (*, *).\n"
        "  expected: one number (a scalar)\n"
        "  at test_tuple_output.py:14: ad.grad(model)(1.0)  (in grad)\n"
        "  write instead: `ad.jacobian(f)` for several outputs, or `has_aux=True` if f returns (number, more)"
    )
