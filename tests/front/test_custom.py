"""`custom_derivative`: one rule serves both modes, all orders, `vmap`, `jit`; mistakes."""

import math
from typing import NamedTuple

import numpy as np
import pytest

import adjoint as ad

X = np.array([0.3, -0.7, 1.1])


def by_jvp(function, rule):
    """A custom function with the tangent `rule(primals, tangents)`."""
    custom = ad.custom_derivative(lambda *args: function(*args))
    custom.jvp(lambda primals, tangents: (custom(*primals), rule(primals, tangents)))
    return custom


def by_vjp(function, rule):
    """A custom function with the cotangents `rule(primals, output, cotangent)`."""
    custom = ad.custom_derivative(lambda *args: function(*args))
    custom.vjp(rule)
    return custom


FACTOR = 3.0  # the rules are wrong by this factor: a test sees that they are used
SINES = {
    "jvp": by_jvp(np.sin, lambda p, t: FACTOR * np.cos(p[0]) * t[0]),
    "vjp": by_vjp(np.sin, lambda p, y, c: FACTOR * np.cos(p[0]) * c),
}


@pytest.fixture(params=SINES)
def sine(request):
    return SINES[request.param]


def test_both_modes(sine):
    wanted = FACTOR * np.cos(X)
    np.testing.assert_allclose(ad.grad(lambda x: np.sum(sine(x)))(X), wanted)
    np.testing.assert_allclose(ad.jvp(sine, (X,), (np.ones(3),))[1], wanted)
    np.testing.assert_allclose(ad.jacfwd(sine)(X), np.diag(wanted))
    np.testing.assert_allclose(ad.jacrev(sine)(X), np.diag(wanted))
    np.testing.assert_allclose(ad.linearize(sine, X)[1](X), wanted * X)
    np.testing.assert_allclose(ad.vjp(sine, X)[1](X)[0], wanted * X)
    assert ad.grad(sine)(0.3) == pytest.approx(FACTOR * np.cos(0.3))
    assert type(ad.grad(sine)(np.float32(0.3))) is np.float32


def test_higher_orders_differentiate_the_rule(sine):
    for second in (
        ad.grad(ad.grad(sine)), ad.derivative(sine, 2), ad.jacfwd(ad.jacrev(sine)),
        ad.jacrev(ad.jacfwd(sine)), lambda x: ad.hvp(sine, (x,), (1.0,)),
    ):  # fmt: skip
        assert second(0.3) == pytest.approx(-FACTOR * np.sin(0.3))
    third = ad.grad(ad.grad(ad.grad(sine)))(0.3)
    wanted = -FACTOR * np.cos(0.3)
    assert third == pytest.approx(wanted)
    assert ad.derivative(sine, 3)(0.3) == pytest.approx(wanted)


def test_vmap_and_jit_in_every_order(sine):
    wanted = FACTOR * np.cos(X)
    for f in (
        ad.vmap(ad.grad(sine)), ad.jit(ad.vmap(ad.grad(sine))), ad.vmap(ad.jit(ad.grad(sine))),
        ad.vmap(ad.grad(ad.jit(sine))), ad.grad(lambda x: np.sum(ad.vmap(sine)(x))),
        ad.jit(ad.grad(lambda x: np.sum(ad.vmap(sine)(x)))),
        lambda x: ad.jvp(ad.vmap(sine), (x,), (np.ones(3),))[1],
        ad.vmap(lambda x: ad.jvp(sine, (x,), (1.0,))[1]),
        lambda x: ad.vmap(ad.vmap(ad.grad(sine)))(x[None])[0],
    ):  # fmt: skip
        np.testing.assert_allclose(f(X), wanted)
    np.testing.assert_allclose(ad.vmap(ad.grad(ad.grad(sine)))(X), -FACTOR * np.sin(X))
    np.testing.assert_allclose(ad.jit(sine)(X), np.sin(X))
    np.testing.assert_allclose(sine(X), np.sin(X))


class Pair(NamedTuple):
    left: object
    right: object


