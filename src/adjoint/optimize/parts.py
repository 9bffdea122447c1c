"""Complex numbers by parts: the complex nodes of a native segment as pairs of real ones.

Enters: a native segment.  Leaves: an equal segment of real nodes, in which a complex value is a
pair, its real and its imaginary part, so that loops are fused, put in vectors and shared among
threads with no word about complex numbers further on.  `reason` tells which complex nodes have such
parts: their parts are made once for bare inputs, and every real node of them must have native code.

This is done at the border of a segment, not on the whole graph: what has no parts (FFTs,
factorisations, special functions) stays one complex NumPy step with complex inputs and outputs, and
nothing is taken apart and put together beside it.  At the border an array is a float array with one
more axis of extent 2, innermost: that is the same memory, so the caller copies nothing.

Elementwise operations promote as NumPy does: a real operand has the imaginary part +0, and is
multiplied as such (infinity times 1j has a NaN in it).  Contractions take a real operand as real:
two real products, where NumPy's four would make NaN of an infinity times that zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from operator import attrgetter
from typing import Any

import numpy as np

from .. import ops  # noqa: F401  (declares the primitives)
from ..base.dtypes import Type, real_dtype, result_type, type_of
from ..graph import op
from ..graph.function import bits
from ..graph.node import Node, ancestors, build, constant, input_node, next_serial
from . import complex_formulas
from .complex_formulas import Pair
from .segments import Step

COMPLEX = ("complex64", "complex128")
CHAIN = 16  # elements up to which a product is a chain of multiplications
OPERANDS = 3  # complex operands of one contraction
Value = Node | Pair
TRANSLATORS: dict[str, Callable[..., Value]] = {}


class NoParts(Exception):
    """Why a node has no parts."""


def translator(*names: str) -> Callable:
    """Register how a primitive acts on pairs: `(node, values) -> value`."""

    def register(function: Callable) -> Callable:
        for name in names:
            TRANSLATORS[name] = function
        return function

    return register


# --------------------------------------------------------------------------------------- the border


def is_complex(x: Any) -> bool:
    """Whether a node has complex values."""
    return not isinstance(x.dtype, tuple) and x.dtype.kind == "c"


def border(x: Node) -> Type:
    """The type of a complex array's memory as floats; of a real one its own."""
    return Type((*x.shape, 2), real_dtype(x.dtype)) if is_complex(x) else type_of(x)


def entering(x: Node) -> tuple[Node, Value]:
    """An input as the border has it: the float array, and the value in it."""
    if not is_complex(x):
        return x, x
    array = input_node(border(x))
    rank = len(x.shape)
    return array, Pair(*[op.at(array, axes=(rank,), places=(k,)) for k in (0, 1)])


def leaving(x: Node, value: Value) -> Node:
    """A value as the border has it: the parts of a complex one side by side."""
    return op.stack(*value, axis=len(x.shape)) if isinstance(value, Pair) else value


def by_parts(step: Step) -> Step:
    """A native segment of real nodes that does the same."""
    if not any(is_complex(x) for x in (*step.inputs, *step.nodes)):
        return step
    image: dict[Node, Value] = {}
    inputs = []
    for x in step.inputs:
        array, image[x] = entering(x)
        inputs.append(array)
    for node in step.nodes:
        if node.primitive.name == "constant":
            known(image, node)
            continue
        values = tuple([known(image, x) for x in node.inputs])
        if is_complex(node) or any(is_complex(x) for x in node.inputs):
            since = next_serial()
            image[node] = translated(node, values)
            put_position(image[node], node, since)
        elif all(a is b for a, b in zip(values, node.inputs, strict=True)):
            image[node] = node
        else:
            image[node] = build(node.primitive, values, node.parameters, node.position)
    outputs = tuple([leaving(x, image[x]) for x in step.outputs])
    return Step(reached(outputs, inputs), tuple(inputs), outputs, step.reason)


def put_position(value: Value, node: Node, since: int) -> None:
    """What was made for a node stands where it stands in the user's source."""
    for x in ancestors([value] if isinstance(value, Node) else value, since):
        x.code, x.offset = node.code, node.offset


def known(image: dict[Node, Value], x: Node) -> Value:
    """What stands for a node; a constant is taken apart when it is first met."""
    if x not in image:
        value = x.parameters["value"]
        if is_complex(x):
            found = np.asarray(value, x.dtype)
            image[x] = Pair(constant(found.real[()]), constant(found.imag[()]))
        else:
            image[x] = x
    return image[x]


def reached(outputs: Sequence[Node], inputs: Sequence[Node]) -> tuple[Node, ...]:
    """The nodes between inputs and outputs, in order of birth; constants where they are outputs."""
    given = set(inputs)
    seen = set(outputs) - given
    stack = list(seen)
    while stack:
        for x in stack.pop().inputs:
            if x not in seen and x not in given and x.primitive.name != "constant":
                seen.add(x)
                stack.append(x)
    return tuple(sorted(seen, key=attrgetter("serial")))


