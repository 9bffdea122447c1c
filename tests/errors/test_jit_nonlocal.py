"""A variable of an enclosing function that is written, under `jit`."""

import pytest

import adjoint as ad


def make():
    best = None

    def model(x):
        nonlocal best
        best = x * x
        return best

    return model


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(make())(1.0)
    assert str(caught.value) == (
        "a function under `jit` changed the variable `best` of an enclosing function (it now holds a traced value, made at test_jit_nonlocal.py:13: best = x * x): the program that runs from then on would not.\n"
        "  expected: a function that changes nothing but what it makes itself\n"
        "  at test_jit_nonlocal.py:13: best = x * x  (in jit(model), called at test_jit_nonlocal.py:21: ad.jit(make())(1.0))\n"
        "  write instead: `return` the value as a result and keep it after the call; pass it in as an argument where the next call reads it"
    )
