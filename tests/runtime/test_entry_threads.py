"""Entries called by several threads at once, while their records change and the GIL is released."""

import sys
import threading
import time
import weakref

import numpy as np
import pytest
from runtime.entry_checks import (
    Missed,
    cells,
    entry_of,
    identity,
    missed,
    no_recovery,
    programs,
)

from adjoint.runtime.entry import Array, Captured, Number, Record, facts, why_not_native

KINDS = ["native", "python"]


@pytest.fixture(params=KINDS)
def kind(request):
    if request.param == "native" and (why := why_not_native()) is not None:
        pytest.skip(why)
    return request.param


@pytest.fixture
def often():
    """Threads take turns often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def together(*functions):
    """Run functions in threads at once; the first error is raised here."""
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(f,)) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def test_calls_while_records_are_swapped(kind, often):
    entry = entry_of(kind, missed)
    count = 20_000 if kind == "native" else 300
    done = threading.Event()

    def swap():
        while not done.is_set():
            entry.records = [identity(1.0), identity(np.arange(3.0)), identity([1j, "x"])]
            entry.prepend(identity("x"), limit=3)
            entry.discard((*entry.records, None)[0])
            entry.clear()

    def call(value, check):
        def calls():
            for _ in range(count):
                result = entry(value)
                (inner,), named = result
                assert named == {} and check(inner)

        return calls

    row = np.arange(3.0)
    calls = [
        call(2.5, lambda x: x == 2.5),
        call(row, lambda x: (x == row).all()),
        call([2j, "x"], lambda x: x == [2j, "x"]),
        call("x", lambda x: x == "x"),
    ]

    def all_calls():
        try:
            together(*calls)
        finally:
            done.set()

    together(swap, swap, all_calls)


def test_rotating_records_in_several_threads(kind, often):
    records = [identity(*[1.0] * k) for k in range(8)]
    entry = entry_of(kind, missed, *records)
    count = 20_000 if kind == "native" else 200

    def calls(start):
        def run():
            for k in range(count):
                args = (float(k),) * ((start + k) % 8)
                result = entry(*args)
                assert result == (args, {}) and type(result) is tuple

        return run

    together(*map(calls, range(4)))
    assert set(entry.records) == set(records)


def test_records_shared_by_threads_that_swap_them(kind, often):
    """Several threads put the same new records into one entry, while others call it."""
    entry = entry_of(kind, missed)
    rounds = 200 if kind == "native" else 20
    everything = [[identity(1.0), identity([np.ones(2)] * 8)] for _ in range(rounds)]
    value = [np.ones(2)] * 8
    done = threading.Event()

    def swap():
        for records in everything:
            entry.records = records
            assert len(entry.records) <= 2
            entry.prepend(records[0], limit=2)

    def call():
        while not done.is_set():
            (result,), _ = entry(value)
            assert len(result) == 8 and result[7].tolist() == [1, 1]

    def swap_all():
        try:
            together(swap, swap, swap)
        finally:
            done.set()

    together(call, call, swap_all)


class Waiting:
    """A program that waits until it is told to go on, then copies a float."""

    def __init__(self, arguments, kind, watched=()):
        self.flags = np.zeros(2, np.int64)
        start = facts.address_of(self.flags)
        self.record = Record(
            arguments=arguments,
            watched=watched,
            result=Number(float, 1),
            program=programs().address("wait"),
            template=cells(0, 0, start, start + 8),
            release_gil=True,
            recover=no_recovery,
            keep=(programs(), self.flags),
        )
        self.entry = entry_of(kind, missed, self.record)

    def call(self, *args, meanwhile):
        """Call the entry in a thread, do something else while it waits, and let it go on."""
        results = []
        thread = threading.Thread(target=lambda: results.append(self.entry(*args)))
        thread.start()
        while not self.flags[1]:
            time.sleep(0)
        try:
            meanwhile()
        finally:
            self.flags[0] = 1
            thread.join(60)
        return results[0]


def test_the_gil_is_released(kind):
    waiting = Waiting((Number(float, 0),), kind)
    seen = []
    assert waiting.call(2.5, meanwhile=lambda: seen.append(1)) == 2.5 and seen == [1]


def test_a_running_call_holds_its_record(kind):
    waiting = Waiting((Number(float, 0),), kind)
    gone = weakref.ref(waiting.record)
    flags = waiting.flags

    def drop():
        waiting.entry.clear()
        waiting.record = None
        assert gone() is not None

    assert waiting.call(2.5, meanwhile=drop) == 2.5
    assert gone() is None and flags[1] == 1
    assert type(waiting.entry(1.0)) is Missed


def test_what_comes_inside_containers_is_held(kind):
    for leaf, make in [
        (Array(np.float64, (1,), 0), lambda: np.array([2.5])),
        (Array(np.float64, (1,), 0), lambda: np.arange(5.0, 0, -2.5)[1:]),
        (Number(float, 0), lambda: float("2.5")),
        (Number(np.float64, 0), lambda: np.float64("2.5")),
    ]:
        for shape, box in [
            ([leaf], [make()]),
            ({"k": (leaf,)}, {"k": (make(),)}),
            (([leaf],), ([make()],)),
        ]:
            waiting = Waiting((shape,), kind)

            def empty(box=box, make=make):
                target = box[0] if isinstance(box, tuple) else box
                target.clear()
                self_made = [make() for _ in range(100)]  # takes the place of what was freed
                for x in self_made:
                    if isinstance(x, np.ndarray):
                        x[...] = 7

            assert waiting.call(box, meanwhile=empty) == 2.5


def test_a_captured_array_is_held(kind):
    array = np.array([2.5])
    waiting = Waiting((), kind, watched=[Captured(array, 0)])
    reference = weakref.ref(array)
    del array

    def drop():
        waiting.entry.clear()
        waiting.record = None

    assert waiting.call(meanwhile=drop) == 2.5 and reference() is None


def test_two_calls_at_once_have_two_workspaces(kind):
    """The program sleeps in a callback, which lets the other thread in."""
    import ctypes

    callback = ctypes.PYFUNCTYPE(None, ctypes.c_double)(lambda x: time.sleep(0.001))
    record = Record(
        arguments=(Number(float, 0),),
        result=Number(float, 1),
        program=programs().address("workspace"),
        template=cells(0, 0, 0, ctypes.cast(callback, ctypes.c_void_p).value),
        workspace_slot=2,
        workspace_bytes=1000,
        recover=no_recovery,
        keep=(programs(), callback),
    )
    entry = entry_of(kind, missed, record)

    def calls(x):
        def run():
            for k in range(30):
                assert entry(x + k) == 2 * (x + k)

        return run

    together(*[calls(100.0 * k) for k in range(4)])
