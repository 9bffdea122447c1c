"""Writing in place: a handle comes to stand for another value, and all that share its array see
it.

Enters: handles, keys and values of `a[i] = v`, `a += v`, `out=` and their like.  Leaves: handles
that stand for the written array.  Nodes and values never change; what was computed before keeps
what it read.

A handle whose value shares memory with that of another one is a *view* (`link`): it knows its base,
and by which primitive it is read from it.  A write into a view goes to the base, and from there
every other living view is read anew, as NumPy's views see it.  Whether memory is shared is NumPy's
word: the values are arrays that it made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import ref

import numpy as np

from ..base.dtypes import readable, type_of
from ..base.errors import TracingError, message
from ..graph import op
from ..graph.node import NEVER
from ..graph.op import Traced
from ..graph.primitive import Primitive
from .context import context
from .operands import as_operand, functions, is_stand_in

VIEWS = frozenset(
    op.registry[name] for name in ("at", "broadcast_to", "flip", "reshape", "slice", "transpose")
)


class Alias:
    """What a handle shares: its base, by which primitive (or function, if it cannot be written
    through) it is read from there, its own views."""

    __slots__ = ("base", "limit", "parameters", "primitive", "views")

    def __init__(
        self, base: Any = None, primitive: Any = None, parameters: dict[str, Any] | None = None
    ) -> None:
        self.base = base
        self.primitive = primitive
        self.parameters = parameters or {}
        self.views: list[ref] = []
        self.limit = 8  # views from which those that are gone are looked for


def link(base: Any, view: Any, primitive: Primitive, parameters: dict[str, Any]) -> None:
    """Note that a handle is a view of another one, if its value shares the other's memory."""
    if type(base) is type(view) and view.shape and shares(base, view, primitive):
        attach(base, view, primitive, parameters)


def attach(base: Any, view: Any, primitive: Any, parameters: dict[str, Any]) -> None:
    """Make a handle a view of another one."""
    if base is view:
        return
    known = base.alias
    if known is None:
        known = base.alias = Alias()
    elif len(known.views) >= known.limit:
        known.views = [x for x in known.views if x() is not None]
        known.limit = 8 + 2 * len(known.views)
    known.views.append(ref(view))
    view.alias = Alias(base, primitive, parameters)


def viewed(
    base: Any, view: Any, read: Callable[[Any], Any], put: Callable[[Any, Any], Any] | None = None
) -> Any:
    """A handle as a view that is read from its base by a function; `put` gives a base with another
    value in the view's place, and without it the view cannot be written through."""
    if isinstance(base, Traced) and type(base) is type(view) and view is not base:
        attach(base, view, read, {} if put is None else {"put": put})
    return view


def shares(base: Any, view: Any, primitive: Primitive) -> bool:
    """Whether a layout operation gave a view: all but reshape do, which sometimes copies."""
    a, b = base.held(), view.held()  # of one type
    if isinstance(b, Traced):
        return b.alias is not None and b.alias.base is a  # type: ignore[attr-defined]
    if primitive.name != "reshape":
        return True  # NumPy never copies there
    if is_stand_in(b):
        a = memory_of(base)
        return np.may_share_memory(a, np.reshape(a, b.shape))
    return b.base is not None and (b.base is a or b.base is getattr(a, "base", None))


def memory_of(handle: Any) -> np.ndarray:
    """An array that lies in memory as a handle's value does."""
    value = handle.held()
    if isinstance(value, Traced):
        return memory_of(value)
    if type(value) is not np.ndarray:
        return np.asarray(value)
    if not is_stand_in(value):
        return value
    alias = handle.alias
    if alias is None or not isinstance(alias.primitive, Primitive):
        return np.empty(value.shape, bool)
    base = memory_of(alias.base)
    if base.shape != alias.base.shape:  # a batch has one more axis
        return np.empty(value.shape, bool)
    return alias.primitive.evaluate(base, **alias.parameters)


def memory_of_one(handle: Any) -> np.ndarray:
    """The same for one row of a batch."""
    memory = memory_of(handle)
    while memory.ndim > len(handle.shape):
        memory = memory[0] if len(memory) else np.empty(memory.shape[1:], bool)
    return memory


# ------------------------------------------------------------------------------------------ writing


def write(handle: Any, new: Any) -> None:
    """Let a handle, its base and all views of it stand for a new value of its type."""
    around = getattr(handle, "around_write", None)
    if around is None:
        write_now(handle, new)
        return
    with around(new):
        write_now(handle, new)


