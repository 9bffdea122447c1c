"""Whether operations on tensors are recorded, and how: the state of a thread.

Enters: `no_grad()`, `record()` and their like.  Leaves: what `process` asks before it makes a node.
Each is a context manager and a decorator, and puts back what it found, by an exception too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager
from copy import copy
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any


class Mode(threading.local):
    """The state of one thread."""

    tape: Any  # what was put off (see `tape`)

    enabled = True  # whether operations on tensors that require gradients are recorded
    summing = False  # inside `record()`: a vector's `backward` is that of its sum
    training = False  # what `is_training` tells the user's layers
    hooks: tuple[tuple[Callable, Callable], ...] = ()  # what saved values go through
    anomaly = 0  # 1: derivatives that are no numbers are reported; 2: infinite ones too
    deferring = True  # whether calls are put off, and paths that were seen before compiled
    level = 0.25  # of tensors that hold arrays, among handles (see `graph.op`)
    depth = 0.0  # of the tensors that a pass inside a transform makes
    position: Any = None  # of the call that is run, where it was put off

    def __init__(self) -> None:
        self.tape = new_tape()


new_tape: Callable[[], Any] = lambda: None  # `tape` fills it
mode = Mode()
UNRECORDED = {"anomaly", "deferring", "hooks"}  # what a tape does not know


@contextmanager
def entered(**state: Any) -> Iterator[None]:
    """The thread's state with other values, for what this package does itself."""
    before = {name: getattr(mode, name) for name in state}
    vars(mode).update(state)
    try:
        yield
    finally:
        vars(mode).update(before)


def change(state: dict[str, Any]) -> None:
    """Another state from now on; calls that were put off belong to the state before."""
    if UNRECORDED.isdisjoint(state):
        vars(mode).update(state)
        mode.tape.switch()
        return
    mode.tape.end()
    vars(mode).update(state)
    mode.tape = new_tape()


class Entering(ContextDecorator):
    """A state as a context manager, which may be entered several times, and as a decorator."""

    def __init__(self, **state: Any) -> None:
        self.entries: list[Any] = []
        self.state = state

    def __call__(self, function: Any) -> Any:
        """As a decorator.  A generator's body runs in this state, what it yields to does not."""
        if not isgeneratorfunction(function):
            return super().__call__(function)

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return (yield from self._generated(function(*args, **kwargs)))

        return call

    def _generated(self, inner: Any) -> Any:
        """A generator that is resumed in this state each time."""
        resume, sent = inner.send, None
        try:
            while True:
                with self._recreate_cm():
                    found = resume(sent)
                try:
                    sent = yield found
                    resume = inner.send
                except GeneratorExit:
                    raise
                except BaseException as error:
                    resume, sent = inner.throw, error
        except StopIteration as end:
            return end.value
        finally:
            with self._recreate_cm():
                inner.close()

    def _recreate_cm(self) -> Any:
        """As a decorator: another one for each call, which may be another thread's."""
        again = copy(self)
        again.entries = []
        return again

    def __enter__(self) -> Any:
        self.entries.append({name: getattr(mode, name) for name in self.state})
        change(self.state)
        return self

    def __exit__(self, *error: Any) -> None:
        change(self.entries.pop())


class no_grad(Entering):
    """Operations are not recorded: their results require no gradients.

    A context manager and a decorator.

    >>> import adjoint as ad
    >>> x = ad.tensor(2.0, requires_grad=True)
    >>> with ad.no_grad():
    ...     y = x * x
    >>> y.requires_grad
    False
    """

    def __new__(cls, function: Callable | None = None) -> Any:
        """`@no_grad` is `@no_grad()`."""
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)

    def __init__(self) -> None:
        self.entries = []
        self.state = NOT_RECORDED

    def __enter__(self) -> Any:
        self.entries.append(mode.enabled)
        mode.enabled = False
        mode.tape.switch()
        return self

    def __exit__(self, *error: Any) -> None:
        mode.enabled = self.entries.pop()
        mode.tape.switch()


NOT_RECORDED = {"enabled": False}


