"""Orthogonal polynomials (DLMF 18.9); a derivative is one of lower degree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...graph import op
from ...graph.primitive import Primitive
from ..declare import (
    interval,
)
from .common import refused, special


def lowered(n: Any, slope: Callable) -> Any:
    """`slope(n - 1)`, and 0 where the degree n is 0."""
    none = op.equal(n, 0)
    return op.select(none, 0.0, slope(op.select(none, 1, n) - 1))


def orthogonal(name: str, slope: Callable, shapes: str, doc: str) -> Primitive:
    """A polynomial of degree n, shape parameters and x; `slope(n, n - 1, shapes..., x)` for n >
    0."""
    count = len(shapes.split())

    def partial(n: Any, *rest: Any) -> Any:
        *others, x, _ = rest
        return lowered(n, lambda less: slope(n, less, *others, x))

    signature: list[Callable] = [
        lambda n, x, y: partial(n, x, y),
        lambda n, a, x, y: partial(n, a, x, y),
        lambda n, a, b, x, y: partial(n, a, b, x, y),
    ]
    inputs = range(count + 1)
    return special(
        name,
        *[refused(name, p) for p in ["the degree", *shapes.split()]],
        signature[count],
        integers=tuple(inputs),
        samples=interval(0, 4, *(1, 2) * count, -0.9, 0.9),
        points=(),
        doc=doc,
    )


orthogonal(
    "eval_legendre",
    lambda n, less, x: op.eval_gegenbauer(less, 1.5, x),
    "",
    "The Legendre polynomial.",
)
orthogonal(
    "eval_chebyt",
    lambda n, less, x: n * op.eval_chebyu(less, x),
    "",
    "The Chebyshev polynomial of the first kind.",
)
orthogonal(
    "eval_chebyu",
    lambda n, less, x: 2.0 * op.eval_gegenbauer(less, 2.0, x),
    "",
    "The Chebyshev polynomial of the second kind.",
)
orthogonal(
    "eval_gegenbauer",
    lambda n, less, a, x: 2.0 * a * op.eval_gegenbauer(less, a + 1.0, x),
    "alpha",
    "The Gegenbauer polynomial.",
)
orthogonal(
    "eval_hermite",
    lambda n, less, x: 2.0 * n * op.eval_hermite(less, x),
    "",
    "The physicists' Hermite polynomial.",
)
orthogonal(
    "eval_hermitenorm",
    lambda n, less, x: n * op.eval_hermitenorm(less, x),
    "",
    "The probabilists' Hermite polynomial.",
)
orthogonal(
    "eval_laguerre",
    lambda n, less, x: -op.eval_genlaguerre(less, 1.0, x),
    "",
    "The Laguerre polynomial.",
)
orthogonal(
    "eval_genlaguerre",
    lambda n, less, a, x: -op.eval_genlaguerre(less, a + 1.0, x),
    "alpha",
    "The generalised Laguerre polynomial.",
)
orthogonal(
    "eval_jacobi",
    lambda n, less, a, b, x: 0.5 * (n + a + b + 1.0) * op.eval_jacobi(less, a + 1.0, b + 1.0, x),
    "alpha beta",
    "The Jacobi polynomial.",
)
