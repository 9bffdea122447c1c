"""What the README and the manual promise in so many words, each once and in plain sight."""

import numpy as np
import pytest

import adjoint as ad

WAYS = {"traced": lambda f: lambda *args: ad.vjp(f, *args)[0], "under jit": ad.jit}


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


def test_where_around_a_singular_branch(way):
    """0 * inf is never formed behind a mask, to any order."""

    def f(x):
        return np.where(x > 0, np.sqrt(x), 0.0).sum()

    x = np.array([0.0, 4.0])
    np.testing.assert_array_equal(way(ad.grad(f))(x), [0.0, 0.25])
    wanted = np.diag([0.0, -1 / 32])
    for hessian in (ad.hessian(f), ad.jacrev(ad.jacrev(f)), ad.jacrev(ad.jacfwd(f))):
        np.testing.assert_array_equal(way(hessian)(x), wanted)
    third = ad.jacfwd(ad.hessian(f))
    np.testing.assert_allclose(way(third)(x)[1, 1, 1], 3 / 256)
    assert np.isfinite(way(third)(x)).all()


def test_both_zeros_in_one_function(way):
    """0.0 and -0.0 are equal, and not the same constant."""
    up, down = way(lambda x: (x / 0.0, x / -0.0))(1.0)
    assert (up, down) == (np.inf, -np.inf)
    slope = way(ad.grad(lambda x: 1 / x + 0.0 * x))
    assert slope(0.0) == slope(-0.0) == -np.inf
    assert [way(lambda x: 1 / x)(zero) for zero in (0.0, -0.0)] == [np.inf, -np.inf]
    both = way(lambda x, y: 1 / x + 1 / (y * 2.0))(0.0, -0.0)
    assert np.isnan(both)


@pytest.mark.parametrize("scalar", [2.0, np.float64(2.0), np.float32(2.0)], ids=repr)
def test_python_scalars_give_way_as_in_numpy(way, scalar):
    """A Python float takes the dtype of what stands beside it; an `np.float64` does not."""
    for other in (np.float32(3), np.float64(3), np.ones(2, np.float32), 3.0, 3):
        wanted = scalar * other
        found = way(lambda x: x * other)(scalar)  # noqa: B023
        value = ad.vjp(lambda x: x * other, scalar)[0]  # noqa: B023
        for got in (found, value):
            assert type(got) is type(wanted)
            assert np.asarray(got).dtype == np.asarray(wanted).dtype
        slope = ad.grad(lambda x: np.sum(x * other) * 1.0)(scalar)  # noqa: B023
        assert type(slope) is type(scalar)


def test_branches_under_vmap():
    """A branch is taken where all rows agree, and refused by name where they do not."""

    def f(x):
        return x * x if x > 0 else -x

    np.testing.assert_array_equal(ad.vmap(f)(np.array([1.0, 2.0])), [1.0, 4.0])
    np.testing.assert_array_equal(ad.vmap(ad.grad(f))(np.array([-1.0, -2.0])), [-1.0, -1.0])
    with pytest.raises(ad.TracingError, match=r"1 of 2 rows say True(.|\n)*np\.where"):
        ad.vmap(f)(np.array([1.0, -2.0]))


def test_results_are_fresh():
    """Nothing that comes back shares memory with arguments, captured arrays or other results."""
    captured = np.arange(3.0)

    def f(x, y):
        return {"same": x, "both": [x, y], "captured": captured, "view": y[::-1]}

    x = np.ones(3)
    for results in (
        ad.vjp(f, x, x)[0],
        ad.jvp(f, (x, x), (x, x)),
        ad.jit(f)(x, x),
        ad.vmap(f)(np.ones((2, 3)), np.ones((2, 3))),
        ad.grad(lambda x, y: x @ y, (0, 1))(x, x),
        ad.vjp(f, x, x)[1](f(x, x)),
    ):
        arrays: list[np.ndarray] = []
        collect(results, arrays)
        for i, a in enumerate(arrays):
            assert a.flags.writeable
            assert not np.shares_memory(a, x)
            assert not np.shares_memory(a, captured)
            assert not any(np.shares_memory(a, b) for b in arrays[:i])


def collect(value, found):
    if isinstance(value, np.ndarray):
        found.append(value)
    elif isinstance(value, dict):
        collect(list(value.values()), found)
    elif isinstance(value, (list, tuple)):
        for part in value:
            collect(part, found)


def test_a_missing_dependence_is_a_zero():
    assert ad.grad(lambda x, y: x * 2.0, (0, 1))(1.0, 3.0) == (2.0, 0.0)
    np.testing.assert_array_equal(ad.grad(lambda x: 5.0)(np.ones(2)), np.zeros(2))
    np.testing.assert_array_equal(ad.jacobian(lambda x: np.ones(3))(np.ones(2)), np.zeros((3, 2)))
