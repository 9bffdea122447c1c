r"""Expressions as text: Python, Unicode, LaTeX.

Enters: an expression.  Leaves: its text in one of three styles, with the parentheses that the order
of operations needs and no more.  The Python text has the value of the expression, bit for bit,
where the names of NumPy and `scipy.special` are at hand: sums and products keep their grouping,
and arithmetic on numbers alone is written such that NumPy does it, where Python's own would raise
an error or round otherwise (`float64(1)/0`).  Only arrays of more than twenty different elements
are abridged, and operations that NumPy lacks (`scan`, `scatter_add`) are written as calls.

A part that is used more than once is written once, as `t1 = ...` before the formula, if the text
would be long otherwise: so it grows with the graph, not with the tree.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...graph.function import Function, bits
from ...graph.node import NEVER, Node
from .expression import PRINTERS, Expression
from .structure import name_of
from .styles import (
    AND,
    ATOM,
    COMPARISON,
    OR,
    PRODUCT,
    SHIFT,
    SUM,
    XOR,
    Latex,
    Style,
    Text,
    Unicode,
)

LONG = 160  # characters from which on repeated parts are named

OPERATORS = {
    "add": ("+", SUM),
    "sub": ("-", SUM),
    "mul": ("*", PRODUCT),
    "div": ("/", PRODUCT),
    "floor_divide": ("//", PRODUCT),
    "remainder": ("%", PRODUCT),
    "matmul": ("@", PRODUCT),
    "left_shift": ("<<", SHIFT),
    "right_shift": (">>", SHIFT),
    "bitwise_and": ("&", AND),
    "bitwise_xor": ("^", XOR),
    "bitwise_or": ("|", OR),
    "equal": ("==", COMPARISON),
    "not_equal": ("!=", COMPARISON),
    "less": ("<", COMPARISON),
    "less_equal": ("<=", COMPARISON),
    "greater": (">", COMPARISON),
    "greater_equal": (">=", COMPARISON),
}
# What NumPy calls it.
RENAMED = {
    "select": "where",
    "safe_sqrt": "sqrt",
    "euclidean_norm": "linalg.norm",
    "logaddexp_reduce": "logaddexp.reduce",
    "cummax": "maximum.accumulate",
    "cummin": "minimum.accumulate",
    "solve": "linalg.solve",
    "inv": "linalg.inv",
    "det": "linalg.det",
    "cholesky": "linalg.cholesky",
    "slogdet": "linalg.slogdet",
    "eig": "linalg.eig",
    "eigh": "linalg.eigh",
    "eigvalsh": "linalg.eigvalsh",
    "svd": "linalg.svd",
    "svdvals": "linalg.svdvals",
    "pinv": "linalg.pinv",
    "fft": "fft.fft",
    "ifft": "fft.ifft",
    "rfft": "fft.rfft",
    "irfft": "fft.irfft",
}
OPTIONS = {("svd", "full"): "full_matrices", ("irfft", "extent"): "n"}
SILENT = ("variable", "named", "python_scalar")  # identities that are not printed


def show(expression: Expression, kind: type[Style]) -> str:
    """The text of an expression in a style."""
    function, symbols = expression.closed()
    free = [name_of(n) for n in symbols]
    style = kind(free, all(n.dtype.kind == "f" for n in symbols))
    shared = repeated(function.order) if length_of(function) > LONG else set()
    lines, (last,) = walk(style, function, free, shared)
    return style.joined(lines, last)


def walk(
    style: Style, function: Function, names: Sequence[str], shared: set[Node]
) -> tuple[list[tuple[str, str]], list[str]]:
    """The named parts of a closed graph, and the texts of its outputs."""
    texts: dict[Node, Text] = {
        n: style.symbol(name) for n, name in zip(function.inputs, names, strict=True)
    }
    lines: list[tuple[str, str]] = []
    numbers = Numbers(style)
    for node in function.order:
        if node in texts:
            continue
        inputs = [texts[x] for x in node.inputs]
        if type(style) is Style and not numbers.agree(node):
            name = node.primitive.name
            k = 1 if name == "select" else 0  # the first operand that is a number
            inputs[k] = as_float(style, inputs[k], is_call=name == "pow" or name not in PYTHON)
            text = style.called("power", inputs) if name == "pow" else written(style, node, inputs)
        else:
            text = written(style, node, inputs)
        if node in shared and node not in function.outputs:
            name = fresh_name(len(lines) + 1, style.names)
            lines.append((name, text.text))
            text = style.symbol(name)
        texts[node] = text
    return lines, [texts[n].text for n in function.outputs]


def as_float(style: Style, number: Text, is_call: bool) -> Text:
    """A number as NumPy's float; inside a call a float of Python's does."""
    if is_call and number.text.lstrip("-").isdigit():
        return number._replace(text=f"{number.text}.0")
    return style.called("float64", [number])


PYTHON: dict[str, Callable] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "pow": operator.pow, "neg": operator.neg, "floor_divide": operator.floordiv,
    "remainder": operator.mod,
}  # fmt: skip


class Numbers:
    """The parts of a formula that are made of Python's numbers alone: what they are, and what the
    numbers in their text make of them."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.known: dict[Node, tuple[Any, Any]] = {}

    def agree(self, node: Node) -> bool:
        """Whether the text of a node has its value, as far as numbers are concerned."""
        name = node.primitive.name
        if name == "constant":
            value = node.parameters["value"]
            if type(value) in (int, float):
                whole = self.style.number(value).text.lstrip("-").isdigit()
                self.known[node] = value, int(value) if whole else value
            return True
        if name == "select":  # between whole numbers NumPy's is one, too
            branches = [self.known.get(x, (None, None)) for x in node.inputs[1:]]
            return not all(type(v) is float and type(shown) is int for v, shown in branches)
        is_arithmetic = name in PYTHON
        if not (is_arithmetic or node.primitive.kind == "elementwise"):
            return True
        if not all(x in self.known for x in node.inputs):
            # NumPy's scalars round powers as its arrays do not.
            return name != "pow" or node.root != NEVER or node.shape != ()
        values, shown = zip(*[self.known[x] for x in node.inputs], strict=True)
        with np.errstate(all="ignore"):
            value = node.primitive.evaluate(*values, **node.parameters)
            try:
                call = PYTHON[name] if is_arithmetic else node.primitive.evaluate
                found = call(*shown, **node.parameters)
            except (ArithmeticError, ValueError, TypeError):
                return False
        if not same_number(found, value):
            return False
        if not is_arithmetic:  # NumPy's: of the same dtype, and a scalar of its own from here on
            return np.asarray(found).dtype == np.asarray(value).dtype
        if type(found) is float or (type(found) is int and abs(found) < 1 << 1000):
            self.known[node] = value, found
        return True


