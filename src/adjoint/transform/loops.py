"""The derivatives, transposes and batches of loops and branches: loops and branches again.

Enters: a `scan`, `while_loop` or `switch` with the tangents, cotangents or batch flags of its
inputs.  Leaves: the same for its outputs or inputs, as operations with bodies made from theirs.

A tangent loop carries the tangents beside the carry.  A reversed loop needs what each step began
with: the loop is run once more and keeps those parts of the carry that its body's pullback reads
(none, where the body is linear); then the pullback of the body runs from the last step to the
first, with the cotangents as its carry.  What a step computes is computed again there, not kept;
the carry that it ended with is there already: it is what the step after it began with.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapters 3 and 12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..base.dtypes import Type, is_inexact, type_of
from ..base.errors import DifferentiationError, message
from ..graph import op
from ..graph.cost import size_in_bytes
from ..graph.function import Function, close
from ..graph.node import Node, input_node
from ..graph.primitive import Zero
from .batch import BATCHED, in_front, walk_batched
from .checkpoints import BOUNDS, COUNT, NO_MORE, numbered, over_blocks, plan
from .linearize import STRUCTURAL as PUSHED
from .linearize import Look, all_values, environment_values, fit, pushforward, zeros_like_type
from .transpose import STRUCTURAL as PULLED
from .transpose import Cotangents, plain, pullback

# ------------------------------------------------------------------------------------------ bodies


def dependent(body: Function, flags: Sequence[bool]) -> list[bool]:
    """Which outputs of a body move when its flagged inputs do."""
    moving = {n for n, flag in zip(body.inputs, flags, strict=True) if flag}
    for node in body.order:
        if node not in moving and any(x in moving for x in node.inputs):
            dtype = node.dtype
            if type(dtype) is not tuple and dtype.kind not in "fc":
                continue
            if not isinstance(node.primitive.derivative, Zero):
                moving.add(node)
    return [n in moving for n in body.outputs]


def settle(flags: list[bool], step: Callable[[list[bool]], Sequence[bool]]) -> list[bool]:
    """The flags of a carry after any number of steps: what one step flags stays flagged."""
    while True:
        found = [a or b for a, b in zip(flags, step(flags), strict=True)]
        if found == flags:
            return flags
        flags = found


def fresh(body: Function) -> tuple[list[Node], dict[Node, Any]]:
    """Fresh inputs for a body, and the values of its nodes there."""
    inputs = [input_node(type_of(n)) for n in body.inputs]
    return inputs, all_values(body, inputs)


def picked(values: Sequence[Any], flags: Sequence[bool]) -> list[Any]:
    """The flagged ones."""
    return [x for x, flag in zip(values, flags, strict=True) if flag]


def pushed(body: Function, flags: Sequence[bool], wanted: Sequence[bool]) -> Function:
    """A body that takes, after its inputs, the tangents of the flagged ones, and gives, after its
    outputs, those of the wanted ones."""
    inputs, known = fresh(body)
    tangents: dict[Node, Any] = {}
    seeds = []
    for n, flag in zip(body.inputs, flags, strict=True):
        if flag:
            t = type_of(n)
            seeds.append(input_node(Type(t.shape, t.dtype)))
            tangents[n] = seeds[-1]
    pushforward(body.order, tangents, environment_values(known))
    found = [filled(tangents.get(n), n) for n in picked(body.outputs, wanted)]
    return close([*inputs, *seeds], [*[known[n] for n in body.outputs], *found], body.name)[0]


def pulled(
    body: Function, wanted: Sequence[bool], given: Sequence[bool], count: int = 0,
    known_ones: Sequence[Node] = (),
) -> Function:  # fmt: skip
    """A body's pullback: takes its inputs, then the cotangents of the given outputs, then the first
    `count` outputs themselves, then the values of some of its nodes; gives the cotangents of the
    wanted inputs."""
    inputs = [input_node(type_of(n)) for n in body.inputs]
    after = [input_node(Type(*type_of(n)[:2])) for n in body.outputs[:count]]
    ends = {
        n: x
        for n, x in zip(body.outputs, after, strict=False)
        if n.primitive.name not in ("constant", "input")
    }
    found_ones = [input_node(Type(*type_of(n)[:2])) for n in known_ones]
    ends.update(zip(known_ones, found_ones, strict=True))
    known = all_values(body, inputs, given=ends)
    seeds, sums = [], Cotangents()
    for n in picked(body.outputs, given):
        seed = input_node(Type(*type_of(n)[:2]))
        seeds.append(seed)
        if sums.wants(n):
            sums.add(n, seed)
    pullback(body.order, sums, environment_values(known), set(body.inputs))
    found = [filled(plain(sums.known.get(n)), n) for n in picked(body.inputs, wanted)]
    return close([*inputs, *seeds, *after, *found_ones], found, body.name)[0]


def parts_read(body: Function, carry: Sequence[Node]) -> list[Node]:
    """What a step reads of arrays in its carry at places: to keep that is cheaper than to keep the
    arrays."""
    moving = set(carry)
    found = []
    for node in body.order:
        if node in moving or not any(x in moving for x in node.inputs):
            continue
        moving.add(node)
        if node.primitive.name == "gather" and is_inexact(node.dtype):
            if node.inputs[0] in moving and 2 * node.size <= node.inputs[0].size:
                found.append(node)
    return found


def filled(value: Any, t: Any) -> Any:
    """A tangent or cotangent of a type, zeros where there is none."""
    found = Type(*type_of(t)[:2])
    return zeros_like_type(found) if value is None else fit(value, found)


def reads(body: Function) -> list[bool]:
    """Which inputs a body's outputs depend on."""
    used = set(body.outputs)
    for node in reversed(body.order):
        if node in used:
            used.update(node.inputs)
    return [n in used for n in body.inputs]


