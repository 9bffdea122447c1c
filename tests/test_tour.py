"""The tour: its data are NIST's, its figures are right, its files its own; no extra is needed."""

from __future__ import annotations

import importlib.resources
import inspect
import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from adjoint import tour
from adjoint.__main__ import main
from adjoint.tour import compiled, fitting, mathematics, simulation
from adjoint.tour.console import Console
from adjoint.tour.context import LEDGER, Context
from adjoint.tour.dataset import Dataset, parse, thurber
from adjoint.tour.model import misfit, mobility
from adjoint.tour.rod import CELLS, LIMIT, temperatures

FILES = """
    explain.txt fit.txt graph.mmd parameters.csv report.txt rod.txt sine.txt
""".split()
DRAWN = {
    "graph.svg",
    "steps.svg",
    "graph.png",
    "steps.gif",
}  # where graphlay and Pillow are installed
PLOTTED = {"fit.png", "rod.png", "sine.png"}  # where matplotlib is
MATHEMATICS = "ε₁₂²·"  # dual numbers and formulae are printed with these


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return thurber()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, Path]:
    """Exit code, text and folder of one whole tour, played by the command."""
    output = tmp_path_factory.mktemp("tour") / "made" / "by-the-tour"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "adjoint", "tour", "--output", str(output)],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr, output


# --- the data -------------------------------------------------------------------------------------


def test_the_file_parses(dataset: Dataset) -> None:
    assert dataset.name == "Thurber"
    assert dataset.parameters == ("b1", "b2", "b3", "b4", "b5", "b6", "b7")
    assert dataset.formula == (
        "y = (b1 + b2*x + b3*x**2 + b4*x**3) / (1 + b5*x + b6*x**2 + b7*x**3)"
    )
    assert dataset.source.startswith("https://www.itl.nist.gov/")
    assert dataset.x.shape == dataset.y.shape == (37,)
    assert (dataset.x[0], dataset.y[0]) == (-3.067, 80.574)
    assert (dataset.x[-1], dataset.y[-1]) == (2.200, 1457.628)
    assert dataset.starts[0].tolist() == [1000, 1000, 400, 40, 0.7, 0.3, 0.03]
    assert dataset.starts[1].tolist() == [1300, 1500, 500, 75, 1, 0.4, 0.05]
    assert dataset.certified[0] == 1.2881396800e03
    assert dataset.certified_deviation[-1] == 6.5842344623e-03
    assert dataset.degrees_of_freedom == len(dataset.x) - len(dataset.parameters)


def test_the_formula_is_the_models(dataset: Dataset) -> None:
    names = dict(zip(dataset.parameters, dataset.certified, strict=True))
    by_formula = eval(dataset.formula.removeprefix("y = "), {"x": dataset.x, **names})
    np.testing.assert_array_equal(mobility(dataset.certified, dataset.x), by_formula)


def test_the_certified_figures_agree_with_each_other_to_all_their_digits(dataset: Dataset) -> None:
    found = float(misfit(dataset.certified, dataset.x, dataset.y))
    assert f"{found:.10e}" == f"{dataset.residual_sum_of_squares:.10e}"
    deviation = np.sqrt(dataset.residual_sum_of_squares / dataset.degrees_of_freedom)
    assert f"{deviation:.10e}" == f"{dataset.residual_deviation:.10e}"


def test_the_certified_deviations_belong_to_the_certified_parameters(dataset: Dataset) -> None:
    # The Jacobian of a rational function, written out by hand. The parameters are rounded to 11
    # digits, which the badly conditioned normal matrix amplifies: 1e-8.
    powers = dataset.x[:, None] ** np.arange(4)
    bottom = 1 + powers[:, 1:] @ dataset.certified[4:]
    curve = powers @ dataset.certified[:4] / bottom
    jacobian = np.hstack([powers, -powers[:, 1:] * curve[:, None]]) / bottom[:, None]
    length = np.linalg.norm(jacobian, axis=0)
    inverse = np.linalg.inv((jacobian / length).T @ (jacobian / length))
    deviations = dataset.residual_deviation * np.sqrt(np.diag(inverse)) / length
    np.testing.assert_allclose(deviations, dataset.certified_deviation, rtol=1e-8)


