"""The imperative chapter: tensors that record, `backward`, and what happens when one goes wrong.

The small examples have figures known by hand, with which they are compared; then a network learns a
curve in a loop that is written out.
"""

from __future__ import annotations

import numpy as np

from .console import Console
from .context import Chapter, Context
from .mathematics import expect


def tensors(context: Context) -> None:
    """Gradients, second derivatives, attached gradients, errors, and a training loop."""
    say, console = context.say, Console(context)
    say("  A tensor remembers what was done with it; `backward` leaves the gradients in `.grad`:")
    say()
    console.run("""
        x = ad.tensor(3.0, requires_grad=True)
        y = ad.tensor(4.0, requires_grad=True)
        f = x * x * y + y + 2
        f.grad_fn.name(), f.item()
        f.backward()
        x.grad, y.grad
    """)
    expect(context, "backward", [console["x"].grad.item(), console["y"].grad.item()], [24.0, 10.0])
    say("  A second pass through the same graph is an error, for the first has freed what it read:")
    say()
    console.run("f.backward()", raises=RuntimeError)
    say("  Gradients that are recorded have gradients. The Hessian is [[8, 6], [6, 0]]; y's own")
    say("  part is None: no operation leads there.")
    say()
    console.run("""
        dx, dy = ad.autograd.grad(x * x * y + y, (x, y), create_graph=True)
        rows = [ad.autograd.grad(dx, (x, y), retain_graph=True)]
        rows.append(ad.autograd.grad(dy, (x, y), allow_unused=True))
        rows
    """)
    (xx, xy), (yx, yy) = console["rows"]
    expect(context, "the Hessian", [xx.item(), xy.item(), yx.item()], [8.0, 6.0, 6.0])
    if yy is not None:
        context.fail("a gradient that does not exist is there")
    say("  As in MXNet: a gradient that is attached is written by each pass, and a vector that was")
    say("  recorded counts as its sum. Control flow is Python's own.")
    say()
    console.run("""
        x = ad.tensor(np.arange(4.0))
        x.attach_grad()
        with ad.record():
            y = 2 * np.dot(x, x)
        y.backward()
        x.grad
        a = ad.tensor(0.7, requires_grad=True)
        b = 2 * a
        while np.linalg.norm(b) < 1000:
            b = 2 * b
        b.backward()
        a.grad, b.item() / a.item()
    """)
    expect(context, "4x", console["x"].grad.tolist(), [0.0, 4.0, 8.0, 12.0])
    expect(context, "b / a", [console["a"].grad.item()], [2048.0])
    say("  What a derivative still needs may not be overwritten; what is no number is traced back")
    say("  to the line that made it:")
    say()
    console.run(
        """
        y = np.exp(x)
        y += 1
        y.sum().backward()
        """,
        raises=RuntimeError,
    )
    console.run(
        """
        zero = ad.tensor(0.0, requires_grad=True)
        with ad.autograd.detect_anomaly():
            np.sqrt(2 * zero).backward()
        """,
        raises=RuntimeError,
    )
    say("  A network of ten neurons learns a sine, momentum written out:")
    say()
    console.run("""
        rng = np.random.default_rng(1)
        at = np.linspace(-3.0, 3.0, 60)[:, None]
        wanted = np.sin(at)
        weights = [rng.normal(size=s) / 2 for s in ((1, 10), (10,), (10, 1), (1,))]
        weights = [ad.tensor(w, requires_grad=True) for w in weights]
        speed = [np.zeros(w.shape) for w in weights]
        losses = []
        for step in range(400):
            inner = np.tanh(at @ weights[0] + weights[1])
            loss = np.mean((inner @ weights[2] + weights[3] - wanted) ** 2)
            loss.backward()
            losses.append(loss.item())
            with ad.no_grad():
                for w, v in zip(weights, speed, strict=True):
                    v *= 0.9
                    v -= 0.05 * w.grad.numpy()
                    w += v
                    w.grad = None
        print(f"{losses[0]:.3f} at first, {losses[-1]:.6f} after {len(losses)} steps")
    """)
    if not console["losses"][-1] < 0.01:
        context.fail(f"the network has not learnt: {console['losses'][-1]:.3g}")
    if not np.isfinite(console["losses"]).all():
        context.fail("a loss is no number")


CHAPTERS = [Chapter("Tensors that record", tensors)]
