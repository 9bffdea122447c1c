"""Read a data set of NIST's Statistical Reference Datasets (nonlinear regression).

In: the text of the file as NIST publishes it (comment lines that start with `#` may come first).
Out: a `Dataset` with the data, both starting points and the certified figures. Parsing goes by the
headings of the file, not by its line numbers.
"""

from __future__ import annotations

import importlib.resources
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NUMBER = r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?"
_PARAMETER = re.compile(rf"^\s*(b\d+)\s*=((?:\s+{_NUMBER}){{4}})\s*$")
_ROW = re.compile(rf"^\s*({_NUMBER})\s+({_NUMBER})\s*$")


@dataclass(frozen=True)
class Dataset:
    """One data set with what NIST certifies about its least squares fit (figures of 11 digits)."""

    name: str
    source: str
    reference: str
    formula: str
    parameters: tuple[str, ...]
    starts: tuple[Array, Array]
    certified: Array
    certified_deviation: Array
    residual_sum_of_squares: float
    residual_deviation: float
    degrees_of_freedom: int
    x: Array
    y: Array


def parse(text: str) -> Dataset:
    """Parse the text of one file; raises ValueError where it is not of NIST's form."""
    lines = text.splitlines()
    comments = [line for line in lines if line.startswith("#")]
    lines = [line for line in lines if not line.startswith("#")]

    rows = [match for match in map(_PARAMETER.match, lines) if match]
    table = np.array([[float(word) for word in row[2].split()] for row in rows])
    if table.ndim != 2:
        raise ValueError("no line of the form 'b1 = start start value deviation' in the data file")

    headings = [i for i, line in enumerate(lines) if re.match(r"Data:\s+y\s+x\s*$", line)]
    if not headings:
        raise ValueError("no heading 'Data:  y  x' in the data file")
    data = [match for match in map(_ROW.match, lines[headings[0] + 1 :]) if match]
    dataset = Dataset(
        name=_after(lines, "Dataset Name:").split()[0],
        source=next(word for line in comments for word in line.split() if "://" in word),
        reference=_paragraph(lines, "Reference:"),
        formula=re.sub(r"^.*?(?=y = )|\s+\+ e$", "", _paragraph(lines, "Model:")),
        parameters=tuple(row[1] for row in rows),
        starts=(table[:, 0], table[:, 1]),
        certified=table[:, 2],
        certified_deviation=table[:, 3],
        residual_sum_of_squares=float(_after(lines, "Residual Sum of Squares:")),
        residual_deviation=float(_after(lines, "Residual Standard Deviation:")),
        degrees_of_freedom=int(_after(lines, "Degrees of Freedom:")),
        x=np.array([float(row[2]) for row in data]),
        y=np.array([float(row[1]) for row in data]),
    )
    announced = int(_after(lines, "Number of Observations:"))
    if len(data) != announced:
        raise ValueError(f"the data file announces {announced} observations and holds {len(data)}")
    return dataset


def thurber() -> Dataset:
    """Return the set that ships with the package: electron mobility, 37 observations."""
    return parse(importlib.resources.files(__package__).joinpath("thurber.dat").read_text("ascii"))


def _after(lines: list[str], label: str) -> str:
    for line in lines:
        if line.startswith(label):
            return line[len(label) :].strip()
    raise ValueError(f"no line starts with {label!r} in the data file")


def _paragraph(lines: list[str], label: str) -> str:
    """Join the indented lines of the paragraph that `label` opens, across the blank lines in it."""
    start = next(i for i, line in enumerate(lines) if line.startswith(label))
    words = lines[start][len(label) :].split()
    for line in lines[start + 1 :]:
        if line and (not line.startswith(" " * 15)):
            break
        words += line.split()
    return " ".join(words)
