"""Entries: which arguments match which records, what comes back, and who owns what."""

import ctypes
import gc
import random
import sys
import warnings
from collections import namedtuple

import numpy as np
import pytest
from runtime.entry_checks import (
    Missed,
    address,
    alike,
    cells,
    entry_of,
    identity,
    missed,
    no_recovery,
    programs,
)

from adjoint.runtime.entry import (
    Array,
    Captured,
    Cell,
    Global,
    Items,
    Number,
    Record,
    Static,
    facts,
    record,
    why_not_native,
)

KINDS = ["native", "python"]
pytestmark = pytest.mark.skipif(
    why_not_native() is not None and sys.implementation.name != "cpython", reason="no ctypes calls"
)
Point = namedtuple("Point", "x y")


@pytest.fixture(params=KINDS)
def kind(request):
    if request.param == "native" and (why := why_not_native()) is not None:
        pytest.skip(why)
    return request.param


class Float(float):
    pass


class Integer(int):
    pass


class Row(np.ndarray):
    pass


def test_this_interpreter_is_known():
    if sys.implementation.name == "cpython" and sys.platform == "linux":
        assert why_not_native() is None


# ---------------------------------------------------------------- values

NUMBERS = [
    *[1.5, -0.0, float("nan"), float("inf"), 2 - 3.5j],
    *[np.dtype(code).type(1) for code in "?bBhHiIlLqQefdFD"],
]
ARRAYS = [
    np.arange(3.0),
    np.zeros((0, 4)),
    np.array(7.0),
    np.arange(24, dtype=np.int16).reshape(2, 3, 4),
    np.array([True, False]),
    np.arange(4, dtype=np.complex64).reshape(2, 2),
    np.arange(3, dtype=np.longlong),
    np.ones(3, np.longdouble),
    np.ones(5, np.float16),
]
CONTAINERS = [
    (),
    [],
    {},
    ((1.0, 2.0), [3.0, (4.0, np.arange(2.0))]),
    {"b": 1.0, "a": [np.float32(2), {"c": (3.0,)}], 3: 1j, None: 2.0},
    Point(1.0, (2.0, Point([3.0], np.ones(2)))),
    [np.ones((2, 2)), "text", None, 12, Ellipsis, True],
]


@pytest.mark.parametrize("value", NUMBERS + ARRAYS + CONTAINERS, ids=repr)
def test_a_value_comes_back_as_it_was(kind, value):
    entry = entry_of(kind, missed, identity(value))
    (result,), _ = entry(value)
    assert alike(result, value)
    if isinstance(value, np.ndarray):
        assert result is not value and result.flags.writeable and result.flags.owndata
        assert not np.shares_memory(result, value) or value.size == 0


def test_python_ints_and_bools_come_out(kind):
    for value, python, scalar in [(-5, int, np.int64(-5)), (True, bool, np.bool_(True))]:
        entry = entry_of(kind, missed, copy_record(Number(type(scalar), 1), Number(python, 2)))
        assert type(entry(scalar)) is python and entry(scalar) == value
    entry = entry_of(kind, missed, copy_record(Number(np.int64, 1), Number(int, 2)))
    for value in (2**62, -(2**63), 0, 255, 257):
        assert entry(np.int64(value)) == value


def copy_record(arrives, leaves, **more):
    size = np.dtype(getattr(leaves, "dtype", None) or leaves.kind).itemsize
    return Record(
        arguments=(arrives,),
        result=leaves,
        program=programs().address("copies"),
        template=cells(1, 0, 0, size),
        recover=no_recovery,
        keep=programs(),
        **more,
    )


def test_results_of_every_structure(kind):
    body = copy_record(Number(float, 1), Number(float, 2))
    seven = Static(7)
    for result, wanted in [
        ((seven, [Number(float, 2), {"a": seven}]), (7, [1.5, {"a": 7}])),
        (Items(Point, (Number(float, 2), ())), Point(1.5, ())),
        (Items(max, (seven, Number(float, 2))), 7),
        ({2: Items(list, ([Number(float, 2)],))}, {2: [1.5]}),
    ]:
        changed = Record(
            arguments=body.arguments,
            result=result,
            program=body.program,
            template=body.template,
            recover=no_recovery,
            keep=programs(),
        )
        assert alike(entry_of(kind, missed, changed)(1.5), wanted)


