"""`in_axes` that does not fit the arguments."""

import numpy as np
import pytest

import adjoint as ad


def model(x, y):
    return x * y


def test_the_message():
    with pytest.raises(ValueError) as caught:
        ad.vmap(model, in_axes=(0,))(np.ones(3), np.ones(3))
    assert str(caught.value) == (
        "vmap's in_axes=(0,) does not fit the structure (*, *).\n"
        "  expected: a number or None for all of it, or a container with one entry for each part\n"
        "  at test_in_axes_structure.py:15: ad.vmap(model, in_axes=(0,))(np.ones(3), np.ones(3))\n"
        "  write instead: an entry for each argument, such as `(0, None)`; None where all rows share"
    )
