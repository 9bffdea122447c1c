"""Expressions to SymPy and back.

Enters: an expression of numbers, or one of SymPy's.  Leaves: the other one.  SymPy is optional and
imported when it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...base.errors import message
from ...graph import op
from ...graph.node import Node
from .expression import CONVERTERS, Expression, as_expression, symbol
from .structure import name_of

# Our primitives by their names in SymPy, one argument each.
SAME = (
    "sin cos tan sinh cosh tanh exp log sqrt sign erf erfc gamma gammaln:loggamma psi:digamma"
    " arcsin:asin arccos:acos arctan:atan arcsinh:asinh arccosh:acosh arctanh:atanh"
    " abs:Abs ceil:ceiling floor real:re imag:im conj:conjugate"
).split()
ONE = dict((entry.split(":") * 2)[:2] for entry in SAME)
BACK = {sympy: ours for ours, sympy in ONE.items() if ours != "sqrt"}
BACK |= {"Max": "maximum", "Min": "minimum", "atan2": "arctan2", "Mod": "remainder"}
BACK |= {"And": "logical_and", "Or": "logical_or", "Xor": "logical_xor", "Not": "logical_not"}
INVERSE = {"sec": "cos", "csc": "sin", "cot": "tan", "sech": "cosh", "csch": "sinh", "coth": "tanh"}
LOGIC = {
    "logical_and": "And", "bitwise_and": "And", "logical_or": "Or", "bitwise_or": "Or",
    "logical_xor": "Xor", "bitwise_xor": "Xor", "logical_not": "Not", "invert": "Not",
}  # fmt: skip
RELATIONS = {
    "less": "Lt", "less_equal": "Le", "greater": "Gt", "greater_equal": "Ge", "equal": "Eq",
    "not_equal": "Ne",
}  # fmt: skip
RELATIONS_BACK = {
    "StrictLessThan": "less", "LessThan": "less_equal", "StrictGreaterThan": "greater",
    "GreaterThan": "greater_equal", "Equality": "equal", "Unequality": "not_equal",
}  # fmt: skip


def table(sympy: Any) -> dict[str, Callable]:
    """What each primitive is in SymPy."""
    found: dict[str, Callable] = {ours: getattr(sympy, name) for ours, name in ONE.items()}
    found |= {ours: getattr(sympy, name) for ours, name in RELATIONS.items()}
    found |= {ours: getattr(sympy, name) for ours, name in LOGIC.items()}
    found |= {
        "add": lambda a, b: a + b,
        "sub": lambda a, b: a - b,
        "mul": lambda a, b: a * b,
        "div": lambda a, b: a / b,
        "neg": lambda a: -a,
        "positive": lambda a: a,
        "pow": lambda a, b: a**b,
        "square": lambda a: a**2,
        "reciprocal": lambda a: 1 / a,
        "safe_sqrt": sympy.sqrt,
        "cbrt": lambda a: sympy.sign(a) * sympy.Abs(a) ** sympy.Rational(1, 3),
        "trunc": lambda a: sympy.sign(a) * sympy.floor(sympy.Abs(a)),
        "sinc": lambda a: sympy.sinc(sympy.pi * a),
        "heaviside": sympy.Heaviside,
        "floor_divide": lambda a, b: sympy.floor(a / b),
        "clip": lambda a, low, high: sympy.Min(sympy.Max(a, low), high),
        "exp2": lambda a: 2**a,
        "expm1": lambda a: sympy.exp(a) - 1,
        "log2": lambda a: sympy.log(a, 2),
        "log10": lambda a: sympy.log(a, 10),
        "log1p": lambda a: sympy.log(1 + a),
        "logaddexp": lambda a, b: sympy.log(sympy.exp(a) + sympy.exp(b)),
        "arctan2": sympy.atan2,
        "hypot": lambda a, b: sympy.sqrt(a**2 + b**2),
        "maximum": sympy.Max,
        "minimum": sympy.Min,
        "remainder": sympy.Mod,
        "degrees": lambda a: a * 180 / sympy.pi,
        "radians": lambda a: a * sympy.pi / 180,
        "select": lambda m, a, b: sympy.Piecewise((a, m), (b, True)),
        "variable": lambda a: a,
        "named": lambda a: a,
        "python_scalar": lambda a: a,
    }
    return found


def to_sympy(expression: Expression, real: bool = False) -> Any:
    """The expression in SymPy, whole floats as integers; with `real` its symbols are assumed to be
    real, and are then others than `sympy.Symbol("x")`."""
    import sympy

    known = table(sympy)
    function, symbols = expression.closed()
    made: dict[Node, Any] = {}
    for node, source in zip(function.inputs, symbols, strict=True):
        refuse_array(source)
        assumptions = {"real": True} if real else {}
        made[node] = sympy.Symbol(name_of(source), **assumptions)
    for node in function.order:
        if node in made:
            continue
        refuse_array(node)
        name = node.primitive.name
        inputs = [made[x] for x in node.inputs]
        if name not in LOGIC and name != "select":  # a truth value among numbers is 0 or 1
            inputs = [
                sympy.Piecewise((1, x), (0, True)) if n.dtype.kind == "b" else x
                for n, x in zip(node.inputs, inputs, strict=True)
            ]
        if name == "constant":
            made[node] = number_to_sympy(sympy, node.parameters["value"])
        elif name == "convert" and node.dtype.kind in "fc":
            made[node] = inputs[0]
        elif name in known and (name not in LOGIC or node.dtype.kind == "b"):
            made[node] = known[name](*inputs)
        else:
            raise TypeError(
                message(
                    f"{name} has no counterpart in SymPy",
                    expected="arithmetic and elementary functions",
                    operation="to_sympy",
                )
            )
    return made[function.outputs[0]]


def refuse_array(node: Any) -> None:
    """SymPy's symbols are numbers."""
    if node.shape != () or node.dtype.kind not in "biufc":
        raise TypeError(
            message(
                f"a value of type {type_of(node)} has no counterpart in SymPy",
                expected="an expression of numbers, without arrays",
                operation="to_sympy",
            )
        )


