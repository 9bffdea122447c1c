"""How the tests of the facade compare a function of traced arrays with NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import adjoint as ad
from adjoint.graph.node import next_serial

rng = np.random.default_rng(7)


def sample(*shape: int, dtype: Any = float) -> np.ndarray:
    """Numbers of a dtype, none of them special."""
    values = rng.uniform(-2, 2, shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.uniform(-2, 2, shape)
    return np.asarray(values, dtype)


def leaves(value: Any) -> list[Any]:
    """A result as a list of arrays."""
    return list(value) if isinstance(value, (tuple, list)) else [value]


def same(found: Any, expected: Any) -> None:
    """Equal in value (to the last bit), shape and dtype."""
    for a, b in zip(leaves(found), leaves(expected), strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def check_linear(f: Callable, *args: np.ndarray, exact: bool = True, batch: bool = True) -> None:
    """An affine function: values as NumPy's, both derivatives, a batch against a loop.

    For an affine f the difference (f(x + t) - f(x - t))/2 is the derivative along t, but for
    rounding.
    """
    expected = f(*args)
    tangents = [sample(*np.shape(x), dtype=x.dtype) for x in args]
    value, pull = ad.vjp(f, *args)
    pushed_value, pushed = ad.jvp(f, tuple(args), tuple(tangents))
    for found in (value, pushed_value):
        if exact:
            same(found, expected)
        else:
            for a, b in zip(leaves(found), leaves(expected), strict=True):
                assert np.shape(a) == np.shape(b)
                assert np.asarray(a).dtype == np.asarray(b).dtype
                np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)
    plus = leaves(f(*[x + t for x, t in zip(args, tangents, strict=True)]))
    minus = leaves(f(*[x - t for x, t in zip(args, tangents, strict=True)]))
    loose = any(np.asarray(x).dtype.char in "fF" for x in (*args, *leaves(expected)))
    tolerance = {"rtol": 1e-4, "atol": 1e-4} if loose else {"rtol": 1e-11, "atol": 1e-11}
    for t, a, b in zip(leaves(pushed), plus, minus, strict=True):
        np.testing.assert_allclose(t, (np.asarray(a) - np.asarray(b)) / 2, **tolerance)
    weights = [sample(*np.shape(x), dtype=np.asarray(x).dtype) for x in leaves(expected)]
    kind = type(expected)
    cotangents = pull(kind(weights) if kind in (list, tuple) else weights[0])
    pulled = leaves(cotangents)
    for c, x in zip(pulled, args, strict=True):
        assert np.shape(c) == np.shape(x)
        assert c.dtype == x.dtype
    # <ct, J t> = <J' ct, t>, both products without conjugation; of a real argument's cotangent
    # only the real part is kept, and only the real parts agree
    left = sum(np.sum(w * t) for w, t in zip(weights, leaves(pushed), strict=True))
    right = sum(np.sum(c * t) for c, t in zip(pulled, tangents, strict=True))
    if any(x.dtype.kind == "f" for x in args):
        left, right = np.real(left), np.real(right)
    np.testing.assert_allclose(left, right, **tolerance)
    if batch:
        rows = [np.stack([x, -x, x + t]) for x, t in zip(args, tangents, strict=True)]
        together = leaves(ad.vmap(f)(*rows))
        singles = [leaves(f(*[r[k] for r in rows])) for k in range(3)]
        for k, whole in enumerate(together):
            np.testing.assert_allclose(whole, np.stack([s[k] for s in singles]), **tolerance)


def nodes(f: Callable, x: Any) -> int:
    """How many nodes the function records."""
    counted: list[int] = []

    def counting(x: Any) -> Any:
        before = next_serial()
        f(x)
        counted.append(next_serial() - before - 1)
        return np.sum(x * 0.0) if np.ndim(x) else x * 0.0

    ad.grad(counting)(x)
    return counted[0]