class enable_grad(Entering):
    """Operations are recorded, inside `no_grad()` too.

    >>> import adjoint as ad
    >>> x = ad.tensor(2.0, requires_grad=True)
    >>> with ad.no_grad(), ad.enable_grad():
    ...     y = x * x
    >>> y.requires_grad
    True
    """

    def __init__(self) -> None:
        super().__init__(enabled=True)


class Setting(Entering):
    """A state that is in force from now on; as a context manager until it is left."""

    def __init__(self, **state: Any) -> None:
        super().__init__(**state)
        self.before = {name: getattr(mode, name) for name in state}
        change(self.state)

    def __enter__(self) -> Any:
        change(self.state)
        return self

    def __exit__(self, *error: Any) -> None:
        change(self.before)

    def __call__(self, function: Any) -> Any:
        change(self.before)  # a decorator is in force where the function runs, only there
        return Entering(**self.state)(function)


class set_grad_enabled(Setting):
    """Operations are recorded, or not, from now on; as a context manager until it is left.

    >>> import adjoint as ad
    >>> x = ad.tensor(2.0, requires_grad=True)
    >>> with ad.autograd.set_grad_enabled(False):
    ...     (x * x).requires_grad
    False
    """

    def __init__(self, mode_: bool) -> None:
        super().__init__(enabled=bool(mode_))


class compile(Setting):
    """Whether calls on tensors that repeat themselves become native programs (the default): from
    now on, in this thread; as a context manager until it is left.

    What is seen does not depend on it but for rounding: compiled sums are added up in another
    order. NumPy's warnings (an overflow, say) are given by uncompiled calls only.

    >>> import adjoint as ad, numpy as np
    >>> x = ad.tensor([1.0, 2.0], requires_grad=True)
    >>> with ad.autograd.compile(False):
    ...     np.sum(x * x).backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, mode_: bool = True) -> None:
        super().__init__(deferring=bool(mode_))


class record(Entering):
    """Operations are recorded, as inside MXNet's `autograd.record`: `backward` of what is made here
    is that of its sum.

    Args:
        train_mode: what `is_training()` says inside.

    >>> import adjoint as ad, numpy as np
    >>> x = ad.tensor(np.arange(4.0))
    >>> x.attach_grad()
    >>> with ad.record():
    ...     y = x * x
    >>> y.backward()
    >>> x.grad
    tensor([0., 2., 4., 6.])
    """

    def __init__(self, train_mode: bool = True) -> None:
        super().__init__(enabled=True, summing=True, training=bool(train_mode))


class pause(Entering):
    """Operations are not recorded, as inside MXNet's `autograd.pause`.

    Args:
        train_mode: what `is_training()` says inside.
    """

    def __init__(self, train_mode: bool = False) -> None:
        super().__init__(enabled=False, summing=False, training=bool(train_mode))


class detect_anomaly(Entering):
    """A gradient that is no number, or infinite, is an error where it is born: it names the line
    that recorded the operation whose derivative gave it.

    Args:
        check_nan: whether to look.
        check_infinite: whether infinities are reported too.

    >>> import adjoint as ad, numpy as np
    >>> x = ad.tensor(0.0, requires_grad=True)
    >>> with ad.autograd.detect_anomaly():
    ...     np.sqrt(x).backward()
    Traceback (most recent call last):
    ...
    adjoint.front.imperative.saved.AutogradError: the derivative of `sqrt` gave a gradient that ...
    """

    def __init__(self, check_nan: bool = True, check_infinite: bool = True) -> None:
        super().__init__(anomaly=(2 if check_infinite else 1) if check_nan else 0)


class train_mode(Entering):
    """`is_training()` is true."""

    def __init__(self) -> None:
        super().__init__(training=True)


class predict_mode(Entering):
    """`is_training()` is false."""

    def __init__(self) -> None:
        super().__init__(training=False)


def is_training() -> bool:
    """Whether layers are to behave as in training: inside `record()` and `train_mode()`."""
    return mode.training


def is_recording() -> bool:
    """Whether `record()` is entered (and no `pause()` inside it)."""
    return mode.summing and mode.enabled


def is_grad_enabled() -> bool:
    """Whether operations on tensors that require gradients are recorded."""
    return mode.enabled
