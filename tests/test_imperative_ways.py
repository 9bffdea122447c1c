"""The ways of people who come from other libraries: what works, what warns, and what the errors
tell them to write."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import adjoint as ad


def leaf(*data: float) -> Any:
    """A tensor that asks for gradients."""
    return ad.tensor(list(data) if len(data) > 1 else data[0], requires_grad=True)


def raised(kind: type[Exception], call: Callable) -> list[str]:
    """The lines of an error but that of the place, which names this file."""
    with pytest.raises(kind) as caught:
        call()
    lines = str(caught.value).splitlines()
    places = [x for x in lines if x.startswith("  at ")]
    assert len(places) == 1 and places[0].startswith("  at test_imperative_ways.py:")
    return [x for x in lines if not x.startswith("  at ")]


WRITERS: list[Callable] = [
    lambda w: w.clip(-1, 1, out=w),
    lambda w: w.clip(-1, 1, w),
    lambda w: np.clip(w, -1, 1, out=w),
    lambda w: w.cumsum(out=w),
    lambda w: w.round(out=w),
    lambda w: np.nan_to_num(w, copy=False),
    lambda w: w.take([2, 1, 0], out=w),
]


@pytest.mark.parametrize("write", WRITERS)
def test_methods_that_write_into_a_given_array(write: Callable) -> None:
    def step() -> Any:
        w = leaf(1.25, -2.0, 3.0)
        (w**2).sum().backward()
        with ad.no_grad():
            write(w)
        (w * w).sum().backward()
        return w.tolist(), w.grad.tolist()

    with ad.autograd.compile(False):
        want = step()
    for _ in range(6):
        assert step() == want
    total = ad.tensor(0.0)
    for _ in range(6):
        leaf(1.0, 2.0).detach().sum(None, None, total)
        assert total.item() == 3.0


def test_an_error_while_a_call_is_learned_leaves_nothing_behind(monkeypatch: Any) -> None:
    from adjoint.front.imperative import tape

    def fails(*_: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tape, "is_sound", fails)
        with pytest.raises(KeyboardInterrupt):
            np.sort(leaf(2.0, 1.0))
    for _ in range(5):
        w = leaf(2.0, 1.0)
        np.sum(np.sort(w) * np.array([1.0, 3.0])).backward()
        assert w.grad.tolist() == [3.0, 1.0]


def test_numbers_that_nobody_asked_for_are_warned_of() -> None:
    x, a = leaf(2.0), np.zeros(2)
    with pytest.warns(UserWarning, match=r"became a plain number.*`math.sin\(x\)`") as caught:
        math.sin(x)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match=r"`a\[0\]`"):
        a[0] = x
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(x) == int(x) == round(float(x)) == 2
        assert f"{x:.2f}" == "2.00"
        with ad.no_grad():
            a[0] = x
        a[1] = x.detach()
        a[1] = x.item()
        math.sin(x.detach())


def test_the_gradient_of_what_is_no_leaf_is_warned_of() -> None:
    w = leaf(1.0, 2.0)
    w = w - 0.1 * w
    (w**2).sum().backward()
    with pytest.warns(UserWarning, match="`sub` made this one") as caught:
        assert w.grad is None
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert leaf(1.0).grad is None and ad.tensor(1.0).grad is None
        y = leaf(1.0) * 2
        y.retain_grad()
        assert y.grad is None


def test_plain_arrays_and_files_take_values_without_history(tmp_path: Any) -> None:
    w, m = leaf(1.0, 2.0), np.zeros(2)
    for _ in range(4):
        m += w.detach()
        np.add(m, w.detach(), out=m)
        with ad.no_grad():
            m -= w
        np.copyto(m, m + w.detach() * 0)
    assert type(m) is np.ndarray and m.tolist() == [4.0, 8.0]

    def add() -> None:
        nonlocal m
        m += w

    for call in (add, lambda: np.add(m, w, out=m), lambda: np.copyto(m, w),
                 lambda: np.add.at(m, [0, 1], w), lambda: np.sum(w[None], 0, out=m),
                 lambda: np.savez(tmp_path / "w", w=w)):  # fmt: skip
        lines = raised(RuntimeError, call)
        assert "into a plain array or a file" in lines[0] and "`x.detach()`" in lines[-1]
    assert m.tolist() == [4.0, 8.0]
    np.savez(tmp_path / "w", w=w.detach())
    assert np.load(tmp_path / "w.npz")["w"].tolist() == [1.0, 2.0]
    for like in (np.zeros_like, np.ones_like, np.empty_like):
        assert isinstance(like(w), ad.Tensor) and isinstance(like(w.detach()), ad.Tensor)
    assert np.full_like(w, 3.0).tolist() == [3.0, 3.0]


def test_arrays_of_tensors() -> None:
    w = leaf(1.0, 2.0)
    lines = raised(RuntimeError, lambda: np.array([w, w**2]))
    assert lines[0].startswith("a tensor that requires a gradient (float64[2]) was to become")
    assert "`np.stack([...])` for `np.array([...])`" in lines[-1]
    assert np.from_dlpack(w.detach()).tolist() == [1.0, 2.0]
    raised(RuntimeError, lambda: np.from_dlpack(w))
    assert w.view(2, 1).shape == w.view((2, 1)).shape == w.view(-1, 1).shape == (2, 1)
    w.view(1, 2).sum().backward()
    assert w.grad.tolist() == [1.0, 1.0]


def test_data_of_another_shape() -> None:
    w = leaf(1.0, 2.0)
    w.data = np.zeros(3, np.float32)
    (w**2).sum().backward()
    assert w.is_leaf and w.grad.tolist() == [0.0] * 3 and w.dtype == float
    y = w * 2
    lines = raised(RuntimeError, lambda: setattr(y, "data", np.zeros(2)))
    assert lines[0] == "`.data` of a tensor with history (float64[3]) was set to float64[2]."


def test_errors_name_the_line_that_the_person_wrote() -> None:
    w = leaf(1.0, 2.0)

    def add() -> None:
        nonlocal w
        w += 1

    for call in (add, lambda: w.add_(1), lambda: w.fill(1), lambda: np.copyto(w, 1.0),
                 lambda: np.add(w, 1, out=w), lambda: copy.deepcopy(w * 2)):  # fmt: skip
        raised(RuntimeError, call)


def test_names_of_other_libraries() -> None:
    w = leaf(1.0, 2.0)
    for name, instead in {
        "exp": "`np.exp(...)`, NumPy's function of the tensor", "numel": "`x.size`",
        "cpu": "leave it out: there are no devices", "asnumpy": "`x.detach().numpy()`",
        "norm": "`np.linalg.norm(...)`, NumPy's function of the tensor", "t": "`x.T`",
        "reqires_grad": "`.requires_grad`",
    }.items():  # fmt: skip
        lines = raised(AttributeError, lambda name=name: getattr(w, name))
        assert lines == [
            f"a tensor has no attribute {name!r}.", f"  write instead: {instead}",
        ]  # fmt: skip
    assert not hasattr(w, "__cuda_array_interface__")
    lines = raised(TypeError, lambda: w.max(dim=0))
    assert lines == [
        "`max` of a tensor got the keyword 'dim'.",
        "  expected: NumPy's: 'axis'",
        "  write instead: `x.max(axis=...)`",
    ]
    assert "`ad.tensor(data)`" in raised(TypeError, lambda: ad.Tensor(2, 3))[-1]
    assert "`ad.checkpoint(f)(x)`" in raised(TypeError, lambda: ad.checkpoint(np.sin, w))[-1]
    assert "`ad.autograd.grad(y, x)`" in raised(TypeError, lambda: ad.grad(w.sum(), w))[-1]
    names = dir(w)
    assert {"backward", "grad", "numpy", "sum", "T"} <= set(names)
    assert not {"adopt", "hold", "tape", "node", "place"} & set(names)


def test_every_function_that_is_named_is_there() -> None:
    from adjoint.front.imperative.advice import FUNCTIONS

    for name in FUNCTIONS.values():
        found: Any = np
        for part in name.split("."):
            found = getattr(found, part, None)
        assert callable(found) or name == "unstack", name  # which came with NumPy 2.1


def test_no_grad_as_a_decorator_without_parentheses() -> None:
    w = leaf(1.0)

    @ad.no_grad
    def plain(factor: float) -> Any:
        return w * factor

    assert not plain(2.0).requires_grad and (w * 2).requires_grad and plain.__name__ == "plain"


def test_mark_variables() -> None:
    x, y = ad.tensor([1.0, 2.0]), ad.tensor(3.0)
    gx, gy = ad.tensor([5.0, 5.0]), ad.tensor(1.0)
    ad.autograd.mark_variables([x, y], [gx, gy], ["write", "add"])
    for k in range(1, 5):
        with ad.record():
            z = x * x * y
        z.backward()
        assert x.grad is gx and gx.tolist() == [6.0, 12.0]
        assert y.grad is gy and gy.item() == 1.0 + 5.0 * k
    with pytest.raises(ValueError, match="got 1 variables, 2 gradients and 1 requests"):
        ad.autograd.mark_variables([x], [gx, gy])
    with pytest.raises(RuntimeError, match="was set to float64"):
        ad.autograd.mark_variables(x, gy)


def test_what_hooks_and_functions_give_back_is_looked_at() -> None:
    w = leaf(1.0, 2.0)
    for unpack, came in ((lambda t: t[:1], "float64[1]"), (lambda t: None, "a NoneType")):
        with ad.autograd.graph.saved_tensors_hooks(lambda t: t, unpack):
            y = np.exp(w).sum()
        lines = raised(RuntimeError, y.backward)
        assert lines[0] == (
            f"`unpack` of saved_tensors_hooks gave {came} for a value of shape (2,) and dtype "
            "float64 that the derivative of `exp` reads."
        )

    class Several(ad.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return [x * 2, x * 3]

    assert raised(TypeError, lambda: Several.apply(w)) == [
        "Several.forward gave a list.", "  expected: a tensor, or a tuple of them",
    ]  # fmt: skip


@pytest.mark.parametrize("is_compiled", [False, True])
def test_an_error_that_is_caught_changes_nothing(is_compiled: bool) -> None:
    other = leaf(1.0)
    errors: list[Callable] = [
        lambda v, w: v @ 5.0,
        lambda v, w: v.__setitem__(7, 9.0),
        lambda v, w: w.__iadd__(9.0),
        lambda v, w: v + np.zeros(4),
        lambda v, w: np.concatenate([v, np.zeros((2, 2))]),
        lambda v, w: np.where(v > 0, np.zeros(5), v),
        lambda v, w: v.copy_(np.zeros(5)),
        lambda v, w: ad.autograd.grad(v.sum(), [other]),
        lambda v, w: ad.autograd.grad(v, w, grad_outputs=np.zeros(5)),
    ]
    with ad.autograd.compile(is_compiled):
        for fails in errors * 4:
            w = leaf(1.0, 2.0, 3.0)
            v = w * 2.0
            with pytest.raises((ValueError, IndexError, RuntimeError)):
                fails(v, w)
            loss = np.sum(v * 0.25)
            loss.backward()
            assert loss.item() == 3.0 and w.grad.tolist() == [0.5] * 3


@pytest.mark.parametrize("is_compiled", [False, True])
def test_out_by_position_and_views_of_einsum(is_compiled: bool) -> None:
    with ad.autograd.compile(is_compiled):
        for _ in range(4):
            x, o = ad.tensor([1.0, 2.0, 3.0]), ad.tensor(np.zeros(3))
            np.sum(x, 0, None, o[0])
            np.max(x, 0, o[1])
            assert o.tolist() == [6.0, 3.0, 0.0]
            w, total = leaf(1.0, 2.0), ad.tensor(0.0)
            np.sum(w * 2, 0, None, total)
            total.backward()
            assert total.item() == 6.0 and w.grad.tolist() == [2.0, 2.0]
            a = ad.tensor(np.zeros((2, 2)))
            np.einsum("ii->i", a)[:] = 1.0
            assert a.tolist() == [[1.0, 0.0], [0.0, 1.0]]
            turned = np.einsum("ij->ji", a)
            turned[0, 1] = 5.0
            a[0, 1] = 7.0
            assert a.tolist() == [[1.0, 7.0], [5.0, 1.0]] and turned[1, 0].item() == 7.0
            cube = np.arange(8.0).reshape(2, 2, 2)
            for subscripts in ("iji->ij", "iij->ji", "iii->i", "ijk->kij"):
                found = np.einsum(subscripts, ad.tensor(cube)).tolist()
                assert found == np.einsum(subscripts, cube).tolist()


def test_a_kept_gradient_adds_up() -> None:
    a = leaf(1.0, 2.0)
    y = a * a
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    (y.sum() * 2).backward()
    assert y.grad.tolist() == [3.0, 3.0] and a.grad.tolist() == [6.0, 12.0]
