"""Loops and branches as operations: as the same loop in Python, in every transform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import adjoint as ad
from adjoint.runtime import loops as native_loops
from adjoint.testing import check_grads

RNG = np.random.default_rng(2)
ROWS = RNG.normal(size=(7, 3))
MATRIX = RNG.normal(size=(3, 3)) / 3


@pytest.fixture(params=["operation by operation", "machine code"])
def way(request, monkeypatch):
    """Both ways to run a loop, however short it is."""
    monkeypatch.setattr(native_loops, "WORTH", 10**12 if request.param[0] == "o" else 0)


def recurrent(step: Callable) -> Callable:
    """A state and a sum over rows, in a container."""

    def f(weights: Any, start: Any) -> Any:
        def body(carry: Any, x: Any) -> Any:
            state, parts = carry
            state = np.tanh(weights @ state + x)
            return (state, {"sum": parts["sum"] + np.sum(state**2)}), state * start

        (state, parts), made = step(body, (start * np.ones(3), {"sum": 0.0}), ROWS)
        return parts["sum"] + np.sum(made[2:] ** 2) + np.sum(state)

    return f


def unrolled(body: Callable, carry: Any, xs: Any, reverse: bool = False) -> Any:
    made = []
    for x in xs[::-1] if reverse else xs:
        carry, y = body(carry, x)
        made.append(y)
    return carry, np.stack(made[::-1] if reverse else made)


def similar(f: Callable, g: Callable, *arguments: Any) -> None:
    """Equal values and derivatives of all kinds."""
    argnums = tuple(range(len(arguments)))
    close = lambda a, b: [
        assert_allclose(x, y, rtol=1e-11, atol=1e-12) for x, y in zip(a, b, strict=True)
    ]
    close([f(*arguments)], [g(*arguments)])
    wanted = ad.grad(g, argnums)(*arguments)
    close(ad.grad(f, argnums)(*arguments), wanted)
    close(ad.jit(ad.grad(f, argnums))(*arguments), wanted)
    tangents = tuple(np.ones_like(x) * 0.3 for x in arguments)
    close(ad.jvp(f, arguments, tangents), ad.jvp(g, arguments, tangents))
    close(ad.jit(lambda *x: ad.jvp(f, x, tangents))(*arguments), ad.jvp(g, arguments, tangents))
    second = lambda f: lambda *x: ad.grad(lambda *y: np.sum(ad.grad(f, 0)(*y) ** 2), argnums)(*x)
    close(second(f)(*arguments), second(g)(*arguments))
    forward = lambda f: ad.jvp(ad.grad(f, argnums[-1]), arguments, tangents)
    close(forward(f), forward(g))
    batch = tuple(np.stack([x, 0.5 * x, -x]) for x in arguments)
    rows = [ad.grad(g, argnums)(*[x[k] for x in batch]) for k in range(3)]
    wanted = [np.stack(some) for some in zip(*rows, strict=True)]
    close(ad.vmap(ad.grad(f, argnums))(*batch), wanted)
    close(ad.jit(ad.vmap(ad.grad(f, argnums)))(*batch), wanted)
    close(ad.grad(lambda *x: np.sum(ad.vmap(f)(*x)), argnums)(*batch), wanted)
    close(
        [ad.vmap(f, in_axes=(None,) + (0,) * (len(batch) - 1))(arguments[0], *batch[1:])],
        [np.stack([g(arguments[0], *[x[k] for x in batch[1:]]) for k in range(3)])],
    ) if len(batch) > 1 else None


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(way, reverse):
    scan = lambda *a: ad.scan(*a, reverse=reverse)
    loop = lambda *a: unrolled(*a, reverse=reverse)
    similar(recurrent(scan), recurrent(loop), MATRIX, np.float64(0.7))


def test_scan_in_a_scan(way):
    def f(x: Any, scan: Callable = ad.scan) -> Any:
        def outer(a: Any, row: Any) -> Any:
            inner, _ = scan(lambda b, v: (np.sin(b * v) + a, b), x * 1.0, row)
            return a * inner, inner

        last, made = scan(outer, x, ROWS)
        return last + np.sum(made**2)

    similar(f, lambda x: f(x, unrolled), np.float64(0.8))


def power(x: Any, n: int = 5) -> Any:
    return ad.fori_loop(0, n, lambda i, y: y * x + np.sin(i * x), x)


def power_unrolled(x: Any, n: int = 5) -> Any:
    y = x
    for i in range(n):
        y = y * x + np.sin(i * x)
    return y


def test_fori_loop(way):
    similar(power, power_unrolled, np.float64(0.9))
    assert ad.fori_loop(3, 3, lambda i, x: x * 2, 1.5) == 1.5
    assert ad.fori_loop(5, 3, lambda i, x: x * 2, 1.5) == 1.5
    assert ad.fori_loop(2, 5, lambda i, x: x + i, 0) == 9
    jitted = ad.jit(lambda x, n: ad.fori_loop(0, n[0], lambda i, y: y * x, 1.0))
    assert [jitted(2.0, np.array([n])) for n in (0, 3, 5)] == [1.0, 8.0, 32.0]
    gradient = ad.jit(ad.grad(lambda x, n: ad.fori_loop(0, n[0], lambda i, y: y * x, 1.0)))
    assert [gradient(2.0, np.array([n])) for n in (0, 3, 5)] == [0.0, 12.0, 80.0]


def root(a: Any) -> Any:
    return ad.while_loop(
        lambda s: np.abs(s[0] ** 2 - a) > 1e-9 * a,
        lambda s: ((s[0] + a / s[0]) / 2, s[1] + 1),
        (a + 1.0, 0),
    )[0]


def root_unrolled(a: Any) -> Any:
    x = a + 1.0
    while np.abs(x**2 - a) > 1e-9 * a:
        x = (x + a / x) / 2
    return x


def test_while_loop(way):
    for a in (np.float64(2.0), np.float64(3000.0)):
        for f in (ad.grad, ad.jacfwd, lambda f: ad.grad(ad.grad(f)), lambda f: ad.jit(ad.grad(f))):
            assert_allclose(f(root)(a), f(root_unrolled)(a), rtol=1e-10)
    many = np.array([2.0, 300.0, 1e-4, 5.0])
    for f in (lambda f: f, ad.grad, ad.jacfwd, lambda f: ad.grad(ad.grad(f))):
        wanted = [f(root_unrolled)(a) for a in many]
        assert_allclose(ad.vmap(f(root))(many), wanted, rtol=1e-10)
        assert_allclose(ad.jit(ad.vmap(f(root)))(many), wanted, rtol=1e-10)
    total = ad.grad(lambda a: np.sum(ad.vmap(root)(a)))
    assert_allclose(total(many), [ad.grad(root_unrolled)(a) for a in many], rtol=1e-10)
    assert_allclose(ad.jit(total)(many), total(many), rtol=1e-12)


def test_rows_that_are_done_are_left_alone(way):
    """Beyond its last step a row would divide by zero."""

    def countdown(n: Any) -> Any:
        return ad.while_loop(
            lambda s: s[0] > 0.5, lambda s: (s[0] - 1.0, s[1] + 1.0 / s[0]), (n, 0.0)
        )[1]

    n = np.array([1.0, 4.0, 2.0])
    assert_allclose(ad.vmap(countdown)(n), [1.0, 25 / 12, 1.5], rtol=1e-15)
    wanted = [-sum(1.0 / k**2 for k in range(1, int(x) + 1)) for x in n]
    assert_allclose(ad.vmap(ad.grad(countdown))(n), wanted, rtol=1e-14)
    assert_allclose(ad.grad(lambda n: np.sum(ad.vmap(countdown)(n)))(n), wanted, rtol=1e-14)


def branch(x: Any, y: Any) -> Any:
    return ad.cond(x > y, lambda x, y: np.sqrt(x - y) * y, lambda x, y: x * y**2, x, y)


def branch_unrolled(x: Any, y: Any) -> Any:
    return np.sqrt(x - y) * y if x > y else x * y**2


@pytest.mark.parametrize("x, y", [(3.0, 1.0), (0.5, 1.5)])
def test_cond(x, y):
    for f in (lambda f: f, ad.grad, lambda f: ad.grad(ad.grad(f, 1)), lambda f: ad.jacfwd(f, 1)):
        wanted = f(branch_unrolled)(x, y)
        assert_allclose(f(branch)(x, y), wanted, rtol=1e-13)
        assert_allclose(ad.jit(f(branch))(x, y), wanted, rtol=1e-13)
    jitted = ad.jit(ad.grad(branch))
    for a, b in ((3.0, 1.0), (1.0, 3.0)):
        assert_allclose(jitted(a, b), ad.grad(branch_unrolled)(a, b), rtol=1e-13)
    assert repr(jitted).endswith("1 programs>")


def test_cond_of_a_batch():
    xs, ys = np.array([3.0, 0.5, 2.0]), np.array([1.0, 1.5, 2.0])
    for f in (lambda f: f, ad.grad, lambda f: ad.grad(f, 1)):
        wanted = [f(branch_unrolled)(x, y) for x, y in zip(xs, ys, strict=True)]
        assert_allclose(ad.vmap(f(branch))(xs, ys), wanted, rtol=1e-13)
        assert_allclose(ad.jit(ad.vmap(f(branch)))(xs, ys), wanted, rtol=1e-13)
        assert_allclose(ad.vmap(f(branch), in_axes=(0, None))(xs, 1.0),
                        [f(branch_unrolled)(x, 1.0) for x in xs], rtol=1e-13)  # fmt: skip


def test_switch():
    functions = [np.sin, lambda x: x**3, lambda x: 2 * x]
    for k, wanted in ((0, np.cos(0.3)), (1, 0.27), (2, 2.0), (9, 2.0), (-4, np.cos(0.3))):
        f = lambda x, k: ad.switch(k, functions, x)
        assert_allclose(ad.grad(f)(0.3, k), wanted, rtol=1e-14)
        assert_allclose(ad.jit(ad.grad(f))(0.3, np.int64(k)), wanted, rtol=1e-14)
    places = np.array([0, 1, 2, 9, -4])
    found = ad.vmap(lambda k: ad.grad(f)(0.3, k))(places)
    assert_allclose(found, [np.cos(0.3), 0.27, 2.0, 2.0, np.cos(0.3)], rtol=1e-14)


def test_map():
    f = lambda v: np.sum(ad.map(lambda r: {"a": r @ r, "b": r[0]}, v)["a"] ** 2)
    assert_allclose(ad.grad(f)(ROWS), 4 * ROWS * np.sum(ROWS**2, 1, keepdims=True), rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "complex128", "complex64"])
def test_dtypes(way, dtype):
    def f(x: Any) -> Any:
        last, made = ad.scan(lambda c, k: (c * x + k, c), x, np.arange(4, dtype=x.real.dtype))
        assert last.dtype == made.dtype == x.dtype
        return np.sum(np.abs(made) ** 2)

    x = np.array([0.4, -0.7], dtype) * (1 + 0.3j if dtype[0] == "c" else 1)
    x = x.astype(dtype)
    wanted = ad.grad(lambda x: np.sum(np.abs(np.stack(horner(x))) ** 2))(x)
    for gradient in (ad.grad(f), ad.jit(ad.grad(f))):
        found = gradient(x)
        assert found.dtype == x.dtype
        assert_allclose(found, wanted, rtol=1e-5 if "64" in dtype and dtype[0] == "c" else 1e-4)


def horner(x: Any) -> Any:
    c, made = x, []
    for k in range(4):
        made.append(c)
        c = c * x + k
    return made


def test_types_of_the_carry():
    assert ad.scan(lambda c, x: (c + x, None), 0, np.array([0.5, 1.0])) == (1.5, None)
    assert type(ad.fori_loop(0, 3, lambda i, c: c + 1, 0)) is int
    assert type(ad.fori_loop(0, 3, lambda i, c: c * 2, 1.0)) is float
    found = ad.fori_loop(0, 2, lambda i, c: c * np.float64(2.0), np.float32(1.0))
    assert found == 4.0 and found.dtype == np.float64
    assert ad.scan(lambda c, x: (c, x > 1), (), np.array([0.5, 2.0]))[1].dtype == bool


def test_captured_values_are_read_at_every_call():
    table = np.array([1.0, 2.0, 3.0])

    def f(x: Any) -> Any:
        return ad.fori_loop(0, 3, lambda i, y: y * ad.numpy.take(table, i, axis=0), x)

    jitted = ad.jit(f)
    assert jitted(1.0) == f(1.0) == 6.0
    table[2] = 4.0
    assert jitted(1.0) == f(1.0) == 8.0


def test_long_loops_are_machine_code():
    def logistic(x: Any, r: Any) -> Any:
        return ad.fori_loop(0, 100_000, lambda i, y: r * y * (1 - y) * (1 + 1e-9 * i), x)

    def plain(x: float, r: float) -> float:
        for i in range(100_000):
            x = r * x * (1 - x) * (1 + 1e-9 * i)
        return x

    assert_allclose(logistic(0.3, 2.8), plain(0.3, 2.8), rtol=1e-12)
    check_grads(lambda r: logistic(0.3, r), (2.8,), order=1, modes=("forward", "reverse"))


def test_an_index_out_of_range_in_a_loop(way):
    values = np.arange(4.0)
    with pytest.raises(IndexError):
        ad.fori_loop(0, 6, lambda i, y: y + ad.numpy.take(values, i, axis=0), 0.0)


# --------------------------------------------------------------------------------------- errors


def shown(error: type, run: Callable) -> str:
    with pytest.raises(error) as caught:
        run()
    return str(caught.value)


def test_a_branch_inside_a_body():
    def body(c, x):
        if c > 0:
            return c, None
        return -c, None

    text = shown(ad.TracingError, lambda: ad.scan(body, 1.0, np.ones(2)))
    assert text == (
        "inside the body of `ad.scan` bool() was asked of a value that is not known there (bool): "
        "the body is recorded once, for all steps.\n"
        "  expected: operations on the value\n"
        "  at test_structured.py:LINE: if c > 0:  (in bool())\n"
        "  write instead: `np.where(condition, a, b)` or `ad.cond` for a branch, `ad.while_loop` "
        "for a loop, `np.where(mask, a, 0.0)` for `a[mask]`"
    ).replace("LINE", text.split("test_structured.py:")[1].split(":")[0])


def test_bodies_that_do_not_fit():
    ones = np.ones(2)
    text = shown(TypeError, lambda: ad.scan(lambda c, x: c, 1.0, ones))
    assert text.startswith("ad.scan got float64 from <lambda>") and "a pair" in text
    text = shown(ad.ShapeError, lambda: ad.scan(lambda c, x: (ones * c, x), 1.0, ones))
    assert text.startswith("ad.scan: a step of <lambda> turned float64 into float64[2]")
    text = shown(TypeError, lambda: ad.scan(lambda c, x: ((c, c), x), 1.0, ones))
    assert "the same structure before and after a step" in text
    text = shown(ad.ShapeError, lambda: ad.scan(lambda c, x: (c, x), 1.0, (ones, np.ones(3))))
    assert text.startswith("ad.scan got different numbers of steps: [2, 3]")
    text = shown(ad.ShapeError, lambda: ad.scan(lambda c, x: (c, x), 1.0))
    assert text.startswith("ad.scan got neither xs nor a length")
    text = shown(ad.ShapeError, lambda: ad.scan(lambda c, x: (c, x), 1.0, 2.0))
    assert text.startswith("ad.scan was to go along the rows of float")
    text = shown(TypeError, lambda: ad.scan(lambda c, x: ("a", x), 1.0, ones))
    assert text.startswith("ad.scan got a str")
    text = shown(TypeError, lambda: ad.fori_loop(0, 2.5, lambda i, c: c, 1.0))
    assert text.startswith("ad.fori_loop got float as a bound")
    text = shown(TypeError, lambda: ad.while_loop(lambda c: ones > 0, lambda c: c, 1.0))
    assert text.startswith("ad.while_loop got bool[2] from its condition")
    text = shown(TypeError, lambda: ad.cond(ones > 0, lambda: 1, lambda: 2))
    assert text.startswith("ad.cond got bool[2] as its condition")
    text = shown(TypeError, lambda: ad.switch(1.5, [np.sin], 1.0))
    assert text.startswith("ad.switch got float as its index")
    f = ad.jit(lambda x: ad.cond(x > 0, lambda x: (x, x), lambda x: x, x))
    assert "results of the same structure from each branch" in shown(TypeError, lambda: f(1.0))
    f = ad.jit(lambda x: ad.cond(x > 0, lambda x: x * ones, lambda x: x, x))
    assert "results of the same shapes from each branch" in shown(ad.ShapeError, lambda: f(1.0))


def test_a_write_from_inside_a_body():
    outside = np.zeros(3)

    def f(x):
        y = np.zeros(3) * x

        def body(i, c):
            y[0] = c
            return c

        return ad.fori_loop(0, 3, body, x) + np.sum(y)

    with pytest.raises(ad.TracingError):
        ad.grad(f)(1.0)
    assert not outside.any()


def test_numbers_of_steps_that_are_data_share_programs():
    """Reverse mode through `while_loop` under `jit`: the first two numbers of steps get programs of
    their own, others one for each power of two."""

    def f(x: Any, n: Any) -> Any:
        def step(state: Any) -> Any:
            return np.sin(state[0]) * 1.1 + 0.1 * x, state[1] + 1.0

        return ad.while_loop(lambda state: state[1] < n, step, (x, 0.0))[0]

    def g(x: Any, n: Any) -> Any:
        found, k = x, 0.0
        while k < n:
            found, k = np.sin(found) * 1.1 + 0.1 * x, k + 1.0
        return found

    first, second = ad.jit(ad.grad(f)), ad.jit(ad.grad(ad.grad(f)))
    for n in (1.0, 2.0, 3.0, 50.0, 20.0, 17.0, 16.0, 0.0, 100.0, 64.0, 65.0, 300.0, 5.0, 33.0):
        np.testing.assert_allclose(first(0.3, n), ad.grad(g)(0.3, n), rtol=1e-12)
        np.testing.assert_allclose(second(0.3, n), ad.grad(ad.grad(g))(0.3, n), rtol=1e-11)
    assert "7 programs" in repr(first)  # 1, 2, and up to 16, 32, 64, 128, 512


def test_a_step_too_many_spoils_nothing():
    """What is computed after the last step, for a program of more steps, may be singular."""

    def f(x: Any, n: Any) -> Any:
        def step(state: Any) -> Any:
            return np.sqrt(state[0] - 1.0) * x, state[1] + 1.0

        return ad.while_loop(lambda state: state[1] < n, step, (6.0 * x, 0.0))[0]

    gradient = ad.jit(ad.grad(f))
    for n in (0.0, 1.0, 2.0, 3.0):  # a step further the root is of a negative number
        assert np.isfinite(gradient(1.0, n))
        np.testing.assert_allclose(gradient(1.0, n), ad.grad(f)(1.0, n), rtol=1e-13)


def test_branches_of_arrays():
    """More than two, of arrays, under `jit`: part of the one native program."""
    branches = [np.sin, lambda x: x**2, lambda x: np.ones_like(x) * 3.0, lambda x: x[::-1] * x]

    def loss(x: Any, k: Any) -> Any:
        return np.sum(ad.switch(k[0], branches, x) ** 2)

    gradient = ad.jit(ad.value_and_grad(loss))
    x = np.array([0.1, 0.7, 1.3])
    for k in (-5, 0, 1, 2, 3, 9):
        branch = branches[min(max(k, 0), 3)]
        wanted = ad.value_and_grad(lambda x, branch=branch: np.sum(branch(x) ** 2))(x)
        for found in (gradient(x, np.array([k])), ad.value_and_grad(loss)(x, np.array([k]))):
            np.testing.assert_allclose(found[0], wanted[0], rtol=1e-13)
            np.testing.assert_allclose(found[1], wanted[1], rtol=1e-13)
    assert "1 programs" in repr(gradient)
    whole = gradient.lower(x, np.array([0])).whole()
    assert "SwitchPiece" in [type(piece).__name__ for piece in whole.pieces]


def test_a_branch_in_a_loop_is_native():
    def f(x: Any, cond: Callable = ad.cond) -> Any:
        c = x
        above, below = (lambda c: np.sqrt(c) * 0.9), (lambda c: c * 1.7 + x * 0.1)
        if cond is ad.cond:
            return ad.fori_loop(0, 50, lambda i, c: ad.cond(c > 1.0, above, below, c), c)
        for _ in range(50):
            c = above(c) if c > 1.0 else below(c)
        return c

    gradient = ad.jit(ad.value_and_grad(f))
    for x in (0.3, 0.7, 2.0):
        np.testing.assert_allclose(gradient(x), ad.value_and_grad(f)(x, None), rtol=1e-12)
    assert gradient.lower(0.3).whole() is not None
