"""Bessel functions; a derivative is made of the neighbouring orders (DLMF 10.6, 10.29)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...graph import op
from ...graph.primitive import Primitive
from ..declare import (
    interval,
)
from .common import NOT_HOLOMORPHIC, ORDERED, refused, special


def neighbours(name: str, below: float, above: float, extra: Callable | None = None) -> Callable:
    """below f(v-1, x) + above f(v+1, x) [+ extra(x) f(v, x)] (DLMF 10.6.1, 10.29.1)."""

    def slope(v: Any, x: Any, y: Any) -> Any:
        bessel = getattr(op, name)
        found = below * bessel(v - 1, x) + above * bessel(v + 1, x)
        return found if extra is None else found + extra(x) * y

    def plain(v: Any, x: Any, _y: Any) -> Any:
        return slope(v, x, None)

    return plain if extra is None else slope


def bessel(
    name: str,
    below: float,
    above: float,
    extra: Callable | None = None,
    *,
    lo: float = -3.0,
    kinds: str = "fc",
    holomorphic: bool = True,
    doc: str,
) -> Primitive:
    """A Bessel function of order v and argument x."""
    choices: dict[str, Any] = {} if holomorphic else {"complex_derivative": NOT_HOLOMORPHIC}
    return special(
        name,
        refused(name, "the order"),
        neighbours(name, below, above, extra),
        integers=(0,),
        samples=interval(0, 3, lo, 3),
        points=ORDERED,
        kinds=kinds,
        doc=doc,
        **choices,
    )


bessel("jv", 0.5, -0.5, doc="The Bessel function of the first kind.")
bessel("yv", 0.5, -0.5, lo=0.3, doc="The Bessel function of the second kind.")
bessel("iv", 0.5, 0.5, doc="The modified Bessel function of the first kind.")
bessel("kv", -0.5, -0.5, lo=0.3, doc="The modified Bessel function of the second kind.")
bessel("jve", 0.5, -0.5, kinds="f", holomorphic=False, doc="jv(v, z) exp(-|Im z|).")
bessel("yve", 0.5, -0.5, lo=0.3, kinds="f", holomorphic=False, doc="yv(v, z) exp(-|Im z|).")
bessel(
    "ive",
    0.5,
    0.5,
    lambda x: -op.sign(x),
    kinds="f",
    holomorphic=False,
    doc="iv(v, z) exp(-|Re z|).",
)
bessel("kve", -0.5, -0.5, lambda x: 1.0, lo=0.3, doc="kv(v, z) exp(z).")
bessel("hankel1", 0.5, -0.5, lo=0.3, kinds="c", doc="The Hankel function of the first kind.")
bessel("hankel2", 0.5, -0.5, lo=0.3, kinds="c", doc="The Hankel function of the second kind.")
bessel("hankel1e", 0.5, -0.5, lambda x: -1j, lo=0.3, kinds="c", doc="hankel1(v, z) exp(-i z).")
bessel("hankel2e", 0.5, -0.5, lambda x: 1j, lo=0.3, kinds="c", doc="hankel2(v, z) exp(i z).")
special(
    "kn",
    refused("kn", "the order"),
    lambda n, x, _y: -0.5 * (op.kv(n - 1, x) + op.kv(n + 1, x)),
    integers=(0,),
    samples=interval(0, 3, 0.3, 3),
    points=ORDERED,
    doc="The modified Bessel function of the second kind of whole order.",
)
special(
    "yn",
    refused("yn", "the order"),
    lambda n, x, _y: 0.5 * (op.yv(n - 1, x) - op.yv(n + 1, x)),
    integers=(0,),
    samples=interval(0, 3, 0.3, 3),
    points=ORDERED,
    doc="The Bessel function of the second kind of whole order.",
)
special("j0", lambda x, _y: -op.j1(x), samples=interval(-3, 3), doc="jv(0, x).")
special(
    "j1", lambda x, _y: 0.5 * (op.j0(x) - op.jv(2.0, x)), samples=interval(-3, 3), doc="jv(1, x)."
)
special("y0", lambda x, _y: -op.y1(x), samples=interval(0.3, 3), doc="yv(0, x).")
special(
    "y1", lambda x, _y: 0.5 * (op.y0(x) - op.yv(2.0, x)), samples=interval(0.3, 3), doc="yv(1, x)."
)
special("i0", lambda x, _y: op.i1(x), samples=interval(-3, 3), doc="iv(0, x).")
special(
    "i1", lambda x, _y: 0.5 * (op.i0(x) + op.iv(2.0, x)), samples=interval(-3, 3), doc="iv(1, x)."
)
special(
    "i0e", lambda x, y: op.i1e(x) - op.sign(x) * y, samples=interval(0.2, 3), doc="i0(x) exp(-|x|)."
)
special(
    "i1e",
    lambda x, y: 0.5 * (op.i0e(x) + op.ive(2.0, x)) - op.sign(x) * y,
    samples=interval(0.2, 3),
    doc="i1(x) exp(-|x|).",
)
special("k0", lambda x, _y: -op.k1(x), samples=interval(0.3, 3), doc="kv(0, x).")
special(
    "k1", lambda x, _y: -0.5 * (op.k0(x) + op.kv(2.0, x)), samples=interval(0.3, 3), doc="kv(1, x)."
)
special("k0e", lambda x, y: y - op.k1e(x), samples=interval(0.3, 3), doc="k0(x) exp(x).")
special(
    "k1e",
    lambda x, y: y - 0.5 * (op.k0e(x) + op.kve(2.0, x)),
    samples=interval(0.3, 3),
    doc="k1(x) exp(x).",
)
