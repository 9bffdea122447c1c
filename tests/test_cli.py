"""The command line: what each command prints, gives as JSON, refuses, and its exit codes."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_checks import run, working_in

from adjoint import cli
from adjoint.__main__ import main
from adjoint.cli import Reader, Refusal, with_all_values
from adjoint.cli.shown import plain

pytest.importorskip("typer", reason="typer is not installed: no command line but the tour")
pytest.importorskip("rich", reason="rich is not installed: no command line but the tour")

MODEL = '''\
"""A model."""

import numpy as np


def loss(x, y):
    return x**2 * y + y + 2


def slope(x, y):
    return 2 * x * y, x**2 + 1


def wrong_slope(x, y):
    return 2 * x * y, x**2


def steps(x, n: int, scale=2):
    for _ in range(n):
        x = np.sin(x) * scale
    return x


def opaque(x):
    raw = np.asarray(x)
    bits = raw.tobytes()
    return np.frombuffer(bits)[0] ** 2


def broken(x):
    table = {}
    return table[x]


def norm(v, *, power=2.0):
    return np.sum(np.abs(v) ** power)


RATE = 3.0
'''


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with `model.py`, which is the working directory."""
    with working_in(tmp_path, monkeypatch, {"model.py": MODEL}, 120) as place:
        yield place


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide page."""
    monkeypatch.setenv("COLUMNS", "120")


def masked(text: str) -> str:
    """Without times and what depends on them; columns apart by two spaces."""
    text = re.sub(r"\b\d[\d.,]* (ns|us|ms|s)\b", "TIME", text)
    text = re.sub(
        r"complex step, extended precision|reverse mode(?=;|$)", "REFERENCE", text, flags=re.M
    )
    lines = [re.sub(r" {2,}", "  ", line.strip()) for line in text.splitlines()]
    return "\n".join(line for line in lines if line and set(line) - set("─━ "))


# ---------------------------------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3), ("-2.5e-3", -2.5e-3), ("1/3", 1 / 3), ("2*pi", 2 * np.pi), ("-e", -np.e),
        ("inf", np.inf), ("1+2j", 1 + 2j), ("(3)", 3), ("'cubic'", "cubic"), ("True", True),
        ("true", True), ("null", None), ("None", None), ('{"a": 2, "b": {"c": -1.5}}',
         {"a": 2, "b": {"c": -1.5}}), ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ('["a", 1]', ["a", 1]),
    ],
)  # fmt: skip
def test_numbers(text: str, value: Any) -> None:
    found = Reader().value(text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1,2,3]", [1.0, 2.0, 3.0]),
        ("[[1, -2], [3, 1/4]]", [[1.0, -2.0], [3.0, 0.25]]),
        ("(1, 2)", [1.0, 2.0]),
        ("[zeros(2), [1, pi]]", [[0.0, 0.0], [1.0, np.pi]]),
        ("zeros(2, 3)", np.zeros((2, 3))),
        ("ones(2)", [1.0, 1.0]),
        ("linspace(0, 1, 5)", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("linspace(-1, 2*pi, 2)", [-1.0, 2 * np.pi]),
        ("arange(3)", [0.0, 1.0, 2.0]),
        ("eye(2)", [[1.0, 0.0], [0.0, 1.0]]),
        ("[1j, 2]", [1j, 2.0]),
    ],
)
def test_arrays(text: str, value: Any) -> None:
    found = Reader().value(text)
    np.testing.assert_array_equal(found, value)
    assert found.dtype == np.asarray(value).dtype and found.shape == np.shape(value)


def test_random_values_are_the_same_at_every_run_and_differ() -> None:
    reader = Reader()
    one, two = reader.value("normal(3,4)"), reader.value("normal(3,4)")
    assert one.shape == (3, 4) and not (one == two).any()
    np.testing.assert_array_equal(one, Reader().value("normal(3, 4)"))
    assert ((reader.value("uniform(5)") >= 0) & (reader.value("uniform(5)") < 1)).all()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("__import__('os')", "ValueError: no `__import__`, there are zeros, ones, normal, uniform, "
         "linspace, arange, eye"),
        ("zeros('os')", "ValueError: `'os'` is no number"),
        ("zeros.__class__", "ValueError: `zeros.__class__` may not stand there"),
        ("open(3)", "ValueError: no `open`, there are zeros, ones, normal, uniform, linspace, "
         "arange, eye"),
        ("x", "ValueError: `x` may not stand there"),
        ("b'3'", "ValueError: `b'3'` may not stand there"),
        ("f'{x}'", "ValueError: `f'{x}'` may not stand there"),
        ("'a' * 9", "ValueError: `'a'` is no number"),
        ("-True", "ValueError: `True` is no number"),
        ("{1: 2}", "ValueError: `{1: 2}`: its keys are to be texts in quotes"),
        ("{**x}", "ValueError: `{**x}`: its keys are to be texts in quotes"),
        ("{'a': [1, [2, 3]]}", "ValueError: its rows are of different lengths"),
        ("[1, [2, 3]]", "ValueError: its rows are of different lengths"),
        ("-[1]", "ValueError: `[1]` is no number"),
        ("2**9999999", "ValueError: `2 ** 9999999` may not stand there"),
        ("1/0", "ZeroDivisionError: division by zero"),
        ("zeros(1.5)", "ValueError: zeros takes whole numbers, 0 or more"),
        ("zeros(-1)", "ValueError: zeros takes whole numbers, 0 or more"),
        ("zeros(100000, 100000)", "ValueError: zeros of more than 10,000,000 elements"),
        ("linspace(0, 1)", "ValueError: linspace does not take 2 numbers"),
        ("eye(100000)", "ValueError: eye of more than 10,000,000 elements"),
        ("normal(3, scale=2)", "ValueError: `normal(3, scale=2)` may not stand there"),
        ("[" * 30 + "]" * 30, "ValueError: nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_no_value(text: str, why: str) -> None:
    with pytest.raises(Refusal) as caught:
        Reader().value(text)
    assert str(caught.value) == f"{text!r} is no value ({why}): {cli.AT}"


def test_containers_hold_arrays() -> None:
    found = Reader().value('{"w": [[1, 2], [3, 4]], "parts": [{"b": [1, 2]}, 3], "z": zeros(2)}')
    np.testing.assert_array_equal(found["w"], [[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(found["parts"][0]["b"], [1.0, 2.0])
    assert found["w"].dtype == float and found["parts"][1] == 3
    np.testing.assert_array_equal(found["z"], [0.0, 0.0])


def test_files_as_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.array([[1, 2], [3, 4]], np.int32))
    np.save("single.npy", np.array([1, 2], np.float32))
    np.save("text.npy", np.array(["a"]))
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    Path("named.csv").write_text("time,height\n0,1.5\n1,2.5\n")
    Path("plain.csv").write_text("0,1.5\n1,2.5\n")
    Path("one.txt").write_text("# seconds\n1\n2\n3\n")
    Path("blanks.dat").write_text("1 2\n3 4\n")
    Path("bad.csv").write_text("1,2\n3,x\n")
    Path("p.json").write_text('{"rate": 2, "start": [0, 1], "on": true}')
    value = Reader().value
    np.testing.assert_array_equal(value("a.npy"), [[1.0, 2.0], [3.0, 4.0]])
    assert value("a.npy").dtype == float and value("single.npy").dtype == np.float32
    for name in ("named.csv", "plain.csv"):
        np.testing.assert_array_equal(value(name), [[0.0, 1.5], [1.0, 2.5]])
    np.testing.assert_array_equal(value("one.txt"), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(value("blanks.dat"), [[1.0, 2.0], [3.0, 4.0]])
    assert value("p.json")["rate"] == 2 and value("p.json")["on"] is True
    np.testing.assert_array_equal(value("p.json")["start"], [0.0, 1.0])
    for name, text in (
        ("absent.npy", "there is no file absent.npy"),
        ("text.npy", "text.npy cannot be read: ValueError: it holds <U1, not numbers"),
        ("objects.npy", "objects.npy cannot be read: ValueError: Object arrays cannot be loaded "
         "when allow_pickle=False"),
    ):  # fmt: skip
        with pytest.raises(Refusal) as caught:
            value(name)
        assert str(caught.value) == text
    with pytest.raises(Refusal, match=r"bad\.csv cannot be read: ValueError: could not convert"):
        value("bad.csv")


def test_values_that_do_not_parse() -> None:
    for text in ("3 +", "", "[1, 2", "x=3"):
        with pytest.raises(Refusal, match="is no value"):
            Reader().value(text)
    with pytest.raises(Refusal, match="a value has 20,000 characters, 10,000 are allowed"):
        Reader().value("1" * 20_000)
    for text in ("-" * 9_000 + "1", "(" * 4_000 + "1" + ")" * 4_000):
        with pytest.raises(Refusal, match="is no value"):
            Reader().value(text)


def test_several_values_after_one_at() -> None:
    assert with_all_values("diff x*y --at x=3 y=4 --json".split()) == (
        "diff x*y --at x=3 --at y=4 --json".split()
    )
    assert with_all_values(["--at", "x=3", "-o", "y=4"]) == ["--at", "x=3", "-o", "y=4"]
    assert with_all_values(["--at=x=3", "y=4"]) == ["--at=x=3", "--at", "y=4"]
    assert with_all_values(["--at", "x=3", "--at", "y=4"]) == ["--at", "x=3", "--at", "y=4"]
    assert with_all_values(["f.py:g", "--at"]) == ["f.py:g", "--at"]


# -------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("check", "absent.py:loss", "--at", "x=1"), "there is no file absent.py"),
        (("check", "model.py", "--at", "x=1"),
         "'model.py' came, expected FILE.py:function, such as model.py:loss"),
        (("time", "model.py:los", "--at", "x=1"),
         "model.py has no function 'los': is it 'loss'?"),
        (("time", "model.py:RATE", "--at", "x=1"),
         "RATE in model.py is no function but a float; it has loss, slope, wrong_slope, steps, "
         "opaque, broken, norm"),
        (("explain", "model.py:zzz", "--at", "x=1"),
         "model.py has no function 'zzz'; it has loss, slope, wrong_slope, steps, opaque, broken, "
         "norm"),
        (("check", "model.py:loss"), "loss needs a value for x, y: --at x=.. y=.."),
        (("check", "model.py:loss", "--at", "x=1"), "loss needs a value for y: --at y=.."),
        (("check", "model.py:loss", "--at", "x=1", "z=2"),
         "loss has no parameter 'z'; it has x, y"),
        (("check", "model.py:loss", "--at", "x"), f"--at got 'x', expected name=value: {cli.AT}"),
        (("check", "model.py:loss", "--at", "x=1", "x=2"), "--at gives x twice"),
        (("check", "model.py:loss", "--at", "x=1", "y=2", "--gradient", "slop"),
         "model.py has no function 'slop': is it 'slope'?"),
        (("check", "model.py:loss", "--at", "x=1", "y=2", "--by", "z"),
         "--by names 'z', for which there is no value; there are x, y"),
        (("time", "model.py:broken", "--at", "x=1"), "broken fails: line 32: KeyError: 1.0"),
        (("time", "model.py:loss", "--at", "x=1", "y=2", "--peers", "numba"),
         "ad.compare got peers='numba'. expected: one of 'jax', 'torch', 'sympy'"),
        (("explain", "model.py:loss", "--at", "x=1", "y=2", "--stage", "ptx"),
         "ad.explain got stage='ptx'. expected: 'graph', 'optimized', 'expressions', 'plan', "
         "'loops', 'llvm', 'assembly'"),
    ],
)  # fmt: skip
def test_mistakes(
    model: Path, capsys: pytest.CaptureFixture, words: tuple[str, ...], text: str
) -> None:
    assert run(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"adjoint: {text}\n"


def test_files_that_do_not_load(model: Path, capsys: pytest.CaptureFixture) -> None:
    (model / "wrong.py").write_text("x = 1\n\ny = x / 0\n")
    assert run("check", "wrong.py:f", "--at", "x=1") == 2
    assert capsys.readouterr().err == (
        "adjoint: wrong.py does not load: line 3: ZeroDivisionError: division by zero\n"
    )
    (model / "unread.py").write_text("def f(x:\n    return x\n")
    assert run("check", "unread.py:f", "--at", "x=1") == 2
    assert capsys.readouterr().err.startswith(
        "adjoint: unread.py does not load: line 1: SyntaxError: "
    )


def test_a_file_may_have_the_name_of_a_module(model: Path, capsys: pytest.CaptureFixture) -> None:
    (model / "json.py").write_text("def f(x):\n    return x * x\n")
    assert run("check", "json.py:f", "--at", "x=3") == 0
    assert sys.modules["json"] is json


@pytest.mark.parametrize(
    "words", [("diff",), ("check", "a.py:f", "--fast"), ("check", "a.py:f", "--order", "9")]
)
def test_words_that_are_no_command(words: tuple[str, ...], capsys: pytest.CaptureFixture) -> None:
    assert run(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and f"Usage: python -m adjoint {words[0]}" in captured.err


@pytest.mark.parametrize("absent", ["typer", "rich"])
@pytest.mark.parametrize("command", [name for name in cli.COMMANDS if name != "tour"])
def test_without_the_extra(
    command: str, absent: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    assert run(command, "x", "--at", "x=1") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"`adjoint {command}` needs typer and rich: pip install 'adjoint[cli]'\n"
    )


def test_help_needs_no_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit) as stopped:
        run("--help")
    assert stopped.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for name, what in cli.COMMANDS.items():
        assert f"{name} {what}" in text


# ---------------------------------------------------------------------------------- what is shown

DIFF = """\
formula  at x = 3, y = 4
f  x**2*y + y + 2  42.0
df/dx  2*x*y  24.0
df/dy  x**2 + 1  10.0
d2f/dx2  2*y  8.0
d2f/dx dy  2*x  6.0
d2f/dy2  0  0.0
gradient of f at x = 3.0, y = 4.0
way  value  error  a call  first call  runs
forward differences  (24.00000015894572, 10.0)  1.6e-07  TIME  TIME  7
central differences  (23.99999999997858, 9.999999999942185)  5.8e-11  TIME  TIME  9
Richardson extrapolation  (23.999999999999783, 9.999999999999964)  2.2e-13  TIME  TIME  9
complex step  (24.0, 9.999999999999998)  1.8e-15  TIME  TIME  3
forward mode  (24.0, 10.0)  0.0e+00  TIME  TIME  1
reverse mode  (24.0, 10.0)  0.0e+00  TIME  TIME  1
reverse mode, jitted  (24.0, 10.0)  0.0e+00  TIME  TIME  0
formulae  (24.0, 10.0)  0.0e+00  TIME  TIME  0
error: largest difference from REFERENCE; runs: of the function, in a call"""


def test_diff(capsys: pytest.CaptureFixture, page: None) -> None:
    assert run("diff", "x**2*y + y + 2", "--at", "x=3", "y=4", "--peers", "") == 0
    assert masked(capsys.readouterr().out) == DIFF


def test_diff_shows_values_of_what_was_written(capsys: pytest.CaptureFixture, page: None) -> None:
    """Formulae are simplified, values are not those of simplified formulae."""
    with np.errstate(all="ignore"):
        assert run("diff", "x/x", "--at", "x=0") == 0
    assert re.search(r"^f +x/x +nan$", capsys.readouterr().out, re.M)


def test_diff_of_a_long_formula_is_not_cut(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run("diff", "sin(exp(x*cos(x)))", "--at", "x=0.5") == 0
    text = capsys.readouterr().out
    assert "…" not in text
    assert re.search(r"^df/dx +cos\(exp.* 0\.0197484010527469\d+$", text, re.M)


def test_diff_without_values(capsys: pytest.CaptureFixture, page: None) -> None:
    assert run("diff", "-sin(x)") == 0
    text = masked(capsys.readouterr().out)
    assert text == "formula\nf  -sin(x)\ndf/dx  -cos(x)\nd2f/dx2  sin(x)"
    assert run("diff", "3 + 4") == 0
    assert masked(capsys.readouterr().out) == "formula  value\nf  3 + 4  7.0"


def test_diff_as_json(capsys: pytest.CaptureFixture) -> None:
    assert run("diff", "x**2*y + y + 2", "--json", "--at", "x=3", "y=4") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["expression"] == "x**2*y + y + 2" and data["value"] == 42.0
    assert [one["formula"] for one in data["gradient"]] == ["2*x*y", "x**2 + 1"]
    assert [one["value"] for one in data["gradient"]] == [24.0, 10.0]
    assert [[one["value"] for one in row] for row in data["hessian"]] == [[8.0, 6.0], [6.0, 0.0]]
    assert data["gradient"][1]["latex"] == "x^{2} + 1"
    rows = {row["way"]: row for row in data["comparison"]["rows"]}
    assert rows["reverse mode"]["value"] == [24.0, 10.0]
    assert rows["forward differences"]["evaluations"] == 7


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("x.real",), "the expression contains an attribute.\n  expected: numbers, names, "
         "arithmetic and named functions"),
        (("x +",), "the expression is no formula at column 4: x +.\n  expected: arithmetic as in "
         "Python"),
        (("x*y", "--at", "x=3"), "there is no value for y: --at y=.."),
        (("x*y", "--at", "x=3", "y=1", "z=1"), "x*y has no symbol 'z'; it has x, y"),
        (("x*y", "--at", "x=3", "y=[1,2]"), "y is to be a number: a formula's symbols are numbers"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["diff", "draw"])
def test_what_is_no_formula(
    command: str, words: tuple[str, ...], text: str, capsys: pytest.CaptureFixture
) -> None:
    assert run(command, *words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"adjoint: {text}\n"


CHECK = """\
loss = 42.0
order  mode  argument  expected  found  error  allowed  ok
1  given  x  -5.250999934  -5.250999934  ERROR  9.3e-07  yes
1  given  y  -12.45910947  -11.21319853  1.2e+00  2.0e-06  NO
wrong_slope is WRONG: 1 of 2 entries are wrong; it by y is 9.0, expected 10.0
loss differentiates, up to order 2, in both modes: all agree"""


def test_check(model: Path, capsys: pytest.CaptureFixture) -> None:
    assert run("check", "model.py:loss", "--at", "x=3", "y=4", "--gradient", "slope") == 0
    lines = masked(capsys.readouterr().out).splitlines()
    assert lines[0] == "loss = 42.0"
    assert len(lines) == 2 + 12 + 2 + 2 and all(line.endswith("  yes") for line in lines[2:16])
    assert lines[16:] == [
        "slope is right: compared with differences",
        "loss differentiates, up to order 2, in both modes: all agree",
    ]
    assert run("check", "model.py:loss", "--at", "x=3", "y=4", "--gradient", "wrong_slope") == 1
    text = masked(capsys.readouterr().out)
    kept = [x for x in text.splitlines() if "forward" not in x and "reverse" not in x]
    assert re.sub(r"\d\.\de-1\d|0\.0e\+00", "ERROR", "\n".join(kept)) == CHECK


def test_check_of_a_function_that_hides_its_argument(
    model: Path, capsys: pytest.CaptureFixture
) -> None:
    (model / "search.py").write_text(
        "def root(a):\n"
        "    low, high = 0.0, 2.0\n"
        "    for _ in range(50):\n"
        "        middle = (low + high) / 2\n"
        "        low, high = (low, middle) if middle**2 > a else (middle, high)\n"
        "    return low\n"
    )
    assert run("check", "search.py:root", "--at", "a=2", "--order", "1") == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "root is differentiated WRONGLY: 2 of 2 comparisons disagree"


def test_check_names_the_line(model: Path, capsys: pytest.CaptureFixture) -> None:
    assert run("check", "model.py:opaque", "--at", "x=3") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "opaque = 9.0",
        "opaque does not differentiate:",
        "  model.py:26: bits = raw.tobytes()",
    ]
    assert lines[3].startswith("  ndarray.tobytes of a traced value was to give bytes")
    assert run("check", "model.py:opaque", "--at", "x=3", "--json") == 1
    data = json.loads(capsys.readouterr().out)
    assert data["line"] == 26 and data["source"] == "bits = raw.tobytes()"
    assert data["differentiates"] is data["ok"] is False
    assert data["kind"] == "TracingError" and data["value"] == 9.0


def test_check_a_gradient_of_what_does_not_differentiate(
    model: Path, capsys: pytest.CaptureFixture
) -> None:
    (model / "other.py").write_text(
        "import numpy as np\n\n\ndef opaque(x):\n    return np.frombuffer(x.tobytes())[0] ** 2\n"
        "\n\ndef slope(x):\n    return np.array([2 * x[0], 0.0])\n"
    )
    assert run("check", "other.py:opaque", "--at", "x=[3,1]", "--gradient", "slope") == 1
    lines = masked(capsys.readouterr().out).splitlines()
    assert lines[1:3] == [
        "opaque does not differentiate:",
        "other.py:5: return np.frombuffer(x.tobytes())[0] ** 2",
    ]
    assert lines[-1] == "slope is right: compared with differences"
    assert lines[-2].startswith("1  given  x  ") and lines[-2].endswith("  yes")


def test_check_by_some_arguments(model: Path, capsys: pytest.CaptureFixture) -> None:
    """The others are constants, and the gradient by hand is that in the chosen ones."""
    (model / "third.py").write_text(
        "def f(x, y, *, z):\n    return x * y**2 * z\n\n\ndef slope(x, y, *, z):\n"
        "    return 2 * x * y * z, x * y**2\n"
    )
    words = ("check", "third.py:f", "--at", "x=3", "y=4", "z=5", "--json", "--gradient", "slope")
    assert run(*words, "--by", "y,z") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["direction"] for row in rows} == {"y", "z"}
    assert [row["direction"] for row in rows if row["mode"] == "given"] == ["y", "z"]
    assert run(*words, "--by", "x,z") == 1
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["ok"] for row in rows if row["mode"] == "given"] == [False, True]


def test_check_what_fails_by_itself(model: Path, capsys: pytest.CaptureFixture) -> None:
    assert run("check", "model.py:broken", "--at", "x=3") == 1
    assert capsys.readouterr().out == (
        "broken fails before anything is differentiated:\n"
        "  model.py:32: return table[x]\n  KeyError: 3.0\n"
        "  x came as a whole number and was taken as a float, to differentiate by it: `--by` with "
        "the names of the others alone holds it as it is\n"
    )


def test_whole_numbers_are_constants_where_the_function_says_so(
    model: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run("check", "model.py:steps", "--at", "x=3", "n=5", "--json") == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["direction"] for row in rows} == {"x"}
    assert run("time", "model.py:steps", "--at", "x=3", "n=5", "--json", "--peers", "") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["derivative"]["at"] == "x = 3.0, n = 5, scale = 2"
    assert data["derivative"]["kind"] == "derivative"


TIME = """\
gradient of loss at x = 3.0, y = 4.0
a call  relative  first call  error
loss, NumPy  TIME  #  TIME
loss, jitted  TIME  #  TIME
forward differences  TIME  #  TIME  1.6e-07
central differences  TIME  #  TIME  5.8e-11
Richardson extrapolation  TIME  #  TIME  2.2e-13
complex step  TIME  #  TIME  1.8e-15
forward mode  TIME  #  TIME  0.0e+00
reverse mode  TIME  #  TIME  0.0e+00
reverse mode, jitted  TIME  #  TIME  0.0e+00
formulae  TIME  #  TIME  0.0e+00
SymPy, lambdified  TIME  #  TIME  0.0e+00
relative: in calls of loss; error: largest difference from REFERENCE"""


def test_time(model: Path, capsys: pytest.CaptureFixture) -> None:
    assert run("time", "model.py:loss", "--at", "x=3", "y=4", "--peers", "sympy") == 0
    text = re.sub(r"TIME  \S+  TIME", "TIME  #  TIME", masked(capsys.readouterr().out))
    assert text == TIME


def test_time_says_what_cannot_be(model: Path, capsys: pytest.CaptureFixture) -> None:
    assert run("time", "model.py:opaque", "--at", "x=3", "--peers", "") == 0
    lines = masked(capsys.readouterr().out).splitlines()
    assert [x for x in lines if x.startswith("reverse mode: ")] == [
        "reverse mode: TracingError: ndarray.tobytes of a traced value was to give bytes, which "
        "would lose its derivative."
    ]
    assert lines[-1] == (
        "relative: in calls of opaque; error: largest difference from Richardson extrapolation"
    )


def test_explain(model: Path, capsys: pytest.CaptureFixture) -> None:
    assert run("explain", "model.py:loss", "--at", "x=3", "y=4", "--stage", "optimized") == 0
    assert capsys.readouterr().out == (
        "loss(%0: float64[]~, %1: float64[]~) {\n"
        "  %2: int64[]~ = constant value=2\n"
        "  %3: float64[]~ = pow %0, %2\n"
        "  %4: float64[]~ = mul %3, %1\n"
        "  %5: float64[]~ = add %4, %1\n"
        "  %6: float64[]~ = add %5, %2\n"
        "  return %6\n"
        "}\n"
    )
    assert run("explain", "model.py:loss", "--at", "x=3", "y=4", "--derivative") == 0
    text = capsys.readouterr().out
    assert text.startswith("loss(x: float, y: float) -> float, float\n\nStages\n  trace ")
    assert "model.py:7: return x**2 * y + y + 2" in text
    assert text.endswith("Not compiled\n  nothing: all of it is machine code\n")
    assert run("explain", "model.py:loss", "--at", "x=3", "y=4", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["name"] == "loss" and data["not_compiled"] == []


DRAWN = """\
name  operation  value  adjoint
x     input          3       24
y     input          4       10
v1    x ** 2         9        4
v2    v1 * y        36        1
v3    v2 + y        40        1
f     v3 + 2        42        1
written: graph.mmd
"""


def test_draw(model: Path, capsys: pytest.CaptureFixture) -> None:
    words = ("--at", "x=3", "y=4", "-o", "graph.mmd")
    assert run("draw", "x**2*y + y + 2", *words) == 0
    assert capsys.readouterr().out == DRAWN
    assert (model / "graph.mmd").read_text().startswith("flowchart ")
    assert run("draw", "model.py:loss", *words) == 0
    assert capsys.readouterr().out == DRAWN.replace("f     v3", "loss  v3")
    assert run("draw", "x**2", "-o", "graph.dot") == 0
    assert capsys.readouterr().out == (
        "name  operation\nx     input\nf     x ** 2\nwritten: graph.dot\n"
    )
    assert run("draw", "model.py:norm", "--at", "v=[1,2]", "-o", "n.dot", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["written"] == "n.dot" and data["rows"][0]["adjoint"] == [2.0, 4.0]


def test_draw_as_svg(model: Path, capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("graphlay")
    assert run("draw", "sin(x)", "--at", "x=1", "--mode", "forward") == 0
    assert capsys.readouterr().out.endswith("written: graph.svg\n")
    assert (model / "graph.svg").read_text().startswith("<svg ")


def test_draw_what_it_cannot(
    model: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("draw", "sin(x)", "-o", "graph.bmp") == 2
    assert capsys.readouterr().err == (
        "adjoint: save got 'graph.bmp', whose ending names no format it writes. expected: a path "
        "that ends in .svg, .png, .dot, .mmd\n"
    )
    assert run("draw", "sin(x)", "--at", "x=1", "--mode", "sideways") == 2
    assert capsys.readouterr().err == (
        "adjoint: ad.draw got mode='sideways'. expected: None, 'forward' or 'reverse'\n"
    )
    monkeypatch.setitem(sys.modules, "graphlay", None)
    assert run("draw", "sin(x)") == 2
    assert "pip install 'adjoint[draw]'" in capsys.readouterr().err
    assert not (model / "graph.svg").exists()


def test_tour_as_json(tmp_path: Path, monkeypatch: Any, capsys: pytest.CaptureFixture) -> None:
    def played(output: str, stream: Any) -> int:
        stream.write(f"into {output}\n")
        return 1

    monkeypatch.setattr(cli, "run_tour", played)
    assert run("tour", "--output", "there", "--json") == 1
    assert json.loads(capsys.readouterr().out) == {
        "command": "tour", "error": None, "code": 1, "text": "into there\n",
    }  # fmt: skip


def test_json_knows_numbers() -> None:
    data = {"a": np.float32(0.5), "b": [np.arange(2), 1j, (np.inf, np.nan)], "c": None, 4: True}
    assert plain(data) == {
        "a": 0.5, "b": [[0, 1], {"real": 0.0, "imag": 1.0}, ["inf", "nan"]], "c": None, "4": True,
    }  # fmt: skip


def test_as_a_process(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    words = ["check", "model.py:loss", "--at", "x=3", "y=4", "--order", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "adjoint", *words], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("loss = 42.0\n") and "\x1b" not in done.stdout
    assert done.stdout.endswith("differentiates, up to order 1, in both modes: all agree\n")


def test_a_file_has_no_width(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert run("diff", "x**2*y + y + 2", "--at", "x=3", "y=4", "--peers", "sympy") == 0
    assert masked(capsys.readouterr().out) == DIFF.replace(
        "formulae  (24.0, 10.0)  0.0e+00  TIME  TIME  0\n",
        "formulae  (24.0, 10.0)  0.0e+00  TIME  TIME  0\n"
        "SymPy, lambdified  (24.0, 10.0)  0.0e+00  TIME  TIME  0\n",
    )


def test_the_installed_command_is_main() -> None:
    project = Path(__file__).parents[1] / "pyproject.toml"
    scripts = tomllib.loads(project.read_text())["project"]["scripts"]
    module, _, name = scripts["adjoint"].partition(":")
    assert getattr(importlib.import_module(module), name) is main
