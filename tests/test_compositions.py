"""Transforms applied to transforms: no order of them may confuse one derivative with another."""

import threading
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

import adjoint as ad

RNG = np.random.default_rng(0)


def directional(f):
    """The derivative of a function of one scalar, by forward mode."""
    return lambda x: ad.jvp(f, (x,), (1.0,))[1]


def pulled(f):
    """The derivative of a function of one scalar, by a pullback."""
    return lambda x: ad.vjp(f, x)[1](1.0)[0]


def by_linearize(f):
    """The derivative of a function of one scalar, by linearization."""
    return lambda x: ad.linearize(f, x)[1](1.0)


def by_jacobian(f):
    """The derivative of a function of one scalar, as its Jacobian."""
    return lambda x: ad.jacrev(f)(x)


MODES = {
    "grad": ad.grad,
    "jvp": directional,
    "vjp": pulled,
    "linearize": by_linearize,
    "jacrev": by_jacobian,
}


@pytest.fixture(params=MODES)
def outer(request):
    return MODES[request.param]


@pytest.fixture(params=MODES)
def inner(request):
    return MODES[request.param]


# ---------------------------------------------------------------- perturbation confusion


def test_inner_variable_is_not_the_outer_one(outer, inner):
    assert outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0


def test_inner_derivative_at_the_outer_variable(outer, inner):
    assert outer(lambda x: x * inner(lambda y: x + y)(x))(1.0) == 1.0


def test_outer_variable_as_a_coefficient(outer, inner):
    assert outer(lambda x: inner(lambda y: x * y)(2.0))(3.0) == 1.0
    assert outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0) == 6.0


def test_derivative_with_respect_to_one_of_two_uses(outer, inner):
    assert outer(lambda x: inner(lambda y: x * y * y)(x))(3.0) == 12.0


def test_inner_derivative_that_does_not_depend_on_the_outer(outer, inner):
    assert outer(lambda x: inner(lambda y: y * y * y)(2.0))(3.0) == 0.0
    assert outer(lambda x: inner(lambda y: x)(2.0) + x)(3.0) == 1.0


def test_three_levels(outer, inner):
    def of(x):
        return inner(lambda y: outer(lambda z: x * y * z)(x * y))(x)

    assert outer(of)(2.0) == 1.0

    def other(x):
        return x * inner(lambda y: y * outer(lambda z: x * y * z * z)(y))(x)

    # d/dz xyz^2 at z=y: 2xy^2, times y: 2xy^3; by y: 6xy^2 at y=x: 6x^3; x times that: 6x^4
    assert outer(other)(2.0) == pytest.approx(24 * 2.0**3, rel=1e-15)


def test_value_of_the_outer_inside_a_nonlinear_function(outer, inner):
    got = outer(lambda x: x * inner(lambda y: np.sin(x) * y)(x))(0.7)
    assert got == pytest.approx(np.sin(0.7) + 0.7 * np.cos(0.7), rel=1e-15)


def test_derivative_of_a_curried_shift():
    """The derivative of a function-valued function, applied to its own result."""

    def slope(f):
        return lambda x: directional(lambda u: f(x + u))(0.0)

    assert slope(slope(np.exp))(1.0) == pytest.approx(np.e, rel=1e-15)
    assert slope(slope(slope(lambda x: x**3)))(1.0) == 6.0


def test_a_function_that_is_returned_and_differentiated_later(outer, inner):
    def make(x):
        return lambda y: x * y * y

    assert outer(lambda x: inner(make(x))(x) + inner(make(2.0))(x))(3.0) == 16.0


def test_pullback_used_under_another_derivative():
    def g(x):
        value, pullback = ad.vjp(lambda y: x * y * y, x)
        return pullback(value)[0]  # x*x^2 * 2*x*x = 2 x^5

    assert ad.grad(g)(2.0) == 160.0
    assert directional(g)(2.0) == 160.0


