"""`ad.compare`: every way to a derivative gives what it should, with the error that it has."""

from __future__ import annotations

import math
import re
import sys
import warnings
from typing import Any

import numpy as np
import pytest

import adjoint as ad
from adjoint.comparison import Row, Ways
from adjoint.comparison.problem import difference

EXTENDED = np.finfo(np.longdouble).eps < 1e-18
OWN = [
    "forward differences", "central differences", "Richardson extrapolation", "complex step",
    "forward mode", "reverse mode", "reverse mode, jitted", "formulae",
]  # fmt: skip
STEP = "complex step, extended precision" if EXTENDED else "reverse mode"


def f(x, y):
    """42 at (3, 4), its gradient (24, 10), its Hessian [[8, 6], [6, 0]]."""
    return x**2 * y + y + 2


def gradient(x, y):
    return 2 * x * y, x**2 + 1


def wave(x):
    return np.sum(np.sin(x) * np.exp(-(x**2)))


def compare(function: Any, *args: Any, **options: Any) -> Ways:
    """Our own ways, quickly."""
    return ad.compare(function, *args, **({"peers": (), "budget": 0.0} | options))


@pytest.fixture(scope="module")
def known() -> Ways:
    return compare(f, 3.0, 4.0, argnums=(0, 1), manual=gradient)


# ------------------------------------------------------------------------------------- figures


def test_all_ways_give_the_gradient(known: Ways) -> None:
    ways = [row.way for row in known]
    assert ways == ["by hand", *OWN]
    assert known.kind == "gradient"
    assert known.title == "gradient of f at x = 3.0, y = 4.0"
    assert known.reference == STEP
    for row in known:
        assert row.note == ""
        assert row.value == pytest.approx((24.0, 10.0), rel=1e-6)
        assert type(row.value) is tuple and type(row.value[0]) is float
        assert row.error == max(abs(row.value[0] - 24.0), abs(row.value[1] - 10.0))
        assert row.seconds > 0 and row.first_seconds > 0
    assert known["complex step"].error <= 4e-15
    for way in ("by hand", *OWN[4:]):
        assert known[way].value == (24.0, 10.0)
        assert known[way].error == 0.0


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (1e-5, (24.000039999805264, 10.000000000331966)),  # Newton's quotient
        (1e-4, (24.000400000048216, 10.000000000047748)),
    ],
)
def test_differences_with_a_step_of_ones_own(step: float, expected: tuple) -> None:
    row = compare(f, 3.0, 4.0, argnums=(0, 1), step=step)["forward differences"]
    assert row.value == expected
    assert row.error == expected[0] - 24.0
    assert row.error <= row.estimate <= 10 * row.error


def test_the_hessian_by_nested_differences_and_otherwise() -> None:
    found = compare(f, 3.0, 4.0, argnums=(0, 1), kind="hessian", manual=[[8, 6], [6, 0]])
    assert found.title == "Hessian of f at x = 3.0, y = 4.0"
    assert found.reference == "forward over reverse"
    errors = {
        "by hand": 0.0,
        "forward differences, twice": 1e-3,
        "central differences, twice": 1e-6,
        "differences of a complex step": 1e-8,
        "differences of reverse mode": 1e-8,
        "forward over forward": 0.0,
        "reverse over reverse": 0.0,
        "forward over reverse": 0.0,
        "forward over reverse, jitted": 0.0,
        "formulae": 0.0,
    }
    assert [row.way for row in found] == list(errors)
    for way, error in errors.items():
        row = found[way]
        assert row.note == ""
        np.testing.assert_allclose(np.array(row.value, float), [[8, 6], [6, 0]], atol=error)
        assert row.error <= error
        if way in ("forward differences, twice", "differences of a complex step"):
            assert row.error > 0


def test_each_order_of_error() -> None:
    """Forward differences lose half of the digits, central ones a third, the others none."""
    x = np.array([0.3, -1.2, 0.7])
    found = compare(wave, x)
    exact = np.exp(-(x**2)) * (np.cos(x) - 2 * x * np.sin(x))
    bounds = [1e-7, 1e-9, 1e-11, 1e-15, 1e-15, 1e-15, 1e-15, 1e-15]
    for way, bound in zip(OWN, bounds, strict=True):
        row = found[way]
        np.testing.assert_allclose(row.value, exact, atol=bound, rtol=0)
        assert row.value.shape == (3,)
        assert row.error <= bound
    assert found["forward differences"].error > 1e-10
    assert found.kind == "gradient"


