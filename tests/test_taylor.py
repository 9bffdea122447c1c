"""Taylor series: functions of every family to order 20 against mpmath, arrays, products of
matrices, transforms, the cost, what is refused.

Tolerance of the references: 1e-12 of the largest coefficient, some thousand roundings for the few
hundred operations of a coefficient.
"""

import math
import warnings

import numpy as np
import pytest

import adjoint as ad
from adjoint.base.dtypes import type_of
from adjoint.base.errors import DifferentiationError
from adjoint.graph import op
from adjoint.graph.node import next_serial
from adjoint.graph.primitive import Partials, Undefined

special = ad.special
ORDER = 20

# name: ours, mpmath's (a function of `mpmath.mp`), the point
FUNCTIONS = {
    "exp(sin)": (lambda x: np.exp(np.sin(x)), lambda m, x: m.exp(m.sin(x)), 0.7),
    "sin(sin(sin))": (
        lambda x: np.sin(np.sin(np.sin(x))), lambda m, x: m.sin(m.sin(m.sin(x))), 1.1),
    "x**5 + 1": (lambda x: x**5 + 1, lambda m, x: x**5 + 1, 2.0),
    "quotient": (
        lambda x: (x + 2) * (x - 3) / (x - 4), lambda m, x: (x + 2) * (x - 3) / (x - 4), 6.0),
    "1/(1+x**2)": (lambda x: 1 / (1 + x**2), lambda m, x: 1 / (1 + x**2), 0.5),
    "log(1+x**2)": (lambda x: np.log(1 + x**2), lambda m, x: m.log(1 + x**2), 0.8),
    "log2": (np.log2, lambda m, x: m.log(x, 2), 1.5),
    "log10": (lambda x: np.log10(2 + x), lambda m, x: m.log10(2 + x), 0.5),
    "log1p": (np.log1p, lambda m, x: m.log1p(x), 0.3),
    "expm1(x)/x": (lambda x: np.expm1(x) / x, lambda m, x: m.expm1(x) / x, 0.7),
    "exp2(cos)": (lambda x: np.exp2(np.cos(x)), lambda m, x: m.mpf(2) ** m.cos(x), 0.4),
    "sqrt": (lambda x: np.sqrt(1 + x), lambda m, x: m.sqrt(1 + x), 0.5),
    "cbrt": (np.cbrt, lambda m, x: m.cbrt(x), 1.5),
    "x**2.5": (lambda x: x**2.5, lambda m, x: x ** m.mpf(2.5), 1.7),
    "x**-3": (lambda x: x**-3, lambda m, x: x**-3, 1.3),
    "x**x": (lambda x: x**x, lambda m, x: x**x, 1.5),
    "2**x": (lambda x: 2**x, lambda m, x: m.mpf(2) ** x, 1.5),
    "tan": (np.tan, lambda m, x: m.tan(x), 0.6),
    "arcsin": (lambda x: np.arcsin(x / 2), lambda m, x: m.asin(x / 2), 0.9),
    "arccos": (lambda x: np.arccos(x / 3), lambda m, x: m.acos(x / 3), 0.5),
    "arctan": (np.arctan, lambda m, x: m.atan(x), 0.7),
    "arctan2": (
        lambda x: np.arctan2(x, 2 - x), lambda m, x: m.atan2(x, 2 - x), 0.7),
    "hypot": (lambda x: np.hypot(x, 1 + x), lambda m, x: m.hypot(x, 1 + x), 0.7),
    "sinh cos": (lambda x: np.sinh(x) * np.cos(x), lambda m, x: m.sinh(x) * m.cos(x), 0.9),
    "cosh(x**2)": (lambda x: np.cosh(x**2), lambda m, x: m.cosh(x**2), 0.8),
    "tanh": (np.tanh, lambda m, x: m.tanh(x), 0.4),
    "arcsinh": (np.arcsinh, lambda m, x: m.asinh(x), 0.6),
    "arccosh": (np.arccosh, lambda m, x: m.acosh(x), 2.0),
    "arctanh": (np.arctanh, lambda m, x: m.atanh(x), 0.3),
    "sinc": (np.sinc, lambda m, x: m.sincpi(x), 1.3),
    "exp(-x**2) cos(3x)": (
        lambda x: np.exp(-x * x) * np.cos(3 * x), lambda m, x: m.exp(-x * x) * m.cos(3 * x), 0.5),
    "where, abs, maximum": (
        lambda x: np.where(x > 1, np.abs(np.sin(x)), x) * np.maximum(np.exp(x), -x),
        lambda m, x: m.sin(x) * m.exp(x), 1.4),
    "logaddexp": (
        lambda x: np.logaddexp(x, np.sin(2 * x)),
        lambda m, x: m.log(m.exp(x) + m.exp(m.sin(2 * x))), 0.5),
    "logaddexp2": (
        lambda x: np.logaddexp2(x, 1.0), lambda m, x: m.log(m.mpf(2) ** x + 2, 2), 0.5),
    "logsumexp": (
        lambda x: special.logsumexp(np.stack([x, x * x, 1.0 + 0 * x])),
        lambda m, x: m.log(m.exp(x) + m.exp(x * x) + m.e), 0.5),
    "expit": (special.expit, lambda m, x: 1 / (1 + m.exp(-x)), 0.7),
    "logit": (special.logit, lambda m, x: m.log(x / (1 - x)), 0.3),
    "erf": (special.erf, lambda m, x: m.erf(x), 0.6),
    "erfc(x**2)": (lambda x: special.erfc(x * x), lambda m, x: m.erfc(x * x), 0.8),
    "ndtr": (special.ndtr, lambda m, x: m.ncdf(x), 0.5),
    "erfinv": (special.erfinv, lambda m, x: m.erfinv(x), 0.3),
    "gammaln": (special.gammaln, None, 2.5),
    "digamma": (special.digamma, None, 1.8),
    "gamma": (special.gamma, lambda m, x: m.gamma(x), 2.2),
    "gammaln(1 + x**2)": (
        lambda x: special.gammaln(1 + x * x), lambda m, x: m.loggamma(1 + x * x), 1.2),
    "betaln": (
        lambda x: special.betaln(x, 2.5), lambda m, x: m.log(m.beta(x, m.mpf(2.5))), 1.5),
    "xlogy": (lambda x: special.xlogy(x, 1 + x), lambda m, x: x * m.log(1 + x), 0.5),
    "j0": (special.j0, lambda m, x: m.besselj(0, x), 1.2),
    "jv": (lambda x: special.jv(2.0, x * x), lambda m, x: m.besselj(2, x * x), 0.9),
    "kv": (lambda x: special.kv(1.5, x), lambda m, x: m.besselk(m.mpf(1.5), x), 1.5),
    "i0(2x)": (lambda x: special.i0(2 * x), lambda m, x: m.besseli(0, 2 * x), 0.8),
}  # fmt: skip