def test_linear_map_of_the_outer_variable():
    def g(x):
        _, push = ad.linearize(lambda y: np.sin(x * y), 2.0)
        return push(x)  # cos(2x) * x * x

    wanted = -2 * np.sin(1.0) * 0.25 + 2 * 0.5 * np.cos(1.0)
    assert ad.grad(g)(0.5) == pytest.approx(wanted, rel=1e-14)


def test_derivative_by_a_tangent():
    def g(v):
        return ad.jvp(lambda x: x * x * v, (3.0,), (v,))[1]  # 2 x v * v

    assert ad.grad(g)(5.0) == 60.0


def test_stopped_gradients():
    assert ad.grad(lambda x: x * ad.stop_gradient(x))(3.0) == 3.0
    assert ad.grad(ad.grad(lambda x: x * x * ad.stop_gradient(x)))(3.0) == 6.0
    assert directional(lambda x: x + ad.stop_gradient(x * x))(3.0) == 1.0
    stopped = ad.grad(lambda t: np.sum(ad.stop_gradient(t)["a"] * t["b"]))
    got = stopped({"a": np.ones(2), "b": np.ones(2)})
    np.testing.assert_array_equal(got["a"], np.zeros(2))
    np.testing.assert_array_equal(got["b"], np.ones(2))


def test_batch_and_derivative_do_not_mix():
    xs = np.array([1.0, 2.0, 3.0])
    assert ad.grad(lambda x: np.sum(ad.vmap(lambda y: x * y)(xs)))(2.0) == 6.0
    np.testing.assert_array_equal(ad.vmap(lambda x: ad.grad(lambda y: x * y * y)(x))(xs), 2 * xs**2)
    got = ad.grad(lambda w: np.sum(ad.vmap(lambda x: ad.grad(lambda y: w * y**3)(x))(xs)))(2.0)
    assert got == pytest.approx(3 * np.sum(xs**2), rel=1e-15)
    nested = ad.vmap(lambda x: ad.vmap(lambda y: x * ad.grad(lambda z: x * z * y)(y))(xs))(xs)
    np.testing.assert_array_equal(nested, xs[:, None] ** 2 * xs)


def test_derivatives_survive_an_exception():
    def fails(x):
        ad.grad(lambda y: x / 0 if y > 0 else y)(1.0)
        raise KeyError("inside")

    with pytest.raises((KeyError, ZeroDivisionError)):
        ad.grad(fails)(1.0)
    assert ad.grad(lambda x: x * ad.grad(lambda y: x + y)(1.0))(1.0) == 1.0


def test_compiled_inner_derivative():
    inner = ad.jit(ad.grad(lambda y, x: x * y * y))
    assert ad.grad(lambda x: x * inner(2.0, x))(3.0) == 24.0
    assert ad.jit(ad.grad(lambda x: x * ad.grad(lambda y: x + y)(x)))(1.0) == 1.0


# ---------------------------------------------------------------- high orders


def tenth_derivative(x):
    """The tenth derivative of exp(sin(x)) with 50 digits."""
    mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed: no reference value")
    with mpmath.workdps(80):
        return float(mpmath.diff(lambda t: mpmath.exp(mpmath.sin(t)), x, 10))


@pytest.mark.parametrize("x", [0.3, 2.0])
def test_tenth_derivative(x):
    wanted = tenth_derivative(x)
    got = ad.derivative(lambda t: np.exp(np.sin(t)), 10)(x)
    assert got == pytest.approx(wanted, rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["grad", "jvp"])
def test_tenth_derivative_by_nesting(mode):
    def f(t):
        return np.exp(np.sin(t))

    for _ in range(10):
        f = MODES[mode](f)
    assert f(0.3) == pytest.approx(tenth_derivative(0.3), rel=1e-8)


@pytest.mark.parametrize("mode", MODES)
def test_sixth_derivative_by_nesting(mode):
    def f(t):
        return t**7 / 7 + np.sin(t)

    for _ in range(6):
        f = MODES[mode](f)
    assert f(0.3) == pytest.approx(720 * 0.3 - np.sin(0.3), rel=1e-13)


