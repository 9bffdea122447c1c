"""What a newcomer would type, typed by the tour: a piece of Python is shown statement by statement,
as by the interpreter, with what each of them gives.

Enters: source text and names.  Leaves: lines, said to a `Context`; the names that the code bound.
What is shown is what ran: there is no second copy of a result.
"""

from __future__ import annotations

import ast
import textwrap
from typing import Any

import numpy as np

import adjoint as ad

from .context import Context

WIDTH = 92  # columns of a line; longer ones go on below


class Console:
    """An interpreter whose output goes to the tour; `names` are its variables."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.names: dict[str, Any] = {
            "__name__": "tour",
            "np": np,
            "ad": ad,
            "print": lambda value: self.show(str(value)),
        }

    def __getitem__(self, name: str) -> Any:
        return self.names[name]

    def run(self, code: str, raises: type[Exception] | None = None) -> None:
        """Run statements; the last one may be expected to raise, and then shows its error."""
        code = textwrap.dedent(code).strip()
        lines = code.splitlines()
        for statement in ast.parse(code).body:
            first = min([statement.lineno, *(d.lineno for d in decorators(statement))])
            for number, line in enumerate(lines[first - 1 : statement.end_lineno]):
                self.context.say(f"    {'...' if number else '>>>'} {line}".rstrip())
            try:
                self.execute(statement)
            except Exception as error:
                if raises is None or not isinstance(error, raises):
                    raise
                self.show(f"{type(error).__name__}: {error}")
        self.context.say()

    def execute(self, statement: ast.stmt) -> None:
        """Run one statement, and show what an expression gives."""
        if not isinstance(statement, ast.Expr):
            exec(compile(ast.Module([statement], []), "<tour>", "exec"), self.names)
            return
        value = eval(compile(ast.Expression(statement.value), "<tour>", "eval"), self.names)
        if value is not None:
            self.show(repr(value))

    def show(self, text: str) -> None:
        """Say a result, below its statement."""
        for line in text.rstrip().splitlines():
            parts = (
                textwrap.wrap(line, WIDTH, subsequent_indent="  ") if len(line) > WIDTH else [line]
            )
            for part in parts:
                self.context.say(f"    {part}".rstrip())


def decorators(statement: ast.stmt) -> list[ast.expr]:
    """The decorators of a definition, which stand above its first line."""
    return getattr(statement, "decorator_list", [])
