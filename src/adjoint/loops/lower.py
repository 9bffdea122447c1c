"""From a plan to loop IR: values are pulled to where they are needed.

Enters: the loop tree of a native segment.  Leaves: a `Program`.  Each statement asks for the value
at the place it is at; the value's expression is followed to what is kept or to the arguments, and
every operation goes out of all loops on which it does not depend.  What has been computed for a
place is not computed again while its loops are open.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..optimize.expression import INDEX, Expression, is_gather
from ..optimize.fuse import Class, Nest, Plan
from ..optimize.literal import Cell, branch, is_true
from ..optimize.statements import Statement
from .ir import (
    Array,
    Constant,
    Index,
    Load,
    Loop,
    Operation,
    Place,
    Product,
    Program,
    Routine,
    Scratch,
    Size,
    Store,
    Symbol,
    Update,
    neutral,
)

PLAIN = (0.0, 1.0, -1.0, 2.0, 0.5)  # floats that are part of the code
SMALL = 16  # integers up to which they are
CHAIN = 16  # terms of an unrolled reduction that are combined one after the other
SHORT_CHAIN = 4  # the same where terms are added that were not multiplied just before
IN_PLACE = ("value", "product", "routine", "scan")  # statements that store each element once
COMBINE = {
    "sum": "add", "prod": "mul", "max": "maximum", "min": "minimum", "any": "logical_or",
    "all": "logical_and", "add": "add", "mul": "mul", "maximum": "maximum", "minimum": "minimum",
}  # fmt: skip

# Where along one axis: an int, or `(terms, offset)` with terms (variable, step), a variable being
# an Index or an int64 operation.
Where = Any


MOST_STEPS = 120_000  # values that are asked for in one program; most programs have some thousands


class TooMuch(Exception):
    """A program whose code would be too long: what is put together from parts that are put together
    from parts may be computed again and again."""


class Scope:
    """An open loop: what it has computed so far."""

    __slots__ = ("body", "memo", "nest")

    def __init__(self, body: list[Any], nest: Nest | None) -> None:
        self.body = body
        self.memo: dict[Any, Any] = {}
        self.nest = nest


class Lowering:
    """Makes the loop IR of one plan."""

    def __init__(self, plan: Plan, lanes: Sequence[Class]) -> None:
        self.plan, self.lanes = plan, frozenset(lanes)
        self.selection = plan.selection
        self.scopes = [Scope([], None)]
        self.indices: dict[Class, Index] = {}
        self.depths: dict[Any, int] = {}  # of indices and values
        self.symbols: dict[Any, Symbol] = {}
        self.inputs: dict[int, Array] = {}
        self.arrays: dict[Any, Array] = {}
        self.within: dict[tuple[Expression, int], bool] = {}
        self.shaped: dict[Any, Array] = {}  # memory under other shapes
        self.outputs: list[Array] = []
        self.axes: dict[Expression, list[int]] = {}  # of kept arrays
        self.written_to: dict[Expression, int] = {}  # kept values that are an output's memory
        self.steps = 0  # how many values were asked for

    # -------------------------------------------------------------------------------------- symbols

    def extent(self, c: Class) -> Size:
        """The size of a class."""
        return c.extent if c.is_fixed else self.symbol(c, c.extent)

    def symbol(self, key: Any, value: Any, dtype: Any = INDEX) -> Symbol:
        """The symbol of a size, an offset or a constant."""
        if key not in self.symbols:
            self.symbols[key] = Symbol(value, dtype)
        return self.symbols[key]

    def number(self, value: int) -> Size:
        """An offset or a step: part of the code where small."""
        return value if abs(value) <= SMALL else self.symbol(("number", value), value)

    def constant(self, value: Any, dtype: Any) -> Any:
        """A number as an operand."""
        dtype = np.dtype(dtype)
        if dtype.kind == "b" or (
            float(value) in PLAIN or math.isinf(value) or math.isnan(value)
            if dtype.kind == "f"
            else abs(int(value)) <= SMALL
        ):
            return self.fixed(value, dtype)
        key = "constant", dtype, np.asarray(value, dtype).tobytes()
        return self.symbol(key, dtype.type(value), dtype)

    def fixed(self, value: Any, dtype: Any = INDEX) -> Constant:
        """A number that is part of the code, one object for equal ones."""
        dtype = np.dtype(dtype)
        key = "fixed", dtype, np.asarray(value, dtype).tobytes()
        if key not in self.symbols:
            self.symbols[key] = Constant(value, dtype)  # type: ignore[assignment]
        return self.symbols[key]  # type: ignore[return-value]

    def padding(self, dtype: np.dtype) -> Constant:
        """The zero beside the parts of an array: adding it changes nothing."""
        return self.symbols.setdefault(("padding", dtype), Constant(0, dtype))  # type: ignore

    def axis_size(self, x: Expression, axis: int) -> Size:
        """The size of a leaf's axis."""
        n = x.shape[axis]
        if not self.selection.is_loop(n):
            return n
        found = self.plan.leaves.get((x, axis))
        if found is not None and found.rank >= 0 and found in self.plan.classes:
            return self.extent(found)
        return self.symbol((x.op, x.attribute if x.op == "input" else x.number, axis, n), n)

    # --------------------------------------------------------------------------------------- places

    def put(self, item: Any, depth: int) -> Any:
        """Append an operation to the body of a scope."""
        self.scopes[depth].body.append(item)
        self.depths[item] = depth
        return item

    def depth_of(self, *values: Any) -> int:
        """The innermost loop on which values depend."""
        return max([self.depths.get(v, 0) for v in values], default=0)

    def places(self, array: Array, at: Sequence[Where]) -> list[Place]:
        """Places as the IR has them; along an axis of fixed size numbers are part of the code."""
        found = []
        for where, n in zip(at, array.shape, strict=True):
            number = int if isinstance(n, int) else self.number
            if isinstance(where, int):
                found.append(Place((), number(where)))
            else:
                terms, offset = where
                found.append(Place([(v, number(step)) for v, step in terms], number(offset)))
        return found

    def depth_at(self, at: Sequence[Where]) -> int:
        """The innermost loop on which places depend."""
        return self.depth_of(*[v for w in at if not isinstance(w, int) for v, _ in w[0]])

    def load(self, array: Array, at: Sequence[Where], depth: int = 0) -> Any:
        """Read an element, as far out as its places allow."""
        depth = max(depth, self.depth_at(at))
        return self.put(Load(array, self.places(array, at)), depth)

    def operation(
        self,
        name: str,
        operands: Sequence[Any],
        dtype: Any,
        parameters: Any = None,
        reduces: bool = False,
    ) -> Any:
        """An operation on scalars, once for equal operands."""
        if name in ("add", "sub"):
            nothing = self.symbols.get(("padding", np.dtype(dtype)))
            if nothing is not None and operands[1] is nothing:
                return operands[0]
            if nothing is not None and operands[0] is nothing and name == "add":
                return operands[1]
        if name == "neg" and operands[0] is self.symbols.get(("padding", np.dtype(dtype))):
            return operands[0]
        depth = self.depth_of(*operands)
        chosen = tuple(sorted((parameters or {}).items()))
        key = name, tuple(operands), np.dtype(dtype), chosen, reduces
        for scope in self.scopes[: depth + 1]:
            if key in scope.memo:
                return scope.memo[key]
        found = self.put(Operation(name, operands, dtype, parameters, reduces), depth)
        self.scopes[depth].memo[key] = found
        return found

    def integer(self, where: Where) -> Any:
        """A place as an int64 value."""
        if isinstance(where, int):
            return self.constant(where, INDEX)
        terms, offset = where
        total: Any = None
        for v, step in terms:
            part = v if step == 1 else self.operation("mul", [v, self.constant(step, INDEX)], INDEX)
            total = part if total is None else self.operation("add", [total, part], INDEX)
        if total is None:
            return self.constant(offset, INDEX)
        if offset:
            total = self.operation("add", [total, self.constant(offset, INDEX)], INDEX)
        return total

    # --------------------------------------------------------------------------------------- values

    def pull(self, x: Expression, at: tuple[Where, ...], own: Expression | None = None) -> Any:
        """The value of an expression at a place: what it needs first, without recursion."""
        found = self.known(x, at)
        if found is not None:
            return found
        waiting = [(x, at)]
        while waiting:
            self.steps += 1
            if self.steps > MOST_STEPS:
                raise TooMuch
            y, here = waiting[-1]
            taken = branch(y, cell_of(here)) if y.op == "map" else None
            if taken is not None and (y is own or taken.op == "constant" or not self.is_read(y)):
                found = self.known(taken, here)
                if found is None:
                    waiting.append((taken, here))
                    continue
                waiting.pop()
                self.scopes[self.depths.get(found, 0)].memo[y, here] = found
                continue
            if y.op == "map" and (y is own or not self.is_read(y)):
                missing = [(a, here) for a in y.inputs if self.known(a, here) is None]
                if missing:
                    waiting += reversed(missing)
                    continue
            waiting.pop()
            if self.known(y, here) is None:
                found = self.value_of(y, here, own)
                if y.op != "constant":
                    self.scopes[self.depths.get(found, 0)].memo[y, here] = found
        return self.known(x, at)

    def known(self, x: Expression, at: tuple[Where, ...]) -> Any:
        """A value that has been computed while its loops are open, or None."""
        if x.op == "constant":
            if x in self.selection.graph.paddings:
                return self.padding(x.dtype)
            return self.constant(x.attribute, x.dtype)
        key = x, at
        for scope in reversed(self.scopes):
            if key in scope.memo:
                return scope.memo[key]
        return None

    def is_read(self, x: Expression) -> bool:
        """Whether a value is kept in memory, and not computed where it is needed."""
        s = self.selection.kept.get(x)
        return (s is not None and not self.in_registers(s)) or x in self.selection.parts

    def value_of(self, x: Expression, at: tuple[Where, ...], own: Expression | None) -> Any:
        """The value of an expression whose operands are known."""
        if x is not own and self.is_read(x):
            if x in self.selection.parts:
                return self.load_kept(self.arrays[x], self.kept_axes(x), at, self.shared_of(x))
            return self.read(self.selection.kept[x], at)
        return self.compute(x, at)

    def compute(self, x: Expression, at: tuple[Where, ...]) -> Any:
        """The value of an expression that is computed here."""
        if x.op == "map":
            name, parameters = x.attribute
            operands = [self.pull(a, at) for a in x.inputs]
            return self.operation(name, operands, x.dtype, dict(parameters))
        if x.op == "view":
            return self.pull(x.inputs[0], self.through(x, at))
        if x.op in ("input", "table"):
            answer = is_true(x, cell_of(at)) if x.op == "table" else None
            return self.load(self.leaf(x), at) if answer is None else self.fixed(answer, bool)
        if x.op == "iota":
            return self.integer(at[0])
        if x.op == "place":
            value = self.pull(x.inputs[0], at)
            return self.operation("place", [value, self.size(x.attribute)], INDEX)
        if x.op == "reduce":
            return self.unrolled_reduction(x, at)
        if x.op == "regions":
            return self.from_parts(x, at)
        if x.op == "alias":
            return self.load_alias(x, at)
        if x.op == "scan":
            return self.unrolled_scan(x, at)
        raise AssertionError(f"no code for {x!r}")

    def size(self, n: int) -> Any:
        """An extent as an operand."""
        return self.fixed(n) if n <= SMALL else self.symbol(("number", n), n)

    def leaf(self, x: Expression) -> Array:
        """The array of an argument or a constant array."""
        if x.op == "table":
            if x not in self.arrays:
                shape = [self.axis_size(x, k) for k in range(len(x.shape))]
                self.arrays[x] = Array(shape, x.dtype, "constant", x.attribute)
            return self.arrays[x]
        whole = self.inputs[x.attribute]
        if whole.extents() == x.shape:
            return whole
        if x not in self.shaped:
            shape = [self.axis_size(x, k) for k in range(len(x.shape))]
            self.shaped[x] = Array(shape, x.dtype, "input", base=whole)
        return self.shaped[x]

    def through(self, x: Expression, at: tuple[Where, ...]) -> tuple[Where, ...]:
        """Where a view reads its input."""
        found: list[Where] = []
        source = x.inputs[0]
        for p, m in enumerate(x.attribute):
            if is_gather(m):
                inner = tuple([at[k] for k in m[2]])
                found.append(self.placed(x.inputs[m[1]], inner, source.shape[p]))
                continue
            terms, offset = m
            total: dict[Any, int] = {}
            for k, step in terms:
                w = at[k]
                if isinstance(w, int):
                    offset += step * w
                    continue
                offset += step * w[1]
                for v, c in w[0]:
                    total[v] = total.get(v, 0) + step * c
            kept = tuple([(v, c) for v, c in total.items() if c])
            found.append((kept, offset) if kept else offset)
        return tuple(found)

    def placed(self, index: Expression, at: tuple[Where, ...], n: int) -> Where:
        """Where an index that is data leads, along an axis of n; constant ones are looked into."""
        if index.op == "table":
            if all(isinstance(w, int) for w in at):
                place = int(index.attribute[at])
                if -n <= place < n:
                    return place + n if place < 0 else place
            elif index.dtype == INDEX and self.is_within(index, n):
                return ((self.pull(index, at), 1),), 0
        operands = [self.pull(index, at), self.size(n)]
        return ((self.operation("place", operands, INDEX), 1),), 0

    def is_within(self, index: Expression, n: int) -> bool:
        """Whether all numbers of a constant array are places along an axis of n."""
        if (index, n) not in self.within:
            numbers = index.attribute
            self.within[index, n] = bool(numbers.min(initial=0) >= 0 and numbers.max(initial=0) < n)
        return self.within[index, n]

    def unrolled_reduction(self, x: Expression, at: tuple[Where, ...]) -> Any:
        """A reduction over unrolled axes."""
        (inner,), (name, axes) = x.inputs, x.attribute
        rest = iter(at)
        base: list[Any] = [None if p in axes else next(rest) for p in range(len(inner.shape))]
        values = []
        for place in itertools.product(*[range(inner.shape[k]) for k in axes]):
            for k, j in zip(axes, place, strict=True):
                base[k] = j
            values.append(self.pull(inner, tuple(base)))
        return self.combined(COMBINE[name], values, x.dtype)

    def combined(
        self, combine: str, values: list[Any], dtype: np.dtype, starts: bool = True
    ) -> Any:
        """Several values combined: chains, then pairs of pairs.  A sum `starts` as 0.0, unless what
        it is added to did."""
        chains = []
        products = any(isinstance(x, Operation) and x.name == "mul" for x in values)
        length = CHAIN if products or combine != "add" else SHORT_CHAIN
        if combine == "add" and dtype.kind == "f" and starts:
            values = [self.fixed(0.0, dtype), *values]  # as NumPy: a sum of -0.0 is 0.0
        for start in range(0, len(values), length):
            total = values[start]
            for value in values[start + 1 : start + length]:
                total = self.operation(combine, [total, value], dtype, reduces=True)
            chains.append(total)
        while len(chains) > 1:
            pairs = [
                self.operation(combine, [a, b], dtype, reduces=True)
                for a, b in zip(chains[::2], chains[1::2], strict=False)
            ]
            chains = pairs + chains[len(pairs) * 2 :]
        return chains[0]

    def unrolled_scan(self, x: Expression, at: tuple[Where, ...]) -> Any:
        """A running reduction along an unrolled axis."""
        (inner,), (name, axis) = x.inputs, x.attribute
        n = inner.shape[axis]

        def element(k: int) -> Any:
            return self.pull(inner, (*at[:axis], k, *at[axis + 1 :]))

        wanted = at[axis]
        running = [element(0)]
        for k in range(1, n if not isinstance(wanted, int) else wanted + 1):
            running.append(self.operation(COMBINE[name], [running[-1], element(k)], x.dtype))
        if isinstance(wanted, int):
            return running[wanted]
        return self.chosen(running, self.integer(wanted), x.dtype)

    def chosen(self, values: list[Any], index: Any, dtype: np.dtype) -> Any:
        """One of several values by a place known at run time."""
        found = values[0]
        for k, value in enumerate(values[1:], 1):
            here = self.operation("equal", [index, self.fixed(k)], bool)
            found = self.operation("select", [here, value, found], dtype)
        return found

    def from_parts(self, x: Expression, at: tuple[Where, ...]) -> Any:
        """An element of an array that is put together from parts."""
        found: Any = self.padding(x.dtype)
        for part, (starts, steps) in zip(x.inputs, x.attribute, strict=True):
            moved, conditions = [], []
            outside = False
            for p, w in enumerate(at):
                start, step, n = starts[p], steps[p], part.shape[p]
                if n == x.shape[p] and step == 1:
                    moved.append(w)
                elif isinstance(w, int):
                    k, rest = divmod(w - start, step)
                    if rest or not 0 <= k < n:
                        outside = True
                        break
                    moved.append(k)
                else:
                    k, condition = self.inside(self.integer(w), start, step, n)
                    moved.append((((k, 1),), 0) if k is not None else 0)
                    conditions.append(condition)
            if outside:
                continue
            value = self.pull(part, tuple(moved))
            if not conditions:
                return value
            condition = self.combined("logical_and", conditions, np.dtype(bool))
            found = self.operation("select", [condition, value, found], x.dtype)
        return found

    def inside(self, w: Any, start: int, step: int, n: int) -> tuple[Any, Any]:
        """The place in a part, clamped, and whether it is in it."""
        offset = self.operation("sub", [w, self.constant(start, INDEX)], INDEX)
        if n == 1:
            return None, self.operation("equal", [offset, self.fixed(0)], bool)
        conditions = []
        if step != 1:
            by = self.constant(step, INDEX)
            rest = self.operation("remainder", [offset, by], INDEX)
            offset = self.operation("floor_divide", [offset, by], INDEX)
            conditions.append(self.operation("equal", [rest, self.fixed(0)], bool))
        last = self.constant(n - 1, INDEX)
        low = self.operation("maximum", [offset, self.fixed(0)], INDEX)
        clamped = self.operation("minimum", [low, last], INDEX)
        conditions.append(self.operation("equal", [offset, clamped], bool))
        return clamped, self.combined("logical_and", conditions, np.dtype(bool))

    # ------------------------------------------------------------------------------- kept in memory

    def in_registers(self, s: Statement) -> bool:
        """Whether all readers stand in the innermost loop of a value."""
        return (
            s.kind == "value"
            and s.shared == len(s.path)
            and s.node not in self.selection.graph.barriers
        )

    def shared_of(self, x: Expression) -> int:
        """In how many loops an array put together from parts lives."""
        parts = self.selection.parts[x]
        depth = min(p.shared for p in parts)
        first = parts[0]
        while depth and any(p.path[:depth] != first.path[:depth] for p in parts):
            depth -= 1
        return depth

    def kept_axes(self, x: Expression) -> list[int]:
        """The axes of a kept expression that its array has: not those of the loops it lives in;
        the lanes innermost."""
        if x not in self.axes:
            self.axes[x] = self.find_axes(x)
        return self.axes[x]

    def find_axes(self, x: Expression) -> list[int]:
        """The same, found."""
        if x in self.selection.parts:
            s, depth = self.selection.parts[x][0], self.shared_of(x)
        else:
            s = self.selection.kept[x]
            depth = s.shared
        around = {nest.of for nest in s.path[:depth]}
        axes = [k for k, q in enumerate(s.own) if q is None or s.classes.get(q) not in around]
        if x in self.selection.graph.barriers:
            return axes
        return [k for k in axes if not self.is_lane(s, k)] + [k for k in axes if self.is_lane(s, k)]

    def is_lane(self, s: Statement, k: int) -> bool:
        """Whether an axis of a result runs along the lanes."""
        q = s.own[k]
        return q is not None and s.classes.get(q) in self.lanes

    def kept_size(self, s: Statement, x: Expression, k: int) -> Size:
        """The size of an axis of a kept array."""
        q, n = s.own[k], x.shape[k]
        if q is not None and q in s.classes and s.classes[q].extent == n:
            return self.extent(s.classes[q])
        return self.symbol((x.number, k), n) if self.selection.is_loop(n) else n

    def is_in_place(self, x: Expression) -> bool:
        """Whether a kept value can be made in an output's memory: whole, in the output's order."""
        s = self.selection.kept.get(x)
        if x in self.selection.parts:
            s = self.selection.parts[x][0]
            if self.shared_of(x) > 0:
                return False
        elif s is None or s.shared > 0 or s.kind not in IN_PLACE or self.in_registers(s):
            return False
        return self.kept_axes(x) == list(range(len(x.shape)))

    def declare(self, x: Expression, s: Statement, fill: Any) -> None:
        """Make the array of a kept expression here; that of an output is the caller's."""
        number = self.written_to.get(x)
        if number is not None:
            self.arrays[x] = self.outputs[number]
            if fill is not None:
                self.scopes[-1].body.append(Scratch(self.arrays[x], fill))
            return
        shape = [self.kept_size(s, x, k) for k in self.kept_axes(x)]
        array = self.arrays[x] = Array(shape, x.dtype, "scratch")
        self.scopes[-1].body.append(Scratch(array, fill))

    def declare_all(self, statements: Sequence[Statement], depth: int, nest: Nest | None) -> None:
        """Declare what lives at this depth and is made in this loop (or here, without a loop)."""
        for s in statements:
            x = s.node
            if s.kind == "output" or (s.kind == "value" and self.in_registers(s)):
                continue
            shared = self.shared_of(x) if s.kind == "part" else s.shared
            if shared != depth or (nest is not None and s.path[depth] is not nest):
                continue
            if nest is None and len(s.path) != depth:
                continue
            if s.kind == "part":
                if x not in self.arrays:
                    self.declare(x, s, None if covers(x) else 0)
            elif s.kind == "reduce":
                self.declare(x, s, identity(x.attribute[0], x.dtype))
            elif s.kind == "scatter":
                self.declare(x, s, 0)
            elif s.kind in IN_PLACE and (s.kind != "scan" or shared < len(s.path)):
                self.declare(x, s, None)

    def load_kept(
        self, array: Array, axes: Sequence[int], at: tuple[Where, ...], depth: int
    ) -> Any:
        """Read a kept array."""
        return self.load(array, [at[k] for k in axes], depth)

    def read(self, s: Statement, at: tuple[Where, ...]) -> Any:
        """Read a kept value."""
        if s.kind == "scan" and s.shared == len(s.path):
            key = "scan", s, tuple([at[k] for k in self.cell_axes(s)])
            for scope in reversed(self.scopes):
                if key in scope.memo:
                    return scope.memo[key]
            raise AssertionError(f"{s!r} is read before it is made")
        return self.load_kept(self.arrays[s.node], self.kept_axes(s.node), at, s.shared)

    def load_alias(self, x: Expression, at: tuple[Where, ...]) -> Any:
        """Read kept memory under another shape."""
        return self.load(self.shaped_alias(x), at)

    def shaped_alias(self, x: Expression) -> Array:
        """Kept memory under another shape."""
        source = x.inputs[0]
        if x not in self.shaped:
            shape = [
                self.symbol((x.number, k), n) if self.selection.is_loop(n) else n
                for k, n in enumerate(x.shape)
            ]
            if source in self.arrays:
                base = self.arrays[source]
            else:
                base = self.leaf(source)
            self.shaped[x] = Array(shape, x.dtype, base.role, base=base)
        return self.shaped[x]

    # ----------------------------------------------------------------------------------- statements

    def cells(self, s: Statement, axes: Sequence[int]) -> Iterator[dict[int, int]]:
        """All places along unrolled domain axes."""
        for place in itertools.product(*[range(s.domain[q]) for q in axes]):
            yield dict(zip(axes, place, strict=True))

    def unrolled(self, s: Statement) -> list[int]:
        """The unrolled domain axes that the result keeps."""
        return [q for q in s.own if q is not None and q not in s.classes]

    def cell_axes(self, s: Statement) -> list[int]:
        """The result's axes that are unrolled."""
        return [k for k, q in enumerate(s.own) if q is not None and q not in s.classes]

    def domain_at(self, s: Statement, cell: dict[int, int]) -> list[Where]:
        """Where in the domain: at the open loops' indices, at a cell of the unrolled axes."""
        return [
            (((self.indices[s.classes[q]], 1),), 0) if q in s.classes else cell.get(q)
            for q in range(len(s.domain))
        ]

    def statement(self, s: Statement) -> None:
        """What a statement does, at the current place."""
        if s.kind == "scan":
            self.sequential(s)
            return
        if s.kind == "product":
            self.product(s)
            return
        if s.kind == "routine":
            self.routine(s)
            return
        for cell in self.cells(s, self.unrolled(s)):
            at = self.domain_at(s, cell)
            if s.unread and tuple(cell.values()) in s.unread:
                continue
            if s.kind == "reduce":
                self.reduction(s, at)
            elif s.kind == "scatter":
                self.scatter(s, at)
            elif s.kind == "part":
                self.part(s, at)
            elif s.kind == "output" and self.written_to.get(s.node) == s.number:
                pass  # it has been written where it was made
            elif s.kind == "output":
                value = self.pull(s.node, tuple(at))
                array = self.outputs[s.number]
                self.append(Store(array, self.places(array, at), value))
            elif not self.in_registers(s):
                value = self.pull(s.node, tuple(at), s.node)
                self.append(Store(*self.kept_at(s, at), value))

    def kept_at(self, s: Statement, at: Sequence[Where]) -> tuple[Array, list[Place]]:
        """The array of a kept value, and where in it."""
        array = self.arrays[s.node]
        return array, self.places(array, [at[k] for k in self.kept_axes(s.node)])

    def append(self, item: Any) -> None:
        """Append to the innermost body."""
        self.scopes[-1].body.append(item)

    def reduction(self, s: Statement, at: list[Where]) -> None:
        """Combine the values of the unrolled reduced axes, then update the accumulator."""
        inner = [q for q in sorted(s.reduced) if q not in s.classes]
        values = []
        for cell in self.cells(s, inner):
            for q, j in cell.items():
                at[q] = j
            values.append(self.pull(s.value, tuple(at)))
        combine = COMBINE[s.node.attribute[0]]
        value = self.combined(combine, values, s.node.dtype, starts=False)
        if changes_nothing(combine, value):
            return
        own = [at[q] for q in s.own]  # type: ignore[index]
        self.append(Update(*self.kept_at(s, own), combine, value))

    def scatter(self, s: Statement, at: list[Where]) -> None:
        """Add a value at places that are data."""
        count = s.node.attribute
        inner = [q for q in sorted(s.reduced) if q not in s.classes]
        for cell in self.cells(s, inner):
            for q, j in cell.items():
                at[q] = j
            value = self.pull(s.value, tuple(at))
            where: list[Where] = []
            for p, index in enumerate(s.node.inputs[1:]):
                where.append(self.placed(index, tuple(at[:count]), s.node.shape[p]))
            is_checked = all(isinstance(w, int) for w in where)
            where += [at[q] for q in s.own[len(where) :]]  # type: ignore[index]
            if not (is_checked and changes_nothing("add", value)):
                self.append(Update(*self.kept_at(s, where), "add", value))

    def product(self, s: Statement) -> None:
        """A matrix product, by a routine."""
        a, b = s.node.inputs
        indices = [Index() for _ in range(len(s.node.shape) + 1)]
        *batch, i, j, k = indices
        at = {v: (((v, 1),), 0) for v in indices}
        rows, columns = s.node.shape[-2:]
        sizes = [(i, rows), (j, columns), (k, a.shape[-1])]
        axes = [(v, self.extent_of(n)) for v, n in sizes]
        first = (batch[0], self.extent_of(s.node.shape[0])) if batch else None
        stack = [at[v] for v in batch]
        array = self.arrays[s.node]
        self.append(
            Product(
                axes,
                first,
                (array, self.places(array, [*stack, at[i], at[j]])),
                self.located(a, (*stack, at[i], at[k])),
                self.located(b, (*stack, at[k], at[j])),
            )
        )

    def routine(self, s: Statement) -> None:
        """A primitive on whole arrays, by a routine."""
        name, parameters = s.node.attribute
        inputs = [self.whole(x) for x in s.node.inputs]
        self.append(Routine(name, self.whole(s.node), inputs, dict(parameters)))

    def whole(self, x: Expression) -> Array:
        """The array of an expression that lies in memory in C order."""
        if x in self.selection.kept or x in self.selection.parts:
            assert self.kept_axes(x) == list(range(len(x.shape)))
            return self.arrays[x]
        return self.shaped_alias(x) if x.op == "alias" else self.leaf(x)

    def extent_of(self, n: int) -> Size:
        """The size of an axis that no class stands for."""
        return self.symbol(("number", n), n)

    def located(self, x: Expression, at: tuple[Where, ...]) -> tuple[Array, list[Place]]:
        """Where an expression that lies in memory has an element."""
        while x not in self.selection.kept and x.op == "view":
            x, at = x.inputs[0], self.through(x, at)
        if x in self.selection.kept:
            return self.kept_at(self.selection.kept[x], at)
        if x in self.selection.parts:
            array = self.arrays[x]
            return array, self.places(array, [at[k] for k in self.kept_axes(x)])
        array = self.shaped_alias(x) if x.op == "alias" else self.leaf(x)
        return array, self.places(array, at)

    def part(self, s: Statement, at: list[Where]) -> None:
        """Store a part at its place in the whole."""
        value = self.pull(s.value, tuple(at))
        starts, steps = s.node.attribute[s.number]
        moved: list[Where] = []
        for w, start, step in zip(at, starts, steps, strict=True):
            if isinstance(w, int):
                moved.append(start + step * w)
            else:
                moved.append((tuple([(v, c * step) for v, c in w[0]]), start + step * w[1]))
        self.append(Store(*self.kept_at(s, moved), value))

    def sequential(self, s: Statement) -> None:
        """A running reduction: state from iteration to iteration."""
        array = self.arrays["state", s]
        for cell in self.cells(s, [q for q in range(len(s.domain)) if q not in s.classes]):
            at = self.domain_at(s, cell)
            value = self.pull(s.value, tuple(at))
            state = self.places(array, [at[q] for q in self.state_axes(s)])
            self.append(Update(array, state, COMBINE[s.node.attribute[0]], value))
            found = self.put(Load(array, state), len(self.scopes) - 1)
            if s.shared == len(s.path):
                key = "scan", s, tuple([at[s.own[k]] for k in self.cell_axes(s)])  # type: ignore[index]
                self.scopes[-1].memo[key] = found
            else:
                self.append(Store(*self.kept_at(s, at), found))

    def state_axes(self, s: Statement) -> list[int]:
        """The domain axes over which a running value has a state: unrolled ones, and loops inside
        that of its axis; the lanes last."""
        (axis,) = s.sequential
        level = next(d for d, nest in enumerate(s.path) if nest.of is s.classes[axis])
        inside = {nest.of for nest in s.path[level + 1 :]}
        axes = [
            q
            for q in range(len(s.domain))
            if q != axis and (q not in s.classes or s.classes[q] in inside)
        ]
        return sorted(axes, key=lambda q: s.classes.get(q) in self.lanes)

    def declare_states(self, nest: Nest) -> None:
        """The states of running reductions along this loop start before it."""
        for s in nest.statements:
            if not s.sequential:
                continue
            (axis,) = s.sequential
            if s.classes.get(axis) is not nest.of or nest not in s.path:
                continue
            shape = [
                self.extent(s.classes[q]) if q in s.classes else s.domain[q]
                for q in self.state_axes(s)
            ]
            state = self.arrays["state", s] = Array(shape, s.value.dtype, "scratch")
            fill = identity(s.node.attribute[0], s.node.dtype)
            is_sum = s.node.attribute[0] == "add" and s.node.dtype.kind == "f"
            self.append(Scratch(state, s.node.dtype.type(-0.0) if is_sum else fill))

    # ----------------------------------------------------------------------------------------- tree

    def items(self, items: Sequence[Any]) -> None:
        """The items of a body."""
        depth = len(self.scopes) - 1
        for item in items:
            if isinstance(item, Nest):
                self.declare_all(item.statements, depth, item)
                self.declare_states(item)
                self.loop(item)
            else:
                self.declare_all([item], depth, None)
                self.statement(item)

    def loop(self, nest: Nest) -> None:
        """A loop over a class."""
        made = Loop(self.extent(nest.of), lanes=nest.of in self.lanes)
        before = self.indices.get(nest.of)
        self.indices[nest.of] = made.index
        self.scopes.append(Scope(made.body, nest))
        self.depths[made.index] = len(self.scopes) - 1
        self.items(nest.items)
        self.scopes.pop()
        if before is not None:
            self.indices[nest.of] = before
        else:
            del self.indices[nest.of]
        if made.body:  # what is written where it was made leaves nothing to do
            self.scopes[-1].body.append(made)


