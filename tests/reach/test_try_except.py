"""`try`, `except`, `else`, `finally`, exceptions of one's own, and asserts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reach.checks import Places, check

import adjoint as ad


class TooLarge(Exception):
    def __init__(self, value):
        super().__init__("too large")
        self.value = value


def logarithm(x):
    try:
        y = math.log(x - 0.5)
    except ValueError:
        return math.exp(x)
    else:
        y = y * x
    finally:
        x = 0.0
    return y


def raising(x):
    if x > 1.0:
        raise TooLarge(math.sin(x))
    return math.cos(x)


def caught(x):
    try:
        return raising(x) * x
    except TooLarge as error:
        return error.value**2


def searched(x):
    table = {"a": math.sin}
    try:
        return table["b"](x)
    except KeyError:
        return table["a"](x)


def from_another(x):
    try:
        try:
            raise KeyError(0)
        except KeyError as error:
            raise TooLarge(np.array([x, 2.0])) from error
    except TooLarge as error:
        return error.value.prod() * math.sqrt(x)


@pytest.mark.parametrize("f", [logarithm, caught, searched, from_another])
def test_it_is_handled(f):
    check(f, 0.3, 1.1)


@pytest.mark.parametrize("transform", [ad.grad, lambda f: ad.jit(ad.grad(f)), ad.jit, ad.jacfwd])
def test_an_exception_that_leaves_the_function(transform):
    before = Places(raising)
    fast = transform(raising)
    for _ in range(2):
        with pytest.raises(TooLarge):
            fast(1.5)
        before.are_as_before()
        assert np.isfinite(fast(0.5))
    with pytest.raises(AssertionError):
        transform(lambda x: asserted(x))(1.5)
    before.are_as_before()


def asserted(x):
    assert math.sin(x) < 0.5
    return x


def test_the_value_of_an_exception_is_plain_afterwards():
    with pytest.raises(TooLarge) as info:
        ad.grad(raising)(1.5)
    assert float(info.value.value) == math.sin(1.5)
