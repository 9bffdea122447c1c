"""The linear algebra primitives: every sample in both modes and orders, and the points where care
is needed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adjoint as ad
from adjoint.base.dtypes import type_of
from adjoint.graph import op
from adjoint.graph.primitive import Case
from adjoint.ops.linalg.functions import products_without

NAMES = (
    "matmul einsum cross convolve solve inv triangular_solve pinv least_squares cholesky qr eigh"
    " eigvalsh eig svd svdvals det adjugate adjugate_tangent slogdet expm expm_frechet matrix_rank"
    " euclidean_norm"
).split()
SAMPLES = [
    pytest.param(name, case, id=f"{name}-{k}-{case.label}")
    for name in NAMES
    for k, case in enumerate(op.registry[name].cases(np.random.default_rng(3)))
]
SMOOTH = [p for p in SAMPLES if p.values[1].differentiate]


def leaves(x: Any) -> tuple:
    return tuple(x) if isinstance(x, tuple) else (x,)


def function_of(name: str, case: Case) -> Callable[..., tuple]:
    """The primitive with the case's parameters; its outputs as a tuple."""
    primitive = op.registry[name]
    return lambda *xs: leaves(op.apply(primitive, xs, case.parameters))


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


def double(x: np.ndarray) -> np.ndarray:
    """The sample in double precision, in which differences are exact enough."""
    return x.astype(complex if x.dtype.kind == "c" else float)


@pytest.mark.parametrize(("name", "case"), SAMPLES)
def test_types_and_batches(name: str, case: Case) -> None:
    primitive, f = op.registry[name], function_of(name, case)
    found = primitive.infer(*[type_of(x) for x in case.inputs], **case.parameters)
    types = [found] if hasattr(found, "dtype") else found
    for x, t in zip(f(*case.inputs), types, strict=True):
        assert (np.shape(x), np.asarray(x).dtype) == (t.shape, t.dtype)
    for flags in itertools.product((0, None), repeat=len(case.inputs)):
        if flags == (None,) * len(flags):
            continue
        stacked = [
            x if flag is None else np.stack([x, (x * 1.25).astype(x.dtype)])
            for x, flag in zip(case.inputs, flags, strict=True)
        ]
        rows = ad.vmap(f, in_axes=flags)(*stacked)
        for k in range(2):
            row = [x if flag is None else x[k] for x, flag in zip(stacked, flags, strict=True)]
            for got, expected in zip(rows, f(*row), strict=True):
                single = np.asarray(expected).dtype.itemsize <= 4 * (1 + np.iscomplexobj(expected))
                assert got.dtype == np.asarray(expected).dtype
                same(got[k], expected, 1e-3 if single else 1e-9)


