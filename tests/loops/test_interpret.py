"""The interpreter: programs against NumPy in every mode, and each of its checks."""

from __future__ import annotations

import numpy as np
import pytest
from loops.programs import B1, F4, F8, I4, I8, SAMPLES, Writer, given, number, result

from adjoint.base.errors import GraphError
from adjoint.loops.interpret import (
    MarkError,
    OutOfBoundsError,
    UnwrittenError,
    identity,
    interpret,
)
from adjoint.loops.ir import Place, Program, Symbol

LANES = 4
SIZES = (0, 1, 2, LANES - 1, LANES, LANES + 1, 3 * LANES + 2)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("n", SIZES)
def test_programs_agree_with_numpy_in_every_mode(name: str, n: int) -> None:
    program, inputs, expected = SAMPLES[name](n)
    for options in ({}, {"lanes": LANES}, {"lanes": 1}, {"lanes": 8, "seed": 1}, {"seed": 2}):
        found = interpret(program, *inputs, **options)
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == other.dtype and one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=1e-13, atol=1e-14, err_msg=str(options))


def test_the_order_of_blocks_changes_no_bit() -> None:
    for name in ("two_levels", "softmax_columns", "elementwise"):
        program, inputs, _ = SAMPLES[name](23)
        (first,) = interpret(program, *inputs, lanes=LANES)
        for seed in range(4):
            (other,) = interpret(program, *inputs, lanes=LANES, seed=seed)
            np.testing.assert_array_equal(first, other)


def test_a_seed_draws_the_order_of_blocks() -> None:
    program, x = neighbours("blocks"), np.arange(6.0)  # not legal: the order shows
    found = {interpret(program, x, lanes=1, seed=seed)[0].tobytes() for seed in range(6)}
    assert len(found) > 1
    (one,), (again,) = (interpret(program, x, lanes=1, seed=5) for _ in range(2))
    np.testing.assert_array_equal(one, again)


def test_a_number_comes_and_goes_as_an_array_without_axes() -> None:
    w, x, y = Writer(), given(), result()
    w.store(y, [], w.op("sin", w.load(x)))
    (found,) = interpret(w.program([x], [y]), 0.5)
    assert found.shape == () and found == np.sin(0.5)


def test_signed_zeros_pass_through_partial_sums() -> None:
    w, size = Writer(), Symbol(9)
    x, y = given(size), result()
    total = w.scratch([], fill=-0.0)
    with w.loop(size, lanes=True) as i:
        w.update(total, [], "add", w.load(x, i))
    w.store(y, [], w.load(total))
    program = w.program([x], [y])
    for lanes in (None, LANES):
        (found,) = interpret(program, np.full(9, -0.0), lanes=lanes)
        assert found == 0 and np.signbit(found)


@pytest.mark.parametrize("dtype", [F8, F4, I8, I4, B1])
@pytest.mark.parametrize("combine", ["add", "mul", "maximum", "minimum"])
def test_an_identity_leaves_every_value_as_it_is(combine: str, dtype: np.dtype) -> None:
    values = [0, 1, -1, np.nan, np.inf, -np.inf, -0.0] if dtype.kind == "f" else [0, 1, -1]
    if dtype.kind == "i":
        values += [np.iinfo(dtype).min, np.iinfo(dtype).max]
    ufunc = {"add": np.add, "mul": np.multiply}.get(combine) or getattr(np, combine)
    neutral = identity(combine, dtype)
    assert neutral.dtype == dtype
    for value in np.array(values, dtype):
        assert ufunc(neutral, value).tobytes() == value.tobytes()


def test_operations_warn_of_nothing() -> None:
    w, x, y = Writer(), given(3), result(3)
    with w.loop(3) as i:
        w.store(y, [i], w.op("log", w.op("div", w.load(x, i), number(0.0))))
    (found,) = interpret(w.program([x], [y]), np.array([1.0, -1.0, 0.0]))
    np.testing.assert_array_equal(found, [np.inf, np.nan, np.nan])


# ------------------------------------------------------------------------------------- the checks


@pytest.mark.parametrize("lanes", [None, LANES])
@pytest.mark.parametrize("offset", [-1, 1])
def test_an_access_out_of_bounds_names_array_axis_index_and_extent(
    lanes: int | None, offset: int
) -> None:
    w, size = Writer(), Symbol(6)
    x, y = given(2, size), result(size)
    with w.loop(size, lanes=True) as i:
        w.store(y, [i], w.load(x, 1, Place([(i, 1)], offset)))
    with pytest.raises(
        OutOfBoundsError, match=r"array a0, axis 1: index .* of an extent of 6"
    ) as e:
        interpret(w.program([x], [y]), np.zeros((2, 6)), lanes=lanes)
    assert isinstance(e.value, IndexError) and isinstance(e.value, GraphError)


