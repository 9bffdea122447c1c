"""The command line: `adjoint diff`, `draw`, `check`, `time`, `explain` and `tour`.

Enters: the words of a command.  Leaves: text and tables on the standard output, or one JSON
document, and an exit code: 0; 1 where something was found wrong; 2 where the words cannot be
understood or a package is missing.  The idea: the words become a function and values, the library
is called, and what it gives is shown; nothing is computed here.  Values are read with `ast` against
a short list of what may stand there, never evaluated.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib.util
import inspect
import io
import json
import linecache
import math
import operator
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from functools import partial, wraps
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import adjoint as ad

from .comparison import BUDGET, Ways, best_of, compare, reason, short
from .comparison.table import HEAD
from .front.arguments import name_of
from .front.explain.report import seconds as duration
from .testing import GradientError, check_grads
from .tour import run as run_tour

EXTRA = "pip install 'adjoint[cli]'"
AT = "values, such as `--at x=3 y=[1,2,3] w=normal(3,4)`"
MOST_TEXT = 10_000  # characters of a value
MOST_ELEMENTS = 10_000_000
DEEPEST = 20
WIDE = 200  # columns of what is written to no terminal
TOO_DEEP = (RecursionError, MemoryError)  # what Python's parser raises


class Refusal(Exception):
    """The words of a command cannot be understood; the text says which, and what may stand
    there."""


class Table(NamedTuple):
    """A table that is to be shown."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


class Result(NamedTuple):
    """What a command found: as data, as what is shown, and its exit code."""

    data: dict[str, Any]
    shown: Sequence[str | Table]
    code: int = 0


# ---------------------------------------------------------------------------------------- values

CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
SIGNS: dict[type, Callable] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
ARITHMETIC: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Reader:
    """Reads values; random ones are the same at every run, and different for each value."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.creators: dict[str, Callable] = {
            "zeros": lambda *shape: np.zeros(shape),
            "ones": lambda *shape: np.ones(shape),
            "normal": lambda *shape: self.rng.normal(size=shape),
            "uniform": lambda *shape: self.rng.uniform(size=shape),
            "linspace": lambda start, stop, count: np.linspace(start, stop, count),
            "arange": lambda count: np.arange(float(count)),
            "eye": lambda count: np.eye(count),
        }

    def value(self, text: str) -> Any:
        """The number or array that a text stands for; arrays are of floats or complex numbers."""
        if len(text) > MOST_TEXT:
            raise Refusal(f"a value has {len(text):,} characters, {MOST_TEXT:,} are allowed")
        try:
            found = self.read(ast.parse(text.strip(), mode="eval").body, 0)
        except (SyntaxError, ValueError, TypeError, ArithmeticError, *TOO_DEEP) as error:
            raise Refusal(f"{text!r} is no value ({reason(error)}): {AT}") from None
        if isinstance(found, list):
            found = np.array(found)
        if isinstance(found, np.ndarray) and found.dtype.kind in "biu":
            found = found.astype(float)
        return found

    def read(self, node: ast.AST, depth: int) -> Any:
        """The value of a part; lists stay lists until the outermost is complete."""
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
        if isinstance(node, ast.Constant) and type(node.value) in (int, float, complex):
            return node.value
        if isinstance(node, ast.Name) and node.id in CONSTANTS:
            return CONSTANTS[node.id]
        if isinstance(node, ast.UnaryOp) and type(node.op) in SIGNS:
            return SIGNS[type(node.op)](self.number(node.operand, depth))
        if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            left, right = self.number(node.left, depth), self.number(node.right, depth)
            return ARITHMETIC[type(node.op)](left, right)
        if isinstance(node, ast.List | ast.Tuple):
            parts = [self.read(x, depth + 1) for x in node.elts]
            if not all(np.shape(x) == np.shape(parts[0]) for x in parts):
                raise ValueError("its rows are of different lengths")
            return parts
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self.created(node.func.id, [self.number(x, depth) for x in node.args])
        raise ValueError(f"`{ast.unparse(node)}` may not stand there")

    def number(self, node: ast.AST, depth: int) -> Any:
        """The value of a part that must be a number."""
        found = self.read(node, depth + 1)
        if isinstance(found, list | np.ndarray):
            raise ValueError(f"`{ast.unparse(node)}` is no number")
        return found

    def created(self, name: str, numbers: list[Any]) -> np.ndarray:
        """An array made by name."""
        if name not in self.creators:
            raise ValueError(f"no `{name}`, there are {', '.join(self.creators)}")
        sizes = numbers[2:] if name == "linspace" else numbers
        if not all(type(n) is int and n >= 0 for n in sizes):
            raise ValueError(f"{name} takes whole numbers, 0 or more")
        if math.prod(sizes) * (sizes[0] if name == "eye" and sizes else 1) > MOST_ELEMENTS:
            raise ValueError(f"{name} of more than {MOST_ELEMENTS:,} elements")
        try:
            return self.creators[name](*numbers)
        except TypeError:
            raise ValueError(f"{name} does not take {len(numbers)} numbers") from None


def values_of(pairs: Sequence[str]) -> dict[str, Any]:
    """The values in `name=value` words."""
    reader, found = Reader(), {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name.isidentifier():
            raise Refusal(f"--at got {pair!r}, expected name=value: {AT}")
        if name in found:
            raise Refusal(f"--at gives {name} twice")
        found[name] = reader.value(text)
    return found


# ------------------------------------------------------------------------------------- functions


class Called(NamedTuple):
    """A function of the user's, the arguments of a call, and which of them are differentiated."""

    function: Callable
    args: tuple
    kwargs: dict[str, Any]
    argnums: tuple[int | str, ...]
    module: ModuleType
    path: str


