"""Expressions: formulas as values.

Enters: symbols, numbers and arrays, and NumPy's functions and operators on them.  Leaves: an
`Expression`, a node of the one graph, that is evaluated, differentiated, substituted into, printed
and compiled.  The idea: an expression is a handle like those of `grad` and `jit`, whose operations
build nodes; what works on traced values works on it, and its derivative is the walk of
`transform/` over its graph.

A symbol is an `input` node with a name; two symbols of one name and type are the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...base.dtypes import WEAK, Type, readable, type_of
from ...base.errors import DifferentiationError, ShapeError, TracingError, message, user_position
from ...graph import op
from ...graph.function import Function, close
from ...graph.node import Node, build, constant
from ...graph.op import Traced
from ...graph.primitive import Primitive
from ..compiled import jitted
from ..operands import stand_in
from ..trace import Tensor
from . import derivatives
from .handle import Unknown
from .structure import (
    Packed,
    digest_of,
    is_elementwise,
    name_of,
    packed,
    shorter_layout,
    united,
    unpacked,
)
from .tidy import tidy
from .values import USUAL, given_for, is_one, known


class Expression(Unknown):
    """A formula: a node of an expression graph, immutable.

    NumPy's functions, Python's operators, indexing and methods give expressions again.  `==` is
    NumPy's, element by element; `same` compares structure, as the hash does (so a dictionary or a
    list finds an expression by the object itself only).  As a function it
    takes values for its symbols, in their order or by name; so the transforms take it
    (`ad.grad(f)(3.0, 4.0)`).  Expressions can be copied and pickled.

    >>> import adjoint as ad
    >>> x, y = ad.symbols("x y")
    >>> f = x**2 * y + y + 2
    >>> f
    x**2*y + y + 2
    >>> f(x=3, y=4), f.diff(x).evaluate(x=3.0, y=4.0)
    (42, 24.0)
    """

    __slots__ = ("accepts", "alias", "digest", "graph", "node")
    level = -1  # every other handle takes an expression for a value

    def __init__(self, node: Node, accepts: Mapping[str, Node] | None = None) -> None:
        self.alias = None
        self.node = node
        # Symbols of what it was made from: a value for them is no mistake.
        self.accepts: Mapping[str, Node] = accepts or {}
        self.graph: tuple[Function, tuple[Node, ...]] | None = None
        self.digest: bytes = b""

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        return self.node.shape

    @property
    def dtype(self) -> np.dtype:  # type: ignore[override]
        return self.node.dtype

    @property
    def weak(self) -> bool:  # type: ignore[override]
        return self.node.weak

    # ------------------------------------------------------------------------------- as a handle

    def process(self, primitive: Primitive, inputs: tuple, parameters: dict[str, Any]) -> Any:
        """Build the node of an operation; what is no expression is a constant.

        A factor that is the number 1 is left out, and so is a layout that changes nothing: no bit
        changes, and derivatives are full of them.
        """
        if primitive.name == "mul":
            for one, other in (inputs, inputs[::-1]):
                if is_one(one) and type(other) is Expression and other.dtype.kind == "f":
                    if type(one) in WEAK or one.dtype == other.dtype:
                        return other
        usual = all(x.dtype in USUAL for x in inputs if type(x) is Expression)
        nodes = tuple([node_of(x, usual) for x in inputs])
        made = build(primitive, nodes, parameters, user_position(2))
        if type(made.dtype) is not tuple:
            return Expression(shorter_layout(made))
        item = op.registry["item"]
        count = range(len(made.dtype))
        return tuple([Expression(build(item, (made,), {"index": i})) for i in count])

    def concrete(self, what: str) -> Any:
        raise TracingError(
            message(
                f"{what} was asked of the expression {short(self)}, whose value is not known",
                expected="operations that give an expression, not branches on its value",
                instead="`np.where(condition, a, b)` for a branch, `e.same(f)` to compare "
                "structure, `e.evaluate(x=...)` for a value",
                operation=what,
            )
        )

    def no_number(self, asked: str) -> TracingError:
        return TracingError(
            message(
                f"the expression {short(self)} was asked for a plain number",
                expected=f"NumPy's functions: `{asked}()` and Python's `math` module take numbers",
                instead="`e.evaluate(x=...)` for a value; `np.sin(x)` for `math.sin(x)`",
                operation=asked,
            )
        )

    def held(self) -> Any:
        """An example of its type, for what asks for no more than that."""
        return stand_in(type_of(self), bool(self.shape))

    def hold(self, value: Any) -> None:
        """Nothing is held."""

    def twin(self) -> Any:
        return self

    def shown(self) -> Any:
        return str(self)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TracingError(
            message(
                f"the expression {short(self)} was to become a plain array",
                expected="functions that take expressions (NumPy's functions and operators)",
                instead="`np.stack([...])` for `np.array([...])`, `e.evaluate(x=...)` for a value",
            )
        )

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TracingError(
            message(
                f"an element of the expression {short(self)} was written; expressions do not "
                "change",
                expected="an expression that is made as a whole",
                instead="`np.where(mask, a, b)`, `np.concatenate`, `np.stack`; or "
                "`ad.expression(f)` of a function that writes into its own arrays",
                operation="item assignment",
            )
        )

    __iadd__ = Tensor.__add__  # type: ignore[assignment]
    __isub__ = Tensor.__sub__  # type: ignore[assignment]
    __imul__ = Tensor.__mul__  # type: ignore[assignment]
    __itruediv__ = Tensor.__truediv__  # type: ignore[assignment]
    __ifloordiv__ = Tensor.__floordiv__  # type: ignore[assignment]
    __imod__ = Tensor.__mod__  # type: ignore[assignment]
    __ipow__ = Tensor.__pow__  # type: ignore[assignment]

    def __copy__(self) -> Expression:
        return self

    def __deepcopy__(self, memory: dict) -> Expression:
        return self

    def __reduce__(self) -> Any:
        accepts = {name: type_of(n) for name, n in self.accepts.items()}
        return restored, (packed(self.function), self.free, accepts)

    # -------------------------------------------------------------------------------- structure

    def closed(self) -> tuple[Function, tuple[Node, ...]]:
        """The closed graph, and the nodes of its symbols in the order of its inputs."""
        if self.graph is None:
            node, known = united(self.node)
            function, _ = close(known, [node], "expression")
            self.graph = function, known
        return self.graph

    @property
    def symbols(self) -> tuple[Expression, ...]:
        """The symbols that it depends on, in the order in which they were made."""
        return tuple([Expression(n) for n in self.closed()[1]])

    @property
    def free(self) -> tuple[str, ...]:
        """The names of its symbols."""
        return tuple([name_of(n) for n in self.closed()[1]])

    @property
    def function(self) -> Function:
        """The closed graph; its inputs are the symbols in their order."""
        return self.closed()[0]

    @property
    def is_symbol(self) -> bool:
        """Whether it is a symbol by itself."""
        return self.node.primitive.name == "input"

    def structure(self) -> bytes:
        """What expressions of equal structure have in common."""
        if not self.digest:
            self.digest = digest_of(self.function, self.free)
        return self.digest

    def same(self, other: Any) -> bool:
        """Whether another expression (or number) has the same structure: the same operations on
        the same symbols and constants, in the same order.

        >>> import adjoint as ad
        >>> x, y = ad.symbols("x y")
        >>> (x + y).same(x + y), (x + y).same(y + x)
        (True, False)
        """
        return self.structure() == as_expression(other).structure()

    def __hash__(self) -> int:
        return int.from_bytes(self.structure()[:7], "big")

    # ------------------------------------------------------------------------------- evaluation

    def evaluate(self, values: Mapping[Any, Any] | None = None, /, **named: Any) -> Any:
        """The value, with a value for each symbol.

        Args:
            values: a dictionary of values by symbol or by name, for names that are no identifiers.
            named: values by name: numbers, arrays of the symbol's shape, expressions, duals,
                intervals, and whatever else is traced.  An elementwise expression of numbers takes
                arrays, too, which broadcast.

        A derivative, and what was simplified, takes values for all symbols of the expression that
        it was made from.

        Raises:
            TypeError: a symbol has no value or two, a name is no symbol of the expression, or a
                value is no number.
            ShapeError: an array does not have its symbol's shape.

        >>> import adjoint as ad, numpy as np
        >>> x, y = ad.symbols("x y")
        >>> (x * y + 1).evaluate(x=np.array([1.0, 2.0]), y=3.0)
        array([4., 7.])
        """
        return self.at(merged(values, named, "evaluate"), "evaluate")

    def __call__(self, *values: Any, **named: Any) -> Any:
        """`evaluate`, with values for the symbols in their order, by name, or in a dictionary."""
        if len(values) == 1 and isinstance(values[0], Mapping):
            return self.evaluate(values[0], **named)
        return self.at(self.in_order(values, named, "a call"), "a call")

    def at(self, values: dict[str, Any], operation: str) -> Any:
        """The value at values by name."""
        function, known = self.closed()
        given = self.given(values, operation)
        inputs = []
        for node in known:
            name = name_of(node)
            value = given_for(name, given[name], operation)
            shape = type_of(value).shape
            if shape != node.shape and not (node.shape == () and is_elementwise(function)):
                raise ShapeError(
                    message(
                        f"the symbol {name} has the shape {node.shape}, and got a value "
                        f"of the shape {shape}",
                        expected="a value of the symbol's shape (arrays stand for numbers in "
                        "elementwise expressions only)",
                        instead=f"`ad.symbols({name!r}, shape={shape})`",
                        operation=operation,
                    )
                )
            inputs.append(value)
        with np.errstate(all="ignore"):
            found = function.evaluate(*inputs)[0]
        return np.array(found) if type(found) is np.ndarray else found

    def in_order(
        self, values: Sequence[Any], named: dict[str, Any], operation: str
    ) -> dict[str, Any]:
        """Values by name, from those in the order of the symbols and those by name."""
        names = self.free
        given = dict(zip(names, values, strict=False)) | named
        if len(values) > len(names) or len(values) + len(named) > len(given):
            raise TypeError(
                message(
                    f"{short(self)} got {len(values) + len(named)} values",
                    expected=f"values for its symbols: {', '.join(names) or 'none'}",
                    operation=operation,
                )
            )
        return given

    def given(self, values: dict[str, Any], operation: str) -> dict[str, Any]:
        """Values by name, one for each symbol and no more."""
        names = self.free
        shown = ", ".join(names) or "none"
        unknown = [n for n in values if n not in names and n not in self.accepts]
        missing = [n for n in names if n not in values]
        if unknown:
            raise TypeError(
                message(
                    f"{short(self)} has no symbol {unknown[0]!r}",
                    expected=f"values for its symbols: {shown}",
                    operation=operation,
                )
            )
        if missing:
            raise TypeError(
                message(
                    f"{short(self)} got no value for {', '.join(missing)}",
                    expected=f"values for its symbols: {shown}",
                    instead=f"`e.evaluate({', '.join(f'{n}=...' for n in names)})`"
                    if all(n.isidentifier() for n in names)
                    else f"`e.evaluate({{{', '.join(f'{n!r}: ...' for n in names)}}})`",
                    operation=operation,
                )
            )
        return {n: values[n] for n in names}

    def substitute(self, values: Mapping[Any, Any] | None = None, /, **named: Any) -> Expression:
        """The expression with other expressions, or numbers, in the place of symbols, all at once.

        Args:
            values: a dictionary from symbols (or names) to what replaces them, of their shapes
                (an elementwise expression of numbers takes arrays, too).
            named: what replaces symbols, by name.

        Raises:
            TypeError: a key is no symbol of the expression.
            ShapeError: a replacement does not have its symbol's shape.

        >>> import adjoint as ad
        >>> x, y = ad.symbols("x y")
        >>> (x**2 + y).substitute({x: y + 1, y: 3})
        (y + 1)**2 + 3
        """
        given = merged(values, named, "substitute")
        rest = {name_of(n): Expression(n) for n in self.closed()[1]}
        return as_expression(self.at({**rest, **given}, "substitute"))

    def jit(self) -> Any:
        """The expression as native code: a function of its symbols, in their order or by name.

        >>> import adjoint as ad
        >>> x, y = ad.symbols("x y")
        >>> fast = (x**2 * y + y + 2).jit()
        >>> fast(3.0, 4.0), fast(y=4.0, x=3.0)
        (42.0, 42.0)
        """
        function, names = self.function, self.free

        def expression(*values: Any, **named: Any) -> Any:
            given = self.given(self.in_order(values, named, "jit"), "jit")
            return function.evaluate(*given.values())[0]

        if all(n.isidentifier() for n in names):
            kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
            expression.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
                [inspect.Parameter(n, kind) for n in names]
            )
        expression.__doc__ = str(self)
        return jitted(expression)

    # ------------------------------------------------------------------------------ derivatives

    def diff(self, *symbols: Any) -> Expression:
        """The derivative by symbols, one after the other; a number behind a symbol repeats it.

        `e.diff(x)`, `e.diff(x, 2)`, `e.diff(x, y)`.  The shape is that of the expression, followed
        by that of the symbol.  By a number: by forward mode.  By an array: the gradient of a
        number, by reverse mode; the Jacobian of an array, by forward mode along every element at
        once.  The rules are those of `grad`; zeros and ones that they leave behind are removed.
        For complex symbols it is the complex derivative where there is one.

        Raises:
            TypeError: what came is no symbol, or an order no whole number.
            DifferentiationError: a symbol that is no float.

        >>> import adjoint as ad, numpy as np
        >>> x, y = ad.symbols("x y")
        >>> np.sin(x**2).diff(x)
        2*x*cos(x**2)
        >>> (x**2 * y).diff(x, y)
        2*x
        >>> v = ad.symbols("v", shape=(2,))
        >>> (v**2).diff(v).evaluate(v=np.array([3.0, 5.0]))
        array([[ 6.,  0.],
               [ 0., 10.]])
        """
        if not symbols:
            raise TypeError(message("diff got no symbol", instead="`e.diff(x)`", operation="diff"))
        found: Expression = self
        before: Expression = self
        last: Expression | None = None
        for x in symbols:
            if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
                if last is None or x < 0:
                    raise TypeError(
                        message(
                            f"diff got the order {x} without a symbol before it"
                            if last is None
                            else f"diff got the order {x}",
                            expected="a symbol, then how often (a whole number, 0 or more)",
                            instead="`e.diff(x, 2)`",
                            operation="diff",
                        )
                    )
                for _ in range(int(x) - 1):
                    found = found.by(last)
                if x == 0:
                    found = before
                last = None
                continue
            last, before = self.symbol(x), found
            found = found.by(last)
        return found

    def symbol(self, x: Any) -> Expression:
        """A symbol to differentiate by: one that is given, or one of the expression's by name."""
        if isinstance(x, str):
            found = {name_of(n): n for n in self.closed()[1]}.get(x, self.accepts.get(x))
            x = x if found is None else Expression(found)
        if not isinstance(x, Expression) or not x.is_symbol:
            raise TypeError(
                message(
                    f"{short(self)} was to be differentiated by "
                    f"{short(x) if isinstance(x, Expression) else repr(x)}",
                    expected="a symbol of the expression",
                    instead="`e.diff(x)` with `x = ad.symbols('x')`",
                    operation="diff",
                )
            )
        if x.dtype.kind not in "fc":
            raise DifferentiationError(
                message(
                    f"{short(self)} was to be differentiated by {x}, of dtype {x.dtype}",
                    expected="a symbol of floats",
                    instead=f"`ad.symbols({str(x)!r})`",
                    operation="diff",
                )
            )
        return x

    def by(self, x: Expression) -> Expression:
        """The derivative by one symbol."""
        name = name_of(x.node)
        if name not in self.free:
            return self.like(0.0, self.shape + x.shape)
        if x.shape and not self.shape:
            return self.gradient(x)[0]
        function, known = self.closed()
        place = self.free.index(name)
        derivative = derivatives.jacobian if x.shape else derivatives.by_number
        found = derivative(function, [Expression(n) for n in known], place)
        return self.like(0.0 if found is None else found, self.shape + x.shape)

    def gradient(self, *symbols: Any) -> tuple[Expression, ...]:
        """The derivatives of a number by several symbols (all of them where none is given), by one
        walk of reverse mode.

        Raises:
            DifferentiationError: the expression is an array.

        >>> import adjoint as ad
        >>> x, y = ad.symbols("x y")
        >>> (x**2 * y + y + 2).gradient()
        (y*(2*x), 1 + x**2)
        """
        chosen = [self.symbol(x) for x in symbols] if symbols else list(self.symbols)
        if self.shape:
            raise DifferentiationError(
                message(
                    f"the expression {short(self)} is an array, {readable(self)}",
                    expected="one number",
                    instead="`.sum()` of it, or `e.diff(x)` by one number at a time",
                    operation="gradient",
                )
            )
        function, known = self.closed()
        found = derivatives.gradient(function, [Expression(n) for n in known])
        by = dict(zip(self.free, found, strict=True))
        result = []
        for x in chosen:
            value = by.get(name_of(x.node))
            result.append(self.like(0.0 if value is None else value, x.shape))
        return tuple(result)

    def hessian(self, *symbols: Any) -> tuple[tuple[Expression, ...], ...]:
        """The second derivatives of a number by several symbols (all where none is given): a row
        for each, and in it a block for each, of the shapes of both.

        Raises:
            DifferentiationError: the expression is an array.

        >>> import adjoint as ad
        >>> x, y = ad.symbols("x y")
        >>> (x**2 * y + y + 2).hessian()
        ((2*y, 2*x), (2*x, 0))
        """
        chosen = [self.symbol(x) for x in symbols] if symbols else list(self.symbols)
        return tuple([tuple([g.by(x) for x in chosen]) for g in self.gradient(*chosen)])

    def like(self, value: Any, shape: tuple[int, ...]) -> Expression:
        """A derivative as an expression of this shape, without the zeros and ones of its making."""
        if type_of(value).shape != shape:
            value = op.broadcast_to(value, shape=shape)
        return Expression(tidied(as_expression(value)).node, self.accepted())

    def accepted(self) -> dict[str, Node]:
        """The symbols for which what is made from this takes a value."""
        return {**self.accepts, **{name_of(n): n for n in self.closed()[1]}}

    # ---------------------------------------------------------------------- what others implement

    def simplify(self) -> Expression:
        """The expression in a normal form, by the rules of `ad.symbolic.RULES`.

        Sums and products are flattened, like terms and powers collected, constants folded, and
        put in a fixed order; identities of functions are applied where they hold.  The value is
        the same, up to rounding, wherever all parts of the original are finite (where one is not,
        it may be another: x/x is 1, and the sign of a zero is not kept).  An expression whose
        normal form would be very long, since it shares parts that it would not, stays as it is.

        >>> import adjoint as ad
        >>> x, y = ad.symbols("x y")
        >>> (x * y + y * x - 2 + 3 * x * y + 4).simplify()
        5*x*y + 2
        """
        return Expression(SIMPLIFIER[0](self).node, self.accepted())

    def __str__(self) -> str:
        return PRINTERS["python"](self)

    __repr__ = __str__

    def pretty(self) -> str:
        """The expression in Unicode.

        >>> import adjoint as ad
        >>> x, y = ad.symbols("x y")
        >>> (x**2 * y + y + 2).pretty()
        'x²y + y + 2'
        """
        return PRINTERS["unicode"](self)

    def latex(self) -> str:
        r"""The expression in LaTeX, without dollar signs.

        >>> import adjoint as ad
        >>> x, y = ad.symbols("x y")
        >>> print((x**2 / y).latex())
        \frac{x^{2}}{y}
        """
        return PRINTERS["latex"](self)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    def to_sympy(self, real: bool = False) -> Any:
        """The expression in SymPy (an optional package), its symbols `sympy.Symbol("x")`, ...

        Args:
            real: make them `sympy.Symbol("x", real=True)`, ..., with which SymPy simplifies more
                (`sqrt(x**2)`, the derivative of `abs(x)`). These are other symbols: SymPy's
                derivative by a plain `sympy.Symbol("x")` is 0 then.

        Raises:
            TypeError: an operation has no counterpart there (arrays have none).
        """
        return CONVERTERS["sympy"](self, real)


