"""`ad.draw`: drawings of graphs, with values, tangents and adjoints.

Enters: a function with example arguments, a closed graph, an expression, or a compiled program.
Leaves: a `Picture` (`ad.draw`) or a sequence of them (`ad.draw.steps`).  The idea: every source is
turned into boxes and arrows, and every format is written from these.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ...base import tree
from ...base.dtypes import is_inexact
from ...base.errors import ShapeError, TracingError, message
from ...graph.function import Function, close
from ...graph.node import Node
from ...graph.op import Traced
from ...graph.rewrite import Rules, rewrite
from ...optimize.inline import inline_calls
from ...optimize.pipeline import optimize
from ..arguments import name_of
from ..compiled import Compiled, Jitted
from ..explain import Explanation, input_names
from ..program import Program
from ..trace import RecordingTensor, settled
from .fold import LIMIT, folded
from .graphs import Facts, diagram, kind_text
from .kernels import kernel_diagram, program_kernels
from .picture import Picture, Steps
from .recorded import UNKNOWN, recorded_graph
from .values import adjoints_of, evaluated, fitted, tangents_of

MODES = (None, "forward", "reverse")
WRITTEN = Rules()  # what is left out of a graph that is otherwise as written


@dataclass
class Source:
    """A closed graph, what its inputs and results are called, and values of the inputs (None: not
    given)."""

    function: Function
    names: list[str]
    results: list[str]
    inputs: list[Any] | None = None
    arguments: int = 0  # so many of the inputs are the user's; captured arrays follow
    parts: list[int] = field(default_factory=list)  # inputs of each argument by position
    ways: list[str] = field(default_factory=list)  # to each result in what the function returns


class Draw:
    """Draw a graph.

    Called as `ad.draw(what, *args, mode=None, tangents=None, names=None, fold=None, kwargs=None)`.

    Args:
        what: a function, with example arguments behind it; a closed graph; an expression; a value
            that a transform records, inside a function: what was done up to it; what `ad.explain`
            gave, or a program (`ad.jit(f).lower(x)`): the kernels then.
        args: floats and arrays, at which the function is recorded; values for the inputs of a
            closed graph, or for the symbols of an expression in their order (with a mode only).
        mode: None for the operations alone; "forward" for the value and the tangent of each node,
            "reverse" for its value and its adjoint (the derivative of the result by it).
        tangents: with "forward", the tangents of the arguments, one for each, of its shape (a
            number stands for an array filled with it; None for zero); by default 1 for the first
            argument, 0 for all others.
        names: what the inputs are to be called; by default the parameters' names.
        fold: whether operations of one source line are one box; None: where there are more than
            60 operations.
        kwargs: further arguments of the function, by keyword; their tangents are zero.

    Returns: a `Picture`: `.mermaid`, `.dot`, `.svg`, `.png(scale=2)`, `.save("x.svg")`, `.table()`;
        `print` gives the table, a notebook shows the drawing.  SVG, PNG and GIF need
        `pip install 'adjoint[draw]'`, the others nothing.

    Raises:
        TypeError: `what` is none of these, or the arguments do not fit.
        ValueError: another mode; tangents without "forward".
        DifferentiationError: "reverse" of a function whose result is not one real number.

    `ad.draw.steps` gives the evaluation as a sequence of pictures.

    Source: Griewank and Walther, *Evaluating Derivatives* (2008), chapters 2 and 3.

    >>> import adjoint as ad
    >>> def f(x, y):
    ...     return x**2 * y + y + 2
    >>> print(ad.draw(f, 3.0, 4.0, mode="reverse"))
    name  operation  value  adjoint
    x     input          3       24
    y     input          4       10
    v1    x ** 2         9        4
    v2    v1 * y        36        1
    v3    v2 + y        40        1
    f     v3 + 2        42        1
    """

    def __call__(
        self,
        what: Any,
        *args: Any,
        mode: str | None = None,
        tangents: Sequence[Any] | None = None,
        names: Sequence[str] | None = None,
        fold: bool | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> Picture:
        if mode not in MODES:
            raise ValueError(
                message(
                    f"ad.draw got mode={mode!r}",
                    expected="None, 'forward' or 'reverse'",
                    operation="draw",
                )
            )
        if tangents is not None and mode != "forward":
            raise ValueError(
                message(
                    f"ad.draw got tangents and mode={mode!r}",
                    expected="tangents with mode='forward'",
                    operation="draw",
                )
            )
        if isinstance(what, (Explanation, Program)):
            return kernel_picture(what, (*args, *(kwargs or ())), mode)
        source = sourced(what, args, kwargs or {}, mode)
        if names is not None:
            rename(source, names)
        facts = known_facts(source, mode, tangents)
        many = len(facts.operations())
        known_lines = any(node.code is not None for node in facts.operations())
        if fold or (fold is None and many > LIMIT and known_lines):
            return Picture(folded(facts), facts.rows())
        return Picture(diagram(facts), facts.rows())

    def steps(
        self,
        what: Any,
        *args: Any,
        mode: str = "reverse",
        tangents: Sequence[Any] | None = None,
        names: Sequence[str] | None = None,
        fold: bool | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> Steps:
        """The evaluation as a sequence of pictures: the values one after the other, then the
        adjoints back from the result; with mode="forward" each value with its tangent.

        Arguments and errors are those of `ad.draw`, with a mode; `.save("x.svg")` and
        `.save("x.gif")` write a moving picture.

        >>> import adjoint as ad
        >>> pictures = ad.draw.steps(lambda x, y: x * y + y, 3.0, 4.0)
        >>> len(pictures)
        8
        >>> print(pictures[3].mermaid.splitlines()[4])
          n3(["f = v1 + y<br>value 16"]):::output
        """
        if mode is None or isinstance(what, (Explanation, Program)):
            raise ValueError(
                message(
                    "ad.draw.steps got no mode" if mode is None else
                    f"ad.draw.steps got a {type(what).__name__}, which has no values to show",
                    expected="a function with arguments, and mode='forward' or 'reverse'",
                    operation="draw",
                )
            )  # fmt: skip
        return Steps(
            self(what, *args, mode=mode, tangents=tangents, names=names, fold=fold, kwargs=kwargs)
        )

    def __repr__(self) -> str:
        return "<function draw>"


draw = Draw()


def sourced(what: Any, args: tuple, kwargs: dict[str, Any], mode: str | None) -> Source:
    """The graph of anything that has one."""
    graph = what if isinstance(what, Function) else getattr(what, "function", None)
    if kwargs and isinstance(graph, Function):
        raise TypeError(
            message(
                f"ad.draw got kwargs for {graph.name}, which is no Python function",
                expected="values for its inputs one after the other",
                instead="`ad.draw(e, 3.0, 4.0, mode='reverse')`",
                operation="draw",
            )
        )
    if isinstance(what, Function):
        names = [f"x{k}" for k in range(len(what.inputs))] if len(what.inputs) > 1 else ["x"]
        return closed_source(what, names, args, mode)
    if isinstance(graph, Function):  # an expression
        known = getattr(what, "names", None) or getattr(what, "free", None) or what.symbols
        return closed_source(graph, [str(x) for x in known], args, mode)
    if isinstance(what, RecordingTensor) and not args and not kwargs:
        return traced_source(settled(what), mode)
    if not callable(what) or isinstance(what, Traced):
        raise TypeError(
            message(
                f"ad.draw got a {type(what).__name__}",
                expected="a function with example arguments, a closed graph, an expression, a "
                "recorded value, or what `ad.explain` or `ad.jit(f).lower(x)` gave",
                instead="`ad.draw(f, 3.0, 4.0)`: the function itself, then its arguments",
                operation="draw",
            )
        )
    return recorded_source(what, args, kwargs)


def closed_source(
    function: Function, names: Sequence[str], args: tuple, mode: str | None
) -> Source:
    """A closed graph; values are needed where a mode shows them."""
    if mode is not None and not args and function.inputs:
        raise TypeError(
            message(
                f"ad.draw got mode={mode!r} and no values for {', '.join(names)}",
                expected="a value for each input",
                instead=f"`ad.draw(e, {', '.join(['1.0'] * len(names))}, mode={mode!r})`",
                operation="draw",
            )
        )
    graph = inline_calls(function)
    shown = function.name if function.name not in ("expression", "<lambda>") else "f"
    given = fitted(function, args, names) if args or mode is not None else None
    ways = numbered(len(graph.outputs))
    results = result_names(ways, shown, names)
    return Source(graph, list(names), results, given, len(names), [1] * len(args), ways)


def traced_source(what: RecordingTensor, mode: str | None) -> Source:
    """What was done so far, up to a value that a transform records."""
    found = recorded_graph(what.node)
    names = ["x"] if len(found.names) == 1 else found.names
    unknown = [n for n, value in zip(names, found.values, strict=True) if value is UNKNOWN]
    if mode is not None and unknown:
        raise TypeError(
            message(
                f"ad.draw got mode={mode!r} and a recorded value whose {', '.join(unknown)} was "
                "not kept",
                expected="mode=None",
                instead="`ad.draw(f, 3.0, 4.0, mode='reverse')` for all values",
                operation="draw",
            )
        )
    graph, ways = inline_calls(found.function), numbered(1)
    results = result_names(ways, "result", names)
    return Source(graph, names, results, found.values, len(names), [], ways)


def recorded_source(function: Callable, args: tuple, kwargs: dict[str, Any]) -> Source:
    """The graph of a function's call, recorded as under `jit`, and its arguments."""
    compiled = function.fallback.__self__ if isinstance(function, Jitted) else None
    plain = compiled.function if compiled is not None else function
    if any(isinstance(x, Traced) for x in tree.flatten((args, kwargs))[0]):
        raise TracingError(
            message(
                "ad.draw was called on a traced value",
                expected="numbers and arrays",
                instead="`ad.draw(ad.grad(f), x)`, outside of all transforms",
                operation="draw",
            )
        )
    try:
        inspect.signature(plain).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(
            message(
                f"ad.draw got {len(args) + len(kwargs)} example arguments for {name_of(plain)}"
                f"{inspect.signature(plain)}: {error}",
                expected="one for each parameter; `kwargs={'name': value}` for those by keyword",
                instead=f"`ad.draw({name_of(plain).strip('<>')}, 3.0, 4.0)`",
                operation="draw",
            )
        ) from None
    except ValueError:
        pass  # a function without a signature
    found: Compiled = compiled if compiled is not None else Compiled(function, (), ())
    leaves, _, rebuild = found.signature(args, kwargs)
    program = found.recorded(leaves, rebuild, inline_calls)
    graph = program.function
    present = {node.primitive.name for node in graph.order}
    nested = "variable" in present  # derivatives were taken
    if nested and "stop_gradient" in present:  # which the optimizer takes for an identity
        graph = rewrite(graph, WRITTEN)
    elif nested:  # what differentiation leaves behind is removed
        graph = optimize(graph)
    if program.guards:  # whether they hold is no result
        graph, _ = close(graph.inputs, program.results_of(graph), graph.name)
    names = input_names(plain, args, kwargs, program, leaves)
    names = own_names(plain, args, kwargs, names, program, len(leaves))
    if not graph.inputs and (args or kwargs):
        raise TypeError(
            message(
                f"ad.draw got no float and no array for {name_of(plain)}: whole numbers, strings "
                "and the like are fixed while a function is recorded",
                expected="floats or arrays",
                instead=f"`ad.draw({name_of(plain).strip('<>')}, 3.0)` instead of 3",
                operation="draw",
            )
        )
    if not graph.outputs:
        raise TypeError(
            message(
                f"ad.draw: {name_of(plain)} returned nothing that is a number",
                expected="numbers, arrays, or containers of them",
                instead="`return` the value to draw",
                operation="draw",
            )
        )
    inner = plain
    while isinstance(inner, partial):
        inner = inner.func
    shown = name_of(inner)
    if nested and hasattr(plain, "__wrapped__"):  # `ad.grad(f)` has the name of f
        shown = "result"
    elif not shown.isidentifier():
        shown = "f"
    ways = result_ways(program, len(graph.outputs))
    results = result_names(ways, shown, names)
    parts = [sum(map(is_varying, tree.flatten(x)[0])) for x in args]
    return Source(graph, names, results, program.inputs(leaves), len(leaves), parts, ways)


