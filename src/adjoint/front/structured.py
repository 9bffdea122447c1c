"""Loops and branches as single operations: `scan`, `fori_loop`, `while_loop`, `map`, `cond`,
`switch`.

Enters: functions of the user's, which are recorded once each on values that are not known, and
what they are applied to.  Leaves: results, and one operation in the trace however often a body
runs.  What a body reads from outside (arrays, traced values) becomes a constant of the loop.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base import tree
from ..base.dtypes import Type, readable, result_type, type_of
from ..base.errors import ShapeError, message
from ..graph import op
from ..graph.function import Function, close
from ..graph.node import input_node, next_serial
from ..graph.op import Traced
from ..ops.loop import RUNNERS
from ..optimize.pipeline import optimize
from ..runtime.loops import runner
from ..transform import loops as _loops  # noqa: F401  (how they are differentiated and batched)
from ..transform.checkpoints import BOUNDS, Memory, memory_of
from .arguments import name_of, returned
from .operands import stand_in
from .overlay import counterpart, overlay
from .program import Program, Recording, is_number, recorded, require_numbers
from .trace import settled

if runner not in RUNNERS:
    RUNNERS.append(runner)
COUNT = np.dtype(np.int64)
ROUNDS = 4  # how often a body is recorded until the types of its carry stay


class Recorded:
    """A body: its graph over (step, constants, carry, rows), the constants' values, and the
    structure of its result."""

    def __init__(self, program: Program, inputs: int) -> None:
        function = program.function
        given, consts = function.inputs[:inputs], function.inputs[inputs:]
        self.consts = list(program.captured)
        self.structure = program.structure
        self.function = Function(
            [given[0], *consts, *given[1:]], function.outputs, function.order, function.name
        )


def record_body(
    function: Callable, what: str, types: Sequence[Type], call: Callable[[Sequence[Any]], Any]
) -> Recorded:
    """Record a body on values of these types (the step's number first), none of which is known."""

    def run(leaves: list[Any]) -> tuple[list[Any], Any]:
        since = next_serial()
        with overlay(function):
            found, structure = returned(call(leaves), since)
        require_numbers(found, name_of(function), what)
        return found, structure

    leaves = [stand_in(t, bool(t.shape)) for t in types]
    program = recorded(run, leaves, name_of(function), optimize, Recording(body=what))
    return Recorded(program, len(leaves))


def together(bodies: Sequence[Recorded]) -> tuple[list[Function], list[Any]]:
    """Bodies over the constants of all of them."""
    consts: list[Any] = []
    for body in bodies:
        consts += [x for x in body.consts if not any(x is y for y in consts)]
    found = []
    for body in bodies:
        own = dict(zip(map(id, body.consts), body.function.inputs[1:], strict=False))
        nodes = [own[id(x)] if id(x) in own else placeholder(x) for x in consts]
        first = 1 + len(body.consts)
        order = [body.function.inputs[0], *nodes, *body.function.inputs[first:]]
        found.append(close(order, body.function.outputs, body.function.name)[0])
    return found, consts


def placeholder(value: Any) -> Any:
    """A node for a constant that a body does not read."""
    return input_node(Type(*type_of(value)[:2]))


# ------------------------------------------------------------------------------------------- carry


def started(leaves: Sequence[Any], what: str) -> list[Any]:
    """The leaves of a first carry, or of operands, as arrays and NumPy numbers."""
    found = []
    for x in leaves:
        x = settled(x)
        if not is_number(x):
            raise TypeError(
                message(
                    f"{what} got a {type(x).__name__} to hand on",
                    expected="numbers and arrays of numbers, in containers or not",
                    instead="a closure over what is no number",
                    operation=what,
                )
            )
        t = type_of(x)
        found.append(of_type(x, Type(t.shape, t.dtype)))
    return found


def of_type(x: Any, t: Type) -> Any:
    """A value as an array or NumPy number of this dtype."""
    if isinstance(x, Traced):
        return op.convert(x, dtype=t.dtype) if type_of(x) != t else x
    found = np.asarray(x, t.dtype)
    return found if t.shape else found[()]


def joined(types: Sequence[Type], results: Sequence[Any], what: str, name: str) -> list[Type]:
    """The types that a carry has before and after a step."""
    found = []
    for k, (t, x) in enumerate(zip(types, results, strict=True)):
        new = type_of(x)
        if new.shape != t.shape:
            raise ShapeError(
                message(
                    f"{what}: a step of {name} turned {readable(t)} into {readable(new)} "
                    f"(leaf {k} of what it hands on)",
                    expected="the same shapes before and after a step",
                    operation=what,
                )
            )
        found.append(Type(t.shape, result_type(t, new).dtype))
    return found


def same_structure(before: Any, after: Any, what: str, name: str) -> None:
    """Raise unless a step hands on what it was handed."""
    if before != after:
        raise TypeError(
            message(
                f"{what}: a step of {name} was handed {before} and hands on {after}",
                expected="the same structure before and after a step",
                operation=what,
            )
        )


def as_given(leaves: Sequence[Any], results: Sequence[Any]) -> list[Any]:
    """Results in place of these leaves: a Python number for a Python number of that kind."""
    found = []
    for x, y in zip(leaves, results, strict=True):
        t = type_of(x)
        is_python = t.weak and not t.shape and t.dtype == type_of(y).dtype
        found.append(op.python_scalar(y) if is_python else y)
    return found


class Body:
    """A body recorded until its carry has the same types before and after a step."""

    def __init__(
        self,
        function: Callable,
        what: str,
        init: Any,
        call: Callable,
        rows: Sequence[Type] = (),
        parts: Callable[[Any], tuple[Any, Any]] = lambda result: (result, ()),
    ) -> None:
        """`call(step, carry, rows)` gives a result, `parts` what of it is the carry and what the
        rows that are made."""
        self.leaves, structure = tree.flatten(init)
        name = name_of(function)
        self.start = started(self.leaves, what)
        types = [type_of(x) for x in self.start]
        seen: dict[str, Any] = {"joined": types}

        def run(leaves: Sequence[Any]) -> Any:
            step, *rest = leaves
            before = seen["joined"]
            carry = tree.unflatten(structure, rest[: len(before)])
            next_carry, made = parts(call(step, carry, rest[len(before) :]))
            found, after = tree.flatten(next_carry)
            same_structure(structure, after, what, name)
            seen["joined"] = joined(before, found, what, name)
            made_leaves, seen["made"] = tree.flatten(made)
            carried = [of_type(x, t) for x, t in zip(found, seen["joined"], strict=True)]
            return carried + [
                of_type(x, Type(*type_of(x)[:2])) if is_number(x) else x for x in made_leaves
            ]

        for _ in range(ROUNDS):
            types = seen["joined"]
            self.recorded = record_body(function, what, [Type((), COUNT), *types, *rows], run)
            if seen["joined"] == types:
                break
        self.structure, self.made = structure, seen["made"]
        self.start = [of_type(x, t) for x, t in zip(self.start, types, strict=True)]

    def ended(self, results: Sequence[Any]) -> Any:
        """The last carry in the user's containers."""
        return tree.unflatten(self.structure, as_given(self.leaves, results))


# --------------------------------------------------------------------------------------- functions


def scan(
    f: Callable, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, *,
    memory_limit: int | float | str | None = None, checkpoint_every: int | None = None,
) -> tuple[Any, Any]:  # fmt: skip
    """Run a function over the rows of arrays, handing on a state from row to row.

    What a loop over `xs` would do, as one operation: the function is recorded once, compiled where
    that is worth it, and differentiated as a loop, which keeps no more than what each step began
    with.

    Args:
        f: `f(carry, x) -> (carry, y)`. `carry` has the same structure, shapes and dtypes before and
            after (an int that becomes a float is one from the beginning); `x` is a row of `xs`; the
            `y` are put together along a new axis 0, `None` for none.
        init: the first carry: a number, an array, or a container of them.
        xs: arrays with the same number of rows, in containers or not; None for none.
        length: the number of steps, where `xs` does not tell.
        reverse: whether to go from the last row to the first.
        memory_limit: how much reverse mode may keep of what the steps began with: bytes, or a text
            such as "200 MB". Above that it keeps some and runs the steps between them again.
        checkpoint_every: the same by hand: keep what every so many steps began with.

    Returns: the last carry, and the rows that were made, in the order of `xs`.

    Raises:
        TypeError: a result that is no pair, or another structure.
        ShapeError: shapes that a step changes, or numbers of rows that differ.
        TracingError: a Python branch on a value inside `f`.
        ValueError: a memory limit below what a single step takes.

    >>> import adjoint as ad, numpy as np
    >>> def step(total, x):
    ...     return total + x, total
    >>> ad.scan(step, 0.0, np.array([1.0, 2.0, 3.0]))
    (6.0, array([0., 1., 3.]))

    Method: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 12.
    """
    memory = memory_of(memory_limit, checkpoint_every, "ad.scan") or BOUNDS.memory
    rows, structure = tree.flatten(xs)
    rows = started(rows, "ad.scan")
    count = steps(rows, length)
    types = [Type(type_of(x).shape[1:], type_of(x).dtype) for x in rows]

    def call(step: Any, carry: Any, row: Sequence[Any]) -> Any:
        return f(carry, tree.unflatten(structure, row))

    def parts(result: Any) -> tuple[Any, Any]:
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                message(
                    f"ad.scan got {kind_of(result)} from {name_of(f)}",
                    expected="a pair: what is handed on, and a row of the result (None for none)",
                    instead="`return carry, None`",
                    operation="ad.scan",
                )
            )
        return result

    body = Body(f, "ad.scan", init, call, types, parts)
    consts = body.recorded.consts
    found = op.scan(
        *consts, *body.start, *rows,
        body=body.recorded.function, consts=len(consts), carry=len(body.start), length=count,
        reverse=bool(reverse), memory=memory,
    )  # fmt: skip
    carried = len(body.start)
    return body.ended(found[:carried]), tree.unflatten(body.made, list(found[carried:]))


