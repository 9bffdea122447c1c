"""`ad.special`: `scipy.special` for traced values as well as plain ones.

SciPy's ufuncs take traced values themselves (`scipy.special.erf(x)`); what is a Python function
there (`logsumexp`, `softmax`, `polygamma`, `factorial`, ...) turns its arguments into plain
arrays, and is here under the same name and signature.  On plain values every function is SciPy's
own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

import numpy as np

from ..base.dtypes import type_of
from ..graph import op
from ..ops.declare import lazy
from .numpy.register import all_axes, any_traced
from .operands import functions, late_ufuncs, ours_for_scipy
from .protocols import unsupported
from .trace import Tensor, plain_value

names: dict[str, Callable] = {}


def scipy_function(implementation: Callable) -> Callable:
    """Make an implementation the traced half of SciPy's function of that name."""
    name = implementation.__name__

    @wraps(implementation)
    def call(*args: Any, **kwargs: Any) -> Any:
        if any_traced(args, kwargs):
            return implementation(*args, **kwargs)
        return getattr(import_module("scipy.special"), name)(*args, **kwargs)

    names[name] = call
    ours_for_scipy.add(name)
    return call


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(import_module("scipy.special"), name)


def __dir__() -> list[str]:
    return sorted({*dir(import_module("scipy.special")), *names})


# ------------------------------------------------------------------------ sums of exponentials


def kept(x: Any, axes: tuple[int, ...], reduced: Any) -> Any:
    """A reduced value with its axes kept, of extent 1."""
    shape = type_of(x).shape
    return op.reshape(reduced, shape=tuple(1 if k in axes else n for k, n in enumerate(shape)))


def largest(x: Any, axes: tuple[int, ...]) -> Any:
    """The largest (real part of the) element over the axes, kept, as a constant; 0 for
    infinities."""
    x = op.stop_gradient(x) if isinstance(x, Tensor) else x
    top = op.max(op.real(x) if type_of(x).dtype.kind == "c" else x, axes=axes)
    return kept(x, axes, op.select(op.isfinite(top), top, 0.0))


def as_float(x: Any) -> Any:
    """Integers and booleans as floats."""
    t = type_of(x)
    return (
        x
        if t.dtype.kind in "fc" and not t.weak
        else op.convert(x, dtype=t.dtype if t.dtype.kind in "fc" else np.dtype(float))
    )


@scipy_function
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """log(sum(b * exp(a))), without overflow; its derivative is the softmax, with infinities too.

    Where the result is infinite, the elements that are that infinity share the derivative evenly.
    With `return_sign` the pair (log of the absolute value, sign).
    """
    a = as_float(a)
    if b is None and not return_sign and type_of(a).dtype.kind == "f":
        axes = all_axes(axis, len(type_of(a).shape))
        out = op.logsumexp(a, axes=axes)
        return kept(a, axes, out) if keepdims else out
    if b is not None:
        b = as_float(b)
        shape = np.broadcast_shapes(type_of(a).shape, type_of(b).shape)
        a, b = (op.broadcast_to(x, shape=shape) if type_of(x).shape != shape else x for x in (a, b))
        a = op.select(op.equal(b, 0), -np.inf, a)
    axes = all_axes(axis, len(type_of(a).shape))
    top = largest(a, axes)
    terms = op.exp(a - top)
    total = op.sum(terms if b is None else terms * b, axes=axes)
    top = top if keepdims else op.reshape(top, shape=type_of(total).shape)
    if keepdims:
        total = kept(a, axes, total)
    if return_sign:
        return op.log(op.abs(total)) + top, op.sign(total)
    return op.log(total) + top


