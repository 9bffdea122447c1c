"""The thread pool: one job at a time is shared by the calling thread and a team of workers.

Enters: a body, `void body(ptr context, i64 index, i64 seat)`, its context, and a count.  Leaves:
nothing; the body has run exactly once for each index below the count, and what it wrote is visible.
The seat is the thread's number in this job, below the count too: no two bodies that run at the same
time have the same, so that memory for each seat is memory for each of them, and one thread finds
its own in its cache from body to body (the caller's seat is 0).

    team = pool()           # the process's pool; its workers do not run yet
    team.ensure_started()   # before a parallel program first runs in this process
    team.function           # address of `parallel`; both stay valid while the process lives
    team.address            # what to pass as its `pool`
    team.size               # threads that share a job, the calling one included
    team.limit(n)           # at most n of them share a job from now on; gives the former limit
    team.stop()             # ends the workers; `ensure_started` starts new ones
    object_text(target)     # the LLVM IR of all this: what the disk cache is keyed by

`void parallel(ptr pool, ptr body, ptr context, i64 count)` may be called by any thread, with or
without the GIL, by a body too, and after `stop`.  It never fails, and never waits for anything but
bodies that run already: whoever finds the team busy, absent or limited to one runs all indices
itself, in order.

A team does not outlast a `fork`, so `ensure_started` belongs before every call (under 0.1 us where
the team stands).  A caller in machine code reads the cell `READY` instead, an i64 at
`address + READY`, and goes through Python where it is 0.

Workers are Python daemon threads inside one native call, which ctypes makes without the GIL.  One
that finds no job spins for some `SPIN` nanoseconds, then sleeps in the kernel (a futex).  Where
there is no futex (other systems than Linux) or only one processor is allowed, there are no
workers, and `parallel` is a plain loop.

Workers calculate in the caller's floating-point mode (rounding, subnormals), so that the bits do
not depend on who runs a body.  They are kept off the caller's processor: a kernel that sees no
cache shared by two processors, as in some virtual machines, wakes a thread where the waker runs,
and both would stay there.  The caller asks where it runs, and forbids that processor to the workers
when it has moved.  A team with more threads than the process has processors is left alone.

**The protocol.**  One 64-bit word, the *door*, holds all that is shared in time:

    bits  0-31  epoch    number of the last job, modulo 2**32; idle workers sleep on these bits
    bits 32-43  seats    how many more workers may enter
    bits 44-55  inside   how many workers have entered and not yet left
    bit  56     awaited  the caller sleeps on bits 32-63 until the last worker inside wakes it
    bit  57     owned    a caller has the team
    bit  58     closed   workers shall end

    caller                                       worker (seen: last epoch it entered or missed)
    1 own: owned 0 -> 1 (cmpxchg, acquire)       1 look: load the door (acquire) until its epoch
      or run serially                              is not `seen`, spinning, then as in 6;
    2 write body, context, count, next = 0         closed: end.  No seats: missed, seen = epoch
    3 open: epoch + 1, seats = s (exchange,      2 enter: seats - 1, inside + 1 (cmpxchg, acquire)
      seq_cst); load sleepers (seq_cst), wake      or look again; the seat's number is that of the
      s - (workers - sleepers) of them             seats before
                                                 3 read body, context, count
    4 run: index = front++ (relaxed), while      4 run: index = count - 1 - back++ (relaxed),
      front + back is below the count              while front + back is below the count
                                                 5 leave: inside - 1 (acq_rel); the last one wakes
    5 shut: seats = 0 (acq_rel)                    the caller if awaited; seen = epoch
    6 wait until inside = 0 (acquire): spin,     6 sleep: sleepers + 1 (seq_cst); futex wait while
      then set awaited, futex wait                 the epoch is `seen`; sleepers - 1; look again
    7 give back: owned = awaited = 0 (release)

Why it holds. Nobody writes the job but the owner, between 1 and 3, where seats = inside = 0: so no
worker reads it then, and a worker that enters reads the job of the epoch whose seats it took. A
late worker finds no seat, or that of a later job, whose body it then runs. `next` is one word of
two halves, how many indices were taken from the front (by the caller) and from the back (by
workers): with two threads, each works on the same blocks from call to call, whose memory its cache
then holds. Every index that was taken was taken by the caller or by one inside, so at 7 all have
run; leaving (release) and waiting (acquire) make their writes visible. The caller waits for those
inside only, never for one to wake up, so a lost wake-up of a worker could cost speed but not
progress. None is lost: a worker adds itself to `sleepers` before the kernel compares the epoch, the
caller changes the epoch before it reads `sleepers`, so one of the two sees the other. The caller's
own sleep is safe since the bits that it sleeps on only change by leaving, and never return to an
earlier value while it waits. The end of the team (`closed`) is written with a new epoch, only while
nobody owns it.

A `fork` leaves the child with the memory but no workers.  The child's pool is made new, and starts
a team when asked.  Where the team is idle it is ended before the fork (Python warns of a fork with
threads), so that the parent's team, too, is started again by the next `ensure_started`: `READY` is
0 in both.  A fork behind Python's back leaves a door that nobody enters: the child's callers run
every index themselves.

The eventcount idea (announce, look again, sleep) and the futex's promises: Drepper, "Futexes are
tricky", 2011; the seats are a counting semaphore that is taken and returned within an epoch.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from string import Template
from typing import NamedTuple

from ..codegen.compile import compile_object
from ..codegen.targets import Target, host
from .cache import default
from .cpu import load

SPIN = 200_000  # nanoseconds that an idle worker spins before it sleeps
MOST = 1024  # workers; the door has room for 4095
PATIENCE = 1.0  # seconds that the end of the process, or a fork, waits for a worker to end

# The pool's memory: cells of 8 bytes, those written at different times on lines of their own.
DOOR, NEXT, JOB, SLEEPERS, FIXED = 0, 128, 256, 384, 512
WORKERS, LIMIT, SPINS, SYSCALL, FUTEX, READY, PLACE, WHERE = range(FIXED, FIXED + 64, 8)
APART, ALLOWED, OTHERS, THREADS = 640, 768, 896, 1024
PLACED = 64  # workers that are kept off the caller's processor, at most
BYTES = THREADS + 8 * PLACED

SEAT, INSIDE, AWAITED, OWNED, CLOSED = 1 << 32, 1 << 44, 1 << 56, 1 << 57, 1 << 58

# Numbers of the calls `futex` and `sched_setaffinity`, by `platform.machine()`.
CALLS = {"x86_64": (202, 203), "aarch64": (98, 122), "riscv64": (98, 122)}
SLEEP, WAKE = 128, 129  # FUTEX_WAIT, FUTEX_WAKE, within this process only


class Machine(NamedTuple):
    """What a processor has of its own, as IR; `save` and `set` move its floating-point mode."""

    declare: str = ""
    pause: str = ""
    save: str = ""
    set: str = ""


MACHINES = {
    "x86_64": Machine(
        "declare void @llvm.x86.sse2.pause()\n"
        "declare void @llvm.x86.sse.stmxcsr(ptr)\n"
        "declare void @llvm.x86.sse.ldmxcsr(ptr)\n",
        "call void @llvm.x86.sse2.pause()",
        "call void @llvm.x86.sse.stmxcsr(ptr %mode.at)",
        "call void @llvm.x86.sse.ldmxcsr(ptr %mode.at)",
    ),
    "aarch64": Machine(
        "declare void @llvm.aarch64.hint(i32)\n"
        "declare i64 @llvm.aarch64.get.fpcr()\n"
        "declare void @llvm.aarch64.set.fpcr(i64)\n",
        "call void @llvm.aarch64.hint(i32 1)",
        "%mode = call i64 @llvm.aarch64.get.fpcr()\n  store i64 %mode, ptr %mode.at, align 8",
        "%mode = load i64, ptr %mode.at, align 8\n  call void @llvm.aarch64.set.fpcr(i64 %mode)",
    ),
}

TEXT = Template("""\
define void @adjoint_parallel(ptr %pool, ptr %body, ptr %context, i64 %count) nounwind {
entry:
  %next = getelementptr i8, ptr %pool, i64 $NEXT
  %workers.at = getelementptr i8, ptr %pool, i64 $WORKERS
  %limit.at = getelementptr i8, ptr %pool, i64 $LIMIT
  %workers = load atomic i64, ptr %workers.at monotonic, align 8
  %limit = load atomic i64, ptr %limit.at monotonic, align 8
  %others = sub i64 %count, 1
  %few = icmp slt i64 %limit, %workers
  %least = select i1 %few, i64 %limit, i64 %workers
  %fewer = icmp slt i64 %others, %least
  %seats = select i1 %fewer, i64 %others, i64 %least
  %shared = icmp sgt i64 %seats, 0
  br i1 %shared, label %try, label %alone
try:
  %now = load atomic i64, ptr %pool monotonic, align 8
  %taken = and i64 %now, $OWNED_OR_CLOSED
  %free = icmp eq i64 %taken, 0
  br i1 %free, label %own, label %alone
own:
  %mine = or i64 %now, $OWNED
  %swap = cmpxchg ptr %pool, i64 %now, i64 %mine acquire monotonic, align 8
  %owned = extractvalue { i64, i1 } %swap, 1
  br i1 %owned, label %open, label %alone

open:
  call void @place(ptr %pool, i64 %workers)
  %job = getelementptr i8, ptr %pool, i64 $JOB
  %context.at = getelementptr i8, ptr %job, i64 8
  %count.at = getelementptr i8, ptr %job, i64 16
  store ptr %body, ptr %job, align 8
  store ptr %context, ptr %context.at, align 8
  store i64 %count, ptr %count.at, align 8
  %mode.at = getelementptr i8, ptr %job, i64 24
  $SAVE
  store atomic i64 0, ptr %next monotonic, align 8
  %last = trunc i64 %now to i32
  %this = add i32 %last, 1
  %epoch = zext i32 %this to i64
  %seats.bits = shl i64 %seats, 32
  %opened = or i64 %epoch, %seats.bits
  %door = or i64 %opened, $OWNED
  %before = atomicrmw xchg ptr %pool, i64 %door seq_cst, align 8
  %sleepers.at = getelementptr i8, ptr %pool, i64 $SLEEPERS
  %sleepers = load atomic i64, ptr %sleepers.at seq_cst, align 8
  %awake = sub i64 %workers, %sleepers
  %wanted = sub i64 %seats, %awake
  %wakes = icmp sgt i64 %wanted, 0
  br i1 %wakes, label %wake, label %run
wake:
  %woken = call i64 @futex(ptr %pool, ptr %pool, i64 $WAKE, i64 %wanted)
  br label %run
run:
  %both = atomicrmw add ptr %next, i64 1 monotonic, align 8
  %index = and i64 %both, $FRONT_BITS
  %from.back = lshr i64 %both, 32
  %all = add i64 %index, %from.back
  %more = icmp slt i64 %all, %count
  br i1 %more, label %work, label %shut
work:
  call void %body(ptr %context, i64 %index, i64 0)
  br label %run

shut:
  %at.shut = atomicrmw and ptr %pool, i64 $NO_SEATS acq_rel, align 8
  %inside = and i64 %at.shut, $INSIDE_BITS
  %all.left = icmp eq i64 %inside, 0
  br i1 %all.left, label %give, label %spin.start
spin.start:
  %spins.at = getelementptr i8, ptr %pool, i64 $SPINS
  %spins = load i64, ptr %spins.at, align 8
  br label %spin
spin:
  %left = phi i64 [ %spins, %spin.start ], [ %left.less, %spin.on ]
  %at.spin = load atomic i64, ptr %pool acquire, align 8
  %inside.spin = and i64 %at.spin, $INSIDE_BITS
  %spun = icmp eq i64 %inside.spin, 0
  br i1 %spun, label %give, label %spin.look
spin.look:
  %tired = icmp sle i64 %left, 0
  br i1 %tired, label %await, label %spin.on
spin.on:
  $PAUSE
  %left.less = sub i64 %left, 1
  br label %spin
await:
  %at.await = atomicrmw or ptr %pool, i64 $AWAITED acq_rel, align 8
  %expected.await = or i64 %at.await, $AWAITED
  br label %awaiting
awaiting:
  %expected = phi i64 [ %expected.await, %await ], [ %expected.again, %asleep ]
  %inside.now = and i64 %expected, $INSIDE_BITS
  %none = icmp eq i64 %inside.now, 0
  br i1 %none, label %give, label %asleep
asleep:
  %high.at = getelementptr i8, ptr %pool, i64 4
  %high = lshr i64 %expected, 32
  %slept = call i64 @futex(ptr %pool, ptr %high.at, i64 $SLEEP, i64 %high)
  %expected.again = load atomic i64, ptr %pool acquire, align 8
  br label %awaiting
give:
  store atomic i64 %epoch, ptr %pool release, align 8
  ret void

alone:
  %any = icmp sgt i64 %count, 0
  br i1 %any, label %serial, label %end
serial:
  %i = phi i64 [ 0, %alone ], [ %i.next, %serial ]
  call void %body(ptr %context, i64 %i, i64 0)
  %i.next = add i64 %i, 1
  %again = icmp slt i64 %i.next, %count
  br i1 %again, label %serial, label %end
end:
  ret void
}

