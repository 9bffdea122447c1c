"""Printer and parser of closed graphs: what is printed is read back to the same graph, bit for bit.

Enters: a `Function` (`show`) or its text (`parse`).  Leaves: the other one.  One line is one node,
with its type and its static parameters as literals; the bodies of calls are printed before the
graph that uses them, and referred to as `@0`, `@1`, ...

    f(%0: float64[3], %1: float64[]~) {
      %2: float64[3] = mul %0, %1
      %3: float64[] = sum %2, axes=(0,)
      return %3
    }

`~` marks a weak type (a Python scalar).  Source positions are not kept.
"""

from __future__ import annotations

import ast
import math
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..base.dtypes import Type
from ..base.errors import GraphError
from . import op
from .check import declared, inferred, types_text
from .function import Function, bits
from .node import Node, input_node

# ------------------------------------------------------------------------------------------ printer


def show(function: Function) -> str:
    """The text of a closed graph; a parameter that has no literal is shown as `opaque('...')`,
    which `parse` refuses."""
    bodies: dict[Function, int] = {}
    for one in bodies_first(function):
        if one is not function:
            bodies[one] = len(bodies)
    parts = [f"@{label} = {show_one(one, bodies)}" for one, label in bodies.items()]
    return "\n".join([*parts, show_one(function, bodies)])


def bodies_first(function: Function) -> list[Function]:
    """The graph and all bodies in it, each after those that it uses."""
    found: dict[Function, None] = {}
    stack = [(function, False)]
    while stack:
        one, is_ready = stack.pop()
        if is_ready:
            found.setdefault(one)
        elif one not in found:
            stack.append((one, True))
            for node in reversed(one.order):
                stack.extend(
                    (v, False) for v in node.parameters.values() if isinstance(v, Function)
                )
    return list(found)


def show_one(function: Function, bodies: dict[Function, int]) -> str:
    """The text of one graph, its bodies by their labels."""
    names = {node: f"%{i}" for i, node in enumerate(function.order)}
    given = ", ".join(f"{names[n]}: {show_type(n)}" for n in function.inputs)
    lines = [f"{show_name(function.name)}({given}) {{"]
    for node in function.order:
        if node.primitive.name == "input":
            continue
        arguments = [names[x] for x in node.inputs]
        arguments += [f"{key}={show_value(v, bodies)}" for key, v in node.parameters.items()]
        line = f"  {names[node]}: {show_type(node)} = {node.primitive.name} {', '.join(arguments)}"
        lines.append(line.rstrip())
    results = ", ".join(names[n] for n in function.outputs)
    return "\n".join([*lines, f"  return {results}".rstrip(), "}"])


def show_name(name: str) -> str:
    """A graph's name, quoted where it is no identifier."""
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else repr(name)


def show_type(node: Any) -> str:
    """`float64[2,3]`, `float64[]~`, or `(float64[3], int64[])` for several outputs."""
    if isinstance(node.dtype, tuple):
        return "(" + ", ".join(show_type(t) for t in node.dtype) + ")"
    inside = ",".join(map(str, node.shape))
    return f"{dtype_name(np.dtype(node.dtype))}[{inside}]" + ("~" if node.weak else "")


def dtype_name(dtype: np.dtype) -> str:
    """A name from which NumPy makes the same dtype."""
    try:
        return dtype.name if np.dtype(dtype.name) == dtype else dtype.str
    except TypeError:
        return dtype.str


def show_value(value: Any, bodies: dict[Function, int]) -> str:
    """A static parameter as a literal."""
    if isinstance(value, Function):
        return f"@{bodies[value]}"
    if value is None or type(value) in (bool, int, str) or value is Ellipsis:
        return "..." if value is Ellipsis else repr(value)
    if type(value) is float:
        return show_float(value)
    if type(value) is complex:
        return f"complex({show_float(value.real)}, {show_float(value.imag)})"
    if isinstance(value, Type):
        shape, dtype = show_value(tuple(value.shape), bodies), dtype_name(value.dtype)
        return f"Type({shape}, '{dtype}', {value.weak})"
    if type(value) in (tuple, list):
        inside = ", ".join(show_value(v, bodies) for v in value)
        return f"[{inside}]" if type(value) is list else f"({inside}{',' * (len(value) == 1)})"
    if type(value) is dict:
        inside = ", ".join(
            f"{show_value(k, bodies)}: {show_value(v, bodies)}" for k, v in value.items()
        )
        return "{" + inside + "}"
    if type(value) is slice:
        inside = ", ".join(show_value(v, bodies) for v in (value.start, value.stop, value.step))
        return f"slice({inside})"
    if isinstance(value, np.dtype) and not value.hasobject:
        return f"dtype('{dtype_name(value)}')"
    if isinstance(value, type) and issubclass(value, (np.generic, bool, int, float, complex)):
        return f"kind('{value.__name__}')"
    if type(value) is np.ndarray and not value.dtype.hasobject:
        return show_array(value)
    if isinstance(value, np.generic) and not value.dtype.hasobject:
        return show_scalar(value)
    return f"opaque({object_name(value)!r})"


