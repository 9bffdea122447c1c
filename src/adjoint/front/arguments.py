"""Arguments and results of transforms: which argument is differentiated, what may be, and how
results are handed out.

Enters: a user function, its arguments, `argnums`.  Leaves: leaves to differentiate at, a call with
them replaced, and results with the argument's type: float in, float out; arrays fresh, writeable,
sharing no memory.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base import tree
from ..base.dtypes import WEAK, is_inexact, readable, type_of
from ..base.errors import DifferentiationError, message
from ..graph import op
from ..graph.op import Traced
from .outside import handled
from .overlay import overlay
from .trace import RecordingTensor, Tensor, formed

Argnums = int | str | Sequence[int | str]


def name_of(function: Callable) -> str:
    """A function's name as its user knows it."""
    return getattr(function, "__name__", type(function).__name__)


class Selection:
    """The arguments of one call that are differentiated, as leaves; `call` calls the function with
    others in their place."""

    def __init__(
        self, function: Callable, argnums: Argnums, args: tuple, kwargs: dict, transform: str
    ) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.single = isinstance(argnums, (int, str))
        wanted = [argnums] if isinstance(argnums, (int, str)) else list(argnums)
        self.places = [place(function, w, args, kwargs, transform) for w in wanted]
        if not wanted or len(set(self.places)) != len(wanted):
            raise TypeError(
                message(
                    f"{transform}({name_of(function)}, argnums={argnums!r}) names "
                    + ("an argument twice" if wanted else "no argument"),
                    expected="a position, a name, or a tuple of different ones",
                )
            )
        values = [self.args[p] if isinstance(p, int) else self.kwargs[p] for p in self.places]
        chosen = values[0] if self.single else tuple(values)
        self.leaves, self.structure = tree.flatten(chosen)
        self.leaves = differentiable_leaves(self.leaves, chosen, transform)

    def call(self, leaves: Sequence[Any]) -> Any:
        """The function's result with these leaves in the differentiated arguments."""
        chosen = tree.unflatten(self.structure, leaves)
        args, kwargs = list(self.args), dict(self.kwargs)
        for p, value in zip(self.places, [chosen] if self.single else chosen, strict=True):
            if isinstance(p, int):
                args[p] = value
            else:
                kwargs[p] = value
        others = [x for k, x in enumerate(self.args) if k not in self.places]
        known: dict[int, Any] = {}
        args = [x if k in self.places else handled(x, known) for k, x in enumerate(args)]
        kwargs = {n: x if n in self.places else handled(x, known) for n, x in kwargs.items()}
        with overlay(self.function, others) as called:
            return called(*args, **kwargs)

    def restore(self, leaves: Sequence[Any]) -> Any:
        """Leaves in the structure of the differentiated arguments."""
        return tree.unflatten(self.structure, leaves)


