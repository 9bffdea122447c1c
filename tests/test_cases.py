"""The cases that the package was asked to solve, each with its figure, as a user sees them."""

import tracemalloc
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import adjoint as ad
from adjoint import Dual


def f(x, y):
    """The function of the first examples: 42 at (3, 4)."""
    return x**2 * y + y + 2


def parts(dual):
    """The value and the tangent of a dual number."""
    return dual.value, dual.tangent


# ---------------------------------------------------------------- dual numbers and forward mode


def test_arithmetic_of_dual_numbers():
    a, b = Dual(3, 4), Dual(5, 7)
    assert parts(a + b) == (8.0, 11.0)
    assert parts(a - b) == (-2.0, -3.0)
    assert parts(a * b) == (15.0, 41.0)
    assert parts(a / b) == pytest.approx((3 / 5, (4 * 5 - 3 * 7) / 25), rel=1e-15)
    assert parts(a + 3) == parts(3 + a) == parts(a + Dual(3, 0)) == (6.0, 4.0)
    variable = Dual(2.0, 1)
    assert parts(variable * variable * 7) == (28.0, 28.0)


def test_dual_numbers_are_printed():
    assert str(Dual(3, 4) + 3) == repr(3 + Dual(3, 4)) == "6.0 + 4.0ε"
    assert str(Dual(3, 4) * Dual(5, 7)) == "15.0 + 41.0ε"
    assert str(Dual(3, -4)) == "3.0 - 4.0ε"


LOG2, LOG3 = np.log(2.0), np.log(3.0)


@pytest.mark.parametrize(
    ("made", "value", "tangent"),
    [
        (lambda a: 3 - a, 0.0, -4.0),
        (lambda a: a - 3, 0.0, 4.0),
        (lambda a: 3 / a, 1.0, -4 / 3),
        (lambda a: a / 2, 1.5, 2.0),
        (lambda a: 2 * a, 6.0, 8.0),
        (lambda a: a * 2, 6.0, 8.0),
        (lambda a: 2**a, 8.0, 8 * LOG2 * 4),
        (lambda a: a**2.5, 3**2.5, 2.5 * 3**1.5 * 4),
        (lambda a: a ** Dual(5, 7), 243.0, 243 * (5 * 4 / 3 + 7 * LOG3)),
        (lambda a: Dual(5, 7) ** a, 125.0, 125 * (3 * 7 / 5 + 4 * np.log(5.0))),
        (lambda a: -a, -3.0, -4.0),
        (lambda a: abs(-a), 3.0, 4.0),
    ],
    ids=["3-a", "a-3", "3/a", "a/2", "2a", "a2", "2**a", "a**2.5", "a**b", "b**a", "-a", "abs"],
)
def test_operators_of_dual_numbers_in_both_orders(made, value, tangent):
    assert parts(made(Dual(3, 4))) == pytest.approx((value, tangent), rel=1e-15)


def test_functions_of_dual_numbers():
    def quotient(x):
        return (x + 2) * (x - 3) / (x - 4)

    assert parts(quotient(Dual(6, 1))) == (12.0, -0.5)
    value, slope = parts(np.exp(np.sin(2 * Dual(0.5, 1))))
    assert value == pytest.approx(2.3197768, abs=5e-8)
    assert slope == pytest.approx(2.5067615, abs=5e-8)


@pytest.mark.parametrize(
    ("function", "x", "slope"),
    [
        (np.sin, 0.6, np.cos(0.6)),
        (np.cos, 0.6, -np.sin(0.6)),
        (np.tan, 0.6, 1 / np.cos(0.6) ** 2),
        (np.exp, 0.6, np.exp(0.6)),
        (np.log, 0.6, 1 / 0.6),
        (np.sqrt, 0.6, 0.5 / np.sqrt(0.6)),
        (np.arcsin, 0.6, 1 / 0.8),
        (np.arccos, 0.6, -1 / 0.8),
        (np.arctan, 0.6, 1 / 1.36),
        (np.sinh, 0.6, np.cosh(0.6)),
        (np.cosh, 0.6, np.sinh(0.6)),
        (np.tanh, 0.6, 1 / np.cosh(0.6) ** 2),
        (np.arcsinh, 0.75, 1 / 1.25),
        (np.arccosh, 1.25, 1 / 0.75),
        (np.arctanh, 0.6, 1 / 0.64),
    ],
)
def test_the_chain_rule_is_built_into_dual_numbers(function, x, slope):
    assert parts(function(Dual(x, 1))) == pytest.approx((function(x), slope), rel=1e-14)
    half_square = Dual(np.sqrt(2 * x), 1) ** 2 / 2  # x again, with the tangent sqrt(2 x)
    assert function(half_square).tangent == pytest.approx(slope * np.sqrt(2 * x), rel=1e-14)


