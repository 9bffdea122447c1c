"""Taylor mode: power series through a graph, coefficient by coefficient.

Enters: nodes in order, the directions in which some of them move, and the values that the rules
read.  Leaves: the coefficients of the rest.  The idea: a series is computed as far as it is asked
for.  Sums and linear operations act on each coefficient, products and multilinear operations
convolve.  Every other elementwise operation z = f(u) follows from z' = f'(u) u': the declared
partial derivative is itself a program over u and z, whose series is computed by the same rules, one
coefficient behind; an operation with a declared tangent rule likewise, the rule being applied to
the series of u'.  No primitive declares a rule for series of its own; quotients, solutions of
linear equations, powers and sinc have one in the table `ARITHMETIC`, which is cheaper or more
accurate.

Equal operations on equal series are one series.  So the partial derivative of sin, cos, leads back
to sin, and a finite set of series determines all coefficients: the cost is quadratic in the order.
Where each derivative is a new function (Bessel and polygamma functions) there is one more series
for each order, a coefficient shorter: the cost is cubic.

Operations with bodies fill in the table `STRUCTURAL`: calls here, loops and branches in
`series_of_loops`.

Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapter 13.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..base.dtypes import Type, is_inexact, type_of
from ..base.errors import DifferentiationError, GraphError, TracingError, message
from ..graph import op
from ..graph.function import Function, bits
from ..graph.node import Node, ancestors, input_node
from ..graph.primitive import Jvp, Linear, Multilinear, Partials, Primitive, Zero
from .linearize import Look, fit, zeros_like_type

IDENTITIES = frozenset(["variable", "named", "recompute"])  # of their first operand
SMALL = 64  # bytes up to which equal arrays are found to be equal
GAUSS = 40  # places of the quadrature for sinc


class NoSeries(DifferentiationError):
    """An operation through which series are not computed."""


class Series:
    """A power series in one parameter; coefficients are computed when they are asked for.

    `begin` computes the first coefficient where `start` was not given; `rule(k)` gives coefficient
    k >= 1 from earlier ones of this series and from those up to k of its inputs.  None stands for a
    zero.
    """

    __slots__ = ("begin", "higher", "negative", "rule", "start", "type")

    def __init__(self, kind: Type, start: Any = None, begin: Callable | None = None) -> None:
        self.type = kind
        self.start = start
        self.begin = begin
        self.higher: list[Any] = []
        self.rule: Callable[[int], Any] = lambda k: None
        self.negative: Series | None = None  # the series whose negative it is

    def coefficient(self, k: int) -> Any:
        """The coefficient of order k; None is a zero (the first one is never None)."""
        if k == 0:
            if self.start is None:
                if self.begin is None:
                    raise GraphError("a series read a value that was not kept")
                self.start = self.begin()
            return self.start
        known = self.higher
        while len(known) < k:
            known.append(self.rule(len(known) + 1))
        return known[k - 1]


def expand(
    order: Sequence[Node], given: Mapping[Node, Sequence[Any]], look: Look, degree: int
) -> dict[Node, list[Any]]:
    """The coefficients 1 to `degree` of every node of `order` that depends on those given, whose
    coefficients from the first on are known (zero after the last one)."""
    expansion = Expansion(degree)
    image: dict[Node, Any] = {}
    for node in order:
        values, output = look(node)
        start = None if output is node else output
        if node in given:
            series = image[node] = Series(Type(node.shape, node.dtype, node.weak), start)
            series.higher.extend(given[node])
            continue
        inputs = [
            known(image.get(x) if type(x) is Node else None, not_kept(x) if v is x else v)
            for x, v in zip(node.inputs, values, strict=True)
        ]
        if node.primitive.name == "item":
            found = inputs[0][node.parameters["index"]] if type(inputs[0]) is tuple else None
        elif any(type(x) is Series for x in inputs):
            kind = node.dtype if type(node.dtype) is tuple else type_of(node)
            found = expansion.operation(node.primitive, inputs, node.parameters, kind, output)
        else:
            continue
        if type(found) is Series and found.start is None:
            found.start = start
        if found is not None:
            image[node] = found
            ask(found, degree)  # in order, so that no chain of operations is walked recursively
    return {
        node: [x.coefficient(k) for k in range(1, degree + 1)]
        for node, x in image.items()
        if type(x) is Series
    }


def not_kept(x: Any) -> Any:
    """What stands for a value that was not kept, its type; anything but a node is a value."""
    return Type(x.shape, x.dtype, x.weak) if type(x) is Node else x


def ask(found: Any, degree: int) -> None:
    """Compute the coefficients of a series."""
    if type(found) is Series:
        for k in range(1, degree + 1):
            found.coefficient(k)


def known(series: Any, value: Any) -> Any:
    """What stands for an input: its series, which gets its first coefficient; or its value, or the
    type of one that was not kept."""
    if type(series) is Series and series.start is None and type(value) is not Type:
        series.start = value
    return value if series is None or (type(value) is not Type and is_value(series)) else series


def is_value(x: Any) -> bool:
    """Whether what stands for a node is neither a series nor several."""
    return type(x) is not Series and type(x) is not tuple


class Expansion:
    """The series of one expansion; equal operations give the same one."""

    def __init__(self, degree: int) -> None:
        self.degree: int | None = degree  # of all series; None inside a rule, where some end before
        self.table: dict[Any, Any] = {}
        self.kept: list[Any] = []  # what the keys name by identity

    def operation(
        self,
        primitive: Primitive,
        inputs: Sequence[Any],
        parameters: dict[str, Any],
        kind: Any,
        start: Any = None,
    ) -> Any:
        """The series of an operation's output (a tuple of several), or its value if it is constant.

        `kind` is the output's type or a tuple of types, `start` its value where that is known.
        """
        name = primitive.name
        moves = any(type(x) is Series for x in inputs)
        if moves and name in STRUCTURAL:
            return STRUCTURAL[name](self, primitive, inputs, parameters)
        form = primitive.form(any(type_of_input(x).dtype.kind == "c" for x in inputs))
        kinds = (kind,) if isinstance(kind, Type) else kind
        if not moves or isinstance(form, Zero) or not any(is_inexact(t.dtype) for t in kinds):
            return start if start is not None else begun(primitive, inputs, parameters)
        if name in IDENTITIES:
            return inputs[0]
        if name == "neg" and inputs[0].negative is not None:
            return inputs[0].negative
        key = self.key(primitive, inputs, parameters, kinds)
        found = None if key is None else self.table.get(key)
        if found is None:
            found = self.fresh(primitive, form, inputs, parameters, kind)
            if key is not None:
                self.table[key] = found
        return found

    def key(
        self, primitive: Primitive, inputs: Sequence[Any], parameters: Any, kinds: tuple
    ) -> Any:
        """What equal operations on equal series have in common; None where values are not known."""
        parts: list[Any] = []
        for x in inputs:
            if type(x) in (Series, Node) or (isinstance(x, np.ndarray) and x.nbytes > SMALL):
                self.kept.append(x)
                parts.append(("identity", id(x)))
            elif isinstance(x, Type):
                return None
            else:
                self.kept.append(x)
                parts.append(bits(x))
        found = primitive.name, tuple(parts), bits(parameters), kinds
        try:
            hash(found)
        except TypeError:
            return None
        return found

    def fresh(
        self, primitive: Primitive, form: Any, inputs: Sequence[Any], parameters: Any, kind: Any
    ) -> Any:
        """A new series of an operation's output."""
        if type(form) not in RULES:
            raise refused(primitive, getattr(form, "reason", ""))
        begin = lambda: begun(primitive, inputs, parameters)
        if not isinstance(kind, Type):
            return self.fresh_several(primitive, form, inputs, parameters, kind, begin)
        series = Series(kind, begin=begin)
        if primitive.name == "neg":
            series.negative = inputs[0]
        make = ARITHMETIC.get(primitive.name) or RULES[type(form)]
        series.rule = make(self, primitive, form, inputs, parameters, series)
        return series

    def fresh_several(
        self,
        primitive: Primitive,
        form: Any,
        inputs: Sequence[Any],
        parameters: Any,
        kinds: Sequence[Type],
        begin: Callable,
    ) -> tuple:
        """The series of an operation with several outputs."""
        if type(form) is not Jvp:
            raise refused(primitive, getattr(form, "reason", "it has several outputs"))
        several = tuple([Series(t) for t in kinds])
        for i, series in enumerate(several):
            series.begin = lambda i=i: begin()[i]
        slopes: list[Any] = []

        def rule_of(i: int) -> Callable:
            def rule(k: int) -> Any:
                if not slopes:
                    slopes.extend(self.slopes(form, inputs, parameters, several))
                return over_order(at(slopes[i], k - 1), k, several[i].type)

            return rule

        for i, series in enumerate(several):
            if is_inexact(series.type.dtype):
                series.rule = rule_of(i)
        return several

    def slopes(self, form: Jvp, inputs: Sequence[Any], parameters: Any, output: Any) -> Any:
        """The series of z', which the tangent rule gives for the series u and u'."""
        image: dict[Node, Any] = {}

        def bare(series: Series) -> Node:
            node = input_node(series.type)
            image[node] = series
            return node

        primals = [bare(x) if type(x) is Series else x for x in inputs]
        tangents = [bare(self.slope(x)) if type(x) is Series else None for x in inputs]
        y = tuple([bare(x) for x in output]) if type(output) is tuple else bare(output)
        found = form.rule(primals, tangents, y, **parameters)
        if type(output) is tuple:
            return [self.over(x, image) for x in found]
        return self.over(found, image)

    def slope(self, series: Series) -> Series:
        """The series of the derivative: its coefficient k is (k + 1) times coefficient k + 1."""
        key = "slope", id(series)
        found = self.table.get(key)
        if found is None:
            self.kept.append(series)

            def scaled(k: int) -> Any:
                c = series.coefficient(k + 1)
                return None if c is None else (k + 1) * c

            def first() -> Any:
                c = series.coefficient(1)
                return zeros_like_type(series.type) if c is None else c

            found = self.table[key] = Series(series.type, begin=first)
            found.rule = scaled
        return found

    def partials(self, form: Partials, inputs: Sequence[Any], output: Series) -> list[tuple]:
        """(u, f'(u)) for each input that moves: a series, or a constant."""
        image: dict[Node, Any] = {}
        given: list[Any] = []
        for x in inputs:
            if type(x) is Series:
                node = input_node(x.type)
                image[node] = x
                given.append(node)
            else:
                given.append(x)
        y = input_node(output.type)
        image[y] = output
        found = []
        for x, partial in zip(inputs, form.partials, strict=True):
            if type(x) is Series and partial is not None:
                slope = partial(*given, y) if callable(partial) else partial
                found.append((x, self.over(slope, image)))
        return found

    def over(self, result: Any, image: dict[Node, Any]) -> Any:
        """The series of a small graph over nodes that are known, made after them; a value if it is
        constant."""
        if not isinstance(result, Node):
            return result
        with self.inside_a_rule():
            for node in ancestors([result], min(n.serial for n in image)):
                if node not in image:
                    self.place(node, image)
        return image.get(result, result)

    @contextmanager
    def inside_a_rule(self) -> Iterator[None]:
        """While the series that a rule reads are made: coefficients wait until they are asked
        for."""
        degree, self.degree = self.degree, None
        try:
            yield
        finally:
            self.degree = degree

    def place(self, node: Node, image: dict[Node, Any]) -> None:
        """Put in what stands for a node of a graph, its inputs being known."""
        name, parameters = node.primitive.name, node.parameters
        if name == "constant":
            image[node] = parameters["value"]
        elif name == "item":
            image[node] = image[node.inputs[0]][parameters["index"]]
        else:
            inputs = [image.get(x, x) for x in node.inputs]
            kind = node.dtype if type(node.dtype) is tuple else type_of(node)
            image[node] = self.operation(node.primitive, inputs, parameters, kind)

    def called(self, function: Function, inputs: Sequence[Any]) -> tuple:
        """The series of a called graph's outputs."""
        image: dict[Node, Any] = dict(zip(function.inputs, inputs, strict=True))
        for node in function.order:
            if node not in image:
                self.place(node, image)
                if self.degree is not None:
                    ask(image[node], self.degree)
        return tuple([image[x] for x in function.outputs])


