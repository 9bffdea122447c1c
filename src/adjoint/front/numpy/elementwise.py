"""Elementwise functions of NumPy that are no ufuncs, and ufuncs that are no single primitive.

Enters: traced values among plain ones.  Leaves: elementwise operations.  What is piecewise constant
(rounding, tests, comparisons) has the derivative 0; questions whose answer is a Python value
(`allclose`, `array_equal`) are answered where the values are known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...base.dtypes import WEAK, is_inexact, promoting, real_dtype, type_of
from ...base.errors import TracingError, message
from ...graph import op
from ...graph.op import Traced
from ..context import context
from ..operands import functions, ufuncs
from ..protocols import apply_ufunc, strengthened, unsupported
from ..trace import RecordingTensor, Tensor, formed
from ..writing import update
from .register import array_like, implements, refuse_device

NoValue = np._NoValue  # type: ignore[attr-defined]
umath = np._core.umath  # type: ignore[attr-defined]

# ------------------------------------------------------------------------------------------ helpers


def known(x: Any, what: str) -> np.ndarray:
    """The plain value where it is known when the function is traced; `what` names the asker.  Under
    `jit` integers and truth values are, and become part of the program: a guard."""
    while isinstance(x, Tensor):
        held = x.known()
        if held is not x:
            x = held
            continue
        running = "jit" if context.program is not None else "vmap"
        if isinstance(x, RecordingTensor) and (x.dtype.kind in "biu" or x.is_over()):
            return np.asarray(x.concrete(what))
        raise TracingError(
            message(
                f"under `{running}` {what} was asked of a traced value ({type_of(x)}), and the "
                "answer decides the size of an array",
                expected="truth values or integers"
                if running == "jit" and x.dtype.kind in "fc"
                else "a value that is known when the function is traced",
                instead="`np.where(mask, x, 0.0)`, `np.sum(mask)` and other operations that keep "
                f"the shape, or {what} outside `{running}`",
                operation=what,
            )
        )
    return np.asarray(x)


def places_of(x: Any, what: str) -> np.ndarray:
    """Where a value is not zero, as a plain mask."""
    return known(x if type_of(x).dtype.kind in "biu" else still(x) != 0, what)


def is_known(x: Any) -> bool:
    """Whether `known` would answer, and no guard be needed."""
    while isinstance(x, Tensor):
        held = x.known()
        if held is x:
            return False
        x = held
    return True


def still(x: Any) -> Any:
    """A value without its derivative, for what is piecewise constant."""
    return op.stop_gradient(x) if isinstance(x, Traced) else x


def astype(x: Any, dtype: Any, *args: Any, **kwargs: Any) -> Any:
    """As `ndarray.astype`; from complex to real the imaginary part is left out, as in NumPy."""
    dtype = np.dtype(dtype)
    t = type_of(x)
    if t.dtype == dtype and not t.weak:
        return x
    if t.dtype.kind == "c" and is_inexact(dtype) and dtype.kind != "c":
        x = op.real(x)
    return op.convert(x if is_inexact(dtype) else still(x), dtype=dtype)


functions["astype"] = astype


@implements(np.astype)
def astype_function(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    refuse_device(device)
    return x.astype(dtype, copy=copy)


def as_inexact(x: Any) -> Any:
    """Integers and booleans as float64, all else as it is."""
    x = array_like(x)
    return x if is_inexact(type_of(x).dtype) else astype(x, float)


# ------------------------------------------------------------------------------------------- choice


def as_mask(condition: Any) -> Any:
    """A condition as booleans."""
    condition = array_like(condition)
    return condition if type_of(condition).dtype.kind == "b" else op.not_equal(condition, 0)


@implements(np.where)
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    if x is None and y is None:
        return functions[np.nonzero](condition)
    if x is None or y is None:
        raise ValueError("either both or neither of x and y should be given")
    # An array without axes, as NumPy's.
    return formed(op.select(as_mask(condition), array_like(x), array_like(y)), True)


@implements(np.clip)
def clip(a: Any, a_min: Any = NoValue, a_max: Any = NoValue, out: Any = None, *, min: Any = NoValue,
         max: Any = NoValue, **options: Any) -> Any:  # fmt: skip
    if a_min is not NoValue or a_max is not NoValue:
        if min is not NoValue or max is not NoValue:
            raise ValueError("Passing `min` or `max` keyword argument when `a_min` and `a_max` are "
                             "provided is forbidden.")  # fmt: skip
        low, high = a_min, a_max
    else:
        low, high = min, max
    low = None if low is NoValue or low is None else array_like(low)
    high = None if high is NoValue or high is None else array_like(high)
    a = array_like(a)
    if options or out is not None:
        bounds = (-np.inf if low is None else low, np.inf if high is None else high)
        out = out if type(out) is tuple else (out,)
        return apply_ufunc(umath.clip, "__call__", (a, *bounds), {"out": out, **options})
    if low is None:
        return op.positive(a) if high is None else op.minimum(a, high)
    return op.maximum(a, low) if high is None else op.clip(a, low, high)


@implements(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    x = array_like(x)
    dtype = type_of(x).dtype
    if not copy and isinstance(x, Tensor) and x.shape:
        return update(x, nan_to_num(x, True, nan, posinf, neginf), "nan_to_num")
    if dtype.kind == "c":
        parts = [nan_to_num(p, copy, nan, posinf, neginf) for p in (op.real(x), op.imag(x))]
        return op.complex(*parts)
    if dtype.kind != "f":
        return x
    bounds = np.finfo(dtype)
    high = bounds.max if posinf is None else posinf
    low = bounds.min if neginf is None else neginf
    instead = op.select(op.isnan(x), nan, op.select(op.greater(x, 0), high, low))
    return astype(op.select(op.isfinite(x), x, instead), dtype)


def common_dtype(values: list[Any]) -> np.dtype:
    """NumPy's promotion of values, Python scalars weak."""
    kinds = [promoting(type_of(v)) for v in values]
    return np.result_type(*[k(0) if k in WEAK else k for k in kinds])


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    conditions = [array_like(c) for c in condlist]
    for i, condition in enumerate(conditions):
        if type_of(condition).dtype.kind != "b":
            raise TypeError(f"invalid entry {i} in condlist: should be boolean ndarray")
    choices = [array_like(c) for c in choicelist]
    default = array_like(default)
    dtype = common_dtype([*choices, default])
    result = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = op.select(condition, choice, result)
    return astype(result, dtype)


