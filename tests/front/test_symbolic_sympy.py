"""SymPy: to it, from it, and its derivatives beside ours."""

from __future__ import annotations

import numpy as np
import pytest
from symbolic_checks import SMOOTH, random_expression

import adjoint as ad
from adjoint.front.symbolic import from_sympy, parse

sympy = pytest.importorskip("sympy")
mpmath = pytest.importorskip("mpmath")

pytestmark = pytest.mark.oracle


def compare(count: int, seed: int) -> None:
    """Our derivative of random expressions and SymPy's, in thirty digits, at random points."""
    rng = np.random.default_rng(seed)
    symbols = ad.symbols("x y")
    compared = expressions = 0
    while expressions < count:
        e = random_expression(rng, int(rng.integers(2, 9)), symbols, SMOOTH)
        if not isinstance(e, ad.symbolic.Expression) or "x" not in e.free:
            continue
        expressions += 1
        ours = e.diff("x")
        theirs = sympy.diff(e.to_sympy(real=True), sympy.Symbol("x", real=True))
        names = [sympy.Symbol(n, real=True) for n in ("x", "y")]
        function = sympy.lambdify(names, theirs, "mpmath")
        for _ in range(3):
            at = dict(zip("xy", rng.uniform(0.2, 1.8, 2), strict=True))
            with mpmath.workdps(30):
                try:
                    wanted = function(*[mpmath.mpf(float(v)) for v in at.values()])
                except (ZeroDivisionError, OverflowError, ValueError):
                    continue
                if not isinstance(wanted, (int, float, mpmath.mpf)) or not mpmath.isfinite(wanted):
                    continue
                wanted = float(wanted) if abs(wanted) < 1e60 else None
            given = {n: np.longdouble(at[n]) for n in ours.free}
            found, rough = ours.evaluate(given), ours.evaluate({n: at[n] for n in ours.free})
            if wanted is None or not np.isfinite(found):
                continue
            if abs(rough - found) > 1e-7 * abs(found):
                continue  # the formula loses its digits there, in whatever order it is computed
            assert float(found) == pytest.approx(wanted, rel=1e-9, abs=1e-15), (str(e), at)
            compared += 1
    assert compared > 2 * count


def test_three_hundred_derivatives():
    compare(300, 4)


def test_there_and_back():
    rng = np.random.default_rng(9)
    symbols = ad.symbols("x y")
    for _ in range(100):
        e = random_expression(rng, 6, symbols, SMOOTH)
        if not isinstance(e, ad.symbolic.Expression) or not e.free:
            continue
        back = from_sympy(e.to_sympy())
        given = {"x": np.longdouble(0.7), "y": np.longdouble(1.3)}
        wanted = e.evaluate({n: given[n] for n in e.free})
        if not np.isfinite(wanted) or abs(wanted) > 1e50:
            continue
        assert set(back.free) <= set(e.free)
        found = back.evaluate({n: given[n] for n in back.free})
        if abs(wanted - e.evaluate({n: float(given[n]) for n in e.free})) < 1e-9 * abs(wanted):
            assert float(found) == pytest.approx(float(wanted), rel=1e-9, abs=1e-13), str(e)


def test_the_polynomial_of_the_cases():
    f = parse("x**5 + 1")
    x = sympy.Symbol("x")  # as everybody writes it
    assert sympy.diff(f.to_sympy(), x).subs(x, 1) == 5
    assert sympy.diff(f.to_sympy(), "x").subs("x", 1) == 5
    assert f.diff("x").evaluate(x=1.0) == 5.0
    assert from_sympy(sympy.diff(f.to_sympy(), x)).evaluate(x=1) == 5


def test_symbols_that_are_real():
    x = sympy.Symbol("x", real=True)
    root = np.sqrt(ad.symbols("x") ** 2)
    assert root.to_sympy(real=True) == sympy.Abs(x)
    assert sympy.diff(root.to_sympy(real=True), x) == sympy.sign(x)
    assert ad.symbolic.to_sympy(root, real=True) == sympy.Abs(x)
    assert str(root.to_sympy()) == "sqrt(x**2)"


