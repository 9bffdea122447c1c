"""Functions as NumPy users write them, differentiated as they stand, uncompiled and under `jit`."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
from corpus_checks import Entry, along, directions, entries

import adjoint as ad

ENTRIES = entries()
TOLERANCE = 1e-7  # of the gradient's largest entry
TRUSTED = 1e-8  # the same for the differences' own error
WRITING = ("structured.pendulum_period",)  # it notes the time that it took, which `jit` refuses


def agrees(entry: Entry, gradient: Callable, most: int) -> None:
    """The gradient is that of differences, and the arguments are as they were."""
    arguments = copy.deepcopy(entry.arguments)
    found = gradient(*arguments)
    for a, b in zip(arguments, entry.arguments, strict=True):
        if isinstance(a, (np.ndarray, float)):
            np.testing.assert_array_equal(a, b)
    x = entry.arguments[0]
    assert np.shape(found) == np.shape(x) and np.asarray(found).dtype == np.asarray(x).dtype
    largest = np.max(np.abs(found))
    trusted = 0
    for direction in directions(x, most):
        wanted, error = along(entry, direction)
        size = max(largest, abs(wanted))
        if error > TRUSTED * size:
            continue
        trusted += 1
        assert abs(np.sum(found * direction) - wanted) <= TOLERANCE * size, entry.name
    assert trusted, f"no difference of {entry.name} can be trusted"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_uncompiled(entry: Entry) -> None:
    agrees(entry, ad.grad(entry.function), 3)


@pytest.mark.parametrize(
    "entry",
    [pytest.param(e, marks=[pytest.mark.slow] * bool(k % 6)) for k, e in enumerate(ENTRIES)],
    ids=lambda e: e.name,
)
def test_compiled(entry: Entry) -> None:
    gradient = ad.jit(ad.grad(entry.function))
    if entry.name in WRITING:  # what is compiled is the function without the writing
        with pytest.raises(ad.TracingError, match="under `jit` changed the attribute `spent`"):
            gradient(*copy.deepcopy(entry.arguments))
        gradient = ad.jit(ad.grad(entry.function.__wrapped__))
    plain = ad.grad(entry.function)(*copy.deepcopy(entry.arguments))
    for _ in range(2):  # the second time it is the native call
        found = gradient(*copy.deepcopy(entry.arguments))
        assert type(found) is type(plain)
        size = np.max(np.abs(plain))
        np.testing.assert_allclose(found, plain, rtol=1e-10, atol=1e-10 * size)


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_every_entry(entry: Entry) -> None:
    agrees(entry, ad.grad(entry.function), 400)


def test_there_are_many() -> None:
    assert len(ENTRIES) >= 150
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