def identity(name: str, dtype: np.dtype) -> Any:
    """The value that changes nothing in a reduction."""
    return neutral(COMBINE[name], dtype)


def cell_of(at: Sequence[Where]) -> Cell:
    """The numbers among places; None for the others."""
    return tuple([w if isinstance(w, int) else None for w in at])


def changes_nothing(combine: str, value: Any) -> bool:
    """Whether combining with a value leaves every accumulator as it is: a zero added (an
    accumulator starts as 0.0, and never becomes -0.0)."""
    return combine == "add" and isinstance(value, Constant) and value.value == 0


def covers(x: Expression) -> bool:
    """Whether the parts of `regions` fill it (they do not overlap)."""
    return sum(part.size for part in x.inputs) == x.size


def lower(
    plan: Plan,
    inputs: Sequence[Expression],
    lanes: Sequence[Class] = (),
    watch: Callable[[str, Any], None] | None = None,
) -> Program:
    """The loop IR of a plan; `inputs` are the arguments under their own shapes, in order.
    `watch("lowering", ...)` sees which array is what."""
    lowering = Lowering(plan, lanes)
    if watch is not None:
        watch("lowering", lowering)
    for x in inputs:
        shape = [lowering.axis_size(x, k) for k in range(len(x.shape))]
        lowering.inputs[x.attribute] = Array(shape, x.dtype, "input")
    outputs = {s.number: s for s in plan.statements if s.kind == "output"}
    for number in range(len(outputs)):
        s = outputs[number]
        shape = [
            lowering.extent(s.classes[q]) if q in s.classes else n
            for q, n in enumerate(s.node.shape)
        ]
        lowering.outputs.append(Array(shape, s.node.dtype, "output"))
        if lowering.is_in_place(s.node):
            lowering.written_to.setdefault(s.node, number)
    lowering.items(plan.items)
    arrays = [lowering.inputs[x.attribute] for x in inputs]
    return Program(arrays, lowering.outputs, lowering.scopes[0].body)
