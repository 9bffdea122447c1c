"""The simulation that the tour differentiates: plain NumPy, and nothing of this library in it.

A rod of twelve cells, as warm as the room, is heated at one end. When that end has become 60
degrees warmer than the room the heater cuts out, and the rod cools. One thermometer is at the
heated end, another one in the middle.
"""

import numpy as np

CELLS, MIDDLE, LIMIT = 12, 6, 60.0


def temperatures(parameters, steps):
    """Return what the two thermometers show, a row for each step: degrees above the room."""
    conduction, power, loss = parameters
    rod = np.zeros(CELLS)
    shown = np.zeros((steps + 1, 2))
    heating = True
    for t in range(steps):
        before = rod[0]
        flow = conduction * np.diff(rod)
        rod -= loss * rod
        rod[:-1] += flow
        rod[1:] -= flow
        if heating and rod[0] + power > LIMIT:  # during this step
            rod[0] += power * (LIMIT - before) / (rod[0] + power - before)
            heating = False
        elif heating:
            rod[0] += power
        shown[t + 1, 0] = rod[0]
        shown[t + 1, 1] = rod[MIDDLE]
    return shown


def misfit(parameters, readings):
    """Return the mean squared difference between the simulation and the readings."""
    return np.mean((temperatures(parameters, len(readings) - 1) - readings) ** 2)
