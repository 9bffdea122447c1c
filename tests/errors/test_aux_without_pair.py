"""`has_aux=True` for a function that returns one value."""

import pytest

import adjoint as ad


def model(x):
    return x**2


def test_the_message():
    with pytest.raises(TypeError) as caught:
        ad.grad(model, has_aux=True)(1.0)
    assert str(caught.value) == (
        "grad(has_aux=True): model returned one value, float.\n"
        "  expected: a pair (output, aux)\n"
        "  at test_aux_without_pair.py:14: ad.grad(model, has_aux=True)(1.0)  (in grad)\n"
        "  write instead: `return output, aux`, or leave out `has_aux=True`"
    )
