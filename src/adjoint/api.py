"""The transforms: what the user calls.

Enters: a function of numbers, arrays and containers of them, written with NumPy.  Leaves: a
function that computes derivatives, batches or a compiled program.  All of them compose, in any
order and to any depth.

Conventions.  Complex numbers: the gradient of a real function of z = x + iy is df/dx - i df/dy
(conjugate it to descend); with `holomorphic=True` it is the complex derivative.  Ties of max and
min share the derivative; `abs` and `norm` have derivative 0 at 0.  Where a result does not depend
on an argument the derivative is 0, never None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np

from .base import tree
from .base.dtypes import readable, type_of
from .base.errors import DifferentiationError, message
from .front.arguments import (
    Argnums,
    Selection,
    differentiable,
    fresh,
    like_argument,
    matching,
    name_of,
    returned,
    scalar_output,
    split_aux,
    traced_like,
)
from .front.batch import BatchTensor, batch_size
from .front.compiled import jitted
from .front.context import batching, context, differentiating
from .front.differentiate import Differentiation
from .front.operands import numeric
from .front.overlay import counterpart, overlay
from .front.taylor import nth_derivative
from .front.trace import Tensor, settled
from .graph import op
from .graph.node import next_serial
from .transform.checkpoints import bounded, memory_of


def check_callable(name: str, function: Callable) -> None:
    """A transform takes a function, not its result."""
    if not callable(function):
        raise TypeError(
            message(
                f"ad.{name} got a {type(function).__name__}",
                expected="a function",
                instead=f"`ad.{name}(f)(x)`: the function itself, then its arguments"
                + (
                    "; `ad.autograd.grad(y, x)` for tensors" if isinstance(function, Tensor) else ""
                ),
            )
        )


def transformed(name: str, function: Callable, call: Callable) -> Callable:
    """The call under the function's name and signature."""
    check_callable(name, function)
    result: Callable = call
    try:
        result = wraps(function)(call)
    except (AttributeError, TypeError):
        pass  # an object without a name
    result.__doc__ = f"{name} of {name_of(function)}. " + (getattr(function, "__doc__", None) or "")
    return result


# ------------------------------------------------------------------------------------- reverse mode


def value_and_grad(
    function: Callable, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False, *,
    memory_limit: int | float | str | None = None, checkpoint_every: int | None = None,
) -> Callable:  # fmt: skip
    """The function's value and its gradient, in one forward and one backward pass.

    Args:
        function: returns one number (or, with `has_aux`, the pair (number, anything)).
        argnums: which arguments: a position, a name, or a tuple of them.
        has_aux: the function returns (number, aux); the result is then ((number, aux), gradient).
        holomorphic: complex derivative of a complex function of complex arguments.
        memory_limit, checkpoint_every: bounds of what is kept of each `ad.scan`, `ad.fori_loop` and
            `ad.while_loop` in the function that has none of its own.

    Returns: a function of the same arguments that gives (value, gradient); the gradient has the
        structure, shapes and dtypes of the argument (a tuple of them for a tuple of argnums).

    Raises:
        DifferentiationError: the result is no single number, or an argument is no float.

    >>> import adjoint as ad
    >>> ad.value_and_grad(lambda x: x**2)(3.0)
    (9.0, 6.0)
    """

    memory = memory_of(memory_limit, checkpoint_every, "value_and_grad")

    def call(*args: Any, **kwargs: Any) -> Any:
        with differentiating(), bounded(memory):
            run = Differentiation()
            chosen = Selection(function, argnums, args, kwargs, "grad")
            check_holomorphic(chosen.leaves, holomorphic, "grad")
            result = chosen.call([run.variable(x) for x in chosen.leaves])
            result, aux = split_aux(result, has_aux, function, "grad")
            outputs, structure = returned(result, run.since)
            output = scalar_output(outputs, structure, function, "grad", holomorphic)
            t = type_of(output)
            one: Any = 1.0 if t.weak or t.dtype.kind in "biu" else t.dtype.type(1)
            leaves = run.pull([output], [one], consume=True)
            leaves = [run.strip(x) for x in leaves]
            value = run.strip(output)
            aux_leaves, aux_structure = returned(aux, run.since)
            aux_leaves = [run.strip(x) for x in aux_leaves]
        del run, output, result, outputs
        leaves = [
            like_argument(x, argument) for x, argument in zip(leaves, chosen.leaves, strict=True)
        ]
        everything = fresh([value, *leaves, *aux_leaves])
        count = len(leaves)
        gradient = chosen.restore(everything[1 : count + 1])
        if has_aux:
            return (everything[0], tree.unflatten(aux_structure, everything[count + 1 :])), gradient
        return everything[0], gradient

    return transformed("value_and_grad", function, call)


