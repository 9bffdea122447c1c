"""Nested containers, over `optree`: lists, tuples, named tuples, dicts, dataclasses, None as an
empty container.

Enters: a container.  Leaves: its leaves in a fixed order and a structure that puts leaves back.
Dataclasses are registered when they are first met.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import optree

from .errors import message

NAMESPACE = "adjoint"
Structure = optree.PyTreeSpec


def register(kind: type) -> None:
    """Make a dataclass a container: its fields are its children, but for those with
    `metadata={"static": True}`."""
    fields = [f.name for f in dataclasses.fields(kind) if f.init and not f.metadata.get("static")]
    static = [f.name for f in dataclasses.fields(kind) if f.init and f.metadata.get("static")]

    def flatten_one(value: Any) -> tuple:
        children = tuple(getattr(value, name) for name in fields)
        return children, tuple(getattr(value, name) for name in static), tuple(fields)

    def unflatten_one(kept: Any, children: Any) -> Any:
        return kind(
            **dict(zip(fields, children, strict=True)), **dict(zip(static, kept, strict=True))
        )

    try:
        optree.register_pytree_node(kind, flatten_one, unflatten_one, namespace=NAMESPACE)
    except ValueError:
        pass  # another thread was first


def flatten(value: Any) -> tuple[list[Any], Structure]:
    """The leaves of a container and its structure."""
    while True:
        leaves, structure = optree.tree_flatten(value, namespace=NAMESPACE)
        fresh = {type(x) for x in leaves if hasattr(type(x), "__dataclass_fields__")}
        if not fresh:
            return leaves, structure
        for kind in fresh:
            register(kind)


def is_leaf(value: Any) -> bool:
    """Whether a value is no container."""
    leaves, _ = flatten(value)
    return len(leaves) == 1 and leaves[0] is value


def unflatten(structure: Structure, leaves: Any) -> Any:
    """The container of a structure with these leaves."""
    return optree.tree_unflatten(structure, leaves)


def map_leaves(function: Callable, value: Any) -> Any:
    """The container with every leaf replaced by the function of it."""
    leaves, structure = flatten(value)
    return unflatten(structure, [function(leaf) for leaf in leaves])


def flatten_like(structure: Structure, value: Any, what: str) -> list[Any]:
    """The leaves of a value that must have a given structure; `what` names it in the error."""
    leaves, found = flatten(value)
    if found != structure:
        text = message(
            f"{what} came with the structure {show(found)}",
            expected=f"the structure {show(structure)}",
            instead="a container with the same keys and lengths",
        )
        raise TypeError(text)
    return leaves


def flatten_prefix(prefix: Any, value: Any, what: str) -> list[Any]:
    """The leaves of a prefix container, each repeated for all leaves of the value below it (None is
    a leaf)."""
    leaves, structure = flatten(value)
    if prefix is None or isinstance(prefix, int):
        return [prefix] * len(leaves)
    if isinstance(prefix, list) and isinstance(value, tuple):
        prefix = tuple(prefix)
    try:
        found = optree.broadcast_prefix(prefix, value, none_is_leaf=True, namespace=NAMESPACE)
        places = optree.tree_leaves(value, none_is_leaf=True, namespace=NAMESPACE)
        return [x for x, leaf in zip(found, places, strict=True) if leaf is not None]
    except ValueError:
        text = message(
            f"{what}={prefix!r} does not fit the structure {show(structure)}",
            expected="a number or None for all of it, or a container with one entry for each part",
            instead="an entry for each argument, such as `(0, None)`; None where all rows share",
        )
        raise ValueError(text) from None


def paths(value: Any) -> list[str]:
    """The way to each leaf, as in Python: `[0]['weights']`, `.rate` where leaves have names."""
    flatten(value)
    return [way.codify("") for way in optree.tree_accessors(value, namespace=NAMESPACE)]


def show(structure: Structure) -> str:
    """A structure as a person reads it: `(*, {'a': *})`."""
    return (
        str(structure)
        .removeprefix("PyTreeSpec(")
        .removesuffix(f", namespace='{NAMESPACE}')")
        .removesuffix(")")
    )
