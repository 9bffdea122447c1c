"""A transform of what is no function."""

import pytest

import adjoint as ad


def model(x):
    return x**2


def test_the_message():
    with pytest.raises(TypeError) as caught:
        ad.grad(model(1.0))
    assert str(caught.value) == (
        "ad.grad got a float.\n"
        "  expected: a function\n"
        "  at test_no_function.py:14: ad.grad(model(1.0))\n"
        "  write instead: `ad.grad(f)(x)`: the function itself, then its arguments"
    )
