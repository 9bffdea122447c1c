"""Printer of programs: their text is the key of their machine code, and what a reader is shown.

Enters: a `Program`.  Leaves: `text(program)`, without the symbols' values and the contents of
constant arrays, or `show(program)`, which adds them as comments.

Everything that machine code depends on is in the text: names stand for places in the order of
appearance, a constant is written by its bits, parameters and marks are spelled out.  So programs of
equal text have the same machine code on the same target, and take their slots in the same order.

    program(a0: float64[n0, 3] input, a1: float64[n0] output)
    symbols(n0: int64, n1: float64)
      for i0 in range(0, n0), lanes:
        v0 = load a0[i0, 2]
        v1: float64 = mul(v0, n1)
        v2: float64 = add(v1, 0.5)
        store a1[i0] = v2

A bare whole number is an int64 (a size or a constant), one with a point or an exponent a float64;
constants of other dtypes name theirs: `float32(0.1)`.  `views(a3: float64[6] of a0)` lists arrays
that are the memory of another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..base.errors import GraphError
from ..graph.text import dtype_name, show_value
from .ir import (
    Array,
    Constant,
    Load,
    Loop,
    Operation,
    Place,
    Product,
    Program,
    Routine,
    Scratch,
    Store,
    Symbol,
    Update,
    fill_value,
    walk,
)

INDENT = "  "


def text(program: Program) -> str:
    """The text of a program: the key of its machine code, together with the target."""
    return render(program, names(program), with_values=False)


def show(program: Program) -> str:
    """The text of a program with the values of this call as comments."""
    return render(program, names(program), with_values=True)


def names(program: Program) -> dict[Any, str]:
    """A name for each symbol, array, index and value: n0, a0, i0, v0, numbered by appearance.

    Symbols are numbered in the order in which a caller passes them.
    """
    found: dict[Any, str] = {x: f"n{k}" for k, x in enumerate(program.symbols)}
    arrays = dict.fromkeys((*program.inputs, *program.outputs, *program.constants))
    indices = values = 0
    for item in walk(program.body):
        if isinstance(item, (Operation, Load)):
            found[item] = f"v{values}"
            values += 1
        elif isinstance(item, Loop):
            found[item.index] = f"i{indices}"
            indices += 1
        elif isinstance(item, Scratch):
            arrays.setdefault(item.array)
        if isinstance(item, Product):
            found.update((v, f"j{indices + k}") for k, (v, _) in enumerate(item.indices))
            indices += len(item.indices)
        for array in arrays_of(item):
            while array is not None:  # it and what it is a view of
                arrays.setdefault(array)
                array = array.base
    found.update((a, f"a{k}") for k, a in enumerate(arrays))
    return found


def arrays_of(item: Any) -> list[Any]:
    """The arrays that an item reads or writes."""
    if isinstance(item, Product):
        return [array for array, _ in item.operands]
    if isinstance(item, Routine):
        return list(item.arrays)
    return [item.array] if isinstance(item, (Load, Store, Update)) else []


def render(program: Program, named: Mapping[Any, str], with_values: bool) -> str:
    """The lines of a program."""

    def listed(word: str, parts: list[tuple[str, Any]]) -> None:
        if not with_values:
            lines.append(f"{word}({', '.join(part for part, _ in parts)})")
            return
        lines.append(f"{word}(")
        for k, (part, value) in enumerate(parts):
            lines.append(f"{INDENT}{part}{',' * (k < len(parts) - 1)}  # {value}")
        lines.append(")")

    lines: list[str] = []
    signature = [f"{declared(a, named)} {a.role}" for a in (*program.inputs, *program.outputs)]
    lines.append(f"program({', '.join(signature)})")
    if program.symbols:
        symbols = program.symbols
        listed(
            "symbols", [(f"{name_of(s, named)}: {dtype_name(s.dtype)}", s.value) for s in symbols]
        )
    if program.constants:
        arrays = program.constants
        listed("constants", [(declared(a, named), summary(a.value)) for a in arrays])
    if views := [a for a in named if isinstance(a, Array) and a.base is not None]:
        parts = [f"{declared(a, named)} of {name_of(a.base, named)}" for a in views]
        lines.append(f"views({', '.join(parts)})")
    write(program.body, named, lines, INDENT)
    return "\n".join(lines) + "\n"


def write(body: list[Any], named: Mapping[Any, str], lines: list[str], indent: str) -> None:
    """The lines of a body."""
    if not body:
        lines.append(f"{indent}pass")
    for item in body:
        lines.append(indent + line(item, named))
        if isinstance(item, Loop):
            write(item.body, named, lines, indent + INDENT)


def line(item: Any, named: Mapping[Any, str]) -> str:
    """An item of a body; of a loop the head."""
    if isinstance(item, Operation):
        parts = [operand(x, named) for x in item.operands]
        parts += [f"{key}={parameter(item.parameters[key])}" for key in sorted(item.parameters)]
        parts += ["reduces"] if item.reduces else []
        name = name_of(item, named)
        return f"{name}: {dtype_name(item.dtype)} = {item.name}({', '.join(parts)})"
    if isinstance(item, Load):
        return f"{name_of(item, named)} = load {element(item, named)}"
    if isinstance(item, Store):
        return f"store {element(item, named)} = {operand(item.value, named)}"
    if isinstance(item, Update):
        value = operand(item.value, named)
        return f"update {element(item, named)} = {item.combine}(.., {value})"
    if isinstance(item, Product):
        ranges = ", ".join(f"{name_of(v, named)}: {operand(n, named)}" for v, n in item.indices)
        c, a, b = (
            f"{name_of(array, named)}[{', '.join(where(p, named) for p in places)}]"
            for array, places in item.operands
        )
        return f"product {c} = sum({a} * {b}) for {ranges}"
    if isinstance(item, Routine):
        parts = [name_of(array, named) for array in item.inputs]
        parts += [f"{key}={parameter(item.parameters[key])}" for key in sorted(item.parameters)]
        return f"routine {name_of(item.output, named)} = {item.name}({', '.join(parts)})"
    if isinstance(item, Scratch):
        fill = fill_value(item)
        start = "" if fill is None else f" = {number(fill)}"
        mark = ", compensated" * item.compensated
        return f"scratch {declared(item.array, named)}{start}{mark}"
    if isinstance(item, Loop):
        marks = ", lanes" * item.lanes + ", blocks" * item.blocks + ", rare" * item.rare
        begin, end = operand(item.begin, named), operand(item.end, named)
        return f"for {name_of(item.index, named)} in range({begin}, {end}){marks}:"
    raise GraphError(f"a body holds {item!r}, which is no item of a program")


def name_of(x: Any, named: Mapping[Any, str]) -> str:
    try:
        return named[x]
    except (KeyError, TypeError):
        kind = "a symbol" if isinstance(x, Symbol) else f"{type(x).__name__} {x!r}"
        raise GraphError(f"{kind} is used in a program that does not define it") from None


def declared(array: Array, named: Mapping[Any, str]) -> str:
    """`a0: float64[n0, 3]`."""
    shape = ", ".join(operand(n, named) for n in array.shape)
    return f"{name_of(array, named)}: {dtype_name(array.dtype)}[{shape}]"


def element(item: Load | Store | Update, named: Mapping[Any, str]) -> str:
    """`a0[i0, 2*i1 + 1]`."""
    return f"{name_of(item.array, named)}[{', '.join(where(p, named) for p in item.places)}]"


def where(place: Place, named: Mapping[Any, str]) -> str:
    """`i0*n1 + v3 + 2`, the terms in their order."""
    parts = []
    for variable, coefficient in place.terms:
        name, times = name_of(variable, named), operand(coefficient, named)
        parts.append(name if times == "1" else f"{name}*{times}")
    offset = operand(place.offset, named)
    return " + ".join([*parts, offset] if offset != "0" or not parts else parts)


def operand(x: Any, named: Mapping[Any, str]) -> str:
    """What stands for an operand or a size."""
    if isinstance(x, Constant):
        return number(x.value)
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        return str(int(x))
    return name_of(x, named)


def parameter(value: Any) -> str:
    """A static parameter as a literal; one without a literal is refused, for it has no key."""
    found = show_value(value, {})
    if "opaque(" in found and "opaque(" not in repr(value):
        raise GraphError(f"parameter {value!r} has no literal, so the program has no text")
    return found


def number(value: np.generic) -> str:
    """A constant by its bits: readable where the digits tell them all."""
    dtype, kind = value.dtype, value.dtype.kind
    if kind == "b":
        return str(bool(value))
    if kind in "iu":
        digits = str(int(value))
        return digits if dtype == np.int64 else f"{dtype_name(dtype)}({digits})"
    is_plain = kind == "f" and dtype.itemsize in (4, 8) and not np.isnan(value)
    if not is_plain:
        return f"{dtype_name(dtype)}(0x{value.tobytes()[::-1].hex()})"
    # the shortest digits that are read back to the same number
    digits = repr(float(value)) if dtype.itemsize == 8 else str(value)
    return digits if dtype == np.float64 else f"{dtype_name(dtype)}({digits})"


def summary(value: Any) -> str:
    """A constant array's contents, shortened."""
    return np.array2string(np.asarray(value), threshold=8, edgeitems=3).replace("\n", " ")
