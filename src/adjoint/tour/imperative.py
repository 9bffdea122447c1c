"""The imperative chapter: tensors that record, `backward`, and what happens when one goes wrong.

The small examples have figures known by hand, with which they are compared; then a network learns a
curve in a loop that is written out.
"""

from __future__ import annotations

from importlib.util import find_spec

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
    mxnet(context, console)
    errors(context, console)
    training(context, console)
    memory(context, console)
    libraries(context, console)


def mxnet(context: Context, console: Console) -> None:
    """Attached gradients, head gradients, constants, control flow."""
    say = context.say
    say("  As in MXNet: a gradient that is attached is written by each pass, and a vector that was")
    say("  recorded counts as its sum.")
    say()
    console.run("""
        x = ad.tensor(np.arange(4.0))
        x.attach_grad()
        with ad.record():
            y = 2 * np.dot(x, x)
        y.backward()
        x.grad
    """)
    expect(context, "4x", console["x"].grad.tolist(), [0.0, 4.0, 8.0, 12.0])
    console.run("""
        with ad.record():
            y = x.sum()
        y.backward()
        x.grad
        with ad.record():
            y = x * x
            u = y.detach()
            z = u * x
        z.backward()
        x.grad.tolist() == u.tolist()
        y.backward()
        x.grad
    """)
    expect(context, "2x", console["x"].grad.tolist(), [0.0, 2.0, 4.0, 6.0])
    say("  What a vector's derivative is multiplied by may be given; control flow is Python's own:")
    say()
    console.run("""
        x = ad.tensor(np.linspace(-5, 5, 20), requires_grad=True)
        np.exp(-(x**2)).backward(np.ones(20))
        at = np.linspace(-5, 5, 20)
        bool(np.abs(x.grad.numpy() + 2 * at * np.exp(-(at**2))).max() < 1e-15)
        a = ad.tensor([[0.7, 0.2], [0.1, -0.3]], requires_grad=True)
        b = 2 * a
        while np.linalg.norm(b) < 1000:
            b = 2 * b
        c = b if b.sum() > 0 else 100 * b
        c.sum().backward()
        a.grad, (c / a).detach()
    """)
    expect(context, "c / a", console["a"].grad.ravel().tolist(), [2048.0] * 4)


def errors(context: Context, console: Console) -> None:
    """Values that were overwritten, and a derivative that is no number."""
    say = context.say
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


def training(context: Context, console: Console) -> None:
    """A loop that is written out, and what its steps take."""
    say = context.say
    say(
        "  A network of ten neurons learns a sine, momentum written out. A step that repeats itself"
    )
    say("  becomes one native program, without being asked:")
    say()
    console.run("""
        rng = np.random.default_rng(1)
        at = np.linspace(-3.0, 3.0, 60)[:, None]
        wanted = np.sin(at)
        weights = [rng.normal(size=s) / 2 for s in ((1, 10), (10,), (10, 1), (1,))]
        weights = [ad.tensor(w, requires_grad=True) for w in weights]
        speed = [ad.tensor(np.zeros(w.shape)) for w in weights]

        def step():
            inner = np.tanh(at @ weights[0] + weights[1])
            loss = np.mean((inner @ weights[2] + weights[3] - wanted) ** 2)
            loss.backward()
            with ad.no_grad():
                for w, v in zip(weights, speed, strict=True):
                    v *= 0.9
                    v -= 0.05 * w.grad
                    w += v
                    w.grad = None
            return loss

        losses = [step().item() for _ in range(400)]
        print(f"{losses[0]:.3f} at first, {losses[-1]:.6f} after {len(losses)} steps")

        import time

        def seconds():
            begun = time.perf_counter()
            for _ in range(50):
                step()
            return (time.perf_counter() - begun) / 50

        warm = [seconds() for _ in range(2)]
        native = min(seconds() for _ in range(3))
        with ad.autograd.compile(False):
            plain = min(seconds() for _ in range(3))
        print(f"{1e6 * native:.0f} us a step, {1e6 * plain:.0f} us uncompiled")
    """)
    if not console["losses"][-1] < 0.01:
        context.fail(f"the network has not learnt: {console['losses'][-1]:.3g}")
    if not np.isfinite(console["losses"]).all():
        context.fail("a loss is no number")


def memory(context: Context, console: Console) -> None:
    """What is held for a backward pass: all, half of it computed again, none of it in memory."""
    say = context.say
    say("  What the operations keep for the pass can be computed again, or lie in files:")
    say()
    console.run("""
        def layer(x):
            return np.tanh(np.sin(x) * np.exp(-x))

        import tracemalloc
        from contextlib import nullcontext

        def held(how):
            x = ad.tensor(np.linspace(0, 1, 200_000), requires_grad=True)
            again, files = ad.checkpoint(layer), ad.autograd.graph.save_on_disk()
            tracemalloc.start()
            with ad.autograd.compile(False), files if how == "files" else nullcontext():
                y = x
                for k in range(8):
                    y = (again if how == "every other" and k % 2 else layer)(y)
            megabytes = tracemalloc.get_traced_memory()[0] / 1e6
            y.sum().backward()
            tracemalloc.stop()
            return megabytes, x.grad.sum().item()

        kept = {how: held(how) for how in ("all", "every other", "files")}
        for how, (megabytes, _) in kept.items():
            print(f"{how:12}{megabytes:6.1f} MB")
    """)
    found = console["kept"]
    if not found["files"][0] < found["every other"][0] < found["all"][0]:
        context.fail(f"the memory does not fall: {found}")
    expect(context, "the gradient", [found["files"][1], found["every other"][1]],
           [found["all"][1]] * 2)  # fmt: skip


def libraries(context: Context, console: Console) -> None:
    """A library that takes arrays of any kind, inside a differentiated function."""
    if find_spec("einops") is None:
        return
    context.say("  Libraries on top of arrays take tensors and traced values, here einops:")
    context.say()
    console.run("""
        from einops import reduce

        image = np.arange(32.0).reshape(1, 4, 8)
        brightest = lambda x: np.sum(reduce(x, "c (h i) (w j) -> h w c", "max", i=2, j=4))
        int(ad.grad(brightest)(image).sum())
        t = ad.tensor(image, requires_grad=True)
        brightest(t).backward()
        np.argwhere(t.grad.numpy()[0]).tolist()
    """)
    expect(context, "the brightest", [console["t"].grad.sum().item()], [4.0])


CHAPTERS = [Chapter("Tensors that record", tensors)]
