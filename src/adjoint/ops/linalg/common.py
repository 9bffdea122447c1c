"""What the linear algebra primitives share: types, transposes, diagonals, samples.

Enters: stacks of matrices of any kind of value.  Leaves: the same.  Every primitive of this package
works on stacks (leading axes), in single and double precision, real and complex.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...base.dtypes import Type, real_dtype, type_of
from ...graph import op
from ..contract import swap

SINGLE = {"f": np.dtype(np.float32), "F": np.dtype(np.complex64)}


def lapack_dtype(*types: Any) -> np.dtype:
    """The dtype in which LAPACK computes: single precision stays single, integers become
    float64."""
    found = [t.dtype if t.dtype.kind in "fc" else np.dtype(float) for t in types]
    return np.result_type(*found)


def square_type(x: Any) -> Type:
    """The type of a stack of square matrices in LAPACK's dtype; NumPy's error for anything else."""
    t = type_of(x)
    if t.ndim < 2:
        raise np.linalg.LinAlgError(
            f"{t.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    if t.shape[-1] != t.shape[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    return Type(t.shape, lapack_dtype(t))


def matrix_type(x: Any) -> Type:
    """The type of a stack of matrices in LAPACK's dtype."""
    t = type_of(x)
    if t.ndim < 2:
        raise np.linalg.LinAlgError(
            f"{t.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    return Type(t.shape, lapack_dtype(t))


def adjoint(x: Any) -> Any:
    """The conjugate transposes of the matrices of a stack."""
    return op.conj(swap(x)) if type_of(x).dtype.kind == "c" else swap(x)


def symmetrized(x: Any) -> Any:
    """The Hermitian part."""
    return 0.5 * (x + adjoint(x))


LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def stack_letters(x: Any) -> str:
    """einsum letters for the axes in front of the matrices."""
    return LETTERS[: len(type_of(x).shape) - 2]


def diagonal(x: Any) -> Any:
    """The diagonals of square matrices."""
    s = stack_letters(x)
    return op.einsum(x, subscripts=f"{s}ii->{s}i")


def trace_of_product(x: Any, y: Any) -> Any:
    """The trace of x @ y."""
    s, t = stack_letters(x), stack_letters(y)
    longest = max(s, t, key=len)
    s, t = longest[len(longest) - len(s) :], longest[len(longest) - len(t) :]
    return op.einsum(x, y, subscripts=f"{s}ij,{t}ji->{longest}")


def column(x: Any) -> Any:
    """Vectors as matrices with one column."""
    return op.reshape(x, shape=(*type_of(x).shape, 1))


def row(x: Any) -> Any:
    """Vectors as matrices with one row: factors of a matrix's columns."""
    shape = type_of(x).shape
    return op.reshape(x, shape=(*shape[:-1], 1, shape[-1]))


def part(x: Any, rows: tuple[int, int], columns: tuple[int, int]) -> Any:
    """A block of each matrix."""
    shape = type_of(x).shape
    rest = len(shape) - 2
    if (rows, columns) == ((0, shape[-2]), (0, shape[-1])):
        return x
    return op.slice(
        x,
        starts=(0,) * rest + (rows[0], columns[0]),
        stops=(*shape[:-2], rows[1], columns[1]),
        steps=(1,) * len(shape),
    )


def beside(x: Any, y: Any) -> Any:
    """Matrices side by side."""
    return op.concatenate(x, y, axis=len(type_of(x).shape) - 1)


def below(x: Any, y: Any) -> Any:
    """Matrices one below the other."""
    return op.concatenate(x, y, axis=len(type_of(x).shape) - 2)


def identity(x: Any) -> np.ndarray:
    """The unit matrix that multiplies x from the right."""
    t = type_of(x)
    return np.eye(t.shape[-1], dtype=t.dtype)


def lower_mask(x: Any, strictly: bool = False) -> np.ndarray:
    """True below the diagonal, and on it unless `strictly`."""
    m, n = type_of(x).shape[-2:]
    return np.tri(m, n, -1 if strictly else 0, dtype=bool)


def resolution(x: Any) -> float:
    """The machine epsilon of a dtype, complex ones too."""
    return float(np.finfo(real_dtype(np.dtype(type_of(x).dtype))).eps)


def samples(rng: np.random.Generator, *shape: int) -> dict[str, np.ndarray]:
    """Matrices in every dtype that LAPACK knows, well apart from singular ones."""
    x = rng.uniform(-1, 1, shape) + 2.0 * np.eye(shape[-2], shape[-1])
    z = x + 1j * rng.uniform(-1, 1, shape)
    return {
        "float64": x,
        "float32": x.astype(np.float32),
        "complex128": z,
        "complex64": z.astype(np.complex64),
    }
