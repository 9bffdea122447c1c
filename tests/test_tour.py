"""The tour: its data are NIST's, its figures are right, its files its own; no extra is needed."""

from __future__ import annotations

import importlib.resources
import inspect
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adjoint import tour
from adjoint.__main__ import main
from adjoint.tour import compiled, fitting, simulation
from adjoint.tour.context import LEDGER, Context
from adjoint.tour.dataset import Dataset, parse, thurber
from adjoint.tour.model import misfit, mobility
from adjoint.tour.rod import CELLS, LIMIT, temperatures

FILES = ["explain.txt", "fit.txt", "parameters.csv", "report.txt", "rod.txt"]


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return thurber()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, Path]:
    """Exit code, text and folder of one whole tour."""
    output = tmp_path_factory.mktemp("tour") / "made" / "by-the-tour"
    stream = io.StringIO()
    code = tour.run(output, stream)
    return code, stream.getvalue(), output


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
    assert names - {"fit.png", "rod.png"} == {*FILES, LEDGER}
    assert text.isascii()
    # The report holds everything but the closing lines, which are printed after it is written.
    report = (output / "report.txt").read_text()
    assert text.startswith(report)
    for name in ("fit.txt", "rod.txt"):
        assert "after: the fit" in (output / name).read_text()


def test_each_chapter_has_its_progress_line(played: tuple[int, str, Path]) -> None:
    lines = played[1].splitlines()
    count = len(tour.CHAPTERS)
    for number, chapter in enumerate(tour.CHAPTERS, 1):
        assert f"[{number}/{count}] {chapter.title}" in lines
    assert all(len(line) <= 100 for line in lines[:-2])  # the last two name the folder


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


def test_without_matplotlib_and_sympy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.split(".")[0] in ("matplotlib", "sympy"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "sympy", None)
    stream = io.StringIO()
    assert tour.run(tmp_path, stream) == 0, stream.getvalue()
    assert not list(tmp_path.glob("*.png"))
    text = stream.getvalue()
    assert "SymPy is not installed" in text
    assert "matplotlib is not installed" in text
    for name in ("fit.txt", "rod.txt"):
        picture = (tmp_path / name).read_text()
        assert all("  " + line in text for line in picture.splitlines())


def test_a_png_with_matplotlib(played: tuple[int, str, Path]) -> None:
    pytest.importorskip("matplotlib")
    for name in ("fit.png", "rod.png"):
        assert (played[2] / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("arguments", [[], ["walk"], ["tour", "--fast"]])
def test_anything_else_is_refused(arguments: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m adjoint" in capsys.readouterr().err


def test_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "adjoint", "tour"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["adjoint-tour"]
    assert "all figures reproduced" in done.stdout
