"""Exponential, sine, cosine and Fresnel integrals; Airy functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...base.dtypes import Type, promoting, type_of, ufunc_dtype
from ...graph import op
from ...graph.primitive import Jvp, Primitive, Scalar
from ..declare import (
    elementwise,
    elementwise_batch,
    interval,
    lazy,
)
from .common import ORDERED, pi, polynomial, refused, special, split


def expn_slope(n: Any, x: Any, _y: Any) -> Any:
    """-E(n-1, x), where E(0, x) = exp(-x)/x has its own derivative."""
    lowest = op.equal(n, 0)
    first = op.exp(-x) * op.div(1, x)
    return -op.select(lowest, first * (1.0 + op.div(1, x)), op.expn(op.select(lowest, 0, n - 1), x))


special(
    "exp1",
    lambda z, _y: -op.exp(-z) * op.div(1, z),
    kinds="fc",
    samples=interval(0.2, 3),
    doc="The exponential integral E1.",
)
special(
    "expi",
    lambda z, _y: op.exp(z) * op.div(1, z),
    kinds="fc",
    samples=interval(0.2, 3),
    doc="The exponential integral Ei.",
)
special(
    "expn",
    refused("expn", "n"),
    expn_slope,
    integers=(0,),
    samples=interval(0, 3, 0.2, 3),
    points=ORDERED,
    doc="The generalised exponential integral En.",
)


def several(
    name: str, count: int, slopes: Callable, samples: tuple, kinds: str, doc: str
) -> Primitive:
    """Declare a ufunc of one input and several outputs; `slopes(x)` gives their derivatives."""
    function = lazy("scipy.special", name)

    def infer(x: Any) -> tuple[Type, ...]:
        t = type_of(x)
        return (Type(t.shape, ufunc_dtype(function.resolve(), (promoting(t),))),) * count

    def rule(primals: Any, tangents: Any, _output: Any) -> Any:
        (x,), (t,) = primals, tangents
        return tuple(t * slope for slope in slopes(x))

    template = elementwise(
        f"{name}_template",
        numpy=function,
        samples=samples,
        special=(0.5, 1.0),
        kinds=kinds,
        doc=doc,
    )
    del op.registry[template.name]
    return Primitive(
        name,
        "elementwise",
        function,
        infer,
        Jvp(rule, reads_output=False),
        elementwise_batch,
        Scalar(name),
        template.cases,
        function,
        doc,
    )


def sine_over(x: Any, sine: Callable) -> Any:
    """sin(x)/x or sinh(x)/x, and 1 at 0."""
    sign = -1.0 if sine is op.sin else 1.0
    series = [sign**k / math.factorial(2 * k + 1) for k in range(9)]
    far = op.greater_equal(op.abs(x), 0.5)
    return split(x, far, lambda u: polynomial(series, u * u), lambda u: sine(u) / u, 1.0)


several(
    "fresnel",
    2,
    lambda x: (op.sin(0.5 * pi * (x * x)), op.cos(0.5 * pi * (x * x))),
    interval(-2, 2),
    "fc",
    "The Fresnel integrals S and C.",
)
several(
    "sici",
    2,
    lambda x: (sine_over(x, op.sin), op.cos(x) * op.div(1, x)),
    interval(0.2, 3),
    "fc",
    "The sine and cosine integrals Si and Ci.",
)
several(
    "shichi",
    2,
    lambda x: (sine_over(x, op.sinh), op.cosh(x) * op.div(1, x)),
    interval(0.2, 3),
    "fc",
    "The hyperbolic sine and cosine integrals Shi and Chi.",
)


def airy_slopes(x: Any) -> tuple:
    """Ai'' = x Ai, Bi'' = x Bi."""
    ai, aip, bi, bip = op.airy(x)
    return aip, x * ai, bip, x * bi


several("airy", 4, airy_slopes, interval(-3, 2), "fc", "The Airy functions Ai, Ai', Bi, Bi'.")
