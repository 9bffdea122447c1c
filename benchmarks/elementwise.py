"""Single operations on arrays: `jit` against the NumPy function, and against a copy's bandwidth.

    python benchmarks/elementwise.py

Three tables. Elementwise functions at 10^3 to 10^7 elements, float32 and float64: the ratio of
`jit(lambda x: np.exp(x))` to `np.exp`, outputs allocated by both. Memory-bound functions at 10^7
elements: bytes read and written in a second, as a share of what `a.copy()` reaches, which
allocates too. Reductions and normalisations over 10^4 rows of 10^3: the ratio to the NumPy code,
and the bandwidth that one pass over the data (read once, results written) would have in that time,
as a share of the copy's. All sides take turns in one process; `--separate` gives each a process of
its own, and so does `--threads`.
"""

import argparse
from statistics import median

import interleave
from interleave import OURS, Neighbours, Worker, calibrated, race, timed
from native import conclude
from programs.operations import (
    ELEMENTWISE,
    LENGTH,
    NORMALISATIONS,
    ONE,
    ROWS,
    TWO,
    function_of,
    operands,
)
from programs.record import aligned, differs, leaves, timed_loop

RATIO_TARGET, SHARE_TARGET = 1.05, 0.7
SIZES = [10**k for k in range(3, 8)]
DTYPES = ("float32", "float64")
MEMORY_BOUND = ELEMENTWISE[:5]
BUDGET = 0.02  # seconds of a round


def side(what: str, name: str, arguments: tuple) -> tuple:
    """The function of a side and its arguments."""
    import numpy as np

    if what == "copy":
        return (lambda x: x.copy()), arguments[:1]
    if what == OURS:
        import adjoint as ad

        return ad.jit(function_of(name)), arguments
    return (getattr(np, name) if name in ONE + TWO else function_of(name)), arguments


def work(what: str, case: str) -> None:
    """A worker of a process of its own."""
    name, dtype, size = case.split()
    arguments = aligned(operands(name, dtype, int(size)))
    loop = timed_loop(what if what == OURS else "numpy", *side(what, name, arguments))
    interleave.serve_loop(loop, lambda path: None)


def run_apart(options: argparse.Namespace, kinds: list[str], case: str) -> list[float]:
    """The median times of one run, each kind in its own process."""
    variables = interleave.limited(options.threads)
    prepare = interleave.confined(options.threads)
    workers = [
        Worker(options, __file__, kind, case, options.python_ours, variables, prepare)
        for kind in kinds
    ]
    race(workers, options.rounds)
    for worker in workers:
        worker.close()
    return [median(worker.times) for worker in workers]


def run_together(options: argparse.Namespace, loops: list) -> list[float]:
    """The median times of one run, all kinds by turns in this process."""
    repeats = [calibrated(loop, BUDGET) for loop in loops]
    taken: list[list[float]] = [[] for _ in loops]
    for _ in range(options.rounds):
        for i, loop in enumerate(loops):
            taken[i].append(timed(loop, repeats[i]))
    return [median(each) for each in taken]


def measure(
    options: argparse.Namespace, name: str, dtype: str, size: int, copy: bool
) -> tuple[list[list[float]], int]:
    """The median times of all runs (adjoint, NumPy, copy if wanted), and the operation's bytes."""
    kinds = [OURS, "numpy", *(["copy"] if copy else [])]
    arguments = aligned(operands(name, dtype, size))
    both = [side(kind, name, arguments) for kind in kinds]
    results = [leaves(function(*arguments)) for function, arguments in both[:2]]
    if gap := differs(*results, tolerance=1e-4 if dtype == "float32" else 1e-6):
        raise ValueError(gap)
    count = sum(x.nbytes for x in both[0][1]) + sum(x.nbytes for x in results[0])
    if options.separate:
        case = f"{name} {dtype} {size}"
        return [run_apart(options, kinds, case) for _ in range(options.runs)], count
    loops = [timed_loop(kind if kind == OURS else "numpy", *each)
             for kind, each in zip(kinds, both, strict=True)]  # fmt: skip
    return [run_together(options, loops) for _ in range(options.runs)], count


