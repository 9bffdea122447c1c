"""The thread pool: every index once, whoever calls, whatever the process does meanwhile.

Jobs that check themselves run under load, from several threads.  What a process can do to its
threads (fork, end, signals, affinity) is tried in processes of its own.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adjoint.codegen.compile import compile_object
from adjoint.codegen.targets import host, llvm, make_target
from adjoint.runtime import threads
from adjoint.runtime.cpu import load
from adjoint.runtime.threads import Pool, object_text, pool

ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="workers need a futex")

BODIES = """
; context: counts
define void @tick(ptr %context, i64 %i, i64 %seat) {
  %at = getelementptr i64, ptr %context, i64 %i
  %old = atomicrmw add ptr %at, i64 1 monotonic
  ret void
}
; context: next place, then the indices in the order of their runs
define void @order(ptr %context, i64 %i, i64 %seat) {
  %k = atomicrmw add ptr %context, i64 1 monotonic
  %list = getelementptr i64, ptr %context, i64 1
  %at = getelementptr i64, ptr %list, i64 %k
  store i64 %i, ptr %at
  ret void
}
; context: [wrong, bodies by seat ..., who sits there ...]: a seat is one body's at a time.
define void @sit(ptr %context, i64 %i, i64 %seat) {
entry:
  %by.seat = getelementptr i64, ptr %context, i64 1
  %count.at = getelementptr i64, ptr %by.seat, i64 %seat
  %before = load i64, ptr %count.at
  %sitting = getelementptr i64, ptr %context, i64 65
  %at = getelementptr i64, ptr %sitting, i64 %seat
  %old = atomicrmw add ptr %at, i64 1 seq_cst
  %taken = icmp ne i64 %old, 0
  %one = zext i1 %taken to i64
  %wrong = atomicrmw add ptr %context, i64 %one monotonic
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %again = load volatile i64, ptr %context
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, 200
  br i1 %more, label %loop, label %end
end:
  %after = add i64 %before, 1
  store i64 %after, ptr %count.at
  %left = atomicrmw sub ptr %at, i64 1 seq_cst
  ret void
}

; context: flag, number that began; waits for the flag
define void @wait(ptr %context, i64 %i, i64 %seat) {
entry:
  %began.at = getelementptr i64, ptr %context, i64 1
  %began = atomicrmw add ptr %began.at, i64 1 seq_cst
  br label %loop
loop:
  %flag = load atomic i64, ptr %context acquire, align 8
  %go = icmp ne i64 %flag, 0
  br i1 %go, label %end, label %loop
end:
  ret void
}
; context: length of the first run, then cells; each index takes longer than the one before
define void @slow(ptr %context, i64 %i, i64 %seat) {
entry:
  %length = load i64, ptr %context
  %long = mul i64 %i, 20
  %times = add i64 %long, 1
  %end = mul i64 %times, %length
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %loop ]
  %again = load volatile i64, ptr %context
  %next = add i64 %k, 1
  %more = icmp slt i64 %next, %end
  br i1 %more, label %loop, label %done
