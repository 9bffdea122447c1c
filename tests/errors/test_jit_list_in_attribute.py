"""Plain values that are appended to a list in an attribute, under `jit`."""

import pytest

import adjoint as ad


class Solver:
    def __init__(self):
        self.steps = []

    def solve(self, x):
        for k in range(3):
            x = 0.5 * (x + 2.0 / x)
            self.steps.append(k)
        return x


solver = Solver()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.jit(solver.solve)(1.0)
    assert str(caught.value) == (
        "a function under `jit` changed the list `Solver.steps` (0 items before, 3 after): the program that runs from then on would not.\n"
        "  expected: a function that changes nothing but what it makes itself\n"
        "  at test_jit_list_in_attribute.py:15: self.steps.append(k)  (in jit(solve), called at test_jit_list_in_attribute.py:24: ad.jit(solver.solve)(1.0))\n"
        "  write instead: `return` what goes into it, and put it there after each call; or leave out `jit`"
    )
    assert solver.steps == []
