"""Bounds on what reverse mode through loops keeps: the same gradients, in less memory."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import adjoint as ad
from adjoint.transform.checkpoints import Memory, bounded, peak, plan, size_of

PLANS = [
    Memory(None, (3,)), Memory(None, (10,)), Memory(None, (12, 3)), Memory(None, (1,)),
    Memory(1100), Memory(2000),
]  # fmt: skip


def recurrence(x, n, reverse=False):
    """A number that depends on the last carry and on all rows that were made."""

    def step(carry, row):
        a, b = carry
        return (np.sin(a) * row + b * x, a * 0.5 + b * 0.1), a * b

    (a, b), made = ad.scan(step, (x * 1.0, x * 2), np.linspace(0, 1, n), reverse=reverse)
    return np.sum(a + b) + np.sum(made**2)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [1, 2, 7, 31, 100])
def test_a_bound_changes_no_gradient(n, reverse):
    first, second = ad.grad(recurrence), ad.grad(ad.grad(recurrence))
    wanted = first(0.3, n, reverse), second(0.3, n, reverse)
    for memory in PLANS:
        with bounded(memory):
            found = first(0.3, n, reverse), second(0.3, n, reverse)
            jitted = ad.jit(first)(0.3, n, reverse)
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
        np.testing.assert_allclose(jitted, wanted[0], rtol=1e-12)


def test_every_way_to_ask_for_it():
    def loss(x, **kwargs):
        return ad.fori_loop(0, 50, lambda i, c: np.sin(c) + 0.01 * i * x, x, **kwargs)

    def newton(a, **kwargs):
        def goes_on(state):
            return abs(state * state - a) > 1e-12

        return ad.while_loop(goes_on, lambda s: (s + a / s) / 2, a, **kwargs)

    wanted = ad.grad(loss)(0.7)
    same = pytest.approx(wanted, rel=1e-13)
    assert ad.grad(lambda x: loss(x, checkpoint_every=7))(0.7) == same
    assert ad.grad(lambda x: loss(x, memory_limit="200 B"))(0.7) == same
    assert ad.grad(loss, memory_limit=200)(0.7) == same
    assert ad.value_and_grad(loss, checkpoint_every=8)(0.7)[1] == same
    assert ad.jit(ad.grad(loss), memory_limit=200)(0.7) == same
    assert ad.jit(checkpoint_every=5)(ad.grad(loss))(0.7) == same
    assert ad.grad(ad.jit(loss, checkpoint_every=5))(0.7) == same
    assert ad.grad(lambda a: newton(a, checkpoint_every=2))(7.0) == pytest.approx(0.5 / 7**0.5)
    rows = np.linspace(0.2, 0.9, 4)
    each = ad.vmap(ad.grad(lambda x: loss(x, checkpoint_every=7)))(rows)
    np.testing.assert_allclose(each, ad.vmap(ad.grad(loss))(rows), rtol=1e-12)


def history(function, *args):
    """The rows of the arrays that the loops of a gradient keep, outside of blocks."""
    graph = ad.jit(ad.grad(function)).lower(*args).function
    return sorted(n.shape for n in graph.order if n.primitive.name == "item" and len(n.shape) > 1)


def test_what_is_kept():
    def loss(x, **kwargs):
        return np.sum(ad.fori_loop(0, 1000, lambda i, c: np.sin(c), x, **kwargs))

    x = np.ones(3)
    assert history(loss, x) == [(1000, 3)]
    assert history(lambda x: loss(x, checkpoint_every=50), x) == [(20, 3)]
    assert history(lambda x: loss(x, memory_limit=1000 * 3 * 8 * 2), x) == [(1000, 3)]
    assert history(lambda x: loss(x, memory_limit="4 kB"), x) == [(8, 3), (31, 3)]
    linear = lambda x: np.sum(ad.fori_loop(0, 1000, lambda i, c: 0.5 * c, x))
    assert history(linear, x) == []  # a linear body needs nothing


def test_plans():
    assert plan(100, 8, 8, None) == ()
    assert plan(100, 8, 8, Memory(1000)) == ()
    assert plan(100, 0, 8, Memory(10)) == ()
    for limit in (10**8, 10**7, 10**6, 10**5):
        sizes = plan(10**6, 2000, 2000, Memory(limit))
        assert peak(10**6, sizes, 2000, 2000) <= limit
    assert plan(100, 8, 8, Memory(None, (200, 10))) == (10,)


def test_sizes():
    assert size_of("200 MB", "f") == 200_000_000
    assert size_of("1.5 GiB", "f") == 3 << 29
    assert size_of(" 10kb", "f") == 10_000
    assert size_of("12", "f") == 12
    assert size_of(4096.0, "f") == 4096


SCRIPT = """
    import sys, numpy as np, adjoint as ad

    def status(name):
        for line in open("/proc/self/status"):
            if line.startswith(name):
                return int(line.split()[1]) / 1024

    x, w = np.linspace(-1.0, 1.0, 250), np.linspace(0.1, 0.9, 250)

    def loss(x, w, n):
        return np.sum(ad.fori_loop(0, n, lambda i, c: c + 1e-3 * np.cos(c * w), x) ** 2)

    limit = None if sys.argv[1] == "none" else sys.argv[1]
    gradient = ad.grad(loss, argnums=(0, 1), memory_limit=limit)
    if sys.argv[2] == "jit":
        gradient = ad.jit(gradient)
    gradient(x, w, 40_000)
    before = status("VmRSS")
    result = gradient(x, w, 100_001)
    print(max(status("VmHWM") - before, 0.0), *map(float.hex, map(float, map(np.sum, result))))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("way", ["jit", "plain"])
def test_the_peak_stays_below_the_limit(way):
    def run(limit):
        made = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(SCRIPT), limit, way],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        growth, *sums = made.stdout.split()
        return float(growth), [float.fromhex(x) for x in sums]

    (free, wanted), (kept, found) = run("none"), run("20 MB")
    assert free > 100  # MB: 120 of history beyond the first call's
    assert kept < 20
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


# ------------------------------------------------------------------------------------------ errors


def shown(kind, call):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def test_errors():
    body = lambda i, c: np.sin(c)
    text = shown(ValueError, lambda: ad.fori_loop(0, 3, body, 1.0, memory_limit="much"))
    assert text.startswith("ad.fori_loop got memory_limit='much'") and "200 MB" in text
    text = shown(ValueError, lambda: ad.grad(np.sin, memory_limit=-1))
    assert text.startswith("grad got memory_limit=-1")
    text = shown(
        ValueError, lambda: ad.scan(lambda c, x: (c, x), 1.0, length=2, checkpoint_every=0)
    )
    assert text.startswith("ad.scan got checkpoint_every=0")
    text = shown(TypeError, lambda: ad.jit(np.sin, checkpoint_every=2.5))
    assert text.startswith("ad.jit got checkpoint_every=2.5")

    def long(x):
        return np.sum(ad.fori_loop(0, 10_000, body, x, memory_limit=1000))

    text = shown(ValueError, lambda: ad.grad(long)(np.ones(100)))
    assert text.startswith(
        "reverse mode through a loop of 10000 steps was to keep within 1000 bytes"
    )
    assert "expected: at least" in text
