"""Taylor series: functions of every family to order 20 against mpmath, arrays, products of
matrices, loops, rules of the user's, transforms, the cost, what is refused.

Tolerance of the references: 1e-12 of the largest coefficient, some thousand roundings for the few
hundred operations of a coefficient.
"""

import math
import warnings

import numpy as np
import pytest

import adjoint as ad
from adjoint.base import tree
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


def test_sinc_near_zero():
    """At 0 exactly, beside it, in arrays, in single precision and of complex numbers."""
    wanted = [0.0 if k % 2 else (-1) ** (k // 2) * math.pi**k / math.factorial(k + 1)
              for k in range(21)]  # fmt: skip
    np.testing.assert_allclose(ad.taylor(np.sinc, 0.0, 20), wanted, rtol=0, atol=1e-14)
    x = np.array([[0.0, 1e-3, -0.25], [0.5, 0.75, 0.99]])
    found = ad.taylor(np.sinc, x, 20)
    t = 0.125  # the series there, by its sum
    np.testing.assert_allclose(
        np.tensordot(t ** np.arange(21), found, 1), np.sinc(x + t), rtol=0, atol=1e-14
    )
    assert ad.taylor(np.sinc, np.float32(0.25), 20).dtype == np.float32
    z = ad.taylor(np.sinc, 0.25 + 0.5j, 20)
    np.testing.assert_allclose(np.sum(z * t ** np.arange(21)), np.sinc(0.25 + 0.5j + t), rtol=1e-13)
    outer = ad.grad(lambda x: ad.taylor(lambda y: np.sinc(y * y), x, 6)[6])(0.3)
    assert outer == pytest.approx(7 * ad.taylor(lambda y: np.sinc(y * y), 0.3, 7)[7], rel=1e-10)


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


COMPLEX = {
    "exp": (np.exp, lambda m, z: m.exp(z), 0.3 + 0.4j),
    "log": (np.log, lambda m, z: m.log(z), -1.0 + 0.5j),
    "sqrt": (np.sqrt, lambda m, z: m.sqrt(z), -1.0 - 0.5j),
    "sin/z": (lambda z: np.sin(z) / z, lambda m, z: m.sin(z) / z, 1.0 + 2.0j),
    "tanh": (np.tanh, lambda m, z: m.tanh(z), 0.5 - 0.25j),
    "arctan": (np.arctan, lambda m, z: m.atan(z), 1.0 + 1.0j),
    "arcsin": (np.arcsin, lambda m, z: m.asin(z), 0.5 + 1.0j),
    "power": (lambda z: z ** (1.5 - 1j), lambda m, z: z ** m.mpc(1.5, -1), -1.0 + 1.0j),
    "z**z": (lambda z: z**z, lambda m, z: z**z, 1.0 + 0.5j),
    "1/(1+z*z)": (lambda z: 1 / (1 + z * z), lambda m, z: 1 / (1 + z * z), 0.5 + 0.5j),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_series_against_mpmath(name):
    function, theirs, z = COMPLEX[name]
    mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed: no reference value")
    found = ad.taylor(function, z, 12)
    with mpmath.workdps(30):
        wanted = mpmath.taylor(lambda t: theirs(mpmath.mp, t), mpmath.mpc(z), 12)
        wanted = np.array([complex(c) for c in wanted])
    assert found.dtype == complex
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * np.max(np.abs(wanted)))


def test_complex_values_along_a_real_parameter():
    """|z + t|² and Re z, which have no complex derivative, along two directions."""
    z = 1.0 + 2.0j
    np.testing.assert_allclose(
        ad.taylor(lambda z: np.abs(z) ** 2, z, 3), [5.0, 2.0, 1.0, 0.0], atol=1e-14
    )
    np.testing.assert_allclose(
        ad.taylor(lambda z: np.abs(z) ** 2, z, 3, direction=1j), [5.0, 4.0, 1.0, 0.0], atol=1e-14
    )
    assert ad.taylor(np.real, z, 1, direction=1j).tolist() == [1.0, 0.0]


INF, NAN = math.inf, math.nan
SINGULAR = {
    "sqrt": (np.sqrt, 0.0, [0.0, INF, -INF, INF]),
    "x**1.5": (lambda x: x**1.5, 0.0, [0.0, 0.0, INF, -INF]),
    "x**-1": (lambda x: np.power(x, -1.0), 0.0, [INF, -INF, INF, -INF]),
    "x**3": (lambda x: x**3, 0.0, [0.0, 0.0, 0.0, 1.0]),
    "x**0": (lambda x: x**0, 0.0, [1.0, 0.0, 0.0, 0.0]),
    "log": (np.log, 0.0, [-INF, INF, -INF, INF]),
    "x log x": (lambda x: x * np.log(x), 0.0, [NAN] * 4),
    "xlogy": (lambda x: special.xlogy(x, x), 0.0, [0.0, -INF, INF, -INF]),
    "1/x": (np.reciprocal, 0.0, [INF, -INF, INF, -INF]),
    "sqrt(x*x)": (lambda x: np.sqrt(x * x), 0.0, [0.0, NAN, NAN, NAN]),
    "arctan2": (lambda x: np.arctan2(x, x), 0.0, [0.0, NAN, NAN, NAN]),
    "arctan2, branch": (
        lambda x: np.arctan2(x, -1.0), 0.0, [math.pi, -1.0, 0.0, 1 / 3]),
    "arcsin": (np.arcsin, 1.0, [math.pi / 2, INF, INF, INF]),
    "fractional power of a negative": (lambda x: np.power(x, 2.5), -1.0, [NAN] * 4),
    "where": (lambda x: np.where(x > 0, np.log(x), x * x), -1.0, [1.0, -2.0, 1.0, 0.0]),
    "tie": (lambda x: np.maximum(x, x * x), 1.0, [1.0, 1.5, 0.5, 0.0]),
    "abs": (abs, 0.0, [0.0, 0.0, 0.0, 0.0]),
    "infinite": (np.sin, INF, [NAN] * 4),
}  # fmt: skip


@pytest.mark.parametrize("name", SINGULAR)
def test_singular_points(name, quiet):
    """Infinities and NaN where the derivatives are that; at kinks what first derivatives give."""
    f, x, wanted = SINGULAR[name]
    np.testing.assert_allclose(ad.taylor(f, x, 3), wanted, rtol=1e-15)
    np.testing.assert_allclose(ad.jit(lambda x: ad.taylor(f, x, 3))(x), wanted, rtol=1e-15)


@pytest.mark.parametrize("p", [0.0, 1.0, 2.0, 2.5, -1.0])
def test_an_outer_derivative_moves_a_whole_exponent(p):
    """d/dp of p (p-1) (p-2) u**(p-3) / 6."""
    found = ad.grad(lambda p: ad.taylor(lambda u: u**p, 2.0, 3)[3])(p)
    falling = p * (p - 1) * (p - 2)
    slope = (p - 1) * (p - 2) + p * (p - 2) + p * (p - 1) + falling * math.log(2.0)
    assert found == pytest.approx(slope * 2.0 ** (p - 3) / 6, rel=1e-13)
    nested = ad.grad(lambda p: ad.jvp(lambda u: u**p, (2.0,), (1.0,))[1])(p)
    assert nested == pytest.approx((1 + p * math.log(2.0)) * 2.0 ** (p - 1), rel=1e-14)


def test_powers_beside_zero():
    """An array of bases some of which have no logarithm, and of exponents some of which are
    whole."""
    found = ad.taylor(
        lambda x: np.power(x, np.array([2.0, 0.5, 3.0])), np.array([0.0, 4.0, 2.0]), 3
    )
    np.testing.assert_allclose(
        found.T, [[0.0, 0.0, 1.0, 0.0], [2.0, 1 / 4, -1 / 64, 1 / 512], [8.0, 12.0, 6.0, 1.0]],
        rtol=1e-15,
    )  # fmt: skip


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


W = np.array([[0.3, 0.2], [0.1, 0.5]])
LOOPS = {
    "fori_loop": (lambda x: ad.fori_loop(0, 3, lambda i, v: np.sin(v) * v + i * x, x), 1.3),
    "no step": (lambda x: ad.fori_loop(0, 0, lambda i, v: np.sin(v), x), 1.3),
    "from a constant": (lambda x: ad.fori_loop(0, 4, lambda i, v: v * x + i, 1.0), 1.3),
    "scan": (lambda x: ad.scan(lambda c, y: (c * np.cos(y + c), c * y), x, np.arange(3.0)), 0.6),
    "rows that move": (
        lambda x: ad.scan(
            lambda c, y: (c + np.exp(y), (c * y, y * y)), 0.0, np.stack([x, x * x, 2 * x])), 0.6),
    "reverse": (
        lambda x: ad.scan(
            lambda c, y: (c * y, c), x, np.stack([x, x * x, 2 * x]), reverse=True), 0.6),
    "arrays": (
        lambda x: ad.scan(
            lambda c, y: (np.tanh(W @ c + y), c), np.stack([x, x * x]), np.ones((5, 2))), 0.6),
    "solve": (
        lambda x: ad.fori_loop(
            0, 3, lambda i, v: np.linalg.solve(np.eye(2) + W * x, v) * np.exp(v), np.ones(2)), 0.6),
    "integers beside": (
        lambda x: ad.while_loop(
            lambda s: s[1] < 5, lambda s: (s[0] * x + np.sin(s[0]), s[1] + 1), (x, 0))[0], 1.3),
    "while_loop": (lambda x: ad.while_loop(lambda v: v < 10.0, lambda v: v * v, x), 1.3),
    "while, no step": (lambda x: ad.while_loop(lambda v: v < 0.0, lambda v: v * v, x), 1.3),
    "cond": (lambda x: ad.cond(x > 0.2, lambda v: v**3 * x, lambda v: -v, x), 0.6),
    "switch": (lambda x: ad.switch(0, [lambda v: 1.0, lambda v: np.exp(v) * x], x), 0.6),
    "map": (lambda x: ad.map(np.sin, np.stack([x, x * x])), 0.6),
    "nested": (
        lambda x: ad.fori_loop(
            0, 3, lambda i, v: ad.cond(v > 0.5, np.sin, np.exp, ad.fori_loop(
                0, 2, lambda j, w: np.sin(w) * x + j, v)) + i, x), 0.6),
    "powers": (
        lambda x: ad.fori_loop(0, 2, lambda i, v: v**2.5 + x**v + special.gammaln(v), x), 0.6),
    "gradient inside": (
        lambda x: ad.fori_loop(
            0, 3, lambda i, v: v - 0.1 * ad.grad(lambda z: np.exp(z) * x)(v), x), 0.6),
    "gradient of a loop": (
        ad.grad(lambda x: ad.fori_loop(0, 3, lambda i, v: np.sin(v) * x, x)), 0.6),
    "rows of a batch": (
        lambda x: ad.vmap(lambda a: ad.while_loop(lambda v: v < 10.0, lambda v: v * v + 1, a))(
            np.arange(3.0) * x), 0.6),
    "complex": (lambda x: ad.fori_loop(0, 2, lambda i, v: v * np.exp(1j * x * v), x + 0j), 0.6),
}  # fmt: skip


def joined(f):
    """The leaves of a function's result in one row."""
    return lambda x: np.concatenate([np.ravel(y) for y in tree.flatten(f(x))[0]])


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("transform", [lambda f: f, ad.jit], ids=["uncompiled", "jit"])
def test_loops_against_nested_derivatives(name, transform):
    f, x = LOOPS[name]
    nested, wanted = joined(f), []
    for k in range(4):
        wanted.append(np.asarray(nested(x)) / math.factorial(k))
        nested = (lambda g: lambda t: ad.jvp(g, (t,), (1.0,))[1])(nested)
    found = transform(lambda t: ad.taylor(f, t, 3))(x)
    found = np.concatenate([np.reshape(y, (4, -1)) for y in tree.flatten(found)[0]], axis=1)
    largest = np.max(np.abs(wanted))
    np.testing.assert_allclose(found, np.stack(wanted), rtol=1e-10, atol=1e-13 * largest)


@pytest.mark.parametrize("name", ["fori_loop", "while_loop", "cond"])
def test_derivatives_of_coefficients_through_loops(name):
    f, x = LOOPS[name]
    c = ad.taylor(f, x, 4)
    for k in range(4):
        slope = ad.grad(lambda t, k=k: ad.taylor(f, t, k)[k])
        assert slope(x) == pytest.approx((k + 1) * c[k + 1], rel=1e-12)
    assert ad.jit(slope)(x) == pytest.approx(4 * c[4], rel=1e-12)
    many = ad.vmap(lambda t: ad.taylor(f, t, 4))(np.array([x, 1.1 * x]))
    np.testing.assert_allclose(many, [c, ad.taylor(f, 1.1 * x, 4)], rtol=1e-12)
    assert ad.derivative(f, 4)(x) == pytest.approx(24 * c[4], rel=1e-14)


def test_a_loop_stays_one_operation():
    """The same operations are recorded for ten steps and for ten thousand."""
    f = lambda n: lambda x: ad.fori_loop(0, n, lambda i, v: v * 0.999 + 1e-4 * np.sin(v) * x, x)
    assert operations(f(10), 5) == operations(f(10_000), 5)


def test_a_loop_keeps_float32():
    f = lambda x: ad.fori_loop(0, 2, lambda i, v: v * np.exp(v), x)
    found = ad.taylor(f, np.float32(0.6), 5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, ad.taylor(f, 0.6, 5), rtol=1e-5)


@pytest.mark.parametrize("transform", [lambda f: f, ad.jit, ad.checkpoint],
                         ids=["uncompiled", "jit", "checkpoint"])  # fmt: skip
def test_a_long_chain(transform):
    """No chain of operations is walked recursively, also inside what is called."""

    def f(x):
        for _ in range(500):
            x = x * 0.999 + 1e-4 * np.sin(x)
        return x

    np.testing.assert_allclose(ad.taylor(transform(f), 0.5, 2), ad.taylor(f, 0.5, 2), rtol=1e-12)


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
    "name", ["exp(sin)", "sin(sin(sin))", "tan", "erf", "logaddexp", "1/(1+x**2)", "x**2.5", "x**x"]
)
def test_the_cost_is_quadratic(name):
    f = FUNCTIONS[name][0]
    a, b, c = (operations(f, order) for order in (10, 20, 40))
    assert b / a < 4.5 and c / b < 4.5  # doubling the order: four times the work at most


