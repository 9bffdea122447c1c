"""What code is generated for: the processor's triple, name, features and vector width.

Enters: nothing (the processor this runs on) or the name of another.  Leaves: a `Target`, which
tells how many lanes a vector has and which instructions may be used, and gives LLVM's target
machine.  Its `fingerprint` belongs to the key of everything that is compiled.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any, NamedTuple


class Target(NamedTuple):
    """A processor that code is generated for."""

    triple: str
    cpu: str
    features: str  # as LLVM takes them: "+avx2,-avx512f,..."
    vector_bits: int  # width of a vector register
    fast_fma: bool  # whether a fused multiply-add is one instruction

    def has(self, feature: str) -> bool:
        """Whether the processor has a feature, by LLVM's name."""
        return f"+{feature}" in self.features.split(",")

    @property
    def fingerprint(self) -> str:
        """What machine code depends on, as text."""
        return "|".join(map(str, self))

    def machine(self, level: int = 2) -> Any:
        """LLVM's target machine (`level`: effort of its code generator, 0 to 3): this thread's own,
        for a target machine compiles one module at a time."""
        machines = MACHINES.found
        if (self, level) not in machines:
            machines[self, level] = target_machine(self, level)
        return machines[self, level]


class Machines(threading.local):
    """A thread's target machines, by target and level."""

    def __init__(self) -> None:
        self.found: dict[tuple[Target, int], Any] = {}


MACHINES = Machines()


def target_machine(target: Target, level: int) -> Any:
    """A new target machine."""
    binding = llvm()
    return binding.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=level, reloc="pic", codemodel="default"
    )


@lru_cache(maxsize=1)
def llvm() -> Any:
    """llvmlite's binding, its native target initialised."""
    import llvmlite.binding as binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


@lru_cache(maxsize=1)
def host() -> Target:
    """The processor this runs on."""
    binding = llvm()
    features = dict(binding.get_host_cpu_features())
    triple = binding.get_process_triple()
    return make_target(triple, binding.get_host_cpu_name(), features)


def make_target(triple: str, cpu: str, features: dict[str, bool]) -> Target:
    """A target from what LLVM says of a processor."""
    if features.get("avx512f") and features.get("avx512dq") and features.get("avx512vl"):
        bits, fused = 512, True
        features = {**features, "prefer-256-bit": False}
    elif features.get("avx2") and features.get("fma"):
        bits, fused = 256, True
    else:
        is_arm = triple.startswith(("aarch64", "arm64"))
        bits, fused = 128, is_arm or bool(features.get("fma"))
    text = ",".join(("+" if on else "-") + name for name, on in sorted(features.items()))
    return Target(triple, cpu, text, bits, fused)


def without(target: Target, *features: str) -> Target:
    """The same processor without some features: to test the code for lesser ones."""
    kept = {f[1:]: f[0] == "+" for f in target.features.split(",") if f}
    for name in kept:
        if any(name.startswith(f) for f in features):
            kept[name] = False
    kept.pop("prefer-256-bit", None)
    return make_target(target.triple, target.cpu, kept)
