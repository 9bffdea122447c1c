"""Data classes: as arguments, with functions as defaults, frozen, with slots, replaced."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np
import pytest
from reach.checks import check

import adjoint as ad


@dataclass
class Layer:
    weight: float = 2.0
    function: Callable = math.sin
    table: np.ndarray = field(default_factory=lambda: np.array([1.0, 2.0]))
    kinds: dict = field(default_factory=lambda: {"exp": math.exp})

    def __call__(self, x):
        out = np.zeros(2)
        out[0] = self.function(x * self.weight)
        out[1] = self.kinds["exp"](-x)
        return self.table.dot(out)


@dataclass(frozen=True, slots=True)
class Frozen:
    x: Any
    function: Callable = math.sqrt

    def value(self):
        return self.function(self.x)


@dataclass
class State:
    position: Any
    speed: Any
    energy: Any = None

    def __post_init__(self):
        self.energy = math.hypot(self.position, self.speed)


@dataclass
class Pair:
    left: float
    right: float = 2.0


class Kind(Enum):
    SMOOTH = ("smooth", math.tanh)
    ROOT = ("root", math.sqrt)

    def __call__(self, x):
        return self.value[1](x)


LAYER, FROZEN = Layer(), Frozen(2.0, math.log)


def test_an_object():
    check(LAYER, 0.3, 1.1)
    check(Layer(0.5, math.cos), 0.3, 1.1)
    check(lambda x: LAYER(x) * Layer()(x) * Layer(x)(x), 0.3, 1.1)


def test_frozen_with_slots():
    check(lambda x: Frozen(x).value() * FROZEN.function(x), 0.3, 1.1)
    check(lambda x: dataclasses.replace(FROZEN, x=x).value(), 0.3, 1.1)


def test_a_state():
    def run(x):
        state = State(x, 1.0)
        for _ in range(4):
            state = State(
                state.position + 0.1 * state.speed, state.speed - math.sin(state.position)
            )
        return state.energy + sum(dataclasses.astuple(state))

    check(run, 0.3, 1.1)


def test_as_the_argument():
    loss = lambda pair: math.sin(pair.left) * pair.right
    found = ad.grad(loss)(Pair(0.3, 1.1))
    assert type(found) is Pair and found.left == math.cos(0.3) * 1.1
    assert ad.jit(ad.grad(loss))(Pair(0.3, 1.1)).right == pytest.approx(math.sin(0.3), rel=1e-15)


def test_an_enumeration():
    check(lambda x: Kind.SMOOTH(x) + Kind["ROOT"].value[1](x), 0.3, 1.1)
    check(lambda x: sum(kind(x) for kind in Kind), 0.3, 1.1)
