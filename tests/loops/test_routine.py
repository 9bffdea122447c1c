"""Routines on whole arrays in loop programs: text, verifier, interpreter."""

import numpy as np
import pytest

from adjoint.base.errors import GraphError
from adjoint.loops.interpret import UnwrittenError, interpret
from adjoint.loops.ir import Array, Loop, Program, Routine, Scratch, Symbol
from adjoint.loops.text import text
from adjoint.loops.verify import verify


def sorting(out_dtype=float, name="sort", inside=None):
    n = Symbol(4)
    x, y = Array((3, n), float, "input"), Array((3, n), out_dtype, "output")
    item = Routine(name, y, [x], {"axis": 1})
    return Program([x], [y], inside(item) if inside else [item])


def test_text():
    assert text(sorting()) == (
        "program(a0: float64[3, n0] input, a1: float64[3, n0] output)\n"
        "symbols(n0: int64)\n"
        "  routine a1 = sort(a0, axis=1)\n"
    )


def test_the_primitive_is_its_meaning():
    x = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_array_equal(interpret(sorting(), x)[0], np.sort(x))


def test_several_outputs_lie_side_by_side():
    x, y = Array((2, 3, 3), float, "input"), Array((2, 2), float, "output")
    program = verify(Program([x], [y], [Routine("slogdet", y, [x], {})]))
    a = np.random.default_rng(1).normal(size=(2, 3, 3))
    np.testing.assert_array_equal(interpret(program, a)[0], np.stack(np.linalg.slogdet(a), -1))


def test_what_is_read_was_written():
    x, y = Array((4,), float, "scratch"), Array((4,), float, "output")
    body = [Scratch(x), Routine("sort", y, [x], {"axis": 0})]
    with pytest.raises(UnwrittenError, match="has no value everywhere"):
        interpret(Program([], [y], body))


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (lambda: sorting(np.float32), "its output is float32"),
        (lambda: sorting(name="arrange"), "no primitive of that name"),
        (lambda: sorting(inside=lambda item: [Loop(3, [item], lanes=True)]), "a marked loop"),
    ],
)
def test_faults(program, reason):
    with pytest.raises(GraphError, match=reason):
        verify(program())


def test_an_output_is_written_and_an_input_is_not():
    x = Array((4,), float, "input")
    with pytest.raises(GraphError, match="it writes to"):
        verify(Program([x], [], [Routine("sort", x, [x], {"axis": 0})]))
