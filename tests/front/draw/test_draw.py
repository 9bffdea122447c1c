"""`ad.draw` as text: Mermaid, DOT, the tables of values, tangents and adjoints, and its errors.

Nothing here needs an optional library.
"""

from __future__ import annotations

import doctest
import re
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import adjoint as ad
from adjoint.base.dtypes import Type
from adjoint.front.draw.boxes import shortened, text_width
from adjoint.front.draw.plain import dot_text, mermaid_text, number_text
from adjoint.graph import op
from adjoint.graph.function import build_function
from adjoint.graph.text import parse

SCALAR = Type((), np.dtype(float), True)
CAPTURED = np.array([1.0, 2.0, -1.0])


def f(x, y):
    return x**2 * y + y + 2


def rows(picture):
    return [tuple(row) for row in picture.table()]


# ---------------------------------------------------------------------------------- exact texts


def test_mermaid_of_a_formula() -> None:
    assert ad.draw(f, 3.0, 4.0).mermaid == (
        "flowchart TD\n"
        '  n0(["x"]):::input\n'
        '  n1(["y"]):::input\n'
        '  n2["v1 = x ** 2"]:::operation\n'
        '  n3["v2 = v1 * y"]:::operation\n'
        '  n4["v3 = v2 + y"]:::operation\n'
        '  n5(["f = v3 + 2"]):::output\n'
        "  n0 --> n2\n"
        "  n2 --> n3\n"
        "  n1 --> n3\n"
        "  n3 --> n4\n"
        "  n1 --> n4\n"
        "  n4 --> n5\n"
        "  classDef input fill:#e2f2e6,stroke:#79ad86,color:#1b2430\n"
        "  classDef operation fill:#eef1f6,stroke:#a9b3c4,color:#1b2430\n"
        "  classDef output fill:#fdecd2,stroke:#d6a157,color:#1b2430\n"
    )


def test_dot_of_a_formula() -> None:
    assert ad.draw(f, 3.0, 4.0, mode="reverse").dot == (
        'digraph "f" {\n'
        "  bgcolor=transparent;\n"
        '  node [shape=box, style="rounded,filled", fontname="Helvetica"];\n'
        '  edge [color="#8a94a3"];\n'
        '  n0 [label="x\\nvalue 3\\nadjoint 24", fillcolor="#e2f2e6", color="#79ad86"];\n'
        '  n1 [label="y\\nvalue 4\\nadjoint 10", fillcolor="#e2f2e6", color="#79ad86"];\n'
        '  n2 [label="v1 = x ** 2\\nvalue 9\\nadjoint 4", fillcolor="#eef1f6", color="#a9b3c4"];\n'
        '  n3 [label="v2 = v1 * y\\nvalue 36\\nadjoint 1", fillcolor="#eef1f6", color="#a9b3c4"];\n'
        '  n4 [label="v3 = v2 + y\\nvalue 40\\nadjoint 1", fillcolor="#eef1f6", color="#a9b3c4"];\n'
        '  n5 [label="f = v3 + 2\\nvalue 42\\nadjoint 1", fillcolor="#fdecd2", color="#d6a157"];\n'
        "  n0 -> n2;\n"
        "  n2 -> n3;\n"
        "  n1 -> n3;\n"
        "  n3 -> n4;\n"
        "  n1 -> n4;\n"
        "  n4 -> n5;\n"
        "}\n"
    )


# ----------------------------------------------------------------------- values and derivatives


def test_values_and_adjoints_of_every_node() -> None:
    picture = ad.draw(f, 3.0, 4.0, mode="reverse")
    assert rows(picture) == [
        ("x", "input", "", 3.0, None, 24.0),
        ("y", "input", "", 4.0, None, 10.0),
        ("v1", "x ** 2", "", 9.0, None, 4.0),
        ("v2", "v1 * y", "", 36.0, None, 1.0),
        ("v3", "v2 + y", "", 40.0, None, 1.0),
        ("f", "v3 + 2", "", 42.0, None, 1.0),
    ]
    assert str(picture) == (
        "name  operation  value  adjoint\n"
        "x     input          3       24\n"
        "y     input          4       10\n"
        "v1    x ** 2         9        4\n"
        "v2    v1 * y        36        1\n"
        "v3    v2 + y        40        1\n"
        "f     v3 + 2        42        1"
    )


def test_values_and_tangents_of_every_node() -> None:
    by_x = ad.draw(f, 3.0, 4.0, mode="forward")
    assert [row.tangent for row in by_x.table()] == [1.0, 0.0, 6.0, 24.0, 24.0, 24.0]
    by_y = ad.draw(f, 3.0, 4.0, mode="forward", tangents=(0.0, 1.0))
    assert [row.tangent for row in by_y.table()] == [0.0, 1.0, 0.0, 9.0, 10.0, 10.0]
    both = ad.draw(f, 3.0, 4.0, mode="forward", tangents=(0.5, None))
    assert [row.tangent for row in both.table()][-1] == 12.0
    assert str(by_y).splitlines()[0] == "name  operation  value  tangent"
    assert all(row.adjoint is None for row in by_y.table())


def test_forward_and_reverse_agree() -> None:
    def g(x):
        return np.sin(x**2)

    forward = ad.draw(g, 3.0, mode="forward").table()[-1].tangent
    reverse = ad.draw(g, 3.0, mode="reverse").table()[0].adjoint
    assert forward == pytest.approx(-5.466781571308061, rel=1e-14)
    assert reverse == pytest.approx(-5.466781571308061, rel=1e-14)


