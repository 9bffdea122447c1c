"""Libraries that take arrays of any kind take traced values and tensors: einops and TensorLy."""

import warnings

import numpy as np
import pytest

import adjoint as ad

X = np.random.default_rng(0).normal(size=(2, 3, 4))
MATRICES = [np.random.default_rng(k).normal(size=(n, n)) for k, n in enumerate((2, 3, 4))]


def ways():
    """The gradient by every face."""
    return {
        "grad": ad.grad,
        "compiled": lambda f: ad.jit(ad.grad(f)),
        "forward": lambda f: lambda x: ad.jacfwd(f)(x),
        "mapped": lambda f: lambda x: ad.vmap(ad.grad(f))(np.stack([x, x]))[1],
        "tensors": by_backward,
    }


def by_backward(f):
    """The gradient that a backward pass leaves, the third time."""

    def gradient(x):
        for _ in range(4):
            t = ad.tensor(x, requires_grad=True)
            f(t).backward()
        return t.grad.numpy()

    return gradient


def same(with_library, with_numpy):
    """All gradients are those of the same formula in NumPy."""
    wanted = ad.grad(with_numpy)(X)
    for how, way in ways().items():
        np.testing.assert_allclose(way(with_library)(X), wanted, rtol=1e-12, err_msg=how)


def test_rearranged():
    einops = pytest.importorskip("einops")
    weights = np.arange(24.0).reshape(6, 4)
    same(
        lambda x: np.sum(np.sin(einops.rearrange(x, "a b c -> (b a) c")) * weights),
        lambda x: np.sum(np.sin(np.transpose(x, (1, 0, 2)).reshape(6, 4)) * weights),
    )


@pytest.mark.parametrize("operation", ["max", "min", "mean", "sum", "prod"])
def test_reduced(operation):
    einops = pytest.importorskip("einops")
    same(
        lambda x: np.sum(einops.reduce(x, "a b (c d) -> a c", operation, d=2) ** 2),
        lambda x: np.sum(getattr(np, operation)(x.reshape(2, 3, 2, 2), axis=(1, 3)) ** 2),
    )


def test_repeated_contracted_and_packed():
    einops = pytest.importorskip("einops")
    same(
        lambda x: np.sum(einops.repeat(x, "a b c -> a b (c d)", d=2) ** 3),
        lambda x: np.sum(2 * x**3),
    )
    same(
        lambda x: np.sum(einops.einsum(x, x, "a b c, a d c -> b d") ** 2),
        lambda x: np.sum(np.einsum("abc,adc->bd", x, x) ** 2),
    )
    same(
        lambda x: np.sum(einops.pack([x, x[:, :1]], "a * c")[0] ** 2),
        lambda x: np.sum(x**2) + np.sum(x[:, :1] ** 2),
    )


def test_products_along_modes():
    tl = pytest.importorskip("tensorly")
    same(
        lambda x: tl.sum(tl.tenalg.multi_mode_dot(x, MATRICES) ** 2),
        lambda x: np.sum(np.einsum("abc,ia,jb,kc->ijk", x, *MATRICES) ** 2),
    )
    same(
        lambda x: tl.norm(tl.unfold(x, 1)[1:]) ** 2,
        lambda x: np.sum(x[:, 1:] ** 2),
    )


def test_factors_put_together():
    tl = pytest.importorskip("tensorly")
    same(
        lambda x: tl.sum(np.sin(tl.cp_to_tensor((None, [x[0], x[1]])))),
        lambda x: np.sum(np.sin(x[0] @ x[1].T)),
    )
    same(
        lambda x: tl.sum(np.sin(tl.tucker_to_tensor((x, MATRICES)))),
        lambda x: np.sum(np.sin(np.einsum("abc,ia,jb,kc->ijk", x, *MATRICES))),
    )


def test_through_a_decomposition():
    """The error of an approximation of rank 2, through the iterations that find it."""
    tl = pytest.importorskip("tensorly")
    from tensorly.decomposition import parafac

    def error(x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = parafac(x, rank=2, n_iter_max=4, init="svd")
        return tl.norm(x - tl.cp_to_tensor(found)) ** 2

    gradient = ad.grad(error)(X)
    direction = np.random.default_rng(5).normal(size=X.shape)
    step = 1e-6
    by_difference = (error(X + step * direction) - error(X - step * direction)) / (2 * step)
    assert np.sum(gradient * direction) == pytest.approx(by_difference, rel=1e-6)