def test_a_constructor_that_raises(kind):
    fails = Items(int, (Static("no number"), Number(float, 2)))
    record = copy_record(Number(float, 1), Number(float, 2))
    record = Record(
        arguments=record.arguments,
        result=(Static(1), fails),
        program=record.program,
        template=record.template,
        recover=no_recovery,
    )
    entry = entry_of(kind, missed, record)
    for _ in range(3):
        with pytest.raises(TypeError):
            entry(1.0)


def test_an_array_too_large_is_a_memory_error(kind):
    huge = Array(np.float64, (1 << 58,), 2)
    record = Record(
        arguments=(Number(float, 1),),
        result=huge,
        program=programs().address("copies"),
        template=cells(1, 0, 0, 8),
        recover=no_recovery,
    )
    with pytest.raises(MemoryError):
        entry_of(kind, missed, record)(1.0)


# ---------------------------------------------------------------- misses

FLOAT_MISSES = [
    *[1, True, 1j, None, "1.0", Float(1.0), np.float64(1.0), np.float32(1), np.array(1.0)],
    *[(1.0,), [1.0], {"x": 1.0}],
]
ROW_MISSES = [
    *[np.arange(4.0), np.arange(3), np.arange(3, dtype=np.float32), np.zeros((3, 1)), 1.0],
    *[np.zeros((1, 3)), np.array(1.0), [0.0, 1.0, 2.0], (0.0, 1.0, 2.0), np.float64(1)],
    *[np.arange(3.0).view(Row), np.ma.array(np.arange(3.0)), np.arange(3.0).astype(">f8")],
    *[np.array([None] * 3), np.array(["a", "b", "c"]), np.arange(3).astype("M8[s]")],
    np.zeros(3, [("x", "f8")]),
]


@pytest.mark.parametrize("value", FLOAT_MISSES, ids=repr)
def test_what_is_no_float(kind, value):
    entry = entry_of(kind, missed, identity(1.0))
    result = entry(value)
    assert type(result) is Missed and result[0][0] is value


@pytest.mark.parametrize("value", ROW_MISSES, ids=repr)
def test_what_is_no_row_of_three_floats(kind, value):
    entry = entry_of(kind, missed, identity(np.arange(3.0)))
    result = entry(value)
    assert type(result) is Missed and result[0][0] is value


@pytest.mark.parametrize("code", "?bBhHiIlLqQefdFD")
def test_scalars_match_their_own_type_only(kind, code):
    wanted = np.dtype(code).type
    entry = entry_of(kind, missed, identity(wanted(1)))
    for other in [1, 1.0, 1j, True, *[np.dtype(c).type(1) for c in "?bBhHiIlLqQefdgFDG"]]:
        assert (type(entry(other)) is Missed) == (type(other) is not wanted)
        if type(other) is not wanted:
            assert type(entry(np.array(other))) is Missed


def test_the_number_of_arguments(kind):
    entry = entry_of(kind, missed, identity(1.0, 2.0))
    assert entry(1.0, 2.0) == ((1.0, 2.0), {})
    for args, kwargs in [((), {}), ((1.0,), {}), ((1.0,) * 3, {}), ((1.0,), {"y": 2.0})]:
        assert entry(*args, **kwargs) == (args, kwargs)
        assert type(entry(*args, **kwargs)) is Missed
    nothing = entry_of(kind, missed, identity())
    assert type(nothing()) is tuple and type(nothing(1)) is Missed


def test_keywords(kind):
    entry = entry_of(kind, missed, identity(1.0, scale=2.0, row=np.arange(2.0)))
    args, kwargs = entry(3.0, scale=4.0, row=np.ones(2))
    assert args == (3.0,) and alike(kwargs, {"scale": 4.0, "row": np.ones(2)})
    names = {"".join(["sc", "ale"]): 4.0, "row": np.ones(2)}
    assert entry(3.0, **names)[0] == (3.0,)  # matched or not, the answer is the same
    for call in [
        lambda: entry(3.0, row=np.ones(2), scale=4.0),
        lambda: entry(3.0, scale=4.0),
        lambda: entry(3.0, scale=4.0, other=np.ones(2)),
        lambda: entry(3.0, scale=4.0, row=np.ones(2), more=1),
        lambda: entry(3.0, 4.0, row=np.ones(2)),
        lambda: entry(3.0, scale=4, row=np.ones(2)),
    ]:
        assert type(call()) is Missed


