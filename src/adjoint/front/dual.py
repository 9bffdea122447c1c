"""Dual numbers: a value and its tangent, v + t ε with ε² = 0.

Enters: numbers or arrays, and their tangents.  Leaves: duals, from every operator, method and NumPy
function that a traced value takes.  The idea: evaluate an operation on the values, and push the
tangents by the derivative that its primitive declares; so a primitive that is declared tomorrow
works with duals tomorrow.

The parts of a dual may be duals (hyper-dual numbers, for higher derivatives), expressions or
traced values.  Each nesting has an ε of its own: a dual stands one level above its parts, and to it
a value of a lower level is a constant.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), section 3.1 and chapter 13; Fike and
Alonso, *The development of hyper-dual numbers for exact second-derivative calculations* (2011).
"""

from __future__ import annotations

from collections.abc import Callable
from math import floor
from typing import Any, NoReturn

import numpy as np

from ..base.dtypes import Type, is_inexact, python_kind, readable, type_of
from ..base.errors import DifferentiationError, TracingError, message, user_position
from ..graph import op
from ..graph.node import Node
from ..graph.op import Traced, apply
from ..graph.primitive import Primitive, Zero
from ..transform.linearize import convert, fit, push
from .batch import BatchTensor
from .operands import as_operand, numeric
from .protocols import refused_by_scipy, scipy_caller
from .trace import RecordingTensor, Tensor, settled
from .writing import VIEWS, from_inside, link

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Dual(Tensor):
    """A value and its tangent, which every operation carries along: `v + t ε` with `ε² = 0`.

    Args:
        value: a real or complex number or an array (or nested lists) of them; integers become
            floats. Also a dual (the result is hyper-dual), an expression or a traced value.
        tangent: of the value's shape, and of a dtype that fits into the value's.  The number 0, the
            default, is the zero of any shape: a constant.

    A constant is `Dual(c)`, the variable of a derivative `Dual(x, 1.0)`.  Comparisons and `bool`
    look at the value and give plain answers.  Results that are integers or booleans are plain.  A
    number whose tangent is 0 from the start stays a constant: `Dual(-2.0, 1.0) ** Dual(2.0)` is
    `(-2.0)**2`, although the logarithm of -2 is none.

    Second derivatives by nesting: `y = f(Dual(Dual(x, 1), 1))`; then `y.value.value` is f(x),
    `y.value.tangent` and `y.tangent.value` are f'(x), and `y.tangent.tangent` is f''(x).

    All duals that are not nested share one ε, all duals of duals a second one, and so on: a dual
    meets a deeper one as its constant part, `Dual(a, b)` counts as `Dual(Dual(a, b), 0)` there.
    Duals are numbers, and do not know which derivative they were made for.  So a derivative that
    is taken inside of another one is best taken by `ad.derivative`, `ad.grad` or `ad.jvp`, which
    keep their variables apart (and may be given duals).  By hand it needs a nested variable also at
    a constant point, `Dual(Dual(1.0), 1.0)`: `Dual(1.0, 1.0)` there is the outer variable again,
    as the last example shows.

    Raises:
        DifferentiationError: the parts have different shapes, or the tangent is complex where the
            value is real, or one of them is no number.
        TracingError: `float(dual)`, `np.asarray(dual)` and what else would lose the tangent.

    >>> import adjoint as ad, numpy as np
    >>> ad.Dual(3, 4) + 3
    6.0 + 4.0ε
    >>> x = ad.Dual(6.0, 1.0)
    >>> (x + 2) * (x - 3) / (x - 4)
    12.0 - 0.5ε
    >>> np.sin(ad.Dual(np.array([0.0, 0.0]), np.array([1.0, 2.0]))).tangent
    array([1., 2.])

    The derivative of x d(x + y)/dy, which is x: taken by `ad.derivative`, and with one ε for both.

    >>> x = ad.Dual(3.0, 1.0)
    >>> x * ad.derivative(lambda y: x + y)(1.0)
    3.0 + 1.0ε
    >>> x * (x + ad.Dual(1.0, 1.0)).tangent  # d(x + y), not along y alone
    6.0 + 2.0ε

    Source: Griewank and Walther, *Evaluating Derivatives* (2008), section 3.1.
    """

    __slots__ = ("alias", "level", "slope", "value")

    value: Any
    slope: Any  # the tangent; None: that of a number which does not move

    def __init__(self, value: Any, tangent: Any = 0) -> None:
        is_constant = type(tangent) in (int, float) and tangent == 0
        value = part(value, "value")
        t = type_of(value)
        tangent = standing(value) if is_constant else matching(part(tangent, "tangent"), value)
        levels = [x.level for x in (value, tangent) if isinstance(x, Traced)]
        top = max([0, *levels])
        self.alias = None
        self.value = value
        self.slope = tangent if is_constant else like(fit(tangent, t), value)
        self.level = (top + floor(top) + 1) / 2  # type: ignore[assignment]  # below the next trace

    @property
    def tangent(self) -> Any:
        """What stands before the ε, of the value's shape and dtype."""
        return zero_like(self.value) if self.slope is None else self.slope

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return type_of(self.value).shape

    @property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        return type_of(self.value).dtype

    @property
    def weak(self) -> bool:  # type: ignore[override]
        return type_of(self.value).weak

    def process(self, primitive: Primitive, inputs: tuple, parameters: dict[str, Any]) -> Any:
        """Evaluate the operation on the values, and push the tangents through it."""
        values: list[Any] = []
        tangents: list[Any] = []
        for x in inputs:
            if type(x) is Dual and x.level == self.level:
                values.append(x.value)
                tangents.append(x.slope)
            else:
                values.append(numeric(x) if isinstance(x, np.ndarray) else x)
                tangents.append(None)
        output = apply(primitive, tuple(values), parameters)
        if primitive.name == "stop_gradient":
            return output
        several = output if type(output) is tuple else (output,)
        types = [type_of(x) for x in several]
        if not any(is_inexact(t.dtype) for t in types):
            return output
        found = pushed(primitive, values, tangents, parameters, output, types)
        is_view = primitive in VIEWS
        made = tuple(
            [
                self.made(y, dy, is_view, (values, tangents)) if is_inexact(t.dtype) else y
                for y, dy, t in zip(several, found, types, strict=True)
            ]
        )
        if type(output) is tuple:
            return made
        if is_view:
            link(inputs[0], made[0], primitive, parameters)
        return made[0]

    def made(self, value: Any, tangent: Any, is_view: bool, given: tuple[list, list]) -> Dual:
        """A result on this level; only views share memory with what they are made of."""
        if tangent is None:
            tangent = standing(value)
        else:
            tangent = like(fit(tangent, type_of(value)), value)
        if not is_view:
            value, tangent = own(value, given[0]), own(tangent, given[1])
        return dual_of(value, tangent, self.level)

    # ------------------------------------------------------------------------- in place, and copies

    def held(self) -> Any:
        return self.value

    known = held

    def hold(self, value: Any) -> None:
        self.value = value

    def become(self, new: Any) -> None:
        if type(new) is Dual and new.level == self.level:
            self.value, self.slope = new.value, new.slope
            return
        if isinstance(new, Traced) and new.level > self.level:
            raise from_inside(self)
        self.value, self.slope = new, standing(new)

    def twin(self) -> Any:
        return dual_of(own(self.value, None), own(self.slope, None), self.level)

    def __reduce__(self) -> Any:
        return Dual, (self.value, 0 if self.slope is None else self.slope)

    # ------------------------------------------------------------------------------------ questions

    def concrete(self, what: str) -> Any:
        value = self.value
        return value.concrete(what) if isinstance(value, Tensor) else value

    def is_zero(self) -> bool:
        return asked(self.value, "is_zero", lambda x: x == 0)

    def is_negative(self) -> bool:
        return self.dtype.kind != "c" and asked(self.value, "is_negative", lambda x: x < 0)

    def is_nan(self) -> bool:
        return asked(self.value, "is_nan", np.isnan)

    def is_unsound(self) -> bool:
        return asked(self.value, "is_unsound", lambda x: not np.isfinite(x))

    def is_whole(self) -> bool:
        return asked(self.value, "is_whole", lambda x: np.trunc(x) == x)

    def check(self) -> None:
        """Raise where traced parts would pass the border of a transform inside of a dual."""
        if self.level >= 1:
            raise TracingError(
                message(
                    f"a dual number whose parts are traced values ({readable(self)}) was an "
                    "argument or a result of a transform, which would lose their derivative",
                    expected="traced values themselves",
                    instead="`return x.value, x.tangent`, and the dual number inside the function",
                )
            )

    def no_number(self, asked: str) -> TracingError:
        return TracingError(
            message(
                f"a dual number ({self}) was asked for a plain number, and would lose its tangent",
                expected=f"NumPy's functions: `{asked}()` and Python's `math` module take numbers "
                "only",
                instead=f"`np.sin(x)` for `math.sin(x)`; `x.value` for `{asked}(x)` if the value "
                "alone is meant, `x.tangent` for the tangent",
                operation=asked,
            )
        )

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        if caller := scipy_caller():
            raise refused_by_scipy(caller, type_of(self))
        raise TracingError(
            message(
                f"a dual number ({readable(self)}) was to become a plain array, and would lose its "
                "tangent",
                expected="functions that keep dual numbers (NumPy's functions, methods and "
                "operators)",
                instead="`x.value` or `x.tangent` for one of its parts; `np.stack([...])` for "
                "`np.array([...])`; a dual array, `ad.Dual(a)`, for `a` in `a[i] = x`",
            )
        )

    def __hash__(self) -> NoReturn:  # type: ignore[override]
        raise TracingError(
            message(
                f"a dual number ({readable(self)}) was used as a key of a dictionary, put into a "
                "set or given to a cached function",
                expected="keys that are plain values",
                instead="`(x.value, x.tangent)` as the key if both are numbers",
            )
        )

    # ------------------------------------------------------------------------------------- printing

    def shown(self) -> Any:
        return written(self, str, depth(self) == 1)

    def __format__(self, spec: str) -> str:
        return written(self, lambda x: formatted(x, spec), depth(self) == 1) if spec else str(self)

    def __repr__(self) -> str:
        return str(self)


