"""`front/numpy/contract.py`: values and dtypes are NumPy's, derivatives those of differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adjoint as ad

rng = np.random.default_rng(7)
U, V = rng.normal(size=3), rng.normal(size=3)
A, B = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
C, D = rng.normal(size=(5, 2, 3)), rng.normal(size=(5, 3, 2))
SQUARE = rng.normal(size=(3, 3))
Z = U + 1j * V
LONG, SHORT = rng.normal(size=7), rng.normal(size=3)

CALLS: dict[str, tuple[Callable[..., Any], tuple]] = {
    "dot of vectors": (np.dot, (U, V)),
    "dot of vector and matrix": (np.dot, (U, B)),
    "dot of matrix and vector": (np.dot, (A, U)),
    "dot of matrices": (np.dot, (A, B)),
    "dot of stack and matrix": (np.dot, (C, B)),
    "dot of stack and vector": (np.dot, (C, U)),
    "dot of vector and stack": (np.dot, (U, D)),
    "dot of stacks": (np.dot, (C, D)),
    "dot of scalars": (np.dot, (2.0, A)),
    "matmul of stacks": (np.matmul, (C, D)),
    "matmul of matrix and stack": (lambda a, d: a @ d, (A, D)),
    "matmul of vector and stack": (lambda u, d: u @ d, (U, D)),
    "matmul of stack and vector": (lambda c, u: c @ u, (C, U)),
    "matmul with axes": (lambda a, b: np.matmul(a, b, axes=[(1, 0), (0, 1), (1, 0)]), (A.T, B)),
    "vdot": (np.vdot, (A, A * 2)),
    "vdot, complex": (np.vdot, (Z, U)),
    "vecdot": (np.vecdot, (C, U)),
    "vecdot, complex": (np.vecdot, (Z, Z * 2j)),
    "vecdot, axis": (lambda a, b: np.vecdot(a, b, axis=0), (SQUARE, SQUARE * 2)),
    "linalg.vecdot": (np.linalg.vecdot, (C, C)),
    "inner": (np.inner, (C, SQUARE)),
    "inner of vectors": (np.inner, (U, V)),
    "inner with a scalar": (np.inner, (U, 2.0)),
    "outer": (np.outer, (A, B)),
    "kron": (np.kron, (A, B)),
    "kron of ranks": (np.kron, (C, U)),
    "tensordot": (np.tensordot, (C, D.transpose(2, 1, 0))),
    "tensordot, 0": (lambda a, b: np.tensordot(a, b, 0), (A, U)),
    "tensordot, 1": (lambda a, b: np.tensordot(a, b, 1), (C, B)),
    "tensordot, pairs": (lambda a, b: np.tensordot(a, b, ([1, 2], [2, 1])), (C, D)),
    "tensordot, negative": (lambda a, b: np.tensordot(a, b, axes=(-1, -2)), (C, D)),
    "einsum, product": (lambda a, b: np.einsum("ij,jk->ik", a, b), (A, B)),
    "einsum, turned product": (lambda a, b: np.einsum("ij, jk -> ki", a, b), (A, B)),
    "einsum, implicit": (lambda a, b: np.einsum("ij,jk", a, b), (A, B)),
    "einsum, trace": (lambda a: np.einsum("ii", a), (SQUARE,)),
    "einsum, diagonal": (lambda a: np.einsum("ii->i", a), (SQUARE,)),
    "einsum, ellipsis": (lambda c, d: np.einsum("...ij,...jk->...ik", c, d), (C, D)),
    "einsum, ellipses of two ranks": (lambda c, b: np.einsum("...ij,jk...->...ik", c, B), (C, B)),
    "einsum, sum of the ellipsis": (lambda c: np.einsum("...i->i...", c), (C,)),
    "einsum, three": (lambda a, b, u: np.einsum("ij,jk,j->ik", a, b, u), (A, B, U)),
    "einsum, optimize": (
        lambda a, b, c: np.einsum("ij,jk,aij->k", a, b, c, optimize=True),
        (A, B, C),
    ),
    "einsum, a path": (
        lambda a, b, c: np.einsum(
            "ij,jk,aij->k", a, b, c, optimize=["einsum_path", (0, 2), (0, 1)]
        ),
        (A, B, C),
    ),
    "einsum, lists": (lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), (A, B)),
    "einsum, lists with an ellipsis": (
        lambda c, d: np.einsum(c, [..., 0, 1], d, [..., 1, 2], [..., 2, 0]),
        (C, D),
    ),
    "einsum, implicit lists": (lambda a, b: np.einsum(a, [30, 1], b, [1, 2]), (A, B)),
    "einsum, batch": (lambda c, d: np.einsum("bij,bji->b", c, d), (C, D)),
    "einsum, axes of one": (lambda a, b: np.einsum("ij,ij->ij", a, b), (A, A[:1])),
    "einsum, a sum over axes of one": (lambda a, b: np.einsum("ij,ij->", a, b), (A, A[:1])),
    "einsum, everything": (lambda a, b: np.einsum("ij,kl->", a, b), (A, B)),
    "cross": (np.cross, (SQUARE, U)),
    "cross, axes": (lambda a, b: np.cross(a, b, axisa=0, axisb=1, axisc=0), (SQUARE, SQUARE * 2)),
    "cross, axis": (lambda a, b: np.cross(a, b, axis=0), (SQUARE, V[:, None])),
    "linalg.cross": (np.linalg.cross, (U, V)),
    "trace": (np.trace, (SQUARE,)),
    "trace, offset": (lambda b: np.trace(b, 1), (B,)),
    "trace, negative offset": (lambda b: np.trace(b, offset=-2), (B,)),
    "trace, far offset": (lambda b: np.trace(b, offset=7), (B,)),
    "trace, axes": (lambda c: np.trace(c, 1, 2, 0), (C,)),
    "linalg.trace": (lambda c: np.linalg.trace(c, offset=-1), (C,)),
    "method trace": (lambda a: a.trace(), (SQUARE,)),
    "method dot": (lambda a, b: a.dot(b), (A, B)),
    "multi_dot": (lambda a, b, u: np.linalg.multi_dot([u, a.T, a, b]), (A, B, U)),
    "multi_dot of vectors": (lambda u, a: np.linalg.multi_dot([u, a, u]), (U, SQUARE)),
    **{
        f"{function.__name__}, {mode}, {order}": (
            lambda a, v, function=function, mode=mode: function(a, v, mode),
            operands,
        )
        for function in (np.convolve, np.correlate)
        for mode in ("full", "same", "valid")
        for order, operands in {
            "long first": (LONG, SHORT),
            "short first": (SHORT, LONG),
            "even": (LONG[:6], SHORT[:2]),
            "short even first": (SHORT[:2], LONG[:6]),
            "complex": (LONG * 1j + 1, Z),
        }.items()
    },
    "polyfit": (lambda x, y: np.polyfit(x, y, 2), (LONG, LONG**2)),
    "polyfit, weights": (lambda x, y, w: np.polyfit(x, y, 1, w=w), (LONG, LONG**2, LONG + 3)),
    "polyfit, several": (
        lambda x, y: np.polyfit(x, np.stack([y, y * x], 1), 2),
        (LONG, LONG**2),
    ),
}
if hasattr(np, "matvec"):
    CALLS |= {
        "matvec": (np.matvec, (C, U)),
        "matvec of a matrix": (np.matvec, (A, SQUARE)),
        "matvec of stacks": (np.matvec, (C, rng.normal(size=(5, 3)))),
        "vecmat": (np.vecmat, (Z, D)),
        "vecmat of stacks": (np.vecmat, (rng.normal(size=(5, 3)), D)),
        "matvec, axes": (lambda a, u: np.matvec(a, u, axes=[(1, 0), 0, 0]), (A.T, U)),
    }


def close(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    expected = np.asarray(expected)
    assert np.shape(found) == expected.shape
    assert np.asarray(found).dtype == expected.dtype
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)


def direction(x: Any, seed: int) -> Any:
    r = np.random.default_rng(seed)
    step = r.normal(size=np.shape(x))
    if np.iscomplexobj(x):
        step = step + 1j * r.normal(size=np.shape(x))
    return step if np.ndim(x) else type(x)(step)


def difference(f: Callable[..., Any], args: tuple, tangents: tuple, h: float = 1e-4) -> Any:
    """Central differences of fourth order."""

    def at(k: float) -> Any:
        return np.asarray(f(*[x + k * h * t for x, t in zip(args, tangents, strict=True)]))

    return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)


@pytest.mark.parametrize("name", CALLS)
def test_values_and_derivatives(name: str) -> None:
    f, args = CALLS[name]
    tangents = tuple(direction(x, k) for k, x in enumerate(args))
    value, tangent = ad.jvp(f, args, tangents)
    close(value, f(*args), 1e-12)
    # differences of fourth order with steps of 1e-4 are good to about 1e-11 / 1e-4
    np.testing.assert_allclose(tangent, difference(f, args, tangents), rtol=1e-7, atol=1e-7)
    weights = direction(value, 9)
    _, pull = ad.vjp(f, *args)
    total = sum(np.sum(c * t) for c, t in zip(pull(weights), tangents, strict=True))
    np.testing.assert_allclose(np.real(total), np.real(np.sum(weights * tangent)), rtol=1e-9)


@pytest.mark.parametrize("name", CALLS)
def test_second_order_and_batches(name: str) -> None:
    f, args = CALLS[name]
    tangents = tuple(direction(x, k) for k, x in enumerate(args))

    def scalar(*xs: Any) -> Any:
        return np.sum(np.abs(f(*xs)) ** 2)

    every = tuple(range(len(args)))
    gradient = ad.grad(scalar, every)
    products = ad.jvp(gradient, args, tangents)[1]

    def along(*xs: Any) -> Any:
        return sum(np.real(np.sum(g * t)) for g, t in zip(gradient(*xs), tangents, strict=True))

    second = sum(np.real(np.sum(p * t)) for p, t in zip(products, tangents, strict=True))
    np.testing.assert_allclose(second, difference(along, args, tangents), rtol=1e-6, atol=1e-6)
    if any(not np.ndim(x) for x in args):
        return
    stacked = [np.stack([x, x * 1.5]) for x in args]
    rows = ad.vmap(gradient)(*stacked)
    for k in range(2):
        for row, expected in zip(rows, gradient(*[x[k] for x in stacked]), strict=True):
            np.testing.assert_allclose(row[k], expected, rtol=1e-9, atol=1e-9)


def test_single_precision_stays() -> None:
    a, b = A.astype(np.float32), B.astype(np.float32)
    for f in (np.dot, np.matmul, lambda a, b: np.einsum("ij,jk", a, b), np.kron):
        gradient = ad.grad(lambda a, b, f=f: np.sum(f(a, b)), (0, 1))(a, b)
        assert [g.dtype for g in gradient] == [np.float32, np.float32]


def test_integers_beside_floats() -> None:
    whole = np.arange(12).reshape(3, 4)
    close(ad.jvp(lambda a: a @ whole, (A,), (A,))[1], A @ whole)
    close(ad.jvp(lambda a: np.einsum("ij,jk->k", a, whole), (A,), (A,))[1], (A @ whole).sum(0))


def test_flat_vectors_of_two_elements() -> None:
    if np.lib.NumpyVersion(np.__version__) >= "2.5.0":
        with pytest.raises(ValueError, match="3-dimensional vectors"):
            ad.jvp(lambda a: np.cross(a[:, :2], a[:, 1:]), (A,), (A,))
        return
    with pytest.warns(DeprecationWarning):
        expected = np.cross(A[:, :2], A[:, 1:])
    with pytest.warns(DeprecationWarning):
        close(ad.jvp(lambda a: np.cross(a[:, :2], a[:, 1:]), (A,), (A,))[0], expected)
    with pytest.warns(DeprecationWarning):
        expected = np.cross(U[:2], V)
    with pytest.warns(DeprecationWarning):
        close(ad.jvp(lambda u: np.cross(u[:2], V), (U,), (V,))[0], expected)


def test_lists_of_traced_values() -> None:
    def f(x: Any) -> Any:
        return ad.numpy.dot([x, 2.0 * x], [1.0, x])

    assert ad.grad(f)(3.0) == 1.0 + 4.0 * 3.0


def test_paths_of_traced_values() -> None:
    found: list[Any] = []

    def f(a: Any) -> Any:
        found.append(np.einsum_path("ij,jk,kl->il", a, B, B.T, optimize="optimal"))
        return np.sum(a)

    ad.grad(f)(A)
    assert found == [np.einsum_path("ij,jk,kl->il", A, B, B.T, optimize="optimal")]


def test_roots() -> None:
    p = np.array([1.0, -6.0, 11.0, -6.0])
    value, tangent = ad.jvp(lambda p: np.sort(np.real(np.roots(p))), (p,), (np.eye(4)[3],))
    np.testing.assert_allclose(value, [1.0, 2.0, 3.0], rtol=1e-9)
    slopes = np.polyval(np.polyder(p), [1.0, 2.0, 3.0])
    np.testing.assert_allclose(tangent, -1.0 / slopes, rtol=1e-8)


@pytest.mark.parametrize(
    "call",
    [
        lambda a: a @ 2.0,
        lambda a: a @ np.ones(5),
        lambda a: np.dot(a, np.ones(5)),
        lambda a: np.inner(a, np.ones(5)),
        lambda a: np.vdot(a, np.ones(5)),
        lambda a: np.tensordot(a, np.ones(5), 1),
        lambda a: np.einsum("ij,jk->ik", a, np.ones((5, 2))),
        lambda a: np.einsum("ijk->i", a),
        lambda a: np.einsum("ij->iz", a),
        lambda a: np.einsum("ij,jk", a),
        lambda a: np.einsum("i?->i", a),
        lambda a: np.convolve(a[0], np.ones(0)),
        lambda a: np.convolve(a[0], np.ones(2), "middle"),
        lambda a: np.cross(a, np.ones(4)),
        lambda a: np.trace(a[0]),
    ],
)
def test_what_numpy_refuses(call: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError):
        call(A)
    with pytest.raises(ValueError):
        ad.grad(lambda a: np.sum(call(a)))(A)


def test_results_are_written_into_arrays_made_inside() -> None:
    def given(a: Any) -> Any:
        out = np.empty((2, 4))
        np.einsum("ij,jk", a, B, out=out)
        return np.sum(out**2) + np.sum(np.dot(a, B, out=np.empty((2, 4))))

    wanted = ad.grad(lambda a: np.sum((a @ B) ** 2) + np.sum(a @ B))(A)
    np.testing.assert_allclose(ad.grad(given)(A), wanted, rtol=1e-13)
