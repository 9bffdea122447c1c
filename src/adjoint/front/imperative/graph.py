"""`ad.autograd.graph`: what happens to the values that operations save for a backward pass.

Enters: a pair of functions.  Leaves: a context in which saved values go through them: packed when
they are saved, unpacked when a rule reads them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from .mode import Entering, mode
from .tensor import EagerTensor


class saved_tensors_hooks(Entering):
    """Saved values go through `pack(tensor)` when they are saved, and what it gives through
    `unpack` when they are read, which must give the tensor's values again.

    >>> import adjoint as ad, numpy as np
    >>> x = ad.tensor([1.0, 2.0], requires_grad=True)
    >>> with ad.autograd.graph.saved_tensors_hooks(lambda t: t.numpy().tobytes(), np.frombuffer):
    ...     y = np.sum(np.exp(x))
    >>> y.backward()
    >>> x.grad
    tensor([2.71828183, 7.3890561 ])
    """

    def __init__(self, pack: Callable[[EagerTensor], Any], unpack: Callable[[Any], Any]) -> None:
        super().__init__()
        self.pair = pack, unpack

    def __enter__(self) -> Any:
        self.state = {"hooks": (*mode.hooks, self.pair)}
        return super().__enter__()


class save_on_cpu(saved_tensors_hooks):
    """Saved values are copied to the host's memory (`pin_memory` is taken for compatibility).

    Arrays of the processor are there already: nothing is copied.  See `save_on_disk`.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cpu") -> None:
        super().__init__(lambda tensor: tensor, lambda tensor: tensor)


class save_on_disk(saved_tensors_hooks):
    """Saved values go to files, and come back when they are read: memory for time.

    Args:
        folder: where to (default: a temporary folder of the system's).
        least: bytes below which a value stays in memory.

    The files have no names, and are gone when the values are.
    """

    def __init__(self, folder: str | None = None, least: int = 1 << 20) -> None:
        self.folder, self.least = folder, least
        super().__init__(self.write, read)

    def write(self, tensor: EagerTensor) -> Any:
        """A value as a file."""
        value = tensor.held()
        if not isinstance(value, np.ndarray) or value.nbytes < self.least:
            return tensor
        return Filed(value, self.folder)


class Filed:
    """A value in a file, which is closed when nobody has this any more."""

    __slots__ = ("dtype", "file", "shape")

    def __init__(self, value: np.ndarray, folder: str | None) -> None:
        self.shape, self.dtype = value.shape, value.dtype
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115, closed with this
        np.ascontiguousarray(value).tofile(self.file)

    def __del__(self) -> None:
        self.file.close()

    def read(self) -> np.ndarray:
        """The value."""
        self.file.seek(0)
        return np.fromfile(self.file, self.dtype).reshape(self.shape)


def read(packed: Any) -> Any:
    """A value as it was packed."""
    return packed.read() if type(packed) is Filed else packed


__all__ = [
    "save_on_cpu", "save_on_disk", "saved_tensors_hooks",
]  # fmt: skip
