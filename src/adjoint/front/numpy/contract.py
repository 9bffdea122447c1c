"""Products of vectors, matrices and tensors, convolutions.

Enters: NumPy's calls (every rank combination of `dot`, every form of `einsum` and of `tensordot`'s
axes).  Leaves: one `matmul`, `einsum`, `cross` or `convolve` operation wherever one is enough.  An
einsum of more than two operands becomes a chain of pairs, so that its derivative reuses the
intermediate products.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ...base.dtypes import type_of
from ...base.errors import message
from ...graph import op
from ...ops.contract import pair_steps, parse, steps_along
from ..operands import functions, ufuncs
from ..trace import formed
from ..writing import viewed
from .register import array_like, implements, names, one_axis, public, refuse_options

# ---------------------------------------------------------------------------- vectors and matrices


def misfit(operation: str, s: tuple[int, ...], t: tuple[int, ...], reason: str) -> ValueError:
    """The error for shapes that cannot be multiplied."""
    return ValueError(
        message(f"{operation} got the shapes {s} and {t}", expected=reason, operation=operation)
    )


def matmul(a: Any, b: Any, **options: Any) -> Any:
    """`a @ b` for vectors, matrices and stacks."""
    if options:
        return with_axes(matmul, np.matmul, (a, b), **options)
    a, b = array_like(a), array_like(b)
    s, t = type_of(a).shape, type_of(b).shape
    if not s or not t:
        raise misfit("matmul", s, t, "at least one axis; `*` multiplies by a scalar")
    if s[-1] != t[-2 if len(t) > 1 else 0]:
        place = "second to last" if len(t) > 1 else "first"
        raise misfit(
            "matmul", s, t, f"the last axis of the first as long as the {place} of the second"
        )
    return op.matmul(a, b)


functions["matmul"] = matmul
ufuncs[np.matmul] = matmul
names["matmul"] = public(np.matmul, matmul)


@implements(np.dot)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    a, b = array_like(a), array_like(b)
    s, t = type_of(a).shape, type_of(b).shape
    if not s or not t:
        return op.mul(a, b)
    if s[-1] != t[-2 if len(t) > 1 else 0]:
        place = "second to last" if len(t) > 1 else "first"
        raise misfit(
            "np.dot", s, t, f"the last axis of the first as long as the {place} of the second"
        )
    if len(t) <= 2:
        return op.matmul(a, b)
    left, right = letters_for(len(s), 0), letters_for(len(t) - 1, len(s))
    right_term = right[:-1] + left[-1] + right[-1]
    return op.einsum(a, b, subscripts=f"{left},{right_term}->{left[:-1]}{right}")


ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def letters_for(count: int, start: int) -> str:
    """Letters for a number of axes."""
    return ALPHABET[start : start + count]


def conjugate(x: Any) -> Any:
    """The complex conjugate; a real value itself."""
    return op.conj(x) if type_of(x).dtype.kind == "c" else x


def flat(x: Any) -> Any:
    """All elements in C order."""
    t = type_of(x)
    return x if t.ndim == 1 else op.reshape(x, shape=(t.size,))


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Any:
    a, b = flat(array_like(a)), flat(array_like(b))
    s, t = type_of(a).shape, type_of(b).shape
    if s != t:
        raise misfit("np.vdot", s, t, "the same number of elements")
    return op.matmul(conjugate(a), b)


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    a, b = array_like(a), array_like(b)
    s, t = type_of(a).shape, type_of(b).shape
    if not s or not t:
        return op.mul(a, b)
    if s[-1] != t[-1]:
        raise misfit("np.inner", s, t, "last axes of the same length")
    if len(t) == 1:
        return op.matmul(a, b)
    left, right = letters_for(len(s), 0), letters_for(len(t) - 1, len(s))
    return op.einsum(a, b, subscripts=f"{left},{right}{left[-1]}->{left[:-1]}{right}")


@implements(np.outer)
def outer(a: Any, b: Any, out: Any = None) -> Any:
    a, b = array_like(a), array_like(b)
    return op.mul(op.reshape(a, shape=(type_of(a).size, 1)), flat(b))


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    a, b = array_like(a), array_like(b)
    s, t = type_of(a).shape, type_of(b).shape
    rank = max(len(s), len(t))
    if not s or not t:
        return op.mul(a, b)
    s, t = (1,) * (rank - len(s)) + tuple(s), (1,) * (rank - len(t)) + tuple(t)
    a = op.reshape(a, shape=tuple(x for n in s for x in (n, 1)))
    b = op.reshape(b, shape=tuple(x for n in t for x in (1, n)))
    return op.reshape(op.mul(a, b), shape=tuple(n * m for n, m in zip(s, t, strict=True)))


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, axes: Any = None, keepdims: bool = False) -> Any:
    """`np.vecdot`: the first operand conjugated."""
    if axes is not None:
        x1, x2 = functions[np.moveaxis](x1, axes[0], -1), functions[np.moveaxis](x2, axes[1], -1)
        out = vecdot(x1, x2)
        return (
            functions[np.moveaxis](op.reshape(out, shape=(*type_of(out).shape, 1)), -1, axis)
            if keepdims
            else out
        )
    x1, x2 = array_like(x1), array_like(x2)
    s, t = type_of(x1).shape, type_of(x2).shape
    if not s or not t:
        raise misfit("np.vecdot", s, t, "at least one axis")
    left, right = one_axis(axis, len(s)), one_axis(axis, len(t))
    if s[left] != t[right]:
        raise misfit("np.vecdot", s, t, f"the same length along axis {axis}")
    x1 = conjugate(x1)
    if len(s) == len(t) == 1:
        out = op.matmul(x1, x2)
    else:
        rank = max(len(s), len(t)) - 1
        stack = letters_for(rank, 1)
        first, second = stack[rank - len(s) + 1 :], stack[rank - len(t) + 1 :]
        first, second = first[:left] + "a" + first[left:], second[:right] + "a" + second[right:]
        out = op.einsum(x1, x2, subscripts=f"{first},{second}->{stack}")
    if not keepdims:
        return out
    shape = list(type_of(out).shape)
    shape.insert(axis if axis >= 0 else axis + len(shape) + 1, 1)
    return op.reshape(out, shape=tuple(shape))


def matvec(x1: Any, x2: Any, /, **options: Any) -> Any:
    """`np.matvec`: (..., m, n) matrices times (..., n) vectors."""
    if options:
        return with_axes(matvec, np.matvec, (x1, x2), **options)
    x1, x2 = array_like(x1), array_like(x2)
    s, t = type_of(x1).shape, type_of(x2).shape
    if len(s) < 2 or not t or s[-1] != t[-1]:
        raise misfit(
            "np.matvec", s, t, "matrices with as many columns as the vectors have elements"
        )
    if len(t) == 1:
        return op.matmul(x1, x2)
    if len(s) == 2:
        return op.matmul(x2, functions[np.matrix_transpose](x1))
    out = op.matmul(x1, op.reshape(x2, shape=(*t, 1)))
    return op.reshape(out, shape=type_of(out).shape[:-1])


def vecmat(x1: Any, x2: Any, /, **options: Any) -> Any:
    """`np.vecmat`: (..., n) vectors, conjugated, times (..., n, m) matrices."""
    if options:
        return with_axes(vecmat, np.vecmat, (x1, x2), **options)
    x1, x2 = array_like(x1), array_like(x2)
    s, t = type_of(x1).shape, type_of(x2).shape
    if len(t) < 2 or not s or s[-1] != t[-2]:
        raise misfit("np.vecmat", s, t, "matrices with as many rows as the vectors have elements")
    x1 = conjugate(x1)
    if len(s) == 1 or len(t) == 2:
        return op.matmul(x1, x2)
    out = op.matmul(op.reshape(x1, shape=(*s[:-1], 1, s[-1])), x2)
    shape = type_of(out).shape
    return op.reshape(out, shape=(*shape[:-2], shape[-1]))


def with_axes(
    function: Any, ufunc: np.ufunc, inputs: tuple, axes: Any = None, **options: Any
) -> Any:
    """A product with NumPy's `axes=`: the named axes are brought to the end, and those of the
    result put in place."""
    if options:
        given = options if axes is None else {"axes": axes, **options}
        return ufunc(*inputs, **given)  # by way of the protocol
    groups = [axis if isinstance(axis, tuple) else (axis,) for axis in axes]
    moved = [
        functions[np.moveaxis](x, group, tuple(range(-len(group), 0)))
        for x, group in zip(inputs, groups, strict=False)
    ]
    out = function(*moved)
    if len(groups) == 2 or not groups[2]:
        return out
    return functions[np.moveaxis](out, tuple(range(-len(groups[2]), 0)), groups[2])


for function, name in ((vecdot, "vecdot"), (matvec, "matvec"), (vecmat, "vecmat")):
    if hasattr(np, name):  # `matvec` and `vecmat` came with NumPy 2.2
        ufuncs[getattr(np, name)] = function
        names[name] = public(getattr(np, name), function)

# ---------------------------------------------------------------------------- tensordot and einsum


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = array_like(a), array_like(b)
    s, t = type_of(a).shape, type_of(b).shape
    if hasattr(axes, "__iter__"):
        left, right = (list(x) if hasattr(x, "__iter__") else [x] for x in axes)
    else:
        count = axes.__index__()
        left, right = list(range(len(s) - count, len(s))), list(range(count))
        if count > min(len(s), len(t)):
            raise misfit("np.tensordot", s, t, f"at least {count} axes to sum over")
    left, right = [one_axis(k, len(s)) for k in left], [one_axis(k, len(t)) for k in right]
    if len(left) != len(right) or any(s[i] != t[j] for i, j in zip(left, right, strict=True)):
        raise misfit(
            "np.tensordot", s, t, f"the same extents along {tuple(left)} and {tuple(right)}"
        )
    first = letters_for(len(s), 0)
    second = list(letters_for(len(t), len(s)))
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    output = [x for k, x in enumerate(first) if k not in left] + [
        x for k, x in enumerate(second) if k not in right
    ]
    found = op.einsum(a, b, subscripts=f"{first},{''.join(second)}->{''.join(output)}")
    return found if output else formed(found, True)  # an array without axes, as NumPy's


@lru_cache(maxsize=4096)
def written_out(subscripts: str, ranks: tuple[int, ...]) -> str:
    """Subscripts without spaces and ellipses, the output explicit."""
    text = subscripts.replace(" ", "")
    left, arrow, output = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise ValueError(
            message(
                f"np.einsum({subscripts!r}) got {len(ranks)} operands",
                expected=f"{len(terms)}, one for each term",
            )
        )
    bare = [term.replace("...", "") for term in terms]
    for letter in set("".join(bare) + output.replace("...", "")):
        if letter not in ALPHABET:
            raise ValueError(
                message(
                    f"np.einsum({subscripts!r}): {letter!r} is no letter",
                    expected="letters a-z, A-Z",
                )
            )
    spare = [x for x in reversed(ALPHABET) if x not in text]
    dots = max(
        (rank - len(b) for rank, b, term in zip(ranks, bare, terms, strict=True) if "..." in term),
        default=0,
    )
    stack = "".join(spare[:dots])
    found = []
    for term, letters, rank in zip(terms, bare, ranks, strict=True):
        extra = rank - len(letters)
        if extra < 0 or (extra and "..." not in term) or term.count("...") > 1:
            raise ValueError(
                message(
                    f"np.einsum({subscripts!r}): the term {term!r} met an operand with {rank} axes",
                    expected="a letter for each axis, or an ellipsis for the rest",
                )
            )
        found.append(term.replace("...", stack[dots - extra :]))
    if not arrow:
        counted = "".join(bare)
        output = stack + "".join(sorted(x for x in set(counted) if counted.count(x) == 1))
    else:
        output = output.replace("...", stack)
    if len(set(output)) != len(output) or not set(output) <= set("".join(found)):
        raise ValueError(
            message(
                f"np.einsum({subscripts!r}): the output {output!r}",
                expected="letters of the operands, each once",
            )
        )
    return ",".join(found) + "->" + output


def subscripts_and_operands(operands: tuple) -> tuple[str, list[Any]]:
    """Both of einsum's ways to call it as explicit subscripts and operands."""
    if isinstance(operands[0], str):
        arrays = [array_like(x) for x in operands[1:]]
        return written_out(operands[0], tuple([type_of(x).ndim for x in arrays])), arrays
    arrays, lists, rest = [], [], list(operands)
    while len(rest) > 1:
        arrays.append(array_like(rest.pop(0)))
        lists.append(rest.pop(0))
    text = ",".join(lettered(x) for x in lists)
    if rest:
        text += "->" + lettered(rest[0])
    return written_out(text, tuple([type_of(x).ndim for x in arrays])), arrays


