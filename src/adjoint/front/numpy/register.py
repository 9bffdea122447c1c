"""How a NumPy function gets its implementation for traced values.

`@implements(np.sum)` puts an implementation into the table that `__array_function__` reads, under
NumPy's own signature. `public(name)` gives the function of `ad.numpy`: NumPy's own on plain values,
the implementation where a traced value is among the arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ...base.dtypes import WEAK, type_of
from ...base.errors import TracingError, message
from ...graph import op
from ...graph.op import Traced
from ..context import context
from ..operands import functions, has_traced
from ..trace import VIEWING, Tensor, all_outside, is_tracing, local, on_arrays
from ..writing import duplicate

names: dict[
    str, Callable
] = {}  # name in `ad.numpy` (also "linalg.norm", "fft.fft") -> public function


def implements(
    *numpy_functions: Callable, name: str | None = None
) -> Callable[[Callable], Callable]:
    """Register the implementation of NumPy functions; `ad.numpy` has it under their names."""

    def register(implementation: Callable) -> Callable:
        for function in numpy_functions:
            if function.__name__ in MAKE_ARRAYS:
                functions[function] = maker(function, implementation)
            else:
                functions[function] = completed(function, implementation)
            known = name_of(function).removeprefix("np.")
            names.setdefault(name or known, public(function, implementation))
        return implementation

    return register


def name_of(function: Callable) -> str:
    """How the user writes a function of NumPy: `np.linalg.norm`."""
    module = getattr(function, "__module__", None) or "numpy"
    return f"np.{module}.{function.__name__}".replace("np.numpy", "np", 1)


def completed(function: Callable, implementation: Callable) -> Callable:
    """An implementation with what all have in common: results that nobody else writes into, where
    NumPy's are none of the argument's memory, and `out=`."""
    if function.__name__ == "clip":  # a ufunc with its options
        return implementation
    own = implementation if function.__name__ in GIVE_VIEWS else unshared(implementation)
    place = place_of_out(function, implementation)
    if place is None:
        return own
    places = list(inspect.signature(implementation).parameters)
    takes_dtype = function.__name__ in ADD_IN_OUT and "dtype" in places

    @wraps(own)
    def call(*args: Any, **kwargs: Any) -> Any:
        out = kwargs.get("out")
        if len(args) > place:
            out = args[place]
            rest = args[place + 1 :]
            args = (*args[:place], None, *rest) if rest else args[:place]
        if out is None:
            return own(*args, **kwargs)
        kwargs.pop("out", None)
        (target,) = out if type(out) is tuple else (out,)
        if takes_dtype and len(args) <= places.index("dtype") and kwargs.get("dtype") is None:
            kwargs["dtype"] = type_of(target).dtype  # NumPy adds in the dtype of the result
        found = own(*args, **kwargs)
        if function.__name__ not in SPREAD_OUT:
            same_shape(found, target, name_of(function))
        return functions["into"](target, found, name_of(function))

    return call


def place_of_out(function: Callable, implementation: Callable) -> int | None:
    """The place among the arguments at which `out` may come without its name (out of reach where
    it may not); None for a function without it."""
    if isinstance(function, np.ufunc):
        return function.nin
    known = inspect.signature(implementation).parameters
    if "out" not in known:
        return None
    named_only = known["out"].kind is inspect.Parameter.KEYWORD_ONLY
    return len(known) if named_only else list(known).index("out")


def same_shape(result: Any, out: Any, name: str) -> None:
    """Raise where `out=` has not the shape of the result."""
    shape, given = type_of(result).shape, type_of(out).shape
    if shape != given:
        raise ValueError(
            message(
                f"{name} got out= of the shape {given}, and the result has the shape {shape}",
                expected="an array of the result's shape",
                operation=name,
            )
        )


functions["same shape"] = same_shape

# Functions that add or multiply in the dtype of `out=`, and those whose result is repeated in it.
ADD_IN_OUT = set("sum prod cumsum cumprod nansum nanprod nancumsum nancumprod".split())
SPREAD_OUT = set("around fix isneginf isposinf round".split())


def unshared(implementation: Callable) -> Callable:
    """An implementation whose result nobody else writes into, also where it had nothing to do and
    gave its argument, or a view."""

    order = "K" if implementation.__name__ in KEEP_LAYOUT else "C"

    @wraps(implementation)
    def call(*args: Any, **kwargs: Any) -> Any:
        found = implementation(*args, **kwargs)
        if type(found) is tuple:
            return tuple([alone(x, args, order) for x in found])
        return alone(found, args, order)

    return call


def alone(found: Any, args: tuple, order: str) -> Any:
    """A result, or a copy of it where it is an argument or a view."""
    if not isinstance(found, Tensor) or not found.shape:
        return found
    alias = found.alias
    if alias is not None and alias.base is not None:
        return duplicate(found, order)
    for x in args:
        if x is found or (isinstance(x, (list, tuple)) and any(y is found for y in x)):
            return duplicate(found, order)
    return found


# Functions that give views, or their argument itself, where NumPy's do.
GIVE_VIEWS = set(
    "array_split asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray astype"
    " atleast_1d atleast_2d atleast_3d broadcast_arrays broadcast_to copyto diag diagonal diff"
    " dsplit einsum expand_dims fill_diagonal flip fliplr flipud hsplit imag matrix_power"
    " matrix_transpose moveaxis nan_to_num permute_dims place put put_along_axis putmask ravel real"
    " real_if_close require reshape rollaxis rot90 sliding_window_view split squeeze swapaxes"
    " transpose trim_zeros unstack vsplit".split()
)
# Functions that call the user's, which may know traced values whatever the arguments are.
TAKE_FUNCTIONS = {"apply_along_axis", "apply_over_axes", "piecewise"}
VIEWING.update(GIVE_VIEWS | TAKE_FUNCTIONS)
# Functions whose fresh result lies in memory as the argument does; that of others in C order.
KEEP_LAYOUT = set("array concat concatenate copy hstack pad roll sort tril triu vstack".split())


def public(function: Callable, implementation: Callable) -> Callable:
    """NumPy's function on plain values, the implementation on traced ones."""

    sequences = function.__name__ in TAKE_SEQUENCES
    if function.__name__ in MAKE_ARRAYS:
        return maker(function, implementation)
    takes_functions = function.__name__ in TAKE_FUNCTIONS
    gives_views = function.__name__ in GIVE_VIEWS
    own = completed(function, implementation)
    found_place = place_of_out(function, implementation)
    place = 64 if found_place is None else found_place

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any_traced(args, kwargs) or (takes_functions and is_tracing()):
            is_plain = not gives_views and not takes_functions and kwargs.get("out") is None
            is_plain = is_plain and len(args) <= place
            if is_plain and all_outside((args, kwargs)):
                if context.program is None:
                    return on_arrays(function, args, kwargs)
                try:
                    return own(*args, **kwargs)
                except TracingError:  # as part of the program: what it is now
                    return on_arrays(function, args, kwargs)
            if not sequences:
                args = tuple(
                    [nested(x) if type(x) in (list, tuple) and has_traced(x) else x for x in args]
                )
            return own(*args, **kwargs)
        found = function(*args, **kwargs)
        if is_new(found) and is_tracing():
            is_given = any(found is x for x in (*args, *kwargs.values()))
            return found if is_given else local(found)
        return found

    return call


