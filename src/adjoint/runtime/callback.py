"""A compiled program as a C function for other compiled code: `scipy.LowLevelCallable`.

Enters: the machine code of a whole program with one float64 number as its result, and the C
signature that is wanted.  Leaves: a `ctypes` function of that signature, which holds all that it
needs.  A few lines of LLVM IR around the program: they lay out its slots on the stack, fill in what
is the same in all calls, and call it, so that several threads may call at once, without the GIL.
A large workspace is taken from the heap, anew in each call.

| signature | the program's inputs |
|---|---|
| `double (double)` | one number |
| `double (double, void *)` | one number; the user's data are left aside |
| `double (int, double *)` | as many numbers as the int says, or one array of that many elements |
| `double (int, double *, void *)` | the same |
| `int (double *, intptr_t, double *, void *)` | the same; for `scipy.ndimage.generic_filter` |

The last one writes its result to the second pointer, and returns 1, or 0 where it failed.  Where
another number of elements comes, an index is out of range, or memory is short, the result is NaN.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..codegen.compile import compile_object
from . import cpu
from .native import ALIGNMENT, Native

STACK = 1 << 16  # bytes of workspace that a call has on the stack at most
DOUBLES = ctypes.POINTER(ctypes.c_double)
SIGNATURES: dict[str, tuple[Any, ...]] = {
    "double (double)": (ctypes.c_double, ctypes.c_double),
    "double (double, void *)": (ctypes.c_double, ctypes.c_double, ctypes.c_void_p),
    "double (int, double *)": (ctypes.c_double, ctypes.c_int, DOUBLES),
    "double (int, double *, void *)": (ctypes.c_double, ctypes.c_int, DOUBLES, ctypes.c_void_p),
    "int (double *, intptr_t, double *, void *)": (
        ctypes.c_int, DOUBLES, ctypes.c_ssize_t, DOUBLES, ctypes.c_void_p,
    ),
}  # fmt: skip
HEADS = {
    "double (double)": "double @function(double %x)",
    "double (double, void *)": "double @function(double %x, ptr %data)",
    "double (int, double *)": "double @function(i32 %n, ptr %xs)",
    "double (int, double *, void *)": "double @function(i32 %n, ptr %xs, ptr %data)",
    "int (double *, intptr_t, double *, void *)":
        "i32 @function(ptr %xs, i64 %n, ptr %result, ptr %data)",
}  # fmt: skip


def callback(native: Native, given: int, captured: Sequence[Any], signature: str) -> Any:
    """The C function of a program: its first `given` inputs are the arguments.

    Raises `ValueError` where the program does not fit the signature.
    """
    if signature not in SIGNATURES:
        raise ValueError(f"{signature!r} is none of {', '.join(map(repr, SIGNATURES))}")
    problem = misfit(native, given, captured, signature)
    if problem is not None:
        raise ValueError(f"no C function `{signature}`: {problem}")
    library = cpu.load(
        compile_object(module_text(native, given, captured, signature), native.target)
    )
    function = library.function("function", *SIGNATURES[signature])
    function.kept = native, tuple(captured)
    return function


def misfit(native: Native, given: int, captured: Sequence[Any], signature: str) -> str | None:
    """Why a program is no C function of a signature; None where it is."""
    inputs, outputs = native.step.inputs[:given], results(native)
    if len(outputs) != 1 or outputs[0].shape or outputs[0].dtype != np.float64:
        return "the result must be one float64 number"
    if any(x.dtype != np.float64 for x in inputs):
        return "the arguments must be float64"
    is_array = len(inputs) == 1 and len(inputs[0].shape) == 1
    if not is_array and any(x.shape for x in inputs):
        return "the arguments must be numbers, or one array with one axis"
    if signature.startswith("double (double") and (is_array or len(inputs) != 1):
        return f"it takes one number, the program {len(inputs)} arguments"
    for x, node in zip(captured, native.step.inputs[given:], strict=True):
        if type(x) is not np.ndarray:
            return "it captured a traced value"
        if x.dtype != node.dtype or not x.flags.c_contiguous:
            return "a captured array is not contiguous"
    return None


def results(native: Native) -> list[Any]:
    """What a program gives: what only tells whether it fits the call is no result."""
    return [x for x in native.step.outputs if x.primitive.name != "require"]


def module_text(native: Native, given: int, captured: Sequence[Any], signature: str) -> str:
    """The LLVM IR of the function."""
    slots = native.slots.copy()
    inputs = len(native.step.inputs)
    for k, x in enumerate(captured, given):
        slots[k] = x.ctypes.data
    lines = [
        f'target triple = "{native.target.triple}"',
        f"define {HEADS[signature]} {{",
        "entry:",
        f"  %slots = alloca [{len(slots)} x i64], align {ALIGNMENT}",
        "  %out = alloca double, align 8",
        "  %cell = alloca i64, align 8",
    ]

    def put(slot: int, kind: str, value: str) -> None:
        lines.append(f"  %s{slot} = getelementptr i64, ptr %slots, i64 {slot}")
        lines.append(f"  store {kind} {value}, ptr %s{slot}, align 8")

    whole = [k for k in range(given) if native.step.inputs[k].shape]
    if "%xs" not in HEADS[signature]:
        lines += ["  %in = alloca double, align 8", "  store double %x, ptr %in, align 8"]
        put(0, "ptr", "%in")
    elif whole:
        put(0, "ptr", "%xs")
    else:
        for k in range(given):
            lines.append(f"  %x{k} = getelementptr double, ptr %xs, i64 {k}")
            put(k, "ptr", f"%x{k}")
    put(inputs, "ptr", "%out")
    if len(native.step.outputs) > 1:
        lines.append("  %spare = alloca i64, align 8")
        put(inputs + 1, "ptr", "%spare")
    on_heap = native.workspace > STACK
    if native.workspace and not on_heap:
        lines.append(f"  %room = alloca i8, i64 {native.workspace}, align {ALIGNMENT}")
        put(native.workspace_slot, "ptr", "%room")
    for k in [*range(given, inputs), *range(native.workspace_slot + 1, len(slots))]:
        put(k, "i64", str(slots[k]))
    count = native.step.inputs[0].shape[0] if whole else given
    is_counted = "%xs" in HEADS[signature]
    if is_counted:
        kind = "i64" if "i64 %n" in HEADS[signature] else "i32"
        lines += [f"  %fits = icmp eq {kind} %n, {count}", "  br i1 %fits, label %run, label %fail"]
        lines.append("run:")
    if on_heap:
        lines += taken(native.workspace)
        put(native.workspace_slot, "ptr", "%room")
    lines += [
        f"  store i64 {native.code.address}, ptr %cell, align 8",
        "  %program = load ptr, ptr %cell, align 8",
        "  %status = call i64 %program(ptr %slots)",
        "  %sound = icmp eq i64 %status, 0",
        "  %found = load double, ptr %out, align 8",
        "  %value = select i1 %sound, double %found, double 0x7FF8000000000000",
    ]
    if on_heap:
        lines.append("  call void %free(ptr %block)")
    if signature.startswith("int"):
        lines += ["  store double %value, ptr %result, align 8",
                  "  %done = zext i1 %sound to i32", "  ret i32 %done"]  # fmt: skip
    else:
        lines.append("  ret double %value")
    if is_counted or on_heap:
        failed = "i32 0" if signature.startswith("int") else "double 0x7FF8000000000000"
        lines += ["fail:", f"  ret {failed}"]
    return "\n".join([*lines, "}"]) + "\n"


def taken(size: int) -> list[str]:
    """Memory from the heap, by the functions of Python that need no lock."""
    api = ctypes.pythonapi
    take, leave = (
        ctypes.cast(function, ctypes.c_void_p).value
        for function in (api.PyMem_RawMalloc, api.PyMem_RawFree)
    )
    return [
        f"  %take = inttoptr i64 {take} to ptr",
        f"  %free = inttoptr i64 {leave} to ptr",
        f"  %block = call ptr %take(i64 {size + ALIGNMENT})",
        "  %short = icmp eq ptr %block, null",
        "  br i1 %short, label %fail, label %go",
        "go:",
        "  %block.at = ptrtoint ptr %block to i64",
        f"  %block.end = add i64 %block.at, {ALIGNMENT - 1}",
        f"  %room.at = and i64 %block.end, {-ALIGNMENT}",
        "  %room = inttoptr i64 %room.at to ptr",
    ]


__all__ = ["SIGNATURES", "callback"]
