"""What a function does at a point that spoils its derivative there, or the differences that check
it.

Enters: a problem.  Leaves: sentences: the function is random, not finite, whole numbers, has a kink
or a jump.  The idea: beside a point where a function is smooth, the difference of its slopes on
either side shrinks with the step; at a kink it stays, at a jump it grows as the step shrinks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base import tree
from ..base.dtypes import is_inexact, type_of
from ..testing import joined
from .problem import Problem

MOST_LEAVES = 20  # arguments that are looked at one by one
WIDER = 16.0  # the second step, in first ones
POWER = 0.4  # of the precision: the first step


def observed(problem: Problem, name: str) -> list[str]:
    """What spoils the derivative, a sentence each; nothing for a smooth function."""
    function = problem.on(problem.f)
    if not any(is_inexact(t.dtype) for t in problem.outputs):
        if not problem.outputs:
            return [f"{name} returns nothing that is a number: is a `return` missing?"]
        return [f"{name} returns whole numbers, whose derivative is zero"]

    def values(leaves: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            return joined(tree.flatten(function(*leaves))[0])

    try:
        start, again = values(problem.leaves), values(problem.leaves)
        if start.shape != again.shape or not np.array_equal(start, again, equal_nan=True):
            return [
                f"{name} gives another value at each call: it is random, or keeps something "
                "between calls"
            ]
        if not np.isfinite(start).all():
            count = int((~np.isfinite(start)).sum())
            what = "is" if start.size == 1 else f"has {count} of {start.size} elements that are"
            return [f"{name} {what} not finite at this point"]
        return beside(problem, name, values, start)
    except Exception:  # whatever the user's function raises: nothing is known beside the point
        return []


def moved_by(x: Any, step: Any) -> Any:
    """An argument moved by a step, in its own type."""
    if type_of(x).weak:
        return x + float(step)
    return (x + np.asarray(step)).astype(type_of(x).dtype)[()]


def beside(problem: Problem, name: str, values: Any, start: np.ndarray) -> list[str]:
    """What happens to the slopes on either side, along a fixed direction in each argument."""
    found: list[str] = []
    epsilon = problem.epsilon
    rng = np.random.default_rng(0)
    for k, x in enumerate(problem.leaves[:MOST_LEAVES]):
        size = float(np.max(np.abs(x), initial=1.0, where=np.isfinite(x)))
        direction = rng.choice([-1.0, 1.0], np.shape(x)) * rng.uniform(0.5, 1.0, np.shape(x))
        direction = direction if np.shape(x) else 1.0

        def slopes(step: float, k: int = k, along: Any = direction) -> list[np.ndarray]:
            """On the right and on the left."""
            found = []
            for t in (step, -step):
                moved = list(problem.leaves)
                moved[k] = moved_by(moved[k], t * along)
                found.append((values(moved) - start) / t)
            return found

        step = epsilon**POWER * size
        right, left = slopes(step)
        wide_right, wide_left = slopes(WIDER * step)
        gaps = np.abs(right - left), np.abs(wide_right - wide_left)
        noise = epsilon * (np.abs(start) + (np.abs(right) + np.abs(left)) * size) / step
        label = problem.labels[k]
        if not (np.isfinite(right) & np.isfinite(left)).all():
            found.append(f"{name} is not finite beside this point, in {label}")
            continue
        odd = (gaps[0] > 0.5 * gaps[1]) & (gaps[0] > 100 * noise)
        odd &= gaps[0] > 1e-4 * (np.abs(right) + np.abs(left))
        if not odd.any():
            steep = (np.abs(right) > 2 * np.abs(wide_right) + 100 * noise) & (
                np.abs(left) > 2 * np.abs(wide_left) + 100 * noise
            )
            if steep.any() and (np.abs(slopes(step / WIDER)[0]) > 2 * np.abs(right))[steep].any():
                found.append(f"the slope of {name} in {label} grows without bound at this point")
            continue
        worst = int(np.argmax(np.where(odd, gaps[0], 0.0)))
        growth = gaps[0][worst] / max(gaps[1][worst], 1e-300)
        sides_text = f"{left[worst] + 0.0:.6g} and {right[worst] + 0.0:.6g}"
        if growth > 8:
            found.append(f"{name} jumps at this point, in {label}, or is noisy")
        elif growth > 2:
            found.append(f"the slope of {name} in {label} grows without bound at this point")
        elif np.shape(x):
            found.append(f"{name} has a kink at this point, in {label}: it has no derivative there")
        else:
            found.append(
                f"{name} has a kink at this point: its slopes in {label} are {sides_text} on "
                "either side, so it has no derivative there"
            )
    return found