# ------------------------------------------------------------------------------------------- rules


def by_partials(
    expansion: Expansion,
    _primitive: Primitive,
    form: Partials,
    inputs: Any,
    _p: Any,
    output: Series,
) -> Callable:
    """k z_k = sum over j of j u_j f'(u)_(k-j), for each input u that moves."""
    terms: list[tuple] = []

    def rule(k: int) -> Any:
        if not terms:
            terms.extend(expansion.partials(form, inputs, output))
        total = None
        for u, slope in terms:
            if type(slope) is not Series:
                total = plus(total, times(u.coefficient(k), slope))
                continue
            part = None
            for j in range(1, k + 1):
                a = u.coefficient(j)
                if a is not None:
                    term = times(a, slope.coefficient(k - j))
                    part = plus(part, term if j == 1 or term is None else j * term)
            total = plus(total, part if part is None or k == 1 else part / k)
        return None if total is None else fit(total, output.type)

    return rule


def by_product(
    _e: Expansion, _primitive: Primitive, _form: Any, inputs: Any, _p: Any, output: Series
) -> Callable:
    """z = a b: a convolution."""
    a, b = inputs

    def rule(k: int) -> Any:
        if type(a) is not Series or type(b) is not Series:
            found = times(at(a, k), b) if type(a) is Series else times(a, at(b, k))
        else:
            found = None
            for j in range(k + 1):
                if (j == 0 or a.coefficient(j) is not None) and (
                    j == k or b.coefficient(k - j) is not None
                ):
                    found = plus(found, times(a.coefficient(j), b.coefficient(k - j)))
        return None if found is None else fit(found, output.type)

    return rule


