"""`vmap`'s handles: a batch of values that looks like one of them.

Enters: values with a batch axis in front.  Leaves: operations applied to all of them at once.  A
question about a batched value (`if x > 0:`) is answered where all rows agree, and refused
otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.dtypes import readable, type_of
from ..base.errors import TracingError, message
from ..graph.op import Traced
from ..graph.primitive import Primitive
from ..ops.declare import in_front
from ..transform.batch import apply_batched
from .context import Batching, context
from .operands import functions
from .trace import Tensor, outlived
from .writing import VIEWS, duplicate, from_inside, link


class BatchTensor(Tensor):
    """A value for every row of a batch; `inner` holds them along its axis 0."""

    __slots__ = ("alias", "by", "inner", "level")
    weak = False

    def __init__(self, inner: Any, level: int, by: Batching | None = None) -> None:
        self.alias = None
        self.inner = inner
        self.level = level
        self.by = by or next(x for x in context.running if x.level == level)  # the `vmap` of it

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return self.inner.shape[1:]

    @property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        return self.inner.dtype

    def process(self, primitive: Primitive, inputs: tuple, parameters: dict[str, Any]) -> Any:
        """Apply the operation to the whole batch."""
        level, by = self.level, self.by
        flags = [type(x) is BatchTensor and x.level == level for x in inputs]
        for x, flag in zip(inputs, flags, strict=True):
            if flag:
                x.check()
        inner = [x.inner if flag else x for x, flag in zip(inputs, flags, strict=True)]
        output = apply_batched(primitive, self.inner.shape[0], inner, flags, parameters)
        if isinstance(output, tuple):
            return tuple(BatchTensor(x, level, by) for x in output)
        if primitive.kind == "index":  # moving the batch axis may have turned it
            output = in_order(output)
        result = BatchTensor(output, level, by)
        if primitive in VIEWS:
            link(inputs[0], result, primitive, parameters)
        return result

    def check(self) -> None:
        """Raise unless the `vmap` that made it is running."""
        if self.by not in context.running:
            raise outlived("vmap", self.by.position)

    def held(self) -> Any:
        return self.inner

    def example(self) -> Any:
        return self.inner[0] if self.inner.shape[0] else np.ones(self.shape, self.dtype)

    def hold(self, value: Any) -> None:
        self.inner = value

    def become(self, new: Any) -> None:
        if type(new) is BatchTensor and new.level == self.level:
            self.inner = new.inner
            return
        if isinstance(new, Traced) and new.level > self.level:
            raise from_inside(self)
        self.inner = in_front(new, self.inner.shape[0], False)

    def twin(self) -> Any:
        return BatchTensor(self.inner, self.level, self.by)

    def concrete(self, what: str) -> Any:
        inner = self.inner
        if context.program is not None and isinstance(inner, Tensor) and self.size == 1:
            return agreed(inner, what)
        rows = inner.concrete(what) if isinstance(inner, Tensor) else inner
        if isinstance(rows, Tensor) or np.ndim(rows) == 0:
            return rows
        if rows.shape[0] == 0:
            raise TracingError(message(f"{what} of a batch without rows"))
        truth = rows.astype(bool) if what == "bool()" else rows
        if (truth == truth[:1]).all():
            return truth[0]
        counted = f"{int(truth.sum())} of {len(truth)} rows say True"
        raise disagreement(what, counted if what == "bool()" else "the rows differ")

    def greatest(self) -> int:
        """The greatest number of any row."""
        inner = self.inner
        return int(inner.max()) if type_of(inner).shape[0] else 0

    def shown(self) -> Any:
        inner = self.inner
        return inner.shown() if isinstance(inner, Tensor) else inner


def agreed(rows: Any, what: str) -> Any:
    """The answer of all rows while a program is recorded: its guard is that they agree."""
    every = functions[np.all]
    if what == "bool()":
        if bool(every(rows != 0)):
            return True
        if bool(every(rows == 0)):
            return False
        raise disagreement(what, "some say True, some False")
    first = rows.reshape(-1)[0]
    if not bool(every(rows == first)):
        raise disagreement(what, "the rows differ")
    return first.concrete(what)


def disagreement(what: str, counted: str) -> TracingError:
    """The error for rows that answer a question differently."""
    if what == "sound":
        what = "whether it is in a function's domain"
    return TracingError(
        message(
            f"under `vmap` {what} was asked of a value on which the rows disagree ({counted})",
            expected="the same answer for all rows, or an operation that chooses row by row",
            instead="`ad.numpy.take(a, i, axis=0)` for `a[i]`, or a Python loop over the rows"
            if what == "an index"
            else "`np.where(condition, a, b)` or a Python loop over the rows",
            operation=what,
        )
    )


def in_order(x: Any) -> Any:
    """A result that lies in memory in C order, as that of NumPy for one row does."""
    if isinstance(x, Tensor):
        return duplicate(x, "C")
    return np.ascontiguousarray(x) if type(x) is np.ndarray and x.ndim else x


def batch_size(leaves: list[Any], axes: list[int | None]) -> int:
    """The extent of the batch, the same for every mapped leaf."""
    found: dict[int, str] = {}
    for leaf, axis in zip(leaves, axes, strict=True):
        if axis is None:
            continue
        shape = type_of(leaf).shape
        if not -len(shape) <= axis < len(shape):
            raise ValueError(
                message(
                    f"vmap was to map axis {axis} of {readable(leaf)}",
                    expected="an argument with that axis",
                    instead="`in_axes=None` for an argument that all rows share",
                )
            )
        found.setdefault(shape[axis], f"{readable(leaf)} along axis {axis}")
    if not found:
        raise ValueError(
            message(
                "vmap has no argument to map: `in_axes` is None for all of them",
                instead="call the function itself",
            )
        )
    if len(found) > 1:
        raise ValueError(
            message(
                f"vmap got batches of different sizes: {'; '.join(found.values())}",
                expected="the same extent along the mapped axes",
                instead="`in_axes=None` for an argument that all rows share",
            )
        )
    return next(iter(found))
