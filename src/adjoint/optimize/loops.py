"""Loops made cheaper: what several loops do alike is done once, what nobody reads is not done.

Enters: a closed graph.  Leaves: an equal one in which scans over the same inputs with the same
carry are one scan (a function's own loop, and the same loop run again to keep what its derivative
reads), and in which no scan carries, reads or makes what nobody asks for.  A part of a carry that
no step changes is a constant of the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.dtypes import type_of
from ..graph import op
from ..graph.function import Function, close
from ..graph.node import Node, ancestors, build, input_node
from ..graph.rewrite import over
from .inline import inline_calls
from .simplify import simplify

BODIES = ("scan", "while_loop", "switch")


class Scan:
    """A scan while it is changed: its inputs and its body's, in their roles."""

    def __init__(self, inputs: Sequence[Any], p: dict[str, Any]) -> None:
        consts, carry = p["consts"], p["carry"]
        self.length, self.reverse = p["length"], p.get("reverse", False)
        self.memory = p.get("memory")
        self.given = list(inputs[:consts]), list(inputs[consts : consts + carry])
        self.rows = list(inputs[consts + carry :])
        body: Function = p["body"]
        self.name, self.index = body.name, body.inputs[0]
        self.fixed, self.state = (
            list(body.inputs[1 : 1 + consts]),
            list(body.inputs[1 + consts : 1 + consts + carry]),
        )
        self.lines = list(body.inputs[1 + consts + carry :])
        self.after, self.made = list(body.outputs[:carry]), list(body.outputs[carry:])
        # What each output of the original is now: ("carry", k), ("row", k) or ("given", value).
        self.results: list[tuple[str, Any]] = [("carry", k) for k in range(carry)]
        self.results += [("row", k) for k in range(len(self.made))]

    def settle_constants(self) -> None:
        """What no step changes is a constant."""
        consts, begun = self.given
        still = [
            a is b and type_of(x) == type_of(b)
            for a, b, x in zip(self.after, self.state, begun, strict=True)
        ]
        if not any(still):
            return
        for k, is_still in enumerate(still):
            if is_still:
                consts.append(begun[k])
                self.fixed.append(self.state[k])
        self.keep_carry([not x for x in still], begun)

    def keep_carry(self, kept: Sequence[bool], begun: Sequence[Any]) -> None:
        """Only some parts of the carry; what asks for the others gets what they began with."""
        places = {k: n for n, k in enumerate([k for k, flag in enumerate(kept) if flag])}
        self.results = [
            (("carry", places[k]) if kept[k] else ("given", begun[k])) if kind == "carry"
            else (kind, k)
            for kind, k in self.results
        ]  # fmt: skip
        self.given = self.given[0], [x for x, flag in zip(begun, kept, strict=True) if flag]
        self.state = [x for x, flag in zip(self.state, kept, strict=True) if flag]
        self.after = [x for x, flag in zip(self.after, kept, strict=True) if flag]

    def drop_unread(self, wanted: Sequence[bool]) -> None:
        """Only what the wanted outputs depend on."""
        asked = [r for r, flag in zip(self.results, wanted, strict=True) if flag]
        rows = [("row", k) in asked for k in range(len(self.made))]
        carry = [("carry", k) in asked for k in range(len(self.after))]
        while True:
            roots = [x for x, flag in zip(self.after, carry, strict=True) if flag]
            roots += [x for x, flag in zip(self.made, rows, strict=True) if flag]
            seen = set(ancestors(roots))
            found = [a or x in seen for a, x in zip(carry, self.state, strict=True)]
            if found == carry:
                break
            carry = found
        if not all(carry):
            self.keep_carry(carry, self.given[1])
        places = {k: n for n, k in enumerate([k for k, flag in enumerate(rows) if flag])}
        self.results = [
            (kind, places.get(k)) if kind == "row" else (kind, k) for kind, k in self.results
        ]
        self.made = [x for x, flag in zip(self.made, rows, strict=True) if flag]
        consts = [x in seen for x in self.fixed]
        self.given = (
            [x for x, flag in zip(self.given[0], consts, strict=True) if flag],
            self.given[1],
        )
        self.fixed = [x for x, flag in zip(self.fixed, consts, strict=True) if flag]
        used = [x in seen for x in self.lines]
        self.rows = [x for x, flag in zip(self.rows, used, strict=True) if flag]
        self.lines = [x for x, flag in zip(self.lines, used, strict=True) if flag]

    def node(self, position: Any) -> list[Any]:
        """The scan's outputs, as the original's."""
        if not self.after and not self.made:
            return [value if kind == "given" else None for kind, value in self.results]
        body = close(
            [self.index, *self.fixed, *self.state, *self.lines], [*self.after, *self.made],
            self.name,
        )[0]  # fmt: skip
        parameters = {
            "body": body, "consts": len(self.fixed), "carry": len(self.state),
            "length": self.length, "reverse": self.reverse, "memory": self.memory,
        }  # fmt: skip
        made = build(
            op.registry["scan"], (*self.given[0], *self.given[1], *self.rows), parameters, position
        )
        item, first = op.registry["item"], len(self.state)
        outputs: dict[int, Node] = {}

        def output(k: int) -> Node:
            if k not in outputs:
                outputs[k] = build(item, (made,), {"index": k}, position)
            return outputs[k]

        found = []
        for kind, k in self.results:
            if kind == "given":
                found.append(k)
            else:
                found.append(None if k is None else output(k if kind == "carry" else first + k))
        return found


