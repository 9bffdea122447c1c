"""The primitives that graphs are held together with: inputs, constants, variables of a
differentiation, outputs, calls.

The walks of `transform/` treat them themselves, so their records say what they are and nothing
more.
"""

from __future__ import annotations

from typing import Any

from ..base.dtypes import WEAK, Type, python_kind, type_of
from ..graph import op
from ..graph.primitive import Body, Case, Linear, Primitive, Structural, Zero


def identity(x: Any, **parameters: Any) -> Any:
    return x


def same_type(x: Any, **parameters: Any) -> Type:
    return type_of(x)


def no_cases(rng: Any) -> list[Case]:
    return []


def batch_identity(
    primitive: Primitive, size: int, inputs: tuple, batched: tuple, parameters: dict
) -> Any:
    return op.apply(primitive, inputs, parameters)


def pick(x: Any, *, index: int) -> Any:
    return x[index]


def picked_type(x: Any, *, index: int) -> Type:
    return x.dtype[index]


def structural(name: str, evaluate: Any, infer: Any, doc: str, derivative: Any = None) -> Primitive:
    """Declare a structural primitive."""
    return Primitive(
        name=name,
        kind="structural",
        evaluate=evaluate,
        infer=infer,
        derivative=derivative or Structural(doc),
        batch=batch_identity,
        code=Body(name),
        cases=no_cases,
        reference=evaluate,
        documentation=doc,
    )


input = structural("input", identity, same_type, "An input of a closed graph.")
constant = structural("constant", identity, same_type, "A value known when the graph is made.")
variable = structural(
    "variable",
    identity,
    same_type,
    "A variable of one differentiation: the identity, never merged with another one.",
)
item = structural("item", pick, picked_type, "One of the outputs of an operation with several.")
stop_gradient = structural(
    "stop_gradient",
    identity,
    same_type,
    "The identity, a constant for every derivative.",
    Zero("it is asked to be"),
)


def python_scalar_value(x: Any) -> Any:
    return x.item() if hasattr(x, "item") else x


def python_scalar_type(x: Any) -> Type:
    return Type((), WEAK[python_kind(type_of(x).dtype)], True)


def unchanged_in_batch(
    primitive: Any, size: int, inputs: tuple, batched: tuple, parameters: dict
) -> Any:
    """Rows of a batch are elements of an array, never Python scalars."""
    return inputs[0]


python_scalar = Primitive(
    name="python_scalar",
    kind="structural",
    evaluate=python_scalar_value,
    infer=python_scalar_type,
    derivative=Linear((lambda ct, x_type: ct,)),
    batch=unchanged_in_batch,
    code=Body("python_scalar"),
    cases=no_cases,
    reference=python_scalar_value,
    documentation="A number as Python's own scalar: what a float argument's derivative is.",
)
