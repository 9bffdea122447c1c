"""Special functions: derivatives of order 1 to 3 against mpmath's, at several points, in both
precisions."""

import subprocess
import sys

import mpmath as mp
import numpy as np
import pytest
from scipy import special

import adjoint as ad
import adjoint.front.special  # for SciPy's `lambertw`, a Python function over a private ufunc
from adjoint.graph import op

mp.mp.dps = 40
PI = mp.pi


def normal(x):
    return mp.ncdf(x)


def lower_gamma(a, x):
    return mp.gammainc(a, 0, x, regularized=True)


def inverse(function, start):
    """The solution y of function(y) = x near a starting point."""
    return lambda x: mp.findroot(lambda y: function(y) - x, start)


def zero_safe_log(x, y):
    return x * mp.log(y)


# name: (mpmath's function of all inputs, points, inputs to differentiate in)
TABLE = {
    "erf": (mp.erf, [(0.3,), (-1.7,), (3.0,)]),
    "erfc": (mp.erfc, [(0.3,), (-1.7,), (5.0,)]),
    "erfcx": (lambda x: mp.exp(x * x) * mp.erfc(x), [(-1.0,), (0.4,), (5.0,), (11.0,), (40.0,)]),
    "erfi": (mp.erfi, [(0.3,), (-1.7,)]),
    "erfinv": (mp.erfinv, [(0.3,), (-0.8,)]),
    "erfcinv": (lambda x: mp.erfinv(1 - x), [(0.3,), (1.8,)]),
    "dawsn": (
        lambda x: mp.sqrt(PI) / 2 * mp.exp(-x * x) * mp.erfi(x),
        [(0.3,), (-2.0,), (6.0,), (15.0,)],
    ),
    "ndtr": (normal, [(0.3,), (-4.0,), (2.0,)]),
    "ndtri": (lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1), [(0.3,), (0.9,)]),
    "log_ndtr": (lambda x: mp.log(normal(x)), [(0.3,), (-4.0,), (3.0,), (-30.0,)]),
    "ndtri_exp": (lambda x: mp.sqrt(2) * mp.erfinv(2 * mp.exp(x) - 1), [(-0.3,), (-3.0,)]),
    "owens_t": (
        lambda h, a: (
            mp.quad(lambda t: mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t), [0, a]) / (2 * PI)
        ),
        [(0.4, 0.7), (1.2, -0.5)],
    ),
    "gamma": (mp.gamma, [(0.3,), (4.5,), (-1.4,)]),
    "gammaln": (lambda x: mp.log(abs(mp.gamma(x))), [(0.3,), (4.5,), (30.0,)]),
    "loggamma": (mp.loggamma, [(0.3,), (4.5,)]),
    "rgamma": (mp.rgamma, [(0.3,), (4.5,), (-2.0,), (0.0,), (-1.5,)]),
    "psi": (mp.digamma, [(0.3,), (4.5,), (-1.4,)]),
    "beta": (mp.beta, [(0.7, 2.5), (3.0, 1.2)]),
    "betaln": (lambda a, b: mp.log(mp.beta(a, b)), [(0.7, 2.5), (3.0, 1.2)]),
    "poch": (mp.rf, [(0.7, 2.5), (3.0, 1.2)]),
    "binom": (mp.binomial, [(5.2, 1.7), (4.0, 2.0), (3.0, 5.0)]),
    "gammaincc": (lambda a, x: 1 - lower_gamma(a, x), [(1.7, 0.9), (4.0, 7.0)], (1,)),
    "gammainc": (lower_gamma, [(1.7, 0.9), (4.0, 7.0)], (1,)),
    "betainc": (lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True), [(2.0, 1.5, 0.3)], (2,)),
    "betaincc": (lambda a, b, x: mp.betainc(a, b, x, 1, regularized=True), [(2.0, 1.5, 0.3)], (2,)),
    "chdtr": (lambda v, x: lower_gamma(v / 2, x / 2), [(3.0, 2.5)], (1,)),
    "chdtrc": (lambda v, x: 1 - lower_gamma(v / 2, x / 2), [(3.0, 2.5)], (1,)),
    "expm1": (mp.expm1, [(0.3,), (-1.0,)]),
    "log1p": (mp.log1p, [(0.3,), (-0.5,)]),
    "cbrt": (mp.cbrt, [(0.3,), (2.0,)]),
    "exp2": (lambda x: mp.mpf(2) ** x, [(0.3,), (-1.0,)]),
    "exp10": (lambda x: mp.mpf(10) ** x, [(0.3,), (-1.0,)]),
    "exprel": (lambda x: mp.expm1(x) / x if x else mp.mpf(1), [(0.3,), (-1.0,), (1e-3,), (2.0,)]),
    "cosm1": (lambda x: mp.cos(x) - 1, [(0.3,), (-1.0,)]),
    "powm1": (lambda x, y: x**y - 1, [(1.3, 0.4)]),
    "expit": (lambda x: 1 / (1 + mp.exp(-x)), [(0.3,), (-5.0,), (30.0,)]),
    "log_expit": (lambda x: -mp.log1p(mp.exp(-x)), [(0.3,), (-5.0,), (30.0,)]),
    "logit": (lambda x: mp.log(x / (1 - x)), [(0.3,), (0.9,)]),
    "xlogy": (zero_safe_log, [(0.3, 1.7), (-1.0, 0.4)]),
    "xlog1py": (lambda x, y: x * mp.log1p(y), [(0.3, 1.7), (-1.0, -0.4)]),
    "entr": (lambda x: -x * mp.log(x), [(0.3,), (2.0,)]),
    "rel_entr": (lambda x, y: x * mp.log(x / y), [(0.3, 1.7), (2.0, 0.4)]),
    "kl_div": (lambda x, y: x * mp.log(x / y) - x + y, [(0.3, 1.7), (2.0, 0.4)]),
    "boxcox": (lambda x, p: (x**p - 1) / p, [(1.7, 0.4), (0.6, 1e-3), (3.0, -1.2)]),
    "boxcox1p": (lambda x, p: ((1 + x) ** p - 1) / p, [(0.7, 0.4), (-0.4, 1e-3), (2.0, -1.2)]),
    "inv_boxcox": (lambda y, p: (1 + p * y) ** (1 / p), [(0.7, 0.4), (0.4, 1e-3), (0.5, -0.8)]),
    "inv_boxcox1p": (
        lambda y, p: (1 + p * y) ** (1 / p) - 1,
        [(0.7, 0.4), (0.4, 1e-3), (0.5, -0.8)],
    ),
    "huber": (
        lambda w, r: r * r / 2 if abs(r) <= w else w * (abs(r) - w / 2),
        [(1.0, 0.4), (0.5, -2.0)],
    ),
    "pseudo_huber": (
        lambda w, r: w * w * (mp.sqrt(1 + (r / w) ** 2) - 1),
        [(1.0, 0.4), (0.5, -2.0)],
    ),
    "radian": (lambda d, m, s: (d + m / 60 + s / 3600) * PI / 180, [(10.0, 20.0, 30.0)]),
    "sindg": (lambda x: mp.sin(x * PI / 180), [(33.0,)]),
    "cosdg": (lambda x: mp.cos(x * PI / 180), [(33.0,)]),
    "tandg": (lambda x: mp.tan(x * PI / 180), [(33.0,)]),
    "cotdg": (lambda x: mp.cot(x * PI / 180), [(33.0,)]),
    "spence": (lambda z: mp.polylog(2, 1 - z), [(0.3,), (0.98,), (1.5,)]),
    "wrightomega": (lambda z: mp.lambertw(mp.exp(z)), [(0.3,), (-2.0,)]),
    "exp1": (mp.e1, [(0.3,), (4.0,)]),
    "expi": (mp.ei, [(0.3,), (-1.0,), (4.0,)]),
    "j0": (lambda x: mp.besselj(0, x), [(0.7,), (-3.0,), (0.0,)]),
    "j1": (lambda x: mp.besselj(1, x), [(0.7,), (-3.0,), (0.0,)]),
    "y0": (lambda x: mp.bessely(0, x), [(0.7,), (3.0,)]),
    "y1": (lambda x: mp.bessely(1, x), [(0.7,), (3.0,)]),
    "i0": (lambda x: mp.besseli(0, x), [(0.7,), (-3.0,), (0.0,)]),
    "i1": (lambda x: mp.besseli(1, x), [(0.7,), (-3.0,), (0.0,)]),
    "i0e": (lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), [(0.7,), (-3.0,)]),
    "i1e": (lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), [(0.7,), (-3.0,)]),
    "k0": (lambda x: mp.besselk(0, x), [(0.7,), (3.0,)]),
    "k1": (lambda x: mp.besselk(1, x), [(0.7,), (3.0,)]),
    "k0e": (lambda x: mp.besselk(0, x) * mp.exp(x), [(0.7,), (3.0,)]),
    "k1e": (lambda x: mp.besselk(1, x) * mp.exp(x), [(0.7,), (3.0,)]),
    "ellipk": (mp.ellipk, [(0.05,), (0.5,), (-0.7,), (0.9,), (0.0,)]),
    "ellipe": (mp.ellipe, [(0.05,), (0.5,), (-0.7,), (0.9,), (0.0,)]),
    "ellipkm1": (lambda p: mp.ellipk(1 - p), [(0.05,), (0.95,), (1.4,)]),
    "ellipkinc": (mp.ellipf, [(0.8, 0.4), (-1.1, 0.7)]),
    "ellipeinc": (mp.ellipe, [(0.8, 0.4), (-1.1, 0.7)]),
    "elliprd": (mp.elliprd, [(0.5, 1.3, 2.5)]),
}
# Name: (mpmath's function, orders, points): differentiated in the last argument.
ORDERED = {
    "jv": (mp.besselj, [(0, 0.7), (1, -2.0), (2.5, 3.0)]),
    "yv": (mp.bessely, [(0, 0.7), (2.5, 3.0)]),
    "iv": (mp.besseli, [(0, 0.7), (1, -2.0), (2.5, 3.0)]),
    "kv": (mp.besselk, [(0, 0.7), (2.5, 3.0)]),
    "kn": (mp.besselk, [(0, 0.7), (2, 3.0)]),
    "yn": (mp.bessely, [(0, 0.7), (2, 3.0)]),
    "jve": (mp.besselj, [(0, 0.7), (2.5, 3.0)]),
    "yve": (mp.bessely, [(0, 0.7), (2.5, 3.0)]),
    "ive": (lambda v, x: mp.besseli(v, x) * mp.exp(-abs(x)), [(0, 0.7), (1, -2.0), (2.5, 3.0)]),
    "kve": (lambda v, x: mp.besselk(v, x) * mp.exp(x), [(0, 0.7), (2.5, 3.0)]),
    "expn": (mp.expint, [(0, 0.7), (1, 0.7), (3, 2.0)]),
    "hyp0f1": (mp.hyp0f1, [(1.5, 0.7)]),
    "hyp1f1": (mp.hyp1f1, [(0.5, 1.5, 0.7)]),
    "hyp2f1": (mp.hyp2f1, [(0.5, 1.5, 2.0, 0.3)]),
    "hyperu": (mp.hyperu, [(0.5, 1.5, 0.7)]),
    "stdtr": (
        lambda v, t: (
            mp.mpf(1) / 2
            + t
            * mp.gamma((v + 1) / 2)
            / mp.sqrt(PI * v)
            / mp.gamma(v / 2)
            * mp.hyp2f1(0.5, (v + 1) / 2, 1.5, -t * t / v)
        ),
        [(3.0, 0.7), (5.0, -1.2)],
    ),
    "zeta": (lambda x, q: mp.zeta(x, q), [(2.5, 0.7), (4.0, 3.0)]),
    "eval_legendre": (mp.legendre, [(0, 0.3), (1, 0.3), (4, -0.7), (3, 1.0), (2.5, 0.2)]),
    "eval_chebyt": (mp.chebyt, [(0, 0.3), (1, 0.3), (4, -0.7)]),
    "eval_chebyu": (mp.chebyu, [(0, 0.3), (1, 0.3), (4, -0.7)]),
    "eval_gegenbauer": (mp.gegenbauer, [(0, 1.5, 0.3), (3, 0.7, 0.3)]),
    "eval_hermite": (mp.hermite, [(0, 0.3), (4, -0.7)]),
    "eval_hermitenorm": (
        lambda n, x: mp.mpf(2) ** (-mp.mpf(n) / 2) * mp.hermite(n, x / mp.sqrt(2)),
        [(4, -0.7)],
    ),
    "eval_laguerre": (lambda n, x: mp.laguerre(n, 0, x), [(0, 0.3), (4, 0.7)]),
    "eval_genlaguerre": (mp.laguerre, [(0, 0.5, 0.3), (4, 1.5, 0.7)]),
    "eval_jacobi": (mp.jacobi, [(0, 0.5, 0.7, 0.3), (4, 1.5, 0.5, 0.7)]),
}


