"""The functions that give elements other places, against NumPy and against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from array_checks import check_linear, nodes, same, sample

import adjoint as ad

A = sample(2, 3, 4)
M = sample(3, 4)
V = sample(5)
S = sample()

windows = np.lib.stride_tricks.sliding_window_view

ONE: dict[str, tuple[Callable, list[np.ndarray]]] = {
    "reshape": (lambda x: np.reshape(x, (6, -1)), [A, sample(2, 3, 4, dtype=np.float32)]),
    "reshape F": (lambda x: np.reshape(x, (-1, 6), order="F"), [A, A + 1j * A]),
    "reshape A": (lambda x: np.reshape(x, (4, 6), order="C").T.reshape(8, 3, order="F"), [A]),
    "reshape method": (lambda x: x.reshape(4, 6), [A]),
    "reshape to scalar": (lambda x: np.reshape(x, ()), [sample(1, 1)]),
    "reshape copy": (lambda x: np.reshape(x, 24, copy=True), [A]),
    "ravel": (np.ravel, [A, V, S]),
    "ravel F": (lambda x: np.ravel(x, order="F"), [A]),
    "flatten": (lambda x: x.flatten("F"), [M]),
    "transpose": (np.transpose, [A, V, S]),
    "transpose axes": (lambda x: np.transpose(x, (1, -1, 0)), [A]),
    "permute_dims": (lambda x: np.permute_dims(x, (1, 2, 0)), [A]),
    "T, mT": (lambda x: x.T + x.mT.swapaxes(0, 2).mT.T.swapaxes(1, 2).T * 0, [sample(3, 3, 3)]),
    "matrix_transpose": (np.matrix_transpose, [A]),
    "linalg.matrix_transpose": (np.linalg.matrix_transpose, [A]),
    "swapaxes": (lambda x: np.swapaxes(x, -1, 0), [A]),
    "moveaxis": (lambda x: np.moveaxis(x, [0, 1], [-1, 0]), [A]),
    "moveaxis one": (lambda x: np.moveaxis(x, 0, -1), [A, M]),
    "rollaxis": (lambda x: np.rollaxis(x, 2), [A]),
    "rollaxis start": (lambda x: np.rollaxis(x, 0, 3), [A]),
    "expand_dims": (lambda x: np.expand_dims(x, (0, -1)), [A, S]),
    "squeeze": (lambda x: np.squeeze(x), [sample(1, 3, 1), A]),
    "squeeze axis": (lambda x: np.squeeze(x, axis=(-1,)), [sample(1, 3, 1)]),
    "atleast_1d": (np.atleast_1d, [S, V, M]),
    "atleast_2d": (np.atleast_2d, [S, V, M]),
    "atleast_3d": (np.atleast_3d, [S, V, M, A]),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 3, 5)), [V, S, sample(3, 1)]),
    "concatenate": (lambda x: np.concatenate([x, 2 * x, np.ones((2, 1, 4))], axis=1), [A]),
    "concatenate None": (lambda x: np.concatenate((x, [[1.0, 2.0]], x), axis=None), [A]),
    "concatenate an array": (lambda x: np.concatenate(x), [A]),
    "concatenate dtype": (lambda x: np.concatenate([x, x], dtype=np.float32), [M]),
    "concat": (lambda x: np.concat([x, np.arange(5)]), [V, sample(5, dtype=np.float32)]),
    "stack": (lambda x: np.stack([x, x * 2, np.ones((3, 4))], axis=-1), [M]),
    "stack scalars": (lambda x: np.stack([x, 2 * x, 1.0]), [S]),
    "hstack": (lambda x: np.hstack([x, x]), [S, V, M, A]),
    "vstack": (lambda x: np.vstack([x, x]), [S, V, M, A]),
    "dstack": (lambda x: np.dstack([x, x]), [S, V, M, A]),
    "column_stack": (lambda x: np.column_stack([x, 3 * x]), [V, M]),
    "column_stack mixed": (lambda x: np.column_stack([x, np.ones((5, 2))]), [V]),
    "block": (lambda x: np.block([[x, np.ones((3, 1))], [np.zeros((2, 4)), np.ones((2, 1))]]), [M]),
    "block vectors": (lambda x: np.block([x, 1.0, 2 * x]), [V]),
    "unstack": (lambda x: np.unstack(x, axis=1), [A]),
    "split": (lambda x: np.split(x, 2, axis=2), [A]),
    "split at": (lambda x: np.split(x, [1, 1, -1]), [V]),
    "split past the end": (lambda x: np.split(x, [2, 9]), [V]),
    "array_split": (lambda x: np.array_split(x, 3), [V, M]),
    "hsplit": (lambda x: np.hsplit(x, 2), [M]),
    "hsplit 1d": (lambda x: np.hsplit(x, [2]), [V]),
    "vsplit": (lambda x: np.vsplit(x, 3), [M]),
    "dsplit": (lambda x: np.dsplit(x, 2), [A]),
    "flip": (np.flip, [A, S]),
    "flip axes": (lambda x: np.flip(x, (0, -1)), [A]),
    "fliplr": (np.fliplr, [M]),
    "flipud": (np.flipud, [V, M]),
    **{f"rot90 {k}": (lambda x, k=k: np.rot90(x, k), [M]) for k in range(-1, 4)},
    **{f"rot90 {k} axes": (lambda x, k=k: np.rot90(x, k, (2, 0)), [A]) for k in range(4)},
    "roll": (lambda x: np.roll(x, 2), [A, V]),
    "roll axis": (lambda x: np.roll(x, -7, axis=1), [A]),
    "roll tuples": (lambda x: np.roll(x, (1, 2, 1), (0, 2, 0)), [A]),
    "roll one shift": (lambda x: np.roll(x, 1, (0, 2)), [A]),
    "tile": (lambda x: np.tile(x, 3), [S, V, M]),
    "tile reps": (lambda x: np.tile(x, (2, 1, 3)), [V, M, A, sample(1, 4)]),
    "tile short": (lambda x: np.tile(x, (2,)), [A]),
    "tile once": (lambda x: np.tile(x, (1, 1)), [V]),
    "tile zero": (lambda x: np.tile(x, (0, 2)), [M]),
    "repeat": (lambda x: np.repeat(x, 3), [S, M]),
    "repeat axis": (lambda x: np.repeat(x, 2, axis=1), [A]),
    "repeat each": (lambda x: np.repeat(x, [1, 0, 2], axis=1), [A]),
    "repeat method": (lambda x: x.repeat(2, axis=0), [A]),
    "tril": (lambda x: np.tril(x, 1), [M, A]),
    "triu": (lambda x: np.triu(x, -1), [M, A, sample(3, 3, dtype=np.complex64)]),
    "tril of a vector": (np.tril, [V]),
    "sliding_window_view": (lambda x: windows(x, 2), [V]),
    "sliding_window_view of axes": (lambda x: windows(x, (2, 3), (0, -1)), [M, A]),
    "diag": (lambda x: np.diag(x, 1), [V, M]),
    "diag below": (lambda x: np.diag(x, -2), [V, M]),
    "diag far": (lambda x: np.diag(x, 9), [M]),
    "diagflat": (lambda x: np.diagflat(x, -1), [M, S]),
    "diagonal": (lambda x: np.diagonal(x, 1, 2, 0), [A]),
    "diagonal below": (lambda x: np.diagonal(x, -1), [M, A]),
    "linalg.diagonal": (lambda x: np.linalg.diagonal(x, offset=1), [A]),
    "append": (lambda x: np.append(x, [1.0, 2.0]), [V, M]),
    "append axis": (lambda x: np.append(x, x, axis=1), [M]),
    "insert": (lambda x: np.insert(x, 1, 9.0), [V, M]),
    "insert axis": (lambda x: np.insert(x, -1, [1.0, 2.0, 3.0], axis=1), [M]),
    "insert rows": (lambda x: np.insert(x, [1], np.ones((2, 4)), axis=0), [M]),
    "insert many": (lambda x: np.insert(x, [0, 3, 3], [7.0, 8.0, 9.0]), [V]),
    "insert slice": (lambda x: np.insert(x, slice(0, 4, 2), x[0], axis=0), [M]),
    "insert traced": (lambda x: np.insert(x, 2, x[:, 0] * 2, axis=1), [M]),
    "delete": (lambda x: np.delete(x, 1), [V, M]),
    "delete axis": (lambda x: np.delete(x, [0, -1], axis=1), [M, A]),
    "delete slice": (lambda x: np.delete(x, slice(None, None, 2)), [V]),
    "resize": (lambda x: np.resize(x, (2, 7)), [V, A]),
    "take": (lambda x: np.take(x, 3), [A]),
    "take axis": (lambda x: np.take(x, [[1, 0], [0, -1]], axis=1), [A]),
    "take one": (lambda x: np.take(x, -1, axis=2), [A]),
    "take clip": (lambda x: np.take(x, [-9, 2, 9], axis=1, mode="clip"), [A]),
    "take wrap": (lambda x: np.take(x, [-9, 2, 9], axis=0, mode="wrap"), [A]),
    "take method": (lambda x: x.take([1, 1], axis=0), [A]),
    "take nothing": (lambda x: np.take(x, [], axis=0), [A]),
    "take_along_axis": (lambda x: np.take_along_axis(x, np.array([[0], [-1], [2]]), 1), [M]),
    "take_along_axis None": (lambda x: np.take_along_axis(x, np.array([3, 0]), None), [M]),
    "take_along_axis wide": (lambda x: np.take_along_axis(x, np.array([[0, 3]]), -1), [M]),
    "copy": (np.copy, [A, S]),
}  # fmt: skip

PADS: list[dict[str, Any]] = [
    {"mode": "constant"},
    {"mode": "constant", "constant_values": 2.5},
    {"mode": "constant", "constant_values": ((1, 2), (3, 4))},
    {"mode": "edge"},
    {"mode": "linear_ramp"},
    {"mode": "linear_ramp", "end_values": ((1.5, -2), (3, 4))},
    {"mode": "maximum"},
    {"mode": "maximum", "stat_length": 2},
    {"mode": "mean"},
    {"mode": "mean", "stat_length": ((1, 2), (3, 9))},
    {"mode": "median"},
    {"mode": "minimum", "stat_length": (2, 1)},
    {"mode": "reflect"},
    {"mode": "reflect", "reflect_type": "odd"},
    {"mode": "symmetric"},
    {"mode": "symmetric", "reflect_type": "odd"},
    {"mode": "wrap"},
]


@pytest.mark.parametrize("name", ONE)
def test_one_argument(name: str) -> None:
    f, samples = ONE[name]
    for x in samples:
        check_linear(f, x)


@pytest.mark.parametrize("options", PADS, ids=lambda o: "-".join(map(str, o.values())))
@pytest.mark.parametrize(
    "width", [1, ((0, 2), (3, 0)), ((7, 9), (2, 11)), {0: 2, -1: (0, 1)}, 0], ids=str
)
def test_pad(options: dict[str, Any], width: Any) -> None:
    smooth = options["mode"] not in ("maximum", "minimum", "median")
    f = lambda x: np.pad(x, width, **options)
    if smooth:
        check_linear(f, M, exact=options["mode"] not in ("mean", "linear_ramp"))
    else:
        value, pull = ad.vjp(f, M)
        same(value, f(M))
        weights, t = sample(*value.shape), sample(3, 4)
        step = 1e-6  # central differences: an error of 1e-10 or so away from ties
        slope = (f(M + step * t) - f(M - step * t)) / (2 * step)
        np.testing.assert_allclose(np.sum(pull(weights) * t), np.sum(weights * slope), rtol=1e-7)


def test_pad_of_one_row_and_of_traced_constants() -> None:
    for mode in ("reflect", "symmetric", "wrap", "edge", "linear_ramp"):
        for kind in ("even", "odd"):
            options = {"reflect_type": kind} if mode in ("reflect", "symmetric") else {}
            check_linear(
                lambda x, mode=mode, options=options: np.pad(x, 3, mode=mode, **options),
                sample(1, 4),
            )
    anp = ad.numpy
    check_linear(lambda c: anp.pad(np.ones(3), 2, constant_values=c), S)
    check_linear(lambda x, c: anp.pad(x, 1, constant_values=[c, 2 * c]), V, S)
    check_linear(
        lambda x, c: anp.pad(x, (2, 1), mode="linear_ramp", end_values=(c, 1.0)), V, S, exact=False
    )


def test_pad_refuses() -> None:
    g = lambda **options: ad.grad(lambda x: np.pad(x, 1, **options).sum())(V)
    for mode in ("empty", lambda *a: None):
        with pytest.raises(ad.TracingError, match=r"np\.pad got"):
            g(mode=mode)
    with pytest.raises(ValueError, match="mode 'no' is not supported"):
        g(mode="no")
    with pytest.raises(ValueError, match="unsupported keyword arguments for mode 'wrap'"):
        g(mode="wrap", stat_length=2)
    with pytest.raises(ValueError, match="stat_length of 0"):
        g(mode="maximum", stat_length=0)
    with pytest.raises(ValueError, match="can't extend empty axis 0"):
        ad.vjp(lambda x: np.pad(x, 1, mode="edge"), np.zeros(0))


def test_several_arguments() -> None:
    check_linear(lambda x, y: np.broadcast_arrays(x, y, 1.0), sample(3, 1), sample(4))
    check_linear(lambda x, y: np.concatenate([x, y]), V, sample(2, dtype=np.float32))
    check_linear(lambda x, y: np.stack([x, y], axis=1), V, sample(5, dtype=np.complex64))
    check_linear(lambda x, y: np.atleast_2d(x, y), S, V)
    check_linear(lambda x, y: np.insert(x, [1, 2], y), V, sample(2))
    check_linear(lambda x, y: np.append(x, y), V, M)


def test_trim_zeros() -> None:
    x = np.array([0.0, 0, 1, 0, 2, 0])
    for trim in ("fb", "f", "b", "B"):
        f = lambda x, trim=trim: np.trim_zeros(x, trim)
        value, pull = ad.vjp(f, x)
        same(value, f(x))
        kept = slice(2 if "f" in trim.lower() else 0, 5 if "b" in trim.lower() else 6)
        expected = np.zeros(6)
        expected[kept] = 1.0
        same(pull(np.ones_like(value)), expected)
    box = np.zeros((4, 5))
    box[1, 2] = box[2, 4] = 3.0
    for f in (np.trim_zeros, lambda b: np.trim_zeros(b, axis=-1), lambda b: np.trim_zeros(b * 0)):
        same(ad.vjp(f, box)[0], f(box))


def test_memory_order() -> None:
    for x in (M, np.asfortranarray(M)):
        for order in "AK":
            f = lambda x, order=order: np.ravel(x, order=order)
            same(ad.vjp(f, x)[0], f(x))
        same(
            ad.vjp(lambda x: np.reshape(x, (2, 6), order="A"), x)[0],
            np.reshape(x, (2, 6), order="A"),
        )
    with pytest.raises(ad.TracingError, match="how a traced array lies in memory"):
        ad.vjp(lambda x: np.ravel(x[:, ::2], order="K"), M)


ERRORS: list[Callable] = [
    lambda x: np.reshape(x, (5, 5)),
    lambda x: np.reshape(x, (-1, -1)),
    lambda x: np.reshape(x, (-1, 5)),
    lambda x: np.reshape(x, (-2, -12)),
    lambda x: np.transpose(x, (0, 1)),
    lambda x: np.transpose(x, (0, 1, 1)),
    lambda x: np.transpose(x, (0, 1, 3)),
    lambda x: np.swapaxes(x, 0, 3),
    lambda x: np.moveaxis(x, [0, 0], [1, 2]),
    lambda x: np.moveaxis(x, [0, 1], [1]),
    lambda x: np.rollaxis(x, 0, 5),
    lambda x: np.expand_dims(x, (0, 0)),
    lambda x: np.squeeze(x, 0),
    lambda x: np.broadcast_to(x, (3, 3)),
    lambda x: np.concatenate([x, x[0]]),
    lambda x: np.concatenate([x, x], axis=3),
    lambda x: np.concatenate([x, x], dtype=int),
    lambda x: np.concatenate([x, x[:, :2]]),
    lambda x: np.stack([x, x[0]]),
    lambda x: np.stack([x, x], axis=5),
    lambda x: np.block([[x], x]),
    lambda x: np.split(x, 3, axis=2),
    lambda x: np.array_split(x, 0),
    lambda x: np.rot90(x, axes=(0, 0)),
    lambda x: np.rot90(x, axes=(0, 5)),
    lambda x: np.repeat(x, -1),
    lambda x: np.repeat(x, [1, 2], axis=1),
    lambda x: np.tile(x, -1),
    lambda x: np.take(x, 99),
    lambda x: np.take(x, np.array([0.5])),
    lambda x: np.take(x, 0, mode="no"),
    lambda x: np.diag(x),
    lambda x: np.diagonal(x, 0, 1, 1),
    lambda x: np.delete(x, 99),
    lambda x: np.insert(x, 99, 1.0),
    lambda x: np.trim_zeros(x, "x"),
    lambda x: np.unstack(x, axis=4),
    lambda x: np.roll(x, 1, axis=7),
    lambda x: np.take_along_axis(x, np.zeros((1, 1), int), 0),
    lambda x: np.take_along_axis(x, np.zeros((1, 1, 1)), 0),
]  # fmt: skip


@pytest.mark.parametrize("k", range(len(ERRORS)))
def test_errors_are_of_numpys_kind(k: int) -> None:
    with pytest.raises(Exception) as expected:
        ERRORS[k](A)
    kinds = (ValueError, IndexError, TypeError)
    kind = next(e for e in kinds if isinstance(expected.value, e))
    with pytest.raises(kind):
        ad.vjp(ERRORS[k], A)


WRITES: dict[str, Callable] = {
    "fill_diagonal": lambda f, x, v: f(x, v),
    "put_along_axis": lambda f, x, v: f(x, np.array([[0, 2, 1, 1]]), v, 0),
    "put": lambda f, x, v: f(x, [0, 7], v),
    "place": lambda f, x, v: f(x, np.eye(3, 4) > 0, v),
    "putmask": lambda f, x, v: f(x, np.eye(3, 4) > 0, v),
    "copyto": lambda f, x, v: f(x, v, where=np.eye(3, 4) > 0),
}


@pytest.mark.parametrize("name", WRITES)
def test_functions_that_write_in_place(name: str) -> None:
    for namespace in (np, ad.numpy):
        f = getattr(namespace, name)

        def written(x: Any, f: Any = f) -> Any:
            y = x * 2.0
            WRITES[name](f, y, x[1, 2] ** 2)
            return np.sum(y * np.arange(12.0).reshape(3, 4))

        h = 1e-6
        d = np.random.default_rng(0).normal(size=M.shape)
        plain = getattr(np, name)
        slope = (written(M + h * d, plain) - written(M - h * d, plain)) / (2 * h)
        np.testing.assert_allclose(np.sum(ad.grad(written)(M) * d), slope, rtol=1e-6)


@pytest.mark.parametrize("name", WRITES)
def test_an_array_from_outside_is_written_into_when_the_trace_ends(name: str) -> None:
    outside, wanted = np.zeros((3, 4)), np.zeros((3, 4))

    def f(x: Any) -> Any:
        WRITES[name](getattr(np, name), outside, x[0, 0])
        return np.sum(outside) + x[0, 0]

    WRITES[name](getattr(np, name), wanted, M[0, 0])
    slope = ad.grad(f)(M)[0, 0]
    np.testing.assert_allclose(slope, np.sum(wanted / M[0, 0]) + 1)
    np.testing.assert_allclose(outside, wanted)
    assert type(outside) is np.ndarray
    with pytest.raises(ad.TracingError, match="wrote into an array from outside"):
        ad.jit(f)(M)
    np.testing.assert_allclose(outside, wanted)


def test_the_number_of_nodes() -> None:
    assert nodes(lambda x: np.split(x, 5), V) == 5
    assert nodes(lambda x: np.unstack(x), V) == 5
    assert nodes(lambda x: np.stack([x, x, x]), V) == 1
    assert nodes(lambda x: np.roll(x, 1, axis=0), V) == 1
    assert nodes(lambda x: np.pad(x, 2), V) == 1
    assert nodes(lambda x: np.hstack([x, x]), V) == 1
    assert nodes(lambda x: np.reshape(x, 5), V) == 0
    assert nodes(lambda x: np.tril(x), M) == 1
    assert nodes(lambda x: np.diag(x), V) == 2
    assert nodes(lambda x: np.pad(x, 1, mode="wrap"), V) == 3
    assert nodes(lambda x: np.vstack([x] * 9), V) == 1


def test_arrays_of_a_python_number() -> None:
    """The transpose of a layout asks for the shape of what it read, which a float has not."""
    for function in (
        lambda x: np.sum(np.tile(x, 3)) * x,
        lambda x: np.sum(np.tile(x, (2, 2)) ** 2),
        lambda x: np.sum(np.reshape(x, (1, 1))) * x,
        lambda x: np.sum(np.asarray(x)[None] ** 2),
    ):
        exact = 6.0 * float(function(1.0))  # of a multiple of x**2, at 3
        assert ad.grad(function)(3.0) == ad.jacfwd(function)(3.0) == exact
        assert ad.hessian(function)(3.0) == ad.grad(ad.grad(function))(3.0) == exact / 3


def test_the_imaginary_part_of_a_python_number() -> None:
    assert ad.grad(lambda z: np.imag(z) * np.abs(z) ** 2)(1 + 2j) == 4 - 13j
