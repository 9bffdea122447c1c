"""The same derivative by other systems: JAX, PyTorch, SymPy.

Enters: a problem.  Leaves: for each system a way to its derivative.  The idea: a plain Python
function is code and names; with the names `np` and `math` bound to the other system's functions,
the same code runs there.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from types import CellType, FunctionType
from typing import Any

import numpy as np

from ..base import tree
from ..front.arguments import name_of
from .problem import Found, Problem, Watch, Way, run
from .table import Row

MOST_FORMULAE = 400  # entries that are left to SymPy


def rebound(function: Callable, likeness: Any) -> Callable:
    """A plain Python function in which another module stands for NumPy and `math`, also in the
    functions of its module that it calls; a function that is `spelled` in words of NumPy says
    itself how it reads there."""
    if (own_way := getattr(function, "spelled", None)) is not None:
        return own_way(likeness)
    if not isinstance(function, FunctionType):
        raise TypeError(f"{name_of(function)} is no plain Python function")
    own = function.__globals__
    space: dict[str, Any] = {}
    known: dict[int, FunctionType] = {}

    def exchanged(x: Any) -> Any:
        if x is np or x is math:
            return likeness
        if isinstance(x, FunctionType) and x.__globals__ is own:
            return copied(x)
        if isinstance(x, np.ufunc) or getattr(x, "__module__", None) in ("numpy", "math"):
            return getattr(likeness, getattr(x, "__name__", ""), x)
        return x

    def copied(f: FunctionType) -> FunctionType:
        if id(f) in known:
            return known[id(f)]
        cells = tuple([CellType() for _ in f.__closure__ or ()])
        made = FunctionType(f.__code__, space, f.__name__, f.__defaults__, cells or None)
        made.__kwdefaults__ = f.__kwdefaults__
        known[id(f)] = made
        for cell, before in zip(cells, f.__closure__ or (), strict=True):
            try:
                cell.cell_contents = exchanged(before.cell_contents)
            except ValueError:
                continue  # not bound yet
        return made

    space.update({name: exchanged(x) for name, x in list(own.items())})
    return copied(function)


def jax_way(problem: Problem, scope: ExitStack) -> Way:
    """JAX in double precision, compiled, with `jax.numpy` in place of NumPy."""
    import jax
    import jax.numpy as jnp

    if hasattr(jax, "enable_x64"):
        scope.enter_context(jax.enable_x64(True))
    else:
        from jax.experimental import enable_x64

        scope.enter_context(enable_x64())
    everything = tuple(range(len(problem.leaves)))
    transform = jax.hessian if problem.kind == "hessian" else jax.jacrev

    def array(x: Any) -> Any:
        return jnp.asarray(x) if isinstance(x, np.ndarray) else x

    def make(watch: Watch) -> Callable[[], Any]:
        g = problem.on(rebound(problem.f, jnp), array)
        derivative = jax.jit(transform(g, argnums=everything))
        leaves = [jnp.asarray(x) for x in problem.leaves]
        return lambda: jax.tree_util.tree_map(np.asarray, derivative(*leaves))

    return Way("JAX, jitted", make, True)


def torch_way(problem: Problem, scope: ExitStack) -> Way:
    """PyTorch's function transforms, with `torch` in place of NumPy."""
    import torch

    everything = tuple(range(len(problem.leaves)))
    transform = torch.func.hessian if problem.kind == "hessian" else torch.func.jacrev

    def tensor(x: Any) -> Any:
        return torch.from_numpy(x.copy()) if isinstance(x, np.ndarray) else x

    def make(watch: Watch) -> Callable[[], Any]:
        g = problem.on(watch(rebound(problem.f, torch)), tensor)
        derivative = transform(g, argnums=everything)
        leaves = [torch.from_numpy(np.array(x)) for x in problem.leaves]
        return lambda: derivative(*leaves)

    return Way("PyTorch", make)


SYMPY_NAMES = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh",
    "arccosh": "acosh", "arctanh": "atanh", "absolute": "Abs", "abs": "Abs", "fabs": "Abs",
    "maximum": "Max", "minimum": "Min",
}  # fmt: skip


