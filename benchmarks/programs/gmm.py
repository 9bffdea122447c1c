"""The gradient of a Gaussian mixture's log-likelihood, 25 components in 10 dimensions, float64.

The objective is that of the ADBench suite (Srajer, Kukelova, Fitzgibbon 2018): each component has
a lower triangular factor of its inverse covariance, its diagonal as logarithms, with a Wishart
prior.
"""

import numpy as np

from .record import Program, Side

DIMENSION, COMPONENTS = 10, 25


def data(size):
    """Weights, means, factors of the inverse covariances, points."""
    rng, d, k = np.random.default_rng(0), DIMENSION, COMPONENTS
    factors = rng.normal(size=(k, d * (d + 1) // 2))
    return rng.normal(size=k), rng.random((k, d)), factors, rng.random((size, d))


def positions(d):
    """Where the entries below the diagonal stand in a row of factors, and a mask of them."""
    table, below = np.zeros((d, d), int), np.tri(d, k=-1, dtype=bool)
    table.T[np.triu_indices(d, 1)] = np.arange(d, d * (d + 1) // 2)
    return table, below


def logsumexp(z, axis):
    """log(sum(exp(z))) without overflow."""
    top = np.max(z, axis=axis, keepdims=True)
    return np.log(np.sum(np.exp(z - top), axis=axis)) + np.squeeze(top, axis=axis)


def likelihood(weights, means, factors, x):
    """The log-likelihood of points x, and the prior."""
    n, d = x.shape
    table, below = positions(d)
    scale, log_scale = np.exp(factors[:, :d]), np.sum(factors[:, :d], axis=1)
    lower = np.where(below, factors[:, table], 0.0)
    centred = x[:, None, :] - means
    y = scale * centred + np.einsum("kij,nkj->nki", lower, centred)
    inner = weights + log_scale - 0.5 * np.sum(y**2, axis=2)
    prior = 0.5 * (np.sum(scale**2) + np.sum(factors[:, d:] ** 2))
    return np.sum(logsumexp(inner, 1)) - n * logsumexp(weights, 0) + prior


def ours():
    """The gradient with respect to the three kinds of parameters."""
    import adjoint as ad

    return ad.jit(ad.grad(likelihood, argnums=(0, 1, 2)))


def jax(contract):
    """JAX's logsumexp; the contraction by einsum, or as a product and a sum."""

    def build():
        import jax
        import jax.numpy as jnp
        from jax.scipy.special import logsumexp

        def likelihood(weights, means, factors, x):
            n, d = x.shape
            table, below = positions(d)
            scale, log_scale = jnp.exp(factors[:, :d]), jnp.sum(factors[:, :d], axis=1)
            lower = jnp.where(below, factors[:, table], 0.0)
            centred = x[:, None, :] - means
            if contract:
                product = jnp.einsum("kij,nkj->nki", lower, centred)
            else:
                product = jnp.sum(lower * centred[:, :, None, :], axis=3)
            y = scale * centred + product
            inner = weights + log_scale - 0.5 * jnp.sum(y**2, axis=2)
            prior = 0.5 * (jnp.sum(scale**2) + jnp.sum(factors[:, d:] ** 2))
            return jnp.sum(logsumexp(inner, 1)) - n * logsumexp(weights, 0) + prior

        return jax.jit(jax.grad(likelihood, argnums=(0, 1, 2)))

    return build


SIDES = {
    "adjoint": Side("adjoint", ours),
    "jax": Side("jax", jax(True)),
    "jax, product and sum": Side("jax", jax(False)),
}
PROGRAMS = [
    Program("gmm 1000", likelihood, data, 1000, SIDES, {"jax": 1 / 8}, new_size=1100),
    Program("gmm 10000", likelihood, data, 10_000, SIDES, {"jax": 1 / 12}, new_size=9000),
]
