"""Eager tensors as a user sees them: the cases with their figures, errors word by word, memory."""

import copy
import gc
import inspect
import pickle
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import adjoint as ad


def close(found, expected):
    """Whether a tensor holds these numbers."""
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-13, atol=1e-13)


def leaf(data):
    """A tensor whose gradient is wanted."""
    return ad.tensor(data, requires_grad=True)


# ----------------------------------------------------------------------------------- the cases


def test_gradients_of_two_leaves():
    x, y = leaf(3.0), leaf(4.0)
    f = x * x * y + y + 2
    assert f.item() == 42.0
    f.backward()
    assert (x.grad.item(), y.grad.item()) == (24.0, 10.0)
    assert x.grad.dtype == np.float64
    assert not x.grad.requires_grad


def test_second_derivatives_one_by_one():
    x, y = leaf(3.0), leaf(4.0)
    dx, dy = ad.autograd.grad(x * x * y + y + 2, (x, y), create_graph=True)
    first = ad.autograd.grad(dx, (x, y), retain_graph=True)
    assert [g.item() for g in first] == [8.0, 6.0]
    with pytest.raises(RuntimeError, match="was not used to make the outputs"):
        ad.autograd.grad(dy, (x, y), retain_graph=True)
    second = ad.autograd.grad(dy, (x, y), allow_unused=True)
    assert second[0].item() == 6.0
    assert second[1] is None


def test_a_second_pass_through_a_freed_graph():
    x = leaf(3.0)
    y = x * x
    y.backward()
    with pytest.raises(RuntimeError, match="a second backward pass went through a graph"):
        y.backward()
    assert x.grad.item() == 6.0


def test_a_second_pass_through_a_graph_that_was_kept():
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0


def test_attached_gradients_are_written():
    x = ad.tensor(np.arange(4.0))
    x.attach_grad()
    close(x.grad, np.zeros(4))
    with ad.record():
        y = 2 * np.dot(x, x)
    assert y.item() == 28.0
    y.backward()
    close(x.grad, [0.0, 4.0, 8.0, 12.0])
    with ad.record():
        y = x.sum()
    y.backward()
    close(x.grad, np.ones(4))


@pytest.mark.parametrize(("request_", "after"), [("write", 1.0), ("add", 5.0), ("null", None)])
def test_what_a_pass_does_with_the_gradient(request_, after):
    x, z = ad.tensor([2.0]), leaf([1.0])
    x.attach_grad(request_)
    for factor in (4.0, 1.0):
        with ad.record():
            y = factor * x * z
        y.backward()
    if after is None:
        assert x.grad is None
        assert not x.requires_grad
    else:
        close(x.grad, [after])


def test_a_vector_that_was_recorded_sums():
    x = ad.tensor(np.arange(4.0))
    x.attach_grad()
    with ad.record():
        y = x * x
    y.backward()
    close(x.grad, [0.0, 2.0, 4.0, 6.0])


def test_an_explicit_head_gradient():
    x = leaf(np.linspace(-5, 5, 20))
    y = np.exp(-(x**2))
    y.backward(np.ones(20))
    at = np.linspace(-5, 5, 20)
    close(x.grad, -2 * at * np.exp(-(at**2)))


def test_detached_values_are_constants():
    x = ad.tensor(np.arange(4.0))
    x.attach_grad()
    with ad.record():
        y = x * x
        z = y.detach() * x
    z.backward()
    close(x.grad, np.arange(4.0) ** 2)
    y.backward()
    close(x.grad, 2 * np.arange(4.0))


@pytest.mark.parametrize("value", [0.7, -0.3, [0.5, -1.5], [[1.0, 2.0], [3.0, -4.0]]])
def test_control_flow(value):
    a = leaf(value)
    b = 2 * a
    while np.linalg.norm(b) < 1000:
        b = 2 * b
    c = b if b.sum() > 0 else 100 * b
    c.backward(np.ones(c.shape))
    close(a.grad, (c / a).detach().numpy())


