"""Random programs are well formed, give the same values in every mode, and differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from loops.random_programs import random_program

from adjoint.base.errors import GraphError
from adjoint.loops.interpret import interpret
from adjoint.loops.ir import Loop, Operation, Program, Update, extent, walk
from adjoint.loops.lanes import lanes_of
from adjoint.loops.text import text
from adjoint.loops.verify import verify

OPTIONS = ({"lanes": 4}, {"lanes": 2, "seed": 1}, {"lanes": 8})


def check(seed: int, exact: bool) -> None:
    program, inputs = random_program(seed, exact=exact)
    verify(program)
    first = interpret(program, *inputs)  # with all promises of marks checked
    for options in OPTIONS:
        for one, other in zip(interpret(program, *inputs, **options), first, strict=True):
            assert one.dtype == other.dtype
            if exact or one.dtype.kind != "f":
                np.testing.assert_array_equal(one, other, err_msg=f"{seed} {options}")
                continue
            scale = np.abs(other).max(initial=1.0)
            assert np.isfinite(scale)
            tolerance = (1e-9 if one.itemsize == 8 else 1e-3) * scale
            np.testing.assert_allclose(one, other, 0, tolerance, err_msg=f"{seed} {options}")


@pytest.mark.parametrize("seed", range(60))
def test_every_mode_gives_the_same_bits(seed: int) -> None:
    check(seed, True)


@pytest.mark.parametrize("seed", range(30))
def test_every_mode_gives_nearly_the_same_values(seed: int) -> None:
    check(seed, False)


def check_marks(seed: int) -> int:
    """Marks at random: those that verifier and interpreter let pass change nothing."""
    program, inputs = random_program(seed)
    rng = np.random.default_rng(seed)
    loops = [item for item in walk(program.body) if isinstance(item, Loop)]
    for loop in loops:
        loop.lanes = loop.blocks = False
    first = interpret(program, *inputs)
    for loop in loops:
        draw = rng.random()
        loop.lanes, loop.blocks = draw < 0.5, 0.5 <= draw < 0.7
        try:
            interpret(program, *inputs)
        except GraphError:
            loop.lanes = loop.blocks = False
    for options in OPTIONS:
        for one, other in zip(interpret(program, *inputs, **options), first, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=f"{seed} {options}")
    return sum(loop.lanes or loop.blocks for loop in loops)


def test_a_mark_that_is_let_pass_changes_nothing() -> None:
    assert sum(check_marks(seed) for seed in range(2000, 2040)) > 50


@pytest.mark.slow
def test_many_programs_with_marks_at_random() -> None:
    for seed in range(3000, 4000):
        check_marks(seed)


@pytest.mark.slow
def test_many_programs() -> None:
    for seed in range(1000, 2500):
        check(seed, True)
        check(seed, False)


def test_a_seed_gives_one_program() -> None:
    for seed in range(10):
        (one, inputs), (other, others) = random_program(seed), random_program(seed)
        assert text(one) == text(other)
        for a, b in zip(inputs, others, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_options_hold() -> None:
    for seed in range(200):
        program, _ = random_program(seed, least=4, in_place=False)
        assert all(s.value > 0 for s in program.symbols if s in sizes(program))
        for loop in walk(program.body):
            if isinstance(loop, Loop) and loop.lanes:
                assert extent(loop.end) >= 4 and not lanes_of(loop).in_place


def sizes(program: Program) -> set[Any]:
    return {n for a in (*program.inputs, *program.outputs) for n in a.shape}


def test_what_matters_occurs() -> None:
    texts, kinds, names = set(), set(), set()
    deepest = 0
    for seed in range(300):
        program, _ = random_program(seed)
        texts.add(text(program))
        loops = [item for item in walk(program.body) if isinstance(item, Loop)]
        for loop in loops:
            depth, body = 1, loop.body
            while inner := [x for x in body if isinstance(x, Loop)]:
                depth, body = depth + 1, inner[0].body
            deepest = max(deepest, depth)
            if loop.blocks:
                kinds.add("blocks")
            if loop.lanes:
                facts = lanes_of(loop)
                kinds |= {"private"} if facts.private else set()
                kinds |= {"partial"} if facts.partial else set()
                kinds |= {"in place"} if facts.in_place else set()
                updated = {x.array for x in walk(loop.body) if isinstance(x, Update)}
                if updated - facts.private - set(facts.partial) - facts.in_place:
                    kinds.add("masked")
        names |= {item.name for item in walk(program.body) if isinstance(item, Operation)}
    assert len(texts) > 290
    assert kinds == {"blocks", "private", "partial", "in place", "masked"}
    assert deepest >= 3
    assert {"place", "select", "convert", "floor_divide", "sqrt", "less", "maximum"} <= names