def is_new(x: Any) -> bool:
    """Whether nobody else has the memory of a result of plain values."""
    return type(x) is np.ndarray and x.base is None


def maker(function: Callable, implementation: Callable) -> Callable:
    """A function that makes an array: one that is made while a trace runs can be written into."""
    own = unshared(implementation)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any_traced(args, kwargs):
            found = own(*args, **kwargs)
        else:
            found = function(*args, **kwargs)
        return local(found) if is_tracing() else found

    return call


MAKE_ARRAYS = set(
    "arange array bartlett blackman copy empty empty_like eye full full_like hamming"
    " hanning identity kaiser linspace loadtxt logspace geomspace ones ones_like"
    " vander zeros zeros_like".split()
)

# Functions whose list argument is a sequence of arrays; in any other a list with traced elements
# is one array.
TAKE_SEQUENCES = set(
    "block broadcast_arrays choose column_stack concatenate dstack einsum einsum_path hstack ix_ "
    "lexsort meshgrid multi_dot piecewise row_stack select stack vstack".split()
)


def array_like(x: Any) -> Any:
    """An argument as an array or a number: a list with traced elements becomes one traced array."""
    if isinstance(x, Traced) or hasattr(x, "dtype") or isinstance(x, (bool, int, float, complex)):
        return x
    if isinstance(x, (list, tuple)):
        return nested(x) if has_traced(x) else np.asarray(x)
    return np.asarray(x)


