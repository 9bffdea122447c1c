"""Taylor series through loops and branches: loops and branches of coefficients.

Enters: a `scan`, `while_loop` or `switch` whose inputs are series.  Leaves: the series of its
outputs.  The idea: the body's series is expanded once, over unknown coefficients, and becomes a
body that carries the coefficients beside the values; so the loop stays one operation, however often
it runs, and is compiled, batched and differentiated as any other.  The condition of a loop and the
number of a branch read values only.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..base.dtypes import Type, is_inexact, type_of
from ..graph import op
from ..graph.function import Function, close
from ..graph.node import Node, input_node
from ..graph.primitive import Primitive
from .linearize import environment_values
from .loops import Parts, dependent, filled, flow, fresh, picked
from .taylor import STRUCTURAL, Expansion, Series, at, expand, refused


def expanded(
    body: Function, flags: Sequence[bool], wanted: Sequence[bool], degree: int
) -> Function:
    """A body that takes, after its inputs, the coefficients 1 to `degree` of each flagged one, and
    gives, after its outputs, those of each wanted one."""
    inputs, values = fresh(body)
    given = {n: unknown(n, degree) for n in picked(body.inputs, flags)}
    found = expand(body.order, given, environment_values(values), degree)
    nothing = [None] * degree
    made = [filled(c, n) for n in picked(body.outputs, wanted) for c in found.get(n, nothing)]
    seeds = [c for cs in given.values() for c in cs]
    outputs = [*[values[n] for n in body.outputs], *made]
    return close([*inputs, *seeds], outputs, body.name)[0]


def unknown(n: Node, degree: int) -> list[Node]:
    """Inputs for the coefficients of an input."""
    t = type_of(n)
    return [input_node(Type(t.shape, t.dtype)) for _ in range(degree)]


def coefficients(x: Any, degree: int, is_moving: bool) -> list[Any]:
    """The coefficients from the first on that are handed to a body: none of what does not move."""
    return [filled(at(x, k), first(x)) for k in range(1, degree + 1)] if is_moving else []


def first(x: Any) -> Any:
    """The value of a series, or of a constant."""
    return at(x, 0)


def joined(parts: Sequence[Sequence[Any]]) -> list[Any]:
    """The elements of lists, one list after the other."""
    return [x for part in parts for x in part]


def shared_out(values: Sequence[Any], flags: Sequence[bool], degree: int) -> list[list[Any]]:
    """Coefficients in a row, as a list for each flagged place, and an empty one for the others."""
    left = iter(values)
    return [[next(left) for _ in range(degree)] if flag else [] for flag in flags]


def series(value: Any, higher: Sequence[Any], flag: bool) -> Any:
    """The series of an output, or its value where it does not move."""
    if not flag:
        return value
    found = Series(type_of(value), value)
    found.higher.extend(higher)
    return found


def degree_of(expansion: Expansion, primitive: Primitive) -> int:
    """How many coefficients there will be."""
    if expansion.degree is None:
        raise refused(primitive, "it is part of a derivative rule, whose series may end before")
    return expansion.degree


def scan_series(
    expansion: Expansion, primitive: Primitive, inputs: Sequence[Any], p: dict[str, Any]
) -> tuple:
    """The same loop, with the coefficients of what moves beside the carry and the rows."""
    degree, body, count = degree_of(expansion, primitive), p["body"], p["carry"]
    given = Parts(inputs, p["consts"], count)
    flags = Parts([type(x) is Series for x in inputs], p["consts"], count)
    carry, outputs = flow(body, flags)
    every = [False, *flags.consts, *carry, *flags.rows]
    wide = expanded(body, every, outputs, degree)
    values = Parts(wide.inputs[1 : len(every)], p["consts"], count)
    inside = Parts(shared_out(wide.inputs[len(every) :], every[1:], degree), p["consts"], count)
    made = shared_out(wide.outputs[len(outputs) :], outputs, degree)
    loop = close(
        [wide.inputs[0], *values.consts, *joined(inside.consts), *values.carry,
         *joined(inside.carry), *values.rows, *joined(inside.rows)],
        [*wide.outputs[:count], *joined(made[:count]), *wide.outputs[count : len(outputs)],
         *joined(made[count:])], body.name,
    )[0]  # fmt: skip
    consts, start, rows = (
        joined([coefficients(x, degree, flag) for x, flag in zip(some, moving, strict=True)])
        for some, moving in (
            (given.consts, flags.consts), (given.carry, carry), (given.rows, flags.rows))
    )  # fmt: skip
    found = op.scan(
        *map(first, given.consts), *consts, *map(first, given.carry), *start,
        *map(first, given.rows), *rows,
        body=loop, consts=p["consts"] + len(consts), carry=count + len(start),
        length=p["length"], reverse=p.get("reverse", False), memory=p.get("memory"),
    )  # fmt: skip
    middle = count + len(start)
    lines = len(outputs) - count
    ends = [*found[:count], *found[middle : middle + lines]]
    higher = shared_out([*found[count:middle], *found[middle + lines :]], outputs, degree)
    return tuple(map(series, ends, higher, outputs))


def while_series(
    expansion: Expansion, primitive: Primitive, inputs: Sequence[Any], p: dict[str, Any]
) -> tuple:
    """The same loop, with the coefficients of what moves beside the carry."""
    degree, body, consts = degree_of(expansion, primitive), p["body"], p["consts"]
    count = len(inputs) - consts
    given = Parts(inputs, consts, count)
    flags = Parts([type(x) is Series for x in inputs], consts, count)
    carry, _ = flow(body, flags)
    every = [False, *flags.consts, *carry]
    wide = expanded(body, every, carry, degree)
    values = Parts(wide.inputs[1 : len(every)], consts, count)
    inside = Parts(shared_out(wide.inputs[len(every) :], every[1:], degree), consts, count)

    def among(step: Node, plain: Parts, higher: Parts) -> list[Node]:
        return [step, *plain.consts, *joined(higher.consts), *plain.carry, *joined(higher.carry)]

    loop = close(among(wide.inputs[0], values, inside), wide.outputs, body.name)[0]
    condition = p["condition"]
    starts, known = fresh(condition)
    spare = Parts([unknown(n, len(cs)) for n, cs in zip(
        [*values.consts, *values.carry], [*inside.consts, *inside.carry], strict=True
    )], consts, count)  # fmt: skip
    asked = close(
        among(starts[0], Parts(starts[1:], consts, count), spare),
        [known[n] for n in condition.outputs], condition.name,
    )[0]  # fmt: skip
    fixed, start = (
        joined([coefficients(x, degree, flag) for x, flag in zip(some, moving, strict=True)])
        for some, moving in ((given.consts, flags.consts), (given.carry, carry))
    )
    found = op.while_loop(
        *map(first, given.consts), *fixed, *map(first, given.carry), *start,
        condition=asked, body=loop, consts=consts + len(fixed), memory=p.get("memory"),
    )  # fmt: skip
    higher = shared_out(found[count:-1], carry, degree)
    return (*map(series, found[:count], higher, carry), found[-1])


def switch_series(
    expansion: Expansion, primitive: Primitive, inputs: Sequence[Any], p: dict[str, Any]
) -> tuple:
    """The same choice, of branches that give the coefficients too."""
    degree, branches = degree_of(expansion, primitive), p["branches"]
    place, *given = inputs
    flags = [type(x) is Series for x in given]
    inexact = [is_inexact(type_of(n).dtype) for n in branches[0].outputs]
    moves = [dependent(branch, flags) for branch in branches]
    outputs = [any(m) and i for *m, i in zip(*moves, inexact, strict=True)]
    wide = tuple([expanded(branch, flags, outputs, degree) for branch in branches])
    seeds = joined([coefficients(x, degree, flag) for x, flag in zip(given, flags, strict=True)])
    found = op.switch(first(place), *map(first, given), *seeds, branches=wide)
    higher = shared_out(found[len(outputs) :], outputs, degree)
    return tuple(map(series, found[: len(outputs)], higher, outputs))


RULES: dict[str, Callable] = {
    "scan": scan_series,
    "while_loop": while_series,
    "switch": switch_series,
}
STRUCTURAL.update(RULES)
