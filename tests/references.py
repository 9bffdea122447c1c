"""Second formulations of the primitives, for the sweep: what each one should give, found in another
way.

Enters: a sample call's inputs and parameters.  Leaves: the value (`VALUES`), or, where the value is
not unique or its definition is an equation, assertions on it (`CHECKS`).  The idea: loops over
places in plain Python for what moves elements, exact integers for random bits, definitions in
higher precision for what is computed (Leibniz' determinant, the exponential's series, Fourier's
matrix), mpmath for special functions.  No code is shared with the primitives.  `PUBLIC` gives the
public function of NumPy or SciPy whose shape and dtype a primitive promises; by default it is the
one of the primitive's name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import mpmath as mp
import numpy as np
import reference_arrays as arrays
import reference_matrices as matrices
from reference_arrays import DIGITS, Place, along, one_by_one, ranges, rounding, same, spread, total
from reference_special import INVERTED, SPECIAL
from scipy import linalg, special

# ------------------------------------------------------------------------------------------ Fourier


def fourier(sign: int) -> Callable:
    """The matrix exp(sign 2 pi i j k / n) times each row."""

    def transform(x: Any, *, axis: int, norm: str) -> np.ndarray:
        n = x.shape[axis]
        power = {"ortho": 0.5, "backward": 1.0, "forward": 0.0}[norm]
        scale = float(n) ** -(power if sign > 0 or norm == "ortho" else 1.0 - power)
        out = np.empty(x.shape, complex)
        for key, row in along(x, axis):
            out[key] = [
                scale * total([np.complex128(y) * turn(sign * j * k, n) for k, y in enumerate(row)])
                for j in range(n)
            ]
        return out

    return transform


def turn(k: int, n: int) -> complex:
    """exp(2 pi i k / n)."""
    with mp.workdps(DIGITS):
        return complex(mp.expjpi(mp.mpf(2 * (k % n)) / n))


def half_spectrum(x: Any, *, axis: int, norm: str) -> np.ndarray:
    whole = fourier(-1)(x, axis=axis, norm=norm)
    return np.take(whole, range(x.shape[axis] // 2 + 1), axis)


def signal(y: Any, *, axis: int, extent: int, norm: str) -> np.ndarray:
    """The inverse transform of the spectrum completed to conjugate pairs."""
    shape = (*y.shape[:axis], extent, *y.shape[axis + 1 :])
    whole = np.empty(shape, complex)
    for key, row in along(y, axis):
        full = [row[k] if 2 * k <= extent else row[extent - k].conj() for k in range(extent)]
        full = [z.real if 2 * k in (0, extent) else z for k, z in enumerate(full)]
        whole[key] = full
    found = fourier(1)(whole, axis=axis, norm=norm)
    same(found.imag, np.zeros(shape), y, ulps=10)
    return found.real


# ------------------------------------------------------------------------------------------- random


def philox_block(counter: Sequence[int], key: Sequence[int]) -> list[int]:
    """Philox4x32-10 by its definition in Python's integers: a round's four
    words are two products' halves, exchanged and mixed with the other words and the key."""
    (r0, l0, r1, l1), (k0, k1) = counter, key
    for number in range(10):
        if number:
            k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
        high0, low0 = divmod(0xD2511F53 * r0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * r1, 2**32)
        r0, l0, r1, l1 = high1 ^ l0 ^ k0, low1, high0 ^ l1 ^ k1, low0
    return [r0, l0, r1, l1]