COEFFICIENTS = {  # where mpmath knows the derivatives; its differences take long there
    "gammaln": lambda m, x, k: m.psi(k - 1, x) / m.factorial(k) if k else m.loggamma(x),
    "digamma": lambda m, x, k: m.psi(k, x) / m.factorial(k),
}


def reference(name, order=ORDER):
    _, function, x = FUNCTIONS[name]
    mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed: no reference value")
    with mpmath.workdps(30):
        x = mpmath.mpf(x)
        if name in COEFFICIENTS:
            found = [COEFFICIENTS[name](mpmath.mp, x, k) for k in range(order + 1)]
        else:
            found = mpmath.taylor(lambda t: function(mpmath.mp, t), x, order)
        return np.array([float(mpmath.re(c)) for c in found])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_order_20_against_mpmath(name):
    function, _, x = FUNCTIONS[name]
    found, wanted = ad.taylor(function, x, ORDER), reference(name)
    assert found.shape == (ORDER + 1,) and found.dtype == float
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.max(np.abs(wanted)))


def test_there_are_enough_of_them():
    assert len(FUNCTIONS) >= 40


@pytest.mark.parametrize("name", ["exp(sin)", "quotient", "x**x", "tan", "gammaln", "jv", "expit"])
def test_against_nested_derivatives(name):
    function, _, x = FUNCTIONS[name]
    nested, wanted = function, []
    for k in range(6):
        wanted.append(nested(x) / math.factorial(k))
        nested = (lambda f: lambda v: ad.jvp(f, (v,), (1.0,))[1])(nested)
    np.testing.assert_allclose(ad.taylor(function, x, 5), wanted, rtol=1e-12)


