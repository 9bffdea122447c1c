"""`ad.linalg`: all of `np.linalg`, and from `scipy.linalg` the functions `expm`, `solve_triangular`
and `cho_solve`.

Enters: plain or traced arrays.  Leaves: what NumPy or SciPy would give, with derivatives.  SciPy is
imported when one of its functions is first used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.dtypes import type_of
from ..base.errors import message
from ..graph import op
from ..ops.linalg.common import adjoint, swap
from .numpy import linalg as of_numpy
from .numpy.linalg import matrices
from .numpy.register import array_like
from .protocols import unsupported


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    if name in ("logm", "sqrtm", "schur", "lu", "funm"):
        raise unsupported(f"scipy.linalg.{name}")
    return getattr(of_numpy, name)


def __dir__() -> list[str]:
    return sorted({*np.linalg.__all__, "expm", "solve_triangular", "cho_solve"})


def expm(a: Any) -> Any:
    """The exponential of a square matrix, or of each matrix of a stack, as `scipy.linalg.expm`.

    >>> import adjoint as ad, numpy as np
    >>> float(ad.linalg.expm(np.zeros((2, 2)))[0, 0])
    1.0
    """
    return op.expm(matrices("expm", a, square=True))


def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, **options: Any
) -> Any:
    """The solution x of a @ x = b for a triangular matrix, as `scipy.linalg.solve_triangular`.

    Args:
        a: (..., n, n); only the lower or the upper triangle is read.
        b: (n,) or (..., n, k).
        trans: 0 or "N" solves with a, 1 or "T" with its transpose, 2 or "C" with its conjugate
            transpose.
        lower: which triangle is read.
        unit_diagonal: the diagonal counts as ones and is not read.
        options: `overwrite_b` and `check_finite` of SciPy, without effect.

    Raises:
        numpy.linalg.LinAlgError: an element of the diagonal is 0.

    >>> import adjoint as ad, numpy as np
    >>> a = np.array([[2.0, 0.0], [1.0, 1.0]])
    >>> ad.linalg.solve_triangular(a, np.array([2.0, 3.0]), lower=True)
    array([1., 2.])
    """
    unknown = set(options) - {"overwrite_b", "check_finite"}
    if unknown:
        raise TypeError(
            message(
                f"solve_triangular got {', '.join(sorted(unknown))}=", expected="SciPy's options"
            )
        )
    a, b = matrices("solve_triangular", a, square=True), array_like(b)
    if trans in (1, "T", 2, "C"):
        a, lower = (swap(a) if trans in (1, "T") else adjoint(a)), not lower
    elif trans not in (0, "N"):
        raise ValueError(
            message(f"solve_triangular got trans={trans!r}", expected='0, 1, 2, "N", "T" or "C"')
        )
    t = type_of(b)
    right = op.reshape(b, shape=(*t.shape, 1)) if t.ndim == 1 else b
    found = op.triangular_solve(a, right, lower=bool(lower), unit=bool(unit_diagonal))
    return op.reshape(found, shape=type_of(found).shape[:-1]) if t.ndim == 1 else found


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, **options: Any) -> Any:
    """The solution x of A @ x = b from the Cholesky factor of A, as `scipy.linalg.cho_solve`.

    Args:
        c_and_lower: the factor (of `ad.linalg.cholesky`) and whether it is the lower one.
        b: (n,) or (..., n, k).
        options: `overwrite_b` and `check_finite` of SciPy, without effect.

    >>> import adjoint as ad, numpy as np
    >>> factor = np.linalg.cholesky(np.array([[4.0, 0.0], [0.0, 9.0]]))
    >>> ad.linalg.cho_solve((factor, True), np.array([4.0, 18.0]))
    array([1., 2.])
    """
    factor, lower = c_and_lower
    first, second = (0, "C") if lower else ("C", 0)
    half = solve_triangular(factor, b, first, lower, **options)
    return solve_triangular(factor, half, second, lower, **options)
