"""`has_aux=True` for a function that returns three values."""

import pytest

import adjoint as ad


def model(x):
    return x**2, x, x


def test_the_message():
    with pytest.raises(TypeError) as caught:
        ad.grad(model, has_aux=True)(1.0)
    assert str(caught.value) == (
        "grad(has_aux=True): model returned a tuple of 3.\n"
        "  expected: a pair (output, aux)\n"
        "  at test_aux_of_three.py:14: ad.grad(model, has_aux=True)(1.0)  (in grad)\n"
        "  write instead: `return output, aux`, or leave out `has_aux=True`"
    )
