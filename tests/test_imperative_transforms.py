"""Tensors that a function makes while a transform runs it: `backward` inside `jit`, `grad`, `vmap`
and the others gives what it gives outside of them, and derivatives of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adjoint as ad

X = np.array([0.3, 1.2, -0.7])
ROWS = np.stack([X, 2 * X, X - 1])


def slope(x: Any) -> Any:
    """The gradient of a sum, by a pass of its own."""
    t = ad.tensor(x, requires_grad=True)
    np.sum(np.sin(t) * t).backward()
    return t.grad


def second(x: Any) -> Any:
    """A gradient of a gradient."""
    t = ad.tensor(x, requires_grad=True)
    (g,) = ad.autograd.grad(np.sum(np.exp(t) * t), t, create_graph=True)
    (gg,) = ad.autograd.grad(np.sum(g * g), t)
    return gg


def fit(x: Any) -> Any:
    """A loop of gradient descent, with writes in place."""
    w = ad.tensor(np.zeros(3), requires_grad=True)
    speed = ad.tensor(np.zeros(3))
    for _ in range(4):
        loss = np.mean((w - x) ** 2 * np.array([1.0, 2.0, 3.0])) + np.sum(w[1:] * w[:-1])
        loss.backward()
        with ad.no_grad():
            speed *= 0.5
            speed -= 0.1 * w.grad
            w += speed
        w.grad = None
    return np.sum(w.detach() * w)


def head(x: Any) -> Any:
    """MXNet's way: a vector's pass, and NumPy's arrays out of it."""
    t = ad.tensor(x)
    t.attach_grad()
    with ad.record():
        y = np.exp(t) * t
        z = y.clone()
    z.backward(ad.tensor(x) * 2)
    return t.grad.numpy() * 2 + t.detach().numpy()


def hooked(x: Any) -> Any:
    """Hooks, kept gradients, and two passes that add up."""
    t = ad.tensor(x, requires_grad=True)
    y = t * t
    y.retain_grad()
    t.register_hook(lambda gradient: gradient * 3)
    loss = np.sum(y**2)
    loss.backward(retain_graph=True)
    loss.backward()
    return t.grad + y.grad


def branch(x: Any) -> Any:
    """Branches and numbers."""
    t = ad.tensor(x, requires_grad=True)
    s = np.sum(t)
    y = t**2 if s > 0.5 else t**3
    y[0] = y[0] * 2
    np.sum(y * np.max(t)).backward()
    return t.grad


PROGRAMS = [slope, second, fit, head, hooked, branch]


def value(f: Callable, x: np.ndarray) -> np.ndarray:
    """What a program gives outside of every transform, as an array."""
    found = f(x)
    return found.detach().numpy() if isinstance(found, ad.Tensor) else np.asarray(found)


