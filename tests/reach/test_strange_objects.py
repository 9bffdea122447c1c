"""Objects whose `__getattr__` raises what it likes: they are not asked."""

from __future__ import annotations

import math

import pytest

import adjoint as ad


class Strange:
    """An object that answers questions about unknown attributes with an error of its own."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __getattr__(self, name: str) -> float:
        raise RuntimeError(f"there is no {name}")

    def __call__(self, x: float) -> float:
        return self.factor * math.sin(x)


STRANGE = Strange(3.0)


def through_global(x: float) -> float:
    return STRANGE(x) * math.exp(x)


def test_a_strange_object():
    wanted = 3.0 * math.exp(0.5) * (math.cos(0.5) + math.sin(0.5))
    for function in (ad.grad(through_global), ad.jit(ad.grad(through_global))):
        assert function(0.5) == pytest.approx(wanted)
    assert math.sin(0.5) == 0.479425538604203 and type(math).__name__ == "module"
