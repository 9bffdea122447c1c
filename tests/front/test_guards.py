"""Python control flow under `jit`: each way through the branches is a program, and each call takes
the one that is right for it."""

from __future__ import annotations

import math
import threading
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adjoint as ad


def ways(compiled: Any) -> int:
    """How many programs were made."""
    return sum(len(found) for _, found in compiled.fallback.__self__.programs.values())


def agree(function: Any, *arguments: Any, jitted: Any = None, rtol: float = 1e-13) -> None:
    """The compiled gradient is the uncompiled one."""
    jitted = jitted or ad.jit(ad.value_and_grad(function))
    for found, wanted in zip(
        jitted(*arguments), ad.value_and_grad(function)(*arguments), strict=True
    ):
        assert type(found) is type(wanted)
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-300)


# ------------------------------------------------------------------------------ branches and loops


def doubling(a):
    """Its gradient with respect to a is c/a."""
    b = 2 * a
    while np.linalg.norm(b) < 1000:
        b = 2 * b
    return b if b.sum() > 0 else 100 * b


@pytest.mark.parametrize("shape", [(), (5,), (3, 4)])
def test_a_loop_and_a_branch_for_numbers_vectors_and_matrices(shape):
    rng = np.random.default_rng(3)
    jitted = ad.jit(ad.grad(lambda a: np.sum(doubling(a))))
    trips = set()
    for scale in (1.0, -1.0, 3.0, 0.01, -700.0, 1.5, 2000.0, -1.2):
        a = scale * (np.abs(rng.normal(size=shape)) + 0.5)
        a = a if shape else np.float64(a)
        expected = doubling(a) / a
        np.testing.assert_allclose(jitted(a), expected, rtol=1e-13)
        np.testing.assert_array_equal(jitted(a), ad.grad(lambda a: np.sum(doubling(a)))(a))
        trips.add(round(float(np.ravel(expected)[0])))
    assert ways(jitted) == len(trips)


def collatz(x):
    n, count = int(x * 3), 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        count += 1
    return x**2 * count


def clipped(x):
    if x < 0:
        return 0.0 * x
    elif x > 1:
        return x * 0 + 1.0
    return x * x * (3 - 2 * x)


def first_large(x):
    for k, value in enumerate(x):
        if value > 0.5:
            return value * k
    return np.sum(x)


def kept(x):
    return sum([v * v for v in x if v > 0.3]) + max(x) * min(x)


def ordered(x):
    low, *_, high = sorted(x)
    return high - low * low


def rounded(x):
    k = math.floor(x[0] * 3)
    return np.sum(x[: k + 1] ** 2) + x[-1] * round(x[1])


def newton(x):
    y = x[0]
    for _ in range(50):
        step = (y * y - np.sum(x)) / (2 * y)
        y = y - step
        if abs(step) < 1e-14 * abs(y):
            break
    else:
        raise RuntimeError("it does not converge")
    return y


def bisection(x):
    low, high = 0.0, 10.0
    while high - low > 1e-3:
        middle = (low + high) / 2
        if middle**3 < x[0]:
            low = middle
        else:
            high = middle
    return (low + high) / 2 + (x[0] - low**3) / (3 * low**2) * np.sum(x)


def masked(x):
    y = np.zeros(len(x))
    y[x > 0.5] = x[x > 0.5] ** 2
    places = np.nonzero(x < 0.2)[0]
    return np.sum(y) + np.sum(x[places]) * len(places)


FUNCTIONS = [first_large, kept, ordered, rounded, newton, bisection, masked]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_vectors(function):
    rng = np.random.default_rng(1)
    jitted = ad.jit(ad.value_and_grad(function))
    for _ in range(12):
        agree(function, rng.random(4), jitted=jitted)


@pytest.mark.parametrize("function", [collatz, clipped, abs, doubling], ids=lambda f: f.__name__)
def test_numbers(function):
    jitted = ad.jit(ad.value_and_grad(function))
    for x in (0.4, 2.0, 0.7, 1.3, 5.0, 0.9):
        agree(function, x, jitted=jitted)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_any_way_through_nested_branches(x):
    def tree(x):
        total = 0.0
        for v in x:
            if v > 0:
                total = total + (v * v if v > 1 else 3 * v)
                if total > 2:
                    break
            else:
                total = total - np.sin(v) if total > 0.5 else total + v**3
        return total + x[0]

    agree(tree, np.array(x), jitted=TREES.setdefault(0, ad.jit(ad.value_and_grad(tree))))


TREES: dict[int, Any] = {}


def test_values_that_are_not_computed_at_first():
    """A large example is not computed while it is recorded, until a question is asked."""

    def relaxed(x):
        y = np.zeros_like(x)
        while np.max(np.abs(y - x)) > 0.01:
            y = y + 0.5 * (x - y)
        return np.sum(y * y)

    rng = np.random.default_rng(0)
    jitted = ad.jit(ad.value_and_grad(relaxed))
    for scale in (1.0, 8.0, 1.1):
        agree(relaxed, scale * rng.random(3000), jitted=jitted)
    assert ways(jitted) == 2


def test_a_loop_of_a_number_of_steps_that_is_data():
    def power(x, n):
        y = 1.0
        for _ in range(int(n[0])):
            y = y * x
        return y

    jitted = ad.jit(ad.grad(power))
    for n in (3, 0, 5, 3):
        assert jitted(1.5, np.array([n])) == pytest.approx(n * 1.5 ** (n - 1), rel=1e-14)
    assert ways(jitted) == 3


# ------------------------------------------------------------------------------ errors of the user


