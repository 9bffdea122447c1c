"""A module that is imported inside a function."""

from __future__ import annotations

import math

import numpy as np

TABLE = {"sine": math.sin}
WEIGHTS = np.array([1.0, 2.0])


def curve(x):
    out = np.zeros(2)
    out[0] = TABLE["sine"](x)
    out[1] = math.exp(-x)
    return WEIGHTS.dot(out)
