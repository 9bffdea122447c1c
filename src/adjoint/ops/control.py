"""Control: `call`, a closed graph used as one operation, `checkpoint`, one whose values reverse
mode computes again, `custom`, a function with a derivative of the user's own, and `require`, which
ends a program that does not fit its call.

The derivative, transpose and batching of a call are those of its body, applied by the walks of
`transform/`; those of a custom function are the methods of its rule (`front.custom`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..base.dtypes import Type, type_of
from ..graph.function import Function
from ..graph.primitive import Body, Case, Primitive, Structural


def run(*values: Any, function: Function) -> tuple:
    """Evaluate the body; an output that is an input or a constant is still a value of its own."""
    return tuple(function.evaluate(*values))


def output_types(*inputs: Any, function: Function) -> tuple[Type, ...]:
    return tuple(type_of(n) for n in function.outputs)


def handled_by_the_walk(*arguments: Any) -> Any:
    raise TypeError("transform.batch treats `call` itself")


def run_checkpoint(*values: Any, function: Function, results: int) -> tuple:
    """Evaluate the body: its results, and what of it is kept."""
    return tuple(function.evaluate(*values))


def checkpoint_types(*inputs: Any, function: Function, results: int) -> tuple[Type, ...]:
    return tuple(type_of(n) for n in function.outputs)


def same(x: Any, *others: Any, **parameters: Any) -> Any:
    """The value itself."""
    return x


def same_type(x: Any, *others: Any, **parameters: Any) -> Type:
    return type_of(x)


def run_custom(*values: Any, rule: Any) -> tuple:
    """Run the user's function."""
    outputs = tuple(rule.run(values))
    rule.require_plain(outputs)
    return outputs


def custom_types(*inputs: Any, rule: Any) -> tuple[Type, ...]:
    return rule.types(inputs)


def no_cases(rng: Any) -> list[Case]:
    return []


class Departed(Exception):
    """A program's guards do not hold: it was made for calls that go another way."""


def run_require(holds: Any) -> np.int64:
    """0, where the guards hold."""
    if not holds:
        raise Departed
    return np.int64(0)


def required_type(holds: Any) -> Type:
    return Type((), np.dtype(np.int64))


call = Primitive(
    name="call",
    kind="control",
    evaluate=run,
    infer=output_types,
    derivative=Structural("the body's derivative", reads_inputs=True),
    batch=handled_by_the_walk,
    code=Body("call"),
    cases=no_cases,
    reference=run,
    documentation="A closed graph used as one operation.",
)

checkpoint = Primitive(
    name="checkpoint",
    kind="control",
    evaluate=run_checkpoint,
    infer=checkpoint_types,
    derivative=Structural(
        "the body's derivative, of values computed again", reads_inputs=True, reads_output=True
    ),
    batch=handled_by_the_walk,
    code=Body("checkpoint"),
    cases=no_cases,
    reference=run_checkpoint,
    documentation="A closed graph of which reverse mode keeps the inputs and what it is told to.",
)

recompute = Primitive(
    name="recompute",
    kind="control",
    evaluate=same,
    infer=same_type,
    derivative=Structural("of the first operand", reads_inputs=False),
    batch=handled_by_the_walk,
    code=Body("recompute"),
    cases=no_cases,
    reference=same,
    documentation="The first operand, once the second is known: what follows is computed again.",
)

named = Primitive(
    name="named",
    kind="control",
    evaluate=same,
    infer=same_type,
    derivative=Structural("of the operand", reads_inputs=False),
    batch=handled_by_the_walk,
    code=Body("named"),
    cases=no_cases,
    reference=same,
    documentation="The operand, under a name by which `checkpoint` may keep it.",
)

custom = Primitive(
    name="custom",
    kind="control",
    evaluate=run_custom,
    infer=custom_types,
    derivative=Structural("the user's rule", reads_inputs=True),
    batch=handled_by_the_walk,
    code=Body("custom"),
    cases=no_cases,
    reference=run_custom,
    documentation="A function with a derivative of the user's own.",
)

require = Primitive(
    name="require",
    kind="control",
    evaluate=run_require,
    infer=required_type,
    derivative=Structural("none: it stands beside the results of a program", reads_inputs=False),
    batch=handled_by_the_walk,
    code=Body("require"),
    cases=no_cases,
    reference=run_require,
    documentation="0 where the operand is True; otherwise the program does not fit the call.",
)
