"""`np.linalg` on traced values: values, dtypes and named tuples are NumPy's, derivatives right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adjoint as ad
from adjoint.front import linalg

rng = np.random.default_rng(11)
S = rng.normal(size=(3, 3)) + 2 * np.eye(3)
STACK = rng.normal(size=(2, 3, 3)) + 2 * np.eye(3)
TALL, WIDE = rng.normal(size=(4, 3)), rng.normal(size=(2, 4))
U, M = rng.normal(size=3), rng.normal(size=(3, 2))
Z = S + 1j * rng.normal(size=(3, 3))
SPD, HERMITIAN = S @ S.T + np.eye(3), (Z + Z.conj().T) / 2
X = rng.normal(size=(2, 3, 4))

# The functions of Hermitian matrices are given matrices that stay Hermitian along every direction.
half = lambda a: (a + np.conj(np.swapaxes(a, -1, -2))) / 2

CALLS: dict[str, tuple[Callable[..., Any], tuple]] = {
    "solve, vector": (np.linalg.solve, (S, U)),
    "solve, matrix": (np.linalg.solve, (S, M)),
    "solve, stack and matrix": (np.linalg.solve, (STACK, M)),
    "solve, stack and vector": (np.linalg.solve, (STACK, U)),
    "solve, matrix and stack": (np.linalg.solve, (S, STACK)),
    "solve, complex": (np.linalg.solve, (Z, M)),
    "inv": (np.linalg.inv, (S,)),
    "inv of a stack": (np.linalg.inv, (STACK,)),
    "det": (np.linalg.det, (S,)),
    "det of a stack": (np.linalg.det, (STACK,)),
    "det, complex": (np.linalg.det, (Z,)),
    "slogdet": (lambda a: np.linalg.slogdet(a)[1], (STACK,)),
    "slogdet, complex": (lambda a: tuple(np.linalg.slogdet(a)), (Z,)),
    "cholesky": (lambda a: np.linalg.cholesky(half(a)), (SPD,)),
    "cholesky, upper": (lambda a: np.linalg.cholesky(half(a), upper=True), (SPD,)),
    "qr": (lambda a: tuple(np.linalg.qr(a)), (TALL,)),
    "qr, wide": (lambda a: tuple(np.linalg.qr(a)), (WIDE,)),
    "qr, r": (lambda a: np.linalg.qr(a, "r"), (STACK,)),
    "qr, complete": (lambda a: tuple(np.linalg.qr(a, mode="complete")), (STACK,)),
    "eigh": (lambda a: tuple(np.linalg.eigh(half(a))), (S,)),
    "eigh, upper": (lambda a: tuple(np.linalg.eigh(half(a), UPLO="U")), (STACK,)),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(half(a)), (HERMITIAN,)),
    "eig": (lambda a: tuple(np.linalg.eig(a)), (Z,)),
    "eigvals": (np.linalg.eigvals, (Z,)),
    "svd": (lambda a: tuple(np.linalg.svd(a, full_matrices=False)), (TALL,)),
    "svd, square": (lambda a: tuple(np.linalg.svd(a)), (STACK,)),
    "svd, values": (lambda a: np.linalg.svd(a, compute_uv=False), (WIDE,)),
    "svd, hermitian": (lambda a: tuple(np.linalg.svd(half(a), hermitian=True)), (S,)),
    "svd, hermitian values": (
        lambda a: np.linalg.svd(half(a), compute_uv=False, hermitian=True),
        (STACK,),
    ),
    "svdvals": (np.linalg.svdvals, (Z,)),
    "pinv": (np.linalg.pinv, (TALL,)),
    "pinv, wide": (lambda a: np.linalg.pinv(a, rtol=1e-10), (WIDE,)),
    "pinv, hermitian": (lambda a: np.linalg.pinv(half(a), hermitian=True), (SPD,)),
    "lstsq": (lambda a, b: np.linalg.lstsq(a, b)[0], (TALL, rng.normal(size=4))),
    "lstsq, residuals": (
        lambda a, b: np.linalg.lstsq(a, b, rcond=None)[1],
        (TALL, rng.normal(size=(4, 2))),
    ),
    "lstsq, values": (lambda a, b: np.linalg.lstsq(a, b)[3], (TALL, rng.normal(size=4))),
    "lstsq, wide": (lambda a, b: np.linalg.lstsq(a, b)[0], (WIDE, U[:2])),
    "matrix_power, 5": (lambda a: np.linalg.matrix_power(a, 5), (S,)),
    "matrix_power, 3": (lambda a: np.linalg.matrix_power(a, 3), (STACK,)),
    "matrix_power, 1": (lambda a: np.linalg.matrix_power(a, 1), (S,)),
    "matrix_power, -2": (lambda a: np.linalg.matrix_power(a, -2), (S,)),
    "cond": (np.linalg.cond, (STACK,)),
    "cond, -2": (lambda a: np.linalg.cond(a, -2), (TALL,)),
    "cond, 1": (lambda a: np.linalg.cond(a, 1), (S,)),
    "cond, fro": (lambda a: np.linalg.cond(a, "fro"), (STACK,)),
    "tensorsolve": (np.linalg.tensorsolve, (rng.normal(size=(2, 3, 6)), rng.normal(size=(2, 3)))),
    "tensorsolve, axes": (
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(0, 2)),
        (rng.normal(size=(2, 6, 3)), rng.normal(size=6)),
    ),
    "tensorinv": (np.linalg.tensorinv, (rng.normal(size=(2, 3, 6)),)),
    "diagonal": (lambda x: np.linalg.diagonal(x, offset=1), (X,)),
    "matrix_transpose": (np.linalg.matrix_transpose, (X,)),
    "outer": (np.linalg.outer, (U, M[:, 0])),
    "tensordot": (lambda a, b: np.linalg.tensordot(a, b, axes=1), (X, X.T)),
    "expm": (linalg.expm, (S,)),
    "expm, stack": (linalg.expm, (STACK,)),
    "expm, complex": (linalg.expm, (Z,)),
    "solve_triangular": (lambda a, b: linalg.solve_triangular(a, b, lower=True), (S, U)),
    "solve_triangular, trans": (lambda a, b: linalg.solve_triangular(a, b, "T"), (STACK, M)),
    "solve_triangular, conjugate": (lambda a, b: linalg.solve_triangular(a, b, 2), (Z, M)),
    "solve_triangular, unit": (
        lambda a, b: linalg.solve_triangular(a, b, unit_diagonal=True),
        (S, M),
    ),
    "cho_solve": (lambda a, b: linalg.cho_solve((a, True), b), (S, U)),
    **{
        f"norm of a vector, {ord}": (lambda x, ord=ord: np.linalg.norm(x, ord), (U,))
        for ord in (None, 2, 1, 0, np.inf, -np.inf, 3, 2.5, -1, 0.5)
    },
    **{
        f"norm of a complex vector, {ord}": (lambda x, ord=ord: np.linalg.norm(x, ord), (Z[0],))
        for ord in (None, 1, np.inf, 3)
    },
    **{
        f"norm of a matrix, {ord}": (lambda x, ord=ord: np.linalg.norm(x, ord), (TALL,))
        for ord in (None, "fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf)
    },
    **{
        f"norm of a complex stack, {ord}": (
            lambda x, ord=ord: np.linalg.norm(x, ord, axis=(2, 0), keepdims=True),
            (X + 1j * X[:, ::-1],),
        )
        for ord in (None, "nuc", 2, 1, -np.inf)
    },
    "norm along an axis": (lambda x: np.linalg.norm(x, axis=1), (X,)),
    "norm along an axis, 1": (lambda x: np.linalg.norm(x, 1, axis=-1, keepdims=True), (X,)),
    "norm of everything": (np.linalg.norm, (X,)),
    "norm of everything, kept": (lambda x: np.linalg.norm(x, keepdims=True), (X,)),
    "vector_norm": (np.linalg.vector_norm, (X,)),
    "vector_norm, axes": (
        lambda x: np.linalg.vector_norm(x, axis=(0, -1), keepdims=True, ord=3),
        (X,),
    ),
    "vector_norm, inf": (lambda x: np.linalg.vector_norm(x, axis=1, ord=np.inf), (X,)),
    "matrix_norm": (np.linalg.matrix_norm, (X,)),
    "matrix_norm, nuc": (lambda x: np.linalg.matrix_norm(x, ord="nuc", keepdims=True), (X,)),
}


def leaves(x: Any) -> tuple:
    return tuple(x) if isinstance(x, tuple) else (x,)


def direction(x: Any, seed: int) -> Any:
    r = np.random.default_rng(seed)
    step = r.normal(size=np.shape(x))
    return step + 1j * r.normal(size=np.shape(x)) if np.iscomplexobj(x) else step


def difference(f: Callable[..., Any], args: tuple, tangents: tuple, h: float = 1e-4) -> list[Any]:
    """Central differences of fourth order."""

    def at(k: float) -> tuple:
        return leaves(f(*[x + k * h * t for x, t in zip(args, tangents, strict=True)]))

    parts = zip(at(1), at(-1), at(2), at(-2), strict=True)
    return [(8 * (np.asarray(a) - b) - (c - np.asarray(d))) / (12 * h) for a, b, c, d in parts]


def same(found: Any, expected: Any, tolerance: float) -> None:
    scale = max(1.0, float(np.max(np.abs(expected), initial=0)))
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize("name", CALLS)
def test_values_and_derivatives(name: str) -> None:
    f, args = CALLS[name]
    tangents = tuple(direction(x, k) for k, x in enumerate(args))
    value, tangent = ad.jvp(f, args, tangents)
    plain = f(*args)
    for found, expected in zip(leaves(value), leaves(plain), strict=True):
        assert np.shape(found) == np.shape(expected)
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        same(found, expected, 1e-10)
    phases = name == "svd, complex"
    for found, expected in zip(leaves(tangent), difference(f, args, tangents), strict=True):
        if not phases:  # fourth order: good to about 1e-11 / 1e-4 of the matrix's condition
            same(found, expected, 1e-6)
    weights = tuple(direction(x, 9 + k) for k, x in enumerate(leaves(value)))
    _, pull = ad.vjp(f, *args)
    cotangents = pull(type(value)(weights) if isinstance(value, tuple) else weights[0])
    total = sum(np.sum(c * t) for c, t in zip(cotangents, tangents, strict=True))
    expected = sum(np.sum(w * t) for w, t in zip(weights, leaves(tangent), strict=True))
    np.testing.assert_allclose(np.real(total), np.real(expected), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", CALLS)
def test_second_order_and_batches(name: str) -> None:
    f, args = CALLS[name]
    tangents = tuple(direction(x, k) for k, x in enumerate(args))

    def scalar(*xs: Any) -> Any:
        parts = leaves(f(*xs))
        return sum(np.sum(np.real(x * (1 + k) * x)) for k, x in enumerate(parts))

    every = tuple(range(len(args)))
    gradient = ad.grad(scalar, every)
    products = ad.jvp(gradient, args, tangents)[1]

    def along(*xs: Any) -> Any:
        return sum(np.real(np.sum(g * t)) for g, t in zip(gradient(*xs), tangents, strict=True))

    second = sum(np.real(np.sum(p * t)) for p, t in zip(products, tangents, strict=True))
    same(second, difference(along, args, tangents)[0], 1e-5)
    if name.startswith("lstsq, r"):
        return  # the shape of the residuals depends on the rank
    stacked = [np.stack([x, x + 0.1 * t]) for x, t in zip(args, tangents, strict=True)]
    rows = ad.vmap(gradient)(*stacked)
    for k in range(2):
        for row, expected in zip(rows, gradient(*[x[k] for x in stacked]), strict=True):
            same(row[k], expected, 1e-7)


@pytest.mark.parametrize(
    ("function", "a"),
    [
        (np.linalg.qr, TALL),
        (np.linalg.eigh, SPD),
        (np.linalg.eig, Z),
        (np.linalg.svd, S),
        (np.linalg.slogdet, S),
    ],
)
def test_named_tuples(function: Callable[..., Any], a: np.ndarray) -> None:
    found: list[Any] = []

    def f(a: Any) -> Any:
        found.append(function(a))
        return np.sum(np.abs(found[0][1]))

    ad.grad(f)(a)
    assert type(found[0]) is type(function(a))
    assert found[0]._fields == function(a)._fields


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_single_precision_stays(dtype: Any) -> None:
    a = (SPD if dtype == np.float32 else HERMITIAN + 9 * np.eye(3)).astype(dtype)
    functions = [
        np.linalg.inv,
        np.linalg.det,
        np.linalg.cholesky,
        np.linalg.pinv,
        np.linalg.norm,
        np.linalg.eigvalsh,
        np.linalg.svdvals,
        linalg.expm,
        lambda a: np.linalg.solve(a, a[0]),
        lambda a: np.linalg.qr(a)[1],
        lambda a: np.linalg.eigh(a)[1],
        lambda a: np.linalg.svd(a)[0],
        lambda a: np.linalg.slogdet(a)[1],
        lambda a: np.linalg.lstsq(a, a)[0],
    ]
    for f in functions:
        value, tangent = ad.jvp(f, (a,), (a,))
        assert value.dtype == tangent.dtype == f(a).dtype
        assert ad.grad(lambda a, f=f: np.sum(np.real(f(a))))(a).dtype == dtype


def test_whole_numbers() -> None:
    whole = np.array([[2, 1, 0], [1, 3, 1], [0, 1, 4]])
    same(
        ad.grad(lambda b: np.sum(np.linalg.solve(whole, b)))(U), np.linalg.inv(whole).sum(0), 1e-12
    )


def test_ranks() -> None:
    seen: list[Any] = []

    def f(a: Any) -> Any:
        seen.append((np.linalg.matrix_rank(a), np.linalg.matrix_rank(a[0])))
        seen.append(np.linalg.lstsq(a, np.ones(3))[1:3])
        return np.sum(a)

    ad.grad(f)(np.outer(U, U))
    assert seen[0] == (1, 1)
    assert seen[1][0].shape == (0,) and seen[1][1] == 1


def test_singular_matrices_raise() -> None:
    for f in (np.linalg.inv, lambda a: np.linalg.solve(a, np.ones(2))):
        with pytest.raises(np.linalg.LinAlgError, match="Singular"):
            ad.grad(lambda a, f=f: np.sum(f(a)))(np.ones((2, 2)))
    with pytest.raises(np.linalg.LinAlgError, match="positive definite"):
        ad.grad(lambda a: np.sum(np.linalg.cholesky(a)))(-np.eye(2))
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        ad.grad(lambda a: np.sum(linalg.solve_triangular(a, np.ones(2))))(np.zeros((2, 2)))
    assert ad.jvp(np.linalg.cond, (np.diag([1.0, 0.0]),), (np.eye(2),))[0] == np.inf


@pytest.mark.parametrize(
    "f",
    [
        np.linalg.inv,
        np.linalg.det,
        np.linalg.slogdet,
        np.linalg.eigh,
        np.linalg.eigvals,
        np.linalg.cholesky,
        linalg.expm,
        lambda a: np.linalg.matrix_power(a, 2),
        lambda a: np.linalg.solve(a, a),
        lambda a: np.linalg.svd(a[0]),
        lambda a: np.linalg.lstsq(a, np.ones(5)),
        lambda a: np.linalg.cond(a, 1),
    ],
)
def test_shapes_are_refused_as_numpy_does(f: Callable[[Any], Any]) -> None:
    with pytest.raises(np.linalg.LinAlgError):
        ad.grad(lambda a: np.sum(np.abs(f(a)[0])))(TALL)


def test_options_are_refused_as_numpy_does() -> None:
    for f in (
        lambda a: np.linalg.norm(a[0], "fro"),
        lambda a: np.linalg.norm(a, 7),
        lambda a: np.linalg.norm(a, axis=(0, 0)),
        lambda a: np.linalg.eigvalsh(a, UPLO="X"),
        lambda a: np.linalg.qr(a, "nonsense"),
        lambda a: np.linalg.pinv(a, rcond=1e-3, rtol=1e-3),
        lambda a: np.linalg.tensorinv(a, 0),
    ):
        with pytest.raises(ValueError):
            ad.grad(lambda a, f=f: np.sum(f(a)))(S)
    with pytest.raises(TypeError, match="integer"):
        ad.grad(lambda a: np.sum(np.linalg.matrix_power(a, 1.5)))(S)
    with pytest.raises(ad.TracingError, match="logm"):
        linalg.logm(S)


def test_the_facade_takes_plain_values_and_lists() -> None:
    np.testing.assert_array_equal(ad.numpy.linalg.inv(S), np.linalg.inv(S))
    assert ad.numpy.linalg.LinAlgError is np.linalg.LinAlgError
    gradient = ad.grad(lambda x: ad.numpy.linalg.norm([3.0 * x, 4.0]))(1.0)
    np.testing.assert_allclose(gradient, 9.0 / 5.0)
    assert ad.grad(lambda x: linalg.det([[x, 2.0], [1.0, x]]))(3.0) == pytest.approx(6.0)
    assert set(np.linalg.__all__) <= set(dir(linalg))
    np.testing.assert_allclose(linalg.expm(np.zeros((2, 2))), np.eye(2))
