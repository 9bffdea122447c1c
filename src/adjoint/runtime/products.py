"""Matrix products of our own in this process: their addresses, loaded when first asked for.

Enters: a dtype's name, `float32` or `float64`.  Leaves: the addresses of `product` and `products`
(`codegen/gemm.py` tells how they are called) and the bytes of workspace that a call needs.  Machine
code is made once for a processor and then kept in the disk cache.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from typing import NamedTuple

from ..codegen import gemm
from ..codegen.compile import compile_object
from ..codegen.targets import Target, host
from .cache import default
from .cpu import Library, load

LEVEL = 1  # of LLVM's effort: more takes longer and gives no faster code here
KINDS = {"float32": "float", "float64": "double"}


class Products(NamedTuple):
    """The functions of one dtype."""

    product: int
    products: int
    library: Library


LOADED: dict[str, Products] = {}
LOCK = threading.Lock()


def prefers_own(target: Target) -> bool:
    """Whether `product` is to be preferred to the BLAS that SciPy brings.

    On processors with AVX-512: whether SciPy's OpenBLAS has kernels for them depends on how old it
    is and on who made the processor, and with those for AVX2 it reaches half of the speed.  Of
    other processors BLAS knows more than we do (ARM's Accelerate, kernels for each generation).
    """
    return target.vector_bits == 512


def workspace_bytes(m: int, n: int, k: int, dtype: str, count: int | None = 1) -> int:
    """Bytes of workspace of an (m x k) by (k x n) product, or of a stack of `count` of them."""
    return gemm.workspace_bytes(m, n, k, KINDS[dtype], host(), count)


def address(dtype: str) -> int:
    """Address of `product` for a dtype; valid while the process lives.

    Raises `KeyError` for other dtypes than float32 and float64.
    """
    return functions(dtype).product


def stack_address(dtype: str) -> int:
    """Address of `products`, for stacks of matrices."""
    return functions(dtype).products


def functions(dtype: str) -> Products:
    """Both functions, compiled or found in the disk cache at the first call."""
    kind = KINDS[dtype]
    found = LOADED.get(dtype)
    if found is None:
        with LOCK:
            found = LOADED.get(dtype)
            if found is None:
                found = LOADED[dtype] = make(kind, host())
                ctypes.pythonapi.Py_IncRef(
                    ctypes.py_object(found.library)
                )  # a thread may be inside
    return found


def make(
    kind: str, target: Target, compile: Callable[[str, Target], bytes] | None = None
) -> Products:
    """Load the functions for `float` or `double`; they live as long as the library."""
    library = load((compile or compile_or_find)(gemm.module_text(target, kind), target))
    return Products(library.address("product"), library.address("products"), library)


def compile_or_find(text: str, target: Target) -> bytes:
    """Object bytes of a module, from the disk cache where it has them."""
    key = f"products\n{target.fingerprint}\n{text}"
    return default().obtain("object", key, lambda: compile_object(text, target, LEVEL))
