"""Long sums in levels, so that they lose no more than sums by pairs; how far loops are unrolled.

Enters: a loop program, its outermost loops in blocks.  Leaves: the same, where an accumulator that
a loop would add to many times is summed in *runs*: the loop is cut into strips, each strip adds
into accumulators of its own, which start as zeros, and these are added to the former ones, which
are *compensated*: what rounding loses there is kept in a second number (the two-sum of Knuth, The
Art of Computer Programming 2, 4.2.2; kept and added in the end as by Neumaier 1974).  So the error
is that of a run, which averages out over the runs, however many there are.  Where an iteration does
much besides adding, the accumulator itself is compensated and the loop stays as it is; where it
does so little that compensation would be felt, runs are added up in longer runs first.

A run has a fixed number of additions to a lane: what is added to what follows from the sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

from ..graph.cost import DEAR, bound, rough_size
from .finish import read_along
from .ir import (
    INDEX,
    Array,
    Constant,
    Load,
    Loop,
    Operation,
    Place,
    Program,
    Scratch,
    Store,
    Symbol,
    Update,
    extent,
    fill_value,
    root,
    walk,
)
from .lanes import lanes_of

RUN = 16  # additions to a lane in a run; up to so many need no levels
LONE_RUN = 8  # the same without lanes
LONG_RUN = 128  # the same where the accumulators are many, for what they cost
MOST = 4  # levels
REGISTERS = 16  # accumulators that have several levels in registers
HEAVY = 20  # additions that a dear function costs
ENTERED = 6  # what it costs to begin and end a lanes loop
TWO_SUM = 6  # additions of a compensated one
FLUSH = 12  # the work of adding one accumulator to its next level
SHARE = 0.02  # of a loop's work, which levels may add
# Operations up to which so many vectors are worked on at once, of so many bytes together.
UNROLLED = {4: (8, 512), 12: (4, 256)}
FEW = 32  # elements up to which loops over them are unrolled
CELLS = 4  # accumulators up to which a loop is unrolled
PLAIN = DEAR - {"sqrt"}  # operations of many instructions

Measure = Callable[[int], int]


# --------------------------------------------------------------------------------------- unrolling


def unrolled(loop: Loop, lanes: int) -> int:
    """How many vectors of iterations a lanes loop takes at once: several where it does little, so
    that their accumulators do not wait for one another."""
    if loop.rare or (isinstance(loop.end, int) and isinstance(loop.begin, int)):
        return 1
    if not any(isinstance(x, Update) for x in walk(loop.body)):
        return 1  # nothing waits; LLVM would go through long vectors from the last element down
    facts = lanes_of(loop)
    compensated = {x.array for x in walk(loop.body) if isinstance(x, Scratch) and x.compensated}
    partial = {x.array for x in walk(loop.body) if isinstance(x, Update)} & set(facts.partial)
    if cells_of([*partial, *facts.private]) > CELLS or facts.in_place:
        return 1
    most, accesses = 0, []
    for body in innermost(loop):
        count = 0
        for item in body:
            if isinstance(item, (Load, Store, Update)):
                accesses.append(item)
                if not is_along(item, loop, facts.varying):
                    return 1
                count += isinstance(item, Store)
                if isinstance(item, Update) and item.array in compensated:
                    is_flush = isinstance(item.value, Load) and item.value.array in facts.private
                    count += 0 if is_flush else 2 * TWO_SUM
            elif isinstance(item, Operation) and item in facts.varying:
                if item.name in PLAIN or item.name == "place":
                    return 1
                count += 3 if item.name in ("maximum", "minimum") else 1
        most = max(most, count)
    bytes_ = lanes * max([x.array.dtype.itemsize for x in accesses], default=8)
    for limit, (vectors, together) in UNROLLED.items():
        if most <= limit:
            return max(1, min(vectors, together // bytes_))
    return 1


def innermost(loop: Loop) -> Iterator[list[Any]]:
    """The bodies of a loop and of those inside."""
    yield loop.body
    for item in walk(loop.body):
        if isinstance(item, Loop):
            yield item.body


def cells_of(arrays: Sequence[Array]) -> float:
    """The elements of arrays; infinite where they are not part of the program."""
    sizes = [n for a in arrays for n in a.shape]
    if any(isinstance(n, Symbol) for n in sizes):
        return math.inf
    return sum(math.prod(a.extents()) for a in arrays)


def is_along(item: Load | Store | Update, loop: Loop, varying: set[Any]) -> bool:
    """Whether the lanes of an access are neighbours, or one place."""
    for axis, place in enumerate(item.places):
        for variable, coefficient in place.terms:
            if variable is loop.index:
                is_last = axis == len(item.places) - 1
                if not (is_last and isinstance(coefficient, int) and coefficient == 1):
                    return False
            elif variable in varying:
                return False
    return True


# ------------------------------------------------------------------------------------------ levels


class Accumulator:
    """A scratch array of floats that starts as zeros: what is done to it, and where."""

    def __init__(self, scratch: Scratch, depth: int) -> None:
        self.scratch = scratch
        self.array = scratch.array
        self.depth = depth
        self.updates: list[tuple[Update, tuple[Loop, ...]]] = []
        self.loads: list[tuple[Loop, ...]] = []
        self.is_plain = True  # only added to, at places that are no data

    def reduction(self) -> tuple[Loop, ...] | None:
        """The loops around all updates, outermost first; None where they stand in several."""
        paths = {path for _, path in self.updates}
        return paths.pop()[self.depth :] if len(paths) == 1 and self.is_plain else None


class Strips:
    """What becomes of a loop: accumulators with runs of their own, and how many iterations a run
    takes."""

    def __init__(self) -> None:
        self.arrays: list[Accumulator] = []
        self.size = 1
        self.is_fixed = True  # the same for all sizes


def levels(
    program: Program, lanes: int, trips: dict[Loop, tuple[float, float]] | None = None
) -> Program:
    """Sum in levels where it is worth it; `trips` has loops whose bounds are computed, and how
    often they run at most, and now."""
    known = dict(trips or {})
    few: dict[Array, float] = {}
    for _ in range(MOST):  # one more level each time
        one = Levels(program, lanes, known, few)
        if not one.chosen:
            return program
        program = Program(program.inputs, program.outputs, one.stripped(program.body))
    return program


def accumulators(body: Sequence[Any]) -> list[Accumulator]:
    """All accumulators of a program, with what is done to them."""
    found: dict[Array, Accumulator] = {}

    def look(items: Sequence[Any], path: tuple[Loop, ...]) -> None:
        for item in items:
            if isinstance(item, Loop):
                look(item.body, (*path, item))
            elif isinstance(item, Scratch):
                fill = fill_value(item)
                is_zero = fill is not None and fill == 0 and not item.compensated
                if item.array.dtype.kind == "f" and is_zero:
                    found[item.array] = Accumulator(item, len(path))
            elif isinstance(item, (Load, Store, Update)) and root(item.array) in found:
                one = found[root(item.array)]
                if isinstance(item, Load):
                    one.loads.append(path)
                    continue
                if isinstance(item, Update):
                    one.updates.append((item, path))
                if isinstance(item, Store) or item.combine != "add" or item.array.base:
                    one.is_plain = False
                indices = {loop.index for loop in path}
                if any(v not in indices for place in item.places for v, _ in place.terms):
                    one.is_plain = False

    look(body, ())
    return list(found.values())


class Levels:
    """Adds one level to the accumulators of a program that need it."""

    def __init__(
        self,
        program: Program,
        lanes: int,
        known: dict[Loop, tuple[float, float]],
        few: dict[Array, float],
    ) -> None:
        self.lanes = lanes
        self.known = known  # how often loops run whose bounds are computed: at most, and now
        self.few = few  # additions to a lane that need no more levels, where not RUN
        self.chosen: dict[Loop, Strips] = {}
        self.together: dict[Loop, int] = {}  # how many iterations of lanes loops run side by side
        by_loop: dict[Loop, list[Accumulator]] = {}
        for one in accumulators(program.body):
            path = one.reduction()
            loop = self.long_loop(one, path) if path else None
            if loop is not None:
                by_loop.setdefault(loop, []).append(one)
        for loop, some in by_loop.items():
            self.choose(loop, some)

    # ------------------------------------------------------------------------------------- counting

    def trips(self, loop: Loop, most: Measure = bound) -> float:
        """How often a loop runs: at most, for a size of that order of magnitude, or (`int`) now."""
        if loop in self.known:
            return self.known[loop][most is int]
        begin, end = loop.begin, loop.end
        if isinstance(begin, (int, Symbol)) and isinstance(end, (int, Symbol)):
            return most(extent(end) - extent(begin))
        if isinstance(begin, Operation) and isinstance(begin.operands[-1], Symbol):
            return most(extent(begin.operands[-1]))  # a block of iterations
        return 1

    def at_once(self, loop: Loop) -> int:
        """The iterations of a loop that run side by side."""
        if not loop.lanes or self.lanes == 1:
            return 1
        if loop not in self.together:
            self.together[loop] = self.lanes * unrolled(loop, self.lanes)
        return self.together[loop]

    def to_a_lane(self, loop: Loop, most: Measure = bound) -> float:
        """How many iterations of a loop the lane has that gets most."""
        trips = self.trips(loop, most)
        if not loop.lanes or self.lanes == 1:
            return trips
        step = self.at_once(loop)
        return trips // step + math.ceil(trips % step / self.lanes)

    def long_loop(self, one: Accumulator, path: Sequence[Loop]) -> Loop | None:
        """The innermost loop in which an accumulator gets more additions than a run has."""
        count = 1.0
        for loop in reversed(path):
            if is_summed(one, loop):
                count *= self.to_a_lane(loop)
                if count > self.few.get(one.array, RUN):
                    inside = any(loop in at for at in one.loads)
                    return None if inside or loop.blocks else loop
        return None

    def additions(self, one: Accumulator, loop: Loop) -> float:
        """How many additions to an accumulator an iteration of a loop makes."""
        inside = [path[path.index(loop) + 1 :] for _, path in one.updates]
        return sum(math.prod(self.trips(x) for x in path) for path in inside)

    def inner_count(self, one: Accumulator, loop: Loop, most: Measure = bound) -> float:
        """How many additions to an element's lane one iteration makes."""
        path = one.updates[0][1]
        inside = path[path.index(loop) + 1 :]
        return math.prod(self.to_a_lane(x, most) for x in inside if is_summed(one, x))

    def work(self, body: Sequence[Any]) -> float:
        """The additions that a body costs."""
        total = 0.0
        for item in body:
            if isinstance(item, Loop):
                each = self.work(item.body) / (self.lanes if item.lanes else 1)
                total += self.trips(item) * each + (ENTERED if item.lanes else 0)
            elif isinstance(item, Operation):
                total += HEAVY if item.name in DEAR else 1
            elif isinstance(item, (Load, Store)):
                total += 1
            elif isinstance(item, Update):
                total += 2
        return total

    def choose(self, loop: Loop, some: list[Accumulator]) -> None:
        """Which accumulators of a loop are compensated as they are, and which get runs."""
        if loop.rare:  # the shorter code
            for one in some:
                one.scratch.compensated = True
            return
        total = self.work(loop.body)
        left = SHARE * total
        strips = Strips()
        for one in sorted(some, key=lambda a: self.additions(a, loop)):
            left -= TWO_SUM * self.additions(one, loop)
            if left >= 0:
                one.scratch.compensated = True
            else:
                strips.arrays.append(one)
        if not strips.arrays:
            return
        now, count = (
            max(1.0, max(self.inner_count(a, loop, most) for a in strips.arrays))
            for most in (int, bound)
        )
        cells = sum(rough_size(private(a, loop)[0].extents()) for a in strips.arrays)
        run = min(run_of(a, loop) for a in strips.arrays)
        side_by_side = self.at_once(loop)

        def size(additions: int, count: float) -> int:
            return max(1, round(additions / count)) * side_by_side

        strips.size = size(run, now)
        strips.is_fixed = count == 1
        is_cheap = FLUSH * cells <= 2 * SHARE * size(run, count) * total / (
            self.lanes if loop.lanes else 1
        )
        if not is_cheap and cells > REGISTERS:
            strips.size = size(LONG_RUN, now)
            if self.to_a_lane(loop) * count <= LONG_RUN:
                return
        if is_cheap or cells > REGISTERS:
            for one in strips.arrays:
                one.scratch.compensated = True
        else:  # long runs are added up by twos less often
            self.few.update((a.array, RUN + LONE_RUN - run) for a in strips.arrays)
        if not is_cheap and strips.is_fixed and strips.size == 1:  # would only add a level
            return
        self.chosen[loop] = strips

    # ------------------------------------------------------------------------------ the rewriting

    def stripped(self, body: Sequence[Any]) -> list[Any]:
        """A body whose long loops are in strips."""
        made: list[Any] = []
        for item in body:
            if isinstance(item, Loop):
                inner = item.again(self.stripped(item.body))
                self.known[inner] = self.trips(item), self.trips(item, int)
                if item in self.chosen:
                    made += self.in_strips(inner, item, self.chosen[item])
                    continue
                item = inner
            made.append(item)
        return made

    def in_strips(self, inner: Loop, loop: Loop, strips: Strips) -> list[Any]:
        """A loop over strips of a loop, and what goes before it."""
        size: Any = Constant(strips.size, INDEX) if strips.is_fixed else Symbol(strips.size)
        before, outer, first, stop = strip_loop(loop, size)
        most, now = self.trips(loop), self.trips(loop, int)
        missed = missing(strips.size)
        self.known[outer] = (
            max(1, (most + missed) // strips.size),
            max(1, (now + missed) // strips.size),
        )
        self.known[inner] = min(most, strips.size), min(now, strips.size)
        arrays = {one.array: private(one, loop) for one in strips.arrays}
        outer.body += [Scratch(run, 0) for run, _ in arrays.values()]
        self.few.update((run, math.inf) for run, _ in arrays.values())
        inner.begin, inner.end = first, stop
        redirect(inner.body, arrays)
        outer.body.append(inner)
        for one in strips.arrays:
            outer.body += flush(one, *arrays[one.array])
        return [*before, outer]


def run_of(one: Accumulator, loop: Loop) -> int:
    """How many additions a run has that is made in a loop."""
    path = one.updates[0][1]
    return RUN if any(x.lanes for x in path[path.index(loop) :]) else LONE_RUN


def is_summed(one: Accumulator, loop: Loop) -> bool:
    """Whether the iterations of a loop add to the same elements."""
    variables = {v for update, _ in one.updates for place in update.places for v, _ in place.terms}
    return loop.index not in variables


def private(one: Accumulator, loop: Loop) -> tuple[Array, list[int]]:
    """A run's own array: the axes along which the loop's updates go to several places."""
    first = one.updates[0][0]
    path = one.updates[0][1]
    inside = {x.index for x in path[path.index(loop) :]}
    kept = []
    for axis, place in enumerate(first.places):
        if any(v in inside for v, _ in place.terms) or any(
            (other.places[axis].terms, other.places[axis].offset) != (place.terms, place.offset)
            for other, _ in one.updates
        ):
            kept.append(axis)
    return Array([one.array.shape[k] for k in kept], one.array.dtype, "scratch"), kept


def strip_loop(loop: Loop, size: Any) -> tuple[list[Any], Loop, Any, Any]:
    """A loop over strips of a loop, with the operations that tell where a strip begins and ends;
    what goes before it, the begin, the end."""
    begin, end = loop.begin, loop.end
    before, count = strip_count(begin, end, size)
    outer = Loop(count, rare=loop.rare)
    first: Any = Operation("mul", [outer.index, size], INDEX)
    outer.body.append(first)
    if not is_zero(begin):
        first = Operation("add", [as_operand(begin), first], INDEX)
        outer.body.append(first)
    following = Operation("add", [first, size], INDEX)
    after = Operation("add", [outer.index, Constant(1, INDEX)], INDEX)
    is_last = Operation("equal", [after, count], bool)
    stop = Operation("select", [is_last, as_operand(end), following], INDEX)
    outer.body += [following, after, is_last, stop]
    return before, outer, first, stop


def strip_count(begin: Any, end: Any, size: Any) -> tuple[list[Any], Any]:
    """How many strips there are; and the operations that tell it."""
    most = missing(size.value)
    if is_zero(begin) and isinstance(end, Symbol):
        return [], Symbol(max(1, (end.value + most) // size.value))
    before: list[Any] = []
    length = as_operand(end)
    if not is_zero(begin):
        length = Operation("sub", [length, as_operand(begin)], INDEX)
        before.append(length)
    part = Constant(most, INDEX) if isinstance(size, Constant) else Symbol(most)
    more = Operation("add", [length, part], INDEX)
    whole = Operation("floor_divide", [more, size], INDEX)
    count = Operation("maximum", [whole, Constant(1, INDEX)], INDEX)
    return [*before, more, whole, count], count


def missing(size: int) -> int:
    """How much shorter than a strip the last one may be; otherwise the one before is longer."""
    return size * 3 // 4


def is_zero(x: Any) -> bool:
    """Whether a bound is zero."""
    return isinstance(x, int) and x == 0


def as_operand(x: Any) -> Any:
    """A bound as an operand."""
    return Constant(x, INDEX) if isinstance(x, int) else x


def redirect(body: list[Any], arrays: dict[Array, tuple[Array, list[int]]]) -> None:
    """Let the updates of a body go to the runs' arrays."""
    for k, item in enumerate(body):
        if isinstance(item, Loop):
            redirect(item.body, arrays)
        elif isinstance(item, Update) and item.array in arrays:
            array, kept = arrays[item.array]
            places = [item.places[axis] for axis in kept]
            body[k] = Update(array, places, item.combine, item.value)


def flush(one: Accumulator, run: Array, kept: Sequence[int]) -> list[Any]:
    """Add a run's sums to the next level."""

    def add(places: Sequence[Place]) -> list[Any]:
        found = Load(run, places)
        where = list(one.updates[0][0].places)
        for axis, place in zip(kept, places, strict=True):
            where[axis] = place
        return [found, Update(one.array, where, "add", found)]

    is_indexed = any(update.places[axis].terms for update, _ in one.updates for axis in kept)
    return over(run.shape, add, 1 if is_indexed else FEW)


def over(
    shape: Sequence[Any], body: Callable[[list[Place]], list[Any]], few: int = FEW
) -> list[Any]:
    """What is done to all elements of a shape: in loops, or one after the other if few."""
    sizes = [n for n in shape if isinstance(n, int)]
    if len(sizes) == len(shape) and math.prod(sizes) <= few:
        cells = product(*[range(n) for n in sizes])
        return [x for at in cells for x in body([Place((), k) for k in at])]
    loops = [Loop(n) for n in shape]
    items = body([Place([(loop.index, 1)]) for loop in loops])
    for loop in reversed(loops):
        loop.body = items
        items = [loop]
    return items


def carried(body: Sequence[Any], partial: dict[Array, str]) -> dict[Update, Load]:
    """The updates that add an accumulator's partial results to those of its next level, in order:
    the only ones of that level, by values that nothing else uses.  An array that lanes loops read
    along their lanes is no level: it has one element at each place."""
    updates: dict[Array, list[Update]] = {}
    uses: dict[Any, int] = {}
    floats: set[Array] = set()

    def look(items: Sequence[Any], is_plain: bool) -> None:
        for item in items:
            if isinstance(item, Loop):
                look(item.body, is_plain and not item.lanes)
            elif isinstance(item, Scratch):
                fill = fill_value(item)
                if is_plain and item.array.dtype.kind == "f" and fill is not None and fill == 0:
                    floats.add(item.array)
            elif isinstance(item, Update):
                updates.setdefault(root(item.array), []).append(item)
                if not is_plain:
                    floats.discard(root(item.array))
            elif isinstance(item, Store):
                floats.discard(root(item.array))
            used = item.operands if isinstance(item, Operation) else ()
            for x in (*used, getattr(item, "value", None)):
                uses[x] = uses.get(x, 0) + 1
            for place in getattr(item, "places", ()):
                for x, _ in place.terms:
                    uses[x] = uses.get(x, 0) + 1

    look(body, True)
    floats -= read_along(body)
    known = set(partial)
    found: dict[Update, Load] = {}
    count = -1
    while count < len(found):
        count = len(found)
        for array, some in updates.items():
            if array in floats and array not in known and all(
                x.combine == "add"
                and isinstance(x.value, Load)
                and uses[x.value] == 1
                and partial.get(root(x.value.array), "add") == "add"
                and root(x.value.array) in known
                for x in some
            ):  # fmt: skip
                found.update((x, x.value) for x in some)
                known.add(array)
    return found


__all__ = ["carried", "levels", "unrolled"]
