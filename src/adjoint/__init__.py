"""`adjoint`: exact derivatives of any order of the NumPy function you already have.

>>> import adjoint as ad
>>> ad.grad(lambda x, y: x**2 * y + y + 2, argnums=(0, 1))(3.0, 4.0)
(24.0, 10.0)
"""

from . import testing
from .api import (
    derivative,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    jvp,
    linearize,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
from .base.errors import AdjointError, DifferentiationError, GraphError, ShapeError, TracingError
from .comparison import compare
from .front import linalg, numpy, random, special, symbolic
from .front.checkpoint import checkpoint, checkpoint_name
from .front.custom import custom_derivative
from .front.draw import draw
from .front.dual import Dual
from .front.explain import explain
from .front.imperative import autograd
from .front.imperative.autograd import enable_grad, no_grad, pause, record
from .front.imperative.creation import tensor
from .front.imperative.tensor import EagerTensor as Tensor
from .front.structured import cond, fori_loop, scan, switch, while_loop
from .front.structured import each as map
from .front.symbolic import expression, symbols
from .front.taylor import taylor

__version__ = "0.1.0"
__all__ = [
    "AdjointError",
    "DifferentiationError",
    "Dual",
    "GraphError",
    "ShapeError",
    "Tensor",
    "TracingError",
    "autograd",
    "checkpoint",
    "checkpoint_name",
    "compare",
    "cond",
    "custom_derivative",
    "derivative",
    "draw",
    "enable_grad",
    "explain",
    "expression",
    "fori_loop",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linalg",
    "linearize",
    "map",
    "no_grad",
    "numpy",
    "pause",
    "random",
    "record",
    "scan",
    "special",
    "stop_gradient",
    "switch",
    "symbolic",
    "symbols",
    "taylor",
    "tensor",
    "testing",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]


def __dir__() -> list[str]:
    return [*__all__, "__all__", "__doc__", "__version__"]
