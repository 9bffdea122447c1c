"""Constants, in arrays and tables."""

from math import sqrt

import numpy as np

MASSES = np.array([1.0, 0.25])
POWERS = {"root": sqrt}
