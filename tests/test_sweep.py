"""The registry-wide sweep: every primitive is checked on every sample call that its record
declares.

Values, dtypes and special values against NumPy; both modes against finite differences, against each
other and to second order; batching against a loop; the graph-to-graph transforms against the
uncompiled ones; results fresh and writeable.  A new primitive is swept the day it is declared.

Tolerances: a rule of a few operations is right to some ten roundings; the references carry their
own error.
"""

import inspect
import itertools
import warnings
from functools import cache

import numpy as np
import pytest
import references

import adjoint as ad
from adjoint.base.dtypes import Type, type_of
from adjoint.graph import op
from adjoint.graph.check import verify
from adjoint.graph.function import build_function
from adjoint.graph.primitive import Code, Derivative, Partials, Undefined, Zero
from adjoint.graph.text import parse, show
from adjoint.optimize.pipeline import optimize
from adjoint.testing import check_grads
from adjoint.transform.batch import batch
from adjoint.transform.linearize import linearize
from adjoint.transform.transpose import transpose

# What they do is what their bodies or rule do; `require` stands beside results.
HELD_TOGETHER = (
    "call", "custom", "require", "scan", "while_loop", "switch", "checkpoint", "recompute", "named"
)  # fmt: skip
SWEPT = sorted(
    n for n, p in op.registry.items() if p.kind != "structural" and n not in HELD_TOGETHER
)


