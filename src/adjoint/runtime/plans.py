"""What is known of a native segment once it has been planned: all that a call needs but the code.

Enters: a segment.  Leaves: its digest, under which the `Binding` is kept in memory and on disk, so
that in a later process the way from the closed graph to machine code is one look-up.  Equal digests
mean the same nodes, types, sizes and parameters (constants by their bits), the same target and the
same number of threads.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from ..codegen.targets import Target
from ..graph.function import bits
from ..graph.node import Node
from ..optimize.segments import Step
from .cache import default
from .threads import most

REMEMBERED = 4096  # bindings kept in memory
LARGEST = 1 << 14  # bytes of constants of one that is


class Binding(NamedTuple):
    """A planned segment: which machine code, and what its slots hold."""

    code: bytes  # the key of the machine code
    symbols: bytes  # the slots of the sizes and constants
    constants: tuple[np.ndarray, ...]
    services: tuple[str, ...]
    workspace: int  # bytes
    work: float  # additions


known: dict[bytes, Binding] = {}


def digest(step: Step, target: Target) -> bytes | None:
    """The digest of a segment; None where a parameter is no plain value."""
    number: dict[Node, int] = {}
    parts: list[Any] = [target.fingerprint, most()]
    for node in step.inputs:
        number[node] = len(number)
        parts.append((node.shape, node.dtype.str))
    for node in step.nodes:
        for x in node.inputs:
            if x not in number:  # a constant
                number[x] = len(number)
                parts.append(described(x, number))
        if node not in number:
            number[node] = len(number)
            parts.append(described(node, number))
    parts.append([number[node] for node in step.outputs])
    if any(part is None for part in parts):
        return None
    return blake2b(repr(parts).encode(), digest_size=24).digest()


def described(node: Node, number: dict[Node, int]) -> Any:
    """What tells a node from others; None where a parameter is no plain value."""
    if not is_plain(node.parameters):
        return None
    inputs = [number[x] for x in node.inputs]
    dtype = str(node.dtype) if isinstance(node.dtype, tuple) else node.dtype.str
    return node.primitive.name, inputs, bits(node.parameters), node.shape, dtype, node.weak


PLAIN = (int, float, complex, str, bytes, bool, type(None), np.generic, np.ndarray, np.dtype, type)


def is_plain(value: Any) -> bool:
    """Whether a parameter's text tells all of it."""
    if isinstance(value, dict):
        return all(is_plain(x) for x in value.values())
    if isinstance(value, (tuple, list)):
        return all(is_plain(x) for x in value)
    return isinstance(value, PLAIN)


def recall(key: bytes | None) -> Binding | None:
    """The binding of a digest, from memory or from disk."""
    if key is None:
        return None
    found = known.get(key)
    if found is None:
        payload = default().get("plan", key)
        if payload is not None:
            found = decoded(payload)
            keep(key, found)
    return found


def remember(key: bytes | None, binding: Binding) -> None:
    """Keep a binding."""
    if key is None:
        return
    keep(key, binding)
    default().put("plan", key, pickle.dumps(tuple(binding)))


def keep(key: bytes, binding: Binding) -> None:
    """Keep a binding in memory, where it is small."""
    if sum(a.nbytes for a in binding.constants) > LARGEST:
        return
    while len(known) >= REMEMBERED:
        known.pop(next(iter(known), b""), None)
    known[key] = binding


def decoded(payload: bytes) -> Binding:
    """A binding from the bytes that `remember` kept (in a directory that is the user's alone)."""
    return Binding(*pickle.loads(payload))


def cells(symbols: Sequence[Any]) -> bytes:
    """The slots of symbols: their bits, in 8 bytes each."""
    found = bytearray(8 * len(symbols))
    for k, symbol in enumerate(symbols):
        raw = np.asarray(symbol.value, symbol.dtype).tobytes()
        found[8 * k : 8 * k + len(raw)] = raw
    return bytes(found)
