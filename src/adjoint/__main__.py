"""The command line as a module: `python -m adjoint tour`, and the other commands of `cli`."""

from __future__ import annotations

import sys

from .cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
