"""NumPy's protocols: a ufunc called with options, its methods, and what is refused by name.

Enters: what NumPy hands to `__array_ufunc__`.  Leaves: the implementation's result.  The ufuncs of
primitives are entered into the tables here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

from .. import ops  # noqa: F401  (declares the primitives)
from ..base.dtypes import WEAK, Type, readable, type_of
from ..base.errors import TracingError, describe, is_internal, message
from ..graph import op
from ..graph.op import Traced, apply
from ..graph.primitive import Primitive
from ..ops.declare import Lazy
from .operands import NONE, as_operand, functions, late_ufuncs, methods, ours_for_scipy, ufuncs


def apply_ufunc(ufunc: np.ufunc, method: str, inputs: tuple, options: dict[str, Any]) -> Any:
    """A ufunc called with options, or one of its methods."""
    if method == "at":
        functions["ufunc.at"](ufunc, *inputs)
        return None
    out = options.pop("out", None)
    if out is not None and all(x is None for x in out if out):
        out = None
    dtype, where = options.pop("dtype", None), options.pop("where", True)
    for harmless in ("casting", "order", "subok"):
        options.pop(harmless, None)
    if method == "__call__":
        found = ufuncs.get(ufunc) or late_ufunc(ufunc)
        if found is None:
            raise unsupported(ufunc_name(ufunc))
        if options and ufunc.signature is None:
            raise unsupported(f"np.{ufunc.__name__} with {', '.join(options)}=")
        if dtype is not None:
            inputs = tuple(functions["astype"](x, dtype) for x in inputs)
        result = found(*inputs, **options)  # a product of vectors takes axis=, axes=, keepdims=
        if out is not None:
            return functions["into"](out, result, ufunc_name(ufunc), where)
        if where is not True:
            raise TracingError(
                message(
                    f"np.{ufunc.__name__} got where= without out=, which leaves the other elements "
                    "undefined",
                    expected="a value for every element",
                    instead=f"`np.where(mask, np.{ufunc.__name__}(np.where(mask, x, 1.0)), 0.0)`",
                    operation=f"np.{ufunc.__name__}",
                )
            )
        return result
    found = methods.get((ufunc, method))
    if found is None:
        raise unsupported(f"np.{ufunc.__name__}.{method}")
    if dtype is not None:
        options["dtype"] = dtype
    if where is not True:
        options["where"] = where
    result = found(*inputs, **options)
    return result if out is None else functions["into"](out, result, ufunc_name(ufunc))


def scipy_caller() -> str:
    """The function of `scipy.special`, written in Python, that the user's code has called."""
    frame: FrameType | None = sys._getframe(2)
    found = ""
    while frame is not None and is_internal(frame.f_code.co_filename):
        if str(frame.f_globals.get("__name__")).startswith("scipy.special"):
            name = frame.f_code.co_name
            found = name if hasattr(sys.modules["scipy.special"], name) else found
        frame = frame.f_back
    return found


def refused_by_scipy(name: str, t: Type) -> TracingError:
    """The error for a function of SciPy that makes a plain array of a traced value."""
    if name not in ours_for_scipy:
        return unsupported(f"scipy.special.{name}")
    return TracingError(
        message(
            f"scipy.special.{name} made a plain array of a traced value ({t}), which would lose "
            "its derivative",
            expected="a function of SciPy that is a ufunc, or ours of the same name",
            instead=f"`ad.special.{name}(...)`",
            operation=f"scipy.special.{name}",
        )
    )


def late_ufunc(ufunc: np.ufunc) -> Callable | None:
    """The implementation of a ufunc of SciPy, found by its name when it is first used."""
    entry = late_ufuncs.get(ufunc.__name__)
    if entry is None or getattr(np, ufunc.__name__, None) is ufunc:
        return None
    if entry[0].resolve() is not ufunc:
        return None
    ufuncs[ufunc] = entry[1]
    return entry[1]


def ufunc_name(ufunc: np.ufunc) -> str:
    """A ufunc's name with the package it comes from, for errors."""
    for package in ("np", "scipy.special"):
        module = sys.modules.get("numpy" if package == "np" else package)
        if getattr(module, ufunc.__name__, None) is ufunc:
            return f"{package}.{ufunc.__name__}"
    return f"the ufunc {ufunc.__name__}"


def strengthened(primitive: Primitive) -> Callable:
    """A ufunc on tensors: Python scalars alone become NumPy's, as `np.add(1.0, 2.0)` gives an
    `np.float64`."""

    def call(*inputs: Any) -> Any:
        for x in inputs:
            if type(x) in (list, tuple):
                inputs = tuple([as_operand(v) for v in inputs])
                break
        result = apply(primitive, inputs, NONE)
        if type(result) in WEAK:
            return np.asarray(result)[()]
        if isinstance(result, Traced) and type_of(result).weak:
            return op.convert(result, dtype=type_of(result).dtype)
        return result

    return call


for primitive in list(op.registry.values()):
    if isinstance(primitive.reference, np.ufunc):
        ufuncs[primitive.reference] = strengthened(primitive)
    elif isinstance(primitive.reference, Lazy):
        late_ufuncs[primitive.reference.name] = primitive.reference, strengthened(primitive)


def unsupported(name: str) -> TracingError:
    """The error for a function that has no implementation for traced values."""
    return TracingError(
        message(
            f"{name} is not implemented for traced values",
            instead="the same with functions that are (`ad.numpy` lists them), or "
            "`ad.custom_derivative` around your own "
            "function with its derivative",
            operation=name,
        )
    )


def outlived(transform: str, position: Any) -> TracingError:
    """The error for a traced value that was kept after its transform had ended."""
    return TracingError(
        message(
            f"a traced value was used after the `{transform}` that made it had ended, or in "
            f"another thread (it was made at {describe(position)})",
            expected=f"values that the function under `{transform}` returns",
            instead="`return` it from the function, and use the result",
        )
    )


class NotComputed:
    """What is shown in the place of a value that `jit` did not compute while it recorded."""

    def __init__(self, tensor: Any) -> None:
        self.text = f"<{readable(tensor)}>"

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def __format__(self, form: str) -> str:
        return self.text
