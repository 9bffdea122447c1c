"""The pictures of docs/drawings.md: `python docs/images/make.py` writes them anew.

A test compares them with what is made today.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

import adjoint as ad

HERE = Path(__file__).parent


def f(x, y):
    return x**2 * y + y + 2


def pictures() -> dict[str, Any]:
    """What `ad.draw` gives, by the names of the files."""
    place = importlib.util.spec_from_file_location("model", HERE / "model.py")
    model = importlib.util.module_from_spec(place)
    place.loader.exec_module(model)
    x = np.linspace(-3.0, 2.0, 37)
    b = np.array([1300.0, 1500.0, 600.0, 75.0, 1.0, 0.4, 0.05])
    return {
        "reverse.svg": ad.draw(f, 3.0, 4.0, mode="reverse"),
        "steps.gif": ad.draw.steps(f, 3.0, 4.0),
        "folded.svg": ad.draw(ad.grad(model.loss), b, x, model.mobility(b, x), fold=True),
    }


if __name__ == "__main__":
    for name, picture in pictures().items():
        print(picture.save(HERE / name))
