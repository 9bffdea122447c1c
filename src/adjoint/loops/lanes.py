"""What varies over a marked loop: the facts that verifier, interpreter and emitter share.

Enters: a loop.  Leaves: which values differ from one iteration to another, and for a `lanes` loop
what becomes of the arrays that it writes to:

* `private`: declared inside, one for each lane (a lane axis, innermost); never masked;
* `partial`: updated at places that do not vary: W partial results, combined when the loop ends;
* any other array that is updated: lanes that were seen before are masked;
* arrays that are stored to: no mask, for a store can be done again; but where `in_place` has an
  array, all stores of the loop to arrays from outside are masked like updates, for the lanes that
  were seen before compute something else the second time.

Arrays that share memory are one array here: the one whose memory it is stands for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .ir import Array, Load, Loop, Operation, Place, Scratch, Store, Update, root, walk


def varying(loop: Loop, through_data: bool = True) -> set[Any]:
    """The values (indices, operations, loads) that may differ between a loop's iterations.

    Without `through_data` only those that differ by index arithmetic, no array being read: two
    elements of an array may be equal, so what depends on one may be the same twice.
    """
    found: set[Any] = {loop.index}
    inside = private(loop)
    for item in walk(loop.body):
        if isinstance(item, Operation):
            if not found.isdisjoint(item.operands):
                found.add(item)
        elif isinstance(item, Load):
            if through_data and (root(item.array) in inside or varies(item.places, found)):
                found.add(item)
        elif isinstance(item, Loop):
            if item.begin in found or item.end in found:
                found.add(item.index)
    return found


def private(loop: Loop) -> set[Array]:
    """The arrays that are declared inside a loop."""
    return {item.array for item in walk(loop.body) if isinstance(item, Scratch)}


def varies(places: Sequence[Place], found: set[Any]) -> bool:
    """Whether places have a variable that varies."""
    return any(variable in found for place in places for variable, _ in place.terms)


class Lanes(NamedTuple):
    """The facts of a `lanes` loop."""

    varying: set[Any]
    private: set[Array]
    partial: dict[Array, str]  # the array's combine
    in_place: set[Array]  # stored to, and read or updated too; or updated, and read too


def lanes_of(loop: Loop) -> Lanes:
    """The facts of a loop that is run several iterations at once."""
    if loop.facts is not None:
        return loop.facts
    facts = Lanes(varying(loop), private(loop), {}, set())
    uses: dict[Array, set[type]] = {}  # of arrays from outside
    for item in walk(loop.body):
        if isinstance(item, (Load, Store, Update)) and root(item.array) not in facts.private:
            if isinstance(item, Update) and not varies(item.places, facts.varying):
                facts.partial[root(item.array)] = item.combine
            uses.setdefault(root(item.array), set()).add(type(item))
    facts.in_place.update(a for a, kinds in uses.items() if len(kinds) > 1)
    return facts


def settle(body: Sequence[Any]) -> None:
    """Keep the facts of all lanes loops: the program does not change any more."""
    for item in walk(body):
        if isinstance(item, Loop) and item.lanes:
            item.facts = lanes_of(item)


def is_settled(loop: Loop, array: Array) -> bool:
    """Whether an iteration reads an array only after its last update of it, and stores nothing to
    it: a lane that was seen before updates nothing, and reads what it read the first time."""
    last, first = -1, len(loop.body)
    for k, item in enumerate(loop.body):
        for x in walk([item]):
            if not isinstance(x, (Load, Store, Update)) or root(x.array) is not array:
                continue
            if isinstance(x, Store):
                return False
            if isinstance(x, Update):
                last = k
            else:
                first = min(first, k)
    return last < first


def changing(loop: Loop, facts: Lanes) -> set[Any]:
    """The values that a lane may compute otherwise the second time: those that come from arrays
    which the loop works on in place.  They may not tell places: these could be out of bounds."""
    found: set[Any] = {a for a in facts.in_place if not is_settled(loop, a)}
    count = -1
    while count < len(found):  # until nothing is added: a loop inside may store first, then read
        count = len(found)
        for item in walk(loop.body) if found else ():
            if isinstance(item, Operation):
                if not found.isdisjoint(item.operands):
                    found.add(item)
            elif isinstance(item, Load):
                if root(item.array) in found:
                    found.add(item)
            elif isinstance(item, (Store, Update)) and item.value in found:
                found.add(root(item.array))
    return found
