"""Derivatives of NumPy programs by adjoint, compared with finite differences of the plain programs.

Nothing of adjoint takes part in the expected figures. Central differences at four steps, each half
the one before, are extrapolated (Richardson): what is left of the truncation is of the order of
step**8, and rounding contributes some 1e-12 of the values; the second difference along a direction
loses half of the digits. Programs in single precision are differenced in double precision and
compared to 1e-4 of the scale.
"""

import zlib
from itertools import pairwise

import numpy as np
import pytest
from programs import PROGRAMS, SPECIAL
from registry import (
    assert_close,
    close_over,
    differentiable,
    leaves,
    random_like,
    tree_map,
    weighted,
)

import adjoint as ad

SMOOTH = [name for name, item in PROGRAMS.items() if item.smooth]
PLAIN = [name for name, item in PROGRAMS.items() if not item.branches]
BATCHED = [name for name, item in PROGRAMS.items() if not item.branches and item.batched]


def every_other(names):
    """The names, every second one for the long run."""
    return [pytest.param(n, marks=pytest.mark.slow if k % 2 else ()) for k, n in enumerate(names)]


def widened(tree):
    """The tree with single-precision leaves made double."""
    double = {np.dtype("float32"): np.float64, np.dtype("complex64"): np.complex128}
    return tree_map(
        lambda leaf: (
            leaf.astype(double.get(np.result_type(leaf), np.result_type(leaf)))
            if isinstance(leaf, np.ndarray)
            else leaf
        ),
        tree,
    )


class Case:
    """One program as a function of its differentiable arguments, with a direction to move in."""

    def __init__(self, name, wide=False):
        self.program = PROGRAMS[name]
        arguments = self.program.arguments()
        self.arguments = widened(arguments) if wide else arguments
        self.function = self.program.on(np=np, special=SPECIAL)
        positions = differentiable(self.arguments)
        self.positions = positions
        self.f = close_over(self.function, self.arguments, positions)
        self.primals = tuple(self.arguments[i] for i in positions)
        seed = zlib.crc32(name.encode())
        # A short direction keeps the steps inside the domain of logarithms and square roots.
        self.tangents = tree_map(
            lambda leaf, x: (
                (0.5 * leaf).astype(x.dtype) if isinstance(x, np.ndarray) else 0.5 * leaf
            ),
            random_like(self.primals, seed),
            self.primals,
        )
        self.output = self.f(*self.primals)
        self.cotangent = random_like(self.output, seed + 1)
        self.weights = leaves(self.cotangent)

    def moved(self, step):
        """The arguments moved by `step` along the direction."""
        return tree_map(lambda x, v: x + step * v, self.primals, self.tangents)


def along(case, f):
    """The first derivative of `f` along the direction, by extrapolated central differences."""
    steps = [0.02 * case.program.reach / 2**k for k in range(5)]
    rows = [
        tree_map(lambda up, down, h=h: (up - down) / (2 * h), f(*case.moved(h)), f(*case.moved(-h)))
        for h in steps
    ]
    return extrapolated(rows)


def curvature(case, f):
    """The second derivative of the scalar `f` along the direction, likewise."""
    steps = [0.08 * case.program.reach / 2**k for k in range(5)]
    middle = f(*case.primals)
    return extrapolated(
        [(f(*case.moved(h)) - 2 * middle + f(*case.moved(-h))) / h**2 for h in steps]
    )


def extrapolated(rows):
    """Richardson's scheme for errors in even powers; the entry of the diagonal that moves least."""
    diagonal = [rows[0]]
    for order in range(1, len(rows)):
        share = 1.0 / (4.0**order - 1.0)
        rows = [
            tree_map(lambda a, b, share=share: b + share * (b - a), coarse, fine)
            for coarse, fine in pairwise(rows)
        ]
        diagonal.append(rows[-1])

    def best(*entries):
        stack = np.stack([np.asarray(entry) for entry in entries])
        moves = np.abs(np.diff(stack, axis=0))
        chosen = np.argmin(moves, axis=0)[None] + 1
        return np.take_along_axis(stack, chosen, axis=0)[0][()]

    return tree_map(best, diagonal[0], *diagonal[1:])


def pairing(left, right):
    """The real inner product that a pullback preserves (bilinear for complex leaves)."""
    parts = zip(leaves(left), leaves(right), strict=True)
    return sum(float(np.real(np.sum(np.asarray(a) * np.asarray(b)))) for a, b in parts)


@pytest.mark.parametrize("name", SMOOTH)
def test_first_derivatives(name):
    case = Case(name)
    output, tangent = ad.jvp(case.f, case.primals, case.tangents)
    assert_close(output, case.output, 1e-12 if not case.program.single else 1e-6, "the value")
    wide = Case(name, wide=True)
    wanted = along(wide, wide.f)
    tolerance = 1e-4 if case.program.single else 2e-8 * case.program.fine
    assert_close(tangent, wanted, tolerance, f"jvp of {name}")

    value, pullback = ad.vjp(case.f, *case.primals)
    moved, pulled = (
        pairing(case.cotangent, tangent),
        pairing(pullback(case.cotangent), case.tangents),
    )
    scale = sum(float(np.sum(np.abs(leaf))) for leaf in leaves(tangent)) + 1.0
    assert abs(moved - pulled) < (1e-4 if case.program.single else 1e-10) * scale
    assert_close(value, output, 1e-6 if case.program.single else 1e-14, "the value by vjp")


