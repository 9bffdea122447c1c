"""From a call to its first result: how long tracing and compiling takes, against JAX.

    python benchmarks/compile_time.py --python-peer /path/to/python-with-jax

Every figure is taken in a fresh process that has imported its packages, put its data in place and
compiled one unrelated function; processes of the sides take turns. JAX's disk cache is off.
Adjoint starts with an empty one (`cold`), and again with what a process before it left there
(`warm`); the environment variable ADJOINT_CACHE names the folder, a temporary one. Medians of the
ratios of some runs:

- `cold`: at most 1/3 of JAX's time; `warm`: at most 1/9 (1/3 of 1/3) of it. `warm/cold` tells how
  much the cache saves of what the first result costs here, the run itself included.
- `new N`: the first call at another size, beside the second call there (`again`). It may trace
  again but compiles nothing: no machine code may be `added` to the disk cache, in which all of it
  is kept (`-` where the first call stored none: then nothing can be told from it).

Unrolled programs integrate a pendulum step by step, 5 operations each: 2,000 operations within
5 s, 100,000 within a minute. JAX takes part in the former only.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import interleave
from interleave import Failed, Neighbours, Worker, seconds, spread, times
from native import conclude, line
from programs import PROGRAMS
from programs.record import OURS, Program, Side, absent, arguments_of, finished, load, unrelated

COLD_TARGET, WARM_TARGET = 1 / 3, 1 / 9


# ---------------------------------------------------------------- unrolled programs


def pendulum(angle, speed, steps, np):
    """So many steps of the leapfrog method, 5 operations each."""
    for _ in range(steps):
        speed = speed - 0.01 * np.sin(angle)
        angle = angle + 0.01 * speed
    return angle


def unrolled(operations: int) -> Program:
    """A program whose trace has so many operations, on arrays of a thousand numbers."""
    steps = operations // 5

    def data(size):
        import numpy as np

        return np.linspace(-1.0, 1.0, size), np.zeros(size)

    def function(angle, speed):
        import numpy as np

        return pendulum(angle, speed, steps, np)

    def ours():
        import adjoint as ad

        return ad.jit(function)

    def jax():
        import jax

        return jax.jit(lambda angle, speed: pendulum(angle, speed, steps, jax.numpy))

    sides = {"adjoint": Side(OURS, ours), "jax": Side("jax", jax)}
    if operations > 10_000:
        del sides["jax"]
    return Program(f"unrolled {operations}", function, data, 1000, sides, new_size=900)


UNROLLED = {unrolled(n).name: (unrolled(n), limit) for n, limit in ((2000, 5.0), (100_000, 60.0))}
ALL = {**PROGRAMS, **{name: program for name, (program, _) in UNROLLED.items()}}


# ---------------------------------------------------------------- one process


def work(side_name: str, program_name: str) -> None:
    """A worker: the first calls at two sizes, timed."""
    program = ALL[program_name]
    side = program.sides[side_name]
    if reason := absent(side.library):
        print(json.dumps({"absent": reason}), flush=True)
        return
    load(side.library)
    unrelated(side.library)
    function = side.build()

    def timed(arguments):
        start = time.perf_counter()
        finished(side.library, function(*arguments))
        return time.perf_counter() - start

    arguments, before = arguments_of(program, side), stored()
    answer = {"first": timed(arguments), "second": timed(arguments)}
    between = stored()
    if program.new_size:
        arguments = arguments_of(program, side, program.new_size)
        answer.update(new=timed(arguments), again=timed(arguments))
    answer.update(kept=len(between - before), added=len(stored() - between))
    print(json.dumps(answer), flush=True)


def stored() -> set[Path]:
    """The machine codes in adjoint's disk cache; what else is there tells how they are called."""
    return {path for path in Path(os.environ["ADJOINT_CACHE"]).rglob("object-*") if path.is_file()}


# ---------------------------------------------------------------- the parent


def once(options: argparse.Namespace, program: Program, name: str, cache: str) -> dict:
    """The answer of one fresh process."""
    ours = program.sides[name].library == OURS
    python = options.python_ours if ours else options.python_peer
    variables = {**interleave.limited(options.threads), "ADJOINT_CACHE": cache}
    prepare = interleave.confined(options.threads)
    worker = Worker(options, __file__, name, program.name, python, variables, prepare)
    worker.close()
    return worker.check