# ------------------------------------------------------------------------------------ the judgement

REMEMBERED = 4096  # judgements
JUDGED: dict[Any, str | None] = {}
COUNTS: dict[str, int] = {}  # the most real nodes that a primitive has become


def weight(node: Node) -> int:
    """About how many real nodes a node becomes, once it has been judged."""
    if not is_complex(node) and not any(is_complex(x) for x in node.inputs):
        return 1
    return COUNTS.get(node.primitive.name, 1)


def reason(node: Node, judge: Callable[[Node], str | None]) -> str | None:
    """Why a node cannot be native code; `judge` is asked about real nodes."""
    if not is_complex(node) and not any(is_complex(x) for x in node.inputs):
        return judge(node)
    name = node.primitive.name
    if isinstance(node.dtype, tuple):
        return "several outputs"
    for x in (node, *node.inputs):
        if is_complex(x) and not (x.dtype.name in COMPLEX and x.dtype.isnative):
            return f"dtype {x.dtype.name if x.dtype.isnative else x.dtype.str}"
    if name not in TRANSLATORS:
        return f"{name} of complex numbers has no native code"
    key = None
    if all(x.primitive.name != "constant" for x in node.inputs):
        key = name, bits(node.parameters), *[type_of(x) for x in (node, *node.inputs)]
        if key in JUDGED:
            return JUDGED[key]
    found = judged(node, judge)
    if key is not None:
        if len(JUDGED) >= REMEMBERED:
            JUDGED.clear()
        JUDGED[key] = found
    return found


def judged(node: Node, judge: Callable[[Node], str | None]) -> str | None:
    """The first reason of the real nodes that a node becomes."""
    inputs, values = [], []
    image: dict[Node, Value] = {}
    for x in node.inputs:
        if x.primitive.name == "constant":
            values.append(known(image, x))
            continue
        array, value = entering(x if is_complex(x) else input_node(type_of(x)))
        inputs.append(array)
        values.append(value)
    try:
        found = translated(node, tuple(values))
    except NoParts as unfit:
        return str(unfit)
    everything = reached(tuple(found) if isinstance(found, Pair) else (found,), inputs)
    COUNTS[node.primitive.name] = max(len(everything), COUNTS.get(node.primitive.name, 1))
    for made in everything:
        if made.primitive.name == "constant":
            continue
        why = judge(made)
        if why is not None:
            return f"by parts: {why}"
    return None


def translated(node: Node, values: tuple[Value, ...]) -> Value:
    """What a node becomes, of its own shape and dtype."""
    found = TRANSLATORS[node.primitive.name](node, values)
    if isinstance(found, Pair):
        dtype = real_dtype(node.dtype)
        return Pair(*[fitted(part, node, dtype) for part in found])
    return fitted(found, node, node.dtype)


def fitted(x: Any, node: Node, dtype: np.dtype) -> Node:
    """A part in the dtype and the shape of its node."""
    x = converted(x if isinstance(x, Node) else constant(x), dtype)
    return x if x.shape == node.shape else op.broadcast_to(x, shape=node.shape)


def converted(x: Node, dtype: np.dtype) -> Node:
    """A real value in another dtype."""
    if x.dtype == dtype and not x.weak:
        return x
    if x.primitive.name == "constant":
        with np.errstate(all="ignore"):
            return constant(np.asarray(x.parameters["value"]).astype(dtype)[()])
    return op.convert(x, dtype=dtype)


def paired(x: Value, dtype: np.dtype) -> Pair:
    """A value as a pair of a real dtype."""
    if isinstance(x, Pair):
        return Pair(*[converted(part, dtype) for part in x])
    return Pair(converted(x, dtype), constant(dtype.type(0)))


# -------------------------------------------------------------------------------------- elementwise


