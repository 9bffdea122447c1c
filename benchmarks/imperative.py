"""Plain imperative training loops, step by step, against PyTorch's eager mode.

    python benchmarks/imperative.py --python-peer /path/to/python-with-torch

The same text runs on both sides: tensors, `backward`, an update by hand under `no_grad`.  Nothing
asks for compilation.  `784-64-10`: a batch of 32, cross-entropy, gradient descent with momentum.
`1-100-1`: 256 points, the second derivative of the network by its input inside the loss.  Both in
float32 (PyTorch's own default) and float64.  After 40 steps the losses of both sides are compared;
then their rounds are timed in turn, the time of a step.  `, read` reads the loss in every step.
"""

import argparse
import json
from statistics import median

import interleave
from interleave import Worker, agree, median_ratio, race, seconds, spread, times
from native import conclude, line

STEPS = 40  # before the losses are compared
TARGETS = {
    "784-64-10 float32": 1 / 1.5,
    "784-64-10 float64": 1 / 1.5,
    "784-64-10 float32, read": None,
    "1-100-1 float32": 1 / 10,
    "1-100-1 float64": 1 / 10,
}


class Tensors:
    """What the programs use, by the same names on both sides."""

    def __init__(self, framework: str, dtype: str) -> None:
        import numpy as np

        if framework == interleave.OURS:
            import adjoint as ad

            self.tanh, self.exp, self.log = np.tanh, np.exp, np.log
            self.greatest = lambda x: np.max(x, axis=1, keepdims=True)
            self.grad, self.no_grad = ad.autograd.grad, ad.no_grad
            self.tensor = lambda x: ad.tensor(np.asarray(x, dtype))
            self.places = lambda x: ad.tensor(x)
        else:
            import torch

            self.tanh, self.exp, self.log = torch.tanh, torch.exp, torch.log
            self.greatest = lambda x: torch.amax(x, 1, keepdim=True)
            self.grad, self.no_grad = torch.autograd.grad, torch.no_grad
            self.tensor = lambda x: torch.tensor(np.asarray(x, dtype))
            self.places = torch.tensor


def perceptron(t: Tensors):
    """A step of the 784-64-10 network."""
    import numpy as np

    draw = np.random.default_rng(0)
    x, y = t.tensor(draw.normal(size=(32, 784))), t.places(draw.integers(0, 10, 32))
    rows = t.places(np.arange(32))
    sizes = ((784, 64), (64,), (64, 10), (10,))
    weights = [t.tensor(0.05 * draw.normal(size=s)).requires_grad_() for s in sizes]
    speeds = [t.tensor(np.zeros(s)) for s in sizes]

    def step():
        z = t.tanh(x @ weights[0] + weights[1]) @ weights[2] + weights[3]
        z = z - t.greatest(z)
        loss = (t.log(t.exp(z).sum(1)) - z[rows, y]).mean()
        loss.backward()
        with t.no_grad():
            for w, speed in zip(weights, speeds, strict=True):
                speed *= 0.9
                speed -= 0.05 * w.grad
                w += speed
                w.grad = None
        return loss

    return step


def well(t: Tensors):
    """A step of the 1-100-1 network: u'' + 9.87 u = 0 between two walls."""
    import numpy as np

    draw = np.random.default_rng(0)
    sizes = ((1, 100), (100,), (100, 1), (1,))
    weights = [t.tensor(draw.normal(size=s) / s[0] ** 0.5).requires_grad_() for s in sizes]
    speeds = [t.tensor(np.zeros(s)) for s in sizes]
    x = t.tensor(np.linspace(0.0, 1.0, 256)[:, None]).requires_grad_()

    def step():
        u = t.tanh(x @ weights[0] + weights[1]) @ weights[2] + weights[3]
        (slope,) = t.grad(u.sum(), x, create_graph=True)
        (curvature,) = t.grad(slope.sum(), x, create_graph=True)
        loss = ((curvature + 9.87 * u) ** 2).mean() + u[0, 0] ** 2 + u[-1, 0] ** 2
        loss.backward()
        with t.no_grad():
            for w, speed in zip(weights, speeds, strict=True):
                speed *= 0.9
                speed -= 1e-5 * w.grad
                w += speed
                w.grad = None
        return loss

    return step


def work(framework: str, name: str) -> None:
    """A worker: one side of one program."""
    network, dtype = name.removesuffix(", read").split()
    step = {"784-64-10": perceptron, "1-100-1": well}[network](Tensors(framework, dtype))
    is_read = name.endswith("read")
    losses = [step() for _ in range(STEPS)]
    check = [float(x.detach().item()) for x in losses]

    def loop(repeats: int) -> None:
        for _ in range(repeats):
            loss = step()
            if is_read:
                loss.item()

    repeats = interleave.calibrated(loop)
    print(json.dumps(check), flush=True)
    interleave.answer(loop, repeats)


def main() -> None:
    parser = interleave.judged_arguments(__doc__)
    options = parser.parse_args()
    if options.worker:
        return work(*options.worker)
    widths = (26, 11, 11, 9, 18, 8, 5, 6)
    line(widths, "program,adjoint,PyTorch,ratio,,target,,others".split(","))
    missed, errors, judged = [], [], 0
    for name, target in TARGETS.items():
        if options.only not in name:
            continue
        ratios, taken, others = contest(options, name, errors)
        if not ratios:
            continue
        ratio, verdict = median(ratios), ["-", ""]
        if target is not None:
            judged += 1
            verdict = [times(target), "met" if ratio <= target else "no"]
            if ratio > target:
                missed.append(name)
        line(widths, [name, *taken, times(ratio), spread(ratios), *verdict, f"{others:.2f}"])
    conclude(missed, errors, judged, options.strict)


def contest(options: argparse.Namespace, name: str, errors: list[str]):
    """The ratios of all runs, the last one's times, how busy others were."""
    ratios, taken, others = [], [], 0.0
    for _ in range(options.runs):
        workers: list[Worker] = []
        try:
            for framework in (interleave.OURS, "torch"):
                workers.append(Worker(options, __file__, framework, name))
            ours, peer = workers
            if not agree(ours.check, peer.check, 1e-3 if "float32" in name else 1e-8):
                raise interleave.Failed(f"the losses differ: {ours.check[-1]}, {peer.check[-1]}")
            others = max(others, race(workers, options.rounds))
            ratios.append(median_ratio(ours, peer))
            taken = [seconds(median(worker.times)).strip() for worker in workers]
        except interleave.Failed as error:
            errors.append(f"{name}: {error.brief()}")
            return [], [], 0.0
        finally:
            for worker in workers:
                worker.close()
    return ratios, taken, others


if __name__ == "__main__":
    main()
