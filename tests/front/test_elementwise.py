"""Elementwise functions, differences, interpolation, polynomials: values, derivatives, kinks."""

from __future__ import annotations

import numpy as np
import pytest
from function_checks import check, check_values, sample
from numpy.testing.overrides import get_overridable_numpy_ufuncs

import adjoint as ad
from adjoint.front.operands import methods, ufuncs

V = sample(8)
M = sample(3, 5)
C = sample(5, dtype=complex)
U = sample(5)
Z = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5])
GRID = np.array([-2.1, -1.03, 0.41, 1.22, 2.3])

SMOOTH = {
    "where": (lambda x: np.where(x > 0, x**2, np.sin(x)), [M]),
    "where list": (lambda x: np.where([True, False] * 4, x, 2), [V]),
    "clip": (lambda x: np.clip(x, -1, 1), [M]),
    "clip low": (lambda x: np.clip(x, 0.1, None), [M]),
    "clip high": (lambda x: x.clip(max=0.7), [M]),
    "clip keywords": (lambda x: np.clip(x, min=-0.3), [M]),
    "clip traced": (
        lambda x, lo, hi: np.clip(x, lo, hi),
        [V, sample(8) * 0.3 - 1, V[::-1] / 4 + 1],
    ),
    "clip ufunc": (lambda lo: np.arange(8.0).clip(lo * 3, 5.2), [V]),
    "nan_to_num": (lambda x: np.nan_to_num(np.where(x > 0, x, np.nan), nan=2.0) + x, [V]),
    "nan_to_num complex": (np.nan_to_num, [C]),
    "sign": (lambda x: np.sign(x) * x, [V]),
    "sign complex": (np.sign, [C]),
    "abs complex": (np.abs, [C]),
    "angle": (np.angle, [C]),
    "angle degrees": (lambda z: np.angle(z, deg=True), [C]),
    "angle real": (lambda x: np.angle(x) * x, [V]),
    "real": (lambda z: np.real(z) ** 2 + z.imag * np.imag(z**2), [C]),
    "conj": (lambda z: np.conj(z) * z**2 + z.conj(), [C]),
    "real_if_close": (lambda x: np.real_if_close(x + 0j), [V]),
    "round": (lambda x: x * np.round(x, 1) + np.around(x), [V]),
    "round method": (lambda x: x * x.round(), [V]),
    "fix": (lambda x: np.fix(x) * x, [V]),
    "sinc": (np.sinc, [np.append(V, [1e-3, 0.05, -0.099])]),
    "sinc complex": (np.sinc, [C]),
    "unwrap": (lambda x: np.unwrap(x * 5), [V]),
    "unwrap options": (lambda x: np.unwrap(x * 5, discont=4.0, axis=0, period=5.0), [M]),
    "unwrap period": (lambda x, p: np.unwrap(x * 5, period=p), [V, np.array(5.3)]),
    "interp": (lambda x: np.interp(x, GRID, [1, 3, 2, 5, 4.0]), [V]),
    "interp everything": (lambda x, xp, fp: np.interp(x, xp, fp), [V, GRID, U]),
    "interp ends": (lambda x, fp: np.interp(x, GRID / 2, fp, left=-1.0, right=fp[0]), [V, U]),
    "interp complex": (lambda x, fp: np.interp(x, GRID, fp), [V, C]),
    "interp period": (lambda x, xp, fp: np.interp(x, xp, fp, period=3.1), [V, GRID * 0.6, U]),
    "interp one": (lambda x, fp: np.interp(x, [0.5], fp), [V, U[:1]]),
    "piecewise": (
        lambda x: np.piecewise(x, [x < -1, x > 0.5], [lambda v: v**2, 3, np.exp]),
        [V],
    ),
    "piecewise overlap": (lambda x: np.piecewise(x, [x < 1, x < 0], [np.sin, np.cos]), [V]),
    "select": (lambda x: np.select([x > 1, x > 0], [x**2, np.exp(x)], 7), [M]),
    "choose": (lambda x: np.choose([0, 2, 1, 0, 2], [x, x**2, 1.5]), [U]),
    "choose modes": (lambda x: np.choose([5, -1, 1, 0, 2], [x, x**2], mode="wrap"), [U]),
    "float_power": (lambda x, y: np.float_power(x + 3, y), [V, V[::-1]]),
    "divmod": (lambda x, y: np.divmod(x * 5, y + 3), [V, V[::-1]]),
    "modf": (lambda x: np.modf(x * 3), [V]),
    "frexp": (lambda x: np.frexp(x * 3), [V]),
    "ldexp": (lambda x: np.ldexp(x, [1, -3, 2, 0, 4, 5, 6, 7]), [V]),
    "exp2": (np.exp2, [V]),
    "heaviside": (lambda x: np.heaviside(x, 0.5) * x, [V]),
    "deg2rad": (lambda x: np.deg2rad(x) + np.rad2deg(x), [V]),
    "fabs": (np.fabs, [V]),
    "logaddexp": (np.logaddexp, [V, V[::-1].copy()]),
    "polyval": (lambda p, x: np.polyval(p, x), [U, V]),
    "polyval of integers": (lambda x: np.polyval([1, 2, 3], x), [V]),
    "i0": (np.i0, [V]),
    "polyadd": (lambda a, b: np.polyadd(a, b) * np.polysub(b, a), [U, V]),
    "polymul": (lambda a, b: np.polymul(a, b), [U, V]),
    "polymul trimmed": (lambda a: np.polymul(a, [0, 0, 1, 2.0]), [U]),
    "polydiv": (lambda u, v: np.polydiv(u, v), [V, U]),
    "polydiv of lesser degree": (lambda u, v: np.polydiv(u, v), [U, V]),
    "polyder": (lambda p: np.polyder(p, 2), [U]),
    "polyint": (lambda p: np.polyint(p, 2, k=[1.0, 2.0]), [U]),
    "poly": (np.poly, [U]),
    "vander": (np.vander, [U]),
    "vander increasing": (lambda x: np.vander(x, 3, increasing=True), [U]),
    "apply_along_axis": (lambda x: np.apply_along_axis(lambda r: np.sort(r) ** 2, 0, x), [M]),
    "apply_along_axis grows": (
        lambda x: np.apply_along_axis(lambda r: np.outer(r, r), 1, x),
        [sample(2, 3, 2)],
    ),
    "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x, [0, -1]), [sample(2, 3, 4)]),
    "diff": (lambda x: np.diff(x, n=2), [M]),
    "diff ends": (lambda x: np.diff(x, axis=0, prepend=0.0, append=x[:2]), [M]),
    "ediff1d": (lambda x: np.ediff1d(x, to_begin=x[0, 0], to_end=[1.0, 2.0]), [M]),
    "gradient": (np.gradient, [sample(5)]),
    "gradient 2": (lambda x: np.gradient(x, 0.5, edge_order=2), [M]),
    "gradient axes": (lambda x: np.gradient(x, 0.3, 2.0, axis=(1, 0)), [M]),
    "gradient coordinates": (lambda x, t: np.gradient(x, t, axis=1), [M, GRID]),
    "gradient edges": (lambda x, t: np.gradient(x, t, axis=-1, edge_order=2), [M, GRID]),
    "gradient known": (lambda x: np.gradient(x, GRID, axis=1, edge_order=2), [M]),
    "trapezoid": (lambda y: np.trapezoid(y, dx=0.3), [M]),
    "trapezoid x": (lambda y, x: np.trapezoid(y, x), [M, GRID]),
    "trapezoid axis": (lambda y, x: np.trapezoid(y, x, axis=0), [M, sample(3, 5)]),
}


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")  # since NumPy 2.5
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth(name):
    f, args = SMOOTH[name]
    check(f, *args, flip=name not in ("interp everything", "interp period"))