def is_target(text: str) -> bool:
    """Whether a word is FILE.py:function rather than an expression."""
    return re.search(r"\.py:[^:/\\]*$", text) is not None


def loaded(target: str) -> tuple[ModuleType, str]:
    """The module and the name in FILE.py:function."""
    file, sign, name = target.rpartition(":")
    if not sign or not file or not name:
        raise Refusal(f"{target!r} came, expected FILE.py:function, such as model.py:loss")
    path = Path(file)
    if not path.is_file():
        raise Refusal(f"there is no file {file}")
    stem = path.stem if path.stem.isidentifier() else "program"
    if stem in sys.modules or stem in sys.stdlib_module_names:
        stem = f"{stem}_from_the_command_line"
    spec = importlib.util.spec_from_file_location(stem, path.resolve())
    if spec is None or spec.loader is None:
        raise Refusal(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module  # where the library looks for the user's modules
    sys.path.insert(0, str(path.resolve().parent))  # as `python FILE.py` does
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise Refusal(f"{file} does not load: {failure(error, str(path.resolve()))}") from None
    return module, name


def function_in(module: ModuleType, name: str) -> Callable:
    """A function of a module, by name."""
    found = getattr(module, name, None)
    if callable(found):
        return found
    path = getattr(module, "__file__", None)
    there = [
        key for key, x in vars(module).items()
        if callable(x) and getattr(x, "__module__", None) == module.__name__ and key[0] != "_"
    ]  # fmt: skip
    what = f"{os.path.basename(str(path))} has no function {name!r}"
    if found is not None:
        what = (
            f"{name} in {os.path.basename(str(path))} is no function but a {type(found).__name__}"
        )
    near = difflib.get_close_matches(name, there, 1)
    if near:
        raise Refusal(f"{what}: is it {near[0]!r}?")
    raise Refusal(f"{what}; it has {', '.join(there) or 'none'}")


def is_whole(parameter: inspect.Parameter) -> bool:
    """Whether a parameter says of itself that it is an integer: by annotation or default."""
    default = parameter.default
    return parameter.annotation in (int, bool, "int", "bool") or isinstance(default, int)


def called(target: str, at: Sequence[str], by: str | None) -> Called:
    """The function in FILE.py:function, with the arguments of a call."""
    given = values_of(at)
    module, name = loaded(target)
    function = function_in(module, name)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise Refusal(f"Python does not know the parameters of {name}") from None
    known = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    names = [p.name for p in known]
    for one in given:
        if one not in names:
            raise Refusal(f"{name} has no parameter {one!r}; it has {', '.join(names) or 'none'}")
    missing = [p.name for p in known if p.name not in given and p.default is p.empty]
    if missing:
        wanted = " ".join(f"{one}=.." for one in missing)
        raise Refusal(f"{name} needs a value for {', '.join(missing)}: --at {wanted}")
    chosen = None if by is None else [x.strip() for x in by.split(",")]
    for one in chosen or ():
        if one not in given:
            raise Refusal(f"--by names {one!r}, for which there is no value; there are "
                          f"{', '.join(given) or 'none'}")  # fmt: skip
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    argnums: list[int | str] = []
    for p in known:
        value = given.get(p.name, p.default)
        differentiated = p.name in (given if chosen is None else chosen)
        if differentiated and chosen is None and isinstance(value, int) and is_whole(p):
            differentiated = False
        if differentiated and isinstance(value, int):
            value = float(value)
        if differentiated:
            argnums.append(p.name if p.kind is p.KEYWORD_ONLY else len(args))
        if p.kind is p.KEYWORD_ONLY:
            kwargs[p.name] = value
        else:
            args.append(value)
    if not argnums:
        raise Refusal(f"{name} has no argument to differentiate: --at gives it values")
    path = str(getattr(module, "__file__", ""))
    return Called(function, tuple(args), kwargs, tuple(argnums), module, path)


def of_chosen(function: Callable, call: Called) -> Callable:
    """A function of the differentiated arguments alone, the others held at their values."""
    parameters = inspect.signature(call.function).parameters
    names = [p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY]
    chosen = [n if isinstance(n, str) else names[n] for n in call.argnums]

    @wraps(function)
    def f(*values: Any) -> Any:
        args, kwargs = list(call.args), dict(call.kwargs)
        for n, value in zip(call.argnums, values, strict=True):
            if isinstance(n, str):
                kwargs[n] = value
            else:
                args[n] = value
        return function(*args, **kwargs)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    f.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in chosen]
    )
    return f


