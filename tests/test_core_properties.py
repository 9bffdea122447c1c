"""Properties of the core: random programs, nested transforms, masks, memory, aliasing, threads.

Every property compares two independent ways: forward with reverse mode, a transform with a loop,
a nesting with SymPy, `jit` with the function itself.  `pytest -m slow` runs the larger variants.
"""

import gc
import itertools
import random
import threading
import weakref

import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import adjoint as ad
from adjoint.front.context import context

settings.register_profile(
    "derandomized", derandomize=True, deadline=None, max_examples=40, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
QUICK = settings.get_profile("derandomized")
THOROUGH = settings(QUICK, max_examples=400)
X = np.array([1.0, 2.0, 3.0])


def clean():
    """Whether no transform is left running in this thread."""
    return (context.batches, context.differentiations, context.program, context.captures) == (
        0, 0, None, None,
    )  # fmt: skip


# ---------------------------------------------------------------- random programs

UNARY = {
    "sin": np.sin,
    "tanh": np.tanh,
    "exp": lambda a: np.exp(-a * a),
    "sqrt": lambda a: np.sqrt(a * a + 1.0),
    "neg": lambda a: -a,
    "square": lambda a: a**2,
    "reverse": lambda a: a[::-1],
    "roll": lambda a: np.concatenate([a[1:], a[:1]]),
    "gather": lambda a: a[np.array([2, 0, 0])],
    "where": lambda a: np.where(a > 0.3, a * a, np.sin(a)),
    "masked": lambda a: np.where(a > 0, np.sqrt(np.where(a > 0, a, 1.0)), a),
    "mean": lambda a: a - np.mean(a),
    "outer": lambda a: (a[:, None] * a[None, :]) @ a,
    "reshape": lambda a: np.transpose(np.reshape(np.stack([a, 2 * a]), (3, 2)))[1],
    "mixed": lambda a: np.stack([a[0] * a[1], a[1] * 0.5, np.sum(a)]),
    "inner derivative": lambda a: ad.grad(lambda b: np.sum(np.sin(b) * a))(a * 0.5),
    "inner forward": lambda a: ad.jvp(lambda b: b * a * a, (np.cos(a),), (a,))[1],
    "inner rows": lambda a: ad.vmap(lambda b: np.sin(b * a[0]))(a),
}
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - 0.5 * b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (b * b + 1.5),
    "pow": lambda a, b: (a * a + 0.5) ** np.tanh(b),
    "maximum": lambda a, b: np.maximum(a, b + 0.01),
    "scalar": lambda a, b: a * np.sum(b) + b[0],
    "dot": lambda a, b: np.stack([a @ b, a[1], b[2]]),
}


@st.composite
def programs(draw, size=6):
    """A straight-line program: each line reads any earlier values, so values are shared."""
    lines = []
    for k in range(1, draw(st.integers(2, size)) + 1):
        recent = st.integers(max(0, k - 3), k - 1)
        if draw(st.booleans()):
            lines.append((draw(st.sampled_from(sorted(UNARY))), draw(recent)))
        else:
            lines.append((draw(st.sampled_from(sorted(BINARY))), draw(recent), draw(recent)))
    return lines


def run(lines, x):
    """The program on an array of 3 (some lines are transforms of their own)."""
    values = [x]
    for name, *places in lines:
        chosen = UNARY.get(name) or BINARY[name]
        found = chosen(*[values[k] for k in places])
        values.append(2.0 * np.tanh(0.5 * found))  # bounded: the comparison stays well conditioned
    return values[-1] + 0.5 * values[-2]


def agree(got, wanted, what=""):
    np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-8, err_msg=str(what))