@pytest.mark.parametrize("name", ["fori_loop", "integers beside", "cond"])
def test_the_cost_is_quadratic_through_loops(name):
    f = LOOPS[name][0]
    a, b, c = (operations(f, order) for order in (10, 20, 40))
    assert b / a < 4.5 and c / b < 4.5


@pytest.mark.parametrize("name", ["gammaln", "jv"])
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


@ad.custom_derivative
def sine(x):
    return np.sin(x)


sine.jvp(lambda p, t: (sine(*p), np.cos(p[0]) * t[0]))


@ad.custom_derivative
def exponential(x):
    return np.exp(x)


@exponential.jvp
def exponential_rule(primals, tangents):
    y = exponential(*primals)
    return y, y * tangents[0]


@ad.custom_derivative
def scaled(x, y):
    return np.exp(x) * y


scaled.vjp(lambda primals, output, c: (output * c, np.exp(primals[0]) * c))
RULES = {
    "jvp": (lambda x: sine(x) * x, lambda x: np.sin(x) * x),
    "the output in its rule": (exponential, np.exp),
    "vjp": (lambda x: scaled(x, x * x), lambda x: np.exp(x) * x * x),
    "a constant": (lambda x: scaled(x, 2.0), lambda x: np.exp(x) * 2.0),
    "of each other": (lambda x: scaled(sine(x), exponential(x)), lambda x: np.exp(np.sin(x) + x)),
    "arrays": (lambda x: scaled(x * M, M), lambda x: np.exp(x * M) * M),
    "batch": (lambda x: ad.vmap(scaled)(M * x, M), lambda x: np.exp(x * M) * M),
    "gradient": (ad.grad(lambda x: scaled(x, x)), lambda x: np.exp(x) * (1 + x)),
    "compiled": (ad.jit(lambda x: scaled(x, x)), lambda x: np.exp(x) * x),
    "in a loop": (
        lambda x: ad.fori_loop(0, 2, lambda i, v: scaled(sine(v), x), x),
        lambda x: np.exp(np.sin(np.exp(np.sin(x)) * x)) * x),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("transform", [lambda f: f, ad.jit], ids=["uncompiled", "jit"])
def test_rules_of_the_user(name, transform):
    f, same = RULES[name]
    found = transform(lambda x: ad.taylor(f, x, 6))(0.4)
    wanted = ad.taylor(same, 0.4, 6)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13 * np.max(np.abs(wanted)))


