"""Constructors of primitives, one for each kind: what a kind implies is derived here, once.

Enters: what is particular to a primitive.  Leaves: its full record.  From the kind follow the type
rule, the batching, the way it is evaluated with NumPy and the sample calls of the sweep.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ..base.dtypes import WEAK, Type, is_inexact, promoting, python_kind, type_of, ufunc_dtype
from ..graph import op
from ..graph.primitive import (
    ByDomain,
    Case,
    Code,
    Combine,
    Contraction,
    External,
    IndexMap,
    Jvp,
    Linear,
    Multilinear,
    Partials,
    Primitive,
    Scalar,
    Undefined,
    Zero,
)

# ------------------------------------------------------------------------------------------ helpers


def linear(*transposes: Callable | None, into: Callable | None = None) -> Linear:
    """A `Linear` form from one transpose for each input (None: not linear in it)."""
    return Linear(transposes, into=into)


def multilinear(*transposes: Callable) -> Multilinear:
    """A `Multilinear` form from one transpose for each input."""
    return Multilinear(transposes)


def zero(reason: str) -> Zero:
    """The derivative is zero, for this reason."""
    return Zero(reason)


def undefined(reason: str) -> Undefined:
    """There is no derivative, for this reason."""
    return Undefined(reason)


def jvp(rule: Callable, reads_output: bool = True) -> Jvp:
    """A `Jvp` form."""
    return Jvp(rule, reads_output)


def interval(*bounds: float) -> tuple[tuple[float, float], ...]:
    """Sample intervals: `interval(lo, hi)`, one pair for each input."""
    return tuple(zip(bounds[::2], bounds[1::2], strict=True))


class Lazy:
    """A function of a heavy package by its name: the package is imported when the function is first
    called."""

    __slots__ = ("function", "module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name
        self.function: Any = None

    def resolve(self) -> Any:
        """The function itself."""
        if self.function is None:
            self.function = getattr(import_module(self.module), self.name)
        return self.function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return (self.function or self.resolve())(*args, **kwargs)

    def dtype(self, *types: Type, **parameters: Any) -> np.dtype:
        """The dtype that the function, a ufunc, gives for inputs of these types."""
        return elementwise_dtype(self.resolve(), types)


lazy = Lazy


def first_documentation(function: Any) -> str:
    """The line that says what NumPy's (or SciPy's) function does."""
    lines = [line.strip() for line in (getattr(function, "__doc__", None) or "").splitlines()]
    prose = [
        line
        for line in lines
        if line and not line.startswith(".. ") and "(" not in line.split(" ")[0]
    ]
    return prose[0] if prose else f"NumPy's {getattr(function, '__name__', function)}."


def broadcast_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """NumPy's broadcasting of shapes."""
    return np.broadcast_shapes(*shapes)


def move_axes(value: Any, order: Sequence[int]) -> Any:
    """`op.transpose` that is left out where it changes nothing."""
    return (
        value
        if tuple(order) == tuple(range(len(order)))
        else op.transpose(value, axes=tuple(order))
    )


# -------------------------------------------------------------------------------------- elementwise


def elementwise_dtype(dtype: Any, types: Sequence[Type]) -> np.dtype:
    """The output's dtype: `dtype` is a ufunc (asked), "bool", "same" (promotion of the inputs) or a
    function of the types."""
    if isinstance(dtype, np.ufunc):
        return ufunc_dtype(dtype, tuple(promoting(t) for t in types))
    return dtype(*types)


def elementwise_infer(dtype: Any, operator_like: bool) -> Callable:
    def infer(*inputs: Any, **parameters: Any) -> Type:
        types = [type_of(x) for x in inputs]
        shape = broadcast_shape(*[t.shape for t in types])
        weak = operator_like and all(t.weak for t in types)
        found = (
            dtype(*types, **parameters)
            if not isinstance(dtype, np.ufunc)
            else elementwise_dtype(dtype, types)
        )
        if weak:
            found = WEAK[python_kind(found)]
        return Type(shape, np.dtype(found), weak)

    return infer


def elementwise_batch(
    primitive: Primitive,
    size: int,
    inputs: tuple,
    batched: tuple[bool, ...],
    parameters: dict[str, Any],
) -> Any:
    """Align ranks behind the batch axis, then apply as ever."""
    ranks = [len(type_of(x).shape) - flag for x, flag in zip(inputs, batched, strict=True)]
    rank = max(ranks)
    aligned = [
        op.reshape(x, shape=(size, *(1,) * (rank - r), *x.shape[1:])) if flag and r < rank else x
        for x, flag, r in zip(inputs, batched, ranks, strict=True)
    ]
    return op.apply(primitive, tuple(aligned), parameters)


PYTHON_OPERATORS: dict[str, Callable] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "neg": operator.neg,
    "abs": operator.abs,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
    "invert": operator.invert,
    "left_shift": operator.lshift,
    "right_shift": operator.rshift,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
}


