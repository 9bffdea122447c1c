"""`jit`: signatures, captured values, methods, decorators, errors, threads, nested transforms."""

import functools
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

import adjoint as ad
from adjoint.front.context import context

X = np.array([1.0, 2.0, 3.0])


def counted(function):
    """How often a function has run, and its compiled form.  (It counts in an iterator: `jit`
    refuses a function that writes.)"""
    steps = itertools.count()

    @functools.wraps(function)
    def call(*args, **kwargs):
        next(steps)
        return function(*args, **kwargs)

    return lambda: int(repr(steps)[len("count(") : -1]), ad.jit(call)


def clean():
    """Whether no transform is left running in this thread."""
    return (context.batches, context.differentiations, context.program, context.captures) == (
        0, 0, None, None,
    )  # fmt: skip


# ---------------------------------------------------------------- signatures


def test_one_recording_for_a_signature():
    runs, fast = counted(lambda x: x * 2.0)
    for value in (1.0, 2.0, -0.0, np.inf):
        assert fast(value) == value * 2.0
    assert runs() == 1
    fast(np.float64(1.0))
    fast(X), fast(X + 1)
    fast(X[:2])
    fast(X.astype(np.float32))
    fast(1j)
    assert runs() == 6


def test_floats_stay_floats_and_dtypes_are_numpys():
    fast = ad.jit(lambda x: x * np.float32(2))
    plain = fast.__wrapped__
    for value in (1.0, np.float64(1), np.float32(1), np.float16(1), 1j, X, X.astype(np.float32)):
        got, wanted = fast(value), plain(value)
        assert type(got) is type(wanted) and np.asarray(got).dtype == np.asarray(wanted).dtype
    double = ad.jit(lambda x: x * 2)
    assert type(double(1.5)) is float and type(double(1.5j)) is complex
    assert type(double(np.arange(3))[0]) is np.int64
    inner = ad.jit(lambda a: a * 2)
    outer = ad.jit(lambda a, v: v * inner(a))
    assert outer(2.0, X.astype(np.float32)).dtype == np.float32
    assert type(ad.jit(lambda a: inner(a))(2.0)) is float


@pytest.mark.parametrize("x", [2.0, np.float64(2), np.array(2.0), np.float32(2)], ids=repr)
def test_numbers_and_arrays_without_axes_stay_apart(x):
    def f(x):
        return np.sum(np.sin(x) * x)

    tools = (
        lambda x: x,
        lambda x: x * 2,
        lambda x: np.reshape(x * 1, (1,)).reshape(()),
        f,
        ad.grad(f),
        ad.jacfwd(f),
        ad.jacrev(f),
        ad.hessian(f),
        ad.grad(ad.grad(f)),
        lambda x: ad.jvp(f, (x,), (x,))[1],
        lambda x: ad.vjp(f, x)[1](f(x) * 0 + 1)[0],
    )
    for k, tool in enumerate(tools):
        wanted = tool(x)
        for got in (ad.jit(tool)(x), ad.jit(ad.jit(tool))(x)):
            assert type(got) is type(wanted), k
            assert got == pytest.approx(wanted)


def test_ints_bools_strings_and_none_belong_to_the_signature():
    def f(x, n, flag, mode, nothing):
        assert nothing is None
        return sum(x**k for k in range(n)) if flag and mode == "s" else x

    runs, fast = counted(f)
    assert fast(2.0, 3, True, "s", None) == 7.0
    assert fast(3.0, 3, True, "s", None) == 13.0
    assert runs() == 1
    assert fast(2.0, 4, True, "s", None) == 15.0
    assert fast(2.0, 4, False, "s", None) == 2.0
    assert fast(2.0, 4, True, "t", None) == 2.0
    assert fast(2.0, True, True, "s", None) == 1.0  # True is not 1
    assert runs() == 5


def test_static_arguments_by_position_and_name():
    def f(x, scale, *, power=2):
        return x**power * (1.0 if scale > 0 else -1.0)  # branches: scale must be static

    for fast in (
        ad.jit(f, static_argnums=1),
        ad.jit(f, static_argnums=(-1,)),
        ad.jit(f, static_argnames="scale"),
        ad.jit(f, static_argnames=("scale", "power")),
    ):
        assert fast(3.0, 2.5) == 9.0
        assert fast(3.0, -2.5) == -9.0
        assert fast(3.0, -2.5, power=1) == -3.0
    assert ad.jit(f, static_argnums=1)(3.0, scale=-1.0) == -9.0
    assert ad.jit(lambda x: x, static_argnums=-1)(x=2.0) == 2.0


