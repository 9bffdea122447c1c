"""Discrete Fourier transforms along one axis: `fft`, `ifft`, `rfft`, `irfft`.

The facade pads and crops, and builds the transforms along several axes.  The matrices of `fft` and
`ifft` are symmetric, so each is its own transpose (bilinear: without a conjugate).  `rfft` keeps
the half of the spectrum that a real signal has; `rfft` and `irfft` are each other's transposes up
to a weight of 2 for the frequencies that stand for two.  `norm` is where the factor 1/n goes, as
NumPy's.

Source: Van Loan, *Computational Frameworks for the Fast Fourier Transform* (1992).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..base.dtypes import Type, real_dtype, type_of
from ..graph import op
from ..graph.primitive import Case
from .declare import external, linear

OTHER = {"backward": "forward", "forward": "backward", "ortho": "ortho"}
NORMS = tuple(OTHER)


def complex_of(dtype: np.dtype) -> np.dtype:
    """The dtype of a spectrum."""
    return np.result_type(dtype, 1j)


def spectrum_type(x: Any, *, axis: int, norm: str) -> Type:
    t = type_of(x)
    return Type(t.shape, complex_of(t.dtype))


def along(shape: tuple[int, ...], axis: int, extent: int) -> tuple[int, ...]:
    return (*shape[:axis], extent, *shape[axis + 1 :])


def half_type(x: Any, *, axis: int, norm: str) -> Type:
    t = type_of(x)
    return Type(along(t.shape, axis, t.shape[axis] // 2 + 1), complex_of(t.dtype))


def signal_type(y: Any, *, axis: int, extent: int, norm: str) -> Type:
    t = type_of(y)
    return Type(along(t.shape, axis, extent), real_dtype(complex_of(t.dtype)))


def shifted(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    """The axis moves up behind the batch."""
    return op.apply(primitive, inputs, parameters | {"axis": parameters["axis"] + 1})


def frequency_weights(
    rank: int, axis: int, extent: int, dtype: np.dtype, pair: float
) -> np.ndarray:
    """1 for the frequencies 0 and (if there is one) extent/2, `pair` for those that stand for
    two."""
    weights = np.full(extent // 2 + 1, pair, real_dtype(dtype))
    weights[0] = 1.0
    if extent % 2 == 0:
        weights[-1] = 1.0
    return weights.reshape(along((1,) * rank, axis, extent // 2 + 1))


def rfft_back(ct: Any, x_type: Any, *, axis: int, norm: str) -> Any:
    """The real part of the transposed matrix times the cotangent, as one transform to real
    numbers."""
    extent, t = x_type.shape[axis], type_of(ct)
    weights = frequency_weights(t.ndim, axis, extent, t.dtype, 0.5)
    return op.irfft(op.conj(ct) * weights, axis=axis, extent=extent, norm=OTHER[norm])


def irfft_back(ct: Any, y_type: Any, *, axis: int, extent: int, norm: str) -> Any:
    """The cotangent d/dRe - i d/dIm of the half spectrum."""
    weights = frequency_weights(y_type.ndim, axis, extent, type_of(ct).dtype, 2.0)
    return op.conj(op.rfft(ct, axis=axis, norm=OTHER[norm])) * weights


def cases_of(inputs: str, **parameters: Any) -> Callable[[np.random.Generator], list[Case]]:
    """Samples with even and odd extents, every norm, both precisions."""

    def cases(rng: np.random.Generator) -> list[Case]:
        found = []
        for shape, axis, norm in (
            ((4, 3), 0, "backward"),
            ((4, 3), 1, "ortho"),
            ((2, 5, 2), 1, "forward"),
            ((1, 2), 0, "ortho"),
        ):
            x = rng.uniform(-2, 2, shape)
            z = x + 1j * rng.uniform(-2, 2, shape)
            chosen = {"axis": axis, "norm": norm}
            if parameters:
                extents = [2 * (shape[axis] - 1), 2 * shape[axis] - 1]
            else:
                extents = [0]
            for extent in extents:
                if parameters:
                    if not extent:
                        continue
                    chosen = chosen | {"extent": extent}
                if "r" in inputs:
                    found.append(Case((x,), chosen, True, f"real {shape} {norm}"))
                    found.append(Case((x.astype(np.float32),), chosen, True, "float32"))
                if "c" in inputs:
                    found.append(Case((z,), chosen, True, f"complex {shape} {norm}"))
                    found.append(Case((z.astype(np.complex64),), chosen, True, "complex64"))
        return found

    return cases


fft = external(
    "fft",
    evaluate=lambda x, *, axis, norm: np.fft.fft(x, axis=axis, norm=norm),
    infer=spectrum_type,
    derivative=linear(lambda ct, x_type, *, axis, norm: op.fft(ct, axis=axis, norm=norm)),
    batch=shifted,
    cases=cases_of("rc"),
    doc="The discrete Fourier transform along an axis.",
)
ifft = external(
    "ifft",
    evaluate=lambda x, *, axis, norm: np.fft.ifft(x, axis=axis, norm=norm),
    infer=spectrum_type,
    derivative=linear(lambda ct, x_type, *, axis, norm: op.ifft(ct, axis=axis, norm=norm)),
    batch=shifted,
    cases=cases_of("rc"),
    doc="The inverse discrete Fourier transform along an axis.",
)
rfft = external(
    "rfft",
    evaluate=lambda x, *, axis, norm: np.fft.rfft(x, axis=axis, norm=norm),
    infer=half_type,
    derivative=linear(rfft_back),
    batch=shifted,
    cases=cases_of("r"),
    doc="The half spectrum of a real signal along an axis.",
)
irfft = external(
    "irfft",
    evaluate=lambda y, *, axis, extent, norm: np.fft.irfft(y, n=extent, axis=axis, norm=norm),
    infer=signal_type,
    derivative=linear(irfft_back),
    batch=shifted,
    cases=cases_of("c", extent=True),
    doc="The real signal of `extent` elements that has a half spectrum.",
)
