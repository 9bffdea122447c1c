"""The command line: `adjoint diff`, `draw`, `check`, `time`, `explain` and `tour`.

Enters: the words of a command.  Leaves: text and tables on the standard output, or one JSON
document, and an exit code: 0; 1 where something was found wrong; 2 where the words cannot be
understood or a package is missing.  The idea: the words become a function and values, the library
is called, and what it gives is shown; nothing is computed here.  What the user's functions print
goes to the error stream.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import adjoint as ad

from ..tour import run as run_tour
from . import check as checking
from . import diff, draw, explain, timing
from .shown import Heard, Result, show, show_json
from .values import AT, Reader, Refusal

EXTRA = "pip install 'adjoint[cli]'"
COMMANDS = {
    "diff": "value, gradient and Hessian of a formula, and every way to the gradient",
    "draw": "a drawing of a formula's graph, or of a function's",
    "check": "whether a function differentiates, and whether a gradient by hand is right",
    "time": "a function and its derivative: uncompiled, jitted, by differences, by other systems",
    "explain": "what becomes of a function under jit, and where its time goes",
    "tour": "derivatives and a fit of real data, in seconds",
}
EXAMPLES = {
    "diff": ("diff 'x**2*y + y + 2' --at x=3 y=4",),
    "draw": (
        "draw 'x**2*y + y + 2' --at x=3 y=4 -o graph.svg",
        "draw model.py:loss --at 'w=[1, 2]' -o steps.gif --steps",
    ),
    "check": (
        "check model.py:loss --at 'w=[1, 2]' x=points.npy --by w --gradient slope",
        'check model.py:loss --at \'p={"rate": 2, "start": [0, 1]}\'',
    ),
    "time": ("time model.py:loss --at 'w=normal(1000)'",),
    "explain": ("explain model.py:loss --at 'w=normal(1000)' --derivative",),
}
CODES = "Exit codes: 0; 1 something was found wrong; 2 the words cannot be understood."
KEYS: dict[str, tuple[str, ...]] = {
    "diff": diff.KEYS,
    "draw": draw.KEYS,
    "check": checking.KEYS,
    "time": timing.KEYS,
    "explain": explain.KEYS,
    "tour": ("code", "text"),
}

__all__ = ["AT", "COMMANDS", "KEYS", "Reader", "Refusal", "main", "with_all_values"]


def toured(output: str, as_json: bool) -> Result:
    """The tour; with `as_json` its text is among the data."""
    stream = io.StringIO() if as_json else None
    code = run_tour(output, stream)
    return Result({"code": code, "text": stream.getvalue() if stream else ""}, [], code)


def document(command: str, data: dict[str, Any]) -> dict[str, Any]:
    """The JSON document of a command: always the same keys, null where nothing is known."""
    return {"command": command, "error": None, **dict.fromkeys(KEYS[command]), **data}


def finished(command: str, call: Callable[[], Result], as_json: bool) -> int:
    """Run a command, show what it found, and return its exit code."""
    heard: Any = Heard(sys.stderr)
    try:
        with (
            contextlib.redirect_stdout(heard),
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
        ):
            warnings.simplefilter("ignore")
            result = call()
    except Refusal as error:
        if as_json:
            show_json(document(command, {"error": str(error)}))
        print(f"adjoint: {error}", file=sys.stderr)
        return 2
    if as_json:
        show_json(document(command, result.data))
    else:
        show(result)
    return result.code


def with_all_values(words: Sequence[str]) -> list[str]:
    """The words with `--at` in front of each value: `--at x=3 y=4` is `--at x=3 --at y=4`."""
    found: list[str] = []
    inside = False
    for word in words:
        if inside and re.match(r"[A-Za-z_]\w*=", word) and found[-1] != "--at":
            found.append("--at")
        elif found[-1:] != ["--at"]:
            inside = word == "--at" or word.startswith("--at=")
        found.append(word)
    return found


def application() -> Any:
    """The commands but for the tour, as a typer application.

    Raises:
        ImportError: typer or rich is not installed.
    """
    import typer

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    values: Any = typer.Option(
        [],
        "--at",
        metavar="NAME=VALUE ...",
        help="Numbers, [lists], {dictionaries}, 'texts', zeros(2,3), normal(4), linspace(0,1,5), "
        "or a file: .npy, .csv, .json",
    )
    numbers: Any = typer.Option(
        [], "--at", metavar="NAME=VALUE ...", help="A number for each symbol: --at x=3 y=1/2"
    )
    by: Any = typer.Option(
        None, "--by", metavar="NAME,...", help="The arguments to differentiate by [default: all]"
    )
    as_json: Any = typer.Option(False, "--json", help="Print one JSON document")
    target: Any = typer.Argument(
        ..., metavar="FILE.py:function", help="A function in a file, or model.loss of an object"
    )
    formula: Any = typer.Argument(..., metavar="FORMULA", help="Such as 'x**2*y + sin(y)'")
    peers: Any = typer.Option(
        None, "--peers", metavar="NAME,...", help="Of jax, torch, sympy; '' for none"
    )

    def command(name: str) -> Callable:
        examples = "\n".join(f"  adjoint {one}" for one in EXAMPLES[name])
        return app.command(
            name,
            help=sentence(name),
            epilog=f"\b\nFor example:\n{examples}\n\n{CODES}",
            context_settings={"ignore_unknown_options": name == "diff"},
        )

    def finish(name: str, call: Callable[[], Result], as_json: bool) -> None:
        raise typer.Exit(finished(name, call, as_json))

    @command("diff")
    def diff_command(
        expression: str = formula,
        at: list[str] = numbers,
        peers: str = peers,
        as_json: bool = as_json,
    ) -> None:
        finish("diff", lambda: diff.differentiated(expression, at, names_in(peers)), as_json)

    @command("draw")
    def draw_command(
        what: str = typer.Argument(
            ..., metavar="FORMULA|FILE.py:function", help="A formula, or a function in a file"
        ),
        output: str = typer.Option(
            "graph.svg",
            "-o",
            "--output",
            metavar="FILE",
            help="Ends in .svg, .png, .dot or .mmd; with --steps in .svg or .gif",
        ),
        at: list[str] = values,
        by: str = by,
        mode: str = typer.Option(
            None,
            "--mode",
            metavar="MODE",
            help="forward: with tangents; reverse: with adjoints; none: operations alone",
        ),
        steps: bool = typer.Option(False, "--steps", help="A moving picture, step by step"),
        as_json: bool = as_json,
    ) -> None:
        finish("draw", lambda: draw.drawn(what, at, by, output, mode, steps), as_json)

    @command("check")
    def check_command(
        function: str = target,
        at: list[str] = values,
        gradient: str = typer.Option(
            None, "--gradient", metavar="NAME", help="The gradient by hand, in the same file"
        ),
        by: str = by,
        order: int = typer.Option(
            2, "--order", min=1, max=4, metavar="1..4", help="The highest derivative"
        ),
        as_json: bool = as_json,
    ) -> None:
        finish("check", lambda: checking.check(function, at, gradient, by, order), as_json)

    @command("time")
    def time_command(
        function: str = target,
        at: list[str] = values,
        by: str = by,
        peers: str = peers,
        as_json: bool = as_json,
    ) -> None:
        finish("time", lambda: timing.times(function, at, by, names_in(peers)), as_json)

    @command("explain")
    def explain_command(
        function: str = target,
        at: list[str] = values,
        by: str = by,
        derivative: bool = typer.Option(False, "--derivative", help="Of its derivative instead"),
        stage: str = typer.Option(
            None,
            "--stage",
            metavar="STAGE",
            help="One of graph, optimized, expressions, plan, loops, llvm, assembly: its text",
        ),
        as_json: bool = as_json,
    ) -> None:
        finish("explain", lambda: explain.explained(function, at, by, stage, derivative), as_json)

    return app


def names_in(text: str | None) -> list[str] | None:
    """The names between commas; None where none were asked for."""
    return None if text is None else [x.strip() for x in text.split(",") if x.strip()]


def sentence(command: str) -> str:
    """What a command shows, as a sentence."""
    return f"Show {COMMANDS[command]}."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what is no command prints the usage and exits with
    2.  The tour needs no extra."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    program = "adjoint" if Path(sys.argv[0]).stem == "adjoint" else "python -m adjoint"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter still gets text
            stream.reconfigure(errors="backslashreplace")
    if words and words[0] in COMMANDS and words[0] != "tour":
        try:
            app = application()
            import rich  # noqa: F401
            from typer.main import get_command
        except ImportError:
            print(f"`adjoint {words[0]}` needs typer and rich: {EXTRA}", file=sys.stderr)
            return 2
        try:
            get_command(app).main(with_all_values(words), prog_name=program)
        except SystemExit as stop:
            return stop.code if isinstance(stop.code, int) else 2
        return 0
    parser = argparse.ArgumentParser(
        prog=program,
        description="Exact derivatives of plain NumPy code.",
        epilog=f"{CODES} Each command has --help and --json.",
    )
    parser.add_argument("--version", action="version", version=f"adjoint {ad.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=sentence(name))
    command.add_argument(
        "--output",
        default="adjoint-tour",
        metavar="DIR",
        help="where pictures and files go (default: ./adjoint-tour)",
    )
    command.add_argument("--json", action="store_true", help="print one JSON document")
    parsed_words = parser.parse_args(words)
    result = toured(parsed_words.output, parsed_words.json)
    if parsed_words.json:
        show_json(document("tour", result.data))
    return result.code
