"""The primitive's record: every field mandatory, derivative and code forms from closed lists.

Enters: a declaration.  Leaves: an entry of the registry from which facade, derivatives, batching,
documentation and tests are derived. The record holds data only; the walks that use it live in
`transform/`.

How a rule says what it reads: a function `(inputs..., output)` or `(cotangent, inputs...)` gets the
value of an argument, unless the argument's name starts with `_` or ends with `_type`: then it gets
something with `shape` and `dtype` only, and the value need not be kept for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

registry: dict[str, Primitive] = {}  # every primitive by its name

# --------------------------------------------------------------------------------- derivative forms


@dataclass(frozen=True, eq=False)
class Partials:
    """Elementwise: one partial derivative for each input, a function `(inputs..., output)`, a
    number, or None (no derivative)."""

    partials: tuple


@dataclass(frozen=True, eq=False)
class Linear:
    """Linear in the inputs whose transpose is not None, jointly.

    `transposes[i](cotangent, inputs..., **parameters)` gives the cotangent of input i.  With
    `variadic`, one function gives the list for all inputs.  `into(array, cotangent, inputs...,
    **parameters)`, where given, adds the cotangent of input 0 into an array in place (a part's
    cotangent into the whole's).
    """

    transposes: tuple = ()
    variadic: Callable | None = None
    into: Callable | None = None

    def transpose_of(self, i: int) -> Callable | None:
        """The transpose in input i; inputs beyond those declared (index arrays) have none."""
        return self.transposes[i] if i < len(self.transposes) else None

    def is_linear_in(self, i: int) -> bool:
        """Whether the primitive is linear in input i."""
        return self.variadic is not None or self.transpose_of(i) is not None


@dataclass(frozen=True, eq=False)
class Multilinear:
    """Linear in each input by itself; transposes as in `Linear`, `variadic(i, cotangent, inputs...,
    **parameters)`."""

    transposes: tuple = ()
    variadic: Callable | None = None


@dataclass(frozen=True, eq=False)
class Jvp:
    """`rule(primals, tangents, output, **parameters)` gives the output's tangent; a tangent may be
    None (zero).

    Its dependence on the tangents must be linear; reverse mode transposes it.  `reads_output` says
    whether it uses the output.  Where `transposes[i]` is given, it is the transpose in input i, as
    in `Linear`: it saves transposing the rule, and the rule may then use the primitive on that
    tangent where it is linear in it (`solve(a, b)` in b).
    """

    rule: Callable
    reads_output: bool = True
    transposes: tuple = ()

    def transpose_of(self, i: int) -> Callable | None:
        """The transpose in input i, where the primitive is linear in it."""
        return self.transposes[i] if i < len(self.transposes) else None


@dataclass(frozen=True, eq=False)
class Zero:
    """The derivative is zero wherever it exists."""

    reason: str


@dataclass(frozen=True, eq=False)
class Undefined:
    """There is no derivative; asking for one is an error that gives the reason."""

    reason: str


@dataclass(frozen=True, eq=False)
class Structural:
    """The walks treat the primitive themselves (`input`, `constant`, `variable`, `item`,
    `call`)."""

    reason: str
    reads_inputs: bool = False
    reads_output: bool = False


@dataclass(frozen=True, eq=False)
class ByDomain:
    """One form for real inputs, another one for complex inputs."""

    real: Any
    complex: Any


Derivative = Partials | Linear | Multilinear | Jvp | Zero | Undefined | Structural | ByDomain

# --------------------------------------------------------------------------------------- code forms


@dataclass(frozen=True)
class Scalar:
    """Elementwise code: the name of a scalar intrinsic of `mathlib`."""

    name: str


@dataclass(frozen=True)
class IndexMap:
    """A layout: an element's place in the output tells its place in the input."""

    name: str


@dataclass(frozen=True)
class Combine:
    """A reduction: the operation that combines two elements, and its identity (None: the first
    element)."""

    name: str
    identity: Any


@dataclass(frozen=True)
class Contraction:
    """Sums of products: own loops or BLAS."""

    name: str


@dataclass(frozen=True)
class External:
    """A library's routine, or a NumPy step."""

    name: str


@dataclass(frozen=True)
class Body:
    """Control: a body graph, or nothing to run at all."""

    name: str


Code = Scalar | IndexMap | Combine | Contraction | External | Body

# --------------------------------------------------------------------------------------- the record


@dataclass(frozen=True)
class Case:
    """One sample call for the sweep: inputs, parameters, and which checks make sense there."""

    inputs: tuple
    parameters: dict[str, Any] = field(default_factory=dict)
    differentiate: bool = True
    label: str = ""


KINDS = (
    "elementwise",
    "reduction",
    "layout",
    "index",
    "contraction",
    "external",
    "control",
    "random",
    "structural",
)


@dataclass(frozen=True, eq=False)
class Primitive:
    """One declaration in one place."""

    name: str
    kind: str
    evaluate: Callable
    infer: Callable
    derivative: Derivative
    batch: Callable
    code: Code
    cases: Callable[[Any], Sequence[Case]]
    reference: Callable
    documentation: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise TypeError(f"primitive {self.name!r}: kind {self.kind!r} is none of {KINDS}")
        if not isinstance(self.derivative, Derivative):
            raise TypeError(f"primitive {self.name!r}: {self.derivative!r} is no derivative form")
        if not isinstance(self.code, Code):
            raise TypeError(f"primitive {self.name!r}: {self.code!r} is no code form")
        if not self.documentation:
            raise TypeError(f"primitive {self.name!r} has no documentation")
        if self.name in registry:
            raise TypeError(f"two primitives are named {self.name!r}")
        object.__setattr__(self, "_needs", {})
        registry[self.name] = self

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def form(self, is_complex: bool) -> Derivative:
        """The derivative form for real or complex inputs."""
        derivative = self.derivative
        if isinstance(derivative, ByDomain):
            derivative = derivative.complex if is_complex else derivative.real
        return derivative

    def needs(self, count: int, is_complex: bool) -> tuple[int, ...]:
        """For each input, the values that its derivative reads: bit i for input i, bit `count` for
        the output."""
        try:
            return self._needs[count, is_complex]  # type: ignore[attr-defined]
        except KeyError:
            found = self._needs[count, is_complex] = reads(self.form(is_complex), count)  # type: ignore[attr-defined]
            return found


def reads(form: Derivative, count: int) -> tuple[int, ...]:
    """Bit masks of what each input's derivative reads (both directions)."""
    everything = (1 << count) - 1
    if isinstance(form, Partials):
        return tuple(argument_mask(p, 0) if callable(p) else 0 for p in form.partials)
    if isinstance(form, Linear):
        if form.variadic is not None:
            return (0,) * count
        transposes = [form.transpose_of(i) for i in range(count)]
        fixed = sum(1 << i for i, t in enumerate(transposes) if t is None)
        return tuple(0 if t is None else fixed | argument_mask(t, 1) for t in transposes)
    if isinstance(form, Multilinear):
        return tuple(everything & ~(1 << i) for i in range(count))
    if isinstance(form, Jvp):
        return (everything | (1 << count if form.reads_output else 0),) * count
    if isinstance(form, Structural):
        read = everything if form.reads_inputs else 0
        return (read | (1 << count if form.reads_output else 0),) * count
    return (0,) * count


def argument_mask(rule: Callable, skip: int) -> int:
    """Which of a rule's positional arguments, after the first `skip`, are read.

    An argument with a default is no value of the operation but something bound to the rule.
    """
    mask = 0
    positional = [
        p
        for p in inspect.signature(rule).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    ]
    for place, argument in enumerate(positional[skip:]):
        if not argument.name.startswith("_") and not argument.name.endswith("_type"):
            mask |= 1 << place
    return mask
