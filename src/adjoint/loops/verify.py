"""The verifier: what must hold of every program.

Enters: a `Program`.  Leaves: nothing, or a `GraphError` that shows the item at fault as `text`
writes it.  Checked are definitions and their scope, dtypes, places, and what can be told of the
marks without running; the rest of what marks promise, and bounds, the interpreter checks.
"""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np

from ..base.dtypes import Type
from ..base.errors import GraphError
from ..graph.primitive import Primitive, Scalar, registry
from .ir import (
    INDEX,
    Array,
    Constant,
    Index,
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
    root,
    used,
)
from .lanes import Lanes, changing, lanes_of, private, varies, varying
from .text import line, names, parameter

COMBINES = ("add", "mul", "maximum", "minimum", "logical_or", "logical_and")
CHANGES = "its place comes from an array that the lanes loop around works on in place"


def verify(program: Program) -> Program:
    """Check a program; gives it back."""
    Verifier(program).run()
    return program


def computing_dtypes(
    primitive: Primitive, dtypes: tuple[np.dtype, ...], parameters: dict[str, Any]
) -> tuple[np.dtype, ...]:
    """The dtypes to which NumPy converts operands of these dtypes before it computes; the same ones
    where a primitive is no ufunc, or computes in half or extended precision."""
    ufunc = primitive.reference
    if primitive.name == "select":
        return (np.dtype(bool), *[np.result_type(*dtypes[1:])] * 2)
    if not isinstance(ufunc, np.ufunc) or ufunc.nin != len(dtypes) or parameters:
        return dtypes
    found = ufunc.resolve_dtypes(dtypes + (None,) * ufunc.nout)[: ufunc.nin]
    return dtypes if any(d.char in "egG" for d in found) else found


class Lenient(dict):
    """Names for an ill-formed program: what has none is shown as `?`."""

    def __missing__(self, _key: Any) -> str:
        return "?"


