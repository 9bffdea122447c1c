"""An attribute of a class that is written, under `jit`."""

import pytest

import adjoint as ad


class Model:
    made = 0

    def __init__(self, rate):
        type(self).made += 1
        self.rate = rate


def model(x):
    return Model(2.0).rate * x


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(model)(1.0)
    assert str(caught.value) == (
        "a function under `jit` changed the attribute `made` of the class `Model` (from 0 to 1): the program that runs from then on would not.\n"
        "  expected: a function that changes nothing but what it makes itself\n"
        "  at test_jit_class_attribute.py:12: type(self).made += 1  (in jit(model), called at test_jit_class_attribute.py:22: ad.jit(model)(1.0))\n"
        "  write instead: the same line after each call, outside of the function (`return` what it needs); or leave out `jit`"
    )
    assert Model.made == 0