def test_evaluations() -> None:
    """Differences run the function for each element, either mode once, compiled code never."""
    x = np.array([0.3, -1.2, 0.7])
    found = {row.way: row.evaluations for row in compare(wave, x, manual=np.zeros(3))}
    assert found["forward mode"] == found["reverse mode"] == 1
    assert found["by hand"] == found["reverse mode, jitted"] == 0
    calls = []
    for method in ("forward", "central", "richardson", "complex"):
        counter: list[int] = []

        def counted(x: Any, counter: list[int] = counter) -> Any:
            counter.append(1)
            return wave(x)

        ad.testing.finite_difference(counted, (x,), method)
        calls.append(len(counter))
    assert [found[way] for way in OWN[:4]] == calls
    assert found["complex step"] == 1 + 3


def test_kinds_are_called_what_they_are() -> None:
    one = compare(lambda t: np.sin(t), 0.5)
    assert one.title == "derivative of <lambda> at t = 0.5"
    assert one["reverse mode"].value == pytest.approx(math.cos(0.5), rel=1e-15)
    many = compare(lambda t: np.stack([t[0] * t[1], t[0]]), np.array([2.0, 3.0]), kind="jacobian")
    assert many.kind == "Jacobian"
    for row in many:
        np.testing.assert_allclose(row.value, [[3, 2], [1, 0]], atol=1e-6)


def test_containers_keep_their_structure() -> None:
    def line(p, t):
        return {"at": p["slope"] * t + p["offset"], "sum": p["slope"] + p["offset"]}

    p = {"slope": 2.0, "offset": np.array([1.0, 3.0])}
    found = compare(line, p, np.array([1.0, 2.0]))
    exact = ad.jacobian(line)(p, np.array([1.0, 2.0]))
    for way in OWN:
        value = found[way].value
        assert set(value) == {"at", "sum"} and set(value["at"]) == {"slope", "offset"}
        for output in exact:
            for name in exact[output]:
                np.testing.assert_allclose(value[output][name], exact[output][name], atol=1e-6)
    assert found.at == "p = a dict, t = [1., 2.]"


def test_arguments_by_name_and_constants() -> None:
    def power(x, n, *, scale=1.0):
        return scale * x**n

    found = compare(power, 2.0, 3, argnums="scale", kwargs={"scale": 5.0})
    assert found["reverse mode"].value == 8.0
    assert found["forward differences"].value == pytest.approx(8.0, rel=1e-7)
    assert found.at == "x = 2.0, n = 3, scale = 5.0"
    assert compare(power, 2, 3)["forward mode"].value == 12.0  # an integer counts as a float


# ----------------------------------------------------------------------------------- references


def test_the_reference_shares_no_rule_with_the_library() -> None:
    """A wrong rule shows in the rows that use it, and in no other."""

    @ad.custom_derivative
    def wrong(x):
        return x * x

    wrong.jvp(lambda primals, tangents: (wrong(primals[0]), 3.0 * primals[0] * tangents[0]))
    found = compare(lambda x: wrong(x) + 1, 2.0)
    assert found["Richardson extrapolation"].value == pytest.approx(4.0, rel=1e-10)
    assert found["reverse mode"].value == 6.0
    if EXTENDED:
        assert found.reference == STEP
        assert found["reverse mode"].error == found["forward mode"].error == 2.0
        assert found["complex step"].error == 0.0


def test_a_complex_step_is_no_reference_where_it_is_wrong() -> None:
    """|x| x is not analytic: its complex step is wrong by half, and must not judge the others."""

    def odd(x):
        return np.abs(x) * x

    found = compare(odd, 2.0)
    assert found.reference == "reverse mode"
    assert found["reverse mode"].value == 4.0
    assert found["complex step"].value == pytest.approx(2.0)
    assert found["complex step"].error == pytest.approx(2.0)


def test_where_nothing_but_differences_can_be() -> None:
    """What the library cannot trace is still differenced, and the row says why."""

    def opaque(x):
        return float(np.frombuffer(np.float64(x).tobytes())[0]) ** 2

    found = compare(opaque, 3.0)
    assert found.reference == "Richardson extrapolation"
    assert found["Richardson extrapolation"].error == 0.0
    assert found["central differences"].value == pytest.approx(6.0, rel=1e-8)
    row = found["reverse mode"]
    assert row.value is row.error is row.seconds is row.evaluations is None
    assert re.match(r"\w+Error: .", row.note)


