"""Derivatives exactly on the branch cuts of complex functions: those of the side that the sign of
zero tells, as NumPy's values are."""

from __future__ import annotations

import numpy as np
import pytest

import adjoint as ad

NAMES = ("arccos", "arcsin", "arccosh", "arctanh", "arcsinh", "arctan", "sqrt", "log")
POINTS = [complex(a, b) for a in (2.0, -2.0, 0.5) for b in (0.0, -0.0)]
POINTS += [complex(b, a) for a in (2.0, -2.0, 0.5) for b in (0.0, -0.0)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("z", POINTS, ids=repr)
def test_on_the_cut(name, z):
    function = getattr(np, name)
    along = z.imag == 0.0  # the other part keeps its zero's sign
    moved = [complex(z.real + s, z.imag) if along else complex(z.real, z.imag + s)
             for s in (1e-6, -1e-6)]  # fmt: skip
    step = 1e-6 if along else 1e-6j
    wanted = (function(moved[0]) - function(moved[1])) / (2 * step)
    derivative = ad.grad(lambda z: function(z), holomorphic=True)
    assert abs(derivative(z) - wanted) < 1e-8 * max(1.0, abs(wanted))
    assert abs(ad.jit(derivative)(z) - wanted) < 1e-8 * max(1.0, abs(wanted))