def test_polynomials_of_dual_numbers():
    x = Dual(1, 1)
    assert (x**5 + 1).tangent == 5.0
    assert ad.derivative(lambda x: x**5 + 1)(1.0) == 5.0
    gradient = [
        (Dual(*y) * (Dual(*x) ** 5 + 1)).tangent for x, y in (((1, 1), (3, 0)), ((1, 0), (3, 1)))
    ]
    assert gradient == [15.0, 2.0]


def test_the_same_derivatives_by_sympy():
    sympy = pytest.importorskip("sympy")
    x, y = ad.symbols("x y")
    for made, at, wanted in (
        (x**5 + 1, {"x": 1}, 5.0),
        (y * (x**5 + 1), {"x": 1, "y": 3}, 15.0),
        ((x + 2) * (x - 3) / (x - 4), {"x": 6}, -0.5),
    ):
        theirs = sympy.diff(made.to_sympy(), sympy.Symbol("x"))
        assert float(theirs.subs(at)) == wanted
        assert ad.symbolic.from_sympy(theirs).evaluate(at) == pytest.approx(wanted, rel=1e-15)
        assert made.diff(x).evaluate(at) == pytest.approx(wanted, rel=1e-15)


def test_dual_numbers_nest():
    x = Dual(Dual(1, 1), 1)
    found = x**5 + 1
    assert (found.value.value, found.value.tangent, found.tangent.tangent) == (2.0, 5.0, 20.0)
    assert parts(found.tangent) == (5.0, 20.0)
    third = Dual(Dual(Dual(0.5, 1), 1), 1)
    assert np.sin(third).tangent.tangent.tangent == pytest.approx(-np.cos(0.5), rel=1e-15)


def test_dual_numbers_flow_through_an_expression():
    x, y = ad.symbols("x y")
    expression = x**2 * y + y + 2
    assert parts(expression.evaluate(x=Dual(3, 1), y=4)) == (42.0, 24.0)
    assert str(expression.evaluate(x=Dual(3, 1), y=4)) == "42.0 + 24.0ε"
    assert parts(expression.evaluate(x=3, y=Dual(4, 1))) == (42.0, 10.0)


# ---------------------------------------------------------------- finite differences and checking


def test_gradient_and_hessian_by_hand():
    assert f(3.0, 4.0) == 42.0
    assert ad.grad(f, argnums=(0, 1))(3.0, 4.0) == (24.0, 10.0)
    assert ad.hessian(f, argnums=(0, 1))(3.0, 4.0) == ((8.0, 6.0), (6.0, 0.0))


def test_newtons_quotient():
    by_x, by_y = ad.testing.finite_difference(f, (3.0, 4.0), method="forward", step=1e-5)
    assert by_x == pytest.approx(24.000039999805264, rel=1e-10)
    assert by_y == pytest.approx(10.000000000331966, rel=1e-10)


def test_forward_differences():
    by_x, by_y = ad.testing.finite_difference(f, (3.0, 4.0), method="forward", step=1e-4)
    assert by_x == pytest.approx(24.000400000048216, rel=1e-11)
    assert by_y == pytest.approx(10.000000000047748, rel=1e-11)


def test_nested_differences_give_the_hessian():
    def gradient(x, y):
        return ad.testing.finite_difference(f, (x, y), method="central", step=1e-3)

    by_x = ad.testing.finite_difference(lambda x, y: gradient(x, y)[0], (3.0, 4.0), step=1e-3)
    by_y = ad.testing.finite_difference(lambda x, y: gradient(x, y)[1], (3.0, 4.0), step=1e-3)
    np.testing.assert_allclose([by_x, by_y], [[8.0, 6.0], [6.0, 0.0]], atol=1e-5)


