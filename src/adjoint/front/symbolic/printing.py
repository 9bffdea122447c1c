r"""Expressions as text: Python, Unicode, LaTeX.

Enters: an expression.  Leaves: its text in one of three styles, with the parentheses that the order
of operations needs and no more.  The Python text has the value of the expression, bit for bit,
where NumPy's names are at hand: sums and products keep their grouping.

A part that is used more than once is written once, as `t1 = ...` before the formula, if the text
would be long otherwise: so it grows with the graph, not with the tree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...graph.node import Node
from .expression import PRINTERS, Expression, name_of

LONG = 160  # characters from which on repeated parts are named

COMPARISON, OR, XOR, AND, SHIFT, SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 11)


class Text(NamedTuple):
    """A text, how strongly it binds, whether a leading minus may become that of a sum, whether a
    minus may be written in front of a product without parentheses, and whether it is made of
    numbers and single letters, which stand side by side in a product."""

    text: str
    level: int
    is_negative: bool = False
    is_product: bool = False
    is_short: bool = False


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
}
SILENT = ("variable", "named", "python_scalar")  # identities that are not printed


class Style:
    """How one of the three styles writes the parts of a formula."""

    name = "python"

    def __init__(self, names: Sequence[str], is_float: bool) -> None:
        self.names = set(names)
        self.is_float = is_float  # whether whole floats may be written as integers

    # ---------------------------------------------------------------------------------- numbers

    def number(self, value: Any) -> Text:
        """A Python number."""
        if type(value) is complex:
            return Text(repr(value) if repr(value)[0] == "(" else f"({value!r})", ATOM)
        if type(value) is float:
            if not math.isfinite(value):
                return self.special(value)
            if (known := self.known(abs(value))) is not None:
                return Text("-" + known, SIGN, True) if value < 0 else Text(known, ATOM)
            is_zero = value == 0 and math.copysign(1.0, value) < 0
            if self.is_float and value.is_integer() and abs(value) < 1e15 and not is_zero:
                value = int(value)
        text = self.digits(value)
        negative = text.startswith("-")
        return Text(text, SIGN if negative else ATOM, negative)

    def special(self, value: float) -> Text:
        if math.isnan(value):
            return Text("nan", ATOM)
        return Text("inf", ATOM) if value > 0 else Text("-inf", SIGN, True)

    def known(self, value: float) -> str | None:
        """The name of a number that has one."""
        for name, number in (("pi", math.pi), ("e", math.e)):
            if value == number and name not in self.names:
                return self.constant(name)
        return None

    def constant(self, name: str) -> str:
        return name

    def digits(self, value: Any) -> str:
        return repr(value)

    def value(self, value: Any) -> Text:
        """Any constant."""
        if isinstance(value, (bool, int, float, complex)):
            return self.number(value) if not isinstance(value, bool) else Text(repr(value), ATOM)
        if isinstance(value, np.generic):
            return Text(f"{value.dtype.name}({value.item()!r})", ATOM)
        if value.ndim == 0:
            return self.number(value.item())
        return Text(self.array(value), ATOM)

    def array(self, value: np.ndarray) -> str:
        listed = np.array2string(
            value, separator=", ", threshold=20, edgeitems=2, max_line_width=1 << 20,
            formatter={"float_kind": lambda x: repr(float(x)), "int_kind": lambda x: repr(int(x))},
        ).replace("\n", "")  # fmt: skip
        return f"array({listed})"

    # -------------------------------------------------------------------------------- operations

    def symbol(self, name: str) -> Text:
        return Text(name, ATOM)

    def negated(self, x: Text) -> Text:
        if x.is_negative:
            return Text(f"-({x.text})", SIGN, True)
        if x.is_product:
            return Text("-" + x.text, PRODUCT, True, True, x.is_short)
        return Text("-" + bracketed(x, SIGN), SIGN, True, False, x.is_short)

    def added(self, a: Text, b: Text) -> Text:
        """a + b; a sign in front of b becomes that of the sum."""
        right = bracketed(b, self.right(SUM))
        if b.is_negative and right.startswith("-"):
            return Text(f"{bracketed(a, SUM)} - {right[1:]}", SUM, a.is_negative)
        return Text(f"{bracketed(a, SUM)} + {right}", SUM, a.is_negative)

    def subtracted(self, a: Text, b: Text) -> Text:
        right = bracketed(b, SUM + 1)
        if b.is_negative and right.startswith("-"):
            return Text(f"{bracketed(a, SUM)} + {right[1:]}", SUM, a.is_negative)
        return Text(f"{bracketed(a, SUM)} - {right}", SUM, a.is_negative)

    def right(self, level: int) -> int:
        """How strongly the right operand of a sum or product must bind to stand without
        parentheses: in Python the grouping is kept, since rounding depends on it."""
        return level + 1

    def multiplied(self, a: Text, b: Text) -> Text:
        left, right = bracketed(a, PRODUCT), bracketed(b, PRODUCT + 1)
        return product(f"{left}*{right}", a, left)

    def divided(self, a: Text, b: Text) -> Text:
        left = bracketed(a, PRODUCT)
        return product(f"{left}/{bracketed(b, PRODUCT + 1)}", a, left)

    def raised(self, a: Text, b: Text) -> Text:
        return Text(f"{bracketed(a, ATOM)}**{bracketed(b, SIGN)}", POWER)

    def operated(self, sign: str, level: int, a: Text, b: Text) -> Text:
        left = level + (level == COMPARISON)
        around = f" {sign} "
        return Text(f"{bracketed(a, left)}{around}{bracketed(b, level + 1)}", level)

    def called(self, name: str, inputs: Sequence[Text], options: Sequence[str] = ()) -> Text:
        return Text(f"{name}({', '.join([*[x.text for x in inputs], *options])})", ATOM)

    def indexed(self, x: Text, key: str) -> Text:
        return Text(f"{bracketed(x, ATOM)}[{key}]", ATOM)

    def joined(self, lines: Sequence[tuple[str, str]], last: str) -> str:
        """The whole text: the named parts, then the formula."""
        return "\n".join([*[f"{name} = {text}" for name, text in lines], last])


def product(text: str, a: Text, left: str) -> Text:
    """A product whose first factor is `a`, written as `left`."""
    is_negative = a.is_negative and left[0] == "-"
    return Text(text, PRODUCT, is_negative, a.level > PRODUCT or a.is_product or left[0] == "(")


def bracketed(x: Text, level: int) -> str:
    """A text that binds at least so strongly."""
    return x.text if x.level >= level else f"({x.text})"


SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
GREEK = dict(
    zip(
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi"
        " rho sigma tau upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi"
        " Omega".split(),
        "αβγδεζηθικλμνξοπρστυφχψωΓΔΘΛΞΠΣΦΨΩ",
        strict=True,
    )
)
LATEX_FUNCTIONS = frozenset("sin cos tan sinh cosh tanh arcsin arccos arctan log max min".split())


class Unicode(Style):
    """Formulas as one writes them: x²y + y + 2."""

    name = "unicode"

    def right(self, level: int) -> int:
        return level

    def constant(self, name: str) -> str:
        return {"pi": "π"}.get(name, name)

    def symbol(self, name: str) -> Text:
        text = GREEK.get(name, name)
        return Text(text, ATOM, False, False, len(text) == 1)

    def number(self, value: Any) -> Text:
        found = super().number(value)
        plain = found.text.lstrip("-")
        return found._replace(is_short=plain.replace(".", "").isdigit() or plain == "π")

    def multiplied(self, a: Text, b: Text) -> Text:
        left, right = bracketed(a, PRODUCT), bracketed(b, PRODUCT + (not b.is_product))
        is_number = left.lstrip("-").replace(".", "").isdigit()
        is_side = (right[0].isalpha() or right[0] in "√|(") if is_number else b.is_short
        is_short = a.is_short and is_side and not right[0].isdigit() and right[0] != "-"
        found = product(f"{left}{'' if is_short else '·'}{right}", a, left)
        return found._replace(is_short=is_short and b.is_short)

    def raised(self, a: Text, b: Text) -> Text:
        exponent = b.text
        if exponent.lstrip("-").isdigit():
            text = bracketed(a, ATOM) + exponent.translate(SUPERSCRIPTS)
            return Text(text, POWER, False, False, a.is_short and a.level == ATOM)
        inside = exponent if b.level == ATOM else f"({exponent})"
        return Text(f"{bracketed(a, ATOM)}^{inside}", POWER)

    def operated(self, sign: str, level: int, a: Text, b: Text) -> Text:
        return super().operated(
            {"<=": "≤", ">=": "≥", "!=": "≠", "==": "="}.get(sign, sign), level, a, b
        )

    def called(self, name: str, inputs: Sequence[Text], options: Sequence[str] = ()) -> Text:
        if name == "sqrt" and not options:
            inside = inputs[0].text
            return Text(f"√{inside}" if len(inside) == 1 else f"√({inside})", ATOM)
        if name == "abs":
            return Text(f"|{inputs[0].text}|", ATOM)
        return super().called(name, inputs, options)


class Latex(Style):
    """LaTeX, for notebooks."""

    name = "latex"

    def right(self, level: int) -> int:
        return level

    def special(self, value: float) -> Text:
        if math.isnan(value):
            return Text(r"\mathrm{nan}", ATOM)
        return Text(r"\infty", ATOM) if value > 0 else Text(r"-\infty", SIGN, True)

    def constant(self, name: str) -> str:
        return r"\pi" if name == "pi" else name

    def digits(self, value: Any) -> str:
        text = repr(value)
        if "e" not in text:
            return text
        mantissa, power = text.split("e")
        return rf"{mantissa} \cdot 10^{{{int(power)}}}"

    def number(self, value: Any) -> Text:
        found = super().number(value)
        return found._replace(level=min(found.level, PRODUCT)) if "cdot" in found.text else found

    def symbol(self, name: str) -> Text:
        base, _, index = name.partition("_")
        if base in GREEK and base != "omicron":
            base = "\\" + base
        elif len(base) > 1:
            letters = base.rstrip("0123456789")
            if len(letters) == 1 and not index:
                base, index = letters, base[1:]
            else:
                base = rf"\mathrm{{{escaped(base)}}}"
        index = escaped(index)
        return Text(f"{base}_{{{index}}}" if index else base, ATOM)

    def negated(self, x: Text) -> Text:
        if x.is_product and not x.is_negative:
            return Text("-" + x.text, PRODUCT, True, True)
        return Text("-" + bracketed_latex(x, ATOM if x.is_negative else SIGN), SIGN, True)

    def added(self, a: Text, b: Text) -> Text:
        return self.with_brackets(super().added, a, b)

    def subtracted(self, a: Text, b: Text) -> Text:
        return self.with_brackets(super().subtracted, a, b)

    def with_brackets(self, rule: Any, a: Text, b: Text) -> Text:
        found = rule(a, b)
        if b.level < SUM + 1 and f"({b.text})" in found.text:
            found = found._replace(text=found.text.replace(f"({b.text})", inside(b.text)))
        return found

    def multiplied(self, a: Text, b: Text) -> Text:
        left = bracketed_latex(a, PRODUCT)
        right = bracketed_latex(b, PRODUCT + (not b.is_product))
        mark = r" \cdot " if right[0].isdigit() or right[0] == "-" else " "
        return product(f"{left}{mark}{right}", a, left)

    def divided(self, a: Text, b: Text) -> Text:
        if a.is_negative and a.level >= PRODUCT and a.text[0] == "-":
            return Text(rf"-\frac{{{a.text[1:]}}}{{{b.text}}}", PRODUCT, True, True)
        return Text(rf"\frac{{{a.text}}}{{{b.text}}}", PRODUCT, False, True)

    def raised(self, a: Text, b: Text) -> Text:
        return Text(f"{bracketed_latex(a, ATOM)}^{{{b.text}}}", POWER)

    def operated(self, sign: str, level: int, a: Text, b: Text) -> Text:
        signs = {"<=": r"\le", ">=": r"\ge", "!=": r"\ne", "==": "=", "%": r"\bmod", "@": r"\,",
                 "//": r"\mathbin{//}", "<<": r"\ll", ">>": r"\gg", "&": r"\land", "|": r"\lor",
                 "^": r"\oplus"}  # fmt: skip
        return super().operated(signs.get(sign, sign), level, a, b)

    def called(self, name: str, inputs: Sequence[Text], options: Sequence[str] = ()) -> Text:
        if name == "sqrt" and not options:
            return Text(rf"\sqrt{{{inputs[0].text}}}", ATOM)
        if name == "exp":
            return Text(f"e^{{{inputs[0].text}}}", POWER)
        if name == "abs":
            return Text(rf"\left|{inputs[0].text}\right|", ATOM)
        if name == "linalg.norm" and not options:
            return Text(rf"\left\lVert {inputs[0].text} \right\rVert", ATOM)
        known = "\\" + name if name in LATEX_FUNCTIONS else rf"\operatorname{{{escaped(name)}}}"
        arguments = ", ".join([*[x.text for x in inputs], *map(escaped, options)])
        return Text(known + inside(arguments), ATOM)

    def indexed(self, x: Text, key: str) -> Text:
        return Text(f"{bracketed_latex(x, ATOM)}_{{{key}}}", ATOM)

    def array(self, value: np.ndarray) -> str:
        if value.ndim > 2 or value.size > 36:
            return rf"\mathrm{{array}}{inside(', '.join(map(str, value.shape)))}"
        rows = [
            " & ".join([self.value(np.asarray(x)).text for x in r]) for r in np.atleast_2d(value)
        ]
        return r"\begin{bmatrix}" + r" \\ ".join(rows) + r"\end{bmatrix}"

    def joined(self, lines: Sequence[tuple[str, str]], last: str) -> str:
        if not lines:
            return last
        rows = [f"{self.symbol(name).text} &= {text}" for name, text in lines]
        return r"\begin{aligned}" + r" \\ ".join([*rows, "& " + last]) + r"\end{aligned}"


def inside(text: str) -> str:
    """A text in LaTeX's parentheses."""
    return rf"\left({text}\right)"


