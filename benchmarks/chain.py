"""A chain of 100,000 operations must cost ten times one of 10,000: built, differentiated and freed.

    python benchmarks/chain.py [--framework autograd]

Both lengths are taken in turn in one process; printed are the median times of the three phases and
their ratios. With `--strict` the exit status is 1 where the ratio of the totals is not 10 within
20%. A walk over the graph that recurses, or looks at all nodes for each, shows here.
"""

import argparse
import sys
import time
from itertools import pairwise
from statistics import median

LENGTHS = (10_000, 100_000)
PHASES = ("build", "differentiate", "free")


def chain(x, length):
    """`length` operations, one after the other."""
    for _ in range(length // 2):
        x = x * 1.000001 + 0.000001
    return x


def phases(framework, length):
    """Seconds for building the chain's graph, running backward, and freeing both."""
    if framework == "adjoint":
        import adjoint as ad

        def build():
            return ad.vjp(lambda x: chain(x, length), 1.0)[1]

    else:
        from autograd import make_vjp

        def build():
            return make_vjp(lambda x: chain(x, length))(1.0)[0]

    marks = [time.perf_counter()]
    pullback = build()
    marks.append(time.perf_counter())
    gradient = pullback(1.0)
    marks.append(time.perf_counter())
    del pullback
    marks.append(time.perf_counter())
    value = gradient[0] if isinstance(gradient, tuple) else gradient
    assert abs(value - 1.000001 ** (length // 2)) < 1e-9, value
    return [after - before for before, after in pairwise(marks)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--framework", choices=("adjoint", "autograd"), default="adjoint")
    parser.add_argument("--rounds", type=int, default=9, help="rounds, both lengths in each")
    parser.add_argument("--strict", action="store_true", help="exit 1 where the target is missed")
    options = parser.parse_args()
    phases(options.framework, LENGTHS[0])
    taken = {length: [] for length in LENGTHS}
    for _ in range(options.rounds):
        for length in LENGTHS:
            taken[length].append(phases(options.framework, length))
    print(f"{'phase':14}" + "".join(f"{length:>12,} " for length in LENGTHS) + "   ratio")
    for i, phase in enumerate((*PHASES, "total")):
        medians = [
            median(sum(row) if phase == "total" else row[i] for row in taken[length])
            for length in LENGTHS
        ]
        columns = "".join(f"{1e3 * value:10.2f} ms" for value in medians)
        print(f"{phase:14}{columns}  x{medians[1] / medians[0]:6.2f}")
    each = medians[1] / LENGTHS[1] * 1e6
    print(f"{each:.2f} us an operation, all phases; target: total x10 within 20%")
    if options.strict and not 8.0 <= medians[1] / medians[0] <= 12.0:
        sys.exit(1)


if __name__ == "__main__":
    main()