@pytest.fixture(autouse=True)
def quiet():
    """Special values warn in NumPy, as they should."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@cache
def cases(name, seed=0):
    return tuple(op.registry[name].cases(np.random.default_rng(seed)))


SHARE = pytest.mark.parametrize("share", ["some", pytest.param("all", marks=pytest.mark.slow)])


def some(found, share):
    """All samples, or two of them: the first and the last."""
    return found if share == "all" or len(found) <= 2 else [found[0], found[-1]]


def titled(name, case):
    types = ", ".join(str(type_of(x)) for x in case.inputs)
    return f"{name}({types}, {case.parameters}) {case.label}"


def call(name, case, inputs):
    return getattr(op, name)(*inputs, **case.parameters)


def called(name, case, *more):
    """The primitive as a function of its inputs; with `more`, it gives its inputs and that too."""
    if more:
        return lambda *xs: (call(name, case, xs), xs, *more)
    return lambda *xs: call(name, case, xs)


def listed(output):
    return list(output) if isinstance(output, tuple) else [output]


def is_inexact(x):
    return type_of(x).dtype.kind in "fc"


def inexact(case, held=()):
    return [i for i, x in enumerate(case.inputs) if is_inexact(x) and i not in held]


def inexact_function(name, case, held=()):
    """The primitive as a function of its inexact inputs that gives the list of its inexact
    outputs; the inputs in `held` are constants."""
    places = inexact(case, held)

    def function(*values):
        inputs = list(case.inputs)
        for place, x in zip(places, values, strict=True):
            inputs[place] = x
        return [y for y in listed(call(name, case, inputs)) if is_inexact(y)]

    return function, [case.inputs[i] for i in places]


def differentiable(name):
    found = [c for c in cases(name) if c.differentiate and inexact(c)]
    return [c for c in found if has_derivative(name, c)]


def has_derivative(name, case):
    complex_ = any(type_of(x).dtype.kind == "c" for x in case.inputs)
    return not isinstance(op.registry[name].form(complex_), Undefined)


def close(found, expected, title, ulps=200):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, title
    if found.dtype.kind not in "fc" and expected.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, expected, err_msg=title)
        return
    kinds = [t for t in (found.dtype, expected.dtype) if t.kind in "fc"]
    eps = max(float(np.finfo(t).eps) for t in kinds)
    scale = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
    np.testing.assert_allclose(
        found, expected, rtol=ulps * eps, atol=ulps * eps * (scale + 1e-3), err_msg=title
    )


def draw(rng, x):
    t = type_of(x)
    drawn = rng.standard_normal(t.shape)
    if t.dtype.kind == "c":
        drawn = drawn + 1j * rng.standard_normal(t.shape)
    drawn = np.asarray(drawn, t.dtype)
    return drawn if isinstance(x, np.ndarray) else drawn[()]


def paired(a, b):
    return sum(
        np.sum(np.asarray(x, complex) * np.asarray(y)) for x, y in zip(a, b, strict=True)
    ).real


def scalarised(function, weights):
    """The real part of the sum of outputs times weights: one real number."""

    def scalar(*values):
        total = 0.0
        for y, w in zip(function(*values), weights, strict=True):
            product = op.mul(y, w)
            if type_of(product).dtype.kind == "c":
                product = op.real(product)
            total = total + op.sum(product, axes=tuple(range(type_of(product).ndim)))
        return total

    return scalar


# ------------------------------------------------------------------------------------------ records


@pytest.mark.parametrize("name", sorted(op.registry))
def test_record(name):
    primitive = op.registry[name]
    assert primitive.name == name and primitive.documentation.strip()
    assert isinstance(primitive.derivative, Derivative) and isinstance(primitive.code, Code)
    for field in ("evaluate", "infer", "batch", "cases", "reference"):
        assert callable(getattr(primitive, field)), field
    if name in SWEPT:
        assert cases(name), "no sample calls"
        for case in cases(name):
            count = len(case.inputs)
            for is_complex in (False, True):
                masks = primitive.needs(count, is_complex)
                assert len(masks) >= count or isinstance(primitive.form(is_complex), Partials)
                assert all(0 <= mask < 1 << count + 1 for mask in masks), "reads what is not there"
    for is_complex in (False, True):
        form = primitive.form(is_complex)
        if isinstance(form, Partials):
            assert {len(case.inputs) for case in cases(name)} == {len(form.partials)}
            for rule in filter(callable, form.partials):  # `*values` would hide what is read
                kinds = inspect.signature(rule).parameters.values()
                assert all(p.name[0] == "_" for p in kinds if p.kind is p.VAR_POSITIONAL)
        if isinstance(form, (Zero, Undefined)):
            assert form.reason


# --------------------------------------------------------------------------------- values and types


def identical(found, expected, title):
    """The same dtype, shape and values; NaN, infinities and signed zeros in the same places."""
    assert type_of(found)[:2] == type_of(expected)[:2], title
    np.testing.assert_array_equal(found, expected, err_msg=title)
    if is_inexact(expected):
        for part in (np.real, np.imag):
            found_signs, signs = np.signbit(part(found)), np.signbit(part(expected))
            number = ~np.isnan(part(expected))
            np.testing.assert_array_equal(found_signs[number], signs[number], err_msg=title)


COMPUTED = ("reduction", "contraction", "external")  # kinds whose results are rounded on the way
ROUNDED = (*references.SPECIAL, "safe_sqrt", "scatter_add")


@pytest.mark.parametrize("name", SWEPT)
def test_value(name):
    """Dtype, shape and values as those of a second formulation: a reference that is not the
    primitive's own evaluation, one of `references`, or NumPy's function of the primitive's name."""
    primitive = op.registry[name]
    public = references.public(name)
    for case in cases(name):
        title = titled(name, case)
        found = listed(call(name, case, case.inputs))
        if primitive.reference is not primitive.evaluate:
            expected = listed(primitive.reference(*case.inputs, **case.parameters))
            for y, e in zip(found, expected, strict=True):
                identical(y, e, title)
            continue
        assert (
            name in references.VALUES or name in references.CHECKS or (public is primitive.evaluate)
        ), f"{name} has no reference but itself: add a second formulation to tests/references.py"
        assert public, f"say in tests/references.py whose shape and dtype {name} has"
        same = listed(public(*case.inputs, **case.parameters))
        assert [type_of(y)[:2] for y in found] == [type_of(y)[:2] for y in same], title
        scipys = name in references.SCIPYS
        if scipys or public is primitive.evaluate:
            for y, e in zip(found, same, strict=True):
                identical(y, e, title)
        if scipys and case.label == "special values":
            continue  # conventions, which are SciPy's
        if name in references.CHECKS:
            references.CHECKS[name](case.inputs, found, **case.parameters)
        if name in references.VALUES:
            expected = listed(references.VALUES[name](*case.inputs, **case.parameters))
            for y, e in zip(found, expected, strict=True):
                e = np.asarray(e, y.dtype) if e.dtype == object else e
                if primitive.kind == "external":
                    references.same(y, e, *case.inputs, ulps=references.ULPS.get(name, 50))
                elif primitive.kind in COMPUTED or name in ROUNDED:
                    close(y, e, title, references.ULPS.get(name, 50))
                else:
                    identical(y, np.asarray(e, y.dtype)[()], title)