def kind_of(x: Any) -> str:
    """What a result is, for a message."""
    return f"{len(x)} results" if isinstance(x, tuple) else readable(x) if is_number(x) else (
        f"a {type(x).__name__}"
    )  # fmt: skip


def steps(rows: Sequence[Any], length: int | None) -> int:
    """How many steps a scan has."""
    for x in rows:
        if not type_of(x).shape:
            raise ShapeError(
                message(
                    f"ad.scan was to go along the rows of {readable(x)}",
                    expected="arrays with one row for each step",
                    instead="a closure, or a part of the carry, for what is the same in each step",
                    operation="ad.scan",
                )
            )
    counts = {type_of(x).shape[0] for x in rows}
    if length is not None:
        counts.add(operator.index(length))
    if len(counts) != 1:
        raise ShapeError(
            message(
                "ad.scan got neither xs nor a length"
                if not counts
                else f"ad.scan got different numbers of steps: {sorted(counts)}",
                expected="as many rows in each array of xs, and that length=, if any",
                operation="ad.scan",
            )
        )
    (count,) = counts
    if count < 0:
        raise ShapeError(message(f"ad.scan got length={count}", expected="0 or more steps"))
    return count


def fori_loop(
    lower: Any, upper: Any, body: Callable, init: Any, *,
    memory_limit: int | float | str | None = None, checkpoint_every: int | None = None,
) -> Any:  # fmt: skip
    """Run `carry = body(i, carry)` for each `i` of `range(lower, upper)`, as one operation.

    Args:
        lower, upper: integers; traced ones too (the loop is then a `while_loop`).
        body: `body(i, carry) -> carry`, of the same structure, shapes and dtypes.
        init: the first carry: a number, an array, or a container of them.
        memory_limit, checkpoint_every: bounds of what reverse mode keeps, as in `scan`.

    Returns: the last carry. Raises as `scan` does.

    >>> import adjoint as ad
    >>> ad.grad(lambda x: ad.fori_loop(0, 3, lambda i, y: y * x + i, 1.0))(2.0)  # x^3 + x + 2
    13.0
    """
    memory = memory_of(memory_limit, checkpoint_every, "ad.fori_loop") or BOUNDS.memory
    lower, upper = settled(lower), settled(upper)
    for bound in (lower, upper):
        t = type_of(bound) if is_number(bound) else None
        if t is None or t.shape or t.dtype.kind not in "iu":
            raise TypeError(
                message(
                    f"ad.fori_loop got {readable(bound) if t else type(bound).__name__} as a bound",
                    expected="integers",
                    operation="ad.fori_loop",
                )
            )
    if isinstance(lower, Traced) or isinstance(upper, Traced):
        found = run_while(
            lambda state: state[0] < state[1],
            lambda state: (state[0] + 1, state[1], body(state[0], state[2])),
            (lower, upper, init),
            "ad.fori_loop",
            memory,
        )
        return found[2]
    first, count = int(lower), max(int(upper) - int(lower), 0)
    made = Body(
        body, "ad.fori_loop", init,
        lambda step, carry, row: body(step + first if first else step, carry),
    )  # fmt: skip
    consts = made.recorded.consts
    found = op.scan(
        *consts, *made.start,
        body=made.recorded.function, consts=len(consts), carry=len(made.start), length=count,
        reverse=False, memory=memory,
    )  # fmt: skip
    return made.ended(found)