def lettered(numbers: Sequence[Any]) -> str:
    """A list of axis numbers (and Ellipsis) as letters, in the same order of the alphabet."""
    return "".join("..." if x is Ellipsis else (ALPHABET[26:] + ALPHABET[:26])[x] for x in numbers)


@implements(np.einsum)
def einsum(
    *operands: Any,
    out: Any = None,
    optimize: Any = False,
    dtype: Any = None,
    order: str = "K",
    casting: str = "safe",
) -> Any:
    subscripts, arrays = subscripts_and_operands(operands)
    if dtype is not None:
        arrays = [cast(x, np.dtype(dtype), casting) for x in arrays]
    if order in ("C", "F"):
        return functions["in order"](einsum(subscripts, *arrays, optimize=optimize), order)
    if len(arrays) == 1 and dtype is None and isinstance(arrays[0], op.Traced):
        ((letters,), output) = parse(subscripts)
        if set(letters) == set(output):
            return rearranged(arrays[0], letters, output)
    if len(arrays) <= 2:
        return op.einsum(*arrays, subscripts=subscripts)
    if isinstance(optimize, (list, tuple)) and optimize and optimize[0] == "einsum_path":
        steps = steps_along(subscripts, tuple(tuple(places) for places in optimize[1:]))
    else:
        steps = pair_steps(subscripts, tuple([type_of(x).shape for x in arrays]))
    for first, second, step in steps:
        b, a = arrays.pop(second), arrays.pop(first)
        arrays.append(op.einsum(a, b, subscripts=step))
    (result,), output = arrays, parse(subscripts)[1]
    made = parse(steps[-1][2])[1]
    return result if made == output else op.einsum(result, subscripts=f"{made}->{output}")


