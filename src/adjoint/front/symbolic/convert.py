"""Expressions to SymPy and back.

Enters: an expression of real numbers, or one of SymPy's.  Leaves: the other one.  SymPy is optional
and imported when it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...base.errors import message
from ...graph import op
from ...graph.node import Node
from .expression import CONVERTERS, Expression, as_expression, name_of, symbol

# Our primitives by their names in SymPy, one argument each.
SAME = (
    "sin cos tan sinh cosh tanh exp log sqrt sign cbrt"
    " arcsin:asin arccos:acos arctan:atan arcsinh:asinh arccosh:acosh arctanh:atanh"
    " abs:Abs ceil:ceiling floor:floor"
).split()
ONE = dict((entry.split(":") * 2)[:2] for entry in SAME)
BACK = {sympy: ours for ours, sympy in ONE.items() if ours not in ("sqrt", "cbrt")}
BACK |= {"Max": "maximum", "Min": "minimum", "atan2": "arctan2"}
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
        "convert": lambda a: a,
        "variable": lambda a: a,
        "named": lambda a: a,
        "python_scalar": lambda a: a,
    }
    return found


def to_sympy(expression: Expression) -> Any:
    """The expression in SymPy; its symbols are real, whole floats are integers."""
    import sympy

    known = table(sympy)
    function, symbols = expression.closed()
    made: dict[Node, Any] = {}
    for node, source in zip(function.inputs, symbols, strict=True):
        refuse_array(source)
        made[node] = sympy.Symbol(name_of(source), real=True)
    for node in function.order:
        if node in made:
            continue
        refuse_array(node)
        name = node.primitive.name
        if name == "constant":
            made[node] = number_to_sympy(sympy, node.parameters["value"])
        elif name in known:
            made[node] = known[name](*[made[x] for x in node.inputs])
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
    if node.shape != () or node.dtype.kind not in "biuf":
        raise TypeError(
            message(
                f"a value of type {type_of(node)} has no counterpart in SymPy",
                expected="an expression of real numbers, without arrays",
                operation="to_sympy",
            )
        )


def number_to_sympy(sympy: Any, value: Any) -> Any:
    """A number, a whole float as an integer, pi as itself."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool):
        return sympy.true if value else sympy.false
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

    Arithmetic, powers, elementary functions, `Max`, `Min`, `Piecewise`, comparisons and `pi`; its
    symbols become real numbers of their names, in alphabetical order.

    Raises:
        TypeError: a part of it has no counterpart.

    >>> import adjoint as ad, sympy
    >>> x = sympy.Symbol("x")
    >>> ad.symbolic.from_sympy(sympy.sin(x) ** 2 + 1)
    1 + sin(x)**2
    """
    import sympy

    formula = sympy.sympify(formula)
    names = sorted(s.name for s in formula.free_symbols)
    symbols = {name: symbol(name, type_of(1.0)) for name in names}
    made: dict[Any, Any] = {}
    for part in sympy.postorder_traversal(formula):
        if part not in made and isinstance(part, sympy.Basic):
            made[part] = from_part(sympy, part, symbols, made)
    return as_expression(made[formula])


def from_part(sympy: Any, part: Any, symbols: dict[str, Expression], made: dict[Any, Any]) -> Any:
    """One part of a formula, from its parts."""
    if part.is_Symbol:
        return symbols[part.name]
    if part.is_Integer:
        return int(part)
    if part.is_Rational:
        return op.div(as_expression(int(part.p)), int(part.q))
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
    if name == "ExprCondPair":
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
        if name in ("Max", "Min"):
            for x in arguments[1:]:
                total = call(total, x)
            return total
        return call(total, *arguments[1:])
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