def number_to_sympy(sympy: Any, value: Any) -> Any:
    """A number, a whole float as an integer, pi as itself."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool):
        return sympy.true if value else sympy.false
    if isinstance(value, complex):
        real, imag = (number_to_sympy(sympy, x) for x in (value.real, value.imag))
        return real + sympy.I * imag
    if isinstance(value, int):
        return sympy.Integer(value)
    if abs(value) == math.pi:
        return sympy.pi if value > 0 else -sympy.pi
    if math.isfinite(value) and value.is_integer() and abs(value) < 1 << 53:
        return sympy.Integer(int(value))
    if math.isfinite(value) and abs(value) < 1e6 and (value * 1024).is_integer():
        return sympy.Rational(int(value * 1024), 1024)
    return sympy.Float(value)


def from_sympy(formula: Any) -> Expression:
    """The expression of one of SymPy's (an optional package).

    Arithmetic, powers, elementary functions, `erf`, `gamma` and their like, `Max`, `Min`,
    `Piecewise`, comparisons, `And`, `Or`, `Not`, and constants; its symbols become real numbers of
    their names, in alphabetical order.

    Raises:
        TypeError: a part of it has no counterpart, or two symbols have one name.

    >>> import adjoint as ad, sympy
    >>> x = sympy.Symbol("x")
    >>> ad.symbolic.from_sympy(sympy.sin(x) ** 2 + 1)
    1 + sin(x)**2
    """
    import sympy

    if isinstance(formula, str):  # SymPy would execute it
        raise TypeError(
            message(
                "from_sympy got a text",
                expected="a formula of SymPy's",
                instead="`ad.symbolic.parse(text)`",
                operation="from_sympy",
            )
        )
    formula = sympy.sympify(formula)
    if not isinstance(formula, sympy.Basic) or formula.has(sympy.zoo, sympy.nan):
        raise TypeError(
            message(
                f"from_sympy got {formula}",
                expected="a formula of SymPy's whose parts are numbers",
                operation="from_sympy",
            )
        )
    names = sorted(s.name for s in formula.free_symbols)
    twice = [a for a, b in pairwise(names) if a == b]
    if twice:
        raise TypeError(
            message(
                f"two of SymPy's symbols are called {twice[0]!r} (their assumptions differ)",
                expected="one symbol for each name",
                instead="`formula.subs(one, other)`",
                operation="from_sympy",
            )
        )
    symbols = {name: symbol(name, type_of(1.0)) for name in names}
    made: dict[Any, Any] = {}
    for part in sympy.postorder_traversal(formula):
        if part not in made and isinstance(part, sympy.Basic):
            made[part] = from_part(sympy, part, symbols, made)
    return as_expression(made[formula])


def from_part(sympy: Any, part: Any, symbols: dict[str, Expression], made: dict[Any, Any]) -> Any:
    """One part of a formula, from its parts."""
    if part.is_Symbol:
        return symbols.get(part.name)  # none for the variable of a sum or an integral
    if part.is_Integer:
        return int(part) if abs(part) <= 1 << 53 else float(part)
    if part.is_Rational:
        return op.div(as_expression(int(part.p)), int(part.q))
    if part is sympy.I:
        return 1j
    if part.is_number and (part.is_Float or not part.args):
        if part in (sympy.true, sympy.false):
            return bool(part)
        if part.is_extended_real:
            return float(part)
    arguments = [made.get(x) for x in part.args]
    name = type(part).__name__
    if part.is_Add or part.is_Mul:
        call = op.add if part.is_Add else op.mul
        total = arguments[0]
        for x in arguments[1:]:
            total = call(as_expression(total), x)
        return total
    if part.is_Pow:
        return from_power(sympy, part, *arguments)
    if part in (sympy.true, sympy.false):
        return bool(part)
    if name in ("ExprCondPair", "Tuple"):
        return tuple(arguments)
    if name == "Piecewise":
        result: Any = np.nan
        for value, condition in reversed(arguments):
            result = (
                value if condition is True else op.select(as_expression(condition), value, result)
            )
        return result
    if name in RELATIONS_BACK:
        return getattr(op, RELATIONS_BACK[name])(as_expression(arguments[0]), arguments[1])
    if name in BACK:
        call, total = getattr(op, BACK[name]), as_expression(arguments[0])
        if name in ("Max", "Min", "And", "Or", "Xor"):
            for x in arguments[1:]:
                total = call(total, x)
            return total
        return call(total, *arguments[1:])
    if name in INVERSE:
        return op.div(1, getattr(op, INVERSE[name])(as_expression(arguments[0])))
    if name == "polygamma" and arguments[0] == 0:
        return op.psi(as_expression(arguments[1]))
    if name == "factorial":
        return op.gamma(op.add(as_expression(arguments[0]), 1.0))
    if name == "sinc":
        return op.sinc(op.div(as_expression(arguments[0]), math.pi))
    if name == "Heaviside":
        return op.heaviside(as_expression(arguments[0]), arguments[1])
    raise TypeError(
        message(
            f"SymPy's {name} has no counterpart here",
            expected="arithmetic and elementary functions of real numbers",
            operation="from_sympy",
        )
    )


def from_power(sympy: Any, part: Any, base: Any, exponent: Any) -> Any:
    """A power; roots and reciprocals as such."""
    if part.exp == sympy.Rational(1, 2):
        return op.sqrt(as_expression(base))
    if part.exp == -1:
        return op.div(1, as_expression(base))
    if part.base == sympy.E:
        return op.exp(as_expression(exponent))
    if part.exp == sympy.Rational(-1, 2):
        return op.div(1, op.sqrt(as_expression(base)))
    return op.pow(as_expression(base), exponent)


CONVERTERS["sympy"] = to_sympy