def test_memory_by_recomputing_and_by_files(tmp_path):
    """Each figure from a process of its own: the peak of what is held for the backward pass."""
    script = """
        import sys, tracemalloc
        import numpy as np
        import adjoint as ad

        def layer(x, k):
            return np.sin(x) * np.exp(-x * k) + np.tanh(x)

        again = ad.checkpoint(layer)
        ad.autograd.compile(False)  # which would keep nothing in any case

        x = ad.tensor(np.linspace(0.0, 1.0, 100_000), requires_grad=True)
        how = sys.argv[1]
        tracemalloc.start()
        y = x
        context = ad.autograd.graph.save_on_disk(sys.argv[2], least=1000)
        if how == "files":
            context.__enter__()
        for k in range(12):
            is_again = how == "again" or (how == "every other" and k % 2)
            y = (again if is_again else layer)(y, k / 12)
        if how == "files":
            context.__exit__(None, None, None)
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        y.sum().backward()
        print(held, float(x.grad.sum()), tracemalloc.get_traced_memory()[1])
    """
    found = {}
    for how in ("plain", "files", "again", "every other"):
        command = [sys.executable, "-c", inspect.cleandoc(script), how, str(tmp_path)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found[how] = [float(x) for x in out.split()]
    assert len({values[1] for values in found.values()}) == 1
    assert found["files"][0] < found["plain"][0] / 4
    assert found["again"][0] < found["plain"][0] * 0.3
    assert found["every other"][0] < found["plain"][0] * 0.7
    assert found["again"][2] < found["plain"][2] / 2
    assert found["every other"][2] < found["plain"][2] * 0.8
    assert not list(tmp_path.iterdir())


def test_recomputed_with_what_is_in_the_closure():
    x, w = leaf(np.linspace(0.0, 1.0, 5)), leaf(np.ones((5, 5)) * 0.1)
    layer = ad.checkpoint(lambda x: np.tanh(x @ w) * x)
    plain = lambda x: np.tanh(x @ w) * x
    found = []
    for f in (plain, layer):
        y = f(f(x)).sum()
        y.backward(retain_graph=True)
        y.backward()
        first = ad.autograd.grad(f(x).sum(), x, create_graph=True)[0]
        second = ad.autograd.grad((first**2).sum(), (x, w))
        found.append([x.grad, w.grad, *second])
        x.grad = w.grad = None
    for a, b in zip(*found, strict=True):
        close(a, b.detach().numpy())
    assert layer(np.ones(5)).requires_grad
    assert type(ad.checkpoint(np.sin)(np.ones(2))) is np.ndarray
    with ad.no_grad():
        assert not layer(x).requires_grad


def test_a_checkpointed_function_that_takes_a_gradient():
    w, x = leaf(np.eye(4) * 0.5), leaf(np.ones(4))

    def slope(a):
        (found,) = ad.autograd.grad(np.sum(np.tanh(w @ a)), a, create_graph=True)
        return found * a

    for _ in range(6):
        np.sum(slope(x * 1.0)).backward()
        expected, w.grad, x.grad = (w.grad, x.grad), None, None
        np.sum(ad.checkpoint(slope)(x * 1.0)).backward()
        for found, wanted in zip((w.grad, x.grad), expected, strict=True):
            close(found, wanted.numpy())
        w.grad = x.grad = None


def test_a_checkpointed_layer_runs_twice_in_the_same_mode():
    w = ad.tensor(np.eye(3) * 0.5)
    w.attach_grad("add")
    layer = ad.checkpoint(lambda a: np.tanh(w @ a) if ad.autograd.is_training() else w @ a)
    for _ in range(4):
        with ad.record():
            y = layer(np.ones(3))
        w.grad.zero_()
        y.backward()
        close(w.grad, np.full((3, 3), 1 - np.tanh(0.5) ** 2))


def test_what_is_recomputed_must_be_the_same():
    x, w = leaf(np.ones(3)), ad.tensor(np.ones(3))
    y = ad.checkpoint(lambda x: np.exp(x + w))(x).sum()
    w += 1.0
    with pytest.raises(RuntimeError, match="computed other values when it ran again"):
        y.backward()
    random = np.random.default_rng(0)
    y = ad.checkpoint(lambda x: np.exp(x * random.normal(size=3)))(x).sum()
    with pytest.raises(RuntimeError, match="random numbers as arguments"):
        y.backward()


# ----------------------------------------------------------------------------- what a tensor is


def test_what_data_become():
    assert ad.tensor(1.0).dtype == np.float64
    assert ad.tensor([1, 2]).dtype == np.array([1, 2]).dtype
    assert ad.tensor([1, 2], dtype=np.float32).dtype == np.float32
    assert ad.tensor(np.float32(2)).dtype == np.float32
    assert (ad.tensor([1.0], dtype="float32") * 2.0).dtype == np.float32
    assert (ad.tensor([1.0], dtype="float32") * np.ones(1)).dtype == np.float64
    data = np.zeros(3)
    x = ad.tensor(data)
    data[0] = 1.0
    close(x, np.zeros(3))


def test_leaves_and_what_was_made_of_them():
    x = leaf([1.0, 2.0])
    y = (x * 2).sum()
    assert x.is_leaf and x.grad_fn is None and x.requires_grad
    assert not y.is_leaf and y.grad_fn.name() == "sum"
    ((inner, place),) = y.grad_fn.next_functions
    assert (inner.name(), place) == ("mul", 0)
    assert repr(y.grad_fn).startswith("<sum(mul) at test_imperative.py:")
    assert repr(x) == "tensor([1., 2.], requires_grad=True)"
    assert repr(y) == "tensor(6., grad_fn=<sum>)"
    assert repr(ad.tensor([1], dtype="float32")) == "tensor([1.], dtype=float32)"
    assert f"{y:.2f}" == "6.00"


def test_no_grad_and_its_like():
    x = leaf(2.0)
    with ad.no_grad():
        assert not (x * x).requires_grad
        with ad.enable_grad():
            assert (x * x).requires_grad
    assert (x * x).requires_grad

    @ad.no_grad()
    def square(x):
        return x * x

    assert not square(x).requires_grad
    with ad.autograd.set_grad_enabled(False):
        assert not ad.autograd.is_grad_enabled()
    assert ad.autograd.is_grad_enabled()
    with pytest.raises(ZeroDivisionError), ad.no_grad():
        raise ZeroDivisionError
    assert ad.autograd.is_grad_enabled()


def test_training_and_recording():
    assert not ad.autograd.is_training() and not ad.autograd.is_recording()
    with ad.record():
        assert ad.autograd.is_training() and ad.autograd.is_recording()
        with ad.autograd.predict_mode():
            assert not ad.autograd.is_training()
        with ad.pause():
            assert not ad.autograd.is_training() and not ad.autograd.is_recording()
    with ad.record(train_mode=False):
        assert not ad.autograd.is_training()
    with ad.autograd.train_mode():
        assert ad.autograd.is_training() and not ad.autograd.is_recording()


def test_hooks():
    x = leaf(2.0)
    seen = []
    handle = x.register_hook(lambda g: seen.append(g.item()) or 10 * g)
    (x * x).backward()
    assert seen == [4.0] and x.grad.item() == 40.0
    handle.remove()
    y = 3 * x
    y.retain_grad()
    y.register_hook(lambda g: 2 * g)
    (y * y).backward()
    assert y.grad.item() == 24.0 and x.grad.item() == 40.0 + 72.0


def test_a_hook_may_write_to_its_gradient():
    x = leaf([3.0, 0.5])

    def clip(gradient):
        gradient[gradient > 2.0] = 2.0

    x.register_hook(clip)
    for _ in range(5):
        x.grad = None
        (x * x).sum().backward()
        close(x.grad, [2.0, 1.0])


def test_a_generator_runs_in_the_state_of_its_decorator():
    x = leaf(2.0)

    @ad.no_grad()
    def values():
        sent = yield x * x
        while sent is not None:
            try:
                sent = yield x * sent
            except KeyError:
                sent = yield x * 100.0
        return ad.autograd.is_grad_enabled()

    made = values()
    assert not next(made).requires_grad and ad.autograd.is_grad_enabled()
    found = made.send(3.0)
    assert found.item() == 6.0 and not found.requires_grad
    found = made.throw(KeyError())
    assert found.item() == 200.0 and not found.requires_grad and (x * 1).requires_grad
    with pytest.raises(StopIteration) as end:
        made.send(None)
    assert end.value.value is False and ad.autograd.is_grad_enabled()
    left = []

    @ad.no_grad()
    def closing():
        try:
            yield 1
        finally:
            left.append(ad.autograd.is_grad_enabled())

    made = closing()
    next(made)
    made.close()
    assert left == [False] and ad.autograd.is_grad_enabled()


def test_complex_gradients_are_conjugated():
    z = leaf(1 + 2j)
    (abs(z) ** 2).backward()
    assert z.grad.item() == 2 + 4j
    z = leaf(1 + 2j)
    (z**3).backward(ad.tensor(1 + 0j))
    np.testing.assert_allclose(z.grad.item(), np.conj(3 * (1 + 2j) ** 2))


def test_steps_of_gradient_descent():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 3)), rng.normal(size=50)
    w, offset = leaf(np.zeros(3)), leaf(0.0)
    for _ in range(300):
        loss = np.mean((a @ w + offset - b) ** 2)
        loss.backward()
        with ad.no_grad():
            w -= 0.3 * w.grad
            offset -= 0.3 * offset.grad
        w.grad = offset.grad = None
    assert w.is_leaf and offset.is_leaf and w.requires_grad and offset.requires_grad
    best = np.linalg.lstsq(np.c_[a, np.ones(50)], b, rcond=None)[0]
    np.testing.assert_allclose([*w.detach().numpy(), offset.item()], best, atol=1e-10)