def test_a_damaged_file_is_refused() -> None:
    text = importlib.resources.files("adjoint.tour").joinpath("thurber.dat").read_text("ascii")
    with pytest.raises(ValueError, match="announces 37 observations and holds 36"):
        parse(text.replace("      80.574E0      -3.067E0\n", ""))
    with pytest.raises(ValueError, match="no heading"):
        parse(text.replace("Data:   y ", "Data "))
    with pytest.raises(ValueError, match="b1 = start start"):
        parse(re.sub(r" b\d =", " c =", text))
    with pytest.raises(ValueError, match="Residual Sum of Squares"):
        parse(text.replace("Residual Sum of Squares:", "RSS:"))


def test_the_reference_derivatives_are_right(dataset: Dataset) -> None:
    # Against the hand-written Jacobian: gradient = -2 J'r.
    b = dataset.starts[1]
    gradient, hessian = fitting.reference_derivatives(dataset, b)
    powers = dataset.x[:, None] ** np.arange(4)
    bottom = 1 + powers[:, 1:] @ b[4:]
    curve = powers @ b[:4] / bottom
    jacobian = np.hstack([powers, -powers[:, 1:] * curve[:, None]]) / bottom[:, None]
    np.testing.assert_allclose(gradient, -2 * jacobian.T @ (dataset.y - curve), rtol=1e-12)
    np.testing.assert_array_equal(hessian, hessian.T)
    # The misfit is quadratic in b1..b4 with the matrix 2 J'J.
    block = jacobian[:, :4]
    np.testing.assert_allclose(hessian[:4, :4], 2 * block.T @ block, rtol=1e-12)


# --- the whole tour -------------------------------------------------------------------------------


def test_the_tour_succeeds_and_writes_its_files(played: tuple[int, str, Path]) -> None:
    code, text, output = played
    assert code == 0, text
    names = {path.name for path in output.iterdir()}
    assert names - PLOTTED - DRAWN == {*FILES, LEDGER}
    assert {c for c in text if not c.isascii()} == set(MATHEMATICS)
    # The report holds everything but the closing lines, which are printed after it is written.
    report = (output / "report.txt").read_text("utf-8")
    assert text.startswith(report)
    assert re.search(r"\nThe tour took [\d.]+ s: all figures reproduced\.\n\Z", text)
    for name in ("fit.txt", "rod.txt"):
        assert "after: the fit" in (output / name).read_text()


def test_each_chapter_has_its_progress_line(played: tuple[int, str, Path]) -> None:
    lines = played[1].splitlines()
    count = len(tour.CHAPTERS)
    for number, chapter in enumerate(tour.CHAPTERS, 1):
        assert f"[{number}/{count}] {chapter.title}" in lines
    assert all(len(line) <= 100 for line in lines[:-2])  # the last two name the folder


def test_the_chapter_on_dual_numbers(played: tuple[int, str, Path]) -> None:
    text = played[1]
    for shown in (
        ">>> Dual(3, 4) + 3\n    6.0 + 4.0ε\n",
        ">>> Dual(3, 4) * Dual(5, 7)\n    15.0 + 41.0ε\n",
        "...     return (x + 2) * (x - 3) / (x - 4)\n    >>> f(Dual(6, 1))\n    12.0 - 0.5ε\n",
        ">>> x**5 + 1\n    (2.0 + 5.0ε₁) + (5.0 + 20.0ε₁)ε₂\n",
    ):
        assert shown in text
    found = re.search(r">>> found\n    (\S+) \+ (\S+)ε\n", text)
    assert found is not None
    assert [round(float(x), 7) for x in found.groups()] == [2.3197768, 2.5067615]


