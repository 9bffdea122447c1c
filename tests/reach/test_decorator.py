"""Decorators: with `functools.wraps` and without, with arguments, of classes, over one another."""

from __future__ import annotations

import functools
import math

import numpy as np
from reach.checks import check

import adjoint as ad


def plain(f):
    def call(*args):
        return f(*args) * math.exp(args[0])

    return call


def wrapping(f):
    import math as own

    @functools.wraps(f)
    def call(*args, **kwargs):
        return own.sin(f(*args, **kwargs))

    return call


def scaled(factor, function=math.sqrt):
    def decorate(f):
        @functools.wraps(f)
        def call(x):
            return function(factor) * f(x)

        return call

    return decorate


class Counted:
    def __init__(self, f):
        functools.update_wrapper(self, f)
        self.f = f
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        return self.f(*args) + math.cos(args[0])


def with_norm(cls):
    cls.norm = lambda self, x: math.hypot(self.value(x), x)
    return cls


@plain
def first(x):
    return math.sin(x)


@wrapping
def second(x):
    return np.array([x, 2.0]).prod()


@scaled(2.0)
@wrapping
@plain
def third(x):
    return math.tanh(x)


@Counted
def fourth(x):
    return math.sin(x) * x


@with_norm
class Model:
    @plain
    def method(self, x):
        return x

    @staticmethod
    @scaled(3.0)
    def scaled(x):
        return math.log(x)

    def value(self, x):
        return math.log1p(x)


def test_the_decorated_function_itself():
    check(first, 0.3, 1.1)
    check(second, 0.3, 1.1)
    check(third, 0.3, 1.1)


def test_a_decorated_function_that_is_called():
    check(lambda x: first(x) + second(x) * third(x), 0.3, 1.1)


def test_a_decorator_that_is_a_class():
    check(fourth, 0.3, 1.1, jit=False)
    calls = fourth.calls
    ad.grad(lambda x: fourth(x))(0.3)
    assert fourth.calls == calls + 1


def test_methods_and_classes():
    check(lambda x: Model().scaled(x) * Model().norm(x), 0.3, 1.1)
    check(Model().norm, 0.3, 1.1)


def test_decorated_inside():
    def f(x):
        @wrapping
        def inner(y):
            return math.exp(y)

        return inner(x) * x

    check(f, 0.3, 1.1)


def test_a_decorator_of_ours():
    @ad.jit
    def fast(x):
        return math.sin(x) * x

    @ad.grad
    def slope(x):
        return math.exp(x) * np.array([x, x]).prod()

    check(lambda x: fast(x) + slope(x), 0.3, 1.1)