def while_loop(
    condition: Callable, body: Callable, init: Any, *,
    memory_limit: int | float | str | None = None, checkpoint_every: int | None = None,
) -> Any:  # fmt: skip
    """Run `carry = body(carry)` as long as `condition(carry)` holds, as one operation.

    Derivatives of all kinds work, in reverse mode too: the number of steps is then known.  Under
    `vmap` each row ends at its own step; a row that is done is not computed with what it has
    become, so what would be singular there spoils nothing.

    Args:
        condition: `condition(carry) -> bool`.
        body: `body(carry) -> carry`, of the same structure, shapes and dtypes.
        init: the first carry: a number, an array, or a container of them.
        memory_limit, checkpoint_every: bounds of what reverse mode keeps, as in `scan`.

    Returns: the last carry. Raises as `scan` does.

    >>> import adjoint as ad
    >>> def root(a):
    ...     return ad.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a)
    >>> round(ad.grad(root)(4.0), 12)
    0.25
    """
    memory = memory_of(memory_limit, checkpoint_every, "ad.while_loop") or BOUNDS.memory
    return run_while(condition, body, init, "ad.while_loop", memory)


def run_while(
    condition: Callable, body: Callable, init: Any, what: str, memory: Memory | None
) -> Any:
    """A while loop; `what` the user called."""
    made = Body(body, what, init, lambda step, carry, row: body(carry))

    def asked(leaves: Sequence[Any]) -> Any:
        found = condition(tree.unflatten(made.structure, leaves[1:]))
        t = type_of(found) if is_number(found) else None
        if t is None or t.size != 1:
            raise TypeError(
                message(
                    f"{what} got {readable(found) if t else type(found).__name__} from its "
                    "condition",
                    expected="True or False",
                    operation=what,
                )
            )
        truth = found if isinstance(found, Traced) else np.bool_(found)
        truth = op.reshape(truth, shape=()) if type_of(truth).shape else truth
        return truth if type_of(truth).dtype == bool else truth != 0

    types = [type_of(x) for x in made.start]
    question = record_body(condition, what, [Type((), COUNT), *types], asked)
    (goes_on, step), consts = together([question, made.recorded])
    found = op.while_loop(
        *consts, *made.start, condition=goes_on, body=step, consts=len(consts), memory=memory
    )
    return made.ended(found[:-1])


