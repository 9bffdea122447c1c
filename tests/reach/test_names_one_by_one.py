"""Names that are imported one by one, under others, with `*`, and bound anew."""

from __future__ import annotations

import cmath as cm
import math as m
from cmath import exp as cexp
from math import *  # noqa: F403
from math import hypot
from math import sin as sine

import numpy
import numpy.linalg as la
from numpy import array, linalg, newaxis, zeros
from numpy import cos as c
from numpy import sum as total
from numpy.fft import rfft
from numpy.linalg import norm, solve
from reach.checks import check
from scipy.special import erf as error_function
from scipy.special import logsumexp

aliased = numpy.sqrt
package = numpy


def test_functions():
    check(lambda x: c(x) * sine(x) + hypot(x, 2.0), 0.3, 1.1)
    check(lambda x: total(array([x, 2.0])[newaxis]) * aliased(x), 0.3, 1.1)
    check(lambda x: exp(-x) * tan(x) + gamma(x + 1.0), 0.3, 1.1)  # noqa: F405


def test_arrays_that_are_filled():
    def f(x):
        out = zeros((2, 2))
        out[0] = x
        out[:, 1] += sine(x)
        return out.prod() + out.sum()

    check(f, 0.3, 1.1)


def test_modules():
    check(lambda x: m.sin(x) * package.array([x, x]).sum() + la.norm([x, 1.0]), 0.3, 1.1)
    check(lambda x: norm(array([x, 2.0])) + linalg.det(array([[x, 1.0], [2.0, x]])), 0.3, 1.1)
    check(lambda x: solve(array([[x, 1.0], [2.0, 5.0]]), array([1.0, x]))[0], 0.3, 1.1)


def test_complex_numbers():
    check(lambda x: (cexp(1j * x) * cm.sqrt(x + 1j)).real, 0.3, 1.1)
    check(lambda x: abs(rfft([x, 1.0, x * x])[1]) ** 2, 0.3, 1.1)


def test_scipy():
    check(lambda x: error_function(x) * logsumexp(array([x, 1.0])), 0.3, 1.1)
    check(lambda x: logsumexp([x, 1.0, 2.0 * x]), 0.3, 1.1)