def test_tensors_go_through_transforms():
    x = ad.tensor([1.0, 2.0, 3.0])
    for found, expected in (
        (ad.grad(lambda t: np.sum(t**3))(x), [3.0, 12.0, 27.0]),
        (ad.vmap(lambda t: t * t)(x), [1.0, 4.0, 9.0]),
        (ad.jit(lambda t: 2 * t)(x), [2.0, 4.0, 6.0]),
        (ad.jvp(np.sin, (x,), (np.ones(3),))[1], np.cos([1.0, 2.0, 3.0])),
    ):
        assert isinstance(found, ad.Tensor)
        close(found, expected)
    y = leaf([1.0, 2.0])
    ad.grad(lambda t: np.sum(t**3))(y).sum().backward()
    close(y.grad, [6.0, 12.0])


def test_a_function_that_uses_tensors_is_differentiated():
    def loss(x):
        scale = leaf(3.0)
        y = scale * x * x
        return y

    assert ad.grad(loss)(2.0) == 12.0


def test_a_function_that_takes_a_backward_pass_of_its_own_is_transformed():
    def loss(x):
        t = ad.tensor(np.ones(4) * 2, requires_grad=True)
        np.sum(3 * t**3).backward()
        return np.sum(x * t.grad.numpy())

    x = np.arange(4.0)
    for _ in range(4):
        assert loss(x) == ad.jit(loss)(x) == 216.0
        assert ad.grad(loss)(x).tolist() == ad.jit(ad.grad(loss))(x).tolist() == [36.0] * 4
        assert ad.vmap(lambda s: loss(np.ones(4) * s))(x).tolist() == (144 * x).tolist()