def test_containers_and_several_results():
    def f(tree, scale):
        return {"sum": tree["a"] * scale + tree["b"].left, "product": tree["b"].right * scale}

    def tangent(primals, tangents):
        (tree, scale), (dtree, dscale) = primals, tangents
        return {
            "sum": dtree["a"] * scale + tree["a"] * dscale + dtree["b"].left,
            "product": 2.0 * (dtree["b"].right * scale + tree["b"].right * dscale),
        }

    def cotangent(primals, output, c):
        tree, scale = primals
        pair = Pair(c["sum"], 2.0 * c["product"] * scale)
        return {"a": c["sum"] * scale, "b": pair}, np.sum(c["sum"] * tree["a"]) + 2.0 * np.sum(
            c["product"] * tree["b"].right
        )

    tree = {"a": X, "b": Pair(X**2, X + 1)}
    for custom in (by_jvp(f, tangent), by_vjp(f, cotangent)):

        def loss(tree, scale, custom=custom):
            found = custom(tree, scale)
            return np.sum(found["sum"] ** 2) + np.sum(found["product"])

        got = ad.grad(loss, (0, 1))(tree, 2.0)
        residual = 2 * (X * 2.0 + X**2)
        np.testing.assert_allclose(got[0]["a"], residual * 2.0)
        np.testing.assert_allclose(got[0]["b"].left, residual)
        np.testing.assert_allclose(got[0]["b"].right, 4.0 * np.ones(3))
        assert got[1] == pytest.approx(np.sum(residual * X) + 2 * np.sum(X + 1))
        forward = ad.jvp(lambda s: loss(tree, s), (2.0,), (1.0,))[1]
        assert forward == pytest.approx(got[1])
        assert ad.jit(ad.grad(loss, 1))(tree, 2.0) == pytest.approx(got[1])
        rows = ad.vmap(ad.grad(loss, 1), in_axes=({"a": None, "b": None}, 0))(tree, np.ones(2) * 2)
        np.testing.assert_allclose(rows, [got[1], got[1]])


def test_arguments_without_derivative():
    power = by_vjp(
        lambda x, n: x ** int(n), lambda p, y, c: (c * p[1] * p[0] ** (int(p[1]) - 1), None)
    )
    assert ad.grad(power)(2.0, 3) == 12.0
    assert ad.jvp(lambda x: power(x, 3), (2.0,), (1.0,)) == (8.0, 12.0)
    assert ad.grad(ad.grad(lambda x: power(x, 3)))(2.0) == 12.0
    assert ad.jit(ad.grad(lambda x: power(x, 3)))(2.0) == 12.0
    np.testing.assert_allclose(ad.vmap(ad.grad(lambda x: power(x, 3)))(X), 3 * X**2)
    assert ad.grad(lambda x, n: power(x, n), 1)(2.0, 3.0) == 0.0


def test_functions_that_cannot_be_traced():
    custom = by_vjp(lambda x: math.sin(x), lambda p, y, c: c * np.cos(p[0]))
    assert ad.grad(custom)(0.3) == pytest.approx(math.cos(0.3))
    assert ad.jvp(custom, (0.3,), (1.0,))[1] == pytest.approx(math.cos(0.3))
    assert ad.jit(custom)(0.3) == pytest.approx(math.sin(0.3))


class Model:
    def __init__(self, scale):
        self.scale = scale

    @ad.custom_derivative
    def apply(self, x):
        return x * self.scale

    @apply.vjp
    def rule(primals, output, cotangent):
        model, _ = primals
        return None, cotangent * model.scale * 10.0


class Forward(Model):
    @ad.custom_derivative
    def apply(self, x):
        return x * self.scale

    @apply.jvp
    def rule(primals, tangents):
        (model, x), (nothing, t) = primals, tangents
        assert nothing is None
        return x, t * model.scale * 10.0


def test_methods_and_arguments_that_are_no_numbers():
    for kind in (Model, Forward):
        model = kind(3.0)
        assert model.apply(2.0) == 6.0
        assert ad.grad(model.apply)(2.0) == 30.0
        assert ad.jvp(model.apply, (2.0,), (1.0,)) == (6.0, 30.0)
        assert ad.jit(model.apply)(2.0) == 6.0
        assert ad.jit(ad.grad(model.apply))(2.0) == 30.0
        np.testing.assert_array_equal(ad.vmap(ad.grad(model.apply))(X), np.full(3, 30.0))
    chosen = by_jvp(
        lambda x, mode: getattr(np, mode)(x),
        lambda p, t: {"sin": np.cos, "exp": np.exp}[p[1]](p[0]) * t[0],
    )
    for f in (chosen, ad.jit(chosen)):
        assert ad.grad(lambda x, f=f: f(x, "sin"))(0.3) == pytest.approx(np.cos(0.3))
        assert ad.grad(lambda x, f=f: f(x, "exp"))(0.3) == pytest.approx(np.exp(0.3))
    assert ad.jit(ad.grad(chosen))(0.3, "exp") == pytest.approx(np.exp(0.3))


