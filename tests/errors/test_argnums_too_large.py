"""`argnums` beyond the arguments."""

import pytest

import adjoint as ad


def model(x, y):
    return x * y


def test_the_message():
    with pytest.raises(TypeError) as caught:
        ad.grad(model, argnums=2)(1.0, 2.0)
    assert str(caught.value) == (
        "grad(model, argnums=2): the call has 2 positional arguments.\n"
        "  expected: a position below 2\n"
        "  at test_argnums_too_large.py:14: ad.grad(model, argnums=2)(1.0, 2.0)\n"
        "  write instead: the argument's name as a string if it is passed by keyword"
    )