def test_the_chapter_on_finite_differences(played: tuple[int, str, Path]) -> None:
    text = played[1]
    assert ">>> quotient\n    (24.000039999805264, 10.000000000331966)\n" in text
    rows = re.findall(r"\n  (1e-\d\d)  (\S+)  (\S+)  (\S+)(?=\n)", text)
    steps, forward, central, complex_step = np.array(rows, float).T
    assert steps.tolist() == list(mathematics.STEPS)
    # order 1 and 2 until rounding takes over; the complex step never loses a digit to it
    np.testing.assert_allclose(forward[1] / forward[2], 100, rtol=0.1)
    np.testing.assert_allclose(central[1] / central[2], 1e4, rtol=0.1)
    assert forward[-1] > 1e-7 and central[-1] > 1e-7 and complex_step[-1] < 1e-15
    for way in ("by hand", "central differences", "reverse mode, jitted", "formulae"):
        assert re.search(rf"    {way} +2[34]\.\d+ +\d\.\de[-+]\d\d ", text)
    assert "GradientError: order 1, forward mode: the derivative of area in height is" in text


def test_the_chapter_on_formulae(played: tuple[int, str, Path]) -> None:
    text = played[1]
    for shown in (
        ">>> f\n    x**2*y + y + 2\n    >>> f.evaluate(x=3, y=4)\n    42\n",
        ">>> f.evaluate(x=ad.Dual(3, 1), y=4)\n    42.0 + 24.0ε\n",
        "f.gradient(x, y)]\n    [24.0, 10.0]\n",
        "f.hessian(x, y)]\n    [[8.0, 6.0], [6.0, 0.0]]\n",
        '("0 + (0*x + y*1)").simplify()\n    y\n',
        ">>> print(slope.latex())\n    2 x \\cos\\left(x^{2}\\right)\n",
        "v1    x ** 2         9        4\n",
    ):
        assert shown in text
    mermaid = (played[2] / "graph.mmd").read_text()
    assert "".join(f"    {line}\n" for line in mermaid.splitlines()) in text
    for value, adjoint in ((3, 24), (4, 10), (9, 4), (36, 1), (40, 1), (42, 1)):
        assert f"<br>value {value}<br>adjoint {adjoint}" in mermaid


def test_the_drawings(played: tuple[int, str, Path]) -> None:
    pytest.importorskip("graphlay")
    pytest.importorskip("PIL")
    still, moving = (
        ElementTree.parse(played[2] / name).getroot() for name in ("graph.svg", "steps.svg")
    )
    for root in (still, moving):
        texts = {(element.text or "").strip() for element in root.iter()}
        assert {"v1 = x ** 2", "value 42", "adjoint 24", "adjoint 10"} <= texts
    assert (played[2] / "graph.png").read_bytes().startswith(b"\x89PNG")
    assert (played[2] / "steps.gif").read_bytes().startswith(b"GIF89a")


def test_the_chapter_on_a_curve(played: tuple[int, str, Path]) -> None:
    picture = (played[2] / "sine.txt").read_text()
    assert "".join(f"  {line}\n" for line in picture.splitlines()) in played[1]
    rows = [line.split("|", 1) for line in picture.splitlines() if "|" in line]
    assert [float(label) for label, _ in rows[::4]] == [1.0, 0.5, 0.0, -0.5, -1.0]
    top, middle = rows[0][1], rows[8][1]
    assert top.startswith("*") and top.endswith("*") and "." in top  # cos(0) is 1
    assert middle[0] == middle[-1] == "."  # sin is 0
    assert "* its derivative" in picture and "measured" not in picture
    (seen,) = re.findall(r"The largest difference from np\.cos: (\S+)\.\n", played[1])
    assert float(seen) < 1e-14


def test_figures_that_are_off_make_the_tour_fail(tmp_path: Path) -> None:
    context = Context(tmp_path, io.StringIO())
    mathematics.expect(context, "the gradient", (24.0, 10.0), (24.0, 10.0))
    assert not context.failures
    mathematics.expect(context, "the gradient", (24.0, 10.0 + 1e-10), (24.0, 10.0))
    mathematics.expect(context, "the gradient", (float("nan"),), (24.0,))
    assert context.failures == [
        "the gradient: 10.0000000001 instead of 10.0",
        "the gradient: nan instead of 24.0",
    ]