def failure(error: BaseException, path: str) -> str:
    """What went wrong, and at which line of the user's file."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f"line {error.lineno}: SyntaxError: {error.msg}"
    text = str(error) or type(error).__name__
    if not isinstance(error, ad.AdjointError):
        text = f"{type(error).__name__}: {error}"
    line = line_in(error, path)
    return text if line is None else f"line {line}: {text}"


def said(error: BaseException) -> str:
    """What an error of the library says, on one line and without the line of code, which is ours
    here."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines if not line.startswith("at "))


def line_in(error: BaseException, path: str) -> int | None:
    """The innermost line of a file in the traceback of an error."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == path
    ]
    return lines[-1] if lines else None


# -------------------------------------------------------------------------------------- commands


def check(
    target: str, at: Sequence[str], gradient: str | None, by: str | None, order: int
) -> Result:
    """Whether a function differentiates, and whether a gradient written by hand is right."""
    call = called(target, at, by)
    name = name_of(call.function)
    manual = None if gradient is None else function_in(call.module, gradient)
    data: dict[str, Any] = {"function": name, "ok": False}

    def refused(what: str, error: Exception) -> Result:
        line = line_in(error, call.path)
        source = "" if line is None else linecache.getline(call.path, line).strip()
        data.update(error=str(error), kind=type(error).__name__, line=line, source=source)
        shown = [f"{name} {what}:"]
        if line is not None:
            shown.append(f"  {os.path.basename(call.path)}:{line}: {source}")
        kind = "" if isinstance(error, ad.AdjointError) else f"{type(error).__name__}: "
        shown += [f"  {x}" for x in f"{kind}{error}".splitlines()]
        return Result(data, shown, 1)

    try:
        data["value"] = call.function(*call.args, **call.kwargs)
    except Exception as error:
        return refused("fails before anything is differentiated", error)
    shown: list[str | Table] = [f"{name} = {short(data['value'])}"]
    modes: tuple[str, ...] = ("forward", "reverse")
    wrong: Result | None = None
    data["differentiates"] = True
    try:
        ad.jacobian(call.function, call.argnums)(*call.args, **call.kwargs)
    except Exception as error:
        data["differentiates"] = False
        wrong = refused("does not differentiate", error)
        if manual is None:
            return Result(data, [*shown, *wrong.shown], 1)
        modes = ()
    try:
        subject, given, rest = call.function, call.args, call.kwargs
        if by is not None:
            values = [given[n] if isinstance(n, int) else rest[n] for n in call.argnums]
            subject, given, rest = of_chosen(subject, call), tuple(values), {}
            manual = None if manual is None else of_chosen(manual, call)
        report = check_grads(subject, given, order, modes, kwargs=rest, gradient=manual)
    except GradientError as error:
        report = error.report
    except Exception as error:
        return Result(data, [*shown, *refused("cannot be checked", error).shown], 1)
    data["ok"] = report.ok and wrong is None
    data["rows"] = [asdict(row) | {"error": row.error, "ok": row.ok} for row in report.rows]
    rows = [
        (str(row.order), row.mode, row.direction, f"{row.expected:.10g}", f"{row.found:.10g}",
         f"{row.error:.1e}", f"{row.tolerance:.1e}", "yes" if row.ok else "NO")
        for row in report.rows
    ]  # fmt: skip
    head = ("order", "mode", "argument", "expected", "found", "error", "allowed", "ok")
    if wrong is not None:
        shown += wrong.shown
    shown.append(Table(head, rows))
    hand = [row for row in report.rows if row.mode == "given"]
    if hand:
        is_right = all(row.ok for row in hand)
        shown.append(f"{gradient} is {'right' if is_right else 'WRONG'}: compared with differences")
    own = [row for row in report.rows if row.mode != "given"]
    if own:
        bad = sum(not row.ok for row in own)
        verdict = f"{bad} of {len(own)} disagree" if bad else "all agree"
        shown.append(f"{name} differentiates, up to order {order}, in both modes: {verdict}")
    return Result(data, shown, 0 if data["ok"] else 1)


def timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the first call, and of a later one, the best of several."""
    begin = time.perf_counter()
    call()
    first = time.perf_counter() - begin
    return first, best_of(call, BUDGET)


