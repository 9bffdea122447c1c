"""Objects that are called."""

from __future__ import annotations

import math

import numpy as np
from reach.checks import check


class Polynomial:
    def __init__(self, *coefficients):
        self.coefficients = np.array(coefficients)

    def __call__(self, x):
        powers = np.ones(len(self.coefficients))
        for k in range(1, len(powers)):
            powers[k] = powers[k - 1] * x
        return self.coefficients.dot(powers)


class Layer:
    def __init__(self, function, scale=1.0):
        self.function, self.scale = function, scale

    def __call__(self, x):
        return self.function(self.scale * x)


class Network:
    def __init__(self, *layers):
        self.layers = list(layers)

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


POLYNOMIAL = Polynomial(1.0, -2.0, 0.5)
NETWORK = Network(Layer(math.sin, 2.0), POLYNOMIAL, Layer(math.tanh), Layer(lambda x: x * x))


def test_the_object_is_the_function():
    check(POLYNOMIAL, 0.3, 1.1)
    check(NETWORK, 0.3, 1.1)
    check(Layer(math.exp), 0.3, 1.1)


def test_an_object_that_is_called():
    check(lambda x: POLYNOMIAL(x) * NETWORK(x), 0.3, 1.1)
    local = Network(Layer(Layer(Layer(math.sin))), POLYNOMIAL)
    check(lambda x: local(x) + Network(Layer(math.cos, x))(x), 0.3, 1.1)


def test_an_object_as_a_method():
    class Model:
        layer = Layer(math.sqrt)

        def __call__(self, x):
            return self.layer(x) + Model.layer(2.0 * x)

    check(Model(), 0.3, 1.1)
