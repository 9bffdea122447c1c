"""A folder to call the command line in, for its tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from adjoint.__main__ import main


@contextmanager
def working_in(
    folder: Path, patch: pytest.MonkeyPatch, files: Mapping[str, str], columns: int
) -> Iterator[Path]:
    """A folder with files, which is the working directory; modules and paths are put back."""
    for name, text in files.items():
        (folder / name).write_text(text)
    patch.chdir(folder)
    patch.setenv("COLUMNS", str(columns))
    patch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(folder) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def run(*words: str) -> int:
    return main(list(words))
