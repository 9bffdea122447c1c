"""Whole programs as native code: `jit` against JAX, PyTorch, Numba and code written by hand.

    python benchmarks/native.py --python-peer /path/to/python-with-jax-torch-numba

Every line is a race of two processes, their rounds interleaved, both warmed up, with the same data
and dtypes, outputs allocated in the call. The ratio is adjoint's median time over the peer's, the
median of three runs, with their spread: 1/8 is eight times faster. Before a race the whole results
are compared, and a difference is an error. `--threads default,1` adds a race on one thread, for
which both processes keep to one processor. Where adjoint or a peer has several forms, the faster
of adjoint's must reach the target against each of the peer's. The last column tells how many
processors other programs kept busy: beyond some 0.1 the figure is not worth quoting.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import interleave
from interleave import Failed, Worker, median_ratio, race, seconds, spread, times
from programs import LOOPS, PROGRAMS
from programs.record import (
    NO_COMPILER,
    OURS,
    PLAIN,
    Program,
    absent,
    differs,
    finished,
    leaves,
    prepared,
    timed_loop,
)

EVERY = {**PROGRAMS, **LOOPS}


def work(side_name: str, program_name: str) -> None:
    """A worker: one side of one program."""
    import numpy as np

    program = EVERY[program_name]
    side = program.sides[side_name]
    if reason := absent(side.library):
        print(json.dumps({"absent": reason}), flush=True)
        return
    function, arguments = prepared(program, side)

    def save(path):
        np.savez(path, *leaves(finished(side.library, function(*arguments))))

    interleave.serve_loop(timed_loop(side.library, function, arguments), save)


def start(options: argparse.Namespace, program: Program, name: str, threads: str) -> Worker:
    """The worker of a side."""
    ours = program.sides[name].library in (OURS, *PLAIN)
    python = options.python_ours if ours else options.python_peer
    variables = interleave.limited(threads)
    if threads:
        variables["NUMBA_NUM_THREADS"] = threads
    if threads == "1":
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    prepare = interleave.confined(threads)
    return Worker(options, __file__, name, program.name, python, variables, prepare)


def values(worker: Worker, folder: str) -> list:
    """The arrays of a worker's result."""
    import numpy as np

    path = Path(folder) / "values.npz"
    worker.ask(f"values {path}")
    with np.load(path) as saved:
        return [saved[name] for name in saved.files]


def compare(workers: list[Worker], tolerance: float) -> None:
    """Fail where the two results differ."""
    with tempfile.TemporaryDirectory() as folder:
        ours, peer = (values(worker, folder) for worker in workers)
    if gap := differs(ours, peer, tolerance):
        raise Failed(f"the results of {' and '.join(w.framework for w in workers)} differ: {gap}")


def contest(
    options: argparse.Namespace, program: Program, sides: tuple[str, str], threads: str
) -> tuple[list[float], str, str, str]:
    """The ratios of all runs, the last's median times, the neighbours; or why there are none."""
    ratios, taken, others = [], [], 0.0
    for _ in range(options.runs):
        workers: list[Worker] = []
        try:
            for name in sides:
                workers.append(start(options, program, name, threads))
                if "absent" in workers[-1].check:
                    return [], workers[-1].check["absent"], "", ""
            compare(workers, program.tolerance)
            others = max(others, race(workers, options.rounds))
            ratios.append(median_ratio(*workers))
            taken = [seconds(median(worker.times)).strip() for worker in workers]
        finally:
            for worker in workers:
                worker.close()
    return ratios, taken[0], taken[1], f"{others:.2f}"


def pairs(program: Program) -> list[tuple[str, str]]:
    """Each form of ours with each form of the peers', peer by peer."""
    ours = [name for name, side in program.sides.items() if side.library == OURS]
    return [(o, peer) for peer in program.sides if peer not in ours for o in ours]


def main() -> None:
    parser = interleave.judged_arguments(__doc__)
    parser.add_argument("--peer", default="", help="race the peers whose name contains this only")
    options = parser.parse_args()
    if options.worker:
        return work(*options.worker)

    errors, best, unmeasured = [], {}, []
    settings = ["" if t in ("", "default") else t for t in options.threads.split(",")]
    widths = (19, 10, 21, 8, 10, 10, 8, 18, 7, 4, 6)
    heads = "program,adjoint as,peer,threads,adjoint,peer,ratio,,target,,others".split(",")
    print(" ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)))
    for program in (p for p in EVERY.values() if options.only in p.name):
        for ours, peer in (pair for pair in pairs(program) if options.peer in pair[1]):
            side = program.sides[peer]
            target = program.targets.get(side.library) if side.counts else None
            for threads in settings:
                form = ours.partition(", ")[2] or "plain"
                cells = [program.name, form, peer, threads or "default"]
                try:
                    ratios, *taken, others = contest(options, program, (ours, peer), threads)
                except Failed as error:
                    errors.append(f"{program.name} ({peer}): {error}")
                    line(widths, [*cells, f"ERROR {error.brief()}"])
                    continue
                if not ratios:
                    line(widths, [*cells, f"not measured: {taken[0]}"])
                    if target is not None and taken[0] != NO_COMPILER:
                        unmeasured.append(f"{program.name} ({peer})")
                    continue
                ratio = median(ratios)
                verdict = ["-", ""]
                if target is not None:
                    verdict = [times(target), "met" if ratio <= target else "no"]
                    if threads == settings[0]:
                        case = program.name, peer, target
                        best[case] = min(ratio, best.get(case, ratio))
                line(widths, [*cells, *taken, times(ratio), spread(ratios), *verdict, others])
    missed = [f"{name} ({peer})" for (name, peer, limit), ratio in best.items() if ratio > limit]
    conclude(missed, errors, len(best), options.strict, unmeasured)


def line(widths, cells) -> None:
    """One line of the table."""
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=False)]
    print(" ".join(padded).rstrip(), flush=True)


def conclude(
    missed: list[str],
    errors: list[str],
    judged: int,
    strict: bool,
    unmeasured: Sequence[str] = (),
) -> None:
    """Say what was missed and what went wrong; an error always ends with status 1."""
    print(f"{judged - len(missed)} of {judged} targets met" if judged else "no target was judged")
    if missed:
        more = f" and {len(missed) - 12} more" if len(missed) > 12 else ""
        print("missed: " + ", ".join(missed[:12]) + more)
    if unmeasured:
        print("not measured: " + ", ".join(sorted(set(unmeasured))))
    for error in errors:
        print(f"ERROR: {error}", file=sys.stderr)
    if errors or (strict and (missed or unmeasured)):
        sys.exit(1)


if __name__ == "__main__":
    main()
