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


@pytest.mark.parametrize(
    "seed", [pytest.param(k, marks=pytest.mark.slow if k >= 12 else ()) for k in SEEDS]
)
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


# ------------------------------------------------------------------------ arrays that are written


class Writes:
    """A random loop that reads and writes arrays at the loop's index."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.n = int(rng.integers(9, 16))
        self.shape = [(self.n,), (self.n, 3), (self.n, 4)][rng.integers(3)]
        self.dtype = F64 if seed % 5 else F32
        self.start = rng.normal(size=self.shape).astype(self.dtype)
        self.other = rng.normal(size=self.n)
        kinds = ["set", "add", "row", "element", "part", "other", "scale", "back", "read"]
        self.plan = [
            (kinds[rng.integers(len(kinds))], int(rng.integers(-3, 4)), int(rng.integers(-3, 4)),
             unary(rng), float(rng.normal()))
            for _ in range(int(rng.integers(1, 6)))
        ]  # fmt: skip
        self.matrix = len(self.shape) == 2

    def step(self, x: Any, i: Any, y: Any, z: Any, total: Any) -> tuple:
        for kind, a, b, f, c in self.plan:
            read = f(y[i + a]) * x
            if kind == "set":
                y[i + b] = c * read
            elif kind == "add":
                y[i + b] += 0.25 * read
            elif kind == "row" and self.matrix:
                y[i + b] = y[i + a, ::-1] * c
            elif kind == "element" and self.matrix:
                y[i + b, 1] = np.sum(read) + c * y[i + b, 2]
            elif kind == "part" and self.matrix:
                y[i + b, 1:] = read[1:] + c
            elif kind == "other":
                z[-1 - i] = np.sum(read) + z[i]
            elif kind == "scale":
                y[i + b] *= f(z[i])
            elif kind == "back":
                y[-i] = read
            total = total * 0.5 + np.sum(f(y[i + b])) * c
        return y, z, total

    def looped(self, x: Any, by_python: bool, while_too: bool = False) -> Any:
        y, z = self.start * x, self.other * x
        y, z = (
            np.asarray(y).astype(self.dtype) if not hasattr(y, "astype") else y.astype(self.dtype),
            z,
        )
        total = 0.0 * x
        low, high = 3, self.n - 4
        if by_python:
            for i in range(low, high):
                y, z, total = self.step(x, i, y, z, total)
        elif while_too:
            state = (low, y, z, total)
            _, y, z, total = ad.while_loop(
                lambda s: s[0] < high, lambda s: (s[0] + 1, *self.step(x, *s)), state
            )
        else:
            y, z, total = ad.fori_loop(low, high, lambda i, s: self.step(x, i, *s), (y, z, total))
        return np.sum(y * y) + np.sum(z) + total


def check_writes(seed: int) -> None:
    program = Writes(seed)
    loose = {"rtol": 2e-3, "atol": 1e-3} if program.dtype == F32 else {"rtol": 1e-9, "atol": 1e-9}
    x = 0.6
    wanted = program.looped(x, True), ad.grad(program.looped)(x, True)
    for while_too in (False, True):
        args = (x, False, while_too)
        np.testing.assert_allclose(program.looped(*args), wanted[0], **loose)
        np.testing.assert_allclose(ad.grad(program.looped)(*args), wanted[1], **loose)
        found = ad.jit(ad.value_and_grad(program.looped))(*args)
        np.testing.assert_allclose(found, wanted, **loose)
    second = ad.grad(ad.grad(program.looped))
    np.testing.assert_allclose(ad.jit(second)(x, False), second(x, True), **loose)
    rows = np.array([0.3, 0.6])
    each = ad.vmap(ad.grad(lambda x: program.looped(x, False)))(rows)
    np.testing.assert_allclose(each[1], wanted[1], **loose)


@pytest.mark.parametrize(
    "seed", [pytest.param(k, marks=pytest.mark.slow if k >= 10 else ()) for k in range(20)]
)
def test_random_writes(seed):
    check_writes(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20, 500))
def test_more_random_writes(seed):
    check_writes(seed)


def test_arrays_are_kept_in_one_buffer():
    """Neither the loop's memory nor what reverse mode keeps grows with size times steps."""

    def f(x: Any, n: int) -> Any:
        y = np.zeros(n)
        y[0] = x

        def body(i: Any, y: Any) -> Any:
            y[i] = np.sin(y[i - 1]) * x + 0.5 * y[i - 1]
            return y

        return np.sum(ad.fori_loop(1, n, body, y))

    def python(x: Any, n: int) -> Any:
        y = np.zeros(n)
        y[0] = x
        for i in range(1, n):
            y[i] = np.sin(y[i - 1]) * x + 0.5 * y[i - 1]
        return np.sum(y)

    assert ad.grad(f)(0.3, 300) == pytest.approx(ad.grad(python)(0.3, 300), rel=1e-12)
    n = 20_000
    program = ad.jit(ad.grad(f)).lower(0.3, n)
    assert program.whole().workspace < 10 * 8 * n
    shapes = {x.shape for x in program.function.order if x.primitive.name == "item"}
    assert shapes == {(), (n,), (n - 1,)}


def test_places_out_of_range_are_errors():
    def f(x: Any, limit: float) -> Any:
        def body(i: Any, y: Any) -> Any:
            y[i] = x
            return y

        return np.sum(ad.fori_loop(0, 12, body, np.zeros(10)))

    for function in (f, ad.grad(f), ad.jit(f), ad.jit(ad.grad(f))):
        with pytest.raises(IndexError):
            function(0.5, 1.0)
