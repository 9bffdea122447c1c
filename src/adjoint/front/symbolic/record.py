"""The expression of a Python function.

Enters: a function of numbers and arrays, written with NumPy, and examples of its arguments.
Leaves: its expression, over symbols that are called as its parameters.  The function is recorded
as the bodies of loops are: on values that are not known, so that a branch on them is refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from keyword import iskeyword
from typing import Any

import numpy as np

from ...base import tree
from ...base.dtypes import WEAK, Type, readable, type_of
from ...base.errors import TracingError, message
from ...graph.node import next_serial
from ...optimize.inline import inline_calls
from ..arguments import name_of, returned, signature_of
from ..operands import stand_in
from ..overlay import overlay
from ..program import Recording, is_number, recorded, require_numbers
from .expression import Expression, as_expression, symbol, tidied
from .values import known


def symbols(names: str, shape: tuple[int, ...] = (), dtype: Any = float) -> Any:
    """Symbols by their names, separated by spaces or commas.

    Args:
        names: one name gives one symbol, several give a tuple.
        shape: the shape of each; () for numbers.
        dtype: the dtype of each; `float`, `int`, `complex` for Python's numbers.

    Raises:
        ValueError: a name is no identifier, or the shape none.
        TypeError: the names are no text, or the dtype is none of numbers.

    >>> import adjoint as ad
    >>> x, y = ad.symbols("x y")
    >>> x * y + 1
    x*y + 1
    >>> v = ad.symbols("v", shape=(3,))
    >>> (v @ v).diff(v)
    v + v
    """
    if not isinstance(names, str):
        raise TypeError(
            message(
                f"ad.symbols got a {type(names).__name__}",
                expected="names in one text",
                instead="`ad.symbols('x y')`",
            )
        )
    found = names.replace(",", " ").split()
    for name in found or [""]:
        if not name.isidentifier() or iskeyword(name):
            raise ValueError(
                message(
                    f"ad.symbols got the name {name!r}",
                    expected="names as Python's variables have them",
                    instead=f"`ad.symbols('{name}_')`"
                    if name.isidentifier()
                    else "`ad.symbols('x y')`",
                )
            )
    shape = extents(shape)
    weak = not shape and dtype in WEAK
    t = Type(shape, np.dtype(dtype), weak)
    if t.dtype.kind not in "biufc":
        raise TypeError(
            message(f"ad.symbols got the dtype {t.dtype}", expected="a dtype of numbers")
        )
    made = tuple([symbol(name, t) for name in found])
    return made[0] if len(made) == 1 else made


def extents(shape: Any) -> tuple[int, ...]:
    """A shape as NumPy takes it: a tuple of extents, or one extent."""
    found = shape if isinstance(shape, (tuple, list)) else (shape,)
    if all(isinstance(n, (int, np.integer)) and n >= 0 for n in found):
        return tuple([int(n) for n in found])
    raise ValueError(
        message(
            f"ad.symbols got the shape {shape}",
            expected="whole numbers, 0 or more",
            instead="`ad.symbols('v', shape=(3,))`",
        )
    )


def expression(function: Callable, *examples: Any) -> Any:
    """The formula that a Python function computes.

    The function is written with NumPy as ever; its parameters become symbols of their names.  What
    it returns decides what comes back: one expression, or a container of them.

    Args:
        function: of numbers, arrays and containers of them; parameters with a default keep it,
            unless an example is given.
        examples: for the parameters in their order: their shapes and dtypes count, their values do
            not.  A parameter without an example is a number.  The parts of a container are called
            `p[0]`, `p['rate']`; an expression stands for itself.

    Raises:
        TracingError: the function branches on a value, or asks for one.
        TypeError: its parameters are not known, or it returns what is no number.

    >>> import adjoint as ad, numpy as np
    >>> def f(x, y):
    ...     return x**2 * y + y + 2
    >>> ad.expression(f)
    x**2*y + y + 2
    >>> ad.expression(lambda a: np.sum(np.sin(a)), np.zeros(3))
    sum(sin(a))
    """
    if not callable(function):
        raise TypeError(
            message(
                f"ad.expression got a {type(function).__name__}",
                expected="a function",
                instead="`ad.expression(f)`, with `f` the function itself",
            )
        )
    names = parameters(function, len(examples))
    given = [*examples, *[0.0] * (len(names) - len(examples))]
    leaves, structure = tree.flatten(tuple(given))
    labels: list[str] = []
    for name, example in zip(names, given, strict=True):
        labels += [name + path for path in tree.paths(example)]
    places = [k for k, x in enumerate(leaves) if is_number(x) and type(x) is not bool]
    types = [argument_type(leaves[k]) for k in places]

    def run(inputs: list[Any]) -> tuple[list[Any], Any]:
        values = list(leaves)
        for k, x in zip(places, inputs, strict=True):
            values[k] = x
        since = next_serial()
        with overlay(function):
            found, result = returned(function(*tree.unflatten(structure, values)), since)
        require_numbers(found, name_of(function), "ad.expression")
        return found, result

    examples = tuple([stand_in(t, bool(t.shape)) for t in types])
    name = name_of(function)
    program = recorded(run, examples, name, inline_calls, Formula(body="ad.expression"))
    values = [
        leaves[k] if isinstance(leaves[k], Expression) else symbol(labels[k], t)
        for k, t in zip(places, types, strict=True)
    ]
    captured = [known(x) for x in program.captured]
    outputs = program.function.evaluate(*values, *captured)
    results = program.results([tidied(as_expression(x)) for x in outputs])
    return tree.unflatten(program.structure, results)


class Formula(Recording):
    """The recording of a function as a formula, which has no branches."""

    def answer(self, tensor: Any, what: str) -> Any:
        if what == "sound":  # whether Python would raise an error: a formula has none
            return False
        raise TracingError(
            message(
                f"the function given to ad.expression asked {what} of a value "
                f"({readable(tensor)}), and a formula has no branches",
                expected="operations on values that are the same for all of them",
                instead="`np.where(condition, a, b)` for `if`, a fixed number of steps for a loop",
                operation=what,
            )
        )


def parameters(function: Callable, count: int) -> list[str]:
    """The names of the parameters that become symbols: those without a default, and those that
    have an example."""
    found = [
        p for p in signature_of(function)
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]  # fmt: skip
    several = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in signature_of(function))
    names = [p.name for k, p in enumerate(found) if k < count or p.default is p.empty]
    if count > len(found) and several:
        names += [f"x{k}" for k in range(len(found), count)]
    if len(names) < count or (not found and not count):
        raise TypeError(
            message(
                f"ad.expression got {count} examples for the {len(found)} parameters of "
                f"{name_of(function)}",
                expected="a function whose parameters have names, and an example for each at most",
                instead="`ad.expression(lambda x, y: f(x, y))`",
                operation="ad.expression",
            )
        )
    return names


def argument_type(x: Any) -> Type:
    """The type of the symbol for an example: a Python integer stands for a number."""
    t = type_of(x)
    return type_of(0.0) if t.weak and t.dtype.kind == "i" else t