define void @adjoint_worker(ptr %pool) nounwind {
entry:
  %next = getelementptr i8, ptr %pool, i64 $NEXT
  %job = getelementptr i8, ptr %pool, i64 $JOB
  %context.at = getelementptr i8, ptr %job, i64 8
  %count.at = getelementptr i8, ptr %job, i64 16
  %sleepers.at = getelementptr i8, ptr %pool, i64 $SLEEPERS
  %mode.at = getelementptr i8, ptr %job, i64 24
  %high.at = getelementptr i8, ptr %pool, i64 4
  %spins.at = getelementptr i8, ptr %pool, i64 $SPINS
  %spins = load i64, ptr %spins.at, align 8
  %at.entry = load atomic i64, ptr %pool acquire, align 8
  %epoch.entry = trunc i64 %at.entry to i32
  %seen.entry = sub i32 %epoch.entry, 1
  br label %look
look:
  %seen = phi i32 [ %seen.entry, %entry ], [ %seen, %spin ], [ %seen, %sleep ],
                  [ %epoch, %missed ], [ %seen, %enter ], [ %epoch, %left.room ], [ %epoch, %call ]
  %left = phi i64 [ %spins, %entry ], [ %left.less, %spin ], [ %spins, %sleep ],
                  [ %spins, %missed ], [ %left, %enter ], [ %spins, %left.room ], [ %spins, %call ]
  %now = load atomic i64, ptr %pool acquire, align 8
  %epoch = trunc i64 %now to i32
  %old = icmp eq i32 %epoch, %seen
  br i1 %old, label %idle, label %fresh
idle:
  %tired = icmp sle i64 %left, 0
  br i1 %tired, label %sleep, label %spin
spin:
  $PAUSE
  %left.less = sub i64 %left, 1
  br label %look
sleep:
  %more.asleep = atomicrmw add ptr %sleepers.at, i64 1 seq_cst, align 8
  %expected = zext i32 %seen to i64
  %slept = call i64 @futex(ptr %pool, ptr %pool, i64 $SLEEP, i64 %expected)
  %less.asleep = atomicrmw sub ptr %sleepers.at, i64 1 seq_cst, align 8
  br label %look
fresh:
  %closed.bit = and i64 %now, $CLOSED
  %closed = icmp ne i64 %closed.bit, 0
  br i1 %closed, label %end, label %open
open:
  %seats = and i64 %now, $SEATS_BITS
  %full = icmp eq i64 %seats, 0
  br i1 %full, label %missed, label %enter
missed:
  br label %look
enter:
  %with.me = add i64 %now, $ENTERING
  %swap = cmpxchg ptr %pool, i64 %now, i64 %with.me acquire monotonic, align 8
  %entered = extractvalue { i64, i1 } %swap, 1
  br i1 %entered, label %read, label %look
read:
  %seat = lshr i64 %seats, 32
  %body = load ptr, ptr %job, align 8
  %context = load ptr, ptr %context.at, align 8
  %count = load i64, ptr %count.at, align 8
  $SET
  br label %run
run:
  %both = atomicrmw add ptr %next, i64 $BACK monotonic, align 8
  %from.front = and i64 %both, $FRONT_BITS
  %from.back = lshr i64 %both, 32
  %all = add i64 %from.front, %from.back
  %more = icmp slt i64 %all, %count
  %before = sub i64 %count, %from.back
  %index = sub i64 %before, 1
  br i1 %more, label %work, label %leave
work:
  call void %body(ptr %context, i64 %index, i64 %seat)
  br label %run
leave:
  %at.leave = atomicrmw sub ptr %pool, i64 $INSIDE acq_rel, align 8
  %watched = and i64 %at.leave, $INSIDE_AND_AWAITED
  %last = icmp eq i64 %watched, $LAST_AWAITED
  br i1 %last, label %call, label %left.room
left.room:
  br label %look
call:
  %woken = call i64 @futex(ptr %pool, ptr %high.at, i64 $WAKE, i64 1)
  br label %look
end:
  ret void
}

