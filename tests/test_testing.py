"""Finite differences and comparisons of derivatives: right where the answer is known, and loud
where a derivative is wrong."""

import doctest
from typing import NamedTuple

import numpy as np
import pytest

import adjoint as ad
from adjoint import testing
from adjoint.testing import GradientError, check_grads, finite_difference

METHODS = ("forward", "central", "richardson", "complex")
ERRORS = {"forward": 1e-6, "central": 1e-8, "richardson": 1e-10, "complex": 1e-14}


def polynomial(x, y):
    return x**2 * y + y + 2


def test_the_docstrings_hold():
    assert doctest.testmod(testing).failed == 0
    assert doctest.testmod(testing).attempted >= 6


# ------------------------------------------------------------------------------- finite differences


def test_known_digits():
    """The quotients themselves, not something near them."""
    assert finite_difference(polynomial, (3.0, 4.0), method="forward", step=1e-4) == (
        24.000400000048216,
        10.000000000047748,
    )
    assert finite_difference(polynomial, (3.0, 4.0), method="forward", step=1e-5) == (
        24.000039999805264,
        10.000000000331966,
    )


@pytest.mark.parametrize("method", METHODS)
def test_each_method(method):
    """Within the error that the order of the method allows, and within the error it estimates."""
    found, error = finite_difference(polynomial, (3.0, 4.0), method, return_error=True)
    for value, width, exact in zip(found, error, (24.0, 10.0), strict=True):
        assert type(value) is float and type(width) is float
        assert abs(value - exact) <= ERRORS[method] * exact
        assert abs(value - exact) <= width <= 10 * ERRORS[method] * exact


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_structure_is_that_of_jacobian(method, dtype):
    def model(p, scale):
        return {"wave": np.sin(p["x"]) * scale, "sum": (p["x"] * p["y"]).sum(), "count": 3}

    args = (
        {"x": np.array([[0.3, 1.2, 2.0], [0.1, 0.2, 0.4]], dtype), "y": np.arange(3).astype(dtype)},
        dtype(1.5),
    )
    found, error = finite_difference(model, args, method, return_error=True)
    exact = ad.jacobian(model, argnums=(0, 1))(*args)
    a, structure = ad.api.tree.flatten(exact)
    for other in (found, error):
        b, same = ad.api.tree.flatten(other)
        assert same == structure
        assert [np.shape(x) for x in b] == [np.shape(x) for x in a]
    b = ad.api.tree.flatten(found)[0]
    assert [np.asarray(x).dtype for x in b] == [np.asarray(x).dtype for x in a]
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(y, x, rtol=0, atol=2e-6 if dtype is np.float64 else 5e-3)


def test_arguments_are_left_alone_and_may_be_written_into():
    def model(x):
        x *= 2
        return x.sum()

    x = np.ones(3)
    np.testing.assert_allclose(finite_difference(model, (x,))[0], [2, 2, 2], rtol=1e-9)
    np.testing.assert_array_equal(x, np.ones(3))


def test_integers_are_differentiated_as_floats():
    assert finite_difference(polynomial, (3, 4), method="complex") == pytest.approx(
        (24.0, 10.0), rel=1e-14
    )


def test_complex_arguments():
    """The complex derivative of a complex result, df/dx - i df/dy of a real one."""
    z = 1.0 + 2.0j
    (found,) = finite_difference(lambda z: np.sin(z), (z,), "richardson")
    assert abs(found - np.cos(z)) < 1e-11
    (found,) = finite_difference(lambda z: abs(z) ** 2, (z,), "richardson")
    assert abs(found - (2 - 4j)) < 1e-10
    assert abs(found - ad.grad(lambda z: abs(z) ** 2)(z)) < 1e-10


def test_no_finite_differences_of_integers():
    with pytest.raises(ad.DifferentiationError, match="array of dtype int64"):
        finite_difference(lambda n: n.sum(), (np.arange(3),))
    assert finite_difference(lambda x: (x, 7), (2.0,))[1] == (0.0,)


def test_wrong_questions():
    with pytest.raises(
        ValueError, match="expected: one of 'forward', 'central', 'richardson', 'complex'"
    ):
        finite_difference(polynomial, (3.0, 4.0), "backward")
    with pytest.raises(TypeError, match="write instead: `finite_difference\\(f, \\(x,\\)\\)`"):
        finite_difference(np.sin, 1.0)
    with pytest.raises(ad.DifferentiationError, match="got a complex argument, complex128"):
        finite_difference(np.sin, (1j,), "complex")
    with pytest.raises(
        ad.DifferentiationError, match="gave no complex number for a complex argument"
    ):
        finite_difference(lambda x: abs(x), (1.0,), "complex")


def test_richardson_beside_a_kink():
    """The table is right where only its smaller steps stay on one side."""
    (found,), (error,) = finite_difference(
        lambda x: abs(x), (1e-3,), "richardson", return_error=True
    )
    assert abs(found - 1.0) <= max(error, 1e-9) and error < 1e-6


# -------------------------------------------------------------------------------------- comparisons


class Parameters(NamedTuple):
    weight: np.ndarray
    bias: float


def network(p, x, power):
    hidden = np.tanh(x @ p["first"].weight + p["first"].bias)
    return {"out": hidden**power @ p["second"], "norm": (p["second"] ** 2).sum(), "power": power}


def network_arguments(dtype=float):
    rng = np.random.default_rng(5)
    first = Parameters(rng.standard_normal((3, 4)).astype(dtype), dtype(0.5))
    x = rng.standard_normal((2, 3)).astype(dtype)
    return {"first": first, "second": rng.standard_normal(4).astype(dtype)}, x, 3


