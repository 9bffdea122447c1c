"""The picture, and a sequence of them: what the user gets.

Enters: a `Diagram` and the rows of its table.  Leaves: text, SVG, PNG, GIF, files, and what a
notebook shows.  The layout is made when it is first needed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ...base.errors import message
from . import plain, raster
from .arrange import arrange
from .boxes import Diagram, Layout, Row
from .svg import Order, seen, svg


class Frame:
    """The layout that the pictures of one diagram share."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram

    @cached_property
    def layout(self) -> Layout:
        """Made when it is first needed."""
        return arrange(self.diagram)


class Shown:
    """What a notebook shows by itself: the drawing, or text where there is no layout library."""

    @property
    def svg(self) -> str:
        """The text of an SVG file."""
        raise NotImplementedError

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except ImportError:
            return None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        found = {"text/plain": str(self)}
        if (drawn := self._repr_svg_()) is not None:
            found["image/svg+xml"] = drawn
        return found


class Picture(Shown):
    """A drawing of a graph: what `ad.draw` gives.

    Attributes:
        diagram: the boxes with their lines of text, and the arrows between them.
        layout: where they lie (needs `graphlay`).

    `mermaid` and `dot` are texts for other programs, `svg` follows light and dark, `png(scale)` is
    an image on light ground; `save` writes any of them.  `table()` has a row for each value, `str`
    is that table as text (the texts of the boxes where there is no row).  A notebook shows the
    picture by itself.

    >>> import adjoint as ad
    >>> picture = ad.draw(lambda x: x * x, 3.0)
    >>> print(picture.mermaid.splitlines()[2])
      n1(["f = x * x"]):::output
    """

    def __init__(
        self,
        diagram: Diagram,
        rows: Sequence[Row],
        frame: Frame | None = None,
        until: Order | None = None,
    ) -> None:
        self.diagram = diagram
        self.rows = tuple(rows)
        self.frame = frame or Frame(diagram)
        self.until = until

    @property
    def layout(self) -> Layout:
        """Where boxes and arrows lie.  Raises `ImportError` where `graphlay` is not installed."""
        return self.frame.layout

    @property
    def shown(self) -> Diagram:
        """The diagram with the lines that are seen."""
        if self.until is None:
            return self.diagram
        boxes = [
            type(box)(box.kind, tuple(x for x in box.lines if seen(x, self.until)))
            for box in self.diagram.boxes
        ]
        return Diagram(self.diagram.title, tuple(boxes), self.diagram.edges)

    @property
    def mermaid(self) -> str:
        """The text of a Mermaid flowchart."""
        return plain.mermaid(self.shown)

    @property
    def dot(self) -> str:
        """The text of a Graphviz graph."""
        return plain.dot(self.shown)

    @property
    def svg(self) -> str:
        """The text of an SVG file.  Raises `ImportError` where `graphlay` is not installed."""
        return svg(self.diagram, self.layout, self.until)

    def png(self, scale: float = 2) -> bytes:
        """The bytes of a PNG file, `scale` pixels for each of the SVG's.

        Raises `ImportError` where `graphlay` or Pillow is not installed.
        """
        checked_scale(scale)
        return raster.png(self.diagram, self.layout, scale, self.until)

    def table(self) -> list[Row]:
        """A row for each value of the graph: its name, operation, type, value, tangent, adjoint
        (None what is not known)."""
        return list(self.rows)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a file; its name's ending says which: .svg, .png, .dot or .mmd (Mermaid)."""
        return written(path, {
            ".svg": lambda: self.svg,
            ".png": lambda: self.png(),
            ".dot": lambda: self.dot,
            ".mmd": lambda: self.mermaid,
        })  # fmt: skip

    def __str__(self) -> str:
        if self.rows:
            return plain.table(self.rows)
        texts = [[line.text for line in box.lines] for box in self.diagram.boxes]
        return "\n".join(["; ".join(lines) for lines in texts])

    def __repr__(self) -> str:
        boxes, arrows = len(self.diagram.boxes), len(self.diagram.edges)
        return f"<picture of {self.diagram.title}: {boxes} boxes, {arrows} arrows>"


class Steps(Shown, Sequence[Picture]):
    """An evaluation as a sequence of pictures: what `ad.draw.steps` gives.

    `pictures[k]` is a `Picture`; `svg` is a moving one, `gif(scale)` too, `save` writes either.

    >>> import adjoint as ad
    >>> pictures = ad.draw.steps(lambda x: x * x, 3.0)
    >>> len(pictures), pictures[-1].table()[0].adjoint
    (4, 6.0)
    """

    def __init__(self, picture: Picture) -> None:
        self.last = picture
        lines = [line for box in picture.diagram.boxes for line in box.lines]
        self.orders: list[Order] = sorted({line.order for line in lines if line.order}) or [()]

    def __len__(self) -> int:
        return len(self.orders)

    def __getitem__(self, k: Any) -> Any:
        whole = self.last
        if isinstance(k, slice):
            return [self[i] for i in range(*k.indices(len(self)))]
        return Picture(whole.diagram, whole.rows, whole.frame, self.orders[k])

    def __iter__(self) -> Iterator[Picture]:
        return (self[k] for k in range(len(self)))

    @property
    def svg(self) -> str:
        """The text of a moving SVG.  Raises `ImportError` where `graphlay` is not installed."""
        return svg(self.last.diagram, self.last.layout, orders=self.orders)

    def gif(self, scale: float = 1) -> bytes:
        """The bytes of a GIF file, `scale` pixels for each of the SVG's.

        Raises `ImportError` where `graphlay` or Pillow is not installed.
        """
        checked_scale(scale)
        return raster.gif(self.last.diagram, self.last.layout, scale, self.orders)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a file that moves; its name's ending says which: .svg or .gif."""
        return written(path, {".svg": lambda: self.svg, ".gif": lambda: self.gif()})

    def __str__(self) -> str:
        return str(self.last)

    def __repr__(self) -> str:
        return f"<{len(self)} pictures of {self.last.diagram.title}>"


def written(path: str | os.PathLike[str], writers: dict[str, Any]) -> Path:
    """Write what the ending of a path asks for."""
    target = Path(path)
    writer = writers.get(target.suffix.lower())
    if writer is None:
        moving = ".gif" in writers
        other = "a picture of one moment: `ad.draw(f, x).save(...)`" if moving else (
            "`ad.draw.steps(f, x).save('steps.gif')`: a single picture does not move"
        )  # fmt: skip
        raise ValueError(
            message(
                f"save got {target.name!r}, whose ending names no format it writes",
                expected=f"a path that ends in {', '.join(writers)}",
                instead=other if target.suffix.lower() in (".gif", ".png", ".dot", ".mmd") else "",
                operation="save",
            )
        )
    content = writer()
    if isinstance(content, str):
        target.write_text(content, encoding="utf-8")
    else:
        target.write_bytes(content)
    return target


def checked_scale(scale: Any) -> None:
    """Pixels for a length of one: a positive number."""
    if not isinstance(scale, (int, float)) or not 0 < scale <= 16:
        raise ValueError(
            message(
                f"a picture got scale={scale!r}",
                expected="a number above 0, 16 at most",
                operation="draw",
            )
        )
