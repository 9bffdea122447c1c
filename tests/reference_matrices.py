"""Linear algebra by its definitions: Leibniz' determinant, cofactors, power series, residuals.

Enters: stacks of matrices.  Leaves: values in NumPy's widest precision, or assertions on a result
that is not unique (`check_NAME(inputs, outputs, **parameters)`).  The idea: an eigenvalue problem
is checked by its equation and by the sums of the eigenvalues' powers, which are traces.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from reference_arrays import along, permutations, same, wide


def for_each(function: Callable) -> Callable:
    """A function of single matrices, applied to each of (broadcast) stacks; its results stacked."""

    def applied(*inputs: Any) -> np.ndarray:
        stack = np.broadcast_shapes(*[x.shape[:-2] for x in inputs])
        whole = [np.broadcast_to(x, (*stack, *x.shape[-2:])) for x in inputs]
        found = [np.asarray(function(*[x[k] for x in whole])) for k in np.ndindex(*stack)]
        return np.array(found).reshape((*stack, *found[0].shape))

    return applied


def star(x: np.ndarray) -> np.ndarray:
    """The conjugate transposes."""
    return np.conj(np.swapaxes(x, -1, -2))


def leibniz(a: np.ndarray) -> Any:
    """The determinant as the sum over permutations."""
    a = wide(a)
    return sum(
        sign * math.prod((a[i, k] for i, k in enumerate(p)), start=a.dtype.type(1))
        for p, sign in permutations(len(a))
    )


def minor(a: np.ndarray, i: int, j: int) -> np.ndarray:
    return np.array([[x for k, x in enumerate(row) if k != j] for h, row in enumerate(a) if h != i])


def cofactors(a: np.ndarray) -> np.ndarray:
    """The transposed matrix of cofactors."""
    a, n = wide(a), len(a)
    return np.array(
        [[(-1) ** (i + j) * leibniz(minor(a, i, j)) for i in range(n)] for j in range(n)]
    )


def cofactor_slopes(a: np.ndarray, e: np.ndarray) -> np.ndarray:
    """A determinant is linear in each row: its derivative replaces one row after another."""
    a, e, n = wide(a), wide(e), len(a)

    def slope(x: np.ndarray, t: np.ndarray) -> Any:
        rows = range(len(x))
        return sum(leibniz(np.array([t[h] if h == k else x[h] for h in rows])) for k in rows)

    return np.array(
        [
            [(-1) ** (i + j) * slope(minor(a, i, j), minor(e, i, j)) for i in range(n)]
            for j in range(n)
        ]
    )


def exponential(a: np.ndarray) -> np.ndarray:
    """The power series."""
    return exponential_slope(a, a)[0]


def exponential_slope(a: np.ndarray, e: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The power series, and its derivative in a direction, term by term."""
    a, e = wide(a), wide(e)
    power, slope = np.eye(len(a), dtype=a.dtype), np.zeros_like(e)
    value, derivative = power.copy(), slope.copy()
    for k in range(1, 80):
        slope = (slope @ a + power @ e) / k
        power = power @ a / k
        value, derivative = value + power, derivative + slope
    return value, derivative


def sign_and_logarithm(a: Any) -> tuple:
    found = for_each(leibniz)(a)
    return found / np.abs(found), np.log(np.abs(found))


def power_sums(a: np.ndarray, count: int) -> np.ndarray:
    """The traces of the first powers: the sums of the eigenvalues' powers, which fix them."""
    found, power = [], np.eye(a.shape[-1], dtype=a.dtype)
    for _ in range(count):
        power = power @ a
        found.append(sum(power[..., k, k] for k in range(a.shape[-1])))
    return np.stack(found, -1)


def check_eigenvalues(a: np.ndarray, values: np.ndarray, ulps: float = 200) -> None:
    n = a.shape[-1]
    powers = np.stack([np.sum(wide(values) ** k, axis=-1) for k in range(1, n + 1)], -1)
    expected = power_sums(wide(a), n)
    same(powers.astype(expected.dtype), expected, values, a, np.abs(a) * n, ulps=ulps)


def check_ordered(values: np.ndarray, descending: bool = False) -> None:
    steps = np.diff(values, axis=-1)
    assert np.all(steps <= 0 if descending else steps >= 0)


def check_orthonormal(q: np.ndarray) -> None:
    """In the columns."""
    same(star(q) @ q, np.broadcast_to(np.eye(q.shape[-1]), (*q.shape[:-2], *[q.shape[-1]] * 2)), q)


