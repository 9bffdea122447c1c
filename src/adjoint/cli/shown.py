"""How results are shown: text and tables, or one JSON document.

Enters: a `Result`.  Leaves: the standard output.  Tables are made for the page's width; a file has
none, and no colours.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any, NamedTuple

import numpy as np

WIDE = 200  # columns of what is written to no terminal
HEARD = 20  # lines that a user's function may print

Rows = Sequence[Sequence[str]]


class Table(NamedTuple):
    """A table that is to be shown: its rows, or how they are made for a page of so many columns."""

    head: Sequence[str]
    rows: Rows | Callable[[int], Rows]


class Result(NamedTuple):
    """What a command found: as data, as what is shown, and its exit code."""

    data: dict[str, Any]
    shown: Sequence[str | Table]
    code: int = 0


class Heard(io.TextIOBase):
    """Where a user's function prints to: the error stream, up to some lines."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self.stream, self.lines = stream, 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for line in text.splitlines(keepends=True):
            if self.lines < HEARD:
                self.stream.write(line)
            elif self.lines == HEARD:
                self.stream.write("... what is printed after this is left out\n")
            self.lines += line.endswith("\n") or self.lines >= HEARD
        return len(text)

    def flush(self) -> None:
        self.stream.flush()


def plain(value: Any) -> Any:
    """A value as JSON knows it; complex numbers as {"real", "imag"}, what is no number as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(k): plain(x) for k, x in value.items()}
    if isinstance(value, list | tuple):
        return [plain(x) for x in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, complex):
        return {"real": plain(value.real), "imag": plain(value.imag)}
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def show_json(data: dict[str, Any]) -> None:
    """Print one JSON document."""
    print(json.dumps(plain(data), indent=2, ensure_ascii=False))


def show(result: Result) -> None:
    """Print a result for people."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    is_page = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(
        highlight=False, markup=False, emoji=False, soft_wrap=True, width=None if is_page else WIDE
    )
    for part in result.shown:
        if isinstance(part, str):
            console.print(part)
            continue
        rows = part.rows(console.width) if callable(part.rows) else part.rows
        table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for k, title in enumerate(part.head):
            numeric = k > 0 and all(is_figure(row[k]) for row in rows)
            justify: Any = "right" if numeric else "left"
            table.add_column(title, justify=justify, no_wrap=numeric or k == 0, overflow="fold")
        for row in rows:
            table.add_row(*row, style="red" if "NO" in row else None)
        console.print()
        console.print(table)
        console.print()


def is_figure(text: str) -> bool:
    """Whether a cell is a number, perhaps with a unit, or empty."""
    return re.fullmatch(r"([-+]?[\d.]+(e[-+]?\d+)?|nan|inf)?( \w+)?", text) is not None
