"""The colours of pictures, on light and on dark ground.

Enters: the kind of a box, or the role of a line.  Leaves: fill and stroke of a box, the colour of
anything else.
"""

from __future__ import annotations

LIGHT: dict[str, tuple[str, str]] = {
    "input": ("#e2f2e6", "#79ad86"),
    "operation": ("#eef1f6", "#a9b3c4"),
    "output": ("#fdecd2", "#d6a157"),
    "fold": ("#ece8f7", "#a397cb"),
    "kernel": ("#e4f0f8", "#84aac6"),
    "text": ("#1b2430", ""),
    "note": ("#5b6675", ""),
    "tangent": ("#0b63ad", ""),
    "adjoint": ("#b3261e", ""),
    "edge": ("#8a94a3", ""),
    "active": ("", "#1b2430"),
    "ground": ("#ffffff", ""),
}
DARK: dict[str, tuple[str, str]] = {
    "input": ("#1c3325", "#4f8060"),
    "operation": ("#262d38", "#56627a"),
    "output": ("#3d2f18", "#96713a"),
    "fold": ("#2c2742", "#6c6199"),
    "kernel": ("#1d2f3c", "#4d7791"),
    "text": ("#e8ebf0", ""),
    "note": ("#a3adba", ""),
    "tangent": ("#7fc4ff", ""),
    "adjoint": ("#ff948a", ""),
    "edge": ("#7d8899", ""),
    "active": ("", "#e8ebf0"),
}


def colour_of(role: str) -> str:
    """The key of a line's colour."""
    return role if role in ("note", "tangent", "adjoint") else "text"
