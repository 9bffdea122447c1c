"""Relative imports inside a package of the user's: at the top, in functions, of what is above."""

from __future__ import annotations

import importlib
import sys

import pytest
from reach import orbit
from reach.checks import check
from reach.orbit import advance
from reach.orbit.inner import steps

import adjoint as ad


def test_functions_of_the_package():
    check(advance, 0.7, 1.1)
    check(orbit.forces.attraction, 0.7, 1.1)


def test_a_function_that_calls_them():
    check(lambda x: advance(x) * steps.advance(x, 1), 0.7, 1.1)
    check(lambda x: orbit.steps.forces.attraction(x) + orbit.advance(x, 2), 0.7, 1.1)


FILES = {
    "__init__": "from .model import energy",
    "model": """
        from math import exp
        import numpy as np
        from . import tables
        from .tables import ROWS, shape as form

        def energy(x):
            from .late import correction
            out = np.zeros(2)
            out[0] = form(x)
            out[1] = exp(-x) * tables.KINDS["sine"](x)
            return ROWS.dot(out) + correction(x)
        """,
    "tables": """
        import math, numpy
        ROWS = numpy.array([1.0, 2.0])
        KINDS = {"sine": math.sin}

        def shape(x):
            return numpy.array([x, 3.0]).prod() * math.sqrt(x)
        """,
    "late": """
        import math
        from .tables import math as again

        def correction(x):
            return math.log(x) * again.cos(x)
        """,
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    import textwrap

    folder = tmp_path / "reach_example"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield importlib.import_module("reach_example")
    for name in [name for name in sys.modules if name.startswith("reach_example")]:
        del sys.modules[name]


@pytest.mark.parametrize("transform", [ad.grad, lambda f: ad.jit(ad.grad(f)), ad.jacfwd])
def test_a_package_elsewhere(package, transform):
    first = transform(package.energy)(0.7)  # one of its modules is loaded meanwhile
    modules = [sys.modules[f"reach_example.{name}"] for name in FILES if name != "__init__"]
    check(package.energy, 0.7, 1.1, roots=tuple(vars(m) for m in modules))
    check(lambda x: package.model.energy(x) * x, 0.7, 1.1)
    assert first == pytest.approx(ad.grad(package.energy)(0.7), rel=1e-13)