def by_solving(divisor_place: int, product: Callable) -> Callable:
    """The rule of z with d z = n, a quotient or the solution of equations: what is known of the
    product's coefficient goes to the other side."""

    def made(
        _e: Expansion, primitive: Primitive, _form: Any, inputs: Any, parameters: Any,
        output: Series,
    ) -> Callable:  # fmt: skip
        divisor, numerator = inputs[divisor_place], inputs[1 - divisor_place]

        def rule(k: int) -> Any:
            right = at(numerator, k)
            for j in range(1, k + 1) if type(divisor) is Series else ():
                d, z = divisor.coefficient(j), output.coefficient(k - j)
                if d is not None and z is not None:
                    term = product(d, z)
                    right = -term if right is None else right - term
            if right is None:
                return None
            parts = [right, right]
            parts[divisor_place] = at(divisor, 0)
            return fit(op.apply(primitive, tuple(parts), parameters), output.type)

        return rule

    return made


def by_power(
    expansion: Expansion, primitive: Primitive, form: Partials, inputs: Any, parameters: Any,
    output: Series,
) -> Callable:  # fmt: skip
    """z' = z (p log u)', where u has a logarithm and z is no polynomial; else by the partial
    derivatives, whose powers are new functions."""
    u, p = inputs
    if not is_analytic(at(u, 0), p):
        return by_partials(expansion, primitive, form, inputs, parameters, output)
    slope: list[Any] = []

    def make(name: str, *operands: Any) -> Any:
        return expansion.operation(op.registry[name], operands, {}, output.type)

    def rule(k: int) -> Any:
        if not slope:
            terms = []
            if type(u) is Series:
                terms.append(make("mul", p, make("div", expansion.slope(u), u)))
            if type(p) is Series:
                terms.append(make("mul", expansion.slope(p), make("log", u)))
            slope.append(make("mul", output, terms[0] if len(terms) == 1 else make("add", *terms)))
        return over_order(at(slope[0], k - 1), k, output.type)

    return rule


