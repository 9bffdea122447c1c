"""Values on the command line: `--at x=3 y=[1,2,3] p={"rate": 2} w=normal(3,4) data=points.csv`.

Enters: the words behind `--at`.  Leaves: numbers, arrays of floats or complex numbers, containers
of them, texts, and what a file holds.  The idea: Python's parser reads a text, and a walk takes
only what is listed here; nothing is ever evaluated.
"""

from __future__ import annotations

import ast
import json
import math
import operator
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..comparison import reason

AT = "values, such as `--at x=3 y=[1,2,3] w=normal(3,4)`"
MOST_TEXT = 10_000  # characters of a value
MOST_ELEMENTS = 10_000_000
DEEPEST = 20
TOO_DEEP = (RecursionError, MemoryError)  # what Python's parser raises

CONSTANTS = {
    "pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan,
    "true": True, "false": False, "null": None,
}  # fmt: skip
PLAIN = (int, float, complex, str, bool, type(None))
SIGNS: dict[type, Callable] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
ARITHMETIC: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Refusal(Exception):
    """The words of a command cannot be understood; the text says which, and what may stand
    there."""


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
        """What a text stands for; arrays are of floats or complex numbers."""
        if len(text) > MOST_TEXT:
            raise Refusal(f"a value has {len(text):,} characters, {MOST_TEXT:,} are allowed")
        if Path(text).suffix.lower() in FILES:
            return file_value(text)
        try:
            return finished(self.read(ast.parse(text.strip(), mode="eval").body, 0))
        except (SyntaxError, ValueError, TypeError, ArithmeticError, *TOO_DEEP) as error:
            raise Refusal(f"{text!r} is no value ({reason(error)}): {AT}") from None

    def read(self, node: ast.AST, depth: int) -> Any:
        """The value of a part; lists stay lists until the outermost is complete."""
        if depth > DEEPEST:
            raise ValueError("nested too deeply")
        if isinstance(node, ast.Constant) and type(node.value) in PLAIN:
            return node.value
        if isinstance(node, ast.Name) and node.id in CONSTANTS:
            return CONSTANTS[node.id]
        if isinstance(node, ast.UnaryOp) and type(node.op) in SIGNS:
            return SIGNS[type(node.op)](self.number(node.operand, depth))
        if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            left, right = self.number(node.left, depth), self.number(node.right, depth)
            return ARITHMETIC[type(node.op)](left, right)
        if isinstance(node, ast.List | ast.Tuple):
            return self.row([self.read(x, depth + 1) for x in node.elts])
        if isinstance(node, ast.Dict):
            return self.dictionary(node, depth)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            if node.func.id not in self.creators:
                raise ValueError(f"no `{node.func.id}`, there are {', '.join(self.creators)}")
            return self.created(node.func.id, [self.number(x, depth) for x in node.args])
        raise ValueError(f"`{ast.unparse(node)}` may not stand there")

    def row(self, parts: list[Any]) -> list[Any]:
        """The parts of a list: all of one shape, or with a container among them as they are."""
        if not holds_containers(parts) and not all(
            np.shape(x) == np.shape(parts[0]) for x in parts
        ):
            raise ValueError("its rows are of different lengths")
        return parts

    def dictionary(self, node: ast.Dict, depth: int) -> dict[str, Any]:
        """A dictionary, whose keys are texts."""
        found: dict[str, Any] = {}
        for key, value in zip(node.keys, node.values, strict=True):
            if not isinstance(key, ast.Constant) or type(key.value) is not str:
                raise ValueError(f"`{ast.unparse(node)}`: its keys are to be texts in quotes")
            found[key.value] = self.read(value, depth + 1)
        return found

    def number(self, node: ast.AST, depth: int) -> Any:
        """The value of a part that must be a number."""
        found = self.read(node, depth + 1)
        if type(found) not in (int, float, complex):
            raise ValueError(f"`{ast.unparse(node)}` is no number")
        return found

    def created(self, name: str, numbers: list[Any]) -> np.ndarray:
        """An array made by name."""
        sizes = numbers[2:] if name == "linspace" else numbers
        if not all(type(n) is int and n >= 0 for n in sizes):
            raise ValueError(f"{name} takes whole numbers, 0 or more")
        if math.prod(sizes) * (sizes[0] if name == "eye" and sizes else 1) > MOST_ELEMENTS:
            raise ValueError(f"{name} of more than {MOST_ELEMENTS:,} elements")
        try:
            return self.creators[name](*numbers)
        except TypeError:
            raise ValueError(f"{name} does not take {len(numbers)} numbers") from None


def holds_containers(parts: Any) -> bool:
    """Whether a list has something else than numbers and arrays in it, at any depth."""
    return any(
        isinstance(x, dict | str | bool)
        or x is None
        or (isinstance(x, list) and holds_containers(x))
        for x in parts
    )


def finished(value: Any) -> Any:
    """A value whose lists of numbers are arrays, of floats or complex numbers."""
    if isinstance(value, dict):
        return {key: finished(x) for key, x in value.items()}
    if isinstance(value, list) and holds_containers(value):
        return [finished(x) for x in value]
    if isinstance(value, list):
        value = np.array(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biu":
        value = value.astype(float)
    return value


# ------------------------------------------------------------------------------------------ files


def numbers_in(path: Path) -> np.ndarray:
    """The columns of a text file, between commas or blanks; a first line of names is left out."""
    with path.open(encoding="utf-8") as lines:
        first = lines.readline()
    comma = "," if "," in first else None
    parts = [x for x in first.split(comma) if x.strip()]
    skipped = 0 if first.lstrip().startswith("#") or all(map(is_number, parts)) else 1
    return np.loadtxt(path, delimiter=comma, skiprows=skipped, ndmin=1)


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def numbers_of(path: Path) -> Any:
    """An array that NumPy wrote."""
    found = np.load(path, allow_pickle=False)
    if found.dtype.kind not in "biufc":
        raise ValueError(f"it holds {found.dtype}, not numbers")
    return finished(found)


FILES: dict[str, Callable[[Path], Any]] = {
    ".npy": numbers_of,
    ".csv": numbers_in,
    ".txt": numbers_in,
    ".dat": numbers_in,
    ".json": lambda path: finished(json.loads(path.read_text(encoding="utf-8"))),
}


def file_value(name: str) -> Any:
    """What a file holds."""
    path = Path(name)
    if not path.is_file():
        raise Refusal(f"there is no file {name}")
    try:
        return FILES[path.suffix.lower()](path)
    except (ValueError, OSError, *TOO_DEEP) as error:
        raise Refusal(f"{name} cannot be read: {reason(error)}") from None


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
