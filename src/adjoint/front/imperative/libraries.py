"""Libraries that look for a backend by the type of what they are given, and do not know tensors.

Enters: the modules that are loaded.  Leaves: einops with a backend for tensors: NumPy's, whose
functions tensors take part in.  TensorLy calls NumPy's functions and needs nothing; inside
transforms neither does.
"""

from __future__ import annotations

import sys
from typing import Any

from .tensor import EagerTensor

BACKENDS = "einops._backends"
introduced: dict[str, type | None] = {}


def introduce() -> None:
    """Let einops know tensors, once it is loaded."""
    module = sys.modules.get(BACKENDS)
    if module is None or BACKENDS in introduced:
        return
    introduced[BACKENDS] = None
    numpy_backend: Any = getattr(module, "NumpyBackend", None)
    if numpy_backend is None:  # another einops than those that are known
        return

    class AdjointBackend(numpy_backend):
        """NumPy's functions, on tensors."""

        framework_name = "adjoint"

        def is_appropriate_type(self, tensor: Any) -> bool:
            """Whether a value is a tensor."""
            return isinstance(tensor, EagerTensor)

    introduced[BACKENDS] = AdjointBackend  # einops looks among the living subclasses
