"""Random programs and awkward ones under `jit`: against NumPy, the interpreter and more precision.

What is exact has NumPy's bits; the rest obeys the error rule of `native_checks`.
"""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from native_checks import (
    eps_of,
    executable,
    interpreted,
    is_vectorised,
    jumps,
    largest,
    same_bits,
    same_type,
    weighted,
    within,
)
from native_programs import sample

import adjoint as ad

NOT_COMPILED_ULPS = 200  # derivatives and batches: both sides have errors of their own


@pytest.fixture(autouse=True)
def quiet():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


# ------------------------------------------------------------------------------ random programs


def longer(arrays):
    return [x.astype(np.longdouble) if x.dtype.kind == "f" else x for x in arrays]


def check_values(found, jitted, arguments, title):
    """Value, dtype, shape and type of each output, and what the interpreter gives."""
    values, outputs = found.values(*arguments)
    scale = largest([v.array for v in values])
    eps = eps_of(*[v.array for v in values])
    precise = []

    def exactly(k):
        if not precise:
            precise.extend(found.function(*longer(arguments)))
        return precise[k]

    program = jitted.lower(*arguments)
    compiled = executable(program)
    results = [(jitted(*arguments), title, 4)]
    for vectors in (True, False):
        same = interpreted(compiled, program.inputs(arguments), vectors)
        if same is not None:
            results.append((same, f"{title}, interpreted", 4 if vectors else 64))
    for number, (result, name, ulps) in enumerate(results):
        for k, (y, v) in enumerate(zip(result, outputs, strict=True)):
            label = f"{name}, output {k}"
            if number == 0:
                same_type(y, v.array, label)
            if v.exact:
                same_bits(y, v.array, label)
            else:
                within(y, v.array, lambda k=k: exactly(k), scale, eps, label, ulps)
    return is_vectorised(compiled)


def check_gradient(found, seed, title):
    """The gradient, compiled and not."""
    places = tuple(k for k, x in enumerate(found.arguments) if x.dtype.kind == "f")
    gradient = ad.grad(weighted(found.function, seed), places)
    expected = gradient(*found.arguments)
    result = ad.jit(gradient)(*found.arguments)
    values = [v.array for v in found.values(*found.arguments)[0]]
    scale, eps = max(largest(values), largest(expected)), eps_of(*values)
    for y, e in zip(result, expected, strict=True):
        same_type(y, e, title)
        try:
            within(y, e, None, scale, eps, title, NOT_COMPILED_ULPS)
        except AssertionError:
            allowed = NOT_COMPILED_ULPS * eps * max(scale, largest([e]))
            if not jumps(gradient, found.arguments, expected, eps, allowed):
                raise


def shuffled(rng, x):
    return rng.permutation(x.ravel()).reshape(x.shape)


def check_batch(found, seed, title):
    """Several rows at once, compiled and not."""
    rows = (3, 5, 17, 16)[seed % 4]
    if sum(x.size for x in found.arguments) * rows > 20_000:
        return
    rng = np.random.default_rng(seed)
    axes = tuple(0 if k == 0 or (seed >> k) % 3 else None for k in range(len(found.arguments)))
    batch = [
        x if axis is None else np.stack([shuffled(rng, x) for _ in range(rows)])
        for x, axis in zip(found.arguments, axes, strict=True)
    ]
    function = ad.vmap(found.function, axes)
    try:
        expected = function(*batch)
    except ad.TracingError:
        return  # a NumPy function asks an index array of the batch for its numbers
    result = ad.jit(function)(*batch)
    values = [v.array for v in found.values(*found.arguments)[0]]
    scale, eps = 4 * largest(values), eps_of(*values)
    for y, e in zip(result, expected, strict=True):
        same_type(y, e, title)
        within(y, e, None, scale, eps, title, NOT_COMPILED_ULPS)


def check_program(seed, many=False):
    """A program of a seed, at two sizes, its gradient and its batch."""
    found = sample(seed, many)
    jitted = ad.jit(found.function)
    vectorised = check_values(found, jitted, found.arguments, f"seed {seed}")
    check_values(found, jitted, found.others, f"seed {seed} at other sizes")
    check_gradient(found, seed, f"seed {seed}, gradient")
    if not many:
        check_batch(found, seed, f"seed {seed}, batch")
    return vectorised


