"""Sorting and linear algebra inside native segments: against NumPy, over dtypes, sizes, stacks."""

import numpy as np
import pytest

import adjoint as ad
from adjoint.base.tree import flatten
from adjoint.codegen.targets import host, without
from adjoint.loops.interpret import interpret
from adjoint.runtime.native import Executable, planned

SLOW = pytest.mark.slow
FLOATS = [np.float64, np.float32]
KEYS = [np.float64, np.float32, np.int64, np.int32, np.uint64, np.uint32, np.int8, np.uint16, bool]
TARGETS = {"own": host(), "avx2": without(host(), "avx512"), "baseline": without(host(), "avx")}


def executable(f, *args):
    return Executable(ad.jit(f).lower(*args).function)


def is_one_segment(f, *args):
    """Whether a function is machine code in one piece."""
    return [native is not None for _, native in executable(f, *args).steps] == [True]


def agrees(f, *args, rtol=1e-12, atol=1e-12, most=4000):
    """Compiled as uncompiled, in one native segment, and as interpreted (which is slow: where
    no array has more than `most` elements)."""
    assert is_one_segment(f, *args)
    expected = flatten(f(*args))[0]
    found = flatten(ad.jit(f)(*args))[0]
    for a, b in zip(found, expected, strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
    program = ad.jit(f).lower(*args)
    step = executable(f, *args).steps[0][0]
    plain, _ = planned(step, host())
    given = [np.asarray(x, node.dtype) for x, node in zip(args, step.inputs, strict=False)]
    largest = max(n.size for n in step.nodes if not isinstance(n.dtype, tuple))
    if largest <= most and len(given) == len(step.inputs) and not program.captured:
        for a, b in zip(interpret(plain, *given), expected, strict=True):
            np.testing.assert_allclose(a.reshape(np.shape(b)), b, rtol=rtol, atol=atol)


# ------------------------------------------------------------------------------------------ sorting


def keys(rng, dtype, n, distinct):
    x = rng.normal(size=n) * (1e6 if distinct else 2)
    return (np.abs(x) if np.dtype(dtype).kind == "u" else x).astype(dtype)


@pytest.mark.parametrize("dtype", KEYS, ids=lambda d: np.dtype(d).name)
def test_sort_and_argsort(dtype):
    rng = np.random.default_rng(1)
    for n in (1, 2, 3, 7, 8, 9, 31, 64, 65, 100, 129, 1000):
        for distinct in (True, False):
            x = keys(rng, dtype, n, distinct)
            np.testing.assert_array_equal(ad.jit(lambda x: np.sort(x))(x), np.sort(x))
            order = ad.jit(lambda x: np.argsort(x, kind="stable"))(x)
            np.testing.assert_array_equal(order, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_every_target_sorts(target):
    rng = np.random.default_rng(2)
    for dtype in (np.float64, np.int32):
        for n in (5, 24, 25, 200, 3000):
            x = keys(rng, dtype, (2, n), n % 2 == 0)
            code = executable(lambda x: (np.sort(x), np.argsort(x, kind="stable")), x)
            made = Executable(code.function, target)
            found, order = made([x])
            np.testing.assert_array_equal(found, np.sort(x))
            np.testing.assert_array_equal(order, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("dtype", FLOATS)
def test_special_values(dtype):
    """NaNs go last whatever their sign; zeros are equal whatever theirs."""
    rng = np.random.default_rng(3)
    choice = np.array([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1.5, -1.5, 5e-324], dtype)
    for n in (5, 40, 300):
        x = rng.choice(choice, n)
        np.testing.assert_array_equal(ad.jit(lambda x: np.sort(x))(x), np.sort(x))
        order = ad.jit(lambda x: np.argsort(x, kind="stable"))(x)
        np.testing.assert_array_equal(order, np.argsort(x, kind="stable"))


def test_axes_and_neighbours():
    rng = np.random.default_rng(4)
    x, w = rng.normal(size=(6, 20, 5)), rng.normal(size=20)
    for axis in (0, 1, 2, -1, None):
        agrees(lambda x, axis=axis: np.sort(np.sin(x), axis) * 2, x)
        agrees(lambda x, axis=axis: np.argsort(x * 3, axis, kind="stable"), x)
    agrees(lambda x: np.sort(np.sum(x, 1)), x)
    agrees(lambda x: np.sort(np.cumsum(x, 1), 1), x)
    agrees(lambda x: np.sort(np.sum(x, 2).reshape(-1)), x)
    agrees(lambda x: np.sort(np.full(x.shape, 2.0)), x)
    agrees(lambda x, w: np.sort(x[0, :, 0] + w)[::-1], x, w)


@pytest.mark.parametrize("kind", ["organ pipe", "descending", "same", "two values", "saw"])
def test_orders_that_are_hard(kind):
    n = 5000
    x = {
        "organ pipe": np.concatenate([np.arange(n // 2), np.arange(n // 2)[::-1]]),
        "descending": np.arange(n)[::-1],
        "same": np.ones(n),
        "two values": np.arange(n) % 2,
        "saw": np.arange(n) % 7,
    }[kind].astype(float)
    np.testing.assert_array_equal(ad.jit(lambda x: np.sort(x))(x), np.sort(x))
    order = ad.jit(lambda x: np.argsort(x, kind="stable"))(x)
    np.testing.assert_array_equal(order, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side):
    rng = np.random.default_rng(5)
    for n in (1, 2, 3, 8, 100):
        a = np.sort(rng.integers(0, 30, n))
        v = rng.integers(-2, 33, (4, 25))
        agrees(lambda a, v: np.searchsorted(a, v, side), a, v)
        agrees(lambda a, v: np.searchsorted(a, v, side), a.astype(float), v.astype(np.float32))
    a = np.sort(np.array([-np.inf, -0.0, 0.0, 1.0, np.inf, np.nan, np.nan]))
    v = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, 2.0])
    agrees(lambda a, v: np.searchsorted(a, v, side), a, v)


def test_gradients_through_sort():
    rng = np.random.default_rng(6)
    x, w = rng.normal(size=50), rng.normal(size=50)
    agrees(ad.grad(lambda x, w: np.sum(np.sort(np.sin(x)) * w)), x, w)
    agrees(ad.hessian(lambda x: np.sum(np.sort(x) ** 2 * np.arange(8.0))), x[:8])


# ----------------------------------------------------------------------------------- linear algebra


def matrices(rng, dtype, n, stack=()):
    return (rng.normal(size=(*stack, n, n)) + (2 + n**0.5) * np.eye(n)).astype(dtype)


def positive(a):
    return a @ np.swapaxes(a, -1, -2) + len(a) * np.eye(a.shape[-1], dtype=a.dtype)


@pytest.mark.parametrize("stack", [(), (3,), (2, 2)])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("n", [1, pytest.param(2, marks=SLOW), 3, pytest.param(4, marks=SLOW), 8,
                               pytest.param(19, marks=SLOW), 70])  # fmt: skip
def test_linear_algebra(n, dtype, stack):
    rng = np.random.default_rng(n)
    close = {"rtol": 1e-9, "atol": 1e-9} if dtype == np.float64 else {"rtol": 2e-3, "atol": 2e-3}
    a, b = matrices(rng, dtype, n, stack), rng.normal(size=(*stack, n, 3)).astype(dtype)
    s = positive(a)
    la, first = np.linalg, (0,) * len(stack)
    agrees(lambda a, b: la.solve(a, b), a, b, **close)
    agrees(lambda a, b: la.solve(a[first], b), a, b, **close)
    agrees(lambda a, b: la.solve(a, b[first]), a, b, **close)
    agrees(lambda a: la.inv(a), a, **close)
    agrees(lambda a: la.det(a / dtype(2 + n**0.5)), a, **close)
    agrees(lambda a: la.slogdet(a)[1] * la.slogdet(a)[0], a, **close)
    agrees(lambda s: la.cholesky(s), s, **close)
    agrees(lambda s: la.cholesky(s, upper=True), s, **close)
    agrees(lambda s: la.eigvalsh(s), s, **close)
    for lower in (True, False):
        for unit in (True, False) if n < 9 else (False,):
            agrees(
                lambda a, b, lower=lower, unit=unit: ad.linalg.solve_triangular(
                    a, b, lower=lower, unit_diagonal=unit
                ),
                a, b, **close,
            )  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (7, 3), (3, 7), (2, 5, 4), (70, 20)])
def test_qr(shape, dtype):
    a = np.random.default_rng(7).normal(size=shape).astype(dtype)
    close = {"rtol": 1e-9, "atol": 1e-9} if dtype == np.float64 else {"rtol": 2e-3, "atol": 2e-3}
    agrees(lambda a: tuple(np.linalg.qr(a)), a, **close)
    agrees(lambda a: tuple(np.linalg.qr(a, "complete")), a, **close)
    agrees(lambda a: np.linalg.qr(a)[1] * 2, a, **close)


def test_integers_become_floats():
    agrees(lambda a, b: np.linalg.solve(a, b), np.array([[2, 1], [1, 3]]), np.array([[1], [2]]))


def test_determinants_at_the_edges():
    """Nothing overflows on the way; a singular matrix has the determinant 0."""
    for a in (
        np.zeros((3, 3)),
        np.diag([1e200, 1e200, 1e-200, 1e-200]),
        np.diag([5e-324, 1e300]),
        np.diag([1e-200] * 4),
        np.diag([-1e100] * 3),
        np.array([[0.0, 1.0], [1.0, 0.0]]),
    ):
        agrees(lambda a: (np.linalg.det(a), *np.linalg.slogdet(a)), a)


GRADIENTS = {
    "solve": lambda a, b: np.sum(np.linalg.solve(a, b) ** 2),
    "inv": lambda a, b: np.sum(np.linalg.inv(a) ** 2),
    "cholesky": lambda a, b: np.sum(np.linalg.cholesky(a @ a.T + np.eye(5)) * a),
    "det": lambda a, b: np.linalg.det(a),
    "slogdet": lambda a, b: np.linalg.slogdet(a)[1],
    "qr": lambda a, b: np.sum(np.linalg.qr(a)[1] ** 3),
    "triangular": lambda a, b: np.sum(ad.linalg.solve_triangular(a, b, lower=True) ** 2),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_one_segment(name):
    rng = np.random.default_rng(8)
    a, b = matrices(rng, float, 5), rng.normal(size=(5, 2))
    agrees(ad.grad(GRADIENTS[name]), a, b, rtol=1e-9, atol=1e-9)
    if name not in ("qr", "det"):
        agrees(ad.hessian(GRADIENTS[name]), a, b, rtol=1e-8, atol=1e-8, most=0)


def test_a_gaussian_process_is_one_segment():
    def loss(scale, x, y):
        k = np.exp(-((x[:, None] - x) ** 2) * scale) + 0.1 * np.eye(len(x))
        factor = np.linalg.cholesky(k)
        return 0.5 * y @ np.linalg.solve(k, y) + np.sum(np.log(np.diagonal(factor)))

    x = np.linspace(-2, 2, 30)
    agrees(ad.grad(loss, argnums=(0, 1)), 1.0, x, np.sin(x), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("f", "a"),
    [
        (lambda a: np.linalg.solve(a, a), np.zeros((5, 5))),
        (lambda a: np.linalg.inv(a), np.ones((2, 5, 5))),
        (lambda a: np.linalg.cholesky(a), -np.eye(5)),
        (lambda a: ad.linalg.solve_triangular(a, a, lower=True), np.tri(5, k=-1)),
    ],
    ids=["solve", "inv", "cholesky", "triangular"],
)
def test_errors_are_numpys(f, a):
    with pytest.raises(np.linalg.LinAlgError) as expected:
        f(a)
    with pytest.raises(np.linalg.LinAlgError) as found:
        ad.jit(f)(a)
    assert str(found.value) == str(expected.value)


def test_nan_spreads_as_in_numpy():
    a = np.eye(5) + np.diag([np.nan, 0, 0, 0, 0])
    agrees(lambda a: np.linalg.solve(a, np.ones((5, 1))), a)
    np.testing.assert_array_equal(ad.jit(lambda a: np.linalg.cholesky(a))(a), np.linalg.cholesky(a))


def test_singular_matrices_keep_their_derivatives():
    """The first derivative of a determinant exists at a singular matrix: NumPy evaluates it."""
    a = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0]) + np.diag([0.0, 0.0, 1.0])
    gradient = ad.grad(lambda a: np.linalg.det(a))
    np.testing.assert_allclose(ad.jit(gradient)(a), gradient(a), atol=1e-12)


def test_one_code_for_all_sizes():
    """The sizes of stacks and rows are no part of the code."""
    f = ad.jit(lambda a: np.linalg.solve(a, a + 1))
    rng = np.random.default_rng(9)
    for n in (20, 33):
        a = matrices(rng, float, n, (n,))
        np.testing.assert_allclose(f(a), np.linalg.solve(a, a + 1), rtol=1e-9, atol=1e-9)
