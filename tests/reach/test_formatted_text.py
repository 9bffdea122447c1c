"""Texts in which a traced value is shown."""

from __future__ import annotations

import io
import logging
import math

import numpy as np
from reach.checks import check

import adjoint as ad

TEXTS: list[str] = []


def told(x):
    y = math.sin(x)
    TEXTS.append(f"{x} {x:.3f} {y:8.2e} {x!r:>20} {x + y=}")
    TEXTS.append("{:.1f} and {}".format(y, x))  # noqa: UP032
    return y * len(TEXTS[-1]) / len(TEXTS[-1])


def arrays(x):
    out = np.zeros(2)
    out[0] = math.exp(x)
    TEXTS.append(f"{out} {out[0]:.2f} {out.shape}")
    with np.printoptions(precision=2):
        TEXTS.append(str(out) + repr(out[1]))
    return out.sum() * x


def printed(x):
    stream = io.StringIO()
    print("x =", x, np.array([x, 2.0]), file=stream)
    logging.getLogger("reach").debug("x = %s, %.2f", x, x)
    return math.tanh(x) if stream.getvalue() else 0.0


def test_it_differentiates_as_it_stands():
    check(told, 0.3, 1.1, jit=False)
    check(arrays, 0.3, 1.1, jit=False)
    check(printed, 0.3, 1.1)


def test_the_numbers_are_shown():
    TEXTS.clear()
    ad.grad(told)(0.25)
    shown, other = TEXTS[:2]
    TEXTS.clear()
    told(0.25)
    assert shown.startswith("0.25 0.250 2.47e-01 ") and shown.split()[:3] == TEXTS[0].split()[:3]
    assert other == TEXTS[1]
    TEXTS.clear()


def test_texts_that_choose():
    check(lambda x: {"0": math.sin, "1": math.exp}[f"{int(x)}"](x), 0.3, 1.1)
