"""Array expressions: a graph in which every layout is one `view`, and sums are taken where they are
cheapest.

Enters: constructors called in order of the data flow.  Leaves: interned `Expression`s.  This is the
form that loops are made from.  A view says for every axis of its input where to read, as an affine
combination of its own axes or through an index array; views of views become one.  An elementwise
operation is built over the axes on which its operands depend, then broadcast; a sum goes inside
broadcasts and products as far as it can, so that a factor which lacks a summed axis is applied
once, after the sum.

Axes of extent 1 carry no information: no expression depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..graph.primitive import registry

INDEX = np.dtype(np.int64)
UNARY_FOLDABLE = frozenset("convert neg".split())


class Expression:
    """One node: `op(*inputs)` with static `attribute`, of a shape and dtype.

    | op | attribute | meaning |
    |---|---|---|
    | input | number, array shape | an argument's memory, under this shape |
    | table | ndarray | a constant array |
    | constant | scalar | the same number everywhere |
    | iota | axis | the index along an axis |
    | map | name, parameters | an elementwise operation on operands of this shape |
    | view | maps | `inputs[0]` read at other places; further inputs are index arrays |
    | reduce | name, axes | sum, prod, max, min, any, all over axes, which are left out |
    | scan | name, axis | a running reduction |
    | product | - | stacks of matrix products, from memory to memory |
    | routine | name, parameters | a primitive with a routine of its own, from memory to memory |
    | scatter | axis count | zeros with inputs[0] added at index arrays inputs[1:] |
    | regions | boxes | parts written side by side into an array that starts as zeros |
    | alias | - | `inputs[0]`, kept in memory, under another shape |
    """

    __slots__ = ("attribute", "dtype", "height", "inputs", "number", "op", "shape", "used")

    op: str
    inputs: tuple[Expression, ...]
    attribute: Any
    shape: tuple[int, ...]
    dtype: np.dtype
    number: int  # in order of birth: a topological order
    used: frozenset[int]  # the axes on which the value depends
    height: int  # the longest way to a leaf

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __repr__(self) -> str:
        inside = ", ".join(f"%{x.number}" for x in self.inputs)
        return f"%{self.number}: {self.dtype}{list(self.shape)} = {self.op}({inside})" + (
            f" {self.attribute}" if self.op not in ("table",) else ""
        )


# One map of a view, for one axis of its input: `(terms, offset)`, terms being pairs (own axis,
# step), or `(number of an index input, its axes among the own ones)` marked by a string.
Affine = tuple[tuple[tuple[int, int], ...], int]
GATHER = "gather"
LOW = 16  # height up to which a part of an elementwise result is computed as such
HIGH = 150  # height up to which sums and reshapes go inside


def is_gather(m: tuple) -> bool:
    """Whether a map goes through an index array: (GATHER, input number, own axes)."""
    return m[0] == GATHER


def along(axis: int, step: int = 1, offset: int = 0) -> Affine:
    """The map that follows one axis."""
    return ((axis, step),), offset


def fixed(place: int) -> Affine:
    """The map that stays at one place."""
    return (), place


class Expressions:
    """The expressions of one program, interned."""

    def __init__(self) -> None:
        self.table: dict[Any, Expression] = {}
        self.tables: dict[Any, np.ndarray] = {}
        self.made: dict[Any, Any] = {}  # what a constructor gave for its arguments
        self.barriers: set[Expression] = set()  # kept in memory whatever they cost
        self.paddings: set[Expression] = set()  # zeros beside the parts of an array
        self.stands_for: dict[Expression, Expression] = {}  # what was made in an expression's place

    # --------------------------------------------------------------------------------------- leaves

    def make(
        self,
        op: str,
        inputs: Sequence[Expression],
        attribute: Any,
        shape: Sequence[int],
        dtype: np.dtype,
        key: Any = None,
    ) -> Expression:
        """The expression with these parts, one object for equal ones."""
        shape = tuple(shape)
        full = (
            op,
            tuple([x.number for x in inputs]),
            attribute if key is None else key,
            shape,
            dtype,
        )
        found = self.table.get(full)
        if found is None:
            found = Expression()
            found.op, found.inputs, found.attribute = op, tuple(inputs), attribute
            found.shape, found.dtype, found.number = shape, dtype, len(self.table)
            found.used = used_axes(found)
            found.height = 1 + max([x.height for x in found.inputs], default=0)
            self.table[full] = found
        return found

    def input(self, number: int, shape: Sequence[int], dtype: Any) -> Expression:
        """An argument."""
        return self.make("input", (), number, shape, np.dtype(dtype))

    def constant(self, value: Any, dtype: Any, shape: Sequence[int] = ()) -> Expression:
        """One number everywhere."""
        dtype = np.dtype(dtype)
        with np.errstate(all="ignore"):
            scalar = np.asarray(value).astype(dtype)[()]
        return self.make("constant", (), scalar, shape, dtype, scalar.tobytes())

    def padding(self, dtype: np.dtype, shape: Sequence[int]) -> Expression:
        """The zeros beside the parts of an array: adding them changes nothing (a sum with -0.0 may
        keep its sign)."""
        found = self.make("constant", (), dtype.type(0), shape, dtype, "padding")
        self.paddings.add(found)
        return found

    def array(self, value: np.ndarray) -> Expression:
        """A constant array."""
        value = np.ascontiguousarray(value)
        if value.size and value.size <= 1 << 16:
            first = value.ravel()[0]
            if value.tobytes() == first.tobytes() * value.size:
                return self.constant(first, value.dtype, value.shape)
        key = value.dtype.str, value.tobytes()
        return self.make("table", (), value, value.shape, value.dtype, key)

    def iota(self, shape: Sequence[int], axis: int) -> Expression:
        """The index along an axis."""
        if shape[axis] == 1:
            return self.constant(0, INDEX, shape)
        whole = self.make("iota", (), 0, (shape[axis],), INDEX)
        return self.spread(whole, shape, [axis])

    # ---------------------------------------------------------------------------------------- views

    def view(
        self,
        x: Expression,
        shape: Sequence[int],
        maps: Sequence[tuple],
        indices: Sequence[Expression] = (),
    ) -> Expression:
        """`x` read at other places; views of views become one where no index array is doubled."""
        key = "view", x, tuple(shape), tuple(maps), tuple(indices)
        if key not in self.made:
            self.made[key] = self.make_view(*key[1:])
        return self.made[key]

    def make_view(
        self,
        x: Expression,
        shape: tuple[int, ...],
        maps: tuple[tuple, ...],
        indices: tuple[Expression, ...],
    ) -> Expression:
        """The same, made."""
        if x.op == "constant":
            return self.same_number(x, shape)
        maps = tuple(
            m
            if is_gather(m) or (all(shape[k] != 1 for k, _ in m[0]) and x.shape[p] != 1)
            else ((), 0)
            if x.shape[p] == 1
            else (tuple([t for t in m[0] if shape[t[0]] != 1]), m[1])
            for p, m in enumerate(maps)
        )
        if x.op == "view" and not (indices and len(x.inputs) > 1):
            composed = compose(x, maps)
            if composed is not None:
                return self.view(x.inputs[0], shape, composed, x.inputs[1:] or indices)
        if x.op == "iota" and len(maps) == 1 and not is_gather(maps[0]) and not maps[0][0]:
            return self.constant(maps[0][1], INDEX, shape)
        if x.op == "map" and x.height <= LOW and not indices and self.is_narrowing(x, shape, maps):
            parts = [self.view(a, shape, maps) for a in x.inputs]
            return self.map(x.attribute[0], parts, x.dtype, dict(x.attribute[1]))
        if x.op == "regions" and not indices:
            part = part_of(x, shape, maps)
            if part is not None:
                inside, moved = part
                if inside is None:
                    return self.padding(x.dtype, shape)
                return self.view(inside, shape, moved)
        if x.shape == shape and all(
            m == along(k) or (n == 1 and m == ((), 0))
            for k, (m, n) in enumerate(zip(maps, shape, strict=True))
        ):
            return x
        return self.make("view", (x, *indices), maps, shape, x.dtype)

    def same_number(self, x: Expression, shape: Sequence[int]) -> Expression:
        """A constant under another shape."""
        if x in self.paddings:
            return self.padding(x.dtype, shape)
        return self.constant(x.attribute, x.dtype, shape)

    def is_narrowing(self, x: Expression, shape: tuple, maps: tuple) -> bool:
        """Whether a view takes a part of an elementwise result: then only the part is computed."""
        return any(
            (not m[0] and x.shape[p] != 1) or (m[0] and m[0][0][1] != 1) or m[1] != 0
            for p, m in enumerate(maps)
        ) or (x.size > math.prod(shape))

    def spread(self, x: Expression, shape: Sequence[int], axes: Sequence[int]) -> Expression:
        """Broadcast: axis p of x is axis axes[p] of the result."""
        return self.view(x, shape, [along(k) for k in axes])

    def broadcast(self, x: Expression, shape: Sequence[int]) -> Expression:
        """NumPy's broadcasting."""
        shape = tuple(shape)
        if x.shape == shape:
            return x
        lead = len(shape) - len(x.shape)
        maps = [
            fixed(0) if x.shape[p] == 1 and shape[lead + p] != 1 else along(lead + p)
            for p in range(len(x.shape))
        ]
        return self.view(x, shape, maps)

    def narrow(self, x: Expression, keep: Sequence[int]) -> Expression:
        """The value over some of its axes; it depends on no other one."""
        keep = list(keep)
        if len(keep) == len(x.shape):
            return x
        shape = [x.shape[k] for k in keep]
        maps = [along(keep.index(k)) if k in keep else fixed(0) for k in range(len(x.shape))]
        return self.view(x, shape, maps)

    # ---------------------------------------------------------------------------------------- maps

    def map(
        self,
        name: str,
        operands: Sequence[Expression],
        dtype: Any,
        parameters: dict[str, Any] | None = None,
    ) -> Expression:
        """An elementwise operation, over the axes on which its operands depend, then broadcast."""
        dtype = np.dtype(dtype)
        shape = np.broadcast_shapes(*[x.shape for x in operands])
        found = [self.broadcast(x, shape) for x in operands]
        parameters = parameters or {}
        if all(x.op == "constant" for x in found) and self.paddings.isdisjoint(found):
            folded = evaluate(name, found, parameters)
            if folded is not None and np.asarray(folded).dtype == dtype:
                return self.constant(folded, dtype, shape)
        simple = self.simplified(name, found, dtype)
        if simple is not None:
            return simple
        joined = next((x for x in found if is_joined(x)), None)
        if joined is not None:
            return self.by_part(name, found, dtype, parameters, joined)
        used = sorted(frozenset().union(*[x.used for x in found]))
        if len(used) < len(shape):
            inner = self.map(name, [self.narrow(x, used) for x in found], dtype, parameters)
            return self.spread(inner, shape, used)
        if name in COMMUTATIVE and found[0].number > found[1].number:
            found.reverse()
        attribute = name, tuple(sorted(parameters.items()))
        return self.make("map", found, attribute, shape, dtype)

    def by_part(
        self,
        name: str,
        operands: Sequence[Expression],
        dtype: np.dtype,
        parameters: dict[str, Any],
        joined: Expression,
    ) -> Expression:
        """An operation on long parts side by side, done for each part where it goes."""
        parts = []
        for part, (starts, steps) in zip(joined.inputs, joined.attribute, strict=True):
            maps = [along(k, c, s) for k, (s, c) in enumerate(zip(starts, steps, strict=True))]
            inside = [part if x is joined else self.view(x, part.shape, maps) for x in operands]
            parts.append(self.map(name, inside, dtype, parameters))
        return self.make("regions", parts, joined.attribute, joined.shape, dtype)

    def simplified(self, name: str, x: list[Expression], dtype: np.dtype) -> Expression | None:
        """A cheaper expression of exactly the same value, where there is one."""
        a, b = x[0], x[1] if len(x) > 1 else None
        same = all(v.dtype == dtype for v in x)
        if name == "convert" and same:
            return a
        if not same or dtype.kind == "b":
            return None
        if name == "neg" and (is_map(a, "neg") or a in self.paddings):
            return a.inputs[0] if a.inputs else a
        if name in ("add", "sub") and b in self.paddings:
            return a
        if name == "add" and b is not None:
            if a in self.paddings:
                return b
            if is_map(b, "neg"):
                return self.map("sub", [a, b.inputs[0]], dtype)
            if is_map(a, "neg"):
                return self.map("sub", [b, a.inputs[0]], dtype)
        if name == "sub" and b is not None and is_map(b, "neg"):
            return self.map("add", [a, b.inputs[0]], dtype)
        if name in ("mul", "div") and b is not None:
            if is_number(b, 1):
                return a
            if is_number(b, -1) and dtype.kind == "f":
                return self.map("neg", [a], dtype)
        if name == "mul" and b is not None:
            if is_number(a, 1):
                return b
            if is_number(a, -1) and dtype.kind == "f":
                return self.map("neg", [b], dtype)
            if is_map(a, "neg") and is_map(b, "neg"):
                return self.map("mul", [a.inputs[0], b.inputs[0]], dtype)
        if name == "pow" and b is not None and b.op == "constant" and dtype.kind == "f":
            return self.power(a, float(b.attribute), dtype)
        if name == "square":
            return self.map("mul", [a, a], dtype)
        return None

    def power(self, x: Expression, exponent: float, dtype: np.dtype) -> Expression | None:
        """x to a small power by multiplications (as NumPy for 2, 0.5 and -1)."""
        if exponent == 0.5:
            root = self.map("sqrt", [x], dtype)  # pow(-inf, 0.5) is inf, pow(-0.0, 0.5) is 0.0
            return root
        if exponent == 1:
            return x
        if exponent in (2, 3, 4):
            square = self.map("mul", [x, x], dtype)
            if exponent == 2:
                return square
            return self.map("mul", [square, x if exponent == 3 else square], dtype)
        if exponent == -1:
            return self.map("div", [self.constant(1, dtype, x.shape), x], dtype)
        if exponent == -2:
            whole = self.map("mul", [x, x], dtype)
            return self.map("div", [self.constant(1, dtype, x.shape), whole], dtype)
        return None

    # ----------------------------------------------------------------------------------- reductions

    def reduce(self, name: str, x: Expression, axes: Iterable[int]) -> Expression:
        """A reduction over axes, which are left out."""
        wanted = tuple(sorted(axes))
        if not wanted:
            return x
        ones = [k for k in wanted if x.shape[k] == 1]
        if ones:
            keep = [k for k in range(len(x.shape)) if k not in ones]
            rest = [keep.index(k) for k in wanted if k not in ones]
            return self.reduce(name, self.narrow(x, keep), rest)
        if name == "sum" and all(x.shape):
            return self.sum(x, wanted)
        idle = [k for k in range(len(x.shape)) if k not in x.used]
        if idle and name in ("max", "min", "any", "all") and all(x.shape):
            keep = [k for k in range(len(x.shape)) if k in x.used]
            inner = self.reduce(
                name, self.narrow(x, keep), [keep.index(k) for k in wanted if k in x.used]
            )
            out = [k for k in range(len(x.shape)) if k not in wanted]
            places = [out.index(k) for k in keep if k not in wanted]
            return self.spread(inner, [x.shape[k] for k in out], places)
        if x.op == "reduce" and x.attribute[0] == name:
            return self.reduce(name, x.inputs[0], x.attribute[1] + outer_axes(x, wanted))
        shape = [n for k, n in enumerate(x.shape) if k not in wanted]
        return self.make("reduce", (x,), (name, wanted), shape, x.dtype)

    def sum(self, x: Expression, axes: tuple[int, ...]) -> Expression:
        """A sum, taken inside broadcasts, and past factors that lack a summed axis."""
        if not axes:
            return x
        key = "sum", x, axes
        if key not in self.made:
            self.made[key] = self.make_sum(x, axes)
        return self.made[key]

    def make_sum(self, x: Expression, axes: tuple[int, ...]) -> Expression:
        """The same, made."""
        shape = tuple([n for k, n in enumerate(x.shape) if k not in axes])
        free = [k for k in axes if k not in x.used]
        if free:
            keep = [k for k in range(len(x.shape)) if k not in free]
            inner = self.sum(
                self.narrow(x, keep), tuple([keep.index(k) for k in axes if k not in free])
            )
            count = math.prod(x.shape[k] for k in free)
            if not exactly(count, x.dtype):
                return self.make("reduce", (x,), ("sum", axes), shape, x.dtype)
            return self.map("mul", [inner, self.constant(count, x.dtype)], x.dtype)
        idle = [k for k in range(len(x.shape)) if k not in x.used]
        if idle:
            keep = [k for k in range(len(x.shape)) if k in x.used]
            inner = self.sum(self.narrow(x, keep), tuple([keep.index(k) for k in axes]))
            out = [k for k in range(len(x.shape)) if k not in axes]
            return self.spread(inner, shape, [out.index(k) for k in keep if k not in axes])
        if x.op == "reduce" and x.attribute[0] == "sum":
            return self.sum(x.inputs[0], tuple(sorted(x.attribute[1] + outer_axes(x, axes))))
        if x.op == "map" and x.height <= HIGH and x.dtype.kind in "fiu":
            name = x.attribute[0]
            if name == "neg" and x.dtype.kind == "f":
                return self.map("neg", [self.sum(x.inputs[0], axes)], x.dtype)
            if name in ("add", "sub") and self.gains(x, axes):
                return self.sum_of_terms(x, axes)
            if name == "div" and x.dtype.kind == "f":
                pulled = self.sum_of_quotient(x, axes)
                if pulled is not None:
                    return pulled
            if name == "mul":
                pulled = self.sum_of_product(x, axes)
                if pulled is not None:
                    return pulled
        return self.make("reduce", (x,), ("sum", axes), shape, x.dtype)

    def gains(self, x: Expression, axes: tuple[int, ...]) -> bool:
        """Whether summing a term by itself saves a whole axis: a product one of whose factors lacks
        a summed axis while the other one lacks another axis.

        A plain term that lacks a summed axis is no reason: sum(x - mean) would become the
        difference of two large sums.
        """
        key = "gains", x, axes
        if key not in self.made:
            self.made[key] = self.find_gains(x, axes)
        return self.made[key]

    def find_gains(self, x: Expression, axes: tuple[int, ...]) -> bool:
        """The same, found."""
        if x.op == "reduce" and x.attribute[0] == "sum":
            return self.gains(x.inputs[0], outer_axes(x, axes))
        if is_map(x, "neg"):
            return self.gains(x.inputs[0], axes)
        if x.op == "map" and x.attribute[0] in ("add", "sub"):
            return any(self.gains(a, axes) for a in x.inputs)
        if is_map(x, "mul"):
            pairs = x.inputs, x.inputs[::-1]
            return any(set(axes) - a.used and len(b.used) < len(x.shape) for a, b in pairs)
        return False

    def sum_of_terms(self, x: Expression, axes: tuple[int, ...]) -> Expression:
        """sum(a + b + ..): the terms that save an axis by themselves, the others in one sum."""
        alone: list[tuple[bool, Expression]] = []  # whether it is subtracted, and the term
        rest: list[tuple[bool, Expression]] = []
        waiting = [(False, x)]
        while waiting:
            minus, term = waiting.pop()
            if not self.gains(term, axes):
                rest.append((minus, term))
            elif is_map(term, "neg"):
                waiting.append((not minus, term.inputs[0]))
            elif term.op == "map" and term.attribute[0] in ("add", "sub"):
                a, b = term.inputs
                waiting += [(minus != (term.attribute[0] == "sub"), b), (minus, a)]
            else:
                alone.append((minus, term))
        found = [(minus, self.sum(term, axes)) for minus, term in alone]
        if rest:
            found.append((False, self.sum(self.added(rest), axes)))
        return self.added(found)

    def added(self, terms: Sequence[tuple[bool, Expression]]) -> Expression:
        """Terms added up in order, or subtracted."""
        (minus, total), *others = sorted(terms, key=lambda term: term[0])
        if minus:
            total = self.map("neg", [total], total.dtype)
        for minus, term in others:
            total = self.map("sub" if minus else "add", [total, term], total.dtype)
        return total

    def sum_of_product(self, x: Expression, axes: tuple[int, ...]) -> Expression | None:
        """sum(a*b) = a*sum(b) over the axes that a lacks."""
        for a, b in (x.inputs, x.inputs[::-1]):
            inner = tuple([k for k in axes if k not in a.used])
            if inner:
                keep = [k for k in range(len(x.shape)) if k not in inner]
                product = self.map("mul", [self.narrow(a, keep), self.sum(b, inner)], x.dtype)
                return self.sum(product, tuple([keep.index(k) for k in axes if k not in inner]))
        return None

    def sum_of_quotient(self, x: Expression, axes: tuple[int, ...]) -> Expression | None:
        """sum(a/b) = sum(a)/b over the axes that b lacks."""
        a, b = x.inputs
        inner = tuple([k for k in axes if k not in b.used])
        if not inner:
            return None
        keep = [k for k in range(len(x.shape)) if k not in inner]
        quotient = self.map("div", [self.sum(a, inner), self.narrow(b, keep)], x.dtype)
        return self.sum(quotient, tuple([keep.index(k) for k in axes if k not in inner]))

    def product(self, a: Expression, b: Expression) -> Expression:
        """The product of matrices, or of stacks of them: a routine of its own."""
        a, b = self.in_memory(a), self.in_memory(b)
        return self.make("product", (a, b), None, (*a.shape[:-1], b.shape[-1]), a.dtype)

    def routine(
        self,
        name: str,
        operands: Sequence[Expression],
        shape: Sequence[int],
        dtype: Any,
        parameters: dict[str, Any] | None = None,
    ) -> Expression:
        """A primitive that has a routine of its own, on whole arrays."""
        attribute = name, tuple(sorted((parameters or {}).items()))
        found = [self.whole(x) for x in operands]
        return self.make("routine", found, attribute, shape, np.dtype(dtype))

    def whole(self, x: Expression) -> Expression:
        """The same value, all of it in memory in C order."""
        if x.op == "constant":
            return self.make(
                "table", (), np.full(x.shape, x.attribute), x.shape, x.dtype,
                (x.attribute.tobytes(), "whole"),
            )  # fmt: skip
        source = x.inputs[0] if x.op == "alias" else x
        if source.op in ("reduce", "scan", "scatter"):  # what sums up may lie there in parts
            x = self.make("view", (x,), [along(k) for k in range(len(x.shape))], x.shape, x.dtype,
                          "whole")  # fmt: skip
        if x.op not in ("input", "table", "alias"):
            self.barriers.add(x)
        return x

    def in_memory(self, x: Expression) -> Expression:
        """The same value as a view of what lies in memory."""
        source = x
        if x.op == "view" and len(x.inputs) == 1 and x.inputs[0].size <= 2 * x.size:
            source = x.inputs[0]
        memory = source.inputs[0] if source.op == "alias" else source
        if memory.op in ("reduce", "scan", "scatter"):  # it may lie there in parts
            source = x = self.make(
                "view", (x,), [along(k) for k in range(len(x.shape))], x.shape, x.dtype, "whole"
            )
        if source.op not in ("input", "table", "alias"):
            self.barriers.add(source)
        return x

    # -------------------------------------------------------------------------------------- reshape

    def reshape(self, x: Expression, shape: Sequence[int]) -> Expression:
        """The same elements in C order under another shape: pushed down to what lies in memory."""
        shape = tuple(shape)
        if x.shape == shape:
            return x
        moved = self.reshaped(x, shape)
        if moved is not None:
            return moved
        self.barriers.add(x)
        return self.make("alias", (x,), None, shape, x.dtype)

    def reshaped(self, x: Expression, shape: tuple[int, ...]) -> Expression | None:
        """A reshape without a copy in memory, or None."""
        key = "reshape", x, shape
        if key not in self.made:
            self.made[key] = self.make_reshaped(x, shape)
        return self.made[key]

    def make_reshaped(self, x: Expression, shape: tuple[int, ...]) -> Expression | None:
        """The same, made."""
        if x.height > HIGH:
            return None
        if x.op == "constant":
            return self.same_number(x, shape)
        if x.op == "table":
            return self.array(x.attribute.reshape(shape))
        groups = matching(x.shape, shape)
        if all(len(old) <= 1 and len(new) <= 1 for old, new in groups):
            maps: list[Any] = [fixed(0)] * len(x.shape)
            for old, new in groups:
                if old and new:
                    maps[old[0]] = along(new[0])
            return self.view(x, shape, maps)
        if x.op == "input":
            return self.make("input", (), x.attribute, shape, x.dtype)
        if x.op == "alias":
            return self.make("alias", x.inputs, None, shape, x.dtype)
        if x.op == "map":
            parts = [self.reshaped(a, shape) for a in x.inputs]
            if any(p is None for p in parts):
                return None
            return self.map(x.attribute[0], parts, x.dtype, dict(x.attribute[1]))  # type: ignore[arg-type]
        if x.op == "view":
            return self.reshaped_view(x, shape, groups)
        if x.op == "reduce":
            return self.reshaped_reduce(x, shape)
        return None

    def reshaped_reduce(self, x: Expression, shape: tuple[int, ...]) -> Expression | None:
        """The reduced axes go last, the others are reshaped before the reduction."""
        (inner,), (name, axes) = x.inputs, x.attribute
        rest = [k for k in range(len(inner.shape)) if k not in axes]
        order = [*rest, *axes]
        turned = self.view(
            inner,
            [inner.shape[k] for k in order],
            [along(order.index(k)) for k in range(len(order))],
        )
        reduced = [inner.shape[k] for k in axes]
        moved = self.reshaped(turned, (*shape, *reduced))
        if moved is None:
            return None
        return self.reduce(name, moved, range(len(shape), len(shape) + len(axes)))

    def reshaped_view(
        self, x: Expression, shape: tuple[int, ...], groups: list
    ) -> Expression | None:
        """A reshape of a view: steps along split axes multiply, those of merged ones must fit."""
        place: dict[int, tuple] = {}  # own axis -> terms over the new axes
        merged: dict[int, tuple[tuple[int, ...], int]] = {}
        for old, new in groups:
            old = [k for k in old if x.shape[k] != 1]
            new = [k for k in new if shape[k] != 1]
            if len(old) == 1:
                step, terms = 1, []
                for k in reversed(new):
                    terms.append((k, step))
                    step *= shape[k]
                place[old[0]] = tuple(reversed(terms))
            elif len(new) == 1:
                for k in old:
                    merged[k] = tuple(old), new[0]
            elif old or new:
                return None
        if any(is_gather(m) for m in x.attribute):
            return None
        maps = []
        whole: set[int] = set()
        for m in x.attribute:
            moved: list[tuple[int, int]] = []
            seen: set[int] = set()
            for k, step in m[0]:
                if k in place:
                    moved += [(q, step * c) for q, c in place[k]]
                elif k in merged and k not in seen:
                    olds, q = merged[k]
                    steps = dict(m[0])
                    last = steps.get(olds[-1])
                    expected = last
                    for axis in reversed(olds):
                        if last is None or steps.get(axis) != expected:
                            return None
                        expected *= x.shape[axis]  # type: ignore[operator]
                    seen.update(olds)
                    whole.update(olds)
                    assert last is not None
                    moved.append((q, last))
            maps.append((tuple(moved), m[1]))
        if any(k in merged and k not in whole for k in x.used):
            return None
        if any(k not in whole and x.shape[k] != 1 and any(j in whole for j in merged[k][0])
               for k in merged):  # fmt: skip
            return None
        return self.view(x.inputs[0], shape, maps)


