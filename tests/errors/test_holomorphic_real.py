"""`holomorphic=True` at a real argument."""

import pytest

import adjoint as ad


def model(x):
    return x**2


def test_the_message():
    with pytest.raises(ad.DifferentiationError) as caught:
        ad.grad(model, holomorphic=True)(1.0)
    assert str(caught.value) == (
        "grad(holomorphic=True) got a real argument.\n"
        "  expected: complex arguments\n"
        "  at test_holomorphic_real.py:14: ad.grad(model, holomorphic=True)(1.0)  (in grad)\n"
        "  write instead: `complex(x)` or `x.astype(complex)`"
    )