def dual_of(value: Any, slope: Any, level: Any) -> Dual:
    """A dual of parts that fit, on a given level."""
    made = Dual.__new__(Dual)
    made.alias, made.value, made.slope, made.level = None, value, slope, level
    return made


def pushed(
    primitive: Primitive,
    values: list[Any],
    tangents: list[Any],
    parameters: dict[str, Any],
    output: Any,
    types: list[Type],
) -> tuple:
    """The tangents of an operation's outputs (None: zero)."""
    if isinstance(primitive.derivative, Zero) or all(t is None for t in tangents):
        return (None,) * len(types)
    inputs, position = tuple([type_of(x) for x in values]), user_position(4)
    if type(output) is tuple:
        node = Node(primitive, inputs, parameters, None, tuple(types), False, position)
    else:
        node = Node(primitive, inputs, parameters, *types[0], position)
    with np.errstate(all="ignore"):
        found = push(node, tangents, lambda _node: (values, output))
    if found is None:
        return (None,) * len(types)
    return tuple(found) if type(output) is tuple else (found,)


# ------------------------------------------------------------------------------------------- parts


def part(x: Any, what: str) -> Any:
    """A part of a dual as a float, a complex number, an array of the dual's own, or a handle."""
    x = as_operand(x)
    if isinstance(x, Traced):
        x = x if type(x) is Dual else settled(x)
    if isinstance(x, Tensor):
        if x.dtype.kind in "iu":
            return op.convert(x, dtype=np.dtype(float))
        if is_inexact(x.dtype):
            return x.twin() if isinstance(x, (RecordingTensor, BatchTensor, Dual)) else x
    elif isinstance(x, np.ndarray) and not isinstance(x, np.matrix | np.ma.MaskedArray):
        if x.dtype.kind in "iufc":
            return np.array(x, x.dtype if x.dtype.kind in "fc" else float)
    elif isinstance(x, np.inexact) or type(x) in (float, complex):
        return x
    elif isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        return np.float64(x) if isinstance(x, np.integer) else float(x)
    elif isinstance(x, (float, complex)):
        return float(x) if isinstance(x, float) else complex(x)
    came = f"an array of dtype {x.dtype}" if type(x) is np.ndarray else f"a {type(x).__name__}"
    raise DifferentiationError(
        message(
            f"ad.Dual got {came} as its {what}",
            expected="a number or an array of numbers, a dual, an expression or a traced value",
            instead="`ad.Dual(x, 1.0)` with floats",
            operation="Dual",
        )
    )


