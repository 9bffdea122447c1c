"""Chapters on real data: a model in plain NumPy, its derivatives, a fit that NIST has certified.

Each chapter stands alone: it reads the data set that ships with the package and needs nothing from
the chapter before it.
"""

from __future__ import annotations

import decimal
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import adjoint as ad

from ..testing import finite_difference
from .context import Chapter, Context, duration, once, timed
from .dataset import Dataset, thurber
from .model import misfit, mobility
from .plot import Curve, png_plot, text_plot

Array = NDArray[np.float64]

DIGITS_PROMISED = 6
DIGITS_CERTIFIED = 11
AXES = ("log density", "electron mobility")


# --- 1 --------------------------------------------------------------------------------------------


def data(context: Context) -> None:
    """Introduce the data set, and check that its figures and the model belong together."""
    dataset = thurber()
    wanted = dataset.residual_sum_of_squares
    found = misfit(dataset.certified, dataset.x, dataset.y)
    agreed = digits(found, wanted)
    context.say(f"  {dataset.name}: {dataset.reference}")
    context.say(f"  {dataset.source}")
    context.say(f"  {len(dataset.x)} measurements, {len(dataset.parameters)} parameters,")
    context.say(f"  {dataset.formula}")
    context.say()
    context.say("  The residual sum of squares at NIST's certified parameters:")
    context.say(f"  certified {_e(wanted)}, by our model {_e(found)}: {agreed:.1f} digits agree.")
    if not agreed >= DIGITS_PROMISED:
        context.fail("model and data do not give the certified residual sum of squares")


# --- 2 --------------------------------------------------------------------------------------------


def derivatives(context: Context) -> None:
    """Show value, gradient and Hessian of a plain NumPy function at NIST's first starting point."""
    dataset = thurber()
    loss = _loss(dataset)
    b = dataset.starts[0]
    value, gradient = ad.value_and_grad(loss)(b)
    hessian = ad.hessian(loss)(b)
    context.say("  misfit(b) = sum((y - mobility(b, x))**2), in tour/model.py, is plain NumPy.")
    context.say("  At NIST's start 1, where b1 is 1000 and b7 is 0.03:")
    context.say()
    context.say(f"  misfit = {value:.10g} (a {type(value).__name__}); its gradient and Hessian:")
    context.say()
    heading = ["", "gradient", *dataset.parameters]
    rows = [
        [name, f"{slope:.2e}", *(f"{entry:.1e}" for entry in row)]
        for name, slope, row in zip(dataset.parameters, gradient, hessian, strict=True)
    ]
    context.table(heading, rows)
    asymmetry = np.max(np.abs(hessian - hessian.T)) / np.max(np.abs(hessian))
    context.say()
    context.say(f"  The Hessian is symmetric to {asymmetry:.0e} of its largest entry.")


# --- 3 --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contestant:
    """One way to a gradient and a Hessian; None where the way does not lead there."""

    name: str
    gradient: Callable[[Array], Any] | None
    hessian: Callable[[Array], Any] | None


def comparison(context: Context) -> None:
    """Compare forward and reverse mode, finite differences and SymPy by their errors and times."""
    dataset = thurber()
    loss = _loss(dataset)
    b = dataset.starts[0]
    exact_gradient, exact_hessian = reference_derivatives(dataset, b)
    contestants = [
        Contestant("adjoint, reverse", ad.grad(loss), ad.jacrev(ad.jacrev(loss))),
        Contestant("adjoint, forward", ad.jacfwd(loss), ad.jacfwd(ad.jacfwd(loss))),
        Contestant("adjoint, forward over reverse", None, ad.hessian(loss)),
    ]
    for method in ("forward", "central", "richardson"):
        gradient = _finite_difference(loss, method)
        hessian = _finite_difference(gradient, method)
        contestants.append(Contestant(f"differences, {method}", gradient, hessian))
    contestants.append(Contestant("complex step", _finite_difference(loss, "complex"), None))
    symbolic, remark = _symbolic(dataset)
    if symbolic is not None:
        contestants.append(symbolic)

    rows = []
    for contestant in contestants:
        cells = [contestant.name]
        for call, exact in (
            (contestant.gradient, exact_gradient),
            (contestant.hessian, exact_hessian),
        ):
            if call is None:
                cells += ["-", "-"]
                continue
            found, seconds = timed(functools.partial(call, b))
            error = float(np.max(np.abs((np.asarray(found) - exact) / exact)))
            cells += [f"{error:.1e}", duration(seconds)]
            if contestant.name.startswith("adjoint") and not error < 1e-10:
                context.fail(f"{contestant.name}: relative error {error:.1e}")
        rows.append(cells)
    context.table(["way", "gradient: error", "time", "Hessian: error", "time"], rows)
    context.say()
    context.say("  error: the largest relative error of an entry; the truth is the same model run")
    context.say("  in 80-digit decimals and differenced there. The times of adjoint are of whole")
    context.say("  calls: the function is traced anew, nothing is compiled or kept.")
    context.say(f"  {remark}")