def test_static_values_that_python_calls_equal_are_told_apart():
    inverse = ad.jit(lambda x, s: (x, np.divide(1.0, s)), static_argnums=1)
    with np.errstate(divide="ignore"):
        assert inverse(1.0, 0.0)[1] == np.inf
        assert inverse(1.0, -0.0)[1] == -np.inf
    scaled = ad.jit(lambda x, s: x * np.array(s), static_argnums=1)
    assert scaled(np.arange(2), (1, 2)).dtype == np.int64
    assert scaled(np.arange(2), (1.0, 2.0)).dtype == np.float64
    assert scaled(np.arange(2), (True, False)).tolist() == [0, 0]


class Point(NamedTuple):
    a: object
    b: object


@dataclass
class Box:
    inside: object
    label: str = "box"


def test_containers_in_and_out():
    def f(tree, scale=1.0):
        return {"sum": tree["p"].a * scale, "list": [tree["q"][0] + 1, None], "box": tree["box"]}

    tree = {"p": Point(X, 1.0), "q": [2.0], "box": Box(X)}
    got = ad.jit(f)(tree, scale=2.0)
    np.testing.assert_array_equal(got["sum"], 2 * X)
    assert got["list"] == [3.0, None] and type(got["list"][0]) is float
    assert type(got["box"]) is Box and got["box"].label == "box"
    assert not np.shares_memory(got["box"].inside, X)


def test_results_that_are_no_numbers_come_back_as_they_are():
    marker = object()
    got = ad.jit(lambda x: (None, 2.0, 3, "name", marker, x, [True]))(1.0)
    assert got == (None, 2.0, 3, "name", marker, 1.0, [True])
    assert type(got[3]) is str


def test_unusable_arguments():
    with pytest.raises(TypeError, match="object"):
        ad.jit(lambda x: x)(np.array([None]))
    with pytest.raises(TypeError, match="set"):
        ad.jit(lambda x: x)({1, 2})
    with pytest.raises(TypeError, match="function"):
        ad.jit(3.0)


# ---------------------------------------------------------------- what is captured

scale = 2.0
table = np.ones(3)


def test_globals_and_cells_that_change_record_again():
    global scale
    weight = 10.0

    class Callable:
        def __call__(self, x):
            return x * scale

        @ad.jit
        def method(self, x):
            return (lambda v: v * scale)(x)

    item = Callable()
    functions = {
        "global": ad.jit(lambda x: x * scale),
        "comprehension": ad.jit(lambda x: [x * scale for _ in range(2)][-1]),
        "generator": ad.jit(lambda x: sum(x * scale for _ in range(1))),
        "inner": ad.jit(lambda x: (lambda v: v * scale)(x)),
        "partial": ad.jit(functools.partial(lambda one, x: one * x * scale, 1.0)),
        "object": ad.jit(item),
        "method": item.method,
        "grad": ad.jit(ad.grad(lambda x: x * scale)),
        "nested": ad.jit(ad.vmap(ad.grad(lambda x: x * scale))),
        "cell": ad.jit(lambda x: x * scale * weight / 10.0),
    }
    try:
        for scale in (2.0, 3.0):
            for name, fast in functions.items():
                got = fast(np.ones(2))[0] if name == "nested" else fast(1.0)
                assert got == scale, name
        weight = 20.0
        assert functions["cell"](1.0) == 6.0
    finally:
        scale = 2.0


def test_captured_arrays_are_read_at_every_call():
    global table
    local = np.ones(3)
    runs, fast = counted(lambda x: x * local + table)
    np.testing.assert_array_equal(fast(X), X + 1)
    local[:] = 5.0
    np.testing.assert_array_equal(fast(X), 5 * X + 1)
    gradient = ad.jit(ad.grad(lambda x: (x * local * table[:2].sum()).sum()))
    np.testing.assert_array_equal(gradient(X), 10.0 * np.ones(3))
    table[0] = 3.0
    local[1] = -1.0
    np.testing.assert_array_equal(gradient(X), 4.0 * local)
    table = np.zeros(3)
    np.testing.assert_array_equal(fast(X), local * X)
    table = np.ones(3)