def write_now(handle: Any, new: Any) -> None:
    """The same, the handle having seen to what surrounds it."""
    alias = handle.alias
    if alias is not None and alias.base is not None:
        root = alias.base
        while root.alias is not None and root.alias.base is not None:
            root = root.alias.base
        if root.pending is not None:  # what lies between must not put back what it does not know
            if type(root.pending) is Rows and write_through_row(handle, new, root):
                return
            root.flush()
        while handle is not root:
            new, handle = put_back(handle.alias, new), handle.alias.base
    if getattr(handle, "source", None) is not None and write_outside(handle, new):
        return
    old = handle.held()
    handle.become(new)
    handle.hold(laid_out(handle.held(), old))
    refresh(handle)


def write_outside(handle: Any, new: Any) -> bool:
    """Write into an array from outside: True where it is done, which all see who share the array.
    A traced value goes into the handle, until the trace ends; so nobody else may share it."""
    source = handle.source
    if context.program is not None:
        raise context.program.unseen(source)
    plain = new.held() if hasattr(new, "program") and new.node.root == NEVER else new
    if not isinstance(plain, Traced):
        source[...] = plain
        return True
    if functions["is shared"](handle):
        raise shared(source)
    handle.source = None
    return False


def is_exposed(handle: Any) -> bool:
    """Whether a handle's value is memory that a later write changes: an array from outside, or a
    view of one.  What keeps it must copy it."""
    while handle.alias is not None and handle.alias.base is not None:
        handle = handle.alias.base
    return getattr(handle, "source", None) is not None


def shared(array: np.ndarray) -> TracingError:
    """The error for a traced value that goes into an array which others hold, too."""
    return TracingError(
        message(
            f"a traced value was written into an array from outside ({readable(array)}) that "
            "others hold too, or whose memory they share: they would not see it",
            expected="an array that one name or attribute holds",
            instead="`.copy()` of it inside the function first",
            operation="item assignment",
        )
    )


def laid_out(new: Any, old: Any) -> Any:
    """A value in the memory layout of the one that it replaces, so that reshaping gives a view
    where NumPy's does."""
    if isinstance(new, Traced):
        if type(old) is not type(new):
            return new
        made = new.twin()  # type: ignore[attr-defined]
        made.hold(laid_out(made.held(), old.held()))  # type: ignore[attr-defined]
        return made
    if type(new) is not np.ndarray or type(old) is not np.ndarray:
        return new
    if new.strides == old.strides or is_stand_in(old) or is_stand_in(new):
        return new
    copy = np.empty_like(old)
    copy[...] = new
    return copy


def refresh(base: Any) -> None:
    """Read all living views anew, and their views."""
    waiting = [base]
    while waiting:
        base = waiting.pop()
        if base.alias is None:
            continue
        for found in list(base.alias.views):  # reading anew makes more, for a moment
            view = found()
            if view is not None and view.alias is not None and view.alias.base is base:
                view.become(read_anew(base, view.alias))
                waiting.append(view)


def read_anew(base: Any, alias: Alias) -> Any:
    """What a view shows of its base now."""
    if isinstance(alias.primitive, Primitive):
        return op.apply(alias.primitive, (base,), alias.parameters)
    return alias.primitive(base)


def put_back(alias: Alias, new: Any) -> Any:
    """The base with a new value in a view's place."""
    base, parameters = alias.base, alias.parameters
    name = alias.primitive.name if isinstance(alias.primitive, Primitive) else ""
    if name == "slice":
        return op.set_slice(base, new, **parameters)
    if name == "at":
        chosen = dict(zip(parameters["axes"], parameters["places"], strict=True))
        ranges = [
            (chosen[k], chosen[k] + 1) if k in chosen else (0, n) for k, n in enumerate(base.shape)
        ]
        inside = op.reshape(new, shape=tuple([b - a for a, b in ranges]))
        starts, stops = (tuple(x) for x in zip(*ranges, strict=True))
        return op.set_slice(base, inside, starts=starts, stops=stops, steps=(1,) * len(ranges))
    if name == "reshape":
        return op.reshape(new, shape=base.shape)
    if name == "transpose":
        axes = parameters["axes"]
        return op.transpose(new, axes=tuple(sorted(range(len(axes)), key=axes.__getitem__)))
    if name == "flip":
        return op.flip(new, **parameters)
    if name == "real":
        return op.complex(new, op.imag(base))
    if name == "imag":
        return op.complex(op.real(base), new)
    if "put" in parameters:
        return parameters["put"](base, new)
    raise ValueError("assignment destination is read-only")