def test_arguments_reach_the_fallback_untouched(kind):
    entry = entry_of(kind, lambda *a, **k: (a, k), identity(1.0))
    thing = object()
    (first, second), named = entry(thing, [1], x=thing, y=3)
    assert first is thing and second == [1] and named == {"x": thing, "y": 3}
    assert list(named) == ["x", "y"]

    def fails(*args):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        entry_of(kind, fails, identity(1.0))("x")


STATICS = [
    *[None, True, False, 0, 1, -1, 10**6, 10**30, 1.0, 0.0, -0.0, float("nan"), 1j, -1j],
    *[complex(0.0, -0.0), "", "text", b"text", (), (1, 2.0), (1, (True, "a")), ((1,), 2)],
    *[(1.0, 2.0), (1, 2), Ellipsis, int, np.float64, len, frozenset({1})],
]


@pytest.mark.parametrize("expected", STATICS, ids=repr)
def test_static_arguments(kind, expected):
    entry = entry_of(kind, missed, static_record(expected))
    assert entry(expected) == 3
    for other in STATICS:
        same = alike(other, expected) and not (isinstance(other, frozenset))
        assert (type(entry(other)) is not Missed) == (same or other is expected)
    if type(expected) in (int, float, str, bytes, tuple, complex):
        if expected == expected:
            assert entry(equal_copy(expected)) == 3


def static_record(expected):
    return Record(
        arguments=(Static(expected),),
        result=Static(3),
        program=programs().address("copies"),
        template=cells(0),
        recover=no_recovery,
        keep=programs(),
    )


def equal_copy(value):
    """An equal object, another one where Python makes one."""
    if isinstance(value, tuple):
        return tuple([equal_copy(x) for x in value])
    if type(value) is complex:
        return complex(value.real, value.imag)
    if type(value) in (int, float):
        return value + 1 - 1 if value != 0 else value
    if type(value) in (str, bytes):
        return value[:1] + value[1:]
    return value


def test_static_subclasses_do_not_match(kind):
    assert type(entry_of(kind, missed, static_record(3))(Integer(3))) is Missed
    assert type(entry_of(kind, missed, static_record(3.0))(Float(3.0))) is Missed
    assert type(entry_of(kind, missed, static_record((1, 2)))(Point(1, 2))) is Missed


def test_containers_must_be_exact(kind):
    entry = entry_of(kind, missed, identity((1.0, [2.0], {"a": 3.0, "b": 4.0})))
    good = (1.0, [2.0], {"a": 3.0, "b": 4.0})
    assert entry(good) == ((good,), {})
    for bad in [
        [1.0, [2.0], {"a": 3.0, "b": 4.0}],
        (1.0, (2.0,), {"a": 3.0, "b": 4.0}),
        (1.0, [2.0], {"b": 4.0, "a": 3.0}),
        (1.0, [2.0], {"a": 3.0}),
        (1.0, [2.0], {"a": 3.0, "c": 4.0}),
        (1.0, [2.0], {"a": 3.0, 1: 4.0}),
        (1.0, [2.0], {"a": 3.0, "b": 4.0, "c": 5.0}),
        (1.0, [2.0, 2.0], {"a": 3.0, "b": 4.0}),
        (1.0, [], {"a": 3.0, "b": 4.0}),
        (1.0, [2.0], type("D", (dict,), {})(a=3.0, b=4.0)),
        (1.0, type("L", (list,), {})([2.0]), {"a": 3.0, "b": 4.0}),
        Point(1.0, [2.0]),
        (1.0, [2.0]),
        1.0,
        None,
    ]:
        assert type(entry(bad)) is Missed
    keys = {"".join(["long", "name"]): 1.0}  # not interned
    assert type(entry_of(kind, missed, identity({"longname": 1.0}))(keys)) is tuple
    gaps = {"x": 0, "longname": 1.0}
    del gaps["x"]
    assert type(entry_of(kind, missed, identity({"longname": 1.0}))(gaps)) is tuple
    pair = (1, 2)
    paired = entry_of(kind, missed, identity({pair: 1.0, 2.5: 2.0}))
    assert type(paired({pair: 1.0, 2.5: 2.0})) is tuple
    assert type(paired({(1, 2.0): 1.0, 2.5: 2.0})) is Missed
    named = entry_of(kind, missed, identity(Point(1.0, 2.0)))
    assert alike(named(Point(3.0, 4.0))[0][0], Point(3.0, 4.0))
    assert type(named((1.0, 2.0))) is Missed


