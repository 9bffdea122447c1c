"""The cases that the package was asked to solve, each with its figure, as a user sees them."""

import tracemalloc

import numpy as np
import pytest

import adjoint as ad


def f(x, y):
    """The function of the first examples: 42 at (3, 4)."""
    return x**2 * y + y + 2


# ---------------------------------------------------------------- finite differences and checking


def test_gradient_and_hessian_by_hand():
    assert f(3.0, 4.0) == 42.0
    assert ad.grad(f, argnums=(0, 1))(3.0, 4.0) == (24.0, 10.0)
    assert ad.hessian(f, argnums=(0, 1))(3.0, 4.0) == ((8.0, 6.0), (6.0, 0.0))


def test_newtons_quotient():
    by_x, by_y = ad.testing.finite_difference(f, (3.0, 4.0), method="forward", step=1e-5)
    assert by_x == pytest.approx(24.000039999805264, rel=1e-10)
    assert by_y == pytest.approx(10.000000000331966, rel=1e-10)


def test_forward_differences():
    by_x, by_y = ad.testing.finite_difference(f, (3.0, 4.0), method="forward", step=1e-4)
    assert by_x == pytest.approx(24.000400000048216, rel=1e-11)
    assert by_y == pytest.approx(10.000000000047748, rel=1e-11)


def test_nested_differences_give_the_hessian():
    def gradient(x, y):
        return ad.testing.finite_difference(f, (x, y), method="central", step=1e-3)

    by_x = ad.testing.finite_difference(lambda x, y: gradient(x, y)[0], (3.0, 4.0), step=1e-3)
    by_y = ad.testing.finite_difference(lambda x, y: gradient(x, y)[1], (3.0, 4.0), step=1e-3)
    np.testing.assert_allclose([by_x, by_y], [[8.0, 6.0], [6.0, 0.0]], atol=1e-5)


def test_check_grads_accepts_right_derivatives():
    ad.testing.check_grads(f, (3.0, 4.0), order=2)
    matrix = np.array([[2.0, 0.3], [-0.1, 1.5]])
    ad.testing.check_grads(lambda a: np.linalg.inv(a) @ np.sin(a), (matrix,), order=2)


def test_check_grads_tells_wrong_from_right():
    @ad.custom_derivative
    def doubtful(x):
        return np.sin(x)

    doubtful.jvp(lambda primals, tangents: (np.sin(primals[0]), 1.01 * tangents[0]))
    with pytest.raises(AssertionError, match=r"doubtful|jvp|forward"):
        ad.testing.check_grads(doubtful, (np.array([0.3, 2.0]),))


# ---------------------------------------------------------------- function transforms


def test_grad_of_one_two_and_three_arguments():
    assert ad.grad(lambda x: x * (x + 1))(1.0) == 3.0
    assert ad.grad(lambda x, y: x * (x + y**2), argnums=(0, 1))(1.0, 2.0) == (6.0, 4.0)
    three = ad.grad(lambda x, y, z: x * y + y * z * z, argnums=(0, 1, 2))(2.0, 3.0, 5.0)
    assert three == (3.0, 27.0, 30.0)


def test_jacobian_of_tall_and_wide_functions():
    directions = np.linspace(0.1, 1.0, 500)
    tall = ad.jacobian(lambda x: np.sin(directions * x))(0.7)
    np.testing.assert_allclose(tall, directions * np.cos(0.7 * directions), rtol=1e-14)
    wide = ad.jacobian(lambda x: np.stack([np.sum(x**2), x[0] * x[1]]))(directions)
    np.testing.assert_allclose(wide[0], 2.0 * directions, rtol=1e-14)
    assert wide.shape == (2, 500)
    assert wide[1, 0] == directions[1] and wide[1, 1] == directions[0]
    assert not wide[1, 2:].any()


