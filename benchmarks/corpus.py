"""How many plain NumPy programs does each library differentiate, as people write them?

    python benchmarks/corpus.py --python /path/to/python-with-all-libraries

The programs are those of `tests/corpus/`: functions of a first argument, an array or a number, with
loops, branches, classes, assignments in place and what else people write. One counts where the
gradient is that of extrapolated differences, to 1e-7 of its largest entry, along some axes and two
oblique directions. A difference whose own error, as estimated, is above 1e-8 of that entry tells
nothing; at least one must tell something. Columns:

- adjoint, `uncompiled`: `ad.grad(f)(*arguments)`; `jit`: `ad.jit(ad.grad(f))`, called twice, as the
  second call is the native one, and both results are judged.
- Each peer, `as it stands`: its own arrays (float64; autograd takes NumPy's) go into the plain
  function as first argument: `jax.grad(f)`, `f(x, ...).backward()` of PyTorch, `autograd.grad(f)`.
- Each peer, `np rebound`: the modules are loaded again; then every name in them that is bound to
  NumPy is rebound to `jax.numpy`, `torch` or `autograd.numpy`, as is each name imported from NumPy
  that the library has too. The other arguments' arrays become the library's where it is JAX or
  PyTorch. Nothing else changes: neither `math` nor SciPy, nor what a module computes when loaded.

JAX computes in double precision, and float64 is PyTorch's default dtype. The programs run in a
child process, one for each column; a crash, or no result within `--limit` seconds, is a failure of
that program, and a new child goes on behind it.
"""

import argparse
import json
import math
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from programs.record import OURS, absent

TESTS = Path(__file__).resolve().parent.parent / "tests"
TOLERANCE = 1e-7  # of the gradient's largest entry
TRUSTED = 1e-8  # the same for the differences' own error
AXES = 8  # at most, beside the oblique directions
START = 120  # seconds that a child may take to load a library


class Column(NamedTuple):
    """A library, and how it is given the programs."""

    library: str
    form: str

    def __str__(self) -> str:
        return f"{self.library}, {self.form}"


PLAIN, REBOUND = "as it stands", "np rebound"
PEERS = ("jax", "torch", "autograd")
COLUMNS = [
    Column(OURS, "uncompiled"),
    Column(OURS, "jit"),
    *(Column(peer, form) for peer in PEERS for form in (PLAIN, REBOUND)),
]
DIFFERENCES = Column("numpy", "differences")  # of the plain functions: what the others are held to


# ---------------------------------------------------------------- the child: programs


def programs(column: Column) -> dict:
    """What is to be differentiated, by name: entries of the corpus."""
    # Not on the path for longer than needed: this script's own folder has a `corpus` too.
    sys.path.insert(0, str(TESTS))
    try:
        import corpus_checks

        found = corpus_checks.entries()
    finally:
        sys.path.remove(str(TESTS))
    if column.form == REBOUND:
        modules = dict.fromkeys(entry.name.partition(".")[0] for entry in found)
        found = [
            corpus_checks.Entry(f"{module}.{function.__name__}", function, arguments)
            for module in modules
            for function, arguments in rebound(module, numpy_of(column.library)).PROGRAMS
        ]
    return {entry.name: entry for entry in found}


def numpy_of(library: str):
    """The library's likeness of NumPy."""
    import importlib

    return importlib.import_module(library if library == "torch" else f"{library}.numpy")


def rebound(name: str, likeness):
    """A module of the corpus, loaded apart, whose names bound to NumPy are bound to another."""
    import ast
    import importlib.util

    import numpy

    path = TESTS / "corpus" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"rebound_{name}", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names = vars(module)
    names.update({key: likeness for key, value in names.items() if value is numpy})
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(statement, ast.ImportFrom) or statement.level:
            continue
        top, *inner = statement.module.split(".")
        for alias in statement.names if top == "numpy" else ():
            found = likeness
            for part in (*inner, alias.name):
                found = getattr(found, part, None)
            if found is not None:
                names[alias.asname or alias.name] = found
    return module


# ---------------------------------------------------------------- the child: gradients


