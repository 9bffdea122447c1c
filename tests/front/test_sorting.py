"""Sorting, searching, sets: values, derivatives of what is chosen, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from function_checks import check, check_values, sample

import adjoint as ad

V = sample(9)
M = sample(3, 5)
A = sample(2, 3, 4)
C = sample(6, dtype=complex)
R = np.array([2.0, 1.0, 2.0, 3.0, 1.0, 2.0])
KNOTS = np.sort(sample(5))
SPECIAL = np.array([[np.nan, 1.0, np.inf, -np.inf, 0.0, np.nan, 2.0]])

KEEPS_SIZE = {
    "sort": (np.sort, A),
    "sort axis": (lambda x: np.sort(x, axis=0), A),
    "sort flat": (lambda x: np.sort(x, axis=None), M),
    "sort stable": (lambda x: np.sort(x, stable=True, axis=1), M),
    "sort complex": (np.sort, C),
    "sort_complex": (np.sort_complex, V),
    "argsort": (lambda x: x * np.argsort(x, axis=0), M),
    "argsort method": (lambda x: x * x.argsort(), M),
    "lexsort": (lambda x: x[0] * np.lexsort((x[1], x[2])), M),
    "lexsort array": (lambda x: np.sum(x) * np.lexsort(x), M),
    "searchsorted": (lambda x: x * np.searchsorted(KNOTS, x), M),
    "sorter": (lambda x: np.searchsorted(x, [0.0, 1.0], "right", np.argsort(x)) * x[0], V),
    "digitize": (lambda x: x * np.digitize(x, KNOTS), M),
    "digitize falling": (lambda x: x * np.digitize(x, KNOTS[::-1], right=True), M),
    "isin": (lambda x: x * np.isin(np.round(x), [1.0, -1.0]), V),
    "take_along": (lambda x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1), M),
    "sorted weights": (lambda x: np.sum(np.sort(x**2) * np.arange(9)), V),
}  # fmt: skip

CHANGES_SIZE = {
    "extract": (lambda x: np.extract(x > 0, x**2), M),
    "compress": (lambda x: np.compress([True, False, True], x, axis=0), M),
    "compress axis": (lambda x: x.compress([False, True, True], axis=-1), M),
    "compress flat": (lambda x: np.compress(x[0] > 0, x), M),
    "nonzero": (lambda x: x[np.nonzero(x > 0)], M),
    "where": (lambda x: x[np.where(x > 0)] * 2, M),
    "flatnonzero": (lambda x: x[np.flatnonzero(x > 0)], V),
    "argwhere": (lambda x: np.sum(x) * np.argwhere(x > 0), V),
    "unique": (np.unique, R[::-1] + 0.0),
    "unique axis": (lambda x: np.unique(x, axis=1), M[:, [1, 0, 1, 2]]),
    "union1d": (lambda x: np.union1d(x[:4], x[2:]), V),
    "intersect1d": (lambda x: np.intersect1d(x[:5], x[3:]), V),
    "setdiff1d": (lambda x: np.setdiff1d(x, V[:2]), V),
    "setxor1d": (lambda x: np.setxor1d(x[:5], x[3:]), V),
    "bincount": (lambda w: np.bincount([0, 3, 1, 3, 5, 0, 1, 1, 2], w, minlength=8), V),
}


@pytest.mark.parametrize("name", KEEPS_SIZE)
def test_keeps_size(name):
    f, x = KEEPS_SIZE[name]
    check(f, x, batch=name not in ("digitize falling",))


@pytest.mark.parametrize("name", CHANGES_SIZE)
def test_changes_size(name):
    """The same, but for `vmap` and for points at which the size changes."""
    f, x = CHANGES_SIZE[name]
    smooth = name not in (
        "unique",
        "unique axis",
        "intersect1d",
        "setdiff1d",
        "setxor1d",
        "union1d",
    )
    if smooth:
        check(f, x, batch=False)
    else:
        check_values(f, x)
        check_values(f, x.astype(np.float32))


def test_unique_gives_the_first_of_equal_elements():
    value, pull = ad.vjp(np.unique, R)
    np.testing.assert_array_equal(pull(np.array([10.0, 20.0, 30.0]))[0], [20, 10, 0, 30, 0, 0])
    for options in (
        {"return_index": True},
        {"return_inverse": True, "return_counts": True},
        {"return_index": True, "return_inverse": True, "return_counts": True},
    ):
        check_values(lambda x, o=options: np.unique(x, **o), R)
        check_values(lambda x, o=options: np.unique(x, axis=0, **o), M[[0, 1, 0, 2]])
    check_values(np.unique_values, R)
    for form in (np.unique_all, np.unique_counts, np.unique_inverse):
        expected = form(R)
        found = ad.vjp(lambda x, form=form: tuple(form(x)), R)[0]
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)
        assert ad.grad(lambda x, f=form: f(x)[0].sum())(R).tolist() == [1, 1, 0, 1, 0, 0]
    gone = ad.grad(lambda x: np.setdiff1d(x, [1.0]).sum())(R)
    np.testing.assert_array_equal(gone, [1, 0, 0, 1, 0, 0])
    both = ad.grad(lambda x: np.intersect1d(x, [1.0, 2.0], return_indices=True)[0].sum())(R)
    np.testing.assert_array_equal(both, [1, 1, 0, 0, 0, 0])


def test_special_values():
    for f in (np.sort, np.unique, lambda x: np.searchsorted(KNOTS, x), np.union1d):
        if f is np.union1d:
            check_values(lambda x: np.union1d(x, [1.0, 7.0]), SPECIAL)
        else:
            check_values(f, SPECIAL)


def test_partition():
    """Only the k-th element has a place of its own."""
    for kth in (3, (1, -2)):
        for axis in (0, None, -1):
            x = sample(6, 6)
            value, pull = ad.vjp(lambda x, k=kth, a=axis: np.partition(x, k, axis=a), x)
            places = np.argpartition(x, kth, axis=axis)
            ordered = np.sort(x, axis=axis)
            extent = value.shape[0 if axis is None else axis]
            for k in np.atleast_1d(kth) % extent:
                np.testing.assert_array_equal(
                    np.take(value, k, axis or 0), np.take(ordered, k, axis or 0)
                )
            np.testing.assert_array_equal(np.sort(value, axis=axis or 0), ordered)
            np.testing.assert_array_equal(pull(np.ones(value.shape))[0], np.ones(x.shape))
            found = ad.vjp(lambda x, k=kth, a=axis: (np.argpartition(x, k, axis=a), np.sum(x)), x)[
                0
            ][0]
            np.testing.assert_array_equal(found, places)


def test_ties_keep_their_order():
    np.testing.assert_array_equal(
        ad.jacobian(lambda x: np.sort(x))(np.array([2.0, 1.0, 2.0])),
        [[0, 1, 0], [1, 0, 0], [0, 0, 1]],
    )


def test_refused_where_the_size_is_not_known():
    for f, name in (
        (np.nonzero, "np.nonzero"),
        (np.unique, "np.unique"),
        (lambda x: np.extract(x > 0, x), "np.extract"),
        (lambda x: np.compress(x > 0, x), "np.compress"),
        (np.flatnonzero, "np.flatnonzero"),
        (np.argwhere, "np.argwhere"),
        (lambda x: np.setdiff1d(x, [1.0]), "np.setdiff1d"),
    ):
        with pytest.raises(TypeError, match=f"under `vmap` {name}"):
            ad.vmap(f)(M)
        if name == "np.setdiff1d":  # of floats: no guard would compare them
            with pytest.raises(TypeError, match=f"under `jit` {name}"):
                ad.jit(f)(V)
        else:
            for x in (V, -V):
                np.testing.assert_array_equal(ad.jit(f)(x), f(x))


def test_jit():
    if not hasattr(ad, "jit"):
        pytest.skip("no jit yet")
    for f in (
        np.sort,
        lambda x: x * np.argsort(x),
        lambda x: np.median(x),
        lambda x: np.quantile(x, [0.2, 0.7]),
        lambda x: np.interp(x, KNOTS, KNOTS**2),
        lambda x: np.nanmean(x) * np.nanmax(x) + np.nanmedian(x) + np.nanstd(x),
        lambda x: np.piecewise(x, [x > 0], [np.sin, np.cos]),
        lambda x: x * np.isin(np.round(x), [1.0, -1.0]),
        lambda x: np.maximum.accumulate(x) + np.searchsorted(np.sort(x), x),
        lambda x: np.unwrap(x * 4) + np.cov(x) + np.average(x, weights=x**2),
    ):
        np.testing.assert_allclose(ad.jit(f)(V), f(V), rtol=1e-13)
        slope = lambda x, f=f: ad.grad(lambda x: np.sum(f(x) ** 2))(x)
        np.testing.assert_allclose(ad.jit(slope)(V), slope(V), rtol=1e-12, atol=1e-13)


def test_in_place_methods():
    def f(x, method):
        y = x * 1.0
        method(y)
        return (y * np.arange(1.0, 1 + y.size)).sum()

    for method in (lambda y: y.sort(), lambda y: y.partition(2)):
        places = V.argsort() if method(V.copy()) is None else None
        found = ad.grad(f)(V, method)
        h = 1e-6
        for k in range(V.size):
            e = h * np.eye(V.size)[k]
            np.testing.assert_allclose(
                found[k], (f(V + e, method) - f(V - e, method)) / (2 * h), rtol=1e-6
            )
        assert places is not None
