"""Taylor series of random programs, and of elementary functions near the edges of their domains and
far out, against mpmath.

The references are mpmath's, with 40 digits.  A coefficient is to agree within 1e-12 of the largest
one.  A random program may be ill-conditioned: a part of it has a singularity nearer than the whole,
so its coefficients grow faster and cancel.  What that costs shows in single precision, which runs
the same operations: where those lose digits, as many may be lost in double precision.
"""

import random
import warnings

import numpy as np
import pytest

import adjoint as ad

mpmath = pytest.importorskip("mpmath", reason="mpmath is not installed: no reference value")
mp = mpmath.mp
special = ad.special
DIGITS = 40


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


# name: ours, mpmath's, whether it is far enough from where it is singular or large
UNARY = {
    "sin": (np.sin, mp.sin, lambda v: abs(v) < 30),
    "cos": (np.cos, mp.cos, lambda v: abs(v) < 30),
    "tan": (np.tan, mp.tan, lambda v: abs(mp.cos(v)) > 0.3),
    "exp": (np.exp, mp.exp, lambda v: v < 4),
    "exp2": (np.exp2, lambda x: mp.mpf(2) ** x, lambda v: v < 5),
    "expm1": (np.expm1, mp.expm1, lambda v: v < 4),
    "log": (np.log, mp.log, lambda v: v > 0.3),
    "log1p": (np.log1p, lambda x: mp.log(1 + x), lambda v: v > -0.7),
    "sqrt": (np.sqrt, mp.sqrt, lambda v: v > 0.3),
    "cbrt": (np.cbrt, lambda x: x ** (mp.mpf(1) / 3), lambda v: v > 0.3),
    "square": (np.square, lambda x: x * x, lambda v: abs(v) < 50),
    "reciprocal": (np.reciprocal, lambda x: 1 / x, lambda v: abs(v) > 0.3),
    "arcsin": (np.arcsin, mp.asin, lambda v: abs(v) < 0.7),
    "arccos": (np.arccos, mp.acos, lambda v: abs(v) < 0.7),
    "arctan": (np.arctan, mp.atan, lambda v: True),
    "sinh": (np.sinh, mp.sinh, lambda v: abs(v) < 4),
    "cosh": (np.cosh, mp.cosh, lambda v: abs(v) < 4),
    "tanh": (np.tanh, mp.tanh, lambda v: abs(v) < 4),
    "arcsinh": (np.arcsinh, mp.asinh, lambda v: abs(v) < 50),
    "arccosh": (np.arccosh, mp.acosh, lambda v: v > 1.3),
    "arctanh": (np.arctanh, mp.atanh, lambda v: abs(v) < 0.7),
    "erf": (special.erf, mp.erf, lambda v: abs(v) < 2),
    "expit": (special.expit, lambda x: 1 / (1 + mp.exp(-x)), lambda v: abs(v) < 5),
    "sinc": (np.sinc, mp.sincpi, lambda v: abs(v) < 5 and abs(abs(v) - 1) > 0.2),
    "**2.5": (lambda x: x**2.5, lambda x: x ** mp.mpf(2.5), lambda v: 0.3 < v < 9),
    "**-3": (lambda x: x**-3, lambda x: x**-3, lambda v: abs(v) > 0.4),
    "**3": (lambda x: x**3, lambda x: x**3, lambda v: abs(v) < 9),
}
BINARY = {
    "+": (lambda a, b: a + b, lambda a, b: a + b, lambda a, b: True),
    "-": (lambda a, b: a - b, lambda a, b: a - b, lambda a, b: abs(a - b) > 1e-9),
    "*": (lambda a, b: a * b, lambda a, b: a * b, lambda a, b: abs(a * b) < 50),
    "/": (lambda a, b: a / b, lambda a, b: a / b, lambda a, b: abs(b) > 0.4),
    "**": (lambda a, b: a**b, lambda a, b: a**b, lambda a, b: 0.4 < a < 5 and abs(b) < 4),
    "hypot": (np.hypot, mp.hypot, lambda a, b: a * a + b * b > 0.3),
    "arctan2": (np.arctan2, mp.atan2, lambda a, b: a * a + b * b > 0.3 and b > 0.1),
    "logaddexp": (
        np.logaddexp, lambda a, b: mp.log(mp.exp(a) + mp.exp(b)),
        lambda a, b: abs(a - b) < 10 and abs(a) < 20),
    "maximum": (
        np.maximum, lambda a, b: a if mp.re(a) > mp.re(b) else b, lambda a, b: abs(a - b) > 0.5),
}  # fmt: skip


def of_one(f, inner):
    """The composition with a function of one number."""
    return lambda t: f(inner(t))


def of_two(f, left, right):
    """The composition with a function of two numbers."""
    return lambda t: f(left(t), right(t))


def program(rng, depth, x):
    """A random program that is smooth at x: ours, mpmath's, its value, its text."""
    while depth:
        f, g, v, text = program(rng, depth - 1, x)
        if rng.random() < 0.55:
            name = rng.choice(list(UNARY))
            ours, theirs, fits = UNARY[name]
            if fits(v) and abs(w := theirs(v)) < 1e3:
                return of_one(ours, f), of_one(theirs, g), w, f"{name}({text})"
        else:
            h, k, u, other = program(rng, rng.randrange(depth), x)
            name = rng.choice(list(BINARY))
            ours, theirs, fits = BINARY[name]
            if fits(v, u) and abs(w := theirs(v, u)) < 1e3:
                return of_two(ours, f, h), of_two(theirs, g, k), w, f"{name}({text}, {other})"
    if rng.random() < 0.6:
        return lambda t: t, lambda t: t, mp.mpf(x), "x"
    c = rng.randint(-64, 64) / 32
    return lambda t: c + 0 * t, lambda t: mp.mpf(c), mp.mpf(c), str(c)


