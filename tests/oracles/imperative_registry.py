"""The register of imperative programs, and the names under which each system offers what they use.

A program is a function of one namespace `t`. It makes tensors of seeded data, records, calls
`backward` and returns a dictionary of results by name: tensors, flags, strings and None. Names are
NumPy's (`t.sum(x, axis=0)`, `t.linalg.solve`) with PyTorch's for what records (`t.tensor`,
`t.no_grad`, `t.grad`, `t.Function`). `AdjointNames` serves them from NumPy itself and adjoint,
`PytorchNames` from PyTorch, which takes `axis` and `keepdims` for its own words.

`@program` registers what must give equal results, `@error` what must raise, and `@overwrite` what
takes a second argument that says whether a result is written over before `backward`.
"""

import importlib
from collections.abc import Callable
from typing import Any

import numpy

PROGRAMS: dict[str, Callable[[Any], dict[str, Any]]] = {}
ERRORS: dict[str, Callable[[Any], Any]] = {}
OVERWRITES: dict[str, Callable[[Any, bool], dict[str, Any]]] = {}


def _register_in(table):
    """A decorator that puts a function into `table` under its own name."""

    def register(function):
        assert function.__doc__, f"{function.__name__} has no docstring"
        assert function.__name__ not in table, f"two functions are called {function.__name__}"
        table[function.__name__] = function
        return function

    return register


program = _register_in(PROGRAMS)
error = _register_in(ERRORS)
overwrite = _register_in(OVERWRITES)


class Names:
    """What both namespaces share: where the names that record are found."""

    TOP = ("tensor", "no_grad", "enable_grad")
    AUTOGRAD = ("grad", "Function", "set_grad_enabled", "detect_anomaly")
    GRAPH = ("saved_tensors_hooks", "save_on_cpu")

    def __init__(self, library, functions):
        self._library = importlib.import_module(library)
        self._functions = importlib.import_module(functions)

    def __getattr__(self, name):
        if name in self.TOP:
            return getattr(self._library, name)
        if name in self.AUTOGRAD:
            return getattr(self._library.autograd, name)
        if name in self.GRAPH:
            return getattr(self._library.autograd.graph, name)
        return getattr(self._functions, name)


class AdjointNames(Names):
    """NumPy's own functions, and the tensors of adjoint."""

    def __init__(self):
        super().__init__("adjoint", "numpy")

    def constant(self, data):
        """Data that nothing is differentiated by: a plain array."""
        return numpy.asarray(data)

    def astype(self, x, dtype):
        """`x` in another type."""
        return x.astype(dtype)

    def add_at(self, x, index, values):
        """Add `values` to `x` in place, at places that may occur repeatedly."""
        numpy.add.at(x, index, values)


class PytorchNames(Names):
    """PyTorch's functions under NumPy's names; Python numbers beside tensors where NumPy allows."""

    def __init__(self):
        super().__init__("torch", "torch")

    def constant(self, data):
        """Data that nothing is differentiated by: a tensor."""
        return self.tensor(numpy.asarray(data))

    def astype(self, x, dtype):
        """`x` in another type."""
        return x.to(dtype)

    def add_at(self, x, index, values):
        """Add `values` to `x` in place, at places that may occur repeatedly."""
        x.index_put_((index,), values, accumulate=True)

    def max(self, x, axis=(), keepdims=False):
        """The greatest entries; ties share the derivative, as those of `amax` do."""
        return self._functions.amax(x, axis, keepdims)

    def min(self, x, axis=(), keepdims=False):
        """The least entries, likewise."""
        return self._functions.amin(x, axis, keepdims)

    def maximum(self, x, y):
        """The greater of two, elementwise."""
        return self._functions.maximum(x, self._functions.as_tensor(y, dtype=x.dtype))

    def minimum(self, x, y):
        """The lesser of two, elementwise."""
        return self._functions.minimum(x, self._functions.as_tensor(y, dtype=x.dtype))

    def sort(self, x, axis=-1):
        """The entries in order, without their places."""
        return self._functions.sort(x, axis).values

    def roll(self, x, shift, axis=None):
        """The entries moved around a ring."""
        return self._functions.roll(x, shift, axis)

    def flip(self, x, axis):
        """The entries in reverse order along an axis."""
        return self._functions.flip(x, (axis,))

    def transpose(self, x, axes):
        """The axes in another order."""
        return self._functions.permute(x, axes)

    def take_along_axis(self, x, index, axis):
        """Entries picked along an axis."""
        return self._functions.take_along_dim(x, index, axis)

    def cross(self, x, y):
        """Vector products along the last axis."""
        return self._functions.linalg.cross(x, y)