def test_an_array_of_the_functions_own_may_be_written_between_uses():
    def f(x):
        buffer, total = np.zeros(3), 0.0
        for k in range(3):
            buffer[k] = k + 1.0
            total = total + x @ buffer
        part = buffer[1:]
        part[0] = 7.0
        return total + (x[1:] * part).sum()

    for fast in (ad.jit(f), ad.jit(f)):
        assert fast(X) == f(X)
        assert fast(X + 1) == f(X + 1)
    np.testing.assert_array_equal(ad.jit(ad.grad(f))(X), ad.grad(f)(X))
    np.testing.assert_array_equal(ad.jit(ad.vmap(f))(np.stack([X, -X])), [f(X), f(-X)])


def test_writing_into_an_array_from_outside_is_an_error():
    outside = np.zeros(3)

    def between(x):
        outside[:] = 1.0
        y = x * outside
        outside[:] = 2.0
        return y + x * outside

    def once(x):
        outside[0] += 1.0
        return x * 2.0

    for f in (between, once):
        with pytest.raises(TypeError, match="wrote into an array from outside"):
            ad.jit(f)(X)
        assert clean()


def test_a_view_that_an_object_holds_is_read_at_every_call():
    class Holder:
        pass

    for make in (lambda: np.arange(6.0)[1:], lambda: np.arange(12.0)[::2], lambda: np.arange(6.0)):
        held = Holder()
        held.weights = make()
        fast = ad.jit(lambda x, held=held: np.sum(held.weights * x))
        for value in (1.0, 7.0, 8.0):
            held.weights[:] = value
            assert fast(1.0) == held.weights.sum()


class Model:
    def __init__(self, weight):
        self.weight = weight
        self.signature = self.program = self.lower = None  # names that `jit` uses itself

    def __call__(self, x):
        return self.weight * x**3

    @ad.jit
    def squared(self, x):
        return self.weight * x * x

    @functools.partial(ad.jit, static_argnames="n")
    def power(self, x, n=2):
        return self.weight * x**n

    @ad.jit(static_argnums=2)
    def branch(self, x, positive):
        return x * self.weight if positive else -x


def test_methods_objects_and_partials():
    two, three = Model(2.0), Model(3.0)
    assert two.squared(3.0) == 18.0 and three.squared(3.0) == 27.0
    assert ad.grad(two.squared)(3.0) == 12.0
    assert ad.grad(two.squared, "x")(3.0) == 12.0
    assert two.power(2.0, n=3) == 16.0 and ad.grad(two.power)(2.0, n=3) == 24.0
    assert two.branch(3.0, True) == 6.0 and two.branch(3.0, False) == -3.0
    assert Model.squared(two, 3.0) == 18.0
    assert ad.jit(two)(3.0) == 54.0 and ad.grad(ad.jit(two))(3.0) == 54.0
    assert ad.jit(two.squared)(3.0) == 18.0
    assert ad.jit(functools.partial(Model.squared, two))(3.0) == 18.0
    assert ad.jit(np.sin)(0.5) == np.sin(0.5)


def test_decorators_with_options_keep_the_name():
    @ad.jit(static_argnames="n")
    def power(x, n):
        """x to the n."""
        return x**n if n > 0 else 0.0

    assert power(2.0, n=1.5) == pytest.approx(2.0**1.5, rel=2 * 2.3e-16, abs=0)  # pow: 2 ulp
    assert power(2.0, n=3.0) == 8.0 and power(2.0, n=-1.5) == 0.0
    assert power.__name__ == "power" and power.__doc__ == "x to the n."


# ---------------------------------------------------------------- errors and leaks


def test_questions_without_an_answer_leave_no_state():
    for question in (float, lambda x: range(x), lambda x: [0.0][x]):
        with pytest.raises(TypeError):
            ad.jit(lambda x, question=question: question(x) and x)(np.float64(1.0))
        assert clean()
    assert ad.jit(lambda x: x if x > 0 else -x)(-1.0) == 1.0
    assert ad.jit(lambda x: np.where(x > 0, x, -x))(-2.0) == 2.0


def boom(x):
    raise KeyError("mine")


