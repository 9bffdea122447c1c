"""How a call written in a table is judged: NumPy's value and a derivative that agrees with a
difference, or a refusal that names the function.

A case is an expression such as `np.sum(a, axis=0)`.  Names in small letters are inputs that are
differentiated, names in capitals are plain arrays; `np` is the stand-in of the user's modules or,
as library code has it, NumPy itself.  What a case must do is written in front of it:

    (nothing)     NumPy's value, dtype and shape, and the derivative
    refused:      an error that names the function and says what to write instead
    under jit:    the same, under `jit` only (what it gives depends on values)
    in a library: the same, in library code only (NumPy asks for a plain array there)
    as numpy:     NumPy's own kind of error
"""

from __future__ import annotations

import operator
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import adjoint as ad

rng = np.random.default_rng(5)


def real() -> Any:
    """NumPy itself, as code outside the user's modules has it: no stand-in takes its place."""
    return sys.modules["numpy"]


def spread(*shape: int, low: float = 0.15, high: float = 0.85, at: float = 0.5) -> np.ndarray:
    """Numbers in an interval, far enough apart for differences, in no order; `at`: where in equal
    parts of the interval, so that those of two arrays are apart, too."""
    size = int(np.prod(shape))
    places = rng.permutation(size) + rng.uniform(at - 0.1, at + 0.1, size)
    return (low + (high - low) * places / size).reshape(shape)


INPUTS: dict[str, Any] = {
    "a": spread(3, 4, at=0.3),
    "b": spread(3, 4, at=0.7),
    "g": spread(3, 4, low=1.2, high=3.9),  # above 1
    "q": spread(3, 3) + 2.0 * np.eye(3),
    "r": spread(3, 3) + np.diag([2.0, 3.5, 5.5]),
    "e": spread(3, 4) + 2.0 * np.eye(3, 4),
    "s": 0.7,
    "t": np.float64(0.4),
    "v": spread(5, at=0.3),
    "w": spread(5, at=0.7),
    "k": np.sort(spread(5, at=0.1)),
    "u": spread(3),
    "d": spread(2, 3, 4),
    "z": spread(6),  # of which complex numbers are made
    "n": np.where([[True, False, True, True]] * 3, spread(3, 4), np.nan),
}
PLAIN: dict[str, Any] = {
    "M": np.array(
        [[True, False, True, True], [False, True, True, False], [True, True, True, True]]
    ),
    "I": np.array([2, 0, 1]),
    "J": np.array([[0, 2, 1, 1], [1, 0, 2, 0], [2, 2, 0, 1]]),
    "K": np.array([0, 3, 3, 1, 4]),
    "X": spread(3, 4),
    "V": spread(5, at=0.9),
    "G": np.linspace(0.0, 1.0, 4),
    "B": np.array([True, False, True, True, False]),
}


def written(function: Callable, x: Any, *args: Any, **options: Any) -> Any:
    """An array after a function has written into it."""
    made = x.copy()
    assert function(made, *args, **options) is None
    return made


def called(function: Callable, x: Any, *args: Any, **options: Any) -> Any:
    """What a function gives, and its first argument afterwards."""
    made = x.copy()
    return function(made, *args, **options), made


def into(function: Callable, out: Any, *args: Any, **options: Any) -> Any:
    """The array given as `out=`, which is the result."""
    made = out.copy()
    found = function(*args, out=made, **options)
    assert found is made
    return made


def set_flat(x: Any, values: Any) -> None:
    """Elements written by their number in C order."""
    x.flat[2:7] = values


HELPERS: dict[str, Any] = {
    "written": written,
    "called": called,
    "into": into,
    "set_flat": set_flat,
    "iadd": operator.iadd,
    "imatmul": operator.imatmul,
}


def leaves(x: Any) -> Iterator[Any]:
    """The numbers, arrays, texts and answers of a result, in order."""
    if isinstance(x, (tuple, list)):
        for part in x:
            yield from leaves(part)
    elif isinstance(x, dict):
        yield from leaves(list(x.values()))
    else:
        yield x


def is_number(x: Any) -> bool:
    return isinstance(getattr(x, "dtype", None), np.dtype) and x.dtype.kind in "biufc"


class Case:
    """One call: what it must do, its expression, and the inputs in it."""

    def __init__(self, text: str) -> None:
        found = re.fullmatch(r"(?:(refused|under jit|in a library|as numpy): )?(.*)", text)
        assert found
        self.must, self.text = found[1] or "", found[2]
        self.code = compile(self.text, "<case>", "eval")
        names = set(self.code.co_names)
        for inner in self.code.co_consts:
            names |= set(getattr(inner, "co_names", ()))
        self.names = [k for k in INPUTS if k in names]
        self.args = tuple(INPUTS[k] for k in self.names)
        assert self.names, f"no input in {text}"

    def value(self, numpy: Any, args: Any) -> Any:
        space = {**PLAIN, **HELPERS, **dict(zip(self.names, args, strict=True)), "np": numpy}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of empty slices, of poor fits
            return eval(self.code, space)

    def plainly(self) -> Any:
        """NumPy's own answer."""
        return self.value(real(), self.args)

    def total(self, found: Any) -> Any:
        """A number of all that could be differentiated."""
        total: Any = 0.0
        for x in leaves(found):
            if is_number(x) and x.dtype.kind in "fc":
                size = int(np.prod(x.shape))
                finite = np.cos(np.arange(size)).reshape(x.shape)
                with np.errstate(all="ignore"):
                    x = x.real + 0.7 * x.imag if x.dtype.kind == "c" else x
                    total = total + (x * finite).sum()
            elif type(x) is float:
                total = total + x
        return total

    def slope(self) -> Any:
        """The difference along a direction, and the direction."""
        tangents = [np.sin(1.0 + np.arange(np.size(x))).reshape(np.shape(x)) for x in self.args]
        h = 1e-3

        def at(step: float) -> float:
            moved = [
                type(x)(x + step * h * t) if not np.ndim(x) else x + step * h * t
                for x, t in zip(self.args, tangents, strict=True)
            ]
            return float(self.total(self.value(real(), moved)))

        return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h), tangents