@pytest.mark.parametrize("name", SWEPT)
def test_type_rule(name):
    """What `infer` says from types alone is what comes out."""
    primitive = op.registry[name]
    for case in cases(name):
        title = titled(name, case)
        inferred = primitive.infer(*[type_of(x) for x in case.inputs], **case.parameters)
        inferred = [inferred] if isinstance(inferred, Type) else list(inferred)
        found = [type_of(y) for y in listed(call(name, case, case.inputs))]
        assert [tuple(t) for t in inferred] == [tuple(t) for t in found], title


@pytest.mark.parametrize("name", [n for n in SWEPT if op.registry[n].kind == "elementwise"])
def test_type_rule_of_python_scalars(name):
    """Python scalars alone, and beside an array of a small dtype, to which they give way."""
    primitive = op.registry[name]
    case = next(c for c in cases(name) if c.label == "scalar")
    numbers = tuple(x.item() for x in case.inputs)
    small = {"f": np.float32, "i": np.int8, "u": np.uint8, "b": np.bool_, "c": np.complex64}
    array = np.asarray([case.inputs[0]], small[type_of(case.inputs[0]).dtype.kind])
    check_type(primitive, case, numbers)
    for i in range(len(numbers) if len(numbers) > 1 else 0):
        check_type(primitive, case, (*numbers[:i], array, *numbers[i + 1 :]))


def check_type(primitive, case, inputs):
    found = [type_of(y) for y in listed(getattr(op, primitive.name)(*inputs, **case.parameters))]
    inferred = primitive.infer(*[type_of(x) for x in inputs], **case.parameters)
    inferred = [inferred] if isinstance(inferred, Type) else list(inferred)
    assert [tuple(t) for t in found] == [tuple(t) for t in inferred], f"{primitive.name}{inputs}"


# -------------------------------------------------------------------------------------- derivatives


@SHARE
@pytest.mark.parametrize("name", SWEPT)
def test_both_modes_are_transposes(name, share):
    """<ct, J t> is <J' ct, t>, and the tangents have the outputs' types."""
    rng = np.random.default_rng(1)
    every = differentiable(name)
    chosen = some(range(len(every)), share)
    for k, case in enumerate(every):
        title = titled(name, case)
        function, leaves = inexact_function(name, case)
        tangents = [draw(rng, x) for x in leaves]
        if k not in chosen:  # the others see the same numbers whatever the share is
            _ = [draw(rng, y) for y in function(*leaves)]
            continue
        outputs, pushed = ad.jvp(function, leaves, tangents)
        cotangents = [draw(rng, y) for y in outputs]
        outputs, pullback = ad.vjp(function, *leaves)
        pulled = pullback(cotangents)
        for y, t in zip(outputs, pushed, strict=True):
            assert type_of(y)[:2] == type_of(t)[:2], title
        for x, c in zip(leaves, pulled, strict=True):
            assert type_of(x)[:2] == type_of(c)[:2], title
        forward, backward = paired(cotangents, pushed), paired(pulled, tangents)
        eps = max(float(np.finfo(type_of(x).dtype).eps) for x in (*leaves, *outputs))
        size = sum(
            np.sum(np.abs(np.asarray(c) * np.asarray(t)))
            for c, t in zip(cotangents, pushed, strict=True)
        )
        assert abs(forward - backward) <= 100 * eps * (size + abs(backward) + 1e-3), title


# No closed form is known of the second derivative in these inputs: asking for it is refused.
REFUSED_TWICE = dict.fromkeys(
    ("gammainc", "gammaincc", "gammaincinv", "gammainccinv", "chdtr", "chdtrc"), (0,)
)


@pytest.mark.parametrize("name", [n for n in REFUSED_TWICE if n in SWEPT])
def test_refused_second_derivative(name):
    case = differentiable(name)[0]
    check_numerically(name, [case], 1, held=())
    function, leaves = inexact_function(name, case)
    with pytest.raises(ad.DifferentiationError, match="is not implemented"):
        check_grads(function, leaves, order=2)