def test_the_rule_of_the_user_is_the_one_that_counts():
    """A rule three times the true derivative, which reads a value from outside."""

    def slope(a):
        steep = ad.custom_derivative(lambda x: x * x)
        steep.jvp(lambda p, t: (steep(*p), a * p[0] * t[0]))
        return ad.taylor(steep, 1.5, 3)[2]

    assert slope(6.0) == 3.0 and ad.grad(slope)(6.0) == 0.5


def test_a_rule_that_asks_for_values():
    size = ad.custom_derivative(lambda x: np.abs(x))
    size.jvp(lambda p, t: (size(*p), t[0] if p[0] > 0 else -t[0]))
    assert ad.derivative(size, 2)(-2.0) == 0.0  # by nested first derivatives
    with pytest.raises(DifferentiationError) as caught:
        ad.taylor(size, -2.0, 3)
    assert str(caught.value).startswith(
        "there are no Taylor series through a function with a derivative of the user's own "
        "(its rule asks for values)."
    )


def test_a_rule_of_another_shape():
    bad = ad.custom_derivative(lambda x: x * x)
    bad.jvp(lambda p, t: (bad(*p), np.ones(3)))
    with pytest.raises(DifferentiationError, match="gave a tangent of type float64"):
        ad.taylor(bad, 1.0, 2)


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