@pytest.mark.parametrize(("name", "case"), SMOOTH)
def test_first_and_second_derivatives(name: str, case: Case) -> None:
    f, args = function_of(name, case), tuple(double(x) for x in case.inputs)
    tangents = tuple(direction(x, k) for k, x in enumerate(args))
    others = tuple(direction(x, 20 + k) for k, x in enumerate(args))
    value, tangent = ad.jvp(f, args, tangents)
    for found, expected in zip(tangent, difference(f, args, tangents), strict=True):
        same(found, expected, 1e-7)  # fourth order: about 1e-12 / 1e-4
    weights = tuple(direction(x, 10 + k) for k, x in enumerate(value))
    cotangents = ad.vjp(f, *args)[1](weights)
    total = sum(np.sum(c * t) for c, t in zip(cotangents, tangents, strict=True))
    expected = sum(np.sum(w * t) for w, t in zip(weights, tangent, strict=True))
    np.testing.assert_allclose(np.real(total), np.real(expected), rtol=1e-8, atol=1e-9)

    def forward(*xs: Any) -> Any:
        return ad.jvp(f, xs, tangents)[1]

    second = ad.jvp(forward, args, others)[1]
    for found, expected in zip(second, difference(forward, args, others), strict=True):
        same(found, expected, 1e-6)

    def scalar(*xs: Any) -> Any:
        return sum(np.real(np.sum(w * x)) for w, x in zip(weights, f(*xs), strict=True))

    every = tuple(range(len(args)))
    mixed = ad.jvp(ad.grad(scalar, every), args, others)[1]
    found = sum(np.real(np.sum(t * m)) for t, m in zip(tangents, mixed, strict=True))
    expected = sum(np.real(np.sum(w * s)) for w, s in zip(weights, second, strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)


# ------------------------------------------------------------------------------------ determinants

R = np.random.default_rng(5)
RANK_TWO = np.outer([1.0, 2, 3], [1.0, -1, 2]) + np.outer([0.0, 1, 1], [2.0, 0, 1])
RANK_ONE = np.outer([1.0, 2, 3], [1.0, -1, 2])


def written_out(a: Any) -> Any:
    """The determinant of a 3 by 3 matrix as a polynomial."""
    first = a[1, 1] * a[2, 2] - a[1, 2] * a[2, 1]
    second = a[1, 0] * a[2, 2] - a[1, 2] * a[2, 0]
    third = a[1, 0] * a[2, 1] - a[1, 1] * a[2, 0]
    return a[0, 0] * first - a[0, 1] * second + a[0, 2] * third


@pytest.mark.parametrize(
    "a", [RANK_TWO, RANK_ONE, np.zeros((3, 3)), RANK_TWO + 1e-11 * np.eye(3), np.eye(3)]
)
def test_two_derivatives_of_det_at_singular_matrices(a: np.ndarray) -> None:
    for order in (ad.grad, ad.hessian, lambda f: ad.jacfwd(ad.jacfwd(f))):
        np.testing.assert_allclose(order(np.linalg.det)(a), order(written_out)(a), atol=1e-12)


def test_third_derivatives_of_det() -> None:
    third = lambda f: ad.jacfwd(ad.hessian(f))
    a = RANK_TWO + np.eye(3)
    np.testing.assert_allclose(third(np.linalg.det)(a), third(written_out)(a), atol=1e-9)
    assert np.isnan(third(np.linalg.det)(RANK_ONE)).all()  # documented: not silently wrong


def test_singular_and_regular_matrices_in_one_stack() -> None:
    stack = np.stack([RANK_ONE, np.eye(3), RANK_TWO])
    found = ad.grad(lambda a: np.sum(np.linalg.det(a)))(stack)
    expected = [ad.grad(written_out)(a) for a in stack]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_complex_singular_determinant() -> None:
    a = RANK_TWO * (1 + 2j) + 1j * np.outer([1.0, 2, 3], [0.0, 1, 1])
    found = ad.grad(np.linalg.det, holomorphic=True)(a)
    np.testing.assert_allclose(found, ad.grad(written_out, holomorphic=True)(a), atol=1e-10)


def test_products_without() -> None:
    s = np.array([3.0, 2.0, 0.5, 0.0])
    single, pairs = products_without(s)
    for i in range(4):
        assert single[i] == np.prod(np.delete(s, i))
        for j in range(4):
            assert pairs[i, j] == (np.prod(np.delete(s, [i, j])) if i != j else 0.0)


def test_slogdet_of_a_singular_matrix_has_no_derivative() -> None:
    value, tangent = ad.jvp(lambda a: np.linalg.slogdet(a)[1], (RANK_ONE * 0,), (np.eye(3),))
    assert value == -np.inf and np.isnan(tangent)
    stack = np.stack([np.zeros((2, 2)), 2 * np.eye(2)])
    found = ad.grad(lambda a: np.linalg.slogdet(a)[1][1])(stack)
    np.testing.assert_allclose(found[1], np.eye(2) / 2)


# ---------------------------------------------------------------------------- repeated eigenvalues


def rotation(n: int) -> np.ndarray:
    return np.linalg.qr(R.normal(size=(n, n)))[0]


Q = rotation(4)
REPEATED = Q @ np.diag([1.0, 1.0, 1.0, 3.0]) @ Q.T
REPEATED = (REPEATED + REPEATED.T) / 2


def test_eigenvalues_have_finite_derivatives_where_they_repeat() -> None:
    for a in (REPEATED, np.eye(4), np.zeros((4, 4))):
        assert np.isfinite(ad.jacobian(np.linalg.eigvalsh)(a)).all()
        assert np.isfinite(ad.jacobian(lambda a: np.linalg.eigh(a)[0])(a)).all()
    for values in (np.linalg.eigvalsh, lambda a: np.linalg.eigh(a)[0]):
        found = ad.grad(lambda a: np.sum(values(a) ** 3))(REPEATED)  # noqa: B023
        np.testing.assert_allclose(found, 3 * REPEATED @ REPEATED, atol=1e-12)


def test_vectors_of_a_repeated_value_have_no_derivative() -> None:
    """No finite number would be right for every function of them: a square root by `eigh` has the
    derivative T / 2 at the identity, a sum over the vectors any number."""

    def root(a: Any) -> Any:
        w, v = np.linalg.eigh(a)
        return (v * np.sqrt(w)) @ v.T

    t = R.normal(size=(4, 4))
    assert np.isnan(ad.jvp(root, (np.eye(4),), (t + t.T,))[1]).any()
    assert np.isnan(ad.grad(lambda a: root(a)[0, 1])(np.eye(4))).any()
    assert np.isnan(ad.hessian(lambda a: np.sum(np.linalg.eigvalsh(a) ** 3))(REPEATED)).any()
    apart = np.diag([1.0, 2.0, 3.0, 4.0])
    found = ad.jvp(root, (apart,), (t + t.T,))[1]
    roots = np.sqrt(np.diag(apart))
    np.testing.assert_allclose(found, (t + t.T) / (roots[:, None] + roots), atol=1e-12)


def test_repeated_and_zero_singular_values() -> None:
    for a in (np.eye(3), np.zeros((3, 2)), np.diag([1.0, 1.0, 0.0]), np.ones((3, 4))):
        assert np.isfinite(ad.jacobian(np.linalg.svdvals)(a)).all()
        assert np.isfinite(ad.jacobian(lambda a: np.linalg.svd(a, False)[1])(a)).all()
        assert np.isnan(ad.jacobian(lambda a: np.linalg.svd(a, False)[0])(a)).any()
    a = Q @ np.diag([2.0, 2.0, 1.0, 1.0])
    found = ad.grad(lambda a: np.sum(np.linalg.svdvals(a) ** 4))(a)
    np.testing.assert_allclose(found, 4 * a @ a.T @ a, atol=1e-11)
    nuclear = ad.grad(lambda a: np.linalg.norm(a, "nuc"))(a)
    u, _, vh = np.linalg.svd(a)
    np.testing.assert_allclose(nuclear, u @ vh, atol=1e-12)


def test_reconstructions_do_not_change_with_the_basis() -> None:
    def again(a: Any) -> Any:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return (u * s[None, :]) @ vh

    for a in (R.normal(size=(4, 3)), R.normal(size=(2, 3)) + 1j * R.normal(size=(2, 3))):
        t = direction(a, 1)
        np.testing.assert_allclose(ad.jvp(again, (a,), (t,))[1], t, atol=1e-12)
        second = ad.jvp(lambda a: ad.jvp(again, (a,), (t,))[1], (a,), (t,))[1]  # noqa: B023
        np.testing.assert_allclose(second, 0.0, atol=1e-10)


def test_complete_bases_stay_orthonormal() -> None:
    a = R.normal(size=(4, 2)) + 1j * R.normal(size=(4, 2))
    t = direction(a, 2)

    def check(f: Callable[[Any], Any], original: np.ndarray) -> None:
        np.testing.assert_allclose(ad.jvp(f, (a,), (t,))[1], original, atol=1e-12)

    check(lambda a: np.linalg.qr(a, "complete")[0] @ np.linalg.qr(a, "complete")[1], t)
    for basis in (
        lambda a: np.linalg.qr(a, "complete")[0],
        lambda a: np.linalg.svd(a)[0],
        lambda a: np.linalg.svd(a.T)[2],
        lambda a: np.linalg.svd(a)[2],
    ):
        check(lambda a: np.conj(basis(a)).T @ basis(a), np.zeros_like(basis(a)))  # noqa: B023
    inside = ad.jvp(lambda a: np.linalg.svd(a)[0][:, 2:], (a,), (t,))[1]
    moved = ad.jvp(lambda a: np.conj(a).T @ np.linalg.svd(a)[0][:, 2:], (a,), (t,))[1]
    np.testing.assert_allclose(moved, 0.0, atol=1e-12)
    assert np.isfinite(inside).all()


# ------------------------------------------------------------------------------------- conventions


def test_gradients_of_hermitian_functions_are_hermitian() -> None:
    a = R.normal(size=(3, 3))
    a = a @ a.T + np.eye(3)
    for f in (
        lambda a: np.linalg.cholesky(a)[2, 0],
        lambda a: np.linalg.cholesky(a, upper=True)[0, 1],
        lambda a: np.linalg.eigvalsh(a)[1],
        lambda a: np.linalg.eigh(a, "U")[1][0, 0] ** 2,
    ):
        gradient = ad.grad(f)(a)
        np.testing.assert_allclose(gradient, gradient.T, atol=1e-12)
        t = direction(a, 4)
        t = t + t.T
        np.testing.assert_allclose(np.sum(gradient * t), difference(f, (a,), (t,))[0], rtol=1e-8)


def test_eigenvectors_keep_lapacks_normalisation() -> None:
    a = np.array([[0.3, -1.0, 0.2], [1.1, 0.4, 0.5], [0.1, -0.3, 2.0]])  # a conjugate pair
    t = direction(a, 5)
    v, dv = ad.jvp(lambda a: np.linalg.eig(a)[1], (a,), (t,))
    np.testing.assert_allclose(np.sum(np.conj(v) * dv, axis=0).real, 0.0, atol=1e-12)
    place = np.argmax(np.abs(v), axis=0)
    np.testing.assert_allclose(dv[place, range(3)].imag, 0.0, atol=1e-12)


def test_norm_at_zero() -> None:
    zero = np.zeros(3)
    for f in (np.linalg.norm, lambda x: np.linalg.norm(x, 3), lambda x: np.linalg.norm(x, 1)):
        np.testing.assert_array_equal(ad.grad(f)(zero), zero)
    assert np.isfinite(ad.hessian(np.linalg.norm)(zero)).all()
    some = np.array([[0.0, 0.0], [3.0, 4.0]])
    found = ad.grad(lambda x: np.sum(np.linalg.norm(x, axis=1)))(some)
    np.testing.assert_allclose(found, [[0.0, 0.0], [0.6, 0.8]])
    np.testing.assert_array_equal(ad.grad(np.linalg.norm)(np.zeros((2, 2))), np.zeros((2, 2)))


def test_solve_factorises_once_for_a_batch_of_right_sides() -> None:
    a, seen = R.normal(size=(4, 4)), []
    solve = np.linalg.solve

    def counting(a: Any, b: Any) -> Any:
        seen.append(np.shape(b))
        return solve(a, b)

    primitive = op.registry["solve"]
    object.__setattr__(primitive, "evaluate", counting)
    try:
        found = ad.jacobian(lambda b: np.linalg.solve(a, b))(np.ones(4))
    finally:
        object.__setattr__(primitive, "evaluate", solve)
    np.testing.assert_allclose(found, np.linalg.inv(a), atol=1e-12)
    assert seen == [(4, 1), (4, 4)]


def test_einsum_of_pairs_is_numpys() -> None:
    r = np.random.default_rng(0)
    for _ in range(400):
        extents = dict(zip("abcde", r.integers(1, 4, 5), strict=True))
        terms = [
            "".join(r.choice(list("abcde"), r.integers(0, 4))) for _ in range(r.integers(1, 4))
        ]
        used = sorted(set("".join(terms)))
        output = "".join(r.permutation(used)[: r.integers(0, len(used) + 1)]) if used else ""
        inputs = [r.normal(size=[extents[x] for x in term]) for term in terms]
        subscripts = ",".join(terms) + "->" + output
        found = op.einsum(*inputs, subscripts=subscripts)
        np.testing.assert_allclose(found, np.einsum(subscripts, *inputs), atol=1e-12)
