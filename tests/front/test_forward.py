"""Forward mode: an outermost `jvp` keeps no history, whatever runs inside or around it."""

import gc
import tracemalloc

import numpy as np
import pytest

import adjoint as ad
from adjoint.front import context


def drift(x, steps):
    """A chain of steps whose derivative rules all read their arguments."""
    y = x
    for _ in range(steps):
        y = y + 0.01 * np.sin(y) * np.cos(x)
    return y


def peak(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_length():
    x = np.linspace(0.0, 1.0, 5000)

    def run(steps):
        return lambda: ad.jvp(lambda x: drift(x, steps), (x,), (np.ones_like(x),))

    run(4)()
    assert peak(run(400)) < 1.2 * peak(run(20))


def test_it_agrees_with_the_recorded_way():
    x = np.linspace(0.0, 1.0, 7)
    value, tangent = ad.jvp(lambda x: drift(x, 50), (x,), (np.cos(x),))
    again, pushforward = ad.linearize(lambda x: drift(x, 50), x)
    np.testing.assert_array_equal(value, again)
    np.testing.assert_array_equal(tangent, pushforward(np.cos(x)))


def inner_gradient(x):
    """A gradient taken inside, used again and again outside of it."""
    slope = ad.grad(lambda y: np.sin(x * y) * y)(x)
    curve = ad.jvp(lambda y: np.cos(x * y), (x * x,), (2.0 * x,))[1]
    return slope * slope + slope * curve + x * slope


def symbolic(x):
    slope = np.sin(x * x) + x * x * np.cos(x * x)
    curve = -np.sin(x * x * x) * x * 2.0 * x
    return slope * slope + slope * curve + x * slope


def test_other_transforms_inside_and_around():
    step = 1e-30
    wanted = symbolic(0.7 + 1j * step).imag / step
    assert ad.jvp(inner_gradient, (0.7,), (1.0,))[1] == pytest.approx(wanted, rel=1e-14)
    assert ad.jvp(inner_gradient, (0.7,), (1.0,))[0] == pytest.approx(symbolic(0.7), rel=1e-14)

    def forward(x):
        return ad.jvp(inner_gradient, (x,), (1.0,))[1]

    second = ad.derivative(ad.grad(symbolic))(0.7)
    assert ad.grad(forward)(0.7) == pytest.approx(second, rel=1e-13)
    assert ad.jvp(forward, (0.7,), (1.0,))[1] == pytest.approx(second, rel=1e-13)
    assert ad.jit(forward)(0.7) == pytest.approx(wanted, rel=1e-14)
    rows = np.array([0.3, 0.7])
    np.testing.assert_allclose(ad.vmap(forward)(rows), [forward(0.3), forward(0.7)], rtol=1e-14)
    batched = ad.jvp(ad.vmap(inner_gradient), (rows,), (np.ones(2),))[1]
    np.testing.assert_allclose(batched, ad.vmap(forward)(rows), rtol=1e-14)


def test_no_dependence_and_unused_arguments():
    value, tangent = ad.jvp(lambda x, y: (y * 2.0, 3.0, x), (1.0, 2.0), (1.0, 0.5))
    assert (value, tangent) == ((4.0, 3.0, 1.0), (1.0, 0.0, 1.0))


def test_an_exception_leaves_nothing_behind():
    def failing(x):
        raise KeyError("in the user's function")

    with pytest.raises(KeyError):
        ad.jvp(failing, (1.0,), (1.0,))
    assert ad.grad(lambda x: x * x)(3.0) == 6.0
    assert ad.jvp(lambda x: x * x, (3.0,), (1.0,)) == (9.0, 6.0)


def test_the_collector_is_put_back():
    before = gc.get_threshold()

    def failing(x):
        assert gc.get_threshold()[0] > before[0]
        raise KeyError("in the user's function")

    for transform in (ad.grad, ad.jacfwd):
        with pytest.raises(KeyError):
            transform(failing)(1.0)
        assert gc.get_threshold() == before

    def changing(x):
        gc.set_threshold(500, 5, 5)
        return x * x

    try:
        assert ad.grad(changing)(3.0) == 6.0
        assert gc.get_threshold() == (500, 5, 5)
    finally:
        gc.set_threshold(*before)


def test_a_program_does_not_make_the_collector_look_through_everything(monkeypatch):
    monkeypatch.setattr(context, "programs", [0])
    before, seen = gc.get_threshold(), []

    def watch(phase, info):
        seen.append(info["generation"])

    def many(x):  # enough objects to call the collector
        for _ in range(300):
            x = x * 0.5 + 1.0
        return x

    gc.callbacks.append(watch)
    try:
        gc.set_threshold(700, 1, 1)
        assert ad.jit(many)(1.0) == many(1.0)
        assert gc.get_threshold() == (700, 1, 1) and gc.get_count()[0] < 700
        assert 2 not in seen
        monkeypatch.setattr(context, "programs", [context.EVERY - 1])
        ad.jit(lambda x: many(x))(2.0)
        assert 2 in seen  # now and then it does
    finally:
        gc.callbacks.remove(watch)
        gc.set_threshold(*before)


def test_objects_that_the_user_keeps_from_the_collector_stay_so():
    gc.freeze()
    try:
        kept = gc.get_freeze_count()
        ad.jit(lambda x: x * 2.0)(1.0)
        assert gc.get_freeze_count() >= kept - 100  # some are gone for good
    finally:
        gc.unfreeze()
    gc.disable()
    try:
        ad.jit(lambda x: x * 3.0)(1.0)
        assert not gc.isenabled()
    finally:
        gc.enable()
