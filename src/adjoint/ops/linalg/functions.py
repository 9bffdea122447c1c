"""Functions of matrices: `det`, `slogdet`, `expm`, `matrix_rank`, and the Euclidean norm.

Enters: stacks of matrices (of arrays, for the norm).  Leaves: numbers and matrices.  The
determinant is a polynomial, so its derivatives exist at singular matrices too: the first is the
adjugate, the second the adjugate's derivative; both are computed without a division by a small
singular value.  `expm` is differentiated by Fréchet derivatives, which are blocks of exponentials
of twice the size, so that every order works.

Source: Golub and Van Loan, *Matrix Computations* (2013), section 9.3; Al-Mohy and Higham,
*Computing the Fréchet derivative of the matrix exponential* (2009); Magnus and Neudecker, *Matrix
Differential Calculus* (2019), chapter 8, for determinants.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.dtypes import Type, is_inexact, real_dtype, type_of
from ...base.errors import ShapeError
from ...graph import op
from ...graph.primitive import Case, Jvp
from ..contract import swap
from ..declare import all_in_front, external, jvp, kept_shape, reduced_shape, reduction, zero
from .common import (
    below,
    beside,
    column,
    lapack_dtype,
    part,
    samples,
    square_type,
    trace_of_product,
)
from .solve import regular_inverse

# -------------------------------------------------------------------------------- det and adjugate


def det_tangent(primals: Any, tangents: Any, y: Any) -> Any:
    return trace_of_product(op.adjugate(primals[0]), tangents[0])


def det_cases(rng: np.random.Generator) -> list[Case]:
    cases = [Case((a,), {}, True, name) for name, a in samples(rng, 3, 3).items()]
    return [
        *cases,
        Case((samples(rng, 2, 2, 4, 4)["float64"],), {}, True, "stack"),
        Case(
            (np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0]) + np.diag([0.0, 0.0, 1.0]),),
            {},
            True,
            "singular",
        ),
        Case((np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0]),), {}, True, "rank one"),
        Case((np.array([[2, 1], [1, 3]]),), {}, False, "int64"),
    ]


det = external(
    "det",
    evaluate=np.linalg.det,
    infer=lambda a: Type(square_type(a).shape[:-2], square_type(a).dtype),
    derivative=jvp(det_tangent, reads_output=False),
    batch=all_in_front,
    cases=det_cases,
    doc="The determinant; first and second derivatives are right at singular matrices too.",
)


def rotated(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """U, the singular values, V, and the factor det(U) det(V*) that the product of singular values
    lacks."""
    u, s, vh = np.linalg.svd(a)
    return u, s, np.conj(np.swapaxes(vh, -1, -2)), np.linalg.det(u) * np.linalg.det(vh)


def products_without(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each i the product of all other values; for each pair i != j that of all but two (0 where
    i = j)."""
    n = s.shape[-1]
    one = np.ones((*s.shape[:-1], 1), s.dtype)
    before = np.concatenate([one, np.cumprod(s, -1)], -1)  # before[i]: the product of s[:i]
    after = np.concatenate(
        [np.cumprod(s[..., ::-1], -1)[..., ::-1], one], -1
    )  # after[i]: that of s[i:]
    pairs = np.zeros((*s.shape, n), s.dtype)
    for i in range(n - 1):
        between = np.concatenate([one, np.cumprod(s[..., i + 1 : n - 1], -1)], -1)
        pairs[..., i, i + 1 :] = before[..., i, None] * between * after[..., i + 2 :]
    return before[..., :-1] * after[..., 1:], pairs + np.swapaxes(pairs, -1, -2)


def adjugate_value(a: Any) -> Any:
    """det(A) A^-1 where that is accurate, from the singular values elsewhere."""
    a = np.asarray(a)
    inverse, regular = regular_inverse(a, 0.5)
    if regular.all():
        return np.linalg.det(a)[..., None, None] * inverse
    u, s, v, factor = rotated(a)
    single, _ = products_without(s)
    found = (v * (factor[..., None] * single)[..., None, :]) @ np.conj(np.swapaxes(u, -1, -2))
    with np.errstate(all="ignore"):
        easy = np.linalg.det(a)[..., None, None] * inverse
    return np.where(regular[..., None, None], easy, found).astype(found.dtype, copy=False)


def adjugate_cases(rng: np.random.Generator) -> list[Case]:
    """At singular matrices only the first derivative exists (the second one is the third of
    `det`)."""
    return [
        Case(c.inputs, {}, c.label not in ("singular", "rank one"), c.label)
        for c in det_cases(rng)[:-1]
    ]


adjugate = external(
    "adjugate",
    evaluate=adjugate_value,
    infer=square_type,
    batch=all_in_front,
    cases=adjugate_cases,
    derivative=jvp(lambda p, t, y: op.adjugate_tangent(p[0], t[0]), reads_output=False),
    doc="The transposed matrix of cofactors: det(a) inv(a), and its limit at singular matrices.",
)


