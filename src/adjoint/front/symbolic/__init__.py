"""Formulas as values: symbols, expressions, their derivatives, simplification and text.

>>> import adjoint as ad
>>> f = ad.symbolic.parse("x**2*y + y + 2")
>>> f.diff("x")
2*x*y
"""

from .convert import from_sympy, to_sympy
from .expression import Expression
from .interval import Interval
from .parse import ExpressionError, parse
from .printing import show as _show  # noqa: F401  (gives expressions their texts)
from .record import expression, symbols
from .rules import RULES, Rule
from .simplify import simplify

__all__ = [
    "RULES",
    "Expression",
    "ExpressionError",
    "Interval",
    "Rule",
    "expression",
    "from_sympy",
    "parse",
    "simplify",
    "symbols",
    "to_sympy",
]