def same_number(found: Any, value: Any) -> bool:
    """Whether two numbers are the same, signed zeros told apart, and a whole one where the other
    is a float only as far as NumPy's functions take it for that."""
    if isinstance(value, (bool, np.bool_)):
        return bool(found) == bool(value)
    if isinstance(value, (int, np.integer)):
        return isinstance(found, (int, np.integer)) and int(found) == int(value)
    if isinstance(found, (complex, np.complexfloating)):
        return False
    if isinstance(found, (int, np.integer)) and abs(int(found)) > 1 << 53:
        return False
    a, b = float(found), float(value)
    return bits(a) == bits(b) or (a != a and b != b)


def fresh_name(k: int, taken: set[str]) -> str:
    """A name for a part: `t1`, or `t1_` where a symbol has that name."""
    name = f"t{k}"
    while name in taken:
        name += "_"
    return name


def length_of(function: Function) -> int:
    """About how long the text would be without named parts."""
    found: dict[Node, int] = {}
    for node in function.order:
        found[node] = min(1 << 40, 4 + sum([found[x] for x in node.inputs]))
    return sum([found[n] for n in function.outputs])


def repeated(order: Sequence[Node]) -> set[Node]:
    """The nodes that are used more than once and are worth a name."""
    uses: dict[Node, int] = {}
    for node in order:
        for x in node.inputs:
            uses[x] = uses.get(x, 0) + 1
    plain = ("input", "constant", "item", *SILENT)
    found = set()
    for node, count in uses.items():
        if count < 2 or node.primitive.name in plain or is_silent(node):
            continue
        short = all(x.primitive.name in ("input", "constant") for x in node.inputs)
        if short and node.primitive.name in ("neg", "at"):
            continue
        if isinstance(node.dtype, tuple):
            continue
        found.add(node)
    return found