def computing(node: Node) -> np.dtype:
    """The real dtype in which an operation of several operands computes."""
    types = [Type((), t.dtype, t.weak) for t in map(type_of, node.inputs)]
    return real_dtype(np.result_type(result_type(*types).dtype, np.complex64))


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": complex_formulas.add,
    "sub": complex_formulas.sub,
    "mul": complex_formulas.mul,
    "div": complex_formulas.div,
    "square": complex_formulas.square,
    "reciprocal": complex_formulas.reciprocal,
    "sign": complex_formulas.sign,
    "exp": complex_formulas.exp,
    "exp2": complex_formulas.exp2,
    "expm1": complex_formulas.expm1,
    "log": complex_formulas.log,
    "log2": complex_formulas.log2,
    "log10": complex_formulas.log10,
    "log1p": complex_formulas.log1p,
    "sqrt": complex_formulas.sqrt,
    "safe_sqrt": complex_formulas.sqrt,
    "sinh": complex_formulas.sinh,
    "cosh": complex_formulas.cosh,
    "tanh": complex_formulas.tanh,
    "sin": complex_formulas.sin,
    "cos": complex_formulas.cos,
    "tan": complex_formulas.tan,
    "sinc": complex_formulas.sinc,
    "arcsin": complex_formulas.arcsin,
    "arccos": complex_formulas.arccos,
    "arctan": complex_formulas.arctan,
    "arcsinh": complex_formulas.arcsinh,
    "arccosh": complex_formulas.arccosh,
    "arctanh": complex_formulas.arctanh,
    "equal": complex_formulas.equal,
    "not_equal": complex_formulas.not_equal,
    "less": complex_formulas.less,
    "less_equal": complex_formulas.less_equal,
    "greater": complex_formulas.greater,
    "greater_equal": complex_formulas.greater_equal,
    "maximum": complex_formulas.maximum,
    "minimum": complex_formulas.minimum,
    "fmax": complex_formulas.fmax,
    "fmin": complex_formulas.fmin,
    "isnan": complex_formulas.isnan,
    "isinf": complex_formulas.isinf,
    "isfinite": complex_formulas.isfinite,
}


@translator(*ARITHMETIC)
def arithmetic(node: Node, values: Sequence[Value]) -> Value:
    """A formula for pairs, all of one dtype."""
    dtype = computing(node)
    return ARITHMETIC[node.primitive.name](*[paired(x, dtype) for x in values])


@translator("pow")
def power(node: Node, values: Sequence[Value]) -> Value:
    """A power whose exponent is one known number."""
    exponent = known_number(node.inputs[1])
    if exponent is None:
        raise NoParts("a complex power whose exponent is known only when the program runs")
    if not complex_formulas.has_formula(exponent):
        raise NoParts(f"a complex power of {exponent}, in which rounding decides")
    return complex_formulas.power(paired(values[0], computing(node)), exponent)


def known_number(x: Node) -> complex | None:
    """The number that a constant is everywhere; None where it is not one finite number."""
    while x.primitive.name in ("broadcast_to", "convert", "reshape"):
        (x,) = x.inputs
    if x.primitive.name != "constant":
        return None
    value = np.asarray(x.parameters["value"])
    if not value.size or not np.isfinite(value).all() or (value != value.flat[0]).any():
        return None
    return complex(value.flat[0])


@translator("abs")
def absolute(node: Node, values: Sequence[Value]) -> Value:
    z = paired(values[0], real_dtype(node.inputs[0].dtype))
    return op.hypot(z.real, z.imag)


@translator("real")
def real(node: Node, values: Sequence[Any]) -> Value:
    return values[0].real


@translator("imag")
def imag(node: Node, values: Sequence[Any]) -> Value:
    return values[0].imag


@translator("complex")
def make_complex(node: Node, values: Sequence[Value]) -> Value:
    """Of real parts; a complex one would have its own imaginary part dropped."""
    dtype = real_dtype(node.dtype)
    return Pair(*[converted(paired(x, dtype).real, dtype) for x in values])


@translator("conj")
def conj(node: Node, values: Sequence[Any]) -> Value:
    (z,) = values
    return Pair(z.real, op.neg(z.imag))


@translator("neg", "rint", "round")
def on_parts(node: Node, values: Sequence[Any]) -> Value:
    """What acts on each part by itself."""
    (z,) = values
    return Pair(*[op.apply(node.primitive, (part,), node.parameters) for part in z])


@translator("positive", "stop_gradient", "variable")
def identity(node: Node, values: Sequence[Value]) -> Value:
    return values[0]


@translator("convert")
def convert(node: Node, values: Sequence[Any]) -> Value:
    (x,) = values
    if is_complex(node):
        return paired(x, real_dtype(node.dtype))
    if node.dtype.kind == "b":
        return complex_formulas.nonzero(x)
    return op.convert(x.real, dtype=node.dtype)


@translator("python_scalar")
def python_scalar(node: Node, values: Sequence[Value]) -> Value:
    """A Python number out of an array of one element."""
    z = paired(values[0], real_dtype(node.dtype))
    return Pair(*[op.reshape(part, shape=()) for part in z])


def truth(x: Value) -> Node:
    """Whether a value counts as true."""
    return complex_formulas.nonzero(x) if isinstance(x, Pair) else x


@translator("logical_and", "logical_or", "logical_xor", "logical_not")
def logic(node: Node, values: Sequence[Value]) -> Value:
    return op.apply(node.primitive, tuple([truth(x) for x in values]), node.parameters)


