"""Complex numbers by parts: formulas against NumPy, real graphs against complex ones, native code
against NumPy, whole programs."""

import sys
import warnings

import numpy as np
import pytest

import adjoint as ad
from adjoint.base.dtypes import type_of
from adjoint.codegen.targets import host, without
from adjoint.graph import op
from adjoint.graph.function import build_function
from adjoint.optimize import complex_formulas
from adjoint.optimize.complex_formulas import Pair
from adjoint.optimize.parts import TRANSLATORS, by_parts, is_complex
from adjoint.optimize.segments import Step, steps_of
from adjoint.runtime.native import Executable, native_reason

COMPLEX = (np.complex128, np.complex64)
INF, NAN = np.inf, np.nan


@pytest.fixture(autouse=True)
def quiet():
    """Special values warn in NumPy, as they should."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# -------------------------------------------------------------------------------------- comparisons


def parts(x):
    """The parts of numbers along a new last axis."""
    x = np.asarray(x)
    return np.stack([x.real, x.imag], -1) if x.dtype.kind == "c" else x[..., None]


def kinds(x):
    """NaN, infinities by sign, or numbers."""
    return np.where(np.isnan(x), 2, np.where(np.isinf(x), np.sign(x), 0))


def errors(found, expected):
    """The error of each part in ulps of the modulus, where both are finite."""
    eps = np.finfo(np.asarray(expected).dtype).eps
    found, expected = parts(found), parts(expected)
    modulus = np.hypot(expected[..., 0], expected[..., -1])[..., None]
    modulus = np.maximum(modulus, np.finfo(expected.dtype).tiny)
    error = np.abs(found / modulus - expected / modulus) / eps
    return np.where(np.isfinite(found) & np.isfinite(expected) & np.isfinite(error), error, 0.0)


def agree(found, expected, title, ulps=4.0, signs=True):
    """Equal types; equal special values and signs of zeros; small errors elsewhere."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype), title
    if expected.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, expected, err_msg=title)
        return
    f, e = parts(found), parts(expected)
    np.testing.assert_array_equal(kinds(f), kinds(e), err_msg=title)
    if signs:
        known = ~np.isnan(e).any(-1, keepdims=True)  # beside a NaN a zero's sign is free
        zeros = (f == 0) & (e == 0) & known
        np.testing.assert_array_equal(np.signbit(f) & zeros, np.signbit(e) & zeros, err_msg=title)
    assert np.max(errors(found, expected), initial=0.0) <= ulps, title


# ------------------------------------------------------------------------------------------ samples

SPECIAL = (
    0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 30.0, 360.0, INF, -INF, NAN, 1.7e308, -1e308, 5e-324,
    -1e-310, 709.5, -740.0, 1000.0, -1e5, 1e-160, 1e160,
)  # fmt: skip
SPECIAL_SINGLE = (
    0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 10.0, 44.0, INF, -INF, NAN, 3.3e38, -1e38, 1e-45,
    -1e-40, 88.6, -100.0, 200.0, -1e5, 1e-25, 1e25,
)  # fmt: skip


def made(real, imag, dtype):
    """Complex numbers of parts, without arithmetic."""
    out = np.empty(np.broadcast_shapes(np.shape(real), np.shape(imag)), dtype)
    out.real, out.imag = real, imag
    return out


def grid(dtype, count=None):
    """Every pair of special parts."""
    values = np.array((SPECIAL if dtype == np.complex128 else SPECIAL_SINGLE)[:count])
    return made(values[:, None], values, dtype).ravel()


def random(dtype, count=400):
    """Numbers of many sizes, near the unit circle, near 1."""
    rng = np.random.default_rng(3)
    draw = lambda: rng.standard_normal(count) + 1j * rng.standard_normal(count)
    most = 300 if dtype == np.complex128 else 37
    found = [draw() * s for s in (1e-8, 0.1, 1, 3, 30, most, 1e6)]
    found.append(np.exp(1j * rng.uniform(-np.pi, np.pi, count)) * (1 + 1e-9 * draw().real))
    found.append(1 + 1e-5 * draw())
    sizes = 10 ** rng.uniform(-most, most, (2, count)) * rng.choice([-1, 1], (2, count))
    found.append(sizes[0] + 1j * sizes[1])
    return np.concatenate(found).astype(dtype)


