"""Indexing against NumPy's: random keys of every kind, derivatives, batches, errors, cost."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from array_checks import check_linear, nodes, same, sample
from hypothesis import HealthCheck, given, settings

import adjoint as ad

SHAPES = [(4,), (3, 4), (2, 3, 4), (2, 1, 3, 2), (0, 3), ()]


@st.composite
def index_arrays(draw: Any, n: int, shape: tuple[int, ...]) -> Any:
    """An index array (or list, or scalar) for an axis of extent n, broadcastable to a shape."""
    kind = draw(st.sampled_from(["array", "array", "list", "int32", "scalar", "0-d"]))
    if kind in ("scalar", "0-d") and n:
        k = draw(st.integers(-n, n - 1))
        return np.int64(k) if kind == "scalar" else np.array(k)
    shape = draw(st.sampled_from([shape, shape[1:], (1,) * len(shape)]))
    size = int(np.prod(shape, dtype=int))
    if n == 0 and size:
        shape, size = (0,), 0
    values = draw(st.lists(st.integers(-n, max(n - 1, -n)), min_size=size, max_size=size))
    array = np.array(values, np.int64).reshape(shape)
    if kind == "list":
        return array.tolist() if array.ndim else int(array)
    return array.astype(np.int32) if kind == "int32" else array


@st.composite
def keys(draw: Any) -> tuple[tuple[int, ...], Any]:
    """A shape and a key for it."""
    shape = draw(st.sampled_from(SHAPES))
    lead = draw(st.sampled_from([(2,), (3,), (2, 3), (1, 2)]))
    entries: list[Any] = []
    axis, ellipsis = 0, False
    while axis <= len(shape):
        left = len(shape) - axis
        # behind an ellipsis every axis that is left gets an entry, so that they fit
        choices = ["end"] if not (ellipsis and left) else []
        choices += (
            ["int", "int", "slice", "slice", "slice", "array", "array", "mask"] if left else []
        )
        choices += ["new"] if len(entries) < 6 else []
        choices += [] if ellipsis else ["ellipsis"]
        choices += ["flag"] * (draw(st.integers(0, 5)) == 5)
        kind = draw(st.sampled_from(choices))
        if kind == "end":
            break
        n = shape[axis] if left else 0
        if kind == "new":
            entries.append(None)
        elif kind == "ellipsis":
            entries.append(Ellipsis)
            ellipsis = True
            axis += draw(st.integers(0, left))
        elif kind == "flag":
            entries.append(draw(st.sampled_from([True, False, np.True_, np.array(True)])))
        elif kind == "int":
            k = draw(st.integers(-n, n - 1)) if n else 0
            entries.append(draw(st.sampled_from([k, np.int64(k), np.int8(k)])))
            axis += 1
        elif kind == "slice":
            bound = st.none() | st.integers(-n - 2, n + 2)
            step = draw(st.none() | st.sampled_from([1, 2, 3, -1, -2, -5]))
            entries.append(slice(draw(bound), draw(bound), step))
            axis += 1
        elif kind == "array":
            entries.append(draw(index_arrays(n, lead)))
            axis += 1
        else:
            rank = draw(st.integers(1, left))
            part = shape[axis : axis + rank]
            size = int(np.prod(part, dtype=int))
            entries.append(
                np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool).reshape(
                    part
                )
            )
            axis += rank
    if len(entries) == 1 and draw(st.booleans()):
        return shape, entries[0]
    return shape, tuple(entries)


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(keys())
def test_random_keys(shape_and_key: tuple[tuple[int, ...], Any]) -> None:
    shape, key = shape_and_key
    x = np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)
    try:
        expected = x[key]
    except IndexError as error:
        with pytest.raises(IndexError) as found:
            ad.vjp(lambda x: x[key], x)
        assert str(found.value) == str(error)
        return
    value, pull = ad.vjp(lambda x: x[key], x)
    same(value, expected)
    weights = sample(*expected.shape)
    total = np.zeros(shape)
    np.add.at(total, key, weights)
    np.testing.assert_allclose(pull(weights)[0], total, atol=1e-13)
    # twice: the first sum is there already when the second part is added into it
    twice = ad.vjp(lambda x: x[key] * 2.0 + (x * x)[key], x)[1](weights)[0]
    np.testing.assert_allclose(twice, 2 * total + 2 * x * total, atol=1e-11)
    rows = np.stack([x, 10 * x])
    same(ad.vmap(lambda x: x[key])(rows), np.stack([r[key] for r in rows]))
    t = sample(*shape)
    same(ad.jvp(lambda x: x[key], (x,), (t,))[1], np.asarray(t)[key])


X = sample(3, 4, 5)
I, J = np.array([2, 0, 2]), np.array([[1], [-1]])

KEYS: dict[str, Any] = {
    "int": 1,
    "negative": -1,
    "ints": (1, 2, 3),
    "slice": slice(1, 3),
    "backwards": (slice(None, None, -1), slice(3, 0, -2)),
    "empty": slice(2, 2),
    "int in the middle": (slice(None), 2),
    "at the end": (Ellipsis, -1),
    "new axes": (None, 1, None, Ellipsis, None),
    "array": I,
    "two arrays": (I, J),
    "separated": (I, slice(None), J),
    "separated by None": (I, None, J),
    "int and array separated": (0, slice(None), I),
    "int beside array": (slice(None), 0, I),
    "mask": X > 0,
    "mask of two axes": X[:, :, 0] > 0,
    "mask behind": (slice(None), X[0] > 0),
    "mask and array": (np.array([True, False, True]), [0, 1]),
    "np.ix_": np.ix_([0, 2], [1, 3], [True, False, True, False, True]),
    "True": True,
    "False": (False, 1),
    "range": (range(2),),
    "nothing": (),
    "everything": Ellipsis,
    "empty list": ([],),
    "list of lists": ([[0, 1], [2, 0]],),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys(name: str) -> None:
    key = KEYS[name]
    for dtype in (np.float64, np.complex64):
        check_linear(lambda x: x[key] * 1, X.astype(dtype))


BAD: list[Any] = [
    3, -4, (0, 4), (0, 0, 0, 0), 1.5, "name", (Ellipsis, Ellipsis), np.array([5]),
    ([0, 1], [0, 1, 2]), np.ones(4, bool), (slice(None), [9]), np.array([0.5]), (0, slice(None), 7),
    (slice(None), I, 5), np.ones((3, 5), bool), object(),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(BAD)))
def test_errors_are_numpys(k: int) -> None:
    with pytest.raises(IndexError) as expected:
        X[BAD[k]]
    for transform in (lambda f: ad.vjp(f, X), lambda f: ad.vmap(f)(X[None])):
        with pytest.raises(IndexError) as found:
            transform(lambda x: x[BAD[k]])
        assert str(found.value) == str(expected.value)


def test_iteration_and_unpacking() -> None:
    x = np.array([1.0, 2.0, 3.0])

    def f(x: Any) -> Any:
        a, b, c = x
        return a * b + c

    same(ad.grad(f)(x), np.array([2.0, 1.0, 1.0]))
    same(ad.grad(lambda x: sum(a * b for a, b in x))(np.ones((2, 2))), np.ones((2, 2)))
    with pytest.raises(TypeError, match="iteration over a 0-d array"):
        ad.vjp(lambda x: [*x], np.array(1.0))


def test_one_element_has_the_type_of_a_number() -> None:
    kinds = []

    def f(x: Any) -> Any:
        kinds.extend([type(x[1].value), type(x[-1:][0].value), type(next(iter(x)).value)])
        return x[0]

    ad.grad(f)(np.ones(3))
    assert kinds == [np.float64] * 3


def test_batched_index() -> None:
    table = sample(5, 3)
    places = np.array([[4, 0], [1, 1], [-1, 2]])
    f = lambda x, i: x[i]
    take = lambda x, i: ad.numpy.take(x, i, axis=0)
    same(ad.vmap(take, in_axes=(None, 0))(table, places), table[places])
    with pytest.raises(ad.TracingError, match=r"ad\.numpy\.take\(a, i, axis=0\)"):
        ad.vmap(f, in_axes=(None, 0))(table, places)  # NumPy's own `__getitem__`
    with pytest.raises(ad.TracingError, match=r"ad\.numpy\.take\(a, i, axis=0\)"):
        ad.vmap(f, in_axes=(None, 0))(table, places[:, 0])
    rows = sample(3, 5)
    same(ad.vmap(f)(rows, places), np.take_along_axis(rows, places, 1))
    one = np.array([4, 0, 2])
    same(ad.vmap(f)(rows, one), rows[[0, 1, 2], one])
    same(ad.vmap(lambda x, i: x[i, 1:])(np.stack([table] * 3), one), table[one, 1:])
    same(
        ad.vmap(lambda x, i: x[1:, i][::2])(np.stack([table] * 3), one % 3), table[1::2, one % 3].T
    )
    same(ad.vmap(lambda i: ad.numpy.take(table, i, axis=0))(one), table[one])
    same(
        ad.vmap(lambda i: ad.numpy.take(table, i, axis=1, mode="clip"))(one),
        table[:, np.minimum(one, 2)].T,
    )
    same(
        ad.vmap(lambda x, i: np.take(x, i, axis=1, mode="wrap"))(np.stack([table] * 3), one),
        table[:, one % 3].T,
    )
    same(
        ad.vmap(lambda x, i: np.take_along_axis(x, i, 0))(rows, places),
        np.take_along_axis(rows, places, 1),
    )
    gradient = ad.grad(lambda t: (ad.vmap(f, in_axes=(None, 0))(t, places) * 2.0).sum())(table)
    expected = np.zeros_like(table)
    np.add.at(expected, places, 2.0)
    np.testing.assert_allclose(gradient, expected)
    gradient = ad.vmap(ad.grad(lambda r, i: (r[i] ** 2).sum()))(rows, places)
    loop = np.stack(
        [ad.grad(lambda r, i=i: (r[i] ** 2).sum())(r) for r, i in zip(rows, places, strict=True)]
    )
    np.testing.assert_allclose(gradient, loop)


def test_index_of_a_compiled_function() -> None:
    table, places = sample(5, 3), np.array([4, 0, -1])
    fast = ad.jit(lambda x, i: x[i])
    for i in (places, places[::-1].copy(), np.array([1, 1, 1])):
        same(fast(table, i), table[i])
    with pytest.raises(IndexError, match="index 9 is out of bounds for axis 0 with size 5"):
        fast(table, np.array([0, 9, 0]))
    same(ad.jit(lambda x, k: x[k, 1:])(table, np.int64(2)), table[2, 1:])
    same(
        ad.jit(lambda x: x[1:, None, ::-1][..., [0, 0]])(table), table[1:, None, ::-1][..., [0, 0]]
    )
    slow = ad.grad(lambda x, i: (x[i] ** 2).sum())
    same(ad.jit(slow)(table, places), slow(table, places))
    outside = ad.jit(lambda i: table[i])  # the places become a guard: NumPy indexes the table
    for i in (places, places[::-1].copy(), places):
        same(outside(i), table[i])
    chosen = ad.jit(lambda x: x[x > 0])
    for x in (table, -table, table):
        same(chosen(x), x[x > 0])


def test_masks_that_are_not_known() -> None:
    with pytest.raises(ad.TracingError, match=r"np\.where\(mask, x, 0\.0\)"):
        ad.vmap(lambda x: x[x > 0].sum())(X)
    with pytest.raises(IndexError, match="integer"):
        ad.vjp(lambda x: X[0, 0][...] if x.ndim == 0 else x[x], X)
    same(ad.grad(lambda x: x[x > 0].sum())(X), (X > 0) * 1.0)  # outside `vmap` and `jit` they are


def test_the_number_of_nodes() -> None:
    assert nodes(lambda x: x[1], X) == 1
    assert nodes(lambda x: x[1, 2, 3], X) == 1
    assert nodes(lambda x: x[:, 1], X) == 1
    assert nodes(lambda x: x[1:], X) == 1
    assert nodes(lambda x: x[:, None], X) == 1
    assert nodes(lambda x: x[...], X) == 0
    assert nodes(lambda x: x[X > 0], X) == 1
    assert nodes(lambda x: x[I], X) == 1
    assert nodes(lambda x: [*x], X) == 3
    assert nodes(lambda x: x[:, I], X) == 3