def judge(text: str, name: str, as_library: bool, compiled: bool) -> None:
    """Judge one case of the function of this name."""
    case = Case(text)
    refused = {"refused": True, "under jit": compiled, "in a library": as_library}
    must_fail = case.must == "as numpy" or refused.get(case.must, False)
    error = None if case.must == "refused" else error_of(case.plainly)
    if case.must != "as numpy" and re.search("unexpected|invalid keyword|positional", str(error)):
        return  # an option that this version of NumPy does not have yet
    wanted = [] if must_fail else list(leaves(case.plainly()))
    types = tuple([(x.shape, x.dtype) if is_number(x) else x for x in wanted])

    def run(*args: Any) -> Any:
        found = case.value(real() if as_library else np, args)
        given = list(leaves(found))
        if not must_fail:
            assert len(given) == len(types), (case.text, given, types)
            for x, t in zip(given, types, strict=True):
                alike(x, t, case.text, compiled)
        return case.total(found), [x if is_number(x) else 0.0 for x in given]

    places = tuple(range(len(case.args)))
    transformed = ad.value_and_grad(run, argnums=places, has_aux=True)
    transformed = ad.jit(transformed) if compiled else transformed
    if case.must == "as numpy":
        assert error is not None, f"NumPy takes {case.text}"
        given = error_of(lambda: transformed(*case.args))
        assert given is not None, f"{case.text} gives a result; NumPy raises {error!r}"
        kinds = [k for k in type(error).__mro__ if k not in (Exception, BaseException, object)]
        assert isinstance(given, (ad.TracingError, *kinds)), (case.text, given, error)
        return
    if must_fail:
        refusal(transformed, case, name)
        return
    (_, values), slopes = transformed(*case.args)
    for x, y in zip(wanted, values, strict=True):
        if not is_number(x) and not (type(x) in (bool, int, float) and is_number(y)):
            continue  # it was compared when the function was traced
        y = np.asarray(y)
        assert not is_number(x) or (y.shape, y.dtype) == (x.shape, x.dtype), (case.text, y, x)
        close = 2e-6 if y.dtype.char in "fF" else 2e-3 if y.dtype.char == "e" else 1e-12
        np.testing.assert_allclose(y, x, rtol=close, atol=close, err_msg=case.text)
    if any(is_number(x) and x.dtype.kind in "fc" and not np.all(np.isfinite(x)) for x in wanted):
        return  # a difference of NaNs
    single = any(is_number(x) and x.dtype.char in "efF" for x in wanted) or "float32" in text
    slope, tangents = case.slope()
    along = sum(np.sum(g * t) for g, t in zip(slopes, tangents, strict=True))
    for g, x in zip(slopes, case.args, strict=True):
        assert np.shape(g) == np.shape(x), case.text
    close = 2e-2 if single else 1e-6
    np.testing.assert_allclose(along, slope, rtol=close, atol=close, err_msg=case.text)


def alike(found: Any, wanted: Any, text: str, compiled: bool) -> None:
    """What a function has given, while it is traced, has the type that NumPy's result has; what is
    no number is NumPy's."""
    if isinstance(wanted, tuple):
        assert is_number(found), (text, found, wanted)
        assert (found.shape, found.dtype) == wanted, (text, found.shape, found.dtype, wanted)
    elif is_number(found):  # one that `jit` has as an array without axes
        assert type(wanted) in (bool, int, float), (text, found, wanted)
        assert found.shape == (), (text, found, wanted)
    elif compiled and isinstance(wanted, str):  # it shows what is known when it is recorded
        assert isinstance(found, str), (text, found, wanted)
    else:
        assert found == wanted, (text, found, wanted)


def error_of(call: Callable) -> Any:
    """The exception that a call raises."""
    try:
        call()
    except Exception as error:
        return error
    return None


def refusal(transformed: Callable, case: Case, name: str) -> None:
    """It is refused, by name, and told what to write instead."""
    error = error_of(lambda: transformed(*case.args))
    assert error is not None, f"{case.text} was to be refused"
    assert isinstance(error, ad.AdjointError), f"{case.text}: {error!r}"
    text = str(error)
    if case.must == "in a library":  # of what asks for a plain array nothing is known
        assert "was to become a plain array" in text, f"{case.text}: {text}"
    else:
        named = text.split("\n  at ")[0]
        assert re.search(rf"\b{re.escape(name)}\b", named), f"{case.text}: {text}"
    assert "write instead: " in text, f"{case.text}: {text}"