# ----------------------------------------------------------------------------------------- formulas

UNARY = (
    "sign reciprocal exp exp2 expm1 log log2 log10 sqrt sinh cosh tanh sin cos tan arcsin arccos"
    " arctan arcsinh arccosh arctanh sinc isnan isinf isfinite"
).split()
BINARY = (
    "add sub div equal not_equal less less_equal greater greater_equal maximum minimum fmax fmin"
).split()
linux = pytest.mark.skipif(sys.platform != "linux", reason="special values of another C library")


def formula(name, *values):
    """A formula on the parts of plain arrays."""
    found = getattr(complex_formulas, name)(*[Pair(v.real, v.imag) for v in values])
    if not isinstance(found, Pair):
        return found
    return made(found.real, found.imag, values[0].dtype)


@linux
@pytest.mark.parametrize("dtype", COMPLEX)
@pytest.mark.parametrize("name", UNARY)
def test_formula_of_one_number(name, dtype):
    for z in (grid(dtype), random(dtype)):
        agree(formula(name, z), getattr(op, name)(z), name)


@linux
@pytest.mark.parametrize("dtype", COMPLEX)
@pytest.mark.parametrize("name", BINARY)
def test_formula_of_two_numbers(name, dtype):
    special = grid(dtype, 14)
    pairs = [np.repeat(special, special.size), np.tile(special, special.size)]
    agree(formula(name, *pairs), getattr(op, name)(*pairs), name, 0.0)
    z = random(dtype)
    pairs = [z, np.random.default_rng(1).permutation(z)]
    agree(formula(name, *pairs), getattr(op, name)(*pairs), name, 0.0)


@pytest.mark.parametrize("dtype", COMPLEX)
def test_product(dtype):
    """NumPy's vector loops round once less: where parts overflow, infinities differ."""
    z = random(dtype)
    z = z[np.abs(z) < np.sqrt(np.finfo(dtype).max) / 2]
    z = z[np.minimum(np.abs(z.real), np.abs(z.imag)) > np.sqrt(np.finfo(dtype).tiny)]
    w = np.random.default_rng(1).permutation(z)
    agree(formula("mul", z, w), z * w, "mul", 1.0)
    agree(formula("square", z), np.square(z), "square", 1.0)
    plain = np.array([0.0, -0.0, 1.0, -2.0, INF, -INF, NAN])
    z = made(plain[:, None], plain, dtype).ravel()
    pairs = np.repeat(z, z.size), np.tile(z, z.size)
    agree(formula("mul", *pairs), pairs[0] * pairs[1], "mul", 0.0)


EXPONENTS = (0, 1, 2, 3, 5, -1, -2, -3, 17, 99, 0.5, -0.5, 1.5, 2.5 + 1j, 1j, -1 + 0.5j, 1e-3)


@linux
@pytest.mark.parametrize("dtype", COMPLEX)
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_power(exponent, dtype):
    """By multiplications the same bits; else log z is multiplied, and its rounding with it."""
    exact = complex_formulas.is_multiplied(complex(exponent))
    for z in (grid(dtype), random(dtype)):
        found = complex_formulas.power(Pair(z.real, z.imag), complex(exponent))
        found = np.broadcast_to(made(found.real, found.imag, dtype), z.shape)
        with np.errstate(all="ignore"):
            size = np.abs(np.log(np.abs(z[np.isfinite(z) & (z != 0)]))).max() + 4
        ulps = 0.0 if exact else 4 + 2 * abs(exponent) * size
        expected, lost = np.power(z, dtype(exponent)), np.isnan(z)
        agree(found[~lost], expected[~lost], f"power {exponent}", ulps)
        agree(found[lost], expected[lost], f"power {exponent}", ulps, signs=False)


