"""SciPy's scalar functions, called lane by lane through a pointer.

Enters: the name of a ufunc of `scipy.special` and the dtypes of one of its loops.  Leaves: the
`Signature` of the C function that computes it, its address, and the calls.

`scipy.special.cython_special` exports C functions for other compiled code; each stands in a capsule
whose name is its C signature.  They take no lock and never fail.  A program gets their addresses as
services: a service's name is the function's name and its signature, so that a program that was
compiled earlier never calls a function of another type.

Single precision: where SciPy exports a function of floats, its ufunc uses it; elsewhere the ufunc
computes in double and rounds, and so does this (the tests compare the bits), with the exceptions in
`ONLY_DOUBLE`.
"""

from __future__ import annotations

import ctypes
import re
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..builder import FLOATS, Builder, Value
from .table import Loop, kind_of

PREFIX = "scipy.special."
C_KINDS = {
    "double": "double",
    "float": "float",
    "int": "i32",
    "long": f"i{8 * ctypes.sizeof(ctypes.c_long)}",
    "Py_ssize_t": f"i{8 * ctypes.sizeof(ctypes.c_ssize_t)}",
}
ONLY_DOUBLE = ("xlogy", "xlog1py")  # their single precision is another function, not exported
SKIP = "int __pyx_skip_dispatch"  # a last argument of functions that Python may call, too


class Signature(NamedTuple):
    """A C function: its service's name, the kinds of result and arguments, and of the trailing one.

    `wide`: float32 values are converted to double and back.
    """

    service: str
    result: str
    arguments: tuple[str, ...]
    skip: bool
    wide: bool


@lru_cache(maxsize=1)
def exported() -> dict[str, tuple[str, str]]:
    """SciPy's C functions: service name to (name in the table, C signature)."""
    try:
        from scipy.special import cython_special
    except ImportError:
        return {}
    found = {}
    for key, capsule in cython_special.__pyx_capi__.items():
        signature = capsule_name(capsule).decode()
        name = re.sub(r"^__pyx_fuse(_\d+)+", "", key)
        found[f"{PREFIX}{name} {signature}"] = key, signature
    return found


def capsule_name(capsule: Any) -> bytes:
    """The name of a capsule."""
    # A prototype of our own: those of `ctypes.pythonapi` belong to the whole process.
    handle = ("PyCapsule_GetName", ctypes.pythonapi)
    return ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(handle)(capsule)


def external_address(service: str) -> int:
    """The address of the C function that a service names; `KeyError` where SciPy has none such."""
    from scipy.special import cython_special

    key, signature = exported()[service]
    handle = ("PyCapsule_GetPointer", ctypes.pythonapi)
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(handle)
    return get(cython_special.__pyx_capi__[key], signature.encode())


@lru_cache(maxsize=1)
def by_name() -> dict[str, list[tuple[str, str, tuple[str, ...], bool]]]:
    """Service name, result, arguments and the trailing one of each function that has one result."""
    found: dict[str, list] = {}
    for service, (_, signature) in exported().items():
        result, inside = signature.rstrip(")").split("(")
        arguments = [a.strip() for a in inside.split(",")]
        skip = arguments[-1] == SKIP
        arguments = arguments[: len(arguments) - skip]
        kinds = [C_KINDS.get(a) for a in (result.strip(), *arguments)]
        if None not in kinds:
            name = service[len(PREFIX) :].split(" ")[0]
            found.setdefault(name, []).append((service, kinds[0], tuple(kinds[1:]), skip))
    return found


@lru_cache(maxsize=4096)
def external_signature(name: str, loop: Loop) -> Signature | None:
    """The C function for one loop of SciPy's ufunc `name`; None where there is none."""
    operands, result = loop
    try:
        exact = tuple([kind_of(d) for d in operands])
        into = kind_of(result)
    except TypeError:
        return None
    wide = tuple(["double" if k == "float" else k for k in exact])
    choices = by_name().get(name, ())
    for service, kind, arguments, skip in choices:
        if kind == into and arguments == exact:
            return Signature(service, kind, arguments, skip, False)
    if wide != exact and into == "float" and name not in ONLY_DOUBLE:
        for service, kind, arguments, skip in choices:
            if kind == "double" and arguments == wide:
                return Signature(service, kind, arguments, skip, True)
    return None


def call_external(b: Builder, signature: Signature, values: tuple[Value, ...]) -> Value:
    """Call the C function for each lane."""
    lanes = max(v.lanes for v in values)
    pointer = b.service(signature.service)
    values = tuple([widened(b, v, k) for v, k in zip(values, signature.arguments, strict=True)])
    result = Value(b, "poison", signature.result, lanes)
    for k in range(lanes):
        row = tuple([v if v.lanes == 1 else b.part(v, k, 1) for v in values])
        arguments = ", ".join([*map(repr, row), *["i32 0"] * signature.skip])
        form = f"call {signature.result} {pointer.text}({arguments})"
        one = b.put(form, signature.result, 1, (*row, pointer))
        if lanes == 1:
            result = one
        else:
            form = f"insertelement {result!r}, {one!r}, i32 {k}"
            result = b.put(form, signature.result, lanes, (result, one))
    return b.cast("fptrunc", result, "float") if signature.wide else result


def widened(b: Builder, x: Value, kind: str) -> Value:
    """A float32 as a double where the function takes that."""
    return b.cast("fpext", x, kind) if kind in FLOATS else x


def scipy_loop(name: str, operands: tuple[np.dtype, ...]) -> Loop:
    """The dtypes of the loop that SciPy's ufunc takes."""
    from scipy import special

    ufunc = getattr(special, name, None)
    if not isinstance(ufunc, np.ufunc) or ufunc.nout != 1:
        raise TypeError(f"scipy.special.{name} is no function with one result")
    found = ufunc.resolve_dtypes((*operands, None))
    return tuple(found[: ufunc.nin]), found[-1]
