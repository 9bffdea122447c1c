"""The command line on files with the usual faults: what is wrong, at which line, and exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_checks import run, working_in

from adjoint import cli

pytest.importorskip("typer", reason="typer is not installed: no command line but the tour")
pytest.importorskip("rich", reason="rich is not installed: no command line but the tour")

REGRESSION = '''\
"""Least squares, with gradients by hand: one right, three wrong."""

import numpy as np


def loss(w, x, y):
    return np.sum((x @ w - y) ** 2)


def slope(w, x, y):
    return 2 * x.T @ (x @ w - y)


def wrong_sign(w, x, y):
    return -2 * x.T @ (x @ w - y)


def half(w, x, y):
    return x.T @ (x @ w - y)


def failing(w, x, y):
    return {}["w"]


def outer(a):
    return np.stack([a[0] * a[1], np.sin(a[0])])


def outer_slope(a):
    return np.array([[a[1], a[0]], [np.cos(a[0]), 0.0]])


def outer_transposed(a):
    return outer_slope(a).T


def too_small(a):
    return np.array([a[1], a[0]])
'''

OTHERS = """\
import json

import numpy as np
from scipy.optimize import brentq


def encoded(x):
    return len(json.dumps([float(v) for v in x])) * x[0]


def root(a):
    return brentq(lambda t: t**3 - a, 0.0, 10.0)


def nothing(x):
    x * 2


def text(x):
    return "text"


def counts(x):
    return np.round(x).astype(int).sum()


def kink(x):
    return np.abs(x)


def jump(x):
    return np.where(x > 0, x + 1.0, x)


def loud(x):
    print("at", x)
    return x**2


def power(x, n):
    for _ in range(n):
        x = x * x
    return x


def wave(x, kind="sin", *, flag=False):
    return {"sin": np.sin, "cos": np.cos}[kind](x) * (2 if flag else 1)


def total(p):
    return p["a"] ** 2 * p["b"][1] + np.sum(p["w"])


def total_slope(p):
    return {"a": 2 * p["a"] * p["b"][1], "b": np.array([0.0, p["a"] ** 3]), "w": np.ones(2)}


class Model:
    rate = 2.0

    def loss(self, x):
        return self.rate * x**2


