"""A state that one call leaves for the next, under `jit`."""

import numpy as np
import pytest

import adjoint as ad


class Filter:
    def __init__(self):
        self.state = np.zeros(2)

    def step(self, x):
        self.state = 0.9 * self.state + x
        return self.state.sum()


smoothing = Filter()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(smoothing.step)(np.ones(2))
    assert str(caught.value) == (
        "a function under `jit` changed the attribute `state` of a `Filter` (it now holds a traced value, made at test_jit_state.py:14: self.state = 0.9 * self.state + x): the program that runs from then on would not.\n"
        "  expected: a function that changes nothing but what it makes itself\n"
        "  at test_jit_state.py:14: self.state = 0.9 * self.state + x  (in jit(step), called at test_jit_state.py:23: ad.jit(smoothing.step)(np.ones(2)))\n"
        "  write instead: `return` the value as a result and keep it after the call; pass it in as an argument where the next call reads it"
    )
    assert type(smoothing.state) is np.ndarray