SPECIAL = {
    "nan_to_num": lambda x: np.nan_to_num(x),
    "nan_to_num options": lambda x: np.nan_to_num(x, nan=1.5, posinf=7, neginf=-7.0),
    "sign": np.sign,
    "round": lambda x: np.round(x, 1),
    "rint": np.rint,
    "modf": np.modf,
    "frexp": np.frexp,
    "sinc": np.sinc,
    "isposinf": np.isposinf,
    "isneginf": np.isneginf,
    "isreal": np.isreal,
    "iscomplex": np.iscomplex,
    "isclose": lambda x: np.isclose(x, x + 1e-9, equal_nan=True),
    "interp": lambda x: np.interp(x, [-1.0, 0.0, 1.0], [1.0, 5.0, 2.0]),
    "clip": lambda x: np.clip(x, 0.0, 1.0),
    "polyval": lambda x: np.polyval([1.0, 2.0], x),
    "imag": np.imag,
}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(name):
    check_values(SPECIAL[name], Z)
    check_values(SPECIAL[name], Z.astype(np.float32))


def test_questions():
    seen = []

    def f(x):
        seen.append((
            np.shape(x), np.ndim(x), np.size(x), np.size(x, 1), np.result_type(x, np.float32),
            np.can_cast(x, np.float32), np.common_type(x), np.iscomplexobj(x), np.isrealobj(x),
            np.min_scalar_type(x), np.allclose(x, x + 1e-9), np.allclose(x, x + 1),
            np.array_equal(x, x), np.array_equal(x, x[:2]), np.array_equiv(x, x[:1]),
        ))  # fmt: skip
        return np.sum(x)

    for x in (M, M.astype(np.float32)):
        f(x)
        ad.grad(f)(x)
        assert seen[-1] == seen[-2]
    ad.grad(lambda x: seen.append(np.result_type(x, np.float32)) or x)(1.0)
    assert seen[-1] == np.float32
    check_values(lambda x: np.astype(x, np.float32), M)