def check_program(lines, order3):
    def f(x):
        return run(lines, x)

    def total(x):
        return np.sum(np.sin(f(x)))

    x, v = np.array([0.7, -0.4, 1.3]), np.array([0.3, 1.0, -0.5])
    jacobian = ad.jacfwd(f)(x)
    step = 1e-6
    numeric = (f(x + step * v) - f(x - step * v)) / (2 * step)
    np.testing.assert_allclose(jacobian @ v, numeric, rtol=2e-4, atol=2e-4)
    agree(ad.jacrev(f)(x), jacobian)
    agree(ad.jvp(f, (x,), (v,))[1], jacobian @ v)
    agree(ad.vjp(f, x)[1](v)[0], v @ jacobian)
    agree(ad.linearize(f, x)[1](v), jacobian @ v)
    agree(ad.jit(f)(x), f(x))
    agree(ad.jit(ad.jacrev(f))(x), jacobian)
    agree(ad.jacfwd(ad.jit(f))(x), jacobian)
    rows = np.stack([x, x[::-1], 0.5 * x])
    agree(ad.vmap(f)(rows), np.stack([f(r) for r in rows]))
    agree(ad.vmap(ad.jacrev(f))(rows), np.stack([ad.jacfwd(f)(r) for r in rows]))
    agree(ad.jit(ad.vmap(ad.grad(total)))(rows), np.stack([ad.grad(total)(r) for r in rows]))
    hessian = ad.hessian(total)(x)
    agree(hessian, hessian.T)
    agree(ad.jacrev(ad.jacfwd(total))(x), hessian)
    agree(ad.jacrev(ad.grad(total))(x), hessian)
    agree(ad.hvp(total, (x,), (v,)), hessian @ v)
    agree(ad.grad(lambda y: ad.jvp(total, (y,), (v,))[1])(x), hessian @ v)
    agree(ad.jit(ad.hessian(total))(x), hessian)
    agree(ad.vmap(ad.hessian(total))(rows)[0], hessian)
    if order3:
        third = ad.jacfwd(ad.hessian(total))(x)
        agree(ad.jacrev(ad.jacrev(ad.grad(total)))(x), third)
        agree(third, np.moveaxis(third, 0, 2))


@QUICK
@given(programs())
def test_random_programs(lines):
    check_program(lines, order3=False)


@pytest.mark.slow
@THOROUGH
@given(programs(size=9))
def test_many_random_programs(lines):
    check_program(lines, order3=True)


@QUICK
@given(programs(size=4), st.sampled_from([np.float32, np.complex128, np.complex64]))
def test_random_programs_in_other_dtypes(lines, dtype):
    lines = [line for line in lines if line[0] in ("sin", "neg", "square", "reverse", "roll",
             "gather", "outer", "reshape", "mean", "exp")] or [("sin", 0)]  # fmt: skip
    lines = [(name, k) for k, (name, *_) in enumerate(lines)]

    def f(x):
        values = [x]
        for name, place in lines:
            values.append(UNARY[name](values[place]))
        return values[-1]

    x = np.array([0.7, -0.4, 1.3]).astype(dtype)
    holomorphic = np.dtype(dtype).kind == "c"
    if holomorphic:
        x = x + dtype(0.2j)
    forward = ad.jacfwd(f, holomorphic=holomorphic)(x)
    backward = ad.jacrev(f, holomorphic=holomorphic)(x)
    assert forward.dtype == backward.dtype == f(x).dtype == dtype
    single = np.finfo(dtype).eps > 1e-10
    scale = 1.0 + np.abs(forward).max()
    np.testing.assert_allclose(forward / scale, backward / scale, atol=1e-5 if single else 1e-12)
    assert ad.jit(f)(x).dtype == ad.vmap(f)(x[None]).dtype == dtype


# ---------------------------------------------------------------- nestings against SymPy

DERIVATIVES = {
    "grad": lambda f: lambda x: ad.grad(f)(x),
    "jvp": lambda f: lambda x: ad.jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: ad.vjp(f, x)[1](1.0)[0],
    "linearize": lambda f: lambda x: ad.linearize(f, x)[1](1.0),
    "jacfwd": lambda f: lambda x: ad.jacfwd(f)(x),
    "jacrev": lambda f: lambda x: ad.jacrev(f)(x),
    # the pullback of a pullback is the forward derivative
    "double": lambda f: lambda x: ad.vjp(lambda c: ad.vjp(f, x)[1](c)[0], 1.0)[1](1.0)[0],
    "tangent": lambda f: lambda x: ad.grad(lambda t: ad.linearize(f, x)[1](t))(1.0),
}
OTHERS = {
    "jit": lambda f: lambda x: ad.jit(f)(x),
    "vmap": lambda f: lambda x: ad.vmap(f)(np.ones(2) * x)[0],
}
TWICE = {"hessian": lambda f: lambda x: ad.hessian(f)(x)}
TOOLS = DERIVATIVES | OTHERS | TWICE


def order_of(name):
    return 2 if name in TWICE else 1 if name in DERIVATIVES else 0


