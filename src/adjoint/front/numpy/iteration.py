"""NumPy's iterators and ufuncs as objects of the facade, where a traced value may be inside.

Enters: what the user's code calls while a trace runs.  Leaves: `ndenumerate` and `nditer` that
walk over traced arrays, and ufuncs that take lists with traced elements, which NumPy's would make
arrays of objects of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import numpy as np

from ..operands import acceptable, as_operand, has_traced, ufuncs
from ..protocols import unsupported
from ..trace import Tensor, is_tracing, local
from .register import names

ATTRIBUTES = "at identity nargs nin nout ntypes reduceat resolve_dtypes signature types".split()


class ndenumerate(np.ndenumerate):
    """`np.ndenumerate`, of traced arrays too."""

    def __new__(cls, arr: Any) -> Any:
        if isinstance(arr, Tensor):
            return enumerated(arr)
        return np.ndenumerate(as_operand(arr))


def enumerated(x: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    """The places of an array in C order, with the elements."""
    return ((place, x[place]) for place in np.ndindex(*x.shape))


def nditer(op: Any, *args: Any, **kwargs: Any) -> Any:
    """`np.nditer`; over one traced array that is only read, its elements in C order."""
    if not has_traced(op):
        return np.nditer(op, *args, **kwargs)
    if args or kwargs or not isinstance(op, Tensor):
        raise unsupported("np.nditer with several arrays or options")
    return (x for _, x in enumerated(op))


def listed(call: Callable) -> Callable:
    """A ufunc or its method: lists with traced elements become arrays."""

    def found(*args: Any, **kwargs: Any) -> Any:
        for x in args:
            if type(x) in (list, tuple):
                args = tuple([as_operand(y) for y in args])
                break
        result = call(*args, **kwargs)
        if type(result) is np.ndarray and "out" not in kwargs and is_tracing():
            return local(result)  # made of plain values inside the function
        return result

    return found


def with_lists(ufunc: np.ufunc) -> Callable:
    """A ufunc that takes lists with traced elements, and goes straight to ours for tensors."""
    general, ours = listed(ufunc), ufuncs[ufunc]

    def of_one(x: Any, /, *rest: Any, **options: Any) -> Any:
        if isinstance(x, Tensor) and not rest and not options:
            return ours(x)
        return general(x, *rest, **options)

    def of_two(x: Any, y: Any, /, *rest: Any, **options: Any) -> Any:
        if rest or options or not (isinstance(x, Tensor) or isinstance(y, Tensor)):
            return general(x, y, *rest, **options)
        return ours(x, y) if acceptable(x) and acceptable(y) else general(x, y)

    found: Any = wraps(ufunc)({1: of_one, 2: of_two}.get(ufunc.nin, general))
    for name in ATTRIBUTES:
        setattr(found, name, getattr(ufunc, name, None))
    for name in ("reduce", "accumulate", "outer"):
        setattr(found, name, listed(getattr(ufunc, name)))
    found.ufunc = ufunc
    return found


names["ndenumerate"] = ndenumerate
names["nditer"] = nditer
WITH_LISTS = {
    name: with_lists(found)
    for name, found in vars(np).items()
    if isinstance(found, np.ufunc) and found in ufuncs
}