def reference(function, point, place, order):
    """mpmath's derivative in one input."""
    exact = [mp.mpf(p) for p in point]

    def line(t):
        return function(*exact[:place], t, *exact[place + 1 :])

    return float(mp.re(mp.diff(line, exact[place], order, h=mp.mpf(10) ** -8)))


def derivatives(function, point, place, orders=3):
    """Our derivatives of order 1, 2, .. in one input."""

    def line(t):
        return function(*point[:place], t, *point[place + 1 :])

    return [ad.derivative(line, k)(point[place]) for k in range(1, orders + 1)]


CASES = [
    (n, e[0], p, i)
    for n, e in TABLE.items()
    for p in e[1]
    for i in (e[2] if len(e) > 2 else range(len(p)))
]
CASES += [(n, e[0], p, len(p) - 1) for n, e in ORDERED.items() for p in e[1]]


@pytest.mark.parametrize(
    ("name", "function", "point", "place"), CASES, ids=[f"{n}-{p}-{i}" for n, _, p, i in CASES]
)
def test_derivatives_equal_mpmath(name, function, point, place):
    ours = getattr(special, name)
    found = derivatives(ours, point, place)
    for order, value in enumerate(found, 1):
        expected = reference(function, point, place, order)
        # SciPy's own errors of some units in the last place grow with the order.
        assert value == pytest.approx(expected, rel=2e-13 * 30**order, abs=1e-13 * 10**order), order


