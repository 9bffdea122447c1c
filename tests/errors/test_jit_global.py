"""A global that is written, under `jit`."""

import pytest

import adjoint as ad


STEPS = 0


def model(x):
    global STEPS
    STEPS += 1
    return x * STEPS


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(ad.grad(model))(1.0)
    assert str(caught.value) == (
        "a function under `jit` changed the global `STEPS` (from 0 to 1): the program that runs from then on would not.\n"
        "  expected: a function that changes nothing but what it makes itself\n"
        "  at test_jit_global.py:13: STEPS += 1  (in jit(model), called at test_jit_global.py:19: ad.jit(ad.grad(model))(1.0))\n"
        "  write instead: the same line after each call, outside of the function (`return` what it needs); or leave out `jit`"
    )
    assert STEPS == 0