LONG = 64  # extent from which parts side by side are worked on one by one


def is_joined(x: Expression) -> bool:
    """Whether an expression is a few long parts side by side that fill it."""
    return (
        x.op == "regions"
        and len(x.inputs) <= 4
        and sum(part.size for part in x.inputs) == x.size
        and any(n > LONG and any(part.shape[p] != n for part in x.inputs)
                for p, n in enumerate(x.shape))
    )  # fmt: skip


# Not `minimum` and `maximum`: of two zeros they give the second one, as NumPy does.
COMMUTATIVE = frozenset("add mul equal not_equal".split())


def is_map(x: Expression, name: str) -> bool:
    """Whether an expression is this elementwise operation."""
    return x.op == "map" and x.attribute[0] == name


def is_number(x: Expression, value: float) -> bool:
    """Whether an expression is this number."""
    return x.op == "constant" and bool(x.attribute == value)


def exactly(count: int, dtype: np.dtype) -> bool:
    """Whether a dtype holds a whole number."""
    with np.errstate(all="ignore"):
        return dtype.kind in "iu" or int(dtype.type(count)) == count


def evaluate(name: str, x: Sequence[Expression], parameters: dict[str, Any]) -> Any:
    """An operation on numbers, or None where it cannot be done now."""
    primitive = registry.get(name)
    if primitive is None:
        return None
    with np.errstate(all="ignore"):
        return primitive.evaluate(*[v.attribute for v in x], **parameters)


