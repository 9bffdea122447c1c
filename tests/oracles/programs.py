"""All the NumPy programs whose derivatives are compared with oracles, in one dictionary by name."""

import array_programs
import learning_programs
import matrix_programs
import numpy
import science_programs
import scipy.special
from registry import PROGRAMS

from adjoint.front import special

FAMILIES = (array_programs, matrix_programs, science_programs, learning_programs)


class SpecialFunctions:
    """SciPy's own ufuncs, which reach adjoint by NumPy's protocol; the facade for the others."""

    def __getattr__(self, name):
        function = getattr(scipy.special, name)
        return function if isinstance(function, numpy.ufunc) else getattr(special, name)


SPECIAL = SpecialFunctions()

__all__ = ["FAMILIES", "PROGRAMS", "SPECIAL"]
