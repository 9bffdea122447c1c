"""How native code is compared: with NumPy's evaluation, with the interpreter, with more precision.

Enters: functions and arguments.  Leaves: assertions.  The error rule: against the same program in
more precision, at most twice the error of NumPy's evaluation and 4 ulps of the largest
intermediate.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

import adjoint as ad
from adjoint.base.dtypes import type_of
from adjoint.codegen.targets import host
from adjoint.front.program import Program
from adjoint.loops.interpret import interpret
from adjoint.loops.ir import Loop, Symbol, extent, walk
from adjoint.loops.ir import Program as LoopProgram
from adjoint.optimize.parts import by_parts
from adjoint.runtime import native
from adjoint.runtime.native import Executable, Native


def listed(x: Any) -> list[Any]:
    return list(x) if isinstance(x, (tuple, list)) else [x]


def same_type(found: Any, expected: Any, title: str) -> None:
    """The same Python type (float, NumPy scalar, array), dtype and shape."""
    assert type(found) is type(expected), f"{title}: {type(found)} for {type(expected)}"
    assert type_of(found) == type_of(expected), f"{title}: {type_of(found)}, {type_of(expected)}"


def same_bits(found: Any, expected: Any, title: str) -> None:
    """Equal, signed zeros told apart, any NaN for a NaN."""
    found, expected = np.asarray(found), np.asarray(expected)
    np.testing.assert_array_equal(found, expected, err_msg=title)
    if expected.dtype.kind in "fc":
        for part in (np.real, np.imag) if expected.dtype.kind == "c" else (np.asarray,):
            a, b = part(found), part(expected)
            number = ~np.isnan(b)
            np.testing.assert_array_equal(np.signbit(a)[number], np.signbit(b)[number], title)


def same_specials(found: np.ndarray, expected: np.ndarray, title: str) -> None:
    """NaN and infinities in the same places."""
    for part in (np.real, np.imag):
        a, b = part(found), part(expected)
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b), title)
        infinite = np.isinf(b)
        np.testing.assert_array_equal(a[infinite], b[infinite], title)
        assert not np.isinf(a[~infinite]).any(), title


def largest(values: Sequence[Any]) -> float:
    """The largest finite number among floats."""
    found = 0.0
    for x in values:
        x = np.asarray(x)
        if x.dtype.kind in "fc" and x.size:
            x = np.abs(x)
            found = max(found, float(np.max(x, initial=0.0, where=np.isfinite(x))))
    return found


def eps_of(*values: Any) -> float:
    kinds = [type_of(x).dtype for x in values]
    return max([float(np.finfo(d).eps) for d in kinds if d.kind in "fc"], default=0.0)


def within(
    found: Any,
    expected: Any,
    precise: Any,
    scale: float,
    eps: float,
    title: str,
    ulps: float = 4,
) -> None:
    """At most `ulps` of the scale away from NumPy's result; or, against a more precise one, at most
    twice NumPy's error and `ulps` of the scale."""
    found, expected = np.asarray(found), np.asarray(expected)
    if expected.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, expected, err_msg=title)
        return
    same_specials(found, expected, title)
    number = np.isfinite(expected)
    allowed = ulps * eps * max(scale, largest([expected]))
    error = np.abs(found - expected)[number]
    if not error.size or error.max() <= allowed:
        return
    if precise is not None:
        exact = np.asarray(precise())[number]
        theirs = np.abs(exact - expected[number]).max()
        ours = np.abs(exact - found[number]).max()
        assert ours <= 2 * theirs + allowed, (
            f"{title}: {float(ours):.3g} away from the value, NumPy {float(theirs):.3g}, "
            f"allowed {float(2 * theirs + allowed):.3g}"
        )
        return
    raise AssertionError(
        f"{title}: {float(error.max()):.3g} away from NumPy's, allowed {float(allowed):.3g}"
    )