done:
  %cells = getelementptr i64, ptr %context, i64 1
  %at = getelementptr i64, ptr %cells, i64 %i
  %old = load i64, ptr %at
  %new = add i64 %old, 1
  store i64 %new, ptr %at
  ret void
}
; context: how many shall meet, how many came, how many met; gives up after a while
define void @meet(ptr %context, i64 %i, i64 %seat) {
entry:
  %came.at = getelementptr i64, ptr %context, i64 1
  %met.at = getelementptr i64, ptr %context, i64 2
  %wanted = load i64, ptr %context
  %old = atomicrmw add ptr %came.at, i64 1 seq_cst
  br label %loop
loop:
  %k = phi i64 [ 0, %entry ], [ %next, %again ]
  %came = load atomic i64, ptr %came.at acquire, align 8
  %all = icmp sge i64 %came, %wanted
  br i1 %all, label %met, label %again
again:
  %next = add i64 %k, 1
  %patient = icmp slt i64 %next, 20000000000
  br i1 %patient, label %loop, label %end
met:
  %count = atomicrmw add ptr %met.at, i64 1 seq_cst
  br label %end
end:
  ret void
}
; context: parallel, pool, body, inner count, then a row of cells for each index
define void @nested(ptr %context, i64 %i, i64 %seat) {
  %p1 = getelementptr i64, ptr %context, i64 1
  %p2 = getelementptr i64, ptr %context, i64 2
  %p3 = getelementptr i64, ptr %context, i64 3
  %parallel = load ptr, ptr %context
  %pool = load ptr, ptr %p1
  %body = load ptr, ptr %p2
  %count = load i64, ptr %p3
  %rows = getelementptr i64, ptr %context, i64 4
  %start = mul i64 %count, %i
  %row = getelementptr i64, ptr %rows, i64 %start
  call void %parallel(ptr %pool, ptr %body, ptr %row, i64 %count)
  ret void
}
; context: tag, then cells; plain writes, which the caller must see
define void @plus(ptr %context, i64 %i, i64 %seat) {
  %tag = load i64, ptr %context
  %cells = getelementptr i64, ptr %context, i64 8
  %at = getelementptr i64, ptr %cells, i64 %i
  %old = load i64, ptr %at
  %new = add i64 %old, %tag
  store i64 %new, ptr %at
  ret void
}
define void @minus(ptr %context, i64 %i, i64 %seat) {
  %tag = load i64, ptr %context
  %cells = getelementptr i64, ptr %context, i64 8
  %at = getelementptr i64, ptr %cells, i64 %i
  %old = load i64, ptr %at
  %new = sub i64 %old, %tag
  store i64 %new, ptr %at
  ret void
}
; Runs random jobs, `plus` and `minus`, in two contexts of 72 cells by turns, with random pauses;
; gives the number of cells found wrong.
define i64 @drive(ptr %parallel, ptr %pool, ptr %memory, i64 %seed, i64 %jobs) {
entry:
  br label %job
job:
  %j = phi i64 [ 0, %entry ], [ %j.next, %checked ]
  %random = phi i64 [ %seed, %entry ], [ %random.next, %checked ]
  %wrong = phi i64 [ 0, %entry ], [ %wrong.row, %checked ]
  %scaled = mul i64 %random, 6364136223846793005
  %random.next = add i64 %scaled, 1442695040888963407
  %r1 = lshr i64 %random.next, 58
  %r2 = lshr i64 %random.next, 40
  %small = and i64 %r2, 3
  %big.bit = and i64 %r2, 192
  %big = icmp eq i64 %big.bit, 0
  %count = select i1 %big, i64 %r1, i64 %small
  %odd = and i64 %j, 1
  %is.odd = icmp eq i64 %odd, 1
  %offset = mul i64 %odd, 72
  %context = getelementptr i64, ptr %memory, i64 %offset
  %body = select i1 %is.odd, ptr @minus, ptr @plus
  store i64 %j, ptr %context
  %idle.bits = lshr i64 %random.next, 30
  %idle.mask = and i64 %idle.bits, 255
  %never = icmp ne i64 %idle.mask, 0
  %idle = select i1 %never, i64 1, i64 100000
  br label %pause
pause:
  %k = phi i64 [ 0, %job ], [ %k.next, %pause ]
  %seen = load volatile i64, ptr %context
  %k.next = add i64 %k, 1
  %idles = icmp slt i64 %k.next, %idle
  br i1 %idles, label %pause, label %call
call:
  call void %parallel(ptr %pool, ptr %body, ptr %context, i64 %count)
  %minus.j = sub i64 0, %j
  %expected = select i1 %is.odd, i64 %minus.j, i64 %j
  %cells = getelementptr i64, ptr %context, i64 8
  br label %check
check:
  %c = phi i64 [ 0, %call ], [ %c.next, %check ]
  %w = phi i64 [ %wrong, %call ], [ %wrong.row, %check ]
  %at = getelementptr i64, ptr %cells, i64 %c
  %got = load i64, ptr %at
  store i64 0, ptr %at
  %inside = icmp slt i64 %c, %count
  %want = select i1 %inside, i64 %expected, i64 0
  %bad = icmp ne i64 %got, %want
  %bad.wide = zext i1 %bad to i64
  %wrong.row = add i64 %w, %bad.wide
  %c.next = add i64 %c, 1
  %more = icmp slt i64 %c.next, 64
  br i1 %more, label %check, label %checked
checked:
  %j.next = add i64 %j, 1
  %again = icmp slt i64 %j.next, %jobs
  br i1 %again, label %job, label %end
end:
  ret i64 %wrong.row
}
"""


X86_BODIES = """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
; context: how many shall meet, how many came, how many met, a factor, then the factor's square
define void @square(ptr %context, i64 %i, i64 %seat) {
  call void @meet(ptr %context, i64 %i, i64 %seat)
  %factor.at = getelementptr i64, ptr %context, i64 3
  %x = load double, ptr %factor.at
  %y = fmul double %x, %x
  %k = add i64 %i, 4
  %at = getelementptr i64, ptr %context, i64 %k
  store double %y, ptr %at
  ret void
}
define void @flushing(ptr %parallel, ptr %pool, ptr %context, i64 %count) {
  %old = alloca i32
  %new = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %old)
  %mode = load i32, ptr %old
  %flush = or i32 %mode, 32832
  store i32 %flush, ptr %new
  call void @llvm.x86.sse.ldmxcsr(ptr %new)
  call void %parallel(ptr %pool, ptr @square, ptr %context, i64 %count)
  call void @llvm.x86.sse.ldmxcsr(ptr %old)
  ret void
}
"""
IS_X86 = platform.machine() in ("x86_64", "AMD64")


class Bodies:
    """The bodies' addresses, and calls of `parallel` from Python, which release the GIL."""

    def __init__(self) -> None:
        self.library = load(compile_object(BODIES + X86_BODIES * IS_X86, host()))
        names = (
            "tick order sit wait meet slow nested drive".split() + ["square", "flushing"] * IS_X86
        )
        self.address = {name: self.library.address(name) for name in names}

    def call(self, team: Pool, body: str, context: np.ndarray, count: int) -> np.ndarray:
        at = ctypes.c_void_p
        function = ctypes.CFUNCTYPE(None, at, at, at, ctypes.c_int64)(team.function)
        function(team.address, self.address[body], context.ctypes.data, count)
        return context

    def drive(self, team: Pool, seed: int, jobs: int) -> int:
        """How many cells random jobs left wrong."""
        memory = np.zeros(144, np.int64)
        at, number = ctypes.c_void_p, ctypes.c_int64
        prototype = ctypes.CFUNCTYPE(number, at, at, at, number, number)
        function = prototype(self.address["drive"])
        return function(team.function, team.address, memory.ctypes.data, seed, jobs)


