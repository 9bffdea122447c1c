"""One derivative in every way there is: by hand, by differences, by either mode, compiled, by
formulae, by other systems.

Enters: a function and arguments.  Leaves: `Ways`, a table of rows, each with the value, its error,
its times and how often it ran the function.  A way that fails is a row that says why.

The reference is a complex step in extended precision, which shares no rule with any of the ways,
where the function takes such numbers and differences confirm it; else reverse mode in the
arguments' own precision.  Source of the complex step: Squire and Trapp, *Using complex variables to
estimate derivatives of real functions* (1998).
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..api import grad, hessian, jacfwd, jacrev, jit
from ..base import tree
from ..base.dtypes import is_inexact, type_of
from ..base.errors import message
from ..front.arguments import Argnums, name_of
from ..front.symbolic import Expression, expression
from ..testing import finite_difference
from .formula import as_function
from .judge import judged
from .observe import observed
from .peers import MOST_FORMULAE, PEERS, peer_rows
from .problem import (
    Estimated,
    Found,
    Maker,
    Problem,
    Watch,
    Way,
    best_of,
    difference,
    reason,
    run,
)
from .table import Row, Verdict, Ways, short

FIRST = ("gradient", "derivative", "jacobian")  # one and the same: the output says which it is
KINDS = (*FIRST, "hessian")
REVERSE, SECOND = "reverse mode", "forward over reverse"  # the references, where they must be
RICHARDSON = "Richardson extrapolation"
BUDGET = 0.05  # seconds that the calls of a way take

__all__ = [
    "BUDGET", "Problem", "Row", "Verdict", "Ways", "as_function", "best_of", "compare", "judged",
    "observed", "reason", "short",
]  # fmt: skip

# ------------------------------------------------------------------------------------- our own ways


def differences(problem: Problem, method: str, step: float | None) -> Maker:
    """First derivatives by finite differences, with their own estimate of the error."""

    def make(watch: Watch) -> Callable[[], Any]:
        g = problem.on(watch(problem.f))
        return lambda: Estimated(
            *finite_difference(g, problem.leaves, method, step, return_error=True)
        )

    return make


def nested(problem: Problem, inner: str, outer: str, step: float | None, power: float) -> Maker:
    """Second derivatives as differences of differences, with one step for both: eps**power, scaled
    by the largest argument."""
    largest = max([float(np.max(np.abs(x), initial=0.0)) for x in problem.leaves], default=1.0)
    kinds = [t.dtype for t in (*problem.inputs, *problem.outputs) if is_inexact(t.dtype)]
    epsilon = max(float(np.finfo(t).eps) for t in kinds)
    h = step or epsilon**power * max(1.0, largest if np.isfinite(largest) else 1.0)
    own = None if inner == "complex" else h

    def make(watch: Watch) -> Callable[[], Any]:
        g = problem.on(watch(problem.f))

        def gradient(*leaves: Any) -> Any:
            return finite_difference(g, leaves, inner, own)

        return lambda: finite_difference(gradient, problem.leaves, outer, h)

    return make


def transformed(problem: Problem, *transforms: Callable, is_compiled: bool = False) -> Maker:
    """Our transforms, the innermost first."""

    def make(watch: Watch) -> Callable[[], Any]:
        derivative = watch(problem.f)
        for transform in transforms:
            derivative = transform(derivative, problem.argnums)
        call = jit(derivative) if is_compiled else derivative
        return lambda: call(*problem.args, **problem.kwargs)

    return make


def first_ways(problem: Problem, step: float | None) -> list[Way]:
    """All ways to first derivatives that are our own."""
    is_real = problem.is_number and problem.outputs[0].dtype.kind != "c"
    reverse = grad if is_real else jacrev
    n = sum(t.size for t in problem.inputs)
    width = n * max(n, *(t.size for t in problem.outputs))
    return [
        Way("forward differences", differences(problem, "forward", step), runs=3 * n),
        Way("central differences", differences(problem, "central", step), runs=4 * n),
        Way(RICHARDSON, differences(problem, "richardson", step), runs=12 * n),
        Way("complex step", differences(problem, "complex", step), runs=n),
        Way("forward mode", transformed(problem, jacfwd), numbers=width),
        Way(REVERSE, transformed(problem, reverse)),
        Way("reverse mode, jitted", transformed(problem, reverse, is_compiled=True), True),
    ]


def second_ways(problem: Problem, step: float | None) -> list[Way]:
    """The same for the Hessian."""
    everything = tuple(range(len(problem.leaves)))

    def slope(watch: Watch) -> Callable[[], Any]:
        gradient = jacrev(problem.on(watch(problem.f)), everything)
        return lambda: finite_difference(gradient, problem.leaves, "central", step)

    n = sum(t.size for t in problem.inputs)
    forward = nested(problem, "forward", "forward", step, 1 / 3)
    central = nested(problem, "central", "central", step, 1 / 4)
    imaginary = nested(problem, "complex", "central", step, 1 / 3)
    return [
        Way("forward differences, twice", forward, runs=9 * n * n),
        Way("central differences, twice", central, runs=16 * n * n),
        Way("differences of a complex step", imaginary, runs=4 * n * n),
        Way("differences of reverse mode", slope, runs=20 * n),
        Way("forward over forward", transformed(problem, jacfwd, jacfwd), numbers=n**3),
        Way("reverse over reverse", transformed(problem, jacrev, jacrev)),
        Way(SECOND, transformed(problem, hessian)),
        Way("forward over reverse, jitted", transformed(problem, hessian, is_compiled=True), True),
    ]


def by_hand(manual: Any, problem: Problem) -> Maker:
    """What the user wrote: a function of the same arguments, or the derivative itself."""
    if not callable(manual):
        return lambda watch: lambda: manual
    return lambda watch: lambda: manual(*problem.args, **problem.kwargs)


def elements(e: Any, chosen: Sequence[str]) -> list[Any]:
    """The numbers of an expression; an array that is differentiated by numbers only stays whole."""
    if not e.shape or not any(s.shape for s in e.symbols if s.free[0] in chosen):
        return [e]
    if math.prod(e.shape) > MOST_FORMULAE:
        raise ValueError(f"{math.prod(e.shape):,} elements are more than {MOST_FORMULAE}")
    return [e[index] for index in np.ndindex(e.shape)]


def derived(e: Any, chosen: Sequence[str], orders: int) -> dict[tuple[str, ...], Any]:
    """The derivatives of an expression by those of the chosen symbols that it has."""
    symbols = [s for s in e.symbols if s.free[0] in chosen]
    names = [s.free[0] for s in symbols]
    if not symbols:
        return {}
    if orders == 2:
        rows = zip(names, e.hessian(*symbols), strict=True)
        return {(a, b): x for a, row in rows for b, x in zip(names, row, strict=True)}
    found = [e.diff(s) for s in symbols] if e.shape else e.gradient(*symbols)
    return {(a,): x for a, x in zip(names, found, strict=True)}


def formulae(problem: Problem) -> Way:
    """Our own formulae: derived once, then evaluated by NumPy."""

    def make(watch: Watch) -> Callable[[], Any]:
        if any(t.dtype.kind == "c" for t in (*problem.inputs, *problem.outputs)):
            raise TypeError("complex numbers are not taken")
        function, given, names = problem.by_position
        outputs = tree.flatten(expression(function, *given))[0]
        values: dict[str, Any] = {}
        for name, x in zip(names, given, strict=True):
            labels = [name + path for path in tree.paths(x)]
            values |= zip(labels, tree.flatten(x)[0], strict=True)
        chosen = problem.labels  # also where the result does not depend on it
        orders = 2 if problem.kind == "hessian" else 1
        keys = list(itertools.product(chosen, repeat=orders))
        wanted: list[list[Any]] = []  # the parts of each block
        for e in outputs:
            parts = [derived(x, chosen, orders) for x in elements(e, chosen)]
            wanted += [[part.get(key) for part in parts] for key in keys]

        def evaluated() -> list[Any]:
            blocks = []
            for parts, shape in zip(wanted, problem.shapes, strict=True):
                found = np.zeros((len(parts), math.prod(shape) // max(len(parts), 1)))
                for row, e in zip(found, parts, strict=True):
                    if e is not None:
                        row[:] = np.ravel(e.evaluate({n: values[n] for n in e.free}))
                blocks.append(found.reshape(shape))
            return blocks

        return evaluated

    return Way("formulae", make, True)


# --------------------------------------------------------------------------------------- the table


def extended(problem: Problem, richardson: Found) -> list[np.ndarray] | None:
    """First derivatives by a complex step in extended precision; None where the machine has none,
    where the function does not keep it, or where differences do not confirm them."""
    types = [*problem.inputs, *(t for t in problem.outputs if is_inexact(t.dtype))]
    if np.finfo(np.longdouble).eps > 1e-18 or any(t.dtype.kind == "c" for t in types):
        return None
    if richardson.blocks is None or richardson.estimates is None:
        return None
    leaves = [np.asarray(x, np.longdouble)[()] for x in problem.leaves]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            outputs = tree.flatten(problem.on(problem.f)(*leaves))[0]
            for x, t in zip(outputs, problem.outputs, strict=True):
                if is_inexact(t.dtype) and type_of(x).dtype != np.longdouble:
                    return None
            found = finite_difference(problem.on(problem.f), leaves, "complex")
        blocks = [np.asarray(x, float) for x in tree.flatten(found)[0]]
    except Exception:  # whatever the user's function raises: it takes no such numbers
        return None
    for x, y, width in zip(blocks, richardson.blocks, richardson.estimates, strict=True):
        if not (np.abs(x - y) <= 10 * width + 1e-6 * np.abs(y)).all():
            return None
    return blocks


@np.errstate(all="ignore")  # the notes say what is not finite
def compare(
    f: Callable,
    *args: Any,
    manual: Any = None,
    argnums: Argnums = 0,
    kind: str = "gradient",
    symbolic: bool = True,
    peers: Sequence[str] | None = None,
    step: float | None = None,
    kwargs: dict[str, Any] | None = None,
    budget: float = BUDGET,
) -> Ways:
    """One derivative in every way there is, with errors, times and runs of the function.

    What is given by hand is judged (`by_hand`: right, or what is probably wrong), and what spoils
    the derivative at this point is said (`notes`: a kink, a jump, a random function, no finite
    value).

    The ways: by hand, finite differences of four methods, forward and reverse mode, compiled code,
    formulae, and JAX, PyTorch and SymPy where they are installed.  For JAX and PyTorch, the
    function's `np` and `math` become `jax.numpy` and `torch`; for SymPy, their elementary functions
    become SymPy's.  A way that cannot take the function has a row that says why.

    Args:
        f: a function of numbers, arrays and containers of them, or an expression; it runs many
            times.
        args: its arguments.
        manual: the derivative by hand: a function of the same arguments, or the value.
        argnums: which arguments: a position, a name, or a tuple of them.
        kind: "gradient" for first derivatives (of a function with one number as its result the
            gradient, else the Jacobian; "derivative" and "jacobian" say the same), "hessian" for
            second ones.
        symbolic: whether to derive formulae too.
        peers: of "jax", "torch" and "sympy"; by default those that are installed.
        step: of the finite differences; by default each method's own.
        kwargs: further arguments, by keyword.
        budget: seconds that the calls of each way take; each is called twice at least.

    Returns: a `Ways`: `rows` are the data; `str`, `markdown()` and a notebook show a table.  The
        error is the largest difference of an entry from the reference: a complex step in extended
        precision where the function takes one and differences confirm it, else reverse mode.

    Raises:
        ValueError: there is no such kind, no such peer, or no such step.
        DifferentiationError: an argument is no float.
        Exception: whatever the function itself raises for these arguments.

    >>> import adjoint as ad
    >>> def f(x, y):
    ...     return x**2 * y + y + 2
    >>> found = ad.compare(f, 3.0, 4.0, argnums=(0, 1), manual=lambda x, y: (2 * x * y, x**2 + 1))
    >>> found["by hand"].value, found["by hand"].error
    ((24.0, 10.0), 0.0)
    >>> found["reverse mode"].value, found["reverse mode"].evaluations
    ((24.0, 10.0), 1)
    >>> 0 < found["forward differences"].error < 1e-5
    True
    >>> ad.compare(f, 3.0, 4.0, argnums=(0, 1), manual=(12.0, 5.0)).by_hand.text
    'it is 1/2 times what it should be'
    >>> ad.compare(lambda x: abs(x) + x, 0.0).notes[0][:34]
    '<lambda> has a kink at this point:'
    """
    check_choice("kind", kind, KINDS)
    for name in peers or ():
        check_choice("peers", name, tuple(PEERS))
    if isinstance(f, Expression):
        f = as_function(f)
    if step is not None and not 0 < step < math.inf:
        raise ValueError(
            message(
                f"ad.compare got step={step!r}",
                expected="a number above 0, or None for each method's own step",
                operation="compare",
            )
        )
    problem = Problem(f, args, dict(kwargs or {}), argnums, kind)
    ways = [] if manual is None else [Way("by hand", by_hand(manual, problem))]
    ways += second_ways(problem, step) if kind == "hessian" else first_ways(problem, step)
    ways += [formulae(problem)] if symbolic else []
    found = {way.name: run(problem, way, budget) for way in ways}
    everything = [*found.values(), *peer_rows(problem, peers, budget)]
    exact, reference = None, ""
    if kind != "hessian":
        exact = extended(problem, found[RICHARDSON])
        reference = "" if exact is None else "complex step, extended precision"
    for name in () if exact is not None else (SECOND, REVERSE, RICHARDSON):
        if name in found and found[name].blocks is not None:
            exact, reference = found[name].blocks, name
            break
    rows = []
    for row, blocks, _ in everything:
        if blocks is not None and exact is not None:
            row = replace(row, error=difference(blocks, exact))
        rows.append(row)
    verdict = None
    if "by hand" in found and exact is not None:
        hand = found["by hand"]
        widths = found[RICHARDSON].estimates if reference == RICHARDSON else None
        verdict = Verdict(False, hand.row.note)
        if hand.blocks is not None:
            labels = problem.block_labels
            verdict = judged(hand.blocks, exact, labels, problem.epsilon, widths)
    notes = tuple(observed(problem, name_of(f)))
    return Ways(name_of(f), problem.title, problem.at, reference, tuple(rows), verdict, notes)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """An argument is one of a few words."""
    if value not in choices:
        raise ValueError(
            message(
                f"ad.compare got {name}={value!r}",
                expected=f"one of {', '.join(map(repr, choices))}",
                operation="compare",
            )
        )