def jumps(
    function: Callable,
    arguments: Sequence[Any],
    expected: Sequence[Any],
    eps: float,
    allowed: float,
) -> bool:
    """Whether rounding decides a function's results: those of arguments an ulp away, not compiled,
    differ by more than is allowed (a derivative at the sign of a sum that cancels, say)."""
    rng = np.random.default_rng(0)
    for _ in range(4):
        moved = []
        for x in arguments:
            if np.asarray(x).dtype.kind == "f":
                x = np.asarray(x)
                x = x * (1 + eps * rng.choice([-1, 1], x.shape)).astype(x.dtype)
            moved.append(x)
        for y, e in zip(function(*moved), expected, strict=True):
            if np.abs(y - e)[np.isfinite(e)].max(initial=0.0) > allowed:
                return True
    return False


def executable(program: Program) -> Executable:
    """The native code of a recorded program."""
    if program.executable is None:
        program.executable = Executable(program.function)
    return program.executable


@lru_cache(maxsize=8)
def loop_program(made: Native) -> tuple[LoopProgram, int]:
    """The loop program of a native segment, and its lanes."""
    return native.planned(by_parts(made.step), host())


def iterations(program: LoopProgram) -> int:
    """About how many items the interpreter goes through."""

    def of(body: Sequence[Any]) -> int:
        total = 0
        for item in body:
            if isinstance(item, Loop):
                known = isinstance(item.end, (int, Symbol))
                total += (extent(item.end) if known else 64) * of(item.body)
            else:
                total += 1
        return total

    return of(program.body)


INTERPRETED = 60_000  # items up to which a program is interpreted


def interpreted(
    compiled: Executable, values: Sequence[Any], vectors: bool = True, most: int = INTERPRETED
) -> list[Any] | None:
    """The outputs with the interpreter in place of native code; None where it would take long.
    `vectors`: several iterations at once, as native code; otherwise what marks promise is checked.
    """
    steps = [(step, made) for step, made in compiled.steps]
    work = sum(iterations(loop_program(made)[0]) for _, made in steps if made is not None)
    cells = sum(node.size for step, _ in steps for node in (*step.inputs, *step.outputs))
    if work > most or cells > most // 5:
        return None
    other = copy.copy(compiled)
    other.steps = [(step, made and interpreting(made, vectors)) for step, made in steps]
    if compiled.whole is not None:
        other.whole = other.steps[0][1]
    return other(values)


def interpreting(made: Native, vectors: bool) -> Callable[[Sequence[Any]], list[np.ndarray]]:
    """A native segment that is interpreted."""
    program, lanes = loop_program(made)

    def call(values: Sequence[Any]) -> list[np.ndarray]:
        arrays = [
            np.ascontiguousarray(x, node.dtype).view(a.dtype).reshape(a.extents())
            for a, node, x in zip(program.inputs, made.step.inputs, values, strict=True)
        ]
        try:
            found = interpret(program, *arrays, lanes=lanes if vectors else None)
        except IndexError as error:
            if type(error) is not IndexError:
                raise
            raise native.OutOfRange from None
        return [
            np.ascontiguousarray(y).view(node.dtype).reshape(node.shape)
            for node, y in zip(made.step.outputs, found, strict=True)
        ]

    return call


def is_vectorised(compiled: Executable) -> bool:
    """Whether there is a loop over lanes."""
    return any(
        isinstance(item, Loop) and item.lanes
        for _, made in compiled.steps
        if made is not None
        for item in walk(loop_program(made)[0].body)
    )


def weighted(function: Callable, seed: int) -> Callable:
    """The sum of a function's float outputs times fixed weights: something to differentiate."""

    def scalar(*arrays: Any) -> Any:
        total = 0.0
        for k, y in enumerate(listed(function(*arrays))):
            if y.dtype.kind != "f":
                continue
            if (seed + k) % 3 == 0:
                total = total + np.sum(y)
                continue
            size = math.prod(y.shape)
            weights = np.cos(np.arange(size, dtype=float) + seed % 7).reshape(y.shape)
            total = total + np.sum(y * weights.astype(y.dtype))
        return total

    return scalar


__all__ = ["ad", "executable", "interpreted", "largest", "same_bits", "same_type", "within"]