; Ends the team where nobody has it (1), or does nothing (0).
define i64 @adjoint_dismiss(ptr %pool) nounwind {
entry:
  %now = load atomic i64, ptr %pool monotonic, align 8
  %owned.bit = and i64 %now, $OWNED
  %owned = icmp ne i64 %owned.bit, 0
  br i1 %owned, label %busy, label %close
close:
  %last = trunc i64 %now to i32
  %this = add i32 %last, 1
  %epoch = zext i32 %this to i64
  %door = or i64 %epoch, $CLOSED
  %swap = cmpxchg ptr %pool, i64 %now, i64 %door seq_cst monotonic, align 8
  %done = extractvalue { i64, i1 } %swap, 1
  br i1 %done, label %wake, label %busy
wake:
  %woken = call i64 @futex(ptr %pool, ptr %pool, i64 $WAKE, i64 2147483647)
  ret i64 1
busy:
  ret i64 0
}

; What idle workers do, a number of times: to find how long it takes.
define void @adjoint_spin(ptr %pool, i64 %times) nounwind {
entry:
  br label %spin
spin:
  %left = phi i64 [ %times, %entry ], [ %less, %spin ]
  %now = load atomic i64, ptr %pool acquire, align 8
  $PAUSE
  %less = sub i64 %left, 1
  %more = icmp sgt i64 %less, 0
  br i1 %more, label %spin, label %end
end:
  ret void
}

