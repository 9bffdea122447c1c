"""Native code between pages without access: a read or write out of bounds ends the process.

    python tests/native_guard.py FIRST LAST     # the programs of these seeds

Every input, output, constant array and workspace lies in memory of its own that ends at such a page
and, in a second run, begins at one.  Outputs and workspace start as NaN.  The name of a program is
printed before it runs: after a crash the last line tells whose fault it is.
"""

from __future__ import annotations

import copy
import ctypes
import mmap
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "src")]

from native_checks import eps_of, executable, jumps, largest, same_specials, weighted
from native_programs import sample

import adjoint as ad
from adjoint.runtime.native import Executable, Native, OutOfRange

NO_ACCESS = 0  # PROT_NONE
PAGE = mmap.PAGESIZE


class Guarded:
    """Memory that ends, or begins, at a page without access."""

    def __init__(self, size: int, at_end: bool) -> None:
        pages = -(-max(size, 1) // PAGE)
        self.memory = mmap.mmap(-1, (pages + 2) * PAGE)
        handle = ctypes.c_char.from_buffer(self.memory)
        start = ctypes.addressof(handle)
        del handle
        library = ctypes.CDLL(None, use_errno=True)
        library.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        last = start + (pages + 1) * PAGE
        for page in (start, last):
            assert not library.mprotect(page, PAGE, NO_ACCESS), ctypes.get_errno()
        self.address = last - size if at_end else start + PAGE
        self.size = size
        ctypes.memset(self.address, 0xFF, size)

    @classmethod
    def of(cls, array: np.ndarray, at_end: bool) -> Guarded:
        """A copy of an array."""
        made = cls(array.nbytes, at_end)
        ctypes.memmove(made.address, array.ctypes.data, array.nbytes)
        return made

    def array(self, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
        """A copy as an array."""
        found = np.empty(shape, dtype)
        ctypes.memmove(found.ctypes.data, self.address, found.nbytes)
        return found


def guarded(made: Native, at_end: bool) -> Callable[[Sequence[Any]], list[np.ndarray]]:
    """A native segment that is called with guarded memory."""

    def call(values: Sequence[Any]) -> list[np.ndarray]:
        slots = made.slots.copy()
        held: list[Guarded] = []

        def put(slot: int, memory: Guarded) -> None:
            held.append(memory)
            slots[slot] = memory.address

        inputs, outputs = made.step.inputs, made.step.outputs
        for k, (node, value) in enumerate(zip(inputs, values, strict=True)):
            put(k, Guarded.of(np.ascontiguousarray(value, node.dtype), at_end))
        for k, node in enumerate(outputs, len(inputs)):
            put(k, Guarded(node.size * node.dtype.itemsize, at_end))
        count = len(inputs) + len(outputs)
        put(count, Guarded(made.workspace, at_end))
        places = {array.ctypes.data: array for array in made.constants}
        for k in range(count + 1, len(slots)):
            if int(slots[k]) in places:
                put(k, Guarded.of(places[int(slots[k])], at_end))
        if made.code.call(slots.ctypes.data):
            raise OutOfRange
        return [
            memory.array(node.shape, node.dtype)
            for memory, node in zip(held[len(inputs) : count], outputs, strict=True)
        ]

    return call


def with_guards(compiled: Executable, at_end: bool) -> Executable:
    """An executable whose native segments are called with guarded memory."""
    found = copy.copy(compiled)
    found.steps = [
        (step, guarded(made, at_end) if isinstance(made, Native) else made)
        for step, made in compiled.steps
    ]
    if compiled.whole is not None:
        found.whole = guarded(compiled.whole, at_end)
    return found


def run_guarded(function: Callable, arguments: Sequence[Any], title: str) -> None:
    """Run a function's native code at both ends of guarded memory; the results are those of NumPy,
    nearly (other tests say how nearly)."""
    print(title, flush=True)
    program = ad.jit(function).lower(*arguments)
    inputs = program.inputs(arguments)
    expected = program.function.evaluate(*inputs)
    compiled = executable(program)
    for at_end in (True, False):
        print(title, "ends" if at_end else "begins", flush=True)
        found = with_guards(compiled, at_end)(inputs)
        for y, e in zip(found, expected, strict=True):
            y, e = np.asarray(y), np.asarray(e)
            if e.dtype.kind not in "fc":
                np.testing.assert_array_equal(y, e, title)
                continue
            same_specials(y, e, title)
            scale = max(largest([e]), largest(inputs), 1.0)
            number = np.isfinite(e)
            near = np.all(np.abs(y - e)[number] <= 1e-3 * scale)
            assert near or jumps(
                program.function.evaluate, inputs, expected, eps_of(e), 1e-3 * scale
            ), title


def main(first: int, last: int, many: bool = False) -> None:
    """The programs of some seeds, their gradients, and other sizes."""
    np.seterr(all="ignore")
    warnings.simplefilter("ignore", RuntimeWarning)
    for seed in range(first, last):
        found = sample(seed, many)
        run_guarded(found.function, found.arguments, f"{found.title} value")
        run_guarded(found.function, found.others, f"{found.title} other sizes")
        places = tuple(k for k, x in enumerate(found.arguments) if x.dtype.kind == "f")
        gradient = ad.grad(weighted(found.function, seed), places)
        run_guarded(gradient, found.arguments, f"{found.title} gradient")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), "many" in sys.argv)
