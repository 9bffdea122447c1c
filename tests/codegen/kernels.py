"""Runs a piece of generated code on arrays: what tests of `codegen/` share.

`run(write, arrays, result)` compiles a loop over contiguous arrays whose body `write(builder,
*values)` gives the result's element, `lanes` at a time; the rest is padded and cut off.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adjoint.codegen.builder import Builder, Value
from adjoint.codegen.compile import compile_object
from adjoint.codegen.mathlib.registry import definitions
from adjoint.codegen.targets import Target, host, llvm, target_machine

KINDS = {"f8": "double", "f4": "float", "b1": "i8"}


def kind_of(dtype: Any) -> str:
    """LLVM's kind of an element in memory."""
    dtype = np.dtype(dtype)
    return KINDS.get(dtype.str[1:], f"i{8 * dtype.itemsize}")


class Kernel:
    """A compiled loop; keeps its machine code alive."""

    def __init__(
        self,
        write: Callable[..., Value],
        dtypes: Sequence[Any],
        result: Any,
        lanes: int = 8,
        target: Target | None = None,
    ) -> None:
        target = target or host()
        self.result, self.lanes = np.dtype(result), lanes
        self.dtypes = [np.dtype(d) for d in dtypes]
        b = Builder(target, lanes)
        values = []
        for k, dtype in enumerate(self.dtypes):
            kind = kind_of(dtype)
            b.lines.append(f"  %a{k} = getelementptr {kind}, ptr %p{k}, i64 %i")
            t = Value(b, f"%x{k}", kind, lanes)
            b.lines.append(f"  {t.text} = load {t.type}, ptr %a{k}, align 1")
            values.append(b.compare("ne", t, 0) if dtype.kind == "b" else t)
        y = b.splat(write(b, *values), lanes)
        if y.kind == "i1":
            y = b.cast("zext", y, "i8")
        b.lines.append(f"  %o = getelementptr {y.kind}, ptr %r, i64 %i")
        b.lines.append(f"  store {y!r}, ptr %o, align 1")
        texts, more = definitions(b.functions, target, lambda name: True)
        pointers = "".join(f"ptr %p{k}, " for k in range(len(values)))
        text = "\n".join(
            [
                *sorted(b.declarations | more),
                *texts,
                f"define void @loop({pointers}ptr %r, i64 %n) {{",
                "entry:",
                "  br label %body",
                "body:",
                "  %i = phi i64 [0, %entry], [%next, %body]",
                *b.lines,
                f"  %next = add i64 %i, {lanes}",
                "  %more = icmp slt i64 %next, %n",
                "  br i1 %more, label %body, label %done",
                "done:",
                "  ret void",
                "}",
            ]
        )
        self.text = text
        binding = llvm()
        machine = target_machine(target, 2)  # the engine owns it from here on
        self.engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
        code = binding.ObjectFileRef.from_data(compile_object(text, target))
        self.engine.add_object_file(code)
        code.detach()  # the engine owns it from here on
        self.engine.finalize_object()
        prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (len(values) + 1), ctypes.c_int64)
        self.call = prototype(self.engine.get_function_address("loop"))

    def __call__(self, *arrays: Any) -> np.ndarray:
        """The results for arrays of one length."""
        arrays = np.broadcast_arrays(*arrays)
        n = arrays[0].size
        size = -(-n // self.lanes) * self.lanes
        padded = []
        for x, dtype in zip(arrays, self.dtypes, strict=True):
            p = np.ones(size, dtype)
            p[:n] = x.ravel()
            padded.append(p)
        out = np.empty(size, self.result)
        if n:
            self.call(*[p.ctypes.data for p in padded], out.ctypes.data, size)
        return out[:n].reshape(arrays[0].shape)


def run(
    write: Callable[..., Value],
    arrays: Sequence[Any],
    result: Any,
    lanes: int = 8,
    target: Target | None = None,
) -> np.ndarray:
    """Compile and call once."""
    arrays = [np.asarray(x) for x in arrays]
    return Kernel(write, [x.dtype for x in arrays], result, lanes, target)(*arrays)