def bracketed_latex(x: Text, level: int) -> str:
    return x.text if x.level >= level else inside(x.text)


def escaped(text: str) -> str:
    """A text whose marks LaTeX takes for letters."""
    for mark in "_%#&$":
        text = text.replace(mark, "\\" + mark)
    return text


# ----------------------------------------------------------------------------------------- the walk


def show(expression: Expression, kind: type[Style]) -> str:
    """The text of an expression in a style."""
    function, symbols = expression.closed()
    free = [name_of(n) for n in symbols]
    style = kind(free, all(n.dtype.kind == "f" for n in symbols))
    names = dict(zip(function.inputs, free, strict=True))
    shared = repeated(function.order) if length_of(function) > LONG else set()
    texts: dict[Node, Text] = {}
    lines: list[tuple[str, str]] = []
    for node in function.order:
        if node in names:
            texts[node] = style.symbol(names[node])
            continue
        text = written(style, node, [texts[x] for x in node.inputs])
        if node in shared and node is not function.outputs[0]:
            name = fresh_name(len(lines) + 1, style.names)
            lines.append((name, text.text))
            text = style.symbol(name)
        texts[node] = text
    return style.joined(lines, texts[function.outputs[0]].text)


def fresh_name(k: int, taken: set[str]) -> str:
    """A name for a part: `t1`, or `t1_` where a symbol has that name."""
    name = f"t{k}"
    while name in taken:
        name += "_"
    return name