def test_single_precision_is_judged_in_higher() -> None:
    x = np.array([0.3, -1.2, 0.7], np.float32)
    found = compare(wave, x)
    assert found["reverse mode"].value.dtype == np.float32
    if EXTENDED:
        assert found.reference == STEP
        assert 0 < found["reverse mode"].error < 1e-6


def test_complex_numbers() -> None:
    """df/dx - i df/dy of a real result; the ways that cannot take it say so."""
    z = np.array([1.0 + 2.0j, -0.5j])
    found = compare(lambda z: np.sum(np.abs(z) ** 2), z)
    assert found.reference == "reverse mode"
    for way in OWN:
        row = found[way]
        if row.note:
            assert way in ("complex step", "forward mode", "formulae")
        else:
            np.testing.assert_allclose(row.value, 2 * np.conj(z), atol=1e-6)


def test_vectors_of_vectors() -> None:
    """Jacobians of arrays by arrays, of arrays by numbers, of what does not depend on all."""

    def model(a, v, unused):
        return np.outer(v, v) * a + np.sin(v)

    args = 0.7, np.array([0.2, -1.0]), 3.0
    exact = ad.jacobian(model, argnums=(0, 1, 2))(*args)
    for row in compare(model, *args, argnums=(0, 1, 2)):
        if row.way == "complex step":  # a real result could also mean that a part was dropped
            assert "gave no complex number for a complex argument" in row.note
            continue
        assert row.note == ""
        for block, whole in zip(row.value, exact, strict=True):
            np.testing.assert_allclose(block, whole, atol=1e-6)
    for row in compare(model, *args):
        np.testing.assert_allclose(row.value, exact[0], atol=1e-6)
    for row in compare(lambda a, v, u: np.sum(model(a, v, u) ** 2), *args, kind="hessian"):
        assert row.value == pytest.approx(2 * 1.04**2, rel=1e-4)


def test_differences_of_blocks() -> None:
    one, nan, inf = np.array([1.0]), np.array([np.nan]), np.array([np.inf])
    assert difference([one, nan, inf], [one, nan, inf]) == 0.0
    assert difference([one], [np.array([1.5])]) == 0.5
    assert difference([inf], [-inf]) == np.inf
    assert np.isnan(difference([nan, one], [one, one]))
    assert np.isnan(difference([one, nan], [nan, nan]))
    assert difference([np.zeros((0, 2))], [np.zeros((0, 2))]) == 0.0


# --------------------------------------------------------------------------------------- by hand


def test_a_wrong_gradient_by_hand_shows_its_error() -> None:
    found = compare(f, 3.0, 4.0, argnums=(0, 1), manual=lambda x, y: (2 * x * y, x**2))
    assert found["by hand"].value == (24.0, 9.0)
    assert found["by hand"].error == 1.0


@pytest.mark.parametrize("manual", [np.array([24.0, 10.0]), [24, 10], lambda x, y: [24.0, 10.0]])
def test_numbers_by_hand_may_be_an_array(manual: Any) -> None:
    row = compare(f, 3.0, 4.0, argnums=(0, 1), manual=manual)["by hand"]
    assert row.value == (24.0, 10.0) and row.error == 0.0


def test_a_list_by_hand_for_an_array() -> None:
    row = compare(lambda x: (x**2).sum(), np.array([1.0, 2.0]), manual=[2.0, 4.0])["by hand"]
    np.testing.assert_array_equal(row.value, [2.0, 4.0])


def test_a_shape_by_hand_that_does_not_fit() -> None:
    row = compare(f, 3.0, 4.0, argnums=(0, 1), manual=np.ones(3))["by hand"]
    assert row.value is None
    assert row.note == "ValueError: gave the shape (3,), expected [(), ()]"


# ---------------------------------------------------------------------------------- other systems


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("jax", "jax.numpy", "torch", "sympy"):
        monkeypatch.setitem(sys.modules, name, None)
    found = ad.compare(f, 3.0, 4.0, budget=0.0)
    assert [row.way for row in found] == OWN
    asked = ad.compare(f, 3.0, 4.0, peers=["torch", "sympy"], budget=0.0)
    assert [(row.way, row.note) for row in asked.rows[-2:]] == [
        ("torch", "is not installed: pip install torch"),
        ("sympy", "is not installed: pip install sympy"),
    ]


