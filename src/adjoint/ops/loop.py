"""Loops and branches with bodies: `scan`, a body run a number of times known beforehand,
`while_loop`, run as long as a condition holds, and `switch`, one of several bodies.

The bodies are closed graphs.  A loop's inputs are its constants (the same in each step), its carry
(what one step hands to the next), and, of a scan, arrays of which each step sees one row.  Its
outputs are the last carry and, of a scan, arrays of the rows that the steps made.  Each body takes
the number of the step first.  The derivatives, transposes and batches of loops are loops again
(`transform.loops`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.dtypes import Type, type_of
from ..graph.function import Function
from ..graph.primitive import Body, Primitive, Structural
from .control import handled_by_the_walk, no_cases

COUNT = np.dtype(np.int64)

# How loops of plain values are run, where there is a faster way than one operation after the other:
# `(name, values, parameters) -> outputs`, or None where it cannot.  Filled in from above.
RUNNERS: list[Callable[[str, tuple, dict[str, Any]], tuple | None]] = []


def settled_as(value: Any, t: Type) -> Any:
    """A value of a carry, of the type that it has in every step."""
    found = np.asarray(value, t.dtype)
    return found if t.shape else found[()]


def fastest(name: str, values: tuple, parameters: dict[str, Any]) -> tuple | None:
    """What a faster way than ours gives, if there is one."""
    for runner in RUNNERS:
        found = runner(name, values, parameters)
        if found is not None:
            return found
    return None


# ------------------------------------------------------------------------------------------- scan


def run_scan(
    *values: Any, body: Function, consts: int, carry: int, length: int, reverse: bool = False,
    memory: Any = None,
) -> tuple:  # fmt: skip
    """Run the body `length` times, from the last row to the first with `reverse`; `memory` bounds
    what reverse mode keeps (`transform.checkpoints`)."""
    parameters = {
        "body": body, "consts": consts, "carry": carry, "length": length, "reverse": reverse,
    }  # fmt: skip
    found = fastest("scan", values, parameters)
    if found is not None:
        return found
    fixed, state = values[:consts], list(values[consts : consts + carry])
    rows = values[consts + carry :]
    types = [type_of(n) for n in body.outputs]
    made = [np.empty((length, *t.shape), t.dtype) for t in types[carry:]]
    for k in range(length - 1, -1, -1) if reverse else range(length):
        step = body.evaluate(np.int64(k), *fixed, *state, *[x[k] for x in rows])
        state = [settled_as(x, t) for x, t in zip(step[:carry], types, strict=False)]
        for array, row in zip(made, step[carry:], strict=True):
            array[k] = row
    return (*[copied(x) for x in state], *made)


def copied(x: Any) -> Any:
    """An output that is no input's memory."""
    return x.copy() if isinstance(x, np.ndarray) else x


def scan_types(
    *inputs: Any, body: Function, consts: int, carry: int, length: int, reverse: bool = False,
    memory: Any = None,
) -> tuple[Type, ...]:  # fmt: skip
    types = [type_of(n) for n in body.outputs]
    rows = [Type((length, *t.shape), t.dtype) for t in types[carry:]]
    return (*[Type(t.shape, t.dtype) for t in types[:carry]], *rows)


# ------------------------------------------------------------------------------------------ while


def run_while(
    *values: Any, condition: Function, body: Function, consts: int, memory: Any = None
) -> tuple:
    """Run the body while the condition holds; gives the last carry and the number of steps."""
    parameters = {"condition": condition, "body": body, "consts": consts}
    fixed, state = values[:consts], list(values[consts:])
    types = [type_of(n) for n in body.outputs]
    steps, asked = 0, 16
    while condition.evaluate(np.int64(steps), *fixed, *state)[0]:
        found = body.evaluate(np.int64(steps), *fixed, *state)
        state = [settled_as(x, t) for x, t in zip(found, types, strict=True)]
        steps += 1
        if steps == asked:  # a long loop: there may be a faster way for the rest
            asked *= 4
            rest = fastest("while_loop", (*fixed, *state), {**parameters, "begun": steps})
            if rest is not None:
                return rest
    return (*[copied(x) for x in state], np.int64(steps))


def while_types(
    *inputs: Any, condition: Function, body: Function, consts: int, memory: Any = None
) -> tuple[Type, ...]:
    return (*[Type(*type_of(n)[:2]) for n in body.outputs], Type((), COUNT))


# ----------------------------------------------------------------------------------------- switch


def run_switch(place: Any, *values: Any, branches: Sequence[Function]) -> tuple:
    """Run one of the branches; a place out of range counts as the nearest one."""
    chosen = branches[min(max(int(place), 0), len(branches) - 1)]
    types = [type_of(n) for n in branches[0].outputs]
    found = chosen.evaluate(*values)
    return tuple([copied(settled_as(x, t)) for x, t in zip(found, types, strict=True)])


def switch_types(place: Any, *inputs: Any, branches: Sequence[Function]) -> tuple[Type, ...]:
    return tuple([Type(*type_of(n)[:2]) for n in branches[0].outputs])


def declared(
    name: str, evaluate: Callable, infer: Callable, documentation: str, reads_output: bool = False
) -> Primitive:
    """A primitive with bodies."""
    return Primitive(
        name=name,
        kind="control",
        evaluate=evaluate,
        infer=infer,
        derivative=Structural("the bodies' derivatives, in a loop", True, reads_output),
        batch=handled_by_the_walk,
        code=Body(name),
        cases=no_cases,
        reference=evaluate,
        documentation=documentation,
    )


scan = declared("scan", run_scan, scan_types, "A body run a number of times known beforehand.")
while_loop = declared(
    "while_loop", run_while, while_types, "A body run as long as a condition holds.", True
)
switch = declared("switch", run_switch, switch_types, "One of several bodies, chosen by a number.")
