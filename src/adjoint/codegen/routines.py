"""Routines that programs call for whole arrays: their names, arguments, workspaces, texts.

Enters: a `Routine` of a loop program.  Leaves: a `Call`: the name of the function, the numbers that
it takes, and the functions from outside (LAPACK's) that it needs.  Every routine is

    void NAME(i64 count, i64 numbers.., ptr output, ptr inputs.., ptr workspace, ptr status,
              ptr externals..)

for `count` rows or matrices of a stack, one after the other; what fails sets `status`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..loops.ir import Routine, Size
from . import linear, sort
from .targets import Target

KEYS = {
    "float64": "double", "float32": "float", "int64": "i64", "int32": "i32", "uint64": "u64",
    "uint32": "u32",
}  # fmt: skip


class Call(NamedTuple):
    """How a routine is called."""

    service: str
    stack: tuple[Size, ...]  # the extents of the stack
    numbers: tuple[Any, ...]  # sizes, and how the inputs are stacked
    externals: tuple[str, ...]


def routine_call(item: Routine) -> Call:
    """How a routine is called."""
    name, kind = item.name, KEYS[item.inputs[0].dtype.name]
    shape, p = item.output.shape, item.parameters
    if name in ("sort", "argsort"):
        return Call(f"{name}.{kind}", shape[:-1], (shape[-1],), ())
    a = item.inputs[0].shape
    *stack, rows, columns = a
    numbers: tuple[Any, ...] = (columns,)
    if name in ("solve", "triangular_solve"):
        b = item.inputs[1].shape
        stack = list(shape[:-2])
        numbers = columns, shape[-1], int(len(a) == len(shape)), int(len(b) == len(shape))
        if name == "triangular_solve":
            numbers += int(p["lower"]), int(p["unit"])
    elif name == "inv":
        numbers = columns, int(p.get("singular", "raise") != "raise")
    elif name == "cholesky":
        numbers = columns, int(p["upper"])
    elif name == "qr":
        least = rows if item.inputs[0].extents()[-2] < item.inputs[0].extents()[-1] else columns
        numbers = rows, columns, rows if p["complete"] else least
    elif name == "eigvalsh":
        numbers = columns, int(p["lower"])
    return Call(f"{name}.{kind}", tuple(stack), numbers, linear.externals(name, kind))


def routine_workspace(service: str, numbers: list[int]) -> int:
    """The bytes of workspace that a routine needs."""
    if service.startswith(("sort.", "argsort.")):
        return sort.workspace_bytes(service, *numbers)
    return linear.workspace_bytes(service, numbers)


def module_of(service: str, target: Target) -> str | None:
    """The text of the module that has a routine, or None for what is none."""
    name, _, kind = service.partition(".")
    if name in ("sort", "argsort"):
        return sort.module_text(target)
    return linear.module_text(target, kind) if name in linear.EXTERNALS and kind else None