def is_analytic(base: Any, exponent: Any) -> bool:
    """Whether all bases are known not to be 0 nor infinite, and an exponent is no natural number
    (whose power is a polynomial, which ends; not so where an outer derivative moves it)."""
    base = plainly(base)
    if base is None or not (np.isfinite(base) & (base != 0)).all():
        return False
    p = None if isinstance(exponent, (Series, op.Traced)) else plainly(exponent)
    return p is None or not bool(((p == np.trunc(p.real)) & (p.real >= 0)).all())


def by_mean(
    expansion: Expansion, primitive: Primitive, form: Partials, inputs: Any, parameters: Any,
    output: Series,
) -> Callable:  # fmt: skip
    """sinc near 0, whose partial derivative divides by u: the mean of cos(pi u s) over s in [0, 1],
    by Gauss's rule, which is exact here up to rounding; elsewhere by the partial derivative."""
    (u,) = inputs
    base = plainly(at(u, 0))
    if base is None or not (np.abs(base) < 1).all():
        return by_partials(expansion, primitive, form, inputs, parameters, output)
    roots, weights = np.polynomial.legendre.leggauss(GAUSS)
    shape, dtype = u.type.shape, u.type.dtype
    places = (np.pi * (roots + 1) / 2).astype(dtype)
    narrow, wide = Type((*shape, 1), dtype), Type((*shape, GAUSS), dtype)
    terms = expansion.operation(op.registry["reshape"], [u], {"shape": narrow.shape}, narrow)
    for name, operands in (("mul", [places]), ("cos", []), ("mul", [(weights / 2).astype(dtype)])):
        terms = expansion.operation(op.registry[name], [terms, *operands], {}, wide)

    def rule(k: int) -> Any:
        c = terms.coefficient(k)
        return None if c is None else fit(op.sum(c, axes=(len(shape),)), output.type)

    return rule


