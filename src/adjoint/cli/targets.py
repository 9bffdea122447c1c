"""Functions of the user's: `FILE.py:function`, loaded as `python FILE.py` would load it.

Enters: a target and values.  Leaves: the function, with the arguments of a call and which of them
are differentiated; or a `Refusal` that says what is wrong with the file, the name or the values.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import adjoint as ad

from ..base import tree
from .values import Refusal, values_of

MOST_CAUSES = 4  # errors behind an error that are told


class Called(NamedTuple):
    """A function of the user's, the arguments of a call, and which of them are differentiated."""

    function: Callable
    args: tuple
    kwargs: dict[str, Any]
    argnums: tuple[int | str, ...]
    module: ModuleType
    path: str
    rounded: tuple[str, ...] = ()  # arguments given as whole numbers and taken as floats


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
    whole = path.resolve()
    try:
        return (module_of_package(whole) or module_alone(whole, file)), name
    except Refusal:
        raise
    except (Exception, SystemExit) as error:
        hint = ""
        if isinstance(error, ImportError) and "relative import" in str(error):
            hint = (
                f"; {path.name} lies in no package (its folder has no __init__.py): "
                "`from helper import x` finds helper.py beside it"
            )
        raise Refusal(f"{file} does not load: {failure(error, str(whole))}{hint}") from None


def module_of_package(path: Path) -> ModuleType | None:
    """A file of a package, imported as part of it, so that its relative imports work; None for a
    file alone, or where another package has that name."""
    parts, folder = [path.stem], path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    if len(parts) == 1 or not all(x.isidentifier() for x in parts):
        return None
    sys.path.insert(0, str(folder))
    module = importlib.import_module(".".join(parts))
    return module if Path(str(module.__file__)).resolve() == path else None


def module_alone(path: Path, file: str) -> ModuleType:
    """A file that is no part of a package, with its folder where imports are looked for."""
    stem = path.stem if path.stem.isidentifier() else "program"
    if stem in sys.modules or stem in sys.stdlib_module_names:
        stem = f"{stem}_from_the_command_line"
    spec = importlib.util.spec_from_file_location(stem, path)
    if spec is None or spec.loader is None:
        raise Refusal(f"{file} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module  # where the library looks for the user's modules
    sys.path.insert(0, str(path.parent))  # as `python FILE.py` does
    spec.loader.exec_module(module)
    return module


def function_in(module: ModuleType, name: str) -> Callable:
    """A function of a module by name, `model.loss` for that of an object in it."""
    file = os.path.basename(str(getattr(module, "__file__", None)))
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None) if part[:2] != "__" else None
    there = [
        key for key, x in vars(module).items()
        if callable(x) and getattr(x, "__module__", None) == module.__name__ and key[0] != "_"
    ]  # fmt: skip
    if isinstance(found, type):
        raise Refusal(
            f"{name} in {file} is a class, expected a function: write `model = {name}(...)` into "
            f"{file}, then {file}:model or {file}:model.method"
        )
    if callable(found):
        return found
    what = f"{file} has no function {name!r}"
    if found is not None:
        what = f"{name} in {file} is no function but a {type(found).__name__}"
    near = difflib.get_close_matches(name, there, 1)
    if near:
        raise Refusal(f"{what}: is it {near[0]!r}?")
    raise Refusal(f"{what}; it has {', '.join(there) or 'none'}")


def is_whole(parameter: inspect.Parameter) -> bool:
    """Whether a parameter says of itself that it is an integer: by annotation or default."""
    default = parameter.default
    return parameter.annotation in (int, bool, "int", "bool") or isinstance(default, int)


def is_differentiable(value: Any) -> bool:
    """Whether all parts of a value are numbers, or arrays of floats or complex numbers."""
    leaves = tree.flatten(value)[0]
    return bool(leaves) and all(
        type(x) in (int, float, complex) or (isinstance(x, np.ndarray) and x.dtype.kind in "fc")
        for x in leaves
    )


def inexact(value: Any) -> Any:
    """A value with floats in place of whole numbers."""
    return tree.map_leaves(lambda x: float(x) if isinstance(x, int) else x, value)


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
        if not is_differentiable(given[one]):
            raise Refusal(f"--by names {one!r}, which is not made of numbers alone")
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    argnums: list[int | str] = []
    rounded: list[str] = []
    for p in known:
        value = given.get(p.name, p.default)
        differentiated = p.name in (given if chosen is None else chosen)
        if chosen is None:
            held = isinstance(value, int) and is_whole(p)
            differentiated = differentiated and not held and is_differentiable(value)
        if differentiated:
            argnums.append(p.name if p.kind is p.KEYWORD_ONLY else len(args))
            rounded += [p.name] * isinstance(value, int)
            value = inexact(value)
        if p.kind is p.KEYWORD_ONLY:
            kwargs[p.name] = value
        else:
            args.append(value)
    if not argnums:
        raise Refusal(f"{name} has no argument to differentiate: --at gives it values")
    path = str(getattr(module, "__file__", ""))
    return Called(function, tuple(args), kwargs, tuple(argnums), module, path, tuple(rounded))


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


# ------------------------------------------------------------------------------------------ errors


def failure(error: BaseException, path: str) -> str:
    """What went wrong, and at which line of the user's file."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f"line {error.lineno}: SyntaxError: {error.msg}"
    text = str(error) or type(error).__name__
    if not isinstance(error, ad.AdjointError):
        text = f"{type(error).__name__}: {error}"
    if error.__cause__ is not None:
        text += f" (because of: {said(error.__cause__)})"
    line = line_in(error, path)
    return text if line is None else f"line {line}: {text}"


def said(error: BaseException) -> str:
    """What an error of the library says, on one line and without the line of code, which is ours
    here."""
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(line for line in lines if not line.startswith("at "))


def told(error: BaseException, path: str) -> list[str]:
    """What an error says, in lines, with the errors behind it; a line of code that is not the
    user's (the command's own) is left out."""
    own = f"at {os.path.basename(path)}:"
    found: list[str] = []
    behind: BaseException | None = error
    for k in range(MOST_CAUSES):
        if behind is None:
            break
        kind = "" if isinstance(behind, ad.AdjointError) else f"{type(behind).__name__}: "
        lines = f"{'because of ' * (k > 0)}{kind}{behind}".splitlines()
        found += [x for x in lines if not x.strip().startswith("at ") or x.strip().startswith(own)]
        behind = behind.__cause__
    return found


def line_in(error: BaseException, path: str) -> int | None:
    """The innermost line of a file in the traceback of an error, or of the errors behind it."""
    behind: BaseException | None = error
    found: int | None = None
    for _ in range(MOST_CAUSES):
        if behind is None:
            break
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(behind.__traceback__)
            if frame.filename == path
        ]
        found = lines[-1] if lines else found
        behind = behind.__cause__
    return found


def hint_of(call: Called, error: Exception) -> str:
    """What to write where a function may have failed as it was given whole numbers as floats."""
    if not call.rounded or not isinstance(error, TypeError | LookupError):
        return ""
    names = ", ".join(call.rounded)
    return (
        f"{names} came as a whole number and was taken as a float, to differentiate by it: `--by` "
        "with the names of the others alone holds it as it is"
    )
