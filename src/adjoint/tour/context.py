"""What a chapter of the tour is given: a place to say things, a folder for files, a stopwatch.

The folder belongs to the user. A ledger in it lists what the tour wrote, with a digest of each; a
file that is not in the ledger, or was changed since, is not the tour's and is never overwritten.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TextIO, TypeVar

Result = TypeVar("Result")

LEDGER = ".adjoint-tour"
PLAIN = str.maketrans({"ε": "e", "·": "*", "²": "^2", "₁": "1", "₂": "2"})
_LEDGER_HEADING = "Files that `python -m adjoint tour` wrote here, with their SHA-256."


class Chapter(NamedTuple):
    """A title and the function that plays the chapter."""

    title: str
    play: Callable[[Context], None]


@dataclass
class Context:
    """What each chapter receives. `said` keeps all lines, `failures` what makes the tour fail."""

    output: Path
    stream: TextIO
    said: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)

    def say(self, text: str = "") -> None:
        """Print `text` at once, and keep it for the report."""
        print(writable(text, self.stream), file=self.stream, flush=True)
        self.said.append(text)

    def missing(self, package: str, extra: str, gain: str) -> None:
        """Say what is not shown for want of an optional package, and how to get it."""
        self.say(f"  {package} is not installed; pip install 'adjoint[{extra}]' adds {gain}.")

    def table(self, heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Say a table: the first column is aligned left, the others right."""
        widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
        rule = ["-" * width for width in widths]
        for row in (heading, rule, *rows):
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            self.say("  " + "  ".join(cells).rstrip())

    def fail(self, reason: str) -> None:
        """Note that the tour did not show what it promises: its exit code will say so."""
        self.failures.append(reason)
        self.say(f"  FAILED: {reason}")

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file of the tour, under another name where `name` is not the tour's."""
        data = content.encode() if isinstance(content, str) else content
        self.output.mkdir(parents=True, exist_ok=True)
        ledger = self._read_ledger()
        path = self.output / name
        number = 0
        while os.path.lexists(path) and not _is_ours(path, ledger):
            number += 1
            path = self.output / f"{Path(name).stem}-{number}{Path(name).suffix}"
        if number:
            self.say(f"  {name} is there and not the tour's: left alone.")
        path.write_bytes(data)
        ledger[path.name] = _digest(path)
        lines = [f"{digest}  {file}" for file, digest in sorted(ledger.items())]
        (self.output / LEDGER).write_text("\n".join([_LEDGER_HEADING, *lines, ""]), "utf-8")
        self.files.append(path)
        return path

    def _read_ledger(self) -> dict[str, str]:
        path = self.output / LEDGER
        if not path.exists():
            return {}
        heading, *lines = path.read_text("utf-8").splitlines() or [""]
        if heading != _LEDGER_HEADING:
            raise FileExistsError(
                f"{path} is not the tour's list of its files: choose another folder with --output"
            )
        return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}


def writable(text: str, stream: TextIO) -> str:
    """The text as a stream can write it: without Greek letters and raised digits if it must be."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(PLAIN).encode(encoding, "replace").decode(encoding)
    return text


def once(call: Callable[[], Result]) -> tuple[Result, float]:
    """Call once; return the result and the seconds it took."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def timed(call: Callable[[], Result], budget: float = 0.1) -> tuple[Result, float]:
    """Call until `budget` seconds are used, at least twice; return the result and the best time."""
    best = float("inf")
    deadline = time.perf_counter() + budget
    for repetition in range(1000):
        result, seconds = once(call)
        best = min(best, seconds)
        if repetition and time.perf_counter() > deadline:
            break
    return result, best


def duration(seconds: float) -> str:
    """Return a time in the unit that a person would choose."""
    if seconds < 1e-6:
        return f"{seconds * 1e9:.0f} ns"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds:.1f} s"


def _is_ours(path: Path, ledger: dict[str, str]) -> bool:
    regular = path.is_file() and not path.is_symlink()
    return regular and ledger.get(path.name) == _digest(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
