"""Single operations: the NumPy functions, their data, and programs of them beside JAX's.

At a thousand numbers, and at a million, where threads share the work. `elementwise.py` takes the
functions and their data too.
"""

from __future__ import annotations

from .record import OURS, Program, Side

ONE = "negative sqrt exp log sin tanh arcsin".split()
TWO = "add multiply divide power arctan2".split()
ELEMENTWISE = (
    "negative add multiply divide sqrt exp log sin tanh power arctan2 arcsin".split()
)  # fmt: skip
NORMALISATIONS = "sum mean variance softmax layer-norm".split()
ROWS, LENGTH = 10_000, 1_000  # of the last ones
SIZES = (1_000, 1_000_000)


def function_of(name: str, np=None):
    """The NumPy code of an operation, as one writes it; with a peer's module, the same there."""
    if np is None:
        import numpy as np

    if name in ONE:
        operation = getattr(np, name)
        return lambda x: operation(x)
    if name in TWO:
        operation = getattr(np, name)
        return lambda x, y: operation(x, y)

    def softmax(x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

    def layer_norm(x):
        mean, variance = np.mean(x, axis=1, keepdims=True), np.var(x, axis=1, keepdims=True)
        return (x - mean) / np.sqrt(variance + 1e-5)

    return {
        "sum": lambda x: np.sum(x),
        "mean": lambda x: np.mean(x),
        "variance": lambda x: np.var(x),
        "softmax": softmax,
        "layer-norm": layer_norm,
    }[name]


def operands(name: str, dtype: str, size: int, rows: int = ROWS) -> tuple:
    """Arguments inside the operation's domain; for normalisations so many rows, of any size."""
    import numpy as np

    rng = np.random.default_rng(0)
    if name in NORMALISATIONS:
        return (rng.normal(size=(rows, LENGTH)).astype(dtype),)
    if name in ("sqrt", "log", "power"):
        x = rng.uniform(0.01, 10.0, size)
    elif name == "arcsin":
        x = rng.uniform(-1.0, 1.0, size)
    else:
        x = rng.uniform(-10.0, 10.0, size)
    if name not in TWO:
        return (x.astype(dtype),)
    y = rng.uniform(0.1, 3.0, size)
    return x.astype(dtype), y.astype(dtype)


def operation(name: str, size: int) -> Program:
    """A NumPy function, or a normalisation of rows, as a program of its own."""

    def data(count: int) -> tuple:
        return operands(name, "float64", count, rows=count // LENGTH)

    def ours():
        import adjoint as ad

        return ad.jit(function_of(name))

    def jax():
        import jax

        return jax.jit(function_of(name, jax.numpy))

    def plain(*arguments):
        return function_of(name)(*arguments)

    sides = {"adjoint": Side(OURS, ours), "jax": Side("jax", jax)}
    return Program(f"{name} {size:,}", plain, data, size, sides, differentiated=False)


NAMES = [f"{name} {size:,}" for name in (*ELEMENTWISE, *NORMALISATIONS) for size in SIZES]


def program(called: str) -> Program:
    """One of them by name."""
    name, size = called.split()
    return operation(name, int(size.replace(",", "")))
