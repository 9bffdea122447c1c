"""NumPy's functions whose result is plain: texts, answers about memory, bits and places; and those
that are refused: files, dates, records.

Enters: traced values among plain ones.  Leaves: what NumPy gives for the values, where they are
known; an error that names the function, where a derivative has no meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import numpy.lib.recfunctions

from ...base.dtypes import type_of
from ...base.errors import TracingError, message
from ...graph.op import Traced
from ..context import context
from ..operands import functions, has_traced
from ..protocols import NotComputed
from ..trace import Tensor, is_tracing, local, plain_value
from .elementwise import known
from .register import MAKE_ARRAYS, implements, name_of

# ------------------------------------------------------------------------------------------- texts


def text_of(function: Callable) -> None:
    """A text that shows a traced value: of the values now."""

    def call(a: Any, *args: Any, **kwargs: Any) -> str:
        shown = a.shown() if isinstance(a, Tensor) else a
        return str(shown) if isinstance(shown, NotComputed) else function(shown, *args, **kwargs)

    implements(function)(call)


for showing in (np.array2string, np.array_repr, np.array_str):
    text_of(showing)

# ------------------------------------------------------------------------------------------ memory


def memory_question(function: Callable) -> None:
    """Whether two arrays lie in the same memory: as their values do."""

    def call(a: Any, b: Any, /, max_work: Any = None) -> bool:
        if context.program is not None or context.batches:
            name = name_of(function)
            raise TracingError(
                message(
                    f"{name} was asked under `{'jit' if context.program else 'vmap'}`, where an "
                    "array has no place in memory while the function is traced",
                    expected="a question that the values or shapes answer",
                    instead="`a is b`, or `a.copy()` where it is not to matter",
                    operation=name,
                )
            )
        return function(plain_value(a), plain_value(b), max_work=max_work)

    implements(function)(call)


memory_question(np.may_share_memory)
memory_question(np.shares_memory)

# ----------------------------------------------------------------------------------- bits, places


def on_known(function: Callable) -> None:
    """A function of integers or truth values, which are known when the function is traced (guards
    under `jit`)."""
    name = name_of(function)

    def settled(x: Any) -> Any:
        if isinstance(x, (tuple, list)) and has_traced(x):
            return tuple([settled(y) for y in x])
        if not isinstance(x, Traced):
            return x
        t = type_of(x)
        return np.empty(t.shape, t.dtype) if t.dtype.kind in "fc" else known(x, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        args = tuple([settled(x) for x in args])
        return function(*args, **{k: settled(x) for k, x in kwargs.items()})

    implements(function)(call)


for counting in (np.packbits, np.unpackbits, np.ravel_multi_index, np.unravel_index):
    on_known(counting)

# ------------------------------------------------------------ arrays made of nothing that is traced


def plainly(function: Callable) -> Callable:
    """A function that makes an array, called with `like=` a traced value: NumPy's own array."""

    def call(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("like", None)
        found = function(*args, **kwargs)
        return local(found) if is_tracing() else found

    return call


for name in MAKE_ARRAYS | set("frombuffer fromfile fromfunction fromstring genfromtxt tri".split()):
    function = getattr(np, name)
    if function not in functions:
        functions[function] = plainly(function)

# ----------------------------------------------------------------------------------------- refused


def refuse(function: Callable, came: str, instead: str) -> None:
    """Refuse a function by its name."""
    name = name_of(function)

    def call(*args: Any, **kwargs: Any) -> NoReturn:
        raise TracingError(
            message(f"{name} {came}", expected="plain values", instead=instead, operation=name)
        )

    functions[function] = call


for writing in (np.save, np.savetxt, np.savez, np.savez_compressed):
    refuse(
        writing,
        "was to write a traced value into a file, which would lose its derivative",
        "`return` the value, and save the result",
    )
records = numpy.lib.recfunctions
for name in records.__all__:
    function = getattr(records, name)
    if hasattr(function, "__wrapped__"):  # it dispatches
        refuse(
            function,
            "takes arrays with named fields, and a traced value has none",
            "a dictionary of arrays, one for each field",
        )