def test_log1p_is_right_for_small_numbers():
    """NumPy's loses what 1 + z loses."""
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(0)
    sizes = 10.0 ** rng.uniform(-200, 1, (2, 200)) * rng.choice([-1, 1], (2, 200))
    z = np.concatenate([made(*sizes, complex), made(sizes[0], sizes[0] / 3, complex)])
    with mpmath.workdps(450):
        wanted = [mpmath.log(1 + mpmath.mpc(x.real, x.imag)) for x in z]
    agree(formula("log1p", z), np.array([complex(w) for w in wanted]), "log1p", 4.0, False)


# ------------------------------------------------------------------------------------- real graphs


def complex_cases(name):
    found = op.registry[name].cases(np.random.default_rng(0))
    wanted = lambda case: (
        name == "complex" or any(type_of(x).dtype.kind == "c" for x in case.inputs)
    )
    return [case for case in found if wanted(case)]


SWEPT = [n for n in sorted(op.registry) if op.registry[n].kind not in ("structural", "control")]
SWEPT = [n for n in SWEPT if complex_cases(n)]
STEPS = frozenset("convolve pow".split())  # their samples have no native code yet
IN_PARTS = [n for n in SWEPT if n in TRANSLATORS]


def called(name, case):
    return lambda *xs: getattr(op, name)(*xs, **case.parameters)


def graph_of(function, *values):
    def rule(*nodes):
        found = function(*nodes)
        return list(found) if isinstance(found, (tuple, list)) else [found]

    return build_function(rule, [type_of(x) for x in values])


def real_values(step, values):
    """The outputs of a step by its parts, evaluated with NumPy."""
    real = by_parts(step)
    assert not any(is_complex(x) for x in (*real.inputs, *real.nodes))
    known = {}
    for x, y, v in zip(step.inputs, real.inputs, values, strict=True):
        known[y] = v
        if is_complex(x):
            known[y] = np.ascontiguousarray(v, x.dtype).view(y.dtype).reshape(y.shape)
    for node in real.nodes:
        for x in node.inputs:
            if x.primitive.name == "constant":
                known[x] = x.parameters["value"]
        known[node] = op.apply(
            node.primitive, tuple([known[x] for x in node.inputs]), node.parameters
        )
    found = []
    for x, y in zip(step.outputs, real.outputs, strict=True):
        value = np.ascontiguousarray(known[y])
        found.append(value.view(x.dtype).reshape(x.shape))
    return found


def check_graph(function, values, title, ulps):
    """A function as a graph of real nodes, evaluated with NumPy."""
    graph = graph_of(function, *values)
    order = tuple([n for n in graph.order if n not in graph.inputs])
    (found,) = real_values(Step(order, graph.inputs, graph.outputs, None), values)
    agree(found, function(*values), title, ulps)


@pytest.mark.parametrize("name", [n for n in IN_PARTS if n != "pow"])
def test_real_graph(name):
    """Every complex sample of the sweep."""
    for case in complex_cases(name):
        check_graph(called(name, case), case.inputs, f"{name} {case.label}", 8.0)


@pytest.mark.parametrize("other", [2, 2.5, 1j, np.float32(3), np.complex64(2 - 1j), True])
@pytest.mark.parametrize("dtype", COMPLEX)
def test_promotion(other, dtype):
    z = np.array([1 + 2j, INF + 0j, -0.0 - 0j, complex(NAN, 1)], dtype)
    x = np.array([1.5, INF, -0.0, NAN], z.real.dtype)
    for name in ("add", "sub", "mul", "div"):
        function = lambda a, b, name=name: getattr(op, name)(a, b)
        for a, b in ((z, other), (other, z), (x, other), (other, x)):
            check_graph(function, (a, b), f"{name} {a} {b}", 1.0)


def steps(function, *values):
    """The reasons of all steps; None for native ones."""
    return [s.reason for s in steps_of(graph_of(function, *values), native_reason)]


@pytest.mark.parametrize("name", SWEPT)
def test_what_is_native(name):
    for case in complex_cases(name):
        found = steps(called(name, case), *case.inputs)
        if name in IN_PARTS and name not in STEPS:
            assert found == [None], found
        else:
            assert all(found), found


