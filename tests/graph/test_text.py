"""The printer and the parser: what is printed is read back, bit for bit; a bad text is refused with
its line."""

import math
import struct

import numpy as np
import pytest

from adjoint.base.dtypes import Type
from adjoint.base.errors import GraphError
from adjoint.graph import op
from adjoint.graph.check import verify
from adjoint.graph.function import Function, bits, build_function
from adjoint.graph.node import Node, constant, input_node
from adjoint.graph.text import parse, show

FLOAT = Type((), np.dtype(float))
WEAK = Type((), np.dtype(float), True)
VECTOR = Type((3,), np.dtype(float))

EXAMPLE = """\
f(%0: float64[3], %1: float64[]~) {
  %2: float64[3] = mul %0, %1
  %3: float64[] = sum %2, axes=(0,)
  return %3
}"""


def test_a_graph_as_text():
    function = build_function(lambda x, y: [op.sum(x * y, axes=(0,))], [VECTOR, WEAK])
    assert show(function) == EXAMPLE
    assert parse(EXAMPLE).evaluate(np.array([1.0, 2.0, 3.0]), 2.0) == [12.0]


def test_bodies_come_first():
    inner = build_function(lambda x: [op.sin(x), x], [VECTOR], "<lambda>")
    middle = build_function(lambda x: [op.item(op.call(x, function=inner), index=0)], [VECTOR])

    def rule(x):
        first = op.item(op.call(x, function=middle), index=0)
        return [op.item(op.call(first, function=inner), index=1)]

    function = verify(build_function(rule, [VECTOR], "outer"))
    text = show(function)
    assert text.startswith("@0 = '<lambda>'(%0: float64[3]) {\n")
    assert "call %0, function=@0" in text and "call %0, function=@1" in text
    again = verify(parse(text))
    assert show(again) == text
    x = np.array([0.1, 0.2, 0.3])
    np.testing.assert_array_equal(again.evaluate(x)[0], np.sin(x))


def nan(pattern):
    return struct.unpack("<d", struct.pack("<Q", pattern))[0]