@pytest.mark.parametrize(
    ("name", "function", "point", "place"),
    CASES[::3],
    ids=[f"{n}-{p}-{i}" for n, _, p, i in CASES[::3]],
)
def test_single_precision(name, function, point, place):
    single = tuple(np.float32(p) if type(p) is float else p for p in point)
    ours = getattr(special, name)
    (found,) = derivatives(ours, single, place, 1)
    assert np.asarray(found).dtype == ours(*single).dtype
    expected = reference(function, tuple(float(p) for p in single), place, 1)
    assert found == pytest.approx(expected, rel=2e-4, abs=2e-5)


def test_importing_the_package_does_not_import_scipy():
    program = "import sys, adjoint; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("a", [1e-3, 0.3, 1.0, 4.5, 19.0, 21.0, 150.0, 5e3])
def test_incomplete_gamma_by_its_order(a):
    """Series and both integrals, against mpmath's difference of the regularised function."""
    for ratio in (0.05, 0.6, 0.97, 1.0, 1.04, 1.5, 4.0):
        x = a * ratio if a > 1 else 3 * ratio
        spread = max(1.0, abs(x - a) / a**0.5)
        if spread > 15:
            continue  # below the smallest numbers
        expected = float(
            mp.diff(lambda t, x=x: lower_gamma(t, mp.mpf(x)), mp.mpf(a), h=mp.mpf(10) ** -12)
        )
        found = ad.grad(special.gammainc)(a, x)
        assert found == pytest.approx(expected, rel=max(2e-12, 3e-15 * a)), (a, x)
        assert ad.grad(special.gammaincc)(a, x) == -found
        mixed = float(
            mp.diff(
                lambda t, u: lower_gamma(t, u), (mp.mpf(a), mp.mpf(x)), (1, 1), h=mp.mpf(10) ** -10
            )
        )
        assert ad.grad(ad.grad(special.gammainc), 1)(a, x) == pytest.approx(
            mixed, rel=1e-9, abs=1e-12
        )
    with pytest.raises(ad.DifferentiationError, match="twice"):
        ad.grad(ad.grad(special.gammainc))(a, 1.0)


