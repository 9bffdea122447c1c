"""Vector mathematics: exp, sin, and the like, with stated errors, as LLVM IR of any width."""

from . import (  # noqa: F401
    error,
    exponential,
    gamma,
    hyperbolic,
    inverse_trigonometric,
    logarithm,
    power,
    registry,
    trigonometric,
)