def test_a_tensor_of_a_traced_value_has_the_dtype_that_was_asked_for():
    single = ad.jit(lambda x: ad.tensor(x, dtype=np.float32) * 2)(np.array([0.5]))
    assert single.dtype == np.float32
    assert ad.grad(lambda x: ad.tensor(x, dtype=np.float32) * 2)(0.5) == 2.0


def test_copies_and_pickles():
    x = leaf([1.0, 2.0])
    for made in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert made.requires_grad and made.is_leaf and made is not x
        close(made, [1.0, 2.0])
    y = x.clone()
    y.sum().backward()
    close(x.grad, [1.0, 1.0])


# --------------------------------------------------------------------- each tensor's own history


CHANGE_NOTHING = [
    lambda x: x[:],
    lambda x: x[...],
    lambda x: x.reshape(2),
    lambda x: x.ravel(),
    lambda x: x.squeeze(),
    lambda x: x.T,
    lambda x: x.real,
    lambda x: x.copy(),
    lambda x: x.flatten(),
    lambda x: x.astype(float),
    lambda x: +x,
    lambda x: x.clone(),
    lambda x: copy.copy(x),
    lambda x: np.copy(x),
    lambda x: np.squeeze(x),
    lambda x: np.real(x),
    lambda x: np.concatenate([x]),
    lambda x: np.atleast_1d(x),
    lambda x: np.roll(x, 0),
    lambda x: np.tile(x, 1),
]