model = Model()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with both files, which is the working directory."""
    with working_in(
        tmp_path, monkeypatch, {"regression.py": REGRESSION, "others.py": OTHERS}, 80
    ) as place:
        yield place


DATA = ("--at", "w=[1,2]", "x=[[1,2],[3,4],[5,6]]", "y=[1,1,1]", "--by", "w", "--order", "1")


@pytest.mark.parametrize(
    ("gradient", "verdict"),
    [
        ("slope", "slope is right: compared with differences"),
        ("wrong_sign", "wrong_sign is WRONG: it has the wrong sign"),
        ("half", "half is WRONG: it is 1/2 times what it should be"),
    ],
)
def test_a_gradient_by_hand(
    folder: Path, capsys: pytest.CaptureFixture, gradient: str, verdict: str
) -> None:
    words = ("check", "regression.py:loss", *DATA, "--gradient", gradient)
    assert run(*words) == (gradient != "slope")
    assert verdict in capsys.readouterr().out.splitlines()
    run(*words, "--json")
    data = json.loads(capsys.readouterr().out)
    assert data["gradient"] == {
        "name": gradient, "is_right": gradient == "slope",
        "text": verdict.split(": ")[1] if gradient != "slope" else "right",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("gradient", "verdict"),
    [
        ("outer_slope", "outer_slope is right: compared with differences"),
        ("outer_transposed",
         "outer_transposed is WRONG: it is the transpose of what it should be"),
        ("too_small", "too_small is WRONG: ValueError: gave the shape (2,), expected (2, 2)"),
    ],
)  # fmt: skip
def test_a_jacobian_by_hand(
    folder: Path, capsys: pytest.CaptureFixture, gradient: str, verdict: str
) -> None:
    code = run("check", "regression.py:outer", "--at", "a=[1,2]", "--gradient", gradient)
    assert code == (gradient != "outer_slope")
    assert verdict in capsys.readouterr().out.splitlines()


def test_a_gradient_by_hand_that_fails(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert run("check", "regression.py:loss", *DATA, "--gradient", "failing") == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "loss has a gradient, failing, that fails:",
        '  regression.py:23: return {}["w"]',
        "  KeyError: 'w'",
    ]


def test_a_part_of_a_container_by_hand(folder: Path, capsys: pytest.CaptureFixture) -> None:
    at = 'p={"a": 2, "b": [1, 2], "w": [1, 2]}'
    assert run("check", "others.py:total", "--at", at, "--gradient", "total_slope") == 1
    assert "total_slope is WRONG: it is 2 times what it should be by p['b']" in (
        capsys.readouterr().out.splitlines()
    )


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (("others.py:encoded", "--at", "x=[1,2]"), [
            "encoded = 10.0",
            "encoded does not differentiate:",
            "  others.py:8: return len(json.dumps([float(v) for v in x])) * x[0]",
            "  TypeError: Object of type RecordingTensor is not JSON serializable",
        ]),
        (("others.py:nothing", "--at", "x=2"), ["nothing returns None: is a `return` missing?"]),
        (("others.py:text", "--at", "x=2"), [
            "text = 'text'", "text does not differentiate:",
            "  jacobian: text returned a str.", "    expected: numbers",
        ]),
        (("others.py:power", "--at", "x=1.1", "n=3"), [
            "power fails before anything is differentiated:",
            "  others.py:41: for _ in range(n):",
            "  TypeError: 'float' object cannot be interpreted as an integer",
            "  n came as a whole number and was taken as a float, to differentiate by it: `--by` "
            "with the names of the others alone holds it as it is",
        ]),
    ],
)  # fmt: skip
def test_what_does_not_differentiate(
    folder: Path, capsys: pytest.CaptureFixture, words: tuple[str, ...], lines: list[str]
) -> None:
    assert run("check", *words) == 1
    assert capsys.readouterr().out.splitlines() == lines
    assert run("check", *words, "--json") == 1
    data = json.loads(capsys.readouterr().out)
    assert data["ok"] is False and data["error"]


def test_complex_arguments(folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "plane.py").write_text(
        "import numpy as np\n\n\ndef size(z):\n    return np.abs(z) ** 2\n\n\ndef slope(z):\n"
        "    return 2 * np.conj(z)\n\n\ndef wrong(z):\n    return 2 * z\n\n\ndef square(z):\n"
        "    return z * z\n\n\ndef twice(z):\n    return 2 * z\n"
    )
    for words, code, last in (
        (("size", "--gradient", "slope"), 0, "slope is right: compared with differences"),
        (("size", "--gradient", "wrong"), 1, "wrong is WRONG: it is 2+4j, expected 2-4j"),
        (("square", "--gradient", "twice"), 0, "twice is right: compared with differences"),
    ):
        assert run("check", f"plane.py:{words[0]}", "--at", "z=1+2j", *words[1:]) == code
        lines = capsys.readouterr().out.splitlines()
        assert re.sub(r"[()]", "", lines[-2]) == last
        assert lines[-1].endswith("differentiates, up to order 2, in both modes: all agree")


def test_the_error_behind_an_error_is_told(folder: Path, capsys: pytest.CaptureFixture) -> None:
    """SciPy's compiled code goes on with an exception set: it is not asked to."""
    assert run("check", "others.py:root", "--at", "a=2") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == [
        "root does not differentiate:",
        "  others.py:12: return brentq(lambda t: t**3 - a, 0.0, 10.0)",
    ]
    assert lines[3].endswith(
        "the function that `brentq` looks for a root of gave a traced value (float): its compiled "
        "code takes numbers only."
    )