def test_adjoints_of_arrays_are_those_of_grad() -> None:
    w = np.array([[0.3, -0.2], [0.5, 0.1], [0.0, 0.7]])

    def loss(w):
        hidden = np.tanh(CAPTURED @ w)
        return np.sum(np.where(hidden > 0.2, hidden**2, np.sin(hidden) / 3)) + w[1, 0]

    found = {row.name: row for row in ad.draw(loss, w, mode="reverse").table()}
    np.testing.assert_allclose(found["w"].adjoint, ad.grad(loss)(w), rtol=1e-14)
    captured = found["CAPTURED"]
    assert captured.operation == "input" and captured.type == "float64[3]"
    np.testing.assert_allclose(captured.value, CAPTURED)
    assert found["loss"].value == pytest.approx(loss(w)) and found["loss"].adjoint == 1.0
    pushed = ad.draw(loss, w, mode="forward", tangents=[np.ones((3, 2))]).table()[-1].tangent
    assert pushed == pytest.approx(ad.grad(loss)(w).sum())


def symmetric(a):
    values, vectors = np.linalg.eigh(a @ a.T + np.diag(np.arange(3.0)))
    return np.sum(values**2) + vectors[0, 0] ** 2 + np.linalg.slogdet(a)[1]


def guarded(x):
    return np.sum(np.where(x > 1.0, np.sqrt(np.abs(x - 1.0)), 0.0) * x)


def written(x):
    rows = np.zeros((3, 3))
    rows[0] = x[0]
    rows[1:, 1] += x[1, :2] ** 2
    return np.prod(np.sum(rows, axis=1) + 1.0)


def looped(x):
    last, sums = ad.scan(lambda c, row: (np.sin(c) + row, np.sum(c)), x[0], x)
    return np.sum(last) * sums[-1]


def chosen(x):
    return ad.cond(np.sum(x) > 0, lambda y: np.sum(y**3), lambda y: np.sum(y), x)


def kept(x):
    return np.sum(ad.checkpoint(lambda y: np.tanh(y) @ y)(x)) + np.sum(ad.stop_gradient(x) * x)


def spectrum(x):
    return np.sum(np.abs(np.fft.fft(x[0])) ** 2) + np.sum(np.sort(x, axis=None)[::2])


@ad.custom_derivative
def own(x):
    return np.sum(x**2)


own.jvp(lambda primals, tangents: (np.sum(primals[0] ** 2), 3.0 * np.sum(tangents[0])))


def customized(x):
    return own(x) * x[0, 1]


FUNCTIONS = (customized, symmetric, guarded, written, looped, chosen, kept, spectrum)
MATRIX = np.array([[1.0, 0.2, -0.4], [0.3, 1.7, 0.1], [-0.2, 0.5, 0.9]])


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda g: g.__name__)
def test_both_modes_agree_with_the_transforms(function) -> None:
    direction = np.cos(np.arange(9.0)).reshape(3, 3)
    value, slope = ad.jvp(function, (MATRIX,), (direction,))
    reverse = ad.draw(function, MATRIX, mode="reverse")
    np.testing.assert_allclose(
        reverse.table()[0].adjoint, ad.grad(function)(MATRIX), rtol=1e-12, atol=1e-13
    )
    forward = ad.draw(function, MATRIX, mode="forward", tangents=(direction,))
    (result,) = [row for row in forward.table() if row.name == function.__name__]
    np.testing.assert_allclose([result.value, result.tangent], [value, slope], rtol=1e-12)
    assert str(reverse) and reverse.mermaid and reverse.dot and str(forward)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.reshape(x, (1,))[0] ** 2,
        lambda x: np.sum(np.broadcast_to(x, (3,)) ** 2),
        lambda x: np.atleast_1d(x)[0] ** 3,
        lambda x: np.array([x, x * x])[1] * np.imag(x) + np.sum(np.full((2, 2), x)),
        lambda x: np.sum(np.tile(x, 3)) * x.real,
    ],
)
def test_numbers_among_arrays(function) -> None:
    """A Python number has no shape; the rules of what makes an array of it ask for one."""
    slope = ad.grad(function)(3.0)
    assert ad.draw(function, 3.0, mode="reverse").table()[0].adjoint == slope
    assert ad.draw(function, 3.0, mode="forward").table()[-1].tangent == slope


def test_the_imaginary_part_of_a_number() -> None:
    picture = ad.draw(lambda z: np.imag(z) * np.abs(z) ** 2, 1 + 2j, mode="reverse")
    assert picture.table()[0].adjoint == ad.grad(lambda z: np.imag(z) * np.abs(z) ** 2)(1 + 2j)


def test_what_is_stopped_in_a_gradient_stays_stopped() -> None:
    def g(x):
        return ad.stop_gradient(x**2) * x**3

    drawn = ad.draw(ad.grad(g), 2.0, mode="reverse").table()
    assert drawn[-1].value == ad.grad(g)(2.0) == 48.0
    assert drawn[0].adjoint == ad.grad(ad.grad(g))(2.0) == 48.0


FORMS = (
    lambda a, b: op.sin(a * b),
    lambda a, b: op.tanh(a - b),
    lambda a, b: a / (b * b + 1.5),
    lambda a, b: op.sqrt(a * a + b * b + 0.5) * 0.5,
    lambda a, b: (a + b) * 0.5,
    lambda a, b: a * op.sin(b),
)


def random_formula(seed: int):
    """A smooth function of three numbers that does not grow: random operations, all of them
    read."""
    rng = np.random.default_rng(seed)

    def rule(*inputs):
        values, unread = list(inputs), [0, 1, 2]
        for _ in range(15):
            a = values[unread.pop(int(rng.integers(len(unread))))]
            b = values[int(rng.integers(len(values)))]
            unread.append(len(values))
            values.append(FORMS[int(rng.integers(len(FORMS)))](a, b))
        total = values[unread[0]]
        for k in unread[1:]:
            total = total + op.sin(values[k])
        return [total]

    return build_function(rule, [SCALAR] * 3, f"random{seed}")


