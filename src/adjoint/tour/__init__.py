"""A tour of the library, from dual numbers to a fit of real data: `python -m adjoint tour`.

Each chapter is a function of a `Context` (a place to say things, a folder for files). A part of the
library that wants a chapter of its own adds a module with a list `CHAPTERS`, and a line below.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TextIO

from . import compiled, fitting, imperative, mathematics, simulation
from .context import Chapter, Context, duration

__all__ = ["Chapter", "Context", "run"]

CHAPTERS: list[Chapter] = [
    *mathematics.CHAPTERS,
    *imperative.CHAPTERS,
    *fitting.CHAPTERS,
    *compiled.CHAPTERS,
    *simulation.CHAPTERS,
]


def run(output: str | Path = "adjoint-tour", stream: TextIO | None = None) -> int:
    """Play all chapters and return an exit code: 0 if all of them showed what they promise.

    Text goes to `stream` (standard output by default), pictures and files to the folder `output`,
    which is made if need be; a file there that an earlier tour did not write is never overwritten.
    """
    started = time.perf_counter()
    context = Context(Path(output), sys.stdout if stream is None else stream)
    if context.output.exists() and not context.output.is_dir():
        context.say(f"{context.output} is a file: choose another folder with --output.")
        return 2
    for number, chapter in enumerate(CHAPTERS, 1):
        begun = time.perf_counter()
        context.say(f"[{number}/{len(CHAPTERS)}] {chapter.title}")
        context.say()
        chapter.play(context)
        if context.said[-1]:
            context.say()
        context.say(f"  ({duration(time.perf_counter() - begun)})")
        context.say()
    context.write("report.txt", "\n".join(context.said) + "\n")
    context.say(f"Written: {', '.join(str(path) for path in context.files)}")
    verdict = f"{len(context.failures)} FAILED" if context.failures else "all figures reproduced"
    context.say(f"The tour took {duration(time.perf_counter() - started)}: {verdict}.")
    return 1 if context.failures else 0