@pytest.mark.parametrize(
    ("words", "last", "code"),
    [
        (("others.py:counts", "--at", "x=[1.2,2.3]"),
         "note: counts returns whole numbers, whose derivative is zero", 0),
        (("others.py:kink", "--at", "x=0"),
         "note: kink has a kink at this point: its slopes in x are -1 and 1 on either side, so it "
         "has no derivative there", 1),
        (("others.py:jump", "--at", "x=0"), "note: jump jumps at this point, in x, or is noisy", 1),
        (("others.py:model.loss", "--at", "x=3"),
         "loss differentiates, up to order 2, in both modes: all agree", 0),
        (("others.py:power", "--at", "x=1.1", "n=3", "--by", "x"),
         "power differentiates, up to order 2, in both modes: all agree", 0),
        (("others.py:wave", "--at", "x=1.1", "kind='cos'", "flag=true"),
         "wave differentiates, up to order 2, in both modes: all agree", 0),
    ],
)  # fmt: skip
def test_what_is_said_of_what_differentiates(
    folder: Path, capsys: pytest.CaptureFixture, words: tuple[str, ...], last: str, code: int
) -> None:
    assert run("check", *words) == code
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == last
    table = [x for x in lines if re.match(r"\d|order|─", x)]
    assert table and all(len(x) <= 80 for x in table)


def test_a_comparison_that_only_uncertainty_excuses_is_open(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run("check", "others.py:jump", "--at", "x=0", "--order", "1") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines if line[:1] == "1"] == ["?", "?"]
    assert lines[-2].endswith("2 of 2 cannot be decided here")


@pytest.mark.parametrize(
    ("files", "target", "text"),
    [
        ({"a.py": "import absent_module_xyz\n"}, "a.py:f",
         "a.py does not load: line 1: ModuleNotFoundError: No module named 'absent_module_xyz'"),
        ({"a.py": "def f(x):\n    return x +\n"}, "a.py:f",
         "a.py does not load: line 2: SyntaxError: invalid syntax"),
        ({"a.py": "import sys\nsys.exit(3)\n"}, "a.py:f",
         "a.py does not load: line 2: SystemExit: 3"),
        ({"a.py": "from .b import C\n", "b.py": "C = 1\n"}, "a.py:f",
         "a.py does not load: line 1: ImportError: attempted relative import with no known parent "
         "package; a.py lies in no package (its folder has no __init__.py): `from helper import x` "
         "finds helper.py beside it"),
        ({"a.py": "class F:\n    pass\n"}, "a.py:F",
         "F in a.py is a class, expected a function: write `model = F(...)` into a.py, then "
         "a.py:model or a.py:model.method"),
        ({"a.py": "f = abs\n"}, "a.py:f.__class__",
         "a.py has no function 'f.__class__'; it has none"),
    ],
)  # fmt: skip
def test_files_and_names_that_are_refused(
    folder: Path, capsys: pytest.CaptureFixture, files: dict[str, str], target: str, text: str
) -> None:
    for name, content in files.items():
        (folder / name).write_text(content)
    assert run("check", target, "--at", "x=1") == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == f"adjoint: {text}\n"


