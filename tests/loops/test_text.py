"""The text of programs: readable, the same for the same code, another one for other code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from loops.programs import F4, F8, I8, SAMPLES, Writer, given, number, result

from adjoint.base.errors import GraphError
from adjoint.loops.ir import Array, Constant, Load, Loop, Operation, Place, Program, Store, Symbol
from adjoint.loops.text import show, text

ELEMENTWISE = """\
program(a0: float64[3, n0] input, a1: float64[n0] input, a2: float64[3, n0] output)
symbols(n0: int64, n1: float64)
  for i0 in range(0, 3), blocks:
    for i1 in range(0, n0), lanes:
      v0 = load a0[i0, i1]
      v1: float64 = exp(v0)
      v2 = load a1[i1]
      v3: float64 = mul(v1, v2)
      v4: float64 = add(v3, n1)
      store a2[i0, i1] = v4
"""
GATHER = """\
program(a0: float64[n0, 3] input, a1: int64[n1] input, a2: float64[n1, 3] output)
symbols(n0: int64, n1: int64)
constants(a3: int64[3])
  for i0 in range(0, n1), lanes:
    v0 = load a1[i0]
    v1: int64 = place(v0, n0)
    for i1 in range(0, 3):
      v2 = load a3[i1]
      v3 = load a0[v2, i1]
      store a2[i0, i1] = v3
      v4 = load a2[i0, i1]
      v5 = load a0[v1, i1]
      v6: float64 = add(v4, v5)
      store a2[i0, i1] = v6
"""
VIEWS = """\
program(a0: float64[n0, 2] input, a1: float64[n0, 2] output, a2: float64[2, 2] output)
symbols(n0: int64, n1: int64)
views(a4: float64[4] of a3, a6: float64[n1] of a0, a7: float64[1, 2] of a5)
  scratch a3: float64[2, 2]
  for i0 in range(0, 4):
    store a4[i0] = 0.0
  for i1 in range(0, n0), lanes:
    scratch a5: float64[2]
    for i2 in range(0, 2):
      v0 = load a6[i1*2 + i2]
      store a7[0, i2] = v0
    for i3 in range(0, 2):
      v1 = load a5[i3*-1 + 1]
      store a1[i1, i3] = v1
      update a4[i3 + 1] = add(.., v1)
      update a3[1, 0] = add(.., v1)
  for i4 in range(0, 2):
    for i5 in range(0, 2):
      v2 = load a3[i4, i5]
      store a2[i4, i5] = v2
