"""The first chapters: what a derivative is to this library, at the size of a blackboard.

Dual numbers, finite differences beside them, a formula and its graph, a curve and its slope.  Each
chapter shows code with its output, and then compares the figures with those known by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import adjoint as ad

from .console import Console
from .context import Chapter, Context
from .plot import Curve, curves_plot, text_plot

EXACT = 1e-14  # relative: derivatives by rules are right to rounding
STEPS = (1e-1, 1e-3, 1e-5, 1e-7, 1e-9, 1e-11)


# --- dual numbers ---------------------------------------------------------------------------------


def dual_numbers(context: Context) -> None:
    """Arithmetic, functions, second derivatives, Taylor series."""
    say, console = context.say, Console(context)
    say("  A dual number is a value and a tangent, where epsilon times epsilon is 0. Arithmetic")
    say("  with such numbers has the rules of differentiation in it:")
    say()
    console.run("""
        from adjoint import Dual
        Dual(3, 4) + 3
        Dual(3, 4) * Dual(5, 7)
        3 / Dual(3, 4)
    """)
    say("  A variable is a number with the tangent 1. Out of a function comes the value with the")
    say("  derivative, right to the last digits: no step, no difference.")
    say()
    console.run("""
        def f(x):
            return (x + 2) * (x - 3) / (x - 4)
        f(Dual(6, 1))
        found = np.exp(np.sin(2 * Dual(0.5, 1)))
        found
    """)
    say("  The parts may be dual numbers again, for second derivatives: of x**5 + 1 at 1 the first")
    say("  is 5 and the second, which both epsilons carry, is 20. For high orders there are Taylor")
    say("  series: the coefficients of sin at 0, and its seventh derivative there.")
    say()
    console.run("""
        x = Dual(Dual(1, 1), 1)
        x**5 + 1
        ad.taylor(np.sin, 0.0, 5)
        ad.derivative(np.sin, 7)(0.0)
    """)
    exp, quotient = console["found"], console["f"](console["Dual"](6, 1))
    power = console["x"] ** 5 + 1
    expect(context, "a quotient", [quotient.value, quotient.tangent], [12.0, -0.5])
    at = np.exp(np.sin(1.0))
    expect(context, "exp(sin(2x))", [exp.value, exp.tangent], [at, 2.0 * np.cos(1.0) * at])
    expect(context, "x**5 + 1", [power.value.tangent, power.tangent.tangent], [5.0, 20.0])


# --- finite differences ---------------------------------------------------------------------------


def differences(context: Context) -> None:
    """Finite differences, the choice of their step, all ways side by side, a rule that is wrong."""
    say, console = context.say, Console(context)
    say("  The gradient of x**2 y + y + 2 at (3, 4) is (24, 10). Newton's quotient comes near:")
    say()
    console.run("""
        from adjoint.testing import check_grads, finite_difference
        def f(x, y):
            return x**2 * y + y + 2
        ad.grad(f, argnums=(0, 1))(3.0, 4.0)
        quotient = finite_difference(f, (3.0, 4.0), method="forward", step=1e-5)
        quotient
    """)
    expect(context, "the gradient", ad.grad(console["f"], (0, 1))(3.0, 4.0), (24.0, 10.0))
    expect(context, "Newton's quotient", console["quotient"], (24.00004, 10.0), 1e-9)
    say("  A large step misses the curve, a small one loses its digits to rounding. Errors of the")
    say("  derivative of exp(sin(2x)) at 0.5, by step; a complex step loses none, nor do rules:")
    say()
    context.table(["step", "forward", "central", "complex"], error_rows(context))
    say()
    say("  All ways to the derivative in x side by side. It takes your own functions, too:")
    say()
    console.run("ad.compare(f, 3.0, 4.0, manual=24.0, peers=())")
    say("  check_grads compares both modes with differences, in random directions. Here a rule of")
    say("  the user's own is wrong in its second part, and found out:")
    say()
    console.run(
        """
        @ad.custom_derivative
        def area(width, height):
            return width * height
        @area.vjp
        def rule(primals, output, cotangent):
            width, height = primals
            return cotangent * height, cotangent * 1.01 * width
        check_grads(area, (2.0, 3.0), order=1)
        """,
        raises=ad.testing.GradientError,
    )


def error_rows(context: Context) -> list[list[str]]:
    """The errors of finite differences, a row for each step."""

    def curve(x: Any) -> Any:
        return np.exp(np.sin(2 * x))

    exact = 2 * np.cos(1.0) * np.exp(np.sin(1.0))
    expect(context, "the derivative of exp(sin(2x))", [ad.derivative(curve)(0.5)], [exact])
    rows = []
    for step in STEPS:
        cells = [f"{step:.0e}"]
        for method in ("forward", "central", "complex"):
            (found,) = ad.testing.finite_difference(curve, (0.5,), method=method, step=step)
            cells.append(f"{abs(found - exact) / abs(exact):.1e}")
        rows.append(cells)
    return rows


# --- formulae and their graphs --------------------------------------------------------------------


def graph(context: Context) -> None:
    """A formula as a value: evaluate, differentiate, simplify, print, draw."""
    say, console = context.say, Console(context)
    say("  A formula is a value too: the graph of its operations. Its derivatives are formulae.")
    say()
    console.run("""
        x, y = ad.symbols("x y")
        f = x**2 * y + y + 2
        f
        f.evaluate(x=3, y=4)
        f.evaluate(x=ad.Dual(3, 1), y=4)
        f.diff(x), f.diff(y)
        [slope.evaluate(x=3, y=4) for slope in f.gradient(x, y)]
        [[e.evaluate(x=3, y=4) for e in row] for row in f.hessian(x, y)]
    """)
    f, at = console["f"], {"x": 3, "y": 4}
    expect(context, "the formula", [f.evaluate(at)], [42.0])
    expect(context, "its gradient", [e.evaluate(at) for e in f.gradient()], [24.0, 10.0])
    hessian = [e.evaluate(at) for row in f.hessian() for e in row]
    expect(context, "its Hessian", hessian, [8.0, 6.0, 6.0, 0.0])
    say(
        "  simplify() goes by a list of rules, ad.symbolic.RULES, each with its condition. Formulae"
    )
    say("  print as Python, as text for people and as LaTeX (a notebook shows that by itself):")
    say()
    console.run("""
        ad.symbolic.parse("0 + (0*x + y*1)").simplify()
        slope = np.sin(x**2).diff(x)
        slope
        print(slope.pretty())
        print(slope.latex())
        slope.evaluate(x=3.0)
    """)
    expect(context, "sin(x**2)'", [console["slope"].evaluate(x=3.0)], [-5.466781571308061])
    say(
        "  ad.expression makes a formula of a Python function. What a long one needs more than once"
    )
    say("  is named, so that the text grows no faster than the work:")
    say()
    console.run("""
        def wave(x):
            return np.sin(np.exp(x * np.cos(x)))
        print(ad.expression(wave).diff("x", 2).simplify())
    """)
    reverse(context, console)


def reverse(context: Context, console: Console) -> None:
    """Reverse mode at every node: as a table, as Mermaid text, as pictures."""
    say = context.say
    say("  Reverse mode in view: values are computed downwards. Then the adjoint of each, the")
    say("  derivative of the result by it, upwards: 1 for the result, the gradient at x and y.")
    say()
    console.run("""
        picture = ad.draw(f, 3.0, 4.0, mode="reverse")
        print(picture)
    """)
    adjoints = [row.adjoint for row in console["picture"].table()]
    expect(context, "the adjoints", adjoints, [24.0, 10.0, 4.0, 1.0, 1.0, 1.0])
    say("  The drawing as Mermaid text, which GitHub, GitLab and many editors show as a picture:")
    say()
    console.run("print(picture.mermaid)")
    drawings(context, console)


def drawings(context: Context, console: Console) -> None:
    """The files: what needs no optional package, then what does."""
    picture, say = console["picture"], context.say
    context.write("graph.mmd", picture.mermaid)
    steps = ad.draw.steps(console["f"], 3.0, 4.0)
    try:
        context.write("graph.svg", picture.svg)
        context.write("steps.svg", steps.svg)
    except ImportError:
        context.missing("graphlay", "draw", "graph.svg, and steps.svg, which moves")
        return
    say(
        '  picture.save("graph.svg") and ad.draw.steps(f, 3.0, 4.0).save("steps.svg") write it as a'
    )
    say("  drawing, and as one that moves: the values one after the other, then the adjoints back")
    say("  from the result. Both are among the files of this tour.")
    try:
        context.write("graph.png", picture.png())
        context.write("steps.gif", steps.gif())
    except ImportError:
        context.missing("Pillow", "draw", "graph.png and steps.gif")


# --- a curve and its slope ------------------------------------------------------------------------


def sine(context: Context) -> None:
    """Sine and its derivative, drawn without the cosine."""
    say, console = context.say, Console(context)
    say("  The derivative at every point of a grid at once, without being told of the cosine:")
    say()
    console.run("""
        x = np.linspace(-2 * np.pi, 2 * np.pi, 401)
        slope = ad.vmap(ad.grad(np.sin))(x)
    """)
    x, slope = console["x"], console["slope"]
    off = float(np.max(np.abs(slope - np.cos(x))))
    if not off < EXACT:
        context.fail(f"the derivative of the sine and the cosine differ by {off:.1e}")
    curves = [Curve("sin(x)", ".", x, np.sin(x)), Curve("its derivative", "*", x, slope)]
    labels = ("x", "sin(x) and its derivative")
    text = text_plot(np.empty(0), np.empty(0), curves, labels, (78, 17))
    context.write("sine.txt", text)
    for line in text.splitlines():
        say("  " + line)
    say()
    say(f"  The largest difference from np.cos: {off:.1g}.")
    try:
        picture = curves_plot(curves, labels, "Sine and its derivative, by ad.grad")
    except ImportError:
        context.missing("matplotlib", "plot", "sine.png")
    else:
        context.write("sine.png", picture)


# --- shared ---------------------------------------------------------------------------------------


def expect(
    context: Context,
    what: str,
    found: Sequence[Any],
    wanted: Sequence[float],
    margin: float = EXACT,
) -> None:
    """Note a failure where figures are not those known by hand."""
    for number, known in zip(found, wanted, strict=True):
        if not abs(number - known) <= margin * abs(known):
            context.fail(f"{what}: {number} instead of {known}")


CHAPTERS = [
    Chapter("Dual numbers: derivatives by arithmetic", dual_numbers),
    Chapter("Finite differences, and derivatives put to the test", differences),
    Chapter("A formula, its derivatives and its graph", graph),
    Chapter("A curve and its slope", sine),
]
