"""Decompositions: `cholesky`, `qr`, `eigh`, `eigvalsh`, `eig`, `svd`, `svdvals`.

Enters: stacks of matrices.  Leaves: the factors, in NumPy's order and with LAPACK's signs.

Conventions.
- `cholesky`, `eigh`, `eigvalsh` read one triangle of a Hermitian matrix, as NumPy does; derivatives
  are those at the Hermitian part of the argument, so that the gradient is Hermitian too.
- Repeated eigenvalues and singular values (equal to rounding): the values' first derivatives are
  finite, and right for functions that treat them alike (sum of w**3).  The vectors' derivatives are
  NaN there, and so are the values' second derivatives: vectors turn freely within the space of a
  repeated value, and the chain rule cannot give what hangs on its splitting (`V f(w) V*` would get
  a wrong number from any finite choice).  Use `expm`, `matrix_power`, `solve`, `inv`, `pinv` there.
- A singular value 0 has the derivative u* dA v (the sign in which it leaves 0 is LAPACK's choice of
  u and v); where 1/s would be needed, its vectors' derivatives are NaN.
- The extra columns of a complete `qr` or `svd` are moved as little as possible (they are not
  unique).
- `eig` normalises each vector to length 1, its largest element real, as LAPACK does; derivatives
  keep to that.

Source: Giles (2008) as in `solve`; Seeger, Hetzel, Dai, Meissner and Lawrence,
*Auto-differentiating linear algebra* (2017); Wan and Zhang, *Automatic differentiation for complex
valued SVD* (2019).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.dtypes import Type, complex_dtype, real_dtype, type_of
from ...graph import op
from ...graph.primitive import Case
from ..declare import all_in_front, external, jvp
from .common import (
    adjoint,
    below,
    beside,
    column,
    diagonal,
    lower_mask,
    matrix_type,
    part,
    resolution,
    row,
    samples,
    square_type,
    symmetrized,
)


def largest(x: Any) -> Any:
    """The largest absolute value of each vector, kept as an axis of one element."""
    shape = type_of(x).shape
    if not shape[-1]:
        return np.zeros((*shape[:-1], 1))
    return op.reshape(op.max(op.abs(x), axes=(len(shape) - 1,)), shape=(*shape[:-1], 1))


def threshold(w: Any) -> Any:
    """Below this, values and differences of values count as 0: rounding in a matrix of this
    size."""
    return column(largest(w) * (resolution(w) * max(1, type_of(w).shape[-1])))


def inverse_differences(w: Any) -> Any:
    """1 / (w_j - w_i) in row i and column j, 0 on the diagonal, NaN where others are equal to
    rounding."""
    return reciprocal_between(row(w) - column(w), threshold(w))


def reciprocal_between(d: Any, limit: Any) -> Any:
    """1 / d for differences of the values of rows and columns: 0 on the diagonal, NaN where |d| is
    rounding."""
    t = type_of(d)
    equal = np.where(np.eye(t.shape[-1], dtype=bool), 0.0, np.nan).astype(t.dtype)
    near = op.less_equal(op.abs(d), limit)
    return op.select(near, equal, op.div(1.0, op.select(near, 1.0, d)))


def reciprocal_or_nan(d: Any, limit: Any) -> Any:
    """1 / d, and NaN where |d| is rounding."""
    near = op.less_equal(op.abs(d), limit)
    return op.select(near, np.nan, op.div(1.0, op.select(near, 1.0, d)))


def real_part(x: Any) -> Any:
    """The real part of what may be real already."""
    return op.real(x) if type_of(x).dtype.kind == "c" else x


# ---------------------------------------------------------------------------------------- cholesky


def cholesky_value(a: Any, *, upper: bool) -> Any:
    return np.linalg.cholesky(a, upper=upper) if upper else np.linalg.cholesky(a)


def cholesky_tangent(primals: Any, tangents: Any, y: Any, *, upper: bool) -> Any:
    """L times the lower half of L^-1 dA L^-*, its diagonal halved."""
    lower = adjoint(y) if upper else y
    inner = op.triangular_solve(lower, symmetrized(tangents[0]), lower=True, unit=False)
    inner = adjoint(op.triangular_solve(lower, adjoint(inner), lower=True, unit=False))
    n, dtype = type_of(y).shape[-1], real_dtype(type_of(y).dtype)
    found = op.matmul(lower, inner * (np.tri(n, dtype=dtype) - np.eye(n, dtype=dtype) / 2))
    return adjoint(found) if upper else found


def positive(x: np.ndarray) -> np.ndarray:
    """Positive definite matrices made from any."""
    return x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(x.shape[-1], dtype=x.dtype)


# Derivatives keep the argument Hermitian: differences of single elements cannot judge them.
HERMITIAN = False


def cholesky_cases(rng: np.random.Generator) -> list[Case]:
    cases = [
        Case((positive(a),), {"upper": False}, HERMITIAN, name)
        for name, a in samples(rng, 3, 3).items()
    ]
    return [
        *cases,
        Case(
            (positive(samples(rng, 2, 3, 3)["complex128"]),),
            {"upper": True},
            HERMITIAN,
            "stack, upper",
        ),
    ]


cholesky = external(
    "cholesky",
    evaluate=cholesky_value,
    infer=lambda a, **parameters: square_type(a),
    derivative=jvp(cholesky_tangent),
    batch=all_in_front,
    cases=cholesky_cases,
    doc="The triangular L with L L* = a (or U with U* U = a) of a Hermitian positive "
    "definite matrix.",
)

# ---------------------------------------------------------------------------------------------- qr


def qr_value(a: Any, *, complete: bool) -> tuple:
    return tuple(np.linalg.qr(a, "complete" if complete else "reduced"))


def qr_type(a: Any, *, complete: bool) -> tuple[Type, Type]:
    t = matrix_type(a)
    *stack, m, n = t.shape
    k = m if complete else min(m, n)
    return Type((*stack, m, k), t.dtype), Type((*stack, k, n), t.dtype)


def qr_tangent(primals: Any, tangents: Any, output: Any, *, complete: bool) -> Any:
    """The first min(m, n) columns determine Q; R's other columns follow from R = Q* A."""
    (a,), (t,), (q, r) = primals, tangents, output
    m, n = type_of(a).shape[-2:]
    k = min(m, n)
    first, top, change = part(q, (0, m), (0, k)), part(r, (0, k), (0, k)), part(t, (0, m), (0, k))
    quotient = swapped_solve(top, change)  # dA R^-1
    inner = op.matmul(adjoint(first), quotient)
    lower = op.select(lower_mask(inner, strictly=True), inner, 0.0)
    turn = lower - adjoint(lower)
    if type_of(inner).dtype.kind == "c":  # R's diagonal stays real
        turn = turn + 1j * op.imag(inner) * np.eye(k, dtype=real_dtype(type_of(inner).dtype))
    dq = quotient + op.matmul(first, turn - inner)
    dr = op.matmul(inner - turn, top)
    if n > k:
        rest, moved = part(a, (0, m), (k, n)), part(t, (0, m), (k, n))
        dr = beside(dr, op.matmul(adjoint(dq), rest) + op.matmul(adjoint(first), moved))
    if complete and m > k:
        extra = part(q, (0, m), (k, m))
        dq = beside(dq, -op.matmul(first, op.matmul(adjoint(dq), extra)))
        shape = type_of(dr).shape
        dr = below(dr, np.zeros((*shape[:-2], m - k, n), type_of(dr).dtype))
    return dq, dr


