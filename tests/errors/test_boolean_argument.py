"""The gradient in an argument that is a truth value, in a container."""

import pytest

import adjoint as ad


def model(options):
    return options["scale"] ** 2 if options["square"] else options["scale"]


def test_the_message():
    with pytest.raises(ad.DifferentiationError) as caught:
        ad.grad(model)({"scale": 2.0, "square": True})
    assert str(caught.value) == (
        "grad was to differentiate at a bool in the part ['square'] of the argument.\n"
        "  expected: a float, a complex number, an array of them, or a container of such\n"
        '  at test_boolean_argument.py:14: ad.grad(model)({"scale": 2.0, "square": True})  (in grad)\n'
        "  write instead: the parts that are no floats in an argument of their own, outside `argnums`"
    )
