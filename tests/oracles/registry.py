"""The register of NumPy programs that the derivative tests run, and the small tools they share.

A program is a plain function whose first parameters are named after the modules it uses: `np`, and
where needed `special` (SciPy's special functions); the rest are its arguments. The same function
runs on NumPy (and so, through NumPy's protocols, on adjoint) and on `jax.numpy`. `@program(make)`
registers it with the function that draws its arguments from a seeded generator.
"""

import inspect
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

SCALAR = "jvp vjp gradient hvp hessian"
ARRAY = "jvp vjp jacobian hvp"
MODULES = ("np", "special")
PROGRAMS: dict[str, "Program"] = {}


@dataclass(frozen=True)
class Program:
    """One program: how to call it, on what, and what to compare.

    `kinds` names derivatives, the value being always compared: `gradient`, `hessian` (of a real
    scalar), `jacobian` (forward and reverse), `jvp`, `vjp`, and `hvp` (of a weighted sum of the
    outputs). `jax` is the same mathematics for JAX where the code cannot be shared, or a string
    that says why JAX cannot run it. `branches` marks programs whose Python control flow depends on
    differentiated values: these are neither compiled nor batched. `smooth` is False where the
    arguments lie on a corner, so that finite differences cannot judge. `fine` scales the
    tolerance of finite differences for programs that amplify rounding errors, and `reach` their
    steps, for programs with corners near by.
    """

    name: str
    function: Callable[..., Any]
    make: Callable[[numpy.random.Generator], tuple]
    kinds: tuple[str, ...]
    jax: Callable[..., Any] | str | None
    branches: bool
    smooth: bool
    batched: bool
    fine: float
    reach: float

    def arguments(self) -> tuple:
        """The program's arguments, the same at every call."""
        return self.make(numpy.random.default_rng(zlib.crc32(self.name.encode())))

    def on(self, **modules: Any) -> Callable[..., Any]:
        """The program as a function of its arguments alone, on these modules."""
        return bind(self.function, modules)

    def on_jax(self, **modules: Any) -> Callable[..., Any]:
        """The same for JAX, which may have a version of its own."""
        return bind(self.jax if callable(self.jax) else self.function, modules)

    @property
    def single(self) -> bool:
        """Whether any argument has single precision."""
        return any(
            numpy.result_type(leaf) in (numpy.float32, numpy.complex64)
            for leaf in leaves(self.arguments())
        )


def program(
    make,
    kinds=SCALAR,
    jax=None,
    branches=False,
    smooth=True,
    batched=True,
    fine=1.0,
    reach=1.0,
):
    """Register the decorated function as a program; see `Program`."""

    def register(function):
        name = function.__name__
        assert name not in PROGRAMS, f"two programs are called {name}"
        PROGRAMS[name] = Program(
            name, function, make, tuple(kinds.split()), jax, branches, smooth, batched, fine, reach
        )
        return function

    return register


def bind(function, modules):
    """`function` with its leading module parameters filled in."""
    names = [name for name in inspect.signature(function).parameters if name in MODULES]
    chosen = [modules[name] for name in names]
    return lambda *arguments: function(*chosen, *arguments)


def tree_map(function, tree, *rest):
    """Apply `function` to the leaves of nested dicts, lists, tuples and named tuples."""
    if isinstance(tree, dict):
        return {key: tree_map(function, tree[key], *(r[key] for r in rest)) for key in sorted(tree)}
    if isinstance(tree, (list, tuple)):
        assert all(len(r) == len(tree) for r in rest), "the containers differ in length"
        items = [tree_map(function, *parts) for parts in zip(tree, *rest, strict=True)]
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)
    return function(tree, *rest)


def leaves(tree):
    """The leaves of a tree in a fixed order."""
    found = []
    tree_map(found.append, tree)
    return found


def is_inexact(value) -> bool:
    """Whether a leaf is of a floating or complex type."""
    return numpy.issubdtype(numpy.result_type(value), numpy.inexact)


def is_complex(value) -> bool:
    """Whether a leaf is of a complex type."""
    return numpy.issubdtype(numpy.result_type(value), numpy.complexfloating)


def differentiable(arguments) -> tuple[int, ...]:
    """The positions of the arguments whose leaves are all floating or complex."""
    return tuple(
        i for i, argument in enumerate(arguments) if all(map(is_inexact, leaves(argument)))
    )


def close_over(function, arguments, positions):
    """`function` of the arguments at `positions`, the others held at their values."""

    def of_some(*some):
        filled = list(arguments)
        for position, value in zip(positions, some, strict=True):
            filled[position] = value
        return function(*filled)

    return of_some


def random_like(tree, seed):
    """A tree of normal numbers with the shapes and types of `tree`."""
    rng = numpy.random.default_rng(seed)

    def draw(leaf):
        values = rng.normal(size=numpy.shape(leaf))
        if is_complex(leaf):
            values = values + 1j * rng.normal(size=numpy.shape(leaf))
        values = numpy.asarray(values, numpy.result_type(leaf))
        return values[()] if numpy.ndim(leaf) else values.item()

    return tree_map(draw, tree)


def weighted(function, np, weights):
    """The real scalar `sum(weight * output)` over all outputs of `function`."""

    def total(*arguments):
        result = 0.0
        for weight, leaf in zip(weights, leaves(function(*arguments)), strict=True):
            part = np.sum(weight * leaf)
            result = result + (np.real(part) if is_complex(weight) else part)
        return result

    return total


def assert_close(got, expected, tolerance, what):
    """Fail unless both trees have one structure and agree relative to the largest entry."""
    reference = [numpy.asarray(leaf) for leaf in leaves(expected)]
    scale = max([0.01] + [float(numpy.max(numpy.abs(leaf))) for leaf in reference if leaf.size])

    def compare(wanted, value):
        wanted, value = numpy.asarray(wanted), numpy.asarray(value)
        assert value.shape == wanted.shape, f"{what}: shape {value.shape}, not {wanted.shape}"
        assert value.dtype.kind == wanted.dtype.kind, f"{what}: {value.dtype}, not {wanted.dtype}"
        if wanted.size == 0:
            return
        error = numpy.abs(value - wanted)
        assert numpy.all(error <= tolerance * scale), (
            f"{what}: off by {numpy.max(error) / scale:.1e} of the scale {scale:.3g} "
            f"(allowed {tolerance:.0e})\ngot {value}\nexpected {wanted}"
        )

    check_structure(expected, got, what)
    tree_map(compare, expected, got)


def check_structure(expected, got, what):
    """Fail unless both trees are made of the same containers."""
    if isinstance(expected, (dict, list, tuple)):
        assert type(got) is type(expected), f"{what}: {type(got)}, not {type(expected)}"
        assert len(got) == len(expected), f"{what}: {len(got)} items, not {len(expected)}"
        for key in expected if isinstance(expected, dict) else range(len(expected)):
            check_structure(expected[key], got[key], what)
    else:
        assert not isinstance(got, (dict, list, tuple)), f"{what}: {type(got)} for a leaf"