def test_a_console_shows_what_ran(tmp_path: Path) -> None:
    context = Context(tmp_path, io.StringIO())
    console = Console(context)
    console.run("""
        def f(x):
            return [x] * 2
        y = f(3)
        y
        None
        print("two\\nlines")
    """)
    assert context.said == [
        "    >>> def f(x):",
        "    ...     return [x] * 2",
        "    >>> y = f(3)",
        "    >>> y",
        "    [3, 3]",
        "    >>> None",
        '    >>> print("two\\nlines")',
        "    two",
        "    lines",
        "",
    ]
    assert console["y"] == [3, 3]
    console.run("1 / 0", raises=ZeroDivisionError)
    assert context.said[-2] == "    ZeroDivisionError: division by zero"
    with pytest.raises(KeyError):
        console.run("{}['absent']", raises=ZeroDivisionError)


def test_the_table_compares_all_ways(played: tuple[int, str, Path]) -> None:
    text = played[1]
    for way in ("reverse", "forward", "forward over reverse"):
        assert f"adjoint, {way}" in text
    for method in ("forward", "central", "richardson"):
        assert f"differences, {method}" in text
    assert "complex step" in text
    errors = {}
    for line in text.splitlines():
        found = re.match(r"  ((?:adjoint|differences|complex|SymPy).+?)  +(\S+)  ", line)
        if found and found[2] != "-":
            errors[found[1]] = float(found[2])
    assert errors["adjoint, reverse"] < 1e-13
    assert errors["adjoint, forward"] < 1e-13
    # A forward difference loses half the digits, a central one a third: that the table shows.
    assert errors["differences, forward"] > 1e-10 > errors["adjoint, reverse"]
    assert errors["differences, forward"] > errors["differences, central"]


def test_the_fit_is_the_certified_one(dataset: Dataset, played: tuple[int, str, Path]) -> None:
    rows = (played[2] / "parameters.csv").read_text().splitlines()[1:]
    table = np.array([[float(word) for word in row.split(",")[1:]] for row in rows])
    np.testing.assert_array_equal(table[:, 0], dataset.certified)
    np.testing.assert_allclose(table[:, 1], dataset.certified, rtol=1e-6)
    np.testing.assert_allclose(table[:, 3], dataset.certified_deviation, rtol=1e-6)
    for number in (1, 2):
        assert f"From start {number}" in played[1]


@pytest.mark.parametrize("number", [0, 1])
def test_a_fit_from_each_start(dataset: Dataset, number: int) -> None:
    found = fitting.fit(dataset, dataset.starts[number])
    np.testing.assert_allclose(found.parameters, dataset.certified, rtol=1e-6)
    np.testing.assert_allclose(found.deviations, dataset.certified_deviation, rtol=1e-6)
    assert fitting.digits(found.residual_sum_of_squares, dataset.residual_sum_of_squares) > 10


def test_a_fit_that_misses_makes_the_tour_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: Dataset
) -> None:
    def stops_early(dataset: Dataset, start: np.ndarray) -> fitting.Fit:
        parameters = dataset.certified * (1 + 1e-5)
        return fitting.Fit(parameters, dataset.certified_deviation, np.eye(7), 5642.7, 1, 1, 1)

    monkeypatch.setattr(fitting, "fit", stops_early)
    monkeypatch.setattr(tour, "CHAPTERS", fitting.CHAPTERS)
    stream = io.StringIO()
    assert tour.run(tmp_path, stream) == 1
    assert "FAILED: only 5.0 digits" in stream.getvalue()


def test_digits() -> None:
    assert fitting.digits(1.0, 1.0) == 11
    assert fitting.digits(1.001, 1.0) == pytest.approx(3.0)
    assert not fitting.digits(float("nan"), 1.0) >= 6