@pytest.mark.parametrize("k", range(7))
def test_the_users_exception_leaves_no_state(k):
    attempts = [
        lambda: ad.jit(boom)(1.0),
        lambda: ad.jit(ad.vmap(boom))(X),
        lambda: ad.jit(ad.grad(boom))(1.0),
        lambda: ad.grad(ad.jit(ad.hessian(boom)))(1.0),
        lambda: ad.vmap(ad.jit(boom))(X),
        lambda: ad.jvp(lambda x: ad.vmap(ad.jit(ad.grad(boom)))(x * X), (1.0,), (1.0,)),
        lambda: ad.jit(lambda x: ad.linearize(boom, x))(1.0),
    ]
    with pytest.raises(KeyError, match="mine"):
        attempts[k]()
    assert clean()
    assert ad.jit(ad.grad(lambda x: x * x))(3.0) == 6.0


def test_an_exception_that_the_function_catches():
    def f(x):
        try:
            return ad.grad(boom)(x)
        except KeyError:
            return x**3

    assert ad.jit(f)(2.0) == 8.0 and ad.jit(ad.grad(f))(2.0) == 12.0
    np.testing.assert_array_equal(ad.jit(ad.vmap(ad.grad(f)))(X), 3 * X**2)


def keeper(kept):
    """A generator that keeps what is sent to it, where `jit` does not see it."""
    while True:
        kept.append((yield))


def test_a_traced_value_that_leaks_is_refused():
    kept = []
    keeping = keeper(kept)
    next(keeping)

    @ad.jit
    def leak(x):
        keeping.send(x * 3.0)
        return x

    leak(2.0)
    uses = (
        lambda: ad.jit(lambda x: kept[0])(1.0),
        lambda: ad.jit(lambda x: x * kept[0])(1.0),
        lambda: ad.grad(lambda x: x * kept[0])(1.0),
        lambda: ad.value_and_grad(lambda x: kept[0])(1.0),
        lambda: ad.grad(lambda x: x)(kept[0]),
        lambda: ad.vmap(lambda x: kept[0])(X),
        lambda: kept[0] * 2.0,
        lambda: float(kept[0]),
    )
    for use in uses:
        with pytest.raises(ad.TracingError):
            use()
        assert clean()


def test_captured_traced_values_are_not_kept_for_another_trace():
    class Layer:
        @ad.jit
        def __call__(self, x):
            return x * self.weight

    layer = Layer()

    def loss(w):
        layer.weight = w * w
        return layer.__call__(3.0)

    assert ad.grad(loss)(2.0) == 12.0
    assert ad.grad(loss)(5.0) == 30.0
    np.testing.assert_array_equal(ad.vmap(ad.grad(loss))(X), 6 * X)
    with pytest.raises(ad.TracingError, match="changed the attribute `weight` of a `Layer`"):
        ad.jit(ad.grad(loss))(5.0)


# ---------------------------------------------------------------- with the other transforms


def test_every_order_of_three_transforms():
    def f(x):
        return np.sin(x) * x

    tools = {
        "jit": ad.jit,
        "grad": lambda g: lambda x: ad.grad(g)(x),
        "jvp": lambda g: lambda x: ad.jvp(g, (x,), (1.0,))[1],
        "vmap": lambda g: lambda x: ad.vmap(g)(np.ones(2) * x)[1],
        "linearize": lambda g: lambda x: ad.linearize(g, x)[1](1.0),
    }
    wanted = [
        lambda x: np.sin(x) * x,
        lambda x: np.cos(x) * x + np.sin(x),
        lambda x: 2 * np.cos(x) - np.sin(x) * x,
        lambda x: -3 * np.sin(x) - np.cos(x) * x,
    ]
    for names in itertools.product(tools, repeat=3):
        g = f
        for name in names:
            g = tools[name](g)
        order = sum(name in ("grad", "jvp", "linearize") for name in names)
        assert g(0.7) == pytest.approx(wanted[order](0.7), rel=1e-12), names


def test_vmap_of_jit_and_jit_of_vmap_without_rows():
    for f in (ad.vmap(ad.jit(lambda x: x * 2)), ad.jit(ad.vmap(lambda x: x * 2))):
        assert f(np.zeros((0, 3))).shape == (0, 3)


def test_closures_over_traced_values():
    def f(x):
        inner = ad.jit(lambda y: x * y * y)
        return inner(x) + ad.grad(inner)(x)  # x**3 + 2 x**2

    assert ad.grad(f)(2.0) == 20.0
    assert ad.jit(ad.grad(f))(2.0) == 20.0
    np.testing.assert_array_equal(ad.vmap(ad.grad(f))(X), 3 * X**2 + 4 * X)
    assert ad.jvp(ad.jit(ad.grad(ad.jit(f))), (2.0,), (1.0,))[1] == 16.0


