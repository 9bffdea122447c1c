"""Systems of equations: `solve`, `inv`, `triangular_solve`, `pinv`, `least_squares`.

Enters: stacks of matrices and right sides.  Leaves: solutions.  The idea: differentiate the
equation, not the algorithm: from A x = b follows A dx = db - dA x, so a derivative is one more
solution with the same matrix, and its transpose one with the transposed matrix.  Singular matrices
raise `numpy.linalg.LinAlgError`, as NumPy does.

Source: Giles, *Collected matrix derivative results for forward and reverse mode algorithmic
differentiation* (2008); Golub and Pereyra, *The differentiation of pseudo-inverses and nonlinear
least squares problems* (1973), for constant rank.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.dtypes import Type, type_of
from ...base.errors import ShapeError
from ...graph import op
from ...graph.primitive import Case, Jvp
from ..contract import aligned, sum_to, swap
from ..declare import all_in_front, external, jvp
from .common import adjoint, lapack_dtype, lower_mask, matrix_type, resolution, samples, square_type

# ------------------------------------------------------------------------------------------- solve


def solve_type(a: Any, b: Any, **parameters: Any) -> Type:
    s, t = square_type(a), matrix_type(b)
    if s.shape[-1] != t.shape[-2]:
        raise ShapeError(f"cannot solve with the matrix {s} and the right side {t}")
    stack = np.broadcast_shapes(s.shape[:-2], t.shape[:-2])
    return Type((*stack, *t.shape[-2:]), lapack_dtype(s, t))


def system_batch(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    """A batch of right sides of one matrix is one right side with more columns; anything else is a
    stack."""
    a, b = inputs
    if batched == (False, True) and len(type_of(a).shape) == 2:
        shape = type_of(b).shape
        rank = len(shape)
        front = (rank - 2, *range(rank - 2), rank - 1)
        moved = op.transpose(b, axes=front)
        columns = int(np.prod(shape[:-2], dtype=int)) * shape[-1]
        found = op.apply(primitive, (a, op.reshape(moved, shape=(shape[-2], columns))), parameters)
        found = op.reshape(found, shape=(type_of(found).shape[0], *shape[:-2], shape[-1]))
        return op.transpose(found, axes=(*range(1, rank - 1), 0, rank - 1))
    return op.apply(primitive, tuple(aligned(size, inputs, batched)), parameters)


def right_side(a_tangent: Any, b_tangent: Any, x: Any) -> Any:
    """db - dA x."""
    if a_tangent is None:
        return b_tangent
    moved = -op.matmul(a_tangent, x)
    return moved if b_tangent is None else b_tangent + moved


def solve_tangent(primals: Any, tangents: Any, x: Any) -> Any:
    return op.solve(primals[0], right_side(tangents[0], tangents[1], x))


def solve_back(ct: Any, a: Any, b_type: Any) -> Any:
    return sum_to(op.solve(swap(a), ct), b_type)


def solve_cases(rng: np.random.Generator) -> list[Case]:
    right = samples(rng, 3, 2)
    cases = [Case((a, right[name]), {}, True, name) for name, a in samples(rng, 3, 3).items()]
    stack = samples(rng, 2, 3, 3)
    return [
        *cases,
        Case((stack["float64"], right["float64"]), {}, True, "stack, matrix"),
        Case((stack["float64"][:, None], rng.uniform(-1, 1, (4, 3, 1))), {}, True, "stacks"),
        Case((cases[0].inputs[0], rng.uniform(-1, 1, (2, 3, 1))), {}, True, "matrix, stack"),
        Case((np.array([[2, 1], [1, 3]]), np.array([[1], [2]])), {}, False, "int64"),
    ]


solve = external(
    "solve",
    evaluate=np.linalg.solve,
    infer=solve_type,
    batch=system_batch,
    cases=solve_cases,
    derivative=Jvp(solve_tangent, True, (None, solve_back)),
    doc="The matrix x with a @ x = b, for matrices b, stack by stack.",
)

# --------------------------------------------------------------------------------------------- inv


def inv_value(a: Any, *, singular: str = "raise") -> Any:
    """The inverse; with singular="nan" a (numerically) singular matrix gives NaN instead of an
    error."""
    if singular == "raise":
        return np.linalg.inv(a)
    return regular_inverse(np.asarray(a), 1.0)[0]


def regular_inverse(a: np.ndarray, power: float) -> tuple[np.ndarray, np.ndarray]:
    """The inverses, NaN where the condition number is above eps**-power; and where it is not."""
    try:
        found = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        found = np.full(a.shape, np.nan, lapack_dtype(type_of(a)))
        for k in np.ndindex(a.shape[:-2]):
            try:
                found[k] = np.linalg.inv(a[k])
            except np.linalg.LinAlgError:
                pass
    if not a.shape[-1]:
        return found, np.ones(a.shape[:-2], bool)
    with np.errstate(all="ignore"):
        condition = np.abs(a).sum(-2).max(-1) * np.abs(found).sum(-2).max(-1)
        regular = condition < resolution(found) ** -power
    if not regular.all():
        found = np.where(regular[..., None, None], found, np.nan).astype(found.dtype)
    return found, regular


def inv_tangent(primals: Any, tangents: Any, y: Any, **parameters: Any) -> Any:
    return -op.matmul(op.matmul(y, tangents[0]), y)


def inv_cases(rng: np.random.Generator) -> list[Case]:
    cases = [
        Case((a,), {"singular": "raise"}, True, name) for name, a in samples(rng, 3, 3).items()
    ]
    return [
        *cases,
        Case((samples(rng, 2, 2, 3, 3)["float64"],), {"singular": "nan"}, True, "stack"),
        Case((np.array([[2, 1], [1, 3]]),), {"singular": "raise"}, False, "int64"),
    ]


inv = external(
    "inv",
    evaluate=inv_value,
    infer=lambda a, **parameters: square_type(a),
    derivative=jvp(inv_tangent),
    batch=all_in_front,
    cases=inv_cases,
    doc="The inverse matrix.",
)

# -------------------------------------------------------------------------------- triangular_solve


def triangular_value(a: Any, b: Any, *, lower: bool, unit: bool) -> Any:
    if not unit and b.size and not np.diagonal(a, axis1=-2, axis2=-1).all():
        raise np.linalg.LinAlgError("singular matrix")
    if a.ndim == b.ndim == 2:
        return triangular_matrix(a, b, lower, unit)
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left, right = (
        np.broadcast_to(a, (*stack, *a.shape[-2:])),
        np.broadcast_to(b, (*stack, *b.shape[-2:])),
    )
    out = np.empty(right.shape, lapack_dtype(type_of(a), type_of(b)))
    for k in np.ndindex(stack):
        out[k] = triangular_matrix(left[k], right[k], lower, unit)
    return out


def triangular_matrix(a: Any, b: Any, lower: bool, unit: bool) -> Any:
    """One matrix, by BLAS's `trsm`.  LAPACK's `trtrs`, which SciPy calls, starts threads for
    matrices of any size: on a busy machine a small one then takes milliseconds."""
    from scipy.linalg import get_blas_funcs

    if not b.size:
        return np.empty(b.shape, lapack_dtype(type_of(a), type_of(b)))
    (trsm,) = get_blas_funcs(("trsm",), (a, b))
    if a.flags.f_contiguous:
        return trsm(1.0, a, b, lower=lower, diag=unit)
    return trsm(1.0, a.T, b, lower=not lower, trans_a=True, diag=unit)  # no copy of rows


def triangular_tangent(primals: Any, tangents: Any, x: Any, *, lower: bool, unit: bool) -> Any:
    a, (t, b_tangent) = primals[0], tangents
    if t is not None:
        mask = lower_mask(t, unit) if lower else lower_mask(t, unit).T
        t = op.select(mask, t, 0.0)
    return op.triangular_solve(a, right_side(t, b_tangent, x), lower=lower, unit=unit)


def triangular_back(ct: Any, a: Any, b_type: Any, *, lower: bool, unit: bool) -> Any:
    return sum_to(op.triangular_solve(swap(a), ct, lower=not lower, unit=unit), b_type)


def triangular_cases(rng: np.random.Generator) -> list[Case]:
    right = samples(rng, 3, 2)
    cases = [
        Case((a, right[name]), {"lower": lower, "unit": False}, True, name)
        for (name, a), lower in zip(
            samples(rng, 3, 3).items(), (True, False, True, False), strict=True
        )
    ]
    stack = samples(rng, 2, 3, 3)["float64"]
    return [
        *cases,
        Case(
            (stack, right["float64"]), {"lower": True, "unit": True}, True, "stack, unit diagonal"
        ),
        Case((stack[0], stack), {"lower": False, "unit": False}, True, "matrix, stack"),
    ]


triangular_solve = external(
    "triangular_solve",
    evaluate=triangular_value,
    infer=solve_type,
    batch=system_batch,
    cases=triangular_cases,
    derivative=Jvp(triangular_tangent, True, (None, triangular_back)),
    doc="The matrix x with a @ x = b for a triangular a; the other triangle is not read.",
)

# -------------------------------------------------------------------------- pinv and least_squares


def pinv_value(a: Any, *, rcond: float, hermitian: bool) -> Any:
    return np.linalg.pinv(a, rcond, hermitian)


def pinv_type(a: Any, **parameters: Any) -> Type:
    t = matrix_type(a)
    return Type((*t.shape[:-2], t.shape[-1], t.shape[-2]), t.dtype)


def pinv_tangent(primals: Any, tangents: Any, p: Any, **parameters: Any) -> Any:
    (a,), (t,) = primals, tangents
    back, across = adjoint(t), adjoint(p)
    left = op.matmul(p, op.matmul(across, back))  # P P* dA*
    right = op.matmul(op.matmul(back, across), p)  # dA* P* P
    return (
        (left - op.matmul(op.matmul(left, a), p))
        + (right - op.matmul(p, op.matmul(a, right)))
        - op.matmul(op.matmul(p, t), p)
    )


def pinv_cases(rng: np.random.Generator) -> list[Case]:
    options = {"rcond": 1e-15, "hermitian": False}
    single = {"rcond": 1e-6, "hermitian": False}
    cases = [
        Case(
            (a,),
            single if "32" in name or (name[-2:] == "64" and name[0] == "c") else options,
            True,
            name,
        )
        for name, a in samples(rng, 4, 3).items()
    ]
    return [*cases, Case((samples(rng, 2, 2, 3)["float64"],), options, True, "stack, wide")]


pinv = external(
    "pinv",
    evaluate=pinv_value,
    infer=pinv_type,
    derivative=jvp(pinv_tangent),
    batch=all_in_front,
    cases=pinv_cases,
    doc="The pseudo-inverse; its derivative is that at constant rank.",
)


def least_squares_value(a: Any, b: Any, *, rcond: float) -> Any:
    if a.ndim == b.ndim == 2:
        return np.linalg.lstsq(a, b, rcond)[0]
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left, right = (
        np.broadcast_to(a, (*stack, *a.shape[-2:])),
        np.broadcast_to(b, (*stack, *b.shape[-2:])),
    )
    out = np.empty((*stack, a.shape[-1], b.shape[-1]), lapack_dtype(type_of(a), type_of(b)))
    for k in np.ndindex(stack):
        out[k] = np.linalg.lstsq(left[k], right[k], rcond)[0]
    return out


def least_squares_type(a: Any, b: Any, *, rcond: float) -> Type:
    s, t = matrix_type(a), matrix_type(b)
    if s.shape[-2] != t.shape[-2]:
        raise np.linalg.LinAlgError("Incompatible dimensions")
    stack = np.broadcast_shapes(s.shape[:-2], t.shape[:-2])
    return Type((*stack, s.shape[-1], t.shape[-1]), lapack_dtype(s, t))


def least_squares_tangent(primals: Any, tangents: Any, x: Any, *, rcond: float) -> Any:
    """P (db - dA x) + P P* dA* (b - A x) + (1 - P A) dA* P* x."""
    (a, b), (t, b_tangent) = primals, tangents
    p = op.pinv(a, rcond=rcond, hermitian=False)
    total = op.matmul(p, right_side(t, b_tangent, x))
    if t is None:
        return total
    back, across = adjoint(t), adjoint(p)
    total = total + op.matmul(op.matmul(p, across), op.matmul(back, b - op.matmul(a, x)))
    right = op.matmul(back, op.matmul(across, x))
    return total + (right - op.matmul(p, op.matmul(a, right)))


def least_squares_back(ct: Any, a: Any, b_type: Any, *, rcond: float) -> Any:
    return sum_to(op.matmul(swap(op.pinv(a, rcond=rcond, hermitian=False)), ct), b_type)


def least_squares_cases(rng: np.random.Generator) -> list[Case]:
    right = samples(rng, 4, 2)
    cases = [
        Case((a, right[name]), {"rcond": 1e-6}, True, name)
        for name, a in samples(rng, 4, 3).items()
    ]
    return [
        *cases,
        Case(
            (samples(rng, 2, 4, 6)["float64"], right["float64"]),
            {"rcond": 1e-12},
            True,
            "stack, wide",
        ),
    ]


least_squares = external(
    "least_squares",
    evaluate=least_squares_value,
    infer=least_squares_type,
    batch=system_batch,
    cases=least_squares_cases,
    derivative=Jvp(least_squares_tangent, True, (None, least_squares_back)),
    doc="The shortest x for which |a @ x - b| is least; its derivative is that at constant rank.",
)

__all__ = ["inv", "least_squares", "pinv", "solve", "triangular_solve"]
