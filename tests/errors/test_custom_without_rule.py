"""A custom derivative without a rule."""

import pytest

import adjoint as ad


@ad.custom_derivative
def model(x):
    return x**2


def test_the_message():
    with pytest.raises(ad.DifferentiationError) as caught:
        ad.grad(model)(1.0)
    assert str(caught.value) == (
        "custom_derivative: model has no rule.\n"
        "  expected: a derivative, given before the first call\n"
        "  at test_custom_without_rule.py:15: ad.grad(model)(1.0)\n"
        "  write instead: `@model.jvp` or `@model.vjp` over the rule"
    )