@pytest.fixture(scope="module")
def bodies() -> Bodies:
    return Bodies()


@pytest.fixture(scope="module")
def team() -> Iterator[Pool]:
    """Four threads, on however many processors."""
    made = Pool(threads=4)
    made.ensure_started()
    yield made
    assert made.stop(timeout=60)


def zeros(n: int) -> np.ndarray:
    return np.zeros(n, np.int64)


def in_threads(*calls: Callable[[], Any]) -> list[Any]:
    """Results of calls made at the same time, each on a thread of its own."""
    results: list[Any] = [None] * len(calls)
    ready = threading.Barrier(len(calls))

    def one(k: int) -> None:
        ready.wait()
        results[k] = calls[k]()

    made = [threading.Thread(target=one, args=(k,)) for k in range(len(calls))]
    for t in made:
        t.start()
    for t in made:
        t.join()
    return results


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 17, 1000, -1])
def test_each_index_runs_once(bodies: Bodies, team: Pool, count: int) -> None:
    counts = bodies.call(team, "tick", zeros(1001), count)
    assert counts[: max(count, 0)].tolist() == [1] * max(count, 0)
    assert not counts[max(count, 0) :].any()


@pytest.mark.parametrize("count", [1, 2, 3, 5, 64])
def test_bodies_that_run_at_the_same_time_have_seats_of_their_own(
    bodies: Bodies, team: Pool, count: int
) -> None:
    for _ in range(200):
        found = bodies.call(team, "sit", zeros(129), count)
        assert found[0] == 0 and not found[65:].any()
        assert found[1:65].sum() == count  # nobody counted over another
        assert not found[1 + min(count, team.size) : 65].any()


@linux
def test_the_whole_team_takes_part(bodies: Bodies, team: Pool) -> None:
    assert team.size == 4
    for _ in range(3):
        met = bodies.call(team, "meet", np.array([4, 0, 0]), 4)
        assert met.tolist() == [4, 4, 4]


@linux
def test_the_caller_sleeps_until_a_slow_worker_is_done(bodies: Bodies, team: Pool) -> None:
    for k in range(30):
        cells = np.array([100_000 if k % 2 else 1_000, 0, 0, 0])
        assert bodies.call(team, "slow", cells, 2)[1:].tolist() == [1, 1, 0]


