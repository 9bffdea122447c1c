"""Random loops as machine code: values and gradients against the same steps as a Python loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adjoint as ad
from adjoint.runtime.linked import Linked
from adjoint.runtime.native import Executable

F32, F64, C128 = np.float32, np.float64, np.complex128
SEEDS = range(25)
MORE = range(25, 1000)


def unary(rng: np.random.Generator) -> Callable:
    """A smooth function that stays small."""
    choices = [np.sin, np.tanh, np.cos, lambda x: x / (1.0 + x * x), lambda x: 0.5 * x]
    return choices[rng.integers(len(choices))]


class Program:
    """A random loop: numbers and arrays in its carry, rows, constants; some of them not read, some
    not changed, some the same."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.length = int(rng.integers(1, 9))
        self.reverse = bool(rng.integers(2))
        dtypes = [F64] * 6 + [F32, C128]
        shapes = [()] * 5 + [(3,), (2, 3)]

        def some(count: int, lead: tuple[int, ...] = ()) -> list[np.ndarray]:
            found = []
            for _ in range(count):
                shape, dtype = shapes[rng.integers(len(shapes))], dtypes[rng.integers(len(dtypes))]
                found.append(rng.normal(size=(*lead, *shape)).astype(dtype))
            return found

        self.consts, self.carry = some(rng.integers(0, 6)), some(rng.integers(1, 8))
        self.rows = some(rng.integers(0, 5), (self.length,))
        self.counter = bool(rng.integers(2))
        plan: list[Any] = []
        values = len(self.consts) + len(self.carry) + len(self.rows)
        for k in range(len(self.carry)):
            kind = rng.choice(["mix", "mix", "mix", "mix", "keep", "constant", "copy"])
            plan.append((kind, k, rng.integers(values, size=3), unary(rng), rng.normal(size=2)))
        self.plan = plan
        self.made = [(rng.integers(values, size=2), unary(rng)) for _ in range(rng.integers(0, 5))]
        self.reads = rng.integers(2, size=len(self.carry) + len(self.made))
        self.reads[rng.integers(len(self.reads))] = 1

    def step(self, x: Any, index: Any, carry: list[Any], rows: list[Any]) -> tuple[list, list]:
        """One step; `x` is what is differentiated by."""
        consts = [c * x for c in self.consts]
        values = [*consts, *carry, *rows]
        after = []
        for kind, k, places, f, (a, b) in self.plan:
            own = carry[k]
            if kind == "mix":
                total = f(a * own + 0.25 * x)
                for p in places:
                    total = total + b * f(scalar_of(values[p]))
                after.append(fitted(total, own))
            elif kind == "keep":
                after.append(own)
            elif kind == "constant":
                after.append(fitted(x * b + 0.0 * own, own))
            else:
                same = [j for j, c in enumerate(carry) if c.dtype == own.dtype]
                same = [j for j in same if np.shape(carry[j]) == np.shape(own)]
                after.append(carry[same[k % len(same)]])
        if self.counter:
            after[0] = fitted(after[0] * (1.0 + 0.125 * index), after[0])
        made = [
            f(values[p]) * (values[q] if np.shape(values[q]) == () else 1.0)
            for (p, q), f in self.made
        ]
        return after, made

    def looped(self, x: Any, scan: Callable) -> Any:
        """A number that depends on some of what the loop gives."""
        carry = [fitted(c + 0.5 * x, c) for c in self.carry]
        rows = [fitted(r * x, r) for r in self.rows]
        last, made = scan(
            lambda i, c, r: self.step(x, i, c, r), carry, rows, self.length, self.reverse
        )
        total = 0.0
        for flag, value in zip(self.reads, [*last, *made], strict=True):
            if flag:
                total = total + np.sum(np.real(value) * 0.5 + np.imag(value) ** 2)
        return total


def scalar_of(value: Any) -> Any:
    return np.sum(value) if np.ndim(value) else value


def fitted(value: Any, like: Any) -> Any:
    """A value of another's dtype."""
    dtype = like.dtype
    if np.iscomplexobj(value) and dtype.kind != "c":
        value = np.real(value)
    return np.asarray(value).astype(dtype) if not hasattr(value, "astype") else value.astype(dtype)


def by_python(step: Callable, carry: list, rows: list, length: int, reverse: bool) -> tuple:
    """The loop in Python."""
    order = range(length - 1, -1, -1) if reverse else range(length)
    made: dict[int, list] = {}
    for n in order:
        carry, made[n] = step(n, carry, [r[n] for r in rows])
    return carry, [np.stack([made[n][k] for n in range(length)]) for k in range(len(made[0]))]


def by_scan(step: Callable, carry: list, rows: list, length: int, reverse: bool) -> tuple:
    """The loop as one operation."""
    numbers = np.arange(length)

    def body(carry: list, given: Any) -> tuple:
        n, row = given
        return step(n, carry, row)

    return ad.scan(body, carry, (numbers, rows), reverse=reverse)


def close(found: Any, wanted: Any, program: Program) -> None:
    single = any(x.dtype == F32 for x in (*program.consts, *program.carry, *program.rows))
    np.testing.assert_allclose(
        found, wanted, rtol=2e-3 if single else 1e-9, atol=1e-3 if single else 1e-9
    )


def check(seed: int) -> None:
    program = Program(seed)
    x = 0.75
    wanted = program.looped(x, by_python), ad.grad(program.looped)(x, by_python)
    with np.errstate(all="ignore"):
        close(program.looped(x, by_scan), wanted[0], program)
        close(ad.grad(program.looped)(x, by_scan), wanted[1], program)
        close(ad.jit(program.looped)(x, by_scan), wanted[0], program)
        both = ad.jit(ad.value_and_grad(program.looped))
        for point in (x, 0.5):
            value, slope = both(point, by_scan)
            close(value, program.looped(point, by_python), program)
            close(slope, ad.grad(program.looped)(point, by_python), program)
        second = ad.jit(ad.grad(ad.grad(program.looped)))(x, by_scan)
        close(second, ad.grad(ad.grad(program.looped))(x, by_python), program)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_loops(seed):
    check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MORE)
def test_more_random_loops(seed):
    check(seed)


def test_loops_are_part_of_the_one_program():
    def f(x: Any) -> Any:
        def step(state: Any, row: Any) -> Any:
            a, b, c = state
            return (np.sin(a) * row + b, 0.5 * a + c, b * x), a * b

        last, made = ad.scan(step, (x, 2.0 * x, x), np.linspace(0.0, 1.0, 7))
        return last[0] + np.sum(made)

    program = ad.jit(ad.value_and_grad(f)).lower(0.5)
    whole = Executable(program.function).whole
    assert isinstance(whole, Linked)
    assert [type(p).__name__ for p in whole.pieces].count("LoopPiece") == 2
    names = [n.primitive.name for n in program.function.order]
    assert names.count("scan") == 2  # forward once, backward once


def test_a_loop_that_may_not_end_is_left_to_be_interrupted(monkeypatch):
    monkeypatch.setattr("adjoint.runtime.pieces.LONGEST", 100.0)

    def f(x: Any) -> Any:
        return ad.while_loop(lambda s: s[0] < 5000.5, lambda s: (s[0] + 1.0, s[1] * x), (0.0, 1.0))[
            1
        ]

    compiled = ad.jit(f)
    assert compiled(0.999) == pytest.approx(0.999**5001, rel=1e-12)
    assert compiled(1.0) == 1.0
