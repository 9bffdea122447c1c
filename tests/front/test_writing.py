"""Writing in place: random sequences of views and writes, against NumPy."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import adjoint as ad
from adjoint.front.trace import plain_value

VIEWS = ("key", "T", "reshape", "ravel", "swapaxes", "flip", "whole", "same", "row")
COPIES = ("copy", "flatten", "double", "fancy", "astype", "array")
WRITES = (
    "set", "set_array", "add", "fancy_set", "mask_set", "out", "at", "fill", "sort", "copyto",
    "swap", "view_add", "put", "flat",
)  # fmt: skip


class Steps:
    """A program of views and writes, drawn from a seed: the same for arrays and for tensors."""

    def __init__(self, seed: int, count: int) -> None:
        self.seed, self.count = seed, count

    def run(self, x: Any, watch: Any = None) -> Any:
        rng = np.random.default_rng(self.seed)
        arrays = [x * 1.5]
        total = 0.0
        for _ in range(self.count):
            kind = rng.choice(["view", "copy", "write", "write", "drop"])
            k = int(rng.integers(len(arrays)))
            a = arrays[k]
            if kind == "view":
                arrays.append(self.view(rng, a))
            elif kind == "copy":
                arrays.append(self.copy(rng, a, x))
            elif kind == "write":
                b = arrays[int(rng.integers(len(arrays)))]
                self.write(rng, a, b)
            elif len(arrays) > 1:
                del arrays[k]
            del a
            arrays = arrays[-6:]
            if watch is not None:
                watch(arrays)
            if rng.random() < 0.3:
                total = total + (arrays[0] ** 2).sum()
        for a in arrays:
            total = total + (a * np.arange(1.0, 1 + a.size).reshape(a.shape)).sum()
        return total

    def key(self, rng: Any, a: Any) -> Any:
        entries: list[Any] = []
        for n in a.shape:
            choice = rng.integers(4)
            if choice == 0 and n:
                entries.append(int(rng.integers(-n, n)))
            elif choice == 1 and n > 1:
                start, stop = sorted(rng.integers(0, n, 2))
                entries.append(slice(int(start), int(stop) + 1))
            elif choice == 2:
                entries.append(slice(None, None, int(rng.choice([-2, -1, 1, 2]))))
            else:
                entries.append(slice(None))
        if rng.random() < 0.2:
            entries.insert(int(rng.integers(len(entries) + 1)), None)
        return tuple(entries)

    def view(self, rng: Any, a: Any) -> Any:
        kind = rng.choice(VIEWS)
        if kind == "key":
            found = a[self.key(rng, a)]
            return found if getattr(found, "shape", ()) else a[...]
        if kind == "T":
            return a.T
        if kind == "reshape":
            return a.reshape(-1, 1) if rng.random() < 0.5 else np.reshape(a, (1, -1))
        if kind == "ravel":
            return a.ravel()
        if kind == "swapaxes":
            return np.swapaxes(a, 0, -1)
        if kind == "flip":
            return a[::-1]
        if kind == "row" and len(a.shape) > 1:
            return next(iter(a))
        return a if kind == "same" else a[...]

    def copy(self, rng: Any, a: Any, x: Any) -> Any:
        kind = rng.choice(COPIES)
        if kind == "copy":
            return a.copy()
        if kind == "flatten":
            return a.flatten()
        if kind == "double":
            return a * 2.0 - x[0, 1]
        if kind == "fancy":
            return a[rng.integers(0, a.shape[0], 3)]
        if kind == "astype":
            return a.astype(float)
        return np.copy(a)

    def write(self, rng: Any, a: Any, b: Any) -> None:
        kind = rng.choice(WRITES)
        value = b.ravel()[0] if b.size else 1.0
        if not a.size:
            return
        if kind == "set":
            a[self.key(rng, a)] = value
        elif kind == "set_array":
            key = self.key(rng, a)
            part = a[key]
            a[key] = part * 0.5 + value
        elif kind == "add":
            a[self.key(rng, a)] += value * 0.5
        elif kind == "fancy_set":
            rows = rng.integers(0, a.shape[0], 3)
            a[rows] = a[rows[::-1]] * 0.5
        elif kind == "mask_set":
            mask = rng.random(a.shape) < 0.4
            a[mask] = value if rng.random() < 0.5 else np.arange(float(mask.sum()))
        elif kind == "out":
            np.multiply(a, 0.5, out=a)
        elif kind == "at":
            np.add.at(a, rng.integers(0, a.shape[0], 3), value)
        elif kind == "fill":
            a.fill(value)
        elif kind == "sort":
            a.sort(axis=0)
        elif kind == "copyto":
            np.copyto(a, value)
        elif kind == "swap":
            a[0], a[-1] = a[-1], a[0]
        elif kind == "view_add":
            a += a[::-1] * 0.25
        elif kind == "put":
            np.put(a, rng.integers(0, a.size, 2), value)
        else:
            a.flat[int(rng.integers(a.size))] = value


def check(seed: int, transform: Any) -> None:
    steps = Steps(seed, 14)
    x = np.random.default_rng(seed).uniform(0.5, 1.5, (3, 4))
    seen: list[list[np.ndarray]] = []
    steps.run(x, lambda arrays: seen.append([np.array(a) for a in arrays]))
    wanted = iter(seen)

    def compare(arrays: list[Any]) -> None:
        for a, b in zip(arrays, next(wanted), strict=True):
            found = np.asarray(plain_value(a))
            assert found.shape == b.shape, steps.seed
            np.testing.assert_allclose(found, b, rtol=1e-12, err_msg=str(steps.seed))

    if transform is None:
        (gradient,) = ad.vjp(lambda x: steps.run(x, compare), x)[1](1.0)
    else:
        gradient = transform(steps.run)(x)
    direction = np.random.default_rng(seed + 1).normal(size=x.shape)
    h = 1e-6
    slope = (steps.run(x + h * direction) - steps.run(x - h * direction)) / (2 * h)
    scale = 1 + np.abs(gradient).max()
    np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6, atol=1e-5 * scale)


@pytest.mark.parametrize("seed", range(150))
def test_views_and_writes_are_those_of_numpy(seed: int) -> None:
    check(seed, None)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(150, 3000))
def test_views_and_writes_are_those_of_numpy_at_length(seed: int) -> None:
    check(seed, None)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("transform", [lambda f: ad.jit(ad.grad(f)), ad.jacfwd])
def test_other_ways_agree(seed: int, transform: Any) -> None:
    check(seed, transform)


def test_views_that_are_gone_cost_nothing() -> None:
    def f(x: Any) -> Any:
        y = x * 1.0
        for k in range(1000):
            y[k % 3 : 4][0] += 1.0
        gc.collect()
        assert len(y.alias.views) < 40
        return y.sum()

    np.testing.assert_array_equal(ad.grad(f)(np.ones(5)), 1.0)


def of_one_array() -> dict[str, Any]:
    """Functions of one array, and what they are called with to have little to do."""
    named = (
        "abs array asarray ascontiguousarray asfortranarray atleast_1d atleast_2d atleast_3d block"
        " conj copy cumsum diagonal fliplr flip flipud hstack matrix_transpose"
        " nan_to_num ones_like positive ravel real real_if_close require rot90 sort sqrt squeeze"
        " stack transpose tril trim_zeros triu vstack zeros_like"
    ).split()
    calls: dict[str, Any] = {
        "append": lambda x: np.append(x, []),
        "array_split": lambda x: np.array_split(x, 2)[0],
        "astype": lambda x: x.astype(float),
        "astype, no copy": lambda x: x.astype(float, copy=False),
        "broadcast_to, copied": lambda x: np.broadcast_to(x, (2, *x.shape)).copy(),
        "concatenate": lambda x: np.concatenate([x]),
        "delete": lambda x: np.delete(x, [], 0),
        "expand_dims": lambda x: np.expand_dims(x, 0),
        "full": lambda x: np.full((2, 3), x.ravel()[0]),
        "meshgrid": lambda x: np.meshgrid(x.ravel(), x.ravel())[0],
        "made inside": lambda x: np.ones((3, 4))[1:],
        "moveaxis": lambda x: np.moveaxis(x, 0, -1),
        "pad": lambda x: np.pad(x, 0),
        "repeat": lambda x: np.repeat(x, 1, axis=0),
        "reshape": lambda x: np.reshape(x, (-1, 1)),
        "resize": lambda x: np.resize(x, x.shape),
        "roll": lambda x: np.roll(x, 0),
        "split": lambda x: np.split(x, 1)[0],
        "swapaxes": lambda x: np.swapaxes(x, 0, -1),
        "take": lambda x: x.take(np.arange(x.shape[0]), axis=0),
        "where": lambda x: np.where(x > 0, x, 0.0),
        "x.conj": lambda x: x.conj(),
    }
    return {**{k: eval(f"lambda x: np.{k}(x)", {"np": np}) for k in named}, **calls}


@pytest.mark.parametrize("shape", [(5,), (3, 4), (4, 1)])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", of_one_array())
def test_what_shares_memory_is_what_shares_it_in_numpy(
    name: str, turned: bool, shape: tuple[int, ...]
) -> None:
    f = of_one_array()[name] if name != "made inside" else lambda x: np.ones((3, 4))[1:]

    def run(x: Any) -> list[Any]:
        y = x * 1.0
        y = y.T if turned else y
        r = f(y)
        r = r[0] if isinstance(r, tuple) else r
        r[(0,) * len(r.shape)] = 77.0
        v = r.reshape(-1)
        v[-1] = 55.0
        y[(-1,) * len(y.shape)] += 1.0
        return [y, r, v]

    x = np.random.default_rng(0).uniform(0.5, 1.5, shape)
    try:
        wanted = run(x)
    except ValueError as error:
        pytest.skip(f"NumPy refuses: {error}")  # a read-only view, too few axes
    found: list[Any] = []

    def watched(x: Any) -> Any:
        found.extend([np.array(plain_value(a)) for a in run(x)])
        return x.sum()

    ad.vjp(watched, x)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


@pytest.mark.parametrize("name", of_one_array())
def test_rows_of_a_batch_share_what_one_shares(name: str) -> None:
    f = of_one_array()[name]

    def run(x: Any) -> Any:
        r = f(x * 1.0)
        r = (r[0] if isinstance(r, tuple) else r)[...]
        v = r.reshape(-1)
        v *= 3.0
        return (r * np.arange(1.0, 1 + r.size).reshape(r.shape)).sum() + x.sum()

    x = np.random.default_rng(0).uniform(0.5, 1.5, (2, 3, 4))
    try:
        wanted = [run(row) for row in x]
    except ValueError as error:
        pytest.skip(f"NumPy refuses: {error}")
    if name == "trim_zeros":
        np.testing.assert_allclose(ad.jit(run)(x[1]), wanted[1], rtol=1e-13)
        return
    np.testing.assert_allclose(ad.vmap(run)(x), wanted, rtol=1e-13)
    np.testing.assert_allclose(ad.jit(run)(x[1]), wanted[1], rtol=1e-13)
