"""Softmax cross-entropy of 4096 x 1000 scores, float64: value and gradient.

The hand-written C of `softmax.c` is the measure of what the machine can do on one thread; its
exponential is the vector one of glibc.
"""

import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from .record import Program, Side

CLASSES = 1000
SOURCE = Path(__file__).parent.parent / "softmax.c"


def data(size):
    """Scores and labels."""
    rng = np.random.default_rng(0)
    return 3 * rng.normal(size=(size, CLASSES)), rng.integers(0, CLASSES, size)


def loss(z, labels):
    """The mean cross-entropy."""
    top = np.max(z, axis=1, keepdims=True)
    logs = np.log(np.sum(np.exp(z - top), axis=1)) + top[:, 0]
    return np.mean(logs - z[np.arange(len(labels)), labels])


def ours():
    """Value and gradient."""
    import adjoint as ad

    return ad.jit(ad.value_and_grad(loss))


def jax(one_hot):
    """JAX's logsumexp; the label's score is gathered, or masked and summed."""

    def build():
        import jax
        import jax.numpy as jnp
        from jax.scipy.special import logsumexp

        def loss(z, labels):
            if one_hot:
                mine = jnp.arange(z.shape[1]) == labels[:, None]
                chosen = jnp.sum(jnp.where(mine, z, 0.0), axis=1)
            else:
                chosen = jnp.take_along_axis(z, labels[:, None], 1)[:, 0]
            return jnp.mean(logsumexp(z, 1) - chosen)

        return jax.jit(jax.value_and_grad(loss))

    return build


def c():
    """The compiled `softmax.c`; the gradient's memory is allocated in the call."""
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/softmax.so"
        flags = ["-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math"]
        flags += ["-fopenmp-simd", "-shared", "-fPIC", "-o", library]
        subprocess.run(["gcc", *flags, str(SOURCE), "-lmvec", "-lm"], check=True)
        function = ctypes.CDLL(library).softmax_cross_entropy
    function.restype = ctypes.c_double
    function.argtypes = [ctypes.c_long, ctypes.c_long] + 4 * [ctypes.c_void_p]

    def value_and_gradient(z, labels):
        gradient, row = np.empty_like(z), np.empty(z.shape[1])
        addresses = (x.ctypes.data for x in (z, labels, gradient, row))
        return np.float64(function(*z.shape, *addresses)), gradient

    return value_and_gradient


PROGRAMS = [
    Program(
        "softmax",
        loss,
        data,
        4096,
        {
            "adjoint": Side("adjoint", ours),
            "jax": Side("jax", jax(False)),
            "jax, masked": Side("jax", jax(True)),
            "c": Side("c", c),
        },
        {"jax": 1.0, "c": 1.3},
        new_size=4000,
    )
]