def test_polynomials_end():
    np.testing.assert_array_equal(
        ad.taylor(lambda x: x**3 - 2 * x + 5, 1.0, 6), [4.0, 1.0, 3.0, 1.0, 0.0, 0.0, 0.0]
    )
    np.testing.assert_array_equal(ad.taylor(lambda x: x**4, 0.0, 5), [0, 0, 0, 0, 1, 0])
    np.testing.assert_array_equal(ad.taylor(lambda x: 7.0, 0.0, 2), [7.0, 0.0, 0.0])
    np.testing.assert_array_equal(ad.taylor(lambda x: x, 3.0, 0), [3.0])


# ---------------------------------------------------------------------------------- every primitive


@pytest.fixture
def quiet():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def case_of(name):
    """The first sample call of floats, or of complex numbers, that has derivatives, and the inputs
    that move."""
    primitive = op.registry[name]
    for case in primitive.cases(np.random.default_rng(4)):
        types = [type_of(x) for x in case.inputs]
        form = primitive.form(any(t.dtype.kind == "c" for t in types))
        if not case.differentiate or isinstance(form, Undefined):
            continue
        places = [i for i, t in enumerate(types) if t.dtype.kind in "fc"]
        if isinstance(form, Partials):
            places = [i for i in places if has_partial(form.partials[i], case)]
        if places and all(np.finfo(types[i].dtype).eps < 1e-10 for i in places):
            return case, places
    return None


def has_partial(partial, case):
    try:
        with np.errstate(all="ignore"):
            return partial is not None and (
                not callable(partial) or partial(*case.inputs, 1.0) is not None
            )
    except DifferentiationError:
        return False


def sampled(name):
    """The primitive as a function of its moving inputs, the list of its inexact outputs; the
    inputs; a direction."""
    case, places = case_of(name)
    rng = np.random.default_rng(5)

    def f(values):
        inputs = list(case.inputs)
        for i, x in zip(places, values, strict=True):
            inputs[i] = x
        found = getattr(op, name)(*inputs, **case.parameters)
        found = found if isinstance(found, tuple) else (found,)
        return [y for y in found if type_of(y).dtype.kind in "fc"]

    x = tuple(case.inputs[i] for i in places)
    v = tuple(np.asarray(0.1 * rng.standard_normal(np.shape(a)), type_of(a).dtype) for a in x)
    return f, x, v


SWEPT = sorted(
    n for n, p in op.registry.items()
    if p.kind not in ("structural", "control", "random") and case_of(n)
)  # fmt: skip


@pytest.mark.parametrize("name", SWEPT)
def test_every_primitive_against_nested_derivatives(name, quiet):
    f, x, v = sampled(name)
    nested = lambda t: f(tuple(a + t * b for a, b in zip(x, v, strict=True)))
    wanted = []
    for k in range(4):
        try:
            wanted.append([np.asarray(y) / math.factorial(k) for y in nested(0.0)])
        except DifferentiationError:  # no second derivative in that input
            with pytest.raises(DifferentiationError):
                ad.taylor(f, x, k, direction=v)
            break
        nested = (lambda g: lambda t: ad.jvp(g, (t,), (1.0,))[1])(nested)
    found = ad.taylor(f, x, len(wanted) - 1, direction=v)
    for i, y in enumerate(found):
        for k in range(len(wanted)):
            scale = max(np.max(np.abs(w[i]), initial=0.0) for w in wanted)
            np.testing.assert_allclose(
                y[k], wanted[k][i], rtol=1e-9, atol=1e-11 * scale, err_msg=f"{name}, order {k}"
            )


# ---------------------------------------------------------------------------- arguments and results


def test_arrays():
    x = np.array([0.3, 1.2, -0.5])
    found = ad.taylor(lambda v: np.exp(np.sin(v)), x, 8)
    assert found.shape == (9, 3)
    for i in range(3):
        np.testing.assert_allclose(
            found[:, i], ad.taylor(lambda v: np.exp(np.sin(v)), float(x[i]), 8), rtol=1e-14
        )


