"""Simplification: a graph brought into normal form, and a graph made of that.

Enters: an expression.  Leaves: one of the same value wherever that is finite, shorter where the
rules of `rules.py` apply.  The walk turns every operation on real numbers into terms (`terms.py`);
what is no real arithmetic (reductions, products of matrices, indexing, choices by a mask) is kept
as it is, its operands simplified.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ...base.dtypes import WEAK, type_of
from ...graph import op
from ...graph.function import Function, bits
from ...graph.node import NEVER, Node
from . import terms
from .expression import SIMPLIFIER, Expression, as_expression
from .structure import name_of
from .terms import ONE, Number, Term, Unfoldable

LENGTH = 30_000  # terms and factors of all parts together, up to which they are written out


class TooLong(Exception):
    """The normal form is much longer than the expression."""


CONVERT = op.registry["convert"]
IDENTITIES = ("variable", "named", "python_scalar", "convert", "broadcast_to")


def simplify(expression: Any) -> Expression:
    """The expression in normal form; see `Expression.simplify`.

    >>> import adjoint as ad
    >>> x = ad.symbols("x")
    >>> ad.symbolic.simplify(x + x)
    2*x
    """
    expression = as_expression(expression)
    function, symbols = expression.closed()
    known = {
        node: terms.symbol(name_of(source), source)
        for node, source in zip(function.inputs, symbols, strict=True)
    }
    try:
        try:
            made = walk(function, dict(known), chains(function))
        except Unfoldable:
            made = walk(function, known, set())
    except TooLong:
        return expression
    found = as_expression(typed(emit(made[function.outputs[0]]), expression.dtype))
    if found.shape != expression.shape:
        found = op.broadcast_to(found, shape=expression.shape)
    return found


def typed(value: Any, dtype: np.dtype) -> Any:
    """A value in the dtype that it had: a whole number may stand for a float."""
    if type_of(value).dtype == dtype:
        return value
    if type(value) in WEAK:
        return float(value) if dtype == np.dtype(float) else dtype.type(value)
    return op.convert(value, dtype=dtype)


SIMPLIFIER.append(simplify)

# ---------------------------------------------------------------------------------- graph to terms


def walk(function: Function, made: dict[Node, Term], chained: set[Node]) -> dict[Node, Term]:
    """The term of every node; those of `chained` are only parts of the sum that reads them."""
    open_sums: dict[Node, list[tuple[Number, Term]]] = {}
    length = 0
    for node in function.order:
        if node in made:
            continue
        if is_sum(node) and (node in chained or any(x in chained for x in node.inputs)):
            entries = entries_of(node.inputs[0], made, open_sums)
            if node.primitive.name == "neg":
                entries = [(-c, t) for c, t in entries]
            for x in node.inputs[1:]:
                sign = -1 if node.primitive.name == "sub" else 1
                entries += [(sign * c, t) for c, t in entries_of(x, made, open_sums)]
            if node in chained:
                open_sums[node] = entries
            else:
                made[node] = terms.add(entries)
                length += made[node].length
            continue
        arguments = [made[x] for x in node.inputs]
        try:
            made[node] = term_of(node, arguments)
        except Unfoldable:  # a number out of the range of floats: the operation as it stands
            made[node] = opaque(node, arguments)
        length += made[node].length
        if length > LENGTH:
            raise TooLong
    return made


def entries_of(
    node: Node, made: dict[Node, Term], open_sums: dict[Node, list[tuple[Number, Term]]]
) -> list[tuple[Number, Term]]:
    """What a sum takes over from one of its parts."""
    return open_sums.pop(node) if node in open_sums else [(1, made[node])]


def is_sum(node: Node) -> bool:
    """Whether a node is a sum, difference or negative of real numbers."""
    return node.primitive.name in ("add", "sub", "neg") and all(map(is_real, (node, *node.inputs)))


def chains(function: Function) -> set[Node]:
    """The sums that only one other sum reads: a long sum is collected at once."""
    readers: dict[Node, list[Node]] = {}
    for node in function.order:
        for x in node.inputs:
            readers.setdefault(x, []).append(node)
    return {x for x, found in readers.items() if len(found) == 1 and is_sum(x) and is_sum(found[0])}


def is_real(node: Any) -> bool:
    """Whether a value is a float, or a whole number that is known: arithmetic on other integers
    may overflow, and stays as it is."""
    if isinstance(node.dtype, tuple):
        return False
    is_known = node.weak and node.dtype.kind == "i" and node.root == NEVER
    return node.dtype.kind == "f" or is_known


def as_float(node: Node, term: Term, dtype: np.dtype) -> Term:
    """The operand of arithmetic on floats; integers are converted, as they are by it."""
    if is_real(node) or isinstance(node.dtype, tuple) or node.dtype.kind not in "iub":
        return term
    parameters = {"dtype": dtype}
    return terms.apply(CONVERT, parameters, repr(bits(parameters)), [term], None)


def term_of(node: Node, arguments: list[Term]) -> Term:
    """An operation on terms as a term."""
    primitive, name = node.primitive, node.primitive.name
    if name == "constant":
        return constant_term(node)
    if name in IDENTITIES and keeps_value(node):
        return arguments[0]
    if not is_real(node) or primitive.kind != "elementwise" or node.parameters:
        return opaque(node, arguments)
    if name in ARITHMETIC:
        pairs = zip(node.inputs, arguments, strict=True)
        return ARITHMETIC[name](*[as_float(x, term, node.dtype) for x, term in pairs])
    if name != "select" and not all(is_real(x) for x in node.inputs):
        return opaque(node, arguments)
    return terms.function(primitive, arguments, node)


ARITHMETIC: dict[str, Callable] = {
    "add": lambda a, b: terms.add([(1, a), (1, b)]),
    "sub": lambda a, b: terms.add([(1, a), (-1, b)]),
    "neg": lambda a: terms.scaled(-1, a),
    "mul": terms.product_of,
    "div": lambda a, b: terms.multiply(1, [(a, ONE), (b, terms.MINUS)]),
    "pow": terms.power,
}


def keeps_value(node: Node) -> bool:
    """Whether an identity, or a conversion, gives the same number."""
    before = node.inputs[0]
    if node.primitive.name == "broadcast_to":
        return before.shape == () and is_real(before)
    return before.dtype == node.dtype and before.shape == node.shape


def constant_term(node: Node) -> Term:
    """A constant: a finite real number as such, anything else (a NumPy number beside numbers of
    another precision, too) as it is."""
    value = node.parameters["value"]
    is_exact = not isinstance(value, int) or abs(value) <= terms.EXACT
    if node.weak and is_real(node) and is_exact and math.isfinite(value):
        return terms.constant(value)
    return opaque(node, [])


def opaque(node: Node, arguments: list[Term]) -> Term:
    """An operation that no rule looks into; the shapes of its operands belong to it."""
    key = repr(bits(node.parameters))
    if not is_real(node):
        key += str(node.dtype)
    if node.primitive.kind != "elementwise":
        key += repr([x.shape for x in node.inputs])
    return terms.apply(node.primitive, node.parameters, key, arguments, node)


# ---------------------------------------------------------------------------------- terms to graph


def emit(root: Term) -> Any:
    """The expression of a term (or a plain number)."""
    made: dict[Term, Any] = {}
    stack = [(root, False)]
    while stack:
        term, is_ready = stack.pop()
        if term in made:
            continue
        if is_ready:
            made[term] = emit_one(term, made)
        else:
            stack.append((term, True))
            stack.extend((x, False) for x in reversed(needs(term)) if x not in made)
    return made[root]


def needs(term: Term) -> list[Term]:
    """The terms that must be there before a term can be written."""
    if term.kind == "sum":
        found: list[Term] = []
        for _, t in term.parts[1]:
            found += needs(t) if t.kind == "product" else [t]
        return found
    if term.kind == "product":
        found = []
        for base, exponent in term.parts[1]:
            found += [base] if exponent.is_number else [base, exponent]
        return found
    return list(term.parts[2]) if term.kind == "apply" else []


def emit_one(term: Term, made: dict[Term, Any]) -> Any:
    """One term, from those that it needs."""
    if term.kind == "number":
        return emit_number(term.value)
    if term.kind == "symbol":
        return Expression(term.parts[1])
    if term.kind == "product":
        return emit_product(term.parts[0], term.parts[1], made)
    if term.kind == "apply":
        return emit_operation(term, made)
    total, pairs = term.parts
    first = next((k for k, (c, _) in enumerate(pairs) if c > 0), 0)
    ordered = [pairs[first], *pairs[:first], *pairs[first + 1 :]]
    found = emit_multiple(ordered[0][0], ordered[0][1], made)
    for c, t in ordered[1:]:
        call = op.add if c > 0 else op.sub
        found = call(found, emit_multiple(abs(c), t, made))
    if total:
        call = op.add if total > 0 else op.sub
        found = call(found, emit_number(abs(total)))
    return found


def emit_multiple(factor: Number, term: Term, made: dict[Term, Any]) -> Any:
    """A number times a term."""
    pairs = term.parts[1] if term.kind == "product" else ((term, ONE),)
    return emit_product(factor, pairs, made)


def emit_number(value: Number) -> Any:
    """A number; a fraction as a quotient where a float would round it."""
    if isinstance(value, Fraction):
        if value.denominator & (value.denominator - 1):
            return op.div(as_expression(value.numerator), value.denominator)
        return float(value)
    return value


def emit_product(factor: Number, pairs: Any, made: dict[Term, Any]) -> Any:
    """A number and powers, those with negative exponents below the line."""
    above: list[Any] = []
    below: list[Any] = []
    if isinstance(factor, Fraction):
        below.append(as_expression(factor.denominator))
        factor = factor.numerator
    for base, exponent in pairs:
        if base.is_number and exponent.is_number:  # what is no finite number: 0**-1
            above.append(op.pow(as_expression(float(base.value)), emit_number(exponent.value)))
        elif exponent.is_number and exponent.value < 0:
            below.append(emit_power(made[base], -exponent.value))
        elif exponent.is_number:
            above.append(emit_power(made[base], exponent.value))
        else:
            above.append(op.pow(as_expression(made[base]), made[exponent]))
    is_negated = factor == -1 and bool(above)
    if (factor != 1 and not is_negated) or not above:
        above.insert(0, factor)
    found = product_of(above)
    if below:
        found = op.div(as_expression(found), product_of(below))
    return op.neg(found) if is_negated else found


def product_of(values: list[Any]) -> Any:
    """The product from left to right."""
    found = values[0]
    for x in values[1:]:
        found = op.mul(as_expression(found), x)
    return found


def emit_power(base: Any, exponent: Number) -> Any:
    """A base to a positive number."""
    if exponent == 1:
        return base
    if exponent == Fraction(1, 2):
        return op.sqrt(as_expression(base))
    return op.pow(as_expression(base), emit_number(exponent))


def emit_operation(term: Term, made: dict[Term, Any]) -> Any:
    """An operation that no rule has looked into, on its simplified operands."""
    primitive, parameters, arguments, node = term.parts
    if primitive.name == "constant":
        return Expression(node)
    values = [made[a] for a in arguments]
    if primitive.kind != "elementwise":
        values = [fitted(v, x) for v, x in zip(values, node.inputs, strict=True)]
    elif node is None:  # a function of real numbers that a rule has made
        values = [float(v) if type(v) is int else v for v in values]
    else:
        values = [typed_number(v, x) for v, x in zip(values, node.inputs, strict=True)]
    if not any(isinstance(v, (Expression, tuple)) for v in values):
        values[0] = as_expression(values[0])
    return op.apply(primitive, tuple(values), parameters)


def typed_number(value: Any, x: Node) -> Any:
    """A whole number as a float, where it was one."""
    return float(value) if type(value) is int and x.dtype.kind == "f" else value


def fitted(value: Any, x: Node) -> Any:
    """An operand in the shape that it had."""
    if isinstance(value, tuple) or x.shape is None:
        return value
    value = typed_number(value, x)
    if type_of(value).shape != x.shape:
        return op.broadcast_to(as_expression(value), shape=x.shape)
    return value