def swapped_solve(r: Any, b: Any) -> Any:
    """b r^-1 for an upper triangular r."""
    return adjoint(op.triangular_solve(adjoint(r), adjoint(b), lower=True, unit=False))


def qr_cases(rng: np.random.Generator) -> list[Case]:
    cases = [Case((a,), {"complete": False}, True, name) for name, a in samples(rng, 4, 3).items()]
    return [
        *cases,
        Case((samples(rng, 2, 3, 3)["float64"],), {"complete": True}, True, "stack, square"),
        Case((samples(rng, 2, 4)["complex128"],), {"complete": False}, True, "wide"),
        Case((samples(rng, 4, 2)["float64"],), {"complete": True}, False, "complete"),
    ]


qr = external(
    "qr",
    evaluate=qr_value,
    infer=qr_type,
    derivative=jvp(qr_tangent),
    batch=all_in_front,
    cases=qr_cases,
    doc="Orthonormal columns Q and upper triangular R with Q R = a; the first columns must "
    "be independent.",
)

# ------------------------------------------------------------------------------- eigh and eigvalsh


def triangle(lower: bool) -> Any:
    return "L" if lower else "U"


def eigh_value(a: Any, *, lower: bool) -> tuple:
    return tuple(np.linalg.eigh(a, triangle(lower)))


