"""Measures the functions of `mathlib`: errors in ulps, special values, bits in every lane.

A `Case` says how a registered function is judged: NumPy's function (special values), mpmath's
(errors), the intervals and the points that deserve attention.  `worst_double` and `worst_single`
give the largest error and where it is; `special_values` and `lanes_agree` give what is wrong, as
lines of text, so a test asserts that nothing is.

An error is |result - exact| in units of the spacing of the float next to the exact value.  In
float64 the exact value is mpmath's.  Where `long double` has 64 bits of mantissa, it looks through
many points first and mpmath judges the worst of them.  In float32 the exact value is float64's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import mpmath
import numpy as np
import scipy.special
from codegen.kernels import Kernel

from adjoint.codegen.mathlib.registry import FUNCTIONS
from adjoint.codegen.targets import Target, host, without

Interval = tuple[float, float]
EXTENDED = np.finfo(np.longdouble).nmant >= 63
PRECISION = 200  # bits of mpmath's numbers


class Case(NamedTuple):
    """How one function is judged."""

    numpy: Callable[..., Any]  # its special values, and its float64 for float32's errors
    exact: Callable[..., Any]  # of mpmath's numbers
    intervals: Sequence[Interval] = ((-1e3, 1e3), (-10, 10), (-1, 1))  # looked through evenly
    near: Sequence[float] = ()  # zeros, boundaries, joints: looked at closely
    extended: Callable[..., Any] | None = None  # NumPy's function of long doubles
    pairs: Callable[[np.random.Generator, int], tuple[Any, ...]] | None = None  # more arguments
    scale: Callable[..., Any] | None = None  # ulps of this where it exceeds the result
    ignore: Callable[..., Any] | None = None  # arguments that are not judged


def log_expit(x: Any) -> Any:
    """log(1/(1 + exp(-x))) of mpmath's number."""
    return -mpmath.log1p(mpmath.exp(-x)) if x > -400 else x


def logaddexp(x: Any, y: Any) -> Any:
    """log(exp(x) + exp(y)) of mpmath's numbers."""
    difference = abs(x - y)
    return max(x, y) + (mpmath.log1p(mpmath.exp(-difference)) if difference < 2000 else 0)


def logaddexp2(x: Any, y: Any) -> Any:
    """log2(2**x + 2**y) of mpmath's numbers."""
    difference = abs(x - y)
    tail = mpmath.log1p(mpmath.power(2, -difference)) / mpmath.log(2) if difference < 2000 else 0
    return max(x, y) + tail


def power(x: Any, y: Any) -> Any:
    """x**y of mpmath's numbers; only beyond infinity and 0 not to many digits."""
    size = y * mpmath.log(abs(x)) if x and y else mpmath.mpf(0)
    if abs(size) < 2000:
        return mpmath.power(x, y)
    sign = -1 if x < 0 and y % 2 == 1 else 1
    return sign * mpmath.exp(mpmath.sign(size) * 2000)


def bounded(function: Callable[..., Any], low: float, high: float) -> Callable[..., Any]:
    """A function of mpmath's number that is cut to an interval, beyond which nothing changes."""
    return lambda x: function(min(max(x, mpmath.mpf(low)), mpmath.mpf(high)))


def long(name: str) -> Callable[..., Any]:
    """NumPy's function."""
    return getattr(np, name)


