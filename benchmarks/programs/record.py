"""What a benchmark program is: one piece of mathematics, its data, and the sides that compute it.

A side is a way to compute the program: `adjoint` transforms the plain NumPy function as a user
writes it; a peer computes the same values in its fastest plain form. `build` gives a function of
the program's arguments that has not run yet, so that the first call's time, tracing and compilation
in it, can be taken too. Arguments are put where the library wants them (JAX's on its device)
before any clock runs.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any

OURS = "adjoint"
NO_COMPILER = "no gcc"
PLAIN = ("python", "numpy", "c")  # need no package but NumPy: run by adjoint's interpreter


@dataclass(frozen=True)
class Side:
    """A way to compute a program with a library."""

    library: str
    build: Callable[[], Callable]
    convert: bool = True  # whether the arguments become the library's arrays
    counts: bool = True  # whether the target of the library is meant against this form


@dataclass(frozen=True)
class Program:
    """One piece of mathematics; `function` is the plain NumPy code, without derivatives."""

    name: str
    function: Callable
    data: Callable[[int], tuple]  # a size -> the arguments, as NumPy arrays
    size: int
    sides: dict[str, Side]
    targets: dict[str, float] = field(default_factory=dict)  # library -> highest ratio of times
    new_size: int = 0  # another size, which must not compile again
    tolerance: float = 1e-6
    differentiated: bool = True  # whether the sides compute derivatives of the function


def absent(library: str) -> str:
    """Why a library cannot run here; empty where it can."""
    module = {"torch.compile": "torch"}.get(library, library)
    if library not in PLAIN and importlib.util.find_spec(module) is None:
        return f"no module {module}"
    if library in ("c", "torch.compile") and not shutil.which("gcc"):
        return NO_COMPILER
    return ""


def load(library: str) -> None:
    """Import a library; JAX in double precision and without its disk cache."""
    if library == OURS:
        import adjoint  # noqa: F401
    elif library == "jax":
        os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "0"
        import jax

        jax.config.update("jax_enable_x64", True)
    elif library.startswith("torch"):
        import torch  # noqa: F401
    elif library == "numba":
        import numba  # noqa: F401


def unrelated(library: str) -> None:
    """Compile a small function that no program contains."""
    import numpy as np

    x = np.linspace(0.0, 1.0, 7)
    if library == OURS:
        import adjoint as ad

        ad.jit(lambda x: np.cos(x) - 3.0 * x)(x)
    elif library == "jax":
        import jax

        jax.jit(lambda x: jax.numpy.cos(x) - 3.0 * x)(jax.numpy.asarray(x)).block_until_ready()
    elif library == "torch.compile":
        import torch

        torch.compile(lambda x: torch.cos(x) - 3.0 * x)(torch.tensor(x))
    elif library == "numba":
        import numba

        numba.njit(lambda x: x - 3.0)(2.0)


def converted(library: str, arguments: Any) -> Any:
    """The arguments as the library's arrays, on its device."""
    if isinstance(arguments, (list, tuple)):
        return type(arguments)(converted(library, part) for part in arguments)
    if library == "jax":
        import jax

        return jax.numpy.asarray(arguments).block_until_ready()
    if library.startswith("torch"):
        import torch

        return torch.as_tensor(arguments)
    return arguments


def prepared(program: Program, side: Side, size: int = 0) -> tuple[Callable, tuple]:
    """The function of a side, not yet called, and its arguments."""
    load(side.library)
    return side.build(), arguments_of(program, side, size)


def arguments_of(program: Program, side: Side, size: int = 0) -> tuple:
    """A side's arguments at a size."""
    arguments = aligned(program.data(size or program.size))
    return converted(side.library, arguments) if side.convert else arguments


def aligned(arguments: Any) -> Any:
    """The same data, arrays at addresses that are multiples of 64.

    NumPy aligns to 16 only, and by which chance is worth up to 10% of a loop's time.
    """
    import numpy as np

    if isinstance(arguments, (list, tuple)):
        return type(arguments)(aligned(part) for part in arguments)
    if not isinstance(arguments, np.ndarray):
        return arguments
    memory = np.empty(arguments.nbytes + 64, np.uint8)
    start = -memory.ctypes.data % 64
    placed = memory[start : start + arguments.nbytes].view(arguments.dtype)
    placed = placed.reshape(arguments.shape)
    placed[...] = arguments
    return placed


def finished(library: str, result: Any) -> Any:
    """The result, once its computation has ended."""
    if library == "jax":
        import jax

        return jax.block_until_ready(result)
    return result


def timed_loop(library: str, function: Callable, arguments: tuple) -> Callable[[int], None]:
    """A loop of direct calls that wait for their results, written out as `timeit` does.

    Neither a closure nor an unpacked argument list is in the loop: in calls of 0.1 us both would
    be seen. Waiting for JAX's results takes the shortest way that their container allows.
    """
    result = finished(library, function(*arguments))
    names = [f"argument{i}" for i in range(len(arguments))]
    call, scope = f"function({', '.join(names)})", {"repeat": repeat, "function": function}
    if library == "jax":
        import jax

        scope["block"] = jax.block_until_ready
        parts = result if isinstance(result, (list, tuple)) else []
        if isinstance(result, jax.Array):
            call = f"{call}.block_until_ready()"
        elif parts and all(isinstance(part, jax.Array) for part in parts):
            call = f"for part in {call}: part.block_until_ready()"
        else:
            call = f"block({call})"
        if call.startswith("for"):
            call = call.replace(": ", ":\n            ")
    scope.update(zip(names, arguments, strict=True))
    parameters = ", ".join(f"{name}={name}" for name in ["function", *names])
    loop = f"for _ in repeat(None, repeats):\n        {call}"
    exec(f"def timed(repeats, {parameters}):\n    {loop}\n", scope)
    return scope["timed"]


def leaves(result: Any) -> list:
    """The arrays of a result, in order."""
    import numpy as np

    if isinstance(result, (list, tuple)):
        return [leaf for part in result for leaf in leaves(part)]
    if hasattr(result, "detach"):
        result = result.detach()
    return [np.asarray(result)]


def differs(ours: list, peer: list, tolerance: float) -> str:
    """How two results differ beyond the tolerance, relative to each array's largest entry."""
    import numpy as np

    if [np.shape(a) for a in ours] != [np.shape(b) for b in peer]:
        return f"shapes {[np.shape(a) for a in ours]} and {[np.shape(b) for b in peer]}"
    if any(a.dtype != b.dtype for a, b in zip(ours, peer, strict=True)):
        return f"dtypes {[str(a.dtype) for a in ours]} and {[str(b.dtype) for b in peer]}"
    sizes = [float(np.max(np.abs(b), initial=0.0)) for b in peer]
    floor = 1e-6 * max(sizes, default=0.0)  # below it a whole array is cancellation
    for i, (a, b) in enumerate(zip(ours, peer, strict=True)):
        gap = float(np.max(np.abs(a.astype("f8") - b.astype("f8")), initial=0.0))
        if not gap <= tolerance * max(sizes[i], floor):
            return f"array {i} is off by {gap:.3g} where its largest entry is {sizes[i]:.3g}"
    return ""
