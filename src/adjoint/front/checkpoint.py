"""`checkpoint`: a function whose values reverse mode computes again.

Enters: a function, and what of it is to be kept.  Leaves: a function that does the same; inside a
differentiation it is recorded apart, as one operation (`ops.control.checkpoint`), which keeps its
arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import update_wrapper
from typing import Any

from ..base import tree
from ..base.dtypes import is_inexact
from ..base.errors import message
from ..graph import op
from ..graph.function import close
from ..graph.node import Node, next_serial
from ..graph.op import Traced
from ..transform import recompute as _recompute  # noqa: F401  (how it is differentiated)
from .arguments import name_of, returned
from .context import context
from .guards import Inside
from .operands import functions
from .overlay import counterpart, overlay
from .program import Program, is_number, record_program
from .trace import is_tracing, settled

Policy = None | str | Collection[str] | Callable[[Node], Any]


def checkpoint(function: Callable | None = None, *args: Any, policy: Policy = None) -> Any:
    """The same function; reverse mode keeps its arguments and computes what is inside again.

    For the price of one more run forward, the memory of a differentiation falls from all that the
    function computes to its arguments, its results and what the policy keeps.  Without a
    differentiation it is the function itself.

    Args:
        function: any function of numbers, arrays and containers of them. Left out: a decorator.
        policy: what is kept besides: None for nothing; "contractions" for the results of matrix
            products and the like, which are dear to compute; a collection of names that were
            given with `ad.checkpoint_name`; or a function of a node of the graph (`node.primitive`,
            `node.shape`, `node.dtype`) that says whether to keep its value.

    Returns: a function of the same arguments.

    Raises:
        TypeError: the function is none, or the policy is of another kind.
        ValueError: a text that is no policy.

    Under `jit` and `vmap` a function that branches on data (`if x > 0`) is run as it is: it is
    then not computed again. Of tensors that record (`ad.tensor`) the policy is not looked at, and
    the function must compute the same bits whenever it runs.

    >>> import adjoint as ad, numpy as np
    >>> layer = ad.checkpoint(lambda w, x: np.tanh(w * x) * x)
    >>> float(round(ad.grad(lambda w: layer(w, layer(w, 2.0)))(0.5), 12)) == float(
    ...     round(ad.grad(lambda w: np.tanh(w * (y := np.tanh(w * 2.0) * 2.0)) * y)(0.5), 12)
    ... )
    True

    Method: Chen, Xu, Zhang and Guestrin, *Training deep nets with sublinear memory cost* (2016).
    """
    if args:
        raise TypeError(
            message(
                f"ad.checkpoint got a function and {len(args)} arguments for it",
                expected="a function",
                instead="`ad.checkpoint(f)(x)`",
                operation="ad.checkpoint",
            )
        )
    keeps = judge(policy)
    if function is None:
        return lambda f: checkpoint(f, policy=policy)
    if not callable(function):
        raise TypeError(
            message(
                f"ad.checkpoint got a {type(function).__name__}",
                expected="a function",
                instead="`ad.checkpoint(f)(x)`: the function itself, then its arguments",
            )
        )

    def call(*args: Any, **kwargs: Any) -> Any:
        if not is_tracing():
            found = functions["recomputed"](function, args, kwargs)
            return function(*args, **kwargs) if found is NotImplemented else found
        leaves, structure = tree.flatten((args, kwargs))
        leaves = [settled(x) for x in leaves]
        places = [k for k, x in enumerate(leaves) if isinstance(x, Traced)]

        def run(inputs: list[Any]) -> tuple[list[Any], Any]:
            given = list(leaves)
            for k, x in zip(places, inputs, strict=True):
                given[k] = x
            inner_args, inner_kwargs = tree.unflatten(structure, given)
            since = next_serial()
            with overlay(function) as called:
                return returned(called(*inner_args, **inner_kwargs), since)

        try:
            once = context.program is None and not context.batches
            program = record_program(
                run, [leaves[k] for k in places], name_of(function), lambda graph: graph, once
            )
        except Inside:
            return counterpart(function)(*args, **kwargs)
        return applied(program, [leaves[k] for k in places], keeps)

    return update_wrapper(call, function)


def applied(program: Program, given: Sequence[Any], keeps: Callable[[Node], Any]) -> Any:
    """The results of a recorded function as one operation."""
    graph = program.function
    given_nodes, results = set(graph.inputs), set(graph.outputs)
    kept = [
        node
        for node in graph.order
        if node not in given_nodes and node not in results and can_be_kept(node) and keeps(node)
    ]
    whole = close(graph.inputs, [*graph.outputs, *kept], graph.name)[0]
    count = len(graph.outputs)
    found = op.checkpoint(*program.inputs(list(given)), function=whole, results=count)
    return tree.unflatten(program.structure, program.results(list(found[:count])))


def can_be_kept(node: Node) -> bool:
    """Whether a node has a value of floats."""
    return type(node.dtype) is not tuple and is_inexact(node.dtype) and (
        node.primitive.name != "constant"
    )  # fmt: skip


def judge(policy: Policy) -> Callable[[Node], Any]:
    """Whether a policy keeps the value of a node."""
    if policy is None:
        return lambda node: False
    if isinstance(policy, str):
        if policy == "contractions":
            return lambda node: node.primitive.kind == "contraction"
        raise ValueError(
            message(
                f"ad.checkpoint got policy={policy!r}",
                expected='None, "contractions", a collection of names, or a function of a node',
                instead=f"`policy=[{policy!r}]` for a value named {policy!r}",
            )
        )
    if callable(policy):
        return policy
    if isinstance(policy, Collection) and all(isinstance(x, str) for x in policy):
        names = frozenset(policy)
        return lambda node: node.primitive.name == "named" and node.parameters["name"] in names
    raise TypeError(
        message(
            f"ad.checkpoint got a {type(policy).__name__} as its policy",
            expected='None, "contractions", a collection of names, or a function of a node',
        )
    )


def checkpoint_name(x: Any, name: str) -> Any:
    """The value itself, under a name by which `ad.checkpoint(f, policy=[name])` keeps it.

    >>> import adjoint as ad, numpy as np
    >>> def f(x):
    ...     return np.sin(ad.checkpoint_name(np.exp(x), "inner"))
    >>> round(ad.grad(ad.checkpoint(f, policy=["inner"]))(0.5), 6)
    -0.128347
    """
    if not isinstance(name, str):
        raise TypeError(message(f"ad.checkpoint_name got {name!r} as a name", expected="a text"))
    x = settled(x)
    if not is_number(x):
        raise TypeError(
            message(
                f"ad.checkpoint_name got a {type(x).__name__}",
                expected="a number or an array of numbers",
            )
        )
    return op.named(x, name=name) if isinstance(x, Traced) else x
