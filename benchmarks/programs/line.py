"""A straight line through 10^7 points, float64: a function that only reads memory, and whose
gradient has two numbers."""

import numpy as np

from .record import Program, Side


def data(size):
    """Slope, intercept, abscissae, ordinates."""
    rng = np.random.default_rng(0)
    return 0.5, -1.0, rng.random(size), rng.random(size)


def squares(slope, intercept, x, y):
    """The sum of squared distances in y."""
    return np.sum((y - slope * x - intercept) ** 2)


def ours():
    """The gradient with respect to slope and intercept."""
    import adjoint as ad

    return ad.jit(ad.grad(squares, argnums=(0, 1)))


def jax():
    """The same in JAX."""
    import jax

    def squares(slope, intercept, x, y):
        return jax.numpy.sum((y - slope * x - intercept) ** 2)

    return jax.jit(jax.grad(squares, argnums=(0, 1)))


PROGRAMS = [
    Program(
        "line",
        squares,
        data,
        10_000_000,
        {"adjoint": Side("adjoint", ours), "jax": Side("jax", jax)},
        new_size=9_000_000,
    )
]