# ---------------------------------------------------------------------------------------- elements


def element_of(x: Any, key: Any) -> int | None:
    """The place of one element, counted in C order, for a key of plain integers; None for others.
    (One out of range is for NumPy's error.)"""
    entries = key if type(key) is tuple else (key,)
    shape = x.shape
    if len(entries) != len(shape):
        return None
    place = 0
    for entry, n in zip(entries, shape, strict=True):
        if type(entry) is not int:
            if not isinstance(entry, np.integer):
                return None
            entry = int(entry)
        if not -n <= entry < n:
            return None
        place = place * n + entry % n
    return place


def write_element(x: Any, place: int, value: Any) -> bool:
    """Note that one element is written; False where that must be done at once: the handle is a
    view or has views, or the value belongs to another trace."""
    alias = x.alias
    if alias is not None and (alias.base is not None or any(v() is not None for v in alias.views)):
        return False
    program = context.program
    if x.source is not None or (program is not None and x.program is not program):
        return False
    given: Any = value
    if isinstance(value, Traced):
        same = type(given) is type(x) and given.level == x.level and given.program is x.program
        if not same or given.shape or given.dtype != x.dtype:
            return False
        value = op.convert(given, dtype=x.dtype) if given.weak else given.twin()
    elif type(value) is float or type(value) is int or isinstance(value, np.generic):
        if np.ndim(value) or (np.iscomplexobj(value) and x.dtype.kind != "c"):
            return False
        value = x.dtype.type(value)
    else:
        return False
    if type(x.pending) is not dict:
        x.flush()
        x.pending = {}
    x.pending[place] = value
    return True


class Rows(dict):
    """Rows of the first axis that are pending, by their number."""


def row_of(x: Any, key: Any) -> int | None:
    """The number of one whole row of the first axis, for a key of a plain integer (and slices that
    take everything); None for others."""
    shape = x.shape
    entries = key if type(key) is tuple else (key,)
    if len(shape) < 2 or not entries or len(entries) > len(shape):
        return None
    first, *rest = entries
    if type(first) is not int:
        if not isinstance(first, np.integer):
            return None
        first = int(first)
    if any(e != slice(None) for e in rest if e is not Ellipsis) or rest.count(Ellipsis) > 1:
        return None
    n = shape[0]
    return first % n if -n <= first < n else None


def write_row(x: Any, row: int, value: Any) -> bool:
    """Note that a row is written; False where that must be done at once."""
    alias = x.alias
    if alias is not None and (
        alias.base is not None or any(may_show(v(), row) for v in alias.views)
    ):
        return False
    program = context.program
    if x.source is not None or (program is not None and x.program is not program):
        return False
    given: Any = value
    same = type(given) is type(x) and given.level == x.level and given.program is x.program
    if not same or (given.dtype.kind == "c" and x.dtype.kind != "c"):
        return False
    value = own(fitted(given, x.shape[1:], x.dtype), given)
    if type(value) is not type(x) or value.program is not x.program or value.level != x.level:
        return False
    if type(x.pending) is not Rows:
        x.flush()
        x.pending = Rows()
    x.pending[row] = value
    return True


def write_in_row(x: Any, key: Any, value: Any) -> bool:
    """Write a part of a row that is pending; False where it is not, or a view shows it."""
    if type(key) is not tuple or len(key) < 2:
        return False
    first, *rest = key
    if type(first) is not int and not isinstance(first, np.integer):
        return False
    row = int(first) % x.shape[0] if -x.shape[0] <= first < x.shape[0] else None
    found = x.pending.get(row)
    if found is None or (x.alias is not None and any(may_show(v(), row) for v in x.alias.views)):
        return False
    setitem(found, tuple(rest), value)
    return True


def write_through_row(handle: Any, new: Any, root: Any) -> bool:
    """Write through a view of a pending row (or a view of that); False where the row is not
    pending, or other views show it."""
    view = handle
    while view.alias.base is not root:
        view = view.alias.base
    row = row_shown(view)
    if row not in root.pending:
        return False
    others = (v() for v in root.alias.views)
    if any(v is not view and may_show(v, row) for v in others):
        return False
    while handle is not view:
        new, handle = put_back(handle.alias, new), handle.alias.base
    old = view.held()
    view.become(new)
    view.hold(laid_out(view.held(), old))
    refresh(view)
    root.pending[row] = view.twin()
    return True


