"""Mathematical functions that are hardly ever called, each a module of its own, made once.

Enters: their names.  Leaves: their addresses, for the loader.  The sine of large numbers is as much
code as the loop around the usual one; so it is compiled beside the first program that may call it,
and lives as long as the process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import cache, partial
from hashlib import blake2b

from ..codegen.compile import compile_object
from ..codegen.mathlib.registry import rare_module
from ..codegen.targets import Target
from . import ahead, cpu
from .cache import default


class RareFunctions(dict[str, int]):
    """The addresses of a target's rare functions by name, where somebody has asked."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        self.libraries: list[cpu.Library] = []
        self.waiting: dict[str, Callable[[], None]] = {}
        self.lock = threading.Lock()

    def begin(self, names: Iterable[str]) -> None:
        """These will be asked for."""
        for name in names:
            with self.lock:
                if name not in self and name not in self.waiting:
                    self.waiting[name] = ahead.start(partial(self.make, name))

    def make(self, name: str) -> None:
        """Compile one, or find it on disk."""
        target = self.target
        key = blake2b(f"{name}\n{target.fingerprint}".encode(), digest_size=24).digest()
        compiled = lambda: compile_object(rare_module(name, target), target)
        library = cpu.load(default().obtain("object", key, compiled))
        with self.lock:
            self.libraries.append(library)
            self.setdefault(name, library.address(name))

    def get(self, name: str, default: int | None = None) -> int | None:  # type: ignore[override]
        """The address of a function; `default` where it is none of these."""
        if not name.startswith("math."):
            return default
        if name not in self:
            with self.lock:
                waiting = self.waiting.get(name)
            (waiting or partial(self.make, name))()
        return self[name]


@cache
def rare_functions_of(target: Target) -> RareFunctions:
    """The rare functions of a target."""
    return RareFunctions(target)