def operator_evaluate(name: str, ufunc: np.ufunc) -> Callable:
    """Python's operator, with NumPy's answer where Python raises on numbers (1/0.0, overflow)."""
    python = PYTHON_OPERATORS.get(name)

    def evaluate(*values: Any) -> Any:
        if python is not None:
            try:
                return python(*values)
            except (ZeroDivisionError, OverflowError):
                pass
        weak = True
        for v in values:
            if type(v) not in WEAK:
                weak = False
        if not weak:
            return ufunc(*values)
        if name == "pow" and type(values[0]) in (int, bool) and type(values[1]) in (int, bool):
            return (
                values[0] ** values[1]
                if values[0] or values[1] >= 0
                else ufunc(float(values[0]), values[1]).item()
            )
        with np.errstate(all="ignore"):  # Python has no floating-point warnings
            result = ufunc(*values)
            return result if type(result) in WEAK else result.item()

    return evaluate


def elementwise(
    name: str,
    *,
    numpy: Callable,
    samples: tuple,
    special: Sequence[Any],
    partial: Callable | int | None = None,
    partials: tuple | None = None,
    derivative: Any = None,
    complex_derivative: Any = None,
    dtype: Any = None,
    scalar: str | None = None,
    operator_like: bool = False,
    kinds: str = "f",
    parameters: dict[str, Any] | None = None,
    integers: Sequence[int] = (),
    doc: str = "",
) -> Primitive:
    """Declare an elementwise primitive.

    `numpy` is NumPy's (or SciPy's) function; the derivative is one of `partial` (one input),
    `partials` (a tuple), or a form in `derivative` (and another form for complex inputs in
    `complex_derivative`); `samples` gives an interval for each input; `special` values are checked
    against NumPy; `kinds` are the dtype kinds it takes (of "biufc");
    `integers` are the inputs that samples give as whole numbers (orders, which have no derivative).
    """
    if derivative is None:
        derivative = Partials(partials if partials is not None else (partial,))
    if complex_derivative is not None:
        derivative = ByDomain(derivative, complex_derivative)
    if dtype is None:
        dtype = numpy.dtype if isinstance(numpy, Lazy) else numpy
    evaluate = operator_evaluate(name, numpy) if operator_like else numpy  # type: ignore[arg-type]
    chosen = parameters or {}
    return Primitive(
        name=name,
        kind="elementwise",
        evaluate=evaluate,
        infer=elementwise_infer(dtype, operator_like),
        derivative=derivative,
        batch=elementwise_batch,
        code=Scalar(scalar or name),
        cases=lambda rng: elementwise_cases(rng, samples, special, kinds, chosen, integers),
        reference=numpy,
        documentation=doc or first_documentation(numpy),
    )


DTYPES = {
    "f": (np.float64, np.float32),
    "c": (np.complex128, np.complex64),
    "i": (np.int64, np.int32),
    "u": (np.uint8,),
    "b": (np.bool_,),
}


def draw(
    rng: np.random.Generator, bounds: tuple[float, float], shape: tuple[int, ...], dtype: Any
) -> np.ndarray:
    """Sample values of a dtype in an interval."""
    lo, hi = bounds
    kind = np.dtype(dtype).kind
    if kind == "b":
        return rng.random(shape) < 0.5
    if kind in "iu":
        lo = max(lo, 0) if kind == "u" else lo
        return rng.integers(
            int(np.ceil(lo)), max(int(np.floor(hi)), int(np.ceil(lo))) + 1, shape
        ).astype(dtype)
    values = rng.uniform(lo, hi, shape)
    if kind == "c":
        values = values + 1j * rng.uniform(-0.5, 0.5, shape)
    return values.astype(dtype)


def elementwise_cases(
    rng: np.random.Generator,
    samples: tuple,
    special: Sequence[Any],
    kinds: str,
    parameters: dict[str, Any],
    integers: Sequence[int] = (),
) -> list[Case]:
    """Sample calls: every dtype, broadcasting, scalars, the special values."""

    def inputs(dtype: Any, shapes: Sequence[tuple[int, ...]]) -> tuple:
        return tuple(
            draw(rng, b, shapes[i % len(shapes)], np.int64 if i in integers else dtype)
            for i, b in enumerate(samples)
        )

    cases = []
    for kind in kinds:
        for dtype in DTYPES[kind]:
            inexact = is_inexact(np.dtype(dtype))
            cases.append(
                Case(inputs(dtype, [(3, 4)]), parameters, inexact, f"{np.dtype(dtype)} (3,4)")
            )
    kind = "f" if "f" in kinds else kinds[0]
    dtype = DTYPES[kind][0]
    if len(samples) > 1:
        chosen = inputs(dtype, [(4,), (3, 1), (2, 1, 1)])
        cases.append(Case(chosen, parameters, kind in "fc", "broadcast"))
    scalars = tuple(x[()] for x in inputs(dtype, [()]))
    cases.append(Case(scalars, parameters, kind in "fc", "scalar"))
    if len(special):
        rows = [s if isinstance(s, tuple) else (s,) * len(samples) for s in special]
        columns: tuple = tuple(
            np.array([row[i] for row in rows], np.int64 if i in integers else dtype)
            for i in range(len(samples))
        )
        cases.append(Case(columns, parameters, False, "special values"))
    return cases


