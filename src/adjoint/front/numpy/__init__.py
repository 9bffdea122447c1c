"""`ad.numpy`: NumPy's functions that take traced values as well as plain ones.

On plain values every function is NumPy's own; on traced ones it is the implementation of this
package. Names that need none (constants, dtypes, functions of plain values) are NumPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as _numpy

from . import (  # noqa: F401  (each registers its functions)
    calculus,
    contract,
    creation,
    elementwise,
    fft,
    indexing,
    iteration,
    layout,
    linalg,
    methods,
    padding,
    plain,
    rearranging,
    reductions,
    register,
    scimath,
    sorting,
    statistics,
    ufunc_methods,
    writing,
)

for _name in register.MAKE_ARRAYS - set(register.names):
    register.names[_name] = register.maker(getattr(_numpy, _name), getattr(_numpy, _name))


def __getattr__(name: str) -> Any:
    found = register.names.get(name)
    if found is not None:
        return found
    found = getattr(_numpy, name)
    return register.names.get(getattr(found, "__name__", name), found) if callable(found) else found


def __dir__() -> list[str]:
    return sorted({*dir(_numpy), *register.names})