def written(style: Style, node: Node, inputs: Sequence[Text]) -> Text:
    """The text of one operation on the texts of its inputs."""
    name, parameters = node.primitive.name, node.parameters
    if name == "constant":
        return style.value(parameters["value"])
    if name in SILENT or is_silent(node):
        return inputs[0]
    if name == "neg":
        return style.negated(*inputs)
    if name == "add":
        return style.added(*inputs)
    if name == "sub":
        return style.subtracted(*inputs)
    if name == "mul":
        return style.multiplied(*inputs)
    if name == "div":
        return style.divided(*inputs)
    if name == "pow":
        return style.raised(*inputs)
    if name in OPERATORS:
        return style.operated(*OPERATORS[name], *inputs)
    if name == "item":
        return style.indexed(inputs[0], str(parameters["index"]))
    if name == "slice":
        spans = zip(parameters["starts"], parameters["stops"], parameters["steps"],
                    node.inputs[0].shape, strict=True)  # fmt: skip
        return style.indexed(inputs[0], ", ".join([span(*s) for s in spans]))
    if name == "at":
        chosen = dict(zip(parameters["axes"], parameters["places"], strict=True))
        last = max(chosen)
        return style.indexed(
            inputs[0], ", ".join([str(chosen.get(k, ":")) for k in range(last + 1)])
        )
    if name == "gather":
        return style.indexed(inputs[0], ", ".join([x.text for x in inputs[1:]]))
    if name in LAYOUTS:
        return LAYOUTS[name](style, node, inputs)
    if node.primitive.kind == "reduction" and set(parameters) == {"axes"}:
        return reduced(style, node, inputs)
    options = [
        f"{OPTIONS.get((name, key), key)}={option(style, v)}"
        for key, v in parameters.items()
        if key not in HIDDEN.get(name, ()) and (name, key, v) not in USUAL
    ]
    return style.called(RENAMED.get(name, name), inputs, options)


# Parameters that a reader does not miss: those that only say how, and those at their usual value.
HIDDEN = {"inv": ("singular",), "scan": ("memory",), "while_loop": ("memory",)}
USUAL = (
    *[(name, "reverse", False) for name in ("scan", "while_loop")],
    *[(name, "lower", True) for name in ("eigh", "eigvalsh")],
    *[(name, "norm", "backward") for name in ("fft", "ifft", "rfft", "irfft")],
)


def is_silent(node: Node) -> bool:
    """Whether a node is a conversion, or a layout, that changes nothing."""
    if node.primitive.name in ("reshape", "broadcast_to"):
        return node.inputs[0].shape == node.shape
    return node.primitive.name == "convert" and node.inputs[0].dtype == node.dtype


def reduced(style: Style, node: Node, inputs: Sequence[Text]) -> Text:
    """`sum(x)`, `sum(x, axis=0)`."""
    axes, rank = node.parameters["axes"], len(node.inputs[0].shape)
    options = [] if len(axes) == rank else [f"axis={axes[0] if len(axes) == 1 else axes}"]
    name = node.primitive.name
    return style.called(RENAMED.get(name, name), inputs, options)


def span(start: int, stop: int, step: int, extent: int) -> str:
    """A slice as it is written in brackets."""
    if step > 0:
        first = "" if start == 0 else str(start)
        last = "" if stop >= extent else str(stop)
    else:
        first = "" if start == extent - 1 else str(start)
        last = "" if stop < 0 else str(stop)
    return f"{first}:{last}" + ("" if step == 1 else f":{step}")