# The files that follow fill these: the methods are theirs.
SIMPLIFIER: list[Any] = []
PRINTERS: dict[str, Any] = {}
CONVERTERS: dict[str, Any] = {}

# ------------------------------------------------------------------------------------------- parts


def short(expression: Any) -> str:
    """An expression's text for a message."""
    text = " ".join(str(expression).split())
    return f"`{text}`" if len(text) <= 60 else f"`{text[:57]}...`"


def symbol(name: str, t: Type) -> Expression:
    """The symbol of a name and type."""
    node = Node(op.registry["input"], (), {"name": name}, t.shape, t.dtype, t.weak)
    node.root = node.serial
    return Expression(node)


def restored(graph: Packed, names: Sequence[str], accepts: Mapping[str, Type]) -> Expression:
    """The expression that was pickled as plain data."""
    symbols = [symbol(name, t).node for name, t in zip(names, graph.inputs, strict=True)]
    (node,) = unpacked(graph, symbols)
    return Expression(node, {name: symbol(name, t).node for name, t in accepts.items()})


def node_of(x: Any, usual: bool = True) -> Node:
    """The node of an input of an operation."""
    if type(x) is Expression:
        return x.node
    if isinstance(x, Node):
        return x
    if isinstance(x, Traced):
        raise TracingError(
            message(
                f"a traced value ({readable(x)}) became a part of an expression",
                expected="numbers, arrays and expressions in a formula",
                instead="a symbol in its place, and the value by `e.evaluate(x=...)`",
            )
        )
    return constant(known(x) if usual or not isinstance(x, np.generic) else x)


