"""Vectors whose lanes change places: transposed squares, sums over lanes.

Enters: code that is being written, the kind of the numbers, names of vectors.  Leaves: lines of
LLVM IR and the names of what they compute.  Each shuffle is one that processors have an instruction
for: LLVM finds that soon, and takes long to take others apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from .lines import Code


def shuffle(code: Code, kind: str, a: str, b: str, order: Sequence[int]) -> str:
    """The lanes of a, then those of b, in an order."""
    vector, lanes = f"<{len(order)} x {kind}>", ", ".join(f"i32 {k}" for k in order)
    form = f"shufflevector {vector} {a}, {vector} {b}"
    return code.put(f"{form}, <{len(order)} x i32> <{lanes}>")


def transposed(code: Code, kind: str, rows: Sequence[str], part: int) -> list[str]:
    """A square with columns for rows; its side is a power of two.

    At first within parts of so many lanes (16 bytes): there two rows are interleaved, lane by lane,
    then pair by pair, ..  Then parts change places: those off the diagonal of two parts by two,
    then of four by four, ..
    """
    rows, side = list(rows), len(rows)
    unit = 1
    while unit < part:
        low = [
            lane + x
            for start in range(0, side, part)
            for first in range(start, start + part // 2, unit)
            for x in (0, side)
            for lane in range(first, first + unit)
        ]
        high = [lane + part // 2 for lane in low]
        pairs = [(rows[i], rows[i + unit]) for i in range(side) if not i & unit]
        rows = [shuffle(code, kind, a, b, order) for a, b in pairs for order in (low, high)]
        unit *= 2
    while unit < side:
        low = [lane + side - unit if lane & unit else lane for lane in range(side)]
        high = [lane + unit for lane in low]
        for i in range(side):
            if not i & unit:
                a, b = rows[i], rows[i + unit]
                rows[i], rows[i + unit] = (shuffle(code, kind, a, b, x) for x in (low, high))
        unit *= 2
    return rows


def summed(code: Code, kind: str, vectors: Sequence[str], lanes: int) -> list[str]:
    """The sums over the lanes of eight vectors, in as few vectors as there must be.

    Two vectors become one: halves are added, and lie side by side; then halves of the halves.
    `places` tells where a sum is.
    """
    vectors, half = list(vectors), lanes // 2
    while half:
        groups = range(0, lanes, 2 * half)
        low = [start + x + lane for start in groups for x in (0, lanes) for lane in range(half)]
        high = [lane + half for lane in low]
        middle = max(1, len(vectors) // 2)
        first, second = vectors[:middle], vectors[-middle:]
        if lanes == 2:
            first, second = vectors[::2], vectors[1::2]
        vectors = []
        for a, b in zip(first, second, strict=True):
            x, y = (shuffle(code, kind, a, b, order) for order in (low, high))
            vectors.append(code.put(f"fadd <{lanes} x {kind}> {x}, {y}"))
        half //= 2
    return vectors


def places(lanes: int) -> tuple[int, int]:
    """How many numbers are between sums 0 and 2, 2 and 4, ..; between 0 and 1, 2 and 3, .."""
    return {2: (2, 1), 4: (1, 4)}.get(lanes, (lanes // 4, lanes // 8))