def test_every_ufunc_is_handled_or_refused_by_name():
    texts = (
        "_center _expandtabs _expandtabs_length _ljust _lstrip_chars _lstrip_whitespace _partition "
        "_partition_index _replace _rjust _rpartition _rpartition_index _rstrip_chars "
        "_rstrip_whitespace _slice _strip_chars _strip_whitespace _zfill count endswith find index "
        "isalnum isalpha isdecimal isdigit islower isnumeric isspace istitle isupper rfind rindex "
        "startswith str_len _ones_like"
    ).split()
    missing = {u.__name__ for u in get_overridable_numpy_ufuncs() if u not in ufuncs}
    inner = {"real", "imag"}  # NumPy 2.5 calls these inside np.real and np.imag, which are handled
    assert missing - set(texts) - inner <= {"vecdot", "matvec", "vecmat"}
    for ufunc, name in ((np.isnat, "isnat"), (np.strings.isalpha, "isalpha")):
        with pytest.raises(TypeError, match=name):
            ad.grad(lambda x, u=ufunc: u(x))(V)
    assert (np.subtract, "reduce") in methods


def test_power():
    """At base 0, and at negative bases with whole exponents, to second order."""
    exponents = np.array([0, 1, 2, 3])
    zero = np.zeros(4)
    np.testing.assert_array_equal(ad.grad(lambda x: np.sum(x**exponents))(zero), [0, 1, 0, 0])
    second = ad.hessian(lambda x: np.sum(x ** exponents.astype(float)))(zero)
    np.testing.assert_array_equal(np.diag(second), [0, 0, 2, 0])
    check(lambda x: x**exponents, np.array([-1.5, -0.5, -2.0, -0.7]), float32=False)
    for n in range(5):
        check(lambda x, n=n: x**n, V)
        assert ad.derivative(lambda x, n=n: x**n, 2)(0.0) == (2.0 if n == 2 else 0.0)
    check(lambda x, y: (x + 3) ** y, V, V[::-1].copy())
    check(lambda x: 2.0**x + np.power(3, x), V)
    check(lambda z, w: z**w, C + 3, C[::-1] * 0.5)
    assert ad.grad(lambda y: 0.0**y)(2.0) == 0.0