@pytest.mark.parametrize("seed", range(8))
def test_each_adjoint_is_the_derivative_by_that_value(seed: int) -> None:
    """Every node of a graph is moved a little, and the result computed on from there."""
    function, point = random_formula(seed), (0.7, 1.3, -0.4)
    order = [n for n in function.order if n.primitive.name != "constant"]
    rows = ad.draw(function, *point, mode="reverse").table()
    assert len(rows) == len(order) > 20

    def moved(place, step):
        known = dict(zip(function.inputs, point, strict=True))
        for node in function.order:
            if node.primitive.name == "constant":
                known[node] = node.parameters["value"]
            elif node not in known:
                known[node] = node.primitive.evaluate(*[known[x] for x in node.inputs])
            if node is order[place]:
                known[node] = known[node] + step
        return known[function.outputs[0]]

    for place, row in enumerate(rows):
        slope = (moved(place, 1e-6) - moved(place, -1e-6)) / 2e-6
        assert row.adjoint == pytest.approx(slope, rel=1e-6, abs=1e-8)
    assert rows[-1].value == moved(0, 0.0)


def test_rows_share_no_memory() -> None:
    x = np.ones((2, 3))
    rows = ad.draw(lambda a: np.sum(a.T + a[0, 0]), x, mode="reverse").table()
    for row in rows:
        for value in (row.value, row.adjoint):
            if isinstance(value, np.ndarray):
                assert not np.shares_memory(value, x)
                value += 1.0
    assert (x == 1.0).all() and (rows[1].adjoint == 2.0).all()


def test_a_value_without_influence_has_the_adjoint_zero() -> None:
    found = ad.draw(lambda x, y: x * 2.0, 3.0, 4.0, mode="reverse").table()
    assert [row.adjoint for row in found] == [2.0, 0.0, 1.0]
    counted = ad.draw(lambda x, n: x * n, 3.0, np.int64(2), mode="reverse").table()
    assert [row.adjoint for row in counted] == [2.0, None, 1.0]


def test_a_gradient_is_drawn_and_differentiated() -> None:
    picture = ad.draw(ad.grad(f), 3.0, 4.0, mode="reverse")
    found = {row.name: row for row in picture.table()}
    assert found["x"].adjoint == 8.0 and found["y"].adjoint == 6.0 and found["result"].value == 24.0
    compiled = ad.draw(ad.jit(ad.grad(f)), 3.0, 4.0, mode="reverse")
    assert str(compiled) == str(picture)


def test_loops_and_branches_are_boxes() -> None:
    def loop(x):
        return ad.fori_loop(0, 5, lambda i, a: a * np.cos(a), x)

    found = {row.name: row for row in ad.draw(loop, 0.5, mode="reverse").table()}
    assert found["x"].adjoint == pytest.approx(ad.grad(loop)(0.5), rel=1e-14)

    def branch(x):
        return x**2 if x > 0 else -x

    assert rows(ad.draw(branch, 3.0, mode="reverse"))[-1][:4] == ("branch", "x ** 2", "", 9.0)
    assert rows(ad.draw(branch, -3.0, mode="reverse"))[-1][:4] == ("branch", "-x", "", 3.0)


# -------------------------------------------------------------------------- sources and names


def test_a_closed_graph() -> None:
    graph = parse("g(%0: float64[]~, %1: float64[3]) {\n  %2: float64[3] = mul %0, %1\n"
                  "  %3: float64[] = sum %2, axes=(0,)\n  return %3, %1, %3\n}")  # fmt: skip
    plain = ad.draw(graph)
    assert [box.lines[0].text for box in plain.diagram.boxes] == [
        "x0", "x1", "v1 = x0 * x1", "g[0] = sum(v1)", "g[1] = x1", "g[2] = g[0]",
    ]  # fmt: skip
    assert [box.kind for box in plain.diagram.boxes] == [
        "input", "input", "operation", "output", "output", "output",
    ]  # fmt: skip
    assert plain.diagram.edges == ((0, 2), (1, 2), (2, 3), (1, 4), (3, 5))
    named = ad.draw(graph, 2.0, [1.0, 2.0, 4.0], names=["a", "v1"], mode="forward")
    assert [row.name for row in named.table()] == ["a", "v1", "v2", "g[0]", "g[1]", "g[2]"]
    assert named.table()[3].value == 14.0 and named.table()[3].tangent == 7.0


def test_an_expression() -> None:
    graph = build_function(lambda x, y: [x * y + y], [SCALAR, SCALAR], "expression")
    expression = SimpleNamespace(function=graph, names=("α", "y"))
    assert str(ad.draw(expression, 2.0, 3.0, mode="reverse")) == (
        "name  operation  value  adjoint\n"
        "α     input          2        3\n"
        "y     input          3        3\n"
        "v1    α * y          6        1\n"
        "f     v1 + y         9        1"
    )


def test_an_expression_of_symbols() -> None:
    x, y = ad.symbols("x y")
    assert str(ad.draw(f(x, y), 3.0, 4.0, mode="reverse")) == str(
        ad.draw(f, 3.0, 4.0, mode="reverse")
    )
    slope = ad.draw(f(x, y).diff(x), 3.0, 4.0, mode="reverse").table()
    assert slope[-1].value == 24.0 and [row.adjoint for row in slope[:2]] == [8.0, 6.0]