; Keeps the workers off the processor that the caller runs on.
define internal void @place(ptr %pool, i64 %workers) nounwind noinline {
entry:
  %where.at = getelementptr i8, ptr %pool, i64 $WHERE
  %apart.at = getelementptr i8, ptr %pool, i64 $APART
  %where = load ptr, ptr %where.at, align 8
  %blind = icmp eq ptr %where, null
  br i1 %blind, label %end, label %ask
ask:
  %here = call i32 %where()
  %here.wide = sext i32 %here to i64
  %apart = load i64, ptr %apart.at, align 8
  %same = icmp eq i64 %here.wide, %apart
  %known = icmp ult i64 %here.wide, 1024
  %differs = xor i1 %same, true
  %moves = and i1 %known, %differs
  br i1 %moves, label %prepare, label %end
prepare:
  store i64 %here.wide, ptr %apart.at, align 8
  %allowed = getelementptr i8, ptr %pool, i64 $ALLOWED
  %others = getelementptr i8, ptr %pool, i64 $OTHERS
  call void @llvm.memcpy.p0.p0.i64(ptr align 64 %others, ptr align 64 %allowed, i64 128, i1 false)
  %word = lshr i64 %here.wide, 6
  %bit = and i64 %here.wide, 63
  %word.at = getelementptr i64, ptr %others, i64 %word
  %old = load i64, ptr %word.at, align 8
  %one = shl i64 1, %bit
  %rest = xor i64 %one, -1
  %new = and i64 %old, %rest
  store i64 %new, ptr %word.at, align 8
  %threads = getelementptr i8, ptr %pool, i64 $THREADS
  %syscall.at = getelementptr i8, ptr %pool, i64 $SYSCALL
  %number.at = getelementptr i8, ptr %pool, i64 $PLACE
  %syscall = load ptr, ptr %syscall.at, align 8
  %number = load i64, ptr %number.at, align 8
  br label %loop
loop:
  %k = phi i64 [ 0, %prepare ], [ %k.next, %loop ]
  %thread.at = getelementptr i64, ptr %threads, i64 %k
  %thread = load i64, ptr %thread.at, align 8
  %done = call i64 (i64, ...) %syscall(i64 %number, i64 %thread, i64 128, ptr %others)
  %k.next = add i64 %k, 1
  %more = icmp slt i64 %k.next, %workers
  br i1 %more, label %loop, label %end
end:
  ret void
}

declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define internal i64 @futex(ptr %pool, ptr %word, i64 %operation, i64 %value) nounwind {
  %syscall.at = getelementptr i8, ptr %pool, i64 $SYSCALL
  %number.at = getelementptr i8, ptr %pool, i64 $FUTEX
  %syscall = load ptr, ptr %syscall.at, align 8
  %number = load i64, ptr %number.at, align 8
  %result = call i64 (i64, ...) %syscall(i64 %number, ptr %word, i64 %operation, i64 %value,
                                        ptr null, ptr null, i64 0)
  ret i64 %result
}
""")


def object_text(target: Target) -> str:
    """The LLVM IR of the pool's native functions: the same for the same target."""
    machine = MACHINES.get(machine_name(target.triple), Machine())
    body = TEXT.substitute(
        {k: v for k, v in globals().items() if type(v) is int},
        OWNED_OR_CLOSED=OWNED | CLOSED,
        SEATS_BITS=INSIDE - SEAT,
        INSIDE_BITS=AWAITED - INSIDE,
        NO_SEATS=~(INSIDE - SEAT),
        FRONT_BITS=(1 << 32) - 1,
        BACK=1 << 32,
        ENTERING=INSIDE - SEAT,
        INSIDE_AND_AWAITED=2 * AWAITED - INSIDE,
        LAST_AWAITED=AWAITED + INSIDE,
        PAUSE=machine.pause,
        SAVE=machine.save,
        SET=machine.set,
    )
    return f'target triple = "{target.triple}"\n\n{machine.declare}\n{body}'


