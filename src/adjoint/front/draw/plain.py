"""Pictures as text: Mermaid, DOT, and a table.

Enters: a `Diagram`, or the rows of a table.  Leaves: text that other programs lay out and draw; the
table is for people.  No optional library is needed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from .boxes import Diagram, Row
from .colours import LIGHT

MOST_ROWS = 60  # of a table that is printed
EMPHASIS = re.compile(r"\*+|`+|(?<![A-Za-z0-9])_+|_+(?![A-Za-z0-9])|~+")


def mermaid(diagram: Diagram) -> str:
    """The text of a Mermaid flowchart."""
    lines = ["flowchart TD"]
    for k, box in enumerate(diagram.boxes):
        text = "<br>".join([mermaid_text(line.text) for line in box.lines])
        opening, closing = ('(["', '"])') if box.kind in ("input", "output") else ('["', '"]')
        lines.append(f"  n{k}{opening}{text}{closing}:::{box.kind}")
    lines += [f"  n{a} --> n{b}" for a, b in diagram.edges]
    for kind in dict.fromkeys(box.kind for box in diagram.boxes):
        fill, stroke = LIGHT[kind]
        lines.append(f"  classDef {kind} fill:{fill},stroke:{stroke},color:{LIGHT['text'][0]}")
    return "\n".join(lines) + "\n"


def mermaid_text(text: str) -> str:
    """A text between quotes: Mermaid's escapes, also for what Markdown would take for emphasis."""
    marks = set('#"<>&')
    if len(found := EMPHASIS.findall(text)) > 1:
        marks.update("".join(found))
    return "".join(f"#{ord(c)};" if c in marks else c for c in text)


def dot(diagram: Diagram) -> str:
    """The text of a Graphviz graph."""
    lines = [
        f"digraph {dot_text(diagram.title)} {{",
        "  bgcolor=transparent;",
        '  node [shape=box, style="rounded,filled", fontname="Helvetica"];',
        f'  edge [color="{LIGHT["edge"][0]}"];',
    ]
    for k, box in enumerate(diagram.boxes):
        label = dot_text("\n".join([line.text for line in box.lines]))
        fill, stroke = LIGHT[box.kind]
        lines.append(f'  n{k} [label={label}, fillcolor="{fill}", color="{stroke}"];')
    lines += [f"  n{a} -> n{b};" for a, b in diagram.edges]
    return "\n".join([*lines, "}"]) + "\n"


def dot_text(text: str) -> str:
    """A quoted string of DOT; Graphviz reads `&lt;` in it as HTML does."""
    text = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("\n", "\\n") + '"'


def number_text(value: Any) -> str:
    """A number or an array, short enough for a box; None is a zero among several derivatives."""
    if value is None:
        return "0"
    if isinstance(value, tuple):
        return shortened_list([number_text(x) for x in value], "(", ")")
    array = np.asarray(value)
    if array.shape == ():
        return scalar_text(array[()])
    if array.ndim == 1 and array.size <= 4:
        digits = 6 if array.size < 3 else 4
        return shortened_list([scalar_text(x, digits) for x in array], "[", "]")
    if not array.size:
        return "no elements"
    if array.dtype.kind == "b":
        return f"{int(array.sum())} of {array.size} true"
    size = np.abs(array) if array.dtype.kind == "c" else array
    holes = int(np.isnan(size).sum()) if array.dtype.kind in "fc" else 0
    note = f", {holes} nan" if holes else ""
    if holes == array.size:
        return "all nan"
    low, high = (scalar_text(f(size), 4) for f in (np.nanmin, np.nanmax))
    start = "size " if array.dtype.kind == "c" else ""
    return (f"{start}all {low}" if low == high else f"{start}{low} to {high}") + note


def shortened_list(parts: Sequence[str], opening: str, closing: str) -> str:
    """The parts between brackets."""
    return opening + ", ".join(parts) + closing


def scalar_text(value: Any, digits: int = 6) -> str:
    """A number with so many digits; whole numbers as they are."""
    kind = np.asarray(value).dtype.kind
    if kind in "biu":
        return str(value)
    if kind == "c":
        return f"{value.real:.4g}{value.imag:+.4g}j"
    return f"{float(value):.{digits}g}"


def table(rows: Sequence[Row]) -> str:
    """The rows as text; columns in which nothing is known are left out."""
    heads = ["name", "operation"]
    columns = [[row.name for row in rows], [row.operation for row in rows]]
    if any(row.type for row in rows):
        heads.append("type")
        columns.append([row.type for row in rows])
    for head in ("value", "tangent", "adjoint"):
        found = [getattr(row, head) for row in rows]
        if any(x is not None for x in found):
            heads.append(head)
            columns.append(["" if x is None else number_text(x) for x in found])
    widths = [max(map(len, [head, *cells])) for head, cells in zip(heads, columns, strict=True)]
    numeric = [head in ("value", "tangent", "adjoint") for head in heads]

    def line(cells: Sequence[str]) -> str:
        placed = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        ]
        return "  ".join(placed).rstrip()

    shown = [line(cells) for cells in list(zip(*columns, strict=True))[:MOST_ROWS]]
    if len(rows) > MOST_ROWS:
        shown.append(f"... and {len(rows) - MOST_ROWS:,} more")
    return "\n".join([line(heads), *shown])