@pytest.mark.parametrize("name", [n for n in SMOOTH if "hvp" in PROGRAMS[n].kinds])
def test_second_derivatives(name):
    case, wide = Case(name), Case(name, wide=True)
    total = weighted(case.f, np, case.weights)
    product = ad.hvp(total, case.primals, case.tangents)
    product = product if isinstance(product, tuple) and len(case.primals) > 1 else (product,)
    got = pairing(product, case.tangents)
    wanted = curvature(wide, weighted(wide.f, np, case.weights))
    size = sum(
        float(np.sum(np.abs(a) * np.abs(b)))
        for a, b in zip(leaves(product), leaves(case.tangents), strict=True)
    )
    value = abs(float(weighted(wide.f, np, case.weights)(*wide.primals)))
    tolerance = 1e-3 if case.program.single else 1e-5 * case.program.fine
    assert abs(got - wanted) <= tolerance * (size + 1.0) + 1e-8 * value, (got, wanted)


def check_types(got, wanted, what):
    """Fail unless every leaf has the type and the dtype that NumPy gave."""
    for i, (value, leaf) in enumerate(zip(leaves(got), leaves(wanted), strict=True)):
        assert type(value) is type(leaf), f"{what}, {i}: {type(value)}, not {type(leaf)}"
        assert np.result_type(value) == np.result_type(leaf), f"{what}, {i}: {value.dtype}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_results_have_the_types_of_numpy(name):
    case = Case(name)
    value, pullback = ad.vjp(case.f, *case.primals)
    check_types(value, case.output, "the value")
    check_types(pullback(case.cotangent), case.primals, "the cotangents")


@pytest.mark.parametrize("name", PLAIN)
def test_compiled_program_has_the_same_values(name):
    case = Case(name)
    compiled = ad.jit(case.function)
    tolerance = 1e-6 if case.program.single else 1e-13
    for _ in range(2):
        result = compiled(*case.arguments)
        assert_close(result, case.output, tolerance, f"jit of {name}")
        check_types(result, case.output, f"jit of {name}")


def awkward(leaf):
    """The same numbers in a read-only array that is neither C nor Fortran contiguous."""
    if not isinstance(leaf, np.ndarray) or leaf.ndim == 0:
        return leaf
    view = np.repeat(np.asfortranarray(leaf), 2, axis=-1)[..., ::2]
    view = view[::-1].copy(order="F")[::-1]
    view.flags.writeable = False
    return view


@pytest.mark.parametrize("name", PROGRAMS)
def test_layout_of_the_arguments_does_not_matter(name):
    case = Case(name)
    gradient = ad.grad(weighted(case.f, np, case.weights), tuple(range(len(case.primals))))
    tolerance = 1e-5 if case.program.single else 1e-11
    got = gradient(*tree_map(awkward, case.primals))
    assert_close(got, gradient(*case.primals), tolerance, f"grad of {name}")
    check_types(got, case.primals, f"grad of {name}")


@pytest.mark.parametrize("name", every_other(PLAIN))
def test_derivatives_of_and_within_compiled_programs(name):
    case = Case(name)
    total = weighted(case.f, np, case.weights)
    gradient = ad.grad(total, tuple(range(len(case.primals))))
    tolerance = 2e-5 if case.program.single else 1e-10
    got = ad.grad(ad.jit(total), tuple(range(len(case.primals))))(*case.primals)
    assert_close(got, gradient(*case.primals), tolerance, f"grad(jit) of {name}")
    both = ad.jvp(case.f, case.primals, case.tangents)
    got = ad.jvp(ad.jit(case.f), case.primals, case.tangents)
    assert_close(got, both, tolerance, f"jvp(jit) of {name}")
    got = ad.jit(lambda x, v: ad.jvp(case.f, x, v))(case.primals, case.tangents)
    assert_close(got, both, tolerance, f"jit(jvp) of {name}")
    if "hvp" in case.program.kinds:
        product = ad.hvp(total, case.primals, case.tangents)
        got = ad.jit(lambda x, v: ad.hvp(total, x, v))(case.primals, case.tangents)
        assert_close(got, product, tolerance, f"jit(hvp) of {name}")


@pytest.mark.parametrize("name", BATCHED)
def test_batched_program_agrees_with_a_loop(name):
    case = Case(name)
    points = [case.moved(0.01 * k) for k in range(3)]
    batch = tree_map(lambda *parts: np.stack([np.asarray(p) for p in parts]), *points)
    loop = [case.f(*point) for point in points]
    stacked = tree_map(lambda *parts: np.stack([np.asarray(p) for p in parts]), *loop)
    tolerance = 1e-5 if case.program.single else 1e-11
    assert_close(ad.vmap(case.f)(*batch), stacked, tolerance, f"vmap of {name}")


@pytest.mark.parametrize("name", every_other(BATCHED))
def test_batched_derivatives_agree_with_a_loop(name):
    case = Case(name)
    total = weighted(case.f, np, case.weights)
    gradient = ad.grad(total, tuple(range(len(case.primals))))
    points = [case.moved(0.01 * k) for k in range(3)]
    batch = tree_map(lambda *parts: np.stack([np.asarray(p) for p in parts]), *points)

    def looped(f):
        rows = [f(*point) for point in points]
        return tree_map(lambda *parts: np.stack([np.asarray(p) for p in parts]), *rows)

    tolerance = 1e-4 if case.program.single else 1e-9 * case.program.fine
    wanted = looped(gradient)
    assert_close(ad.vmap(gradient)(*batch), wanted, tolerance, f"vmap(grad) of {name}")
    assert_close(ad.jit(ad.vmap(gradient))(*batch), wanted, tolerance, f"jit(vmap) of {name}")
    assert_close(ad.vmap(ad.jit(gradient))(*batch), wanted, tolerance, f"vmap(jit) of {name}")
    if "hvp" in case.program.kinds:

        def product(*primals):
            return ad.hvp(total, primals, case.tangents)

        got = ad.vmap(product)(*batch)
        assert_close(got, looped(product), tolerance, f"vmap(hvp) of {name}")
