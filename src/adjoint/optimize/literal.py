"""Places at which a constant mask decides: what is known there without computing anything.

Enters: expressions, and places along their unrolled axes.  Leaves: the answer of a mask at such a
place; the branch that a selection takes there; the cells of a sum that nobody reads, because every
reader masks them out (the gradient with respect to a triangular matrix, above its diagonal).

Only masks of booleans are looked into: numbers of constant arrays are data, and machine code is
shared by programs that differ in data.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

from .expression import Expression, is_gather

CELLS = 1024  # of a sum, up to which its readers are asked cell by cell

# A place: a number for each axis, None for an axis along which it is not known.
Cell = tuple[int | None, ...]


def is_true(x: Expression, at: Cell) -> bool | None:
    """What a boolean expression is at a place; None where that is not known."""
    if x.dtype.kind != "b":
        return None
    while True:
        if x.op == "constant":
            return bool(x.attribute)
        if x.op == "table":
            known = [k for k in at if k is not None]
            return bool(x.attribute[tuple(known)]) if len(known) == len(at) else None
        if x.op == "map" and x.attribute[0] == "logical_not":
            inside = is_true(x.inputs[0], at)
            return None if inside is None else not inside
        if x.op != "view":
            return None
        at = through(x, at)
        x = x.inputs[0]


def through(x: Expression, at: Cell) -> Cell:
    """Where a view reads its input."""
    found: list[int | None] = []
    for m in x.attribute:
        if is_gather(m):
            found.append(None)
            continue
        terms, offset = m
        steps = [(at[k], step) for k, step in terms]
        known = [k * step for k, step in steps if k is not None]
        found.append(offset + sum(known) if len(known) == len(steps) else None)
    return tuple(found)


def branch(x: Expression, at: Cell) -> Expression | None:
    """The operand that a selection takes at a place, where its condition is known."""
    if x.op != "map" or x.attribute[0] != "select":
        return None
    answer = is_true(x.inputs[0], at)
    return None if answer is None else x.inputs[1 if answer else 2]


def unread_cells(
    x: Expression, readers: Sequence[Expression], axes: Iterable[int]
) -> frozenset[tuple[int, ...]]:
    """The cells along these axes of x that none of the expressions with x as an operand reads."""
    axes = tuple(axes)
    ranges = [range(x.shape[k]) for k in axes]
    count = math.prod(map(len, ranges))
    if not axes or not 2 <= count <= CELLS or not readers:
        return frozenset()
    if not all(r.op == "map" and r.attribute[0] == "select" for r in readers):
        return frozenset()
    found = []
    for cell in itertools.product(*ranges):
        at: list[int | None] = [None] * len(x.shape)
        for k, place in zip(axes, cell, strict=True):
            at[k] = place
        taken = [branch(r, tuple(at)) for r in readers]
        if all(
            b is not None and b is not x and x is not r.inputs[0]
            for b, r in zip(taken, readers, strict=True)
        ):
            found.append(cell)
    return frozenset(found)
