"""`adjoint diff FORMULA`: value, gradient and Hessian of a formula, as formulae and as numbers, and
at a point every way to the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import adjoint as ad

from ..comparison import Ways, as_function, compare
from ..comparison.table import HEAD
from .shown import Result, Table
from .values import Refusal, values_of

KEYS = ("expression", "latex", "at", "value", "gradient", "hessian", "comparison")


def parsed(text: str) -> Any:
    """The expression of a text."""
    try:
        return ad.symbolic.parse(text)
    except ValueError as error:
        raise Refusal(str(error)) from None


def numbers_for(expression: Any, at: Sequence[str]) -> dict[str, float]:
    """A number for each symbol of an expression, in the order of the symbols; or none at all."""
    given = values_of(at)
    names = expression.free
    for name, value in given.items():
        if name not in names:
            raise Refusal(
                f"{expression} has no symbol {name!r}; it has {', '.join(names) or 'none'}"
            )
        if type(value) not in (int, float):
            raise Refusal(f"{name} is to be a number: a formula's symbols are numbers")
    missing = [name for name in names if name not in given]
    if given and missing:
        wanted = " ".join(f"{name}=.." for name in missing)
        raise Refusal(f"there is no value for {', '.join(missing)}: --at {wanted}")
    try:
        return {name: float(given[name]) for name in names if name in given}
    except OverflowError:
        raise Refusal("a number is too large for a float") from None


def differentiated(text: str, at: Sequence[str], peers: Sequence[str] | None) -> Result:
    """The first and second derivatives of a formula, and at a point every way to the first."""
    expression = parsed(text)
    names = expression.free
    values = numbers_for(expression, at)

    def part(e: Any, *by: str) -> dict[str, Any]:
        tidy = e.simplify()  # whose value may be another where e has none: `x/x` at 0
        found = {"by": list(by), "formula": str(tidy), "latex": tidy.latex(), "value": None}
        if values or not names:
            found["value"] = float(e.evaluate({n: values[n] for n in e.free}))
        return found

    gradient = [part(e, n) for n, e in zip(names, expression.gradient(), strict=True)]
    hessian = [
        [part(e, a, b) for b, e in zip(names, row, strict=True)]
        for a, row in zip(names, expression.hessian(), strict=True)
    ]
    whole = part(expression)
    data = {
        "expression": str(expression), "latex": expression.latex(), "at": values,
        "value": whole["value"], "gradient": gradient, "hessian": hessian, "comparison": None,
    }  # fmt: skip
    rows = [("f", str(expression), *value_cell(whole))]
    for one in gradient:
        rows.append((f"df/d{one['by'][0]}", one["formula"], *value_cell(one)))
    for k, row in enumerate(hessian):
        for one in row[k:]:
            a, b = one["by"]
            below = f"d{a}2" if a == b else f"d{a} d{b}"
            rows.append((f"d2f/{below}", one["formula"], *value_cell(one)))
    point = ", ".join(f"{n} = {x:g}" for n, x in values.items())
    head = ("", "formula", f"at {point}" if point else "value")
    shown: list[str | Table] = [Table(head[: len(rows[0])], rows)]
    if values:
        ways = compare(
            as_function(expression), *values.values(), argnums=tuple(range(len(names))), peers=peers
        )
        data["comparison"] = ways.to_dict()
        shown += table_of(ways)
    return Result(data, shown)


def value_cell(part: dict[str, Any]) -> tuple[str, ...]:
    """The value of a formula, where it has one."""
    return () if part["value"] is None else (repr(part["value"]),)


def table_of(ways: Ways) -> list[str | Table]:
    """A comparison as a table between its title and its legend."""
    failed = [f"{row.way}: {row.note}" for row in ways if row.note]
    return [ways.title, Table(HEAD, lambda width: ways.fitted(width, 3)), *failed, *ways.remarks]
