"""Microseconds of a traced operation, forward and backward: adjoint against autograd.

    python benchmarks/overhead.py --python-peer /path/to/python-with-autograd

Each line is one operation repeated 200 times on small operands. `plain` is NumPy's own time,
`record` what tracing adds to it in the forward pass, `back` the time of the backward pass, all per
operation. Rounds of both frameworks are interleaved; medians are printed, and the ratio of
record + back.
"""

import json
import sys
import time
from itertools import pairwise
from statistics import median

import interleave
from interleave import OURS, PEER, Worker

LENGTH, REPEATS = 200, 5


def operations(np):
    """Name: (an operation from a value and a constant to a value of the same shape, start)."""
    import numpy

    rng = numpy.random.default_rng(0)
    vector, matrix = rng.random(10) + 0.5, rng.random((4, 4)) / 2.0
    index = numpy.arange(10)[::-1].copy()
    return {
        "float * float": (lambda x, c: x * 1.01, 0.7),
        "float + float": (lambda x, c: x + 0.01, 0.7),
        "float ** 2": (lambda x, c: x**2, 0.9),
        "np.sin(float)": (lambda x, c: np.sin(x), 0.7),
        "vector * vector": (lambda x, c: x * c, vector),
        "vector + float": (lambda x, c: x + 0.01, vector),
        "np.exp(vector)": (lambda x, c: np.exp(x), -vector / 100.0),
        "np.where(vector)": (lambda x, c: np.where(c > 1.0, x, 0.5), vector),
        "reshape": (lambda x, c: x.reshape(2, 2, 4).reshape(4, 4), matrix),
        "transpose": (lambda x, c: x.T, matrix),
        "x[::-1]": (lambda x, c: x[::-1], vector),
        "x[indices]": (lambda x, c: x[index], vector),
        "sum and broadcast": (lambda x, c: np.sum(x) * c / 10.0, vector),
        "max, keepdims": (lambda x, c: x - np.max(x, axis=1, keepdims=True), matrix),
        "matrix @ matrix": (lambda x, c: x @ c, matrix),
        "np.concatenate": (lambda x, c: np.concatenate([x[5:], x[:5]]), vector),
        "np.linalg.solve": (lambda x, c: np.linalg.solve(c + numpy.eye(4) * 3, x), matrix),
    }


def measure(framework, name):
    """Seconds an operation: plain, forward under a trace, backward."""
    import numpy

    if framework == OURS:
        import adjoint as ad

        module = numpy

        def pull(f, x):
            return ad.vjp(f, x)[1]

    else:
        import autograd.numpy
        from autograd import make_vjp

        module = autograd.numpy

        def pull(f, x):
            return make_vjp(f)(x)[0]

    operation, start = operations(module)[name]
    plain_operation = operations(numpy)[name][0]

    def repeated(operation, x):
        for _ in range(LENGTH):
            x = operation(x, start)
        return x

    seed = repeated(plain_operation, start) * 0.0 + 1.0

    def once():
        marks = [time.perf_counter()]
        repeated(plain_operation, start)
        marks.append(time.perf_counter())
        pullback = pull(lambda x: repeated(operation, x), start)
        marks.append(time.perf_counter())
        pullback(seed)
        marks.append(time.perf_counter())
        plain, forward, backward = ((after - before) / LENGTH for before, after in pairwise(marks))
        return plain, forward - plain, backward

    return once


def serve(once):
    """Answer the parent with the medians of a few measurements."""
    print(json.dumps(once()), flush=True)
    for _ in sys.stdin:
        rows = [once() for _ in range(REPEATS)]
        print(json.dumps([median(column) for column in zip(*rows, strict=True)]), flush=True)


def main():
    options = interleave.arguments(__doc__).parse_args()
    if options.worker:
        return serve(measure(*options.worker))
    print(f"{'microseconds':20}{'plain':>8}{'record':>9}{'back':>8}   {PEER}: record, back   ratio")
    for name in (n for n in operations(None) if options.only in n):
        workers = [
            Worker(options, __file__, OURS, name),
            Worker(options, __file__, PEER, name),
        ]
        rows = [[worker.ask("time") for worker in workers] for _ in range(options.rounds)]
        for worker in workers:
            worker.close()
        ours, peer = (
            [1e6 * median(row[side][part] for row in rows) for part in range(3)] for side in (0, 1)
        )
        ratio = (ours[1] + ours[2]) / (peer[1] + peer[2])
        print(f"{name:20}{ours[0]:8.2f}{ours[1]:9.2f}{ours[2]:8.2f}"
              f"{peer[1]:17.2f}{peer[2]:8.2f}  x{ratio:5.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
