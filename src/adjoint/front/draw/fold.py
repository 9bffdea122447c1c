"""Large graphs folded: a box for each of the user's lines.

Enters: the facts of a graph.  Leaves: a `Diagram` in which the operations of one source line are
one box.  A line whose operations come at several stages (its derivative is taken later) has a box
for each of them, so that arrows go one way; where that gives too many boxes (a loop that was
unrolled), one box for each line, and arrows may go round; and then one for each function.
"""

from __future__ import annotations

import linecache
import os
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence

from ...base.errors import line_of
from ...graph.node import Node
from .boxes import Box, Diagram, Line, shortened
from .graphs import LEAVES, LONGEST, Facts, noted, outer_boxes

LIMIT = 60  # boxes from which a graph is folded
LINE = 60  # characters of a source line
TRIED = 4  # boxes of a line that an operation may join, the youngest

Key = tuple[str, str, int]  # file, function, line


def key_of(node: Node) -> Key | None:
    """The user's file, function and line of a node."""
    if node.code is None:
        return None
    return (
        node.code.co_filename,
        node.code.co_qualname,
        line_of((node.code, node.offset)),
    )


def keys(facts: Facts, nodes: Sequence[Node]) -> dict[Node, Key]:
    """The line of each node; where none is known, that of what reads it, or of what it reads."""
    found: dict[Node, Key] = {}
    for node in nodes:
        key = key_of(node)
        if key is not None:
            found[node] = key
    for node in reversed(nodes):
        if node in found:
            for x in facts.read(node):
                if x.primitive.name not in LEAVES:
                    found.setdefault(x, found[node])
    for node in nodes:
        if node not in found:
            found[node] = next((found[x] for x in facts.read(node) if x in found), ("", "", 0))
    return found


def staged(
    facts: Facts, nodes: Sequence[Node], lines: Mapping[Node, Key]
) -> dict[Node, int] | None:
    """A number for each node: those of a line together, as long as no arrows go round; None where
    there would be too many."""
    groups: dict[Node, int] = {}
    above: list[int] = []  # for each group those it depends on, as bits
    of_line: dict[Key, list[int]] = {}
    for node in nodes:
        given = {groups[x] for x in facts.read(node) if x in groups}
        made = of_line.setdefault(lines[node], [])
        for candidate in reversed(made[-TRIED:]):
            if not any(above[g] >> candidate & 1 for g in given if g != candidate):
                chosen = candidate
                break
        else:
            chosen = len(above)
            if chosen >= LIMIT:
                return None
            above.append(0)
            made.append(chosen)
        new = 0
        for g in given - {chosen}:
            new |= 1 << g | above[g]
        groups[node] = chosen
        above[chosen] |= new
        for g in range(len(above)):
            if above[g] >> chosen & 1:
                above[g] |= above[chosen]
    return groups


def numbered(nodes: Sequence[Node], kind: Callable[[Node], Hashable]) -> dict[Node, int]:
    """A number for each node, the same for those of one kind."""
    known: dict[Hashable, int] = {}
    return {node: known.setdefault(kind(node), len(known)) for node in nodes}


def grouped(
    facts: Facts, nodes: Sequence[Node], lines: Mapping[Node, Key]
) -> tuple[dict[Node, int], bool]:
    """Which nodes share a box, and whether a box is a function's (not a line's)."""
    groups = staged(facts, nodes, lines)
    if groups is None:
        groups = numbered(nodes, lambda node: lines[node])
        if len(set(groups.values())) > LIMIT:
            return numbered(nodes, lambda node: lines[node][:2]), True
    return groups, False


def folded(facts: Facts) -> Diagram:
    """The graph with a box for each source line, or function where those are too many."""
    function = facts.function
    nodes = facts.operations()
    lines = keys(facts, nodes)
    groups, is_by_function = grouped(facts, nodes, lines)
    boxes: list[Box] = []
    places: dict[Node, int] = {}
    for name, node in zip(facts.inputs, function.inputs, strict=True):
        places[node] = len(boxes)
        title = Line(shortened(name, LONGEST))
        boxes.append(Box("input", (title, *noted(node), *facts.lines(node))))
    start = len(boxes)
    members: dict[int, list[Node]] = {}
    for node in nodes:
        places[node] = start + groups[node]
        members.setdefault(groups[node], []).append(node)
    edges: dict[tuple[int, int], None] = {}
    results = set(facts.outputs)
    read = set(results)
    for node in nodes:
        for x in facts.read(node):
            if x in places and places[x] != places[node]:
                edges[places[x], places[node]] = None
                read.add(x)
    met: set[Key] = set()
    for group in range(len(members)):
        inside = members[group]
        key = lines[inside[0]]
        text = titles(key, inside, is_by_function, key in met)
        met.add(key)
        seen = [node for node in inside if node in read]
        alone = len(seen) == 1 and seen[0] not in results  # a result has a box of its own
        known = [*noted(seen[0]), *facts.lines(seen[0])] if alone else []
        boxes.append(Box("fold", (*text, *known)))
    for name, node in zip(facts.results, facts.outputs, strict=True):
        if facts.names.get(node) == name and node in groups:
            k = len(boxes)
            boxes.append(Box("output", (Line(shortened(name, LONGEST)), *facts.lines(node))))
            edges[places[node], k] = None
    extra, sources = outer_boxes(facts, places)
    edges.update({(s, len(boxes) + i): None for i, s in enumerate(sources) if s >= 0})
    return Diagram(function.name, (*boxes, *extra), tuple(edges))


def titles(key: Key, inside: Sequence[Node], is_by_function: bool, is_again: bool) -> list[Line]:
    """The lines that say what a folded box holds."""
    file, name, line = key
    source = "" if is_by_function else linecache.getline(file, line).strip()
    place = os.path.basename(file) + ("" if is_by_function else f":{line}")
    place += " again" * is_again
    title = source or (f"{name.split('.')[-1]}(...)" if name else "operations")
    size = f"{len(inside):,} operation{'s' * (len(inside) != 1)}"
    note = f"{place}, {size}" if file else size
    counts = Counter(node.primitive.name for node in inside).most_common(3)
    most = ", ".join(f"{n} {what}" for what, n in counts)
    found = [Line(shortened(title, LINE)), Line(shortened(note, LINE), "note")]
    if len(inside) > 1:
        found.append(Line(shortened(most, LINE), "note"))
    return found
