"""Errors and times of the vector mathematics, a line for each function.

    python benchmarks/accuracy.py                    # sampled: minutes
    python benchmarks/accuracy.py --exhaustive       # float32: all 2**32 arguments
    python benchmarks/accuracy.py --only exp,log

float64 is judged by mpmath, on points that `long double` finds suspicious among many; float32 by
float64.  Errors are in ulps: 0.5 is the best there is.  Times are those of a loop over 10,000
contiguous elements in cache, as a ratio to NumPy's or SciPy's own function, taken in turn (below 1:
faster than NumPy); lines are those of LLVM IR.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import scipy.special
from codegen import test_error, test_gamma, test_trigonometric  # noqa: F401  (their cases)
from codegen.accuracy import CASES, apply, kernel, worst_double, worst_single

from adjoint.codegen.mathlib.registry import FUNCTIONS
from adjoint.codegen.targets import host

ELEMENTS = 10_000
DOMAINS = {"arctanh": (-0.9, 0.9), "arcsin": (-1, 1), "arccos": (-1, 1), "arccosh": (1, 6)}


def blocks(size: int = 1 << 20) -> Iterator[np.ndarray]:
    """All float32 numbers."""
    for start in range(0, 1 << 32, size):
        yield np.arange(start, start + size, dtype=np.uint64).astype(np.uint32).view(np.float32)


UNITS = np.array([2.0 ** (149 if e < 1 else 150 - min(e, 254)) for e in range(256)])


def exhaustive(name: str) -> tuple[float, float]:
    """The largest error of a function of one argument over all float32 numbers, and where."""
    case, worst = CASES[name], (0.0, 0.0)
    limit = 2.0**128
    for x in blocks():
        with np.errstate(all="ignore"):
            wide = case.numpy(x.astype(np.float64))
            near = wide.astype(np.float32)
            got = apply(name, x)
            unit = UNITS[(near.view(np.uint32) >> 23) & 255]
            found = np.clip(got.astype(np.float64), -limit, limit)
            error = np.abs(found - np.clip(wide, -limit, limit)) * unit
            error[np.isnan(got) & np.isnan(near)] = 0
            if case.ignore:
                error[case.ignore(x)] = 0
        error[np.isnan(error)] = np.inf
        k = int(np.argmax(error))
        worst = max(worst, (float(error[k]), float(x[k])))
    return worst


def speed(name: str, dtype: Any, rounds: int) -> tuple[float, int]:
    """Our time over NumPy's, and the lines of the function's text."""
    rng = np.random.default_rng(0)
    low, high = DOMAINS.get(name, (0.1, 5))
    arity = FUNCTIONS[name].arity
    arrays = [rng.uniform(low, high, ELEMENTS).astype(dtype) for _ in range(arity)]
    out, other = np.empty_like(arrays[0]), np.empty_like(arrays[0])
    loop = kernel(name, dtype, host().vector_bits // 8 // np.dtype(dtype).itemsize, host())
    pointers = [a.ctypes.data for a in [*arrays, out]]
    peer = getattr(np, name, None) or getattr(scipy.special, name, CASES[name].numpy)
    takes_out = isinstance(peer, np.ufunc)
    ratios = []
    for _ in range(rounds):
        first = time.perf_counter()
        for _ in range(5):
            loop.call(*pointers, ctypes.c_int64(ELEMENTS))
        middle = time.perf_counter()
        for _ in range(5):
            if takes_out:
                peer(*arrays, out=other)
            else:
                peer(*arrays)
        ratios.append((middle - first) / (time.perf_counter() - middle))
    text = loop.text.split(f"@math.{name}.")[-2 if loop.text.count(f"@math.{name}.") > 2 else 1]
    body = text[: text.index("\n}")]
    return statistics.median(ratios), body.count("\n") - 1


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names, with commas between them")
    parser.add_argument("--exhaustive", action="store_true", help="float32: every argument")
    parser.add_argument("--look", type=int, default=4_000_000, help="points of long double")
    parser.add_argument("--rounds", type=int, default=60, help="interleaved timings")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else sorted(FUNCTIONS)
    print("function     ulp64  promised  ulp32  promised  time64  time32  lines  worst at")
    for name in names:
        if name not in CASES:
            print(f"{name:12s} has no case in tests/codegen/accuracy.py")
            continue
        entry = FUNCTIONS[name]
        double = worst_double(name, 10_000, look=options.look)
        if options.exhaustive and entry.arity == 1:
            single, at = exhaustive(name)
            where: Any = at
        else:
            found = worst_single(name, count=4_000_000)
            single, where = found.ulp, found.at
        time64, lines = speed(name, np.float64, options.rounds)
        time32, _ = speed(name, np.float32, options.rounds)
        flag = " !" if double.ulp > entry.ulp or single > entry.ulp_single else ""
        errors = f"{double.ulp:5.3f}  {entry.ulp:8.2f}  {single:5.3f}  {entry.ulp_single:8.2f}"
        print(
            f"{name:12s} {errors}  {time64:6.2f}  {time32:6.2f}  {lines:5d}"
            f"  {double.at} {where}{flag}",
            flush=True,
        )


if __name__ == "__main__":
    main()
