"""What an operation has read stays as it was read, whatever is written into the array later: into
arrays from outside, made inside, or of an outer function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adjoint as ad

DATA = np.array([1.0, 2.0, 3.0])
COUNTS = [np.zeros(3, int)]
ONES = np.ones(3)


@pytest.fixture(autouse=True)
def data() -> None:
    DATA[:] = [1.0, 2.0, 3.0]


def read(t: Any) -> Any:
    z = t * DATA
    DATA[0] = 100.0
    return (z * z).sum()


def read_a_view(t: Any) -> Any:
    z = t[::-1] * DATA[::-1]
    DATA[0] = 100.0
    return (z * z).sum()


def copied(t: Any) -> Any:
    kept = DATA.copy()
    DATA[0] = 100.0
    return ((t * kept) ** 2).sum()


def assigned(t: Any) -> Any:
    kept = np.ones(3)
    kept[:] = DATA
    DATA[0] = 100.0
    return ((t * kept) ** 2).sum()


def copied_to(t: Any) -> Any:
    kept = np.ones(3)
    np.copyto(kept, DATA)
    DATA[0] = 100.0
    return ((t * kept) ** 2).sum()


def traced_later(t: Any) -> Any:
    z = t * DATA
    DATA[0] = t[1]
    return (z * z).sum()


LATER = [read, read_a_view, copied, assigned, copied_to]
WANTED = np.array([2.0, 8.0, 18.0])  # of the squares of t * [1, 2, 3], at t = 1


@pytest.mark.parametrize("f", LATER)
@pytest.mark.parametrize(
    "derivative",
    [
        ad.grad,
        ad.jacfwd,
        lambda f: lambda t: ad.vjp(f, t)[1](1.0)[0],
        lambda f: lambda t: ad.vmap(ad.grad(f))(t[None])[0],
        lambda f: lambda t: np.diag(ad.jacrev(ad.jacrev(f))(t)),
        lambda f: lambda t: np.diag(ad.hessian(f)(t)),
    ],
    ids=["grad", "jacfwd", "vjp", "vmap", "jacrev", "hessian"],
)
def test_an_array_from_outside(f: Callable, derivative: Callable) -> None:
    np.testing.assert_array_equal(derivative(f)(ONES), WANTED)
    assert DATA[0] == 100.0


@pytest.mark.parametrize("derivative", [ad.grad, ad.jacfwd])
def test_a_traced_value_that_is_written_later(derivative: Callable) -> None:
    np.testing.assert_array_equal(derivative(traced_later)(ONES), WANTED)
    assert DATA[0] == 1.0  # of t[1] the number is left


def test_an_array_of_an_outer_function() -> None:
    def outer(x: Any) -> Any:
        y = 2.0 * np.ones(3)

        def inner(u: Any) -> Any:
            z = u * y
            y[0] = 0.0
            return (z * z).sum()

        return ad.grad(inner)(x).sum()

    assert outer(ONES) == 24.0
    np.testing.assert_array_equal(ad.grad(outer)(ONES), 8.0)

    def assigning(x: Any) -> Any:
        y = x * 2

        def inner(u: Any) -> Any:
            kept = np.ones(3)
            kept[:] = y
            y[0] = 0.0
            return (u * kept).sum()

        return ad.grad(inner)(x).sum()

    assert assigning(ONES) == 6.0
    np.testing.assert_array_equal(ad.grad(assigning)(ONES), 2.0)


def summed_into(t: Any) -> Any:
    kept = np.ones(3)
    z = t * kept
    np.cumsum(DATA, out=kept)
    return (z * z).sum() + kept.sum() * t[0]


def summed_into_by_place(t: Any) -> Any:
    kept = np.ones(3)
    z = t * kept
    np.cumsum(DATA, None, None, kept)
    return (z * z).sum() + kept.sum() * t[0]


def multiplied_into(t: Any) -> Any:
    both = np.zeros(6)
    found = np.matmul(np.diag(DATA), t, out=both[3:])
    found += 1
    return (both * both).sum()


def multiplied_into_by_place(t: Any) -> Any:
    both = np.zeros(6)
    found = np.matmul(np.diag(DATA), t, both[3:])
    found += 1
    return (both * both).sum()


@pytest.mark.parametrize(
    ("f", "wanted"),
    [
        (summed_into, [12.0, 2.0, 2.0]),
        (summed_into_by_place, [12.0, 2.0, 2.0]),
        (multiplied_into, [4.0, 12.0, 24.0]),
        (multiplied_into_by_place, [4.0, 12.0, 24.0]),
    ],
)
def test_out(f: Callable, wanted: list[float]) -> None:
    np.testing.assert_array_equal(ad.grad(f)(ONES), wanted)
    np.testing.assert_array_equal(ad.jit(ad.grad(f))(ONES), wanted)


def test_a_captured_array_is_copied_at_every_call() -> None:
    def f(t: Any) -> Any:
        kept = np.ones(3)
        np.copyto(kept, DATA)
        return (t * kept).sum()

    fast = ad.jit(ad.grad(f))
    for data in ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]):
        DATA[:] = data
        np.testing.assert_array_equal(fast(ONES), data)


def test_elements_written_last_are_returned() -> None:
    def f(t: Any) -> Any:
        y = np.zeros(len(t))
        for i in range(len(t)):
            y[i] = t[i] + (y[i - 1] if i else 0.0)
        t[0] = t[2]
        return {"sums": y, "argument": t}

    fast = ad.jit(f)
    for _ in range(3):
        found = fast(DATA)
        np.testing.assert_array_equal(found["sums"], [1.0, 3.0, 6.0])
        np.testing.assert_array_equal(found["argument"], [3.0, 2.0, 3.0])
    np.testing.assert_array_equal(DATA, [1.0, 2.0, 3.0])


def test_counters_under_jit() -> None:
    def f(t: Any) -> Any:
        count = np.zeros(3, dtype=int)
        count += t > 0.5
        count[1:] += t[:-1] > 0.5
        return (t[count == 2] ** 2).sum() - t[count == 1].sum()

    fast = ad.jit(ad.grad(f))
    for t, wanted in (
        ([1.0, 2.0, 0.0], [-1.0, 4.0, -1.0]),
        ([0.0, 1.0, 3.0], [0.0, -1.0, 6.0]),
        ([0.0, 2.0, 5.0], [0.0, -1.0, 10.0]),
    ):
        np.testing.assert_array_equal(fast(np.array(t)), wanted)
    assert repr(fast).endswith("2 programs>")


def test_counters_outside_are_refused_under_jit() -> None:
    def f(t: Any) -> Any:
        COUNTS[0] += t > 0.5
        return t.sum()

    with pytest.raises(ad.TracingError, match="into a plain array"):
        ad.jit(ad.grad(f))(ONES)
    assert not COUNTS[0].any()
    ad.grad(f)(ONES)
    np.testing.assert_array_equal(COUNTS.pop(), 1)


def test_arrays_filled_under_vmap_are_returned() -> None:
    def f(a: Any) -> Any:
        elements, rows = np.zeros(3), np.zeros((2, 3))
        elements[0] = a[0]
        rows[1, :2] = a[1:]
        return elements, rows, rows.T

    a = np.arange(6.0).reshape(2, 3)
    for call in (ad.vmap(f), ad.jit(ad.vmap(f))):
        for found, wanted in zip(call(a), zip(*[f(row) for row in a], strict=True), strict=True):
            assert type(found) is np.ndarray
            np.testing.assert_array_equal(found, np.stack(wanted))


def whole_from_a_part(x: Any) -> Any:
    a = np.zeros(2)
    a[:] = x[:2]
    v = a[:1]
    v += 5
    return a, x


def whole_from_an_array(x: Any) -> Any:
    a, y = np.zeros(3), x * 1.0
    a[:] = y
    y[1:] *= 2
    return a, y


def whole_from_a_row(x: Any) -> Any:
    a = np.zeros((2, 3))
    np.copyto(a, x)
    a[0] += 1
    return a, x


def whole_from_reversed(x: Any) -> Any:
    a, y = np.zeros(3), x * 1.0
    a[:] = y[::-1]
    v = a[1:]
    v *= 2
    y += 1
    return a, y


@pytest.mark.parametrize(
    "f", [whole_from_a_part, whole_from_an_array, whole_from_a_row, whole_from_reversed]
)
def test_an_array_filled_with_another_is_not_that_one(f: Callable) -> None:
    x = np.arange(6.0).reshape(2, 3)
    rows = [f(row.copy()) for row in x]
    for call in (
        lambda x: [ad.vjp(f, row)[0] for row in x],
        lambda x: [*zip(*ad.vmap(f)(x), strict=True)],
        lambda x: [*zip(*ad.jit(ad.vmap(f))(x), strict=True)],
    ):
        for found, wanted in zip(call(x), rows, strict=True):
            np.testing.assert_array_equal(found[0], wanted[0])
            np.testing.assert_array_equal(found[1], wanted[1])
