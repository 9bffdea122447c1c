"""What the programs of `corpus/` are checked with: extrapolated differences of plain NumPy.

Enters: a function, its arguments.  Leaves: derivatives along directions with an estimate of their
error (Ridders, Accurate computation of F'(x) and F'(x)F''(x), 1982).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import corpus
import numpy as np

SHRINK = 1.6  # by which a step is less than the one before
STEPS = 14


class Entry(NamedTuple):
    """A program of the corpus: differentiated by its first argument."""

    name: str
    function: Callable
    arguments: tuple


def entries() -> list[Entry]:
    """All programs, by module."""
    found = []
    for info in pkgutil.iter_modules(corpus.__path__):
        module = importlib.import_module(f"corpus.{info.name}")
        found += [Entry(f"{info.name}.{f.__name__}", f, args) for f, args in module.PROGRAMS]
    return found


def ridders(function: Callable[[float], float], scale: float) -> tuple[float, float]:
    """The derivative of a function of a number at 0, and the estimate of its error."""
    best, error = np.nan, np.inf
    step = 0.02 * scale
    before: list[float] = []
    with np.errstate(all="ignore"):
        for _ in range(STEPS):
            try:
                found = (function(step) - function(-step)) / (2 * step)
            except (ValueError, ArithmeticError, np.linalg.LinAlgError):
                found = np.nan  # a step too far
            row, factor = [found], SHRINK**2
            for k, previous in enumerate(before):
                row.append((row[k] * factor - previous) / (factor - 1))
                factor *= SHRINK**2
                gap = max(abs(row[-1] - row[-2]), abs(row[-1] - previous))
                if gap <= error:
                    best, error = row[-1], gap
            before, step = row, step / SHRINK
    return float(best), float(error)


def directions(x: Any, most: int) -> Iterator[np.ndarray]:
    """Unit vectors of some entries (all, if there are few), and two oblique ones."""
    shape, size = np.shape(x), np.size(x)
    rng = np.random.default_rng(0)
    chosen = range(size) if size <= most else sorted(rng.choice(size, most, replace=False))
    for k in chosen:
        found = np.zeros(size)
        found[k] = 1.0
        yield found.reshape(shape)
    if size > 1:
        for _ in range(2):
            yield rng.normal(size=shape) / np.sqrt(size)


def along(entry: Entry, direction: np.ndarray) -> tuple[float, float]:
    """The derivative of a program along a direction, by differences, and the estimate of its
    error."""
    x, *others = entry.arguments
    scale = float(np.max(np.abs(x), initial=0.0, where=direction != 0)) or 1.0

    def moved(step: float) -> float:
        point = x + step * direction
        return float(entry.function(float(point) if isinstance(x, float) else point, *others))

    return ridders(moved, scale)
