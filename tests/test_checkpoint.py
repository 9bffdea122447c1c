"""`checkpoint`: the same derivatives in every mode, in less memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import optree
import pytest

import adjoint as ad
from adjoint.runtime.linked import Linked

rng = np.random.default_rng(0)
WEIGHTS = [rng.normal(size=(5, 5)) for _ in range(4)]
X = rng.normal(size=5)
POLICIES = [None, "contractions", ["inner"], lambda node: node.primitive.name == "tanh"]


def layer(w: Any, x: Any) -> Any:
    return np.tanh(ad.checkpoint_name(w @ x, "inner")) * np.exp(-x * x)


def network(weights: Any, x: Any, one: Any = layer) -> Any:
    for w in weights:
        x = one(w, x)
    return np.sum(x)


def same(found: Any, wanted: Any) -> None:
    pairs = zip(optree.tree_leaves(found), optree.tree_leaves(wanted), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_mode(policy):
    one = ad.checkpoint(layer, policy=policy)

    def kept(weights: Any, x: Any) -> Any:
        return network(weights, x, one)

    both = {"argnums": (0, 1)}
    wanted = ad.grad(network, **both)(WEIGHTS, X)
    same(ad.grad(kept, **both)(WEIGHTS, X), wanted)
    same(ad.jit(ad.grad(kept, **both))(WEIGHTS, X), wanted)
    same(ad.grad(ad.jit(kept), **both)(WEIGHTS, X), wanted)
    f, g = (lambda x: network(WEIGHTS, x)), (lambda x: kept(WEIGHTS, x))
    assert g(X) == f(X)
    same(ad.jit(g)(X), f(X))
    same(ad.hessian(g)(X), ad.hessian(f)(X))
    same(ad.jit(ad.hessian(g))(X), ad.hessian(f)(X))
    same(ad.grad(lambda x: np.sum(ad.grad(g)(x) ** 2))(X),
         ad.grad(lambda x: np.sum(ad.grad(f)(x) ** 2))(X))  # fmt: skip
    rows = rng.normal(size=(3, 5))
    same(ad.vmap(ad.grad(g))(rows), ad.vmap(ad.grad(f))(rows))
    same(ad.jit(ad.vmap(ad.grad(g)))(rows), ad.vmap(ad.grad(f))(rows))
    same(ad.jvp(g, (X,), (X,)), ad.jvp(f, (X,), (X,)))
    same(ad.jacobian(ad.checkpoint(lambda x: layer(WEIGHTS[0], x)))(X),
         ad.jacobian(lambda x: layer(WEIGHTS[0], x))(X))  # fmt: skip


def test_containers_captures_and_branches():
    scale = np.array([1.0, 2.0, 3.0])

    @ad.checkpoint
    def step(state: dict, label: str, k: int) -> dict:
        x = state["x"]
        if np.sum(x) > 0:
            x = np.sin(x) * scale
        else:
            x = np.cos(x) * k
        return {"x": x, "label": label}

    def loss(x: Any) -> Any:
        state = {"x": x, "label": ""}
        for k in range(3):
            state = step(state, "done", k)
        assert state["label"] == "done"
        return np.sum(state["x"] ** 2)

    def plainly(x: Any) -> Any:
        for k in range(3):
            x = np.sin(x) * scale if np.sum(x) > 0 else np.cos(x) * k
        return np.sum(x**2)

    for x in (np.array([0.5, 0.2, -0.3]), np.array([-0.5, 0.2, -0.3])):
        same(ad.grad(loss)(x), ad.grad(plainly)(x))
        same(ad.jit(ad.grad(loss))(x), ad.grad(plainly)(x))
        same(ad.vmap(ad.grad(loss))(x[None]), ad.grad(plainly)(x)[None])


def test_in_loops():
    def loss(x: Any, wrap: Any) -> Any:
        body = wrap(lambda c: np.sin(c) * np.exp(-c * c))
        return np.sum(ad.fori_loop(0, 6, lambda i, c: body(c) + x, x))

    x = np.array([0.3, 0.8])
    wanted = ad.grad(loss)(x, lambda f: f)
    same(ad.grad(loss)(x, ad.checkpoint), wanted)
    same(ad.jit(ad.grad(lambda x: loss(x, ad.checkpoint)))(x), wanted)
    nested = ad.checkpoint(lambda x: loss(x, ad.checkpoint))
    same(ad.jit(ad.grad(nested))(x), wanted)


COUNT, BLOCKS = 20_000, 20


def chain(x: Any, wrap: Any = lambda f: f) -> Any:
    """20 blocks of 10 operations that reverse mode needs the values of."""

    def block(x: Any) -> Any:
        for _ in range(5):
            x = np.sin(x * x)
        return x

    one = wrap(block)
    for _ in range(BLOCKS):
        x = one(x)
    return np.sum(x)


def test_the_peak_falls_as_predicted():
    x = np.linspace(-1.0, 1.0, COUNT)

    def peak(function: Any) -> tuple[float, Any]:
        gradient = ad.grad(function)
        gradient(x[:10])
        tracemalloc.start()
        try:
            found = gradient(x)
            return tracemalloc.get_traced_memory()[1] / x.nbytes, found
        finally:
            tracemalloc.stop()

    everything, wanted = peak(chain)
    little, found = peak(lambda x: chain(x, ad.checkpoint))
    same(found, wanted)
    assert everything > 10 * BLOCKS  # a value for each operation
    assert little < BLOCKS + 10 + 8  # one for each block, one block's own, and some at work
    names = peak(lambda x: chain(x, lambda f: ad.checkpoint(f, policy=lambda n: True)))[0]
    assert names > 9 * BLOCKS


def test_the_workspace_of_a_program_falls():
    x = np.linspace(-1.0, 1.0, COUNT)
    sizes = []
    for function in (chain, lambda x: chain(x, ad.checkpoint)):
        program = ad.jit(ad.grad(function)).lower(x)
        whole = program.whole()
        sizes.append(whole.workspace / x.nbytes)
        same(ad.jit(ad.grad(function))(x), ad.grad(chain)(x))
    assert isinstance(whole, Linked)
    assert sizes[1] < BLOCKS + 10 + 8


def test_errors():
    def shown(kind: Any, call: Any) -> str:
        with pytest.raises(kind) as caught:
            call()
        return str(caught.value)

    text = shown(TypeError, lambda: ad.checkpoint(3.0))
    assert text.startswith("ad.checkpoint got a float.\n  expected: a function\n")
    text = shown(ValueError, lambda: ad.checkpoint(layer, policy="inner"))
    assert text.startswith("ad.checkpoint got policy='inner'")
    assert text.endswith("write instead: `policy=['inner']` for a value named 'inner'")
    text = shown(TypeError, lambda: ad.checkpoint(layer, policy=3))
    assert text.startswith("ad.checkpoint got a int as its policy")
    text = shown(TypeError, lambda: ad.checkpoint_name(1.0, 2))
    assert text.startswith("ad.checkpoint_name got 2 as a name")
    text = shown(TypeError, lambda: ad.checkpoint_name("a", "b"))
    assert text.startswith("ad.checkpoint_name got a str")

    def bad(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        ad.grad(ad.checkpoint(bad))(1.0)


def test_outside_of_a_differentiation_it_is_the_function_itself():
    calls = []

    @ad.checkpoint
    def f(x: float) -> float:
        """Of mine."""
        calls.append(x)
        return x * 2

    assert f(3.0) == 6.0 and calls == [3.0]
    assert f.__name__ == "f" and f.__doc__ == "Of mine."