def used_axes(x: Expression) -> frozenset[int]:
    """The axes on which a new expression depends."""
    if x.op == "constant":
        return frozenset()
    real = [k for k, n in enumerate(x.shape) if n != 1]
    if x.op != "view":
        return frozenset(real)
    found: set[int] = set()
    for m in x.attribute:
        found.update(m[2] if is_gather(m) else [k for k, _ in m[0]])
    return frozenset(found.intersection(real))


def compose(x: Expression, outer: Sequence[tuple]) -> tuple | None:
    """The maps of a view of the view x, or None where an index array would be read at another step,
    or where its places, which may be negative or out of range, are those of a part."""
    found: list[tuple] = []
    for m, extent in zip(x.attribute, x.inputs[0].shape, strict=True):
        if is_gather(m):
            axes = []
            for k in m[2]:
                o = outer[k]
                if is_gather(o) or o[1] != 0 or len(o[0]) != 1 or o[0][0][1] != 1:
                    return None
                axes.append(o[0][0][0])
            found.append((GATHER, m[1], tuple(axes)))
            continue
        terms, offset = m
        if len(terms) == 1 and is_gather(outer[terms[0][0]]):
            if terms[0][1] != 1 or offset != 0 or x.shape[terms[0][0]] != extent:
                return None
            found.append(outer[terms[0][0]])
            continue
        total: dict[int, int] = {}
        for k, step in terms:
            o = outer[k]
            if is_gather(o):
                return None
            offset += step * o[1]
            for q, c in o[0]:
                total[q] = total.get(q, 0) + step * c
        found.append((tuple(sorted(total.items())), offset))
    return tuple(found)