def key_of(node: Node, inputs: Sequence[Any]) -> Any:
    """What scans that could be one have in common."""
    p = node.parameters
    return (
        tuple(map(id, inputs)), p["consts"], p["carry"], p["length"], p.get("reverse", False),
        p.get("memory"),
        tuple([type_of(x) for x in p["body"].inputs]),
    )  # fmt: skip


def together(bodies: Sequence[Function], carry: int) -> tuple[Function, list[list[int]]] | None:
    """One body that makes the rows of several, and where the rows of each are; None where their
    carries differ."""
    inputs = [input_node(type_of(n)) for n in bodies[0].inputs]
    outputs = [over(body, inputs) for body in bodies]
    rows = [x for some in outputs for x in some[carry:]]
    ends = [x for some in outputs for x in some[:carry]]
    closed = close(inputs, [*ends, *rows], bodies[0].name)[0]
    for k in range(carry):
        if len({closed.outputs[k + n * carry] for n in range(len(bodies))}) > 1:
            return None
    found = list(closed.outputs[len(ends) :])
    unique = list(dict.fromkeys(found))
    place = {x: k for k, x in enumerate(unique)}
    wanted, at = [], 0
    for some in outputs:
        count = len(some) - carry
        wanted.append([place[x] for x in found[at : at + count]])
        at += count
    return (
        close(closed.inputs, [*closed.outputs[:carry], *unique], closed.name)[0],
        wanted,
    )


def tidy(body: Function) -> Function:
    """A body, simplified as a graph is that holds it; made once."""
    if "tidy" not in body.cache:
        body.cache["tidy"] = simplify(tidy_loops(simplify(inline_calls(body))))
    return body.cache["tidy"]


def with_tidy_bodies(p: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a loop or a branch, its bodies simplified."""
    return {
        key: tidy(x) if isinstance(x, Function)
        else tuple(map(tidy, x)) if key == "branches" else x
        for key, x in p.items()
    }  # fmt: skip


def tidy_loops(function: Function) -> Function:
    """Apply all of it, from the inputs to the outputs."""
    if not any(node.primitive.name in BODIES for node in function.order):
        return function
    scans = [node for node in function.order if node.primitive.name == "scan"]
    asked: dict[Node, set[int]] = {}
    for node in function.order:
        if node.primitive.name == "item":
            asked.setdefault(node.inputs[0], set()).add(node.parameters["index"])
    family: dict[Any, list[Node]] = {}
    image: dict[Node, Any] = {n: n for n in function.inputs}
    outputs: dict[Node, list[Any]] = {}
    for node in scans:  # those over the very same inputs
        family.setdefault(key_of(node, node.inputs), []).append(node)
    alike = {node: some for some in family.values() for node in some}
    for node in function.order:
        if node in image:
            continue
        name = node.primitive.name
        if name == "constant":
            image[node] = node
        elif name == "scan":
            if node not in outputs:
                inputs = [image[x] for x in node.inputs]
                outputs.update(made_once(alike[node], inputs, asked))
            image[node] = node
        elif name == "item" and node.inputs[0] in outputs:
            image[node] = outputs[node.inputs[0]][node.parameters["index"]]
        else:
            given = tuple([image[x] for x in node.inputs])
            p = with_tidy_bodies(node.parameters) if name in BODIES else node.parameters
            image[node] = build(node.primitive, given, p, node.position)
    return close(function.inputs, [image[n] for n in function.outputs], function.name)[0]


def made_once(
    nodes: Sequence[Node], inputs: Sequence[Any], asked: dict[Node, set[int]]
) -> dict[Node, list[Any]]:
    """The outputs of scans over the same inputs, as one scan where that is possible."""
    first = nodes[0]
    p, carry = first.parameters, first.parameters["carry"]
    bodies = [tidy(node.parameters["body"]) for node in nodes]
    whole = together(bodies, carry) if len(nodes) > 1 else (bodies[0], [])
    if whole is None:
        found: dict[Node, list[Any]] = {}
        for node in nodes:
            found.update(made_once([node], inputs, asked))
        return found
    body, places = whole
    if len(nodes) == 1:
        places = [list(range(len(body.outputs) - carry))]
    wanted = [False] * len(body.outputs)
    for node, some in zip(nodes, places, strict=True):
        for k in asked.get(node, ()):
            wanted[k if k < carry else carry + some[k - carry]] = True
    scan = Scan(inputs, {**p, "body": body})
    scan.drop_unread(wanted)
    scan.settle_constants()
    made = scan.node(first.position)
    return {
        node: [*made[:carry], *[made[carry + k] for k in some]]
        for node, some in zip(nodes, places, strict=True)
    }
