"""`custom_derivative`: a function with a derivative of the user's own; one rule serves both modes.

Enters: a function and a rule, either a jvp (tangents to tangent) or a vjp (cotangent to
cotangents).  Leaves: a function that all transforms take.  The idea: the rule's result is linear in
what it is given, so recording it once gives a graph that can be transposed: a jvp rule gives
reverse mode, a vjp rule gives forward mode where its graph is seen to be linear in the cotangent.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

import numpy as np

from ..base import tree
from ..base.dtypes import Type, is_inexact, readable, type_of
from ..base.errors import DifferentiationError, message
from ..graph import op
from ..graph.function import Function
from ..graph.node import Node, next_serial
from ..graph.primitive import Jvp, Linear, Multilinear, Partials, Structural
from .arguments import name_of, returned
from .batch import BatchTensor
from .context import batching, differentiating, on_plain_values, recording_level
from .differentiate import Differentiation
from .operands import has_traced, is_stand_in, stand_in
from .program import Program, Recording, is_number, recorded
from .trace import Tensor


def custom_derivative(
    function: Callable | None = None, *, jvp: Callable | None = None, vjp: Callable | None = None
) -> Any:
    """A function with a derivative of your own; one rule serves both modes.

    Args:
        function: any function of numbers, arrays and containers; it is run on plain values, so it
            may call what cannot be traced.
        jvp: the rule `rule(primals, tangents) -> (output, tangent)`.
        vjp: instead of jvp, the rule `rule(primals, output, cotangent) -> cotangents`.  Either may
            be given later, by the decorators `@f.jvp` and `@f.vjp`.

    Returns:
        a function that all transforms take.  Derivatives of higher order differentiate the rule.

    >>> import adjoint as ad, numpy as np
    >>> @ad.custom_derivative
    ... def softplus(x):
    ...     return np.logaddexp(0.0, x)
    >>> @softplus.jvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return softplus(x), t / (1.0 + np.exp(-x))
    >>> ad.grad(softplus)(0.0)
    0.5
    """
    if function is None:
        return lambda f: custom_derivative(f, jvp=jvp, vjp=vjp)
    if jvp is not None and vjp is not None:
        raise TypeError(
            message(
                "custom_derivative got both a jvp and a vjp rule",
                expected="one rule: it serves both modes",
            )
        )
    custom = CustomDerivative(function)
    custom.jvp_rule, custom.vjp_rule = jvp, vjp
    return custom


class CustomDerivative:
    """A function with a derivative of its own; give the rule by `jvp` or `vjp`."""

    def __init__(self, function: Callable) -> None:
        update_wrapper(self, function, updated=())
        self.function = function
        self.jvp_rule: Callable | None = None
        self.vjp_rule: Callable | None = None

    def jvp(self, rule: Callable) -> Callable:
        """Set the rule `rule(primals, tangents) -> (output, tangent)`; usable as a decorator.

        `primals` and `tangents` are tuples with one entry for each argument; the tangent must be
        linear in the tangents.
        """
        self.jvp_rule, self.vjp_rule = rule, None
        return rule

    def vjp(self, rule: Callable) -> Callable:
        """Set the rule `rule(primals, output, cotangent) -> cotangents`; usable as a decorator.

        The rule gives one cotangent for each argument (a tuple; the bare cotangent where there is
        one argument; None for an argument without derivative).  Forward mode needs the cotangents
        to be visibly linear in the cotangent.
        """
        self.vjp_rule, self.jvp_rule = rule, None
        return rule

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        return lambda *args, **kwargs: self(instance, *args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.jvp_rule is None and self.vjp_rule is None:
            raise DifferentiationError(
                message(
                    f"custom_derivative: {name_of(self)} has no rule",
                    expected="a derivative, given before the first call",
                    instead=f"`@{name_of(self)}.jvp` or `@{name_of(self)}.vjp` over the rule",
                )
            )
        if kwargs:
            bound = inspect.signature(self.function).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
            if kwargs:
                raise TypeError(
                    message(
                        f"custom_derivative: {name_of(self)} got keyword-only arguments "
                        f"{', '.join(kwargs)}",
                        expected="arguments that can be passed by position",
                        instead="`functools.partial` for what is no argument of the derivative",
                    )
                )
        leaves, structure = tree.flatten(args)
        if not has_traced(*leaves):
            return self.function(*args)
        fixed = {k: x for k, x in enumerate(leaves) if not is_number(x)}
        leaves = [x for k, x in enumerate(leaves) if k not in fixed]
        call = Call(self, structure, fixed)
        rule = Rule(
            name_of(self),
            call.run,
            call.tangents if self.jvp_rule is not None else None,
            call.cotangents if self.vjp_rule is not None else None,
            None if fixed else (self, structure, self.jvp_rule, self.vjp_rule),
        )
        outputs = op.apply(op.registry["custom"], tuple(leaves), {"rule": rule})
        return tree.unflatten(call.out_structure, outputs)


class Call:
    """One call of the user's function: function and rules on leaves instead of containers."""

    def __init__(self, custom: CustomDerivative, structure: Any, fixed: dict[int, Any]) -> None:
        self.custom = custom
        self.structure = structure
        self.fixed = fixed  # argument leaves that are no numbers, by place
        self.out_structure: Any = None

    def arguments(self, leaves: Sequence[Any], constants: bool = True) -> Any:
        """The arguments with these leaves, and what is no number between them (or None there)."""
        every = list(leaves)
        for k in sorted(self.fixed):
            every.insert(k, self.fixed[k] if constants else None)
        return tree.unflatten(self.structure, every)

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """The output leaves."""
        if has_traced(*inputs):
            since = next_serial()
            result = self.custom.function(*self.arguments(inputs))
            outputs, self.out_structure = returned(result, since)
            return outputs
        with on_plain_values():
            outputs, self.out_structure = tree.flatten(
                self.custom.function(*self.arguments(inputs))
            )
        return outputs

    def tangents(self, inputs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        """The output leaves' tangents by the user's jvp rule."""
        assert self.custom.jvp_rule is not None
        name = name_of(self.custom)
        result = self.custom.jvp_rule(
            self.arguments(inputs), self.arguments(tangents, constants=False)
        )
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(
                message(
                    f"the jvp rule of {name} returned {type(result).__name__}",
                    expected="a pair (output, tangent)",
                )
            )
        return tree.flatten_like(
            self.out_structure, result[1], f"the tangent from the jvp rule of {name}"
        )

    def cotangents(
        self, inputs: Sequence[Any], outputs: Sequence[Any], given: Sequence[Any]
    ) -> list[Any]:
        """The input leaves' cotangents by the user's vjp rule (None: no derivative)."""
        assert self.custom.vjp_rule is not None
        name = name_of(self.custom)
        primals = self.arguments(inputs)
        result = self.custom.vjp_rule(
            primals,
            tree.unflatten(self.out_structure, outputs),
            tree.unflatten(self.out_structure, given),
        )
        if len(primals) == 1 and not (isinstance(result, tuple) and len(result) == 1):
            result = (result,)
        if not isinstance(result, (tuple, list)) or len(result) != len(primals):
            raise TypeError(
                message(
                    f"the vjp rule of {name} returned {type(result).__name__}",
                    expected=f"a tuple of {len(primals)} cotangents, one for each argument (None: "
                    "no derivative)",
                )
            )
        found: list[Any] = []
        for primal, c in zip(primals, result, strict=True):
            leaves, structure = tree.flatten(primal)
            if c is None:
                found += [None] * len(leaves)
            else:
                found += tree.flatten_like(structure, c, f"a cotangent from the vjp rule of {name}")
        return [x for k, x in enumerate(found) if k not in self.fixed]


class Rule:
    """What the primitive `custom` does: three functions of leaves, of which `jvp` or `vjp` is
    None; equal identities mean equal functions."""

    def __init__(
        self,
        name: str,
        run: Callable,
        jvp: Callable | None,
        vjp: Callable | None,
        identity: Any = None,
    ) -> None:
        self.name = name
        self.identity = identity
        self.run = run
        self.jvp = jvp
        self.vjp = vjp

    def types(self, inputs: Sequence[Any]) -> tuple[Type, ...]:
        """The outputs' types, found by running the function on ones."""
        values = [np.ones(type_of(x).shape, type_of(x).dtype) for x in inputs]
        return tuple(type_of(x) for x in self.run(values))

    def again(self, inputs: Sequence[Any]) -> tuple:
        """The outputs once more, as an operation."""
        return op.apply(op.registry["custom"], tuple(inputs), {"rule": self})

    def push(self, inputs: Sequence[Any], tangents: Sequence[Any]) -> tuple:
        """The outputs' tangents; from a vjp rule by transposing it."""
        given = [zero_like(x) if t is None else t for x, t in zip(inputs, tangents, strict=True)]
        if any(type(x) is Node for x in (*inputs, *given)):
            n = len(inputs)
            return tuple(self.on_nodes(lambda xs: self.push(xs[:n], xs[n:]), [*inputs, *given]))
        if self.jvp is not None:
            return tuple(self.jvp(inputs, given))
        assert self.vjp is not None
        outputs = self.again(inputs)
        with differentiating():
            run = Differentiation()
            variables = [run.variable(zero_like(y)) for y in outputs]
            cotangents = self.vjp(inputs, outputs, variables)
            chosen = [(c, t) for c, t in zip(cotangents, given, strict=True) if c is not None]
            cs, ts = [c for c, _ in chosen], [t for _, t in chosen]
            among = require_linear(run, cs, self.name, "vjp", "cotangent")
            found = run.pull(cs, ts, among=among)
            return tuple(run.strip(x) for x in found)

    def recorded(self, function: Callable, types: Sequence[Type]) -> Program:
        """A function of leaves that calls the user's rule, recorded on values that are not known;
        what the rule reads from outside is captured."""
        leaves = [stand_in(t, bool(t.shape)) for t in types]
        body = Recording(body=f"the rule of {self.name}")
        return recorded(lambda xs: (list(function(xs)), None), leaves, self.name, lambda f: f, body)

    def graph(
        self, inputs: Sequence[Any], outputs: Sequence[Type]
    ) -> tuple[Function, Sequence[Any]]:
        """The tangents as a graph over inputs, their tangents, and what the rule reads from
        outside, whose values are given too."""
        n = len(inputs)
        types = [type_of(x) for x in inputs]
        program = self.recorded(lambda xs: self.push(xs[:n], xs[n:]), [*types, *types])
        for tangent, t in zip(program.function.outputs, outputs, strict=True):
            self.require_shape(tangent, t, "tangent")
        if any(type(x) is Node for x in inputs):
            self.require_own(program)
        return program.function, program.captured

    def on_nodes(self, function: Callable, values: Sequence[Any]) -> list[Any]:
        """A function that calls the user's rule, applied to nodes of a loop's or branch's body."""
        program = self.recorded(function, [Type(*type_of(x)) for x in values])
        self.require_own(program)
        found = program.function.evaluate(*values, *program.captured)
        for k in sorted(program.fixed):
            found.insert(k, program.fixed[k])
        return found

    def require_own(self, program: Program) -> None:
        """Raise where a rule inside a body reads a traced value from outside of it, whose
        derivative the body would not give."""
        if has_traced(*program.captured):
            raise DifferentiationError(
                message(
                    f"inside a loop or branch the rule of {self.name} reads a traced value that is "
                    "not among its arguments",
                    expected="every traced value as an argument",
                    instead="one more argument in place of the name from outside",
                )
            )

    def pull(
        self,
        inputs: Sequence[Any],
        cotangents: Sequence[Any],
        wanted: Sequence[bool],
        types: Sequence[Any],
    ) -> list[Any]:
        """The inputs' cotangents; from a jvp rule by transposing it."""
        if any(type(x) is Node for x in (*inputs, *cotangents)):
            n = len(inputs)
            given = [
                zero_like(t) if c is None else c for t, c in zip(types, cotangents, strict=True)
            ]
            return self.on_nodes(
                lambda xs: self.pull(xs[:n], xs[n:], wanted, types), [*inputs, *given]
            )
        if self.vjp is not None:
            outputs = self.again(inputs)
            given = [
                zero_like(y) if c is None else c for y, c in zip(outputs, cotangents, strict=True)
            ]
            return self.vjp(inputs, outputs, given)
        assert self.jvp is not None
        with differentiating():
            run = Differentiation()
            variables = [
                run.variable(zero_like(x)) if w else zero_like(x)
                for x, w in zip(inputs, wanted, strict=True)
            ]
            tangents = self.jvp(inputs, variables)
            for tangent, t in zip(tangents, types, strict=True):
                self.require_shape(tangent, t, "tangent")
            among = require_linear(run, tangents, self.name, "jvp", "tangents")
            found = iter(run.pull(tangents, cotangents, among=among))
            return [run.strip(next(found)) if w else None for w in wanted]

    def require_shape(self, value: Any, t: Any, what: str) -> None:
        """Raise unless a tangent or cotangent from the user's rule has the shape of its value."""
        if type_of(value).shape != t.shape:
            raise DifferentiationError(
                message(
                    f"the rule of {self.name} gave a {what} of type {readable(value)}",
                    expected=f"the shape of its value, {readable(t)}",
                    instead=f"a {what} of that shape (None in a vjp rule for an argument without "
                    "derivative)",
                )
            )

    def require_plain(self, outputs: Sequence[Any]) -> None:
        """Raise where plain arguments gave traced results: the function reads a traced value from
        outside, whose derivative the rule does not give."""
        if has_traced(*outputs):
            raise DifferentiationError(
                message(
                    f"custom_derivative: {self.name} reads a traced value that is not among its "
                    "arguments, and its derivative would be lost",
                    expected="every traced value as an argument",
                    instead="one more argument in place of the name from outside",
                )
            )

    def batched(self, size: int, flags: Sequence[bool]) -> Rule:
        """The rule for a whole batch: the same three functions, run on batch handles."""
        flags = list(flags)
        jvp, vjp = self.jvp, self.vjp

        def run_rows(inputs: Sequence[Any]) -> list[Any]:
            outputs = over_rows(self.run, size, [inputs], [flags])
            self.require_plain([x for x in outputs if is_above(x, recording_level())])
            return outputs

        def jvp_rows(inputs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
            return over_rows(jvp, size, [inputs, tangents], [flags, flags])

        def vjp_rows(
            inputs: Sequence[Any], outputs: Sequence[Any], given: Sequence[Any]
        ) -> list[Any]:
            every = [True] * len(outputs)
            found = over_rows(vjp, size, [inputs, outputs, given], [flags, every, every])
            return [
                x if flag or x is None else op.sum(x, axes=(0,))
                for x, flag in zip(found, flags, strict=True)
            ]

        return Rule(self.name, run_rows, jvp and jvp_rows, vjp and vjp_rows)


def over_rows(
    function: Any, size: int, values: Sequence[Sequence[Any]], flags: Sequence[Sequence[bool]]
) -> list[Any]:
    """A function of lists of leaves, applied to all rows of the flagged ones; every result is a
    batch."""
    with batching() as level:
        lists = [
            [BatchTensor(x, level) if flag else x for x, flag in zip(row, marks, strict=True)]
            for row, marks in zip(values, flags, strict=True)
        ]
        found = function(*lists)
    results: list[Any] = []
    for x in found:
        if x is None:
            results.append(None)
        elif type(x) is BatchTensor and x.level == level:
            results.append(x.inner)
        else:
            results.append(op.broadcast_to(x, shape=(size, *type_of(x).shape)))
    return results


def zero_like(x: Any) -> Any:
    """A zero of a value's type."""
    t = type_of(x)
    if t.weak:
        return 0j if t.dtype.kind == "c" else 0.0
    return np.zeros(t.shape, t.dtype) if t.shape else t.dtype.type(0)


def is_above(x: Any, level: int) -> bool:
    """Whether a value belongs to a recording of this level or a higher one."""
    return isinstance(x, Tensor) and x.level >= level


def vanishes(x: Any) -> bool:
    """Whether the numbers behind a value are zero (or not known to be anything else: NaN)."""
    while isinstance(x, Tensor):
        program = getattr(x, "program", None)
        if program is not None and x.node in program.unknown:  # type: ignore[attr-defined]
            return True
        x = x.held()
    found = np.asarray(x)
    if is_stand_in(found):
        return True
    return not bool(((found != 0) & (found == found)).any())


def require_linear(
    run: Differentiation, outputs: Sequence[Any], name: str, kind: str, argument: str
) -> set[Node]:
    """The nodes that depend on the variables.  Raise unless each of them is linear in what comes
    from the variables, which are zero, and so are the outputs."""
    other = "forward" if kind == "vjp" else "reverse"
    for x in outputs:
        if is_inexact(type_of(x).dtype) and not vanishes(x):
            raise DifferentiationError(
                message(
                    f"{other} mode through {name}: its {kind} rule is not linear in the "
                    f"{argument} (zero gives something else than zero)",
                    expected=f"a rule whose result is linear in the {argument}",
                )
            )
    dependent = {v.node for v in run.variables}
    for node in run.nodes(outputs):
        if node in dependent:
            continue
        reached = [type(x) is Node and x in dependent for x in node.inputs]
        if any(reached):
            dependent.add(node)
            if not is_linear(node, reached):
                raise DifferentiationError(
                    message(
                        f"{other} mode through {name}: its {kind} rule is not visibly linear in "
                        f"the {argument} ({node.primitive.name})",
                        expected="a rule made of sums, and of products with values that do not "
                        f"depend on the {argument}",
                        instead=f"`{name}.jvp`, whose rule serves both modes"
                        if kind == "vjp"
                        else f"a linear rule by `{name}.jvp`, or `{name}.vjp`",
                        operation=node.primitive.name,
                        position=node.position,
                    )
                )
    return dependent


def is_linear(node: Node, reached: Sequence[bool]) -> bool:
    """Whether an operation is linear in the inputs that are reached."""
    form = node.primitive.derivative
    if node.primitive.name == "call":
        return is_linear_function(node.parameters["function"], reached)
    if isinstance(form, Jvp):
        return all(form.transpose_of(i) is not None for i, flag in enumerate(reached) if flag)
    if isinstance(form, Linear):
        return all(form.is_linear_in(i) for i, flag in enumerate(reached) if flag)
    if isinstance(form, Multilinear):
        return sum(reached) == 1
    if isinstance(form, Structural):
        return node.primitive.name in ("variable", "item")
    if isinstance(form, Partials):
        name = node.primitive.name
        if name in ("add", "sub", "neg", "positive"):
            return True  # what is added is zero: the result vanishes
        if name == "mul":
            return sum(reached) == 1
        return name == "div" and reached[0] and not reached[1]
    return False


def is_linear_function(function: Function, reached: Sequence[bool]) -> bool:
    """The same for a closed graph and its inputs."""
    dependent = {x for x, flag in zip(function.inputs, reached, strict=True) if flag}
    for node in function.order:
        flags = [x in dependent for x in node.inputs]
        if any(flags):
            dependent.add(node)
            if not is_linear(node, flags):
                return False
    return True