def each(f: Callable, xs: Any) -> Any:
    """Apply a function to each row of arrays, one after the other, as one operation.

    Like `vmap`, but a row at a time: less memory, and room for loops of their own length.

    >>> import adjoint as ad, numpy as np
    >>> ad.map(lambda x: x**2, np.array([1.0, 2.0]))
    array([1., 4.])
    """
    f = counterpart(f)
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


def switch(index: Any, branches: Sequence[Callable], *operands: Any) -> Any:
    """Call one of several functions, chosen by an integer; one out of range counts as the nearest.

    Where the integer is known the function is called as it is.  Under `jit` and `vmap` all branches
    are recorded, and one of them runs (for each row of a batch its own).

    >>> import adjoint as ad
    >>> ad.grad(lambda x: ad.switch(1, [lambda x: x, lambda x: x * x], x))(3.0)
    6.0
    """
    return chosen(index, branches, operands, "ad.switch")


def cond(pred: Any, true_fun: Callable, false_fun: Callable, *operands: Any) -> Any:
    """Call `true_fun(*operands)` or `false_fun(*operands)`.

    Where the condition is known this is Python's `if`.  Under `jit` and `vmap` both are recorded,
    and one of them runs (for each row of a batch its own): what would be singular in the other one
    spoils nothing, and both are one program.

    >>> import adjoint as ad, numpy as np
    >>> root = lambda x: ad.cond(x > 0, np.sqrt, lambda x: 0.0 * x, x)
    >>> ad.vmap(ad.grad(root))(np.array([4.0, 0.0, -1.0]))
    array([0.25, 0.  , 0.  ])
    """
    pred = settled(pred)
    t = type_of(pred) if is_number(pred) else None
    if t is None or t.size != 1:
        raise TypeError(
            message(
                f"ad.cond got {readable(pred) if t else type(pred).__name__} as its condition",
                expected="True or False",
                instead="`np.where(condition, a, b)` to choose element by element",
                operation="ad.cond",
            )
        )
    if not isinstance(pred, Traced):
        return counterpart(true_fun if bool(pred) else false_fun)(*operands)
    truth = op.reshape(pred, shape=()) if t.shape else pred
    truth = truth if t.dtype == bool else truth != 0
    return chosen(op.convert(truth, dtype=COUNT), (false_fun, true_fun), operands, "ad.cond")


