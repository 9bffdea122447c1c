"""`np.fft` in traced functions: values and dtypes are NumPy's, derivatives are the transposes."""

import numpy as np
import pytest

import adjoint as ad

RNG = np.random.default_rng(7)
REAL = RNG.normal(size=(4, 5, 3))
COMPLEX = REAL + 1j * RNG.normal(size=(4, 5, 3))

ONE_AXIS = [
    {"n": n, "axis": axis, "norm": norm}
    for n, axis, norm in [
        (None, -1, None),
        (None, 0, "ortho"),
        (3, 1, "forward"),
        (8, 1, "backward"),
        (7, 0, "ortho"),
        (1, 2, None),
        (2, -3, "forward"),
    ]
]
MANY_AXES = [
    {"s": s, "axes": axes, "norm": norm}
    for s, axes, norm in [
        (None, None, None),
        (None, (0, 2), "ortho"),
        ((3, 6), (1, 0), "forward"),
        ((-1, 4), (1, 2), None),
        ((2,), (1,), "ortho"),
    ]
]
TWO_AXES = [{"norm": "ortho"}, {"s": (5, 4)}, {"s": (3, 2), "axes": (0, 1), "norm": "forward"}]
CALLS = [(name, o) for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft") for o in ONE_AXIS]
CALLS += [(name, o) for name in ("fftn", "ifftn", "rfftn", "irfftn") for o in MANY_AXES]
CALLS += [(name, o) for name in ("fft2", "ifft2", "rfft2", "irfft2") for o in TWO_AXES]
CALLS += [
    (name, o)
    for name in ("fftshift", "ifftshift")
    for o in ({}, {"axes": 1}, {"axes": (0, 2)}, {"axes": -1})
]
NEEDS_REAL = {"rfft", "ihfft", "rfftn", "rfft2"}


def transposed_by_hand(function, x, weights):
    """The cotangent of sum(weights * function(x)) in the bilinear convention, unit by unit."""
    found = np.zeros(x.shape, complex)
    for place in np.ndindex(x.shape):
        unit = np.zeros_like(x)
        unit[place] = 1.0
        found[place] = np.sum(weights * function(unit)).real
        if x.dtype.kind == "c":
            found[place] -= 1j * np.sum(weights * function(1j * unit)).real
    return found if x.dtype.kind == "c" else found.real


@pytest.mark.parametrize(("name", "options"), CALLS, ids=[f"{n}-{o}" for n, o in CALLS])
@pytest.mark.parametrize("kind", ["real", "complex"])
def test_values_and_transposes(name, options, kind):
    if kind == "complex" and name in NEEDS_REAL:
        with pytest.raises(TypeError):
            ad.jvp(lambda t: getattr(np.fft, name)(t), (COMPLEX,), (COMPLEX,))
        return

    def function(t):
        return getattr(np.fft, name)(t, **options)

    for x in (
        (REAL, REAL.astype(np.float32))
        if kind == "real"
        else (COMPLEX, COMPLEX.astype(np.complex64))
    ):
        expected = function(x)
        if expected.size == 0:
            return
        value, tangent = ad.jvp(function, (x,), (x[::-1],))
        np.testing.assert_array_equal(value, expected)
        assert value.dtype == expected.dtype
        single = x.dtype.itemsize * (2 if kind == "real" else 1) < 16
        tolerance = 2e-5 if single else 1e-13
        np.testing.assert_allclose(tangent, function(x[::-1]), atol=tolerance * 30)
        assert tangent.dtype == expected.dtype
        if not single:
            weights = RNG.normal(size=expected.shape)
            if expected.dtype.kind == "c":
                weights = weights + 1j * RNG.normal(size=expected.shape)
            gradient = ad.grad(lambda t, w=weights: np.real(np.sum(w * function(t))))(x)
            np.testing.assert_allclose(
                gradient, transposed_by_hand(function, x, weights), atol=1e-12
            )
            assert gradient.dtype == x.dtype


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
@pytest.mark.parametrize("extent", [2, 5, 6])
def test_second_order_and_batches(name, extent):
    x = RNG.normal(size=extent)

    def energy(t):
        return np.sum(np.abs(getattr(np.fft, name)(t)) ** 4)

    ad.testing.check_grads(energy, (x,), order=2)
    rows = RNG.normal(size=(3, extent))
    mapped = ad.vmap(ad.grad(energy))(rows)
    np.testing.assert_allclose(mapped, [ad.grad(energy)(row) for row in rows], rtol=1e-12)
    np.testing.assert_allclose(ad.jit(ad.grad(energy))(x), ad.grad(energy)(x), rtol=1e-14)


def test_convolution_by_spectra():
    x, kernel = RNG.normal(size=6), RNG.normal(size=4)

    def convolve(a, b):
        return np.fft.irfft(np.fft.rfft(a, 9) * np.fft.rfft(b, 9), 9)

    by_x, by_kernel = ad.jacobian(convolve, (0, 1))(x, kernel)
    for i, row in enumerate(by_x.T):
        np.testing.assert_allclose(row, np.convolve(np.eye(6)[i], kernel), atol=1e-14)
    for i, row in enumerate(by_kernel.T):
        np.testing.assert_allclose(row, np.convolve(x, np.eye(4)[i]), atol=1e-14)


def test_holomorphic_derivative():
    z = COMPLEX[0, :, 0]
    jacobian = ad.jacobian(np.fft.fft, holomorphic=True)(z)
    np.testing.assert_allclose(jacobian, np.fft.fft(np.eye(5)), atol=1e-14)


def test_facade_module():
    assert ad.numpy.fft.fftfreq(4) is not None and ad.numpy.fft.fftfreq is np.fft.fftfreq
    np.testing.assert_array_equal(ad.numpy.fft.fft(REAL), np.fft.fft(REAL))


def test_mistakes_are_numpys():
    for call, error in [
        (lambda t: np.fft.fft(t, n=0), ValueError),
        (lambda t: np.fft.irfft(t, n=0), ValueError),
        (lambda t: np.fft.fft(t, axis=4), IndexError),
        (lambda t: np.fft.fft(t, norm="unitary"), ValueError),
        (lambda t: np.fft.fftn(t, s=(2, 2), axes=(0,)), ValueError),
    ]:
        with pytest.raises(error):
            ad.jvp(call, (REAL,), (REAL,))
        with pytest.raises(error):
            call(REAL)
    with pytest.warns(DeprecationWarning):
        ad.jvp(lambda t: np.fft.fftn(t, s=(2, 2)), (REAL,), (REAL,))
    with pytest.warns(DeprecationWarning):
        np.fft.fftn(REAL, s=(2, 2))


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["fft", "rfft", "irfft", "hfft", "ihfft", "fftn", "irfftn"])
def test_gradients_equal_those_of_jax(name):
    jax = pytest.importorskip("jax", reason="JAX is not installed: `pip install '.[oracles]'`")
    jax.config.update("jax_enable_x64", True)
    x = REAL if name in NEEDS_REAL else COMPLEX

    def energy(xp):
        return lambda t: xp.sum(xp.abs(getattr(xp.fft, name)(t)) ** 3)

    np.testing.assert_allclose(ad.grad(energy(np))(x), jax.grad(energy(jax.numpy))(x), rtol=1e-10)
