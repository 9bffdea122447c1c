"""`ad.compare`: every way to a derivative gives what it should, with the error that it has."""

from __future__ import annotations

import math
import re
import sys
import time
import warnings
from typing import Any

import numpy as np
import pytest

import adjoint as ad
from adjoint.comparison import RICHARDSON, Row, Ways
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


@pytest.mark.parametrize(
    ("manual", "text"),
    [
        ((-24.0, -10.0), "it has the wrong sign"),
        ((12.0, 5.0), "it is 1/2 times what it should be"),
        ((48.0, 20.0), "it is 2 times what it should be"),
        ((0.0, 0.0), "it is zero"),
        ((10.0, 24.0), "its parts are in another order than the arguments"),
        ((24.0, 9.0), "1 of 2 entries are wrong; it by y is 9.0, expected 10.0"),
        ((24.0, -10.0), "it has the wrong sign by y"),
        ((24.0, math.nan), "1 of 2 entries are wrong; it by y is nan, expected 10.0"),
        ((24.001, 10.0), "1 of 2 entries are wrong; it by x is 24.001, expected 24.0"),
        (np.ones(3), "ValueError: gave the shape (3,), expected [(), ()]"),
        ("2*x*y", "TypeError: gave a str, expected numbers"),
        (lambda x, y: None, "TypeError: gave a NoneType, expected numbers"),
        (lambda x, y: (2 * x, None), "ValueError: gave the shape (), expected [(), ()]"),
    ],
)
def test_what_is_wrong_with_a_gradient_by_hand(manual: Any, text: str) -> None:
    found = compare(f, 3.0, 4.0, argnums=(0, 1), manual=manual, symbolic=False)
    assert found.by_hand == (False, text)
    assert f"by hand is WRONG: {text}" in str(found).splitlines()
    assert f"by hand is WRONG: {text}" in found._repr_html_()
    assert found.to_dict()["by_hand"] == {"is_right": False, "text": text}


def test_a_right_gradient_by_hand_is_right(known: Ways) -> None:
    assert known.by_hand == (True, "right") and known.notes == ()
    assert "WRONG" not in str(known)
    near = (24.0 * (1 + 1e-8), 10.0 * (1 - 1e-8))  # as differences give it
    assert compare(f, 3.0, 4.0, argnums=(0, 1), manual=near).by_hand.is_right
    single = np.array([0.3, -1.2, 0.7], np.float32)
    hand = ad.grad(wave)(single) * np.float32(1 + 3e-7)
    assert compare(wave, single, manual=hand).by_hand.is_right
    assert not compare(wave, single, manual=hand * np.float32(1.01)).by_hand.is_right
    assert compare(f, 3.0, 4.0).by_hand is None


def test_a_matrix_by_hand_that_is_transposed() -> None:
    a = np.array([[1.0, 0.2], [0.3, 0.4]])

    def g(a):
        return np.sum(np.tanh(a @ a) * np.arange(4.0).reshape(2, 2))

    found = compare(g, a, manual=ad.grad(g)(a).T, symbolic=False)
    assert found.by_hand.text == "it is the transpose of what it should be"
    wrong = ad.grad(g)(a) + np.array([[0.0, 0.0], [1.0, 0.0]])
    text = compare(g, a, manual=wrong, symbolic=False).by_hand.text
    assert re.fullmatch(
        r"1 of 4 entries are wrong; entry \[1, 0\] is [\d.]+, expected [\d.]+", text
    )
    two = compare(lambda p: p["u"] * p["v"] ** 2, {"u": 2.0, "v": 3.0}, manual={"u": 9.0, "v": 6.0})
    assert two.by_hand.text == "1 of 2 entries are wrong; it by p['v'] is 6.0, expected 12.0"
    jacobian = compare(
        lambda t: np.stack([t[0] * t[1], t[0] ** 2]),
        np.array([2.0, 3.0]),
        manual=[[3.0, 4.0], [2.0, 0.0]],
    )
    assert jacobian.by_hand.text == "it is the transpose of what it should be"


# ---------------------------------------------------------------------- what spoils a derivative