def nested(transforms, half):
    """At each depth a function of its own variable that reads all outer ones."""

    def level(depth, outer):
        def body(x):
            product = x
            for value in outer:
                product = product * value + x
            if depth == len(transforms) - 1:
                return x**3 * product * product
            inside = level(depth + 1, [*outer, x])
            return x * inside(x + half) + product * product

        return transforms[depth](body)

    return level(0, [])


def symbolic(order):
    """The SymPy transform that differentiates so many times."""

    def transform(f):
        def call(x):
            v = sympy.Dummy()
            return sympy.diff(sympy.expand(f(v)), v, order).subs(v, x) if order else f(x)

        return call

    return transform


KNOWN = {}


def check_nesting(names):
    orders = tuple(order_of(name) for name in names)
    if orders not in KNOWN:
        found = nested([symbolic(k) for k in orders], sympy.Rational(1, 2))
        KNOWN[orders] = float(found(sympy.Rational(7, 10)))
    got = nested([TOOLS[name] for name in names], 0.5)(0.7)
    assert float(got) == pytest.approx(KNOWN[orders], rel=1e-10), names
    assert clean()


@pytest.mark.parametrize("first", sorted(TOOLS))
def test_every_nesting_to_depth_two(first):
    check_nesting([first])
    for second in TOOLS:
        check_nesting([first, second])


def test_some_nestings_of_depth_three_and_four():
    chooser = random.Random(1)
    for depth in (3, 3, 3, 4):
        for _ in range(25):
            check_nesting(chooser.choices(sorted(TOOLS), k=depth))


@pytest.mark.slow
@pytest.mark.parametrize("first", sorted(TOOLS))
def test_every_nesting_of_depth_three(first):
    for rest in itertools.product(TOOLS, repeat=2):
        check_nesting([first, *rest])


# ---------------------------------------------------------------- what outlives a transform


def test_pullbacks_take_traced_cotangents_after_the_transform_ended():
    _, pullback = ad.vjp(np.sin, 1.0)
    _, pushforward = ad.linearize(np.sin, 1.0)
    for linear in (lambda c: pullback(c)[0], pushforward):
        slope = np.cos(1.0)
        assert ad.grad(lambda c, linear=linear: linear(c * c))(2.0) == pytest.approx(4 * slope)
        assert ad.jvp(lambda c, linear=linear: linear(c * c), (2.0,), (1.0,))[1] == pytest.approx(
            4 * slope
        )
        assert ad.hessian(lambda c, linear=linear: linear(c * c))(2.0) == pytest.approx(2 * slope)
        assert ad.jit(ad.grad(lambda c, linear=linear: linear(c * c)))(2.0) == pytest.approx(
            4 * slope
        )
        np.testing.assert_allclose(ad.vmap(linear)(X), slope * X)
        np.testing.assert_allclose(
            ad.vmap(ad.grad(lambda c, linear=linear: linear(c * c)))(X), 2 * slope * X
        )
        assert [linear(k) for k in (1.0, 2.0)] == pytest.approx([slope, 2 * slope])


@pytest.mark.parametrize("outer", ["grad", "vjp", "linearize", "jvp", "hessian"])
def test_a_pullback_made_inside_a_transform_is_a_plain_one_afterwards(outer):
    kept = []

    def f(x):
        value, pullback = ad.vjp(lambda y: np.sin(y) * x, x * 2)
        kept.append((pullback, ad.linearize(lambda y: np.sin(y) * x, x * 2)[1]))
        return value

    {
        "grad": lambda: ad.grad(f)(3.0),
        "vjp": lambda: ad.vjp(f, 3.0)[1](1.0),
        "linearize": lambda: ad.linearize(f, 3.0)[1](1.0),
        "jvp": lambda: ad.jvp(f, (3.0,), (1.0,)),
        "hessian": lambda: ad.hessian(f)(3.0),
    }[outer]()
    slope = 3.0 * np.cos(6.0)
    for linear in (lambda c: kept[-1][0](c)[0], kept[-1][1]):
        assert linear(1.0) == pytest.approx(slope)
        assert not isinstance(linear(1.0), ad.front.trace.Tensor)
        assert ad.grad(lambda c, linear=linear: linear(c * c))(2.0) == pytest.approx(4 * slope)
        np.testing.assert_allclose(ad.vmap(linear)(X), slope * X)


