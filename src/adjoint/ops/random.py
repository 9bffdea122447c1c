"""Random numbers from a counter: every number is a function of a key and of its place, nothing
else.

A key is four 32-bit words.  Block j of a key's stream is Philox4x32-10 of the counter (j, words 2
and 3 of the key) under the Philox key (words 0 and 1): four words.  The child i of a key is the
block of the counter (i with its top bit set, words 2 and 3), so children and draws never share a
counter. Element k of a draw takes word k (32 bits) or words 2k and 2k+1, the low one first (64
bits).

All is integer arithmetic: the same key gives the same bits on every machine and in every version.

Source: Salmon, Moraes, Dror and Shaw, *Parallel random numbers: as easy as 1, 2, 3* (2011); its
authors' library Random123 publishes the known answers that the tests compare with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..base.dtypes import Type, type_of
from ..graph import op
from ..graph.primitive import Case, External, Primitive
from .declare import zero

MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL = 0x9E3779B9, 0xBB67AE85
LOW, SHIFT = np.uint64(0xFFFFFFFF), np.uint64(32)
CHILD = np.uint64(1 << 63)
BLOCKS = 8192  # at once: the buffers stay in the cache
DISCRETE = zero("random bits depend on their key by no differentiable function")


def philox(counter: tuple, first: Any, second: Any) -> tuple:
    """Philox4x32-10 of counters under keys: arrays of 32-bit words held in uint64, broadcast
    together."""
    c0, c1, c2, c3 = counter
    for _ in range(10):
        a, b = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = (b >> SHIFT) ^ c1 ^ first, b & LOW, (a >> SHIFT) ^ c3 ^ second, a & LOW
        first = (first + np.uint64(WEYL[0])) & LOW
        second = (second + np.uint64(WEYL[1])) & LOW
    return c0, c1, c2, c3


def key_words(key: Any) -> list[np.ndarray]:
    """The four words of keys, each with a new axis behind."""
    key = np.asarray(key).astype(np.uint64)
    return [key[..., k, None] for k in range(4)]


def words_of(key: Any, count: int) -> np.ndarray:
    """The first words of the streams of keys: uint32, (keys' shape, count)."""
    first, second, third, fourth = key_words(key)
    lead = np.shape(key)[:-1]
    blocks = -(-count // 4)
    out = np.empty((*lead, blocks, 4), np.uint32)
    step = max(1, BLOCKS // max(1, math.prod(lead)))
    for start in range(0, blocks, step):
        j = np.arange(start, min(start + step, blocks), dtype=np.uint64)
        found = philox((j & LOW, j >> SHIFT, third, fourth), first, second)
        for k, word in enumerate(found):
            out[..., start : start + len(j), k] = word
    return out.reshape((*lead, blocks * 4))[..., :count]


def bits_value(key: Any, *, shape: tuple[int, ...], width: int) -> Any:
    """Uniform random bits: uint32 or uint64."""
    count = math.prod(shape)
    words = words_of(key, count * (width // 32))
    if width == 64:
        words = words.astype(np.uint64)
        words = words[..., 0::2] | (words[..., 1::2] << SHIFT)
    return words.reshape((*np.shape(key)[:-1], *shape))[()]


def uniform_value(key: Any, *, shape: tuple[int, ...], dtype: np.dtype, inside: bool) -> Any:
    """Uniform numbers in [0, 1); with `inside` in (0, 1), symmetric about 1/2."""
    width, digits = (32, 24) if dtype == np.float32 else (64, 53)
    bits = bits_value(key, shape=shape, width=width)
    digits -= inside
    values = (bits >> bits.dtype.type(width - digits)).astype(dtype)
    if inside:
        values += dtype.type(0.5)
    values *= dtype.type(2.0**-digits)
    return values


def high_product(a: np.ndarray, span: int) -> np.ndarray:
    """The upper 64 bits of the 128-bit product of uint64 numbers and a number below 2**64."""
    low, high = np.uint64(span & 0xFFFFFFFF), np.uint64(span >> 32)
    a_low, a_high = a & LOW, a >> SHIFT
    middle = a_high * low + ((a_low * low) >> SHIFT)
    carry = a_low * high + (middle & LOW)
    return a_high * high + (middle >> SHIFT) + (carry >> SHIFT)


def integers_value(
    key: Any, *, shape: tuple[int, ...], low: int, span: int, dtype: np.dtype
) -> Any:
    """low + floor(span * u) for u of 128 random bits: no value's probability is off by 2**-64 of
    it."""
    bits = bits_value(key, shape=(*shape, 2), width=64)
    if span == 1 << 64:
        values = bits[..., 0].copy()
    else:
        first, second = bits[..., 0], bits[..., 1]
        with np.errstate(over="ignore"):  # modulo 2**64, for NumPy's scalars too
            part = first * np.uint64(span)
            total = part + high_product(second, span)
            values = high_product(first, span) + (total < part)
    with np.errstate(over="ignore"):
        values = values + np.uint64(low % (1 << 64))
    return (values if dtype.kind == "u" else values.view(np.int64)).astype(dtype)[()]


def child_value(key: Any, index: Any) -> Any:
    """The keys numbered by `index` below keys; the two are broadcast together."""
    first, second, third, fourth = key_words(key)
    j = np.asarray(index).astype(np.uint64)[..., None] | CHILD
    found = np.broadcast_arrays(*philox((j & LOW, j >> SHIFT, third, fourth), first, second))
    return np.concatenate(found, axis=-1).astype(np.uint32)


def child_type(key: Any, index: Any) -> Type:
    shape = np.broadcast_shapes(type_of(key).shape[:-1], type_of(index).shape)
    return Type((*shape, 4), np.dtype(np.uint32))


def child_batch(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    (key, index), (of_key, of_index) = inputs, batched
    ranks = len(type_of(key).shape) - 1 - of_key, len(type_of(index).shape) - of_index
    rank = max(ranks)
    if of_key:
        shape = type_of(key).shape
        key = op.reshape(key, shape=(size, *(1,) * (rank - ranks[0]), *shape[1:]))
    if of_index:
        shape = type_of(index).shape
        index = op.reshape(index, shape=(size, *(1,) * (rank - ranks[1]), *shape[1:]))
    return op.random_child(key, index)


def stream_batch(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    """A batch of keys is a stack of keys."""
    return op.apply(primitive, inputs, parameters)


def stream_type(dtype: Callable) -> Callable:
    def infer(key: Any, *, shape: tuple[int, ...], **parameters: Any) -> Type:
        return Type((*type_of(key).shape[:-1], *shape), np.dtype(dtype(parameters)))

    return infer


def stream_cases(*choices: dict[str, Any]) -> Callable[[np.random.Generator], list[Case]]:
    def cases(rng: np.random.Generator) -> list[Case]:
        key = rng.integers(0, 1 << 32, (4,), dtype=np.uint32)
        keys = rng.integers(0, 1 << 32, (3, 4), dtype=np.uint32)
        return [
            Case((k,), {"shape": shape, **chosen}, False)
            for k, shape in ((key, ()), (key, (3, 2)), (keys, (5,)))
            for chosen in choices
        ]

    return cases


def stream(name: str, value: Callable, dtype: Callable, choices: tuple, doc: str) -> Primitive:
    """Declare a draw of a shape from a key's stream."""
    return Primitive(
        name,
        "random",
        value,
        stream_type(dtype),
        DISCRETE,
        stream_batch,
        External(name),
        stream_cases(*choices),
        value,
        doc,
    )


F64, F32, I64, U8 = (
    np.dtype(np.float64),
    np.dtype(np.float32),
    np.dtype(np.int64),
    np.dtype(np.uint8),
)

stream(
    "random_bits",
    bits_value,
    lambda p: np.uint64 if p["width"] == 64 else np.uint32,
    ({"width": 32}, {"width": 64}),
    "Uniform random bits of a key's stream.",
)
stream(
    "random_uniform",
    uniform_value,
    lambda p: p["dtype"],
    ({"dtype": F64, "inside": False}, {"dtype": F32, "inside": True}),
    "Uniform random numbers in [0, 1), or in (0, 1).",
)
stream(
    "random_integers",
    integers_value,
    lambda p: p["dtype"],
    ({"low": -3, "span": 7, "dtype": I64}, {"low": 5, "span": 10, "dtype": U8}),
    "Uniform random integers in a range.",
)


def child_cases(rng: np.random.Generator) -> list[Case]:
    key = rng.integers(0, 1 << 32, (4,), dtype=np.uint32)
    return [
        Case((key, np.arange(3)), {}, False),
        Case((np.stack([key, key + 1]), np.array(7)), {}, False),
    ]


random_child = Primitive(
    "random_child",
    "random",
    child_value,
    child_type,
    DISCRETE,
    child_batch,
    External("random_child"),
    child_cases,
    child_value,
    "The keys below a key, by their numbers.",
)
