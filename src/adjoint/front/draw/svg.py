"""Pictures as SVG: light and dark, still and moving.

Enters: a `Diagram` and its `Layout`.  Leaves: the text of an SVG file with a transparent ground,
whose colours follow the reader's preference.  A moving one is an ordinary one with animations
(SMIL), so that a viewer that plays none shows the last picture.
"""

from __future__ import annotations

from collections.abc import Sequence

from .arrange import curve, head
from .boxes import KINDS, Box, Diagram, Layout, Line, Place, baselines
from .colours import DARK, LIGHT, colour_of

FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
SECONDS = 0.9  # that each picture of a sequence stays
HOLD = 3  # times as long the last one stays

Order = tuple[int, ...]


def escaped(text: str) -> str:
    """A text for XML, also between quotes; characters that XML has not are left out."""
    text = "".join([c for c in text if c in "\t\n" or c.isprintable()])
    for c, name in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot")):
        text = text.replace(c, f"&{name};")
    return text


def style() -> str:
    """The colours as CSS."""

    def rules(colours: dict[str, tuple[str, str]], indent: str) -> list[str]:
        start = f"{indent}.adjoint-picture"
        found = [
            f"{start} .{kind} rect {{ fill: {colours[kind][0]}; stroke: {colours[kind][1]}; }}"
            for kind in KINDS
        ]
        for role in ("text", "note", "tangent", "adjoint"):
            found.append(f"{start} .{role} {{ fill: {colours[role][0]}; }}")
        found.append(f"{start} .edge {{ stroke: {colours['edge'][0]}; }}")
        found.append(f"{start} .head {{ fill: {colours['edge'][0]}; }}")
        found.append(f"{start} .active rect {{ stroke: {colours['active'][1]}; }}")
        found.append(f"{start} rect.mark {{ stroke: {colours['active'][1]}; }}")
        return found

    lines = ["<style>", *rules(LIGHT, "  ")]
    lines += ["  @media (prefers-color-scheme: dark) {", *rules(DARK, "    "), "  }", "</style>"]
    return "\n".join(lines)


def number(x: float) -> str:
    """A length of at most two decimals."""
    return f"{x:.2f}".rstrip("0").rstrip(".")


def svg(
    diagram: Diagram, layout: Layout, until: Order | None = None, orders: Sequence[Order] = ()
) -> str:
    """The text of an SVG file.

    With `until`, the picture of a sequence in which lines up to this order are seen; with `orders`,
    a moving picture in which lines appear in this order.
    """
    width, height = number(layout.width), number(layout.height)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="adjoint-picture" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" role="img" text-anchor="middle" '
        f'font-family="{FONT}">',
        f"<title>{escaped(diagram.title)}</title>",
        style(),
    ]
    for path in layout.paths:
        points = " ".join([f"{number(x)},{number(y)}" for x, y in curve(path)])
        triangle = " ".join([f"{number(x)},{number(y)}" for x, y in head(path)])
        lines.append(f'<polyline class="edge" fill="none" stroke-width="1.4" points="{points}"/>')
        lines.append(f'<polygon class="head" points="{triangle}"/>')
    for box, place in zip(diagram.boxes, layout.places, strict=True):
        lines += box_lines(box, place, until, orders)
    return "\n".join([*lines, "</svg>"]) + "\n"


def box_lines(box: Box, place: Place, until: Order | None, orders: Sequence[Order]) -> list[str]:
    """A box with its text."""
    active = until is not None and any(line.order == until for line in box.lines)
    rounding = place.height / 2 if box.kind in ("input", "output") else 6.0
    frame = (
        f'x="{number(place.x)}" y="{number(place.y)}" width="{number(place.width)}" '
        f'height="{number(place.height)}" rx="{number(min(rounding, 16.0))}"'
    )
    stroke = 2.6 if active else 1.2
    found = [
        f'<g class="{box.kind}{" active" * active}">',
        f'<rect {frame} stroke-width="{stroke}"/>',
    ]
    moments = [k for k, order in enumerate(orders) if any(x.order == order for x in box.lines)]
    for k in moments:
        found.append(
            f'<rect class="mark" fill="none" {frame} style="fill: none" stroke-width="2.6" '
            f'opacity="0">{appearing(k, len(orders), k + 1)}</rect>'
        )
    for line, x, y in baselines(box, place):
        if until is not None and line.order > until:
            continue
        moving = appearing(orders.index(line.order), len(orders)) if line.order in orders else ""
        found.append(
            f'<text class="{colour_of(line.role)}" x="{number(x)}" y="{number(y)}" '
            f'font-size="{number(line.size)}">{escaped(line.text)}{moving}</text>'
        )
    return [*found, "</g>"]


def appearing(k: int, count: int, end: int | None = None) -> str:
    """The animation of what appears in picture `k` of so many, and goes again before picture `end`;
    it begins anew when the last picture has stayed."""
    whole = count + HOLD
    times, values = ["0"], ["0" if k else "1"]
    if k:
        times.append(number4(k / whole))
        values.append("1")
    if end is not None:
        times.append(number4((end if end < count else whole - 0.01) / whole))
        values.append("0")
    return (
        f'<animate attributeName="opacity" calcMode="discrete" dur="{number(SECONDS * whole)}s" '
        f'repeatCount="indefinite" keyTimes="{";".join(times)}" values="{";".join(values)}"/>'
    )


def number4(x: float) -> str:
    """A moment, with four decimals."""
    return f"{x:.4f}".rstrip("0").rstrip(".")


def seen(line: Line, until: Order | None) -> bool:
    """Whether a line is seen in a picture of a sequence."""
    return until is None or line.order <= until