@WRITTEN.rule("variable")
def drop_variable(node: Node, inputs: tuple) -> Any:
    """A variable of a derivative that has been taken is an identity."""
    return inputs[0]


def own_names(
    function: Callable,
    args: tuple,
    kwargs: dict[str, Any],
    names: Sequence[str],
    program: Program,
    count: int,
) -> list[str]:
    """The inputs' names, all different: the way to it for a part of a container (`p['a'][0]`), the
    variable's for an array from the function's closure."""
    names = list(names)
    try:
        bound = inspect.signature(function).bind_partial(*args).arguments
        cells = dict(inspect.getclosurevars(inspect.unwrap(function)).nonlocals)
        owner = getattr(function, "__self__", None)  # of a method
        cells |= {f"self.{n}": x for n, x in getattr(owner, "__dict__", {}).items()}
    except (TypeError, ValueError):  # no function of Python's own
        bound, cells = {}, {}
    ways = [
        name + way
        for name, value in (*bound.items(), *sorted(kwargs.items()))
        for way, x in zip(tree.paths(value), tree.flatten(value)[0], strict=True)
        if is_varying(x)
    ]
    if len(ways) == count:
        names[:count] = ways
    found: list[str] = []
    for k, name in enumerate(names):
        if k >= count and not name.isidentifier():
            value = program.captured[k - count]
            name = next((n for n, x in cells.items() if x is value), "captured")
        unique, number = name, 1
        while unique in found:
            number += 1
            unique = f"{name}_{number}"
        found.append(unique)
    return found


