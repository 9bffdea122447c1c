"""Writes LLVM IR, line by line: typed values, and the operations that every part of codegen uses.

Enters: operations on `Value`s.  Leaves: lines of text, in SSA form.  A value is one number or one
vector of W lanes; an operation on both splats the one.  Python numbers stand for constants of the
other operand's kind.  Equal instructions are written once.

The emitter of loops overrides `put`, which decides where an instruction goes (as far out as its
operands allow); mathematical functions use the plain builder.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

from .targets import Target

FLOATS = {"double": 64, "float": 32}
INTEGERS = {"i64": 64, "i32": 32, "i16": 16, "i8": 8, "i1": 1}
SUFFIX = {"double": "f64", "float": "f32"}
DIVISIONS = frozenset("sdiv udiv srem urem".split())


class Value:
    """A number or a vector of an LLVM kind (`double`, `float`, `i64`, .., `i1`, `ptr`)."""

    __slots__ = ("builder", "depth", "kind", "lanes", "text")

    def __init__(self, builder: Builder, text: str, kind: str, lanes: int, depth: int = 0) -> None:
        self.builder = builder
        self.text = text
        self.kind = kind
        self.lanes = lanes
        self.depth = depth  # how many loops it stands in, for the emitter

    @property
    def type(self) -> str:
        """LLVM's type."""
        return self.kind if self.lanes == 1 else f"<{self.lanes} x {self.kind}>"

    def __repr__(self) -> str:
        return f"{self.type} {self.text}"

    __add__ = lambda a, b: a.builder.add(a, b)
    __radd__ = lambda a, b: a.builder.add(b, a)
    __sub__ = lambda a, b: a.builder.sub(a, b)
    __rsub__ = lambda a, b: a.builder.sub(b, a)
    __mul__ = lambda a, b: a.builder.mul(a, b)
    __rmul__ = lambda a, b: a.builder.mul(b, a)
    __truediv__ = lambda a, b: a.builder.div(a, b)
    __rtruediv__ = lambda a, b: a.builder.div(b, a)
    __neg__ = lambda a: a.builder.neg(a)
    __and__ = lambda a, b: a.builder.integer("and", a, b)
    __or__ = lambda a, b: a.builder.integer("or", a, b)
    __xor__ = lambda a, b: a.builder.integer("xor", a, b)
    __lshift__ = lambda a, b: a.builder.integer("shl", a, b)


