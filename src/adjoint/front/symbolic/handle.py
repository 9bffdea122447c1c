"""A handle behind which there is not one number: what expressions and intervals share.

Enters: questions that Python asks of a number.  Leaves: the handle's error; what only tells
Python's errors apart is answered as for a value inside a function's domain.
"""

from __future__ import annotations

from typing import Any

from ..trace import Tensor


class Unknown(Tensor):
    """A handle whose number nobody knows."""

    __slots__ = ()

    def number(self, asked: str) -> Any:
        raise self.no_number(asked)

    def is_zero(self) -> bool:
        return False

    def is_negative(self) -> bool:
        return False

    def is_nan(self) -> bool:
        return False

    def is_unsound(self) -> bool:
        return False

    def is_whole(self) -> bool:
        return True