def line(f, x, v):
    """The function along a line, of one number."""
    return lambda t: f(x + t * v)


RNG = np.random.default_rng(3)
M, V = RNG.uniform(-1, 1, (3, 3)) + 2 * np.eye(3), RNG.uniform(-1, 1, (3, 3))
ARRAY_FUNCTIONS = {
    "matmul": lambda a: a @ a @ np.ones(3),
    "power of a matrix": lambda a: np.linalg.matrix_power(a, 3),
    "solve": lambda a: np.linalg.solve(a, np.arange(3.0)),
    "solve both": lambda a: ad.linalg.solve(a, a[0] * a[1]),
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "slogdet": lambda a: np.linalg.slogdet(a)[1],
    "cholesky": lambda a: np.linalg.cholesky(a @ a.T),
    "eigvalsh": lambda a: np.linalg.eigvalsh(a + a.T + np.diag([0.0, 5.0, 9.0])),
    "eigh": lambda a: np.linalg.eigh(a + a.T + np.diag([0.0, 5.0, 9.0]))[1] ** 2,
    "norm": np.linalg.norm,
    "einsum": lambda a: np.einsum("ij,jk,ki->i", a, a, a),
    "where, indexing": lambda a: np.where(a > 0, a**2, -a)[1:, [0, 2]],
    "reductions": lambda a: a.sum(0) * a.mean() / a.max() + np.sort(a[0]) + a.prod(axis=1),
    "layout": lambda a: np.concatenate([a.T.ravel(), np.ones(2), a[0, ::-1]]),
    "broadcasting": lambda a: a[:, None] * a[None] - a[0],
    "cumulative": lambda a: np.cumsum(a, axis=0) * np.cumprod(a, axis=1),
    "softmax": lambda a: special.softmax(a, axis=1),
    "fft": lambda a: np.abs(np.fft.fft(a[0])) ** 2,
    "complex": lambda a: np.abs(a[0] + 1j * a[1]),
}


@pytest.mark.parametrize("name", ARRAY_FUNCTIONS)
def test_array_functions_against_nested_derivatives(name):
    f, nested, wanted = ARRAY_FUNCTIONS[name], line(ARRAY_FUNCTIONS[name], M, V), []
    for k in range(5):
        wanted.append(np.asarray(nested(0.0)) / math.factorial(k))
        nested = (lambda g: lambda t: ad.jvp(g, (t,), (1.0,))[1])(nested)
    found = ad.taylor(f, M, 4, direction=V)
    assert found.shape == (5, *np.shape(f(M)))
    largest = max(np.max(np.abs(b)) for b in wanted)
    np.testing.assert_allclose(found, np.stack(wanted), rtol=0, atol=1e-11 * largest)


def test_product_of_matrices_by_hand():
    """(A + t V)(A + t V): three coefficients, then zeros."""
    found = ad.taylor(lambda a: a @ a, M, 4, direction=V)
    np.testing.assert_allclose(found[1], M @ V + V @ M, rtol=1e-13)
    np.testing.assert_allclose(found[2], V @ V, rtol=1e-13)
    np.testing.assert_array_equal(found[3:], np.zeros((2, 3, 3)))


def test_the_inverse_is_the_neumann_series():
    found = ad.taylor(np.linalg.inv, M, 6, direction=V)
    inverse, term = np.linalg.inv(M), np.linalg.inv(M)
    for c in found:
        np.testing.assert_allclose(c, term, rtol=1e-10, atol=1e-11)
        term = -inverse @ V @ term


def test_linearity():
    f, g = lambda x: np.exp(np.sin(x)), lambda x: np.log1p(x * x)
    both = ad.taylor(lambda x: 3.0 * f(x) - 0.5 * g(x), 0.4, 12)
    np.testing.assert_allclose(
        both, 3.0 * ad.taylor(f, 0.4, 12) - 0.5 * ad.taylor(g, 0.4, 12), rtol=1e-13, atol=1e-15
    )


