"""Workers that time one call each, in processes of their own, and a parent that takes them in turn.

A machine that others use changes its speed from second to second. The workers therefore live side
by side and the parent asks them in turn, A B A B ..., so that a drift hits all alike; what is
reported is the ratio of medians within one run.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc

OURS, PEER = "adjoint", "autograd"
BUDGET = 0.1  # seconds that one timed round should take at least, where a call is short


def arguments(description: str) -> argparse.ArgumentParser:
    """The options that all races share; `--worker` is how the parent starts itself."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--python-ours", default=sys.executable, help="interpreter with adjoint")
    parser.add_argument("--python-peer", default=sys.executable, help="interpreter with autograd")
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds of a run")
    parser.add_argument("--only", default="", help="run the workloads whose name contains this")
    parser.add_argument("--threads", default="", help="threads of the linear algebra libraries")
    parser.add_argument("--worker", nargs=2, metavar=("FRAMEWORK", "WORKLOAD"))
    return parser


def serve(call, check) -> None:
    """Answer the parent: first with check values, then a line of JSON for each order."""
    answer = check(call())
    call()
    repeats = 1
    while True:
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        if time.perf_counter() - start > BUDGET / 2 or repeats > 1_000_000:
            break
        repeats *= 2
    print(json.dumps(answer), flush=True)
    for order in sys.stdin:
        if order.strip() == "time":
            start = time.perf_counter()
            for _ in range(repeats):
                call()
            answer = (time.perf_counter() - start) / repeats
        else:
            answer = memory(call)
        print(json.dumps(answer), flush=True)


def memory(call) -> dict:
    """Peak of traced allocations in one call above what was there before; peak residence."""
    tracemalloc.start()
    call()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    call()
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return {"peak": peak, "resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


class Worker:
    """One framework on one workload in a process of its own."""

    def __init__(self, options: argparse.Namespace, script: str, framework: str, workload: str):
        self.framework, self.times = framework, []
        python = options.python_ours if framework == OURS else options.python_peer
        libraries = ("OMP", "OPENBLAS", "MKL")
        threads = {f"{library}_NUM_THREADS": options.threads for library in libraries}
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the worker
        self.process = subprocess.Popen(
            [python, script, "--worker", framework, workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, **threads} if options.threads else None,
        )
        self.check = self.read()

    def read(self):
        """The worker's next answer."""
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            sys.exit(f"{self.framework} failed:\n{self.errors.read()[-2000:]}")
        return json.loads(line)

    def ask(self, order: str):
        """Send an order, wait for its answer."""
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self) -> None:
        """Let the process end."""
        self.process.stdin.close()
        self.process.wait()
        self.errors.close()


def race(workers: list[Worker], rounds: int) -> None:
    """Time all workers in turn."""
    for _ in range(rounds):
        for worker in workers:
            worker.times.append(worker.ask("time"))


def median_ratio(ours: Worker, peer: Worker) -> float:
    """The ratio of the two median times."""
    return statistics.median(ours.times) / statistics.median(peer.times)


def agree(ours, peer, tolerance: float) -> bool:
    """Whether two lists of check values are the same up to the tolerance of their scale."""
    scale = max(abs(v) for v in [*ours, *peer]) or 1.0
    return len(ours) == len(peer) and all(
        abs(a - b) <= tolerance * scale for a, b in zip(ours, peer, strict=True)
    )


def seconds(value: float) -> str:
    """A time in the unit that reads best."""
    for unit, size in (("s ", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:8.2f} {unit}"
    return f"{value / 1e-6:8.2f} us"


def volume(value: float) -> str:
    """A size in the unit that reads best."""
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:8.2f} {unit}"
    return f"{value:8.0f} B "
