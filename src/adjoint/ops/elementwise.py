"""Elementwise primitives: NumPy's ufuncs for floats, complex numbers, integers and booleans.

One declaration each.  A partial derivative is a function `(inputs..., output)`; an argument that
starts with `_` is not read.  A Python scalar may reach a rule, and Python's `/` raises on 0.0:
rules divide with `op.div` where that can happen.  Conventions: ties of max and min share the
derivative evenly; `abs` and `hypot` have derivative 0 at 0; complex `abs` is differentiated as a
function of the real and the imaginary part.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.dtypes import complex_dtype, promoting, real_dtype, result_type, type_of, ufunc_dtype
from ..graph import op
from .declare import elementwise, interval, jvp, linear, zero

inf, nan = np.inf, np.nan
POINTS = (0.0, -0.0, 1.0, -1.0, inf, -inf, nan)
PAIRS = tuple(
    (a, b) for a in (0.0, -0.0, 1.0, -2.0, inf, -inf, nan) for b in (0.0, -0.0, 3.0, inf, -inf, nan)
)
INTEGERS = tuple((a, b) for a in (-7, -1, 0, 1, 7) for b in (-3, -1, 0, 1, 3))
LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))
PIECEWISE = zero("piecewise constant")

# --------------------------------------------------------------------------------------- arithmetic

add = elementwise("add", numpy=np.add, partials=(1, 1), operator_like=True, kinds="fciub",
    samples=interval(-2, 2, -2, 2), special=PAIRS)  # fmt: skip
sub = elementwise("sub", numpy=np.subtract, partials=(1, -1), operator_like=True, kinds="fciu",
    samples=interval(2, 4, -2, 2), special=PAIRS)  # fmt: skip
mul = elementwise("mul", numpy=np.multiply, partials=(lambda _a, b, _y: b, lambda a, _b, _y: a),
    operator_like=True, kinds="fciub", samples=interval(-2, 2, -2, 2), special=PAIRS)  # fmt: skip
div = elementwise("div", numpy=np.true_divide, operator_like=True,
    partials=(lambda _a, b, _y: op.div(1, b), lambda _a, b, y: -op.div(y, b)),
    kinds="fciub", samples=interval(-2, 2, 0.5, 2), special=PAIRS)  # fmt: skip
neg = elementwise("neg", numpy=np.negative, partial=-1, operator_like=True, kinds="fci",
    samples=interval(-2, 2), special=POINTS)  # fmt: skip
positive = elementwise("positive", numpy=np.positive, partial=1, kinds="fci",
    samples=interval(-2, 2), special=POINTS)  # fmt: skip
floor_divide = elementwise("floor_divide", numpy=np.floor_divide, derivative=PIECEWISE,
    operator_like=True, kinds="fiu", samples=interval(-9, 9, 1, 3), special=PAIRS)  # fmt: skip
remainder = elementwise("remainder", numpy=np.remainder, operator_like=True, kinds="fiu",
    partials=(1, lambda a, b, _y: -op.floor_divide(a, b)), samples=interval(-9, 9, 1.1, 3),
    special=PAIRS)  # fmt: skip
fmod = elementwise("fmod", numpy=np.fmod, kinds="fi",
    partials=(1, lambda a, b, y: op.rint(op.div(y - a, b))), samples=interval(-9, 9, 1.1, 3),
    special=PAIRS)  # fmt: skip


def power_by_base(a: Any, b: Any, _y: Any) -> Any:
    """b * a**(b - 1), and 0 where b is 0 (even at a = 0, where only that is cut off: elsewhere the
    derivative by b is 1/a)."""
    if type(b) in (int, float):
        return 0.0 if b == 0 else (2.0 * a if b == 2 else b * op.pow(a, b - 1))
    cut = op.logical_and(op.equal(b, 0), op.logical_not(op.greater(op.abs(a), 0)))
    return op.select(cut, 0.0, b * op.pow(op.select(cut, 1.0, a), b - 1.0))


def power_by_exponent(a: Any, _b: Any, y: Any) -> Any:
    """log(a) * a**b, and 0 where a is 0 (the limit for positive exponents)."""
    is_zero = op.equal(a, 0)
    return op.select(is_zero, 0.0, y * op.log(op.select(is_zero, 1.0, a)))


pow = elementwise("pow", numpy=np.power, partials=(power_by_base, power_by_exponent), kinds="fcu",
    operator_like=True, samples=interval(0.5, 2, -1.5, 2.5), special=PAIRS)  # fmt: skip
square = elementwise("square", numpy=np.square, partial=lambda x, _y: 2.0 * x, kinds="fciu",
    samples=interval(-2, 2), special=POINTS)  # fmt: skip
reciprocal = elementwise("reciprocal", numpy=np.reciprocal, partial=lambda _x, y: -(y * y),
    kinds="fc", samples=interval(0.5, 2), special=POINTS)  # fmt: skip
sqrt = elementwise("sqrt", numpy=np.sqrt, partial=lambda _x, y: 0.5 / y, kinds="fc",
    samples=interval(0.1, 4), special=POINTS)  # fmt: skip
safe_sqrt = elementwise("safe_sqrt", numpy=lambda x: np.sqrt(x), kinds="fc",
    partial=lambda _x, y: ratio(0.5, y), dtype=lambda t: ufunc_dtype(np.sqrt, (promoting(t),)),
    samples=interval(0.1, 4), special=POINTS,
    doc="sqrt, its derivative 0 at 0: for norms and standard deviations.")  # fmt: skip
cbrt = elementwise("cbrt", numpy=np.cbrt, partial=lambda _x, y: 1 / (3.0 * (y * y)),
    samples=interval(0.1, 4), special=POINTS)  # fmt: skip

# ------------------------------------------------------------------------- exponentials, logarithms

exp = elementwise("exp", numpy=np.exp, partial=lambda _x, y: y, kinds="fc",
    samples=interval(-2, 2), special=(*POINTS, 710.0, -746.0))  # fmt: skip
exp2 = elementwise("exp2", numpy=np.exp2, partial=lambda _x, y: LN2 * y, kinds="fc",
    samples=interval(-2, 2), special=POINTS)  # fmt: skip
expm1 = elementwise("expm1", numpy=np.expm1, partial=lambda _x, y: y + 1.0, kinds="fc",
    samples=interval(-2, 2), special=POINTS)  # fmt: skip
log = elementwise("log", numpy=np.log, partial=lambda x, _y: op.div(1, x), kinds="fc",
    samples=interval(0.1, 4), special=POINTS)  # fmt: skip
log2 = elementwise("log2", numpy=np.log2, partial=lambda x, _y: op.div(1, LN2 * x), kinds="fc",
    samples=interval(0.1, 4), special=POINTS)  # fmt: skip
log10 = elementwise("log10", numpy=np.log10, partial=lambda x, _y: op.div(1, LN10 * x), kinds="fc",
    samples=interval(0.1, 4), special=POINTS)  # fmt: skip
log1p = elementwise("log1p", numpy=np.log1p, partial=lambda x, _y: op.div(1, 1.0 + x), kinds="fc",
    samples=interval(-0.5, 4), special=POINTS)  # fmt: skip


def share(a: Any, b: Any, y: Any, scale: Any) -> Any:
    """The weight of `a` in y = log(exp(a) + exp(b)); one half where both are the same infinity."""
    stuck = op.isinf(y)
    at_infinity = op.select(op.equal(a, b), 0.5, op.select(op.equal(a, y), 1.0, 0.0))
    difference = op.select(stuck, 0.0, a) - op.select(stuck, 0.0, y)
    return op.select(stuck, at_infinity, op.exp(scale * difference))


logaddexp = elementwise("logaddexp", numpy=np.logaddexp, samples=interval(-2, 2, -2, 2),
    special=PAIRS,
    partials=(lambda a, b, y: share(a, b, y, 1.0), lambda a, b, y: share(b, a, y,
    1.0)))  # fmt: skip
logaddexp2 = elementwise("logaddexp2", numpy=np.logaddexp2, samples=interval(-2, 2, -2, 2),
    special=PAIRS,
    partials=(lambda a, b, y: share(a, b, y, LN2), lambda a, b, y: share(b, a, y,
    LN2)))  # fmt: skip

# ------------------------------------------------------------------------- trigonometry, hyperbolas

sin = elementwise("sin", numpy=np.sin, partial=lambda x, _y: op.cos(x), kinds="fc",
    samples=interval(-3, 3), special=POINTS)  # fmt: skip
cos = elementwise("cos", numpy=np.cos, partial=lambda x, _y: -op.sin(x), kinds="fc",
    samples=interval(-3, 3), special=POINTS)  # fmt: skip
tan = elementwise("tan", numpy=np.tan, partial=lambda _x, y: 1.0 + y * y, kinds="fc",
    samples=interval(-1, 1), special=POINTS)  # fmt: skip


# Of a complex number, `x - (-1.0)` keeps the sign of a zero that `x + 1.0` loses: it tells the
# sides of a branch cut apart.


def one_less_square(x: Any) -> Any:
    """1 - x^2."""
    if type_of(x).dtype.kind == "c":
        return -(x - 1.0) * (x - (-1.0))
    return (1.0 - x) * (1.0 + x)


arcsin = elementwise("arcsin", numpy=np.arcsin, kinds="fc",
    partial=lambda x, _y: 1 / op.sqrt(one_less_square(x)), samples=interval(-0.9, 0.9),
    special=POINTS)  # fmt: skip
arccos = elementwise("arccos", numpy=np.arccos, kinds="fc",
    partial=lambda x, _y: -1 / op.sqrt(one_less_square(x)), samples=interval(-0.9, 0.9),
    special=POINTS)  # fmt: skip
arctan = elementwise("arctan", numpy=np.arctan, partial=lambda x, _y: 1 / (1.0 + x * x), kinds="fc",
    samples=interval(-2, 2), special=POINTS)  # fmt: skip
sinh = elementwise("sinh", numpy=np.sinh, partial=lambda x, _y: op.cosh(x), kinds="fc",
    samples=interval(-2, 2), special=POINTS)  # fmt: skip
cosh = elementwise("cosh", numpy=np.cosh, partial=lambda x, _y: op.sinh(x), kinds="fc",
    samples=interval(-2, 2), special=POINTS)  # fmt: skip
tanh = elementwise("tanh", numpy=np.tanh, partial=lambda _x, y: 1.0 - y * y, kinds="fc",
    samples=interval(-2, 2), special=POINTS)  # fmt: skip
arcsinh = elementwise("arcsinh", numpy=np.arcsinh, kinds="fc",
    partial=lambda x, _y: 1 / op.sqrt(x * x - (-1.0)), samples=interval(-2, 2),
    special=POINTS)  # fmt: skip
arccosh = elementwise("arccosh", numpy=np.arccosh, kinds="fc",
    partial=lambda x, _y: 1 / (op.sqrt(x - 1.0) * op.sqrt(x - (-1.0))), samples=interval(1.2, 3),
    special=POINTS)  # fmt: skip
arctanh = elementwise("arctanh", numpy=np.arctanh, kinds="fc",
    partial=lambda x, _y: op.div(1, (1.0 - x) * (1.0 + x)), samples=interval(-0.9, 0.9),
    special=POINTS)  # fmt: skip
arctan2 = elementwise("arctan2", numpy=np.arctan2, samples=interval(0.5, 2, -2, 2), special=PAIRS,
    partials=(lambda a, b, _y: op.div(b, a * a + b * b),
              lambda a, b, _y: -op.div(a, a * a + b * b)))  # fmt: skip


def ratio(a: Any, y: Any) -> Any:
    """a / y, and 0 where y is 0."""
    is_zero = op.equal(y, 0)
    return op.select(is_zero, 0.0, a / op.select(is_zero, 1.0, y))


hypot = elementwise("hypot", numpy=np.hypot, samples=interval(0.5, 2, -2, -0.5), special=PAIRS,
    partials=(lambda a, _b, y: ratio(a, y), lambda _a, b, y: ratio(b, y)))  # fmt: skip
degrees = elementwise("degrees", numpy=np.degrees, partial=lambda _x, _y: 180.0 / np.pi,
    samples=interval(-3, 3), special=POINTS)  # fmt: skip
radians = elementwise("radians", numpy=np.radians, partial=lambda _x, _y: np.pi / 180.0,
    samples=interval(-180, 180), special=POINTS)  # fmt: skip

# ---------------------------------------------------------------------------- signs, ties, rounding


def complex_abs(primals: Any, tangents: Any, y: Any) -> Any:
    """The derivative of |z|: real(conj(z) * dz) / |z|, and 0 at 0."""
    (z,), (t,) = primals, tangents
    return ratio(op.real(z), y) * op.real(t) + ratio(op.imag(z), y) * op.imag(t)


abs = elementwise("abs", numpy=np.abs, partial=lambda x, _y: op.sign(x),
    complex_derivative=jvp(complex_abs), operator_like=True, kinds="fciu", samples=interval(0.2, 2),
    special=POINTS, dtype=lambda t: real_dtype(t.dtype))  # fmt: skip


def complex_sign(primals: Any, tangents: Any, y: Any) -> Any:
    """The derivative of z/|z|: only the part of dz across z turns it; 0 at 0."""
    (z,), (t,) = primals, tangents
    return 1j * y * op.imag(op.conj(y) * t) * ratio(1.0, op.abs(z))


sign = elementwise("sign", numpy=np.sign, derivative=PIECEWISE, kinds="fci",
    complex_derivative=jvp(complex_sign), samples=interval(-2, 2), special=POINTS)  # fmt: skip


def larger(a: Any, b: Any, _y: Any) -> Any:
    """1 where a > b, one half where they are equal, 0 elsewhere (and for a NaN in b)."""
    return tie(op.greater(a, b), op.equal(a, b), a, b)


def smaller(a: Any, b: Any, _y: Any) -> Any:
    return tie(op.less(a, b), op.equal(a, b), a, b)


def tie(wins: Any, equal: Any, a: Any, b: Any) -> Any:
    dtype = result_type(type_of(a), type_of(b)).dtype
    dtype = dtype if dtype.kind == "f" else np.dtype(float)
    return op.convert(wins, dtype=dtype) + 0.5 * op.convert(equal, dtype=dtype)


EXTREMUM: dict[str, Any] = {"samples": interval(-2, 2, -2, 2), "special": PAIRS, "kinds": "fiub"}
maximum = elementwise("maximum", numpy=np.maximum, **EXTREMUM,
    partials=(larger, lambda a, b, y: larger(b, a, y)))  # fmt: skip
minimum = elementwise("minimum", numpy=np.minimum, **EXTREMUM,
    partials=(smaller, lambda a, b, y: smaller(b, a, y)))  # fmt: skip


def is_number_beside(a: Any, b: Any, weight: Any) -> Any:
    """The weight of `a` where NaN gives way to numbers."""
    with_number = op.select(op.isnan(a), 0.0, weight)
    return op.select(op.isnan(b), op.select(op.isnan(a), weight, 1.0), with_number)


fmax = elementwise("fmax", numpy=np.fmax, **EXTREMUM,
    partials=(lambda a, b, y: is_number_beside(a, b, larger(a, b, y)),
              lambda a, b, y: is_number_beside(b, a, larger(b, a, y))))  # fmt: skip
fmin = elementwise("fmin", numpy=np.fmin, **EXTREMUM,
    partials=(lambda a, b, y: is_number_beside(a, b, smaller(a, b, y)),
              lambda a, b, y: is_number_beside(b, a, smaller(b, a, y))))  # fmt: skip


def clip_weights(x: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """How much of min(max(x, low), high) comes from max(x, low), and max(x, low) itself."""
    raised = op.maximum(x, low)
    return smaller(raised, high, None), raised


clip_ufunc = vars(np)["_core"].umath.clip  # the ufunc; `np.clip` is a function around it
clip = elementwise("clip", numpy=clip_ufunc,
    partials=(lambda x, low, high, _y: larger(x, low, None) * clip_weights(x, low, high)[0],
              lambda x, low, high, _y: larger(low, x, None) * clip_weights(x, low, high)[0],
              lambda x, low, high, _y: smaller(high, op.maximum(x, low), None)),
    kinds="fiu", samples=interval(-3, 3, -1.5, -1, 1, 1.5),
    special=((0.0, -1.0, 1.0), (inf, -1.0, 1.0), (nan, -1.0, 1.0), (0.0, 2.0, 1.0)),
    doc="min(max(x, low), high).")  # fmt: skip
function: Any
ROUNDINGS = {"floor": np.floor, "ceil": np.ceil, "trunc": np.trunc, "rint": np.rint}
for name, function in ROUNDINGS.items():
    elementwise(name, numpy=function, derivative=PIECEWISE, kinds="fic" if name == "rint" else "fi",
        samples=interval(-3, 3), special=(*POINTS, 0.5, 1.5, -0.5))  # fmt: skip
round = elementwise("round", numpy=lambda x, *, decimals: np.asarray(np.round(x, decimals))[()],
    derivative=PIECEWISE, dtype=lambda t, decimals: rounded_dtype(t, decimals), kinds="fci",
    parameters={"decimals": 1}, samples=interval(-3, 3), special=POINTS,
    doc="Rounded to a number of decimals, as `np.round`.")  # fmt: skip


def rounded_dtype(t: Any, decimals: int) -> np.dtype:
    """The dtype of `np.round`, which decides it by rules of its own for booleans and scalars."""
    return np.round(np.zeros((), t.dtype), decimals).dtype


modf_fraction = elementwise("modf_fraction", numpy=lambda x: np.modf(x)[0], partial=1,
    dtype=lambda t: ufunc_dtype(np.modf, (promoting(t),)), samples=interval(-3, 3), special=POINTS,
    doc="The fractional part of `np.modf`, with the sign of the number.")  # fmt: skip
copysign = elementwise("copysign", numpy=np.copysign, samples=interval(0.5, 2, -2, 2),
    special=PAIRS,
    partials=(lambda a, b, _y: op.copysign(1.0, a) * op.copysign(1.0, b), None))  # fmt: skip
heaviside = elementwise("heaviside", numpy=np.heaviside, samples=interval(-2, 2, -1, 1),
    special=PAIRS,
    partials=(None, lambda a, b, _y: op.select(op.equal(a, 0), 1.0, 0.0)))  # fmt: skip
nextafter = elementwise("nextafter", numpy=np.nextafter, partials=(1, None),
    samples=interval(0.5, 2, 3, 4), special=PAIRS)  # fmt: skip
spacing = elementwise("spacing", numpy=np.spacing, derivative=PIECEWISE, samples=interval(0.5, 2),
    special=POINTS)  # fmt: skip
ldexp = elementwise("ldexp", numpy=lambda x, n: np.ldexp(x, np.asarray(n).astype(np.intc)[()]),
    dtype=lambda t, n: ufunc_dtype(np.ldexp, (promoting(t), np.dtype(np.intc))),
    partials=(lambda _x, n, _y: op.exp2(op.trunc(op.convert(n, dtype=np.dtype(float)))), None),
    samples=interval(-2, 2, -3, 3), special=(), doc="x * 2**n for integer n.")  # fmt: skip
sinc = elementwise("sinc", numpy=np.sinc, kinds="fc",
    dtype=lambda t: result_type(t).dtype if t.dtype.kind in "fc" else np.dtype(float),
    partial=lambda x, _y: sinc_slope(x), samples=interval(0.2, 3), special=(0.0, 1.0))  # fmt: skip


def sinc_slope(x: Any) -> Any:
    """The derivative of sin(pi x)/(pi x); near 0 its series, exact in higher derivatives too."""
    near = op.less(op.abs(x), 0.1)
    u = np.pi * op.select(near, 1.0, x)
    exact = np.pi * (op.cos(u) / u - op.sin(u) / (u * u))
    v = np.pi * op.select(near, x, 0.0)
    v2, series, factor = v * v, 0.0, 1.0
    for k in range(1, 9):  # sum over k of (-1)^k 2k v^(2k-1) / (2k+1)!
        factor = -factor / ((2 * k) * (2 * k + 1))
        series = series + (2 * k * factor) * (v if k == 1 else v * op.pow(v2, k - 1))
    return op.select(near, np.pi * series, exact)


# ---------------------------------------------------------------------------------- complex numbers

real = elementwise("real", numpy=np.real, dtype=lambda t: real_dtype(t.dtype), kinds="cf",
    operator_like=True, derivative=linear(lambda ct, x_type: ct), samples=interval(-2, 2),
    special=POINTS)  # fmt: skip
imag = elementwise("imag", numpy=np.imag, dtype=lambda t: real_dtype(t.dtype), kinds="cf",
    operator_like=True,
    derivative=linear(lambda ct, x_type: ct * (-1j if type_of(x_type).dtype.kind == "c" else 0.0)),
    samples=interval(-2, 2), special=POINTS)  # fmt: skip
conj = elementwise("conj", numpy=np.conjugate, derivative=linear(lambda ct, x_type: op.conj(ct)),
    kinds="cfi",
    samples=interval(-2, 2), special=POINTS)  # fmt: skip


def make_complex(a: Any, b: Any) -> Any:
    """a + 1j*b without rounding, infinities and signed zeros kept apart."""
    dtype = complex_dtype(np.result_type(a, b))
    out = np.empty(np.broadcast_shapes(np.shape(a), np.shape(b)), dtype)
    out.real, out.imag = a, b
    return out[()]


complex = elementwise("complex", numpy=make_complex, samples=interval(-2, 2, -2, 2), special=PAIRS,
    dtype=lambda a, b: complex_dtype(result_type(a, b).dtype),
    derivative=linear(lambda ct, a_type, b_type: op.real(ct),
                      lambda ct, a_type, b_type: -op.imag(ct)),
    doc="The complex number of a real and an imaginary part.")  # fmt: skip

# ------------------------------------------------------------------------------- conversion, choice


def convert_value(x: Any, *, dtype: np.dtype) -> Any:
    """`astype`: an array or a NumPy scalar of the dtype."""
    found = np.asarray(x).astype(dtype)
    return found if isinstance(x, np.ndarray) else found[()]  # an array without axes stays one


convert = elementwise("convert", numpy=convert_value, dtype=lambda t, dtype: dtype, kinds="fib",
    parameters={"dtype": np.dtype(np.float32)}, samples=interval(-2, 2), special=(),
    derivative=linear(lambda ct, x_type, *, dtype: ct),
    doc="The value converted to another dtype.")  # fmt: skip


def choose(mask: Any, a: Any, b: Any) -> Any:
    """`np.where`, its dtype promoted with weak Python scalars."""
    return np.where(mask, a, b)[()]


select = elementwise("select", numpy=choose, dtype=lambda m, a, b: result_type(a, b).dtype,
    derivative=linear(None, lambda ct, m, _a, _b: op.select(m, ct, 0.0),
                      lambda ct, m, _a, _b: op.select(m, 0.0, ct)),
    samples=interval(-0.5, 0.5, -2, 2, -2, 2), special=(),
    doc="a where the mask is True, b elsewhere.")  # fmt: skip

# -------------------------------------------------------------- comparisons, logic, integers, tests

COMPARISONS = {
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
}
LOGIC = {
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}
BITS = {
    "bitwise_and": np.bitwise_and,
    "bitwise_or": np.bitwise_or,
    "bitwise_xor": np.bitwise_xor,
}
TESTS = {"isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "signbit": np.signbit}
for name, function in COMPARISONS.items():
    elementwise(name, numpy=function, derivative=PIECEWISE, operator_like=True, kinds="fiub",
        samples=interval(-2, 2, -2, 2), special=PAIRS)  # fmt: skip
for name, function in LOGIC.items():
    elementwise(name, numpy=function, derivative=PIECEWISE, kinds="bfi",
        samples=interval(-1, 1, -1, 1), special=())  # fmt: skip
elementwise("logical_not", numpy=np.logical_not, derivative=PIECEWISE, kinds="bfi",
    samples=interval(-1, 1), special=())  # fmt: skip
for name, function in BITS.items():
    elementwise(name, numpy=function, derivative=PIECEWISE, operator_like=True, kinds="iub",
        samples=interval(-9, 9, -9, 9), special=INTEGERS)  # fmt: skip
elementwise("invert", numpy=np.invert, derivative=PIECEWISE, operator_like=True, kinds="iub",
    samples=interval(-9, 9), special=())  # fmt: skip
for name, function in {"left_shift": np.left_shift, "right_shift": np.right_shift}.items():
    elementwise(name, numpy=function, derivative=PIECEWISE, operator_like=True, kinds="iu",
        samples=interval(0, 9, 0, 5), special=())  # fmt: skip
for name, function in {"gcd": np.gcd, "lcm": np.lcm}.items():
    elementwise(name, numpy=function, derivative=PIECEWISE, kinds="iu",
        samples=interval(1, 9, 1, 9), special=INTEGERS)  # fmt: skip
for name, function in TESTS.items():
    elementwise(name, numpy=function, derivative=PIECEWISE,
    kinds="f" if name == "signbit" else "fc",
        samples=interval(-2, 2), special=POINTS)  # fmt: skip
elementwise("bitwise_count", numpy=np.bitwise_count, derivative=PIECEWISE, kinds="iu",
    samples=interval(-9, 9), special=())  # fmt: skip
frexp_exponent = elementwise("frexp_exponent", numpy=lambda x: np.frexp(x)[1],
    dtype=lambda t: ufunc_dtype(np.frexp, (promoting(t),)) and np.dtype(np.intc),
    derivative=PIECEWISE, samples=interval(0.5, 9), special=(0.0,),
    doc="The exponent of `np.frexp`.")  # fmt: skip