@pytest.mark.parametrize("change", CHANGE_NOTHING)
def test_what_changes_nothing_is_another_tensor(change):
    x = leaf([2.0, 3.0])
    y = change(x)
    assert y is not x and not y.is_leaf
    y.register_hook(lambda g: -g)
    (5 * x + y).sum().backward()
    close(x.grad, [4.0, 4.0])
    (found,) = ad.autograd.grad((x * (z := change(x))).sum(), z)
    close(found, [2.0, 3.0])
    with ad.no_grad():
        assert not change(x).requires_grad


def test_what_is_copied_in_keeps_its_own_history():
    x = leaf([2.0, 3.0])
    y, z = ad.tensor([0.0, 0.0]), np.exp(x)
    y.copy_(z)
    y.register_hook(lambda g: -g)
    y += 1
    (y.sum() + z.sum()).backward()
    close(x.grad, [0.0, 0.0])


def test_arrays_of_the_user_may_change():
    a, places, mask = np.array([1.0, 2.0, 3.0]), np.array([0, 1]), np.array([True, False, True])
    x = leaf(np.ones(3))
    y = (x * a).sum() + x[places].sum() + np.where(mask, x, 0.0).sum()
    a[:], places[:], mask[:] = 100.0, 2, False
    y.backward()
    close(x.grad, [3.0, 3.0, 4.0])


def test_parts_of_complex_tensors_are_written():
    x = leaf([1.0, 2.0])
    y = x * (1 + 2j)
    y.real *= 3
    y.imag = 5 * x
    (np.abs(y) ** 2).sum().backward()
    close(x.grad, 2 * np.array([1.0, 2.0]) * (9 + 25))


def test_views_of_tensors_without_axes():
    x = leaf(2.0)
    y = x * 1
    v = y.reshape(1)
    v *= 3
    assert y.item() == 6.0
    y.backward()
    assert x.grad.item() == 3.0
    row = leaf([1.0, 2.0]) * 1
    first = row[0]
    first *= 5
    close(row, [5.0, 2.0])


DETACHED_WRITES = {
    "element": lambda p, b: b.__setitem__(-1, b[-1] + p * 3),
    "part": lambda p, b: b.__setitem__(slice(1, None), p * 3),
    "all": lambda p, b: b.__iadd__(p * 3),
    "reshaped": lambda p, b: b.reshape(-1).__imul__(p),
    "view": lambda p, b: b[1:].__iadd__(p * 3),
    "view of a view": lambda p, b: b[1:][0:1].__imul__(p * p),
}


@pytest.mark.parametrize("write", DETACHED_WRITES.values(), ids=DETACHED_WRITES)
@pytest.mark.parametrize("is_base_kept", [False, True])
def test_writes_with_a_history_into_what_was_detached(write, is_base_kept):
    for _ in range(6):
        found = []
        for is_detached in (True, False):
            p, base = leaf(2.0), ad.tensor([1.0, 2.0, 3.0])
            b = base.detach() if is_detached else base
            view = b[1:]
            if is_detached and not is_base_kept:
                del base
            write(p, b)
            ((b * b).sum() + (view * 3.0).sum()).backward()
            found.append((p.grad.item(), b.tolist(), view.tolist(), b.requires_grad))
            if is_detached and is_base_kept:
                assert base.tolist() == b.tolist() and not base.requires_grad
        assert found[0] == found[1]


def test_views_of_gradients():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    same, part = x.grad.detach(), x.grad[0:1]
    (x * x).sum().backward()
    close(same, [4.0, 8.0])
    close(part, [4.0])


