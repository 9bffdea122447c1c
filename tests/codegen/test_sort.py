"""What ordinary input does not reach in sorting: merging, and what the depth limit does."""

import ctypes

import numpy as np
import pytest

from adjoint.codegen import sort
from adjoint.codegen.compile import compile_object
from adjoint.codegen.targets import host, without
from adjoint.runtime import cpu

TARGETS = {"own": host(), "avx2": without(host(), "avx512"), "baseline": without(host(), "avx")}


@pytest.fixture(scope="module", params=TARGETS.values(), ids=TARGETS)
def library(request):
    """The module with its inner functions in view."""
    text = sort.module_text(request.param).replace("define internal", "define")
    return cpu.load(compile_object(text, request.param))


@pytest.mark.parametrize("width", [64, 32])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 100, 1000])
def test_merging_and_the_depth_limit(library, width, n):
    rng = np.random.default_rng(n)
    for name, depth in (("merge", ()), ("quick", (0,)), ("quick", (1,)), ("quick", (40,))):
        x = rng.integers(-500, 500, n).astype(f"int{width}")
        expected = np.sort(x)
        buffer = np.empty(n * width // 8 + sort.PADDING, np.uint8)
        kinds = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, *[ctypes.c_int64] * len(depth)]
        function = library.function(f"{name}.{width}", None, *kinds)
        function(x.ctypes.data, buffer.ctypes.data, n, *depth)
        np.testing.assert_array_equal(x, expected)
