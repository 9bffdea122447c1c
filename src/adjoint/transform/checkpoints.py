"""Loops in blocks: how reverse mode through a long loop keeps within a bound of memory.

Enters: how many steps a loop has, how many bytes of each step reverse mode would keep, and a bound.
Leaves: sizes of blocks, and the loop as a loop over blocks.  Reverse mode keeps what each block
began with and runs a block once more when it gets there, so with one level of blocks a loop of n
steps keeps about 2 sqrt(n) states in place of n, for one more run forward; blocks in blocks keep
(l + 1) n^(1/(l + 1)) for l more.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 12 (multilevel
checkpointing).  Binomial schedules (Algorithm 799, 2000) run a step again as often, with 0.7 of
the states for one level; blocks of one size are loops of machine code, whose memory is
known before they run.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..base.dtypes import Type, type_of
from ..base.errors import message
from ..graph import op
from ..graph.function import Function, close
from ..graph.node import input_node

COUNT = Type((), np.dtype(np.int64))
UNITS = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4,
         "KI": 1 << 10, "MI": 1 << 20, "GI": 1 << 30, "TI": 1 << 40}  # fmt: skip
DEEPEST = 40  # levels of blocks
SPARE = 0.8  # of a bound is planned for: buffers and what Python itself takes come on top


class Memory(NamedTuple):
    """What reverse mode through loops may keep: at most so many bytes, or the carry of every so
    many steps (from the largest blocks to the smallest)."""

    limit: int | None = None
    every: tuple[int, ...] = ()


NO_MORE = Memory()  # of a loop in a block: what it keeps is planned for


def memory_of(
    memory_limit: int | float | str | None, checkpoint_every: int | None, what: str
) -> Memory | None:
    """The arguments `memory_limit=` and `checkpoint_every=` of a function."""
    if checkpoint_every is not None:
        if isinstance(checkpoint_every, bool) or not isinstance(
            checkpoint_every, (int, np.integer)
        ):
            raise TypeError(
                message(
                    f"{what} got checkpoint_every={checkpoint_every!r}",
                    expected="a number of steps, an integer",
                    operation=what,
                )
            )
        if checkpoint_every < 1:
            raise ValueError(
                message(
                    f"{what} got checkpoint_every={checkpoint_every}",
                    expected="1 step or more",
                    operation=what,
                )
            )
    if memory_limit is None and checkpoint_every is None:
        return None
    limit = None if memory_limit is None else size_of(memory_limit, what)
    return Memory(limit, () if checkpoint_every is None else (int(checkpoint_every),))


def size_of(given: Any, what: str) -> int:
    """A number of bytes, or a text such as "200 MB"."""
    if isinstance(given, str):
        found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([KMGT]?I?)B?\s*", given.upper())
        if found is not None and found[2] in UNITS:
            return int(float(found[1]) * UNITS[found[2]])
    elif isinstance(given, (int, float, np.number)) and not isinstance(given, bool) and given > 0:
        return int(given)
    raise ValueError(
        message(
            f"{what} got memory_limit={given!r}",
            expected='a number of bytes, or a text such as "200 MB" or "1.5 GiB"',
            operation=what,
        )
    )


class Bounds(threading.local):
    """What bounds the differentiations that run in a thread: the memory of their loops, and whether
    numbers of steps that are data are to be answered roughly, for other calls have other ones."""

    memory: Memory | None = None
    is_rough: bool = False


BOUNDS = Bounds()


@contextmanager
def bounded(memory: Memory | None) -> Iterator[None]:
    """What is differentiated inside keeps within a bound, where a loop has none of its own."""
    before = BOUNDS.memory
    if memory is not None:
        BOUNDS.memory = memory
    try:
        yield
    finally:
        BOUNDS.memory = before


@contextmanager
def rough(is_rough: bool) -> Iterator[None]:
    """Whether the programs recorded inside are to fit several numbers of steps each."""
    before = BOUNDS.is_rough
    BOUNDS.is_rough = is_rough
    try:
        yield
    finally:
        BOUNDS.is_rough = before


# ---------------------------------------------------------------------------------------- the plan


def plan(length: int, kept: int, state: int, memory: Memory | None) -> tuple[int, ...]:
    """The sizes of blocks, from the largest to the smallest; none where all can be kept.  `kept`
    are the bytes of a step that reverse mode reads, `state` those of a whole carry."""
    if memory is None or not kept or length < 2:
        return ()
    if memory.every:
        first, *rest = memory.every
        return (first, *rest) if first < length else plan(length, kept, state, Memory(
            None, tuple(rest)))  # fmt: skip
    if memory.limit is None:
        return ()
    limit = memory.limit * SPARE
    if kept * length <= limit:
        return ()
    least = 0.0
    for levels in range(1, DEEPEST):
        sizes = blocks(length, levels)
        needed = peak(length, sizes, kept, state)
        if needed <= limit:
            return sizes
        if least and needed >= least:
            break
        least = needed
    raise ValueError(
        message(
            f"reverse mode through a loop of {length} steps was to keep within "
            f"{memory.limit} bytes",
            expected=f"at least {int(least / SPARE) + 1}: each step hands on {state} bytes",
            instead="a larger `memory_limit=`",
        )
    )


def blocks(length: int, levels: int) -> tuple[int, ...]:
    """So many sizes, each about the same part of the one before."""
    ratio = length ** (1.0 / (levels + 1))
    found = [max(2, round(ratio**k)) for k in range(levels, 0, -1)]
    return tuple(sorted(set(found), reverse=True))


def peak(length: int, sizes: Sequence[int], kept: int, state: int) -> int:
    """The most bytes that reverse mode keeps of a loop in blocks of these sizes."""
    total, whole = 0, length
    for size in sizes:
        total += -(-whole // size) * state
        whole = size
    return total + whole * kept


# ---------------------------------------------------------------------------------------- the loop


def numbered(body: Function) -> Function:
    """A body whose steps are counted from its first constant on."""
    inputs = [input_node(type_of(n)) for n in body.inputs]
    start = input_node(COUNT)
    outputs = body.evaluate(op.add(inputs[0], start), *inputs[1:])
    return close([inputs[0], start, *inputs[1:]], outputs, body.name)[0]


def over_blocks(p: dict[str, Any], size: int, base: int, rest: tuple[int, ...]) -> dict[str, Any]:
    """The parameters of a scan over blocks of a scan's steps; its rows are those of a block.
    `base` is the number of the first step, `rest` the sizes of smaller blocks."""
    body, consts, carry = p["body"], p["consts"], p["carry"]
    block = input_node(COUNT)
    given = [input_node(type_of(n)) for n in body.inputs[1 : 1 + consts + carry]]
    rows = [
        input_node(Type((size, *type_of(n).shape), type_of(n).dtype))
        for n in body.inputs[1 + consts + carry :]
    ]
    start = op.add(op.mul(block, np.int64(size)), np.int64(base))
    inner = op.scan(
        start, *given, *rows,
        body=numbered(body), consts=consts + 1, carry=carry, length=size,
        reverse=p.get("reverse", False), memory=Memory(None, rest),
    )  # fmt: skip
    whole = close([block, *given, *rows], list(inner), body.name)[0]
    return {
        "body": whole, "consts": consts, "carry": carry, "length": p["length"] // size,
        "reverse": p.get("reverse", False), "memory": NO_MORE,
    }  # fmt: skip
