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
README = Path(__file__).parents[1] / "README.md"
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


def test_examples_in_the_readme() -> None:
    """One namespace for the page: a later block may use what an earlier one defined."""
    blocks = re.findall(r"^```pycon\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=FLAGS)
    page = parser.get_doctest("\n".join(blocks), {}, "README.md", str(README), 0)
    assert page.examples
    assert runner.run(page).failed == 0
