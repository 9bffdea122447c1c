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
    if out is not None and all(x is None for x in out):
        out = None
    if method == "outer":
        inputs = functions["outer operands"](*inputs)
    if method in ("__call__", "outer"):
        return called(ufunc, inputs, out, options)
    found = methods.get((ufunc, method))
    if found is None:
        raise unsupported(f"{ufunc_name(ufunc)}.{method}")
    if out is None:
        return found(*inputs, **options)
    (target,) = out if type(out) is tuple else (out,)
    if options.get("dtype") is None:
        options["dtype"] = functions["dtype into"](ufunc, method, inputs, target)
    result = found(*inputs, **options)
    functions["same shape"](result, target, f"{ufunc_name(ufunc)}.{method}")
    return functions["into"](target, result, ufunc_name(ufunc))


def called(ufunc: np.ufunc, inputs: tuple, out: Any, options: dict[str, Any]) -> Any:
    """A ufunc called with options."""
    found = ufuncs.get(ufunc) or late_ufunc(ufunc)
    if found is None:
        raise unsupported_ufunc(ufunc)
    where, order = options.pop("where", True), options.pop("order", "K")
    options.pop("subok", None)  # a traced value is of no subclass
    loop = {k: options.pop(k) for k in ("dtype", "signature", "casting") if k in options}
    name = ufunc_name(ufunc)
    if where is not True and out is None:
        raise TracingError(
            message(
                f"{name} got where= without out=, which leaves the other elements undefined",
                expected="a value for every element",
                instead=f"`np.where(mask, {name}(np.where(mask, x, 1.0)), 0.0)`",
                operation=name,
            )
        )
    types: tuple = ()
    if loop:
        inputs, types = converted(ufunc, inputs, out, **loop)
    with np.errstate() if where is True else np.errstate(all="ignore"):
        result = found(*inputs, **options)  # a product of vectors takes axis=, axes=, keepdims=
    if types:
        several = result if type(result) is tuple else (result,)
        several = tuple([functions["astype"](x, t) for x, t in zip(several, types, strict=True)])
        result = several if type(result) is tuple else several[0]
    if out is not None:
        if loop.get("casting") == "unsafe":
            several = result if type(result) is tuple else (result,)
            result = tuple(
                [
                    x if o is None else functions["astype"](x, type_of(o).dtype)
                    for x, o in zip(several, out, strict=True)
                ]
            )
            result = result if len(result) > 1 else result[0]
        return functions["into"](out, result, name, where)
    return functions["in order"](result, order) if order in ("C", "F") else result


def converted(
    ufunc: np.ufunc,
    inputs: tuple,
    out: Any,
    dtype: Any = None,
    signature: Any = None,
    casting: Any = "same_kind",
) -> tuple[tuple, tuple]:
    """The operands in the dtypes in which NumPy would compute, and the dtypes of the results;
    NumPy's own error where it would not."""
    inputs = tuple([as_operand(x) for x in inputs])
    given: list[Any] = []
    for x in inputs:
        t = type_of(x)
        is_weak = t.weak and t.dtype.kind in "ifc"
        given.append({"i": int, "f": float, "c": complex}[t.dtype.kind] if is_weak else t.dtype)
    given += [None] * ufunc.nout if out is None else [o if o is None else type_of(o).dtype
                                                      for o in out]  # fmt: skip
    if dtype is not None:
        signature = (None,) * ufunc.nin + (np.dtype(dtype),) * ufunc.nout
    elif isinstance(signature, str):
        signature = tuple([np.dtype(c) for c in signature.replace("->", "")])
    elif signature is not None:
        signature = tuple([None if x is None else np.dtype(x) for x in signature])
    chosen = {} if signature is None else {"signature": signature}
    found = ufunc.resolve_dtypes(tuple(given), casting=casting, **chosen)
    inputs = tuple(
        [functions["astype"](x, t) for x, t in zip(inputs, found[: ufunc.nin], strict=True)]
    )
    return inputs, tuple(found[ufunc.nin :])


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
    for package in ("np", "np.strings", "scipy.special"):
        module = sys.modules.get(package.replace("np", "numpy", 1))
        if getattr(module, ufunc.__name__, None) is ufunc:
            return f"{package}.{ufunc.__name__}"
    inner = ufunc.__name__.lstrip("_")  # `_strip_chars` does the work of `np.strings.strip`
    for name in (inner, inner.partition("_")[0]):
        if hasattr(np.strings, name):
            return f"np.strings.{name}"
    if ufunc.__name__ in ("clip", "_ones_like"):
        return f"np.{ufunc.__name__.lstrip('_')}"
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


def unsupported_ufunc(ufunc: np.ufunc) -> TracingError:
    """The error for a ufunc that has no implementation: those of texts say so."""
    name = ufunc_name(ufunc)
    if not name.startswith("np.strings."):
        return unsupported(name)
    return TracingError(
        message(
            f"{name} takes texts, and a traced value came",
            expected="plain texts",
            instead="`str(x)` for the digits of a traced value, which have no derivative",
            operation=name,
        )
    )


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