def matching(tangent: Any, value: Any) -> Any:
    """A tangent that fits its value: of the same shape, and complex only where the value is."""
    t, found = type_of(value), type_of(tangent)
    if found.shape != t.shape or (found.dtype.kind == "c" and t.dtype.kind != "c"):
        shape = found.shape != t.shape
        raise DifferentiationError(
            message(
                f"ad.Dual got a tangent of type {readable(tangent)} for a value of type "
                f"{readable(value)}",
                expected="a tangent of the value's shape" if shape else "a real tangent",
                instead="`np.full_like(value, t)` for the same tangent everywhere, 0 for a constant"
                if shape
                else "`ad.Dual(value + 0j, tangent)` for a complex number",
                operation="Dual",
            )
        )
    return tangent


def standing(value: Any) -> Any:
    """The slope of what does not move: None, of an array zeros, into which one may write."""
    is_array = isinstance(value, np.ndarray) or type_of(value).shape
    return zero_like(value) if is_array else None


def zero_like(value: Any) -> Any:
    """The zero tangent of a value."""
    t = type_of(value)
    if t.weak:
        return python_kind(t.dtype)(0)
    zeros = np.zeros(t.shape, t.dtype)
    return zeros if t.shape or isinstance(value, np.ndarray) else zeros[()]


