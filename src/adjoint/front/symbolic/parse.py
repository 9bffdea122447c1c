"""Formulas read from text, for the command line: nothing is ever executed.

Enters: a text such as `x**2*y + sin(y)`.  Leaves: its expression.  The idea: the text is bounded
before Python's parser sees it (length, nesting, digits); of the tree that comes back only numbers,
names, arithmetic and calls of the functions listed here are taken, node by node, without recursion;
anything else is refused with what it is and where it stands.
"""

from __future__ import annotations

import ast
import io
import math
import re
import tokenize
import warnings
from typing import Any, NoReturn

import numpy as np

from ...base.dtypes import type_of
from ...graph import op
from ...graph.node import Node
from .expression import Expression, as_expression, symbol

LENGTH = 10_000  # characters of a text
NESTING = 60  # parentheses within parentheses
CHAIN = 200  # signs, or powers, one upon the other
DIGITS = 400  # digits of a number
POWER = 1_000  # the largest constant power of a number
LARGEST = 1e302  # the largest power of a number
EXACT = 1 << 53  # the largest whole number that is kept as one; beyond it numbers are floats
SYMBOLS = 100  # different names

CONSTANTS = {"pi": math.pi, "π": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
FUNCTIONS: dict[str, tuple[str, int]] = {  # name -> primitive, number of arguments
    **{
        name: (name, 1)
        for name in (
            "abs arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil cos cosh degrees exp exp2"
            " expm1 floor log log10 log1p log2 radians reciprocal rint sign sin sinc sinh sqrt"
            " square tan tanh trunc erf erfc gamma gammaln"
        ).split()
    },
    **{
        name: (name, 2)
        for name in (
            "arctan2 copysign fmax fmin fmod heaviside hypot logaddexp logaddexp2 maximum minimum"
        ).split()
    },
    "isnan": ("isnan", 1),
    "isfinite": ("isfinite", 1),
    "isinf": ("isinf", 1),
    "logical_not": ("logical_not", 1),
    "logical_and": ("logical_and", 2),
    "logical_or": ("logical_or", 2),
    "float64": ("convert", 1),
    "asin": ("arcsin", 1),
    "acos": ("arccos", 1),
    "atan": ("arctan", 1),
    "asinh": ("arcsinh", 1),
    "acosh": ("arccosh", 1),
    "atanh": ("arctanh", 1),
    "atan2": ("arctan2", 2),
    "ln": ("log", 1),
    "pow": ("pow", 2),
    "power": ("pow", 2),
    "max": ("maximum", 2),
    "min": ("minimum", 2),
    "where": ("select", 3),
}
BINARY: dict[type, str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.Mod: "remainder",
    ast.FloorDiv: "floor_divide",
}
COMPARISONS: dict[type, str] = {
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}
NAMED = {
    ast.Attribute: "an attribute",
    ast.Subscript: "an index",
    ast.Lambda: "a lambda",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.List: "a list",
    ast.Tuple: "a tuple",
    ast.Dict: "a dictionary",
    ast.Set: "a set",
    ast.IfExp: "a conditional",
    ast.BoolOp: "`and` or `or`",
    ast.NamedExpr: "an assignment",
    ast.JoinedStr: "a string",
    ast.Starred: "a starred argument",
    ast.Await: "await",
    ast.Yield: "yield",
    ast.Assign: "an assignment",
    ast.AugAssign: "an assignment",
    ast.AnnAssign: "an annotation",
    ast.Expr: "a second formula",
}


JOINED = re.compile(r"\d[A-Za-z_(]|\)[\w(]|[\w)]\s+[\w(]")  # `2x`, `(x)(y)`, `x y`


class ExpressionError(ValueError):
    """A text is no formula that is taken."""


def refuse(came: str, expected: str = "", instead: str = "") -> NoReturn:
    """Raise for a text."""
    lines = [f"the expression {came}."]
    lines += [f"  expected: {expected}"] if expected else []
    lines += [f"  write instead: {instead}"] if instead else []
    raise ExpressionError("\n".join(lines))


def parse(text: str) -> Expression:
    """The expression of a text.

    Arithmetic (`+ - * / // % **`), numbers, names (each a symbol, a real number), `pi`, `e`, `inf`
    and `nan`, comparisons, and calls of NumPy's elementwise functions by name.  Lines `name = ...`
    before the formula name parts of it.  The symbols are in the order of their first appearance.
    Functions take their numbers as floats, as do whole numbers above 2**53.

    Raises:
        ExpressionError: the text is anything else, or too long, too deep, its numbers too large or
            its names too many.

    >>> import adjoint as ad
    >>> ad.symbolic.parse("x**2*y + y + 2").evaluate(x=3, y=4)
    42
    """
    if not isinstance(text, str):
        refuse(f"is a {type(text).__name__}", "a text")
    if len(text) > LENGTH:
        refuse(f"has {len(text)} characters", f"{LENGTH} or fewer")
    if not text.strip():
        refuse("is empty", "a formula such as `x**2*y + sin(y)`")
    text = text.strip()
    check_tokens(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f" at column {error.offset}" if isinstance(error, SyntaxError) else ""
        shown = " ".join(text.split())[:60]
        instead = "`2*x` for a product" if JOINED.search(text) else ""
        refuse(f"is no formula{where}: {shown}", "arithmetic as in Python", instead)
    return Reader().read(tree.body)


def check_tokens(text: str) -> None:
    """Refuse what Python's parser would take too long, or too deep a stack, for."""
    depth = chain = 0
    before = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            mark = token.string
            if token.type == tokenize.ERRORTOKEN and mark.strip():
                refuse(f"contains {mark[:20]!r}", "numbers, names and arithmetic")
            if token.type == tokenize.NUMBER:
                check_digits(mark)
            if token.type in (tokenize.STRING, getattr(tokenize, "FSTRING_START", -1)):
                refuse("contains a string", "numbers, names and arithmetic")
            if mark in OPENING:
                depth += 1
                if depth > NESTING:
                    refuse("is nested too deeply", f"{NESTING} parentheses, one in another")
            elif mark in CLOSING:
                depth -= 1
            # A sign before an operand, and a power, go one level deeper in Python's parser.
            if mark == "**" or (mark in SIGNS and (not before or before in BEFORE_SIGN)):
                chain += 1
                if chain > CHAIN:
                    refuse("is nested too deeply", f"{CHAIN} signs and powers in a row")
            elif mark in ENDING or mark in SIGNS:
                chain = 0
            if token.type != tokenize.NL:
                before = mark
    except (tokenize.TokenError, SyntaxError, ValueError) as error:
        if isinstance(error, ExpressionError):
            raise
        refuse(f"is no formula: {' '.join(text.split())[:60]}", "arithmetic as in Python")


OPENING, CLOSING = frozenset("([{"), frozenset(")]}")
SIGNS = frozenset(("+", "-", "~", "not"))
BEFORE_SIGN = frozenset("+ - * / // % ** ( , < <= > >= == != = ~ not [ { \n".split(" "))
ENDING = frozenset("* / // % , ( < <= > >= == != =".split())


def check_digits(text: str) -> None:
    """Refuse a number of very many digits, or out of the range of floats."""
    if len(text) > DIGITS:
        refuse(f"has a number of {len(text)} characters", f"{DIGITS} digits or fewer")
    if text[-1] in "jJ":
        refuse(f"has the imaginary number {text[:20]}", "real numbers")
    try:
        value = float(int(text, 0)) if is_whole(text) else float(text.replace("_", ""))
    except OverflowError:
        value = math.inf
    except ValueError:
        refuse(f"has the number {text[:20]}", "numbers as Python writes them")
    if not math.isfinite(value):
        refuse(f"has the number {text[:20]}, which no float holds", "numbers below 1.8e308")


def is_whole(text: str) -> bool:
    """Whether a number's text is that of an integer."""
    return text[:2].lower() in ("0x", "0o", "0b") or not set(text) & set(".eE")


class Reader:
    """One reading: the symbols met so far, and the parts that were named."""

    def __init__(self) -> None:
        self.symbols: dict[str, Expression] = {}
        self.parts: dict[str, Any] = {}
        self.numbers: dict[Node, Any] = {}  # the values of parts without symbols

    def read(self, lines: list[ast.stmt]) -> Expression:
        """The formula of the last line, with the parts that those before it name."""
        for line in lines[:-1]:
            if not isinstance(line, ast.Assign) or len(line.targets) != 1:
                refuse(f"has a line that is {kind_of(line)}", "`name = ...` before the formula")
            target = line.targets[0]
            if not isinstance(target, ast.Name):
                refuse(f"assigns to {kind_of(target)}", "`name = ...` before the formula")
            self.check_name(target.id)
            self.parts[target.id] = self.value(line.value)
        last = lines[-1]
        if not isinstance(last, ast.Expr):
            refuse(f"is {kind_of(last)}", "a formula such as `x**2*y + sin(y)`")
        found = as_expression(self.value(last.value))
        if type_of(found).dtype.kind not in "fib":
            refuse("is no real number", "real numbers")
        return found

    def check_name(self, name: str) -> None:
        """Refuse names with leading underscores, and very long ones."""
        if name.startswith("_") or "__" in name or len(name) > 50:
            refuse(f"uses the name {name[:50]!r}", "names without leading or double underscores")

    def value(self, tree: ast.expr) -> Any:
        """The value of a tree: its operands first, without recursion."""
        stack: list[tuple[ast.expr, bool]] = [(tree, False)]
        values: list[Any] = []
        while stack:
            node, is_ready = stack.pop()
            if isinstance(node, ast.Constant):
                values.append(self.constant(node))
            elif isinstance(node, ast.Name):
                values.append(self.name(node.id))
            elif is_ready:
                count = len(operands(node))
                given = values[len(values) - count :]
                del values[len(values) - count :]
                values.append(self.operation(node, given))
            else:
                self.check(node)
                stack.append((node, True))
                stack.extend((x, False) for x in reversed(operands(node)))
        return values[0]

    def check(self, node: ast.expr) -> None:
        """Refuse everything but arithmetic and calls of known functions."""
        if isinstance(node, ast.BinOp) and type(node.op) in BINARY:
            return
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
            return
        if (
            isinstance(node, ast.Compare)
            and len(node.ops) == 1
            and type(node.ops[0]) in COMPARISONS
        ):
            return
        if not isinstance(node, ast.Call):
            power = isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitXor)
            instead = "`x**2` for a power, instead of `x^2`" if power else ""
            taken = "numbers, names, arithmetic and named functions"
            refuse(f"contains {kind_of(node)}", taken, instead)
        if not isinstance(node.func, ast.Name):
            refuse(f"calls {kind_of(node.func)}", "a function by its name, such as `sin(x)`")
        name = node.func.id
        if name not in FUNCTIONS:
            self.check_name(name)
            refuse(f"calls {name!r}", f"one of {', '.join(sorted(FUNCTIONS))}")
        if node.keywords:
            refuse(f"gives {name} an argument by keyword", "arguments by position")
        count = FUNCTIONS[name][1]
        if len(node.args) != count:
            words = {1: "one argument", 2: "two arguments", 3: "three arguments"}[count]
            refuse(f"gives {name} {len(node.args)} arguments", words)

    def constant(self, node: ast.Constant) -> Any:
        """A number."""
        value: Any = node.value
        if type(value) not in (int, float):
            refuse(f"contains {value!r:.20}", "numbers")
        return value if abs(value) <= EXACT else float(value)

    def name(self, name: str) -> Any:
        """A part, a constant, or a symbol."""
        if name in self.parts:
            return self.parts[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in FUNCTIONS:
            refuse(
                f"uses the function {name} as a number",
                f"`{name}(...)`",
                f"`{name}_` for a symbol of that name",
            )
        self.check_name(name)
        if name not in self.symbols:
            if len(self.symbols) == SYMBOLS:
                refuse(f"has more than {SYMBOLS} different names", "fewer symbols")
            self.symbols[name] = symbol(name, type_of(1.0))
        return self.symbols[name]

    def operation(self, node: ast.expr, given: list[Any]) -> Any:
        """An operation on values; one on numbers alone stays a formula, its size bounded."""
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.UAdd):
                return given[0]
            return -given[0] if is_number(given[0]) else op.neg(given[0])
        if isinstance(node, ast.BinOp):
            name = BINARY[type(node.op)]
            high = self.number(given[1])
            if name == "pow" and high is not None and high < 0:  # no whole number
                given[0] = as_float(given[0])
        elif isinstance(node, ast.Compare):
            name = COMPARISONS[type(node.ops[0])]
        else:
            name = FUNCTIONS[node.func.id][0]  # type: ignore[attr-defined]
        if name == "pow":
            self.check_power(*given)
        if isinstance(node, ast.Call):  # whole numbers are numbers as any
            is_mask = [type_of(x).dtype.kind == "b" for x in given]
            given = [x if mask else as_float(x) for x, mask in zip(given, is_mask, strict=True)]
        if name == "select" and type_of(given[0]).dtype.kind != "b":
            given[0] = op.not_equal(as_expression(given[0]), 0)
        return self.apply(name, given)

    def apply(self, name: str, given: list[Any]) -> Any:
        """A primitive on values, an expression even where all are numbers; the value of such a one
        is kept."""
        options = {"dtype": np.dtype(float)} if name == "convert" else {}
        made = getattr(op, name)(as_expression(given[0]), *given[1:], **options)
        values = [self.number(x) for x in given]
        if any(v is None for v in values):
            return made
        with np.errstate(all="ignore"):
            value = op.registry[name].evaluate(*values, **options)
        is_whole = type(value) is int or isinstance(value, np.integer)
        if is_whole and abs(int(value)) > EXACT:
            return self.apply(name, [as_float(given[0]), *given[1:]])
        self.numbers[made.node] = value
        return made

    def number(self, x: Any) -> Any:
        """The number that a part is; None where it has symbols."""
        return x if is_number(x) else self.numbers.get(x.node)

    def check_power(self, base: Any, exponent: Any) -> None:
        """Refuse huge constant powers, and powers of numbers that are huge."""
        high = self.number(exponent)
        if high is None:
            return
        if np.isfinite(high) and abs(high) > POWER:
            refuse(f"has the constant power {float(high):.6g}", f"powers of at most {POWER}")
        low = self.number(base)
        if low is None or low == 0 or not np.isfinite(low) or not np.isfinite(high):
            return
        if high * math.log(abs(low)) > math.log(LARGEST):
            refuse(
                f"has the number {float(low):.6g}**{float(high):.6g}",
                f"numbers below {LARGEST:.0e}",
            )


def is_number(x: Any) -> bool:
    return type(x) in (int, float)


def as_float(x: Any) -> Any:
    """A number as a float, where it is a whole one."""
    if is_number(x):
        return float(x)
    return x if x.dtype.kind == "f" else op.convert(x, dtype=np.dtype(float))


def operands(node: ast.expr) -> list[ast.expr]:
    """What an operation is applied to."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    return list(node.args)  # type: ignore[attr-defined]


def kind_of(node: ast.AST) -> str:
    """What a part of a text is, in words."""
    if type(node) in NAMED:
        return NAMED[type(node)]
    if isinstance(node, ast.UnaryOp):
        return "`not`" if isinstance(node.op, ast.Not) else "`~`"
    if isinstance(node, ast.BinOp):
        return "an operator on bits or matrices"
    if isinstance(node, ast.Compare):
        return "a chain of comparisons"
    if isinstance(node, ast.Call):
        return "a call of what is no name"
    name = type(node).__name__
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name.lower()}"