def test_a_longer_direction_scales_the_coefficients():
    found = ad.taylor(np.sin, 0.4, 8, direction=2.0)
    np.testing.assert_allclose(found, ad.taylor(np.sin, 0.4, 8) * 2.0 ** np.arange(9), rtol=1e-14)
    np.testing.assert_array_equal(ad.taylor(np.sin, 0.4, 2, direction=0), [np.sin(0.4), 0.0, 0.0])


def test_containers():
    f = lambda p: {"product": p["a"] * p["b"], "sum": (p["a"] + p["b"], 4)}
    found = ad.taylor(f, {"a": 2.0, "b": np.array([3.0, 4.0])}, 2)
    np.testing.assert_array_equal(found["product"], [[6.0, 8.0], [5.0, 6.0], [1.0, 1.0]])
    np.testing.assert_array_equal(found["sum"][0], [[5.0, 6.0], [2.0, 2.0], [0.0, 0.0]])
    np.testing.assert_array_equal(found["sum"][1], [4.0, 0.0, 0.0])
    along = ad.taylor(f, {"a": 2.0, "b": np.ones(2)}, 1, direction={"a": 1, "b": np.zeros(2)})
    np.testing.assert_array_equal(along["product"][1], [1.0, 1.0])


def test_dtypes():
    assert ad.taylor(np.sin, np.float32(0.5), 3).dtype == np.float32
    assert ad.taylor(np.sin, np.ones(2, np.float32), 3).dtype == np.float32
    assert ad.taylor(np.exp, 3, 2).dtype == float
    z = ad.taylor(lambda z: np.exp(1j * z), 0.3 + 0.1j, 6)
    wanted = np.exp(1j * (0.3 + 0.1j)) * np.array([1j**k / math.factorial(k) for k in range(7)])
    np.testing.assert_allclose(z, wanted, rtol=1e-14)


def test_results_are_fresh():
    x = np.ones(2)
    found = ad.taylor(lambda v: v, x, 1)
    found[0, 0] = 5.0
    assert x[0] == 1.0 and found.flags.writeable


# --------------------------------------------------------------------------------------- transforms


def test_jit_of_taylor():
    f = lambda x: np.exp(np.sin(x)) / (1 + x * x)
    fast = ad.jit(lambda x: ad.taylor(f, x, 6))
    for x in (0.5, -1.0):
        np.testing.assert_allclose(fast(x), ad.taylor(f, x, 6), rtol=1e-12)


def test_taylor_of_jit():
    f = lambda x: np.exp(np.sin(x)) / (1 + x * x)
    np.testing.assert_allclose(ad.taylor(ad.jit(f), 0.5, 6), ad.taylor(f, 0.5, 6), rtol=1e-13)


def test_derivatives_of_coefficients():
    """The derivative of coefficient k is (k + 1) times coefficient k + 1."""
    f = lambda x: np.exp(np.sin(x))
    c = ad.taylor(f, 0.7, 5)
    for k in range(5):
        assert ad.grad(lambda x, k=k: ad.taylor(f, x, k)[k])(0.7) == pytest.approx(
            (k + 1) * c[k + 1]
        )
        got = ad.jvp(lambda x, k=k: ad.taylor(f, x, k)[k], (0.7,), (1.0,))[1]
        assert got == pytest.approx((k + 1) * c[k + 1], rel=1e-13)
    inside = ad.taylor(ad.grad(f), 0.7, 4)
    np.testing.assert_allclose(inside, c[1:] * np.arange(1, 6), rtol=1e-13)
    nested = ad.taylor(lambda x: ad.taylor(f, x, 2)[2], 0.7, 3)
    np.testing.assert_allclose(nested, c[2:] * [1, 3, 6, 10], rtol=1e-12)


def test_an_outer_variable_inside_the_function():
    """d/da of the coefficients of sin(a x)."""
    found = ad.grad(lambda a: ad.taylor(lambda x: np.sin(a * x), 0.3, 3)[2])(2.0)
    wanted = ad.grad(lambda a: -(a**2) * np.sin(a * 0.3) / 2)(2.0)
    assert found == pytest.approx(wanted, rel=1e-13)


