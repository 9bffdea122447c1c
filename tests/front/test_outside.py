"""What the traced function finds outside: arrays, generators, tables of functions, Python's and
NumPy's helpers; and that all of it is as before when the trace has ended."""

from __future__ import annotations

import copy
import functools
import math
import pickle
import statistics
import threading
from typing import Any

import numpy as np
import pytest

import adjoint as ad

X = np.array([0.3, 1.1, 0.4])
TABLE = np.arange(12.0).reshape(3, 4)
WEIGHTS = np.array([1.0, 2.0, 3.0])
COUNTS = np.array([1, 2, 3])
FUNCTIONS = {"sine": math.sin, "root": np.sqrt}
GENERATOR = np.random.default_rng(0)


class Model:
    """An object with arrays, a table of functions in its class, and another object."""

    KINDS = {  # noqa: RUF012
        "exp": math.exp
    }

    def __init__(self) -> None:
        self.rows = TABLE[:, :3] * 1.0
        self.state = np.zeros(3)
        self.inner = None

    def loss(self, x: Any) -> Any:
        self.state[1] = x[0] * 2.0
        return self.rows.dot(x).sum() + self.state.sum() ** 2 + self.KINDS["exp"](x[2])


def differences(f: Any, x: Any) -> np.ndarray:
    """Central differences, twice as fine the second time, extrapolated."""

    def central(h: float) -> np.ndarray:
        steps = h * np.eye(np.size(x)).reshape(np.size(x), *np.shape(x))
        found = [(f(x + d) - f(x - d)) / (2 * h) for d in (steps if np.ndim(x) else [h])]
        return np.reshape(found, np.shape(x))

    return (4 * central(1e-4) - central(2e-4)) / 3


def both(function: Any, *arguments: Any) -> np.ndarray:
    """The gradient, which is the same under `jit`."""
    found = ad.grad(function)(*arguments)
    np.testing.assert_allclose(ad.jit(ad.grad(function))(*arguments), found, rtol=1e-13, atol=1e-15)
    return found


def test_methods_of_plain_arrays_with_traced_arguments():
    np.testing.assert_allclose(both(lambda x: TABLE.T.dot(x).sum(), X), TABLE.sum(1))
    np.testing.assert_allclose(both(lambda x, t: t.dot(x).sum(), X, TABLE.T.copy()), TABLE.sum(1))
    local = TABLE.T * 2.0
    np.testing.assert_allclose(both(lambda x: local.dot(x).sum(), X), 2 * TABLE.sum(1))
    assert type(TABLE) is np.ndarray and type(local) is np.ndarray


@pytest.mark.parametrize(
    "make",
    [
        lambda: WEIGHTS.copy(),
        lambda: WEIGHTS * 2,
        lambda: np.exp(WEIGHTS),
        lambda: WEIGHTS[[2, 0, 1]],
        lambda: np.concatenate([WEIGHTS[:1], [1.0, 2.0]]),
        lambda: np.asarray([1.0, 2.0, 3.0]),
        lambda: np.arange(3.0),
        lambda: np.sort(WEIGHTS),
        lambda: COUNTS.astype(float),
        lambda: TABLE[:, 1].copy(),
        lambda: np.random.default_rng(1).normal(size=3),
        lambda: np.outer(WEIGHTS, WEIGHTS)[0],
        lambda: np.sin(0.5 * np.arange(1, 4)),
    ],
)
def test_arrays_computed_inside_can_be_written_into(make):
    def f(x):
        y = make()
        y[0] = x[1] ** 2
        y[1:] *= x[2]
        return y.sum()

    rest = make()[1:].sum()
    np.testing.assert_allclose(both(f, X), [0.0, 2 * X[1], rest], rtol=1e-14)


def test_an_argument_that_is_not_differentiated():
    def f(x, m):
        m = m.copy()
        m[0] -= x[0]
        return m.dot(m)

    m = WEIGHTS.copy()
    np.testing.assert_allclose(both(f, X, m), [-2 * (m[0] - X[0]), 0, 0])
    np.testing.assert_array_equal(m, WEIGHTS)


