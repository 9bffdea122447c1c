"""A counter in an attribute, under `jit`."""

import pytest

import adjoint as ad


class Model:
    def __init__(self):
        self.calls = 0

    def predict(self, x):
        self.calls += 1
        return x * 2.0


model = Model()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(model.predict)(1.0)
    assert str(caught.value) == (
        "a function under `jit` changed the attribute `calls` of a `Model` (from 0 to 1): the program that runs from then on would not.\n"
        "  expected: a function that changes nothing but what it makes itself\n"
        "  at test_jit_counter.py:13: self.calls += 1  (in jit(predict), called at test_jit_counter.py:22: ad.jit(model.predict)(1.0))\n"
        "  write instead: the same line after each call, outside of the function (`return` what it needs); or leave out `jit`"
    )
    assert model.calls == 0