def as_expression(x: Any) -> Expression:
    """An expression itself; a number or array as a constant expression."""
    return x if type(x) is Expression else Expression(node_of(x))


def merged(values: Any, named: dict[str, Any], operation: str) -> dict[str, Any]:
    """Values by name, from a dictionary by symbol or name and from keywords."""
    if values is not None and not isinstance(values, Mapping):
        raise TypeError(
            message(
                f"{operation} got a {type(values).__name__}",
                expected="values by name, or a dictionary by symbol or name",
                instead="`e.evaluate(x=3.0)`, `e.evaluate({x: 3.0})`, `e(3.0)`",
                operation=operation,
            )
        )
    found: dict[str, Any] = {}
    for key, value in [*(values or {}).items(), *named.items()]:
        if isinstance(key, Expression) and key.is_symbol:
            key = name_of(key.node)
        if not isinstance(key, str):
            raise TypeError(
                message(
                    "a value was given for "
                    f"{short(key) if isinstance(key, Expression) else repr(key)}",
                    expected="symbols, or their names, as keys",
                    instead="`{x: value}` with `x = ad.symbols('x')`",
                    operation=operation,
                )
            )
        if key in found:
            raise TypeError(
                message(
                    f"two values were given for the symbol {key}",
                    expected="one value for each symbol",
                    operation=operation,
                )
            )
        found[key] = value
    return found


def rebuilt(function: Function, symbols: Sequence[Expression]) -> Expression:
    """The expression of a closed graph of these symbols."""
    return as_expression(function.evaluate(*symbols)[0])


def tidied(expression: Expression) -> Expression:
    """Without the zeros, ones and needless conversions that differentiation leaves behind."""
    function = expression.function
    better = tidy(function)
    return expression if better is function else rebuilt(better, expression.symbols)