@pytest.mark.parametrize("dtype", [float, np.float32])
def test_containers_integers_and_several_outputs(dtype):
    report = check_grads(network, network_arguments(dtype))
    assert report.ok
    labels = {row.direction for row in report.rows}
    assert labels == {"p['first'].weight", "p['first'].bias", "p['second']", "x"}
    assert len(report.rows) == 4 * (2 + 4)
    assert {row.mode for row in report.rows if row.order == 2} == {
        "forward, forward",
        "forward, reverse",
        "reverse, forward",
        "reverse, reverse",
    }


@pytest.mark.parametrize(
    "f",
    [
        lambda z: np.sin(z) * z,
        lambda z: np.abs(z) ** 2,
        lambda z: np.conj(z) * z.real,
        lambda z: (np.exp(z), np.imag(z).sum()),
    ],
    ids=["holomorphic", "real result", "neither", "several"],
)
def test_complex_functions(f):
    z = np.array([0.3 + 0.4j, -1.0 + 0.1j])
    assert check_grads(f, (z,)).ok


def test_orders_and_modes():
    args = (np.array([0.5, 1.5]),)
    assert len(check_grads(np.exp, args, order=1).rows) == 2
    assert len(check_grads(np.exp, args, order=3).rows) == 2 + 4 + 8
    assert [row.mode for row in check_grads(np.exp, args, modes=("reverse",)).rows] == [
        "reverse",
        "reverse, reverse",
    ]


def test_functions_that_take_no_complex_numbers():
    def model(x):
        return np.maximum(x, 0.1 * x).sum() + np.arctan2(x, 2.0).sum() + np.abs(x).sum()

    assert check_grads(model, (np.array([1.0, -2.0, 0.5]),)).ok


def test_keyword_arguments_are_constants():
    assert check_grads(lambda x, *, k: x**k, (1.3,), kwargs={"k": 3}).ok


@ad.custom_derivative
def wrong_sine(x):
    return np.sin(x)


@wrong_sine.jvp
def wrong_rule(primals, tangents):
    (x,), (t,) = primals, tangents
    return wrong_sine(x), 1.01 * np.cos(x) * t


def test_a_wrong_derivative_is_named():
    def model(scale, p):
        return scale * wrong_sine(p["angle"]).sum()

    with pytest.raises(GradientError) as caught:
        check_grads(model, (2.0, {"angle": np.array([0.1, 0.2])}), order=1)
    error = caught.value
    assert isinstance(error, AssertionError)
    text = str(error)
    assert text.startswith(
        "order 1, forward mode: the derivative of model in p['angle'] is wrong: "
    )
    failures = error.report.failures
    assert [(row.order, row.mode, row.direction) for row in failures] == [
        (1, "forward", "p['angle']"),
        (1, "reverse", "p['angle']"),
    ]
    for row in failures:
        assert row.found == pytest.approx(1.01 * row.expected, rel=1e-9)
    assert "derivatives of model, seed 0: 2 of 4 disagree" in text


def test_a_gradient_written_by_hand():
    def loss(x, y):
        return (x**2).sum() * y

    args = (np.array([1.0, -2.0]), 3.0)
    both = check_grads(loss, args, order=1, gradient=lambda x, y: (2 * x * y, (x**2).sum()))
    assert [row.mode for row in both.rows].count("given") == 2
    first = check_grads(loss, args, modes=(), gradient=lambda x, y: 2 * x * y)
    assert [(row.mode, row.direction) for row in first.rows] == [("given", "x")]
    with pytest.raises(
        GradientError, match="order 1, given mode: the derivative of loss in x is wrong"
    ):
        check_grads(loss, args, modes=(), gradient=lambda x, y: 2 * x)
    with pytest.raises(
        ad.DifferentiationError, match="the given gradient has the shape \\(\\) in x"
    ):
        check_grads(loss, args, modes=(), gradient=lambda x, y: 1.0)
    with pytest.raises(ad.DifferentiationError, match="the given gradient has the structure"):
        check_grads(loss, args, modes=(), gradient=lambda x, y: [2 * x * y, 1.0, 2.0])


def test_a_function_that_cannot_be_traced_has_a_gradient_checked():
    def model(x):
        return float(x[0]) ** 2 + float(x[1])

    assert check_grads(
        model, (np.array([1.0, 2.0]),), modes=(), gradient=lambda x: np.array([2 * x[0], 1.0])
    ).ok


def test_the_report_is_a_table():
    lines = str(check_grads(lambda x: x**2, (3.0,), order=1)).splitlines()
    assert lines[0] == "derivatives of <lambda>, seed 0: all agree"
    assert lines[1].split() == "order mode direction expected found error tolerance ok".split()
    assert [line.split()[:3] for line in lines[2:]] == [
        ["1", "forward", "x"],
        ["1", "reverse", "x"],
    ]
    assert all(line.endswith("yes") for line in lines[2:])


def test_tolerances():
    """A given tolerance is the tolerance: nothing is added to it."""
    row = check_grads(lambda x: x**2, (3.0,), order=1, rtol=1e-3, atol=1e-4).rows[0]
    assert row.tolerance == pytest.approx(1e-4 + 1e-3 * abs(row.expected), rel=1e-12)
    with pytest.raises(GradientError):
        check_grads(lambda x: np.exp(x), (np.float32(1.1),), order=1, rtol=1e-12, atol=0.0)


def test_nothing_to_check():
    with pytest.raises(ad.DifferentiationError, match="got no argument with a derivative"):
        check_grads(lambda n: n, (3,))
    with pytest.raises(ValueError, match="'forward' or 'reverse'"):
        check_grads(np.sin, (1.0,), modes=("backward",))
