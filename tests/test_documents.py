"""What the documents say is so: every example in a docstring and in the README is run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import adjoint

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/mathematics.md", "docs/imperative.md")
MODULES = [
    "adjoint",
    *(
        found.name
        for found in pkgutil.walk_packages(adjoint.__path__, "adjoint.")
        if not found.name.endswith("__main__")
    ),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name), optionflags=FLAGS).failed == 0


@pytest.mark.parametrize("name", PAGES)
def test_examples_on_pages(name: str) -> None:
    """One namespace for a page: a later block may use what an earlier one defined."""
    text = (ROOT / name).read_text("utf-8")
    blocks = re.findall(r"^```pycon\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=FLAGS)
    page = parser.get_doctest("\n".join(blocks), {}, name, name, 0)
    assert page.examples
    assert runner.run(page).failed == 0
