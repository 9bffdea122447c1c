"""The functions that make arrays, against NumPy's: from nested lists, prototypes and end points."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from array_checks import check_linear, nodes, same, sample

import adjoint as ad

anp = ad.numpy
S, V, M = sample(), sample(3), sample(2, 3)

# (function of the namespace, which is NumPy or `ad.numpy`, and of the arguments; arguments)
LINEAR: dict[str, tuple[Callable, tuple]] = {
    "array of scalars": (lambda n, a: n.array([a, 2 * a, 3.0, 4]), (S,)),
    "array nested": (lambda n, a: n.array([[a, 1.0], [2, 3 * a]]), (S,)),
    "array of rows": (lambda n, v: n.array([v, [1.0, 2, 3], v * 2]), (V,)),
    "array of one row": (lambda n, v: n.array([v]), (V,)),
    "array deep": (lambda n, a, v: n.array([[v, [a, 0.0, 1.0]], ([1, 2, 3], v)]), (S, V)),
    "array of float32": (lambda n, a: n.array([a, np.float32(2)]), (sample(dtype=np.float32),)),
    "array of mixed kinds": (lambda n, a: n.array([a, 1j, True]), (S,)),
    "array dtype": (lambda n, a: n.array([a, 2 * a], dtype=np.float32), (S,)),
    "array complex": (lambda n, a: n.array([a, 1.0], dtype=complex), (S,)),
    "array ndmin": (lambda n, v: n.array([v[0], v[1]], ndmin=3), (V,)),
    "array of an array": (lambda n, v: n.array(v), (V,)),
    "array of a tuple": (lambda n, a: n.array((a, a)), (S,)),
    "array of empty rows": (lambda n, v: n.array([v[:0], []]), (V,)),
    "asarray": (lambda n, v: n.asarray([v, v]), (V,)),
    "asanyarray": (lambda n, v: n.asanyarray(v, dtype=np.float32), (V,)),
    "ascontiguousarray": (lambda n, a: n.ascontiguousarray(a), (S,)),
    "asfortranarray": (lambda n, v: n.asfortranarray([v, v]), (V,)),
    "require": (lambda n, v: n.require(v), (V,)),
    "asarray_chkfinite": (lambda n, v: n.asarray_chkfinite([v, v]), (V,)),
    "copy": (lambda n, v: n.copy([v, v]), (V,)),
    "full": (lambda n, a: n.full((2, 3), a), (S,)),
    "full broadcast": (lambda n, v: n.full((2, 3), v, dtype=np.float32), (V,)),
    "full_like": (lambda n, a: n.full_like(np.zeros((2, 2)), a), (S,)),
    "full_like dtype": (lambda n, a: n.full_like(np.zeros(2, int), a, dtype=float), (S,)),
    "full_like shape": (lambda n, a, v: n.full_like(v, a, shape=(4,)), (S, V)),
    "linspace": (lambda n, a: n.linspace(a, 3.0, 7), (S,)),
    "linspace both": (lambda n, a, v: n.linspace(a, v, num=4, axis=-1), (S, V)),
    "linspace open": (lambda n, v: n.linspace(0, v, 5, endpoint=False, axis=1), (V,)),
    "linspace one": (lambda n, v: n.linspace(v, 1, 1), (V,)),
    "linspace none": (lambda n, v: n.linspace(v, 1, 0), (V,)),
    "linspace step": (lambda n, v: n.linspace(v, [1, 2, 3], 4, retstep=True), (V,)),
    "linspace dtype": (lambda n, v: n.linspace(v, 1.0, 4, dtype=np.float32), (V,)),
    "linspace float32": (lambda n, v: n.linspace(v, 1.0, 4), (sample(3, dtype=np.float32),)),
    "linspace complex": (lambda n, v: n.linspace(v, 1j, 4), (V,)),
    "meshgrid": (lambda n, v, w: n.meshgrid(v, w), (V, sample(2))),
    "meshgrid ij": (lambda n, v, w: n.meshgrid(v, w, [1.0, 2.0], indexing="ij"), (V, sample(2))),
    "meshgrid sparse": (lambda n, v, w: n.meshgrid(v, w, sparse=True), (V, sample(2))),
    "meshgrid one": (lambda n, v: n.meshgrid(v), (V,)),
    "r_": (lambda n, v, a: n.r_[v, a, 1.0, 0, [2.0, 3.0], 0:3, 0:1:3j], (V, S)),
    "r_ rows": (lambda n, m: n.r_[m, m], (M,)),
    "r_ last axis": (lambda n, m: n.r_["-1", m, m], (M,)),
    "r_ directive": (lambda n, v: n.r_["0,2", v, v], (V,)),
    "r_ columns": (lambda n, v: n.r_["1,3,0", v, v], (V,)),
    "r_ middle": (lambda n, v: n.r_["0,3,1", v, 1:4], (V,)),
    "r_ points": (lambda n, a: n.r_[a:2.0:4j], (S,)),
    "r_ float32": (lambda n, v: n.r_[v, 1.0, 2], (sample(3, dtype=np.float32),)),
    "c_": (lambda n, v: n.c_[v, [1.0, 2, 3], 0:3], (V,)),
    "c_ matrices": (lambda n, m, a: n.c_[m, m[:, :1]], (M, S)),
    "c_ scalars": (lambda n, a: n.c_[a, 1.0], (S,)),
    "fromfunction": (lambda n, a: n.fromfunction(lambda i, j: i * a + j, (2, 3)), (S,)),
    "fromiter": (lambda n, v: n.fromiter((x * k for k, x in enumerate(v)), float), (V,)),
    "fromiter count": (lambda n, v: n.fromiter((x for x in v), np.float32, count=2), (V,)),
    "vectorize": (lambda n, m: n.vectorize(lambda x: 2 * x + 1)(m), (M,)),
    "vectorize two": (lambda n, m, v: n.vectorize(lambda x, k: x * k)(m + v, [1, 2, 3]), (M, V)),
    "vectorize branches": (lambda n, v: n.vectorize(lambda x: x if x > 9 else 3 * x)(v), (V,)),
    "vectorize keywords": (
        lambda n, v: n.vectorize(lambda x, k: x * k, excluded={"k"})(v, k=2.0),
        (V,),
    ),
    "vectorize otypes": (lambda n, v: n.vectorize(lambda x: x, otypes=[np.float32])(v), (V,)),
    "vectorize tuple": (lambda n, v: n.vectorize(lambda x: (x, 2 * x))(v), (V,)),
    "vectorize closure": (lambda n, a: n.vectorize(lambda k: a * k)(np.arange(3)), (S,)),
    "transpose of a list": (lambda n, v: n.transpose([v, 2 * v]), (V,)),
    "reshape of a list": (lambda n, a: n.reshape([[a, 1.0], [2.0, a]], 4), (S,)),
    "expand_dims of a list": (lambda n, a: n.expand_dims([a, a], 0), (S,)),
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR)
def test_linear(name: str) -> None:
    f, args = LINEAR[name]

    def either(*values: Any) -> Any:
        """NumPy's functions on plain values, those of `ad.numpy` on traced ones."""
        plain = all(isinstance(x, (np.ndarray, np.generic)) for x in values)
        return f(np if plain else anp, *values)

    # asarray_chkfinite and a Python branch ask for values, which differ in a batch
    batch = name not in ("asarray_chkfinite", "vectorize branches")
    check_linear(either, *args, batch=batch, exact="linspace" not in name and "points" not in name)
    same(f(anp, *args), either(*args))  # on plain values `ad.numpy` is NumPy