# ---------------------------------------------------------------- transforms over transforms


def loss(w, x):
    """A scalar of a matrix and a vector."""
    return np.sum(np.tanh(w @ x) ** 2) + np.exp(x[0]) * w[0, 1]


W = RNG.normal(size=(3, 4))
XS = RNG.normal(size=(5, 4))


def close(got, wanted, tolerance=1e-12):
    np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)


def test_vmap_of_grad():
    got = ad.vmap(ad.grad(loss), in_axes=(None, 0))(W, XS)
    close(got, np.stack([ad.grad(loss)(W, x) for x in XS]))
    both = ad.vmap(ad.grad(loss, (0, 1)), in_axes=(None, 0))(W, XS)
    close(both[1], np.stack([ad.grad(loss, 1)(W, x) for x in XS]))


def test_grad_of_vmap():
    def total(w):
        return np.sum(ad.vmap(loss, in_axes=(None, 0))(w, XS) ** 2)

    def looped(w):
        return sum(loss(w, x) ** 2 for x in XS)

    close(ad.grad(total)(W), ad.grad(looped)(W))
    close(ad.hvp(total, (W,), (W,)), ad.hvp(looped, (W,), (W,)))


def columns(f, x):
    """The Jacobian of `f` by one forward derivative a direction."""
    basis = np.eye(x.size).reshape((x.size, *x.shape))
    parts = [ad.jvp(f, (x,), (e,))[1] for e in basis]
    return np.stack(parts, axis=-1).reshape(parts[0].shape + x.shape)


@pytest.mark.parametrize("second", [ad.jacfwd, ad.jacrev, ad.jacobian], ids=lambda t: t.__name__)
@pytest.mark.parametrize("first", [ad.jacfwd, ad.jacrev, ad.jacobian], ids=lambda t: t.__name__)
def test_jacobians_of_jacobians(first, second):
    def g(x):
        return np.stack([np.sin(x[0]) * x[1], x[2] ** 2 * x[0], np.sum(x**3), x[3] * x[1]])

    wanted = columns(lambda x: columns(g, x), XS[0])
    close(second(first(g))(XS[0]), wanted)
    assert wanted.shape == (4, 4, 4)


def test_hessian_of_a_scalar_by_every_route():
    def g(x):
        return loss(W, x)

    x = XS[0]
    wanted = columns(lambda x: columns(g, x), x)
    close(ad.hessian(g)(x), wanted)
    close(ad.jacrev(ad.grad(g))(x), wanted)
    close(np.stack([ad.hvp(g, (x,), (e,)) for e in np.eye(4)]), wanted)
    close(ad.vmap(lambda e: ad.jvp(ad.grad(g), (x,), (e,))[1])(np.eye(4)), wanted)
    close(ad.vmap(lambda e: ad.grad(lambda x: ad.grad(g)(x) @ e)(x))(np.eye(4)), wanted)


def test_jvp_of_vmap_of_vjp():
    cotangents = RNG.normal(size=(5, 3))

    def g(x):
        return np.tanh(W @ x) * x[0]

    def one(x, ct):
        return ad.vjp(g, x)[1](ct)[0]

    tangents = RNG.normal(size=XS.shape)
    value, tangent = ad.jvp(lambda xs: ad.vmap(one)(xs, cotangents), (XS,), (tangents,))
    close(value, np.stack([one(x, c) for x, c in zip(XS, cotangents, strict=True)]))
    loop = [
        ad.jvp(lambda x, c=c: one(x, c), (x,), (t,))[1]
        for x, c, t in zip(XS, cotangents, tangents, strict=True)
    ]
    close(tangent, np.stack(loop))


