"""The three styles in which a formula is written: Python, Unicode, LaTeX.

Enters: texts of operands, with how strongly each binds.  Leaves: the text of an operation on them,
with the parentheses that the order of operations needs and no more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ...graph.function import bits

# How strongly a text binds, from the weakest on.
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


class Style:
    """How one of the three styles writes the parts of a formula."""

    name = "python"
    signs: ClassVar[dict[str, str]] = {}  # operators that are written otherwise than in Python

    def __init__(self, names: Sequence[str], is_float: bool) -> None:
        self.names = set(names)
        self.is_float = is_float  # whether whole floats may be written as integers

    # ---------------------------------------------------------------------------------- numbers

    def number(self, value: Any) -> Text:
        """A Python number."""
        if type(value) is complex:
            return self.complex(value)
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

    def complex(self, value: complex) -> Text:
        """A complex number, such that Python's arithmetic gives its zeros the same signs."""
        real, imag = value.real, value.imag
        if bits(value) == bits(-complex(0.0, -imag)) and np.isfinite(imag):
            return Text(f"-{-imag!r}j".replace(".0j", "j"), SIGN, True)
        if not np.isfinite(value) or any(x == 0 and np.signbit(x) for x in (real, imag)):
            return Text(f"complex({real!r}, {imag!r})", ATOM)
        if real == 0:
            return Text(f"(0{value!r})" if imag < 0 else repr(value), ATOM)
        return Text(repr(value), ATOM)

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
        if isinstance(value, (bool, np.bool_)):
            return Text(repr(bool(value)), ATOM)
        if isinstance(value, np.generic):
            return self.generic(value)
        if isinstance(value, (int, float, complex)):
            return self.number(value)
        if value.ndim == 0:
            return self.value(value[()])
        return Text(self.array(value), ATOM)

    def generic(self, value: np.generic) -> Text:
        """A NumPy number, with its dtype."""
        item = value.item()
        inside = f"{str(value)!r}" if isinstance(item, np.generic) else self.number(item).text
        return Text(f"{value.dtype.type.__name__}({inside})", ATOM)

    def array(self, value: np.ndarray) -> str:
        """An array with its dtype, where that does not follow from its elements."""
        is_usual = value.dtype in (np.dtype(float), np.dtype(int), bool, np.dtype(complex))
        ending = "" if is_usual else f", dtype={value.dtype.name!r}"
        made = "" if value.dtype == np.dtype(float) else f", dtype={value.dtype.name!r}"
        first = value.reshape(-1)[0] if value.size else np.zeros((), value.dtype)[()]
        if value.size != 1 and bits(value) == bits(np.full(value.shape, first)):
            if bits(first) == bits(value.dtype.type(0)):
                return f"zeros({value.shape}{made})"
            if bits(first) == bits(value.dtype.type(1)):
                return f"ones({value.shape}{made})"
            if value.size > 3:
                return f"full({value.shape}, {self.element(first)}{made})"
        unit = np.eye(*value.shape, dtype=value.dtype) if value.ndim == 2 else None
        if value.size > 1 and bits(value) == bits(unit):
            extents = value.shape[:1] if value.shape[0] == value.shape[1] else value.shape
            return f"eye({', '.join(map(str, extents))}{made})"
        listed = np.array2string(
            value, separator=", ", threshold=20, edgeitems=2, max_line_width=1 << 20,
            formatter={"all": self.element},
        ).replace("\n", "")  # fmt: skip
        return f"array({listed}{ending})"

    def element(self, value: Any) -> str:
        """An element of an array, to be converted to the array's dtype."""
        if isinstance(value, np.bool_):
            return repr(bool(value))
        if isinstance(value, np.floating):
            short = str(value)  # the fewest digits that tell it from its neighbours
            return short if bits(type(value)(float(short))) == bits(value) else repr(float(value))
        return self.complex(complex(value)).text if value.dtype.kind == "c" else repr(int(value))

    # -------------------------------------------------------------------------------- operations

    def symbol(self, name: str) -> Text:
        return Text(name, ATOM)

    def bracket(self, x: Text, level: int) -> str:
        """A text that binds at least so strongly."""
        return x.text if x.level >= level else self.parentheses(x.text)

    def parentheses(self, text: str) -> str:
        return f"({text})"

    def negated(self, x: Text) -> Text:
        if x.is_negative:
            return Text(f"-({x.text})", SIGN, True)
        if x.is_product:
            return Text("-" + x.text, PRODUCT, True, True, x.is_short)
        return Text("-" + self.bracket(x, SIGN), SIGN, True, False, x.is_short)

    def added(self, a: Text, b: Text) -> Text:
        """a + b; a sign in front of b becomes that of the sum."""
        right = self.bracket(b, self.right(SUM))
        if b.is_negative and right.startswith("-"):
            return Text(f"{self.bracket(a, SUM)} - {right[1:]}", SUM, a.is_negative)
        return Text(f"{self.bracket(a, SUM)} + {right}", SUM, a.is_negative)

    def subtracted(self, a: Text, b: Text) -> Text:
        right = self.bracket(b, SUM + 1)
        if b.is_negative and right.startswith("-"):
            return Text(f"{self.bracket(a, SUM)} + {right[1:]}", SUM, a.is_negative)
        return Text(f"{self.bracket(a, SUM)} - {right}", SUM, a.is_negative)

    def right(self, level: int) -> int:
        """How strongly the right operand of a sum or product must bind to stand without
        parentheses: in Python the grouping is kept, since rounding depends on it."""
        return level + 1

    def multiplied(self, a: Text, b: Text) -> Text:
        left, right = self.bracket(a, PRODUCT), self.bracket(b, PRODUCT + 1)
        return product(f"{left}*{right}", a, left)

    def divided(self, a: Text, b: Text) -> Text:
        left = self.bracket(a, PRODUCT)
        return product(f"{left}/{self.bracket(b, PRODUCT + 1)}", a, left)

    def raised(self, a: Text, b: Text) -> Text:
        return Text(f"{self.bracket(a, ATOM)}**{self.bracket(b, SIGN)}", POWER)

    def operated(self, sign: str, level: int, a: Text, b: Text) -> Text:
        left = level + (level == COMPARISON)
        around = f" {self.signs.get(sign, sign)} "
        return Text(f"{self.bracket(a, left)}{around}{self.bracket(b, level + 1)}", level)

    def called(self, name: str, inputs: Sequence[Text], options: Sequence[str] = ()) -> Text:
        return Text(f"{name}({', '.join([*[x.text for x in inputs], *options])})", ATOM)

    def indexed(self, x: Text, key: str) -> Text:
        return Text(f"{self.bracket(x, ATOM)}[{key}]", ATOM)

    def mapping(self, names: Sequence[str], text: str) -> str:
        """A function: the body of a loop."""
        return f"lambda {', '.join(names)}: {text}"

    def joined(self, lines: Sequence[tuple[str, str]], last: str) -> str:
        """The whole text: the named parts, then the formula."""
        return "\n".join([*[f"{name} = {text}" for name, text in lines], last])