def plainly(x: Any) -> Any:
    """The value behind handles where it is known, as an array; None where it is not."""
    while isinstance(x, op.Traced):
        held = x.known()
        if held is x:
            return None
        x = held
    return None if type(x) is Type else np.asarray(x)


def by_linear(
    _e: Expansion, primitive: Primitive, form: Linear, inputs: Any, parameters: Any, output: Series
) -> Callable:
    """The operation on each coefficient; what it is not linear in (a mask, places) has no
    derivative, and counts with its value."""

    def rule(k: int) -> Any:
        parts = list(inputs)
        moves = False
        for i, x in enumerate(inputs):
            if form.is_linear_in(i):
                c = x.coefficient(k) if type(x) is Series else None
                moves = moves or c is not None
                parts[i] = zeros_like_type(type_of_input(x)) if c is None else c
            else:
                parts[i] = at(x, 0)
        return fit(op.apply(primitive, tuple(parts), parameters), output.type) if moves else None

    return rule


def by_multilinear(
    _e: Expansion, primitive: Primitive, _form: Any, inputs: Any, parameters: Any, output: Series
) -> Callable:
    """A convolution over all inputs that move."""
    places = [i for i, x in enumerate(inputs) if type(x) is Series]

    def terms(parts: list[Any], place: int, rest: int) -> Any:
        """The sum over the ways to share `rest` among the inputs from `place` on."""
        i = places[place]
        if place == len(places) - 1:
            c = inputs[i].coefficient(rest)
            if c is None:
                return None
            return op.apply(primitive, (*parts[:i], c, *parts[i + 1 :]), parameters)
        total = None
        for j in range(rest + 1):
            c = inputs[i].coefficient(j)
            if c is not None:
                parts[i] = c
                total = plus(total, terms(parts, place + 1, rest - j))
        return total

    def rule(k: int) -> Any:
        found = terms(list(inputs), 0, k)
        return None if found is None else fit(found, output.type)

    return rule


def by_tangent_rule(
    expansion: Expansion, _primitive: Primitive, form: Jvp, inputs: Any, parameters: Any,
    output: Series,
) -> Callable:  # fmt: skip
    """k z_k = (z')_(k-1), where the tangent rule gives z' for the series u and u'."""
    slope: list[Any] = []

    def rule(k: int) -> Any:
        if not slope:
            slope.append(expansion.slopes(form, inputs, parameters, output))
        return over_order(at(slope[0], k - 1), k, output.type)

    return rule