def test_inverses_of_the_incomplete_functions():
    a, p = 2.5, 0.3
    x = special.gammaincinv(a, p)
    by_p = ad.grad(special.gammaincinv, 1)(a, p)
    assert by_p * ad.grad(special.gammainc, 1)(a, x) == pytest.approx(1.0, rel=1e-12)
    difference = (special.gammaincinv(a + 1e-5, p) - special.gammaincinv(a - 1e-5, p)) / 2e-5
    assert ad.grad(special.gammaincinv)(a, p) == pytest.approx(difference, rel=1e-8)
    assert ad.grad(special.gammainccinv)(a, 1 - p) == pytest.approx(difference, rel=1e-8)
    y = special.betaincinv(2.0, 3.0, p)
    by_p = ad.grad(special.betaincinv, 2)(2.0, 3.0, p)
    assert by_p * ad.grad(special.betainc, 2)(2.0, 3.0, y) == pytest.approx(1.0, rel=1e-12)
    by_q = ad.grad(special.betainccinv, 2)(2.0, 3.0, 1 - p)
    assert by_q == pytest.approx(-by_p, rel=1e-12)


SEVERAL = {
    "fresnel": (mp.fresnels, mp.fresnelc),
    "sici": (mp.si, mp.ci),
    "shichi": (mp.shi, mp.chi),
    "airy": (
        mp.airyai,
        lambda x: mp.airyai(x, derivative=1),
        mp.airybi,
        lambda x: mp.airybi(x, derivative=1),
    ),
}