def times(target: str, at: Sequence[str], by: str | None, peers: str | None) -> Result:
    """How long a function and its derivative take, in every way there is."""
    call = called(target, at, by)
    name = name_of(call.function)
    own: list[dict[str, Any]] = []
    for way, function in ((f"{name}, NumPy", call.function), (f"{name}, jitted", None)):
        try:
            run = ad.jit(call.function) if function is None else function
            first, best = timed(partial(run, *call.args, **call.kwargs))
            own.append({"way": way, "seconds": best, "first_seconds": first, "note": ""})
        except Exception as error:
            if function is not None:
                raise Refusal(f"{name} fails: {failure(error, call.path)}") from None
            own.append({"way": way, "seconds": None, "first_seconds": None, "note": reason(error)})
    chosen = None if peers is None else [x.strip() for x in peers.split(",") if x.strip()]
    try:
        ways = compare(
            call.function, *call.args, kwargs=call.kwargs, argnums=call.argnums, peers=chosen
        )
    except (ad.AdjointError, TypeError, ValueError) as error:
        raise Refusal(said(error)) from None
    unit = own[0]["seconds"]
    rows, failed = [], []
    for row in (*own, *map(vars, ways.rows)):
        if row["note"]:
            failed.append(f"{row['way']}: {row['note']}")
            continue
        best = row["seconds"]
        apart = "" if row.get("error") is None else f"{row['error']:.1e}"
        begun = duration(row["first_seconds"])
        rows.append((row["way"], duration(best), f"{best / unit:.3g}", begun, apart))
    head = ("", "a call", f"in calls of {name}", "first call", "error")
    data = {"function": name, "value": own, "derivative": ways.to_dict()}
    legend = f"error: largest difference from {ways.reference}"
    return Result(data, [ways.title, Table(head, rows), *failed, legend])


def explained(
    target: str, at: Sequence[str], by: str | None, stage: str | None, derivative: bool
) -> Result:
    """What `jit` makes of a function, or of its derivative, and where the time goes."""
    call = called(target, at, by)
    function = call.function
    if derivative:
        function = ad.jacobian(function, call.argnums)
    try:
        found = ad.explain(function, *call.args, stage=stage, **call.kwargs)
    except ad.AdjointError as error:
        return Result({"error": str(error)}, [failure(error, call.path)], 1)
    except Exception as error:
        if str(error).startswith("ad.explain got"):
            raise Refusal(said(error)) from None
        raise Refusal(f"{name_of(call.function)} fails: {failure(error, call.path)}") from None
    data = {"stage": stage, "text": str(found)} if stage is not None else found.to_dict()
    return Result(data, [str(found)])


def toured(output: str, as_json: bool) -> Result:
    """The tour; with `as_json` its text is among the data."""
    stream = io.StringIO() if as_json else None
    code = run_tour(output, stream)
    return Result({"code": code, "text": stream.getvalue() if stream else ""}, [], code)