def rearranged(x: Any, letters: str, output: str) -> Any:
    """`einsum` without a sum, which is a view: diagonals, in another order of the axes."""
    shape = type_of(x).shape
    for i, letter in enumerate(letters):
        first = letters.index(letter)
        if shape[i] != shape[first]:
            raise ValueError(
                f"dimensions in single operand for collapsing index {letter!r} don't match "
                f"({shape[first]} != {shape[i]})"
            )
    if len(letters) == len(output):
        return functions[np.transpose](x, [letters.index(letter) for letter in output])
    subscripts = f"{letters}->{output}"

    def read(base: Any) -> Any:
        return op.einsum(base, subscripts=subscripts)

    def put(base: Any, new: Any) -> Any:
        places = np.einsum(subscripts, np.arange(type_of(x).size).reshape(shape)).reshape(-1)
        size = (type_of(base).size,)
        flat = op.scatter_set(
            op.reshape(base, shape=size), op.reshape(new, shape=places.shape), places
        )
        return op.reshape(flat, shape=type_of(base).shape)

    return viewed(x, read(x), read, put)


def cast(x: Any, dtype: np.dtype, casting: str) -> Any:
    """An operand in the dtype in which is computed."""
    if not np.can_cast(type_of(x).dtype, dtype, casting):  # type: ignore[arg-type]
        raise TypeError(
            f"Iterator operand 0 dtype could not be cast from {type_of(x).dtype!r} to {dtype!r} "
            f"according to the rule {casting!r}"
        )
    return functions["astype"](x, dtype)