def object_name(value: Any) -> str:
    """What an object without a literal is called."""
    return f"{type(value).__name__} {getattr(value, '__qualname__', '')}".strip()


def show_float(value: float) -> str:
    """A float that is read back bit for bit; an unusual NaN by its bits."""
    if math.isnan(value) and struct.pack("<d", value) != struct.pack("<d", math.nan):
        return f"float_bits(0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016x})"
    return repr(value)


READABLE = 16  # elements up to which an array is printed as numbers


def show_scalar(value: np.generic) -> str:
    """A NumPy scalar as `scalar('float64', 2.0)`, or by its bytes where the number would not be
    read back bit for bit."""
    return f"scalar('{dtype_name(value.dtype)}', {elements(value)})"


def show_array(value: np.ndarray) -> str:
    """An array as `array('float64', (2,), [1.0, 2.0])`, or by its bytes."""
    shape = show_value(tuple(value.shape), {})
    return f"array('{dtype_name(value.dtype)}', {shape}, {elements(value)})"


def elements(value: Any) -> str:
    """The elements as nested numbers where they are few and come back bit for bit, the bytes in
    hexadecimal otherwise."""
    plain = value.dtype.kind in "biufc" and value.dtype.char not in "gG"  # no Python number is long
    if plain and value.size <= READABLE:
        listed = value.tolist()
        if bits(np.array(listed, value.dtype).reshape(value.shape)) == bits(np.asarray(value)):
            return show_value(listed, {})
    return repr(value.tobytes().hex())


# ------------------------------------------------------------------------------------------- parser

NAME = r"(?:[A-Za-z_]\w*|'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
HEADER = re.compile(rf"(?:@(?P<label>\d+) = )?(?P<name>{NAME})\((?P<inputs>.*)\) \{{")
LINE = re.compile(
    r"%(?P<number>\d+): (?P<type>\([^)]*\)|\S+) = (?P<primitive>[A-Za-z_]\w*)(?: (?P<rest>.*))?"
)
ARGUMENT = re.compile(r"%(\d+)(?:, |$)")
TYPE = re.compile(r"(?P<dtype>[^\s\[\],()]+)\[(?P<shape>(?:\d+(?:,\d+)*)?)\](?P<weak>~?)")
STRING_OR_LABEL = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|@(\d+)")


def parse(text: str) -> Function:
    """The closed graph of a text; a `GraphError` names the line that is wrong."""
    return Parser(text).parse()