def test_all_ways_to_the_derivative_side_by_side():
    ways = ad.compare(f, 3.0, 4.0, argnums=(0, 1), manual=lambda x, y: (2 * x * y, x**2 + 1))
    found = {row.way: row for row in ways if row.value is not None}
    for way in ("by hand", "forward mode", "reverse mode", "reverse mode, jitted", "formulae"):
        np.testing.assert_array_equal(found[way].value, (24.0, 10.0))
    np.testing.assert_allclose(found["forward differences"].value, (24.0, 10.0), rtol=1e-7)
    for row in found.values():
        assert row.way in str(ways) and row.error < 1e-6


def test_check_grads_accepts_right_derivatives():
    report = ad.testing.check_grads(f, (3.0, 4.0), order=2)
    assert {row.mode for row in report.rows if row.order == 1} == {"forward", "reverse"}
    assert len({row.mode for row in report.rows if row.order == 2}) == 4
    assert max(row.error for row in report.rows) < 1e-13  # the reference is a complex step
    matrix = np.array([[2.0, 0.3], [-0.1, 1.5]])
    ad.testing.check_grads(lambda a: np.linalg.inv(a) @ np.sin(a), (matrix,), order=2)


def test_check_grads_tells_wrong_from_right():
    @ad.custom_derivative
    def doubtful(x):
        return np.sin(x)

    doubtful.jvp(lambda primals, tangents: (np.sin(primals[0]), 1.01 * tangents[0]))
    with pytest.raises(AssertionError, match=r"doubtful|jvp|forward"):
        ad.testing.check_grads(doubtful, (np.array([0.3, 2.0]),))


def test_check_grads_says_where_derivatives_disagree():
    @ad.custom_derivative
    def product(x, y):
        return np.sum(np.sin(x) * y)

    @product.vjp
    def slightly_wrong(primals, output, cotangent):
        x, y = primals
        return cotangent * np.cos(x) * y, 1.001 * cotangent * np.sum(np.sin(x))

    with pytest.raises(ad.testing.GradientError) as caught:
        ad.testing.check_grads(product, (np.array([0.3, 2.0]), 3.0), order=1)
    wrong = {(row.mode, row.direction) for row in caught.value.report.failures}
    assert wrong == {("forward", "y"), ("reverse", "y")}
    first = str(caught.value).splitlines()[0]
    assert first.startswith("order 1, forward mode: the derivative of product in y is wrong: ")


# ---------------------------------------------------------------- the expression graph


def texts(svg):
    """All texts of an SVG drawing."""
    root = ElementTree.fromstring(svg)
    return [text for element in root.iter() if (text := (element.text or "").strip())]


def test_an_expression_is_a_value():
    x, y = ad.symbols("x y")
    expression = x**2 * y + y + 2
    assert str(expression) == "x**2*y + y + 2"
    assert expression.pretty() == "x²y + y + 2"
    assert expression.latex() == "x^{2} y + y + 2"
    assert expression.evaluate(x=3, y=4) == 42
    assert ad.expression(f).same(expression)  # of the Python function
    np.testing.assert_array_equal(expression.evaluate(x=np.arange(3.0), y=4), [6.0, 10.0, 22.0])


def test_an_expression_draws_itself():
    pytest.importorskip("graphlay")
    x, y = ad.symbols("x y")
    picture = ad.draw(x**2 * y + y + 2)
    operations = ["x", "y", "v1 = x ** 2", "v2 = v1 * y", "v3 = v2 + y", "f = v3 + 2"]
    assert picture.mermaid.startswith("flowchart ")
    assert picture.dot.startswith("digraph ")
    for operation in operations:
        assert f'"{operation}"' in picture.mermaid
        assert f'label="{operation}"' in picture.dot
        assert operation in texts(picture.svg)
    shown = picture._repr_mimebundle_()  # what a notebook asks for
    assert shown["image/svg+xml"] == picture.svg
    assert picture.png().startswith(b"\x89PNG")


