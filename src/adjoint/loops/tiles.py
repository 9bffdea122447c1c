"""Parameters' loops around strips of data, where their accumulators would not stay in cache.

Enters: a loop program, its outermost loops in blocks, and the number of lanes.  Leaves: the same,
where a lanes loop over data that runs through all parameters, adding to accumulators of each, is
cut into strips: what comes before that loop inside is done for a strip, then each parameter takes
the whole strip.  A strip's few accumulators of one parameter are then in the first cache, while all
of them would be in the second (loop tiling and interchange: Wolf and Lam, A data locality
optimizing algorithm, PLDI 1991).

    for i, lanes:                       for each strip:
        x = ...                             for i in strip, lanes: xs[i] = x = ...
        for j: total[j] += f(x, j)          for j:
                                                for i in strip, lanes: total[j] += f(xs[i], j)

What one part computes and another one reads goes through arrays with an element for each iteration
of a strip.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..graph.cost import bound, floor, rough, rough_size
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
    root,
    walk,
)
from .lanes import Lanes, lanes_of
from .levels import missing, over, strip_loop
from .share import trips as trips_of

VECTORS = 4  # of a strip
FAR = 40_000  # bytes of accumulators that are not in the first cache beside other data
NEAR = 16_000  # bytes of one parameter's accumulators that are
GAIN = 3  # accumulators of an iteration for each number that goes through a strip's arrays

Trips = dict[Loop, tuple[float, float]]  # how often loops run: at most, and now


def tiled(program: Program, lanes: int) -> tuple[Program, Trips]:
    """Interchange the loops for which it is worth it; and how often the new loops run."""
    trips: Trips = {}
    if lanes == 1:
        return program, trips
    body = retiled(program.body, lanes, trips)
    return (Program(program.inputs, program.outputs, body), trips) if trips else (program, trips)


def retiled(body: Sequence[Any], lanes: int, trips: Trips) -> list[Any]:
    """A body whose lanes loops are in strips where it is worth it."""
    made: list[Any] = []
    for item in body:
        if isinstance(item, Loop) and item.lanes:
            cuts = worthwhile(item, lanes)
            if cuts:
                made += Tiling(item, cuts, lanes, trips).items()
                continue
        elif isinstance(item, Loop):
            inside = retiled(item.body, lanes, trips)
            if inside != item.body:
                item = item.again(inside)
        made.append(item)
    return made


# ------------------------------------------------------------------------------------- which loops


def worthwhile(loop: Loop, lanes: int) -> list[Loop]:
    """The loops inside that go around strips: each runs through accumulators that do not stay in
    the first cache, and reads less of what is computed before."""
    if loop.rare or floor(length(loop)) < VECTORS * lanes:
        return []
    facts = lanes_of(loop)
    if facts.in_place:
        return []
    found = []
    for item in loop.body:
        if isinstance(item, Loop) and moves_much(item, facts, lanes):
            found.append(item)
    if not found or not is_separable(loop, found):
        return []
    crossing = Crossing(loop, found)
    if any(crossing.written[array] != made for array, made in crossing.arrays.items()):
        return []  # it is written to here and there
    numbers = len(crossing.values) + sum(rough_size(array.extents()) for array in crossing.arrays)
    accumulators = sum(rough(trips_of(x)) * updates(x, facts) for x in found)
    return found if accumulators > GAIN * numbers else []


def length(loop: Loop) -> int:
    """How often a loop runs now; of one of several blocks, roughly."""
    begin, end = loop.begin, loop.end
    if isinstance(begin, Operation) and isinstance(begin.operands[-1], Symbol):
        return extent(begin.operands[-1])
    if isinstance(begin, (int, Symbol)) and isinstance(end, (int, Symbol)):
        return extent(end) - extent(begin)
    return 1


def updates(loop: Loop, facts: Lanes) -> int:
    """How many accumulators from outside an iteration adds to, as far as it is known."""
    return sum(
        isinstance(x, Update) and root(x.array) in facts.partial and loop.index in variables(x)
        for x in walk(loop.body)
    )


def variables(item: Update) -> set[Any]:
    """What the place of an update depends on."""
    return {v for place in item.places for v, _ in place.terms}


def moves_much(loop: Loop, facts: Lanes, lanes: int) -> bool:
    """Whether a loop runs through more accumulators than the first cache holds."""
    if loop.lanes or loop.blocks or loop.begin != 0 or not isinstance(loop.end, (int, Symbol)):
        return False
    each = updates(loop, facts) * lanes * 8
    return each <= NEAR and each * rough(trips_of(loop)) > FAR


def is_separable(loop: Loop, inside: Sequence[Loop]) -> bool:
    """Whether the parts of a body can be done one after the other for many iterations: loops that
    go around write to nothing that belongs to an iteration."""
    declared = [x for x in loop.body if isinstance(x, Scratch)]
    own = {x.array for x in declared}
    if any(x.compensated for x in declared):
        return False
    for x in walk(loop.body):
        if isinstance(x, (Load, Store, Update)) and root(x.array) in own and x.array.base:
            return False
    return not any(
        isinstance(x, (Store, Update)) and root(x.array) in own
        for part in inside
        for x in walk(part.body)
    )


class Part(NamedTuple):
    """Items of a body that stay together; of a loop that goes around, its items."""

    items: list[Any]
    around: Loop | None


def parts_of(loop: Loop, around: Sequence[Loop]) -> list[Part]:
    """A body cut at the loops that go around."""
    found: list[Part] = []
    for is_around, group in itertools.groupby(loop.body, key=lambda x: x in around):
        some = list(group)
        if is_around:
            found += [Part(x.body, x) for x in some]
        else:
            found.append(Part(some, None))
    return found


class Crossing:
    """What one part of a body leaves to others: `values` that differ between iterations, `arrays`
    of each iteration; and what is the same in all iterations, and is done before (`first`)."""

    def __init__(self, loop: Loop, around: Sequence[Loop]) -> None:
        self.parts = parts_of(loop, around)
        facts = lanes_of(loop)
        at: dict[Any, int] = {}  # where values and arrays come from
        for number, part in enumerate(self.parts):
            if part.around is None:
                for x in part.items:
                    at[x.array if isinstance(x, Scratch) else x] = number
        self.values: dict[Any, int] = {}
        self.arrays: dict[Array, int] = {}
        same: set[Any] = set()
        for number, part in enumerate(self.parts):
            for x in used(part.items):
                if at.get(x, number) == number:
                    continue
                if isinstance(x, Array):
                    self.arrays[x] = at[x]
                elif x in facts.varying:
                    self.values[x] = at[x]
                else:
                    same.add(x)
        for x in reversed(loop.body):  # and what that comes from
            if x in same:
                same.update(y for y in used([x]) if y in at and not isinstance(y, Array))
        self.first = [x for x in loop.body if x in same]
        self.written = {  # where iterations' arrays are written last
            array: max(
                number for number, part in enumerate(self.parts) if writes(part.items, array)
            )
            for array in self.arrays
        }


def used(items: Sequence[Any]) -> Iterator[Any]:
    """The values and arrays that items use."""
    for x in walk(items):
        if isinstance(x, Operation):
            yield from x.operands
        elif isinstance(x, (Load, Store, Update)):
            yield x.array
            for place in x.places:
                yield from (v for v, _ in place.terms)
            if not isinstance(x, Load):
                yield x.value
        elif isinstance(x, Loop):
            yield from (x.begin, x.end)


def writes(items: Sequence[Any], array: Array) -> bool:
    """Whether items declare an array, or write to it."""
    return any(isinstance(x, (Scratch, Store, Update)) and x.array is array for x in walk(items))


# ---------------------------------------------------------------------------------- the rewriting


class Tiling:
    """A lanes loop in strips, some loops inside around them."""

    def __init__(self, loop: Loop, around: Sequence[Loop], lanes: int, trips: Trips) -> None:
        self.loop = loop
        self.crossing = Crossing(loop, around)
        self.trips = trips
        self.size = VECTORS * lanes
        room = self.size + missing(self.size)
        self.of_values = {x: Array((room,), x.dtype, "scratch") for x in self.crossing.values}
        self.of_arrays = {
            x: Array((*x.shape, room), x.dtype, "scratch") for x in self.crossing.arrays
        }
        self.begin: Any = 0  # of a strip
        self.length: Any = 0

    def items(self) -> list[Any]:
        """What takes the loop's place."""
        loop = self.loop
        before, outer, first, stop = strip_loop(loop, Constant(self.size, INDEX))
        self.begin, self.length = first, Operation("sub", [stop, first], INDEX)
        outer.body += [self.length, *self.crossing.first]
        outer.body += [Scratch(x) for x in (*self.of_values.values(), *self.of_arrays.values())]
        now = length(loop)
        self.trips[outer] = tuple(  # type: ignore[assignment]
            max(1, (n + missing(self.size)) // self.size) for n in (bound(now), now)
        )
        for number, part in enumerate(self.crossing.parts):
            made = self.part(number, part.items)
            outer.body.append(made if part.around is None else part.around.again([made]))
        return [*before, outer]

    def part(self, number: int, items: Sequence[Any]) -> Loop:
        """A part for all iterations of a strip."""
        inner, now = Loop(self.length, lanes=True), length(self.loop)
        self.trips[inner] = min(bound(now), self.size), min(now, self.size)
        copy = Copy(self, inner, number)
        copy.body(items, inner.body)
        for array, made in self.crossing.arrays.items():
            if made == number and array not in copy.direct:
                inner.body += self.kept(array, inner)
        return inner

    def kept(self, array: Array, inner: Loop) -> list[Any]:
        """An iteration's array goes to where the other parts find it."""
        here = Place([(inner.index, 1)])

        def move(places: Sequence[Place]) -> list[Any]:
            found = Load(array, places)
            return [found, Store(self.of_arrays[array], [*places, here], found)]

        return over(array.shape, move)


class Copy:
    """Items written again for a part: where an iteration is counts from the strip's begin."""

    def __init__(self, tiling: Tiling, inner: Loop, number: int) -> None:
        self.tiling = tiling
        self.inner = inner
        self.number = number  # of the part
        self.values: dict[Any, Any] = {}
        self.direct: set[Array] = set()  # only stored here, at once where the others find it

    def body(self, items: Sequence[Any], made: list[Any]) -> None:
        """Write items again."""
        crossing, here = self.tiling.crossing, Place([(self.inner.index, 1)])
        for x in dict.fromkeys(used(items)):  # what other parts computed
            if x in crossing.values and crossing.values[x] != self.number:
                self.values[x] = Load(self.tiling.of_values[x], [here])
                made.append(self.values[x])
            elif x is self.tiling.loop.index and any(
                isinstance(y, Operation) and x in y.operands for y in walk(items)
            ):
                self.values[x] = Operation("add", [self.tiling.begin, self.inner.index], INDEX)
                made.append(self.values[x])
        for array, number in crossing.arrays.items():
            if (
                number == self.number
                and crossing.written[array] == number
                and not any(isinstance(x, (Load, Update)) and x.array is array for x in walk(items))
            ):
                self.direct.add(array)
        self.again(items, made)

    def again(self, items: Sequence[Any], made: list[Any]) -> None:
        """Write items again; what other parts need of it is stored."""
        crossing, here = self.tiling.crossing, Place([(self.inner.index, 1)])
        for x in items:
            if x in crossing.first or (isinstance(x, Scratch) and x.array in self.direct):
                continue
            made.append(self.item(x))
            if crossing.values.get(x) == self.number:
                made.append(Store(self.tiling.of_values[x], [here], self.value(x)))

    def item(self, x: Any) -> Any:
        """An item for this part."""
        new: Any
        if isinstance(x, Operation):
            operands = [self.value(y) for y in x.operands]
            new = Operation(x.name, operands, x.dtype, x.parameters, x.reduces)
        elif isinstance(x, Load):
            new = Load(*self.element(x))
        elif isinstance(x, Store):
            new = Store(*self.element(x), self.value(x.value))
        elif isinstance(x, Update):
            new = Update(*self.element(x), x.combine, self.value(x.value))
        elif isinstance(x, Loop):
            new = Loop(self.value(x.end), begin=self.value(x.begin), rare=x.rare)
            self.values[x.index] = new.index
            self.again(x.body, new.body)
        else:
            new = x
        self.values[x] = new
        return new

    def value(self, x: Any) -> Any:
        """What stands for a value here."""
        return self.values.get(x, x)

    def element(self, x: Load | Store | Update) -> tuple[Array, list[Place]]:
        """The array, and where in it."""
        places = [self.place(place) for place in x.places]
        crossing = self.tiling.crossing
        if x.array in crossing.arrays and (
            crossing.arrays[x.array] != self.number or x.array in self.direct
        ):
            places.append(Place([(self.inner.index, 1)]))
            return self.tiling.of_arrays[x.array], places
        return x.array, places

    def place(self, place: Place) -> Place:
        """A place here."""
        terms: list[tuple[Any, Any]] = []
        for v, coefficient in place.terms:
            if v is self.tiling.loop.index:
                terms += [(self.inner.index, coefficient)]
                if self.tiling.begin != 0:
                    terms += [(self.tiling.begin, coefficient)]
            else:
                terms.append((self.value(v), coefficient))
        return Place(terms, place.offset)


__all__ = ["tiled"]