# ---------------------------------------------------------------- layouts of arrays


def test_arrays_of_any_strides(kind):
    base = np.arange(48.0).reshape(6, 8)
    entry = entry_of(kind, missed, identity(np.zeros((3, 4)), np.zeros((3, 4))))
    unaligned = np.frombuffer(bytearray(97), np.uint8, 96, 1).view(np.float64).reshape(3, 4)
    unaligned[...] = base[:3, :4]
    for view in [
        base[::2, ::2],
        base[:3, :4],
        base[2::-1, 3::-1],
        np.asfortranarray(base[:3, :4]),
        base[:4, :3].T,
        np.broadcast_to(base[0, :4], (3, 4)),
        unaligned,
        np.lib.stride_tricks.as_strided(base, (3, 4), (0, 0)),
    ]:
        (first, second), _ = entry(view, np.ones((3, 4)))
        assert alike(first, np.ascontiguousarray(view)) and (second == 1).all()
        (first, second), _ = entry(view, view.copy() if view is base else view)
        assert first is not second and alike(second, np.ascontiguousarray(view))


def test_read_only_arrays_are_read(kind):
    row = np.arange(3.0)
    row.flags.writeable = False
    (result,), _ = entry_of(kind, missed, identity(row))(row)
    assert alike(result, np.arange(3.0)) and result.flags.writeable


def test_arrays_whose_data_type_is_another_object(kind):
    strange = np.dtype("f8", metadata={"unit": "m"})
    row = np.arange(3.0).astype(strange)
    entry = entry_of(kind, missed, identity(np.arange(3.0)))
    (result,), _ = entry(row)
    assert alike(result, np.arange(3.0)) and result.dtype.metadata is None
    assert type(entry(row.astype(row.dtype.newbyteorder(">")))) is Missed


def test_arrays_without_axes_are_no_scalars(kind):
    entry = entry_of(kind, missed, identity(np.array(2.0)))
    assert alike(entry(np.array(3.0))[0][0], np.array(3.0))
    for other in (3.0, np.float64(3), np.ones(1)):
        assert type(entry(other)) is Missed


# ---------------------------------------------------------------- what is watched


@pytest.mark.parametrize("versions", [True, False])
def test_watched_names(kind, versions, monkeypatch):
    monkeypatch.setattr(facts, "versions_work", lambda: versions)
    first, second = object(), object()
    space = {"a": first, "b": second, "other": 0}
    more = {"c": None}
    watched = [
        Global(space, "a", first),
        Global(space, "b", second),
        Global(space, "absent", None),
        Global(more, "c", None),
    ]
    entry = entry_of(kind, missed, identity(1.0, watched=watched))
    hit = lambda: type(entry(1.0)) is not Missed
    for _ in range(3):
        assert hit()
    space["other"] = 1
    assert hit()
    space["a"] = second
    assert not hit() and not hit()
    space["a"] = first
    assert hit()
    del space["b"]
    assert not hit()
    space["b"] = second
    assert hit()
    space["absent"] = 1
    assert not hit()
    space["absent"] = None
    assert hit()
    del space["absent"], more["c"]
    assert hit()
    more["c"] = 0
    assert not hit()
    more.clear()
    assert hit()
    space.update(a=3)
    assert not hit()
    space.clear()
    assert not hit()
    exec("a = None", space)
    space.update(a=first, b=second)
    assert hit()
    exec("def g():\n    global b\n    b = 4\nfor _ in range(20): g()", space)
    assert not hit()


def test_names_whose_look_up_runs_python(kind, monkeypatch):
    """A key that compares by Python code, which raises."""
    monkeypatch.setattr(facts, "versions_work", lambda: False)

    class Key:
        def __hash__(self):
            return hash("a")

        def __eq__(self, other):
            raise ZeroDivisionError

    space = {Key(): 1}
    entry = entry_of(kind, missed, identity(1.0, watched=[Global(space, "a", 1)]))
    if kind == "native":
        assert type(entry(1.0)) is Missed


