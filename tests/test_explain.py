"""`ad.explain`: what it says of a call is so, and adds up."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import adjoint as ad
from adjoint.front.explain import STAGES, Recorded
from adjoint.front.explain.kernels import kernels_of
from adjoint.front.explain.measure import TimedNative, faster_half
from adjoint.front.explain.report import WIDTH, Explanation, quantity, seconds, wrapped
from adjoint.runtime.native import Executable
from adjoint.runtime.stages import Stages

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=1000), RNG.normal(size=1000)


def loss(slope, offset, x, y):
    rest = slope * x + offset - y
    return np.sum(rest**2)


def decomposed(x, w):
    c = x.T @ x + np.eye(x.shape[1])
    values, vectors = np.linalg.eigh(c)
    return np.sum(np.tanh(vectors) * w) + np.sum(np.log(values))


GRADIENT = ad.jit(ad.grad(loss, argnums=(0, 1)))


@pytest.fixture(scope="module")
def line() -> Explanation:
    return ad.explain(GRADIENT, 1.0, 0.5, X, Y)


@pytest.fixture(scope="module")
def stepped() -> Explanation:
    return ad.explain(ad.grad(decomposed), RNG.normal(size=(90, 40)), np.ones(40))


def adds_up(found: Explanation) -> bool:
    shares = sum(k.share for k in found.kernels) + found.rest_seconds / total(found)
    return abs(shares - 1) < 1e-6 and all(0 <= k.share <= 1 for k in found.kernels)


def total(found: Explanation) -> float:
    return found.rest_seconds + sum(k.seconds for k in found.kernels)


# ----------------------------------------------------------------------------------------- the text

GOLDEN = """\
loss(slope: float, offset: float, x: float#[#], y: float#[#]) -> float, float

Stages
  trace TIME # nodes
  optimize TIME # nodes (after simplify: #)
  segments TIME # native segment
  express TIME # array expressions
  plan TIME # statements over # class of axes
  lower TIME # lines of loop IR
  schedule TIME # lines of loop IR, # lanes
  emit TIME # lines of LLVM IR
  compile TIME # bytes of machine code
  load TIME ready to run
  in all TIME
  The machine code was there already, in this process.

Kernels: a call takes TIME, from the interpreter to machine code (# runs)
 # #% TIME i[#]; # lanes along i
 reads SIZE, writes SIZE (SPEED); # k operations (SPEED)
 STATEMENTS
 test_explain.py:#: rest = slope * x + offset - y
 test_explain.py:#: return np.sum(rest**#)
 - #% TIME the call itself: arguments, results, memory for them
  Loops: i = #: axis # of x, axis # of y

Fused, unrolled, kept
  # statements in # loop nest.
  Workspace of a call: SIZE

Not compiled
  nothing: all of it is machine code"""


def masked(text: str) -> str:
    """The text without what differs from run to run and machine to machine."""
    text = re.sub(r"[\d.]+ [munp]?s\b", "TIME", text)
    text = re.sub(r"[\d.]+ [kMGT]?(B/s|FLOP/s)", "SPEED", text)
    text = re.sub(r"[\d.]+ [kMGT]?B\b", "SIZE", text)
    text = re.sub(r"\d[\d.,]*\d|\d", "#", text)
    text = re.sub(r"(?<=\S) +|^ {3,}", " ", text, flags=re.MULTILINE)
    kinds = r"# (values?|reductions?|outputs?)( kept)?"
    return re.sub(rf"^ {kinds}(, {kinds})*$", " STATEMENTS", text, flags=re.MULTILINE)


def test_the_text(line):
    GRADIENT(1.0, 0.5, X, Y)
    found = ad.explain(GRADIENT, 1.0, 0.5, X, Y)
    if not found.native_call:
        pytest.skip("calls go through Python here")
    assert masked(str(found)) == GOLDEN
    assert repr(found) == str(found)
    assert found._repr_html_().startswith("<pre>loss(slope: float")
    assert "-&gt;" in found._repr_html_()


def test_no_line_is_too_long(line, stepped):
    for found in (line, stepped):
        assert all(len(text) <= WIDTH for text in str(found).splitlines())


def test_it_is_data_too(line, stepped):
    for found in (line, stepped):
        data = json.loads(json.dumps(found.to_dict()))
        assert [s["name"] for s in data["stages"]] == [s.name for s in found.stages]
        assert data["kernels"][0]["bandwidth"] == found.kernels[0].bandwidth


def test_units():
    assert [seconds(t) for t in (2.0, 0.0123, 4.56e-6, 7e-9, 123e-6)] == [
        "2.00 s", "12.3 ms", "4.56 us", "7 ns", "123 us",
    ]  # fmt: skip
    assert [quantity(n) for n in (0, 8, 1500, 2e9)] == ["0 ", "8 ", "1.5 k", "2 G"]
    assert wrapped("word " * 30, "  a: ", "     ")[1].startswith("     word")
    assert faster_half([0.0, 3.0, 1.0, 2.0, 9.0]) == [2, 3]


# -------------------------------------------------------------------------------------- the figures


def test_shares_add_up(line, stepped):
    assert adds_up(line) and adds_up(stepped)
    assert line.call_seconds > 0 and line.runs >= 5
    assert all(s.seconds > 0 for s in line.stages)


def test_bytes_and_operations_are_counted_from_sizes():
    def dot(x, y):
        return np.sum(x * np.exp(y))

    (kernel,) = ad.explain(dot, X, Y).kernels
    assert (kernel.read, kernel.flops, kernel.dear) == (2 * 8 * 1000 + 8, 2000, {"exp": 1000})
    assert kernel.loops == "i[1,000]" and kernel.statements == {"reduce": 1, "output": 1}
    bigger = ad.explain(dot, np.ones(3000), np.ones(3000)).kernels[0]
    assert bigger.flops == 6000 and bigger.bandwidth == pytest.approx(
        (bigger.read + bigger.written) / bigger.seconds
    )


def test_outer_products_read_each_element_once():
    found = ad.explain(lambda x, y: np.tanh(x[:, None] * y), np.ones(50), np.ones(70))
    kernel = found.kernels[-1]
    assert kernel.read == 8 * (50 + 70) and kernel.written == 8 * 50 * 70
    assert kernel.dear == {"tanh": 3500}
    assert "50" in kernel.loops and "70" in kernel.loops


def test_a_product_of_matrices():
    found = ad.explain(lambda a, b: a @ b, np.ones((100, 120)), np.ones((120, 90)))
    (kernel,) = [k for k in found.kernels if k.kind == "product"]
    assert kernel.flops == 2 * 100 * 120 * 90
    assert kernel.read == 8 * (100 * 120 + 120 * 90) and kernel.written == 8 * 100 * 90
    assert kernel.loops == "[100 x 120] @ [120 x 90]"


def test_threads():
    found = ad.explain(lambda x: np.sum(np.exp(np.sin(x))), np.ones(300_000))
    assert any("blocks for threads" in mark for k in found.kernels for mark in k.marks)
    assert found.threads >= 1 and adds_up(found)


# --------------------------------------------------------------------------------------- the source


def test_a_gradient_is_told_by_the_lines_of_the_function(line):
    (kernel,) = line.kernels
    assert [text.split(": ", 1)[1] for text in kernel.lines] == [
        "rest = slope * x + offset - y",
        "return np.sum(rest**2)",
    ]


def test_complex_numbers_have_lines():
    def spectrum(x):
        turned = np.exp(1j * x)
        return np.sum(np.real(turned * turned))

    found = ad.explain(ad.grad(spectrum), X)
    lines = {text.split(": ", 1)[1] for k in found.kernels for text in k.lines}
    assert "turned = np.exp(1j * x)" in lines


def test_what_is_kept_unrolled_and_looped_over():
    def normal(x):
        return (x - np.mean(x, axis=0)) / np.std(x, axis=0)

    found = ad.explain(normal, RNG.normal(size=(500, 3)))
    assert found.unrolled.keys() == {3}
    assert found.loops == {"i": "500: axis 0 of x"}


def test_what_is_kept_in_memory():
    def separable(x, y):
        return np.sum(np.cos(x)[:, None] * np.cos(y) / (1 + x[:, None] * y))

    found = ad.explain(separable, np.ones(300), np.ones(200))
    kept = [a for a in found.arrays if a.why == "computed once, read in other loops"]
    assert kept and all("np.cos(x)[:, None] * np.cos(y)" in a.line for a in kept)
    assert found.workspace_bytes >= kept[0].bytes == 8 * kept[0].shape[0]
    assert "In memory between kernels" in str(found)


# ------------------------------------------------------------------------------------ NumPy's steps


def test_steps_that_numpy_evaluates(stepped):
    assert not stepped.native_call
    reasons = {one.operation: one for one in stepped.not_compiled}
    kinds = [step.kind for step in stepped.steps]
    if "eigh" in reasons:  # it has no native code
        assert kinds[0] == "native" and "numpy" in kinds and kinds[-1] == "native"
        eigh = reasons["eigh"]
        assert eigh.reason and "values, vectors = np.linalg.eigh(c)" in eigh.line
        assert f"eigh, {eigh.type}: {eigh.reason}" in str(stepped)
    numpy_kernels = [k for k in stepped.kernels if k.kind == "numpy"]
    assert len(numpy_kernels) == kinds.count("numpy")


def test_an_empty_array_is_known_beforehand():
    found = ad.explain(lambda x: x * 2.0, np.ones((0, 3)))
    assert found.not_compiled == [] and found.kernels == []
    assert adds_up(found)
    mixed = ad.explain(lambda x: np.sum(x[:0]) + np.sum(np.concatenate([x[3:3], x]) ** 2), X)
    assert mixed.not_compiled == [] and adds_up(mixed)


def test_functions_of_scipy():
    from scipy import special

    found = ad.explain(lambda x: special.jv(1.5, x), X)
    assert found.scipy_calls == ("scipy.special.jv",)
    assert "Functions of SciPy that machine code calls: scipy.special.jv" in str(found)


# --------------------------------------------------------------------------------------- the stages


def test_each_stage_as_text():
    texts = {stage: ad.explain(GRADIENT, 1.0, 0.5, X, Y, stage=stage) for stage in STAGES}
    assert texts["graph"].startswith("loss(") and "variable" in texts["graph"]
    assert "variable" not in texts["optimized"]
    assert "input" in texts["expressions"] and "reduce" in texts["expressions"]
    assert "for i:" in texts["plan"] and "reduce" in texts["plan"]
    assert texts["loops"].startswith("program(") and "for i0 in range" in texts["loops"]
    assert "define i64 @program(ptr %slots)" in texts["llvm"]
    assert "program" in texts["assembly"] and "define" not in texts["assembly"]
    assert all(repr(text) == str(text) for text in texts.values())


def test_a_stage_of_several_segments(stepped):
    text = ad.explain(ad.grad(decomposed), np.ones((4, 3)), np.ones(3), stage="loops")
    native = sum(step.kind == "native" for step in stepped.steps)
    assert text.count("program(") >= min(native, 1)
    if stepped.not_compiled:
        assert "; NumPy: " in text


def test_where_the_code_was_found():
    def f(x):
        return np.sum(np.cosh(x) * 0.12345)

    jitted = ad.jit(f)
    assert ad.explain(jitted, X).found in ("disk", "nowhere")
    assert ad.explain(jitted, X).found == "memory"


# ------------------------------------------------------------------------------------ what comes in


class Scaled:
    rate = 2.0

    @ad.jit
    def value(self, x):
        return self.rate * x


def test_functions_of_all_kinds():
    assert ad.explain(lambda x: x * 2.0, 1.0).arguments == ("x: float",)
    assert ad.explain(ad.jit(np.sin), X).results == ("float64[1000]",)
    assert ad.explain(Scaled().value, 3.0).name == "value"
    power = ad.jit(lambda x, n: x**n, static_argnames="n")
    assert ad.explain(power, X, n=3).arguments == ("x: float64[1000]",)
    given = ad.explain(lambda p: p["a"] * p["b"][1], {"a": 1.0, "b": [2.0, X]})
    assert given.arguments == ("p[0]: float", "p[1]: float", "p[2]: float64[1000]")
    assert ad.explain(lambda x: X * x, 2.0).arguments == ("x: float", "X: float64[1000]")
    assert ad.explain(lambda x: (x, "text", 3.0), 1.0).not_compiled == []


def test_errors():
    with pytest.raises(ValueError, match="stage='kernels'"):
        ad.explain(loss, 1.0, 2.0, X, Y, stage="kernels")
    with pytest.raises(TypeError, match=r"expected: a function"):
        ad.explain(3.0, 1.0)
    with pytest.raises(ad.TracingError, match="outside of all transforms"):
        ad.grad(lambda x: ad.explain(np.sin, x) and x)(1.0)
    with pytest.raises(IndexError):
        ad.explain(lambda x, i: ad.numpy.take(x, i), np.ones(3), np.array([7]))


# --------------------------------------------------------------------------------- what is measured


@pytest.mark.parametrize("call", [(GRADIENT, (1.0, 0.5, X, Y)), (ad.jit(np.cumsum), (X,))])
def test_the_program_with_clocks_computes_the_same(call):
    jitted, args = call
    recorded = Recorded(jitted.fallback.__self__, args, {})
    executable = Executable(recorded.function)
    stages = Stages(executable.steps[0][0], executable.target)
    kernels, ends = kernels_of(stages)
    assert len(kernels) == len(ends) > 0
    timed = TimedNative(stages, ends, keeps=True)
    inputs = recorded.program.inputs(recorded.leaves)
    for found, wanted in zip(timed(inputs), executable.whole(inputs), strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert (np.diff(timed.ticks) >= 0).all() and timed.ticks[0] > 0


def test_an_out_of_range_index_or_no_counter_is_said(monkeypatch):
    found = ad.explain(lambda x: ad.numpy.take(x, np.array([1, 2])), X)
    assert found.note == "" and found.kernels[0].seconds is not None
    monkeypatch.setattr("adjoint.front.explain.measure", lambda *_: "no counter")
    found = ad.explain(loss, 1.0, 0.5, X, Y)
    assert found.note == "not measured: no counter" and found.call_seconds is None
    assert "Kernels: not measured: no counter" in str(found)
    assert found.kernels[0].share is None and found.kernels[0].bandwidth is None


@pytest.mark.parametrize(
    "transformed",
    [
        lambda f: ad.grad(ad.jit(f)),
        lambda f: ad.hessian(f),
        lambda f: lambda x: ad.jvp(ad.jit(f), (x,), (x,))[1],
        lambda f: lambda x: ad.linearize(f, x)[1](x),
        lambda f: ad.vmap(ad.grad(lambda row: f(row * np.ones(2)))),
    ],
)
def test_derivatives_are_told_by_the_lines_of_the_function(transformed):
    def curve(x):
        bent = np.sin(x) * x
        return np.sum(np.where(bent > 0, bent, np.exp(bent)))

    found = ad.explain(transformed(curve), np.linspace(-3.0, 3.0, 20))
    lines = {text.split(": ", 1)[1] for k in found.kernels for text in k.lines}
    assert {"bent = np.sin(x) * x"} < lines
    assert "return np.sum(np.where(bent > 0, bent, np.exp(bent)))" in lines


# ------------------------------------------------------------------------------- loops and memory


def test_loops_and_their_memory():
    x, w = np.linspace(-1.0, 1.0, 250), np.linspace(0.1, 0.9, 250)

    def loss(x, w):
        body = lambda i, c: c + 1e-3 * np.cos(c * w)
        return np.sum(ad.fori_loop(0, 20_000, body, x) ** 2)

    free = ad.explain(ad.grad(loss), x, w)
    kept = ad.explain(ad.grad(loss, memory_limit="5 MB"), x, w)
    assert not free.not_compiled and not kept.not_compiled
    assert [s.kind for s in free.steps].count("loop") == 2
    assert "a loop of 20,000 steps; " in str(free) and "from the last to the first" in str(free)
    history = 20_000 * 250 * 8
    assert history < free.peak_bytes < 1.1 * history
    assert kept.peak_bytes < 5e6
    if free.measured_bytes is not None:  # Linux
        assert 0.8 * history < free.measured_bytes < 1.5 * history
        assert kept.measured_bytes < 5e6
    assert "Peak of a call: 40" in str(free) and " predicted, " in str(free)
    text = str(ad.explain(ad.grad(loss), x, w, stage="loops"))
    assert text.count("; 20000 steps of") == 2


def test_why_a_loop_is_not_compiled():
    def loss(x):
        def body(i, c):
            return ad.numpy.linalg.norm(ad.numpy.fft.fft(c).real) * c

        return np.sum(ad.fori_loop(0, 3, body, x))

    found = ad.explain(loss, np.ones(4))
    (reason,) = {n.reason for n in found.not_compiled if n.operation == "scan"}
    assert reason.startswith("fft in its body: ")
