"""Whether a derivative written by hand is right, and if not, what is probably wrong with it.

Enters: what was written and what it should be, as blocks.  Leaves: a `Verdict`.  The idea: the
usual mistakes (a sign, a factor, a transpose, arguments in another order) are tried one by one;
else the worst entry is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from .table import Verdict, short

TOLERANCE = 1e-6  # of an entry; a thousandth of it, of the largest one
SIMPLE = 1000  # the largest denominator of a factor that is told as a fraction


def agrees(
    found: np.ndarray,
    exact: np.ndarray,
    tolerance: float = TOLERANCE,
    widths: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Which entries are as they should be; two NaN agree, as do two equal infinities."""
    with np.errstate(all="ignore"):
        largest = float(np.max(np.abs(exact), initial=0.0, where=np.isfinite(exact)))
        near = np.abs(found - exact) <= tolerance * (np.abs(exact) + 1e-3 * largest) + widths
        return near | (found == exact) | ((found != found) & (exact != exact))


def judged(
    found: Sequence[np.ndarray],
    exact: Sequence[np.ndarray],
    labels: Sequence[str],
    epsilon: float = 0.0,
    widths: Sequence[np.ndarray] | None = None,
) -> Verdict:
    """The verdict on blocks of entries.

    `labels` says what each is the derivative by, `epsilon` is the precision of the arguments,
    `widths` are estimated errors of what is expected.
    """
    tolerance = max(TOLERANCE, 10 * epsilon**0.5)
    errors: list[Any] = [0.0] * len(exact) if widths is None else [10 * w for w in widths]
    right = [agrees(a, b, tolerance, w) for a, b, w in zip(found, exact, errors, strict=True)]
    if all(x.all() for x in right):
        return Verdict(True, "right")
    wrong = [k for k, x in enumerate(right) if not x.all()]
    where = "" if len(exact) == 1 else f" by {' and '.join(labels[k] for k in wrong)}"
    if len(wrong) > 1 and len(wrong) == len(exact):
        where = ""
    a = np.concatenate([np.ravel(found[k]) for k in wrong])
    b = np.concatenate([np.ravel(exact[k]) for k in wrong])
    if (text := usual_mistake(a, b, tolerance)) is not None:
        return Verdict(False, f"{text}{where}")
    flipped = [transposed(found[k], exact[k], tolerance) for k in wrong]
    if all(flipped):
        return Verdict(False, f"it is the transpose of what it should be{where}")
    if len(exact) > 1 and is_other_order(found, exact, tolerance):
        return Verdict(False, "its parts are in another order than the arguments")
    k = wrong[0]
    apart = np.where(right[k], 0.0, np.nan_to_num(np.abs(found[k] - exact[k]), nan=np.inf))
    place = np.unravel_index(int(np.argmax(apart)), np.shape(apart))
    entry = "it" if np.shape(apart) == () else f"entry {list(map(int, place))}"
    of = "" if len(exact) == 1 else f" by {labels[k]}"
    total = sum(x.size for x in right)
    bad = sum(int((~x).sum()) for x in right)
    text = f"{entry}{of} is {short(found[k][place], 24)}, expected {short(exact[k][place], 24)}"
    return Verdict(False, text if total == 1 else f"{bad} of {total} entries are wrong; {text}")


def usual_mistake(found: np.ndarray, exact: np.ndarray, tolerance: float) -> str | None:
    """A sign, or a factor that all entries share."""
    known = exact != 0
    with np.errstate(all="ignore"):
        ratios = found[known] / exact[known]
    if not ratios.size or not np.isfinite(ratios).all() or found[~known].any():
        return None
    ratio = ratios[int(np.argmax(np.abs(exact[known])))]
    if ratio == 0 or not agrees(found, ratio * exact, tolerance).all():
        return "it is zero" if not found.any() else None
    if np.abs(ratio + 1) < tolerance:
        return "it has the wrong sign"
    if found.size == 1:
        return None  # any number is a multiple of any other
    return f"it is {factor(ratio, tolerance)} times what it should be"


def factor(ratio: complex, tolerance: float) -> str:
    """A factor, as a fraction where it is a simple one."""
    if np.imag(ratio) == 0:
        simple = Fraction(float(np.real(ratio))).limit_denominator(SIMPLE)
        if simple and abs(float(simple) - ratio) <= tolerance * abs(ratio):
            return str(simple)
    return f"{ratio:.6g}"


def transposed(found: np.ndarray, exact: np.ndarray, tolerance: float) -> bool:
    """Whether a block is as it should be when its axes are reversed."""
    if np.ndim(found) < 2 or np.shape(found) != np.shape(np.transpose(found)):
        return False
    return bool(agrees(np.transpose(found), exact, tolerance).all())


def is_other_order(
    found: Sequence[np.ndarray], exact: Sequence[np.ndarray], tolerance: float
) -> bool:
    """Whether the same blocks are there, in another order."""
    left = list(range(len(exact)))
    for x in found:
        for k in left:
            if np.shape(exact[k]) == np.shape(x) and agrees(x, exact[k], tolerance).all():
                left.remove(k)
                break
        else:
            return False
    return True
