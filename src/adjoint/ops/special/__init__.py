"""Special functions: the ufuncs of `scipy.special`, with derivatives made of one another.

Values and dtypes are SciPy's own; SciPy is imported when the first of them is evaluated.  A partial
derivative is written with other primitives of this table, so every order exists, and in a form that
neither divides by zero nor cancels where another one is known.  An order, a degree or a shape in
which no closed derivative is known refuses with its reason when a derivative in it is asked for.

Sources: NIST Digital Library of Mathematical Functions (https://dlmf.nist.gov), chapters 4-8, 10,
15, 18, 19; Carlson, *Numerical computation of real or complex elliptic integrals* (1995).
"""

from . import bessel, elementary, elliptic, error, gamma, incomplete, integrals, polynomials

__all__ = [
    "bessel",
    "elementary",
    "elliptic",
    "error",
    "gamma",
    "incomplete",
    "integrals",
    "polynomials",
]
