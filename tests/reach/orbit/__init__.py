"""A small package of a user's: modules that import one another relatively."""

from . import forces
from .inner import steps
from .inner.steps import advance

__all__ = ["advance", "forces", "steps"]
