"""The registry-wide sweep of native code: every primitive on every sample call that its record
declares, under `jit` against the uncompiled value.

Elementwise operations that NumPy rounds correctly, layouts, indices and integers: the same bits.
Mathematical functions: a few ulps (their own tests measure them).  Sums and products: the error
rule of `native_checks`.  All with many rows by `vmap`, so that vectors are swept too, and
derivatives in both modes.
"""

import warnings

import numpy as np
import pytest
from native_checks import eps_of, largest, same_bits, same_specials, same_type, within
from test_sweep import (
    SHARE,
    SWEPT,
    batches,
    call,
    called,
    cases,
    differentiable,
    draw,
    inexact_function,
    listed,
    some,
    titled,
)

import adjoint as ad
from adjoint.base.dtypes import type_of
from adjoint.codegen.mathlib.registry import FUNCTIONS
from adjoint.codegen.operations import OPERATIONS
from adjoint.graph import op

ROWS = 19  # more than the lanes of a vector, and no multiple of them
SUMMED = ("reduction", "contraction")
EXACT_KINDS = ("layout", "index", "random")
MATHEMATICAL_ULPS = 12  # ours and NumPy's error together
ABSOLUTE = ("sinc", "psi", "gammaln", "loggamma")  # the error near the zeros is absolute


@pytest.fixture(autouse=True)
def quiet():
    """Special values warn in NumPy, as they should."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def is_exact(name, values):
    """Whether native code has NumPy's bits."""
    primitive = op.registry[name]
    if primitive.kind in EXACT_KINDS:
        return True
    if any(type_of(x).dtype.kind == "c" for x in values):
        return False
    code = getattr(primitive.code, "name", "")
    return primitive.kind == "elementwise" and code in OPERATIONS and code not in FUNCTIONS


def without_signs(x):
    """Where NumPy does not say in which order -0.0 and 0.0 stand."""
    return x + np.zeros((), x.dtype)


def compare(name, found, expected, inputs, precise, title):
    """One output of a primitive against NumPy's."""
    same_type(found, expected, title)
    if name == "sort" and type_of(expected).dtype.kind in "fc":
        found, expected = without_signs(found), without_signs(expected)
    if type_of(expected).dtype.kind not in "fc" or is_exact(name, (expected, *inputs)):
        same_bits(found, expected, title)
    elif op.registry[name].kind == "elementwise":
        near(found, expected, title, name in ABSOLUTE)
    else:
        scale = largest([expected, *inputs])
        within(found, expected, precise, scale, eps_of(expected), title, 8)


def near(found, expected, title, is_absolute):
    """Some ulps of each element (of a complex one's absolute value)."""
    found, expected = np.asarray(found), np.asarray(expected)
    same_specials(found, expected, title)
    number = np.isfinite(expected)
    size = np.abs(expected[number])
    if is_absolute:
        size = np.maximum(size, 1)
    limits = np.finfo(expected.dtype)
    allowed = MATHEMATICAL_ULPS * (limits.eps * size + limits.smallest_subnormal)
    error = np.abs(found[number] - expected[number])
    assert np.all(error <= allowed), f"{title}: {np.max(error / allowed) * MATHEMATICAL_ULPS} ulps"


def longer(x):
    """A value in extended precision."""
    kind = type_of(x).dtype.kind
    if not isinstance(x, (np.ndarray, np.generic)) or kind not in "fc":
        return x
    return x.astype(np.clongdouble if kind == "c" else np.longdouble)


def precisely(name, case, inputs, place):
    """An output in extended precision, where the primitive has a sum in it."""
    if op.registry[name].kind not in SUMMED or name in ("fft", "convolve"):
        return None
    return lambda: listed(call(name, case, [longer(x) for x in inputs]))[place]


@SHARE
@pytest.mark.parametrize("name", SWEPT)
def test_value(name, share):
    """Value, dtype, shape and type; NaN, infinities and signed zeros."""
    for case in some(cases(name), share):
        title = titled(name, case)
        expected = listed(call(name, case, case.inputs))
        found = listed(ad.jit(called(name, case))(*case.inputs))
        for k, (y, e) in enumerate(zip(found, expected, strict=True)):
            compare(name, y, e, case.inputs, precisely(name, case, case.inputs, k), title)


@SHARE
@pytest.mark.parametrize("name", SWEPT)
def test_many_rows(name, share):
    """All inputs with one more axis, long enough for vectors."""
    for number in some(range(len(cases(name))), share):
        case, rows = batches(name, number)
        if not case.inputs:
            continue
        title = titled(name, case)
        wide = [
            np.stack([rows[k % len(rows)][i] for k in range(ROWS)]) for i in range(len(rows[0]))
        ]
        function = ad.vmap(called(name, case))
        expected, found = listed(function(*wide)), listed(ad.jit(function)(*wide))
        for y, e in zip(found, expected, strict=True):
            compare(name, y, e, wide, None, title)


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEPT)
def test_derivatives(name):
    """Both modes, compiled and not."""
    rng = np.random.default_rng(5)
    for case in differentiable(name):
        title = titled(name, case)
        function, leaves = inexact_function(name, case)
        tangents = [draw(rng, x) for x in leaves]
        outputs, pullback = ad.vjp(function, *leaves)
        cotangents = [draw(rng, y) for y in outputs]
        pulled = pullback(cotangents)
        pushed = ad.jvp(function, leaves, tangents)[1]

        def forward(xs, ts, function=function):
            return ad.jvp(function, xs, ts)[1]

        def backward(xs, cs, function=function):
            return ad.vjp(function, *xs)[1](cs)

        for found, expected in (
            (ad.jit(forward)(leaves, tangents), pushed),
            (ad.jit(backward)(leaves, cotangents), list(pulled)),
        ):
            for y, e in zip(found, expected, strict=True):
                same_type(y, e, title)
                scale = max(largest([e, *leaves, *outputs]), 1e-3)
                within(y, e, None, scale, eps_of(e, *leaves, *outputs), title, 200)
