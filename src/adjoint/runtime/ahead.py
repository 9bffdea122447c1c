"""Work begun early, on a thread of its own: what will be needed soon and takes some milliseconds.

Enters: a function that makes something and keeps it under a lock of its own.  Leaves: nothing; who
needs the result calls the same function and finds it, or waits for the rest.  While one thread
plans a program and writes its code, another compiles what every program shares (matrix products,
the thread pool): LLVM runs without Python's lock.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from typing import Any

from .threads import processors

RUNNING: set[threading.Thread] = set()
BEGUN: set[str] = set()


def begin(name: str, make: Callable[[], Any]) -> None:
    """Call a function on another thread, once for each name in a process, if there is a processor
    to spare.  What it raises is left to who calls it again."""
    if name in BEGUN or processors() < 2:
        return
    BEGUN.add(name)

    def run() -> None:
        try:
            with contextlib.suppress(Exception):
                make()
        finally:
            RUNNING.discard(threading.current_thread())

    thread = threading.Thread(target=run, name="adjoint-ahead", daemon=False)
    RUNNING.add(thread)
    try:
        thread.start()
    except RuntimeError:  # no thread to be had, or the interpreter ends
        RUNNING.discard(thread)


def wait() -> None:
    """Wait until all of it is done: a fork may not find a lock held by a thread that it lacks."""
    for thread in list(RUNNING):
        if thread is not threading.current_thread() and thread.ident is not None:
            thread.join()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=wait)
