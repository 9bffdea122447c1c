"""The rules of `Expression.simplify`, stated.

Enters: nothing.  Leaves: `RULES`, each rule with what it looks for, what it puts in its place and
where that holds; `simplify` applies these and no others, and the tests check each of them at random
points and at special values.  A rule is applied where the two sides agree wherever all parts of the
left one are finite (for real numbers); signed zeros are not told apart.
"""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """One rule.

    `pattern` and `replacement` are formulas that `parse` reads; the letters in them stand for any
    expression, the numbers for any numbers of their kind (whole, even, positive, ..).  `condition`
    says in words where both sides agree, and `domain` gives an interval of values of the letters
    in which the pattern is finite.
    """

    name: str
    pattern: str
    replacement: str
    condition: str
    domain: tuple[float, float] = (-3.0, 3.0)


ALWAYS = "for all values"

# ---------------------------------------------------------------------- sums and products

COLLECTING = (
    Rule("zero added", "u + 0", "u", ALWAYS),
    Rule("one multiplied", "1*u", "u", ALWAYS),
    Rule("zero multiplied", "0*u", "0", "u is finite"),
    Rule("like terms", "2*u + 3*u", "5*u", ALWAYS),
    Rule("cancelling terms", "u + v - u", "v", "u is finite"),
    Rule("flat sums", "(u + v) + (u + w)", "2*u + v + w", ALWAYS),
    Rule("factors of sums in sums", "3*(u + v) - 3*u", "3*v", "u is finite"),
    Rule("like powers", "u**2*u**3", "u**5", ALWAYS, (-2.0, 2.0)),
    Rule("cancelling factors", "u*v/u", "v", "u is not 0"),
    Rule("constants", "2*u*3", "6*u", ALWAYS),
    Rule("power zero", "u**0", "1", ALWAYS),
    Rule("power one", "u**1", "u", ALWAYS),
    Rule("quotients", "u/(v/w)", "u*w/v", "v and w are not 0", (0.2, 3.0)),
    Rule("double minus", "-(-u)", "u", ALWAYS),
    Rule("square", "square(u)", "u**2", ALWAYS),
    Rule("reciprocal", "reciprocal(u)", "1/u", "u is not 0"),
)
POWERS = (
    Rule("symbolic exponents", "u**v*u**w", "u**(v + w)", "u is positive", (0.2, 2.0)),
    Rule("power of a power", "(u**3)**2", "u**6", "the outer power is whole", (-2.0, 2.0)),
    Rule("root of an odd power", "(u**3)**0.5", "u**1.5", "u is not negative", (0.1, 2.0)),
    Rule("root of an even power", "sqrt(u**2)", "abs(u)", ALWAYS),
    Rule("whole power of a product", "(u*v)**2", "u**2*v**2", ALWAYS),
    Rule("square of a root", "sqrt(u)**2", "u", "u is not negative", (0.1, 3.0)),
    Rule("cube of a cube root", "cbrt(u)**3", "u", ALWAYS),
)
# ------------------------------------------------------------------- functions of functions
INVERSES = (
    Rule("exp of log", "exp(log(u))", "u", "u is positive", (0.1, 3.0)),
    Rule("log of exp", "log(exp(u))", "u", "exp(u) is finite"),
    Rule("exp2 of log2", "exp2(log2(u))", "u", "u is positive", (0.1, 3.0)),
    Rule("log2 of exp2", "log2(exp2(u))", "u", "exp2(u) is finite"),
    Rule("expm1 of log1p", "expm1(log1p(u))", "u", "u is above -1", (-0.9, 3.0)),
    Rule("log1p of expm1", "log1p(expm1(u))", "u", "exp(u) is finite"),
    Rule("sin of arcsin", "sin(arcsin(u))", "u", "u is between -1 and 1", (-1.0, 1.0)),
    Rule("cos of arccos", "cos(arccos(u))", "u", "u is between -1 and 1", (-1.0, 1.0)),
    Rule("tan of arctan", "tan(arctan(u))", "u", ALWAYS),
    Rule("sinh of arcsinh", "sinh(arcsinh(u))", "u", ALWAYS),
    Rule("arcsinh of sinh", "arcsinh(sinh(u))", "u", "sinh(u) is finite"),
    Rule("cosh of arccosh", "cosh(arccosh(u))", "u", "u is 1 or more", (1.0, 4.0)),
    Rule("tanh of arctanh", "tanh(arctanh(u))", "u", "u is between -1 and 1", (-0.9, 0.9)),
    Rule("arctanh of tanh", "arctanh(tanh(u))", "u", "tanh(u) is below 1 in size"),
)
ODD = tuple(
    Rule(f"{name} of a negative", f"{name}(-u)", f"-{name}(u)", ALWAYS, domain)
    for name, domain in {
        "sin": (-3.0, 3.0), "tan": (-1.5, 1.5), "arcsin": (-1.0, 1.0), "arctan": (-3.0, 3.0),
        "sinh": (-3.0, 3.0), "tanh": (-3.0, 3.0), "arcsinh": (-3.0, 3.0), "arctanh": (-0.9, 0.9),
        "cbrt": (-3.0, 3.0), "sign": (-3.0, 3.0),
    }.items()
)  # fmt: skip
EVEN = tuple(
    Rule(f"{name} of a negative", f"{name}(-u)", f"{name}(u)", ALWAYS)
    for name in ("cos", "cosh", "abs")
)
# ------------------------------------------------------------------------------- identities
IDENTITIES = (
    Rule("product of exponentials", "exp(u)*exp(v)", "exp(u + v)", ALWAYS),
    Rule("power of an exponential", "exp(u)**v", "exp(u*v)", ALWAYS),
    Rule("log of a whole power", "log(u**3)", "3*log(u)", "u is positive", (0.1, 3.0)),
    Rule("log of an even power", "log(u**2)", "2*log(abs(u))", "u is not 0"),
    Rule("log of a root", "log(sqrt(u))", "0.5*log(u)", "u is positive", (0.1, 3.0)),
    Rule("sin and cos squared", "sin(u)**2*v + cos(u)**2*v", "v", ALWAYS),
    Rule("cosh and sinh squared", "cosh(u)**2*v - sinh(u)**2*v", "v", "both are finite"),
    Rule("abs of abs", "abs(abs(u))", "abs(u)", ALWAYS),
    Rule("abs squared", "abs(u)**2", "u**2", ALWAYS),
    Rule("abs of an even power", "abs(u**2)", "u**2", ALWAYS),
    Rule("abs of an exponential", "abs(exp(u))", "exp(u)", ALWAYS),
    Rule("abs of a product", "abs(u*v)", "abs(u)*abs(v)", ALWAYS),
    Rule("abs of a multiple", "abs(-2*u)", "2*abs(u)", ALWAYS),
    Rule("sign of a multiple", "sign(2*u)", "sign(u)", "the number is positive"),
    Rule("larger of the same", "maximum(u, u)", "u", ALWAYS),
    Rule("smaller of the same", "minimum(u, u)", "u", ALWAYS),
    Rule("choice of the same", "where(v > w, u, u)", "u", ALWAYS),
    Rule("function of a number", "u*cos(0)", "u", "the value is finite"),
)
RULES: tuple[Rule, ...] = (*COLLECTING, *POWERS, *INVERSES, *ODD, *EVEN, *IDENTITIES)


def split(rule: Rule) -> tuple[str, str]:
    """The outer and the inner function of a pattern `f(g(u))`."""
    outer, inner, _ = rule.pattern.split("(", 2)
    return outer, inner


# What the walk of `simplify` reads.
INVERSE_PAIRS = frozenset(map(split, INVERSES))
ODD_FUNCTIONS = frozenset(rule.pattern.split("(")[0] for rule in ODD)
EVEN_FUNCTIONS = frozenset(rule.pattern.split("(")[0] for rule in EVEN)


def table() -> str:
    """The rules as a table in Markdown: `docs/simplification.md` holds it, and a test compares."""
    rows = ["| rule | from | to | holds where |", "|---|---|---|---|"]
    rows += [f"| {r.name} | `{r.pattern}` | `{r.replacement}` | {r.condition} |" for r in RULES]
    return "\n".join(rows) + "\n"