@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("x", [0.2, 0.9, 2.0])
def test_functions_with_several_outputs(name, x):
    for i, exact in enumerate(SEVERAL[name]):
        for order in (1, 2, 3):
            found = ad.derivative(lambda t, i=i: getattr(special, name)(t)[i], order)(x)
            assert found == pytest.approx(reference(exact, (x,), 0, order), rel=1e-9, abs=1e-11)
            if order == 2:
                twice = ad.grad(ad.grad(lambda t, i=i: getattr(special, name)(t)[i]))(x)
                assert twice == pytest.approx(found, rel=1e-12)


COMPLEX = {
    "erf": mp.erf,
    "erfc": mp.erfc,
    "erfi": mp.erfi,
    "loggamma": mp.loggamma,
    "gamma": mp.gamma,
    "rgamma": mp.rgamma,
    "psi": mp.digamma,
    "exp1": mp.e1,
    "expm1": mp.expm1,
    "log1p": lambda z: mp.log(1 + z),
    "wofz": lambda z: mp.exp(-z * z) * mp.erfc(-1j * z),
    "lambertw": mp.lambertw,
    "dawsn": lambda z: mp.sqrt(PI) / 2 * mp.exp(-z * z) * mp.erfi(z),
    "ndtr": lambda z: mp.erfc(-z / mp.sqrt(2)) / 2,
    "erfcx": lambda z: mp.exp(z * z) * mp.erfc(z),
    "spence": lambda z: mp.polylog(2, 1 - z),
    "log_ndtr": lambda z: mp.log(mp.erfc(-z / mp.sqrt(2)) / 2),
}


@pytest.mark.parametrize("name", COMPLEX)
@pytest.mark.parametrize("z", [0.7 + 0.4j, 2.2 - 0.9j, 0.3 + 1.5j])
def test_complex_derivatives(name, z):
    function, order = getattr(special, name), 1
    found = function
    for order in (1, 2, 3):
        found = ad.grad(found, holomorphic=True)
        expected = complex(mp.diff(COMPLEX[name], mp.mpc(z), order, h=mp.mpf(10) ** -8))
        assert found(z) == pytest.approx(expected, rel=1e-10), order


@pytest.mark.parametrize(
    "name", ["jv", "yv", "iv", "kv", "kve", "hankel1", "hankel2", "hankel1e", "hankel2e"]
)
def test_bessel_functions_of_complex_arguments(name):
    z, function = 0.7 + 0.4j, getattr(special, name)
    found = ad.grad(function, 1, holomorphic=True)(1.5, z)
    h = 1e-4
    difference = (function(1.5, z + h) - function(1.5, z - h)) / (2 * h)
    assert found == pytest.approx(difference, rel=1e-6)


def test_exponentially_scaled_bessel_functions_are_not_holomorphic():
    with pytest.raises(ad.DifferentiationError, match="holomorphic"):
        ad.grad(special.ive, 1, holomorphic=True)(1.0, 0.5 + 0.5j)


@pytest.mark.parametrize("n", [0, 1, 2, 4])
@pytest.mark.parametrize("z", [0.7, 3.5, 0.7 + 0.4j, -3.2 + 0.1j, 30.0 - 8j])
def test_polygamma(n, z):
    found = op.polygamma(n, np.asarray(z))
    assert found == pytest.approx(complex(mp.polygamma(n, z)), rel=1e-13)


def test_lambertw_branches():
    for branch in (0, -1):
        exact = complex(mp.diff(lambda t, b=branch: mp.lambertw(t, b), -0.2))
        found = ad.grad(lambda z, b=branch: special.lambertw(z, b), holomorphic=True)(-0.2 + 0j)
        assert found == pytest.approx(exact, rel=1e-12)
    assert ad.grad(lambda x: special.lambertw(x).real)(0.0) == 1.0