def ours(column: Column) -> Callable:
    """adjoint's gradients of a function at some arguments."""
    import copy

    import adjoint as ad

    def uncompiled(function, *arguments):
        return [ad.grad(function)(*arguments)]

    def jitted(function, *arguments):
        gradient = ad.jit(ad.grad(function))
        return [gradient(*copy.deepcopy(arguments)) for _ in range(2)]

    return jitted if column.form == "jit" else uncompiled


def jax(column: Column) -> Callable:
    """JAX's."""
    import jax

    jax.config.update("jax_enable_x64", True)

    def gradients(function, x, *others):
        if column.form == REBOUND:
            others = converted(others, jax.numpy.asarray)
        return [jax.grad(function)(jax.numpy.asarray(x), *others)]

    return gradients


def torch(column: Column) -> Callable:
    """PyTorch's."""
    import torch

    torch.set_default_dtype(torch.float64)

    def gradients(function, x, *others):
        if column.form == REBOUND:
            others = converted(others, torch.as_tensor)
        x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        function(x, *others).backward()
        if x.grad is None:
            raise ValueError("no gradient has reached the argument")
        return [x.grad]

    return gradients


def autograd(column: Column) -> Callable:
    """autograd's."""
    import autograd

    return lambda function, *arguments: [autograd.grad(function)(*arguments)]


def converted(value, convert: Callable):
    """An argument whose arrays of numbers, those in containers too, are the library's."""
    import numpy as np

    if isinstance(value, np.ndarray):
        return convert(value) if value.dtype.kind in "biufc" else value
    if type(value) in (list, tuple):
        return type(value)(converted(part, convert) for part in value)
    if type(value) is dict:
        return {key: converted(part, convert) for key, part in value.items()}
    return value


def differences(entry) -> dict:
    """Directions with the derivative along each, and the estimate of its error."""
    from corpus_checks import along, directions

    return {
        "checks": [
            (direction.ravel().tolist(), *along(entry, direction))
            for direction in directions(entry.arguments[0], AXES)
        ]
    }


def found(gradients: Callable, entry) -> dict:
    """The gradients of a program, or why there are none."""
    import copy

    import numpy as np

    function, arguments = entry.function, copy.deepcopy(entry.arguments)
    try:
        answers = [np.asarray(each, float) for each in gradients(function, *arguments)]
    except (Exception, SystemExit) as error:
        first = (str(error).strip().splitlines() or [""])[0]
        return {"error": f"{type(error).__name__}: {first}"}
    shape = np.shape(entry.arguments[0])
    if wrong := [each.shape for each in answers if each.shape != shape]:
        return {"error": f"a gradient of shape {wrong[0]}, not {shape}"}
    return {"gradients": [each.ravel().tolist() for each in answers]}


def work(library: str, form: str) -> None:
    """Answer the parent: first with the programs' names, then a line of JSON for each name."""
    import os
    import warnings

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a program prints
    warnings.simplefilter("ignore")

    def answer(what: dict) -> None:
        print(json.dumps(what), file=answers, flush=True)

    column = Column(library, form)
    if reason := absent(library):
        return answer({"absent": reason})
    if column == DIFFERENCES:
        act = differences
    else:
        build = {OURS: ours, "jax": jax, "torch": torch, "autograd": autograd}[library]
        gradients = build(column)
        act = lambda entry: found(gradients, entry)
    entries = programs(column)
    answer({"programs": list(entries)})
    for name in sys.stdin:
        answer(act(entries[name.strip()]))


# ---------------------------------------------------------------- the parent