def chosen(index: Any, branches: Sequence[Callable], operands: tuple, what: str) -> Any:
    """One of several functions of the same operands."""
    index, branches = settled(index), tuple(map(counterpart, branches))
    if not branches:
        raise ValueError(message(f"{what} got no branches", operation=what))
    t = type_of(index) if is_number(index) else None
    if t is None or t.shape or t.dtype.kind not in "iub":
        raise TypeError(
            message(
                f"{what} got {readable(index) if t else type(index).__name__} as its index",
                expected="an integer",
                operation=what,
            )
        )
    if not isinstance(index, Traced):
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
    leaves, structure = tree.flatten(operands)
    given = started(leaves, what)
    types = [type_of(x) for x in given]

    def record(branch: Callable, wanted: Sequence[Type] | None) -> Recorded:
        def call(values: Sequence[Any]) -> Any:
            result = branch(*tree.unflatten(structure, values[1:]))
            if wanted is None:
                return result
            found, after = tree.flatten(result)
            return tree.unflatten(
                after, [of_type(x, t) for x, t in zip(found, wanted, strict=True)]
            )

        return record_body(branch, what, [Type((), COUNT), *types], call)

    found = [record(branch, None) for branch in branches]
    results = common(found, branches, what)
    found = [record(branch, results) for branch in branches]
    bodies, consts = together(found)
    stripped = tuple([without_step(b) for b in bodies])
    made = op.switch(op.convert(index, dtype=COUNT), *consts, *given, branches=stripped)
    return tree.unflatten(found[0].structure, list(made))


def without_step(body: Function) -> Function:
    """A branch has no steps."""
    return Function(body.inputs[1:], body.outputs, [n for n in body.order if n is not
                    body.inputs[0]], body.name)  # fmt: skip


def common(found: Sequence[Recorded], branches: Sequence[Callable], what: str) -> list[Type]:
    """The types of the results of all branches."""
    first = found[0]
    types = [type_of(n) for n in first.function.outputs]
    for one, branch in zip(found[1:], branches[1:], strict=True):
        if one.structure != first.structure:
            raise TypeError(
                message(
                    f"{what}: {name_of(branches[0])} gives {first.structure}, {name_of(branch)} "
                    f"gives {one.structure}",
                    expected="results of the same structure from each branch",
                    operation=what,
                )
            )
        for k, n in enumerate(one.function.outputs):
            t = type_of(n)
            if t.shape != types[k].shape:
                raise ShapeError(
                    message(
                        f"{what}: {name_of(branches[0])} gives {readable(types[k])}, "
                        f"{name_of(branch)} gives {readable(t)}",
                        expected="results of the same shapes from each branch",
                        operation=what,
                    )
                )
            types[k] = Type(t.shape, result_type(types[k], t).dtype)
    return [Type(t.shape, t.dtype) for t in types]
