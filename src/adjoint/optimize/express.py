"""From a closed graph to array expressions: what each primitive is in terms of maps, views,
reductions and contractions.

Enters: the nodes of a native segment.  Leaves: their `Expressions`.  `reason(node)` tells why a
node cannot be native code; it then stays a step of its own between native segments.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import ops  # noqa: F401  (declares the primitives)
from ..base.dtypes import Type, promoting, result_type, type_of
from ..graph.cost import floor
from ..graph.node import Node
from ..graph.primitive import Combine, Scalar
from .expression import (
    GATHER,
    INDEX,
    Expression,
    Expressions,
    along,
    fixed,
    is_gather,
)

NATIVE = frozenset("bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split())
SMALL_CONTRACTION = 100_000  # multiplications up to which a contraction is made of loops
NARROW = 16  # rows, columns or terms up to which it is
WHOLE = frozenset("reduce scan scatter product routine".split())  # of which all is made first
MANY = 96  # terms, and rows or columns, from which the other may be narrow
HANDLERS: dict[str, Callable[..., Expression]] = {}
REASONS: dict[str, Callable[[Node], str | None]] = {}


def handler(*names: str) -> Callable:
    """Register how a primitive is expressed: `(graph, node, inputs) -> expression`."""

    def register(function: Callable) -> Callable:
        for name in names:
            HANDLERS[name] = function
        return function

    return register


def reason(node: Node, scalar_reason: Callable[[Node], str | None]) -> str | None:
    """Why a node cannot be native code, or None; `scalar_reason` judges elementwise operations."""
    name = node.primitive.name
    if name == "constant":
        return None
    if name == "item":
        found = reason(node.inputs[0], scalar_reason)
        return found and "one of several outputs"
    if isinstance(node.dtype, tuple) and name not in HANDLERS:
        return "several outputs"
    types = [type_of(x) for x in node.inputs]
    types += node.dtype if isinstance(node.dtype, tuple) else (type_of(node),)
    for t in types:
        if t.dtype.name not in NATIVE or not t.dtype.isnative:
            return f"dtype {t.dtype.name if t.dtype.isnative else t.dtype.str}"
    if name in REASONS:
        found = REASONS[name](node)
        if found is not None:
            return found
    if name in HANDLERS:
        return None
    if isinstance(node.primitive.code, Scalar) and node.primitive.kind == "elementwise":
        return scalar_reason(node)
    return f"{name} has no native code"


def express(
    graph: Expressions,
    nodes: Sequence[Node],
    known: Mapping[Node, Expression],
    watch: Callable[[str, Any], None] | None = None,
) -> dict[Node, Expression]:
    """The expressions of nodes (in order), given those of what they read; `watch("node", node)` is
    called before each."""
    image: dict[Node, Expression] = dict(known)
    for node in nodes:
        if node in image:
            continue
        if watch is not None:
            watch("node", node)
        name = node.primitive.name
        if name == "constant":
            image[node] = constant(graph, node)
            continue
        inputs = [image[x] for x in node.inputs]
        if name == "item":
            image[node] = inputs[0][node.parameters["index"]]  # type: ignore[index]
        elif name in HANDLERS:
            image[node] = HANDLERS[name](graph, node, inputs)
        else:
            image[node] = elementwise(graph, node, inputs)
        found = image[node]
        if isinstance(found, tuple):
            continue
        if found.shape != node.shape or found.dtype != node.dtype:
            raise AssertionError(f"{node!r} became {found!r}")
    return image


def constant(graph: Expressions, node: Node) -> Expression:
    """A constant array or number."""
    value = np.asarray(node.parameters["value"])
    if value.dtype != node.dtype:
        value = value.astype(node.dtype)
    if value.ndim == 0:
        return graph.constant(value[()], node.dtype)
    return graph.array(value)


# -------------------------------------------------------------------------------------- elementwise


def strong(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> list[Expression]:
    """Operands without weak scalars: those take the dtype that the others give them."""
    types = [type_of(x) for x in node.inputs]
    if not any(t.weak for t in types) or all(t.weak for t in types):
        return list(inputs)
    if node.primitive.name == "select":
        target = node.dtype
    else:
        target = result_type(*[Type((), t.dtype, t.weak) for t in types]).dtype
    return [convert(graph, x, target) if t.weak else x for t, x in zip(types, inputs, strict=True)]


def convert(graph: Expressions, x: Expression, dtype: Any) -> Expression:
    """The value in another dtype."""
    dtype = np.dtype(dtype)
    if x.dtype == dtype:
        return x
    if x.op == "constant":
        return graph.constant(x.attribute, dtype, x.shape)
    return graph.map("convert", [x], dtype, {"dtype": dtype})


def elementwise(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    """An elementwise operation; operands are converted to the dtypes it computes in, so that equal
    conversions are shared."""
    code = node.primitive.code
    assert isinstance(code, Scalar)
    found = strong(graph, node, inputs)
    parameters = node.parameters
    if code.name == "convert":
        return graph.broadcast(convert(graph, found[0], node.dtype), node.shape)
    ufunc = node.primitive.reference
    if isinstance(ufunc, np.ufunc) and ufunc.nin == len(found) and not parameters:
        wanted = loop_dtypes(ufunc, tuple([promoting(Type((), x.dtype)) for x in found]))
        if wanted is not None:
            found = [convert(graph, x, d) for x, d in zip(found, wanted, strict=True)]
    elif code.name == "select":
        found[1:] = [convert(graph, x, node.dtype) for x in found[1:]]
        found[0] = convert(graph, found[0], bool)
    elif code.name in ("safe_sqrt",):
        found = [convert(graph, x, node.dtype) for x in found]
        return graph.broadcast(graph.map("sqrt", found, node.dtype), node.shape)
    return graph.broadcast(graph.map(code.name, found, node.dtype, parameters), node.shape)


LOOPS: dict[Any, Any] = {}


def loop_dtypes(ufunc: np.ufunc, operands: tuple) -> tuple | None:
    """The dtypes in which a ufunc computes; None where they are none of ours or mixed on purpose
    (comparisons of signed and unsigned integers)."""
    key = ufunc, operands
    if key not in LOOPS:
        found = ufunc.resolve_dtypes(operands + (None,) * ufunc.nout)[: ufunc.nin]
        LOOPS[key] = found if all(d.name in NATIVE for d in found) else None
    return LOOPS[key]


@handler("stop_gradient", "variable", "positive", "real")
def identity(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    return convert(graph, inputs[0], node.dtype)


@handler("python_scalar")
def python_scalar(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    return graph.reshape(convert(graph, inputs[0], node.dtype), ())


# ------------------------------------------------------------------------------------------ layouts


@handler("reshape")
def reshape(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    return graph.reshape(inputs[0], node.shape)


@handler("transpose")
def transpose(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    axes = node.parameters["axes"]
    return graph.view(inputs[0], node.shape, [along(axes.index(p)) for p in range(len(axes))])


@handler("broadcast_to")
def broadcast_to(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    return graph.broadcast(inputs[0], node.shape)


@handler("slice")
def slice_(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    starts, steps = node.parameters["starts"], node.parameters["steps"]
    maps = [
        along(k, step, start) for k, (start, step) in enumerate(zip(starts, steps, strict=True))
    ]
    return graph.view(inputs[0], node.shape, maps)


@handler("flip")
def flip(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    axes = node.parameters["axes"]
    maps = [along(k, -1, n - 1) if k in axes else along(k) for k, n in enumerate(node.shape)]
    return graph.view(inputs[0], node.shape, maps)


@handler("at")
def at(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    chosen = dict(zip(node.parameters["axes"], node.parameters["places"], strict=True))
    maps, own = [], 0
    for p in range(len(inputs[0].shape)):
        if p in chosen:
            maps.append(fixed(chosen[p]))
        else:
            maps.append(along(own))
            own += 1
    return graph.view(inputs[0], node.shape, maps)


def regions(
    graph: Expressions,
    shape: tuple[int, ...],
    parts: Sequence[tuple[Expression, Sequence[int], Sequence[int]]],
    dtype: np.dtype,
) -> Expression:
    """Parts (expression, starts, steps) side by side in zeros."""
    kept = [p for p in parts if p[0].size]
    if not kept or all(x in graph.paddings for x, *_ in kept):
        return graph.padding(dtype, shape)
    first = kept[0][0]
    if len(kept) == 1 and first.shape == shape and all(s == 1 for s in kept[0][2]):
        return first
    if all(x.op == "constant" and x.attribute.tobytes() == bytes(dtype.itemsize) for x, *_ in kept):
        return graph.constant(0, dtype, shape)
    boxes = tuple([(tuple(starts), tuple(steps)) for _, starts, steps in kept])
    return graph.make("regions", [x for x, *_ in kept], boxes, shape, dtype)


@handler("unslice")
def unslice(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    return regions(graph, node.shape, [ascending(graph, inputs[0], node)], node.dtype)


def ascending(graph: Expressions, x: Expression, node: Node) -> Any:
    """What goes to the places of a slice as a part: steps that go down are taken from the other
    end."""
    starts, steps = node.parameters["starts"], node.parameters["steps"]
    moved = []
    for k, (start, step) in enumerate(zip(starts, steps, strict=True)):
        if step < 0:  # from its other end
            n = x.shape[k]
            maps = [along(q, -1, n - 1) if q == k else along(q) for q in range(len(x.shape))]
            x = graph.view(x, x.shape, maps)
            start, step = start + step * (n - 1), -step
        moved.append((start, step))
    return x, [s for s, _ in moved], [c for _, c in moved]


@handler("set_slice")
def set_slice(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    whole, shape = inputs[0], node.shape
    inner, starts, steps = ascending(graph, convert(graph, inputs[1], node.dtype), node)
    if not inner.size:
        return whole
    parts = [(inner, starts, steps)]
    ranges = [(0, n, 1) for n in shape]  # start, count, step along each axis
    for k, (start, step) in enumerate(zip(starts, steps, strict=True)):
        count = inner.shape[k]
        for rest in beside(start, count, step, shape[k]):
            ranges[k] = rest
            extents = [c for _, c, _ in ranges]
            maps = [along(q, c, s) for q, (s, _, c) in enumerate(ranges)]
            part = graph.view(whole, extents, maps)
            parts.append((part, [s for s, *_ in ranges], [c for *_, c in ranges]))
        ranges[k] = (start, count, step)
    return regions(graph, shape, parts, node.dtype)


def beside(start: int, count: int, step: int, n: int) -> list[tuple[int, int, int]]:
    """The places along an axis of n that a range leaves out, as ranges (start, count, step)."""
    end = start + (count - 1) * step + 1
    found = [(0, start, 1), (end, n - end, 1)]
    found += [(start + k, count - 1, step) for k in range(1, step)]
    return [r for r in found if r[1]]


@handler("put_at")
def put_at(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    chosen = dict(zip(node.parameters["axes"], node.parameters["places"], strict=True))
    shape = [1 if p in chosen else n for p, n in enumerate(node.shape)]
    x = graph.reshape(inputs[0], shape)
    starts = [chosen.get(p, 0) for p in range(len(shape))]
    return regions(graph, node.shape, [(x, starts, [1] * len(shape))], node.dtype)


@handler("concatenate")
def concatenate(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    axis, start, parts = node.parameters["axis"], 0, []
    for x in inputs:
        starts = [start if k == axis else 0 for k in range(len(node.shape))]
        parts.append((convert(graph, x, node.dtype), starts, [1] * len(starts)))
        start += x.shape[axis]
    return regions(graph, node.shape, parts, node.dtype)


@handler("stack")
def stack(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    axis, parts = node.parameters["axis"], []
    for number, x in enumerate(inputs):
        part = convert(graph, x, node.dtype)
        part = graph.reshape(part, (*x.shape[:axis], 1, *x.shape[axis:]))
        starts = [number if k == axis else 0 for k in range(len(node.shape))]
        parts.append((part, starts, [1] * len(starts)))
    return regions(graph, node.shape, parts, node.dtype)


@handler("roll")
def roll(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    x = inputs[0]
    for shift, axis in zip(node.parameters["shifts"], node.parameters["axes"], strict=True):
        n = x.shape[axis]
        cut = -shift % n
        if cut == 0:
            continue
        shape = list(x.shape)
        parts = []
        for begin, end, to in ((cut, n, 0), (0, cut, n - cut)):
            shape[axis] = end - begin
            maps = [along(k, 1, begin if k == axis else 0) for k in range(len(shape))]
            starts = [to if k == axis else 0 for k in range(len(shape))]
            parts.append((graph.view(x, shape, maps), starts, [1] * len(shape)))
        x = regions(graph, x.shape, parts, node.dtype)
    return x


# ------------------------------------------------------------------------------------------ indices


def affine_table(x: Expression) -> tuple | None:
    """The map `(terms, offset)` of an index expression that counts along one of its axes."""
    if x.op == "constant":
        return (), int(x.attribute)
    if x.op == "view" and x.inputs[0].op in ("iota", "table") and len(x.inputs) == 1:
        inner = affine_table(x.inputs[0])
        if inner is None or any(is_gather(m) for m in x.attribute):
            return None
        terms, offset = [], inner[1]
        for k, step in inner[0]:
            m = x.attribute[k]
            offset += step * m[1]
            terms += [(q, step * c) for q, c in m[0]]
        return tuple(terms), offset
    if x.op == "iota":
        return ((0, 1),), 0
    if x.op == "table" and x.dtype.kind in "iu":
        value = x.attribute
        long = [k for k, n in enumerate(x.shape) if n != 1]
        if len(long) == 1:
            flat = value.ravel().astype(np.int64)
            step = int(flat[1] - flat[0])
            if np.array_equal(flat, flat[0] + step * np.arange(len(flat))):
                return (((long[0], step),) if step else ()), int(flat[0])
    return None


def index_maps(
    graph: Expressions, x_shape: Sequence[int], indices: Sequence[Expression], lead: tuple[int, ...]
) -> tuple[list[Any], list[Expression]]:
    """The maps that index arrays (over the axes `lead`) give for the first axes of an array."""
    maps: list[Any] = []
    kept: list[Expression] = []
    for p, i in enumerate(indices):
        i = graph.broadcast(convert(graph, i, INDEX), lead)
        counted = affine_table(i)
        if counted is not None and within(counted, lead, x_shape[p]):
            maps.append(counted)
            continue
        used = sorted(i.used)
        kept.append(graph.narrow(i, used))
        maps.append((GATHER, len(kept), tuple(used)))
    return maps, kept


def within(counted: tuple, shape: Sequence[int], extent: int) -> bool:
    """Whether all places of an affine map are in range and not negative."""
    terms, offset = counted
    low = offset + sum(c * (shape[k] - 1) for k, c in terms if c < 0)
    high = offset + sum(c * (shape[k] - 1) for k, c in terms if c > 0)
    return low >= 0 and high < extent


@handler("gather")
def gather(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    x, *indices = inputs
    lead = np.broadcast_shapes(*[i.shape for i in indices])
    maps, kept = index_maps(graph, x.shape, indices, lead)
    rest = len(x.shape) - len(indices)
    maps += [along(len(lead) + k) for k in range(rest)]
    return graph.view(x, node.shape, maps, kept)


@handler("scatter_add")
def scatter_add(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    values, *indices = inputs
    lead = np.broadcast_shapes(*[i.shape for i in indices])
    rest = node.shape[len(indices) :]
    values = graph.broadcast(values, (*lead, *rest))
    maps, kept = index_maps(graph, node.shape, indices, lead)
    if len(kept) <= 1 and all(is_gather(m) or m == ((), 0) or len(m[0]) == 1 for m in maps):
        compared = by_comparison(graph, values, maps, kept, lead, node.shape)
        if compared is not None:
            return compared
    full = [graph.broadcast(convert(graph, i, INDEX), lead) for i in indices]
    return graph.make("scatter", (values, *full), len(lead), node.shape, node.dtype)


@handler("scatter_set")
def scatter_set(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    """One place that is data: a choice at each element."""
    x, v, *indices = inputs
    shape, count = node.shape, len(indices)
    hit = None
    for axis, index in enumerate(indices):
        index = graph.view(convert(graph, index, INDEX), (), [((), 0)] * len(index.shape))
        place = graph.make("place", (index,), shape[axis], (), INDEX)
        here = graph.broadcast(place, shape)
        found = graph.map("equal", [graph.iota(shape, axis), here], bool)
        hit = found if hit is None else graph.map("logical_and", [hit, found], bool)
    assert hit is not None
    rest = shape[count:]
    v = graph.broadcast(convert(graph, v, node.dtype), (*[1] * (len(v.shape) - len(rest)), *rest))
    v = graph.view(
        v, rest, [*[((), 0)] * (len(v.shape) - len(rest)), *map(along, range(len(rest)))]
    )
    spread = graph.spread(v, shape, list(range(count, len(shape))))
    return graph.map("select", [hit, spread, convert(graph, x, node.dtype)], node.dtype)


def several_places(node: Node) -> str | None:
    """Whether a write has several places: the last value counts where one comes twice."""
    several = any(x.size > 1 for x in node.inputs[2:])
    return "a write at several places that are data" if several else None


REASONS["scatter_set"] = several_places


def by_comparison(
    graph: Expressions,
    values: Expression,
    maps: Sequence[Any],
    kept: Sequence[Expression],
    lead: tuple[int, ...],
    shape: tuple[int, ...],
) -> Expression | None:
    """A scatter in which every index axis is counted along, and one more place is data: at most one
    value goes to each place, so it is a comparison."""
    axes: dict[int, int] = {}  # index axis -> axis of the result
    chosen = None
    for p, m in enumerate(maps):
        if is_gather(m):
            chosen = p
        elif len(m[0]) == 1 and m[0][0][1] == 1 and m[1] == 0 and shape[p] == lead[m[0][0][0]]:
            if m[0][0][0] in axes:
                return None
            axes[m[0][0][0]] = p
        else:
            return None
    if len(axes) != len(lead) or (chosen is None and not axes):
        return None
    places = [axes[k] for k in range(len(lead))] + list(range(len(maps), len(shape)))
    spread = graph.spread(values, shape, places)
    if chosen is None:
        return spread
    used = maps[chosen][2]
    index = graph.make("place", (kept[0],), shape[chosen], kept[0].shape, INDEX)
    there = graph.spread(index, shape, [axes[k] for k in used])
    hit = graph.map("equal", [graph.iota(shape, chosen), there], bool)
    nothing = graph.constant(0, values.dtype, shape)
    return graph.map("select", [hit, spread, nothing], values.dtype)


@handler("require")
def require(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    """A place that is out of range where the guards do not hold: the program then fails."""
    zero, one = graph.constant(0, INDEX), graph.constant(1, INDEX)
    wrong = graph.map("select", [convert(graph, inputs[0], bool), zero, one], INDEX)
    return graph.make("place", (wrong,), 1, (), INDEX)


# --------------------------------------------------------------------------------------- reductions


@handler("sum", "prod", "max", "min", "any", "all")
def reduce(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    target = bool if node.primitive.name in ("any", "all") else node.dtype
    x = convert(graph, inputs[0], target)
    if not node.parameters["axes"] and node.primitive.name == "sum" and x.dtype.kind == "f":
        return graph.map("add", [x, graph.constant(0, x.dtype)], x.dtype)  # -0.0 becomes 0.0
    return graph.reduce(node.primitive.name, x, node.parameters["axes"])


@handler("euclidean_norm")
def euclidean_norm(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    x = convert(graph, inputs[0], node.dtype)
    square = graph.map("mul", [x, x], node.dtype)
    axes = node.parameters["axes"]
    total = graph.reduce("sum", square, axes) if axes else square
    return graph.map("sqrt", [total], node.dtype)


@handler("cumsum", "cumprod", "cummax", "cummin")
def scan(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    code = node.primitive.code
    assert isinstance(code, Combine)
    x, axis = convert(graph, inputs[0], node.dtype), node.parameters["axis"]
    if x.shape[axis] == 1:
        return x
    return graph.make("scan", (x,), (code.name, axis), node.shape, node.dtype)


@handler("argmax", "argmin")
def extremum(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    """The first place of the extreme value (or of a NaN): the least index that has it."""
    (x,), axis = inputs, node.parameters["axis"]
    if x.shape[axis] == 1 or axis not in x.used:
        return graph.constant(0, node.dtype, node.shape)
    if x.dtype.kind == "b":
        x = convert(graph, x, np.uint8)
    name = "max" if node.primitive.name == "argmax" else "min"
    rest = [k for k in range(len(x.shape)) if k != axis]
    extreme = graph.spread(graph.reduce(name, x, [axis]), x.shape, rest)
    hit = graph.map("equal", [x, extreme], bool)
    if x.dtype.kind == "f":
        hit = graph.map("logical_or", [hit, graph.map("isnan", [x], bool)], bool)
    place = graph.iota(x.shape, axis)
    last = graph.constant(x.shape[axis], INDEX, x.shape)
    found = graph.reduce("min", graph.map("select", [hit, place, last], INDEX), [axis])
    return convert(graph, found, node.dtype)


@handler("logsumexp")
def logsumexp(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    """log(sum(exp(x - m))) + m with m the greatest element, 0 in place of an infinite one."""
    axes = node.parameters["axes"]
    x = convert(graph, inputs[0], node.dtype)
    top = graph.reduce("max", x, axes)
    finite = graph.map("isfinite", [top], bool)
    zero = graph.constant(0, node.dtype, top.shape)
    level = graph.map("select", [finite, top, zero], node.dtype)
    rest = [k for k in range(len(x.shape)) if k not in axes]
    shifted = graph.map("sub", [x, graph.spread(level, x.shape, rest)], node.dtype)
    total = graph.reduce("sum", graph.map("exp", [shifted], node.dtype), axes)
    return graph.map("add", [graph.map("log", [total], node.dtype), level], node.dtype)


# ------------------------------------------------------------------------------------- contractions


def contract(
    graph: Expressions,
    terms: Sequence[str],
    output: str,
    operands: Sequence[Expression],
    dtype: np.dtype,
) -> Expression:
    """Einstein's summation: a routine's where it is large, else a product and a sum."""
    made = by_routine(graph, terms, output, operands, dtype)
    if made is not None:
        return made
    found = [convert(graph, x, dtype) for x in operands]
    extents: dict[str, int] = {}
    for term, x in zip(terms, found, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            extents[letter] = max(n, extents.get(letter, 1))
    letters = output + "".join(c for c in extents if c not in output)
    shape = tuple([extents[c] for c in letters])
    product: Expression | None = None
    for term, x in zip(terms, found, strict=True):
        maps = [along(letters.index(c)) if x.shape[p] != 1 else fixed(0)
                for p, c in enumerate(term)]  # fmt: skip
        part = graph.view(x, shape, maps)
        product = part if product is None else graph.map("mul", [product, part], dtype)
    assert product is not None
    return graph.reduce("sum", product, range(len(output), len(letters)))


@handler("einsum")
def einsum(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    left, output = node.parameters["subscripts"].split("->")
    return contract(graph, left.split(","), output, inputs, node.dtype)


def matmul_terms(a: Sequence[int], b: Sequence[int]) -> tuple[list[str], str]:
    """The letters of a matrix product of these shapes."""
    rank = max(len(a), len(b)) - 2
    batch = "abcdefghijklmnop"[: max(rank, 0)]
    left = "z" if len(a) == 1 else batch[rank - (len(a) - 2) :] + "xz"
    right = "z" if len(b) == 1 else batch[rank - (len(b) - 2) :] + "zy"
    return [left, right], batch + ("x" if len(a) > 1 else "") + ("y" if len(b) > 1 else "")


@handler("matmul")
def matmul(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    terms, output = matmul_terms(inputs[0].shape, inputs[1].shape)
    return contract(graph, terms, output, inputs, node.dtype)


@handler("cross")
def cross(graph: Expressions, node: Node, inputs: Sequence[Expression]) -> Expression:
    a, b = [graph.broadcast(convert(graph, x, node.dtype), node.shape) for x in inputs]
    lead = node.shape[:-1]

    def part(x: Expression, k: int) -> Expression:
        return graph.view(x, lead, [*[along(q) for q in range(len(lead))], fixed(k)])

    parts = []
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        first = graph.map("mul", [part(a, i), part(b, j)], node.dtype)
        second = graph.map("mul", [part(a, j), part(b, i)], node.dtype)
        value = graph.reshape(graph.map("sub", [first, second], node.dtype), (*lead, 1))
        parts.append((value, [0] * len(lead) + [k], [1] * len(node.shape)))
    return regions(graph, node.shape, parts, node.dtype)


def is_large(
    operands: Sequence[Expression], batch: int, rows: int, inner: int, columns: int
) -> bool:
    """Whether a routine forms a product faster than loops, though these may do more beside it.

    A narrow matrix is worth one where it is long: its terms and the other matrix are many.  With
    few terms loops are faster, unless an operand has to wait for a sum, and is in memory anyway.
    """
    if rows * inner * columns <= SMALL_CONTRACTION:
        return False
    if min(rows, inner, columns) > NARROW:
        return True
    if batch > 1 or min(rows, columns) == 1:
        return False
    if inner <= NARROW:
        return floor(min(rows, columns)) >= MANY and any(map(waits, operands))
    return floor(inner) >= MANY and floor(max(rows, columns)) >= MANY


def waits(x: Expression) -> bool:
    """Whether an expression is computed from a sum, or the like."""
    waiting, seen = [x], {x}
    while waiting:
        y = waiting.pop()
        if y.op in WHOLE:
            return True
        for a in y.inputs:
            if a not in seen:
                seen.add(a)
                waiting.append(a)
    return False


def by_routine(
    graph: Expressions,
    terms: Sequence[str],
    output: str,
    operands: Sequence[Expression],
    dtype: np.dtype,
) -> Expression | None:
    """A large contraction of two operands as a product of matrices, or None."""
    if len(operands) != 2 or dtype.kind != "f":
        return None
    extents: dict[str, int] = {}
    for term, x in zip(terms, operands, strict=True):
        if len(set(term)) != len(term) or len(x.used) != len(x.shape):
            return None  # a diagonal, or an operand that is the same along an axis
        extents.update(zip(term, x.shape, strict=True))
    left, right = terms
    shared = [c for c in left if c in right]
    batch, inner = [c for c in shared if c in output], [c for c in shared if c not in output]
    rows, columns = [c for c in left if c not in right], [c for c in right if c not in left]
    if any(c not in output for c in rows + columns):
        return None
    sizes = [math.prod(extents[c] for c in group) for group in (batch, rows, inner, columns)]
    if not is_large(operands, *sizes):
        return None

    def matrix(x: Expression, term: str, first: Sequence[str], second: Sequence[str]) -> Expression:
        order = [*batch, *first, *second]
        turned = graph.view(
            convert(graph, x, dtype),
            [extents[c] for c in order],
            [along(order.index(c)) for c in term],
        )
        shape = [math.prod(extents[c] for c in group) for group in (batch, first, second)]
        return graph.reshape(turned, shape if batch else shape[1:])

    found = graph.product(
        matrix(operands[0], left, rows, inner), matrix(operands[1], right, inner, columns)
    )
    order = [*batch, *rows, *columns]
    whole = graph.reshape(found, [extents[c] for c in order])
    return graph.view(whole, [extents[c] for c in output], [along(output.index(c)) for c in order])


# -------------------------------------------------------------------------------------------- whole


ELEMENTWISE = frozenset("input constant map view".split())


def flattened(graph: Expressions, outputs: Sequence[Expression]) -> list[Expression]:
    """Outputs of a purely elementwise program as vectors: neighbours in memory whatever the
    axes."""
    shape = outputs[0].shape if outputs else ()
    if len(shape) < 2 or any(x.shape != shape for x in outputs):
        return list(outputs)
    waiting, seen = list(outputs), set(outputs)
    while waiting:
        x = waiting.pop()
        if x.op not in ELEMENTWISE or (x.op == "view" and x.used):
            return list(outputs)
        for a in x.inputs:
            if a not in seen:
                seen.add(a)
                waiting.append(a)
    flat = [graph.reshaped(x, (x.size,)) for x in outputs]
    return list(outputs) if any(x is None for x in flat) else flat  # type: ignore[return-value]