def test_vmap_of_vmap():
    def g(x, y):
        return np.sin(x @ y) + x[0] * np.max(y)

    a, b = RNG.normal(size=(3, 4)), RNG.normal(size=(5, 4))
    wanted = np.stack([np.stack([g(x, y) for y in b]) for x in a])
    got = ad.vmap(lambda x: ad.vmap(lambda y: g(x, y))(b))(a)
    close(got, wanted)
    close(ad.vmap(ad.vmap(g, (None, 0)), (0, None))(a, b), wanted)
    close(ad.vmap(ad.vmap(g, (None, 0)), (0, None), out_axes=1)(a, b), wanted.T)


def test_vmap_of_hessian_and_of_jacobian():
    close(
        ad.vmap(ad.hessian(lambda x: loss(W, x)))(XS),
        np.stack([ad.hessian(lambda x: loss(W, x))(x) for x in XS]),
    )
    for transform in (ad.jacfwd, ad.jacrev):
        got = ad.vmap(transform(lambda x: np.outer(x, np.cos(x))))(XS)
        close(got, np.stack([transform(lambda x: np.outer(x, np.cos(x)))(x) for x in XS]))


def test_grad_of_a_hessian_and_third_derivatives():
    def g(x):
        return np.sum(x**4) + x[0] ** 2 * x[1]

    x = np.array([0.5, -1.0, 2.0])
    close(ad.grad(lambda x: np.trace(ad.hessian(g)(x)))(x), 24 * x + np.array([0.0, 2.0, 0.0]))
    third = ad.jacfwd(ad.hessian(g))(x)
    wanted = np.zeros((3, 3, 3))
    wanted[range(3), range(3), range(3)] = 24 * x
    for place in ((0, 0, 1), (0, 1, 0), (1, 0, 0)):
        wanted[place] += 2.0
    close(third, wanted)


def test_transforms_of_compiled_functions():
    compiled = ad.jit(loss)
    x = XS[0]
    close(ad.grad(compiled)(W, x), ad.grad(loss)(W, x))
    close(ad.hessian(compiled, 1)(W, x), ad.hessian(loss, 1)(W, x))
    close(ad.vmap(compiled, (None, 0))(W, XS), ad.vmap(loss, (None, 0))(W, XS))
    close(ad.jit(ad.vmap(ad.grad(compiled, 1), (None, 0)))(W, XS),
          ad.vmap(ad.grad(loss, 1), (None, 0))(W, XS))  # fmt: skip
    close(ad.jit(ad.hessian(loss, 1))(W, x), ad.hessian(loss, 1)(W, x))


# ---------------------------------------------------------------- vmap and containers


class Pair(NamedTuple):
    """A named tuple as a container of arguments."""

    left: object
    right: object


@dataclass
class Point:
    """A dataclass as a container of arguments."""

    x: object
    y: object


def test_vmap_over_containers():
    def g(t, scale):
        return {"sum": t["a"] + scale * t["b"][0], "pair": Pair(t["a"] @ t["b"][0], scale)}

    t = {"a": RNG.normal(size=(6, 3)), "b": [RNG.normal(size=(6, 3))]}
    got = ad.vmap(g, in_axes=(0, None))(t, 2.0)
    loop = [g({"a": t["a"][i], "b": [t["b"][0][i]]}, 2.0) for i in range(6)]
    close(got["sum"], np.stack([part["sum"] for part in loop]))
    close(got["pair"].left, np.stack([part["pair"].left for part in loop]))
    close(got["pair"].right, np.full(6, 2.0))
    assert type(got["pair"]) is Pair


def test_vmap_axes_inside_containers():
    t = {"a": RNG.normal(size=(3, 6)), "b": RNG.normal(size=3), "c": RNG.normal(size=(6, 3))}

    def g(t):
        return np.outer(t["a"] * t["b"], t["c"]), t["b"] * 2.0

    axes = {"a": 1, "b": None, "c": -2}
    got = ad.vmap(g, in_axes=(axes,), out_axes=(2, None))(t)
    loop = np.stack([np.outer(t["a"][:, i] * t["b"], t["c"][i]) for i in range(6)], axis=2)
    close(got[0], loop)
    close(got[1], 2.0 * t["b"])


