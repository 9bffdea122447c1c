"""The command line: `python -m adjoint tour [--output DIR]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .tour import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; anything else prints the usage and exits with 2."""
    parser = argparse.ArgumentParser(
        prog="python -m adjoint", description="Exact derivatives of plain NumPy code."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    tour = commands.add_parser("tour", help="derivatives and a fit of real data, in seconds")
    tour.add_argument(
        "--output",
        default="adjoint-tour",
        metavar="DIR",
        help="where pictures and files go (default: ./adjoint-tour)",
    )
    parsed = parser.parse_args(arguments)
    return run(parsed.output)


if __name__ == "__main__":
    sys.exit(main())