class Parts:
    """The inputs of a scan in their roles."""

    def __init__(self, values: Sequence[Any], consts: int, carry: int) -> None:
        values = list(values)
        self.consts = values[:consts]
        self.carry = values[consts : consts + carry]
        self.rows = values[consts + carry :]


# -------------------------------------------------------------------------------------------- scan


def flow(body: Function, flags: Parts) -> tuple[list[bool], list[bool]]:
    """Which parts of a carry move in some step, and which outputs of the body do then."""
    count = len(flags.carry)

    def step(carry: list[bool]) -> list[bool]:
        return dependent(body, [False, *flags.consts, *carry, *flags.rows])[:count]

    inexact = [is_inexact(type_of(n).dtype) for n in body.outputs]
    carry = [a and b for a, b in zip(settle(flags.carry, step), inexact, strict=False)]
    found = dependent(body, [False, *flags.consts, *carry, *flags.rows])
    outputs = [a and b for a, b in zip(found, inexact, strict=True)]
    return carry, [*carry, *outputs[count:]]


def push_scan(node: Node, tangents: list[Any], look: Look) -> Any:
    inputs, _ = look(node)
    p = node.parameters
    body, count = p["body"], p["carry"]
    values, moved = Parts(inputs, p["consts"], count), Parts(tangents, p["consts"], count)
    flags = Parts([t is not None for t in tangents], p["consts"], count)
    carry, outputs = flow(body, flags)
    every = [False, *flags.consts, *carry, *flags.rows]
    made = pushed(body, every, outputs)
    given = Parts(made.inputs[1 : len(every)], p["consts"], count)
    seeds = iter(made.inputs[len(every) :])
    inside = Parts([next(seeds) if flag else None for flag in every[1:]], p["consts"], count)
    states, rows = made.outputs[:count], made.outputs[count : len(body.outputs)]
    found = iter(made.outputs[len(body.outputs) :])
    moving = [next(found) if flag else None for flag in outputs]
    start = [
        filled(t, x) for t, x, flag in zip(moved.carry, values.carry, carry, strict=True) if flag
    ]
    doubled = close(
        [made.inputs[0], *given.consts, *kept(inside.consts), *given.carry, *kept(inside.carry),
         *given.rows, *kept(inside.rows)],
        [*states, *kept(moving[:count]), *rows, *kept(moving[count:])], body.name,
    )[0]  # fmt: skip
    result = op.scan(
        *values.consts, *kept(moved.consts), *values.carry, *start, *values.rows,
        *kept(moved.rows),
        body=doubled, consts=p["consts"] + len(kept(moved.consts)), carry=count + len(start),
        length=p["length"], reverse=p.get("reverse", False), memory=p.get("memory"),
    )  # fmt: skip
    ends = iter(result[count : count + len(start)])
    lines = iter(result[len(start) + len(body.outputs) :])
    return tuple([
        (next(ends) if k < count else next(lines)) if flag else None
        for k, flag in enumerate(outputs)
    ])  # fmt: skip