def helper(t):
    return math.exp(t) * np.cos(t)


def through_a_helper(x, y):
    return helper(x) * y + np.sqrt(y)


def test_sympy_differentiates_the_same_code() -> None:
    pytest.importorskip("sympy")
    found = compare(through_a_helper, 0.5, 2.0, argnums=(1, 0), peers=["sympy"])
    row = found["SymPy, lambdified"]
    exact = (
        math.exp(0.5) * math.cos(0.5) + 0.5 / math.sqrt(2.0),
        2.0 * math.exp(0.5) * (math.cos(0.5) - math.sin(0.5)),
    )
    assert row.value == pytest.approx(exact, rel=1e-14)
    assert row.error < 1e-14 and row.evaluations == 0
    vector = compare(wave, np.array([0.3, -1.2]), peers=["sympy"])["SymPy, lambdified"]
    assert vector.value.shape == (2,) and vector.error < 1e-14
    second = compare(through_a_helper, 0.5, 2.0, kind="hessian", argnums=(0, 1), peers=["sympy"])
    assert second["SymPy, lambdified"].error < 1e-14


SYMPY_KNOWS = (
    "sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arctanh exp expm1 exp2 log log1p log2"
    " log10 sqrt square reciprocal absolute negative"
).split()


@pytest.mark.parametrize("name", SYMPY_KNOWS)
def test_elementary_functions_in_sympy(name: str) -> None:
    pytest.importorskip("sympy")
    ufunc = getattr(np, name)
    row = compare(lambda x: ufunc(x), 0.3, peers=["sympy"])["SymPy, lambdified"]
    assert row.note == ""
    assert row.value == pytest.approx(ad.grad(lambda x: ufunc(x))(0.3), rel=1e-13)


@pytest.mark.parametrize("name", ["hypot", "arctan2", "logaddexp", "maximum", "minimum", "power"])
def test_functions_of_two_numbers_in_sympy(name: str) -> None:
    pytest.importorskip("sympy")
    ufunc = getattr(np, name)
    found = compare(lambda x, y: ufunc(x, y), 0.3, 1.7, argnums=(0, 1), peers=["sympy"])
    row = found["SymPy, lambdified"]
    assert row.note == ""
    assert row.value == pytest.approx(
        ad.grad(lambda x, y: ufunc(x, y), (0, 1))(0.3, 1.7), rel=1e-13
    )


def test_sympy_says_what_it_cannot_take() -> None:
    pytest.importorskip("sympy")

    def branch(x):
        return x if x > 0 else -x

    found = compare(branch, 2.0, peers=["sympy"])
    assert found["SymPy, lambdified"].value is None
    assert found["SymPy, lambdified"].note.startswith("TypeError: cannot determine truth value")
    large = compare(lambda x: x @ x, np.ones(500), peers=["sympy"])["SymPy, lambdified"]
    assert large.note == "ValueError: 500 entries are more than 400, a formula each"


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["jax", "torch"])
def test_other_systems_differentiate_the_same_code(name: str) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed")
    way = {"jax": "JAX, jitted", "torch": "PyTorch"}[name]
    for kind in ("gradient", "hessian"):
        row = compare(wave, np.array([0.3, -1.2]), kind=kind, peers=[name])[way]
        assert row.note == "" and row.error < 1e-14
        row = compare(f, 3.0, 4.0, kind=kind, argnums=(0, 1), peers=[name])[way]
        assert row.note == "" and row.error == 0.0
    refused = compare(lambda x: np.sort(np.array([x, 2 * x]))[0], 1.0, peers=[name])[way]
    assert refused.note or refused.error == 0.0


def test_other_systems_leave_the_function_alone() -> None:
    pytest.importorskip("sympy")
    before = dict(globals())
    compare(through_a_helper, 0.5, 2.0, peers=["sympy"])
    assert all(globals()[name] is x for name, x in before.items())
    assert through_a_helper(0.5, 4.0) == 4 * math.exp(0.5) * math.cos(0.5) + 2


# -------------------------------------------------------------------------------------- the table

FIXED = Ways(
    "f",
    "gradient",
    "x = 3.0",
    "reverse mode",
    (
        Row("by hand", (24.0, 10.0), 0.0, None, 1.5e-6, 2.5e-3, 0),
        Row("differences | h", np.array([1.0, 2.5]), 1.3e-9, 1e-8, 0.25, 1.5, 7),
        Row("other", note="TypeError: no such number <x>"),
    ),
)