SMOOTH: dict[str, tuple[Callable, tuple]] = {
    "logspace": (lambda n, a, b: n.logspace(a, b, 5), (0.3, 1.2)),
    "logspace open": (lambda n, a, b: n.logspace(a, b, 4, endpoint=False, base=2.0), (0.3, 1.2)),
    "logspace base": (lambda n, a, b: n.logspace(0.2, a, 4, base=b), (1.3, 2.0)),
    "logspace bases": (lambda n, a, b: n.logspace(a, 2.0, 4, base=n.stack([b, 3 + b])), (1.3, 2.0)),
    "logspace bases axis": (
        lambda n, a, b: n.logspace(a, 2.0, 4, base=n.stack([b, b * 2]), axis=-1),
        (1.3, 2.0),
    ),
    "geomspace": (lambda n, a, b: n.geomspace(a, b, 5), (0.3, 7.0)),
    "geomspace negative": (lambda n, a, b: n.geomspace(-a, -b, 5), (0.3, 7.0)),
    "geomspace open": (lambda n, a, b: n.geomspace(a, b, 3, endpoint=False), (2.0, 7.0)),
    "geomspace two": (lambda n, a, b: n.geomspace(a, b, 2), (2.0, 7.0)),
    "geomspace one": (lambda n, a, b: n.geomspace(a, b, 1), (2.0, 7.0)),
    "geomspace arrays": (
        lambda n, a, b: n.geomspace(n.stack([a, 2 * a]), b, 4, axis=1),
        (2.0, 7.0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth(name: str) -> None:
    f, args = SMOOTH[name]
    g = lambda a, b: f(anp, a, b)
    expected = f(np, *map(np.float64, args))
    value, (da, db) = ad.jvp(g, args, (1.0, 0.0))[0], ad.jacobian(g, (0, 1))(*args)
    assert np.shape(value) == expected.shape
    assert value.dtype == expected.dtype
    np.testing.assert_allclose(value, expected, rtol=1e-14)
    h = 1e-6
    # central differences: an error of 1e-10 of the values, which are below 200
    a, b = map(np.float64, args)
    np.testing.assert_allclose(
        da, (f(np, a + h, b) - f(np, a - h, b)) / (2 * h), rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(
        db, (f(np, a, b + h) - f(np, a, b - h)) / (2 * h), rtol=1e-6, atol=1e-6
    )


def test_prototypes_give_plain_arrays() -> None:
    def f(x: Any) -> Any:
        for n in (np, anp):
            for name, number in (("zeros_like", 0), ("ones_like", 1), ("empty_like", None)):
                like = getattr(n, name)
                for found, expected in (
                    (like(x), np.empty((2, 3), np.float32)),
                    (like(x, dtype=int), np.empty((2, 3), int)),
                    (like(x, shape=4), np.empty(4, np.float32)),
                ):
                    assert type(found) is np.ndarray or found.dtype.kind == "f"  # to write into
                    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
                    assert number is None or (found == number).all()
            same(n.full_like(x, 2.5), np.full((2, 3), 2.5, np.float32))
        return x.sum()

    ad.grad(f)(M.astype(np.float32))


def test_plain_names_are_numpys() -> None:
    for name in "tri pi float32 newaxis fromfunction frompyfunc indices".split():
        assert getattr(anp, name) is getattr(np, name)
    for name in ("zeros", "ones", "eye", "identity"):
        same(getattr(anp, name)(3), getattr(np, name)(3))
    same(anp.array([1, 2]), np.array([1, 2]))
    same(anp.arange(3.0), np.arange(3.0))
    same(anp.r_[1:4, 2.0], np.r_[1:4, 2.0])
    same(anp.c_[np.ones(2), np.zeros(2)], np.c_[np.ones(2), np.zeros(2)])
    same(anp.vectorize(math.sin)([1.0, 2.0]), np.sin([1.0, 2.0]))
    same(anp.fromiter(iter([1, 2]), int), np.array([1, 2]))
    same(anp.meshgrid([1, 2], [3, 4]), np.meshgrid([1, 2], [3, 4]))


def test_scalars_of_python_stay_exact() -> None:
    same(
        ad.grad(lambda a, b: (anp.array([a, b * a, 3]) ** 2).sum(), (0, 1))(2.0, 3.0), (40.0, 24.0)
    )
    assert nodes(lambda x: anp.array([x] * 1000), 1.5) == 1
    assert nodes(lambda x: anp.array([[x, 0.0], [1.0, x]]), 1.5) == 3
    row = ad.grad(lambda a: anp.array([a] * 1000).sum())(1.0)
    assert row == 1000.0


def test_index_helpers() -> None:
    x = sample(4, 5)
    f = lambda x, i: x[anp.ix_(i, [True, False, True, False, True])]
    places = np.array([[0, 2], [3, 3]])
    same(ad.vmap(f)(np.stack([x, x]), places), np.stack([x[np.ix_(p, [0, 2, 4])] for p in places]))
    g = lambda m: (
        m[np.tril_indices_from(m)],
        m[np.triu_indices_from(m, 1)],
        m[np.diag_indices_from(m)],
    )
    check_linear(g, sample(3, 3))


# Where a trace does not look for functions.
KEPT = MappingProxyType({"full": np.full, "array": np.array})
REFUSED: list[tuple[Callable, type, str]] = [
    (lambda a: anp.arange(a), ad.TracingError, r"np\.arange got a traced bound.*np\.linspace"),
    (lambda a: anp.arange(0.0, a, 0.1), ad.TracingError, r"np\.arange got a traced bound"),
    (lambda a: anp.r_[0:a], ad.TracingError, r"np\.arange got a traced bound"),
    (lambda a: KEPT["full"](3, a), ad.TracingError, r"ad\.numpy\."),
    (lambda a: KEPT["array"]([a]), ad.TracingError, r"ad\.numpy\.array"),
    (lambda a: anp.array([a], dtype=object), TypeError, "dtype object"),
    (lambda a: anp.array([a, [a]]), ValueError, "inhomogeneous shape after 1 dimensions"),
    (lambda a: anp.array([[a, a], [a]]), ValueError, r"\(2,\) \+ inhomogeneous part"),
    (lambda a: anp.array([[[a, a], [a]]]), ValueError, r"inhomogeneous shape after 2.*\(1, 2\)"),
    (lambda a: anp.linspace(a, 1.0, -1), ValueError, "must be non-negative"),
    (lambda a: anp.geomspace(a, 0.0, 3), ValueError, "cannot include zero"),
    (lambda a: anp.full(3, [a, a]), ValueError, "could not broadcast"),
    (lambda a: anp.meshgrid(a, 1.0, indexing="no"), ValueError, "indexing"),
    (lambda a: anp.fromiter([a], float, count=2), ValueError, "iterator too short"),
    (lambda a: anp.vectorize(np.sum, signature="(n)->()")([a]), ad.TracingError, "vmap"),
    (lambda a: anp.asarray_chkfinite([a, np.inf]), ValueError, "infs or NaNs"),
    (lambda a: anp.frompyfunc(lambda x: x, 1, 1)(a), ad.TracingError, "not implemented for traced"),
    (lambda a: anp.r_["r", [a]], ad.TracingError, "matrix"),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(REFUSED)))
def test_refused(k: int) -> None:
    f, kind, match = REFUSED[k]
    with pytest.raises(kind, match=f"(?s){match}"):
        ad.grad(f)(1.5)


def test_ragged_lists_give_numpys_error() -> None:
    builds: list[Callable] = [
        lambda x: [x, [x]],
        lambda x: [[x, x], [x]],
        lambda x: [[[x, x], [x]]],
        lambda x: [[x], [[x]], [x]],
        lambda x: [[[x, x], [x, x]], [[x, x], [x]]],
    ]
    for build in builds:
        with pytest.raises(ValueError) as expected:
            np.array(build(1.0))
        with pytest.raises(ValueError) as found:
            ad.grad(lambda a, build=build: anp.array(build(a)))(1.0)
        assert str(found.value) == str(expected.value)