def kept(values: Sequence[Any]) -> list[Any]:
    """Those that there are."""
    return [x for x in values if x is not None]


def pull_scan(node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    inputs, _ = look(node)
    wanted = [sums.wants(x) for x in node.inputs]
    found = unwound(node.parameters, inputs, wanted, cotangent)
    for x, c in zip(node.inputs, found, strict=True):
        if c is not None and sums.wants(x):
            sums.add(x, c)


def unwound(
    p: dict[str, Any], inputs: Sequence[Any], wanted: Sequence[bool], cotangent: Sequence[Any]
) -> list[Any]:
    """The cotangents of a scan's inputs, None where there is none, in blocks where reverse mode is
    to keep within a bound."""
    cotangent = [plain(c) for c in cotangent]
    given = [c is not None for c in cotangent]
    whole = Reversal(p, inputs, wanted, given)
    if not whole.moves:
        return [None] * len(inputs)
    memory, length = p.get("memory") or BOUNDS.memory, p["length"]
    sizes = plan(length, whole.kept(), whole.state(), memory)
    if not sizes:
        whole.record()
        return whole.unwind(cotangent)
    size, *rest = sizes
    consts, count = p["consts"], p["carry"]
    left = length % size
    main, backwards = length - left, p.get("reverse", False)
    begin, left_at = (left, 0) if backwards else (0, main)
    values = Parts(inputs, consts, count)
    blocked = over_blocks({**p, "length": main}, size, begin, tuple(rest))
    lines = [in_blocks(part(x, begin, main), size) for x in values.rows]
    first = Reversal(blocked, [*values.consts, *values.carry, *lines], wanted, given)
    first.record()
    last, rows = cotangent[:count], cotangent[count:]
    some = [None] * len(inputs)
    if left:
        body = numbered(p["body"])
        flags = [False, *wanted[:consts], *whole.carry, *wanted[consts + count :]]
        few = {**p, "body": body, "consts": consts + 1, "length": left, "memory": NO_MORE}
        start = [np.int64(left_at), *values.consts, *first.ends]
        second = Reversal(
            few, [*start, *[part(x, left_at, left) for x in values.rows]], flags, given
        )
        second.record()
        parts = [None if c is None else part(c, left_at, left) for c in rows]
        some = second.unwind([*last, *parts])[1:]
        last = some[consts : consts + count]
    parts = [None if c is None else in_blocks(part(c, begin, main), size) for c in rows]
    found = first.unwind([*last, *parts])
    ends = consts + count
    for k in range(consts):
        if found[k] is not None and some[k] is not None:
            found[k] = found[k] + some[k]
    for k in range(ends, len(inputs)):
        if found[k] is not None:
            t = type_of(found[k])
            flat = op.reshape(found[k], shape=(main, *t.shape[2:]))
            pair = [some[k], flat] if backwards else [flat, some[k]]
            found[k] = op.concatenate(*pair, axis=0) if left else flat
    return found


def part(x: Any, begin: int, count: int) -> Any:
    """Some rows of an array."""
    shape = type_of(x).shape
    if begin == 0 and count == shape[0]:
        return x
    return op.slice(
        x, starts=(begin, *[0] * (len(shape) - 1)), stops=(begin + count, *shape[1:]),
        steps=(1,) * len(shape),
    )  # fmt: skip


def in_blocks(x: Any, size: int) -> Any:
    """Rows in blocks of rows."""
    shape = type_of(x).shape
    return op.reshape(x, shape=(shape[0] // size, size, *shape[1:]))


class Reversal:
    """A scan in reverse mode: `record` runs it once more and keeps what its body's pullback reads,
    `unwind` goes back from the last step to the first."""

    def __init__(
        self, p: dict[str, Any], inputs: Sequence[Any], wanted: Sequence[bool],
        given: Sequence[bool],
    ) -> None:  # fmt: skip
        """`wanted` are the inputs whose cotangents are asked for, `given` the outputs that have
        one."""
        self.p = p
        self.body, self.count = p["body"], p["carry"]
        consts, count = p["consts"], p["carry"]
        self.values = Parts(inputs, consts, count)
        self.flags = Parts(wanted, consts, count)
        self.carry, outputs = flow(self.body, self.flags)
        self.seeded = [flag if k < count else flag and given[k] for k, flag in enumerate(outputs)]
        self.moves = any(a and b for a, b in zip(given, outputs, strict=True))
        if not self.moves:
            return
        every = [False, *self.flags.consts, *self.carry, *self.flags.rows]
        parts = parts_read(self.body, self.body.inputs[1 + consts : 1 + consts + count])
        self.back = pulled(self.body, every, self.seeded, count, parts)
        used = reads(self.back)
        first, end = len(every), len(self.back.inputs) - len(parts)
        last = end - count
        self.given, self.uses = (Parts(x[1:first], consts, count) for x in (self.back.inputs, used))
        self.seeds = list(self.back.inputs[first:last])
        self.after, self.uses_after = self.back.inputs[last:end], used[last:end]
        self.parts = picked(parts, used[end:])  # of the body, and where its pullback takes them
        self.parts_given = picked(self.back.inputs[end:], used[end:])
        self.uses.carry = [a or b for a, b in zip(self.uses.carry, self.uses_after, strict=True)]
        self.history: list[Any] = []
        self.ends: list[Any] = []

    def kept(self) -> int:
        """The bytes of a step that are kept."""
        return sum(map(size_in_bytes, [*picked(self.given.carry, self.uses.carry), *self.parts]))

    def state(self) -> int:
        """The bytes of a whole carry."""
        return sum(map(size_in_bytes, self.given.carry))

    def record(self) -> None:
        """The forward loop once more, with what the pullback reads of each step's carry."""
        values, count = self.values, self.count
        starts, known = fresh(self.body)
        inside = Parts(starts[1:], self.p["consts"], count)
        recording = close(
            starts,
            [*[known[n] for n in self.body.outputs[:count]],
             *picked(inside.carry, self.uses.carry), *[known[n] for n in self.parts]],
            self.body.name,
        )[0]  # fmt: skip
        found = op.scan(
            *values.consts, *values.carry, *values.rows, **{**self.p, "body": recording}
        )
        self.ends, self.history = list(found[:count]), list(found[count:])

    def unwind(self, cotangent: Sequence[Any]) -> list[Any]:
        """The cotangents of the inputs.  The carry of the loop are the sums of the constants'
        cotangents, the carry's cotangents, and what the step ended with."""
        p, given, uses, values = self.p, self.given, self.uses, self.values
        into = iter(self.back.outputs)
        totals, states, rows = (
            [next(into) for flag in some if flag]
            for some in (self.flags.consts, self.carry, self.flags.rows)
        )
        sums_of = [input_node(Type(*type_of(x)[:2])) for x in totals]
        ends = [s for s, _ in zip(self.seeds, [c for c in self.carry if c], strict=False)]
        lines = self.seeds[len(ends) :]
        reversed_body = close(
            [self.back.inputs[0], *picked(given.consts, uses.consts), *sums_of, *ends,
             *picked(self.after, self.uses_after), *picked(given.carry, uses.carry),
             *self.parts_given, *picked(given.rows, uses.rows), *lines],
            [*[a + b for a, b in zip(sums_of, totals, strict=True)], *states,
             *picked(given.carry, self.uses_after), *rows], self.body.name,
        )[0]  # fmt: skip
        start = [zeros_like_type(Type(*type_of(x)[:2])) for x in totals]
        start += [
            filled(c, x)
            for c, x, flag in zip(cotangent[: self.count], values.carry, self.carry, strict=True)
            if flag
        ]
        cotangents = len(start)
        start += picked(self.ends, self.uses_after)
        seeded = self.seeded[self.count :]
        result = op.scan(
            *picked(values.consts, uses.consts), *start, *self.history,
            *picked(values.rows, uses.rows), *picked(cotangent[self.count :], seeded),
            body=reversed_body, consts=sum(uses.consts), carry=len(start), length=p["length"],
            reverse=not p.get("reverse", False), memory=p.get("memory"),
        )  # fmt: skip
        found = iter([*result[:cotangents], *result[len(start) :]])
        on = [*self.flags.consts, *self.carry, *self.flags.rows]
        return [next(found) if flag else None for flag in on]


def rows_of(
    body: Function, size: int, flags: Sequence[bool]
) -> tuple[list[Node], list[Any], list[bool]]:
    """A body for all rows of a batch: fresh inputs (the flagged ones with a batch axis), the
    outputs, and which of these have one."""
    starts = [
        input_node(Type((size, *type_of(n).shape), type_of(n).dtype) if flag else type_of(n))
        for n, flag in zip(body.inputs, flags, strict=True)
    ]
    return (starts, *walk_batched(body, size, starts, flags))


def lifted(
    values: Sequence[Any], size: int, wanted: Sequence[bool], flags: Sequence[bool]
) -> list[Any]:
    """Values with a batch axis where it is wanted and not there."""
    return [
        in_front(x, size) if want and not flag else x
        for x, want, flag in zip(values, wanted, flags, strict=True)
    ]


def batch_scan(
    size: int, inputs: Sequence[Any], batched: Sequence[bool], p: dict[str, Any]
) -> tuple:
    body, count = p["body"], p["carry"]
    values, flags = Parts(inputs, p["consts"], count), Parts(batched, p["consts"], count)

    def walk(carry: Sequence[bool]) -> tuple[list[Node], list[Any], list[bool]]:
        return rows_of(body, size, [False, *flags.consts, *carry, *flags.rows])

    carry = settle(list(flags.carry), lambda carry: walk(carry)[2][:count])
    starts, outputs, on = walk(carry)
    made = close(starts, lifted(outputs, size, [*carry, *on[count:]], on), body.name)[0]
    begun = lifted(values.carry, size, carry, flags.carry)
    rows = [swapped(x) if flag else x for x, flag in zip(values.rows, flags.rows, strict=True)]
    found = op.scan(*values.consts, *begun, *rows, **{**p, "body": made})
    lines = [swapped(x) if flag else x for x, flag in zip(found[count:], on[count:], strict=True)]
    every = [True] * len(found)
    return tuple(lifted([*found[:count], *lines], size, every, [*carry, *on[count:]]))


def swapped(x: Any) -> Any:
    """Axes 0 and 1 exchanged: of a batch and of steps."""
    return op.transpose(x, axes=(1, 0, *range(2, len(type_of(x).shape))))


# ------------------------------------------------------------------------------------------- while


def push_while(node: Node, tangents: list[Any], look: Look) -> Any:
    inputs, _ = look(node)
    p = node.parameters
    body, condition, consts = p["body"], p["condition"], p["consts"]
    count = len(inputs) - consts
    flags = Parts([t is not None for t in tangents], consts, count)
    values, moved = Parts(inputs, consts, count), Parts(tangents, consts, count)
    carry, _ = flow(body, flags)
    every = [False, *flags.consts, *carry]
    made = pushed(body, every, carry)
    given = Parts(made.inputs[1 : len(every)], consts, count)
    seeds = iter(made.inputs[len(every) :])
    inside = Parts([next(seeds) if flag else None for flag in every[1:]], consts, count)
    doubled = close(
        [made.inputs[0], *given.consts, *kept(inside.consts), *given.carry, *kept(inside.carry)],
        made.outputs, body.name,
    )[0]  # fmt: skip
    starts, known = fresh(condition)
    asked = Parts(starts[1:], consts, count)
    spare = [[input_node(type_of(x)) for x in kept(some)] for some in (inside.consts, inside.carry)]
    doubled_condition = close(
        [starts[0], *asked.consts, *spare[0], *asked.carry, *spare[1]],
        [known[n] for n in condition.outputs], condition.name,
    )[0]  # fmt: skip
    start = [
        filled(t, x) for t, x, flag in zip(moved.carry, values.carry, carry, strict=True) if flag
    ]
    result = op.while_loop(
        *values.consts, *kept(moved.consts), *values.carry, *start,
        condition=doubled_condition, body=doubled, consts=consts + len(kept(moved.consts)),
        memory=p.get("memory"),
    )  # fmt: skip
    found = iter(result[count:])
    return (*[next(found) if flag else None for flag in carry], None)


def pull_while(node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    """A loop whose number of steps is known by now is a scan.  Where it differs between the rows of
    a batch, or between the calls of a program, it is a scan of as many steps as any needs, and the
    carry of what is done stays as it is."""
    inputs, outputs = look(node)
    p = node.parameters
    consts, body = p["consts"], p["body"]
    if outputs is node:
        raise DifferentiationError(
            message(
                "the number of steps of a while loop is not known where its derivative is "
                "transposed",
                expected="a derivative of the function that holds the loop",
                instead="`ad.fori_loop` or `ad.scan`",
                operation="while_loop",
            )
        )
    steps = inner = outputs[-1]
    while not hasattr(inner, "greatest") and hasattr(inner, "held"):
        inner = inner.held()  # behind the handles of other differentiations
    greatest = getattr(inner, "greatest", None)
    sources: Sequence[Any] = node.inputs
    program = getattr(steps, "program", None)
    if greatest is None and BOUNDS.is_rough and program is not None:
        greatest = partial(program.at_most, steps)
    if greatest is None:
        length = int(steps)
    else:
        length, body = greatest(), stopping(body)
        inputs, sources, consts = [steps, *inputs], [COUNT, *sources], consts + 1
    parameters = {
        "body": body, "consts": consts, "carry": len(inputs) - consts, "length": length,
        "memory": p.get("memory"),
    }  # fmt: skip
    types = node.dtype[:-1]
    scanned = Node(
        op.registry["scan"], tuple(sources), parameters, None, types, False, node.position
    )

    def look_again(node: Node) -> tuple[Sequence[Any], Any]:
        return inputs, None

    look_again.follow = getattr(look, "follow", None)  # type: ignore[attr-defined]
    pull_scan(scanned, look_again, cotangent[:-1], sums)


def stopping(body: Function) -> Function:
    """A body that takes the number of steps as its first constant, and changes nothing after
    them."""
    inputs, known = fresh(body)
    steps = input_node(COUNT)
    goes_on = op.less(inputs[0], steps)
    outputs = [known[n] for n in body.outputs]
    carry = inputs[len(inputs) - len(outputs) :]
    after = [op.select(goes_on, fit(a, b), b) for a, b in zip(outputs, carry, strict=True)]
    return close([inputs[0], steps, *inputs[1:]], after, body.name)[0]


def batch_while(
    size: int, inputs: Sequence[Any], batched: Sequence[bool], p: dict[str, Any]
) -> tuple:
    """Rows that are done keep their carry while others go on; what a step would make of them is
    computed of where they began, where it is as well-behaved as the loop itself."""
    body, condition, consts = p["body"], p["condition"], p["consts"]
    count = len(inputs) - consts
    values, flags = Parts(inputs, consts, count), Parts(batched, consts, count)

    def walk(f: Function, carry: Sequence[bool]) -> tuple[list[Node], list[Any], list[bool]]:
        return rows_of(f, size, [False, *flags.consts, *carry])

    carry = settle(list(flags.carry), lambda carry: walk(body, carry)[2])
    if walk(condition, carry)[2][0]:  # the rows end at different steps
        carry = [True] * count
    begun = lifted(values.carry, size, carry, flags.carry)
    starts, asked, (is_batched,) = walk(condition, carry)
    if is_batched:
        return apart(size, values, begun, flags, p)
    goes_on = close(starts, asked, condition.name)[0]
    starts, outputs, on = walk(body, carry)
    made = close(starts, lifted(outputs, size, carry, on), body.name)[0]
    found = op.while_loop(
        *values.consts, *begun, condition=goes_on, body=made, consts=consts, memory=p.get("memory")
    )
    return tuple(lifted(found, size, [True] * len(found), [*carry, False]))


def apart(size: int, values: Parts, begun: Sequence[Any], flags: Parts, p: dict[str, Any]) -> tuple:
    """A while loop whose rows end at different steps.  Its carry: whether each row goes on, how
    many steps each has made, and the carries; rows that are done are computed with the carry of
    their first step."""
    body, condition, consts = p["body"], p["condition"], p["consts"]
    count = len(begun)
    first = [input_node(type_of(x)) for x in begun]
    fixed = [input_node(type_of(x)) for x in values.consts]
    index = input_node(COUNT)
    going, steps = input_node(Type((size,), np.dtype(bool))), input_node(Type((size,), COUNT.dtype))
    states = [input_node(type_of(x)) for x in begun]

    def truth(carry: Sequence[Any], number: Any) -> Any:
        asked, (flag,) = walk_batched(
            condition, size, [number, *fixed, *carry], [True, *flags.consts, *[True] * count]
        )
        return asked[0] if flag else in_front(asked[0], size)

    safe = [chosen(going, a, b) for a, b in zip(states, first, strict=True)]
    number = op.select(going, steps, op.broadcast_to(np.int64(0), shape=(size,)))
    outputs, on = walk_batched(
        body, size, [number, *fixed, *safe], [True, *flags.consts, *[True] * count]
    )
    outputs = lifted(outputs, size, [True] * len(on), on)
    after = [chosen(going, fit(a, b), b) for a, b in zip(outputs, states, strict=True)]
    more = op.add(steps, op.convert(going, dtype=COUNT.dtype))
    still = op.logical_and(going, truth(after, more))
    made = close(
        [index, *fixed, *first, going, steps, *states], [still, more, *after], body.name
    )[0]  # fmt: skip
    goes_on = close(
        [index, *fixed, *first, going, steps, *states], [op.any(going, axes=(0,))], condition.name
    )[0]  # fmt: skip
    zero = np.zeros(size, COUNT.dtype)
    given, (flag,) = walk_batched(
        condition, size, [zero, *values.consts, *begun], [True, *flags.consts, *[True] * count]
    )
    found = op.while_loop(
        *values.consts, *begun, given[0] if flag else in_front(given[0], size), zero, *begun,
        condition=goes_on, body=made, consts=consts + count, memory=p.get("memory"),
    )  # fmt: skip
    return (*found[2:-1], found[1])


def chosen(mask: Any, a: Any, b: Any) -> Any:
    """`a` for the rows where the mask holds, else `b`."""
    rank = len(type_of(a).shape)
    if rank > 1:
        mask = op.reshape(mask, shape=(*type_of(mask).shape, *[1] * (rank - 1)))
    return op.select(mask, a, b)


# ------------------------------------------------------------------------------------------ switch


def push_switch(node: Node, tangents: list[Any], look: Look) -> Any:
    (place, *values), _ = look(node)
    branches = node.parameters["branches"]
    flags = [t is not None for t in tangents[1:]]
    inexact = [is_inexact(type_of(n).dtype) for n in branches[0].outputs]
    moves = [dependent(b, flags) for b in branches]
    outputs = [any(m) and i for *m, i in zip(*moves, inexact, strict=True)]
    if not any(outputs):
        return (None,) * len(outputs)
    made = []
    for branch in branches:
        whole = pushed(branch, flags, outputs)
        made.append(close(whole.inputs, whole.outputs[len(branch.outputs) :], branch.name)[0])
    found = iter(op.switch(place, *values, *kept(tangents[1:]), branches=tuple(made)))
    return tuple([next(found) if flag else None for flag in outputs])


def pull_switch(node: Node, look: Look, cotangent: Any, sums: Cotangents) -> None:
    (place, *values), _ = look(node)
    branches = node.parameters["branches"]
    wanted = [sums.wants(x) for x in node.inputs[1:]]
    inexact = [is_inexact(type_of(n).dtype) for n in branches[0].outputs]
    given = [c is not None and i for c, i in zip(cotangent, inexact, strict=True)]
    if not any(given) or not any(wanted):
        return
    made = tuple([pulled(branch, wanted, given) for branch in branches])
    seeds = [filled(plain(c), t) for c, t, flag in
             zip(cotangent, branches[0].outputs, given, strict=True) if flag]  # fmt: skip
    found = iter(op.switch(place, *values, *seeds, branches=made))
    for x, flag in zip(node.inputs[1:], wanted, strict=True):
        if flag:
            sums.add(x, next(found))


def batch_switch(
    size: int, inputs: Sequence[Any], batched: Sequence[bool], p: dict[str, Any]
) -> tuple:
    """Where all rows take the same branch it is batched; else each row has its own."""
    place, *values = inputs
    flags = list(batched[1:])
    branches = p["branches"]
    if not batched[0]:
        made = []
        for branch in branches:
            starts, outputs, on = rows_of(branch, size, flags)
            whole = lifted(outputs, size, [True] * len(on), on)
            made.append(close(starts, whole, branch.name)[0])
        return op.switch(place, *values, branches=tuple(made))
    # Row by row: a branch that a row does not take is not computed for it, so none can spoil it.
    body_inputs = [input_node(COUNT)]
    fixed = [input_node(type_of(x)) for x in picked(values, [not flag for flag in flags])]
    which = input_node(Type((), type_of(place).dtype))
    rows = [input_node(Type(type_of(x).shape[1:], type_of(x).dtype)) for x in picked(values, flags)]
    own, shared = iter(rows), iter(fixed)
    given = [next(own) if flag else next(shared) for flag in flags]
    results = op.switch(which, *given, branches=branches)
    body = close([*body_inputs, *fixed, which, *rows], list(results), "switch")[0]
    return op.scan(
        *picked(values, [not flag for flag in flags]), place, *picked(values, flags),
        body=body, consts=len(fixed), carry=0, length=size,
    )  # fmt: skip


PUSHED.update(scan=push_scan, while_loop=push_while, switch=push_switch)
PULLED.update(scan=pull_scan, while_loop=pull_while, switch=pull_switch)
BATCHED.update(scan=batch_scan, while_loop=batch_while, switch=batch_switch)
