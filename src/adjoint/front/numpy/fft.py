"""`np.fft`: every transform with all its options, for traced values as well as plain ones."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...graph import op
from ..operands import functions
from .register import completed, names, public

NORMS = {None: "backward", "backward": "backward", "ortho": "ortho", "forward": "forward"}
OTHER = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def transforms(function: Callable) -> Callable[[Callable], Callable]:
    """Register the implementation of one of `np.fft`'s functions; gives the public function."""

    def register(implementation: Callable) -> Callable:
        functions[function] = completed(function, implementation)
        found = names[f"fft.{function.__name__}"] = public(function, implementation)
        return found

    return register


def __getattr__(name: str) -> Any:
    return getattr(np.fft, name)


def chosen_norm(norm: Any) -> str:
    if norm not in NORMS:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    return NORMS[norm]


def chosen_axis(axis: Any, shape: tuple[int, ...]) -> int:
    axis = operator.index(axis)
    if not -len(shape) <= axis < len(shape):
        raise np.exceptions.AxisError(axis, len(shape))
    return axis % len(shape)


def fitted(a: Any, n: int, axis: int) -> Any:
    """Cropped or padded with zeros to n elements along an axis."""
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    return resized(a, n, axis)


def resized(a: Any, n: int, axis: int) -> Any:
    shape = type_of(a).shape
    extent = shape[axis]
    if n == extent:
        return a
    rank = len(shape)
    target = tuple(n if k == axis else m for k, m in enumerate(shape))
    if n < extent:
        return op.slice(a, starts=(0,) * rank, stops=target, steps=(1,) * rank)
    return op.unslice(a, shape=target, starts=(0,) * rank, stops=shape, steps=(1,) * rank)


def whole(n: Any, default: int) -> int:
    return default if n is None else operator.index(n)


def forward(primitive: Any, a: Any, n: Any, axis: Any, norm: Any) -> Any:
    """`fft`, `ifft` or `rfft` of n elements along an axis."""
    shape = type_of(a).shape
    place = chosen_axis(axis, shape)
    return primitive(fitted(a, whole(n, shape[place]), place), axis=place, norm=chosen_norm(norm))


def backward(a: Any, n: Any, axis: Any, norm: str) -> Any:
    """The real signal of n elements; only the first n//2 + 1 frequencies are read."""
    shape = type_of(a).shape
    place = chosen_axis(axis, shape)
    n = whole(n, 2 * (shape[place] - 1))
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    return op.irfft(resized(a, n // 2 + 1, place), axis=place, extent=n, norm=norm)


def refuse_complex(a: Any, name: str) -> None:
    if type_of(a).dtype.kind == "c":
        raise TypeError(f"np.fft.{name} takes a real array; {type_of(a)} came")


@transforms(np.fft.fft)
def fft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    return forward(op.fft, a, n, axis, norm)


@transforms(np.fft.ifft)
def ifft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    return forward(op.ifft, a, n, axis, norm)


@transforms(np.fft.rfft)
def rfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    refuse_complex(a, "rfft")
    return forward(op.rfft, a, n, axis, norm)


@transforms(np.fft.irfft)
def irfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    return backward(a, n, axis, chosen_norm(norm))


@transforms(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    return backward(op.conj(a), n, axis, OTHER[chosen_norm(norm)])


@transforms(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None) -> Any:
    refuse_complex(a, "ihfft")
    return op.conj(forward(op.rfft, a, n, axis, OTHER[chosen_norm(norm)]))


# ------------------------------------------------------------------------------ several axes


def sizes_and_axes(a: Any, s: Any, axes: Any, inverse_real: bool = False) -> tuple[list, list]:
    """`s` and `axes` as NumPy reads them: the last axes where only `s` is given, -1 for the whole
    axis."""
    shape = type_of(a).shape
    if axes is None:
        if s is not None:
            warnings.warn(
                "`axes` should not be `None` if `s` is not `None` (deprecated in NumPy 2.0): pass "
                "the axes that `s` belongs to",
                DeprecationWarning,
                stacklevel=4,
            )
        axes = list(range(-len(shape if s is None else list(s)), 0))
    places = [chosen_axis(axis, shape) for axis in axes]
    if s is None:
        sizes: list[Any] = [shape[k] for k in places]
        if inverse_real and sizes:
            sizes[-1] = 2 * (sizes[-1] - 1)
    else:
        sizes = [None if n is None else operator.index(n) for n in s]
        if None in sizes:
            warnings.warn(
                "Passing an array containing `None` values to `s` is deprecated in NumPy 2.0",
                DeprecationWarning,
                stacklevel=4,
            )
    if len(sizes) != len(places):
        raise ValueError("Shape and axes have different lengths.")
    return [shape[k] if n == -1 else n for n, k in zip(sizes, places, strict=True)], places


def over_axes(function: Callable, a: Any, sizes: Sequence, places: Sequence, norm: Any) -> Any:
    for n, axis in zip(reversed(sizes), reversed(places), strict=True):
        a = function(a, n, axis, norm)
    return a


def fftn_of(primitive: Any, a: Any, s: Any, axes: Any, norm: Any) -> Any:
    sizes, places = sizes_and_axes(a, s, axes)
    return over_axes(lambda *args: forward(primitive, *args), a, sizes, places, norm)


@transforms(np.fft.fftn)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    return fftn_of(op.fft, a, s, axes, norm)


@transforms(np.fft.ifftn)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    return fftn_of(op.ifft, a, s, axes, norm)


@transforms(np.fft.fft2)
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return fftn_of(op.fft, a, s, axes, norm)


@transforms(np.fft.ifft2)
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return fftn_of(op.ifft, a, s, axes, norm)


def rfftn_of(a: Any, s: Any, axes: Any, norm: Any, name: str) -> Any:
    refuse_complex(a, name)
    sizes, places = sizes_and_axes(a, s, axes)
    a = forward(op.rfft, a, sizes[-1], places[-1], norm)
    return over_axes(lambda *args: forward(op.fft, *args), a, sizes[:-1], places[:-1], norm)


def irfftn_of(a: Any, s: Any, axes: Any, norm: Any) -> Any:
    sizes, places = sizes_and_axes(a, s, axes, inverse_real=True)
    for n, axis in zip(sizes[:-1], places[:-1], strict=True):
        a = forward(op.ifft, a, n, axis, norm)
    return backward(a, sizes[-1], places[-1], chosen_norm(norm))


@transforms(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    return rfftn_of(a, s, axes, norm, "rfftn")


@transforms(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    return irfftn_of(a, s, axes, norm)


@transforms(np.fft.rfft2)
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return rfftn_of(a, s, axes, norm, "rfft2")


@transforms(np.fft.irfft2)
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return irfftn_of(a, s, axes, norm)


# --------------------------------------------------------------------------------- shifts


def moved(x: Any, axes: Any, amount: Callable[[int], int]) -> Any:
    """Rolled along axes by an amount that depends on the extent."""
    shape = type_of(x).shape
    if axes is None:
        axes = range(len(shape))
    elif not isinstance(axes, (tuple, list)):
        axes = (axes,)
    places = tuple(chosen_axis(axis, shape) for axis in axes)
    return op.roll(x, shifts=tuple(amount(shape[k]) for k in places), axes=places)


@transforms(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    return moved(x, axes, lambda n: n // 2)


@transforms(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    return moved(x, axes, lambda n: -(n // 2))
