"""`argnums` with a name that is no argument."""

import pytest

import adjoint as ad


def model(x, y):
    return x * y


def test_the_message():
    with pytest.raises(TypeError) as caught:
        ad.grad(model, argnums="z")(1.0, 2.0)
    assert str(caught.value) == (
        "grad(model, argnums='z'): the call has no argument 'z'.\n"
        "  expected: one of 'x', 'y'\n"
        '  at test_argnums_unknown_name.py:14: ad.grad(model, argnums="z")(1.0, 2.0)\n'
        "  write instead: a name from the function's signature, or the argument's position"
    )
