"""The model that the tour fits: what a user of NumPy writes, and nothing of this library in it.

Thurber's data give the mobility of electrons in a semiconductor against the logarithm of their
density. NIST fits them with a cubic over a cubic: linear in b1..b4, not in b5..b7.
"""

import numpy as np


def mobility(b, x):
    """Return the model's mobility at log density `x` (scalar or array) for the parameters `b`."""
    b1, b2, b3, b4, b5, b6, b7 = b
    return (b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3)


def misfit(b, x, y):
    """Return the residual sum of squares for mobilities `y` measured at log densities `x`."""
    return np.sum((y - mobility(b, x)) ** 2)