def like(tangent: Any, value: Any) -> Any:
    """A tangent of the right type in its value's kind: a Python number beside one, an array beside
    an array."""
    t = type_of(value)
    if isinstance(tangent, Traced):
        return tangent
    if t.weak:
        return python_kind(t.dtype)(tangent)
    tangent = np.asarray(convert(tangent, t.dtype))
    return tangent if isinstance(value, np.ndarray) or t.shape else tangent[()]


def own(x: Any, given: list[Any] | None) -> Any:
    """An array that shares no memory with the given ones (None: with itself); anything else."""
    if type(x) is not np.ndarray:
        return x.twin() if type(x) is Dual and given is None else x
    shared = given is None or not x.flags.writeable or x.base is not None
    return x.copy("K") if shared or any(x is y for y in given or ()) else x


def asked(value: Any, question: str, answer: Callable) -> bool:
    """The answer of a part: its own where it is a handle."""
    return getattr(value, question)() if isinstance(value, Tensor) else bool(answer(value))


# ------------------------------------------------------------------------------------------ writing


def depth(x: Any) -> int:
    """How deep duals are nested in a value: 0 for what is none."""
    return 1 + max(depth(x.value), depth(x.tangent)) if type(x) is Dual else 0


def formatted(x: Any, spec: str) -> str:
    """A part of a dual in the user's format: each element of an array; a complex number in
    parentheses."""
    if isinstance(x, np.ndarray):
        return np.array2string(x, formatter={"all": lambda y: format(y, spec)})
    text = format(x, spec)
    return f"({text})" if isinstance(x, (complex, np.complexfloating)) else text


def written(x: Any, show: Callable[[Any], str], is_single: bool) -> str:
    """`3.0 + 4.0ε`; the ε of nested duals are numbered from the inside, `(3.0 + 1.0ε₁) + 1.0ε₂`."""
    if type(x) is not Dual:
        return show(x)
    symbol = "ε" if is_single else "ε" + str(depth(x)).translate(SUBSCRIPTS)
    value, tangent = (written(y, show, is_single) for y in (x.value, x.tangent))
    value = f"({value})" if type(x.value) is Dual else value
    sign = "+"
    if type(x.tangent) is Dual or (isinstance(x.tangent, Traced) and " " in tangent):
        tangent = f"({tangent})"
    elif tangent.lstrip().startswith(("-", "+")):
        place = len(tangent) - len(tangent.lstrip())
        sign, blank = tangent[place], " " if place else ""
        tangent = tangent[:place] + blank + tangent[place + 1 :]
    if "\n" in value or "\n" in tangent:
        return f"{value}\n{sign} " + tangent.replace("\n", "\n  ") + symbol
    return f"{value} {sign} {tangent}{symbol}"