def fresh(options: argparse.Namespace, program: Program, name: str) -> dict:
    """The same with an empty disk cache."""
    with tempfile.TemporaryDirectory(prefix="adjoint-cache-") as cache:
        return once(options, program, name, cache)


def run(options: argparse.Namespace, program: Program, peer: str) -> dict[str, dict[str, float]]:
    """The median times of each side in one run, processes by turns."""
    answers: dict[str, list[dict]] = {"cold": [], "warm": [], **({"jax": []} if peer else {})}
    with tempfile.TemporaryDirectory(prefix="adjoint-cache-") as kept:
        once(options, program, OURS, kept)
        for _ in range(options.rounds):
            answers["cold"].append(fresh(options, program, OURS))
            answers["warm"].append(once(options, program, OURS, kept))
            if peer:
                answers["jax"].append(once(options, program, peer, os.devnull))
    return {
        side: {key: median(answer[key] for answer in each) for key in each[0]}
        for side, each in answers.items()
    }


def main() -> None:
    parser = interleave.judged_arguments(__doc__)
    parser.set_defaults(rounds=5)
    options = parser.parse_args()
    if options.worker:
        return work(*options.worker)

    missed, errors, judged, unmeasured = [], [], 0, []
    widths = (19, 10, 10, 10, 8, 17, 4, 8, 17, 4, 9, 10, 10, 6, 10, 6)
    heads = "program,cold,warm,jax,cold/jax,,,warm/jax,,,warm/cold,new N,again,added,jax new N"
    heads = [*heads.split(","), "others"]
    print(" ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)))
    for name, program in ALL.items():
        if options.only not in name:
            continue
        peer = next((s for s, side in program.sides.items() if side.library == "jax"), "")
        try:
            if peer and (reason := fresh(options, program, peer).get("absent")):
                peer, unmeasured = "", [*unmeasured, f"{name} against JAX: {reason}"]
            neighbours = Neighbours()
            runs = [run(options, program, peer) for _ in range(options.runs)]
            others = neighbours.processors()
        except Failed as error:
            errors.append(f"{name}: {error}")
            line(widths, [name, f"ERROR {error.brief()}"])
            continue
        last = runs[-1]
        sides = ("cold", "warm", "jax")
        cells = [name, *(seconds(last[s]["first"]).strip() if s in last else "" for s in sides)]
        limit = UNROLLED[program.name][1] if program.name in UNROLLED else None
        for side, target in (("cold", COLD_TARGET), ("warm", WARM_TARGET)):
            if not peer:
                cells += 3 * [""]
                continue
            ratios = [each[side]["first"] / each["jax"]["first"] for each in runs]
            met, judged = median(ratios) <= target, judged + (limit is None)
            verdict = ("met" if met else "no") if limit is None else "-"
            cells += [times(median(ratios)), spread(ratios), verdict]
            if not met and limit is None:
                missed.append(f"{name} ({side})")
        cells.append(times(median(each["warm"]["first"] / each["cold"]["first"] for each in runs)))
        if program.new_size:
            kept, added = (max(each["cold"][key] for each in runs) for key in ("kept", "added"))
            cells += [seconds(last["cold"][key]).strip() for key in ("new", "again")]
            cells.append(f"{added:.0f}" if kept else "-")
            cells.append(seconds(last["jax"]["new"]).strip() if peer else "")
            if kept:
                judged += 1
                missed += [f"{name} (new N)"] if added else []
        line(widths, [*cells, *["" for _ in widths[len(cells) + 1 :]], f"{others:.2f}"])
        if any(each["warm"]["kept"] for each in runs):
            print("    a process with a warm disk cache stored machine code: the cache was missed")
        if limit is not None:
            worst, judged = median(each["cold"]["first"] for each in runs), judged + 1
            verdict = "met" if worst <= limit else "no"
            print(f"    first result after {worst:.2f} s, target {limit:g} s: {verdict}")
            if worst > limit:
                missed.append(name)
    conclude(missed, errors, judged, options.strict, unmeasured)


if __name__ == "__main__":
    sys.exit(main())
