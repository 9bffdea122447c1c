"""Imports inside the function: of packages, of single names, of the user's own modules."""

from __future__ import annotations

import sys

import pytest
from reach.checks import check

import adjoint as ad


def packages(x):
    import math

    import numpy as np

    out = np.zeros(2)
    out[0] = math.sin(x)
    out[1] = np.array([x, 2.0]).prod()
    return out.sum()


def names(x):
    from math import exp
    from math import sin as s

    from numpy import array
    from numpy import linalg as la

    return exp(-x) * s(x) + la.norm(array([x, 1.0]))


def parts(x):
    import numpy.linalg
    import numpy.linalg as algebra

    return algebra.norm([x, 2.0]) + numpy.linalg.det(numpy.array([[x, 1.0], [2.0, x]]))


def scipys(x):
    from scipy import special
    from scipy.special import gammaln

    return gammaln(x + 1.0) + special.logsumexp([x, 1.0])


def by_name(x):
    import importlib
    from importlib import import_module

    return import_module("math").sin(x) + importlib.import_module("numpy").array([x, x]).prod()


def everything(x):
    space = {}
    exec("from math import *", space)
    return space["sin"](x) + space["atan"](x)


@pytest.mark.parametrize("f", [packages, names, parts, scipys, by_name, everything])
def test_it_is_found(f):
    check(f, 0.3, 1.1)


def nested(x):
    def inner(y):
        import math as m

        return m.cosh(y)

    import math as m

    return inner(x) * m.sinh(x)


def test_inside_a_nested_function():
    check(nested, 0.3, 1.1)


def of_ones_own(x):
    from reach import imported_late
    from reach.imported_late import curve

    return imported_late.curve(x) * curve(2.0 * x)


def by_name_of_ones_own(x):
    import importlib

    return importlib.import_module("reach.imported_late").curve(x)


@pytest.mark.parametrize("f", [of_ones_own, by_name_of_ones_own])
@pytest.mark.parametrize("transform", [ad.grad, lambda f: ad.jit(ad.grad(f)), ad.jacfwd])
def test_a_module_of_ones_own_for_the_first_time(f, transform):
    sys.modules.pop("reach.imported_late", None)
    import reach

    if hasattr(reach, "imported_late"):
        del reach.imported_late
    found = transform(f)(0.3)  # it is loaded while the trace runs
    import math

    import numpy as np

    late = sys.modules["reach.imported_late"]
    assert late.np is np and late.math is math and late.TABLE["sine"] is math.sin
    assert type(late.WEIGHTS) is np.ndarray
    check(f, 0.3, 1.1)
    assert found == pytest.approx(ad.grad(f)(0.3), rel=1e-14)


def bound_to_a_global(x):
    global xp
    import numpy as xp

    return xp.array([xp.sin(x), x]).prod()


def test_an_import_that_is_bound_to_a_global():
    import numpy as np

    check(bound_to_a_global, 0.3, 1.1)
    assert xp is np
