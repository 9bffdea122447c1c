"""The primitives: importing this package declares all of them."""

from . import (
    contract,
    control,
    elementwise,
    fft,
    index,
    layout,
    linalg,
    loop,
    random,
    reduce,
    special,
    structural,
    write,
)

__all__ = [
    "contract",
    "control",
    "elementwise",
    "fft",
    "index",
    "layout",
    "linalg",
    "loop",
    "random",
    "reduce",
    "special",
    "structural",
    "write",
]