def reference_derivatives(dataset: Dataset, b: Array) -> tuple[Array, Array]:
    """Return gradient and Hessian of the misfit, right to every digit of a double.

    The model runs on `decimal.Decimal` with 80 digits. A central difference with step h = 1e-20 is
    wrong by about h**2 = 1e-40 and loses 20 digits to cancellation (40 in the Hessian): no rule of
    differentiation, of this library or of anyone else, is involved.
    """
    step = decimal.Decimal("1e-20")
    with decimal.localcontext() as arithmetic:
        arithmetic.prec = 80
        pairs = zip(dataset.x, dataset.y, strict=True)
        points = [(decimal.Decimal(u), decimal.Decimal(v)) for u, v in pairs]
        centre = [decimal.Decimal(value) for value in b]
        n = len(centre)

        @functools.cache
        def value(*offsets: int) -> decimal.Decimal:
            moved = [at + shift * step for at, shift in zip(centre, offsets, strict=True)]
            return sum(((v - mobility(moved, u)) ** 2 for u, v in points), decimal.Decimal(0))

        def at(*moves: tuple[int, int]) -> decimal.Decimal:
            offsets = [0] * n
            for index, shift in moves:
                offsets[index] += shift
            return value(*offsets)

        gradient = [(at((i, 1)) - at((i, -1))) / (2 * step) for i in range(n)]
        hessian = [
            [
                sum(s * t * at((i, s), (j, t)) for s in (1, -1) for t in (1, -1)) / (2 * step) ** 2
                for j in range(n)
            ]
            for i in range(n)
        ]
    return np.array(gradient, dtype=float), np.array(hessian, dtype=float)


def _finite_difference(f: Callable[[Array], Any], method: str) -> Callable[[Array], Any]:
    return lambda b: finite_difference(f, (b,), method=method)[0]  # of a tuple, one an argument


def _symbolic(dataset: Dataset) -> tuple[Contestant | None, str]:
    """Return SymPy's way, and a remark; SymPy differentiates one term, NumPy sums over the data."""
    try:
        import sympy
    except ImportError:
        return None, "SymPy is not installed; pip install 'adjoint[symbolic]' adds its row."

    def derive() -> tuple[Any, Any]:
        b = sympy.symbols(dataset.parameters)
        x, y = sympy.symbols("x y")
        term = (y - mobility(b, x)) ** 2
        gradient = [sympy.diff(term, p) for p in b]
        hessian = [[sympy.diff(slope, p) for p in b] for slope in gradient]
        compiled = [sympy.lambdify((b, x, y), e, cse=True) for e in (gradient, hessian)]
        return compiled[0], compiled[1]

    (gradient, hessian), seconds = once(derive)

    def summed(call: Callable[..., Any]) -> Callable[[Array], Any]:
        return lambda b: np.sum(np.array(call(b, dataset.x, dataset.y)), axis=-1)

    remark = f"SymPy took {duration(seconds)} beforehand to derive and compile its formulas."
    return Contestant("SymPy, lambdified", summed(gradient), summed(hessian)), remark


# --- 4 --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fit:
    """A finished fit: the parameters, their standard deviations, and what it took."""

    parameters: Array
    deviations: Array
    covariance: Array
    residual_sum_of_squares: float
    iterations: int
    gradients: int
    products: int


def fit(dataset: Dataset, start: Array) -> Fit:
    """Minimise the misfit from `start` by a trust-region Newton method with exact derivatives.

    The unknowns are u = b / |start|: the parameters differ by a factor of 3e4, and a trust region
    is a ball. The deviations come, as NIST's, from the covariance s**2 inverse(J'J), with J the
    Jacobian of the model at the solution and s**2 the sum of squares by degree of freedom.
    """
    from scipy.optimize import minimize

    scale = np.abs(start)

    def scaled(u: Any) -> Any:
        return misfit(u * scale, dataset.x, dataset.y)

    result = minimize(
        ad.value_and_grad(scaled),
        start / scale,
        jac=True,
        hessp=lambda u, direction: ad.hvp(scaled, (u,), (direction,)),
        method="trust-krylov",
        options={"gtol": 1e-3, "maxiter": 500},
    )
    parameters = result.x * scale
    jacobian = ad.jacobian(mobility)(parameters, dataset.x)
    freedom = len(dataset.x) - len(parameters)
    # Columns of length one before the inverse: it then loses no digits to the scales.
    length = np.linalg.norm(jacobian, axis=0)
    unit = jacobian / length
    covariance = (result.fun / freedom) * np.linalg.inv(unit.T @ unit) / np.outer(length, length)
    return Fit(
        parameters=parameters,
        deviations=np.sqrt(np.diag(covariance)),
        covariance=covariance,
        residual_sum_of_squares=float(result.fun),
        iterations=int(result.nit),
        gradients=int(result.njev),
        products=int(result.nhev),
    )


