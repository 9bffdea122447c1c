"""Elementary functions give the same bits on a processor without AVX-512, or without any AVX."""

from __future__ import annotations

import numpy as np
import pytest
from codegen.accuracy import CASES, apply, points

from adjoint.codegen.mathlib.registry import FUNCTIONS
from adjoint.codegen.targets import host, without

NAMES = (
    "exp exp2 expm1 log log2 log10 log1p pow cbrt hypot logaddexp logaddexp2 sinh cosh tanh"
    " arcsinh arccosh arctanh expit log_expit".split()
)
LESSER = {
    "no AVX-512": without(host(), "avx512"),
    "no AVX, no fused multiply-add": without(host(), "avx", "fma", "sse4", "f16c"),
}


@pytest.mark.parametrize("lesser", LESSER)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_equal_bits(name: str, dtype: str, lesser: str) -> None:
    if name == "tanh" and dtype == "float32":
        pytest.skip("with AVX-512 it is looked up in a table, elsewhere computed")
    columns = points(CASES[name], FUNCTIONS[name].arity, np.dtype(dtype).type, 500)
    ours = apply(name, *columns)
    theirs = apply(name, *columns, target=LESSER[lesser])
    np.testing.assert_array_equal(theirs, ours)