class Parser:
    """The state of one reading: the line, the bodies read so far, the nodes of the graph being
    read."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.number = 0
        self.bodies: dict[str, Function] = {}
        self.nodes: dict[str, Node] = {}

    def fail(self, why: str, error: Exception | None = None) -> NoReturn:
        """Raise with the line's number and text."""
        raise GraphError(
            f"line {self.number}: {why}: {self.lines[self.number - 1].strip()!r}"
        ) from error

    def next_line(self) -> str | None:
        """The next line that is not empty."""
        while self.number < len(self.lines):
            line = self.lines[self.number].strip()
            self.number += 1
            if line:
                return line
        return None

    def parse(self) -> Function:
        """All definitions; the last one, without a label, is the result."""
        while (line := self.next_line()) is not None:
            header = HEADER.fullmatch(line)
            if header is None:
                self.fail("expected a graph, `name(%0: float64[3]) {`")
            function = self.definition(header)
            label = header["label"]
            if label is None:
                if self.next_line() is not None:
                    self.fail("the text goes on behind its last graph")
                return function
            if label in self.bodies:
                self.fail(f"@{label} is defined twice")
            self.bodies[label] = function
        raise GraphError(
            f"line {max(self.number, 1)}: the text ends without a graph that has no label"
        )

    def definition(self, header: re.Match) -> Function:
        """One graph, from its header to its closing brace."""
        name = header["name"]
        self.nodes = {}
        inputs = []
        for piece in split_types(header["inputs"]):
            number, _, t = piece.partition(": ")
            if not re.fullmatch(r"%\d+", number) or number[1:] in self.nodes:
                self.fail(f"{piece!r} is no new input `%0: float64[3]`")
            found = self.types(t)
            if isinstance(found, tuple) and not isinstance(found, Type):
                self.fail("an input has one type")
            node = self.nodes[number[1:]] = input_node(found)
            inputs.append(node)
        while (line := self.next_line()) is not None:
            if line == "return" or line.startswith("return "):
                outputs, rest = self.arguments(line[len("return ") :])
                if rest:
                    self.fail("`return` takes nodes, `return %3, %4`")
                if self.next_line() != "}":
                    self.fail("expected `}` after `return`")
                name = ast.literal_eval(name) if name[0] in "'\"" else name
                return Function(inputs, outputs, list(self.nodes.values()), name)
            self.node(line)
        raise GraphError(f"line {self.number}: the text ends inside {name}, without `return`")

    def node(self, line: str) -> None:
        """One line: a node."""
        match = LINE.fullmatch(line)
        if match is None:
            self.fail("expected a node, `%2: float64[3] = mul %0, %1`")
        number = match["number"]
        if number in self.nodes:
            self.fail(f"%{number} is defined twice")
        primitive = op.registry.get(match["primitive"])
        if primitive is None or primitive.name == "input":
            self.fail(f"no primitive is named {match['primitive']!r}")
        given = self.types(match["type"])
        inputs, rest = self.arguments(match["rest"] or "")
        parameters = self.parameters(rest)
        if isinstance(given, Type):
            node = Node(primitive, tuple(inputs), parameters, given.shape, given.dtype, given.weak)
        else:
            node = Node(primitive, tuple(inputs), parameters, None, given)
        node.root = min([x.root for x in inputs], default=node.root)
        try:
            found = inferred(node, f"%{number}")
        except GraphError as error:
            self.fail(str(error), error)
        if found != declared(node):
            self.fail(f"%{number} has the type {types_text(found)}")
        self.nodes[number] = node

    def arguments(self, text: str) -> tuple[list[Node], str]:
        """The nodes at the head of a list of arguments, and the rest."""
        found, position = [], 0
        while match := ARGUMENT.match(text, position):
            if match[1] not in self.nodes:
                self.fail(f"%{match[1]} is not defined before")
            found.append(self.nodes[match[1]])
            position = match.end()
        return found, text[position:]

    def types(self, text: str) -> Any:
        """A type, or a tuple of them."""
        if text.startswith("("):
            return tuple(self.types(t) for t in split_types(text[1:-1]))
        match = TYPE.fullmatch(text)
        if match is None:
            self.fail(f"{text!r} is no type such as `float64[2,3]`")
        try:
            dtype = np.dtype(match["dtype"])
        except TypeError as error:
            self.fail(f"{match['dtype']!r} is no dtype", error)
        shape = tuple(int(n) for n in match["shape"].split(",") if n)
        return Type(shape, dtype, bool(match["weak"]))

    def parameters(self, text: str) -> dict[str, Any]:
        """The keyword literals of a line."""
        if not text:
            return {}

        def name_label(match: re.Match) -> str:
            return match[0] if match[1] is None else f"body({match[1]})"

        try:
            call = ast.parse(f"f({STRING_OR_LABEL.sub(name_label, text)})", mode="eval").body
        except (SyntaxError, ValueError) as error:
            self.fail(f"{text!r} is no list of parameters `axis=0`", error)
        if not isinstance(call, ast.Call) or call.args or any(k.arg is None for k in call.keywords):
            self.fail(f"{text!r} is no list of parameters `axis=0`")
        found = {}
        for keyword in call.keywords:
            try:
                found[str(keyword.arg)] = self.literal(keyword.value)
            except (ValueError, TypeError, KeyError, AttributeError, struct.error) as error:
                self.fail(f"{keyword.arg}= has no literal that can be read: {error}", error)
        return found

    def literal(self, tree: ast.expr) -> Any:
        """The value of a literal."""
        if isinstance(tree, ast.Constant):
            return tree.value
        if isinstance(tree, ast.Name):
            return {"inf": math.inf, "nan": math.nan}[tree.id]
        if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
            return -self.literal(tree.operand)
        if isinstance(tree, ast.Tuple):
            return tuple(self.literal(x) for x in tree.elts)
        if isinstance(tree, ast.List):
            return [self.literal(x) for x in tree.elts]
        if isinstance(tree, ast.Dict):
            keys = [self.literal(k) for k in tree.keys if k is not None]
            return dict(zip(keys, [self.literal(v) for v in tree.values], strict=True))
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name) and not tree.keywords:
            arguments = [self.literal(x) for x in tree.args]
            if tree.func.id == "body":
                return self.bodies[str(arguments[0])]
            return CONSTRUCTORS[tree.func.id](*arguments)
        raise ValueError(ast.unparse(tree))


def split_types(text: str) -> Sequence[str]:
    """Pieces separated by `, ` (inside a type commas have no space)."""
    return text.split(", ") if text else []


def read_elements(dtype: np.dtype, shape: tuple[int, ...], given: Any) -> np.ndarray:
    """The array of nested numbers or of bytes in hexadecimal."""
    if isinstance(given, str):
        return np.frombuffer(bytearray.fromhex(given), dtype).reshape(shape)
    return np.array(given, dtype).reshape(shape)


def read_opaque(name: str) -> NoReturn:
    raise ValueError(f"{name} stands for an object that text cannot hold")


KINDS = {kind.__name__: kind for kind in (bool, int, float, complex)}

CONSTRUCTORS: dict[str, Callable] = {
    "complex": complex,
    "float_bits": lambda n: struct.unpack("<d", struct.pack("<Q", n))[0],
    "slice": slice,
    "dtype": np.dtype,
    "kind": lambda name: KINDS[name] if name in KINDS else np.dtype(name).type,
    "Type": lambda shape, dtype, weak: Type(shape, np.dtype(dtype), weak),
    "scalar": lambda dtype, given: read_elements(np.dtype(dtype), (), given)[()],
    "array": lambda dtype, shape, given: read_elements(np.dtype(dtype), shape, given),
    "opaque": read_opaque,
}
