"""`np.linalg` on traced values.

Enters: NumPy's calls, stacks included.  Leaves: operations of `ops/linalg`, in NumPy's named
tuples.  What NumPy refuses (matrices that are not square, singular ones) is refused with
`numpy.linalg.LinAlgError` here too.

`eig`, `eigvals` and `roots` give real numbers where the NumPy that is installed does: before 2.5
for a real matrix with real eigenvalues, which is known once they are computed.  The conventions
about repeated values are those of `ops/linalg/decompose.py`.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np

from ...base.dtypes import real_dtype, type_of
from ...base.errors import TracingError, message
from ...graph import op
from ...ops.linalg.common import adjoint, lapack_dtype
from ..context import context
from ..operands import functions
from .contract import cross, matmul, outer, tensordot, trace, vecdot
from .register import all_axes, array_like, axis_error, implements, names, one_axis

LinAlgError = np.linalg.LinAlgError
QRResult = type(np.linalg.qr(np.eye(1)))
EighResult = type(np.linalg.eigh(np.eye(1)))
EigResult = type(np.linalg.eig(np.eye(1)))
SVDResult = type(np.linalg.svd(np.eye(1)))
SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


def __getattr__(name: str) -> Any:
    """`ad.numpy.linalg.NAME`: the function that takes traced values too; any other name is
    NumPy's."""
    if name.startswith("__"):
        raise AttributeError(name)
    found = names.get(f"linalg.{name}")
    return getattr(np.linalg, name) if found is None else found