def numbered(count: int) -> list[str]:
    """The ways to the results of a graph: their numbers, where there are several."""
    return [""] if count == 1 else [f"[{k}]" for k in range(count)]


def result_ways(program: Program, count: int) -> list[str]:
    """The ways to the results of a function, in the container that it returns."""
    whole = tree.unflatten(program.structure, range(program.structure.num_leaves))
    ways = [w for k, w in enumerate(tree.paths(whole)) if k not in program.fixed]
    return ways if len(ways) == count else numbered(count)


def result_names(ways: Sequence[str], name: str, taken: Sequence[str]) -> list[str]:
    """What the results are called: the function's name, with the way to each of several."""
    while name in taken:
        name += "_"
    return [name + way for way in ways]


def rename(source: Source, names: Sequence[str]) -> None:
    """Call the inputs by the user's names."""
    wanted = [names] if isinstance(names, str) else list(names)
    count = source.arguments
    if (
        len(wanted) != count
        or len(set(wanted)) != count
        or not all(isinstance(n, str) for n in wanted)
    ):
        raise ValueError(
            message(
                f"ad.draw got names={names!r}",
                expected=f"{count} different strings, one for each of "
                f"{', '.join(source.names[:count])}",
                operation="draw",
            )
        )
    source.names[:count] = wanted
    (first, *_) = source.results or [""]
    plain = first.split("[")[0]
    source.results = result_names(source.ways, plain, source.names)