def outer_axes(x: Expression, axes: Sequence[int]) -> tuple[int, ...]:
    """Axes of a reduction's result as axes of its input."""
    (inner,) = x.inputs
    rest = [k for k in range(len(inner.shape)) if k not in x.attribute[1]]
    return tuple([rest[k] for k in axes])


def matching(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The smallest groups of axes that hold the same elements before and after a reshape; axes of
    extent 1 are in no group."""
    left = [k for k, n in enumerate(old) if n != 1]
    right = [k for k, n in enumerate(new) if n != 1]
    groups: list[tuple[list[int], list[int]]] = []
    while left or right:
        a, b = [left.pop(0)], [right.pop(0)]
        before, after = old[a[0]], new[b[0]]
        while before != after:
            if before < after:
                a.append(left.pop(0))
                before *= old[a[-1]]
            else:
                b.append(right.pop(0))
                after *= new[b[-1]]
        groups.append((a, b))
    return groups


def part_of(x: Expression, shape: tuple, maps: tuple) -> tuple[Expression | None, tuple] | None:
    """Where a view reads one box of `regions` only: the box and the maps into it; (None, ..) where
    it reads none."""
    touched = []
    for k, (starts, steps) in enumerate(x.attribute):
        part = x.inputs[k]
        inside, outside = True, False
        moved = []
        for p, (terms, offset) in enumerate(maps):
            start, step, n = starts[p], steps[p], part.shape[p]
            low = offset + sum(c * (shape[q] - 1) for q, c in terms if c < 0)
            high = offset + sum(c * (shape[q] - 1) for q, c in terms if c > 0)
            ends = sorted((start, start + step * (n - 1)))
            if high < ends[0] or low > ends[1]:
                outside = True
            if low < ends[0] or high > ends[1]:
                inside = False
            if (offset - start) % step or any(c % step for _, c in terms):
                if not terms:
                    outside = True
                inside = False
            else:
                moved.append((tuple([(q, c // step) for q, c in terms]), (offset - start) // step))
        if outside:
            continue
        if not inside:
            return None
        touched.append((part, tuple(moved)))
    if len(touched) > 1:
        return None
    return touched[0] if touched else (None, ())