def check_triangular(x: np.ndarray, upper: bool) -> None:
    for *_, i, j in (place for place in np.ndindex(*x.shape) if x[place] != 0):
        assert i <= j if upper else i >= j


def check_cholesky(inputs: tuple, outputs: list, *, upper: bool) -> None:
    (a,), (y,) = inputs, outputs
    check_triangular(y, upper)
    same(star(y) @ y if upper else y @ star(y), a)
    diagonal = np.stack([y[..., k, k] for k in range(y.shape[-1])])
    assert np.all(diagonal.real > 0) and not np.any(diagonal.imag)


def check_qr(inputs: tuple, outputs: list, *, complete: bool) -> None:
    (a,), (q, r) = inputs, outputs
    check_orthonormal(q)
    check_triangular(r, True)
    same(q @ r, a)


def check_eigh(inputs: tuple, outputs: list, *, lower: bool) -> None:
    (a,), (w, v) = inputs, outputs
    check_ordered(w)
    check_orthonormal(v)
    same(a @ v, v * w[..., None, :])
    check_eigvalsh(inputs, [w], lower=lower)


def check_eigvalsh(inputs: tuple, outputs: list, *, lower: bool) -> None:
    check_ordered(outputs[0])
    check_eigenvalues(inputs[0], outputs[0])


def check_eig(inputs: tuple, outputs: list) -> None:
    (a,), (w, v) = inputs, outputs
    same(a @ v, v * w[..., None, :])
    check_eigenvalues(a, w)
    same(np.sum(np.abs(v) ** 2, axis=-2), np.ones(w.shape), v)
    for _, column in along(v, v.ndim - 2):
        assert max(column, key=abs).imag == 0


def check_svd(inputs: tuple, outputs: list, *, full: bool) -> None:
    (a,), (u, s, vh) = inputs, outputs
    k = s.shape[-1]
    check_orthonormal(u)
    check_orthonormal(star(vh))
    same((u[..., :, :k] * s[..., None, :]) @ vh[..., :k, :], a)
    check_svdvals(inputs, [s])


def check_svdvals(inputs: tuple, outputs: list) -> None:
    (a,), (s,) = inputs, outputs
    assert np.all(s >= 0)
    check_ordered(s, descending=True)
    a = wide(a)
    square = star(a) @ a if a.shape[-1] <= a.shape[-2] else a @ star(a)
    check_eigenvalues(square.astype(inputs[0].dtype), s**2, ulps=400)


def check_inv(inputs: tuple, outputs: list, *, singular: str) -> None:
    (a,), (y,) = inputs, outputs
    same(a @ y, np.broadcast_to(np.eye(a.shape[-1]), a.shape), y, a)


def check_solve(inputs: tuple, outputs: list) -> None:
    (a, b), (x,) = inputs, outputs
    same(a @ x, np.broadcast_to(b, x.shape), a, x, b)


def check_triangular_solve(inputs: tuple, outputs: list, *, lower: bool, unit: bool) -> None:
    a, b = inputs
    a = a.copy()
    for place in np.ndindex(*a.shape):
        *_, i, j = place
        if i == j:
            a[place] = 1 if unit else a[place]
        elif (i < j) == lower:
            a[place] = 0
    check_solve((a, b), outputs)


def check_pinv(inputs: tuple, outputs: list, *, rcond: float, hermitian: bool) -> None:
    """Penrose's four equations."""
    (a,), (p,) = inputs, outputs
    same(a @ p @ a, a, p)
    same(p @ a @ p, p, a)
    same(star(a @ p), a @ p, a, p)
    same(star(p @ a), p @ a, a, p)


def check_least_squares(inputs: tuple, outputs: list, *, rcond: float) -> None:
    """The residual is orthogonal to the columns; the solution is in the span of the rows."""
    (a, b), (x,) = inputs, outputs
    same(star(a) @ (a @ x - b), np.zeros(x.shape), a, b, x)
    m, n = a.shape[-2:]
    if n > m:
        null = np.linalg.qr(star(a), "complete")[0][..., :, m:]
        same(star(null) @ x, np.zeros((*x.shape[:-2], n - m, x.shape[-1])), a, b, x)


def rank_by_minors(a: Any, *, tol: Any, rtol: Any, hermitian: bool) -> np.ndarray:
    """The size of the largest minor that is not zero; the samples are far from singular."""
    m, n = a.shape
    for size in range(min(m, n), 0, -1):
        for rows in itertools.combinations(range(m), size):
            for columns in itertools.combinations(range(n), size):
                if abs(leibniz(a[np.ix_(rows, columns)])) > 1e-3:
                    return np.array(size)
    return np.array(0)
