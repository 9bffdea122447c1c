"""Every ufunc of NumPy's list and its methods, with all options: NumPy's value and derivative, or
refused by name.

What NumPy itself does not take (a dtype without a loop, several axes for `subtract.reduce`) must be
refused by its kind of error; a ufunc of NumPy's list that the tables do not have is a failure.
"""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from dispatch_checks import Case, error_of, judge
from numpy.testing.overrides import get_overridable_numpy_ufuncs

INTEGERS = "(9 * a).astype(int)"
# name: the operands of a call; those of the methods are made of them
ONE = {
    **dict.fromkeys(
        "absolute arccos arcsin arcsinh arctan arctanh cbrt ceil conjugate cos cosh deg2rad degrees"
        " exp exp2 expm1 fabs floor isfinite isinf isnan log log10 log1p log2 logical_not negative"
        " positive rad2deg radians reciprocal rint sign signbit sin sinh spacing sqrt square tan"
        " tanh trunc _ones_like".split(),
        "a",
    ),
    "arccosh": "g",
    "bitwise_count": INTEGERS,
    "invert": INTEGERS,
}
TWO = {
    **dict.fromkeys(
        "add arctan2 copysign divide equal float_power floor_divide fmax fmin fmod greater"
        " greater_equal heaviside hypot less less_equal logaddexp logaddexp2 logical_and logical_or"
        " logical_xor maximum minimum multiply nextafter not_equal power remainder"
        " subtract".split(),
        ("a", "b"),
    ),
    **dict.fromkeys("bitwise_and bitwise_or bitwise_xor gcd lcm".split(), (INTEGERS, "J")),
    "ldexp": ("a", "J"),
    "left_shift": (INTEGERS, "J"),
    "right_shift": (INTEGERS, "J"),
}
OTHERS = {
    "clip": ["np._core.umath.clip(a, 0.3, b)", "into(np._core.umath.clip, b, a, 0.3, 0.6)"],
    "divmod": [
        "np.divmod(a, b)",
        "np.divmod(a, 0.3, out=(b * 1.0, None))",
        "np.divmod(a, b, dtype=np.float32)",
        "as numpy: np.divmod.reduce(a)",
    ],
    "frexp": [
        "np.frexp(a)",
        "np.frexp(a, out=(b * 1.0, None))",
        "as numpy: np.frexp(a, dtype=np.float32)",
    ],
    "isnat": ["refused: np.isnat(a)"],
    "matmul": [
        "np.matmul(q, r)",
        "np.matmul(d, a.T)",
        "np.matmul(u, q)",
        "np.matmul(q, r, axes=[(1, 0), (0, 1), (1, 0)])",
        "np.matmul(q, r, dtype=np.float32)",
        "np.matmul(q, r, order='F')",
        "into(np.matmul, b, q, a)",
        "as numpy: np.matmul(q, a.T)",
        "as numpy: np.matmul(q, r, where=True)",
    ],
    "matvec": ["np.matvec(q, u)", "np.matvec(d, a[0])", "into(np.matvec, u, q, u)"],
    "modf": [
        "np.modf(9 * a)",
        "np.modf(9 * a, out=(None, b * 1.0))",
        "np.modf(a, dtype=np.float32)",
    ],
    "vecdot": [
        "np.vecdot(a, b)",
        "np.vecdot(a, b, axis=0)",
        "np.vecdot(v + 1j * w, w)",
        "np.vecdot(a, b, keepdims=True)",
        "into(np.vecdot, u, a, b)",
    ],
    "vecmat": ["np.vecmat(u, q)", "np.vecmat(u, d[0])"],
}
TEXTS = (
    "_center _expandtabs _expandtabs_length _ljust _lstrip_chars _lstrip_whitespace _partition"
    " _partition_index _replace _rjust _rpartition _rpartition_index _rstrip_chars"
    " _rstrip_whitespace _slice _strip_chars _strip_whitespace _zfill count endswith find index"
    " isalnum isalpha isdecimal isdigit islower isnumeric isspace istitle isupper rfind rindex"
    " startswith str_len"
).split()
INNER = {"real", "imag"}  # NumPy 2.5 calls these inside `np.real` and `np.imag`


def calls(u: str, given: str) -> list[str]:
    """A ufunc itself with every option."""
    return [
        f"{u}({given})",
        f"{u}({given}, dtype=np.float32)",
        f"{u}({given}, dtype=complex)",
        f"{u}({given}, dtype=bool)",
        f"{u}({given}, casting='no')",
        f"{u}({given}, casting='unsafe', dtype=int)",
        f"{u}({given}, order='F', subok=False)",
        f"{u}({given}, signature=(None,) * {u}.nin + (np.float32,))",
        f"into({u}, b, {given})",
        f"into({u}, b, {given}, where=M)",
        f"into({u}, d, {given})",
        f"into({u}, v, {given})",
        f"into({u}, b, {given}, casting='no')",
        f"into({u}, J, {given}, casting='unsafe', where=a > 0)",
        f"{u}({given}, unknown=1)",
    ]


