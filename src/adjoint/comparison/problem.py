"""What is to be differentiated, and how one way to its derivative is gone and measured.

Enters: a function and its arguments.  Leaves: a `Problem`, which knows what its derivative looks
like, and for a way to it a row of the table.  The idea: every way gives the same blocks, one for
each leaf of the output and each leaf of the arguments, so that they can be compared entry by entry.
"""

from __future__ import annotations

import inspect
import itertools
import time
import warnings
from collections.abc import Callable, Sequence
from functools import cached_property, wraps
from typing import Any, NamedTuple

import numpy as np

from ..base import tree
from ..base.dtypes import is_inexact, readable, type_of
from ..base.errors import message
from ..front.arguments import Argnums, Selection, name_of, signature_of
from ..testing import coarsest, fresh_copy
from .table import WIDTH, Row, cut, short

BATCH = 20e-6  # seconds that a batch of calls takes at least
OVERHEAD = 10e-6  # seconds beside the function itself, of a run in a difference
LONGEST = 5.0  # seconds that a call of a way may take
MOST_NUMBERS = 5e7  # that a way may hold


class Estimated(NamedTuple):
    """A derivative with the error that it claims to have."""

    value: Any
    error: Any


class Problem:
    """A function, its arguments, and what its derivative is to look like."""

    def __init__(
        self, f: Callable, args: tuple, kwargs: dict[str, Any], argnums: Argnums, kind: str
    ) -> None:
        self.f, self.argnums, self.kind = f, argnums, kind
        self.chosen = Selection(f, argnums, args, kwargs, "compare")
        self.leaves = self.chosen.leaves
        self.args, self.kwargs = self.given(self.leaves)
        begin = time.perf_counter()
        result = self.on(f)(*self.leaves)
        self.seconds = time.perf_counter() - begin + OVERHEAD
        outputs, self.out_structure = tree.flatten(result)
        self.outputs = [type_of(x) for x in outputs]
        self.inputs = [type_of(x) for x in self.leaves]
        for x, t in zip(outputs, self.outputs, strict=True):
            if t.dtype.kind not in "fcbiu":
                raise TypeError(
                    message(
                        f"ad.compare: {name_of(f)} returned a {type(x).__name__}",
                        expected="numbers and arrays of them",
                    )
                )
        orders = 2 if kind == "hessian" else 1
        self.shapes = [
            (*t.shape, *(n for s in inputs for n in s.shape))
            for t in self.outputs
            for inputs in itertools.product(self.inputs, repeat=orders)
        ]
        self.is_number = len(outputs) == 1 and self.out_structure == tree.flatten(0.0)[1]
        self.is_number = self.is_number and self.outputs[0].shape == ()

    def given(self, leaves: Sequence[Any], convert: Callable = lambda x: x) -> tuple[tuple, dict]:
        """All arguments, with these leaves in the differentiated ones and the others converted."""
        chosen = self.chosen
        value = chosen.restore(leaves)
        args = [x if k in chosen.places else convert(x) for k, x in enumerate(chosen.args)]
        kwargs = {k: x if k in chosen.places else convert(x) for k, x in chosen.kwargs.items()}
        for p, x in zip(chosen.places, [value] if chosen.single else value, strict=True):
            if isinstance(p, int):
                args[p] = x
            else:
                kwargs[p] = x
        return tuple(args), kwargs

    def on(self, function: Callable, convert: Callable = fresh_copy) -> Callable:
        """A function of all arguments as one of the differentiated leaves."""

        def call(*leaves: Any) -> Any:
            args, kwargs = self.given([fresh_copy(x) for x in leaves], convert)
            return function(*args, **kwargs)

        return call

    @property
    def names(self) -> list[str]:
        """What the positional arguments are called."""
        found = [
            p.name
            for p in signature_of(self.f)
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        return [*found, *(f"x{k}" for k in range(len(found), len(self.args)))][: len(self.args)]

    @cached_property
    def labels(self) -> list[str]:
        """What each differentiated leaf is called: `x`, `p['rate']`."""
        found = []
        for p in self.chosen.places:
            value = self.args[p] if isinstance(p, int) else self.kwargs[p]
            name = self.names[p] if isinstance(p, int) else p
            found += [name + path for path in tree.paths(value)]
        return found

    @property
    def block_labels(self) -> list[str]:
        """By what each block of the derivative is differentiated."""
        orders = 2 if self.kind == "hessian" else 1
        found = [" and ".join(x) for x in itertools.product(self.labels, repeat=orders)]
        return found * len(self.outputs)

    @property
    def epsilon(self) -> float:
        """The precision of the coarsest argument or result."""
        types = [t for t in (*self.inputs, *self.outputs) if is_inexact(t.dtype)]
        return coarsest(types)

    @property
    def by_position(self) -> tuple[Callable, list[Any], list[str]]:
        """The function with all its arguments by position, these, and what they are called."""
        if not self.kwargs:
            return self.f, list(self.args), self.names
        count, keys = len(self.args), list(self.kwargs)
        names = [*self.names, *keys]

        @wraps(self.f)
        def function(*values: Any) -> Any:
            return self.f(*values[:count], **dict(zip(keys, values[count:], strict=True)))

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter(name, kind) for name in names]
        )
        return function, [*self.args, *self.kwargs.values()], names

    @property
    def title(self) -> str:
        """What the derivative is called."""
        if self.kind == "hessian":
            return "Hessian"
        if not self.is_number:
            return "Jacobian"
        return "gradient" if len(self.inputs) > 1 or self.inputs[0].shape else "derivative"

    @property
    def at(self) -> str:
        """The arguments in words."""
        try:
            bound = inspect.signature(self.f).bind(*self.args, **self.kwargs).arguments
        except (TypeError, ValueError):
            bound = {f"argument {k}": x for k, x in enumerate(self.args)} | self.kwargs

        def one(x: Any) -> str:
            if not tree.is_leaf(x):
                return f"a {type(x).__name__}"
            if np.ndim(x) == 0 or np.size(x) <= 4:
                return short(x)
            return readable(x)

        return cut(", ".join([f"{name} = {one(x)}" for name, x in bound.items()]), WIDTH - 30)

    def blocks(self, value: Any) -> list[np.ndarray]:
        """A derivative as blocks of the expected shapes."""
        leaves = [np.asarray(x) for x in tree.flatten(value)[0]]
        if value is None or not all(x.dtype.kind in "biufc" for x in leaves):
            raise TypeError(f"gave a {type(value).__name__}, expected numbers")
        if [x.shape for x in leaves] == self.shapes:
            return leaves
        whole = leaves[0] if len(leaves) == 1 else None
        if whole is None and all(x.shape == () for x in leaves):
            whole = np.asarray(value)  # an array written as a list
        if whole is not None and whole.shape == self.shapes[0] and len(self.shapes) == 1:
            return [whole]
        if whole is not None and whole.size == len(self.shapes) and not any(self.shapes):
            return list(whole.reshape(-1))  # numbers, written as one array
        found, wanted = [shown([x.shape for x in leaves]), shown(self.shapes)]
        raise ValueError(f"gave the shape {found}, expected {wanted}")

    def assemble(self, blocks: Sequence[np.ndarray]) -> Any:
        """Blocks in the structure that `ad.jacobian` or `ad.hessian` gives."""
        values = [x.item() if x.ndim == 0 else x for x in map(np.asarray, blocks)]
        count = len(self.inputs)
        for _ in range(2 if self.kind == "hessian" else 1):
            values = [
                self.chosen.restore(values[k : k + count]) for k in range(0, len(values), count)
            ]
        return tree.unflatten(self.out_structure, values)