def test_imports_beside_the_file_and_in_its_package(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    (folder / "parts").mkdir()
    (folder / "parts" / "__init__.py").touch()
    (folder / "parts" / "rates.py").write_text("HALF = 0.5\n")
    (folder / "parts" / "motion.py").write_text(
        "from .rates import HALF\n\n\ndef f(x):\n    return HALF * x**2\n"
    )
    (folder / "sibling_rates.py").write_text("HALF = 0.5\n")
    (folder / "plain.py").write_text(
        "from sibling_rates import HALF\n\n\ndef f(x):\n    return HALF * x**2\n"
    )
    for target in ("parts/motion.py:f", "plain.py:f"):
        assert run("check", target, "--at", "x=3", "--order", "1") == 0
        assert capsys.readouterr().out.startswith("f = 4.5\n")


def test_what_a_function_prints_is_no_part_of_the_result(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    assert run("check", "others.py:loud", "--at", "x=3", "--json") == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["ok"] is True
    lines = captured.err.splitlines()
    assert lines[0] == "at 3.0" and len(lines) <= 21
    assert lines[-1] == "... what is printed after this is left out"


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("diff", "x*y", "--at", "x=1", "y=2", "--peers", ""),
    ("draw", "regression.py:loss", *DATA[:-2], "-o", "a.mmd"),
    ("check", "regression.py:loss", *DATA),
    ("time", "regression.py:loss", *DATA[:-2], "--peers", ""),
    ("explain", "regression.py:loss", *DATA[:-2]),
    ("explain", "regression.py:loss", *DATA[:-2], "--stage", "graph"),
)
REFUSED: tuple[tuple[str, ...], ...] = (
    ("diff", "x.real"),
    ("draw", "absent.py:f"),
    ("check", "absent.py:f"),
    ("time", "absent.py:f"),
    ("explain", "absent.py:f"),
)


@pytest.mark.parametrize("words", [*COMMANDS, *REFUSED], ids=lambda words: "-".join(words)[:30])
def test_json_has_the_same_keys_always(
    folder: Path, capsys: pytest.CaptureFixture, words: tuple[str, ...]
) -> None:
    code = run(*words, "--json")
    captured = capsys.readouterr()
    data = json.loads(captured.out)
    assert list(data)[:2] == ["command", "error"] and data["command"] == words[0]
    assert set(data) == {"command", "error", *cli.KEYS[words[0]]}
    assert "\x1b" not in captured.out
    assert code == (2 if words in REFUSED else 0)
    assert bool(data["error"]) == (words in REFUSED)
    assert captured.err == (f"adjoint: {data['error']}\n" if words in REFUSED else "")


def test_time_says_which_systems_are_not_there(
    folder: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("jax", "jax.numpy", "torch", "sympy"):
        monkeypatch.setitem(sys.modules, name, None)
    assert run("time", "others.py:kink", "--at", "x=2") == 0
    lines = capsys.readouterr().out.splitlines()
    for name in ("jax", "torch", "sympy"):
        assert f"{name}: is not installed: pip install {name}" in lines
    assert all(len(x) <= 80 for x in lines if re.search(r" [num]?s ", x))


def test_a_moving_picture(folder: Path, capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("graphlay")
    words = ("draw", "others.py:loud", "--at", "x=3", "--steps", "-o")
    assert run(*words, "a.svg") == 0
    assert "<animate " in (folder / "a.svg").read_text()
    capsys.readouterr()
    assert run(*words, "a.png") == 2
    assert "a path that ends in .svg, .gif" in capsys.readouterr().err
    assert run(*words, "a.svg", "--mode", "none") == 2
    assert capsys.readouterr().err == (
        "at 3.0\nadjoint: --steps shows values as they come: --mode forward or --mode reverse\n"
    )


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"PYTHONIOENCODING": "ascii"}])
def test_pages_without_colours_and_without_letters(
    folder: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong row is red on a terminal only; a terminal that lacks letters still gets a table."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    words = ["check", "regression.py:loss", *DATA, "--gradient", "half"]
    done: Any = subprocess.run(
        [sys.executable, "-m", "adjoint", *words], capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (1, b"") and b"\x1b" not in done.stdout
    assert b"half is WRONG: it is 1/2 times what it should be" in done.stdout
    if "PYTHONIOENCODING" in environment:
        assert done.stdout.isascii()


@pytest.mark.parametrize("command", [name for name in cli.COMMANDS if name != "tour"])
def test_help_tells_examples_and_exit_codes(
    command: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(command, "--help") == 0
    text = capsys.readouterr().out
    assert f"\n    adjoint {command} " in text
    words = " ".join(text.split())
    assert "Exit codes: 0; 1 something was found wrong; 2 the words cannot be understood." in words


def test_the_version(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        run("--version")
    assert stopped.value.code == 0 and re.match(r"adjoint \d+\.\d+", capsys.readouterr().out)
