"""`ad.autograd`: gradients of what eager tensors recorded."""

from . import graph
from . import recompute as _recompute  # noqa: F401  (`checkpoint` of tensors)
from .creation import mark_variables
from .deferred import backward, grad
from .function import Function
from .mode import (
    compile,
    detect_anomaly,
    enable_grad,
    is_grad_enabled,
    is_recording,
    is_training,
    no_grad,
    pause,
    predict_mode,
    record,
    set_grad_enabled,
    train_mode,
)
from .saved import AutogradError

__all__ = [
    "AutogradError",
    "Function",
    "backward",
    "compile",
    "detect_anomaly",
    "enable_grad",
    "grad",
    "graph",
    "is_grad_enabled",
    "is_recording",
    "is_training",
    "mark_variables",
    "no_grad",
    "pause",
    "predict_mode",
    "record",
    "set_grad_enabled",
    "train_mode",
]