def key_block(key: Any, number: int) -> list[int]:
    a, b, c, d = [int(k) for k in key]
    return philox_block((number % 2**32, number // 2**32, c, d), (a, b))


def stream(key: Any, count: int, width: int) -> list[int]:
    """The first integers of a width of a key's stream."""
    blocks = range(-(-count * width // 128))
    words = [w for j in blocks for w in key_block(key, j)]
    step = width // 32
    joined = [
        sum(w << 32 * i for i, w in enumerate(words[k : k + step]))
        for k in range(0, len(words), step)
    ]
    return joined[:count]


def for_each_key(draw: Callable) -> Callable:
    """A draw of a list from one key, for an array of keys."""

    def from_each(key: Any, *, shape: Place, **parameters: Any) -> np.ndarray:
        count, lead = math.prod(shape), key.shape[:-1]
        found = [draw(key[k], count, **parameters) for k in np.ndindex(*lead)]
        values = np.empty(len(found) * count, object)
        values[:] = [x for row in found for x in row]
        return values.reshape((*lead, *shape))

    return from_each


def bits(key: Any, count: int, *, width: int) -> list[int]:
    return stream(key, count, width)


def uniform(key: Any, count: int, *, dtype: Any, inside: bool) -> list[float]:
    width, digits = (32, 24) if dtype == np.float32 else (64, 53)
    if not inside:
        return [float(Fraction(b >> width - digits, 2**digits)) for b in stream(key, count, width)]
    digits -= 1
    halves = [2 * (b >> width - digits) + 1 for b in stream(key, count, width)]
    return [float(Fraction(h, 2 ** (digits + 1))) for h in halves]


def whole_numbers(key: Any, count: int, *, low: int, span: int, dtype: Any) -> list[int]:
    """low + floor(span u), u of 128 bits."""
    words = stream(key, 2 * count, 64)
    return [
        low + (span * ((a << 64) + b) >> 128) for a, b in zip(words[::2], words[1::2], strict=True)
    ]


def child(key: Any, index: Any) -> np.ndarray:
    shape = np.broadcast_shapes(key.shape[:-1], index.shape)
    number = spread(index, shape)
    whole = spread(key, (*shape, 4))
    out = np.empty((*shape, 4), object)
    for k in np.ndindex(*shape):
        words = [whole((*k, i)) for i in range(4)]
        out[k] = key_block(words, int(number(k)) + 2**63)
    return out


# -------------------------------------------------------------------------------- special functions

# Those that are SciPy's functions, special values included.
SCIPYS = {*SPECIAL, *INVERTED} - {"gammainc_by_order", "polygamma"}


def exactly(function: Callable) -> Callable:
    """A function of mpmath's numbers as one of arrays."""

    def evaluated(*inputs: Any) -> Any:
        with mp.workdps(DIGITS):
            numbers = one_by_one(lambda *xs: function(*map(mp.mpmathify, xs)), *inputs)
            several = isinstance(numbers.flat[0], tuple)
            parts = zip(*numbers.flat, strict=True) if several else [numbers.flat]
            found = [np.array([complex(x) for x in part]).reshape(numbers.shape) for part in parts]
        found = [x if np.any(x.imag) else x.real for x in found]
        return tuple(found) if several else found[0]

    return evaluated


def check_inverse(function: Callable) -> Callable:
    """The function's values on both sides of the result enclose what was given."""

    def check(inputs: tuple, outputs: list) -> None:
        (found,), margin = outputs, 100 * rounding(outputs[0])

        def encloses(*values: Any) -> bool:
            *parameters, given, inverse = map(mp.mpf, values)
            ends = [function(*parameters, inverse * (1 + sign * margin)) for sign in (-1, 1)]
            return min(ends) <= given <= max(ends)

        with mp.workdps(DIGITS):
            assert np.all(one_by_one(encloses, *inputs, found))

    return check


# ------------------------------------------------------------------------------------------- tables

VALUES: dict[str, Callable] = {
    **{name: exactly(function) for name, function in SPECIAL.items()},
    # elementwise
    "clip": lambda *xs: one_by_one(arrays.clipped, *xs),
    "complex": lambda a, b: one_by_one(arrays.from_parts, a, b),
    "convert": lambda x, dtype: one_by_one(arrays.to_single, x),
    "frexp_exponent": lambda x: one_by_one(arrays.binary_exponent, x),
    "ldexp": lambda x, n: one_by_one(lambda a, k: float(Fraction(a) * Fraction(2) ** int(k)), x, n),
    "modf_fraction": lambda x: one_by_one(arrays.fraction_of, x),
    "round": arrays.rounded,
    "safe_sqrt": lambda x: one_by_one(arrays.root, x),
    "select": lambda mask, a, b: one_by_one(arrays.selected, mask, a, b),
    # layout
    "reshape": arrays.reshaped,
    "transpose": arrays.transposed,
    "broadcast_to": arrays.broadcast,
    "slice": arrays.sliced,
    "unslice": arrays.unsliced,
    "flip": arrays.flipped,
    "roll": arrays.rolled,
    "concatenate": arrays.concatenated,
    "stack": arrays.stacked,
    "at": arrays.at,
    "put_at": arrays.put_at,
    "set_slice": arrays.set_sliced,
    # index
    "gather": arrays.gathered,
    "scatter_add": arrays.scattered,
    "scatter_set": arrays.set_scattered,
    "argsort": arrays.sorted_places,
    "lexsort": arrays.sorted_by_keys,
    "searchsorted": arrays.searched,
    # reductions
    "sum": arrays.reduced(arrays.total),
    "prod": arrays.reduced(arrays.product),
    "max": arrays.reduced(arrays.greatest),
    "min": arrays.reduced(arrays.least),
    "any": arrays.reduced(lambda xs: any(x != 0 for x in xs)),
    "all": arrays.reduced(lambda xs: not any(x == 0 for x in xs)),
    "logsumexp": arrays.reduced(arrays.log_of_sum(mp.e)),
    "logaddexp_reduce": arrays.reduced(arrays.log_of_sum(mp.e)),
    "logaddexp2_reduce": arrays.reduced(arrays.log_of_sum(2)),
    "euclidean_norm": arrays.reduced(arrays.length),
    "argmax": arrays.place_of(arrays.greatest),
    "argmin": arrays.place_of(arrays.least),
    "cumsum": arrays.running(lambda a, b: a + b),
    "cumprod": arrays.running(lambda a, b: a * b),
    "cummax": arrays.running(arrays.larger),
    "cummin": arrays.running(arrays.smaller),
    # contractions
    "matmul": arrays.multiplied,
    "einsum": arrays.summed,
    "cross": arrays.crossed,
    "convolve": arrays.convolved,
    # linear algebra
    "det": matrices.for_each(matrices.leibniz),
    "adjugate": matrices.for_each(matrices.cofactors),
    "adjugate_tangent": matrices.for_each(matrices.cofactor_slopes),
    "slogdet": matrices.sign_and_logarithm,
    "expm": matrices.for_each(matrices.exponential),
    "expm_frechet": matrices.for_each(lambda a, e: matrices.exponential_slope(a, e)[1]),
    "matrix_rank": matrices.rank_by_minors,
    # Fourier
    "fft": fourier(-1),
    "ifft": fourier(1),
    "rfft": half_spectrum,
    "irfft": signal,
    # random
    "random_bits": for_each_key(bits),
    "random_uniform": for_each_key(uniform),
    "random_integers": for_each_key(whole_numbers),
    "random_child": child,
}

# The roundings that a result may be off by, where it is more than 50.
ULPS = {
    **dict.fromkeys(SPECIAL, 500),  # SciPy's own errors
    # SciPy's choice of the approximant takes the wrong norm (its issue 25864).
    **dict.fromkeys(("expm", "expm_frechet"), 10_000),
}

# check(inputs, outputs, **parameters)
CHECKS: dict[str, Callable] = {
    **{name: check_inverse(function) for name, function in INVERTED.items()},
    "argpartition": arrays.check_partition,
    "sort": arrays.check_sorted,
    "cholesky": matrices.check_cholesky,
    "qr": matrices.check_qr,
    "eigh": matrices.check_eigh,
    "eigvalsh": matrices.check_eigvalsh,
    "eig": matrices.check_eig,
    "svd": matrices.check_svd,
    "svdvals": matrices.check_svdvals,
    "inv": matrices.check_inv,
    "solve": matrices.check_solve,
    "triangular_solve": matrices.check_triangular_solve,
    "pinv": matrices.check_pinv,
    "least_squares": matrices.check_least_squares,
}


def triangle(lower: bool) -> str:
    return "L" if lower else "U"


def row_by_row(a: Any, v: Any, *, side: str) -> np.ndarray:
    return np.searchsorted(np.ravel(a), v, side)


def complex_eig(a: Any) -> tuple:
    """NumPy's `eig`, complex in any case."""
    return tuple(x.astype(np.result_type(x, np.complex64)) for x in np.linalg.eig(a))


def floats(*inputs: Any) -> np.ndarray:
    """An array of the shape and dtype of a product of elements, as a float."""
    found = reduce(np.multiply, inputs)
    return found if found.dtype.kind in "fc" else found.astype(float)


def drawn(dtype: Callable) -> Callable:
    return lambda key, *, shape, **options: np.empty((*key.shape[:-1], *shape), dtype(**options))


# What gives the shapes and dtypes, where it is not the function of the primitive's name.
PUBLIC: dict[str, Callable] = {
    "adjugate": floats,
    "adjugate_tangent": floats,
    "all": lambda x, axes: np.all(x, axes),
    "any": lambda x, axes: np.any(x, axes),
    "argpartition": lambda x, axis, kth: np.argpartition(x, kth, axis),
    "at": lambda x, axes, places: reduce(
        lambda y, k: np.take(y, places[k], axes[k]), reversed(range(len(axes))), x
    ),
    "broadcast_to": lambda x, shape: np.broadcast_to(x, shape),
    "complex": lambda a, b: np.multiply(a, np.complex64(1)) * np.multiply(b, np.complex64(1)),
    "concatenate": lambda *xs, axis: np.concatenate(xs, axis),
    "convert": lambda x, dtype: np.asarray(x).astype(dtype),
    "convolve": lambda a, b, mode: np.apply_along_axis(
        lambda row: np.convolve(row, b.reshape(-1, b.shape[-1])[0], mode),
        -1,
        np.broadcast_to(a, (*np.broadcast_shapes(a.shape[:-1], b.shape[:-1]), a.shape[-1])),
    ),
    "cummax": lambda x, axis: np.maximum.accumulate(x, axis),
    "cummin": lambda x, axis: np.minimum.accumulate(x, axis),
    "eig": complex_eig,
    "eigh": lambda a, lower: np.linalg.eigh(a, triangle(lower)),
    "eigvalsh": lambda a, lower: np.linalg.eigvalsh(a, triangle(lower)),
    "einsum": lambda *xs, subscripts: np.einsum(subscripts, *xs),
    "euclidean_norm": lambda x, axes: np.apply_over_axes(
        lambda y, axis: np.linalg.norm(y, axis=axis, keepdims=True), x, axes
    ).reshape([n for k, n in enumerate(x.shape) if k not in axes]),
    "expm": linalg.expm,
    "expm_frechet": floats,
    "fft": lambda x, axis, norm: np.fft.fft(x, None, axis, norm),
    "flip": lambda x, axes: np.flip(x, axes),
    "frexp_exponent": lambda x: np.frexp(x)[1],
    "gammainc_by_order": special.gammainc,
    "gather": lambda x, *indices: x[indices],
    "hurwitz_zeta": special.zeta,
    "ifft": lambda x, axis, norm: np.fft.ifft(x, None, axis, norm),
    "inv": lambda a, singular: np.linalg.inv(a),
    "irfft": lambda y, axis, extent, norm: np.fft.irfft(y, extent, axis, norm),
    "ldexp": lambda x, n: np.ldexp(x, np.multiply(n, 1, dtype=np.intc, casting="unsafe")),
    "least_squares": lambda a, b, rcond: np.linalg.pinv(a) @ b,
    "lexsort": lambda *keys, axis: np.lexsort(keys, axis),
    "logaddexp2_reduce": lambda x, axes: np.logaddexp2.reduce(x, axes),
    "logaddexp_reduce": lambda x, axes: np.logaddexp.reduce(x, axes),
    "logsumexp": lambda x, axes: special.logsumexp(x, axes),
    "matrix_rank": lambda a, tol, rtol, hermitian: np.linalg.matrix_rank(a),
    "max": lambda x, axes: np.max(x, axes),
    "min": lambda x, axes: np.min(x, axes),
    "modf_fraction": lambda x: np.modf(x)[0],
    "pinv": lambda a, rcond, hermitian: np.linalg.pinv(a),
    "polygamma": lambda n, x: special.psi(np.multiply(x, np.ones(np.shape(n), bool))),
    "prod": lambda x, axes: np.prod(x, axes),
    "put_at": lambda x, shape, axes, places: np.empty(shape, x.dtype),
    "qr": lambda a, complete: np.linalg.qr(a, "complete" if complete else "reduced"),
    "random_bits": drawn(lambda width: np.dtype(f"u{width // 8}")),
    "random_child": lambda key, index: np.multiply(key, np.ones(index.shape + (1,), np.uint32)),
    "random_integers": drawn(lambda low, span, dtype: dtype),
    "random_uniform": drawn(lambda inside, dtype: dtype),
    "reshape": lambda x, shape: np.reshape(x, shape),
    "rfft": lambda x, axis, norm: np.fft.rfft(x, None, axis, norm),
    "riemann_zeta": special.zeta,
    "roll": lambda x, shifts, axes: np.roll(x, shifts, axes),
    "safe_sqrt": np.sqrt,
    "scatter_add": lambda values, *indices, shape: np.empty(shape, values.dtype),
    "searchsorted": row_by_row,
    "select": np.where,
    "slice": lambda x, starts, stops, steps: x[np.ix_(*ranges(starts, stops, steps))],
    "special_cbrt": special.cbrt,
    "special_exp2": special.exp2,
    "special_expm1": special.expm1,
    "special_log1p": special.log1p,
    "special_round": special.round,
    "stack": lambda *xs, axis: np.stack(xs, axis),
    "sum": lambda x, axes: np.sum(x, axes),
    "svd": lambda a, full: np.linalg.svd(a, full),
    "svdvals": lambda a: np.linalg.svd(a, compute_uv=False),
    "transpose": lambda x, axes: np.transpose(x, axes),
    "triangular_solve": lambda a, b, lower, unit: np.linalg.solve(a, b),
    "scatter_set": lambda x, v, *indices: np.array(x),
    "set_slice": lambda x, v, **ranges: np.array(x),
    "unslice": lambda x, shape, **ranges: np.empty(shape, x.dtype),
}


def public(name: str) -> Callable | None:
    """The public function of NumPy or SciPy that a primitive follows in shape and dtype."""
    if name in PUBLIC:
        return PUBLIC[name]
    for module in (special,) if name in SCIPYS else (np, np.linalg):
        if hasattr(module, name):
            return getattr(module, name)
    return None