"""
SHOWN = """\
program(a0: float64[n0, 3] input, a1: int64[n1] input, a2: float64[n1, 3] output)
symbols(
  n0: int64,  # 4
  n1: int64  # 5
)
constants(
  a3: int64[3]  # [3 0 2]
)
"""


@pytest.mark.parametrize(
    ("name", "expected"), [("elementwise", ELEMENTWISE), ("gather", GATHER), ("views", VIEWS)]
)
def test_text_is_as_written_here(name: str, expected: str) -> None:
    assert text(SAMPLES[name](5).program) == expected


def test_show_adds_the_values() -> None:
    program, _, _ = SAMPLES["gather"](5)
    shown = show(program)
    assert shown.startswith(SHOWN)
    assert shown[len(SHOWN) :] == GATHER[GATHER.index("  for") :]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_same_code_has_the_same_text(name: str) -> None:
    program, _, _ = SAMPLES[name](5)
    assert text(program) == text(program) == text(SAMPLES[name](5).program)
    assert text(program) == text(SAMPLES[name](123).program), "sizes are no part of it"


def test_programs_differ_by_text() -> None:
    assert len({text(sample(5).program) for sample in SAMPLES.values()}) == len(SAMPLES)


def test_contents_of_constant_arrays_are_no_part_of_it() -> None:
    texts = []
    for value in (np.zeros(2), np.ones(2)):
        w, table, y = Writer(), Array([2], F8, "constant", value), result()
        w.store(y, [], w.load(table, 0))
        texts.append(text(w.program([], [y])))
    assert texts[0] == texts[1]


# ----------------------------------------------------------------------------- what changes the key


def base(change: str = "") -> Program:
    """A program in which each change changes the code."""
    w = Writer()
    n, m = Symbol(6), Symbol(6)
    first, second = (n, m) if change != "which symbol" else (m, n)
    x = given(first, 2, dtype=F4 if change == "dtype" else F8)
    others = [given(n)] if change == "another input" else []
    y = result(n, 3 if change == "static size" else 2)
    z = result(second)
    table = Array([2], F4 if change == "dtype of a table" else F8, "constant", np.zeros(2))
    if change == "a table's size":
        table = Array([3], F8, "constant", np.zeros(3))
    shape = [2, 2] if change == "shape of scratch" else [4]
    fills = {"no fill": None, "sign of fill": -0.0}
    cell = w.scratch(shape, fill=fills.get(change, 0.0))
    marks: dict[str, Any] = {"lanes": True}
    if change == "no mark":
        marks = {}
    if change == "another mark":
        marks = {"blocks": True}
    begin = 1 if change == "begin" else 0
    with w.loop(m if change == "end" else n, begin=begin, **marks) as i:
        p = Place([(i, 2 if change == "coefficient" else 1)], 1 if change == "offset" else 0)
        if change == "symbolic offset":
            p = Place([(i, 1)], m)
        value = w.load(x, p, 0)
        if change == "order of places":
            value = w.load(x, 0, p)
        if change == "axis":
            value = w.load(x, p, 1)
        name = "cos" if change == "operation" else "sin"
        v = w.op(name, value)
        v = w.op("round", v, decimals=2 if change == "parameter" else 1)
        c = CONSTANTS.get(change, number(0.5))
        terms = [c, v] if change == "order of operands" else [v, c]
        v = w.put(Operation("add", terms, F8, reduces=change == "a reduction's step"))
        v = w.op("mul", v, w.load(table, 1))
        if change == "an operation more":
            w.op("neg", v)
        w.store(z if change == "another array" else y, [i, 0][: 1 + (change != "another array")], v)
        if change == "a store more":
            w.store(y, [i, 1], v)
        combine = "mul" if change == "combine" else "add"
        w.update(cell, [0, 0][: len(shape)], combine, v)
    outputs = [z, y] if change == "order of outputs" else [y, z]
    if change == "a view":
        flat = Array([n, 2], F8, "output", base=y)
        w.store(flat, [0, 0], number(0.0))
    if change == "a view's shape":
        flat = Array([2, n], F8, "output", base=y)
        w.store(flat, [0, 0], number(0.0))
    return w.program([x, *others], outputs)


def nan(bits: int) -> Constant:
    found = Constant(0, F8)
    found.value = np.array(bits, np.uint64).view(F8)[()]
    return found


CONSTANTS = {
    "zero": number(0.0),
    "negative zero": number(-0.0),
    "next number": number(np.nextafter(0.5, 1)),
    "single": number(0.5, F4),
    "whole": number(0, I8),
    "truth": number(False, "?"),
    "small": number(0, "i4"),
    "infinity": number(np.inf),
    "negative infinity": number(-np.inf),
    "nan": nan(0x7FF8000000000000),
    "negative nan": nan(0xFFF8000000000000),
    "nan with a load": nan(0x7FF8000000000001),
    "complex": number(0.5, "c16"),
}
CHANGES = [
    "which symbol",
    "dtype",
    "another input",
    "static size",
    "dtype of a table",
    "a table's size",
    "shape of scratch",
    "no fill",
    "sign of fill",
    "no mark",
    "another mark",
    "begin",
    "end",
    "coefficient",
    "offset",
    "symbolic offset",
    "order of places",
    "axis",
    "operation",
    "parameter",
    "order of operands",
    "a reduction's step",
    "an operation more",
    "another array",
    "a store more",
    "combine",
    "order of outputs",
    "a view",
    "a view's shape",
    *CONSTANTS,
]


def test_every_change_of_the_code_changes_the_text() -> None:
    texts = {change: text(base(change)) for change in ["", *CHANGES]}
    assert len(set(texts.values())) == len(texts), [
        (a, b) for a in texts for b in texts if a < b and texts[a] == texts[b]
    ]


def test_neighbouring_numbers_have_texts_of_their_own() -> None:
    for dtype in (F4, F8, np.dtype("f2"), np.dtype("i8"), np.dtype("u1")):
        texts = set()
        start = np.array(1, dtype).view(f"u{dtype.itemsize}")
        for k in range(100):
            c = Constant(0, dtype)
            c.value = (start + np.array(k, start.dtype)).view(dtype)[()]
            y = result(dtype=dtype)
            texts.add(text(Program([], [y], [Store(y, [], c)])))
        assert len(texts) == 100, dtype


def test_a_loop_without_a_body_has_a_text() -> None:
    assert text(Program([], [], [Loop(3)])) == "program()\n  for i0 in range(0, 3):\n    pass\n"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            lambda y: [Store(y, [], Load(y, []))],
            "Load .* is used in a program that does not define",
        ),
        (lambda y: [Operation("round", [], F8, {"decimals": print})], "has no literal"),
        (lambda y: [None], "a body holds None"),
    ],
)
def test_what_has_no_text_is_refused(body: Callable[[Array], list[Any]], message: str) -> None:
    y = result()
    with pytest.raises(GraphError, match=message):
        text(Program([], [y], body(y)))


def test_a_symbol_added_later_is_refused() -> None:
    program = SAMPLES["running_sum"](3).program
    program.body.append(Loop(Symbol(3)))
    with pytest.raises(GraphError, match="a symbol is used in a program that does not define it"):
        text(program)