def shown(shapes: Sequence[tuple]) -> str:
    """Shapes in words."""
    return str(shapes[0]) if len(shapes) == 1 else str(list(shapes))


Watch = Callable[[Callable], Callable]  # puts a counter around a function, or leaves it alone
Maker = Callable[[Watch], Callable[[], Any]]  # gives the call that is measured


class Way(NamedTuple):
    """A name, and how the call is made that computes the derivative.

    `is_compiled` where such a call, once made, leaves the Python function behind; `runs` is about
    how often it runs the function, `numbers` about how many numbers it holds at once.
    """

    name: str
    make: Maker
    is_compiled: bool = False
    runs: float = 1.0
    numbers: float = 0.0

    def too_much(self, problem: Problem) -> str:
        """Why the way is not gone: it would take too long, or too much memory."""
        if self.runs * problem.seconds > LONGEST:
            return f"left out: it would run the function about {self.runs:,.0f} times"
        if self.numbers > MOST_NUMBERS:
            return f"left out: it would hold about {self.numbers:,.0f} numbers at once"
        return ""


class Found(NamedTuple):
    """A row, its value as blocks, and their estimated errors."""

    row: Row
    blocks: list[np.ndarray] | None
    estimates: list[np.ndarray] | None = None


def unwatched(function: Callable) -> Callable:
    """The function itself."""
    return function


def run(problem: Problem, way: Way, budget: float) -> Found:
    """Go one way: compute, count, measure."""
    counter = itertools.count()

    def counted(function: Callable) -> Callable:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            next(counter)
            return function(*args, **kwargs)

        return call

    if why := way.too_much(problem):
        return Found(Row(way.name, note=why), None)
    clock = time.perf_counter
    try:
        with warnings.catch_warnings():  # a result whose imaginary part is lost is none
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            begin = clock()
            call = way.make(unwatched if way.is_compiled else counted)
            found = call()
            first = clock() - begin
        count = next(counter)  # how often it was asked before
        estimate, estimates = None, None
        if isinstance(found, Estimated):
            estimates = [np.asarray(x) for x in tree.flatten(found.error)[0]]
            estimate = max([float(np.max(x, initial=0.0)) for x in estimates], default=0.0)
            found = found.value
        blocks = problem.blocks(found)
        best = best_of(call if way.is_compiled else way.make(unwatched), budget)
    except Exception as error:  # of whatever kind: the row says it
        return Found(Row(way.name, note=reason(error)), None)
    value = problem.assemble(blocks)
    return Found(Row(way.name, value, None, estimate, best, first, count), blocks, estimates)


def best_of(call: Callable[[], Any], budget: float) -> float:
    """Seconds of a call, the best of several."""
    clock = time.perf_counter
    start = clock()
    call()
    best = clock() - start
    batch = max(1, min(10_000, int(BATCH / max(best, 1e-9))))
    deadline = start + budget
    while clock() < deadline:
        begin = clock()
        for _ in range(batch):
            call()
        best = min(best, (clock() - begin) / batch)
    return best


def reason(error: BaseException) -> str:
    """Why a way gives nothing: the first line of the error."""
    text = str(error).strip().splitlines()
    name = type(error).__name__
    return cut(f"{name}: {text[0].strip()}" if text else name, WIDTH)


def difference(found: Sequence[np.ndarray], exact: Sequence[np.ndarray]) -> float:
    """The largest difference of an entry; two NaN agree, as do two equal infinities."""
    worst = 0.0
    for a, b in zip(found, exact, strict=True):
        with np.errstate(all="ignore"):
            agree = (a == b) | ((a != a) & (b != b))
            apart = np.where(agree, 0.0, np.abs(a - b))
        worst = float(np.maximum(worst, np.max(apart, initial=0.0)))  # a NaN stays
    return worst
