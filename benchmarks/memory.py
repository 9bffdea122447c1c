"""The memory and the time of reverse mode through a long loop, with and without a bound.

    python benchmarks/memory.py [--steps 1000000] [--size 250] [--limit "100 MB"]

A `fori_loop` whose carry is an array with a nonlinear step; its gradient with respect to the first
carry and to a parameter of the same size.  Each variant runs in a process of its own, after a
gradient of a few steps that loads what is loaded once; the growth is that of the peak of resident
memory (Linux).  Prints a table, and whether the bound of memory and four times the time are met.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

import numpy as np

TIMES = 4.0  # that a step may take with a bound


def status(name: str) -> int:
    """A figure of this process, in bytes."""
    with open("/proc/self/status") as file:
        return 1024 * int(next(x for x in file if x.startswith(name)).split()[1])


def worker(steps: int, size: int, limit: str | None, way: str) -> None:
    """One variant, measured."""
    import adjoint as ad

    x, w = np.linspace(-1.0, 1.0, size), np.linspace(0.1, 0.9, size)

    def loss(x, w, n):
        return np.sum(ad.fori_loop(0, n, lambda i, c: c + 1e-3 * np.cos(c * w), x) ** 2)

    gradient = ad.grad(loss, argnums=(0, 1), memory_limit=limit)
    if way == "jit":
        gradient = ad.jit(gradient)
    gradient(x, w, 20_000)
    before = status("VmRSS:")
    begin = time.perf_counter()
    found = gradient(x, w, steps)
    first = time.perf_counter() - begin
    growth = status("VmHWM:") - before
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        gradient(x, w, steps)
        times.append(time.perf_counter() - begin)
    result = [np.concatenate(found).tolist(), first, float(np.median(times)), growth]
    print(json.dumps(result))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=250)
    parser.add_argument("--limit", default="100 MB")
    parser.add_argument("--worker", nargs=2)
    given = parser.parse_args()
    if given.worker:
        limit, way = given.worker
        worker(given.steps, given.size, None if limit == "none" else limit, way)
        return
    from adjoint.transform.checkpoints import size_of

    bound = size_of(given.limit, "--limit")
    print(f"{given.steps:,} steps of a carry of {given.size} numbers")
    print(f"{'way':<8}{'limit':<10}{'growth':>12}{'a step':>12}{'of free':>9}{'difference':>12}")
    for way in ("jit", "plain"):
        free = None
        for limit in ("none", given.limit):
            command = [sys.executable, __file__, "--steps", str(given.steps), "--size",
                       str(given.size), "--worker", limit, way]  # fmt: skip
            made = subprocess.run(command, capture_output=True, text=True, check=True)
            values, _, seconds, growth = json.loads(made.stdout)
            free = free or (np.array(values), seconds)
            difference = np.max(np.abs(np.array(values) - free[0])) / np.max(np.abs(free[0]))
            line = (
                f"{way:<8}{limit:<10}{growth / 1e6:>9.1f} MB{seconds / given.steps * 1e9:>9.0f} ns"
            )
            line += f"{seconds / free[1]:>9.2f}{difference:>12.1e}"
            if limit != "none":
                met = growth < bound and seconds < TIMES * free[1] and difference < 1e-9
                line += "   met" if met else "   missed"
            print(line, flush=True)


if __name__ == "__main__":
    main()
