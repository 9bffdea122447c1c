"""`vmap` over a number."""

import numpy as np
import pytest

import adjoint as ad


def model(x, y):
    return x * y


def test_the_message():
    with pytest.raises(ValueError) as caught:
        ad.vmap(model)(np.ones(3), 2.0)
    assert str(caught.value) == (
        "vmap was to map axis 0 of float64.\n"
        "  expected: an argument with that axis\n"
        "  at test_vmap_scalar.py:15: ad.vmap(model)(np.ones(3), 2.0)\n"
        "  write instead: `in_axes=None` for an argument that all rows share"
    )
