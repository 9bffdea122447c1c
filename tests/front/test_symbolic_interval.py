"""Intervals: every value over the ranges of the symbols lies between the bounds."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from symbolic_checks import ROUGH, random_expression

import adjoint as ad
from adjoint.front.symbolic import Interval

x, y = ad.symbols("x y")


def test_random_expressions_are_enclosed():
    """The values at the ends of the ranges and inside, in extended precision."""
    rng = np.random.default_rng(3)
    checked = 0
    for _ in range(400):
        e = random_expression(rng, int(rng.integers(2, 9)), (x, y), ROUGH)
        if not isinstance(e, ad.symbolic.Expression) or not e.free:
            continue
        low = {n: rng.choice([rng.uniform(-3, 3), 0.0, 1.0, -1.0]) for n in e.free}
        high = {n: v + rng.choice([0.0, 1e-9, 0.5, 4.0]) for n, v in low.items()}
        inside = {n: np.r_[low[n], high[n], rng.uniform(low[n], high[n], 50)] for n in e.free}
        with np.errstate(all="ignore"):
            values = e.evaluate({n: v.astype(np.longdouble) for n, v in inside.items()})
        found = e.evaluate({n: Interval(low[n], high[n]) for n in e.free})
        finite = np.isfinite(values)
        if np.isnan(found.low):  # not defined on all numbers, or bounds of opposite infinity
            continue
        assert np.all((found.low <= values) & (values <= found.high) | ~finite), str(e)
        checked += 1
    assert checked > 150


@pytest.mark.parametrize(
    ("e", "low", "high"),
    [
        (x**2, 0.0, 4.0),
        (x**3, -1.0, 8.0),
        (x**0, 1.0, 1.0),
        (abs(x), 0.0, 2.0),
        (np.maximum(x, 0.5), 0.5, 2.0),
        (np.clip(x, 0, 1), 0.0, 1.0),
        (1 / x, -np.inf, np.inf),
        (1 / (x + 2), 0.25, 1.0),
        (np.sin(2 * x), -1.0, 1.0),
        (np.cos(x), np.cos(2), 1.0),
        (np.tan(x), -np.inf, np.inf),
        (np.exp(x), np.exp(-1), np.exp(2)),
        (np.cosh(x), 1.0, np.cosh(2)),
        (np.where(x > 0, x, 5), -1.0, 5.0),  # each branch over the whole range
        (np.where(x > 3, x, 5), 5.0, 5.0),
        (np.log(x + 2), 0.0, np.log(4)),
        (x - x, -3.0, 3.0),
        (np.sign(x), -1.0, 1.0),
    ],
    ids=str,
)
def test_bounds_over_minus_one_to_two(e, low, high):
    found = e.evaluate(x=Interval(-1, 2))
    slack = 1e-13
    assert found.low <= low and found.high >= high
    if np.isfinite(low):
        assert found.low >= low - slack
    if np.isfinite(high):
        assert found.high <= high + slack


def test_bounds_are_moved_outwards():
    third = 1 / Interval(3.0)
    assert third.low < third.high and third.contains(1 / 3)
    total = Interval(0.1) + 0.2
    assert total.contains(0.3) and total.contains(0.1 + 0.2)
    assert (Interval(1) * (1 << 60) + 1).contains(float(1 << 60))


def test_where_a_function_is_not_defined():
    assert np.isnan(np.log(x).evaluate(x=Interval(-1, 1)).high)
    assert np.isnan(np.sqrt(x).evaluate(x=Interval(-1, 1)).low)
    assert np.isnan((x**0.5).evaluate(x=Interval(-1, 1)).low)
    assert np.isnan((1 / x).evaluate(x=Interval(0, 0)).low)


def test_derivatives_and_simplified_forms():
    f = np.exp(x) * np.maximum(x, y)
    at = {"x": Interval(0, 1), "y": Interval(0.5)}
    slope = f.diff(x).evaluate(at)
    for p in np.linspace(0, 1, 11):
        assert slope.contains(f.diff(x).evaluate(x=p, y=0.5))
    assert f.simplify().evaluate(at).contains(np.exp(0.3) * 0.5)


def test_arrays():
    v = ad.symbols("v", shape=(3,))
    given = Interval([0.0, 1.0, 2.0], [1.0, 2.0, 2.5])
    found = (np.sum(v) + np.max(v) * v[::-1]).evaluate(v=given)
    assert found.shape == (3,) and found.contains(3.5 + 2.0 * np.array([2.0, 1.5, 0.5])).all()
    assert np.sum(v).evaluate(v=given).contains(5.5)
    both = (x * y).evaluate(x=given, y=2.0)
    np.testing.assert_allclose(both.high, [2.0, 4.0, 5.0], rtol=1e-14)
    assert (x + y).evaluate(x=given, y=np.ones((2, 1))).shape == (2, 3)


def test_comparisons():
    a, b = Interval(0, 1), Interval(2, 3)
    assert bool(a < b) and not bool(a > b) and bool(a != b)
    assert (a < Interval(1, 2)).dtype == bool
    with pytest.raises(ad.TracingError) as error:
        bool(a < Interval(0.5, 2))
    assert str(error.value).startswith(
        "the interval [False, True] was asked for a plain number.\n"
        "  expected: operations on all of its numbers\n"
    )


def test_what_has_no_rule_is_refused_by_name():
    for e in (x % 2, ad.special.erf(x), x // y):
        with pytest.raises(ad.TracingError) as error:
            e.evaluate({n: Interval(0, 1) for n in e.free})
        assert str(error.value).startswith(
            f"{e.node.primitive.name} has no rule for intervals.\n  expected: one of abs, add, "
        )
    with pytest.raises(ad.TracingError) as error:
        float(Interval(0, 1))
    assert str(error.value).startswith("the interval [0.0, 1.0] was asked for a plain number.")
    with pytest.raises(ad.TracingError) as error:
        Interval(0, 1) * 1j
    assert str(error.value).startswith("an interval met complex.")


@pytest.mark.parametrize(
    ("bounds", "first"),
    [
        ((2, 1), "an interval got the bounds 2.0 and 1.0."),
        (([1, 2], [1]), "an interval got the bounds [1. 2.] and [1.]."),
        ((np.nan, 1), "an interval got the bounds nan and 1.0."),
        (("a", "b"), "an interval got the bound 'a'."),
        ((1j, 2), "an interval got the bound 1j."),
    ],
)
def test_bounds_that_are_none(bounds, first):
    with pytest.raises(ValueError) as error:
        Interval(*bounds)
    assert str(error.value).split("\n")[0] == first


def test_an_interval_as_a_value():
    a = Interval(1, 2)
    assert (a.low, a.high, a.middle, a.width) == (1.0, 2.0, 1.5, 1.0)
    assert str(a) == repr(a) == "[1.0, 2.0]"
    for b in (pickle.loads(pickle.dumps(a)), copy.deepcopy(a)):
        assert (b.low, b.high) == (1.0, 2.0)
    dual = (x * x).evaluate(x=ad.Dual(a, 1.0))
    assert dual.tangent.contains(3.0) and dual.value.contains(2.25)