def certified_fit(context: Context) -> None:
    """Fit from both of NIST's starting points, compare with the certified figures, draw it."""
    dataset = thurber()
    context.say("  scipy.optimize's trust-krylov, with exact gradients (ad.value_and_grad) and")
    context.say("  exact Hessian-vector products (ad.hvp). Its unknowns are b / |start|: a trust")
    context.say("  region is a ball, and the parameters differ by a factor of 3e4.")
    fits = []
    for number, start in enumerate(dataset.starts, 1):
        found, seconds = once(functools.partial(fit, dataset, start))
        fits.append(found)
        context.say()
        context.say(
            f"  From start {number}, in {duration(seconds)}: {found.iterations} iterations, "
            f"{found.gradients} gradients, {found.products} Hessian-vector products"
        )
        _compare_with_certified(context, dataset, found)

    found = fits[0]
    context.write("parameters.csv", _parameters_csv(dataset, found))
    _draw(context, dataset, found)


def _compare_with_certified(context: Context, dataset: Dataset, found: Fit) -> None:
    rows = []
    least = np.inf
    for name, parameter, wanted, deviation, wanted_deviation in zip(
        dataset.parameters,
        found.parameters,
        dataset.certified,
        found.deviations,
        dataset.certified_deviation,
        strict=True,
    ):
        agreed = digits(parameter, wanted), digits(deviation, wanted_deviation)
        least = min(least, *agreed)
        rows.append(
            [name, _e(wanted), _e(parameter), f"{agreed[0]:.1f}"]
            + [f"{wanted_deviation:.6e}", f"{deviation:.6e}", f"{agreed[1]:.1f}"]
        )
    wanted = dataset.residual_sum_of_squares
    agreed_sum = digits(found.residual_sum_of_squares, wanted)
    least = min(least, agreed_sum)
    total = found.residual_sum_of_squares
    rows.append(["sum", _e(wanted), _e(total), f"{agreed_sum:.1f}", "", "", ""])
    heading = ["", "certified", "found", "digits", "certified sd", "found sd", "digits"]
    context.table(heading, rows)
    if not least >= DIGITS_PROMISED:
        context.fail(f"only {least:.1f} digits agree with NIST's certified figures")


def _parameters_csv(dataset: Dataset, found: Fit) -> str:
    lines = ["parameter,certified,found,certified standard deviation,found standard deviation"]
    columns = (dataset.certified, found.parameters, dataset.certified_deviation, found.deviations)
    for name, *values in zip(dataset.parameters, *columns, strict=True):
        lines.append(",".join([name, *(repr(float(value)) for value in values)]))
    return "\n".join(lines) + "\n"


def _draw(context: Context, dataset: Dataset, found: Fit) -> None:
    grid = np.linspace(dataset.x[0], dataset.x[-1], 400)
    # How much the curve moves when the parameters move: the Jacobian again, on the grid.
    slopes = ad.jacobian(mobility)(found.parameters, grid)
    half_band = 2 * np.sqrt(np.einsum("ni,ij,nj->n", slopes, found.covariance, slopes))
    after = Curve("after: the fit", "*", grid, mobility(found.parameters, grid), half_band)
    before = [
        Curve(f"before: start {number}", mark, grid, mobility(start, grid))
        for number, mark, start in zip((1, 2), ".:", dataset.starts, strict=True)
    ]
    text = text_plot(dataset.x, dataset.y, [*before, after], AXES)
    path = context.write("fit.txt", text)
    try:
        residuals = dataset.y - mobility(found.parameters, dataset.x)
        title = f"NIST StRD, {dataset.name}: before and after"
        picture = png_plot(dataset.x, dataset.y, before, after, residuals, AXES, title)
    except ImportError:
        context.say()
        context.missing("matplotlib", "plot", "fit.png")
        context.say(f"  {path.name} holds the picture in characters:")
        for line in text.splitlines():
            context.say("  " + line)
    else:
        context.write("fit.png", picture)


# --- shared ---------------------------------------------------------------------------------------


def digits(found: float, certified: float) -> float:
    """Return how many digits agree: NIST's log relative error, no more than are certified."""
    with np.errstate(divide="ignore"):
        agreed = -np.log10(abs(found - certified) / abs(certified))
    return float(np.minimum(DIGITS_CERTIFIED, agreed))  # NaN stays NaN


def _loss(dataset: Dataset) -> Callable[[Any], Any]:
    return lambda b: misfit(b, dataset.x, dataset.y)


def _e(value: float) -> str:
    return f"{value:.10e}"


CHAPTERS = [
    Chapter("Real data: a set of NIST's Statistical Reference Datasets", data),
    Chapter("Value, gradient and Hessian of plain NumPy code", derivatives),
    Chapter("Ways to a derivative: errors and times", comparison),
    Chapter("A fit that reproduces NIST's certified figures", certified_fit),
]