def numeric(f: Callable, x: np.ndarray) -> np.ndarray:
    """A Jacobian by central differences."""
    h = 1e-6
    columns = [(value(f, x + h * v) - value(f, x - h * v)) / (2 * h) for v in np.eye(len(x))]
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("f", PROGRAMS)
def test_a_pass_inside_jit_gives_what_it_gives_outside(f: Callable) -> None:
    compiled = ad.jit(f)
    for x in (X, X + 0.1, X - 0.5):  # the last takes the other branch
        found = compiled(x)
        assert not isinstance(found, ad.Tensor)
        np.testing.assert_allclose(found, value(f, x), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("f", PROGRAMS)
def test_a_pass_has_derivatives(f: Callable) -> None:
    want = numeric(f, X)
    for transform in (ad.jacobian, ad.jacfwd, ad.jacrev, lambda f: ad.jit(ad.jacobian(f))):
        np.testing.assert_allclose(transform(f)(X), want, rtol=1e-7, atol=1e-7)
    output, tangent = ad.jvp(f, (X,), (np.ones(3),))
    np.testing.assert_allclose(output, value(f, X), rtol=1e-12)
    np.testing.assert_allclose(tangent, want.sum(-1), rtol=1e-7, atol=1e-7)
    output, pullback = ad.vjp(f, X)
    np.testing.assert_allclose(output, value(f, X), rtol=1e-12)
    np.testing.assert_allclose(
        pullback(np.ones_like(output))[0], want.reshape(-1, 3).sum(0), rtol=1e-7, atol=1e-7
    )


@pytest.mark.parametrize("f", [f for f in PROGRAMS if f is not branch])
def test_a_pass_inside_vmap_is_that_of_each_row(f: Callable) -> None:
    want = np.stack([value(f, x) for x in ROWS])
    for transform in (ad.vmap, lambda f: ad.jit(ad.vmap(f)), lambda f: ad.vmap(ad.jit(f))):
        np.testing.assert_allclose(transform(f)(ROWS), want, rtol=1e-12, atol=1e-14)
    jacobians = np.stack([ad.jacobian(f)(x) for x in ROWS])
    np.testing.assert_allclose(ad.vmap(ad.jacobian(f))(ROWS), jacobians, rtol=1e-11, atol=1e-13)


def test_transforms_inside_a_function_of_tensors_inside_a_transform() -> None:
    def f(x: Any) -> Any:
        inner = ad.grad(lambda z: np.sum(np.sin(z) ** 2))(x)
        t = ad.tensor(inner, requires_grad=True)
        np.sum(t**3).backward()
        rows = ad.vmap(lambda row: ad.tensor(row) * 2)(t.grad)
        return np.sum(rows)

    def plain(x: Any) -> Any:
        return np.sum(6 * np.sin(2 * x) ** 2)

    np.testing.assert_allclose(ad.grad(f)(X), ad.grad(plain)(X), rtol=1e-12)
    np.testing.assert_allclose(ad.jit(ad.hessian(f))(X), ad.hessian(plain)(X), rtol=1e-12)


def test_numbers_and_dtypes() -> None:
    assert ad.value_and_grad(lambda x: ad.tensor(x) ** 2)(3.0) == (9.0, 6.0)
    assert ad.grad(ad.grad(lambda x: ad.tensor(x, requires_grad=True) ** 3))(2.0) == 12.0
    single = np.float32([1.5, 2.0])
    for found in (ad.jit(slope)(single), ad.vmap(slope)(single[None])[0]):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, value(slope, single), rtol=1e-6)
    lists = ad.grad(lambda x: np.sum(ad.tensor([x, 2 * x, 1.0]) ** 2))(3.0)
    assert lists == 30.0
    again = ad.jit(lambda x: ad.tensor(ad.tensor(x), dtype=np.float32) * 2)(X)
    assert again.dtype == np.float32


def test_containers_and_aux() -> None:
    def f(x: Any) -> Any:
        t = ad.tensor(x, requires_grad=True)
        loss = np.sum(t * t)
        loss.backward()
        return {"loss": loss, "parts": [t.grad, t.detach()]}

    found = ad.jit(f)(X)
    np.testing.assert_allclose(found["loss"], np.sum(X * X))
    np.testing.assert_allclose(found["parts"], [2 * X, X])
    gradient, aux = ad.grad(lambda x: (f(x)["loss"], f(x)["parts"]), has_aux=True)(X)
    np.testing.assert_allclose(gradient, 2 * X)
    assert all(type(x) is np.ndarray for x in aux)
    np.testing.assert_allclose(aux, [2 * X, X])


def test_loops_branches_and_checkpoints_of_tensors() -> None:
    def f(x: Any) -> Any:
        def step(carry: Any, row: Any) -> Any:
            t = ad.tensor(carry, requires_grad=True)
            np.sum(np.sin(t) * row).backward()
            return carry - 0.1 * t.grad, np.sum(t.grad)

        end, sums = ad.scan(step, x, np.ones((4, 3)))
        chosen = ad.cond(np.sum(x) > 0, lambda x: ad.tensor(x) * 2, lambda x: ad.tensor(x), x)
        return np.sum(end * chosen) + np.sum(sums) + np.sum(ad.checkpoint(slope)(x))

    def plain(x: Any) -> Any:
        end, sums = x, 0.0
        for _ in range(4):
            sums = sums + np.sum(np.cos(end))
            end = end - 0.1 * np.cos(end)
        return np.sum(end * x * 2) + sums + np.sum(np.sin(x) + x * np.cos(x))

    np.testing.assert_allclose(ad.jit(f)(X), plain(X), rtol=1e-13)
    np.testing.assert_allclose(ad.grad(f)(X), ad.grad(plain)(X), rtol=1e-12)
    np.testing.assert_allclose(ad.jit(ad.grad(f))(X), ad.grad(plain)(X), rtol=1e-12)