@implements(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    a, count = array_like(a), len(choices)
    if type_of(a).dtype.kind not in "biu":
        np.choose(np.zeros(1, type_of(a).dtype), [0])  # NumPy's own error
    if mode == "wrap":
        a = op.remainder(a, count)
    elif mode == "clip":
        a = op.clip(a, 0, count - 1)
    elif is_known(a) and not np.all((known(a, "np.choose") >= 0) & (known(a, "np.choose") < count)):
        raise ValueError("invalid entry in choice array")
    parts = [array_like(c) for c in choices]
    dtype = common_dtype(parts)
    result: Any = astype(parts[-1], dtype)
    for k in range(count - 2, -1, -1):
        result = op.select(op.equal(a, k), parts[k], result)
    shape = np.broadcast_shapes(type_of(a).shape, type_of(result).shape)
    return result if type_of(result).shape == shape else op.broadcast_to(result, shape=shape)


@implements(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    x = array_like(x)
    t = type_of(x)
    is_list = isinstance(condlist, (list, tuple))
    if is_list:
        single = t.ndim and not isinstance(condlist[0], (list, tuple, np.ndarray, Traced))
    else:
        single = type_of(condlist).ndim == t.ndim
    if single:
        condlist = [condlist]
    masks = [op.broadcast_to(as_mask(c), shape=t.shape) for c in condlist]
    if len(masks) == len(funclist) - 1:
        rest = masks[0]
        for mask in masks[1:]:
            rest = op.logical_or(rest, mask)
        masks.append(op.logical_not(rest))
    elif len(masks) != len(funclist):
        n = len(masks)
        raise ValueError(f"with {n} condition(s), either {n} or {n + 1} functions are expected")
    if t.ndim and all(is_known(m) for m in masks):
        return pieces(x, [known(m, "np.piecewise") for m in masks], funclist, args, kw)
    result: Any = np.zeros(t.shape, t.dtype)
    with np.errstate(all="ignore"):
        for mask, function in zip(masks, funclist, strict=True):
            value = function(x, *args, **kw) if callable(function) else array_like(function)
            result = astype(op.select(mask, value, result), t.dtype)
    return result


def pieces(x: Any, masks: list[np.ndarray], funclist: Any, args: tuple, kw: dict) -> Any:
    """Each function on its own elements only, as NumPy does it; a later piece wins."""
    t = type_of(x)
    result: Any = np.zeros(t.shape, t.dtype)
    taken = np.zeros(t.shape, bool)
    for mask, function in reversed(list(zip(masks, funclist, strict=True))):
        places = np.nonzero(mask)
        if not places[0].size:
            continue
        value = array_like(
            function(op.gather(x, *places), *args, **kw) if callable(function) else function
        )
        weight = ~taken[places]
        value = op.broadcast_to(astype(value, t.dtype), shape=weight.shape)
        result = result + op.scatter_add(op.select(weight, value, 0), *places, shape=t.shape)
        taken |= mask
    return astype(result, t.dtype)


# ------------------------------------------------------------------------------- rounding and parts


@implements(np.round, np.around)
def round(a: Any, decimals: int = 0, out: Any = None) -> Any:
    a = array_like(a)
    if decimals == 0 and is_inexact(type_of(a).dtype):
        return op.rint(a)
    return op.round(a, decimals=int(decimals))


@implements(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    return op.trunc(array_like(x))


@implements(np.real)
def real(val: Any) -> Any:
    val = array_like(val)
    return val.real


@implements(np.imag)
def imag(val: Any) -> Any:
    return array_like(val).imag


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    z = array_like(z)
    if type_of(z).dtype.kind == "c":
        found = op.arctan2(op.imag(z), op.real(z))
    else:
        found = op.arctan2(0, as_inexact(z))
    return found * (180 / np.pi) if deg else found


@implements(np.real_if_close)
def real_if_close(a: Any, tol: float = 100) -> Any:
    a = array_like(a)
    dtype = type_of(a).dtype
    if dtype.kind != "c":
        return a
    limit = tol * np.finfo(real_dtype(dtype)).eps if tol > 1 else tol
    small = whole(op.less(op.abs(op.imag(still(a))), limit))
    return op.real(a) if small else a


@implements(np.sinc)
def sinc(x: Any) -> Any:
    return op.sinc(array_like(x))


@implements(np.i0)
def i0(x: Any) -> Any:
    if "i0" not in op.registry:
        raise unsupported("np.i0")
    return op.i0(as_inexact(x))


def float_power(a: Any, b: Any) -> Any:
    """`np.float_power`: at least in double precision."""
    is_complex = "c" in (type_of(a).dtype.kind, type_of(b).dtype.kind)
    dtype = np.dtype(complex if is_complex else float)
    return op.pow(astype(a, dtype), astype(b, dtype))


def modf(x: Any) -> tuple[Any, Any]:
    """`np.modf`: the fractional part has derivative 1."""
    x = as_inexact(x)
    return op.modf_fraction(x), op.trunc(x)


def frexp(x: Any) -> tuple[Any, Any]:
    """`np.frexp`: the mantissa is x over a power of two that is locally constant."""
    x = as_inexact(x)
    exponent = op.frexp_exponent(x)
    return op.ldexp(x, op.neg(exponent)), exponent


def fabs(x: Any) -> Any:
    """`np.fabs`: of real numbers, and a float."""
    if type_of(x).dtype.kind == "c":
        raise TypeError("ufunc 'fabs' not supported for complex numbers; `np.abs` is")
    return op.abs(as_inexact(x))


def nothing_to_trace(ufunc: np.ufunc) -> Callable:
    def refuse(*inputs: Any) -> Any:
        raise unsupported(f"np.{ufunc.__name__} (a function of dates and texts)")

    return refuse


ufuncs[np.float_power] = float_power
ufuncs[np.divmod] = lambda a, b: (ufuncs[np.floor_divide](a, b), ufuncs[np.remainder](a, b))
ufuncs[np.modf] = modf
ufuncs[np.frexp] = frexp
ufuncs[np.ldexp] = strengthened(op.registry["ldexp"])
ufuncs[np.fabs] = fabs
ufuncs[np.deg2rad] = ufuncs[np.radians]
ufuncs[np.rad2deg] = ufuncs[np.degrees]
ufuncs[np.isnat] = nothing_to_trace(np.isnat)

# -------------------------------------------------------------------------------------------- tests


@implements(np.isreal)
def isreal(x: Any) -> Any:
    return op.equal(imag(still(array_like(x))), 0)


@implements(np.iscomplex)
def iscomplex(x: Any) -> Any:
    return op.not_equal(imag(still(array_like(x))), 0)


@implements(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Any:
    return op.logical_and(op.isinf(x), op.logical_not(op.signbit(x)))


@implements(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Any:
    return op.logical_and(op.isinf(x), op.signbit(x))


@implements(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> Any:
    x, y, rtol, atol = (still(array_like(v)) for v in (a, b, rtol, atol))
    with np.errstate(invalid="ignore"):
        near = op.less_equal(op.abs(x - y), atol + rtol * op.abs(y))
        result = op.logical_or(op.logical_and(near, op.isfinite(y)), op.equal(x, y))
    if equal_nan:
        result = op.logical_or(result, op.logical_and(op.isnan(x), op.isnan(y)))
    return result


def whole(mask: Any) -> bool:
    """Whether a mask is True everywhere, as a Python bool."""
    return bool(op.all(mask, axes=tuple(range(len(type_of(mask).shape)))))


@implements(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False) -> bool:
    return whole(isclose(a, b, rtol, atol, equal_nan))


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    x, y = still(array_like(a1)), still(array_like(a2))
    if type_of(x).shape != type_of(y).shape:
        return False
    same = op.equal(x, y)
    if equal_nan:
        same = op.logical_or(same, op.logical_and(op.isnan(x), op.isnan(y)))
    return whole(same)


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> bool:
    x, y = still(array_like(a1)), still(array_like(a2))
    try:
        np.broadcast_shapes(type_of(x).shape, type_of(y).shape)
    except ValueError:
        return False
    return whole(op.equal(x, y))


# ------------------------------------------------------------------------- questions about the type


@implements(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    return type_of(array_like(a)).shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    return type_of(array_like(a)).ndim


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    extents = type_of(array_like(a)).shape
    if axis is None:
        axis = tuple(range(len(extents)))
    count = 1
    for k in axis if isinstance(axis, tuple) else (axis,):
        count *= extents[k]
    return count


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return type_of(array_like(x)).dtype.kind == "c"


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return not iscomplexobj(x)


def promoted(value: Any) -> Any:
    """What stands for a traced value where NumPy promotes."""
    if not isinstance(value, Tensor):
        return value
    kind = promoting(type_of(value))
    return kind(0) if kind in WEAK else kind


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    return np.result_type(*[promoted(x) for x in arrays_and_dtypes])


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    from_, to = (type_of(x).dtype if isinstance(x, Tensor) else x for x in (from_, to))
    return np.can_cast(from_, to, casting)


@implements(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> np.dtype:
    return (
        type_of(a).dtype if type_of(a).shape else np.min_scalar_type(known(a, "np.min_scalar_type"))
    )


@implements(np.common_type)
def common_type(*arrays: Any) -> Any:
    return np.common_type(*[np.empty(0, type_of(a).dtype) for a in arrays])
