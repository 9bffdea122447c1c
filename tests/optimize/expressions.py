"""Evaluates array expressions with NumPy: the meaning that constructors must keep."""

import math

import numpy as np

from adjoint.graph.primitive import registry
from adjoint.optimize.expression import is_gather
from adjoint.optimize.statements import ordered

RUNNING = {"add": np.cumsum, "mul": np.cumprod, "maximum": np.maximum.accumulate,
           "minimum": np.minimum.accumulate}  # fmt: skip


def read(x, value, inside):
    """A view: `value` at the places that its maps say."""
    grid = np.indices(x.shape)
    places = []
    for p, m in enumerate(x.attribute):
        if is_gather(m):
            found = inside[m[1]][tuple(grid[k] for k in m[2])]
            places.append(np.where(found < 0, found + x.inputs[0].shape[p], found))
        else:
            places.append(m[1] + sum((c * grid[k] for k, c in m[0]), np.zeros(x.shape, int)))
    return value[tuple(places)] if places else np.broadcast_to(value, x.shape)


def put_together(x, parts):
    """Parts side by side in zeros."""
    out = np.zeros(x.shape, x.dtype)
    for part, (starts, steps) in zip(parts, x.attribute, strict=True):
        box = [slice(a, a + c * n, c) for a, c, n in zip(starts, steps, part.shape, strict=True)]
        out[tuple(box)] = part
    return out


def added(x, values, *indices):
    """Values added at index arrays."""
    out = np.zeros(x.shape, x.dtype)
    np.add.at(out, tuple(indices), values)
    return out


def evaluate(outputs, arrays):
    """The values of expressions for argument arrays."""
    found = {}
    for x in ordered(outputs):
        a = [found[y] for y in x.inputs]
        if x.op == "input":
            value = arrays[x.attribute].reshape(x.shape)
        elif x.op == "table":
            value = x.attribute
        elif x.op == "constant":
            value = np.full(x.shape, x.attribute)
        elif x.op == "iota":
            value = np.arange(x.shape[0])
        elif x.op == "map":
            name, parameters = x.attribute
            value = registry[name].evaluate(*a, **dict(parameters))
        elif x.op == "view":
            value = read(x, a[0], a)
        elif x.op == "reduce":
            value = getattr(np, x.attribute[0])(a[0], axis=x.attribute[1])
        elif x.op == "scan":
            value = RUNNING[x.attribute[0]](a[0], x.attribute[1])
        elif x.op == "scatter":
            value = added(x, *a)
        elif x.op == "regions":
            value = put_together(x, a)
        elif x.op == "place":
            value = np.where(a[0] < 0, a[0] + x.attribute, a[0])
        elif x.op == "product":
            value = a[0] @ a[1]
        elif x.op == "alias":
            value = a[0].reshape(x.shape)
        else:
            raise AssertionError(x.op)
        assert np.shape(value) == x.shape and math.prod(x.shape) == np.size(value), x
        found[x] = np.asarray(value, x.dtype)
    return [found[x] for x in outputs]