def test_vmap_of_taylor():
    xs = np.array([0.2, 0.9])
    f = lambda x: np.tanh(x) * x**3
    found = ad.vmap(lambda x: ad.taylor(f, x, 5))(xs)
    np.testing.assert_allclose(found, [ad.taylor(f, float(x), 5) for x in xs], rtol=1e-12)


def test_control_flow():
    def f(x):
        y = x
        for _ in range(30):
            y = np.sin(y) + 0.1 * y if y > 0 else -y
        return y

    coefficients = ad.taylor(f, 0.8, 4)
    nested, wanted = f, []
    for k in range(5):
        wanted.append(nested(0.8) / math.factorial(k))
        nested = (lambda g: lambda v: ad.jvp(g, (v,), (1.0,))[1])(nested)
    np.testing.assert_allclose(coefficients, wanted, rtol=1e-11)


COMPOSED = {
    "gradient": (lambda x: ad.grad(lambda y: np.exp(np.sin(y)) * x)(x), 0.5),
    "Hessian": (lambda x: ad.hessian(lambda v: np.sum(np.exp(v * x)))(np.ones(2) * x), 0.5),
    "vmap": (lambda x: ad.vmap(lambda y: np.sin(y * x))(np.arange(3.0)), 0.5),
    "compiled": (lambda x: ad.jit(lambda y: np.exp(np.sin(y)))(x) * x, 0.5),
    "checkpoint": (lambda x: ad.checkpoint(lambda y: np.exp(np.sin(y)))(x) * x, 0.5),
    "hyper-dual": (
        lambda x: np.exp(np.sin(ad.Dual(ad.Dual(x, 1.0), 1.0))).tangent.tangent, 0.5),
    "stop_gradient": (lambda x: x * ad.stop_gradient(x * x) + np.floor(x) * x, 1.5),
    "integers": (lambda x: np.floor(x).astype(int), 1.5),
    "abs at 0": (lambda x: np.abs(x) * x, 0.0),
    "sqrt at 0": (np.sqrt, 0.0),
    "x**2.5 at 0": (lambda x: x**2.5, 0.0),
    "whole powers at 0": (lambda x: np.power(x, np.arange(4.0)), 0.0),
    "tie": (lambda x: np.maximum(x, 1.0) * x, 1.0),
    "svd": (lambda x: np.linalg.svd(M + x * V)[1], 0.5),
    "expm": (lambda x: ad.linalg.expm(M * x), 0.5),
    "angle": (lambda x: np.angle(np.exp(1j * x) + x), 0.5),
    "remainder": (lambda x: (x * x) % 1.5, 2.0),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPOSED)
@pytest.mark.parametrize("transform", [lambda f: f, ad.jit], ids=["uncompiled", "jit"])
def test_compositions_against_nested_derivatives(name, transform, quiet):
    f, x = COMPOSED[name]
    nested, wanted = f, []
    for k in range(5):
        wanted.append(np.asarray(nested(x)) / math.factorial(k))
        nested = (lambda g: lambda t: ad.jvp(g, (t,), (1.0,))[1])(nested)
    wanted = np.stack(wanted)
    largest = np.max(np.abs(wanted), where=np.isfinite(wanted), initial=0.0)
    found = transform(lambda t: ad.taylor(f, t, 4))(x)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12 * largest)