def row_shown(view: Any) -> int | None:
    """Which row of its base a view is; None where it is something else."""
    alias = view.alias
    if getattr(alias.primitive, "name", "") != "at" or alias.parameters["axes"] != (0,):
        return None
    return alias.parameters["places"][0]


def is_own_row(x: Any, key: Any, value: Any) -> bool:
    """Whether the value is the view of a row (or of a part of it) that the key gives:
    `x[key] += v` has written it already."""
    first, *rest = key if type(key) is tuple and key else (key,)
    if type(first) is not int and not isinstance(first, np.integer):
        return False
    alias = getattr(value, "alias", None) if isinstance(value, Traced) else None
    if alias is None or alias.base is None:
        return False
    view = value if alias.base is x else alias.base
    if view.alias is None or view.alias.base is not x or row_shown(view) != first % x.shape[0]:
        return False
    if view is value:
        return all(e is Ellipsis or e == slice(None) for e in rest)
    found = functions["ranges"](view.shape, tuple(rest))
    return found is not NotImplemented and is_itself(view, value, found)


def may_show(view: Any, row: Any) -> bool:
    """Whether a living view may show a row of its base."""
    if view is None:
        return False
    alias = view.alias
    if getattr(alias.primitive, "name", "") != "at" or view.pending is not None:
        return True
    chosen = dict(zip(alias.parameters["axes"], alias.parameters["places"], strict=True))
    return chosen.get(0, row) == row


def pending_row(x: Any, key: Any, read: Callable[[Any, Any], Any]) -> Any:
    """`x[key]` for a key whose first entry is a plain integer, of an array with pending rows, which
    stay pending; NotImplemented for other keys."""
    first, *rest = key if type(key) is tuple and key else (key,)
    if type(first) is not int and not isinstance(first, np.integer):
        return NotImplemented
    n = x.shape[0]
    if not -n <= first < n:
        return NotImplemented
    row = int(first) % n
    found = x.pending.get(row)
    if found is None:
        log, x.pending = x.pending, None
        try:
            return read(x, key)
        finally:
            x.pending = log
    view = found.twin()
    attach(x, view, op.registry["at"], {"axes": (0,), "places": (row,)})
    return read(view, tuple(rest)) if rest else view


def flush_rows(x: Any, log: Rows) -> None:
    """Write all rows that are pending, in one operation."""
    n = x.shape[0]
    if len(log) == n:
        write(x, op.stack(*[log[k] for k in range(n)], axis=0))
        return
    order = np.arange(n)
    order[list(log)] = n + np.arange(len(log))
    rows = op.stack(*log.values(), axis=0)
    write(x, op.gather(op.concatenate(x, rows, axis=0), order))


def flush(x: Any) -> None:
    """Write all elements (or rows) that are pending, in one operation."""
    log, x.pending = x.pending, None
    if type(log) is Rows:
        flush_rows(x, log)
        return
    size = int(np.prod(x.shape))
    if len(log) == size:
        values = op.stack(*[log[k] for k in range(size)], axis=0)
    else:
        flat = op.reshape(x, shape=(size,))
        values = patched(flat, np.array(list(log)), list(log.values()))
    write(x, op.reshape(values, shape=x.shape))


def patched(flat: Any, places: np.ndarray, values: Sequence[Any]) -> Any:
    """Elements with other values at some places."""
    count = type_of(flat).shape[0]
    order = np.arange(count)
    order[places] = count + np.arange(len(places))
    return op.gather(op.concatenate(flat, op.stack(*values, axis=0), axis=0), order)


def pending_part(x: Any, key: Any, read: Callable[[Any, Any], Any]) -> Any:
    """`x[key]` for slices of an array into which elements were written that are not in its value
    yet: these are put into what is read, and stay pending.  NotImplemented for other keys."""
    found = functions["ranges"](x.shape, key if type(key) is tuple else (key,))
    if found is NotImplemented:
        return NotImplemented
    starts, stops, steps, axes, chosen, *_ = found
    lines = [np.arange(*r) for r in zip(starts, stops, steps, strict=True)]
    for axis, place in zip(axes, chosen, strict=True):
        lines[axis] = np.array([place])
    places = np.ravel_multi_index(np.ix_(*lines), x.shape).reshape(-1)
    log, x.pending = x.pending, None
    try:
        part = read(x, key)
        written = np.flatnonzero(np.isin(places, np.array(list(log))))
        if len(written):
            values = [log[k] for k in places[written].tolist()]
            flat = op.reshape(part, shape=(len(places),))
            part.become(op.reshape(patched(flat, written, values), shape=part.shape))
    finally:
        x.pending = log
    return part


