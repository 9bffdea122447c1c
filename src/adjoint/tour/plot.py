"""Pictures of a fit: characters for any terminal, and a PNG where matplotlib is installed.

In: measured points and curves sampled on a grid. Out: text, or the bytes of a PNG. matplotlib is
imported when a PNG is asked for; its figure is drawn on a canvas of its own, so no window and no
global state is involved.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# The range of the data plus this fraction on both sides is shown: a bad start may leave the frame.
ROOM = 0.12
BAND = "the curve, plus and minus two standard deviations"


@dataclass(frozen=True)
class Curve:
    """A curve on a grid: its name, the character that draws it in text, and half a band's width."""

    name: str
    mark: str
    x: Array
    y: Array
    half_band: Array | None = None


def text_plot(
    x: Array,
    y: Array,
    curves: Sequence[Curve],
    labels: tuple[str, str],
    size: tuple[int, int] = (78, 22),
) -> str:
    """Return a plot of `size` characters (columns, rows): the points are `o`, above the curves."""
    columns, rows = size
    margin = 9
    width = columns - margin
    low_x, high_x = _limits(x, 0.0)
    low_y, high_y = _limits(y, ROOM)
    canvas = np.full((rows, width), " ")

    def draw(at_x: Array, at_y: Array, mark: str) -> None:
        column = np.rint((at_x - low_x) / (high_x - low_x) * (width - 1)).astype(int)
        row = np.rint((high_y - at_y) / (high_y - low_y) * (rows - 1)).astype(int)
        inside = (row >= 0) & (row < rows)
        canvas[row[inside], column[inside]] = mark

    for curve in curves:
        centres = np.linspace(curve.x[0], curve.x[-1], width)
        draw(centres, np.interp(centres, curve.x, curve.y), curve.mark)
    draw(x, y, "o")

    lines = [f"{'':{margin}}{labels[1]}"]
    for number, cells in enumerate(canvas):
        at = high_y - (high_y - low_y) * number / (rows - 1)
        axis = f"{at:{margin - 2}.0f} |" if number % 4 == 0 else f"{'|':>{margin}}"
        lines.append((axis + "".join(cells)).rstrip())
    lines.append(f"{'+':>{margin}}{'-' * width}")
    left, right = f"{low_x:.2f}", f"{high_x:.2f}"
    lines.append(f"{'':{margin}}{left}{labels[0]:^{width - len(left) - len(right)}}{right}")
    legend = [f"{curve.mark} {curve.name}" for curve in curves]
    lines.append(f"{'':{margin}}{'   '.join(['o measured', *legend])}")
    return "\n".join(lines) + "\n"


def png_plot(
    x: Array,
    y: Array,
    before: Sequence[Curve],
    after: Curve,
    residuals: Array,
    labels: tuple[str, str],
    title: str,
) -> bytes:
    """Return a PNG: the data with the curves before and after above, the residuals after below.

    Raises ImportError where matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 6.6), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    colours = ("#c9803f", "#9a6fb0")
    styles = ((0, (5, 2)), (0, (1.5, 1.5)))
    for curve, colour, style in zip(before, colours, styles, strict=False):
        upper.plot(curve.x, curve.y, color=colour, linestyle=style, linewidth=1.6, label=curve.name)
    upper.plot(after.x, after.y, color="#1f5fa8", linewidth=2.2, label=after.name)
    points = {"color": "#222222", "marker": "o", "markersize": 4.5, "linestyle": "none"}
    points |= {"markerfacecolor": "white", "markeredgewidth": 1.2}
    upper.plot(x, y, label="measured", **points)
    upper.set_ylim(*_limits(y, ROOM))
    upper.set_ylabel(labels[1])
    upper.set_title(title, loc="left", fontsize=12)
    upper.legend(frameon=False, loc="lower right")
    lower.axhline(0.0, color="#1f5fa8", linewidth=1.2)
    if after.half_band is not None:
        band = {"color": "#1f5fa8", "alpha": 0.18, "linewidth": 0, "label": BAND}
        lower.fill_between(after.x, -after.half_band, after.half_band, **band)
        above = {"loc": "lower right", "bbox_to_anchor": (1.0, 0.98), "borderaxespad": 0.0}
        lower.legend(frameon=False, fontsize=9, **above)
    lower.vlines(x, 0.0, residuals, color="#888888", linewidth=1)
    lower.plot(x, residuals, **points)
    lower.set_ylabel("residual after")
    lower.set_xlabel(labels[0])
    for axes in (upper, lower):
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def _limits(values: Array, room: float) -> tuple[float, float]:
    """Return the range of `values`, widened on both sides by a fraction `room` of itself."""
    low, high = float(values.min()), float(values.max())
    return low - room * (high - low), high + room * (high - low)
