"""The gradient of a function that returns a complex number."""

import pytest

import adjoint as ad


def model(z):
    return z**2


def test_the_message():
    with pytest.raises(ad.DifferentiationError) as caught:
        ad.grad(model)(1.0 + 2.0j)
    assert str(caught.value) == (
        "grad: model returned a complex number.\n"
        "  expected: a real number\n"
        "  at test_complex_output.py:14: ad.grad(model)(1.0 + 2.0j)  (in grad)\n"
        "  write instead: `ad.grad(f, holomorphic=True)` for a complex derivative, or `.real`, `abs(...)` on what f returns"
    )