def adjugate_tangent_value(a: Any, e: Any) -> Any:
    """The derivative of the adjugate in the direction e.

    With A = U S V* and E = U* e V: entry (i, j) is -E_ij times all singular values but s_i and s_j,
    the diagonal is the sum of such terms over the other diagonal elements.
    """
    a = np.asarray(a)
    inverse, regular = regular_inverse(a, 0.5)
    with np.errstate(all="ignore"):
        minors = np.linalg.det(a)[..., None, None] * inverse
        easy = (
            np.einsum("...ij,...ji->...", inverse, e)[..., None, None] * minors
            - minors @ e @ inverse
        )
    if regular.all():
        return easy
    u, s, v, factor = rotated(a)
    _, pairs = products_without(s)
    inner = np.conj(np.swapaxes(u, -1, -2)) @ e @ v
    middle = -pairs * inner
    places = np.arange(a.shape[-1])
    middle[..., places, places] = np.einsum("...ij,...ii->...j", pairs, inner)
    found = factor[..., None, None] * (v @ middle @ np.conj(np.swapaxes(u, -1, -2)))
    return np.where(regular[..., None, None], easy, found).astype(
        np.result_type(found, easy), copy=False
    )


def adjugate_tangent_type(a: Any, e: Any) -> Type:
    s, t = square_type(a), square_type(e)
    if s.shape[-2:] != t.shape[-2:]:
        raise ShapeError(f"the direction {t} does not fit the matrix {s}")
    return Type(np.broadcast_shapes(s.shape, t.shape), lapack_dtype(s, t))


def adjugate_tangent_tangent(primals: Any, tangents: Any, y: Any) -> Any:
    """In a: the third derivative of det, by inverses (NaN at singular matrices); in e the function
    itself."""
    (a, e), (t, e_tangent) = primals, tangents
    total = None if e_tangent is None else op.adjugate_tangent(a, e_tangent)
    if t is None:
        return total
    inverse, minors, moved = op.inv(a, singular="nan"), op.adjugate(a), op.adjugate_tangent(a, t)
    turned = -op.matmul(op.matmul(inverse, t), inverse)
    change = (
        scaled(trace_of_product(turned, e), minors)
        + scaled(trace_of_product(inverse, e), moved)
        - op.matmul(op.matmul(moved, e), inverse)
        - op.matmul(op.matmul(minors, e), turned)
    )
    return change if total is None else total + change


def scaled(factor: Any, x: Any) -> Any:
    """Matrices times one number each."""
    return column(column(factor)) * x


def adjugate_tangent_back(ct: Any, a: Any, e_type: Any) -> Any:
    return swap(op.adjugate_tangent(a, swap(ct)))


def adjugate_tangent_cases(rng: np.random.Generator) -> list[Case]:
    cases = det_cases(rng)[:-1]
    return [
        Case(
            (c.inputs[0], rng.uniform(-1, 1, c.inputs[0].shape).astype(c.inputs[0].dtype)),
            {},
            c.label not in ("singular", "rank one"),
            c.label,
        )
        for c in cases
    ]


adjugate_tangent = external(
    "adjugate_tangent",
    evaluate=adjugate_tangent_value,
    infer=adjugate_tangent_type,
    batch=all_in_front,
    cases=adjugate_tangent_cases,
    derivative=Jvp(adjugate_tangent_tangent, False, (None, adjugate_tangent_back)),
    doc="The derivative of `adjugate` in a direction, without division by small singular values.",
)

# ----------------------------------------------------------------------------------------- slogdet


def slogdet_type(a: Any) -> tuple[Type, Type]:
    t = square_type(a)
    return Type(t.shape[:-2], t.dtype), Type(t.shape[:-2], real_dtype(t.dtype))


def slogdet_tangent(primals: Any, tangents: Any, output: Any) -> Any:
    """The trace of A^-1 dA; NaN at singular matrices, where log|det| has no derivative."""
    trace = trace_of_product(op.inv(primals[0], singular="nan"), tangents[0])
    if type_of(trace).dtype.kind != "c":
        return None, trace
    return output[0] * (1j * op.imag(trace)), op.real(trace)


slogdet = external(
    "slogdet",
    evaluate=lambda a: tuple(np.linalg.slogdet(a)),
    infer=slogdet_type,
    derivative=jvp(slogdet_tangent),
    batch=all_in_front,
    cases=lambda rng: [c for c in det_cases(rng) if c.label not in ("singular", "rank one")],
    doc="The sign of the determinant and the logarithm of its absolute value.",
)

# -------------------------------------------------------------------------------------------- expm


def expm_value(a: Any) -> Any:
    from scipy.linalg import expm

    if a.ndim == 2:
        return expm(a)
    out = np.empty(a.shape, lapack_dtype(type_of(a)))  # one by one: stacks go wrong in SciPy 1.18.0
    for k in np.ndindex(a.shape[:-2]):
        out[k] = expm(a[k])
    return out


def blocks(a: Any, e: Any) -> Any:
    """[[a, e], [0, a]]."""
    nothing = np.zeros(type_of(e).shape, type_of(e).dtype)
    return below(beside(a, e), beside(nothing, a))


