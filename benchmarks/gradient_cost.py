"""What a gradient costs beside its function: both compiled by `jit`, the ratio of their times.

    python benchmarks/gradient_cost.py

The function is the program's plain NumPy code; both sides run in processes of their own, their
rounds interleaved. Where the gradient is as large as the data (half of the arguments' bytes, and a
megabyte, at least), a third process copies what the gradient is taken with respect to, and the
copy's time is taken off the gradient's: so much any gradient pays for writing its result. `whole`
is the ratio without that.
The theory's bound is 4 to 5 operations for one (Griewank and Walther, Evaluating Derivatives,
2008, chapter 4); the targets here are 2.5, and 1.5 where the function only reads memory and the
gradient is small. `others` is how many processors other programs kept busy.
"""

import sys
from statistics import median

import interleave
from interleave import Failed, Worker, race, seconds
from native import conclude, line
from programs import PROGRAMS
from programs.record import (
    OURS,
    Program,
    Side,
    aligned,
    arguments_of,
    leaves,
    prepared,
    timed_loop,
)

TARGET, TARGETS = 2.5, {"line": 1.5}
LARGE = 1 << 20  # bytes of a gradient whose writing takes time
LEFT_OUT = ("haversine", "bundle jacobian")  # not gradients


def compiled(program: Program) -> Side:
    """The program's function under `jit`."""

    def build():
        import adjoint as ad

        return ad.jit(program.function)

    return Side(OURS, build)


def ours(program: Program) -> Side:
    """The program's gradient by Adjoint."""
    return next(side for side in program.sides.values() if side.library == OURS)


def of_gradient(program: Program) -> list:
    """The arrays of the gradient, or of the value and the gradient."""
    function, arguments = prepared(program, ours(program))
    return leaves(function(*arguments))


def is_as_large(program: Program) -> bool:
    """Whether the gradient is as large as the data."""
    data = leaves(arguments_of(program, ours(program)))
    given, made = (sum(x.nbytes for x in arrays) for arrays in (data, of_gradient(program)))
    return made >= LARGE and 2 * made >= given


def work(what: str, name: str) -> None:
    """A worker: the function, the gradient or the copy of a program."""
    program = PROGRAMS[name]
    if what == "copy":
        arrays = [aligned(x) for x in of_gradient(program)]
        loop = timed_loop("numpy", lambda *arrays: [x.copy() for x in arrays], tuple(arrays))
    else:
        side = ours(program) if what == "gradient" else compiled(program)
        loop = timed_loop(side.library, *prepared(program, side))
    interleave.serve_loop(loop, lambda path: None)


def main() -> None:
    options = interleave.judged_arguments(__doc__).parse_args()
    if options.worker:
        return work(*options.worker)

    variables = interleave.limited(options.threads)
    prepare = interleave.confined(options.threads)
    missed, errors, judged = [], [], 0
    widths = (20, 10, 10, 10, 6, 14, 7, 4, 7, 6)
    heads = "program,function,gradient,copy,ratio,,target,,whole,others".split(",")
    print(" ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)))
    for name in PROGRAMS:
        if options.only not in name or name in LEFT_OUT:
            continue
        ratios, wholes, others = [], [], 0.0
        try:
            kinds = ["function", "gradient", *(["copy"] if is_as_large(PROGRAMS[name]) else [])]
            for _ in range(options.runs):
                workers = []
                try:
                    python = options.python_ours
                    for kind in kinds:
                        worker = Worker(options, __file__, kind, name, python, variables, prepare)
                        workers.append(worker)
                    others = max(others, race(workers, options.rounds))
                finally:
                    for worker in workers:
                        worker.close()
                taken = [median(worker.times) for worker in workers] + [0.0] * (3 - len(kinds))
                ratios.append((taken[1] - taken[2]) / taken[0])
                wholes.append(taken[1] / taken[0])
        except Failed as error:
            errors.append(f"{name}: {error}")
            line(widths, [name, f"ERROR {error.brief()}"])
            continue
        target, judged = TARGETS.get(name, TARGET), judged + 1
        columns = [seconds(t).strip() if t else "" for t in taken]
        bounds = f"({min(ratios):.2f} - {max(ratios):.2f})" if options.runs > 1 else ""
        verdict = [f"{target:g}", "met" if median(ratios) <= target else "no"]
        verdict += [f"{median(wholes):.2f}" if taken[2] else "", f"{others:.2f}"]
        line(widths, [name, *columns, f"{median(ratios):.2f}", bounds, *verdict])
        if median(ratios) > target:
            missed.append(name)
    conclude(missed, errors, judged, options.strict)


if __name__ == "__main__":
    sys.exit(main())
