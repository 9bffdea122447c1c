"""What the files of this folder share: a function of the user's is differentiated as it stands,
uncompiled and compiled, and everything that was exchanged meanwhile is back in its place.

Enters: a function of a number or an array that gives a number, written with plain NumPy and
`math`, and points.  The derivatives are compared with extrapolated central differences of the
function itself, which are good to some 1e-11 of the largest entry for what is tried here.
"""

from __future__ import annotations

import builtins
import cmath
import functools
import importlib
import math
import os
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import adjoint as ad

HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
LIBRARIES = (builtins, math, cmath, functools, importlib, np, np.linalg, np.fft, np.random)
STEP = 1e-3
DEPTH = 8


class Stop(BaseException):
    """What interrupts a function; the function does not catch it."""


def differences(f: Callable, x: Any) -> np.ndarray:
    """The gradient by central differences with three step lengths, extrapolated to none."""

    def central(h: float) -> np.ndarray:
        if np.ndim(x) == 0:
            return np.asarray((f(x + h) - f(x - h)) / (2 * h))
        steps = h * np.eye(np.size(x)).reshape(np.size(x), *np.shape(x))
        return np.reshape([(f(x + d) - f(x - d)) / (2 * h) for d in steps], np.shape(x))

    a, b, c = central(4 * STEP), central(2 * STEP), central(STEP)
    coarse, fine = (4 * b - a) / 3, (4 * c - b) / 3
    return (16 * fine - coarse) / 15


def compare(found: Any, wanted: Any) -> None:
    """A derivative, plain and near."""
    assert type(found) in PLAIN, type(found)
    scale = max(float(np.max(np.abs(wanted))), 1e-3)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-8 * scale)


def check(
    f: Callable, *points: Any, roots: tuple = (), jit: bool = True, interrupted: bool = True
) -> None:
    """Differentiate a function at points, without and with `jit`, and interrupt it.

    `roots`: more objects whose places are compared.  `jit=False`: the function writes to what is
    outside.  `interrupted=False`: so that it leaves other objects there when it is interrupted.
    """
    assert len(points) > 1
    wanted = [differences(f, x) for x in points]
    before = Places(f, *roots)
    assert all(np.isfinite(w).all() and np.any(w) for w in wanted)  # something to compare
    for x, w in zip(points, wanted, strict=True):
        compare(ad.grad(f)(x), w)
        before.are_as_before()
        compare(ad.jacfwd(f)(x), w)
    if jit:
        jitted = ad.jit(ad.grad(f))
        for x, w in [*zip(points, wanted, strict=True), (points[0], wanted[0])]:
            compare(jitted(x), w)
            before.are_as_before()
        np.testing.assert_allclose(ad.jit(f)(points[1]), f(points[1]), rtol=1e-12)
    transforms = (ad.grad, lambda g: ad.jit(ad.grad(g))) if jit else (ad.grad,)
    for transform in transforms if interrupted else ():
        for part in (0.0, 0.5, 1.0):
            interrupt(transform, f, points[0], part)
            before.are_as_before()
    assert type(f(points[0])) in PLAIN  # nothing of the traces is left
    before.are_as_before()


PLAIN = (float, np.float64, np.ndarray)


def interrupt(transform: Callable, f: Callable, x: Any, part: float) -> None:
    """Raise an exception in the midst of the user's own lines: after this part of them."""
    lines = 0
    last: float = math.inf

    def watch(frame: Any, event: str, _: Any) -> Any:
        nonlocal lines
        file = frame.f_code.co_filename
        if not file.startswith(HERE) or file == __file__:
            return None
        if event == "line":
            lines += 1
            if lines > last:
                raise Stop
        return watch

    def run(function: Callable) -> None:
        outer = sys.gettrace()
        sys.settrace(watch)
        try:
            function(x)
        finally:
            sys.settrace(outer)

    run(ad.grad(f))
    if lines == 0:
        return
    last, lines = math.floor(part * (lines - 1)), 0
    with pytest.raises(Stop):
        run(transform(f))


class Places:
    """What all names, attributes, closures, default arguments and containers of the modules in this
    folder hold, and those of some libraries."""

    def __init__(self, *roots: Any) -> None:
        self.roots = roots
        self.libraries = dict(self.in_libraries())
        self.before = dict(self.walk())

    def are_as_before(self) -> None:
        """Everything holds what it held."""
        after = dict(self.walk())
        different = sorted(self.before.keys() ^ after.keys())
        assert not different, different[:5]
        changed = [name for name, held in self.before.items() if held is not after[name]]
        assert not changed, changed[:5]
        after = dict(self.in_libraries())  # which may have loaded more
        changed = [name for name, held in self.libraries.items() if held is not after[name]]
        assert not changed, changed[:5]

    def in_libraries(self) -> Iterator[tuple[str, Any]]:
        """The names of libraries."""
        for module in LIBRARIES:
            for name, value in list(vars(module).items()):
                yield f"{module.__name__}.{name}", value

    def walk(self) -> Iterator[tuple[str, Any]]:
        """The places by a name, and what they hold."""
        seen: set[int] = set()
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            if file.startswith(HERE) and file != __file__:
                yield from self.inside(name, vars(module), seen, DEPTH)
        yield from self.inside("roots", self.roots, seen, DEPTH)

    def inside(self, path: str, x: Any, seen: set[int], depth: int) -> Iterator[tuple[str, Any]]:
        """The places inside an object."""
        if id(x) in seen or depth == 0:
            return
        seen.add(id(x))
        for name, value in held_by(x):
            where = f"{path}.{name}"
            if type(value) in (int, float, np.float64, str, bool, type(None), np.ndarray):
                continue  # data, which the user's code may change
            yield where, value
            yield from self.inside(where, value, seen, depth - 1)


def held_by(x: Any) -> list[tuple[Any, Any]]:
    """What an object of the user's holds, by names."""
    if isinstance(x, dict):
        return [(f"[{k!r}]", v) for k, v in x.items() if not str(k).startswith("__")]
    if isinstance(x, (list, tuple)):
        return [(f"[{k}]", v) for k, v in enumerate(x)]
    if isinstance(x, functools.partial):
        return [("func", x.func), ("args", x.args), ("keywords", x.keywords)]
    if isinstance(x, types.FunctionType):
        if not x.__code__.co_filename.startswith((HERE, "<")):
            return []
        found: list[tuple[Any, Any]] = [
            ("defaults", x.__defaults__),
            ("keywords", x.__kwdefaults__),
            ("dictionary", vars(x)),
        ]
        for k, cell in enumerate(x.__closure__ or ()):
            try:
                found.append((f"cell {k}", cell.cell_contents))
            except ValueError:
                pass
        return found
    if isinstance(x, types.MethodType):
        return [("function", x.__func__), ("self", x.__self__)]
    if isinstance(x, (staticmethod, classmethod)):
        return [("function", x.__func__)]
    if isinstance(x, property):
        return [("fget", x.fget), ("fset", x.fset)]
    kind = x if isinstance(x, type) else type(x)
    module = sys.modules.get(kind.__module__)
    if not (getattr(module, "__file__", None) or "").startswith(HERE):
        return []
    if isinstance(x, type):
        return [(k, v) for k, v in vars(x).items() if k not in ("__dict__", "__weakref__")]
    slots = [name for k in kind.__mro__ for name in vars(k).get("__slots__", ())]
    return [*getattr(x, "__dict__", {}).items(), *[(k, getattr(x, k, None)) for k in slots]]
