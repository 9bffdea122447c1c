"""`jvp` with a direction of another structure."""

import pytest

import adjoint as ad


def model(p):
    return p["a"] * p["b"]


def test_the_message():
    with pytest.raises(TypeError) as caught:
        ad.jvp(model, ({"a": 1.0, "b": 2.0},), ({"a": 1.0},))
    assert str(caught.value) == (
        "the tangents given to jvp came with the structure ({'a': *},).\n"
        "  expected: the structure ({'a': *, 'b': *},)\n"
        '  at test_tangent_structure.py:14: ad.jvp(model, ({"a": 1.0, "b": 2.0},), ({"a": 1.0},))\n'
        "  write instead: a container with the same keys and lengths"
    )