def test_attributes_are_exchanged_and_put_back():
    model = Model()
    slope = ad.grad(model.loss)(X)
    wanted = model.rows.sum(0) + [8 * X[0], 0, np.exp(X[2])]
    np.testing.assert_allclose(slope, wanted)
    assert type(model.rows) is np.ndarray and type(model.state) is np.ndarray
    np.testing.assert_array_equal(model.state, [0.0, 2 * X[0], 0.0])  # the write has taken place
    assert {"exp": math.exp} == Model.KINDS
    model = Model()
    np.testing.assert_allclose(ad.grad(lambda x, m: m.loss(x))(X, model), wanted)
    with pytest.raises(ad.TracingError, match="wrote into an array from outside"):
        ad.jit(model.loss)(X)


class Layers:
    """Arrays that are held twice, or share memory."""

    def __init__(self) -> None:
        self.weights = np.ones(3)
        self.every = [self.weights]
        self.part = self.weights[1:]

    def plain(self, x: Any) -> Any:
        self.weights[0] = 5.0
        self.part *= 2.0
        return (self.every[0] * x).sum()

    def traced(self, x: Any) -> Any:
        self.weights[0] = x[0]
        return (self.every[0] * x).sum()

    def view(self, x: Any) -> Any:
        self.part[0] = x[0]
        return (self.weights * x).sum()


def test_arrays_that_others_hold_too():
    layers = Layers()
    np.testing.assert_array_equal(ad.grad(layers.plain)(X), [5.0, 2.0, 2.0])
    np.testing.assert_array_equal(layers.every[0], [5.0, 2.0, 2.0])
    for method in ("traced", "view"):
        layers = Layers()
        with pytest.raises(ad.TracingError, match="others hold too") as caught:
            ad.grad(getattr(layers, method))(X)
        assert "test_outside.py" in str(caught.value)
        np.testing.assert_array_equal(layers.weights, np.ones(3))


def test_an_array_under_two_names_is_one():
    layers = Layers()
    layers.part, layers.every = None, []
    layers.again = layers.weights

    def f(x):
        layers.weights[0] = x[0] ** 2
        return layers.again.sum()

    np.testing.assert_allclose(ad.grad(f)(X), [2 * X[0], 0, 0])
    kept = layers.weights
    with pytest.raises(ad.TracingError, match="others hold too"):
        ad.grad(f)(X)
    assert kept is layers.again


def test_an_argument_that_comes_twice_is_one_array():
    def f(x, a, b):
        a[0] = x[0] ** 2
        return b.sum()

    a = np.zeros(2)
    np.testing.assert_allclose(ad.grad(f)(X, a, a), [2 * X[0], 0, 0])


def test_put_back_after_an_exception():
    def failing(x):
        assert isinstance(WEIGHTS, np.ndarray) and FUNCTIONS["sine"](x[0]) < 1
        raise KeyError("mine")

    for transform in (ad.grad, ad.jit, ad.jacfwd):
        with pytest.raises(KeyError):
            transform(failing)(X)
    assert type(WEIGHTS) is np.ndarray and type(TABLE) is np.ndarray
    assert {"sine": math.sin, "root": np.sqrt} == FUNCTIONS