def eigh_type(a: Any, *, lower: bool) -> tuple[Type, Type]:
    t = square_type(a)
    return Type(t.shape[:-1], real_dtype(t.dtype)), t


def eigh_tangent(primals: Any, tangents: Any, output: Any, *, lower: bool) -> Any:
    """dV = V W with w_j W_ij - w_i W_ij = (V* dA V)_ij between different eigenvalues."""
    (t,), (w, v) = tangents, output
    inner = op.matmul(adjoint(v), op.matmul(symmetrized(t), v))
    turn = inverse_differences(w) * inner
    return real_part(diagonal(inner)), op.matmul(v, turn)


def eigvalsh_tangent(primals: Any, tangents: Any, output: Any, *, lower: bool) -> Any:
    (t,), v = tangents, op.eigh(primals[0], lower=lower)[1]
    return real_part(diagonal(op.matmul(adjoint(v), op.matmul(symmetrized(t), v))))


def hermitian(x: np.ndarray) -> np.ndarray:
    return (x + np.conj(np.swapaxes(x, -1, -2))) / 2


def eigh_cases(rng: np.random.Generator) -> list[Case]:
    cases = [
        Case((hermitian(a),), {"lower": True}, HERMITIAN, name)
        for name, a in samples(rng, 3, 3).items()
    ]
    return [
        *cases,
        Case(
            (hermitian(samples(rng, 2, 3, 3)["float64"]),),
            {"lower": False},
            HERMITIAN,
            "stack, upper",
        ),
    ]


eigh = external(
    "eigh",
    evaluate=eigh_value,
    infer=eigh_type,
    derivative=jvp(eigh_tangent),
    batch=all_in_front,
    cases=eigh_cases,
    doc="Eigenvalues in ascending order, and eigenvectors, of a Hermitian matrix.",
)
eigvalsh = external(
    "eigvalsh",
    evaluate=lambda a, *, lower: np.linalg.eigvalsh(a, triangle(lower)),
    infer=lambda a, *, lower: eigh_type(a, lower=lower)[0],
    derivative=jvp(eigvalsh_tangent, reads_output=False),
    batch=all_in_front,
    cases=eigh_cases,
    doc="Eigenvalues in ascending order of a Hermitian matrix.",
)

# --------------------------------------------------------------------------------------------- eig


def eig_value(a: Any) -> tuple:
    w, v = np.linalg.eig(a)
    dtype = complex_dtype(v.dtype)
    return w.astype(dtype, copy=False), v.astype(dtype, copy=False)


def eig_type(a: Any) -> tuple[Type, Type]:
    t = square_type(a)
    dtype = complex_dtype(t.dtype)
    return Type(t.shape[:-1], dtype), Type(t.shape, dtype)


def eig_tangent(primals: Any, tangents: Any, output: Any) -> Any:
    (t,), (w, v) = tangents, output
    inner = op.solve(v, op.matmul(t, v))
    free = op.matmul(v, inverse_differences(w) * inner)
    axis = len(type_of(v).shape) - 2
    size = op.abs(v)
    places = np.arange(type_of(v).shape[-1])[:, None]
    mask = op.convert(op.equal(row(op.argmax(size, axis=axis)), places), dtype=type_of(size).dtype)
    length = op.real(op.sum(op.conj(v) * free, axes=(axis,)))
    phase = op.imag(op.sum(mask * free, axes=(axis,)) / op.sum(mask * v, axes=(axis,)))
    return diagonal(inner), free - v * row(op.complex(length, phase))


def eig_cases(rng: np.random.Generator) -> list[Case]:
    cases = [Case((a,), {}, True, name) for name, a in samples(rng, 3, 3).items()]
    turned = np.array([[0.3, -1.0, 0.2], [1.1, 0.4, 0.5], [0.1, -0.3, 2.0]])
    return [*cases, Case((np.stack([turned, turned.T + 0.1]),), {}, True, "stack, conjugate pairs")]


