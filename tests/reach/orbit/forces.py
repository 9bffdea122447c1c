"""Forces."""

import math

import numpy as np

from .constants import MASSES, POWERS


def attraction(x):
    out = np.zeros(2)
    out[0] = -x / math.pow(1.0 + x * x, 1.5)
    out[1] = POWERS["root"](x)
    return MASSES.dot(out)