# ------------------------------------------------------------------------------------- native code


def twice(function):
    """A function under `jit`, called again: the first call compiles, the next ones run natively."""
    native = ad.jit(function)

    def call(*values):
        native(*values)
        return native(*values)

    return call


def check_native(name, cases):
    for case in cases:
        function = called(name, case)
        found, expected = twice(function)(*case.inputs), function(*case.inputs)
        agree(found, expected, f"{name} {case.label}", 8.0)


FEW = (
    "abs arctan complex concatenate cumprod div einsum exp flip gather isinf log matmul prod"
    " reshape sign sqrt stack sum tanh unslice"
).split()


@pytest.mark.parametrize("name", FEW)
def test_native(name):
    check_native(name, complex_cases(name)[:1])


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in IN_PARTS if n not in STEPS])
def test_native_every_sample(name):
    check_native(name, complex_cases(name))


def check_special(name, dtype):
    function = lambda z: getattr(op, name)(z)
    for z in (grid(dtype), random(dtype)):
        agree(twice(function)(z), function(z), name)


@linux
@pytest.mark.parametrize("name", ["exp", "sqrt", "arcsin"])
def test_native_special_values(name):
    check_special(name, np.complex128)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("dtype", COMPLEX)
@pytest.mark.parametrize("name", [*UNARY, "abs"])
def test_native_special_values_of_all(name, dtype):
    check_special(name, dtype)


def narrow_targets():
    whole = host()
    return [whole, without(whole, "avx512"), without(whole, "avx", "fma")]


@pytest.mark.parametrize("dtype", COMPLEX)
@pytest.mark.parametrize("target", narrow_targets(), ids=lambda t: str(t.vector_bits))
def test_pairs_on_lesser_processors(target, dtype):
    """Any length: less than a vector, whole vectors, a rest; and along the next-to-last axis."""
    rng = np.random.default_rng(0)

    def program(a, b):
        product = op.mul(a, op.conj(b))
        return product, op.imag(b), op.sum(product, axes=(1,)), op.flip(a, axes=(1,))

    for count in (1, 2, 3, 8, 17, 40):
        a, b = [
            (rng.standard_normal((3, count)) + 1j * rng.standard_normal((3, count))).astype(dtype)
            for _ in range(2)
        ]
        run = Executable(graph_of(program, a, b), target)
        for found, expected in zip(run([a, b]), program(a, b), strict=True):
            agree(found, expected, f"{count}", 4.0 * count)


def test_conversions():
    z = np.array([1.5 + 2j, 0j, -3j, complex(NAN, 0)])
    for dtype in (np.complex64, np.float32, np.float64, bool):
        agree(ad.jit(lambda z, d=dtype: z.astype(d))(z), z.astype(dtype), str(dtype), 1.0)
    for dtype in (np.int64, np.float32, bool):
        x = np.array([0, 1, 7]).astype(dtype)
        agree(ad.jit(lambda x: x.astype(complex))(x), x.astype(complex), str(dtype), 0.0)


# ---------------------------------------------------------------------------------------- programs


