"""What leaves a tensor: arrays, numbers, text, copies, pickles.

Enters: a tensor.  Leaves: what is no tensor, or another one.  Where a history would end unseen, an
error or a warning says so.
"""

from __future__ import annotations

import copy
import operator
import warnings
from functools import cache
from types import CodeType
from typing import Any

import numpy as np

from ...base.dtypes import readable
from ...base.errors import line_of, message, segment, user_frame
from ...graph.op import Traced
from ..operands import functions
from ..trace import Tensor
from .history import VARIABLE
from .mode import mode
from .saved import AutogradError

CPU = 1, 0  # DLPack's number of the kind of device, and which one it is


class Conversions(Tensor):
    """The conversions of tensors that record."""

    __slots__ = ()

    node: Any
    gradient: Any
    request: str
    is_leaf: Any
    requires_grad: Any
    clone: Any
    seen: Any

    def numpy(self) -> np.ndarray:
        """The array as it is now, read-only: later writes to the tensor are not seen in it.

        Raises `AutogradError` (a `RuntimeError`) where the tensor requires a gradient.
        """
        if self.requires_grad:
            raise AutogradError(
                message(
                    f"`.numpy()` of a tensor that requires a gradient ({readable(self)}): what is "
                    "done with the array is not recorded",
                    expected="a tensor without history",
                    instead="`.detach().numpy()`, or NumPy's functions on the tensor itself",
                    operation="numpy",
                )
            )
        value = self.seen()
        if isinstance(value, Traced):
            return value.twin()  # type: ignore[attr-defined]
        found = np.asarray(value).view()
        found.flags.writeable = False
        return found

    def __dlpack__(self, **options: Any) -> Any:
        """A copy for other libraries (`torch.from_dlpack(x.detach())`)."""
        return np.array(np.asarray(self)).__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.requires_grad:
            raise AutogradError(
                message(
                    f"a tensor that requires a gradient ({readable(self)}) was to become a plain "
                    "array: what is done with that is not recorded",
                    expected="tensors without history, or NumPy's functions on the tensor itself",
                    instead="`np.stack([...])` for `np.array([...])` of tensors, and for a list "
                    "that is given to a function; `x.detach()` where the values alone are meant",
                    operation="array",
                )
            )
        found = self.numpy()
        if isinstance(found, Traced):
            return np.asarray(found, dtype)
        if dtype is not None and found.dtype != dtype:
            return found.astype(dtype)
        return found.copy() if copy else found

    def item(self, *args: Any) -> Any:
        """The number of a tensor of one element (or at a place), as Python's."""
        return self.seen().item(*args)

    def tolist(self) -> Any:
        """As `ndarray.tolist`: numbers in lists."""
        return self.seen().tolist()

    def number(self, asked: str) -> Any:
        """The number for `float()` and `complex()`."""
        if self.size != 1:
            raise TypeError("only tensors of one element can be converted to Python scalars")
        if self.requires_grad and mode.enabled:
            notice_number(self)
        return self.seen().item()

    def concrete(self, what: str) -> Any:
        return self.seen()

    def __bool__(self) -> bool:
        return bool(self.seen())

    def __int__(self) -> int:
        return int(self.number("int()"))

    def __index__(self) -> int:
        return operator.index(self.seen())

    def __hash__(self) -> int:
        return id(self)

    def is_zero(self) -> bool:
        return bool(self.seen() == 0)

    def shown(self) -> Any:
        return self.held()

    def __repr__(self) -> str:
        value = self.held()
        if isinstance(value, Traced):
            return f"tensor({value!r})"
        text = np.array2string(value, separator=", ", prefix="tensor(")
        if value.dtype not in (np.dtype(float), np.dtype(int), np.dtype(bool), np.dtype(complex)):
            text += f", dtype={value.dtype}"
        if self.node is not None:
            made = self.node.primitive
            text += ", requires_grad=True" if made is VARIABLE else f", grad_fn=<{made.name}>"
        return f"tensor({text})"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, spec: str) -> str:
        return (
            format(self.held() if self.shape else self.held().item(), spec) if spec else str(self)
        )

    def __copy__(self) -> Any:
        return self.clone()

    def __deepcopy__(self, memo: Any) -> Any:
        if not self.is_leaf:
            raise AutogradError(
                message(
                    "a tensor with history was deep-copied",
                    expected="a leaf",
                    instead="`.detach().clone()`, or `.clone()` with the history",
                    operation="deepcopy",
                )
            )
        made = functions["tensor"](self.held(), requires_grad=self.requires_grad)
        made.gradient, made.request = copy.deepcopy(self.gradient, memo), self.request
        return made

    def __reduce__(self) -> Any:
        return rebuilt, (np.asarray(self.held()), self.requires_grad and self.is_leaf)


def rebuilt(value: np.ndarray, requires_grad: bool) -> Any:
    """A tensor from a pickle."""
    return functions["tensor"](value, requires_grad=requires_grad)


# What a number is asked for with, by name.
MEANT = ("float(", "int(", "complex(", "round(", "bool(", "np.float", "numpy.float")


@cache
def unasked(code: CodeType, at: int) -> str:
    """The text of an instruction that makes a number of a tensor, where it asks for none."""
    text = segment(code, at)
    is_asked = text.startswith(MEANT) or not (text.endswith("]") or "(" in text)
    return "" if is_asked else text


def notice_number(x: Any) -> None:
    """Warn where a tensor with a history becomes a plain number unasked: `math.sin(x)`, `a[0] = x`
    of a plain array."""
    frame = user_frame(3)
    if frame is None:
        return
    text = unasked(frame.f_code, frame.f_lasti)
    if not text:
        return
    warn(
        frame,
        f"a tensor that requires a gradient ({readable(x)}) became a plain number, and what is "
        f"computed with that has no gradient: `{text}`",
        "NumPy's functions (`np.sin(x)` for `math.sin(x)`), `a = ad.tensor(np.zeros(n))` for an "
        "array that is written into; `float(x)` or `x.item()` where the number is meant",
    )


def warn(frame: Any, came: str, instead: str) -> None:
    """A warning at the user's line; Python shows it once for each line."""
    warnings.warn_explicit(
        message(came, instead=instead),
        UserWarning,
        frame.f_code.co_filename,
        line_of((frame.f_code, frame.f_lasti)),
        frame.f_globals.get("__name__", "__main__"),
        frame.f_globals.setdefault("__warningregistry__", {}),
    )
