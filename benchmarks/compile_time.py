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

Single operations, at a thousand numbers and at a million, take part with `--operations`: most of
their time at a million is the memory that the system hands out for a result.

Unrolled programs integrate a pendulum step by step, 5 operations each: 2,000 operations within
5 s, 100,000 within a minute. JAX takes part in the former only.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import interleave
from interleave import Failed, Neighbours, Worker, seconds, spread, times
from native import conclude, line
from programs import PROGRAMS, operations, unrolled
from programs.record import OURS, Program

COLD_TARGET, WARM_TARGET = 1 / 3, 1 / 9


OPERATIONS = {name: operations.program(name) for name in operations.NAMES}
UNROLLED = {name: unrolled.program(name) for name in unrolled.NAMES}
ALL = {**PROGRAMS, **OPERATIONS, **UNROLLED}
WORKER = str(Path(__file__).with_name("first_call.py"))


# ---------------------------------------------------------------- the parent


def once(options: argparse.Namespace, program: Program, name: str, cache: str) -> dict:
    """The answer of one fresh process."""
    ours = program.sides[name].library == OURS
    python = options.python_ours if ours else options.python_peer
    variables = {**interleave.limited(options.threads), "ADJOINT_CACHE": cache}
    prepare = interleave.confined(options.threads)
    what = f"{program.function.__module__}:{program.name}"
    worker = Worker(options, WORKER, name, what, python, variables, prepare)
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
    parser.add_argument("--operations", action="store_true", help="single operations instead")
    options = parser.parse_args()

    missed, errors, judged, unmeasured = [], [], 0, []
    widths = (19, 10, 10, 10, 8, 17, 4, 8, 17, 4, 9, 10, 10, 6, 10, 6)
    heads = "program,cold,warm,jax,cold/jax,,,warm/jax,,,warm/cold,new N,again,added,jax new N"
    heads = [*heads.split(","), "others"]
    print(" ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)))
    for name, program in ALL.items():
        if options.only not in name or options.operations != (name in OPERATIONS):
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
        limit = unrolled.NAMES.get(program.name)
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
