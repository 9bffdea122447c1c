"""A 784-512-256-10 network, a batch of 128, float32: the gradient of the cross-entropy."""

from itertools import pairwise

import numpy as np

from .record import Program, Side

SIZES = (784, 512, 256, 10)


def data(size):
    """Layers, a batch, its labels."""
    rng = np.random.default_rng(0)
    layers = [
        ((rng.normal(size=(a, b)) / a**0.5).astype("f4"), np.zeros(b, "f4"))
        for a, b in pairwise(SIZES)
    ]
    return layers, rng.random((size, 784), dtype="f4"), rng.integers(0, 10, size)


def loss(layers, x, labels):
    """The mean cross-entropy."""
    for weights, bias in layers[:-1]:
        x = np.maximum(x @ weights + bias, 0)
    weights, bias = layers[-1]
    z = x @ weights + bias
    z = z - np.max(z, axis=1, keepdims=True)
    logs = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(logs[np.arange(len(labels)), labels])


def ours():
    """The gradient with respect to all layers."""
    import adjoint as ad

    return ad.jit(ad.grad(loss))


def jax(one_hot):
    """JAX's own functions; the label's logarithm is gathered, or masked and summed."""

    def build():
        import jax

        def loss(layers, x, labels):
            for weights, bias in layers[:-1]:
                x = jax.nn.relu(x @ weights + bias)
            weights, bias = layers[-1]
            logs = jax.nn.log_softmax(x @ weights + bias)
            if one_hot:
                chosen = jax.nn.one_hot(labels, 10, dtype=logs.dtype)
                return -jax.numpy.sum(logs * chosen) / len(labels)
            return -jax.numpy.mean(logs[jax.numpy.arange(len(labels)), labels])

        return jax.jit(jax.grad(loss))

    return build


def torch():
    """Eager, the gradients returned and not accumulated."""
    import torch

    def gradient(layers, x, labels):
        flat = [p.detach().requires_grad_(True) for layer in layers for p in layer]
        for i in range(0, len(flat) - 2, 2):
            x = torch.relu(torch.addmm(flat[i + 1], x, flat[i]))
        z = torch.addmm(flat[-1], x, flat[-2])
        return torch.autograd.grad(torch.nn.functional.cross_entropy(z, labels), flat)

    return gradient


PROGRAMS = [
    Program(
        "mlp",
        loss,
        data,
        128,
        {
            "adjoint": Side("adjoint", ours),
            "jax": Side("jax", jax(False)),
            "jax, one-hot": Side("jax", jax(True)),
            "torch": Side("torch", torch),
        },
        {"jax": 1.05, "torch": 1.05},
        new_size=96,
        tolerance=1e-4,
    )
]