@scipy_function
def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) / sum(exp(x)), without overflow."""
    x = as_float(x)
    axes = all_axes(axis, len(type_of(x).shape))
    terms = op.exp(x - kept(x, axes, op.max(op.stop_gradient(x), axes=axes)))
    return terms / kept(x, axes, op.sum(terms, axes=axes))


@scipy_function
def log_softmax(x: Any, axis: Any = None) -> Any:
    """log(softmax(x)), without overflow or cancellation."""
    x = as_float(x)
    axes = all_axes(axis, len(type_of(x).shape))
    shifted = x - largest(x, axes)
    return shifted - kept(x, axes, op.log(op.sum(op.exp(shifted), axes=axes)))


@scipy_function
def softplus(x: Any) -> Any:
    """log(1 + exp(x)); its derivative is `expit`."""
    return op.logaddexp(0.0, x)


# --------------------------------------------------------------- the gamma function's relatives


def whole(n: Any, function: str) -> Any:
    """A plain whole number, or an array of them."""
    if any_traced((n,), {}):
        raise unsupported(f"scipy.special.{function} of a traced order")
    return np.asarray(n)


@scipy_function
def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of the digamma function; float64, as SciPy's."""
    n = whole(n, "polygamma")
    if n.dtype.kind == "f" and (n == np.round(n)).all():
        n = n.astype(int)
    dtype = type_of(x).dtype
    if dtype.kind not in "c" and dtype != np.float64:
        x = op.convert(x, dtype=np.dtype(float))
    return op.psi(x) if n.ndim == 0 and n == 0 else op.polygamma(n[()], x)


@scipy_function
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """The Riemann zeta function, or the Hurwitz zeta function with q (differentiable in q)."""
    if out is not None:
        raise unsupported("scipy.special.zeta with out=")
    return op.riemann_zeta(x) if q is None else op.hurwitz_zeta(x, q)


@scipy_function
def multigammaln(a: Any, d: int) -> Any:
    """The logarithm of the multivariate gamma function of dimension d."""
    d = whole(d, "multigammaln")[()]
    if np.ndim(d) or np.floor(d) != d:
        raise ValueError("d should be a positive integer (dimension)")
    if np.any(plain_value(a) <= 0.5 * (d - 1)):
        raise ValueError(f"condition a ({plain_value(a)}) > 0.5 * (d-1) ({0.5 * (d - 1)}) not met")
    total: Any = d * (d - 1) * 0.25 * np.log(np.pi)
    for j in range(int(d)):
        total = total + op.gammaln(a - 0.5 * j)
    return total


@scipy_function
def factorial(n: Any, exact: bool = False, extend: str = "zero") -> Any:
    """gamma(n + 1), and 0 for n < 0 (unless `extend` is "complex")."""
    if exact:
        raise unsupported("scipy.special.factorial with exact=True")
    if extend not in ("zero", "complex"):
        raise ValueError(
            f"argument `extend` must be either 'zero' or 'complex', received: {extend}"
        )
    if extend == "complex":
        return op.gamma(n + 1.0)
    negative = op.less(n, 0)
    return op.select(negative, 0.0, op.gamma(op.select(negative, 0.0, n) + 1.0))


@scipy_function
def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """The number of choices of k things among N, differentiable in both."""
    if exact:
        raise unsupported("scipy.special.comb with exact=True")
    if repetition:
        first = op.logical_and(op.equal(k, 0), op.greater_equal(N, 0))
        return op.select(first, 1.0, op.binom(N + k - 1, k))
    inside = op.logical_and(op.less_equal(k, N), op.greater_equal(op.minimum(N, k), 0))
    return op.select(inside, op.binom(op.select(inside, N, 2.0), op.select(inside, k, 1.0)), 0.0)


@scipy_function
def perm(N: Any, k: Any, exact: bool = False) -> Any:
    """The number of ordered choices of k things among N, differentiable in both."""
    if exact:
        raise unsupported("scipy.special.perm with exact=True")
    inside = op.logical_and(op.less_equal(k, N), op.greater_equal(op.minimum(N, k), 0))
    n, m = op.select(inside, N, 2.0), op.select(inside, k, 1.0)
    return op.select(inside, op.poch(n - m + 1.0, m), 0.0)


@scipy_function
def lambertw(z: Any, k: Any = 0, tol: float = 1e-8) -> Any:
    """The branch k of the Lambert W function, complex."""
    return op.lambertw(z, whole(k, "lambertw")[()], tol=float(tol))


@scipy_function
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), and 1 at 0."""
    return op.sinc(x)


def lambertw_ufunc(z: Any, k: Any, tol: Any) -> Any:
    """The ufunc that SciPy's `lambertw` calls."""
    return op.lambertw(z, k, tol=float(tol))


late_ufuncs["_lambertw"] = lazy("scipy.special._ufuncs", "_lambertw"), lambertw_ufunc
functions.setdefault(np.sinc, lambda x: op.sinc(x))
