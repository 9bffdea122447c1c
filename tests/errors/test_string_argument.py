"""The gradient in an argument that is a string."""

import pytest

import adjoint as ad


def model(kind, x):
    return x**2 if kind == "square" else x


def test_the_message():
    with pytest.raises(ad.DifferentiationError) as caught:
        ad.grad(model)("square", 3.0)
    assert str(caught.value) == (
        "grad was to differentiate at a str.\n"
        "  expected: a float, a complex number, an array of them, or a container of such\n"
        '  at test_string_argument.py:14: ad.grad(model)("square", 3.0)  (in grad)\n'
        "  write instead: `argnums=` to choose the arguments to differentiate"
    )