def test_other_threads_get_plain_arrays():
    stop, wrong = threading.Event(), []

    def reading():
        while not stop.is_set() and not wrong:
            found = [TABLE.copy(), TABLE * 2, TABLE[0], np.concatenate([TABLE, TABLE])]
            found += [TABLE.T @ TABLE, copy.deepcopy(TABLE), pickle.loads(pickle.dumps(TABLE))]
            wrong.extend(type(x) for x in found if type(x) is not np.ndarray)
            if TABLE.sum() != 66.0 or np.linalg.norm(TABLE) ** 2 != pytest.approx(506):
                wrong.append("numbers")

    threads = [threading.Thread(target=reading) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(150):
        ad.grad(lambda x: TABLE.T.dot(x).sum())(X)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_tables_of_functions():
    f = lambda x: FUNCTIONS["sine"](x[0]) + FUNCTIONS["root"](x[1])
    np.testing.assert_allclose(both(f, X), [np.cos(X[0]), 0.5 / np.sqrt(X[1]), 0.0])
    assert FUNCTIONS["sine"] is math.sin and FUNCTIONS["root"] is np.sqrt


@functools.singledispatch
def size(node):
    raise TypeError(type(node).__name__)


@size.register(np.ndarray)
def _(node):
    return np.sum(node**2)


@size.register(float)
def _(node):
    return node**2


def test_functions_that_choose_by_type():
    np.testing.assert_allclose(both(lambda x: size(x), X), 2 * X)
    assert both(lambda x: size(x) * 1.0, 3.0) == 6.0


def test_lists_of_traced_numbers_in_ufuncs():
    np.testing.assert_allclose(
        both(lambda x: np.sum(np.exp([x[0], x[1] ** 2])), X),
        [np.exp(X[0]), 2 * X[1] * np.exp(X[1] ** 2), 0.0],
    )
    np.testing.assert_allclose(both(lambda x: np.add([x[0], x[1]], [1.0, 2.0]).sum(), X), [1, 1, 0])
    np.testing.assert_allclose(
        both(lambda x: np.maximum.reduce([x[0], x[1]]) + np.sum([[x[2], 1.0]] @ x[:2]), X),
        [X[2], 2.0, X[0]],
    )


def test_iterators():
    np.testing.assert_allclose(
        both(lambda x: sum(v * v * i for (i,), v in np.ndenumerate(x)), X), 2 * X * [0, 1, 2]
    )
    np.testing.assert_allclose(both(lambda x: sum(float(v) * v for v in np.nditer(x)), X), 2 * X)
    assert dict(np.ndenumerate(X)) == {(k,): v for k, v in enumerate(X)}


def test_statistics():
    slope = differences
    for f in (
        lambda x: statistics.fmean(x),
        lambda x: statistics.pstdev(list(x)),
        lambda x: statistics.median(x) + statistics.stdev(x),
        lambda x: statistics.correlation(list(x), list(x**2)),
        lambda x: statistics.geometric_mean(x) * statistics.harmonic_mean(x),
    ):
        np.testing.assert_allclose(both(f, X), slope(f, X), rtol=1e-6, atol=1e-8)
    with pytest.raises(statistics.StatisticsError):
        ad.grad(lambda x: statistics.stdev(x[:1]))(X)


def test_functions_that_call_ours():
    f = lambda x: np.sum(np.apply_along_axis(lambda row: np.convolve(row, x), 1, TABLE) ** 2)
    np.testing.assert_allclose(both(f, X), differences(f, X), rtol=1e-6, atol=1e-5)


def test_different_values_under_jit():
    def f(x, t):
        return sum([np.sum(x[t >= u]) * u for u in np.unique(t)])

    jitted = ad.jit(ad.grad(f))
    for t in (np.array([1.0, 2.0, 2.0]), np.array([3.0, 1.0, 2.0]), np.array([5.0, 5.0, 5.0])):
        np.testing.assert_allclose(jitted(X, t), ad.grad(f)(X, t))

    def everything(x):
        values, first, inverse, counts = np.unique(x, True, True, True)
        return values * counts + first, inverse

    unique = ad.jit(everything)
    for x in (np.array([2.0, 1.0, 2.0, np.nan, np.nan]), np.array([1.0, 3.0, 2.0, 0.0, -1.0])):
        for found, wanted in zip(unique(x), everything(x), strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_random_numbers_under_jit():
    seeded = lambda x: np.sum(x * np.random.default_rng(3).normal(size=3))
    np.testing.assert_allclose(both(seeded, X), np.random.default_rng(3).normal(size=3))
    for draw in (
        lambda x: x * np.random.normal(),
        lambda x: x * np.random.default_rng().normal(),
        lambda x: x * GENERATOR.normal(),
    ):
        assert np.isfinite(ad.grad(lambda x, draw=draw: np.sum(draw(x)))(X)).all()
        with pytest.raises(ad.TracingError, match="the same at every call"):
            ad.jit(draw)(X)


# ------------------------------------------------------------------------------ errors as in Python


def test_division_by_zero_where_it_is_handled():
    def f(x):
        try:
            return 1 / (x - 1.0)
        except ZeroDivisionError:
            return 7.0 * x

    assert [both(f, x) for x in (1.0, 2.0, 3.0)] == [7.0, -1.0, -0.25]

    def g(x):
        try:
            return (x - 1.0) ** -1 + x % (x - 1.0)
        except ZeroDivisionError:
            return 5.0 * x

    assert both(g, 1.0) == 5.0
    assert ad.grad(lambda x: 1 / x)(0.0) == -np.inf  # nobody handles it: as NumPy


def test_domains_of_python_s_functions():
    def f(x):
        try:
            return math.log(x - 2)
        except ValueError:
            return x**2

    assert [both(f, x) for x in (1.1, 4.0, 2.0)] == [2.2, 0.5, 4.0]
    with pytest.raises(ValueError, match="math domain error"):
        ad.grad(lambda x: math.sqrt(x))(-1.0)
    with pytest.raises(OverflowError, match="math range error"):
        ad.jit(lambda x: math.exp(x))(1000.0)
    assert math.isnan(ad.jit(lambda x: math.sqrt(x))(math.nan))


def test_domains_in_a_batch_and_inside_other_transforms():
    def f(x):
        try:
            return math.log(x - 2)
        except ValueError:
            return x**2

    np.testing.assert_allclose(ad.vmap(ad.grad(f))(np.array([4.0, 5.0])), [1 / 2, 1 / 3])
    np.testing.assert_allclose(ad.vmap(ad.grad(f))(np.array([1.0, 1.5])), [2.0, 3.0])
    for rows in ([1.0, 4.0], [4.0, 1.0]):
        for transform in (ad.vmap, lambda f: ad.jit(ad.vmap(f))):
            with pytest.raises(ad.TracingError, match="rows disagree"):
                transform(f)(np.array(rows))
    assert ad.grad(ad.jit(f))(1.1) == 2.2 and ad.jit(lambda x: ad.jit(f)(x) * 1.0)(1.0) == 1.0

    def g(x):
        try:
            return 1 / (x - 1.0)
        except ZeroDivisionError:
            return 7.0 * x

    assert ad.grad(ad.jit(g))(1.0) == 7.0
    with pytest.raises(ad.TracingError, match="inside a `try`"):
        ad.fori_loop(0, 2, lambda i, y: f(y), 1.0)


def test_roots_of_negative_numbers_are_complex():
    f = lambda x: (x**0.5).imag if x < 0 else x**0.5
    for x in (4.0, -4.0):
        np.testing.assert_allclose(both(f, x), differences(f, x), rtol=1e-6, atol=1e-7)


# ------------------------------------------------------------------------------- writing elements


def test_elements_written_one_by_one_are_one_operation():
    def f(x):
        y = np.zeros((20, 3))
        y[0] = x
        for i in range(19):
            for j in range(3):
                y[i + 1, j] = y[i, j] * 0.9 + y[i, (j + 1) % 3]
        return np.sum(y**2)

    slope = both(f, X)
    np.testing.assert_allclose(slope, differences(f, X), rtol=1e-6, atol=1e-7)
    graph = str(ad.explain(f, X, stage="graph"))
    assert graph.count("set_slice") + graph.count("scatter_set") <= 1


def test_elements_that_are_written_and_slices_that_are_read_in_between():
    def f(x):
        y = np.zeros(6)
        total = 0.0
        for i in range(6):
            y[i] = x[i % 3] + (y[i - 1] if i else 0.0)
            part = y[: i + 1]
            total = total + part.sum() * part[-1]
            if i == 3:
                part *= 2.0  # the view writes into y
        y[-1], y[0] = y[0], y[-1]
        return total + y @ np.arange(6.0) + np.max(y[1:3])

    np.testing.assert_allclose(both(f, X), differences(f, X), rtol=1e-6, atol=1e-7)


def test_long_programs_are_one_call():
    def f(x):
        y = x * 1.0
        for _ in range(900):
            y = y + 0.01 * np.sin(y)
        return np.sum(y)

    jitted = ad.jit(ad.grad(f))
    np.testing.assert_allclose(jitted(X), ad.grad(f)(X), rtol=1e-12)
    program = jitted.lower(X)
    assert len(program.made().steps) > 1 and program.native() is not None
    np.testing.assert_array_equal(jitted(X), jitted(X))
