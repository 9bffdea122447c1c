"""The verifier: each fault of a program is refused, with the item at fault in the message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from loops.programs import B1, F4, F8, I4, I8, SAMPLES, Writer, given, number, result

from adjoint.base.errors import GraphError
from adjoint.loops.ir import (
    Array,
    Constant,
    Index,
    Load,
    Loop,
    Operation,
    Place,
    Program,
    Scratch,
    Store,
    Symbol,
    Update,
)
from adjoint.loops.verify import verify


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_pass(name: str) -> None:
    program, _, _ = SAMPLES[name](5)
    assert verify(program) is program


Make = Callable[[], Program]
FAULTS: dict[str, tuple[Make, str]] = {}


def fault(message: str) -> Callable[[Make], Make]:
    """A function that makes a program which is refused with this message."""

    def register(make: Make) -> Make:
        FAULTS[make.__name__] = make, message
        return make

    return register


def one(write: Callable[[Writer, Array, Array, Index], Any], **marks: bool) -> Program:
    """A program of one loop over six elements of `x` and `y`; it stores to `y` at the end."""
    w, x, y = Writer(), given(6), result(6)
    with w.loop(6, **marks) as i:
        write(w, x, y, i)
        w.store(y, [i], number(0.0))
    return w.program([x], [y])


# ------------------------------------------------------------------------------- scope, definitions


@fault("operand 0 is v1, used before it is defined")
def use_before_definition() -> Program:
    w, x, y = Writer(), given(), result()
    later = Load(x, [])
    w.op("neg", later)
    w.put(later)
    w.store(y, [], number(0.0))
    return w.program([x], [y])


@fault("its value is v1, used out of its scope")
def use_after_the_loop() -> Program:
    w, x, y = Writer(), given(6), result()
    with w.loop(6) as i:
        value = w.op("neg", w.load(x, i))
    w.store(y, [], value)
    return w.program([x], [y])


@fault("a variable of place 0 is i0, used out of its scope")
def index_after_its_loop() -> Program:
    w, x, y = Writer(), given(6), result(6)
    with w.loop(6) as i:
        pass
    w.store(y, [i], number(0.0))
    return w.program([x], [y])


@fault("a variable of place 0 is ?, used before it is defined")
def index_of_no_loop() -> Program:
    return one(lambda w, x, y, i: w.load(x, Index()))


@fault("its end is v0, used out of its scope")
def bound_out_of_scope() -> Program:
    w, y = Writer(), result(3)
    with w.loop(3) as i:
        end = w.op("add", i, number(1, I8))
    with w.loop(end) as i:
        w.store(y, [i], number(0.0))
    return w.program([], [y])


@fault("= neg(v0)`: it stands in the program twice")
def item_twice() -> Program:
    def write(w: Writer, x: Array, y: Array, i: Index) -> None:
        w.put(w.op("neg", w.load(x, i)))

    return one(write)


@fault("scratch array a1 is used outside of the body that declares it")
def scratch_after_its_body() -> Program:
    w, y = Writer(), result(3)
    with w.loop(3):
        inside = w.scratch([3], fill=0.0)
    with w.loop(3) as i:
        w.store(y, [i], w.load(inside, i))
    return w.program([], [y])


@fault("scratch array a2 is used outside of the body that declares it")
def scratch_not_declared() -> Program:
    return one(lambda w, x, y, i: w.load(Array([6], F8, "scratch"), i))


@fault("the array is declared twice")
def scratch_twice() -> Program:
    def write(w: Writer, x: Array, y: Array, i: Index) -> None:
        array = w.scratch([3])
        w.put(Scratch(array))

    return one(write)


@fault("it declares an output without filling it")
def scratch_of_an_output() -> Program:
    return one(lambda w, x, y, i: w.put(Scratch(y)))


@fault("array a2 of role 'input' is not listed by the program")
def input_not_listed() -> Program:
    return one(lambda w, x, y, i: w.load(given(6), i))


@fault("a0 is listed twice")
def array_listed_twice() -> Program:
    y = result()
    return Program([], [y, y], [Store(y, [], number(0.0))])


@fault("a0 is listed as input, its role is output")
def array_of_another_role() -> Program:
    return Program([result()], [], [])


@fault("a body holds 'nothing', which is no item of a program")
def no_item() -> Program:
    return one(lambda w, x, y, i: w.put("nothing"))


# ------------------------------------------------------------------------------- symbols, constants


@fault("symbol n0 has no value")
def symbol_without_value() -> Program:
    y = result(Symbol(None))
    return Program([], [y], [])


@fault("symbol n0 is an int64, its value is 2.5")
def symbol_of_another_value() -> Program:
    return Program([], [result(Symbol(2.5))], [])


@fault("its symbols and constants are not those of its body, in their order")
def changed_after_it_was_made() -> Program:
    program = one(lambda w, x, y, i: None)
    program.body.append(Loop(Symbol(3), []))
    return program


@fault("extent 0 of a0 is -1")
def negative_extent() -> Program:
    return Program([], [result(Symbol(-1))], [])


@fault("extent 0 of a0 is a symbol of dtype float64, not int64")
def extent_of_another_dtype() -> Program:
    return Program([], [result(Symbol(1.0, F8))], [])


@fault("extent 0 of a0 is 1.5, neither a whole number nor a symbol")
def extent_no_size() -> Program:
    return Program([], [result(1.5)], [])


@fault("constant a1 has no array as its value")
def constant_without_value() -> Program:
    w, table, y = Writer(), Array([2], F8, "constant"), result()
    w.store(y, [], w.load(table, 0))
    return w.program([], [y])


@fault("constant a1 is float64[2], its value float32[2]")
def constant_of_another_dtype() -> Program:
    w, table, y = Writer(), Array([2], F8, "constant", np.zeros(2, F4)), result()
    w.store(y, [], w.load(table, 0))
    return w.program([], [y])


@fault("scratch array a2 has no number as its fill")
def fill_no_number() -> Program:
    return one(lambda w, x, y, i: w.scratch([2], fill="none"))


@fault("its fill is float32, its array float64")
def fill_of_another_dtype() -> Program:
    return one(lambda w, x, y, i: w.scratch([2], fill=number(0, F4)))


# --------------------------------------------------------------------------------------- operations


@fault("there is no elementwise primitive of that name")
def unknown_operation() -> Program:
    return one(lambda w, x, y, i: w.put(Operation("nothing", [w.load(x, i)], F8)))


@fault("there is no elementwise primitive of that name")
def operation_not_elementwise() -> Program:
    return one(lambda w, x, y, i: w.put(Operation("sum", [w.load(x, i)], F8)))


@fault("the primitive has several results")
def operation_of_several_results() -> Program:
    return one(lambda w, x, y, i: w.put(Operation("sici", [w.load(x, i)], F8)))


@fault("its dtype is float64, of (float64, float64) it is bool")
def comparison_not_bool() -> Program:
    return one(lambda w, x, y, i: w.put(Operation("less", [w.load(x, i)] * 2, F8)))


@fault("its dtype is float64, of (float32, float32) it is float32")
def result_of_another_dtype() -> Program:
    return one(lambda w, x, y, i: w.put(Operation("add", [number(0, F4)] * 2, F8)))


@fault("its operands are (int64, float64), NumPy computes in (float64, float64)")
def promotion_not_written() -> Program:
    return one(lambda w, x, y, i: w.put(Operation("add", [i, w.load(x, i)], F8)))


@fault("its operands are (float64, float64, float64), NumPy computes in (bool, float64, float64)")
def selection_by_a_number() -> Program:
    return one(lambda w, x, y, i: w.put(Operation("select", [w.load(x, i)] * 3, F8)))


@fault("its type rule refuses the operands")
def too_many_operands() -> Program:
    return one(lambda w, x, y, i: w.put(Operation("sin", [w.load(x, i)] * 2, F8)))


@fault("operand 1 is 2.0, which is no operand")
def operand_no_operand() -> Program:
    return one(lambda w, x, y, i: w.put(Operation("add", [w.load(x, i), 2.0], F8)))


@fault("has no literal")
def parameter_without_literal() -> Program:
    parameters = {"decimals": object()}
    return one(lambda w, x, y, i: w.put(Operation("round", [w.load(x, i)], F8, parameters)))


@fault("place takes integers, operand 0 is float64")
def place_of_a_float() -> Program:
    return one(lambda w, x, y, i: w.op("place", w.load(x, i), 6))


@fault("place gives an int64, its dtype is int32")
def place_of_another_dtype() -> Program:
    return one(lambda w, x, y, i: w.put(Operation("place", [i, 6], I4)))


@fault("place has two operands, the index and the extent")
def place_without_extent() -> Program:
    return one(lambda w, x, y, i: w.put(Operation("place", [i], I8)))


@fault("its extent is float64, not int64")
def place_of_no_extent() -> Program:
    return one(lambda w, x, y, i: w.op("place", i, number(6.0)))


# ---------------------------------------------------------------------------------- accesses, loops


@fault("1 places for 2 axes")
def places_missing() -> Program:
    w, x, y = Writer(), given(6, 2), result()
    w.store(y, [], w.load(x, 0))
    return w.program([x], [y])


@fault("a variable of place 0 is float64, not int64")
def place_not_whole() -> Program:
    return one(lambda w, x, y, i: w.load(x, w.load(x, i)))


@fault("place 0 has the variable 3, no index or result")
def place_of_a_number() -> Program:
    return one(lambda w, x, y, i: w.load(x, Place([(3, 1)])))


@fault("the offset of place 0 is 0.5, neither a whole number nor a symbol")
def offset_not_whole() -> Program:
    return one(lambda w, x, y, i: w.load(x, Place([(i, 1)], 0.5)))  # type: ignore[arg-type]


@fault("a coefficient of place 0 is a symbol of dtype float64, not int64")
def coefficient_not_whole() -> Program:
    return one(lambda w, x, y, i: w.load(x, Place([(i, Symbol(2.0, F8))])))


@fault("place 0 trusts an input's number: use the operation `place`")
def place_from_an_input() -> Program:
    w, k, y = Writer(), given(6, dtype=I8), result(6)
    with w.loop(6) as i:
        w.store(y, [w.load(k, i)], number(0.0))
    return w.program([k], [y])


@fault("it writes to a0, of role input")
def write_to_an_input() -> Program:
    return one(lambda w, x, y, i: w.store(x, [i], number(0.0)))


@fault("its value is float32, its array float64")
def stored_dtype() -> Program:
    return one(lambda w, x, y, i: w.store(y, [i], number(0.0, F4)))


@fault("its value is bool, its array float64")
def updated_dtype() -> Program:
    return one(lambda w, x, y, i: w.update(y, [i], "add", number(True, B1)))


@fault("'sub' is none of")
def unknown_combine() -> Program:
    return one(lambda w, x, y, i: w.update(y, [i], "sub", number(0.0)))


@fault("logical_or of float64, not of bool")
def logic_of_floats() -> Program:
    return one(lambda w, x, y, i: w.update(y, [i], "logical_or", number(0.0)))


@fault("its end is float64, not int64")
def bound_not_whole() -> Program:
    def write(w: Writer, x: Array, y: Array, i: Index) -> None:
        with w.loop(w.load(x, i)):
            pass

    return one(write)


@fault("its begin is None, neither a whole number nor a symbol")
def bound_missing() -> Program:
    return Program([], [], [Loop(3, begin=None)])


@fault("the view has 4 elements, its array 6")
def view_of_another_size() -> Program:
    return one(lambda w, x, y, i: w.load(Array([4], F8, "input", base=x), 0))


@fault("the view has another dtype or role than its array")
def view_of_another_dtype() -> Program:
    return one(lambda w, x, y, i: w.load(Array([6], F4, "input", base=x), 0))


@fault("scratch array a3 is used outside of the body that declares it")
def view_of_no_array() -> Program:
    base = Array([6], F8, "scratch")
    return one(lambda w, x, y, i: w.load(Array([2, 3], F8, "scratch", base=base), 0, 0))


# -------------------------------------------------------------------------------------------- marks


@fault("a marked loop stands inside a lanes loop")
def lanes_in_lanes() -> Program:
    def write(w: Writer, x: Array, y: Array, i: Index) -> None:
        with w.loop(2), w.loop(2, lanes=True):
            pass

    return one(write, lanes=True)


@fault("it is marked both lanes and blocks")
def both_marks() -> Program:
    return one(lambda w, x, y, i: None, lanes=True, blocks=True)


@fault("its end varies over the lanes loop around")
def bound_that_varies() -> Program:
    def write(w: Writer, x: Array, y: Array, i: Index) -> None:
        with w.loop(w.op("add", i, number(1, I8))):
            pass

    return one(write, lanes=True)


@fault("its end varies over the lanes loop around")
def bound_from_a_lane_s_own_array() -> Program:
    def write(w: Writer, x: Array, y: Array, i: Index) -> None:
        end = w.scratch([], I8, fill=0)
        w.store(end, [], i)
        with w.loop(w.load(end)):
            pass

    return one(write, lanes=True)


@fault("all iterations of the lanes loop around store to one place")
def lanes_store_to_one_place() -> Program:
    def write(w: Writer, x: Array, y: Array, i: Index) -> None:
        with w.loop(6) as k:
            w.store(y, [k], w.load(x, i))

    return one(write, lanes=True)


def total(write: Callable[[Writer, Array, Array, Index], Any]) -> Program:
    """A program of a lanes loop over an input and a buffer."""
    w, x, y = Writer(), given(6), result()
    sums = w.scratch([6], fill=0.0)
    with w.loop(6, lanes=True) as i:
        write(w, x, sums, i)
    w.store(y, [], w.load(sums, 0))
    return w.program([x], [y])


@fault("the lanes loop around updates the array at places that do not vary")
def partial_results_read() -> Program:
    def write(w: Writer, x: Array, sums: Array, i: Index) -> None:
        w.update(sums, [0], "add", w.load(x, i))
        w.load(sums, 1)

    return total(write)


@fault("the lanes loop around updates the array at places that do not vary")
def partial_results_stored() -> Program:
    def write(w: Writer, x: Array, sums: Array, i: Index) -> None:
        w.update(sums, [0], "add", w.load(x, i))
        w.store(sums, [i], w.load(x, i))

    return total(write)


@fault("the lanes loop around updates the array at places that do not vary too")
def partial_results_and_others() -> Program:
    def write(w: Writer, x: Array, sums: Array, i: Index) -> None:
        w.update(sums, [0], "add", w.load(x, i))
        w.update(sums, [i], "add", w.load(x, i))

    return total(write)


@fault("the lanes loop around updates the array by two operations")
def partial_results_by_two_operations() -> Program:
    def write(w: Writer, x: Array, sums: Array, i: Index) -> None:
        w.update(sums, [0], "add", w.load(x, i))
        w.update(sums, [0], "mul", w.load(x, i))

    return total(write)


@fault("partial results of lanes need a scratch array")
def partial_results_in_an_output() -> Program:
    w, x, y = Writer(), given(6), result()
    w.store(y, [], number(0.0))
    with w.loop(6, lanes=True) as i:
        w.update(y, [], "add", w.load(x, i))
    return w.program([x], [y])


@fault("its place comes from an array that the lanes loop around works on in place")
def place_that_changes() -> Program:
    w, x, y = Writer(), given(9), result(6)
    k = w.scratch([6], I8, fill=0)
    with w.loop(6, lanes=True) as i:
        old = w.load(k, i)
        w.store(y, [i], w.load(x, Place([(old, 2)])))
        w.store(k, [i], w.op("add", old, i))
    return w.program([x], [y])


@fault("its place comes from an array that the lanes loop around works on in place")
def data_that_changes() -> Program:
    w, x, y = Writer(), given(9), result(6)
    k = w.scratch([6], I8, fill=0)
    with w.loop(6, lanes=True) as i:
        mine = w.scratch([], I8)
        w.store(mine, [], w.load(k, i))
        w.store(k, [i], i)
        w.store(y, [i], w.load(x, w.op("place", w.load(mine), 9)))
    return w.program([x], [y])


@fault("all iterations of a blocks loop around write to one place")
def blocks_store_to_one_place() -> Program:
    def write(w: Writer, x: Array, y: Array, i: Index) -> None:
        with w.loop(6) as k:
            w.store(y, [k], w.load(x, i))

    return one(write, blocks=True)


@fault("all iterations of a blocks loop around write to one place")
def blocks_update_one_place() -> Program:
    return one(lambda w, x, y, i: w.update(y, [2], "add", w.load(x, i)), blocks=True)


@fault("all iterations of a blocks loop around write to one place")
def blocks_write_where_data_says() -> Program:
    w, k, y = Writer(), given(6, dtype=I8), result(6)
    with w.loop(6, blocks=True) as i:
        w.store(y, [w.op("place", w.load(k, i), 6)], number(0.0))
    return w.program([k], [y])


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_refused(name: str) -> None:
    make, message = FAULTS[name]
    program = make()
    with pytest.raises(GraphError) as e:
        verify(program)
    assert message in str(e.value)


def test_what_depends_on_a_block_by_its_bounds_differs() -> None:
    w, x, y = Writer(), given(6), result(6)
    with w.loop(3, blocks=True) as b:
        begin = w.op("mul", b, number(2, I8))
        with w.loop(w.op("add", begin, number(2, I8)), begin=begin, lanes=True) as i:
            w.store(y, [i], w.load(x, i))
    verify(w.program([x], [y]))


def test_an_update_may_be_of_any_type_that_combines() -> None:
    w, y = Writer(), result(dtype=I4)
    w.store(y, [], Constant(1, I4))
    w.put(Update(y, [], "maximum", Constant(2, I4)))
    verify(w.program([], [y]))