def option(style: Style, value: Any) -> str:
    """A static parameter; a graph (the body of a loop) as a function."""
    if isinstance(value, np.dtype):
        return repr(value.name)
    if isinstance(value, Function):
        names = argument_names(len(value.inputs), style.names)
        _, texts = walk(style, value, names, set())
        text = texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
        return style.mapping(names, text if length_of(value) <= 2 * LONG else "...")
    if type(value) is tuple and any(isinstance(v, Function) for v in value):
        return f"({', '.join([option(style, v) for v in value])})"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def argument_names(count: int, taken: set[str]) -> list[str]:
    """Names for the arguments of a function: `a`, `b`, ... but for those of symbols."""
    found: list[str] = []
    k = 0
    while len(found) < count:
        name = "abcdefghijklmnopqrstuvwxyz"[k % 26] + (str(k // 26) if k >= 26 else "")
        if name not in taken:
            found.append(name)
        k += 1
    return found


def padded(style: Style, node: Node, inputs: Sequence[Text]) -> Text:
    """A part of an array of zeros: the cotangent of a slice."""
    names = ("starts", "stops", "steps", "shape")
    starts, stops, steps, shape = [node.parameters[key] for key in names]
    if any(step != 1 for step in steps):
        options = [f"{key}={node.parameters[key]}" for key in names]
        return style.called("unslice", inputs, options)
    widths = tuple(
        zip(starts, [n - stop for n, stop in zip(shape, stops, strict=True)], strict=True)
    )
    return style.called("pad", inputs, [str(widths)])


def put(style: Style, node: Node, inputs: Sequence[Text]) -> Text:
    """An element, or a row, of an array of zeros."""
    shape = node.parameters["shape"]
    at = dict(zip(node.parameters["axes"], node.parameters["places"], strict=True))
    thin = tuple([1 if k in at else n for k, n in enumerate(shape)])
    widths = tuple([(at[k], n - at[k] - 1) if k in at else (0, 0) for k, n in enumerate(shape)])
    row = (
        inputs[0] if node.inputs[0].shape == thin else style.called("reshape", inputs, [str(thin)])
    )
    return style.called("pad", [row], [str(widths)])


LAYOUTS = {
    "unslice": padded,
    "argsort": lambda style, node, inputs: style.called(
        "argsort",
        inputs,
        [f"axis={node.parameters['axis']}", f"kind={node.parameters.get('kind', 'stable')!r}"],
    ),
    "roll": lambda style, node, inputs: style.called(
        "roll", inputs, [str(node.parameters["shifts"]), str(node.parameters["axes"])]
    ),
    "put_at": put,
    "reshape": lambda style, node, inputs: style.called("reshape", inputs, [str(node.shape)]),
    "broadcast_to": lambda style, node, inputs: style.called(
        "broadcast_to", inputs, [str(node.shape)]
    ),
    "transpose": lambda style, node, inputs: style.called(
        "transpose",
        inputs,
        []
        if node.parameters["axes"] == tuple(reversed(range(len(node.shape))))
        else [str(node.parameters["axes"])],
    ),
    "flip": lambda style, node, inputs: style.called(
        "flip", inputs, [str(node.parameters["axes"])]
    ),
    "concatenate": lambda style, node, inputs: style.called(
        "concatenate", [sequence(inputs)], [f"axis={node.parameters['axis']}"]
    ),
    "stack": lambda style, node, inputs: style.called(
        "stack", [sequence(inputs)], [f"axis={node.parameters['axis']}"]
    ),
    "convert": lambda style, node, inputs: style.called(node.dtype.type.__name__, inputs),
    "einsum": lambda style, node, inputs: style.called(
        "einsum", [Text(repr(node.parameters["subscripts"]), ATOM), *inputs]
    ),
    "round": lambda style, node, inputs: style.called(
        "round", inputs, [str(node.parameters["decimals"])]
    ),
}


def sequence(inputs: Sequence[Text]) -> Text:
    """Several arrays as one argument."""
    inside = ", ".join([x.text for x in inputs])
    return Text(f"({inside},)" if len(inputs) == 1 else f"({inside})", ATOM)


PRINTERS.update(
    python=lambda expression: show(expression, Style),
    unicode=lambda expression: show(expression, Unicode),
    latex=lambda expression: show(expression, Latex),
)