@implements(np.einsum_path)
def einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> Any:
    subscripts, arrays = subscripts_and_operands(operands)
    stand_ins = [np.broadcast_to(np.empty((), type_of(x).dtype), type_of(x).shape) for x in arrays]
    return np.einsum_path(subscripts, *stand_ins, optimize=optimize)


# ---------------------------------------------------------------------- cross, trace, convolutions


# NumPy 2.5 takes vectors of three elements only; before, two were deprecated.
FLAT_VECTORS_END = np.lib.NumpyVersion(np.__version__) >= "2.5.0"


@implements(np.cross)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = (
        functions[np.moveaxis](array_like(a), axisa, -1),
        functions[np.moveaxis](array_like(b), axisb, -1),
    )
    n, m = type_of(a).shape[-1], type_of(b).shape[-1]
    if FLAT_VECTORS_END and not n == m == 3:
        raise ValueError(
            "Both input arrays must be (arrays of) 3-dimensional vectors, "
            f"but they are {n} and {m} dimensional instead."
        )
    if n not in (2, 3) or m not in (2, 3):
        raise ValueError("incompatible dimensions for cross product\n(dimension must be 2 or 3)")
    if n == m == 3:
        out = op.cross(a, b)
    else:
        warnings.warn(
            "Arrays of 2-dimensional vectors are deprecated. "
            "Use arrays of 3-dimensional vectors instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        if n == m:
            part = functions["getitem"]
            first, second = (Ellipsis, 0), (Ellipsis, 1)
            return part(a, first) * part(b, second) - part(a, second) * part(b, first)
        a, b = (with_third(x) if type_of(x).shape[-1] == 2 else x for x in (a, b))
        out = op.cross(a, b)
    return functions[np.moveaxis](out, -1, axisc)


def with_third(x: Any) -> Any:
    """2-d vectors with a third element 0."""
    t = type_of(x)
    return op.concatenate(x, np.zeros((*t.shape[:-1], 1), t.dtype), axis=t.ndim - 1)


@implements(np.trace)
def trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Any:
    a = array_like(a)
    t = type_of(a)
    if t.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    first, second = one_axis(axis1, t.ndim), one_axis(axis2, t.ndim)
    if first == second:
        raise ValueError("axis1 and axis2 cannot be the same")
    if dtype is not None:
        a = functions["astype"](a, dtype)
    starts, stops = [0] * t.ndim, list(t.shape)
    starts[first], starts[second] = max(-offset, 0), max(offset, 0)
    count = max(0, min(t.shape[first] - starts[first], t.shape[second] - starts[second]))
    for k in (first, second):
        starts[k] = min(starts[k], t.shape[k] - count)
        stops[k] = starts[k] + count
    if (count, count) != (t.shape[first], t.shape[second]):
        a = op.slice(a, starts=tuple(starts), stops=tuple(stops), steps=(1,) * t.ndim)
    letters = list(letters_for(t.ndim, 0))
    letters[second] = letters[first]
    rest = "".join(x for k, x in enumerate(letters) if k not in (first, second))
    diagonal = op.einsum(a, subscripts=f"{''.join(letters)}->{rest}{letters[first]}")
    return op.sum(diagonal, axes=(len(rest),))


def signals(operation: str, a: Any, v: Any) -> tuple[Any, Any]:
    """The two operands of a convolution as vectors that are not empty."""
    a, v = array_like(a), array_like(v)
    a, v = (op.reshape(x, shape=(1,)) if type_of(x).shape == () else x for x in (a, v))
    s, t = type_of(a).shape, type_of(v).shape
    if len(s) != 1 or len(t) != 1:
        raise ValueError("object too deep for desired array")
    if not s[0] or not t[0]:
        raise misfit(operation, s, t, "vectors that are not empty")
    return a, v


MODES = {0: "valid", 1: "same", 2: "full", "v": "valid", "s": "same", "f": "full"}


def convolved(a: Any, v: Any, mode: Any, operation: str) -> Any:
    """The convolution with the longer operand first; "same" is the middle of "full"."""
    mode = MODES.get(mode[:1].lower() if isinstance(mode, str) else mode, mode)
    if mode not in MODES.values():
        raise ValueError(
            message(f"{operation} got mode={mode!r}", expected="'full', 'same' or 'valid'")
        )
    if mode != "same":
        return op.convolve(a, v, mode=mode)
    n, m = type_of(a).shape[0], type_of(v).shape[0]
    start = (m - 1) // 2
    return op.slice(op.convolve(a, v, mode="full"), starts=(start,), stops=(start + n,), steps=(1,))


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Any:
    a, v = signals("np.convolve", a, v)
    if type_of(a).shape[0] < type_of(v).shape[0]:
        a, v = v, a
    return convolved(a, v, mode, "np.convolve")


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    a, v = signals("np.correlate", a, v)
    v = conjugate(v)
    if type_of(a).shape[0] >= type_of(v).shape[0]:
        return convolved(a, op.flip(v, axes=(0,)), mode, "np.correlate")
    # the shorter signal first: NumPy correlates the other way and reverses the result
    return op.flip(convolved(v, op.flip(a, axes=(0,)), mode, "np.correlate"), axes=(0,))


# ------------------------------------------------------------------------------------- polynomials


@implements(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    refuse_options("np.polyfit", full=(full, False), cov=(cov, False))
    x, y = array_like(x), array_like(y)
    t, degree = type_of(x), deg.__index__()
    if (
        degree < 0
        or t.ndim != 1
        or not t.size
        or type_of(y).ndim not in (1, 2)
        or type_of(y).shape[0] != t.size
    ):
        raise ValueError(
            message(
                f"np.polyfit got x {t}, y {type_of(y)}, degree {degree}",
                expected="a vector x, as many rows of y, a degree that is not negative",
            )
        )
    rcond = t.size * float(np.finfo(float).eps) if rcond is None else rcond
    columns = [x**0 * 1.0]
    for _ in range(degree):
        columns.append(columns[-1] * x)
    matrix = op.stack(*reversed(columns), axis=1)
    if w is not None:
        w = array_like(w)
        matrix = matrix * op.reshape(w, shape=(t.size, 1))
        y = y * (op.reshape(w, shape=(t.size, 1)) if type_of(y).ndim == 2 else w)
    scale = op.sqrt(op.sum(matrix * matrix, axes=(0,)))
    several = type_of(y).ndim == 2
    right = y if several else op.reshape(y, shape=(t.size, 1))
    found = op.least_squares(matrix / scale, right, rcond=float(rcond)) / op.reshape(
        scale, shape=(degree + 1, 1)
    )
    return found if several else op.reshape(found, shape=(degree + 1,))


@implements(np.roots)
def roots(p: Any) -> Any:
    """The roots of a polynomial whose first coefficient is not 0, in NumPy's order."""
    p = array_like(p)
    n = type_of(p).size - 1
    if type_of(p).ndim > 1:
        raise ValueError("Input must be a rank-1 array.")
    if n < 1:
        return np.zeros(0)
    lead = functions["getitem"](p, slice(0, 1))
    row = op.reshape(-functions["getitem"](p, slice(1, None)) / lead, shape=(1, n))
    below = np.eye(n - 1, n, dtype=type_of(row).dtype)
    return functions[np.linalg.eigvals](op.concatenate(row, below, axis=0))


def product_cost(shapes: Sequence[int], i: int, k: int, j: int) -> int:
    """Multiplications of a product of an (i, k) and a (k, j) matrix."""
    return math.prod((shapes[i], shapes[k], shapes[j]))


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Any:
    """A chain of products in the cheapest order, found by dynamic programming."""
    parts = [array_like(x) for x in arrays]
    n = len(parts)
    if n < 2:
        raise ValueError("Expecting at least two arrays.")
    if n == 2:
        return dot(*parts)
    row, column = type_of(parts[0]).ndim == 1, type_of(parts[-1]).ndim == 1
    if row:
        parts[0] = op.reshape(parts[0], shape=(1, type_of(parts[0]).size))
    if column:
        parts[-1] = op.reshape(parts[-1], shape=(type_of(parts[-1]).size, 1))
    for x in parts:
        if type_of(x).ndim != 2:
            raise np.linalg.LinAlgError(
                f"{type_of(x).ndim}-dimensional array given. Array must be two-dimensional"
            )
    extents = [type_of(parts[0]).shape[0], *[type_of(x).shape[1] for x in parts]]
    best: dict[tuple[int, int], tuple[int, int]] = {(i, i): (0, i) for i in range(n)}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            best[i, j] = min(
                (best[i, k][0] + best[k + 1, j][0] + product_cost(extents, i, k + 1, j + 1), k)
                for k in range(i, j)
            )

    def chain(i: int, j: int) -> Any:
        if i == j:
            return parts[i]
        k = best[i, j][1]
        return matmul(chain(i, k), chain(k + 1, j))

    result = chain(0, n - 1)
    if row and column:
        return op.at(result, axes=(0, 1), places=(0, 0))
    return flat(result) if row or column else result