def test_a_recorded_value() -> None:
    """Inside a function: what was done up to it, with the values that were kept."""
    pictures = []

    def g(x, y):
        z = x**2 * y
        pictures.append(ad.draw(z, names=["x", "y"], mode="reverse"))
        pictures.append(ad.draw(np.sin(z) + y))
        return z

    assert ad.grad(g, (0, 1))(3.0, 4.0) == (24.0, 9.0)
    assert str(pictures[0]) == (
        "name    operation  value  adjoint\n"
        "x       input          3       24\n"
        "y       input          4        9\n"
        "v1      x ** 2         9        4\n"
        "result  v1 * y        36        1"
    )
    assert [row.operation for row in pictures[1].table()] == [
        "input", "input", "x0 ** 2", "v1 * x1", "sin(v2)", "v3 + x1",
    ]  # fmt: skip

    def compiled(x, y):
        z = x**2 * y
        assert str(ad.draw(z, names=["x", "y"], mode="reverse")) == str(pictures[0])
        return z

    assert ad.jit(compiled)(3.0, 4.0) == 36.0

    def h(x, y):
        z = np.sin(x) + y
        pictures.append(ad.draw(z))
        with pytest.raises(TypeError, match="and a recorded value whose constant1 was not kept"):
            ad.draw(z, mode="reverse")
        pictures.append(ad.draw(np.tile(x, 2) * 3.0, mode="forward"))
        return z

    ad.grad(h)(3.0, 4.0)
    assert [row.operation for row in pictures[-2].table()] == [
        "input", "input", "sin(x0)", "v1 + constant1",
    ]  # fmt: skip
    np.testing.assert_array_equal(pictures[-1].table()[-1].tangent, [3.0, 3.0])
    second = ad.grad(ad.grad(lambda x: [pictures.append(ad.draw(x * x)), x**3][1]))
    assert second(2.0) == 12.0
    assert [row.operation for row in pictures[-1].table()][-1] == "x * x"


def test_names_of_parts_and_of_captured_arrays() -> None:
    first, second = np.ones(3), np.ones(3) * 2

    def g(p, *rest):
        return p["a"] * p["b"][1] + rest[0] + np.sum(first * CAPTURED) + np.sum(second * first)

    found = ad.draw(g, {"a": 2.0, "b": (1.0, 3.0)}, 4.0).table()
    assert [row.name for row in found if row.operation == "input"] == [
        "p['a']", "p['b'][0]", "p['b'][1]", "rest[0]", "first", "CAPTURED", "second",
    ]  # fmt: skip


class Model:
    rate = 0.5

    @ad.jit
    def compiled(self, x):
        return self.rate * x**2

    def plain(self, x, n=2):
        return self.rate * x**n

    def __call__(self, x):
        return self.rate * x


def test_whatever_can_be_called() -> None:
    model = Model()
    for function, name, slope in (
        (model.compiled, "compiled", 2.0),
        (model.plain, "plain", 2.0),
        (partial(model.plain, n=3), "plain", 6.0),
        (model, "Model", 0.5),
        (np.exp, "exp", np.exp(2.0)),
        (ad.jit(lambda x: x**3), "f", 12.0),
    ):
        rows = ad.draw(function, 2.0, mode="reverse").table()
        assert rows[0].adjoint == slope
        assert rows[-1].name == name
    static = ad.jit(lambda n, x: x**n, static_argnums=0)
    assert [row.adjoint for row in ad.draw(static, 3, 2.0, mode="reverse").table()] == [12.0, 1.0]


def test_loops_tell_what_they_run() -> None:
    def g(x):
        return ad.scan(lambda c, row: (np.sin(c) * row, None), 1.0, x)[0]

    boxes = ad.draw(g, np.ones(5)).diagram.boxes
    assert [line.text for line in boxes[1].lines] == [
        "g = scan(1, x, length=5)", "runs 2 operations",
    ]  # fmt: skip


def test_a_while_loop_tells_its_condition_and_its_body() -> None:
    def g(a):
        return ad.while_loop(lambda c: c[0] < 100.0, lambda c: (c[0] * a, c[1] + 1.0), (a, 0.0))

    boxes = ad.draw(g, 1.5, mode="forward").diagram.boxes
    assert boxes[1].lines[2].text == "runs condition 1, body 2 operations"
    assert boxes[1].lines[0].text.startswith("v1 = while_loop(a, a, ")


def test_what_only_passes_a_value_on_is_no_box() -> None:
    """The only result of a branch, a number in the type that it has."""

    def g(x):
        return ad.cond(x > 1.0, lambda v: v * v, lambda v: 2 * v, x)

    picture = ad.draw(g, 3.0, mode="reverse")
    assert [row[:2] for row in rows(picture)] == [
        ("x", "input"), ("v1", "1 < x"),
        ("v2", "int64(v1)"), ("g", "switch(v2, x)"),
    ]  # fmt: skip
    assert rows(picture)[-1][3:] == (9.0, None, 1.0) and rows(picture)[0][-1] == 6.0
    assert picture.diagram.boxes[-1].kind == "output"

    def same(x):
        return np.asarray(x, float)

    assert rows(ad.draw(same, 3.0, mode="reverse")) == [
        ("x", "input", "", 3.0, None, 1.0), ("same", "x", "", 3.0, None, 1.0),
    ]  # fmt: skip
    single = ad.draw(lambda x: np.asarray(x, np.float32) * 2, 3.0).table()
    assert single[1].operation == "float32(x)" and single[1].type == "float32"


