"""Dual numbers: arithmetic in both orders, NumPy's functions, every primitive against
`jvp`, nesting, arrays, printing, refusals, and transforms of functions of duals.

Tolerances: a dual runs the same operations as `jvp`, so tangents agree to the last bits; nested
duals and polynomials carry a few roundings.
"""

import copy
import inspect
import math
import operator
import pickle
import warnings
from functools import cache

import numpy as np
import pytest
from test_sweep import SHARE, some

import adjoint as ad
from adjoint.base.dtypes import Type, type_of
from adjoint.base.errors import DifferentiationError, TracingError
from adjoint.graph import op
from adjoint.graph.function import build_function
from adjoint.graph.primitive import Undefined

Dual = ad.Dual


def parts(x):
    return x.value, x.tangent


def close(found, value, tangent, tolerance=1e-14):
    np.testing.assert_allclose(found.value, value, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(found.tangent, tangent, rtol=tolerance, atol=tolerance)


# --------------------------------------------------------------------------------------- arithmetic


def test_arithmetic():
    a, da, b, db = 3.0, 4.0, 5.0, 7.0
    x, y = Dual(a, da), Dual(b, db)
    assert parts(x + y) == (8.0, 11.0)
    assert parts(x - y) == (-2.0, -3.0)
    assert parts(x * y) == (15.0, 41.0)
    close(x / y, 0.6, (da * b - a * db) / b**2, 1e-15)
    assert parts(Dual(3, 4) + 3) == parts(3 + Dual(3, 4)) == (6.0, 4.0)
    assert parts(Dual(2.0)) == (2.0, 0.0)


A, DA, B, DB = 1.75, 0.5, 0.75, -2.0
OPERATORS = {  # the partial derivatives in both operands
    operator.add: (lambda a, b: 1.0, lambda a, b: 1.0),
    operator.sub: (lambda a, b: 1.0, lambda a, b: -1.0),
    operator.mul: (lambda a, b: b, lambda a, b: a),
    operator.truediv: (lambda a, b: 1 / b, lambda a, b: -a / b**2),
    operator.pow: (lambda a, b: b * a ** (b - 1), lambda a, b: math.log(a) * a**b),
    operator.mod: (lambda a, b: 1.0, lambda a, b: -(a // b)),
    operator.floordiv: (lambda a, b: 0.0, lambda a, b: 0.0),
}


@pytest.mark.parametrize("function", OPERATORS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("kind", [float, np.float64, np.array, lambda x: np.array([x, 2 * x])],
                         ids=["float", "float64", "array0", "array1"])  # fmt: skip
def test_operators_in_both_orders(function, kind):
    a, b = kind(A), kind(B)
    scale = np.ones_like(a)
    by_first, by_second = (np.vectorize(f, otypes=[float])(a, b) for f in OPERATORS[function])
    close(function(Dual(a, DA * scale), b), function(a, b), by_first * DA)
    close(function(a, Dual(b, DB * scale)), function(a, b), by_second * DB)
    both = function(Dual(a, DA * scale), Dual(b, DB * scale))
    close(both, function(a, b), by_first * DA + by_second * DB)
    assert both.shape == np.shape(a) and type(both.value) is type(both.tangent)


def test_powers():
    close(2 ** Dual(3.0, 1.0), 8.0, 8 * math.log(2))
    close(Dual(4.0, 1.0) ** 2.5, 32.0, 2.5 * 8.0)
    close(Dual(2.0, 1.0) ** Dual(3.0, 1.0), 8.0, 12.0 + 8 * math.log(2))
    assert parts(Dual(-2.0, 1.0) ** 3) == (-8.0, 12.0)
    assert parts(Dual(0.0, 1.0) ** 2) == (0.0, 0.0)
    for two in (Dual(2.0), Dual(2.0, 0.0), Dual(np.float64(2.0), 0)):  # a constant: no logarithm
        assert parts(Dual(-3.0, 1.0) ** two) == (9.0, -6.0)
        found = Dual(np.array([-3.0, 2.0]), np.ones(2)) ** (2 * two - 2.0)
        assert found.tangent.tolist() == [-6.0, 4.0]
    assert parts(np.sqrt(np.floor(Dual(0.5, 1.0)))) == (0.0, 0.0)
    root = Dual(-8.0, 1.0) ** (1 / 3)  # of Python's numbers, as in Python
    close(root, (-8.0) ** (1 / 3), (-8.0 + 0j) ** (-2 / 3) / 3)


PARTNERS = {
    "int": 2, "float": 0.75, "bool": True, "complex": 2 + 1j, "float64": np.float64(3),
    "float32": np.float32(1.5), "int8": np.int8(3), "bool_": np.True_,
    "complex64": np.complex64(1 + 1j), "list": [1.0, 2.0], "tuple": (1, 2), "nested": [[1], [2.0]],
    "integers": np.array([2, 3]), "booleans": np.array([True, True]), "array": np.array([0.5, 3.0]),
    "single": np.array([0.5, 3.0], np.float32), "no axes": np.array(2.0), "empty": np.zeros((0, 2)),
}  # fmt: skip
VARIABLES = {
    "float": (1.75, 0.5), "float32": (np.float32(1.75), np.float32(0.5)),
    "array": (np.array([1.75, 0.5]), np.array([0.5, -1.0])),
}  # fmt: skip


@pytest.mark.parametrize("partner", PARTNERS)
@pytest.mark.parametrize("variable", VARIABLES)
def test_operators_with_every_partner(variable, partner, quiet):
    """In both orders as `jvp`: value, tangent and dtype, or the same kind of error."""
    (x, dx), c = VARIABLES[variable], PARTNERS[partner]
    for function in OPERATORS:
        for f in (lambda x, f=function: f(x, c), lambda x, f=function: f(c, x)):
            try:
                value, tangent = ad.jvp(f, (x,), (dx,))
            except (TypeError, ValueError) as error:
                with pytest.raises(type(error)):
                    f(Dual(x, dx))
                continue
            found = f(Dual(x, dx))
            assert type(found) is Dual and found.dtype == type_of(value).dtype
            np.testing.assert_array_equal(found.value, value)
            np.testing.assert_array_equal(found.tangent, tangent)


@pytest.mark.parametrize("other", ["a", None, object(), {}], ids=["text", "None", "object", "dict"])
def test_partners_that_are_no_numbers(other):
    for function in (operator.add, operator.mul, operator.truediv, operator.pow, operator.lt):
        with pytest.raises(TypeError):
            function(Dual(1.5, 1.0), other)
    assert (Dual(1.5, 1.0) == other) is False


def test_operators_in_place():
    for name in ("iadd", "isub", "imul", "itruediv", "ipow", "ifloordiv", "imod"):
        function = getattr(operator, name)
        plain = getattr(operator, name[1:])
        for a, b in (
            (Dual(3.0, 1.0), Dual(2.0, 0.5)),
            (Dual(X[0] + 2, DX[0]), 1.5),
            (2.0, Dual(3.0, 1.0)),
        ):
            wanted = plain(a, b)
            is_array = isinstance(a, Dual) and a.shape
            found = function(a, b)
            np.testing.assert_array_equal(found.value, wanted.value)
            np.testing.assert_array_equal(found.tangent, wanted.tangent)
            assert found is a if is_array else found is not a
    a = np.ones(2)
    with pytest.raises(
        TracingError, match=r"np\.add was to write a traced value into a plain array"
    ):
        a += Dual(1.0, 1.0)


def test_unary_operators():
    x = Dual(-2.5, 3.0)
    assert parts(-x) == (2.5, -3.0) and parts(+x) == (-2.5, 3.0) and parts(abs(x)) == (2.5, -3.0)
    assert parts(round(Dual(2.4, 1.0))) == (2.0, 0.0)
    assert parts(math.floor(x)) == (-3.0, 0.0) and parts(math.ceil(x)) == (-2.0, 0.0)
    assert [parts(p) for p in divmod(Dual(7.0, 1.0), 2.0)] == [(3.0, 0.0), (1.0, 1.0)]


def test_reflected_with_arrays():
    """NumPy asks the dual, not its own loop over objects."""
    a, x = np.array([1.0, 2.0]), Dual(3.0, 4.0)
    for found, value, tangent in (
        (a - x, a - 3, [-4.0, -4.0]), (x - a, 3 - a, [4.0, 4.0]), (a / x, a / 3, -4 * a / 9),
        (np.float64(2.0) * x, 6.0, 8.0), ([1.0, 2.0] * x, 3 * a, 4 * a),
    ):  # fmt: skip
        assert type(found) is Dual
        close(found, value, tangent)


def test_cases_of_functions():
    x = Dual(6.0, 1.0)
    assert parts((x + 2) * (x - 3) / (x - 4)) == (12.0, -0.5)
    close(np.exp(np.sin(2 * Dual(0.5, 1.0))), 2.3197768, 2.5067615, 1e-7)


FUNCTIONS = {
    np.sin: np.cos, np.cos: lambda x: -np.sin(x), np.tan: lambda x: 1 / np.cos(x) ** 2,
    np.exp: np.exp, np.log: lambda x: 1 / x, np.sqrt: lambda x: 0.5 / np.sqrt(x),
    np.arcsin: lambda x: 1 / np.sqrt(1 - x * x), np.arccos: lambda x: -1 / np.sqrt(1 - x * x),
    np.arctan: lambda x: 1 / (1 + x * x), np.sinh: np.cosh, np.cosh: np.sinh,
    np.tanh: lambda x: 1 / np.cosh(x) ** 2, np.arcsinh: lambda x: 1 / np.sqrt(1 + x * x),
    np.arctanh: lambda x: 1 / (1 - x * x), np.log1p: lambda x: 1 / (1 + x), np.expm1: np.exp,
    np.square: lambda x: 2 * x, np.cbrt: lambda x: x ** (-2 / 3) / 3,
    np.reciprocal: lambda x: -1 / x**2,
}  # fmt: skip


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("x", [0.4, np.float64(0.7), np.array([0.2, 0.6])], ids=str)
def test_elementary_functions(function, x):
    found = function(Dual(x, 3.0 * np.ones_like(x)))
    close(found, function(x), 3.0 * FUNCTIONS[function](x))
    assert type(found.value) is type(function(x))


def test_polynomials():
    assert parts(Dual(1.0, 1.0) ** 5 + 1) == (2.0, 5.0)
    f = lambda x, y: y * (x**5 + 1)
    assert f(Dual(1.0, 1.0), 3.0).tangent == 15.0 and f(1.0, Dual(3.0, 1.0)).tangent == 2.0
    close(np.polyval([2.0, -1.0, 3.0], Dual(2.0, 1.0)), 9.0, 7.0)


def test_agrees_with_sympy():
    sympy = pytest.importorskip("sympy", reason="SymPy is not installed: no reference value")
    x, y = sympy.symbols("x y")
    cases = [
        (x**5 + 1, {x: 1.0}), (y * (x**5 + 1), {x: 1.0, y: 3.0}),
        (sympy.exp(sympy.sin(2 * x)), {x: 0.5}), ((x + 2) * (x - 3) / (x - 4), {x: 6.0}),
        (x**y * sympy.log(x + y), {x: 1.5, y: 2.5}), (sympy.atan(x / y), {x: 0.5, y: 2.0}),
    ]  # fmt: skip
    for expression, point in cases:
        function = sympy.lambdify(list(point), expression, "numpy")
        for i, symbol in enumerate(point):
            given = [Dual(v, float(i == j)) for j, v in enumerate(point.values())]
            wanted = float(expression.diff(symbol).subs(point))
            assert function(*given).tangent == pytest.approx(wanted, rel=1e-14)


def test_evaluation_of_a_graph():
    number = Type((), np.dtype(float), True)
    graph = build_function(lambda x, y: [x * x * y + y + 2.0], [number, number])
    (found,) = graph.evaluate(Dual(3.0, 1.0), 4.0)
    assert parts(found) == (42.0, 24.0)
    (found,) = graph.evaluate(3.0, Dual(4.0, 1.0))
    assert parts(found) == (42.0, 10.0)


def test_duals_and_expressions():
    """Duals flow through an expression's evaluation, and expressions may be the parts of a dual."""
    x, y = ad.symbols("x y")
    f = x**2 * y + y + 2
    assert parts(f.evaluate(x=Dual(3, 1), y=4.0)) == (42.0, 24.0)
    assert parts(f.evaluate(x=3.0, y=Dual(4, 1))) == (42.0, 10.0)
    d = Dual(x, 1.0)
    square = d * d
    assert square.tangent.evaluate(x=3.0) == 6.0 and str(square) == "x*x + (x + x)ε"
    assert np.sin(d).tangent.evaluate(x=0.5) == math.cos(0.5)
    assert parts(x * Dual(3.0, 4.0))[1].evaluate(x=2.0) == 8.0


# --------------------------------------------------------------------------------- every primitive

SWEPT = sorted(
    n for n, p in op.registry.items() if p.kind not in ("structural", "control", "random")
)


@pytest.fixture
def quiet():
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@cache
def samples(name):
    return tuple(op.registry[name].cases(np.random.default_rng(1)))


def moving(name, case):
    """The inputs that a derivative exists in: floats whose partial does not refuse."""
    found = []
    for i, x in enumerate(case.inputs):
        if type_of(x).dtype.kind in "fc":
            try:
                directional(name, case, [i])
            except DifferentiationError:
                continue
            found.append(i)
    return found


def steps_of(case, places):
    rng = np.random.default_rng(2)
    found = []
    for i in places:
        x = case.inputs[i]
        step = np.asarray(rng.standard_normal(np.shape(x)))
        if type_of(x).dtype.kind == "c":
            step = step + 1j * rng.standard_normal(np.shape(x))
        step = step.astype(type_of(x).dtype)
        found.append(step if isinstance(x, np.ndarray) else step[()])
    return found


def function_of(name, case, places):
    def function(*values):
        inputs = list(case.inputs)
        for i, x in zip(places, values, strict=True):
            inputs[i] = x
        return getattr(op, name)(*inputs, **case.parameters)

    return function


def directional(name, case, places):
    steps = tuple(steps_of(case, places))
    return ad.jvp(function_of(name, case, places), tuple(case.inputs[i] for i in places), steps)


def listed(output):
    return output if type(output) is tuple else (output,)


def check_part(found, value, tangent, title):
    """A dual result has the value and the tangent of `jvp`, to the bit; an integer is plain."""
    if type_of(value).dtype.kind not in "fc":
        np.testing.assert_array_equal(found, value, err_msg=title)
        assert not isinstance(found, Dual)
        return
    assert type(found) is Dual and type_of(found).dtype == type_of(value).dtype, title
    np.testing.assert_array_equal(found.value, value, err_msg=title)
    np.testing.assert_array_equal(found.tangent, tangent, err_msg=title)
    assert np.shape(found.tangent) == found.shape, title
    assert np.asarray(found.tangent).dtype == found.dtype, title


@SHARE
@pytest.mark.parametrize("name", SWEPT)
def test_every_primitive(name, share, quiet):
    compared = 0
    for case in some(samples(name), share):
        form = op.registry[name].form(any(type_of(x).dtype.kind == "c" for x in case.inputs))
        places = moving(name, case) if not isinstance(form, Undefined) else []
        if not places:
            continue
        value, tangent = directional(name, case, places)
        steps = steps_of(case, places)
        duals = [Dual(case.inputs[i], s) for i, s in zip(places, steps, strict=True)]
        found = function_of(name, case, places)(*duals)
        compared += 1
        for y, v, t in zip(*map(listed, (found, value, tangent)), strict=True):
            check_part(y, v, t, f"{name} {case.label}")
    kinds = {type_of(x).dtype.kind for case in samples(name) for x in case.inputs}
    assert compared or not kinds & set("fc") or isinstance(form, Undefined)


# ------------------------------------------------------------------------------- comparisons, parts


def test_comparisons_look_at_the_value():
    x = Dual(3.0, 4.0)
    for answer in (x > 2, x >= 3.0, x < 4.0, x <= Dual(3.0, -1.0), x == 3, x != 2.0):
        assert answer is True or answer is np.True_
    assert (Dual(1.0, 5.0) > Dual(2.0, 0.0)) in (False, np.False_)
    mask = Dual(np.array([1.0, 3.0]), np.ones(2)) > 2.0
    assert type(mask) is np.ndarray and mask.tolist() == [False, True]
    assert bool(Dual(0.5, 0.0)) is True and bool(Dual(0.0, 1.0)) is False
    assert int(Dual(2.9, 1.0)) == 2
    assert max(Dual(1.0, 2.0), Dual(3.0, 4.0)).tangent == 4.0


def test_branches():
    f = lambda x: x**2 if x > 0 else -x
    assert f(Dual(3.0, 1.0)).tangent == 6.0 and f(Dual(-3.0, 1.0)).tangent == -1.0


def test_parts_become_floats():
    assert [type(p) for p in parts(Dual(3, 4))] == [float, float]
    assert [p.dtype for p in parts(Dual(np.array([1, 2]), np.array([1, 0])))] == [float, float]
    x = Dual(np.float32(1.5), 2)
    assert x.dtype == np.float32 and type(x.tangent) is np.float32 and np.sin(x).dtype == np.float32
    assert Dual([1, 2], [3, 4]).tangent.tolist() == [3.0, 4.0]
    for zero in (0, 0.0):
        assert Dual(np.ones((2, 3)), zero).tangent.tolist() == [[0.0] * 3] * 2
    x = Dual(np.ones(3))
    x.tangent[1] = 1.0  # of an array's constant, too
    assert (x * x).tangent.tolist() == [0.0, 2.0, 0.0]
    z = Dual(1 + 2j, 1) * 1j
    assert parts(z) == (-2 + 1j, 1j)


def test_arrays_are_its_own():
    a, t = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    x = Dual(a, t)
    y, z = x + 0.0, x.copy()
    a[0] = t[0] = 9.0
    assert x.value[0] == 1.0 and x.tangent[0] == 3.0
    y.tangent[0] = z.tangent[0] = z.value[0] = 7.0
    assert x.tangent[0] == 3.0 and x.value[0] == 1.0


def test_copies_and_pickles():
    for x in (Dual(3.0, 4.0), Dual(np.arange(3.0), np.ones(3)), Dual(Dual(1.0, 2.0), 3.0)):
        for y in (copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
            assert type(y) is Dual and str(y) == str(x) and y.level == x.level


# ------------------------------------------------------------------------------------------- arrays

X = np.array([[2.0, 0.5, -1.0], [0.25, 3.0, 1.0], [1.0, -0.5, 2.5]])
DX = np.array([[0.5, -1.0, 2.0], [1.0, 0.25, 0.0], [-2.0, 1.5, 1.0]])

ARRAY_FUNCTIONS = {
    "inverse": lambda x: np.linalg.inv(x),
    "solve": lambda x: np.linalg.solve(x, np.arange(3.0)),
    "ad.solve": lambda x: ad.linalg.solve(x, x @ x),
    "determinant": lambda x: np.linalg.det(x),
    "norm": lambda x: np.linalg.norm(x),
    "eigenvalues": lambda x: np.linalg.eigvalsh(x @ x.T),
    "matmul": lambda x: x @ x.T @ np.ones(3),
    "constant @ x": lambda x: np.eye(3) @ x,
    "dot": lambda x: np.dot(x, x[0]),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x),
    "where": lambda x: np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), -x),
    "indexing": lambda x: x[1, ::2] * x[:, 0][:2],
    "fancy": lambda x: x[[0, 2, 0], 1],
    "mask": lambda x: x[X > 0],
    "sum": lambda x: x.sum(axis=0) * np.sum(x),
    "mean, var": lambda x: x.mean(1) + x.var(1) + x.std(),
    "max": lambda x: x.max(axis=1) - np.min(x),
    "prod": lambda x: np.prod(x, axis=1) + np.cumprod(x[0]),
    "sort": lambda x: np.sort(x, axis=None),
    "layout": lambda x: np.concatenate([x.T.reshape(-1), x.ravel()]).reshape(2, 9)[:, ::-1],
    "stack": lambda x: np.stack([x[0], x[1] * 2, np.ones(3)]),
    "clip": lambda x: np.clip(x, -0.75, 2.75),
    "methods": lambda x: x.transpose().copy().cumsum(axis=0).take([1, 2]).astype(np.float32),
    "outer": lambda x: np.multiply.outer(x[0], x[1]),
    "reduce": lambda x: np.add.reduce(x) + np.multiply.reduce(x),
    "fft": lambda x: np.fft.fft(x[0]),
    "interp": lambda x: np.interp(x[0], [-2.0, 0.0, 4.0], [1.0, 2.0, 5.0]),
    "broadcasting": lambda x: x[:, None] * x[None] + x[0, 0],
    "special": lambda x: ad.special.erf(x) + ad.special.gammaln(abs(x)),
    "ad.numpy": lambda x: ad.numpy.array([x[0, 0], x[1, 1] ** 2, 3.0]),
}


@pytest.mark.parametrize("name", ARRAY_FUNCTIONS)
def test_array_functions(name):
    function = ARRAY_FUNCTIONS[name]
    value, tangent = ad.jvp(function, (X,), (DX,))
    found = function(Dual(X, DX))
    assert type(found) is Dual and found.shape == np.shape(value) and found.dtype == value.dtype
    tolerance = 1e-6 if found.dtype == np.float32 else 1e-13
    close(found, value, tangent, tolerance)


def test_several_outputs():
    values, vectors = np.linalg.eigh(Dual(X @ X.T, DX + DX.T))
    _, (dw, dv) = ad.jvp(lambda a: tuple(np.linalg.eigh(a)), (X @ X.T,), (DX + DX.T,))
    close(values, np.linalg.eigh(X @ X.T)[0], dw, 1e-12)
    np.testing.assert_allclose(vectors.tangent, dv, rtol=1e-11, atol=1e-12)
    fraction, whole = np.modf(Dual(2.5, 3.0))
    assert parts(fraction) == (0.5, 3.0) and parts(whole) == (2.0, 0.0)
    _, exponent = np.frexp(Dual(6.0, 1.0))
    assert exponent == 3 and not isinstance(exponent, Dual)
    places = np.argsort(Dual(np.array([3.0, 1.0]), np.ones(2)))
    assert type(places) is np.ndarray and places.tolist() == [1, 0]


def test_writing_in_place():
    x = Dual(np.zeros(3), np.zeros(3))
    x[0] = Dual(2.0, 5.0)
    x[1:] += Dual(1.0, 1.0)
    x *= 2.0
    assert parts(x)[0].tolist() == [4.0, 2.0, 2.0] and parts(x)[1].tolist() == [10.0, 2.0, 2.0]
    row = (y := Dual(np.ones((2, 2)), np.ones((2, 2))))[0]
    row[0] = 7.0
    assert y.value[0, 0] == 7.0 and y.tangent[0, 0] == 0.0 and y.tangent[0, 1] == 1.0
    assert len(x) == 3 and [p.value for p in x] == [4.0, 2.0, 2.0]


# ------------------------------------------------------------------------------------------ nesting


def hyper(x, order):
    for _ in range(order):
        x = Dual(x, 1.0)
    return x


def last(x, order):
    for _ in range(order):
        x = x.tangent
    return x


NESTED = {
    "exp(sin)": (lambda x: np.exp(np.sin(x)), 0.7),
    "x**5": (lambda x: x**5 + 1, 2.0),
    "x**x": (lambda x: x**x, 1.5),
    "quotient": (lambda x: (x + 2) * (x - 3) / (x - 4), 6.0),
    "log, sqrt": (lambda x: np.log(x) * np.sqrt(1 + x * x), 0.8),
    "gamma": (lambda x: ad.special.gammaln(x) * np.arctan(x), 2.5),
    "reduction": (lambda x: np.sum(np.stack([x, x * x]) ** 2) ** 1.5, 0.5),
}


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_hyper_duals(name, order):
    f, x = NESTED[name]
    wanted = ad.grad(f)(x) if order == 1 else ad.derivative(f, order)(x)
    assert last(f(hyper(x, order)), order) == pytest.approx(wanted, rel=1e-11)


def test_all_parts_of_a_hyper_dual():
    f, d, dd = np.sin, np.cos, lambda x: -np.sin(x)
    y = f(Dual(Dual(0.3, 1.0), 1.0))
    assert (y.value.value, y.value.tangent, y.tangent.value) == (f(0.3), d(0.3), d(0.3))
    assert y.tangent.tangent == dd(0.3)


def test_mixed_partial_derivatives():
    f = lambda x, y: x**2 * y + y + 2
    x, y = Dual(Dual(3.0, 1.0), 0.0), Dual(Dual(4.0, 0.0), 1.0)
    found = f(x, y)
    assert (found.value.value, found.value.tangent) == (42.0, 24.0)
    assert (found.tangent.value, found.tangent.tangent) == (10.0, 6.0)


@pytest.mark.parametrize("function", [operator.add, operator.sub, operator.mul, operator.truediv,
                                      operator.pow, np.hypot, np.arctan2, np.maximum],
                         ids=lambda f: f.__name__)  # fmt: skip
def test_a_dual_beside_a_deeper_one(function):
    """The one of a lower level is a constant of the outer ε."""
    shallow, deep = Dual(1.5, 0.5), Dual(Dual(2.0, 3.0), Dual(0.25, -1.0))
    lifted = Dual(shallow, 0.0)
    for found, wanted in (
        (function(shallow, deep), function(lifted, deep)),
        (function(deep, shallow), function(deep, lifted)),
    ):
        assert found.level == wanted.level == deep.level
        for a, b in zip(parts(found), parts(wanted), strict=True):
            close(a, b.value, b.tangent, 1e-15)


def test_the_algebra_of_nested_duals():
    """Products against the multiplication table of 1, ε₁, ε₂, ε₁ε₂."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 4))
    x, y = (Dual(Dual(c[0], c[1]), Dual(c[2], c[3])) for c in (a, b))
    z = x * y
    found = [z.value.value, z.value.tangent, z.tangent.value, z.tangent.tangent]
    wanted = [
        a[0] * b[0], a[0] * b[1] + a[1] * b[0], a[0] * b[2] + a[2] * b[0],
        a[0] * b[3] + a[3] * b[0] + a[1] * b[2] + a[2] * b[1],
    ]  # fmt: skip
    np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_derivative_functions_nest():
    """A derivative inside a derivative: the inner variable stands a level above the outer one."""
    slope = lambda f: lambda x: f(Dual(x, 1.0)).tangent
    assert slope(lambda x: x * slope(lambda y: x + y)(x))(1.0) == 1.0
    assert slope(lambda x: x * slope(lambda y: x * y * y)(x))(3.0) == 54.0
    assert slope(slope(slope(np.exp)))(0.5) == pytest.approx(math.exp(0.5), rel=1e-15)


def test_a_derivative_inside_a_derivative_at_a_constant_point():
    """The inner variable is nested; at `Dual(1.0, 1.0)` it would be the outer one."""
    inner = lambda x: (x + Dual(Dual(1.0), 1.0)).tangent
    x = Dual(1.0, 1.0)
    assert parts(x * inner(x)) == (1.0, 1.0)
    outer = lambda x: ad.derivative(lambda y: x + y)(1.0)
    assert parts(x * outer(x)) == (1.0, 1.0)


def test_parts_of_different_depth():
    x = Dual(2.0, Dual(3.0, 1.0))
    y = x * x
    assert y.value == 4.0 and parts(y.tangent) == (12.0, 4.0)
    z = np.floor(x) * Dual(Dual(1.0, 1.0), 5.0)
    assert z.level == x.level and parts(z.value) == (2.0, 2.0)


# --------------------------------------------------------------------------------------- transforms


def test_transforms_of_functions_of_duals():
    f = lambda x: np.exp(np.sin(x))
    x = Dual(0.5, 1.0)
    for found in (ad.grad(f)(x), ad.jvp(f, (x,), (1.0,))[1], ad.jacobian(f)(x)):
        assert type(found) is Dual
        close(found, ad.grad(f)(0.5), ad.derivative(f, 2)(0.5), 1e-14)
    value, slope = ad.value_and_grad(lambda a: np.sum(a**3))(Dual(np.ones(2), np.arange(2.0)))
    close(value, 2.0, 3.0)
    close(slope, [3.0, 3.0], [0.0, 6.0])
    assert last(ad.grad(f)(hyper(0.5, 2)), 2) == pytest.approx(ad.derivative(f, 3)(0.5), rel=1e-14)


def test_vmap_of_duals():
    x = Dual(np.arange(3.0), np.array([1.0, 2.0, 3.0]))
    found = ad.vmap(lambda a: a * a)(x)
    close(found, [0.0, 1.0, 4.0], [0.0, 4.0, 12.0])


def test_duals_inside_transforms():
    """Duals of traced values: the transform differentiates their parts."""
    slope = lambda f: lambda x: f(Dual(x, 1.0)).tangent
    assert ad.grad(slope(lambda x: x**3))(2.0) == 12.0
    assert ad.grad(lambda x: (Dual(x, 1.0) * x).value)(3.0) == 6.0
    assert ad.grad(lambda x: (Dual(x, 1.0) * x).tangent)(3.0) == 1.0
    assert ad.jvp(slope(np.sin), (0.3,), (1.0,))[1] == -math.sin(0.3)
    np.testing.assert_array_equal(ad.vmap(slope(lambda x: x**3))(np.arange(3.0)), [0.0, 3.0, 12.0])
    fast = ad.jit(slope(lambda x: np.exp(2 * x)))
    assert fast(0.5) == pytest.approx(2 * math.e, rel=1e-15)
    assert ad.jit(ad.grad(slope(lambda x: x**4)))(2.0) == 48.0
    a = np.arange(1.0, 4.0)
    found = ad.grad(lambda v: np.sum(np.sin(Dual(v, a)).tangent))(a)
    np.testing.assert_allclose(found, -np.sin(a) * a, rtol=1e-15)


CONTROL = {
    "jit": ad.jit(lambda x: np.exp(np.sin(x))),
    "checkpoint": ad.checkpoint(lambda x: np.exp(np.sin(x))),
    "cond": lambda x: ad.cond(x > 0.2, lambda v: v**3, lambda v: -v, x),
    "fori_loop": lambda x: ad.fori_loop(0, 3, lambda i, v: np.sin(v) * v, x),
    "while_loop": lambda x: ad.while_loop(lambda v: v < 10.0, lambda v: v * v + 1.0, x),
    "scan": lambda x: ad.scan(lambda c, y: (c * np.cos(y + c), c), x, np.arange(3.0))[1],
    "map": lambda x: ad.map(np.sin, np.stack([x, x * x])),
    "gradient": ad.grad(lambda x: np.exp(np.sin(x))),
    "Hessian": lambda x: ad.hessian(lambda v: np.sum(np.exp(v * x)))(np.ones(2)),
    "third derivative": ad.derivative(np.exp, 3),
    "series": lambda x: ad.taylor(np.sin, x, 3),
    "unique": lambda x: np.unique(np.stack([x, x * x, 0.25 + 0 * x])),
}


@pytest.mark.parametrize("name", CONTROL)
def test_control_flow_and_transforms(name):
    value, tangent = ad.jvp(CONTROL[name], (0.6,), (2.0,))
    close(CONTROL[name](Dual(0.6, 2.0)), value, tangent, 1e-13)


def test_rules_of_the_user():
    by_jvp = ad.custom_derivative(lambda x: np.sin(x))
    by_jvp.jvp(lambda p, t: (by_jvp(*p), 3.0 * np.cos(p[0]) * t[0]))
    by_vjp = ad.custom_derivative(lambda x: np.sin(x))
    by_vjp.vjp(lambda p, y, c: 3.0 * np.cos(p[0]) * c)
    for sine in (by_jvp, by_vjp):
        close(sine(Dual(0.5, 2.0)), np.sin(0.5), 6.0 * np.cos(0.5))
    assert last(by_jvp(hyper(0.5, 2)), 2) == pytest.approx(-3.0 * np.sin(0.5), rel=1e-15)


def test_stop_gradient_gives_the_value():
    assert ad.stop_gradient(Dual(3.0, 4.0)) == 3.0
    assert not isinstance(ad.stop_gradient(Dual(Dual(3.0, 1.0), 4.0)), Dual)


# ----------------------------------------------------------------------------------------- printing


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (Dual(3, 4) + 3, "6.0 + 4.0ε"),
        (Dual(6.0, -4.0), "6.0 - 4.0ε"),
        (Dual(-6.0), "-6.0 + 0.0ε"),
        (Dual(np.float32(1.5), 1), "1.5 + 1.0ε"),
        (Dual(1e-20, -1e20), "1e-20 - 1e+20ε"),
        (Dual(1.0, math.nan), "1.0 + nanε"),
        (Dual(1 + 2j, 1), "(1+2j) + (1+0j)ε"),
        (Dual(np.array([1.0, 2.0]), np.array([-1.0, 0.0])), "[1. 2.] + [-1.  0.]ε"),
        (
            Dual(np.eye(2), -np.ones((2, 2))),
            "[[1. 0.]\n [0. 1.]]\n+ [[-1. -1.]\n   [-1. -1.]]ε",
        ),
        (Dual(Dual(3, 1), 1), "(3.0 + 1.0ε₁) + 1.0ε₂"),
        (Dual(Dual(3, 1), Dual(-1, -2)), "(3.0 + 1.0ε₁) + (-1.0 - 2.0ε₁)ε₂"),
        (Dual(Dual(Dual(3, 1), 1), -1), "((3.0 + 1.0ε₁) + 1.0ε₂) - 1.0ε₃"),
    ],
    ids=repr,
)
def test_printing(x, text):
    assert str(x) == repr(x) == text


def test_formatting():
    assert f"{Dual(1 / 3, -2 / 3):.3f}" == "0.333 - 0.667ε"
    assert f"{Dual(3, 4)}" == "3.0 + 4.0ε" and str([Dual(1, 2)]) == "[1.0 + 2.0ε]"
    assert f"{Dual(np.array([1, 2]), np.array([-0.5, 3])):.2f}" == "[1.00 2.00] + [-0.50 3.00]ε"
    assert f"{Dual(np.array(2.0), np.array(-1.0)):.1f}" == "2.0 - 1.0ε"
    assert f"{Dual(-1 - 2j, -1 - 2j):.1f}" == "(-1.0-2.0j) + (-1.0-2.0j)ε"
    assert f"{Dual(Dual(3, 1), Dual(1, -2)):.1f}" == "(3.0 + 1.0ε₁) + (1.0 - 2.0ε₁)ε₂"
    assert f"{Dual(1.5, 2.5):+.1f}" == "+1.5 + 2.5ε" and f"{Dual(1.5, -2):+.1f}" == "+1.5 - 2.0ε"
    assert f"{Dual(1.5, -2.5):7.2f}" == "   1.50 -    2.50ε"
    with pytest.raises(ValueError, match="Unknown format code"):
        f"{Dual(1.0, 2.0):d}"


# ------------------------------------------------------------------------------------------- errors


def told(kind, call):
    """The message of an error, its own line as `LINE`."""
    with pytest.raises(kind) as caught:
        call()
    first = inspect.getsourcelines(call)[1]
    return str(caught.value).replace(f"test_dual.py:{first}: ", "LINE ")


def test_a_tangent_of_another_shape():
    call = lambda: Dual(np.ones(3), np.ones(2))
    assert told(DifferentiationError, call) == (
        "ad.Dual got a tangent of type float64[2] for a value of type float64[3].\n"
        "  expected: a tangent of the value's shape\n"
        "  at LINE call = lambda: Dual(np.ones(3), np.ones(2))  (in Dual)\n"
        "  write instead: `np.full_like(value, t)` for the same tangent everywhere, 0 for a "
        "constant"
    )
    for value, tangent in ((np.ones(3), 1.0), (1.0, np.ones(3)), (np.ones((2, 1)), np.ones(2))):
        with pytest.raises(DifferentiationError, match="of the value's shape"):
            Dual(value, tangent)


def test_a_complex_tangent_of_a_real_value():
    call = lambda: Dual(1.0, 1j)
    assert told(DifferentiationError, call) == (
        "ad.Dual got a tangent of type complex for a value of type float.\n"
        "  expected: a real tangent\n"
        "  at LINE call = lambda: Dual(1.0, 1j)  (in Dual)\n"
        "  write instead: `ad.Dual(value + 0j, tangent)` for a complex number"
    )


@pytest.mark.parametrize(
    ("value", "came"),
    [("3", "a str"), (None, "a NoneType"), (True, "a bool"),
     (np.array(["a"]), "an array of dtype <U1"), (np.ma.array([1.0]), "a MaskedArray"),
     (np.array([True]), "an array of dtype bool")],
    ids=str,
)  # fmt: skip
def test_parts_that_are_no_numbers(value, came):
    with pytest.raises(DifferentiationError) as caught:
        Dual(value, 1.0)
    assert str(caught.value).startswith(f"ad.Dual got {came} as its value.\n")
    with pytest.raises(DifferentiationError, match="as its tangent"):
        Dual(1.0, value)


def test_a_dual_is_no_float():
    call = lambda: float(Dual(6.0, 4.0))
    assert told(TracingError, call) == (
        "a dual number (6.0 + 4.0ε) was asked for a plain number, and would lose its tangent.\n"
        "  expected: NumPy's functions: `float()` and Python's `math` module take numbers only\n"
        "  at LINE call = lambda: float(Dual(6.0, 4.0))  (in float)\n"
        "  write instead: `np.sin(x)` for `math.sin(x)`; `x.value` for `float(x)` if the value "
        "alone is meant, `x.tangent` for the tangent"
    )
    with pytest.raises(TracingError, match="asked for a plain number"):
        math.sin(Dual(1.0, 1.0))


def test_a_dual_is_no_array():
    call = lambda: np.asarray(Dual(np.ones(2), np.ones(2)))
    assert told(TracingError, call) == (
        "a dual number (float64[2]) was to become a plain array, and would lose its tangent.\n"
        "  expected: functions that keep dual numbers (NumPy's functions, methods and operators)\n"
        "  at LINE call = lambda: np.asarray(Dual(np.ones(2), np.ones(2)))\n"
        "  write instead: `x.value` or `x.tangent` for one of its parts; `np.stack([...])` for "
        "`np.array([...])`; a dual array, `ad.Dual(a)`, for `a` in `a[i] = x`"
    )
    with pytest.raises((TracingError, ValueError)):
        np.zeros(2)[0] = Dual(1.0, 1.0)


def test_scipy():
    """What SciPy computes with NumPy's functions takes duals; what it hands to compiled code is
    refused, never a number without its tangent."""
    import scipy.integrate
    import scipy.linalg
    import scipy.optimize
    import scipy.special

    a = Dual(2.0, 1.0)
    root = scipy.optimize.newton(lambda t: t * t - a, 1.0)
    close(root, math.sqrt(2), 0.25 * math.sqrt(2), 1e-8)
    close(scipy.special.erf(a), math.erf(2.0), 2 / math.sqrt(math.pi) * math.exp(-4.0))
    for call in (
        lambda: scipy.integrate.solve_ivp(lambda t, y: -a * y, (0, 1), [1.0]),
        lambda: scipy.integrate.solve_ivp(lambda t, y: -y, (0, 1), [a]),
        lambda: scipy.integrate.quad(lambda t: a * t, 0, 1),
        lambda: scipy.integrate.quad(lambda t: t, 0, a),
        lambda: scipy.linalg.expm(np.eye(2) * a),
    ):
        with pytest.raises(TracingError, match="and would lose its tangent"):
            call()
    with pytest.raises(
        (TracingError, SystemError)
    ) as caught:  # SciPy's, of which ours is the cause
        scipy.optimize.brentq(lambda t: t * t - a, 0.0, 5.0)
    assert isinstance(caught.value, TracingError) or isinstance(
        caught.value.__cause__, TracingError
    )
    with pytest.raises(TracingError, match=r"write instead: `ad\.special\.logsumexp\(...\)`"):
        scipy.special.logsumexp(Dual(np.ones(2), np.ones(2)))


def test_a_dual_is_no_key():
    call = lambda: {Dual(1.0, 2.0): 0}
    assert told(TracingError, call) == (
        "a dual number (float) was used as a key of a dictionary, put into a set or given to a "
        "cached function.\n"
        "  expected: keys that are plain values\n"
        "  at LINE call = lambda: {Dual(1.0, 2.0): 0}\n"
        "  write instead: `(x.value, x.tangent)` as the key if both are numbers"
    )


LEAVING = {
    "grad": lambda f: ad.grad(f)(3.0),
    "aux": lambda f: ad.grad(lambda x: (x, f(x)), has_aux=True)(3.0),
    "vjp": lambda f: ad.vjp(f, 3.0),
    "jvp": lambda f: ad.jvp(f, (3.0,), (1.0,)),
    "linearize": lambda f: ad.linearize(f, 3.0),
    "jacobian": lambda f: ad.jacobian(f)(3.0),
    "hessian": lambda f: ad.hessian(f)(3.0),
    "taylor": lambda f: ad.taylor(f, 3.0, 2),
    "derivative": lambda f: ad.derivative(f, 2)(3.0),
    "vmap": lambda f: ad.vmap(f)(np.ones(2)),
    "jit": lambda f: ad.jit(f)(3.0),
    "inner": lambda f: ad.grad(lambda x: ad.grad(lambda y: y * y)(f(x)).tangent)(3.0),
}


@pytest.mark.parametrize("name", LEAVING)
def test_traced_parts_do_not_pass_the_border_of_a_transform(name):
    """They would lose their derivative: never a wrong number."""
    with pytest.raises(TracingError) as caught:
        LEAVING[name](lambda x: Dual(x, 1.0) * x)
    assert str(caught.value).startswith(
        "a dual number whose parts are traced values (float"
    ) and str(caught.value).endswith(
        "  write instead: `return x.value, x.tangent`, and the dual number inside the function"
    )


def test_no_derivative_where_none_is_declared():
    with pytest.raises(
        DifferentiationError, match=r"the derivative of scipy\.special\.jv in the order"
    ):
        ad.special.jv(Dual(1.5, 1.0), 2.0)