def test_elliptic_integrals_beyond_a_quarter_turn():
    for function, exact in ((special.ellipkinc, mp.ellipf), (special.ellipeinc, mp.ellipe)):
        for phi in (2.5, -4.0, 7.0):
            expected = float(mp.diff(lambda m, f=exact, p=phi: f(mp.mpf(p), m), mp.mpf(0.4)))
            assert ad.grad(function, 1)(phi, 0.4) == pytest.approx(expected, rel=1e-11)
        assert ad.grad(function, 1)(0.5, 0.0) == pytest.approx(
            float(mp.diff(lambda m, f=exact: f(mp.mpf(0.5), m), 0)), rel=1e-12
        )


def test_finite_where_a_formula_divides_by_zero():
    assert ad.grad(special.rel_entr, 1)(0.0, 0.0) == 0.0
    assert ad.grad(special.kl_div, 1)(0.0, 0.0) == 1.0
    assert ad.grad(special.xlogy, 1)(0.0, 0.0) == 0.0
    assert ad.grad(special.boxcox, 1)(2.0, 0.0) == pytest.approx(np.log(2) ** 2 / 2)
    assert ad.grad(special.inv_boxcox, 1)(2.0, 0.0) == pytest.approx(-2 * np.exp(2.0))
    assert ad.grad(special.exprel)(0.0) == 0.5
    assert ad.grad(special.spence)(1.0) == -1.0
    assert ad.derivative(special.rgamma, 1)(-3.0) == pytest.approx(-6.0)
    assert ad.grad(special.log_ndtr)(-1e6) == pytest.approx(1e6 + 1e-6, rel=1e-15)
    assert ad.derivative(special.log_ndtr, 2)(-1e6) == pytest.approx(-1.0, rel=1e-9)
    assert ad.grad(special.log_ndtr)(40.0) == 0.0
    assert ad.grad(special.log_expit)(-1000.0) == 1.0
    assert ad.grad(special.expit)(800.0) == 0.0
    assert ad.grad(special.erfcx)(1e9) == pytest.approx(-1 / (1e18 * np.sqrt(np.pi)))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: special.jv(x, 2.0), "jv in the order"),
        (lambda x: special.betainc(x, 2.0, 0.3), "betainc in a"),
        (lambda x: special.hyp2f1(x, 2.0, 3.0, 0.3), "hyp2f1 in a"),
        (lambda x: special.zeta(x, 2.0), "zeta in x"),
        (lambda x: special.zeta(x), "Riemann"),
        (lambda x: special.agm(x, 2.0), "scipy.special.agm is not implemented"),
        (lambda x: special.struve(1.0, x), "scipy.special.struve is not implemented"),
    ],
)
def test_what_has_no_derivative_is_refused_by_name(call, name):
    with pytest.raises(ad.AdjointError, match=name):
        ad.grad(call)(1.5)


@pytest.mark.filterwarnings("ignore:floating point number truncated")  # SciPy's whole orders
def test_every_ufunc_of_scipy_is_handled_or_refused_by_name():
    names = [n for n in dir(special) if isinstance(getattr(special, n), np.ufunc)]
    refused = []
    for name in names:
        ufunc = getattr(special, name)

        def call(x, ufunc=ufunc):
            out = ufunc(*[x] * ufunc.nin)
            return out[0] if isinstance(out, tuple) else out

        try:
            ad.jvp(call, (0.5,), (1.0,))
        except ad.TracingError as error:
            assert f"scipy.special.{name} is not implemented" in str(error)
            refused.append(name)
        except ad.DifferentiationError:
            pass  # an order, by design
        except TypeError as error:
            assert "not supported for the input types" in str(error)  # SciPy's own: a whole degree
    handled = set(names) - set(refused)
    assert len(handled) > 100
    assert {"struve", "kelvin", "ellipj", "mathieu_a"} <= set(refused)


@pytest.mark.parametrize("name", ["erf", "gammaln", "expit", "jv", "xlogy", "gammainc"])
def test_batches_and_programs(name):
    function = getattr(special, name)
    count = function.nin
    x = np.linspace(0.3, 2.0, 5)
    others = (2.0,) * (count - 1)
    mapped = ad.vmap(lambda t: ad.grad(function, count - 1)(*others, t))(x)
    rows = [ad.grad(function, count - 1)(*others, t) for t in x]
    np.testing.assert_allclose(mapped, rows, rtol=1e-14)
    if hasattr(ad, "jit"):
        compiled = ad.jit(lambda t: ad.grad(lambda u: function(*others, u).sum())(t))
        np.testing.assert_allclose(compiled(x), rows, rtol=1e-14)