def draw(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def same(function, *values, ulps=400.0):
    """A function under `jit` against itself."""
    found, expected = twice(function)(*values), function(*values)
    if not isinstance(found, tuple):
        found, expected = (found,), (expected,)
    for f, e in zip(found, expected, strict=True):
        assert np.asarray(f).dtype == np.asarray(e).dtype
        np.testing.assert_allclose(f, e, rtol=0, atol=ulps * 2.3e-16 * np.max(np.abs(e)))


def test_holomorphic_gradient():
    function = lambda z: np.sum(np.exp(z * z) * np.sin(z) / (1 + z))
    same(ad.grad(function, holomorphic=True), draw(5))
    same(ad.grad(ad.jit(function), holomorphic=True), draw(5))


def test_gradient_of_a_real_function():
    function = lambda z: np.sum(np.abs(z - 0.5j) ** 2 + np.log(np.abs(z)) + np.angle(z))
    same(ad.grad(function), draw(7))


def test_gradient_under_vmap():
    function = lambda z: np.abs(np.sum(z**3 - 1j * z)) ** 2
    same(ad.vmap(ad.grad(function)), draw(4, 3))
    same(ad.vmap(ad.jit(ad.grad(function))), draw(4, 3))


def test_fft_among_native_code():
    function = lambda z: np.fft.ifft(np.fft.fft(z * 1j) * np.exp(-0.1j * np.arange(16))) + z
    same(function, draw(16))
    found = steps(lambda z: op.mul(op.fft(op.exp(z), axis=0, norm="backward"), 2j), draw(16))
    assert [reason is None for reason in found] == [True, False, True]


def test_iteration():
    def escape(c):
        z = c
        for _ in range(12):
            z = np.where(np.abs(z) > 2, z, z * z + c)
        return z, np.abs(z) <= 2

    same(escape, draw(40))


def test_quantum_evolution():
    h = draw(6, 6)
    h = h + h.conj().T

    def evolve(state):
        for _ in range(5):
            state = state - 0.01j * (h @ state)
        state = state / np.sqrt(np.sum(np.abs(state) ** 2))
        return state, np.real(state.conj() @ h @ state)

    same(evolve, draw(6))
    same(ad.grad(lambda s: evolve(s)[1]), draw(6))


def test_complex_least_squares():
    t = np.linspace(0, 1, 50)
    y = draw(50, seed=1)

    def loss(p):
        residual = p[0] * np.exp(p[1] * t) + p[2] - y
        return np.sum(residual.real**2 + residual.imag**2)

    same(ad.grad(loss), draw(3))


def test_contractions():
    a, b, x, r = draw(4, 5), draw(5, 6), draw(5), np.arange(20.0).reshape(4, 5)
    same(lambda a, b, x: (a @ b, a @ x, np.dot(x, x), np.vdot(x, x)), a, b, x)
    same(lambda r, x: (r @ x, x @ r.T), r, x)
    same(lambda a, b, x: np.einsum("ij,jk,j->ik", a, b, x), a, b, x)
    same(lambda a, b: np.cross(a, b), draw(4, 3), draw(4, 3, seed=1))


def test_layouts_and_indices():
    z, places = draw(4, 6), np.array([[3, 0], [-1, 2]])
    same(lambda z: (z.T, z[::-1, 1:5:2], np.roll(z, 2, 1), np.pad(z, 1)), z)
    same(lambda z: (z[places], z[places, places], np.cumsum(z, 1), np.concatenate([z, z.real])), z)
    same(ad.grad(lambda z: np.sum(np.abs(z[places]) ** 2)), z)
    same(lambda z: (np.sum(z), np.mean(z, 0), np.prod(z, 0), z.sum(1, keepdims=True)), z)
    same(lambda z: (np.any(z), np.all(z, 0), np.max(z), np.argmax(z, 1)), z)


def test_broadcast_parts():
    """Parts that are one number are spread before they are laid out."""
    x = np.arange(6.0).reshape(2, 3)
    same(lambda x: (np.stack([x, x * 1j]), np.reshape(x + 0j, (3, 2)), (x * 1j).T), x)
    same(lambda x: np.concatenate([x.astype(complex), x]), x)
    same(lambda x: (np.zeros(3, complex) + x, np.imag(x.astype(complex))), x)


def test_numbers():
    same(lambda z: (z * z, abs(z), z.real, np.exp(1j * z.imag)), 1.5 - 2j)
    assert type(twice(lambda z: z * z)(1.5 - 2j)) is complex
    assert type(twice(lambda x: x * 2j)(1.5)) is complex
    assert type(twice(lambda z: z + 1)(np.complex64(1j))) is np.complex64


def test_reasons():
    z = draw(20)
    assert steps(lambda z: op.pow(z, op.real(z)), z)[-1].startswith("a complex power whose")
    assert "rounding" in steps(lambda z: op.pow(z, 40.5), z)[0]
    assert "20 complex numbers" in steps(lambda z: op.prod(z, axes=(0,)), z)[0]
    assert "max of complex numbers" in steps(lambda z: op.max(z, axes=(0,)), z)[0]
