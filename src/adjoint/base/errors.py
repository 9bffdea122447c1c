"""Errors written for the person: what came, what was expected, where in the user's code, what to
write instead.

Enters: the facts of a mistake.  Leaves: an exception whose text names the user's own source line.
A position is kept as (code object, instruction offset) and decoded here only when a message needs
it.
"""

from __future__ import annotations

import contextlib
import copy
import dis
import linecache
import os
import sys
import sysconfig
from functools import cache
from types import CodeType, FrameType

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
SITE = os.path.dirname(os.path.dirname(os.path.abspath(sys.modules["numpy"].__file__ or "")))
LIBRARIES = tuple(os.path.join(SITE, name, "") for name in ("numpy", "scipy"))

BETWEEN = (contextlib.__file__, copy.__file__)  # of Python's, which call back

Position = tuple[CodeType, int]


class AdjointError(Exception):
    """The base of all errors that this package raises on its own account."""


class DifferentiationError(AdjointError, TypeError):
    """Something cannot be differentiated: the wrong dtype, a non-scalar output, an undefined
    derivative."""


class TracingError(AdjointError, TypeError):
    """A traced value was asked for what it cannot give: its number, a hash, a Python branch under
    `jit`."""


class ShapeError(AdjointError, ValueError):
    """Shapes do not fit."""


class GraphError(AdjointError):
    """A graph breaks its own rules: a fault of this package or of a hand-written graph."""


def is_internal(filename: str) -> bool:
    """Whether a file belongs to this package (the tour's user code aside) or to NumPy's
    dispatch."""
    if filename.startswith(PACKAGE):
        return not filename.startswith(PACKAGE + "tour" + os.sep)
    return filename.startswith((*LIBRARIES, "<__array_function__")) or filename in BETWEEN


internal_files: dict[str, bool] = {}  # what `is_internal` answered


def user_frame(depth: int = 1) -> FrameType | None:
    """The innermost frame that runs the user's code."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        filename = frame.f_code.co_filename
        internal = internal_files.get(filename)
        if internal is None:
            internal = internal_files[filename] = is_internal(filename)
        if not internal:
            return frame
        frame = frame.f_back
    return None


def user_position(depth: int = 1) -> Position | None:
    """The user's position now, in its cheap form."""
    frame = user_frame(depth + 1)
    return None if frame is None else (frame.f_code, frame.f_lasti)


protected: dict[CodeType, list[tuple[int, int, int]]] = {}  # what `protected_ranges` found


def protected_ranges(code: CodeType) -> list[tuple[int, int, int]]:
    """The offsets of instructions whose exceptions the code itself handles, `try`, `with`; and
    where the handler is."""
    found = protected.get(code)
    if found is None:
        found, data = [], iter(getattr(code, "co_exceptiontable", b""))

        def number() -> int:
            byte = next(data)
            value = byte & 63
            while byte & 64:
                byte = next(data)
                value = value << 6 | byte & 63
            return value

        try:
            while True:
                start, length, handler, _ = number(), number(), number(), number()
                found.append((2 * start, 2 * (start + length), 2 * handler))
        except StopIteration:
            pass
        protected[code] = found
    return found


def is_in_try(ends: tuple[str, ...]) -> bool:
    """Whether the user's code, called from a file with one of these names, would handle an
    exception that is raised now."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(PACKAGE):
            if code.co_filename.endswith(ends):
                return False
        elif any(a <= frame.f_lasti < b for a, b, _ in protected_ranges(code)):
            return True
        frame = frame.f_back
    return False


def is_tried() -> bool:
    """Whether the person's own code, which is not installed as a package, has a `try` around what
    runs now."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code, at = frame.f_code, frame.f_lasti
        if not is_installed(code.co_filename):
            if any(a <= at < b and is_try(code, k) for a, b, k in protected_ranges(code)):
                return True
        frame = frame.f_back
    return False


@cache
def is_installed(filename: str) -> bool:
    """Whether a file belongs to Python, to a package that is installed, or to this one."""
    real = os.path.realpath(filename)
    if filename.startswith(("<frozen", "<__array_function__")) or real.startswith(PYTHONS):
        return True
    return is_internal(filename) or not PACKAGED.isdisjoint(real.split(os.sep))


@cache
def is_try(code: CodeType, handler: int) -> bool:
    """Whether a handler is that of a `try`: not of a `with`, nor of the body of a generator."""
    return code.co_code[handler] == CATCHING and code.co_code[handler + 2] != LEAVING


CATCHING, LEAVING = dis.opmap["PUSH_EXC_INFO"], dis.opmap["WITH_EXCEPT_START"]
PYTHONS = tuple(os.path.realpath(sysconfig.get_path(k)) + os.sep for k in ("stdlib", "platstdlib"))
PACKAGED = {"site-packages", "dist-packages"}  # folders of packages


def line_of(position: Position) -> int:
    """The line number of a position."""
    code, offset = position
    line = code.co_firstlineno
    for start, end, number in code.co_lines():
        if start <= offset < end and number is not None:
            line = number
    return line


def segment(code: CodeType, offset: int) -> str:
    """The source text of an instruction, as far as it stands on one line; empty if unknown."""
    for k, (line, _, start, end) in enumerate(code.co_positions()):
        if 2 * k == offset and line is not None and start is not None:
            text = linecache.getline(code.co_filename, line).rstrip("\n").encode()
            return text[start : end if end and end > start else None].decode(errors="replace")
    return ""


def describe(position: Position | None) -> str:
    """`file:line: the source line` of a position."""
    if position is None:
        return "(position unknown)"
    code, line = position[0], line_of(position)
    source = linecache.getline(code.co_filename, line).strip()
    where = f"{os.path.basename(code.co_filename)}:{line}"
    return f"{where}: {source}" if source else where


def message(
    came: str,
    *,
    expected: str = "",
    instead: str = "",
    operation: str = "",
    position: Position | None = None,
) -> str:
    """One error text in the house's form; without a position it names the user's line now."""
    lines = [came.rstrip(".") + "."]
    if expected:
        lines.append(f"  expected: {expected}")
    at = describe(position or user_position(2))
    lines.append(f"  at {at}" + (f"  (in {operation})" if operation else ""))
    if instead:
        lines.append(f"  write instead: {instead}")
    return "\n".join(lines)