class Builder:
    """Writes the body of one function."""

    def __init__(self, target: Target, lanes: int = 1) -> None:
        self.target = target
        self.lanes = lanes  # W: the lanes of a vector, whatever its kind
        self.lines: list[str] = []
        self.memo: dict[Any, Value] = {}
        self.declarations: set[str] = set()
        self.functions: dict[tuple[str, str, int], None] = {}  # mathematical functions it calls
        self.count = 0
        self.block = "entry"  # the label that the current line stands under

    # --------------------------------------------------------------------------------- instructions

    def put(self, form: str, kind: str, lanes: int, operands: tuple[Value, ...]) -> Value:
        """Write `%n = form`, or give the value that has been written for it."""
        key = form, kind, lanes
        found = self.memo.get(key)
        if found is None:
            self.count += 1
            name = f"%t{self.count}"
            self.lines.append(f"  {name} = {form}")
            found = self.memo[key] = Value(self, name, kind, lanes)
        return found

    def call(self, name: str, kind: str, lanes: int, *operands: Value) -> Value:
        """Call an intrinsic or another function without side effects."""
        result = kind if lanes == 1 else f"<{lanes} x {kind}>"
        self.declarations.add(f"declare {result} @{name}({', '.join(x.type for x in operands)})")
        arguments = ", ".join(map(repr, operands))
        return self.put(f"call {result} @{name}({arguments})", kind, lanes, operands)

    def constant(self, kind: str, value: Any) -> Value:
        """A constant (one lane: operations splat it)."""
        return Value(self, literal(kind, value), kind, 1, 0)

    def splat(self, x: Value, lanes: int) -> Value:
        """The value in every lane."""
        if x.lanes == lanes:
            return x
        if x.text[0] != "%":
            text = f"splat ({x.kind} {x.text})"
            return Value(self, text, x.kind, lanes, 0)
        one = self.put(
            f"insertelement <{lanes} x {x.kind}> poison, {x!r}, i32 0", x.kind, lanes, (x,)
        )
        return self.put(
            f"shufflevector {one!r}, {one.type} poison, <{lanes} x i32> zeroinitializer",
            x.kind,
            lanes,
            (one,),
        )

    def together(self, *values: Any) -> tuple[Value, ...]:
        """Operands of one kind and the same number of lanes; Python numbers become constants."""
        kind = next((v.kind for v in values if isinstance(v, Value)), None)
        if kind is None:
            raise TypeError(f"no operand has a kind: {values}")
        found = [v if isinstance(v, Value) else self.constant(kind, v) for v in values]
        if any(v.kind != kind for v in found):
            raise TypeError(f"operands of several kinds: {found}")
        lanes = max(v.lanes for v in found)
        return tuple([self.splat(v, lanes) for v in found])

    def binary(self, opcode: str, a: Any, b: Any) -> Value:
        """`opcode type a, b`."""
        a, b = self.together(a, b)
        if opcode in DIVISIONS and a.lanes > 1:
            return self.lane_by_lane(opcode, a, b)
        return self.put(f"{opcode} {a!r}, {b.text}", a.kind, a.lanes, (a, b))

    def lane_by_lane(self, opcode: str, a: Value, b: Value) -> Value:
        """A division of integers for each lane: a vector's could divide by what fills it up to a
        register, and trap."""
        found: Any = Value(self, "poison", a.kind, a.lanes)
        for k in range(a.lanes):
            x, y = [self.put(f"extractelement {v!r}, i32 {k}", v.kind, 1, (v,)) for v in (a, b)]
            one = self.put(f"{opcode} {x!r}, {y.text}", a.kind, 1, (x, y))
            found = self.put(
                f"insertelement {found!r}, {one!r}, i32 {k}", a.kind, a.lanes, (found, one)
            )
        return found

    # --------------------------------------------------------------------------------------- floats

    def add(self, a: Any, b: Any) -> Value:
        """a + b, of floats or integers (which wrap)."""
        return self.binary("fadd" if self.is_float(a, b) else "add", a, b)

    def sub(self, a: Any, b: Any) -> Value:
        """a - b."""
        return self.binary("fsub" if self.is_float(a, b) else "sub", a, b)

    def mul(self, a: Any, b: Any) -> Value:
        """a * b."""
        return self.binary("fmul" if self.is_float(a, b) else "mul", a, b)

    def div(self, a: Any, b: Any) -> Value:
        """a / b of floats."""
        return self.binary("fdiv", a, b)

    def neg(self, a: Value) -> Value:
        """-a; of a float the sign bit flips."""
        if a.kind in FLOATS:
            return self.put(f"fneg {a!r}", a.kind, a.lanes, (a,))
        return self.sub(0, a)

    def fma(self, a: Any, b: Any, c: Any) -> Value:
        """a*b + c, rounded once."""
        a, b, c = self.together(a, b, c)
        return self.intrinsic("fma", a, b, c)

    def intrinsic(self, name: str, *values: Any) -> Value:
        """`llvm.NAME` of floats, of the operands' own kind: fabs, copysign, floor, rint, .."""
        operands = self.together(*values)
        x = operands[0]
        return self.call(f"llvm.{name}.{suffix(x)}", x.kind, x.lanes, *operands)

    def abs(self, x: Value) -> Value:
        """|x| of a float: the sign bit cleared."""
        return self.intrinsic("fabs", x)

    def sqrt(self, x: Value) -> Value:
        """The square root, correctly rounded."""
        return self.intrinsic("sqrt", x)

    def copysign(self, x: Any, sign: Any) -> Value:
        """|x| with the sign of `sign`."""
        return self.intrinsic("copysign", x, sign)

    def polynomial(self, x: Value, coefficients: Any) -> Value:
        """c0 + c1 x + c2 x^2 + .., by Horner's rule with fused multiply-adds."""
        result: Any = None
        for c in reversed(list(coefficients)):
            result = self.constant(x.kind, c) if result is None else self.fma(result, x, c)
        return result

    # ---------------------------------------------------------------------------- integers and bits

    def integer(self, opcode: str, a: Any, b: Any) -> Value:
        """An operation on integers: and, or, xor, shl, lshr, ashr, add, sub, mul, sdiv, .."""
        return self.binary(opcode, a, b)

    def bits(self, x: Value) -> Value:
        """A float's bits as an integer of the same width."""
        return self.cast("bitcast", x, f"i{FLOATS[x.kind]}")

    def from_bits(self, x: Value) -> Value:
        """The float with these bits."""
        return self.cast("bitcast", x, {64: "double", 32: "float"}[INTEGERS[x.kind]])

    def cast(self, opcode: str, x: Value, kind: str) -> Value:
        """A conversion: bitcast, sitofp, uitofp, fptosi, fpext, fptrunc, trunc, zext, sext."""
        if x.kind == kind:
            return x
        result = Value(self, "", kind, x.lanes)
        return self.put(f"{opcode} {x!r} to {result.type}", kind, x.lanes, (x,))

    # ----------------------------------------------------------------------------------- conditions

    def compare(self, predicate: str, a: Any, b: Any) -> Value:
        """`fcmp` (oeq, olt, une, uno, ..) of floats, `icmp` (eq, slt, ult, ..) of integers."""
        a, b = self.together(a, b)
        opcode = "fcmp" if a.kind in FLOATS else "icmp"
        return self.put(f"{opcode} {predicate} {a!r}, {b.text}", "i1", a.lanes, (a, b))

    def select(self, condition: Value, a: Any, b: Any) -> Value:
        """a where the condition holds, b elsewhere, lane by lane."""
        a, b = self.together(a, b)
        lanes = max(a.lanes, condition.lanes)
        a, b = self.splat(a, lanes), self.splat(b, lanes)
        return self.put(f"select {condition!r}, {a!r}, {b!r}", a.kind, lanes, (condition, a, b))

    def is_nan(self, x: Value) -> Value:
        """Whether x is not a number."""
        return self.compare("uno", x, x)

    def is_float(self, *values: Any) -> bool:
        """Whether the operands are floats."""
        return any(v.kind in FLOATS for v in values if isinstance(v, Value))

    # --------------------------------------------------------------------------------------- others

    def function(self, name: str, *values: Any, results: int = 1) -> Value:
        """Call a mathematical function of `mathlib`, whose text the module must then contain.

        `results`: how many times as many lanes the result has, of a function that gives several.
        """
        operands = self.together(*values)
        x = operands[0]
        self.functions[name, x.kind, x.lanes] = None
        arguments = ", ".join(map(repr, operands))
        result = Value(self, "", x.kind, x.lanes * results)
        return self.put(
            f"call {result.type} @math.{name}.{suffix(x)}({arguments})",
            x.kind,
            result.lanes,
            operands,
        )

    def service(self, name: str) -> Value:
        """The address of a function that the program's caller provides; emitters override it."""
        raise NotImplementedError(f"no program whose caller could provide {name}")

    def part(self, x: Value, index: int, lanes: int) -> Value:
        """`lanes` lanes of a longer vector, from lane `index * lanes` on."""
        first = index * lanes
        if lanes == 1:
            return self.put(f"extractelement {x!r}, i32 {first}", x.kind, 1, (x,))
        order = ", ".join(f"i32 {first + k}" for k in range(lanes))
        return self.put(
            f"shufflevector {x!r}, {x.type} poison, <{lanes} x i32> <{order}>", x.kind, lanes, (x,)
        )

    def join(self, a: Value, b: Value) -> Value:
        """The lanes of a, then those of b."""
        a, b = self.together(a, b)
        n = a.lanes
        if n == 1:
            pair = self.put(f"insertelement <2 x {a.kind}> poison, {a!r}, i32 0", a.kind, 2, (a,))
            return self.put(f"insertelement {pair!r}, {b!r}, i32 1", a.kind, 2, (pair, b))
        order = ", ".join(f"i32 {k}" for k in range(2 * n))
        form = f"shufflevector {a!r}, {b!r}, <{2 * n} x i32> <{order}>"
        return self.put(form, a.kind, 2 * n, (a, b))

    def any(self, condition: Value) -> Value:
        """Whether any lane meets a condition."""
        if condition.lanes == 1:
            return condition
        return self.call(f"llvm.vector.reduce.or.{suffix(condition)}", "i1", 1, condition)

    def rarely(
        self,
        condition: Value,
        usual: Sequence[Value],
        otherwise: Callable[[], Sequence[Value]],
    ) -> list[Value]:
        """As `either`, with values that are known for the arm that is nearly always taken."""
        return self.either(condition, otherwise, lambda: usual, (1, 1_000_000))

    def either(
        self,
        condition: Value,
        some: Callable[[], Sequence[Value]],
        none: Callable[[], Sequence[Value]],
        odds: tuple[int, int] = (1, 1),
    ) -> list[Value]:
        """The values of `some()` where any lane meets the condition, else those of `none()`.

        A real branch, laid out by the odds of its arms: for mathematical functions, which are
        functions of their own (the emitter's loops have other blocks).  The one who calls sees to
        it that a lane's result does not depend on the others': `some` gives the other lanes what
        `none` gives them.
        """
        condition = self.any(condition)
        self.count += 1
        k, memo = self.count, self.memo
        weights = f'!prof !{{!"branch_weights", i32 {odds[0]}, i32 {odds[1]}}}'
        self.lines.append(f"  br i1 {condition.text}, label %some{k}, label %none{k}, {weights}")
        arms = []
        for label, compute in ((f"some{k}", some), (f"none{k}", none)):
            self.lines.append(f"{label}:")
            self.block, self.memo = label, dict(memo)
            values = compute()
            arms.append([(x, self.block) for x in values])
            self.lines.append(f"  br label %joint{k}")
        self.lines.append(f"joint{k}:")
        self.block, self.memo = f"joint{k}", memo  # what an arm computed is not there after it
        results = []
        for (a, here), (b, there) in zip(*arms, strict=True):
            lanes = max(a.lanes, b.lanes)  # of constants one
            a, b = self.splat(a, lanes), self.splat(b, lanes)
            self.count += 1
            results.append(Value(self, f"%t{self.count}", a.kind, a.lanes))
            choices = f"[ {a.text}, %{here} ], [ {b.text}, %{there} ]"
            self.lines.append(f"  {results[-1].text} = phi {a.type} {choices}")
        return results


def suffix(x: Value) -> str:
    """An overloaded intrinsic's suffix: `f64`, `v8f64`, `v8i64`."""
    kind = SUFFIX.get(x.kind, x.kind)
    return kind if x.lanes == 1 else f"v{x.lanes}{kind}"


def function_symbol(name: str, kind: str, lanes: int) -> str:
    """The symbol of a mathematical function."""
    kind = SUFFIX.get(kind, kind)
    return f"@math.{name}.{kind if lanes == 1 else f'v{lanes}{kind}'}"


def literal(kind: str, value: Any) -> str:
    """A number as LLVM writes it: floats by their bits."""
    if kind in FLOATS:
        number = float(value)
        if kind == "float":  # as a double that a float holds
            number = struct.unpack("f", struct.pack("f", number))[0] if in_float(number) else number
        return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"
    if kind == "i1":
        return "true" if value else "false"
    width = INTEGERS[kind]
    number = int(value) & ((1 << width) - 1)
    return str(number - (1 << width) if number >> (width - 1) else number)


def in_float(value: float) -> bool:
    """Whether a number is finite in single precision (larger ones become infinite)."""
    if math.isnan(value) or math.isinf(value):
        return False
    try:
        struct.pack("f", value)
    except OverflowError:
        return False
    return True
