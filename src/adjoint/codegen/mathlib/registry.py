"""Where mathematical functions are registered, and how their LLVM text is made.

Enters: functions `(builder, *values) -> value` that write a body for any number of lanes and, by
the values' kind, for `double` or `float`.  Leaves: the text of a function
`@math.NAME.SUFFIX(type %x, ..)`, with those that it calls.

Each declares the error it promises, in ulps of the correctly rounded result, for each kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ..builder import FLOATS, Builder, Value, suffix
from ..targets import Target

ARGUMENTS = ("%x", "%y", "%z")


class Function(NamedTuple):
    """A mathematical function."""

    name: str
    arity: int
    write: Callable[..., Value]
    ulp: float  # largest error in float64
    ulp_single: float  # largest error in float32
    rare: bool  # whether it is hardly ever called: never inlined, and kept out of the way


FUNCTIONS: dict[str, Function] = {}


def function(
    name: str, arity: int = 1, ulp: float = 1.5, ulp_single: float = 1.0, rare: bool = False
) -> Callable:
    """Register `write(builder, *values)` as a mathematical function."""

    def register(write: Callable[..., Value]) -> Callable[..., Value]:
        if name in FUNCTIONS:
            raise ValueError(f"two mathematical functions are named {name!r}")
        FUNCTIONS[name] = Function(name, arity, write, ulp, ulp_single, rare)
        return write

    return register


def definitions(
    wanted: Iterable[tuple[str, str, int]], target: Target, inline: Callable[[str], bool]
) -> tuple[list[str], set[str]]:
    """The text of functions (name, kind, lanes) and of those they call, and what they declare.

    `inline(name)` tells whether calls are replaced by the body.
    """
    texts: dict[tuple[str, str, int], str] = {}
    declarations: set[str] = set()
    waiting = list(wanted)
    while waiting:
        key = waiting.pop()
        if key in texts:
            continue
        name, kind, lanes = key
        builder = Builder(target, lanes)
        entry = FUNCTIONS[name]
        values = [Value(builder, text, kind, lanes) for text in ARGUMENTS[: entry.arity]]
        result = entry.write(builder, *values)
        if result.lanes == 1:
            result = builder.splat(result, lanes)
        if entry.rare:
            how = "noinline cold optnone"  # compiled soon, and seldom used
            if target.vector_bits == lanes * FLOATS[kind] > 128:
                how += ' "no_caller_saved_registers"'  # so that nothing is spilled where it is hot
        else:
            how = "alwaysinline" if inline(name) else "noinline"
        parameters = ", ".join(map(repr, values))
        head = f"define internal {result.type} @math.{name}.{suffix(values[0])}({parameters}) {how}"
        texts[key] = "\n".join([head + " {", "entry:", *builder.lines, f"  ret {result!r}", "}"])
        declarations |= builder.declarations
        waiting.extend(builder.functions)
    return list(texts.values()), declarations
