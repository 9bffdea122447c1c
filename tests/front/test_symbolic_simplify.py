"""Simplification: every rule of the table, and random expressions: the value stays, and what is
simple stays as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from symbolic_checks import agreement, points, random_expression, values_of

import adjoint as ad
from adjoint.front.symbolic import RULES, parse
from adjoint.front.symbolic.rules import table

SPECIAL = np.array([0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 1e-8, 5.0, -5.0], np.longdouble)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_a_rule_is_applied(rule):
    found, wanted = parse(rule.pattern).simplify(), parse(rule.replacement)
    if not wanted.free:  # a float, as all real formulas are
        wanted = ad.symbolic.simplify(float(wanted.evaluate()))
    assert found.same(wanted.simplify()), found


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_both_sides_of_a_rule_agree_wherever_the_left_one_is_finite(rule):
    left, right = parse(rule.pattern), parse(rule.replacement)
    rng = np.random.default_rng(5)
    random = {n: rng.uniform(*rule.domain, 200).astype(np.longdouble) for n in left.free}
    inside = values_of(left, random)
    assert np.isfinite(inside).all()
    grid = np.meshgrid(*[SPECIAL] * len(left.free))
    special = {n: values.ravel() for n, values in zip(left.free, grid, strict=True)}
    for given in (random, special):
        wanted, found = values_of(left, given), values_of(right, given)
        simple = values_of(left.simplify(), given)
        finite = np.isfinite(wanted)
        np.testing.assert_allclose(found[finite], wanted[finite], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(simple[finite], wanted[finite], rtol=1e-12, atol=1e-12)


def test_the_rules_are_documented():
    page = Path(__file__).parents[2] / "docs" / "simplification.md"
    assert table() in page.read_text()
    assert len({rule.name for rule in RULES}) == len(RULES)


def sweep(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    symbols = ad.symbols("x y z")
    good = finite = 0
    for k in range(count):
        e = random_expression(rng, int(rng.integers(2, 14)), symbols)
        if not isinstance(e, ad.symbolic.Expression):
            continue
        simple = e.simplify()
        assert simple.simplify().same(simple), (k, str(e), str(simple), str(simple.simplify()))
        if not e.free:
            continue
        some, all_, worst = agreement(e, simple, points(rng, e.free))
        assert worst <= 1e-9, (k, str(e), str(simple), worst)
        good, finite = good + some, finite + all_
    assert good > 0.9 * finite > count


def test_random_expressions():
    sweep(1500, 1)


@pytest.mark.slow
def test_ten_thousand_random_expressions():
    sweep(10_000, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x*y + y*x - 2 + 3*x*y + 4", "5*x*y + 2"),
        ("0 + (0*x + y*1)", "y"),
        ("x + y + x**2*y + 2", "x**2*y + x + y + 2"),
        ("x/x", "1"),
        ("2*x/4", "x/2"),
        ("x/3 + x/6", "x/2"),
        ("1/3 + 1/6", "0.5"),
        ("-x + y", "y - x"),
        ("sqrt(x)*sqrt(x)", "x"),
        ("x**0.5*x", "x**1.5"),
        ("1/x/y", "1/(x*y)"),
        ("exp(x)/exp(y)", "exp(x - y)"),
        ("sin(x)**2 + cos(x)**2", "1"),
        ("3*sin(x)**2 + 2*cos(x)**2", "2*cos(x)**2 + 3*sin(x)**2"),
        ("sqrt(x**2)", "abs(x)"),
        ("sqrt(x*y)", "sqrt(x*y)"),
        ("log(x*y)", "log(x*y)"),
        ("sin(y - x)", "-sin(x - y)"),
        ("cos(y - x)", "cos(x - y)"),
        ("(x + y)*(x + y)", "(x + y)**2"),
        ("2**x*2**y", "2**(x + y)"),
        ("x*1e200*1e200", "1e+200*x*1e+200"),
        ("0.1*x + 0.2*x", "0.30000000000000004*x"),
    ],
)
def test_normal_forms(text, expected):
    assert str(parse(text).simplify()) == expected


def test_the_derivative_of_the_cases():
    x, y = ad.symbols("x y")
    g = 5 + x * y
    assert str(g.diff(x).simplify()) == "y"
    assert g.diff(x).simplify().latex() == "y"
    assert g.latex() == "5 + x y"


def test_arrays_keep_their_shapes():
    a, b, s = ad.symbols("a", shape=(3,)), ad.symbols("b", shape=(4,)), ad.symbols("s")
    e = (a - a + s).sum() - (b - b + s).sum()
    assert e.simplify().evaluate(a=np.ones(3), b=np.ones(4), s=2.0) == -2.0
    zero = (a - a).simplify()
    assert zero.shape == (3,)
    np.testing.assert_array_equal(zero.evaluate(), np.zeros(3))
    m = ad.symbols("M", shape=(3, 3))
    quadratic = a @ m @ a + a @ m @ a
    found = quadratic.simplify()
    assert str(found) == "2*(a @ M @ a)"
    given = {"a": np.arange(3.0), "M": np.arange(9.0).reshape(3, 3)}
    assert found.evaluate(given) == quadratic.evaluate(given)


def test_precisions_stay():
    f = ad.symbols("f", shape=(2,), dtype=np.float32)
    e = f * np.float64(0.1) + f * np.float64(0.1)
    given = np.array([0.3, 0.7], np.float32)
    found = e.simplify().evaluate(f=given)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, e.evaluate(f=given), rtol=1e-15)
    assert (f * 2 + f).simplify().dtype == np.float32


def test_stop_gradient_stays():
    x = ad.symbols("x")
    e = (x * ad.stop_gradient(x) + 0).simplify()
    assert e.diff(x).evaluate(x=3.0) == 3.0


def test_a_long_sum_is_collected():
    x = ad.symbols("x")
    e = x
    for _ in range(500):
        e = e + x
    assert str(e.simplify()) == "501*x"


def test_deep_expressions_need_no_stack():
    x = ad.symbols("x")
    e = x
    for _ in range(3000):
        e = np.sin(e)
    assert e.simplify().same(e)


def test_the_type_stays():
    x, n, f = ad.symbols("x"), ad.symbols("n", dtype=int), ad.symbols("f", dtype=np.float32)
    for e in (
        x - x,
        x / x,
        n / 2 * 2,
        n * x + x * n,
        f - f,
        f / f,
        n * n / n,
        n**2 + 0 * x,
        n + n - n,
    ):
        simple = e.simplify()
        assert (simple.dtype, simple.shape) == (e.dtype, e.shape), str(e)
        assert simple.simplify().same(simple)
    assert type((x / x).simplify().evaluate()) is float
    big = np.array([1 << 31])  # whose cube is no 64-bit integer
    assert ((1.0 * n) ** 3).simplify().evaluate(n=big) == 2.0**93
    assert (x * 0 + n * ((1 << 53) + 1)).simplify().evaluate(x=1.0, n=1) == 2.0**53


def test_functions_of_numbers_are_functions_of_floats():
    for text, wanted in (
        ("reciprocal(4) + x", 0.25),
        ("x - reciprocal(-2)", 0.5),
        ("square(3037000500)*1e-18 + x", 3037000500.0**2 * 1e-18),
        ("where(x < 1, 1, 2)**-2", 1.0),
        ("7**-1 + x", 1 / 7),
        ("floor(7)/floor(2) + x", 3.5),
    ):
        e = parse(text)
        assert e.dtype == np.float64
        assert e.evaluate(x=0.0) == pytest.approx(wanted, rel=1e-15)
        assert e.simplify().evaluate(x=0.0) == pytest.approx(wanted, rel=1e-15)


def test_choices_between_numbers_are_simple_at_once():
    for text in ("where(x > y, 123456789, 1024)/(x + 2.5)", "(x + x)**where(y < x, -3, 2)"):
        simple = parse(text).simplify()
        assert simple.simplify().same(simple)


def test_a_normal_form_that_would_be_long_is_not_made():
    x = ad.symbols("x")
    e, slope = x, 1.0
    for k in range(600):  # as the product rule writes it, each product used twice
        slope = slope * (x + k) + e
        e = e * (x + k)
    assert (slope.simplify()).same(slope)
    flat = ad.symbolic.parse("+".join(f"sin({k}*x)" for k in range(500, 0, -1)))
    assert not flat.simplify().same(flat)


def test_many_squares_are_joined():
    x = ad.symbols("x")
    e = 0 * x
    for k in range(1, 1200):
        e = e + np.sin(k * x) ** 2 * 3 + np.cos(k * x) ** 2 * 3
    assert str(e.simplify()) == "3597"
