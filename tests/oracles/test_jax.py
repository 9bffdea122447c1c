"""Values and derivatives of NumPy programs by adjoint, compared with the same programs in JAX.

Tolerances are relative to the largest entry of the result. In float64 both systems evaluate the
same formulae in another order, which costs a few rounding errors: 1e-10 leaves room for badly
conditioned solves. In float32 the unit of rounding is 6e-8, and 1e-5 leaves the same room.
"""

import functools
import warnings

import numpy as np
import pytest
from programs import PROGRAMS, SPECIAL
from registry import (
    assert_close,
    close_over,
    differentiable,
    is_inexact,
    leaves,
    random_like,
    tree_map,
    weighted,
)

import adjoint as ad

jax = pytest.importorskip(
    "jax", reason="JAX is not installed: derivatives are not compared with it"
)
pytestmark = pytest.mark.oracle

LONG_IN_JAX = {  # which compiles their loops unrolled, for seconds
    "binomial_tree_option", "burgers_upwind", "heat_equation_stencil", "kalman_filter_likelihood",
    "kepler_fixed_newton", "lotka_volterra_rk4", "newton_solver", "recursive_filter",
    "riccati_cost", "thin_film_reflectance",
}  # fmt: skip
LATER = {  # left to the long run: these, and two of three programs
    name for k, name in enumerate(PROGRAMS) if k % 3 or name in LONG_IN_JAX
}
CASES = [
    pytest.param(name, kind, id=f"{name}-{kind}", marks=pytest.mark.slow if name in LATER else ())
    for name, item in PROGRAMS.items()
    if not isinstance(item.jax, str)
    for kind in ("value", *item.kinds)
]
COMPILED = [
    pytest.param(name, marks=pytest.mark.slow if name in LATER else ())
    for name, item in PROGRAMS.items()
    if "gradient" in item.kinds and not item.branches and not isinstance(item.jax, str)
]


@pytest.fixture(autouse=True, scope="module")
def double_precision():
    """Let JAX work in float64, and compile quickly rather than well."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_enable_x64", before)
    jax.config.update("jax_disable_most_optimizations", False)


class Case:
    """One program with its arguments, tangents and cotangents."""

    def __init__(self, name):
        self.program = PROGRAMS[name]
        self.arguments = self.program.arguments()
        self.positions = differentiable(self.arguments)
        self.primals = tuple(self.arguments[i] for i in self.positions)
        self.tangents = random_like(self.primals, 1)
        self.tolerance = 1e-5 if self.program.single else 1e-10
        self.output = self.program.on(np=np, special=SPECIAL)(*self.arguments)
        self.cotangent = random_like(self.output, 2)
        self.weights = leaves(self.cotangent)

    @property
    def argnums(self):
        return self.positions[0] if len(self.positions) == 1 else self.positions

    def function(self):
        """The program on NumPy."""
        return self.program.on(np=np, special=SPECIAL)

    def of_primals(self):
        """The program on NumPy as a function of its differentiable arguments."""
        return close_over(self.function(), self.arguments, self.positions)


@functools.cache
def expected(name):
    """All that JAX says about a program, in NumPy's arrays, by kind of derivative."""
    case = Case(name)
    program = case.program
    arguments = tree_map(
        lambda leaf: jax.numpy.asarray(leaf) if is_inexact(leaf) else leaf, case.arguments
    )
    primals = tuple(arguments[i] for i in case.positions)
    tangents = tree_map(jax.numpy.asarray, case.tangents)
    function = program.on_jax(np=jax.numpy, special=jax.scipy.special)
    f = close_over(function, arguments, case.positions)
    numbers = tuple(range(len(primals)))
    total = weighted(f, jax.numpy, case.weights)

    def gradient(*primals):
        result = jax.grad(f, numbers)(*primals)
        return result[0] if len(numbers) == 1 else result

    def all_kinds(primals, tangents):
        found = {"value": f(*primals)}
        if "gradient" in program.kinds:
            found["gradient"] = gradient(*primals)
        if "jvp" in program.kinds:
            found["jvp"] = jax.jvp(f, primals, tangents)[1]
        if "vjp" in program.kinds:
            value, pullback = jax.vjp(f, *primals)
            cotangent = tree_map(
                lambda leaf, output: jax.numpy.asarray(leaf, output.dtype), case.cotangent, value
            )
            found["vjp"] = pullback(cotangent)
        if "jacobian" in program.kinds:
            found["jacobian"] = jax.jacfwd(f, numbers)(*primals)
        if "hvp" in program.kinds:
            found["hvp"] = jax.jvp(jax.grad(total, numbers), primals, tangents)[1]
        if "hessian" in program.kinds:
            found["hessian"] = jax.hessian(f, numbers)(*primals)
        return found

    run = all_kinds if program.branches else jax.jit(all_kinds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX's own, about types
        return tree_map(np.asarray, run(primals, tangents))


def obtained(name, kind):
    """What adjoint says about one kind of derivative, as a list of (how, result)."""
    case = Case(name)
    f, function = case.of_primals(), case.function()
    numbers = tuple(range(len(case.primals)))
    if kind == "value":
        return [("vjp", ad.vjp(f, *case.primals)[0]), ("numpy", case.output)]
    if kind == "gradient":
        value, gradient = ad.value_and_grad(function, case.argnums)(*case.arguments)
        assert_close(value, case.output, case.tolerance, "value_and_grad")
        return [
            ("grad", ad.grad(function, argnums=case.argnums)(*case.arguments)),
            ("value_and_grad", gradient),
        ]
    if kind == "jvp":
        linear = ad.linearize(f, *case.primals)[1]
        return [
            ("jvp", ad.jvp(f, case.primals, case.tangents)[1]),
            ("linearize", linear(*case.tangents)),
        ]
    if kind == "vjp":
        return [("vjp", ad.vjp(f, *case.primals)[1](case.cotangent))]
    if kind == "jacobian":
        return [
            (transform.__name__, transform(f, numbers)(*case.primals))
            for transform in (ad.jacfwd, ad.jacrev, ad.jacobian)
        ]
    if kind == "hvp":
        total = weighted(f, np, case.weights)
        product = ad.hvp(total, case.primals, case.tangents)
        if len(numbers) == 1 and not (isinstance(product, tuple) and len(product) == 1):
            product = (product,)
        return [("hvp", product)]
    assert kind == "hessian", kind
    return [("hessian", ad.hessian(f, numbers)(*case.primals))]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_agrees_with_jax(name, kind):
    wanted = expected(name)[kind]
    tolerance = Case(name).tolerance
    for how, result in obtained(name, kind):
        assert_close(result, wanted, tolerance, f"{how} of {name}")


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_gradient_agrees_with_jax(name):
    case = Case(name)
    compiled = ad.jit(ad.grad(case.function(), argnums=case.argnums))
    for _ in range(2):  # the second call runs what the first has compiled
        result = compiled(*case.arguments)
        assert_close(result, expected(name)["gradient"], case.tolerance, f"jit(grad) of {name}")


@pytest.mark.parametrize("name", [n for n in PROGRAMS if "jacobian" in PROGRAMS[n].kinds][::4])
def test_nested_modes_agree(name):
    """The second derivatives of all outputs, by forward over reverse and reverse over forward."""
    case = Case(name)
    weights = [np.ones(np.shape(w), np.result_type(w)) for w in case.weights]
    total = weighted(case.of_primals(), np, weights)
    first = ad.jacfwd(ad.jacrev(total))(*case.primals)
    second = ad.jacrev(ad.jacfwd(total))(*case.primals)
    assert_close(first, second, 1e-10, f"jacrev(jacfwd) of {name}")
