"""Unrolled programs: a pendulum step by step, as a loop in Python leaves it to a compiler."""

from __future__ import annotations

from .record import OURS, Program, Side

LIMITS = {2000: 5.0, 100_000: 60.0}  # operations -> seconds to the first result


def pendulum(angle, speed, steps, np):
    """So many steps of the leapfrog method, 5 operations each."""
    for _ in range(steps):
        speed = speed - 0.01 * np.sin(angle)
        angle = angle + 0.01 * speed
    return angle


def unrolled(operations: int) -> Program:
    """A program whose trace has so many operations, on arrays of a thousand numbers."""
    steps = operations // 5

    def data(size):
        import numpy as np

        return np.linspace(-1.0, 1.0, size), np.zeros(size)

    def function(angle, speed):
        import numpy as np

        return pendulum(angle, speed, steps, np)

    def ours():
        import adjoint as ad

        return ad.jit(function)

    def jax():
        import jax

        return jax.jit(lambda angle, speed: pendulum(angle, speed, steps, jax.numpy))

    sides = {"adjoint": Side(OURS, ours), "jax": Side("jax", jax)}
    if operations > 10_000:
        del sides["jax"]
    return Program(f"unrolled {operations}", function, data, 1000, sides, new_size=900)


NAMES = {f"unrolled {count}": limit for count, limit in LIMITS.items()}


def program(name: str) -> Program:
    """One of them by name."""
    return unrolled(int(name.split()[1]))