def product(text: str, a: Text, left: str) -> Text:
    """A product whose first factor is `a`, written as `left`."""
    is_negative = a.is_negative and left[0] == "-"
    return Text(text, PRODUCT, is_negative, a.level != PRODUCT or a.is_product)


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


class Written(Style):
    """What the two styles for readers have in common: neither grouping nor dtype is shown."""

    def right(self, level: int) -> int:
        return level

    def generic(self, value: np.generic) -> Text:
        item = value.item()
        if isinstance(item, float):  # in the digits that its precision has
            return self.number(float(str(value)))
        return self.number(item if isinstance(item, (int, float, complex)) else float(item))

    def operated(self, sign: str, level: int, a: Text, b: Text) -> Text:
        """A remainder is bracketed beside products and sums, since few know how it binds."""
        if sign == "%":
            inputs = [Text(self.bracket(x, POWER), ATOM) for x in (a, b)]
            return super().operated(sign, level, *inputs)._replace(level=COMPARISON)
        return super().operated(sign, level, a, b)

    def complex(self, value: complex) -> Text:
        real, imag = [int(x) if x.is_integer() else x for x in (value.real, value.imag)]
        one = Text("i", ATOM, False, False, True)
        turned = one if abs(imag) == 1 else self.multiplied(self.number(abs(imag)), one)
        if real == 0 and imag:
            return self.negated(turned) if imag < 0 else turned
        join = self.subtracted if imag < 0 else self.added
        return join(self.number(real), turned)


