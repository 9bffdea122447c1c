"""A 1-100-1 network solves -u'' = pi^2 u between two walls: the gradient of the physics loss.

The loss has a second derivative inside; 256 points, float64. Two plain forms: the second
derivative of sums over all points (each point's wave depends on that point only), and `vmap` of
the second derivative at one point.
"""

import numpy as np

from .record import Program, Side


def data(size):
    """The network's parameters and the points."""
    rng = np.random.default_rng(0)
    parameters = (
        rng.normal(size=(1, 100)),
        rng.normal(size=100),
        rng.normal(size=(100, 1)) / 10,
        np.zeros(1),
    )
    return parameters, np.linspace(0, 1, size)


def waves(parameters, x, np=np):
    """The trial wave at all points x."""
    w0, b0, w1, b1 = parameters
    h = np.tanh(x[:, None] * w0 + b0)
    return x * (1 - x) * ((h @ w1)[:, 0] + b1)


def wave(parameters, x, np=np):
    """The trial wave at one point."""
    w0, b0, w1, b1 = parameters
    h = np.tanh(x * w0[0] + b0)
    return x * (1 - x) * ((h @ w1)[0] + b1[0])


def by_sums(library, np=np):
    """The loss; the second derivative is taken of sums over the points."""

    def loss(parameters, points):
        def slope(x):
            return library.grad(lambda x: np.sum(waves(parameters, x, np)))(x)

        u = waves(parameters, points, np)
        curvature = library.grad(lambda x: np.sum(slope(x)))(points)
        residual = curvature + np.pi**2 * u
        return np.mean(residual**2) + (np.mean(u**2) - 0.5) ** 2

    return loss


def by_points(library, np=np):
    """The loss; the second derivative is taken at each point."""

    def loss(parameters, points):
        def u(x):
            return wave(parameters, x, np)

        def residual(x):
            return library.grad(library.grad(u))(x) + np.pi**2 * u(x)

        residuals, values = library.vmap(residual)(points), library.vmap(u)(points)
        return np.mean(residuals**2) + (np.mean(values**2) - 0.5) ** 2

    return loss


def loss(parameters, points):
    """The loss as the faster of adjoint's two forms has it."""
    import adjoint as ad

    return by_sums(ad)(parameters, points)


def ours(form):
    """The gradient of one form."""

    def build():
        import adjoint as ad

        return ad.jit(ad.grad(form(ad)))

    return build


def jax(form):
    """The gradient of one form."""

    def build():
        import jax

        return jax.jit(jax.grad(form(jax, jax.numpy)))

    return build


PROGRAMS = [
    Program(
        "pinn",
        loss,
        data,
        256,
        {
            "adjoint": Side("adjoint", ours(by_sums)),
            "adjoint, vmap": Side("adjoint", ours(by_points)),
            "jax": Side("jax", jax(by_sums)),
            "jax, vmap": Side("jax", jax(by_points)),
        },
        {"jax": 1 / 6},
        new_size=300,
    )
]