LOOPS = {
    "scan": lambda x: ad.fori_loop(0, 3, lambda i, v: np.sin(v) * v, x),
    "while_loop": lambda x: ad.while_loop(lambda v: v < 10.0, lambda v: v * v, x),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops_are_refused_by_name(name):
    f = LOOPS[name]
    with pytest.raises(DifferentiationError, match=f"there are no Taylor series through {name}"):
        ad.taylor(f, 1.3, 3)
    nested = ad.jvp(lambda x: ad.jvp(f, (x,), (1.0,))[1], (1.3,), (1.0,))[1]
    assert ad.derivative(f, 2)(1.3) == nested


def test_a_long_chain():
    def f(x):
        for _ in range(3000):
            x = x * 0.999 + 1e-4 * np.sin(x)
        return x

    assert np.isfinite(ad.taylor(f, 0.5, 3)).all()


def test_writing_in_place():
    def f(x):
        y = np.zeros(3)
        y[0] = x
        y[1:] = x * x
        y *= np.exp(x)
        return y

    wanted = ad.taylor(lambda x: np.stack([x, x * x, x * x]) * np.exp(x), 0.5, 5)
    np.testing.assert_allclose(ad.taylor(f, 0.5, 5), wanted, rtol=1e-14)


# --------------------------------------------------------------------------------------------- cost


def operations(f, order):
    """The operations on traced values in a series' computation: each is a node."""

    def counted(x):
        start = next_serial()
        ad.taylor(f, x, order)
        counts.append(next_serial() - start)
        return x

    counts = []
    ad.vjp(counted, 0.7)
    return counts[0]


@pytest.mark.parametrize(
    "name", ["exp(sin)", "sin(sin(sin))", "tan", "erf", "logaddexp", "1/(1+x**2)"]
)
def test_the_cost_is_quadratic(name):
    f = FUNCTIONS[name][0]
    a, b, c = (operations(f, order) for order in (10, 20, 40))
    assert b / a < 4.5 and c / b < 4.5  # doubling the order: four times the work at most


@pytest.mark.parametrize("name", ["gammaln", "jv", "x**2.5"])
def test_the_cost_is_cubic_where_each_derivative_is_a_new_function(name):
    f = FUNCTIONS[name][0]
    a, b = (operations(f, order) for order in (8, 16))
    assert b / a < 9


# ------------------------------------------------------------------------------ the n-th derivative


def test_derivative_by_series():
    f = lambda x: np.exp(np.sin(x))
    c = ad.taylor(f, 0.3, 12)
    for n in (2, 3, 7, 12):
        assert ad.derivative(f, n)(0.3) == pytest.approx(c[n] * math.factorial(n), rel=1e-15)
    assert ad.derivative(lambda x: x**5, 3)(2.0) == 240.0
    for x in (0.3, np.float32(0.3), np.array(0.3)):
        for g in (f, lambda x: x**3, lambda x: x // 1):
            nested = ad.jvp(lambda v, g=g: ad.jvp(g, (v,), (np.ones_like(v)[()],))[1], (x,), (x,))[
                1
            ]
            found = ad.derivative(g, 2)(x)
            assert type(found) is type(nested) and type_of(found) == type_of(nested)
    two = ad.derivative(lambda x: (np.stack([x, x**3]), {"a": np.cos(x)}), 2)(2.0)
    assert two[0].tolist() == [0.0, 12.0] and two[1] == {"a": -np.cos(2.0)}


def test_derivative_where_there_is_no_series():
    @ad.custom_derivative
    def sine(x):
        return np.sin(x)

    sine.jvp(lambda primals, tangents: (sine(*primals), np.cos(primals[0]) * tangents[0]))
    assert ad.derivative(sine, 3)(0.3) == pytest.approx(-math.cos(0.3), rel=1e-15)
    with pytest.raises(DifferentiationError) as caught:
        ad.taylor(sine, 0.3, 3)
    assert str(caught.value).startswith(
        "there are no Taylor series through a function with a derivative of the user's own"
    )


# ------------------------------------------------------------------------------------------- errors


def test_errors():
    with pytest.raises(TypeError, match=r"ad\.taylor got a float"):
        ad.taylor(3.0, 1.0, 2)
    for order in (-1, 2.5, True, "3"):
        with pytest.raises(TypeError, match="taylor got the order"):
            ad.taylor(np.sin, 1.0, order)
    with pytest.raises(DifferentiationError, match="taylor got a direction of type float64"):
        ad.taylor(np.sin, 1.0, 2, direction=np.ones(2))
    with pytest.raises(DifferentiationError, match="taylor got a direction of type complex"):
        ad.taylor(np.sin, 1.0, 2, direction=1j)
    with pytest.raises(
        DifferentiationError, match="taylor was to differentiate at an array of dtype"
    ):
        ad.taylor(np.sin, np.arange(3), 2)
    with pytest.raises(DifferentiationError, match="returned a str"):
        ad.taylor(lambda x: "a", 1.0, 2)
    with pytest.raises(DifferentiationError, match="in the order is not implemented"):
        ad.taylor(lambda x: special.jv(x, 2.0), 1.5, 2)