# NumPy's own `reduce` of these along contiguous rows is not `functools.reduce`, on some machines
# (its loops for several numbers at a time read what they have not written yet).
WRONG_ALONG_ROWS = ("np.arctan2", "np.power")


def of_two(u: str, a: str, b: str) -> list[str]:
    """The methods of a ufunc of two arguments."""
    last = 0 if u in WRONG_ALONG_ROWS else 1
    small = "u" if last else "a[0]"
    start = 0 if u == "np.floor_divide" else 1  # far from a step
    return [
        f"{u}.reduce({a})",
        f"{u}.reduce({a}, axis=None)",
        f"{u}.reduce({a}, axis={last}, keepdims=True)",
        f"{u}.reduce({a}, axis=(0, 1))",
        f"{u}.reduce({a}, axis={last}, dtype=np.float32)",
        f"{u}.reduce({a}, {last}, None, None, False, {start})",
        f"{u}.reduce({a}, axis={last}, initial={start}, where=M)",
        f"{u}.reduce({a}, axis={last}, where=M)",
        f"{u}.reduce({a}, axis=3)",
        f"{u}.reduce({a}[:, :0], axis=1)",
        f"{u}.reduce({a}[0, 0])",
        f"into({u}.reduce, {small}, {a}, axis={last})",
        f"into({u}.reduce, q, {a}, axis={last})",
        f"{u}.accumulate({a})",
        f"{u}.accumulate({a}, axis=1)",
        f"{u}.accumulate({a}, 1, np.float32)",
        f"{u}.accumulate({a}, axis=2)",
        f"into({u}.accumulate, b, {a}, axis=1)",
        f"{u}.reduceat({a}, [0, 2, 1, 1], axis={last})",
        f"{u}.reduceat({a}, [0, 2], dtype=np.float32)",
        f"{u}.reduceat({a}, [0, 9])",
        f"{u}.outer({a}[0], {b}[1])",
        f"{u}.outer({a}[:2, :2], 2)",
        f"{u}.outer({a}[0], {b}[1], dtype=np.float32)",
        f"into({u}.outer, a[:, None] * a, {a}[:, 0], {b}[:, :4])",
        f"written({u}.at, {a}, ([0, 2, 0], [1, 1, 1]), {b}[1, 1:])",
        f"written({u}.at, {a}, [1, 1], 2)",
        f"written({u}.at, {a}, I[:1], {b}[2])",
    ]


def decided(text: str) -> str:
    """A case that must be as NumPy's, in its errors too."""
    case = Case(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = error_of(case.plainly)
    if error is None and re.match(r"into\(\S+, J, ", text):  # an array of whole numbers is plain
        return f"under jit: {text}"
    return text if error is None else f"as numpy: {text}"


def table() -> dict[str, list[str]]:
    found = {**OTHERS}
    for name, a in ONE.items():
        u = f"np.{name}" if hasattr(np, name) else f"np._core.umath.{name}"
        texts = [*calls(u, a), f"written({u}.at, {a}, ([0, 2, 0], [1, 1, 1]))", f"{u}.reduce({a})"]
        found[name] = [decided(x) for x in texts]
        if a != INTEGERS:  # of plain values NumPy's own answer
            found[name].append(f"refused: {u}({a}, where=M)")
    for name, (a, b) in TWO.items():
        u = f"np.{name}"
        found[name] = [decided(x) for x in [*calls(u, f"{a}, {b}"), *of_two(u, a, b)]]
        if a != INTEGERS:
            found[name].append(f"refused: {u}({a}, {b}, where=M)")
    for name in TEXTS:
        ufunc = getattr(np._core.umath, name, None)
        if ufunc is not None:  # not all are as old as NumPy 2.0
            given = ", ".join(["a"] * ufunc.nin)
            found[name] = [f"refused: np._core.umath.{name}({given})"]
    return found


TABLE = table()
LISTED = {u.__name__ for u in get_overridable_numpy_ufuncs()} - INNER
CASES = [(name, text) for name in TABLE if name in LISTED for text in TABLE[name]]


def name_of(name: str) -> str:
    """How an error names a ufunc."""
    inner = name.lstrip("_")
    if name not in TEXTS:
        return f"np.{inner}"
    return f"np.strings.{inner if hasattr(np.strings, inner) else inner.partition('_')[0]}"


def test_every_ufunc_of_the_list_is_in_the_tables() -> None:
    assert not LISTED - TABLE.keys()


@pytest.mark.parametrize("name", [name for name in TABLE if name in LISTED])
@pytest.mark.parametrize(
    "as_library",
    [False, pytest.param(True, marks=pytest.mark.slow)],
    ids=["in the user's module", "in a library"],
)
def test_calls(name: str, as_library: bool) -> None:
    for text in TABLE[name]:
        judge(text, name_of(name), as_library, compiled=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TABLE if name in LISTED])
@pytest.mark.parametrize("as_library", [False, True], ids=["in the user's module", "in a library"])
def test_calls_under_jit(name: str, as_library: bool) -> None:
    for text in TABLE[name]:
        judge(text, name_of(name), as_library, compiled=True)
