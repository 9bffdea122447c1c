"""Linear algebra on stacks of matrices: equations, decompositions, functions of matrices."""

from . import decompose, functions, solve

__all__ = ["decompose", "functions", "solve"]