def test_softplus_at_zero():
    """The second derivative at equal arguments, and the first at infinities."""
    softplus = lambda x: np.logaddexp(x, 0.0)
    assert ad.derivative(softplus, 2)(0.0) == pytest.approx(0.25, abs=1e-15)
    assert ad.derivative(softplus, 4)(0.0) == pytest.approx(-0.125, abs=1e-14)
    x = np.array([np.inf, -np.inf, 2e3, -2e3, np.inf])
    y = np.array([1.0, -np.inf, 0.0, 0.0, np.inf])
    for pair in (np.logaddexp, np.logaddexp2):
        slopes = ad.vjp(lambda x, p=pair: p(x, y), x)[1](np.ones(5))[0]
        np.testing.assert_array_equal(slopes, [1, 0.5, 1, 0, 0.5])
        second = ad.jvp(
            lambda x, p=pair: ad.vjp(lambda x: p(x, y), x)[1](np.ones(5))[0], (x,), (y,)
        )
        assert np.isfinite(second[1][2:4]).all()


def test_sinc_at_zero():
    values = [1.0, 0.0, -(np.pi**2) / 3, 0.0, np.pi**4 / 5]
    for n, expected in enumerate(values):
        for x in (0.0, 1e-12):
            found = ad.derivative(np.sinc, n)(x)
            assert found == pytest.approx(expected, rel=1e-10, abs=1e-9)


def test_kinks():
    """Ties share, and distances have derivative 0 at 0."""
    assert ad.grad(lambda x: np.maximum(x, 0.0))(0.0) == 0.5
    assert ad.grad(lambda x: np.clip(x, 0.0, 1.0))(0.0) == 0.5
    assert ad.grad(lambda x: np.clip(x, 0.0, 0.0))(0.0) == 0.25
    assert ad.grad(np.abs)(0.0) == 0.0
    assert ad.grad(lambda x: np.hypot(x, 0.0))(0.0) == 0.0
    assert ad.hessian(lambda x: np.hypot(x[0], x[1]))(np.zeros(2)).tolist() == [[0, 0], [0, 0]]
    assert ad.grad(np.abs)(0j) == 0
    assert ad.vjp(np.sign, 0j)[1](1 + 0j) == (0j,)
    np.testing.assert_array_equal(
        ad.grad(lambda x: np.sum(np.nan_to_num(x)))(Z), [1, 1, 1, 1, 0, 0, 0, 1]
    )


def test_remainders():
    x, y = np.array([7.5, -7.5, 7.5, -7.5]), np.array([2.0, 2.0, -2.0, -2.0])
    for f in (np.fmod, np.remainder, np.mod):
        check(f, x, y)
    assert ad.grad(lambda y: np.fmod(0.3, y))(0.1) == -2.0  # 0.3 < 3 * 0.1


def test_branches_under_vmap():
    rows = np.stack([V, V[::-1]])
    f = lambda x: np.piecewise(x, [x < -1, x > 0.5], [lambda v: v**2, 3, np.exp])
    np.testing.assert_array_equal(ad.vmap(f)(rows), np.stack([f(r) for r in rows]))


def test_results_are_written_into_arrays_made_inside():
    for f in (lambda x, **out: np.clip(x, 0, 1, **out), lambda x, **out: np.hypot(x, 2, **out)):
        given = ad.grad(lambda x, f=f: np.sum(f(x, out=np.zeros(8))))(V)
        np.testing.assert_array_equal(given, ad.grad(lambda x, f=f: np.sum(f(x)))(V))


def test_refused():
    with pytest.raises(ValueError, match="choice"):
        ad.grad(lambda x: np.choose([7] * 8, [x, x]).sum())(V)
    with pytest.raises(ValueError, match="functions are expected"):
        ad.grad(lambda x: np.piecewise(x, [x > 0], [1, 2, 3]).sum())(V)