def setitem(x: Any, key: Any, value: Any) -> None:
    """`x[key] = value`."""
    if hasattr(x, "program"):
        if type(x.pending) is Rows:
            if is_own_row(x, key, value) or write_in_row(x, key, value):
                return
        place = element_of(x, key)
        if place is not None and write_element(x, place, value):
            return
        row = row_of(x, key)
        if row is not None and write_row(x, row, value):
            return
    x.flush()
    entries = key if type(key) is tuple else (key,)
    found = functions["ranges"](x.shape, entries)
    if found is NotImplemented:
        write(x, set_advanced(x, key, value))
        return
    starts, stops, steps, axes, places, new, _ = found
    if is_itself(x, value, found):
        return
    kept = [len(range(*r)) for r in zip(starts, stops, steps, strict=True)]
    starts, stops = list(starts), list(stops)
    for axis, place in zip(axes, places, strict=True):
        starts[axis], stops[axis], kept[axis] = place, place + 1, 1
    inside = [n for k, n in enumerate(kept) if k not in axes]
    for k in new:
        inside.insert(k, 1)
    v = op.reshape(fitted(value, tuple(inside), x.dtype), shape=tuple(kept))
    if tuple(kept) == x.shape and all(s == 1 for s in steps):
        write(x, own(op.broadcast_to(v, shape=x.shape) if isinstance(v, Traced) else v, value))
    else:
        ranges = {"starts": tuple(starts), "stops": tuple(stops), "steps": tuple(steps)}
        write(x, op.set_slice(x, v, **ranges))


def own(v: Any, value: Any) -> Any:
    """What is to be written, not the handle itself that was given, nor a view of it, nor memory
    from outside: these may be written into."""
    if isinstance(v, Traced):
        alias = v.alias  # type: ignore[attr-defined]
        if v is value or (alias is not None and alias.base is not None) or is_exposed(v):
            return v.twin()  # type: ignore[attr-defined]
    return v


def is_itself(x: Any, value: Any, found: tuple) -> bool:
    """Whether the value is the view that the key gives: `x[key] += v` has written it already."""
    if not isinstance(value, Traced) or getattr(value, "alias", None) is None:
        return False
    alias: Alias = value.alias  # type: ignore[attr-defined]
    starts, stops, steps, axes, places, new, sliced = found
    if alias.base is not x or new or bool(axes) == sliced:
        return False
    if axes:
        given = {"axes": tuple(axes), "places": tuple(places)}
    else:
        given = {"starts": tuple(starts), "stops": tuple(stops), "steps": tuple(steps)}
    name = getattr(alias.primitive, "name", "")
    return name == ("at" if axes else "slice") and alias.parameters == given


def set_advanced(x: Any, key: Any, value: Any) -> Any:
    """The array with a value at index arrays or under a mask."""
    mask = whole_mask(x, key)
    if mask is not None and np.prod(type_of(as_operand(value)).shape) == 1:
        v = op.reshape(cast(value, x.dtype), shape=())
        return op.select(mask, v, x)
    found = set_at_numbers(x, key, value)
    if found is not None:
        return found
    size = int(np.prod(x.shape))
    places = functions["getitem"](np.arange(size).reshape(x.shape), key)
    v = fitted(value, places.shape, x.dtype)
    flat = op.reshape(x, shape=(size,))
    return op.reshape(op.scatter_set(flat, v, places), shape=x.shape)


def set_at_numbers(x: Any, key: Any, value: Any) -> Any:
    """The array with a value at a key of integers (traced ones among them) and slices: one write at
    one place of the axes with integers; None for another key."""
    entries = list(key) if type(key) is tuple else [key]
    for e in entries:
        if isinstance(e, Traced):
            t = type_of(e)
            if t.shape or t.dtype.kind not in "iu":
                return None
        elif isinstance(e, bool) or not (isinstance(e, (int, np.integer, slice)) or e is Ellipsis):
            return None
    rank = len(x.shape)
    gaps = [k for k, e in enumerate(entries) if e is Ellipsis]
    missing = rank - len(entries) + len(gaps)
    if len(gaps) > 1 or missing < 0:
        return None
    at = gaps[0] if gaps else len(entries)
    entries[at : at + len(gaps)] = [slice(None)] * missing
    numbers = [k for k, e in enumerate(entries) if not isinstance(e, slice)]
    lines = [k for k in range(rank) if k not in numbers]
    order = (*numbers, *lines)
    back = tuple(order.index(k) for k in range(rank))
    turned = op.transpose(x, axes=order) if order != back else x
    places = [
        np.int64(e) if not isinstance(e, Traced) else e for e in map(entries.__getitem__, numbers)
    ]
    ranges = [entries[k].indices(x.shape[k]) for k in lines]
    shape = tuple([len(range(*r)) for r in ranges])
    v = fitted(value, shape, x.dtype)
    if any(r != (0, x.shape[k], 1) for k, r in zip(lines, ranges, strict=True)):
        if 0 in shape:
            return x
        starts, stops, steps = (tuple(r) for r in zip(*ranges, strict=True))
        row = op.gather(turned, *places)
        v = op.set_slice(row, v, starts=starts, stops=stops, steps=steps)
    found = op.scatter_set(turned, v, *places)
    return op.transpose(found, axes=back) if order != back else found


