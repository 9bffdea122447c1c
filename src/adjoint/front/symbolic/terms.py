"""Terms: formulas in normal form.

Enters: numbers, symbols, and terms.  Leaves: terms.  A sum is a number and, for each different
rest, one coefficient; a product is a coefficient and, for each different base, one exponent; both
in a fixed order that depends on the structure only.  The constructors `add`, `multiply`, `power`
and `function` apply the rules of `rules.py`, so that a term never holds what a rule would change.

Equal terms have equal digests; comparing two costs nothing.

Source: Cohen, *Computer Algebra and Symbolic Computation: Mathematical Methods* (2003), chapter 3.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from ...graph import op
from .rules import EVEN_FUNCTIONS, INVERSE_PAIRS, ODD_FUNCTIONS

Number = Any  # int, Fraction or float: exact as long as it is small
EXACT = 1 << 53  # numerators and denominators up to which numbers are exact
DYADIC = 1 << 10  # denominators up to which a float is taken for a fraction


class Unfoldable(Exception):
    """Arithmetic on numbers left the range of floats."""


# ------------------------------------------------------------------------------------------ numbers


def number(value: Number) -> Number:
    """A number in its exact form, where it has one."""
    if isinstance(value, float):
        value = float(value)
        if not math.isfinite(value):
            raise Unfoldable
        if value.is_integer() and abs(value) < EXACT:
            return int(value)
        if abs(value) < EXACT and (value * DYADIC).is_integer():
            return Fraction(int(value * DYADIC), DYADIC)
        return value
    if isinstance(value, Fraction):
        if max(abs(value.numerator), value.denominator) > EXACT:
            return number(float(value))
        return value.numerator if value.denominator == 1 else value
    return value if abs(value) <= EXACT else checked_float(value)


def checked_float(value: Number) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Unfoldable from None


def plus(a: Number, b: Number) -> Number:
    return number(a + b)


def times(a: Number, b: Number) -> Number:
    """A product of numbers; one that vanishes, or becomes infinite, is none."""
    if isinstance(a, float) or isinstance(b, float):
        found = float(a) * float(b)
        if a and b and abs(found) < 1e-290:
            raise Unfoldable
        return number(found)
    return number(a * b)


def raise_number(base: Number, exponent: Number) -> Number | None:
    """base**exponent, None where it is no finite real number."""
    if base == 0:
        return None if exponent <= 0 else 0
    if isinstance(exponent, int) and not isinstance(base, float) and abs(exponent) <= 64:
        return number(Fraction(base) ** exponent)
    if base < 0 and not isinstance(exponent, int):
        return None
    try:
        found = float(base) ** float(exponent)
    except OverflowError:
        raise Unfoldable from None
    if abs(found) < 1e-290:
        raise Unfoldable
    return number(found)


# -------------------------------------------------------------------------------------------- terms


class Term:
    """One term: its kind, what it is made of, and a digest that equal terms share.

    Kinds: "number" (value), "symbol" (name, node), "apply" (primitive, parameters, arguments, the
    node it comes from), "sum" (constant, ((coefficient, term), ...)), "product" (coefficient,
    ((base, exponent), ...)).
    """

    __slots__ = ("degree", "digest", "kind", "parts", "text")
    digest: str

    def __init__(self, kind: str, parts: Any, key: Sequence[Any], text: str, degree: float) -> None:
        self.kind = kind
        self.parts = parts
        joined = "\x00".join([k.digest if isinstance(k, Term) else repr(k) for k in (kind, *key)])
        self.digest = hashlib.blake2b(joined.encode(), digest_size=16).hexdigest()
        self.text = text[:60]  # the beginning of its text, for the order
        self.degree = degree

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.text}>"

    @property
    def length(self) -> int:
        """Of how many terms or factors it is made, without what is inside of them."""
        return len(self.parts[1]) if self.kind in ("sum", "product") else 1

    @property
    def is_number(self) -> bool:
        return self.kind == "number"

    @property
    def value(self) -> Number:
        """The value of a number."""
        return self.parts


def constant(value: Number) -> Term:
    """A number as a term."""
    value = number(value)
    return Term("number", value, [type(value).__name__, str(value)], str(value), 0.0)


ZERO, ONE, MINUS = constant(0), constant(1), constant(-1)


def symbol(name: str, node: Any) -> Term:
    """A symbol as a term."""
    return Term("symbol", (name, node), [name], name, 1.0)


def apply(primitive: Any, parameters: dict, key: str, arguments: Sequence[Term], node: Any) -> Term:
    """An operation that no rule looks into."""
    inside = ", ".join([a.text for a in arguments])
    return Term(
        "apply",
        (primitive, parameters, tuple(arguments), node),
        [primitive.name, key, *arguments],
        f"{primitive.name}({inside})",
        0.0,
    )


def is_function(term: Term, name: str) -> bool:
    """Whether a term is a function of this name, without parameters."""
    return term.kind == "apply" and term.parts[0].name == name


def argument(term: Term) -> Term:
    """What a function of one argument is applied to."""
    return term.parts[2][0]


# --------------------------------------------------------------------------------------------- sums


def coefficient_and_rest(term: Term) -> tuple[Number, Term]:
    """A term as a number times a term without a numeric factor."""
    if term.kind == "product" and term.parts[0] != 1:
        return term.parts[0], make_product(1, term.parts[1])
    return 1, term


def add(entries: Sequence[tuple[Number, Term]]) -> Term:
    """The sum of numbers times terms: flat, like terms collected, squares of sin and cos joined."""
    total: Number = 0
    found: dict[Term, Number] = {}
    pending = list(reversed(entries))
    while pending:
        factor, term = pending.pop()
        if factor == 0:
            continue
        if term.is_number:
            total = plus(total, times(factor, term.value))
            continue
        own, rest = coefficient_and_rest(term)
        factor = times(factor, own)
        if rest.kind == "sum":
            total = plus(total, times(factor, rest.parts[0]))
            pending.extend([(times(factor, c), t) for c, t in reversed(rest.parts[1])])
            continue
        value = plus(found.get(rest, 0), factor)
        if value == 0:
            found.pop(rest, None)
        else:
            found[rest] = value
    joined = join_squares(found)
    if joined is not None:
        return add([(total, ONE), *joined])
    return make_sum(total, found)


def make_sum(total: Number, found: dict[Term, Number]) -> Term:
    """A sum of collected terms in order."""
    if not found:
        return constant(total)
    if len(found) == 1 and total == 0:
        ((term, factor),) = found.items()
        return scaled(factor, term)
    ordered = sorted(found.items(), key=lambda x: (-x[0].degree, x[0].text, x[0].digest))
    pairs = tuple([(c, t) for t, c in ordered])
    key: list[Any] = [str(total)]
    for c, t in pairs:
        key += [type(c).__name__ + str(c), t]
    text = "(" + " + ".join([t.text for _, t in pairs[:4]])
    return Term("sum", (total, pairs), key, text, max(t.degree for _, t in pairs))


SQUARES = (("sin", "cos", 1), ("cosh", "sinh", -1))


def join_squares(found: dict[Term, Number]) -> list[tuple[Number, Term]] | None:
    """The entries with `c*sin(u)**2*m + c*cos(u)**2*m` as `c*m`, and the same for cosh and sinh,
    wherever there are both; None where there are none."""
    joined: list[tuple[Number, Term]] = []
    for term in list(found):
        for partner, sign, rest in partners(term) if term in found else ():
            if partner != term and found.get(partner) == sign * found[term]:
                joined.append((found.pop(term), rest))
                del found[partner]
                break
    return [*[(c, t) for t, c in found.items()], *joined] if joined else None


def partners(term: Term) -> Iterator[tuple[Term, int, Term]]:
    """For each square of sin or cosh in a term: the term with that of cos or sinh in its place, the
    sign that they must have, and the term without it."""
    for base, exponent in factors_of(term):
        if not (exponent.is_number and isinstance(exponent.value, int) and exponent.value >= 2):
            continue
        for first, second, sign in SQUARES:
            if is_function(base, first):
                other = apply_named(second, argument(base))
                rest = multiply(1, [(term, ONE), (base, constant(-2))])
                yield multiply(1, [(rest, ONE), (other, constant(2))]), sign, rest


# ----------------------------------------------------------------------------------------- products


def factors_of(term: Term) -> tuple[tuple[Term, Term], ...]:
    """A term without a numeric factor as powers."""
    return term.parts[1] if term.kind == "product" else ((term, ONE),)


def scaled(factor: Number, term: Term) -> Term:
    """A number times a term."""
    if factor == 0:
        return ZERO
    if term.is_number:
        return constant(times(factor, term.value))
    if term.kind == "product":
        return make_product(times(factor, term.parts[0]), term.parts[1])
    return make_product(factor, ((term, ONE),))


def multiply(factor: Number, entries: Sequence[tuple[Term, Term]]) -> Term:
    """The product of a number and powers: flat, like bases collected, exponentials joined."""
    found: dict[Term, Term] = {}
    exponents: list[tuple[Number, Term]] = []  # of the exponentials
    pending = list(reversed(entries))
    while True:
        while pending:
            base, exponent = pending.pop()
            if exponent == ZERO:
                continue
            if base.is_number and exponent.is_number:
                value = raise_number(base.value, exponent.value)
                if value is not None:
                    factor = times(factor, value)
                    continue
            if base.kind == "product" and is_whole(exponent):
                value = raise_number(base.parts[0], exponent.value)
                if value is not None:
                    factor = times(factor, value)
                    pending.extend([(b, product_of(e, exponent)) for b, e in base.parts[1]])
                    continue
            if is_function(base, "exp"):
                exponents.append((1, product_of(argument(base), exponent)))
                continue
            old = found.get(base)
            found[base] = exponent if old is None else add([(1, old), (1, exponent)])
        if factor == 0:
            return ZERO
        if exponents:
            whole = apply_named("exp", add(exponents))
            exponents = []
            if is_function(whole, "exp"):
                found[whole] = ONE
            else:
                pending.append((whole, ONE))
        for base, exponent in list(found.items()):
            better = rewritten_power(base, exponent)
            if better is not None:
                del found[base]
                factor = times(factor, better[0])
                pending.extend(better[1])
        if not pending:
            break
        for base in [b for b in found if is_function(b, "exp")]:
            exponents.append((1, argument(base)))
            del found[base]
    ordered = sorted(found.items(), key=lambda x: (x[0].kind != "symbol", x[0].text, x[0].digest))
    return make_product(factor, tuple(ordered))


def make_product(factor: Number, pairs: tuple[tuple[Term, Term], ...]) -> Term:
    """A product of ordered powers."""
    if not pairs:
        return constant(factor)
    if factor == 1 and len(pairs) == 1 and pairs[0][1] == ONE:
        return pairs[0][0]
    if factor == -1 and len(pairs) == 1 and pairs[0][1] == ONE and pairs[0][0].kind == "sum":
        return negated(pairs[0][0])
    key: list[Any] = [type(factor).__name__ + str(factor)]
    degree = 0.0
    for base, exponent in pairs:
        key += [base, exponent]
        if exponent.is_number:
            degree += base.degree * float(exponent.value)
    text = "*".join([b.text if e == ONE else f"{b.text}**{e.text}" for b, e in pairs[:4]])
    return Term("product", (factor, pairs), key, text, degree)


def product_of(a: Term, b: Term) -> Term:
    """The product of two terms."""
    if a.is_number:
        return scaled(a.value, b)
    if b.is_number:
        return scaled(b.value, a)
    return multiply(1, [(a, ONE), (b, ONE)])


def is_whole(term: Term) -> bool:
    """Whether a term is a whole number."""
    return term.is_number and isinstance(term.value, int)


def is_even(term: Term) -> bool:
    """Whether a term is an even number."""
    return is_whole(term) and term.value % 2 == 0


def rewritten_power(base: Term, exponent: Term) -> tuple[Number, list[tuple[Term, Term]]] | None:
    """What a rule puts in the place of a collected power: a number and powers; None for nothing."""
    if exponent == ZERO:
        return 1, []
    if base.is_number:
        if base.value == 1:
            return 1, []
        if not exponent.is_number:
            return None
        value = raise_number(base.value, exponent.value)
        return None if value is None else (value, [])
    if is_function(base, "abs") and is_even(exponent):
        return 1, [(argument(base), exponent)]
    if is_function(base, "cbrt") and is_whole(exponent) and exponent.value % 3 == 0:
        return 1, [(argument(base), constant(exponent.value // 3))]
    if base.kind != "product":
        return None
    factor, pairs = base.parts
    if exponent == ONE or (is_whole(exponent) and raise_number(factor, exponent.value) is not None):
        return 1, [(base, exponent)]  # opened by `multiply`
    if len(pairs) == 1 and factor == 1:
        inner, power = pairs[0]
        if inner.is_number and inner.value > 0:
            return 1, [(inner, product_of(power, exponent))]
        if not power.is_number:
            return None
        if not is_even(power):
            return 1, [(inner, product_of(power, exponent))]
        if exponent.is_number:
            return 1, [(apply_named("abs", inner), product_of(power, exponent))]
    return None


def power(base: Term, exponent: Term) -> Term:
    """base**exponent."""
    return multiply(1, [(base, exponent)])


# ---------------------------------------------------------------------------------------- functions


def apply_named(name: str, *arguments: Term) -> Term:
    """A function of terms, by the name of its primitive."""
    return function(op.registry[name], list(arguments))


def function(primitive: Any, arguments: list[Term], node: Any = None) -> Term:
    """An elementwise function of terms, after the rules for it."""
    name = primitive.name
    if len(arguments) == 1:
        found = function_of_one(primitive, arguments[0])
        if found is not None:
            return found
    elif name in ("maximum", "minimum") and arguments[0] == arguments[1]:
        return arguments[0]
    elif name == "select" and arguments[1] == arguments[2]:
        return arguments[1]
    if all(a.is_number for a in arguments):
        value = folded(primitive, arguments)
        if value is not None:
            return value
    return apply(primitive, {}, "", arguments, node)


def folded(primitive: Any, arguments: Sequence[Term]) -> Term | None:
    """The value of a function of numbers, where it is a finite real number."""
    with np.errstate(all="ignore"):
        try:
            found = primitive.evaluate(*[float(a.value) for a in arguments])
        except TypeError:  # a function of integers
            return None
    if np.asarray(found).dtype.kind != "f" or not np.isfinite(found):
        return None
    return constant(float(found))


def function_of_one(primitive: Any, u: Term) -> Term | None:
    """What a rule puts in the place of a function of one argument."""
    name = primitive.name
    if name in ("sqrt", "safe_sqrt"):
        return power(u, constant(Fraction(1, 2))) if name == "sqrt" else None
    if name == "square":
        return power(u, constant(2))
    if name == "reciprocal":
        return power(u, MINUS)
    if name == "positive":
        return u
    if u.kind == "apply" and (name, u.parts[0].name) in INVERSE_PAIRS:
        return argument(u)
    if name == "log" and u.kind == "product" and u.parts[0] == 1 and len(u.parts[1]) == 1:
        base, exponent = u.parts[1][0]
        if exponent.is_number and not base.is_number:
            inner = apply_named("abs", base) if is_even(exponent) else base
            return scaled(exponent.value, apply_named("log", inner))
    if name == "abs":
        return absolute(u)
    if name == "sign" and u.kind == "product" and u.parts[0] not in (1, -1):
        direction = 1 if u.parts[0] > 0 else -1
        return scaled(direction, apply_named("sign", make_product(1, u.parts[1])))
    if name in ODD_FUNCTIONS and leads_negative(u):
        return scaled(-1, function(primitive, [negated(u)]))
    if name in EVEN_FUNCTIONS and leads_negative(u):
        return function(primitive, [negated(u)])
    return None


def absolute(u: Term) -> Term | None:
    """The rules of abs: a product factor by factor."""
    if is_function(u, "abs") or is_function(u, "exp"):
        return u
    if u.kind == "product":
        factor, pairs = u.parts
        parts = []
        for base, exponent in pairs:
            if not exponent.is_number:
                if not (base.is_number and base.value > 0):
                    return None if len(pairs) == 1 and factor == 1 else opened(factor, pairs)
                parts.append((base, exponent))
            elif is_whole(exponent):
                is_positive = is_even(exponent)
                parts.append((base if is_positive else apply_named("abs", base), exponent))
            else:
                parts.append((base, exponent))
        return multiply(abs(factor), parts)
    if leads_negative(u):
        return apply_named("abs", negated(u))
    return None


def opened(factor: Number, pairs: tuple) -> Term:
    """abs of a product with symbolic powers: each factor by itself."""
    primitive = op.registry["abs"]
    parts = []
    for base, exponent in pairs:
        one = make_product(1, ((base, exponent),))
        found = absolute(one)
        parts.append((apply(primitive, {}, "", [one], None) if found is None else found, ONE))
    return multiply(abs(factor), parts)


def leads_negative(u: Term) -> bool:
    """Whether a term is written with a minus in front: its factor, or that of its first part."""
    if u.kind == "number":
        return u.value < 0
    if u.kind == "product":
        return u.parts[0] < 0
    return u.kind == "sum" and u.parts[1][0][0] < 0


def negated(u: Term) -> Term:
    """The negative of a term, a sum part by part."""
    if u.kind == "sum":
        return add([(-u.parts[0], ONE), *[(-c, t) for c, t in u.parts[1]]])
    return scaled(-1, u)
