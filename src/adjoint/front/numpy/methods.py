"""What an ndarray is asked about its memory, and its methods that read or change the bytes there.

Enters: a traced array.  Leaves: answers as for its value (`flags`, `strides`, `base`, `device`); an
error that names the method for all that would give bytes, which have no derivative.  A handle that
is no more than an array gives what the array gives.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from ...base.errors import TracingError, message
from ..trace import RecordingTensor, Tensor
from ..writing import memory_of_one, update
from .register import refuse_device


class Flags:
    """`ndarray.flags` of a traced array: to be read only."""

    memory: np.ndarray

    def __init__(self, memory: np.ndarray) -> None:
        self.__dict__["memory"] = memory

    def __getitem__(self, name: str) -> bool:
        return True if name in ("WRITEABLE", "W") else self.memory.flags[name]  # type: ignore[index]

    def __getattr__(self, name: str) -> bool:
        return True if name == "writeable" else getattr(self.memory.flags, name)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise refused("flags", "was to be changed")

    def __setitem__(self, name: str, value: Any) -> NoReturn:
        raise refused("flags", "was to be changed")

    def __repr__(self) -> str:
        return repr(self.memory.flags)


def strides(self: Any) -> tuple[int, ...]:
    """As `ndarray.strides`."""
    memory = memory_of_one(self)
    return tuple([step // memory.itemsize * self.itemsize for step in memory.strides])


def base(self: Any) -> Any:
    """As `ndarray.base`: the array that this one is a view of."""
    return None if self.alias is None else self.alias.base


def to_device(self: Any, device: Any, /, *, stream: Any = None) -> Any:
    """As `ndarray.to_device`: there is only the one."""
    refuse_device(device)
    if stream is not None:
        raise ValueError("The stream argument in to_device() is not supported")
    return self


def delete_item(self: Any, key: Any) -> NoReturn:
    raise ValueError("cannot delete array elements")


def multiply_in_place(self: Any, other: Any) -> Any:
    """`a @= b`: the array is written, as NumPy does."""
    return update(self, self @ other, "matmul")


def fixed(name: str) -> Any:
    """A setter that refuses to read the same bytes in another way."""

    def change(self: Any, value: Any) -> NoReturn:
        raise refused(name, "was to be changed", "`x.astype(dtype)` or a view such as `x[::2]`")

    return change


Tensor.flags = property(lambda self: Flags(memory_of_one(self)))  # type: ignore[attr-defined]
Tensor.strides = property(strides, fixed("strides"))  # type: ignore[attr-defined]
RecordingTensor.dtype = RecordingTensor.dtype.setter(fixed("dtype"))  # type: ignore
Tensor.base = property(base)  # type: ignore[attr-defined]
Tensor.device = property(lambda self: "cpu")  # type: ignore[attr-defined]
Tensor.to_device = to_device  # type: ignore[attr-defined]
Tensor.__delitem__ = delete_item  # type: ignore[attr-defined]
Tensor.__imatmul__ = multiply_in_place  # type: ignore[attr-defined]

# ----------------------------------------------------------------------------------------- refused


def refused(name: str, what: str, instead: str = "") -> TracingError:
    """The error for a method that asks for the memory of a traced array."""
    return TracingError(
        message(
            f"ndarray.{name} of a traced value {what}",
            expected="methods of numbers: the bytes of a traced value have no derivative",
            instead=instead or "`np.array(x)` for an array of its own",
            operation=f"ndarray.{name}",
        )
    )


def is_only_an_array(x: Any) -> bool:
    return type(x) is RecordingTensor and x.is_over()


def refuse(name: str, what: str, instead: str, is_method: bool = True) -> None:
    """Refuse a method or an attribute by name, but of a handle that is no more than an array."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if is_only_an_array(self):
            return getattr(np.asarray(self.value), name)(*args, **kwargs)
        raise refused(name, what, instead)

    def read(self: Any) -> Any:
        if is_only_an_array(self):
            return getattr(np.asarray(self.value), name)
        raise refused(name, what, instead)

    call.__name__, call.__qualname__ = name, f"Tensor.{name}"
    call.__doc__ = f"As `ndarray.{name}`, of arrays that do not depend on traced values."
    setattr(Tensor, name, call if is_method else property(read))


SAVED = "`return` the value, and write the result"
for writing in ("dump", "dumps", "tobytes", "tofile"):
    refuse(writing, "was to give bytes, which would lose its derivative", SAVED)
refuse("ctypes", "was to give an address", "`return` the value, and call C with the result", False)
refuse(
    "data", "was to give a buffer", "`return` the value, and read the buffer of the result", False
)
refuse("__dlpack__", "was to give a buffer", "`return` the value, and pass the result on")
refuse("getfield", "was to read bytes as another dtype", "`x.astype(dtype)` for the numbers")
refuse("byteswap", "was to turn its bytes around", "`x.astype(dtype)` for another byte order")


def refuse_change(name: str, what: str, instead: str) -> None:
    """Refuse a method that changes what an array's memory is."""

    def call(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise refused(name, what, instead)

    call.__name__, call.__qualname__ = name, f"Tensor.{name}"
    setattr(Tensor, name, call)


refuse_change("resize", "was to change its size", "`x = np.resize(x, shape)`")
refuse_change("setfield", "was to write bytes", "`x[...] = value`")
refuse_change("setflags", "was to change how it is written", "`x.copy()` for what is kept as it is")