def known_facts(source: Source, mode: str | None, tangents: Sequence[Any] | None) -> Facts:
    """What is to be shown of a graph."""
    if mode is None:
        return Facts(source.function, source.names, source.results)
    assert source.inputs is not None
    values = evaluated(source.function, source.inputs)
    if mode == "reverse":
        derivatives = adjoints_of(source.function, values)
    else:
        derivatives = tangents_of(source.function, values, seeds(source, tangents))
    return Facts(source.function, source.names, source.results, values, derivatives, mode)


def seeds(source: Source, tangents: Sequence[Any] | None) -> list[Any]:
    """A tangent for each input, None for zero."""
    nodes, count = source.function.inputs, source.arguments
    given: list[Any]
    if tangents is None:
        first = next((k for k, n in enumerate(nodes[:count]) if is_inexact(n.dtype)), None)
        given = [1.0 if k == first else None for k in range(count)]
    else:
        given = []
        for tangent, parts in zip(tangents, source.parts, strict=False):
            found: list[Any] = [None] * parts if tangent is None else tree.flatten(tangent)[0]
            given += found * parts if len(found) == 1 and np.ndim(found[0]) == 0 else found
        given += [None] * (count - sum(source.parts))
        if len(tangents) != len(source.parts) or len(given) != count:
            raise ValueError(
                message(
                    f"ad.draw got {len(tangents)} tangents for {len(source.parts)} arguments"
                    if len(tangents) != len(source.parts)
                    else "ad.draw got tangents that do not fit the arguments",
                    expected="one for each argument, of its structure; a number, or None for zero",
                    operation="draw",
                )
            )
    found_seeds: list[Any] = []
    for node, tangent, name in zip(nodes, given, source.names, strict=False):
        if tangent is None:
            found_seeds.append(None)
            continue
        if np.shape(tangent) not in ((), tuple(node.shape)):
            raise ShapeError(
                message(
                    f"ad.draw got a tangent of shape {np.shape(tangent)} for {name}",
                    expected=f"the shape {tuple(node.shape)}, or a number",
                    operation="draw",
                )
            )
        if node.weak:
            found_seeds.append(float(tangent) if node.dtype.kind == "f" else complex(tangent))
        else:
            spread = np.broadcast_to(np.asarray(tangent, node.dtype), node.shape)
            found_seeds.append(spread.copy()[()])
    return found_seeds + [None] * (len(nodes) - len(found_seeds))


def is_varying(x: Any) -> bool:
    """Whether a part of an argument is an input of the graph."""
    return type(x) in (float, complex) or isinstance(x, (np.ndarray, np.generic))


def kernel_picture(what: Explanation | Program, args: tuple, mode: str | None) -> Picture:
    """The kernels of a compiled program."""
    if args or mode is not None:
        raise TypeError(
            message(
                f"ad.draw got a {type(what).__name__} with arguments or a mode",
                expected="nothing else: its kernels are drawn",
                instead="`ad.draw(f, x, mode='reverse')` for the values of the graph",
                operation="draw",
            )
        )
    if isinstance(what, Explanation):
        return Picture(kernel_diagram(what.name, what.arguments, what.results, what.kernels), [])
    function = what.function
    return Picture(
        kernel_diagram(
            function.name,
            [kind_text(n) or "float" for n in function.inputs],
            [kind_text(n) or "float" for n in what.results_of(function)],
            program_kernels(what),
        ),
        [],
    )


__all__ = ["Picture", "Steps", "draw"]