VALUES = [
    None,
    True,
    7,
    -3,
    10**30,
    0.1,
    -0.0,
    1e-320,
    math.inf,
    -math.inf,
    math.nan,
    nan(0x7FF8000000000001),
    nan(0xFFF8000000000000),
    complex(1.5, -0.0),
    complex(-0.0, math.nan),
    complex(math.inf, nan(0xFFF8000000000000)),
    "ij,jk->ik",
    "quotes ' \" and \\ and @0, %1 \n",
    (),
    (1,),
    (1, (2.0, "three")),
    [1, 2],
    {"a": 1, "b": (2.0,)},
    slice(None, 3, -1),
    ...,
    np.dtype(np.float32),
    np.dtype(bool),
    np.dtype(">f8"),
    np.float64,
    int,
    np.float64(0.1),
    np.float32(0.1),
    np.float32(-0.0),
    np.int8(-5),
    np.bool_(True),
    np.complex64(1 + 2j),
    np.longdouble(1) / 3,
    np.float16(0.1),
    np.float32(np.nan),
    -np.float64(np.nan),
    np.uint64(2**64 - 1),
    np.array(1.0),
    np.array([1.0, -0.0, np.inf, np.nan]),
    np.array([[1, 2], [3, 4]], np.int32),
    np.arange(100.0).reshape(4, 25),
    np.zeros((0, 3)),
    np.array([True, False]),
    np.array(["ab", "c"]),
    np.array([1.0], ">f8"),
    np.arange(6).reshape(2, 3).T,
    Type((2, 3), np.dtype(np.float32), False),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{type(v).__name__} {v!r}"[:40])
def test_every_parameter_is_read_back(value):
    """The parameter of a made-up use of an identity, which takes any."""
    x = input_node(FLOAT)
    node = Node(op.registry["stop_gradient"], (x,), {"anything": value}, (), np.dtype(float))
    text = show(Function([x], [node], [x, node]))
    again = parse(text)
    found = again.outputs[0].parameters["anything"]
    assert show(again) == text
    assert type(found) is type(value)
    assert bits(found) == bits(value) if not isinstance(value, slice) else found == value


@pytest.mark.parametrize(
    "value", [0.1, -0.0, True, 3, 2j, np.float32(0.5), np.array([1.0, 2.0]), np.arange(50)], ids=str
)
def test_constants_are_read_back(value):
    function = verify(build_function(lambda: [constant(value)], []))
    again = verify(parse(show(function)))
    assert bits(again.evaluate()[0]) == bits(value)
    assert type(again.evaluate()[0]) is type(value)


def test_several_outputs_and_none():
    function = parse("nothing() {\n  return\n}")
    assert function.evaluate() == [] and show(function) == "nothing() {\n  return\n}"
    double = parse("d(%0: int64[2,3]) {\n  return %0, %0\n}")
    assert double.outputs[0] is double.outputs[1]


def test_an_object_without_a_literal_is_shown_and_refused():
    x = input_node(FLOAT)
    node = Node(
        op.registry["stop_gradient"],
        (x,),
        {"rule": test_several_outputs_and_none},
        (),
        np.dtype(float),
    )
    text = show(Function([x], [node], [x, node]))
    assert "rule=opaque('function test_several_outputs_and_none')" in text
    with pytest.raises(
        GraphError, match=r"line 2: rule= has no literal that can be read: .* text cannot hold"
    ):
        parse(text)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "f(%0",
            "f[%0",
            "line 1: expected a graph, `name(%0: float64[3]) {`: 'f[%0: float64[3], %1: ",
        ),
        (
            "%0: float64[3],",
            "0: float64[3],",
            "line 1: '0: float64[3]' is no new input `%0: float64[3]`",
        ),
        (
            "%1: float64[]~",
            "%0: float64[]~",
            "line 1: '%0: float64[]~' is no new input `%0: float64[3]`",
        ),
        ("%1: float64[]~", "%1: flout64[]~", "line 1: 'flout64' is no dtype"),
        (
            "%2: float64[3]",
            "%2: float64(3)",
            "line 2: 'float64(3)' is no type such as `float64[2,3]`",
        ),
        ("%2: float64[3]", "%2: float64[4]", "line 2: %2 has the type float64[3]"),
        ("mul %0, %1", "mull %0, %1", "line 2: no primitive is named 'mull'"),
        ("mul %0, %1", "input", "line 2: no primitive is named 'input'"),
        ("mul %0, %1", "mul %0, %4", "line 2: %4 is not defined before"),
        ("mul %0, %1", "mul %0", "line 2: %2: its type rule raises"),
        (
            "  %2: float64[3] =",
            "  2: float64[3] =",
            "line 2: expected a node, `%2: float64[3] = mul %0, %1`",
        ),
        ("%2: float64[3] =", "%1: float64[3] =", "line 2: %1 is defined twice"),
        ("axes=(0,)", "axes=(0,", "line 3: 'axes=(0,' is no list of parameters `axis=0`"),
        ("axes=(0,)", "(0,)", "line 3: '(0,)' is no list of parameters `axis=0`"),
        ("axes=(0,)", "axes=open('x')", "line 3: axes= has no literal that can be read: 'open'"),
        ("axes=(0,)", "axes=@0", "line 3: axes= has no literal that can be read: '0'"),
        ("return %3", "return %3 %2", "line 4: expected"),
        ("return %3", "return %9", "line 4: %9 is not defined before"),
        ("}", "", "line 5: expected `}` after `return`"),
        ("  return %3\n}", "", "line 4: the text ends inside f, without `return`"),
        ("}", "}\nmore", "line 6: the text goes on behind its last graph: 'more'"),
        ("f(%0", "@0 = f(%0", "line 5: the text ends without a graph that has no label"),
    ],
)
def test_a_bad_text_names_its_line(old, new, expected):
    assert old in EXAMPLE
    with pytest.raises(GraphError) as caught:
        parse(EXAMPLE.replace(old, new, 1))
    if "return %3 %2" in new:
        expected = "line 4: "
    assert str(caught.value).startswith(expected)


def test_an_empty_text():
    with pytest.raises(GraphError, match="line 1: the text ends without a graph"):
        parse("")