def whole_mask(x: Any, key: Any) -> Any:
    """The key as a mask of the whole array, if it is one."""
    if isinstance(key, tuple) and len(key) == 1:
        (key,) = key
    if isinstance(key, (list, tuple)):
        return None
    if isinstance(key, (np.ndarray, Traced)):
        t = type_of(key)
        return key if t.dtype.kind == "b" and t.shape == x.shape and t.shape else None
    return None


def cast(value: Any, dtype: np.dtype) -> Any:
    """A value as NumPy casts it when it is written into an array."""
    value = as_operand(value)
    if isinstance(value, Traced):
        if type_of(value).dtype == dtype and not getattr(value, "weak", False):
            return value
        return functions["astype"](value, dtype)
    return np.asarray(value).astype(dtype)


def fitted(value: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """A value cast to a dtype and broadcast to the shape that is written to."""
    v = cast(value, dtype)
    given = type_of(v).shape
    extra = len(given) - len(shape)
    if extra > 0 and given[:extra] == (1,) * extra:  # NumPy leaves them out
        v = op.reshape(v, shape=given[extra:])
    try:
        fits = np.broadcast_shapes(type_of(v).shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"could not broadcast input array from shape {given} into shape {shape}".replace(
                ", )", ",)"
            )
        )
    return v if type_of(v).shape == shape else op.broadcast_to(v, shape=shape)


def update(x: Any, result: Any, operation: str) -> Any:
    """`x op= y` and `out=x`, where the operation gave `result`; as NumPy, x keeps shape and
    dtype."""
    t = type_of(result)
    if t.shape != x.shape:
        if np.broadcast_shapes(t.shape, x.shape) != x.shape:
            raise ValueError(
                f"non-broadcastable output operand with shape {x.shape} doesn't match the "
                f"broadcast shape {t.shape}"
            )
        result = op.broadcast_to(result, shape=x.shape)
    if t.dtype != x.dtype:
        if not np.can_cast(t.dtype, x.dtype, "same_kind"):
            raise TypeError(
                f"Cannot cast ufunc {operation!r} output from {t.dtype!r} to {x.dtype!r} with "
                "casting rule 'same_kind'"
            )
        result = functions["astype"](result, x.dtype)
    write(x, result)
    return x


def duplicate(x: Any, order: str = "K") -> Any:
    """A handle of its own for the same value, in the memory layout of NumPy's copy."""
    made = x.twin()
    value = made.held()
    if isinstance(value, Traced):
        made.hold(duplicate(value, order))
    elif type(value) is np.ndarray and not is_stand_in(value):
        flags = value.flags
        if not flags.c_contiguous and (order == "C" or not flags.f_contiguous):
            made.hold(np.array(value, order=order))  # type: ignore[call-overload]
        elif order == "F" and not flags.f_contiguous:
            made.hold(np.array(value, order="F"))
    return made


def from_inside(x: Any) -> TracingError:
    """The error for a write from inside an inner transform into an array from outside of it."""
    return TracingError(
        message(
            f"a value of an inner transform was written into an array from outside of it "
            f"({readable(x)}), where it has no meaning",
            expected="an array that the inner function makes itself",
            instead="`return` the value from the inner function, and write it outside",
            operation="item assignment",
        )
    )


def copies(leaves: Sequence[Any]) -> list[Any]:
    """Handles of their own for the same values."""
    return [x.twin() if isinstance(x, Traced) and hasattr(x, "twin") else x for x in leaves]


functions["flush"] = flush
functions["setitem"] = setitem
functions["update"] = update