# --------------------------------------------------------------------------------------- reductions


def normalize_axes(axes: Sequence[int], ndim: int) -> tuple[int, ...]:
    """Axes as sorted non-negative numbers."""
    return tuple(sorted(a % ndim for a in axes))


def reduced_shape(shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int, ...]:
    """The shape without some axes."""
    return tuple(extent for k, extent in enumerate(shape) if k not in axes)


def kept_shape(shape: tuple[int, ...], axes: Sequence[int]) -> tuple[int, ...]:
    """The shape with some axes of extent 1."""
    return tuple(1 if k in axes else extent for k, extent in enumerate(shape))


def restore(value: Any, t: Any, axes: Sequence[int]) -> Any:
    """A reduced value put back over the axes that were summed (the transpose of a sum)."""
    shape = type_of(t).shape
    return op.broadcast_to(op.reshape(value, shape=kept_shape(shape, axes)), shape=shape)


def reduction_batch(
    primitive: Primitive,
    size: int,
    inputs: tuple,
    batched: tuple[bool, ...],
    parameters: dict[str, Any],
) -> Any:
    """Reductions have one input and their axes in a parameter: the axes move up by one."""
    shifted = dict(parameters)
    if "axes" in shifted:
        shifted["axes"] = tuple(a + 1 for a in shifted["axes"])
    if "axis" in shifted:
        shifted["axis"] = shifted["axis"] + 1
    return op.apply(primitive, inputs, shifted)


def reduction(
    name: str,
    *,
    numpy: Callable,
    dtype: Callable[[np.dtype], Any],
    derivative: Any,
    combine: str,
    identity: Any,
    cases: Callable[[np.random.Generator], Sequence[Case]],
    shape: Callable[..., tuple[int, ...]] | None = None,
    evaluate: Callable | None = None,
    batch: Callable = reduction_batch,
    doc: str = "",
) -> Primitive:
    """Declare a reduction `name(x, axes=(...))`: axes sorted and not negative; the reduced axes are
    left out.

    `dtype` gives the output's dtype from the input's.  For a running reduction give `shape(t,
    **parameters)`.
    """

    def default_evaluate(x: Any, *, axes: tuple[int, ...]) -> Any:
        return numpy(x, axis=axes)

    def default_shape(t: Type, *, axes: tuple[int, ...]) -> tuple[int, ...]:
        return reduced_shape(t.shape, axes)

    shape_of = shape or default_shape

    def infer(x: Any, **parameters: Any) -> Type:
        t = type_of(x)
        return Type(shape_of(t, **parameters), np.dtype(dtype(t.dtype)))

    return Primitive(
        name=name,
        kind="reduction",
        evaluate=evaluate or default_evaluate,
        infer=infer,
        derivative=derivative,
        batch=batch,
        code=Combine(combine, identity),
        cases=cases,
        reference=evaluate or default_evaluate,
        documentation=doc or first_documentation(numpy),
    )


# ------------------------------------------------------------- layout, index, contraction, external


def general(
    kind: str,
    name: str,
    *,
    evaluate: Callable,
    infer: Callable,
    derivative: Any,
    batch: Callable,
    code: Code,
    cases: Callable[[np.random.Generator], Sequence[Case]],
    doc: str,
    reference: Callable | None = None,
) -> Primitive:
    """Declare a primitive of any other kind, every field given."""
    return Primitive(
        name, kind, evaluate, infer, derivative, batch, code, cases, reference or evaluate, doc
    )


def layout(name: str, **fields: Any) -> Primitive:
    """Declare a layout primitive: elements change places, nothing is computed."""
    return general("layout", name, code=IndexMap(name), **fields)


def index(name: str, **fields: Any) -> Primitive:
    """Declare an index primitive: places are known only when it runs."""
    return general("index", name, code=IndexMap(name), **fields)


def contraction(name: str, **fields: Any) -> Primitive:
    """Declare a contraction: sums of products."""
    return general("contraction", name, code=Contraction(name), **fields)


def external(name: str, **fields: Any) -> Primitive:
    """Declare an external primitive: a library's routine."""
    return general("external", name, code=External(name), **fields)


def in_front(value: Any, size: int, flag: bool) -> Any:
    """A value with a batch axis 0: itself if it has one, broadcast otherwise."""
    return value if flag else op.broadcast_to(value, shape=(size, *type_of(value).shape))


def all_in_front(
    primitive: Primitive,
    size: int,
    inputs: tuple,
    batched: tuple[bool, ...],
    parameters: dict[str, Any],
) -> Any:
    """Batching of a primitive that works on stacks already (linear algebra): every input is given
    the batch axis."""
    return op.apply(
        primitive,
        tuple(in_front(x, size, flag) for x, flag in zip(inputs, batched, strict=True)),
        parameters,
    )