def test_the_chapter_on_native_code(played: tuple[int, str, Path]) -> None:
    text = played[1]
    for way in ("misfit, NumPy", "misfit, compiled", "value and gradient, compiled"):
        assert re.search(rf"37 points: {way} +\d+ [num]?s +\d+\.\d", text)
        assert re.search(rf"100,000 points: {way} +[\d.]+ [num]?s +\d+\.\d", text)
    explanation = (played[2] / "explain.txt").read_text()
    assert explanation in text
    assert "model.py:18: return np.sum((y - mobility(b, x)) ** 2)" in explanation
    assert "Kernels: a call takes" in explanation and "nothing: all of it" in explanation


def test_compiled_results_that_differ_make_the_tour_fail(tmp_path: Path) -> None:
    context = Context(tmp_path, io.StringIO())
    compiled.check(context, [1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert not context.failures
    compiled.check(context, [1.0, 2.0, 3.0 + 1e-8], [1.0, 2.0, 3.0])
    assert "differ by 3" in context.failures[0]


def test_the_rod_keeps_its_heat_and_its_heater_cuts_out() -> None:
    # Without losses all that was heated stays: in the end it is spread over the cells.
    conduction, power = 0.4, 8.0
    shown = temperatures(np.array([conduction, power, 0.0]), 2000)
    np.testing.assert_allclose(shown[-1, 0], shown[-1, 1], rtol=1e-6)
    peak = int(np.argmax(shown[:, 0]))
    heated = shown[-1, 0] * CELLS
    assert shown[peak, 0] < LIMIT <= shown[peak, 0] + power
    assert power * peak <= heated + 1e-6 and heated <= power * (peak + 1)
    # It cuts out at a moment within a step: no jump where this moment passes into the next step.
    powers = np.linspace(8.0, 9.0, 2001)
    runs = np.array([temperatures(np.array([conduction, p, 0.0]), 60) for p in powers])
    assert len(set(np.argmax(runs[:, :, 0], axis=1))) > 3
    ends = runs[:, -1]
    assert np.max(np.abs(np.diff(ends, axis=0))) < 0.02


def test_the_chapter_on_a_simulation(played: tuple[int, str, Path]) -> None:
    text = played[1]
    for line in inspect.getsource(temperatures).splitlines():
        assert f"    {line}".rstrip() in text.splitlines()
    gradient = {"conduction": -435.965988, "power": 32.4876037, "loss": 810.905861}
    for name, wanted in gradient.items():
        row = re.search(rf"{name} +\d+\.\d\d +(\S+) +(\S+)\n", text)
        assert row is not None
        np.testing.assert_allclose([float(row[1]), float(row[2])], wanted, rtol=1e-8)
    found = re.findall(r"<jit of misfit, (\d) programs>", text)
    assert found == ["1", "2", "2"]  # the third call takes the way of the second


def test_the_simulation_is_fitted_again() -> None:
    found, gradients = simulation.fit(simulation.readings())
    np.testing.assert_allclose(found, simulation.TRUTH, rtol=simulation.NEAR)
    exact = temperatures(simulation.TRUTH, simulation.STEPS)  # not rounded
    np.testing.assert_allclose(simulation.fit(exact)[0], simulation.TRUTH, rtol=1e-5)
    assert gradients < 40
    late, early = simulation.hottest(found), simulation.hottest(simulation.GUESS)
    assert (early, late, simulation.hottest(1.001 * found)) == (7, 12, 12)


def test_a_simulation_that_is_off_makes_the_tour_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = Context(tmp_path, io.StringIO())
    simulation.agree(context, np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-6]))
    monkeypatch.setattr(simulation, "fit", lambda shown: (1.01 * simulation.TRUTH, 1))
    simulation.fitted(context, simulation.readings())
    assert len(context.failures) == 2
    assert "disagree by 5" in context.failures[0]
    assert "misses what made the readings by 1.0%" in context.failures[1]