RULES: dict[type, Callable] = {
    Partials: by_partials,
    Linear: by_linear,
    Multilinear: by_multilinear,
    Jvp: by_tangent_rule,
}
ARITHMETIC: dict[str, Callable] = {
    "mul": by_product,
    "pow": by_power,
    "sinc": by_mean,
    "div": by_solving(1, lambda d, z: d * z),
    "solve": by_solving(0, lambda d, z: op.matmul(d, z)),
}


def by_call(expansion: Expansion, _primitive: Primitive, inputs: Any, parameters: Any) -> tuple:
    """The series of the body's outputs."""
    return expansion.called(parameters["function"], inputs)


def by_users_rule(
    expansion: Expansion, primitive: Primitive, inputs: Sequence[Any], parameters: dict[str, Any]
) -> tuple:
    """As an operation with a tangent rule: the user's rule is recorded as a graph over u and u'."""
    rule = parameters["rule"]
    key = None
    if rule.identity is not None:
        key = expansion.key(primitive, inputs, {"rule": rule.identity}, ())
        if key in expansion.table:
            return expansion.table[key]
    values = begun(primitive, inputs, parameters)
    types = [type_of(y) for y in values]
    slopes: list[Any] = []

    def rule_of(i: int) -> Callable:
        def coefficient(k: int) -> Any:
            if not slopes:
                try:
                    function, captured = rule.graph([at(x, 0) for x in inputs], types)
                except TracingError as error:
                    raise refused(primitive, "its rule asks for values") from error
                moving = [
                    expansion.slope(x)
                    if type(x) is Series
                    else zeros_like_type(Type(*type_of_input(x)))
                    for x in inputs
                ]
                with expansion.inside_a_rule():
                    slopes.extend(expansion.called(function, [*inputs, *moving, *captured]))
            return over_order(at(slopes[i], k - 1), k, types[i])

        return coefficient

    found: list[Any] = []
    for i, (y, t) in enumerate(zip(values, types, strict=True)):
        if is_inexact(t.dtype):
            found.append(Series(t, y))
            found[-1].rule = rule_of(i)
        else:
            found.append(y)
    if key is not None:
        expansion.table[key] = tuple(found)
    return tuple(found)


# (expansion, primitive, inputs, parameters) -> series or values of the outputs
STRUCTURAL: dict[str, Callable] = {
    "call": by_call,
    "checkpoint": by_call,
    "custom": by_users_rule,
}

# ----------------------------------------------------------------------------------------- helpers


def at(x: Any, k: int) -> Any:
    """Coefficient k of a series or of a constant."""
    if type(x) is Series:
        return x.coefficient(k)
    return x if k == 0 else None


def plus(a: Any, b: Any) -> Any:
    """a + b, None being zero."""
    if a is None or b is None:
        return b if a is None else a
    return a + b


def times(a: Any, b: Any) -> Any:
    """a * b, None being zero."""
    return None if a is None or b is None else a * b


def over_order(slope: Any, k: int, kind: Type) -> Any:
    """z_k from (z')_(k-1)."""
    return None if slope is None else fit(slope if k == 1 else slope / k, kind)


def begun(primitive: Primitive, inputs: Sequence[Any], parameters: dict[str, Any]) -> Any:
    """The first coefficient of an operation's output."""
    values = tuple([at(x, 0) for x in inputs])
    if any(type(x) is Type for x in values):
        raise GraphError(f"a series read a value that was not kept ({primitive.name})")
    return op.apply(primitive, values, parameters)


def type_of_input(x: Any) -> Type:
    """The type of a series, a value, or what stands for one."""
    return x.type if type(x) is Series else type_of(x)


def refused(primitive: Primitive, reason: str) -> NoSeries:
    """The error for an operation through which series are not computed."""
    name = {"custom": "a function with a derivative of the user's own"}.get(
        primitive.name, primitive.name
    )
    return NoSeries(
        message(
            f"there are no Taylor series through {name} ({reason})",
            expected="operations with a declared derivative",
            instead="`ad.derivative(f, n)`, which nests first derivatives where it must",
            operation=primitive.name,
        )
    )