class Passing(ad.autograd.Function):
    """Rounds, and lets gradients pass."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return np.round(x.clone())

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return gradient.clone()


class Cube(ad.autograd.Function):
    """A rule with saved values: twice the true derivative, so that it is seen."""

    @staticmethod
    def forward(ctx: Any, x: Any, scale: Any) -> Any:
        y = x**3
        ctx.save_for_backward(x, y)
        ctx.scale = scale
        return y * scale

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        x, _ = ctx.saved_tensors
        return gradient * 6 * x**2 * ctx.scale, None


def test_the_transform_differentiates_a_function_by_its_rule() -> None:
    for given in (lambda x: x, ad.tensor, lambda x: ad.tensor(x, requires_grad=True)):
        found = ad.grad(lambda x, given=given: np.sum(Passing.apply(given(x))))(X)
        assert found.tolist() == [1.0] * 3
        found = ad.grad(lambda x, given=given: np.sum(Cube.apply(given(x), 2.0)))(X)
        np.testing.assert_allclose(found, 12 * X**2)
        found = ad.jit(ad.grad(lambda x, given=given: np.sum(Cube.apply(given(x), 2.0))))(X)
        np.testing.assert_allclose(found, 12 * X**2)

    def passed(x: Any) -> Any:
        t = ad.tensor(x, requires_grad=True)
        np.sum(Cube.apply(t, 2.0) * t).backward()
        return t.grad

    want = 12 * X**2 * X + 2 * X**3
    for found in (value(passed, X), ad.jit(passed)(X), ad.vmap(passed)(ROWS)[0]):
        np.testing.assert_allclose(found, want)


def test_what_belongs_outside_is_refused() -> None:
    w = ad.tensor(np.ones(3), requires_grad=True)
    for transform in (ad.jit, ad.grad, lambda f: lambda x: ad.vmap(f)(ROWS)):
        with pytest.raises(RuntimeError, match="was made outside of it and would keep a value"):
            transform(lambda x: np.sum(w * ad.tensor(x)).backward())(X)
        assert w.grad is None
        with pytest.raises(RuntimeError, match="the history would be lost"):
            transform(lambda x: np.sum(w * ad.tensor(x)))(X)
    buffer = ad.tensor(np.zeros(3))

    def writes(x: Any) -> Any:
        buffer[:] = ad.tensor(x)
        return np.sum(x)

    for transform in (ad.jit, ad.grad):
        with pytest.raises(ad.TracingError, match="a value of an inner transform was written"):
            transform(writes)(X)
    assert buffer.tolist() == [0.0] * 3


def test_later_writes_into_the_argument_are_not_seen() -> None:
    def f(x: Any) -> Any:
        y = x * 1.0
        t = ad.tensor(y, requires_grad=True)
        loss = np.sum(t * y)
        y[0] = 100.0
        loss.backward()
        return np.sum(t.grad * t)

    for transform in (lambda f: f, ad.jit):
        np.testing.assert_allclose(ad.grad(transform(f))(X), 2 * X)


def inner_grad(x: Any) -> Any:
    t = ad.tensor(x)
    return ad.grad(lambda z: np.sum(np.sin(z * t)))(t)


def inner_pass(x: Any) -> Any:
    t = ad.tensor(x, requires_grad=True)
    np.sum(ad.grad(lambda z: np.sum(np.sin(z * t)))(t)).backward()
    return t.grad


def inner_checkpoint(x: Any) -> Any:
    t = ad.tensor(x, requires_grad=True)
    w = t * 2
    np.sum(ad.checkpoint(lambda z: np.sin(z * w))(t)).backward()
    return t.grad


def inner_scan(x: Any) -> Any:
    t = ad.tensor(x, requires_grad=True)
    np.sum(ad.scan(lambda c, r: (c * t + r, c), t, np.ones((3, 3)))[0]).backward()
    return t.grad


def inner_cond(x: Any) -> Any:
    t = ad.tensor(x, requires_grad=True)
    np.sum(ad.cond(np.sum(t) > 0, lambda z: z * t, lambda z: z, t)).backward()
    return t.grad


def inner_vmap(x: Any) -> Any:
    t = ad.tensor(x, requires_grad=True)
    np.sum(ad.vmap(lambda s: s * t[0] + np.sin(s))(t)).backward()
    return t.grad


def inner_jit(x: Any) -> Any:
    t = ad.tensor(x, requires_grad=True)
    np.sum(ad.jit(lambda z: z * t)(t)).backward()
    return t.grad


def inner_hessian(x: Any) -> Any:
    t = ad.tensor(x)
    return np.diag(ad.hessian(lambda z: np.sum(z**3 * t))(t))


def inner_jvp(x: Any) -> Any:
    t = ad.tensor(x, requires_grad=True)
    np.sum(ad.jvp(lambda z: z**3 * t, (t,), (t,))[1]).backward()
    return t.grad


def inner_vjp(x: Any) -> Any:
    t = ad.tensor(x, requires_grad=True)
    _, pullback = ad.vjp(lambda z: np.sin(z) * t, t)
    np.sum(pullback(t)[0]).backward()
    return t.grad


def recorded_norm(x: Any) -> Any:
    t = ad.tensor(x, requires_grad=True)
    return ad.autograd.grad(np.linalg.norm(t), t, create_graph=True)[0]


def cloned(x: Any) -> Any:
    t = ad.tensor(x, requires_grad=True)
    y = t.clone()
    y[0] = ad.tensor(x)[1]
    np.sum(y**3).backward()
    return t.grad + ad.fori_loop(0, 3, lambda i, c: c * t, t).detach()


NESTED = [
    inner_grad, inner_pass, inner_checkpoint, inner_scan, inner_cond, inner_vmap, inner_jit,
    inner_hessian, inner_jvp, inner_vjp, recorded_norm, cloned,
]  # fmt: skip


@pytest.mark.parametrize("f", NESTED)
def test_transforms_of_tensors_inside_a_transform(f: Callable) -> None:
    x = np.array([1.0, 2.0, 3.0])
    rows, want, slopes = np.stack([x, x]), value(f, x), numeric(f, x)
    for found in (ad.jit(f)(x), ad.vmap(f)(rows)[1]):
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, want, rtol=1e-11)
    for transform in (ad.jacobian, ad.jacrev, lambda f: ad.jit(ad.jacobian(f))):
        np.testing.assert_allclose(transform(f)(x), slopes, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(ad.vmap(ad.jacobian(f))(rows)[1], slopes, rtol=1e-6, atol=1e-6)
    of_tensor = value(lambda x: ad.jacobian(f)(ad.tensor(x)), x)
    np.testing.assert_allclose(of_tensor, slopes, rtol=1e-6, atol=1e-6)


def reading(c: Any) -> list[Callable]:
    """Functions that read a tensor from outside, each in a way of its own."""

    def setting(x: Any) -> Any:
        t = ad.tensor(x)
        t[0] = c[1]
        return t

    def passing(x: Any) -> Any:
        t = ad.tensor(x, requires_grad=True)
        np.sum(t * t * c.detach()).backward()
        return t.grad

    def unrecorded(x: Any) -> Any:
        with ad.no_grad():
            return np.sum(c * ad.tensor(x))

    return [
        setting, passing, unrecorded,
        lambda x: c * x,
        lambda x: (c * 2) * x,
        lambda x: np.dot(c.detach(), ad.tensor(x)),
        lambda x: c.detach() * ad.tensor(x),
        lambda x: c.clone() * x,
        lambda x: ad.tensor(c) * ad.tensor(x),
        lambda x: c.detach().numpy() * x,
        lambda x: np.sort(c) * x,
        lambda x: x * c.sum().item(),
        lambda x: x * 2 if c.sum() > 3 else x * 3,
        lambda x: ad.grad(lambda z: np.sum(z * z * c.detach()))(ad.tensor(x)),
    ]  # fmt: skip


@pytest.mark.parametrize("requires_grad", [False, True])
def test_a_program_reads_tensors_from_outside_whenever_it_runs(requires_grad: bool) -> None:
    x = np.array([1.0, 2.0])
    for k in range(len(reading(None))):
        c = ad.tensor(np.ones(2), requires_grad=requires_grad)
        f = reading(c)[k]
        compiled = ad.jit(f)
        for change in (lambda c: None, lambda c: c.add_(1), lambda c: c.__setitem__(0, 9.0)):
            with ad.no_grad():
                change(c)
            np.testing.assert_allclose(value(compiled, x), value(f, x), err_msg=str(k))
        c.data = np.array([5.0, 6.0])
        np.testing.assert_allclose(value(compiled, x), value(f, x), err_msg=str(k))