def signature_of(function: Callable) -> list[inspect.Parameter]:
    """A function's parameters; none where Python does not know them."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def place(
    function: Callable, wanted: int | str, args: tuple, kwargs: dict, transform: str
) -> int | str:
    """Where a differentiated argument stands: a position in args, or a keyword."""
    if isinstance(wanted, str):
        if wanted in kwargs:
            return wanted
        known = signature_of(function)
        names = [p.name for p in known if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        if wanted in names and names.index(wanted) < len(args):
            return names.index(wanted)
        raise TypeError(
            message(
                f"{transform}({name_of(function)}, argnums={wanted!r}): the call has no argument "
                f"{wanted!r}",
                expected=f"one of {', '.join(map(repr, names)) or 'no names'}",
                instead="a name from the function's signature, or the argument's position",
            )
        )
    if not isinstance(wanted, (int, np.integer)):
        raise TypeError(
            message(
                f"{transform}({name_of(function)}, argnums={wanted!r}): {type(wanted).__name__} "
                "came",
                expected="a position, a name, or a tuple of them",
            )
        )
    if not -len(args) <= wanted < len(args):
        raise TypeError(
            message(
                f"{transform}({name_of(function)}, argnums={wanted}): the call has {len(args)} "
                "positional arguments",
                expected=f"a position below {len(args)}",
                instead="the argument's name as a string if it is passed by keyword",
            )
        )
    return int(wanted) % len(args)


def differentiable_leaves(leaves: Sequence[Any], container: Any, transform: str) -> list[Any]:
    """The leaves of a container as values to differentiate at; an error names the part."""
    try:
        return [differentiable(x, transform) for x in leaves]
    except DifferentiationError:
        if len(leaves) < 2:
            raise
        labels = tree.paths(container)
        return [
            differentiable(x, transform, label) for x, label in zip(leaves, labels, strict=True)
        ]


def differentiable(x: Any, transform: str, label: str = "") -> Any:
    """A leaf at which one can differentiate; an integer scalar becomes a float."""
    if isinstance(x, (float, complex)) or (isinstance(x, np.ndarray) and x.dtype.kind in "fc"):
        if type(x) is np.ndarray or isinstance(x, np.generic) or type(x) in WEAK:
            return x
        if not isinstance(x, np.matrix | np.ma.MaskedArray):  # those have operators of their own
            return np.array(x) if isinstance(x, np.ndarray) else x
    if isinstance(x, (Traced, np.generic)):
        if is_inexact(type_of(x).dtype):
            return x
        if type_of(x).dtype.kind in "iu" and not type_of(x).shape:
            return op.convert(x, dtype=np.dtype(float))
    if isinstance(x, int) and not isinstance(x, bool):
        return float(x)
    where = f" in the part {label} of the argument" if label else ""
    if isinstance(x, (np.ndarray, Traced)) and type_of(x).dtype.kind in "iub":
        raise DifferentiationError(
            message(
                f"{transform} was to differentiate at an array of dtype {type_of(x).dtype}{where}",
                expected="an array of floats (a derivative at integers is no integer)",
                instead="`x.astype(float)`",
                operation=transform,
            )
        )
    if isinstance(x, np.matrix | np.ma.MaskedArray) and x.dtype.kind in "biufc":
        raise DifferentiationError(
            message(
                f"{transform} was to differentiate at a {type(x).__name__}{where}",
                expected="an ndarray (matrices and masked arrays have operators of their own)",
                instead="`np.asarray(m)` for a matrix, `m.filled(...)` for a masked array",
                operation=transform,
            )
        )
    found = f"an array of dtype {x.dtype}" if isinstance(x, np.ndarray) else f"a {type(x).__name__}"
    raise DifferentiationError(
        message(
            f"{transform} was to differentiate at {found}{where}",
            expected="a float, a complex number, an array of them, or a container of such",
            instead="`argnums=` to choose the arguments to differentiate"
            if not label
            else "the parts that are no floats in an argument of their own, outside `argnums`",
            operation=transform,
        )
    )


def matching(value: Any, t: Any, what: str, transform: str) -> Any:
    """A tangent, cotangent or direction that fits the type of its primal."""
    found = type_of(value)
    if (
        found.shape != t.shape
        or found.dtype.kind not in "fciub"
        or (found.dtype.kind == "c" and t.dtype.kind != "c")
    ):
        raise DifferentiationError(
            message(
                f"{transform} got a {what} of type {readable(found)}",
                expected=f"the type of its value, {readable(t)}",
                instead=f"a {what} with the shape and dtype of the value",
                operation=transform,
            )
        )
    if found.dtype == t.dtype or isinstance(value, Traced):
        return value
    if t.weak:
        return type(0j if t.dtype.kind == "c" else 0.0)(value)
    return np.asarray(value, t.dtype)[()] if t.dtype.kind in "fc" else value


def like_argument(value: Any, argument: Any) -> Any:
    """A derivative with the argument's own type: float for a float, an ndarray of its dtype for an
    ndarray."""
    if value is None:
        value = np.zeros(type_of(argument).shape, type_of(argument).dtype)
    if isinstance(value, Traced):
        return traced_like(value, argument)
    if isinstance(argument, Traced):
        if type_of(argument).weak:
            return complex(value) if type_of(argument).dtype.kind == "c" else float(value)
        if type(argument) is RecordingTensor and not argument.shape:
            return formed(value, isinstance(argument.value, np.ndarray))
        return value
    kind = type(argument)
    if kind is float or kind is int:
        return float(value)
    if kind is complex:
        return complex(value)
    if isinstance(argument, np.ndarray):
        found = np.asarray(value, argument.dtype)
        return found if found.shape == argument.shape else found.reshape(argument.shape)
    return np.asarray(value, argument.dtype)[()]


def traced_like(value: Any, argument: Any) -> Any:
    """A traced derivative with its argument's weakness (a Python float's derivative is a Python
    float)."""
    if type_of(argument).weak and not value.weak and not value.shape:
        return op.python_scalar(value)
    if type(argument) is RecordingTensor and not argument.shape:
        return formed(value, isinstance(argument.value, np.ndarray))
    return value


def fresh(leaves: list[Any]) -> list[Any]:
    """The leaves with every plain array writeable and shared with nobody."""
    count = len(leaves)
    for i in range(count):
        x = leaves[i]
        if type(x) is np.ndarray:
            if x.base is not None or not x.flags.writeable or sys.getrefcount(x) > 3:
                leaves[i] = x.copy()
        elif isinstance(x, np.ndarray):
            leaves[i] = np.array(x)
    return leaves


def scalar_output(
    outputs: list[Any], structure: Any, function: Callable, transform: str, holomorphic: bool
) -> Any:
    """The one number that a function under `grad` must return."""
    name = name_of(function)
    if structure == NOTHING:
        outputs = [None]
    elif len(outputs) != 1 or structure != LEAF:
        raise DifferentiationError(
            message(
                f"{transform}: {name} returned a container, {tree.show(structure)}",
                expected="one number (a scalar)",
                instead="`ad.jacobian(f)` for several outputs, or `has_aux=True` if f returns "
                "(number, more)",
                operation=transform,
            )
        )
    (x,) = outputs
    try:
        t = type_of(x)
    except (TypeError, ValueError):
        t = None
    if x is None or t is None or t.dtype.kind not in "fcbiu":
        raise DifferentiationError(
            message(
                f"{transform}: {name} returned {'None' if x is None else 'a ' + type(x).__name__}",
                expected="one number (a scalar)",
                instead="`return` the value to differentiate",
                operation=transform,
            )
        )
    if t.shape != ():
        raise DifferentiationError(
            message(
                f"{transform}: {name} returned an array, {readable(t)}",
                expected="one number (a scalar)",
                instead="`ad.jacobian(f)` for all derivatives, or `.sum()` (or `[0]`) on what f "
                "returns",
                operation=transform,
            )
        )
    if t.dtype.kind == "c" and not holomorphic:
        raise DifferentiationError(
            message(
                f"{transform}: {name} returned a complex number",
                expected="a real number",
                instead=f"`ad.{transform}(f, holomorphic=True)` for a complex derivative, or "
                "`.real`, `abs(...)` on what f returns",
                operation=transform,
            )
        )
    if holomorphic and t.dtype.kind != "c":
        raise DifferentiationError(
            message(
                f"{transform}(holomorphic=True): {name} returned a real number",
                expected="a complex number (a holomorphic function of a complex argument)",
                instead=f"`ad.{transform}(f)`",
                operation=transform,
            )
        )
    return x


LEAF, NOTHING = tree.flatten(0.0)[1], tree.flatten(None)[1]


def kind_of(result: Any) -> str:
    """What a function returned, in words."""
    if isinstance(result, tuple):
        return f"a tuple of {len(result)}"
    if isinstance(result, Traced):
        return f"one value, {readable(result)}"
    return "None" if result is None else f"a {type(result).__name__}"


def returned(result: Any, since: int) -> tuple[list[Any], Any]:
    """What a function that is traced gave, as leaves and their structure; `since` is a serial
    number from before it began.  Of a tensor that records and that it made, what that holds."""
    leaves, structure = tree.flatten(result)
    return [x.outside(since) if isinstance(x, Tensor) else x for x in leaves], structure


def split_aux(result: Any, has_aux: bool, function: Callable, transform: str) -> tuple[Any, Any]:
    """(output, aux) of a function's result."""
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(
            message(
                f"{transform}(has_aux=True): {name_of(function)} returned {kind_of(result)}",
                expected="a pair (output, aux)",
                instead="`return output, aux`, or leave out `has_aux=True`",
                operation=transform,
            )
        )
    return result