eig = external(
    "eig",
    evaluate=eig_value,
    infer=eig_type,
    derivative=jvp(eig_tangent),
    batch=all_in_front,
    cases=eig_cases,
    doc="Eigenvalues and eigenvectors of a square matrix, always complex.",
)

# --------------------------------------------------------------------------------- svd and svdvals


def svd_value(a: Any, *, full: bool) -> tuple:
    return tuple(np.linalg.svd(a, full))


def svd_type(a: Any, *, full: bool) -> tuple[Type, Type, Type]:
    t = matrix_type(a)
    *stack, m, n = t.shape
    k = min(m, n)
    u, vh = ((m, m), (n, n)) if full else ((m, k), (k, n))
    return (
        Type((*stack, *u), t.dtype),
        Type((*stack, k), real_dtype(t.dtype)),
        Type((*stack, *vh), t.dtype),
    )


def svd_tangent(primals: Any, tangents: Any, output: Any, *, full: bool) -> Any:
    """dU = U W with a skew W from U* dA V, and what leaves the span of U; likewise V."""
    (t,), (u, s, vh) = tangents, output
    m, n = type_of(t).shape[-2:]
    k = min(m, n)
    left, right = part(u, (0, m), (0, k)), adjoint(part(vh, (0, k), (0, n)))
    inner = op.matmul(adjoint(left), op.matmul(t, right))
    limit = threshold(s)
    gap = reciprocal_between(row(s) * row(s) - column(s) * column(s), limit * limit)
    scaled, other = inner * row(s), column(s) * inner
    du = op.matmul(left, gap * (scaled + adjoint(scaled)))
    dv = op.matmul(right, gap * (other + adjoint(other)))
    inverse = reciprocal_or_nan(row(s), limit)
    if type_of(t).dtype.kind == "c":  # the common phase of a pair of vectors, put on u
        du = du + left * (row(1j * op.imag(diagonal(inner))) * inverse)
    if m > k:
        out = op.matmul(t, right) * inverse
        du = du + (out - op.matmul(left, op.matmul(adjoint(left), out)))
    if n > k:
        out = op.matmul(adjoint(t), left) * inverse
        dv = dv + (out - op.matmul(right, op.matmul(adjoint(right), out)))
    if full and m > k:
        extra = part(u, (0, m), (k, m))
        du = beside(du, -op.matmul(left, op.matmul(adjoint(du), extra)))
    if full and n > k:
        extra = adjoint(part(vh, (k, n), (0, n)))
        dv = beside(dv, -op.matmul(right, op.matmul(adjoint(dv), extra)))
    return du, real_part(diagonal(inner)), adjoint(dv)


def svdvals_tangent(primals: Any, tangents: Any, output: Any) -> Any:
    u, _, vh = op.svd(primals[0], full=False)
    return real_part(diagonal(op.matmul(adjoint(u), op.matmul(tangents[0], adjoint(vh)))))


def svd_cases(rng: np.random.Generator) -> list[Case]:
    cases = [
        Case((a,), {"full": False}, a.dtype.kind == "f", name)
        for name, a in samples(rng, 4, 3).items()
    ]
    return [
        *cases,
        Case((samples(rng, 2, 3, 3)["float64"],), {"full": True}, True, "stack, square"),
        Case((samples(rng, 2, 4)["float64"],), {"full": False}, True, "wide"),
        Case((samples(rng, 4, 2)["float64"],), {"full": True}, False, "full"),
    ]


def svdvals_cases(rng: np.random.Generator) -> list[Case]:
    cases = [Case((a,), {}, True, name) for name, a in samples(rng, 4, 3).items()]
    return [*cases, Case((samples(rng, 2, 2, 3)["float64"],), {}, True, "stack, wide")]


svd = external(
    "svd",
    evaluate=svd_value,
    infer=svd_type,
    derivative=jvp(svd_tangent),
    batch=all_in_front,
    cases=svd_cases,
    doc="U, the singular values in descending order, and V*, with U S V* = a.",
)
svdvals = external(
    "svdvals",
    evaluate=lambda a: np.linalg.svd(a, compute_uv=False),
    infer=lambda a: svd_type(a, full=False)[1],
    derivative=jvp(svdvals_tangent, reads_output=False),
    batch=all_in_front,
    cases=svdvals_cases,
    doc="The singular values in descending order.",
)