def test_layouts_that_change_nothing_are_no_boxes() -> None:
    def g(x):
        return np.reshape(x, (3,))[:] * x[::-1] + np.reshape(x, -1)[0:3:1]

    assert [row.operation for row in ad.draw(g, np.ones(3)).table()] == [
        "input", "x[2::-1]", "x * v1", "v2 + x",
    ]  # fmt: skip


class Weighted:
    def __init__(self):
        self.weights = np.array([1.0, 2.0, 3.0])

    def loss(self, x):
        return np.sum(self.weights * x)


def test_arrays_of_an_object_have_its_attribute_s_name() -> None:
    found = ad.draw(Weighted().loss, np.ones(3), mode="reverse").table()
    assert [row.name for row in found] == ["x", "self.weights", "v1", "loss"]


def test_numbers_of_every_kind() -> None:
    """No elements, no numbers, single precision, axes without elements."""
    found = ad.draw(lambda x: np.sum(x), np.zeros((0, 3)), mode="reverse")
    assert found.table()[0].adjoint.shape == (0, 3) and "value no elements" in found.mermaid
    infinite = ad.draw(lambda x: np.exp(x) * np.log(x), np.inf, mode="reverse")
    assert [number_text(row.value) for row in infinite.table()] == ["inf"] * 4
    single = ad.draw(lambda x: np.sum(x**2), np.ones(3, np.float32), mode="reverse").table()
    assert single[0].adjoint.dtype == np.float32 and single[-1].type == "float32"
    pushed = ad.draw(lambda z: z * z, 1 + 2j, mode="forward").table()[-1]
    assert pushed.value == -3 + 4j and pushed.tangent == 2 + 4j
    constant = ad.draw(lambda x: 3.0, 2.0, mode="reverse").table()
    assert [(row.name, row.value, row.adjoint) for row in constant] == [
        ("x", 2.0, 0.0), ("f", 3.0, None),
    ]  # fmt: skip


def test_operations_read_as_the_user_wrote_them() -> None:
    @ad.custom_derivative
    def softplus(x):
        return np.logaddexp(0.0, x)

    softplus.jvp(lambda p, t: (np.logaddexp(0.0, p[0]), t[0] / (1 + np.exp(-p[0]))))
    assert [row[:2] for row in rows(ad.draw(lambda x: softplus(3 * x), 0.5, mode="reverse"))] == [
        ("x", "input"), ("v1", "3 * x"), ("f", "softplus(v1)"),
    ]  # fmt: skip

    def g(a):
        return a.T @ np.max(a, axis=1) + np.sum(np.stack([a, a]), axis=(0, 2))[0]

    found = {row.operation for row in ad.draw(g, np.ones((2, 3))).table()}
    assert {"a.T", "max(a, axis=1)"} <= found
    assert any(re.fullmatch(r"sum\(v\d, axis=\(0, 2\)\)", x) for x in found)
    assert rows(ad.draw(lambda z: z * (1 + 2j), 1j))[-1][1] == "z * (1+2j)"


def test_arguments_by_keyword() -> None:
    """They are inputs like others, under their names, in whatever order they come."""

    def g(x, *, b, a, n=2, **more):
        return a**2 * b * x**n * more["c"]

    given = {"b": 2.0, "n": 3, "c": np.float64(1.0), "a": np.array(5.0)}
    found = {row.name: row for row in ad.draw(g, 3.0, kwargs=given, mode="reverse").table()}
    assert found["g"].value == 25 * 2 * 27
    exact = ad.grad(g, argnums=(0, "a", "b", "c"))(3.0, **given)
    assert tuple(found[name].adjoint for name in ("x", "a", "b", "c")) == exact
    pushed = ad.draw(g, 3.0, kwargs=given, mode="forward", tangents=(2.0,)).table()[-1].tangent
    assert pushed == 2.0 * exact[0]
    pictures = ad.draw.steps(g, 3.0, kwargs=given)
    assert pictures[-1].mermaid == ad.draw(g, 3.0, kwargs=given, mode="reverse").mermaid
    renamed = ad.draw(g, 3.0, kwargs=given, names=["w", "p", "q", "r"]).table()
    assert [row.name for row in renamed[:4]] == ["w", "p", "q", "r"]
    x, y = ad.symbols("x y")
    assert error_of(TypeError, lambda: ad.draw(x * y, kwargs={"x": 1.0})) == (
        "ad.draw got kwargs for expression, which is no Python function.\n"
        "  expected: values for its inputs one after the other\n"
        "  at LINE  (in draw)\n"
        "  write instead: `ad.draw(e, 3.0, 4.0, mode='reverse')`"
    )
    with pytest.raises(TypeError, match="got 2 example arguments for g"):
        ad.draw(g, 3.0, kwargs={"b": 2.0})


def test_results_have_the_names_of_their_parts() -> None:
    def g(p, x):
        return {"a": p["u"] * x, "b": (x, p["v"][0] + x), "text": "no number"}

    names = [row.name for row in ad.draw(g, {"u": 1.0, "v": [2.0, 3.0]}, 4.0).table()]
    assert names[-3:] == ["g['a']", "g['b'][1]", "g['b'][0]"]
    slope = ad.draw(ad.grad(lambda p: p["u"] ** 2 * p["v"]), {"u": 1.0, "v": 2.0}).table()
    assert {"result['u']", "result['v']"} <= {row.name for row in slope}


def test_whole_numbers_for_an_expression_with_tangents() -> None:
    x, y = ad.symbols("x y")
    found = ad.draw(x * y, 3, 4, mode="forward", tangents=(0, 1)).table()
    assert found[-1].value == 12.0 and found[-1].tangent == 3.0


