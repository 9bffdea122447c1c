"""Gradients of five workloads without compilation: adjoint against autograd, in time and memory.

    python benchmarks/gradients.py --python-peer /path/to/python-with-autograd

Every line is one interleaved race. The ratio is adjoint's median time over autograd's; beside it
stands the ratio of the peaks of allocated memory in one call (as `tracemalloc` sees it, NumPy's
arrays included), and the peak residence of both processes, imports included. The targets are 1.5
for time and 1.2 for memory; with `--strict` the exit status tells whether they were met.
"""

import sys
from itertools import pairwise
from statistics import median

import interleave
from interleave import OURS, PEER, Worker, agree, median_ratio, race, seconds, volume

TIME_TARGET, MEMORY_TARGET = 1.5, 1.2


# ---------------------------------------------------------------- the mathematics, shared


def polynomial(x, y):
    """x^2 y + y + 2."""
    return x * x * y + y + 2


def rosenbrock(np, x):
    """Rosenbrock's valley in many dimensions."""
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def network_loss(np, layers, x, labels):
    """The cross-entropy of a network of rectified layers."""
    for weights, bias in layers[:-1]:
        x = np.maximum(x @ weights + bias, 0)
    z = x @ layers[-1][0] + layers[-1][1]
    z = z - np.max(z, axis=1, keepdims=True)
    logs = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    return -np.mean(logs[np.arange(len(labels)), labels])


def well(np, p, x):
    """A trial wave on points `x`: zero at both ends, a 1-100-1 network between."""
    h = np.tanh(x[:, None] * p[0] + p[1])
    return x * (1 - x) * (np.dot(h, p[2])[:, 0] + p[3][0])


def well_loss(np, curvature, wave, p, points):
    """The residual of -u'' = pi^2 u, and u's norm."""
    residual = curvature(p, points) + np.pi**2 * wave(p, points)
    return np.mean(residual**2) + (np.mean(wave(p, points) ** 2) - 0.5) ** 2


def chain(np, x):
    """A thousand operations, one after the other."""
    for _ in range(250):
        x = 0.999 * x + 0.002 * np.sin(x)
    return x


# ---------------------------------------------------------------- data


def numbers(n):
    """A start for Rosenbrock's function."""
    import numpy

    return numpy.random.default_rng(0).normal(size=n)


def network_data():
    """Layers 784-512-256-10 in float32, a batch of 128 and its labels."""
    import numpy

    rng, sizes = numpy.random.default_rng(0), [784, 512, 256, 10]
    layers = [
        ((rng.normal(size=(a, b)) / a**0.5).astype("f4"), numpy.zeros(b, "f4"))
        for a, b in pairwise(sizes)
    ]
    return layers, rng.random((128, 784), dtype="f4"), rng.integers(0, 10, 128)


def well_data():
    """The network's parameters and 256 points."""
    import numpy

    rng = numpy.random.default_rng(0)
    p = [rng.normal(size=(1, 100)), rng.normal(size=100), rng.normal(size=(100, 1)) / 10]
    return [*p, numpy.zeros(1)], numpy.linspace(0, 1, 256)


# ---------------------------------------------------------------- both frameworks


def ours(workload):
    """The call to time with adjoint."""
    import numpy as np

    import adjoint as ad

    if workload.startswith("pinn"):

        def wave_at(p, x):
            h = np.tanh(x * p[0][0] + p[1])
            return x * (1 - x) * ((h @ p[2])[0] + p[3][0])

        def by_row(p, points):
            second = ad.grad(ad.grad(lambda x: wave_at(p, x)))
            return ad.vmap(second)(points)

        def wave_by_row(p, points):
            return ad.vmap(lambda x: wave_at(p, x))(points)

        def at_once(p, points):
            def slope(points):
                return ad.grad(lambda x: np.sum(well(np, p, x)))(points)

            return ad.grad(lambda x: np.sum(slope(x)))(points)

        def wave(p, points):
            return well(np, p, points)

        forms = {"pinn": (at_once, wave), "pinn (vmap)": (by_row, wave_by_row)}
        curvature, values = forms[workload]
        return call_of(
            ad.grad(lambda p, points: well_loss(np, curvature, values, p, points)), *well_data()
        )
    return common(workload, np, ad.grad)