# What SymPy has no function of its own for, by those that it has.
SYMPY_FORMULAE: dict[str, Callable] = {
    "log1p": lambda sympy, x: sympy.log(1 + x),
    "expm1": lambda sympy, x: sympy.exp(x) - 1,
    "exp2": lambda sympy, x: 2**x,
    "log2": lambda sympy, x: sympy.log(x, 2),
    "log10": lambda sympy, x: sympy.log(x, 10),
    "hypot": lambda sympy, x, y: sympy.sqrt(x**2 + y**2),
    "logaddexp": lambda sympy, x, y: sympy.log(sympy.exp(x) + sympy.exp(y)),
}


class Formulae:
    """NumPy and `math` with SymPy's functions in place of the elementary ones."""

    def __init__(self, sympy: Any) -> None:
        self.sympy = sympy

    def __getattr__(self, name: str) -> Any:
        theirs = getattr(np, name, None)
        own = getattr(self.sympy, SYMPY_NAMES.get(name, name), None)
        if name in SYMPY_FORMULAE:
            own = partial(SYMPY_FORMULAE[name], self.sympy)
        if isinstance(theirs, np.ufunc) and own is not None:
            return np.frompyfunc(own, theirs.nin, 1)
        return getattr(math, name) if theirs is None else theirs


def sympy_way(problem: Problem, scope: ExitStack) -> Way:
    """SymPy's derivatives of SymPy's formula of the function, compiled to NumPy code."""
    import sympy

    def make(watch: Watch) -> Callable[[], Any]:
        if any(t.dtype.kind == "c" for t in (*problem.inputs, *problem.outputs)):
            raise TypeError("the formulae are of real numbers")
        count = sum(math.prod(shape) for shape in problem.shapes)
        if count > MOST_FORMULAE:
            raise ValueError(f"{count:,} entries are more than {MOST_FORMULAE}, a formula each")
        symbols: list[list[Any]] = []
        values: list[float] = []
        leaves = []
        for k, (x, t) in enumerate(zip(problem.leaves, problem.inputs, strict=True)):
            symbols.append([sympy.Symbol(f"x{k}_{n}", real=True) for n in range(t.size)])
            values += np.asarray(x, float).reshape(-1).tolist()
            if isinstance(x, np.ndarray):
                leaves.append(np.array(symbols[-1], object).reshape(t.shape))
            else:
                leaves.append(symbols[-1][0])
        result = problem.on(rebound(problem.f, Formulae(sympy)))(*leaves)
        flat = [np.asarray(y, object).reshape(-1) for y in tree.flatten(result)[0]]
        orders = 2 if problem.kind == "hessian" else 1
        entries = [
            sympy.diff(y, *along)
            for some in flat
            for inputs in itertools.product(symbols, repeat=orders)
            for y in map(sympy.sympify, some)
            for along in itertools.product(*inputs)
        ]
        call = sympy.lambdify([s for some in symbols for s in some], entries, "numpy", cse=True)
        sizes = [math.prod(shape) for shape in problem.shapes]
        starts = [0, *itertools.accumulate(sizes)]

        def evaluated() -> list[np.ndarray]:
            found = np.array(call(*values), float)
            return [
                found[a : a + n].reshape(shape)
                for a, n, shape in zip(starts, sizes, problem.shapes, strict=False)
            ]

        return evaluated

    return Way("SymPy, lambdified", make, True)


PEERS = {"jax": jax_way, "torch": torch_way, "sympy": sympy_way}


def peer_rows(problem: Problem, peers: Sequence[str] | None, budget: float) -> Iterator[Found]:
    """The rows of other systems; of those that nobody asked for by name, only what is installed."""
    for name in PEERS if peers is None else peers:
        with ExitStack() as scope, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                way = PEERS[name](problem, scope)
            except ImportError:
                if peers is not None:
                    yield Found(Row(name, note=f"is not installed: pip install {name}"), None)
                continue
            found = run(problem, way, budget)
        yield found