def even_powers(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    """Pairs (x, y) whose power is finite, of every size, many with x near 1."""
    x = np.exp(rng.uniform(-1, 1, n) * 10.0 ** rng.uniform(-16, 2.84, n))
    top = 745 / np.maximum(np.abs(np.log(x)), 1e-300)
    y = rng.choice([-1, 1], n) * top * 10.0 ** (-(rng.uniform(0, 1, n) ** 3) * 20)
    negative = rng.uniform(0, 1, n) < 0.1
    return np.where(negative, -x, x), np.where(negative, np.rint(y), y)


def even_pairs(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    """Pairs of every size, often of similar size."""
    x = rng.uniform(-1, 1, n) * 2.0 ** rng.integers(-1000, 1000, n)
    near = x * rng.uniform(-1, 1, n) * 2.0 ** rng.integers(-30, 4, n)
    return x, np.where(rng.uniform(0, 1, n) < 0.8, near, rng.permutation(x))


def even_sums(rng: np.random.Generator, n: int) -> tuple[Any, ...]:
    """Pairs whose difference matters to log(exp(x) + exp(y))."""
    x = rng.uniform(-1, 1, n) * 2.0 ** rng.integers(-10, 11, n)
    return x, x + rng.uniform(-40, 40, n) * rng.uniform(0, 1, n) ** 3


def larger(x: Any, y: Any) -> Any:
    """The larger of two sizes: what a sum's error is measured by."""
    return np.maximum(np.abs(x), np.abs(y))


CASES: dict[str, Case] = {
    "exp": Case(
        np.exp,
        bounded(mpmath.exp, -1e3, 1e3),
        ((-746, 710), (-1, 1), (-745.2, -708), (709, 710)),
        (0, -708.3964185322641, 709.782712893384, -745.1332191019411),
        np.exp,
    ),
    "exp2": Case(
        np.exp2,
        bounded(lambda x: mpmath.power(2, x), -1e4, 1e4),
        ((-1076, 1025), (-1, 1), (-1075, -1022), (1023, 1024)),
        (0, 0.5, -0.5, 1, -1022, 1024, -1074, -1075),
        np.exp2,
    ),
    "expm1": Case(
        np.expm1,
        bounded(mpmath.expm1, -1e3, 1e3),
        ((-50, 710), (-1, 1), (-2, 2), (709, 710)),
        (0, 0.34657359, -0.34657359, 709.782712893384, -37.42994775023705),
        np.expm1,
    ),
    "log": Case(np.log, mpmath.log, ((0, 4), (0.5, 2), (0, 1e3)), (0, 1), np.log),
    "log2": Case(
        np.log2,
        lambda x: mpmath.log(x) / mpmath.log(2),
        ((0, 4), (0.5, 2), (0, 1e3)),
        (0, 1, 2, 0.5),
        np.log2,
    ),
    "log10": Case(
        np.log10,
        lambda x: mpmath.log(x) / mpmath.log(10),
        ((0, 4), (0.5, 2), (0, 1e3)),
        (0, 1, 10),
        np.log10,
    ),
    "log1p": Case(
        np.log1p, mpmath.log1p, ((-1, 4), (-0.5, 1), (0, 1e3)), (0, -1, 1, 0.41421356), np.log1p
    ),
    "cbrt": Case(
        np.cbrt,
        lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
        ((-8, 8), (-1e3, 1e3)),
        (0, 1, -1, 8, 27),
        np.cbrt,
    ),
    "sinh": Case(
        np.sinh,
        bounded(mpmath.sinh, -1e3, 1e3),
        ((-711, 711), (-1, 1), (-3, 3), (-40, 40)),
        (0, 1, 710.4758600739439, -710.4758600739439),
        np.sinh,
    ),
    "cosh": Case(
        np.cosh,
        bounded(mpmath.cosh, -1e3, 1e3),
        ((-711, 711), (-1, 1), (-3, 3), (-40, 40)),
        (0, 1, 710.4758600739439, -710.4758600739439),
        np.cosh,
    ),
    "tanh": Case(
        np.tanh,
        bounded(mpmath.tanh, -1e2, 1e2),
        ((-22, 22), (-1, 1), (-0.4, 0.4)),
        (0, 1, 0.34657359, 19.06154746, 22),
        np.tanh,
    ),
    "arcsinh": Case(
        np.arcsinh, mpmath.asinh, ((-10, 10), (-1, 1), (-1e3, 1e3)), (0, 1, -1), np.arcsinh
    ),
    "arccosh": Case(np.arccosh, mpmath.acosh, ((1, 2), (1, 10), (1, 1e3)), (1, 2), np.arccosh),
    "arctanh": Case(np.arctanh, mpmath.atanh, ((-1, 1), (-0.5, 0.5)), (0, 1, -1, 0.5), np.arctanh),
    "expit": Case(
        lambda x: scipy.special.expit(x.astype(np.float64)).astype(x.dtype),
        bounded(lambda x: 1 / (1 + mpmath.exp(-x)), -1e3, 1e3),
        ((-746, 40), (-1, 1), (-10, 10), (-745.2, -700)),
        (0, -745.1332191019411, -708.3964185322641, 36.7),
        lambda x: 1 / (1 + np.exp(-x)),
    ),
    "log_expit": Case(
        scipy.special.log_expit,
        log_expit,
        ((-800, 800), (-1, 1), (-10, 10), (-40, 40)),
        (0, -36.7, 745.1332191019411),
        lambda x: np.where(x > 0, -np.log1p(np.exp(-np.abs(x))), x - np.log1p(np.exp(-np.abs(x)))),
    ),
    "pow": Case(
        np.power,
        power,
        near=(0, 1, -1, 2, 0.5, 3),
        pairs=even_powers,
        extended=np.power,
    ),
    "hypot": Case(np.hypot, mpmath.hypot, near=(0, 1), pairs=even_pairs, extended=np.hypot),
    "logaddexp": Case(
        np.logaddexp,
        logaddexp,
        near=(0, 1),
        pairs=even_sums,
        extended=np.logaddexp,
        scale=larger,
    ),
    "logaddexp2": Case(
        np.logaddexp2,
        logaddexp2,
        near=(0, 1),
        pairs=even_sums,
        extended=np.logaddexp2,
        scale=larger,
    ),
}


class Worst(NamedTuple):
    """The largest error in ulps, where it is, and what came."""

    ulp: float
    at: tuple[float, ...]
    got: float


@lru_cache(maxsize=64)
def kernel(name: str, dtype: Any, lanes: int, target: Target) -> Kernel:
    """A loop that applies a registered function to arrays."""
    arity = FUNCTIONS[name].arity
    write = lambda b, *values: b.function(name, *values)
    return Kernel(write, [dtype] * arity, dtype, lanes, target)


def apply(
    name: str, *arrays: Any, lanes: int | None = None, target: Target | None = None
) -> np.ndarray:
    """The registered function of arrays of one dtype (lanes: a register's)."""
    target = target or host()
    dtype = np.asarray(arrays[0]).dtype
    lanes = lanes or target.vector_bits // 8 // dtype.itemsize
    return kernel(name, dtype, lanes, target)(*arrays)


def points(case: Case, arity: int, dtype: Any, count: int, seed: int = 0) -> tuple[Any, ...]:
    """Arguments: even in bits and in value, powers of two, close to what deserves attention."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    integer = np.dtype(f"u{dtype.itemsize}")
    columns = []
    for _ in range(arity):
        near = np.array([*case.near, *(2.0**k for k in range(-8, 9))], dtype)
        near = np.concatenate([near, -near])
        steps = np.arange(-8, 9).astype(integer)
        close = (near.view(integer)[:, None] + steps).view(dtype).ravel()
        sizes = 2.0 ** rng.uniform(-60, 0, max(1, count // 4))
        away = (rng.choice(near, sizes.size) + rng.choice([-1, 1], sizes.size) * sizes).astype(
            dtype
        )
        parts = [
            rng.integers(0, np.iinfo(integer).max, count // 4, integer, True).view(dtype),
            *(rng.uniform(a, b, count // 2 // len(case.intervals)) for a, b in case.intervals),
            2.0 ** np.arange(-1074, 1024),
            np.arange(1, 64) * 5e-324,
            close,
            away,
        ]
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            columns.append(np.concatenate([p.astype(dtype) for p in parts]))
    if arity > 1:
        columns = [rng.permutation(c) for c in columns]
    if case.pairs:
        for k, more in enumerate(case.pairs(rng, count)):
            with np.errstate(over="ignore", under="ignore"):
                columns[k] = np.concatenate([columns[k], more.astype(dtype)])
    finite = np.logical_and.reduce([np.isfinite(c) for c in columns])
    return tuple(c[finite] for c in columns)


def spacing(x: Any) -> Any:
    """The distance to the next float, of infinities too: that below them."""
    largest = np.nextafter(np.finfo(x.dtype).max, x.dtype.type(0))  # NumPy: the largest has none
    return np.spacing(np.minimum(np.abs(x), largest))


def ulps(got: Any, near: Any, rest: Any, scale: Any = None) -> np.ndarray:
    """|got - exact| in ulps, where exact = near + rest ulps of near, both of got's dtype."""
    top = np.finfo(got.dtype).maxexp
    with np.errstate(all="ignore"):
        half = np.abs(near) > 1  # halved, so that the next power of two stands for infinity
        limit = got.dtype.type(2.0) ** (top - 1)
        a = np.where(half, np.clip(got * 0.5, -limit, limit), got)
        b = np.where(half, np.clip(near * 0.5, -limit, limit), near)
        unit = spacing(near)
        error = np.abs((a - b) / np.where(half, unit * 0.5, unit) - rest)
        if scale is not None:
            error = error * np.minimum(unit / np.spacing(np.abs(scale)), 1)
    error = np.where((got == near) & ~np.isfinite(near), 0, error)
    return np.where(np.isnan(got), np.where(np.isnan(near), 0, np.inf), error)


def exact_pair(case: Case, arguments: Iterable[float]) -> tuple[float, float]:
    """mpmath's value as the float64 next to it and the rest in ulps."""
    with mpmath.workprec(PRECISION):
        value = case.exact(*map(mpmath.mpf, arguments))
        near = float(value)
        if math.isinf(near):
            near = math.copysign(2.0**1023, near)  # scaled by a half from here
            return math.inf if near > 0 else -math.inf, float(
                (value / 2 - mpmath.mpf(near)) / mpmath.mpf(2) ** 970
            )
        return near, float((value - mpmath.mpf(near)) / mpmath.mpf(math.ulp(near)))


def judged(case: Case, columns: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments at which the function is a number, infinite by overflow at most."""
    with np.errstate(all="ignore"):
        value = case.numpy(*columns)
        kept = ~np.isnan(value) & (np.isfinite(value) | (np.abs(columns[0]) > 1.5))
        if case.ignore:
            kept &= ~case.ignore(*columns)
    return tuple(c[kept] for c in columns)


def worst_double(
    name: str,
    count: int = 2000,
    lanes: int | None = None,
    target: Target | None = None,
    seed: int = 0,
    look: int = 0,
) -> Worst:
    """The largest error in float64 against mpmath.

    `count` sizes the set that mpmath judges; `look` one that `long double` looks through first.
    """
    case, arity = CASES[name], FUNCTIONS[name].arity
    columns = judged(case, points(case, arity, np.float64, count, seed))
    if look and EXTENDED and case.extended:
        for part in range(max(1, look // 1_000_000)):
            more = points(case, arity, np.float64, min(look, 1_000_000), seed + 1 + part)
            more = judged(case, more)
            got = apply(name, *more, lanes=lanes, target=target)
            with np.errstate(all="ignore"):
                wide = case.extended(*[c.astype(np.longdouble) for c in more])
                near = wide.astype(np.float64)
                unit = spacing(near)
                rest = ((wide - near) / unit).astype(np.float64)
                error = ulps(got, near, np.where(np.isfinite(rest), rest, 0))
                if case.scale is not None:
                    error = error * np.minimum(unit / np.spacing(np.abs(case.scale(*more))), 1)
            picked = np.argsort(error)[-20:]
            columns = tuple(
                np.concatenate([c, m[picked]]) for c, m in zip(columns, more, strict=True)
            )
    got = apply(name, *columns, lanes=lanes, target=target)
    pairs = np.array(
        [exact_pair(case, row) for row in zip(*[c.tolist() for c in columns], strict=True)]
    )
    scale = None if case.scale is None else case.scale(*columns)
    error = ulps(got, pairs[:, 0], pairs[:, 1], scale)
    k = int(np.argmax(error))
    return Worst(float(error[k]), tuple(float(c[k]) for c in columns), float(got[k]))


def worst_single(
    name: str,
    *columns: Any,
    count: int = 100_000,
    lanes: int | None = None,
    target: Target | None = None,
) -> Worst:
    """The largest error in float32 against float64, on the arguments given or on a mixed set."""
    case = CASES[name]
    if not columns:
        columns = points(case, FUNCTIONS[name].arity, np.float32, count)
    with np.errstate(all="ignore"):
        wide = case.numpy(*[c.astype(np.float64) for c in columns])
        near = wide.astype(np.float32)
        clipped = np.clip(near.astype(np.float64), -(2.0**128), 2.0**128)
        rest = (np.clip(wide, -(2.0**130), 2.0**130) - clipped) / spacing(near)
    got = apply(name, *columns, lanes=lanes, target=target)
    scale = None
    if case.scale is not None:
        scale = case.scale(*[c.astype(np.float64) for c in columns]).astype(np.float32)
    error = ulps(got, near, np.where(np.isfinite(rest), rest, 0), scale)
    error = np.where(np.isinf(near) & np.isinf(wide), np.where(got == near, 0, error), error)
    if case.ignore:
        error = np.where(case.ignore(*columns), 0, error)
    k = int(np.argmax(error))
    return Worst(float(error[k]), tuple(float(c[k]) for c in columns), float(got[k]))


def specials(dtype: Any) -> np.ndarray:
    """Infinities, NaN, zeros, subnormals, ones, halves, the largest numbers, all of both signs."""
    info = np.finfo(dtype)
    positive = [0, 1, 0.5, 2, 3, 1.5, 0.25, np.inf, np.nan, info.max, info.tiny, 5, 10, 1e10, 1e30]
    positive += [info.smallest_subnormal, info.tiny * 0.5, info.eps, 1 - info.eps, 1 + info.eps]
    positive += [2.0**52, 2.0**53, 2.0**53 + 2, 2.0**24, 2.0**24 + 1, 2.0**23 - 1, 2.0**62, 100.0]
    positive = np.array(positive, dtype)
    return np.concatenate([positive, -positive])


def special_values(
    name: str, dtype: Any, lanes: int | None = None, target: Target | None = None
) -> list[str]:
    """Where NaN, infinity, zero or their sign differ from NumPy's, or a value by some ulps."""
    case, entry = CASES[name], FUNCTIONS[name]
    values = specials(dtype)
    columns = tuple(c.ravel() for c in np.meshgrid(*[values] * entry.arity))
    with np.errstate(all="ignore"):
        expected = case.numpy(*columns)
        got = apply(name, *columns, lanes=lanes, target=target)
        same = (got == expected) & (np.signbit(got) == np.signbit(expected))
        same |= np.isnan(got) & np.isnan(expected)
        limit = 4 * spacing(expected)
        if case.scale is not None:
            limit = np.maximum(limit, 4 * np.spacing(np.abs(case.scale(*columns))))
        close = np.isfinite(got) & np.isfinite(expected)
        if case.scale is None:
            close &= (expected != 0) & (got != 0)
        same |= close & (np.abs(got - expected) <= limit)
    return [
        f"{name}({', '.join(repr(c[k].item()) for c in columns)}) = {got[k]}, not {expected[k]}"
        for k in np.flatnonzero(~same)
    ]


def lanes_agree(
    name: str,
    dtype: Any,
    widths: Sequence[int] = (1, 2, 4, 8, 16),
    target: Target | None = None,
    count: int = 2000,
) -> list[str]:
    """Where the bits of a result depend on how many lanes are computed at once."""
    case, arity = CASES[name], FUNCTIONS[name].arity
    columns = points(case, arity, dtype, count)
    values = specials(dtype)
    grid = [c.ravel() for c in np.meshgrid(*[values] * arity)]
    columns = tuple(np.concatenate([c, g]) for c, g in zip(columns, grid, strict=True))
    integer = np.dtype(f"u{np.dtype(dtype).itemsize}")
    found: list[str] = []
    first: Any = None
    for lanes in widths:
        got = apply(name, *columns, lanes=lanes, target=target)
        bits = np.where(np.isnan(got), 0, got.view(integer))
        first = bits if first is None else first
        for k in np.flatnonzero(bits != first)[:3]:
            at = ", ".join(repr(c[k].item()) for c in columns)
            found.append(f"{name}({at}) = {got[k]!r} in {lanes} lanes: other bits than in one")
    return found


def targets() -> dict[str, Target]:
    """This processor, and what it would be with fewer instructions."""
    here = host()
    found = {"host": here}
    if here.vector_bits == 512:
        found["without avx512"] = without(here, "avx512")
    return found


def failures(name: str, dtype: Any, count: int = 1500) -> list[str]:
    """All that a fast test asks of a function: errors, special values, lanes, lesser targets."""
    entry, found = FUNCTIONS[name], []
    double = np.dtype(dtype) == np.float64
    promised = entry.ulp if double else entry.ulp_single
    for label, target in targets().items():
        if double:
            worst = worst_double(name, count, target=target)
        else:
            worst = worst_single(name, count=20 * count, target=target)
        if not worst.ulp <= promised:
            found.append(f"{label}: {name}{worst.at} = {worst.got}: {worst.ulp:.3f} ulp")
        found += [f"{label}: {line}" for line in special_values(name, dtype, target=target)]
        found += [f"{label}: {line}" for line in lanes_agree(name, dtype, target=target)]
    return found