# --------------------------------------------------------------------------------------- showing


def plain(value: Any) -> Any:
    """A value as JSON knows it; complex numbers as {"real", "imag"}, what is no number as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(k): plain(x) for k, x in value.items()}
    if isinstance(value, list | tuple):
        return [plain(x) for x in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, complex):
        return {"real": plain(value.real), "imag": plain(value.imag)}
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def show(result: Result, as_json: bool) -> None:
    """Print a result."""
    if as_json:
        print(json.dumps(plain(result.data), indent=2, ensure_ascii=False))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    is_page = sys.stdout.isatty() or "COLUMNS" in os.environ  # a file has no width
    console = Console(
        highlight=False, markup=False, emoji=False, soft_wrap=True, width=None if is_page else WIDE
    )
    for part in result.shown:
        if isinstance(part, str):
            console.print(part)
            continue
        table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for k, title in enumerate(part.head):
            numeric = k > 0 and all(is_figure(row[k]) for row in part.rows)
            table.add_column(title, justify="right" if numeric else "left", no_wrap=True)
        for row in part.rows:
            table.add_row(*row, style="red" if "NO" in row else None)
        console.print()
        console.print(table)
        console.print()


def is_figure(text: str) -> bool:
    """Whether a cell is a number, perhaps with a unit, or empty."""
    return re.fullmatch(r"([-+]?[\d.]+(e[-+]?\d+)?|nan|inf)?( \w+)?", text) is not None


# ---------------------------------------------------------------------------- formulae and drawings


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
        if not isinstance(value, int | float):
            raise Refusal(f"{name} is to be a number: a formula's symbols are numbers")
    missing = [name for name in names if name not in given]
    if given and missing:
        wanted = " ".join(f"{name}=.." for name in missing)
        raise Refusal(f"there is no value for {', '.join(missing)}: --at {wanted}")
    return {name: float(given[name]) for name in names if name in given}


def as_function(expression: Any) -> Callable:
    """An expression as a function of its symbols, in their order."""
    names = expression.free

    def f(*values: Any) -> Any:
        return expression.evaluate(dict(zip(names, values, strict=True)))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    f.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in names]
    )
    return f


def differentiated(text: str, at: Sequence[str]) -> Result:
    """The first and second derivatives of a formula, and at a point every way to the first."""
    expression = parsed(text)
    names = expression.free
    values = numbers_for(expression, at)

    def part(e: Any, *by: str) -> dict[str, Any]:
        e = e.simplify()
        found = {"by": list(by), "formula": str(e), "latex": e.latex()}
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
        "gradient": gradient, "hessian": hessian,
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
    if "value" in whole:
        data["value"] = whole["value"]
    if values:
        ways = compare(
            as_function(expression), *values.values(), argnums=tuple(range(len(names))), peers=()
        )
        data["comparison"] = ways.to_dict()
        shown += table_of(ways)
    return Result(data, shown)


def value_cell(part: dict[str, Any]) -> tuple[str, ...]:
    """The value of a formula, where it has one."""
    return (repr(part["value"]),) if "value" in part else ()


def table_of(ways: Ways) -> list[str | Table]:
    """A comparison as a table between its title and its legend."""
    rows = [row.cells() for row in ways if not row.note]
    failed = [f"{row.way}: {row.note}" for row in ways if row.note]
    return [ways.title, Table(HEAD, rows), *failed, ways.legend]


def drawn(what: str, at: Sequence[str], by: str | None, output: str, mode: str | None) -> Result:
    """A drawing of a function's graph or of a formula's, with values and adjoints where they are
    known."""
    if is_target(what):
        call = called(what, at, by)
        subject, args = call.function, call.args
        if call.kwargs:
            subject = partial(call.function, **call.kwargs)
            subject.__name__ = name_of(call.function)  # type: ignore[attr-defined]
        try:
            value = subject(*args)
        except Exception as error:
            raise Refusal(f"{name_of(subject)} fails: {failure(error, call.path)}") from None
        is_number = isinstance(value, float | np.floating)
    else:
        subject = parsed(what)
        args = tuple(numbers_for(subject, at).values())
        is_number = bool(args)
    if mode is None and is_number:
        mode = "reverse"
    try:
        picture = ad.draw(subject, *args, mode=None if mode == "none" else mode)
        path = picture.save(output)
    except ad.AdjointError as error:
        return Result({"error": str(error)}, [str(error)], 1)
    except (ImportError, OSError, TypeError, ValueError) as error:
        raise Refusal(said(error)) from None
    rows = [asdict(row) if is_dataclass(row) else row._asdict() for row in picture.table()]
    data = {"written": str(path), "mermaid": picture.mermaid, "rows": rows}
    return Result(data, [str(picture), f"written: {path}"])


# ------------------------------------------------------------------------------------ the words

COMMANDS = {
    "diff": "value, gradient and Hessian of a formula, and every way to the gradient",
    "draw": "a drawing of a formula's graph, or a function's",
    "check": "does a function differentiate, and is a gradient written by hand right",
    "time": "a function and its derivative: uncompiled, jitted, by differences, by other systems",
    "explain": "what becomes of a function under jit, and where its time goes",
    "tour": "derivatives and a fit of real data, in seconds",
}


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
        [], "--at", metavar="NAME=VALUE ...", help=f"{AT[:1].upper()}{AT[1:]}"
    )
    by: Any = typer.Option(
        None, "--by", metavar="NAME,...", help="The arguments to differentiate by [default: all]"
    )
    as_json: Any = typer.Option(False, "--json", help="Print one JSON document")
    target: Any = typer.Argument(..., metavar="FILE.py:function")

    def finish(call: Callable[[], Result], as_json: bool) -> None:
        try:
            result = call()
        except Refusal as error:
            print(f"adjoint: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
        show(result, as_json)
        raise typer.Exit(result.code)

    @app.command("diff", help=sentence("diff"), context_settings={"ignore_unknown_options": True})
    def diff_command(
        expression: str = typer.Argument(..., metavar="EXPRESSION"),
        at: list[str] = values,
        as_json: bool = as_json,
    ) -> None:
        finish(lambda: differentiated(expression, at), as_json)

    @app.command("draw", help=sentence("draw"))
    def draw_command(
        what: str = typer.Argument(..., metavar="EXPRESSION|FILE.py:function"),
        output: str = typer.Option("graph.svg", "-o", "--output", help=".svg, .png, .dot or .mmd"),
        at: list[str] = values,
        by: str = by,
        mode: str = typer.Option(None, "--mode", help="forward, reverse or none"),
        as_json: bool = as_json,
    ) -> None:
        finish(lambda: drawn(what, at, by, output, mode), as_json)

    @app.command("check", help=sentence("check"))
    def check_command(
        function: str = target,
        at: list[str] = values,
        gradient: str = typer.Option(
            None, "--gradient", metavar="NAME", help="The gradient by hand, in the same file"
        ),
        by: str = by,
        order: int = typer.Option(2, "--order", min=1, max=4, help="The highest derivative"),
        as_json: bool = as_json,
    ) -> None:
        finish(lambda: check(function, at, gradient, by, order), as_json)

    @app.command("time", help=sentence("time"))
    def time_command(
        function: str = target,
        at: list[str] = values,
        by: str = by,
        peers: str = typer.Option(
            None,
            "--peers",
            metavar="NAME,...",
            help="Of jax, torch, sympy [default: what is there]",
        ),
        as_json: bool = as_json,
    ) -> None:
        finish(lambda: times(function, at, by, peers), as_json)

    @app.command("explain", help=sentence("explain"))
    def explain_command(
        function: str = target,
        at: list[str] = values,
        by: str = by,
        derivative: bool = typer.Option(False, "--derivative", help="Of its derivative instead"),
        stage: str = typer.Option(None, "--stage", help="The text of one stage: graph, .., llvm"),
        as_json: bool = as_json,
    ) -> None:
        finish(lambda: explained(function, at, by, stage, derivative), as_json)

    return app


def sentence(command: str) -> str:
    """What a command is for, as a sentence."""
    text = COMMANDS[command]
    return f"{text[:1].upper()}{text[1:]}."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; what is no command prints the usage and exits with
    2.  The tour needs no extra."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    program = "adjoint" if Path(sys.argv[0]).stem == "adjoint" else "python -m adjoint"
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
        prog=program, description="Exact derivatives of plain NumPy code."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text)
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
        show(result, True)
    return result.code