def matrices(operation: str, a: Any, square: bool = False) -> Any:
    """An argument as a stack of matrices."""
    a = array_like(a)
    t = type_of(a)
    if t.ndim < 2:
        raise LinAlgError(
            f"{t.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    if square and t.shape[-1] != t.shape[-2]:
        raise LinAlgError(
            message(
                f"Last 2 dimensions of the array must be square: np.linalg.{operation} got {t}",
                operation=f"np.linalg.{operation}",
            )
        )
    return a


# --------------------------------------------------------------------------------------- equations


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    a, b = matrices("solve", a, square=True), array_like(b)
    t = type_of(b)
    if t.ndim == 1:
        found = op.solve(a, op.reshape(b, shape=(*t.shape, 1)))
        return op.reshape(found, shape=type_of(found).shape[:-1])
    return op.solve(a, b)


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    return op.inv(matrices("inv", a, square=True), singular="raise")


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:
    a = matrices("pinv", a)
    t = type_of(a)
    if rcond is None:
        if rtol is np._NoValue:
            rcond = 1e-15
        elif rtol is None:
            rcond = max(t.shape[-2:]) * float(np.finfo(lapack_dtype(t)).eps)
        else:
            rcond = rtol
    elif rtol is not np._NoValue:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    if np.ndim(rcond) != 0:
        raise ValueError(
            message(
                "np.linalg.pinv got an array of cutoffs", expected="one number for rcond= or rtol="
            )
        )
    return op.pinv(a, rcond=float(rcond), hermitian=bool(hermitian))


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    a, b = array_like(a), array_like(b)
    s, t = type_of(a), type_of(b)
    if s.ndim != 2 or t.ndim not in (1, 2):
        raise LinAlgError(f"{s.ndim}-dimensional array given. Array must be two-dimensional")
    if s.shape[0] != t.shape[0]:
        raise LinAlgError("Incompatible dimensions")
    m, n = s.shape
    eps = float(np.finfo(float).eps)
    rcond = eps * max(m, n) if rcond is None else eps if rcond == -1 else float(rcond)
    right = op.reshape(b, shape=(m, 1)) if t.ndim == 1 else b
    x = op.least_squares(a, right, rcond=rcond)
    singular = op.svdvals(a)
    rank = op.matrix_rank(a, tol=None, rtol=rcond, hermitian=False)
    dtype = real_dtype(lapack_dtype(s, t))
    if m > n and has_full_rank(rank, n):
        rest = right - op.matmul(a, x)
        size = op.real(rest * op.conj(rest)) if type_of(rest).dtype.kind == "c" else rest * rest
        residuals = op.sum(size, axes=(0,))
    else:
        residuals = np.zeros(0, dtype)
    rank = functions["astype"](rank, np.intc)
    return (op.reshape(x, shape=(n,)) if t.ndim == 1 else x), residuals, rank, singular


def has_full_rank(rank: Any, n: int) -> bool:
    """Whether NumPy gives the residuals; where the rank is not known (under `jit`) they are."""
    try:
        return operator.index(rank) == n
    except TracingError:
        return True


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = array_like(a), array_like(b)
    rank = type_of(a).ndim
    if axes is not None:
        order = [k for k in range(rank) if k not in {one_axis(axis, rank) for axis in axes}]
        a = op.transpose(a, axes=(*order, *[one_axis(axis, rank) for axis in axes]))
    shape = type_of(a).shape[type_of(b).ndim :]
    n = int(np.prod(shape, dtype=int))
    if type_of(a).size != n * n or type_of(b).size != n:
        raise LinAlgError(
            "Input arrays must satisfy the requirement "
            "prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    found = op.solve(op.reshape(a, shape=(n, n)), op.reshape(b, shape=(n, 1)))
    return op.reshape(found, shape=shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    a = array_like(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    shape = type_of(a).shape
    rows = int(np.prod(shape[ind:], dtype=int))
    flat = op.reshape(a, shape=(type_of(a).size // max(rows, 1), rows))
    return op.reshape(inv(flat), shape=(*shape[ind:], *shape[:ind]))


# ---------------------------------------------------------------------------------- decompositions


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    return op.cholesky(matrices("cholesky", a, square=True), upper=bool(upper))


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    a = matrices("qr", a)
    if mode not in ("reduced", "complete", "r"):
        kind = TracingError if mode == "raw" else ValueError
        raise kind(
            message(
                f"np.linalg.qr got mode={mode!r}",
                expected="'reduced', 'complete' or 'r'",
                instead="`np.linalg.qr(a)`",
                operation="np.linalg.qr",
            )
        )
    q, r = op.qr(a, complete=mode == "complete")
    return r if mode == "r" else QRResult(q, r)  # type: ignore[call-arg, misc]


def reads_lower(operation: str, UPLO: str) -> bool:
    if UPLO.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return UPLO.upper() == "L"


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    found = op.eigh(matrices("eigh", a, square=True), lower=reads_lower("eigh", UPLO))
    return EighResult(*found)


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return op.eigvalsh(matrices("eigvalsh", a, square=True), lower=reads_lower("eigvalsh", UPLO))


@implements(np.linalg.eig)
def eig(a: Any) -> Any:
    values, vectors = op.eig(matrices("eig", a, square=True))
    if is_all_real(a, values):
        return EigResult(op.real(values), op.real(vectors))
    return EigResult(values, vectors)


def is_all_real(a: Any, values: Any) -> bool:
    """Whether the eigenvalues of a real matrix are all real: NumPy before 2.5 gives real ones then.
    Rows of a batch may differ: theirs are complex."""
    if type_of(a).dtype.kind == "c" or context.batches or not gives_real():
        return False
    mask = op.equal(op.imag(op.stop_gradient(values)), 0)
    return bool(op.all(mask, axes=tuple(range(type_of(mask).ndim))))


@functools.cache
def gives_real() -> bool:
    """Whether this NumPy gives real eigenvalues where all of them are."""
    return np.linalg.eigvals(np.eye(1)).dtype.kind == "f"


@implements(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    values = op.eig(matrices("eigvals", a, square=True))[0]
    return op.real(values) if is_all_real(a, values) else values


def turned(x: Any) -> Any:
    """The last axis from its other end."""
    return op.flip(x, axes=(type_of(x).ndim - 1,))


@implements(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    a = matrices("svd", a)
    if hermitian:
        return hermitian_svd(a, compute_uv)
    if not compute_uv:
        return op.svdvals(a)
    m, n = type_of(a).shape[-2:]
    return SVDResult(*op.svd(a, full=bool(full_matrices) and m != n))


def hermitian_svd(a: Any, compute_uv: bool) -> Any:
    """From eigenvalues: their absolute values in descending order, signs on the right vectors."""
    if not compute_uv:
        return turned(functions[np.sort](op.abs(op.eigvalsh(a, lower=True))))
    w, u = op.eigh(a, lower=True)
    size = op.abs(w)
    order = turned(op.argsort(size, axis=type_of(size).ndim - 1))
    shape = type_of(order).shape
    rows = op.reshape(order, shape=(*shape[:-1], 1, shape[-1]))
    take = functions[np.take_along_axis]
    sign, u = (
        take(op.sign(w), order, -1),
        take(u, op.broadcast_to(rows, shape=type_of(u).shape), -1),
    )
    return SVDResult(
        u, take(size, order, -1), adjoint(u * op.reshape(sign, shape=(*shape[:-1], 1, shape[-1])))
    )


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    return op.svdvals(matrices("svdvals", x))


# ----------------------------------------------------------------------------------------- numbers


@implements(np.linalg.det)
def det(a: Any) -> Any:
    return op.det(matrices("det", a, square=True))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    return SlogdetResult(*op.slogdet(matrices("slogdet", a, square=True)))


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    a = array_like(A)
    if tol is not None and rtol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    if type_of(a).ndim < 2:
        return op.convert(
            op.any(op.not_equal(a, 0), axes=tuple(range(type_of(a).ndim))), dtype=np.dtype(int)
        )
    return op.matrix_rank(a, tol=tol, rtol=rtol, hermitian=bool(hermitian))


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    x = matrices("cond", x)
    if not type_of(x).size:
        raise LinAlgError("cond is not defined on empty arrays")
    if p is None or p in (2, -2):
        values = op.svdvals(x)
        rank, n = type_of(values).ndim, type_of(values).shape[-1]
        first = op.at(values, axes=(rank - 1,), places=(0,))
        last = op.at(values, axes=(rank - 1,), places=(n - 1,))
        with np.errstate(all="ignore"):
            found = op.div(last, first) if p == -2 else op.div(first, last)
    else:
        x = matrices("cond", x, square=True)
        with np.errstate(all="ignore"):
            found = norm(x, p, (-2, -1)) * norm(op.inv(x, singular="nan"), p, (-2, -1))
    rank = type_of(x).ndim
    known = op.logical_not(op.any(op.isnan(x), axes=(rank - 2, rank - 1)))
    return op.select(op.logical_and(op.isnan(found), known), np.inf, found)


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Any:
    a = matrices("matrix_power", a, square=True)
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError("exponent must be an integer") from None
    t = type_of(a)
    if n == 0:
        return np.array(np.broadcast_to(np.eye(t.shape[-1], dtype=t.dtype), t.shape))
    if n < 0:
        a, n = inv(a), -n
    if n == 3:
        return op.matmul(op.matmul(a, a), a)
    power = result = None
    while n:
        power = a if power is None else op.matmul(power, power)
        if n & 1:
            result = power if result is None else op.matmul(result, power)
        n >>= 1
    return result


# ------------------------------------------------------------------------------------------- norms


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norms of vectors and matrices; where a norm is 0 its derivative is 0."""
    x = floating(array_like(x))
    shape = type_of(x).shape
    rank = len(shape)
    if axis is None and (
        ord is None or (ord in ("f", "fro") and rank == 2) or (ord == 2 and rank == 1)
    ):
        axes: tuple[int, ...] = tuple(range(rank))
        found = op.euclidean_norm(x, axes=axes)
    else:
        if axis is None:
            axes = tuple(range(rank))
        elif isinstance(axis, tuple):
            axes = tuple(one_axis(k, rank) for k in axis)
        else:
            try:
                axes = (one_axis(axis, rank),)
            except (TypeError, AttributeError):
                raise TypeError("'axis' must be None, an integer or a tuple of integers") from None
        if len(axes) == 1:
            found = vector_norm_along(x, ord, axes)
        elif len(axes) == 2:
            if axes[0] == axes[1]:
                raise ValueError("Duplicate axes given.")
            found = matrix_norm_along(x, ord, *axes)
        else:
            raise ValueError("Improper number of dimensions to norm.")
    if keepdims:
        found = op.reshape(found, shape=tuple(1 if k in axes else n for k, n in enumerate(shape)))
    return found


def floating(x: Any) -> Any:
    """Whole numbers as float64, as NumPy's `norm` takes them."""
    return x if type_of(x).dtype.kind in "fc" else op.convert(x, dtype=np.dtype(float))


def extreme(primitive: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """The largest or smallest element; the largest of none is 0."""
    if primitive is op.max and not type_of(x).size:
        return op.sum(x, axes=axes)
    return primitive(x, axes=axes)


def vector_norm_along(x: Any, ord: Any, axes: tuple[int, ...]) -> Any:
    if ord is None or ord == 2:
        return op.euclidean_norm(x, axes=axes)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    if ord == 0:
        return op.sum(op.convert(op.not_equal(x, 0), dtype=real_dtype(type_of(x).dtype)), axes=axes)
    size = op.abs(x)
    if ord == np.inf:
        return extreme(op.max, size, axes)
    if ord == -np.inf:
        return op.min(size, axes=axes)
    if ord == 1:
        return op.sum(size, axes=axes)
    power = float(ord)
    total = op.sum(op.pow(size, power), axes=axes)
    if power < 0:
        return op.pow(total, 1.0 / power)
    nothing = op.equal(total, 0)
    return op.select(nothing, 0.0, op.pow(op.select(nothing, 1.0, total), 1.0 / power))


def matrix_norm_along(x: Any, ord: Any, rows: int, columns: int) -> Any:
    if ord in (None, "fro", "f"):
        return op.euclidean_norm(x, axes=tuple(sorted((rows, columns))))
    if ord in (2, -2, "nuc"):
        rank = type_of(x).ndim
        rest = [k for k in range(rank) if k not in (rows, columns)]
        order = (*rest, rows, columns)
        values = op.svdvals(x if order == tuple(range(rank)) else op.transpose(x, axes=order))
        last = (rank - 2,)
        if ord == "nuc":
            return op.sum(values, axes=last)
        return extreme(op.max, values, last) if ord == 2 else op.min(values, axes=last)
    if ord not in (1, -1, np.inf, -np.inf):
        raise ValueError("Invalid norm order for matrices.")
    summed, left = (rows, columns) if ord in (1, -1) else (columns, rows)
    total = op.sum(op.abs(x), axes=(summed,))
    left -= left > summed
    return extreme(op.max if ord in (1, np.inf) else op.min, total, (left,))


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    x = floating(array_like(x))
    shape = type_of(x).shape
    axes = all_axes(axis, len(shape))
    if ord == 2:
        found = op.euclidean_norm(x, axes=axes)
    else:
        found = vector_norm_along(x, ord, axes)
    return (
        op.reshape(found, shape=tuple(1 if k in axes else n for k, n in enumerate(shape)))
        if keepdims
        else found
    )


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return norm(x, ord, (-2, -1), keepdims)


# --------------------------------------------------------- products that live in np.linalg as well


@implements(np.linalg.matmul)
def linalg_matmul(x1: Any, x2: Any, /) -> Any:
    return matmul(x1, x2)


@implements(np.linalg.tensordot)
def linalg_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return tensordot(x1, x2, axes)


@implements(np.linalg.vecdot)
def linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return vecdot(x1, x2, axis=axis)


@implements(np.linalg.outer)
def linalg_outer(x1: Any, x2: Any, /) -> Any:
    x1, x2 = array_like(x1), array_like(x2)
    if type_of(x1).ndim != 1 or type_of(x2).ndim != 1:
        raise ValueError(
            f"Input arrays must be one-dimensional, but they are x1.ndim={type_of(x1).ndim} and "
            f"x2.ndim={type_of(x2).ndim}."
        )
    return outer(x1, x2)


@implements(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    x1, x2 = array_like(x1), array_like(x2)
    for x in (x1, x2):
        if type_of(x).shape[axis] != 3:
            raise ValueError(
                "Both input arrays must be (arrays of) 3-dimensional vectors, "
                f"but {type_of(x)} came."
            )
    return cross(x1, x2, axis=axis)


@implements(np.linalg.trace)
def linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return trace(x, offset, -2, -1, dtype)


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return functions[np.diagonal](x, offset, -2, -1)


@implements(np.linalg.matrix_transpose)
def linalg_matrix_transpose(x: Any, /) -> Any:
    x = array_like(x)
    if type_of(x).ndim < 2:
        raise axis_error(-2, type_of(x).ndim)
    return functions[np.matrix_transpose](x)