def test_names_do_not_meet() -> None:
    titles = [b.lines[0].text for b in ad.draw(lambda f, v1: f * v1 + 1, 1.0, 2.0).diagram.boxes]
    assert titles == ["f", "v1", "v2 = f * v1", "f_ = v2 + 1"]


def test_indices_read_as_python_has_them() -> None:
    def g(a):
        return np.sum(a[1:, ::2]) + a[1, 2]

    def h(a):
        return np.max(a[0]) ** -1

    found = {row.operation for row in ad.draw(g, np.ones((3, 4))).table()}
    assert {"a[1, 2]", "a[1:3, 0:4:2]"} <= found
    assert [row.operation for row in ad.draw(h, np.ones((2, 3))).table()] == [
        "input", "a[0]", "max(v1)", "v2 ** -1",
    ]  # fmt: skip


def test_constants_stand_in_their_operation() -> None:
    titles = [
        box.lines[0].text for box in ad.draw(lambda x: 2.5 / x + np.zeros(3), 1.0).diagram.boxes
    ]
    assert titles[:2] == ["x", "v1 = 2.5 / x"] and len(titles) == 3


# ------------------------------------------------------------------------------------ sequences


def test_steps_go_forward_then_back() -> None:
    pictures = ad.draw.steps(f, 3.0, 4.0)
    assert len(pictures) == 12
    shown = [sum(len(box.lines) for box in p.shown.boxes) for p in pictures]
    assert shown == list(range(7, 19))
    first, sixth, seventh, last = (pictures[k].mermaid for k in (0, 5, 6, -1))
    assert "x<br>value 3" in first and first.count("value") == 1
    assert sixth.count("value") == 6 and "adjoint" not in sixth
    assert "f = v3 + 2<br>value 42<br>adjoint 1" in seventh and seventh.count("adjoint") == 1
    assert last == ad.draw(f, 3.0, 4.0, mode="reverse").mermaid
    assert [p.mermaid for p in pictures[10:]] == [pictures[10].mermaid, last]


def test_steps_of_a_folded_graph() -> None:
    pictures = ad.draw.steps(unrolled, 0.5)
    assert [box.kind for box in pictures.last.diagram.boxes] == ["input", "fold", "output"]
    assert len(pictures) == 4
    assert pictures[1].mermaid.count("value") == 2 and "adjoint" not in pictures[1].mermaid


def test_steps_forward_push_each_tangent_at_once() -> None:
    pictures = ad.draw.steps(f, 3.0, 4.0, mode="forward")
    assert len(pictures) == 12
    assert "x<br>value 3<br>tangent 1" in pictures[1].mermaid
    assert pictures[1].mermaid.count("value") == 1


# -------------------------------------------------------------------------------------- folding


def unrolled(x):
    for _ in range(250):
        x = np.sin(x) * 1.01
    return x


def test_a_large_graph_is_folded_by_lines() -> None:
    picture = ad.draw(unrolled, 0.5, mode="reverse")
    texts = [[line.text for line in box.lines] for box in picture.diagram.boxes]
    assert texts[1][0] == "x = np.sin(x) * 1.01"
    assert re.fullmatch(r"test_draw\.py:\d+, 500 operations", texts[1][1])
    assert texts[1][2] == "250 sin, 250 mul"
    assert [box.kind for box in picture.diagram.boxes] == ["input", "fold", "output"]
    assert picture.diagram.edges == ((0, 1), (1, 2))
    assert len(picture.table()) == 501 and str(picture).splitlines()[-1] == "... and 441 more"
    whole = ad.draw(unrolled, 0.5, fold=False)
    assert len(whole.diagram.boxes) == 501 and len(whole.diagram.edges) == 500


def test_folding_when_asked() -> None:
    def g(x, y):
        a = np.exp(x) * y
        b = a + np.cos(y)
        return a * b / 2

    folded = ad.draw(g, 1.0, 2.0, fold=True, mode="reverse")
    titles = [box.lines[0].text for box in folded.diagram.boxes]
    assert titles == ["x", "y", "a = np.exp(x) * y", "b = a + np.cos(y)", "return a * b / 2", "g"]
    assert set(folded.diagram.edges) == {(0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4), (4, 5)}
    a = folded.diagram.boxes[2].lines
    assert a[-2].text == f"value {2 * np.e:.6g}" and a[-1].role == "adjoint"
    assert len(ad.draw(g, 1.0, 2.0).diagram.boxes) == 8


def test_a_gradient_folds_without_cycles() -> None:
    def loss(w, x):
        hidden = np.tanh(x @ w)
        scaled = hidden * np.exp(-hidden)
        return np.sum(scaled**2)

    picture = ad.draw(ad.grad(loss), np.ones(3), np.ones((5, 3)), fold=True)
    boxes, edges = picture.diagram.boxes, picture.diagram.edges
    assert any(box.lines[0].text == "hidden = np.tanh(x @ w)" for box in boxes)
    assert is_acyclic(len(boxes), edges)
    total = sum(
        int(re.search(r"(\d+) operation", box.lines[1].text)[1])
        for box in boxes if box.kind == "fold"
    )  # fmt: skip
    assert total == len(picture.table()) - 2


def is_acyclic(count, edges):
    remaining, nodes = set(edges), set(range(count))
    while nodes:
        free = {k for k in nodes if not any(b == k for _, b in remaining)}
        if not free:
            return False
        nodes -= free
        remaining = {(a, b) for a, b in remaining if a not in free}
    return True


def test_loops_over_several_lines_fold_to_their_lines() -> None:
    def g(x):
        for _ in range(100):
            y = np.sin(x)
            x = x - y / 3
        return x

    picture = ad.draw(g, 0.5)
    titles = [box.lines[0].text for box in picture.diagram.boxes]
    assert titles == ["x", "y = np.sin(x)", "x = x - y / 3", "g"]
    assert {(1, 2), (2, 1)} <= set(picture.diagram.edges)