def test_pullbacks_in_threads():
    _, pullback = ad.vjp(lambda x: np.sin(x) * X, X)
    found, failures = [None] * 8, []

    def work(k):
        try:
            for _ in range(20):
                found[k] = pullback(np.full(3, k + 1.0))[0]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for k in range(8):
        np.testing.assert_allclose(found[k], (k + 1) * np.cos(X) * X)


def test_tensors_kept_from_an_ended_trace_are_values():
    kept = []

    def f(x):
        kept.append(x * 2.0)
        return x * kept[0] * kept[-1] if len(kept) < 3 else x * kept[-1]

    assert ad.grad(f)(3.0) == 3 * 4 * 9.0  # x * 2x * 2x: kept in the same call
    stored = kept[0]
    assert float(stored) == 6.0
    assert ad.grad(lambda x: x * stored)(2.0) == 6.0
    assert type(ad.grad(lambda x: x * stored)(2.0)) is float
    assert ad.value_and_grad(lambda x: stored)(2.0) == (6.0, 0.0)
    assert ad.grad(lambda x: x * x)(stored) == 12.0
    assert ad.hessian(lambda x: x * x * stored)(2.0) == 12.0
    assert ad.jit(lambda x: x * stored)(2.0) == 12.0
    np.testing.assert_array_equal(ad.vmap(lambda x: x * stored)(X), 6 * X)
    np.testing.assert_array_equal(ad.vmap(lambda x: stored, out_axes=None)(X), 6.0)
    assert not isinstance(stored * 2.0, ad.front.trace.Tensor)


def test_rows_kept_from_an_ended_vmap_are_refused():
    kept = []
    ad.vmap(lambda x: kept.append(x) or x)(X)
    for use in (
        lambda: ad.vmap(lambda x: x * kept[0])(X + 10),
        lambda: ad.vmap(lambda x: kept[0])(X + 10),
        lambda: ad.grad(lambda x: x * kept[0])(1.0),
        lambda: ad.value_and_grad(lambda x: kept[0])(1.0),
        lambda: ad.vmap(ad.grad(lambda x: x * kept[0]))(X),
        lambda: kept[0] + 1.0,
    ):
        with pytest.raises(ad.TracingError, match="vmap"):
            use()
        assert clean()


# ---------------------------------------------------------------- integers inside


def test_no_derivative_flows_through_integers_in_either_mode():
    for f in (
        lambda x: x.astype(int) * 1.0,
        lambda x: (x * 3).astype(int) * x,
        lambda x: np.max((x * 3).astype(int)) * x,
        lambda x: np.var(x.astype(int)) * x,
        lambda x: np.linalg.det((np.outer(x, x) + np.eye(3)).astype(int)) * x,
        lambda x: np.logaddexp.reduce((x * 3).astype(int)) * x,
    ):
        forward, backward = ad.jacfwd(f)(X), ad.jacrev(f)(X)
        np.testing.assert_allclose(forward, backward)
        agree(ad.jit(ad.jacfwd(f))(X), backward)


# ---------------------------------------------------------------- masks