def test_special_forms():
    x = sympy.Symbol("x")
    e = from_sympy(sympy.Piecewise((x, x > 0), (-x, True)) + sympy.Max(x, 2, 3) + sympy.pi)
    assert e.evaluate(x=1.0) == 1.0 + 3 + np.pi
    assert e.evaluate(x=-1.0) == 1.0 + 3 + np.pi
    assert str(from_sympy(sympy.Rational(1, 3) * x)) in ("1/3*x", "x*(1/3)")


def test_what_has_no_counterpart():
    with pytest.raises(TypeError) as error:
        ad.symbols("v", shape=(2,)).sum().to_sympy()
    assert str(error.value).startswith("a value of type float64[2] has no counterpart in SymPy.")
    with pytest.raises(TypeError) as error:
        from_sympy(sympy.besselj(0, sympy.Symbol("x")))
    assert str(error.value).startswith("SymPy's besselj has no counterpart here.")


x, y = ad.symbols("x y")


@pytest.mark.parametrize(
    ("e", "text"),
    [
        (np.maximum(x, 0), "Max(0, x)"),
        (np.where((x > 0) & (y < 1), x, 2 * y), "Piecewise((x, (x > 0) & (y < 1)), (2*y, True))"),
        ((x > 0) * y, "y*Piecewise((1, x > 0), (0, True))"),
        (np.maximum(x, 0).diff(x), None),
        (np.clip(x, -1, 1), "Min(1, Max(-1, x))"),
        (np.cbrt(x), "Abs(x)**(1/3)*sign(x)"),
        (np.trunc(x), "floor(Abs(x))*sign(x)"),
        (x // y, "floor(x/y)"),
        (x % y, "Mod(x, y)"),
        (np.sinc(x), "sinc(pi*x)"),
        (np.heaviside(x, 0.5), "Heaviside(x)"),
        (ad.special.erf(x), "erf(x)"),
        (ad.special.gamma(x).diff(x), "gamma(x)*polygamma(0, x)"),
        (np.arctan2(y, x), "atan2(y, x)"),
        (abs(x) ** 2.5, "Abs(x)**(5/2)"),
        (np.logical_not(x > y), "y >= x"),
    ],
    ids=str,
)
def test_functions_there_and_back(e, text):
    theirs = e.to_sympy()
    if text is not None:
        assert str(theirs) == text
    back = from_sympy(theirs)
    for at in ({"x": 0.3, "y": 0.7}, {"x": -1.6, "y": 2.5}, {"x": 2.5, "y": -0.6}):
        given = {n: at[n] for n in e.free}
        wanted = e.evaluate(given)
        assert back.evaluate({n: at[n] for n in back.free}) == pytest.approx(wanted, rel=1e-12)
        number = theirs.subs({sympy.Symbol(n): sympy.Float(v, 20) for n, v in at.items()})
        found = bool(number) if number in (sympy.true, sympy.false) else float(number)
        assert found == pytest.approx(float(wanted), rel=1e-12)


def test_complex_numbers():
    c = ad.symbols("c", dtype=complex)
    assert str((c * (1 - 2j) + np.conj(c)).to_sympy()) == "c*(1 - 2*I) + conjugate(c)"
    assert from_sympy(sympy.I * sympy.Symbol("x")).evaluate(x=2.0) == 2j


@pytest.mark.parametrize(
    ("formula", "first"),
    [
        (sympy.zoo, "from_sympy got zoo."),
        ("__import__('os').getcwd()", "from_sympy got a text."),
        (sympy.Integral(sympy.Symbol("x")), "SymPy's Integral has no counterpart here."),
        (sympy.Sum(sympy.Symbol("k"), (sympy.Symbol("k"), 1, 3)), "SymPy's Sum has no counterpart"),
        (sympy.Symbol("x") + sympy.Symbol("x", real=True), "two of SymPy's symbols are called 'x'"),
        (sympy.Function("g")(sympy.Symbol("x")), "SymPy's g has no counterpart here."),
        (sympy.Matrix([1]), "SymPy's ImmutableDenseMatrix has no counterpart here."),
    ],
    ids=str,
)
def test_what_cannot_come_back(formula, first):
    with pytest.raises(TypeError) as error:
        from_sympy(formula)
    assert str(error.value).startswith(first)


def test_what_cannot_go_there():
    for e, name in ((np.rint(x), "rint"), (x.astype(int), "stop_gradient")):
        with pytest.raises(TypeError) as error:
            e.to_sympy()
        assert str(error.value).startswith(f"{name} has no counterpart in SymPy.")
