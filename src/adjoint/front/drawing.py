"""NumPy's random numbers while a trace runs: drawn at once, and constants of the trace.

Enters: `numpy.random`.  Leaves: its functions and generators, whose arrays traced values can be
written into.  Under `jit` what is drawn would be the same at every call: a generator that is seeded
inside the function is one, all else is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..base.errors import TracingError, message
from .context import context
from .trace import is_tracing, local

LEGACY = (
    "beta binomial chisquare choice dirichlet exponential f gamma geometric gumbel hypergeometric"
    " laplace logistic lognormal logseries multinomial multivariate_normal negative_binomial"
    " noncentral_chisquare noncentral_f normal pareto permutation poisson power rand randint randn"
    " random random_integers random_sample ranf rayleigh sample shuffle standard_cauchy"
    " standard_exponential standard_gamma standard_normal standard_t triangular uniform vonmises"
    " wald weibull zipf"
).split()
GENERATOR = [
    name for name in dir(np.random.Generator)
    if not name.startswith("_") and name not in ("bit_generator", "spawn")
]  # fmt: skip


def refuse(name: str) -> None:
    """Raise under `jit`: the program that runs later would not draw."""
    if context.program is not None:
        raise TracingError(
            message(
                f"under `jit` {name} was asked for random numbers, which would be the same at "
                "every call",
                expected="a sample that is an argument, or a generator that is seeded inside the "
                "function",
                instead="`ad.random.normal(key, shape)` with a key that is an argument, or "
                "`np.random.default_rng(seed)` inside the function",
                operation=name,
            )
        )


class Generator(np.random.Generator):
    """NumPy's generator; the arrays that it draws while a trace runs are as if made inside.  One
    without a seed draws nothing under `jit`."""

    is_seeded = True


class RandomState(np.random.RandomState):
    """NumPy's older generator, likewise."""

    is_seeded = True


def drawing(kind: Any, name: str) -> Callable:
    """A method of a generator."""
    method = getattr(kind.__base__, name)

    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.is_seeded:
            refuse(f"an unseeded generator's {name}")
        found = method(self, *args, **kwargs)
        return local(found) if is_tracing() else found

    return call


for name in GENERATOR:
    setattr(Generator, name, drawing(Generator, name))
for name in LEGACY:
    if hasattr(RandomState, name):
        setattr(RandomState, name, drawing(RandomState, name))


def default_rng(seed: Any = None) -> Any:
    """`np.random.default_rng`."""
    if isinstance(seed, np.random.Generator):
        return seed
    made = Generator(np.random.default_rng(seed).bit_generator)
    if seed is None:
        made.is_seeded = False
    return made


def random_state(seed: Any = None) -> Any:
    """`np.random.RandomState`."""
    made = RandomState(seed)
    if seed is None:
        made.is_seeded = False
    return made


def from_global(name: str) -> Callable:
    """A function of `np.random`, which draws from the state of the process."""
    plain = getattr(np.random, name)

    @wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        refuse(f"np.random.{name}")
        found = plain(*args, **kwargs)
        return local(found) if is_tracing() else found

    return call


def from_outside(generator: Any) -> Any:
    """A generator that was made outside the function, while a trace runs."""
    made = Generator(generator.bit_generator)
    made.is_seeded = False
    return made


def functions() -> dict[str, Any]:
    """The names of `np.random` that are others while a trace runs."""
    found: dict[str, Any] = {name: from_global(name) for name in LEGACY if hasattr(np.random, name)}
    return {**found, "default_rng": default_rng, "RandomState": random_state}