def check_numerically(name, chosen, order, seed=0, held=None):
    held = REFUSED_TWICE.get(name, ()) if held is None else held
    for case in chosen:
        function, leaves = inexact_function(name, case, held)
        if not function(*leaves):
            continue
        try:
            check_grads(function, leaves, order=order, seed=seed)
        except AssertionError as error:
            raise AssertionError(f"{titled(name, case)}: {error}") from None


@SHARE
@pytest.mark.parametrize("name", SWEPT)
def test_second_derivative_numerically(name, share):
    """Each sequence of two modes."""
    check_numerically(name, some(differentiable(name), share), 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("name", SWEPT)
def test_other_samples_numerically(name, seed):
    """The same at other points, in other directions, to third order."""
    chosen = [
        c for c in cases(name, seed) if c.differentiate and inexact(c) and has_derivative(name, c)
    ]
    check_numerically(name, chosen, 2, seed)
    check_numerically(name, chosen[:1], 3, seed)


def slope(function, tangents):
    """The directional derivative as a function of the point."""
    return lambda *xs: ad.jvp(function, xs, tangents)[1]


@SHARE
@pytest.mark.parametrize("name", SWEPT)
def test_second_derivative_both_ways(name, share):
    """Forward over reverse is reverse over forward."""
    rng = np.random.default_rng(2)
    for case in some(differentiable(name), share):
        title = titled(name, case)
        function, leaves = inexact_function(name, case, REFUSED_TWICE.get(name, ()))
        scalar = scalarised(function, [draw(rng, y) for y in function(*leaves)])
        tangents = tuple(draw(rng, x) for x in leaves)
        places = tuple(range(len(leaves)))
        if type_of(scalar(*leaves)).dtype.kind != "f":
            continue
        first = ad.jvp(ad.grad(scalar, places), leaves, tangents)[1]
        second = ad.grad(slope(scalar, tangents), places)(*leaves)
        for a, b in zip(first, second, strict=True):
            close(a, b, title, 2000)


@pytest.mark.parametrize("name", SWEPT)
def test_no_derivative(name):
    """A primitive whose derivative is zero gives zeros; one without a derivative raises and says
    why."""
    primitive = op.registry[name]
    for case in cases(name):
        function, leaves = inexact_function(name, case)
        if not leaves:
            continue
        form = primitive.form(any(type_of(x).dtype.kind == "c" for x in leaves))
        if isinstance(form, Zero):
            outputs, pushed = ad.jvp(whole(name, case), leaves, leaves)
            assert all(not np.any(t) for t in pushed), titled(name, case)
            for y, t in zip(outputs, pushed, strict=True):
                assert type_of(t).dtype == (type_of(y).dtype if is_inexact(y) else np.float64)
        if isinstance(form, Undefined):
            with pytest.raises(ad.DifferentiationError, match="has no derivative"):
                ad.jvp(function, leaves, leaves)
            with pytest.raises(ad.DifferentiationError, match="has no derivative"):
                outputs, pullback = ad.vjp(function, *leaves)
                pullback(outputs)


def whole(name, case):
    """The primitive as a function of its inexact inputs that gives the list of all its outputs."""

    def function(*values):
        inputs = list(case.inputs)
        for place, x in zip(inexact(case), values, strict=True):
            inputs[place] = x
        return listed(call(name, case, inputs))

    return function


# ----------------------------------------------------------------------------------------- batching

ROWS = 3


def batches(name, number):
    """A sample with its inputs for several rows, valid each: the same sample of other seeds."""
    rows = [cases(name, seed)[number] for seed in range(ROWS)]
    first = rows[0]
    for row in rows[1:]:
        same = [type_of(x) == type_of(y) for x, y in zip(row.inputs, first.inputs, strict=True)]
        if not all(same):
            return first, [first.inputs] * ROWS
    return first, [row.inputs for row in rows]


def subsets(count):
    everything = range(count)
    return [set(s) for size in everything for s in itertools.combinations(everything, size + 1)]


def batched_arguments(rows, mapped, axis_of):
    arguments, axes = [], []
    for i, x in enumerate(rows[0]):
        if i in mapped:
            axis = axis_of(i, np.ndim(x))
            arguments.append(np.stack([row[i] for row in rows], axis))
            axes.append(axis)
        else:
            arguments.append(x)
            axes.append(None)
    return arguments, tuple(axes)


def row(rows, mapped, k):
    return [rows[k][i] if i in mapped else x for i, x in enumerate(rows[0])]


@SHARE
@pytest.mark.parametrize("name", SWEPT)
def test_vmap_is_a_loop(name, share):
    """Every subset of the inputs mapped, along axis 0 and along others."""
    for number in some(range(len(cases(name))), share):
        case, rows = batches(name, number)
        for mapped in subsets(len(case.inputs)):
            title = f"{titled(name, case)} mapped {mapped}"
            expected = [listed(call(name, case, row(rows, mapped, k))) for k in range(ROWS)]
            for axis_of in (lambda i, rank: 0, lambda i, rank: (i + 1) % (rank + 1)):
                arguments, axes = batched_arguments(rows, mapped, axis_of)
                found = listed(ad.vmap(called(name, case), axes)(*arguments))
                for j, y in enumerate(found):
                    stacked = np.stack([e[j] for e in expected])
                    assert y.dtype == stacked.dtype, title
                    close(y, stacked, title, 100)


@SHARE
@pytest.mark.parametrize("name", SWEPT)
def test_derivatives_of_vmap(name, share):
    """jvp and vjp of vmap are loops of jvp and vjp, and so are vmaps of them."""
    rng = np.random.default_rng(3)
    for number, case in some(list(enumerate(cases(name))), share):
        if not (case.differentiate and inexact(case) and has_derivative(name, case)):
            continue
        case, rows = batches(name, number)
        places = inexact(case)
        title = titled(name, case)

        def function(*values, case=case, places=places):
            return inexact_function(name, case)[0](*values)

        leaves = [[r[i] for i in places] for r in rows]
        tangents = [[draw(rng, x) for x in one] for one in leaves]
        expected, expected_back = [], []
        cotangents = []
        for one, t in zip(leaves, tangents, strict=True):
            outputs, pullback = ad.vjp(function, *one)
            if not outputs:
                break
            cotangents.append([draw(rng, y) for y in outputs])
            expected.append(ad.jvp(function, one, t)[1])
            expected_back.append(pullback(cotangents[-1]))
        if not expected:
            continue
        stack = lambda values: [np.stack(v) for v in zip(*values, strict=True)]
        wide = ad.vmap(function)
        pushed = ad.jvp(wide, stack(leaves), stack(tangents))[1]
        inside = ad.vmap(lambda xs, ts: ad.jvp(function, xs, ts)[1])(stack(leaves), stack(tangents))
        pulled = ad.vjp(wide, *stack(leaves))[1](stack(cotangents))
        inside_back = ad.vmap(lambda xs, cs: ad.vjp(function, *xs)[1](cs))(
            stack(leaves), stack(cotangents)
        )
        for found, wanted in (
            (pushed, expected),
            (inside, expected),
            (pulled, expected_back),
            (inside_back, expected_back),
        ):
            for y, e in zip(found, stack(wanted), strict=True):
                close(y, e, title, 1000)


# ------------------------------------------------------------------------------------------ results


def arrays(*values):
    leaves = []
    for v in values:
        leaves += (
            arrays(*v) if isinstance(v, (tuple, list)) else [v] if isinstance(v, np.ndarray) else []
        )
    return leaves


def giving_all(function, captured):
    """A function that gives its result, then (as `aux`) its arguments and what it captured."""
    return lambda *xs: (function(*xs), (xs, captured))


def separate(results, others, title):
    """Results are writeable and share no memory with each other or with anything else."""
    for i, x in enumerate(results):
        assert x.flags.writeable, title
        for y in (*results[:i], *others):
            assert not np.shares_memory(x, y), title


@SHARE
@pytest.mark.parametrize("name", SWEPT)
def test_results_are_fresh(name, share):
    """Outputs, arguments given back, derivatives: nothing shares memory with anything."""
    for case in some(cases(name), share):
        title = titled(name, case)
        function, leaves = inexact_function(name, case)
        captured = np.ones((2, 3))
        if case.inputs:
            vmapped = ad.vmap(called(name, case, captured))
            wide = [np.stack([x, x]) for x in case.inputs]
            separate(arrays(vmapped(*wide)), [*wide, captured], title)
        if not leaves or not case.differentiate or not has_derivative(name, case):
            continue
        returning = giving_all(function, captured)
        given = [*arrays(case.inputs), captured]
        tangents = [np.ones_like(x) for x in leaves]
        results = arrays(ad.jvp(returning, leaves, tangents))
        separate(results, [*given, *tangents], title)
        value, pullback = ad.vjp(returning, *leaves)
        results = arrays(value, pullback(value), pullback(value))
        separate(results, given, title)
        weights = [np.ones_like(y) for y in function(*leaves)]
        if weights:
            scalar = scalarised(function, weights)
            places = tuple(range(len(leaves)))
            aux = giving_all(scalar, (captured, function(*leaves)))
            results = arrays(
                ad.value_and_grad(aux, places, has_aux=True)(*leaves),
                ad.grad(scalar, places)(*leaves),
            )
            separate(results, [*given, *weights], title)


# ----------------------------------------------------------------------------------- graph to graph


def graph_of(name, case):
    def rule(*nodes):
        output = call(name, case, nodes)
        if isinstance(output, tuple):
            return list(output)
        if isinstance(output.dtype, tuple):
            return [op.item(output, index=i) for i in range(len(output.dtype))]
        return [output]

    return build_function(rule, [type_of(x) for x in case.inputs], name)


def sound(function):
    """Verified, and read back from its text to the same text."""
    text = show(verify(function))
    again = verify(parse(text))
    assert show(again) == text
    return again


@pytest.mark.parametrize("name", SWEPT)
def test_graph_evaluates(name):
    for case in cases(name):
        title = titled(name, case)
        expected = listed(call(name, case, case.inputs))
        graph = graph_of(name, case)
        for function in (graph, sound(graph), sound(optimize(graph))):
            for y, e in zip(function.evaluate(*case.inputs), expected, strict=True):
                assert type_of(y)[:2] == type_of(e)[:2], title
                np.testing.assert_array_equal(y, e, err_msg=title)


@SHARE
@pytest.mark.parametrize("name", SWEPT)
def test_graph_transforms(name, share):
    """`linearize`, `transpose` and the passes give sound graphs with the values of the uncompiled
    derivatives."""
    rng = np.random.default_rng(4)
    for case in some(differentiable(name), share):
        title = titled(name, case)
        function, leaves = inexact_function(name, case)
        wanted = [is_inexact(x) for x in case.inputs]
        tangents = [draw(rng, x) for x in leaves]
        pushed = ad.jvp(function, leaves, tangents)[1]
        pushforward = linearize(graph_of(name, case), wanted)
        count = len(pushforward.outputs) // 2
        kept = [i for i in range(count) if is_inexact(pushforward.outputs[i])]
        for graph in (sound(pushforward), sound(optimize(pushforward))):
            found = graph.evaluate(*case.inputs, *tangents)
            for i, e in zip(kept, pushed, strict=True):
                close(found[count + i], e, title)
        outputs, pullback = ad.vjp(function, *leaves)
        cotangents = [draw(rng, y) for y in outputs]
        pulled = pullback(cotangents)
        linear = [False] * len(case.inputs) + [True] * len(leaves)
        backward = transpose(pushforward, linear)
        seeds = [np.zeros(n.shape, n.dtype) for n in pushforward.outputs]
        for i, c in zip(kept, cotangents, strict=True):
            seeds[count + i] = c
        for graph in (sound(backward), sound(optimize(backward))):
            for y, e in zip(graph.evaluate(*case.inputs, *seeds), pulled, strict=True):
                close(np.broadcast_to(y, np.shape(e)), e, title)


@pytest.mark.parametrize("name", SWEPT)
def test_graph_batches(name):
    for number in range(len(cases(name))):
        case, rows = batches(name, number)
        graph = graph_of(name, case)
        for mapped in subsets(len(case.inputs)):
            title = f"{titled(name, case)} mapped {mapped}"
            arguments, _ = batched_arguments(rows, mapped, lambda i, rank: 0)
            batched = sound(batch(graph, ROWS, [i in mapped for i in range(len(case.inputs))]))
            expected = [listed(call(name, case, row(rows, mapped, k))) for k in range(ROWS)]
            for j, y in enumerate(batched.evaluate(*arguments)):
                close(y, np.stack([e[j] for e in expected]), title, 100)
