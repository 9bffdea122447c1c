"""A chapter: the same model as native code, its speed beside NumPy's, and where its time goes.

The times are measured while the tour runs and are those of the reader's machine; only the figures
that the compiled functions give are checked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import adjoint as ad

from .context import Chapter, Context, duration, once, timed
from .dataset import Dataset, thurber
from .model import misfit, mobility

Array = NDArray[np.float64]

MANY = 100_000  # points of the larger data set
BATCH = 100  # calls that are timed together on the smaller one
BUDGET = 0.3  # seconds of timing for each way
AGREEMENT = 1e-10  # largest relative difference between compiled and uncompiled results


def native(context: Context) -> None:
    """Compile the misfit and its gradient, time them beside NumPy, and explain the program."""
    dataset = thurber()
    b = dataset.starts[0]
    function, gradient = ad.jit(misfit), ad.jit(ad.value_and_grad(misfit))
    context.say("  ad.jit(misfit) and ad.jit(ad.value_and_grad(misfit)), at NIST's start 1; on the")
    context.say(f"  {len(dataset.x)} measurements, and on {MANY:,} made by the certified curve.")
    context.say()
    rows: list[list[str]] = []
    for x, y, count in (*measured(dataset), *simulated(dataset)):
        arguments = b, x, y
        (found, slopes), seconds = once(partial(gradient, *arguments))
        wanted, wanted_slopes = ad.value_and_grad(misfit)(*arguments)
        check(context, [found, *slopes], [wanted, *wanted_slopes])
        rows += timings(f"{len(x):,} points", arguments, count, function, gradient)
        rows[-1][-1] = duration(seconds)
    context.table(["", "a call", "NumPy's time / this", "first call"], rows)
    context.say()
    context.say("  NumPy's time is that of misfit(b, x, y) itself, a value without a gradient. The")
    context.say("  first call traces and compiles, or finds its machine code in the disk cache.")
    context.say()
    context.say(f"  What ad.explain says of the gradient on {MANY:,} points:")
    context.say()
    x, y, _ = simulated(dataset)[0]
    explanation = ad.explain(gradient, b, x, y)
    for line in str(explanation).splitlines():
        context.say(line)
    context.write("explain.txt", f"{explanation}\n")


def measured(dataset: Dataset) -> list[tuple[Array, Array, int]]:
    """The data as they are, and how many calls to time together."""
    return [(dataset.x, dataset.y, BATCH)]


def simulated(dataset: Dataset) -> list[tuple[Array, Array, int]]:
    """Many points on the certified curve."""
    x = np.linspace(dataset.x[0], dataset.x[-1], MANY)
    return [(x, mobility(dataset.certified, x), 1)]


def timings(
    name: str, arguments: tuple, count: int, function: Callable, gradient: Callable
) -> list[list[str]]:
    """A row for each way to call: its time, and how many times faster it is than NumPy."""
    ways: Sequence[tuple[str, Callable[..., Any]]] = (
        ("misfit, NumPy", misfit),
        ("misfit, compiled", function),
        ("value and gradient, uncompiled", ad.value_and_grad(misfit)),
        ("value and gradient, compiled", gradient),
    )
    rows: list[list[str]] = []
    first = 0.0
    for way, call in ways:
        call(*arguments)

        def several(call: Callable[..., Any] = call) -> None:
            for _ in range(count):
                call(*arguments)

        seconds = timed(several, BUDGET)[1] / count
        first = first or seconds
        rows.append([f"{name}: {way}", duration(seconds), f"{first / seconds:.1f}", ""])
    return rows


def check(context: Context, found: Sequence[Any], wanted: Sequence[Any]) -> None:
    """Note a failure where compiled and uncompiled results differ."""
    scale = np.max(np.abs(wanted[1:]))
    error = max(
        abs(found[0] - wanted[0]) / abs(wanted[0]),
        float(np.max(np.abs(np.subtract(found[1:], wanted[1:])))) / scale,
    )
    if not error < AGREEMENT:
        context.fail(f"compiled and uncompiled results differ by {error:.1e}")


CHAPTERS = [Chapter("The same model as native code", native)]
