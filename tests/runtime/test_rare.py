"""Rare functions in modules of their own: declared as they are defined, found by the loader."""

import re

import numpy as np
import pytest

import adjoint as ad
from adjoint.codegen.compile import compile_object
from adjoint.codegen.mathlib.registry import FUNCTIONS, definitions, rare_module
from adjoint.codegen.targets import host
from adjoint.runtime.rare import RareFunctions

ONLY = {"sin_large": "double", "cos_large": "double", "tan_large": "double"}
ONLY |= {"tan_in_doubles": "float", "exact.fmod_far": "double"}
RARE = [
    (name, kind, lanes)
    for name, entry in sorted(FUNCTIONS.items())
    for kind, lanes in (("double", 1), ("double", 8), ("float", 1), ("float", 16))
    if entry.rare and ONLY.get(name, kind) == kind
]


@pytest.mark.parametrize("name, kind, lanes", RARE)
def test_a_function_is_declared_as_it_is_defined(name, kind, lanes):
    texts, declared = definitions([(name, kind, lanes)], host(), lambda name: True, apart=True)
    assert texts == []
    (line,) = declared
    symbol = re.search(r"@([\w.]+)", line)[1]
    text = rare_module(symbol, host())
    (head,) = [x for x in text.splitlines() if x.startswith("define ") and "internal" not in x]
    without_names = re.sub(r" %\w+", "", head.removeprefix("define "))
    assert line.removeprefix("declare ").split(")")[0] == without_names.split(")")[0]
    assert ("no_caller_saved_registers" in line) == ("no_caller_saved_registers" in head)
    compile_object(text, host())


def test_functions_are_made_once_and_found_by_name():
    found = RareFunctions(host())
    found.begin(["math.sin_large.f64", "math.cos_large.f64"])
    first = found.get("math.sin_large.f64")
    assert first and first == found.get("math.sin_large.f64") != found.get("math.cos_large.f64")
    assert found.get("math.tan_large.f64")  # that nobody has begun
    assert len(found.libraries) == 3
    assert found.get("memcpy") is None


@pytest.mark.parametrize("size", [1, 7, 1000, 100_000])
@pytest.mark.parametrize("function", [np.sin, np.cos, np.tan])
def test_large_arguments_among_others(function, size):
    x = np.random.default_rng(size).normal(size=size)
    places = slice(None, None, max(size // 5, 1))
    x[places] = np.resize([1e20, -3e200, 2.0**31, np.inf, -1e300, 0.0], x[places].shape)
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(ad.jit(function)(x), function(x), rtol=1e-15)
