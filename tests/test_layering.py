"""The floors of the house: a file imports only from a lower floor, or from a file listed before it.

To add a file, write its name into the list of its package, after all that it imports.  A name with
a slash is a package inside the package and has its own list in `INSIDE`.  A package's `__init__`
counts as its last file unless it is listed.  An import for annotations only (`if TYPE_CHECKING:`)
may also name a later file of its own package, never a higher floor.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

FLOORS = {
    0: {"base": "dtypes errors tree"},
    1: {"graph": "primitive op node function rewrite cost check text"},
    2: {
        "ops": "cases declare structural elementwise special/ index reduce layout write contract"
        " linalg/ fft control loop random"
    },
    3: {
        "transform": "linearize transpose batch checkpoints loops recompute taylor series_of_loops",
        "optimize": "simplify inline loops pack pipeline expression literal express routines"
        " segments complex_formulas parts statements merge fuse",
    },
    4: {
        "loops": "ir text lanes verify interpret lower schedule deliver chunks share rare finish "
        "levels tiles"
    },
    5: {
        "codegen": "targets builder compile mathlib/ operations/ pairs lines shuffles"
        " rows totals sort linear routines access emit timed registers gemm link drive"
    },
    6: {
        "runtime": "cache cpu threads ahead products entry/ plans native linked updates loops"
        " pieces branches stages callback"
    },
    7: {
        "front": "context operands guards writing protocols trace batch dual numpy/ linalg special"
        " mathematics drawing counterparts outside reach overlay differentiate program record"
        " arguments taylor surroundings writes compiled custom random explain/ structured"
        " checkpoint symbolic/ draw/ imperative/"
    },
    8: {"": "api testing comparison/ __init__ tour/ cli/ __main__"},  # those after it read it
}
INSIDE = {
    "cli": "values shown targets diff draw check timing explain",
    "comparison": "table problem judge observe formula peers",
    "codegen/mathlib": "registry coefficients vectors estimates exponential logarithm hyperbolic"
    " power trigonometric inverse_trigonometric error gamma",
    "codegen/operations": "table routines arithmetic rounding external special",
    "ops/special": "common error gamma incomplete elementary integrals bessel elliptic polynomials",
    "ops/linalg": "common solve decompose functions",
    "runtime/entry": "facts instructions code record native",
    "front/draw": "boxes colours arrange plain svg raster picture values graphs fold kernels"
    " recorded",
    "front/explain": "kernels measure report",
    "front/imperative": "mode saved history conversions advice tape tensor creation backward"
    " function graph replay libraries deferred recompute autograd",
    "front/symbolic": "tidy structure values derivatives handle expression interval styles printing"
    " parse rules terms simplify convert record",
    "front/numpy": "register elementwise scimath reductions ufunc_methods statistics sorting"
    " calculus contract linalg layout rearranging padding creation indexing fft writing plain"
    " methods iteration",
    "tour": "context dataset model plot console mathematics imperative fitting compiled rod"
    " simulation",
}
# Optional, or dear to load: imported inside the function that needs them.
HEAVY = set(
    "autograd casadi cupy dask graphlay jax llvmlite matplotlib mpmath numba PIL rich scipy sympy"
    " torch typer".split()
)
LONGEST = 900  # lines of a file


class Place(NamedTuple):
    floor: int
    package: str
    order: tuple[int, ...]


def places(floors: dict[int, dict[str, str]], inside: dict[str, str]) -> dict[str, Place]:
    """The place of every listed file, by its path without `.py`."""
    found: dict[str, Place] = {}

    def put(floor: int, package: str, folder: str, listed: str, order: tuple[int, ...]) -> None:
        names = listed.split()
        for i, name in enumerate(names if "__init__" in names else [*names, "__init__"]):
            path = f"{folder}/{name}".strip("/")
            if name.endswith("/"):
                put(floor, package, path, inside[path], (*order, i))
            else:
                found[path] = Place(floor, package, (*order, i))

    for floor, packages in floors.items():
        for package, listed in packages.items():
            put(floor, package, package, listed, ())
    return found


def own_file(root: Path, module: list[str], name: str = "") -> str:
    """The file that `from module import name` reads: the submodule where there is one."""
    path = "/".join(module)
    for candidate in ("/".join([*module, name]), path) if name else (path,):
        if (root / f"{candidate}.py").is_file():
            return candidate
        if (root / candidate).is_dir():
            return f"{candidate}/__init__".strip("/")
    return path


def imports(root: Path, file: Path) -> Iterator[tuple[ast.AST, str, bool, bool, bool]]:
    """Every import: node, target, whether own, inside a function, for annotations only."""
    tree, folder = ast.parse(file.read_text()), list(file.relative_to(root).parts[:-1])
    functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    late, typing = set(), set()
    for outer in ast.walk(tree):
        if isinstance(outer, functions):
            late.update(ast.walk(outer))
        elif isinstance(outer, ast.If) and "TYPE_CHECKING" in ast.unparse(outer.test):
            typing.update(node for line in outer.body for node in ast.walk(line))
    for node in ast.walk(tree):
        wanted: list[tuple[list[str], str]] = []  # module, name taken from it
        if isinstance(node, ast.Import):
            wanted = [(alias.name.split("."), "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = [root.name, *folder[: len(folder) - node.level + 1]] if node.level else []
            module = above + (node.module.split(".") if node.module else [])
            wanted = [(module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant):
                wanted = [(str(first.value).split("."), "")]
        for module, name in wanted:
            own = module[0] == root.name
            target = own_file(root, module[1:], name) if own else module[0]
            yield node, target, own, node in late, node in typing


def violations(
    root: Path, floors: dict[int, dict[str, str]], inside: dict[str, str], longest: int = LONGEST
) -> list[str]:
    """Everything under `root` that breaks the rules, a line each."""
    known, found = places(floors, inside), []
    for file in sorted(root.rglob("*.py")):
        here = file.relative_to(root).with_suffix("").as_posix()
        if (lines := file.read_text().count("\n")) > longest:
            found.append(f"{here}.py: {lines} lines, {longest} allowed: make it a package")
        if (place := known.get(here)) is None:
            found.append(f"{here}.py: not listed: give it its place in tests/test_layering.py")
            continue
        for node, target, own, late, typing in imports(root, file):
            start = f"{here}.py:{node.lineno}: imports {target}{'.py' * own}"
            if late and (own or target not in HEAVY):
                found.append(f"{start} inside a function: move it to the head of the file")
            if not own:
                continue
            if (there := known.get(target)) is None:
                found.append(f"{start}, which is not listed")
            elif there.floor > place.floor:
                found.append(f"{start}, upwards: floor {place.floor} to floor {there.floor}")
            elif there.floor == place.floor and there.package != place.package:
                found.append(f"{start}: {place.package}/ and {there.package}/ share a floor")
            elif there.floor == place.floor and there.order >= place.order and not typing:
                found.append(f"{start}, which is not listed before it")
    return found


def test_every_import_goes_down() -> None:
    found = violations(Path(__file__).parents[1] / "src" / "adjoint", FLOORS, INSIDE)
    assert not found, "\n" + "\n".join(found)


SMALL_FLOORS = {
    0: {"low": "first second parts/ last"},
    1: {"left": "one", "right": "two"},
    2: {"": "api __init__ __main__"},
}
SMALL_INSIDE = {"low/parts": "inner outer"}
GUARD = "if TYPE_CHECKING:\n    "
UPWARDS = ", upwards: floor 0 to floor "
LATER = ", which is not listed before it"
SHARED = ": left/ and right/ share a floor"
INNER = " inside a function: move it to the head of the file"


def build(root: Path, files: dict[str, str]) -> Path:
    for package in ("", "low", "low/parts", "left", "right"):
        (root / package).mkdir(parents=True)
        (root / package / "__init__.py").touch()
    for name in ("low/first", "low/second", "low/last", "low/parts/inner", "left/one", "right/two"):
        (root / f"{name}.py").touch()
    for name, text in files.items():
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("api.py", "from house.low import first"),
        ("left/one.py", "import numpy as np\nfrom ..low.parts.outer import x\nfrom ..low import y"),
        ("low/last.py", "from .parts import inner\nfrom . import first, second"),
        ("low/parts/outer.py", "from ..second import x\nfrom .inner import y"),
        ("low/second.py", "def f():\n    import scipy.linalg\n    from sympy import Symbol"),
        ("low/first.py", GUARD + "from .second import x"),
        ("__main__.py", "import house\nfrom . import api\nfrom .low import *"),
    ],
)
def test_a_sound_tree_passes(tmp_path: Path, name: str, text: str) -> None:
    files = {"api.py": "", "low/parts/outer.py": ""} | {name: text}
    assert violations(build(tmp_path / "house", files), SMALL_FLOORS, SMALL_INSIDE) == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("low/first.py", "\nfrom ..left import one", ":2: imports left/one.py" + UPWARDS + "1"),
        ("low/first.py", "import house", ":1: imports __init__.py" + UPWARDS + "2"),
        ("low/first.py", "from . import second", ":1: imports low/second.py" + LATER),
        ("low/first.py", "from .first import x", ":1: imports low/first.py" + LATER),
        ("low/last.py", "from house.low import x", ":1: imports low/__init__.py" + LATER),
        ("low/second.py", "from .parts.inner import x", ":1: imports low/parts/inner.py" + LATER),
        ("low/parts/inner.py", "from .. import last", ":1: imports low/last.py" + LATER),
        ("left/one.py", "import house.right.two", ":1: imports right/two.py" + SHARED),
        ("left/one.py", "from ..right.two import x", ":1: imports right/two.py" + SHARED),
        ("left/one.py", "from ..low.no import x", ":1: imports low/no.py, which is not listed"),
        ("left/one.py", "def f():\n    import json", ":2: imports json" + INNER),
        (
            "left/one.py",
            "f = lambda: import_module('house.low')",
            ":1: imports low/__init__.py" + INNER,
        ),
        (
            "low/first.py",
            GUARD + "from ..left.one import x",
            ":2: imports left/one.py" + UPWARDS + "1",
        ),
        ("low/third.py", "", ": not listed: give it its place in tests/test_layering.py"),
        ("low/first.py", "\n" * 11, ": 11 lines, 10 allowed: make it a package"),
    ],
)
def test_each_violation_is_found(tmp_path: Path, name: str, text: str, expected: str) -> None:
    root = build(tmp_path / "house", {name: text})
    assert violations(root, SMALL_FLOORS, SMALL_INSIDE, longest=10) == [name + expected]
