"""Taylor coefficients of a user's function.

Enters: a function and an argument.  Leaves: the coefficients of t -> f(x + t v), which
`transform/taylor` computes over the recording of one call; and n-th derivatives, n! times the last
one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base import tree
from ..base.dtypes import is_inexact, type_of
from ..base.errors import DifferentiationError, message
from ..graph import op
from ..graph.op import Traced
from ..transform import series_of_loops as _loops  # noqa: F401  (series through loops)
from ..transform.taylor import NoSeries, expand
from .arguments import differentiable_leaves, fresh, matching, name_of, returned, traced_like
from .context import differentiating
from .differentiate import Differentiation, checked, following
from .overlay import overlay


def taylor(function: Callable, x: Any, order: int, direction: Any = None) -> Any:
    """The Taylor coefficients c_0, ..., c_order of t -> f(x + t v) at t = 0.

    So f(x + t v) = c_0 + c_1 t + c_2 t² + ..., and c_k is the k-th derivative along v, over k!.
    One call of the function, then a number of operations that is quadratic in the order (for
    compositions of Bessel and gamma functions cubic), never exponential as with nested derivatives.
    Loops and branches of `scan`, `while_loop`, `cond` and their like stay single operations, whose
    bodies hand on the coefficients; of a `custom_derivative` the rule counts.

    The parameter t is one real number: of an array all elements move at once, each by its element
    of v (for an elementwise function each column of the result is the series of one element); of a
    complex x, v is a complex direction.  Where a derivative is infinite or not defined (the root
    at 0) its coefficients are infinite or NaN; at the kink of `abs`, `maximum` and their like they
    are those that the first derivatives have there.  Close to a removable singularity
    (sin(x)/x near 0; `np.sinc` only under `jit`) every order loses the digits of one division by
    the distance.

    Args:
        function: of one argument (`lambda p: f(*p)` for several); returns a number, an array or a
            container of them.
        x: a number, an array or a container of them; integers count as floats.
        order: of the last coefficient, 0 or more.
        direction: v, of the structure and shapes of x; ones without it.

    Returns:
        an array of shape (order + 1, *shape) for a result of this shape, in its dtype (float64 for
        integers); a container of them for a container.

    Raises:
        DifferentiationError: the argument is no float, the direction does not fit, or the function
            goes through an operation without series (a `custom_derivative` whose rule branches on
            values, or an operation without a derivative).
        TypeError: the order is no whole number.

    >>> import adjoint as ad, numpy as np
    >>> ad.taylor(np.exp, 0.0, 4) * [1, 1, 2, 6, 24]
    array([1., 1., 1., 1., 1.])
    >>> ad.taylor(lambda x: x[0] * x[1], np.array([2.0, 3.0]), 2)
    array([6., 5., 1.])

    Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 13.
    """
    if not callable(function):
        raise TypeError(
            message(
                f"ad.taylor got a {type(function).__name__}",
                expected="a function",
                instead="`ad.taylor(f, x, order)`: the function itself, its argument, the order",
            )
        )
    if not isinstance(order, (int, np.integer)) or isinstance(order, bool) or order < 0:
        raise TypeError(
            message(f"taylor got the order {order!r}", expected="a whole number, 0 or more")
        )
    leaves, structure = tree.flatten(x)
    leaves = differentiable_leaves(leaves, x, "taylor")
    if direction is None:
        steps = [one_like(leaf) for leaf in leaves]
    else:
        given = tree.flatten_like(structure, direction, "the direction given to taylor")
        steps = [
            matching(v, type_of(leaf), "direction", "taylor")
            for v, leaf in zip(given, leaves, strict=True)
        ]
    values, higher, out_structure = coefficients(function, structure, leaves, steps, int(order))
    found = [stacked(y, c) for y, c in zip(values, higher, strict=True)]
    return tree.unflatten(out_structure, fresh(found))


def nth_derivative(function: Callable, x: Any, n: int) -> Any:
    """The n-th derivative of a function of one number, n >= 1, in the structure of its result:
    n! times the last coefficient.  NotImplemented where series do not pass."""
    leaf = tree.flatten(0.0)[1]
    try:
        values, higher, structure = coefficients(function, leaf, [x], [one_like(x)], n)
    except NoSeries:
        return NotImplemented
    scale: Any = math.factorial(n) if n <= LARGEST_FACTORIAL else math.inf
    last = [None if c[-1] is None else c[-1] * float(scale) for c in higher]
    return tree.unflatten(
        structure, fresh([like_value(c, y) for c, y in zip(last, values, strict=True)])
    )


LARGEST_FACTORIAL = 170  # whose float is finite


def coefficients(
    function: Callable, structure: Any, leaves: Sequence[Any], steps: Sequence[Any], order: int
) -> tuple[list[Any], list[list[Any]], Any]:
    """The leaves of the function's result, for each the coefficients 1 to `order` (None: zero), and
    the structure of the result; `structure` is that of the argument."""
    with differentiating():
        run = Differentiation()
        variables = [run.variable(x) for x in leaves]
        with overlay(function) as called:
            result = called(tree.unflatten(structure, variables))
        outputs, out_structure = returned(result, run.since)
        for x in outputs:
            if type_of(x).dtype.kind not in "fcbiu":
                raise DifferentiationError(
                    message(
                        f"taylor: {name_of(function)} returned a {type(x).__name__}",
                        expected="numbers, arrays of numbers, and containers of them",
                    )
                )
        higher = series_of(run, steps, outputs, order)
        higher = [[None if c is None else run.strip(c) for c in cs] for cs in higher]
        values = [run.strip(x) for x in outputs]
    return values, higher, out_structure


def series_of(
    run: Differentiation, steps: Sequence[Any], outputs: Sequence[Any], order: int
) -> list[list[Any]]:
    """The coefficients 1 to `order` of the outputs of a recording."""
    run.check()
    nothing: list[Any] = [None] * order
    if not order:
        return [nothing for _ in outputs]
    directions = {v.node: [s] for v, s in zip(run.variables, steps, strict=True)}
    with np.errstate(all="ignore"):
        nodes = following(run.nodes(outputs))
        found = expand(nodes, directions, run.reader(), order)
    return [
        [checked(c) for c in found.get(x.node, nothing)] if run.owns(x) else nothing
        for x in outputs
    ]


def one_like(x: Any) -> Any:
    """The direction of a leaf that is not given: ones."""
    t = type_of(x)
    if t.weak:
        return complex(1) if t.dtype.kind == "c" else 1.0
    ones = np.ones(t.shape, t.dtype)
    return ones if t.shape else ones[()]


def like_value(c: Any, value: Any) -> Any:
    """A coefficient in the kind and dtype of the result that it belongs to (None: zero); that of an
    integer is a float."""
    t = type_of(value)
    dtype = t.dtype if is_inexact(t.dtype) else np.dtype(float)
    if c is None:
        c = np.zeros(t.shape, dtype)
    if isinstance(c, Traced):
        return traced_like(c, value)
    if type(value) in (float, complex):
        return type(value)(c)
    c = np.asarray(c, dtype)
    if t.weak:
        return c.item()
    return c if isinstance(value, np.ndarray) or t.shape else c[()]


def stacked(value: Any, higher: Sequence[Any]) -> Any:
    """The coefficients of a result along a new axis 0."""
    t = type_of(value)
    dtype = t.dtype if is_inexact(t.dtype) else np.dtype(float)
    found = [np.zeros(t.shape, dtype) if c is None else c for c in (value, *higher)]
    if any(isinstance(c, Traced) for c in found):
        return op.stack(*[of_dtype(c, dtype) for c in found], axis=0)
    return np.stack([np.asarray(c, dtype) for c in found])


def of_dtype(c: Any, dtype: np.dtype) -> Any:
    """A coefficient of one of several dtypes, none of them weak."""
    t = type_of(c)
    return op.convert(c, dtype=dtype) if t.weak or t.dtype != dtype else c