def test_many_lines_fold_to_their_functions() -> None:
    space = {"np": np}
    lines = "\n".join(f"    x = np.sin(x) + {k}.5" for k in range(70))
    exec(f"def long(x):\n{lines}\n    return x\n", space)

    def whole(x):
        return space["long"](x) * np.cos(x)

    boxes = ad.draw(whole, 0.5).diagram.boxes
    assert [box.lines[0].text for box in boxes] == ["x", "long(...)", "whole(...)", "whole"]
    assert boxes[1].lines[1].text == "<string>, 140 operations"


def test_a_graph_without_lines() -> None:
    def rule(x):
        for _ in range(70):
            x = x * x
        return [x]

    graph = build_function(rule, [SCALAR], "long")
    assert len(ad.draw(graph).diagram.boxes) == 71
    boxes = ad.draw(graph, fold=True).diagram.boxes
    assert [line.text for line in boxes[1].lines] == ["operations", "70 operations", "70 mul"]


# ------------------------------------------------------------------------------------- escaping


def test_special_characters_are_escaped() -> None:
    name = 'a<b & "c" \\ é α*_x_*'
    graph = build_function(lambda x: [x * 2.0], [SCALAR], 'the "f" & <g>')
    picture = ad.draw(graph, names=[name])
    line = picture.mermaid.splitlines()[1]
    assert line == ('  n0(["a#60;b #38; #34;c#34; \\ é α#42;#95;x#95;#42;"]):::input')
    assert picture.dot.splitlines()[0] == 'digraph "the \\"f\\" &amp; <g>" {'
    assert '[label="a<b &amp; \\"c\\" \\\\ é α*_x_*"' in picture.dot


def test_texts_of_numbers() -> None:
    assert number_text(42.0) == "42" and number_text(1 / 3) == "0.333333"
    assert number_text(-0.0) == "-0" and number_text(7) == "7" and number_text(True) == "True"
    assert number_text(1 - 2.5j) == "1-2.5j"
    assert number_text(np.array([1.0, 2.0])) == "[1, 2]"
    assert number_text(np.arange(6.0)) == "0 to 5"
    assert number_text(np.full((2, 3), 0.5)) == "all 0.5"
    assert number_text(np.array([1.0, np.nan, 3.0, 4.0, np.inf])) == "1 to inf, 1 nan"
    assert number_text(np.full(9, np.nan)) == "all nan" and number_text(np.ones((0, 2))) == (
        "no elements"
    )
    assert number_text(np.arange(8) > 2) == "5 of 8 true"
    assert number_text((np.ones(2), 3)) == "([1, 1], 3)"


def test_small_texts() -> None:
    assert shortened("a\n  b\x00c", 9) == "a b c" and shortened("a" * 20, 10) == "aaaaaaa..."
    assert mermaid_text("x ** 2") == "x ** 2" and mermaid_text("a*b*c") == "a#42;b#42;c"
    assert dot_text("a\nb") == '"a\\nb"'
    assert text_width("e\u0301", 10) == text_width("e", 10) < text_width("日", 10)


# --------------------------------------------------------------------------------------- errors


def error_of(kind, call) -> str:
    with pytest.raises(kind) as caught:
        call()
    return re.sub(r"(?m)^  at .*?(  \(in .*\))?$", r"  at LINE\1", str(caught.value))


def test_wrong_kinds() -> None:
    assert error_of(TypeError, lambda: ad.draw(3.0)) == (
        "ad.draw got a float.\n"
        "  expected: a function with example arguments, a closed graph, an expression, a recorded "
        "value, or what `ad.explain` or `ad.jit(f).lower(x)` gave\n"
        "  at LINE  (in draw)\n"
        "  write instead: `ad.draw(f, 3.0, 4.0)`: the function itself, then its arguments"
    )
    assert error_of(TypeError, lambda: ad.draw(f, 3.0)) == (
        "ad.draw got 1 example arguments for f(x, y): missing a required argument: 'y'.\n"
        "  expected: one for each parameter; `kwargs={'name': value}` for those by keyword\n"
        "  at LINE  (in draw)\n"
        "  write instead: `ad.draw(f, 3.0, 4.0)`"
    )
    assert error_of(TypeError, lambda: ad.draw(f, 3, 4)) == (
        "ad.draw got no float and no array for f: whole numbers, strings and the like are fixed "
        "while a function is recorded.\n"
        "  expected: floats or arrays\n"
        "  at LINE  (in draw)\n"
        "  write instead: `ad.draw(f, 3.0)` instead of 3"
    )


@pytest.mark.parametrize("result", [None, "text"])
def test_a_function_that_returns_no_number(result) -> None:
    def g(x):
        return result

    assert error_of(TypeError, lambda: ad.draw(g, 3.0)) == (
        "ad.draw: g returned nothing that is a number.\n"
        "  expected: numbers, arrays, or containers of them\n"
        "  at LINE  (in draw)\n"
        "  write instead: `return` the value to draw"
    )


