"""Expressions: made, evaluated, differentiated, substituted, compiled."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import adjoint as ad
from adjoint.front.symbolic import Expression


@pytest.fixture
def xy():
    return ad.symbols("x y")


def test_the_graph_of_the_cases(xy):
    x, y = xy
    f = x**2 * y + y + 2
    assert str(f) == "x**2*y + y + 2"
    found = f.evaluate(x=3, y=4)
    assert found == 42 and type(found) is int
    assert type(f(x=3.0, y=4.0)) is float
    assert [g.evaluate(x=3.0, y=4.0) for g in f.gradient()] == [24.0, 10.0]
    hessian = [[h(x=3.0, y=4.0) for h in row] for row in f.hessian()]
    assert hessian == [[8.0, 6.0], [6.0, 0.0]]
    with pytest.raises(TypeError):
        f.diff(y).evaluate(x=3.0, y=4.0, z=5.0)
    assert str(f.diff(x, 2).diff(y).diff(y)) == "0"


def test_forward_and_reverse_agree(xy):
    x, _ = xy
    f = np.sin(x**2)
    for found in (f.diff(x), f.gradient(x)[0], f.gradient()[0]):
        assert found.evaluate(x=3.0) == pytest.approx(-5.466781571308061, rel=1e-15)


def test_names_of_symbols():
    assert isinstance(ad.symbols("x"), Expression)
    assert [str(s) for s in ad.symbols("x, y")] == ["x", "y"]
    assert [str(s) for s in ad.symbols("a b,c")] == ["a", "b", "c"]
    v = ad.symbols("v", shape=(2, 3), dtype=np.float32)
    assert v.shape == (2, 3) and v.dtype == np.float32
    assert ad.symbols("v", shape=3).shape == (3,)


def test_two_symbols_of_one_name_are_one(xy):
    x, _ = xy
    again = ad.symbols("x")
    f = x * again
    assert f.free == ("x",)
    assert f.evaluate(x=3) == 9
    assert f.diff(x).evaluate(x=3.0) == 6.0
    with pytest.raises(TypeError) as error:
        (x * ad.symbols("x", shape=(2,)).sum()).free
    assert str(error.value).startswith("two symbols are called 'x': float and float64[2].")


def test_arrays_broadcast_in_elementwise_expressions(xy):
    x, y = xy
    f = x**2 * y + np.sin(y)
    a, b = np.arange(3.0), np.arange(4.0)[:, None]
    np.testing.assert_array_equal(f(x=a, y=b), a**2 * b + np.sin(b))
    np.testing.assert_array_equal(f(x=[0.0, 1.0], y=1), np.array([0.0, 1.0]) ** 2 + np.sin(1))


def test_values_that_do_not_fit(xy):
    x, y = xy
    v = ad.symbols("v", shape=(3,))
    f = x * v.sum()
    with pytest.raises(ad.ShapeError) as error:
        f.evaluate(x=np.ones(2), v=np.ones(3))
    assert str(error.value).split("\n")[:2] == [
        "the symbol x has the shape (), and got a value of the shape (2,).",
        "  expected: a value of the symbol's shape (arrays stand for numbers in elementwise "
        "expressions only)",
    ]
    with pytest.raises(ad.ShapeError):
        f.evaluate(x=1.0, v=np.ones(4))
    with pytest.raises(TypeError) as error:
        x.evaluate(x=None)
    assert str(error.value).startswith("the symbol x got a NoneType.\n  expected: a number, an ")
    with pytest.raises(TypeError) as error:
        (x * y).evaluate(x=1)
    assert str(error.value).split("\n")[:2] == [
        "`x*y` got no value for y.", "  expected: values for its symbols: x, y"
    ]  # fmt: skip
    with pytest.raises(TypeError) as error:
        (x * y).evaluate(x=1, y=2, z=3)
    assert str(error.value).split("\n")[:2] == [
        "`x*y` has no symbol 'z'.", "  expected: values for its symbols: x, y"
    ]  # fmt: skip


def test_structure(xy):
    x, y = xy
    assert (x + y).same(x + y)
    assert not (x + y).same(y + x)
    assert not (2 * x).same(3 * x)
    assert hash(x * y) == hash(x * y)
    assert len({hash(e) for e in (x, y, x + y, x - y, x * y, np.sin(x), np.cos(x))}) == 7
    assert ad.symbols("x").same(x) and hash(ad.symbols("x")) == hash(x)
    compared = x == y
    assert isinstance(compared, Expression) and bool(compared.evaluate(x=1.0, y=1.0))


def test_substitution(xy):
    x, y = xy
    f = x**2 + y
    assert str(f.substitute({x: y, y: x})) == "y**2 + x"
    assert f.substitute({"x": 3}).evaluate(y=1) == 10
    assert f.substitute({x: 3, y: 4}).evaluate() == 13
    assert str(f.substitute({x: np.sin(y)})) == "sin(y)**2 + y"
    with pytest.raises(TypeError):
        f.substitute({ad.symbols("z"): 1})
    with pytest.raises(TypeError):
        f.substitute({x + y: 1})


def test_orders_and_mixed_derivatives(xy):
    x, y = xy
    f = x**5 * y**2
    assert f.diff(x, 5).evaluate(y=2.0) == 480.0
    assert f.diff(x, 2, y).evaluate(x=1.0, y=1.0) == 40.0
    assert f.diff("x", "y").evaluate(x=1.0, y=1.0) == 10.0
    assert f.diff(x, 0).same(f)
    assert str(f.diff(ad.symbols("z"))) == "0"


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        ((), "diff got no symbol."),
        ((2,), "diff got the order 2 without a symbol before it."),
        ((1.5,), "`x*y` was to be differentiated by 1.5."),
        (("z",), "`x*y` was to be differentiated by 'z'."),
    ],
)
def test_what_cannot_be_differentiated_by(xy, arguments, first):
    x, y = xy
    with pytest.raises(TypeError) as error:
        (x * y).diff(*arguments)
    assert str(error.value).split("\n")[0] == first


def test_derivatives_by_expressions_and_integers(xy):
    x, y = xy
    with pytest.raises(TypeError):
        (x * y).diff(x + y)
    n = ad.symbols("n", dtype=int)
    with pytest.raises(ad.DifferentiationError):
        (x * n).diff(n)


def test_arrays():
    v, m = ad.symbols("v", shape=(3,)), ad.symbols("M", shape=(3, 3))
    f = v @ m @ v + np.sum(np.exp(v[1:])) - np.linalg.norm(v)
    given = {"v": np.array([1.0, 2.0, -1.0]), "M": np.arange(9.0).reshape(3, 3)}

    def plain(v, M):
        return v @ M @ v + np.sum(np.exp(v[1:])) - np.linalg.norm(v)

    assert f.evaluate(given) == pytest.approx(plain(**given))
    dv, dm = f.gradient(v, m)
    assert dv.shape == (3,) and dm.shape == (3, 3)
    wanted = ad.grad(plain, (0, 1))(given["v"], given["M"])
    for found, w in zip((dv, dm), wanted, strict=True):
        np.testing.assert_allclose(found.evaluate(given), w, rtol=1e-13)
    np.testing.assert_allclose(f.diff(v).evaluate(given), wanted[0], rtol=1e-13)
    t = ad.symbols("t")
    speed = (np.sin(t) * v).diff(t)
    np.testing.assert_allclose(
        speed.evaluate(t=0.5, v=given["v"]), np.cos(0.5) * given["v"], rtol=1e-15
    )
    with pytest.raises(ad.DifferentiationError) as error:
        (2 * v).gradient(v)
    assert str(error.value).split("\n")[:2] == [
        "the expression `2*v` is an array, float64[3].", "  expected: one number"
    ]  # fmt: skip


def test_transforms_take_expressions(xy):
    x, y = xy
    found = ad.grad(lambda x: np.sin(x) * y)(x)
    assert isinstance(found, Expression)
    assert found.evaluate(x=0.5, y=2.0) == pytest.approx(2 * np.cos(0.5))
    second = ad.grad(ad.grad(lambda x: x**3 * y))(x)
    assert second.evaluate(x=2.0, y=1.0) == pytest.approx(12.0)


def test_a_factor_of_one_is_left_out(xy):
    x, y = xy
    assert str(1 * x) == str(x * 1.0) == "x"
    assert str(ad.grad(lambda x: np.sin(x) * y)(x)) == "y*cos(x)"
    f = ad.symbols("f", shape=(2,), dtype=np.float32)
    assert (np.float64(1) * f).dtype == np.float64 and (1.0 * f).dtype == np.float32
    n = ad.symbols("n", dtype=int)
    assert type((1.0 * n).evaluate(n=2)) is float


def test_expressions_of_functions():
    def f(x, y):
        return x**2 * y + y + 2

    e = ad.expression(f)
    assert str(e) == "x**2*y + y + 2"
    assert e.free == ("x", "y")
    assert str(ad.expression(lambda x, a=2.0: a * x)) == "2*x"
    assert ad.expression(lambda x, a=2.0: a * x, 1.0, 1.0).free == ("x", "a")


def test_functions_with_loops_and_writes():
    def f(v):
        total = np.zeros(3)
        for k in range(3):
            total[k] = v[k] ** k
        total[1:] += v[:-1]
        return total.sum()

    e = ad.expression(f, np.ones(3))
    v = np.array([2.0, 3.0, 4.0])
    assert e.free == ("v",)
    assert e.evaluate(v=v) == f(v)
    np.testing.assert_allclose(e.diff("v").evaluate(v=v), ad.grad(f)(v))


def test_functions_of_containers():
    def f(p, x):
        return {"line": p[0] + p[1] * x, "square": [x * x]}

    found = ad.expression(f, (1.0, 2.0))
    assert found["line"].free == ("p[0]", "p[1]", "x")
    assert found["line"].evaluate({"p[0]": 1, "p[1]": 2, "x": 3}) == 7
    assert str(found["square"][0]) == "x*x"


def test_compiled_functions_and_derivatives_as_expressions():
    assert str(ad.expression(ad.jit(lambda x: np.sin(x) * x))) == "sin(x)*x"
    assert str(ad.expression(ad.grad(lambda x: x**3))) == "3*x**2"


def test_functions_whose_parameters_are_not_known():
    with pytest.raises(TypeError) as error:
        ad.expression(lambda *args: args[0])
    assert str(error.value).startswith(
        "ad.expression got 0 examples for the 0 parameters of <lambda>.\n"
    )
    assert ad.expression(lambda *args: args[0] * args[1], 1.0, 2.0).evaluate(x0=2, x1=3) == 6
    with pytest.raises(TypeError) as error:
        ad.expression(lambda x: "text")
    assert str(error.value).startswith("ad.expression got a str from <lambda>.\n")
    with pytest.raises(TypeError) as error:
        ad.expression(3)
    assert str(error.value).startswith("ad.expression got a int.\n")


def test_functions_with_captured_values(xy):
    x, _ = xy
    data = np.array([1.0, 2.0, 3.0])
    e = ad.expression(lambda a: np.sum(a * data) * x)
    assert e.evaluate(a=2.0, x=3.0) == 36.0
    data[0] = 100.0
    assert e.evaluate(a=2.0, x=3.0) == 36.0


def test_a_function_that_branches_is_refused():
    def f(x):
        if x > 0:
            return x
        return -x

    with pytest.raises(ad.TracingError) as error:
        ad.expression(f)
    line = f.__code__.co_firstlineno + 1
    assert str(error.value) == (
        "the function given to ad.expression asked bool() of a value (bool), and a formula has no "
        "branches.\n"
        "  expected: operations on values that are the same for all of them\n"
        f"  at test_symbolic.py:{line}: if x > 0:  (in bool())\n"
        "  write instead: `np.where(condition, a, b)` for `if`, a fixed number of steps for a loop"
    )
    assert ad.expression(lambda x: np.where(x > 0, x, -x)).evaluate(x=-2.0) == 2.0


def test_questions_are_refused(xy):
    x, y = xy
    with pytest.raises(ad.TracingError) as error:
        bool(x < y)
    assert str(error.value).split("\n")[0] == (
        "bool() was asked of the expression `x < y`, whose value is not known."
    )
    with pytest.raises(ad.TracingError):
        float(x)
    with pytest.raises(ad.TracingError):
        np.asarray(x)
    v = ad.symbols("v", shape=(3,))
    with pytest.raises(ad.TracingError):
        v[0] = 1.0
    w = v
    w += 1
    assert str(w) == "v + 1" and str(v) == "v"


def test_compiled(xy):
    x, y = xy
    fast = (x**2 * y + y + 2).jit()
    assert fast(3.0, 4.0) == fast(x=3.0, y=4.0) == fast(3.0, y=4.0) == 42.0
    with pytest.raises(TypeError):
        fast(1.0)
    with pytest.raises(TypeError):
        fast(1.0, 2.0, z=3.0)
    v = ad.symbols("v", shape=(5,))
    slope = np.sum(np.sin(v)).diff(v).jit()
    np.testing.assert_allclose(slope(np.arange(5.0)), np.cos(np.arange(5.0)), rtol=1e-14)


def test_duals_flow_through(xy):
    x, y = xy
    f = x**2 * y + y + 2
    found = f.evaluate(x=ad.Dual(3.0, 1.0), y=4.0)
    assert (found.value, found.tangent) == (42.0, 24.0)


def test_traced_values_are_no_part_of_a_formula():
    with pytest.raises(ad.TracingError) as error:
        ad.grad(lambda z: ad.expression(lambda x: x * z)(x=2.0))(3.0)
    assert str(error.value).startswith("a traced value (float) became a part of an expression.\n")
    x = ad.symbols("x")
    assert ad.grad(lambda z: (x**2).evaluate(x=z))(3.0) == 6.0


def test_special_values_raise_no_warning(xy):
    x, _ = xy
    assert (1 / x).evaluate(x=0.0) == np.inf
    assert np.isnan((x**0.5).evaluate(x=-1.0))


# ------------------------------------------------------------------------- arrays by arrays


def test_jacobians_are_expressions():
    v, m = ad.symbols("v", shape=(3,)), ad.symbols("M", shape=(2, 3))
    given = {"v": np.array([0.3, -1.0, 2.0]), "M": np.arange(6.0).reshape(2, 3)}

    def f(v, M):
        return np.tanh(M @ v) * v[0] + np.exp(M).sum(axis=1)

    e = f(v, m)
    for by, argument in ((v, 0), (m, 1)):
        found = e.diff(by)
        assert found.shape == (2, *by.shape)
        wanted = ad.jacobian(f, argument)(given["v"], given["M"])
        np.testing.assert_allclose(found.evaluate(given), wanted, rtol=1e-13, atol=1e-15)
    assert str((m @ v).diff(v)) == "M" and str(v.diff(v)) == "eye(3)"
    np.testing.assert_array_equal(np.sign(v).diff(v).evaluate(v=given["v"]), np.zeros((3, 3)))
    assert (v * 2).diff(ad.symbols("w", shape=(2, 2))).shape == (3, 2, 2)
    empty = ad.symbols("w", shape=(0,))
    assert (empty * 2).diff(empty).evaluate(w=np.zeros(0)).shape == (0, 0)


def test_hessians_of_arrays():
    v, s = ad.symbols("v", shape=(3,)), ad.symbols("s")
    e = s**2 * np.sum(np.sin(v) ** 2)
    given = {"v": np.array([0.3, -1.0, 2.0]), "s": 1.5}
    (vv, vs), (sv, ss) = e.hessian(v, s)
    wanted = ad.hessian(lambda v, s: s**2 * np.sum(np.sin(v) ** 2), (0, 1))(given["v"], 1.5)
    for found, w in zip((vv, vs, sv, ss), [x for row in wanted for x in row], strict=True):
        assert found.shape == np.shape(w)
        np.testing.assert_allclose(found.evaluate(given), w, rtol=1e-13)


def test_layouts_that_change_nothing_are_left_out(xy):
    x, y = xy
    assert str(ad.hessian(lambda x: x**3 * y)(x)) == "2*x*3*y"
    v, m = ad.symbols("v", shape=(3,)), ad.symbols("M", shape=(2, 3))
    for same, of in ((m.T.T, m), (m.reshape(6).reshape(2, 3), m), (v[:], v), (v.T, v)):
        assert same.same(of)
    for other in (v[::-1], m.T, m[:, ::-1], m.reshape(6), np.broadcast_to(v, (2, 3))):
        assert not other.same(v) and not other.same(m)
    assert str(np.cumsum(v)) == "cumsum(v, axis=0)"


# --------------------------------------------------------------------- copies, calls, questions


def test_copies_and_pickles(xy):
    x, y = xy
    v = ad.symbols("v", shape=(3,), dtype=np.float32)
    loop = ad.expression(lambda r: ad.fori_loop(0, 5, lambda i, s: s * r + i, 1.0))
    for e in (
        x, x**2 * y + np.pi, np.sum(v * np.arange(3.0)) * x, (v[::-1] > 0), loop, loop.diff("r"),
        np.linalg.eigh(ad.symbols("M", shape=(2, 2)))[0],
    ):  # fmt: skip
        assert copy.copy(e) is e and copy.deepcopy([e])[0] is e
        back = pickle.loads(pickle.dumps(e))
        assert back.same(e) and hash(back) == hash(e) and str(back) == str(e)
        assert (back.free, back.shape, back.dtype) == (e.free, e.shape, e.dtype)
    assert pickle.loads(pickle.dumps(loop)).evaluate(r=2.0) == loop.evaluate(r=2.0)
    slope = pickle.loads(pickle.dumps((x * y).diff(x)))
    assert slope.evaluate(x=1.0, y=2.0) == 2.0 and str(slope.diff("x")) == "0"
    assert (x * pickle.loads(pickle.dumps(x))).free == ("x",)


def test_an_expression_is_a_function_of_its_symbols(xy):
    x, y = xy
    f = x**2 * y + y + 2
    assert f(3, 4) == f(3, y=4) == f({"x": 3, y: 4}) == 42
    assert ad.grad(f)(3.0, 4.0) == 24.0
    assert ad.hessian(f, argnums=(0, 1))(3.0, 4.0) == ((8.0, 6.0), (6.0, 0.0))
    assert ad.jit(f)(3.0, 4.0) == 42.0
    np.testing.assert_array_equal(ad.vmap(f, in_axes=(0, None))(np.arange(2.0), 4.0), [6.0, 10.0])


@pytest.mark.parametrize(
    ("call", "first"),
    [
        (lambda f: f.evaluate(3), "evaluate got a int."),
        (lambda f: f(1, 2, 3), "`x*y` got 3 values."),
        (lambda f: f(1, x=2), "`x*y` got 2 values."),
        (lambda f: f(1), "`x*y` got no value for y."),
        (lambda f: f.evaluate({"x": 1}, x=2, y=3), "two values were given for the symbol x."),
        (lambda f: f.evaluate({1: 1}), "a value was given for 1."),
        (lambda f: f.substitute(z=1), "`x*y` has no symbol 'z'."),
        (lambda f: f.substitute({f: 1}), "a value was given for `x*y`."),
        (lambda f: f.jit()(1.0), "`x*y` got no value for y."),
        (lambda f: ad.symbolic.simplify("x + x"), "a str became a part of an expression."),
    ],
)
def test_wrong_values(xy, call, first):
    with pytest.raises(TypeError) as error:
        call(xy[0] * xy[1])
    assert str(error.value).split("\n")[0] == first


def test_names_of_symbols_that_are_gone(xy):
    x, y = xy
    slope = (x * y).diff(x)
    assert str(slope.diff("x")) == "0" and slope.diff("y").evaluate(x=1.0, y=1.0) == 1.0
    v = ad.symbols("v", shape=(3,))
    assert np.sum(v).diff(v).diff("v").shape == (3, 3)


def test_symbols_that_are_refused():
    for arguments, kind, first in (
        (("lambda",), ValueError, "ad.symbols got the name 'lambda'."),
        (("1x",), ValueError, "ad.symbols got the name '1x'."),
        (("x", (-1,)), ValueError, "ad.symbols got the shape (-1,)."),
        (("x", 2.5), ValueError, "ad.symbols got the shape 2.5."),
        (("x", (), "S3"), TypeError, "ad.symbols got the dtype |S3."),
        ((3,), TypeError, "ad.symbols got a int."),
    ):
        with pytest.raises(kind) as error:
            ad.symbols(*arguments)
        assert str(error.value).split("\n")[0] == first


# ----------------------------------------------------------------------------------- dtypes


def test_dtypes():
    n = ad.symbols("n", dtype=int)
    assert (n**30).evaluate(n=10) == 10**30
    assert type((n // 2).evaluate(n=7)) is int
    f = ad.symbols("f", shape=(2,), dtype=np.float32)
    slope = np.sum(f**2 * 0.1).diff(f)
    assert slope.dtype == np.float32
    assert slope.evaluate(f=np.ones(2, np.float32)).dtype == np.float32
    c = ad.symbols("c", dtype=complex)
    assert str((c * c).diff(c)) == "c + c"
    assert (np.exp(1j * c) * c).diff(c).evaluate(c=0.3 + 0.2j) == pytest.approx(
        np.exp(1j * (0.3 + 0.2j)) * (1 + 1j * (0.3 + 0.2j))
    )
    assert (abs(c) ** 2).gradient()[0].evaluate(c=1 + 2j) == pytest.approx(2 - 4j)


def test_constants_raise_no_warning(xy):
    x, _ = xy
    e = ad.symbolic.parse("log(0)*x + arcsin(2)**x")
    for found in (e.diff("x"), e.gradient()[0], e.simplify(), e.hessian()[0][0]):
        found.evaluate(dict.fromkeys(found.free, 1.0))
