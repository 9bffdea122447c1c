"""Workers that time one call each, in processes of their own, and a parent that takes them in turn.

A machine that others use changes its speed from second to second. The workers therefore live side
by side and the parent asks them in turn, A B A B ..., so that a drift hits all alike; what is
reported is the ratio of medians within one run.
"""

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Sequence

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


def judged_arguments(description: str, runs: int = 3) -> argparse.ArgumentParser:
    """The options of the races that have targets."""
    parser = arguments(description)
    parser.add_argument("--runs", type=int, default=runs, help="runs; their median is reported")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a target is missed")
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


def calibrated(loop, budget: float = BUDGET) -> int:
    """How many repeats make a loop last about the budget; warms up."""
    repeats = 1
    loop(2)
    while True:
        start = time.perf_counter()
        loop(repeats)
        taken = time.perf_counter() - start
        if taken > budget / 2 or repeats > 10_000_000:
            return repeats
        repeats *= 2


def timed(loop, repeats: int) -> float:
    """Seconds of one call; another call before it brings back the caches and wakes the threads."""
    loop(1)
    start = time.perf_counter()
    loop(repeats)
    return (time.perf_counter() - start) / repeats


def serve_loop(loop, save) -> None:
    """As `serve`, for a loop that takes a number of repeats and a function that saves values."""
    repeats = calibrated(loop)
    print(json.dumps({}), flush=True)
    for order in sys.stdin:
        name, _, path = order.strip().partition(" ")
        if name == "values":
            save(path)
        print(json.dumps(timed(loop, repeats) if name == "time" else None), flush=True)


def answer(loop, repeats: int) -> None:
    """Answer each order of the parent with the time of one round."""
    for _ in sys.stdin:
        print(json.dumps(timed(loop, repeats)), flush=True)


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


class Failed(SystemExit):
    """A worker ended before it answered. Where nobody catches it, the run ends with its message."""

    def brief(self) -> str:
        """The last line of the message: that of a traceback names the error."""
        return str(self).strip().splitlines()[-1]


def limited(threads: str) -> dict:
    """Environment variables that limit the threads of the libraries; none for the default."""
    if threads in ("", "default"):
        return {}
    libraries = ("OMP", "OPENBLAS", "MKL")
    return {f"{library}_NUM_THREADS": threads for library in libraries}


def confined(threads: str):
    """What a child does before it starts: it keeps to as many processors as it may have threads."""
    if threads in ("", "default") or not hasattr(os, "sched_setaffinity"):
        return None
    processors = sorted(os.sched_getaffinity(0))[: int(threads)]
    return lambda: os.sched_setaffinity(0, processors)


class Worker:
    """One framework on one workload in a process of its own.

    `python` names another interpreter than the options do; `environment` adds variables;
    `prepare` runs in the child before it starts.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        script: str,
        framework: str,
        workload: str,
        python: str = "",
        environment: dict | None = None,
        prepare=None,
    ):
        self.framework, self.times = framework, []
        named = options.python_ours if framework == OURS else options.python_peer
        variables = limited(options.threads) if environment is None else environment
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115, closed with the worker
        self.process = subprocess.Popen(
            [python or named, script, "--worker", framework, workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, **variables} if variables else None,
            preexec_fn=prepare,
        )
        self.check = self.read()

    def read(self):
        """The worker's next answer."""
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            raise Failed(f"{self.framework} failed:\n{self.errors.read()[-2000:]}")
        return json.loads(line)

    def ask(self, order: str):
        """Send an order, wait for its answer."""
        with contextlib.suppress(BrokenPipeError):  # `read` tells why
            self.process.stdin.write(order + "\n")
            self.process.stdin.flush()
        return self.read()

    def close(self) -> None:
        """Let the process end."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait()
        self.errors.close()


class Neighbours:
    """How much of the machine others use meanwhile, as Linux counts it; 0 on other systems.

    What is busy beyond this process, its children and the workers: other programs, and time that a
    virtual machine's host took away.
    """

    def __init__(self, workers: Sequence[Worker] = ()):
        self.workers = workers
        self.start = self.now()

    def now(self) -> tuple[float, float]:
        """The clock, and the seconds of processor time that others have used until now."""
        if not os.path.exists("/proc/stat"):
            return time.perf_counter(), 0.0
        tick = os.sysconf("SC_CLK_TCK")
        with open("/proc/stat") as file:
            user, nice, system, _, _, *interrupts = map(int, file.readline().split()[1:9])
        own = sum(os.times()[:4])
        for worker in self.workers:
            with open(f"/proc/{worker.process.pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()  # the name may hold anything
            own += sum(map(int, fields[11:15])) / tick
        return time.perf_counter(), (user + nice + system + sum(interrupts)) / tick - own

    def processors(self) -> float:
        """How many processors others have kept busy since the start, on average."""
        start, used = self.start
        end, now = self.now()
        return max(0.0, (now - used) / (end - start))


def race(workers: list[Worker], rounds: int) -> float:
    """Time all workers in turn; how many processors others kept busy meanwhile."""
    neighbours = Neighbours(workers)
    for _ in range(rounds):
        for worker in workers:
            worker.times.append(worker.ask("time"))
    return neighbours.processors()


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


def times(ratio: float) -> str:
    """A ratio of times: 1/8.21 where it is faster, x1.30 where it is slower."""
    return f"1/{1 / ratio:.3g}" if ratio < 0.95 else f"x{ratio:.3g}"


def spread(ratios: list[float]) -> str:
    """The least and the largest of some runs' ratios."""
    return f"({times(min(ratios))} - {times(max(ratios))})" if len(ratios) > 1 else ""


def volume(value: float) -> str:
    """A size in the unit that reads best."""
    for unit, size in (("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:8.2f} {unit}"
    return f"{value:8.0f} B "
