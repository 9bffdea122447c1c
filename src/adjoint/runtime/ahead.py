"""Work begun early, on a thread of its own: what will be needed soon and takes some milliseconds.

Enters: a function that makes something.  Leaves: a function that waits for the result; or nothing,
where what is made is kept under a lock of its own, and who needs it calls the same function.  While
one thread plans a program and compiles a part of it, others compile the other parts and what all
programs share (matrix products, the thread pool): LLVM runs without Python's lock.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from .threads import most

RUNNING: set[threading.Thread] = set()
BEGUN: set[str] = set()

# A thread that comes back from LLVM waits for Python's lock as long as the interpreter's switch
# interval, each time: while such threads run it is shorter.
PATIENCE = 1e-4  # seconds
LOCK = threading.Lock()
intervals: list[float] = []  # the user's, while it is exchanged


def enter(thread: threading.Thread) -> None:
    """A thread begins."""
    with LOCK:
        RUNNING.add(thread)
        if not intervals and sys.getswitchinterval() > PATIENCE:
            intervals.append(sys.getswitchinterval())
            sys.setswitchinterval(PATIENCE)


def leave(thread: threading.Thread) -> None:
    """A thread has ended."""
    with LOCK:
        RUNNING.discard(thread)
        if not RUNNING and intervals:
            before = intervals.pop()
            if abs(sys.getswitchinterval() - PATIENCE) < 1e-6:  # nobody else has set it meanwhile
                sys.setswitchinterval(before)


def start(make: Callable[[], Any]) -> Callable[[], Any]:
    """Call a function on another thread, if there is a processor to spare; gives a function that
    waits for the result, or raises what it raised."""
    if most() < 2:
        return make
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append(make())
        except BaseException as error:
            outcome.append(error)
        finally:
            leave(thread)

    def result() -> Any:
        thread.join()
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    thread = threading.Thread(target=run, name="adjoint-ahead", daemon=False)
    enter(thread)
    try:
        thread.start()
    except RuntimeError:  # no thread to be had, or the interpreter ends
        leave(thread)
        return make
    return result


def begin(name: str, make: Callable[[], Any]) -> None:
    """Call a function on another thread, once for each name in a process, if there is a processor
    to spare.  What it raises is left to who calls it again."""
    if name in BEGUN or most() < 2:
        return
    BEGUN.add(name)
    start(make)


def wait() -> None:
    """Wait until all of it is done: a fork may not find a lock held by a thread that it lacks."""
    for thread in list(RUNNING):
        if thread is not threading.current_thread() and thread.ident is not None:
            thread.join()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=wait)