def peer(workload):
    """The call to time with autograd."""
    import autograd.numpy as np
    from autograd import elementwise_grad, grad

    if workload.startswith("pinn"):

        def wave(p, points):
            return well(np, p, points)

        def curvature(p, points):
            return elementwise_grad(elementwise_grad(lambda x: wave(p, x)))(points)

        return call_of(
            grad(lambda p, points: well_loss(np, curvature, wave, p, points)), *well_data()
        )
    return common(workload, np, grad)


def common(workload, np, grad):
    """The workloads whose code is the same in both."""
    if workload == "scalar":
        return call_of(grad(polynomial, (0, 1)), 3.0, 4.0)
    if workload.startswith("rosenbrock"):
        x = numbers(int(float(workload.split()[1])))
        return call_of(grad(lambda x: rosenbrock(np, x)), x)
    if workload == "mlp":
        layers, x, labels = network_data()
        return call_of(grad(lambda layers: network_loss(np, layers, x, labels)), layers)
    assert workload == "chain 1000", workload
    return call_of(grad(lambda x: chain(np, x)), 0.7)


def call_of(gradient, *arguments):
    """A call without arguments."""
    return lambda: gradient(*arguments)


def check(result):
    """A few figures that tell whether two gradients are the same."""
    import numpy

    if isinstance(result, (list, tuple)):
        return [value for part in result for value in check(part)]
    flat = numpy.ravel(numpy.asarray(result, float))
    return [float(flat.sum()), float(numpy.abs(flat).max()), float(flat[0]), float(flat[-1])]


WORKLOADS = [
    "scalar",
    "rosenbrock 10",
    "rosenbrock 1e6",
    "mlp",
    "pinn",
    "pinn (vmap)",
    "chain 1000",
]


def main():
    parser = interleave.arguments(__doc__)
    parser.add_argument("--runs", type=int, default=1, help="runs; the median ratio is reported")
    parser.add_argument("--strict", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    if options.worker:
        framework, workload = options.worker
        return interleave.serve((ours if framework == OURS else peer)(workload), check)

    missed = []
    print(
        f"{'workload':16}{OURS:>12}{PEER:>12}  {'time ratio':18}"
        f"{'peak ' + OURS:>14}{'peak ' + PEER:>14}  ratio   resident (both)"
    )
    for workload in (w for w in WORKLOADS if options.only in w):
        ratios = []
        for _ in range(options.runs):
            workers = [
                Worker(options, __file__, OURS, workload),
                Worker(options, __file__, PEER, workload),
            ]
            race(workers, options.rounds)
            ratios.append(median_ratio(*workers))
            ram = [worker.ask("memory") for worker in workers]
            for worker in workers:
                worker.close()
            if not agree(workers[0].check, workers[1].check, 1e-3 if workload == "mlp" else 1e-8):
                sys.exit(f"{workload}: {workers[0].check} is not {workers[1].check}")
        ratio, grown = median(ratios), ram[0]["peak"] / ram[1]["peak"]
        spread = f"({min(ratios):.2f}-{max(ratios):.2f})" if options.runs > 1 else ""
        times = "".join(seconds(median(worker.times)).rjust(12) for worker in workers)
        peaks = "".join(volume(each["peak"]).rjust(14) for each in ram)
        resident = " ".join(volume(each["resident"]) for each in ram)
        print(f"{workload:16}{times}  x{ratio:5.2f} {spread:11}{peaks}  x{grown:5.2f} {resident}",
              flush=True)  # fmt: skip
        if ratio > TIME_TARGET or grown > MEMORY_TARGET:
            missed.append(workload)
    if missed:
        print(f"beyond the targets (time x{TIME_TARGET}, memory x{MEMORY_TARGET}): {missed}")
    if missed and options.strict:
        sys.exit(1)


if __name__ == "__main__":
    main()
