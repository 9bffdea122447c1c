"""The passes over a closed graph, in order: the only list of them.

Enters: a closed graph.  Leaves: an equal one that is cheaper to run.  Every pass is a function from
`Function` to `Function`, with a name under which its result can be printed.  With `ADJOINT_CHECK=1`
in the environment the graph is verified after every pass.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ..base.errors import GraphError
from ..graph.check import verify
from ..graph.function import Function
from .inline import inline_calls
from .loops import tidy_loops
from .pack import pack_loops
from .simplify import simplify

PASSES: tuple[tuple[str, Callable[[Function], Function]], ...] = (
    ("inline", inline_calls),
    ("simplify", simplify),
    ("loops", tidy_loops),
    ("pack", pack_loops),
    ("simplify again", simplify),
)


def optimize(function: Function, watch: Callable[[str, Function], None] | None = None) -> Function:
    """Run all passes; `watch(name, function)` sees the graph after each that changed it."""
    for name, apply_pass in PASSES:
        before, function = function, apply_pass(function)
        if function is before:
            continue
        if os.environ.get("ADJOINT_CHECK") == "1":
            checked(function, name)
        if watch is not None:
            watch(name, function)
    return function


def checked(function: Function, after: str) -> None:
    """Verify a graph; the error names the pass that made it."""
    try:
        verify(function)
    except GraphError as error:
        raise GraphError(f"after the pass {after!r}: {error}") from error