@pytest.mark.parametrize(
    "first", [pytest.param(k, marks=pytest.mark.slow if k >= 40 else ()) for k in range(0, 150, 10)]
)
def test_random_programs(first):
    vectorised = [check_program(seed) for seed in range(first, first + 10)]
    assert any(vectorised)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 3000, 50))
def test_many_random_programs(first):
    for seed in range(first, first + 50):
        check_program(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 100, 5))
def test_programs_cut_in_blocks(first):
    for seed in range(first, first + 5):
        check_program(seed, many=True)


# ---------------------------------------------------------------------------------- guard pages


def run_guarded(*arguments):
    """Random programs between pages without access, in a process of their own."""
    script = Path(__file__).with_name("native_guard.py")
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1:]
    assert not done.returncode, f"{last}: ended with {done.returncode}\n{done.stderr[-2000:]}"


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="uses mprotect")


@linux
def test_no_access_out_of_bounds():
    run_guarded(100, 125)


@linux
@pytest.mark.slow
@pytest.mark.parametrize("first", range(3000, 4000, 100))
def test_no_access_out_of_bounds_in_many_programs(first):
    run_guarded(first, first + 100)


@linux
@pytest.mark.slow
def test_no_access_out_of_bounds_in_blocks():
    run_guarded(0, 40, "many")


# ----------------------------------------------------------------------------- awkward programs


def outcome(function, *arguments):
    try:
        return function(*arguments), None
    except Exception as error:
        return None, error


def same(function, *arguments, ulps=0, message=True):
    """The same value and type, bit for bit or nearly, or the same error."""
    expected, error = outcome(function, *arguments)
    found, other = outcome(ad.jit(function), *arguments)
    assert type(other) is type(error), (error, other)
    if error is not None:
        assert not message or str(other) == str(error)
        return
    if not isinstance(expected, tuple):
        expected, found = (expected,), (found,)
    for y, e in zip(found, expected, strict=True):
        same_type(y, e, "")
        if ulps:
            within(y, e, None, largest([e]), eps_of(e), "", ulps)
        else:
            same_bits(y, e, "")


SIZES = (5, 17, 40)
TAKES = (
    lambda x, i: np.sin(x)[i] * 2,
    lambda x, i: np.take(x, i, axis=0),
    lambda x, i: x[i, i % 33],
    lambda x, i: np.take_along_axis(x, np.broadcast_to(i[:, None], (50, 33)), 0),
    lambda x, i: x[i].astype("f4"),
)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("take", range(len(TAKES)))
def test_index_out_of_range(take, size):
    """NumPy's error, never a signal."""
    rng = np.random.default_rng(0)
    x, i = rng.normal(size=(size, 33)), rng.integers(-size, size, 50)
    for bad in (None, size, -size - 1, 2**62, -(2**62)):
        if bad is not None:
            i[7] = bad
        same(TAKES[take], x, i, ulps=4)
    for dtype in ("i1", "i4", "u8"):
        same(TAKES[take], x, (np.abs(i) % 100).astype(dtype), ulps=4)


@pytest.mark.parametrize("bad", [17, -18, 2**62])
@pytest.mark.parametrize("count", [1, 20])
def test_constant_index_out_of_range(bad, count):
    """Unrolled or not: an index that is known when code is made is not trusted either."""
    x = np.random.default_rng(0).normal(size=(17, 33))
    index = np.array([0, bad] * count)
    same(lambda x: x[index] * 1.5, x)
    same(lambda x: np.sum(x[index], 0), x)
    with pytest.raises(IndexError):
        ad.jit(ad.grad(lambda x: np.sum(x[index] ** 2)))(x)


def test_index_out_of_range_in_a_gradient():
    x, i = np.arange(40.0), np.array([3, -40, 3, 39, 3] * 5)
    gradient = lambda x, i: ad.grad(lambda x: np.sum(x[i] ** 2))(x)
    same(gradient, x, i)
    i[3] = 40
    with pytest.raises(IndexError, match="out of bounds"):
        ad.jit(gradient)(x, i)