def grad(
    function: Callable, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False, *,
    memory_limit: int | float | str | None = None, checkpoint_every: int | None = None,
) -> Callable:  # fmt: skip
    """The gradient of a function that returns one number, by reverse mode.

    Args:
        function: returns one number (or, with `has_aux`, the pair (number, anything)).
        argnums: which arguments: a position, a name, or a tuple of them.
        has_aux: the function returns (number, aux); the result is then (gradient, aux).
        holomorphic: complex derivative of a complex function of complex arguments.
        memory_limit, checkpoint_every: bounds of what is kept of each `ad.scan`, `ad.fori_loop` and
            `ad.while_loop` in the function that has none of its own.

    Returns: a function of the same arguments; the gradient has the structure, shapes and dtypes of
        the argument (a tuple of them for a tuple of argnums).

    Raises:
        DifferentiationError: the result is no single number, or an argument is no float.

    >>> import adjoint as ad
    >>> ad.grad(lambda x, y: x**2 * y + y + 2, argnums=(0, 1))(3.0, 4.0)
    (24.0, 10.0)
    """
    check_callable("grad", function)
    memory_of(memory_limit, checkpoint_every, "grad")  # its errors
    both = value_and_grad(
        function, argnums, has_aux, holomorphic,
        memory_limit=memory_limit, checkpoint_every=checkpoint_every,
    )  # fmt: skip

    def call(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return transformed("grad", function, call)


def vjp(function: Callable, *primals: Any, has_aux: bool = False) -> Any:
    """The function's value, and the map that pulls cotangents of its result back to its arguments.

    Returns: (output, pullback), or (output, pullback, aux) with `has_aux`; `pullback(cotangent)`
        takes the output's structure and gives a tuple with one cotangent for each argument.  It may
        be called again and again.

    >>> import adjoint as ad
    >>> value, pullback = ad.vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> value, pullback(1.0)
    (12.0, (4.0, 3.0))
    """
    with differentiating():
        run = Differentiation(kept=True)
        leaves, structure = tree.flatten(tuple(primals))
        leaves = [differentiable(x, "vjp") for x in leaves]
        variables = tree.unflatten(structure, [run.variable(x) for x in leaves])
        with overlay(function) as called:
            result = called(*variables)
        result, aux = split_aux(result, has_aux, function, "vjp")
        outputs, out_structure = returned(result, run.since)
    types = [type_of(x) for x in outputs]

    def pullback(cotangent: Any) -> tuple:
        given = tree.flatten_like(out_structure, cotangent, "the cotangent given to a pullback")
        given = [matching(c, t, "cotangent", "vjp") for c, t in zip(given, types, strict=True)]
        with differentiating():
            found = run.pull(outputs, given)
        found = [like_argument(x, argument) for x, argument in zip(found, leaves, strict=True)]
        return tree.unflatten(structure, fresh(found))

    value = tree.unflatten(out_structure, fresh([run.strip(x) for x in outputs]))
    if not has_aux:
        return value, pullback
    return value, pullback, stripped(run, aux)


def stripped(run: Differentiation, aux: Any) -> Any:
    """A container of values without this differentiation's handles, its arrays the user's own."""
    leaves, structure = returned(aux, run.since)
    return tree.unflatten(structure, fresh([run.strip(x) for x in leaves]))


# ------------------------------------------------------------------------------------- forward mode


def jvp(
    function: Callable, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> Any:
    """The function's value and its directional derivative, by forward mode.

    Args:
        primals: a tuple or list with the arguments.
        tangents: the direction, of the same structure and shapes.

    Returns:
        (output, tangent), or (output, tangent, aux) with `has_aux`.

    >>> import adjoint as ad
    >>> ad.jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 0.0))
    (12.0, 4.0)
    """
    if not isinstance(tangents, (tuple, list)):
        raise TypeError(
            message(
                f"jvp got tangents of type {type(tangents).__name__}",
                expected="a tuple or list with one tangent for each argument",
                instead="`ad.jvp(f, (x,), (tangent,))`",
            )
        )
    check_primals(primals, "jvp")
    if context.differentiations or context.program is not None:
        output, pushforward, *aux = linear_map(function, primals, has_aux, "jvp")
        return output, pushforward(*tangents), *aux
    leaves, structure = tree.flatten(tuple(primals))
    leaves = [differentiable(x, "jvp") for x in leaves]
    given = tree.flatten_like(structure, tuple(tangents), "the tangents given to jvp")
    given = [matching(t, type_of(x), "tangent", "jvp") for t, x in zip(given, leaves, strict=True)]
    with differentiating():
        run = Differentiation()
        variables = [run.variable(x) for x in leaves]
        with run.advancing(given), overlay(function) as called:
            result = called(*tree.unflatten(structure, variables))
        result, aux = split_aux(result, has_aux, function, "jvp")
        outputs, out_structure = returned(result, run.since)
        found = [run.tangent(x.node) if run.owns(x) else None for x in outputs]
    found = [like_output(x, run.strip(y)) for x, y in zip(found, outputs, strict=True)]
    values = [run.strip(x) for x in outputs]
    del variables, result, outputs
    everything = fresh([*values, *found])
    value = tree.unflatten(out_structure, everything[: len(values)])
    tangent = tree.unflatten(out_structure, everything[len(values) :])
    return (value, tangent, stripped(run, aux)) if has_aux else (value, tangent)


def linearize(function: Callable, *primals: Any, has_aux: bool = False) -> Any:
    """The function's value, and the linear map from its arguments' tangents to its result's
    tangent.

    The map may be called again and again; the function is not run again.

    >>> import adjoint as ad
    >>> value, pushforward = ad.linearize(lambda x: x**2, 3.0)
    >>> value, pushforward(1.0), pushforward(2.0)
    (9.0, 6.0, 12.0)
    """
    return linear_map(function, primals, has_aux, "linearize")


def check_primals(primals: Any, transform: str) -> None:
    """The arguments come as a tuple or list."""
    if not isinstance(primals, (tuple, list)):
        raise TypeError(
            message(
                f"{transform} got primals of type {type(primals).__name__}",
                expected="a tuple or list of arguments",
                instead=f"`ad.{transform}(f, (x,), (tangent,))`",
            )
        )


def linear_map(function: Callable, primals: Sequence[Any], has_aux: bool, transform: str) -> Any:
    """What `linearize` gives; errors name the transform."""
    check_primals(primals, transform)
    primals = tuple(primals)
    with differentiating():
        run = Differentiation(kept=transform == "linearize")
        leaves, structure = tree.flatten(primals)
        leaves = [differentiable(x, transform) for x in leaves]
        variables = tree.unflatten(structure, [run.variable(x) for x in leaves])
        with overlay(function) as called:
            result = called(*variables)
        result, aux = split_aux(result, has_aux, function, transform)
        outputs, out_structure = returned(result, run.since)
    types = [type_of(x) for x in leaves]

    def pushforward(*tangents: Any) -> Any:
        given = tree.flatten_like(structure, tangents, f"the tangents given to {transform}")
        given = [matching(c, t, "tangent", transform) for c, t in zip(given, types, strict=True)]
        with differentiating():
            found = run.push(given, outputs)
        found = [like_output(x, run.strip(y)) for x, y in zip(found, outputs, strict=True)]
        return tree.unflatten(out_structure, fresh(found))

    value = tree.unflatten(out_structure, fresh([run.strip(x) for x in outputs]))
    if not has_aux:
        return value, pushforward
    return value, pushforward, stripped(run, aux)


def like_output(tangent: Any, output: Any) -> Any:
    """A tangent with the type of its output; an integer output has a float tangent 0."""
    t = type_of(output)
    if tangent is None:
        zeros = np.zeros(t.shape, t.dtype if t.dtype.kind in "fc" else float)
        return (
            zeros.item() if t.weak else zeros[()] if not isinstance(output, np.ndarray) else zeros
        )
    if isinstance(tangent, Tensor):
        return traced_like(tangent, output)
    if isinstance(output, Tensor):
        return tangent
    if type(output) in (float, complex):
        return type(output)(tangent)
    return np.asarray(tangent) if isinstance(output, np.ndarray) else np.asarray(tangent)[()]


def hvp(function: Callable, primals: Any = None, tangents: Any = None) -> Any:
    """The Hessian times a vector, by forward over reverse mode: the cost of a few gradients, no
    matrix.

    Args:
        function: returns one number.
        primals: the argument, or a tuple or list with all arguments.
        tangents: the vector, of the same structure.  Without primals and tangents the result is a
            function that takes the arguments, then the vectors: `hvp(f)(x, v)`.

    Returns:
        the product, with the structure of the argument if there is one, of the tuple of arguments
        otherwise.

    >>> import adjoint as ad, numpy as np
    >>> ad.hvp(lambda x: (x**3).sum(), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    if primals is None and tangents is None:
        return transformed("hvp", function, lambda *both: hvp(function, *halves(both)))
    if not isinstance(primals, (tuple, list)):
        primals, tangents = (primals,), (tangents,)
    count = len(primals)
    gradient = grad(function, 0 if count == 1 else tuple(range(count)))
    return jvp(gradient, primals, tangents)[1]


def halves(values: tuple) -> tuple[tuple, tuple]:
    """The arguments, then as many tangents."""
    if len(values) % 2 or not values:
        raise TypeError(
            message(
                f"hvp got {len(values)} values",
                expected="the arguments, then one vector for each: `ad.hvp(f)(x, v)`",
            )
        )
    middle = len(values) // 2
    return values[:middle], values[middle:]


def derivative(function: Callable, n: int = 1) -> Callable:
    """The n-th derivative of a function of one number.

    The function's result may be a number or an array (then each element is differentiated).
    From the second order on by Taylor series (see `taylor`), at a cost that is quadratic in n; by
    nested first derivatives where the function goes through an operation without series (a
    `custom_derivative` whose rule branches on values).

    >>> import adjoint as ad, numpy as np
    >>> ad.derivative(lambda x: x**5, 3)(2.0)
    240.0
    """
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 0:
        raise TypeError(
            message(f"derivative got the order {n!r}", expected="a whole number, 0 or more")
        )
    check_callable("derivative", function)
    function = counterpart(function)
    if n == 0:
        return function
    inner = derivative(function, n - 1)

    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        t = type_of(x)
        if t.shape != ():
            raise DifferentiationError(
                message(
                    f"derivative got an array, {readable(t)}",
                    expected="one number",
                    instead="`ad.vmap(ad.derivative(f))(x)` for the derivative at each element, or "
                    "`ad.jacobian(f)(x)`",
                    operation="derivative",
                )
            )
        x = differentiable(x, "derivative")
        one: Any = 1.0 if type_of(x).weak else x.dtype.type(1)
        if n > 1:
            found = nth_derivative(lambda v: function(v, *args, **kwargs), x, n)
            if found is not NotImplemented:
                return found
        return jvp(lambda v: inner(v, *args, **kwargs), (x,), (one,))[1]

    return transformed("derivative", function, call)


# ---------------------------------------------------------------------------------------- Jacobians


def jacfwd(
    function: Callable, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable:
    """The Jacobian by forward mode: all columns in one batched pass; for few inputs and many
    outputs.

    Returns: a function of the same arguments; each output leaf is replaced by the arguments'
        structure, whose leaves have the output's axes, then the argument's.

    >>> import adjoint as ad, numpy as np
    >>> ad.jacfwd(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return jacobian_by("forward", "jacfwd", function, argnums, has_aux, holomorphic)


def jacrev(
    function: Callable, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable:
    """The Jacobian by reverse mode: all rows in one batched pass; for many inputs and few outputs.

    >>> import adjoint as ad, numpy as np
    >>> ad.jacrev(lambda x: x.sum())(np.array([1.0, 2.0]))
    array([1., 1.])
    """
    return jacobian_by("reverse", "jacrev", function, argnums, has_aux, holomorphic)


def jacobian(
    function: Callable, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable:
    """The Jacobian by the mode that is cheaper: forward where there are no more inputs than
    outputs, reverse otherwise.

    Arguments are those of `grad`.

    Returns: a function of the same arguments; each output leaf is replaced by the arguments'
        structure, whose leaves have the output's axes, then the argument's.

    >>> import adjoint as ad, numpy as np
    >>> ad.jacobian(lambda x: np.stack([x[0] * x[1], x[0] + x[1]]))(np.array([2.0, 3.0]))
    array([[3., 2.],
           [1., 1.]])
    """
    return jacobian_by("", "jacobian", function, argnums, has_aux, holomorphic)


def jacobian_by(
    mode: str,
    transform: str,
    function: Callable,
    argnums: Argnums,
    has_aux: bool,
    holomorphic: bool,
) -> Callable:
    """The Jacobian by a mode ("forward", "reverse", or "" for the cheaper one)."""

    def call(*args: Any, **kwargs: Any) -> Any:
        with differentiating():
            run = Differentiation()
            chosen = Selection(function, argnums, args, kwargs, transform)
            check_holomorphic(chosen.leaves, holomorphic, transform)
            result = chosen.call([run.variable(x) for x in chosen.leaves])
            result, aux = split_aux(result, has_aux, function, transform)
            outputs, structure = returned(result, run.since)
            inputs, results = [type_of(x) for x in chosen.leaves], [type_of(x) for x in outputs]
            for x, t in zip(outputs, results, strict=True):
                if t.dtype.kind not in "fcbiu":
                    raise DifferentiationError(
                        message(
                            f"{transform}: {name_of(function)} returned a {type(x).__name__}",
                            expected="numbers",
                        )
                    )
            forward = choose_mode(mode, inputs, results, holomorphic, transform)
            blocks = (
                columns(run, inputs, outputs, results)
                if forward
                else rows(run, inputs, outputs, results)
            )
            aux = stripped(run, aux)
            shown = [run.strip(x) for x in outputs]
        flat = []
        for i, row in enumerate(blocks):
            for j, block in enumerate(row):
                flat.append(like_block(block, shown[i], chosen.leaves[j], results[i], inputs[j]))
        del blocks, run
        flat = fresh(flat)
        count = len(inputs)
        parts = [chosen.restore(flat[i * count : (i + 1) * count]) for i in range(len(outputs))]
        found = tree.unflatten(structure, parts)
        return (found, aux) if has_aux else found

    return transformed(transform, function, call)


def choose_mode(mode: str, inputs: list, outputs: list, holomorphic: bool, transform: str) -> bool:
    """Whether to use forward mode."""
    complex_inputs = any(t.dtype.kind == "c" for t in inputs)
    complex_outputs = any(t.dtype.kind == "c" for t in outputs)
    if holomorphic:
        impossible = ""
    elif complex_inputs and (mode == "forward" or complex_outputs):
        impossible = "complex arguments"
    elif complex_outputs and mode == "reverse":
        impossible = "a complex result of real arguments"
    else:
        impossible = ""
    if impossible:
        raise DifferentiationError(
            message(
                f"{transform} got {impossible}",
                expected="real numbers (or a holomorphic function)",
                instead="`holomorphic=True` for complex derivatives; `ad.jacfwd` for a complex "
                "result of real arguments; "
                "`ad.jacrev` for a real result of complex ones",
                operation=transform,
            )
        )
    if mode:
        return mode == "forward"
    if complex_inputs != complex_outputs:
        return complex_outputs
    return sum(t.size for t in inputs) <= sum(t.size for t in outputs)


def one_hot(types: list, size: int) -> list[Any]:
    """For each type the directions of all elements of all types, along a new axis 0."""
    found, start = [], 0
    for t in types:
        block = np.zeros((size, t.size), t.dtype)
        block[start + np.arange(t.size), np.arange(t.size)] = 1
        found.append(block.reshape(size, *t.shape))
        start += t.size
    return found


def columns(run: Differentiation, inputs: list, outputs: list, results: list) -> list[list[Any]]:
    """Blocks (output axes, input axes) by pushing every unit direction forward at once."""
    size = sum(t.size for t in inputs)
    if size == 1:
        seeds = [
            one_hot([t], 1)[0].reshape(t.shape)[()] if t.size else np.zeros(t.shape) for t in inputs
        ]
        seeds = [
            float(s) if t.weak and t.dtype.kind == "f" else s
            for s, t in zip(seeds, inputs, strict=True)
        ]
        found = [run.strip(x) for x in run.push(seeds, outputs)]
        found = [
            None if x is None else op.reshape(x, shape=(1, *t.shape))
            for x, t in zip(found, results, strict=True)
        ]
    else:
        with batching() as level:
            seeds = [BatchTensor(x, level) for x in one_hot(inputs, size)]
            found = [run.strip(x) for x in run.push(seeds, outputs)]
            found = [unbatch(x, level, size) for x in found]
    blocks = []
    for x, t in zip(found, results, strict=True):
        row: list[Any] = []
        start = 0
        for s in inputs:
            if x is None:
                row.append(None)
            else:
                part = op.slice(
                    x,
                    starts=(start, *(0,) * t.ndim),
                    stops=(start + s.size, *t.shape),
                    steps=(1,) * (t.ndim + 1),
                )
                part = op.transpose(part, axes=(*range(1, t.ndim + 1), 0))
                row.append(op.reshape(part, shape=(*t.shape, *s.shape)))
            start += s.size
        blocks.append(row)
    return blocks


def rows(run: Differentiation, inputs: list, outputs: list, results: list) -> list[list[Any]]:
    """Blocks (output axes, input axes) by pulling every unit cotangent back at once."""
    size = sum(t.size for t in results)
    if size == 1:
        seeds = [
            one_hot([t], 1)[0].reshape(t.shape)[()] if t.size else np.zeros(t.shape)
            for t in results
        ]
        found = [run.strip(x) for x in run.pull(outputs, seeds)]
        found = [
            None if x is None else op.reshape(x, shape=(1, *t.shape))
            for x, t in zip(found, inputs, strict=True)
        ]
    else:
        with batching() as level:
            seeds = [BatchTensor(x, level) for x in one_hot(results, size)]
            found = [run.strip(x) for x in run.pull(outputs, seeds)]
            found = [unbatch(x, level, size) for x in found]
    blocks, start = [], 0
    for t in results:
        row: list[Any] = []
        for x, s in zip(found, inputs, strict=True):
            if x is None:
                row.append(None)
            else:
                part = op.slice(
                    x,
                    starts=(start, *(0,) * s.ndim),
                    stops=(start + t.size, *s.shape),
                    steps=(1,) * (s.ndim + 1),
                )
                row.append(op.reshape(part, shape=(*t.shape, *s.shape)))
        start += t.size
        blocks.append(row)
    return blocks


def unbatch(x: Any, level: int, size: int) -> Any:
    """A batched result as an array with the batch in front; None stays."""
    if x is None:
        return None
    if type(x) is BatchTensor and x.level == level:
        return x.inner
    return op.broadcast_to(x, shape=(size, *type_of(x).shape))


def like_block(block: Any, output: Any, argument: Any, t: Any, s: Any) -> Any:
    """A block of a Jacobian with the right dtype; a number of a number in the argument's type."""
    shape = (*t.shape, *s.shape)
    if block is None:
        dtype = np.result_type(s.dtype, t.dtype) if t.dtype.kind in "fc" else s.dtype
        block = np.zeros(shape, dtype)
    if isinstance(block, Tensor):
        return traced_like(block, argument) if not shape else block
    if not shape:
        if type(argument) in (float, int):
            return np.asarray(block)[()].item()
        if isinstance(output, np.ndarray) or isinstance(argument, np.ndarray):
            return np.asarray(block)
        return np.asarray(block)[()]
    return np.asarray(block)


def check_holomorphic(leaves: list, holomorphic: bool, transform: str) -> None:
    """A complex derivative is taken in complex arguments."""
    if holomorphic and any(type_of(x).dtype.kind != "c" for x in leaves):
        raise DifferentiationError(
            message(
                f"{transform}(holomorphic=True) got a real argument",
                expected="complex arguments",
                instead="`complex(x)` or `x.astype(complex)`",
                operation=transform,
            )
        )


def hessian(
    function: Callable, argnums: Argnums = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable:
    """The second derivatives, by forward over reverse mode.

    Returns: a function of the same arguments; for each output leaf the arguments' structure twice,
        outside and inside.

    >>> import adjoint as ad
    >>> ad.hessian(lambda x, y: x**2 * y + y + 2, (0, 1))(3.0, 4.0)
    ((8.0, 6.0), (6.0, 0.0))
    """
    check_callable("hessian", function)
    inner = jacrev(function, argnums, has_aux, holomorphic)
    return transformed("hessian", function, jacfwd(inner, argnums, has_aux, holomorphic))


# --------------------------------------------------------------------------------------------- vmap


def vmap(function: Callable, in_axes: Any = 0, out_axes: Any = 0) -> Callable:
    """The function applied to every row of its arguments at once.

    Args:
        in_axes: which axis of the arguments is the batch: a number, None (the same for all rows),
            or a tuple or container of them that is a prefix of the arguments' structure.  Keyword
            arguments are mapped along axis 0.
        out_axes: where the batch goes in the results, likewise.

    Raises:
        ValueError: the batches have different sizes, or nothing is mapped.
        TracingError: a branch is asked of a value on which the rows disagree.

    >>> import adjoint as ad, numpy as np
    >>> ad.vmap(lambda x, y: x @ y, in_axes=(0, None))(np.ones((3, 2)), np.array([1.0, 2.0]))
    array([3., 3., 3.])
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten((args, kwargs))
        axes = tree.flatten_prefix(in_axes, args, "vmap's in_axes")
        axes += [0] * (len(leaves) - len(axes))
        leaves = [settled(x) if isinstance(x, Tensor) else x for x in leaves]
        leaves = [x if axis is None else as_array(x) for x, axis in zip(leaves, axes, strict=True)]
        size = batch_size(leaves, axes)
        with batching() as level:
            inner = [
                x if axis is None else BatchTensor(moved(x, axis, 0), level)
                for x, axis in zip(leaves, axes, strict=True)
            ]
            args, kwargs = tree.unflatten(structure, inner)
            since = next_serial()
            with overlay(function) as called:
                result = called(*args, **kwargs)
            outputs, out_structure = returned(result, since)
            targets = tree.flatten_prefix(out_axes, result, "vmap's out_axes")
            found = [
                put_back(x, axis, level, size) for x, axis in zip(outputs, targets, strict=True)
            ]
        del inner, outputs, result, args, kwargs
        return tree.unflatten(out_structure, fresh(found))

    return transformed("vmap", function, call)


def as_array(x: Any) -> Any:
    """A leaf as something with axes."""
    if type(x) is np.ndarray or isinstance(x, Tensor):
        return x
    if isinstance(x, np.ndarray) and x.dtype.kind in "biufc":
        return numeric(x)
    return np.asarray(x)


def moved(x: Any, source: int, target: int) -> Any:
    """One axis moved."""
    rank = len(type_of(x).shape)
    source, target = source % rank, target % rank
    if source == target:
        return x
    order = [k for k in range(rank) if k != source]
    order.insert(target, source)
    return op.transpose(x, axes=tuple(order))


def put_back(x: Any, axis: int | None, level: int, size: int) -> Any:
    """A result of the mapped function as the user gets it."""
    x = settled(x)  # an array made inside is a handle of what was written into it
    t = type_of(x)
    if t.dtype.kind not in "biufc":
        raise TypeError(
            message(
                f"vmap: the function returned a {type(x).__name__}",
                expected="numbers, arrays of numbers, and containers of them",
            )
        )
    is_batched = type(x) is BatchTensor and x.level == level
    rank = len(t.shape) + 1
    if axis is not None and not -rank <= axis < rank:
        raise ValueError(message(f"vmap has out_axes={axis} for a result with {rank} axes"))
    if is_batched:
        if axis is None:
            raise ValueError(
                message(
                    "vmap has out_axes=None for a result that differs from row to row",
                    expected="a result that is the same for all rows",
                    instead="`out_axes=0`",
                )
            )
        return moved(settled(x.inner), 0, axis)
    if axis is None:
        return x
    whole = op.broadcast_to(x, shape=(size, *type_of(x).shape))
    return moved(whole, 0, axis)


def stop_gradient(value: Any) -> Any:
    """The value as a constant for every derivative; containers leaf by leaf.

    >>> import adjoint as ad
    >>> ad.grad(lambda x: x * ad.stop_gradient(x))(3.0)
    3.0
    """
    return tree.map_leaves(lambda x: constant_of(x) if isinstance(x, Tensor) else x, value)


def constant_of(x: Tensor) -> Any:
    """A traced value without its derivative; an array is the user's own, to write into."""
    result = op.stop_gradient(x)
    return result.copy() if type(result) is np.ndarray else result


# ---------------------------------------------------------------------------------------------- jit


def jit(
    function: Callable | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    memory_limit: int | float | str | None = None,
    checkpoint_every: int | None = None,
) -> Any:
    """The function as native code: recorded and compiled once for each signature.

    What has no native code runs with NumPy in between; `ad.explain` tells what, and where the time
    of a call goes.  The result's method `lower(*args)` gives the program without running it: its
    text at each stage, and its address for other compiled code.

    Floats, complex numbers and arrays vary from call to call; ints, bools, strings and other
    hashable arguments belong to the signature, as do the arguments named by `static_argnums` and
    `static_argnames`.  Works as a decorator, with and without options, on methods too.

    Arrays that the function captures are read at every call, and a global or enclosing variable
    that is bound to something else is noticed.  What is inside an object is not: attributes
    (`self.rate`), the items of captured lists and dictionaries keep the values they had when the
    program was recorded.  Pass what changes as an argument.

    A compiled call does not run the Python code.  So a function that changes anything that was
    there before the call is refused, and what it changed is put back: a global, an enclosing
    variable, an attribute, a list or dictionary (one that remembers plain values too), a captured
    array, an argument that it does not return.  What it makes itself it may write into; printing,
    imports, `functools.cache` and `cached_property` of plain values are no such writes.

    `memory_limit` and `checkpoint_every` bound what reverse mode through `ad.scan`, `ad.fori_loop`
    and `ad.while_loop` keeps, where a loop has no bound of its own.

    Raises:
        TracingError: the function branches on a value that is known only when it runs, or writes
            where a compiled call would not.
        TypeError: an argument is neither a number, an array nor hashable.

    >>> import adjoint as ad
    >>> fast = ad.jit(ad.grad(lambda x: x**3))
    >>> fast(2.0)
    12.0
    """
    numbers = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    names = (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
    memory = memory_of(memory_limit, checkpoint_every, "ad.jit")
    if function is None:
        return lambda f: jit(
            f, static_argnums=numbers, static_argnames=names,
            memory_limit=memory_limit, checkpoint_every=checkpoint_every,
        )  # fmt: skip
    if not callable(function):
        raise TypeError(
            message(
                f"ad.jit got {type(function).__name__}",
                expected="a function",
                instead="`ad.jit(f)(x)`",
            )
        )
    return jitted(counterpart(function), numbers, names, memory)