def test_a_gradient_is_retained_after_a_write():
    x = leaf([1.0, 2.0])
    y = x * 3
    y.retain_grad()
    y *= 2
    (y * y).sum().backward()
    close(y.grad, [12.0, 24.0])


def test_a_pass_frees_what_it_has_read():
    x = leaf([1.0, 2.0])
    y = np.exp(x)
    (gradient,) = ad.autograd.grad((y * y).sum(), y)
    y.backward(gradient)
    close(x.grad, 2 * np.exp([2.0, 4.0]))


def test_steps_have_a_derivative_of_zero():
    x = leaf([1.5, 2.5])
    np.floor(x).sum().backward()
    close(x.grad, [0.0, 0.0])


def test_a_detached_tensor_takes_values_over():
    x = leaf([1.0, 2.0])
    x.detach().copy_(2 * x)
    assert x.is_leaf and x.requires_grad
    close(x, [2.0, 4.0])


def test_writes_through_a_long_chain_of_views():
    x = leaf(np.arange(6.0).reshape(2, 3))
    y = x * 1.0
    view = y
    for _ in range(300):
        view = view.T
    view += 1.0
    close(y, np.arange(6.0).reshape(2, 3) + 1)
    y.sum().backward()
    close(x.grad, np.ones((2, 3)))


@pytest.mark.parametrize(
    "operation", [lambda x: 1 / x, lambda x: np.maximum(x, 2.0), lambda x: np.clip(x, 0.0, 1.5)]
)
def test_results_that_may_be_written_to(operation):
    x, y = leaf([1.0, 4.0]), leaf([1.0, 4.0])
    changed = operation(x)
    changed += 1
    changed.sum().backward()
    operation(y).sum().backward()
    close(x.grad, y.grad.numpy())


class Tenfold(ad.autograd.Function):
    """The same, and ten times its derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 1

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        assert np.shape(x) == np.shape(gradient)
        return 10 * gradient


class Given(ad.autograd.Function):
    """The identity, with a gradient that is given."""

    @staticmethod
    def forward(ctx, x, gradient):
        ctx.gradient = gradient
        return x * 1

    @staticmethod
    def backward(ctx, gradient):
        return ctx.gradient, None


def test_the_shape_of_a_function_s_gradient():
    x = leaf([[1.0, 2.0]])
    Given.apply(x, np.arange(6.0).reshape(3, 2)).sum().backward()  # as if x had been broadcast
    close(x.grad, [[6.0, 9.0]])
    text = raised(lambda: Given.apply(x, 1.0).sum().backward())
    assert text.startswith(
        "Given.backward gave float64 as gradient 0, and the argument is of shape (1, 2).\n"
        "  expected: a gradient of the argument's shape\n"
    )


def test_a_function_inside_transforms():
    x = np.array([1.0, 2.0])
    loss = lambda x: np.sum(Tenfold.apply(x) ** 2)
    np.testing.assert_allclose(ad.grad(loss)(x), 20 * x)
    np.testing.assert_allclose(ad.jit(ad.grad(loss))(x), 20 * x)
    np.testing.assert_allclose(ad.vmap(ad.grad(lambda x: Tenfold.apply(x)))(x), [10.0, 10.0])
    close(ad.grad(loss)(ad.tensor(x)), 20 * x)


def test_a_function_that_writes():
    class Triple(ad.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x *= 3
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, gradient):
            return 3 * gradient

    x = leaf([1.0, 1.0])
    y = x * 2
    assert Triple.apply(y) is y
    y.sum().backward()
    close(x.grad, [6.0, 6.0])
    assert "leaf that requires a gradient" in raised(lambda: Triple.apply(x))

    class Silent(Triple):
        @staticmethod
        def forward(ctx, x):
            x *= 3
            return x

    assert "wrote to its argument 0" in raised(lambda: Silent.apply(x * 2))


def test_a_mode_belongs_to_its_thread():
    @ad.no_grad()
    def inside(entered, leave):
        entered.set()
        assert leave.wait(10)
        return ad.autograd.is_grad_enabled()

    def run(events, results):
        results.append(inside(*events))
        results.append(ad.autograd.is_grad_enabled())

    events = [(threading.Event(), threading.Event()) for _ in range(2)]
    results = [[], []]
    threads = [
        threading.Thread(target=run, args=pair) for pair in zip(events, results, strict=True)
    ]
    for thread, (entered, _) in zip(threads, events, strict=True):
        thread.start()
        assert entered.wait(10)
    for thread, (_, leave) in zip(threads, events, strict=True):
        leave.set()
        thread.join()
    assert results == [[False, True], [False, True]]


# ------------------------------------------------------------------------------------- memory


def test_passes_leave_nothing_to_the_collector():
    x = leaf(np.ones(3))
    gc.collect()
    gc.disable()
    try:
        for k in range(60):
            if k == 10:  # what repeats is known, and compiled
                before = len(gc.get_objects())
            np.exp(x).sum().backward()
            Tenfold.apply(x).sum().backward()
        assert len(gc.get_objects()) - before < 100
    finally:
        gc.enable()


def test_saved_values_are_freed_by_the_pass():
    x = leaf(np.ones(1000))
    y = np.exp(x)
    z = np.sin(y).sum()
    value = weakref.ref(y.value)
    del y
    gc.collect()
    assert value() is not None
    z.backward()
    gc.collect()
    assert value() is None
    assert z.item() != 0


def test_a_graph_goes_with_its_result():
    x = leaf(np.ones(10))
    y = np.exp(x)
    value = weakref.ref(y.value)
    del y
    assert value() is None


# ------------------------------------------------------------------------------------- errors


def raised(function):
    """The text of the RuntimeError that a function raises, without the position's number."""
    with pytest.raises(RuntimeError) as error:
        function()
    return str(error.value)


