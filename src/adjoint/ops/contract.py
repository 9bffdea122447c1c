"""Contractions: sums of products.  `matmul` on vectors, matrices and stacks of them, `einsum` in
full, `cross` and `convolve`.

All are linear in each operand; their transposes are contractions again.  Everything else (dot,
tensordot, inner, outer, kron ...) is written with these in the facade.  An einsum of two operands
is one product of (stacks of) matrices where it can be, so that BLAS does it; how is planned once
for each pair of shapes.

Source: Golub and Van Loan, *Matrix Computations* (2013), chapters 1 and 12.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..base.dtypes import Type, result_type, type_of
from ..base.errors import ShapeError
from ..graph import op
from ..graph.primitive import Case, Multilinear
from .declare import contraction, multilinear

# ------------------------------------------------------------------------------------------ matmul


def matmul_type(a: Any, b: Any) -> Type:
    s, t = type_of(a), type_of(b)
    if not s.shape or not t.shape or s.shape[-1] != t.shape[-2 if len(t.shape) > 1 else 0]:
        raise ShapeError(f"cannot multiply the matrices {s} and {t}")
    rows, columns = s.shape[-2:-1], t.shape[-1:] if len(t.shape) > 1 else ()
    stack = np.broadcast_shapes(s.shape[:-2], t.shape[:-2])
    return Type((*stack, *rows, *columns), result_type(s, t).dtype)


def swap(x: Any) -> Any:
    """The transposes of the matrices of a stack."""
    rank = len(type_of(x).shape)
    return op.transpose(x, axes=(*range(rank - 2), rank - 1, rank - 2))


def sum_to(ct: Any, t: Any) -> Any:
    """Sum over the axes along which a stack was broadcast."""
    shape, target = type_of(ct).shape, t.shape
    if shape == target:
        return ct
    extra = len(shape) - len(target)
    axes = (
        *range(extra),
        *[extra + k for k, n in enumerate(target) if n == 1 and shape[extra + k] != 1],
    )
    return op.reshape(op.sum(ct, axes=axes), shape=target)


def flat_rows(x: Any, kept: int) -> Any:
    """All axes but the last `kept` as one."""
    t = type_of(x)
    if t.ndim == kept + 1:
        return x
    rest = t.shape[t.ndim - kept :]
    return op.reshape(x, shape=(int(np.prod(t.shape[: t.ndim - kept], dtype=int)), *rest))


def left_back(ct: Any, a_type: Any, b: Any) -> Any:
    """The cotangent of the left factor."""
    rank, other = len(a_type.shape), type_of(b)
    if other.ndim == 1:
        return ct * b if rank == 1 else op.reshape(ct, shape=(*a_type.shape[:-1], 1)) * b
    if rank > 1:
        return sum_to(op.matmul(ct, swap(b)), a_type)
    if other.ndim == 2:
        return op.matmul(b, ct)
    shape = type_of(ct).shape
    column = op.matmul(b, op.reshape(ct, shape=(*shape, 1)))
    return sum_to(op.reshape(column, shape=(*shape[:-1], a_type.shape[0])), a_type)


def right_back(ct: Any, a: Any, b_type: Any) -> Any:
    """The cotangent of the right factor; a stack that met one matrix is one large product."""
    rank, other = len(b_type.shape), type_of(a)
    if rank == 1:
        return a * ct if other.ndim == 1 else op.matmul(flat_rows(ct, 0), flat_rows(a, 1))
    if other.ndim == 1:
        shape = type_of(ct).shape
        return op.reshape(a, shape=(other.shape[0], 1)) * op.reshape(
            ct, shape=(*shape[:-1], 1, shape[-1])
        )
    if rank == 2 and other.ndim > 2:
        return op.matmul(swap(flat_rows(a, 1)), flat_rows(ct, 1))
    return sum_to(op.matmul(swap(a), ct), b_type)


def matmul_batch(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    a, b = inputs
    s, t = type_of(a).shape, type_of(b).shape
    left, right = len(s) - batched[0], len(t) - batched[1]
    if left == right == 1:
        if batched == (True, True):
            return op.einsum(a, b, subscripts="zi,zi->z")
        return op.matmul(a, b) if batched[0] else op.matmul(b, a)
    if right == 1:
        if not batched[1]:
            return op.matmul(a, b)
        if not batched[0] and left == 2:
            return op.matmul(b, swap(a))
        out = op.matmul(a, op.reshape(b, shape=(size, *(1,) * (left - 2), t[1], 1)))
        return op.reshape(out, shape=type_of(out).shape[:-1])
    if left == 1:
        if not batched[0] or (not batched[1] and right == 2):
            return op.matmul(a, b)
        out = op.matmul(op.reshape(a, shape=(size, *(1,) * (right - 2), 1, s[1])), b)
        shape = type_of(out).shape
        return op.reshape(out, shape=(*shape[:-2], shape[-1]))
    if batched == (True, False) and left == right == 2:
        n, m, k = s  # one large product
        return op.reshape(op.matmul(op.reshape(a, shape=(n * m, k)), b), shape=(n, m, t[1]))
    rank = max(left, right)
    aligned = [
        op.reshape(x, shape=(size, *(1,) * (rank - len(x.shape) + 1), *x.shape[1:])) if flag else x
        for x, flag in zip(inputs, batched, strict=True)
    ]
    return op.matmul(*aligned)


def matmul_cases(rng: np.random.Generator) -> list[Case]:
    a, b = rng.uniform(-2, 2, (2, 3)), rng.uniform(-2, 2, (3, 4))
    stack, other = rng.uniform(-2, 2, (5, 1, 2, 3)), rng.uniform(-2, 2, (6, 3, 2))
    return [
        Case((a, b)),
        Case((a[0], a[1]), {}, True, "vectors"),
        Case((a, b[:, 0]), {}, True, "matrix, vector"),
        Case((a[0], b), {}, True, "vector, matrix"),
        Case((stack, b[:, 1]), {}, True, "stack, vector"),
        Case((a[1], other), {}, True, "vector, stack"),
        Case((stack, b), {}, True, "stack, matrix"),
        Case((a, other), {}, True, "matrix, stack"),
        Case((a.astype(np.float32), b.astype(np.float32)), {}, True, "float32"),
        Case((a + 1j * a, b), {}, True, "complex"),
        Case((stack, other), {}, True, "stacks"),
        Case((rng.integers(0, 9, (2, 3)), rng.integers(0, 9, (3, 2))), {}, False, "int64"),
    ]


matmul = contraction(
    "matmul",
    evaluate=np.matmul,
    infer=matmul_type,
    batch=matmul_batch,
    cases=matmul_cases,
    derivative=multilinear(left_back, right_back),
    doc="The product of vectors and matrices, or of stacks of matrices, as `a @ b`.",
)

# ------------------------------------------------------------------------------------------ einsum


def parse(subscripts: str) -> tuple[list[str], str]:
    """The letters of each operand and of the output; the facade has written ellipses and implicit
    outputs out."""
    left, output = subscripts.split("->")
    return left.split(","), output


def extents_of(subscripts: str, inputs: Any) -> dict[str, int]:
    """The extent of each letter."""
    terms, _ = parse(subscripts)
    found: dict[str, int] = {}
    for term, x in zip(terms, inputs, strict=True):
        shape = type_of(x).shape
        if len(shape) != len(term):
            raise ShapeError(
                f"einsum {subscripts!r}: the operand {type_of(x)} has not the {len(term)} axes "
                f"of {term!r}"
            )
        for letter, extent in zip(term, shape, strict=True):
            known = found.setdefault(letter, extent)
            if extent != known:
                if known != 1 and extent != 1:
                    raise ShapeError(
                        f"einsum {subscripts!r}: axis {letter!r} has both {known} and {extent} "
                        "elements"
                    )
                found[letter] = max(known, extent)
    return found


def einsum_type(*inputs: Any, subscripts: str) -> Type:
    found = extents_of(subscripts, inputs)
    dtype = result_type(*[type_of(x) for x in inputs]).dtype
    return Type(tuple(found[letter] for letter in parse(subscripts)[1]), dtype)


def einsum_value(*inputs: Any, subscripts: str) -> Any:
    """One operand or an elementwise product by NumPy's own loops, two operands by BLAS, more by
    pairs in a good order."""
    if len(inputs) == 2:
        a, b = np.asarray(inputs[0]), np.asarray(inputs[1])
        plan = pair_plan(subscripts, a.shape, b.shape)
        return np.einsum(subscripts, a, b) if plan is None else plan.run(a, b)
    if len(inputs) == 1:
        return np.einsum(subscripts, inputs[0])
    values = list(inputs)
    for first, second, step in pair_steps(subscripts, tuple(np.shape(x) for x in inputs)):
        b, a = values.pop(second), values.pop(first)
        values.append(einsum_value(a, b, subscripts=step))
    return values[0]


class PairPlan(NamedTuple):
    """How an einsum of two operands becomes one product of (stacks of) matrices."""

    swapped: bool  # the second operand is the left factor
    left_sum: tuple[int, ...]  # axes summed beforehand
    right_sum: tuple[int, ...]
    left_order: tuple[int, ...] | None  # None: as it is
    left_shape: tuple[int, ...] | None
    right_order: tuple[int, ...] | None
    right_shape: tuple[int, ...] | None
    shape: tuple[int, ...] | None
    order: tuple[int, ...] | None

    def run(self, a: np.ndarray, b: np.ndarray) -> Any:
        if self.swapped:
            a, b = b, a
        if self.left_sum:
            a = a.sum(axis=self.left_sum)
        if self.right_sum:
            b = b.sum(axis=self.right_sum)
        if self.left_order is not None:
            a = a.transpose(self.left_order)
        if self.left_shape is not None:
            a = a.reshape(self.left_shape)
        if self.right_order is not None:
            b = b.transpose(self.right_order)
        if self.right_shape is not None:
            b = b.reshape(self.right_shape)
        out = np.matmul(a, b)
        if self.shape is not None:
            out = out.reshape(self.shape)
        return out if self.order is None else out.transpose(self.order)


@lru_cache(maxsize=4096)
def pair_plan(subscripts: str, s: tuple[int, ...], t: tuple[int, ...]) -> PairPlan | None:
    """The plan of a pair; None where there is nothing to contract, or what NumPy's own loops do as
    well."""
    (left, right), output = parse(subscripts)
    if len(set(left)) != len(left) or len(set(right)) != len(right):
        return None
    extents = dict(zip(left, s, strict=True))
    if any(extents.setdefault(x, n) != n for x, n in zip(right, t, strict=True)):
        return None
    shared = set(left) & set(right)
    contracted = [x for x in left if x in shared and x not in output]
    batch = [x for x in output if x in shared]
    if not contracted or 0 in extents.values():
        return None
    left_sum = tuple(k for k, x in enumerate(left) if x not in shared and x not in output)
    right_sum = tuple(k for k, x in enumerate(right) if x not in shared and x not in output)
    rows = [x for x in output if x in left and x not in shared]
    columns = [x for x in output if x in right and x not in shared]
    if batch and not rows and not columns:
        return None
    swapped = bool(rows and columns) and output == "".join(batch + columns + rows)
    if swapped:
        left, right, rows, columns, left_sum, right_sum = (
            right,
            left,
            columns,
            rows,
            right_sum,
            left_sum,
        )
    left_terms = [x for k, x in enumerate(left) if k not in left_sum]
    right_terms = [x for k, x in enumerate(right) if k not in right_sum]

    def arranged(terms: list[str], *groups: list[str]) -> tuple[Any, Any]:
        wanted = [x for group in groups for x in group]
        order = tuple(terms.index(x) for x in wanted)
        shape = tuple(extents[x] for x in batch) + tuple(
            size_of(g) for g in groups[1:] if g or not batch
        )
        natural = tuple(extents[x] for x in wanted)
        return (None if order == tuple(range(len(order))) else order), (
            None if shape == natural else shape
        )

    def size_of(group: list[str]) -> int:
        return int(np.prod([extents[x] for x in group], dtype=int))

    vectors = not batch  # a missing group of rows or columns makes the factor a vector
    left_groups = [batch, rows, contracted] if rows or not vectors else [batch, contracted]
    right_groups = [batch, contracted, columns] if columns or not vectors else [batch, contracted]
    left_order, left_shape = arranged(left_terms, *left_groups)
    right_order, right_shape = arranged(right_terms, *right_groups)
    if batch:
        stack = tuple(extents[x] for x in batch)
        left_shape = (*stack, size_of(rows), size_of(contracted))
        right_shape = (*stack, size_of(contracted), size_of(columns))
        left_shape = (
            None
            if left_shape == tuple(extents[x] for x in batch + rows + contracted)
            else left_shape
        )
        right_shape = (
            None
            if right_shape == tuple(extents[x] for x in batch + contracted + columns)
            else right_shape
        )
    found = batch + rows + columns
    simple = len(rows) <= 1 and len(columns) <= 1 and (not batch or (rows and columns))
    shape = None if simple else tuple(extents[x] for x in found)
    order = tuple(found.index(x) for x in output)
    return PairPlan(
        swapped,
        left_sum,
        right_sum,
        left_order,
        left_shape,
        right_order,
        right_shape,
        shape,
        None if order == tuple(range(len(order))) else order,
    )


@lru_cache(maxsize=4096)
def pair_steps(
    subscripts: str, shapes: tuple[tuple[int, ...], ...]
) -> tuple[tuple[int, int, str], ...]:
    """An einsum as a chain of pairs in NumPy's greedy order: (first, second, subscripts), the
    result put last."""
    operands = [np.broadcast_to(np.empty(()), shape) for shape in shapes]
    path = np.einsum_path(subscripts, *operands, optimize="greedy")[0][1:]
    return steps_along(subscripts, tuple(tuple(p) for p in path))


def steps_along(
    subscripts: str, path: tuple[tuple[int, ...], ...]
) -> tuple[tuple[int, int, str], ...]:
    """The pairs of a path; a contraction of more than two operands is done from the left."""
    terms, output = parse(subscripts)
    steps = []
    for places in path:
        rest = [k for k in range(len(terms)) if k not in places]
        group = [terms[k] for k in sorted(places)]
        order = sorted(places)
        if len(group) == 1:
            continue
        while len(group) > 1:
            kept = set(output).union(*[set(terms[k]) for k in rest], *[set(g) for g in group[2:]])
            last = len(group) == 2 and not rest
            made = (
                output
                if last
                else "".join(x for x in dict.fromkeys(group[0] + group[1]) if x in kept)
            )
            steps.append((order[0], order[1], f"{group[0]},{group[1]}->{made}"))
            first, second = order[0], order[1]
            terms = [term for k, term in enumerate(terms) if k not in (first, second)] + [made]
            place = {k: k - (k > first) - (k > second) for k in range(len(terms) + 1)}
            rest = [place[k] for k in rest]
            order = [place[k] for k in order[2:]] + [len(terms) - 1]
            group = [*group[2:], made]
    return tuple(steps)


def einsum_back(i: int, ct: Any, *inputs: Any, subscripts: str) -> Any:
    """The cotangent of operand i: the einsum of the cotangent with the other operands.

    Letters that only operand i has were summed, so they are repeated; a letter twice in operand i
    is a diagonal, so its cotangent is laid on the diagonal.
    """
    terms, output = parse(subscripts)
    t, term = type_of(inputs[i]), terms[i]
    others = [(terms[k], x) for k, x in enumerate(inputs) if k != i]
    known = set(output).union(*[set(o) for o, _ in others])
    unique = "".join(dict.fromkeys(term))
    reached = "".join(letter for letter in unique if letter in known)
    back = ",".join([output, *[o for o, _ in others]]) + "->" + reached
    c = (
        ct
        if back == f"{output}->{output}"
        else op.einsum(ct, *[x for _, x in others], subscripts=back)
    )
    if unique == reached == term and type_of(c).shape == t.shape:
        return c
    found = extents_of(subscripts, inputs)
    extents = dict(zip(reached, type_of(c).shape, strict=True))
    c = op.reshape(c, shape=tuple(extents.get(letter, 1) for letter in unique))
    c = op.broadcast_to(c, shape=tuple(found[letter] for letter in unique))
    if len(unique) != len(term):
        c = on_diagonal(c, unique, term, found)
    return sum_to(c, t)


def on_diagonal(c: Any, unique: str, term: str, found: dict[str, int]) -> Any:
    """Lay an array over the diagonal of an array with repeated letters."""
    shape = tuple(found[letter] for letter in term)
    spread = op.broadcast_to(
        op.reshape(
            c, shape=tuple(found[x] if term.index(x) == k else 1 for k, x in enumerate(term))
        ),
        shape=shape,
    )
    mask = np.ones(shape, bool)
    for k, letter in enumerate(term):
        first = term.index(letter)
        if first != k:
            grid = np.indices(shape, sparse=True)
            mask = mask & (grid[first] == grid[k])
    return op.select(mask, spread, 0.0)


def einsum_batch(primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict) -> Any:
    terms, output = parse(parameters["subscripts"])
    used = set("".join(terms))
    letter = next(
        c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBAzyxwvutsrqponmlkjihgfedcba" if c not in used
    )
    moved = [letter + term if flag else term for term, flag in zip(terms, batched, strict=True)]
    return op.einsum(*inputs, subscripts=",".join(moved) + "->" + letter + output)


def einsum_cases(rng: np.random.Generator) -> list[Case]:
    a, b, c = rng.uniform(-2, 2, (2, 3)), rng.uniform(-2, 2, (3, 4)), rng.uniform(-2, 2, (4, 2, 2))
    square = rng.uniform(-2, 2, (3, 3))
    return [
        Case((a, b), {"subscripts": "ij,jk->ik"}),
        Case((a, b, c), {"subscripts": "ij,jk,kil->l"}, True, "three operands"),
        Case((square,), {"subscripts": "ii->"}, True, "trace"),
        Case((square,), {"subscripts": "ii->i"}, True, "diagonal"),
        Case((a,), {"subscripts": "ij->"}, True, "sum"),
        Case((a, a), {"subscripts": "ij,kl->lk"}, True, "sums inside"),
        Case((c, a), {"subscripts": "kii,ij->j"}, True, "repeated letter"),
        Case((a + 1j, b), {"subscripts": "ij,jk->ki"}, True, "complex"),
        Case(
            (a.astype(np.float32), b.astype(np.float32)),
            {"subscripts": "ij,jk->ik"},
            True,
            "float32",
        ),
    ]


einsum = contraction(
    "einsum",
    evaluate=einsum_value,
    infer=einsum_type,
    batch=einsum_batch,
    cases=einsum_cases,
    derivative=Multilinear(variadic=einsum_back),
    doc="Einstein's summation; subscripts written out in full.",
)

# ------------------------------------------------------------------------------------------- cross


def aligned(size: int, inputs: tuple, batched: tuple) -> list[Any]:
    """Operands with batch axes in front whose other axes broadcast together."""
    ranks = [len(type_of(x).shape) - flag for x, flag in zip(inputs, batched, strict=True)]
    return [
        op.reshape(x, shape=(size, *(1,) * (max(ranks) - r), *x.shape[1:]))
        if flag and r < max(ranks)
        else x
        for x, flag, r in zip(inputs, batched, ranks, strict=True)
    ]


def aligned_batch(
    primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict
) -> Any:
    return op.apply(primitive, tuple(aligned(size, inputs, batched)), parameters)


def cross_value(a: Any, b: Any) -> Any:
    a0, a1, a2 = a[..., 0], a[..., 1], a[..., 2]
    b0, b1, b2 = b[..., 0], b[..., 1], b[..., 2]
    parts = (a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0)
    out = np.empty((*np.shape(parts[0]), 3), np.result_type(parts[0]))
    out[..., 0], out[..., 1], out[..., 2] = parts
    return out


def cross_type(a: Any, b: Any) -> Type:
    s, t = type_of(a), type_of(b)
    if s.shape[-1:] != (3,) or t.shape[-1:] != (3,):
        raise ShapeError(
            f"cannot take the cross product of {s} and {t}: 3 elements expected along the last axis"
        )
    return Type(np.broadcast_shapes(s.shape, t.shape), result_type(s, t).dtype)


def cross_cases(rng: np.random.Generator) -> list[Case]:
    a, b = rng.uniform(-2, 2, (4, 3)), rng.uniform(-2, 2, 3)
    return [
        Case((a[0], b)),
        Case((a, b), {}, True, "stack, vector"),
        Case((a[:, None], a), {}, True, "stacks"),
        Case((a.astype(np.float32), b.astype(np.float32)), {}, True, "float32"),
        Case((a + 1j * b, b), {}, True, "complex"),
        Case((rng.integers(-9, 9, (2, 3)), rng.integers(-9, 9, 3)), {}, False, "int64"),
    ]


cross = contraction(
    "cross",
    evaluate=cross_value,
    infer=cross_type,
    batch=aligned_batch,
    cases=cross_cases,
    derivative=multilinear(
        lambda ct, a_type, b: sum_to(op.cross(b, ct), a_type),
        lambda ct, a, b_type: sum_to(op.cross(ct, a), b_type),
    ),
    doc="The vector product along the last axis, of 3 elements.",
)

# ---------------------------------------------------------------------------------------- convolve


def convolve_value(a: Any, b: Any, *, mode: Any) -> Any:
    if np.ndim(a) == np.ndim(b) == 1:
        return np.convolve(a, b, mode)
    m = b.shape[-1]
    if mode == "full":
        a = np.concatenate([z := np.zeros((*a.shape[:-1], m - 1), a.dtype), a, z], -1)
    windows = np.lib.stride_tricks.sliding_window_view(a, m, axis=-1)
    return np.matmul(windows, b[..., ::-1, None])[..., 0]


def convolve_type(a: Any, b: Any, *, mode: str) -> Type:
    s, t = type_of(a), type_of(b)
    n, m = s.shape[-1], t.shape[-1]
    if m < 1 or n < m:
        raise ShapeError(
            f"cannot convolve {s} with {t}: "
            "the second must be no longer than the first, and not empty"
        )
    extent = n + m - 1 if mode == "full" else n - m + 1
    return Type((*np.broadcast_shapes(s.shape[:-1], t.shape[:-1]), extent), result_type(s, t).dtype)


def turned(x: Any) -> Any:
    """The last axis in reverse order."""
    return op.flip(x, axes=(len(type_of(x).shape) - 1,))


def signal_back(ct: Any, a_type: Any, b: Any, *, mode: str) -> Any:
    return (
        sum_to(op.convolve(ct, turned(b), mode="valid"), a_type)
        if mode == "full"
        else long_back(ct, a_type, b)
    )


def long_back(ct: Any, a_type: Any, b: Any) -> Any:
    """The transpose of a "valid" convolution in the longer operand: a "full" one, the longer
    operand first."""
    b = turned(b)
    first, second = (ct, b) if type_of(ct).shape[-1] >= type_of(b).shape[-1] else (b, ct)
    return sum_to(op.convolve(first, second, mode="full"), a_type)


def kernel_back(ct: Any, a: Any, b_type: Any, *, mode: str) -> Any:
    if mode == "full":
        return sum_to(op.convolve(ct, turned(a), mode="valid"), b_type)
    return sum_to(turned(op.convolve(a, turned(ct), mode="valid")), b_type)


def convolve_cases(rng: np.random.Generator) -> list[Case]:
    a, b = rng.uniform(-2, 2, 7), rng.uniform(-2, 2, 3)
    stack = rng.uniform(-2, 2, (2, 7))
    return [
        Case((a, b), {"mode": "full"}),
        Case((a, b), {"mode": "valid"}),
        Case((a, a), {"mode": "valid"}, True, "one element"),
        Case((stack, b), {"mode": "full"}, True, "stack"),
        Case((stack, stack[:, None, :2]), {"mode": "valid"}, True, "stacks"),
        Case((a.astype(np.float32), b.astype(np.float32)), {"mode": "full"}, True, "float32"),
        Case((a + 1j, b * 1j), {"mode": "valid"}, True, "complex"),
        Case((rng.integers(-9, 9, 5), rng.integers(-9, 9, 5)), {"mode": "full"}, False, "int64"),
    ]


convolve = contraction(
    "convolve",
    evaluate=convolve_value,
    infer=convolve_type,
    batch=aligned_batch,
    cases=convolve_cases,
    derivative=multilinear(signal_back, kernel_back),
    doc='The convolution along the last axis, "full" or "valid"; the first operand is the longer.',
)