@translator("select")
def select(node: Node, values: Sequence[Value]) -> Value:
    mask, a, b = values
    if not is_complex(node):
        return op.select(truth(mask), a, b)
    dtype = real_dtype(node.dtype)
    return complex_formulas.select(truth(mask), paired(a, dtype), paired(b, dtype))


# --------------------------------------------------------------------------- layouts and reductions


@translator(
    "reshape", "transpose", "broadcast_to", "slice", "unslice", "flip", "at", "put_at", "roll",
    "gather", "scatter_add", "sum", "cumsum",
)  # fmt: skip
def linear(node: Node, values: Sequence[Value]) -> Value:
    """What moves or adds elements, done to each part; index arrays follow."""
    z, *rest = values
    z = paired(z, real_dtype(node.dtype))
    return Pair(*[op.apply(node.primitive, (part, *rest), node.parameters) for part in z])


@translator("set_slice", "scatter_set")
def written(node: Node, values: Sequence[Value]) -> Value:
    """An array with other values at some places, in each part."""
    x, v, *indices = values
    dtype = real_dtype(node.dtype)
    pairs = zip(paired(x, dtype), paired(v, dtype), strict=True)
    return Pair(*[op.apply(node.primitive, (*pair, *indices), node.parameters) for pair in pairs])


@translator("concatenate", "stack")
def joined(node: Node, values: Sequence[Value]) -> Value:
    """Arrays side by side, in each part."""
    dtype = real_dtype(node.dtype)
    pairs = [paired(x, dtype) for x in values]
    whole = []
    for given, z in zip(node.inputs, pairs, strict=True):
        whole.append([
            part if part.shape == given.shape else op.broadcast_to(part, shape=given.shape)
            for part in z
        ])  # fmt: skip
    return Pair(*[
        op.apply(node.primitive, tuple([z[k] for z in whole]), node.parameters) for k in (0, 1)
    ])  # fmt: skip


@translator("euclidean_norm")
def euclidean_norm(node: Node, values: Sequence[Any]) -> Value:
    """The norm of all parts."""
    rank = len(node.inputs[0].shape)
    whole = op.stack(*values[0], axis=rank)
    return op.euclidean_norm(whole, axes=(*node.parameters["axes"], rank))


@translator("any", "all")
def logical_reduction(node: Node, values: Sequence[Value]) -> Value:
    return op.apply(node.primitive, (truth(values[0]),), node.parameters)


def elements(x: Value, shape: tuple[int, ...], axis: int) -> list[Pair]:
    """The elements along an axis, each a pair of arrays without it."""
    if not 0 < shape[axis] <= CHAIN:
        raise NoParts(f"a product of {shape[axis]} complex numbers along an axis")
    assert isinstance(x, Pair)
    return [
        Pair(*[op.at(part, axes=(axis,), places=(k,)) for part in x]) for k in range(shape[axis])
    ]


@translator("prod")
def prod(node: Node, values: Sequence[Value]) -> Value:
    """Products of few elements, one after the other."""
    found, shape = values[0], node.inputs[0].shape
    for axis in sorted(node.parameters["axes"], reverse=True):
        first, *others = elements(found, shape, axis)
        for z in others:
            first = complex_formulas.mul(first, z)
        found, shape = first, shape[:axis] + shape[axis + 1 :]
    return found


@translator("cumprod")
def cumprod(node: Node, values: Sequence[Value]) -> Value:
    """Running products of few elements."""
    axis = node.parameters["axis"]
    running: list[Pair] = []
    for z in elements(values[0], node.inputs[0].shape, axis):
        running.append(complex_formulas.mul(running[-1], z) if running else z)
    return Pair(*[op.stack(*[z[k] for z in running], axis=axis) for k in (0, 1)])


# ------------------------------------------------------------------------------------- contractions


@translator("matmul", "einsum", "cross", "convolve")
def multilinear(node: Node, values: Sequence[Value]) -> Value:
    """Real products of all choices of a part of each operand: i to the number of imaginary ones."""
    dtype = real_dtype(node.dtype)
    choices = []
    for x in values:
        parts = [converted(part, dtype) for part in (x if isinstance(x, Pair) else (x,))]
        choices.append(list(enumerate(parts)))
    if sum(len(c) > 1 for c in choices) > OPERANDS:
        raise NoParts(f"{node.primitive.name} of more than {OPERANDS} complex operands")
    sums: list[Node | None] = [None, None]
    for chosen in product(*choices):
        turns = sum(k for k, _ in chosen)
        term = op.apply(node.primitive, tuple([x for _, x in chosen]), node.parameters)
        place, negative = turns % 2, turns % 4 >= 2
        total = sums[place]
        if total is None:
            sums[place] = op.neg(term) if negative else term
        else:
            sums[place] = op.sub(total, term) if negative else op.add(total, term)
    assert sums[0] is not None and sums[1] is not None
    return Pair(*sums)
