"""The record of a compiled program: what the native entry compares a call with, and how it runs it.

Enters: the arguments of a call that has just been compiled, its program, what its function names.
Leaves: a `Record`, or None where the call needs the Python path: a program in several steps, arrays
named in the function's own code (whose content is compared at each call), containers that are no
tuples, lists and dictionaries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..base import tree
from ..base.dtypes import python_kind
from ..runtime.entry import Array, Captured, Cell, Global, Items, Number, Record, Static
from ..runtime.native import Native
from .program import Program

WORTH_RELEASING = 20_000  # additions from which other threads may run meanwhile


SPARE = np.zeros(1, np.int64)  # where programs write what nobody reads


class Unfit(Exception):
    """A call that the native entry cannot follow."""


def make_record(
    program: Program,
    args: tuple,
    kwargs: dict[str, Any],
    static: tuple[set[int], set[str]],
    names: Sequence[tuple[Any, Any, Any]],
    recover: Callable,
) -> Record | None:
    """The record of a program for calls like this one, or None."""
    native = program.native()
    if native is None or any(isinstance(x, np.ndarray) for *_, x in names):
        return None
    try:
        slots = iter(range(len(native.step.inputs)))
        fixed, fixed_names = static
        arguments = [Static(x) if k in fixed else described(x, slots) for k, x in enumerate(args)]
        found = {
            name: Static(kwargs[name]) if name in fixed_names else described(kwargs[name], slots)
            for name in sorted(kwargs)  # the order of `tree.flatten`
        }
        keywords = {name: found[name] for name in kwargs}
        watched: list[Any] = [watch(*name) for name in names]
        for x in program.captured:
            if type(x) is not np.ndarray:
                return None
            watched.append(Captured(x, next(slots)))
        slots_of_call = native.slots.copy()
        if program.guards:  # the last output says no more than whether the call fails
            spare = len(native.step.inputs) + len(native.step.outputs) - 1
            slots_of_call[spare] = SPARE.ctypes.data
        return Record(
            arguments=arguments,
            keywords=keywords,
            watched=watched,
            result=result_of(program, native),
            program=native.code.address,
            template=slots_of_call.tobytes(),
            recover=None if program.guards else recover,  # others may have the call's answers
            token=None,
            workspace_slot=native.workspace_slot if native.workspace else None,
            workspace_bytes=native.workspace,
            release_gil=native.work > WORTH_RELEASING,
            keep=native,
        )
    except (Unfit, ValueError):
        return None


def described(x: Any, slots: Iterator[int]) -> Any:
    """The description of an argument; leaves take slots in the order of `tree.flatten`."""
    kind = type(x)
    if kind in (float, complex):
        return Number(kind, next(slots))
    if isinstance(x, np.generic):
        return Number(kind, next(slots))
    if kind is np.ndarray:
        return Array(x.dtype, x.shape, next(slots))
    if kind in (tuple, list):
        return kind([described(y, slots) for y in x])
    if kind is dict:
        if any(type(key) is not str for key in x):
            raise Unfit
        found = {key: described(x[key], slots) for key in sorted(x)}
        return {key: found[key] for key in x}
    if isinstance(x, tuple) and hasattr(kind, "_fields"):
        return Items(kind, tuple([described(y, slots) for y in x]))
    if x is None or kind in (int, bool, str, bytes) or tree.is_leaf(x):
        return Static(x)
    raise Unfit


def watch(holder: Any, name: Any, value: Any) -> Any:
    """What a name in the function's code must still refer to."""
    return Global(holder, name, value) if isinstance(holder, dict) else Cell(holder, value)


def result_of(program: Program, native: Native) -> Any:
    """The description of a program's result."""
    first = len(native.step.inputs)
    leaves: list[Any] = []
    for k, node in enumerate(program.results_of(program.function)):
        is_number = program.scalars[k] if program.scalars else not node.shape
        if node.shape or not is_number:
            leaves.append(Array(node.dtype, node.shape, first + k))
        else:
            kind = python_kind(node.dtype) if node.weak else node.dtype.type
            leaves.append(Number(kind, first + k))
    for k in sorted(program.fixed):
        leaves.insert(k, Static(program.fixed[k]))
    return formed(tree.unflatten(program.structure, leaves))


def formed(x: Any) -> Any:
    """A result of containers as a description."""
    kind = type(x)
    if kind in (Number, Array, Static):
        return x
    if x is None:
        return Static(None)
    if kind in (tuple, list):
        return kind([formed(y) for y in x])
    if kind is dict:
        return {key: formed(y) for key, y in x.items()}
    if isinstance(x, tuple) and hasattr(kind, "_fields"):
        return Items(kind, tuple([formed(y) for y in x]))
    raise Unfit