def test_defaults_and_keywords():
    named = ad.custom_derivative(lambda x, scale=2.0: x * scale)
    named.vjp(lambda p, y, c: (c * p[1] * 10, c * p[0]))
    assert ad.grad(lambda x: named(x, scale=3.0))(1.0) == 30.0
    assert ad.grad(lambda x: named(scale=3.0, x=x))(1.0) == 30.0
    assert ad.grad(lambda x: named(x, 3.0))(1.0) == 30.0


def test_used_inside_another_rule():
    inner = by_jvp(np.sin, lambda p, t: 2.0 * np.cos(p[0]) * t[0])
    outer = by_jvp(lambda x: inner(x) ** 2, lambda p, t: ad.jvp(lambda x: inner(x) ** 2, p, t)[1])
    wanted = 4 * np.sin(0.3) * np.cos(0.3)
    assert ad.jvp(outer, (0.3,), (1.0,))[1] == pytest.approx(wanted)


def test_the_rule_may_use_linear_operations_of_every_kind():
    a = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 4.0]])

    def tangent(p, t):
        (v,) = t
        parts = np.concatenate([v[1:], v[:1]]) + a @ v + np.where(p[0] > 0, v, 0.0)
        return sum(
            [parts, np.linalg.solve(a, v), np.cumsum(v), v / 2.0, -v, np.einsum("ij,j", a, v)]
        )

    custom = by_jvp(lambda x: x * 1.0, tangent)
    jacobian = ad.jacfwd(custom)(X)
    np.testing.assert_allclose(ad.jacrev(custom)(X), jacobian)
    np.testing.assert_allclose(ad.jit(ad.jacrev(custom))(X), jacobian)
    np.testing.assert_allclose(ad.vmap(ad.jacrev(custom))(X[None])[0], jacobian)


# ---------------------------------------------------------------- mistakes


def test_a_function_without_a_rule():
    with pytest.raises(TypeError, match="has no rule"):
        ad.grad(ad.custom_derivative(np.sin))(1.0)


@pytest.mark.parametrize(
    "rule",
    [
        lambda p, t: t[0] * t[0],
        lambda p, t: abs(t[0]),
        lambda p, t: t[0] + 1.0,
        lambda p, t: np.where(t[0] > 0, 1.0, 2.0),
        lambda p, t: np.exp(t[0]),
    ],
)
def test_a_jvp_rule_that_is_not_linear(rule):
    with pytest.raises(TypeError, match="linear in the tangents"):
        ad.grad(by_jvp(np.sin, rule))(1.0)


@pytest.mark.parametrize(
    "rule",
    [
        lambda p, y, c: c * c,
        lambda p, y, c: np.where(p[0] > 2.0, c, 5.0),
        lambda p, y, c: c + 1.0,
        lambda p, y, c: np.maximum(c, 0.0),
    ],
)
def test_a_vjp_rule_that_is_not_linear_has_no_forward_mode(rule):
    with pytest.raises(TypeError, match="linear in the cotangent"):
        ad.jvp(by_vjp(np.sin, rule), (1.0,), (1.0,))
    with pytest.raises(TypeError, match="linear in the cotangent"):
        ad.vmap(lambda x: ad.jvp(by_vjp(np.sin, rule), (x,), (1.0,))[1])(X)


def test_rules_with_the_wrong_shape():
    for rule in (lambda p, t: np.sum(t[0]), lambda p, t: t[0][None], lambda p, t: 0.0):
        custom = by_jvp(np.sin, rule)
        for transform in (lambda f: ad.jvp(f, (X,), (X,)), lambda f: ad.vjp(f, X)[1](X)):
            with pytest.raises(TypeError, match="shape of its value"):
                transform(custom)
    for rule in (lambda p, y, c: np.sum(c), lambda p, y, c: np.ones((4, 3)) * c):
        with pytest.raises(TypeError, match="shape of its value"):
            ad.vjp(by_vjp(np.sin, rule), X)[1](X)


