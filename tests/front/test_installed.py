"""Installed packages are not the user's code, wherever Python finds them."""

from __future__ import annotations

import os
import sysconfig
from types import ModuleType

import numpy as np
import pytest
import scipy

from adjoint.front.outside import is_library, is_users_module


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/home/someone/.local/lib/python3.12/site-packages/pandas/core.py", False),
        ("/usr/lib/python3/dist-packages/pandas/core.py", False),
        ("/other/environment/lib/python3.12/site-packages/pandas/core.py", False),
        ("/home/someone/project/model.py", True),
        ("/home/someone/project/site_packages.py", True),
        (np.__file__, False),
        (scipy.__file__, False),
        (__file__, True),
    ],
)
def test_whose_a_module_is(file: str, expected: bool) -> None:
    module = ModuleType("some_module")
    module.__file__ = file
    assert is_users_module("some_module", module) is expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (os.__file__, True),
        (np.__file__, True),
        (os.path.join(sysconfig.get_path("platstdlib"), "site-packages", "pandas.py"), False),
        (__file__, False),
    ],
)
def test_whose_a_function_is(file: str, expected: bool) -> None:
    # A function of an installed package that is given to a transform is looked into.
    assert is_library(file) is expected