def test_a_derivative_is_an_expression_again():
    x, y = ad.symbols("x y")
    expression = x**2 * y + y + 2
    at = {"x": 3, "y": 4}
    assert [slope.evaluate(at) for slope in expression.gradient(x, y)] == [24.0, 10.0]
    assert expression.diff(x).evaluate(at) == 24.0
    assert expression.diff(y).evaluate(at) == 10.0
    hessian = [[expression.diff(u).diff(v).evaluate(at) for v in (x, y)] for u in (x, y)]
    assert hessian == [[8.0, 6.0], [6.0, 0.0]]
    rows = expression.hessian(x, y)
    assert [[entry.evaluate(at) for entry in row] for row in rows] == hessian
    third = expression.diff(x).diff(x).diff(y)
    assert third.evaluate(at) == expression.diff(x, x, y).evaluate(at) == 2.0
    assert str(third.diff(x)) == "0"
    table = ad.draw(expression.diff(x), 3.0, 4.0, mode="forward").table()
    assert table[-1].value == 24.0 and table[-1].tangent == 8.0


def test_simplification_and_latex():
    x, y = ad.symbols("x y")
    g = 5 + x * y
    slope = g.diff(x)
    assert str(slope) == str(slope.simplify()) == "y"
    assert g.latex() == "5 + x y"
    assert slope.latex() == "y"
    written_out = ad.symbolic.parse("0 + (0*x + y*1)")  # by the rules of sums and products
    assert str(written_out.simplify()) == "y"


def test_both_modes_agree_on_sin_of_a_square():
    def h(x):
        return np.sin(x**2)

    assert ad.grad(h)(3.0) == pytest.approx(-5.466781571308061, rel=1e-15)
    assert ad.jvp(h, (3.0,), (1.0,))[1] == ad.grad(h)(3.0)
    assert h(Dual(3, 1)).tangent == ad.grad(h)(3.0)
    x = ad.symbols("x")
    assert h(x).diff(x).evaluate(x=3.0) == pytest.approx(-5.466781571308061, rel=1e-15)
    assert h(x).diff(x).latex() == r"2 x \cos\left(x^{2}\right)"


def test_reverse_mode_in_view():
    picture = ad.draw(f, 3.0, 4.0, mode="reverse")
    rows = [(row.operation, row.value, row.adjoint) for row in picture.table()]
    assert rows == [
        ("input", 3.0, 24.0),
        ("input", 4.0, 10.0),
        ("x ** 2", 9.0, 4.0),
        ("v1 * y", 36.0, 1.0),
        ("v2 + y", 40.0, 1.0),
        ("v3 + 2", 42.0, 1.0),
    ]
    assert [row.name for row in picture.table()] == ["x", "y", "v1", "v2", "v3", "f"]
    assert str(picture).splitlines()[1].split() == ["x", "input", "3", "24"]
    x, y = ad.symbols("x y")
    of_expression = ad.draw(x**2 * y + y + 2, 3.0, 4.0, mode="reverse")
    assert str(of_expression) == str(picture)


def test_reverse_mode_in_drawings():
    pytest.importorskip("graphlay")
    picture = ad.draw(f, 3.0, 4.0, mode="reverse")
    for value, adjoint in ((3, 24), (4, 10), (9, 4), (36, 1), (40, 1), (42, 1)):
        assert f'<br>value {value}<br>adjoint {adjoint}"' in picture.mermaid
        lines = texts(picture.svg)
        assert f"value {value}" in lines and f"adjoint {adjoint}" in lines
    steps = ad.draw.steps(f, 3.0, 4.0)
    assert len(steps) == 12  # six values forward, six adjoints back
    assert "value 42" not in steps[4].mermaid and "value 42" in steps[5].mermaid
    assert "adjoint" not in steps[5].mermaid and "adjoint 10" in steps[11].mermaid


# ---------------------------------------------------------------- function transforms


def test_grad_of_one_two_and_three_arguments():
    assert ad.grad(lambda x: x * (x + 1))(1.0) == 3.0
    assert ad.grad(lambda x, y: x * (x + y**2), argnums=(0, 1))(1.0, 2.0) == (6.0, 4.0)
    three = ad.grad(lambda x, y, z: x * y + y * z * z, argnums=(0, 1, 2))(2.0, 3.0, 5.0)
    assert three == (3.0, 27.0, 30.0)


def test_jacobian_of_tall_and_wide_functions():
    directions = np.linspace(0.1, 1.0, 500)
    tall = ad.jacobian(lambda x: np.sin(directions * x))(0.7)
    np.testing.assert_allclose(tall, directions * np.cos(0.7 * directions), rtol=1e-14)
    wide = ad.jacobian(lambda x: np.stack([np.sum(x**2), x[0] * x[1]]))(directions)
    np.testing.assert_allclose(wide[0], 2.0 * directions, rtol=1e-14)
    assert wide.shape == (2, 500)
    assert wide[1, 0] == directions[1] and wide[1, 1] == directions[0]
    assert not wide[1, 2:].any()