@pytest.mark.parametrize("lanes", [None, LANES])
@pytest.mark.parametrize("dtype", [I8, I4, np.dtype("u1"), np.dtype("u8")])
def test_an_index_that_came_as_data_is_checked_as_numpy_does(
    lanes: int | None, dtype: np.dtype
) -> None:
    w, size, m = Writer(), Symbol(6), Symbol(3)
    k, y = given(size, dtype=dtype), result(size, dtype=I8)
    with w.loop(size, lanes=True) as i:
        w.store(y, [i], w.op("place", w.load(k, i), m))
    program, a = w.program([k], [y]), np.array([0, 2, 1, 0, 0, 2], dtype)
    (found,) = interpret(program, a, lanes=lanes)
    np.testing.assert_array_equal(found, a)
    a[4] = 3
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 0 with size 3") as e:
        interpret(program, a, lanes=lanes)
    assert type(e.value) is IndexError
    if dtype.kind == "i":
        a[4] = -3
        assert interpret(program, a, lanes=lanes)[0][4] == 0
        a[4] = -4
        with pytest.raises(IndexError, match="index -4 is out of bounds"):
            interpret(program, a, lanes=lanes)


@pytest.mark.parametrize("lanes", [None, LANES])
@pytest.mark.parametrize("how", ["load", "update"])
def test_what_was_not_written_is_not_read(lanes: int | None, how: str) -> None:
    w, size = Writer(), Symbol(6)
    y = result(size)
    with w.loop(size, lanes=True) as i:
        row = w.scratch([2])
        w.store(row, [1], number(0.0))
        if how == "update":
            w.update(row, [0], "add", number(1.0))
        w.store(y, [i], w.load(row, 0))
    with pytest.raises(UnwrittenError, match=r"a1 has no value at \[0"):
        interpret(w.program([], [y]), lanes=lanes)


def test_scratch_starts_anew_each_time() -> None:
    w, y = Writer(), result(2)
    with w.loop(2) as i:
        one = w.scratch([2])
        w.store(one, [i], number(0.0))
        w.store(y, [i], w.load(one, 0))
    with pytest.raises(UnwrittenError, match=r"a1 has no value at \[0\]"):
        interpret(w.program([], [y]))


def test_every_element_of_an_output_is_written() -> None:
    w, y = Writer(), result(2, 3)
    with w.loop(2) as i:
        w.store(y, [1, i], number(0.0))
        w.store(y, [0, i], number(0.0))
    with pytest.raises(UnwrittenError, match=r"output a0 has no value at \[0, 2\]"):
        interpret(w.program([], [y]))


def test_inputs_are_what_the_program_says() -> None:
    program, inputs, _ = SAMPLES["running_sum"](4)
    with pytest.raises(GraphError, match="0 arrays for 1 inputs"):
        interpret(program)
    with pytest.raises(GraphError, match=r"input a0 is float64\[4\], what came is float64\[3\]"):
        interpret(program, inputs[0][:3])
    with pytest.raises(GraphError, match="what came is float32"):
        interpret(program, inputs[0].astype(F4))
    with pytest.raises(ValueError, match="power of two"):
        interpret(program, *inputs, lanes=3)


def neighbours(mark: str) -> Program:
    w, x, y = Writer(), given(6), result(6)
    buffer = w.scratch([7], fill=0.0)
    with w.loop(6, **{mark: True}) as i:
        w.store(buffer, [Place([(i, 1)], 1)], w.load(x, i))
        w.store(y, [i], w.load(buffer, i))
    return w.program([x], [y])


def earlier_neighbours(mark: str) -> Program:
    w, x, y = Writer(), given(6), result(6)
    buffer = w.scratch([7], fill=0.0)
    with w.loop(6, **{mark: True}) as i:
        w.store(y, [i], w.load(buffer, Place([(i, 1)], 1)))
        w.store(buffer, [i], w.load(x, i))
    return w.program([x], [y])


def one_place_by_data(mark: str) -> Program:
    w, x, y = Writer(), given(6), result(3)
    k = w.scratch([6], I8, fill=0)
    with w.loop(6, **{mark: True}) as i:
        w.store(y, [Place([(i, 0), (w.load(k, i), 1)])], w.load(x, i))
    return w.program([x], [y])


def two_operations(mark: str) -> Program:
    w, x, y = Writer(), given(6), result(3)
    k = w.scratch([6], I8, fill=0)
    with w.loop(3, lanes=True) as i:
        w.store(y, [i], number(0.0))
    with w.loop(6, **{mark: True}) as i:
        one = Place([(i, 0), (w.load(k, i), 1)])
        w.update(y, [one], "add", w.load(x, i))
        w.update(y, [one], "mul", number(2.0))
    return w.program([x], [y])


BROKEN = {
    ("lanes", neighbours): "reads a2[1], which another iteration writes",
    ("blocks", neighbours): "reads a2[1], which another iteration writes",
    ("lanes", earlier_neighbours): "stores a2[1], which another iteration reads or writes",
    ("blocks", earlier_neighbours): "stores a2[1], which another iteration reads or writes",
    ("lanes", one_place_by_data): "stores a1[0], which another iteration reads or writes",
    ("blocks", one_place_by_data): "stores a1[0], which another iteration reads or writes",
    (
        "lanes",
        two_operations,
    ): "updates a1[0], which another iteration updates by another operation",
    ("blocks", two_operations): "updates a1[0], which another iteration updates",
}


@pytest.mark.parametrize(("mark", "make"), BROKEN)
def test_a_broken_promise_of_a_mark_is_found(mark: str, make: object) -> None:
    with pytest.raises(MarkError) as e:
        interpret(make(mark), np.zeros(6))  # type: ignore[operator]
    assert f"the {mark} loop over i" in str(e.value)
    assert BROKEN[mark, make] in str(e.value)