def length_of(function: Any) -> int:
    """About how long the text would be without named parts."""
    found: dict[Node, int] = {}
    for node in function.order:
        found[node] = min(1 << 40, 4 + sum([found[x] for x in node.inputs]))
    return found[function.outputs[0]]


def repeated(order: Sequence[Node]) -> set[Node]:
    """The nodes that are used more than once and are worth a name."""
    uses: dict[Node, int] = {}
    for node in order:
        for x in node.inputs:
            uses[x] = uses.get(x, 0) + 1
    plain = ("input", "constant", "item", *SILENT)
    found = set()
    for node, count in uses.items():
        if count < 2 or node.primitive.name in plain:
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
    if name in SILENT or (name == "convert" and is_silent(node)):
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
    hidden = ("singular",) if name == "inv" else ()
    options = [f"{key}={option(v)}" for key, v in parameters.items() if key not in hidden]
    return style.called(RENAMED.get(name, name), inputs, options)


def is_silent(node: Node) -> bool:
    """A conversion that changes no value: from a float, or a truth value, to a wider float."""
    before = node.inputs[0].dtype
    return before == node.dtype


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


def option(value: Any) -> str:
    """A static parameter."""
    if isinstance(value, np.dtype):
        return repr(value.name)
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


LAYOUTS = {
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