INTEGER = {
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "fmod": np.fmod,
    "/": lambda a, b: a / b,
    "divmod": np.divmod,
    "*": lambda a, b: (a * b, a + b, a - b, -a, np.abs(a), np.sign(a)),
    "<<": lambda a, b: (a << b, a >> b, a & b, a ^ b, ~a),
    "gcd": lambda a, b: (np.gcd(a, b), np.lcm(a, b)),
    "sum": lambda a, b: (np.sum(a), np.prod(b), np.max(a), np.min(b), np.cumsum(a)),
    "constant": lambda a, b: (a // 0, a % 0, a // 2, a % 3),
}


@pytest.mark.parametrize("name", INTEGER)
@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])
def test_integer_division(name, dtype):
    """By zero, and of the least number by -1: NumPy's answers, never a signal."""
    limits = np.iinfo(dtype)
    low, high = limits.min, limits.max
    less = -1 if low else 3
    a = np.array([low, high, 0, 1, 5, 7, less, low, high, low + 1] * 3, dtype)
    b = np.array([less, 0, 0, 2, 0, less, less, 1, less, 3] * 3, dtype)
    same(INTEGER[name], a, b)
    same(INTEGER[name], a[0], b[0])
    same(INTEGER[name], a[1], b[1])


def views():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(18, 35))
    wide = rng.normal(size=(36, 70))
    fixed = x.copy()
    fixed.flags.writeable = False
    unaligned = np.ndarray((18, 35), "f8", np.zeros(18 * 35 * 8 + 3, np.uint8), 3)
    unaligned[...] = x
    return {
        "fortran": np.asfortranarray(x),
        "reversed": x[::-1, ::-1],
        "strided": wide[::2, ::2],
        "backwards": wide[::-2, 1::2],
        "broadcast": np.broadcast_to(x[0], (18, 35)),
        "read-only": fixed,
        "unaligned": unaligned,
        "transposed": rng.normal(size=(35, 18)).T,
        "byte-swapped": x.astype(">f8"),
        "byte-swapped single": x.astype(">f4"),
        "byte-swapped integers": (x * 9).astype(">i4"),
        "byte-swapped complex": (x + 1j * x[::-1]).astype(">c16"),
    }


@pytest.mark.parametrize("name", list(views()))
def test_layout_of_inputs(name):
    x = views()[name]
    same(lambda x: (x.T + 1, x[::2, ::-1] * 1, x * x + x, x == x[::-1], x), x)
    same(lambda x: (np.sin(x) * 2, np.sum(x, 0), np.concatenate([x, np.ones((2, 35))])), x, ulps=16)


SHAPES = ((0,), (0, 3), (3, 0), (1,), (1, 1), (17, 1), (1, 17), (2, 1, 17), ())


@pytest.mark.parametrize("shape", SHAPES)
def test_empty_and_single_axes(shape):
    x = np.asarray(np.random.default_rng(0).normal(size=shape))
    same(lambda x: (np.sin(x), x + x.T, np.any(x > 0), np.cumsum(x), -x), x, ulps=8)
    same(lambda x: (np.sum(x), np.mean(x), np.prod(x), np.ravel(x) @ np.ravel(x)), x, ulps=8)
    same(np.max, x)
    same(np.argmin, x)
    same(lambda x: np.concatenate([np.ravel(x), np.ones(2)]), x)
    same(ad.grad(lambda x: np.sum(np.sin(x) * x)), x, ulps=8)
    same(lambda x: np.ravel(x)[np.array([], int)], x)
    same(lambda x: np.ravel(x)[np.array([0, -1])], x)


SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 5e-324, -5e-324, 1.7e308, 0.5, 2, 3, -2.5] * 3
)
SPECIALS = {
    "extremes": lambda s: (np.max(s), np.min(s), np.max(s[:4]), np.argmax(s), np.argmin(s[1:4])),
    "running": lambda s: (np.maximum.accumulate(s), np.minimum.accumulate(s)),
    "pairs": lambda s: (np.maximum(s, s[::-1]), np.fmin(s, s[::-1]), np.clip(s, -1, 1)),
    "folds": lambda s: (s * 1, s + 0, s - 0, 0 - s, s * 0, s * -1, s / -1, s + (-s), -(s - 1)),
    "divisions": lambda s: (s // s[::-1], s % s[::-1], s // 2, np.fmod(s, s[::-1])),
    "comparisons": lambda s: (s == s, s < s[::-1], np.isnan(s), np.signbit(s), np.any(s)),
    "choices": lambda s: (np.where(s > 0, s, 0.0), np.where(s > 0, s, -0.0)),
    "powers": lambda s: (s**2, s**0.5, s**-1, s**0, s**1),
    "parts": lambda s: (np.concatenate([s, -s]), np.pad(-s, 3), np.roll(s, 3), np.flip(s)),
    "rounding": lambda s: (np.floor(s), np.rint(s), np.sign(s), np.trunc(s)),
    "conversions": lambda s: (s.astype(bool), s.astype("f4"), s.astype("f8")),
}


@pytest.mark.parametrize("name", SPECIALS)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_special_values(name, dtype):
    s = SPECIAL.astype(dtype)
    for part in (s, s[3:17], s[:5]):
        same(SPECIALS[name], part)


# --------------------------------------------------------------------- programs that were wrong


def test_place_in_an_array_that_each_lane_has():
    """`sin(x)` is kept in the vector's loop, and each lane reads it at its own place."""

    def function(x):
        y = np.fmod(x, 0.75)
        top = np.take_along_axis(y, np.argmax(y, 1)[:, None], 1)
        return top, np.sin(y) * np.cos(top)

    for dtype in ("f4", "f8"):
        x = np.random.default_rng(0).normal(size=(26, 24)).astype(dtype)
        same(function, x, ulps=4)


@pytest.mark.parametrize("rows", [7, 16, 19])
def test_scatter_in_each_lane(rows):
    """Each lane adds into an array of its own; the last vector overlaps the one before."""
    rng = np.random.default_rng(0)
    x, i = rng.normal(size=(rows, 30)), rng.integers(0, 30, (rows, 40))
    gradient = ad.grad(lambda x, i: np.sum(np.sin(x[i]) * x[i]))
    same(ad.vmap(gradient), x, i, ulps=16)


def test_sums_read_at_each_lanes_place():
    """Partial results of lanes are added up before lanes read them at places that are data."""

    def function(x, i):
        total = np.sum(x * x, 1)
        return np.sin(total)[i] + x[:, i] if x.shape[0] == x.shape[1] else total[i]

    rng = np.random.default_rng(0)
    for rows, columns in ((40, 33), (33, 33), (24, 100)):
        x, i = rng.normal(size=(rows, columns)), rng.integers(0, rows, columns)
        same(function, x, i, ulps=16)


def test_sum_scattered_and_read_along_lanes():
    """An accumulator's partial results are not carried into an array that lanes read."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 64)), rng.normal(size=(64, 64))
    weighted_row = lambda w, i, x, y: np.sum(w[i]) * np.sum(np.sin(x) * y)
    same(
        lambda x, y, i: ad.grad(lambda w: weighted_row(w, i, x, y))(x[0]) * y[0],
        *(x, y, np.array([44, 48, 3])),
        ulps=64,
    )


@pytest.mark.parametrize("size", [40, 65])
def test_products_of_what_is_put_together(size):
    """Routines read plain memory: not parts of lanes, and parts side by side where they lie."""
    x = np.random.default_rng(0).normal(size=(size, size))
    for function in (
        lambda x: np.concatenate([x, x.T], 1) @ np.concatenate([x.T, x], 0) / size,
        lambda x: np.pad(x, 3) @ np.pad(x, 3).T,
        lambda x: (x @ x) @ np.concatenate([x @ x, x], 1) / size,
        lambda x: np.sum(x[:, :, None] * x, 0) @ x,
    ):
        same(function, x, ulps=size)
        same(ad.grad(lambda x, f=function: np.sum(np.sin(f(x) / size))), x, ulps=8 * size)


def test_complex_segment_behind_a_real_step():
    """A segment of complex numbers ends at its inputs, which may be other steps' results."""
    z = np.random.default_rng(0).normal(size=(3, 4)) + 1j
    same(lambda z: np.conj(z / np.linalg.norm(z, axis=0)) * z, z, ulps=8)
    same(lambda z: z ** np.abs(z) + np.sort(np.abs(z), 0), z, ulps=8)


def test_several_outputs_of_a_step():
    x = np.linspace(-2, 2, 9)
    same(lambda x: ad.special.airy(x)[0] * 2, x, ulps=16)
    same(lambda x: np.linalg.eigh(np.outer(x, x) + np.eye(9))[0] + 1, x, ulps=16)


def test_types_of_constant_gradients():
    for x in (np.array(2.0), 2.0, np.float64(2.0), np.float32(2.0), np.array(2.0, "f4")):
        for function in (lambda x: x * 3.75, lambda x: 2.0, lambda x: np.float64(3.75) * x):
            same(ad.grad(function), x)
            same(lambda x, function=function: ad.jvp(function, (x,), (x,))[1], x)


def test_where_without_axes_is_an_array():
    same(lambda x: (np.where(x > 0, x, 0.0), np.where(x > 0, x, 1.0) * 1), np.array(2.0))
    same(lambda x: np.where(x > 0, x, 0.0), 2.0)
