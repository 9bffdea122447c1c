"""The 2000 x 2000 matrix of angles between points of a sphere, and the gradient of its sum.

In the sum the argument of the square root keeps away from zero, where it has no derivative.
"""

import numpy as np

from .record import Program, Side


def data(size):
    """Latitudes and longitudes."""
    rng = np.random.default_rng(123)
    return rng.uniform(-np.pi / 2, np.pi / 2, size), rng.uniform(0, 2 * np.pi, size)


def separation(lat, lon, np=np):
    """Angles between all pairs of points."""
    lat2, lon2 = lat.reshape(-1, 1), lon.reshape(-1, 1)
    h = np.sin(0.5 * (lat2 - lat)) ** 2
    h = h + np.cos(lat) * np.cos(lat2) * np.sin(0.5 * (lon2 - lon)) ** 2
    return 2 * np.arcsin(np.sqrt(h))


def total(lat, lon, np=np):
    """The sum of the angles, away from the corner."""
    lat2, lon2 = lat.reshape(-1, 1), lon.reshape(-1, 1)
    h = np.sin(0.5 * (lat2 - lat)) ** 2
    h = h + np.cos(lat) * np.cos(lat2) * np.sin(0.5 * (lon2 - lon)) ** 2
    return np.sum(2 * np.arcsin(np.sqrt(0.999 * h + 1e-6)))


def ours():
    """The matrix."""
    import adjoint as ad

    return ad.jit(lambda lat, lon: separation(lat, lon))


def ours_gradient():
    """The gradient of the sum."""
    import adjoint as ad

    return ad.jit(ad.grad(lambda lat, lon: total(lat, lon), argnums=(0, 1)))


def jax():
    """The matrix."""
    import jax

    return jax.jit(lambda lat, lon: separation(lat, lon, jax.numpy))


def jax_gradient():
    """The gradient of the sum."""
    import jax

    return jax.jit(jax.grad(lambda lat, lon: total(lat, lon, jax.numpy), argnums=(0, 1)))


def torch_compiled():
    """The matrix."""
    import torch

    return torch.compile(lambda lat, lon: separation(lat, lon, torch))


def torch_gradient():
    """The gradient of the sum, eager."""
    import torch

    def gradient(lat, lon):
        lat, lon = (x.detach().requires_grad_(True) for x in (lat, lon))
        return torch.autograd.grad(total(lat, lon, torch), (lat, lon))

    return gradient


PROGRAMS = [
    Program(
        "haversine",
        separation,
        data,
        2000,
        {
            "adjoint": Side("adjoint", ours),
            "jax": Side("jax", jax),
            "torch.compile": Side("torch.compile", torch_compiled),
            "numpy": Side("numpy", lambda: separation),
        },
        {"jax": 1 / 10, "torch.compile": 1 / 2.5},
        new_size=1900,
        differentiated=False,
    ),
    Program(
        "haversine gradient",
        total,
        data,
        2000,
        {
            "adjoint": Side("adjoint", ours_gradient),
            "jax": Side("jax", jax_gradient),
            "torch": Side("torch", torch_gradient),
        },
        {"jax": 1 / 8},
        new_size=1900,
    ),
]