@linux
@pytest.mark.skipif(not IS_X86, reason="sets the mode of an x86 processor")
def test_workers_calculate_in_the_callers_mode(bodies: Bodies, team: Pool) -> None:
    at = ctypes.c_void_p
    flushing = ctypes.CFUNCTYPE(None, at, at, at, ctypes.c_int64)(bodies.address["flushing"])
    for flushes in (True, False, True):
        context = np.zeros(8, np.int64)
        context[0], context[3:4].view(np.float64)[:] = 4, 1e-160
        if flushes:  # subnormal results become zero
            flushing(team.function, team.address, context.ctypes.data, 4)
        else:
            bodies.call(team, "square", context, 4)
        assert context[2] == 4
        squares = context[4:].view(np.float64)
        assert squares.tolist() == [0.0 if flushes else 1e-160 * 1e-160] * 4


@linux
def test_a_limit_holds(bodies: Bodies, team: Pool) -> None:
    assert team.limit(2) is None
    try:
        assert team.size == 2
        assert bodies.call(team, "meet", np.array([2, 0, 0]), 2).tolist() == [2, 2, 2]
        assert team.limit(1) == 2
        assert team.size == 1
        order = bodies.call(team, "order", zeros(10), 9)
        assert order[1:].tolist() == list(range(9))
        with pytest.raises(ValueError, match="threads must be at least 1"):
            team.limit(0)
    finally:
        team.limit(None)
    assert team.size == 4


def test_random_jobs_from_several_threads(bodies: Bodies, team: Pool) -> None:
    wrong = in_threads(*[lambda s=s: bodies.drive(team, s, 250_000) for s in range(4)])
    assert wrong == [0] * 4


def test_random_jobs_while_the_team_comes_and_goes(bodies: Bodies) -> None:
    other, done = Pool(threads=3), threading.Event()

    def come_and_go() -> int:
        rounds = 0
        while not done.is_set() or rounds < 3:
            other.ensure_started()
            assert other.stop()
            rounds += 1
        return rounds

    def work() -> list[int]:
        try:
            return [bodies.drive(other, s, 2_000) for s in range(10)]
        finally:
            done.set()

    wrong, rounds = in_threads(work, come_and_go)
    assert wrong == [0] * 10
    assert rounds >= 3


def test_a_busy_team_is_not_waited_for(bodies: Bodies, team: Pool) -> None:
    flag = zeros(2)

    def second() -> list[int]:
        while flag[1] < 1:  # until the first job runs
            pass
        try:
            order = bodies.call(team, "order", zeros(10), 9)  # in order: on this thread alone
            stopped = team.stop(timeout=0.01)
            return [*order[1:].tolist(), stopped]
        finally:
            flag[0] = 1

    _, found = in_threads(lambda: bodies.call(team, "wait", flag, 6), second)
    assert found == [*range(9), False]
    assert flag[1] == 6


def test_a_body_may_call_parallel(bodies: Bodies, team: Pool) -> None:
    inner = 8
    context = zeros(4 + 32 * inner)
    context[:4] = team.function, team.address, bodies.address["tick"], inner
    bodies.call(team, "nested", context, 32)
    assert context[4:].tolist() == [1] * (32 * inner)


def test_the_gil_may_be_held(bodies: Bodies, team: Pool) -> None:
    at = ctypes.c_void_p
    function = ctypes.PYFUNCTYPE(None, at, at, at, ctypes.c_int64)(team.function)
    for count in (1, 4, 100):
        counts = zeros(100)
        function(team.address, bodies.address["tick"], counts.ctypes.data, count)
        assert counts.sum() == counts[:count].sum() == count


def test_stop_and_start_again(bodies: Bodies) -> None:
    other = Pool(threads=3)
    for _ in range(5):
        assert bodies.call(other, "tick", zeros(9), 9).tolist() == [1] * 9  # none started
        other.ensure_started()
        other.ensure_started()
        assert bodies.call(other, "tick", zeros(9), 9).tolist() == [1] * 9
        assert other.stop()
    assert not [t for t in other._team if t.is_alive()]
    assert other.stop()


def test_without_a_futex_all_runs_on_the_caller(
    bodies: Bodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads.Kernel, "find", staticmethod(lambda: None))
    other = Pool(threads=4)
    other.ensure_started()
    assert other.size == 1
    assert bodies.call(other, "order", zeros(6), 5)[1:].tolist() == list(range(5))
    assert other.stop()


