"""From LLVM IR as text to the bytes of an object file.

Enters: a module's text and a target.  Leaves: object bytes, which the runtime loads and the disk
cache keeps.  The emitter has hoisted, shared and vectorised already, so LLVM inlines, turns memory
cells into registers, and generates code: milliseconds instead of the hundreds that its full
pipeline takes.
"""

from __future__ import annotations

from typing import Any

from .targets import Target, llvm

LEVEL = 1  # of effort in code generation: 2 takes longer and gives the same code, 0 slower code


def compile_object(text: str, target: Target, level: int = LEVEL) -> bytes:
    """Object bytes of a module.

    Raises `RuntimeError` with LLVM's message where the text is no valid module.
    """
    return target.machine(level).emit_object(prepared(text, target, level))


def assembly(text: str, target: Target, level: int = LEVEL) -> str:
    """The assembly of the same machine code, to be read."""
    return target.machine(level).emit_assembly(prepared(text, target, level))


def prepared(text: str, target: Target, level: int) -> Any:
    """The module as LLVM's code generator gets it."""
    binding = llvm()
    module = binding.parse_assembly(text)
    machine = target.machine(level)
    options = binding.create_pipeline_tuning_options(speed_level=0)
    options.loop_vectorization = options.slp_vectorization = options.loop_unrolling = False
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)  # inlines what must be
    passes = binding.create_new_module_pass_manager()
    passes.add_sroa_pass()
    passes.run(module, builder)
    return module
