"""The model of the third picture: a rational function of seven parameters, fitted to data."""

import numpy as np


def mobility(b, x):
    b1, b2, b3, b4, b5, b6, b7 = b
    return (b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3)


def loss(b, x, y):
    return np.sum((y - mobility(b, x)) ** 2)
