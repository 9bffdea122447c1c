"""Intervals: an expression's values over ranges of its symbols, enclosed.

Enters: intervals, and whatever NumPy function, method or operator works on a traced value.  Leaves:
intervals that contain every value that the operation takes on the numbers of its inputs.  The idea:
one more handle; each operation on it looks up a rule by the name of its primitive, and one without
a rule is refused by name, so that no enclosure is ever unsound.

Every bound is moved outwards: by one unit in the last place after operations that IEEE 754 rounds
correctly, by `SLACK` units after the functions of NumPy's mathematical library, whose errors are
below that.  Where a function is not defined on all numbers (`log` below 0) the bounds are NaN.

Source: Moore, Kearfott and Cloud, *Introduction to Interval Analysis* (2009), chapters 2 and 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ...base.dtypes import readable, type_of
from ...base.errors import TracingError, message
from ...graph import op
from ...graph.op import Traced
from ...graph.primitive import Primitive
from .handle import Unknown

SLACK = 8  # units in the last place: twice the largest error that NumPy states for its functions
Bounds = tuple[Any, Any]


class Interval(Unknown):
    """All numbers from `low` to `high`, for each element.

    Args:
        low: a number or an array of numbers.
        high: of the same shape, nowhere below `low`; `low` itself where it is left out.

    The enclosures are sound but not the narrowest: each operation forgets that its inputs belong
    together, `x - x` over [0, 1] is [-1, 1].  Bounds are NaN where a function is not defined on all
    numbers.  A comparison that holds for some numbers only is undecided: `np.where` then encloses
    both branches, and `bool` of it is an error.

    Raises:
        ValueError: a bound is no real number, or `low` is above `high`.
        TracingError: of an operation that has no rule; of `bool(x < y)` where that is undecided.

    Source: Moore, Kearfott and Cloud, *Introduction to Interval Analysis* (2009), chapters 2 and 5.

    >>> import adjoint as ad
    >>> x, y = ad.symbols("x y")
    >>> found = (x**2 + y).evaluate(x=ad.symbolic.Interval(-1, 2), y=3.0)
    >>> round(float(found.low), 9), round(float(found.high), 9)
    (3.0, 7.0)
    """

    __slots__ = ("alias", "high", "low")
    level = -0.5  # type: ignore[assignment]  # above expressions, below traces
    weak = False

    def __init__(self, low: Any, high: Any = None) -> None:
        low, high = checked(low), checked(low if high is None else high)
        if low.shape != high.shape or not bool(np.all(low <= high)):
            raise ValueError(
                message(
                    f"an interval got the bounds {low} and {high}",
                    expected="bounds of one shape, the lower one first",
                    instead="`Interval(low, high)`",
                )
            )
        self.alias = None
        self.low, self.high = low[()], high[()]

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return np.shape(self.low)

    @property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        return np.asarray(self.low).dtype  # float64, or bool for an undecided mask

    @property
    def middle(self) -> Any:
        """The numbers half way between the bounds."""
        return self.low + (self.high - self.low) / 2

    @property
    def width(self) -> Any:
        """How far the bounds are apart."""
        return self.high - self.low

    def contains(self, value: Any) -> Any:
        """Whether numbers lie between the bounds, for each element."""
        return (self.low <= value) & (value <= self.high)

    def process(self, primitive: Primitive, inputs: tuple, parameters: dict[str, Any]) -> Any:
        """Apply the rule of an operation."""
        rule = RULES.get(primitive.name)
        if rule is None:
            raise TracingError(
                message(
                    f"{primitive.name} has no rule for intervals",
                    expected=f"one of {', '.join(sorted(RULES))}",
                    operation=primitive.name,
                )
            )
        bounds = [bounds_of(x) for x in inputs]
        with np.errstate(all="ignore"):
            low, high = rule(*bounds, **parameters)
        if np.asarray(low).dtype.kind == "b":
            return low if np.array_equal(low, high) else interval(low, high)
        lost = np.where(np.isnan(low) | np.isnan(high), np.nan, 0.0)[()]
        return interval(low + lost, high + lost)

    # --------------------------------------------------------------------------------- questions

    def concrete(self, what: str) -> Any:
        raise self.no_number(what)

    def no_number(self, asked: str) -> TracingError:
        return TracingError(
            message(
                f"the interval {self} was asked for a plain number",
                expected="operations on all of its numbers",
                instead="`x.low`, `x.high` or `x.middle`; `np.where(mask, a, b)` for a branch",
                operation=asked,
            )
        )

    def held(self) -> Any:
        return self.middle

    def hold(self, value: Any) -> None:
        """Nothing is held."""

    def twin(self) -> Any:
        return self

    def shown(self) -> Any:
        return f"[{self.low}, {self.high}]"

    def __repr__(self) -> str:
        return self.shown()

    __str__ = __repr__

    def __reduce__(self) -> Any:
        return interval, (self.low, self.high)

    def __hash__(self) -> NoReturn:  # type: ignore[override]
        raise self.no_number("hash()")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise self.no_number("np.asarray()")


def checked(bound: Any) -> np.ndarray:
    """A bound as an array of floats."""
    found = np.asarray(bound)
    if found.dtype.kind not in "biuf":
        raise ValueError(message(f"an interval got the bound {bound!r}", expected="real numbers"))
    return found.astype(float)


def interval(low: Any, high: Any) -> Interval:
    """The interval of bounds that are known to be in order (or NaN)."""
    made = Interval.__new__(Interval)
    made.alias = None
    made.low, made.high = np.broadcast_arrays(low, high) if np.shape(low) else (low, high)
    return made


def bounds_of(x: Any) -> Any:
    """The bounds of an operand; a mask, or a plain number that is a float, is itself twice."""
    if isinstance(x, Interval):
        return x.low, x.high
    kind = type_of(x).dtype.kind
    if isinstance(x, Traced) or kind not in "biuf":
        raise TracingError(
            message(f"an interval met {readable(x)}", expected="real numbers and other intervals")
        )
    if kind == "b":
        return x, x
    value = np.asarray(x).astype(float)[()]
    is_exact = np.abs(value) <= 1 << 53 if kind in "iu" else np.asarray(x).dtype.itemsize <= 8
    if np.all(is_exact):
        return value, value
    return outwards(value, value)  # a large integer, or a long double, lies between two floats


def outwards(low: Any, high: Any, units: int = 1) -> Bounds:
    """Bounds moved outwards by units in the last place."""
    for _ in range(units):
        low, high = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)
    return low, high


# ------------------------------------------------------------------------------------------- rules

RULES: dict[str, Callable] = {}


def rule(*names: str) -> Callable:
    """Register the rule of primitives: of bounds, to bounds."""

    def register(function: Callable) -> Callable:
        for name in names:
            RULES[name] = function
        return function

    return register


def hull(*values: Any) -> Bounds:
    """The least and the largest of several values, NaN where one is NaN."""
    return np.minimum.reduce(values), np.maximum.reduce(values)


def rising(
    function: Callable, units: int = SLACK, least: float = -np.inf, most: float = np.inf
) -> Callable:
    """The rule of a function that rises everywhere in its domain, with values in a known range."""

    def bounds(x: Bounds) -> Bounds:
        low, high = outwards(function(x[0]), function(x[1]), units)
        return np.maximum(low, least), np.minimum(high, most)

    return bounds


HALF_PI = float(np.nextafter(np.pi / 2, 2))
PI = float(np.nextafter(np.pi, 4))
RULES |= {
    "exp": rising(np.exp, least=0.0), "exp2": rising(np.exp2, least=0.0),
    "expm1": rising(np.expm1, least=-1.0), "log": rising(np.log), "log2": rising(np.log2),
    "log10": rising(np.log10), "log1p": rising(np.log1p), "cbrt": rising(np.cbrt),
    "sqrt": rising(np.sqrt, 1, 0.0), "safe_sqrt": rising(np.sqrt, 1, 0.0),
    "sinh": rising(np.sinh), "tanh": rising(np.tanh, least=-1.0, most=1.0),
    "arcsinh": rising(np.arcsinh), "arccosh": rising(np.arccosh, least=0.0),
    "arctanh": rising(np.arctanh), "arctan": rising(np.arctan, least=-HALF_PI, most=HALF_PI),
    "arcsin": rising(np.arcsin, least=-HALF_PI, most=HALF_PI),
    "degrees": rising(np.degrees), "radians": rising(np.radians),
    "floor": rising(np.floor, 0), "ceil": rising(np.ceil, 0), "trunc": rising(np.trunc, 0),
    "rint": rising(np.rint, 0), "sign": rising(np.sign, 0), "positive": rising(np.positive, 0),
    "variable": rising(np.positive, 0), "named": rising(np.positive, 0),
    "python_scalar": rising(np.positive, 0), "stop_gradient": rising(np.positive, 0),
}  # fmt: skip


@rule("arccos")
def arccos(x: Bounds) -> Bounds:
    low, high = outwards(np.arccos(x[1]), np.arccos(x[0]), SLACK)
    return np.maximum(low, 0.0), np.minimum(high, PI)


@rule("add")
def add(a: Bounds, b: Bounds) -> Bounds:
    return outwards(a[0] + b[0], a[1] + b[1])


@rule("sub")
def sub(a: Bounds, b: Bounds) -> Bounds:
    return outwards(a[0] - b[1], a[1] - b[0])


@rule("neg")
def neg(x: Bounds) -> Bounds:
    return -x[1], -x[0]


def times(a: Any, b: Any) -> Any:
    """A product of bounds: an infinite bound is a limit, and 0 times it is 0; NaN stays."""
    found = a * b
    is_limit = ((a == 0) & np.isinf(b)) | ((b == 0) & np.isinf(a))
    return np.where(is_limit, 0.0, found)[()]


@rule("mul")
def mul(a: Bounds, b: Bounds) -> Bounds:
    return outwards(*hull(*[times(x, y) for x in a for y in b]))


@rule("div")
def div(a: Bounds, b: Bounds) -> Bounds:
    return mul(a, reciprocal(b))


@rule("reciprocal")
def reciprocal(x: Bounds) -> Bounds:
    """1/x; everything where 0 lies inside, a half line where it is a bound."""
    low, high = x
    inside = (low < 0) & (high > 0)
    least = np.where(inside | (high == 0), -np.inf, 1 / np.asarray(high))
    most = np.where(inside | (low == 0), np.inf, 1 / np.asarray(low))
    nowhere = np.where((low == 0) & (high == 0), np.nan, 0.0)
    return outwards((least + nowhere)[()], (most + nowhere)[()])


@rule("square")
def square(x: Bounds) -> Bounds:
    low, high = absolute(x)
    low, high = outwards(low * low, high * high)
    return np.maximum(low, 0.0), high


@rule("abs")
def absolute(x: Bounds) -> Bounds:
    low, high = x
    inside = (low <= 0) & (high >= 0)
    small, large = hull(np.abs(low), np.abs(high))
    return np.where(inside, 0.0, small)[()], large


@rule("pow")
def power(a: Bounds, b: Bounds) -> Bounds:
    """A whole power by its parity; any other one of a base that is nowhere negative, whose
    extremes lie at the corners."""
    low, high = a
    exponent = b[0]
    if np.ndim(exponent) == 0 and exponent == b[1] and float(exponent).is_integer():
        if exponent < 0:
            return reciprocal(power(a, (-exponent, -exponent)))
        if exponent == 0:
            one = np.where(np.isnan(low) | np.isnan(high), np.nan, 1.0)[()]
            return one, one
        if exponent % 2 == 0:
            small, large = absolute(a)
            low, high = outwards(np.power(small, exponent), np.power(large, exponent), SLACK)
            return np.maximum(low, 0.0), high
        return outwards(np.power(low, exponent), np.power(high, exponent), SLACK)
    corners = [np.power(x, y) for x in a for y in b]
    least, most = outwards(*hull(*corners), SLACK)
    beyond = (low < 0) | np.isnan(low) | np.isnan(high)
    return np.where(beyond, np.nan, np.maximum(least, 0.0))[()], np.where(beyond, np.nan, most)[()]


def wave(function: Callable, top: float) -> Callable:
    """The rule of sin or cos: 1 at `top` + 2 pi k, -1 half a period further."""

    def bounds(x: Bounds) -> Bounds:
        low, high = x
        least, most = outwards(*hull(function(low), function(high)), SLACK)
        margin = 1e-9 * (1 + np.maximum(np.abs(low), np.abs(high)))
        has_top = reaches(low - margin, high + margin, top)
        has_bottom = reaches(low - margin, high + margin, top + np.pi)
        least = np.where(has_bottom, -1.0, np.maximum(least, -1.0))
        most = np.where(has_top, 1.0, np.minimum(most, 1.0))
        is_lost = np.isnan(low) | np.isnan(high)
        return np.where(is_lost, np.nan, least)[()], np.where(is_lost, np.nan, most)[()]

    return bounds


def reaches(low: Any, high: Any, place: float) -> Any:
    """Whether some `place` + 2 pi k lies between bounds (yes, where that cannot be told)."""
    turns = np.ceil((low - place) / (2 * np.pi))
    return ~(place + 2 * np.pi * turns > high)


RULES["sin"] = wave(np.sin, np.pi / 2)
RULES["cos"] = wave(np.cos, 0.0)


@rule("tan")
def tangent(x: Bounds) -> Bounds:
    """tan rises between its poles."""
    low, high = x
    margin = 1e-9 * (1 + np.maximum(np.abs(low), np.abs(high)))
    has_pole = reaches(low - margin, high + margin, np.pi / 2)
    has_pole |= reaches(low - margin, high + margin, -np.pi / 2)
    least, most = outwards(np.tan(low), np.tan(high), SLACK)
    is_lost = np.isnan(low) | np.isnan(high)
    least, most = np.where(has_pole, -np.inf, least), np.where(has_pole, np.inf, most)
    return np.where(is_lost, np.nan, least)[()], np.where(is_lost, np.nan, most)[()]


@rule("cosh")
def cosh(x: Bounds) -> Bounds:
    low, high = absolute(x)
    low, high = outwards(np.cosh(low), np.cosh(high), SLACK)
    return np.maximum(low, 1.0), high


@rule("hypot")
def hypot(a: Bounds, b: Bounds) -> Bounds:
    (a_low, a_high), (b_low, b_high) = absolute(a), absolute(b)
    low, high = outwards(np.hypot(a_low, b_low), np.hypot(a_high, b_high), SLACK)
    return np.maximum(low, 0.0), high


@rule("maximum")
def maximum(a: Bounds, b: Bounds) -> Bounds:
    return np.maximum(a[0], b[0]), np.maximum(a[1], b[1])


@rule("minimum")
def minimum(a: Bounds, b: Bounds) -> Bounds:
    return np.minimum(a[0], b[0]), np.minimum(a[1], b[1])


@rule("clip")
def clip(x: Bounds, low: Bounds, high: Bounds) -> Bounds:
    return minimum(maximum(x, low), high)


@rule("convert")
def convert(x: Bounds, *, dtype: np.dtype) -> Bounds:
    """To floats of the same precision."""
    if dtype != np.dtype(float):
        raise TracingError(
            message(f"an interval was converted to {dtype}", expected="float64", operation="astype")
        )
    return np.asarray(x[0]).astype(float)[()], np.asarray(x[1]).astype(float)[()]


# Comparisons: whether they hold for all numbers, and whether they may hold for some.


@rule("less")
def less(a: Bounds, b: Bounds) -> Bounds:
    return a[1] < b[0], ~np.asarray(a[0] >= b[1])[()]


@rule("less_equal")
def less_equal(a: Bounds, b: Bounds) -> Bounds:
    return a[1] <= b[0], ~np.asarray(a[0] > b[1])[()]


@rule("equal")
def equal(a: Bounds, b: Bounds) -> Bounds:
    is_one = (a[0] == a[1]) & (b[0] == b[1]) & (a[0] == b[0])
    return is_one, ~np.asarray((a[1] < b[0]) | (b[1] < a[0]))[()]


@rule("logical_not", "invert")
def logical_not(x: Bounds) -> Bounds:
    return ~mask(x[1])[()], ~mask(x[0])[()]


RULES |= {
    "greater": lambda a, b: less(b, a),
    "greater_equal": lambda a, b: less_equal(b, a),
    "not_equal": lambda a, b: logical_not(equal(a, b)),
}


@rule("logical_and", "bitwise_and")
def logical_and(a: Bounds, b: Bounds) -> Bounds:
    return (mask(a[0]) & mask(b[0]))[()], (mask(a[1]) & mask(b[1]))[()]


@rule("logical_or", "bitwise_or")
def logical_or(a: Bounds, b: Bounds) -> Bounds:
    return (mask(a[0]) | mask(b[0]))[()], (mask(a[1]) | mask(b[1]))[()]


def mask(x: Any) -> np.ndarray:
    """Truth values; numbers are none here."""
    found = np.asarray(x)
    if found.dtype.kind != "b":
        raise TracingError(message("an interval was taken for a mask", instead="`x != 0`"))
    return found


@rule("select")
def select(choice: Bounds, a: Bounds, b: Bounds) -> Bounds:
    """One branch where the mask is decided, both elsewhere."""
    always, possibly = mask(choice[0]), mask(choice[1])
    both = hull(a[0], b[0])[0], hull(a[1], b[1])[1]
    low = np.where(always, a[0], np.where(possibly, both[0], b[0]))
    high = np.where(always, a[1], np.where(possibly, both[1], b[1]))
    return low[()], high[()]


# Arrays: elements are moved, or reduced.


def each_bound(name: str) -> Callable:
    """The rule of an operation that rises in every element and does not round."""

    def bounds(*inputs: Bounds, **parameters: Any) -> Bounds:
        evaluate = op.registry[name].evaluate
        low = evaluate(*[np.asarray(x[0]) for x in inputs], **parameters)
        return low, evaluate(*[np.asarray(x[1]) for x in inputs], **parameters)

    return bounds


MOVING = "reshape broadcast_to transpose slice at flip roll concatenate stack max min".split()
RULES |= {name: each_bound(name) for name in MOVING}


@rule("sum")
def total(x: Bounds, *, axes: tuple[int, ...]) -> Bounds:
    """A sum in any order: each addition rounds by half a unit of the sum of all sizes at most."""
    low, high = x
    count = np.prod([np.shape(low)[k] for k in axes], dtype=float)
    sizes = np.sum(np.maximum(np.abs(low), np.abs(high)), axis=axes)
    slack = (count + 2) * np.finfo(float).eps * sizes
    slack = np.where(np.isinf(slack), 0.0, slack)
    return outwards(np.sum(low, axis=axes) - slack, np.sum(high, axis=axes) + slack)
