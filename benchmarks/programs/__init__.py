"""The programs of the benchmarks, one file each; `record` says what a program is.

`PROGRAMS` and `LOOPS` are all of them by name.  A process that runs one program imports no other
(`find`), as a user's would not.
"""

from importlib import import_module
from typing import Any

FILES = ("scalar", "haversine", "pinn", "mlp", "softmax", "gmm", "bundle", "line")


def of_files(*names: str) -> dict:
    """The programs of some files."""
    modules = [import_module(f"{__name__}.{name}") for name in names]
    return {program.name: program for module in modules for program in module.PROGRAMS}


def find(module: str, name: str) -> Any:
    """A program of one module."""
    found = import_module(module)
    if hasattr(found, "program"):
        return found.program(name)
    return next(p for p in found.PROGRAMS if p.name == name)


def __getattr__(name: str) -> dict:
    if name == "PROGRAMS":
        return of_files(*FILES)
    if name == "LOOPS":
        return of_files("loops")
    raise AttributeError(name)
