"""Pictures of curves: characters for any terminal, and a PNG where matplotlib is installed.

In: curves sampled on a grid, and measured points. Out: text, or the bytes of a PNG. matplotlib is
imported when a PNG is asked for; its figure is drawn on a canvas of its own, so no window and no
global state is involved.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    """Return a plot of `size` characters (columns, rows): the points are `o`, above the curves.

    The frame is that of the points, or of the curves where there is no point.
    """
    columns, rows = size
    margin = 9
    width = columns - margin
    framed = [(x, y)] if x.size else [(curve.x, curve.y) for curve in curves]
    low_x, high_x = _limits(np.concatenate([p[0] for p in framed]), 0.0)
    low_y, high_y = _limits(np.concatenate([p[1] for p in framed]), ROOM if x.size else 0.0)
    decimals = max(0, 2 - int(np.floor(np.log10(high_y - low_y))))
    decimals = decimals if decimals > 1 else 0
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
        axis = f"{at:{margin - 2}.{decimals}f} |" if number % 4 == 0 else f"{'|':>{margin}}"
        lines.append((axis + "".join(cells)).rstrip())
    lines.append(f"{'+':>{margin}}{'-' * width}")
    left, right = f"{low_x:.2f}", f"{high_x:.2f}"
    lines.append(f"{'':{margin}}{left}{labels[0]:^{width - len(left) - len(right)}}{right}")
    legend = ["o measured"] if x.size else []
    legend += [f"{curve.mark} {curve.name}" for curve in curves]
    lines.append(f"{'':{margin}}{'   '.join(legend)}")
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
    figure = _figure((8.0, 6.6))
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
    return _png(figure)


def curves_plot(curves: Sequence[Curve], labels: tuple[str, str], title: str) -> bytes:
    """Return a PNG of curves.  Raises ImportError where matplotlib is not installed."""
    figure = _figure((8.0, 4.4))
    axes = figure.subplots()
    colours, styles = ("#c9803f", "#1f5fa8"), ((0, (5, 2)), "solid")
    for curve, colour, style in zip(curves, colours, styles, strict=True):
        axes.plot(curve.x, curve.y, color=colour, linestyle=style, linewidth=2.0, label=curve.name)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_title(title, loc="left", fontsize=12)
    axes.legend(frameon=False, loc="upper right", ncols=2, bbox_to_anchor=(1.0, 1.12))
    return _png(figure)


def _figure(size: tuple[float, float]) -> Any:
    """Return an empty figure of so many inches.  Raises ImportError without matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: Any) -> bytes:
    """Return the figure's picture, its axes in one style."""
    for axes in figure.axes:
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