class Verifier:
    """One walk over a program, in its order."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.named = Lenient(names(program))
        self.item: Any = None  # the one that is looked at
        self.visible: set[Any] = set()  # values and arrays in scope
        self.defined: set[Any] = set()  # everything that was ever defined
        self.lanes: Lanes | None = None  # of the lanes loop around
        self.changing: set[Any] = set()  # values that may not tell places in it
        self.blocks: list[tuple[set[Array], set[Any]]] = []  # (private arrays, what varies surely)
        self.compensated: set[Array] = set()
        self.types: dict[Any, np.dtype] = {}  # results of operations, by name and operands

    def fault(self, reason: str) -> NoReturn:
        where = "" if self.item is None else f"in `{line(self.item, self.named)}`: "
        raise GraphError(f"loop program: {where}{reason}")

    def require(self, condition: Any, reason: str) -> None:
        if not condition:
            self.fault(reason)

    # ---------------------------------------------------------------------------------- the program

    def run(self) -> None:
        program = self.program
        symbols, constants = used(program)
        if symbols != program.symbols or constants != program.constants:
            self.fault("its symbols and constants are not those of its body, in their order")
        for symbol in symbols:
            self.symbol(symbol)
        for role in ("input", "output", "constant"):
            for array in getattr(program, role + "s"):
                name = self.named[array]
                if array.base is not None:
                    self.fault(f"{name} is listed as {role} and is a view")
                if array.role != role:
                    self.fault(f"{name} is listed as {role}, its role is {array.role}")
                if array in self.defined:
                    self.fault(f"{name} is listed twice")
                self.array(array)
        self.body(program.body)

    def symbol(self, symbol: Symbol) -> None:
        name = self.named[symbol]
        if symbol.value is None:
            self.fault(f"symbol {name} has no value")
        if symbol.dtype == INDEX and not isinstance(symbol.value, (int, np.integer)):
            self.fault(f"symbol {name} is an int64, its value is {symbol.value!r}")

    def array(self, array: Array) -> None:
        name = self.named[array]
        if array.dtype.kind not in "biufc" or not array.dtype.isnative:
            self.fault(f"{name} has the dtype {array.dtype}, which is none of a number")
        for axis, n in enumerate(array.shape):
            self.size(n, f"extent {axis} of {name}")
            value = n.value if isinstance(n, Symbol) else n
            self.require(value >= 0, f"extent {axis} of {name} is {value}")
        if array.role == "constant":
            value = array.value
            if not isinstance(value, np.ndarray):
                self.fault(f"constant {name} has no array as its value")
            if value.dtype != array.dtype or value.shape != array.extents():
                self.fault(
                    f"constant {name} is {array.dtype}{list(array.extents())}, its value"
                    f" {value.dtype}{list(value.shape)}"
                )
        self.visible.add(array)
        self.defined.add(array)

    def size(self, n: Any, what: str) -> None:
        if isinstance(n, Symbol):
            self.require(n.dtype == INDEX, f"{what} is a symbol of dtype {n.dtype}, not int64")
        elif isinstance(n, bool) or not isinstance(n, (int, np.integer)):
            self.fault(f"{what} is {n!r}, neither a whole number nor a symbol")

    # ----------------------------------------------------------------------------------- the bodies

    def body(self, body: list[Any]) -> None:
        """A body and the loops inside; what it defines is not seen after it."""
        for item in body:
            self.item = item
            if isinstance(item, Loop):
                self.loop(item)
                continue
            if isinstance(item, Product):
                self.body(item.loops())
                continue
            if isinstance(item, Routine):
                self.routine(item)
            elif isinstance(item, Operation):
                self.operation(item)
            elif isinstance(item, (Load, Store, Update)):
                self.access(item)
            elif isinstance(item, Scratch):
                self.scratch(item)
            else:
                self.item = None
                self.fault(f"a body holds {item!r}, which is no item of a program")
            if isinstance(item, (Operation, Load)):
                self.define(item)
        for item in body:
            self.visible.discard(item.array if isinstance(item, Scratch) else item)

    def define(self, x: Any) -> None:
        self.require(x not in self.defined, "it stands in the program twice")
        self.defined.add(x)
        self.visible.add(x)

    def dtype(self, x: Any, what: str) -> np.dtype:
        """An operand's dtype, once it is known to be one, in scope."""
        if isinstance(x, (Constant, Symbol)):
            return x.dtype
        if not isinstance(x, (Operation, Load, Index)):
            self.fault(f"{what} is {x!r}, which is no operand")
        if x not in self.visible:
            name = self.named[x]
            came = "used before it is defined" if x not in self.defined else "used out of its scope"
            self.fault(f"{what} is {name}, {came}")
        return x.dtype

    def loop(self, loop: Loop) -> None:
        for what in ("begin", "end"):
            bound = getattr(loop, what)
            if isinstance(bound, (Operation, Load, Index)):
                found = self.dtype(bound, f"its {what}")
                self.require(found == INDEX, f"its {what} is {found}, not int64")
            else:
                self.size(bound, f"its {what}")
            if self.lanes is not None:
                steady = bound not in self.lanes.varying
                self.require(steady, f"its {what} varies over the lanes loop around")
        if loop.lanes or loop.blocks:
            if loop.lanes and loop.blocks:
                self.fault("it is marked both lanes and blocks")
            self.require(self.lanes is None, "a marked loop stands inside a lanes loop")
        self.define(loop.index)
        if loop.lanes:
            self.lanes = lanes_of(loop)
            self.changing = changing(loop, self.lanes)
        if loop.blocks:
            self.blocks.append((private(loop), varying(loop, through_data=False)))
        self.body(loop.body)
        self.visible.discard(loop.index)
        if loop.lanes:
            self.lanes, self.changing = None, set()
        if loop.blocks:
            self.blocks.pop()

    def scratch(self, item: Scratch) -> None:
        array = item.array
        self.require(array.base is None, "the array is a view")
        if array.role == "output":  # it is the caller's, and starts as a number
            self.require(item.fill is not None, "it declares an output without filling it")
            self.require(not item.compensated, "a compensated sum is not kept in an output")
        else:
            self.require(array.role == "scratch", f"it declares an array of role {array.role}")
            self.require(array not in self.defined, "the array is declared twice")
            self.array(array)
        if isinstance(item.fill, Constant):
            found = item.fill.dtype
            self.require(found == array.dtype, f"its fill is {found}, its array {array.dtype}")
        try:
            fill_value(item)
        except (TypeError, ValueError, OverflowError) as error:
            self.item = None  # it has no text
            self.fault(f"scratch array {self.named[array]} has no number as its fill ({error})")
        if item.compensated:
            self.require(array.dtype.kind == "f", f"sums of {array.dtype} are not compensated")
            fill = fill_value(item)
            self.require(fill is not None and fill == 0, "a compensated sum starts as zero")
            self.compensated.add(array)

    # ----------------------------------------------------------------------------------- operations

    def operation(self, item: Operation) -> None:
        if item.name == "place":
            self.place_operation(item)
            return
        for value in item.parameters.values():
            parameter(value)  # raises where it has no literal
        dtypes = [self.dtype(x, f"operand {k}") for k, x in enumerate(item.operands)]
        key = (item.name, *dtypes) if not item.parameters else None
        found = self.types.get(key)
        if found is None:
            found = self.result(item, tuple(dtypes))
            if key is not None:
                self.types[key] = found
        if found != item.dtype:
            given = ", ".join(d.name for d in dtypes)
            self.fault(f"its dtype is {item.dtype}, of ({given}) it is {found}")

    def result(self, item: Operation, dtypes: tuple[np.dtype, ...]) -> np.dtype:
        """The dtype that the primitive gives."""
        primitive = registry.get(item.name)
        if primitive is None or not isinstance(primitive.code, Scalar):
            self.fault("there is no elementwise primitive of that name")
        try:
            found = primitive.infer(*[Type((), d) for d in dtypes], **item.parameters)
        except Exception as error:
            self.fault(f"its type rule refuses the operands ({type(error).__name__}: {error})")
        if not isinstance(found, Type):
            self.fault("the primitive has several results")
        wanted = computing_dtypes(primitive, dtypes, item.parameters)
        if wanted != dtypes:
            given, needed = (", ".join(d.name for d in one) for one in (dtypes, wanted))
            self.fault(f"its operands are ({given}), NumPy computes in ({needed})")
        return found.dtype

    def place_operation(self, item: Operation) -> None:
        self.require(len(item.operands) == 2, "place has two operands, the index and the extent")
        index, extent = item.operands
        found = self.dtype(index, "operand 0")
        self.require(found.kind in "iu", f"place takes integers, operand 0 is {found}")
        if index in self.changing or extent in self.changing:
            self.fault(CHANGES)
        if isinstance(extent, (Constant, Operation, Load, Index)):
            found = self.dtype(extent, "operand 1")
            self.require(found == INDEX, f"its extent is {found}, not int64")
        else:
            self.size(extent, "its extent")
        self.require(item.dtype == INDEX, f"place gives an int64, its dtype is {item.dtype}")
        self.require(not item.parameters, "place takes no parameters")

    def routine(self, item: Routine) -> None:
        """A primitive on whole arrays: what it gives must be what its type rule says."""
        if self.lanes is not None or self.blocks:
            self.fault("a routine stands inside a marked loop")
        for array in item.arrays:
            base = root(array)
            self.require(base in self.visible, f"array {self.named[base]} is not in scope")
            if array is not base:
                self.view(array, base)
        if root(item.output).role in ("input", "constant"):
            self.fault(f"it writes to {self.named[root(item.output)]}")
        if item.name not in registry:
            self.fault("there is no primitive of that name")
        for value in item.parameters.values():
            parameter(value)  # raises where it has no literal
        given = [Type(a.extents(), a.dtype) for a in item.inputs]
        try:
            found = registry[item.name].infer(*given, **item.parameters)
        except Exception as error:
            self.fault(f"its type rule refuses the inputs ({type(error).__name__}: {error})")
        parts = (found,) if isinstance(found, Type) else tuple(found)
        shape, dtypes = item.output.extents(), {t.dtype for t in parts}
        self.require(dtypes == {item.output.dtype}, f"its output is {item.output.dtype}")
        if isinstance(found, Type):
            self.require(shape == found.shape, f"its output has the shape {list(shape)}")
        cells = sum(math.prod(t.shape) for t in parts)
        self.require(cells == math.prod(shape), f"its output has the shape {list(shape)}")

    # ------------------------------------------------------------------------------------- accesses

    def access(self, item: Load | Store | Update) -> None:
        array = root(item.array)
        if array not in self.visible:
            name = self.named[array]
            if array.role == "scratch":
                self.fault(f"scratch array {name} is used outside of the body that declares it")
            self.fault(f"array {name} of role {array.role!r} is not listed by the program")
        if item.array is not array:
            self.view(item.array, array)
        given, axes = len(item.places), len(item.array.shape)
        self.require(given == axes, f"{given} places for {axes} axes")
        for axis, place in enumerate(item.places):
            self.place(place, axis)
        if not isinstance(item, Load):
            self.write(item)
        if self.lanes is not None and array not in self.lanes.private:
            self.lanes_access(item, self.lanes)

    def view(self, array: Array, base: Array) -> None:
        """An array that is the memory of another one."""
        for axis, n in enumerate(array.shape):
            self.size(n, f"extent {axis} of the view")
        whole, other = math.prod(array.extents()), math.prod(base.extents())
        self.require(whole == other, f"the view has {whole} elements, its array {other}")
        same = array.dtype == base.dtype and array.role == base.role
        self.require(same, "the view has another dtype or role than its array")

    def place(self, place: Place, axis: int) -> None:
        for variable, coefficient in place.terms:
            if not isinstance(variable, (Operation, Load, Index)):
                self.fault(f"place {axis} has the variable {variable!r}, no index or result")
            found = self.dtype(variable, f"a variable of place {axis}")
            self.require(found == INDEX, f"a variable of place {axis} is {found}, not int64")
            if isinstance(variable, Load) and variable.array.role == "input":
                self.fault(f"place {axis} trusts an input's number: use the operation `place`")
            if variable in self.changing:
                self.fault(CHANGES)
            self.size(coefficient, f"a coefficient of place {axis}")
        self.size(place.offset, f"the offset of place {axis}")

    def write(self, item: Store | Update) -> None:
        array = root(item.array)
        if array.role in ("input", "constant"):
            self.fault(f"it writes to {self.named[array]}, of role {array.role}")
        found = self.dtype(item.value, "its value")
        self.require(found == array.dtype, f"its value is {found}, its array {array.dtype}")
        if array in self.compensated:
            is_sum = isinstance(item, Update) and item.combine == "add"
            self.require(is_sum, "its array is compensated: it is added to and nothing else")
        if isinstance(item, Update):
            self.require(item.combine in COMBINES, f"{item.combine!r} is none of {COMBINES}")
            if item.combine.startswith("logical"):
                self.require(found == np.bool_, f"{item.combine} of {found}, not of bool")
            elif found.kind == "c":
                self.require(item.combine in ("add", "mul"), f"{item.combine} of complex numbers")
        for inside, surely in self.blocks:
            if array not in inside and not varies(item.places, surely):
                self.fault("all iterations of a blocks loop around write to one place")

    def lanes_access(self, item: Load | Store | Update, lanes: Lanes) -> None:
        """An access to an array from outside of the lanes loop around."""
        array = root(item.array)
        if not isinstance(item, Update) and array in lanes.partial:
            self.fault("the lanes loop around updates the array at places that do not vary")
        if isinstance(item, Store) and not varies(item.places, lanes.varying):
            self.fault("all iterations of the lanes loop around store to one place")
        if isinstance(item, Update) and array in lanes.partial:
            if item.combine != lanes.partial[array]:
                self.fault("the lanes loop around updates the array by two operations")
            if varies(item.places, lanes.varying):
                self.fault("the lanes loop around updates the array at places that do not vary too")
            if array.role != "scratch":
                self.fault("partial results of lanes need a scratch array")