def machine_name(triple: str) -> str:
    """A triple's processor, by the name that Linux gives it."""
    first = triple.split("-")[0].lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(first, first)


class Pool:
    """A team of workers, and what compiled programs need to call it.

    `threads` is the size of the team, the calling thread included (default: the processors that
    the process may use).  `compile` makes the object bytes of `object_text`: a disk cache may stand
    there.  The memory and the machine code of a pool are never freed: a thread may be inside.
    """

    address: int
    function: int

    def __init__(
        self,
        threads: int | None = None,
        compile: Callable[[str, Target], bytes] | None = None,
    ) -> None:
        self.threads = threads
        self._lock = threading.Lock()
        self._forker: int | None = None  # the thread that forks, while it holds the lock
        self._over = False  # the process ends
        self._limit: int | None = None
        self._team: list[threading.Thread] = []
        memory = ctypes.create_string_buffer(BYTES + 128)
        self.address = -(-ctypes.addressof(memory) // 128) * 128
        target = host()
        library = load((compile or compile_plainly)(object_text(target), target))
        for kept in (memory, library):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
        self.function = library.address("adjoint_parallel")
        address, number = ctypes.c_void_p, ctypes.c_int64
        self._work = library.function("adjoint_worker", None, address)
        self._dismiss = library.function("adjoint_dismiss", number, address)
        self._spin = library.function("adjoint_spin", None, address, number)
        self._ready = ctypes.c_int64.from_address(self.address + READY)
        self._put(LIMIT, MOST)
        POOLS.append(self)

    def _put(self, cell: int, value: int) -> None:
        ctypes.c_int64.from_address(self.address + cell).value = value

    def _get(self, cell: int) -> int:
        return ctypes.c_int64.from_address(self.address + cell).value

    @property
    def size(self) -> int:
        """How many threads share a job, the calling one included."""
        standing = self._get(WORKERS) if self._get(READY) else self._planned()
        return 1 + min(standing, self._get(LIMIT))

    def _planned(self) -> int:
        """Workers to start."""
        wanted = min(processors(), most()) if self.threads is None else self.threads
        return max(0, min(wanted - 1, MOST)) if Kernel.find() else 0

    def limit(self, threads: int | None) -> int | None:
        """Let at most so many threads share a job (None: the whole team); gives the former limit.

        Holds for jobs that begin from now on, on any thread.  Raises `ValueError` below 1.
        """
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1 (the calling thread), not {threads}")
        former, self._limit = self._limit, threads
        self._put(LIMIT, MOST if threads is None else min(threads - 1, MOST))
        return former

    def ensure_started(self) -> None:
        """Start the workers of this process, if they do not stand.

        Does not wait: where another thread is about it, or no thread can be made, callers run
        their jobs alone.
        """
        if self._ready.value or not self._lock.acquire(blocking=False):
            return
        try:
            if not self._ready.value:
                self._start()
        finally:
            self._lock.release()

    def _start(self) -> None:
        planned = 0 if self._over else self._planned()
        kernel = Kernel.find() if planned else None
        if kernel is not None:
            self._put(FUTEX, kernel.futex)
            self._put(PLACE, kernel.place)
            self._put(SYSCALL, kernel.syscall)
            self._place(planned, kernel.where)
            self.calibrate()
            self._put(DOOR, self._get(DOOR) & (SEAT - 1))  # no longer closed
        try:
            for k in range(planned):
                name = f"adjoint worker {k + 1}"
                worker = threading.Thread(target=self._serve, name=name, daemon=True)
                worker.start()
                self._team.append(worker)
                if k < PLACED:
                    self._put(THREADS + 8 * k, worker.native_id or -1)
        except RuntimeError:
            pass  # no more threads can be made, or the interpreter ends: the team is smaller
        finally:
            self._put(WORKERS, len(self._team))
        self._put(READY, 1)

    def calibrate(self) -> None:
        """Find out, once, how long an idle worker's rounds take."""
        if not self._get(SPINS):
            self._put(SPINS, self._spins())

    def _place(self, workers: int, where: int) -> None:
        """Say on which processors the workers may run; how to find the caller's own."""
        allowed = os.sched_getaffinity(0)
        placed = workers <= PLACED and workers < len(allowed) and max(allowed) < 1024
        self._put(WHERE, where if placed else 0)
        self._put(APART, -1)
        mask = sum(1 << k for k in allowed) if placed else 0
        ctypes.memmove(self.address + ALLOWED, mask.to_bytes(128, "little"), 128)
        ctypes.memset(self.address + THREADS, 0xFF, 8 * PLACED)  # numbers of no thread

    def _serve(self) -> None:
        """What a worker does: signals are left to other threads, all else is native."""
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals() - OWN_SIGNALS)
        self._work(self.address)

    def _spins(self) -> int:
        """How many rounds of an idle worker's loop last `SPIN` nanoseconds."""
        rounds, shortest = 500, SPIN
        for _ in range(5):
            start = time.perf_counter_ns()
            self._spin(self.address, rounds)
            shortest = min(shortest, time.perf_counter_ns() - start)
        return max(10, min(SPIN * rounds // max(shortest, 1), SPIN))

    def stop(self, timeout: float | None = None) -> bool:
        """End the workers; False where a job was still running after `timeout` seconds.

        Callers go on, each on its own thread, until `ensure_started` is called again.
        """
        patience = -1 if timeout is None else timeout
        if not self._lock.acquire(timeout=patience):
            return False
        try:
            return self._end(timeout)
        finally:
            self._lock.release()

    def _end(self, timeout: float | None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._team and not self._dismiss(self.address):
            if deadline is not None and time.monotonic() >= deadline:
                return False
            time.sleep(1e-4)
        self._put(WORKERS, 0)
        team, self._team = self._team, []
        self._put(READY, int(self._over))
        for worker in team:
            worker.join(PATIENCE)  # none is inside a job
        return True

    def _before_fork(self) -> None:
        if self._lock.acquire(blocking=False):
            self._forker = threading.get_ident()
            team = self._team
            if team and self._end(0):
                wait_until_gone(team)

    def _after_fork_in_parent(self) -> None:
        if self._forker == threading.get_ident():
            self._forker = None
            self._lock.release()

    def _after_fork_in_child(self) -> None:
        self._lock, self._forker, self._team = threading.Lock(), None, []
        for cell in (DOOR, SLEEPERS, WORKERS, READY):
            self._put(cell, 0)

    def _at_exit(self) -> None:
        self._over = True
        self.stop(timeout=0.01)


def wait_until_gone(team: list[threading.Thread]) -> None:
    """Wait, not for long, until the system has no thread of a team that ended."""
    deadline = time.monotonic() + PATIENCE
    for worker in team:
        place = f"/proc/self/task/{worker.native_id}"
        while os.path.exists(place) and time.monotonic() < deadline:
            time.sleep(5e-5)


def compile_plainly(text: str, target: Target) -> bytes:
    """Object bytes of a module, without effort: a call to the team takes as long (0.1 us)."""
    return compile_object(text, target, 0)


def compile_or_find(text: str, target: Target) -> bytes:
    """Object bytes of a module, from the disk cache where it has them."""
    key = f"threads\n{target.fingerprint}\n{text}"
    return default().obtain("object", key, lambda: compile_plainly(text, target))


def processors() -> int:
    """How many processors the process may use: affinity, Python's own setting, the container's."""
    if hasattr(os, "process_cpu_count"):
        count = os.process_cpu_count() or 1  # Python 3.13: heeds PYTHON_CPU_COUNT
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(count, -(-int(quota) // int(period))))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return count


@lru_cache(maxsize=1)
def most() -> int:
    """How many threads share a job of this process's pool at most, the calling one included: there
    is memory for so many seats.  A team that is started later, after a fork, is no larger."""
    return processors()


class Kernel(NamedTuple):
    """What the pool asks of Linux: numbers of calls, and addresses in the C library."""

    futex: int
    place: int
    syscall: int
    where: int  # `sched_getcpu`, or 0

    @staticmethod
    @lru_cache(maxsize=1)
    def find() -> Kernel | None:
        """None on other systems and processors."""
        numbers = CALLS.get(platform.machine())
        if not sys.platform.startswith("linux") or numbers is None or sys.maxsize < 1 << 32:
            return None
        library = ctypes.CDLL(None)
        syscall, where = (
            ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0
            if hasattr(library, name)
            else 0
            for name in ("syscall", "sched_getcpu")
        )
        return Kernel(*numbers, syscall, where) if syscall else None


# Signals that a thread must take itself: its own faults, and the profiler's clock.
OWN_SIGNALS = {
    getattr(signal, name)
    for name in "SIGSEGV SIGBUS SIGFPE SIGILL SIGTRAP SIGABRT SIGSYS SIGPROF".split()
    if hasattr(signal, name)
}
POOLS: list[Pool] = []  # every pool of the process: what a fork and the end must know
MAKING = [threading.Lock()]
SHARED: list[Pool] = []


def pool(compile: Callable[[str, Target], bytes] = compile_or_find) -> Pool:
    """The process's pool, made at the first call (`compile` as for `Pool`)."""
    if not SHARED:
        with MAKING[0]:
            if not SHARED:
                SHARED.append(Pool(compile=compile))
    return SHARED[0]


def prepare() -> None:
    """Make the pool, and find what a start of its workers takes from the system."""
    pool().calibrate()
    Kernel.find()


def _before_fork() -> None:
    for each in POOLS:
        each._before_fork()


def _after_fork_in_parent() -> None:
    for each in POOLS:
        each._after_fork_in_parent()


def _after_fork_in_child() -> None:
    MAKING[0] = threading.Lock()
    for each in POOLS:
        each._after_fork_in_child()


def _at_exit() -> None:
    for each in POOLS:
        each._at_exit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
atexit.register(_at_exit)