def error(found, wanted):
    """The largest error of a coefficient, of the largest coefficient."""
    return np.max(np.abs(found - wanted)) / np.max(np.abs(wanted))


def check(seed, order):
    """One random program; whether it depends on x."""
    rng = random.Random(seed)
    with mpmath.workdps(DIGITS):
        x = rng.randint(-48, 80) / 32
        ours, theirs, _, text = program(rng, rng.choice([2, 3, 4]), x)
        if "x" not in text:
            return False
        wanted = mpmath.taylor(theirs, mp.mpf(x), order)
        assert all(mp.im(c) == 0 for c in wanted)
        wanted = np.array([float(c) for c in wanted])
    found = error(ad.taylor(ours, x, order), wanted)
    single = error(ad.taylor(ours, np.float32(x), order).astype(float), wanted)
    ratio = np.finfo(np.float64).eps / np.finfo(np.float32).eps
    assert found < 1e-12 or found < 100 * single * ratio, f"{text} at {x}: {found}"
    return True


def test_random_programs():
    assert sum(check(seed, 8) for seed in range(40)) > 20


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 1000, 50))
def test_many_random_programs(start):
    for seed in range(start, start + 50):
        check(seed, 14)


# --------------------------------------------------------------------------- edges, large arguments

EDGES = {
    "sin": (np.sin, mp.sin, [0.0, 1e3, -1e6]),
    "cos": (np.cos, mp.cos, [1e-8, 1e3]),
    "tan": (np.tan, mp.tan, [0.0, 1.5, -1.57]),
    "exp": (np.exp, mp.exp, [-60.0, 0.0, 700.0]),
    "expm1": (np.expm1, mp.expm1, [-40.0, 1e-12, 300.0]),
    "log": (np.log, mp.log, [1e-8, 1.0, 1e8]),
    "log1p": (np.log1p, lambda x: mp.log(1 + x), [-0.9990234375, 1e-12, 1e8]),
    "sqrt": (np.sqrt, mp.sqrt, [1e-6, 1e6]),
    "cbrt": (np.cbrt, lambda x: mp.sign(x) * abs(x) ** (mp.mpf(1) / 3), [1e-4, 1e6]),
    "reciprocal": (np.reciprocal, lambda x: 1 / x, [-1e-3, 1e5]),
    "x**-1.5": (lambda x: x**-1.5, lambda x: x ** mp.mpf(-1.5), [1e-3, 1e5]),
    "x**x": (lambda x: x**x, lambda x: x**x, [0.0625, 20.0]),
    "arcsin": (np.arcsin, mp.asin, [0.0, 0.9990234375, -0.9990234375]),
    "arccos": (np.arccos, mp.acos, [0.0, 0.9990234375]),
    "arctan": (np.arctan, mp.atan, [0.0, 1e3, -1e5]),
    "sinh": (np.sinh, mp.sinh, [0.0, 300.0]),
    "cosh": (np.cosh, mp.cosh, [0.0, -300.0]),
    "tanh": (np.tanh, mp.tanh, [0.0, 10.0, 300.0]),
    "arcsinh": (np.arcsinh, mp.asinh, [0.0, -1e4, 1e6]),
    "arccosh": (np.arccosh, mp.acosh, [1.0009765625, 1e5]),
    "arctanh": (np.arctanh, mp.atanh, [0.0, 0.9990234375]),
    "expit": (special.expit, lambda x: 1 / (1 + mp.exp(-x)), [-40.0, 0.0, 40.0]),
    "logit": (special.logit, lambda x: mp.log(x / (1 - x)), [0.0009765625, 0.9990234375]),
    "erf": (special.erf, mp.erf, [0.0, 3.0]),
    "erfc": (special.erfc, mp.erfc, [5.0]),
    "logaddexp": (
        lambda x: np.logaddexp(x, 0.0), lambda x: mp.log(1 + mp.exp(x)), [-30.0, 0.0, 300.0]),
    "hypot": (lambda x: np.hypot(x, 1.0), lambda x: mp.sqrt(1 + x * x), [0.0, 1e4]),
    "arctan2": (lambda x: np.arctan2(x, -1.0), lambda x: mp.atan2(x, -1), [1e-3, 40.0]),
    "gammaln": (special.gammaln, mp.loggamma, [0.0625, 60.0]),
    "sinc": (np.sinc, mp.sincpi, [1e-9, 0.0625, -0.3125, 0.96875, 4.5, 30.25]),
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_near_edges_and_far_out(name):
    ours, theirs, points = EDGES[name]
    for x in points:
        with mpmath.workdps(DIGITS):
            wanted = [float(mp.re(c)) for c in mpmath.taylor(theirs, mp.mpf(x), 12)]
        assert error(ad.taylor(ours, x, 12), np.array(wanted)) < 1e-12, x