def counting() -> Any:
    calls = iter(range(1000))
    return lambda x: x + next(calls)


@pytest.mark.parametrize(
    ("function", "at", "note"),
    [
        (lambda x: np.abs(x) + x, 0.0, "f has a kink at this point: its slopes in x are 0 and 2 on "
         "either side, so it has no derivative there"),
        (lambda x: np.sum(np.maximum(x, 0)), np.array([1.0, 0.0]),
         "f has a kink at this point, in x: it has no derivative there"),
        (lambda x: np.where(x > 0, x + 1.0, x), 0.0,
         "f jumps at this point, in x, or is noisy"),
        (lambda x: np.sqrt(np.abs(x)), 0.0,
         "the slope of f in x grows without bound at this point"),
        (lambda x: np.cbrt(x), 0.0, "the slope of f in x grows without bound at this point"),
        (lambda x: np.sum(np.cbrt(x)), np.array([1.0, 0.0]),
         "the slope of f in x grows without bound at this point"),
        (lambda x: np.sqrt(x), 0.0, "f is not finite beside this point, in x"),
        (lambda x: np.log(x), -1.0, "f is not finite at this point"),
        (lambda x: np.log(x), np.array([1.0, -1.0, 0.0]),
         "f has 2 of 3 elements that are not finite at this point"),
        (lambda x: np.round(x).astype(int).sum(), np.array([1.2, 2.3]),
         "f returns whole numbers, whose derivative is zero"),
        (lambda x: x + 1e-9 * np.floor(1e7 * np.sin(1e7 * x)), 1.0,
         "f jumps at this point, in x, or is noisy"),
        (counting(), 1.0, "f gives another value at each call: it is random, or keeps something "
         "between calls"),
    ],
)  # fmt: skip
def test_what_spoils_a_derivative_is_said(function: Any, at: Any, note: str) -> None:
    function.__name__ = "f"
    found = compare(function, at, symbolic=False)
    assert found.notes == (note,)
    assert str(found).splitlines()[-1] == f"note: {note}"
    assert f"note: {note}" in found.markdown() and found.to_dict()["notes"] == [note]


@pytest.mark.parametrize(
    ("function", "at"),
    [
        (lambda x: np.sin(1e4 * x), 1.0),
        (lambda x: np.exp(x), 50.0),
        (lambda x: 1 / x, 1e-3),
        (lambda x: np.sum(np.abs(x)), np.array([1e-3, -2.0])),
        (lambda x: np.abs(x) * x, 0.0),
        (lambda x: x**3, np.array(1e6)),
        (lambda x: np.sum(np.tanh(x) ** 2), np.linspace(-2, 2, 50).astype(np.float32)),
        (lambda x: np.sum(x), np.zeros((0, 3))),
        (lambda z: np.sum(np.abs(z) ** 2), np.array([1 + 2j, 3.0])),
        (lambda x: 0.0 * x + 3.0, 1.0),
        (lambda x: x * 1e-300, 1.0),
        (lambda x: 1e300 * x, 1.0),
        (lambda x: np.exp(-x), np.inf),
        (lambda x: np.cbrt(x) * x, 0.0),
    ],
)
def test_nothing_is_said_of_smooth_functions(function: Any, at: Any) -> None:
    assert compare(function, at, symbolic=False).notes == ()


def test_a_result_that_turns_complex_has_no_difference() -> None:
    """Beside 0, Python's `**` gives complex numbers, of which half would be dropped."""
    found = compare(lambda x: x ** (1 / 3), 0.0, symbolic=False)
    assert found["central differences"].note.startswith("ComplexWarning: ")