def test_the_text() -> None:
    assert (
        str(FIXED)
        == """\
gradient of f at x = 3.0
way              value           error   a call  first call  runs
by hand          (24.0, 10.0)  0.0e+00  1.50 us     2.50 ms     0
differences | h  [1. , 2.5]    1.3e-09   250 ms      1.50 s     7
other            TypeError: no such number <x>
error: largest difference from reverse mode; runs: of the function, in a call\
"""
    )
    assert repr(FIXED) == str(FIXED)
    assert len(FIXED) == 3 and FIXED["other"] is FIXED.rows[2]
    with pytest.raises(KeyError, match=r"there are 'by hand', 'differences . h', 'other'"):
        FIXED["nothing"]


def test_markdown() -> None:
    assert (
        FIXED.markdown()
        == """\
gradient of f at x = 3.0

| way | value | error | a call | first call | runs |
| --- | --- | --: | --: | --: | --: |
| by hand | (24.0, 10.0) | 0.0e+00 | 1.50 us | 2.50 ms | 0 |
| differences \\| h | [1. , 2.5] | 1.3e-09 | 250 ms | 1.50 s | 7 |
| other | TypeError: no such number <x> |  |  |  |  |

error: largest difference from reverse mode; runs: of the function, in a call"""
    )


def test_html() -> None:
    text = FIXED._repr_html_()
    assert text.startswith(
        "<table>\n<caption>gradient of f at x = 3.0</caption>\n<thead><tr><th>way"
    )
    assert "<tr><td>by hand</td><td>(24.0, 10.0)</td><td>0.0e+00</td><td>1.50 us</td>" in text
    assert "TypeError: no such number &lt;x&gt;" in text
    assert text.count("<tr>") == text.count("</tr>") == 4


def test_the_data() -> None:
    data = FIXED.to_dict()
    assert list(data) == ["function", "kind", "at", "reference", "rows"]
    assert data["rows"][0] == {
        "way": "by hand", "value": (24.0, 10.0), "error": 0.0, "estimate": None,
        "seconds": 1.5e-6, "first_seconds": 2.5e-3, "evaluations": 0, "note": "",
    }  # fmt: skip


def test_real_tables_fit_the_page(known: Ways) -> None:
    x = np.random.default_rng(0).normal(size=(30, 20))
    for found in (known, compare(lambda x: (x**2).sum(), x)):
        assert all(len(line) <= 100 for line in str(found).splitlines())
        assert str(found).isascii()


# ----------------------------------------------------------------------------------------- errors


def test_wrong_questions() -> None:
    with pytest.raises(ValueError) as caught:
        ad.compare(f, 3.0, 4.0, kind="curl")
    first, second, *_ = str(caught.value).splitlines()
    assert first == "ad.compare got kind='curl'."
    assert second == "  expected: one of 'gradient', 'derivative', 'jacobian', 'hessian'"
    with pytest.raises(ValueError) as caught:
        ad.compare(f, 3.0, 4.0, peers=["numba"])
    assert str(caught.value).splitlines()[:2] == [
        "ad.compare got peers='numba'.",
        "  expected: one of 'jax', 'torch', 'sympy'",
    ]
    with pytest.raises(TypeError) as caught:
        ad.compare(lambda x: "text", 3.0)
    assert str(caught.value).splitlines()[:2] == [
        "ad.compare: <lambda> returned a str.",
        "  expected: numbers and arrays of them",
    ]
    with pytest.raises(ad.DifferentiationError, match="compare was to differentiate at a str"):
        ad.compare(f, "three", 4.0)


def test_an_error_of_the_function_is_the_users() -> None:
    def broken(x):
        raise LookupError("no table")

    with pytest.raises(LookupError, match="no table"):
        ad.compare(broken, 1.0)


def test_no_warnings_and_no_writes() -> None:
    def model(x):
        x *= 2
        return np.log(x).sum()

    x = np.array([1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compare(model, x)
    np.testing.assert_array_equal(x, [1.0, 2.0])
    np.testing.assert_allclose(found["reverse mode"].value, [1.0, 0.5])
    np.testing.assert_allclose(found["central differences"].value, [1.0, 0.5], rtol=1e-8)