def test_rules_with_the_wrong_structure():
    with pytest.raises(TypeError, match="pair"):
        custom = ad.custom_derivative(np.sin)
        custom.jvp(lambda p, t: t[0])
        ad.grad(custom)(1.0)
    with pytest.raises(TypeError, match="tuple of 2"):
        ad.grad(by_vjp(lambda x, y: x * y, lambda p, y, c: c))(1.0, 2.0)
    with pytest.raises(TypeError, match="structure"):
        ad.grad(by_vjp(np.sin, lambda p, y, c: [c, c]))(1.0)


def test_a_traced_value_from_outside_is_refused():
    def f(x):
        return by_jvp(lambda y: x * y, lambda p, t: x * t[0])(2.0 * x)

    uses = (
        ad.grad(f),
        ad.jit(f),
        lambda x: ad.jvp(f, (x,), (1.0,)),
        ad.grad(ad.grad(f)),
        ad.jit(ad.grad(f)),
    )
    for use in uses:
        with pytest.raises(TypeError, match="not among its arguments"):
            use(3.0)
    with pytest.raises(TypeError, match="not among its arguments"):
        ad.vmap(ad.grad(f))(X)


# ------------------------------------------------------------------- rules where values are unknown


def reads_its_output():
    """exp, whose rule reads its output again."""
    exponential = ad.custom_derivative(lambda x: np.exp(x))

    @exponential.jvp
    def rule(primals, tangents):
        y = exponential(*primals)
        return y, y * tangents[0]

    return exponential


def product_by_vjp():
    """x exp(x), by one rule of a product."""
    scaled = ad.custom_derivative(lambda x, y: np.exp(x) * y)
    scaled.vjp(lambda primals, output, c: (output * c, np.exp(primals[0]) * c))
    return lambda x: scaled(x, x)


OF_ITS_OUTPUT = {
    "output": (reads_its_output(), np.exp),
    "vjp": (product_by_vjp(), lambda x: np.exp(x) * x),
}


@pytest.mark.parametrize("name", OF_ITS_OUTPUT)
def test_a_rule_that_reads_its_output_again(name):
    f, same = OF_ITS_OUTPUT[name]
    for transform in (
        ad.grad,
        lambda f: ad.jit(ad.grad(f)),
        lambda f: ad.grad(ad.jit(f)),
        lambda f: ad.grad(ad.grad(f)),
        lambda f: ad.jit(ad.grad(ad.grad(f))),
        ad.hessian,
    ):
        assert transform(f)(0.6) == pytest.approx(transform(same)(0.6), rel=1e-14)


LOOPS = {
    "fori_loop": lambda f: lambda x: ad.fori_loop(0, 2, lambda i, v: f(v) * x, x),
    "scan": lambda f: lambda x: ad.scan(lambda c, y: (c + f(y), c), x, x * np.ones(3))[0],
    "cond": lambda f: lambda x: ad.cond(x > 0, lambda v: f(v) * v, lambda v: v, x),
    "while_loop": lambda f: lambda x: ad.while_loop(lambda v: v < 5.0, f, 2.5 * x),
    "rows": lambda f: lambda x: np.sum(ad.map(f, x * np.arange(3.0))),
}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("name", OF_ITS_OUTPUT)
def test_rules_inside_loops_and_branches(loop, name):
    f, same = (LOOPS[loop](g) for g in OF_ITS_OUTPUT[name])
    assert ad.jvp(f, (0.6,), (2.0,)) == pytest.approx(ad.jvp(same, (0.6,), (2.0,)), rel=1e-13)
    for transform in (ad.grad, lambda f: ad.jit(ad.grad(f)), ad.hessian):
        assert transform(f)(0.6) == pytest.approx(transform(same)(0.6), rel=1e-13)


def test_a_rule_inside_a_loop_reads_a_traced_value_from_outside():
    def slope(a):
        steep = ad.custom_derivative(lambda x: x * x)
        steep.jvp(lambda p, t: (steep(*p), a * p[0] * t[0]))
        return ad.jvp(lambda x: ad.fori_loop(0, 2, lambda i, v: steep(v), x), (1.5,), (1.0,))[1]

    assert slope(2.0) == pytest.approx(4 * 1.5**3, rel=1e-15)
    with pytest.raises(ad.DifferentiationError, match="reads a traced value that is not among its"):
        ad.grad(slope)(2.0)