# --- files ----------------------------------------------------------------------------------------


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "fit.txt").write_text("mine")
    (tmp_path / "other.txt").write_text("mine too")
    for expected in ("fit-1.txt", "fit-1.txt"):  # the second time the tour replaces its own file
        context = Context(tmp_path, io.StringIO())
        assert context.write("fit.txt", "the tour's").name == expected
        assert "fit.txt is there and not the tour's" in context.said[0]
    assert (tmp_path / "fit.txt").read_text() == "mine"
    assert (tmp_path / "other.txt").read_text() == "mine too"


def test_a_file_changed_since_is_the_users(tmp_path: Path) -> None:
    def write(content: str) -> str:
        return Context(tmp_path, io.StringIO()).write("fit.txt", content).name

    assert write("first") == write("second") == "fit.txt"
    (tmp_path / "fit.txt").write_text("edited by hand")
    assert write("third") == "fit-1.txt"
    assert (tmp_path / "fit.txt").read_text() == "edited by hand"


def test_a_foreign_ledger_and_links_are_left_alone(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "fit.txt").symlink_to(outside)
    assert Context(folder, io.StringIO()).write("fit.txt", "the tour's").name == "fit-1.txt"
    assert outside.read_text() == "mine"
    (folder / LEDGER).write_text("something else\n")
    with pytest.raises(FileExistsError, match="choose another folder"):
        Context(folder, io.StringIO()).write("fit.txt", "the tour's")


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    stream = io.StringIO()
    assert tour.run(taken, stream) == 2
    assert "choose another folder" in stream.getvalue()
    assert taken.read_text() == "mine"


# --- without extras, and from the command line ----------------------------------------------------


def test_without_any_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = "matplotlib sympy graphlay PIL rich typer mpmath".split()
    for name in list(sys.modules):
        if name.split(".")[0] in absent:
            monkeypatch.delitem(sys.modules, name)
    for name in absent:
        monkeypatch.setitem(sys.modules, name, None)
    # The chapter on native code takes the longest, and asks for nothing.
    chapters = [c for c in tour.CHAPTERS if c not in compiled.CHAPTERS]
    monkeypatch.setattr(tour, "CHAPTERS", chapters)
    stream = io.StringIO()
    assert tour.run(tmp_path, stream) == 0, stream.getvalue()
    assert {path.name for path in tmp_path.iterdir()} == {*FILES, LEDGER} - {"explain.txt"}
    text = stream.getvalue()
    for line in (
        "  SymPy is not installed; pip install 'adjoint[symbolic]' adds its row.",
        "  graphlay is not installed; pip install 'adjoint[draw]' adds graph.svg, and steps.svg, "
        "which moves.",
        "  matplotlib is not installed; pip install 'adjoint[plot]' adds sine.png.",
        "  matplotlib is not installed; pip install 'adjoint[plot]' adds fit.png.",
        "  matplotlib is not installed; pip install 'adjoint[plot]' adds rod.png.",
    ):
        assert line in text.splitlines()
    for name in ("fit.txt", "rod.txt"):
        picture = (tmp_path / name).read_text()
        assert all("  " + line in text for line in picture.splitlines())


def test_a_png_with_matplotlib(played: tuple[int, str, Path]) -> None:
    pytest.importorskip("matplotlib")
    for name in PLOTTED:
        assert (played[2] / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments", [[], ["walk"], ["tour", "--fast"]])
def test_anything_else_is_refused(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m adjoint" in capsys.readouterr().err


def test_the_folder_is_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tour, "CHAPTERS", mathematics.CHAPTERS[:1])
    assert main(["tour"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["adjoint-tour"]
    out, err = capsys.readouterr()
    assert "all figures reproduced" in out and err == ""


def test_a_terminal_without_greek_letters(tmp_path: Path) -> None:
    data = io.BytesIO()
    context = Context(tmp_path, io.TextIOWrapper(data, encoding="ascii", write_through=True))
    context.say("  (2.0 + 5.0ε₁)ε₂, 2x·cos(x²), ψ")
    assert data.getvalue() == b"  (2.0 + 5.0e1)e2, 2x*cos(x^2), ?\n"
    assert context.said == ["  (2.0 + 5.0ε₁)ε₂, 2x·cos(x²), ψ"]  # the report has all letters