def main() -> None:
    parser = interleave.judged_arguments(__doc__)
    parser.add_argument("--separate", action="store_true", help="each side in its own process")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="elements, by commas")
    parser.add_argument("--dtypes", default=",".join(DTYPES), help="element types, by commas")
    options = parser.parse_args()
    if options.worker:
        return work(*options.worker)
    options.separate |= options.threads not in ("", "default")  # what limits is a process's start

    sizes, dtypes = [int(float(s)) for s in options.sizes.split(",")], options.dtypes.split(",")
    missed, errors, judged, bandwidths, neighbours = [], [], 0, [], Neighbours()
    print(f"time over NumPy's, median of {options.runs} runs (least - largest); target "
          f"x{RATIO_TARGET}, ! where missed")  # fmt: skip
    print("function   dtype    " + "".join(f"{size:>22.0e}" for size in sizes))
    for name in (n for n in ELEMENTWISE if options.only in n):
        for dtype in dtypes:
            print(f"{name:10} {dtype:9}", end="", flush=True)
            for size in sizes:
                copy = name in MEMORY_BOUND and size == 10**7
                try:
                    runs, count = measure(options, name, dtype, size, copy)
                except (ValueError, interleave.Failed) as error:
                    errors.append(f"{name} {dtype} {size:.0e}: {error}")
                    print(f"{'ERROR':>22}", end="", flush=True)
                    continue
                ratios = [run[0] / run[1] for run in runs]
                mark = "!" if median(ratios) > RATIO_TARGET else " "
                cell = f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}){mark}"
                print(f"{cell:>22}", end="", flush=True)
                judged += 1
                if mark == "!":
                    missed.append(f"{name} {dtype} {size:.0e}")
                if copy:
                    bandwidths.append((name, dtype, runs, count))
            print()

    if bandwidths:
        print("\nbandwidth at 1e7 elements, bytes read and written; target "
              f"{SHARE_TARGET} of a.copy()'s")  # fmt: skip
        head()
    for name, dtype, runs, count in bandwidths:
        share = bandwidth(name, dtype, runs, count, 2 * 10**7 * int(dtype[-2:]) // 8)
        judged += 1
        print(f"   {'met' if share >= SHARE_TARGET else 'no'}")
        if share < SHARE_TARGET:
            missed.append(f"bandwidth of {name} {dtype}")

    chosen = [n for n in NORMALISATIONS if options.only in n]
    if chosen:
        print(f"\n{ROWS} rows of {LENGTH}; bandwidth as if in one pass over memory")
        head()
    for name in chosen:
        for dtype in dtypes:
            try:
                runs, count = measure(options, name, dtype, 0, copy=True)
            except (ValueError, interleave.Failed) as error:
                errors.append(f"{name} {dtype}: {error}")
                continue
            bandwidth(name, dtype, runs, count, 2 * ROWS * LENGTH * int(dtype[-2:]) // 8)
            print()
    print(f"other programs kept {neighbours.processors():.2f} processors busy")
    conclude(missed, errors, judged, options.strict)


def head() -> None:
    """The head of a table of bandwidths."""
    print(f"{'function':10} {'dtype':9}{'over NumPy':>12}{'adjoint':>12}{'NumPy':>12}{'copy':>12}"
          f"{'share of copy':>22}")  # fmt: skip


def bandwidth(name: str, dtype: str, runs: list, count: int, copied: int) -> float:
    """Print a line, without its end; the share of the copy's bandwidth."""
    shares = [(count / ours) / (copied / copy) for ours, _, copy in runs]
    ratio = median(ours / plain for ours, plain, _ in runs)
    rates = [count / runs[-1][0], count / runs[-1][1], copied / runs[-1][2]]
    columns = "".join(f"{rate / 1e9:7.1f} GB/s" for rate in rates)
    cell = f"{median(shares):.2f} ({min(shares):.2f}-{max(shares):.2f})"
    print(f"{name:10} {dtype:9}{ratio:12.2f}{columns}{cell:>22}", end="", flush=True)
    return median(shares)


if __name__ == "__main__":
    main()