def test_arguments_by_keyword_in_every_way() -> None:
    def g(p, *, rate, times=None):
        return np.sum(p["a"] * np.exp(-rate * times)) + p["b"]

    given = {"rate": 0.5, "times": np.linspace(0, 1, 5)}
    p = {"a": 2.0, "b": 1.0}
    for argnums in (0, "rate", (0, "rate"), "times"):
        found = compare(g, p, kwargs=given, argnums=argnums)
        exact = ad.grad(g, argnums)(p, **given)
        for row in found:
            assert row.note == "", row
            np.testing.assert_allclose(
                np.concatenate([np.ravel(x) for x in ad.base.tree.flatten(row.value)[0]]),
                np.concatenate([np.ravel(x) for x in ad.base.tree.flatten(exact)[0]]),
                rtol=1e-5,
            )
    found = compare(g, p, kwargs=given, argnums=(0, "rate"), kind="hessian")
    assert all(row.note == "" for row in found)


def test_ways_that_would_take_too_long_are_left_out() -> None:
    """By the time and the memory that they are bound to take, before anything is computed."""

    def slow(x):
        time.sleep(0.02)
        return np.sum(x**2)

    found = compare(slow, np.ones(2000), symbolic=False)
    assert {row.way: row.note for row in found if row.note} == {
        "forward differences": "left out: it would run the function about 6,000 times",
        "central differences": "left out: it would run the function about 8,000 times",
        RICHARDSON: "left out: it would run the function about 24,000 times",
        "complex step": "left out: it would run the function about 2,000 times",
    }
    large = compare(lambda x: np.sum(x**2), np.ones(300_000), symbolic=False)
    assert large.reference == "reverse mode" and large["reverse mode"].error == 0.0
    assert large["forward mode"].note == (
        "left out: it would hold about 90,000,000,000 numbers at once"
    )
    second = compare(lambda x: np.sum(x**2), np.ones(400), symbolic=False, kind="hessian")
    assert second["forward over forward"].note == (
        "left out: it would hold about 64,000,000 numbers at once"
    )
    assert second["reverse over reverse"].error == 0.0


def test_an_expression() -> None:
    x, y = ad.symbols("x y")
    e = f(x, y) + np.sin(x) / y
    found = compare(e, 3.0, 4.0, argnums=(0, 1), peers=None)
    assert found.at == "x = 3.0, y = 4.0"
    for row in found:
        assert row.note == "", row
        assert row.value == pytest.approx(
            ad.grad(lambda x, y: f(x, y) + np.sin(x) / y, (0, 1))(3.0, 4.0)
        )
    assert compare(e, 3.0, 4.0, argnums="y", manual=lambda x, y: 10.0).by_hand.is_right is False


def test_texts_are_escaped() -> None:
    found = Ways("a_b*c*", "gradient", "x = <1> | `2`", "r", (Row("w_1_", 1.0),), None, ("a & b",))
    assert found.markdown() == (
        "gradient of a\\_b\\*c\\* at x = &lt;1&gt; \\| \\`2\\`\n\n"
        "| way | value | error | a call | first call | runs |\n"
        "| --- | --- | --: | --: | --: | --: |\n"
        "| w\\_1\\_ | 1.0 |  |  |  |  |\n\n"
        "error: largest difference from r; runs: of the function, in a call  \n"
        "note: a &amp; b"
    )
    assert "a_b*c* at x = &lt;1&gt; | `2`</caption>" in found._repr_html_()
    assert "<br>note: a &amp; b</p>" in found._repr_html_()


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
| other | TypeError: no such number &lt;x&gt; |  |  |  |  |

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
    assert list(data) == ["function", "kind", "at", "reference", "rows", "by_hand", "notes"]
    assert data["by_hand"] is None and data["notes"] == []
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


@pytest.mark.parametrize("step", [0.0, -1e-3, math.nan, math.inf])
def test_steps_that_are_none(step: float) -> None:
    with pytest.raises(ValueError) as caught:
        ad.compare(f, 3.0, 4.0, step=step)
    assert str(caught.value).splitlines()[:2] == [
        f"ad.compare got step={step!r}.",
        "  expected: a number above 0, or None for each method's own step",
    ]


def test_where_nothing_can_judge() -> None:
    found = compare(lambda z: np.abs(z) ** 2, 1 + 1j, kind="hessian", manual=2.0)
    assert found.reference == "" and found.by_hand is None
    assert all(row.error is None for row in found)
    assert found.legend == "error: not known; runs: of the function, in a call"


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