@pytest.mark.parametrize("shape", [(2, 2000), (2000, 2)])
def test_jacobian_runs_the_cheaper_mode(shape):
    """The dearer one would make a batch of 2,000 rows of 2,000 numbers: 32 MB."""
    rows, columns = shape
    matrix = np.arange(1.0, rows * columns + 1).reshape(shape) / 1e4
    calls = []

    def g(x):
        calls.append(np.shape(x))
        return np.tanh(matrix @ np.sin(x))

    x = np.linspace(0.0, 1.0, columns)
    tracemalloc.start()
    jacobian = ad.jacobian(g)(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(calls) == 1 and peak < 3e6
    slope = 1.0 - np.tanh(matrix @ np.sin(x)) ** 2
    np.testing.assert_allclose(jacobian, slope[:, None] * matrix * np.cos(x), rtol=1e-12)


def test_gradient_descent_on_a_bowl():
    w, costs = np.array([1.0, -2.0]), []
    slope = ad.value_and_grad(lambda w: np.sum(w**2))
    for _ in range(100):
        cost, g = slope(w)
        costs.append(cost)
        w = w - 0.1 * g
    np.testing.assert_allclose(costs, 5.0 * 0.64 ** np.arange(100), rtol=1e-12)
    np.testing.assert_allclose(w, 0.8**100 * np.array([1.0, -2.0]), rtol=1e-12)


def test_gradient_descent_on_a_parabola():
    w = 5.0
    for _ in range(20):
        w = w - 0.1 * ad.grad(lambda w: (w - 2) ** 2)(w)
    assert type(w) is float
    assert w == pytest.approx(2.0 + 3.0 * 0.8**20, rel=1e-14)


# ---------------------------------------------------------------- control flow


def doubled(a):
    """Doubles until the norm reaches 1000, then branches on the sign of the sum."""
    b = a * 2
    while np.linalg.norm(b) < 1000:
        b = b * 2
    return b if b.sum() > 0 else 100 * b


@pytest.mark.parametrize(
    "a",
    [
        np.float64(0.37),
        np.float64(-0.37),
        0.37,
        np.array([0.3, -1.2, 2.5]),
        np.array([0.3, -1.2, -2.5]),
        np.array([[0.4, 1.0], [-0.2, -3.0]]),
    ],
    ids=["scalar", "negative", "float", "vector", "negative vector", "matrix"],
)
def test_gradient_through_python_control_flow(a):
    gradient = ad.grad(lambda a: doubled(a).sum())(a)
    c = doubled(np.asarray(a))
    assert np.shape(gradient) == np.shape(a)
    np.testing.assert_allclose(gradient, c / a, rtol=1e-15)


# ---------------------------------------------------------------- a curve and its derivative


def test_the_derivative_of_sin_without_cos():
    x = np.linspace(-np.pi, np.pi, 201)
    slope = ad.vmap(ad.grad(np.sin))(x)
    np.testing.assert_allclose(slope, np.cos(x), rtol=0, atol=1e-15)
    np.testing.assert_array_equal(ad.grad(lambda x: np.sum(np.sin(x)))(x), slope)
    np.testing.assert_array_equal(np.sin(Dual(x, np.ones(201))).tangent, slope)


# ---------------------------------------------------------------- tensors


def seen(g, *arguments):
    """The value of `g` as a differentiated function computes it."""
    return ad.vjp(g, *arguments)[0]


def test_arrays_are_made_as_numpy_makes_them():
    def g(x):
        total = np.zeros(3) + np.ones(3) * x + np.full(3, 2.5) + np.arange(3.0) * x
        return total + np.identity(3) @ (np.eye(3)[0] * x) + np.zeros_like(total)

    np.testing.assert_array_equal(seen(g, 2.0), [6.5, 6.5, 8.5])
    np.testing.assert_array_equal(ad.jacobian(g)(2.0), [2.0, 2.0, 3.0])
    like = seen(lambda x: (np.ones_like(x), np.full_like(x, 7.0), np.empty_like(x) * 0), np.ones(2))
    np.testing.assert_array_equal(like[1], [7.0, 7.0])
    made = ad.numpy.ones((2, 3), dtype=np.float32)
    assert made.dtype == np.float32 and made.shape == (2, 3)
    np.testing.assert_array_equal(ad.numpy.arange(4.0), np.arange(4.0))


def test_random_numbers_are_reproducible():
    def draw(seed):
        generator = np.random.default_rng(seed)
        return generator.uniform(size=3), generator.normal(size=(2, 2))

    def loss(x):
        uniform, normal = draw(7)
        return np.sum(x * uniform) + np.sum(normal)

    np.testing.assert_array_equal(ad.grad(loss)(np.ones(3)), draw(7)[0])


def test_types_and_promotion():
    single, double = np.ones(2, np.float32), np.ones(2)
    for g in (
        lambda x: x * 2.0,
        lambda x: x + np.float64(2),
        lambda x: x * np.arange(2),
        lambda x: np.sin(x) ** 2,
        lambda x: x.astype(np.float64),
        lambda x: x * 1j,
        lambda x: np.sum(x),
        lambda x: x / np.float32(3),
        lambda x: x > 0.5,
    ):
        for x in (single, double):
            assert seen(g, x).dtype == g(x).dtype
    assert ad.grad(lambda x: np.sum(x**2))(single).dtype == np.float32
    assert type(ad.grad(lambda x: x * x)(3)) is float


@pytest.mark.parametrize(
    ("left", "right", "result"),
    [
        ((1, 3), (3,), (1, 3)),
        ((3, 1, 2), (3, 2), (3, 3, 2)),
        ((2, 1, 3), (3, 2), None),
        ((3,), (2, 1), (2, 3)),
        ((3,), (1, 2), None),
        ((3,), (1, 3), (1, 3)),
        ((2,), (3,), None),
    ],
)
def test_broadcasting(left, right, result):
    x, y = np.ones(left), np.full(right, 2.0)
    if result is None:
        with pytest.raises(ValueError, match="broadcast"):
            ad.vjp(lambda x, y: x + y, x, y)
        return
    assert seen(lambda x, y: x + y, x, y).shape == result
    by_x, by_y = ad.grad(lambda x, y: np.sum(x * y), (0, 1))(x, y)
    assert by_x.shape == left and by_y.shape == right
    np.testing.assert_array_equal(by_x, np.full(left, 2.0 * np.prod(result) / x.size))
    np.testing.assert_array_equal(by_y, np.full(right, 1.0 * np.prod(result) / y.size))


def test_reshape_and_kept_dimensions():
    x = np.arange(6.0)
    reshaped = seen(lambda x: x.reshape(2, 3).sum(axis=1, keepdims=True), x)
    np.testing.assert_array_equal(reshaped, [[3.0], [12.0]])
    g = ad.grad(lambda x: np.sum(x.reshape(2, 3).sum(axis=0, keepdims=True) ** 2))(x)
    np.testing.assert_array_equal(g, [6.0, 10.0, 14.0, 6.0, 10.0, 14.0])
    with pytest.raises(ValueError, match="reshape"):
        ad.vjp(lambda x: x.reshape(4, 2), x)


# ---------------------------------------------------------------- losses


def test_gradient_of_the_squared_loss_has_its_sign():
    x, y = np.array([1.0, -2.0, 0.5]), 3.0
    w = np.array([0.2, 0.4, -1.0])

    def predicted(w):
        return np.tanh(w @ x)

    slope = ad.grad(predicted)(w)
    gradient = ad.grad(lambda w: (y - predicted(w)) ** 2)(w)
    np.testing.assert_allclose(gradient, 2.0 * (predicted(w) - y) * slope, rtol=1e-15)
    np.testing.assert_allclose(slope, (1.0 - np.tanh(w @ x) ** 2) * x, rtol=1e-15)


def test_gradient_of_the_cross_entropy():
    logits, labels = np.random.default_rng(0).normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])

    def loss(z):
        return np.mean(np.log(np.sum(np.exp(z), axis=1)) - z[np.arange(5), labels])

    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = (chances - np.eye(4)[labels]) / 5.0
    np.testing.assert_allclose(ad.grad(loss)(logits), wanted, rtol=1e-13, atol=1e-16)