SINGULAR = {
    "sum": lambda x: np.where(x > 0, np.sqrt(x), 0.0),
    "reshape": lambda x: np.where(x.reshape(2, 1) > 0, np.sqrt(x).reshape(2, 1), 0.0),
    "slice": lambda x: np.where(x[::-1] > 0, np.sqrt(x)[::-1], 0.0),
    "at": lambda x: np.where(x[0] > 0, np.sqrt(x)[0], 0.0) + x[1],
    "gather": lambda x: np.where(x > 0, np.sqrt(x)[[0, 1]], 0.0),
    "take twice": lambda x: np.where(x[[0, 0, 1]] > 0, np.sqrt(x)[[0, 0, 1]], 0.0),
    "broadcast": lambda x: np.where((x > 0)[:, None], np.sqrt(x)[:, None] * np.ones((2, 3)), 0.0),
    "broadcast mask": lambda x: np.where(
        (x > 0)[:, None], np.broadcast_to(np.sqrt(x)[:, None], (2, 3)), 0.0
    ),
    "concatenate": lambda x: np.where(
        np.concatenate([x, x]) > 0, np.concatenate([np.sqrt(x), np.log(x)]), 0.0
    ),
    "stack": lambda x: np.where(np.stack([x, x], 1) > 0, np.stack([np.sqrt(x), np.log(x)], 1), 0.0),
    "transpose": lambda x: np.where(x[None, :] > 0, np.transpose(np.sqrt(x[:, None])), 0.0),
    "nested": lambda x: np.where(x > 0, np.where(x > 1, np.sqrt(x), 1 / x), 0.0),
    "two paths": lambda x: (
        lambda s: np.where(x > 0, s, 0.0) + np.where(x > 1, s * s, 0.0)
    )(np.sqrt(x)),
    "chain": lambda x: np.where(x > 0, np.log(np.sqrt(x) * np.sin(x)), 0.0),
    "power": lambda x: np.where(x > 0, x**0.5 + x**-1.5, 0.0),
    "roll": lambda x: np.where(np.roll(x, 1) > 0, np.roll(np.sqrt(x), 1), 0.0),
    "repeat": lambda x: np.where(np.repeat(x, 2) > 0, np.repeat(np.sqrt(x), 2), 0.0),
    "cumsum": lambda x: np.cumsum(np.where(x > 0, np.sqrt(x), 0.0)),
    "scalar": lambda x: np.where(x[0] > 0, 1 / x[0], 0.0) + x[1] ** 2,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the branch that is not taken
@pytest.mark.parametrize("name", sorted(SINGULAR))
def test_where_around_a_singular_branch(name):
    def f(x):
        return np.sum(SINGULAR[name](x) * 1.5)

    z, near = np.array([0.0, 4.0]), np.array([-1.0, 4.0])  # -1: far from the singularity
    tools = [
        ad.grad(f), ad.jacfwd(f), ad.hessian(f), ad.jacrev(ad.grad(f)), ad.jacfwd(ad.hessian(f)),
        ad.jacrev(ad.jacrev(ad.grad(f))),
    ]  # fmt: skip
    for first, second in ((0, 1), (2, 3), (4, 5)):
        got = tools[first](z)
        assert np.isfinite(got).all()
        agree(tools[second](z), got)
        agree(ad.jit(tools[second])(z), got)
        agree(ad.vmap(tools[second])(np.stack([near, z]))[1], got)
        agree(ad.vmap(tools[first])(np.stack([z, near]))[1], tools[second](near))


# ---------------------------------------------------------------- aliasing and results


def shares(values):
    """Whether any two of the arrays share memory."""
    return any(np.shares_memory(a, b) for i, a in enumerate(values) for b in values[:i])


def test_results_and_aux_are_the_users_own():
    outside = np.ones(3)

    def f(x):
        column = np.reshape(x, (3, 1))
        return x, x, x[::-1], column, outside, outside[1:], np.broadcast_to(x, (2, 3))

    value, pullback = ad.vjp(f, X)
    for results in (ad.jit(f)(X), value, ad.linearize(f, X)[0], ad.vmap(f)(np.stack([X, X]))):
        assert not shares([*results, X, outside])
        assert all(r.flags.writeable for r in results)
    for result in value:
        result[...] = 100.0
    np.testing.assert_array_equal(
        pullback(tuple(np.ones_like(v) for v in value))[0], np.full(3, 6.0)
    )

    def with_aux(x):
        return np.sum(x * x), {"x": x, "outside": outside, "none": None, "text": "a", "y": x * 2}

    for aux in (
        ad.grad(with_aux, has_aux=True)(X)[1],
        ad.value_and_grad(with_aux, has_aux=True)(X)[0][1],
        ad.jacobian(with_aux, has_aux=True)(X)[1],
        ad.hessian(with_aux, has_aux=True)(X)[1],
        ad.vjp(with_aux, X, has_aux=True)[2],
        ad.linearize(with_aux, X, has_aux=True)[2],
        ad.jvp(with_aux, (X,), (X,), has_aux=True)[2],
    ):
        assert aux["none"] is None and aux["text"] == "a"
        assert type(aux["x"]) is type(aux["y"]) is np.ndarray
        assert not shares([aux["x"], aux["y"], aux["outside"], outside, X])
    value, pullback, aux = ad.vjp(with_aux, X, has_aux=True)
    aux["x"][:] = 100.0
    np.testing.assert_array_equal(pullback(1.0)[0], 2 * X)


def test_the_same_array_in_several_arguments():
    w = np.ones(2)
    a, b = ad.grad(lambda a, b: np.sum(a * b**2), (0, 1))(w, w)
    np.testing.assert_array_equal([a, b], [[1, 1], [2, 2]])
    tree = ad.grad(lambda d: np.sum(d["a"] * d["b"] ** 2))({"a": w, "b": w})
    np.testing.assert_array_equal(tree["b"], [2, 2])
    assert not shares([tree["a"], tree["b"], a, b, w])


def test_one_cotangent_for_two_inputs_is_not_added_to_in_place():
    def f(x, y):
        total = x + y  # both inputs get the same cotangent array
        return np.sum(total * X) + np.sum(x[:2]) + np.sum(x) + y[0] + np.sum(x[::2])

    gx, gy = ad.grad(f, (0, 1))(X, X)
    np.testing.assert_array_equal(gx, X + [3, 2, 2])
    np.testing.assert_array_equal(gy, X + [1, 0, 0])
    given = np.ones(3)
    pullback = ad.vjp(lambda x: (x, x[:2], x), X)[1]
    np.testing.assert_array_equal(pullback((given, given[:2], given))[0], [3, 3, 2])
    np.testing.assert_array_equal(given, 1.0)


@pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy array")  # since NumPy 2.5
def test_arrays_written_between_uses():
    def f(x):
        a = np.ones(3)
        y = x * a
        a[:] = 5.0
        z = np.sum(y * x * a)
        a[:] = 9.0
        return z

    np.testing.assert_array_equal(ad.grad(f)(X), 10 * X)
    np.testing.assert_array_equal(ad.hessian(f)(X), 10 * np.eye(3))
    np.testing.assert_array_equal(ad.vmap(ad.grad(f))(np.stack([X, -X])), [10 * X, -10 * X])
    np.testing.assert_array_equal(ad.jit(ad.grad(f))(X), 10 * X)

    def turned(x):
        a = np.arange(4.0)
        y = np.sum(x * a)
        a.shape = (2, 2)
        return y + np.sum(x.reshape(2, 2) * a)

    np.testing.assert_array_equal(ad.grad(turned)(np.ones(4)), 2 * np.arange(4.0))

    def constant(x):
        held = ad.stop_gradient(x)
        y = np.sum(x * x)
        held[:] = 100.0
        return y + np.sum(held)

    np.testing.assert_array_equal(ad.grad(constant)(X), 2 * X)


# ---------------------------------------------------------------- arguments and answers


def test_argnums_that_name_an_argument_twice_or_none():
    for argnums in ((0, 0), (0, -2), ("x", 0), (), []):
        for transform in (ad.grad, ad.jacfwd, ad.jacrev, ad.hessian):
            with pytest.raises(TypeError, match=r"twice|no argument"):
                transform(lambda x, y: x * x * y, argnums)(3.0, 2.0)
    with pytest.raises(TypeError, match="no argument 'rest'"):
        ad.grad(lambda x, *rest: x * sum(rest), "rest")(1.0, 2.0)
    assert ad.grad(np.sin)(0.0) == 1.0
    with pytest.raises(TypeError, match="no argument 'nothing'"):
        ad.grad(abs, "nothing")(1.0)


def test_tangents_must_be_a_tuple():
    with pytest.raises(TypeError, match="tuple or list"):
        ad.jvp(np.sin, (1.0,), 1.0)


def test_none_among_mapped_arguments():
    for axes in (0, (0, None), (0, 0), [0, None]):
        got = ad.vmap(lambda x, nothing: x * 2 if nothing is None else x, in_axes=axes)(X, None)
        np.testing.assert_array_equal(got, 2 * X)
    got = ad.vmap(lambda d, s: d["a"] * s, in_axes=({"a": 0, "b": None}, None))(
        {"a": X, "b": None}, 2.0
    )
    np.testing.assert_array_equal(got, 2 * X)


def test_results_of_vmap_must_be_numbers():
    with pytest.raises(TypeError, match="returned a str"):
        ad.vmap(lambda x: ("a", x))(X)
    with pytest.raises(ValueError, match="out_axes=5"):
        ad.vmap(lambda x: 2.0, out_axes=5)(X)


def test_lists_as_operands():
    np.testing.assert_array_equal(ad.grad(lambda x: np.sum(x * [1.0, 2.0, 3.0]))(X), X)
    np.testing.assert_array_equal(ad.grad(lambda x: np.sum([1.0, 2.0, 3.0] - x))(X), -np.ones(3))
    np.testing.assert_array_equal(ad.grad(lambda x: np.sum(x - [x[0], 2.0, x[1]]))(X), [0, 0, 1])
    assert ad.grad(lambda x: np.sum(np.multiply(x, [1.0, 2.0, 3.0])))(2.0) == 6.0
    np.testing.assert_array_equal(ad.jit(lambda x: (1, 2, 3) + x)(X), X + [1, 2, 3])
    np.testing.assert_array_equal(ad.vmap(lambda x: x * [1, 2, 3])(X), np.outer(X, [1, 2, 3]))


@pytest.mark.parametrize("size", [0, 1])
def test_batches_and_arguments_of_extent_zero_and_one(size):
    rows = np.ones((size, 3))
    assert ad.vmap(ad.grad(lambda x: np.sum(np.sin(x))))(rows).shape == (size, 3)
    assert ad.vmap(ad.hessian(lambda x: np.sum(x**3)))(rows).shape == (size, 3, 3)
    assert ad.vmap(ad.jit(lambda x: x * 2))(rows).shape == (size, 3)
    x = np.ones(size)
    for transform in (ad.jacfwd, ad.jacrev, ad.jacobian):
        assert transform(lambda x: x * 2)(x).shape == (size, size)
        assert transform(np.sum)(x).shape == (size,)
        assert transform(lambda x, y: x * 2, (0, 1))(x, 3.0)[1].shape == (size,)
    assert ad.hessian(lambda x: np.sum(x**2))(x).shape == (size, size)
    assert ad.grad(lambda x: np.sum(x**2))(np.ones((2, size))).shape == (2, size)


def layouts():
    """The same numbers in every memory layout."""
    base = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    readonly = base.copy()
    readonly.flags.writeable = False
    wide = np.repeat(np.repeat(base, 2, 0), 3, 1)
    return {
        "C": base, "F": np.asfortranarray(base), "strided": wide[::2, ::3],
        "reversed": base[::-1, ::-1].copy()[::-1, ::-1], "read-only": readonly,
        "broadcast": np.broadcast_to(2.0, (2, 3)), "big-endian": base.astype(">f8"),
        "float16": base.astype(np.float16), "float32": base.astype(np.float32),
        "longdouble": base.astype(np.longdouble), "0-d": np.array(2.0), "empty": np.zeros((0, 3)),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(layouts()))
def test_every_memory_layout(name):
    x = layouts()[name]
    before = x.copy()

    def f(x):
        return np.sum(np.sin(x) * x)

    wanted = np.cos(x) * x + np.sin(x)
    tolerance = 1e-2 if x.dtype == np.float16 else 1e-6
    for transform in (ad.grad, ad.jacfwd, ad.jacrev, lambda f: ad.jit(ad.grad(f)),
                      lambda f: ad.grad(ad.jit(f))):  # fmt: skip
        got = transform(f)(x)
        assert got.shape == x.shape
        assert got.dtype.newbyteorder("=") == x.dtype.newbyteorder("=")
        assert type(got) is np.ndarray and got.flags.writeable
        np.testing.assert_allclose(got, wanted, rtol=tolerance)
    np.testing.assert_array_equal(x, before)


# ---------------------------------------------------------------- exceptions, memory, long chains


def boom(x):
    raise KeyError("mine")


def test_exceptions_in_nested_transforms_leave_no_state():
    for attempt in (
        lambda: ad.grad(boom)(1.0),
        lambda: ad.vmap(ad.grad(boom))(X),
        lambda: ad.jvp(lambda x: ad.hessian(boom)(x), (1.0,), (1.0,)),
        lambda: ad.linearize(lambda x: ad.vmap(ad.vjp)(boom, x), 1.0),
        lambda: ad.jacobian(lambda x: ad.vmap(boom)(x))(X),
        lambda: ad.vjp(np.sin, 1.0)[1]("wrong"),
        lambda: ad.grad(lambda x: x[5])(X),
        lambda: ad.vmap(lambda x: 1 if x > 2 else 0)(X),
    ):
        with pytest.raises(Exception):  # noqa: B017 (each its own)
            attempt()
        assert clean()
        assert ad.grad(lambda x: x * x)(3.0) == 6.0


def test_exceptions_that_the_function_catches():
    def f(x):
        try:
            return ad.vmap(ad.grad(boom))(x * X)
        except KeyError:
            return x**3

    assert ad.grad(f)(2.0) == 12.0 and ad.hessian(f)(2.0) == 12.0
    np.testing.assert_array_equal(ad.vmap(ad.grad(f))(X), 3 * X**2)


def test_nothing_is_kept_after_a_call():
    class Array(np.ndarray):
        pass

    seen = []

    def f(x):
        held = np.ones(1000).view(Array)
        seen.append(weakref.ref(held))
        y = x * np.asarray(held)
        seen.append(weakref.ref(y))
        return np.sum(np.sin(y) * y)

    x = np.ones(1000)
    gc.disable()  # nothing may need the collector
    try:
        for use in (
            lambda: ad.grad(f)(x), lambda: ad.value_and_grad(f)(x), lambda: ad.jvp(f, (x,), (x,)),
            lambda: ad.vjp(f, x)[1](1.0), lambda: ad.hvp(f, (x,), (x,)),
            lambda: ad.vmap(ad.grad(f))(np.stack([x, x])),
        ):  # fmt: skip
            use()
            assert seen and all(reference() is None for reference in seen)
            seen.clear()
    finally:
        gc.enable()


def test_many_calls_need_no_more_memory_than_few():
    import tracemalloc

    kept = np.ones(100)
    uses = [
        ad.grad(lambda x: np.sum(np.sin(x) * kept)),
        ad.jit(ad.grad(lambda x: np.sum(np.sin(x) * kept))),
        ad.vmap(ad.grad(lambda x: x * x)),
        ad.vjp(lambda x: np.sin(x) * kept, kept)[1],
        lambda x: ad.jvp(np.sin, (x,), (x,)),
        lambda x: ad.jit(lambda y: y * kept)(x),
        lambda x: ad.grad(lambda x: np.sum(ad.jit(lambda y: x * y)(x)))(x),
    ]
    for use in uses:
        tracemalloc.start()  # bounded caches and pools of freed objects fill up in the first uses
        sizes, objects = [], []
        for count in (200, 50, 50, 50, 50):
            for _ in range(count):
                use(kept)
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
            objects.append(len(gc.get_objects()))
        tracemalloc.stop()
        # A leak grows in every round.
        assert min(np.diff(objects)) < 15, objects
        assert min(np.diff(sizes)) < 3_375, sizes


@pytest.mark.parametrize("length", [3_000, pytest.param(30_000, marks=pytest.mark.slow)])
def test_long_chains_through_every_transform(length):
    def chain(x):
        for _ in range(length):
            x = x * 0.9999 + 0.0001
        return x

    wanted = 0.9999**length
    for f in (
        ad.grad(chain), lambda x: ad.jvp(chain, (x,), (1.0,))[1], ad.jit(ad.grad(chain)),
        ad.grad(ad.jit(chain)), lambda x: ad.vmap(ad.grad(chain))(np.ones(2) * x)[0],
        lambda x: ad.linearize(chain, x)[1](1.0),
        lambda x: ad.vmap(ad.jit(chain))(np.ones(2) * x)[0] * wanted,
    ):  # fmt: skip
        assert f(1.0) == pytest.approx(wanted)
    assert ad.hessian(chain)(1.0) == 0.0


def test_threads_that_mix_transforms():
    matrices = np.random.default_rng(0).normal(size=(8, 4, 4))

    def f(a, x):
        return np.sum(np.tanh(a @ x) ** 2) * ad.grad(lambda y: np.sum(y * y * x[0]))(x)[1]

    def work(k):
        a, x = matrices[k], matrices[k][0]
        return [
            ad.grad(f, 1)(a, x), ad.hessian(f, 1)(a, x), ad.jit(ad.grad(f))(a, x),
            ad.vmap(ad.grad(f, 1), (None, 0))(a, a), ad.jvp(lambda x: f(a, x), (x,), (x,))[1],
        ]  # fmt: skip

    wanted = [work(k) for k in range(8)]
    found, failures = [None] * 8, []

    def loop(k):
        try:
            for _ in range(5):
                found[k] = work(k)
                assert clean()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=loop, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for got, right in zip(found, wanted, strict=True):
        for a, b in zip(got, right, strict=True):
            np.testing.assert_array_equal(a, b)
