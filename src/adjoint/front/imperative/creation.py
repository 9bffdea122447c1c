"""`ad.tensor`: tensors from data.

Enters: numbers, arrays, tensors, lists of them; inside a transform also its traced values.  Leaves:
tensors.  One that is made inside a transform stands above the handles of that: it records what is
done with it, its passes are operations of the transform, and what the function returns of it is the
traced value that it holds (`EagerTensor.outside`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...base.errors import message
from ...graph.node import NEVER, Node
from ...graph.op import Traced
from ..context import context
from ..operands import functions, has_traced
from ..trace import is_tracing
from .tensor import EagerTensor, arrays


def tensor(data: Any, dtype: Any = None, requires_grad: bool = False) -> EagerTensor:
    """A tensor that holds a copy of the data, and records what is done with it.

    Args:
        data: a number, an array, a tensor, or nested lists of them.
        dtype: of the result; by default NumPy's: float64 for Python floats, int64 for ints.
        requires_grad: whether gradients may be asked for with respect to it.

    Returns:
        An eager tensor: operators, methods and NumPy's functions work on it, with NumPy's
        promotion.

    Raises:
        AutogradError: (a `RuntimeError`) a gradient is required of integers.
        TypeError: the data are no numbers.

    >>> import adjoint as ad, numpy as np
    >>> x = ad.tensor([1.0, 2.0], requires_grad=True)
    >>> y = np.sum(np.sin(x) * x)
    >>> y.backward()
    >>> x.grad
    tensor([1.38177329, 0.07700375])
    """
    data = arrays(data)
    if not isinstance(data, Traced) and has_traced(data):
        data = functions[np.array](data)
    depth = 0.0
    if is_tracing():
        depth, context.has_tensors = context.level + 0.25, True
    if isinstance(data, Traced):
        found: Any = data if dtype is None else data.astype(dtype)  # type: ignore[attr-defined]
        plain = unrecorded(found)  # an array that a function makes while it is differentiated
        if plain is None and not depth:
            return found  # a dual number, an expression
        if plain is None:
            made = EagerTensor(found.twin())
            made.depth = depth
            return made.requires_grad_() if requires_grad else made
        data = plain
    value = np.array(data, dtype)
    if value.dtype.kind not in "biufc":
        raise TypeError(
            message(
                f"tensor() got data of dtype {value.dtype}",
                expected="numbers, arrays of numbers, or nested lists of them",
                operation="tensor",
            )
        )
    made = EagerTensor(value)
    if depth:
        made.depth = depth
    functions["introduce"]()
    return made.requires_grad_() if requires_grad else made


def unrecorded(x: Any) -> np.ndarray | None:
    """The array behind a transform's handle that depends on nothing; None where there is none."""
    while isinstance(x, Traced):
        node = getattr(x, "node", None)
        if type(node) is not Node or node.root != NEVER or getattr(x, "pending", None) is not None:
            return None
        x = x.held()  # type: ignore[attr-defined]
    return x if type(x) is np.ndarray else np.asarray(x)


def mark_variables(
    variables: Any, gradients: Any, grad_reqs: str | Sequence[str] = "write"
) -> None:
    """Ask for gradients with respect to tensors, and have passes leave them in given tensors, as
    MXNet's `autograd.mark_variables`.

    Args:
        variables: a tensor or several; what made them is forgotten.
        gradients: for each a tensor of its shape and dtype, which is its `.grad` from now on.
        grad_reqs: "write", "add" or "null", for all or for each.

    Raises:
        ValueError: there are not as many gradients as variables, or a request is another word.
        AutogradError: (a `RuntimeError`) a gradient has another shape or dtype.

    >>> import adjoint as ad
    >>> x, g = ad.tensor([1.0, 2.0]), ad.tensor([0.0, 0.0])
    >>> ad.autograd.mark_variables(x, g)
    >>> (x**2).sum().backward()
    >>> g
    tensor([2., 4.])
    """
    if isinstance(variables, EagerTensor):
        variables, gradients = [variables], [gradients]
    requests = [grad_reqs] * len(variables) if isinstance(grad_reqs, str) else list(grad_reqs)
    if not len(variables) == len(gradients) == len(requests):
        raise ValueError(
            message(
                f"mark_variables got {len(variables)} variables, {len(gradients)} gradients and "
                f"{len(requests)} requests",
                expected="one gradient and one request for each variable",
                operation="mark_variables",
            )
        )
    for x, gradient, request in zip(variables, gradients, requests, strict=True):
        x.attach_grad(request)
        x.grad = gradient


functions["tensor"] = tensor

__all__ = ["mark_variables", "tensor"]
