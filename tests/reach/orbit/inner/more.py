"""Imported when a step is made."""

import math as m


def extra(x):
    return m.tanh(x)
