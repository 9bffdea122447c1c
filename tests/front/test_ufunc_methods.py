"""Methods of ufuncs that have no primitive of their own, `np.emath`, and functions that write where
they are told: derivatives to second order, batches, what NumPy leaves to be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from function_checks import check, sample

import adjoint as ad

A = sample(3, 4, low=0.3, high=1.7)
B = sample(3, 4, low=0.2, high=1.5)
V = sample(5, low=0.3, high=1.7)
MASK = np.array([[True, False, True, True]] * 3)

SMOOTH: dict[str, tuple] = {
    "subtract.reduce": (lambda x: np.subtract.reduce(x, axis=1), A),
    "divide.reduce": (lambda x: np.divide.reduce(x, axis=0, keepdims=True), A),
    "hypot.reduce over two axes": (lambda x: np.hypot.reduce(x, axis=(0, 1)), A),
    "hypot.reduce of some": (lambda x: np.hypot.reduce(x, axis=1, initial=0.5, where=MASK), A),
    "power.reduce": (lambda x: np.power.reduce(x, axis=0), A),
    "divide.accumulate": (lambda x: np.divide.accumulate(x, axis=1), A),
    "arctan2.accumulate": (np.arctan2.accumulate, V),
    "subtract.reduceat": (lambda x: np.subtract.reduceat(x, [0, 3, 1]), V),
    "power.outer": (np.power.outer, V, A),
    "multiply.at": (lambda x, y: at(np.multiply, x, y), A, V),
    "exp.at": (lambda x: at(np.exp, x), A),
    "emath.sqrt": (lambda x: np.emath.sqrt(x - 1.0), A),
    "emath.log": (lambda x: np.emath.log(-x), A),
    "emath.logn": (lambda x, y: np.emath.logn(x + 1.0, y), A, B),
    "emath.power": (lambda x: np.emath.power(-x, 2.5), A),
    "emath.arccos": (lambda x: np.emath.arccos(x + 1.0), A),
    "out=, of a function": (lambda x, y: given(np.sum, y[:, 0] * 2, x * y, axis=1), A, B),
    "out= and where=, of a ufunc": (lambda x, y: given(np.log, y, x, where=MASK), A, B),
    "histogram of weights": (lambda x: np.histogram(B, bins=4, weights=x, density=True)[0], A),
    "std about a mean": (lambda x: np.std(x, axis=0, mean=np.mean(x, axis=0, keepdims=True)), A),
}


def at(ufunc: np.ufunc, x: Any, *operands: Any) -> Any:
    """An array after `ufunc.at` has come to one of its places twice."""
    made = x.copy()
    ufunc.at(made, ([0, 2, 0], [1, 1, 1]), *[y[:3] for y in operands])
    return made


def given(function: Callable, out: Any, *args: Any, **options: Any) -> Any:
    """The array given as `out=`, which is the result."""
    made = out.copy()
    assert function(*args, out=made, **options) is made
    return made


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth(name: str) -> None:
    f, *args = SMOOTH[name]
    check(f, *args, batch="emath" not in name)


def test_what_goes_over_to_complex_numbers_is_asked_for() -> None:
    """A compiled function has a program for each answer; rows of a batch must agree."""
    f = ad.jit(lambda x: np.emath.sqrt(x))
    assert f(4.0) == 2.0
    assert f(-4.0) == 2.0j
    assert f(9.0) == 3.0
    with pytest.raises(ad.TracingError, match="1 of 2 rows"):
        ad.vmap(np.emath.sqrt)(np.array([1.0, -1.0]))


def test_real_eigenvalues_are_real() -> None:
    rotation, shear = np.array([[0.0, -1.0], [1.0, 0.0]]), np.array([[2.0, 1.0], [0.5, 3.0]])
    f = ad.jit(np.linalg.eigvals)
    for a in (rotation, shear, rotation):
        wanted = np.linalg.eigvals(a)
        for values in (f(a), ad.vjp(np.linalg.eigvals, a)[0], ad.vjp(np.linalg.eig, a)[0][0]):
            assert values.dtype == wanted.dtype
            np.testing.assert_allclose(values, wanted, atol=1e-15)
    slope = ad.grad(lambda a: np.linalg.eigvals(a).max().real)(shear)
    exact = ad.grad(
        lambda a: 0.5 * np.trace(a) + np.sqrt(0.25 * np.trace(a) ** 2 - np.linalg.det(a))
    )
    np.testing.assert_allclose(slope, exact(shear), rtol=1e-12)
    both = ad.vmap(np.linalg.eigvals)(np.stack([rotation, shear]))  # of one dtype: complex
    np.testing.assert_allclose(both[1], np.linalg.eigvals(shear), atol=1e-15)


def test_plain_arrays_are_not_written_with_what_has_a_derivative() -> None:
    """Whole numbers and answers have none."""

    def places(x: Any) -> Any:
        found = np.zeros(3, int).tolist() and np.asarray(OUT)
        np.argmax(x, axis=1, out=found)
        return x[range(3), found].sum()

    np.testing.assert_array_equal(ad.grad(places)(A).sum(axis=1), np.ones(3))
    for call in (
        lambda x, out: np.sum(x, axis=1, out=out),
        lambda x, out: np.add.reduce(x, axis=1, out=out),
        lambda x, out: np.exp(x[:, 0], out=out),
    ):
        with pytest.raises(ad.TracingError, match="was to write a traced value into a plain array"):
            ad.grad(lambda x, call=call: call(x, memoryview_of(3)).sum())(A)


OUT = np.zeros(3, int)


def memoryview_of(size: int) -> np.ndarray:
    """An array that no trace knows."""
    return np.frombuffer(bytearray(8 * size))


def test_an_array_is_multiplied_in_place() -> None:
    def f(a: Any) -> Any:
        b = a.copy()
        view = b[0]
        b @= a
        return view.sum()

    np.testing.assert_allclose(ad.grad(f)(A[:, :3]), ad.grad(lambda a: (a @ a)[0].sum())(A[:, :3]))