@pytest.mark.parametrize("out_axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("in_axis", [0, 1, -1])
def test_vmap_in_and_out_axes(in_axis, out_axis):
    x = RNG.normal(size=(4, 4, 4))
    parts = np.moveaxis(x, in_axis, 0)
    wanted = np.stack([np.cumsum(p, axis=0) @ p for p in parts], axis=out_axis)
    got = ad.vmap(lambda p: np.cumsum(p, axis=0) @ p, in_axes=in_axis, out_axes=out_axis)(x)
    close(got, wanted)


def test_vmap_with_unequal_sizes_is_an_error():
    with pytest.raises(ValueError, match=r"3.*5|5.*3"):
        ad.vmap(lambda x, y: x + y)(np.ones(3), np.ones(5))


def test_containers_of_arguments():
    def g(tree):
        (a, b), point, pair = tree["list"], tree["point"], tree["pair"]
        return a * b**2 + np.sum(point.x * point.y) + pair.left @ pair.right

    tree = {
        "list": [2.0, 3.0],
        "point": Point(np.arange(3.0), np.ones(3)),
        "pair": Pair(np.array([1.0, 2.0]), np.array([5.0, 7.0])),
    }
    got = ad.grad(g)(tree)
    assert set(got) == {"list", "point", "pair"}
    assert got["list"] == [9.0, 12.0]
    assert type(got["list"]) is list and type(got["list"][0]) is float
    assert type(got["point"]) is Point and type(got["pair"]) is Pair
    close(got["point"].x, np.ones(3))
    close(got["point"].y, np.arange(3.0))
    close(got["pair"].left, [5.0, 7.0])
    close(got["pair"].right, [1.0, 2.0])


def test_output_containers_outside_argument_containers_inside():
    def g(p):
        return {"u": p["a"] * p["b"], "v": (p["a"] ** 2,)}

    p = {"a": np.array([1.0, 2.0]), "b": 3.0}
    for transform in (ad.jacfwd, ad.jacrev, ad.jacobian):
        got = transform(g)(p)
        close(got["u"]["a"], 3.0 * np.eye(2))
        close(got["u"]["b"], [1.0, 2.0])
        close(got["v"][0]["a"], np.diag([2.0, 4.0]))
        close(got["v"][0]["b"], [0.0, 0.0])
        assert type(got["v"]) is tuple


# ---------------------------------------------------------------- arguments and results


def product(x, y, z=2.0):
    """Three scalars, the last with a default."""
    return x * y**2 * z


def test_argnums():
    assert ad.grad(product)(3.0, 4.0) == 32.0
    assert ad.grad(product, 1)(3.0, 4.0) == 48.0
    assert ad.grad(product, argnums=-1)(3.0, 4.0, 5.0) == 48.0
    assert ad.grad(product, argnums=(1, 0))(3.0, 4.0) == (48.0, 32.0)
    assert ad.grad(product, argnums=(0,))(3.0, 4.0) == (32.0,)
    assert ad.grad(product, argnums="y")(3.0, 4.0) == 48.0
    assert ad.grad(product, argnums="z")(3.0, 4.0, z=1.0) == 48.0
    assert ad.grad(product, argnums=("x", "y"))(3.0, 4.0) == (32.0, 48.0)
    assert ad.grad(product)(3.0, 4.0, z=1.0) == 16.0
    value, gradient = ad.value_and_grad(product, (0, 1))(3.0, 4.0)
    assert value == 96.0 and gradient == (32.0, 48.0)


@pytest.mark.parametrize("argnums", [3, (0, 5), "missing"])
def test_argnums_that_do_not_exist(argnums):
    with pytest.raises((TypeError, ValueError, IndexError)):
        ad.grad(lambda x, y: x * y, argnums)(3.0, 4.0)


def test_has_aux():
    def g(x):
        y = np.sin(x)
        return np.sum(y**2), {"y": y, "n": 3}

    x = np.array([0.1, 0.7])
    gradient, aux = ad.grad(g, has_aux=True)(x)
    close(gradient, np.sin(2 * x))
    close(aux["y"], np.sin(x))
    assert type(aux["y"]) is np.ndarray and aux["n"] == 3
    (value, aux), gradient = ad.value_and_grad(g, has_aux=True)(x)
    assert value == pytest.approx(np.sum(np.sin(x) ** 2))
    close(gradient, np.sin(2 * x))
    nested = ad.grad(lambda x: np.sum(ad.grad(g, has_aux=True)(x)[1]["y"]))(x)
    close(nested, np.cos(x))


def test_hessian_structure():
    assert ad.hessian(lambda x, y: x**2 * y + y + 2, (0, 1))(3.0, 4.0) == ((8.0, 6.0), (6.0, 0.0))
    assert ad.hessian(lambda x, y: x**2 * y + y + 2)(3.0, 4.0) == 8.0
    got = ad.hessian(lambda x, y: np.sum(x**2) * y, (0, 1))(np.array([1.0, 2.0]), 4.0)
    close(got[0][0], 8.0 * np.eye(2))
    close(got[0][1], [2.0, 4.0])
    close(got[1][0], [2.0, 4.0])
    assert got[1][1] == 0.0
    tree = ad.hessian(lambda p: p["a"] ** 2 * p["b"])({"a": 3.0, "b": 4.0})
    assert tree == {"a": {"a": 8.0, "b": 6.0}, "b": {"a": 6.0, "b": 0.0}}


def test_results_have_the_type_of_the_argument():
    assert type(ad.grad(lambda x: x**3)(2.0)) is float
    assert type(ad.grad(lambda x: x**3)(2)) is float
    assert type(ad.grad(lambda x: x**3)(np.float64(2.0))) is np.float64
    assert type(ad.grad(lambda x: x**3)(np.float32(2.0))) is np.float32
    assert type(ad.grad(lambda x: np.sin(x))(2.0)) is float
    assert type(ad.grad(lambda x: np.sum(x))(np.array(2.0))) is np.ndarray
    assert ad.grad(lambda x: x**3)(np.int64(2)) == 12.0
    assert type(ad.jvp(lambda x: x * x, (3.0,), (1.0,))[1]) is float


def test_missing_dependence_is_a_zero():
    x = np.ones((2, 3))
    close(ad.grad(lambda x: 3.0)(x), np.zeros((2, 3)))
    assert ad.grad(lambda x, y: x * x, 1)(3.0, 4.0) == 0.0
    value, tangent = ad.jvp(lambda x: (7.0, x), (2.0,), (1.0,))
    assert value == (7.0, 2.0) and tangent == (0.0, 1.0)
    close(ad.jacfwd(lambda x: np.zeros(4))(x), np.zeros((4, 2, 3)))
    close(ad.jacrev(lambda x: np.zeros(4))(x), np.zeros((4, 2, 3)))
    assert ad.hessian(lambda x: 3.0 * x)(2.0) == 0.0


def test_results_are_fresh_arrays():
    x = np.arange(3.0)
    kept = np.arange(3.0)
    results = [
        ad.grad(lambda x: np.sum(x * kept))(x),
        ad.vjp(lambda x: x, x)[0],
        *ad.vjp(lambda x: (x, x), x)[0],
        ad.vjp(lambda x: x, x)[1](kept)[0],
        ad.jvp(lambda x: x, (x,), (kept,))[1],
        *ad.grad(lambda x, y: np.sum(x + y), (0, 1))(x, kept),
        ad.vmap(lambda x: x)(x),
        ad.jit(lambda x: x)(x),
    ]
    for i, result in enumerate(results):
        assert result.flags.writeable
        for other in (x, kept, *results[:i]):
            assert not np.shares_memory(result, other)


def test_integer_arrays_and_vector_outputs_are_refused():
    with pytest.raises(TypeError, match=r"astype\(float\)"):
        ad.grad(lambda x: np.sum(x))(np.arange(3))
    with pytest.raises(TypeError, match="scalar"):
        ad.grad(lambda x: x * 2)(np.ones(3))


# ---------------------------------------------------------------- complex numbers and corners


def test_gradient_of_a_real_function_of_a_complex_variable():
    z = 1.5 - 0.5j
    assert ad.grad(lambda z: abs(z) ** 2)(z) == pytest.approx(2 * np.conj(z))
    assert ad.grad(lambda z: np.real(z * z))(z) == pytest.approx(2 * z)  # u_x - i u_y = f'
    assert ad.grad(lambda z: np.imag(z))(z) == pytest.approx(-1j)


def test_holomorphic_derivatives():
    z = 0.3 + 0.4j
    derivative = ad.grad(lambda z: np.exp(1j * z) * z**2, holomorphic=True)
    assert derivative(z) == pytest.approx(np.exp(1j * z) * (1j * z**2 + 2 * z))
    with pytest.raises(TypeError):
        ad.grad(lambda z: z * z)(z)
    close(ad.jacfwd(lambda z: z**2, holomorphic=True)(np.array([z, 1j])), np.diag([2 * z, 2j]))


def test_ties_are_shared_evenly():
    close(ad.grad(np.max)(np.array([1.0, 3.0, 3.0])), [0.0, 0.5, 0.5])
    close(ad.grad(np.min)(np.array([1.0, 1.0, 1.0, 3.0])), [1 / 3, 1 / 3, 1 / 3, 0.0])
    assert ad.grad(lambda x, y: np.maximum(x, y), (0, 1))(2.0, 2.0) == (0.5, 0.5)
    assert directional(lambda x: np.minimum(x, 2.0))(2.0) == 0.5


def test_corners_have_a_zero_derivative():
    assert ad.grad(abs)(0.0) == 0.0
    close(ad.grad(lambda x: np.linalg.norm(x))(np.zeros(3)), np.zeros(3))
    close(ad.hessian(lambda x: np.linalg.norm(x))(np.array([3.0, 4.0])),
          np.array([[16.0, -12.0], [-12.0, 9.0]]) / 125.0)  # fmt: skip


# ---------------------------------------------------------------- custom rules and threads


def test_custom_rule_serves_both_modes():
    @ad.custom_derivative
    def cube(x):
        return x**3

    cube.jvp(lambda primals, tangents: (primals[0] ** 3, 5.0 * primals[0] ** 2 * tangents[0]))
    assert ad.grad(cube)(2.0) == 20.0
    assert directional(cube)(2.0) == 20.0
    assert ad.grad(ad.grad(cube))(2.0) == 20.0
    close(ad.vmap(ad.grad(cube))(np.array([1.0, 2.0])), [5.0, 20.0])


def test_threads_do_not_disturb_one_another():
    rng = np.random.default_rng(1)
    matrices = rng.normal(size=(8, 6, 6))
    results, failures = [None] * 8, []

    def g(a, x):
        return np.sum(np.tanh(a @ x) ** 2) * ad.grad(lambda y: np.sum(y * y * x[0]))(x)[1]

    def work(k):
        try:
            for _ in range(20):
                results[k] = ad.vmap(lambda x: ad.grad(g)(matrices[k], x))(matrices[k])
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for k in range(8):
        close(results[k], np.stack([ad.grad(g)(matrices[k], x) for x in matrices[k]]))


def test_a_long_chain_does_not_recurse():
    def chain(x):
        for _ in range(20_000):
            x = x * 1.0001 + 0.0001
        return x

    assert ad.grad(chain)(1.0) == pytest.approx(1.0001**20_000, rel=1e-9)
    assert directional(chain)(1.0) == pytest.approx(1.0001**20_000, rel=1e-9)