def test_no_thread_can_be_made(bodies: Bodies, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    other = Pool(threads=4)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        other.ensure_started()
    assert other.size == 1
    assert bodies.call(other, "order", zeros(6), 5)[1:].tolist() == list(range(5))
    assert other.stop()


def test_one_pool_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADJOINT_CACHE", "off")
    found = in_threads(pool, pool, pool)
    assert found == [found[0]] * 3
    assert found[0].address % 128 == 0
    assert found[0].size >= 1


@pytest.mark.parametrize("triple", ["aarch64-unknown-linux-gnu", "x86_64-pc-windows-msvc"])
def test_object_code_for_other_systems(triple: str) -> None:
    llvm().initialize_all_targets()
    llvm().initialize_all_asmprinters()
    try:
        target = make_target(triple, "", {})
        llvm().Target.from_triple(triple)
    except RuntimeError as error:
        pytest.skip(str(error))
    text = object_text(target)
    assert text == object_text(target)
    assert ("llvm.aarch64.set.fpcr" in text) == triple.startswith("aarch64")
    assert compile_object(text, target)


# What a process does to its threads.

START = """
import atexit, ctypes, json, multiprocessing, os, signal, subprocess, sys, threading, time
import numpy as np
sys.path[:0] = json.loads(sys.argv[1])
from test_threads import Bodies, zeros
from adjoint.runtime.threads import Pool, pool, processors
bodies = Bodies()
def check(team, count=50):
    assert bodies.call(team, "tick", zeros(count), count).tolist() == [1] * count
def meet(team):
    n = team.size
    assert bodies.call(team, "meet", np.array([n, 0, 0]), n).tolist() == [n, n, n]
def child(code):
    assert os.waitstatus_to_exitcode(os.waitpid(code, 0)[1]) == 0
def flock():
    return [t for t in threading.enumerate() if t.name.startswith("adjoint")]
team = Pool(threads=3)
"""
# Forks once for each program of `sys.stdin`; the forked process runs it to the interpreter's end.
EACH = """
found = {}
for name, text in json.load(sys.stdin).items():
    files = [os.memfd_create("") for _ in range(2)]
    if not (made := os.fork()):
        for number, file in enumerate(files, 1): os.dup2(file, number)
        break
    end = time.monotonic() + 60
    while (ended := os.waitpid(made, os.WNOHANG))[0] == 0 and time.monotonic() < end:
        time.sleep(2e-3)
    if not ended[0]:
        os.kill(made, signal.SIGKILL); ended = os.waitpid(made, 0)
    printed = [os.pread(file, 100_000, 0).decode() for file in files]
    for file in files: os.close(file)
    found[name] = os.waitstatus_to_exitcode(ended[1]), *printed
else:
    print(json.dumps(found))
    sys.exit()
exec(text)
"""


def python(text: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a program behind `START` in a process of its own."""
    paths = json.dumps([str(ROOT / "src"), str(Path(__file__).parent)])
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", START + text, paths],
        input=given,
        capture_output=True,
        env={**os.environ, "ADJOINT_CACHE": "off"},
        text=True,
        timeout=200,
    )


@pytest.fixture(scope="module")
def ends() -> dict[str, list[Any]]:
    """How each of the programs below ended: exit status, what it printed, errors and warnings."""
    done = python(EACH, json.dumps(PROGRAMS))
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


FORK = """
team.ensure_started(); check(team); meet(team)
for level in range(3):
    if (made := os.fork()) == 0:
        assert not flock()
        check(team)  # alone
        team.ensure_started(); meet(team); assert len(flock()) == 2
        if (grandchild := os.fork()) == 0:
            check(team); team.ensure_started(); meet(team); os._exit(0)
        child(grandchild)
        team.ensure_started(); meet(team)
        os._exit(0)
    child(made)
    check(team); assert not flock()  # alone
    team.ensure_started(); meet(team); assert len(flock()) == 2
print("done")
"""
FORK_WHILE_RUNNING = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads
team.ensure_started()
stop = []
def work():
    while not stop: assert bodies.drive(team, 1, 300) == 0
others = [threading.Thread(target=work) for _ in range(2)]
for t in others: t.start()
for k in range(10):
    if (made := os.fork()) == 0:
        check(team); team.ensure_started(); meet(team); check(team); os._exit(0)
    child(made)
stop.append(1)
for t in others: t.join()
check(team); team.ensure_started(); meet(team)
print("done")
"""
MULTIPROCESSING = """
team.ensure_started(); meet(team)
def task(n):
    team.ensure_started(); meet(team); check(team, n); return n
context = multiprocessing.get_context("fork")
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # multiprocessing's own threads
with context.Pool(2) as workers:
    assert workers.map(task, range(1, 9)) == list(range(1, 9))
one = context.Process(target=task, args=(7,)); one.start(); one.join(); assert one.exitcode == 0
team.ensure_started(); meet(team)
print("done")
"""
RAW_FORK = """
team.ensure_started(); meet(team)
fork = ctypes.CDLL(None).fork  # behind Python's back: no hook runs
if (made := fork()) == 0:
    for k in range(100): check(team)
    os._exit(0)
child(made)
meet(team)
print("done")
"""
AFFINITY = """
os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
alone = pool(); alone.ensure_started()
assert alone.size == processors() == 1 and not flock()
assert bodies.call(alone, "order", zeros(6), 5)[1:].tolist() == [0, 1, 2, 3, 4]
team.ensure_started(); meet(team)  # a size that was asked for holds
print("done")
"""
PLACES = """
allowed = os.sched_getaffinity(0)
team = pool(); team.ensure_started()
placed = 1 < len(allowed) == team.size <= 64
def moved():  # wakes workers that sleep
    time.sleep(0.002); meet(team)
    return [os.sched_getaffinity(worker.native_id) for worker in team._team]
for here in sorted(allowed)[:3] * 2:
    os.sched_setaffinity(0, {here})
    for places in moved(): assert places == allowed - {here} if placed else places == allowed
print("done")
"""
SIGNALS = """
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells leave it out in the background
team.ensure_started(); flag = zeros(2)
def interrupt():
    while flag[1] < 1: pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.05)
    flag[0] = 1
threading.Thread(target=interrupt).start()
try:
    bodies.call(team, "wait", flag, 5)
    while True: pass
except KeyboardInterrupt:
    assert flag.tolist() == [1, 5]  # the job ran to its end
meet(team)
print("done")
"""
SIGNAL_HANDLERS = """
seen = []
signal.signal(signal.SIGALRM, lambda *_: (seen.append(1), team.ensure_started(), check(team)))
signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)
team.ensure_started()
while len(seen) < 20: assert bodies.drive(team, 3, 100) == 0
signal.setitimer(signal.ITIMER_REAL, 0)
print("done")
"""
ENDINGS = {
    "end": "check(team)",
    "not used": "",
    "sleeping": "check(team); time.sleep(0.05)",
    "sys.exit": "check(team); sys.exit(0)",
    "sys.exit in a thread": "t = threading.Thread(target=lambda: (meet(team), sys.exit()));"
    " t.start(); check(team)",
    "thread that outlives main": "def late():\n    time.sleep(0.05); meet(team); check(team)\n"
    "threading.Thread(target=late).start()",
    "daemon that never ends": "def forever():\n    while True: bodies.drive(team, 1, 100)\n"
    "threading.Thread(target=forever, daemon=True).start(); time.sleep(0.02)",
    "daemon in a job": "flag = zeros(2)\n"
    "threading.Thread(target=lambda: bodies.call(team, 'wait', flag, 4), daemon=True).start()\n"
    "while not flag[1]: pass",
    "atexit, before and after": "atexit.register(lambda: (team.ensure_started(), check(team)))",
    "subprocess": "check(team); subprocess.run([sys.executable, '-c', 'pass'], check=True)",
    "fork": "made = os.fork()\ncheck(team)\nif not made: team.ensure_started(); meet(team)\n"
    "else: child(made)",
    "error": "meet(team); raise OSError('here')",
    "os._exit": "check(team); sys.stdout.flush(); os._exit(0)",
}


PROGRAMS = {
    "fork": FORK,
    "fork while running": FORK_WHILE_RUNNING,
    "multiprocessing": MULTIPROCESSING,
    "fork behind Python": RAW_FORK,
    "affinity": AFFINITY,
    "places": PLACES,
    "interrupt": SIGNALS,
    "signal handlers": SIGNAL_HANDLERS,
    **{
        f"ending: {name}": ("atexit.register(check, team)\n" if "atexit" in name else "")
        + f"team.ensure_started()\nprint('done', flush=True)\n{text}"
        for name, text in ENDINGS.items()
    },
}


@linux
@pytest.mark.parametrize("name", PROGRAMS)
def test_processes(ends: dict[str, list[Any]], name: str) -> None:
    code, printed, errors = ends[name]
    wanted = "OSError: here" if name == "ending: error" else ""
    assert (code, printed.strip()) == (int(bool(wanted)), "done"), errors
    assert wanted in errors if wanted else not errors


@linux
def test_a_fresh_interpreter_ends() -> None:
    done = python("pool().ensure_started(); check(pool()); meet(pool()); print('done')")
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