def test_threads():
    fast = ad.jit(ad.value_and_grad(lambda x, w: np.sum(np.tanh(x * w) ** 2)))
    plain = ad.value_and_grad(lambda x, w: np.sum(np.tanh(x * w) ** 2))
    wanted = {n: plain(np.ones(n), 0.5) for n in range(1, 9)}
    failures = []

    def work(n):
        try:
            for _ in range(30):
                value, gradient = fast(np.ones(n), 0.5)
                np.testing.assert_allclose(value, wanted[n][0])
                np.testing.assert_allclose(gradient, wanted[n][1])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_traced_value_handed_to_another_thread():
    def f(x):
        with ThreadPoolExecutor(2) as pool:
            return sum(pool.map(np.sin, [x, 2 * x]))

    assert ad.grad(f)(1.0) == pytest.approx(np.cos(1.0) + 2 * np.cos(2.0))
    assert ad.jvp(f, (1.0,), (1.0,))[1] == pytest.approx(np.cos(1.0) + 2 * np.cos(2.0))
    with pytest.raises(ad.TracingError, match="another thread"):
        ad.jit(f)(1.0)
    with pytest.raises(ad.TracingError, match="another thread"):
        ad.vmap(f)(X)


# ---------------------------------------------------------------- simplification


SPECIAL = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.5, -2.0])
EXPRESSIONS = (
    lambda x: x * 0, lambda x: x - x, lambda x: x * 1, lambda x: 1 * x, lambda x: x / 1,
    lambda x: x + 0, lambda x: x + 0.0, lambda x: 0 - x, lambda x: -np.negative(x), lambda x: x**1,
    lambda x: x**0, lambda x: x * 1.0, lambda x: x * np.float64(1.0), lambda x: x / x,
    lambda x: np.float32(2) * 3.0 + x * 0, lambda x: (1 / x, 1 / -x, 1 / (x * 1)),
    lambda x: (np.float64(1) * 2.0 * x, 2**0.5 * x, (1 + 2j) * x),
    lambda x: np.reshape(np.transpose(np.reshape(x, (-1, 1))), (-1,)),
    lambda x: np.sum(x, axis=()),
)  # fmt: skip


def identical(a, b):
    """Type, dtype, shape and bits (any NaN for any NaN)."""
    if isinstance(b, tuple):
        return all(identical(p, q) for p, q in zip(a, b, strict=True))
    u, v = np.asarray(a), np.asarray(b)
    # `complex * np.float64` is Python's complex number; compiled it is NumPy's, which is one too.
    same_type = type(a) is type(b) or (type(a), type(b)) == (np.complex128, complex)
    same_type = same_type and u.dtype == v.dtype and u.shape == v.shape
    return same_type and np.array_equal(u, v, equal_nan=True) and bool(
        (np.signbit(u.real) == np.signbit(v.real)).all()
    )  # fmt: skip


@pytest.mark.parametrize("k", range(len(EXPRESSIONS)))
def test_simplification_changes_no_bit_and_no_type(k):
    f = EXPRESSIONS[k]
    values = [
        SPECIAL, SPECIAL.astype(np.float32), SPECIAL.astype(np.float16), SPECIAL + 0j,
        np.arange(7), *SPECIAL, *SPECIAL.astype(np.float32), *map(float, SPECIAL),
    ]  # fmt: skip
    with np.errstate(all="ignore"):
        for x in values:
            try:
                wanted = f(x)
            except ZeroDivisionError:
                continue
            assert identical(ad.jit(f)(x), wanted), x
            assert identical(ad.jit(ad.jit(f))(x), wanted), x


def test_a_pullback_that_outlives_its_program():
    kept = []
    keeping = keeper(kept)
    next(keeping)

    def leaking(x):
        value, pullback = ad.vjp(np.sin, x)
        keeping.send(pullback)
        return value * pullback(1.0)[0]

    assert ad.jit(leaking)(0.5) == pytest.approx(np.sin(0.5) * np.cos(0.5))
    with pytest.raises(ad.TracingError, match="`jit` that made it had ended"):
        kept[0](1.0)
