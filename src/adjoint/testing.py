"""Checks of derivatives: finite differences, and comparisons of every mode with them.

Enters: a function and arguments.  Leaves: a numerical Jacobian, or a report that says where
derivatives agree.  The idea: along a direction a function is a function of one number t; its
derivative at 0 is found by a complex step where the function takes complex numbers, by Richardson
extrapolation otherwise, each with an estimate of its own error.

Sources: Ridders, *Accurate computation of F'(x) and F'(x)F''(x)* (1982); Squire and Trapp, *Using
complex variables to estimate derivatives of real functions* (1998); Griewank and Walther,
*Evaluating Derivatives* (2008), section 1.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .api import jvp, like_block, vjp
from .base import tree
from .base.dtypes import is_inexact, real_dtype, type_of
from .base.errors import DifferentiationError, message
from .front.arguments import differentiable, name_of

__all__ = ["Comparison", "GradientError", "Report", "check_grads", "finite_difference"]


def __dir__() -> list[str]:
    return __all__


Curve = Callable[[Any], np.ndarray]  # t -> all output elements, as one vector

# ------------------------------------------------------------------- derivatives of one number at 0


@dataclass(frozen=True)
class Precision:
    """What a numerical derivative must know: the relative rounding error, the size of x, the size
    of the outputs."""

    epsilon: float
    size: float
    outputs: np.ndarray

    def rounding(self, step: float) -> np.ndarray:
        """The rounding error of a difference quotient."""
        return self.epsilon * self.outputs / step


def forward_difference(
    curve: Curve, step: float | None, p: Precision
) -> tuple[np.ndarray, np.ndarray]:
    """(f(h) - f(0)) / h; the error from a second one with 2h."""
    h = step or p.epsilon ** (1 / 2) * p.size
    start = curve(0.0)
    found = (curve(h) - start) / h
    return found, np.abs((curve(2 * h) - start) / (2 * h) - found) + 2 * p.rounding(h)


def central_difference(
    curve: Curve, step: float | None, p: Precision
) -> tuple[np.ndarray, np.ndarray]:
    """(f(h) - f(-h)) / 2h; the error from a second one with 2h."""
    h = step or p.epsilon ** (1 / 3) * p.size
    found = (curve(h) - curve(-h)) / (2 * h)
    wider = (curve(2 * h) - curve(-2 * h)) / (4 * h)
    return found, np.abs(wider - found) / 3 + p.rounding(h)


ROWS = 12  # of a Richardson table, each with half the step of the one before


def richardson(curve: Curve, step: float | None, p: Precision) -> tuple[np.ndarray, np.ndarray]:
    """Central differences extrapolated to h = 0: for each element the entry of the table with the
    least error."""
    h = step or 0.02 * p.size
    best = np.full(p.outputs.shape, np.nan)
    error = np.full(p.outputs.shape, np.inf)
    above: list[np.ndarray] = []
    for row in range(ROWS):
        line = [(curve(h) - curve(-h)) / (2 * h)]
        if row == 0:
            best = line[0].astype(np.result_type(line[0], float))
        noise = p.rounding(h)
        for k, before in enumerate(above):
            factor = 4.0 ** (k + 1)
            line.append((factor * line[k] - before) / (factor - 1.0))
            change = np.maximum(np.abs(line[k + 1] - line[k]), np.abs(line[k + 1] - before)) + noise
            better = change < error
            best = np.where(better, line[k + 1], best)
            error = np.where(better, change, error)
        if (error <= 4 * noise).all():
            break
        above, h = line, h / 2
    return best, error


def complex_step(curve: Curve, step: float | None, p: Precision) -> tuple[np.ndarray, np.ndarray]:
    """Im f(ih) / h: exact to rounding, for functions that are analytic and take complex numbers."""
    h = step or (1e-20 if p.epsilon < 1e-10 else 1e-10)
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        found = curve(1j * h)
    if found.dtype.kind != "c" and found.size:
        raise DifferentiationError(
            message("the function gave no complex number for a complex argument")
        )
    found = np.imag(found) / h
    return found, 16 * p.epsilon * np.maximum(np.abs(found), p.outputs / p.size)


METHODS: dict[str, Callable] = {
    "forward": forward_difference,
    "central": central_difference,
    "richardson": richardson,
    "complex": complex_step,
}

# ------------------------------------------------------------------------------ numerical Jacobians


def finite_difference(
    f: Callable,
    args: Sequence[Any],
    method: str = "central",
    step: float | None = None,
    return_error: bool = False,
    kwargs: dict[str, Any] | None = None,
) -> Any:
    """The Jacobian of a function in all its arguments, by finite differences.

    Args:
        f: a function of numbers, arrays and containers; it runs on plain values and need not be
            traceable.
        args: a tuple or list with all arguments; floats, complex numbers, arrays of them,
            containers of such.
        method: "forward" (error of order h, one call an element), "central" (h**2, two calls),
            "richardson" (extrapolated, some ten digits, up to 24 calls) or "complex" (a complex
            step, exact to rounding, for analytic functions of real arguments that take complex
            ones).
        step: h; by default eps**(1/2) ("forward") or eps**(1/3) ("central") times max(1, |x|), 0.02
            max(1, |x|) at the start of "richardson", 1e-20 for "complex"; eps is the coarsest
            precision of arguments and outputs.
        return_error: give (jacobian, error), the second an estimate of the first one's error with
            the same structure.
        kwargs: further arguments, by keyword, held constant.

    Returns:
        what `ad.jacobian(f, argnums=(0, 1, ...))` gives: each output leaf is replaced by a tuple of
        the arguments, whose leaves have the output's axes, then the argument's; floats for numbers.
        A complex argument gives df/dx - i df/dy for a real output, the complex derivative for a
        complex one (taken to be holomorphic).

    Raises:
        ValueError: there is no such method.
        DifferentiationError: an argument is no float, or the method cannot be used.

    >>> from adjoint.testing import finite_difference
    >>> finite_difference(lambda x, y: x**2 * y + y + 2, (3.0, 4.0), method="forward", step=1e-4)
    (24.000400000048216, 10.000000000047748)
    >>> finite_difference(lambda x: x**3, (2.0,), method="complex")
    (12.0,)
    """
    if method not in METHODS:
        raise ValueError(
            message(
                f"finite_difference got method={method!r}",
                expected=f"one of {', '.join(map(repr, METHODS))}",
                operation="finite_difference",
            )
        )
    args = arguments(args, "finite_difference")
    leaves, structure = tree.flatten(args)
    labels = leaf_labels(f, args)
    leaves = [
        differentiable(x, "finite_difference", label)
        for x, label in zip(leaves, labels, strict=True)
    ]
    complex_leaf = next((x for x in leaves if type_of(x).dtype.kind == "c"), None)
    if method == "complex" and complex_leaf is not None:
        raise DifferentiationError(
            message(
                "finite_difference(method='complex') got a complex argument, "
                f"{type_of(complex_leaf)}",
                expected="real arguments (the step is taken along the imaginary axis)",
                instead='`method="richardson"`',
                operation="finite_difference",
            )
        )

    def call(values: Sequence[Any]) -> Any:
        return f(*tree.unflatten(structure, [fresh_copy(x) for x in values]), **(kwargs or {}))

    with np.errstate(all="ignore"):
        outputs, out_structure = tree.flatten(call(leaves))
        types = [type_of(x) for x in outputs]
        inexact = [t for t in types if is_inexact(t.dtype)]
        start = joined(outputs)
        real = np.concatenate(
            [np.full(t.size, t.dtype.kind != "c") for t in inexact] or [np.empty(0, bool)]
        )
        epsilon = coarsest([*[type_of(x) for x in leaves], *inexact])
        found, errors = [], []
        for i, leaf in enumerate(leaves):
            columns = [np.zeros((start.size, 0))]
            widths = [np.zeros((start.size, 0))]
            for k in range(type_of(leaf).size):
                x = np.asarray(leaf).reshape(-1)[k]
                p = Precision(
                    epsilon, max(1.0, float(abs(x))) if np.isfinite(x) else 1.0, np.abs(start)
                )

                def along(t: Any, unit: complex = 1.0, i: int = i, k: int = k) -> np.ndarray:
                    moved = [shifted(y, t * unit, k) if j == i else y for j, y in enumerate(leaves)]
                    return joined(tree.flatten(call(moved))[0])

                column, width = METHODS[method](along, step, p)
                if type_of(leaf).dtype.kind == "c" and real.any():
                    other, more = METHODS[method](lambda t, along=along: along(t, 1j), step, p)
                    column = np.where(real, column - 1j * other, column)
                    width = np.where(real, width + more, width)
                columns.append(column[:, None])
                widths.append(width[:, None])
            found.append(np.concatenate(columns, axis=1))
            errors.append(np.concatenate(widths, axis=1))

    def assemble(matrices: list[np.ndarray], only_real: bool) -> Any:
        parts, begin = [], 0
        for output, t in zip(outputs, types, strict=True):
            row = []
            for leaf, matrix in zip(leaves, matrices, strict=True):
                s = type_of(leaf)
                block = None
                if is_inexact(t.dtype):
                    dtype = np.result_type(t.dtype, s.dtype)
                    block = matrix[begin : begin + t.size]
                    block = block.astype(real_dtype(dtype) if only_real else dtype).reshape(
                        (*t.shape, *s.shape)
                    )
                elif only_real:
                    block = np.zeros((*t.shape, *s.shape))
                row.append(
                    like_block(
                        block, output, 0.0 if only_real and not s.shape and s.weak else leaf, t, s
                    )
                )
            begin += t.size if is_inexact(t.dtype) else 0
            parts.append(tree.unflatten(structure, row))
        return tree.unflatten(out_structure, parts)

    jacobian = assemble(found, False)
    return (jacobian, assemble(errors, True)) if return_error else jacobian


def arguments(args: Any, name: str) -> tuple:
    """The arguments as a tuple."""
    if not isinstance(args, (tuple, list)):
        raise TypeError(
            message(
                f"{name} got args of type {type(args).__name__}",
                expected="a tuple or list with all arguments",
                instead=f"`{name}(f, (x,))`",
                operation=name,
            )
        )
    return tuple(args)


def leaf_labels(f: Callable, args: tuple) -> list[str]:
    """What each leaf of the arguments is called: `weights['w'][0]`."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
        names = [
            p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        names = []
    found = []
    for i, one in enumerate(args):
        name = names[i] if i < len(names) else f"argument {i}"
        found += [name + path for path in tree.paths(one)]
    return found


def fresh_copy(x: Any) -> Any:
    """A copy of an array, so that the function may write into it."""
    return x.copy() if isinstance(x, np.ndarray) else x


def shifted(x: Any, t: Any, k: int) -> Any:
    """x with t added to its element k."""
    if not isinstance(x, np.ndarray):
        return x + (t if type_of(x).weak else np.result_type(type_of(x).dtype, type(t)).type(t))
    moved = x.astype(np.result_type(x, type(t)(0)))
    moved.reshape(-1)[k : k + 1] += t
    return moved


def joined(outputs: Sequence[Any]) -> np.ndarray:
    """All inexact elements as one vector of float64 or complex128."""
    parts = [np.asarray(x).reshape(-1) for x in outputs if is_inexact(type_of(x).dtype)]
    whole = np.concatenate(parts) if parts else np.empty(0)
    return whole.astype(complex if whole.dtype.kind == "c" else float)


def coarsest(types: Sequence[Any]) -> float:
    """The relative rounding error of the coarsest of some inexact types."""
    return max([float(np.finfo(t.dtype).eps) for t in types], default=float(np.finfo(float).eps))


# -------------------------------------------------------------------------------------- comparisons


class GradientError(AssertionError):
    """Derivatives disagree with finite differences; `report` holds all comparisons."""

    def __init__(self, text: str, report: Report) -> None:
        super().__init__(text)
        self.report = report


@dataclass(frozen=True)
class Comparison:
    """One comparison: the derivative of some order in one mode, along a random direction of one
    argument leaf.

    `mode` reads from the inside: "forward, reverse" is reverse mode of a forward-mode derivative.
    """

    order: int
    mode: str
    direction: str
    expected: float
    found: float
    tolerance: float

    @property
    def error(self) -> float:
        """How far found and expected are apart."""
        return 0.0 if self.found == self.expected else abs(self.found - self.expected)

    @property
    def ok(self) -> bool:
        """Whether the difference is within the tolerance; two NaN agree."""
        return self.error <= self.tolerance or (
            self.found != self.found and self.expected != self.expected
        )


@dataclass(frozen=True)
class Report:
    """All comparisons of one check; `ok` if all agree.  `str` gives a table."""

    function: str
    rows: tuple[Comparison, ...]
    seed: int

    @property
    def ok(self) -> bool:
        """Whether all comparisons agree."""
        return all(row.ok for row in self.rows)

    @property
    def failures(self) -> tuple[Comparison, ...]:
        """The comparisons that do not agree."""
        return tuple(row for row in self.rows if not row.ok)

    def __str__(self) -> str:
        head = ("order", "mode", "direction", "expected", "found", "error", "tolerance", "ok")
        lines = [head]
        for row in self.rows:
            numbers = (
                f"{row.expected:.12g}",
                f"{row.found:.12g}",
                f"{row.error:.2e}",
                f"{row.tolerance:.2e}",
            )
            lines.append(
                (str(row.order), row.mode, row.direction, *numbers, "yes" if row.ok else "NO")
            )
        widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
        table = [
            "  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        count = len(self.failures)
        verdict = "all agree" if not count else f"{count} of {len(self.rows)} disagree"
        return "\n".join([f"derivatives of {self.function}, seed {self.seed}: {verdict}", *table])

    __repr__ = __str__


MODES = ("forward", "reverse")


def check_grads(
    f: Callable,
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = MODES,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
    kwargs: dict[str, Any] | None = None,
    gradient: Callable | None = None,
) -> Report:
    """Compare the derivatives of a function with finite differences, in random directions, both
    modes, up to an order.

    A derivative of order k is compared with the finite difference of the one of order k-1, for
    every sequence of modes; the result is contracted with a random cotangent.  There is one
    direction for each argument leaf, so that a row that fails names the leaf. The reference is a
    complex step where the function takes complex numbers and is analytic, Richardson extrapolation
    otherwise.

    Args:
        f: a function of numbers, arrays and containers that gives the same.
        args: a tuple or list with all arguments.  Leaves that are no floats or complex numbers
            (integers, strings) are held constant, as are integer outputs.
        order: the highest order of derivative.
        modes: of "forward" and "reverse".
        rtol, atol: relative and absolute tolerance; by default 10 sqrt(eps), and the same times the
            size of the contracted outputs (at most 1) plus 1000 eps, with the eps of the coarsest
            dtype.  Unless both are given, ten times the estimated error of the reference is added.
        seed: of the random directions.
        kwargs: further arguments, by keyword, held constant.
        gradient: a hand-written gradient to be compared as well: a function of the same arguments
            that gives what `ad.grad(f)` gives (the gradient in the first argument, or a tuple with
            one for each argument).  Use `modes=()` to check nothing else.

    Returns:
        the report of all comparisons.

    Raises:
        GradientError: an `AssertionError`; some derivatives disagree.  Its text says which, and
            holds the report.

    >>> import numpy as np
    >>> from adjoint.testing import check_grads
    >>> report = check_grads(lambda x, y: np.sin(x) * y, (np.array([1.0, 2.0]), 3.0))
    >>> report.ok, len(report.rows)
    (True, 12)
    """
    args = arguments(args, "check_grads")
    for mode in modes:
        if mode not in MODES:
            raise ValueError(
                message(
                    f"check_grads got the mode {mode!r}",
                    expected="'forward' or 'reverse'",
                    operation="check_grads",
                )
            )
    rng = np.random.default_rng(seed)
    subject = Subject(f, args, dict(kwargs or {}))
    rows: list[Comparison] = []
    with np.errstate(all="ignore"):
        derivatives: list[tuple[tuple[str, ...], Callable]] = [((), subject)]
        for k in range(1, order + 1) if modes else ():
            following = []
            for word, inner in derivatives:
                rows += compare(subject, inner, k, word, modes, rng, rtol, atol)
                if k < order:
                    following += [
                        ((*word, mode), differentiated(subject, inner, mode, rng)) for mode in modes
                    ]
            derivatives = following
        if gradient is not None:
            rows += compare_given(subject, gradient, rng, rtol, atol)
    report = Report(name_of(f), tuple(rows), seed)
    if not report.ok:
        first = report.failures[0]
        raise GradientError(
            f"order {first.order}, {first.mode} mode: the derivative of {name_of(f)} "
            f"in {first.direction} is wrong: "
            f"{first.found:.12g} found, {first.expected:.12g} expected\n{report}",
            report,
        )
    return report


class Subject:
    """The function that is checked, as a function of its inexact argument leaves that gives its
    inexact output leaves."""

    def __init__(self, f: Callable, args: tuple, kwargs: dict[str, Any]) -> None:
        self.f, self.args, self.kwargs = f, args, kwargs
        self.all_leaves, self.structure = tree.flatten(args)
        self.places = [i for i, x in enumerate(self.all_leaves) if has_derivative(x)]
        self.leaves = [self.all_leaves[i] for i in self.places]
        labels = leaf_labels(f, args)
        self.labels = [labels[i] for i in self.places]
        if not self.leaves:
            raise DifferentiationError(
                message(
                    f"check_grads({name_of(f)}) got no argument with a derivative",
                    expected="a float, a complex number, or an array of them among the arguments",
                    operation="check_grads",
                )
            )
        self.kept: list[int] | None = None
        self.kept = [i for i, x in enumerate(self(*self.leaves)) if is_inexact(type_of(x).dtype)]

    def __call__(self, *leaves: Any) -> list[Any]:
        everything = [fresh_copy(x) for x in self.all_leaves]
        for place, leaf in zip(self.places, leaves, strict=True):
            everything[place] = fresh_copy(leaf)
        outputs = tree.flatten(self.f(*tree.unflatten(self.structure, everything), **self.kwargs))[
            0
        ]
        return outputs if self.kept is None else [outputs[i] for i in self.kept]


def has_derivative(x: Any) -> bool:
    """Whether a leaf is a float, a complex number, or an array of them."""
    if isinstance(x, (float, complex)):
        return True
    return isinstance(x, (np.ndarray, np.generic)) and is_inexact(x.dtype)


def random_like(x: Any, rng: np.random.Generator) -> Any:
    """A random direction with the type of a value."""
    t = type_of(x)
    drawn = rng.standard_normal(t.shape)
    if t.dtype.kind == "c":
        drawn = drawn + 1j * rng.standard_normal(t.shape)
    if isinstance(x, np.ndarray):
        return np.asarray(drawn, t.dtype)
    return t.dtype.type(drawn).item() if t.weak else t.dtype.type(drawn)


def zeros_like(x: Any) -> Any:
    """A zero with the type of a value."""
    return np.zeros_like(x) if isinstance(x, (np.ndarray, np.generic)) else type(x)(0)


def differentiated(
    subject: Subject, inner: Callable, mode: str, rng: np.random.Generator
) -> Callable:
    """The derivative of a list-valued function of the leaves, along a random direction or for
    random cotangents."""
    if mode == "forward":
        tangents = [random_like(x, rng) for x in subject.leaves]
        return lambda *leaves: jvp(inner, leaves, promoted(tangents, leaves))[1]
    cotangents = [random_like(y, rng) for y in inner(*subject.leaves)]

    def pulled(*leaves: Any) -> list[Any]:
        outputs, pullback = vjp(inner, *leaves)
        return list(pullback(promoted(cotangents, outputs)))

    return pulled


def promoted(values: Sequence[Any], like: Sequence[Any]) -> list[Any]:
    """Directions made complex where the values they belong to are complex (in a complex step)."""
    return [
        v + 0j if type_of(x).dtype.kind == "c" else v for v, x in zip(values, like, strict=True)
    ]


def pairing(cotangents: Sequence[Any], values: Sequence[Any]) -> Any:
    """The sum of products, without conjugates."""
    wide = [np.asarray(c, np.result_type(np.asarray(c), float)) for c in cotangents]
    return sum(
        (np.sum(c * np.asarray(y)) for c, y in zip(wide, values, strict=True)),
        start=np.float64(0.0),
    )


def compare(
    subject: Subject,
    inner: Callable,
    order: int,
    word: tuple[str, ...],
    modes: Sequence[str],
    rng: np.random.Generator,
    rtol: float | None,
    atol: float | None,
) -> list[Comparison]:
    """One more derivative of a function of the leaves, in each mode, along a direction of each
    leaf."""
    outputs = inner(*subject.leaves)
    cotangents = [random_like(y, rng) for y in outputs]
    rows = []
    pulled = None
    if "reverse" in modes:
        pulled = vjp(inner, *subject.leaves)[1](cotangents)
    for i, (leaf, label) in enumerate(zip(subject.leaves, subject.labels, strict=True)):
        direction = random_like(leaf, rng)
        expected, uncertain, size = directional(
            inner, subject.leaves, i, direction, outputs, cotangents
        )
        tolerance = allowed(expected, uncertain, size, [*subject.leaves, *outputs], rtol, atol)
        for mode in modes:
            if mode == "forward":
                tangents = [
                    direction if j == i else zeros_like(x) for j, x in enumerate(subject.leaves)
                ]
                found = np.real(pairing(cotangents, jvp(inner, subject.leaves, tangents)[1]))
            else:
                found = np.real(pairing([direction], [pulled[i]]))  # type: ignore[index]
            rows.append(
                Comparison(
                    order, ", ".join((*word, mode)), label, expected, float(found), tolerance
                )
            )
    return rows


def compare_given(
    subject: Subject,
    gradient: Callable,
    rng: np.random.Generator,
    rtol: float | None,
    atol: float | None,
) -> list[Comparison]:
    """The gradient that the user wrote, along a direction of each leaf."""
    outputs = subject(*subject.leaves)
    if (
        len(outputs) != 1
        or type_of(outputs[0]).shape != ()
        or type_of(outputs[0]).dtype.kind == "c"
    ):
        raise DifferentiationError(
            message(
                f"check_grads(gradient=...): {name_of(subject.f)} does not return one real number",
                expected="one number, which has a gradient",
                operation="check_grads",
            )
        )
    given = gradient(
        *tree.unflatten(subject.structure, [fresh_copy(x) for x in subject.all_leaves]),
        **subject.kwargs,
    )
    leaves, structure = tree.flatten(given)
    count = len(subject.places)
    if structure == tree.flatten(subject.args)[1]:
        leaves = [leaves[i] for i in subject.places]
    elif structure == tree.flatten(subject.args[0])[1]:
        inside = [i for i in subject.places if i < len(leaves)]
        leaves, count = [leaves[i] for i in inside], len(inside)
    else:
        raise DifferentiationError(
            message(
                f"check_grads: the given gradient has the structure {tree.show(structure)}",
                expected=f"{tree.show(tree.flatten(subject.args[0])[1])} (of the first argument) "
                "or "
                f"{tree.show(subject.structure)} (of all arguments)",
                operation="check_grads",
            )
        )
    rows = []
    for i in range(count):
        leaf, label = subject.leaves[i], subject.labels[i]
        if np.shape(leaves[i]) != type_of(leaf).shape:
            raise DifferentiationError(
                message(
                    f"check_grads: the given gradient has the shape {np.shape(leaves[i])} "
                    f"in {label}",
                    expected=f"the shape of the argument, {type_of(leaf).shape}",
                    operation="check_grads",
                )
            )
        direction = random_like(leaf, rng)
        expected, uncertain, size = directional(
            subject, subject.leaves, i, direction, outputs, [1.0]
        )
        tolerance = allowed(expected, uncertain, size, [*subject.leaves, *outputs], rtol, atol)
        found = float(np.real(pairing([direction], [leaves[i]])))
        rows.append(Comparison(1, "given", label, expected, found, tolerance))
    return rows


def directional(
    function: Callable,
    leaves: Sequence[Any],
    i: int,
    direction: Any,
    outputs: Sequence[Any],
    cotangents: Sequence[Any],
) -> tuple[float, float, float]:
    """The derivative of <cotangents, function> along a direction of leaf i: value, estimated error,
    size of its terms."""
    types = [type_of(x) for x in (*leaves, *outputs)]
    is_real = all(t.dtype.kind != "c" for t in types)
    wide = np.asarray(direction)
    reach = float(np.max(np.abs(wide), initial=0.0)) or 1.0
    steep = np.max(np.abs(np.asarray(leaves[i])), initial=0.0)
    size = max(1.0, float(steep)) if np.isfinite(steep) else 1.0

    def terms(t: Any) -> np.ndarray:
        # a pullback gives a complex cotangent to complex leaves only
        is_complex = isinstance(t, complex) and not isinstance(function, Subject)
        moved = [x + 0j if is_complex else x for x in leaves]
        step = t * (wide / reach)
        moved[i] = np.asarray(leaves[i] + step, np.result_type(np.asarray(leaves[i]), type(t)(0)))
        if not isinstance(leaves[i], np.ndarray):
            moved[i] = moved[i].item() if type_of(leaves[i]).weak else moved[i][()]
        found = [
            np.sum(np.asarray(c, complex) * np.asarray(y))
            for c, y in zip(cotangents, function(*moved), strict=True)
        ]
        total = np.asarray([sum(found, start=0j)])
        return total if isinstance(t, complex) else total.real

    scale = np.asarray(
        [
            sum(
                float(np.sum(np.abs(np.asarray(c) * np.asarray(y))))
                for c, y in zip(cotangents, outputs, strict=True)
            )
        ]
    )
    p = Precision(coarsest(types), size, scale)
    value, error = richardson(terms, None, p)
    if is_real:
        try:
            better, smaller = complex_step(terms, None, p)
        except Exception:  # whatever the user's function raises: it takes no complex numbers
            pass
        else:
            if abs(better[0] - value[0]) <= 10 * error[0] + 1e-6 * abs(value[0]):
                value, error = better, smaller
    return float(value[0]) * reach, float(error[0]) * reach, float(scale[0])


def allowed(
    expected: float,
    uncertain: float,
    size: float,
    values: Sequence[Any],
    rtol: float | None,
    atol: float | None,
) -> float:
    """The tolerance of a comparison."""
    epsilon = coarsest([type_of(x) for x in values])
    usual = 10 * epsilon**0.5
    relative = usual if rtol is None else rtol
    absolute = usual * min(1.0, size) + 1000 * epsilon if atol is None else atol
    estimated = 10 * uncertain if np.isfinite(uncertain) else 0.0
    return (
        absolute + relative * abs(expected) + (estimated if rtol is None or atol is None else 0.0)
    )