def nested(x: Any) -> Any:
    """A nested list of numbers and arrays, some traced, as one array: a `stack` for each list."""
    found = assembled(x)
    if found is None:
        np.array(skeleton(x), float)  # raises NumPy's error
        raise ValueError("setting an array element with a sequence: the lists do not fit together")
    return found


def assembled(x: Any) -> Any:
    """A nested list as an array; None where its parts have different shapes."""
    parts, shape = [], None
    for part in x:
        if isinstance(part, (list, tuple)) and has_traced(part):
            part = assembled(part)
            if part is None:
                return None
        found = part.shape if isinstance(part, Traced) else np.shape(part)
        if shape is None:
            shape = found
        elif found != shape:
            return None
        parts.append(part if isinstance(part, Traced) or type(part) in WEAK else np.asarray(part))
    return op.stack(*parts, axis=0)


def skeleton(x: Any) -> Any:
    """A nested list with zeros for its traced elements."""
    if isinstance(x, (list, tuple)):
        return [skeleton(part) for part in x]
    return np.zeros(x.shape) if isinstance(x, Traced) else x


def any_traced(args: tuple, kwargs: dict[str, Any]) -> bool:
    """Whether a traced value is among the arguments (in lists and tuples too)."""
    for x in args:
        if isinstance(x, Traced) or (isinstance(x, (list, tuple)) and has_traced(x)):
            return True
    return bool(kwargs) and has_traced(*kwargs.values())


def refuse_options(operation: str, **options: Any) -> None:
    """Raise for options without meaning for traced values; pass each as `name=(value, default)`."""
    for option, (value, default) in options.items():
        if value is not default and not (value is None and default is np._NoValue):
            raise TracingError(
                message(
                    f"{operation} got {option}=, which is not supported for traced values",
                    expected=f"{operation} without {option}=",
                    instead=f"leave {option}= out",
                    operation=operation,
                )
            )


def refuse_device(device: Any) -> None:
    """Raise NumPy's error for a device that it does not know."""
    if device not in (None, "cpu"):
        raise ValueError(f'Device not understood. Only "cpu" is allowed, but received: {device}')


def axis_error(axis: int, ndim: int) -> np.exceptions.AxisError:
    """NumPy's error for an axis that is not there."""
    return np.exceptions.AxisError(axis, ndim)


def one_axis(axis: Any, ndim: int) -> int:
    """An axis as a non-negative number."""
    k = axis.__index__()
    if not -ndim <= k < ndim:
        raise axis_error(k, ndim)
    return k % ndim


def all_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """NumPy's `axis=` (None, a number, a tuple) as sorted non-negative numbers without repeats."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(one_axis(a, ndim) for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    if len(set(axes)) != len(axes):
        raise ValueError("duplicate value in 'axis'")
    return tuple(sorted(axes))
