"""A chapter: a simulation with arrays written in place, a loop and branches, differentiated, fitted
and compiled as it stands.

The readings are made by the simulation itself, at parameters that the fit has to find again. Times
are those of the reader's machine; only figures that do not depend on it are checked.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

import adjoint as ad

from ..testing import finite_difference
from .compiled import AGREEMENT
from .context import Chapter, Context, duration, once, timed
from .plot import Curve, png_plot, text_plot
from .rod import misfit, temperatures

Array = NDArray[np.float64]

NAMES = ("conduction", "power", "loss")
TRUTH = np.array([0.35, 12.0, 0.02])  # what the readings are made with
GUESS = np.array([0.25, 15.0, 0.03])
STEPS = 24
BATCH = 100  # calls that are timed together
BUDGET = 0.1  # seconds of timing for each way
AXES = ("step", "degrees above the room, heated end")
MARGIN = 1e-7  # of the gradient's largest entry: how well differences must agree
NEAR = 5e-3  # of each parameter: how near to the truth the fit must come


def readings() -> Array:
    """What the two thermometers show, which show tenths of a degree."""
    return np.round(temperatures(TRUTH, STEPS), 1)


def hottest(parameters: Array) -> int:
    """After how many steps the heated end is hottest: the heater cuts out there."""
    return int(np.argmax(temperatures(parameters, STEPS)[:, 0]))


def simulation(context: Context) -> None:
    """Show the code, its gradient, a fit, and the compiled gradient on both sides of a branch."""
    context.say("  tour/rod.py is plain NumPy. A rod is heated at one end; when this end is 60")
    context.say("  degrees warmer than the room, the heater cuts out. All of the simulation:")
    context.say()
    for line in inspect.getsource(temperatures).splitlines():
        context.say(f"    {line}".rstrip())
    context.say()
    shown = readings()
    slopes(context, shown)
    found = fitted(context, shown)
    native(context, shown, found)
    draw(context, shown, found)


# --- the gradient ---------------------------------------------------------------------------------


def slopes(context: Context, shown: Array) -> None:
    """The gradient of the misfit at the first guess, beside differences."""
    gradient = ad.grad(misfit)(GUESS, shown)
    (wanted,) = finite_difference(lambda p: misfit(p, shown), (GUESS,), method="richardson")
    say = context.say
    say(
        f"  The readings are {STEPS} steps of it, at parameters that are to be found again, rounded"
    )
    say("  to tenths of a degree. misfit(parameters, readings) is the mean square of simulated")
    say("  minus read. Its gradient at a first guess, by ad.grad(misfit) and by differences:")
    say()
    columns = zip(NAMES, GUESS, gradient, wanted, strict=True)
    rows = [[name, f"{p:.2f}", f"{g:.9g}", f"{w:.9g}"] for name, p, g, w in columns]
    context.table(["", "guess", "ad.grad", "differences"], rows)
    say()
    say(f"  The heater cuts out after about {hottest(GUESS)} steps. The moment depends on the")
    say("  parameters, and the gradient follows it, even within a step.")
    say()
    agree(context, gradient, wanted)


def agree(context: Context, gradient: Array, wanted: Array) -> None:
    """Note a failure where a gradient is not that of differences."""
    error = float(np.max(np.abs(gradient - wanted)) / np.max(np.abs(wanted)))
    if not error < MARGIN:
        context.fail(f"the gradient and differences disagree by {error:.1e} of its largest entry")


# --- the fit --------------------------------------------------------------------------------------


def fit(shown: Array) -> tuple[Array, int]:
    """Minimise the misfit by SciPy's BFGS, in parameters as parts of the first guess; return where
    it ended, and how many gradients it took."""
    from scipy.optimize import minimize

    both = ad.value_and_grad(misfit)

    def scaled(u: Array) -> tuple[Any, Array]:
        value, gradient = both(u * GUESS, shown)
        return value, gradient * GUESS

    result = minimize(scaled, np.ones(len(GUESS)), jac=True, method="BFGS")
    return result.x * GUESS, int(result.njev)


def fitted(context: Context, shown: Array) -> Array:
    """Fit the parameters to the readings, and say how sure they are; return them."""
    (found, gradients), seconds = once(partial(fit, shown))
    jacobian = ad.jacobian(temperatures)(found, STEPS).reshape(-1, len(found))
    variance = misfit(found, shown) * shown.size / (shown.size - len(found))
    deviations = np.sqrt(variance * np.diag(np.linalg.inv(jacobian.T @ jacobian)))
    say = context.say
    say("  A fit by scipy.optimize's BFGS with ad.value_and_grad(misfit), nothing compiled:")
    say(f"  {gradients} gradients in {duration(seconds)}. The standard deviations come from")
    say("  ad.jacobian(temperatures).")
    say()
    columns = zip(NAMES, GUESS, found, deviations, TRUTH, strict=True)
    rows = [[name, f"{a:.2f}", f"{b:.5f}", f"{s:.5f}", f"{c:.2f}"] for name, a, b, s, c in columns]
    context.table(["", "guess", "found", "sd", "truth"], rows)
    say()
    off = float(np.max(np.abs(found / TRUTH - 1)))
    if not off < NEAR:
        context.fail(f"the fit misses what made the readings by {100 * off:.1f}%")
    return found


# --- native code ----------------------------------------------------------------------------------


def native(context: Context, shown: Array, found: Array) -> None:
    """The compiled gradient where the heater cuts out early, late, and late again."""
    both = ad.value_and_grad(misfit)
    fast = ad.jit(both)
    scale = np.max(np.abs(both(GUESS, shown)[1]))  # at the fit it vanishes
    say = context.say
    say("  fast = ad.jit(ad.value_and_grad(misfit)) compiles the way that a call takes through")
    say("  the branches. A call that takes another way is noticed, and this way compiled too:")
    say()
    rows = []
    for name, at in (("the guess", GUESS), ("the fit", found), ("0.1% beside it", 1.001 * found)):
        (value, gradient), first = once(partial(fast, at, shown))
        wanted, slopes = both(at, shown)
        error = max(abs(value - wanted) / wanted, np.max(np.abs(gradient - slopes)) / scale)
        if not error < AGREEMENT:
            context.fail(f"compiled and uncompiled results differ by {error:.1e}")
        seconds = per_call(partial(fast, at, shown))
        rows.append([name, str(hottest(at)), duration(first), duration(seconds), repr(fast)])
    context.table(["at", "hottest after", "first call", "then", "fast"], rows)
    say()
    plain = per_call(partial(misfit, found, shown), 1)
    uncompiled = per_call(partial(both, found, shown), 1)
    ratio = plain / seconds
    say(
        f"  NumPy takes {duration(plain)} for the misfit alone: {ratio:.0f} times as long as native"
    )
    say(f"  code for misfit and gradient. Uncompiled these take {duration(uncompiled)}.")


def per_call(call: Callable[[], Any], count: int = BATCH) -> float:
    """The seconds that a call takes."""

    def several() -> None:
        for _ in range(count):
            call()

    return timed(several, BUDGET)[1] / count


# --- the picture ----------------------------------------------------------------------------------


def draw(context: Context, shown: Array, found: Array) -> None:
    """The heated end: the readings, and the simulation before and after the fit."""
    step = np.arange(STEPS + 1.0)
    heated = shown[:, 0]
    before = Curve("before: the guess", ".", step, temperatures(GUESS, STEPS)[:, 0])
    after = Curve("after: the fit", "*", step, temperatures(found, STEPS)[:, 0])
    text = text_plot(step, heated, [before, after], AXES)
    path = context.write("rod.txt", text)
    try:
        title = "A rod whose heater cuts out at 60 degrees: before and after"
        picture = png_plot(step, heated, [before], after, heated - after.y, AXES, title)
    except ImportError:
        context.say()
        context.missing("matplotlib", "plot", "rod.png")
        context.say(f"  {path.name} holds the picture in characters:")
        for line in text.splitlines():
            context.say("  " + line)
    else:
        context.write("rod.png", picture)


CHAPTERS = [Chapter("A simulation as it stands: a loop, branches, arrays in place", simulation)]