def test_wrong_modes() -> None:
    assert error_of(ValueError, lambda: ad.draw(f, 3.0, 4.0, mode="backward")) == (
        "ad.draw got mode='backward'.\n"
        "  expected: None, 'forward' or 'reverse'\n"
        "  at LINE  (in draw)"
    )
    assert error_of(ValueError, lambda: ad.draw(f, 3.0, 4.0, tangents=(1.0, 0.0))) == (
        "ad.draw got tangents and mode=None.\n"
        "  expected: tangents with mode='forward'\n"
        "  at LINE  (in draw)"
    )
    with pytest.raises(ad.DifferentiationError, match=r"result is float64\[3\]"):
        ad.draw(lambda x: x * np.ones(3), 1.0, mode="reverse")
    with pytest.raises(ad.DifferentiationError, match="result is float, float"):
        ad.draw(lambda x: (x * 2, x * 3), 1.0, mode="reverse")
    assert "ad.draw.steps got no mode." in error_of(
        ValueError, lambda: ad.draw.steps(f, 3.0, 4.0, mode=None)
    )


def test_values_that_do_not_fit() -> None:
    graph = parse("g(%0: float64[3]) {\n  %1: float64[] = sum %0, axes=(0,)\n  return %1\n}")
    assert "got 2 values for g, which has 1 inputs" in error_of(
        TypeError, lambda: ad.draw(graph, 1.0, 2.0, mode="reverse")
    )
    assert "got mode='reverse' and no values for x" in error_of(
        TypeError, lambda: ad.draw(graph, mode="reverse")
    )
    with pytest.raises(ad.ShapeError, match=r"got the shape \(2,\) for the input x of g"):
        ad.draw(graph, np.ones(2), mode="reverse")
    with pytest.raises(TypeError, match="got complex128 for the input x of g"):
        ad.draw(graph, np.ones(3) * 1j, mode="reverse")
    with pytest.raises(ValueError, match="got 1 tangents for 2 arguments"):
        ad.draw(f, 3.0, 4.0, mode="forward", tangents=(1.0,))
    with pytest.raises(ad.ShapeError, match=r"a tangent of shape \(2,\) for x"):
        ad.draw(f, 3.0, 4.0, mode="forward", tangents=(np.ones(2), 0.0))
    assert error_of(ValueError, lambda: ad.draw(f, 3.0, 4.0, names=["a"])) == (
        "ad.draw got names=['a'].\n"
        "  expected: 2 different strings, one for each of x, y\n"
        "  at LINE  (in draw)"
    )


def test_drawing_inside_a_transform() -> None:
    def g(x):
        ad.draw(f, x, 4.0)
        return x

    with pytest.raises(ad.TracingError, match=r"ad\.draw was called on a traced value"):
        ad.grad(g)(3.0)


def test_endings_of_files(tmp_path: Path) -> None:
    picture = ad.draw(f, 3.0, 4.0)
    assert picture.save(tmp_path / "f.mmd").read_text() == picture.mermaid
    assert picture.save(str(tmp_path / "f.dot")).read_text() == picture.dot
    assert error_of(ValueError, lambda: picture.save(tmp_path / "f.gif")) == (
        "save got 'f.gif', whose ending names no format it writes.\n"
        "  expected: a path that ends in .svg, .png, .dot, .mmd\n"
        "  at LINE  (in save)\n"
        "  write instead: `ad.draw.steps(f, x).save('steps.gif')`: a single picture does not move"
    )
    with pytest.raises(ValueError, match=r"ends in \.svg, \.gif"):
        ad.draw.steps(f, 3.0, 4.0).save(tmp_path / "f.png")
    assert not list(tmp_path.glob("*.gif")) and not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize("scale", [0, -1.0, float("nan"), "2"])
def test_a_scale_that_is_none(scale) -> None:
    with pytest.raises(ValueError, match="a number above 0, 16 at most"):
        ad.draw(f, 3.0, 4.0).png(scale)


def test_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphlay", None)
    picture = ad.draw(f, 3.0, 4.0)
    assert error_of(ImportError, lambda: picture.svg) == (
        "laying out a picture needs graphlay, which is not installed.\n"
        "  expected: the Python package graphlay\n"
        "  at LINE  (in draw)\n"
        "  write instead: `pip install 'adjoint[draw]'` in a terminal; `.mermaid`, `.dot` and "
        "`str()` of a picture need nothing"
    )
    assert picture._repr_svg_() is None
    assert picture._repr_mimebundle_() == {"text/plain": str(picture)}
    assert ad.draw.steps(f, 3.0, 4.0)._repr_svg_() is None


def test_the_kernels_of_a_program() -> None:
    def g(x):
        return np.sum(np.exp(x) * 2.0)

    x = np.ones(100)
    drawn = ad.draw(ad.jit(g).lower(x)).diagram
    assert [box.kind for box in drawn.boxes] == ["input", "kernel", "output"]
    assert drawn.boxes[0].lines[0].text == "float64[100]"
    assert drawn.boxes[1].lines[0].text == "i[100]"
    assert drawn.edges == ((0, 1), (1, 2))
    printed = str(ad.draw(ad.jit(g).lower(x))).splitlines()
    assert printed[0] == "float64[100]" and printed[1].startswith("i[100]; ")
    assert printed[-1] == "float" and len(printed) == 3
    explained = ad.draw(ad.explain(g, x)).diagram
    assert explained.boxes[0].lines[0].text == "x: float64[100]"
    assert explained.boxes[1].lines[-1].text.endswith("% of a call")
    with pytest.raises(TypeError, match="got a Program with arguments or a mode"):
        ad.draw(ad.jit(g).lower(x), mode="reverse")


def test_examples_of_the_page() -> None:
    page = Path(__file__).parents[3] / "docs" / "drawings.md"
    blocks = re.findall(r"^```pycon\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    found = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)
    assert found.examples
    assert doctest.DocTestRunner().run(found).failed == 0
    for image in re.findall(r"\(images/(.*?)\)", page.read_text()):
        assert 0 < (page.parent / "images" / image).stat().st_size < 200_000