class Unicode(Written):
    """Formulas as one writes them: x²y + y + 2."""

    name = "unicode"
    signs: ClassVar = {"<=": "≤", ">=": "≥", "!=": "≠", "==": "="}

    def constant(self, name: str) -> str:
        return {"pi": "π"}.get(name, name)

    def symbol(self, name: str) -> Text:
        text = GREEK.get(name, name)
        return Text(text, ATOM, False, False, len(text) == 1)

    def number(self, value: Any) -> Text:
        found = super().number(value)
        plain = found.text.lstrip("-")
        if "e-" in plain or "e+" in plain:
            return found._replace(level=min(found.level, PRODUCT))
        return found._replace(is_short=plain.replace(".", "").isdigit() or plain == "π")

    def multiplied(self, a: Text, b: Text) -> Text:
        left, right = self.bracket(a, PRODUCT), self.bracket(b, PRODUCT + (not b.is_product))
        is_number = left.lstrip("-").replace(".", "").isdigit()
        is_side = (right[0].isalpha() or right[0] in "√|(") if is_number else b.is_short
        is_short = a.is_short and is_side and not right[0].isdigit() and right[0] != "-"
        found = product(f"{left}{'' if is_short else '·'}{right}", a, left)
        return found._replace(is_short=is_short and b.is_short)

    def raised(self, a: Text, b: Text) -> Text:
        exponent = b.text
        if exponent.lstrip("-").isdigit():
            text = self.bracket(a, ATOM) + exponent.translate(SUPERSCRIPTS)
            return Text(text, POWER, False, False, a.is_short and a.level == ATOM)
        inside = exponent if b.level == ATOM else f"({exponent})"
        return Text(f"{self.bracket(a, ATOM)}^{inside}", POWER)

    def mapping(self, names: Sequence[str], text: str) -> str:
        return f"({', '.join(names)} ↦ {text})"

    def called(self, name: str, inputs: Sequence[Text], options: Sequence[str] = ()) -> Text:
        if name == "sqrt" and not options:
            inside = inputs[0].text
            return Text(f"√{inside}" if len(inside) == 1 else f"√({inside})", ATOM)
        if name == "abs":
            return Text(f"|{inputs[0].text}|", ATOM)
        return super().called(name, inputs, options)


class Latex(Written):
    """LaTeX, for notebooks."""

    name = "latex"
    signs: ClassVar = {
        "<=": r"\leq", ">=": r"\geq", "!=": r"\neq", "==": "=", "%": r"\bmod", "@": r"\,",
        "<<": r"\ll", ">>": r"\gg", "&": r"\land", "|": r"\lor", "^": r"\oplus",
    }  # fmt: skip

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
        return Text("-" + self.bracket(x, ATOM if x.is_negative else SIGN), SIGN, True)

    def parentheses(self, text: str) -> str:
        return inside(text)

    def multiplied(self, a: Text, b: Text) -> Text:
        left = self.bracket(a, PRODUCT)
        right = self.bracket(b, PRODUCT + (not b.is_product))
        mark = r" \cdot " if right[0].isdigit() or right[0] == "-" else " "
        return product(f"{left}{mark}{right}", a, left)

    def divided(self, a: Text, b: Text) -> Text:
        if a.is_negative and a.level >= PRODUCT and a.text[0] == "-":
            return Text(rf"-\frac{{{a.text[1:]}}}{{{b.text}}}", PRODUCT, True, True)
        return Text(rf"\frac{{{a.text}}}{{{b.text}}}", PRODUCT, False, True)

    def raised(self, a: Text, b: Text) -> Text:
        return Text(f"{self.bracket(a, ATOM)}^{{{b.text}}}", POWER)

    def operated(self, sign: str, level: int, a: Text, b: Text) -> Text:
        if sign == "//":
            return self.called("floor", [self.divided(a, b)])
        return super().operated(sign, level, a, b)

    def mapping(self, names: Sequence[str], text: str) -> str:
        return inside(rf"{', '.join([self.symbol(n).text for n in names])} \mapsto {text}")

    def called(self, name: str, inputs: Sequence[Text], options: Sequence[str] = ()) -> Text:
        if name == "sqrt" and not options:
            return Text(rf"\sqrt{{{inputs[0].text}}}", ATOM)
        if name == "exp":
            return Text(f"e^{{{inputs[0].text}}}", POWER)
        if name == "abs":
            return Text(rf"\left|{inputs[0].text}\right|", ATOM)
        if name in ("floor", "ceil") and not options:
            return Text(rf"\left\l{name} {inputs[0].text} \right\r{name}", ATOM)
        if name == "where" and not options:
            mask, a, b = [x.text for x in inputs]
            rows = rf"{a} & \text{{if }} {mask} \\ {b} & \text{{otherwise}}"
            return Text(rf"\begin{{cases}}{rows}\end{{cases}}", COMPARISON)
        if name == "linalg.norm" and not options:
            return Text(rf"\left\lVert {inputs[0].text} \right\rVert", ATOM)
        known = "\\" + name if name in LATEX_FUNCTIONS else rf"\operatorname{{{escaped(name)}}}"
        arguments = ", ".join([*[x.text for x in inputs], *map(escaped, options)])
        return Text(known + inside(arguments), ATOM)

    def indexed(self, x: Text, key: str) -> Text:
        return Text(f"{self.bracket(x, ATOM)}_{{{key}}}", ATOM)

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


def escaped(text: str) -> str:
    """A text whose marks LaTeX takes for letters."""
    for mark in "_%#&$":
        text = text.replace(mark, "\\" + mark)
    return text
