"""What a newcomer meets first: whole small programs, and the mistakes that are easily made.

Each program is written as a user would write it; its derivatives are compared with central
differences, compiled and batched.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import pytest

import adjoint as ad

T = np.linspace(0.0, 3.0, 12)


def differences(f: Any, x: np.ndarray) -> np.ndarray:
    """The gradient by central differences, one extrapolation."""
    found = np.zeros_like(x)
    for k in np.ndindex(x.shape):

        def slope(h: float, k: Any = k) -> float:
            up, down = x.copy(), x.copy()
            up[k] += h
            down[k] -= h
            return (f(up) - f(down)) / (2 * h)

        found[k] = (4 * slope(5e-4) - slope(1e-3)) / 3
    return found


def predator_and_prey(x: Any) -> Any:
    def rate(u: Any) -> Any:
        return np.stack([x[0] * u[0] - u[0] * u[1], x[1] * u[0] * u[1] - u[1]])

    u = x[2:]
    for _ in range(10):
        a = rate(u)
        b = rate(u + 0.05 * a)
        u = u + 0.05 * (a + b) / 2
    return np.sum(u**2)


def kalman(x: Any) -> Any:
    """The likelihood of a filter for position and speed."""
    move, see = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([[1.0, 0.0]])
    m, p, total = np.zeros(2), np.eye(2), 0.0
    for z in np.sin(T):
        m, p = move @ m, move @ p @ move.T + np.exp(x[0]) * np.eye(2)
        s = see @ p @ see.T + np.exp(x[1]) * np.eye(1)
        e = z - see @ m
        total = total - 0.5 * np.sum(e * np.linalg.solve(s, e)) - 0.5 * np.linalg.slogdet(s)[1]
        gain = p @ see.T @ np.linalg.inv(s)
        m, p = m + gain @ e, (np.eye(2) - gain @ see) @ p
    return total


def gaussian_process(x: Any) -> Any:
    k = np.exp(-0.5 * (T[:, None] - T) ** 2 / x[0] ** 2) + x[1] ** 2 * np.eye(T.size)
    lower = np.linalg.cholesky(k)
    a = np.linalg.solve(lower, np.sin(T))
    return 0.5 * a @ a + np.sum(np.log(np.diag(lower)))


def arm(x: Any) -> Any:
    pose = np.eye(2)
    end = np.zeros(2)
    for angle, length in zip(x, (1.0, 0.8, 0.5), strict=True):
        c, s = np.cos(angle), np.sin(angle)
        pose = pose @ np.stack([np.stack([c, -s]), np.stack([s, c])])
        end = end + length * pose[:, 0]
    return np.sum((end - np.array([1.0, 1.5])) ** 2)


def spectrum(x: Any) -> Any:
    power = np.abs(np.fft.rfft(x * np.hanning(x.size))) ** 2
    return np.sum(power * np.arange(power.size)) / np.sum(power)


PROGRAMS = {
    "predator and prey": (predator_and_prey, [1.1, 0.4, 2.0, 1.0]),
    "Kalman filter": (kalman, [-1.0, -0.5]),
    "Gaussian process": (gaussian_process, [0.8, 0.3]),
    "robot arm": (arm, [0.3, 0.5, -0.2]),
    "spectrum": (spectrum, [0.3, -1.0, 0.5, 2.0, 0.1, -0.7]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name: str) -> None:
    f, point = PROGRAMS[name]
    x = np.array(point)
    wanted = differences(f, x)
    close = lambda got, to: np.testing.assert_allclose(got, to, rtol=1e-7, atol=1e-8)
    gradient = ad.grad(f)
    close(gradient(x), wanted)
    close(ad.jit(gradient)(x), wanted)
    close(ad.vmap(gradient)(np.stack([x, x])), [wanted, wanted])
    second = np.stack([differences(lambda v, k=k: gradient(v)[k], x) for k in range(x.size)])
    np.testing.assert_allclose(ad.hessian(f)(x), second, rtol=1e-5, atol=1e-6)


def test_a_dataclass_of_parameters_is_trained() -> None:
    @dataclass
    class Layer:
        weights: Any
        offset: Any

    def loss(layer: Layer) -> Any:
        return np.mean((np.tanh(np.outer(T, layer.weights) + layer.offset).sum(1) - T) ** 2)

    layer = Layer(np.array([0.3, 0.4]), np.array([0.1, 0.2]))
    step = ad.jit(ad.value_and_grad(loss))
    first = loss(layer)
    for _ in range(200):
        value, slope = step(layer)
        layer = Layer(
            layer.weights - 0.05 * slope.weights,
            layer.offset - 0.05 * slope.offset,
        )
    assert value < 0.5 * first


# -------------------------------------------------------------------- arrays that are not ndarrays


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("kind", ["masked", "matrix"])
def test_arrays_with_operators_of_their_own_are_refused(kind: str) -> None:
    """Their masks and products would be lost without a word."""
    x = np.ma.array(np.eye(2), mask=np.eye(2)) if kind == "masked" else np.matrix(np.eye(2))

    def f(x: Any) -> Any:
        return np.sum(x * x)

    calls = (
        ad.grad(f),
        ad.jacobian(f),
        ad.hessian(f),
        ad.vmap(f),
        ad.jit(f),
        ad.jit(ad.grad(f)),
        lambda x: ad.jvp(f, (x,), (x,)),
        lambda x: ad.vjp(f, x),
        lambda x: ad.grad(lambda c: f(c["a"]))({"a": x}),
    )
    for call in calls:
        with pytest.raises(ad.AdjointError, match=r"(MaskedArray|matrix)"):
            call(x)


def test_flat_has_elements() -> None:
    x = np.arange(1.0, 7.0).reshape(2, 3)
    got = ad.grad(lambda x: x.flat[4] ** 2 + sum(v for v in x.flat))(x)
    np.testing.assert_array_equal(got, [[1.0, 1.0, 1.0], [1.0, 11.0, 1.0]])


# ------------------------------------------------------------------------------ triangular systems


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("unit", [True, False])
def test_triangular_systems(order: Any, lower: bool, unit: bool) -> None:
    rng = np.random.default_rng(0)
    whole = rng.normal(size=(4, 4)) + 4.0 * np.eye(4)  # the other triangle must not be read
    a, b = np.array(whole, order=order), rng.normal(size=(4, 3))
    used = np.tril(a) if lower else np.triu(a)
    if unit:
        used = used - np.diag(np.diag(used)) + np.eye(4)
    for kind in (float, np.float32, complex, np.complex64):
        got = ad.linalg.solve_triangular(
            np.stack([a, a]).astype(kind), b.astype(kind), lower=lower, unit_diagonal=unit
        )
        assert got.dtype == np.dtype(kind)
        wanted = np.linalg.solve(used.astype(complex), b)
        np.testing.assert_allclose(got, [wanted, wanted], rtol=1e-4, atol=1e-5)

    def f(a: Any) -> Any:
        x = ad.linalg.solve_triangular(a, b, lower=lower, unit_diagonal=unit)
        return np.sum(x**2)

    np.testing.assert_allclose(ad.grad(f)(a), differences(f, a), rtol=1e-6, atol=1e-8)
    singular = a * np.array([1.0, 0.0, 1.0, 1.0])
    if not unit:
        with pytest.raises(np.linalg.LinAlgError, match="singular"):
            ad.jvp(f, (singular,), (singular,))


def test_small_triangular_systems_start_no_threads() -> None:
    """Threads for a 3 by 3 matrix cost milliseconds where the processors are busy."""
    gradient = ad.grad(lambda a: np.sum(np.linalg.cholesky(a)))
    a = np.eye(3) + 0.1
    gradient(a)
    times = []
    for _ in range(20):
        start = perf_counter()
        gradient(a)
        times.append(perf_counter() - start)
    assert min(times) < 3e-3


# ---------------------------------------------------------------------------------- clear messages


def test_a_parameter_in_the_place_of_a_random_shape() -> None:
    key = ad.random.key(0)
    with pytest.raises(TypeError, match=r"for its shape(.|\n)*by name"):
        ad.random.gamma(key, 2.5, (3,))
    with pytest.raises(TypeError, match=r"for its shape(.|\n)*by name"):
        ad.grad(lambda m: np.sum(ad.random.normal(key, m, (3,))))(1.0)


def test_public_names() -> None:
    assert {"grad", "random", "special", "linalg", "testing"} <= set(dir(ad)) and "api" not in dir(
        ad
    )
    for module in (ad.random, ad.testing):
        assert all(hasattr(module, name) for name in dir(module))
        assert "np" not in dir(module)
