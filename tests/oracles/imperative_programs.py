"""All the imperative programs that are compared with PyTorch, in one dictionary by name."""

import imperative_errors
import imperative_graphs
import imperative_learning
import imperative_science
import imperative_writes
from imperative_registry import ERRORS, OVERWRITES, PROGRAMS, AdjointNames, PytorchNames

FAMILIES = (
    imperative_graphs,
    imperative_writes,
    imperative_learning,
    imperative_science,
    imperative_errors,
)

__all__ = ["ERRORS", "FAMILIES", "OVERWRITES", "PROGRAMS", "AdjointNames", "PytorchNames"]
