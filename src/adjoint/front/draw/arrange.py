"""Where boxes and arrows lie: a layered layout, by the library `graphlay`.

Enters: a `Diagram`.  Leaves: its `Layout`, from the top down, with rounded arrows that go around
boxes.

Source: Sugiyama, Tagawa and Toda, *Methods for visual understanding of hierarchical system
structures* (1981), as `graphlay` does it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ...base.errors import message
from .boxes import MARGIN, Diagram, Layout, Place

# Tried in order, until no arrow runs through a box: how arrows run, and the gaps between boxes.
WAYS = (
    ("diagonal", 28.0, 40.0),
    ("diagonal", 34.0, 60.0),
    ("diagonal", 60.0, 90.0),
    ("orthogonal", 28.0, 40.0),
    ("orthogonal", 40.0, 60.0),
    ("orthogonal", 60.0, 90.0),
)
HEAD = 8.0  # the length of an arrow's head
ROUND = 10.0  # how far from a corner its rounding begins
CORNER = 6  # pieces of a rounded corner

Point = tuple[float, float]


def missing(what: str, library: str, package: str) -> ImportError:
    """The error where an optional library is not installed."""
    return ImportError(
        message(
            f"{what} needs {library}, which is not installed",
            expected=f"the Python package {package}",
            instead="`pip install 'adjoint[draw]'` in a terminal; `.mermaid`, `.dot` and `str()` "
            "of a picture need nothing",
            operation="draw",
        )
    )


def arrange(diagram: Diagram) -> Layout:
    """The layout of a diagram.

    Raises `ImportError` where `graphlay` is not installed.
    """
    try:
        import graphlay
    except ImportError:
        raise missing("laying out a picture", "graphlay", "graphlay") from None
    if not diagram.boxes:
        return Layout(2 * MARGIN, 2 * MARGIN, (), ())
    best: tuple[int, Layout] | None = None
    for way in WAYS:
        layout = laid_out(diagram, graphlay, *way)
        hits = crossed(diagram, layout)
        if best is None or hits < best[0]:
            best = hits, layout
        if not hits:
            break
    assert best is not None
    return best[1]


def laid_out(
    diagram: Diagram, graphlay: Any, style: str, node_gap: float, layer_gap: float
) -> Layout:
    """The layout in one way."""
    graph = graphlay.Graph()
    for k, box in enumerate(diagram.boxes):
        width, height = box.size
        graph.node(k, width=width, height=height)
    for source, target in diagram.edges:
        graph.edge(source, target)
    options = {
        "direction": "topbottom",
        "spacing": {"node_gap": node_gap, "layer_gap": layer_gap},
        "routing": {"style": style},
    }
    found = graphlay.layout(graph, options=options)
    corners = [
        (
            node["center"]["x"] - box.size[0] / 2,
            node["center"]["y"] - box.size[1] / 2,
            *box.size,
        )
        for node, box in zip(found.nodes, diagram.boxes, strict=True)
    ]
    lines = [[(p["x"], p["y"]) for p in edge["points"]] for edge in found.edges]
    points = [p for line in lines for p in line]
    left = min([x for x, *_ in corners] + [x for x, _ in points])
    top = min([y for _, y, *_ in corners] + [y for _, y in points])
    right = max([x + w for x, _, w, _ in corners] + [x for x, _ in points])
    bottom = max([y + h for _, y, _, h in corners] + [y for _, y in points])
    across, down = MARGIN - left, MARGIN - top
    return Layout(
        round(right - left + 2 * MARGIN, 2),
        round(bottom - top + 2 * MARGIN, 2),
        tuple(
            Place(round(x + across, 2), round(y + down, 2), width, height)
            for x, y, width, height in corners
        ),
        tuple(tuple((round(x + across, 2), round(y + down, 2)) for x, y in line) for line in lines),
    )


def crossed(diagram: Diagram, layout: Layout) -> int:
    """How often an arrow runs through a box that is not its own."""
    return sum(
        any(goes_through(a, b, place) for a, b in pairwise(curve(path)))
        for ends, path in zip(diagram.edges, layout.paths, strict=True)
        for k, place in enumerate(layout.places)
        if k not in ends
    )


def goes_through(a: Point, b: Point, place: Place) -> bool:
    """Whether the straight line from `a` to `b` has points inside a box.

    Source: Liang and Barsky, *A new concept and method for line clipping* (1984).
    """
    first, last = 0.0, 1.0
    for start, step, low, size in (
        (a[0], b[0] - a[0], place.x, place.width),
        (a[1], b[1] - a[1], place.y, place.height),
    ):
        low, high = low - start, low + size - start
        if step == 0.0:
            if low >= 0.0 or high <= 0.0:
                return False
            continue
        enter, leave = sorted((low / step, high / step))
        first, last = max(first, enter), min(last, leave)
    return first < last


def towards(a: Point, b: Point, length: float) -> Point:
    """The point at a distance from `a` on the way to `b`."""
    whole = math.dist(a, b) or 1.0
    return a[0] + (b[0] - a[0]) * length / whole, a[1] + (b[1] - a[1]) * length / whole


def curve(points: Sequence[Point]) -> list[Point]:
    """An arrow's line with rounded corners, up to where its head begins."""
    points = [p for k, p in enumerate(points) if not k or math.dist(p, points[k - 1]) > 0.01]
    if len(points) < 2:
        return list(points)
    last = math.dist(points[-2], points[-1])
    points = [*points[:-1], towards(points[-1], points[-2], min(HEAD - 1.0, 0.5 * last))]
    found = [points[0]]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        reach = min(ROUND, 0.5 * math.dist(before, corner), 0.5 * math.dist(corner, after))
        a, b = towards(corner, before, reach), towards(corner, after, reach)
        for k in range(CORNER + 1):
            t = k / CORNER
            found.append(
                (
                    (1 - t) ** 2 * a[0] + 2 * t * (1 - t) * corner[0] + t * t * b[0],
                    (1 - t) ** 2 * a[1] + 2 * t * (1 - t) * corner[1] + t * t * b[1],
                )
            )
    return [*found, points[-1]]


def head(points: Sequence[Point]) -> list[Point]:
    """The triangle at an arrow's end."""
    distinct = [p for p in points if math.dist(p, points[-1]) > 0.01]
    if not distinct:
        return []
    tip, before = points[-1], distinct[-1]
    length = math.dist(before, tip)
    across = (tip[0] - before[0]) / length, (tip[1] - before[1]) / length
    base = tip[0] - HEAD * across[0], tip[1] - HEAD * across[1]
    half = 0.45 * HEAD
    return [
        tip,
        (base[0] - half * across[1], base[1] + half * across[0]),
        (base[0] + half * across[1], base[1] - half * across[0]),
    ]