def test_a_vector_without_a_gradient():
    y = leaf([1.0, 2.0]) * 2
    text = raised(lambda: y.backward())
    assert text.startswith(
        "`backward` of float64[2], which has several elements, and no gradient.\n"
        "  expected: a tensor of one element, or what to multiply the Jacobian by\n"
        "  at test_imperative.py:"
    )
    assert text.endswith("of shape (2,); inside `ad.record()` the sum is meant")


def test_a_complex_gradient_for_a_real_tensor():
    y = leaf([1.0, 2.0]) * 2
    text = raised(lambda: y.backward(np.array([1.0, 1j])))
    assert text.startswith(
        "a complex gradient (complex128[2]) was given for a real tensor (float64[2]).\n"
        "  expected: a real gradient\n"
    )


def test_no_gradient_is_required():
    text = raised(lambda: (ad.tensor([1.0]) * 2).sum().backward())
    assert "`backward` of a tensor that requires no gradient (float64)" in text


def test_integers_have_no_gradients():
    text = raised(lambda: ad.tensor([1, 2], requires_grad=True))
    assert text.startswith("a gradient was asked for with respect to int64[2].\n")
    assert "expected: floats or complex numbers" in text


def test_a_leaf_is_not_written():
    x = leaf([1.0, 2.0])

    def write():
        x[0] = 3.0

    assert raised(write).startswith("a leaf that requires a gradient (float64[2]) was written to")
    assert x.tolist() == [1.0, 2.0]


def test_a_saved_value_is_not_overwritten():
    x = leaf([1.0, 2.0])
    y = np.exp(x)
    y += 1
    text = raised(lambda: y.sum().backward())
    assert "a value that the derivative of `exp` reads was modified in place" in text
    assert "used at test_imperative.py:" in text and "written at test_imperative.py:" in text
    assert x.grad is None


def test_numpy_of_what_has_history():
    x = leaf([1.0])
    assert "`.detach().numpy()`" in raised(lambda: x.numpy())
    assert "`.detach().numpy()`" in raised(lambda: np.asarray(x))
    with pytest.raises(ValueError, match="read-only"):
        x.detach().numpy()[0] = 2.0


def test_anomalies_name_the_forward_line():
    x = leaf(0.0)
    y = np.sqrt(x * 2.0)
    with ad.autograd.detect_anomaly():
        text = raised(lambda: y.backward())
    assert text.startswith("the derivative of `sqrt` gave a gradient that is infinite; ")
    assert "y = np.sqrt(x * 2.0)" in text