def checked(x):
    if x < 0:
        raise ValueError(f"negative: {x > 0}")
    assert x < 100, "too large"
    return np.sqrt(x)


def test_exceptions_are_raised_on_data():
    jitted = ad.jit(ad.grad(checked))
    assert jitted(4.0) == 0.25
    for _ in range(2):
        with pytest.raises(ValueError, match="negative"):
            jitted(-1.0)
        with pytest.raises(AssertionError, match="too large"):
            jitted(101.0)
        assert jitted(16.0) == 0.125
    fresh = ad.jit(checked)
    with pytest.raises(ValueError, match="negative"):
        fresh(-2.0)
    assert fresh(9.0) == 3.0


def test_a_function_that_catches_everything():
    def careful(x):
        try:
            if np.sum(x) > 0:
                raise ZeroDivisionError
            return np.sum(x**2)
        except:  # noqa: E722
            return np.sum(x)

    jitted = ad.jit(ad.grad(careful))
    for n in (3, 1000):
        x = np.linspace(-1.0, 0.5, n)
        np.testing.assert_array_equal(jitted(x), 2 * x)
        np.testing.assert_array_equal(jitted(-x), np.ones(n))


def test_an_index_out_of_range_behind_a_branch():
    def pick(x, k):
        if k[0] < 3:
            return np.sum(ad.numpy.take(x, k, axis=0))
        return np.sum(x) * 2

    jitted, x = ad.jit(pick), np.arange(3.0)
    assert jitted(x, np.array([1])) == 1.0
    assert jitted(x, np.array([7])) == 6.0  # no IndexError: the other branch
    assert jitted(x, np.array([2])) == 2.0
    with pytest.raises(IndexError):
        jitted(x, np.array([-4]))


# -------------------------------------------------------------------------------- many ways, inside


def test_too_many_ways_run_uncompiled_and_say_so():
    def steps(x):
        n = 0
        while x > 1.0:
            x = 0.9 * x
            n += 1
        return x * n

    jitted = ad.jit(ad.grad(steps))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for k in range(70):
            x = 1.05 * 0.9**-k
            assert jitted(x) == pytest.approx(ad.grad(steps)(x), rel=1e-13)
    assert ways(jitted) == 64
    (warning,) = caught
    text = str(warning.message)
    assert "jit(steps) has been recorded for 64 ways through its branches" in text
    assert "while x > 1.0:" in text and "a fixed number of steps" in text
    assert warning.filename == __file__


def test_inside_other_transforms():
    jitted = ad.jit(clipped)
    for x in (0.3, -1.0, 2.0):
        assert jitted(x) == clipped(x)
        assert ad.grad(jitted)(x) == ad.grad(clipped)(x)
        assert ad.jit(lambda x: jitted(x) * 2)(x) == 2 * clipped(x)
        assert ad.grad(ad.grad(jitted))(x) == ad.grad(ad.grad(clipped))(x)
        assert ad.jit(ad.grad(ad.grad(clipped)))(x) == ad.grad(ad.grad(clipped))(x)
    rows = np.array([0.1, 0.2, 0.3])
    np.testing.assert_array_equal(ad.vmap(jitted)(rows), [clipped(x) for x in rows])
    with pytest.raises(ad.TracingError, match="rows disagree"):
        ad.vmap(jitted)(np.array([0.5, 2.0]))


def test_rows_that_agree():
    jitted = ad.jit(ad.vmap(ad.grad(clipped)))
    for rows in ([0.1, 0.9], [-1.0, -2.0], [0.2, 0.3], [2.0, 3.0]):
        np.testing.assert_array_equal(jitted(np.array(rows)), [ad.grad(clipped)(x) for x in rows])
    assert ways(jitted) == 3
    with pytest.raises(ad.TracingError, match="rows disagree"):
        jitted(np.array([0.5, 2.0]))


def test_arrays_from_outside_are_asked_at_every_call():
    limits = [np.array([0.5])]

    def limited(x):
        limit = limits[0]
        return x * x if np.sum(limit * x) < 1.0 else x

    jitted = ad.jit(limited)
    assert jitted(1.0) == 1.0 and jitted(3.0) == 3.0 and jitted(1.5) == 2.25
    limits[0][0] = 0.1
    assert jitted(3.0) == 9.0


def test_a_program_with_questions_has_no_address():
    program = ad.jit(clipped).lower(0.5)
    assert program.guards and "bool() = False" in str(program.guards[0])
    with pytest.raises(ValueError, match="its branches depend on values"):
        program.low_level_callable()


def test_numbers_taken_out_of_arrays():
    def model(x):
        first = x[0].item()
        rest = x[1:].tolist()
        assert isinstance(rest, list)
        return first * sum(rest) + x.item(2)

    for transform in (ad.grad, lambda f: ad.jit(ad.grad(f))):
        np.testing.assert_array_equal(transform(model)(np.array([2.0, 3.0, 4.0])), [7.0, 2.0, 3.0])


def test_threads_take_different_ways():
    jitted, wrong = ad.jit(ad.grad(clipped)), []

    def work(seed):
        rng = np.random.default_rng(seed)
        for x in rng.uniform(-1, 2, 200):
            if jitted(x) != ad.grad(clipped)(x):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_static_arguments_and_results_that_are_no_numbers():
    def named(x, kind):
        if kind == "square" and x > 0:
            return x * x, "squared"
        return x, None

    jitted = ad.jit(named)
    assert jitted(3.0, "square") == (9.0, "squared")
    assert jitted(-3.0, "square") == (-3.0, None)
    assert jitted(3.0, "other") == (3.0, None)
