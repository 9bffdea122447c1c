"""How the tests of smooth facade functions compare with NumPy, finite differences and loops."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import adjoint as ad

rng = np.random.default_rng(11)


def sample(*shape: int, low: float = -2, high: float = 2, dtype: Any = float) -> np.ndarray:
    """Numbers of a dtype in an interval, far enough apart for finite differences."""
    size = int(np.prod(shape))
    spread = (rng.permutation(size) + rng.uniform(0.3, 0.7, size)) / max(size, 1)
    values = (low + (high - low) * spread).reshape(shape)
    if np.dtype(dtype).kind == "c":
        values = values + 1j * rng.uniform(low, high, shape)
    return np.asarray(values, dtype)


def leaves(value: Any) -> list[Any]:
    """A result as a list of arrays."""
    return list(value) if isinstance(value, (tuple, list)) else [value]


def tolerance(*values: Any) -> float:
    return 2e-6 if any(np.asarray(v).dtype.char in "fF" for v in values) else 1e-13


def same(found: Any, expected: Any) -> None:
    """Equal in value (but for rounding), shape and dtype."""
    for a, b in zip(leaves(found), leaves(expected), strict=True):
        assert np.shape(a) == np.shape(b), (np.shape(a), np.shape(b))
        assert np.asarray(a).dtype == np.asarray(b).dtype, (
            np.asarray(a).dtype,
            np.asarray(b).dtype,
        )
        close = tolerance(a, b)
        np.testing.assert_allclose(a, b, rtol=close, atol=close)


def difference(f: Callable, args: tuple, tangents: tuple) -> list[np.ndarray]:
    """The derivative along a direction by the five-point rule, its error some 1e-12."""
    h = 1e-3

    def at(s: float) -> list[np.ndarray]:
        moved = [x + s * h * t for x, t in zip(args, tangents, strict=True)]
        return [np.asarray(v) for v in leaves(f(*moved))]

    points = {s: at(s) for s in (-2, -1, 1, 2)}
    return [
        (8 * (p - m) - (pp - mm)) / (12 * h)
        for mm, m, p, pp in zip(points[-2], points[-1], points[1], points[2], strict=True)
    ]


def check(
    f: Callable, *args: np.ndarray, second: bool = True, batch: bool = True, rtol: float = 1e-7,
    float32: bool = True, flip: bool = True,
) -> None:  # fmt: skip
    """Value, dtype and shape as NumPy's; derivatives to second order; a batch against a loop."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        derivatives(f, args, second, rtol)
        if float32:
            single(f, args)
        if batch:
            batches(f, args, flip)


def derivatives(f: Callable, args: tuple, second: bool, rtol: float) -> None:
    expected = f(*args)
    tangents = tuple(sample(*np.shape(x), low=-1, high=1, dtype=x.dtype) for x in args)
    value, pushed = ad.jvp(f, args, tangents)
    pulled_value, pull = ad.vjp(f, *args)
    same(value, expected)
    same(pulled_value, expected)
    exact = difference(f, args, tangents)
    for a, b in zip(leaves(pushed), exact, strict=True):
        if np.asarray(b).dtype.kind in "fc":
            assert np.shape(a) == np.shape(b)
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)
        else:
            assert not np.any(a)
    weights = [sample(*np.shape(v), dtype=np.asarray(v).dtype) for v in leaves(expected)]
    given = weights[0] if not isinstance(expected, (tuple, list)) else type(expected)(weights)
    cotangents = pull(given)
    for c, x in zip(cotangents, args, strict=True):
        assert np.shape(c) == np.shape(x)
        assert c.dtype == x.dtype
    left = sum(np.sum(w * t) for w, t in zip(weights, leaves(pushed), strict=True))
    right = sum(np.sum(c * t) for c, t in zip(cotangents, tangents, strict=True))
    np.testing.assert_allclose(np.real(left), np.real(right), rtol=1e-9, atol=1e-9)
    if not second:
        return

    def forward(*xs: Any) -> Any:
        return ad.jvp(f, xs, tangents)[1]

    def backward(*xs: Any) -> Any:
        return ad.vjp(f, *xs)[1](given)

    for derivative in (forward, backward):
        found = ad.jvp(derivative, args, tangents)[1]
        for a, b in zip(leaves(found), difference(derivative, args, tangents), strict=True):
            np.testing.assert_allclose(a, b, rtol=10 * rtol, atol=10 * rtol)


def single(f: Callable, args: tuple) -> None:
    """The same in single precision: dtypes as NumPy's."""
    lesser = {"d": np.float32, "D": np.complex64}
    small = tuple(x.astype(lesser[x.dtype.char]) for x in args)
    value, pull = ad.vjp(f, *small)
    same(value, f(*small))
    given = [np.ones(np.shape(v), np.asarray(v).dtype) for v in leaves(value)]
    structure = given[0] if not isinstance(value, (tuple, list)) else type(value)(given)
    for c, x in zip(pull(structure), small, strict=True):
        assert c.dtype == x.dtype


def batches(f: Callable, args: tuple, flip: bool) -> None:
    """`vmap` against a loop, of the value and of the derivative."""
    rows = [np.stack([x, x[..., ::-1] if x.ndim and flip else x + 0.1, x * 0.9]) for x in args]

    def slope(*xs: Any) -> Any:
        return leaves(ad.vjp(f, *xs)[1](one_like(f(*args))))

    for function in (lambda *xs: leaves(f(*xs)), slope):
        together = ad.vmap(function)(*rows)
        for k in range(3):
            alone = function(*[r[k] for r in rows])
            for a, b in zip(together, alone, strict=True):
                np.testing.assert_allclose(a[k], b, rtol=1e-12, atol=1e-12)


def one_like(value: Any) -> Any:
    given = [np.ones(np.shape(v), np.asarray(v).dtype) for v in leaves(value)]
    return given[0] if not isinstance(value, (tuple, list)) else type(value)(given)


def check_values(f: Callable, *args: Any) -> None:
    """Only that the value of traced arrays is NumPy's (special values, integers)."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        same(ad.vjp(f, *args)[0], f(*args))
