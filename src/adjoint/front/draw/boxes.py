"""What a picture is made of: boxes with lines of text, arrows between them, and their sizes.

Enters: texts.  Leaves: a `Diagram`, which every writer reads.  The idea: sizes come from a table of
character widths, so that no font need be there to lay a picture out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

KINDS = ("input", "operation", "output", "fold", "kernel")
MARGIN = 16.0  # around the picture
SIDE, ABOVE = 12.0, 8.0  # between a box and its text
SIZES = {"title": 14.0}  # of letters; all other lines:
SMALL = 12.0
LEADING = 1.3  # height of a line, in sizes of its letters

# The widths of DejaVu Sans, the widest of the usual fonts, rounded up; in sizes of the letters.
WIDTHS: dict[str, float] = {
    character: width
    for characters, width in (
        ("ijl'", 0.29),
        (" .,:;|/\\`IJ", 0.35),
        ("ftr()[]!-", 0.42),
        ('"*_?', 0.54),
        ("cszL", 0.56),
        ("aeovxykEFPSTY{}$", 0.64),
        ("0123456789bdghnpqu", 0.64),
        ("ABCKRVXZ", 0.71),
        ("DGHNOQU&", 0.79),
        ("w+=<>~^#", 0.84),
        ("mMW@%", 1.0),
    )
    for character in characters
}
OTHER, WIDE = 0.85, 1.1  # letters of other alphabets; Chinese, Japanese, Korean, and pictures


def text_width(text: str, size: float) -> float:
    """The width that a text takes at most in the usual fonts without serifs."""
    total = 0.0
    for character in text:
        width = WIDTHS.get(character)
        if width is None:
            if unicodedata.combining(character):
                width = 0.0
            else:
                width = WIDE if unicodedata.east_asian_width(character) in "WF" else OTHER
        total += width
    return total * size


def shortened(text: str, most: int) -> str:
    """A text on one line, of so many characters at most."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= most else text[: most - 3].rstrip() + "..."


class Line(NamedTuple):
    """A line of text in a box.

    `role` is "title", "note", "value", "tangent" or "adjoint"; `order` says when it appears in a
    sequence of pictures: () from the beginning, others in the order of their tuples.
    """

    text: str
    role: str = "title"
    order: tuple[int, ...] = ()

    @property
    def size(self) -> float:
        """The size of its letters."""
        return SIZES.get(self.role, SMALL)


@dataclass(frozen=True)
class Box:
    """A box: its kind (of `KINDS`) and its lines, the title first."""

    kind: str
    lines: tuple[Line, ...]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        width = max((text_width(line.text, line.size) for line in self.lines), default=0.0)
        height = sum(line.size * LEADING for line in self.lines)
        return round(max(width, 24.0) + 2 * SIDE, 2), round(height + 2 * ABOVE, 2)


@dataclass(frozen=True)
class Diagram:
    """Boxes, and arrows from one box to another by their positions in `boxes`."""

    title: str
    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]


class Row(NamedTuple):
    """A line of the table: a value of the graph; what is not known is None."""

    name: str
    operation: str
    type: str
    value: Any = None
    tangent: Any = None
    adjoint: Any = None


class Place(NamedTuple):
    """Where a box lies: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """The size of a picture, where its boxes lie, and the points of each arrow."""

    width: float
    height: float
    places: tuple[Place, ...]
    paths: tuple[tuple[tuple[float, float], ...], ...]


def baselines(box: Box, place: Place) -> Iterator[tuple[Line, float, float]]:
    """Each line of a box with the middle of its baseline."""
    y = place.y + ABOVE
    for line in box.lines:
        step = line.size * LEADING
        yield line, place.x + place.width / 2, y + 0.5 * step + 0.36 * line.size
        y += step