def test_watched_cells(kind):
    def outer(value):
        def put(new):
            nonlocal value
            value = new

        def drop():
            nonlocal value
            del value

        return put, drop

    thing = object()
    put, drop = outer(thing)
    cell = put.__closure__[0]
    entry = entry_of(kind, missed, identity(1.0, watched=[Cell(cell, thing)]))
    assert type(entry(1.0)) is tuple
    put(3)
    assert type(entry(1.0)) is Missed
    put(thing)
    assert type(entry(1.0)) is tuple
    drop()
    assert type(entry(1.0)) is Missed
    empty = entry_of(kind, missed, identity(1.0, watched=[Cell(cell, None)]))
    assert type(empty(1.0)) is tuple
    put(None)
    assert type(empty(1.0)) is tuple


def test_captured_arrays_are_read_at_each_call(kind):
    kept, turned = np.arange(4.0), np.arange(6.0).reshape(2, 3).T
    entry = entry_of(kind, missed, identity(1.0, captured=[kept, turned]))
    (_, first, second), _ = entry(1.0)
    assert alike(first, kept) and alike(second, np.ascontiguousarray(turned))
    kept *= 2
    turned[0] = 9
    (_, first, second), _ = entry(1.0)
    assert alike(first, np.arange(4.0) * 2) and (second[0] == 9).all()
    kept.resize(2, refcheck=False)
    assert type(entry(1.0)) is Missed
    kept.resize(4, refcheck=False)
    assert alike(entry(1.0)[0][1], np.array([0.0, 2, 0, 0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        kept.dtype = np.int64
    assert type(entry(1.0)) is Missed


# ---------------------------------------------------------------- several records


def test_the_record_used_last_comes_first(kind):
    records = [identity(1.0), identity(1j), identity(np.ones(2)), identity("static")]
    entry = entry_of(kind, missed, *records)
    entry(1.0)
    assert entry.records == tuple(records)
    assert entry(np.ones(2))[0][0].tolist() == [1, 1]
    assert entry.records == (records[2], records[0], records[1], records[3])
    assert entry(1j) == ((1j,), {})
    assert entry.records == (records[1], records[2], records[0], records[3])
    assert type(entry("other")) is Missed
    for value in (1.0, 1j, "static", 1.0, np.ones(2)):
        assert type(entry(value)) is tuple
    assert set(entry.records) == set(records)


def test_putting_and_dropping_records(kind):
    a, b, c = identity(1.0), identity(1j), identity(True)
    entry = entry_of(kind, missed)
    assert entry.records == ()
    entry.prepend(a)
    entry.prepend(b)
    assert entry.records == (b, a)
    entry.prepend(c, limit=2)
    assert entry.records == (c, b) and type(entry(1.0)) is Missed
    entry.discard(b)
    entry.discard(a)
    assert entry.records == (c,)
    entry.records = [a, b]
    assert entry.records == (a, b)
    entry.clear()
    assert entry.records == () and type(entry(1.0)) is Missed
    entry.records = iter([a])
    assert type(entry(1.0)) is tuple


def test_frames_of_any_size(kind):
    many = tuple(map(float, range(300)))
    entry = entry_of(kind, missed, identity(1.0), identity(*many), identity(list(many)))
    assert entry(*many) == (many, {})
    assert entry(list(many)) == ((list(many),), {})
    assert entry(2.0) == ((2.0,), {})
    assert type(entry(*many[:-1], 1)) is Missed and type(entry("x")) is Missed


# ---------------------------------------------------------------- status, workspace


def test_a_status_leads_to_recovery(kind):
    token, seen = object(), []

    def recover(status, which, *args, **kwargs):
        seen.append((status, which, args, kwargs))
        if status == 2:
            raise IndexError("two")
        return "recovered"

    row = np.arange(3.0)
    record = Record(
        arguments=(Number(float, 0), (Static("a"), [Array(np.float64, (3,), 1)])),
        keywords={"scale": Number(float, 2)},
        result=(Array(np.float64, (3,), 3), Number(float, 4)),
        program=programs().address("status"),
        template=cells(0, 0, 0, 0, 0),
        recover=recover,
        token=token,
        keep=programs(),
    )
    entry = entry_of(kind, missed, record)
    pair = ("a", [row[::-1]])
    assert entry(1.0, pair, scale=2.0) == "recovered"
    with pytest.raises(IndexError, match="two"):
        entry(2.0, pair, scale=2.0)
    assert entry(-7.0, pair, scale=2.0) == "recovered"
    assert [x[0] for x in seen] == [1, 2, -7]
    for _, which, args, kwargs in seen:
        assert which is token and args[1] is pair and kwargs == {"scale": 2.0}
    assert type(entry(0.0, pair, scale=2.0)) is tuple
    assert len(seen) == 3


def workspace_record(callback=0, keep=None):
    return Record(
        arguments=(Number(float, 0),),
        result=Number(float, 1),
        program=programs().address("workspace"),
        template=cells(0, 0, 0, callback),
        workspace_slot=2,
        workspace_bytes=1000,
        recover=no_recovery,
        keep=(programs(), keep),
    )


def test_the_workspace_is_aligned_and_used_again(kind):
    entry = entry_of(kind, missed, workspace_record())
    for x in (1.0, 2.0, 3.5):
        assert entry(x) == 2 * x


def test_a_call_inside_a_call_has_a_workspace_of_its_own(kind):
    results = []

    def again(x):
        if x > 0:
            results.append(entry(x - 1))

    number, keep = address(again, ctypes.c_double)
    entry = entry_of(kind, missed, workspace_record(number, keep))
    assert entry(4.0) == 8.0 and results == [0.0, 2.0, 4.0, 6.0]
    assert entry(1.0) == 2.0


def test_a_record_dropped_by_its_own_call(kind):
    def drop(x):
        entry.records = ()
        gc.collect()

    number, keep = address(drop, ctypes.c_double)
    entry = entry_of(kind, missed, workspace_record(number, keep))
    del keep
    assert entry(4.0) == 8.0 and type(entry(4.0)) is Missed


# ---------------------------------------------------------------- who owns what


def held_objects():
    """Everything that a call could forget to release, and a call that uses it."""
    row = np.arange(3.0)
    box = [1.25e10, row, {"k": np.float32(3), "r": row[::-1]}]
    text, fixed = "".join(["sta", "tic"]), object()
    captured = np.arange(4.0)[::2]
    space = {"name": fixed}
    record = identity(
        2.5e10, row, box, text, np.float64(3.5), (1.75e10, row),
        captured=[captured], watched=[Global(space, "name", fixed)],
    )  # fmt: skip
    arguments = (2.5e10, row, box, text, np.float64(3.5), (1.75e10, row))
    watched = [row, box, text, fixed, captured, space, *box, *arguments[-1], record]
    watched += [None, float, np.ndarray, row.dtype, True]
    return record, arguments, watched


@pytest.mark.parametrize("case", ["hit", "miss late", "status", "fallback"])
def test_references_are_balanced(kind, case):
    record, arguments, watched = held_objects()
    entry = entry_of(kind, lambda *a: None, record)
    if case == "miss late":
        entry.records = [record, identity(*arguments[:-1], (1.0, np.arange(4.0)))]
        arguments = (*arguments[:-1], (1.0, np.arange(5.0)))
    elif case == "status":
        fails = Record(
            arguments=(Number(float, 0), Array(np.float64, (3,), 1), record.arguments[2]),
            result=(Array(np.float64, (3,), 8),),
            program=programs().address("status"),
            template=bytes(72),
            recover=lambda *a: None,
        )
        entry.records = [fails]
        arguments = (1.0, *arguments[1:3])
    elif case == "fallback":
        arguments = (*arguments, 1)
    entry(*arguments)
    gc.collect()
    before = [sys.getrefcount(x) for x in watched]
    for _ in range(50):
        entry(*arguments)
    gc.collect()
    after = [sys.getrefcount(x) for x in watched]
    assert max(abs(a - b) for a, b in zip(after, before, strict=True)) <= 1


def test_results_are_owned_by_the_caller_alone(kind):
    entry = entry_of(kind, missed, identity(1.0, np.arange(3.0), [np.float32(1)], Point(1.0, 2.0)))
    result, _ = entry(4.5, np.ones(3), [np.float32(2)], Point(3.0, 4.0))
    one = sys.getrefcount(object())
    found = [sys.getrefcount(result[k]) for k in range(4)] + [sys.getrefcount(result[2][0])]
    assert found == [one + 1] * 5


def memory():
    gc.collect()
    return sys.getallocatedblocks()


def test_many_calls_do_not_grow_memory(kind):
    record, arguments, _ = held_objects()
    entry = entry_of(kind, missed, identity(1.0), record, static_record("x"))
    count = 100_000 if kind == "native" else 500
    wrong = (*arguments[:-1], None)

    def calls(count):
        for _ in range(count):
            entry(*arguments)
            entry("x")
        for _ in range(count // 10):
            entry(*wrong)
            entry(2.0)

    calls(100)
    before = memory()
    calls(count)
    assert abs(memory() - before) < 60


# ---------------------------------------------------------------- against the reading in Python


def random_value(draw, depth):
    kind = draw.randrange(9 if depth else 6)
    if kind == 0:
        return draw.choice([1.0, -0.0, float("nan"), 2.5, 3j])
    if kind == 1:
        return np.dtype(draw.choice("?bhilqfdFD")).type(draw.randrange(2))
    if kind in (2, 3):
        shape = draw.choice([(), (2,), (3,), (2, 2), (0,), (1, 2)])
        array = np.arange(np.prod(shape)).reshape(shape).astype(draw.choice("fdiF?"))
        return array.T if draw.random() < 0.3 else array
    if kind in (4, 5):
        return draw.choice([None, 1, True, "a", (1, 2), 10**20, "b", 1.5, b"x"])
    items = [random_value(draw, depth - 1) for _ in range(draw.randrange(4))]
    if kind == 6:
        return items
    if kind == 7:
        return Point(*items) if len(items) == 2 and draw.random() < 0.5 else tuple(items)
    return dict(zip(draw.sample("abcd", len(items)), items, strict=True))


@pytest.mark.skipif(why_not_native() is not None, reason="no native entries here")
@pytest.mark.parametrize("seed", range(60))
def test_random_descriptions_agree_with_python(seed):
    draw = random.Random(seed)
    values = [tuple([random_value(draw, 2) for _ in range(draw.randrange(1, 3))]) for _ in range(8)]
    records = [identity(*v) for v in values]
    entry = entry_of("native", missed, *records)
    for args in values * 3:
        fitting = [r for r in entry.records if r.attempt(args, {}) is not record.MISS]
        assert fitting
        result = entry(*args)
        assert alike(result, fitting[0].attempt(args, {})) and entry.records[0] is fitting[0]
    for args in [(random_value(draw, 2),) for _ in range(40)]:
        expected = [r for r in entry.records if r.attempt(args, {}) is not record.MISS]
        result = entry(*args)
        assert (type(result) is Missed) == (not expected)
        if expected:
            assert alike(result, expected[0].attempt(args, {}))


# ---------------------------------------------------------------- descriptions that cannot be


@pytest.mark.parametrize(
    "change",
    [
        {"template": bytes(7)},
        {"arguments": (Number(int, 1),)},
        {"arguments": (Number(float, 2),)},
        {"arguments": (Number(float, 9),)},
        {"arguments": (Number(float, -1),)},
        {"arguments": (Array(object, (3,), 1),)},
        {"arguments": (Array(">f8", (3,), 1),)},
        {"arguments": (Items(max, (Number(float, 1),)),)},
        {"arguments": (1.0,)},
        {"result": Number(str, 2)},
        {"result": Array("U3", (2,), 2)},
        {"watched": [Captured(np.arange(3).astype(">i4"), 3)]},
        {"watched": [Captured(np.arange(3).view(Row), 3)]},
        {"workspace_slot": 1},
    ],
    ids=str,
)
def test_impossible_descriptions_are_errors(change):
    usual = {
        "arguments": (Number(float, 1),),
        "result": Number(float, 2),
        "program": programs().address("copies"),
        "template": bytes(32),
        "recover": no_recovery,
    }
    Record(**usual)
    with pytest.raises(ValueError):
        Record(**(usual | change))
