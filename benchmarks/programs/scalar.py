"""The gradient of x*x*y + y + 2 at (3, 4), Python floats in and out: the cost of a call."""

from .record import Program, Side


def polynomial(x, y):
    """x^2 y + y + 2."""
    return x * x * y + y + 2


def data(size):
    """The point."""
    return 3.0, 4.0


def ours():
    """Floats in, floats out."""
    import adjoint as ad

    return ad.jit(ad.grad(polynomial, argnums=(0, 1)))


def jax():
    """The compiled gradient."""
    import jax

    return jax.jit(jax.grad(polynomial, argnums=(0, 1)))


def by_hand(x, y):
    """The same two numbers, as one writes them."""
    return 2 * x * y, x * x + 1


def numba():
    """The derivative by hand, compiled."""
    import numba

    return numba.njit(by_hand)


PROGRAMS = [
    Program(
        "scalar",
        polynomial,
        data,
        1,
        {
            "adjoint": Side("adjoint", ours),
            "jax": Side("jax", jax),
            "jax, floats in": Side("jax", jax, convert=False),
            "python by hand": Side("python", lambda: by_hand),
            "numba by hand": Side("numba", numba),
        },
        {"jax": 1 / 60, "python": 1.0},
    )
]
