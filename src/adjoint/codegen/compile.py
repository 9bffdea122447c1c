"""From LLVM IR as text to the bytes of an object file.

Enters: a module's text and a target.  Leaves: object bytes, which the runtime loads and the disk
cache keeps.  The emitter has hoisted, shared and vectorised already, so LLVM inlines, turns memory
cells into registers, and generates code: milliseconds instead of the hundreds that its full
pipeline takes.
"""

from __future__ import annotations

import ctypes
from typing import Any

from .targets import Target, llvm

LEVEL = 1  # of effort in code generation: 2 takes longer and gives the same code, 0 slower code


def compile_object(text: str, target: Target, level: int = LEVEL) -> bytes:
    """Object bytes of a module.

    Raises `RuntimeError` with LLVM's message where the text is no valid module.
    """
    return emitted(prepared(text, target, level), target.machine(level))


def assembly(text: str, target: Target, level: int = LEVEL) -> str:
    """The assembly of the same machine code, to be read."""
    return target.machine(level).emit_assembly(prepared(text, target, level))


def emitted(module: Any, machine: Any) -> bytes:
    """The object bytes of a module in a context of its own.

    llvmlite lets one thread at a time into LLVM, which is asked here without its lock: LLVM itself
    allows a module in each thread, as long as each has its own context and target machine.
    """
    ffi = llvm().ffi
    emit = ffi.lib.LLVMPY_TargetMachineEmitToMemory
    if not hasattr(emit, "_cfn"):
        return machine.emit_object(module)
    with ffi.OutputString() as error:
        memory = emit._cfn(machine, module, 1, error)
        if not memory:
            raise RuntimeError(str(error))
    try:
        start, size = ffi.lib.LLVMPY_GetBufferStart(memory), ffi.lib.LLVMPY_GetBufferSize(memory)
        return ctypes.string_at(start, size)
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(memory)


def prepared(text: str, target: Target, level: int) -> Any:
    """The module as LLVM's code generator gets it."""
    binding = llvm()
    module = binding.parse_assembly(text, binding.create_context())
    machine = target.machine(level)
    options = binding.create_pipeline_tuning_options(speed_level=0)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)  # inlines what must be
    passes = binding.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.run(module, builder)
    return module
