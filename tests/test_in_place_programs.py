"""The ten programs that work in place, and what aliases do to them: values, derivatives, compiled
and not, and that whoever passes an array finds it as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from corpus_checks import Entry, along, directions
from in_place_programs import PROGRAMS

import adjoint as ad

TOLERANCE = 1e-7  # of the gradient's largest entry
TRUSTED = 1e-8  # the same for the differences' own error


@dataclass(frozen=True, eq=False)
class Case:
    """A program and its inputs: the second takes other branches, pivots or sizes."""

    family: str
    program: Callable
    inputs: list[tuple]


CASES = [Case(family, f, inputs) for family, listed in PROGRAMS.items() for f, inputs in listed]
FIRST = [listed[0][0] for listed in PROGRAMS.values()]  # always compiled, the others by night
each = pytest.mark.parametrize("case", CASES, ids=lambda c: c.program.__name__)
each_compiled = pytest.mark.parametrize(
    "case",
    [
        pytest.param(c, marks=[pytest.mark.slow] * (c.program not in FIRST), id=c.program.__name__)
        for c in CASES
    ],
)


def parts(results: Any) -> list[Any]:
    return list(results) if isinstance(results, tuple) else [results]


def total(program: Callable) -> Callable:
    """The program's results in one number, each entry with a weight of its own."""

    def weighted(*arguments):
        found = 0.0
        for k, x in enumerate(parts(program(*arguments))):
            place = np.arange(np.size(x)).reshape(np.shape(x))
            if np.iscomplexobj(x):
                found += np.sum(np.sin(2.3 * place + k) * x.imag)
                x = x.real
            found += np.sum(np.cos(1.7 * place + k) * x)
        return found

    return weighted


def fresh(arguments: tuple) -> tuple:
    return tuple(np.array(x) if isinstance(x, np.ndarray) else x for x in arguments)


def unchanged(given: tuple, arguments: tuple) -> None:
    for x, y in zip(given, arguments, strict=True):
        np.testing.assert_array_equal(x, y)


@cache
def differences(case: Case, which: int) -> list[list[tuple[np.ndarray, float, float]]]:
    """For each argument: directions, the derivatives along them, and the estimates of error."""
    arguments, function = case.inputs[which], total(case.program)
    found = []
    for k, x in enumerate(arguments):

        def alone(moved: Any, k: int = k) -> Any:
            given = list(fresh(arguments))
            given[k] = np.array(moved) if isinstance(moved, np.ndarray) else moved
            return function(*given)

        entry = Entry(case.program.__name__, alone, (x,))
        turns = [1.0, 1j] if np.iscomplexobj(x) else [1.0]
        lines = [turn * d for d in directions(x, 3) for turn in turns]
        found.append([(d, *along(entry, d)) for d in lines])
    return found


def agrees(case: Case, which: int, gradients: tuple) -> None:
    """The gradients are those of differences."""
    arguments = case.inputs[which]
    known = differences(case, which)
    largest = max(np.max(np.abs(g)) for g in gradients)
    trusted = 0
    for x, found, lines in zip(arguments, gradients, known, strict=True):
        assert np.shape(found) == np.shape(x) and np.asarray(found).dtype == np.asarray(x).dtype
        for direction, wanted, error in lines:
            size = max(largest, abs(wanted))
            if error <= TRUSTED * size:
                trusted += 1
                assert abs(np.sum(found * direction).real - wanted) <= TOLERANCE * size
    assert trusted >= 2, "differences that can be trusted are needed"


def has_values(case: Case, call: Callable) -> None:
    """The values are NumPy's, and the arguments as they were."""
    for arguments in case.inputs * 2:  # compiled, it is the native call the second time
        wanted = parts(case.program(*fresh(arguments)))
        given = fresh(arguments)
        found = parts(call(*given))
        unchanged(given, arguments)
        for a, b in zip(found, wanted, strict=True):
            assert np.shape(a) == np.shape(b) and np.asarray(a).dtype == np.asarray(b).dtype
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * np.max(np.abs(b)))


def has_gradients(case: Case, gradient: Callable) -> None:
    """The gradients are those of differences, and the arguments as they were."""
    for which, arguments in [*enumerate(case.inputs)] * 2:
        given = fresh(arguments)
        found = gradient(*given)
        unchanged(given, arguments)
        agrees(case, which, found)


def gradient_of(case: Case) -> Callable:
    return ad.grad(total(case.program), argnums=tuple(range(len(case.inputs[0]))))


@each
def test_values(case: Case) -> None:
    has_values(case, lambda *arguments: ad.vjp(case.program, *arguments)[0])


OVERWRITING = ("lu_solve", "thomas", "hessenberg_solve")  # arguments that they do not return


@each_compiled
def test_compiled_values(case: Case) -> None:
    if case.program.__name__ not in OVERWRITING:
        has_values(case, ad.jit(case.program))
        return
    with pytest.raises(ad.TracingError, match="under `jit` wrote into its argument"):
        ad.jit(case.program)(*fresh(case.inputs[0]))
    has_values(case, ad.jit(lambda *arguments: case.program(*[a.copy() for a in arguments])))


@each
def test_gradients(case: Case) -> None:
    has_gradients(case, gradient_of(case))


@each_compiled
def test_compiled_gradients(case: Case) -> None:
    has_gradients(case, ad.jit(gradient_of(case)))


def test_there_are_ten() -> None:
    assert len(PROGRAMS) == 10 + 1  # and the aliases
    assert all(len(case.inputs) == 2 for case in CASES)