class Child:
    """A process that goes through the programs of one column; `hello` is its first answer."""

    def __init__(self, options: argparse.Namespace, column: Column):
        self.errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115, closed below
        self.process = subprocess.Popen(
            [options.python, __file__, "--worker", *column],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        self.hello = self.read(max(START, options.limit))
        if "error" in self.hello:
            self.errors.seek(0)
            lines = self.errors.read().strip().splitlines()
            self.hello = {"absent": lines[-1] if lines else self.hello["error"]}

    def read(self, limit: float) -> dict:
        """The next answer. Where none comes the process has ended, and the answer says how."""
        begin = time.monotonic()
        clock = threading.Timer(limit, self.process.kill)
        clock.start()
        line = self.process.stdout.readline()
        if line.endswith("\n"):
            clock.cancel()
            return json.loads(line)
        status = self.process.wait()
        clock.cancel()
        if time.monotonic() - begin >= limit:
            return {"error": f"no result within {limit:g} s"}
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        return {"error": f"the process ended: {how}"}

    def ask(self, name: str, limit: float) -> dict:
        """What the child says of a program."""
        try:
            self.process.stdin.write(name + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # `read` tells why
        return self.read(limit)

    def ended(self) -> bool:
        """Whether the process can be asked no more."""
        return self.process.poll() is not None

    def close(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.errors.close()


def answers(
    options: argparse.Namespace, column: Column, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, dict]]:
    """The programs' names, each with the answer of a child; only ("", why) without the library."""
    child = Child(options, column)
    try:
        if "absent" in child.hello:
            yield "", child.hello
            return
        for name in filter(wanted, child.hello["programs"]):
            if child.ended():
                child.close()
                child = Child(options, column)
            said = child.ask(name, options.limit) if "programs" in child.hello else child.hello
            yield name, said
    finally:
        child.close()


def fault(answer: dict, checks: list) -> str:
    """What is wrong with an answer; empty where its gradients are those of the differences."""
    if "gradients" not in answer:
        return answer.get("error") or answer["absent"]
    for gradient in answer["gradients"]:
        if not all(map(math.isfinite, gradient)):
            return "the gradient is not finite"
        largest, trusted = max(map(abs, gradient), default=0.0), 0
        for direction, wanted, error in checks:
            size = max(largest, abs(wanted))
            if not error <= TRUSTED * size:
                continue
            trusted += 1
            along = math.fsum(g * d for g, d in zip(gradient, direction, strict=True))
            if not abs(along - wanted) <= TOLERANCE * size:
                return f"{along:.10g} along a direction, where differences give {wanted:.10g}"
        if not trusted:
            return "no difference of the program can be trusted"
    return ""


def table(programs: list[str], results: dict[Column, set[str]]) -> None:
    """Print how many programs of each module, and of all, each column has differentiated."""
    modules = {}
    for name in programs:
        modules.setdefault(name.partition(".")[0], []).append(name)
    width = max(map(len, [*modules, "total"]))

    def line(head: str, cells) -> None:
        padded = (
            str(cell).rjust(2 + max(len(c.form), len(c.library)))
            for c, cell in zip(results, cells, strict=True)
        )
        print(head.ljust(width) + "".join(padded))

    line("", [column.library for column in results])
    line("module", [column.form for column in results])
    for head, names in [*modules.items(), ("total", programs)]:
        line(head, [f"{len(good.intersection(names))}/{len(names)}" for good in results.values()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="interpreter with the libraries")
    parser.add_argument("--only", default="", help="take the programs whose name contains this")
    parser.add_argument("--libraries", default=",".join((OURS, *PEERS)), help="those to count for")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one program")
    parser.add_argument("--verbose", action="store_true", help="a line for each failure")
    parser.add_argument("--worker", nargs=2, metavar=("LIBRARY", "FORM"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(*options.worker)
    libraries = options.libraries.split(",")
    if unknown := set(libraries) - {OURS, *PEERS}:
        parser.error(f"unknown libraries: {', '.join(sorted(unknown))}")

    checks = {}
    for name, answer in answers(options, DIFFERENCES, lambda name: options.only in name):
        if "checks" in answer:
            checks[name] = answer["checks"]
        elif not name:
            sys.exit(f"the corpus cannot be loaded: {answer['absent']}")
        else:
            print(f"left out, as it has no differences: {name}: {answer['error']}", flush=True)
    if not checks:
        sys.exit(f"no program's name contains {options.only!r}")

    results: dict[Column, set[str]] = {}
    for column in (c for c in COLUMNS if c.library in libraries):
        begin = time.monotonic()
        good, judged = set(), True
        for name, answer in answers(options, column, checks.__contains__):
            if not name:
                judged = False
                print(f"{column}: left out: {answer['absent']}", flush=True)
            elif not (wrong := fault(answer, checks[name])):
                good.add(name)
            elif options.verbose:
                print(f"{column}: {name}: {wrong}", flush=True)
        if judged:
            results[column] = good
            taken = time.monotonic() - begin
            print(f"{column}: {len(good)} of {len(checks)}, {taken:.0f} s", flush=True)
    if not results:
        sys.exit("none of the libraries is installed")
    print()
    table(list(checks), results)


if __name__ == "__main__":
    main()
