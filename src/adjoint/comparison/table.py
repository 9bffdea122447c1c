"""The table of ways to a derivative: as data, text, Markdown and HTML.

Enters: rows.  Leaves: `Ways`, which prints itself in 100 columns and shows itself in notebooks.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..base import tree
from ..front.explain.report import seconds as duration

WIDTH = 100
MARKS = re.compile(r"[\\`*_|$~]")  # what Markdown would take for its own
VALUE = 40  # columns of a value, at most
HEAD = ("way", "value", "error", "a call", "first call", "runs")


class Verdict(NamedTuple):
    """Whether a derivative by hand is right, and why not."""

    is_right: bool
    text: str


@dataclass(frozen=True)
class Row:
    """One way to the derivative.

    Attributes:
        way: its name.
        value: what it gave, with the structure of `ad.jacobian`; None where it gave nothing.
        error: the largest difference of an entry from the reference.
        estimate: the error that it claims to have, for finite differences.
        seconds: a call after the first, the best of several.
        first_seconds: the first call, with all that it prepares.
        evaluations: how often a call after the first runs the Python function.
        note: why there is no value.
    """

    way: str
    value: Any = None
    error: float | None = None
    estimate: float | None = None
    seconds: float | None = None
    first_seconds: float | None = None
    evaluations: int | None = None
    note: str = ""

    def cells(self, width: int = VALUE) -> tuple[str, ...]:
        """The row as text, a cell for each column of `HEAD`; the value in so many columns."""
        return (
            self.way,
            self.note or short(self.value, width),
            "" if self.error is None else f"{self.error:.1e}",
            "" if self.seconds is None else duration(self.seconds),
            "" if self.first_seconds is None else duration(self.first_seconds),
            "" if self.evaluations is None else str(self.evaluations),
        )


@dataclass(frozen=True)
class Ways:
    """A derivative in all ways: `rows`, in order; `ways["reverse mode"]` gives one of them.

    `by_hand` is the verdict on what was given by hand (`is_right`, `text`), None where nothing was;
    `notes` say what spoils the derivative at this point.
    """

    function: str
    kind: str
    at: str
    reference: str
    rows: tuple[Row, ...]
    by_hand: Verdict | None = None
    notes: tuple[str, ...] = ()

    def __getitem__(self, way: str) -> Row:
        for row in self.rows:
            if row.way == way:
                return row
        raise KeyError(f"{way!r}; there are {', '.join(repr(row.way) for row in self.rows)}")

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain dictionaries; values as they came."""
        found = {k: getattr(self, k) for k in ("function", "kind", "at", "reference")}
        rows = []
        for row in self.rows:
            fields = {k: v for k, v in vars(row).items() if k != "value"}
            rows.append({"way": row.way, "value": row.value} | fields)
        verdict = None if self.by_hand is None else self.by_hand._asdict()
        return {**found, "rows": rows, "by_hand": verdict, "notes": list(self.notes)}

    @property
    def title(self) -> str:
        """What was computed, where."""
        return f"{self.kind} of {self.function} at {self.at}"

    @property
    def legend(self) -> str:
        """What the columns are."""
        exact = f"largest difference from {self.reference}" if self.reference else "not known"
        return f"error: {exact}; runs: of the function, in a call"

    @property
    def remarks(self) -> list[str]:
        """What is said below the table."""
        found = [self.legend]
        if self.by_hand is not None and not self.by_hand.is_right:
            found.append(f"by hand is WRONG: {self.by_hand.text}")
        return [*found, *(f"note: {note}" for note in self.notes)]

    def fitted(self, width: int = WIDTH, gap: int = 2) -> list[tuple[str, ...]]:
        """The cells of the rows that have a value, on a page of so many columns."""
        done = [row for row in self.rows if not row.note]
        full = [HEAD, *(row.cells() for row in done)]
        ways = max(len(row.way) for row in self.rows)
        columns = [max(len(line[k]) for line in full) for k in range(2, len(HEAD))]
        most = max(8, width - ways - gap - sum(columns) - gap * len(columns))
        return [row.cells(most) for row in done]

    def __str__(self) -> str:
        ways = max(len(row.way) for row in self.rows)
        full = [HEAD, *self.fitted()]
        columns = [max(len(line[k]) for line in full) for k in range(2, len(HEAD))]
        values = max(len(line[1]) for line in full)
        lines = [self.title]
        rest = iter(full[1:])
        for row in (None, *self.rows):
            if row is not None and row.note:
                lines.append(cut(f"{row.way:<{ways}}  {row.note}", WIDTH))
                continue
            way, value, *numbers = HEAD if row is None else next(rest)
            cells = [x.rjust(width) for x, width in zip(numbers, columns, strict=True)]
            lines.append("  ".join([f"{way:<{ways}}", f"{value:<{values}}", *cells]).rstrip())
        return "\n".join([*lines, *self.remarks])

    __repr__ = __str__

    def markdown(self) -> str:
        """The table in Markdown."""

        def text(x: str) -> str:
            return MARKS.sub(lambda m: "\\" + m[0], html.escape(x, quote=False))

        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(map(text, cells)) + " |"

        rule = ["---", "---", *["--:"] * (len(HEAD) - 2)]
        rows = [line(row.cells()) for row in self.rows]
        below = "  \n".join(map(text, self.remarks)).splitlines()
        return "\n".join([f"{text(self.title)}\n", line(HEAD), line(rule), *rows, "", *below])

    def _repr_html_(self) -> str:
        def line(cells: Sequence[str], tag: str) -> str:
            return f"<tr>{''.join(f'<{tag}>{html.escape(x)}</{tag}>' for x in cells)}</tr>"

        rows = "\n".join(line(row.cells(), "td") for row in self.rows)
        return (
            f"<table>\n<caption>{html.escape(self.title)}</caption>\n"
            f"<thead>{line(HEAD, 'th')}</thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n"
            f"<p>{'<br>'.join(map(html.escape, self.remarks))}</p>"
        )


def short(value: Any, width: int = VALUE) -> str:
    """A derivative on one line: numbers with as many digits as fit, arrays with a few."""

    def one(x: Any, digits: int) -> str:
        if np.ndim(x) == 0:
            plain = np.asarray(x).item()
            return repr(plain) if digits == 17 or isinstance(plain, str) else f"{plain:.{digits}g}"
        text = np.array2string(
            np.asarray(x),
            precision=6,
            separator=", ",
            threshold=8,
            edgeitems=2,
            max_line_width=1000,
        )
        return " ".join(text.split())

    leaves = tree.flatten(value)[0]
    for digits in (17, 15, 12, 10, 8, 6):
        text = ", ".join([one(x, digits) for x in leaves])
        if len(leaves) != 1:
            text = f"({text})"
        if len(text) <= width:
            break
    return cut(text, width)


def cut(text: str, width: int) -> str:
    """Text that fits, its end left out."""
    return text if len(text) <= width else text[: width - 2] + ".."