@pytest.mark.parametrize("shape", [(2, 2000), (2000, 2)])
def test_jacobian_runs_the_cheaper_mode(shape):
    """The dearer one would make a batch of 2,000 rows of 2,000 numbers: 32 MB."""
    rows, columns = shape
    matrix = np.arange(1.0, rows * columns + 1).reshape(shape) / 1e4
    calls = []

    def g(x):
        calls.append(np.shape(x))
        return np.tanh(matrix @ np.sin(x))

    x = np.linspace(0.0, 1.0, columns)
    tracemalloc.start()
    jacobian = ad.jacobian(g)(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(calls) == 1 and peak < 3e6
    slope = 1.0 - np.tanh(matrix @ np.sin(x)) ** 2
    np.testing.assert_allclose(jacobian, slope[:, None] * matrix * np.cos(x), rtol=1e-12)


def test_gradient_descent_on_a_bowl():
    w, costs = np.array([1.0, -2.0]), []
    slope = ad.value_and_grad(lambda w: np.sum(w**2))
    for _ in range(100):
        cost, g = slope(w)
        costs.append(cost)
        w = w - 0.1 * g
    np.testing.assert_allclose(costs, 5.0 * 0.64 ** np.arange(100), rtol=1e-12)
    np.testing.assert_allclose(w, 0.8**100 * np.array([1.0, -2.0]), rtol=1e-12)


def test_gradient_descent_on_a_parabola():
    w = 5.0
    for _ in range(20):
        w = w - 0.1 * ad.grad(lambda w: (w - 2) ** 2)(w)
    assert type(w) is float
    assert w == pytest.approx(2.0 + 3.0 * 0.8**20, rel=1e-14)


# ---------------------------------------------------------------- control flow


def doubled(a):
    """Doubles until the norm reaches 1000, then branches on the sign of the sum."""
    b = a * 2
    while np.linalg.norm(b) < 1000:
        b = b * 2
    return b if b.sum() > 0 else 100 * b


@pytest.mark.parametrize(
    "a",
    [
        np.float64(0.37),
        np.float64(-0.37),
        0.37,
        np.array([0.3, -1.2, 2.5]),
        np.array([0.3, -1.2, -2.5]),
        np.array([[0.4, 1.0], [-0.2, -3.0]]),
    ],
    ids=["scalar", "negative", "float", "vector", "negative vector", "matrix"],
)
def test_gradient_through_python_control_flow(a):
    gradient = ad.grad(lambda a: doubled(a).sum())(a)
    c = doubled(np.asarray(a))
    assert np.shape(gradient) == np.shape(a)
    np.testing.assert_allclose(gradient, c / a, rtol=1e-15)


# ---------------------------------------------------------------- tensors


def seen(g, *arguments):
    """The value of `g` as a differentiated function computes it."""
    return ad.vjp(g, *arguments)[0]


def test_arrays_are_made_as_numpy_makes_them():
    def g(x):
        total = np.zeros(3) + np.ones(3) * x + np.full(3, 2.5) + np.arange(3.0) * x
        return total + np.identity(3) @ (np.eye(3)[0] * x) + np.zeros_like(total)

    np.testing.assert_array_equal(seen(g, 2.0), [6.5, 6.5, 8.5])
    np.testing.assert_array_equal(ad.jacobian(g)(2.0), [2.0, 2.0, 3.0])
    like = seen(lambda x: (np.ones_like(x), np.full_like(x, 7.0), np.empty_like(x) * 0), np.ones(2))
    np.testing.assert_array_equal(like[1], [7.0, 7.0])
    made = ad.numpy.ones((2, 3), dtype=np.float32)
    assert made.dtype == np.float32 and made.shape == (2, 3)
    np.testing.assert_array_equal(ad.numpy.arange(4.0), np.arange(4.0))


def test_random_numbers_are_reproducible():
    def draw(seed):
        generator = np.random.default_rng(seed)
        return generator.uniform(size=3), generator.normal(size=(2, 2))

    def loss(x):
        uniform, normal = draw(7)
        return np.sum(x * uniform) + np.sum(normal)

    np.testing.assert_array_equal(ad.grad(loss)(np.ones(3)), draw(7)[0])


def test_types_and_promotion():
    single, double = np.ones(2, np.float32), np.ones(2)
    for g in (
        lambda x: x * 2.0,
        lambda x: x + np.float64(2),
        lambda x: x * np.arange(2),
        lambda x: np.sin(x) ** 2,
        lambda x: x.astype(np.float64),
        lambda x: x * 1j,
        lambda x: np.sum(x),
        lambda x: x / np.float32(3),
        lambda x: x > 0.5,
    ):
        for x in (single, double):
            assert seen(g, x).dtype == g(x).dtype
    assert ad.grad(lambda x: np.sum(x**2))(single).dtype == np.float32
    assert type(ad.grad(lambda x: x * x)(3)) is float


@pytest.mark.parametrize(
    ("left", "right", "result"),
    [
        ((1, 3), (3,), (1, 3)),
        ((3, 1, 2), (3, 2), (3, 3, 2)),
        ((2, 1, 3), (3, 2), None),
        ((3,), (2, 1), (2, 3)),
        ((3,), (1, 2), None),
        ((3,), (1, 3), (1, 3)),
        ((2,), (3,), None),
    ],
)
def test_broadcasting(left, right, result):
    x, y = np.ones(left), np.full(right, 2.0)
    if result is None:
        with pytest.raises(ValueError, match="broadcast"):
            ad.vjp(lambda x, y: x + y, x, y)
        return
    assert seen(lambda x, y: x + y, x, y).shape == result
    by_x, by_y = ad.grad(lambda x, y: np.sum(x * y), (0, 1))(x, y)
    assert by_x.shape == left and by_y.shape == right
    np.testing.assert_array_equal(by_x, np.full(left, 2.0 * np.prod(result) / x.size))
    np.testing.assert_array_equal(by_y, np.full(right, 1.0 * np.prod(result) / y.size))


def test_reshape_and_kept_dimensions():
    x = np.arange(6.0)
    reshaped = seen(lambda x: x.reshape(2, 3).sum(axis=1, keepdims=True), x)
    np.testing.assert_array_equal(reshaped, [[3.0], [12.0]])
    g = ad.grad(lambda x: np.sum(x.reshape(2, 3).sum(axis=0, keepdims=True) ** 2))(x)
    np.testing.assert_array_equal(g, [6.0, 10.0, 14.0, 6.0, 10.0, 14.0])
    with pytest.raises(ValueError, match="reshape"):
        ad.vjp(lambda x: x.reshape(4, 2), x)


# ---------------------------------------------------------------- losses


def test_gradient_of_the_squared_loss_has_its_sign():
    x, y = np.array([1.0, -2.0, 0.5]), 3.0
    w = np.array([0.2, 0.4, -1.0])

    def predicted(w):
        return np.tanh(w @ x)

    slope = ad.grad(predicted)(w)
    gradient = ad.grad(lambda w: (y - predicted(w)) ** 2)(w)
    np.testing.assert_allclose(gradient, 2.0 * (predicted(w) - y) * slope, rtol=1e-15)
    np.testing.assert_allclose(slope, (1.0 - np.tanh(w @ x) ** 2) * x, rtol=1e-15)


def test_gradient_of_the_cross_entropy():
    logits, labels = np.random.default_rng(0).normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])

    def loss(z):
        return np.mean(np.log(np.sum(np.exp(z), axis=1)) - z[np.arange(5), labels])

    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = (chances - np.eye(4)[labels]) / 5.0
    np.testing.assert_allclose(ad.grad(loss)(logits), wanted, rtol=1e-13, atol=1e-16)