def frechet_value(a: Any, e: Any) -> Any:
    a = np.broadcast_to(a, np.broadcast_shapes(a.shape, e.shape))
    n = a.shape[-1]
    return expm_value(blocks(a, np.broadcast_to(e, a.shape)))[..., :n, n:]


def frechet_tangent(primals: Any, tangents: Any, y: Any) -> Any:
    """Linear in e; in a the Fréchet derivative of the exponential of twice the size."""
    (a, e), (t, e_tangent) = primals, tangents
    total = None if e_tangent is None else op.expm_frechet(a, e_tangent)
    if t is None:
        return total
    n = type_of(a).shape[-1]
    nothing = np.zeros(type_of(t).shape, type_of(t).dtype)
    twice = op.expm_frechet(blocks(a, e), below(beside(t, nothing), beside(nothing, t)))
    change = part(twice, (0, n), (n, 2 * n))
    return change if total is None else total + change


def expm_cases(rng: np.random.Generator) -> list[Case]:
    cases = [Case((a,), {}, True, name) for name, a in samples(rng, 3, 3).items()]
    return [*cases, Case((samples(rng, 2, 3, 3)["float64"],), {}, True, "stack")]


expm = external(
    "expm",
    evaluate=expm_value,
    infer=square_type,
    batch=all_in_front,
    cases=expm_cases,
    derivative=jvp(lambda p, t, y: op.expm_frechet(p[0], t[0]), reads_output=False),
    doc="The exponential of a matrix.",
)
expm_frechet = external(
    "expm_frechet",
    evaluate=frechet_value,
    infer=adjugate_tangent_type,
    batch=all_in_front,
    cases=lambda rng: [
        Case((c.inputs[0], c.inputs[0][..., ::-1, :]), {}, True, c.label) for c in expm_cases(rng)
    ],
    derivative=Jvp(
        frechet_tangent, False, (None, lambda ct, a, e_type: op.expm_frechet(swap(a), ct))
    ),
    doc="The derivative of the matrix exponential in a direction.",
)

# --------------------------------------------------------------------------- matrix_rank and norms


def rank_value(a: Any, *, tol: Any, rtol: Any, hermitian: bool) -> Any:
    return (
        np.linalg.matrix_rank(a, tol, hermitian)
        if rtol is None
        else np.linalg.matrix_rank(a, None, hermitian, rtol=rtol)
    )


def rank_type(a: Any, **parameters: Any) -> Type:
    t = type_of(a)
    return Type(t.shape[:-2], np.dtype(np.intp))


matrix_rank = external(
    "matrix_rank",
    evaluate=rank_value,
    infer=rank_type,
    derivative=zero("whole numbers"),
    batch=all_in_front,
    doc="The number of singular values above a tolerance.",
    cases=lambda rng: [
        Case((a,), {"tol": None, "rtol": None, "hermitian": False}, False, name)
        for name, a in samples(rng, 4, 3).items()
    ],
)


def euclidean_value(x: Any, *, axes: tuple[int, ...]) -> Any:
    """The root of the sum of squares, computed as NumPy's `norm` does."""
    x = np.asarray(x)  # a Python number too
    if len(axes) == x.ndim:
        x = x.ravel(order="K")
        if x.dtype.kind == "c":
            return np.sqrt(x.real.dot(x.real) + x.imag.dot(x.imag))
        return np.sqrt(x.dot(x))
    squares = (x.conj() * x).real if x.dtype.kind == "c" else x * x
    return np.sqrt(np.add.reduce(squares, axis=axes))


def euclidean_tangent(primals: Any, tangents: Any, y: Any, *, axes: tuple[int, ...]) -> Any:
    """The tangent along x / |x|; 0 where x is 0."""
    (x,), (t,) = primals, tangents
    nothing = op.equal(y, 0)
    scale = op.select(nothing, 0.0, op.div(1.0, op.select(nothing, 1.0, y)))
    unit = x * op.reshape(scale, shape=kept_shape(type_of(x).shape, axes))
    if type_of(x).dtype.kind != "c":
        return op.sum(unit * t, axes=axes)
    return op.real(op.sum(op.conj(unit) * t, axes=axes))


def euclidean_cases(rng: np.random.Generator) -> list[Case]:
    x = rng.uniform(-2, 2, (2, 3, 4))
    cases = [Case((x,), {"axes": axes}, True, f"axes {axes}") for axes in ((0,), (1, 2), (0, 1, 2))]
    return [
        *cases,
        Case((x.astype(np.float32),), {"axes": (1,)}, True, "float32"),
        Case((x[0] + 1j * x[1],), {"axes": (0,)}, True, "complex"),
    ]


def float_dtype(dtype: np.dtype) -> np.dtype:
    return real_dtype(dtype) if is_inexact(dtype) else np.dtype(float)


euclidean_norm = reduction(
    "euclidean_norm",
    numpy=np.linalg.norm,
    dtype=float_dtype,
    combine="hypot",
    identity=0,
    evaluate=euclidean_value,
    shape=lambda t, *, axes: reduced_shape(t.shape, axes),
    derivative=jvp(euclidean_tangent),
    cases=euclidean_cases,
    doc="The root of the sum of squares; its derivative at 0 is 0.",
)
